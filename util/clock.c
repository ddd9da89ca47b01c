/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks and timers.
 *
 * A clock's few timers are kept in a list by deadline: a PC has two dozen.
 */
#include "util/clock.h"

#include <time.h>

static int64_t host_clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t monotonic_ns(void)
{
    return host_clock_ns(CLOCK_MONOTONIC);
}

void clock_init(struct clock *c, enum clock_kind kind)
{
    *c = (struct clock){.kind = kind};
    g_mutex_init(&c->lock);
}

void clock_fini(struct clock *c)
{
    g_mutex_clear(&c->lock);
}

/* What a running virtual clock adds its offset to. */
static int64_t elapsed_ns(const struct clock *c)
{
    return c->source ? c->source->elapsed_ns(c->source_opaque) : monotonic_ns();
}

int64_t clock_now_ns(struct clock *c)
{
    unsigned seq;
    int64_t now;

    if (c->kind != CLOCK_KIND_VIRTUAL) {
        return host_clock_ns(c->kind == CLOCK_KIND_REAL ? CLOCK_MONOTONIC : CLOCK_REALTIME);
    }
    do {
        seq = __atomic_load_n(&c->seq, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&c->running, __ATOMIC_RELAXED) &&
            !__atomic_load_n(&c->manual, __ATOMIC_RELAXED)) {
            now = elapsed_ns(c) + __atomic_load_n(&c->offset_ns, __ATOMIC_RELAXED);
        } else {
            now = __atomic_load_n(&c->frozen_ns, __ATOMIC_RELAXED);
        }
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((seq & 1) || seq != __atomic_load_n(&c->seq, __ATOMIC_RELAXED));
    return now;
}

/* Changes what clock_now_ns() reads, all at once for its lock-free readers. */
static void clock_change(struct clock *c, bool running, bool manual, int64_t now_ns)
{
    __atomic_store_n(&c->seq, c->seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&c->running, running, __ATOMIC_RELAXED);
    __atomic_store_n(&c->manual, manual, __ATOMIC_RELAXED);
    __atomic_store_n(&c->offset_ns, now_ns - elapsed_ns(c), __ATOMIC_RELAXED);
    __atomic_store_n(&c->frozen_ns, now_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&c->seq, c->seq + 1, __ATOMIC_RELEASE);
}

static void clock_notify(struct clock *c)
{
    if (c->source) {
        c->source->deadline_changed(c->source_opaque);
    } else if (c->deadline_changed) {
        c->deadline_changed(c->opaque);
    }
}

static void clock_run_or_freeze(struct clock *c, bool running)
{
    if (c->kind != CLOCK_KIND_VIRTUAL) {
        return;
    }
    g_mutex_lock(&c->lock);
    if (c->running != running) {
        clock_change(c, running, c->manual, clock_now_ns(c));
    }
    g_mutex_unlock(&c->lock);
    clock_notify(c);
}

void clock_start(struct clock *c)
{
    clock_run_or_freeze(c, true);
}

void clock_stop(struct clock *c)
{
    clock_run_or_freeze(c, false);
}

void clock_set_ns(struct clock *c, int64_t now_ns)
{
    g_assert(c->kind == CLOCK_KIND_VIRTUAL);
    g_mutex_lock(&c->lock);
    clock_change(c, c->running, c->manual, now_ns);
    g_mutex_unlock(&c->lock);
    clock_notify(c);
}

void clock_set_manual(struct clock *c)
{
    g_assert(c->kind == CLOCK_KIND_VIRTUAL);
    g_mutex_lock(&c->lock);
    clock_change(c, c->running, true, clock_now_ns(c));
    g_mutex_unlock(&c->lock);
}

void clock_set_source(struct clock *c, const struct clock_source *source, void *opaque)
{
    int64_t now;

    g_assert(c->kind == CLOCK_KIND_VIRTUAL);
    g_mutex_lock(&c->lock);
    now = clock_now_ns(c);
    c->source = source;
    c->source_opaque = opaque;
    clock_change(c, c->running, c->manual, now);
    g_mutex_unlock(&c->lock);
}

void clock_advance(struct clock *c, int64_t ns)
{
    g_assert(c->source);
    g_mutex_lock(&c->lock);
    clock_change(c, c->running, c->manual, clock_now_ns(c) + ns);
    g_mutex_unlock(&c->lock);
}

int64_t clock_deadline_ns(struct clock *c)
{
    int64_t deadline = INT64_MAX;

    g_mutex_lock(&c->lock);
    if (c->first && (c->kind != CLOCK_KIND_VIRTUAL || (c->running && !c->manual && !c->source))) {
        deadline = c->first->deadline_ns;
    }
    g_mutex_unlock(&c->lock);
    return deadline;
}

int64_t clock_next_ns(struct clock *c)
{
    int64_t deadline;

    g_mutex_lock(&c->lock);
    deadline = c->first ? c->first->deadline_ns : INT64_MAX;
    g_mutex_unlock(&c->lock);
    return deadline;
}

/* Takes the first timer off the list if it is due at @now_ns. */
static struct timer *clock_pop_due(struct clock *c, int64_t now_ns)
{
    struct timer *t;

    g_mutex_lock(&c->lock);
    t = c->first;
    if (t && t->deadline_ns <= now_ns) {
        c->first = t->next;
        t->pending = false;
    } else {
        t = NULL;
    }
    g_mutex_unlock(&c->lock);
    return t;
}

bool clock_run_due(struct clock *c)
{
    int64_t now = clock_now_ns(c); /* once: a timer that rearms itself at once must not hold us */
    bool ran = false;
    struct timer *t;

    if (c->kind == CLOCK_KIND_VIRTUAL && !c->running) {
        return false;
    }
    while ((t = clock_pop_due(c, now))) {
        t->expired(t->opaque);
        ran = true;
    }
    return ran;
}

bool clock_run_timers(struct clock *c)
{
    return !c->source && clock_run_due(c);
}

void clock_step_to(struct clock *c, int64_t now_ns)
{
    g_assert(c->manual);
    for (;;) {
        struct timer *t = clock_pop_due(c, now_ns);
        int64_t at = t ? MAX(t->deadline_ns, clock_now_ns(c)) : now_ns;

        g_mutex_lock(&c->lock);
        clock_change(c, c->running, true, at);
        g_mutex_unlock(&c->lock);
        if (!t) {
            return;
        }
        t->expired(t->opaque);
    }
}

void timer_init(struct timer *t, struct clock *c, void (*expired)(void *opaque), void *opaque)
{
    *t = (struct timer){.clock = c, .expired = expired, .opaque = opaque};
}

static void timer_remove_locked(struct timer *t)
{
    struct timer **p = &t->clock->first;

    if (!t->pending) {
        return;
    }
    while (*p != t) {
        p = &(*p)->next;
    }
    *p = t->next;
    t->pending = false;
}

static void timer_rearm(struct timer *t, int64_t deadline_ns, bool only_earlier)
{
    struct clock *c = t->clock;
    struct timer **p;
    bool is_first;

    g_mutex_lock(&c->lock);
    if (only_earlier && t->pending && t->deadline_ns <= deadline_ns) {
        g_mutex_unlock(&c->lock);
        return;
    }
    timer_remove_locked(t);
    t->deadline_ns = MAX(deadline_ns, 0);
    for (p = &c->first; *p && (*p)->deadline_ns <= t->deadline_ns; p = &(*p)->next) {
    }
    t->next = *p;
    *p = t;
    t->pending = true;
    is_first = c->first == t;
    g_mutex_unlock(&c->lock);
    if (is_first) {
        clock_notify(c);
    }
}

void timer_set(struct timer *t, int64_t deadline_ns)
{
    timer_rearm(t, deadline_ns, /* only_earlier= */ false);
}

void timer_set_earlier(struct timer *t, int64_t deadline_ns)
{
    timer_rearm(t, deadline_ns, /* only_earlier= */ true);
}

void timer_cancel(struct timer *t)
{
    if (!t->clock) {
        return;
    }
    g_mutex_lock(&t->clock->lock);
    timer_remove_locked(t);
    g_mutex_unlock(&t->clock->lock);
}

bool timer_pending(struct timer *t)
{
    bool pending;

    g_mutex_lock(&t->clock->lock);
    pending = t->pending;
    g_mutex_unlock(&t->clock->lock);
    return pending;
}

int64_t timer_deadline_ns(struct timer *t)
{
    int64_t deadline;

    g_mutex_lock(&t->clock->lock);
    deadline = t->pending ? t->deadline_ns : -1;
    g_mutex_unlock(&t->clock->lock);
    return deadline;
}
