/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small helpers that every module uses: units, alignment, bit fields, container_of.
 */
#ifndef VITRO_UTIL_COMMON_H
#define VITRO_UTIL_COMMON_H

#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KiB (1024ULL)
#define MiB (1024ULL * KiB)
#define GiB (1024ULL * MiB)
#define TiB (1024ULL * GiB)

#define NS_PER_SEC 1000000000LL
#define NS_PER_MS  1000000LL
#define NS_PER_US  1000LL

#define container_of(ptr, type, member)                                                            \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member) +                                       \
                      0 * sizeof((ptr) == &((type *)0)->member)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

static inline uint64_t align_down(uint64_t v, uint64_t align)
{
    return v & ~(align - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t align)
{
    return (v + align - 1) & ~(align - 1);
}

static inline bool is_power_of_2(uint64_t v)
{
    return v && !(v & (v - 1));
}

/* The @len bits of @v from bit @start; @len is 1 to 64. */
static inline uint64_t bits_get(uint64_t v, unsigned start, unsigned len)
{
    return (v >> start) & (~0ULL >> (64 - len));
}

/* @v with its @len bits from @start replaced by @field. */
static inline uint64_t bits_set(uint64_t v, unsigned start, unsigned len, uint64_t field)
{
    uint64_t mask = (~0ULL >> (64 - len)) << start;

    return (v & ~mask) | ((field << start) & mask);
}

/* A mask of the low @bytes bytes; @bytes is 1 to 8. */
static inline uint64_t size_mask(unsigned bytes)
{
    return ~0ULL >> (64 - 8 * bytes);
}

/* @a * @b / @c without overflow in the product. */
static inline uint64_t muldiv64(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint64_t)((unsigned __int128)a * b / c);
}

#endif
