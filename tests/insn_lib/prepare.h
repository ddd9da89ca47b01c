/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers and memory for an encoded instruction; private to the case generator.
 */
#ifndef TESTS_INSN_LIB_PREPARE_H
#define TESTS_INSN_LIB_PREPARE_H

#include "tests/insn_lib/generate.h"

/* Random registers, flags, vector and x87 state, memory. */
void prepare_state(struct insn_case *c, struct rng *rng);

/*
 * Makes the memory operand's address fall into the data. disp_at: offset of a displacement that is
 * the whole address (or relative to RIP), -1 when there is none.
 */
void prepare_address(struct insn_case *c, struct rng *rng, int disp_at);

/*
 * What some instructions need besides: stack, string pointers, branch targets, saved states. False
 * when the case cannot be compared (tests/insn/exceptions.def says which).
 */
bool prepare_special(struct insn_case *c, struct rng *rng);

#endif
