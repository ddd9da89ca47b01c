/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pc-testdev: ports and memory that keep what was written, interrupt lines by port.
 */
#include "tests/lib/qtest.h"

#define MMIO 0xff000000u

enum { ECHO = 0xe0, FLUSH = 0xe4, LINES = 0x2000 };

static void test_port_keeps_every_width(void)
{
    struct qtest *q = qtest_start("-device pc-testdev");

    qtest_outl(q, ECHO, 0x12345678);
    g_assert_cmphex(qtest_inl(q, ECHO), ==, 0x12345678);
    qtest_outb(q, ECHO + 1, 0xab);
    g_assert_cmphex(qtest_inl(q, ECHO), ==, 0x1234ab78);
    qtest_outw(q, ECHO + 2, 0xcdef);
    g_assert_cmphex(qtest_inw(q, ECHO + 2), ==, 0xcdef);
    g_assert_cmphex(qtest_inb(q, ECHO), ==, 0x78);
    qtest_end(q);
}

static void test_memory_keeps_every_width(void)
{
    struct qtest *q = qtest_start("-device pc-testdev");

    qtest_writeq(q, MMIO + 0x100, 0x0123456789abcdefULL);
    g_assert_cmphex(qtest_readq(q, MMIO + 0x100), ==, 0x0123456789abcdefULL);
    g_assert_cmphex(qtest_readl(q, MMIO + 0x104), ==, 0x01234567);
    qtest_writeb(q, MMIO + 0x103, 0x55);
    qtest_writew(q, MMIO + 0x100, 0x6666);
    g_assert_cmphex(qtest_readl(q, MMIO + 0x100), ==, 0x55ab6666);
    qtest_end(q);
}

static void test_lines_follow_their_ports(void)
{
    struct qtest *q = qtest_start("-device pc-testdev");

    qtest_watch_irqs(q, "isa-i8259");
    qtest_outb(q, LINES + 5, 1);
    g_assert_true(qtest_irq(q, 5));
    g_assert_cmphex(qtest_inb(q, LINES + 5), ==, 1);
    qtest_outb(q, LINES + 5, 0);
    g_assert_false(qtest_irq(q, 5));
    qtest_end(q);
}

static void test_memory_is_there_after_its_page_was_away(void)
{
    struct qtest *q = qtest_start("-device pc-testdev");

    qtest_writel(q, 0x5000, 0xcafe1234);
    qtest_outl(q, FLUSH, 0x5000);
    g_assert_cmphex(qtest_readl(q, 0x5000), ==, 0xcafe1234);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pc-testdev/port-keeps-every-width", test_port_keeps_every_width);
    g_test_add_func("/pc-testdev/memory-keeps-every-width", test_memory_keeps_every_width);
    g_test_add_func("/pc-testdev/lines-follow-their-ports", test_lines_follow_their_ports);
    g_test_add_func("/pc-testdev/memory-is-there-after-its-page-was-away",
                    test_memory_is_there_after_its_page_was_away);
    return g_test_run();
}
