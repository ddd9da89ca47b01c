/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of the x87: long double, doubles in memory, the transcendental instructions. */
#include "tests/bench/vbench/vbench.h"

static inline long double root(long double x)
{
    __asm__("fsqrt" : "+t"(x));
    return x;
}

/* Bodies that attract each other */
static uint64_t x87_nbody(unsigned long work)
{
    enum { N = 4 };
    long double p[N][3] = {{0, 0, 0}, {4.8L, -1.1L, -.1L}, {8.3L, 4.1L, -.4L}, {12.8L, -15.1L, 0}};
    long double v[N][3] = {{0, 0, 0}, {.6L, 2.8L, 0}, {-1, 1.8L, 0}, {1.1L, .9L, 0}};
    static const long double mass[N] = {39.5L, 0.037L, 0.01L, 0.0017L};
    const long double dt = 0.01L;

    while (work--) {
        for (int i = 0; i < N; i++) {
            for (int k = i + 1; k < N; k++) {
                long double d[3], d2 = 0.01L, mag;

                for (int c = 0; c < 3; c++) {
                    d[c] = p[i][c] - p[k][c];
                    d2 += d[c] * d[c];
                }
                mag = dt / (d2 * root(d2));
                for (int c = 0; c < 3; c++) {
                    v[i][c] -= d[c] * mass[k] * mag;
                    v[k][c] += d[c] * mass[i] * mag;
                }
            }
        }
        for (int i = 0; i < N; i++) {
            for (int c = 0; c < 3; c++) {
                p[i][c] += dt * v[i][c];
            }
        }
    }
    return mix_double(mix_double(0, (double)p[1][0]), (double)v[3][1]);
}
BENCH(x87_nbody, "x87/nbody", .work = 81000);

static uint64_t x87_mandelbrot(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        unsigned total = 0;

        for (int i = 0; i < 64; i++) {
            long double cr = i / 24.0L - 2, ci = (long double)(work % 64) / 32 - 1, zr = 0, zi = 0;

            for (int n = 0; n < 50 && zr * zr + zi * zi < 4; n++) {
                long double next = zr * zr - zi * zi + cr;

                zi = 2 * zr * zi + ci;
                zr = next;
                total++;
            }
        }
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(x87_mandelbrot, "x87/mandelbrot", .work = 2400);

/* Doubles and floats in memory, as 32-bit programs have them */
static uint64_t x87_matrix(unsigned long work)
{
    enum { N = 24 };
    static double a[N][N], c[N][N];
    static float b[N][N];
    uint32_t seed = 3;

    for (int i = 0; i < N; i++) {
        for (int k = 0; k < N; k++) {
            a[i][k] = (double)(int32_t)rnd(&seed) / 1048576;
            b[i][k] = (float)(int32_t)(rnd(&seed) >> 12) / 128;
        }
    }
    while (work--) {
        for (int i = 0; i < N; i++) {
            for (int k = 0; k < N; k++) {
                long double dot = 0;

                for (int j = 0; j < N; j++) {
                    dot += (long double)a[i][j] * b[j][k];
                }
                c[i][k] = (double)dot;
            }
        }
        b[work % N][work / N % N] = (float)c[work % N][work % 7] / 1048576;
    }
    return mix_bytes(0, c, sizeof(c));
}
BENCH(x87_matrix, "x87/matrix", .work = 780);

static uint64_t x87_horner(unsigned long work)
{
    static const long double c[] = {0.5L, -0.25L, 0.125L, -1.5L, 2.25L, 0.0625L, -0.75L, 1};
    long double x = 0.3L, total = 0;

    while (work--) {
        for (int i = 0; i < 100; i++) {
            long double y = c[0];

            for (size_t k = 1; k < COUNT(c); k++) {
                y = y * x + c[k];
            }
            total += y;
            x = x * 0.99L + 0.001L;
        }
    }
    return mix_double(0, (double)total);
}
BENCH(x87_horner, "x87/horner", .work = 17000);

static inline long double sine(long double x)
{
    __asm__("fsin" : "+t"(x));
    return x;
}

static inline long double cosine(long double x)
{
    __asm__("fcos" : "+t"(x));
    return x;
}

static inline long double arc_tangent(long double y, long double x)
{
    __asm__("fpatan" : "=t"(x) : "0"(x), "u"(y) : "st(1)");
    return x;
}

static inline long double y_log2_x(long double y, long double x)
{
    __asm__("fyl2x" : "=t"(x) : "0"(x), "u"(y) : "st(1)");
    return x;
}

static inline long double two_to(long double x)
{
    long double whole = x, result;

    __asm__("frndint" : "+t"(whole));
    result = x - whole;
    __asm__("f2xm1" : "+t"(result));
    result += 1;
    __asm__("fscale" : "+t"(result) : "u"(whole));
    return result;
}

static uint64_t x87_trigonometry(unsigned long work)
{
    long double total = 0, x = 0.1L;

    while (work--) {
        for (int i = 0; i < 50; i++) {
            total += sine(x) * cosine(2 * x) + arc_tangent(x, 1.5L);
            x = x > 40 ? x - 39.7L : x + 0.37L;
        }
    }
    return mix_about(0, (double)total);
}
BENCH(x87_trigonometry, "x87/sin-cos", .work = 24000);

static uint64_t x87_exponential(unsigned long work)
{
    long double total = 0, x = 0.1L;

    while (work--) {
        for (int i = 0; i < 50; i++) {
            total += two_to(-x) + y_log2_x(0.5L, x);
            x = x > 30 ? x - 29.3L : x + 0.29L;
        }
    }
    return mix_about(0, (double)total);
}
BENCH(x87_exponential, "x87/exp-log", .work = 15000);

/* The rest of a division, as fmod() has it, and what comes with it */
static uint64_t x87_remainder(unsigned long work)
{
    long double total = 0, x = 1000.5L;

    while (work--) {
        for (int i = 0; i < 50; i++) {
            long double rest = x, mantissa, exponent = x;

            __asm__("fprem" : "+t"(rest) : "u"(7.25L) : "cc");
            __asm__("fxtract" : "=t"(mantissa), "=u"(exponent) : "0"(x) : "cc");
            total += rest + mantissa + exponent;
            x = x > 5000 ? x - 4321.75L : x + 37.125L;
        }
    }
    return mix_about(0, (double)total);
}
BENCH(x87_remainder, "x87/remainder", .work = 83000);

/* Integers of three sizes in and out; a cut is a change of the control word. */
static uint64_t x87_convert(unsigned long work)
{
    uint32_t seed = 5;
    uint64_t sum = 0;

    while (work--) {
        int64_t total = 0;

        for (int i = 0; i < 100; i++) {
            int32_t n = (int32_t)rnd(&seed);
            long double x = (long double)n * 1.0009765625L;
            int16_t narrow;
            int32_t rounded;

            __asm__("fistpl %0" : "=m"(rounded) : "t"(x / 2) : "st");
            __asm__("fistps %0" : "=m"(narrow) : "t"(x / 131072) : "st");
            total = (int64_t)((long double)total * 0.5L) + rounded + narrow;
            total += (int64_t)(x * 1000) + (int32_t)(x / 3);
        }
        sum = mix(sum, (uint64_t)total);
    }
    return sum;
}
BENCH(x87_convert, "x87/convert", .work = 22000);

/* Comparisons that branch, exchanges, signs */
static uint64_t x87_compare(unsigned long work)
{
    enum { N = 256 };
    static long double a[N];
    uint32_t seed = 9;
    uint64_t sum = 0;

    while (work--) {
        for (int i = 0; i < N; i++) {
            a[i] = (long double)(int32_t)rnd(&seed);
        }
        for (int gap = N / 2; gap; gap /= 2) {
            for (int i = gap; i < N; i++) {
                long double value = a[i];
                int k = i;

                for (; k >= gap && __builtin_fabsl(a[k - gap]) > __builtin_fabsl(value); k -= gap) {
                    a[k] = a[k - gap];
                }
                a[k] = value;
            }
        }
        sum = mix_double(sum, (double)a[N / 2]);
    }
    return sum;
}
BENCH(x87_compare, "x87/compare", .work = 2800);
