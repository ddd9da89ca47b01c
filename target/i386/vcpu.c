/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86 vCPUs: what accel/ needs to know of the CPU, and flushes when the memory map changes.
 */
#include "target/i386/vcpu.h"
#include "hw/core/machine.h"

struct x86_cpu *x86_vcpu_cpu(const struct vcpu *v)
{
    return container_of(v, struct x86_vcpu, vcpu)->cpu;
}

static bool has_work(struct vcpu *v)
{
    return x86_cpu_has_work(x86_vcpu_cpu(v));
}

static void reset(struct vcpu *v)
{
    x86_cpu_reset(x86_vcpu_cpu(v));
    __atomic_store_n(&v->halted, false, __ATOMIC_SEQ_CST);
}

static const struct vcpu_target x86_target = {
    .has_work = has_work,
    .reset = reset,
};

static void wake_thread(struct x86_cpu *cpu)
{
    struct x86_vcpu *xv = cpu->kick_opaque;

    if (vcpu_has_thread(&xv->vcpu) && __atomic_load_n(&xv->vcpu.halted, __ATOMIC_SEQ_CST)) {
        vcpu_kick(&xv->vcpu);
    }
}

static bool view_has_ram(const struct view *view, const struct ram_block *ram)
{
    for (unsigned n = 0; n < view->count; n++) {
        if (view->ranges[n].region->ram == ram) {
            return true;
        }
    }
    return false;
}

/* Decoded code goes by host address, so it stays as long as its RAM does. */
static void view_changed(struct x86_cpu *cpu, const struct view *old_view,
                         const struct view *new_view)
{
    uint32_t requests = X86_REQ_TLB;

    for (unsigned n = 0; n < old_view->count; n++) {
        const struct ram_block *ram = old_view->ranges[n].region->ram;

        if (ram && !view_has_ram(new_view, ram)) {
            requests |= X86_REQ_FLUSH_CODE;
        }
    }
    x86_cpu_request(cpu, requests);
}

static void mem_changed(struct view_listener *l, const struct view *old_view,
                        const struct view *new_view)
{
    view_changed(container_of(l, struct x86_vcpu, mem_changed)->cpu, old_view, new_view);
}

static void smm_mem_changed(struct view_listener *l, const struct view *old_view,
                            const struct view *new_view)
{
    view_changed(container_of(l, struct x86_vcpu, smm_changed)->cpu, old_view, new_view);
}

void x86_vcpu_init(struct x86_vcpu *xv, struct machine *m, unsigned index, uint32_t apic_id)
{
    struct x86_cpu *cpu = x86_cpu_new(index, apic_id);

    xv->cpu = cpu;
    xv->vcpu.cpu = cpu;
    xv->vcpu.machine = m;
    xv->vcpu.target = &x86_target;
    xv->vcpu.accel = m->accel;
    xv->vcpu.index = (int)index;
    cpu->mem = &m->memory;
    cpu->io = &m->io;
    cpu->clock = &m->clock_virtual;
    cpu->kick = wake_thread;
    cpu->kick_opaque = xv;
    xv->mem_changed.changed = mem_changed;
    address_space_listen(cpu->mem, &xv->mem_changed);
}

struct x86_vcpu *x86_vcpu_new(struct machine *m, unsigned index, uint32_t apic_id)
{
    struct x86_vcpu *xv = g_new0(struct x86_vcpu, 1);

    x86_vcpu_init(xv, m, index, apic_id);
    return xv;
}

void x86_vcpu_set_smm_memory(struct x86_vcpu *xv, struct address_space *smm)
{
    xv->cpu->smm_mem = smm;
    xv->smm_changed.changed = smm_mem_changed;
    address_space_listen(smm, &xv->smm_changed);
}

void x86_vcpu_fini(struct x86_vcpu *xv)
{
    if (!xv->cpu) {
        return;
    }
    vcpu_fini(&xv->vcpu);
    address_space_unlisten(xv->cpu->mem, &xv->mem_changed);
    if (xv->cpu->smm_mem) {
        address_space_unlisten(xv->cpu->smm_mem, &xv->smm_changed);
    }
    x86_cpu_free(xv->cpu);
    xv->cpu = NULL;
}

void x86_vcpu_free(struct x86_vcpu *xv)
{
    if (xv) {
        x86_vcpu_fini(xv);
        g_free(xv);
    }
}
