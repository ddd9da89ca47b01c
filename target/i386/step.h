/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching and executing single instructions: for engines. Callers have armed cpu->unwind. */
#ifndef VITRO_TARGET_I386_STEP_H
#define VITRO_TARGET_I386_STEP_H

#include "target/i386/insn.h"

/* Copies up to @want code bytes at @rip that lie in one page; returns how many. May fault. */
unsigned x86_fetch(struct x86_cpu *cpu, uint64_t rip, uint8_t *buf, unsigned want);
/* Fetches and decodes the instruction at cpu->rip, or raises what that raises. */
void x86_fetch_decode(struct x86_cpu *cpu, struct x86_insn *ret);
/* Checks that @i may be executed now, then does it. cpu->rip is already behind it. */
void x86_exec(struct x86_cpu *cpu, const struct x86_insn *i);
void x86_check_fpu(struct x86_cpu *cpu, const struct x86_insn *i);
/* One instruction with single step, breakpoints and interrupt shadow. */
void x86_step_one(struct x86_cpu *cpu);
/* After x86_raise() has unwound: delivers it. */
void x86_deliver_raised(struct x86_cpu *cpu);

#endif
