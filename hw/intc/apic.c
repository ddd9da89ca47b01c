/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apic: the local interrupt controller of one CPU, as xAPIC in memory and as x2APIC in MSRs.
 *
 *   0xfee00000, or where MSR 0x1b says   a 32-bit register every 16 bytes (offset = reg << 4)
 *   MSR 0x800 + reg                      the same in x2APIC mode
 *   0xfee00000 to 0xfeefffff             written by a device: an interrupt message (MSI)
 *
 * Intel SDM volume 3, chapter "Advanced Programmable Interrupt Controller". Version 0x14: seven
 * LVT entries, EOI broadcast suppression. Who owns what: hw/intc/apic.h. The rest of it:
 * apic_irq.c (vectors, LVT), apic_ipi.c (messages), apic_timer.c, apic_state.c.
 *
 * All CPUs share one address space, so that a CPU finds its own registers by its thread. Registers
 * that a CPU has moved away from 0xfee00000 hide what lies below for the other CPUs too; those
 * read all ones there. Accesses by no CPU (monitor, device tests) reach the first APIC; writes
 * beyond the first page are messages whoever does them.
 *
 * On purpose different from silicon: LINT0 of the boot processor starts as unmasked ExtINT, which
 * firmware would set up, so that kernels loaded without firmware get the 8259's interrupts. The
 * id cannot be written.
 *
 * Absent: extended LVT and extended APIC space (AMD), timed interrupts beyond the TSC deadline.
 */
#include "hw/intc/apic_impl.h"

#include "hw/core/info.h"
#include <string.h>

#define VERSION           0x14u
#define VERSION_MAX_LVT   ((APIC_LVTS - 1u) << 16)
#define VERSION_NO_EOI_BC (1u << 24)
#define REG_PAGE          4096
#define BASE_RESERVED     0x2ffu /* bits 0 to 7 and 9 */
#define ICR_XAPIC_BITS    0xccfffu
#define ICR_X2APIC_BAD    0xfff33000u /* 12 is the busy bit of old */
#define ICR_BUSY          0x1000u
#define SVR_BITS          (0xffu | APIC_SVR_ENABLE | APIC_SVR_NO_EOI_BROADCAST)

static struct apic *from_dev(struct device *dev)
{
    return container_of(dev, struct apic, dev);
}

/* The LVT entry behind a register, or -1. */
static int lvt_of(uint32_t reg)
{
    if (reg >= APIC_REG_LVT_TIMER && reg <= APIC_REG_LVT_ERROR) {
        return (int)(reg - APIC_REG_LVT_TIMER);
    }
    return reg == APIC_REG_LVT_CMCI ? APIC_LVT_CMCI : -1;
}

/* ---- registers, as both modes see them ---- */

/* False: there is no such register to read. */
static bool reg_read_locked(struct apic *a, uint32_t reg, uint32_t *ret_val)
{
    int lvt = lvt_of(reg);

    if (lvt >= 0) {
        *ret_val = a->lvt[lvt];
        return true;
    }
    switch (reg) {
    case APIC_REG_ID:
        *ret_val = apic_is_x2apic(a) ? a->config.id : a->config.id << 24;
        return true;
    case APIC_REG_VERSION:
        *ret_val = VERSION | VERSION_MAX_LVT | VERSION_NO_EOI_BC;
        return true;
    case APIC_REG_TPR:
        *ret_val = a->tpr;
        return true;
    case APIC_REG_APR: /* arbitration priority: nothing competes here */
        *ret_val = a->ppr & 0xf0;
        return true;
    case APIC_REG_PPR:
        *ret_val = a->ppr;
        return true;
    case APIC_REG_RRD:
        *ret_val = 0;
        return true;
    case APIC_REG_LDR:
        *ret_val = a->ldr;
        return true;
    case APIC_REG_DFR:
        *ret_val = a->dfr;
        return true;
    case APIC_REG_SVR:
        *ret_val = a->svr;
        return true;
    case APIC_REG_ISR ... APIC_REG_ISR + 7:
        *ret_val = a->isr[reg - APIC_REG_ISR];
        return true;
    case APIC_REG_TMR ... APIC_REG_TMR + 7:
        *ret_val = a->tmr[reg - APIC_REG_TMR];
        return true;
    case APIC_REG_IRR ... APIC_REG_IRR + 7:
        *ret_val = a->irr[reg - APIC_REG_IRR];
        return true;
    case APIC_REG_ESR:
        *ret_val = a->esr;
        return true;
    case APIC_REG_ICR:
        *ret_val = a->icr;
        return true;
    case APIC_REG_ICR_HIGH:
        *ret_val = a->icr_high;
        return true;
    case APIC_REG_INITIAL_COUNT:
        *ret_val = a->initial_count;
        return true;
    case APIC_REG_CURRENT_COUNT:
        *ret_val = apic_current_count_locked(a);
        return true;
    case APIC_REG_DIVIDE:
        *ret_val = a->divide;
        return true;
    default:
        return false;
    }
}

/* What both modes write in the same way. False: there is no such register to write. */
static bool reg_write_locked(struct apic *a, uint32_t reg, uint32_t val)
{
    int lvt = lvt_of(reg);

    if (lvt >= 0) {
        apic_set_lvt_locked(a, (enum apic_lvt)lvt, val);
        return true;
    }
    switch (reg) {
    case APIC_REG_TPR:
        apic_set_tpr_locked(a, val);
        return true;
    case APIC_REG_SVR:
        apic_set_svr_locked(a, val);
        return true;
    case APIC_REG_ESR: /* shows the errors since the last write */
        a->esr = a->esr_pending;
        a->esr_pending = 0;
        return true;
    case APIC_REG_INITIAL_COUNT:
        apic_set_initial_count_locked(a, val);
        return true;
    case APIC_REG_DIVIDE:
        apic_set_divide_locked(a, val);
        return true;
    default:
        return false;
    }
}

/* ---- xAPIC: registers in memory ---- */

static void illegal_register(struct apic *a, uint32_t reg)
{
    apic_error_locked(a, APIC_ESR_REGISTER);
    guest_error(&a->dev, "no register at offset %#x", reg << 4);
}

static uint32_t xapic_read(struct apic *a, uint32_t reg)
{
    uint32_t val = 0;

    g_mutex_lock(&a->lock);
    if (!reg_read_locked(a, reg, &val) && reg != APIC_REG_EOI) {
        illegal_register(a, reg);
    }
    g_mutex_unlock(&a->lock);
    return val;
}

static void xapic_write_locked(struct apic *a, uint32_t reg, uint32_t val)
{
    switch (reg) {
    case APIC_REG_LDR:
        __atomic_store_n(&a->ldr, val & 0xff000000u, __ATOMIC_RELAXED);
        break;
    case APIC_REG_DFR:
        __atomic_store_n(&a->dfr, val | 0x0fffffffu, __ATOMIC_RELAXED);
        break;
    case APIC_REG_ICR:
        a->icr = val & ICR_XAPIC_BITS;
        break;
    case APIC_REG_ICR_HIGH:
        a->icr_high = val & 0xff000000u;
        break;
    case APIC_REG_ID:
        break;
    default:
        if (!reg_write_locked(a, reg, val)) {
            illegal_register(a, reg);
        }
        break;
    }
}

static void xapic_write(struct apic *a, uint32_t reg, uint32_t val)
{
    uint32_t icr_high;

    if (reg == APIC_REG_EOI) {
        apic_eoi(a);
        return;
    }
    g_mutex_lock(&a->lock);
    xapic_write_locked(a, reg, val);
    icr_high = a->icr_high;
    g_mutex_unlock(&a->lock);
    if (reg == APIC_REG_ICR) {
        apic_send_ipi(a, val & ICR_XAPIC_BITS, icr_high);
    }
}

/* The APIC whose registers the caller sees in the page at @base, or NULL. */
static struct apic *seen_at(struct apic_bus *bus, uint64_t base)
{
    struct apic *a = bus->ops->current(bus);

    if (!a && base == APIC_DEFAULT_BASE && bus->max_apics) {
        return __atomic_load_n(&bus->apics[0], __ATOMIC_ACQUIRE); /* monitor, device test */
    }
    if (!a || !apic_enabled(a) || apic_is_x2apic(a)) {
        return NULL;
    }
    return align_down(apic_get_base(a), REG_PAGE) == base ? a : NULL;
}

static enum mem_result page_read(struct apic *a, uint64_t offset, uint64_t *ret_val, unsigned size)
{
    unsigned inside = offset & 15;

    if (inside + size > 4) { /* undefined between the registers */
        *ret_val = 0;
        return MEM_OK;
    }
    *ret_val = (xapic_read(a, (uint32_t)(offset >> 4)) >> (8 * inside)) & size_mask(size);
    return MEM_OK;
}

static enum mem_result page_write(struct apic *a, uint64_t offset, uint64_t val)
{
    if (offset & 15) {
        guest_error(&a->dev, "write at offset %#x, which is no register's", (unsigned)offset);
    } else {
        xapic_write(a, (uint32_t)(offset >> 4), (uint32_t)val);
    }
    return MEM_OK;
}

static enum mem_result bus_read(void *opaque, uint64_t offset, uint64_t *ret_val, unsigned size,
                                struct mem_attrs attrs)
{
    struct apic *a = NULL;

    if (!attrs.dma && offset < REG_PAGE) {
        a = seen_at(opaque, APIC_DEFAULT_BASE);
    }
    if (!a) {
        *ret_val = size_mask(size);
        return MEM_UNASSIGNED;
    }
    return page_read(a, offset, ret_val, size);
}

static enum mem_result bus_write(void *opaque, uint64_t offset, uint64_t val, unsigned size,
                                 struct mem_attrs attrs)
{
    struct apic_bus *bus = opaque;
    struct apic *a;

    if (attrs.dma || offset >= REG_PAGE) {
        if (size != 4 || (offset & 3)) {
            return MEM_REFUSED;
        }
        apic_send_msi(bus, APIC_DEFAULT_BASE + offset, (uint32_t)val);
        return MEM_OK;
    }
    a = seen_at(bus, APIC_DEFAULT_BASE);
    return a ? page_write(a, offset, val) : MEM_UNASSIGNED;
}

const struct region_ops apic_region_ops = {
    .read_attrs = bus_read,
    .write_attrs = bus_write,
    .min_size = 1,
    .max_size = 4,
};

/* The page of an APIC that has been moved: for its own CPU only. */
static enum mem_result moved_read(void *opaque, uint64_t offset, uint64_t *ret_val, unsigned size,
                                  struct mem_attrs attrs)
{
    struct apic *a = opaque;

    if (attrs.dma || a->bus->ops->current(a->bus) != a) {
        *ret_val = size_mask(size);
        return MEM_UNASSIGNED;
    }
    return page_read(a, offset, ret_val, size);
}

static enum mem_result moved_write(void *opaque, uint64_t offset, uint64_t val, unsigned size,
                                   struct mem_attrs attrs)
{
    struct apic *a = opaque;

    (void)size;
    if (attrs.dma || a->bus->ops->current(a->bus) != a) {
        return MEM_UNASSIGNED;
    }
    return page_write(a, offset, val);
}

static const struct region_ops moved_ops = {
    .read_attrs = moved_read,
    .write_attrs = moved_write,
    .min_size = 1,
    .max_size = 4,
};

/* ---- x2APIC: registers in MSRs ---- */

bool apic_msr_read(struct apic *a, uint32_t reg, uint64_t *ret_val)
{
    uint32_t val = 0, high;
    bool ok;

    switch (reg) {
    case APIC_REG_APR:
    case APIC_REG_RRD:
    case APIC_REG_DFR:
    case APIC_REG_ICR_HIGH:
        return false; /* these are xAPIC's only */
    default:
        break;
    }
    g_mutex_lock(&a->lock);
    ok = apic_enabled(a) && apic_is_x2apic(a) && reg_read_locked(a, reg, &val);
    high = a->icr_high;
    g_mutex_unlock(&a->lock);
    if (ok) {
        *ret_val = reg == APIC_REG_ICR ? val | (uint64_t)high << 32 : val;
    }
    return ok;
}

/* The bits of a register that may not be 1 in x2APIC mode. */
static uint64_t x2apic_reserved(const struct apic *a, uint32_t reg)
{
    switch (reg) {
    case APIC_REG_TPR:
    case APIC_REG_SELF_IPI:
        return ~0xffULL;
    case APIC_REG_EOI:
    case APIC_REG_ESR:
        return ~0ULL;
    case APIC_REG_SVR:
        return ~(uint64_t)SVR_BITS;
    case APIC_REG_ICR:
        return ICR_X2APIC_BAD & ~ICR_BUSY;
    case APIC_REG_DIVIDE:
        return ~0xbULL;
    case APIC_REG_LVT_TIMER:
        return a->config.tsc_deadline ? ~0x710ffULL : ~0x310ffULL;
    case APIC_REG_LVT_LINT0:
    case APIC_REG_LVT_LINT1:
        return ~0x1f7ffULL;
    case APIC_REG_LVT_ERROR:
        return ~0x110ffULL;
    case APIC_REG_LVT_THERMAL:
    case APIC_REG_LVT_PERF:
    case APIC_REG_LVT_CMCI:
        return ~0x117ffULL;
    default:
        return ~0xffffffffULL;
    }
}

bool apic_msr_write(struct apic *a, uint32_t reg, uint64_t val)
{
    bool ok;

    if (!apic_enabled(a) || !apic_is_x2apic(a) || (val & x2apic_reserved(a, reg))) {
        return false;
    }
    switch (reg) {
    case APIC_REG_EOI:
        apic_eoi(a);
        return true;
    case APIC_REG_SELF_IPI:
        apic_send_ipi(a, (uint32_t)val | 1u << 18, 0); /* fixed, to self */
        return true;
    case APIC_REG_ICR:
        g_mutex_lock(&a->lock);
        a->icr = (uint32_t)val & ~ICR_BUSY;
        a->icr_high = (uint32_t)(val >> 32);
        g_mutex_unlock(&a->lock);
        apic_send_ipi(a, (uint32_t)val, (uint32_t)(val >> 32));
        return true;
    default:
        break;
    }
    g_mutex_lock(&a->lock);
    ok = reg_write_locked(a, reg, (uint32_t)val);
    g_mutex_unlock(&a->lock);
    return ok;
}

/* ---- the base MSR ---- */

uint64_t apic_get_base(struct apic *a)
{
    return __atomic_load_n(&a->base, __ATOMIC_RELAXED);
}

/* x2APIC ids: cluster of sixteen, and a bit in it. */
static uint32_t x2apic_ldr(uint32_t id)
{
    return (id >> 4) << 16 | 1u << (id & 15);
}

/* Registers other than id, base and pins. */
void apic_power_on_locked(struct apic *a)
{
    apic_timer_stop_locked(a);
    a->tpr = 0;
    memset(a->isr, 0, sizeof(a->isr));
    memset(a->irr, 0, sizeof(a->irr));
    memset(a->tmr, 0, sizeof(a->tmr));
    for (unsigned i = 0; i < APIC_LVTS; i++) {
        a->lvt[i] = APIC_LVT_MASKED;
    }
    if (a->config.bsp) {
        a->lvt[APIC_LVT_LINT0] = APIC_EXTINT << 8;
    }
    a->esr = a->esr_pending = 0;
    a->icr = a->icr_high = 0;
    a->extint = false;
    a->divide = 0;
    a->count_start_ns = 0;
    __atomic_store_n(&a->svr, 0xff, __ATOMIC_RELAXED);
    __atomic_store_n(&a->dfr, UINT32_MAX, __ATOMIC_RELAXED);
    __atomic_store_n(&a->ldr, apic_is_x2apic(a) ? x2apic_ldr(a->config.id) : 0, __ATOMIC_RELAXED);
    apic_update_locked(a);
}

void apic_init_received(struct apic *a)
{
    g_mutex_lock(&a->lock);
    apic_power_on_locked(a);
    g_mutex_unlock(&a->lock);
}

/* SDM, "x2APIC state transitions": which changes of the two mode bits fault. */
static bool transition_is_legal(const struct apic *a, uint64_t old, uint64_t val)
{
    bool was_on = old & APIC_BASE_ENABLE, on = val & APIC_BASE_ENABLE;
    bool was_x2 = old & APIC_BASE_X2APIC, x2 = val & APIC_BASE_X2APIC;

    if (x2 && (!a->config.x2apic || !on)) {
        return false;
    }
    if (was_x2) {
        return x2 || !on; /* leaving x2APIC mode is only possible by disabling */
    }
    return !x2 || was_on; /* from disabled to x2APIC: xAPIC must lie between */
}

/* Puts the second place of the registers where the base says. Takes the machine lock. */
void apic_place_registers(struct apic *a)
{
    struct lock *lock = &a->bus->machine->lock;
    bool taken = lock_enter(lock);
    uint64_t base = apic_get_base(a), gpa = align_down(base, REG_PAGE);
    bool wanted =
        (base & APIC_BASE_ENABLE) && !(base & APIC_BASE_X2APIC) && gpa != APIC_DEFAULT_BASE;

    if (a->moved_mapped && (!wanted || a->moved.addr != gpa)) {
        region_remove(&a->moved);
        a->moved_mapped = false;
    }
    if (wanted && !a->moved_mapped) {
        region_add(a->bus->region.parent, gpa, &a->moved, /* priority= */ 1001);
        a->moved_mapped = true;
    }
    lock_leave(lock, taken);
}

bool apic_set_base(struct apic *a, uint64_t val)
{
    uint64_t old = apic_get_base(a);

    if ((val & BASE_RESERVED) || (a->config.phys_bits < 64 && val >> a->config.phys_bits)) {
        return false;
    }
    if (!transition_is_legal(a, old, val)) {
        return false;
    }
    if (val == old) {
        return true;
    }
    g_mutex_lock(&a->lock);
    __atomic_store_n(&a->base, val, __ATOMIC_RELAXED);
    if ((old ^ val) & APIC_BASE_ENABLE) {
        apic_power_on_locked(a); /* on and off both lose everything */
    } else if ((val & ~old) & APIC_BASE_X2APIC) {
        __atomic_store_n(&a->ldr, x2apic_ldr(a->config.id), __ATOMIC_RELAXED);
        a->icr_high = 0;
    }
    g_mutex_unlock(&a->lock);
    apic_place_registers(a);
    return true;
}

/* ---- life ---- */

static void apic_reset(struct device *dev)
{
    struct apic *a = from_dev(dev);

    g_mutex_lock(&a->lock);
    __atomic_store_n(&a->base,
                     APIC_DEFAULT_BASE | APIC_BASE_ENABLE | (a->config.bsp ? APIC_BASE_BSP : 0),
                     __ATOMIC_RELAXED);
    apic_power_on_locked(a);
    g_mutex_unlock(&a->lock);
    apic_place_registers(a);
}

static void show_lapic(void *obj, info_print_fn *print, void *opaque)
{
    apic_print(obj, print, opaque);
}

static bool apic_realize(struct device *dev, GError **error)
{
    struct apic *a = from_dev(dev);

    if (!a->bus) {
        return fail(error, "apic: it comes with a CPU and cannot be added alone");
    }
    g_mutex_init(&a->lock);
    timer_init(&a->timer, &dev->machine->clock_virtual, apic_timer_expired, a);
    a->next_ns = APIC_TIMER_NEVER;
    region_init_io(&a->moved, &moved_ops, a, "apic-moved", REG_PAGE);
    a->moved.lock = &region_unlocked;
    a->base = APIC_DEFAULT_BASE | APIC_BASE_ENABLE | (a->config.bsp ? APIC_BASE_BSP : 0);
    apic_power_on_locked(a); /* before anybody can find it */
    if (!apic_bus_add(a->bus, a, error)) {
        g_mutex_clear(&a->lock);
        a->bus = NULL;
        return false;
    }
    machine_info_add(dev->machine, "lapic", show_lapic, a);
    return true;
}

static void apic_unrealize(struct device *dev)
{
    struct apic *a = from_dev(dev);

    if (!a->bus) { /* realize failed */
        return;
    }
    machine_info_remove(dev->machine, a);
    apic_bus_remove(a->bus, a);
    timer_cancel(&a->timer);
    region_fini(&a->moved);
    g_mutex_clear(&a->lock);
    a->bus = NULL;
}

static const struct property apic_props[] = {
    PROP_U32(struct apic, config.id, "id", 0, "APIC id"),
    PROP_BOOL(struct apic, config.x2apic, "x2apic", false, "whether x2APIC mode exists"),
    {0},
};

static const struct device_type apic_type = {
    .name = "apic",
    .description = "local interrupt controller of a CPU",
    .flags = DEVICE_INTERNAL,
    .size = sizeof(struct apic),
    .props = apic_props,
    .state = &apic_state,
    .realize = apic_realize,
    .unrealize = apic_unrealize,
    .reset = apic_reset,
};
DEVICE_TYPE(apic_type);

struct apic *apic_create(struct apic_bus *bus, const struct apic_config *config, GError **error)
{
    struct device *dev = device_new(bus->machine, "apic", error);
    struct apic *a;

    if (!dev) {
        return NULL;
    }
    a = from_dev(dev);
    a->bus = bus;
    a->config = *config;
    if (!device_realize(dev, /* bus= */ NULL, error)) {
        device_free(dev);
        return NULL;
    }
    return a;
}

void apic_free(struct apic *a)
{
    if (a) {
        device_free(&a->dev);
    }
}
