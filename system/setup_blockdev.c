/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -blockdev and -set: drives described node by node, and keys changed by id.
 *
 *   -blockdev driver=file,node-name=f,filename=disk.img -blockdev driver=raw,node-name=d,file=f
 *   -blockdev '{"driver":"raw","node-name":"d","file":{"driver":"file","filename":"disk.img"}}'
 *   -device ide-hd,drive=d
 *
 * A raw node on a file becomes a drive of its name, and so does a file node that no other node
 * uses. Absent: other drivers, nodes of nodes; each is refused.
 */
#include "system/setup.h"

#include "block/block.h"
#include <string.h>

struct node {
    const char *name;
    const char *filename;
    GString *keys; /* of -drive */
    bool is_file, used;
};

static void node_free(gpointer data)
{
    struct node *n = data;

    g_string_free(n->keys, TRUE);
    g_free(n);
}

/* Keys that -blockdev spells as -drive does, or otherwise. */
static const struct {
    const char *blockdev, *drive;
} renamed[] = {
    {"read-only", "readonly"},
    {"discard", "discard"},
    {"cache.direct", "cache.direct"},
    {"cache.no-flush", "cache.no-flush"},
    {"aio", "aio"},
    {"locking", "file.locking"},
};

static void take_keys(struct options *o, const char *prefix, GString *keys)
{
    for (unsigned i = 0; i < ARRAY_SIZE(renamed); i++) {
        g_autofree char *key = g_strconcat(prefix, renamed[i].blockdev, NULL);
        const char *value = options_get(o, key);

        if (value) {
            g_string_append_printf(keys, ",%s=%s", renamed[i].drive, value);
        }
    }
}

static struct node *find_node(GPtrArray *nodes, const char *name)
{
    for (guint i = 0; i < nodes->len; i++) {
        struct node *n = g_ptr_array_index(nodes, i);

        if (strcmp(n->name, name) == 0) {
            return n;
        }
    }
    return NULL;
}

/* What a raw node stands on: a node of that name, or one described in place. */
static bool take_file(struct node *n, struct options *o, GPtrArray *nodes, GError **error)
{
    const char *name = options_get(o, "file"), *driver = options_get(o, "file.driver");

    if (name) {
        struct node *below = find_node(nodes, name);

        if (!below || !below->is_file || below->used) {
            return fail(error, "-blockdev %s: file=%s is no node with driver=file that is free",
                        n->name, name);
        }
        below->used = true;
        n->filename = below->filename;
        g_string_append(n->keys, below->keys->str);
        return true;
    }
    if (driver && strcmp(driver, "file") != 0) {
        return fail(error, "-blockdev %s: file.driver=%s: this version has 'file'", n->name,
                    driver);
    }
    n->filename = options_require(o, "file.filename", error);
    options_get(o, "file.node-name");
    take_keys(o, "file.", n->keys);
    return n->filename;
}

static bool add_node(GPtrArray *nodes, struct options *o, GError **error)
{
    static const char *const known[] = {
        "driver",         "node-name", "filename", "file",          "read-only", "cache.direct",
        "cache.no-flush", "discard",   "aio",      "file.filename", NULL};
    const char *name = options_require(o, "node-name", error);
    const char *driver = name ? options_require(o, "driver", error) : NULL;
    struct node *n;

    if (!driver) {
        return false;
    }
    if (find_node(nodes, name)) {
        return fail(error, "-blockdev: node-name=%s is taken", name);
    }
    n = g_new0(struct node, 1);
    n->name = name;
    n->keys = g_string_new(NULL);
    n->is_file = strcmp(driver, "file") == 0;
    g_ptr_array_add(nodes, n);
    if (n->is_file) {
        n->filename = options_require(o, "filename", error);
    } else if (strcmp(driver, "raw") != 0) {
        return fail(error, "-blockdev %s: driver=%s: this version has 'raw' and 'file'", name,
                    driver);
    } else if (!take_file(n, o, nodes, error)) {
        return false;
    }
    if (!n->filename) {
        return false;
    }
    take_keys(o, "", n->keys);
    return options_unused(o, known, error);
}

bool setup_blockdevs(struct machine *m, struct config *c, GError **error)
{
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(node_free);
    g_autoptr(GPtrArray) lists = g_ptr_array_new_with_free_func((GDestroyNotify)options_free);

    for (guint i = 0; i < c->blockdevs->len; i++) {
        struct options *o =
            options_parse("-blockdev", g_ptr_array_index(c->blockdevs, i), "driver", error);

        if (!o) {
            return false;
        }
        g_ptr_array_add(lists, o); /* the nodes point into it */
        if (!add_node(nodes, o, error)) {
            return false;
        }
    }
    for (guint i = 0; i < nodes->len; i++) {
        struct node *n = g_ptr_array_index(nodes, i);
        g_autofree char *keys =
            g_strdup_printf("if=none,id=%s,format=raw%s", n->name, n->keys->str);

        if (!n->used && !drive_new_file(m->blocks, n->filename, keys, DRIVE_IF_NONE, error)) {
            g_prefix_error(error, "-blockdev %s: ", n->name);
            return false;
        }
    }
    return true;
}

/* ---- -set ---- */

/* Whether the option text has id=@id. JSON texts are looked into, too. */
static bool has_id(const char *text, const char *id)
{
    struct options *o = options_parse("-set", text, "driver", NULL);
    const char *have = o ? options_get(o, "id") : NULL;
    bool same = have && strcmp(have, id) == 0;

    options_free(o);
    return same;
}

static char **find_text(struct config *c, const char *group, const char *id)
{
    GPtrArray *lists[] = {c->devices, c->chardevs, c->objects};
    static const char *const names[] = {"device", "chardev", "object"};

    for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
        for (guint j = 0; strcmp(group, names[i]) == 0 && j < lists[i]->len; j++) {
            if (has_id(g_ptr_array_index(lists[i], j), id)) {
                return (char **)&g_ptr_array_index(lists[i], j);
            }
        }
    }
    for (guint j = 0; strcmp(group, "drive") == 0 && j < c->drives->len; j++) {
        struct drive_config *d = g_ptr_array_index(c->drives, j);

        if (d->kind == DRIVE_TEXT && has_id(d->text, id)) {
            return &d->text;
        }
    }
    return NULL;
}

static bool apply_set(struct config *c, const char *text, GError **error)
{
    const char *eq = strchr(text, '=');
    g_autofree char *path = eq ? g_strndup(text, (gsize)(eq - text)) : g_strdup("");
    g_auto(GStrv) parts = g_strsplit(path, ".", 3);
    struct options *o;
    char **found;

    if (g_strv_length(parts) != 3) {
        return fail(error, "-set '%s' is not of the form GROUP.ID.KEY=VALUE", text);
    }
    found = find_text(c, parts[0], parts[1]);
    if (!found) {
        return fail(error,
                    "-set %s: there is no -%s with id=%s before it (groups: device, drive, "
                    "chardev, object)",
                    text, parts[0], parts[1]);
    }
    o = options_parse("-set", *found, "driver", error);
    if (!o) {
        return false;
    }
    options_add(o, parts[2], eq + 1);
    g_free(*found);
    *found = options_to_text(o);
    options_free(o);
    return true;
}

bool setup_sets(struct config *c, GError **error)
{
    for (guint i = 0; i < c->sets->len; i++) {
        if (!apply_set(c, g_ptr_array_index(c->sets, i), error)) {
            return false;
        }
    }
    return true;
}
