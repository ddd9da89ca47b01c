/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input events: from people (displays, sendkey) to the device that listens.
 *
 * A machine has one hub. Devices register handlers; of those that take a kind of event, the one
 * registered (or activated) last gets it: a USB tablet plugged in takes over from the PS/2 mouse.
 * Pointer events are collected by the handler until input_sync().
 *
 * Locking: machine lock.
 */
#ifndef VITRO_UI_INPUT_H
#define VITRO_UI_INPUT_H

#include "util/common.h"

enum input_key {
    INPUT_KEY_NONE,
#define INPUT_KEY(id, name, set1, set2, set3, report) INPUT_KEY_##id,
#include "ui/input_keys.def"
    INPUT_KEYS,
};

/* How a keyboard reports a key in scan code set 3, before the guest changes it. */
enum input_report {
    INPUT_REPORT_M = 1, /* make only */
    INPUT_REPORT_B = 2, /* make and break */
    INPUT_REPORT_T = 4, /* make, repeated while it is down */
};

struct input_key_info {
    const char *name;
    uint16_t set1, set2, set3; /* 0xe0xx: with prefix; 0: none */
    enum input_report report;
};

/* Indexed by enum input_key. */
extern const struct input_key_info input_keys[INPUT_KEYS];

/* By its name ("ret", "kp_enter", also "asterisk" and "menu"); or by the number of set 1 ("0x1c",
 * 0x80 set for a prefix E0). INPUT_KEY_NONE when there is none. */
enum input_key input_key_by_name(const char *name);
/* NULL-terminated, in the table's order; free with g_free(), not the strings. */
const char **input_key_names(void);
/* By set 1's code (0xe0xx with a prefix), as displays and VNC have it. */
enum input_key input_key_by_set1(uint16_t code);

enum input_button {
    INPUT_BUTTON_LEFT,
    INPUT_BUTTON_RIGHT,
    INPUT_BUTTON_MIDDLE,
    INPUT_BUTTON_WHEEL_UP, /* a wheel step is a press and a release */
    INPUT_BUTTON_WHEEL_DOWN,
    INPUT_BUTTON_WHEEL_LEFT,
    INPUT_BUTTON_WHEEL_RIGHT,
    INPUT_BUTTON_SIDE,
    INPUT_BUTTON_EXTRA,
};

enum input_axis {
    INPUT_AXIS_X, /* to the right */
    INPUT_AXIS_Y, /* down */
};

/* Absolute positions run from 0 to this. */
#define INPUT_ABS_MAX 0x7fff

enum input_led {
    INPUT_LED_SCROLL = 1 << 0,
    INPUT_LED_NUM = 1 << 1,
    INPUT_LED_CAPS = 1 << 2,
};

/* What a device takes; functions that are NULL mean that it does not take that kind. */
struct input_handler {
    const char *name; /* for info mice */
    void (*key)(void *opaque, enum input_key key, bool down);
    void (*rel)(void *opaque, enum input_axis axis, int delta);
    void (*abs)(void *opaque, enum input_axis axis, int value);
    void (*button)(void *opaque, enum input_button button, bool down);
    void (*sync)(void *opaque); /* all of one movement has been told */
    void *opaque;
    struct input_handler *next; /* the hub's */
};

struct input_hub;

struct input_hub *input_hub_new(void);
void input_hub_free(struct input_hub *hub); /* NULL is fine */

/* @h is the device's and stays until removed. */
void input_handler_add(struct input_hub *hub, struct input_handler *h);
void input_handler_remove(struct input_hub *hub, struct input_handler *h);
/* @h gets its kinds of event from now on. */
void input_handler_activate(struct input_hub *hub, struct input_handler *h);
/* All of them, those that get events first. */
void input_handler_foreach(struct input_hub *hub,
                           void (*fn)(void *opaque, struct input_handler *h, bool active),
                           void *opaque);

void input_key_event(struct input_hub *hub, enum input_key key, bool down);
/* Lets go of every key and button that is down: a display has lost the focus. */
void input_release_all(struct input_hub *hub);
void input_rel_event(struct input_hub *hub, enum input_axis axis, int delta);
void input_abs_event(struct input_hub *hub, enum input_axis axis, int value);
void input_button_event(struct input_hub *hub, enum input_button button, bool down);
void input_sync(struct input_hub *hub);
/* Whether pointer movements are taken as positions; otherwise as steps. */
bool input_is_absolute(const struct input_hub *hub);

/* The guest has set the keyboard's lights: bits of enum input_led. */
void input_set_leds(struct input_hub *hub, unsigned leds);
unsigned input_leds(const struct input_hub *hub);
void input_on_leds(struct input_hub *hub, void (*changed)(void *opaque, unsigned leds),
                   void *opaque);
void input_off_leds(struct input_hub *hub, void (*changed)(void *opaque, unsigned leds),
                    void *opaque);

#endif
