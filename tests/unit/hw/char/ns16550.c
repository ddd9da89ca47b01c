/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 16550A: interrupts, FIFOs, loopback, what a back-end gets and gives.
 */
#include "hw/char/ns16550.h"

#include "tests/unit/hw/bare_machine.h"
#include <glib/gstdio.h>
#include <string.h>

enum { PORT = 0x3f8, DATA = PORT, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };
enum { IRQ = 4 }; /* the second port has 3 */

/* The chip on the bus without a name for the back-end: tests play the back-end themselves. */
struct bare_uart {
    struct isa_device isa;
    struct ns16550 uart;
};

static struct bare_uart *bare_of(struct device *dev)
{
    return container_of(dev, struct bare_uart, isa.dev);
}

static bool bare_realize(struct device *dev, GError **error)
{
    struct bare_uart *b = bare_of(dev);
    struct irq *irq = isa_irq(&b->isa, IRQ, error);

    return irq && ns16550_init(&b->uart, dev, irq, "bare-uart", error) &&
           isa_map_io(&b->isa, PORT, &b->uart.region, error);
}

static void bare_unrealize(struct device *dev)
{
    ns16550_fini(&bare_of(dev)->uart);
}

static void bare_reset(struct device *dev)
{
    ns16550_reset(&bare_of(dev)->uart);
}

static const struct device_type bare_type = {
    .name = "test-bare-uart",
    .description = "for tests",
    .bus = BUS_ISA,
    .size = sizeof(struct bare_uart),
    .state = &state_none,
    .realize = bare_realize,
    .unrealize = bare_unrealize,
    .reset = bare_reset,
};
DEVICE_TYPE(bare_type);

struct fixture {
    struct bare box;
    struct line irq, other_irq;
    struct ns16550 *uart;
    struct chardevs *chardevs;
};

static void setup(struct fixture *f, gconstpointer data)
{
    struct device *dev;

    (void)data;
    bare_init(&f->box);
    f->chardevs = f->box.m->chardevs = chardevs_new(NULL);
    f->box.isa.irqs[IRQ] = line_init(&f->irq);
    f->box.isa.irqs[3] = line_init(&f->other_irq);
    dev = isa_create(&f->box.isa, "test-bare-uart", NULL, NULL);
    g_assert_nonnull(dev);
    f->uart = &bare_of(dev)->uart;
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_fini(&f->box);
    chardevs_free(f->chardevs);
}

static uint8_t in(struct fixture *f, uint16_t port)
{
    return bare_inb(&f->box, port);
}

static void out(struct fixture *f, uint16_t port, uint8_t val)
{
    bare_outb(&f->box, port, val);
}

static void receive(struct fixture *f, const char *text)
{
    f->uart->fe.receive(f->uart->fe.opaque, (const uint8_t *)text, strlen(text));
}

static void test_reset_values(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(in(f, IIR), ==, 0x01);
    g_assert_cmphex(in(f, LSR), ==, 0x60);
    g_assert_cmphex(in(f, MSR), ==, 0xb0);
    g_assert_cmpint(f->irq.level, ==, 0);
    out(f, SCR, 0x5a);
    g_assert_cmphex(in(f, SCR), ==, 0x5a);
}

static void test_divisor_is_behind_dlab(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, LCR, 0x83);
    out(f, DATA, 0x34);
    out(f, IER, 0x12);
    g_assert_cmphex(in(f, DATA), ==, 0x34);
    g_assert_cmphex(in(f, IER), ==, 0x12);
    out(f, LCR, 0x03);
    g_assert_cmphex(in(f, IER), ==, 0x00);
    g_assert_cmphex(f->uart->divisor, ==, 0x1234);
}

static void test_thre_interrupts_when_enabled_and_reading_iir_ends_it(struct fixture *f,
                                                                      gconstpointer data)
{
    (void)data;
    out(f, IER, 0x02);
    g_assert_cmpint(f->irq.level, ==, 1);
    g_assert_cmphex(in(f, IIR), ==, 0x02);
    g_assert_cmpint(f->irq.level, ==, 0);
    g_assert_cmphex(in(f, IIR), ==, 0x01);
    out(f, DATA, 'x'); /* goes at once: empty again */
    g_assert_cmphex(in(f, IIR), ==, 0x02);
}

static void test_received_byte_interrupts_until_read(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, IER, 0x01);
    receive(f, "A");
    g_assert_cmpint(f->irq.level, ==, 1);
    g_assert_cmphex(in(f, IIR), ==, 0x04);
    g_assert_cmphex(in(f, LSR), ==, 0x61);
    g_assert_cmpuint(f->uart->fe.can_receive(f->uart->fe.opaque), ==, 0);
    g_assert_cmphex(in(f, DATA), ==, 'A');
    g_assert_cmpint(f->irq.level, ==, 0);
    g_assert_cmpuint(f->uart->fe.can_receive(f->uart->fe.opaque), ==, 1);
}

static void test_fifo_interrupts_at_its_trigger_level(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, FCR, 0x41); /* FIFOs on, four bytes */
    out(f, IER, 0x01);
    receive(f, "abc");
    g_assert_cmphex(in(f, IIR), ==, 0xc1);
    receive(f, "d");
    g_assert_cmphex(in(f, IIR), ==, 0xc4);
    g_assert_cmphex(in(f, DATA), ==, 'a');
    g_assert_cmphex(in(f, IIR), ==, 0xc1);
    g_assert_cmpuint(f->uart->fe.can_receive(f->uart->fe.opaque), ==, 13);
}

static void test_fifo_times_out_after_four_characters(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, LCR, 0x03); /* ten bits per character at 9600 baud: 1.04 ms */
    out(f, FCR, 0xc1);
    out(f, IER, 0x01);
    receive(f, "ab");
    bare_step(&f->box, 4 * NS_PER_MS);
    g_assert_cmphex(in(f, IIR), ==, 0xc1);
    bare_step(&f->box, 1 * NS_PER_MS);
    g_assert_cmphex(in(f, IIR), ==, 0xcc);
    g_assert_cmpint(f->irq.level, ==, 1);
    g_assert_cmphex(in(f, DATA), ==, 'a');
    g_assert_cmphex(in(f, IIR), ==, 0xc1);
}

static void test_loopback_returns_bytes_and_lines(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, MCR, 0x10 | 0x05); /* loop, DTR, OUT1: DSR and RI */
    g_assert_cmphex(in(f, MSR) & 0xf0, ==, 0x60);
    g_assert_cmphex(in(f, MSR) & 0x0f, ==, 0x00); /* reading has cleared the changes */
    out(f, MCR, 0x10);
    g_assert_cmphex(in(f, MSR), ==, 0x06); /* DSR changed, RI ended */
    out(f, DATA, 0x77);
    g_assert_cmphex(in(f, LSR), ==, 0x61);
    g_assert_cmphex(in(f, DATA), ==, 0x77);
    g_assert_cmpuint(f->uart->fe.can_receive(f->uart->fe.opaque), ==, 0);
}

static void test_overrun_is_a_line_status_interrupt(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, IER, 0x04);
    out(f, MCR, 0x10);
    out(f, DATA, 1);
    out(f, DATA, 2);
    g_assert_cmphex(in(f, IIR), ==, 0x06);
    g_assert_cmphex(in(f, LSR), ==, 0x63);
    g_assert_cmphex(in(f, LSR), ==, 0x61);
    g_assert_cmphex(in(f, DATA), ==, 2);
}

static void test_break_is_a_zero_with_an_error(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->uart->fe.event(f->uart->fe.opaque, CHARDEV_BREAK);
    g_assert_cmphex(in(f, LSR), ==, 0x71);
    g_assert_cmphex(in(f, DATA), ==, 0);
    g_assert_cmphex(in(f, LSR), ==, 0x60);
}

static void test_output_reaches_the_backend(struct fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "vitro-uart-XXXXXX", NULL);
    g_autofree char *options = NULL, *text = NULL;
    int fd = g_mkstemp(path);

    (void)data;
    g_assert_cmpint(fd, >=, 0);
    g_close(fd, NULL);
    options = g_strdup_printf("file,id=c0,path=%s", path);
    g_assert_nonnull(chardev_new(f->chardevs, options, NULL));
    g_assert_nonnull(
        isa_create(&f->box.isa, "isa-serial", NULL, "index", "1", "chardev", "c0", NULL));
    for (const char *p = "hello"; *p; p++) {
        bare_outb(&f->box, 0x2f8, (uint8_t)*p);
    }
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "hello");
    g_unlink(path);
}

static void test_state_survives_saving(struct fixture *f, gconstpointer data)
{
    struct device *dev = isa_create(&f->box.isa, "isa-serial", NULL, "index", "1", NULL);

    (void)data;
    g_assert_nonnull(dev);
    out(f, 0x2fa, 0x81); /* FIFOs, eight bytes */
    out(f, 0x2f9, 0x01);
    out(f, 0x2fc, 0x10);
    out(f, 0x2f8, 'a');
    out(f, 0x2f8, 'b');
    bare_reload(dev);
    g_assert_cmphex(in(f, 0x2fa), ==, 0xc1);
    bare_step(&f->box, NS_PER_SEC);
    g_assert_cmphex(in(f, 0x2fa), ==, 0xcc); /* the time-out was saved too */
    g_assert_cmphex(in(f, 0x2f8), ==, 'a');
    g_assert_cmphex(in(f, 0x2f8), ==, 'b');
}

static void test_unknown_chardev_is_named(struct fixture *f, gconstpointer data)
{
    g_autoptr(GError) err = NULL;

    (void)data;
    g_assert_null(isa_create(&f->box.isa, "isa-serial", &err, "chardev", "nosuch", NULL));
    g_assert_nonnull(strstr(err->message, "nosuch"));
}

#define ADD(name) g_test_add("/ns16550/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(reset_values);
    ADD(divisor_is_behind_dlab);
    ADD(thre_interrupts_when_enabled_and_reading_iir_ends_it);
    ADD(received_byte_interrupts_until_read);
    ADD(fifo_interrupts_at_its_trigger_level);
    ADD(fifo_times_out_after_four_characters);
    ADD(loopback_returns_bytes_and_lines);
    ADD(overrun_is_a_line_status_interrupt);
    ADD(break_is_a_zero_with_an_error);
    ADD(output_reaches_the_backend);
    ADD(state_survives_saving);
    ADD(unknown_chardev_is_named);
    return g_test_run();
}
