/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named events with typed fields: how lower layers tell monitors what has happened.
 *
 * Each machine has one hub. event_emit() runs the subscribers at once, in the calling thread;
 * a subscriber that needs the main loop queues itself there.
 */
#ifndef VITRO_UTIL_EVENT_H
#define VITRO_UTIL_EVENT_H

#include "util/common.h"

enum event_field_kind {
    EVENT_BOOL,
    EVENT_INT,
    EVENT_STR,
};

struct event_field {
    const char *name; /* NULL ends the list */
    enum event_field_kind kind;
    int64_t integer; /* EVENT_BOOL, EVENT_INT */
    const char *str; /* EVENT_STR */
};

#define EVENT_FIELD_BOOL(n, v)                                                                     \
    ((struct event_field){.name = (n), .kind = EVENT_BOOL, .integer = (v)})
#define EVENT_FIELD_INT(n, v) ((struct event_field){.name = (n), .kind = EVENT_INT, .integer = (v)})
#define EVENT_FIELD_STR(n, v) ((struct event_field){.name = (n), .kind = EVENT_STR, .str = (v)})

typedef void event_fn(void *opaque, const char *name, const struct event_field *fields);

struct event_hub {
    GMutex lock;
    GSList *subscribers;
};

void event_hub_init(struct event_hub *hub);
void event_hub_fini(struct event_hub *hub);
void event_subscribe(struct event_hub *hub, event_fn *fn, void *opaque);
void event_unsubscribe(struct event_hub *hub, event_fn *fn, void *opaque);

/* @fields ends with a NULL name; NULL means none. @name is in the field's form: "SHUTDOWN". */
void event_emit(struct event_hub *hub, const char *name, const struct event_field *fields);

#endif
