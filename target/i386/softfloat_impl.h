/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to softfloat*.c: unpacked numbers, rounding, packing.
 *
 * I1  A finite struct sf_num is hi:lo * 2^(exp - 63) with hi's top bit set; lo holds the bits below
 *     hi, of which the lowest is sticky.
 * I2  A NaN keeps its payload left-aligned in hi, integer bit included, so that changing format is
 *     truncation.
 */
#ifndef TARGET_I386_SOFTFLOAT_IMPL_H
#define TARGET_I386_SOFTFLOAT_IMPL_H

#include "target/i386/softfloat.h"

#define SF_TOP   (1ull << 63)
#define SF_QUIET (1ull << 62)

typedef unsigned __int128 sf_u128;

enum sf_kind {
    SF_ZERO,
    SF_FINITE,
    SF_INF,
    SF_QNAN,
    SF_SNAN,
    SF_BAD, /* an 80-bit encoding that the x87 does not support */
};

struct sf_num {
    uint64_t hi, lo;
    int32_t exp;
    uint8_t kind; /* enum sf_kind */
    bool sign;
    bool denormal; /* the operand was encoded as a denormal */
};

/* A format: width of the exponent field and of the significand with its integer bit. */
struct sf_fmt {
    int exp_bits;
    int sig_bits;
};

#define SF_F16 ((struct sf_fmt){5, 11})
#define SF_F32 ((struct sf_fmt){8, 24})
#define SF_F64 ((struct sf_fmt){11, 53})
#define SF_F80 ((struct sf_fmt){15, 64})

#define SF_INLINE static inline __attribute__((always_inline))

SF_INLINE int sf_bias(struct sf_fmt f)
{
    return (1 << (f.exp_bits - 1)) - 1;
}

SF_INLINE bool sf_is_nan(struct sf_num n)
{
    return n.kind == SF_QNAN || n.kind == SF_SNAN;
}

SF_INLINE struct sf_num sf_default_nan(void)
{
    return (struct sf_num){.hi = SF_TOP | SF_QUIET, .kind = SF_QNAN, .sign = true};
}

SF_INLINE struct sf_num sf_inf(bool sign)
{
    return (struct sf_num){.hi = SF_TOP, .kind = SF_INF, .sign = sign};
}

SF_INLINE struct sf_num sf_zero(bool sign)
{
    return (struct sf_num){.kind = SF_ZERO, .sign = sign};
}

SF_INLINE struct sf_num sf_invalid(struct sf_env *env)
{
    env->flags |= SF_IE;
    return sf_default_nan();
}

SF_INLINE struct sf_num sf_quieten(struct sf_num n)
{
    n.hi |= SF_QUIET;
    n.kind = SF_QNAN;
    return n;
}

/* Shift hi:lo right, keeping what falls out as sticky. */
SF_INLINE sf_u128 sf_shift_jam(sf_u128 v, unsigned count)
{
    if (count == 0) {
        return v;
    }
    if (count > 127) {
        return v != 0;
    }
    return (v >> count) | ((v << (128 - count)) != 0);
}

/* Make a finite number (or zero) of a 128-bit magnitude whose top bit weighs 2^exp. */
SF_INLINE struct sf_num sf_normalise(bool sign, int32_t exp, sf_u128 v)
{
    uint64_t hi = v >> 64, lo = v;
    int shift;

    if (v == 0) {
        return sf_zero(sign);
    }
    shift = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll(lo);
    v <<= shift;
    return (struct sf_num){
        .hi = v >> 64, .lo = v, .exp = exp - shift, .kind = SF_FINITE, .sign = sign};
}

/* Unpack binary16/32/64; denormals become zero when daz says so. */
SF_INLINE struct sf_num sf_unpack(uint64_t bits, struct sf_fmt f, bool daz)
{
    int frac_bits = f.sig_bits - 1, max = (1 << f.exp_bits) - 1;
    int exp = (bits >> frac_bits) & max;
    uint64_t frac = bits << (64 - frac_bits);
    bool sign = (bits >> (frac_bits + f.exp_bits)) & 1;
    struct sf_num n = {.hi = SF_TOP | frac >> 1, .sign = sign, .kind = SF_FINITE};

    n.exp = exp - sf_bias(f);
    if (__builtin_expect(exp == max, 0)) {
        n.kind = !frac ? SF_INF : n.hi & SF_QUIET ? SF_QNAN : SF_SNAN;
    } else if (__builtin_expect(exp == 0, 0)) {
        if (!frac || daz) {
            return sf_zero(sign);
        }
        n = sf_normalise(sign, -sf_bias(f), (sf_u128)frac << 64);
        n.denormal = true;
    }
    return n;
}

SF_INLINE struct sf_num sf_unpack80(struct f80 a)
{
    int exp = a.se & 0x7fff;
    struct sf_num n = {.hi = a.sig, .sign = a.se >> 15, .kind = SF_FINITE, .exp = exp - 16383};

    if (exp == 0) {
        if (!a.sig) {
            return sf_zero(n.sign);
        }
        n = sf_normalise(n.sign, -16382, (sf_u128)a.sig << 64);
        n.denormal = true;
    } else if (!(a.sig & SF_TOP)) {
        n.kind = SF_BAD;
    } else if (exp == 0x7fff) {
        n.kind = a.sig == SF_TOP ? SF_INF : a.sig & SF_QUIET ? SF_QNAN : SF_SNAN;
    }
    return n;
}

/*
 * Round the significand to p bits, in place. Sets env->rounded_up. Returns whether bits were lost.
 */
SF_INLINE bool sf_round_sig(struct sf_env *env, struct sf_num *n, int p)
{
    uint64_t low = p < 64 ? ~0ull >> (p & 63) : 0;
    uint64_t tail = p < 64 ? n->hi << (p & 63) | (n->lo != 0) : n->lo;
    uint64_t half = SF_TOP;
    bool up = false;

    if (tail == 0) {
        env->rounded_up = false;
        return false;
    }
    switch (env->rounding) {
    case SF_NEAREST:
        up = tail > half || (tail == half && (n->hi & (low + 1)));
        break;
    case SF_DOWN:
        up = n->sign;
        break;
    case SF_UP:
        up = !n->sign;
        break;
    default:
        break;
    }
    n->hi &= ~low;
    n->lo = 0;
    if (up) {
        n->hi += low + 1;
        if (n->hi == 0) {
            n->hi = SF_TOP;
            n->exp++;
        }
    }
    env->rounded_up = up;
    return true;
}

/* What overflow delivers when it is masked: infinity or the largest finite number. */
SF_INLINE struct sf_num sf_overflow(struct sf_env *env, bool sign, int emax, int p)
{
    bool to_inf = env->rounding == SF_NEAREST || (env->rounding == SF_UP && !sign) ||
                  (env->rounding == SF_DOWN && sign);

    env->flags |= SF_OE | SF_PE;
    env->rounded_up = to_inf;
    if (to_inf) {
        return sf_inf(sign);
    }
    return (struct sf_num){.hi = ~0ull << (64 - p), .exp = emax, .kind = SF_FINITE, .sign = sign};
}

/*
 * Bring a finite number into format f, rounding to p bits: flags, denormals, overflow. The result
 * may have its top bit clear; then its exponent is the format's smallest.
 */
SF_INLINE struct sf_num sf_fit(struct sf_env *env, struct sf_num n, struct sf_fmt f, int p)
{
    int emax = sf_bias(f), emin = 1 - emax;
    bool wrap = f.exp_bits == 15; /* unmasked x87 results are delivered, exponent wrapped */
    struct sf_num r = n;
    bool inexact = sf_round_sig(env, &r, p);

    if (__builtin_expect(r.exp > emax, 0)) {
        if (env->masks & SF_OE) {
            return sf_overflow(env, n.sign, emax, p);
        }
        env->flags |= SF_OE;
        r.exp -= wrap ? 24576 : 0;
        inexact &= wrap || !env->x87; /* FST stores nothing, so it is not inexact either */
    } else if (__builtin_expect(r.exp < emin, 0)) {
        if (!(env->masks & SF_UE)) {
            env->flags |= SF_UE;
            r.exp += wrap ? 24576 : 0;
            inexact &= wrap || !env->x87;
        } else if (env->ftz) {
            env->flags |= SF_UE | SF_PE;
            return sf_zero(n.sign);
        } else {
            sf_u128 v = sf_shift_jam((sf_u128)n.hi << 64 | n.lo, emin - n.exp);

            r = n;
            r.hi = v >> 64;
            r.lo = v;
            r.exp = emin;
            inexact = sf_round_sig(env, &r, p);
            env->flags |= inexact ? SF_UE : 0;
        }
    }
    env->flags |= inexact ? SF_PE : 0;
    return r;
}

/* Pack for binary16/32/64. Finite numbers are rounded. */
SF_INLINE uint64_t sf_pack(struct sf_env *env, struct sf_num n, struct sf_fmt f)
{
    int frac_bits = f.sig_bits - 1, max = (1 << f.exp_bits) - 1;
    uint64_t biased = 0;

    if (__builtin_expect(n.kind == SF_FINITE, 1)) {
        n = sf_fit(env, n, f, f.sig_bits);
    }
    if (n.kind >= SF_INF) {
        biased = max;
    } else if (n.hi & SF_TOP) {
        biased = (n.exp + sf_bias(f)) & max;
    }
    return (uint64_t)n.sign << (frac_bits + f.exp_bits) | biased << frac_bits |
           n.hi << 1 >> (64 - frac_bits);
}

/* Pack for the x87, rounding to p bits. */
SF_INLINE struct f80 sf_pack80(struct sf_env *env, struct sf_num n, int p)
{
    uint16_t biased = 0;

    if (n.kind == SF_FINITE) {
        n = sf_fit(env, n, SF_F80, p);
    }
    if (n.kind >= SF_INF) {
        biased = 0x7fff;
    } else if (n.hi & SF_TOP) {
        biased = (n.exp + 16383) & 0x7fff;
    }
    return (struct f80){.sig = n.hi, .se = biased | n.sign << 15};
}

/* The NaN that an operation on a and b delivers, one of them being a NaN; raises IE for SNaNs. */
struct sf_num sf_pick_nan(struct sf_env *env, struct sf_num a, struct sf_num b);

/*
 * The common preamble of two-operand instructions: true when the operands decide the result by
 * themselves (NaNs and unsupported encodings), which is then in *ret.
 */
SF_INLINE bool sf_nan_operands(struct sf_env *env, struct sf_num a, struct sf_num b,
                               struct sf_num *ret)
{
    if (__builtin_expect(a.kind < SF_QNAN && b.kind < SF_QNAN, 1)) {
        return false;
    }
    *ret = a.kind == SF_BAD || b.kind == SF_BAD ? sf_invalid(env) : sf_pick_nan(env, a, b);
    return true;
}

/* The same for one operand. */
SF_INLINE bool sf_nan_operand(struct sf_env *env, struct sf_num a, struct sf_num *ret)
{
    if (__builtin_expect(a.kind < SF_QNAN, 1)) {
        return false;
    }
    if (a.kind == SF_BAD) {
        *ret = sf_invalid(env);
    } else {
        env->flags |= a.kind == SF_SNAN ? SF_IE : 0;
        *ret = sf_quieten(a);
    }
    return true;
}

SF_INLINE void sf_note_denormal(struct sf_env *env, bool denormal)
{
    env->flags |= denormal ? SF_DE : 0;
}

/* Round to an integer: magnitude in *ret_mag; false when it needs more than 64 bits. */
bool sf_to_magnitude(struct sf_env *env, struct sf_num a, enum sf_rounding rc, uint64_t *ret_mag);

/* Make a number of a signed integer. */
struct sf_num sf_from_int(int64_t v);

#endif
