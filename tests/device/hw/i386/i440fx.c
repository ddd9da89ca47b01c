/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 440FX's memory: shadow RAM by the PAM registers, holes, the ROM at the top.
 */
#include "tests/lib/qtest.h"

enum { PAM_0 = 0x59, SEGMENTS = 13 };
enum { TO_PCI = 0, READ_RAM = 1, WRITE_RAM = 2, ALL_RAM = 3 };

static uint64_t segment_start(unsigned i)
{
    return i ? 0xc0000 + (i - 1) * 16 * KiB : 0xf0000;
}

/* Segment 0 is the upper half of the first register, then two per register. */
static void set_pam(struct qtest *q, unsigned segment, unsigned bits)
{
    unsigned reg = PAM_0 + (segment + 1) / 2, shift = segment % 2 ? 0 : 4;
    uint32_t val = qtest_pci_read(q, 0, 0, reg, 1);

    qtest_pci_write(q, 0, 0, reg, 1, (val & ~(3u << shift)) | bits << shift);
}

/* What PCI gives at @gpa: the ROM's end below 1 MiB, and nothing before it. */
static uint8_t pci_byte(uint64_t gpa)
{
    return gpa < MiB - QTEST_ROM_BYTES ? 0xff
                                       : qtest_rom_byte((uint32_t)(gpa - (MiB - QTEST_ROM_BYTES)));
}

static void test_rom_ends_at_4_gib_and_1_mib(void)
{
    struct qtest *q = qtest_start("-S");

    for (uint32_t offset = 0; offset < QTEST_ROM_BYTES; offset += 0x1357) {
        g_assert_cmphex(qtest_readb(q, 4 * GiB - QTEST_ROM_BYTES + offset), ==,
                        qtest_rom_byte(offset));
        g_assert_cmphex(qtest_readb(q, MiB - QTEST_ROM_BYTES + offset), ==, qtest_rom_byte(offset));
    }
    qtest_writeb(q, 4 * GiB - 1, (uint8_t)~qtest_rom_byte(QTEST_ROM_BYTES - 1));
    g_assert_cmphex(qtest_readb(q, 4 * GiB - 1), ==, qtest_rom_byte(QTEST_ROM_BYTES - 1));
    qtest_end(q);
}

static void test_segment_goes_to_ram_or_pci_for_each_direction(void)
{
    struct qtest *q = qtest_start("-S");

    for (unsigned i = 0; i < SEGMENTS; i++) {
        uint64_t gpa = segment_start(i) + 0x123;
        uint8_t rom = pci_byte(gpa), ram = (uint8_t)(0x80 + i), other = (uint8_t)~ram;

        g_assert_cmphex(qtest_readb(q, gpa), ==, rom);
        set_pam(q, i, WRITE_RAM); /* shadowing: reads from PCI, writes to RAM */
        qtest_writeb(q, gpa, ram);
        g_assert_cmphex(qtest_readb(q, gpa), ==, rom);
        set_pam(q, i, READ_RAM); /* write protected */
        g_assert_cmphex(qtest_readb(q, gpa), ==, ram);
        qtest_writeb(q, gpa, other);
        g_assert_cmphex(qtest_readb(q, gpa), ==, ram);
        set_pam(q, i, ALL_RAM);
        qtest_writeb(q, gpa, other);
        g_assert_cmphex(qtest_readb(q, gpa), ==, other);
        set_pam(q, i, TO_PCI);
        qtest_writeb(q, gpa, ram);
        g_assert_cmphex(qtest_readb(q, gpa), ==, rom);
        set_pam(q, i, READ_RAM);
        g_assert_cmphex(qtest_readb(q, gpa), ==, other);
        set_pam(q, i, TO_PCI);
    }
    qtest_end(q);
}

static void test_segments_do_not_touch_each_other(void)
{
    struct qtest *q = qtest_start("-S");

    set_pam(q, 5, ALL_RAM); /* 0xd0000 to 0xd3fff */
    qtest_memset(q, 0xcfff0, 0x77, 0x4020);
    g_assert_cmphex(qtest_readb(q, 0xcffff), ==, 0xff);
    g_assert_cmphex(qtest_readb(q, 0xd0000), ==, 0x77);
    g_assert_cmphex(qtest_readb(q, 0xd3fff), ==, 0x77);
    g_assert_cmphex(qtest_readb(q, 0xd4000), ==, 0xff);
    qtest_end(q);
}

static void test_shadowed_copy_of_the_rom(void)
{
    struct qtest *q = qtest_start("-S");
    g_autofree uint8_t *copy = g_malloc(64 * KiB);

    set_pam(q, 0, WRITE_RAM); /* as firmware does it: copy onto itself */
    qtest_memread(q, 0xf0000, copy, 64 * KiB);
    qtest_memwrite(q, 0xf0000, copy, 64 * KiB);
    set_pam(q, 0, READ_RAM);
    for (uint32_t i = 0; i < 64 * KiB; i += 0x101) {
        g_assert_cmphex(qtest_readb(q, 0xf0000 + i), ==, pci_byte(0xf0000 + i));
    }
    qtest_end(q);
}

static void test_reset_takes_shadowing_back(void)
{
    struct qtest *q = qtest_start("-S");

    set_pam(q, 0, ALL_RAM);
    qtest_writeb(q, 0xf0000, (uint8_t)~pci_byte(0xf0000));
    qtest_outb(q, 0xcf9, 0x06);
    g_assert_cmphex(qtest_readb(q, 0xf0000), ==, pci_byte(0xf0000));
    g_assert_cmphex(qtest_pci_read(q, 0, 0, PAM_0, 1), ==, 0);
    qtest_end(q);
}

static void test_memory_ends_where_m_says(void)
{
    struct qtest *q = qtest_start("-m 64");

    qtest_writel(q, 64 * MiB - 4, 0x12345678);
    qtest_writel(q, 64 * MiB, 0x12345678);
    g_assert_cmphex(qtest_readl(q, 64 * MiB - 4), ==, 0x12345678);
    g_assert_cmphex(qtest_readl(q, 64 * MiB), ==, 0xffffffff);
    qtest_end(q);
}

static void test_memory_above_4_gib(void)
{
    struct qtest *q = qtest_start("-m 64 -machine max-ram-below-4g=32M");

    qtest_writel(q, 4 * GiB, 0xabcd0001);
    qtest_writel(q, 4 * GiB + 32 * MiB - 4, 0xabcd0002);
    qtest_writel(q, 32 * MiB - 4, 0xabcd0003);
    g_assert_cmphex(qtest_readl(q, 4 * GiB), ==, 0xabcd0001);
    g_assert_cmphex(qtest_readl(q, 4 * GiB + 32 * MiB - 4), ==, 0xabcd0002);
    g_assert_cmphex(qtest_readl(q, 32 * MiB - 4), ==, 0xabcd0003);
    g_assert_cmphex(qtest_readl(q, 4 * GiB + 32 * MiB), ==, 0xffffffff);
    g_assert_cmphex(qtest_readl(q, 32 * MiB), ==, 0xffffffff);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i440fx/rom-ends-at-4-gib-and-1-mib", test_rom_ends_at_4_gib_and_1_mib);
    g_test_add_func("/i440fx/segment-goes-to-ram-or-pci-for-each-direction",
                    test_segment_goes_to_ram_or_pci_for_each_direction);
    g_test_add_func("/i440fx/segments-do-not-touch-each-other",
                    test_segments_do_not_touch_each_other);
    g_test_add_func("/i440fx/shadowed-copy-of-the-rom", test_shadowed_copy_of_the_rom);
    g_test_add_func("/i440fx/reset-takes-shadowing-back", test_reset_takes_shadowing_back);
    g_test_add_func("/i440fx/memory-ends-where-m-says", test_memory_ends_where_m_says);
    g_test_add_func("/i440fx/memory-above-4-gib", test_memory_above_4_gib);
    return g_test_run();
}
