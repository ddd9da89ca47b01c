/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles: surfaces, listeners, text and screenshots.
 */
#include "ui/console.h"

#include "ui/console_priv.h"

#include <stdio.h>
#include <string.h>

struct console {
    struct consoles *set;
    char *name;
    const struct console_ops *ops;
    void *opaque;
    pixman_image_t *surface;
    void *own_pixels; /* of a surface that is not the device's */
    struct console_listener *listeners;
};

struct consoles {
    GPtrArray *all; /* struct console */
};

/* clang-format off */
const uint16_t cp437_unicode[256] = {
    0x0020, 0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022,
    0x25d8, 0x25cb, 0x25d9, 0x2642, 0x2640, 0x266a, 0x266b, 0x263c,
    0x25ba, 0x25c4, 0x2195, 0x203c, 0x00b6, 0x00a7, 0x25ac, 0x21a8,
    0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc,
    0x0020, 0x0021, 0x0022, 0x0023, 0x0024, 0x0025, 0x0026, 0x0027,
    0x0028, 0x0029, 0x002a, 0x002b, 0x002c, 0x002d, 0x002e, 0x002f,
    0x0030, 0x0031, 0x0032, 0x0033, 0x0034, 0x0035, 0x0036, 0x0037,
    0x0038, 0x0039, 0x003a, 0x003b, 0x003c, 0x003d, 0x003e, 0x003f,
    0x0040, 0x0041, 0x0042, 0x0043, 0x0044, 0x0045, 0x0046, 0x0047,
    0x0048, 0x0049, 0x004a, 0x004b, 0x004c, 0x004d, 0x004e, 0x004f,
    0x0050, 0x0051, 0x0052, 0x0053, 0x0054, 0x0055, 0x0056, 0x0057,
    0x0058, 0x0059, 0x005a, 0x005b, 0x005c, 0x005d, 0x005e, 0x005f,
    0x0060, 0x0061, 0x0062, 0x0063, 0x0064, 0x0065, 0x0066, 0x0067,
    0x0068, 0x0069, 0x006a, 0x006b, 0x006c, 0x006d, 0x006e, 0x006f,
    0x0070, 0x0071, 0x0072, 0x0073, 0x0074, 0x0075, 0x0076, 0x0077,
    0x0078, 0x0079, 0x007a, 0x007b, 0x007c, 0x007d, 0x007e, 0x2302,
    0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7,
    0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5,
    0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9,
    0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192,
    0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba,
    0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
    0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556,
    0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510,
    0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f,
    0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567,
    0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b,
    0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
    0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4,
    0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229,
    0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
    0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x0020,
};
/* clang-format on */

/* ---- the set ---- */

struct consoles *consoles_new(void)
{
    struct consoles *set = g_new0(struct consoles, 1);

    set->all = g_ptr_array_new();
    return set;
}

void consoles_free(struct consoles *set)
{
    if (set) {
        g_ptr_array_unref(set->all);
        g_free(set);
    }
}

unsigned consoles_count(const struct consoles *set)
{
    return set->all->len;
}

struct console *consoles_get(const struct consoles *set, unsigned index)
{
    return index < set->all->len ? g_ptr_array_index(set->all, index) : NULL;
}

struct console *consoles_find(const struct consoles *set, const char *name)
{
    for (guint i = 0; i < set->all->len; i++) {
        struct console *c = g_ptr_array_index(set->all, i);

        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

/* ---- surfaces ---- */

static bool size_fits(unsigned width, unsigned height)
{
    return width && height && width <= CONSOLE_MAX_WIDTH && height <= CONSOLE_MAX_HEIGHT;
}

/* @pixels: allocated here when @own. */
static bool replace_surface(struct console *c, unsigned width, unsigned height, void *pixels,
                            unsigned stride, bool own)
{
    pixman_image_t *image =
        pixman_image_create_bits(PIXMAN_x8r8g8b8, (int)width, (int)height, pixels, (int)stride);

    if (!image) {
        return false;
    }
    if (c->surface) {
        pixman_image_unref(c->surface);
    }
    g_free(c->own_pixels);
    c->own_pixels = own ? pixels : NULL;
    c->surface = image;
    for (struct console_listener *l = c->listeners, *next; l; l = next) {
        next = l->next;
        if (l->replaced) {
            l->replaced(l->opaque);
        }
    }
    return true;
}

bool console_resize(struct console *c, unsigned width, unsigned height)
{
    unsigned stride = width * 4;
    void *pixels;

    if (!size_fits(width, height)) {
        return false;
    }
    if (c->own_pixels && console_width(c) == width && console_height(c) == height) {
        return true;
    }
    pixels = g_try_malloc0((size_t)stride * height);
    if (!pixels) {
        return false;
    }
    if (!replace_surface(c, width, height, pixels, stride, /* own= */ true)) {
        g_free(pixels);
        return false;
    }
    return true;
}

bool console_show(struct console *c, unsigned width, unsigned height, void *pixels, unsigned stride)
{
    if (!size_fits(width, height) || stride < width * 4 || stride % 4) {
        return false;
    }
    return console_shows(c, width, height, pixels, stride) ||
           replace_surface(c, width, height, pixels, stride, /* own= */ false);
}

bool console_shows(const struct console *c, unsigned width, unsigned height, const void *pixels,
                   unsigned stride)
{
    return console_width(c) == width && console_height(c) == height &&
           (void *)pixman_image_get_data(c->surface) == pixels &&
           (unsigned)pixman_image_get_stride(c->surface) == stride;
}

struct console *console_new(struct consoles *set, const char *name, const struct console_ops *ops,
                            void *opaque)
{
    struct console *c = g_new0(struct console, 1);
    unsigned stride = 640 * 4;

    c->set = set;
    c->name = g_strdup(name);
    c->ops = ops;
    c->opaque = opaque;
    c->own_pixels = g_malloc0((size_t)stride * 480);
    c->surface = pixman_image_create_bits(PIXMAN_x8r8g8b8, 640, 480, c->own_pixels, (int)stride);
    g_assert(c->surface);
    g_ptr_array_add(set->all, c);
    return c;
}

void console_free(struct console *c)
{
    if (!c) {
        return;
    }
    while (c->listeners) {
        struct console_listener *l = c->listeners;

        c->listeners = l->next;
        l->next = NULL;
        if (l->gone) {
            l->gone(l->opaque);
        }
    }
    g_ptr_array_remove(c->set->all, c);
    pixman_image_unref(c->surface);
    g_free(c->own_pixels);
    g_free(c->name);
    g_free(c);
}

void console_damage(struct console *c, int x, int y, int width, int height)
{
    for (struct console_listener *l = c->listeners, *next; l; l = next) {
        next = l->next;
        if (l->damaged) {
            l->damaged(l->opaque, x, y, width, height);
        }
    }
}

/* ---- displays ---- */

const char *console_name(const struct console *c)
{
    return c->name;
}

pixman_image_t *console_surface(const struct console *c)
{
    return c->surface;
}

unsigned console_width(const struct console *c)
{
    return (unsigned)pixman_image_get_width(c->surface);
}

unsigned console_height(const struct console *c)
{
    return (unsigned)pixman_image_get_height(c->surface);
}

void console_update(struct console *c)
{
    c->ops->update(c->opaque);
}

void console_invalidate(struct console *c)
{
    c->ops->invalidate(c->opaque);
}

void console_listen(struct console *c, struct console_listener *l)
{
    l->next = c->listeners;
    c->listeners = l;
    console_invalidate(c);
}

void console_unlisten(struct console *c, struct console_listener *l)
{
    for (struct console_listener **p = &c->listeners; *p; p = &(*p)->next) {
        if (*p == l) {
            *p = l->next;
            l->next = NULL;
            return;
        }
    }
}

/* ---- text ---- */

bool console_get_text(struct console *c, struct console_text *ret)
{
    return c->ops->text && c->ops->text(c->opaque, ret);
}

char *console_text(struct console *c)
{
    struct console_text text = {0};
    GString *out;

    if (!console_get_text(c, &text)) {
        return NULL;
    }
    out = g_string_new(NULL);
    for (unsigned row = 0; row < text.rows; row++) {
        const struct console_cell *cells = text.cells + (size_t)row * text.cols;
        unsigned end = text.cols;

        while (end && (cells[end - 1].ch == ' ' || !cells[end - 1].ch)) {
            end--;
        }
        for (unsigned col = 0; col < end; col++) {
            g_string_append_unichar(out, cells[col].ch ? cells[col].ch : ' ');
        }
        g_string_append_c(out, '\n');
    }
    g_free(text.cells);
    return g_string_free(out, FALSE);
}

/* ---- screenshots ---- */

void console_row_rgb(pixman_image_t *image, unsigned y, uint8_t *rgb)
{
    const uint32_t *row =
        pixman_image_get_data(image) + (size_t)y * ((unsigned)pixman_image_get_stride(image) / 4);
    int width = pixman_image_get_width(image);

    for (int x = 0; x < width; x++) {
        *rgb++ = row[x] >> 16 & 0xff;
        *rgb++ = row[x] >> 8 & 0xff;
        *rgb++ = row[x] & 0xff;
    }
}

static bool write_ppm(pixman_image_t *image, FILE *file, const char *path, GError **error)
{
    unsigned width = (unsigned)pixman_image_get_width(image);
    unsigned height = (unsigned)pixman_image_get_height(image);
    g_autofree uint8_t *rgb = g_malloc((size_t)width * 3);

    fprintf(file, "P6\n%u %u\n255\n", width, height);
    for (unsigned y = 0; y < height; y++) {
        console_row_rgb(image, y, rgb);
        if (fwrite(rgb, 3, width, file) != width) {
            return fail_errno(error, "cannot write '%s'", path);
        }
    }
    return true;
}

static bool screendump(struct console *c, const char *path, GError **error,
                       bool (*write_image)(pixman_image_t *image, FILE *file, const char *path,
                                           GError **error))
{
    FILE *file = fopen(path, "wbe");
    bool ok;

    if (!file) {
        return fail_errno(error, "cannot create '%s'", path);
    }
    console_update(c);
    ok = write_image(c->surface, file, path, error);
    if (fclose(file) != 0 && ok) {
        return fail_errno(error, "cannot write '%s'", path);
    }
    return ok;
}

bool console_screendump_ppm(struct console *c, const char *path, GError **error)
{
    return screendump(c, path, error, write_ppm);
}

bool console_screendump_png(struct console *c, const char *path, GError **error)
{
    if (HAVE_PNG) {
        return screendump(c, path, error, console_write_png);
    }
    return fail(error, "this build has no PNG (libpng was not found); use format ppm");
}
