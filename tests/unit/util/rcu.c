/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RCU: nothing is freed while a reader that may have seen it is in its section.
 */
#include "util/rcu.h"

#define ALIVE 0x600d
#define DEAD  0xdead

struct cell {
    unsigned state;
};

static struct cell *shared;
static bool stop;
static unsigned long bad;
static unsigned reading; /* threads that have had a round */

static void cell_free(void *data)
{
    struct cell *c = data;

    __atomic_store_n(&c->state, DEAD, __ATOMIC_SEQ_CST);
    g_free(c);
}

static void *reader(void *arg)
{
    unsigned long rounds = 0;

    (void)arg;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        rcu_read_lock();
        rcu_read_lock();
        if (__atomic_load_n(&rcu_load(shared)->state, __ATOMIC_RELAXED) != ALIVE) {
            __atomic_add_fetch(&bad, 1, __ATOMIC_SEQ_CST);
        }
        rcu_read_unlock();
        rcu_read_unlock();
        if (!rounds++) {
            __atomic_add_fetch(&reading, 1, __ATOMIC_SEQ_CST);
        }
    }
    return NULL;
}

static struct cell *cell_new(void)
{
    struct cell *c = g_new(struct cell, 1);

    c->state = ALIVE;
    return c;
}

static void test_readers_never_see_freed_data(void)
{
    GThread *threads[2];

    shared = cell_new();
    for (unsigned i = 0; i < 2; i++) {
        threads[i] = g_thread_new("reader", reader, NULL);
    }
    while (__atomic_load_n(&reading, __ATOMIC_SEQ_CST) < 2) {
        g_thread_yield();
    }
    for (unsigned i = 0; i < 300; i++) {
        struct cell *old = shared;

        rcu_publish(shared, cell_new());
        rcu_free_later(old, cell_free);
        if (i % 20 == 0) {
            rcu_synchronize();
        }
    }
    rcu_drain();
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 2; i++) {
        g_thread_join(threads[i]);
    }
    g_assert_cmpuint(bad, ==, 0);
    g_free(shared);
}

static bool in_section, nudged;

static void nudge(void *opaque)
{
    __atomic_store_n((bool *)opaque, true, __ATOMIC_SEQ_CST);
}

static void *reader_that_stays(void *arg)
{
    (void)arg;
    rcu_set_nudge(nudge, &nudged);
    rcu_read_lock();
    __atomic_store_n(&in_section, true, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&nudged, __ATOMIC_SEQ_CST)) {
        g_thread_yield();
    }
    rcu_read_unlock();
    return NULL;
}

static void test_those_who_wait_nudge_the_reader(void)
{
    GThread *thread = g_thread_new("reader", reader_that_stays, NULL);

    while (!__atomic_load_n(&in_section, __ATOMIC_SEQ_CST)) {
        g_thread_yield();
    }
    rcu_synchronize(); /* does not return otherwise */
    g_assert_true(__atomic_load_n(&nudged, __ATOMIC_SEQ_CST));
    g_thread_join(thread);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rcu/readers_never_see_freed_data", test_readers_never_see_freed_data);
    g_test_add_func("/rcu/those_who_wait_nudge_the_reader", test_those_who_wait_nudge_the_reader);
    return g_test_run();
}
