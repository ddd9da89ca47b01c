/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parallel port by its registers: strobing bytes out, the acknowledge interrupt.
 */
#include "tests/lib/qtest.h"

enum { DATA = 0x378, STATUS = 0x379, CONTROL = 0x37a, IRQ = 7 };
enum { STROBE = 0x01, INIT = 0x04, SELECT = 0x08, IRQ_ENABLE = 0x10, INPUT = 0x20 };
enum { NOT_BUSY = 0x80, NO_IRQ = 0x04 };

static void strobe(struct qtest *q, uint8_t byte, uint8_t control)
{
    g_assert_cmphex(qtest_inb(q, STATUS) & NOT_BUSY, ==, NOT_BUSY);
    qtest_outb(q, DATA, byte);
    qtest_outb(q, CONTROL, control | STROBE);
    qtest_outb(q, CONTROL, control);
}

static void test_registers_read_back(void)
{
    struct qtest *q = qtest_start("-parallel null");

    qtest_outb(q, DATA, 0xa5);
    g_assert_cmphex(qtest_inb(q, DATA), ==, 0xa5);
    qtest_outb(q, CONTROL, INIT | SELECT);
    g_assert_cmphex(qtest_inb(q, CONTROL) & 0x3f, ==, INIT | SELECT);
    qtest_outb(q, CONTROL, INIT | INPUT);
    g_assert_cmphex(qtest_inb(q, DATA), ==, 0xff); /* nobody drives the bus */
    qtest_end(q);
}

static void test_strobed_bytes_reach_a_file(void)
{
    static const char text[] = "printed";
    char *path = qtest_temp_file(NULL, 0);
    struct qtest *q = qtest_start("-parallel file:%s", path);
    g_autofree char *written = NULL;

    for (const char *p = text; *p; p++) {
        strobe(q, (uint8_t)*p, INIT | SELECT);
    }
    qtest_outb(q, DATA, '!'); /* without a strobe it is not printed */
    qtest_end(q);
    g_assert_true(g_file_get_contents(path, &written, NULL, NULL));
    g_assert_cmpstr(written, ==, text);
    qtest_temp_free(path);
}

static void test_acknowledge_interrupts(void)
{
    struct qtest *q = qtest_start("-parallel null");

    qtest_watch_irqs(q, "isa-i8259");
    strobe(q, 'a', INIT | SELECT);
    g_assert_false(qtest_irq(q, IRQ));
    qtest_inb(q, STATUS);
    strobe(q, 'b', INIT | SELECT | IRQ_ENABLE);
    g_assert_true(qtest_irq(q, IRQ));
    g_assert_cmphex(qtest_inb(q, STATUS) & NO_IRQ, ==, 0);
    g_assert_false(qtest_irq(q, IRQ));
    g_assert_cmphex(qtest_inb(q, STATUS) & NO_IRQ, ==, NO_IRQ);
    qtest_end(q);
}

static void test_epp_cycle_times_out(void)
{
    struct qtest *q = qtest_start("-parallel null");

    g_assert_cmphex(qtest_inb(q, STATUS) & 1, ==, 0);
    qtest_inb(q, DATA + 3);
    g_assert_cmphex(qtest_inb(q, STATUS) & 1, ==, 1);
    qtest_outb(q, STATUS, 1);
    g_assert_cmphex(qtest_inb(q, STATUS) & 1, ==, 0);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/parallel/registers-read-back", test_registers_read_back);
    g_test_add_func("/parallel/strobed-bytes-reach-a-file", test_strobed_bytes_reach_a_file);
    g_test_add_func("/parallel/acknowledge-interrupts", test_acknowledge_interrupts);
    g_test_add_func("/parallel/epp-cycle-times-out", test_epp_cycle_times_out);
    return g_test_run();
}
