/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands on the PC's buses, and the keys and files that firmware reads of it.
 */
#include "hw/i386/pc.h"

#include "block/block.h"
#include "hw/audio/pcspk.h"
#include "hw/core/bootindex.h"
#include "hw/core/firmware.h"
#include "hw/i386/boot.h"
#include "hw/i386/piix4_pm.h"
#include "hw/ide/piix_ide.h"
#include "hw/input/i8042.h"
#include "hw/misc/fw_cfg.h"
#include "hw/misc/port92.h"
#include "hw/timer/hpet.h"
#include "hw/timer/mc146818rtc.h"
#include "util/bytes.h"
#include <string.h>

enum {
    VGA_SLOT = 2,
    IDE_FUNCTION = 1, /* of slot 1 */
    RTC_IRQ = 8,
    E820_BYTES = 20, /* of an entry in the firmware's file */
    SERIAL_CONSOLE_PORT = 0x3f8,
    SPLASH_MAX = 16 * 1024 * 1024,
};

#define HPET_ROUTES_USED 0x00f00000u /* I/O APIC inputs 20 to 23: nobody else's */

/* ---- devices ---- */

bool pc_init_hpet(struct pc_machine *pc, GError **error)
{
    struct machine *m = &pc->m;

    pc->pit_out = &pc->gsi[0];
    pc->rtc_out = &pc->gsi[RTC_IRQ];
    if (!pc->hpet) {
        return true;
    }
    pc->hpet_chip = hpet_create(m, &m->memory_root, HPET_DEFAULT_BASE, HPET_ROUTES_USED, error);
    if (!pc->hpet_chip) {
        return false;
    }
    for (unsigned n = 0; n < PC_GSIS; n++) {
        if (HPET_ROUTES_USED >> n & 1) {
            hpet_connect_route(pc->hpet_chip, n, &pc->gsi[n]);
        }
    }
    hpet_connect_legacy(pc->hpet_chip, &pc->gsi[0], &pc->gsi[RTC_IRQ]);
    pc->pit_out = hpet_pit_input(pc->hpet_chip);
    pc->rtc_out = hpet_rtc_input(pc->hpet_chip);
    return true;
}

static bool add_ports(struct pc_machine *pc, const char *type, char *const *chardevs,
                      unsigned count, GError **error)
{
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *index = g_strdup_printf("%u", i);

        if (chardevs[i] &&
            !isa_create(pc->isa, type, error, "index", index, "chardev", chardevs[i], NULL)) {
            return false;
        }
    }
    return true;
}

static bool add_drive(struct machine *m, const char *options, GError **error)
{
    return drive_new(m->blocks, options, DRIVE_IF_IDE, error) != NULL;
}

/* An empty floppy and an empty CD drive, where the user has put nothing. */
static bool add_default_drives(struct machine *m, GError **error)
{
    if (!m->no_default_floppy && !drive_at(m->blocks, DRIVE_IF_FLOPPY, 0, 0) &&
        !add_drive(m, "if=floppy,index=0", error)) {
        return false;
    }
    return m->no_default_cdrom || drive_at(m->blocks, DRIVE_IF_IDE, 1, 0) ||
           add_drive(m, "if=ide,index=2,media=cdrom", error);
}

static bool add_fdc(struct pc_machine *pc, GError **error)
{
    static const char *const keys[] = {"driveA", "driveB"};
    struct device *dev = device_new(&pc->m, "isa-fdc", error);

    if (!dev) {
        return false;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        struct drive *d = pc->m.blocks ? drive_at(pc->m.blocks, DRIVE_IF_FLOPPY, 0, (int)i) : NULL;

        if (d && !device_set(dev, keys[i], d->id, error)) {
            goto free_device;
        }
    }
    if (device_realize(dev, &pc->isa->bus, error)) {
        pc->fdc = dev;
        return true;
    }

free_device:
    device_free(dev);
    return false;
}

static bool add_ide(struct pc_machine *pc, GError **error)
{
    struct pci_device *ide =
        pci_create(pc->pci, PCI_DEVFN(1, IDE_FUNCTION), "piix3-ide", error, NULL);

    if (!ide) {
        return false;
    }
    pc->ide = ide;
    for (unsigned i = 0; i < 2; i++) {
        piix_ide_connect(ide, i, &pc->gsi[14 + i]);
        if (pc->m.blocks && !ide_create_drives(&pc->m, piix_ide_channel(ide, i), (int)i, error)) {
            return false;
        }
    }
    return true;
}

static bool add_board_chips(struct pc_machine *pc, GError **error)
{
    pc->rtc = mc146818_create(pc->isa, pc->rtc_out, NULL, error);
    if (!pc->rtc || !pcspk_create(pc->isa, pc->pit, error) ||
        !isa_create(pc->isa, "i8257", error, NULL)) {
        return false;
    }
    pc->i8042 = isa_create(pc->isa, "i8042", error, NULL);
    pc->port92 = pc->i8042 ? isa_create(pc->isa, "port92", error, NULL) : NULL;
    if (!pc->port92) {
        return false;
    }
    i8042_connect_a20(pc->i8042, &pc->a20);
    port92_connect_a20(pc->port92, &pc->a20);
    return true;
}

bool pc_init_devices(struct pc_machine *pc, GError **error)
{
    struct machine *m = &pc->m;

    if (!add_board_chips(pc, error) || (m->blocks && !add_default_drives(m, error)) ||
        !add_fdc(pc, error) || !add_ide(pc, error)) {
        return false;
    }
    if (!m->no_default_vga && !pci_create(pc->pci, PCI_DEVFN(VGA_SLOT, 0), "VGA", error, NULL)) {
        return false;
    }
    return add_ports(pc, "isa-serial", m->serial_chardevs, ARRAY_SIZE(m->serial_chardevs), error) &&
           add_ports(pc, "isa-parallel", m->parallel_chardevs, ARRAY_SIZE(m->parallel_chardevs),
                     error);
}

/* ---- keys and files for firmware ---- */

static bool add_e820(struct pc_machine *pc, GError **error)
{
    struct e820_entry e[PC_E820_MAX];
    uint8_t bytes[PC_E820_MAX * E820_BYTES];
    unsigned n = pc_e820(pc, e);

    for (unsigned i = 0; i < n; i++) {
        store_le64(bytes + i * E820_BYTES, e[i].start);
        store_le64(bytes + i * E820_BYTES + 8, e[i].len);
        store_le32(bytes + i * E820_BYTES + 16, e[i].type);
    }
    return fw_cfg_add_file(&pc->m, "etc/e820", bytes, n * E820_BYTES, error);
}

/* One byte for each of S0 to S5: bit 7 means that there is one, the rest is its sleep type. */
static bool add_sleep_states(struct pc_machine *pc, GError **error)
{
    uint8_t states[6] = {0x80, 0, 0, 0, 0, 0x80};

    if (pc->pm) {
        const struct piix4_pm_info info = piix4_pm_get_info(pc->pm);

        states[3] = info.s3 ? 0x80 | PIIX4_SLEEP_S3 : 0;
        states[4] = info.s4 ? 0x80 | info.s4_type : 0;
    }
    return fw_cfg_add_file(&pc->m, "etc/system-states", states, sizeof(states), error);
}

static bool add_splash(struct machine *m, GError **error)
{
    const char *name = "bootsplash.jpg";
    g_autofree uint8_t *data = NULL;
    size_t len;

    if (!m->boot.splash) {
        return true;
    }
    if (!firmware_load(m, m->boot.splash, SPLASH_MAX, &data, &len, error)) {
        g_prefix_error(error, "-boot splash: ");
        return false;
    }
    if (len > 2 && data[0] == 'B' && data[1] == 'M') {
        name = "bootsplash.bmp";
    } else if (len < 2 || data[0] != 0xff || data[1] != 0xd8) {
        return fail(error, "-boot splash=%s: neither a JPEG nor a BMP file", m->boot.splash);
    }
    return fw_cfg_add_file(m, name, data, len, error);
}

static bool add_boot_options(struct machine *m, GError **error)
{
    const struct boot_config *b = &m->boot;

    fw_cfg_set_u16(m, FW_CFG_BOOT_MENU, b->menu);
    if (b->splash_time_ms >= 0 &&
        !fw_cfg_add_u16(m, "etc/boot-menu-wait", (uint16_t)b->splash_time_ms, error)) {
        return false;
    }
    /* Without it the firmware stops when nothing boots. */
    return fw_cfg_add_u32(m, "etc/boot-fail-wait",
                          b->reboot_timeout_ms < 0 ? UINT32_MAX : (uint32_t)b->reboot_timeout_ms,
                          error) &&
           add_splash(m, error);
}

bool pc_init_fw_cfg(struct pc_machine *pc, GError **error)
{
    struct machine *m = &pc->m;
    uint32_t apic_id_limit = pc_apic_id(pc, m->smp.max_cpus - 1) + 1;

    fw_cfg_set(m, FW_CFG_UUID, m->uuid, sizeof(m->uuid));
    fw_cfg_set_u64(m, FW_CFG_RAM_SIZE, m->ram_bytes);
    fw_cfg_set_u16(m, FW_CFG_NOGRAPHIC, !pc->graphics);
    fw_cfg_set_u16(m, FW_CFG_NB_CPUS, (uint16_t)m->smp.cpus);
    fw_cfg_set_u16(m, FW_CFG_MAX_CPUS, (uint16_t)apic_id_limit);
    fw_cfg_set_u32(m, FW_CFG_IRQ0_OVERRIDE, 1);
    pc_add_cmos(pc);
    if (!pc->graphics && m->serial_chardevs[0] &&
        !fw_cfg_add_u16(m, "etc/sercon-port", SERIAL_CONSOLE_PORT, error)) {
        return false;
    }
    return add_e820(pc, error) && add_sleep_states(pc, error) && add_boot_options(m, error);
}

/* ---- boot order ---- */

static const char *node_name(const struct pci_device *dev)
{
    switch (pci_config_get16(dev, PCI_CLASS_DEVICE)) {
    case PCI_CLASS_STORAGE_IDE >> 8:
        return "ide";
    case PCI_CLASS_STORAGE_SCSI >> 8:
        return "scsi";
    case PCI_CLASS_NETWORK_ETHERNET >> 8:
        return "ethernet";
    case PCI_CLASS_DISPLAY_VGA >> 8:
        return "display";
    case PCI_CLASS_BRIDGE_PCI >> 8:
        return "pci-bridge";
    default:
        return NULL;
    }
}

static void append_pci_path(GString *path, const struct pci_device *dev)
{
    const char *name = node_name(dev);

    if (dev->bus->bridge) {
        append_pci_path(path, dev->bus->bridge);
    } else {
        g_string_append(path, "/pci@i0cf8");
    }
    if (name) {
        g_string_append_printf(path, "/%s@%x", name, PCI_SLOT(dev->devfn));
    } else {
        g_string_append_printf(path, "/pci%x,%x@%x", pci_config_get16(dev, PCI_VENDOR_ID),
                               pci_config_get16(dev, PCI_DEVICE_ID), PCI_SLOT(dev->devfn));
    }
    if (PCI_FUNC(dev->devfn)) {
        g_string_append_printf(path, ",%x", PCI_FUNC(dev->devfn));
    }
}

/* The part of an IDE unit's path behind its controller's; NULL when @dev is not one. */
static char *ide_unit_path(struct device *dev)
{
    const struct ide_channel *ch;

    if (!dev->bus || dev->bus->type != &ide_bus_type) {
        return NULL;
    }
    ch = container_of(dev->bus, struct ide_channel, bus);
    return g_strdup_printf("/drive@%x/disk@%x", ch->index,
                           (void *)ch->units[1] == (void *)dev ? 1 : 0);
}

/* An Open Firmware path: of the nearest device on PCI or ISA, then the entry's own part. */
static void append_boot_path(GString *path, struct pc_machine *pc, const struct boot_entry *e)
{
    struct device *dev = e->dev;
    g_autofree char *unit = dev ? ide_unit_path(dev) : NULL;

    while (dev && dev->bus && dev->bus->type != &pci_bus_type && dev->bus->type != &isa_bus_type) {
        dev = dev->bus->parent;
    }
    if (dev && dev->bus && dev->bus->type == &pci_bus_type) {
        append_pci_path(path, pci_from_dev(dev));
    } else if (dev && dev == pc->fdc) {
        g_string_append(path, "/pci@i0cf8/isa@1/fdc@03f0");
    }
    g_string_append(path, unit ? unit : "");
    g_string_append(path, e->suffix ? e->suffix : "");
}

bool pc_init_bootorder(struct pc_machine *pc, GError **error)
{
    const GPtrArray *list = bootindex_list(&pc->m);
    g_autoptr(GString) text = g_string_new(NULL);

    if (pc->boot_rom) {
        g_string_append(text, "/rom@" LINUXBOOT_ROM_FILE "\n");
    }
    for (guint i = 0; i < list->len; i++) {
        append_boot_path(text, pc, list->pdata[i]);
        g_string_append_c(text, '\n');
    }
    if (pc->m.boot.strict) {
        g_string_append(text, "HALT\n");
    }
    return !text->len || fw_cfg_add_string(&pc->m, "bootorder", text->str, error);
}
