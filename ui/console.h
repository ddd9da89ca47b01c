/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles: the screens of a machine.
 *
 * A display device makes a console and draws into its surface when somebody asks with
 * console_update(); nobody asking costs nothing. Displays (VNC, SDL, a screenshot) subscribe with a
 * listener and are told which part has changed. A screen in text mode can also give its characters.
 *
 * Locking: machine lock.
 */
#ifndef VITRO_UI_CONSOLE_H
#define VITRO_UI_CONSOLE_H

#include "util/error.h"
#include <pixman.h>

#define CONSOLE_MAX_WIDTH  16384
#define CONSOLE_MAX_HEIGHT 16384

struct console;
struct consoles; /* the machine's */

struct console_cell {
    uint32_t ch;    /* Unicode */
    uint8_t fg, bg; /* 0 to 15: bit 0 blue, 1 green, 2 red, 3 bright */
    bool blink;
};

struct console_text {
    unsigned cols, rows;
    unsigned cursor_col, cursor_row;
    bool cursor_visible;
    struct console_cell *cells; /* row after row; g_free() */
};

/* What a device does for its console. */
struct console_ops {
    /* Draws what has changed since the last call and reports it with console_damage(). */
    void (*update)(void *opaque);
    /* The next update draws everything. */
    void (*invalidate)(void *opaque);
    /* Fills *@ret; false when the screen shows graphics. May be NULL. */
    bool (*text)(void *opaque, struct console_text *ret);
};

/* A display's end. Functions may be NULL. */
struct console_listener {
    void (*damaged)(void *opaque, int x, int y, int width, int height);
    /* There is another surface, perhaps of another size; all of it is new. */
    void (*replaced)(void *opaque);
    /* The console goes away: the listener is off already. */
    void (*gone)(void *opaque);
    void *opaque;
    struct console_listener *next; /* the console's */
};

struct consoles *consoles_new(void);
void consoles_free(struct consoles *set); /* NULL is fine; all consoles have gone */
unsigned consoles_count(const struct consoles *set);
/* In the order they were made; NULL beyond the last. */
struct console *consoles_get(const struct consoles *set, unsigned index);
/* NULL when there is none of that name. */
struct console *consoles_find(const struct consoles *set, const char *name);

/* ---- for devices ---- */

/* A console with a blank 640x480 surface. @name is copied ("VGA"). */
struct console *console_new(struct consoles *set, const char *name, const struct console_ops *ops,
                            void *opaque);
void console_free(struct console *c); /* NULL is fine */

/* A new blank surface of the console's own, x8r8g8b8. False, and nothing changes, when the size is
 * 0 or beyond the largest, or memory is short. The same size as before keeps the surface. */
bool console_resize(struct console *c, unsigned width, unsigned height);
/* Shows @pixels, which the device owns and keeps until it replaces or frees the console: rows of
 * @stride bytes, x8r8g8b8. False as above. */
bool console_show(struct console *c, unsigned width, unsigned height, void *pixels,
                  unsigned stride);
/* Whether the surface is @pixels, laid out like this. */
bool console_shows(const struct console *c, unsigned width, unsigned height, const void *pixels,
                   unsigned stride);
void console_damage(struct console *c, int x, int y, int width, int height);

/* ---- for displays ---- */

const char *console_name(const struct console *c);
/* Replaced by console_resize() and console_show(): take a reference to keep it longer. */
pixman_image_t *console_surface(const struct console *c);
unsigned console_width(const struct console *c);
unsigned console_height(const struct console *c);
void console_update(struct console *c);
void console_invalidate(struct console *c);
/* @l is the display's and stays until it is taken off. */
void console_listen(struct console *c, struct console_listener *l);
void console_unlisten(struct console *c, struct console_listener *l);

/* The characters of a screen in text mode; false when it shows graphics. */
bool console_get_text(struct console *c, struct console_text *ret);
/* The same as lines of UTF-8, blanks at their ends cut off; g_free(). NULL as above. */
char *console_text(struct console *c);

/* The screen as it is now, into file @path. */
bool console_screendump_ppm(struct console *c, const char *path, GError **error);
/* Fails when this build has no libpng. */
bool console_screendump_png(struct console *c, const char *path, GError **error);

/* Code page 437, which text modes use, in Unicode; control characters as the pictures they show. */
extern const uint16_t cp437_unicode[256];

#endif
