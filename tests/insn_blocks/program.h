/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A random program: user code, the state it starts from, and the memory it sees.
 *
 * Memory is the same for all executors: PROGRAM_PAGES pages of data with their own rights, and code
 * pages, full of INT3 where no code is. All are mapped at each of several places, as a library is
 * in several processes; 32-bit programs know of the first place only. A program ends with an
 * exception; INT3 behind its last instruction is the usual one.
 */
#ifndef TESTS_INSN_BLOCKS_PROGRAM_H
#define TESTS_INSN_BLOCKS_PROGRAM_H

#include "tests/insn_lib/generate.h"
#include "tests/insn_lib/world.h"

/* A page: writes to it raise an interrupt, if one is wanted. */
#define PROGRAM_BELL_AT 0x2a5b7000ull

enum {
    PROGRAM_CODE_BYTES = 0x4000,
    PROGRAM_CODE_PAGES = PROGRAM_CODE_BYTES / 0x1000,
    PROGRAM_PAGES = 6, /* four to read and write, one absent, one to read */
    PROGRAM_DATA_BYTES = PROGRAM_PAGES * 0x1000,
    PROGRAM_STACK_TOP = 0x3c00, /* offset of the stack pointer at first */
    PROGRAM_STACK_LOW = 0x3000, /* nothing else is aimed at from here on */
    PROGRAM_COUNTERS = 0x2fc0,  /* of loops, a dword each */
    PROGRAM_CONTROLS = 0x2dc0,  /* values for MXCSR, then control words; nothing else is aimed at
                                   from here on */
    PROGRAM_TEMPLATES = 0x2e00, /* of code that is written */
    PROGRAM_ROW_PAGE = 2,       /* see struct compose_wish */
    PROGRAM_STACK_PAGE = 3,
    PROGRAM_PLACES = 5,
    PROGRAM_SPACES = 2,
    PROGRAM_FRAMES = 3,
    PROGRAM_SAVED = 0x5c00,    /* a state for XRSTOR, to be read only */
    PROGRAM_FAR_CODE = 0x3000, /* subroutines that other code calls are from here on */
    PROGRAM_ITEMS = 96,
    PROGRAM_STEPS = 3000, /* longer ones are not run */
};

/* Linear addresses; data is in reach of RIP-relative operands. */
struct program_place {
    uint64_t code, data;
};
extern const struct program_place program_places[PROGRAM_PLACES];

/* A piece of code that is there or, when a failing program is made smaller, is not. */
struct item {
    uint16_t at; /* offset in the code */
    uint16_t len;
};

struct program {
    unsigned bits; /* 64, 32 */
    uint16_t entry;
    uint8_t place;  /* that it is entered at */
    uint8_t places; /* bit per place that it may go to */
    unsigned count;
    struct item items[PROGRAM_ITEMS];
    unsigned repeat;                         /* runs on the engine */
    uint8_t space;                           /* address space of the guest, 0 or 1 */
    bool flushes_space;                      /* what was cached of it before is forgotten */
    uint8_t code_frames[PROGRAM_CODE_PAGES]; /* in which physical page each is */
    uint8_t data_frame;
    bool writes_code;               /* the code pages are writable */
    bool warm;                      /* the engine runs it with the usual rights before ... */
    uint8_t warm_space, warm_place; /* ... there */
    bool interrupts;                /* external ones come while the engine runs it */
    bool demand;                    /* pages that are absent are there after their first fault */
    uint8_t rights[PROGRAM_PAGES];
    /* before, another page was there, whose code was this */
    uint16_t replaced_at; /* 0: no */
    uint8_t replaced_frame, replaced_code[8];
    uint8_t code[PROGRAM_CODE_BYTES];
    struct machine_state state;
    uint8_t data[PROGRAM_DATA_BYTES];
};

/* What executing it led to. `state.vector` is -1 when it did not end. */
struct outcome {
    struct machine_state state;
    uint8_t code[PROGRAM_CODE_BYTES];
    uint8_t data[PROGRAM_DATA_BYTES];
};

/* Puts NOPs in place of an item. */
/* Fills with NOPs, as few as possible. */
void program_put_nops(uint8_t *p, unsigned len);

void program_drop(struct program *p, unsigned item);

/* Rights of the pages as most programs have them. */
void program_usual_rights(uint8_t rights[PROGRAM_PAGES]);

/* Prints code (what is neither NOP nor INT3) and the registers it starts with. */
void program_print(const struct program *p);

/* At one of the places; *ret_off may be NULL. */
bool program_in_data(uint64_t addr, unsigned *ret_off);
bool program_in_code(uint64_t addr, unsigned *ret_off);

static inline uint64_t program_code_at(const struct program *p)
{
    return program_places[p->place].code;
}

static inline uint64_t program_data_at(const struct program *p)
{
    return program_places[p->place].data;
}

/* It is entered at another place. */
void program_move(struct program *p, unsigned place);

#endif
