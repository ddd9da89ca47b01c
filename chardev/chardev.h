/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character devices: where the bytes of serial ports, monitors and consoles come from and go to.
 *
 * A back-end (stdio, pty, socket, file, ...) is a struct chardev; the one who uses it (a UART, a
 * monitor) is its front-end, a struct char_frontend embedded in the user. One front-end per
 * back-end; a mux gives several their turn.
 *
 * Locking: machine lock (the main loop holds it while it calls front-ends).
 */
#ifndef VITRO_CHARDEV_CHARDEV_H
#define VITRO_CHARDEV_CHARDEV_H

#include "util/error.h"

struct chardev;

enum {
    CHARDEV_MAX_FRONTENDS = 8, /* of one mux */
    CHARDEV_NO_ESCAPE = 0,     /* chardevs_set_escape(): the mux has no keys of its own */
};

enum chardev_event {
    CHARDEV_OPENED, /* a peer is there: connected, or the back-end is always open */
    CHARDEV_CLOSED, /* it has gone */
    CHARDEV_BREAK,
    CHARDEV_MUX_IN,  /* this front-end of a mux has the input now */
    CHARDEV_MUX_OUT, /* another one has it */
};

struct char_frontend {
    struct chardev *chr; /* NULL: not connected; writes vanish */
    unsigned mux_index;
    /* How many bytes receive() would take now. NULL: any number. */
    size_t (*can_receive)(void *opaque);
    void (*receive)(void *opaque, const uint8_t *buf, size_t len);
    void (*event)(void *opaque, enum chardev_event event); /* may be NULL */
    void *opaque;
    /* On a mux: leaves the input to others until someone asks for this one (monitors). */
    bool background;
};

struct chardev_serial_params {
    unsigned speed; /* baud */
    unsigned data_bits, stop_bits;
    char parity; /* 'N', 'E', 'O' */
};

/* Modem lines, as a terminal sees them. */
enum chardev_line {
    CHARDEV_CTS = 1 << 0,
    CHARDEV_DSR = 1 << 1,
    CHARDEV_RI = 1 << 2,
    CHARDEV_DCD = 1 << 3,
    CHARDEV_DTR = 1 << 4,
    CHARDEV_RTS = 1 << 5,
};

/* Connects a front-end whose functions are set. Fails when @chr has one already (and is no mux).
 * OPENED is sent at once when the back-end is open. */
bool char_frontend_connect(struct char_frontend *fe, struct chardev *chr, GError **error);
void char_frontend_disconnect(struct char_frontend *fe);

/* Writes without blocking; returns how many bytes were taken (all when not connected). */
size_t char_frontend_write(struct char_frontend *fe, const void *buf, size_t len);
/* Writes all, waiting for a slow peer up to a bounded time and dropping the rest after it. */
void char_frontend_write_all(struct char_frontend *fe, const void *buf, size_t len);
/* Calls @ready once when the back-end takes bytes again. Cancel with ready NULL. */
void char_frontend_on_writable(struct char_frontend *fe, void (*ready)(void *opaque));
/* can_receive() may return more than before: deliver what waits. */
void char_frontend_accept_input(struct char_frontend *fe);
bool char_frontend_is_open(const struct char_frontend *fe);
/* Passes line parameters, break and modem lines to back-ends with real ones; others ignore it. */
void char_frontend_set_params(struct char_frontend *fe, const struct chardev_serial_params *p);
void char_frontend_set_break(struct char_frontend *fe, bool on);
void char_frontend_set_lines(struct char_frontend *fe, enum chardev_line lines); /* DTR, RTS */
/* CTS, DSR, RI, DCD of a real line; false when the back-end has none. */
bool char_frontend_get_lines(struct char_frontend *fe, enum chardev_line *ret);

/* ---- back-ends by name ---- */

struct chardevs; /* the machine's set */

struct chardevs *chardevs_new(GMainContext *context);
void chardevs_free(struct chardevs *set);

/* -chardev's text ("socket,id=mon,path=/tmp/m,server=on" or JSON): makes and registers it. */
struct chardev *chardev_new(struct chardevs *set, const char *options, GError **error);
/* The short forms of -serial, -monitor: "stdio", "pty", "mon:stdio", "unix:/p,server,nowait",
 * "tcp:host:port", "file:/p", "null", "none", "chardev:id", ... *@ret is NULL for "none".
 * @id names the new back-end ("serial0"). */
bool chardev_parse_short(struct chardevs *set, const char *id, const char *text,
                         struct chardev **ret, GError **error);
/* It was made by "mon:...": its maker is to connect a monitor too. */
bool chardev_wants_monitor(const struct chardev *chr);
struct chardev *chardev_find(struct chardevs *set, const char *id);
/* Fails when a front-end uses it. */
bool chardev_remove(struct chardevs *set, const char *id, GError **error);
/* In the order they were made. */
void chardev_foreach(struct chardevs *set, void (*fn)(void *opaque, struct chardev *chr),
                     void *opaque);
const char *chardev_id(const struct chardev *chr);
/* The driver's name: "socket". */
const char *chardev_driver_name(const struct chardev *chr);
/* "disconnected:unix:/tmp/m.sock,server=on" and the like, for info chardev; g_free(). */
char *chardev_describe(const struct chardev *chr);
/* Whether a front-end is connected (a mux: at least one). */
bool chardev_in_use(const struct chardev *chr);
/* The front-end receives a break, as if the peer had sent one. */
void chardev_inject_break(struct chardev *chr);
/* The back-ends of this build, or the options of one; false when there is no such driver. */
bool chardev_print_help(const char *driver, void (*print)(void *opaque, const char *fmt, ...),
                        void *opaque);

/* A ringbuf's content, oldest byte first: takes up to @max bytes. Fails on other drivers. */
bool chardev_ringbuf_read(struct chardev *chr, size_t max, GByteArray *out, GError **error);
bool chardev_ringbuf_write(struct chardev *chr, const void *buf, size_t len, GError **error);

/* What the mux keys do beyond switching: Ctrl-A x asks to quit, Ctrl-A s to write disks out. */
void chardevs_on_quit(struct chardevs *set, void (*quit)(void *opaque), void *opaque);
void chardevs_on_sync(struct chardevs *set, void (*sync)(void *opaque), void *opaque);
/* The escape key of -echr, 1 (Ctrl-A) by default. Counts for muxes made later. */
void chardevs_set_escape(struct chardevs *set, uint8_t key);

#endif
