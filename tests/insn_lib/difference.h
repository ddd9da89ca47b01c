/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where two states that should be equal differ, and what is known not to be comparable with the
 * host (tests/insn/exceptions.def).
 */
#ifndef TESTS_INSN_LIB_DIFFERENCE_H
#define TESTS_INSN_LIB_DIFFERENCE_H

#include "target/i386/insn.h"
#include "tests/insn_lib/state.h"

/* Parts of the state, for IGNORE rows and reports. */
enum part {
    PART_VECTOR = 1 << 0,
    PART_RIP = 1 << 1,
    PART_GPR = 1 << 2,
    PART_FLAGS = 1 << 3,
    PART_FCW = 1 << 4,
    PART_FSW = 1 << 5,
    PART_FTW = 1 << 6,
    PART_ST = 1 << 7,
    PART_POINTERS = 1 << 8,
    PART_MXCSR = 1 << 9,
    PART_VEC = 1 << 10,
    PART_MEMORY = 1 << 11,
    PART_CR2 = 1 << 12,
    PART_SELECTORS = 1 << 13,
};

/* Why the operation is not run on the host, or NULL. */
const char *not_run_reason(const struct x86_row *row);

/* Parts that the host and we may leave different after this operation. */
unsigned ignored_parts(unsigned op);

/*
 * The parts in which two states differ, all but memory. `bits` is the code's size, `undefined` are
 * flags that may be anything. The x87's pointers count only while an unmasked exception waits:
 * otherwise AMD's processors do not show them.
 */
unsigned state_differences(const struct machine_state *a, const struct machine_state *b,
                           unsigned bits, uint64_t undefined);

/* Levels out what the host's kernel reports otherwise than a CPU does. */
void level_exceptions(struct machine_state *host, struct machine_state *soft);

/* Prints the names of the parts, each with a space before it. */
void print_parts(unsigned parts);

#endif
