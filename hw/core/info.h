/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices tell people in the monitor: `info pic`, `info lapic` and the like.
 *
 * A device offers a text under a topic; the monitor shows all that stand under it, in the order
 * they were added. So the monitor need not know who there is.
 *
 * Locking: machine lock.
 */
#ifndef VITRO_HW_CORE_INFO_H
#define VITRO_HW_CORE_INFO_H

#include "util/common.h"

struct machine;

typedef void info_print_fn(void *opaque, const char *fmt, ...);
/* Prints the state of @obj. */
typedef void info_show_fn(void *obj, info_print_fn *print, void *opaque);

/* @topic is static: "pic", "irq", "lapic". */
void machine_info_add(struct machine *m, const char *topic, info_show_fn *show, void *obj);
/* Takes away all that @obj has added. */
void machine_info_remove(struct machine *m, void *obj);
/* False when nobody has anything under @topic. */
bool machine_info_show(struct machine *m, const char *topic, info_print_fn *print, void *opaque);
/* For machine_free(). */
void machine_info_free(struct machine *m);

#endif
