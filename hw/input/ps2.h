/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PS/2 keyboard and mouse, as the controller at the other end of the cable sees them.
 *
 * The controller embeds them, gives them a function that is called when they have bytes, takes
 * bytes with ps2_*_take() and sends command bytes with ps2_*_write().
 */
#ifndef VITRO_HW_INPUT_PS2_H
#define VITRO_HW_INPUT_PS2_H

#include "migration/state.h"
#include "ui/input.h"

#define PS2_REPLIES 16
#define PS2_CODES   64
#define PS2_KEYS    256

/* Bytes on their way to the controller. Replies to commands go before codes and movements. */
struct ps2_queue {
    uint8_t replies[PS2_REPLIES], codes[PS2_CODES];
    uint8_t reply_count, code_count;
    uint8_t last; /* sent last, for Resend */
};

struct ps2_kbd {
    struct input_handler handler;
    struct input_hub *hub;
    void (*ready)(void *opaque);
    void *opaque;

    struct ps2_queue queue;
    uint8_t command; /* waits for its argument; 0: none */
    uint8_t set;     /* 1, 2, 3 */
    uint8_t typematic, leds;
    bool scanning;
    uint8_t modifiers;        /* which of Ctrl, Shift, Alt are down */
    uint8_t report[PS2_KEYS]; /* set 3: enum input_report by code */
};

struct ps2_mouse {
    struct input_handler handler;
    struct input_hub *hub;
    void (*ready)(void *opaque);
    void *opaque;

    struct ps2_queue queue;
    uint8_t command;
    uint8_t id; /* 0 plain, 3 with wheel, 4 with wheel and five buttons */
    uint8_t sample_rate, resolution;
    uint8_t knock; /* how much of the sequence that wakes wheel or buttons has been seen */
    bool scaling, reporting, remote, wrap;
    uint8_t buttons, buttons_sent;
    int32_t dx, dy, dz; /* moved since the last packet: right, down, towards the user */
};

extern const struct state_table ps2_kbd_state, ps2_mouse_state;

void ps2_kbd_init(struct ps2_kbd *k, struct input_hub *hub, void (*ready)(void *opaque),
                  void *opaque);
void ps2_kbd_fini(struct ps2_kbd *k); /* fine on a zeroed struct */
void ps2_kbd_reset(struct ps2_kbd *k);
void ps2_kbd_write(struct ps2_kbd *k, uint8_t byte);
/* Whether there was a byte to take. */
bool ps2_kbd_take(struct ps2_kbd *k, uint8_t *ret);

void ps2_mouse_init(struct ps2_mouse *m, struct input_hub *hub, void (*ready)(void *opaque),
                    void *opaque);
void ps2_mouse_fini(struct ps2_mouse *m);
void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_write(struct ps2_mouse *m, uint8_t byte);
bool ps2_mouse_take(struct ps2_mouse *m, uint8_t *ret);

/* ---- queues, for the two ---- */

extern const struct state_table ps2_queue_state;

void ps2_queue_clear(struct ps2_queue *q);
bool ps2_queue_empty(const struct ps2_queue *q);
void ps2_queue_reply(struct ps2_queue *q, uint8_t byte);
/* All of it or, when it does not fit, nothing and false. */
bool ps2_queue_codes(struct ps2_queue *q, const uint8_t *bytes, unsigned count);
bool ps2_queue_take(struct ps2_queue *q, uint8_t *ret);

#endif
