/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector conversions between floating-point formats and integers (SSE, SSE2, AVX, F16C).
 */
#include "target/i386/simd.h"

/* exec_NAME: to[k] = expr of a = from[k], for count elements; the rest of the result is zero. */
#define CONVERT(NAME, type, from, to, count, expr)                                                 \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        struct sf_env env = simd_env(cpu), *e = &env;                                              \
        union x86_vec x, r = {{0}};                                                                \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        for (unsigned k = 0; k < (count); k++) {                                                   \
            const type a = (type)x.from[k];                                                        \
            r.to[k] = (expr);                                                                      \
        }                                                                                          \
        simd_done(cpu, e);                                                                         \
        operand_store_vec(cpu, i, 0, &r);                                                          \
    }

#define RC ((enum sf_rounding)e->rounding)

CONVERT(CVTPS2PD, uint32_t, d, q, operand_size(i, 0) / 8, f32_to_f64(e, a))
CONVERT(CVTPD2PS, uint64_t, q, d, operand_size(i, 1) / 8, f64_to_f32(e, a))
CONVERT(CVTDQ2PS, int32_t, d, d, operand_size(i, 0) / 4, f32_from_int(e, a))
CONVERT(CVTDQ2PD, int32_t, d, q, operand_size(i, 0) / 8, f64_from_int(e, a))
CONVERT(CVTPS2DQ, uint32_t, d, d, operand_size(i, 0) / 4, f32_to_int(e, a, 32, RC))
CONVERT(CVTTPS2DQ, uint32_t, d, d, operand_size(i, 0) / 4, f32_to_int(e, a, 32, SF_CHOP))
CONVERT(CVTPD2DQ, uint64_t, q, d, operand_size(i, 1) / 8, f64_to_int(e, a, 32, RC))
CONVERT(CVTTPD2DQ, uint64_t, q, d, operand_size(i, 1) / 8, f64_to_int(e, a, 32, SF_CHOP))

/* With MMX registers: always two elements. */
CONVERT(CVTPI2PS, int32_t, d, d, 2, f32_from_int(e, a))
CONVERT(CVTPI2PD, int32_t, d, q, 2, f64_from_int(e, a))
CONVERT(CVTPS2PI, uint32_t, d, d, 2, f32_to_int(e, a, 32, RC))
CONVERT(CVTTPS2PI, uint32_t, d, d, 2, f32_to_int(e, a, 32, SF_CHOP))
CONVERT(CVTPD2PI, uint64_t, q, d, 2, f64_to_int(e, a, 32, RC))
CONVERT(CVTTPD2PI, uint64_t, q, d, 2, f64_to_int(e, a, 32, SF_CHOP))

CONVERT(VCVTPH2PS, uint16_t, w, d, operand_size(i, 0) / 4, f16_to_f32(e, a))

/* VCVTPS2PH brings its own rounding mode unless the immediate's bit 2 says "MXCSR's". */
void exec_VCVTPS2PH(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct sf_env env = simd_env(cpu);
    union x86_vec x, r = {{0}};

    if (!(i->imm & 4)) {
        env.rounding = i->imm & 3;
    }
    operand_load_vec(cpu, i, 1, &x);
    for (unsigned k = 0; k < operand_size(i, 1) / 4; k++) {
        r.w[k] = f32_to_f16(&env, x.d[k]);
    }
    if (i->is_mem) { /* faults of the store come first */
        unsigned size = operand_size(i, 0);

        mem_probe(cpu, operand_linear(cpu, i, 0, size, /* write= */ true), size, /* write= */ true);
    }
    if (env.flags & ~env.masks) {
        simd_done(cpu, &env);
    }
    operand_store_vec(cpu, i, 0, &r); /* may fault: flags after it */
    simd_done(cpu, &env);
}

/* Scalar conversions that replace element 0 of operand 1. */
#define CONVERT_SCALAR(NAME, from, to, call)                                                       \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        struct sf_env env = simd_env(cpu);                                                         \
        union x86_vec x, y;                                                                        \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        x.to[0] = call(&env, y.from[0]);                                                           \
        simd_done(cpu, &env);                                                                      \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

CONVERT_SCALAR(CVTSS2SD, d, q, f32_to_f64)
CONVERT_SCALAR(CVTSD2SS, q, d, f64_to_f32)

/* From a 32- or 64-bit general register or memory. */
#define CONVERT_FROM_INT(NAME, to, call)                                                           \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        struct sf_env env = simd_env(cpu);                                                         \
        uint64_t v = operand_load(cpu, i, 2);                                                      \
        union x86_vec x;                                                                           \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        x.to[0] = call(&env, sign_extend(v, operand_size(i, 2)));                                  \
        simd_done(cpu, &env);                                                                      \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

CONVERT_FROM_INT(CVTSI2SS, d, f32_from_int)
CONVERT_FROM_INT(CVTSI2SD, q, f64_from_int)

/* To a 32- or 64-bit general register. */
#define CONVERT_TO_INT(NAME, from, call, rc)                                                       \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        struct sf_env env = simd_env(cpu), *e = &env;                                              \
        union x86_vec x;                                                                           \
        int64_t v;                                                                                 \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        v = call(e, x.from[0], operand_size(i, 0) * 8, rc);                                        \
        simd_done(cpu, e);                                                                         \
        operand_store(cpu, i, 0, (uint64_t)v);                                                     \
    }

CONVERT_TO_INT(CVTSS2SI, d, f32_to_int, RC)
CONVERT_TO_INT(CVTTSS2SI, d, f32_to_int, SF_CHOP)
CONVERT_TO_INT(CVTSD2SI, q, f64_to_int, RC)
CONVERT_TO_INT(CVTTSD2SI, q, f64_to_int, SF_CHOP)
