/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa-i8259: the pair of 8259A programmable interrupt controllers.
 *
 *   port 0x20, 0xa0     ICW1, OCW2, OCW3; reads give IRR, ISR or, after a poll command, the input
 *   port 0x21, 0xa1     ICW2-4 after ICW1, else OCW1, the mask
 *   port 0x4d0, 0x4d1   ELCR: a bit per input, 1 = level triggered (PIIX3, ICH)
 *
 * Intel 8259A data sheet (231468), in 8086 mode. The slave's output is the master's input 2. As on
 * PC chip sets the ELCR replaces ICW1's LTIM bit. An edge triggered request is withdrawn when
 * its input falls before the acknowledge, which then yields the spurious vector of input 7.
 *
 * After reset a chip asks for nothing until its initialization words have been written.
 *
 * Absent: the CALL sequence for MCS-80/85 CPUs (ICW4 bit 0 clear is taken as 8086 mode), and what
 * only shows on a buffered data bus (ICW4 bits 2 and 3).
 */
#include "hw/intc/i8259.h"

#include "hw/core/info.h"

enum {
    ICW1_ICW4 = 1 << 0,
    ICW1_SINGLE = 1 << 1,
    ICW1_INIT = 1 << 4,
    ICW4_AUTO_EOI = 1 << 1,
    ICW4_SFNM = 1 << 4,
    OCW3_IS_OCW3 = 1 << 3,
    OCW3_READ_ISR = 1 << 0,
    OCW3_READ = 1 << 1,
    OCW3_POLL = 1 << 2,
    OCW3_SPECIAL_MASK = 1 << 5,
    OCW3_SET_SPECIAL_MASK = 1 << 6,
};

#define OCW2_COMMAND(v) ((v) >> 5)

enum ocw2_command {
    OCW2_ROTATE_AUTO_CLEAR = 0,
    OCW2_EOI = 1,
    OCW2_NOP = 2,
    OCW2_EOI_SPECIFIC = 3,
    OCW2_ROTATE_AUTO_SET = 4,
    OCW2_EOI_ROTATE = 5,
    OCW2_SET_PRIORITY = 6,
    OCW2_EOI_SPECIFIC_ROTATE = 7,
};

enum {
    MASTER = 0,
    SLAVE = 1,
    CASCADE = 2,    /* the master's input for the slave */
    SPURIOUS = 7,   /* input whose vector a withdrawn request gets */
    POLL_HIT = 128, /* in the answer to a poll: someone asked */
};

/* What the next write to the data port is. */
enum init_step {
    STEP_NEVER, /* no ICW1 since reset: the mask, and the chip stays silent */
    STEP_ICW2,
    STEP_ICW3,
    STEP_ICW4,
    STEP_DONE, /* OCW1 */
};

struct i8259_chip {
    uint8_t lines; /* levels of the inputs */
    uint8_t irr, isr, imr;
    uint8_t elcr;
    uint8_t icw1, icw3, icw4;
    uint8_t vector_base;
    uint8_t lowest; /* the input of lowest priority */
    uint8_t step;   /* enum init_step */
    bool rotate_on_auto_eoi;
    bool special_mask;
    bool read_isr;
    bool poll;
};

struct i8259 {
    struct isa_device isa;
    struct i8259_chip chip[2];
    bool output; /* what intr was last set to; atomic for i8259_pending() */

    struct irq inputs[I8259_INPUTS];
    uint64_t raised[I8259_INPUTS]; /* how often each input rose, for people */
    struct irq *intr;
};

static struct i8259 *from_dev(struct device *dev)
{
    return container_of(dev, struct i8259, isa.dev);
}

/* ---- one chip ---- */

/* The most urgent input among the bits of @set, or -1. */
static int most_urgent(const struct i8259_chip *c, uint8_t set)
{
    for (unsigned i = 1; i <= 8; i++) {
        unsigned n = (c->lowest + i) & 7;

        if (set & (1u << n)) {
            return n;
        }
    }
    return -1;
}

/* How many steps below the highest priority input @n is: 0 to 7, 8 for "none". */
static unsigned rank(const struct i8259_chip *c, int n)
{
    return n < 0 ? 8 : (unsigned)(n - c->lowest - 1) & 7;
}

/* The input that the chip asks its CPU or master to serve, or -1. */
static int requested(const struct i8259 *pic, const struct i8259_chip *c)
{
    uint8_t in_service = c->isr;
    int want = most_urgent(c, c->irr & ~c->imr);

    if (want < 0 || c->step != STEP_DONE) {
        return -1;
    }
    if (c->special_mask) {
        in_service &= ~c->imr;
    }
    if (c == &pic->chip[MASTER] && (c->icw4 & ICW4_SFNM)) {
        /* A slave in service does not lock itself out: it knows its own priorities. */
        if (want == CASCADE && (c->icw3 & (1u << CASCADE))) {
            in_service &= ~(1u << CASCADE);
        }
    }
    return rank(c, want) < rank(c, most_urgent(c, in_service)) ? want : -1;
}

static void set_line(struct i8259_chip *c, unsigned n, bool level)
{
    uint8_t bit = 1u << n;

    if (!level) {
        c->lines &= ~bit;
        c->irr &= ~bit;
    } else if (!(c->lines & bit) || (c->elcr & bit)) {
        c->lines |= bit;
        c->irr |= bit;
    }
}

/* What the end of an acknowledge cycle does to the chip. */
static void take(struct i8259_chip *c, unsigned n)
{
    uint8_t bit = 1u << n;

    if (!(c->elcr & bit)) {
        c->irr &= ~bit;
    }
    if (!(c->icw4 & ICW4_AUTO_EOI)) {
        c->isr |= bit;
    } else if (c->rotate_on_auto_eoi) {
        c->lowest = n;
    }
}

/* ---- the pair ---- */

/* Passes the chips' requests on: slave to master, master to the CPU. */
static void update(struct i8259 *pic)
{
    bool output;

    set_line(&pic->chip[MASTER], CASCADE, requested(pic, &pic->chip[SLAVE]) >= 0);
    output = requested(pic, &pic->chip[MASTER]) >= 0;
    if (output != pic->output) {
        __atomic_store_n(&pic->output, output, __ATOMIC_RELAXED);
        irq_set(pic->intr, output);
    }
}

/* Serves input @n of @c. The output falls for a moment, so that the slave's next request is an
 * edge to the master. */
static void acknowledge_chip(struct i8259 *pic, struct i8259_chip *c, unsigned n)
{
    take(c, n);
    if (c == &pic->chip[SLAVE]) {
        set_line(&pic->chip[MASTER], CASCADE, /* level= */ false);
    }
}

static bool has_slave(const struct i8259_chip *master, int n)
{
    return n == CASCADE && !(master->icw1 & ICW1_SINGLE) && (master->icw3 & (1u << CASCADE));
}

/* The CPU's view of the output: falls during the cycle, and rises again when more waits. */
static void output_dips(struct i8259 *pic)
{
    __atomic_store_n(&pic->output, false, __ATOMIC_RELAXED);
    irq_set(pic->intr, 0);
    update(pic);
}

static int acknowledge_locked(struct i8259 *pic)
{
    struct i8259_chip *master = &pic->chip[MASTER], *slave = &pic->chip[SLAVE];
    int n = requested(pic, master);
    int vector;

    if (n < 0) {
        vector = master->vector_base + SPURIOUS;
    } else if (!has_slave(master, n)) {
        acknowledge_chip(pic, master, n);
        vector = master->vector_base + n;
    } else {
        int behind = requested(pic, slave);

        /* The master is in service even when the slave's request is gone. */
        acknowledge_chip(pic, master, n);
        vector = slave->vector_base + (behind < 0 ? SPURIOUS : behind);
        if (behind >= 0) {
            acknowledge_chip(pic, slave, behind);
        }
    }
    output_dips(pic);
    if (log_on(LOG_INT)) {
        log_printf(LOG_INT, "i8259: acknowledge, vector %#x\n", (unsigned)vector);
    }
    return vector;
}

int i8259_acknowledge(struct i8259 *pic)
{
    struct lock *lock = &pic->isa.dev.machine->lock;
    bool taken = lock_enter(lock);
    int vector = acknowledge_locked(pic);

    lock_leave(lock, taken);
    return vector;
}

bool i8259_pending(struct i8259 *pic)
{
    return __atomic_load_n(&pic->output, __ATOMIC_RELAXED);
}

static void input_set(void *opaque, int n, int level)
{
    struct i8259 *pic = opaque;

    if (n == CASCADE) {
        return;
    }
    if (level && !(pic->chip[n >> 3].lines >> (n & 7) & 1)) {
        pic->raised[n]++;
    }
    set_line(&pic->chip[n >> 3], n & 7, level != 0);
    update(pic);
}

/* ---- command words ---- */

static void write_icw1(struct i8259_chip *c, uint8_t val)
{
    c->icw1 = val;
    c->imr = 0;
    c->isr = 0;
    c->irr = c->lines & c->elcr; /* the edge sense circuit is reset: the next edge counts */
    c->lowest = 7;
    c->special_mask = false;
    c->read_isr = false;
    c->poll = false;
    c->rotate_on_auto_eoi = false;
    c->icw4 = 0;
    c->step = STEP_ICW2;
}

static void end_of_interrupt(struct i8259_chip *c, int n, bool rotate)
{
    if (n < 0) {
        return;
    }
    c->isr &= ~(1u << n);
    if (rotate) {
        c->lowest = n;
    }
}

static void write_ocw2(struct i8259_chip *c, uint8_t val)
{
    uint8_t in_service = c->special_mask ? c->isr & ~c->imr : c->isr;

    switch ((enum ocw2_command)OCW2_COMMAND(val)) {
    case OCW2_ROTATE_AUTO_CLEAR:
        c->rotate_on_auto_eoi = false;
        break;
    case OCW2_ROTATE_AUTO_SET:
        c->rotate_on_auto_eoi = true;
        break;
    case OCW2_EOI:
        end_of_interrupt(c, most_urgent(c, in_service), /* rotate= */ false);
        break;
    case OCW2_EOI_ROTATE:
        end_of_interrupt(c, most_urgent(c, in_service), /* rotate= */ true);
        break;
    case OCW2_EOI_SPECIFIC:
        end_of_interrupt(c, val & 7, /* rotate= */ false);
        break;
    case OCW2_EOI_SPECIFIC_ROTATE:
        end_of_interrupt(c, val & 7, /* rotate= */ true);
        break;
    case OCW2_SET_PRIORITY:
        c->lowest = val & 7;
        break;
    case OCW2_NOP:
        break;
    }
}

static void write_ocw3(struct i8259_chip *c, uint8_t val)
{
    if (val & OCW3_SET_SPECIAL_MASK) {
        c->special_mask = (val & OCW3_SPECIAL_MASK) != 0;
    }
    if (val & OCW3_POLL) {
        c->poll = true;
    } else if (val & OCW3_READ) {
        c->read_isr = (val & OCW3_READ_ISR) != 0;
    }
}

static void command_write(struct device *dev, unsigned which, uint64_t val)
{
    struct i8259 *pic = from_dev(dev);
    struct i8259_chip *c = &pic->chip[which];

    if (val & ICW1_INIT) {
        write_icw1(c, (uint8_t)val);
    } else if (val & OCW3_IS_OCW3) {
        write_ocw3(c, (uint8_t)val);
    } else {
        write_ocw2(c, (uint8_t)val);
    }
    update(pic);
}

static void data_write(struct device *dev, unsigned which, uint64_t val)
{
    struct i8259 *pic = from_dev(dev);
    struct i8259_chip *c = &pic->chip[which];

    switch ((enum init_step)c->step) {
    case STEP_ICW2:
        c->vector_base = val & 0xf8;
        c->step = !(c->icw1 & ICW1_SINGLE) ? STEP_ICW3
                  : c->icw1 & ICW1_ICW4    ? STEP_ICW4
                                           : STEP_DONE;
        break;
    case STEP_ICW3:
        c->icw3 = (uint8_t)val;
        c->step = c->icw1 & ICW1_ICW4 ? STEP_ICW4 : STEP_DONE;
        break;
    case STEP_ICW4:
        c->icw4 = (uint8_t)val;
        c->step = STEP_DONE;
        break;
    case STEP_NEVER:
    case STEP_DONE:
        c->imr = (uint8_t)val;
        break;
    }
    update(pic);
}

/* A poll is the acknowledge cycle of one chip, by the program. */
static uint64_t poll_read(struct i8259 *pic, struct i8259_chip *c)
{
    int n = requested(pic, c);

    c->poll = false;
    if (n < 0) {
        return 0;
    }
    acknowledge_chip(pic, c, n);
    output_dips(pic);
    return POLL_HIT | (unsigned)n;
}

static uint64_t command_read(struct device *dev, unsigned which)
{
    struct i8259 *pic = from_dev(dev);
    struct i8259_chip *c = &pic->chip[which];

    if (c->poll) {
        return poll_read(pic, c);
    }
    return c->read_isr ? c->isr : c->irr;
}

static uint64_t data_read(struct device *dev, unsigned which)
{
    struct i8259 *pic = from_dev(dev);
    struct i8259_chip *c = &pic->chip[which];

    /* After a poll command the next read polls, whatever A0 says. */
    return c->poll ? poll_read(pic, c) : c->imr;
}

/* ---- registers ---- */

static uint64_t master_command_read(struct device *dev)
{
    return command_read(dev, MASTER);
}

static void master_command_write(struct device *dev, uint64_t val)
{
    command_write(dev, MASTER, val);
}

static uint64_t master_data_read(struct device *dev)
{
    return data_read(dev, MASTER);
}

static void master_data_write(struct device *dev, uint64_t val)
{
    data_write(dev, MASTER, val);
}

static uint64_t slave_command_read(struct device *dev)
{
    return command_read(dev, SLAVE);
}

static void slave_command_write(struct device *dev, uint64_t val)
{
    command_write(dev, SLAVE, val);
}

static uint64_t slave_data_read(struct device *dev)
{
    return data_read(dev, SLAVE);
}

static void slave_data_write(struct device *dev, uint64_t val)
{
    data_write(dev, SLAVE, val);
}

/* An input that becomes level triggered asks for as long as it is high. */
static void elcr_stored(struct device *dev, uint64_t old)
{
    struct i8259 *pic = from_dev(dev);

    (void)old;
    for (unsigned i = 0; i < ARRAY_SIZE(pic->chip); i++) {
        pic->chip[i].irr |= pic->chip[i].lines & pic->chip[i].elcr;
    }
    update(pic);
}

static const struct reg master_regs[] = {
    REG8(0, "PIC1_CMD", .read = master_command_read, .write = master_command_write),
    REG8(1, "PIC1_DATA", .read = master_data_read, .write = master_data_write),
    {0},
};

static const struct reg slave_regs[] = {
    REG8(0, "PIC2_CMD", .read = slave_command_read, .write = slave_command_write),
    REG8(1, "PIC2_DATA", .read = slave_data_read, .write = slave_data_write),
    {0},
};

/* Timer, keyboard, cascade; RTC, coprocessor: always edge triggered. */
static const struct reg elcr_regs[] = {
    REG8(0, "ELCR1", STORE_U8(struct i8259, chip[MASTER].elcr), .writable = 0xf8,
         .stored = elcr_stored),
    REG8(1, "ELCR2", STORE_U8(struct i8259, chip[SLAVE].elcr), .writable = 0xde,
         .stored = elcr_stored),
    {0},
};

/* ---- state ---- */

static const struct state_field chip_fields[] = {
    STATE_U8(struct i8259_chip, lines),
    STATE_U8(struct i8259_chip, irr),
    STATE_U8(struct i8259_chip, isr),
    STATE_U8(struct i8259_chip, imr),
    STATE_U8(struct i8259_chip, elcr),
    STATE_U8(struct i8259_chip, icw1),
    STATE_U8(struct i8259_chip, icw3),
    STATE_U8(struct i8259_chip, icw4),
    STATE_U8(struct i8259_chip, vector_base),
    STATE_U8(struct i8259_chip, lowest),
    STATE_U8(struct i8259_chip, step),
    STATE_BOOL(struct i8259_chip, rotate_on_auto_eoi),
    STATE_BOOL(struct i8259_chip, special_mask),
    STATE_BOOL(struct i8259_chip, read_isr),
    STATE_BOOL(struct i8259_chip, poll),
    {0},
};

static const struct state_table chip_state = {
    .name = "i8259-chip",
    .version = 1,
    .fields = chip_fields,
};

static const struct state_field i8259_fields[] = {
    STATE_STRUCT_ARRAY(struct i8259, chip, chip_state),
    STATE_BOOL(struct i8259, output),
    {0},
};

static bool i8259_loaded(void *base, unsigned version, GError **error)
{
    struct i8259 *pic = base;

    (void)version;
    for (unsigned i = 0; i < ARRAY_SIZE(pic->chip); i++) {
        const struct i8259_chip *c = &pic->chip[i];

        if (c->lowest > 7 || c->step > STEP_DONE || (c->vector_base & 7)) {
            return fail(error, "i8259: chip %u: lowest %u, step %u, vector base %#x make no sense",
                        i, c->lowest, c->step, c->vector_base);
        }
    }
    pic->chip[MASTER].elcr &= 0xf8;
    pic->chip[SLAVE].elcr &= 0xde;
    irq_set(pic->intr, pic->output);
    return true;
}

static const struct state_table i8259_state = {
    .name = "i8259",
    .version = 1,
    .fields = i8259_fields,
    .post_load = i8259_loaded,
};

/* ---- life ---- */

static void i8259_reset(struct device *dev)
{
    struct i8259 *pic = from_dev(dev);

    for (unsigned i = 0; i < ARRAY_SIZE(pic->chip); i++) {
        struct i8259_chip *c = &pic->chip[i];
        uint8_t lines = c->lines; /* those are others' outputs */

        *c = (struct i8259_chip){.lines = lines, .lowest = 7, .step = STEP_NEVER};
    }
    update(pic);
}

static void show_pic(void *obj, info_print_fn *print, void *opaque)
{
    i8259_print(obj, print, opaque);
}

static void show_counts(void *obj, info_print_fn *print, void *opaque)
{
    const struct i8259 *pic = obj;

    print(opaque, "IRQ lines of the 8259 pair:\n");
    for (unsigned n = 0; n < I8259_INPUTS; n++) {
        if (pic->raised[n]) {
            print(opaque, "  %2u: %llu\n", n, (unsigned long long)pic->raised[n]);
        }
    }
}

static bool i8259_realize(struct device *dev, GError **error)
{
    struct i8259 *pic = from_dev(dev);

    for (unsigned n = 0; n < I8259_INPUTS; n++) {
        irq_init(&pic->inputs[n], input_set, pic, (int)n);
    }
    dev->irqs_in = pic->inputs;
    dev->irqs_in_count = I8259_INPUTS;
    machine_info_add(dev->machine, "pic", show_pic, pic);
    machine_info_add(dev->machine, "irq", show_counts, pic);
    return isa_map(&pic->isa, 0x20, master_regs, error) &&
           isa_map(&pic->isa, 0xa0, slave_regs, error) &&
           isa_map(&pic->isa, 0x4d0, elcr_regs, error);
}

static void i8259_unrealize(struct device *dev)
{
    machine_info_remove(dev->machine, from_dev(dev));
}

static const struct device_type i8259_type = {
    .name = "isa-i8259",
    .description = "8259A interrupt controller pair",
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .bus = BUS_ISA,
    .size = sizeof(struct i8259),
    .state = &i8259_state,
    .realize = i8259_realize,
    .unrealize = i8259_unrealize,
    .reset = i8259_reset,
};
DEVICE_TYPE(i8259_type);

struct i8259 *i8259_create(struct isa_bus *bus, struct irq *intr, GError **error)
{
    struct device *dev = isa_create(bus, "isa-i8259", error, NULL);
    struct i8259 *pic;

    if (!dev) {
        return NULL;
    }
    pic = from_dev(dev);
    pic->intr = intr;
    return pic;
}

struct irq *i8259_input(struct i8259 *pic, unsigned n)
{
    g_assert(n < I8259_INPUTS);
    return &pic->inputs[n];
}

void i8259_print(struct i8259 *pic, void (*print)(void *opaque, const char *fmt, ...), void *opaque)
{
    for (unsigned i = 0; i < ARRAY_SIZE(pic->chip); i++) {
        const struct i8259_chip *c = &pic->chip[i];

        print(opaque,
              "pic%u: irr=%02x imr=%02x isr=%02x lines=%02x elcr=%02x base=%02x lowest=%u "
              "auto_eoi=%d sfnm=%d special_mask=%d poll=%d reads=%s%s\n",
              i, c->irr, c->imr, c->isr, c->lines, c->elcr, c->vector_base, c->lowest,
              (c->icw4 & ICW4_AUTO_EOI) != 0, (c->icw4 & ICW4_SFNM) != 0, c->special_mask, c->poll,
              c->read_isr ? "isr" : "irr", c->step == STEP_DONE ? "" : " (not initialized)");
    }
}
