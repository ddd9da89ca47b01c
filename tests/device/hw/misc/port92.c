/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port 0x92: A20 and the fast reset, and what -no-reboot makes of it.
 */
#include "tests/lib/qtest.h"

enum { PORT = 0x92, RESET = 0x01, A20 = 0x02, PIC_MASK = 0x21 };

static void test_bits_read_back(void)
{
    struct qtest *q = qtest_start("-S");

    g_assert_cmphex(qtest_inb(q, PORT), ==, A20);
    qtest_outb(q, PORT, 0xfe);
    g_assert_cmphex(qtest_inb(q, PORT), ==, 0xca);
    qtest_end(q);
}

static void test_rising_bit_resets_the_machine(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_outb(q, PIC_MASK, 0xa5);
    qtest_outb(q, PORT, A20);
    g_assert_cmphex(qtest_inb(q, PIC_MASK), ==, 0xa5);
    qtest_outb(q, PORT, A20 | RESET);
    g_assert_cmphex(qtest_inb(q, PIC_MASK), ==, 0);
    g_assert_cmphex(qtest_inb(q, PORT), ==, A20);
    qtest_end(q);
}

static void test_reset_ends_the_process_when_asked_so(void)
{
    struct qtest *q = qtest_start("-no-reboot");

    qtest_outb(q, PORT, RESET);
    g_assert_cmpint(qtest_wait_exit(q), ==, 0);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/port92/bits-read-back", test_bits_read_back);
    g_test_add_func("/port92/rising-bit-resets-the-machine", test_rising_bit_resets_the_machine);
    g_test_add_func("/port92/reset-ends-the-process-when-asked-so",
                    test_reset_ends_the_process_when_asked_so);
    return g_test_run();
}
