/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC's registers in memory, its timer, and messages written by devices.
 */
#include "tests/lib/qtest.h"

#define BASE 0xfee00000u

enum {
    ID = 0x20,
    VERSION = 0x30,
    TPR = 0x80,
    LDR = 0xd0,
    DFR = 0xe0,
    SVR = 0xf0,
    IRR = 0x200,
    ESR = 0x280,
    ICR = 0x300,
    ICR_HIGH = 0x310,
    LVT_TIMER = 0x320,
    INITIAL_COUNT = 0x380,
    CURRENT_COUNT = 0x390,
    DIVIDE = 0x3e0,
};
enum { ENABLED = 0x1ff, DIVIDE_BY_1 = 0xb, PERIODIC = 1 << 17, MASKED = 1 << 16 };

static struct qtest *start(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_writel(q, BASE + SVR, ENABLED);
    return q;
}

static bool is_requested(struct qtest *q, unsigned vector)
{
    return qtest_readl(q, BASE + IRR + 0x10 * (vector / 32)) >> vector % 32 & 1;
}

static void test_identity(void)
{
    struct qtest *q = start();

    g_assert_cmphex(qtest_readl(q, BASE + ID), ==, 0);
    g_assert_cmphex(qtest_readl(q, BASE + VERSION) & 0xf0, ==, 0x10);
    g_assert_cmpuint(qtest_readl(q, BASE + VERSION) >> 16 & 0xff, >=, 5);
    qtest_end(q);
}

static void test_registers_keep_what_is_written(void)
{
    struct qtest *q = start();

    qtest_writel(q, BASE + TPR, 0x35);
    qtest_writel(q, BASE + LDR, 0x04ffffff);
    qtest_writel(q, BASE + DFR, 0x0fffffff);
    g_assert_cmphex(qtest_readl(q, BASE + TPR), ==, 0x35);
    g_assert_cmphex(qtest_readl(q, BASE + LDR), ==, 0x04000000);
    g_assert_cmphex(qtest_readl(q, BASE + DFR), ==, 0x0fffffff);
    qtest_end(q);
}

static void test_disabling_masks_the_lvt(void)
{
    struct qtest *q = start();

    qtest_writel(q, BASE + LVT_TIMER, 0x40);
    g_assert_cmphex(qtest_readl(q, BASE + LVT_TIMER), ==, 0x40);
    qtest_writel(q, BASE + SVR, 0xff);
    g_assert_cmphex(qtest_readl(q, BASE + LVT_TIMER) & MASKED, ==, MASKED);
    qtest_end(q);
}

static void test_timer_counts_down_once(void)
{
    struct qtest *q = start();

    qtest_writel(q, BASE + DIVIDE, DIVIDE_BY_1);
    qtest_writel(q, BASE + LVT_TIMER, 0x40);
    qtest_writel(q, BASE + INITIAL_COUNT, 1000000); /* one millisecond */
    qtest_clock_step(q, 400 * NS_PER_US);
    g_assert_cmpuint(qtest_readl(q, BASE + CURRENT_COUNT), ==, 600000);
    g_assert_false(is_requested(q, 0x40));
    qtest_clock_step(q, 700 * NS_PER_US);
    g_assert_cmpuint(qtest_readl(q, BASE + CURRENT_COUNT), ==, 0);
    g_assert_true(is_requested(q, 0x40));
    qtest_end(q);
}

static void test_periodic_timer_starts_again(void)
{
    struct qtest *q = start();

    qtest_writel(q, BASE + DIVIDE, DIVIDE_BY_1);
    qtest_writel(q, BASE + LVT_TIMER, 0x40 | PERIODIC);
    qtest_writel(q, BASE + INITIAL_COUNT, 1000000);
    qtest_clock_step(q, 2300 * NS_PER_US);
    g_assert_true(is_requested(q, 0x40));
    g_assert_cmpuint(qtest_readl(q, BASE + CURRENT_COUNT), ==, 700000);
    qtest_end(q);
}

static void test_ipi_to_self(void)
{
    struct qtest *q = start();

    qtest_writel(q, BASE + ICR_HIGH, 0);
    qtest_writel(q, BASE + ICR, 1u << 18 | 0x62);
    g_assert_true(is_requested(q, 0x62));
    qtest_end(q);
}

static void test_device_message_is_an_interrupt(void)
{
    struct qtest *q = start();

    qtest_writel(q, BASE + LDR, 1u << 24);
    qtest_writel(q, 0xfee01004, 0x41); /* logical destination 1 */
    g_assert_true(is_requested(q, 0x41));
    qtest_writel(q, 0xfee02004, 0x42); /* logical destination 2: nobody */
    g_assert_false(is_requested(q, 0x42));
    qtest_end(q);
}

static void test_vector_below_16_is_an_error(void)
{
    struct qtest *q = start();

    qtest_writel(q, BASE + ICR, 1u << 18 | 0x0e);
    g_assert_false(is_requested(q, 0x0e));
    qtest_writel(q, BASE + ESR, 0);
    g_assert_cmphex(qtest_readl(q, BASE + ESR) & 0x20, ==, 0x20); /* send illegal vector */
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/apic/identity", test_identity);
    g_test_add_func("/apic/registers-keep-what-is-written", test_registers_keep_what_is_written);
    g_test_add_func("/apic/disabling-masks-the-lvt", test_disabling_masks_the_lvt);
    g_test_add_func("/apic/timer-counts-down-once", test_timer_counts_down_once);
    g_test_add_func("/apic/periodic-timer-starts-again", test_periodic_timer_starts_again);
    g_test_add_func("/apic/ipi-to-self", test_ipi_to_self);
    g_test_add_func("/apic/device-message-is-an-interrupt", test_device_message_is_an_interrupt);
    g_test_add_func("/apic/vector-below-16-is-an-error", test_vector_below_16_is_an_error);
    return g_test_run();
}
