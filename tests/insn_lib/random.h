/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers and random interesting values: boundaries, small numbers, special floats.
 */
#ifndef TESTS_INSN_LIB_RANDOM_H
#define TESTS_INSN_LIB_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

uint64_t rng_next(struct rng *r);

/* 0 to n - 1 */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
    return rng_next(r) % n;
}

/* True in `percent` of a hundred cases. */
static inline bool rng_chance(struct rng *r, unsigned percent)
{
    return rng_below(r, 100) < percent;
}

/* A general register's value. */
uint64_t rng_integer(struct rng *r);

/* 10 bytes for an x87 register: all classes of encodings. */
void rng_float80(struct rng *r, uint8_t *out);

/* Fill with elements of one kind: integers, bytes, or floats of a random format. */
void rng_elements(struct rng *r, uint8_t *out, unsigned bytes);

#endif
