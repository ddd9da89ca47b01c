/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa-pit: the 8254 programmable interval timer.
 *
 *   port 0x40 to 0x42   counters 0 to 2
 *   port 0x43           control word: mode, latch, read-back
 *
 * Intel 8254 data sheet (231164), all six modes, binary and BCD. Nothing ticks: what a counter and
 * its output show is computed from the virtual clock, in input clocks of 1193182 Hz. A written
 * count is taken over at once where the data sheet says "on the next clock". A count of 1 in
 * modes 2 and 3, which the data sheet calls illegal, counts as 2.
 *
 * Only channel 0 has a host timer, for the next rising edge of its output. The line to the
 * interrupt controller falls just before it rises, not at its true time: a low phase that nobody
 * sees costs no event, and a request stays up for an interrupt handler that is late.
 *
 * Lost ticks. When the host stalls, periodic edges pile up. Property lost_tick_policy=delay makes
 * up for them at no more than twice the programmed rate, for at most a second's worth; discard
 * forgets them. Periods shorter than MIN_EDGE_NS give edges only that often.
 *
 * Absent: the difference between count register and counting element while both bytes of a count
 * are read without latching (reads give the running count's bytes).
 */
#include "hw/timer/i8254.h"

#define MIN_EDGE_NS 50000
#define NEVER       UINT64_MAX

enum {
    ACCESS_LATCH = 0,
    ACCESS_LOW = 1,
    ACCESS_HIGH = 2,
    ACCESS_BOTH = 3,
};

enum {
    STATUS_OUTPUT = 1 << 7,
    STATUS_NULL = 1 << 6,
    READBACK_NO_COUNT = 1 << 5,
    READBACK_NO_STATUS = 1 << 4,
    SELECT_READBACK = 3,
};

enum {
    POLICY_DELAY,
    POLICY_DISCARD,
};

struct pit_channel {
    uint8_t mode; /* 0 to 5 */
    uint8_t access;
    bool bcd;
    bool gate;

    /* counting: clocks = done + (running ? now - since : 0) have gone by with this count */
    bool loaded;  /* a count was written since the control word */
    bool started; /* modes 1 and 5: the gate has triggered; others: with the count */
    bool running; /* not held by the gate */
    uint64_t since, done;
    uint32_t count; /* being counted, 1 to 65536 */

    /* modes 2 and 3: the count that takes over at a clock number; 1 and 5: at the trigger */
    bool has_next;
    uint32_t next;
    uint64_t next_at;

    /* byte sequencing */
    bool write_high, read_high; /* the second byte comes next */
    uint8_t write_low;
    bool count_latched, status_latched;
    uint16_t latched_count;
    uint8_t latched_status;
};

struct i8254 {
    struct isa_device isa;
    struct pit_channel ch[I8254_CHANNELS];

    int policy; /* property */
    struct irq *out0;
    bool out0_level;
    uint64_t edges_until; /* rising edges up to this clock have been counted */
    uint64_t owed;        /* edges that are late */
    struct timer timer;
};

static struct i8254 *from_dev(struct device *dev)
{
    return container_of(dev, struct i8254, isa.dev);
}

/* ---- time ---- */

uint64_t i8254_ticks(struct machine *m)
{
    return muldiv64((uint64_t)MAX(clock_now_ns(&m->clock_virtual), 0), I8254_HZ, NS_PER_SEC);
}

static uint64_t ticks_now(struct i8254 *pit)
{
    return i8254_ticks(pit->isa.dev.machine);
}

/* The first nanosecond at which i8254_ticks() has reached @tick. */
static int64_t tick_ns(uint64_t tick)
{
    unsigned __int128 ns = ((unsigned __int128)tick * NS_PER_SEC + I8254_HZ - 1) / I8254_HZ;

    return (int64_t)MIN(ns, (unsigned __int128)INT64_MAX);
}

/* ---- one channel ---- */

static bool is_periodic(const struct pit_channel *c)
{
    return c->mode == 2 || c->mode == 3;
}

static bool is_triggered(const struct pit_channel *c)
{
    return c->mode == 1 || c->mode == 5;
}

static uint64_t elapsed(const struct pit_channel *c, uint64_t now)
{
    return c->done + (c->running && now > c->since ? now - c->since : 0);
}

/* (Re)starts counting @count at clock @at. */
static void start(struct pit_channel *c, uint32_t count, uint64_t at)
{
    c->count = count;
    c->done = 0;
    c->since = at;
    c->started = true;
    c->running = is_triggered(c) || c->gate;
}

/* Clock numbers of the ends of the periods (mode 3: of the half periods too) after @now. */
static uint64_t next_reload(const struct pit_channel *c, uint64_t now)
{
    uint64_t e = elapsed(c, now), phase = e % c->count;
    uint64_t half = (c->count + 1) / 2;
    uint64_t left = c->mode == 3 && phase < half ? half - phase : c->count - phase;

    return now + left;
}

static bool output(const struct pit_channel *c, uint64_t now)
{
    uint64_t e = elapsed(c, now);

    if (!c->loaded || !c->started) {
        return c->mode != 0;
    }
    switch (c->mode) {
    case 0:
    case 1:
        return e >= c->count;
    case 2:
        return !c->gate || e % c->count != c->count - 1;
    case 3:
        return !c->gate || e % c->count < (c->count + 1) / 2;
    default:
        return e != c->count;
    }
}

static uint16_t to_bcd(uint32_t v)
{
    return (uint16_t)(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12);
}

/* What a program reads as the count. */
static uint16_t visible_count(const struct pit_channel *c, uint64_t now)
{
    uint32_t wrap = c->bcd ? 10000 : 65536;
    uint64_t e = c->started ? elapsed(c, now) : 0;
    uint32_t v;

    if (c->mode == 2) {
        v = c->count - (uint32_t)(e % c->count);
    } else if (c->mode == 3) {
        uint32_t phase = (uint32_t)(e % c->count), half = (c->count + 1) / 2;

        /* Both halves count down by two, an odd count from one less. */
        v = (c->count & ~1u) - 2 * (phase < half ? phase : phase - half);
    } else {
        v = (c->count + wrap - (uint32_t)(e % wrap)) % wrap;
    }
    v %= wrap;
    return c->bcd ? to_bcd(v) : (uint16_t)v;
}

static bool null_count(const struct pit_channel *c)
{
    return !c->loaded || !c->started || c->has_next;
}

/* The first rising edge of the output after clock @after, NEVER when there is none. */
static uint64_t next_edge(const struct pit_channel *c, uint64_t after)
{
    uint64_t e;

    if (!c->loaded || !c->started || !c->running) {
        return NEVER;
    }
    e = elapsed(c, after);
    if (is_periodic(c)) {
        return after + (c->count - e % c->count);
    }
    if (c->mode >= 4) { /* a strobe: low for one clock */
        return e <= c->count ? after + (c->count + 1 - e) : NEVER;
    }
    return e < c->count ? after + (c->count - e) : NEVER;
}

/* ---- channel 0's line ---- */

static void set_out0(struct i8254 *pit, bool level)
{
    if (level != pit->out0_level) {
        pit->out0_level = level;
        irq_set(pit->out0, level);
    }
}

/* Counts the edges since the last time; leaves the number owed bounded. */
static void count_edges(struct i8254 *pit, uint64_t now)
{
    struct pit_channel *c = &pit->ch[0];
    uint64_t edge = next_edge(c, pit->edges_until);
    uint64_t most = I8254_HZ / c->count + 1;

    if (edge <= now && is_periodic(c)) {
        pit->owed += 1 + (now - edge) / c->count;
    } else if (edge <= now) {
        pit->owed++;
    }
    pit->edges_until = now;
    if (pit->policy == POLICY_DISCARD || tick_ns(c->count) < MIN_EDGE_NS || !is_periodic(c)) {
        most = 1;
    }
    pit->owed = MIN(pit->owed, most);
}

/* Takes over a new count whose time has come. */
static void advance(struct i8254 *pit, struct pit_channel *c, uint64_t now)
{
    if (!c->has_next || !is_periodic(c) || !c->running || c->next_at > now) {
        return;
    }
    if (c == &pit->ch[0]) {
        count_edges(pit, c->next_at); /* those of the old count */
    }
    if (c->mode == 3) {
        /* Taken over at the end of a half: go on with the other half of the new period. */
        uint64_t phase = (c->done + (c->next_at - c->since)) % c->count;

        c->done = phase ? (c->next + 1) / 2 : 0;
    } else {
        c->done = 0;
    }
    c->count = c->next;
    c->since = c->next_at;
    c->has_next = false;
}

static void program_timer(struct i8254 *pit)
{
    struct pit_channel *c = &pit->ch[0];
    int64_t now = clock_now_ns(&pit->isa.dev.machine->clock_virtual);
    uint64_t edge = next_edge(c, pit->edges_until);
    int64_t at = edge == NEVER ? INT64_MAX : tick_ns(edge);

    if (c->has_next && is_periodic(c) && c->running) {
        at = MIN(at, tick_ns(c->next_at)); /* another count takes over */
    }
    if (is_periodic(c)) {
        at = MAX(at, now + MIN_EDGE_NS);
    }
    if (pit->owed) {
        at = MIN(at, now + MAX(tick_ns(c->count) / 2, MIN_EDGE_NS));
    }
    if (at == INT64_MAX) {
        timer_cancel(&pit->timer);
    } else {
        timer_set(&pit->timer, at);
    }
}

static void edge_due(void *opaque)
{
    struct i8254 *pit = opaque;
    uint64_t now = ticks_now(pit);

    advance(pit, &pit->ch[0], now);
    count_edges(pit, now);
    if (pit->owed) {
        pit->owed--;
        set_out0(pit, false);
        set_out0(pit, true);
    }
    program_timer(pit);
}

/* An edge that is due comes before what the guest writes, even if the main loop is late. */
static void catch_up(struct i8254 *pit)
{
    int64_t due = timer_deadline_ns(&pit->timer);

    if (due >= 0 && due <= clock_now_ns(&pit->isa.dev.machine->clock_virtual)) {
        edge_due(pit);
    }
}

/* Channel 0 was programmed or gated anew: the line follows its output. */
static void channel_changed(struct i8254 *pit, struct pit_channel *c, uint64_t now)
{
    if (c == &pit->ch[0]) {
        pit->owed = 0;
        pit->edges_until = now;
        set_out0(pit, output(c, now));
        program_timer(pit);
    }
}

/* ---- programming ---- */

static uint32_t count_value(const struct pit_channel *c, uint16_t raw)
{
    uint32_t v = raw;

    if (c->bcd) {
        v = (raw & 15) + (raw >> 4 & 15) * 10 + (raw >> 8 & 15) * 100 + (raw >> 12) * 1000;
        v %= 10000; /* digits above nine */
    }
    if (v == 0) {
        v = c->bcd ? 10000 : 65536;
    }
    return is_periodic(c) && v == 1 ? 2 : v;
}

static void new_count(struct i8254 *pit, struct pit_channel *c, uint16_t raw)
{
    uint64_t now = ticks_now(pit);
    uint32_t count = count_value(c, raw);

    advance(pit, c, now);
    if (is_triggered(c)) { /* waits for the gate */
        c->has_next = true;
        c->next = count;
        if (!c->loaded) {
            c->count = count;
        }
        c->loaded = true;
        return;
    }
    if (is_periodic(c) && c->loaded && c->running) { /* this period is finished first */
        c->has_next = true;
        c->next = count;
        c->next_at = next_reload(c, now);
        if (c == &pit->ch[0]) {
            program_timer(pit);
        }
        return;
    }
    c->has_next = false;
    c->loaded = true;
    start(c, count, now);
    channel_changed(pit, c, now);
}

/* The gate rose in a mode that waits for it, or that begins again with it. */
static void trigger(struct pit_channel *c, uint64_t now)
{
    uint32_t count = c->has_next ? c->next : c->count;

    c->has_next = false;
    start(c, count, now);
}

void i8254_set_gate(struct i8254 *pit, unsigned channel, bool level)
{
    struct pit_channel *c = &pit->ch[channel];
    uint64_t now = ticks_now(pit);

    if (level == c->gate) {
        return;
    }
    advance(pit, c, now);
    c->gate = level;
    if (!c->loaded) {
        return;
    }
    if (is_triggered(c) || is_periodic(c)) {
        if (level) {
            trigger(c, now);
        } else if (is_periodic(c)) {
            c->done = elapsed(c, now);
            c->running = false;
        }
    } else { /* modes 0 and 4: counting pauses */
        c->done = elapsed(c, now);
        c->since = now;
        c->running = level;
    }
    channel_changed(pit, c, now);
}

static void latch_count(struct pit_channel *c, uint64_t now)
{
    if (!c->count_latched) {
        c->count_latched = true;
        c->latched_count = visible_count(c, now);
    }
}

static void latch_status(struct pit_channel *c, uint64_t now)
{
    if (!c->status_latched) {
        c->status_latched = true;
        c->latched_status =
            (uint8_t)((output(c, now) ? STATUS_OUTPUT : 0) | (null_count(c) ? STATUS_NULL : 0) |
                      c->access << 4 | c->mode << 1 | c->bcd);
    }
}

static void read_back(struct i8254 *pit, uint8_t val)
{
    uint64_t now = ticks_now(pit);

    for (unsigned i = 0; i < I8254_CHANNELS; i++) {
        struct pit_channel *c = &pit->ch[i];

        if (!(val & (2u << i))) {
            continue;
        }
        advance(pit, c, now);
        if (!(val & READBACK_NO_COUNT)) {
            latch_count(c, now);
        }
        if (!(val & READBACK_NO_STATUS)) {
            latch_status(c, now);
        }
    }
}

static void control_write(struct device *dev, uint64_t val)
{
    struct i8254 *pit = from_dev(dev);
    unsigned which = (unsigned)(val >> 6 & 3), access = (unsigned)(val >> 4 & 3);
    uint64_t now = ticks_now(pit);
    struct pit_channel *c;
    unsigned mode = (unsigned)(val >> 1 & 7);

    if (which == SELECT_READBACK) {
        read_back(pit, (uint8_t)val);
        return;
    }
    catch_up(pit);
    c = &pit->ch[which];
    advance(pit, c, now);
    if (access == ACCESS_LATCH) {
        latch_count(c, now);
        return;
    }
    *c = (struct pit_channel){
        .mode = (uint8_t)(mode > 5 ? mode & 3 : mode), /* bit 2 does not matter for 2 and 3 */
        .access = (uint8_t)access,
        .bcd = val & 1,
        .gate = c->gate,
        .count = MAX(c->count, 2),
    };
    channel_changed(pit, c, now);
}

static void counter_write(struct device *dev, unsigned which, uint64_t val)
{
    struct i8254 *pit = from_dev(dev);
    struct pit_channel *c = &pit->ch[which];
    uint8_t byte = (uint8_t)val;

    catch_up(pit);
    switch (c->access) {
    case ACCESS_LOW:
        new_count(pit, c, byte);
        break;
    case ACCESS_HIGH:
        new_count(pit, c, (uint16_t)(byte << 8));
        break;
    case ACCESS_BOTH:
        if (c->write_high) {
            c->write_high = false;
            new_count(pit, c, (uint16_t)(c->write_low | byte << 8));
        } else {
            c->write_low = byte;
            c->write_high = true;
            if (c->mode == 0) { /* the first byte stops counting, the output falls */
                c->loaded = false;
                channel_changed(pit, c, ticks_now(pit));
            }
        }
        break;
    default: /* no control word yet */
        guest_error(dev, "counter %u is written before its control word", which);
        break;
    }
}

static uint64_t counter_read(struct device *dev, unsigned which)
{
    struct i8254 *pit = from_dev(dev);
    struct pit_channel *c = &pit->ch[which];
    uint64_t now = ticks_now(pit);
    uint16_t v;
    bool high;

    advance(pit, c, now);
    if (c->status_latched) {
        c->status_latched = false;
        return c->latched_status;
    }
    v = c->count_latched ? c->latched_count : visible_count(c, now);
    high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->read_high);
    if (c->access == ACCESS_BOTH) {
        c->read_high = !c->read_high;
    }
    if (c->access != ACCESS_BOTH || high) {
        c->count_latched = false;
    }
    return high ? v >> 8 : v & 0xff;
}

/* ---- registers ---- */

static uint64_t counter0_read(struct device *dev)
{
    return counter_read(dev, 0);
}

static uint64_t counter1_read(struct device *dev)
{
    return counter_read(dev, 1);
}

static uint64_t counter2_read(struct device *dev)
{
    return counter_read(dev, 2);
}

static void counter0_write(struct device *dev, uint64_t val)
{
    counter_write(dev, 0, val);
}

static void counter1_write(struct device *dev, uint64_t val)
{
    counter_write(dev, 1, val);
}

static void counter2_write(struct device *dev, uint64_t val)
{
    counter_write(dev, 2, val);
}

static const struct reg pit_regs[] = {
    REG8(0, "COUNTER0", .read = counter0_read, .write = counter0_write),
    REG8(1, "COUNTER1", .read = counter1_read, .write = counter1_write),
    REG8(2, "COUNTER2", .read = counter2_read, .write = counter2_write),
    REG8(3, "CONTROL", .reset = 0xff, .write = control_write), /* cannot be read */
    {0},
};

/* ---- for others ---- */

bool i8254_gate(struct i8254 *pit, unsigned channel)
{
    return pit->ch[channel].gate;
}

bool i8254_output(struct i8254 *pit, unsigned channel)
{
    uint64_t now = ticks_now(pit);

    advance(pit, &pit->ch[channel], now);
    return output(&pit->ch[channel], now);
}

unsigned i8254_divisor(struct i8254 *pit, unsigned channel)
{
    const struct pit_channel *c = &pit->ch[channel];

    return c->loaded && c->running && is_periodic(c) ? c->count : 0;
}

/* ---- state ---- */

static const struct state_field channel_fields[] = {
    STATE_U8(struct pit_channel, mode),
    STATE_U8(struct pit_channel, access),
    STATE_BOOL(struct pit_channel, bcd),
    STATE_BOOL(struct pit_channel, gate),
    STATE_BOOL(struct pit_channel, loaded),
    STATE_BOOL(struct pit_channel, started),
    STATE_BOOL(struct pit_channel, running),
    STATE_U64(struct pit_channel, since),
    STATE_U64(struct pit_channel, done),
    STATE_U32(struct pit_channel, count),
    STATE_BOOL(struct pit_channel, has_next),
    STATE_U32(struct pit_channel, next),
    STATE_U64(struct pit_channel, next_at),
    STATE_BOOL(struct pit_channel, write_high),
    STATE_BOOL(struct pit_channel, read_high),
    STATE_U8(struct pit_channel, write_low),
    STATE_BOOL(struct pit_channel, count_latched),
    STATE_BOOL(struct pit_channel, status_latched),
    STATE_U16(struct pit_channel, latched_count),
    STATE_U8(struct pit_channel, latched_status),
    {0},
};

static const struct state_table channel_state = {
    .name = "i8254-channel",
    .version = 1,
    .fields = channel_fields,
};

static const struct state_field pit_fields[] = {
    STATE_STRUCT_ARRAY(struct i8254, ch, channel_state),
    STATE_BOOL(struct i8254, out0_level),
    STATE_U64(struct i8254, edges_until),
    STATE_U64(struct i8254, owed),
    STATE_TIMER(struct i8254, timer),
    {0},
};

static bool is_time(uint64_t ticks)
{
    return ticks <= INT64_MAX / 2; /* sums with counts do not overflow */
}

static bool pit_loaded(void *base, unsigned version, GError **error)
{
    struct i8254 *pit = base;

    (void)version;
    for (unsigned i = 0; i < I8254_CHANNELS; i++) {
        const struct pit_channel *c = &pit->ch[i];
        unsigned least = is_periodic(c) ? 2 : 1;

        if (c->mode > 5 || c->access > ACCESS_BOTH || c->count < least || c->count > 65536 ||
            (c->has_next && (c->next < least || c->next > 65536))) {
            return fail(error, "i8254: channel %u: mode %u with count %u makes no sense", i,
                        c->mode, c->count);
        }
        if (!is_time(c->since) || !is_time(c->done) || !is_time(c->next_at) ||
            (c->has_next && is_periodic(c) && c->next_at < c->since)) {
            return fail(error, "i8254: channel %u: times make no sense", i);
        }
    }
    if (!is_time(pit->edges_until)) {
        return fail(error, "i8254: times make no sense");
    }
    pit->owed = MIN(pit->owed, I8254_HZ);
    irq_set(pit->out0, pit->out0_level);
    return true;
}

static const struct state_table pit_state = {
    .name = "i8254",
    .version = 1,
    .fields = pit_fields,
    .post_load = pit_loaded,
};

/* ---- life ---- */

static void pit_reset(struct device *dev)
{
    struct i8254 *pit = from_dev(dev);

    timer_cancel(&pit->timer);
    for (unsigned i = 0; i < I8254_CHANNELS; i++) {
        /* Undefined by the data sheet; silent until programmed. */
        pit->ch[i] = (struct pit_channel){.mode = 3, .gate = i != 2, .count = 65536};
    }
    pit->owed = 0;
    pit->edges_until = ticks_now(pit);
    set_out0(pit, true);
}

static bool pit_realize(struct device *dev, GError **error)
{
    struct i8254 *pit = from_dev(dev);

    timer_init(&pit->timer, &dev->machine->clock_virtual, edge_due, pit);
    return isa_map(&pit->isa, 0x40, pit_regs, error);
}

static void pit_unrealize(struct device *dev)
{
    timer_cancel(&from_dev(dev)->timer);
}

static const struct prop_enum policies[] = {
    {"delay", POLICY_DELAY},
    {"discard", POLICY_DISCARD},
    {NULL, 0},
};

static const struct property pit_props[] = {
    PROP_ENUM(struct i8254, policy, "lost_tick_policy", POLICY_DELAY, policies,
              "what becomes of ticks that the host was too slow for"),
    {0},
};

static const struct device_type pit_type = {
    .name = "isa-pit",
    .description = "8254 interval timer",
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .bus = BUS_ISA,
    .size = sizeof(struct i8254),
    .props = pit_props,
    .state = &pit_state,
    .realize = pit_realize,
    .unrealize = pit_unrealize,
    .reset = pit_reset,
};
DEVICE_TYPE(pit_type);

struct i8254 *i8254_create(struct isa_bus *bus, struct irq *out0, GError **error)
{
    struct device *dev = isa_create(bus, "isa-pit", error, NULL);
    struct i8254 *pit;

    if (!dev) {
        return NULL;
    }
    pit = from_dev(dev);
    pit->out0 = out0;
    irq_set(out0, pit->out0_level);
    return pit;
}
