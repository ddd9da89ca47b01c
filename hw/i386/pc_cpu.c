/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's CPUs: made from -cpu and -smp, one thread each, reset together.
 */
#include "hw/i386/pc.h"

#include <string.h>

LINKER_SET_DECLARE(x86_engines, struct x86_engine);

uint32_t pc_apic_id(const struct pc_machine *pc, unsigned index)
{
    return x86_topology_apic_id(&pc->topology, index);
}

struct pc_cpu *pc_boot_cpu(struct pc_machine *pc)
{
    return g_ptr_array_index(pc->cpus, 0);
}

/* The row of the machine's accelerator; NULL: it runs the software CPU, or none. */
static const struct x86_engine *engine_of(struct machine *m)
{
    LINKER_SET_FOREACH(x86_engines, struct x86_engine, e)
    {
        if (!strcmp((*e)->accel, m->accel->type->name)) {
            return *e;
        }
    }
    return NULL;
}

bool pc_accel_has_smm(struct pc_machine *pc)
{
    const struct x86_engine *e = engine_of(&pc->m);

    return !e || e->smm(pc->m.accel);
}

static bool accel_caps(struct machine *m, struct x86_accel_caps *ret, GError **error)
{
    const struct x86_engine *e = engine_of(m);

    if (e) {
        return e->caps(m->accel, ret, error);
    }
    x86_tcg_caps(ret);
    return true;
}

static void cpu_free(struct pc_cpu *cpu)
{
    if (cpu) {
        x86_vcpu_fini(&cpu->x86);
        g_free(cpu);
    }
}

static bool init_cpu(struct pc_machine *pc, unsigned index, const struct x86_accel_caps *caps,
                     GError **error)
{
    struct pc_cpu *cpu = g_new0(struct pc_cpu, 1);

    cpu->pc = pc;
    g_ptr_array_index(pc->cpus, index) = cpu;
    x86_vcpu_init(&cpu->x86, &pc->m, index, pc_apic_id(pc, index));
    cpu->x86.cpu->bsp = index == 0;
    if (pc->have_smm) {
        x86_vcpu_set_smm_memory(&cpu->x86, &pc->smm_space);
    }
    if (!x86_model_apply(cpu->x86.cpu, pc->m.cpu_model, &pc->topology, caps, error)) {
        return false;
    }
    x86_cpu_features_changed(cpu->x86.cpu);
    return pc->irqchip->create_cpu(pc, cpu, error);
}

bool pc_init_cpus(struct pc_machine *pc, GError **error)
{
    const struct smp_config *smp = &pc->m.smp;
    struct x86_accel_caps caps;

    pc->topology = (struct x86_topology){smp->dies, smp->cores, smp->threads};
    pc->cpus = g_ptr_array_new();
    g_ptr_array_set_size(pc->cpus, (gint)smp->max_cpus);
    if (pc_apic_id(pc, smp->max_cpus - 1) >= 255) {
        return fail(error,
                    "-smp: with this topology the last CPU's APIC id would be %u; 254 is the"
                    " highest",
                    pc_apic_id(pc, smp->max_cpus - 1));
    }
    if (!accel_caps(&pc->m, &caps, error)) {
        return false;
    }
    for (unsigned i = 0; i < smp->cpus; i++) {
        if (!init_cpu(pc, i, &caps, error)) {
            return false;
        }
    }
    return true;
}

static void reset_cpus(struct pc_machine *pc)
{
    for (guint i = 0; i < pc->cpus->len; i++) {
        struct pc_cpu *cpu = g_ptr_array_index(pc->cpus, i);

        if (cpu) {
            cpu->x86.vcpu.target->reset(&cpu->x86.vcpu);
            x86_cpu_set_a20(cpu->x86.cpu, pc->a20_passes);
        }
    }
}

/* After everybody who sets registers at reset: the engines take them over. */
static void push_cpus(struct pc_machine *pc)
{
    const struct accel_type *engine = pc->m.accel->type;

    for (guint i = 0; engine->push_state && i < pc->cpus->len; i++) {
        struct pc_cpu *cpu = g_ptr_array_index(pc->cpus, i);

        if (cpu) {
            engine->push_state(&cpu->x86.vcpu);
        }
    }
}

static void reset_then_boot(void *opaque)
{
    struct pc_machine *pc = opaque;

    reset_cpus(pc);
    if (pc->boot_reset) {
        pc->boot_reset(pc);
    }
    push_cpus(pc);
}

bool pc_start_cpus(struct pc_machine *pc, GError **error)
{
    machine_add_reset(&pc->m, reset_then_boot, pc);
    for (guint i = 0; i < pc->cpus->len; i++) {
        struct pc_cpu *cpu = g_ptr_array_index(pc->cpus, i);

        if (!cpu) {
            continue;
        }
        if (!vcpu_start_thread(&cpu->x86.vcpu, error)) {
            return false;
        }
        g_ptr_array_add(pc->m.vcpus, &cpu->x86.vcpu);
    }
    return true;
}

void pc_fini_cpus(struct pc_machine *pc)
{
    for (guint i = 0; pc->cpus && i < pc->cpus->len; i++) {
        cpu_free(g_ptr_array_index(pc->cpus, i));
    }
    g_clear_pointer(&pc->cpus, g_ptr_array_unref);
}
