/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life cycle of a machine: start, stop, reset, power-down, suspend, the end of the process.
 *
 * Requests come from any thread through struct machine_life and are served by the main loop.
 */
#ifndef VITRO_SYSTEM_LIFE_H
#define VITRO_SYSTEM_LIFE_H

#include "hw/core/machine.h"
#include "system/main_loop.h"

enum reboot_action {
    REBOOT_RESET,
    REBOOT_SHUTDOWN,
};

enum shutdown_action {
    SHUTDOWN_POWEROFF,
    SHUTDOWN_PAUSE,
};

enum panic_policy {
    ON_PANIC_SHUTDOWN,
    ON_PANIC_PAUSE,
    ON_PANIC_EXIT_FAILURE,
    ON_PANIC_NONE,
};

struct life {
    struct machine *machine;
    struct main_loop *loop;
    enum reboot_action on_reboot;
    enum shutdown_action on_shutdown;
    enum panic_policy on_panic;

    unsigned pending;                               /* bits of life.c's enum; atomic */
    enum machine_cause reset_cause, shutdown_cause; /* the latest request's; atomic */
    enum run_state stop_state;                      /* atomic */
    bool leaving;
    int exit_status;
};

/* Makes @l answer @m's requests. */
void life_init(struct life *l, struct machine *m, struct main_loop *loop);

/* Resets the machine for the first time and, unless @paused, lets it run. */
void life_start(struct life *l, bool paused);

/* Rounds of the main loop until something ends the process; returns its exit status. */
int life_run(struct life *l);

#endif
