/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input events: the table of keys, and the way from displays to devices.
 */
#include "ui/input.h"

#include <stdlib.h>
#include <string.h>

struct led_watcher {
    void (*changed)(void *opaque, unsigned leds);
    void *opaque;
};

struct input_hub {
    struct input_handler *handlers; /* the one asked first is first */
    bool keys_down[INPUT_KEYS];
    unsigned buttons_down; /* bit per enum input_button */
    unsigned leds;
    GArray *led_watchers; /* struct led_watcher */
};

/* clang-format off */
const struct input_key_info input_keys[INPUT_KEYS] = {
#define INPUT_KEY(id, name, set1, set2, set3, report) \
    [INPUT_KEY_##id] = {name, set1, set2, set3, INPUT_REPORT_##report},
#include "ui/input_keys.def"
};
/* clang-format on */

/* Other names that people know keys by. */
static const struct {
    const char *name;
    enum input_key key;
} aliases[] = {
    {"asterisk", INPUT_KEY_KP_MULTIPLY},
    {"menu", INPUT_KEY_COMPOSE},
    {"kp_separator", INPUT_KEY_KP_COMMA},
};

/* ---- keys ---- */

enum input_key input_key_by_set1(uint16_t code)
{
    for (int k = INPUT_KEY_NONE + 1; k < INPUT_KEYS; k++) {
        if (input_keys[k].set1 == code) {
            return (enum input_key)k;
        }
    }
    return INPUT_KEY_NONE;
}

enum input_key input_key_by_name(const char *name)
{
    for (int k = INPUT_KEY_NONE + 1; k < INPUT_KEYS; k++) {
        if (strcmp(input_keys[k].name, name) == 0) {
            return (enum input_key)k;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
        if (strcmp(aliases[i].name, name) == 0) {
            return aliases[i].key;
        }
    }
    if (strncmp(name, "0x", 2) == 0) {
        char *end;
        unsigned long code = strtoul(name + 2, &end, 16);

        if (name[2] && !*end && code && code < 0x100) {
            return input_key_by_set1(code & 0x80 ? 0xe000 | (code & 0x7f) : code);
        }
    }
    return INPUT_KEY_NONE;
}

const char **input_key_names(void)
{
    const char **names = g_new0(const char *, INPUT_KEYS + ARRAY_SIZE(aliases));
    size_t n = 0;

    for (int k = INPUT_KEY_NONE + 1; k < INPUT_KEYS; k++) {
        names[n++] = input_keys[k].name;
    }
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
        names[n++] = aliases[i].name;
    }
    return names;
}

/* ---- handlers ---- */

struct input_hub *input_hub_new(void)
{
    struct input_hub *hub = g_new0(struct input_hub, 1);

    hub->led_watchers = g_array_new(FALSE, FALSE, sizeof(struct led_watcher));
    return hub;
}

void input_hub_free(struct input_hub *hub)
{
    if (hub) {
        g_array_unref(hub->led_watchers);
        g_free(hub);
    }
}

void input_handler_add(struct input_hub *hub, struct input_handler *h)
{
    h->next = hub->handlers;
    hub->handlers = h;
}

void input_handler_remove(struct input_hub *hub, struct input_handler *h)
{
    for (struct input_handler **p = &hub->handlers; *p; p = &(*p)->next) {
        if (*p == h) {
            *p = h->next;
            h->next = NULL;
            return;
        }
    }
}

void input_handler_activate(struct input_hub *hub, struct input_handler *h)
{
    input_handler_remove(hub, h);
    input_handler_add(hub, h);
}

static struct input_handler *key_handler(const struct input_hub *hub)
{
    struct input_handler *h = hub->handlers;

    while (h && !h->key) {
        h = h->next;
    }
    return h;
}

static struct input_handler *pointer_handler(const struct input_hub *hub)
{
    struct input_handler *h = hub->handlers;

    while (h && !h->rel && !h->abs) {
        h = h->next;
    }
    return h;
}

void input_handler_foreach(struct input_hub *hub,
                           void (*fn)(void *opaque, struct input_handler *h, bool active),
                           void *opaque)
{
    struct input_handler *key = key_handler(hub), *pointer = pointer_handler(hub);

    for (struct input_handler *h = hub->handlers; h; h = h->next) {
        fn(opaque, h, h == key || h == pointer);
    }
}

/* ---- events ---- */

void input_key_event(struct input_hub *hub, enum input_key key, bool down)
{
    struct input_handler *h = key_handler(hub);

    if (key <= INPUT_KEY_NONE || key >= INPUT_KEYS || (!down && !hub->keys_down[key])) {
        return;
    }
    hub->keys_down[key] = down;
    if (h) {
        h->key(h->opaque, key, down);
    }
}

void input_rel_event(struct input_hub *hub, enum input_axis axis, int delta)
{
    struct input_handler *h = pointer_handler(hub);

    if (h && h->rel && delta) {
        h->rel(h->opaque, axis, delta);
    }
}

void input_abs_event(struct input_hub *hub, enum input_axis axis, int value)
{
    struct input_handler *h = pointer_handler(hub);

    if (h && h->abs) {
        h->abs(h->opaque, axis, CLAMP(value, 0, INPUT_ABS_MAX));
    }
}

void input_button_event(struct input_hub *hub, enum input_button button, bool down)
{
    struct input_handler *h = pointer_handler(hub);
    unsigned bit = 1u << button;

    if (!down && !(hub->buttons_down & bit)) {
        return;
    }
    hub->buttons_down = down ? hub->buttons_down | bit : hub->buttons_down & ~bit;
    if (h && h->button) {
        h->button(h->opaque, button, down);
    }
}

void input_sync(struct input_hub *hub)
{
    struct input_handler *h = pointer_handler(hub);

    if (h && h->sync) {
        h->sync(h->opaque);
    }
}

void input_release_all(struct input_hub *hub)
{
    for (int k = INPUT_KEY_NONE + 1; k < INPUT_KEYS; k++) {
        if (hub->keys_down[k]) {
            input_key_event(hub, (enum input_key)k, false);
        }
    }
    for (int b = INPUT_BUTTON_LEFT; b <= INPUT_BUTTON_EXTRA; b++) {
        input_button_event(hub, (enum input_button)b, false);
    }
    input_sync(hub);
}

bool input_is_absolute(const struct input_hub *hub)
{
    const struct input_handler *h = pointer_handler(hub);

    return h && h->abs;
}

/* ---- lights ---- */

void input_set_leds(struct input_hub *hub, unsigned leds)
{
    if (leds == hub->leds) {
        return;
    }
    hub->leds = leds;
    for (guint i = 0; i < hub->led_watchers->len; i++) {
        struct led_watcher *w = &g_array_index(hub->led_watchers, struct led_watcher, i);

        w->changed(w->opaque, leds);
    }
}

unsigned input_leds(const struct input_hub *hub)
{
    return hub->leds;
}

void input_on_leds(struct input_hub *hub, void (*changed)(void *opaque, unsigned leds),
                   void *opaque)
{
    struct led_watcher w = {changed, opaque};

    g_array_append_val(hub->led_watchers, w);
}

void input_off_leds(struct input_hub *hub, void (*changed)(void *opaque, unsigned leds),
                    void *opaque)
{
    for (guint i = 0; i < hub->led_watchers->len; i++) {
        struct led_watcher *w = &g_array_index(hub->led_watchers, struct led_watcher, i);

        if (w->changed == changed && w->opaque == opaque) {
            g_array_remove_index(hub->led_watchers, i);
            return;
        }
    }
}
