/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named events and their subscribers.
 */
#include "util/event.h"

struct subscriber {
    event_fn *fn;
    void *opaque;
};

void event_hub_init(struct event_hub *hub)
{
    g_mutex_init(&hub->lock);
    hub->subscribers = NULL;
}

void event_hub_fini(struct event_hub *hub)
{
    g_slist_free_full(hub->subscribers, g_free);
    hub->subscribers = NULL;
    g_mutex_clear(&hub->lock);
}

void event_subscribe(struct event_hub *hub, event_fn *fn, void *opaque)
{
    struct subscriber *s = g_new(struct subscriber, 1);

    *s = (struct subscriber){fn, opaque};
    g_mutex_lock(&hub->lock);
    hub->subscribers = g_slist_append(hub->subscribers, s);
    g_mutex_unlock(&hub->lock);
}

void event_unsubscribe(struct event_hub *hub, event_fn *fn, void *opaque)
{
    g_mutex_lock(&hub->lock);
    for (GSList *l = hub->subscribers; l; l = l->next) {
        struct subscriber *s = l->data;

        if (s->fn == fn && s->opaque == opaque) {
            hub->subscribers = g_slist_delete_link(hub->subscribers, l);
            g_free(s);
            break;
        }
    }
    g_mutex_unlock(&hub->lock);
}

void event_emit(struct event_hub *hub, const char *name, const struct event_field *fields)
{
    static const struct event_field none[] = {{0}};
    g_autofree struct subscriber *copy = NULL;
    unsigned n = 0;

    g_mutex_lock(&hub->lock);
    copy = g_new(struct subscriber, g_slist_length(hub->subscribers) + 1);
    for (GSList *l = hub->subscribers; l; l = l->next) {
        copy[n++] = *(struct subscriber *)l->data;
    }
    g_mutex_unlock(&hub->lock);
    for (unsigned i = 0; i < n; i++) { /* unlocked: a subscriber may subscribe or emit */
        copy[i].fn(copy[i].opaque, name, fields ? fields : none);
    }
}
