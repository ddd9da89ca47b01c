/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest benchmarks share: a row per benchmark, a random sequence, checksums, the port to
 * the system they run on.
 *
 * A benchmark is a function that does WORK units of the same work, whatever ran before it, and
 * returns a checksum that is the same on every correct CPU. Files in common/ are compiled twice, as
 * 64-bit code and, without a C library, as 32-bit code: no division of 64-bit numbers there.
 */
#ifndef TESTS_BENCH_VBENCH_H
#define TESTS_BENCH_VBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench {
    const char *name; /* group/test */
    uint64_t (*run)(unsigned long work);
    unsigned long work;    /* units that take about 0.7 s on a translating emulator */
    void (*prepare)(void); /* before the clock starts; may be NULL */
    bool (*usable)(void);  /* whether this CPU can run it; NULL: every one can */
};

/* One row: BENCH(function, "group/test", .work = 100); */
#define BENCH(function, label, ...)                                                                \
    static const struct bench bench_##function = {.name = label, .run = function, __VA_ARGS__};    \
    static const struct bench *const row_##function __attribute__((used, section("benches"))) =    \
        &bench_##function

#define NOINLINE  __attribute__((noinline))
#define COUNT(of) (sizeof(of) / sizeof((of)[0]))

/* The widest integer that a machine word times another one needs */
#if __SIZEOF_POINTER__ == 8
typedef unsigned __int128 dword;
#else
typedef uint64_t dword;
#endif
#define WORD_BITS (8 * (int)sizeof(unsigned long))

/* Memory for whoever runs; holds anything at the start. */
#define SCRATCH_SIZE (48u << 20)
extern uint8_t scratch[SCRATCH_SIZE] __attribute__((aligned(4096)));

/* The same sequence everywhere (xorshift) */
static inline uint32_t rnd(uint32_t *seed)
{
    uint32_t x = *seed;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *seed = x;
}

/* Adds VALUE to a checksum. */
static inline uint64_t mix(uint64_t sum, uint64_t value)
{
    sum = ((sum ^ value) + 1) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 29;
}

static inline uint64_t mix_bytes(uint64_t sum, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < size; i++) {
        sum = mix(sum, p[i]);
    }
    return sum;
}

/* All bits: for results that IEEE 754 defines to the last one */
static inline uint64_t mix_double(uint64_t sum, double value)
{
    uint64_t bits;

    __builtin_memcpy(&bits, &value, sizeof(bits));
    return mix(sum, bits);
}

/* To about six digits: for functions whose last bits CPUs and libraries may choose */
static inline uint64_t mix_about(uint64_t sum, double value)
{
    return mix(sum, (uint64_t)(int64_t)(value * 1048576 + (value < 0 ? -0.5 : 0.5)));
}

/* The compiler must take VALUE as changed here. */
#define OPAQUE(value) __asm__ volatile("" : "+r"(value))

/* ---- the port: posix64.c or bare32.c ---- */

void port_write(const char *text, size_t size);
void port_drain(void); /* until what was written has left the guest */
uint64_t port_now_ns(void);
void *port_code_memory(size_t size); /* readable, writable, executable; NULL: none */
bool port_protect(void *memory, size_t size, bool executable); /* else writable */
unsigned port_process_id(void);                                /* a system call each time */

/* main.c; both ports call it. Returns the exit status. */
int vbench_main(int argc, char **argv);

#endif
