/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port 0x92: A20 and the fast reset.
 */
#include "hw/misc/port92.h"

#include "tests/unit/hw/bare_machine.h"

struct fixture {
    struct bare box;
    struct line a20;
    unsigned resets;
};

static void count_reset(struct machine *m, enum machine_cause cause)
{
    struct fixture *f = m->life_data;

    g_assert_cmpint(cause, ==, CAUSE_GUEST_RESET);
    f->resets++;
}

static const struct machine_life life = {.request_reset = count_reset};

static void setup(struct fixture *f, gconstpointer data)
{
    struct device *dev;

    (void)data;
    bare_init(&f->box);
    f->box.m->life = &life;
    f->box.m->life_data = f;
    dev = isa_create(&f->box.isa, "port92", NULL, NULL);
    g_assert_nonnull(dev);
    port92_connect_a20(dev, line_init(&f->a20));
    device_reset(dev);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_fini(&f->box);
}

static void test_a20_passes_after_reset_and_follows(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmpint(f->a20.level, ==, 1);
    g_assert_cmphex(bare_inb(&f->box, 0x92), ==, 0x02);
    bare_outb(&f->box, 0x92, 0x00);
    g_assert_cmpint(f->a20.level, ==, 0);
    bare_outb(&f->box, 0x92, 0x02);
    g_assert_cmpint(f->a20.level, ==, 1);
}

static void test_same_value_drives_the_line_again(struct fixture *f, gconstpointer data)
{
    (void)data;
    irq_set(&f->a20.irq, 0); /* the keyboard controller has closed the gate */
    bare_outb(&f->box, 0x92, 0x02);
    g_assert_cmpint(f->a20.level, ==, 1);
}

static void test_rising_bit_0_resets_once(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_outb(&f->box, 0x92, 0x03);
    g_assert_cmpuint(f->resets, ==, 1);
    bare_outb(&f->box, 0x92, 0x03);
    g_assert_cmpuint(f->resets, ==, 1);
}

#define ADD(name) g_test_add("/port92/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(a20_passes_after_reset_and_follows);
    ADD(same_value_drives_the_line_again);
    ADD(rising_bit_0_resets_once);
    return g_test_run();
}
