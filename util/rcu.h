/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read-copy-update: readers look at shared tables without a lock; what was replaced is freed later.
 *
 * A reader brackets its use with rcu_read_lock() and rcu_read_unlock() (they nest, and cost two
 * plain stores; they may not block on anything that waits for a grace period). A writer publishes
 * the new table with rcu_publish() and hands the old one to rcu_free_later().
 */
#ifndef VITRO_UTIL_RCU_H
#define VITRO_UTIL_RCU_H

#include "util/common.h"

struct rcu_reader {
    unsigned long phase; /* 0 outside a section, else the grace period it began in; atomic */
    unsigned depth;
    bool registered;
    struct rcu_reader *next;
    void (*nudge)(void *opaque); /* see rcu_set_nudge() */
    void *nudge_opaque;
};

extern __thread struct rcu_reader rcu_self;
extern unsigned long rcu_phase;
extern bool rcu_needs_fence; /* the host has no membarrier(2) */

void rcu_register_self(void);

static inline void rcu_read_lock(void)
{
    if (rcu_self.depth++) {
        return;
    }
    if (__builtin_expect(!rcu_self.registered, 0)) {
        rcu_register_self();
    }
    __atomic_store_n(&rcu_self.phase, __atomic_load_n(&rcu_phase, __ATOMIC_RELAXED),
                     __ATOMIC_RELAXED);
    if (rcu_needs_fence) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    } else {
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the writer's membarrier(2) does the rest */
    }
}

static inline void rcu_read_unlock(void)
{
    if (--rcu_self.depth == 0) {
        __atomic_store_n(&rcu_self.phase, 0, __ATOMIC_RELEASE);
    }
}

#define rcu_load(ptr)          __atomic_load_n(&(ptr), __ATOMIC_ACQUIRE)
#define rcu_publish(ptr, what) __atomic_store_n(&(ptr), (what), __ATOMIC_RELEASE)

/* For a thread that stays in a section for as long as nobody asks: those who wait for it call
 * @nudge(@opaque) from their own threads, and it passes between two sections soon. NULL: it does
 * so by itself. @nudge may not block. */
void rcu_set_nudge(void (*nudge)(void *opaque), void *opaque);

/* Calls @destroy(@data) on a helper thread once no reader can still see @data. */
void rcu_free_later(void *data, void (*destroy)(void *data));

/* Waits for all readers that are in a section now. Not from within one. */
void rcu_synchronize(void);

/* Waits until everything given to rcu_free_later() so far has been destroyed. */
void rcu_drain(void);

#endif
