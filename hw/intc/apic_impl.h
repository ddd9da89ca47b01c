/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a local APIC, for the files apic*.c only.
 *
 * Functions that end in _locked are called with the APIC's mutex held; the others take it.
 */
#ifndef VITRO_HW_INTC_APIC_IMPL_H
#define VITRO_HW_INTC_APIC_IMPL_H

#include "hw/intc/apic.h"

/* Registers: MSR number minus 0x800, MMIO offset divided by 16. */
enum apic_reg {
    APIC_REG_ID = 0x02,
    APIC_REG_VERSION = 0x03,
    APIC_REG_TPR = 0x08,
    APIC_REG_APR = 0x09,
    APIC_REG_PPR = 0x0a,
    APIC_REG_EOI = 0x0b,
    APIC_REG_RRD = 0x0c,
    APIC_REG_LDR = 0x0d,
    APIC_REG_DFR = 0x0e,
    APIC_REG_SVR = 0x0f,
    APIC_REG_ISR = 0x10, /* and seven more */
    APIC_REG_TMR = 0x18,
    APIC_REG_IRR = 0x20,
    APIC_REG_ESR = 0x28,
    APIC_REG_LVT_CMCI = 0x2f,
    APIC_REG_ICR = 0x30,
    APIC_REG_ICR_HIGH = 0x31,
    APIC_REG_LVT_TIMER = 0x32,
    APIC_REG_LVT_THERMAL = 0x33,
    APIC_REG_LVT_PERF = 0x34,
    APIC_REG_LVT_LINT0 = 0x35,
    APIC_REG_LVT_LINT1 = 0x36,
    APIC_REG_LVT_ERROR = 0x37,
    APIC_REG_INITIAL_COUNT = 0x38,
    APIC_REG_CURRENT_COUNT = 0x39,
    APIC_REG_DIVIDE = 0x3e,
    APIC_REG_SELF_IPI = 0x3f,
};

enum {
    APIC_BASE_BSP = 1 << 8,
    APIC_BASE_X2APIC = 1 << 10,
    APIC_BASE_ENABLE = 1 << 11,

    APIC_SVR_ENABLE = 1 << 8,
    APIC_SVR_NO_EOI_BROADCAST = 1 << 12,

    APIC_LVT_REMOTE_IRR = 1 << 14,
    APIC_LVT_LEVEL = 1 << 15,
    APIC_LVT_MASKED = 1 << 16,

    APIC_ESR_SEND_ILLEGAL = 1 << 5,
    APIC_ESR_RECEIVE_ILLEGAL = 1 << 6,
    APIC_ESR_REGISTER = 1 << 7,

    APIC_ICR_LOGICAL = 1 << 11,
    APIC_ICR_ASSERT = 1 << 14,
    APIC_ICR_LEVEL = 1 << 15,
};

#define APIC_LVT_DELIVERY(lvt)   (((lvt) >> 8) & 7)
#define APIC_LVT_TIMER_MODE(lvt) (((lvt) >> 17) & 3)

enum apic_timer_mode {
    APIC_TIMER_ONE_SHOT,
    APIC_TIMER_PERIODIC,
    APIC_TIMER_TSC_DEADLINE,
    APIC_TIMER_RESERVED,
};

#define APIC_TIMER_NEVER INT64_MAX

struct apic {
    struct device dev;

    /* fixed once realized */
    struct apic_bus *bus;
    struct apic_config config;

    struct region moved; /* the registers' second place, in use while base is not the default */
    bool moved_mapped;   /* owner: machine lock */

    GMutex lock; /* guards all below */

    /* written with the mutex held by atomic stores, read by anyone */
    uint64_t base;
    uint32_t ldr, dfr, svr, ppr;
    bool pending; /* what interrupt_changed was last told */

    uint32_t tpr;
    uint32_t isr[8], irr[8], tmr[8];
    uint32_t lvt[APIC_LVTS];
    uint32_t esr, esr_pending; /* what reads give, what the next write makes visible */
    uint32_t icr, icr_high;
    uint8_t lint[2]; /* levels of the pins: 0 or 1 */
    bool extint;     /* an ExtINT message waits */

    /* timer: counts down from initial_count, which it had at count_start_ns */
    uint32_t initial_count, divide;
    int64_t count_start_ns;
    int64_t next_ns; /* of the virtual clock: when it is due, or APIC_TIMER_NEVER */
    uint64_t tsc_deadline;
    struct timer timer;
};

static inline bool apic_enabled(const struct apic *a)
{
    return __atomic_load_n(&a->base, __ATOMIC_RELAXED) & APIC_BASE_ENABLE;
}

static inline bool apic_is_x2apic(const struct apic *a)
{
    return __atomic_load_n(&a->base, __ATOMIC_RELAXED) & APIC_BASE_X2APIC;
}

static inline bool apic_software_enabled(const struct apic *a)
{
    return __atomic_load_n(&a->svr, __ATOMIC_RELAXED) & APIC_SVR_ENABLE;
}

/* apic_irq.c: vectors, priorities, local sources */
void apic_update_locked(struct apic *a);
/* Whether it was taken: the APIC is enabled by software and the vector is legal. */
bool apic_accept_locked(struct apic *a, uint8_t vector, bool level);
void apic_error_locked(struct apic *a, uint32_t esr_bit);
void apic_local_locked(struct apic *a, enum apic_lvt which);
void apic_set_lvt_locked(struct apic *a, enum apic_lvt which, uint32_t val);
void apic_set_svr_locked(struct apic *a, uint32_t val);
void apic_set_tpr_locked(struct apic *a, uint32_t val);
void apic_set_lint(struct apic *a, unsigned pin, bool level);
void apic_eoi(struct apic *a);

/* apic_ipi.c: messages */
void apic_send_ipi(struct apic *a, uint32_t icr, uint32_t icr_high);
bool apic_receive(struct apic *a, uint8_t delivery, uint8_t vector, bool level);
bool apic_bus_add(struct apic_bus *bus, struct apic *a, GError **error);
void apic_bus_remove(struct apic_bus *bus, struct apic *a);

/* apic_timer.c */
void apic_timer_expired(void *opaque);
uint32_t apic_current_count_locked(struct apic *a);
void apic_set_initial_count_locked(struct apic *a, uint32_t val);
void apic_set_divide_locked(struct apic *a, uint32_t val);
/* Before and after a change of the timer's LVT. */
void apic_timer_catch_up_locked(struct apic *a);
void apic_timer_lvt_changed_locked(struct apic *a, uint32_t old);
void apic_timer_stop_locked(struct apic *a);
/* After state was loaded: next_ns goes to the timer. */
void apic_timer_restore_locked(struct apic *a);
void apic_set_current_count_locked(struct apic *a, uint32_t count);

/* apic.c */
void apic_power_on_locked(struct apic *a);
/* Maps the registers where the base says. Takes the machine lock; the mutex is not held. */
void apic_place_registers(struct apic *a);
extern const struct region_ops apic_region_ops;

/* apic_state.c */
extern const struct state_table apic_state;

#endif
