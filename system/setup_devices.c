/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Back-ends, objects, devices and monitors from the command line.
 */
#include "system/setup.h"

#include "block/block.h"
#include "chardev/chardev.h"
#include "monitor/monitor.h"
#include "system/memory_backend.h"
#include "util/parse.h"
#include <string.h>

static bool setup_chardevs(struct machine *m, struct config *c, GError **error)
{
    uint64_t escape = 1;

    if (c->escape_char) {
        if (!parse_uint(c->escape_char, 255, &escape, error)) {
            g_prefix_error(error, "-echr: ");
            return false;
        }
        chardevs_set_escape(m->chardevs, (uint8_t)escape);
    }
    for (guint i = 0; i < c->chardevs->len; i++) {
        if (!chardev_new(m->chardevs, g_ptr_array_index(c->chardevs, i), error)) {
            g_prefix_error(error, "-chardev: ");
            return false;
        }
    }
    return true;
}

/* -serial, -parallel: one back-end each; @ids gets their names, NULL for "none". */
static bool setup_ports(struct machine *m, const char *option, const GPtrArray *texts, char **ids,
                        unsigned max, GError **error)
{
    if (texts->len > max) {
        return fail(error, "-%s: the machine has %u of these ports, not %u", option, max,
                    texts->len);
    }
    for (guint i = 0; i < texts->len; i++) {
        g_autofree char *id = g_strdup_printf("%s%u", option, i);
        struct chardev *chr;

        if (!chardev_parse_short(m->chardevs, id, g_ptr_array_index(texts, i), &chr, error)) {
            g_prefix_error(error, "-%s: ", option);
            return false;
        }
        ids[i] = chr ? g_strdup(chardev_id(chr)) : NULL;
    }
    return true;
}

static bool any_stdio(const GPtrArray *texts)
{
    for (guint i = 0; i < texts->len; i++) {
        const char *text = g_ptr_array_index(texts, i);

        if (g_str_has_prefix(text, "stdio") || g_str_has_prefix(text, "mon:stdio")) {
            return true;
        }
    }
    return false;
}

/* Whether an option has taken the terminal already. */
static bool terminal_taken(const struct config *c)
{
    return any_stdio(c->monitors) || any_stdio(c->parallels) || any_stdio(c->debugcons) ||
           any_stdio(c->chardevs) || (c->qtest && g_str_has_prefix(c->qtest, "stdio"));
}

/* Ports that nobody mentioned: the terminal for the first serial port. */
static void default_ports(struct config *c)
{
    if (c->no_defaults) {
        return;
    }
    if (c->serials->len == 0) {
        bool shared = c->monitors->len == 0 && c->mons->len == 0;

        if (c->nographic || (!c->display && !terminal_taken(c))) {
            if (!c->nographic && shared && !c->daemonize) {
                fprintf(stderr, "vitro: no display is built in; serial port and monitor share "
                                "this terminal (Ctrl-A C switches, Ctrl-A X leaves)\n");
            }
            g_ptr_array_add(c->serials, g_strdup(c->daemonize ? "null"
                                                 : shared     ? "mon:stdio"
                                                              : "stdio"));
        } else {
            g_ptr_array_add(c->serials, g_strdup("null"));
        }
    }
    if (c->parallels->len == 0) {
        g_ptr_array_add(c->parallels, g_strdup("null"));
    }
}

static const char *drive_keys(const struct drive_config *d)
{
    switch (d->kind) {
    case DRIVE_CD:
        return "media=cdrom";
    case DRIVE_FD:
        return "if=floppy";
    default:
        return "media=disk";
    }
}

static bool setup_drives(struct machine *m, struct config *c, GError **error)
{
    for (guint i = 0; i < c->drives->len; i++) {
        const struct drive_config *d = g_ptr_array_index(c->drives, i);
        g_autofree char *keys =
            d->kind == DRIVE_TEXT
                ? g_strconcat(d->text, c->snapshot ? ",snapshot=on" : "", NULL)
                : g_strdup_printf("%s,index=%d%s", drive_keys(d), d->index,
                                  c->snapshot && d->kind != DRIVE_CD ? ",snapshot=on" : "");
        struct drive *made = d->kind == DRIVE_TEXT
                                 ? drive_new(m->blocks, keys, DRIVE_IF_IDE, error)
                                 : drive_new_file(m->blocks, d->text, keys, DRIVE_IF_IDE, error);

        if (!made) {
            return false;
        }
    }
    return true;
}

/* -debugcon DEV: a chardev and an isa-debugcon on it. */
static bool setup_debugcons(struct machine *m, struct config *c, GError **error)
{
    for (guint i = 0; i < c->debugcons->len; i++) {
        g_autofree char *id = g_strdup_printf("debugcon%u", i);
        struct chardev *chr;

        if (!chardev_parse_short(m->chardevs, id, g_ptr_array_index(c->debugcons, i), &chr,
                                 error)) {
            g_prefix_error(error, "-debugcon: ");
            return false;
        }
        if (chr) {
            g_ptr_array_add(c->devices,
                            g_strdup_printf("isa-debugcon,chardev=%s", chardev_id(chr)));
        }
    }
    return true;
}

bool setup_backends(struct machine *m, struct config *c, GMainContext *context, GError **error)
{
    m->chardevs = chardevs_new(context);
    m->blocks = blocks_new(context);
    default_ports(c);
    return setup_chardevs(m, c, error) &&
           setup_ports(m, "serial", c->serials, m->serial_chardevs, ARRAY_SIZE(m->serial_chardevs),
                       error) &&
           setup_ports(m, "parallel", c->parallels, m->parallel_chardevs,
                       ARRAY_SIZE(m->parallel_chardevs), error) &&
           setup_drives(m, c, error) && setup_blockdevs(m, c, error) &&
           setup_debugcons(m, c, error);
}

struct orphan {
    const struct drive *drive;
};

static void note_orphan(void *opaque, struct drive *d)
{
    struct orphan *o = opaque;

    if (!d->device && d->interface != DRIVE_IF_NONE && !o->drive) {
        o->drive = d;
    }
}

bool setup_check_drives(struct machine *m, GError **error)
{
    struct orphan o = {NULL};

    drive_foreach(m->blocks, note_orphan, &o);
    if (o.drive) {
        return fail(error,
                    "-drive %s: this machine has no place for if=%s,bus=%d,unit=%d; it has "
                    "if=ide with 2 buses of 2 units, if=floppy with 2 units, and if=none "
                    "for -device",
                    o.drive->id, drive_interface_name(o.drive->interface), o.drive->bus,
                    o.drive->unit);
    }
    return true;
}

bool setup_objects(struct machine *m, struct config *c, GError **error)
{
    for (guint i = 0; i < c->objects->len; i++) {
        const char *text = g_ptr_array_index(c->objects, i);
        struct options *o = options_parse("-object", text, "qom-type", error);
        const char *type = o ? options_require(o, "qom-type", error) : NULL;
        const char *id = type ? options_require(o, "id", error) : NULL;
        bool ok = false;

        if (id && !memory_backend_is_type(type)) {
            fail(error, "-object: there is no object type '%s'; '-object help' lists them", type);
        } else if (id) {
            ok = memory_backend_new(m, type, id, o, error);
            g_prefix_error(error, "-object %s: ", id);
        }
        options_free(o);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool set_props(struct device *dev, const struct options *o, GError **error)
{
    for (guint i = 0; i < o->items->len; i++) {
        const struct option *item = g_ptr_array_index(o->items, i);

        if (strcmp(item->key, "driver") != 0 && strcmp(item->key, "id") != 0 &&
            strcmp(item->key, "bus") != 0 &&
            !device_set(dev, item->key, item->kind == OPTION_NULL ? "" : item->value, error)) {
            return false;
        }
    }
    return true;
}

static struct device *device_from_options(struct machine *m, struct options *o, GError **error)
{
    const char *driver = options_require(o, "driver", error);
    const struct device_type *type = driver ? device_type_find(driver, error) : NULL;
    const char *id = options_get(o, "id"), *bus_name = options_get(o, "bus");
    struct bus *bus = NULL;
    struct device *dev;

    if (!type) {
        return NULL;
    }
    if (type->flags & DEVICE_INTERNAL) {
        fail(error, "'%s' is a part of the board and cannot be added", driver);
        return NULL;
    }
    if (type->bus) {
        bus = bus_find(m, type->bus, bus_name, error);
        if (!bus) {
            return NULL;
        }
    } else if (bus_name) {
        fail(error, "%s: it plugs into no bus; leave out bus=%s", driver, bus_name);
        return NULL;
    }
    dev = device_new(m, driver, error);
    if (!dev) {
        return NULL;
    }
    if ((id && !device_set_id(dev, id, error)) || !set_props(dev, o, error) ||
        !device_realize(dev, bus, error)) {
        device_free(dev);
        return NULL;
    }
    return dev;
}

struct device *setup_device(struct machine *m, const char *text, GError **error)
{
    struct options *o = options_parse("-device", text, "driver", error);
    struct device *dev = NULL;

    if (o) {
        dev = device_from_options(m, o, error);
        options_free(o);
    }
    return dev;
}

bool setup_devices(struct machine *m, struct config *c, GError **error)
{
    for (guint i = 0; i < c->devices->len; i++) {
        const char *text = g_ptr_array_index(c->devices, i);

        if (!setup_device(m, text, error)) {
            g_prefix_error(error, "-device %s: ", text);
            return false;
        }
    }
    for (guint i = 0; i < m->globals->len; i++) {
        const struct global_prop *g = g_ptr_array_index(m->globals, i);

        if (!g->used && !g->optional) {
            warn_user("-global %s.%s=%s: the machine has no such device", g->driver, g->name,
                      g->value);
        }
    }
    return true;
}

static bool add_monitor(struct machine *m, struct chardev *chr, GPtrArray *monitors, GError **error)
{
    struct monitor *mon = monitor_new(m, chr, error);

    if (mon) {
        g_ptr_array_add(monitors, mon);
    }
    return mon;
}

/* -mon [chardev=]ID[,mode=readline] */
static bool add_mon_option(struct machine *m, const char *text, GPtrArray *monitors, GError **error)
{
    static const char *const known[] = {"chardev", "mode", NULL};
    struct options *o = options_parse("-mon", text, "chardev", error);
    const char *id, *mode;
    struct chardev *chr;
    bool ok = false;

    if (!o) {
        return false;
    }
    id = options_require(o, "chardev", error);
    mode = options_get(o, "mode");
    chr = id ? chardev_find(m->chardevs, id) : NULL;
    if (!id || !options_unused(o, known, error)) {
        goto out;
    }
    if (mode && strcmp(mode, "readline") != 0) {
        fail(error, "-mon: mode=%s: this version has 'readline' only", mode);
    } else if (!chr) {
        fail(error, "-mon: there is no character device '%s'; add -chardev ...,id=%s", id, id);
    } else {
        ok = add_monitor(m, chr, monitors, error);
        g_prefix_error(error, "-mon: ");
    }

out:
    options_free(o);
    return ok;
}

static void note_if_monitor(void *opaque, struct chardev *chr)
{
    if (chardev_wants_monitor(chr)) {
        g_ptr_array_add(opaque, chr);
    }
}

bool setup_monitors(struct machine *m, struct config *c, GPtrArray *monitors, GError **error)
{
    g_autoptr(GPtrArray) shared = g_ptr_array_new();

    for (guint i = 0; i < c->monitors->len; i++) {
        g_autofree char *id = g_strdup_printf("monitor%u", i);
        struct chardev *chr;

        if (!chardev_parse_short(m->chardevs, id, g_ptr_array_index(c->monitors, i), &chr, error)) {
            g_prefix_error(error, "-monitor: ");
            return false;
        }
        if (chr && !chardev_wants_monitor(chr) && !add_monitor(m, chr, monitors, error)) {
            return false;
        }
    }
    for (guint i = 0; i < c->mons->len; i++) {
        if (!add_mon_option(m, g_ptr_array_index(c->mons, i), monitors, error)) {
            return false;
        }
    }
    chardev_foreach(m->chardevs, note_if_monitor, shared);
    for (guint i = 0; i < shared->len; i++) {
        if (!add_monitor(m, g_ptr_array_index(shared, i), monitors, error)) {
            return false;
        }
    }
    return true;
}
