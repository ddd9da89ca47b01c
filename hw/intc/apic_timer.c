/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC: the timer: one-shot, periodic, TSC deadline.
 *
 * The count is never ticked: it is computed from the virtual clock, 1 GHz (APIC_BUS_HZ) divided by
 * the divide register, and one host timer stands for the next moment that raises an interrupt.
 *
 * The host timer fires in the main loop, later than due and possibly after the CPU has programmed
 * something else. next_ns is therefore the truth: whoever comes first, main loop or CPU, carries
 * out what is due (catch_up), and a late firing finds nothing to do.
 *
 * Periods that a stalled host has missed are not made up for: they coalesce, as in a masked
 * request bit. A period below MIN_PERIOD_NS interrupts only that often; its count is still exact.
 */
#include "hw/intc/apic_impl.h"

#define MIN_PERIOD_NS 20000
#define FAR_FUTURE_NS (INT64_MAX / 4) /* a deadline beyond this is looked at again then */

_Static_assert(APIC_BUS_HZ == NS_PER_SEC, "one count is one nanosecond before the divider");

static int64_t now_ns(struct apic *a)
{
    return clock_now_ns(&a->dev.machine->clock_virtual);
}

static enum apic_timer_mode mode_of(uint32_t lvt)
{
    return APIC_LVT_TIMER_MODE(lvt);
}

/* The divider as a power of two: register bits 3, 1, 0 are 2, 4, ... 128, 1. */
static unsigned divide_shift(const struct apic *a)
{
    unsigned code = (a->divide & 3) | (a->divide >> 1 & 4);

    return (code + 1) & 7;
}

static int64_t period_ns(const struct apic *a)
{
    return (int64_t)a->initial_count << divide_shift(a);
}

static void program(struct apic *a, int64_t next_ns)
{
    a->next_ns = next_ns;
    if (next_ns == APIC_TIMER_NEVER) {
        timer_cancel(&a->timer);
    } else {
        timer_set(&a->timer, next_ns);
    }
}

static int64_t tsc_deadline_ns(struct apic *a, int64_t now)
{
    uint64_t tsc = a->bus->ops->tsc_read(a->config.cpu);
    uint64_t khz = MAX(a->bus->ops->tsc_khz(a->config.cpu), 1);
    unsigned __int128 ns;

    if (a->tsc_deadline <= tsc) {
        return now;
    }
    ns = ((unsigned __int128)(a->tsc_deadline - tsc) * 1000000 + khz - 1) / khz;
    return now + (int64_t)MIN(ns, (unsigned __int128)FAR_FUTURE_NS);
}

/* The next interrupt of a count that runs. */
static void program_count(struct apic *a, int64_t now)
{
    int64_t period = period_ns(a);
    int64_t next = a->count_start_ns + period;

    if (!a->initial_count || (a->lvt[APIC_LVT_TIMER] & APIC_LVT_MASKED)) {
        program(a, APIC_TIMER_NEVER);
    } else if (mode_of(a->lvt[APIC_LVT_TIMER]) == APIC_TIMER_PERIODIC) {
        if (next <= now) {
            next += (now - next) / period * period + period;
        }
        program(a, MAX(next, now + MIN_PERIOD_NS));
    } else {
        program(a, next > now ? next : APIC_TIMER_NEVER);
    }
}

/* The first interrupt after the count was set may come sooner than MIN_PERIOD_NS. */
static void program_first(struct apic *a, int64_t now)
{
    program_count(a, now);
    if (a->next_ns != APIC_TIMER_NEVER) {
        program(a, a->count_start_ns + period_ns(a));
    }
}

void apic_timer_catch_up_locked(struct apic *a)
{
    int64_t now = now_ns(a);

    if (a->next_ns > now) {
        return;
    }
    switch (mode_of(a->lvt[APIC_LVT_TIMER])) {
    case APIC_TIMER_TSC_DEADLINE:
        if (tsc_deadline_ns(a, now) > now) { /* rounding, or a far deadline */
            program(a, tsc_deadline_ns(a, now));
            return;
        }
        a->tsc_deadline = 0;
        program(a, APIC_TIMER_NEVER);
        break;
    case APIC_TIMER_PERIODIC:
        program_count(a, now);
        break;
    default:
        program(a, APIC_TIMER_NEVER);
        break;
    }
    apic_local_locked(a, APIC_LVT_TIMER);
}

void apic_timer_expired(void *opaque)
{
    struct apic *a = opaque;

    g_mutex_lock(&a->lock);
    apic_timer_catch_up_locked(a);
    if (a->next_ns != APIC_TIMER_NEVER) {
        timer_set(&a->timer, a->next_ns); /* also when this firing was an old one */
    }
    g_mutex_unlock(&a->lock);
}

void apic_timer_stop_locked(struct apic *a)
{
    a->initial_count = 0;
    a->tsc_deadline = 0;
    program(a, APIC_TIMER_NEVER);
}

void apic_timer_lvt_changed_locked(struct apic *a, uint32_t old)
{
    uint32_t lvt = a->lvt[APIC_LVT_TIMER];
    bool was_deadline = mode_of(old) == APIC_TIMER_TSC_DEADLINE;
    bool is_deadline = mode_of(lvt) == APIC_TIMER_TSC_DEADLINE;

    if (was_deadline != is_deadline) {
        apic_timer_stop_locked(a); /* SDM: the switch disarms the timer */
    } else if (!is_deadline) {
        program_count(a, now_ns(a));
    }
}

/* ---- the registers ---- */

uint32_t apic_current_count_locked(struct apic *a)
{
    enum apic_timer_mode mode = mode_of(a->lvt[APIC_LVT_TIMER]);
    uint64_t elapsed;

    if (!a->initial_count || mode == APIC_TIMER_TSC_DEADLINE) {
        return 0;
    }
    elapsed = (uint64_t)MAX(now_ns(a) - a->count_start_ns, 0) >> divide_shift(a);
    if (mode == APIC_TIMER_PERIODIC) {
        return a->initial_count - (uint32_t)(elapsed % a->initial_count);
    }
    return elapsed >= a->initial_count ? 0 : a->initial_count - (uint32_t)elapsed;
}

void apic_set_initial_count_locked(struct apic *a, uint32_t val)
{
    int64_t now = now_ns(a);

    if (mode_of(a->lvt[APIC_LVT_TIMER]) == APIC_TIMER_TSC_DEADLINE) {
        return; /* SDM: ignored in this mode */
    }
    apic_timer_catch_up_locked(a);
    a->initial_count = val;
    a->count_start_ns = now;
    program_first(a, now);
}

/* The count goes on from where it is, at the new rate. */
void apic_set_divide_locked(struct apic *a, uint32_t val)
{
    uint32_t count;

    apic_timer_catch_up_locked(a);
    count = apic_current_count_locked(a);
    a->divide = val & 0xb;
    apic_set_current_count_locked(a, count);
}

void apic_set_current_count_locked(struct apic *a, uint32_t count)
{
    int64_t now = now_ns(a);

    if (mode_of(a->lvt[APIC_LVT_TIMER]) == APIC_TIMER_TSC_DEADLINE) {
        return;
    }
    count = MIN(count, a->initial_count);
    a->count_start_ns = now - ((int64_t)(a->initial_count - count) << divide_shift(a));
    program_count(a, now);
}

uint64_t apic_get_tsc_deadline(struct apic *a)
{
    uint64_t deadline;

    g_mutex_lock(&a->lock);
    apic_timer_catch_up_locked(a);
    deadline = a->tsc_deadline;
    g_mutex_unlock(&a->lock);
    return deadline;
}

void apic_set_tsc_deadline(struct apic *a, uint64_t tsc)
{
    g_mutex_lock(&a->lock);
    apic_timer_catch_up_locked(a);
    if (mode_of(a->lvt[APIC_LVT_TIMER]) == APIC_TIMER_TSC_DEADLINE) {
        a->tsc_deadline = tsc;
        program(a, tsc ? tsc_deadline_ns(a, now_ns(a)) : APIC_TIMER_NEVER);
        apic_timer_catch_up_locked(a); /* it may be in the past */
    }
    g_mutex_unlock(&a->lock);
}

void apic_tsc_changed(struct apic *a)
{
    g_mutex_lock(&a->lock);
    if (a->tsc_deadline) {
        program(a, tsc_deadline_ns(a, now_ns(a)));
        apic_timer_catch_up_locked(a);
    }
    g_mutex_unlock(&a->lock);
}

void apic_timer_restore_locked(struct apic *a)
{
    program(a, a->next_ns);
}
