/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's interrupt controllers in the kernel: kernel-irqchip=on and split.
 *
 * on      local APICs, I/O APIC and 8259s are KVM's; interrupt n of the board is its line n
 * split   local APICs are KVM's; I/O APIC and 8259s are those of this process, which send messages
 *         and raise the first CPU's line
 *
 * The PIT is in this process either way: the HPET takes its interrupt over, and the speaker port
 * looks at its second channel.
 */
#include "hw/i386/kvm_chips.h"
#include "hw/i386/pc.h"
#include "hw/timer/i8254.h"

static struct kvm *kvm_of_pc(struct pc_machine *pc)
{
    return kvm_of(pc->m.accel);
}

static void send_message(void *opaque, uint64_t addr, uint32_t data)
{
    kvm_send_msi(opaque, addr, data);
}

/* The NMI line leads to every CPU, as LINT1 does. */
static void nmi_set(void *opaque, int n, int level)
{
    struct pc_machine *pc = opaque;

    (void)n;
    for (guint i = 0; level && i < pc->cpus->len; i++) {
        struct pc_cpu *cpu = g_ptr_array_index(pc->cpus, i);

        if (cpu) {
            x86_cpu_raise_nmi(cpu->x86.cpu);
        }
    }
}

static void connect_messages(struct pc_machine *pc)
{
    pc->apics.msi_sink = send_message;
    pc->apics.msi_opaque = kvm_of_pc(pc);
    irq_init(&pc->apics.nmi, nmi_set, pc, 0);
}

static bool kernel_create_cpu(struct pc_machine *pc, struct pc_cpu *cpu, GError **error)
{
    cpu->x86.cpu->irq_ops = &kvm_cpu_irq_ops;
    cpu->x86.cpu->irq_opaque = &cpu->x86.vcpu;
    return kvm_apic_create(&pc->m, &cpu->x86.vcpu, error);
}

/* ---- on ----------------------------------------------------------------------------------------
 */

static void line_set(void *opaque, int n, int level)
{
    kvm_irq_line(opaque, (unsigned)n, level);
}

static bool on_create(struct pc_machine *pc, GError **error)
{
    for (int n = 0; n < PC_GSIS; n++) {
        irq_init(&pc->gsi[n], line_set, kvm_of_pc(pc), n);
    }
    connect_messages(pc);
    return kvm_ioapic_create(&pc->m, kvm_of_pc(pc), error);
}

static bool on_create_isa(struct pc_machine *pc, GError **error)
{
    if (!kvm_i8259_create(&pc->m, kvm_of_pc(pc), error)) {
        return false;
    }
    pc->pit = i8254_create(pc->isa, pc->pit_out, error);
    return pc->pit != NULL;
}

static const struct pc_irqchip irqchip_on = {
    .name = "kvm",
    .create = on_create,
    .create_isa = on_create_isa,
    .create_cpu = kernel_create_cpu,
};

/* ---- split -------------------------------------------------------------------------------------
 */

static void vector_ended(void *opaque, uint8_t vector)
{
    apic_bus_eoi(opaque, vector);
}

static int acknowledge_pic(void *opaque)
{
    struct pc_machine *pc = opaque;

    return pc->pic ? i8259_acknowledge(pc->pic) : -1;
}

/* The 8259s' output: to the first CPU, where the kernel's LINT0 decides. */
static void intr_set(void *opaque, int n, int level)
{
    struct pc_machine *pc = opaque;

    (void)n;
    if (pc->cpus && pc_boot_cpu(pc)) {
        x86_cpu_set_intr(pc_boot_cpu(pc)->x86.cpu, level);
    }
}

static bool split_create(struct pc_machine *pc, GError **error)
{
    if (!pc_irqchip_user.create(pc, error)) {
        return false;
    }
    connect_messages(pc);
    irq_init(&pc->apics.intr, intr_set, pc, 0);
    kvm_on_eoi(kvm_of_pc(pc), vector_ended, &pc->apics);
    kvm_on_acknowledge(kvm_of_pc(pc), acknowledge_pic, pc);
    return true;
}

static bool split_create_isa(struct pc_machine *pc, GError **error)
{
    return pc_irqchip_user.create_isa(pc, error);
}

static const struct pc_irqchip irqchip_split = {
    .name = "kvm-split",
    .create = split_create,
    .create_isa = split_create_isa,
    .create_cpu = kernel_create_cpu,
};

static const struct pc_irqchip *choose(struct accel *a)
{
    switch (kvm_irqchip_mode(kvm_of(a))) {
    case KVM_IRQCHIP_ON:
        return &irqchip_on;
    case KVM_IRQCHIP_SPLIT:
        return &irqchip_split;
    default:
        return NULL;
    }
}

static const struct pc_irqchip_choice kvm_choice = {
    .accel = "kvm",
    .choose = choose,
};
PC_IRQCHIP(kvm_choice);
