/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference run of a program: the interpreter, step by step, with a check before each step that
 * what follows is defined.
 */
#ifndef TESTS_INSN_BLOCKS_TRACE_H
#define TESTS_INSN_BLOCKS_TRACE_H

#include "tests/insn_blocks/engine.h"

struct host_maps;

enum trace_end {
    TRACE_REACHED, /* the address asked for */
    TRACE_FAULT,   /* an exception was delivered */
    TRACE_INVALID, /* something undefined, too many steps, or outside the code */
};

struct trace {
    const struct host_maps *maps; /* what only the host has; NULL: it is not asked */
    struct engine *e;             /* of engine_step */
    uint32_t undefined;           /* flags with no defined value now */
    unsigned steps;
    bool pointers_known;  /* the x87's, if an exception waits: it was no load that unmasked it */
    bool not_for_host;    /* memory has x87 pointers that the host may know otherwise */
    unsigned ignored;     /* enum part: differ from the host after the last instruction */
    struct x86_insn last; /* instruction that was executed or tried */
};

/* Loads a program; nothing is undefined. */
void trace_begin(struct trace *t, const struct program *p);

/* The instruction at RIP; false when there is none, which the step will find too. */
bool trace_decode(const struct trace *t, struct x86_insn *ret);

/* One instruction; TRACE_REACHED: it has no exception. */
enum trace_end trace_step(struct trace *t);

/* Runs on until RIP is `until`, or the program ends. */
enum trace_end trace_run(struct trace *t, uint64_t until);

/*
 * If the program wants the page that *s found missing to be there after its first fault, maps it.
 * The caller lets the program go on.
 */
bool trace_map_page(const struct program *p, struct engine *e, const struct machine_state *s);

/* Loads and runs a whole program; false when it is not fit for comparison. */
bool trace_program(struct trace *t, const struct program *p, struct outcome *ret);

#endif
