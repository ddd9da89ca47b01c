/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles: surfaces, listeners, text, screenshots.
 */
#include "ui/console.h"

#include <glib/gstdio.h>
#include <string.h>

struct fixture {
    struct consoles *set;
    struct console *c;
    struct console_listener listener;
    unsigned updates, invalidations, replaced, gone;
    int damage[4];
    bool graphics;
};

static void update(void *opaque)
{
    struct fixture *f = opaque;

    f->updates++;
}

static void invalidate(void *opaque)
{
    struct fixture *f = opaque;

    f->invalidations++;
}

static bool text(void *opaque, struct console_text *ret)
{
    static const char *const rows[] = {"one ", " two"};
    struct fixture *f = opaque;

    if (f->graphics) {
        return false;
    }
    *ret = (struct console_text){.cols = 4, .rows = 2};
    ret->cells = g_new0(struct console_cell, 8);
    for (unsigned i = 0; i < 8; i++) {
        ret->cells[i].ch = (uint8_t)rows[i / 4][i % 4];
    }
    return true;
}

static const struct console_ops ops = {update, invalidate, text};

static void damaged(void *opaque, int x, int y, int width, int height)
{
    struct fixture *f = opaque;
    const int damage[4] = {x, y, width, height};

    memcpy(f->damage, damage, sizeof(damage));
}

static void replaced(void *opaque)
{
    struct fixture *f = opaque;

    f->replaced++;
}

static void gone(void *opaque)
{
    struct fixture *f = opaque;

    f->gone++;
}

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->set = consoles_new();
    f->c = console_new(f->set, "screen", &ops, f);
    f->listener = (struct console_listener){damaged, replaced, gone, f, NULL};
    console_listen(f->c, &f->listener);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    console_free(f->c);
    consoles_free(f->set);
}

static void test_set_knows_its_consoles(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmpuint(consoles_count(f->set), ==, 1);
    g_assert_true(consoles_get(f->set, 0) == f->c);
    g_assert_null(consoles_get(f->set, 1));
    g_assert_true(consoles_find(f->set, "screen") == f->c);
    g_assert_null(consoles_find(f->set, "other"));
}

static void test_listeners_hear_of_damage_size_and_end(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmpuint(f->invalidations, ==, 1); /* a new listener wants all of it */
    console_damage(f->c, 1, 2, 3, 4);
    g_assert_cmpint(f->damage[0], ==, 1);
    g_assert_cmpint(f->damage[3], ==, 4);
    g_assert_true(console_resize(f->c, 320, 200));
    g_assert_true(console_resize(f->c, 320, 200));
    g_assert_cmpuint(f->replaced, ==, 1);
    g_assert_cmpuint(console_width(f->c), ==, 320);
    console_free(f->c);
    f->c = NULL;
    g_assert_cmpuint(f->gone, ==, 1);
    g_assert_cmpuint(consoles_count(f->set), ==, 0);
}

static void test_impossible_sizes_change_nothing(struct fixture *f, gconstpointer data)
{
    uint32_t pixels[4] = {0};

    (void)data;
    g_assert_false(console_resize(f->c, 0, 100));
    g_assert_false(console_resize(f->c, CONSOLE_MAX_WIDTH + 1, 100));
    g_assert_false(console_show(f->c, 2, 2, pixels, 4));
    g_assert_cmpuint(console_width(f->c), ==, 640);
    g_assert_cmpuint(f->replaced, ==, 0);
}

static void test_surface_may_be_the_devices_memory(struct fixture *f, gconstpointer data)
{
    uint32_t pixels[4] = {1, 2, 3, 4};

    (void)data;
    g_assert_true(console_show(f->c, 2, 2, pixels, 8));
    g_assert_true(console_shows(f->c, 2, 2, pixels, 8));
    pixels[3] = 5;
    g_assert_cmphex(pixman_image_get_data(console_surface(f->c))[3], ==, 5);
    g_assert_true(console_resize(f->c, 2, 2)); /* one of its own again */
    g_assert_false(console_shows(f->c, 2, 2, pixels, 8));
    g_assert_cmpuint(f->replaced, ==, 2);
}

static void test_text_is_lines(struct fixture *f, gconstpointer data)
{
    g_autofree char *lines = console_text(f->c);

    (void)data;
    g_assert_cmpstr(lines, ==, "one\n two\n");
    f->graphics = true;
    g_assert_null(console_text(f->c));
}

static void test_screendump_is_a_ppm_of_now(struct fixture *f, gconstpointer data)
{
    static const char expected[] = "P6\n2 1\n255\n\x12\x34\x56\xff\x00\x01";
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "vitro-ppm-XXXXXX", NULL);
    g_autofree char *bytes = NULL;
    uint32_t pixels[2] = {0x123456, 0xff0001};
    gsize len;
    int fd = g_mkstemp(path);

    (void)data;
    g_assert_cmpint(fd, >=, 0);
    g_close(fd, NULL);
    g_assert_true(console_show(f->c, 2, 1, pixels, 8));
    g_assert_true(console_screendump_ppm(f->c, path, NULL));
    g_assert_cmpuint(f->updates, ==, 1);
    g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
    g_assert_cmpmem(bytes, len, expected, sizeof(expected) - 1);
    g_unlink(path);
}

static void test_screendump_names_the_file_that_fails(struct fixture *f, gconstpointer data)
{
    g_autoptr(GError) err = NULL;

    (void)data;
    g_assert_false(console_screendump_ppm(f->c, "/nonexistent/a.ppm", &err));
    g_assert_nonnull(strstr(err->message, "/nonexistent/a.ppm"));
}

#define ADD(name) g_test_add("/console/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(set_knows_its_consoles);
    ADD(listeners_hear_of_damage_size_and_end);
    ADD(impossible_sizes_change_nothing);
    ADD(surface_may_be_the_devices_memory);
    ADD(text_is_lines);
    ADD(screendump_is_a_ppm_of_now);
    ADD(screendump_names_the_file_that_fails);
    return g_test_run();
}
