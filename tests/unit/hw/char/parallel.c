/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parallel port: printing, the acknowledge interrupt, EPP without a peer.
 */
#include "chardev/chardev.h"
#include "tests/unit/hw/bare_machine.h"

#include <glib/gstdio.h>

enum { DATA = 0x378, STATUS, CONTROL, EPP_ADDR };
enum { STROBE = 0x01, INIT = 0x04, SELECT = 0x08, IRQ_ON = 0x10, INPUT = 0x20 };

struct fixture {
    struct bare box;
    struct line irq;
    struct chardevs *chardevs;
    char *path;
};

static void setup(struct fixture *f, gconstpointer data)
{
    g_autofree char *options = NULL;
    int fd;

    (void)data;
    bare_init(&f->box);
    f->box.isa.irqs[7] = line_init(&f->irq);
    f->path = g_build_filename(g_get_tmp_dir(), "vitro-lpt-XXXXXX", NULL);
    fd = g_mkstemp(f->path);
    g_assert_cmpint(fd, >=, 0);
    g_close(fd, NULL);
    f->chardevs = f->box.m->chardevs = chardevs_new(NULL);
    options = g_strdup_printf("file,id=paper,path=%s", f->path);
    g_assert_nonnull(chardev_new(f->chardevs, options, NULL));
    g_assert_nonnull(isa_create(&f->box.isa, "isa-parallel", NULL, "chardev", "paper", NULL));
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_fini(&f->box);
    chardevs_free(f->chardevs);
    g_unlink(f->path);
    g_free(f->path);
}

static void out(struct fixture *f, uint16_t port, uint8_t val)
{
    bare_outb(&f->box, port, val);
}

static void test_strobe_prints_a_byte(struct fixture *f, gconstpointer data)
{
    g_autofree char *text = NULL;

    (void)data;
    for (const char *p = "page"; *p; p++) {
        out(f, DATA, (uint8_t)*p);
        out(f, CONTROL, INIT | SELECT | STROBE);
        out(f, CONTROL, INIT | SELECT);
    }
    g_assert_true(g_file_get_contents(f->path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "page");
}

static void test_acknowledge_interrupts_until_status_is_read(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(bare_inb(&f->box, STATUS), ==, 0xde);
    out(f, DATA, 'x');
    out(f, CONTROL, INIT | SELECT | IRQ_ON | STROBE);
    g_assert_cmpint(f->irq.level, ==, 1);
    g_assert_cmphex(bare_inb(&f->box, STATUS), ==, 0xda);
    g_assert_cmpint(f->irq.level, ==, 0);
    g_assert_cmphex(bare_inb(&f->box, STATUS), ==, 0xde);
}

static void test_input_direction_reads_an_open_bus(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, DATA, 0x55);
    g_assert_cmphex(bare_inb(&f->box, DATA), ==, 0x55);
    out(f, CONTROL, INIT | SELECT | INPUT);
    g_assert_cmphex(bare_inb(&f->box, DATA), ==, 0xff);
}

static void test_epp_times_out(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(bare_inb(&f->box, EPP_ADDR), ==, 0xff);
    g_assert_cmphex(bare_inb(&f->box, STATUS) & 1, ==, 1);
    out(f, STATUS, 1);
    g_assert_cmphex(bare_inb(&f->box, STATUS) & 1, ==, 0);
}

#define ADD(name) g_test_add("/parallel/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(strobe_prints_a_byte);
    ADD(acknowledge_interrupts_until_status_is_read);
    ADD(input_direction_reads_an_open_bus);
    ADD(epp_times_out);
    return g_test_run();
}
