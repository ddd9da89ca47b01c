/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to simd_*.c: shapes of vector instructions, and the bridge from MXCSR to softfloat.
 *
 * Operand 0 is the destination, 1 and 2 the sources. Loads zero what lies above the operand, so
 * kernels always work on whole registers in loops of constant length, and MMX, SSE and AVX forms
 * share them. Kernels that work within 128-bit lanes are told the lane's size: 8 for MMX.
 */
#ifndef VITRO_TARGET_I386_SIMD_H
#define VITRO_TARGET_I386_SIMD_H

#include "target/i386/exec.h"
#include "target/i386/softfloat.h"

#define VEC_COUNT(type) (X86_VEC_BYTES / sizeof(type))

/* exec_NAME: each element of the destination is expr of the sources' elements a and b */
#define VEC_BINARY(NAME, type, field, expr)                                                        \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        union x86_vec x, y;                                                                        \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        for (unsigned k = 0; k < VEC_COUNT(type); k++) {                                           \
            const type a = (type)x.field[k], b = (type)y.field[k];                                 \
            x.field[k] = (type)(expr);                                                             \
        }                                                                                          \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

/* exec_NAME: each element of the destination is expr of the source's element a */
#define VEC_UNARY(NAME, type, field, expr)                                                         \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        union x86_vec x;                                                                           \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        for (unsigned k = 0; k < VEC_COUNT(type); k++) {                                           \
            const type a = (type)x.field[k];                                                       \
            x.field[k] = (type)(expr);                                                             \
        }                                                                                          \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

/* exec_NAME: call kernel(&r, &x, &y, ...) on whole registers */
#define VEC_KERNEL(NAME, kernel, ...)                                                              \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        union x86_vec x, y, r = {{0}};                                                             \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        kernel(&r, &x, &y, ##__VA_ARGS__);                                                         \
        operand_store_vec(cpu, i, 0, &r);                                                          \
    }

/* The same for kernels of one source. */
#define VEC_KERNEL1(NAME, kernel, ...)                                                             \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        union x86_vec x, r = {{0}};                                                                \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        kernel(&r, &x, ##__VA_ARGS__);                                                             \
        operand_store_vec(cpu, i, 0, &r);                                                          \
    }

/* Bytes of a lane: an MMX register, or 128 bits. */
static inline unsigned vec_lane(const struct x86_insn *i)
{
    return operand_size(i, 0) == 8 ? 8 : 16;
}

static inline struct sf_env simd_env(const struct x86_cpu *cpu)
{
    return (struct sf_env){
        .rounding = cpu->mxcsr >> 13 & 3,
        .masks = cpu->mxcsr >> 7 & SF_ALL,
        .daz = cpu->mxcsr >> 6 & 1,
        .ftz = cpu->mxcsr >> 15 & 1,
        .raised = cpu->mxcsr & SF_ALL,
    };
}

/* Moves env's flags to MXCSR; raises #XM (or #UD) if one is unmasked. Call before any store. */
void simd_done(struct x86_cpu *cpu, struct sf_env *env);

#endif
