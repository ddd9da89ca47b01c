/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's fixed ACPI tables: FADT, MADT, HPET, WAET, SRAT, SLIT.
 *
 * ACPI 6.4, section 5.2; IA-PC HPET 1.0a, section 3.2.4; Windows ACPI Emulated Devices Table.
 */
#include "hw/i386/acpi.h"

#include "hw/i386/piix4_pm.h"

enum {
    FADT_REVISION = 3,
    FADT_SIZE = 244,
    SPACE_MEMORY = 0,
    SPACE_IO = 1,
    ACCESS_BYTE = 1,
    ACCESS_WORD = 2,
    ACCESS_DWORD = 3,
    CMOS_CENTURY = 0x32,
    BOOT_ARCH_LEGACY = 1 << 0,
    BOOT_ARCH_8042 = 1 << 1,
    FADT_WBINVD = 1 << 0,
    FADT_PROC_C1 = 1 << 2,
    FADT_SLP_BUTTON = 1 << 5, /* no fixed sleep button */
    FADT_FIX_RTC = 1 << 6,    /* the RTC's alarm does not wake */
    FADT_RESET_REG = 1 << 10,
    RESET_PORT = 0xcf9,
    RESET_VALUE = 6, /* hard reset, now */
    MADT_PCAT_COMPAT = 1,
    MADT_LAPIC = 0,
    MADT_IOAPIC = 1,
    MADT_OVERRIDE = 2,
    MADT_LAPIC_NMI = 4,
    MADT_X2APIC = 9,
    LEVEL_HIGH = 0xd, /* level triggered, active high */
    WAET_PM_TIMER_GOOD = 1 << 1,
    SRAT_ENABLED = 1,
    SLIT_LOCAL = 10,
    SLIT_REMOTE = 20,
};

#define HPET_BLOCK_ID 0x8086a201u /* 3 timers, 64 bits, legacy replacement */
#define HPET_BASE     0xfed00000u

/* ---- FADT ---- */

static void list_table(struct acpi_build *b, uint32_t start)
{
    acpi_table_end(&b->set);
    g_array_append_val(b->listed, start);
}

/* Offsets 44 to 115: ports and what they can do. */
static void put_fixed_hardware(struct pc_machine *pc, struct acpi_build *b, uint16_t base)
{
    struct acpi_set *s = &b->set;
    bool firmware = !pc->boot_reset; /* else the chip is in ACPI mode already */

    acpi_put(s, 1, 1); /* interrupt model: multiple APIC */
    acpi_put(s, 0, 1); /* power profile: not said */
    acpi_put(s, PIIX4_SCI, 2);
    acpi_put(s, firmware ? PIIX4_SMI_PORT : 0, 4);
    acpi_put(s, firmware ? PIIX4_ACPI_ENABLE : 0, 1);
    acpi_put(s, firmware ? PIIX4_ACPI_DISABLE : 0, 1);
    acpi_put(s, 0, 2); /* S4BIOS_REQ, PSTATE_CNT */
    acpi_put(s, base + PIIX4_PM1_EVENT, 4);
    acpi_put(s, 0, 4); /* PM1b event */
    acpi_put(s, base + PIIX4_PM1_CONTROL, 4);
    acpi_put(s, 0, 8); /* PM1b control, PM2 control */
    acpi_put(s, base + PIIX4_PM_TIMER, 4);
    acpi_put(s, PIIX4_GPE_BASE, 4);
    acpi_put(s, 0, 4); /* GPE1 */
    acpi_put(s, 4, 1); /* lengths: PM1 event, control, PM2, timer, GPE0, GPE1 */
    acpi_put(s, 2, 1);
    acpi_put(s, 0, 1);
    acpi_put(s, 4, 1);
    acpi_put(s, PIIX4_GPE_SIZE, 1);
    acpi_put(s, 0, 1);
    acpi_put(s, 0, 2);     /* GPE1 base, CST_CNT */
    acpi_put(s, 0xfff, 2); /* no C2 */
    acpi_put(s, 0xfff, 2); /* no C3 */
    acpi_put(s, 0, 4);     /* flush size and stride: WBINVD works */
    acpi_put(s, 0, 2);     /* duty cycle */
    acpi_put(s, 0, 2);     /* day and month alarm */
    acpi_put(s, CMOS_CENTURY, 1);
    acpi_put(s, BOOT_ARCH_LEGACY | (pc->i8042 ? BOOT_ARCH_8042 : 0), 2);
    acpi_put(s, 0, 1);
    acpi_put(s, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC | FADT_RESET_REG, 4);
}

void acpi_add_fadt(struct pc_machine *pc, struct acpi_build *b)
{
    struct acpi_set *s = &b->set;
    uint16_t base = piix4_pm_get_info(pc->pm).io_base;
    uint32_t start = acpi_table_begin(s, "FACP", FADT_REVISION);

    acpi_put_pointer(s, b->facs, 4);
    acpi_put_pointer(s, b->dsdt, 4);
    put_fixed_hardware(pc, b, base);
    acpi_put_address(s, SPACE_IO, 8, ACCESS_BYTE, RESET_PORT);
    acpi_put(s, RESET_VALUE, 1);
    acpi_put(s, 0, 3);
    acpi_put(s, 0, 8); /* X_FIRMWARE_CTRL: the 32-bit one is used */
    acpi_put_pointer(s, b->dsdt, 8);
    acpi_put_address(s, SPACE_IO, 32, ACCESS_WORD, (uint64_t)base + PIIX4_PM1_EVENT);
    acpi_put_zeros(s, 12);
    acpi_put_address(s, SPACE_IO, 16, ACCESS_WORD, (uint64_t)base + PIIX4_PM1_CONTROL);
    acpi_put_zeros(s, 24); /* PM1b control, PM2 control */
    acpi_put_address(s, SPACE_IO, 32, ACCESS_DWORD, (uint64_t)base + PIIX4_PM_TIMER);
    acpi_put_address(s, SPACE_IO, 8 * PIIX4_GPE_SIZE, ACCESS_BYTE, PIIX4_GPE_BASE);
    acpi_put_zeros(s, 12);
    g_assert(s->bytes->len - start == FADT_SIZE);
    list_table(b, start);
}

/* ---- MADT ---- */

static void put_processor(struct acpi_set *s, unsigned uid, uint32_t apic_id)
{
    if (apic_id < 255 && uid < 255) {
        acpi_put(s, MADT_LAPIC, 1);
        acpi_put(s, 8, 1);
        acpi_put(s, uid, 1);
        acpi_put(s, apic_id, 1);
        acpi_put(s, 1, 4); /* enabled */
    } else {
        acpi_put(s, MADT_X2APIC, 1);
        acpi_put(s, 16, 1);
        acpi_put(s, 0, 2);
        acpi_put(s, apic_id, 4);
        acpi_put(s, 1, 4);
        acpi_put(s, uid, 4);
    }
}

static void put_override(struct acpi_set *s, unsigned isa_irq, unsigned gsi, unsigned flags)
{
    acpi_put(s, MADT_OVERRIDE, 1);
    acpi_put(s, 10, 1);
    acpi_put(s, 0, 1); /* ISA */
    acpi_put(s, isa_irq, 1);
    acpi_put(s, gsi, 4);
    acpi_put(s, flags, 2);
}

void acpi_add_madt(struct pc_machine *pc, struct acpi_build *b)
{
    struct acpi_set *s = &b->set;
    uint32_t start = acpi_table_begin(s, "APIC", 3);

    acpi_put(s, APIC_DEFAULT_BASE, 4);
    acpi_put(s, MADT_PCAT_COMPAT, 4);
    for (unsigned i = 0; i < pc->m.smp.cpus; i++) {
        put_processor(s, i, pc_apic_id(pc, i));
    }
    acpi_put(s, MADT_IOAPIC, 1);
    acpi_put(s, 12, 1);
    acpi_put(s, 0, 2); /* id, reserved */
    acpi_put(s, IOAPIC_DEFAULT_BASE, 4);
    acpi_put(s, 0, 4);
    put_override(s, 0, 2, 0);
    put_override(s, PIIX4_SCI, PIIX4_SCI, LEVEL_HIGH);
    acpi_put(s, MADT_LAPIC_NMI, 1);
    acpi_put(s, 6, 1);
    acpi_put(s, 0xff, 1); /* all processors */
    acpi_put(s, 0, 2);
    acpi_put(s, 1, 1); /* LINT1 */
    list_table(b, start);
}

/* ---- small ones ---- */

void acpi_add_hpet(struct acpi_build *b)
{
    struct acpi_set *s = &b->set;
    uint32_t start = acpi_table_begin(s, "HPET", 1);

    acpi_put(s, HPET_BLOCK_ID, 4);
    acpi_put_address(s, SPACE_MEMORY, 0, 0, HPET_BASE);
    acpi_put(s, 0, 1); /* number */
    acpi_put(s, 0, 2); /* minimum tick */
    acpi_put(s, 0, 1); /* page protection */
    list_table(b, start);
}

void acpi_add_waet(struct acpi_build *b)
{
    uint32_t start = acpi_table_begin(&b->set, "WAET", 1);

    acpi_put(&b->set, WAET_PM_TIMER_GOOD, 4);
    list_table(b, start);
}

/* ---- NUMA ---- */

static void put_cpu_affinity(struct acpi_set *s, uint32_t apic_id, unsigned node)
{
    acpi_put(s, 0, 1);
    acpi_put(s, 16, 1);
    acpi_put(s, node & 0xff, 1);
    acpi_put(s, apic_id, 1);
    acpi_put(s, SRAT_ENABLED, 4);
    acpi_put(s, 0, 1);
    acpi_put(s, node >> 8, 3);
    acpi_put(s, 0, 4);
}

static void put_memory_affinity(struct acpi_set *s, uint64_t base, uint64_t len, unsigned node)
{
    if (!len) {
        return;
    }
    acpi_put(s, 1, 1);
    acpi_put(s, 40, 1);
    acpi_put(s, node, 4);
    acpi_put(s, 0, 2);
    acpi_put(s, base, 8);
    acpi_put(s, len, 8);
    acpi_put(s, 0, 4);
    acpi_put(s, SRAT_ENABLED, 4);
    acpi_put(s, 0, 8);
}

/* Nodes follow each other in RAM; a node may lie on both sides of the hole below 4 GiB. */
static void put_node_memory(struct pc_machine *pc, struct acpi_set *s)
{
    uint64_t offset = 0;

    for (guint n = 0; n < pc->m.numa->len; n++) {
        uint64_t len = g_array_index(pc->m.numa, struct numa_node, n).mem_bytes;
        uint64_t end = MIN(offset + len, pc->m.ram_bytes);
        uint64_t low_end = MIN(end, pc->ram_below_4g);

        if (offset < low_end) {
            uint64_t vga = 640 * KiB;

            if (offset < vga && low_end > MiB) {
                put_memory_affinity(s, offset, vga - offset, n);
                put_memory_affinity(s, MiB, low_end - MiB, n);
            } else {
                put_memory_affinity(s, offset, low_end - offset, n);
            }
        }
        if (end > pc->ram_below_4g) {
            uint64_t from = MAX(offset, pc->ram_below_4g);

            put_memory_affinity(s, 4 * GiB + from - pc->ram_below_4g, end - from, n);
        }
        offset = end;
    }
}

static unsigned node_of_cpu(struct pc_machine *pc, unsigned cpu)
{
    for (guint n = 0; n < pc->m.numa->len; n++) {
        const GArray *cpus = g_array_index(pc->m.numa, struct numa_node, n).cpus;

        for (guint i = 0; cpus && i < cpus->len; i++) {
            if (g_array_index(cpus, unsigned, i) == cpu) {
                return n;
            }
        }
    }
    return 0;
}

void acpi_add_numa(struct pc_machine *pc, struct acpi_build *b)
{
    struct acpi_set *s = &b->set;
    uint32_t start = acpi_table_begin(s, "SRAT", 3);
    guint nodes = pc->m.numa->len;

    acpi_put(s, 1, 4);
    acpi_put(s, 0, 8);
    for (unsigned i = 0; i < pc->m.smp.cpus; i++) {
        put_cpu_affinity(s, pc_apic_id(pc, i), node_of_cpu(pc, i));
    }
    put_node_memory(pc, s);
    list_table(b, start);

    start = acpi_table_begin(s, "SLIT", 1);
    acpi_put(s, nodes, 8);
    for (guint i = 0; i < nodes * nodes; i++) {
        acpi_put(s, i / nodes == i % nodes ? SLIT_LOCAL : SLIT_REMOTE, 1);
    }
    list_table(b, start);
}
