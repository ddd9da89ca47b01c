/* SPDX-License-Identifier: Apache-2.0 */
/* The main loop wakes for every timer, also for one that falls due while it looks at the clock. */
#include "system/main_loop.h"

#define TIMERS    30000
#define SPREAD_NS 3000 /* so long a round's way to its sleep may take */

struct rig {
    struct machine *m;
    struct main_loop loop;
    unsigned expired;
    unsigned late; /* rounds that only the watchdog ended */
    bool done;
};

static void expired(void *opaque)
{
    struct rig *r = opaque;

    r->expired++;
}

/* Ends sleeps that nothing else would end; the longest that is wanted takes microseconds. */
static void *watchdog(void *opaque)
{
    struct rig *r = opaque;
    unsigned seen = 0;

    while (!__atomic_load_n(&r->done, __ATOMIC_RELAXED)) {
        unsigned now;

        g_usleep(2 * G_USEC_PER_SEC);
        now = __atomic_load_n(&r->expired, __ATOMIC_RELAXED);
        if (now == seen && !__atomic_load_n(&r->done, __ATOMIC_RELAXED)) {
            __atomic_add_fetch(&r->late, 1, __ATOMIC_RELAXED);
            main_loop_wake(&r->loop);
        }
        seen = now;
    }
    return NULL;
}

static void test_wakes_for_timers(void)
{
    struct rig r = {.m = g_new0(struct machine, 1)};
    struct timer t;
    GThread *dog;

    lock_init(&r.m->lock);
    clock_init(&r.m->clock_virtual, CLOCK_KIND_VIRTUAL);
    clock_init(&r.m->clock_real, CLOCK_KIND_REAL);
    clock_init(&r.m->clock_host, CLOCK_KIND_HOST);
    main_loop_init(&r.loop, r.m, g_main_context_default());
    clock_start(&r.m->clock_virtual);
    timer_init(&t, &r.m->clock_virtual, expired, &r);
    lock_acquire(&r.m->lock);
    dog = g_thread_new("watchdog", watchdog, &r);
    for (unsigned i = 0; i < TIMERS && !__atomic_load_n(&r.late, __ATOMIC_RELAXED); i++) {
        timer_set(&t, clock_now_ns(&r.m->clock_virtual) + i % SPREAD_NS);
        while (r.expired == i && !__atomic_load_n(&r.late, __ATOMIC_RELAXED)) {
            main_loop_iterate(&r.loop, /* may_block= */ true);
        }
    }
    __atomic_store_n(&r.done, true, __ATOMIC_RELAXED);
    lock_release(&r.m->lock);
    g_thread_join(dog);
    g_assert_cmpuint(r.late, ==, 0);
    g_assert_cmpuint(r.expired, ==, TIMERS);
    main_loop_fini(&r.loop);
    clock_fini(&r.m->clock_virtual);
    clock_fini(&r.m->clock_real);
    clock_fini(&r.m->clock_host);
    lock_fini(&r.m->lock);
    g_free(r.m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/main-loop/timers", test_wakes_for_timers);
    return g_test_run();
}
