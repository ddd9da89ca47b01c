/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VGA: text modes, as pixels and as characters.
 *
 * The character is in plane 0, its attribute in plane 1, fonts in plane 2: 32 bytes per character,
 * eight fonts, of which attribute bit 3 chooses one of two.
 */
#include "hw/display/vga.h"

#include "util/bytes.h"

enum { ATTR10_MONO = 0x02, ATTR10_LINE_GRAPHICS = 0x04, ATTR10_BLINK = 0x08 };
enum { CURSOR_OFF = 0x20 };
enum { PHASE_FAST = 1, PHASE_SLOW = 2 }; /* bits of blink_phase: the cursor's, the text's */

/* The text's colours and cursor, the same for a whole picture. */
struct text_style {
    uint32_t colors[16];
    bool blink, mono;
    uint32_t cursor; /* counter of the cell */
    unsigned cursor_first, cursor_last;
    bool cursor_shown;
    uint32_t fonts[2]; /* where they begin in plane 2; by attribute bit 3 */
};

static uint32_t font_offset(unsigned n)
{
    return (n & 3) * 0x4000u + (n >> 2) * 0x2000u;
}

static void get_style(const struct vga *v, struct text_style *s)
{
    const uint8_t *c = v->crtc;
    uint8_t map = v->seq[3];

    for (unsigned i = 0; i < 16; i++) {
        s->colors[i] = vga_attr_color(v, i);
    }
    s->blink = v->attr[0x10] & ATTR10_BLINK;
    s->mono = v->attr[0x10] & ATTR10_MONO;
    s->cursor = c[0xe] << 8 | c[0xf];
    s->cursor_first = c[0xa] & 0x1f;
    s->cursor_last = c[0xb] & 0x1f;
    s->cursor_shown = !(c[0xa] & CURSOR_OFF) && s->cursor_first <= s->cursor_last;
    s->fonts[0] = font_offset((map & 3) | (map >> 2 & 4));
    s->fonts[1] = font_offset((map >> 2 & 3) | (map >> 3 & 4));
}

/* The eight dots of row line @line of @ch. */
static uint8_t glyph_dots(const struct vga *v, const struct text_style *s, uint8_t ch, uint8_t attr,
                          unsigned line)
{
    uint32_t addr = s->fonts[attr >> 3 & 1] + ch * 32u + line;

    return v->ram->host[4 * (addr & 0xffff) + 2];
}

/* The ninth dot: the eighth again for the characters that draw lines, else background. */
static bool ninth_dot(const struct vga *v, uint8_t ch, uint8_t dots)
{
    return (v->attr[0x10] & ATTR10_LINE_GRAPHICS) && (ch & 0xe0) == 0xc0 && (dots & 1);
}

/* Draws one cell's line; returns the place after it. */
static uint32_t *cell_line(const struct vga *v, const struct vga_frame *f,
                           const struct text_style *s, uint32_t counter, unsigned line,
                           uint32_t *out)
{
    uint32_t p = load_le32(v->ram->host + 4 * (size_t)vga_crtc_address(v, counter, line));
    uint8_t ch = p & 0xff, attr = p >> 8 & 0xff;
    unsigned dots = glyph_dots(v, s, ch, attr, line);
    uint32_t fg = s->colors[attr & 0xf];
    uint32_t bg = s->colors[attr >> 4 & (s->blink ? 7 : 0xf)];
    bool last = ninth_dot(v, ch, (uint8_t)dots);

    if (s->blink && (attr & 0x80) && (v->blink_phase & PHASE_SLOW)) {
        fg = bg;
    }
    if (s->mono && (attr & 7) == 1 && line == (v->crtc[0x14] & 0x1fu)) {
        dots = 0xff; /* underlined */
        last = true;
    }
    if (s->cursor_shown && counter == s->cursor && line >= s->cursor_first &&
        line <= s->cursor_last && !(v->blink_phase & PHASE_FAST)) {
        dots = 0xff;
        last = true;
        fg = s->colors[attr & 0xf];
    }
    dots = dots << 1 | last;
    for (unsigned i = 0; i < f->char_width; i++) {
        uint32_t color = dots >> (8 - i) & 1 ? fg : bg;

        for (unsigned n = 0; n < f->dot_repeat; n++) {
            *out++ = color;
        }
    }
    return out;
}

void vga_text_line(const struct vga *v, const struct vga_frame *f, unsigned y, uint32_t *out)
{
    struct text_style s;
    uint32_t counter;
    unsigned line;

    get_style(v, &s);
    vga_locate(f, y, &counter, &line);
    for (unsigned col = 0; col <= f->cols; col++) { /* one more, for panning */
        out = cell_line(v, f, &s, (counter + col) & 0xffff, line, out);
    }
}

/* ---- characters ---- */

/* The standard colours by number have red in bit 2 and blue in bit 0, as struct console_cell. */
static struct console_cell get_cell(const struct vga *v, const struct text_style *s,
                                    uint32_t counter)
{
    uint32_t p = load_le32(v->ram->host + 4 * (size_t)vga_crtc_address(v, counter, 0));
    uint8_t attr = p >> 8 & 0xff;

    return (struct console_cell){
        .ch = cp437_unicode[p & 0xff],
        .fg = attr & 0xf,
        .bg = attr >> 4 & (s->blink ? 7 : 0xf),
        .blink = s->blink && (attr & 0x80),
    };
}

bool vga_text_cells(void *opaque, struct console_text *ret)
{
    const struct vga *v = opaque;
    struct vga_frame f;
    struct text_style s;

    vga_get_frame(v, &f);
    if (f.kind != VGA_TEXT) {
        return false;
    }
    get_style(v, &s);
    *ret = (struct console_text){
        .cols = f.cols,
        .rows = MAX(f.height / (f.row_lines * f.line_repeat), 1),
        .cells = NULL,
    };
    ret->cells = g_new0(struct console_cell, (size_t)ret->cols * ret->rows);
    for (unsigned row = 0; row < ret->rows; row++) {
        uint32_t counter;
        unsigned line;

        vga_locate(&f, row * f.row_lines * f.line_repeat, &counter, &line);
        for (unsigned col = 0; col < ret->cols; col++) {
            uint32_t at = (counter + col) & 0xffff;

            ret->cells[row * ret->cols + col] = get_cell(v, &s, at);
            if (at == s.cursor) {
                ret->cursor_col = col;
                ret->cursor_row = row;
                ret->cursor_visible = s.cursor_shown;
            }
        }
    }
    return true;
}
