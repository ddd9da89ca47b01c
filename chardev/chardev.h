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
};

struct chardev_serial_params {
    unsigned speed; /* baud */
    unsigned data_bits, stop_bits;
    char parity; /* 'N', 'E', 'O' */
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
/* Passes line parameters and modem lines to back-ends with real ones; others ignore it. */
void char_frontend_set_params(struct char_frontend *fe, const struct chardev_serial_params *p);
void char_frontend_set_break(struct char_frontend *fe, bool on);

/* ---- back-ends by name ---- */

struct chardevs; /* the machine's set */

struct chardevs *chardevs_new(GMainContext *context);
void chardevs_free(struct chardevs *set);

/* -chardev's text ("socket,id=mon,path=/tmp/m,server=on"): makes and registers it. */
struct chardev *chardev_new(struct chardevs *set, const char *options, GError **error);
/* The short forms of -serial, -monitor: "stdio", "pty", "mon:stdio", "unix:/p,server,nowait",
 * "tcp:host:port", "file:/p", "null", "none", "chardev:id", ... *@ret is NULL for "none".
 * @id names the new back-end ("serial0"). */
bool chardev_parse_short(struct chardevs *set, const char *id, const char *text,
                         struct chardev **ret, GError **error);
struct chardev *chardev_find(struct chardevs *set, const char *id);
bool chardev_remove(struct chardevs *set, const char *id, GError **error);
void chardev_foreach(struct chardevs *set, void (*fn)(void *opaque, struct chardev *chr),
                     void *opaque);
const char *chardev_id(const struct chardev *chr);
/* "disconnected:unix:/tmp/m.sock,server=on" and the like, for info chardev; g_free(). */
char *chardev_describe(const struct chardev *chr);
/* What the mux key Ctrl-A c, x, b, h... does beyond switching: x asks to quit. */
void chardevs_on_quit(struct chardevs *set, void (*quit)(void *opaque), void *opaque);

#endif
