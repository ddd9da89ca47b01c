/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -object memory-backend-*: guest memory with an origin of the user's choice.
 */
#include "system/memory_backend.h"

#include <string.h>

#define COMMON_PROPS                                                                               \
    PROP_SIZE(struct memory_backend, size, "size", 0, "bytes"),                                    \
        PROP_BOOL(struct memory_backend, prealloc, "prealloc", false, "allocate all of it now"),   \
        PROP_BOOL(struct memory_backend, merge, "merge", true, "offer pages to KSM"),              \
        PROP_BOOL(struct memory_backend, dump, "dump", true, "include it in core dumps")

static const struct property ram_props[] = {
    COMMON_PROPS,
    PROP_BOOL(struct memory_backend, share, "share", false, "map it shared"),
    {0},
};

static const struct property file_props[] = {
    COMMON_PROPS,
    PROP_BOOL(struct memory_backend, share, "share", false, "writes reach the file"),
    PROP_STRING(struct memory_backend, path, "mem-path", NULL, "file, or folder for a hidden one"),
    PROP_SIZE(struct memory_backend, offset, "offset", 0, "where in the file it begins"),
    PROP_BOOL(struct memory_backend, readonly, "readonly", false, "open the file read-only"),
    {0},
};

static const struct property memfd_props[] = {
    COMMON_PROPS,
    PROP_BOOL(struct memory_backend, share, "share", true, "map it shared"),
    PROP_BOOL(struct memory_backend, huge, "hugetlb", false, "use huge pages"),
    PROP_SIZE(struct memory_backend, huge_page_size, "hugetlbsize", 2 * MiB, "size of those"),
    {0},
};

static const struct {
    const char *name;
    const struct property *props;
} types[] = {
    {"memory-backend-ram", ram_props},
    {"memory-backend-file", file_props},
    {"memory-backend-memfd", memfd_props},
};

static const struct property *props_of(const char *type)
{
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        if (strcmp(types[i].name, type) == 0) {
            return types[i].props;
        }
    }
    return NULL;
}

bool memory_backend_is_type(const char *type)
{
    return props_of(type);
}

void memory_backend_list(void (*each)(const char *type, const struct property *props))
{
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        each(types[i].name, types[i].props);
    }
}

static void backend_destroy(struct object *obj)
{
    struct memory_backend *b = container_of(obj, struct memory_backend, obj);

    if (!b->claimed) {
        ram_block_free(b->ram);
    }
    g_free(b);
}

static bool make_ram(struct memory_backend *b, const char *id, GError **error)
{
    enum ram_flags flags = (b->share ? RAM_SHARED : 0) | (b->prealloc ? RAM_PREALLOC : 0) |
                           (b->merge ? RAM_MERGE : 0) | (b->dump ? 0 : RAM_NO_DUMP) |
                           (b->readonly ? RAM_READONLY : 0);
    const char *type = b->obj.type_name;

    if (!b->size) {
        return fail(error, "size= is missing");
    }
    if (strcmp(type, "memory-backend-file") == 0) {
        if (!b->path) {
            return fail(error, "mem-path= is missing");
        }
        b->ram = ram_block_new_file(id, b->path, b->offset, b->size, flags, error);
    } else if (strcmp(type, "memory-backend-memfd") == 0) {
        b->ram = ram_block_new_memfd(id, b->size, b->huge ? b->huge_page_size : 0, flags, error);
    } else {
        b->ram = ram_block_new(id, b->size, flags, error);
    }
    return b->ram;
}

bool memory_backend_new(struct machine *m, const char *type, const char *id, struct options *o,
                        GError **error)
{
    const struct property *props = props_of(type);
    struct memory_backend *b = g_new0(struct memory_backend, 1);

    g_assert(props);
    object_init(&b->obj, type, m);
    b->obj.destroy = backend_destroy;
    object_add_props(&b->obj, props);
    for (guint i = 0; i < o->items->len; i++) {
        const struct option *item = g_ptr_array_index(o->items, i);

        if (strcmp(item->key, "id") != 0 && strcmp(item->key, "qom-type") != 0 &&
            !object_set(&b->obj, item->key, item->value, error)) {
            goto failed;
        }
    }
    if (!make_ram(b, id, error) || !object_add_child(m->objects, id, &b->obj, error)) {
        goto failed;
    }
    b->obj.sealed = true;
    return true;

failed:
    object_free(&b->obj);
    return false;
}

struct memory_backend *memory_backend_find(struct machine *m, const char *id)
{
    struct object *obj = object_child(m->objects, id);

    return obj && obj->destroy == backend_destroy ? container_of(obj, struct memory_backend, obj)
                                                  : NULL;
}

struct ram_block *memory_backend_claim(struct memory_backend *b)
{
    if (b->claimed) {
        return NULL;
    }
    b->claimed = true;
    return b->ram;
}
