/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyboard controller by its ports: self tests, bytes looped back, interrupts, the keyboard.
 */
#include "tests/lib/qtest.h"

enum { DATA = 0x60, STATUS = 0x64, OBF = 0x01, AUX = 0x20 };
enum { KBD_IRQ = 1, AUX_IRQ = 12 };
enum { READ_MODE = 0x20, WRITE_MODE = 0x60, AUX_TEST = 0xa9, SELF_TEST = 0xaa, KBD_TEST = 0xab };
enum { READ_OUTPUT = 0xd0, WRITE_OUTPUT, LOOP_KBD, LOOP_AUX, RESET = 0xfe };

static uint8_t answer(struct qtest *q, uint8_t command)
{
    qtest_outb(q, STATUS, command);
    g_assert_cmphex(qtest_inb(q, STATUS) & OBF, ==, OBF);
    return qtest_inb(q, DATA);
}

/* Lets time go by until a byte is there. */
static uint8_t next_byte(struct qtest *q)
{
    for (int i = 0; i < 200 && !(qtest_inb(q, STATUS) & OBF); i++) {
        qtest_clock_step(q, 10 * NS_PER_MS);
    }
    g_assert_cmphex(qtest_inb(q, STATUS) & OBF, ==, OBF);
    return qtest_inb(q, DATA);
}

static void test_self_tests_pass(void)
{
    struct qtest *q = qtest_start("-S");

    g_assert_cmphex(answer(q, SELF_TEST), ==, 0x55);
    g_assert_cmphex(answer(q, KBD_TEST), ==, 0x00);
    g_assert_cmphex(answer(q, AUX_TEST), ==, 0x00);
    g_assert_cmphex(qtest_inb(q, STATUS) & OBF, ==, 0);
    qtest_end(q);
}

static void test_mode_reads_back(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_outb(q, STATUS, WRITE_MODE);
    qtest_outb(q, DATA, 0x25);
    g_assert_cmphex(answer(q, READ_MODE), ==, 0x25);
    qtest_end(q);
}

static void test_looped_byte_is_a_keyboard_interrupt(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_watch_irqs(q, "isa-i8259");
    qtest_outb(q, STATUS, LOOP_KBD);
    qtest_outb(q, DATA, 0x1e);
    g_assert_true(qtest_irq(q, KBD_IRQ));
    g_assert_cmphex(qtest_inb(q, STATUS) & (OBF | AUX), ==, OBF);
    g_assert_cmphex(qtest_inb(q, DATA), ==, 0x1e);
    g_assert_false(qtest_irq(q, KBD_IRQ));
    g_assert_false(qtest_irq(q, AUX_IRQ));
    qtest_end(q);
}

static void test_looped_byte_can_be_the_mouse(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_watch_irqs(q, "isa-i8259");
    qtest_outb(q, STATUS, LOOP_AUX);
    qtest_outb(q, DATA, 0x08);
    g_assert_true(qtest_irq(q, AUX_IRQ));
    g_assert_false(qtest_irq(q, KBD_IRQ));
    g_assert_cmphex(qtest_inb(q, STATUS) & (OBF | AUX), ==, OBF | AUX);
    g_assert_cmphex(qtest_inb(q, DATA), ==, 0x08);
    g_assert_false(qtest_irq(q, AUX_IRQ));
    qtest_end(q);
}

static void test_no_interrupt_while_the_mode_forbids_it(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_watch_irqs(q, "isa-i8259");
    qtest_outb(q, STATUS, WRITE_MODE);
    qtest_outb(q, DATA, 0x44);
    qtest_outb(q, STATUS, LOOP_KBD);
    qtest_outb(q, DATA, 0x1e);
    g_assert_false(qtest_irq(q, KBD_IRQ));
    g_assert_cmphex(qtest_inb(q, DATA), ==, 0x1e);
    qtest_end(q);
}

static void test_keyboard_answers_reset_and_identify(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_outb(q, STATUS, WRITE_MODE);
    qtest_outb(q, DATA, 0x05); /* no translation */
    qtest_outb(q, DATA, 0xff);
    g_assert_cmphex(next_byte(q), ==, 0xfa);
    g_assert_cmphex(next_byte(q), ==, 0xaa);
    qtest_outb(q, DATA, 0xf2);
    g_assert_cmphex(next_byte(q), ==, 0xfa);
    g_assert_cmphex(next_byte(q), ==, 0xab);
    g_assert_cmphex(next_byte(q), ==, 0x83);
    qtest_end(q);
}

static void test_output_port_has_a20(void)
{
    struct qtest *q = qtest_start("-S");

    g_assert_cmphex(answer(q, READ_OUTPUT) & 0x03, ==, 0x03);
    qtest_outb(q, STATUS, WRITE_OUTPUT);
    qtest_outb(q, DATA, 0x01);
    g_assert_cmphex(answer(q, READ_OUTPUT) & 0x03, ==, 0x01);
    qtest_end(q);
}

static void test_pulse_resets_the_machine(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_outb(q, 0x21, 0xa5);
    qtest_outb(q, STATUS, RESET);
    g_assert_cmphex(qtest_inb(q, 0x21), ==, 0);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8042/self-tests-pass", test_self_tests_pass);
    g_test_add_func("/i8042/mode-reads-back", test_mode_reads_back);
    g_test_add_func("/i8042/looped-byte-is-a-keyboard-interrupt",
                    test_looped_byte_is_a_keyboard_interrupt);
    g_test_add_func("/i8042/looped-byte-can-be-the-mouse", test_looped_byte_can_be_the_mouse);
    g_test_add_func("/i8042/no-interrupt-while-the-mode-forbids-it",
                    test_no_interrupt_while_the_mode_forbids_it);
    g_test_add_func("/i8042/keyboard-answers-reset-and-identify",
                    test_keyboard_answers_reset_and_identify);
    g_test_add_func("/i8042/output-port-has-a20", test_output_port_has_a20);
    g_test_add_func("/i8042/pulse-resets-the-machine", test_pulse_resets_the_machine);
    return g_test_run();
}
