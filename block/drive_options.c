/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of -drive, taken apart.
 *
 * Each key is a row of a table: it works, or its row says why not and what does.
 *
 * Absent: aio=native and io_uring, copy-on-read, detect-zeroes, throttling, options of protocols
 * other than file; each is refused.
 */
#include "block/drive_options.h"

#include "util/parse.h"
#include <string.h>

struct choice {
    const char *name; /* NULL ends */
    int value;
};

struct key {
    const char *name;
    bool (*set)(struct drive_options *o, const struct key *k, const char *value, GError **error);
    const struct choice *choices;
    const char *only; /* the one value that is accepted, because it asks for nothing */
    enum block_open_flags flag;
};

static const struct choice interfaces[] = {
    {"none", DRIVE_IF_NONE},     {"ide", DRIVE_IF_IDE},
    {"floppy", DRIVE_IF_FLOPPY}, {"pflash", DRIVE_IF_PFLASH},
    {"virtio", DRIVE_IF_VIRTIO}, {"scsi", DRIVE_IF_SCSI},
    {"sd", DRIVE_IF_SD},         {0},
};

static const struct choice medias[] = {{"disk", 0}, {"cdrom", 1}, {0}};

enum {
    CACHE_FLAGS = BLOCK_WRITE_THROUGH | BLOCK_DIRECT | BLOCK_NO_FLUSH,
};

static const struct choice caches[] = {
    {"writeback", 0},
    {"writethrough", BLOCK_WRITE_THROUGH},
    {"none", BLOCK_DIRECT},
    {"off", BLOCK_DIRECT},
    {"directsync", BLOCK_DIRECT | BLOCK_WRITE_THROUGH},
    {"unsafe", BLOCK_NO_FLUSH},
    {0},
};

static const struct choice discards[] = {
    {"ignore", 0}, {"off", 0}, {"unmap", BLOCK_DISCARD}, {"on", BLOCK_DISCARD}, {0},
};

static const struct choice write_errors[] = {
    {"report", DRIVE_ERROR_REPORT},
    {"ignore", DRIVE_ERROR_IGNORE},
    {"stop", DRIVE_ERROR_STOP},
    {"enospc", DRIVE_ERROR_ENOSPC},
    {0},
};

static const struct choice read_errors[] = {
    {"report", DRIVE_ERROR_REPORT},
    {"ignore", DRIVE_ERROR_IGNORE},
    {"stop", DRIVE_ERROR_STOP},
    {0},
};

const char *drive_interface_name(enum drive_interface interface)
{
    for (const struct choice *c = interfaces; c->name; c++) {
        if (c->value == (int)interface) {
            return c->name;
        }
    }
    return "none";
}

/* ---- what rows do ---- */

static bool choose(const struct key *k, const char *value, int *ret, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (const struct choice *c = k->choices; c->name; c++) {
        if (!strcmp(c->name, value)) {
            *ret = c->value;
            return true;
        }
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", c->name);
    }
    return fail(error, "%s=%s: it can be %s", k->name, value, names->str);
}

static bool set_file(struct drive_options *o, const struct key *k G_GNUC_UNUSED, const char *value,
                     GError **error G_GNUC_UNUSED)
{
    g_free(o->file);
    o->file = g_strdup(value);
    return true;
}

static bool set_format(struct drive_options *o, const struct key *k G_GNUC_UNUSED,
                       const char *value, GError **error G_GNUC_UNUSED)
{
    g_free(o->format);
    o->format = g_strdup(value);
    return true;
}

static bool set_serial(struct drive_options *o, const struct key *k G_GNUC_UNUSED,
                       const char *value, GError **error G_GNUC_UNUSED)
{
    g_free(o->serial);
    o->serial = g_strdup(value);
    return true;
}

static bool set_id(struct drive_options *o, const struct key *k, const char *value, GError **error)
{
    if (!g_ascii_isalpha(*value) ||
        value[strspn(value, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-._")]) {
        return fail(error,
                    "%s=%s: an id begins with a letter and has only letters, digits, '-', '.' and "
                    "'_'",
                    k->name, value);
    }
    g_free(o->id);
    o->id = g_strdup(value);
    return true;
}

static bool set_interface(struct drive_options *o, const struct key *k, const char *value,
                          GError **error)
{
    int v;

    if (!choose(k, value, &v, error)) {
        return false;
    }
    o->interface = v;
    return true;
}

static bool set_media(struct drive_options *o, const struct key *k, const char *value,
                      GError **error)
{
    int v;

    if (!choose(k, value, &v, error)) {
        return false;
    }
    o->is_cdrom = v;
    return true;
}

static bool set_place(struct drive_options *o, const struct key *k, const char *value,
                      GError **error)
{
    uint64_t v;

    if (!parse_uint(value, 255, &v, error)) {
        g_prefix_error(error, "%s: ", k->name);
        return false;
    }
    *(!strcmp(k->name, "index") ? &o->index
      : !strcmp(k->name, "bus") ? &o->bus
                                : &o->unit) = (int)v;
    return true;
}

static bool set_cache(struct drive_options *o, const struct key *k, const char *value,
                      GError **error)
{
    int v;

    if (!choose(k, value, &v, error)) {
        return false;
    }
    o->flags = (o->flags & ~CACHE_FLAGS) | v;
    return true;
}

static bool set_discard(struct drive_options *o, const struct key *k, const char *value,
                        GError **error)
{
    int v;

    if (!choose(k, value, &v, error)) {
        return false;
    }
    o->flags = (o->flags & ~BLOCK_DISCARD) | v;
    return true;
}

static bool set_flag(struct drive_options *o, const struct key *k, const char *value,
                     GError **error)
{
    bool on;

    if (!parse_bool(value, &on, error)) {
        g_prefix_error(error, "%s: ", k->name);
        return false;
    }
    o->flags = on ? o->flags | k->flag : o->flags & ~k->flag;
    return true;
}

/* cache.writeback=off is what BLOCK_WRITE_THROUGH says. */
static bool set_writeback(struct drive_options *o, const struct key *k, const char *value,
                          GError **error)
{
    bool on;

    if (!parse_bool(value, &on, error)) {
        g_prefix_error(error, "%s: ", k->name);
        return false;
    }
    o->flags = on ? o->flags & ~k->flag : o->flags | k->flag;
    return true;
}

static bool set_on_error(struct drive_options *o, const struct key *k, const char *value,
                         GError **error)
{
    int v;

    if (!choose(k, value, &v, error)) {
        return false;
    }
    *(*k->name == 'w' ? &o->on_write_error : &o->on_read_error) = v;
    o->error_policy_set = true;
    return true;
}

static bool set_only(struct drive_options *o G_GNUC_UNUSED, const struct key *k, const char *value,
                     GError **error)
{
    if (strcmp(value, k->only) != 0) {
        return fail(error, "%s=%s is not in this version; %s=%s works", k->name, value, k->name,
                    k->only);
    }
    return true;
}

static bool refuse_geometry(struct drive_options *o G_GNUC_UNUSED, const struct key *k,
                            const char *value G_GNUC_UNUSED, GError **error)
{
    return fail(error,
                "%s belongs to the device: -drive if=none,id=d,... -device ide-hd,drive=d,%s",
                k->name, k->name);
}

static const struct key keys[] = {
    {.name = "file", .set = set_file},
    {.name = "file.filename", .set = set_file},
    {.name = "file.driver", .set = set_only, .only = "file"},
    {.name = "file.locking", .set = set_only, .only = "off"},
    {.name = "format", .set = set_format},
    {.name = "driver", .set = set_format},
    {.name = "if", .set = set_interface, .choices = interfaces},
    {.name = "index", .set = set_place},
    {.name = "bus", .set = set_place},
    {.name = "unit", .set = set_place},
    {.name = "media", .set = set_media, .choices = medias},
    {.name = "id", .set = set_id},
    {.name = "serial", .set = set_serial},
    {.name = "cache", .set = set_cache, .choices = caches},
    {.name = "cache.writeback", .set = set_writeback, .flag = BLOCK_WRITE_THROUGH},
    {.name = "cache.direct", .set = set_flag, .flag = BLOCK_DIRECT},
    {.name = "cache.no-flush", .set = set_flag, .flag = BLOCK_NO_FLUSH},
    {.name = "aio", .set = set_only, .only = "threads"},
    {.name = "snapshot", .set = set_flag, .flag = BLOCK_SNAPSHOT},
    {.name = "readonly", .set = set_flag, .flag = BLOCK_READ_ONLY},
    {.name = "read-only", .set = set_flag, .flag = BLOCK_READ_ONLY},
    {.name = "auto-read-only", .set = set_only, .only = "off"},
    {.name = "discard", .set = set_discard, .choices = discards},
    {.name = "detect-zeroes", .set = set_only, .only = "off"},
    {.name = "copy-on-read", .set = set_only, .only = "off"},
    {.name = "werror", .set = set_on_error, .choices = write_errors},
    {.name = "rerror", .set = set_on_error, .choices = read_errors},
    {.name = "cyls", .set = refuse_geometry},
    {.name = "heads", .set = refuse_geometry},
    {.name = "secs", .set = refuse_geometry},
};

/* ---- the text ---- */

static bool set_key(struct drive_options *o, const char *name, const char *value, GError **error)
{
    const char *names[ARRAY_SIZE(keys) + 1] = {0};
    const char *near;

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (!strcmp(keys[i].name, name)) {
            return keys[i].set(o, &keys[i], value, error);
        }
        names[i] = keys[i].name;
    }
    if (g_str_has_prefix(name, "throttling.") || g_str_has_prefix(name, "bps") ||
        g_str_has_prefix(name, "iops")) {
        return fail(error, "%s: limits on bytes and operations are not in this version", name);
    }
    near = nearest_name(name, names);
    if (near) {
        return fail(error, "there is no option '%s'; did you mean '%s'?", name, near);
    }
    return fail(error, "there is no option '%s'", name);
}

/* The text up to a single comma; two in a row stand for one. Moves *@p behind the comma. */
static char *next_field(const char **p)
{
    GString *s = g_string_new(NULL);
    const char *c = *p;

    while (*c && (*c != ',' || c[1] == ',')) {
        g_string_append_c(s, *c);
        c += *c == ',' ? 2 : 1;
    }
    *p = *c ? c + 1 : c;
    return g_string_free(s, FALSE);
}

bool drive_options_parse(struct drive_options *ret, const char *text,
                         enum drive_interface default_if, GError **error)
{
    *ret = (struct drive_options){
        .interface = default_if,
        .index = -1,
        .bus = -1,
        .unit = -1,
        .on_write_error = DRIVE_ERROR_ENOSPC,
        .on_read_error = DRIVE_ERROR_REPORT,
    };
    while (*text) {
        g_autofree char *field = next_field(&text);
        char *value = strchr(field, '=');

        if (value) {
            *value++ = '\0';
        } else {
            value = "on"; /* "snapshot" alone */
        }
        if (!set_key(ret, field, value, error)) {
            return false;
        }
    }
    if (ret->error_policy_set &&
        (ret->interface == DRIVE_IF_FLOPPY || ret->interface == DRIVE_IF_PFLASH ||
         ret->interface == DRIVE_IF_SD)) {
        return fail(error, "werror= and rerror= do not work with if=%s",
                    drive_interface_name(ret->interface));
    }
    if (ret->is_cdrom) {
        ret->flags |= BLOCK_READ_ONLY;
    }
    return true;
}

void drive_options_clear(struct drive_options *o)
{
    g_free(o->file);
    g_free(o->format);
    g_free(o->id);
    g_free(o->serial);
}
