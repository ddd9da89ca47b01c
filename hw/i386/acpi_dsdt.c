/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's DSDT: what an operating system cannot find by itself.
 *
 *   \                 sleep states, _PIC with what it was told (PICF)
 *   \_SB.PCI0         windows of the root bus, interrupt routing, the bridge with ISA devices
 *   \_SB.LNKA-LNKD    PIRQs as link devices, for 8259 mode
 *   \_SB.HPET FWCF    devices outside PCI
 *   \_SB.Cxxx         processors
 *
 * In I/O APIC mode PCI interrupts are 16 to 19, one per PIRQ. ACPI 6.4, chapters 5, 6, 9 and 19.
 */
#include "hw/i386/acpi.h"

#include "hw/acpi/aml.h"
#include "hw/core/device.h"
#include "hw/i386/piix4_pm.h"
#include "hw/misc/fw_cfg.h"
#include <string.h>

enum { PCI_SLOTS = 32, PINS = 4, PIRQS = 4 };

#define HPET_BASE     0xfed00000u
#define HPET_SIZE     0x400u
#define HIGH_WINDOW   (512 * GiB)
#define VGA_WINDOW    0xa0000u
#define VGA_WINDOW_TO 0xbffffu

static void add_sleep_states(struct pc_machine *pc, struct aml *a)
{
    const struct piix4_pm_info pm = piix4_pm_get_info(pc->pm);
    const struct {
        const char *name;
        unsigned type;
        bool on;
    } states[] = {
        /* Waking from S3 needs firmware to jump to the waking vector. */
        {"_S3", PIIX4_SLEEP_S3, pm.s3 && !pc->boot_reset},
        {"_S4", pm.s4_type, pm.s4},
        {"_S5", PIIX4_SLEEP_S5, true},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
        if (!states[i].on) {
            continue;
        }
        aml_name(a, states[i].name);
        aml_package(a, 4);
        aml_int(a, states[i].type);
        aml_int(a, states[i].type);
        aml_int(a, 0);
        aml_int(a, 0);
        aml_end(a);
    }
}

static void add_pic_method(struct aml *a)
{
    aml_name_int(a, "PICF", 0);
    aml_method(a, "_PIC", 1, false);
    aml_op(a, AML_STORE);
    aml_arg(a, 0);
    aml_path(a, "\\PICF");
    aml_end(a);
}

/* ---- the root bus ---- */

static void add_windows(struct pc_machine *pc, struct aml *a)
{
    uint64_t high = align_up(4 * GiB + pc->ram_above_4g, GiB);
    uint64_t limit = 1ULL << MIN(pc_boot_cpu(pc)->x86.cpu->phys_bits, 52);

    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_bus_numbers(a, 0, 0xff);
    aml_res_io(a, 0xcf8, 0xcf8, 1, 8);
    aml_res_io_window(a, 0, 0xcf7);
    aml_res_io_window(a, 0xd00, 0xffff);
    aml_res_memory_window(a, true, VGA_WINDOW, VGA_WINDOW_TO);
    aml_res_memory_window(a, false, pc->ram_below_4g, PC_PCI_HOLE_END - 1);
    if (high < limit) {
        aml_res_memory_window(a, true, high, MIN(limit, high + HIGH_WINDOW) - 1);
    }
    aml_resources_end(a);
}

static char link_letter(unsigned slot, unsigned pin)
{
    return (char)('A' + (slot + pin + PIRQS - 1) % PIRQS);
}

/* All slots and pins; @links: to link devices, else to interrupts of their own. */
static void add_routes(struct aml *a, const char *name, bool links)
{
    aml_name(a, name);
    aml_package(a, PCI_SLOTS * PINS);
    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        for (unsigned pin = 0; pin < PINS; pin++) {
            char letter = link_letter(slot, pin);

            aml_package(a, 4);
            aml_int(a, slot << 16 | 0xffff);
            aml_int(a, pin);
            if (links) {
                const char path[] = {'L', 'N', 'K', letter, 0};

                aml_path(a, path);
                aml_int(a, 0);
            } else {
                aml_int(a, 0);
                aml_int(a, PC_GSI_PIRQS + (unsigned)(letter - 'A'));
            }
            aml_end(a);
        }
    }
    aml_end(a);
}

static void add_routing(struct aml *a)
{
    add_routes(a, "PRTL", true);
    add_routes(a, "PRTA", false);
    aml_method(a, "_PRT", 0, false);
    aml_if(a);
    aml_path(a, "\\PICF");
    aml_op(a, AML_RETURN);
    aml_path(a, "PRTA");
    aml_end(a);
    aml_else(a);
    aml_op(a, AML_RETURN);
    aml_path(a, "PRTL");
    aml_end(a);
    aml_end(a);
}

/* ---- link devices: the PIIX3's PIRQRC registers ---- */

static const uint32_t link_irqs[] = {5, 10, 11};

static void add_link(struct aml *a, unsigned n)
{
    const char name[] = {'L', 'N', 'K', (char)('A' + n), 0};
    const char reg[] = {'P', 'R', 'Q', (char)('A' + n), 0};
    const uint32_t none = 0;

    aml_device(a, name);
    aml_name_eisa_id(a, "_HID", "PNP0C0F");
    aml_name_int(a, "_UID", n);
    aml_name(a, "_PRS");
    aml_resources(a);
    aml_res_interrupts(a, /* active_low= */ true, link_irqs, ARRAY_SIZE(link_irqs));
    aml_resources_end(a);

    aml_method(a, "_STA", 0, false); /* bit 7: routed nowhere */
    aml_if(a);
    aml_op(a, AML_AND);
    aml_path(a, reg);
    aml_int(a, 0x80);
    aml_no_target(a);
    aml_op(a, AML_RETURN);
    aml_int(a, 9);
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_int(a, 0xb);
    aml_end(a);

    aml_method(a, "_DIS", 0, false);
    aml_op(a, AML_STORE);
    aml_int(a, 0x80);
    aml_path(a, reg);
    aml_end(a);

    /* The interrupt number is the descriptor's bytes 5 to 8. */
    aml_method(a, "_CRS", 0, true);
    aml_name(a, "BUF0");
    aml_resources(a);
    aml_res_interrupts(a, /* active_low= */ true, &none, 1);
    aml_resources_end(a);
    aml_op(a, AML_CREATE_DWORD_FIELD);
    aml_path(a, "BUF0");
    aml_int(a, 5);
    aml_path(a, "IRQN");
    aml_if(a);
    aml_op(a, AML_LNOT);
    aml_op(a, AML_AND);
    aml_path(a, reg);
    aml_int(a, 0x80);
    aml_no_target(a);
    aml_op(a, AML_AND);
    aml_path(a, reg);
    aml_int(a, 0xf);
    aml_path(a, "IRQN");
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_path(a, "BUF0");
    aml_end(a);

    aml_method(a, "_SRS", 1, true);
    aml_op(a, AML_CREATE_DWORD_FIELD);
    aml_arg(a, 0);
    aml_int(a, 5);
    aml_path(a, "IRQN");
    aml_op(a, AML_STORE);
    aml_path(a, "IRQN");
    aml_path(a, reg);
    aml_end(a);
    aml_end(a);
}

static void add_links(struct aml *a)
{
    aml_scope(a, "\\_SB.PCI0.ISA");
    aml_region(a, "PIRQ", AML_PCI_CONFIG, 0x60, PIRQS);
    aml_end(a);
    aml_field(a, "PCI0.ISA.PIRQ", AML_BYTE_ACCESS);
    aml_field_unit(a, "PRQA", 8);
    aml_field_unit(a, "PRQB", 8);
    aml_field_unit(a, "PRQC", 8);
    aml_field_unit(a, "PRQD", 8);
    aml_end(a);
    for (unsigned n = 0; n < PIRQS; n++) {
        add_link(a, n);
    }
}

/* ---- ISA devices ---- */

struct isa_node {
    const char *name, *hid;
    int uid;          /* -1: none */
    const char *type; /* of the device on the ISA bus; NULL: always there */
    unsigned at;      /* the one at this port; 0: any */
    struct {
        uint16_t port;
        uint8_t len;
    } io[3]; /* ends with length 0 */
    int irq; /* -1: none */
    int dma; /* -1: none */
};

static const struct isa_node isa_nodes[] = {
    {"RTC", "PNP0B00", -1, NULL, 0, {{0x70, 8}}, 8, -1},
    {"KBD", "PNP0303", -1, "i8042", 0, {{0x60, 1}, {0x64, 1}}, 1, -1},
    {"MOU", "PNP0F13", -1, "i8042", 0, {{0}}, 12, -1},
    {"FDC0", "PNP0700", -1, "isa-fdc", 0, {{0x3f2, 4}, {0x3f7, 1}}, 6, 2},
    {"LPT1", "PNP0400", 1, "isa-parallel", 0x378, {{0x378, 8}}, 7, -1},
    {"LPT2", "PNP0400", 2, "isa-parallel", 0x278, {{0x278, 8}}, 5, -1},
    {"COM1", "PNP0501", 1, "isa-serial", 0x3f8, {{0x3f8, 8}}, 4, -1},
    {"COM2", "PNP0501", 2, "isa-serial", 0x2f8, {{0x2f8, 8}}, 3, -1},
    {"COM3", "PNP0501", 3, "isa-serial", 0x3e8, {{0x3e8, 8}}, 4, -1},
    {"COM4", "PNP0501", 4, "isa-serial", 0x2e8, {{0x2e8, 8}}, 3, -1},
    {"SPKR", "PNP0800", -1, NULL, 0, {{0x61, 1}}, -1, -1},
};

/* A number property of @dev, or @otherwise. */
static uint64_t number_of(struct device *dev, const char *prop, uint64_t otherwise)
{
    g_autofree char *text =
        object_find_prop(&dev->obj, prop) ? object_get(&dev->obj, prop, NULL) : NULL;

    return text ? g_ascii_strtoull(text, NULL, 0) : otherwise;
}

/* Whether the ISA bus has such a device, at that port where the row names one. */
static bool isa_has(struct pc_machine *pc, const char *type, unsigned port)
{
    const GPtrArray *devices = pc->isa->bus.devices;

    for (guint i = 0; i < devices->len; i++) {
        struct device *dev = g_ptr_array_index(devices, i);

        if (!strcmp(dev->type->name, type) && (!port || number_of(dev, "iobase", port) == port)) {
            return true;
        }
    }
    return false;
}

static void add_isa_node(struct aml *a, const struct isa_node *n)
{
    aml_device(a, n->name);
    aml_name_eisa_id(a, "_HID", n->hid);
    if (n->uid >= 0) {
        aml_name_int(a, "_UID", (unsigned)n->uid);
    }
    aml_name_int(a, "_STA", 0xf);
    aml_name(a, "_CRS");
    aml_resources(a);
    for (unsigned i = 0; i < ARRAY_SIZE(n->io) && n->io[i].len; i++) {
        aml_res_io(a, n->io[i].port, n->io[i].port, 1, n->io[i].len);
    }
    if (n->irq >= 0) {
        aml_res_irq(a, (unsigned)n->irq);
    }
    if (n->dma >= 0) {
        aml_res_dma(a, (unsigned)n->dma);
    }
    aml_resources_end(a);
    aml_end(a);
}

static void add_pvpanic(struct pc_machine *pc, struct aml *a)
{
    const GPtrArray *devices = pc->isa->bus.devices;

    for (guint i = 0; i < devices->len; i++) {
        struct device *dev = g_ptr_array_index(devices, i);
        uint16_t port;

        if (strcmp(dev->type->name, "pvpanic")) {
            continue;
        }
        port = (uint16_t)number_of(dev, "ioport", 0x505);
        aml_device(a, "PEVT");
        aml_name_string(a, "_HID", "QEMU0001"); /* the name that guests' drivers know */
        aml_name_int(a, "_STA", 0xf);
        aml_name(a, "_CRS");
        aml_resources(a);
        aml_res_io(a, port, port, 1, 1);
        aml_resources_end(a);
        aml_end(a);
        return;
    }
}

static void add_pci(struct pc_machine *pc, struct aml *a)
{
    aml_device(a, "PCI0");
    aml_name_eisa_id(a, "_HID", "PNP0A03");
    aml_name_int(a, "_UID", 0);
    add_windows(pc, a);
    aml_device(a, "ISA");
    aml_name_int(a, "_ADR", 0x10000);
    for (unsigned i = 0; i < ARRAY_SIZE(isa_nodes); i++) {
        if (!isa_nodes[i].type || isa_has(pc, isa_nodes[i].type, isa_nodes[i].at)) {
            add_isa_node(a, &isa_nodes[i]);
        }
    }
    add_pvpanic(pc, a);
    aml_end(a);
    aml_end(a);
}

/* ---- the rest ---- */

static void add_hpet_device(struct aml *a)
{
    aml_device(a, "HPET");
    aml_name_eisa_id(a, "_HID", "PNP0103");
    aml_name_int(a, "_UID", 0);
    aml_name_int(a, "_STA", 0xf);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_memory32(a, false, HPET_BASE, HPET_SIZE);
    aml_resources_end(a);
    aml_end(a);
}

static void add_fw_cfg_device(struct aml *a)
{
    aml_device(a, "FWCF");
    aml_name_string(a, "_HID", "QEMU0002"); /* the name that Linux's qemu_fw_cfg knows */
    aml_name_int(a, "_STA", 0xb);           /* present, not shown to people */
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_io(a, FW_CFG_IO_BASE, FW_CFG_IO_BASE, 1, FW_CFG_IO_SIZE);
    aml_resources_end(a);
    aml_end(a);
}

/* Ports of the chip set that no BAR shows. */
static void add_reserved(struct aml *a)
{
    aml_device(a, "RSVD");
    aml_name_eisa_id(a, "_HID", "PNP0C02");
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_io(a, PIIX4_SMI_PORT, PIIX4_SMI_PORT, 1, 2);
    aml_res_io(a, PIIX4_GPE_BASE, PIIX4_GPE_BASE, 1, PIIX4_GPE_SIZE);
    aml_resources_end(a);
    aml_end(a);
}

static void add_processor(struct pc_machine *pc, struct aml *a, unsigned index)
{
    uint32_t id = pc_apic_id(pc, index);
    const uint8_t mat[] = {0, 8, (uint8_t)index, (uint8_t)id, 1, 0, 0, 0};
    char name[5];

    g_snprintf(name, sizeof(name), "C%03X", index & 0xfff);
    aml_device(a, name);
    aml_name_string(a, "_HID", "ACPI0007");
    aml_name_int(a, "_UID", index);
    aml_name_int(a, "_STA", 0xf);
    aml_name(a, "_MAT");
    aml_buffer(a, mat, sizeof(mat));
    aml_end(a);
}

void acpi_add_dsdt(struct pc_machine *pc, struct acpi_build *b)
{
    struct aml a;
    GByteArray *code;

    aml_init(&a);
    add_sleep_states(pc, &a);
    add_pic_method(&a);
    aml_scope(&a, "\\_SB");
    add_pci(pc, &a);
    add_links(&a);
    aml_scope(&a, "PCI0"); /* behind the links: not all interpreters look ahead */
    add_routing(&a);
    aml_end(&a);
    if (pc->hpet) {
        add_hpet_device(&a);
    }
    add_fw_cfg_device(&a);
    add_reserved(&a);
    for (unsigned i = 0; i < pc->m.smp.cpus; i++) {
        add_processor(pc, &a, i);
    }
    aml_end(&a);
    code = aml_finish(&a);

    b->dsdt = acpi_table_begin(&b->set, "DSDT", 2);
    acpi_put_bytes(&b->set, code->data, code->len);
    acpi_table_end(&b->set);
    g_byte_array_unref(code);
}
