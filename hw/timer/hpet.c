/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hpet: the high precision event timer.
 *
 *   0x000  GCAP_ID     who and how many, period in femtoseconds
 *   0x010  GEN_CONF    bit 0 the counter runs, bit 1 legacy replacement
 *   0x020  GINTR_STA   a bit per level triggered timer; writing 1 clears
 *   0x0f0  MAIN_CNT
 *   0x100 + 0x20 * n   configuration, comparator, FSB route of timer n
 *
 * IA-PC HPET specification 1.0a. 64-bit counter of 100 MHz, 3 to 32 timers, each periodic or one
 * shot, edge or level, with FSB delivery when property msi is on. Registers are accessed as 32 or
 * 64 bits.
 *
 * Nothing ticks: the counter is the virtual clock plus an offset, a timer's match a host timer. The
 * counter is read without any lock: guests use it as their clock. Everything else takes the
 * machine lock. Periods that a stalled host has missed coalesce into one interrupt, and no timer
 * interrupts more often than every MIN_PERIOD_NS; its comparator is exact all the same.
 *
 * An edge leaves the line high until the next one, so that the request is not withdrawn before the
 * CPU has taken it.
 */
#include "hw/timer/hpet.h"

#define MAX_TIMERS    32
#define MIN_TIMERS    3
#define MIN_PERIOD_NS 20000
#define FS_PER_NS     1000000ULL
#define NOT_DUE       INT64_MAX
#define FARTHEST      ((uint64_t)INT64_MAX / HPET_PERIOD_NS / 4) /* ticks; centuries away */

enum {
    REG_CAP = 0x000,
    REG_CONF = 0x010,
    REG_STATUS = 0x020,
    REG_COUNTER = 0x0f0,
    REG_TIMERS = 0x100,
    TIMER_STRIDE = 0x20,
    TIMER_CONF = 0x00,
    TIMER_COMPARATOR = 0x08,
    TIMER_FSB = 0x10,
};

enum {
    CONF_ENABLE = 1 << 0,
    CONF_LEGACY = 1 << 1,

    T_LEVEL = 1 << 1,
    T_ENABLE = 1 << 2,
    T_PERIODIC = 1 << 3,
    T_PERIODIC_CAP = 1 << 4,
    T_SIZE_CAP = 1 << 5,
    T_VAL_SET = 1 << 6,
    T_32BIT = 1 << 8,
    T_ROUTE_SHIFT = 9,
    T_ROUTE_MASK = 0x1f << T_ROUTE_SHIFT,
    T_FSB = 1 << 14,
    T_FSB_CAP = 1 << 15,
    T_STORED = T_LEVEL | T_ENABLE | T_PERIODIC | T_32BIT,
};

/* Lines: the routes, and the two of the legacy replacement. */
enum {
    LINE_IRQ0 = HPET_ROUTES,
    LINE_IRQ8,
    LINES,
};

enum {
    SET_LOW = 1, /* the next write of this half of the comparator sets the accumulator */
    SET_HIGH = 2,
};

struct hpet;

struct hpet_timer {
    uint32_t conf; /* T_STORED, route, FSB */
    uint8_t val_set;
    uint64_t comparator;
    uint64_t period; /* last written to the comparator */
    uint64_t fsb;
    bool high;      /* what it wants its line to be */
    uint8_t line;   /* enum above: the line that it drives */
    int64_t due_ns; /* of the virtual clock, or NOT_DUE */

    struct timer timer;
    struct hpet *hpet;
};

struct hpet {
    struct device dev;

    /* properties */
    uint8_t timers;
    bool msi;
    uint32_t intcap;

    struct region region;
    struct irq *lines[LINES];
    struct irq pit_input, rtc_input;
    bool pit_level, rtc_level;
    bool in_fsb; /* an FSB write is on its way: it does not reach our own registers */

    uint64_t conf; /* atomic: written under the lock, read by counter reads */
    uint64_t
        offset; /* counter = ticks + offset while it runs, = offset while it does not; atomic */
    uint32_t status;
    struct hpet_timer t[MAX_TIMERS];
};

static struct hpet *from_dev(struct device *dev)
{
    return container_of(dev, struct hpet, dev);
}

/* ---- the counter ---- */

static int64_t now_ns(struct hpet *h)
{
    return clock_now_ns(&h->dev.machine->clock_virtual);
}

static bool is_running(const struct hpet *h)
{
    return __atomic_load_n(&h->conf, __ATOMIC_RELAXED) & CONF_ENABLE;
}

static uint64_t counter(struct hpet *h)
{
    uint64_t ticks = is_running(h) ? (uint64_t)now_ns(h) / HPET_PERIOD_NS : 0;

    return ticks + __atomic_load_n(&h->offset, __ATOMIC_RELAXED);
}

static void set_counter(struct hpet *h, uint64_t val)
{
    uint64_t ticks = is_running(h) ? (uint64_t)now_ns(h) / HPET_PERIOD_NS : 0;

    __atomic_store_n(&h->offset, val - ticks, __ATOMIC_RELAXED);
}

static uint64_t width_mask(const struct hpet_timer *t)
{
    return t->conf & T_32BIT ? UINT32_MAX : UINT64_MAX;
}

/* ---- lines ---- */

static bool is_legacy(const struct hpet *h)
{
    return h->conf & CONF_LEGACY;
}

static uint8_t line_of(const struct hpet *h, unsigned n)
{
    if (is_legacy(h) && n < 2) {
        return n == 0 ? LINE_IRQ0 : LINE_IRQ8;
    }
    return (h->t[n].conf & T_ROUTE_MASK) >> T_ROUTE_SHIFT;
}

/* A line is high when one of those that drive it wants it so. */
static void set_line(struct hpet *h, unsigned line)
{
    bool high = (line == LINE_IRQ0 && !is_legacy(h) && h->pit_level) ||
                (line == LINE_IRQ8 && !is_legacy(h) && h->rtc_level);

    for (unsigned n = 0; n < h->timers; n++) {
        high |= h->t[n].high && h->t[n].line == line;
    }
    irq_set(h->lines[line], high);
}

static void drive(struct hpet *h, struct hpet_timer *t, bool high)
{
    t->high = high;
    set_line(h, t->line);
}

/* After the configuration has changed: moves to another line, follows the status bit. */
static void route(struct hpet *h, unsigned n)
{
    struct hpet_timer *t = &h->t[n];
    uint8_t line = line_of(h, n);
    bool active = is_running(h) && (t->conf & T_ENABLE) && !(t->conf & T_FSB);

    if (t->line != line || !active || (t->conf & T_LEVEL)) {
        drive(h, t, false);
    }
    t->line = line;
    if (active && (t->conf & T_LEVEL)) {
        drive(h, t, (h->status >> n & 1) != 0);
    }
}

static void pit_set(void *opaque, int n, int level)
{
    struct hpet *h = opaque;

    (void)n;
    h->pit_level = level != 0;
    set_line(h, LINE_IRQ0);
}

static void rtc_set(void *opaque, int n, int level)
{
    struct hpet *h = opaque;

    (void)n;
    h->rtc_level = level != 0;
    set_line(h, LINE_IRQ8);
}

/* ---- matches ---- */

static void send_fsb(struct hpet *h, const struct hpet_timer *t)
{
    if (!h->in_fsb) {
        h->in_fsb = true;
        address_space_store(&h->dev.machine->memory, t->fsb >> 32, (uint32_t)t->fsb, 4,
                            MEM_ATTRS_DMA);
        h->in_fsb = false;
    }
}

static void fire(struct hpet *h, unsigned n)
{
    struct hpet_timer *t = &h->t[n];

    if (t->conf & T_LEVEL) {
        h->status |= 1u << n; /* also when the interrupt is disabled */
    }
    if (!(t->conf & T_ENABLE)) {
        return;
    }
    if (t->conf & T_FSB) {
        send_fsb(h, t);
    } else if (t->conf & T_LEVEL) {
        drive(h, t, true);
    } else {
        drive(h, t, false);
        drive(h, t, true);
    }
}

/* The next comparator of a periodic timer: the first that is still to come. */
static void next_period(struct hpet *h, struct hpet_timer *t)
{
    uint64_t mask = width_mask(t), late;

    if (!(t->conf & T_PERIODIC) || !(t->period & mask)) {
        return;
    }
    late = (counter(h) - t->comparator) & mask;
    t->comparator += (late / (t->period & mask) + 1) * (t->period & mask);
    t->comparator &= mask;
}

/* Sets the host timer for the next match. @wrapped: the match at hand has been dealt with. */
static void arm(struct hpet *h, struct hpet_timer *t, bool wrapped)
{
    int64_t now = now_ns(h);
    uint64_t mask = width_mask(t), left = (t->comparator - counter(h)) & mask;

    if (is_running(h) && left > mask / 2) {
        next_period(h, t); /* passed already: a periodic timer goes on */
        left = (t->comparator - counter(h)) & mask;
    }
    if (wrapped && left == 0) {
        left = mask == UINT64_MAX ? mask : mask + 1; /* once around */
    }
    if (!is_running(h) || left > FARTHEST) {
        t->due_ns = NOT_DUE;
        timer_cancel(&t->timer);
        return;
    }
    t->due_ns = (int64_t)((uint64_t)now / HPET_PERIOD_NS + left) * HPET_PERIOD_NS;
    if (wrapped) {
        t->due_ns = MAX(t->due_ns, now + MIN_PERIOD_NS);
    }
    timer_set(&t->timer, t->due_ns);
}

static void timer_due(void *opaque)
{
    struct hpet_timer *t = opaque;
    struct hpet *h = t->hpet;

    if (t->due_ns == NOT_DUE) {
        return;
    }
    if (now_ns(h) < t->due_ns) { /* reprogrammed while it was on its way here */
        timer_set(&t->timer, t->due_ns);
        return;
    }
    next_period(h, t);
    arm(h, t, /* wrapped= */ true);
    fire(h, (unsigned)(t - h->t));
}

/* What was due before the guest's write comes before it, even if the main loop is late. */
static void catch_up(struct hpet *h)
{
    int64_t now = now_ns(h);

    for (unsigned n = 0; n < h->timers; n++) {
        if (h->t[n].due_ns <= now) {
            timer_due(&h->t[n]);
        }
    }
}

static void arm_all(struct hpet *h)
{
    for (unsigned n = 0; n < h->timers; n++) {
        arm(h, &h->t[n], /* wrapped= */ false);
    }
}

/* ---- registers ---- */

uint32_t hpet_block_id(const struct hpet *h)
{
    /* Intel, legacy replacement, 64-bit counter, number of the last timer, revision 1. */
    return 0x80860000u | 1u << 15 | 1u << 13 | (h->timers - 1u) << 8 | 1;
}

static uint64_t timer_read(struct hpet *h, unsigned n, unsigned reg)
{
    const struct hpet_timer *t = &h->t[n];

    switch (reg) {
    case TIMER_CONF:
        return (uint64_t)h->intcap << 32 | t->conf | T_PERIODIC_CAP | T_SIZE_CAP |
               (h->msi ? T_FSB_CAP : 0);
    case TIMER_COMPARATOR:
        return t->comparator;
    case TIMER_FSB:
        return t->fsb;
    default:
        return 0;
    }
}

/* The whole 64-bit register that holds @offset. */
static uint64_t reg_read(struct hpet *h, uint64_t offset)
{
    uint64_t reg = offset & ~7ULL;
    unsigned n = (unsigned)((reg - REG_TIMERS) / TIMER_STRIDE);

    switch (reg) {
    case REG_CAP:
        return HPET_PERIOD_NS * FS_PER_NS << 32 | hpet_block_id(h);
    case REG_CONF:
        return h->conf;
    case REG_STATUS:
        return h->status;
    case REG_COUNTER:
        return counter(h);
    default:
        break;
    }
    if (reg >= REG_TIMERS && n < h->timers) {
        return timer_read(h, n, reg % TIMER_STRIDE);
    }
    return 0;
}

static void conf_write(struct hpet *h, uint64_t val)
{
    uint64_t count = counter(h);

    __atomic_store_n(&h->conf, val & (CONF_ENABLE | CONF_LEGACY), __ATOMIC_RELAXED);
    set_counter(h, count);
    for (unsigned n = 0; n < h->timers; n++) {
        route(h, n);
    }
    set_line(h, LINE_IRQ0);
    set_line(h, LINE_IRQ8);
    arm_all(h);
}

static void status_write(struct hpet *h, uint64_t val)
{
    uint32_t cleared = h->status & (uint32_t)val;

    h->status &= ~cleared;
    for (unsigned n = 0; n < h->timers; n++) {
        if (cleared >> n & 1) {
            route(h, n);
        }
    }
}

static void timer_conf_write(struct hpet *h, unsigned n, uint64_t val)
{
    struct hpet_timer *t = &h->t[n];
    unsigned line = (unsigned)(val & T_ROUTE_MASK) >> T_ROUTE_SHIFT;
    uint32_t conf = (uint32_t)val & (T_STORED | (h->msi ? T_FSB : 0));

    if (h->intcap >> line & 1) {
        conf |= line << T_ROUTE_SHIFT;
    } else {
        conf |= t->conf & T_ROUTE_MASK; /* reads back as something else: not possible */
    }
    if (!(conf & T_LEVEL)) {
        h->status &= ~(1u << n);
    }
    t->conf = conf;
    t->val_set = (val & T_VAL_SET) && (conf & T_PERIODIC) ? SET_LOW | SET_HIGH : 0;
    t->comparator &= width_mask(t);
    route(h, n);
    arm(h, t, /* wrapped= */ false);
}

/* @mask: the bytes that were written; @val has the others as they were read. */
static void comparator_write(struct hpet *h, struct hpet_timer *t, uint64_t val, uint64_t mask)
{
    uint8_t halves = (mask & UINT32_MAX ? SET_LOW : 0) | (mask >> 32 ? SET_HIGH : 0);

    if (t->conf & T_PERIODIC) {
        t->period = ((t->period & ~mask) | (val & mask)) & width_mask(t);
    }
    if (!(t->conf & T_PERIODIC) || (t->val_set & halves)) {
        t->comparator = ((t->comparator & ~mask) | (val & mask)) & width_mask(t);
        t->val_set &= ~halves;
    }
    arm(h, t, /* wrapped= */ false);
}

static void timer_write(struct hpet *h, unsigned n, unsigned reg, uint64_t val, uint64_t mask)
{
    struct hpet_timer *t = &h->t[n];

    switch (reg) {
    case TIMER_CONF:
        if (mask & UINT32_MAX) {
            timer_conf_write(h, n, val);
        }
        break;
    case TIMER_COMPARATOR:
        comparator_write(h, t, val, mask);
        break;
    case TIMER_FSB:
        if (h->msi) {
            t->fsb = val;
        }
        break;
    default:
        break;
    }
}

static void reg_write(struct hpet *h, uint64_t offset, uint64_t val, uint64_t mask)
{
    uint64_t reg = offset & ~7ULL;
    unsigned n = (unsigned)((reg - REG_TIMERS) / TIMER_STRIDE);

    switch (reg) {
    case REG_CAP:
        break;
    case REG_CONF:
        conf_write(h, val);
        break;
    case REG_STATUS:
        status_write(h, val & mask);
        break;
    case REG_COUNTER:
        if (is_running(h)) {
            guest_error(&h->dev, "the counter is written while it runs");
        }
        set_counter(h, val);
        arm_all(h);
        break;
    default:
        if (reg >= REG_TIMERS && n < h->timers) {
            timer_write(h, n, reg % TIMER_STRIDE, val, mask);
        } else {
            guest_error(&h->dev, "write at offset %#x, where nothing is", (unsigned)offset);
        }
        break;
    }
}

/* Handlers without a lock of their own: the counter needs none, the rest takes the machine's. */
static uint64_t hpet_read(void *opaque, uint64_t offset, unsigned size)
{
    struct hpet *h = opaque;
    struct lock *lock = &h->dev.machine->lock;
    uint64_t val;
    bool taken;

    if ((offset & ~7ULL) == REG_COUNTER) {
        val = counter(h);
    } else {
        taken = lock_enter(lock);
        val = reg_read(h, offset);
        lock_leave(lock, taken);
    }
    return val >> 8 * (offset & 7) & size_mask(size);
}

static void hpet_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct hpet *h = opaque;
    struct lock *lock = &h->dev.machine->lock;
    unsigned shift = 8 * (unsigned)(offset & 7);
    uint64_t mask = size_mask(size) << shift;
    bool taken = lock_enter(lock);

    if (!h->in_fsb) {
        catch_up(h);
        reg_write(h, offset, (reg_read(h, offset) & ~mask) | (val << shift & mask), mask);
    }
    lock_leave(lock, taken);
}

static const struct region_ops hpet_ops = {
    .read = hpet_read,
    .write = hpet_write,
    .min_size = 4,
    .max_size = 8,
};

/* ---- state ---- */

static const struct state_field timer_fields[] = {
    STATE_U32(struct hpet_timer, conf),
    STATE_U8(struct hpet_timer, val_set),
    STATE_U64(struct hpet_timer, period),
    STATE_U64(struct hpet_timer, comparator),
    STATE_U64(struct hpet_timer, fsb),
    STATE_BOOL(struct hpet_timer, high),
    STATE_U8(struct hpet_timer, line),
    STATE_I64(struct hpet_timer, due_ns),
    {0},
};

static const struct state_table timer_state = {
    .name = "hpet-timer",
    .version = 1,
    .fields = timer_fields,
};

static const struct state_field hpet_fields[] = {
    STATE_U64(struct hpet, conf),
    STATE_U64(struct hpet, offset),
    STATE_U32(struct hpet, status),
    STATE_BOOL(struct hpet, pit_level),
    STATE_BOOL(struct hpet, rtc_level),
    STATE_STRUCT_ARRAY(struct hpet, t, timer_state),
    {0},
};

static bool hpet_loaded(void *base, unsigned version, GError **error)
{
    struct hpet *h = base;

    (void)version;
    h->conf &= CONF_ENABLE | CONF_LEGACY;
    for (unsigned n = 0; n < h->timers; n++) {
        struct hpet_timer *t = &h->t[n];

        if (t->line >= LINES || t->due_ns < 0) {
            return fail(error, "hpet: timer %u: line %u, due at %lld make no sense", n, t->line,
                        (long long)t->due_ns);
        }
        t->conf &= T_STORED | T_ROUTE_MASK | T_FSB;
        t->val_set &= SET_LOW | SET_HIGH;
        if (t->due_ns == NOT_DUE) {
            timer_cancel(&t->timer);
        } else {
            timer_set(&t->timer, t->due_ns);
        }
    }
    for (unsigned line = 0; line < LINES; line++) {
        set_line(h, line);
    }
    return true;
}

static const struct state_table hpet_state = {
    .name = "hpet",
    .version = 1,
    .fields = hpet_fields,
    .post_load = hpet_loaded,
};

/* ---- life ---- */

static void hpet_reset(struct device *dev)
{
    struct hpet *h = from_dev(dev);

    __atomic_store_n(&h->conf, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&h->offset, 0, __ATOMIC_RELAXED);
    h->status = 0;
    for (unsigned n = 0; n < h->timers; n++) {
        struct hpet_timer *t = &h->t[n];

        timer_cancel(&t->timer);
        drive(h, t, false);
        t->conf = 0;
        t->line = 0;
        t->val_set = 0;
        t->comparator = UINT64_MAX;
        t->period = 0;
        t->fsb = 0;
        t->due_ns = NOT_DUE;
    }
    set_line(h, LINE_IRQ0);
    set_line(h, LINE_IRQ8);
}

static bool hpet_realize(struct device *dev, GError **error)
{
    struct hpet *h = from_dev(dev);

    if (h->timers < MIN_TIMERS || h->timers > MAX_TIMERS) {
        return fail(error, "hpet: timers=%u: a block has %d to %d", h->timers, MIN_TIMERS,
                    MAX_TIMERS);
    }
    for (unsigned n = 0; n < MAX_TIMERS; n++) {
        h->t[n].hpet = h;
        h->t[n].due_ns = NOT_DUE;
        timer_init(&h->t[n].timer, &dev->machine->clock_virtual, timer_due, &h->t[n]);
    }
    irq_init(&h->pit_input, pit_set, h, 0);
    irq_init(&h->rtc_input, rtc_set, h, 0);
    region_init_io(&h->region, &hpet_ops, h, "hpet", HPET_SIZE);
    h->region.lock = &region_unlocked;
    return true;
}

static void hpet_unrealize(struct device *dev)
{
    struct hpet *h = from_dev(dev);

    for (unsigned n = 0; n < MAX_TIMERS; n++) {
        timer_cancel(&h->t[n].timer);
    }
    region_fini(&h->region);
}

static const struct property hpet_props[] = {
    PROP_U8(struct hpet, timers, "timers", MIN_TIMERS, "number of timers, 3 to 32"),
    PROP_BOOL(struct hpet, msi, "msi", false, "timers can interrupt by memory writes (FSB)"),
    PROP_U32(struct hpet, intcap, "hpet-intcap", 0, "routes that timers may use; 0: the board's"),
    {0},
};

static const struct device_type hpet_type = {
    .name = "hpet",
    .description = "high precision event timer",
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .size = sizeof(struct hpet),
    .props = hpet_props,
    .state = &hpet_state,
    .realize = hpet_realize,
    .unrealize = hpet_unrealize,
    .reset = hpet_reset,
};
DEVICE_TYPE(hpet_type);

struct hpet *hpet_create(struct machine *m, struct region *memory, uint64_t gpa, uint32_t intcap,
                         GError **error)
{
    struct device *dev = device_new(m, "hpet", error);
    struct hpet *h;

    if (!dev) {
        return NULL;
    }
    h = from_dev(dev);
    if (!h->intcap) {
        h->intcap = intcap;
    }
    if (!device_realize(dev, /* bus= */ NULL, error)) {
        device_free(dev);
        return NULL;
    }
    region_add(memory, gpa, &h->region, /* priority= */ 900);
    return h;
}

void hpet_connect_route(struct hpet *h, unsigned n, struct irq *irq)
{
    g_assert(n < HPET_ROUTES);
    h->lines[n] = irq;
}

void hpet_connect_legacy(struct hpet *h, struct irq *irq0, struct irq *irq8)
{
    h->lines[LINE_IRQ0] = irq0;
    h->lines[LINE_IRQ8] = irq8;
}

struct irq *hpet_pit_input(struct hpet *h)
{
    return &h->pit_input;
}

struct irq *hpet_rtc_input(struct hpet *h)
{
    return &h->rtc_input;
}
