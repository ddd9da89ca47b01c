/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvpanic: what the guest's crash does to the process, by -action panic=.
 */
#include "tests/lib/qtest.h"

enum { PORT = 0x505, PANICKED = 1, CRASH_LOADED = 2, SHUTDOWN = 4 };

static void test_events_are_listed(void)
{
    struct qtest *q = qtest_start("-device pvpanic");

    g_assert_cmphex(qtest_inb(q, PORT), ==, PANICKED | CRASH_LOADED | SHUTDOWN);
    qtest_end(q);
}

static void test_fewer_events_by_property(void)
{
    struct qtest *q = qtest_start("-device pvpanic,events=1,ioport=0x600");

    g_assert_cmphex(qtest_inb(q, 0x600), ==, PANICKED);
    qtest_end(q);
}

static void test_panic_ends_the_process(void)
{
    struct qtest *q = qtest_start("-device pvpanic -action panic=shutdown");

    qtest_outb(q, PORT, PANICKED);
    g_assert_cmpint(qtest_wait_exit(q), ==, 0);
    qtest_end(q);
}

static void test_panic_is_a_failure_when_asked_so(void)
{
    struct qtest *q = qtest_start("-device pvpanic -action panic=exit-failure");

    qtest_outb(q, PORT, PANICKED);
    g_assert_cmpint(qtest_wait_exit(q), ==, 1);
    qtest_end(q);
}

static void test_process_goes_on_when_asked_so(void)
{
    struct qtest *q = qtest_start("-device pvpanic -action panic=pause");

    qtest_outb(q, PORT, PANICKED);
    g_assert_cmphex(qtest_inb(q, PORT) & PANICKED, ==, PANICKED);
    qtest_end(q);
}

static void test_crash_kernel_and_nonsense_end_nothing(void)
{
    struct qtest *q = qtest_start("-device pvpanic -action panic=exit-failure");

    qtest_outb(q, PORT, CRASH_LOADED);
    qtest_outb(q, PORT, 0x80);
    g_assert_cmphex(qtest_inb(q, PORT) & PANICKED, ==, PANICKED);
    qtest_end(q);
}

static void test_shutdown_event_ends_the_process(void)
{
    struct qtest *q = qtest_start("-device pvpanic");

    qtest_outb(q, PORT, SHUTDOWN);
    g_assert_cmpint(qtest_wait_exit(q), ==, 0);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pvpanic/events-are-listed", test_events_are_listed);
    g_test_add_func("/pvpanic/fewer-events-by-property", test_fewer_events_by_property);
    g_test_add_func("/pvpanic/panic-ends-the-process", test_panic_ends_the_process);
    g_test_add_func("/pvpanic/panic-is-a-failure-when-asked-so",
                    test_panic_is_a_failure_when_asked_so);
    g_test_add_func("/pvpanic/process-goes-on-when-asked-so", test_process_goes_on_when_asked_so);
    g_test_add_func("/pvpanic/crash-kernel-and-nonsense-end-nothing",
                    test_crash_kernel_and_nonsense_end_nothing);
    g_test_add_func("/pvpanic/shutdown-event-ends-the-process",
                    test_shutdown_event_ends_the_process);
    return g_test_run();
}
