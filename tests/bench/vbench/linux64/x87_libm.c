/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of the C library's long double functions, which use the x87. */
#include <math.h>

#include "tests/bench/vbench/vbench.h"

static uint64_t x87_libm(unsigned long work)
{
    long double total = 0, x = 0.1L;

    while (work--) {
        for (int i = 0; i < 20; i++) {
            total += sinl(x) + expl(-x) + logl(x) + powl(x, 0.7L) + atanl(x) + floorl(x) +
                     fmodl(x * 100, 7);
            x = x > 20 ? x - 19.3L : x + 0.29L;
        }
    }
    return mix_about(0, (double)total);
}
BENCH(x87_libm, "x87/libm", .work = 2400);
