/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register banks: a device's registers as a table.
 *
 *     static const struct reg foo_regs[] = {
 *         REG8(0, "CTL", STORE_U8(struct foo, ctl), .writable = 0x13, .stored = ctl_stored),
 *         REG32(4, "COUNT", .read = count_read, .write = count_write),
 *         {0},
 *     };
 *
 * The core splits and joins widths, applies masks, resets stored registers to `.reset`, logs
 * unknown offsets once each and traces accesses by name (-d io). Hooks hold only behaviour and run
 * under the region's lock.
 *
 * A write narrower than a stored register changes only its bytes. A register with a .write hook
 * and no storage gets narrow writes with the other bytes as .read gives them, or 0 without.
 */
#ifndef VITRO_HW_CORE_REG_H
#define VITRO_HW_CORE_REG_H

#include "hw/core/device.h"

struct reg {
    uint32_t offset;
    uint8_t width; /* bytes: 1, 2, 4, 8; 0 ends the table */
    const char *name;
    /* Value: from the field, or from read(). Neither: reads as .reset. */
    size_t field;      /* offset in the device struct + 1; 0 when there is no field */
    uint64_t writable; /* bits of the field that writes change */
    uint64_t w1c;      /* bits that writing 1 clears */
    uint64_t reset;    /* power-on value of the field */
    uint64_t (*read)(struct device *dev);
    /* Gets the whole new value. With a field: instead of storing. */
    void (*write)(struct device *dev, uint64_t val);
    /* After a write changed the field; @old is what it held. */
    void (*stored)(struct device *dev, uint64_t old);
    /* For STATE checks: the field is computed from saved state, not saved. */
    bool derived;
};

#define REG8(off, n, ...)                                                                          \
    {                                                                                              \
        .offset = (off), .width = 1, .name = (n), __VA_ARGS__                                      \
    }
#define REG16(off, n, ...)                                                                         \
    {                                                                                              \
        .offset = (off), .width = 2, .name = (n), __VA_ARGS__                                      \
    }
#define REG32(off, n, ...)                                                                         \
    {                                                                                              \
        .offset = (off), .width = 4, .name = (n), __VA_ARGS__                                      \
    }
#define REG64(off, n, ...)                                                                         \
    {                                                                                              \
        .offset = (off), .width = 8, .name = (n), __VA_ARGS__                                      \
    }

#define REG_FIELD(S, f, T) .field = offsetof(S, f) + 1 + 0 * sizeof(_Generic(((S *)0)->f, T : 0))
#define STORE_U8(S, f)     REG_FIELD(S, f, uint8_t)
#define STORE_U16(S, f)    REG_FIELD(S, f, uint16_t)
#define STORE_U32(S, f)    REG_FIELD(S, f, uint32_t)
#define STORE_U64(S, f)    REG_FIELD(S, f, uint64_t)

struct reg_bank {
    struct region region; /* map this */
    struct device *dev;
    const struct reg *regs;
    uint8_t *unknown_logged; /* bit per offset */
};

/* @size bytes of address space answer; the device's guard protects them. Freed with the device. */
void reg_bank_init(struct reg_bank *bank, struct device *dev, const struct reg *regs,
                   const char *name, uint64_t size);
void reg_bank_fini(struct reg_bank *bank);

/* Stored registers to their reset values. device_reset() calls it for each bank of the device. */
void reg_bank_reset(struct reg_bank *bank);

#endif
