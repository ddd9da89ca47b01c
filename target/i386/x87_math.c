/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transcendental x87 instructions through the C library's long double functions.
 *
 * Results are as good as the host's long double; special operands and exception flags follow the
 * tables in Intel's manual, volume 2. Inexact results always report PE, and C1 is clear.
 *
 * Absent: rounding control (results are rounded to nearest).
 */
#include "target/i386/x87_math.h"

#include <math.h>

#include "target/i386/softfloat_impl.h"

enum { SW_C2 = 0x400 };

static long double to_host(struct f80 a)
{
    int exp = a.se & 0x7fff;
    long double v = ldexpl((long double)a.sig, (exp ? exp : 1) - 16383 - 63);

    if (exp == 0x7fff) {
        v = a.sig == SF_TOP ? HUGE_VALL : (long double)NAN;
    }
    return a.se & 0x8000 ? -v : v;
}

/* Takes a finite or infinite result into the guest's format, rounding and raising flags. */
static struct f80 from_host(struct sf_env *env, long double v)
{
    bool sign = signbit(v);
    struct sf_num n = sf_zero(sign);
    int exp;

    if (isnan(v)) {
        n = sf_invalid(env);
    } else if (isinf(v)) {
        n = sf_inf(sign);
    } else if (v != 0) {
        long double frac = frexpl(sign ? -v : v, &exp);

        n = (struct sf_num){.hi = (uint64_t)ldexpl(frac, 64),
                            .lo = 1, /* never exact */
                            .exp = exp - 1,
                            .kind = SF_FINITE,
                            .sign = sign};
    }
    return sf_pack80(env, n, 64);
}

/* FSIN, FCOS, FSINCOS, FPTAN */
static void trigonometric(struct sf_env *env, enum x87_math op, struct f80 a,
                          struct x87_math_result *ret)
{
    struct sf_num n = sf_unpack80(a), nan;
    struct f80 one = f80_from_int(1);
    long double v;

    ret->st0 = ret->st1 = a;
    if (n.kind >= SF_INF) {
        if (!sf_nan_operand(env, n, &nan)) {
            nan = sf_invalid(env);
        }
        ret->st0 = ret->st1 = sf_pack80(env, nan, 64);
        return;
    }
    if (n.kind == SF_ZERO) {
        ret->st0 = op == X87_SIN ? a : one;
        return;
    }
    if (n.exp >= 63) {
        ret->sw = SW_C2;
        return;
    }
    sf_note_denormal(env, n.denormal);
    v = to_host(a);
    switch (op) {
    case X87_SIN:
        ret->st0 = from_host(env, sinl(v));
        break;
    case X87_PTAN:
        ret->st1 = from_host(env, tanl(v));
        ret->st0 = one;
        break;
    case X87_SINCOS:
        ret->st1 = from_host(env, sinl(v));
        ret->st0 = from_host(env, cosl(v));
        break;
    default:
        ret->st0 = from_host(env, cosl(v));
        break;
    }
}

/* atan(y / x) with the quadrant from both signs */
static struct f80 patan(struct sf_env *env, struct f80 x, struct f80 y)
{
    struct sf_num a = sf_unpack80(x), b = sf_unpack80(y), nan;

    if (sf_nan_operands(env, a, b, &nan)) {
        return sf_pack80(env, nan, 64);
    }
    sf_note_denormal(env, a.denormal | b.denormal);
    if (!a.sign && b.kind != SF_INF && (b.kind == SF_ZERO || a.kind == SF_INF)) {
        return sf_pack80(env, sf_zero(b.sign), 64);
    }
    return from_host(env, atan2l(to_host(y), to_host(x)));
}

static struct f80 two_to_x_minus_1(struct sf_env *env, struct f80 a)
{
    struct sf_num n = sf_unpack80(a), nan;

    if (sf_nan_operand(env, n, &nan)) {
        return sf_pack80(env, nan, 64);
    }
    if (n.kind == SF_INF) {
        return n.sign ? (struct f80){SF_TOP, 0xbfff} : a;
    }
    sf_note_denormal(env, n.denormal);
    if (n.kind == SF_ZERO) {
        return a;
    }
    return from_host(env, expm1l(to_host(a) * 0.693147180559945309417232121458L));
}

/* y * log2(x), y * log2(x + 1): the operand combinations that are no ordinary product. */
static bool log_special(struct sf_env *env, struct sf_num x, struct sf_num y, bool plus1,
                        struct sf_num *ret)
{
    bool log_zero =
        plus1 ? x.kind == SF_ZERO : x.kind == SF_FINITE && !x.sign && x.exp == 0 && x.hi == SF_TOP;
    bool log_negative = plus1 ? x.sign : x.exp < 0;

    if (sf_nan_operands(env, x, y, ret)) {
        return true;
    }
    if (x.sign && (plus1 ? x.kind == SF_INF : x.kind != SF_ZERO)) {
        *ret = sf_invalid(env);
    } else if (x.kind == SF_ZERO && !plus1) {
        if (y.kind == SF_ZERO) {
            *ret = sf_invalid(env);
        } else {
            env->flags |= y.kind == SF_FINITE ? SF_ZE : 0;
            *ret = sf_inf(!y.sign);
        }
    } else if (y.kind == SF_INF) {
        *ret = log_zero ? sf_invalid(env) : sf_inf(y.sign ^ (x.kind != SF_INF && log_negative));
    } else if (x.kind == SF_INF) {
        *ret = y.kind == SF_ZERO ? sf_invalid(env) : sf_inf(y.sign);
    } else if (log_zero || y.kind == SF_ZERO) {
        sf_note_denormal(env, x.denormal | y.denormal);
        *ret = sf_zero(y.sign ^ (plus1 ? x.sign : !log_zero && log_negative));
    } else {
        return false;
    }
    return true;
}

static struct f80 y_log2(struct sf_env *env, struct f80 x, struct f80 y, bool plus1)
{
    struct sf_num a = sf_unpack80(x), b = sf_unpack80(y), r;
    const long double log2_e = 1.442695040888963407359924681L;
    long double log;

    if (log_special(env, a, b, plus1, &r)) {
        return sf_pack80(env, r, 64);
    }
    sf_note_denormal(env, a.denormal | b.denormal);
    log = plus1 ? log1pl(to_host(x)) * log2_e : log2l(to_host(x));
    return from_host(env, to_host(y) * log);
}

void x87_math_libm(enum x87_math op, uint16_t cw, struct f80 st0, struct f80 st1,
                   struct x87_math_result *ret)
{
    struct sf_env env = {.masks = cw & SF_ALL, .precision = 64, .x87 = true};

    ret->sw = 0;
    ret->st1 = st1;
    switch (op) {
    case X87_PATAN:
        ret->st0 = patan(&env, st0, st1);
        break;
    case X87_2XM1:
        ret->st0 = two_to_x_minus_1(&env, st0);
        break;
    case X87_YL2X:
    case X87_YL2XP1:
        ret->st0 = y_log2(&env, st0, st1, op == X87_YL2XP1);
        break;
    default:
        trigonometric(&env, op, st0, ret);
        break;
    }
    sf_drop_post_flags(&env);
    ret->sw |= env.flags;
}

void x87_math(enum x87_math op, uint16_t cw, struct f80 st0, struct f80 st1,
              struct x87_math_result *ret)
{
    if (!x87_math_host(op, cw, st0, st1, ret)) {
        x87_math_libm(op, cw, st0, st1, ret);
    }
}
