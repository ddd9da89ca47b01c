/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8254 by its ports, virtual time in the test's hand: periods, one shots, latches, port 0x61.
 */
#include "tests/lib/qtest.h"

#define PIT_HZ 1193182

enum { COUNTER0 = 0x40, COUNTER2 = 0x42, CONTROL = 0x43, PORT61 = 0x61 };
enum { GATE2 = 0x01, OUTPUT2 = 0x20 };

static void program(struct qtest *q, unsigned counter, unsigned mode, uint16_t count)
{
    qtest_outb(q, CONTROL, (uint8_t)(counter << 6 | 3 << 4 | mode << 1));
    qtest_outb(q, (uint16_t)(COUNTER0 + counter), count & 0xff);
    qtest_outb(q, (uint16_t)(COUNTER0 + counter), count >> 8);
}

static uint16_t latched(struct qtest *q, unsigned counter)
{
    uint8_t low;

    qtest_outb(q, CONTROL, (uint8_t)(counter << 6));
    low = qtest_inb(q, (uint16_t)(COUNTER0 + counter));
    return (uint16_t)(low | qtest_inb(q, (uint16_t)(COUNTER0 + counter)) << 8);
}

/* How often @input of @controller rises in one second with counter 0 at 100 Hz. */
static unsigned rises_in_a_second(const char *controller, unsigned input)
{
    struct qtest *q = qtest_start("-S");
    unsigned before, rises;

    qtest_watch_irqs(q, controller);
    program(q, 0, 2, PIT_HZ / 100);
    before = qtest_irq_rises(q, input);
    qtest_clock_step(q, NS_PER_SEC);
    rises = qtest_irq_rises(q, input) - before;
    qtest_end(q);
    return rises;
}

static void test_rate_generator_is_irq_0(void)
{
    unsigned rises = rises_in_a_second("isa-i8259", 0);

    g_assert_cmpuint(rises, >=, 99);
    g_assert_cmpuint(rises, <=, 101);
}

static void test_rate_generator_is_ioapic_input_2(void)
{
    unsigned rises = rises_in_a_second("ioapic", 2);

    g_assert_cmpuint(rises, >=, 99);
    g_assert_cmpuint(rises, <=, 101);
}

static void test_mode_0_interrupts_once(void)
{
    struct qtest *q = qtest_start("-S");
    unsigned before;

    qtest_watch_irqs(q, "isa-i8259");
    program(q, 0, 0, 1193); /* one millisecond */
    before = qtest_irq_rises(q, 0);
    qtest_clock_step(q, 900 * NS_PER_US);
    g_assert_cmpuint(qtest_irq_rises(q, 0) - before, ==, 0);
    qtest_clock_step(q, 200 * NS_PER_US);
    g_assert_cmpuint(qtest_irq_rises(q, 0) - before, ==, 1);
    qtest_clock_step(q, NS_PER_SEC);
    g_assert_cmpuint(qtest_irq_rises(q, 0) - before, ==, 1);
    qtest_end(q);
}

static void test_latched_count_falls_with_time(void)
{
    struct qtest *q = qtest_start("-S");
    unsigned first, second;

    qtest_outb(q, PORT61, GATE2);
    program(q, 2, 2, 60000);
    first = latched(q, 2);
    qtest_clock_step(q, NS_PER_MS);
    second = latched(q, 2);
    g_assert_cmpuint(first - second, >=, 1192);
    g_assert_cmpuint(first - second, <=, 1195);
    qtest_end(q);
}

static void test_gate_stops_the_count(void)
{
    struct qtest *q = qtest_start("-S");
    unsigned before;

    qtest_outb(q, PORT61, GATE2);
    program(q, 2, 0, 60000);
    qtest_clock_step(q, NS_PER_MS);
    qtest_outb(q, PORT61, 0);
    before = latched(q, 2);
    qtest_clock_step(q, NS_PER_MS);
    g_assert_cmpuint(latched(q, 2), ==, before);
    qtest_end(q);
}

static void test_port_61_shows_the_output_of_counter_2(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_outb(q, PORT61, GATE2);
    program(q, 2, 0, 1193);
    g_assert_cmphex(qtest_inb(q, PORT61) & OUTPUT2, ==, 0);
    qtest_clock_step(q, 1100 * NS_PER_US);
    g_assert_cmphex(qtest_inb(q, PORT61) & OUTPUT2, ==, OUTPUT2);
    qtest_end(q);
}

static void test_read_back_tells_the_mode(void)
{
    struct qtest *q = qtest_start("-S");

    program(q, 0, 2, 1000);
    qtest_outb(q, CONTROL, 0xe2); /* status of counter 0, count not latched */
    g_assert_cmphex(qtest_inb(q, COUNTER0) & 0x3f, ==, 0x34);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8254/rate-generator-is-irq-0", test_rate_generator_is_irq_0);
    g_test_add_func("/i8254/rate-generator-is-ioapic-input-2",
                    test_rate_generator_is_ioapic_input_2);
    g_test_add_func("/i8254/mode-0-interrupts-once", test_mode_0_interrupts_once);
    g_test_add_func("/i8254/latched-count-falls-with-time", test_latched_count_falls_with_time);
    g_test_add_func("/i8254/gate-stops-the-count", test_gate_stops_the_count);
    g_test_add_func("/i8254/port-61-shows-the-output-of-counter-2",
                    test_port_61_shows_the_output_of_counter_2);
    g_test_add_func("/i8254/read-back-tells-the-mode", test_read_back_tells_the_mode);
    return g_test_run();
}
