/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software floating point with x86 semantics: binary16/32/64 and the x87's 80-bit format.
 *
 * Every operation takes a struct sf_env, which holds what MXCSR or the x87 control word says, and
 * collects what the status word would show. Values are plain integers holding the encoding.
 *
 * The flags are collected without looking at the masks, with two exceptions where IEEE 754 and the
 * manuals make the *result* depend on a mask: underflow (unmasked: tininess alone sets UE) and, for
 * 80-bit results, unmasked overflow and underflow, which deliver the result with its exponent
 * wrapped by 24576. Whether a result is written at all is the caller's decision.
 *
 * When an operand raises an unmasked IE, DE or ZE, the flags OE, UE and PE are meaningless; the
 * caller drops them (sf_drop_post_flags).
 */
#ifndef TARGET_I386_SOFTFLOAT_H
#define TARGET_I386_SOFTFLOAT_H

#include <stdbool.h>
#include <stdint.h>

/* Exception flags and masks, as in MXCSR bits 0-5 and the x87 status and control words. */
enum sf_flag {
    SF_IE = 0x01,
    SF_DE = 0x02,
    SF_ZE = 0x04,
    SF_OE = 0x08,
    SF_UE = 0x10,
    SF_PE = 0x20,
    SF_PRE = SF_IE | SF_DE | SF_ZE, /* found before computing */
    SF_ALL = 0x3f,
};

/* The RC field of MXCSR and of the x87 control word. */
enum sf_rounding { SF_NEAREST, SF_DOWN, SF_UP, SF_CHOP };

enum sf_relation { SF_LESS = -1, SF_EQUAL = 0, SF_GREATER = 1, SF_UNORDERED = 2 };

struct sf_env {
    uint8_t rounding;  /* enum sf_rounding */
    uint8_t precision; /* x87 results: 24, 53 or 64 bits */
    uint8_t masks;     /* enum sf_flag: 1 = masked */
    bool daz;          /* denormal operands are zero */
    bool ftz;          /* tiny results are zero (only while UE is masked) */
    bool x87;          /* x87 NaN rules; SSE rules otherwise */
    uint8_t raised;    /* enum sf_flag: already up, need not be found again; 0 is always right */

    uint8_t flags;   /* out: collected enum sf_flag */
    bool rounded_up; /* out: the last result was rounded away from zero (x87 C1) */
};

/* The 80-bit format, with its explicit integer bit at the top of sig. */
struct f80 {
    uint64_t sig;
    uint16_t se; /* sign and biased exponent */
};

#define F16_NAN 0xfe00u
#define F32_NAN 0xffc00000u
#define F64_NAN 0xfff8000000000000ull
#define F80_NAN ((struct f80){0xc000000000000000ull, 0xffff})

/* If an unmasked IE, DE or ZE is among the flags, forget OE, UE and PE: nothing was computed. */
static inline void sf_drop_post_flags(struct sf_env *env)
{
    if (env->flags & ~env->masks & SF_PRE) {
        env->flags &= SF_PRE;
    }
}

/* Arithmetic. The 80-bit forms round to env->precision. */
uint32_t f32_add(struct sf_env *env, uint32_t a, uint32_t b);
uint32_t f32_sub(struct sf_env *env, uint32_t a, uint32_t b);
uint32_t f32_mul(struct sf_env *env, uint32_t a, uint32_t b);
uint32_t f32_div(struct sf_env *env, uint32_t a, uint32_t b);
uint32_t f32_sqrt(struct sf_env *env, uint32_t a);
uint64_t f64_add(struct sf_env *env, uint64_t a, uint64_t b);
uint64_t f64_sub(struct sf_env *env, uint64_t a, uint64_t b);
uint64_t f64_mul(struct sf_env *env, uint64_t a, uint64_t b);
uint64_t f64_div(struct sf_env *env, uint64_t a, uint64_t b);
uint64_t f64_sqrt(struct sf_env *env, uint64_t a);
struct f80 f80_add(struct sf_env *env, struct f80 a, struct f80 b);
struct f80 f80_sub(struct sf_env *env, struct f80 a, struct f80 b);
struct f80 f80_mul(struct sf_env *env, struct f80 a, struct f80 b);
struct f80 f80_div(struct sf_env *env, struct f80 a, struct f80 b);
struct f80 f80_sqrt(struct sf_env *env, struct f80 a);

/* a * b + c, rounded once. negate_product and negate_addend do not touch NaNs. */
enum sf_fma { SF_NEGATE_PRODUCT = 1, SF_NEGATE_ADDEND = 2 };
uint32_t f32_fma(struct sf_env *env, uint32_t a, uint32_t b, uint32_t c, unsigned negate);
uint64_t f64_fma(struct sf_env *env, uint64_t a, uint64_t b, uint64_t c, unsigned negate);

/*
 * Comparison. quiet: only signalling NaNs raise IE (UCOMISS, FUCOM); otherwise every NaN does.
 */
enum sf_relation f32_compare(struct sf_env *env, uint32_t a, uint32_t b, bool quiet);
enum sf_relation f64_compare(struct sf_env *env, uint64_t a, uint64_t b, bool quiet);
enum sf_relation f80_compare(struct sf_env *env, struct f80 a, struct f80 b, bool quiet);

/* MINSS and friends: b when either is a NaN or both are zero. */
uint32_t f32_min(struct sf_env *env, uint32_t a, uint32_t b);
uint32_t f32_max(struct sf_env *env, uint32_t a, uint32_t b);
uint64_t f64_min(struct sf_env *env, uint64_t a, uint64_t b);
uint64_t f64_max(struct sf_env *env, uint64_t a, uint64_t b);

/* Rounding to an integral value in the same format, in env's rounding mode. */
uint32_t f32_round_int(struct sf_env *env, uint32_t a);
uint64_t f64_round_int(struct sf_env *env, uint64_t a);
struct f80 f80_round_int(struct sf_env *env, struct f80 a);

/* Between formats. */
uint64_t f32_to_f64(struct sf_env *env, uint32_t a);
uint32_t f64_to_f32(struct sf_env *env, uint64_t a);
uint32_t f16_to_f32(struct sf_env *env, uint16_t a);
uint16_t f32_to_f16(struct sf_env *env, uint32_t a);
struct f80 f32_to_f80(struct sf_env *env, uint32_t a);
struct f80 f64_to_f80(struct sf_env *env, uint64_t a);
uint32_t f80_to_f32(struct sf_env *env, struct f80 a);
uint64_t f80_to_f64(struct sf_env *env, struct f80 a);

/*
 * To signed integers of `bits` (16, 32, 64) in rounding mode rc; what does not fit gives IE and
 * the integer indefinite, the most negative number.
 */
int64_t f32_to_int(struct sf_env *env, uint32_t a, unsigned bits, enum sf_rounding rc);
int64_t f64_to_int(struct sf_env *env, uint64_t a, unsigned bits, enum sf_rounding rc);
int64_t f80_to_int(struct sf_env *env, struct f80 a, unsigned bits, enum sf_rounding rc);
uint32_t f32_from_int(struct sf_env *env, int64_t v);
uint64_t f64_from_int(struct sf_env *env, int64_t v);
struct f80 f80_from_int(int64_t v);

/* Packed decimal, 18 digits and a sign in 10 bytes. */
struct f80 f80_from_bcd(const uint8_t bcd[10]);
void f80_to_bcd(struct sf_env *env, struct f80 a, uint8_t bcd[10]);

/* The x87's own operations. */
struct f80 f80_scale(struct sf_env *env, struct f80 a, struct f80 by);
void f80_extract(struct sf_env *env, struct f80 a, struct f80 *ret_exp, struct f80 *ret_sig);

/*
 * FPREM (nearest = false) and FPREM1 (nearest = true). *ret_quotient gets the quotient's low bits;
 * returns with *ret_partial set when only part of the reduction was done (C2).
 */
struct f80 f80_rem(struct sf_env *env, struct f80 a, struct f80 b, bool nearest,
                   uint64_t *ret_quotient, bool *ret_partial);

/* The classes of FXAM, as C3 C2 C0 read it. */
enum sf_class {
    SF_CLASS_UNSUPPORTED,
    SF_CLASS_NAN,
    SF_CLASS_NORMAL,
    SF_CLASS_INFINITY,
    SF_CLASS_ZERO,
    SF_CLASS_DENORMAL = 6,
};
enum sf_class f80_class(struct f80 a);

#endif
