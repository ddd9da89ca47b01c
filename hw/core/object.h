/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object tree: everything of a machine that has a name, a path and typed properties.
 *
 * /machine is the root; devices of the user stand in /machine/peripheral/ID, those of the board in
 * /machine/unattached, -object's in /objects. An object is embedded as the first member of
 * its struct; its property tables hold offsets into that struct.
 *
 * Locking: machine lock.
 */
#ifndef VITRO_HW_CORE_OBJECT_H
#define VITRO_HW_CORE_OBJECT_H

#include "hw/core/property.h"

#define OBJECT_PROP_TABLES 4

struct object {
    const char *type_name; /* static */
    char *name;            /* in the parent */
    struct object *parent;
    GPtrArray *children;
    const struct property *props[OBJECT_PROP_TABLES]; /* each ends with an empty row; NULLs end */
    bool sealed;   /* realized: only PROP_RUNTIME properties may be set */
    void *context; /* struct machine, for properties that refer to its parts */
    /* Frees the struct; NULL when it is embedded in something else. */
    void (*destroy)(struct object *obj);
};

/* @obj is zeroed. @context is what property types get to resolve names (the machine). */
void object_init(struct object *obj, const char *type_name, void *context);

/* Adds a table and gives each of its fields its default. Up to OBJECT_PROP_TABLES. */
void object_add_props(struct object *obj, const struct property *props);

/* Leaves the tree, frees property values, children, and with destroy() the struct. NULL is fine. */
void object_free(struct object *obj);

/* @child leaves an earlier parent. Fails when the name is taken. */
bool object_add_child(struct object *parent, const char *name, struct object *child,
                      GError **error);
void object_remove_child(struct object *child);

/* A plain node of the tree ("peripheral"); freed with its parent. */
struct object *object_new_container(struct object *parent, const char *name);

struct object *object_child(struct object *parent, const char *name);

/* An absolute path ("/machine/peripheral/net0") or one relative to @root; NULL when none. */
struct object *object_resolve(struct object *root, const char *path);

/* The path from the root; free with g_free(). */
char *object_path(const struct object *obj);

const struct property *object_find_prop(const struct object *obj, const char *name);

/* Parses @value into the property. The error names type and property and the nearest name. */
bool object_set(struct object *obj, const char *name, const char *value, GError **error);

/* The value as text, free with g_free(); NULL on error. */
char *object_get(struct object *obj, const char *name, GError **error);

#endif
