/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making random programs.
 *
 * A program is made by running it: each instruction is chosen for the registers as they are at that
 * point, executed on the interpreter, and stays when it did what was wanted. So memory operands
 * hit the data by any kind of address, divisions do not overflow, branches lead somewhere and loops
 * end; and where a fault is wanted there is one.
 */
#ifndef TESTS_INSN_BLOCKS_COMPOSE_H
#define TESTS_INSN_BLOCKS_COMPOSE_H

#include "tests/insn_blocks/trace.h"

struct composer;

struct compose_wish {
    unsigned bits;         /* 64, 32 */
    unsigned instructions; /* about so many */
    unsigned
        fault_percent; /* of instructions that happen to fault: how many may stay, as the end */
    unsigned place;    /* where it begins, unless it is 32-bit code */
    int row;           /* instructions of this row of the table only, or -1 */
    bool no_flow;      /* no branches */
    bool bases;        /* FS, and instructions that change the bases of FS and GS */
    bool rings;        /* writes to PROGRAM_BELL_AT here and there */
    bool writes_code;  /* instructions that are written over */
};

/* `e` is an engine_step; it and `maps` (see struct trace) stay the caller's. */
struct composer *composer_new(struct engine *e, const struct host_maps *maps);
void composer_free(struct composer *c);

/*
 * The same seed and wish give the same program. False when no instruction of the wanted row was
 * found: the rest is there.
 */
bool compose(struct composer *c, uint64_t seed, const struct compose_wish *wish, struct program *p);

/* Whether programs can have the row with an operand in memory, stated or implied. */
bool compose_row_has_memory(const struct composer *c, unsigned row);

/* Other values in registers and memory that the program does not need as they are. */
void compose_other_state(struct composer *c, uint64_t seed, struct program *p);

#endif
