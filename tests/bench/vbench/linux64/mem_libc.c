/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of the C library's memory and string functions, which choose by the CPU's features. */
#include <string.h>

#include "tests/bench/vbench/vbench.h"

/* The compiler must not know the size. */
static size_t unknown(size_t size)
{
    OPAQUE(size);
    return size;
}

static void fill(void)
{
    uint32_t seed = 60;

    for (int i = 0; i < 65536; i++) {
        scratch[i] = (uint8_t)(1 + rnd(&seed) % 255);
    }
}

static uint64_t copy_small(unsigned long work)
{
    fill();
    while (work--) {
        for (unsigned i = 0; i < 128; i++) {
            memcpy(scratch + 8192 + 64 * (i & 63), scratch + 32 * i, unknown(1 + i));
        }
        scratch[work & 1023]++;
    }
    return mix_bytes(0, scratch, 16384);
}
BENCH(copy_small, "mem/memcpy-small", .work = 120000);

static uint64_t copy_page(unsigned long work)
{
    fill();
    while (work--) {
        for (unsigned i = 1; i < 15; i++) {
            memcpy(scratch + 65536 + 4096 * i, scratch + 4096 * i, unknown(4096));
            memmove(scratch + 4096 * i + 8, scratch + 4096 * i, unknown(2048));
        }
    }
    return mix_bytes(0, scratch, 1 << 17);
}
BENCH(copy_page, "mem/memcpy-page", .work = 23000);

static void prepare_large(void)
{
    fill();
    memset(scratch + (4 << 20), 1, 20 << 20);
}

static uint64_t copy_large(unsigned long work)
{
    while (work--) {
        memcpy(scratch + (4 << 20) + (work & 7), scratch, unknown(2 << 20));
        memcpy(scratch + (16 << 20), scratch + (4 << 20), unknown(2 << 20));
    }
    return mix_bytes(0, scratch + (16 << 20), 65536);
}
BENCH(copy_large, "mem/memcpy-large", .work = 310, .prepare = prepare_large);

static uint64_t set(unsigned long work)
{
    while (work--) {
        for (unsigned i = 0; i < 64; i++) {
            memset(scratch + 128 * i, (int)(i + work), unknown(1 + 2 * i));
        }
        memset(scratch + 16384, (int)work, unknown(16384));
    }
    return mix_bytes(0, scratch, 32768);
}
BENCH(set, "mem/memset", .work = 30000);

static uint64_t lengths(unsigned long work)
{
    uint64_t sum = 0;

    fill();
    for (int i = 0; i < 65536; i += 3000) {
        scratch[i] = 0;
    }
    while (work--) {
        size_t total = 0;

        for (unsigned i = 0; i < 64; i++) {
            total += strlen((const char *)scratch + 900 * i + 1);
        }
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(lengths, "mem/strlen", .work = 19000);

static uint64_t search(unsigned long work)
{
    uint64_t sum = 0;

    fill();
    scratch[65535] = 0;
    while (work--) {
        size_t total = 0;
        const char *text = (const char *)scratch;

        for (int i = 0; i < 64; i++) {
            const char *at = strchr(text + 100 * i, (int)(work & 127) + 1);
            const void *mem = memchr(text + 50 * i, i + 1, unknown(4096));

            total += at ? (size_t)(at - text) : 1;
            total += mem ? (size_t)((const char *)mem - text) : 2;
        }
        total += (size_t)(strrchr(text, 'q') - text);
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(search, "mem/strchr", .work = 13000);

static uint64_t compare(unsigned long work)
{
    uint64_t sum = 0;

    fill();
    scratch[32767] = 0;
    memcpy(scratch + 32768, scratch, 32768);
    while (work--) {
        unsigned total = 0;
        unsigned changed = 32768 + (unsigned)(work * 37 & 4095);

        scratch[changed]++;
        for (unsigned i = 0; i < 32; i++) {
            const char *a = (const char *)scratch + 64 * i, *b = a + 32768;

            total += memcmp(a, b, unknown(2048)) < 0;
            total += strcmp(a + 8, b + 8) < 0;
        }
        scratch[changed]--;
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(compare, "mem/strcmp", .work = 1200);
