/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC: from a request to a vector: priorities, acknowledge, EOI, local vector table.
 *
 * Intel SDM volume 3, chapter "Advanced Programmable Interrupt Controller", sections on local
 * interrupts, interrupt acceptance, task and processor priority.
 *
 * I1  pending is true exactly when apic_acknowledge() would give a vector.
 * I2  interrupt_changed() is told of each change of pending, in order: both happen under the mutex.
 */
#include "hw/intc/apic_impl.h"

#include "hw/intc/i8259.h"

#define FIRST_LEGAL_VECTOR 16
#define PRIORITY_CLASS     0xf0

static void set_bit(uint32_t *set, uint8_t vector)
{
    set[vector / 32] |= 1u << (vector % 32);
}

static void clear_bit(uint32_t *set, uint8_t vector)
{
    set[vector / 32] &= ~(1u << (vector % 32));
}

static bool test_bit(const uint32_t *set, uint8_t vector)
{
    return (set[vector / 32] >> (vector % 32)) & 1;
}

/* The highest vector in the set, or -1. */
static int highest(const uint32_t *set)
{
    for (int i = 7; i >= 0; i--) {
        if (set[i]) {
            return i * 32 + 31 - __builtin_clz(set[i]);
        }
    }
    return -1;
}

static uint32_t processor_priority(const struct apic *a)
{
    int in_service = highest(a->isr);
    uint32_t isr_class = in_service < 0 ? 0 : (uint32_t)in_service & PRIORITY_CLASS;

    return (a->tpr & PRIORITY_CLASS) >= isr_class ? a->tpr : isr_class;
}

/* Whether the 8259 (or an ExtINT message) asks through this APIC. */
static bool extint_waits(const struct apic *a)
{
    if (!apic_enabled(a)) {
        return a->lint[0]; /* the pin is the CPU's INTR */
    }
    if (a->extint) {
        return true;
    }
    for (unsigned pin = 0; pin < 2; pin++) {
        uint32_t lvt = a->lvt[APIC_LVT_LINT0 + pin];

        if (a->lint[pin] && !(lvt & APIC_LVT_MASKED) && APIC_LVT_DELIVERY(lvt) == APIC_EXTINT) {
            return true;
        }
    }
    return false;
}

/* The vector that is urgent enough to be served now, or -1. */
static int deliverable(const struct apic *a)
{
    int vector = apic_enabled(a) ? highest(a->irr) : -1;

    return vector >= 0 && ((uint32_t)vector & PRIORITY_CLASS) > (a->ppr & PRIORITY_CLASS) ? vector
                                                                                          : -1;
}

void apic_update_locked(struct apic *a)
{
    bool pending;

    __atomic_store_n(&a->ppr, processor_priority(a), __ATOMIC_RELAXED);
    pending = deliverable(a) >= 0 || extint_waits(a);
    if (pending != a->pending) {
        __atomic_store_n(&a->pending, pending, __ATOMIC_RELEASE);
        a->bus->ops->interrupt_changed(a->config.cpu, pending);
    }
}

bool apic_accept_locked(struct apic *a, uint8_t vector, bool level)
{
    if (!apic_enabled(a) || !apic_software_enabled(a)) {
        return false;
    }
    if (vector < FIRST_LEGAL_VECTOR) {
        apic_error_locked(a, APIC_ESR_RECEIVE_ILLEGAL);
        return false;
    }
    set_bit(a->irr, vector);
    if (level) {
        set_bit(a->tmr, vector);
    } else {
        clear_bit(a->tmr, vector);
    }
    apic_update_locked(a);
    return true;
}

void apic_error_locked(struct apic *a, uint32_t esr_bit)
{
    if (!(a->esr_pending & esr_bit)) {
        a->esr_pending |= esr_bit; /* first: the error vector itself may be illegal */
        apic_local_locked(a, APIC_LVT_ERROR);
    }
}

/* An edge of a source inside the CPU. */
void apic_local_locked(struct apic *a, enum apic_lvt which)
{
    uint32_t lvt = a->lvt[which];
    void *cpu = a->config.cpu;

    if (!apic_enabled(a) || (lvt & APIC_LVT_MASKED)) {
        return;
    }
    if (which == APIC_LVT_PERF) {
        a->lvt[which] |= APIC_LVT_MASKED; /* until the handler has looked at it */
    }
    switch (which == APIC_LVT_TIMER || which == APIC_LVT_ERROR ? APIC_FIXED
                                                               : APIC_LVT_DELIVERY(lvt)) {
    case APIC_FIXED:
        apic_accept_locked(a, (uint8_t)lvt, /* level= */ false);
        break;
    case APIC_SMI:
        a->bus->ops->smi(cpu);
        break;
    case APIC_NMI:
        a->bus->ops->nmi(cpu);
        break;
    case APIC_INIT:
        a->bus->ops->init(cpu);
        break;
    default: /* ExtINT follows the pin's level; the others are reserved */
        break;
    }
}

void apic_local_interrupt(struct apic *a, enum apic_lvt which)
{
    g_mutex_lock(&a->lock);
    apic_local_locked(a, which);
    g_mutex_unlock(&a->lock);
}

/* ---- the pins ---- */

static bool is_level_fixed(const struct apic *a, unsigned pin)
{
    uint32_t lvt = a->lvt[APIC_LVT_LINT0 + pin];

    return !(lvt & APIC_LVT_MASKED) && APIC_LVT_DELIVERY(lvt) == APIC_FIXED &&
           (lvt & APIC_LVT_LEVEL);
}

/* A level triggered pin that is high and not being served yet. */
static void lint_level_locked(struct apic *a, unsigned pin)
{
    uint32_t *lvt = &a->lvt[APIC_LVT_LINT0 + pin];

    if (a->lint[pin] && is_level_fixed(a, pin) && !(*lvt & APIC_LVT_REMOTE_IRR) &&
        apic_accept_locked(a, (uint8_t)*lvt, /* level= */ true)) {
        *lvt |= APIC_LVT_REMOTE_IRR;
    }
}

void apic_set_lint(struct apic *a, unsigned pin, bool level)
{
    bool rises;

    g_mutex_lock(&a->lock);
    rises = level && !a->lint[pin];
    a->lint[pin] = level;
    if (!apic_enabled(a)) {
        if (pin == 1 && rises) {
            a->bus->ops->nmi(a->config.cpu); /* the pin is the CPU's NMI */
        }
    } else if (is_level_fixed(a, pin)) {
        lint_level_locked(a, pin);
    } else if (rises) {
        apic_local_locked(a, APIC_LVT_LINT0 + pin);
    }
    apic_update_locked(a);
    g_mutex_unlock(&a->lock);
}

/* ---- what the CPU does ---- */

bool apic_has_interrupt(struct apic *a)
{
    return __atomic_load_n(&a->pending, __ATOMIC_ACQUIRE);
}

int apic_acknowledge(struct apic *a)
{
    struct i8259 *pic = a->bus->pic;
    bool ask_pic = false;
    int vector;

    g_mutex_lock(&a->lock);
    vector = deliverable(a);
    if (vector >= 0) {
        clear_bit(a->irr, (uint8_t)vector);
        set_bit(a->isr, (uint8_t)vector);
    } else if (extint_waits(a)) {
        a->extint = false;
        ask_pic = true;
    }
    apic_update_locked(a);
    g_mutex_unlock(&a->lock);
    return ask_pic && pic ? i8259_acknowledge(pic) : vector;
}

void apic_eoi(struct apic *a)
{
    bool broadcast = false;
    int vector;

    g_mutex_lock(&a->lock);
    vector = highest(a->isr);
    if (vector >= 0) {
        clear_bit(a->isr, (uint8_t)vector);
        broadcast = test_bit(a->tmr, (uint8_t)vector) && !(a->svr & APIC_SVR_NO_EOI_BROADCAST);
        for (unsigned pin = 0; pin < 2; pin++) {
            uint32_t *lvt = &a->lvt[APIC_LVT_LINT0 + pin];

            if ((*lvt & APIC_LVT_REMOTE_IRR) && (*lvt & 0xff) == (uint32_t)vector) {
                *lvt &= ~(uint32_t)APIC_LVT_REMOTE_IRR;
                lint_level_locked(a, pin);
            }
        }
        apic_update_locked(a);
    }
    g_mutex_unlock(&a->lock);
    if (broadcast) {
        apic_bus_eoi(a->bus, (uint8_t)vector);
    }
}

void apic_set_tpr_locked(struct apic *a, uint32_t val)
{
    if (a->tpr != (val & 0xff)) {
        a->tpr = val & 0xff;
        apic_update_locked(a);
    }
}

uint8_t apic_get_cr8(struct apic *a)
{
    uint32_t tpr;

    g_mutex_lock(&a->lock);
    tpr = a->tpr;
    g_mutex_unlock(&a->lock);
    return (uint8_t)(tpr >> 4);
}

void apic_set_cr8(struct apic *a, uint8_t cr8)
{
    g_mutex_lock(&a->lock);
    apic_set_tpr_locked(a, (uint32_t)(cr8 & 15) << 4);
    g_mutex_unlock(&a->lock);
}

/* ---- local vector table ---- */

static uint32_t lvt_writable(const struct apic *a, enum apic_lvt which)
{
    switch (which) {
    case APIC_LVT_TIMER:
        return a->config.tsc_deadline ? 0x700ff : 0x300ff;
    case APIC_LVT_LINT0:
    case APIC_LVT_LINT1:
        return 0x1a7ff;
    case APIC_LVT_ERROR:
        return 0x100ff;
    default:
        return 0x107ff;
    }
}

void apic_set_lvt_locked(struct apic *a, enum apic_lvt which, uint32_t val)
{
    uint32_t old = a->lvt[which];

    val &= lvt_writable(a, which);
    if (!apic_software_enabled(a)) {
        val |= APIC_LVT_MASKED;
    }
    if (which == APIC_LVT_TIMER) {
        apic_timer_catch_up_locked(a);
        a->lvt[which] = val;
        apic_timer_lvt_changed_locked(a, old);
        return;
    }
    if (which == APIC_LVT_LINT0 || which == APIC_LVT_LINT1) {
        /* Edge triggered pins have no remote IRR. */
        a->lvt[which] = val | (val & APIC_LVT_LEVEL ? old & APIC_LVT_REMOTE_IRR : 0);
        lint_level_locked(a, which - APIC_LVT_LINT0);
        apic_update_locked(a); /* ExtINT may have come or gone */
        return;
    }
    a->lvt[which] = val;
}

void apic_set_svr_locked(struct apic *a, uint32_t val)
{
    __atomic_store_n(&a->svr, val & (0xff | APIC_SVR_ENABLE | APIC_SVR_NO_EOI_BROADCAST),
                     __ATOMIC_RELAXED);
    if (!apic_software_enabled(a)) {
        for (unsigned i = 0; i < APIC_LVTS; i++) {
            apic_set_lvt_locked(a, i, a->lvt[i]); /* masks it */
        }
    }
}
