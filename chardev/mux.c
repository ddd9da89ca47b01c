/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mux: several front-ends share one back-end. All may write; one at a time has the input, and
 * the escape key (Ctrl-A unless -echr says otherwise) switches and does a few things more.
 *
 * Input for each front-end waits in a buffer of its own, so that the escape key works while a
 * guest does not read.
 */
#include "chardev/driver.h"

#include "util/common.h"
#include <string.h>

#define BUFFER_SIZE 4096 /* input that waits per front-end */

struct mux_slot {
    struct char_frontend *fe; /* NULL: free */
    void (*ready)(void *opaque);
    uint8_t *buf; /* BUFFER_SIZE bytes, a ring */
    unsigned head, tail;
};

struct mux {
    struct chardev chr;
    struct char_frontend base; /* our end of the back-end */
    struct mux_slot slots[CHARDEV_MAX_FRONTENDS];
    int focus;        /* slot that has the input, or -1 */
    bool chosen;      /* somebody has switched: keep it that way */
    uint8_t escape;   /* 0: no keys */
    bool escaped;     /* the last key was the escape key */
    bool timestamps;  /* each line of output begins with the time */
    bool line_begins; /* the next byte of output is the first of a line */
    int64_t started_us;
};

static struct mux *from_chr(struct chardev *chr)
{
    return container_of(chr, struct mux, chr);
}

static struct mux_slot *slot_of(struct mux *m, const struct char_frontend *fe)
{
    for (unsigned i = 0; i < ARRAY_SIZE(m->slots); i++) {
        if (m->slots[i].fe == fe) {
            return &m->slots[i];
        }
    }
    return NULL;
}

static void send_event(struct mux_slot *s, enum chardev_event event)
{
    if (s->fe && s->fe->event) {
        s->fe->event(s->fe->opaque, event);
    }
}

static void set_focus(struct mux *m, int focus)
{
    int old = m->focus;

    if (old == focus) {
        return;
    }
    m->focus = focus;
    if (old >= 0) {
        send_event(&m->slots[old], CHARDEV_MUX_OUT);
    }
    if (focus >= 0) {
        send_event(&m->slots[focus], CHARDEV_MUX_IN);
    }
}

/* The next one in use after the focus, in a circle; -1 when there is none. */
static int next_slot(const struct mux *m)
{
    for (unsigned i = 1; i <= ARRAY_SIZE(m->slots); i++) {
        unsigned n = (unsigned)(m->focus + i) % ARRAY_SIZE(m->slots);

        if (m->slots[n].fe) {
            return n;
        }
    }
    return -1;
}

/* ---- input ---- */

static void slot_deliver(struct mux_slot *s)
{
    while (s->fe && s->head != s->tail) {
        size_t room = s->fe->can_receive ? s->fe->can_receive(s->fe->opaque) : BUFFER_SIZE;
        unsigned start = s->tail % BUFFER_SIZE;
        size_t n = MIN(MIN(room, s->head - s->tail), BUFFER_SIZE - start);
        uint8_t chunk[64];

        n = MIN(n, sizeof(chunk));
        if (!n) {
            return;
        }
        memcpy(chunk, s->buf + start, n);
        s->tail += n;
        s->fe->receive(s->fe->opaque, chunk, n);
    }
}

static void print_help(struct mux *m)
{
    char name[16];
    g_autofree char *text = NULL;

    if (m->escape > 0 && m->escape < 27) {
        g_snprintf(name, sizeof(name), "Ctrl-%c", m->escape - 1 + 'A');
    } else {
        g_snprintf(name, sizeof(name), "0x%02x", m->escape);
    }
    text = g_strdup_printf("\r\n%s h    this help\r\n"
                           "%s x    end vitro\r\n"
                           "%s s    write all disk data out\r\n"
                           "%s t    timestamps on or off\r\n"
                           "%s b    send a break\r\n"
                           "%s c    switch between console and monitor\r\n"
                           "%s %s   send %s\r\n",
                           name, name, name, name, name, name, name, name, name);
    char_frontend_write_all(&m->base, text, strlen(text));
}

static void do_command(struct mux *m, uint8_t key)
{
    struct chardevs *set = m->chr.set;
    int next;

    switch (key) {
    case 'h':
    case '?':
        print_help(m);
        break;
    case 'x':
        if (set->quit) {
            static const char bye[] = "vitro: terminated\r\n";

            char_frontend_write_all(&m->base, bye, strlen(bye));
            set->quit(set->quit_opaque);
        }
        break;
    case 's':
        if (set->sync) {
            set->sync(set->sync_opaque);
        }
        break;
    case 'b':
        if (m->focus >= 0) {
            send_event(&m->slots[m->focus], CHARDEV_BREAK);
        }
        break;
    case 'c':
        next = next_slot(m);
        m->chosen = true;
        set_focus(m, next);
        break;
    case 't':
        m->timestamps = !m->timestamps;
        m->line_begins = false;
        break;
    default: /* not a key of ours: nothing, as people expect after a slip */
        break;
    }
}

static void take_byte(struct mux *m, uint8_t byte)
{
    struct mux_slot *s;

    if (m->escape && byte == m->escape && !m->escaped) {
        m->escaped = true;
        return;
    }
    if (m->escaped) {
        m->escaped = false;
        if (byte != m->escape) {
            do_command(m, byte);
            return;
        }
    }
    if (m->focus < 0) {
        return;
    }
    s = &m->slots[m->focus];
    if (s->head - s->tail < BUFFER_SIZE) {
        s->buf[s->head++ % BUFFER_SIZE] = byte;
    }
}

static size_t base_can_receive(void *opaque)
{
    struct mux *m = opaque;
    struct mux_slot *s = m->focus >= 0 ? &m->slots[m->focus] : NULL;

    return s ? BUFFER_SIZE - (s->head - s->tail) : BUFFER_SIZE;
}

static void base_receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct mux *m = opaque;

    for (size_t i = 0; i < len; i++) {
        int before = m->focus;

        take_byte(m, buf[i]);
        if (before >= 0 && (m->focus != before || i + 1 == len)) {
            slot_deliver(&m->slots[before]);
        }
    }
    if (m->focus >= 0) {
        slot_deliver(&m->slots[m->focus]);
    }
}

static void base_event(void *opaque, enum chardev_event event)
{
    struct mux *m = opaque;

    if (event == CHARDEV_BREAK) {
        if (m->focus >= 0) {
            send_event(&m->slots[m->focus], event);
        }
        return;
    }
    if (event == CHARDEV_OPENED || event == CHARDEV_CLOSED) {
        m->chr.open = event == CHARDEV_OPENED;
        m->escaped = false;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(m->slots); i++) {
        send_event(&m->slots[i], event);
    }
}

static void mux_accept_input(struct chardev *chr, struct char_frontend *fe)
{
    struct mux *m = from_chr(chr);
    struct mux_slot *s = slot_of(m, fe);

    if (s) {
        slot_deliver(s);
        char_frontend_accept_input(&m->base);
    }
}

/* ---- output ---- */

static void write_timestamp(struct mux *m)
{
    int64_t ms = (g_get_monotonic_time() - m->started_us) / 1000;
    char text[64];

    g_snprintf(text, sizeof(text), "[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000),
               (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
    char_frontend_write_all(&m->base, text, strlen(text));
}

/* With timestamps on: line by line, with the time before the first byte of each. */
static size_t write_stamped(struct mux *m, const uint8_t *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        const uint8_t *newline = memchr(buf + done, '\n', len - done);
        size_t part = newline ? (size_t)(newline - buf) + 1 - done : len - done;
        size_t n;

        if (m->line_begins) {
            write_timestamp(m);
            m->line_begins = false;
        }
        n = char_frontend_write(&m->base, buf + done, part);
        done += n;
        if (n < part) {
            break;
        }
        m->line_begins = newline != NULL;
    }
    return done;
}

static size_t mux_write(struct chardev *chr, struct char_frontend *fe, const uint8_t *buf,
                        size_t len)
{
    struct mux *m = from_chr(chr);

    (void)fe;
    return m->timestamps ? write_stamped(m, buf, len) : char_frontend_write(&m->base, buf, len);
}

static bool mux_wait_writable(struct chardev *chr, int timeout_ms)
{
    struct chardev *base = from_chr(chr)->base.chr;

    return base && base->driver->wait_writable && base->driver->wait_writable(base, timeout_ms);
}

static void base_writable(void *opaque)
{
    struct mux *m = opaque;

    for (unsigned i = 0; i < ARRAY_SIZE(m->slots); i++) {
        struct mux_slot *s = &m->slots[i];
        void (*ready)(void *opaque2) = s->ready;

        s->ready = NULL;
        if (s->fe && ready) {
            ready(s->fe->opaque);
        }
    }
}

static void mux_on_writable(struct chardev *chr, struct char_frontend *fe,
                            void (*ready)(void *opaque))
{
    struct mux *m = from_chr(chr);
    struct mux_slot *s = slot_of(m, fe);
    bool waiting = false;

    if (!s) {
        return;
    }
    s->ready = ready;
    for (unsigned i = 0; i < ARRAY_SIZE(m->slots); i++) {
        waiting |= m->slots[i].ready != NULL;
    }
    char_frontend_on_writable(&m->base, waiting ? base_writable : NULL);
}

/* ---- front-ends come and go ---- */

static bool mux_connect(struct chardev *chr, struct char_frontend *fe, GError **error)
{
    struct mux *m = from_chr(chr);
    struct mux_slot *s = slot_of(m, NULL);
    int n;

    if (!s) {
        return fail(error, "character device '%s' has %d users already, no more fit", chr->id,
                    CHARDEV_MAX_FRONTENDS);
    }
    n = s - m->slots;
    *s = (struct mux_slot){.fe = fe, .buf = g_malloc(BUFFER_SIZE)};
    fe->chr = chr;
    fe->mux_index = n;
    if (chr->open) {
        send_event(s, CHARDEV_OPENED);
    }
    if (m->focus < 0 || (!m->chosen && !fe->background && m->slots[m->focus].fe->background)) {
        set_focus(m, n);
    }
    char_frontend_accept_input(&m->base);
    return true;
}

static void mux_disconnect(struct chardev *chr, struct char_frontend *fe)
{
    struct mux *m = from_chr(chr);
    struct mux_slot *s = slot_of(m, fe);

    if (!s) {
        return;
    }
    g_free(s->buf);
    *s = (struct mux_slot){0};
    if (m->focus == s - m->slots) {
        int next = next_slot(m);

        m->focus = -1;
        set_focus(m, next);
    }
}

static bool mux_in_use(const struct chardev *chr)
{
    const struct mux *m = container_of(chr, const struct mux, chr);

    for (unsigned i = 0; i < ARRAY_SIZE(m->slots); i++) {
        if (m->slots[i].fe) {
            return true;
        }
    }
    return false;
}

static void mux_inject_break(struct chardev *chr)
{
    base_event(from_chr(chr), CHARDEV_BREAK);
}

static void mux_set_params(struct chardev *chr, const struct chardev_serial_params *p)
{
    char_frontend_set_params(&from_chr(chr)->base, p);
}

static void mux_set_break(struct chardev *chr, bool on)
{
    char_frontend_set_break(&from_chr(chr)->base, on);
}

static void mux_set_lines(struct chardev *chr, enum chardev_line lines)
{
    char_frontend_set_lines(&from_chr(chr)->base, lines);
}

static bool mux_get_lines(struct chardev *chr, enum chardev_line *ret)
{
    return char_frontend_get_lines(&from_chr(chr)->base, ret);
}

static bool mux_open(struct chardev *chr, struct options *o, GError **error)
{
    struct mux *m = from_chr(chr);

    (void)o, (void)error;
    m->focus = -1;
    m->escape = chr->set->escape;
    m->started_us = g_get_monotonic_time();
    return true;
}

/* The back-end goes with its mux. */
static void mux_close(struct chardev *chr)
{
    struct mux *m = from_chr(chr);
    struct chardev *base = m->base.chr;

    for (unsigned i = 0; i < ARRAY_SIZE(m->slots); i++) {
        if (m->slots[i].fe) {
            m->slots[i].fe->chr = NULL;
        }
        g_free(m->slots[i].buf);
    }
    char_frontend_disconnect(&m->base);
    if (base) {
        chardev_remove(chr->set, base->id, NULL);
    }
}

static const struct chardev_mux_ops mux_ops = {
    .connect = mux_connect,
    .disconnect = mux_disconnect,
    .write = mux_write,
    .wait_writable = mux_wait_writable,
    .on_writable = mux_on_writable,
    .accept_input = mux_accept_input,
    .in_use = mux_in_use,
    .inject_break = mux_inject_break,
};

static const struct chardev_driver mux_driver = {
    .name = "mux",
    .description = "several front-ends on one back-end",
    .size = sizeof(struct mux),
    .mux = &mux_ops,
    .open = mux_open,
    .close = mux_close,
    .set_params = mux_set_params,
    .set_break = mux_set_break,
    .set_lines = mux_set_lines,
    .get_lines = mux_get_lines,
};
CHARDEV_DRIVER(mux_driver);

struct chardev *chardev_mux_new(struct chardevs *set, const char *id, struct chardev *base,
                                GError **error)
{
    struct options *none = options_new("-chardev");
    struct chardev *chr = chardev_open(set, &mux_driver, id, none, error);
    struct mux *m;

    options_free(none);
    if (!chr) {
        return NULL;
    }
    m = from_chr(chr);
    m->base.can_receive = base_can_receive;
    m->base.receive = base_receive;
    m->base.event = base_event;
    m->base.opaque = m;
    if (!char_frontend_connect(&m->base, base, error)) {
        chardev_remove(set, id, NULL);
        return NULL;
    }
    return chr;
}
