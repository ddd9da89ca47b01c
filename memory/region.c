/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The region tree: making regions, placing them, and telling the views.
 */
#include "memory/view.h"

struct lock region_unlocked; /* only its address matters */

static void region_init(struct region *r, enum region_kind kind, const char *name, uint64_t size)
{
    *r = (struct region){.name = name, .kind = kind, .size = size, .enabled = true};
}

void region_init_container(struct region *r, const char *name, uint64_t size)
{
    region_init(r, REGION_CONTAINER, name, size);
}

void region_init_io(struct region *r, const struct region_ops *ops, void *opaque, const char *name,
                    uint64_t size)
{
    region_init(r, REGION_IO, name, size);
    r->ops = ops;
    r->opaque = opaque;
}

void region_init_ram(struct region *r, struct ram_block *ram, const char *name)
{
    region_init(r, REGION_RAM, name, ram->size);
    r->ram = ram;
    r->readonly = ram->flags & RAM_READONLY;
}

void region_init_rom(struct region *r, struct ram_block *ram, const struct region_ops *ops,
                     void *opaque, const char *name)
{
    region_init(r, REGION_ROM, name, ram->size);
    r->ram = ram;
    r->ops = ops;
    r->opaque = opaque;
    r->readonly = true;
}

void region_init_alias(struct region *r, const char *name, struct region *target, uint64_t offset,
                       uint64_t size)
{
    region_init(r, REGION_ALIAS, name, size);
    r->alias = target;
    r->alias_offset = offset;
    target->aliases = g_slist_prepend(target->aliases, r);
}

/* An address space that shows @r, directly or through windows; NULL: there is none. */
static struct address_space *space_of(const struct region *r)
{
    struct address_space *as = NULL;

    for (; r && !as; r = r->parent) {
        as = r->spaces ? r->spaces->data : NULL;
        for (GSList *l = r->aliases; l && !as; l = l->next) {
            as = space_of(l->data);
        }
    }
    return as;
}

void region_fini(struct region *r)
{
    if (!r->name) {
        return;
    }
    if (r->parent) {
        struct address_space *as = space_of(r);

        region_remove(r);
        if (as) {
            address_space_wait(as);
        }
    }
    if (r->kind == REGION_ALIAS) {
        r->alias->aliases = g_slist_remove(r->alias->aliases, r);
    }
    g_assert(!r->aliases); /* a window must go before what it shows */
    if (r->children) {
        while (r->children->len) {
            region_remove(g_ptr_array_index(r->children, 0));
        }
        g_ptr_array_unref(r->children);
        r->children = NULL;
    }
    r->name = NULL;
}

void region_touch(struct region *r)
{
    for (; r; r = r->parent) {
        for (GSList *l = r->spaces; l; l = l->next) {
            address_space_refresh(l->data);
        }
        for (GSList *l = r->aliases; l; l = l->next) { /* windows onto this tree from others */
            region_touch(l->data);
        }
    }
}

void region_add(struct region *parent, uint64_t addr, struct region *child, int priority)
{
    guint i;

    g_assert(!child->parent);
    if (!parent->children) {
        parent->children = g_ptr_array_new();
    }
    child->parent = parent;
    child->addr = addr;
    child->priority = priority;
    for (i = 0; i < parent->children->len; i++) {
        struct region *other = g_ptr_array_index(parent->children, i);

        if (other->priority <= priority) { /* of equals the newest comes first */
            break;
        }
    }
    g_ptr_array_insert(parent->children, (gint)i, child);
    region_touch(parent);
}

void region_remove(struct region *child)
{
    struct region *parent = child->parent;

    if (!parent) {
        return;
    }
    g_ptr_array_remove(parent->children, child);
    child->parent = NULL;
    region_touch(parent);
}

void region_set_enabled(struct region *r, bool enabled)
{
    if (r->enabled != enabled) {
        r->enabled = enabled;
        region_touch(r);
    }
}

void region_set_readonly(struct region *r, bool readonly)
{
    if (r->readonly != readonly) {
        r->readonly = readonly;
        region_touch(r);
    }
}

void region_set_addr(struct region *r, uint64_t addr)
{
    if (r->addr != addr) {
        r->addr = addr;
        region_touch(r);
    }
}

void region_set_size(struct region *r, uint64_t size)
{
    if (r->size != size) {
        r->size = size;
        region_touch(r);
    }
}

void region_set_alias_offset(struct region *r, uint64_t offset)
{
    if (r->alias_offset != offset) {
        r->alias_offset = offset;
        region_touch(r);
    }
}

void region_set_romd(struct region *r, bool romd)
{
    if (r->reads_go_to_ops == romd) {
        r->reads_go_to_ops = !romd;
        region_touch(r);
    }
}
