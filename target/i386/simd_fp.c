/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector floating-point arithmetic: SSE, SSE2, SSE3, SSE4.1, AVX and FMA.
 *
 * All flags of all elements are collected before anything is written, so that an unmasked
 * exception leaves the destination alone (Intel's manual, volume 1, 11.5).
 */
#include "target/i386/simd.h"

#include "target/i386/approx.h"
#include "target/i386/x87.h"

void simd_done(struct x86_cpu *cpu, struct sf_env *env)
{
    sf_drop_post_flags(env);
    cpu->mxcsr |= env->flags;
    if (env->flags & ~env->masks) {
        if (insn_row(cpu->insn)->needs & MMXF) {
            x87_enter_mmx(cpu);
        }
        x86_raise(cpu, cpu->cr4 & CR4_OSXMMEXCPT ? EXC_XM : EXC_UD, 0);
    }
}

/* exec_NAME on the first `count` elements; the rest of the destination is the first source's. */
#define FP_BINARY_AS(NAME, field, count, call)                                                     \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        struct sf_env env = simd_env(cpu), *e = &env;                                              \
        union x86_vec x, y;                                                                        \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        for (unsigned k = 0; k < (count); k++) {                                                   \
            x.field[k] = call(e, x.field[k], y.field[k]);                                          \
        }                                                                                          \
        simd_done(cpu, e);                                                                         \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

#define FP_BINARY(NAME, op)                                                                        \
    FP_BINARY_AS(NAME##PS, d, operand_size(i, 0) / 4, f32_##op)                                    \
    FP_BINARY_AS(NAME##PD, q, operand_size(i, 0) / 8, f64_##op)                                    \
    FP_BINARY_AS(NAME##SS, d, 1, f32_##op)                                                         \
    FP_BINARY_AS(NAME##SD, q, 1, f64_##op)

FP_BINARY(ADD, add)
FP_BINARY(SUB, sub)
FP_BINARY(MUL, mul)
FP_BINARY(DIV, div)
FP_BINARY(MIN, min)
FP_BINARY(MAX, max)

/* Unary: packed forms have the source as operand 1, scalar ones as operand 2. */
#define FP_UNARY_AS(NAME, field, src, count, call)                                                 \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        struct sf_env env = simd_env(cpu), *e = &env;                                              \
        union x86_vec x, y;                                                                        \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, src, &y);                                                         \
        for (unsigned k = 0; k < (count); k++) {                                                   \
            x.field[k] = call(e, y.field[k]);                                                      \
        }                                                                                          \
        simd_done(cpu, e);                                                                         \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

FP_UNARY_AS(SQRTPS, d, 1, operand_size(i, 0) / 4, f32_sqrt)
FP_UNARY_AS(SQRTPD, q, 1, operand_size(i, 0) / 8, f64_sqrt)
FP_UNARY_AS(SQRTSS, d, 2, 1, f32_sqrt)
FP_UNARY_AS(SQRTSD, q, 2, 1, f64_sqrt)

/* RCP and RSQRT neither round nor report, but obey DAZ and FTZ. */
#define FP_APPROX(NAME, src, count, call)                                                          \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        union x86_vec x, y;                                                                        \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, src, &y);                                                         \
        for (unsigned k = 0; k < (count); k++) {                                                   \
            x.d[k] = call(cpu->mxcsr, y.d[k]);                                                     \
        }                                                                                          \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

FP_APPROX(RCPPS, 1, operand_size(i, 0) / 4, approx_rcp)
FP_APPROX(RCPSS, 2, 1, approx_rcp)
FP_APPROX(RSQRTPS, 1, operand_size(i, 0) / 4, approx_rsqrt)
FP_APPROX(RSQRTSS, 2, 1, approx_rsqrt)

/* ---- rounding to integers ---------------------------------------------------------------- */

/* The immediate of ROUNDPS: rounding mode, "use MXCSR's", "be quiet about inexactness". */
static struct sf_env round_env(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct sf_env env = simd_env(cpu);

    if (!(i->imm & 4)) {
        env.rounding = i->imm & 3;
    }
    return env;
}

#define FP_ROUND(NAME, field, src, count, call)                                                    \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        struct sf_env env = round_env(cpu, i);                                                     \
        union x86_vec x, y;                                                                        \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, src, &y);                                                         \
        for (unsigned k = 0; k < (count); k++) {                                                   \
            x.field[k] = call(&env, y.field[k]);                                                   \
        }                                                                                          \
        if (i->imm & 8) {                                                                          \
            env.flags &= ~SF_PE;                                                                   \
        }                                                                                          \
        simd_done(cpu, &env);                                                                      \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

FP_ROUND(ROUNDPS, d, 1, operand_size(i, 0) / 4, f32_round_int)
FP_ROUND(ROUNDPD, q, 1, operand_size(i, 0) / 8, f64_round_int)
FP_ROUND(ROUNDSS, d, 2, 1, f32_round_int)
FP_ROUND(ROUNDSD, q, 2, 1, f64_round_int)

/* ---- comparison -------------------------------------------------------------------------- */

/* Predicates 0-15 as the set of relations that satisfy them; 16-31 differ only in signalling. */
enum { L = 1, E = 2, G = 4, U = 8 };

static const uint8_t predicates[16] = {
    E,     L,     L | E,     U, L | G | U, E | G | U, G | U, L | E | G,
    E | U, L | U, L | E | U, 0, L | G,     E | G,     G,     L | E | G | U,
};

static bool predicate_holds(unsigned predicate, enum sf_relation rel)
{
    unsigned bit = rel == SF_LESS ? L : rel == SF_EQUAL ? E : rel == SF_GREATER ? G : U;

    return predicates[predicate & 15] & bit;
}

/* Quiet predicates raise IE only for signalling NaNs. */
static bool predicate_quiet(unsigned predicate)
{
    unsigned low = predicate & 3;

    return (low == 0 || low == 3) != (predicate >> 4 & 1);
}

#define FP_COMPARE(NAME, field, count, call)                                                       \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        const unsigned predicate = i->imm & (insn_is_vex(i) ? 31 : 7);                             \
        const bool quiet = predicate_quiet(predicate);                                             \
        struct sf_env env = simd_env(cpu);                                                         \
        union x86_vec x, y;                                                                        \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        for (unsigned k = 0; k < (count); k++) {                                                   \
            enum sf_relation rel = call(&env, x.field[k], y.field[k], quiet);                      \
            x.field[k] = -(uint64_t)predicate_holds(predicate, rel);                               \
        }                                                                                          \
        simd_done(cpu, &env);                                                                      \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

FP_COMPARE(CMPPS, d, operand_size(i, 0) / 4, f32_compare)
FP_COMPARE(CMPPD, q, operand_size(i, 0) / 8, f64_compare)
FP_COMPARE(CMPSS, d, 1, f32_compare)
FP_COMPARE(CMPSD_V, q, 1, f64_compare)

/* COMISS and UCOMISS set ZF, PF and CF, and clear the others. */
#define FP_COMPARE_FLAGS(NAME, field, call, quiet)                                                 \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        struct sf_env env = simd_env(cpu);                                                         \
        enum sf_relation rel;                                                                      \
        union x86_vec x, y;                                                                        \
        operand_load_vec(cpu, i, 0, &x);                                                           \
        operand_load_vec(cpu, i, 1, &y);                                                           \
        rel = call(&env, x.field[0], y.field[0], quiet);                                           \
        simd_done(cpu, &env);                                                                      \
        flags_set_status(cpu, rel == SF_UNORDERED ? FLAG_ZF | FLAG_PF | FLAG_CF                    \
                              : rel == SF_EQUAL   ? FLAG_ZF                                        \
                              : rel == SF_LESS    ? FLAG_CF                                        \
                                                  : 0);                                               \
    }

FP_COMPARE_FLAGS(UCOMISS, d, f32_compare, true)
FP_COMPARE_FLAGS(UCOMISD, q, f64_compare, true)
FP_COMPARE_FLAGS(COMISS, d, f32_compare, false)
FP_COMPARE_FLAGS(COMISD, q, f64_compare, false)

/* ---- neighbours -------------------------------------------------------------------------- */

/* HADDPS, HSUBPD ...: pairs of neighbours, the first source's in the lower half of each lane. */
#define FP_HORIZONTAL(NAME, field, size, call)                                                     \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        const unsigned lane = 16 / (size), count = operand_size(i, 0) / (size);                    \
        struct sf_env env = simd_env(cpu);                                                         \
        union x86_vec x, y, r = {{0}};                                                             \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        for (unsigned k = 0; k < count; k++) {                                                     \
            const union x86_vec *v = k % lane < lane / 2 ? &x : &y;                                \
            const unsigned n = k / lane * lane + 2 * k % lane;                                     \
            r.field[k] = call(&env, v->field[n], v->field[n + 1]);                                 \
        }                                                                                          \
        simd_done(cpu, &env);                                                                      \
        operand_store_vec(cpu, i, 0, &r);                                                          \
    }

FP_HORIZONTAL(HADDPS, d, 4, f32_add)
FP_HORIZONTAL(HADDPD, q, 8, f64_add)
FP_HORIZONTAL(HSUBPS, d, 4, f32_sub)
FP_HORIZONTAL(HSUBPD, q, 8, f64_sub)

/* ADDSUBPS, ADDSUBPD: even elements subtract, odd ones add. */
#define FP_ADDSUB(NAME, field, size, add, sub)                                                     \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        struct sf_env env = simd_env(cpu);                                                         \
        union x86_vec x, y;                                                                        \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        for (unsigned k = 0; k < operand_size(i, 0) / (size); k++) {                               \
            x.field[k] = (k & 1 ? add : sub)(&env, x.field[k], y.field[k]);                        \
        }                                                                                          \
        simd_done(cpu, &env);                                                                      \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

FP_ADDSUB(ADDSUBPS, d, 4, f32_add, f32_sub)
FP_ADDSUB(ADDSUBPD, q, 8, f64_add, f64_sub)

/*
 * Dot products. The products are complete, exceptions included, before the sums begin, and the sum
 * is that of neighbours first.
 */
void exec_DPPS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct sf_env env = simd_env(cpu);
    unsigned lanes = operand_size(i, 0) / 16;
    union x86_vec x, y, r = {{0}};

    operand_load_vec(cpu, i, 1, &x);
    operand_load_vec(cpu, i, 2, &y);
    for (unsigned k = 0; k < 4 * lanes; k++) {
        x.d[k] = i->imm >> (4 + k % 4) & 1 ? f32_mul(&env, x.d[k], y.d[k]) : 0;
    }
    simd_done(cpu, &env);
    for (unsigned at = 0; at < 4 * lanes; at += 4) {
        x.d[at] = f32_add(&env, x.d[at], x.d[at + 1]);
        x.d[at + 1] = f32_add(&env, x.d[at + 2], x.d[at + 3]);
    }
    simd_done(cpu, &env);
    for (unsigned at = 0; at < 4 * lanes; at += 4) {
        uint32_t sum = f32_add(&env, x.d[at], x.d[at + 1]);

        for (unsigned k = 0; k < 4; k++) {
            r.d[at + k] = i->imm >> k & 1 ? sum : 0;
        }
    }
    simd_done(cpu, &env);
    operand_store_vec(cpu, i, 0, &r);
}

void exec_DPPD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct sf_env env = simd_env(cpu);
    union x86_vec x, y, r = {{0}};
    uint64_t sum;

    operand_load_vec(cpu, i, 1, &x);
    operand_load_vec(cpu, i, 2, &y);
    for (unsigned k = 0; k < 2; k++) {
        x.q[k] = i->imm >> (4 + k) & 1 ? f64_mul(&env, x.q[k], y.q[k]) : 0;
    }
    simd_done(cpu, &env);
    sum = f64_add(&env, x.q[0], x.q[1]);
    simd_done(cpu, &env);
    r.q[0] = i->imm & 1 ? sum : 0;
    r.q[1] = i->imm & 2 ? sum : 0;
    operand_store_vec(cpu, i, 0, &r);
}

/* ---- fused multiply-add ------------------------------------------------------------------ */

/*
 * The opcode says which: its high digit the order of operands (9: 132, A: 213, B: 231), the low
 * one the signs: 6 add and subtract in turn, 7 the other way round, 8 add, A subtract, C and E the
 * same with the product negated; odd ones from 9 are scalar.
 */
static unsigned fma_negate(unsigned opcode, unsigned k)
{
    switch (opcode & 0xf) {
    case 0x6:
        return k & 1 ? 0 : SF_NEGATE_ADDEND;
    case 0x7:
        return k & 1 ? SF_NEGATE_ADDEND : 0;
    case 0x8:
    case 0x9:
        return 0;
    case 0xa:
    case 0xb:
        return SF_NEGATE_ADDEND;
    case 0xc:
    case 0xd:
        return SF_NEGATE_PRODUCT;
    default:
        return SF_NEGATE_PRODUCT | SF_NEGATE_ADDEND;
    }
}

#define FP_FMA(NAME, field, type, count, call)                                                     \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        struct sf_env env = simd_env(cpu);                                                         \
        union x86_vec x, y, z;                                                                     \
        operand_load_vec(cpu, i, 0, &x);                                                           \
        operand_load_vec(cpu, i, 1, &y);                                                           \
        operand_load_vec(cpu, i, 2, &z);                                                           \
        for (unsigned k = 0; k < (count); k++) {                                                   \
            const unsigned negate = fma_negate(i->opcode, k);                                      \
            const type a = x.field[k], b = y.field[k], c = z.field[k];                             \
            switch (i->opcode >> 4) {                                                              \
            case 0x9:                                                                              \
                x.field[k] = call(&env, a, c, b, negate);                                          \
                break;                                                                             \
            case 0xa:                                                                              \
                x.field[k] = call(&env, b, a, c, negate);                                          \
                break;                                                                             \
            default:                                                                               \
                x.field[k] = call(&env, b, c, a, negate);                                          \
                break;                                                                             \
            }                                                                                      \
        }                                                                                          \
        simd_done(cpu, &env);                                                                      \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

FP_FMA(VFMAPS, d, uint32_t, operand_size(i, 0) / 4, f32_fma)
FP_FMA(VFMAPD, q, uint64_t, operand_size(i, 0) / 8, f64_fma)
FP_FMA(VFMASS, d, uint32_t, 1, f32_fma)
FP_FMA(VFMASD, q, uint64_t, 1, f64_fma)
