/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code on the host's own CPU, from a given state, with all exceptions caught.
 */
#ifndef TESTS_INSN_LIB_NATIVE_H
#define TESTS_INSN_LIB_NATIVE_H

#include "tests/insn_lib/state.h"

/* Maps what the switch needs and installs signal handlers. False: cannot here. */
bool native_switch_init(void);

/* That, and code and data of a single instruction. */
bool native_init(void);

/* Whether the page of this address below 4 GiB is the switch's own, so that programs can see it. */
bool native_owns(uint64_t addr);

/* Whether code of this size can be run here: 16-bit segments need an LDT. */
bool native_can_run(unsigned bits);

/* Puts the instruction at INSN_AT. Code of 32 and 16 bits runs in compatibility mode. */
void native_set_code(const uint8_t *code, unsigned len, unsigned bits);

/* out->rip when the instruction ended where the next one begins. */
#define NATIVE_FELL_THROUGH UINT64_MAX

/*
 * Runs from in->rip, which the caller has mapped, until an exception: out->rip is where,
 * out->vector which. Or until a jump to the exit, as native_set_code() puts it:
 * NATIVE_FELL_THROUGH.
 */
void native_enter(const struct machine_state *in, struct machine_state *out, unsigned bits);

/* Runs the instruction from *in; *out is what it left. */
void native_run(const struct machine_state *in, struct machine_state *out, unsigned bits);

/* CPUID; zeros on hosts that have none. */
void native_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t ret[4]);

/* The FS base that native code sees. */
uint64_t native_fs_base(void);

/* Puts GS_BASE back after an instruction that may have changed it. */
void native_reset_gs(void);

#endif
