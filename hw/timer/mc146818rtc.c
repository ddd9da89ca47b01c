/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mc146818rtc: the real time clock and CMOS memory.
 *
 *   port 0x70   index of the register at 0x71; bit 7 masks NMI. Reads as all ones
 *   port 0x71   data: 0-9 time and alarm, 0x0a-0x0d registers A to D, 0x32 century, else memory
 *   port 0x72   index of the second bank of 128 bytes, at port 0x73
 *
 * Motorola MC146818A data sheet; century and second bank as in PIIX3.
 *
 * The time is never ticked: it is the machine's RTC clock (rtc_clock) plus an offset, which changes
 * when the guest sets the time. While register B's SET or the divider's reset stops the clock, the
 * time bytes are plain memory. Flags of register C are worked out when somebody looks or an enabled
 * interrupt is due; host timers exist for enabled interrupts only. The periodic interrupt
 * follows the virtual clock, so that a jump of the host's clock gives no burst; with the
 * machine's rtc_slew, periods that the guest was too slow for are delivered later, each soon after
 * register C was read for the one before.
 *
 * Absent: daylight saving (DSE is kept, and does nothing, as in all PC chip sets), the square wave
 * pin, the day-of-month alarm.
 */
#include "hw/timer/mc146818rtc.h"

#include <time.h>

enum {
    R_SECONDS = 0,
    R_SECONDS_ALARM = 1,
    R_MINUTES = 2,
    R_MINUTES_ALARM = 3,
    R_HOURS = 4,
    R_HOURS_ALARM = 5,
    R_WEEKDAY = 6,
    R_DAY = 7,
    R_MONTH = 8,
    R_YEAR = 9,
    R_A = 10,
    R_B = 11,
    R_C = 12,
    R_D = 13,
    R_MEMORY = 14, /* the first byte that means nothing here */
    R_CENTURY = MC146818_CENTURY,
};

enum {
    A_UIP = 0x80,
    A_DIVIDER = 0x70,
    A_DIVIDER_RESET = 0x60, /* these two bits, whatever the third */
    A_RATE = 0x0f,
    B_SET = 0x80,
    B_PIE = 0x40,
    B_AIE = 0x20,
    B_UIE = 0x10,
    B_SQWE = 0x08,
    B_BINARY = 0x04,
    B_24H = 0x02,
    C_IRQF = 0x80,
    C_PF = 0x40,
    C_AF = 0x20,
    C_UF = 0x10,
    D_VALID = 0x80,
    HOUR_PM = 0x80,
    ALARM_ANY = 0xc0,
    INDEX_NMI = 0x80,
};

#define CRYSTAL_HZ      32768
#define UIP_NS          (244000 + 1984000) /* UIP rises before the update cycle, and through it */
#define RESTART_NS      500000000          /* the first update after a divider reset */
#define SECONDS_PER_DAY 86400
#define MAX_OWED        16384
#define NEVER           INT64_MAX

struct mc146818 {
    struct isa_device isa;
    uint8_t cmos[MC146818_BYTES];
    uint8_t index, index2;
    bool nmi_masked;

    /* guest time = clock + offset, kept as seconds and 0 to 999999999 ns */
    int64_t offset_s, offset_ns;
    uint32_t wday_offset; /* weekday as the guest counts it, against the calendar */

    int64_t seen_second; /* flags of seconds up to this are in register C */
    int64_t seen_period; /* the same for periods */
    uint32_t owed;       /* periodic interrupts that are late */

    /* of the moment of saving, for clocks that do not travel */
    int64_t saved_s, saved_ns;

    struct clock *clock;
    struct irq *irq, *nmi_mask;
    struct timer second_timer, periodic_timer;
};

static struct mc146818 *from_dev(struct device *dev)
{
    return container_of(dev, struct mc146818, isa.dev);
}

/* ---- instants ---- */

struct instant {
    int64_t s, ns;
};

static struct instant guest_now(struct mc146818 *rtc)
{
    int64_t total = clock_now_ns(rtc->clock) + rtc->offset_ns;

    return (struct instant){total / NS_PER_SEC + rtc->offset_s, total % NS_PER_SEC};
}

static void set_guest_now(struct mc146818 *rtc, struct instant t)
{
    int64_t now = clock_now_ns(rtc->clock);

    rtc->offset_ns = ((t.ns - now) % NS_PER_SEC + NS_PER_SEC) % NS_PER_SEC;
    rtc->offset_s = t.s - (now + rtc->offset_ns) / NS_PER_SEC;
}

/* When the RTC clock reaches the start of guest second @s, which is near. */
static int64_t second_deadline(const struct mc146818 *rtc, int64_t s)
{
    return (s - rtc->offset_s) * NS_PER_SEC - rtc->offset_ns;
}

static bool is_stopped(const struct mc146818 *rtc)
{
    return (rtc->cmos[R_B] & B_SET) || (rtc->cmos[R_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

int64_t mc146818_time(struct mc146818 *rtc)
{
    return guest_now(rtc).s;
}

/* ---- numbers as registers hold them ---- */

static uint8_t encode(const struct mc146818 *rtc, int v)
{
    return (uint8_t)(rtc->cmos[R_B] & B_BINARY ? v : (v / 10 % 10) << 4 | v % 10);
}

static int decode(const struct mc146818 *rtc, uint8_t raw)
{
    return rtc->cmos[R_B] & B_BINARY ? raw : (raw >> 4) * 10 + (raw & 15);
}

static uint8_t encode_hour(const struct mc146818 *rtc, int hour)
{
    if (rtc->cmos[R_B] & B_24H) {
        return encode(rtc, hour);
    }
    return encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static int decode_hour(const struct mc146818 *rtc, uint8_t raw)
{
    if (rtc->cmos[R_B] & B_24H) {
        return decode(rtc, raw);
    }
    return decode(rtc, raw & ~HOUR_PM) % 12 + (raw & HOUR_PM ? 12 : 0);
}

static bool is_time_byte(unsigned index)
{
    switch (index) {
    case R_SECONDS:
    case R_MINUTES:
    case R_HOURS:
    case R_WEEKDAY:
    case R_DAY:
    case R_MONTH:
    case R_YEAR:
    case R_CENTURY:
        return true;
    default:
        return false;
    }
}

/* The time bytes get the time of @s. */
static void store_time(struct mc146818 *rtc, int64_t s)
{
    time_t when = (time_t)s;
    struct tm tm;

    if (!gmtime_r(&when, &tm)) {
        return;
    }
    rtc->cmos[R_SECONDS] = encode(rtc, tm.tm_sec);
    rtc->cmos[R_MINUTES] = encode(rtc, tm.tm_min);
    rtc->cmos[R_HOURS] = encode_hour(rtc, tm.tm_hour);
    rtc->cmos[R_WEEKDAY] = encode(rtc, (int)((unsigned)tm.tm_wday + rtc->wday_offset) % 7 + 1);
    rtc->cmos[R_DAY] = encode(rtc, tm.tm_mday);
    rtc->cmos[R_MONTH] = encode(rtc, tm.tm_mon + 1);
    rtc->cmos[R_YEAR] = encode(rtc, (tm.tm_year + 1900) % 100);
    rtc->cmos[R_CENTURY] = encode(rtc, (tm.tm_year + 1900) / 100);
}

/* What time the time bytes say; nonsense such as the 31st of June is carried over. */
static int64_t load_time(struct mc146818 *rtc)
{
    int weekday = decode(rtc, rtc->cmos[R_WEEKDAY]) + 6; /* Sunday is 1 */
    struct tm tm = {
        .tm_sec = decode(rtc, rtc->cmos[R_SECONDS]),
        .tm_min = decode(rtc, rtc->cmos[R_MINUTES]),
        .tm_hour = decode_hour(rtc, rtc->cmos[R_HOURS]),
        .tm_mday = decode(rtc, rtc->cmos[R_DAY]),
        .tm_mon = decode(rtc, rtc->cmos[R_MONTH]) - 1,
        .tm_year = decode(rtc, rtc->cmos[R_CENTURY]) * 100 + decode(rtc, rtc->cmos[R_YEAR]) - 1900,
    };
    time_t when = timegm(&tm); /* also sets tm_wday */

    rtc->wday_offset = (unsigned)(weekday - tm.tm_wday + 7) % 7;
    return (int64_t)when;
}

/* ---- alarm ---- */

static bool alarm_matches(uint8_t raw, int alarm, int64_t v)
{
    return (raw & ALARM_ANY) == ALARM_ANY || alarm == v;
}

/* The first second after @after at which the alarm goes off, NEVER when there is none. */
static int64_t next_alarm(const struct mc146818 *rtc, int64_t after)
{
    uint8_t raw_s = rtc->cmos[R_SECONDS_ALARM], raw_m = rtc->cmos[R_MINUTES_ALARM];
    uint8_t raw_h = rtc->cmos[R_HOURS_ALARM];
    int sec = decode(rtc, raw_s), min = decode(rtc, raw_m), hour = decode_hour(rtc, raw_h);
    int64_t t = after + 1, end = t + SECONDS_PER_DAY;

    if (!alarm_matches(raw_s, sec, MIN(sec, 59)) || !alarm_matches(raw_m, min, MIN(min, 59)) ||
        !alarm_matches(raw_h, hour, MIN(hour, 23))) {
        return NEVER; /* no such time */
    }
    while (t <= end) { /* at most some 150 steps: whole hours, then minutes, then seconds */
        int64_t of_day = (t % SECONDS_PER_DAY + SECONDS_PER_DAY) % SECONDS_PER_DAY;

        if (!alarm_matches(raw_h, hour, of_day / 3600)) {
            t += 3600 - of_day % 3600;
        } else if (!alarm_matches(raw_m, min, of_day / 60 % 60)) {
            t += 60 - of_day % 60;
        } else if (!alarm_matches(raw_s, sec, of_day % 60)) {
            t++;
        } else {
            return t;
        }
    }
    return NEVER;
}

/* ---- flags and interrupts ---- */

static void update_irq(struct mc146818 *rtc)
{
    uint8_t asked = rtc->cmos[R_B] & rtc->cmos[R_C] & (C_PF | C_AF | C_UF);

    rtc->cmos[R_C] = (rtc->cmos[R_C] & ~C_IRQF) | (asked ? C_IRQF : 0);
    irq_set(rtc->irq, asked != 0);
}

/* The period in crystal clocks, 0 when there is none. */
static int64_t period(const struct mc146818 *rtc)
{
    unsigned rate = rtc->cmos[R_A] & A_RATE;

    if (!rate || (rtc->cmos[R_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET) {
        return 0;
    }
    return 1LL << ((rate < 3 ? rate + 7 : rate) - 1); /* 1 and 2 are 8 and 9 at this crystal */
}

static int64_t crystal_now(struct mc146818 *rtc)
{
    int64_t now = clock_now_ns(&rtc->isa.dev.machine->clock_virtual);

    return (int64_t)muldiv64((uint64_t)MAX(now, 0), CRYSTAL_HZ, NS_PER_SEC);
}

/* The first nanosecond at which crystal_now() has reached @clocks. */
static int64_t crystal_ns(int64_t clocks)
{
    return (int64_t)((unsigned __int128)clocks * NS_PER_SEC / CRYSTAL_HZ) + 1;
}

static void account_periods(struct mc146818 *rtc)
{
    int64_t clocks = period(rtc), now, missed;

    if (!clocks) {
        return;
    }
    now = crystal_now(rtc) / clocks;
    if (now > rtc->seen_period) {
        missed = now - rtc->seen_period - (rtc->cmos[R_C] & C_PF ? 0 : 1);
        if (rtc->isa.dev.machine->rtc_slew && (rtc->cmos[R_B] & B_PIE)) {
            rtc->owed = (uint32_t)MIN(rtc->owed + missed, (int64_t)MAX_OWED);
        }
        rtc->cmos[R_C] |= C_PF;
    }
    rtc->seen_period = now;
}

/* Brings register C up to date. */
static void account(struct mc146818 *rtc)
{
    account_periods(rtc);
    if (!is_stopped(rtc)) {
        int64_t now = guest_now(rtc).s;

        if (now > rtc->seen_second) {
            rtc->cmos[R_C] |= C_UF;
            if (next_alarm(rtc, rtc->seen_second) <= now) {
                rtc->cmos[R_C] |= C_AF;
            }
        }
        rtc->seen_second = now; /* also when the host's clock was set back */
    }
    update_irq(rtc);
}

static void program_timers(struct mc146818 *rtc)
{
    int64_t clocks = period(rtc), next = NEVER;
    uint8_t b = rtc->cmos[R_B];

    if (!is_stopped(rtc) && (b & B_UIE)) {
        next = rtc->seen_second + 1;
    } else if (!is_stopped(rtc) && (b & B_AIE)) {
        next = next_alarm(rtc, rtc->seen_second);
    }
    if (next == NEVER) {
        timer_cancel(&rtc->second_timer);
    } else {
        timer_set(&rtc->second_timer, second_deadline(rtc, next));
    }
    if (!clocks || !(b & B_PIE)) {
        rtc->owed = 0;
        timer_cancel(&rtc->periodic_timer);
    } else {
        timer_set(&rtc->periodic_timer, crystal_ns((rtc->seen_period + 1) * clocks));
    }
}

static void second_due(void *opaque)
{
    struct mc146818 *rtc = opaque;

    account(rtc);
    program_timers(rtc);
}

static void period_due(void *opaque)
{
    struct mc146818 *rtc = opaque;

    account(rtc);
    if (rtc->owed && !(rtc->cmos[R_C] & C_PF)) { /* between two periods: one that is late */
        rtc->owed--;
        rtc->cmos[R_C] |= C_PF;
        update_irq(rtc);
    }
    program_timers(rtc);
}

/* ---- setting the time ---- */

/* The guest has set the time: tell whoever wants to start the next machine with it. */
static void announce(struct mc146818 *rtc)
{
    struct machine *m = rtc->isa.dev.machine;
    int64_t reference = clock_now_ns(&m->clock_host) + m->rtc_offset_ns;
    g_autofree char *path = object_path(&rtc->isa.dev.obj);
    const struct event_field fields[] = {
        EVENT_FIELD_INT("offset", guest_now(rtc).s - reference / NS_PER_SEC),
        EVENT_FIELD_STR("qom-path", path),
        {0},
    };

    event_emit(&m->events, "RTC_CHANGE", fields);
}

/* The clock goes on from what the time bytes say; where the second begins stays as it is. */
static void restart(struct mc146818 *rtc)
{
    struct instant before = guest_now(rtc), t = {load_time(rtc), before.ns};

    set_guest_now(rtc, t);
    rtc->seen_second = t.s; /* the jump itself is no update */
    if (ABS(t.s - before.s) > 1) {
        announce(rtc);
    }
}

/* Registers A and B decide together whether the clock runs. */
static void write_control(struct mc146818 *rtc, unsigned reg, uint8_t val)
{
    bool was_stopped = is_stopped(rtc);
    bool was_reset = (rtc->cmos[R_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
    struct instant now = guest_now(rtc);
    int64_t clocks;

    account(rtc);
    if (!was_stopped) {
        store_time(rtc, now.s); /* in the old format: the bytes stay as they are if it stops now */
    }
    rtc->cmos[reg] = val;
    if (was_reset && (rtc->cmos[R_A] & A_DIVIDER_RESET) != A_DIVIDER_RESET) {
        set_guest_now(rtc, (struct instant){now.s, RESTART_NS});
    }
    if (was_stopped && !is_stopped(rtc)) {
        restart(rtc);
    }
    clocks = period(rtc);
    rtc->seen_period = clocks ? crystal_now(rtc) / clocks : 0;
    update_irq(rtc);
    program_timers(rtc);
}

static void write_time(struct mc146818 *rtc, unsigned reg, uint8_t val)
{
    struct instant now = guest_now(rtc);

    if (is_stopped(rtc)) {
        rtc->cmos[reg] = val;
        return;
    }
    account(rtc);
    store_time(rtc, now.s);
    rtc->cmos[reg] = val;
    restart(rtc);
    program_timers(rtc);
}

/* ---- registers ---- */

static uint8_t read_a(struct mc146818 *rtc)
{
    bool updating = !is_stopped(rtc) && guest_now(rtc).ns >= NS_PER_SEC - UIP_NS;

    return rtc->cmos[R_A] | (updating ? A_UIP : 0);
}

static uint8_t read_c(struct mc146818 *rtc)
{
    int64_t now = clock_now_ns(&rtc->isa.dev.machine->clock_virtual);
    uint8_t val;

    account(rtc);
    val = rtc->cmos[R_C];
    rtc->cmos[R_C] = 0;
    update_irq(rtc);
    program_timers(rtc);
    if (rtc->owed) {
        timer_set_earlier(&rtc->periodic_timer, now + crystal_ns(period(rtc)) / 4);
    }
    return val;
}

static uint64_t data_read(struct device *dev)
{
    struct mc146818 *rtc = from_dev(dev);

    switch (rtc->index) {
    case R_A:
        return read_a(rtc);
    case R_C:
        return read_c(rtc);
    case R_D:
        return D_VALID;
    default:
        if (is_time_byte(rtc->index) && !is_stopped(rtc)) {
            store_time(rtc, guest_now(rtc).s);
        }
        return rtc->cmos[rtc->index];
    }
}

static void data_write(struct device *dev, uint64_t val)
{
    struct mc146818 *rtc = from_dev(dev);
    uint8_t v = (uint8_t)val;

    switch (rtc->index) {
    case R_A:
        write_control(rtc, R_A, v & ~A_UIP);
        break;
    case R_B: /* setting SET clears UIE */
        write_control(rtc, R_B, v & B_SET ? v & ~B_UIE : v);
        break;
    case R_C:
    case R_D:
        break; /* read-only */
    case R_SECONDS_ALARM:
    case R_MINUTES_ALARM:
    case R_HOURS_ALARM:
        account(rtc);
        rtc->cmos[rtc->index] = v;
        program_timers(rtc);
        break;
    default:
        if (is_time_byte(rtc->index)) {
            write_time(rtc, rtc->index, v);
        } else {
            rtc->cmos[rtc->index] = v;
        }
        break;
    }
}

static void index_write(struct device *dev, uint64_t val)
{
    struct mc146818 *rtc = from_dev(dev);

    rtc->index = val & 0x7f;
    rtc->nmi_masked = (val & INDEX_NMI) != 0;
    irq_set(rtc->nmi_mask, rtc->nmi_masked);
}

static uint64_t index2_read(struct device *dev)
{
    return from_dev(dev)->index2;
}

static void index2_write(struct device *dev, uint64_t val)
{
    from_dev(dev)->index2 = val & 0x7f;
}

static uint64_t data2_read(struct device *dev)
{
    struct mc146818 *rtc = from_dev(dev);

    return rtc->cmos[0x80 + rtc->index2];
}

static void data2_write(struct device *dev, uint64_t val)
{
    struct mc146818 *rtc = from_dev(dev);

    rtc->cmos[0x80 + rtc->index2] = (uint8_t)val;
}

static const struct reg rtc_regs[] = {
    REG8(0, "INDEX", .reset = 0xff, .write = index_write),
    REG8(1, "DATA", .read = data_read, .write = data_write),
    REG8(2, "INDEX2", .read = index2_read, .write = index2_write),
    REG8(3, "DATA2", .read = data2_read, .write = data2_write),
    {0},
};

/* ---- for the board ---- */

void mc146818_set_cmos(struct mc146818 *rtc, unsigned index, uint8_t val)
{
    g_assert(index >= R_MEMORY && index < MC146818_BYTES && index != R_CENTURY);
    rtc->cmos[index] = val;
}

uint8_t mc146818_get_cmos(struct mc146818 *rtc, unsigned index)
{
    g_assert(index < MC146818_BYTES);
    return rtc->cmos[index];
}

/* ---- state ---- */

static const struct state_field rtc_fields[] = {
    STATE_BYTES(struct mc146818, cmos),
    STATE_U8(struct mc146818, index),
    STATE_U8(struct mc146818, index2),
    STATE_BOOL(struct mc146818, nmi_masked),
    STATE_I64(struct mc146818, offset_s),
    STATE_I64(struct mc146818, offset_ns),
    STATE_U32(struct mc146818, wday_offset),
    STATE_I64(struct mc146818, seen_second),
    STATE_I64(struct mc146818, seen_period),
    STATE_U32(struct mc146818, owed),
    STATE_I64(struct mc146818, saved_s),
    STATE_I64(struct mc146818, saved_ns),
    {0},
};

static void rtc_saving(void *base)
{
    struct mc146818 *rtc = base;
    struct instant now = guest_now(rtc);

    rtc->saved_s = now.s;
    rtc->saved_ns = now.ns;
}

/* Seconds of the calendar that the registers can hold, generously. */
static bool is_calendar(int64_t s)
{
    return s > -(1LL << 40) && s < 1LL << 40;
}

static bool rtc_loaded(void *base, unsigned version, GError **error)
{
    struct mc146818 *rtc = base;
    const int64_t clock_max = 1LL << 32; /* seconds that a clock may show */

    (void)version;
    if (!is_calendar(rtc->offset_s) || !is_calendar(rtc->seen_second) ||
        !is_calendar(rtc->saved_s) || ABS(rtc->seen_second - rtc->offset_s) > clock_max ||
        rtc->offset_ns < 0 || rtc->offset_ns >= NS_PER_SEC || rtc->saved_ns < 0 ||
        rtc->saved_ns >= NS_PER_SEC || rtc->seen_period < 0 || rtc->seen_period > 1LL << 48) {
        return fail(error, "mc146818rtc: times make no sense");
    }
    rtc->index &= 0x7f;
    rtc->index2 &= 0x7f;
    rtc->wday_offset %= 7;
    rtc->owed = MIN(rtc->owed, MAX_OWED);
    if (rtc->clock->kind == CLOCK_KIND_REAL) { /* counts from another zero on this host */
        set_guest_now(rtc, (struct instant){rtc->saved_s, rtc->saved_ns});
        rtc->seen_second = rtc->saved_s;
    }
    irq_set(rtc->nmi_mask, rtc->nmi_masked);
    update_irq(rtc);
    program_timers(rtc);
    return true;
}

static const struct state_table rtc_state = {
    .name = "mc146818rtc",
    .version = 1,
    .fields = rtc_fields,
    .pre_save = rtc_saving,
    .post_load = rtc_loaded,
};

/* ---- life ---- */

/* The RESET pin: time and memory are on the battery. */
static void rtc_reset(struct device *dev)
{
    struct mc146818 *rtc = from_dev(dev);

    account(rtc);
    rtc->cmos[R_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    rtc->cmos[R_C] = 0;
    rtc->index = rtc->index2 = 0;
    rtc->nmi_masked = false;
    irq_set(rtc->nmi_mask, 0);
    update_irq(rtc);
    program_timers(rtc);
}

static bool rtc_realize(struct device *dev, GError **error)
{
    struct mc146818 *rtc = from_dev(dev);
    struct machine *m = dev->machine;
    int64_t start =
        m->rtc_base_set ? m->rtc_base_ns : clock_now_ns(&m->clock_host) + m->rtc_offset_ns;
    int64_t s = start / NS_PER_SEC - (start % NS_PER_SEC < 0);

    rtc->clock = m->rtc_clock == CLOCK_KIND_HOST   ? &m->clock_host
                 : m->rtc_clock == CLOCK_KIND_REAL ? &m->clock_real
                                                   : &m->clock_virtual;
    timer_init(&rtc->second_timer, rtc->clock, second_due, rtc);
    timer_init(&rtc->periodic_timer, &m->clock_virtual, period_due, rtc);
    rtc->cmos[R_A] = 0x26; /* 32768 Hz crystal, 1024 Hz: what every BIOS sets */
    rtc->cmos[R_B] = B_24H;
    set_guest_now(rtc, (struct instant){s, start - s * NS_PER_SEC});
    rtc->seen_second = s;
    return isa_map(&rtc->isa, 0x70, rtc_regs, error);
}

static void rtc_unrealize(struct device *dev)
{
    struct mc146818 *rtc = from_dev(dev);

    timer_cancel(&rtc->second_timer);
    timer_cancel(&rtc->periodic_timer);
}

static const struct device_type rtc_type = {
    .name = "mc146818rtc",
    .description = "real time clock and CMOS memory",
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .bus = BUS_ISA,
    .size = sizeof(struct mc146818),
    .state = &rtc_state,
    .realize = rtc_realize,
    .unrealize = rtc_unrealize,
    .reset = rtc_reset,
};
DEVICE_TYPE(rtc_type);

struct mc146818 *mc146818_create(struct isa_bus *bus, struct irq *irq, struct irq *nmi_mask,
                                 GError **error)
{
    struct device *dev = isa_create(bus, "mc146818rtc", error, NULL);
    struct mc146818 *rtc;

    if (!dev) {
        return NULL;
    }
    rtc = from_dev(dev);
    rtc->irq = irq;
    rtc->nmi_mask = nmi_mask;
    return rtc;
}
