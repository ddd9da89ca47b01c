/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa-debug-exit: the status of the process is what the guest wrote.
 */
#include "tests/lib/qtest.h"

static void test_status_is_twice_the_value_and_one(void)
{
    static const uint8_t values[] = {0, 1, 0x10, 0x7f};

    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        struct qtest *q = qtest_start("-device isa-debug-exit");

        g_assert_cmphex(qtest_inb(q, 0x501), ==, 0);
        qtest_outb(q, 0x501, values[i]);
        g_assert_cmpint(qtest_wait_exit(q), ==, values[i] << 1 | 1);
        qtest_end(q);
    }
}

static void test_port_can_be_chosen(void)
{
    struct qtest *q = qtest_start("-device isa-debug-exit,iobase=0xf4,iosize=4");

    qtest_outb(q, 0x501, 0); /* nobody there */
    qtest_outl(q, 0xf4, 0x21);
    g_assert_cmpint(qtest_wait_exit(q), ==, 0x43);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/debug-exit/status-is-twice-the-value-and-one",
                    test_status_is_twice_the_value_and_one);
    g_test_add_func("/debug-exit/port-can-be-chosen", test_port_can_be_chosen);
    return g_test_run();
}
