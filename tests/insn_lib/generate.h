/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test cases made from the instruction table: a random valid encoding of a row, and registers and
 * memory for it.
 */
#ifndef TESTS_INSN_LIB_GENERATE_H
#define TESTS_INSN_LIB_GENERATE_H

#include "target/i386/insn.h"
#include "tests/insn_lib/random.h"
#include "tests/insn_lib/state.h"

struct insn_case {
    unsigned row;  /* index into x86_rows */
    unsigned bits; /* of the code segment: 64, 32, 16 */
    uint8_t code[32];
    unsigned len;
    struct x86_insn insn; /* as the decoder sees it */
    struct machine_state state;
    uint8_t data[DATA_BYTES];
};

/*
 * Makes a case for `row` from the seed; the same seed gives the same case. False when the encoding
 * tried was not decoded as this row (an earlier row took it): try another seed.
 */
bool generate_case(const struct x86_cpu *cpu, unsigned row, uint64_t seed, struct insn_case *c);

#endif
