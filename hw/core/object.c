/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object tree and its properties.
 */
#include "hw/core/object.h"

#include <string.h>

static void *prop_field(struct object *obj, const struct property *p)
{
    return (char *)obj + p->offset;
}

static void store_initial(struct object *obj, const struct property *p)
{
    void *field = prop_field(obj, p);
    g_autoptr(GError) err = NULL;

    if (p->initial_text) {
        if (!p->type->set(obj, p, field, p->initial_text, &err)) {
            g_error("%s.%s: bad default: %s", obj->type_name, p->name, err->message);
        }
    } else if (p->type == &prop_type_bool) {
        *(bool *)field = p->initial;
    } else if (p->type == &prop_type_u8) {
        *(uint8_t *)field = (uint8_t)p->initial;
    } else if (p->type == &prop_type_u16) {
        *(uint16_t *)field = (uint16_t)p->initial;
    } else if (p->type == &prop_type_u32 || p->type == &prop_type_i32) {
        *(uint32_t *)field = (uint32_t)p->initial;
    } else if (p->type == &prop_type_u64 || p->type == &prop_type_i64 ||
               p->type == &prop_type_size) {
        *(uint64_t *)field = p->initial;
    } else if (p->type == &prop_type_enum) {
        *(int *)field = (int)p->initial;
    } else if (p->type == &prop_type_on_off_auto) {
        *(enum on_off_auto *)field = (enum on_off_auto)p->initial;
    }
}

void object_init(struct object *obj, const char *type_name, void *context)
{
    obj->type_name = type_name;
    obj->context = context;
    obj->children = g_ptr_array_new();
}

void object_add_props(struct object *obj, const struct property *props)
{
    unsigned i = 0;

    if (!props) {
        return;
    }
    while (i < OBJECT_PROP_TABLES && obj->props[i]) {
        i++;
    }
    g_assert(i < OBJECT_PROP_TABLES);
    obj->props[i] = props;
    for (const struct property *p = props; p->name; p++) {
        store_initial(obj, p);
    }
}

void object_free(struct object *obj)
{
    if (!obj) {
        return;
    }
    object_remove_child(obj);
    while (obj->children && obj->children->len) {
        object_free(g_ptr_array_index(obj->children, obj->children->len - 1));
    }
    g_clear_pointer(&obj->children, g_ptr_array_unref);
    for (unsigned i = 0; i < OBJECT_PROP_TABLES && obj->props[i]; i++) {
        for (const struct property *p = obj->props[i]; p->name; p++) {
            if (p->type->clear) {
                p->type->clear(obj, p, prop_field(obj, p));
            }
        }
    }
    g_clear_pointer(&obj->name, g_free);
    if (obj->destroy) {
        obj->destroy(obj);
    }
}

bool object_add_child(struct object *parent, const char *name, struct object *child, GError **error)
{
    if (object_child(parent, name)) {
        return fail(error, "there is already an object named '%s'", name);
    }
    object_remove_child(child);
    child->name = g_strdup(name);
    child->parent = parent;
    g_ptr_array_add(parent->children, child);
    return true;
}

void object_remove_child(struct object *child)
{
    if (child->parent) {
        g_ptr_array_remove(child->parent->children, child);
        child->parent = NULL;
        g_clear_pointer(&child->name, g_free);
    }
}

static void container_destroy(struct object *obj)
{
    g_free(obj);
}

struct object *object_new_container(struct object *parent, const char *name)
{
    struct object *obj = g_new0(struct object, 1);

    object_init(obj, "container", parent->context);
    obj->destroy = container_destroy;
    object_add_child(parent, name, obj, NULL);
    return obj;
}

struct object *object_child(struct object *parent, const char *name)
{
    for (guint i = 0; i < parent->children->len; i++) {
        struct object *child = g_ptr_array_index(parent->children, i);

        if (strcmp(child->name, name) == 0) {
            return child;
        }
    }
    return NULL;
}

struct object *object_resolve(struct object *root, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    struct object *obj = root;
    bool at_root = *path == '/'; /* an absolute path may begin with the root's own name */

    for (char **part = parts; *part && obj; part++) {
        if (!**part || (at_root && root->name && strcmp(*part, root->name) == 0)) {
            at_root = at_root && !**part;
            continue;
        }
        at_root = false;
        obj = object_child(obj, *part);
    }
    return obj;
}

char *object_path(const struct object *obj)
{
    GString *path = g_string_new(NULL);

    for (; obj->parent; obj = obj->parent) {
        g_string_prepend(path, obj->name);
        g_string_prepend_c(path, '/');
    }
    if (obj->name) { /* the root of a machine's tree is "/machine" */
        g_string_prepend(path, obj->name);
        g_string_prepend_c(path, '/');
    }
    if (!path->len) {
        g_string_append_c(path, '/');
    }
    return g_string_free(path, FALSE);
}

const struct property *object_find_prop(const struct object *obj, const char *name)
{
    for (unsigned i = 0; i < OBJECT_PROP_TABLES && obj->props[i]; i++) {
        for (const struct property *p = obj->props[i]; p->name; p++) {
            if (strcmp(p->name, name) == 0) {
                return p;
            }
        }
    }
    return NULL;
}

static const struct property *find_or_fail(struct object *obj, const char *name, GError **error)
{
    const struct property *p = object_find_prop(obj, name);
    g_autoptr(GPtrArray) names = NULL;
    const char *near;

    if (p) {
        return p;
    }
    names = g_ptr_array_new();
    for (unsigned i = 0; i < OBJECT_PROP_TABLES && obj->props[i]; i++) {
        for (p = obj->props[i]; p->name; p++) {
            g_ptr_array_add(names, (gpointer)p->name);
        }
    }
    g_ptr_array_add(names, NULL);
    near = nearest_name(name, (const char *const *)names->pdata);
    if (near) {
        fail_code(error, ERROR_NOT_FOUND, "%s has no property '%s'; did you mean '%s'?",
                  obj->type_name, name, near);
    } else {
        fail_code(error, ERROR_NOT_FOUND, "%s has no property '%s'", obj->type_name, name);
    }
    return NULL;
}

bool object_set(struct object *obj, const char *name, const char *value, GError **error)
{
    const struct property *p = find_or_fail(obj, name, error);

    if (!p) {
        return false;
    }
    if (p->flags & PROP_READONLY) {
        return fail(error, "%s.%s cannot be set", obj->type_name, name);
    }
    if (obj->sealed && !(p->flags & PROP_RUNTIME)) {
        return fail(error, "%s.%s cannot be changed once the object is in use", obj->type_name,
                    name);
    }
    if (!p->type->set(obj, p, prop_field(obj, p), value, error)) {
        g_prefix_error(error, "%s.%s: ", obj->type_name, name);
        return false;
    }
    return true;
}

char *object_get(struct object *obj, const char *name, GError **error)
{
    const struct property *p = find_or_fail(obj, name, error);

    return p ? p->type->get(obj, p, prop_field(obj, p)) : NULL;
}
