/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks and timers, with virtual time driven by hand.
 */
#include "util/clock.h"

struct fixture {
    struct clock clock;
    GString *order;
};

struct named {
    struct timer timer;
    struct fixture *f;
    char name;
    int64_t again_ns; /* > 0: rearms itself so much later, once */
};

static void expired(void *opaque)
{
    struct named *n = opaque;

    g_string_append_c(n->f->order, n->name);
    if (n->again_ns) {
        timer_set(&n->timer, clock_now_ns(&n->f->clock) + n->again_ns);
        n->again_ns = 0;
    }
}

static void named_init(struct named *n, struct fixture *f, char name)
{
    *n = (struct named){.f = f, .name = name};
    timer_init(&n->timer, &f->clock, expired, n);
}

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    clock_init(&f->clock, CLOCK_KIND_VIRTUAL);
    clock_set_manual(&f->clock);
    clock_start(&f->clock);
    f->order = g_string_new(NULL);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    clock_fini(&f->clock);
    g_string_free(f->order, TRUE);
}

static void test_timers_run_in_order_of_deadline(struct fixture *f, gconstpointer data)
{
    struct named a, b, c;

    (void)data;
    named_init(&a, f, 'a');
    named_init(&b, f, 'b');
    named_init(&c, f, 'c');
    timer_set(&c.timer, 300);
    timer_set(&a.timer, 100);
    timer_set(&b.timer, 200);
    clock_step_to(&f->clock, 250);
    g_assert_cmpstr(f->order->str, ==, "ab");
    g_assert_true(timer_pending(&c.timer));
    g_assert_cmpint(clock_now_ns(&f->clock), ==, 250);
    clock_step_to(&f->clock, 1000);
    g_assert_cmpstr(f->order->str, ==, "abc");
}

static void test_timer_sees_its_own_deadline(struct fixture *f, gconstpointer data)
{
    struct named a;

    (void)data;
    named_init(&a, f, 'a');
    a.again_ns = 50;
    timer_set(&a.timer, 100);
    clock_step_to(&f->clock, 149);
    g_assert_cmpstr(f->order->str, ==, "a");
    clock_step_to(&f->clock, 150);
    g_assert_cmpstr(f->order->str, ==, "aa");
}

static void test_cancel_and_set_earlier(struct fixture *f, gconstpointer data)
{
    struct named a;

    (void)data;
    named_init(&a, f, 'a');
    timer_set(&a.timer, 100);
    timer_set_earlier(&a.timer, 200);
    g_assert_cmpint(timer_deadline_ns(&a.timer), ==, 100);
    timer_set_earlier(&a.timer, 50);
    g_assert_cmpint(timer_deadline_ns(&a.timer), ==, 50);
    timer_cancel(&a.timer);
    clock_step_to(&f->clock, 1000);
    g_assert_cmpstr(f->order->str, ==, "");
    g_assert_cmpint(timer_deadline_ns(&a.timer), ==, -1);
}

static void test_stopped_clock_stands_still(void)
{
    struct clock c;
    int64_t t;

    clock_init(&c, CLOCK_KIND_VIRTUAL);
    clock_start(&c);
    g_usleep(1000);
    clock_stop(&c);
    t = clock_now_ns(&c);
    g_assert_cmpint(t, >=, 1000000);
    g_usleep(1000);
    g_assert_cmpint(clock_now_ns(&c), ==, t);
    clock_start(&c);
    g_assert_cmpint(clock_now_ns(&c), >=, t);
    clock_fini(&c);
}

/* Time that somebody counts. */
struct counted {
    struct fixture f;
    int64_t elapsed;
    unsigned told; /* of deadlines */
};

static int64_t count(void *opaque)
{
    return ((struct counted *)opaque)->elapsed;
}

static void deadline_changed(void *opaque)
{
    ((struct counted *)opaque)->told++;
}

static const struct clock_source counted_source = {count, deadline_changed};

static void counted_init(struct counted *c)
{
    *c = (struct counted){.f.order = g_string_new(NULL), .elapsed = 1000};
    clock_init(&c->f.clock, CLOCK_KIND_VIRTUAL);
    clock_set_source(&c->f.clock, &counted_source, c);
    clock_start(&c->f.clock);
    c->told = 0;
}

static void counted_fini(struct counted *c)
{
    clock_fini(&c->f.clock);
    g_string_free(c->f.order, TRUE);
}

static void test_source_is_all_the_time_there_is(void)
{
    struct counted c;

    counted_init(&c);
    g_assert_cmpint(clock_now_ns(&c.f.clock), ==, 0); /* from where the clock was */
    c.elapsed = 1007;
    g_assert_cmpint(clock_now_ns(&c.f.clock), ==, 7);
    clock_stop(&c.f.clock);
    clock_start(&c.f.clock);
    g_assert_cmpint(clock_now_ns(&c.f.clock), ==, 7); /* a stop costs no time */
    clock_advance(&c.f.clock, 100);
    g_assert_cmpint(clock_now_ns(&c.f.clock), ==, 107);
    clock_set_ns(&c.f.clock, 5000);
    c.elapsed++;
    g_assert_cmpint(clock_now_ns(&c.f.clock), ==, 5001);
    clock_set_source(&c.f.clock, NULL, NULL);
    g_assert_cmpint(clock_now_ns(&c.f.clock), >=, 5001);
    counted_fini(&c);
}

static void test_timers_of_a_source_are_its_owners(void)
{
    struct counted c;
    struct named a, b;

    counted_init(&c);
    named_init(&a, &c.f, 'a');
    named_init(&b, &c.f, 'b');
    timer_set(&b.timer, 20);
    timer_set(&a.timer, 10);
    g_assert_cmpuint(c.told, ==, 2);
    timer_set(&b.timer, 30); /* not the earliest */
    g_assert_cmpuint(c.told, ==, 2);
    c.elapsed += 15;
    g_assert_cmpint(clock_deadline_ns(&c.f.clock), ==, INT64_MAX);
    g_assert_false(clock_run_timers(&c.f.clock));
    g_assert_cmpstr(c.f.order->str, ==, "");
    g_assert_cmpint(clock_next_ns(&c.f.clock), ==, 10);
    g_assert_true(clock_run_due(&c.f.clock));
    g_assert_cmpstr(c.f.order->str, ==, "a");
    clock_stop(&c.f.clock);
    c.elapsed += 100;
    g_assert_false(clock_run_due(&c.f.clock));
    counted_fini(&c);
}

#define ADD(name) g_test_add("/clock/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(timers_run_in_order_of_deadline);
    ADD(timer_sees_its_own_deadline);
    ADD(cancel_and_set_earlier);
    g_test_add_func("/clock/stopped_clock_stands_still", test_stopped_clock_stands_still);
    g_test_add_func("/clock/source_is_all_the_time_there_is", test_source_is_all_the_time_there_is);
    g_test_add_func("/clock/timers_of_a_source_are_its_owners",
                    test_timers_of_a_source_are_its_owners);
    return g_test_run();
}
