/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life cycle of a machine.
 *
 * A request sets a bit and wakes the main loop; the vCPU that made it waits, so that the guest
 * does not run on past its own reset or power-off.
 */
#include "system/life.h"

#include "system/setup.h"

enum pending {
    PENDING_RESET = 1 << 0,
    PENDING_SHUTDOWN = 1 << 1,
    PENDING_STOP = 1 << 2,
    PENDING_SUSPEND = 1 << 3,
    PENDING_WAKEUP = 1 << 4,
    PENDING_EXIT = 1 << 5,
    PENDING_PANIC = 1 << 6,
};

static struct life *life_of(struct machine *m)
{
    return m->life_data;
}

static void request(struct life *l, enum pending what)
{
    struct vcpu *v = vcpu_current();

    if (v && what != PENDING_WAKEUP) {
        /* It waits until the request has been served: before that can happen, so that the
         * vcpus_resume() that ends it comes after this. */
        g_mutex_lock(&v->lock);
        v->stop = true;
        g_mutex_unlock(&v->lock);
        vcpu_kick(v);
    }
    __atomic_or_fetch(&l->pending, what, __ATOMIC_SEQ_CST);
    main_loop_wake(l->loop);
}

static void request_reset(struct machine *m, enum machine_cause cause)
{
    __atomic_store_n(&life_of(m)->reset_cause, cause, __ATOMIC_RELAXED);
    request(life_of(m), PENDING_RESET);
}

static void request_shutdown(struct machine *m, enum machine_cause cause)
{
    __atomic_store_n(&life_of(m)->shutdown_cause, cause, __ATOMIC_RELAXED);
    request(life_of(m), PENDING_SHUTDOWN);
}

static void request_exit(struct machine *m, int status)
{
    __atomic_store_n(&life_of(m)->exit_status, status, __ATOMIC_RELAXED);
    request(life_of(m), PENDING_EXIT);
}

static void request_suspend(struct machine *m)
{
    request(life_of(m), PENDING_SUSPEND);
}

static void request_wakeup(struct machine *m)
{
    request(life_of(m), PENDING_WAKEUP);
}

static void request_stop(struct machine *m, enum run_state state)
{
    __atomic_store_n(&life_of(m)->stop_state, state, __ATOMIC_RELAXED);
    request(life_of(m), PENDING_STOP);
}

static void panicked(struct machine *m, enum panic_action action)
{
    const struct event_field fields[] = {
        EVENT_FIELD_STR("action", action == PANIC_KDUMP ? "run" : "pause"), {0}};

    if (action == PANIC_KDUMP) {
        event_emit(&m->events, "GUEST_CRASHLOADED", fields);
        return;
    }
    event_emit(&m->events, "GUEST_PANICKED", fields);
    if (life_of(m)->on_panic != ON_PANIC_NONE) {
        request(life_of(m), PENDING_PANIC);
    }
}

static void run(struct machine *m)
{
    m->run_state = RUN_RUNNING;
    clock_start(&m->clock_virtual);
    machine_notify(m, NOTICE_RUNNING);
    vcpus_resume(m);
}

static void stop(struct machine *m, enum run_state state)
{
    if (m->run_state == RUN_RUNNING) {
        vcpus_pause(m);
        clock_stop(&m->clock_virtual);
        m->run_state = state;
        machine_notify(m, NOTICE_STOPPED);
        event_emit(&m->events, "STOP", NULL);
    } else {
        m->run_state = state;
    }
}

static void stop_by_person(struct machine *m)
{
    if (m->run_state == RUN_RUNNING) {
        stop(m, RUN_PAUSED);
    }
}

static bool cont(struct machine *m, GError **error)
{
    switch (m->run_state) {
    case RUN_RUNNING:
        return true;
    case RUN_SHUTDOWN:
    case RUN_GUEST_PANICKED:
    case RUN_INTERNAL_ERROR:
        return fail(error, "the machine is in state '%s' and must be reset first (system_reset)",
                    run_state_name(m->run_state));
    case RUN_SUSPENDED:
        return fail(error, "the guest sleeps; system_wakeup wakes it");
    default:
        run(m);
        event_emit(&m->events, "RESUME", NULL);
        return true;
    }
}

static void powerdown(struct machine *m)
{
    event_emit(&m->events, "POWERDOWN", NULL);
    machine_notify(m, NOTICE_POWERDOWN);
}

static void quit(struct machine *m, int status)
{
    request_exit(m, status);
}

/* Resets; afterwards the machine runs if it did, or if the reset is what it waited for. */
static void reset(struct life *l, enum machine_cause cause)
{
    struct machine *m = l->machine;
    bool was_running = m->run_state == RUN_RUNNING;
    bool guest = cause == CAUSE_GUEST_RESET || cause == CAUSE_GUEST_PANIC;
    const struct event_field fields[] = {EVENT_FIELD_BOOL("guest", guest),
                                         EVENT_FIELD_STR("reason", machine_cause_name(cause)),
                                         {0}};

    if (was_running) {
        vcpus_pause(m);
    }
    machine_reset(m);
    event_emit(&m->events, "RESET", fields);
    if (was_running) {
        vcpus_resume(m);
    } else if (m->run_state != RUN_PRELAUNCH) {
        m->run_state = RUN_PAUSED;
    }
}

static void shut_down(struct life *l, enum machine_cause cause)
{
    struct machine *m = l->machine;
    bool guest =
        cause == CAUSE_GUEST_SHUTDOWN || cause == CAUSE_GUEST_RESET || cause == CAUSE_GUEST_PANIC;
    const struct event_field fields[] = {EVENT_FIELD_BOOL("guest", guest),
                                         EVENT_FIELD_STR("reason", machine_cause_name(cause)),
                                         {0}};

    event_emit(&m->events, "SHUTDOWN", fields);
    stop(m, RUN_SHUTDOWN);
    if (l->on_shutdown == SHUTDOWN_POWEROFF || cause == CAUSE_HOST_SIGNAL) {
        l->leaving = true;
    }
}

static void panic(struct life *l)
{
    stop(l->machine, RUN_GUEST_PANICKED);
    if (l->on_panic == ON_PANIC_SHUTDOWN || l->on_panic == ON_PANIC_EXIT_FAILURE) {
        l->exit_status = l->on_panic == ON_PANIC_EXIT_FAILURE ? 1 : l->exit_status;
        shut_down(l, CAUSE_GUEST_PANIC);
    }
}

static void suspend(struct machine *m)
{
    stop(m, RUN_SUSPENDED);
    machine_notify(m, NOTICE_SUSPEND);
    event_emit(&m->events, "SUSPEND", NULL);
}

static void wake_up(struct machine *m)
{
    if (m->run_state != RUN_SUSPENDED) {
        return;
    }
    m->waking = true;
    machine_reset(m);
    machine_notify(m, NOTICE_WAKEUP);
    m->waking = false;
    event_emit(&m->events, "WAKEUP", NULL);
    run(m);
}

static bool has_requests(struct machine *m)
{
    struct life *l = life_of(m);

    return l->leaving || __atomic_load_n(&l->pending, __ATOMIC_SEQ_CST);
}

static void serve_requests(struct machine *m)
{
    struct life *l = life_of(m);
    unsigned pending = __atomic_exchange_n(&l->pending, 0, __ATOMIC_SEQ_CST);
    enum machine_cause cause;

    if (pending & PENDING_EXIT) {
        stop(m, RUN_SHUTDOWN);
        l->leaving = true;
        return;
    }
    if (pending & PENDING_STOP) {
        stop(m, __atomic_load_n(&l->stop_state, __ATOMIC_RELAXED));
    }
    if (pending & PENDING_PANIC) {
        panic(l);
    }
    if (pending & PENDING_SUSPEND) {
        suspend(m);
    }
    if (pending & PENDING_SHUTDOWN) {
        shut_down(l, __atomic_load_n(&l->shutdown_cause, __ATOMIC_RELAXED));
        return;
    }
    if (pending & PENDING_RESET) {
        cause = __atomic_load_n(&l->reset_cause, __ATOMIC_RELAXED);
        if (l->on_reboot == REBOOT_SHUTDOWN && cause != CAUSE_HOST_QMP_SYSTEM_RESET) {
            shut_down(l, cause);
        } else {
            reset(l, cause);
        }
    }
    if (pending & PENDING_WAKEUP) {
        wake_up(m);
    }
}

static const struct machine_life life_functions = {
    .request_reset = request_reset,
    .request_shutdown = request_shutdown,
    .request_exit = request_exit,
    .request_suspend = request_suspend,
    .request_wakeup = request_wakeup,
    .request_stop = request_stop,
    .panicked = panicked,
    .stop = stop_by_person,
    .cont = cont,
    .powerdown = powerdown,
    .quit = quit,
    .device_add = setup_device,
    .has_requests = has_requests,
    .serve_requests = serve_requests,
};

void life_init(struct life *l, struct machine *m, struct main_loop *loop)
{
    l->machine = m;
    l->loop = loop;
    m->life_data = l;
    m->life = &life_functions;
}

void life_start(struct life *l, bool paused)
{
    machine_reset(l->machine);
    if (!paused) {
        run(l->machine);
    }
}

int life_run(struct life *l)
{
    while (!l->leaving) {
        main_loop_iterate(l->loop, /* may_block= */ true);
    }
    machine_notify(l->machine, NOTICE_EXIT);
    return l->exit_status;
}
