/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real time clock: date arithmetic, update cycle, interrupts, formats, CMOS memory.
 *
 * It follows the virtual clock here. set_time() ends a divider reset, so that the next second
 * begins 500 ms later.
 */
#include "hw/timer/mc146818rtc.h"

#include "tests/unit/hw/bare_machine.h"

#define MS NS_PER_MS

enum { SEC = 0, MIN_ = 2, HOUR = 4, WDAY = 6, DAY = 7, MONTH = 8, YEAR = 9, CENTURY = 0x32 };

struct fixture {
    struct bare b;
    struct line irq, nmi_mask;
    struct mc146818 *rtc;
    unsigned changes; /* RTC_CHANGE events */
};

static void event(void *opaque, const char *name, const struct event_field *fields)
{
    struct fixture *f = opaque;

    g_assert_cmpstr(name, ==, "RTC_CHANGE");
    g_assert_cmpstr(fields[0].name, ==, "offset");
    f->changes++;
}

static void setup(struct fixture *f, gconstpointer data)
{
    bare_init(&f->b);
    f->b.m->rtc_clock = CLOCK_KIND_VIRTUAL;
    f->b.m->rtc_slew = data != NULL;
    event_subscribe(&f->b.m->events, event, f);
    line_init(&f->irq);
    line_init(&f->nmi_mask);
    f->rtc = mc146818_create(&f->b.isa, &f->irq.irq, &f->nmi_mask.irq, NULL);
    g_assert_nonnull(f->rtc);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    event_unsubscribe(&f->b.m->events, event, f);
    bare_fini(&f->b);
}

static uint8_t get(struct fixture *f, uint8_t reg)
{
    bare_outb(&f->b, 0x70, reg);
    return bare_inb(&f->b, 0x71);
}

static void put(struct fixture *f, uint8_t reg, uint8_t val)
{
    bare_outb(&f->b, 0x70, reg);
    bare_outb(&f->b, 0x71, val);
}

/* BCD, 24 hours. */
static void set_time(struct fixture *f, unsigned year, unsigned month_day, unsigned hour_min,
                     uint8_t sec)
{
    put(f, 0x0b, 0x82);
    put(f, 0x0a, 0x70);
    put(f, CENTURY, (uint8_t)(year >> 8));
    put(f, YEAR, (uint8_t)year);
    put(f, MONTH, (uint8_t)(month_day >> 8));
    put(f, DAY, (uint8_t)month_day);
    put(f, HOUR, (uint8_t)(hour_min >> 8));
    put(f, MIN_, (uint8_t)hour_min);
    put(f, SEC, sec);
    put(f, WDAY, 6);
    put(f, 0x0a, 0x26);
    put(f, 0x0b, 0x02);
    get(f, 0x0c);
}

static void test_year_ends(struct fixture *f, gconstpointer data)
{
    (void)data;
    set_time(f, 0x1999, 0x1231, 0x2359, 0x58); /* a Friday */
    g_assert_cmphex(get(f, SEC), ==, 0x58);
    bare_step(&f->b, 500 * MS);
    g_assert_cmphex(get(f, SEC), ==, 0x59);
    g_assert_cmphex(get(f, YEAR), ==, 0x99);
    g_assert_cmphex(get(f, WDAY), ==, 6);
    bare_step(&f->b, 1000 * MS);
    g_assert_cmphex(get(f, SEC), ==, 0);
    g_assert_cmphex(get(f, MIN_), ==, 0);
    g_assert_cmphex(get(f, HOUR), ==, 0);
    g_assert_cmphex(get(f, DAY), ==, 1);
    g_assert_cmphex(get(f, MONTH), ==, 1);
    g_assert_cmphex(get(f, YEAR), ==, 0);
    g_assert_cmphex(get(f, CENTURY), ==, 0x20);
    g_assert_cmphex(get(f, WDAY), ==, 7);
    g_assert_cmpint(mc146818_time(f->rtc), ==, 946684800);
}

static void test_leap_day(struct fixture *f, gconstpointer data)
{
    (void)data;
    set_time(f, 0x2024, 0x0228, 0x2359, 0x59);
    bare_step(&f->b, 500 * MS);
    g_assert_cmphex(get(f, DAY), ==, 0x29);
    set_time(f, 0x2023, 0x0228, 0x2359, 0x59);
    bare_step(&f->b, 500 * MS);
    g_assert_cmphex(get(f, DAY), ==, 0x01);
    g_assert_cmphex(get(f, MONTH), ==, 0x03);
}

static void test_far_future_and_nonsense_are_harmless(struct fixture *f, gconstpointer data)
{
    (void)data;
    set_time(f, 0x9999, 0x1231, 0x2359, 0x59);
    bare_step(&f->b, 2000 * MS);
    g_assert_cmphex(get(f, MONTH), ==, 0x01);
    set_time(f, 0xffff, 0xffff, 0xffff, 0xff);
    bare_step(&f->b, 2000 * MS);
    put(f, 1, 0x99); /* an alarm that never comes */
    put(f, 0x0b, 0x22);
    bare_step(&f->b, 2000 * MS);
    g_assert_cmpint(f->irq.level, ==, 0);
}

static void test_update_in_progress(struct fixture *f, gconstpointer data)
{
    (void)data;
    set_time(f, 0x2000, 0x0101, 0x0000, 0x00);
    bare_step(&f->b, 490 * MS);
    g_assert_cmphex(get(f, 0x0a), ==, 0x26);
    bare_step(&f->b, 9 * MS);
    g_assert_cmphex(get(f, 0x0a), ==, 0xa6);
    g_assert_cmphex(get(f, SEC), ==, 0);
    bare_step(&f->b, 1 * MS);
    g_assert_cmphex(get(f, 0x0a), ==, 0x26);
    g_assert_cmphex(get(f, SEC), ==, 1);
}

static void test_set_stops_the_clock(struct fixture *f, gconstpointer data)
{
    (void)data;
    set_time(f, 0x2000, 0x0101, 0x0000, 0x10);
    put(f, 0x0b, 0x82);
    bare_step(&f->b, 5000 * MS);
    g_assert_cmphex(get(f, SEC), ==, 0x10);
    g_assert_cmphex(get(f, 0x0a), ==, 0x26);
    put(f, 0x0b, 0x02);
    bare_step(&f->b, 500 * MS);
    g_assert_cmphex(get(f, SEC), ==, 0x11);
}

static void test_update_interrupt(struct fixture *f, gconstpointer data)
{
    (void)data;
    set_time(f, 0x2000, 0x0101, 0x0000, 0x00);
    put(f, 0x0b, 0x12);
    bare_step(&f->b, 499 * MS);
    g_assert_cmpint(f->irq.level, ==, 0);
    bare_step(&f->b, 1 * MS);
    g_assert_cmpint(f->irq.level, ==, 1);
    g_assert_cmphex(get(f, 0x0c) & 0xb0, ==, 0x90);
    g_assert_cmpint(f->irq.level, ==, 0);
    g_assert_cmphex(get(f, 0x0c) & 0xb0, ==, 0);
    bare_step(&f->b, 1000 * MS);
    g_assert_cmpint(f->irq.level, ==, 1);
}

static void test_update_flag_without_interrupt(struct fixture *f, gconstpointer data)
{
    (void)data;
    set_time(f, 0x2000, 0x0101, 0x0000, 0x00);
    bare_step(&f->b, 3000 * MS);
    g_assert_cmphex(get(f, 0x0c) & 0x90, ==, 0x10);
    g_assert_cmpint(f->irq.level, ==, 0);
}

static void test_alarm(struct fixture *f, gconstpointer data)
{
    (void)data;
    set_time(f, 0x2000, 0x0101, 0x1257, 0x30);
    put(f, 1, 0x15);
    put(f, 3, 0xff); /* any minute */
    put(f, 5, 0x13);
    put(f, 0x0b, 0x22);
    bare_step(&f->b, 164LL * 1000 * MS + 499 * MS);
    g_assert_cmpint(f->irq.level, ==, 0);
    bare_step(&f->b, 1 * MS);
    g_assert_cmphex(get(f, HOUR), ==, 0x13);
    g_assert_cmphex(get(f, SEC), ==, 0x15);
    g_assert_cmpint(f->irq.level, ==, 1);
    g_assert_cmphex(get(f, 0x0c) & 0xa0, ==, 0xa0);
    bare_step(&f->b, 60LL * 1000 * MS); /* the next minute */
    g_assert_cmpint(f->irq.level, ==, 1);
}

static void test_periodic_interrupt(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, 0x0a, 0x26); /* 1024 Hz */
    put(f, 0x0b, 0x42);
    get(f, 0x0c);
    for (unsigned i = 0; i < 1024; i++) {
        bare_step(&f->b, 976563);
        g_assert_cmpint(f->irq.level, ==, 1);
        g_assert_cmphex(get(f, 0x0c) & 0xc0, ==, 0xc0);
        g_assert_cmpint(f->irq.level, ==, 0);
    }
    put(f, 0x0b, 0x02);
    bare_step(&f->b, 10 * MS);
    g_assert_cmpint(f->irq.level, ==, 0);
}

/* A guest that is ten periods late, and then reads register C at once whenever asked to. */
static unsigned interrupts_after_pause(struct fixture *f)
{
    unsigned seen = 0;

    put(f, 0x0a, 0x26);
    put(f, 0x0b, 0x42);
    get(f, 0x0c);
    bare_step(&f->b, 10 * 976563);
    for (unsigned i = 0; i < 1000; i++) {
        if (f->irq.level) {
            seen++;
            get(f, 0x0c);
        }
        bare_step(&f->b, 20000);
    }
    return seen; /* 20 ms: 20 periods */
}

static void test_late_guest_loses_periods(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmpuint(interrupts_after_pause(f), ==, 21);
}

static void test_late_guest_gets_periods_with_slew(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmpuint(interrupts_after_pause(f), ==, 30);
}

static void test_formats(struct fixture *f, gconstpointer data)
{
    (void)data;
    set_time(f, 0x2009, 0x0302, 0x1345, 0x09);
    put(f, 0x0b, 0x00); /* BCD, 12 hours */
    g_assert_cmphex(get(f, HOUR), ==, 0x81);
    put(f, 0x0b, 0x04); /* binary */
    g_assert_cmphex(get(f, HOUR), ==, 0x81);
    g_assert_cmphex(get(f, MIN_), ==, 45);
    g_assert_cmphex(get(f, CENTURY), ==, 20);
    put(f, 0x0b, 0x00);
    put(f, HOUR, 0x12); /* midnight */
    put(f, 0x0b, 0x02);
    g_assert_cmphex(get(f, HOUR), ==, 0x00);
    put(f, HOUR, 0x12);
    put(f, 0x0b, 0x00);
    g_assert_cmphex(get(f, HOUR), ==, 0x92);
}

static void test_memory_survives_reset(struct fixture *f, gconstpointer data)
{
    (void)data;
    mc146818_set_cmos(f->rtc, 0x34, 0x5a);
    mc146818_set_cmos(f->rtc, 0xff, 0xa5);
    put(f, 0x0b, 0x72);
    device_reset((struct device *)(void *)f->rtc);
    g_assert_cmphex(get(f, 0x34), ==, 0x5a);
    g_assert_cmphex(get(f, 0x0b), ==, 0x02);
    g_assert_cmphex(get(f, 0x0d), ==, 0x80);
    bare_outb(&f->b, 0x72, 0x7f);
    g_assert_cmphex(bare_inb(&f->b, 0x73), ==, 0xa5);
    bare_outb(&f->b, 0x73, 0x11);
    g_assert_cmphex(mc146818_get_cmos(f->rtc, 0xff), ==, 0x11);
}

static void test_index_port_masks_nmi(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_outb(&f->b, 0x70, 0x8f);
    g_assert_cmpint(f->nmi_mask.level, ==, 1);
    bare_outb(&f->b, 0x70, 0x0f);
    g_assert_cmpint(f->nmi_mask.level, ==, 0);
}

static void test_setting_the_time_is_announced(struct fixture *f, gconstpointer data)
{
    (void)data;
    set_time(f, 0x2001, 0x0101, 0x0000, 0x00);
    g_assert_cmpuint(f->changes, ==, 1);
    put(f, 0x0b, 0x82); /* SET and back changes nothing */
    put(f, 0x0b, 0x02);
    g_assert_cmpuint(f->changes, ==, 1);
}

static void test_state_survives_saving(struct fixture *f, gconstpointer data)
{
    (void)data;
    set_time(f, 0x2000, 0x0101, 0x0000, 0x00);
    put(f, 0x0b, 0x12);
    bare_reload((struct device *)(void *)f->rtc);
    bare_step(&f->b, 500 * MS);
    g_assert_cmpint(f->irq.level, ==, 1);
    g_assert_cmphex(get(f, SEC), ==, 1);
}

#define ADD_WITH(name, data)                                                                       \
    g_test_add("/" #name, struct fixture, data, setup, test_##name, teardown)
#define ADD(name) ADD_WITH(name, NULL)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(year_ends);
    ADD(leap_day);
    ADD(far_future_and_nonsense_are_harmless);
    ADD(update_in_progress);
    ADD(set_stops_the_clock);
    ADD(update_interrupt);
    ADD(update_flag_without_interrupt);
    ADD(alarm);
    ADD(periodic_interrupt);
    ADD(late_guest_loses_periods);
    ADD_WITH(late_guest_gets_periods_with_slew, "slew");
    ADD(formats);
    ADD(memory_survives_reset);
    ADD(index_port_masks_nmi);
    ADD(setting_the_time_is_announced);
    ADD(state_survives_saving);
    return g_test_run();
}
