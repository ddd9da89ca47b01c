/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: names of keys, who gets which event, keys that are let go of, lights.
 */
#include "ui/input.h"

#include <string.h>

struct sink {
    struct input_handler handler;
    enum input_key key;
    bool down;
    unsigned keys, moves, syncs;
    int x, y;
};

static void got_key(void *opaque, enum input_key key, bool down)
{
    struct sink *s = opaque;

    s->key = key;
    s->down = down;
    s->keys++;
}

static void got_move(void *opaque, enum input_axis axis, int value)
{
    struct sink *s = opaque;

    *(axis == INPUT_AXIS_X ? &s->x : &s->y) = value;
    s->moves++;
}

static void got_sync(void *opaque)
{
    struct sink *s = opaque;

    s->syncs++;
}

static void test_names_lead_to_keys_and_back(void)
{
    for (int k = INPUT_KEY_NONE + 1; k < INPUT_KEYS; k++) {
        g_assert_cmpint(input_key_by_name(input_keys[k].name), ==, k);
        g_assert_cmpint(input_key_by_set1(input_keys[k].set1), ==, k);
    }
    g_assert_cmpint(input_key_by_name("asterisk"), ==, INPUT_KEY_KP_MULTIPLY);
    g_assert_cmpint(input_key_by_name("0x1c"), ==, INPUT_KEY_RET);
    g_assert_cmpint(input_key_by_name("0x9c"), ==, INPUT_KEY_KP_ENTER);
    g_assert_cmpint(input_key_by_name("0x"), ==, INPUT_KEY_NONE);
    g_assert_cmpint(input_key_by_name("return"), ==, INPUT_KEY_NONE);
}

static void test_list_of_names_is_complete(void)
{
    g_autofree const char **names = input_key_names();
    unsigned n = 0;

    while (names[n]) {
        g_assert_cmpint(input_key_by_name(names[n]), !=, INPUT_KEY_NONE);
        n++;
    }
    g_assert_cmpuint(n, >=, INPUT_KEYS - 1);
}

static void test_last_handler_gets_its_kinds(void)
{
    struct input_hub *hub = input_hub_new();
    struct sink keyboard = {.handler = {.key = got_key, .opaque = &keyboard}};
    struct sink mouse = {.handler = {.rel = got_move, .sync = got_sync, .opaque = &mouse}};
    struct sink tablet = {.handler = {.abs = got_move, .sync = got_sync, .opaque = &tablet}};

    input_handler_add(hub, &keyboard.handler);
    input_handler_add(hub, &mouse.handler);
    g_assert_false(input_is_absolute(hub));
    input_rel_event(hub, INPUT_AXIS_Y, -3);
    input_handler_add(hub, &tablet.handler);
    g_assert_true(input_is_absolute(hub));
    input_rel_event(hub, INPUT_AXIS_Y, 5);
    input_abs_event(hub, INPUT_AXIS_X, INPUT_ABS_MAX + 9);
    input_sync(hub);
    input_key_event(hub, INPUT_KEY_A, true);
    g_assert_cmpint(mouse.y, ==, -3);
    g_assert_cmpuint(mouse.moves, ==, 1);
    g_assert_cmpint(tablet.x, ==, INPUT_ABS_MAX);
    g_assert_cmpuint(tablet.syncs, ==, 1);
    g_assert_cmpuint(keyboard.keys, ==, 1);
    input_handler_remove(hub, &tablet.handler);
    g_assert_false(input_is_absolute(hub));
    input_hub_free(hub);
}

static void test_release_all_lets_go_of_what_is_down(void)
{
    struct input_hub *hub = input_hub_new();
    struct sink keyboard = {.handler = {.key = got_key, .opaque = &keyboard}};

    input_handler_add(hub, &keyboard.handler);
    input_key_event(hub, INPUT_KEY_SHIFT, true);
    input_key_event(hub, INPUT_KEY_B, false); /* was never down: nothing */
    g_assert_cmpuint(keyboard.keys, ==, 1);
    input_release_all(hub);
    g_assert_cmpuint(keyboard.keys, ==, 2);
    g_assert_cmpint(keyboard.key, ==, INPUT_KEY_SHIFT);
    g_assert_false(keyboard.down);
    input_release_all(hub);
    g_assert_cmpuint(keyboard.keys, ==, 2);
    input_hub_free(hub);
}

static void note_leds(void *opaque, unsigned leds)
{
    *(unsigned *)opaque = leds;
}

static void test_lights_are_told(void)
{
    struct input_hub *hub = input_hub_new();
    unsigned seen = 0;

    input_on_leds(hub, note_leds, &seen);
    input_set_leds(hub, INPUT_LED_CAPS);
    g_assert_cmphex(seen, ==, INPUT_LED_CAPS);
    input_off_leds(hub, note_leds, &seen);
    input_set_leds(hub, 0);
    g_assert_cmphex(seen, ==, INPUT_LED_CAPS);
    g_assert_cmphex(input_leds(hub), ==, 0);
    input_hub_free(hub);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/input/names_lead_to_keys_and_back", test_names_lead_to_keys_and_back);
    g_test_add_func("/input/list_of_names_is_complete", test_list_of_names_is_complete);
    g_test_add_func("/input/last_handler_gets_its_kinds", test_last_handler_gets_its_kinds);
    g_test_add_func("/input/release_all_lets_go_of_what_is_down",
                    test_release_all_lets_go_of_what_is_down);
    g_test_add_func("/input/lights_are_told", test_lights_are_told);
    return g_test_run();
}
