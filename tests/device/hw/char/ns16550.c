/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serial ports by their registers: loopback, interrupts, what reaches the host.
 */
#include "tests/lib/qtest.h"

enum { COM1 = 0x3f8, COM2 = 0x2f8, COM1_IRQ = 4, COM2_IRQ = 3 };
enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };
enum { IER_RDA = 1, IER_THRE = 2, MCR_LOOP = 0x10, LCR_8N1 = 3, LCR_DLAB = 0x80 };
enum { LSR_DR = 0x01, LSR_THRE = 0x20, LSR_TEMT = 0x40 };

static uint8_t in(struct qtest *q, unsigned reg)
{
    return qtest_inb(q, (uint16_t)(COM1 + reg));
}

static void out(struct qtest *q, unsigned reg, uint8_t val)
{
    qtest_outb(q, (uint16_t)(COM1 + reg), val);
}

static struct qtest *start(void)
{
    struct qtest *q = qtest_start("-serial null");

    qtest_watch_irqs(q, "isa-i8259");
    out(q, LCR, LCR_8N1);
    return q;
}

static void test_divisor_is_behind_dlab(void)
{
    struct qtest *q = start();

    out(q, LCR, LCR_DLAB | LCR_8N1);
    out(q, DATA, 0x34);
    out(q, IER, 0x12);
    g_assert_cmphex(in(q, DATA), ==, 0x34);
    g_assert_cmphex(in(q, IER), ==, 0x12);
    out(q, LCR, LCR_8N1);
    g_assert_cmphex(in(q, IER), ==, 0);
    out(q, SCR, 0x5a);
    g_assert_cmphex(in(q, SCR), ==, 0x5a);
    qtest_end(q);
}

static void test_loopback_gives_the_byte_back(void)
{
    struct qtest *q = start();

    out(q, MCR, MCR_LOOP);
    g_assert_cmphex(in(q, LSR) & LSR_DR, ==, 0);
    out(q, DATA, 0x41);
    g_assert_cmphex(in(q, LSR) & (LSR_DR | LSR_TEMT), ==, LSR_DR | LSR_TEMT);
    g_assert_cmphex(in(q, DATA), ==, 0x41);
    g_assert_cmphex(in(q, LSR) & LSR_DR, ==, 0);
    qtest_end(q);
}

static void test_received_byte_interrupts(void)
{
    struct qtest *q = start();

    out(q, MCR, MCR_LOOP);
    out(q, IER, IER_RDA);
    out(q, DATA, 0x41);
    g_assert_true(qtest_irq(q, COM1_IRQ));
    g_assert_cmphex(in(q, IIR) & 0x0f, ==, 0x04);
    in(q, DATA);
    g_assert_false(qtest_irq(q, COM1_IRQ));
    g_assert_cmphex(in(q, IIR) & 0x0f, ==, 0x01);
    qtest_end(q);
}

static void test_empty_transmitter_interrupts_until_it_is_told(void)
{
    struct qtest *q = start();

    out(q, IER, IER_THRE);
    g_assert_true(qtest_irq(q, COM1_IRQ));
    g_assert_cmphex(in(q, IIR) & 0x0f, ==, 0x02);
    g_assert_false(qtest_irq(q, COM1_IRQ));
    out(q, DATA, 'x');
    g_assert_true(qtest_irq(q, COM1_IRQ));
    qtest_end(q);
}

static void test_looped_modem_lines(void)
{
    struct qtest *q = start();

    out(q, MCR, MCR_LOOP);
    g_assert_cmphex(in(q, MSR) & 0xf0, ==, 0x00);
    out(q, MCR, MCR_LOOP | 0x01);
    g_assert_cmphex(in(q, MSR) & 0xf0, ==, 0x20); /* DTR is DSR */
    out(q, MCR, MCR_LOOP | 0x02);
    g_assert_cmphex(in(q, MSR) & 0xf0, ==, 0x10); /* RTS is CTS */
    out(q, MCR, MCR_LOOP | 0x0f);
    g_assert_cmphex(in(q, MSR) & 0xf0, ==, 0xf0);
    qtest_end(q);
}

static void test_fifo_tells_its_level_or_a_timeout(void)
{
    struct qtest *q = start();

    out(q, IIR, 0x87); /* trigger at eight bytes */
    out(q, MCR, MCR_LOOP);
    out(q, IER, IER_RDA);
    for (unsigned i = 0; i < 7; i++) {
        out(q, DATA, (uint8_t)i);
    }
    g_assert_false(qtest_irq(q, COM1_IRQ));
    qtest_clock_step(q, 100 * NS_PER_MS); /* four characters' time at any usual speed */
    g_assert_true(qtest_irq(q, COM1_IRQ));
    g_assert_cmphex(in(q, IIR) & 0xcf, ==, 0xcc);
    for (unsigned i = 0; i < 7; i++) {
        g_assert_cmphex(in(q, DATA), ==, i);
    }
    g_assert_cmphex(in(q, LSR) & LSR_DR, ==, 0);
    qtest_end(q);
}

static void test_output_reaches_a_file(void)
{
    static const char text[] = "serial port\n";
    char *path = qtest_temp_file(NULL, 0);
    struct qtest *q = qtest_start("-serial null -serial file:%s", path);
    g_autofree char *written = NULL;

    for (const char *p = text; *p; p++) {
        g_assert_cmphex(qtest_inb(q, COM2 + LSR) & LSR_THRE, ==, LSR_THRE);
        qtest_outb(q, COM2, (uint8_t)*p);
    }
    qtest_end(q);
    g_assert_true(g_file_get_contents(path, &written, NULL, NULL));
    g_assert_cmpstr(written, ==, text);
    qtest_temp_free(path);
}

static void test_second_port_has_its_own_line(void)
{
    struct qtest *q = qtest_start("-serial null -serial null");

    qtest_watch_irqs(q, "isa-i8259");
    qtest_outb(q, COM2 + IER, IER_THRE);
    g_assert_true(qtest_irq(q, COM2_IRQ));
    g_assert_false(qtest_irq(q, COM1_IRQ));
    qtest_end(q);
}

static void test_absent_port_reads_as_ones(void)
{
    struct qtest *q = qtest_start("-S");

    g_assert_cmphex(in(q, LSR), ==, 0xff);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ns16550/divisor-is-behind-dlab", test_divisor_is_behind_dlab);
    g_test_add_func("/ns16550/loopback-gives-the-byte-back", test_loopback_gives_the_byte_back);
    g_test_add_func("/ns16550/received-byte-interrupts", test_received_byte_interrupts);
    g_test_add_func("/ns16550/empty-transmitter-interrupts-until-it-is-told",
                    test_empty_transmitter_interrupts_until_it_is_told);
    g_test_add_func("/ns16550/looped-modem-lines", test_looped_modem_lines);
    g_test_add_func("/ns16550/fifo-tells-its-level-or-a-timeout",
                    test_fifo_tells_its_level_or_a_timeout);
    g_test_add_func("/ns16550/output-reaches-a-file", test_output_reaches_a_file);
    g_test_add_func("/ns16550/second-port-has-its-own-line", test_second_port_has_its_own_line);
    g_test_add_func("/ns16550/absent-port-reads-as-ones", test_absent_port_reads_as_ones);
    return g_test_run();
}
