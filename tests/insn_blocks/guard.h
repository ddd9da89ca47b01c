/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work in a child process, so that an engine that crashes or hangs is a result like others.
 */
#ifndef TESTS_INSN_BLOCKS_GUARD_H
#define TESTS_INSN_BLOCKS_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/* Shared with the child. */
struct guard_progress {
    uint64_t steps;        /* changes as long as all is well */
    uint64_t number, form; /* what it is about */
    uint64_t programs, runs, interrupts, failures;
    bool fails; /* the program at hand */
};

/* False with the thread sanitizer: it has a thread of its own, and its children may start none. */
bool guard_possible(void);

/* Zeroed; NULL when there is no memory. */
struct guard_progress *guard_progress_new(void);
void guard_progress_free(struct guard_progress *p); /* NULL is fine */

/*
 * Runs work(opaque) in a child until it returns. NULL: it did so; else what became of it, a static
 * string or the name of a signal. It hangs when p->steps does not change for so many seconds. No
 * threads may exist.
 */
const char *guard_run(struct guard_progress *p, unsigned patience_s, void (*work)(void *opaque),
                      void *opaque);

#endif
