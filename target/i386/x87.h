/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x87's registers and status as the rest of target/i386 sees them.
 */
#ifndef VITRO_TARGET_I386_X87_H
#define VITRO_TARGET_I386_X87_H

#include "target/i386/cpu.h"

enum {
    X87_SF = 1 << 6, /* status word: stack fault */
    X87_ES = 1 << 7, /* an unmasked exception waits */
    X87_C0 = 1 << 8,
    X87_C1 = 1 << 9,
    X87_C2 = 1 << 10,
    X87_C3 = 1 << 14,
    X87_B = 1 << 15, /* follows ES */
    X87_CONDS = X87_C0 | X87_C1 | X87_C2 | X87_C3,
    X87_CW_RESET = 0x037f,
    MXCSR_RESET = 0x1f80,
    MXCSR_MM = 1 << 17, /* AMD: misaligned SSE operands allowed */
};

/* FNINIT: control, status and tags; the registers' contents stay. */
void x87_init(struct x86_cpu *cpu);

/*
 * The check for a pending error before waiting instructions: #MF with CR0.NE; without, FERR# is
 * asserted and the instruction starts again until the error is gone or IGNNE# is asserted.
 */
void x87_check_pending(struct x86_cpu *cpu);

/* What an MMX instruction does to the x87: TOP = 0, all registers valid. */
void x87_enter_mmx(struct x86_cpu *cpu);

/* Sets ES and B after the control word or the exception flags changed; moves the FERR line. */
void x87_update_es(struct x86_cpu *cpu);

/* The status word with TOP; the full tag word (two bits per register: valid, zero, special, empty);
 * the abridged one of FXSAVE (bit set: not empty). */
uint16_t x87_status(const struct x86_cpu *cpu);
void x87_set_status(struct x86_cpu *cpu, uint16_t sw);
uint16_t x87_tags(const struct x86_cpu *cpu);
void x87_set_tags(struct x86_cpu *cpu, uint16_t tags);

/* AMD's processors store the pointers only while an unmasked exception waits. */
static inline bool x87_pointers_stored(const struct x86_cpu *cpu)
{
    return !cpu->vendor_amd || cpu->fpu.sw & X87_ES;
}

static inline uint8_t x87_abridged_tags(const struct x86_cpu *cpu)
{
    return (uint8_t)~cpu->fpu.empty;
}

/* MXCSR bits that this CPU lets be set. */
static inline uint32_t mxcsr_mask(const struct x86_cpu *cpu)
{
    return x86_has(cpu, X86_F_MISALIGNSSE) ? 0xffff | MXCSR_MM : 0xffff;
}

#endif
