/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what the command line asked for to a machine that is ready to run.
 *
 * The functions are called in this order by setup_machine(); each may be used alone by tests.
 * Machine lock held.
 */
#ifndef VITRO_SYSTEM_SETUP_H
#define VITRO_SYSTEM_SETUP_H

#include "hw/core/machine.h"
#include "system/config.h"
#include "system/life.h"

/* The machine named by -machine (or the default one), with its properties set. NULL on error, or
 * when help was printed (*@ret_leave). */
struct machine *setup_new_machine(struct config *c, bool *ret_leave, GError **error);

/* Name, UUID, memory size, topology, NUMA, boot order, clock. */
bool setup_basics(struct machine *m, struct config *c, GError **error);
bool setup_actions(struct life *l, struct config *c, GError **error);

/* The first engine of the list that works here. Says so on stderr when it is not the first. */
bool setup_accel(struct machine *m, struct config *c, GError **error);

/* Guest RAM: -m, -mem-path or the memory-backend object. Sets m->ram. */
bool setup_memory(struct machine *m, struct config *c, GError **error);
/* memdev= of -numa, before setup_memory(); the nodes, after it. */
bool setup_numa_memory(struct machine *m, struct config *c, GError **error);
bool setup_numa(struct machine *m, struct config *c, GError **error);
bool setup_objects(struct machine *m, struct config *c, GError **error);

/* -chardev, -drive and what -serial, -monitor... name. Before the board is built. */
bool setup_backends(struct machine *m, struct config *c, GMainContext *context, GError **error);

bool setup_blockdevs(struct machine *m, struct config *c, GError **error);
/* -set: changes texts in @c; first of all. */
bool setup_sets(struct config *c, GError **error);

/* Fails when a drive found no place in the machine. After the devices. */
bool setup_check_drives(struct machine *m, GError **error);

/* -device, after the board. */
bool setup_devices(struct machine *m, struct config *c, GError **error);
/* One -device text; for the monitor's device_add too. Returns the device or NULL. */
struct device *setup_device(struct machine *m, const char *text, GError **error);

/* Monitors of -monitor, -mon and "mon:" character devices, appended to @monitors. */
bool setup_monitors(struct machine *m, struct config *c, GPtrArray *monitors, GError **error);

#endif
