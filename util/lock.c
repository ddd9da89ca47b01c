/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mutex that knows its owner.
 */
#include "util/lock.h"

static __thread char self; /* its address names the thread */

void lock_init(struct lock *l)
{
    g_mutex_init(&l->mutex);
    l->owner = NULL;
}

void lock_fini(struct lock *l)
{
    g_mutex_clear(&l->mutex);
}

bool lock_held(const struct lock *l)
{
    return __atomic_load_n(&l->owner, __ATOMIC_RELAXED) == &self;
}

void lock_acquire(struct lock *l)
{
    g_assert(!lock_held(l));
    g_mutex_lock(&l->mutex);
    __atomic_store_n(&l->owner, &self, __ATOMIC_RELAXED);
}

void lock_release(struct lock *l)
{
    g_assert(lock_held(l));
    __atomic_store_n(&l->owner, NULL, __ATOMIC_RELAXED);
    g_mutex_unlock(&l->mutex);
}

bool lock_enter(struct lock *l)
{
    if (lock_held(l)) {
        return false;
    }
    lock_acquire(l);
    return true;
}

void lock_leave(struct lock *l, bool taken)
{
    if (taken) {
        lock_release(l);
    }
}

void lock_wait(struct lock *l, GCond *cond)
{
    g_assert(lock_held(l));
    __atomic_store_n(&l->owner, NULL, __ATOMIC_RELAXED);
    g_cond_wait(cond, &l->mutex);
    __atomic_store_n(&l->owner, &self, __ATOMIC_RELAXED);
}
