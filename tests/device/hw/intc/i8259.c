/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8259 pair by its ports: requests, priorities, the cascade, level triggered inputs.
 *
 * No CPU runs, so the tests acknowledge by poll commands.
 */
#include "tests/lib/qtest.h"

enum { MASTER = 0x20, SLAVE = 0xa0, ELCR = 0x4d0 };
enum { READ_IRR = 0x0a, READ_ISR = 0x0b, POLL = 0x0c, EOI = 0x20 };

static void init_chip(struct qtest *q, uint16_t port, uint8_t base, uint8_t icw3)
{
    qtest_outb(q, port, 0x11);
    qtest_outb(q, port + 1, base);
    qtest_outb(q, port + 1, icw3);
    qtest_outb(q, port + 1, 0x01);
    qtest_outb(q, port + 1, 0x00);
}

static struct qtest *start(void)
{
    struct qtest *q = qtest_start("-S");

    init_chip(q, MASTER, 0x08, 0x04);
    init_chip(q, SLAVE, 0x70, 0x02);
    return q;
}

static void set_input(struct qtest *q, unsigned n, bool level)
{
    qtest_set_irq(q, "isa-i8259", n, level);
}

static uint8_t ask(struct qtest *q, uint16_t port, uint8_t ocw3)
{
    qtest_outb(q, port, ocw3);
    return qtest_inb(q, port);
}

static void test_mask_reads_back(void)
{
    struct qtest *q = start();

    qtest_outb(q, MASTER + 1, 0xa5);
    qtest_outb(q, SLAVE + 1, 0x5a);
    g_assert_cmphex(qtest_inb(q, MASTER + 1), ==, 0xa5);
    g_assert_cmphex(qtest_inb(q, SLAVE + 1), ==, 0x5a);
    qtest_end(q);
}

static void test_lower_input_goes_first(void)
{
    struct qtest *q = start();

    set_input(q, 5, true);
    set_input(q, 3, true);
    g_assert_cmphex(ask(q, MASTER, READ_IRR) & 0x28, ==, 0x28);
    g_assert_cmphex(ask(q, MASTER, POLL), ==, 0x83);
    g_assert_cmphex(ask(q, MASTER, READ_ISR), ==, 0x08);
    g_assert_cmphex(ask(q, MASTER, POLL), ==, 0); /* 5 waits for 3 */
    qtest_outb(q, MASTER, EOI);
    g_assert_cmphex(ask(q, MASTER, POLL), ==, 0x85);
    qtest_outb(q, MASTER, EOI);
    g_assert_cmphex(ask(q, MASTER, POLL), ==, 0);
    qtest_end(q);
}

static void test_masked_request_waits(void)
{
    struct qtest *q = start();

    qtest_outb(q, MASTER + 1, 1 << 6);
    set_input(q, 6, true);
    g_assert_cmphex(ask(q, MASTER, POLL), ==, 0);
    qtest_outb(q, MASTER + 1, 0);
    g_assert_cmphex(ask(q, MASTER, POLL), ==, 0x86);
    qtest_end(q);
}

static void test_slave_asks_through_input_2(void)
{
    struct qtest *q = start();

    set_input(q, 10, true);
    g_assert_cmphex(ask(q, MASTER, READ_IRR) & 0x04, ==, 0x04);
    g_assert_cmphex(ask(q, MASTER, POLL), ==, 0x82);
    g_assert_cmphex(ask(q, SLAVE, POLL), ==, 0x82);
    g_assert_cmphex(ask(q, SLAVE, READ_ISR), ==, 0x04);
    qtest_end(q);
}

static void test_edge_that_falls_is_withdrawn(void)
{
    struct qtest *q = start();

    set_input(q, 4, true);
    set_input(q, 4, false);
    g_assert_cmphex(ask(q, MASTER, READ_IRR) & 0x10, ==, 0);
    g_assert_cmphex(ask(q, MASTER, POLL), ==, 0);
    qtest_end(q);
}

static void test_level_triggered_input_asks_again(void)
{
    struct qtest *q = start();

    qtest_outb(q, ELCR, 1 << 5);
    set_input(q, 5, true);
    g_assert_cmphex(ask(q, MASTER, POLL), ==, 0x85);
    qtest_outb(q, MASTER, EOI);
    g_assert_cmphex(ask(q, MASTER, POLL), ==, 0x85);
    set_input(q, 5, false);
    qtest_outb(q, MASTER, EOI);
    g_assert_cmphex(ask(q, MASTER, POLL), ==, 0);
    qtest_end(q);
}

static void test_timer_keyboard_and_clock_stay_edges(void)
{
    struct qtest *q = start();

    qtest_outb(q, ELCR, 0xff);
    qtest_outb(q, ELCR + 1, 0xff);
    g_assert_cmphex(qtest_inb(q, ELCR), ==, 0xf8);
    g_assert_cmphex(qtest_inb(q, ELCR + 1), ==, 0xde);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8259/mask-reads-back", test_mask_reads_back);
    g_test_add_func("/i8259/lower-input-goes-first", test_lower_input_goes_first);
    g_test_add_func("/i8259/masked-request-waits", test_masked_request_waits);
    g_test_add_func("/i8259/slave-asks-through-input-2", test_slave_asks_through_input_2);
    g_test_add_func("/i8259/edge-that-falls-is-withdrawn", test_edge_that_falls_is_withdrawn);
    g_test_add_func("/i8259/level-triggered-input-asks-again",
                    test_level_triggered_input_asks_again);
    g_test_add_func("/i8259/timer-keyboard-and-clock-stay-edges",
                    test_timer_keyboard_and_clock_stay_edges);
    return g_test_run();
}
