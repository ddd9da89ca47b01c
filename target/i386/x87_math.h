/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x87's transcendental instructions on values: the host's own instructions where the host has
 * them, otherwise the C library's long double functions.
 */
#ifndef TARGET_I386_X87_MATH_H
#define TARGET_I386_X87_MATH_H

#include <stdbool.h>
#include <stdint.h>

#include "target/i386/softfloat.h"

enum x87_math {
    X87_SIN,
    X87_COS,
    X87_SINCOS, /* st0 = cosine, st1 = sine */
    X87_PTAN,   /* st0 = 1.0, st1 = tangent */
    X87_PATAN,  /* the four with one result leave it in st0, as after the pop */
    X87_2XM1,
    X87_YL2X,
    X87_YL2XP1,
};

struct x87_math_result {
    struct f80 st0, st1;
    uint16_t sw; /* exception flags, C1 and C2 (argument out of range: nothing was computed) */
};

/* Run op on st0 and st1 under the control word cw. */
void x87_math(enum x87_math op, uint16_t cw, struct f80 st0, struct f80 st1,
              struct x87_math_result *ret);

/* The two ways to do it. The first returns false on hosts without an x87. */
bool x87_math_host(enum x87_math op, uint16_t cw, struct f80 st0, struct f80 st1,
                   struct x87_math_result *ret);
void x87_math_libm(enum x87_math op, uint16_t cw, struct f80 st0, struct f80 st1,
                   struct x87_math_result *ret);

#endif
