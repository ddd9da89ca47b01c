/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An x86 vCPU: the thread of accel/ and the state of a CPU put together.
 *
 * Boards make one per CPU with x86_vcpu_new(), or embed one and call x86_vcpu_init(), set the
 * CPU's features, address spaces and irq_ops, and start it with vcpu_start_thread(&xv->vcpu).
 */
#ifndef VITRO_TARGET_I386_VCPU_H
#define VITRO_TARGET_I386_VCPU_H

#include "accel/accel.h"
#include "target/i386/models.h"
#include "util/linker_set.h"

struct x86_vcpu {
    struct vcpu vcpu; /* first */
    struct x86_cpu *cpu;
    struct view_listener mem_changed, smm_changed;
};

/* The CPU has @m's memory, I/O and clock; its kick wakes the thread. Not started. */
struct x86_vcpu *x86_vcpu_new(struct machine *m, unsigned index, uint32_t apic_id);
/* Joins the thread. NULL is fine. */
void x86_vcpu_free(struct x86_vcpu *xv);
/* As those two, for one that is zeroed and part of something else. */
void x86_vcpu_init(struct x86_vcpu *xv, struct machine *m, unsigned index, uint32_t apic_id);
void x86_vcpu_fini(struct x86_vcpu *xv);

/* @smm is what the CPU sees in system management mode. Before the thread runs. */
void x86_vcpu_set_smm_memory(struct x86_vcpu *xv, struct address_space *smm);

struct x86_cpu *x86_vcpu_cpu(const struct vcpu *v);

/* What an accelerator with a CPU of its own offers guests. Without a row, the software CPU's. */
struct x86_engine {
    const char *accel; /* accel_type.name */
    bool (*caps)(struct accel *a, struct x86_accel_caps *ret, GError **error);
    /* Whether its CPUs have system management mode. */
    bool (*smm)(struct accel *a);
};

#define X86_ENGINE(sym) LINKER_SET_ENTRY(x86_engines, struct x86_engine, sym)

#endif
