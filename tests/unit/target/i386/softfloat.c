/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software floating point against the host's own: random and special operands, values and flags.
 *
 * Only x86-64 hosts have something to compare with; elsewhere there is nothing to run.
 */
#if defined(__x86_64__)
#include "target/i386/softfloat.h"

#include <glib.h>
#include <string.h>

enum { TRIALS = 60000 };

/* ---- operands ---------------------------------------------------------------------------- */

static uint64_t rng_state;

static uint64_t rng(void)
{
    rng_state += 0x9e3779b97f4a7c15ull;
    uint64_t z = rng_state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* A significand field with long runs of equal bits, or a plain random one. */
static uint64_t rng_frac(void)
{
    uint64_t r = rng();

    switch (rng() % 4) {
    case 0:
        return r >> (rng() % 64);
    case 1:
        return ~0ull << (rng() % 64);
    case 2:
        return (~0ull << (rng() % 64)) ^ (1ull << (rng() % 64));
    default:
        return r;
    }
}

static int rng_exp(int exp_bits)
{
    int max = (1 << exp_bits) - 1, bias = max / 2;

    switch (rng() % 8) {
    case 0:
        return 0;
    case 1:
        return max;
    case 2:
        return 1 + rng() % 3;
    case 3:
        return max - 1 - rng() % 3;
    case 4:
        return bias + rng() % 70;
    case 5:
        return bias - 35 + rng() % 70;
    case 6:
        return bias;
    default:
        return rng() % (max + 1);
    }
}

static uint64_t rng_small(int exp_bits, int frac_bits)
{
    uint64_t frac = rng() % 6 ? rng_frac() : 0;

    frac = rng() % 2 ? frac & ((1ull << frac_bits) - 1) : frac << 1 >> (64 - frac_bits);
    return rng() % 2 << (exp_bits + frac_bits) | (uint64_t)rng_exp(exp_bits) << frac_bits | frac;
}

static struct f80 rng_80(void)
{
    struct f80 r = {.sig = rng() % 6 ? rng_frac() : 0, .se = rng_exp(15)};

    if (rng() % 16) {
        r.sig = r.se ? r.sig | 1ull << 63 : r.sig & ~(1ull << 63);
    }
    r.se |= rng() % 2 << 15;
    return r;
}

/* ---- SSE --------------------------------------------------------------------------------- */

struct sse_case {
    const char *name;
    char in, out; /* s single, d double, i/q 32/64-bit integer, b boolean relation, h half */
    uint64_t (*host)(uint32_t *mxcsr, uint64_t a, uint64_t b, uint64_t c);
    uint64_t (*soft)(struct sf_env *env, uint64_t a, uint64_t b, uint64_t c);
};

#define SSE_HOST(name, body, ...)                                                                  \
    static uint64_t host_##name(uint32_t *mxcsr, uint64_t a, uint64_t b, uint64_t c)               \
    {                                                                                              \
        uint32_t saved;                                                                            \
        uint64_t r = 0;                                                                            \
        __asm__ volatile("stmxcsr %[saved]\n ldmxcsr %[csr]\n"                                     \
                         "movq %[a], %%xmm0\n movq %[b], %%xmm1\n movq %[c], %%xmm2\n" body        \
                         "\n stmxcsr %[csr]\n ldmxcsr %[saved]\n"                                  \
                         : [r] "+r"(r), [csr] "+m"(*mxcsr), [saved] "=m"(saved)                    \
                         : [a] "r"(a), [b] "r"(b), [c] "r"(c)                                      \
                         : "xmm0", "xmm1", "xmm2", "rax", "cc");                                   \
        return r;                                                                                  \
    }

#define SSE_SOFT(name, call)                                                                       \
    static uint64_t soft_##name(struct sf_env *env, uint64_t a, uint64_t b, uint64_t c)            \
    {                                                                                              \
        (void)a, (void)b, (void)c;                                                                 \
        return call;                                                                               \
    }

#define SSE_CASE(name, body, call) SSE_HOST(name, body) SSE_SOFT(name, call)

#define TO_S "\n movd %%xmm0, %k[r]"
#define TO_D "\n movq %%xmm0, %[r]"

#define SSE_ARITH(op)                                                                              \
    SSE_CASE(op##ss, #op "ss %%xmm1, %%xmm0" TO_S, f32_##op(env, a, b))                            \
    SSE_CASE(op##sd, #op "sd %%xmm1, %%xmm0" TO_D, f64_##op(env, a, b))

SSE_ARITH(add)
SSE_ARITH(sub)
SSE_ARITH(mul)
SSE_ARITH(div)
SSE_ARITH(min)
SSE_ARITH(max)
SSE_CASE(sqrtss, "sqrtss %%xmm0, %%xmm0" TO_S, f32_sqrt(env, a))
SSE_CASE(sqrtsd, "sqrtsd %%xmm0, %%xmm0" TO_D, f64_sqrt(env, a))
SSE_CASE(fmass, "vfmadd213ss %%xmm2, %%xmm1, %%xmm0" TO_S, f32_fma(env, b, a, c, 0))
SSE_CASE(fmasd, "vfmadd213sd %%xmm2, %%xmm1, %%xmm0" TO_D, f64_fma(env, b, a, c, 0))
SSE_CASE(fnmass, "vfnmsub213ss %%xmm2, %%xmm1, %%xmm0" TO_S, f32_fma(env, b, a, c, 3))
SSE_CASE(fnmasd, "vfnmsub213sd %%xmm2, %%xmm1, %%xmm0" TO_D, f64_fma(env, b, a, c, 3))
SSE_CASE(cvtss2sd, "cvtss2sd %%xmm0, %%xmm0" TO_D, f32_to_f64(env, a))
SSE_CASE(cvtsd2ss, "cvtsd2ss %%xmm0, %%xmm0" TO_S, f64_to_f32(env, a))
SSE_CASE(cvtss2si, "cvtss2si %%xmm0, %k[r]", (uint32_t)f32_to_int(env, a, 32, env->rounding))
SSE_CASE(cvtss2sq, "cvtss2si %%xmm0, %[r]", f32_to_int(env, a, 64, env->rounding))
SSE_CASE(cvttsd2si, "cvttsd2si %%xmm0, %k[r]", (uint32_t)f64_to_int(env, a, 32, SF_CHOP))
SSE_CASE(cvtsd2sq, "cvtsd2si %%xmm0, %[r]", f64_to_int(env, a, 64, env->rounding))
SSE_CASE(cvtsi2ss, "cvtsi2ss %k[a], %%xmm0" TO_S, f32_from_int(env, (int32_t)a))
SSE_CASE(cvtsq2ss, "cvtsi2ss %[a], %%xmm0" TO_S, f32_from_int(env, a))
SSE_CASE(cvtsq2sd, "cvtsi2sd %[a], %%xmm0" TO_D, f64_from_int(env, a))
SSE_CASE(roundss, "roundss $4, %%xmm0, %%xmm0" TO_S, f32_round_int(env, a))
SSE_CASE(roundsd, "roundsd $4, %%xmm0, %%xmm0" TO_D, f64_round_int(env, a))
SSE_CASE(vcvtps2ph, "vcvtps2ph $4, %%xmm0, %%xmm0\n pextrw $0, %%xmm0, %k[r]", f32_to_f16(env, a))
SSE_CASE(vcvtph2ps, "vcvtph2ps %%xmm0, %%xmm0" TO_S, f16_to_f32(env, a))

/* ucomis: ZF, PF and CF as lahf shows them */
static uint64_t relation_flags(enum sf_relation r)
{
    return r == SF_UNORDERED ? 0x45 : r == SF_EQUAL ? 0x40 : r == SF_LESS ? 0x01 : 0;
}

#define LAHF "\n lahf\n movzbl %%ah, %%eax\n mov %%eax, %k[r]\n and $0x45, %[r]"

SSE_CASE(ucomiss, "ucomiss %%xmm1, %%xmm0" LAHF, relation_flags(f32_compare(env, a, b, true)))
SSE_CASE(ucomisd, "ucomisd %%xmm1, %%xmm0" LAHF, relation_flags(f64_compare(env, a, b, true)))
SSE_CASE(comiss, "comiss %%xmm1, %%xmm0" LAHF, relation_flags(f32_compare(env, a, b, false)))

#define ROW(name, in, out)                                                                         \
    {                                                                                              \
#name, in, out, host_##name, soft_##name                                                   \
    }

static const struct sse_case sse_cases[] = {
    ROW(addss, 's', 's'),     ROW(addsd, 'd', 'd'),     ROW(subss, 's', 's'),
    ROW(subsd, 'd', 'd'),     ROW(mulss, 's', 's'),     ROW(mulsd, 'd', 'd'),
    ROW(divss, 's', 's'),     ROW(divsd, 'd', 'd'),     ROW(minss, 's', 's'),
    ROW(minsd, 'd', 'd'),     ROW(maxss, 's', 's'),     ROW(maxsd, 'd', 'd'),
    ROW(sqrtss, 's', 's'),    ROW(sqrtsd, 'd', 'd'),    ROW(fmass, 's', 's'),
    ROW(fmasd, 'd', 'd'),     ROW(fnmass, 's', 's'),    ROW(fnmasd, 'd', 'd'),
    ROW(cvtss2sd, 's', 'd'),  ROW(cvtsd2ss, 'd', 's'),  ROW(cvtss2si, 's', 'i'),
    ROW(cvtss2sq, 's', 'i'),  ROW(cvttsd2si, 'd', 'i'), ROW(cvtsd2sq, 'd', 'i'),
    ROW(cvtsi2ss, 'i', 's'),  ROW(cvtsq2ss, 'i', 's'),  ROW(cvtsq2sd, 'i', 'd'),
    ROW(roundss, 's', 's'),   ROW(roundsd, 'd', 'd'),   ROW(vcvtps2ph, 's', 'h'),
    ROW(vcvtph2ps, 'h', 's'), ROW(ucomiss, 's', 'b'),   ROW(ucomisd, 'd', 'b'),
    ROW(comiss, 's', 'b'),
};

static uint64_t sse_operand(char kind)
{
    switch (kind) {
    case 's':
        return rng_small(8, 23);
    case 'd':
        return rng_small(11, 52);
    case 'h':
        return rng_small(5, 10);
    default:
        return (int64_t)rng_frac() >> rng() % 64;
    }
}

static void test_sse(gconstpointer data)
{
    const struct sse_case *t = data;

    if (strstr(t->name, "fm") || strstr(t->name, "fnm")) {
        if (!__builtin_cpu_supports("fma")) {
            g_test_skip("the host has no FMA");
            return;
        }
    } else if (t->name[0] == 'v' && !__builtin_cpu_supports("avx2")) {
        g_test_skip("the host has no F16C");
        return;
    }
    for (int i = 0; i < TRIALS; i++) {
        uint64_t a = sse_operand(t->in), b = sse_operand(t->in), c = sse_operand(t->in);
        unsigned rc = rng() % 4;
        bool daz = rng() % 4 == 0, ftz = rng() % 4 == 0;
        uint32_t csr = 0x1f80 | rc << 13 | daz << 6 | ftz << 15;
        struct sf_env env = {.rounding = rc, .masks = SF_ALL, .daz = daz, .ftz = ftz};
        uint64_t want = t->host(&csr, a, b, c), got = t->soft(&env, a, b, c);

        if (want != got || (csr & SF_ALL) != env.flags) {
            g_error("%s %#llx %#llx %#llx rc=%u daz=%d ftz=%d: host %#llx flags %#x, soft %#llx "
                    "flags %#x (trial %d)",
                    t->name, (long long)a, (long long)b, (long long)c, rc, daz, ftz,
                    (long long)want, csr & SF_ALL, (long long)got, env.flags, i);
        }
    }
}

/* ---- x87 --------------------------------------------------------------------------------- */

struct x87_result {
    struct f80 st0, st1;
    uint16_t sw; /* with C0-C3 */
};

struct x87_case {
    const char *name;
    char in, out;   /* x 80-bit, s single, d double, 1-3 integers of 16, 32, 64 bits, t BCD */
    uint16_t conds; /* condition codes to compare, besides C1 */
    bool no_wrap;   /* unmasked overflow and underflow store nothing */
    void (*host)(uint16_t cw, const void *a, const void *b, struct x87_result *r);
    void (*soft)(struct sf_env *env, const void *a, const void *b, struct x87_result *r);
};

#define X87_HOST(name, load, body, store)                                                          \
    static void host_x87_##name(uint16_t cw, const void *a, const void *b, struct x87_result *r)   \
    {                                                                                              \
        uint16_t sw, all = 0x37f;                                                                  \
        __asm__ volatile(                                                                          \
            "fninit\n fldt (%[b])\n " load " (%[a])\n fnclex\n fldcw %[cw]\n" body                 \
            "\n fnstsw %[sw]\n fnclex\n fldcw %[all]\n" store "\n fninit\n"                        \
            : [sw] "=m"(sw), "+m"(*r)                                                              \
            : [a] "r"(a), [b] "r"(b), [cw] "m"(cw), [all] "m"(all), [r] "r"(r), [t] "r"(&r->st1),  \
              "m"(*(const char(*)[16])a), "m"(*(const char(*)[16])b)                               \
            : "memory", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)",       \
              "cc");                                                                               \
        r->sw = sw;                                                                                \
    }

#define X87_SOFT(name, ...)                                                                        \
    static void soft_x87_##name(struct sf_env *env, const void *a, const void *b,                  \
                                struct x87_result *r)                                              \
    {                                                                                              \
        (void)env, (void)a, (void)b;                                                               \
        __VA_ARGS__;                                                                               \
    }

#define A80     (*(const struct f80 *)a)
#define B80     (*(const struct f80 *)b)
#define STORE80 "fstpt (%[r])\n"

#define X87_ARITH(op, insn)                                                                        \
    X87_HOST(op, "fldt", insn, STORE80)                                                            \
    X87_SOFT(op, r->st0 = f80_##op(env, A80, B80))

X87_ARITH(add, "fadd %%st(1), %%st")
X87_ARITH(sub, "fsub %%st(1), %%st")
X87_ARITH(mul, "fmul %%st(1), %%st")
X87_ARITH(div, "fdiv %%st(1), %%st")
X87_ARITH(scale, "fscale")

X87_HOST(sqrt, "fldt", "fsqrt", STORE80)
X87_SOFT(sqrt, r->st0 = f80_sqrt(env, A80))
X87_HOST(rndint, "fldt", "frndint", STORE80)
X87_SOFT(rndint, r->st0 = f80_round_int(env, A80))
X87_HOST(xtract, "fldt", "fxtract", STORE80 "fstpt (%[t])")
X87_SOFT(xtract, f80_extract(env, A80, &r->st1, &r->st0))

static uint16_t quotient_bits(uint64_t q, bool partial)
{
    return partial ? 0x400 : (q & 1) << 9 | (q >> 1 & 1) << 14 | (q >> 2 & 1) << 8;
}

static void soft_rem(struct sf_env *env, const void *a, const void *b, bool nearest,
                     struct x87_result *r)
{
    uint64_t q;
    bool partial;

    r->st0 = f80_rem(env, A80, B80, nearest, &q, &partial);
    r->sw = env->flags & SF_IE ? 0 : quotient_bits(q, partial);
    env->rounded_up = r->sw & 0x200;
}

X87_HOST(prem, "fldt", "fprem", STORE80)
X87_SOFT(prem, soft_rem(env, a, b, false, r))
X87_HOST(prem1, "fldt", "fprem1", STORE80)
X87_SOFT(prem1, soft_rem(env, a, b, true, r))

static uint16_t relation_conds(enum sf_relation r)
{
    return r == SF_UNORDERED ? 0x4500 : r == SF_EQUAL ? 0x4000 : r == SF_LESS ? 0x100 : 0;
}

X87_HOST(com, "fldt", "fcom %%st(1)", STORE80)
X87_SOFT(com, r->st0 = A80; r->sw = relation_conds(f80_compare(env, A80, B80, false)))
X87_HOST(ucom, "fldt", "fucom %%st(1)", STORE80)
X87_SOFT(ucom, r->st0 = A80; r->sw = relation_conds(f80_compare(env, A80, B80, true)))

static void soft_xam(const void *a, struct x87_result *r)
{
    enum sf_class k = f80_class(A80);

    r->st0 = A80;
    r->sw = (k & 1) << 8 | (k & 2) << 9 | (k & 4) << 12 | (A80.se >> 15) << 9;
}

X87_HOST(xam, "fldt", "fxam", STORE80)
X87_SOFT(xam, soft_xam(a, r); env->rounded_up = r->sw & 0x200)

#define X87_LOAD(name, insn, call)                                                                 \
    X87_HOST(name, "fldt", insn " (%[a])", STORE80)                                                \
    X87_SOFT(name, r->st0 = call)

X87_LOAD(flds, "flds", f32_to_f80(env, *(const uint32_t *)a))
X87_LOAD(fldl, "fldl", f64_to_f80(env, *(const uint64_t *)a))
X87_LOAD(filds, "filds", f80_from_int(*(const int16_t *)a))
X87_LOAD(fildl, "fildl", f80_from_int(*(const int32_t *)a))
X87_LOAD(fildll, "fildll", f80_from_int(*(const int64_t *)a))

#define X87_STORE(name, insn, type, call)                                                          \
    X87_HOST(name, "fldt", insn " (%[r])", "")                                                     \
    X87_SOFT(name, type v = call; memcpy(&r->st0, &v, sizeof(v)))

X87_STORE(fsts, "fsts", uint32_t, f80_to_f32(env, A80))
X87_STORE(fstl, "fstl", uint64_t, f80_to_f64(env, A80))
X87_STORE(fists, "fists", uint16_t, f80_to_int(env, A80, 16, env->rounding))
X87_STORE(fistl, "fistl", uint32_t, f80_to_int(env, A80, 32, env->rounding))
X87_STORE(fistpll, "fistpll", uint64_t, f80_to_int(env, A80, 64, env->rounding))
X87_STORE(fisttpll, "fisttpll", uint64_t, f80_to_int(env, A80, 64, SF_CHOP); env->rounded_up = 0)
X87_HOST(fbstp, "fldt", "fbstp (%[r])", "")
X87_SOFT(fbstp, f80_to_bcd(env, A80, (uint8_t *)&r->st0))
X87_LOAD(fbld, "fbld", f80_from_bcd(a))

#define X87_ROW(name, in, out, conds, no_wrap)                                                     \
    {                                                                                              \
#name, in, out, conds, no_wrap, host_x87_##name, soft_x87_##name                           \
    }

static const struct x87_case x87_cases[] = {
    X87_ROW(add, 'x', 'x', 0, 0),       X87_ROW(sub, 'x', 'x', 0, 0),
    X87_ROW(mul, 'x', 'x', 0, 0),       X87_ROW(div, 'x', 'x', 0, 0),
    X87_ROW(scale, 'x', 'x', 0, 0),     X87_ROW(sqrt, 'x', 'x', 0, 0),
    X87_ROW(rndint, 'x', 'x', 0, 0),    X87_ROW(xtract, 'x', '2', 0, 0),
    X87_ROW(prem, 'x', 'x', 0x4500, 0), X87_ROW(prem1, 'x', 'x', 0x4500, 0),
    X87_ROW(com, 'x', 'x', 0x4500, 0),  X87_ROW(ucom, 'x', 'x', 0x4500, 0),
    X87_ROW(xam, 'x', 'x', 0x4500, 0),  X87_ROW(flds, 's', 'x', 0, 0),
    X87_ROW(fldl, 'd', 'x', 0, 0),      X87_ROW(filds, 'i', 'x', 0, 0),
    X87_ROW(fildl, 'i', 'x', 0, 0),     X87_ROW(fildll, 'i', 'x', 0, 0),
    X87_ROW(fsts, 'x', 'x', 0, 1),      X87_ROW(fstl, 'x', 'x', 0, 1),
    X87_ROW(fists, 'x', 'x', 0, 1),     X87_ROW(fistl, 'x', 'x', 0, 1),
    X87_ROW(fistpll, 'x', 'x', 0, 1),   X87_ROW(fisttpll, 'x', 'x', 0, 1),
    X87_ROW(fbstp, 'x', 'x', 0, 1),     X87_ROW(fbld, 't', 'x', 0, 0),
};

static void x87_operand(char kind, uint8_t out[16])
{
    uint64_t v;

    memset(out, 0, 16);
    switch (kind) {
    case 'x':
        memcpy(out, &(struct f80){0}, 10);
        *(struct f80 *)out = rng_80();
        break;
    case 't':
        for (int i = 0; i < 9; i++) {
            out[i] = rng() % 10 | (rng() % 10) << 4;
        }
        out[9] = rng();
        break;
    default:
        v = sse_operand(kind);
        memcpy(out, &v, sizeof(v));
    }
}

/* Is what the two left behind the same? Undelivered results are left out. */
static bool x87_agree(const struct x87_case *t, const struct sf_env *env,
                      const struct x87_result *host, const struct x87_result *soft)
{
    unsigned unmasked = env->flags & ~env->masks;
    uint16_t conds = t->conds | 0x200;

    if ((host->sw & SF_ALL) != env->flags) {
        return false;
    }
    if (unmasked & SF_PRE || (t->no_wrap && unmasked & ~SF_PE)) {
        return true;
    }
    return (host->sw & conds) == (soft->sw & conds) && host->st0.sig == soft->st0.sig &&
           host->st0.se == soft->st0.se &&
           (t->out != '2' || (host->st1.sig == soft->st1.sig && host->st1.se == soft->st1.se));
}

static void test_x87(gconstpointer data)
{
    static const uint8_t precision[4] = {24, 64, 53, 64};
    const struct x87_case *t = data;

    for (int i = 0; i < TRIALS; i++) {
        uint8_t __attribute__((aligned(16))) a[16], b[16];
        unsigned rc = rng() % 4, pc = rng() % 4, masks = rng() % 2 ? SF_ALL : rng() & SF_ALL;
        struct sf_env env = {
            .rounding = rc, .masks = masks, .precision = precision[pc], .x87 = true};
        struct x87_result host = {0}, soft = {0};

        if (pc == 1) {
            continue; /* reserved */
        }
        x87_operand(t->in, a);
        x87_operand('x', b);
        t->host(0x40 | masks | pc << 8 | rc << 10, a, b, &host);
        t->soft(&env, a, b, &soft);
        soft.sw |= env.rounded_up << 9;
        sf_drop_post_flags(&env);
        if (!x87_agree(t, &env, &host, &soft)) {
            const struct f80 *x = (struct f80 *)a, *y = (struct f80 *)b;

            g_error("%s %04x:%016llx %04x:%016llx rc=%u prec=%u masks=%#x: host %04x:%016llx "
                    "sw %04x, soft %04x:%016llx sw %04x (trial %d)",
                    t->name, x->se, (long long)x->sig, y->se, (long long)y->sig, rc, env.precision,
                    masks, host.st0.se, (long long)host.st0.sig, host.sw, soft.st0.se,
                    (long long)soft.st0.sig, soft.sw | env.flags, i);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    rng_state = g_test_rand_int_range(0, INT32_MAX);
    for (size_t i = 0; i < G_N_ELEMENTS(sse_cases); i++) {
        g_autofree char *path = g_strdup_printf("/softfloat/sse/%s", sse_cases[i].name);
        g_test_add_data_func(path, &sse_cases[i], test_sse);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(x87_cases); i++) {
        g_autofree char *path = g_strdup_printf("/softfloat/x87/%s", x87_cases[i].name);
        g_test_add_data_func(path, &x87_cases[i], test_x87);
    }
    return g_test_run();
}

#else

int main(void)
{
    return 77; /* skipped */
}

#endif
