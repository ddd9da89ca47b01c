/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware files: where they are looked for, and blobs that each reset puts back into memory.
 */
#ifndef VITRO_HW_CORE_FIRMWARE_H
#define VITRO_HW_CORE_FIRMWARE_H

#include "hw/core/machine.h"

/*
 * The path of firmware file @name: as it is when it has a slash or names a file here, else in the
 * folders of -L, then in ours and in those where distributions keep firmware. NULL with
 * ERROR_NOT_FOUND when it is nowhere; free with g_free().
 */
char *firmware_find(struct machine *m, const char *name, GError **error);

/* Reads all of firmware file @name, 1 to @max bytes; free *@ret_data with g_free(). */
bool firmware_load(struct machine *m, const char *name, uint64_t max, uint8_t **ret_data,
                   size_t *ret_len, GError **error);

/* Reads a file of the user's: 1 to @max bytes. @what is for the error: "kernel", "initrd". */
bool firmware_read_file(const char *what, const char *path, uint64_t max, uint8_t **ret_data,
                        size_t *ret_len, GError **error);

/* Calls @print with each folder that is searched (-L help). */
void firmware_foreach_dir(struct machine *m, void (*fn)(void *opaque, const char *dir),
                          void *opaque);

/*
 * Copies @len bytes to guest memory at @gpa at each reset, ROM or RAM. Fails when that meets
 * another blob. @data is copied; @name is for errors and info.
 */
bool rom_blob_add(struct machine *m, const char *name, uint64_t gpa, const void *data, size_t len,
                  GError **error);

struct rom_blob {
    char *name;
    uint64_t gpa;
    GBytes *data;
};

#endif
