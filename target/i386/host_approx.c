/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Approximate reciprocals by the host's SSE unit, or by softfloat.
 */
#include "target/i386/approx.h"

#if defined(__x86_64__)

#define APPROX(insn, mxcsr, a)                                                                     \
    ({                                                                                             \
        uint32_t saved, csr = ((mxcsr)&0x8040) | 0x1f80, out = (a);                                \
        __asm__("stmxcsr %0\n ldmxcsr %2\n movd %1, %%xmm0\n " insn                                \
                " %%xmm0, %%xmm0\n movd %%xmm0, %1\n ldmxcsr %0\n"                                 \
                : "=m"(saved), "+r"(out)                                                           \
                : "m"(csr)                                                                         \
                : "xmm0");                                                                         \
        out;                                                                                       \
    })

uint32_t approx_rcp(uint32_t mxcsr, uint32_t a)
{
    return APPROX("rcpss", mxcsr, a);
}

uint32_t approx_rsqrt(uint32_t mxcsr, uint32_t a)
{
    return APPROX("rsqrtss", mxcsr, a);
}

#else

#include "target/i386/softfloat.h"

/* Keep the 12 bits that the instructions promise. */
static uint32_t cut(uint32_t v)
{
    return (v & 0x7f800000) == 0x7f800000 ? v : v & 0xfffff000;
}

static struct sf_env quiet_env(uint32_t mxcsr)
{
    /* Denormal operands count as zero and tiny results become zero, whatever MXCSR says. */
    (void)mxcsr;
    return (struct sf_env){.masks = SF_ALL, .daz = true, .ftz = true};
}

uint32_t approx_rcp(uint32_t mxcsr, uint32_t a)
{
    struct sf_env env = quiet_env(mxcsr);

    return cut(f32_div(&env, 0x3f800000, a));
}

uint32_t approx_rsqrt(uint32_t mxcsr, uint32_t a)
{
    struct sf_env env = quiet_env(mxcsr);

    return cut(f32_div(&env, 0x3f800000, f32_sqrt(&env, a)));
}

#endif
