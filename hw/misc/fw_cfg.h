/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware configuration device: named blobs that firmware and guest kernels read.
 *
 * Functions take the machine; on a machine without the device they succeed and do nothing.
 * Locking: machine lock.
 */
#ifndef VITRO_HW_MISC_FW_CFG_H
#define VITRO_HW_MISC_FW_CFG_H

#include "hw/core/machine.h"

/* Selector keys with a fixed meaning (the interface's specification, "Selector keys"). */
enum fw_cfg_key {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_NUMA = 0x0d,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_ARCH_LOCAL = 0x8000,
    FW_CFG_IRQ0_OVERRIDE = 0x8002,
};

#define FW_CFG_IO_BASE   0x510
#define FW_CFG_IO_SIZE   12
#define FW_CFG_NAME_SIZE 56 /* with the terminating 0 */

/* Makes the device at its ports; m->fw_cfg is set from here on. */
bool fw_cfg_create(struct machine *m, GError **error);

/* Files, copied. @name is unique and shorter than FW_CFG_NAME_SIZE. Integers are little-endian. */
bool fw_cfg_add_file(struct machine *m, const char *name, const void *data, size_t len,
                     GError **error);
bool fw_cfg_add_string(struct machine *m, const char *name, const char *text, GError **error);
bool fw_cfg_add_u16(struct machine *m, const char *name, uint16_t val, GError **error);
bool fw_cfg_add_u32(struct machine *m, const char *name, uint32_t val, GError **error);
bool fw_cfg_add_u64(struct machine *m, const char *name, uint64_t val, GError **error);

/* A file of @len bytes (zeroed) that @fill writes anew each time the guest selects it. */
bool fw_cfg_add_computed(struct machine *m, const char *name, size_t len,
                         void (*fill)(void *opaque, uint8_t *data, size_t len), void *opaque,
                         GError **error);

/* Values of numbered keys, copied; a later one replaces an earlier one. */
void fw_cfg_set(struct machine *m, uint16_t key, const void *data, size_t len);
void fw_cfg_set_u16(struct machine *m, uint16_t key, uint16_t val);
void fw_cfg_set_u32(struct machine *m, uint16_t key, uint32_t val);
void fw_cfg_set_u64(struct machine *m, uint16_t key, uint64_t val);

/* Adds the files of the -fw_cfg options. */
bool fw_cfg_add_options(struct machine *m, GError **error);

/* Contents of file @name as the guest would read it, or NULL; for tests and `info`. */
const uint8_t *fw_cfg_find(struct machine *m, const char *name, size_t *ret_len);

#endif
