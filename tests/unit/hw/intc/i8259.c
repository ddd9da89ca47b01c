/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8259A pair: priorities, ends of interrupts, modes, spurious vectors.
 */
#include "hw/intc/i8259.h"

#include "tests/unit/hw/bare_machine.h"

#define MASTER   0x20
#define SLAVE    0xa0
#define EOI      0x20
#define READ_IRR 0x0a
#define READ_ISR 0x0b

struct fixture {
    struct bare b;
    struct line intr;
    struct i8259 *pic;
};

/* Vectors 0x30 to 0x3f, nothing masked; @icw4 for both chips. */
static void initialize(struct fixture *f, uint8_t icw4)
{
    bare_outb(&f->b, MASTER, 0x11);
    bare_outb(&f->b, MASTER + 1, 0x30);
    bare_outb(&f->b, MASTER + 1, 0x04);
    bare_outb(&f->b, MASTER + 1, icw4);
    bare_outb(&f->b, SLAVE, 0x11);
    bare_outb(&f->b, SLAVE + 1, 0x38);
    bare_outb(&f->b, SLAVE + 1, 0x02);
    bare_outb(&f->b, SLAVE + 1, icw4);
    bare_outb(&f->b, MASTER + 1, 0);
    bare_outb(&f->b, SLAVE + 1, 0);
}

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_init(&f->b);
    f->pic = i8259_create(&f->b.isa, line_init(&f->intr), NULL);
    g_assert_nonnull(f->pic);
    initialize(f, 0x01);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_fini(&f->b);
}

static void set(struct fixture *f, unsigned n, int level)
{
    irq_set(i8259_input(f->pic, n), level);
}

static uint8_t read_reg(struct fixture *f, uint16_t chip, uint8_t which)
{
    bare_outb(&f->b, chip, which);
    return bare_inb(&f->b, chip);
}

static void test_silent_until_initialized(struct fixture *f, gconstpointer data)
{
    (void)data;
    device_reset((struct device *)(void *)f->pic);
    set(f, 3, 1);
    g_assert_cmpint(f->intr.level, ==, 0);
    initialize(f, 0x01);
    g_assert_cmpint(f->intr.level, ==, 0); /* ICW1 forgets edges */
    set(f, 3, 0);
    set(f, 3, 1);
    g_assert_cmpint(f->intr.level, ==, 1);
}

static void test_lower_input_goes_first_and_nests(struct fixture *f, gconstpointer data)
{
    (void)data;
    set(f, 5, 1);
    set(f, 3, 1);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x33);
    g_assert_cmpint(f->intr.level, ==, 0); /* 5 waits behind 3 */
    set(f, 1, 1);
    g_assert_cmpint(f->intr.level, ==, 1);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x31);
    g_assert_cmphex(read_reg(f, MASTER, READ_ISR), ==, 0x0a);
    g_assert_cmphex(read_reg(f, MASTER, READ_IRR), ==, 0x20);
    bare_outb(&f->b, MASTER, EOI);
    g_assert_cmphex(read_reg(f, MASTER, READ_ISR), ==, 0x08);
    g_assert_cmpint(f->intr.level, ==, 0);
    bare_outb(&f->b, MASTER, EOI);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x35);
}

static void test_slave_is_served_through_cascade(struct fixture *f, gconstpointer data)
{
    (void)data;
    set(f, 10, 1);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x3a);
    g_assert_cmphex(read_reg(f, MASTER, READ_ISR), ==, 0x04);
    g_assert_cmphex(read_reg(f, SLAVE, READ_ISR), ==, 0x04);
    set(f, 12, 1);
    bare_outb(&f->b, SLAVE, EOI);
    g_assert_cmpint(f->intr.level, ==, 0); /* the master still has the cascade in service */
    bare_outb(&f->b, MASTER, EOI);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x3c);
}

static void test_withdrawn_edge_is_spurious(struct fixture *f, gconstpointer data)
{
    (void)data;
    set(f, 4, 1);
    set(f, 4, 0);
    g_assert_cmpint(f->intr.level, ==, 0);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x37);
    g_assert_cmphex(read_reg(f, MASTER, READ_ISR), ==, 0);
}

static void test_mask_holds_requests_back(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_outb(&f->b, MASTER + 1, 0x40);
    set(f, 6, 1);
    g_assert_cmpint(f->intr.level, ==, 0);
    g_assert_cmphex(bare_inb(&f->b, MASTER + 1), ==, 0x40);
    bare_outb(&f->b, MASTER + 1, 0);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x36);
}

static void test_rotation_puts_the_served_one_last(struct fixture *f, gconstpointer data)
{
    (void)data;
    set(f, 0, 1);
    i8259_acknowledge(f->pic);
    bare_outb(&f->b, MASTER, 0xa0); /* rotate on non-specific EOI */
    set(f, 0, 0);
    set(f, 0, 1);
    set(f, 6, 1);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x36);
    bare_outb(&f->b, MASTER, 0x66); /* specific EOI */
    bare_outb(&f->b, MASTER, 0xc3); /* 3 is the lowest, so 4 the highest */
    set(f, 4, 1);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x34);
}

static void test_special_mask_lets_lower_ones_through(struct fixture *f, gconstpointer data)
{
    (void)data;
    set(f, 1, 1);
    i8259_acknowledge(f->pic);
    set(f, 6, 1);
    g_assert_cmpint(f->intr.level, ==, 0);
    bare_outb(&f->b, MASTER + 1, 0x02);
    g_assert_cmpint(f->intr.level, ==, 0);
    bare_outb(&f->b, MASTER, 0x68);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x36);
    bare_outb(&f->b, MASTER, EOI); /* leaves the masked one in service */
    g_assert_cmphex(read_reg(f, MASTER, READ_ISR), ==, 0x02);
}

static void test_poll_acknowledges(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_outb(&f->b, MASTER, 0x0c);
    g_assert_cmphex(bare_inb(&f->b, MASTER) & 0x80, ==, 0);
    set(f, 6, 1);
    bare_outb(&f->b, MASTER, 0x0c);
    g_assert_cmphex(bare_inb(&f->b, MASTER), ==, 0x86);
    g_assert_cmphex(read_reg(f, MASTER, READ_ISR), ==, 0x40);
    g_assert_cmpint(f->intr.level, ==, 0);
}

static void test_auto_eoi_leaves_nothing_in_service(struct fixture *f, gconstpointer data)
{
    (void)data;
    initialize(f, 0x03);
    set(f, 3, 1);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x33);
    g_assert_cmphex(read_reg(f, MASTER, READ_ISR), ==, 0);
    bare_outb(&f->b, MASTER, 0x80); /* rotate in automatic EOI mode */
    set(f, 3, 0);
    set(f, 3, 1);
    i8259_acknowledge(f->pic);
    set(f, 3, 0);
    set(f, 3, 1);
    set(f, 5, 1);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x35); /* 3 has become the lowest */
}

static void test_level_input_asks_again(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_outb(&f->b, 0x4d0, 0xff);
    bare_outb(&f->b, 0x4d1, 0xff);
    g_assert_cmphex(bare_inb(&f->b, 0x4d0), ==, 0xf8); /* 0, 1 and 2 are edges for ever */
    g_assert_cmphex(bare_inb(&f->b, 0x4d1), ==, 0xde);
    set(f, 5, 1);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x35);
    bare_outb(&f->b, MASTER, EOI);
    g_assert_cmpint(f->intr.level, ==, 1);
    set(f, 5, 0);
    g_assert_cmpint(f->intr.level, ==, 0);
}

static void test_special_fully_nested_lets_the_slave_nest(struct fixture *f, gconstpointer data)
{
    (void)data;
    set(f, 12, 1);
    i8259_acknowledge(f->pic);
    set(f, 10, 1);
    g_assert_cmpint(f->intr.level, ==, 0);

    set(f, 10, 0);
    set(f, 12, 0);
    initialize(f, 0x11);
    set(f, 12, 1);
    i8259_acknowledge(f->pic);
    set(f, 10, 1);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x3a);
}

static void test_state_survives_saving(struct fixture *f, gconstpointer data)
{
    (void)data;
    set(f, 3, 1);
    i8259_acknowledge(f->pic);
    set(f, 12, 1);
    set(f, 1, 1);
    bare_reload((struct device *)(void *)f->pic);
    g_assert_cmpint(f->intr.level, ==, 1);
    g_assert_cmphex(read_reg(f, MASTER, READ_ISR), ==, 0x08);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x31);
    bare_outb(&f->b, MASTER, EOI);
    g_assert_cmphex(i8259_acknowledge(f->pic), ==, 0x3c);
}

#define ADD(name) g_test_add("/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(silent_until_initialized);
    ADD(lower_input_goes_first_and_nests);
    ADD(slave_is_served_through_cascade);
    ADD(withdrawn_edge_is_spurious);
    ADD(mask_holds_requests_back);
    ADD(rotation_puts_the_served_one_last);
    ADD(special_mask_lets_lower_ones_through);
    ADD(poll_acknowledges);
    ADD(auto_eoi_leaves_nothing_in_service);
    ADD(level_input_asks_again);
    ADD(special_fully_nested_lets_the_slave_nest);
    ADD(state_survives_saving);
    return g_test_run();
}
