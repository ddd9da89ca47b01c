/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kind of character device is, for those who add one.
 *
 * A driver is one file: its struct (beginning with struct chardev), an option table, open() and
 * write(), and CHARDEV_DRIVER(sym). What it reads from its peer goes to chardev_input(), never
 * more than chardev_input_room() says. Drivers that read and write file descriptors embed a
 * struct chardev_fd (chardev/fd.h), which does the rest.
 *
 * Locking: machine lock. A front-end may write to, disconnect from, or reconnect to the back-end
 * from within any function that is called here; a driver is not freed while it has a front-end.
 */
#ifndef VITRO_CHARDEV_DRIVER_H
#define VITRO_CHARDEV_DRIVER_H

#include "chardev/chardev.h"
#include "util/linker_set.h"
#include "util/options.h"

struct chardev_option {
    const char *name; /* NULL ends the table */
    const char *help;
};

/* What a driver with several front-ends does with each. chr->fe is not used. */
struct chardev_mux_ops {
    bool (*connect)(struct chardev *chr, struct char_frontend *fe, GError **error);
    void (*disconnect)(struct chardev *chr, struct char_frontend *fe);
    size_t (*write)(struct chardev *chr, struct char_frontend *fe, const uint8_t *buf, size_t len);
    bool (*wait_writable)(struct chardev *chr, int timeout_ms);
    void (*on_writable)(struct chardev *chr, struct char_frontend *fe, void (*ready)(void *opaque));
    void (*accept_input)(struct chardev *chr, struct char_frontend *fe);
    bool (*in_use)(const struct chardev *chr);
    void (*inject_break)(struct chardev *chr);
};

struct chardev_driver {
    const char *name;
    const char *alias; /* another accepted name; NULL when none */
    const char *description;
    const struct chardev_option *options; /* besides those that all have; NULL: none */
    size_t size;                          /* of the struct that begins with struct chardev */
    const struct chardev_mux_ops *mux;    /* takes several front-ends; NULL: one */

    /* Takes its options from @o. On failure close() is called too. */
    bool (*open)(struct chardev *chr, struct options *o, GError **error);
    /* Also undoes a half-done open. May be NULL. */
    void (*close)(struct chardev *chr);
    /* Returns how many bytes were taken, without blocking. */
    size_t (*write)(struct chardev *chr, const uint8_t *buf, size_t len); /* NULL for a mux */
    /* write() took less than it was given and someone waits: call chardev_writable() when it would
     * take more. NULL when write() always takes all. */
    void (*want_writable)(struct chardev *chr);
    /* Waits until write() would take more, at most @timeout_ms; false when it will not. NULL when
     * write() always takes all. */
    bool (*wait_writable)(struct chardev *chr, int timeout_ms);
    /* chardev_input_room() may be more than it was. May be NULL. */
    void (*accept_input)(struct chardev *chr);
    /* The front-end has come or gone. May be NULL. */
    void (*frontend_changed)(struct chardev *chr);
    /* Of a real line; may be NULL. */
    void (*set_params)(struct chardev *chr, const struct chardev_serial_params *p);
    void (*set_break)(struct chardev *chr, bool on);
    void (*set_lines)(struct chardev *chr, enum chardev_line lines);
    bool (*get_lines)(struct chardev *chr, enum chardev_line *ret);
    /* For people, see chardev_describe(). NULL: the driver's name. */
    char *(*describe)(const struct chardev *chr);
};

#define CHARDEV_DRIVER(sym) LINKER_SET_ENTRY(chardev_drivers, struct chardev_driver, sym)

struct chardev {
    const struct chardev_driver *driver;
    struct chardevs *set;
    GMainContext *context;
    char *id;
    struct char_frontend *fe;    /* NULL: none, and always of a mux */
    void (*ready)(void *opaque); /* the front-end waits for room, see on_writable */
    bool open;                   /* a peer is there */
    bool wants_monitor;
    bool stuck;       /* the peer did not take output in time: do not wait for it again */
    int log_fd;       /* logfile=, -1 when none */
    GByteArray *held; /* input of a peer that has gone, not yet delivered */
};

struct chardevs {
    GMainContext *context;
    GPtrArray *list; /* struct chardev, in the order they were made */
    uint8_t escape;  /* key of muxes; CHARDEV_NO_ESCAPE: none */
    unsigned serial; /* numbers what was not named */
    void (*quit)(void *opaque);
    void *quit_opaque;
    void (*sync)(void *opaque);
    void *sync_opaque;
};

/* NULL when there is none. */
const struct chardev_driver *chardev_driver_find(const char *name);

/* ---- for drivers ---- */

/* How many bytes chardev_input() may be given now; 0 without a front-end. */
size_t chardev_input_room(struct chardev *chr);
void chardev_input(struct chardev *chr, const uint8_t *buf, size_t len);
/* Keeps input that the front-end has no room for, of a peer that has gone. Bounded: the end of
 * what is too much is lost. */
void chardev_hold_input(struct chardev *chr, const uint8_t *buf, size_t len);
/* The peer has come or gone; tells the front-end when that is news. */
void chardev_set_open(struct chardev *chr, bool open);
/* Tells the front-end. */
void chardev_event(struct chardev *chr, enum chardev_event event);
/* write() would take more than it last did. */
void chardev_writable(struct chardev *chr);

/* Makes and registers a back-end of @driver from @o; used by chardev_new() and the short forms.
 * @id is copied. */
struct chardev *chardev_open(struct chardevs *set, const struct chardev_driver *driver,
                             const char *id, struct options *o, GError **error);
/* Makes @base's mux; both are registered, under the ids ID-base and ID. */
struct chardev *chardev_mux_new(struct chardevs *set, const char *id, struct chardev *base,
                                GError **error);

#endif
