/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of the string instructions, and of memory in odd places. */
#include "tests/bench/vbench/vbench.h"

static void move_bytes(void *to, const void *from, size_t count)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static void move_longs(void *to, const void *from, size_t count)
{
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static void store_bytes(void *to, int value, size_t count)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

static void store_longs(void *to, int value, size_t count)
{
    __asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

static uint64_t rep_movs(unsigned long work)
{
    uint32_t seed = 6;

    store_bytes(scratch, 9, 262144);
    for (int i = 0; i < 1024; i++) {
        scratch[i] = (uint8_t)(rnd(&seed) >> 7);
    }
    while (work--) {
        move_bytes(scratch + 4096 + (work & 63), scratch + (work >> 6 & 7), 65536);
        move_longs(scratch + 131072, scratch + 4096, 16384);
        move_longs(scratch + 1024, scratch + 131072 + (work & 3), 16384);
    }
    return mix_bytes(0, scratch, 8192);
}
BENCH(rep_movs, "mem/rep-movs", .work = 3700);

static uint64_t rep_stos(unsigned long work)
{
    while (work--) {
        store_bytes(scratch + (work & 63), (int)work + 1, 65536);
        store_longs(scratch + 8192, (int)work * 7 + 5, 16384);
    }
    return mix_bytes(0, scratch, 16384);
}
BENCH(rep_stos, "mem/rep-stos", .work = 6100);

/* Short ones, as compilers inline them */
static uint64_t rep_short(unsigned long work)
{
    for (int i = 0; i < 1024; i++) {
        scratch[i] = (uint8_t)(i * 11);
    }
    while (work--) {
        for (unsigned i = 0; i < 64; i++) {
            move_bytes(scratch + 512 + 4 * i, scratch + 3 * i, 1 + (i & 31));
            store_longs(scratch + 2048 + i, (int)i, i & 15);
            move_longs(scratch + 64 * (i & 7), scratch + 600 + i, 8);
        }
    }
    return mix_bytes(0, scratch, 4096);
}
BENCH(rep_short, "mem/rep-short", .work = 170000);

/* SCAS and CMPS, which compilers for size emit */
static uint64_t rep_scan(unsigned long work)
{
    uint64_t sum = 0;

    store_bytes(scratch, 'x', 16384);
    while (work--) {
        uint8_t *at = scratch, *other = scratch + 8192;
        size_t left = 4096, more = 4096;
        size_t end = 100 + work % 3000;

        scratch[end] = 0;
        __asm__ volatile("repne scasb" : "+D"(at), "+c"(left) : "a"(0) : "memory", "cc");
        scratch[end] = 'x';
        scratch[8192 + end] = 'y';
        at = scratch;
        __asm__ volatile("repe cmpsb" : "+D"(other), "+S"(at), "+c"(more) : : "memory", "cc");
        scratch[8192 + end] = 'x';
        sum = mix(sum, left * 8192 + more);
    }
    return sum;
}
BENCH(rep_scan, "mem/rep-scan", .work = 120000);

/* Loads and stores that cross cache lines, and pages now and then */
static uint64_t unaligned(unsigned long work)
{
    uint64_t sum = 0;

    store_bytes(scratch, 3, 65536);
    while (work--) {
        uint32_t total = 0;

        for (unsigned i = 0; i < 65536 - 64; i += 61) {
            uint32_t a, b;

            __builtin_memcpy(&a, scratch + i, 4);
            __builtin_memcpy(&b, scratch + i + 31, 4);
            total += a ^ b;
            __builtin_memcpy(scratch + i + 29, &total, 4);
        }
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(unaligned, "mem/unaligned", .work = 220000);

/* The stack: pushes, pops, locals of many sizes */
static NOINLINE uint32_t with_locals(uint32_t depth, uint32_t a, uint32_t b)
{
    uint32_t space[12];

    for (unsigned i = 0; i < COUNT(space); i++) {
        space[i] = a + i * b;
    }
    OPAQUE(depth);
    if (depth) {
        a = with_locals(depth - 1, space[b & 7], a);
    }
    return a + space[a & 7];
}

static uint64_t stack(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        sum = mix(sum, with_locals(64, (uint32_t)work, 3));
    }
    return sum;
}
BENCH(stack, "mem/stack", .work = 270000);
