/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core of character devices: front-ends, the set of back-ends, and opening them by name.
 */
#include "chardev/chardev.h"

#include "chardev/driver.h"
#include "util/clock.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define INPUT_CHUNK    4096               /* room of a front-end that takes any number */
#define HELD_MAX       (64 * KiB)         /* input kept of a peer that has gone */
#define WRITE_PATIENCE (1000 * NS_PER_MS) /* of char_frontend_write_all(), without progress */

LINKER_SET_DECLARE(chardev_drivers, struct chardev_driver);

static const struct chardev_option common_options[] = {
    {"id", "name of this character device"},
    {"mux", "on: several front-ends take turns, the escape key switches"},
    {"logfile", "file that gets a copy of all output"},
    {"logappend", "on: add to the log file instead of beginning it anew"},
    {NULL, NULL},
};

/* Names that people try and that cannot work here, and what to use instead. */
static const struct chardev_option refused[] = {
    {"vc", "a virtual console needs a window of its own; use stdio, pty or a socket instead"},
    {"spicevmc", "SPICE is not supported; use a socket instead"},
    {"spiceport", "SPICE is not supported; use a socket instead"},
    {NULL, NULL},
};

/* ---- front-ends ---- */

bool char_frontend_connect(struct char_frontend *fe, struct chardev *chr, GError **error)
{
    if (chr->driver->mux) {
        return chr->driver->mux->connect(chr, fe, error);
    }
    if (chr->fe) {
        return fail(error,
                    "character device '%s' is in use already; mux=on lets several users share it",
                    chr->id);
    }
    chr->fe = fe;
    fe->chr = chr;
    if (chr->driver->frontend_changed) {
        chr->driver->frontend_changed(chr);
    }
    if (chr->open && fe->event) {
        fe->event(fe->opaque, CHARDEV_OPENED);
    }
    if (chr->fe == fe && chr->driver->accept_input) {
        chr->driver->accept_input(chr);
    }
    return true;
}

void char_frontend_disconnect(struct char_frontend *fe)
{
    struct chardev *chr = fe->chr;

    if (!chr) {
        return;
    }
    if (chr->driver->mux) {
        chr->driver->mux->disconnect(chr, fe);
    } else if (chr->fe == fe) {
        chr->fe = NULL;
        chr->ready = NULL;
        g_byte_array_set_size(chr->held, 0);
        if (chr->driver->frontend_changed) {
            chr->driver->frontend_changed(chr);
        }
    }
    fe->chr = NULL;
}

/* A copy of what went out; the log's own trouble (a full disk) must not stop the guest. */
static void write_log(struct chardev *chr, const uint8_t *buf, size_t len)
{
    while (chr->log_fd >= 0 && len) {
        ssize_t n = write(chr->log_fd, buf, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            warn_user("character device '%s': cannot write its log file: %s; it ends here", chr->id,
                      g_strerror(errno));
            close(chr->log_fd);
            chr->log_fd = -1;
            return;
        }
        buf += n;
        len -= n;
    }
}

size_t char_frontend_write(struct char_frontend *fe, const void *buf, size_t len)
{
    struct chardev *chr = fe->chr;
    size_t n;

    if (!chr || !len) {
        return len;
    }
    if (chr->driver->mux) { /* the log is its back-end's */
        n = chr->driver->mux->write(chr, fe, buf, len);
    } else {
        n = chr->driver->write(chr, buf, len);
        write_log(chr, buf, n);
    }
    if (n) {
        chr->stuck = false;
    }
    return n;
}

static bool wait_writable(struct chardev *chr, int timeout_ms)
{
    if (chr->driver->mux) {
        return chr->driver->mux->wait_writable(chr, timeout_ms);
    }
    return chr->driver->wait_writable && chr->driver->wait_writable(chr, timeout_ms);
}

void char_frontend_write_all(struct char_frontend *fe, const void *buf, size_t len)
{
    const uint8_t *p = buf;
    int64_t deadline_ns = monotonic_ns() + WRITE_PATIENCE;

    while (len && fe->chr) {
        size_t n = char_frontend_write(fe, p, len);
        int64_t now_ns = monotonic_ns();

        p += n;
        len -= n;
        if (n) {
            deadline_ns = now_ns + WRITE_PATIENCE;
        } else if (fe->chr && !fe->chr->stuck) {
            int64_t left_ms = (deadline_ns - now_ns) / NS_PER_MS;

            if (left_ms <= 0 || !wait_writable(fe->chr, left_ms)) {
                fe->chr->stuck = true;
                return;
            }
        } else {
            return;
        }
    }
}

void char_frontend_on_writable(struct char_frontend *fe, void (*ready)(void *opaque))
{
    struct chardev *chr = fe->chr;

    if (!chr) {
        return;
    }
    if (chr->driver->mux) {
        chr->driver->mux->on_writable(chr, fe, ready);
        return;
    }
    chr->ready = ready;
    if (ready && chr->driver->want_writable) {
        chr->driver->want_writable(chr);
    }
}

static size_t frontend_room(struct chardev *chr)
{
    struct char_frontend *fe = chr->fe;

    if (!fe) {
        return 0;
    }
    return fe->can_receive ? fe->can_receive(fe->opaque) : INPUT_CHUNK;
}

static void deliver_held(struct chardev *chr)
{
    uint8_t buf[256];

    while (chr->held->len) {
        size_t n = MIN(MIN(frontend_room(chr), sizeof(buf)), chr->held->len);

        if (!n) {
            return;
        }
        memcpy(buf, chr->held->data, n);
        g_byte_array_remove_range(chr->held, 0, n);
        chr->fe->receive(chr->fe->opaque, buf, n);
    }
}

void char_frontend_accept_input(struct char_frontend *fe)
{
    struct chardev *chr = fe->chr;

    if (!chr) {
        return;
    }
    if (chr->driver->mux) {
        chr->driver->mux->accept_input(chr, fe);
        return;
    }
    deliver_held(chr);
    if (chr->driver->accept_input) {
        chr->driver->accept_input(chr);
    }
}

bool char_frontend_is_open(const struct char_frontend *fe)
{
    return fe->chr && fe->chr->open;
}

void char_frontend_set_params(struct char_frontend *fe, const struct chardev_serial_params *p)
{
    if (fe->chr && fe->chr->driver->set_params) {
        fe->chr->driver->set_params(fe->chr, p);
    }
}

void char_frontend_set_break(struct char_frontend *fe, bool on)
{
    if (fe->chr && fe->chr->driver->set_break) {
        fe->chr->driver->set_break(fe->chr, on);
    }
}

void char_frontend_set_lines(struct char_frontend *fe, enum chardev_line lines)
{
    if (fe->chr && fe->chr->driver->set_lines) {
        fe->chr->driver->set_lines(fe->chr, lines);
    }
}

bool char_frontend_get_lines(struct char_frontend *fe, enum chardev_line *ret)
{
    return fe->chr && fe->chr->driver->get_lines && fe->chr->driver->get_lines(fe->chr, ret);
}

/* ---- what drivers call ---- */

size_t chardev_input_room(struct chardev *chr)
{
    return chr->held->len ? 0 : frontend_room(chr);
}

void chardev_input(struct chardev *chr, const uint8_t *buf, size_t len)
{
    if (chr->fe && len) {
        chr->fe->receive(chr->fe->opaque, buf, len);
    }
}

void chardev_hold_input(struct chardev *chr, const uint8_t *buf, size_t len)
{
    len = MIN(len, HELD_MAX - MIN(chr->held->len, HELD_MAX));
    g_byte_array_append(chr->held, buf, len);
}

void chardev_event(struct chardev *chr, enum chardev_event event)
{
    if (chr->fe && chr->fe->event) {
        chr->fe->event(chr->fe->opaque, event);
    }
}

void chardev_set_open(struct chardev *chr, bool open)
{
    if (chr->open != open) {
        chr->open = open;
        chr->stuck = false;
        chardev_event(chr, open ? CHARDEV_OPENED : CHARDEV_CLOSED);
    }
    if (!open) {
        chardev_writable(chr); /* output vanishes now: nobody needs to wait */
    }
}

void chardev_writable(struct chardev *chr)
{
    void (*ready)(void *opaque) = chr->ready;

    chr->ready = NULL;
    chr->stuck = false;
    if (ready && chr->fe) {
        ready(chr->fe->opaque);
    }
}

/* ---- drivers ---- */

const struct chardev_driver *chardev_driver_find(const char *name)
{
    LINKER_SET_FOREACH(chardev_drivers, struct chardev_driver, d)
    {
        if (strcmp((*d)->name, name) == 0 || ((*d)->alias && strcmp((*d)->alias, name) == 0)) {
            return *d;
        }
    }
    return NULL;
}

static int compare_drivers(const void *a, const void *b)
{
    const struct chardev_driver *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* Those that a user can name, by name. */
static GPtrArray *drivers_sorted(void)
{
    GPtrArray *all = g_ptr_array_new();

    LINKER_SET_FOREACH(chardev_drivers, struct chardev_driver, d)
    {
        if (!(*d)->mux) {
            g_ptr_array_add(all, (void *)*d);
        }
    }
    g_ptr_array_sort(all, compare_drivers);
    return all;
}

static bool fail_unknown_driver(const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = drivers_sorted();
    const char *near;

    for (const struct chardev_option *r = refused; r->name; r++) {
        if (strcmp(r->name, name) == 0) {
            return fail(error, "character device '%s': %s", name, r->help);
        }
    }
    for (unsigned i = 0; i < names->len; i++) {
        names->pdata[i] = (void *)((const struct chardev_driver *)names->pdata[i])->name;
    }
    g_ptr_array_add(names, NULL);
    near = nearest_name(name, (const char *const *)names->pdata);
    if (near) {
        return fail(error, "there is no kind of character device '%s'; did you mean '%s'?", name,
                    near);
    }
    return fail(error, "there is no kind of character device '%s'; '-chardev help' lists them",
                name);
}

bool chardev_print_help(const char *driver, void (*print)(void *opaque, const char *fmt, ...),
                        void *opaque)
{
    const struct chardev_driver *d = driver ? chardev_driver_find(driver) : NULL;
    g_autoptr(GPtrArray) all = NULL;

    if (driver) {
        if (!d || d->mux) {
            return false;
        }
        print(opaque, "%s: %s\n", d->name, d->description);
        for (const struct chardev_option *p = d->options; p && p->name; p++) {
            print(opaque, "  %-16s %s\n", p->name, p->help);
        }
        for (const struct chardev_option *p = common_options; p->name; p++) {
            print(opaque, "  %-16s %s\n", p->name, p->help);
        }
        return true;
    }
    all = drivers_sorted();
    print(opaque, "Available chardev backend types:\n");
    for (unsigned i = 0; i < all->len; i++) {
        d = all->pdata[i];
        print(opaque, "  %-10s %s\n", d->name, d->description);
    }
    return true;
}

/* Refuses what @driver does not know before anything is opened. */
static bool check_options(const struct chardev_driver *driver, struct options *o, GError **error)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();

    for (const struct chardev_option *p = common_options; p->name; p++) {
        g_ptr_array_add(known, (void *)p->name);
    }
    for (const struct chardev_option *p = driver->options; p && p->name; p++) {
        g_ptr_array_add(known, (void *)p->name);
    }
    for (unsigned i = 0; i < known->len; i++) {
        options_get(o, known->pdata[i]);
    }
    options_get(o, "backend");
    g_ptr_array_add(known, NULL);
    return options_unused(o, (const char *const *)known->pdata, error);
}

static bool open_log(struct chardev *chr, struct options *o, GError **error)
{
    const char *path = options_get(o, "logfile");
    bool append;

    if (!options_get_bool(o, "logappend", false, &append, error)) {
        return false;
    }
    if (!path) {
        return true;
    }
    chr->log_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
    if (chr->log_fd < 0) {
        return fail_errno(error, "character device '%s': cannot write its log file '%s'", chr->id,
                          path);
    }
    return true;
}

/* ---- the set ---- */

struct chardevs *chardevs_new(GMainContext *context)
{
    struct chardevs *set = g_new0(struct chardevs, 1);

    signal(SIGPIPE, SIG_IGN); /* a peer that hangs up is an error of write(2), not the end */
    set->context = context;
    set->list = g_ptr_array_new();
    set->escape = 1;
    return set;
}

/* Out of the set, closed and freed; a front-end that is left is told by its chr. */
static void chardev_free(struct chardev *chr)
{
    if (!chr) {
        return;
    }
    g_ptr_array_remove(chr->set->list, chr);
    if (chr->fe) {
        chr->fe->chr = NULL;
        chr->fe = NULL;
    }
    if (chr->driver->close) {
        chr->driver->close(chr);
    }
    if (chr->log_fd >= 0) {
        close(chr->log_fd);
    }
    g_byte_array_unref(chr->held);
    g_free(chr->id);
    g_free(chr);
}

void chardevs_free(struct chardevs *set)
{
    if (!set) {
        return;
    }
    while (set->list->len) { /* the last first: a mux before its back-end */
        chardev_free(set->list->pdata[set->list->len - 1]);
    }
    g_ptr_array_unref(set->list);
    g_free(set);
}

struct chardev *chardev_open(struct chardevs *set, const struct chardev_driver *driver,
                             const char *id, struct options *o, GError **error)
{
    struct chardev *chr;

    if (chardev_find(set, id)) {
        fail(error, "there is a character device '%s' already", id);
        return NULL;
    }
    if (!check_options(driver, o, error)) {
        return NULL;
    }
    chr = g_malloc0(driver->size);
    chr->driver = driver;
    chr->set = set;
    chr->context = set->context;
    chr->id = g_strdup(id);
    chr->log_fd = -1;
    chr->held = g_byte_array_new();
    if (!open_log(chr, o, error) || !driver->open(chr, o, error)) {
        chardev_free(chr);
        return NULL;
    }
    g_ptr_array_add(set->list, chr);
    return chr;
}

struct chardev *chardev_new(struct chardevs *set, const char *options, GError **error)
{
    struct options *o = options_parse("-chardev", options, "backend", error);
    const struct chardev_driver *driver;
    struct chardev *chr = NULL, *mux;
    const char *kind, *id;
    g_autofree char *base_id = NULL;
    bool is_mux;

    if (!o) {
        return NULL;
    }
    kind = options_require(o, "backend", error);
    if (!kind) {
        goto out;
    }
    driver = chardev_driver_find(kind);
    if (!driver || driver->mux) {
        fail_unknown_driver(kind, error);
        goto out;
    }
    id = options_require(o, "id", error);
    if (!id || !options_get_bool(o, "mux", false, &is_mux, error)) {
        goto out;
    }
    if (is_mux && chardev_find(set, id)) {
        fail(error, "there is a character device '%s' already", id);
        goto out;
    }
    base_id = is_mux ? g_strdup_printf("%s-base", id) : g_strdup(id);
    chr = chardev_open(set, driver, base_id, o, error);
    if (chr && is_mux) {
        mux = chardev_mux_new(set, id, chr, error);
        if (!mux) {
            chardev_free(chr);
        }
        chr = mux;
    }
out:
    options_free(o);
    return chr;
}

struct chardev *chardev_find(struct chardevs *set, const char *id)
{
    for (unsigned i = 0; i < set->list->len; i++) {
        struct chardev *chr = set->list->pdata[i];

        if (strcmp(chr->id, id) == 0) {
            return chr;
        }
    }
    return NULL;
}

bool chardev_remove(struct chardevs *set, const char *id, GError **error)
{
    struct chardev *chr = chardev_find(set, id);

    if (!chr) {
        return fail_code(error, ERROR_NOT_FOUND, "there is no character device '%s'", id);
    }
    if (chardev_in_use(chr)) {
        return fail(error, "character device '%s' is in use", id);
    }
    chardev_free(chr);
    return true;
}

void chardev_foreach(struct chardevs *set, void (*fn)(void *opaque, struct chardev *chr),
                     void *opaque)
{
    for (unsigned i = 0; i < set->list->len; i++) {
        fn(opaque, set->list->pdata[i]);
    }
}

const char *chardev_id(const struct chardev *chr)
{
    return chr->id;
}

const char *chardev_driver_name(const struct chardev *chr)
{
    return chr->driver->name;
}

char *chardev_describe(const struct chardev *chr)
{
    return chr->driver->describe ? chr->driver->describe(chr) : g_strdup(chr->driver->name);
}

bool chardev_in_use(const struct chardev *chr)
{
    return chr->driver->mux ? chr->driver->mux->in_use(chr) : chr->fe != NULL;
}

bool chardev_wants_monitor(const struct chardev *chr)
{
    return chr->wants_monitor;
}

void chardev_inject_break(struct chardev *chr)
{
    if (chr->driver->mux) {
        chr->driver->mux->inject_break(chr);
    } else {
        chardev_event(chr, CHARDEV_BREAK);
    }
}

void chardevs_on_quit(struct chardevs *set, void (*quit)(void *opaque), void *opaque)
{
    set->quit = quit;
    set->quit_opaque = opaque;
}

void chardevs_on_sync(struct chardevs *set, void (*sync)(void *opaque), void *opaque)
{
    set->sync = sync;
    set->sync_opaque = opaque;
}

void chardevs_set_escape(struct chardevs *set, uint8_t key)
{
    set->escape = key;
}
