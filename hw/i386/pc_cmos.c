/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's CMOS contents as a BIOS reads them: memory sizes, drives, boot order, number of CPUs.
 *
 * They are written at each reset: -boot once= holds for the first one only, and the guest may have
 * changed bytes.
 */
#include "hw/i386/pc.h"

#include "hw/block/fdc.h"
#include "hw/ide/piix_ide.h"
#include "hw/timer/mc146818rtc.h"
#include <string.h>

enum {
    CMOS_SHUTDOWN = 0x0f,
    CMOS_FLOPPY = 0x10,
    CMOS_DISKS = 0x12,
    CMOS_EQUIPMENT = 0x14,
    CMOS_BASE_KB = 0x15,
    CMOS_EXTENDED_KB = 0x17,
    CMOS_DISK_TYPE = 0x19,
    CMOS_DISK_C = 0x1b, /* nine bytes per disk */
    CMOS_DISK_D = 0x24,
    CMOS_EXTENDED_KB_2 = 0x30,
    CMOS_ABOVE_16M = 0x34, /* in 64 KiB */
    CMOS_BOOT_2 = 0x38,
    CMOS_TRANSLATION = 0x39,
    CMOS_BOOT_1 = 0x3d,
    CMOS_ABOVE_4G = 0x5b, /* 24 bits, in 64 KiB */
    CMOS_CPUS = 0x5f,
    SHUTDOWN_S3 = 0xfe,
    DISK_USER_TYPE = 47,
    EQUIPMENT_FPU = 1 << 1,
    EQUIPMENT_MOUSE = 1 << 2,
    BOOT_NO_FLOPPY_CHECK = 1, /* do not look for 0x55aa on floppies */
};

static void set16(struct pc_machine *pc, unsigned index, uint64_t val)
{
    mc146818_set_cmos(pc->rtc, index, (uint8_t)val);
    mc146818_set_cmos(pc->rtc, index + 1, (uint8_t)(val >> 8));
}

static void set_memory(struct pc_machine *pc)
{
    uint64_t low = pc->ram_below_4g;
    uint64_t extended_kb = low > MiB ? (low - MiB) / KiB : 0;

    set16(pc, CMOS_BASE_KB, 640);
    set16(pc, CMOS_EXTENDED_KB, MIN(extended_kb, UINT16_MAX));
    set16(pc, CMOS_EXTENDED_KB_2, MIN(extended_kb, UINT16_MAX));
    set16(pc, CMOS_ABOVE_16M, low > 16 * MiB ? (low - 16 * MiB) / (64 * KiB) : 0);
    set16(pc, CMOS_ABOVE_4G, pc->ram_above_4g / (64 * KiB));
    mc146818_set_cmos(pc->rtc, CMOS_ABOVE_4G + 2, (uint8_t)(pc->ram_above_4g / (64 * KiB) >> 16));
}

static void set_floppies(struct pc_machine *pc)
{
    uint8_t a = fdc_cmos_type(pc->fdc, 0), b = fdc_cmos_type(pc->fdc, 1);
    unsigned count = (a != 0) + (b != 0);

    mc146818_set_cmos(pc->rtc, CMOS_FLOPPY, (uint8_t)(a << 4 | b));
    mc146818_set_cmos(
        pc->rtc, CMOS_EQUIPMENT,
        (uint8_t)(EQUIPMENT_FPU | EQUIPMENT_MOUSE | (count ? 1 | (count - 1) << 6 : 0)));
}

static void set_geometry(struct pc_machine *pc, unsigned base, const struct ide_geometry *g)
{
    set16(pc, base, g->cylinders);
    mc146818_set_cmos(pc->rtc, base + 2, g->heads);
    set16(pc, base + 3, UINT16_MAX); /* write precompensation: none */
    mc146818_set_cmos(pc->rtc, base + 5, (uint8_t)(0xc0 | (g->heads > 8 ? 8 : 0)));
    set16(pc, base + 6, g->cylinders);
    mc146818_set_cmos(pc->rtc, base + 8, g->sectors);
}

static void set_disks(struct pc_machine *pc)
{
    static const unsigned bases[] = {CMOS_DISK_C, CMOS_DISK_D};
    unsigned types = 0, translation = 0;

    for (unsigned i = 0; i < 4; i++) {
        struct ide_geometry g;

        if (!ide_unit_geometry(piix_ide_channel(pc->ide, i / 2), i % 2, &g)) {
            continue;
        }
        translation |= (g.translation & 3u) << 2 * i;
        if (i < ARRAY_SIZE(bases)) {
            types |= i ? 0x0f : 0xf0;
            mc146818_set_cmos(pc->rtc, CMOS_DISK_TYPE + i, DISK_USER_TYPE);
            set_geometry(pc, bases[i], &g);
        }
    }
    mc146818_set_cmos(pc->rtc, CMOS_DISKS, (uint8_t)types);
    mc146818_set_cmos(pc->rtc, CMOS_TRANSLATION, (uint8_t)translation);
}

static unsigned boot_code(char letter)
{
    static const char letters[] = "acdn"; /* codes 1 to 4 */
    const char *at = letter ? strchr(letters, letter) : NULL;

    return at ? (unsigned)(at - letters) + 1 : 0;
}

static void set_boot_order(struct pc_machine *pc)
{
    const struct boot_config *b = &pc->m.boot;
    const char *order = pc->m.resets == 0 && *b->once ? b->once : *b->order ? b->order : "cad";
    unsigned codes[3] = {0};

    for (unsigned i = 0; i < ARRAY_SIZE(codes) && order[i]; i++) {
        codes[i] = boot_code(order[i]);
    }
    mc146818_set_cmos(pc->rtc, CMOS_BOOT_1, (uint8_t)(codes[1] << 4 | codes[0]));
    mc146818_set_cmos(pc->rtc, CMOS_BOOT_2, (uint8_t)(codes[2] << 4 | BOOT_NO_FLOPPY_CHECK));
}

static void fill(void *opaque)
{
    struct pc_machine *pc = opaque;

    set_memory(pc);
    set_floppies(pc);
    set_disks(pc);
    set_boot_order(pc);
    mc146818_set_cmos(pc->rtc, CMOS_CPUS, (uint8_t)(pc->m.smp.cpus - 1));
    /* Leaving S3, the BIOS goes to the guest's waking vector. */
    mc146818_set_cmos(pc->rtc, CMOS_SHUTDOWN, pc->m.waking ? SHUTDOWN_S3 : 0);
}

void pc_add_cmos(struct pc_machine *pc)
{
    machine_add_reset(&pc->m, fill, pc);
}
