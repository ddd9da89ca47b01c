/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard VGA: text and linear pictures, damage, the planes' logic.
 */
#include "hw/display/vga.h"

#include "hw/core/machine_ui.h"
#include "tests/unit/hw/bare_machine.h"
#include <string.h>

enum { LINEAR = 0xe0000000, TEXT = 0xb8000, PLANES = 0xa0000 };
enum { COLS = 80, ROWS = 25 };

struct fixture {
    struct bare box;
    struct device *dev;
    struct console *console;
    struct console_listener listener;
    int x0, y0, x1, y1; /* of all damage since forget() */
};

static void damaged(void *opaque, int x, int y, int width, int height)
{
    struct fixture *f = opaque;

    f->x0 = MIN(f->x0, x);
    f->y0 = MIN(f->y0, y);
    f->x1 = MAX(f->x1, x + width);
    f->y1 = MAX(f->y1, y + height);
}

static void forget(struct fixture *f)
{
    f->x0 = f->y0 = G_MAXINT;
    f->x1 = f->y1 = 0;
}

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_init(&f->box);
    f->dev = isa_create(&f->box.isa, "isa-vga", NULL, NULL);
    g_assert_nonnull(f->dev);
    machine_reset(f->box.m);
    f->console = consoles_get(machine_consoles(f->box.m), 0);
    g_assert_nonnull(f->console);
    f->listener = (struct console_listener){.damaged = damaged, .opaque = f};
    console_listen(f->console, &f->listener);
    forget(f);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    console_unlisten(f->console, &f->listener);
    bare_fini(&f->box);
}

static void out(struct fixture *f, uint16_t port, uint8_t val)
{
    bare_outb(&f->box, port, val);
}

static void indexed(struct fixture *f, uint16_t port, uint8_t index, uint8_t val)
{
    out(f, port, index);
    out(f, port + 1, val);
}

static void dispi(struct fixture *f, uint16_t index, uint16_t val)
{
    address_space_store(&f->box.m->io, 0x1ce, index, 2, MEM_ATTRS_NONE);
    address_space_store(&f->box.m->io, 0x1cf, val, 2, MEM_ATTRS_NONE);
}

static void poke(struct fixture *f, uint64_t gpa, uint64_t val, unsigned size)
{
    address_space_store(&f->box.m->memory, gpa, val, size, MEM_ATTRS_NONE);
}

static uint8_t peek(struct fixture *f, uint64_t gpa)
{
    return (uint8_t)address_space_load(&f->box.m->memory, gpa, 1, MEM_ATTRS_NONE, NULL);
}

static uint32_t pixel(struct fixture *f, unsigned x, unsigned y)
{
    pixman_image_t *image = console_surface(f->console);

    return pixman_image_get_data(image)[y * (pixman_image_get_stride(image) / 4u) + x] & 0xffffff;
}

/* 80 by 25 characters of 9 by 16 dots, cursor off; colour 1 is blue, 7 is grey. */
static void text_mode(struct fixture *f)
{
    static const uint8_t seq[] = {0x03, 0x00, 0x03, 0x00, 0x02};
    static const uint8_t gfx[] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff};
    static const uint8_t crtc[] = {
        0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x2d, 0x0e, 0x00,
        0x00, 0x00, 0x00, 0x9c, 0x0e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
    };
    static const uint8_t attr[] = {0x0c, 0x00, 0x0f, 0x08, 0x00}; /* 8: no panning */

    out(f, 0x3c2, 0x67);
    for (unsigned i = 0; i < sizeof(seq); i++) {
        indexed(f, 0x3c4, (uint8_t)i, seq[i]);
    }
    for (unsigned i = 0; i < sizeof(gfx); i++) {
        indexed(f, 0x3ce, (uint8_t)i, gfx[i]);
    }
    for (unsigned i = 0; i < sizeof(crtc); i++) {
        indexed(f, 0x3d4, (uint8_t)i, crtc[i]);
    }
    bare_inb(&f->box, 0x3da);
    for (unsigned i = 0; i < VGA_ATTR_REGS; i++) {
        out(f, 0x3c0, (uint8_t)i);
        out(f, 0x3c0, i < 16 ? (uint8_t)i : attr[i - 16]);
    }
    indexed(f, 0x3d4, 0x0a, 0x20);
    out(f, 0x3c8, 1);
    out(f, 0x3c9, 0);
    out(f, 0x3c9, 0);
    out(f, 0x3c9, 0x3f);
    out(f, 0x3c8, 7);
    out(f, 0x3c9, 0x2a);
    out(f, 0x3c9, 0x2a);
    out(f, 0x3c9, 0x2a);
    out(f, 0x3c0, 0x20);
}

static void put_char(struct fixture *f, unsigned row, unsigned col, char ch, uint8_t attr)
{
    poke(f, TEXT + 2 * (row * COLS + col), (uint8_t)ch | attr << 8, 2);
}

/* Row line @line of character @ch in the first font. */
static void put_glyph(struct fixture *f, char ch, unsigned line, uint8_t dots)
{
    poke(f, LINEAR + 4 * ((uint8_t)ch * 32u + line) + 2, dots, 1);
}

static void test_text_is_drawn_with_its_font_and_colours(struct fixture *f, gconstpointer data)
{
    (void)data;
    text_mode(f);
    put_char(f, 1, 2, 'H', 0x17);
    put_glyph(f, 'H', 0, 0x81);
    console_update(f->console);
    g_assert_cmpuint(console_width(f->console), ==, 720);
    g_assert_cmpuint(console_height(f->console), ==, 400);
    g_assert_cmphex(pixel(f, 18, 16), ==, 0xaaaaaa);
    g_assert_cmphex(pixel(f, 19, 16), ==, 0x0000ff);
    g_assert_cmphex(pixel(f, 25, 16), ==, 0xaaaaaa);
    g_assert_cmphex(pixel(f, 26, 16), ==, 0x0000ff); /* the ninth dot */
    g_assert_cmphex(pixel(f, 18, 17), ==, 0x0000ff);
    g_assert_cmphex(pixel(f, 27, 16), ==, 0x000000);
}

static void test_text_can_be_read(struct fixture *f, gconstpointer data)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    (void)data;
    text_mode(f);
    put_char(f, 0, 0, 'O', 0x07);
    put_char(f, 0, 1, 'k', 0x07);
    put_char(f, 24, 1, (char)0xc4, 0x07);
    text = console_text(f->console);
    g_assert_nonnull(text);
    lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, ROWS + 1);
    g_assert_cmpstr(lines[0], ==, "Ok");
    g_assert_cmpstr(lines[1], ==, "");
    g_assert_cmpstr(lines[24], ==, " \xe2\x94\x80");
}

static void test_damage_is_the_changed_cell(struct fixture *f, gconstpointer data)
{
    (void)data;
    text_mode(f);
    put_glyph(f, 'X', 3, 0xff);
    console_update(f->console);
    forget(f);
    console_update(f->console);
    g_assert_cmpint(f->y1, ==, 0); /* nothing has changed */
    put_char(f, 2, 4, 'X', 0x07);
    console_update(f->console);
    g_assert_cmpint(f->x0, ==, 36);
    g_assert_cmpint(f->x1, ==, 44);
    g_assert_cmpint(f->y0, ==, 35);
    g_assert_cmpint(f->y1, ==, 36);
}

static void test_cursor_blinks(struct fixture *f, gconstpointer data)
{
    uint32_t before;

    (void)data;
    text_mode(f);
    indexed(f, 0x3d4, 0x0a, 0x0d);
    put_char(f, 0, 0, ' ', 0x07);
    console_update(f->console);
    before = pixel(f, 0, 13);
    bare_step(&f->box, 270 * NS_PER_MS);
    console_update(f->console);
    g_assert_cmphex(pixel(f, 0, 13), !=, before);
}

/* Mode 12h as far as the processor's side goes. */
static void planar_mode(struct fixture *f)
{
    out(f, 0x3c2, 0xe3);
    indexed(f, 0x3c4, 2, 0x0f);
    indexed(f, 0x3c4, 4, 0x06);
    indexed(f, 0x3ce, 5, 0x00);
    indexed(f, 0x3ce, 6, 0x05);
    indexed(f, 0x3ce, 7, 0x0f);
    indexed(f, 0x3ce, 8, 0xff);
}

static uint8_t plane(struct fixture *f, unsigned offset, unsigned n)
{
    return peek(f, LINEAR + 4 * offset + n);
}

static void test_write_mode_0_sets_and_masks(struct fixture *f, gconstpointer data)
{
    (void)data;
    planar_mode(f);
    poke(f, PLANES + 5, 0x3c, 1);
    g_assert_cmphex(plane(f, 5, 0), ==, 0x3c);
    g_assert_cmphex(plane(f, 5, 3), ==, 0x3c);
    indexed(f, 0x3ce, 0, 0x01); /* set plane 0, reset plane 1 */
    indexed(f, 0x3ce, 1, 0x03);
    indexed(f, 0x3ce, 8, 0xf0); /* only the left half */
    peek(f, PLANES + 5);        /* loads the latches */
    poke(f, PLANES + 5, 0x55, 1);
    g_assert_cmphex(plane(f, 5, 0), ==, 0xfc);
    g_assert_cmphex(plane(f, 5, 1), ==, 0x0c);
    g_assert_cmphex(plane(f, 5, 2), ==, 0x5c);
    indexed(f, 0x3c4, 2, 0x04); /* only plane 2 */
    indexed(f, 0x3ce, 1, 0x00);
    indexed(f, 0x3ce, 8, 0xff);
    poke(f, PLANES + 5, 0xaa, 1);
    g_assert_cmphex(plane(f, 5, 2), ==, 0xaa);
    g_assert_cmphex(plane(f, 5, 3), ==, 0x5c);
}

static void test_write_mode_1_copies_latches(struct fixture *f, gconstpointer data)
{
    (void)data;
    planar_mode(f);
    poke(f, LINEAR + 4 * 7, 0x44332211, 4);
    indexed(f, 0x3ce, 5, 0x01);
    peek(f, PLANES + 7);
    poke(f, PLANES + 8, 0x00, 1);
    g_assert_cmphex(plane(f, 8, 0), ==, 0x11);
    g_assert_cmphex(plane(f, 8, 1), ==, 0x22);
    g_assert_cmphex(plane(f, 8, 2), ==, 0x33);
    g_assert_cmphex(plane(f, 8, 3), ==, 0x44);
}

static void test_write_mode_3_uses_data_as_mask(struct fixture *f, gconstpointer data)
{
    (void)data;
    planar_mode(f);
    indexed(f, 0x3ce, 0, 0x05);
    indexed(f, 0x3ce, 5, 0x03);
    indexed(f, 0x3ce, 8, 0x0f);
    peek(f, PLANES + 9);
    poke(f, PLANES + 9, 0x3c, 1);
    g_assert_cmphex(plane(f, 9, 0), ==, 0x0c);
    g_assert_cmphex(plane(f, 9, 1), ==, 0x00);
    g_assert_cmphex(plane(f, 9, 2), ==, 0x0c);
}

static void test_read_mode_1_compares_colours(struct fixture *f, gconstpointer data)
{
    (void)data;
    planar_mode(f);
    poke(f, LINEAR, 0x00ff0ff0, 4); /* planes 0: f0, 1: 0f, 2: ff, 3: 00 */
    indexed(f, 0x3ce, 5, 0x08);
    indexed(f, 0x3ce, 2, 0x05); /* colour 5: planes 0 and 2 */
    g_assert_cmphex(peek(f, PLANES), ==, 0xf0);
    indexed(f, 0x3ce, 7, 0x04); /* only plane 2 counts */
    g_assert_cmphex(peek(f, PLANES), ==, 0xff);
}

static void linear_mode(struct fixture *f, uint16_t xres, uint16_t yres, uint16_t bpp)
{
    dispi(f, DISPI_ENABLE, 0);
    dispi(f, DISPI_XRES, xres);
    dispi(f, DISPI_YRES, yres);
    dispi(f, DISPI_BPP, bpp);
    dispi(f, DISPI_ENABLE, DISPI_ENABLED | DISPI_LINEAR);
    out(f, 0x3c0, 0x20);
}

static void test_linear_picture_is_video_memory(struct fixture *f, gconstpointer data)
{
    (void)data;
    linear_mode(f, 800, 600, 32);
    console_update(f->console);
    g_assert_cmpuint(console_width(f->console), ==, 800);
    forget(f);
    poke(f, LINEAR + 4 * (800 * 10 + 20), 0x123456, 4);
    g_assert_cmphex(pixel(f, 20, 10), ==, 0x123456);
    console_update(f->console);
    g_assert_cmpint(f->y0, <=, 10);
    g_assert_cmpint(f->y1, >=, 11);
    g_assert_cmpint(f->y1, <, 20); /* a page is less than two lines */
}

static void test_linear_16_bits_is_converted(struct fixture *f, gconstpointer data)
{
    (void)data;
    linear_mode(f, 640, 480, 16);
    poke(f, LINEAR + 2 * 3, 0xf800, 2);
    console_update(f->console);
    g_assert_cmphex(pixel(f, 3, 0), ==, 0xff0000);
}

static void test_modes_are_cut_to_the_memory(struct fixture *f, gconstpointer data)
{
    (void)data;
    linear_mode(f, 16000, 12000, 32);
    console_update(f->console);
    g_assert_cmpuint(console_width(f->console), ==, 16000);
    g_assert_cmpuint(console_height(f->console) * 16000ULL * 4, <=, 8 * MiB);
    dispi(f, DISPI_X_OFFSET, 0xffff);
    dispi(f, DISPI_Y_OFFSET, 0xffff);
    dispi(f, DISPI_VIRT_WIDTH, 0xffff);
    dispi(f, DISPI_BANK, 0xffff);
    console_update(f->console); /* within video memory, or a sanitizer complains */
    g_assert_cmpuint(console_height(f->console) * 16000ULL * 4, <=, 8 * MiB);
}

static void test_state_survives_saving(struct fixture *f, gconstpointer data)
{
    (void)data;
    text_mode(f);
    put_char(f, 1, 2, 'H', 0x17);
    put_glyph(f, 'H', 0, 0x81);
    bare_reload(f->dev);
    console_update(f->console);
    g_assert_cmpuint(console_width(f->console), ==, 720);
    g_assert_cmphex(pixel(f, 18, 16), ==, 0xaaaaaa);
    linear_mode(f, 800, 600, 32);
    bare_reload(f->dev);
    console_update(f->console);
    g_assert_cmpuint(console_width(f->console), ==, 800);
}

#define ADD(name) g_test_add("/vga/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(text_is_drawn_with_its_font_and_colours);
    ADD(text_can_be_read);
    ADD(damage_is_the_changed_cell);
    ADD(cursor_blinks);
    ADD(write_mode_0_sets_and_masks);
    ADD(write_mode_1_copies_latches);
    ADD(write_mode_3_uses_data_as_mask);
    ADD(read_mode_1_compares_colours);
    ADD(linear_picture_is_video_memory);
    ADD(linear_16_bits_is_converted);
    ADD(modes_are_cut_to_the_memory);
    ADD(state_survives_saving);
    return g_test_run();
}
