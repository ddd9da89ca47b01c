/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of the C library's mathematics. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/vbench/vbench.h"

static uint64_t libm_trigonometry(unsigned long work)
{
    double total = 0, x = 0.1;

    while (work--) {
        for (int i = 0; i < 50; i++) {
            total += sin(x) * cos(2 * x) + tan(x / 3) + atan2(x, 1.5) + asin(x / 100);
            x = x > 40 ? x - 39.7 : x + 0.37;
        }
    }
    return mix_about(0, total);
}
BENCH(libm_trigonometry, "fp/sin-cos", .work = 9500);

static uint64_t libm_exponential(unsigned long work)
{
    double total = 0, x = 0.1;

    while (work--) {
        for (int i = 0; i < 50; i++) {
            total += exp(-x) + log(x) + log1p(x) + exp2(x / 8) / 100;
            x = x > 30 ? x - 29.3 : x + 0.29;
        }
    }
    return mix_about(0, total);
}
BENCH(libm_exponential, "fp/exp-log", .work = 19000);

static uint64_t libm_power(unsigned long work)
{
    double total = 0, x = 0.1;

    while (work--) {
        for (int i = 0; i < 50; i++) {
            total += pow(x, 0.7) + cbrt(x) + hypot(x, 3) + pow(1.01, i);
            x = x > 9 ? x - 8.7 : x + 0.17;
        }
    }
    return mix_about(0, total);
}
BENCH(libm_power, "fp/pow", .work = 6200);

static uint64_t libm_float(unsigned long work)
{
    double total = 0;
    float x = 0.1f;
    unsigned long times = work;

    while (work--) {
        float part = 0;

        for (int i = 0; i < 50; i++) {
            part += sinf(x) + expf(-x) + logf(x) + powf(x, 0.3f);
            x = x > 20 ? x - 19.7f : x + 0.31f;
        }
        total += (double)part;
    }
    /* three digits: the last bits of a float may differ */
    return mix(0, (uint64_t)(total / (double)times * 16));
}
BENCH(libm_float, "fp/float-libm", .work = 16000);

static uint64_t libm_rounding(unsigned long work)
{
    double total = 0, x = -70.3;

    while (work--) {
        for (int i = 0; i < 50; i++) {
            total += floor(x) + ceil(x * 3) + rint(x * 1.5) + trunc(x / 2) + round(x) +
                     fmod(x * 1000, 7) + fabs(x) + fmax(x, 1);
            x = x > 70 ? x - 140.9 : x + 1.7;
        }
    }
    return mix_double(0, total);
}
BENCH(libm_rounding, "fp/rounding", .work = 19000);

/* Numbers printed and read */
static uint64_t libm_text(unsigned long work)
{
    double x = 1.1;
    uint64_t sum = 0;

    while (work--) {
        char text[64];

        for (int i = 0; i < 10; i++) {
            snprintf(text, sizeof(text), "%.17g", x);
            x = strtod(text, NULL) * 1.37;
            x = x > 1e200 ? x * 1e-200 : x;
        }
        sum = mix_double(sum, x);
    }
    return sum;
}
BENCH(libm_text, "fp/text", .work = 4800);
