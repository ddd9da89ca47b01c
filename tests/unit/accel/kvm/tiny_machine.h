/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine of RAM, a few ports and CPUs, for tests that run small payloads on KVM.
 *
 *   ports    0xe9 debug output, 0xf4 (write) ends the run with the value as status
 *   memory   RAM from 0 to 4 MiB; 0xd0000000: four registers that remember what was written
 */
#ifndef VITRO_TESTS_UNIT_ACCEL_KVM_TINY_MACHINE_H
#define VITRO_TESTS_UNIT_ACCEL_KVM_TINY_MACHINE_H

#include "accel/kvm/kvm_impl.h"
#include "hw/core/machine.h"
#include <string.h>

#define TINY_RAM     (4 * MiB)
#define TINY_MMIO    0xd0000000ULL
#define TINY_LIMIT_S 20

struct tiny {
    struct machine *m;
    struct ram_block *ram;
    struct region ram_region, ports, mmio;
    uint32_t regs[4];
    GString *out;
    struct x86_vcpu *cpus[4];
    unsigned cpu_count;
    int status;  /* of port 0xf4; -1: none yet; atomic */
    bool reset;  /* atomic */
    bool failed; /* a CPU could not go on; atomic */
};

static uint64_t tiny_port_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque;
    return offset == 0xe9 ? 0xe9 : size_mask(size);
}

static inline void tiny_port_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct tiny *t = opaque;

    (void)size;
    if (offset == 0xe9) {
        g_string_append_c(t->out, (char)val);
    } else if (offset == 0xf4) {
        __atomic_store_n(&t->status, (int)val, __ATOMIC_SEQ_CST);
    }
}

static const struct region_ops tiny_port_ops = {
    .read = tiny_port_read, .write = tiny_port_write, .max_size = 1};

static uint64_t tiny_mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return ((struct tiny *)opaque)->regs[offset / 4 % 4];
}

static inline void tiny_mmio_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    (void)size;
    ((struct tiny *)opaque)->regs[offset / 4 % 4] = (uint32_t)val;
}

static const struct region_ops tiny_mmio_ops = {
    .read = tiny_mmio_read, .write = tiny_mmio_write, .min_size = 4, .max_size = 4};

static inline void tiny_reset(struct machine *m, enum machine_cause cause)
{
    struct tiny *t = m->life_data;

    (void)cause;
    for (unsigned i = 0; i < t->cpu_count; i++) {
        g_mutex_lock(&t->cpus[i]->vcpu.lock);
        t->cpus[i]->vcpu.stop = true;
        g_mutex_unlock(&t->cpus[i]->vcpu.lock);
    }
    __atomic_store_n(&t->reset, true, __ATOMIC_SEQ_CST);
}

static inline void tiny_stop(struct machine *m, enum run_state state)
{
    (void)state;
    __atomic_store_n(&((struct tiny *)m->life_data)->failed, true, __ATOMIC_SEQ_CST);
}

static const struct machine_life tiny_life = {.request_reset = tiny_reset,
                                              .request_stop = tiny_stop};
static const struct machine_type tiny_type = {
    .name = "tiny", .description = "for tests", .max_cpus = 4, .size = sizeof(struct machine)};

/* NULL when this host has no KVM: the test is then marked as skipped. */
static inline struct tiny *tiny_new(const char *irqchip, unsigned cpus, const char *model)
{
    struct tiny *t;
    GError *error = NULL;
    struct kvm *kvm;

    if (!kvm_accel_type.available(&error)) {
        g_test_skip(error->message);
        g_clear_error(&error);
        return NULL;
    }
    t = g_new0(struct tiny, 1);
    t->status = -1;
    t->out = g_string_new(NULL);
    t->cpu_count = cpus;
    t->m = machine_new(&tiny_type);
    t->m->life = &tiny_life;
    t->m->life_data = t;
    lock_acquire(&t->m->lock);
    kvm = g_new0(struct kvm, 1);
    kvm->a.type = &kvm_accel_type;
    object_init(&kvm->a.obj, "kvm", t->m);
    object_add_props(&kvm->a.obj, kvm_accel_type.props);
    object_set(&kvm->a.obj, "kernel-irqchip", irqchip, &error);
    g_assert_no_error(error);
    t->m->accel = &kvm->a;
    kvm_accel_type.init(&kvm->a, t->m, &error);
    g_assert_no_error(error);

    t->ram = ram_block_new("ram", TINY_RAM, 0, &error);
    g_assert_no_error(error);
    region_init_ram(&t->ram_region, t->ram, "ram");
    region_add(&t->m->memory_root, 0, &t->ram_region, 0);
    region_init_io(&t->mmio, &tiny_mmio_ops, t, "mmio", 16);
    region_add(&t->m->memory_root, TINY_MMIO, &t->mmio, 0);
    region_init_io(&t->ports, &tiny_port_ops, t, "ports", 0x100);
    region_add(&t->m->io_root, 0, &t->ports, 0);
    for (unsigned i = 0; i < cpus; i++) {
        struct x86_vcpu *xv = x86_vcpu_new(t->m, i, i);

        t->cpus[i] = xv;
        x86_model_apply(xv->cpu, model, NULL, &kvm->caps, &error);
        g_assert_no_error(error);
        x86_cpu_features_changed(xv->cpu);
        if (kvm->irqchip != KVM_IRQCHIP_OFF) {
            xv->cpu->irq_ops = &kvm_cpu_irq_ops;
            xv->cpu->irq_opaque = &xv->vcpu;
        }
        x86_cpu_reset(xv->cpu);
        vcpu_start_thread(&xv->vcpu, &error);
        g_assert_no_error(error);
        g_ptr_array_add(t->m->vcpus, &xv->vcpu);
    }
    return t;
}

static inline void tiny_load(struct tiny *t, uint64_t gpa, const void *start, const void *end)
{
    memcpy(t->ram->host + gpa, start, (size_t)((const char *)end - (const char *)start));
}

/* The first CPU begins at @ip in real mode, CS = 0. */
static inline void tiny_start_at(struct tiny *t, uint64_t ip)
{
    struct x86_cpu *cpu = t->cpus[0]->cpu;

    x86_seg_set(cpu, X86_CS, 0, 0, 0xffff, cpu->seg[X86_CS].attr);
    cpu->rip = ip;
    cpu->gpr[X86_RSP] = 0x7000;
}

static inline void tiny_resume(struct tiny *t)
{
    for (unsigned i = 0; i < t->cpu_count; i++) {
        kvm_push_state(&t->cpus[i]->vcpu);
    }
    clock_start(&t->m->clock_virtual);
    vcpus_resume(t->m);
}

static inline void tiny_pause(struct tiny *t)
{
    vcpus_pause(t->m);
    clock_stop(&t->m->clock_virtual);
    for (unsigned i = 0; i < t->cpu_count; i++) {
        kvm_pull_state(&t->cpus[i]->vcpu);
    }
}

static inline void tiny_note_state(struct tiny *t)
{
    for (unsigned i = 0; i < t->cpu_count; i++) {
        const struct x86_cpu *c = t->cpus[i]->cpu;

        g_test_message("CPU %u: rip %" PRIx64 " rax %" PRIx64 " rbx %" PRIx64 " rsp %" PRIx64
                       " cs %x eflags %x cr0 %" PRIx64 " run state %d exits %" PRIu64 " failed %d",
                       i, c->rip, c->gpr[X86_RAX], c->gpr[X86_RBX], c->gpr[X86_RSP],
                       c->seg[X86_CS].sel, x86_eflags_get(c), c->cr0, c->run_state,
                       ((struct kvm_vcpu *)t->cpus[i]->vcpu.engine)->exits, t->failed);
    }
}

/* It runs already: until a status, a reset, a failure or the time limit; returns the status. */
static inline int tiny_wait(struct tiny *t)
{
    int64_t limit = monotonic_ns() + TINY_LIMIT_S * NS_PER_SEC;

    lock_release(&t->m->lock);
    while (__atomic_load_n(&t->status, __ATOMIC_SEQ_CST) < 0 &&
           !__atomic_load_n(&t->reset, __ATOMIC_SEQ_CST) &&
           !__atomic_load_n(&t->failed, __ATOMIC_SEQ_CST) && monotonic_ns() < limit) {
        g_usleep(1000);
    }
    lock_acquire(&t->m->lock);
    tiny_pause(t);
    tiny_note_state(t);
    return t->status;
}

static inline int tiny_run(struct tiny *t)
{
    tiny_resume(t);
    return tiny_wait(t);
}

static inline void tiny_free(struct tiny *t)
{
    struct kvm *kvm = kvm_of(t->m->accel);

    lock_release(&t->m->lock);
    for (unsigned i = 0; i < t->cpu_count; i++) {
        g_ptr_array_remove(t->m->vcpus, &t->cpus[i]->vcpu);
        vcpu_join(&t->cpus[i]->vcpu);
    }
    lock_acquire(&t->m->lock);
    kvm_accel_type.fini(&kvm->a);
    for (unsigned i = 0; i < t->cpu_count; i++) {
        x86_vcpu_free(t->cpus[i]);
    }
    object_free(&kvm->a.obj);
    t->m->accel = NULL;
    g_free(kvm);
    region_fini(&t->ports);
    region_fini(&t->mmio);
    region_fini(&t->ram_region);
    lock_release(&t->m->lock);
    ram_block_free(t->ram);
    machine_free(t->m);
    g_string_free(t->out, TRUE);
    g_free(t);
}

#endif
