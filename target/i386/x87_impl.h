/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to x87*.c: the register stack, exceptions, and the bridge to softfloat.
 *
 * An instruction reads its memory operand or probes its destination first (that may fault), then
 * calls x87_note(), computes, and commits the flags; only then may registers change.
 */
#ifndef VITRO_TARGET_I386_X87_IMPL_H
#define VITRO_TARGET_I386_X87_IMPL_H

#include "target/i386/exec.h"
#include "target/i386/softfloat.h"
#include "target/i386/x87.h"

static inline unsigned x87_phys(const struct x86_cpu *cpu, unsigned n)
{
    return (cpu->fpu.top + n) & 7;
}

static inline bool x87_empty(const struct x86_cpu *cpu, unsigned n)
{
    return cpu->fpu.empty >> x87_phys(cpu, n) & 1;
}

static inline struct f80 x87_get(const struct x86_cpu *cpu, unsigned n)
{
    const struct x86_fpr *r = &cpu->fpu.r[x87_phys(cpu, n)];

    return (struct f80){.sig = r->mant, .se = r->exp};
}

static inline void x87_set(struct x86_cpu *cpu, unsigned n, struct f80 v)
{
    cpu->fpu.r[x87_phys(cpu, n)] = (struct x86_fpr){.mant = v.sig, .exp = v.se};
    cpu->fpu.empty &= ~(1u << x87_phys(cpu, n));
}

static inline void x87_pop(struct x86_cpu *cpu)
{
    cpu->fpu.empty |= 1u << cpu->fpu.top;
    cpu->fpu.top = (cpu->fpu.top + 1) & 7;
}

static inline void x87_push(struct x86_cpu *cpu, struct f80 v)
{
    cpu->fpu.top = (cpu->fpu.top - 1) & 7;
    x87_set(cpu, 0, v);
}

static inline void x87_set_conds(struct x86_cpu *cpu, uint16_t mask, uint16_t conds)
{
    cpu->fpu.sw = (cpu->fpu.sw & ~mask) | conds;
}

struct sf_env x87_env(const struct x86_cpu *cpu);

/* Remembers opcode, instruction and operand pointer, as every non-control instruction does. */
void x87_note(struct x86_cpu *cpu, const struct x86_insn *i);

/*
 * Adds env's flags to the status word and sets C1. Returns false when an unmasked IE, DE or ZE
 * forbids to deliver a result.
 */
bool x87_commit(struct x86_cpu *cpu, struct sf_env *env);

/* Stack overflow or underflow; true when masked: the result is then the default NaN. */
bool x87_stack_fault(struct x86_cpu *cpu, bool overflow);

/* Checks that ST(n) is in use; otherwise a stack fault. */
static inline bool x87_in_use(struct x86_cpu *cpu, unsigned n, bool *ret_masked)
{
    if (!x87_empty(cpu, n)) {
        return true;
    }
    *ret_masked = x87_stack_fault(cpu, /* overflow= */ false);
    return false;
}

/* #AC when alignment is checked and la is not a multiple of size. */
void x87_check_alignment(struct x86_cpu *cpu, uint64_t la, unsigned size);

/* The address of the memory operand, after all checks of a store of `size` bytes. */
uint64_t x87_probe_store(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size);

#endif
