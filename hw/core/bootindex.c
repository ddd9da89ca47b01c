/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which firmware tries devices: bootindex=.
 */
#include "hw/core/bootindex.h"

static void entry_free(gpointer data)
{
    struct boot_entry *e = data;

    g_free(e->suffix);
    g_free(e);
}

static int by_index(gconstpointer a, gconstpointer b)
{
    const struct boot_entry *const *x = a, *const *y = b;

    return (*x)->index < (*y)->index ? -1 : (*x)->index > (*y)->index;
}

const GPtrArray *bootindex_list(struct machine *m)
{
    if (!m->boot_entries) {
        m->boot_entries = g_ptr_array_new_with_free_func(entry_free);
    }
    return m->boot_entries;
}

bool bootindex_add(struct machine *m, int32_t index, struct device *dev, const char *suffix,
                   GError **error)
{
    struct boot_entry *e;

    if (index < 0) {
        return true;
    }
    bootindex_list(m);
    for (guint i = 0; i < m->boot_entries->len; i++) {
        e = g_ptr_array_index(m->boot_entries, i);
        if (e->index == index) {
            return fail(error, "bootindex=%d is taken by '%s'", index,
                        !e->dev      ? e->suffix
                        : e->dev->id ? e->dev->id
                                     : e->dev->type->name);
        }
    }
    e = g_new0(struct boot_entry, 1);
    e->index = index;
    e->dev = dev;
    e->suffix = g_strdup(suffix);
    g_ptr_array_add(m->boot_entries, e);
    g_ptr_array_sort(m->boot_entries, by_index);
    return true;
}

void bootindex_remove(struct machine *m, struct device *dev)
{
    for (guint i = m->boot_entries ? m->boot_entries->len : 0; i-- > 0;) {
        const struct boot_entry *e = g_ptr_array_index(m->boot_entries, i);

        if (e->dev == dev) {
            g_ptr_array_remove_index(m->boot_entries, i);
        }
    }
}
