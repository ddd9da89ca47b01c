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

/* A memory operand: base (X86_ZERO: none, X86_RIP), index (X86_ZERO: none), scale as a shift. */
struct address {
    uint8_t base, index, scale;
    bool wide_disp; /* four bytes even where one would do */
    int32_t disp;
};

/* What an encoding is to be like. */
struct encode_wish {
    unsigned bits; /* of the code: 64, 32, 16; 0: any */
    enum {
        FORM_ANY,
        FORM_REGISTER, /* where the row has both */
        FORM_MEMORY,
    } form;
    bool fs;                       /* FS may be used in 64-bit code */
    const struct address *address; /* of a memory operand; NULL: a random one */
};

struct encoding {
    unsigned bits;
    uint8_t code[32];
    unsigned len; /* with more immediate bytes than the instruction has: the decoder knows */
    int disp_at;  /* of a displacement that is the whole address (or relative to RIP), or -1 */
};

/* A random encoding for a row, not necessarily one that decodes as it: an earlier row may take it.
 */
void encode(unsigned row, struct rng *rng, const struct encode_wish *wish, struct encoding *ret);

bool encode_can_have_memory(const struct x86_row *row);

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
