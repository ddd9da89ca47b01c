/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's x87 and MMX registers in the host's FPU.
 *
 * They are loaded when a block that uses them is entered, and stored when C code needs them in
 * struct x86_cpu (struct jit_cpu.fpu_off). While they are in the host, every exception is masked in
 * the guest's control word, so that none can reach the host; struct x86_fpu then holds only the
 * pointers and the last opcode.
 */
#ifndef VITRO_ACCEL_TCG_JIT_X87_H
#define VITRO_ACCEL_TCG_JIT_X87_H

#include <stdbool.h>
#include <stdint.h>

struct host_buf;
struct jit;
struct jit_tr;
struct x86_cpu;
struct x86_row;

/* Per vCPU: memory that emitted code gives to FLDENV and FLDCW. */
struct jit_fpu {
    uint32_t env[7];
    uint32_t cw;
};

struct jit_fpu_thunks {
    uint8_t *load; /* in the writable mapping; destroys RCX and R11 only */
};

/* Whether JIT_MODE_X87 holds. True or not, it stays so until one of jit_touches_fpu()'s
 * instructions, or a change of CR0. */
bool jit_x87_usable(const struct x86_cpu *cpu);
/* Whether the interpreter's function for @row works on struct x86_fpu. */
bool jit_touches_fpu(const struct x86_row *row);

/* Brings the state to struct x86_fpu, if it is in the host's FPU, which is then as after FNINIT. */
void jit_fpu_save(struct x86_cpu *cpu);
/* Loads it, if it is not there; the GS base is @cpu. For going back to a block with `fpu`. */
void jit_fpu_load(const struct jit *j, struct x86_cpu *cpu);

void jit_emit_fpu_thunks(struct jit *j, struct host_buf *b);
/* For the start of a block with `fpu`: loads the state; flags stay. */
void jit_emit_fpu_check(struct jit_tr *tr);

#endif
