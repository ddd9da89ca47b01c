/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RCPPS and RSQRTPS on one element. Processors differ in the approximation's lower bits: on x86-64
 * hosts the host's own instruction answers (so that compiled code may use it too), elsewhere the
 * correctly rounded result cut to 12 bits.
 */
#ifndef TARGET_I386_APPROX_H
#define TARGET_I386_APPROX_H

#include <stdint.h>

/* mxcsr: for DAZ and FTZ; no flags are raised. */
uint32_t approx_rcp(uint32_t mxcsr, uint32_t a);
uint32_t approx_rsqrt(uint32_t mxcsr, uint32_t a);

#endif
