/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main loop.
 *
 * GLib's own g_main_loop_run() sleeps in whole milliseconds and knows no machine lock, so a round
 * is done by hand: prepare, query, ppoll to the nanosecond with the lock released, dispatch.
 */
#include "system/main_loop.h"

#include <poll.h>

static void deadline_changed(void *opaque)
{
    main_loop_wake(opaque);
}

void main_loop_init(struct main_loop *loop, struct machine *m, GMainContext *context)
{
    struct clock *clocks[] = {&m->clock_virtual, &m->clock_real, &m->clock_host};

    *loop = (struct main_loop){.machine = m, .context = context};
    g_main_context_acquire(context);
    for (unsigned i = 0; i < ARRAY_SIZE(clocks); i++) {
        clocks[i]->deadline_changed = deadline_changed;
        clocks[i]->opaque = loop;
    }
}

void main_loop_fini(struct main_loop *loop)
{
    g_main_context_release(loop->context);
    g_free(loop->fds);
}

void main_loop_wake(struct main_loop *loop)
{
    if (__atomic_load_n(&loop->sleeping, __ATOMIC_SEQ_CST)) {
        g_main_context_wakeup(loop->context);
    }
}

/* Nanoseconds until the first timer of any clock is due; -1: none. */
static int64_t until_timer(struct machine *m)
{
    struct clock *clocks[] = {&m->clock_virtual, &m->clock_real, &m->clock_host};
    int64_t least = INT64_MAX;

    for (unsigned i = 0; i < ARRAY_SIZE(clocks); i++) {
        int64_t deadline = clock_deadline_ns(clocks[i]);

        if (deadline != INT64_MAX) {
            int64_t left = deadline - clock_now_ns(clocks[i]); /* once: MAX() looks twice */

            least = MIN(least, MAX(left, 0));
        }
    }
    return least == INT64_MAX ? -1 : least;
}

static unsigned query_fds(struct main_loop *loop, int priority, int *ret_timeout_ms)
{
    int n;

    while ((n = g_main_context_query(loop->context, priority, ret_timeout_ms, loop->fds,
                                     (int)loop->max_fds)) > (int)loop->max_fds) {
        loop->max_fds = (unsigned)n;
        loop->fds = g_renew(GPollFD, loop->fds, n);
    }
    return (unsigned)n;
}

static void sleep_until_due(struct main_loop *loop, unsigned n, int timeout_ms, bool may_block)
{
    struct machine *m = loop->machine;
    struct timespec ts = {0}, *wait = &ts;
    int64_t ns, timer_ns;

    /* Before the deadlines are read: whoever changes one after that wakes us. */
    __atomic_store_n(&loop->sleeping, true, __ATOMIC_SEQ_CST);
    timer_ns = until_timer(m);
    ns = timeout_ms < 0 ? -1 : timeout_ms * NS_PER_MS;
    if (timer_ns >= 0 && (ns < 0 || timer_ns < ns)) {
        ns = timer_ns;
    }
    if (!may_block || (m->life && m->life->has_requests(m))) {
        ns = 0;
    }
    if (ns < 0) {
        wait = NULL;
    } else {
        ts = (struct timespec){ns / NS_PER_SEC, ns % NS_PER_SEC};
    }
    lock_release(&m->lock);
    ppoll((struct pollfd *)loop->fds, n, wait, NULL);
    lock_acquire(&m->lock);
    __atomic_store_n(&loop->sleeping, false, __ATOMIC_SEQ_CST);
}

G_STATIC_ASSERT(sizeof(GPollFD) == sizeof(struct pollfd));
G_STATIC_ASSERT(offsetof(GPollFD, revents) == offsetof(struct pollfd, revents));

void main_loop_iterate(struct main_loop *loop, bool may_block)
{
    struct machine *m = loop->machine;
    int priority, timeout_ms;
    unsigned n;

    g_main_context_prepare(loop->context, &priority);
    n = query_fds(loop, priority, &timeout_ms);
    sleep_until_due(loop, n, timeout_ms, may_block);
    if (g_main_context_check(loop->context, priority, loop->fds, (int)n)) {
        g_main_context_dispatch(loop->context);
    }
    clock_run_timers(&m->clock_virtual);
    clock_run_timers(&m->clock_real);
    clock_run_timers(&m->clock_host);
    if (m->life) {
        m->life->serve_requests(m);
    }
}
