/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VGA: the picture.
 *
 * On request only: nobody looking costs nothing. First the registers become a struct vga_frame;
 * when it or a colour has changed, or a page of video memory that shows is dirty, lines are drawn
 * into a buffer and compared with the surface, so that displays hear exactly of what has changed.
 * A linear mode with 32 bits per pixel is not drawn at all: the surface is video memory.
 */
#include "hw/display/vga.h"

#include "hw/core/machine.h"
#include "util/bytes.h"
#include <string.h>

enum { ATTR_SCREEN_ON = 0x20, SEQ1_8_DOTS = 0x01, SEQ1_HALF_CLOCK = 0x08, SEQ1_SCREEN_OFF = 0x20 };
enum { GFX5_INTERLEAVE = 0x20, GFX5_256 = 0x40, GFX6_GRAPHICS = 0x01 };
enum { CRTC17_BANK13 = 0x01, CRTC17_BANK14 = 0x02, CRTC17_WRAP = 0x20, CRTC17_BYTE = 0x40 };
enum { CRTC14_DOUBLE = 0x40 };

#define LINE_SLACK   64                /* pixels drawn beyond the line's end */
#define BLINK_NS     (266 * NS_PER_MS) /* half a period of the cursor */
#define LEGACY_BYTES (256 * KiB)

/* ---- what the registers say ---- */

static void get_linear_frame(const struct vga *v, struct vga_frame *f)
{
    uint32_t stride = vga_dispi_stride(v);

    f->vbe = true;
    f->bpp = v->dispi[DISPI_BPP];
    f->width = v->dispi[DISPI_XRES];
    f->height = v->dispi[DISPI_YRES];
    f->offset = stride;
    f->line_compare = UINT32_MAX;
    f->row_lines = f->line_repeat = f->dot_repeat = 1;
    f->start = v->dispi[DISPI_Y_OFFSET] * stride;
    if (f->bpp == 4) {
        f->kind = VGA_PLANAR;
        f->cols = f->width / 8;
        f->start += v->dispi[DISPI_X_OFFSET] / 8;
    } else {
        f->kind = VGA_LINEAR;
        f->start += v->dispi[DISPI_X_OFFSET] * ((f->bpp + 7) / 8);
        f->big_endian = v->big_endian;
    }
}

static enum vga_kind legacy_kind(const struct vga *v)
{
    if (!(v->gfx[6] & GFX6_GRAPHICS)) {
        return VGA_TEXT;
    }
    if (v->gfx[5] & GFX5_256) {
        return VGA_CHUNKY;
    }
    return v->gfx[5] & GFX5_INTERLEAVE ? VGA_CGA : VGA_PLANAR;
}

/* The dots by which the picture is shifted to the left. */
static unsigned pan_dots(const struct vga *v, const struct vga_frame *f)
{
    unsigned pan = v->attr[0x13] & 0xf;

    switch (f->kind) {
    case VGA_CHUNKY:
        return (pan & 7) & ~1u; /* half as many pixels, each two dots */
    case VGA_TEXT:
        if (f->char_width == 9) {
            return pan > 7 ? 0 : pan + 1;
        }
        return pan & 7;
    default:
        return pan & 7;
    }
}

static void get_legacy_frame(const struct vga *v, struct vga_frame *f)
{
    const uint8_t *c = v->crtc;

    f->kind = legacy_kind(v);
    f->bpp = 8;
    f->cols = c[1] + 1u;
    f->char_width = f->kind == VGA_TEXT && !(v->seq[1] & SEQ1_8_DOTS) ? 9 : 8;
    f->dot_repeat = f->kind != VGA_CHUNKY && (v->seq[1] & SEQ1_HALF_CLOCK) ? 2 : 1;
    f->width = f->cols * f->char_width * f->dot_repeat;
    f->height = (c[0x12] | (c[7] & 0x02) << 7 | (c[7] & 0x40) << 3) + 1u;
    f->line_compare = c[0x18] | (c[7] & 0x10u) << 4 | (c[9] & 0x40u) << 3;
    f->start = (c[0xc] << 8 | c[0xd]) + (c[8] >> 5 & 3u);
    f->offset = c[0x13] * 2u;
    f->row_lines = (c[9] & 0x1f) + 1u;
    f->line_repeat = c[9] & 0x80 ? 2 : 1;
    f->first_row_line = c[8] & 0x1f;
    f->pan = pan_dots(v, f);
}

void vga_get_frame(const struct vga *v, struct vga_frame *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (!(v->attr_index & ATTR_SCREEN_ON) || (v->seq[1] & SEQ1_SCREEN_OFF)) {
        ret->kind = VGA_BLANK;
        ret->width = console_width(v->console);
        ret->height = console_height(v->console);
    } else if (vga_dispi_on(v)) {
        get_linear_frame(v, ret);
    } else {
        get_legacy_frame(v, ret);
    }
}

uint32_t vga_crtc_address(const struct vga *v, uint32_t counter, unsigned row_line)
{
    uint8_t mode = v->crtc[0x17];
    uint32_t addr = counter;

    if (v->crtc[0x14] & CRTC14_DOUBLE) {
        addr = counter << 2 | (counter >> 14 & 3);
    } else if (!(mode & CRTC17_BYTE)) {
        addr = counter << 1 | (counter >> (mode & CRTC17_WRAP ? 15 : 13) & 1);
    }
    if (!(mode & CRTC17_BANK13)) {
        addr = (addr & ~0x2000u) | (row_line & 1) << 13;
    }
    if (!(mode & CRTC17_BANK14)) {
        addr = (addr & ~0x4000u) | (row_line & 2) << 13;
    }
    return addr & 0xffff;
}

void vga_locate(const struct vga_frame *f, unsigned y, uint32_t *ret_counter,
                unsigned *ret_row_line)
{
    uint32_t base = f->start, first = f->first_row_line;

    if (y > f->line_compare) { /* the lower part of a split screen shows memory from 0 */
        y -= f->line_compare + 1;
        base = first = 0;
    }
    y = y / f->line_repeat + first;
    *ret_counter = base + y / f->row_lines * f->offset;
    *ret_row_line = y % f->row_lines;
}

/* ---- colours ---- */

static void get_colors(struct vga *v)
{
    bool wide = v->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC;

    for (unsigned i = 0; i < 256; i++) {
        const uint8_t *c = &v->dac[(i & v->pel_mask) * 3];
        uint32_t rgb = 0;

        for (unsigned k = 0; k < 3; k++) {
            rgb = rgb << 8 | (wide ? c[k] : (uint8_t)(c[k] << 2 | (c[k] >> 4 & 3)));
        }
        v->colors[i] = rgb;
    }
}

uint32_t vga_attr_color(const struct vga *v, unsigned index)
{
    uint8_t val = v->attr[index & v->attr[0x12] & 0xf];

    if (v->attr[0x10] & 0x80) { /* bits 4 and 5 come from colour select too */
        val = (val & 0x0f) | (v->attr[0x14] & 0x3) << 4;
    }
    return v->colors[(val & 0x3f) | (v->attr[0x14] & 0xc) << 4];
}

/* ---- lines ---- */

static uint32_t *put_dots(uint32_t *out, uint32_t color, unsigned count)
{
    while (count--) {
        *out++ = color;
    }
    return out;
}

/* The four planes at @addr; beyond the memory of the mode it starts anew. */
static uint32_t load_planes(const struct vga *v, const struct vga_frame *f, uint32_t addr)
{
    uint32_t size = f->vbe ? v->vram_bytes / 4 : (uint32_t)LEGACY_BYTES / 4;

    return load_le32(v->ram->host + 4 * (size_t)(addr & (size - 1)));
}

static void planar_line(const struct vga *v, const struct vga_frame *f, unsigned y, uint32_t *out)
{
    uint32_t colors[16], counter;
    unsigned row_line;

    for (unsigned i = 0; i < 16; i++) {
        colors[i] = vga_attr_color(v, i);
    }
    vga_locate(f, y, &counter, &row_line);
    for (unsigned c = 0; c <= f->cols; c++) { /* one more, for panning */
        uint32_t addr = f->vbe ? counter + c : vga_crtc_address(v, counter + c, row_line);
        uint32_t p = load_planes(v, f, addr);

        for (int bit = 7; bit >= 0; bit--) {
            unsigned index = (p >> bit & 1) | (p >> (bit + 8) & 1) << 1 |
                             (p >> (bit + 16) & 1) << 2 | (p >> (bit + 24) & 1) << 3;

            out = put_dots(out, colors[index], f->dot_repeat);
        }
    }
}

/* Two bits per pixel: four in the even planes' byte, then four in the odd planes'. */
static void cga_line(const struct vga *v, const struct vga_frame *f, unsigned y, uint32_t *out)
{
    uint32_t counter;
    unsigned row_line;

    vga_locate(f, y, &counter, &row_line);
    for (unsigned c = 0; c <= f->cols; c++) {
        uint32_t p = load_planes(v, f, vga_crtc_address(v, counter + c, row_line));

        for (unsigned i = 0; i < 8; i++) {
            unsigned shift = (i & 4 ? 8 : 0) + 6 - 2 * (i & 3);
            unsigned index = (p >> shift & 3) | (p >> (shift + 16) & 3) << 2;

            out = put_dots(out, vga_attr_color(v, index), f->dot_repeat);
        }
    }
}

/* Chain 4 and mode X alike: a counter stands for four bytes, whatever the CRTC multiplies it by. */
static void chunky_line(const struct vga *v, const struct vga_frame *f, unsigned y, uint32_t *out)
{
    uint32_t counter;
    unsigned row_line;

    vga_locate(f, y, &counter, &row_line);
    for (unsigned c = 0; c <= f->cols; c++) {
        uint32_t p = load_planes(v, f, (counter + c) & 0xffff);

        for (unsigned i = 0; i < 4; i++) {
            out = put_dots(out, v->colors[p >> (8 * i) & 0xff], 2);
        }
    }
}

static uint32_t expand(uint32_t val, unsigned shift, unsigned bits)
{
    uint32_t c = val >> shift & ((1u << bits) - 1);

    return c << (8 - bits) | c >> (2 * bits - 8);
}

static uint32_t linear_pixel(const struct vga *v, const struct vga_frame *f, const uint8_t *p)
{
    uint32_t val;

    switch (f->bpp) {
    case 8:
        return v->colors[*p];
    case 15:
        val = f->big_endian ? load_be16(p) : load_le16(p);
        return expand(val, 10, 5) << 16 | expand(val, 5, 5) << 8 | expand(val, 0, 5);
    case 16:
        val = f->big_endian ? load_be16(p) : load_le16(p);
        return expand(val, 11, 5) << 16 | expand(val, 5, 6) << 8 | expand(val, 0, 5);
    case 24:
        return f->big_endian ? (uint32_t)p[0] << 16 | p[1] << 8 | p[2]
                             : (uint32_t)p[2] << 16 | p[1] << 8 | p[0];
    default:
        return (f->big_endian ? load_be32(p) : load_le32(p)) & 0xffffff;
    }
}

static void linear_line(const struct vga *v, const struct vga_frame *f, unsigned y, uint32_t *out)
{
    uint32_t bytes = (f->bpp + 7) / 8;
    uint64_t pos = f->start + (uint64_t)y * f->offset;

    for (unsigned x = 0; x < f->width; x++, pos += bytes) {
        out[x] = pos + bytes <= v->vram_bytes ? linear_pixel(v, f, v->ram->host + pos) : 0;
    }
}

/* Draws line @y into v->line; returns where its first pixel is. */
static const uint32_t *draw_line(struct vga *v, const struct vga_frame *f, unsigned y)
{
    switch (f->kind) {
    case VGA_TEXT:
        vga_text_line(v, f, y, v->line);
        break;
    case VGA_PLANAR:
        planar_line(v, f, y, v->line);
        break;
    case VGA_CGA:
        cga_line(v, f, y, v->line);
        break;
    case VGA_CHUNKY:
        chunky_line(v, f, y, v->line);
        break;
    case VGA_LINEAR:
        linear_line(v, f, y, v->line);
        break;
    default:
        memset(v->line, 0, f->width * sizeof(uint32_t));
        break;
    }
    return v->line + f->pan * f->dot_repeat;
}

/* ---- damage ---- */

static void flush_damage(struct vga *v)
{
    if (v->damage_y1 > v->damage_y0) {
        console_damage(v->console, v->damage_x0, v->damage_y0, v->damage_x1 - v->damage_x0,
                       v->damage_y1 - v->damage_y0);
    }
    v->damage_y0 = v->damage_y1 = 0;
}

/* Line @y has changed from @x0 up to, not including, @x1. */
static void add_damage(struct vga *v, int y, int x0, int x1)
{
    if (v->damage_y1 == y && v->damage_y1 > v->damage_y0) {
        v->damage_x0 = MIN(v->damage_x0, x0);
        v->damage_x1 = MAX(v->damage_x1, x1);
    } else {
        flush_damage(v);
        v->damage_y0 = y;
        v->damage_x0 = x0;
        v->damage_x1 = x1;
    }
    v->damage_y1 = y + 1;
}

/* Copies what differs into the surface. */
static void put_line(struct vga *v, const struct vga_frame *f, unsigned y, const uint32_t *line)
{
    pixman_image_t *image = console_surface(v->console);
    uint32_t *row =
        pixman_image_get_data(image) + (size_t)y * ((unsigned)pixman_image_get_stride(image) / 4);
    int x0 = 0, x1 = (int)f->width;

    while (x0 < x1 && row[x0] == line[x0]) {
        x0++;
    }
    if (x0 == x1) {
        return;
    }
    while (row[x1 - 1] == line[x1 - 1]) {
        x1--;
    }
    memcpy(row + x0, line + x0, (size_t)(x1 - x0) * sizeof(*row));
    add_damage(v, (int)y, x0, x1);
}

/* ---- what has to be drawn ---- */

/* Takes the dirty bits of [@start, @start + @len) into v->dirty; returns whether there are any. */
static bool take_dirty(struct vga *v, uint64_t start, uint64_t len)
{
    uint64_t first = start >> RAM_PAGE_BITS;
    uint64_t end = MIN(start + len, v->vram_bytes);
    bool any = false;

    for (uint64_t page = first; page << RAM_PAGE_BITS < end; page++) {
        v->dirty[page] =
            ram_block_test_clear(v->ram, DIRTY_DISPLAY, page << RAM_PAGE_BITS, RAM_PAGE_SIZE);
        any |= v->dirty[page];
    }
    return any;
}

static bool line_dirty(const struct vga *v, uint64_t start, uint64_t len)
{
    uint64_t end = MIN(start + len, v->vram_bytes);

    for (uint64_t page = start >> RAM_PAGE_BITS; page << RAM_PAGE_BITS < end; page++) {
        if (v->dirty[page]) {
            return true;
        }
    }
    return false;
}

static bool take_frame_dirty(struct vga *v, const struct vga_frame *f)
{
    switch (f->kind) {
    case VGA_BLANK:
        return false;
    case VGA_LINEAR:
        return take_dirty(v, f->start, (uint64_t)f->height * f->offset);
    default:
        return take_dirty(v, 0, f->vbe ? v->vram_bytes : LEGACY_BYTES);
    }
}

/* Whether the surface can be video memory itself. */
static bool direct(const struct vga *v, const struct vga_frame *f)
{
    return f->kind == VGA_LINEAR && f->bpp == 32 && !f->big_endian && f->start % 4 == 0 &&
           f->offset % 4 == 0 && G_BYTE_ORDER == G_LITTLE_ENDIAN &&
           f->start + (uint64_t)f->height * f->offset <= v->vram_bytes;
}

/* Surface and line buffer for @f; false when there is no memory for them. */
static bool prepare(struct vga *v, const struct vga_frame *f)
{
    size_t pixels = (size_t)f->width + LINE_SLACK;

    if (pixels > v->line_pixels) {
        g_free(v->line);
        v->line = g_new(uint32_t, pixels);
        v->line_pixels = pixels;
    }
    if (direct(v, f)) {
        return console_show(v->console, f->width, f->height, v->ram->host + f->start, f->offset);
    }
    return console_resize(v->console, f->width, f->height);
}

static void draw(struct vga *v, const struct vga_frame *f, bool all)
{
    bool is_direct = direct(v, f);

    for (unsigned y = 0; y < f->height; y++) {
        if (f->kind == VGA_LINEAR && !all &&
            !line_dirty(v, f->start + (uint64_t)y * f->offset, f->width * ((f->bpp + 7) / 8))) {
            continue;
        }
        if (is_direct) {
            add_damage(v, (int)y, 0, (int)f->width);
        } else {
            put_line(v, f, y, draw_line(v, f, y));
        }
    }
    flush_damage(v);
}

/* Text with blinking parts is drawn again when they appear or vanish. */
static bool blink_changed(struct vga *v, const struct vga_frame *f)
{
    unsigned phase = (unsigned)(clock_now_ns(&v->dev->machine->clock_virtual) / BLINK_NS) & 3;
    bool changed = phase != v->blink_phase && f->kind == VGA_TEXT;

    v->blink_phase = phase;
    return changed;
}

static void update(void *opaque)
{
    struct vga *v = opaque;
    struct vga_frame f;
    bool all, dirty;

    if (!v->watching) {
        ram_block_watch(v->ram, DIRTY_DISPLAY);
        v->watching = true;
    }
    vga_get_frame(v, &f);
    all = v->redraw || memcmp(&f, &v->frame, sizeof(f)) != 0;
    ram_block_sync_dirty(v->ram);
    dirty = take_frame_dirty(v, &f);
    if (!blink_changed(v, &f) && !all && !dirty && !v->report_all) {
        return;
    }
    if (!prepare(v, &f)) {
        return; /* the old picture stays */
    }
    get_colors(v);
    v->frame = f;
    v->redraw = false;
    draw(v, &f, all || v->report_all);
    if (v->report_all) {
        v->report_all = false;
        console_damage(v->console, 0, 0, (int)f.width, (int)f.height);
    }
}

static void invalidate(void *opaque)
{
    struct vga *v = opaque;

    v->report_all = true;
}

const struct console_ops vga_console_ops = {
    .update = update,
    .invalidate = invalidate,
    .text = vga_text_cells,
};
