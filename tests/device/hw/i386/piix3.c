/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PIIX3: reset control, and where PCI interrupts go.
 */
#include "tests/lib/qtest.h"

enum { RESET_CONTROL = 0xcf9, PIRQRC = 0x60, PIC_MASK = 0x21 };
enum { RTL_OFF = 0x80 };

static void test_reset_needs_a_rising_bit(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_outb(q, PIC_MASK, 0xa5);
    qtest_outb(q, RESET_CONTROL, 0x02);
    g_assert_cmphex(qtest_inb(q, RESET_CONTROL), ==, 0x02);
    g_assert_cmphex(qtest_inb(q, PIC_MASK), ==, 0xa5);
    qtest_outb(q, RESET_CONTROL, 0x06);
    g_assert_cmphex(qtest_inb(q, PIC_MASK), ==, 0);
    g_assert_cmphex(qtest_inb(q, RESET_CONTROL), ==, 0);
    qtest_end(q);
}

static void test_reset_keeps_memory(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_writel(q, 0x7000, 0x5eed5eed);
    qtest_outb(q, RESET_CONTROL, 0x06);
    g_assert_cmphex(qtest_readl(q, 0x7000), ==, 0x5eed5eed);
    qtest_end(q);
}

static void test_routes_start_switched_off(void)
{
    struct qtest *q = qtest_start("-S");

    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(qtest_pci_read(q, 1, 0, PIRQRC + i, 1), ==, RTL_OFF);
        qtest_pci_write(q, 1, 0, PIRQRC + i, 1, 0xff);
        g_assert_cmphex(qtest_pci_read(q, 1, 0, PIRQRC + i, 1), ==, 0x8f);
    }
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/piix3/reset-needs-a-rising-bit", test_reset_needs_a_rising_bit);
    g_test_add_func("/piix3/reset-keeps-memory", test_reset_keeps_memory);
    g_test_add_func("/piix3/routes-start-switched-off", test_routes_start_switched_off);
    return g_test_run();
}
