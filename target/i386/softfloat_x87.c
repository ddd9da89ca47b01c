/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software floating point: comparison, minimum and maximum, and the x87's scale, extract, examine
 * and partial remainder.
 */
#include "target/i386/softfloat.h"

#include "target/i386/softfloat_impl.h"

/* Compare what is neither NaN nor unsupported. */
SF_INLINE enum sf_relation order(struct sf_num a, struct sf_num b)
{
    enum sf_relation above = a.sign ? SF_LESS : SF_GREATER;
    enum sf_relation below = a.sign ? SF_GREATER : SF_LESS;

    if (a.kind == SF_ZERO && b.kind == SF_ZERO) {
        return SF_EQUAL;
    }
    if (a.kind == SF_ZERO) {
        return b.sign ? SF_GREATER : SF_LESS;
    }
    if (b.kind == SF_ZERO || a.sign != b.sign) {
        return above;
    }
    if (a.kind != b.kind) {
        return a.kind == SF_INF ? above : below;
    }
    if (a.kind == SF_INF) {
        return SF_EQUAL;
    }
    if (a.exp != b.exp) {
        return a.exp > b.exp ? above : below;
    }
    return a.hi == b.hi ? SF_EQUAL : a.hi > b.hi ? above : below;
}

SF_INLINE enum sf_relation compare(struct sf_env *env, struct sf_num a, struct sf_num b, bool quiet)
{
    if (a.kind >= SF_QNAN || b.kind >= SF_QNAN) {
        if (!quiet || a.kind >= SF_SNAN || b.kind >= SF_SNAN) {
            env->flags |= SF_IE;
        }
        return SF_UNORDERED;
    }
    sf_note_denormal(env, a.denormal | b.denormal);
    return order(a, b);
}

enum sf_relation f32_compare(struct sf_env *env, uint32_t a, uint32_t b, bool quiet)
{
    return compare(env, sf_unpack(a, SF_F32, env->daz), sf_unpack(b, SF_F32, env->daz), quiet);
}

enum sf_relation f64_compare(struct sf_env *env, uint64_t a, uint64_t b, bool quiet)
{
    return compare(env, sf_unpack(a, SF_F64, env->daz), sf_unpack(b, SF_F64, env->daz), quiet);
}

enum sf_relation f80_compare(struct sf_env *env, struct f80 a, struct f80 b, bool quiet)
{
    return compare(env, sf_unpack80(a), sf_unpack80(b), quiet);
}

/* The bits of a chosen operand: as they were, but for a denormal that DAZ turns into zero. */
SF_INLINE uint64_t chosen(uint64_t bits, struct sf_num n, struct sf_fmt f)
{
    return n.kind == SF_ZERO ? (uint64_t)n.sign << (f.sig_bits + f.exp_bits - 1) : bits;
}

SF_INLINE uint64_t min_max(struct sf_env *env, uint64_t a, uint64_t b, struct sf_fmt f,
                           enum sf_relation wanted)
{
    struct sf_num x = sf_unpack(a, f, env->daz), y = sf_unpack(b, f, env->daz);

    if (compare(env, x, y, /* quiet= */ false) == wanted) {
        return chosen(a, x, f);
    }
    return chosen(b, y, f);
}

uint32_t f32_min(struct sf_env *env, uint32_t a, uint32_t b)
{
    return min_max(env, a, b, SF_F32, SF_LESS);
}

uint32_t f32_max(struct sf_env *env, uint32_t a, uint32_t b)
{
    return min_max(env, a, b, SF_F32, SF_GREATER);
}

uint64_t f64_min(struct sf_env *env, uint64_t a, uint64_t b)
{
    return min_max(env, a, b, SF_F64, SF_LESS);
}

uint64_t f64_max(struct sf_env *env, uint64_t a, uint64_t b)
{
    return min_max(env, a, b, SF_F64, SF_GREATER);
}

/* The infinite and zero cases of FSCALE; true when *ret is the result. */
static bool scale_special(struct sf_env *env, struct sf_num a, struct sf_num by, struct sf_num *ret)
{
    if (by.kind == SF_INF && by.sign) {
        *ret = a.kind == SF_INF ? sf_invalid(env) : sf_zero(a.sign);
        if (a.kind != SF_INF) {
            sf_note_denormal(env, a.denormal);
        }
        return true;
    }
    if (by.kind == SF_INF) {
        *ret = a.kind == SF_ZERO ? sf_invalid(env) : sf_inf(a.sign);
        if (a.kind != SF_ZERO) {
            sf_note_denormal(env, a.denormal);
        }
        return true;
    }
    sf_note_denormal(env, a.denormal | by.denormal);
    *ret = a;
    return a.kind != SF_FINITE || by.kind == SF_ZERO || by.exp < 0;
}

struct f80 f80_scale(struct sf_env *env, struct f80 a, struct f80 by)
{
    struct sf_num x = sf_unpack80(a), y = sf_unpack80(by), r;
    const int32_t far = 0x10000;
    int32_t n;

    if (sf_nan_operands(env, x, y, &r) || scale_special(env, x, y, &r)) {
        return sf_pack80(env, r, 64);
    }
    n = y.exp > 16 ? far : (int32_t)(y.hi >> (63 - y.exp));
    n = n > far ? far : n;
    x.exp += y.sign ? -n : n;
    /* Even wrapped by 24576 the result is out of range: deliver infinity or zero. */
    if (!(env->masks & SF_OE) && x.exp - 24576 > 16383) {
        env->flags |= SF_OE | SF_PE;
        env->rounded_up = true;
        return sf_pack80(env, sf_inf(x.sign), 64);
    }
    if (!(env->masks & SF_UE) && x.exp + 24576 < -16382) {
        env->flags |= SF_UE | SF_PE;
        return sf_pack80(env, sf_zero(x.sign), 64);
    }
    return sf_pack80(env, x, 64);
}

void f80_extract(struct sf_env *env, struct f80 a, struct f80 *ret_exp, struct f80 *ret_sig)
{
    struct sf_num n = sf_unpack80(a), r;

    if (sf_nan_operand(env, n, &r)) {
        *ret_exp = *ret_sig = sf_pack80(env, r, 64);
        return;
    }
    if (n.kind == SF_INF) {
        *ret_exp = sf_pack80(env, sf_inf(/* sign= */ false), 64);
        *ret_sig = a;
        return;
    }
    if (n.kind == SF_ZERO) {
        env->flags |= SF_ZE;
        *ret_exp = sf_pack80(env, sf_inf(/* sign= */ true), 64);
        *ret_sig = a;
        return;
    }
    sf_note_denormal(env, n.denormal);
    *ret_exp = f80_from_int(n.exp);
    *ret_sig = (struct f80){.sig = n.hi, .se = 16383 | n.sign << 15};
}

/*
 * Divide a by b for `steps` quotient bits (below 64) beyond equal exponents: on return *ret_rem is
 * the remainder, of weight 2^(a.exp - steps - 63), below b.hi; returns the quotient.
 */
static uint64_t divide_steps(uint64_t a, uint64_t b, unsigned steps, uint64_t *ret_rem)
{
    sf_u128 n = (sf_u128)a << steps;

    *ret_rem = n % b;
    return n / b;
}

/* Rounds the quotient of FPREM1 to nearest-even, which may make the remainder negative. */
static void to_nearest(uint64_t *q, sf_u128 *rem, sf_u128 b, bool *sign)
{
    sf_u128 twice = *rem * 2;

    if (twice > b || (twice == b && (*q & 1))) {
        *rem = b - *rem;
        *sign = !*sign;
        ++*q;
    }
}

struct f80 f80_rem(struct sf_env *env, struct f80 a, struct f80 b, bool nearest,
                   uint64_t *ret_quotient, bool *ret_partial)
{
    struct sf_num x = sf_unpack80(a), y = sf_unpack80(b), r;
    int32_t diff, steps, weight;
    uint64_t rem;
    sf_u128 wide, divisor;

    *ret_quotient = 0;
    *ret_partial = false;
    if (sf_nan_operands(env, x, y, &r)) {
        return sf_pack80(env, r, 64);
    }
    if (x.kind == SF_INF || y.kind == SF_ZERO) {
        return sf_pack80(env, sf_invalid(env), 64);
    }
    sf_note_denormal(env, x.denormal | y.denormal);
    if (x.kind == SF_ZERO || y.kind == SF_INF) {
        return sf_pack80(env, x, 64);
    }
    diff = x.exp - y.exp;
    if (diff < -1 || (diff < 0 && !nearest)) {
        return sf_pack80(env, x, 64);
    }
    if (diff >= 64) {
        /* Only reduce the exponent, by 32 to 63, and ask to be called again. */
        steps = 32 + diff % 32;
        divide_steps(x.hi, y.hi, steps, &rem);
        *ret_partial = true;
        return sf_pack80(env, sf_normalise(x.sign, x.exp - steps, (sf_u128)rem << 64), 64);
    }
    divisor = y.hi;
    weight = y.exp;
    if (diff < 0) {
        wide = x.hi; /* FPREM1 with a between b/4 and b: count in a's units */
        divisor <<= 1;
        weight = x.exp;
    } else {
        *ret_quotient = divide_steps(x.hi, y.hi, diff, &rem);
        wide = rem;
    }
    if (nearest) {
        to_nearest(ret_quotient, &wide, divisor, &x.sign);
    }
    if (wide == 0) {
        return sf_pack80(env, sf_zero(x.sign), 64);
    }
    return sf_pack80(env, sf_normalise(x.sign, weight + 64, wide), 64);
}

enum sf_class f80_class(struct f80 a)
{
    struct sf_num n = sf_unpack80(a);

    switch (n.kind) {
    case SF_ZERO:
        return SF_CLASS_ZERO;
    case SF_FINITE:
        return n.denormal ? SF_CLASS_DENORMAL : SF_CLASS_NORMAL;
    case SF_INF:
        return SF_CLASS_INFINITY;
    case SF_BAD:
        return SF_CLASS_UNSUPPORTED;
    default:
        return SF_CLASS_NAN;
    }
}
