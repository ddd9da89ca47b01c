/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software floating point: conversions between formats, integers and packed decimal; rounding to
 * integral values.
 */
#include "target/i386/softfloat.h"

#include <string.h>

#include "target/i386/softfloat_impl.h"

struct sf_num sf_from_int(int64_t v)
{
    uint64_t mag = v < 0 ? -(uint64_t)v : (uint64_t)v;

    return sf_normalise(v < 0, 63, (sf_u128)mag << 64);
}

bool sf_to_magnitude(struct sf_env *env, struct sf_num a, enum sf_rounding rc, uint64_t *ret_mag)
{
    struct sf_env local = {.rounding = rc};
    struct sf_num n = a;
    sf_u128 v;

    *ret_mag = 0;
    env->rounded_up = false;
    if (a.kind == SF_ZERO) {
        return true;
    }
    if (a.exp > 63) {
        return false;
    }
    v = sf_shift_jam((sf_u128)a.hi << 64 | a.lo, 63 - a.exp);
    n.hi = v >> 64;
    n.lo = v;
    n.exp = 63;
    if (sf_round_sig(&local, &n, 64)) {
        if (n.exp != 63) {
            return false; /* rounded up to 2^64 */
        }
        env->flags |= SF_PE;
    }
    env->rounded_up = local.rounded_up;
    *ret_mag = n.hi;
    return true;
}

static int64_t to_int(struct sf_env *env, struct sf_num a, unsigned bits, enum sf_rounding rc)
{
    uint64_t limit = 1ull << (bits - 1), mag = 0;
    uint8_t before = env->flags;

    if (a.kind > SF_FINITE || !sf_to_magnitude(env, a, rc, &mag) || mag > limit - !a.sign) {
        env->flags = before | SF_IE;
        env->rounded_up = false;
        return -(int64_t)(limit - 1) - 1;
    }
    return a.sign ? (int64_t)-mag : (int64_t)mag;
}

int64_t f32_to_int(struct sf_env *env, uint32_t a, unsigned bits, enum sf_rounding rc)
{
    return to_int(env, sf_unpack(a, SF_F32, env->daz), bits, rc);
}

int64_t f64_to_int(struct sf_env *env, uint64_t a, unsigned bits, enum sf_rounding rc)
{
    return to_int(env, sf_unpack(a, SF_F64, env->daz), bits, rc);
}

int64_t f80_to_int(struct sf_env *env, struct f80 a, unsigned bits, enum sf_rounding rc)
{
    return to_int(env, sf_unpack80(a), bits, rc);
}

uint32_t f32_from_int(struct sf_env *env, int64_t v)
{
    return sf_pack(env, sf_from_int(v), SF_F32);
}

uint64_t f64_from_int(struct sf_env *env, int64_t v)
{
    return sf_pack(env, sf_from_int(v), SF_F64);
}

struct f80 f80_from_int(int64_t v)
{
    struct sf_env env = {.masks = SF_ALL}; /* 64 bits are always exact */

    return sf_pack80(&env, sf_from_int(v), 64);
}

/* Round to an integral value; a finite number stays a number, zeros keep the sign. */
static struct sf_num round_int(struct sf_env *env, struct sf_num a)
{
    struct sf_num r;
    uint64_t mag;

    if (sf_nan_operand(env, a, &r)) {
        return r;
    }
    if (a.kind != SF_FINITE || a.exp >= 63) {
        return a;
    }
    sf_to_magnitude(env, a, env->rounding, &mag); /* below 2^63: fits */
    return sf_normalise(a.sign, 63, (sf_u128)mag << 64);
}

uint32_t f32_round_int(struct sf_env *env, uint32_t a)
{
    return sf_pack(env, round_int(env, sf_unpack(a, SF_F32, env->daz)), SF_F32);
}

uint64_t f64_round_int(struct sf_env *env, uint64_t a)
{
    return sf_pack(env, round_int(env, sf_unpack(a, SF_F64, env->daz)), SF_F64);
}

struct f80 f80_round_int(struct sf_env *env, struct f80 a)
{
    struct sf_num n = sf_unpack80(a), r;
    bool up;

    sf_note_denormal(env, n.denormal);
    n = round_int(env, n);
    up = env->rounded_up;
    r = n;
    a = sf_pack80(env, r, 64); /* exact */
    env->rounded_up = up;
    return a;
}

/* Common to conversions between formats: NaNs become quiet, denormals are noted. */
SF_INLINE struct sf_num convert(struct sf_env *env, struct sf_num a)
{
    struct sf_num r;

    if (sf_nan_operand(env, a, &r)) {
        return r;
    }
    sf_note_denormal(env, a.denormal);
    return a;
}

uint64_t f32_to_f64(struct sf_env *env, uint32_t a)
{
    return sf_pack(env, convert(env, sf_unpack(a, SF_F32, env->daz)), SF_F64);
}

uint32_t f64_to_f32(struct sf_env *env, uint64_t a)
{
    return sf_pack(env, convert(env, sf_unpack(a, SF_F64, env->daz)), SF_F32);
}

uint32_t f16_to_f32(struct sf_env *env, uint16_t a)
{
    struct sf_num n = sf_unpack(a, SF_F16, /* daz= */ false);

    n.denormal = false; /* VCVTPH2PS neither reports nor flushes denormals */
    return sf_pack(env, convert(env, n), SF_F32);
}

uint16_t f32_to_f16(struct sf_env *env, uint32_t a)
{
    struct sf_env local = *env;
    uint16_t r;

    local.ftz = false; /* VCVTPS2PH ignores it */
    r = sf_pack(&local, convert(&local, sf_unpack(a, SF_F32, env->daz)), SF_F16);
    env->flags = local.flags;
    return r;
}

struct f80 f32_to_f80(struct sf_env *env, uint32_t a)
{
    return sf_pack80(env, convert(env, sf_unpack(a, SF_F32, /* daz= */ false)), 64);
}

struct f80 f64_to_f80(struct sf_env *env, uint64_t a)
{
    return sf_pack80(env, convert(env, sf_unpack(a, SF_F64, /* daz= */ false)), 64);
}

/* FST does not report denormal operands; it reports what happens to the result. */
static struct sf_num for_store(struct sf_env *env, struct f80 a)
{
    struct sf_num n = sf_unpack80(a);

    n.denormal = false;
    return convert(env, n);
}

uint32_t f80_to_f32(struct sf_env *env, struct f80 a)
{
    return sf_pack(env, for_store(env, a), SF_F32);
}

uint64_t f80_to_f64(struct sf_env *env, struct f80 a)
{
    return sf_pack(env, for_store(env, a), SF_F64);
}

struct f80 f80_from_bcd(const uint8_t bcd[10])
{
    uint64_t v = 0;
    struct f80 r;

    for (int i = 8; i >= 0; i--) {
        v = v * 100 + (bcd[i] >> 4) * 10 + (bcd[i] & 15);
    }
    r = f80_from_int((int64_t)v);
    r.se |= (bcd[9] & 0x80) << 8;
    return r;
}

void f80_to_bcd(struct sf_env *env, struct f80 a, uint8_t bcd[10])
{
    static const uint8_t indefinite[10] = {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff};
    struct sf_num n = sf_unpack80(a);
    uint8_t before = env->flags;
    uint64_t mag = 0;

    if (n.kind > SF_FINITE || !sf_to_magnitude(env, n, env->rounding, &mag) ||
        mag >= 1000000000000000000ull) {
        env->flags = before | SF_IE;
        env->rounded_up = false;
        memcpy(bcd, indefinite, sizeof(indefinite));
        return;
    }
    for (int i = 0; i < 9; i++) {
        bcd[i] = mag % 10 | (mag / 10 % 10) << 4;
        mag /= 100;
    }
    bcd[9] = n.sign << 7;
}
