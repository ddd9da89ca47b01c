/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks and the timers that run on them.
 *
 * A machine has three clocks. The virtual one stops while the machine is stopped and is what
 * guest-visible timers use; the real one is the host's monotonic time; the host one is wall-clock
 * time and may jump. All count nanoseconds. In a device test the virtual clock is driven by hand
 * (clock_set_manual(), clock_step_to()); under -icount the engine drives it (clock_set_source()).
 *
 * Reading a clock takes no lock. Timers may be set and cancelled from any thread; their functions
 * run in the main loop, or in the thread of the clock's source, with the machine lock held.
 */
#ifndef VITRO_UTIL_CLOCK_H
#define VITRO_UTIL_CLOCK_H

#include "util/common.h"

enum clock_kind {
    CLOCK_KIND_VIRTUAL,
    CLOCK_KIND_REAL,
    CLOCK_KIND_HOST,
};

struct timer;

/* What a virtual clock follows instead of the host's time. */
struct clock_source {
    /* Nanoseconds since some moment; never goes back. Any thread. */
    int64_t (*elapsed_ns)(void *opaque);
    /* The earliest deadline moved forward. Any thread. */
    void (*deadline_changed)(void *opaque);
};

struct clock {
    enum clock_kind kind;
    GMutex lock;         /* guards the timer list and writers of the fields below */
    unsigned seq;        /* odd while the fields below change; atomic */
    bool running;        /* virtual: the machine runs */
    bool manual;         /* virtual: time moves by clock_step_to() only */
    int64_t offset_ns;   /* virtual, running: now = monotonic (or the source's) + offset */
    int64_t frozen_ns;   /* virtual, stopped or manual: now */
    struct timer *first; /* by deadline */
    void (*deadline_changed)(void *opaque); /* the earliest deadline moved forward; may be NULL */
    void *opaque;
    const struct clock_source *source; /* NULL: the host's monotonic time */
    void *source_opaque;
};

struct timer {
    struct clock *clock;
    void (*expired)(void *opaque);
    void *opaque;
    int64_t deadline_ns;
    bool pending; /* in the clock's list; guarded by clock->lock */
    struct timer *next;
};

void clock_init(struct clock *c, enum clock_kind kind);
void clock_fini(struct clock *c);

int64_t clock_now_ns(struct clock *c);

/* Lets virtual time run, or freezes it. No effect on the other kinds. */
void clock_start(struct clock *c);
void clock_stop(struct clock *c);

/* Sets the virtual time, running or not; used when state is loaded. */
void clock_set_ns(struct clock *c, int64_t now_ns);

/* From now on virtual time moves only by clock_step_to(). */
void clock_set_manual(struct clock *c);

/* Moves manual time forward to @now_ns, running each timer at its own deadline on the way. */
void clock_step_to(struct clock *c, int64_t now_ns);

/*
 * From now on the virtual time that passes is what @source says, and its owner calls
 * clock_run_due(): the main loop leaves the clock's timers alone. Before there are other threads.
 * NULL: back to the host's time, with nobody to be told of deadlines.
 */
void clock_set_source(struct clock *c, const struct clock_source *source, void *opaque);

/* Moves a running clock with a source forward by @ns at once. */
void clock_advance(struct clock *c, int64_t ns);

/* The earliest deadline for the main loop, or INT64_MAX when it has nothing to run (the clock
 * stands still, or something else drives it). */
int64_t clock_deadline_ns(struct clock *c);
/* As that, also when the clock stands still or something else drives it. */
int64_t clock_next_ns(struct clock *c);

/* Runs what is due, unless something else drives the clock. Main loop only. Returns whether
 * anything ran. */
bool clock_run_timers(struct clock *c);
/* Runs what is due, for the owner of the clock's source. Machine lock held. */
bool clock_run_due(struct clock *c);

/* The host's monotonic time, for measuring. */
int64_t monotonic_ns(void);

/* @t must not be pending. */
void timer_init(struct timer *t, struct clock *c, void (*expired)(void *opaque), void *opaque);

/* (Re)arms @t for the absolute time @deadline_ns of its clock. */
void timer_set(struct timer *t, int64_t deadline_ns);

/* As timer_set(), but only if that is earlier than what is pending. */
void timer_set_earlier(struct timer *t, int64_t deadline_ns);
void timer_cancel(struct timer *t);
bool timer_pending(struct timer *t);

/* The pending deadline, or -1. */
int64_t timer_deadline_ns(struct timer *t);

#endif
