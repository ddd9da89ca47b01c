/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of integer loops: arithmetic, shifts, division, carries, small tables. */
#include "tests/bench/vbench/vbench.h"

enum { SIEVE_SIZE = 1 << 16 };

/* Primes below 65536 in a table of bytes */
static uint64_t sieve(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        uint32_t count = 0;

        for (uint32_t i = 0; i < SIEVE_SIZE; i++) {
            scratch[i] = 1;
        }
        for (uint32_t i = 2; i < SIEVE_SIZE; i++) {
            if (!scratch[i]) {
                continue;
            }
            count++;
            for (uint32_t k = i + i; k < SIEVE_SIZE; k += i) {
                scratch[k] = 0;
            }
        }
        sum = mix(sum, count);
    }
    return sum;
}
BENCH(sieve, "int/sieve", .work = 1200);

/* Branches that are hard to foresee */
static uint64_t collatz(unsigned long work)
{
    uint64_t sum = 0;
    unsigned long start = 1;

    while (work--) {
        unsigned long steps = 0;

        for (int i = 0; i < 100; i++) {
            unsigned long n = start++ & 0xffff;

            while (n > 1) {
                n = n & 1 ? n * 3 + 1 : n >> 1;
                steps++;
            }
        }
        sum = mix(sum, steps);
    }
    return sum;
}
BENCH(collatz, "int/collatz", .work = 15000);

static uint64_t crc32_table(unsigned long work)
{
    static uint32_t table[256];
    uint32_t crc = ~0u;

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int bit = 0; bit < 8; bit++) {
            c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
        }
        table[i] = c;
    }
    for (int i = 0; i < 16384; i++) {
        scratch[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    while (work--) {
        for (int i = 0; i < 16384; i++) {
            crc = crc >> 8 ^ table[(crc ^ scratch[i]) & 0xff];
        }
    }
    return crc;
}
BENCH(crc32_table, "int/crc32", .work = 4300);

/* Bits counted, reversed and searched, without instructions made for it */
static uint64_t bits(unsigned long work)
{
    uint32_t seed = 12345;
    uint64_t sum = 0;

    while (work--) {
        uint32_t total = 0;

        for (int i = 0; i < 1000; i++) {
            uint32_t x = rnd(&seed), n = x;

            n = n - (n >> 1 & 0x55555555);
            n = (n & 0x33333333) + (n >> 2 & 0x33333333);
            n = ((n + (n >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
            total += n + (uint32_t)__builtin_ctz(x) + (uint32_t)__builtin_clz(x);
            x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
            x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
            x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
            total ^= __builtin_bswap32(x) << (n & 31) | x >> (31 - (n & 31));
        }
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(bits, "int/bits", .work = 40000);

static uint64_t matrix(unsigned long work)
{
    enum { N = 48 };
    static int32_t a[N][N], b[N][N], c[N][N];
    uint32_t seed = 99;

    for (int i = 0; i < N * N; i++) {
        a[i / N][i % N] = (int32_t)rnd(&seed) >> 16;
        b[i / N][i % N] = (int32_t)rnd(&seed) >> 16;
    }
    while (work--) {
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                int32_t dot = 0;

                for (int k = 0; k < N; k++) {
                    dot += a[i][k] * b[k][j] >> 4;
                }
                c[i][j] = dot;
            }
        }
        a[work % N][work / N % N] ^= c[work / N % N][work % N] >> 16;
    }
    return mix_bytes(0, c, sizeof(c));
}
BENCH(matrix, "int/matrix", .work = 1900);

static unsigned long gcd(unsigned long a, unsigned long b)
{
    while (b) {
        unsigned long rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* Division, signed and unsigned */
static uint64_t divide(unsigned long work)
{
    uint32_t seed = 7;
    uint64_t sum = 0;

    while (work--) {
        long total = 0;

        for (int i = 0; i < 50; i++) {
            uint32_t a = rnd(&seed), b = rnd(&seed) >> 8 | 1;

            total += (long)gcd(a, b);
            total += (int32_t)a / (int32_t)(b >> 4 | 1) + (int32_t)a % -1000;
        }
        sum = mix(sum, (uint32_t)total);
    }
    return sum;
}
BENCH(divide, "int/divide", .work = 160000);

/* Long multiplication of machine words with carries */
static uint64_t bignum(unsigned long work)
{
    enum { N = 1024 / WORD_BITS };
    unsigned long a[N], b[N], product[2 * N];
    uint32_t seed = 4711;

    for (int i = 0; i < N; i++) {
        a[i] = rnd(&seed) * 0x9e3779b1ul;
        b[i] = rnd(&seed) * 0x85ebca77ul;
    }
    while (work--) {
        for (int i = 0; i < 2 * N; i++) {
            product[i] = 0;
        }
        for (int i = 0; i < N; i++) {
            unsigned long carry = 0;

            for (int k = 0; k < N; k++) {
                dword sum = (dword)a[i] * b[k] + product[i + k] + carry;

                product[i + k] = (unsigned long)sum;
                carry = (unsigned long)(sum >> WORD_BITS);
            }
            product[i + N] = carry;
        }
        for (int i = 0; i < N; i++) {
            a[i] = product[i] + product[i + N] + 1;
        }
    }
    return mix_bytes(0, a, sizeof(a));
}
BENCH(bignum, "int/bignum", .work = 150000);

/* Cells that live and die, by bytes with neighbours */
static uint64_t life(unsigned long work)
{
    enum { W = 64, H = 64 };
    uint8_t(*now)[W] = (uint8_t(*)[W])scratch, (*next)[W] = now + H;
    uint32_t seed = 31;

    for (int i = 0; i < W * H; i++) {
        now[i / W][i % W] = rnd(&seed) >> 20 & 1;
    }
    while (work--) {
        uint8_t(*swap)[W] = now;

        for (int y = 0; y < H; y++) {
            const uint8_t *up = now[(y + H - 1) % H], *row = now[y], *down = now[(y + 1) % H];

            for (int x = 0; x < W; x++) {
                int l = (x + W - 1) % W, r = (x + 1) % W;
                int n = up[l] + up[x] + up[r] + row[l] + row[r] + down[l] + down[x] + down[r];

                next[y][x] = n == 3 || (n == 2 && row[x]);
            }
        }
        now = next;
        next = swap;
    }
    return mix_bytes(0, now, W * H);
}
BENCH(life, "int/life", .work = 12000);
