/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real time clock: time, alarm, periods, and what the board puts into the CMOS for firmware.
 *
 * With clock=vm time stands still but for the test's steps.
 */
#include "tests/lib/qtest.h"

enum { INDEX = 0x70, DATA = 0x71 };
enum { SECONDS = 0, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY };
enum { MONTH = 8, YEAR = 9, REG_A = 10, REG_B = 11, REG_C = 12, CENTURY = 0x32 };
enum { B_PIE = 0x40, B_AIE = 0x20, B_24H = 0x02, C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20 };
enum { IRQ = 8, DAY_SECONDS = 86400 };

#define FIXED_TIME "-rtc base=2026-05-01T12:34:00,clock=vm"

static uint8_t cmos(struct qtest *q, unsigned index)
{
    qtest_outb(q, INDEX, (uint8_t)index);
    return qtest_inb(q, DATA);
}

static uint16_t cmos16(struct qtest *q, unsigned index)
{
    return (uint16_t)(cmos(q, index) | cmos(q, index + 1) << 8);
}

static void set_cmos(struct qtest *q, unsigned index, uint8_t val)
{
    qtest_outb(q, INDEX, (uint8_t)index);
    qtest_outb(q, DATA, val);
}

static unsigned from_bcd(uint8_t v)
{
    return (v >> 4) * 10u + (v & 15);
}

static uint8_t to_bcd(unsigned v)
{
    return (uint8_t)(v / 10 << 4 | v % 10);
}

static unsigned second_of_day(struct qtest *q)
{
    return from_bcd(cmos(q, HOURS)) * 3600 + from_bcd(cmos(q, MINUTES)) * 60 +
           from_bcd(cmos(q, SECONDS));
}

static void set_alarm(struct qtest *q, unsigned second)
{
    second %= DAY_SECONDS;
    set_cmos(q, HOURS_ALARM, to_bcd(second / 3600));
    set_cmos(q, MINUTES_ALARM, to_bcd(second / 60 % 60));
    set_cmos(q, SECONDS_ALARM, to_bcd(second % 60));
}

static void test_base_is_the_time_at_start(void)
{
    struct qtest *q = qtest_start(FIXED_TIME);
    const unsigned base = 12 * 3600 + 34 * 60;

    g_assert_cmphex(cmos(q, CENTURY), ==, 0x20);
    g_assert_cmphex(cmos(q, YEAR), ==, 0x26);
    g_assert_cmphex(cmos(q, MONTH), ==, 0x05);
    g_assert_cmphex(cmos(q, DAY), ==, 0x01);
    g_assert_cmphex(cmos(q, WEEKDAY), ==, 0x06); /* a Friday */
    g_assert_cmpuint(second_of_day(q), >=, base);
    g_assert_cmpuint(second_of_day(q), <, base + 60); /* starting took a moment */
    qtest_end(q);
}

static void test_time_follows_the_virtual_clock(void)
{
    struct qtest *q = qtest_start(FIXED_TIME);
    unsigned before = second_of_day(q);

    g_assert_cmpuint(second_of_day(q), ==, before);
    qtest_clock_step(q, 3700 * NS_PER_SEC);
    g_assert_cmpuint(second_of_day(q), ==, before + 3700);
    qtest_end(q);
}

static void test_time_can_be_set(void)
{
    struct qtest *q = qtest_start(FIXED_TIME);

    set_cmos(q, REG_B, 0x80 | B_24H);
    set_cmos(q, SECONDS, 0x58);
    set_cmos(q, MINUTES, 0x59);
    set_cmos(q, HOURS, 0x23);
    set_cmos(q, DAY, 0x31);
    set_cmos(q, MONTH, 0x12);
    set_cmos(q, REG_B, B_24H);
    qtest_clock_step(q, 4 * NS_PER_SEC);
    g_assert_cmphex(cmos(q, YEAR), ==, 0x27);
    g_assert_cmphex(cmos(q, MONTH), ==, 0x01);
    g_assert_cmphex(cmos(q, DAY), ==, 0x01);
    g_assert_cmpuint(second_of_day(q), <=, 2);
    qtest_end(q);
}

static void test_alarm_interrupts(void)
{
    struct qtest *q = qtest_start(FIXED_TIME);

    qtest_watch_irqs(q, "isa-i8259");
    set_alarm(q, second_of_day(q) + 5);
    cmos(q, REG_C);
    set_cmos(q, REG_B, B_24H | B_AIE);
    qtest_clock_step(q, 3 * NS_PER_SEC);
    g_assert_false(qtest_irq(q, IRQ));
    qtest_clock_step(q, 3 * NS_PER_SEC);
    g_assert_true(qtest_irq(q, IRQ));
    g_assert_cmphex(cmos(q, REG_C) & (C_IRQF | C_AF), ==, C_IRQF | C_AF);
    g_assert_false(qtest_irq(q, IRQ));
    g_assert_cmphex(cmos(q, REG_C) & (C_IRQF | C_AF), ==, 0);
    qtest_end(q);
}

static void test_periodic_interrupt_waits_for_register_c(void)
{
    struct qtest *q = qtest_start(FIXED_TIME);

    qtest_watch_irqs(q, "isa-i8259");
    set_cmos(q, REG_A, 0x2f); /* twice a second */
    cmos(q, REG_C);
    set_cmos(q, REG_B, B_24H | B_PIE);
    qtest_clock_step(q, 2 * NS_PER_SEC);
    g_assert_cmpuint(qtest_irq_rises(q, IRQ), ==, 1);
    g_assert_cmphex(cmos(q, REG_C) & (C_IRQF | C_PF), ==, C_IRQF | C_PF);
    qtest_clock_step(q, 510 * NS_PER_MS);
    g_assert_cmpuint(qtest_irq_rises(q, IRQ), ==, 2);
    qtest_end(q);
}

static void test_memory_outlives_a_reset(void)
{
    struct qtest *q = qtest_start("-S");

    set_cmos(q, 0x40, 0x5a);
    qtest_outb(q, 0xcf9, 0x02);
    qtest_outb(q, 0xcf9, 0x06);
    g_assert_cmphex(cmos(q, 0x40), ==, 0x5a);
    qtest_end(q);
}

static void test_memory_sizes(void)
{
    static const struct {
        const char *size;
        uint16_t extended_kb, above_16m, above_4g;
    } rows[] = {
        {"8M", 7 * 1024, 0, 0},
        {"16M", 15 * 1024, 0, 0},
        {"128M", 0xffff, 112 * 16, 0},
        {"3584M", 0xffff, 3568 * 16, 0},
        {"5G", 0xffff, (3 * 1024 - 16) * 16, 2 * 1024 * 16},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct qtest *q = qtest_start("-m %s", rows[i].size);

        g_assert_cmpuint(cmos16(q, 0x15), ==, 640);
        g_assert_cmpuint(cmos16(q, 0x17), ==, rows[i].extended_kb);
        g_assert_cmpuint(cmos16(q, 0x30), ==, rows[i].extended_kb);
        g_assert_cmpuint(cmos16(q, 0x34), ==, rows[i].above_16m);
        g_assert_cmpuint(cmos16(q, 0x5b), ==, rows[i].above_4g);
        g_assert_cmpuint(cmos(q, 0x5d), ==, 0);
        qtest_end(q);
    }
}

static void test_number_of_cpus(void)
{
    struct qtest *q = qtest_start("-smp 3");

    g_assert_cmpuint(cmos(q, 0x5f), ==, 2);
    qtest_end(q);
}

static void test_once_is_for_the_first_boot(void)
{
    struct qtest *q = qtest_start("-boot order=dc,once=a");

    g_assert_cmphex(cmos(q, 0x3d), ==, 0x01);
    qtest_outb(q, 0xcf9, 0x06);
    g_assert_cmphex(cmos(q, 0x3d), ==, 0x23);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rtc/base-is-the-time-at-start", test_base_is_the_time_at_start);
    g_test_add_func("/rtc/time-follows-the-virtual-clock", test_time_follows_the_virtual_clock);
    g_test_add_func("/rtc/time-can-be-set", test_time_can_be_set);
    g_test_add_func("/rtc/alarm-interrupts", test_alarm_interrupts);
    g_test_add_func("/rtc/periodic-interrupt-waits-for-register-c",
                    test_periodic_interrupt_waits_for_register_c);
    g_test_add_func("/rtc/memory-outlives-a-reset", test_memory_outlives_a_reset);
    g_test_add_func("/rtc/memory-sizes", test_memory_sizes);
    g_test_add_func("/rtc/number-of-cpus", test_number_of_cpus);
    g_test_add_func("/rtc/once-is-for-the-first-boot", test_once_is_for_the_first_boot);
    return g_test_run();
}
