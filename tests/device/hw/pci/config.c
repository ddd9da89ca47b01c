/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI configuration space through ports 0xcf8 and 0xcfc: who is there, sizing and placing BARs.
 */
#include "tests/lib/qtest.h"

enum { ID = 0x00, COMMAND = 0x04, CLASS = 0x08, BAR0 = 0x10, BAR2 = 0x18, BAR4 = 0x20 };
enum { INTERRUPT_LINE = 0x3c, COMMAND_IO = 1, COMMAND_MEMORY = 2, VGA_SLOT = 2 };
enum { DISPI_IN_BAR2 = 0x500 };

static struct qtest *start_with_vga(void)
{
    return qtest_start("-vga std -global VGA.romfile=");
}

static void test_chip_set_is_an_i440fx_with_piix3(void)
{
    static const struct {
        unsigned fn;
        uint32_t id, class_code;
    } functions[] = {
        {0, 0x70008086, 0x060100},
        {1, 0x70108086, 0x010180},
        {3, 0x71138086, 0x068000},
    };
    struct qtest *q = qtest_start("-S");

    g_assert_cmphex(qtest_pci_read(q, 0, 0, ID, 4), ==, 0x12378086);
    g_assert_cmphex(qtest_pci_read(q, 0, 0, CLASS, 4) >> 8, ==, 0x060000);
    for (unsigned i = 0; i < ARRAY_SIZE(functions); i++) {
        unsigned fn = functions[i].fn;

        g_assert_cmphex(qtest_pci_read(q, 1, fn, ID, 4), ==, functions[i].id);
        g_assert_cmphex(qtest_pci_read(q, 1, fn, CLASS, 4) >> 8, ==, functions[i].class_code);
    }
    g_assert_cmphex(qtest_pci_read(q, 1, 0, 0x0e, 1) & 0x80, ==, 0x80); /* multifunction */
    qtest_end(q);
}

static void test_empty_slot_reads_as_ones(void)
{
    struct qtest *q = qtest_start("-S");

    for (unsigned slot = 2; slot < 32; slot++) {
        g_assert_cmphex(qtest_pci_read(q, slot, 0, ID, 4), ==, 0xffffffff);
    }
    qtest_end(q);
}

static void test_data_port_answers_only_when_enabled(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_outl(q, 0xcf8, 0x80000000u);
    g_assert_cmphex(qtest_inl(q, 0xcfc), ==, 0x12378086);
    qtest_outl(q, 0xcf8, 0);
    g_assert_cmphex(qtest_inl(q, 0xcfc), ==, 0xffffffff);
    qtest_outl(q, 0xcf8, 0x80000808u);
    g_assert_cmphex(qtest_inl(q, 0xcf8), ==, 0x80000808u);
    qtest_end(q);
}

static void test_narrow_accesses_see_the_same_bytes(void)
{
    struct qtest *q = qtest_start("-S");

    g_assert_cmphex(qtest_pci_read(q, 1, 1, ID, 2), ==, 0x8086);
    g_assert_cmphex(qtest_pci_read(q, 1, 1, ID + 2, 2), ==, 0x7010);
    g_assert_cmphex(qtest_pci_read(q, 1, 1, ID + 3, 1), ==, 0x70);
    qtest_pci_write(q, 1, 1, INTERRUPT_LINE, 1, 0x0e);
    g_assert_cmphex(qtest_pci_read(q, 1, 1, INTERRUPT_LINE, 1), ==, 0x0e);
    qtest_end(q);
}

static void test_identity_cannot_be_written(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_pci_write(q, 0, 0, ID, 4, 0);
    qtest_pci_write(q, 0, 0, CLASS, 4, 0);
    g_assert_cmphex(qtest_pci_read(q, 0, 0, ID, 4), ==, 0x12378086);
    g_assert_cmphex(qtest_pci_read(q, 0, 0, CLASS, 4) >> 8, ==, 0x060000);
    qtest_end(q);
}

static uint32_t size_bar(struct qtest *q, unsigned slot, unsigned fn, unsigned bar)
{
    uint32_t before = qtest_pci_read(q, slot, fn, bar, 4), mask;

    qtest_pci_write(q, slot, fn, bar, 4, 0xffffffff);
    mask = qtest_pci_read(q, slot, fn, bar, 4);
    qtest_pci_write(q, slot, fn, bar, 4, before);
    return mask;
}

static void test_bars_tell_their_sizes(void)
{
    struct qtest *q = start_with_vga();

    g_assert_cmphex(size_bar(q, 1, 1, BAR4), ==, 0xfffffff1);        /* 16 ports */
    g_assert_cmphex(size_bar(q, VGA_SLOT, 0, BAR0), ==, 0xff000008); /* 16 MiB, prefetchable */
    g_assert_cmphex(size_bar(q, VGA_SLOT, 0, BAR2), ==, 0xfffff000);
    g_assert_cmphex(size_bar(q, 1, 1, BAR0), ==, 0);
    qtest_end(q);
}

static void test_memory_bar_answers_where_it_is_placed(void)
{
    struct qtest *q = start_with_vga();

    qtest_pci_write(q, VGA_SLOT, 0, BAR2, 4, 0xfebf0000);
    g_assert_cmphex(qtest_readw(q, 0xfebf0000 + DISPI_IN_BAR2), ==, 0xffff);
    qtest_pci_write(q, VGA_SLOT, 0, COMMAND, 2, COMMAND_MEMORY);
    g_assert_cmphex(qtest_readw(q, 0xfebf0000 + DISPI_IN_BAR2), ==, 0xb0c5);
    qtest_pci_write(q, VGA_SLOT, 0, BAR2, 4, 0xfebe0000);
    g_assert_cmphex(qtest_readw(q, 0xfebf0000 + DISPI_IN_BAR2), ==, 0xffff);
    g_assert_cmphex(qtest_readw(q, 0xfebe0000 + DISPI_IN_BAR2), ==, 0xb0c5);
    qtest_end(q);
}

static void test_io_bar_answers_where_it_is_placed(void)
{
    struct qtest *q = qtest_start("-S");

    qtest_pci_write(q, 1, 1, BAR4, 4, 0xc001);
    g_assert_cmphex(qtest_inb(q, 0xc000), ==, 0xff);
    qtest_pci_write(q, 1, 1, COMMAND, 2, COMMAND_IO);
    g_assert_cmphex(qtest_inb(q, 0xc000), ==, 0);
    qtest_outl(q, 0xc004, 0x12345678);
    g_assert_cmphex(qtest_inl(q, 0xc004), ==, 0x12345678);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci/chip-set-is-an-i440fx-with-piix3", test_chip_set_is_an_i440fx_with_piix3);
    g_test_add_func("/pci/empty-slot-reads-as-ones", test_empty_slot_reads_as_ones);
    g_test_add_func("/pci/data-port-answers-only-when-enabled",
                    test_data_port_answers_only_when_enabled);
    g_test_add_func("/pci/narrow-accesses-see-the-same-bytes",
                    test_narrow_accesses_see_the_same_bytes);
    g_test_add_func("/pci/identity-cannot-be-written", test_identity_cannot_be_written);
    g_test_add_func("/pci/bars-tell-their-sizes", test_bars_tell_their_sizes);
    g_test_add_func("/pci/memory-bar-answers-where-it-is-placed",
                    test_memory_bar_answers_where_it_is_placed);
    g_test_add_func("/pci/io-bar-answers-where-it-is-placed",
                    test_io_bar_answers_where_it_is_placed);
    return g_test_run();
}
