/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be known of an instruction before it may stand in a program that is compared: which
 * flags it reads, which it leaves undefined, and whether processors agree on what it does.
 */
#ifndef TESTS_INSN_BLOCKS_EFFECTS_H
#define TESTS_INSN_BLOCKS_EFFECTS_H

#include "target/i386/insn.h"

/* Why a row never stands in a program, or NULL. */
const char *program_excludes(const struct x86_row *row);

/* Status flags that the instruction reads, with the CPU's present registers. */
uint32_t insn_flags_read(const struct x86_cpu *cpu, const struct x86_insn *i);

/* Flags that are undefined after it, when `undefined` are before it. */
uint32_t insn_flags_undefined(const struct x86_cpu *cpu, const struct x86_insn *i,
                              uint32_t undefined);

/* Whether all processors do the same, with the CPU's present registers. */
bool insn_comparable(const struct x86_cpu *cpu, const struct x86_insn *i);

/*
 * Whether it is not for the host: FS is its program's, and processors do not agree on alignment
 * checks.
 */
bool insn_is_of_guest(const struct x86_cpu *cpu, const struct x86_insn *i);

/*
 * Whether it stores the x87's last instruction and operand, which processors know in any case; our
 * AMD models, as AMD's FXSAVE, only for the instruction that has an unmasked exception. `known`:
 * such a one is there, or no exception waits at all.
 */
bool insn_stores_pointers(const struct x86_insn *i, bool known);

/* Whether it may unmask an x87 exception that an earlier instruction had. */
bool insn_loads_masks(const struct x86_insn *i);

#endif
