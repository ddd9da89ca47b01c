/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties that name a back-end: chardev=ID and drive=ID.
 *
 * A front-end that was named but not connected yet has its chr set and no opaque: that is how
 * clearing the property tells whether there is something to disconnect.
 */
#include "hw/core/prop_backend.h"

#include "hw/core/machine.h"
#include "hw/core/object.h"

static void add_chardev_name(void *opaque, struct chardev *chr)
{
    g_ptr_array_add(opaque, (char *)chardev_id(chr));
}

static void add_drive_name(void *opaque, struct drive *d)
{
    if (d->id) {
        g_ptr_array_add(opaque, d->id);
    }
}

/* Ends @names with NULL and fails with the one that @text most likely meant. */
static bool fail_unknown(const char *what, const char *text, GPtrArray *names, GError **error)
{
    const char *near;

    g_ptr_array_add(names, NULL);
    near = nearest_name(text, (const char *const *)names->pdata);
    if (near) {
        return fail_code(error, ERROR_NOT_FOUND, "there is no %s '%s'; did you mean '%s'?", what,
                         text, near);
    }
    return fail_code(error, ERROR_NOT_FOUND, "there is no %s '%s'", what, text);
}

void backend_disconnect(struct char_frontend *fe)
{
    if (fe->chr && fe->opaque) {
        char_frontend_disconnect(fe);
    }
    fe->chr = NULL;
    fe->opaque = NULL;
}

static void chardev_clear(struct object *obj, const struct property *p, void *field)
{
    (void)obj, (void)p;
    backend_disconnect(field);
}

static bool chardev_set(struct object *obj, const struct property *p, void *field, const char *text,
                        GError **error)
{
    struct machine *m = obj->context;
    struct char_frontend *fe = field;
    struct chardev *chr = m->chardevs ? chardev_find(m->chardevs, text) : NULL;

    if (!chr) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();

        if (m->chardevs) {
            chardev_foreach(m->chardevs, add_chardev_name, names);
        }
        return fail_unknown("character device", text, names, error);
    }
    chardev_clear(obj, p, field);
    fe->chr = chr;
    return true;
}

static char *chardev_get(struct object *obj, const struct property *p, const void *field)
{
    const struct char_frontend *fe = field;

    (void)obj, (void)p;
    return g_strdup(fe->chr ? chardev_id(fe->chr) : "");
}

const struct prop_type prop_type_chardev = {
    .name = "str",
    .json = PROP_JSON_STR,
    .set = chardev_set,
    .get = chardev_get,
    .clear = chardev_clear,
};

bool backend_connect(struct char_frontend *fe, GError **error)
{
    struct chardev *chr = fe->chr;

    g_assert(fe->opaque);
    if (!chr) {
        return true;
    }
    fe->chr = NULL;
    if (!char_frontend_connect(fe, chr, error)) {
        fe->opaque = NULL;
        fe->chr = chr;
        return false;
    }
    return true;
}

static bool drive_set(struct object *obj, const struct property *p, void *field, const char *text,
                      GError **error)
{
    struct machine *m = obj->context;
    struct drive *d = m->blocks ? drive_find(m->blocks, text) : NULL;

    (void)p;
    if (!d) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();

        if (m->blocks) {
            drive_foreach(m->blocks, add_drive_name, names);
        }
        return fail_unknown("drive", text, names, error);
    }
    *(struct drive **)field = d;
    return true;
}

static char *drive_get(struct object *obj, const struct property *p, const void *field)
{
    const struct drive *d = *(struct drive *const *)field;

    (void)obj, (void)p;
    return g_strdup(d && d->id ? d->id : "");
}

const struct prop_type prop_type_drive = {
    .name = "str",
    .json = PROP_JSON_STR,
    .set = drive_set,
    .get = drive_get,
};

bool backend_attach_drive(struct drive *d, void *device, void (*changed)(void *device, bool loaded),
                          GError **error)
{
    if (!d) {
        return true;
    }
    if (d->device && d->device != device) {
        return fail(error, "drive '%s' is in use by another device", d->id ? d->id : "");
    }
    d->device = device;
    d->medium_changed = changed;
    return true;
}

void backend_detach_drive(struct drive *d, void *device)
{
    if (d && d->device == device) {
        d->device = NULL;
        d->medium_changed = NULL;
    }
}
