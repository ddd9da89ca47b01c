/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mutex that knows its owner, so that nested code may ask for it again.
 *
 * The machine lock is one of these: a device that does DMA under it may reach another device's
 * registers, whose region names the same lock. lock_enter() tells whether this call took it, and
 * only that caller leaves it.
 */
#ifndef VITRO_UTIL_LOCK_H
#define VITRO_UTIL_LOCK_H

#include "util/common.h"

struct lock {
    GMutex mutex;
    const void *owner; /* address of a thread-local of the owner; atomic */
};

void lock_init(struct lock *l);
void lock_fini(struct lock *l);

/* Whether the calling thread holds @l. */
bool lock_held(const struct lock *l);

/* Takes @l unless this thread holds it; returns whether it was taken now. */
bool lock_enter(struct lock *l);

/* Undoes a lock_enter() that returned @taken. */
void lock_leave(struct lock *l, bool taken);

/* Plain forms: the thread must not (acquire) or must (release) hold @l. */
void lock_acquire(struct lock *l);
void lock_release(struct lock *l);

/* Waits on @cond with @l, which the caller holds. */
void lock_wait(struct lock *l, GCond *cond);

#endif
