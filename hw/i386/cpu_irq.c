/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a CPU and its local APIC: each one's wishes as calls of the other.
 *
 * The APIC's side runs on any thread with the APIC's mutex held, and only sets request bits of the
 * CPU; the CPU's side runs on its own thread.
 */
#include "hw/i386/pc.h"

/* ---- what the APIC asks of the CPU; @cpu is the struct pc_cpu ---- */

static struct x86_cpu *cpu_of(void *cpu)
{
    return ((struct pc_cpu *)cpu)->x86.cpu;
}

static void interrupt_changed(void *cpu, bool pending)
{
    x86_cpu_set_intr(cpu_of(cpu), pending);
}

static void nmi(void *cpu)
{
    x86_cpu_raise_nmi(cpu_of(cpu));
}

static void smi(void *cpu)
{
    if (((struct pc_cpu *)cpu)->pc->have_smm) {
        x86_cpu_raise_smi(cpu_of(cpu));
    }
}

static void init(void *cpu)
{
    x86_cpu_raise_init(cpu_of(cpu));
}

static void sipi(void *cpu, uint8_t vector)
{
    x86_cpu_raise_sipi(cpu_of(cpu), vector);
}

static uint64_t tsc_read(void *cpu)
{
    return x86_tsc_read(cpu_of(cpu));
}

static uint64_t tsc_khz(void *cpu)
{
    return cpu_of(cpu)->tsc_khz;
}

static struct apic *current_apic(struct apic_bus *bus)
{
    struct vcpu *v = vcpu_current();

    if (!v || v->machine != bus->machine) {
        return NULL;
    }
    return container_of(v, struct pc_cpu, x86.vcpu)->apic;
}

const struct apic_cpu_ops pc_apic_cpu_ops = {
    .interrupt_changed = interrupt_changed,
    .nmi = nmi,
    .smi = smi,
    .init = init,
    .sipi = sipi,
    .tsc_read = tsc_read,
    .tsc_khz = tsc_khz,
    .current = current_apic,
};

/* ---- what the CPU asks of the APIC and the board; @opaque is the struct pc_cpu ---- */

static struct apic *apic_of(void *opaque)
{
    return ((struct pc_cpu *)opaque)->apic;
}

static int acknowledge(void *opaque)
{
    return apic_acknowledge(apic_of(opaque));
}

static uint8_t get_tpr(void *opaque)
{
    return apic_get_cr8(apic_of(opaque));
}

static void set_tpr(void *opaque, uint8_t tpr)
{
    apic_set_cr8(apic_of(opaque), tpr);
}

static bool set_apic_base(void *opaque, uint64_t val)
{
    return apic_set_base(apic_of(opaque), val);
}

static bool x2apic_read(void *opaque, uint32_t reg, uint64_t *ret_val)
{
    return apic_msr_read(apic_of(opaque), reg, ret_val);
}

static bool x2apic_write(void *opaque, uint32_t reg, uint64_t val)
{
    return apic_msr_write(apic_of(opaque), reg, val);
}

static uint64_t get_tsc_deadline(void *opaque)
{
    return apic_get_tsc_deadline(apic_of(opaque));
}

static void set_tsc_deadline(void *opaque, uint64_t tsc)
{
    apic_set_tsc_deadline(apic_of(opaque), tsc);
}

static void tsc_changed(void *opaque)
{
    apic_tsc_changed(apic_of(opaque));
}

static void init_received(void *opaque)
{
    apic_init_received(apic_of(opaque));
}

/* The coprocessor's error output is ISA interrupt 13, as on the AT. */
static void set_ferr(void *opaque, bool level)
{
    struct pc_machine *pc = ((struct pc_cpu *)opaque)->pc;
    bool taken = lock_enter(&pc->m.lock);

    irq_set(&pc->gsi[13], level);
    lock_leave(&pc->m.lock, taken);
}

/* The CPU uses its SMM address space by itself; the board has nothing to switch. */
static void smm_changed(void *opaque, bool in_smm)
{
    struct pc_cpu *cpu = opaque;

    log_printf(LOG_INT, "CPU %d %s SMM\n", cpu->x86.vcpu.index, in_smm ? "enters" : "leaves");
}

static void triple_fault(void *opaque)
{
    struct pc_cpu *cpu = opaque;

    log_printf(LOG_CPU_RESET, "CPU %d: triple fault\n", cpu->x86.vcpu.index);
    machine_request_reset(&cpu->pc->m, CAUSE_GUEST_RESET);
}

const struct x86_irq_ops pc_cpu_irq_ops = {
    .acknowledge = acknowledge,
    .get_tpr = get_tpr,
    .set_tpr = set_tpr,
    .set_apic_base = set_apic_base,
    .x2apic_read = x2apic_read,
    .x2apic_write = x2apic_write,
    .get_tsc_deadline = get_tsc_deadline,
    .set_tsc_deadline = set_tsc_deadline,
    .tsc_changed = tsc_changed,
    .init_received = init_received,
    .set_ferr = set_ferr,
    .smm_changed = smm_changed,
    .triple_fault = triple_fault,
};
