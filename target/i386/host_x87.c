/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transcendental x87 instructions carried out by the host's own x87.
 *
 * The guest's control word is loaded with its masks: none of the instructions used here waits for
 * a pending exception, and FNINIT forgets it before the host's control word returns.
 */
#include "target/i386/x87_math.h"

#if defined(__x86_64__)

#define RUN(insn, ...)                                                                             \
    __asm__ volatile(                                                                              \
        "fninit\n fldt %[b]\n fldt %[a]\n fldcw %[cw]\n" insn                                      \
        "\n fnstsw %[sw]\n fnclex\n fldcw %[all]\n fstpt %[x]\n" __VA_ARGS__                       \
        "\n fninit\n fldcw %[saved]\n"                                                             \
        : [sw] "=m"(sw), [x] "=m"(ret->st0), [y] "=m"(ret->st1)                                    \
        : [a] "m"(st0), [b] "m"(st1), [cw] "m"(cw), [all] "m"(all), [saved] "m"(saved)             \
        : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)")

bool x87_math_host(enum x87_math op, uint16_t cw, struct f80 st0, struct f80 st1,
                   struct x87_math_result *ret)
{
    uint16_t sw = 0, saved, all = 0x37f;

    __asm__ volatile("fnstcw %0" : "=m"(saved));
    switch (op) {
    case X87_SIN:
        RUN("fsin");
        break;
    case X87_COS:
        RUN("fcos");
        break;
    case X87_SINCOS:
        RUN("fsincos", "fstpt %[y]");
        break;
    case X87_PTAN:
        RUN("fptan", "fstpt %[y]");
        break;
    case X87_PATAN:
        RUN("fpatan");
        break;
    case X87_2XM1:
        RUN("f2xm1");
        break;
    case X87_YL2X:
        RUN("fyl2x");
        break;
    case X87_YL2XP1:
        RUN("fyl2xp1");
        break;
    }
    ret->sw = sw & (SF_ALL | 0x600);
    return true;
}

#else

bool x87_math_host(enum x87_math op, uint16_t cw, struct f80 st0, struct f80 st1,
                   struct x87_math_result *ret)
{
    (void)op, (void)cw, (void)st0, (void)st1, (void)ret;
    return false;
}

#endif
