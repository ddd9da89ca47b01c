/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces: flattening a region tree into a view, and replacing views.
 *
 * Flattening walks the tree, highest priority first; each terminal region fills only what no
 * earlier one has taken. Addresses inside are 128 bits wide so that the whole 2^64 fits.
 */
#include "memory/view.h"

#include "util/rcu.h"

typedef unsigned __int128 addr128;

struct flattener {
    GArray *ranges; /* struct view_range, sorted, disjoint */
};

static addr128 region_size128(const struct region *r)
{
    return r->size == UINT64_MAX ? (addr128)1 << 64 : r->size;
}

/* Adds [@start, @end) of @r, whose offset 0 lies at @base, where it is still free. */
static void fill(struct flattener *f, struct region *r, __int128 base, addr128 start, addr128 end,
                 bool readonly)
{
    guint i = 0;

    while (start < end) {
        struct view_range range = {.region = r, .readonly = readonly};
        const struct view_range *next;
        addr128 stop;

        while (i < f->ranges->len &&
               (next = &g_array_index(f->ranges, struct view_range, i))->start <= start) {
            if (next->last >= start) {
                start = (addr128)next->last + 1; /* taken by a higher priority */
            }
            i++;
        }
        if (start >= end) {
            return;
        }
        stop = end;
        if (i < f->ranges->len) {
            stop = MIN(stop, g_array_index(f->ranges, struct view_range, i).start);
        }
        range.start = (uint64_t)start;
        range.last = (uint64_t)(stop - 1);
        range.offset = (uint64_t)((__int128)start - base);
        g_array_insert_val(f->ranges, i, range);
        i++;
        start = stop;
    }
}

/* Renders @r, whose offset 0 lies at @base, clipped to [@start, @end). */
static void render(struct flattener *f, struct region *r, __int128 base, addr128 start, addr128 end,
                   bool readonly)
{
    __int128 r_end = base + (__int128)region_size128(r);

    if (!r->enabled || r_end <= (__int128)start || base >= (__int128)end) {
        return;
    }
    readonly |= r->readonly;
    start = base > (__int128)start ? (addr128)base : start;
    end = r_end < (__int128)end ? (addr128)r_end : end;
    if (r->kind == REGION_ALIAS) {
        render(f, r->alias, base - (__int128)r->alias_offset, start, end, readonly);
        return;
    }
    for (guint i = 0; r->children && i < r->children->len; i++) {
        struct region *child = g_ptr_array_index(r->children, i);

        render(f, child, base + (__int128)child->addr, start, end, readonly);
    }
    if (r->kind != REGION_CONTAINER) {
        fill(f, r, base, start, end, readonly);
    }
}

static struct view *view_new(struct region *root)
{
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(struct view_range));
    struct flattener f = {ranges};
    struct view *view;

    if (root) {
        render(&f, root, 0, 0, (addr128)1 << 64, /* readonly= */ false);
    }
    view = g_malloc(sizeof(*view) + ranges->len * sizeof(struct view_range));
    view->count = ranges->len;
    if (ranges->len) {
        memcpy(view->ranges, ranges->data, ranges->len * sizeof(struct view_range));
    }
    return view;
}

static bool views_equal(const struct view *a, const struct view *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (unsigned i = 0; i < a->count; i++) {
        const struct view_range *x = &a->ranges[i], *y = &b->ranges[i];

        if (x->start != y->start || x->last != y->last || x->region != y->region ||
            x->offset != y->offset || x->readonly != y->readonly) {
            return false;
        }
    }
    return true;
}

void address_space_refresh(struct address_space *as)
{
    struct view *old = as->view, *new;

    if (as->batch) {
        as->stale = true;
        return;
    }
    as->stale = false;
    new = view_new(as->root);
    if (views_equal(old, new)) {
        g_free(new);
        return;
    }
    rcu_publish(as->view, new);
    for (struct view_listener *l = as->listeners; l; l = l->next) {
        l->changed(l, old, new);
    }
    rcu_free_later(old, g_free);
}

void address_space_init(struct address_space *as, struct region *root, const char *name,
                        struct lock *lock)
{
    *as = (struct address_space){.name = name, .root = root, .lock = lock};
    as->view = view_new(root);
    root->spaces = g_slist_prepend(root->spaces, as);
}

void address_space_fini(struct address_space *as)
{
    if (!as->root) {
        return;
    }
    as->root->spaces = g_slist_remove(as->root->spaces, as);
    rcu_free_later(as->view, g_free);
    as->view = NULL;
    as->root = NULL;
}

void address_space_begin(struct address_space *as)
{
    as->batch++;
}

void address_space_commit(struct address_space *as)
{
    g_assert(as->batch);
    if (--as->batch == 0 && as->stale) {
        address_space_refresh(as);
    }
}

void address_space_wait(struct address_space *as)
{
    bool held = as->lock && lock_held(as->lock);

    if (held) {
        lock_release(as->lock);
    }
    rcu_synchronize();
    if (held) {
        lock_acquire(as->lock);
    }
}

void address_space_listen(struct address_space *as, struct view_listener *l)
{
    static const struct view empty;
    struct view_listener **p = &as->listeners;

    while (*p) {
        p = &(*p)->next;
    }
    *p = l;
    l->next = NULL;
    l->changed(l, &empty, as->view);
}

void address_space_unlisten(struct address_space *as, struct view_listener *l)
{
    for (struct view_listener **p = &as->listeners; *p; p = &(*p)->next) {
        if (*p == l) {
            *p = l->next;
            return;
        }
    }
}

const struct view_range *address_space_find(struct address_space *as, uint64_t addr)
{
    const struct view *view = rcu_load(as->view);
    unsigned lo = 0, hi = view->count;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        const struct view_range *r = &view->ranges[mid];

        if (addr < r->start) {
            hi = mid;
        } else if (addr > r->last) {
            lo = mid + 1;
        } else {
            return r;
        }
    }
    return NULL;
}

static const char *kind_name(const struct region *r)
{
    switch (r->kind) {
    case REGION_RAM:
        return "ram";
    case REGION_ROM:
        return "rom";
    case REGION_IO:
        return "i/o";
    case REGION_ALIAS:
        return "alias";
    default:
        return "container";
    }
}

typedef void print_fn(void *opaque, const char *fmt, ...);

static void print_tree(const struct region *r, uint64_t base, unsigned depth, print_fn *print,
                       void *opaque)
{
    uint64_t last = base + (r->size == UINT64_MAX ? UINT64_MAX : r->size - 1);

    print(opaque, "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s", 2 * depth, "", base, last,
          r->priority, kind_name(r), r->name);
    if (r->kind == REGION_ALIAS) {
        print(opaque, " @%s %016" PRIx64 "-%016" PRIx64, r->alias->name, r->alias_offset,
              r->alias_offset + r->size - 1);
    }
    print(opaque, "%s%s\n", r->readonly ? " [read-only]" : "", r->enabled ? "" : " [disabled]");
    for (guint i = 0; r->children && i < r->children->len; i++) {
        const struct region *child = g_ptr_array_index(r->children, i);

        print_tree(child, base + child->addr, depth + 1, print, opaque);
    }
}

void address_space_print(struct address_space *as, bool flat, print_fn *print, void *opaque)
{
    print(opaque, "address-space: %s\n", as->name);
    if (!flat) {
        print_tree(as->root, 0, 1, print, opaque);
        return;
    }
    for (unsigned i = 0; i < as->view->count; i++) {
        const struct view_range *r = &as->view->ranges[i];

        print(opaque, "  %016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s @%016" PRIx64 "%s\n",
              r->start, r->last, r->region->priority, kind_name(r->region), r->region->name,
              r->offset, r->readonly ? " [read-only]" : "");
    }
}
