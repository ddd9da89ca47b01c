/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's interrupt controllers and PIT, in this process.
 *
 * An ISA interrupt goes to the 8259s and to the I/O APIC's input of the same number, but interrupt
 * 0 (the PIT) is the I/O APIC's input 2: the ACPI tables say so. PIRQA-D have inputs 16 to 19.
 */
#include "hw/i386/pc.h"

#include "hw/timer/i8254.h"

enum { IOAPIC_ID = 0, IOAPIC_VERSION = 0x20, PIT_INPUT = 2 };

static void gsi_set(void *opaque, int n, int level)
{
    struct pc_machine *pc = opaque;

    if (n < ISA_IRQS) {
        irq_set(i8259_input(pc->pic, (unsigned)n), level);
    }
    if (n == 0) {
        irq_set(ioapic_input(pc->ioapic, PIT_INPUT), level);
    } else if (n != PIT_INPUT) {
        irq_set(ioapic_input(pc->ioapic, (unsigned)n), level);
    }
}

static bool user_create(struct pc_machine *pc, GError **error)
{
    const struct ioapic_config config = {IOAPIC_ID, IOAPIC_VERSION, IOAPIC_DEFAULT_BASE};
    struct machine *m = &pc->m;

    for (int n = 0; n < PC_GSIS; n++) {
        irq_init(&pc->gsi[n], gsi_set, pc, n);
    }
    pc->ioapic = ioapic_create(&pc->apics, &m->memory_root, &config, error);
    return pc->ioapic != NULL;
}

static bool user_create_isa(struct pc_machine *pc, GError **error)
{
    pc->pic = i8259_create(pc->isa, &pc->apics.intr, error);
    if (!pc->pic) {
        return false;
    }
    pc->apics.pic = pc->pic;
    pc->pit = i8254_create(pc->isa, pc->pit_out, error);
    return pc->pit != NULL;
}

static bool user_create_cpu(struct pc_machine *pc, struct pc_cpu *cpu, GError **error)
{
    struct x86_cpu *x = cpu->x86.cpu;
    const struct apic_config config = {
        .id = x->apic_id,
        .bsp = x->bsp,
        .x2apic = x86_has(x, X86_F_X2APIC),
        .tsc_deadline = x86_has(x, X86_F_TSC_DEADLINE),
        .phys_bits = x->phys_bits,
        .cpu = cpu,
    };

    cpu->apic = apic_create(&pc->apics, &config, error);
    if (!cpu->apic) {
        return false;
    }
    x->irq_ops = &pc_cpu_irq_ops;
    x->irq_opaque = cpu;
    return true;
}

const struct pc_irqchip pc_irqchip_user = {
    .name = "user",
    .create = user_create,
    .create_isa = user_create_isa,
    .create_cpu = user_create_cpu,
};
