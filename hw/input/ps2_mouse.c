/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PS/2 mouse: plain, with wheel (IntelliMouse, id 3), with wheel and five buttons (Explorer, id 4).
 *
 * Movements add up until the controller has taken the last packet, so a slow guest gets fewer and
 * longer steps and none is lost. Stream mode does not wait for the sample rate.
 *
 * Absent: the horizontal wheel; the resolution (it is stored and reported).
 */
#include "hw/input/ps2.h"

#include <string.h>

enum {
    CMD_SCALE_1 = 0xe6,
    CMD_SCALE_2 = 0xe7,
    CMD_RESOLUTION = 0xe8,
    CMD_STATUS = 0xe9,
    CMD_STREAM = 0xea,
    CMD_READ_DATA = 0xeb,
    CMD_WRAP_END = 0xec,
    CMD_WRAP = 0xee,
    CMD_REMOTE = 0xf0,
    CMD_ID = 0xf2,
    CMD_RATE = 0xf3,
    CMD_ENABLE = 0xf4,
    CMD_DISABLE = 0xf5,
    CMD_DEFAULTS = 0xf6,
    CMD_RESEND = 0xfe,
    CMD_RESET = 0xff,
};
enum { REPLY_ACK = 0xfa, REPLY_RESEND = 0xfe, REPLY_BAT_OK = 0xaa };
enum { ID_PLAIN = 0, ID_WHEEL = 3, ID_EXPLORER = 4 };
enum { BTN_LEFT = 1, BTN_RIGHT = 2, BTN_MIDDLE = 4, BTN_SIDE = 8, BTN_EXTRA = 16 };
enum { KNOCK_NONE, KNOCK_200, KNOCK_200_100, KNOCK_200_200 };

/* How far a movement may add up: about forty packets. */
enum { MAX_PENDING = 10000 };

static void reply(struct ps2_mouse *m, uint8_t byte)
{
    ps2_queue_reply(&m->queue, byte);
}

static void tell_controller(struct ps2_mouse *m)
{
    if (!ps2_queue_empty(&m->queue)) {
        m->ready(m->opaque);
    }
}

/* ---- packets ---- */

/* Scaling 2:1 as the data sheet tabulates it; only stream mode scales. */
static int scale(const struct ps2_mouse *m, int d)
{
    static const uint8_t small[] = {0, 1, 1, 3, 6, 9};
    int size = d < 0 ? -d : d;

    if (!m->scaling || m->remote) {
        return d;
    }
    size = size < (int)G_N_ELEMENTS(small) ? small[size] : 2 * size;
    return CLAMP(d < 0 ? -size : size, -255, 255);
}

static int take_step(int32_t *sum, int most)
{
    int step = CLAMP(*sum, -most, most);

    *sum -= step;
    return step;
}

/* Takes one packet's worth of the movement; returns its length. */
static unsigned build_packet(struct ps2_mouse *m, uint8_t *out)
{
    int dx = scale(m, take_step(&m->dx, 255));
    int dy = -scale(m, take_step(&m->dy, 255)); /* the protocol counts upwards */
    int dz = take_step(&m->dz, 7);

    out[0] = 0x08 | (m->buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0);
    out[1] = (uint8_t)dx;
    out[2] = (uint8_t)dy;
    m->buttons_sent = m->buttons;
    if (m->id == ID_PLAIN) {
        m->dz = 0;
        return 3;
    }
    out[3] = (uint8_t)dz;
    if (m->id == ID_EXPLORER) {
        out[3] = (dz & 0x0f) | (m->buttons & (BTN_SIDE | BTN_EXTRA)) << 1;
    }
    return 4;
}

static bool anything_new(const struct ps2_mouse *m)
{
    uint8_t seen = m->id == ID_EXPLORER ? 0x1f : 7;

    return m->dx || m->dy || (m->dz && m->id != ID_PLAIN) ||
           ((m->buttons ^ m->buttons_sent) & seen);
}

/* In stream mode: the next packet, when the last one is gone. */
static void stream(struct ps2_mouse *m)
{
    uint8_t packet[4];
    unsigned len;

    if (m->reporting && !m->remote && !m->wrap && ps2_queue_empty(&m->queue) && anything_new(m)) {
        len = build_packet(m, packet);
        ps2_queue_codes(&m->queue, packet, len);
    }
}

/* ---- events ---- */

static void mouse_rel(void *opaque, enum input_axis axis, int delta)
{
    struct ps2_mouse *m = opaque;
    int32_t *sum = axis == INPUT_AXIS_X ? &m->dx : &m->dy;

    delta = CLAMP(delta, -MAX_PENDING, MAX_PENDING);
    *sum = CLAMP(*sum + delta, -MAX_PENDING, MAX_PENDING);
}

static void mouse_button(void *opaque, enum input_button button, bool down)
{
    static const uint8_t bits[] = {
        [INPUT_BUTTON_LEFT] = BTN_LEFT,     [INPUT_BUTTON_RIGHT] = BTN_RIGHT,
        [INPUT_BUTTON_MIDDLE] = BTN_MIDDLE, [INPUT_BUTTON_SIDE] = BTN_SIDE,
        [INPUT_BUTTON_EXTRA] = BTN_EXTRA,
    };
    struct ps2_mouse *m = opaque;
    int wheel = button == INPUT_BUTTON_WHEEL_UP ? -1 : button == INPUT_BUTTON_WHEEL_DOWN ? 1 : 0;

    if (wheel) {
        m->dz = down ? CLAMP(m->dz + wheel, -MAX_PENDING, MAX_PENDING) : m->dz;
    } else if (button < G_N_ELEMENTS(bits)) {
        m->buttons = down ? m->buttons | bits[button] : m->buttons & ~bits[button];
    }
}

static void mouse_sync(void *opaque)
{
    struct ps2_mouse *m = opaque;

    if (m->reporting && !m->remote) {
        stream(m);
        tell_controller(m);
    } else if (!m->reporting) {
        m->dx = m->dy = m->dz = 0; /* nobody looks: it starts from zero */
    }
}

/* ---- commands ---- */

static void set_defaults(struct ps2_mouse *m)
{
    m->sample_rate = 100;
    m->resolution = 2;
    m->scaling = m->reporting = m->remote = m->wrap = false;
    m->command = 0;
    m->dx = m->dy = m->dz = 0;
}

/* Three rates in a row ask for more than a plain mouse. */
static void note_rate(struct ps2_mouse *m, uint8_t rate)
{
    if (rate == 200) {
        m->knock = m->knock == KNOCK_200 ? KNOCK_200_200 : KNOCK_200;
    } else if (rate == 100 && m->knock == KNOCK_200) {
        m->knock = KNOCK_200_100;
    } else {
        if (rate == 80 && m->knock == KNOCK_200_100) {
            m->id = ID_WHEEL;
        } else if (rate == 80 && m->knock == KNOCK_200_200) {
            m->id = ID_EXPLORER;
        }
        m->knock = KNOCK_NONE;
    }
}

static void reply_status(struct ps2_mouse *m)
{
    reply(m, (m->buttons & BTN_LEFT ? 4 : 0) | (m->buttons & BTN_MIDDLE ? 2 : 0) |
                 (m->buttons & BTN_RIGHT ? 1 : 0) | (m->scaling ? 0x10 : 0) |
                 (m->reporting ? 0x20 : 0) | (m->remote ? 0x40 : 0));
    reply(m, m->resolution);
    reply(m, m->sample_rate);
}

static void reply_packet(struct ps2_mouse *m)
{
    uint8_t packet[4];
    unsigned len = build_packet(m, packet);

    for (unsigned i = 0; i < len; i++) {
        reply(m, packet[i]);
    }
}

static void run_command(struct ps2_mouse *m, uint8_t cmd)
{
    static const uint8_t known[] = {
        CMD_SCALE_1,   CMD_SCALE_2,  CMD_RESOLUTION, CMD_STATUS,   CMD_STREAM,
        CMD_READ_DATA, CMD_WRAP_END, CMD_WRAP,       CMD_REMOTE,   CMD_ID,
        CMD_RATE,      CMD_ENABLE,   CMD_DISABLE,    CMD_DEFAULTS, CMD_RESET,
    };

    if (cmd == CMD_RESEND) {
        reply(m, m->queue.last);
        return;
    }
    if (!memchr(known, cmd, sizeof(known))) {
        reply(m, REPLY_RESEND);
        return;
    }
    reply(m, REPLY_ACK);
    switch (cmd) {
    case CMD_SCALE_1:
    case CMD_SCALE_2:
        m->scaling = cmd == CMD_SCALE_2;
        break;
    case CMD_RESOLUTION:
    case CMD_RATE:
        m->command = cmd;
        break;
    case CMD_STATUS:
        reply_status(m);
        break;
    case CMD_STREAM:
        m->remote = false;
        break;
    case CMD_READ_DATA:
        reply_packet(m);
        break;
    case CMD_WRAP:
        m->wrap = true;
        break;
    case CMD_REMOTE:
        m->remote = true;
        break;
    case CMD_ID:
        reply(m, m->id);
        break;
    case CMD_ENABLE:
    case CMD_DISABLE:
        m->reporting = cmd == CMD_ENABLE;
        break;
    case CMD_DEFAULTS:
        set_defaults(m);
        break;
    case CMD_RESET:
        ps2_mouse_reset(m);
        reply(m, REPLY_ACK); /* the reset has dropped the first */
        reply(m, REPLY_BAT_OK);
        reply(m, m->id);
        break;
    }
}

static void run_argument(struct ps2_mouse *m, uint8_t arg)
{
    if (m->command == CMD_RATE) {
        m->sample_rate = arg;
        note_rate(m, arg);
    } else {
        m->resolution = arg & 3;
    }
    m->command = 0;
    reply(m, REPLY_ACK);
}

void ps2_mouse_write(struct ps2_mouse *m, uint8_t byte)
{
    m->queue.code_count = 0; /* a command cuts off the packet being sent */
    if (m->wrap && byte != CMD_WRAP_END && byte != CMD_RESET) {
        reply(m, byte);
    } else {
        if (m->wrap && byte == CMD_WRAP_END) {
            m->wrap = false;
        }
        if (m->command && byte != CMD_RESET) {
            run_argument(m, byte);
        } else {
            run_command(m, byte);
        }
    }
    tell_controller(m);
}

bool ps2_mouse_take(struct ps2_mouse *m, uint8_t *ret)
{
    bool taken = ps2_queue_take(&m->queue, ret);

    stream(m);
    return taken;
}

/* ---- state and life ---- */

static bool mouse_loaded(void *base, unsigned version, GError **error)
{
    struct ps2_mouse *m = base;

    (void)version;
    if (m->id != ID_PLAIN && m->id != ID_WHEEL && m->id != ID_EXPLORER) {
        return fail(error, "ps2-mouse: there is no mouse with id %u", m->id);
    }
    m->dx = CLAMP(m->dx, -MAX_PENDING, MAX_PENDING);
    m->dy = CLAMP(m->dy, -MAX_PENDING, MAX_PENDING);
    m->dz = CLAMP(m->dz, -MAX_PENDING, MAX_PENDING);
    return true;
}

static const struct state_field mouse_fields[] = {
    STATE_STRUCT(struct ps2_mouse, queue, ps2_queue_state),
    STATE_U8(struct ps2_mouse, command),
    STATE_U8(struct ps2_mouse, id),
    STATE_U8(struct ps2_mouse, sample_rate),
    STATE_U8(struct ps2_mouse, resolution),
    STATE_U8(struct ps2_mouse, knock),
    STATE_BOOL(struct ps2_mouse, scaling),
    STATE_BOOL(struct ps2_mouse, reporting),
    STATE_BOOL(struct ps2_mouse, remote),
    STATE_BOOL(struct ps2_mouse, wrap),
    STATE_U8(struct ps2_mouse, buttons),
    STATE_U8(struct ps2_mouse, buttons_sent),
    STATE_I32(struct ps2_mouse, dx),
    STATE_I32(struct ps2_mouse, dy),
    STATE_I32(struct ps2_mouse, dz),
    {0},
};

const struct state_table ps2_mouse_state = {
    .name = "ps2-mouse",
    .version = 1,
    .fields = mouse_fields,
    .post_load = mouse_loaded,
};

void ps2_mouse_init(struct ps2_mouse *m, struct input_hub *hub, void (*ready)(void *opaque),
                    void *opaque)
{
    m->hub = hub;
    m->ready = ready;
    m->opaque = opaque;
    m->handler = (struct input_handler){
        .name = "PS/2 Mouse",
        .rel = mouse_rel,
        .button = mouse_button,
        .sync = mouse_sync,
        .opaque = m,
    };
    input_handler_add(hub, &m->handler);
}

void ps2_mouse_fini(struct ps2_mouse *m)
{
    if (m->hub) {
        input_handler_remove(m->hub, &m->handler);
        m->hub = NULL;
    }
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
    ps2_queue_clear(&m->queue);
    set_defaults(m);
    m->id = ID_PLAIN;
    m->knock = KNOCK_NONE;
    m->buttons_sent = m->buttons;
}
