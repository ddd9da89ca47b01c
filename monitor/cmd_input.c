/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitor commands that type and point for the user: sendkey, mouse_move, mouse_button.
 */
#include "monitor/hmp.h"

#include "hw/core/machine_ui.h"
#include <string.h>

#define HOLD_MS  100
#define KEYS_MAX 16

struct held_keys {
    unsigned count;
    enum input_key keys[KEYS_MAX];
};

static void release_keys(struct monitor *mon, void *data)
{
    struct held_keys *h = data;
    struct input_hub *hub = machine_input(monitor_machine(mon));

    while (h->count) {
        input_key_event(hub, h->keys[--h->count], /* down= */ false);
    }
    g_free(h);
}

static bool parse_keys(struct monitor *mon, const char *text, struct held_keys *h)
{
    g_auto(GStrv) names = NULL;

    h->count = 0;
    /* "-" alone is the minus key; in a combination it is spelled out. */
    if (strcmp(text, "-") == 0) {
        text = "minus";
    }
    names = g_strsplit(text, "-", -1);
    for (char **n = names; *n; n++) {
        enum input_key key = input_key_by_name(*n);

        if (key == INPUT_KEY_NONE) {
            g_autofree const char **known = input_key_names();
            const char *near = nearest_name(*n, known);

            monitor_printf(mon, "invalid parameter: %s", *n);
            if (near) {
                monitor_printf(mon, "; did you mean '%s'?", near);
            }
            monitor_printf(mon, "\n");
            return false;
        }
        if (h->count == KEYS_MAX) {
            monitor_printf(mon, "too many keys\n");
            return false;
        }
        h->keys[h->count++] = key;
    }
    return true;
}

static void run_sendkey(struct monitor *mon, const struct hmp_args *args)
{
    struct input_hub *hub = machine_input(monitor_machine(mon));
    int64_t hold_ms = hmp_number(args, "hold_ms", HOLD_MS);
    struct held_keys *h = g_new(struct held_keys, 1);

    if (!parse_keys(mon, hmp_text(args, "keys"), h)) {
        g_free(h);
        return;
    }
    for (unsigned i = 0; i < h->count; i++) {
        input_key_event(hub, h->keys[i], /* down= */ true);
    }
    monitor_later(mon, CLAMP(hold_ms, 1, 60000), release_keys, h);
}

static void complete_keys(struct monitor *mon, GPtrArray *found)
{
    g_autofree const char **names = input_key_names();

    (void)mon;
    for (const char **n = names; *n; n++) {
        g_ptr_array_add(found, g_strdup(*n));
    }
}

static const struct hmp_arg sendkey_args[] = {
    {"keys", HMP_WORD, .complete = complete_keys},
    {"hold_ms", HMP_NUMBER, .optional = true},
    {0},
};

static const struct hmp_command sendkey_command = {
    .name = "sendkey",
    .args = sendkey_args,
    .help = "send keys to the guest (e.g. 'sendkey ctrl-alt-f1', held for 100 ms by default)",
    .run = run_sendkey,
};
HMP_COMMAND(sendkey_command);

static void run_mouse_move(struct monitor *mon, const struct hmp_args *args)
{
    struct input_hub *hub = machine_input(monitor_machine(mon));
    int64_t dz = hmp_number(args, "dz", 0);

    input_rel_event(hub, INPUT_AXIS_X, hmp_number(args, "dx", 0));
    input_rel_event(hub, INPUT_AXIS_Y, hmp_number(args, "dy", 0));
    if (dz) {
        enum input_button wheel = dz > 0 ? INPUT_BUTTON_WHEEL_UP : INPUT_BUTTON_WHEEL_DOWN;

        input_button_event(hub, wheel, /* down= */ true);
        input_sync(hub);
        input_button_event(hub, wheel, /* down= */ false);
    }
    input_sync(hub);
}

static const struct hmp_arg mouse_move_args[] = {
    {"dx", HMP_NUMBER},
    {"dy", HMP_NUMBER},
    {"dz", HMP_NUMBER, .optional = true},
    {0},
};

static const struct hmp_command mouse_move_command = {
    .name = "mouse_move",
    .args = mouse_move_args,
    .help = "send mouse move events",
    .run = run_mouse_move,
};
HMP_COMMAND(mouse_move_command);

static void run_mouse_button(struct monitor *mon, const struct hmp_args *args)
{
    struct input_hub *hub = machine_input(monitor_machine(mon));
    int64_t state = hmp_number(args, "state", 0);

    input_button_event(hub, INPUT_BUTTON_LEFT, state & 1);
    input_button_event(hub, INPUT_BUTTON_RIGHT, state & 2);
    input_button_event(hub, INPUT_BUTTON_MIDDLE, state & 4);
    input_sync(hub);
}

static const struct hmp_arg mouse_button_args[] = {
    {"state", HMP_NUMBER},
    {0},
};

static const struct hmp_command mouse_button_command = {
    .name = "mouse_button",
    .args = mouse_button_args,
    .help = "change the mouse buttons' state (1=left, 2=right, 4=middle)",
    .run = run_mouse_button,
};
HMP_COMMAND(mouse_button_command);

/* ---- info mice, mouse_set ---- */

struct mice {
    struct monitor *mon;
    int wanted; /* mouse_set: which; -1: print */
    int index;
    struct input_handler *found;
};

static bool is_pointer(const struct input_handler *h)
{
    return h->rel || h->abs;
}

static void visit_mouse(void *opaque, struct input_handler *h, bool active)
{
    struct mice *m = opaque;

    if (!is_pointer(h)) {
        return;
    }
    if (m->wanted < 0) {
        monitor_printf(m->mon, "%c Mouse #%d: %s%s\n", active ? '*' : ' ', m->index, h->name,
                       h->abs ? " (absolute)" : "");
    } else if (m->wanted == m->index) {
        m->found = h;
    }
    m->index++;
}

static void run_info_mice(struct monitor *mon, const struct hmp_args *args)
{
    struct mice m = {.mon = mon, .wanted = -1};

    (void)args;
    input_handler_foreach(machine_input(monitor_machine(mon)), visit_mouse, &m);
    if (!m.index) {
        monitor_printf(mon, "No mouse devices connected\n");
    }
}

static const struct hmp_command info_mice = {
    .name = "mice",
    .help = "show which mouse gets the events",
    .run = run_info_mice,
};
HMP_INFO(info_mice);

static void run_mouse_set(struct monitor *mon, const struct hmp_args *args)
{
    struct input_hub *hub = machine_input(monitor_machine(mon));
    struct mice m = {.mon = mon, .wanted = CLAMP(hmp_number(args, "index", 0), 0, G_MAXINT)};

    input_handler_foreach(hub, visit_mouse, &m);
    if (m.found) {
        input_handler_activate(hub, m.found);
    } else {
        monitor_printf(mon, "Error: Mouse at index '%d' not found\n", m.wanted);
    }
}

static const struct hmp_arg mouse_set_args[] = {
    {"index", HMP_NUMBER},
    {0},
};

static const struct hmp_command mouse_set_command = {
    .name = "mouse_set",
    .args = mouse_set_args,
    .help = "choose which mouse gets the events, see 'info mice'",
    .run = run_mouse_set,
};
HMP_COMMAND(mouse_set_command);
