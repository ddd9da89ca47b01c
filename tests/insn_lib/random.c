/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random interesting values for registers and memory.
 */
#include "tests/insn_lib/random.h"

#include <string.h>

uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15ull; /* splitmix64 */

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

uint64_t rng_integer(struct rng *r)
{
    uint64_t v = rng_next(r);

    switch (rng_below(r, 9)) {
    case 0:
        return v & 0xff;
    case 1:
        return -(v & 0xff);
    case 2:
        return 1ull << (v & 63);
    case 3:
        return (1ull << (v & 63)) - 1;
    case 4:
        return v & 0xffffffff;
    case 5:
        return (int64_t)(int32_t)v;
    case 6:
        return v & rng_next(r) & rng_next(r);
    default:
        return v;
    }
}

/* A significand with long runs of equal bits, or a plain one. */
static uint64_t random_significand(struct rng *r)
{
    uint64_t v = rng_next(r);

    switch (rng_below(r, 6)) {
    case 0:
        return 0;
    case 1:
        return v >> rng_below(r, 64);
    case 2:
        return ~0ull << rng_below(r, 64);
    case 3:
        return (~0ull << rng_below(r, 64)) ^ 1ull << rng_below(r, 64);
    default:
        return v;
    }
}

static uint64_t exponent(struct rng *r, unsigned bits)
{
    uint64_t max = (1ull << bits) - 1, bias = max / 2;

    switch (rng_below(r, 8)) {
    case 0:
        return 0;
    case 1:
        return max;
    case 2:
        return 1 + rng_below(r, 3);
    case 3:
        return max - 1 - rng_below(r, 3);
    case 4:
        return (bias + rng_below(r, 70)) & max;
    case 5:
        return (bias - 8 + rng_below(r, 16)) & max;
    case 6:
        return bias;
    default:
        return rng_below(r, max + 1);
    }
}

static uint64_t packed_float(struct rng *r, unsigned exp_bits, unsigned frac_bits)
{
    uint64_t frac = random_significand(r);

    frac = rng_chance(r, 50) ? frac & ((1ull << frac_bits) - 1) : frac << 1 >> (64 - frac_bits);
    return rng_below(r, 2) << (exp_bits + frac_bits) | exponent(r, exp_bits) << frac_bits | frac;
}

void rng_float80(struct rng *r, uint8_t *out)
{
    uint64_t sig = random_significand(r);
    uint16_t se = exponent(r, 15);

    if (rng_chance(r, 94)) {
        sig = se ? sig | 1ull << 63 : sig & ~(1ull << 63);
    }
    se |= rng_below(r, 2) << 15;
    memcpy(out, &sig, 8);
    memcpy(out + 8, &se, 2);
}

/* One element; *ret_bytes is its size. */
static uint64_t element(struct rng *r, unsigned kind, unsigned *ret_bytes)
{
    switch (kind) {
    case 0:
        *ret_bytes = 4;
        return packed_float(r, 8, 23);
    case 1:
        *ret_bytes = 8;
        return packed_float(r, 11, 52);
    case 2:
        *ret_bytes = 2;
        return packed_float(r, 5, 10);
    case 3:
        *ret_bytes = 8;
        return rng_integer(r);
    case 4:
        *ret_bytes = 4;
        return rng_integer(r);
    case 5:
        *ret_bytes = 1;
        return rng_chance(r, 30) ? 0 : rng_below(r, 4) + 'a';
    default:
        *ret_bytes = 8;
        return rng_next(r);
    }
}

void rng_elements(struct rng *r, uint8_t *out, unsigned bytes)
{
    unsigned kind = rng_below(r, 9), size;

    for (unsigned at = 0; at < bytes; at += size) {
        uint64_t v = element(r, kind < 8 ? kind : (unsigned)rng_below(r, 8), &size);

        memcpy(out + at, &v, at + size <= bytes ? size : bytes - at);
    }
}
