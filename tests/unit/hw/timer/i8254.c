/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8254: counts and outputs of all modes, the way channel 0 interrupts, and port 0x61.
 */
#include "hw/timer/i8254.h"
#include "hw/audio/pcspk.h"

#include "tests/unit/hw/bare_machine.h"
#include <string.h>

#define CONTROL 0x43
#define PORT61  0x61
#define MS      NS_PER_MS

struct fixture {
    struct bare b;
    struct line out0;
    struct i8254 *pit;
};

static void make_pit(struct fixture *f)
{
    f->pit = i8254_create(&f->b.isa, line_init(&f->out0), NULL);
    g_assert_nonnull(f->pit);
    g_assert_nonnull(pcspk_create(&f->b.isa, f->pit, NULL));
}

static void setup(struct fixture *f, gconstpointer data)
{
    bare_init(&f->b);
    if (data) {
        bare_global(&f->b, "isa-pit", "lost_tick_policy", data);
    }
    make_pit(f);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_fini(&f->b);
}

/* Control word for both bytes of a count, then the count. */
static void program(struct fixture *f, unsigned channel, unsigned mode, unsigned raw)
{
    bare_outb(&f->b, CONTROL, (uint8_t)(channel << 6 | 0x30 | mode << 1));
    bare_outb(&f->b, (uint16_t)(0x40 + channel), (uint8_t)raw);
    bare_outb(&f->b, (uint16_t)(0x40 + channel), (uint8_t)(raw >> 8));
}

static unsigned read_count(struct fixture *f, unsigned channel)
{
    unsigned low;

    bare_outb(&f->b, CONTROL, (uint8_t)(channel << 6)); /* latch */
    low = bare_inb(&f->b, (uint16_t)(0x40 + channel));
    return low | (unsigned)bare_inb(&f->b, (uint16_t)(0x40 + channel)) << 8;
}

/* To the moment when @ticks input clocks have gone by since time zero. */
static void to_tick(struct fixture *f, uint64_t ticks)
{
    clock_step_to(&f->b.m->clock_virtual,
                  (int64_t)((ticks * NS_PER_SEC + I8254_HZ - 1) / I8254_HZ));
    g_assert_cmpuint(i8254_ticks(f->b.m), ==, ticks);
}

/* The outputs of channel 2 at the next @n clocks, as "HHL...". */
static char *outputs(struct fixture *f, unsigned n)
{
    GString *s = g_string_new(NULL);
    uint64_t start = i8254_ticks(f->b.m);

    for (unsigned i = 0; i < n; i++) {
        to_tick(f, start + i);
        g_string_append_c(s, bare_inb(&f->b, PORT61) & 0x20 ? 'H' : 'L');
    }
    return g_string_free(s, FALSE);
}

static void assert_outputs(struct fixture *f, const char *expected)
{
    g_autofree char *seen = outputs(f, (unsigned)strlen(expected));

    g_assert_cmpstr(seen, ==, expected);
}

static void test_mode0_rises_once(struct fixture *f, gconstpointer data)
{
    unsigned before = f->out0.rises;

    (void)data;
    program(f, 0, 0, 1000);
    g_assert_cmpint(f->out0.level, ==, 0);
    to_tick(f, 999);
    g_assert_cmpint(f->out0.level, ==, 0);
    g_assert_cmpuint(read_count(f, 0), ==, 1);
    to_tick(f, 1000);
    g_assert_cmpint(f->out0.level, ==, 1);
    to_tick(f, 200000);
    g_assert_cmpuint(f->out0.rises - before, ==, 1);
    g_assert_cmpuint(read_count(f, 0), ==, (1000 - 200000) & 0xffff); /* it counts on */
}

static void test_mode2_interrupts_periodically(struct fixture *f, gconstpointer data)
{
    unsigned before;

    (void)data;
    program(f, 0, 2, 1193);
    before = f->out0.rises;
    to_tick(f, 1193 * 10 - 1);
    g_assert_cmpuint(f->out0.rises - before, ==, 9);
    to_tick(f, 1193 * 10);
    g_assert_cmpuint(f->out0.rises - before, ==, 10);
    to_tick(f, 1193 * 10 + 93);
    g_assert_cmpuint(read_count(f, 0), ==, 1100);
}

static void test_mode2_takes_new_count_at_its_end(struct fixture *f, gconstpointer data)
{
    unsigned before;

    (void)data;
    program(f, 0, 2, 1000);
    before = f->out0.rises;
    to_tick(f, 400);
    bare_outb(&f->b, 0x40, 2000 & 0xff);
    bare_outb(&f->b, 0x40, 2000 >> 8);
    g_assert_cmpuint(read_count(f, 0), ==, 600);
    to_tick(f, 1000);
    g_assert_cmpuint(f->out0.rises - before, ==, 1);
    to_tick(f, 2999);
    g_assert_cmpuint(f->out0.rises - before, ==, 1);
    to_tick(f, 3000);
    g_assert_cmpuint(f->out0.rises - before, ==, 2);
}

static void test_outputs_of_ungated_modes(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_outb(&f->b, PORT61, 1);
    program(f, 2, 0, 3);
    assert_outputs(f, "LLLHHH");
    program(f, 2, 2, 3);
    assert_outputs(f, "HHLHHLHH");
    program(f, 2, 3, 4);
    assert_outputs(f, "HHLLHHLL");
    program(f, 2, 3, 5);
    assert_outputs(f, "HHHLLHHHLL");
    program(f, 2, 4, 3);
    assert_outputs(f, "HHHLHHHH");
}

static void test_outputs_of_triggered_modes(struct fixture *f, gconstpointer data)
{
    (void)data;
    program(f, 2, 1, 3);
    assert_outputs(f, "HHHHH");
    bare_outb(&f->b, PORT61, 1);
    assert_outputs(f, "LLLHHH");
    bare_outb(&f->b, PORT61, 0);
    assert_outputs(f, "HH");
    bare_outb(&f->b, PORT61, 1);
    assert_outputs(f, "LL");
    bare_outb(&f->b, PORT61, 0); /* the pulse goes on, and can be begun again */
    bare_outb(&f->b, PORT61, 1);
    assert_outputs(f, "LLLH");
    bare_outb(&f->b, PORT61, 0);
    program(f, 2, 5, 2);
    assert_outputs(f, "HHHH");
    bare_outb(&f->b, PORT61, 1);
    assert_outputs(f, "HHLHHH");
}

static void test_gate_holds_the_count(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_outb(&f->b, PORT61, 1);
    program(f, 2, 0, 100);
    to_tick(f, 30);
    bare_outb(&f->b, PORT61, 0);
    to_tick(f, 500);
    g_assert_cmpuint(read_count(f, 2), ==, 70);
    bare_outb(&f->b, PORT61, 1);
    to_tick(f, 510);
    g_assert_cmpuint(read_count(f, 2), ==, 60);
}

static void test_bcd_counts_in_decimal(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_outb(&f->b, CONTROL, 0x35); /* channel 0, both bytes, mode 2, BCD */
    bare_outb(&f->b, 0x40, 0x00);
    bare_outb(&f->b, 0x40, 0x10);
    to_tick(f, 1);
    g_assert_cmphex(read_count(f, 0), ==, 0x0999);
    to_tick(f, 1000);
    g_assert_cmphex(read_count(f, 0), ==, 0x1000);
}

static void test_latch_stands_still(struct fixture *f, gconstpointer data)
{
    (void)data;
    program(f, 0, 2, 0x1234);
    to_tick(f, 0x34);
    bare_outb(&f->b, CONTROL, 0x00);
    to_tick(f, 0x100);
    bare_outb(&f->b, CONTROL, 0x00); /* ignored: the first has not been read */
    g_assert_cmphex(bare_inb(&f->b, 0x40), ==, 0x00);
    g_assert_cmphex(bare_inb(&f->b, 0x40), ==, 0x12);
    g_assert_cmphex(read_count(f, 0), ==, 0x1134);
}

static void test_read_back_status_then_count(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_outb(&f->b, CONTROL, 0x34);
    bare_outb(&f->b, CONTROL, 0xe2);                                /* status of channel 0 */
    g_assert_cmphex(bare_inb(&f->b, 0x40), ==, 0x80 | 0x40 | 0x34); /* null count */
    bare_outb(&f->b, 0x40, 0x10);
    bare_outb(&f->b, 0x40, 0x00);
    to_tick(f, 5);
    bare_outb(&f->b, CONTROL, 0xc2); /* both */
    to_tick(f, 8);
    g_assert_cmphex(bare_inb(&f->b, 0x40), ==, 0x80 | 0x34);
    g_assert_cmphex(bare_inb(&f->b, 0x40), ==, 0x0b);
    g_assert_cmphex(bare_inb(&f->b, 0x40), ==, 0x00);
}

/* The host stands still for ten periods. */
static unsigned rises_after_stall(struct fixture *f)
{
    struct clock *c = &f->b.m->clock_virtual;
    unsigned before;

    program(f, 0, 2, 1193);
    before = f->out0.rises;
    clock_set_ns(c, 10 * MS);
    bare_step(&f->b, 0);
    g_assert_cmpuint(f->out0.rises - before, ==, 1);
    bare_step(&f->b, 1 * MS);
    g_assert_cmpuint(f->out0.rises - before, <=, 4); /* not all of them at once */
    bare_step(&f->b, 29 * MS);
    return f->out0.rises - before;
}

static void test_lost_ticks_are_delivered_late(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmpuint(rises_after_stall(f), ==, 40);
}

static void test_lost_ticks_are_discarded(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmpuint(rises_after_stall(f), ==, 31);
}

static void test_tiny_period_is_no_storm(struct fixture *f, gconstpointer data)
{
    unsigned before;

    (void)data;
    program(f, 0, 2, 2);
    before = f->out0.rises;
    bare_step(&f->b, 10 * MS);
    g_assert_cmpuint(f->out0.rises - before, >, 100);
    g_assert_cmpuint(f->out0.rises - before, <=, 201);
}

static void test_port61_refresh_bit_toggles(struct fixture *f, gconstpointer data)
{
    unsigned toggles = 0;
    uint8_t last = bare_inb(&f->b, PORT61) & 0x10;

    (void)data;
    for (unsigned i = 0; i < 100; i++) {
        uint8_t now;

        bare_step(&f->b, 15085);
        now = bare_inb(&f->b, PORT61) & 0x10;
        toggles += now != last;
        last = now;
    }
    g_assert_cmpuint(toggles, >=, 98);
    bare_outb(&f->b, PORT61, 0xff);
    g_assert_cmphex(bare_inb(&f->b, PORT61) & 0xcf, ==, 0x0f);
}

static void test_state_survives_saving(struct fixture *f, gconstpointer data)
{
    unsigned before;

    (void)data;
    program(f, 0, 2, 1000);
    to_tick(f, 500);
    bare_reload((struct device *)(void *)f->pit);
    before = f->out0.rises;
    g_assert_cmpuint(read_count(f, 0), ==, 500);
    to_tick(f, 999);
    g_assert_cmpuint(f->out0.rises, ==, before);
    to_tick(f, 1000);
    g_assert_cmpuint(f->out0.rises, ==, before + 1);
}

#define ADD_WITH(name, data)                                                                       \
    g_test_add("/" #name, struct fixture, data, setup, test_##name, teardown)
#define ADD(name) ADD_WITH(name, NULL)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(mode0_rises_once);
    ADD(mode2_interrupts_periodically);
    ADD(mode2_takes_new_count_at_its_end);
    ADD(outputs_of_ungated_modes);
    ADD(outputs_of_triggered_modes);
    ADD(gate_holds_the_count);
    ADD(bcd_counts_in_decimal);
    ADD(latch_stands_still);
    ADD(read_back_status_then_count);
    ADD(lost_ticks_are_delivered_late);
    ADD_WITH(lost_ticks_are_discarded, "discard");
    ADD(tiny_period_is_no_storm);
    ADD(port61_refresh_bit_toggles);
    ADD(state_survives_saving);
    return g_test_run();
}
