/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of memory that is walked through: streams, pointer chains, random places. */
#include "tests/bench/vbench/vbench.h"

enum { STREAM = 1 << 20 }; /* words of each of three arrays: 24 MB with 64 bits */

static void prepare_stream(void)
{
    unsigned long *a = (unsigned long *)scratch;

    for (unsigned long i = 0; i < 3ul * STREAM; i++) {
        a[i] = i * 7;
    }
}

static uint64_t stream(unsigned long work)
{
    unsigned long *a = (unsigned long *)scratch, *b = a + STREAM, *c = b + STREAM;
    uint64_t sum = 0;

    while (work--) {
        unsigned long part = (work & 15) * (STREAM / 16), total = 0;

        for (unsigned long i = part; i < part + STREAM / 16; i++) {
            c[i] = a[i] + 3 * b[i];
        }
        for (unsigned long i = part; i < part + STREAM / 16; i++) {
            total += c[i];
        }
        sum = mix(sum, (uint32_t)total);
    }
    return sum;
}
BENCH(stream, "mem/stream", .work = 250, .prepare = prepare_stream);

struct link {
    struct link *next;
    uint32_t value;
};

/* COUNT links, STRIDE bytes apart, in a random order that visits all of them */
static void prepare_chain(uint32_t count, size_t stride)
{
    static uint32_t order[1 << 18];
    uint32_t seed = 271828;

    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (uint32_t i = count - 1; i; i--) {
        uint32_t k = rnd(&seed) % i, swap = order[i];

        order[i] = order[k];
        order[k] = swap;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct link *link = (struct link *)(scratch + order[i] * stride);

        link->next = (struct link *)(scratch + order[(i + 1) % count] * stride);
        link->value = order[i];
    }
}

static uint64_t chase(unsigned long work)
{
    const struct link *at = (const struct link *)scratch;
    uint64_t sum = 0;

    while (work--) {
        uint32_t total = 0;

        for (int i = 0; i < 1000; i++) {
            total += at->value;
            at = at->next;
        }
        sum = mix(sum, total);
    }
    return sum;
}

static void prepare_near(void)
{
    prepare_chain(1024, 32);
}

static uint64_t chase_near(unsigned long work)
{
    return chase(work);
}
BENCH(chase_near, "mem/chase-32k", .work = 140000, .prepare = prepare_near);

static void prepare_middle(void)
{
    prepare_chain(32768, 64);
}

static uint64_t chase_middle(unsigned long work)
{
    return chase(work);
}
BENCH(chase_middle, "mem/chase-2m", .work = 4500, .prepare = prepare_middle);

static void prepare_far(void)
{
    prepare_chain(1 << 18, 128);
}

/* Nearly every step leaves the reach of the TLB. */
static uint64_t chase_far(unsigned long work)
{
    return chase(work);
}
BENCH(chase_far, "mem/chase-32m", .work = 1700, .prepare = prepare_far);

static uint64_t random_updates(unsigned long work)
{
    uint32_t *table = (uint32_t *)scratch, seed = 314159;
    uint64_t sum = 0;

    for (unsigned i = 0; i < 1 << 20; i += 16) {
        table[i] = i;
    }
    while (work--) {
        uint32_t total = 0;

        for (int i = 0; i < 1000; i++) {
            uint32_t at = rnd(&seed);

            table[at >> 5 & 0xffff0] ^= at;
            total += table[at >> 7 & 0xffff0];
        }
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(random_updates, "mem/random", .work = 2600);

/* Columns: each access in another page */
static uint64_t columns(unsigned long work)
{
    enum { ROWS = 512, ROW = 4096 + 64 };
    uint64_t sum = 0;

    for (unsigned i = 0; i < ROWS; i++) {
        for (unsigned k = 0; k < 256; k++) {
            scratch[i * ROW + k] = (uint8_t)(i + k);
        }
    }
    while (work--) {
        uint32_t total = 0;

        for (unsigned k = 0; k < 8; k++) {
            for (unsigned i = 0; i < ROWS; i++) {
                total = total * 3 + scratch[i * ROW + k + (work & 127)];
            }
        }
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(columns, "mem/columns", .work = 8600);
