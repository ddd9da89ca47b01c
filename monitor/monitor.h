/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The human monitor: a command line on a character device.
 *
 * Any number of monitors may watch one machine; each has its own line editing, history and
 * current CPU. Machine lock held for all of it.
 */
#ifndef VITRO_MONITOR_MONITOR_H
#define VITRO_MONITOR_MONITOR_H

#include "chardev/chardev.h"
#include "hw/core/machine.h"

struct monitor;

/* A monitor that @chr's users talk to. On a mux it waits until somebody switches to it. */
struct monitor *monitor_new(struct machine *m, struct chardev *chr, GError **error);
/* NULL is fine. */
void monitor_free(struct monitor *mon);

/* Carries out one line and returns what it printed ("\n" between lines); g_free(). @cpu: index of
 * the CPU that commands about registers and memory mean. */
char *monitor_run_line(struct machine *m, unsigned cpu, const char *line);

#endif
