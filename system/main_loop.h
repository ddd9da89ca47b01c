/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main loop: file descriptors, timers of the machine's clocks, and its life cycle.
 *
 * Runs in the main thread. The machine lock is held all the time except while it sleeps.
 */
#ifndef VITRO_SYSTEM_MAIN_LOOP_H
#define VITRO_SYSTEM_MAIN_LOOP_H

#include "hw/core/machine.h"

struct main_loop {
    struct machine *machine;
    GMainContext *context;
    GPollFD *fds; /* scratch for one round */
    unsigned max_fds;
    bool sleeping; /* in poll; atomic */
};

/* Takes over the deadlines of @m's clocks. */
void main_loop_init(struct main_loop *loop, struct machine *m, GMainContext *context);
void main_loop_fini(struct main_loop *loop);

/* One round: sleeps until something is due (or not at all when @may_block is false), runs it. The
 * machine lock is held. */
void main_loop_iterate(struct main_loop *loop, bool may_block);

/* Ends the present or next sleep. Any thread. */
void main_loop_wake(struct main_loop *loop);

#endif
