/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives: images with a place and a name, and changing their media.
 */
#include "block/drive_options.h"
#include "block/private.h"

#include <errno.h>
#include <string.h>

/* How many units a bus of a kind has; 0: any number, on bus 0. */
static int units_per_bus(enum drive_interface interface)
{
    switch (interface) {
    case DRIVE_IF_IDE:
    case DRIVE_IF_FLOPPY:
        return 2;
    case DRIVE_IF_SCSI:
        return 7;
    default:
        return 0;
    }
}

struct drive *drive_find(struct blocks *set, const char *id)
{
    for (guint i = 0; i < set->drives->len; i++) {
        struct drive *d = set->drives->pdata[i];

        if (!strcmp(d->id, id)) {
            return d;
        }
    }
    return NULL;
}

struct drive *drive_at(struct blocks *set, enum drive_interface interface, int bus, int unit)
{
    for (guint i = 0; i < set->drives->len; i++) {
        struct drive *d = set->drives->pdata[i];

        if (d->interface == interface && d->bus == bus && d->unit == unit) {
            return d;
        }
    }
    return NULL;
}

void drive_foreach(struct blocks *set, void (*fn)(void *opaque, struct drive *d), void *opaque)
{
    for (guint i = 0; i < set->drives->len; i++) {
        fn(opaque, set->drives->pdata[i]);
    }
}

/* Sets bus and unit from index=, bus=, unit=, or to the first free place. */
static bool choose_place(struct drive *d, const struct drive_options *o, GError **error)
{
    const char *name = drive_interface_name(d->interface);
    int per_bus = units_per_bus(d->interface);

    d->bus = MAX(o->bus, 0);
    d->unit = o->unit;
    if (o->index >= 0) {
        if (o->bus >= 0 || o->unit >= 0) {
            return fail(error, "index= says the place alone; leave out bus= and unit=");
        }
        d->bus = per_bus ? o->index / per_bus : 0;
        d->unit = per_bus ? o->index % per_bus : o->index;
    }
    if (d->unit < 0) {
        d->unit = 0;
        while (drive_at(d->set, d->interface, d->bus, d->unit)) {
            d->unit++;
            if (per_bus && d->unit >= per_bus && o->bus < 0) {
                d->unit = 0;
                d->bus++;
            }
        }
    }
    if (per_bus && d->unit >= per_bus) {
        return o->unit < 0
                   ? fail(error, "bus=%d of if=%s has no free unit", d->bus, name)
                   : fail(error, "unit=%d: if=%s has units 0 to %d", d->unit, name, per_bus - 1);
    }
    if (drive_at(d->set, d->interface, d->bus, d->unit)) {
        return fail(error, "if=%s,bus=%d,unit=%d has a drive already", name, d->bus, d->unit);
    }
    return true;
}

/* "ide0-hd1", "floppy0", "virtio2": names that scripts know. */
static char *default_id(const struct drive *d)
{
    const char *name = drive_interface_name(d->interface);
    bool has_bus = units_per_bus(d->interface) && d->interface != DRIVE_IF_FLOPPY;
    const char *media = has_bus ? d->is_cdrom ? "-cd" : "-hd" : "";

    return has_bus ? g_strdup_printf("%s%d%s%d", name, d->bus, media, d->unit)
                   : g_strdup_printf("%s%d", name, d->unit);
}

void drive_free(struct drive *d)
{
    if (d->set) {
        g_ptr_array_remove(d->set->drives, d);
    }
    g_free(d->id);
    g_free(d->serial);
    g_free(d);
}

static bool fill_drive(struct drive *d, const struct drive_options *o, GError **error)
{
    d->interface = o->interface;
    d->is_cdrom = o->is_cdrom;
    d->on_write_error = o->on_write_error;
    d->on_read_error = o->on_read_error;
    d->open_flags = o->flags;
    d->serial = g_strdup(o->serial);
    if (!choose_place(d, o, error)) {
        return false;
    }
    d->id = o->id ? g_strdup(o->id) : default_id(d);
    if (drive_find(d->set, d->id)) {
        return fail(error, "id=%s: there is such a drive already", d->id);
    }
    if (o->file && *o->file) {
        d->block = block_open(d->set, o->file, o->format, o->flags, error);
        return d->block != NULL;
    }
    if (o->format && (!block_driver_find(o->format) || block_driver_find(o->format)->protocol)) {
        g_autofree char *names = block_format_names();

        return fail(error, "format=%s: this version reads: %s", o->format, names);
    }
    return true;
}

static struct drive *drive_from(struct blocks *set, const struct drive_options *o, GError **error)
{
    struct drive *d = g_new0(struct drive, 1);

    d->set = set;
    if (!fill_drive(d, o, error)) {
        d->set = NULL; /* not in its list yet */
        drive_free(d);
        return NULL;
    }
    g_ptr_array_add(set->drives, d);
    return d;
}

struct drive *drive_new(struct blocks *set, const char *options, enum drive_interface default_if,
                        GError **error)
{
    struct drive_options o;
    struct drive *d = NULL;

    if (drive_options_parse(&o, options, default_if, error)) {
        d = drive_from(set, &o, error);
    }
    drive_options_clear(&o);
    return d;
}

struct drive *drive_new_file(struct blocks *set, const char *filename, const char *options,
                             enum drive_interface default_if, GError **error)
{
    struct drive_options o;
    struct drive *d = NULL;

    if (drive_options_parse(&o, options, default_if, error)) {
        g_free(o.file);
        o.file = g_strdup(filename);
        d = drive_from(set, &o, error);
    }
    drive_options_clear(&o);
    return d;
}

bool drive_delete(struct drive *d, GError **error)
{
    if (d->device) {
        return fail(error, "drive '%s' is in use by a device", d->id);
    }
    block_close(d->block);
    drive_free(d);
    return true;
}

enum drive_on_error drive_error_action(const struct drive *d, bool is_write, int ret)
{
    enum drive_on_error action = is_write ? d->on_write_error : d->on_read_error;

    if (action == DRIVE_ERROR_ENOSPC) {
        return ret == -ENOSPC ? DRIVE_ERROR_STOP : DRIVE_ERROR_REPORT;
    }
    return action;
}

/* ---- media ---- */

static bool check_removable(const struct drive *d, GError **error)
{
    if (!d->is_cdrom && d->interface != DRIVE_IF_FLOPPY) {
        return fail(error, "drive '%s' has no removable medium", d->id);
    }
    return true;
}

static void take_medium_out(struct drive *d)
{
    struct block *old = d->block;

    if (old) {
        block_drain(old);
    }
    d->block = NULL;
    d->tray_open = true;
    d->locked = false;
    if (d->device && d->medium_changed) {
        d->medium_changed(d->device, /* loaded= */ false);
    }
    block_close(old);
}

static bool check_lock(struct drive *d, bool force, GError **error)
{
    if (!d->locked || d->tray_open || force) {
        return true;
    }
    if (d->device && d->eject_requested) {
        d->eject_requested(d->device);
    }
    return fail(error,
                "the guest has locked the tray of drive '%s' and was asked to open it; try again, "
                "or eject with -f",
                d->id);
}

bool drive_eject(struct drive *d, bool force, GError **error)
{
    if (!check_removable(d, error) || !check_lock(d, force, error)) {
        return false;
    }
    take_medium_out(d);
    return true;
}

bool drive_change(struct drive *d, const char *filename, const char *format, GError **error)
{
    struct block *b;

    if (!check_removable(d, error) || !check_lock(d, /* force= */ false, error)) {
        return false;
    }
    b = block_open(d->set, filename, format, d->open_flags, error); /* the old one stays if not */
    if (!b) {
        return false;
    }
    take_medium_out(d);
    d->block = b;
    d->tray_open = false;
    if (d->device && d->medium_changed) {
        d->medium_changed(d->device, /* loaded= */ true);
    }
    return true;
}
