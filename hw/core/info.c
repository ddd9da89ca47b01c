/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices tell people in the monitor, by topic.
 */
#include "hw/core/info.h"

#include "hw/core/machine.h"
#include <string.h>

struct info_entry {
    const char *topic;
    info_show_fn *show;
    void *obj;
};

void machine_info_add(struct machine *m, const char *topic, info_show_fn *show, void *obj)
{
    struct info_entry *e = g_new(struct info_entry, 1);

    *e = (struct info_entry){topic, show, obj};
    m->info = g_slist_append(m->info, e);
}

void machine_info_remove(struct machine *m, void *obj)
{
    for (GSList *l = m->info, *next; l; l = next) {
        struct info_entry *e = l->data;

        next = l->next;
        if (e->obj == obj) {
            m->info = g_slist_delete_link(m->info, l);
            g_free(e);
        }
    }
}

bool machine_info_show(struct machine *m, const char *topic, info_print_fn *print, void *opaque)
{
    bool any = false;

    for (GSList *l = m->info; l; l = l->next) {
        struct info_entry *e = l->data;

        if (strcmp(e->topic, topic) == 0) {
            e->show(e->obj, print, opaque);
            any = true;
        }
    }
    return any;
}

void machine_info_free(struct machine *m)
{
    g_slist_free_full(m->info, g_free);
    m->info = NULL;
}
