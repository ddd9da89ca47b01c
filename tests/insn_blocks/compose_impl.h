/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The composer's state; shared by compose*.c only.
 *
 * The interpreter stands at the *frontier*, where the next instruction will be put: its registers
 * and memory are those of the program at that point. What does not work out is taken back.
 */
#ifndef TESTS_INSN_BLOCKS_COMPOSE_IMPL_H
#define TESTS_INSN_BLOCKS_COMPOSE_IMPL_H

#include "tests/insn_blocks/compose.h"

enum row_class {
    CLASS_ALU,   /* writes flags */
    CLASS_MOVE,  /* integer, writes none */
    CLASS_FLAGS, /* reads flags, or is about nothing else */
    CLASS_STACK,
    CLASS_STRING,
    CLASS_SIMD,
    CLASS_X87,
    CLASS_MMX,
    CLASS_CONTROL, /* of x87 and vectors: modes, masks, whole states */
    CLASS_BASES,   /* of FS and GS */
    CLASS_SYSTEM,  /* faults in user code, or waits */
    CLASS_NONE,    /* branches, and what is excluded */
    CLASS_COUNT,
};

enum {
    HOT = 4,
    SUBROUTINES = 4,
    COUNTERS = 8,
    MAX_TEMPLATES = 12,
    CODE_MAIN_END = 0x2000, /* behind it: subroutines that are written to */
    FAR_SLOTS = 16,
    FAR_SLOT_BYTES = 0x100,
};

struct composer {
    struct trace trace;
    struct rng rng;
    struct program *p;
    const struct compose_wish *wish;
    unsigned at;              /* the frontier, as an offset in the code ... */
    unsigned place;           /* ... at this place */
    bool aiming;              /* at PROGRAM_ROW_PAGE */
    uint64_t aim;             /* where the next operand is to be; 0: anywhere */
    enum row_class favourite; /* much of the program is of this kind; CLASS_NONE: of all */
    bool over;                /* it ended with a fault */
    uint32_t pointers;        /* bit per register that keeps pointing into the data */
    uint32_t counters;        /* bit per register that must not change: of loops */
    unsigned hot[HOT];        /* offsets in the data that are used often */
    unsigned subroutines[SUBROUTINES], subroutine_count;
    unsigned counter_count;
    unsigned far_at;                       /* free code from here on, behind CODE_MAIN_END */
    uint32_t far_slots;                    /* that are taken, behind CODE_FAR */
    uint8_t templates[16 * MAX_TEMPLATES]; /* of code, in the data */
    unsigned template_count;
    unsigned depth; /* of loops and branches being composed */
    GArray *rows[CLASS_COUNT];

    struct { /* what take_back() returns to */
        struct machine_state state;
        uint64_t fs, gs; /* bases */
        uint32_t undefined;
        unsigned steps;
        uint8_t data[PROGRAM_DATA_BYTES];
        uint8_t code[PROGRAM_CODE_BYTES]; /* if the program writes to it */
    } saved;
};

/* Remembers the frontier, and goes back to it. */
void compose_save(struct composer *c);
void compose_take_back(struct composer *c);

/* Puts bytes at an offset of the code. */
void compose_put(struct composer *c, unsigned at, const void *bytes, unsigned len);

/*
 * The code up to `to` is there: runs it. True: it stays, as an item, and the frontier moves. False:
 * nothing has happened.
 */
bool compose_accept(struct composer *c, unsigned to);

/* INT3 instead of code. */
void compose_remove(struct composer *c, unsigned from, unsigned to);

/* Some instructions at `at` that are not run now; returns where they end. */
unsigned compose_unseen(struct composer *c, unsigned at, unsigned count);

/* Makes two items of the last one. */
void compose_split(struct composer *c, unsigned first);

/* A new item of the program. */
void compose_item(struct composer *c, unsigned at, unsigned len);

/*
 * Code for offset @at with a constant address, above 4 GiB too: what loads it into a register, with
 * 16 bytes of room; an instruction whose opcode ends with ModRM and SIB for a bare displacement,
 * and whose @imm bytes of immediate follow. They return how many bytes they have put at @code.
 */
unsigned compose_load(struct composer *c, unsigned at, unsigned reg, uint64_t value, uint8_t *code);
unsigned compose_absolute(const struct composer *c, unsigned at, const void *opcode, unsigned len,
                          uint64_t addr, unsigned imm, uint8_t *code);

/* Encodes some instruction that is no branch, for the registers as they are; 0: did not work. */
unsigned compose_encode(struct composer *c, unsigned row, unsigned at, uint8_t *code);
unsigned compose_any_row(struct composer *c);

/* Where an operand is to be. */
uint64_t compose_target(struct composer *c);

/* One step of composing each; false: nothing was added. */
bool compose_plain(struct composer *c);
bool compose_row(struct composer *c, unsigned row, unsigned tries);
bool compose_string(struct composer *c, unsigned row);
bool compose_gather(struct composer *c, unsigned row);
bool compose_ring(struct composer *c);
bool compose_branch(struct composer *c);     /* one of all kinds of control flow */
bool compose_code_write(struct composer *c); /* in programs that write to their code */

/* MOV reg, value */
bool compose_set_register(struct composer *c, unsigned reg, uint64_t value);

/* Of the place where it composes now. */
static inline uint64_t composer_code(const struct composer *c)
{
    return program_places[c->place].code;
}

static inline uint64_t composer_data(const struct composer *c)
{
    return program_places[c->place].data;
}

static inline uint64_t *composer_gpr(const struct composer *c)
{
    return c->trace.e->cpu->gpr;
}

#endif
