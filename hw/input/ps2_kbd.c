/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PS/2 keyboard: scan code sets 1 to 3 and the commands 0xED to 0xFF.
 *
 * After the IBM PS/2 Keyboard and Auxiliary Device Controller technical reference.
 *
 * Absent: repetition by the keyboard itself: displays repeat "down" while a key is held, and that
 * is passed on, so the typematic rate is stored and has no effect; the fake shifts that a real
 * keyboard puts around the grey keys while Shift or Num Lock is on.
 */
#include "hw/input/ps2.h"

#include <string.h>

enum {
    CMD_LEDS = 0xed,
    CMD_ECHO = 0xee,
    CMD_SET = 0xf0,
    CMD_ID = 0xf2,
    CMD_TYPEMATIC = 0xf3,
    CMD_ENABLE = 0xf4,
    CMD_DISABLE = 0xf5,
    CMD_DEFAULTS = 0xf6,
    CMD_ALL_T = 0xf7,
    CMD_ALL_B = 0xf8,
    CMD_ALL_M = 0xf9,
    CMD_ALL_TB = 0xfa,
    CMD_KEY_T = 0xfb,
    CMD_KEY_B = 0xfc,
    CMD_KEY_M = 0xfd,
    CMD_RESEND = 0xfe,
    CMD_RESET = 0xff,
};
enum { REPLY_ACK = 0xfa, REPLY_RESEND = 0xfe, REPLY_BAT_OK = 0xaa };
enum { MOD_CTRL = 1, MOD_SHIFT = 2, MOD_ALT = 4 };
enum { TYPEMATIC_DEFAULT = 0x2b }; /* 10.9 per second after 500 ms */

static void tell_controller(struct ps2_kbd *k)
{
    if (!ps2_queue_empty(&k->queue)) {
        k->ready(k->opaque);
    }
}

static void default_reports(struct ps2_kbd *k)
{
    memset(k->report, INPUT_REPORT_T | INPUT_REPORT_B, sizeof(k->report));
    for (int key = INPUT_KEY_NONE + 1; key < INPUT_KEYS; key++) {
        const struct input_key_info *info = &input_keys[key];

        if (info->set3) {
            /* "B" keys report make and break; "T" repeats without break */
            k->report[info->set3 & 0xff] = info->report;
        }
    }
}

static void set_defaults(struct ps2_kbd *k)
{
    k->set = 2;
    k->typematic = TYPEMATIC_DEFAULT;
    k->command = 0;
    default_reports(k);
}

/* ---- keys ---- */

/* The make or break sequence of one code; returns its length, at most 3. */
static unsigned encode(unsigned set, uint16_t code, bool down, uint8_t *out)
{
    unsigned n = 0;

    if (code >> 8) {
        out[n++] = code >> 8;
    }
    if (set == 1) {
        out[n++] = (code & 0xff) | (down ? 0 : 0x80);
    } else {
        if (!down) {
            out[n++] = 0xf0;
        }
        out[n++] = code & 0xff;
    }
    return n;
}

/* Pause makes and breaks at once; with Ctrl it is Break. */
static unsigned encode_pause(unsigned set, bool ctrl, uint8_t *out)
{
    static const uint8_t set1[] = {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};
    static const uint8_t set2[] = {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77};
    const struct input_key_info *info = &input_keys[INPUT_KEY_PAUSE];

    if (ctrl) {
        uint16_t code = set == 1 ? info->set1 : info->set2;
        unsigned n = encode(set, code, true, out);

        return n + encode(set, code, false, out + n);
    }
    if (set == 1) {
        memcpy(out, set1, sizeof(set1));
        return sizeof(set1);
    }
    memcpy(out, set2, sizeof(set2));
    return sizeof(set2);
}

/* Print Screen brings its own Shift, unless a Shift or Ctrl is down; with Alt it is SysRq. */
static unsigned encode_print(unsigned set, uint8_t modifiers, bool down, uint8_t *out)
{
    const struct input_key_info *info = &input_keys[INPUT_KEY_PRINT];
    const struct input_key_info *sysrq = &input_keys[INPUT_KEY_SYSRQ];
    uint16_t code = set == 1 ? info->set1 : info->set2;
    uint16_t shift = set == 1 ? 0xe02a : 0xe012;
    unsigned n;

    if (modifiers & MOD_ALT) {
        return encode(set, set == 1 ? sysrq->set1 : sysrq->set2, down, out);
    }
    if (modifiers & (MOD_CTRL | MOD_SHIFT)) {
        return encode(set, code, down, out);
    }
    n = encode(set, down ? shift : code, down, out);
    return n + encode(set, down ? code : shift, down, out + n);
}

static unsigned encode_set3(const struct ps2_kbd *k, uint16_t code, bool down, uint8_t *out)
{
    if (!code || (!down && !(k->report[code & 0xff] & INPUT_REPORT_B))) {
        return 0;
    }
    return encode(3, code, down, out);
}

static void track_modifiers(struct ps2_kbd *k, enum input_key key, bool down)
{
    uint8_t bit = 0;

    if (key == INPUT_KEY_CTRL || key == INPUT_KEY_CTRL_R) {
        bit = MOD_CTRL;
    } else if (key == INPUT_KEY_SHIFT || key == INPUT_KEY_SHIFT_R) {
        bit = MOD_SHIFT;
    } else if (key == INPUT_KEY_ALT || key == INPUT_KEY_ALT_R) {
        bit = MOD_ALT;
    }
    k->modifiers = down ? k->modifiers | bit : k->modifiers & ~bit;
}

static void kbd_key(void *opaque, enum input_key key, bool down)
{
    struct ps2_kbd *k = opaque;
    const struct input_key_info *info = &input_keys[key];
    uint8_t out[8], overrun = k->set == 1 ? 0xff : 0x00;
    unsigned n = 0;

    track_modifiers(k, key, down);
    if (!k->scanning) {
        return;
    }
    if (k->set == 3) {
        n = encode_set3(k, info->set3, down, out);
    } else if (key == INPUT_KEY_PAUSE) {
        n = down ? encode_pause(k->set, k->modifiers & MOD_CTRL, out) : 0;
    } else if (key == INPUT_KEY_PRINT) {
        n = encode_print(k->set, k->modifiers, down, out);
    } else {
        uint16_t code = k->set == 1 ? info->set1 : info->set2;

        n = code ? encode(k->set, code, down, out) : 0;
    }
    /* One place is kept for the overrun code. */
    if (k->queue.code_count + n < PS2_CODES) {
        ps2_queue_codes(&k->queue, out, n);
    } else if (k->queue.code_count < PS2_CODES) {
        ps2_queue_codes(&k->queue, &overrun, 1);
    }
    tell_controller(k);
}

/* ---- commands ---- */

static void reply(struct ps2_kbd *k, uint8_t byte)
{
    ps2_queue_reply(&k->queue, byte);
}

static void set_leds(struct ps2_kbd *k, uint8_t leds)
{
    k->leds = leds & 7;
    input_set_leds(k->hub, k->leds); /* the bits are those of enum input_led */
}

static void all_keys(struct ps2_kbd *k, uint8_t report)
{
    memset(k->report, report, sizeof(k->report));
}

static void run_command(struct ps2_kbd *k, uint8_t cmd)
{
    k->command = 0;
    switch (cmd) {
    case CMD_ECHO:
        reply(k, CMD_ECHO);
        return;
    case CMD_RESEND:
        reply(k, k->queue.last);
        return;
    case CMD_LEDS:
    case CMD_SET:
    case CMD_TYPEMATIC:
    case CMD_KEY_T:
    case CMD_KEY_B:
    case CMD_KEY_M:
        k->command = cmd;
        break;
    case CMD_ID:
        reply(k, REPLY_ACK);
        reply(k, 0xab);
        reply(k, 0x83);
        return;
    case CMD_ENABLE:
        ps2_queue_clear(&k->queue);
        k->scanning = true;
        break;
    case CMD_DISABLE:
        set_defaults(k);
        k->scanning = false;
        ps2_queue_clear(&k->queue);
        break;
    case CMD_DEFAULTS:
        set_defaults(k);
        ps2_queue_clear(&k->queue);
        break;
    case CMD_ALL_T:
        all_keys(k, INPUT_REPORT_T);
        break;
    case CMD_ALL_B:
        all_keys(k, INPUT_REPORT_B);
        break;
    case CMD_ALL_M:
        all_keys(k, INPUT_REPORT_M);
        break;
    case CMD_ALL_TB:
        all_keys(k, INPUT_REPORT_T | INPUT_REPORT_B);
        break;
    case CMD_RESET:
        ps2_kbd_reset(k);
        reply(k, REPLY_ACK);
        reply(k, REPLY_BAT_OK);
        return;
    default:
        reply(k, REPLY_RESEND);
        return;
    }
    reply(k, REPLY_ACK);
}

static void run_argument(struct ps2_kbd *k, uint8_t arg)
{
    uint8_t cmd = k->command;

    k->command = 0;
    switch (cmd) {
    case CMD_LEDS:
        set_leds(k, arg);
        break;
    case CMD_SET:
        if (arg > 3) {
            reply(k, REPLY_RESEND);
            return;
        }
        reply(k, REPLY_ACK);
        if (arg) {
            k->set = arg;
        } else {
            reply(k, k->set);
        }
        return;
    case CMD_TYPEMATIC:
        k->typematic = arg & 0x7f;
        break;
    case CMD_KEY_T:
        k->report[arg] = INPUT_REPORT_T;
        k->command = cmd; /* more keys may follow, up to the next command */
        break;
    case CMD_KEY_B:
        k->report[arg] = INPUT_REPORT_B;
        k->command = cmd;
        break;
    case CMD_KEY_M:
        k->report[arg] = INPUT_REPORT_M;
        k->command = cmd;
        break;
    }
    reply(k, REPLY_ACK);
}

void ps2_kbd_write(struct ps2_kbd *k, uint8_t byte)
{
    if (k->command && byte < CMD_LEDS) {
        run_argument(k, byte);
    } else {
        run_command(k, byte);
    }
    tell_controller(k);
}

bool ps2_kbd_take(struct ps2_kbd *k, uint8_t *ret)
{
    return ps2_queue_take(&k->queue, ret);
}

/* ---- state and life ---- */

static bool kbd_loaded(void *base, unsigned version, GError **error)
{
    struct ps2_kbd *k = base;

    (void)version;
    if (k->set < 1 || k->set > 3) {
        return fail(error, "ps2-kbd: there is no scan code set %u", k->set);
    }
    set_leds(k, k->leds);
    return true;
}

static const struct state_field kbd_fields[] = {
    STATE_STRUCT(struct ps2_kbd, queue, ps2_queue_state),
    STATE_U8(struct ps2_kbd, command),
    STATE_U8(struct ps2_kbd, set),
    STATE_U8(struct ps2_kbd, typematic),
    STATE_U8(struct ps2_kbd, leds),
    STATE_BOOL(struct ps2_kbd, scanning),
    STATE_U8(struct ps2_kbd, modifiers),
    STATE_BYTES(struct ps2_kbd, report),
    {0},
};

const struct state_table ps2_kbd_state = {
    .name = "ps2-kbd",
    .version = 1,
    .fields = kbd_fields,
    .post_load = kbd_loaded,
};

void ps2_kbd_init(struct ps2_kbd *k, struct input_hub *hub, void (*ready)(void *opaque),
                  void *opaque)
{
    k->hub = hub;
    k->ready = ready;
    k->opaque = opaque;
    k->handler = (struct input_handler){.name = "PS/2 Keyboard", .key = kbd_key, .opaque = k};
    input_handler_add(hub, &k->handler);
}

void ps2_kbd_fini(struct ps2_kbd *k)
{
    if (k->hub) {
        input_handler_remove(k->hub, &k->handler);
        k->hub = NULL;
    }
}

void ps2_kbd_reset(struct ps2_kbd *k)
{
    ps2_queue_clear(&k->queue);
    set_defaults(k);
    set_leds(k, 0);
    k->scanning = true;
}
