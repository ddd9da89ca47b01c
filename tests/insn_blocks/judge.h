/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program on all executors, says whether they agree, and makes failing programs smaller.
 */
#ifndef TESTS_INSN_BLOCKS_JUDGE_H
#define TESTS_INSN_BLOCKS_JUDGE_H

#include "tests/insn_blocks/host.h"
#include "tests/insn_blocks/trace.h"

struct judge {
    struct trace trace;
    struct host *host;     /* may be NULL */
    struct engine *engine; /* may be NULL */

    /* the last verdict */
    bool valid;         /* fit for comparison */
    const char *who;    /* differs from the interpreter; NULL: nobody */
    unsigned parts;     /* enum part */
    unsigned round;     /* of the engine's runs, from 0 */
    uint32_t undefined; /* flags that were not compared */
    struct outcome soft, other;

    /* the interpreter's runs */
    struct trace reference;
    struct outcome reference_end;
    struct program usual; /* a warm program with the usual rights */
    bool usual_valid;
    uint32_t usual_undefined;
    struct outcome usual_end;

    uint64_t interrupts; /* seen so far */
};

/* Whether the program is valid and executors differ. */
bool judge_fails(struct judge *j, const struct program *p);

/* Drops what is not needed for the failure. Ends with a verdict on what is left. */
void judge_shrink(struct judge *j, struct program *p);
/* The same for a failure of another kind, without verdicts. */
void judge_shrink_by(struct program *p, bool (*fails)(void *opaque, const struct program *p),
                     void *opaque);

/* Prints the last verdict. */
void judge_report(const struct judge *j, const struct program *p);

#endif
