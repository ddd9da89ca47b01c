/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC: what is saved and restored, shown to people, and exchanged with KVM.
 *
 * Loaded values come from outside: reserved bits are dropped, the timer's times are bounded, and
 * what the CPU was told last (pending) is worked out anew.
 */
#include "hw/intc/apic_impl.h"

#include "util/bytes.h"
#include <string.h>

#define MAX_TIME_NS (INT64_MAX / 2) /* sums of such times and periods do not overflow */

/* ---- save and load ---- */

static const struct state_field apic_fields[] = {
    STATE_U64(struct apic, base),
    STATE_U32(struct apic, ldr),
    STATE_U32(struct apic, dfr),
    STATE_U32(struct apic, svr),
    STATE_U32(struct apic, tpr),
    STATE_ARRAY(struct apic, isr),
    STATE_ARRAY(struct apic, irr),
    STATE_ARRAY(struct apic, tmr),
    STATE_ARRAY(struct apic, lvt),
    STATE_U32(struct apic, esr),
    STATE_U32(struct apic, esr_pending),
    STATE_U32(struct apic, icr),
    STATE_U32(struct apic, icr_high),
    STATE_ARRAY(struct apic, lint),
    STATE_BOOL(struct apic, extint),
    STATE_U32(struct apic, initial_count),
    STATE_U32(struct apic, divide),
    STATE_I64(struct apic, count_start_ns),
    STATE_I64(struct apic, next_ns),
    STATE_U64(struct apic, tsc_deadline),
    {0},
};

/* Vectors below 16 cannot be in the sets. */
static void drop_illegal_vectors(struct apic *a)
{
    a->isr[0] &= 0xffff0000u;
    a->irr[0] &= 0xffff0000u;
    a->tmr[0] &= 0xffff0000u;
}

static bool apic_loaded(void *base, unsigned version, GError **error)
{
    struct apic *a = base;
    uint64_t saved_base = a->base;

    (void)version;
    if (a->count_start_ns < -MAX_TIME_NS || a->count_start_ns > MAX_TIME_NS || a->next_ns < 0 ||
        (a->next_ns > MAX_TIME_NS && a->next_ns != APIC_TIMER_NEVER)) {
        return fail(error, "apic %u: the timer's times make no sense", a->config.id);
    }
    if (a->config.phys_bits < 64 && saved_base >> a->config.phys_bits) {
        return fail(error, "apic %u: base %#llx is beyond the CPU's physical addresses",
                    a->config.id, (unsigned long long)saved_base);
    }
    if ((saved_base & APIC_BASE_X2APIC) &&
        (!a->config.x2apic || !(saved_base & APIC_BASE_ENABLE))) {
        return fail(error, "apic %u: x2APIC mode is on, but this CPU cannot have it", a->config.id);
    }
    drop_illegal_vectors(a);
    a->tpr &= 0xff;
    a->divide &= 0xb;
    a->lint[0] = a->lint[0] != 0;
    a->lint[1] = a->lint[1] != 0;
    g_mutex_lock(&a->lock);
    apic_timer_restore_locked(a);
    apic_update_locked(a);
    /* The CPU was loaded apart from us: tell it in any case. */
    a->bus->ops->interrupt_changed(a->config.cpu, a->pending);
    g_mutex_unlock(&a->lock);
    apic_place_registers(a);
    return true;
}

const struct state_table apic_state = {
    .name = "apic",
    .version = 1,
    .fields = apic_fields,
    .post_load = apic_loaded,
};

/* ---- the register page ---- */

static void put(uint8_t *page, uint32_t reg, uint32_t val)
{
    store_le32(page + reg * 16, val);
}

static uint32_t get(const uint8_t *page, uint32_t reg)
{
    return load_le32(page + reg * 16);
}

static uint32_t lvt_reg(unsigned which)
{
    return which == APIC_LVT_CMCI ? APIC_REG_LVT_CMCI : APIC_REG_LVT_TIMER + which;
}

void apic_get_page(struct apic *a, uint8_t page[APIC_PAGE_BYTES])
{
    memset(page, 0, APIC_PAGE_BYTES);
    g_mutex_lock(&a->lock);
    put(page, APIC_REG_ID, apic_is_x2apic(a) ? a->config.id : a->config.id << 24);
    put(page, APIC_REG_VERSION, 0x14u | (APIC_LVTS - 1u) << 16 | 1u << 24);
    put(page, APIC_REG_TPR, a->tpr);
    put(page, APIC_REG_PPR, a->ppr);
    put(page, APIC_REG_LDR, a->ldr);
    put(page, APIC_REG_DFR, a->dfr);
    put(page, APIC_REG_SVR, a->svr);
    for (unsigned i = 0; i < 8; i++) {
        put(page, APIC_REG_ISR + i, a->isr[i]);
        put(page, APIC_REG_TMR + i, a->tmr[i]);
        put(page, APIC_REG_IRR + i, a->irr[i]);
    }
    put(page, APIC_REG_ESR, a->esr);
    put(page, APIC_REG_ICR, a->icr);
    put(page, APIC_REG_ICR_HIGH, a->icr_high);
    for (unsigned i = 0; i < APIC_LVTS; i++) {
        put(page, lvt_reg(i), a->lvt[i]);
    }
    put(page, APIC_REG_INITIAL_COUNT, a->initial_count);
    put(page, APIC_REG_CURRENT_COUNT, apic_current_count_locked(a));
    put(page, APIC_REG_DIVIDE, a->divide);
    g_mutex_unlock(&a->lock);
}

void apic_set_page(struct apic *a, const uint8_t page[APIC_PAGE_BYTES])
{
    g_mutex_lock(&a->lock);
    a->tpr = get(page, APIC_REG_TPR) & 0xff;
    __atomic_store_n(&a->ldr, get(page, APIC_REG_LDR), __ATOMIC_RELAXED);
    __atomic_store_n(&a->dfr, get(page, APIC_REG_DFR), __ATOMIC_RELAXED);
    __atomic_store_n(&a->svr, get(page, APIC_REG_SVR), __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 8; i++) {
        a->isr[i] = get(page, APIC_REG_ISR + i);
        a->tmr[i] = get(page, APIC_REG_TMR + i);
        a->irr[i] = get(page, APIC_REG_IRR + i);
    }
    drop_illegal_vectors(a);
    a->esr = get(page, APIC_REG_ESR);
    a->icr = get(page, APIC_REG_ICR);
    a->icr_high = get(page, APIC_REG_ICR_HIGH);
    for (unsigned i = 0; i < APIC_LVTS; i++) {
        a->lvt[i] = get(page, lvt_reg(i));
    }
    a->initial_count = get(page, APIC_REG_INITIAL_COUNT);
    a->divide = get(page, APIC_REG_DIVIDE) & 0xb;
    apic_set_current_count_locked(a, get(page, APIC_REG_CURRENT_COUNT));
    apic_update_locked(a);
    g_mutex_unlock(&a->lock);
}

/* ---- for people ---- */

struct printer {
    void (*print)(void *opaque, const char *fmt, ...);
    void *opaque;
};

static const char *delivery_name(uint32_t lvt)
{
    static const char *const names[] = {"fixed", "lowest", "SMI",  "reserved",
                                        "NMI",   "INIT",   "SIPI", "ExtINT"};

    return names[APIC_LVT_DELIVERY(lvt)];
}

static void print_lvt(const struct printer *p, const char *name, uint32_t lvt)
{
    p->print(p->opaque, "  %-8s %#010x  %-8s vector %#04x%s%s%s\n", name, lvt, delivery_name(lvt),
             lvt & 0xff, lvt & APIC_LVT_LEVEL ? " level" : "",
             lvt & APIC_LVT_REMOTE_IRR ? " remote-irr" : "",
             lvt & APIC_LVT_MASKED ? " masked" : "");
}

static void print_set(const struct printer *p, const char *name, const uint32_t *set,
                      const uint32_t *level)
{
    p->print(p->opaque, "  %-8s", name);
    for (unsigned v = 0; v < 256; v++) {
        if (set[v / 32] >> (v % 32) & 1) {
            p->print(p->opaque, " %u%s", v, level[v / 32] >> (v % 32) & 1 ? "(level)" : "");
        }
    }
    p->print(p->opaque, "\n");
}

static void print_timer(const struct printer *p, struct apic *a)
{
    static const char *const modes[] = {"one-shot", "periodic", "tsc-deadline", "reserved"};

    p->print(p->opaque, "  timer    %s, divide %#x, initial %u, current %u, tsc deadline %llu\n",
             modes[APIC_LVT_TIMER_MODE(a->lvt[APIC_LVT_TIMER])], a->divide, a->initial_count,
             apic_current_count_locked(a), (unsigned long long)a->tsc_deadline);
}

void apic_print(struct apic *a, void (*print)(void *opaque, const char *fmt, ...), void *opaque)
{
    static const char *const lvt_names[APIC_LVTS] = {
        [APIC_LVT_TIMER] = "LVTT",   [APIC_LVT_THERMAL] = "LVTTHMR", [APIC_LVT_PERF] = "LVTPC",
        [APIC_LVT_LINT0] = "LVT0",   [APIC_LVT_LINT1] = "LVT1",      [APIC_LVT_ERROR] = "LVTERR",
        [APIC_LVT_CMCI] = "LVTCMCI",
    };
    struct printer p = {print, opaque};

    g_mutex_lock(&a->lock);
    print(opaque, "local APIC %u: %s, base %#llx%s, software %s\n", a->config.id,
          !apic_enabled(a)    ? "disabled"
          : apic_is_x2apic(a) ? "x2APIC"
                              : "xAPIC",
          (unsigned long long)(a->base & ~0xfffULL), a->config.bsp ? " (BSP)" : "",
          apic_software_enabled(a) ? "enabled" : "disabled");
    for (unsigned i = 0; i < APIC_LVTS; i++) {
        print_lvt(&p, lvt_names[i], a->lvt[i]);
    }
    print_timer(&p, a);
    print(opaque, "  SVR %#x  ICR %#x to %#x  ESR %#x  LDR %#x  DFR %#x\n", a->svr, a->icr,
          a->icr_high, a->esr, a->ldr, a->dfr);
    print_set(&p, "ISR", a->isr, a->tmr);
    print_set(&p, "IRR", a->irr, a->tmr);
    print(opaque, "  TPR %#x  PPR %#x  LINT0 %d  LINT1 %d%s\n", a->tpr, a->ppr, a->lint[0],
          a->lint[1], a->pending ? "  an interrupt waits" : "");
    g_mutex_unlock(&a->lock);
}
