/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HPET by its registers: the counter, comparators, routes, legacy replacement.
 */
#include "tests/lib/qtest.h"

#define BASE      0xfed00000u
#define PERIOD_NS 10

enum { CAP = 0x00, CONF = 0x10, STATUS = 0x20, COUNTER = 0xf0, TIMER0 = 0x100 };
enum { T_CONF = 0x00, T_COMPARATOR = 0x08, ENABLE = 1, LEGACY = 2, ROUTE = 20 };
enum { T_LEVEL = 1 << 1, T_ENABLE = 1 << 2, T_PERIODIC = 1 << 3, T_VAL_SET = 1 << 6 };

static struct qtest *start(const char *watched)
{
    struct qtest *q = qtest_start("-S");

    qtest_watch_irqs(q, watched);
    return q;
}

/* Timer 0 comes due after @ns, the counter running from 0. */
static void run_timer(struct qtest *q, uint32_t conf, int64_t ns, uint64_t general)
{
    qtest_writeq(q, BASE + CONF, 0);
    qtest_writeq(q, BASE + COUNTER, 0);
    qtest_writeq(q, BASE + TIMER0 + T_CONF, conf);
    qtest_writeq(q, BASE + TIMER0 + T_COMPARATOR, (uint64_t)(ns / PERIOD_NS));
    qtest_writeq(q, BASE + CONF, ENABLE | general);
}

static void test_capabilities(void)
{
    struct qtest *q = qtest_start("-S");

    g_assert_cmpuint(qtest_readl(q, BASE + CAP + 4), ==, PERIOD_NS * 1000000);
    g_assert_cmphex(qtest_readl(q, BASE + CAP) >> 16, ==, 0x8086);
    g_assert_cmphex(qtest_readl(q, BASE + CAP) & 0xa000, ==, 0xa000); /* 64 bits, legacy */
    g_assert_cmphex(qtest_readl(q, BASE + TIMER0 + 4) >> ROUTE & 1, ==, 1);
    qtest_end(q);
}

static void test_counter_runs_while_enabled(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_clock_step(q, NS_PER_MS);
    g_assert_cmpuint(qtest_readq(q, BASE + COUNTER), ==, 0);
    qtest_writeq(q, BASE + COUNTER, 1000);
    qtest_writeq(q, BASE + CONF, ENABLE);
    qtest_clock_step(q, NS_PER_MS);
    g_assert_cmpuint(qtest_readq(q, BASE + COUNTER), ==, 1000 + NS_PER_MS / PERIOD_NS);
    qtest_writeq(q, BASE + CONF, 0);
    qtest_clock_step(q, NS_PER_MS);
    g_assert_cmpuint(qtest_readl(q, BASE + COUNTER), ==, 1000 + NS_PER_MS / PERIOD_NS);
    qtest_end(q);
}

static void test_comparator_interrupts_its_route(void)
{
    struct qtest *q = start("ioapic");

    run_timer(q, T_ENABLE | ROUTE << 9, NS_PER_MS, 0);
    qtest_clock_step(q, 900 * NS_PER_US);
    g_assert_cmpuint(qtest_irq_rises(q, ROUTE), ==, 0);
    qtest_clock_step(q, 200 * NS_PER_US);
    g_assert_cmpuint(qtest_irq_rises(q, ROUTE), ==, 1);
    qtest_clock_step(q, NS_PER_SEC);
    g_assert_cmpuint(qtest_irq_rises(q, ROUTE), ==, 1);
    qtest_end(q);
}

static void test_periodic_timer_keeps_its_period(void)
{
    struct qtest *q = start("ioapic");

    run_timer(q, T_ENABLE | T_PERIODIC | T_VAL_SET | ROUTE << 9, 10 * NS_PER_MS, 0);
    qtest_clock_step(q, 1005 * NS_PER_MS);
    g_assert_cmpuint(qtest_irq_rises(q, ROUTE), ==, 100);
    qtest_end(q);
}

static void test_level_lasts_until_the_status_is_cleared(void)
{
    struct qtest *q = start("ioapic");

    run_timer(q, T_ENABLE | T_LEVEL | ROUTE << 9, NS_PER_MS, 0);
    qtest_clock_step(q, 2 * NS_PER_MS);
    g_assert_true(qtest_irq(q, ROUTE));
    g_assert_cmphex(qtest_readl(q, BASE + STATUS), ==, 1);
    qtest_writel(q, BASE + STATUS, 1);
    g_assert_false(qtest_irq(q, ROUTE));
    g_assert_cmphex(qtest_readl(q, BASE + STATUS), ==, 0);
    qtest_end(q);
}

static void test_legacy_replacement_is_irq_0(void)
{
    struct qtest *q = start("isa-i8259");
    unsigned before;

    run_timer(q, T_ENABLE | T_PERIODIC | T_VAL_SET, 10 * NS_PER_MS, LEGACY);
    before = qtest_irq_rises(q, 0);
    qtest_clock_step(q, 55 * NS_PER_MS);
    g_assert_cmpuint(qtest_irq_rises(q, 0) - before, ==, 5);
    qtest_end(q);
}

static void test_machine_without_it(void)
{
    struct qtest *q = qtest_start("-machine hpet=off");

    g_assert_cmphex(qtest_readl(q, BASE + CAP), ==, 0xffffffff);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hpet/capabilities", test_capabilities);
    g_test_add_func("/hpet/counter-runs-while-enabled", test_counter_runs_while_enabled);
    g_test_add_func("/hpet/comparator-interrupts-its-route", test_comparator_interrupts_its_route);
    g_test_add_func("/hpet/periodic-timer-keeps-its-period", test_periodic_timer_keeps_its_period);
    g_test_add_func("/hpet/level-lasts-until-the-status-is-cleared",
                    test_level_lasts_until_the_status_is_cleared);
    g_test_add_func("/hpet/legacy-replacement-is-irq-0", test_legacy_replacement_is_irq_0);
    g_test_add_func("/hpet/machine-without-it", test_machine_without_it);
    return g_test_run();
}
