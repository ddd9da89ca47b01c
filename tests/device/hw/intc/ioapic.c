/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O APIC by its registers, and what arrives at the local APIC of the CPU.
 */
#include "tests/lib/qtest.h"

#define SELECT  0xfec00000u
#define WINDOW  0xfec00010u
#define EOI_REG 0xfec00040u
#define LAPIC   0xfee00000u

enum { LAPIC_SVR = 0xf0, LAPIC_IRR = 0x200, ENTRY_REMOTE_IRR = 1 << 14, ENTRY_LEVEL = 1 << 15 };
enum { ENTRY_MASKED = 1 << 16, PIN = 22, VECTOR = 0x51 };

static uint32_t reg_read(struct qtest *q, unsigned index)
{
    qtest_writel(q, SELECT, index);
    return qtest_readl(q, WINDOW);
}

static void reg_write(struct qtest *q, unsigned index, uint32_t val)
{
    qtest_writel(q, SELECT, index);
    qtest_writel(q, WINDOW, val);
}

static void set_entry(struct qtest *q, unsigned pin, uint32_t low)
{
    reg_write(q, 0x11 + 2 * pin, 0); /* to APIC id 0 */
    reg_write(q, 0x10 + 2 * pin, low);
}

static bool is_requested(struct qtest *q, unsigned vector)
{
    return qtest_readl(q, LAPIC + LAPIC_IRR + 0x10 * (vector / 32)) >> vector % 32 & 1;
}

static struct qtest *start(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_writel(q, LAPIC + LAPIC_SVR, 0x1ff); /* software enable */
    return q;
}

static void test_version_has_24_inputs(void)
{
    struct qtest *q = start();

    g_assert_cmphex(reg_read(q, 1), ==, 0x00170020);
    qtest_end(q);
}

static void test_entries_start_masked(void)
{
    struct qtest *q = start();

    for (unsigned pin = 0; pin < 24; pin++) {
        g_assert_cmphex(reg_read(q, 0x10 + 2 * pin), ==, ENTRY_MASKED);
        g_assert_cmphex(reg_read(q, 0x11 + 2 * pin), ==, 0);
    }
    qtest_end(q);
}

static void test_entry_keeps_writable_bits(void)
{
    struct qtest *q = start();

    reg_write(q, 0x10 + 2 * PIN, 0xfffeffff);
    g_assert_cmphex(reg_read(q, 0x10 + 2 * PIN), ==, 0x0000afff);
    reg_write(q, 0x11 + 2 * PIN, 0xffffffff);
    g_assert_cmphex(reg_read(q, 0x11 + 2 * PIN), ==, 0xff000000);
    reg_write(q, 0, 0xffffffff);
    g_assert_cmphex(reg_read(q, 0), ==, 0x0f000000);
    qtest_end(q);
}

static void test_edge_sends_the_vector(void)
{
    struct qtest *q = start();

    set_entry(q, PIN, VECTOR);
    g_assert_false(is_requested(q, VECTOR));
    qtest_set_irq(q, "ioapic", PIN, true);
    g_assert_true(is_requested(q, VECTOR));
    g_assert_cmphex(reg_read(q, 0x10 + 2 * PIN), ==, VECTOR);
    qtest_end(q);
}

static void test_masked_edge_is_lost(void)
{
    struct qtest *q = start();

    set_entry(q, PIN, VECTOR | ENTRY_MASKED);
    qtest_set_irq(q, "ioapic", PIN, true);
    set_entry(q, PIN, VECTOR);
    g_assert_false(is_requested(q, VECTOR));
    qtest_end(q);
}

static void test_masked_level_is_sent_later(void)
{
    struct qtest *q = start();

    set_entry(q, PIN, VECTOR | ENTRY_LEVEL | ENTRY_MASKED);
    qtest_set_irq(q, "ioapic", PIN, true);
    g_assert_false(is_requested(q, VECTOR));
    set_entry(q, PIN, VECTOR | ENTRY_LEVEL);
    g_assert_true(is_requested(q, VECTOR));
    qtest_end(q);
}

static void test_level_has_remote_irr_until_eoi(void)
{
    struct qtest *q = start();

    set_entry(q, PIN, VECTOR | ENTRY_LEVEL);
    qtest_set_irq(q, "ioapic", PIN, true);
    g_assert_cmphex(reg_read(q, 0x10 + 2 * PIN) & ENTRY_REMOTE_IRR, !=, 0);
    qtest_set_irq(q, "ioapic", PIN, false);
    g_assert_cmphex(reg_read(q, 0x10 + 2 * PIN) & ENTRY_REMOTE_IRR, !=, 0);
    qtest_writel(q, EOI_REG, VECTOR);
    g_assert_cmphex(reg_read(q, 0x10 + 2 * PIN) & ENTRY_REMOTE_IRR, ==, 0);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ioapic/version-has-24-inputs", test_version_has_24_inputs);
    g_test_add_func("/ioapic/entries-start-masked", test_entries_start_masked);
    g_test_add_func("/ioapic/entry-keeps-writable-bits", test_entry_keeps_writable_bits);
    g_test_add_func("/ioapic/edge-sends-the-vector", test_edge_sends_the_vector);
    g_test_add_func("/ioapic/masked-edge-is-lost", test_masked_edge_is_lost);
    g_test_add_func("/ioapic/masked-level-is-sent-later", test_masked_level_is_sent_later);
    g_test_add_func("/ioapic/level-has-remote-irr-until-eoi", test_level_has_remote_irr_until_eoi);
    return g_test_run();
}
