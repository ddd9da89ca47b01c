/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power management of the PIIX4: the ACPI timer, its interrupt, the SMI port's ACPI switch, sleep.
 */
#include "tests/lib/qtest.h"

#define TIMER_HZ   3579545
#define TIMER_MASK 0xffffff

enum { PMBA = 0x40, PMREGMISC = 0x80, BASE = 0x600, SMI_PORT = 0xb2, SCI = 9 };
enum { STATUS = BASE, ENABLE = BASE + 2, CONTROL = BASE + 4, TIMER = BASE + 8 };
enum { TIMER_STATUS = 0x0001, SCI_EN = 0x0001, SLEEP_EN = 0x2000 };
enum { ACPI_ENABLE = 0xf1, ACPI_DISABLE = 0xf0 };

static struct qtest *start(const char *options)
{
    struct qtest *q = qtest_start("%s", options);

    qtest_pci_write(q, 1, 3, PMBA, 4, BASE | 1);
    qtest_pci_write(q, 1, 3, PMREGMISC, 1, 1);
    return q;
}

static void test_registers_appear_when_enabled(void)
{
    struct qtest *q = qtest_start("-S");

    g_assert_cmphex(qtest_inl(q, TIMER), ==, 0xffffffff);
    qtest_pci_write(q, 1, 3, PMBA, 4, BASE | 1);
    qtest_pci_write(q, 1, 3, PMREGMISC, 1, 1);
    g_assert_cmphex(qtest_inl(q, TIMER) & ~(uint32_t)TIMER_MASK, ==, 0);
    qtest_pci_write(q, 1, 3, PMBA, 4, 0xb000 | 1);
    g_assert_cmphex(qtest_inl(q, 0xb008) & ~(uint32_t)TIMER_MASK, ==, 0);
    g_assert_cmphex(qtest_inl(q, TIMER), ==, 0xffffffff);
    qtest_end(q);
}

static void test_timer_advances_with_virtual_time(void)
{
    struct qtest *q = start("-S");
    uint32_t before = qtest_inl(q, TIMER), after;

    g_assert_cmpuint(qtest_inl(q, TIMER), ==, before);
    qtest_clock_step(q, NS_PER_SEC);
    after = qtest_inl(q, TIMER);
    g_assert_cmpuint((after - before) & TIMER_MASK, >=, TIMER_HZ - 1);
    g_assert_cmpuint((after - before) & TIMER_MASK, <=, TIMER_HZ + 1);
    qtest_clock_step(q, 10 * NS_PER_SEC); /* it wraps */
    g_assert_cmpuint(qtest_inl(q, TIMER), <=, TIMER_MASK);
    qtest_end(q);
}

static void test_carry_of_the_timer_is_an_sci(void)
{
    struct qtest *q = start("-S");

    qtest_watch_irqs(q, "isa-i8259");
    qtest_outw(q, CONTROL, SCI_EN);
    qtest_outw(q, ENABLE, TIMER_STATUS);
    g_assert_false(qtest_irq(q, SCI));
    qtest_clock_step(q, 3 * NS_PER_SEC); /* bit 23 changes every 2.3 s */
    g_assert_true(qtest_irq(q, SCI));
    g_assert_cmphex(qtest_inw(q, STATUS) & TIMER_STATUS, ==, TIMER_STATUS);
    qtest_outw(q, STATUS, TIMER_STATUS);
    g_assert_cmphex(qtest_inw(q, STATUS) & TIMER_STATUS, ==, 0);
    g_assert_false(qtest_irq(q, SCI));
    qtest_end(q);
}

static void test_smi_port_switches_acpi(void)
{
    struct qtest *q = start("-S");

    g_assert_cmphex(qtest_inw(q, CONTROL) & SCI_EN, ==, 0);
    qtest_outb(q, SMI_PORT, ACPI_ENABLE);
    g_assert_cmphex(qtest_inw(q, CONTROL) & SCI_EN, ==, SCI_EN);
    qtest_outb(q, SMI_PORT, ACPI_DISABLE);
    g_assert_cmphex(qtest_inw(q, CONTROL) & SCI_EN, ==, 0);
    qtest_end(q);
}

static void test_s5_ends_the_process(void)
{
    struct qtest *q = start("-S");

    qtest_outw(q, CONTROL, SLEEP_EN);
    g_assert_cmpint(qtest_wait_exit(q), ==, 0);
    qtest_end(q);
}

static void test_s5_keeps_the_process_when_asked_so(void)
{
    struct qtest *q = start("-no-shutdown");

    qtest_outw(q, CONTROL, SLEEP_EN);
    g_assert_cmphex(qtest_inw(q, CONTROL) & SLEEP_EN, ==, 0);
    qtest_end(q);
}

static void test_machine_without_acpi(void)
{
    struct qtest *q = qtest_start("-machine acpi=off");

    g_assert_cmphex(qtest_pci_read(q, 1, 3, 0, 4), ==, 0xffffffff);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/piix4-pm/registers-appear-when-enabled", test_registers_appear_when_enabled);
    g_test_add_func("/piix4-pm/timer-advances-with-virtual-time",
                    test_timer_advances_with_virtual_time);
    g_test_add_func("/piix4-pm/carry-of-the-timer-is-an-sci", test_carry_of_the_timer_is_an_sci);
    g_test_add_func("/piix4-pm/smi-port-switches-acpi", test_smi_port_switches_acpi);
    g_test_add_func("/piix4-pm/s5-ends-the-process", test_s5_ends_the_process);
    g_test_add_func("/piix4-pm/s5-keeps-the-process-when-asked-so",
                    test_s5_keeps_the_process_when_asked_so);
    g_test_add_func("/piix4-pm/machine-without-acpi", test_machine_without_acpi);
    return g_test_run();
}
