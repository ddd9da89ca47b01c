/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many random programs, one after the other: what the program blocks does.
 */
#ifndef TESTS_INSN_BLOCKS_SESSION_H
#define TESTS_INSN_BLOCKS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

/* Kinds of programs; more than one in a session take turns. */
enum session_kinds {
    SESSION_PLAIN = 1 << 0,
    SESSION_SMC = 1 << 1,        /* that write to their own code */
    SESSION_FAULTS = 1 << 2,     /* with an instruction whose page is there, absent, read only */
    SESSION_INTERRUPTS = 1 << 3, /* that are interrupted on the engine */
    SESSION_KINDS = 4,           /* how many */
    SESSION_ALL = (1 << SESSION_KINDS) - 1,
};

struct session_options {
    uint64_t seed;
    uint64_t ms;        /* how long */
    uint64_t count;     /* of programs, with those before the first; 0: by time */
    uint64_t first;     /* the number of the first */
    uint64_t one_case;  /* with has_case: this program alone */
    unsigned kinds;     /* enum session_kinds */
    unsigned bits;      /* of the code; 0: both */
    unsigned length;    /* in instructions; 0: random */
    unsigned repeat;    /* runs of each on the engine; 0: random */
    const char *engine; /* its properties, or NULL */
    bool has_case, no_host, no_engine, no_fork, no_shrink, keep_going;
    bool show; /* programs that do not fail, too */
};

/* Returns the number of failures, and reports them. */
uint64_t session_run(const struct session_options *o);

#endif
