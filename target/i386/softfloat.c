/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software floating point: add, subtract, multiply, divide, square root, fused multiply-add.
 *
 * IEEE 754-2008 with the freedoms used as Intel's manual (volume 1, chapters 4, 8 and 11) says:
 * tininess is detected after rounding, NaNs propagate by the x87's or by the SSE rules.
 */
#include "target/i386/softfloat.h"

#include <math.h>

#include "target/i386/softfloat_impl.h"

struct sf_num sf_pick_nan(struct sf_env *env, struct sf_num a, struct sf_num b)
{
    if (a.kind == SF_SNAN || b.kind == SF_SNAN) {
        env->flags |= SF_IE;
    }
    if (!sf_is_nan(b)) {
        return sf_quieten(a);
    }
    if (!sf_is_nan(a)) {
        return sf_quieten(b);
    }
    if (env->x87) {
        /* A quiet NaN beats a signalling one, then the larger significand, then the positive. */
        if (a.kind != b.kind) {
            return a.kind == SF_QNAN ? a : b;
        }
        if (a.hi != b.hi) {
            return sf_quieten(a.hi > b.hi ? a : b);
        }
        return sf_quieten(a.sign ? b : a);
    }
    return sf_quieten(a);
}

SF_INLINE struct sf_num sf_add(struct sf_env *env, struct sf_num a, struct sf_num b)
{
    struct sf_num r;
    sf_u128 x, y;
    int32_t exp;

    if (sf_nan_operands(env, a, b, &r)) {
        return r;
    }
    if (a.kind == SF_INF && b.kind == SF_INF && a.sign != b.sign) {
        return sf_invalid(env);
    }
    sf_note_denormal(env, a.denormal | b.denormal);
    if (a.kind == SF_INF || b.kind == SF_INF) {
        return a.kind == SF_INF ? a : b;
    }
    if (a.kind == SF_ZERO && b.kind == SF_ZERO) {
        return sf_zero(a.sign == b.sign ? a.sign : env->rounding == SF_DOWN);
    }
    if (a.kind == SF_ZERO || b.kind == SF_ZERO) {
        return a.kind == SF_ZERO ? b : a;
    }
    if (a.exp < b.exp || (a.exp == b.exp && a.hi < b.hi)) {
        r = a;
        a = b;
        b = r;
    }
    /* One bit of headroom for the carry; two guard bits and sticky are far below. */
    x = (sf_u128)a.hi << 63;
    y = sf_shift_jam((sf_u128)b.hi << 63, a.exp - b.exp);
    exp = a.exp + 1;
    if (a.sign == b.sign) {
        return sf_normalise(a.sign, exp, x + y);
    }
    return x == y ? sf_zero(env->rounding == SF_DOWN) : sf_normalise(a.sign, exp, x - y);
}

/* a - b; a NaN b keeps its sign. */
SF_INLINE struct sf_num sf_sub(struct sf_env *env, struct sf_num a, struct sf_num b)
{
    b.sign ^= b.kind < SF_QNAN;
    return sf_add(env, a, b);
}

SF_INLINE struct sf_num sf_mul(struct sf_env *env, struct sf_num a, struct sf_num b)
{
    bool sign = a.sign ^ b.sign;
    struct sf_num r;

    if (sf_nan_operands(env, a, b, &r)) {
        return r;
    }
    if ((a.kind == SF_INF && b.kind == SF_ZERO) || (a.kind == SF_ZERO && b.kind == SF_INF)) {
        return sf_invalid(env);
    }
    sf_note_denormal(env, a.denormal | b.denormal);
    if (a.kind == SF_INF || b.kind == SF_INF) {
        return sf_inf(sign);
    }
    if (a.kind == SF_ZERO || b.kind == SF_ZERO) {
        return sf_zero(sign);
    }
    return sf_normalise(sign, a.exp + b.exp + 1, (sf_u128)a.hi * b.hi);
}

SF_INLINE struct sf_num sf_div(struct sf_env *env, struct sf_num a, struct sf_num b)
{
    bool sign = a.sign ^ b.sign, below = a.hi < b.hi;
    struct sf_num r;
    sf_u128 n;
    uint64_t rem;

    if (sf_nan_operands(env, a, b, &r)) {
        return r;
    }
    if (a.kind == b.kind && a.kind != SF_FINITE) {
        return sf_invalid(env); /* 0 / 0 and infinity / infinity */
    }
    if (b.kind == SF_ZERO && a.kind == SF_FINITE) {
        env->flags |= SF_ZE;
        return sf_inf(sign);
    }
    sf_note_denormal(env, a.denormal | b.denormal);
    if (a.kind == SF_INF || b.kind == SF_ZERO) {
        return sf_inf(sign);
    }
    if (a.kind == SF_ZERO || b.kind == SF_INF) {
        return sf_zero(sign);
    }
    n = (sf_u128)a.hi << (below ? 64 : 63);
    r = (struct sf_num){.hi = n / b.hi, .exp = a.exp - b.exp - below, .kind = SF_FINITE};
    r.sign = sign;
    rem = n % b.hi;
    if (rem) {
        uint64_t rest = b.hi - rem; /* compares 2 * rem with b without overflow */

        r.lo = rem > rest ? SF_TOP | 1 : rem == rest ? SF_TOP : 1;
    }
    return r;
}

/* floor(sqrt(n)) for n >= 2^126 */
static uint64_t isqrt(sf_u128 n)
{
    double guess = sqrt((double)n);
    uint64_t s = guess >= 0x1p64 ? UINT64_MAX : (uint64_t)guess;
    sf_u128 q = n / s;

    /* One step of Newton's method brings the 52 good bits to 64, give or take one. */
    q = (q + s) / 2;
    s = q > UINT64_MAX ? UINT64_MAX : (uint64_t)q;
    while ((sf_u128)s * s > n) {
        s--;
    }
    while (s < UINT64_MAX && (sf_u128)(s + 1) * (s + 1) <= n) {
        s++;
    }
    return s;
}

SF_INLINE struct sf_num sf_sqrt(struct sf_env *env, struct sf_num a)
{
    struct sf_num r = {.kind = SF_FINITE};
    sf_u128 n, rem;

    if (sf_nan_operand(env, a, &r)) {
        return r;
    }
    if (a.kind == SF_ZERO) {
        return a;
    }
    if (a.sign) {
        return sf_invalid(env);
    }
    sf_note_denormal(env, a.denormal);
    if (a.kind == SF_INF) {
        return a;
    }
    n = (sf_u128)a.hi << 63 << (a.exp & 1);
    r.exp = a.exp >> 1;
    r.hi = isqrt(n);
    rem = n - (sf_u128)r.hi * r.hi;
    /* The root's next bit is set when rem > root (rem == root is just below the half). */
    r.lo = rem > r.hi ? SF_TOP | 1 : rem != 0;
    return r;
}

/* NaN operands of a * b + c. */
static struct sf_num fma_nan(struct sf_env *env, struct sf_num a, struct sf_num b, struct sf_num c)
{
    if (a.kind == SF_SNAN || b.kind == SF_SNAN || c.kind == SF_SNAN) {
        env->flags |= SF_IE;
    }
    return sf_quieten(sf_is_nan(a) ? a : sf_is_nan(b) ? b : c);
}

SF_INLINE struct sf_num sf_fma(struct sf_env *env, struct sf_num a, struct sf_num b,
                               struct sf_num c, unsigned negate)
{
    bool sign = a.sign ^ b.sign ^ ((negate & SF_NEGATE_PRODUCT) != 0);
    struct sf_num p;
    sf_u128 x, y;

    if (a.kind >= SF_QNAN || b.kind >= SF_QNAN || c.kind >= SF_QNAN) {
        return fma_nan(env, a, b, c);
    }
    c.sign ^= (negate & SF_NEGATE_ADDEND) != 0;
    if ((a.kind == SF_INF && b.kind == SF_ZERO) || (a.kind == SF_ZERO && b.kind == SF_INF)) {
        return sf_invalid(env);
    }
    if (a.kind == SF_INF || b.kind == SF_INF) {
        if (c.kind == SF_INF && c.sign != sign) {
            return sf_invalid(env);
        }
        sf_note_denormal(env, a.denormal | b.denormal | c.denormal);
        return sf_inf(sign);
    }
    sf_note_denormal(env, a.denormal | b.denormal | c.denormal);
    if (c.kind == SF_INF) {
        return c;
    }
    if (a.kind == SF_ZERO || b.kind == SF_ZERO) {
        if (c.kind == SF_ZERO) {
            return sf_zero(sign == c.sign ? sign : env->rounding == SF_DOWN);
        }
        return c;
    }
    p = sf_normalise(sign, a.exp + b.exp + 1, (sf_u128)a.hi * b.hi);
    if (c.kind == SF_ZERO) {
        return p;
    }
    /* The product of two 53-bit numbers leaves over 20 bits below, so halving loses nothing. */
    x = ((sf_u128)p.hi << 64 | p.lo) >> 1;
    y = (sf_u128)c.hi << 63;
    if (p.exp >= c.exp) {
        y = sf_shift_jam(y, p.exp - c.exp);
    } else {
        x = sf_shift_jam(x, c.exp - p.exp);
        p.exp = c.exp;
    }
    if (sign == c.sign) {
        return sf_normalise(sign, p.exp + 1, x + y);
    }
    if (x == y) {
        return sf_zero(env->rounding == SF_DOWN);
    }
    return x > y ? sf_normalise(sign, p.exp + 1, x - y) : sf_normalise(c.sign, p.exp + 1, y - x);
}

/*
 * The short way: when PE is up already, and operands and result are normal numbers, no flag can
 * change, and the host's arithmetic gives the same bits. So the host must be in its usual rounding
 * mode here, whatever compiled guest code does elsewhere.
 */
static inline bool short_way(const struct sf_env *env)
{
    return env->raised & env->masks & SF_PE && env->rounding == SF_NEAREST;
}

static inline bool normal32(uint32_t a)
{
    return (a >> 23 & 0xff) - 2 < 0xfd; /* not the smallest exponent, which may have been tiny */
}

static inline bool normal64(uint64_t a)
{
    return (a >> 52 & 0x7ff) - 2 < 0x7fd;
}

union host32 {
    uint32_t bits;
    float value;
};

union host64 {
    uint64_t bits;
    double value;
};

#define SF_ARITH2(name, op)                                                                        \
    uint32_t f32_##name(struct sf_env *env, uint32_t a, uint32_t b)                                \
    {                                                                                              \
        if (short_way(env) && normal32(a) && normal32(b)) {                                        \
            union host32 p = {a}, q = {b}, r = {.value = p.value op q.value};                      \
            if (normal32(r.bits)) {                                                                \
                return r.bits;                                                                     \
            }                                                                                      \
        }                                                                                          \
        struct sf_num x = sf_unpack(a, SF_F32, env->daz), y = sf_unpack(b, SF_F32, env->daz);      \
        return sf_pack(env, sf_##name(env, x, y), SF_F32);                                         \
    }                                                                                              \
    uint64_t f64_##name(struct sf_env *env, uint64_t a, uint64_t b)                                \
    {                                                                                              \
        if (short_way(env) && normal64(a) && normal64(b)) {                                        \
            union host64 p = {a}, q = {b}, r = {.value = p.value op q.value};                      \
            if (normal64(r.bits)) {                                                                \
                return r.bits;                                                                     \
            }                                                                                      \
        }                                                                                          \
        struct sf_num x = sf_unpack(a, SF_F64, env->daz), y = sf_unpack(b, SF_F64, env->daz);      \
        return sf_pack(env, sf_##name(env, x, y), SF_F64);                                         \
    }                                                                                              \
    struct f80 f80_##name(struct sf_env *env, struct f80 a, struct f80 b)                          \
    {                                                                                              \
        return sf_pack80(env, sf_##name(env, sf_unpack80(a), sf_unpack80(b)), env->precision);     \
    }

SF_ARITH2(add, +)
SF_ARITH2(sub, -)
SF_ARITH2(mul, *)
SF_ARITH2(div, /)

uint32_t f32_sqrt(struct sf_env *env, uint32_t a)
{
    union host32 p = {a}, r;

    if (short_way(env) && normal32(a) && !(a >> 31)) {
        r.value = sqrtf(p.value);
        return r.bits;
    }
    return sf_pack(env, sf_sqrt(env, sf_unpack(a, SF_F32, env->daz)), SF_F32);
}

uint64_t f64_sqrt(struct sf_env *env, uint64_t a)
{
    union host64 p = {a}, r;

    if (short_way(env) && normal64(a) && !(a >> 63)) {
        r.value = sqrt(p.value);
        return r.bits;
    }
    return sf_pack(env, sf_sqrt(env, sf_unpack(a, SF_F64, env->daz)), SF_F64);
}

struct f80 f80_sqrt(struct sf_env *env, struct f80 a)
{
    return sf_pack80(env, sf_sqrt(env, sf_unpack80(a)), env->precision);
}

uint32_t f32_fma(struct sf_env *env, uint32_t a, uint32_t b, uint32_t c, unsigned negate)
{
    struct sf_num x = sf_unpack(a, SF_F32, env->daz), y = sf_unpack(b, SF_F32, env->daz);

    return sf_pack(env, sf_fma(env, x, y, sf_unpack(c, SF_F32, env->daz), negate), SF_F32);
}

uint64_t f64_fma(struct sf_env *env, uint64_t a, uint64_t b, uint64_t c, unsigned negate)
{
    struct sf_num x = sf_unpack(a, SF_F64, env->daz), y = sf_unpack(b, SF_F64, env->daz);

    return sf_pack(env, sf_fma(env, x, y, sf_unpack(c, SF_F64, env->daz), negate), SF_F64);
}
