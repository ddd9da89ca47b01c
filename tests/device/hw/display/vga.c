/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VGA card: text memory, planes, the Bochs VBE registers and a linear mode.
 */
#include "tests/lib/qtest.h"

enum { ATTR = 0x3c0, MISC = 0x3c2, SEQ = 0x3c4, DAC_WRITE = 0x3c8, DAC_READ = 0x3c7 };
enum { DAC_DATA = 0x3c9, MISC_READ = 0x3cc, GFX = 0x3ce, CRTC = 0x3d4, STATUS1 = 0x3da };
enum { DISPI_INDEX = 0x1ce, DISPI_DATA = 0x1cf, DISPI_DATA_X86 = 0x1d0 };
enum { DISPI_ID, DISPI_XRES, DISPI_YRES, DISPI_BPP, DISPI_ENABLE, DISPI_BANK, DISPI_VWIDTH };
enum { DISPI_ON = 0x01, DISPI_LFB = 0x40, DISPI_NO_CLEAR = 0x80, SLOT = 2 };
enum { TEXT = 0xb8000, GRAPHICS = 0xa0000 };

#define FRAMEBUFFER 0xe0000000u

static struct qtest *start(void)
{
    struct qtest *q = qtest_start("-vga std -global VGA.romfile=");

    qtest_outb(q, MISC, 0x67); /* colour ports, memory on */
    return q;
}

static void set_reg(struct qtest *q, uint16_t port, uint8_t index, uint8_t val)
{
    qtest_outb(q, port, index);
    qtest_outb(q, port + 1, val);
}

static uint8_t get_reg(struct qtest *q, uint16_t port, uint8_t index)
{
    qtest_outb(q, port, index);
    return qtest_inb(q, port + 1);
}

static void set_dispi(struct qtest *q, uint16_t index, uint16_t val)
{
    qtest_outw(q, DISPI_INDEX, index);
    qtest_outw(q, DISPI_DATA, val);
}

static uint16_t get_dispi(struct qtest *q, uint16_t index)
{
    qtest_outw(q, DISPI_INDEX, index);
    return qtest_inw(q, DISPI_DATA);
}

/* The sequencer and graphics registers of mode 3: even bytes in plane 0, odd ones in plane 1. */
static void set_text_memory(struct qtest *q)
{
    set_reg(q, SEQ, 2, 0x03);
    set_reg(q, SEQ, 4, 0x02);
    set_reg(q, GFX, 1, 0x00);
    set_reg(q, GFX, 3, 0x00);
    set_reg(q, GFX, 4, 0x00);
    set_reg(q, GFX, 5, 0x10);
    set_reg(q, GFX, 6, 0x0e);
    set_reg(q, GFX, 8, 0xff);
}

static void test_text_memory_keeps_characters(void)
{
    struct qtest *q = start();

    set_text_memory(q);
    for (unsigned i = 0; i < 80; i++) {
        qtest_writew(q, TEXT + 2 * i, (uint16_t)(0x0700 | (0x20 + i)));
    }
    for (unsigned i = 0; i < 80; i++) {
        g_assert_cmphex(qtest_readw(q, TEXT + 2 * i), ==, 0x0700 | (0x20 + i));
    }
    g_assert_cmphex(qtest_readb(q, TEXT + 1), ==, 0x07);
    qtest_end(q);
}

static void test_planes_are_written_by_the_map_mask(void)
{
    struct qtest *q = start();

    set_text_memory(q);
    set_reg(q, SEQ, 4, 0x06); /* planar */
    set_reg(q, GFX, 5, 0x00);
    set_reg(q, GFX, 6, 0x05);
    for (unsigned plane = 0; plane < 4; plane++) {
        set_reg(q, SEQ, 2, (uint8_t)(1 << plane));
        qtest_writeb(q, GRAPHICS + 5, (uint8_t)(0x11 << plane));
    }
    for (unsigned plane = 0; plane < 4; plane++) {
        set_reg(q, GFX, 4, (uint8_t)plane);
        g_assert_cmphex(qtest_readb(q, GRAPHICS + 5), ==, 0x11 << plane);
    }
    qtest_end(q);
}

static void test_registers_read_back(void)
{
    struct qtest *q = start();

    g_assert_cmphex(qtest_inb(q, MISC_READ), ==, 0x67);
    set_reg(q, CRTC, 0x0e, 0x12);
    set_reg(q, CRTC, 0x0f, 0x34);
    g_assert_cmphex(get_reg(q, CRTC, 0x0e), ==, 0x12);
    g_assert_cmphex(get_reg(q, CRTC, 0x0f), ==, 0x34);
    qtest_inb(q, STATUS1); /* the next write of port 0x3c0 is an index */
    qtest_outb(q, ATTR, 0x10);
    qtest_outb(q, ATTR, 0x0c);
    g_assert_cmphex(qtest_inb(q, ATTR + 1), ==, 0x0c);
    qtest_end(q);
}

static void test_palette_reads_back(void)
{
    struct qtest *q = start();

    qtest_outb(q, DAC_WRITE, 200);
    qtest_outb(q, DAC_DATA, 10);
    qtest_outb(q, DAC_DATA, 20);
    qtest_outb(q, DAC_DATA, 30);
    qtest_outb(q, DAC_READ, 200);
    g_assert_cmpuint(qtest_inb(q, DAC_DATA), ==, 10);
    g_assert_cmpuint(qtest_inb(q, DAC_DATA), ==, 20);
    g_assert_cmpuint(qtest_inb(q, DAC_DATA), ==, 30);
    qtest_end(q);
}

static void test_vbe_identity(void)
{
    struct qtest *q = start();

    g_assert_cmphex(get_dispi(q, DISPI_ID), ==, 0xb0c5);
    g_assert_cmphex(qtest_inw(q, DISPI_DATA_X86), ==, 0xb0c5);
    set_dispi(q, DISPI_ID, 0xb0c2); /* a driver asks for an older interface */
    g_assert_cmphex(get_dispi(q, DISPI_ID), ==, 0xb0c2);
    qtest_end(q);
}

static void set_linear_mode(struct qtest *q, uint16_t enable)
{
    set_dispi(q, DISPI_ENABLE, 0);
    set_dispi(q, DISPI_XRES, 1024);
    set_dispi(q, DISPI_YRES, 768);
    set_dispi(q, DISPI_BPP, 32);
    set_dispi(q, DISPI_ENABLE, enable);
}

static void test_linear_mode_is_set_and_cleared(void)
{
    struct qtest *q = start();

    qtest_pci_write(q, SLOT, 0, 0x10, 4, FRAMEBUFFER);
    qtest_pci_write(q, SLOT, 0, 0x04, 2, 2);
    qtest_writel(q, FRAMEBUFFER + 4096, 0x11223344);
    set_linear_mode(q, DISPI_ON | DISPI_LFB | DISPI_NO_CLEAR);
    g_assert_cmphex(get_dispi(q, DISPI_ENABLE) & DISPI_ON, ==, DISPI_ON);
    g_assert_cmpuint(get_dispi(q, DISPI_XRES), ==, 1024);
    g_assert_cmpuint(get_dispi(q, DISPI_YRES), ==, 768);
    g_assert_cmpuint(get_dispi(q, DISPI_VWIDTH), ==, 1024);
    g_assert_cmphex(qtest_readl(q, FRAMEBUFFER + 4096), ==, 0x11223344);
    set_linear_mode(q, DISPI_ON | DISPI_LFB);
    g_assert_cmphex(qtest_readl(q, FRAMEBUFFER + 4096), ==, 0);
    qtest_end(q);
}

static void test_mode_larger_than_memory_is_cut_down(void)
{
    struct qtest *q = start();

    set_dispi(q, DISPI_XRES, 8000);
    set_dispi(q, DISPI_YRES, 8000);
    set_dispi(q, DISPI_BPP, 32);
    set_dispi(q, DISPI_ENABLE, DISPI_ON | DISPI_LFB);
    g_assert_cmpuint((uint64_t)get_dispi(q, DISPI_XRES) * get_dispi(q, DISPI_YRES) * 4, <=,
                     16 * MiB);
    qtest_end(q);
}

static void test_bank_moves_the_window(void)
{
    struct qtest *q = start();

    qtest_pci_write(q, SLOT, 0, 0x10, 4, FRAMEBUFFER);
    qtest_pci_write(q, SLOT, 0, 0x04, 2, 2);
    set_reg(q, GFX, 6, 0x05);
    set_linear_mode(q, DISPI_ON);
    set_dispi(q, DISPI_BANK, 3);
    qtest_writel(q, GRAPHICS + 0x10, 0xcafef00d);
    g_assert_cmphex(qtest_readl(q, FRAMEBUFFER + 3 * 64 * KiB + 0x10), ==, 0xcafef00d);
    g_assert_cmphex(qtest_readl(q, FRAMEBUFFER + 0x10), ==, 0);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vga/text-memory-keeps-characters", test_text_memory_keeps_characters);
    g_test_add_func("/vga/planes-are-written-by-the-map-mask",
                    test_planes_are_written_by_the_map_mask);
    g_test_add_func("/vga/registers-read-back", test_registers_read_back);
    g_test_add_func("/vga/palette-reads-back", test_palette_reads_back);
    g_test_add_func("/vga/vbe-identity", test_vbe_identity);
    g_test_add_func("/vga/linear-mode-is-set-and-cleared", test_linear_mode_is_set_and_cleared);
    g_test_add_func("/vga/mode-larger-than-memory-is-cut-down",
                    test_mode_larger_than_memory_is_cut_down);
    g_test_add_func("/vga/bank-moves-the-window", test_bank_moves_the_window);
    return g_test_run();
}
