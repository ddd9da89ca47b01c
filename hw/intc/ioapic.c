/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioapic: the I/O APIC with 24 inputs (82093AA; with version 0x20 as in ICH).
 *
 *   0xfec00000   IOREGSEL   index of the register behind IOWIN
 *   0xfec00010   IOWIN      0 id, 1 version, 2 arbitration id, 0x10 to 0x3f redirection table
 *   0xfec00040   EOI        version 0x20: ends a level triggered vector
 *
 * 82093AA data sheet (290566), ICH9 data sheet for the EOI register.
 *
 * A level triggered input sends once, sets remote IRR, and sends again when the vector's EOI finds
 * it still asserted. Edges on a masked input are lost, as the data sheet says. Switching an entry
 * to edge clears its remote IRR: on version 0x11 guests end an interrupt that way.
 *
 * Lines mean "asserted", so that the polarity bit is kept but changes nothing: boards connect
 * active low PCI interrupts and active high ISA ones alike.
 */
#include "hw/intc/ioapic.h"

#include "hw/core/info.h"

#define IOAPIC_SIZE 4096

enum {
    WINDOW_SELECT = 0x00,
    WINDOW_DATA = 0x10,
    WINDOW_EOI = 0x40,
};

enum {
    INDEX_ID = 0,
    INDEX_VERSION = 1,
    INDEX_ARBITRATION = 2,
    INDEX_TABLE = 0x10,
};

#define ENTRY_VECTOR(e)    ((uint8_t)(e))
#define ENTRY_DELIVERY(e)  ((uint8_t)((e) >> 8 & 7))
#define ENTRY_LOGICAL      (1ULL << 11)
#define ENTRY_PENDING      (1ULL << 12) /* delivery status: always idle, messages take no time */
#define ENTRY_LOW          (1ULL << 13)
#define ENTRY_REMOTE_IRR   (1ULL << 14)
#define ENTRY_LEVEL        (1ULL << 15)
#define ENTRY_MASKED       (1ULL << 16)
#define ENTRY_DEST(e)      ((uint32_t)((e) >> 56))
#define ENTRY_EXT_DEST(e)  ((uint32_t)((e) >> 49 & 0x7f)) /* bits 14 to 8, extended ids */
#define ENTRY_WRITABLE     (0xff0000000001afffULL)
#define ENTRY_EXT_WRITABLE (0x7fULL << 49)
#define DEST_ALL           0xff
#define VERSION_WITH_EOI   0x20

struct ioapic {
    struct device dev;
    struct ioapic_config config;
    struct apic_bus *bus;
    struct region region;
    struct irq inputs[IOAPIC_INPUTS];
    uint64_t raised[IOAPIC_INPUTS]; /* how often each input rose, for people */

    uint8_t index;
    uint8_t id;
    uint32_t lines; /* levels of the inputs */
    uint64_t table[IOAPIC_INPUTS];
};

static struct ioapic *from_dev(struct device *dev)
{
    return container_of(dev, struct ioapic, dev);
}

/* Level triggering exists for fixed and lowest priority delivery; the other modes are edges. */
static bool is_level(uint64_t entry)
{
    return (entry & ENTRY_LEVEL) && ENTRY_DELIVERY(entry) <= APIC_LOWEST;
}

static bool send(struct ioapic *io, uint64_t entry)
{
    struct apic_message msg = {
        .dest = ENTRY_DEST(entry),
        .logical = (entry & ENTRY_LOGICAL) != 0,
        .level = is_level(entry),
        .delivery = ENTRY_DELIVERY(entry),
        .vector = ENTRY_VECTOR(entry),
    };

    if (io->bus->extended_dest_id && ENTRY_EXT_DEST(entry)) {
        msg.dest |= ENTRY_EXT_DEST(entry) << 8;
    } else if (msg.dest == DEST_ALL) {
        msg.dest = APIC_BROADCAST;
    }
    return apic_deliver(io->bus, &msg);
}

/* A level triggered input that is asserted, unmasked and not being served: send. */
static void send_level(struct ioapic *io, unsigned n)
{
    uint64_t entry = io->table[n];

    if (!(io->lines >> n & 1) || !is_level(entry) || (entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR))) {
        return;
    }
    if (send(io, entry)) {
        io->table[n] |= ENTRY_REMOTE_IRR;
    }
}

static void input_set(void *opaque, int n, int level)
{
    struct ioapic *io = opaque;
    uint32_t bit = 1u << n;
    bool rises = level && !(io->lines & bit);

    io->raised[n] += rises;
    io->lines = level ? io->lines | bit : io->lines & ~bit;
    if (is_level(io->table[n])) {
        send_level(io, (unsigned)n);
    } else if (rises && !(io->table[n] & ENTRY_MASKED)) {
        send(io, io->table[n]);
    }
}

/* A vector has ended: its inputs may ask again. */
static void end_of_interrupt(void *opaque, uint8_t vector)
{
    struct ioapic *io = opaque;

    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
        uint64_t entry = io->table[n];

        if ((entry & ENTRY_REMOTE_IRR) && is_level(entry) && ENTRY_VECTOR(entry) == vector) {
            io->table[n] &= ~ENTRY_REMOTE_IRR;
            send_level(io, n);
        }
    }
}

/* ---- registers ---- */

static uint32_t data_read(struct ioapic *io)
{
    unsigned n = (unsigned)(io->index - INDEX_TABLE) / 2;

    switch (io->index) {
    case INDEX_ID:
    case INDEX_ARBITRATION: /* loaded with the id, and nothing arbitrates */
        return (uint32_t)io->id << 24;
    case INDEX_VERSION:
        return io->config.version | (IOAPIC_INPUTS - 1) << 16;
    default:
        break;
    }
    if (io->index < INDEX_TABLE || n >= IOAPIC_INPUTS) {
        guest_error(&io->dev, "no register with index %#x", io->index);
        return 0;
    }
    return (uint32_t)(io->table[n] >> (io->index & 1 ? 32 : 0));
}

static void table_write(struct ioapic *io, unsigned n, unsigned shift, uint32_t val)
{
    uint64_t writable = ENTRY_WRITABLE | (io->bus->extended_dest_id ? ENTRY_EXT_WRITABLE : 0);
    uint64_t mask = writable & (0xffffffffULL << shift);
    uint64_t entry = io->table[n];

    entry = (entry & ~mask) | ((uint64_t)val << shift & mask);
    if (!is_level(entry)) {
        entry &= ~ENTRY_REMOTE_IRR;
    }
    io->table[n] = entry;
    send_level(io, n); /* unmasked, or made level triggered, while asserted */
}

static void data_write(struct ioapic *io, uint32_t val)
{
    unsigned n = (unsigned)(io->index - INDEX_TABLE) / 2;

    if (io->index == INDEX_ID) {
        io->id = val >> 24 & 15;
    } else if (io->index >= INDEX_TABLE && n < IOAPIC_INPUTS) {
        table_write(io, n, io->index & 1 ? 32 : 0, val);
    } else {
        guest_error(&io->dev, "write of %#x to index %#x, which cannot be written", val, io->index);
    }
}

static uint64_t ioapic_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ioapic *io = opaque;

    (void)size;
    switch (offset) {
    case WINDOW_SELECT:
        return io->index;
    case WINDOW_DATA:
        return data_read(io);
    default:
        return 0;
    }
}

static void ioapic_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct ioapic *io = opaque;

    (void)size;
    switch (offset) {
    case WINDOW_SELECT:
        io->index = (uint8_t)val;
        break;
    case WINDOW_DATA:
        data_write(io, (uint32_t)val);
        break;
    case WINDOW_EOI:
        if (io->config.version >= VERSION_WITH_EOI) {
            end_of_interrupt(io, (uint8_t)val);
        }
        break;
    default:
        guest_error(&io->dev, "write at offset %#x, where nothing is", (unsigned)offset);
        break;
    }
}

/* The data sheet's registers are accessed as 32 bits; IOREGSEL also as a byte. */
static const struct region_ops ioapic_ops = {
    .read = ioapic_read,
    .write = ioapic_write,
    .min_size = 1,
    .max_size = 4,
};

/* ---- state ---- */

static const struct state_field ioapic_fields[] = {
    STATE_U8(struct ioapic, index),
    STATE_U8(struct ioapic, id),
    STATE_U32(struct ioapic, lines),
    STATE_ARRAY(struct ioapic, table),
    {0},
};

static bool ioapic_loaded(void *base, unsigned version, GError **error)
{
    struct ioapic *io = base;

    (void)version;
    (void)error;
    io->lines &= (1u << IOAPIC_INPUTS) - 1;
    io->id &= 15;
    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
        io->table[n] &= ENTRY_WRITABLE | ENTRY_EXT_WRITABLE | ENTRY_REMOTE_IRR;
    }
    return true;
}

static const struct state_table ioapic_state = {
    .name = "ioapic",
    .version = 1,
    .fields = ioapic_fields,
    .post_load = ioapic_loaded,
};

/* ---- life ---- */

static void ioapic_reset(struct device *dev)
{
    struct ioapic *io = from_dev(dev);

    io->index = 0;
    io->id = io->config.id;
    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
        io->table[n] = ENTRY_MASKED;
    }
}

static void show_pic(void *obj, info_print_fn *print, void *opaque)
{
    ioapic_print(obj, print, opaque);
}

static void show_counts(void *obj, info_print_fn *print, void *opaque)
{
    const struct ioapic *io = obj;

    print(opaque, "inputs of I/O APIC %u:\n", io->id);
    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
        if (io->raised[n]) {
            print(opaque, "  %2u: %llu\n", n, (unsigned long long)io->raised[n]);
        }
    }
}

static bool ioapic_realize(struct device *dev, GError **error)
{
    struct ioapic *io = from_dev(dev);

    if (!io->bus) {
        return fail(error, "ioapic: it is part of a board and cannot be added alone");
    }
    if (io->config.version != 0x11 && io->config.version != VERSION_WITH_EOI) {
        return fail(error, "ioapic: version %#x: only 0x11 and 0x20 exist", io->config.version);
    }
    if (io->config.id > 15) {
        return fail(error, "ioapic: id %u: the id has four bits", io->config.id);
    }
    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
        irq_init(&io->inputs[n], input_set, io, (int)n);
    }
    region_init_io(&io->region, &ioapic_ops, io, "ioapic", IOAPIC_SIZE);
    io->region.guard = &dev->guard;
    apic_bus_on_eoi(io->bus, end_of_interrupt, io);
    dev->irqs_in = io->inputs;
    dev->irqs_in_count = IOAPIC_INPUTS;
    machine_info_add(dev->machine, "pic", show_pic, io);
    machine_info_add(dev->machine, "irq", show_counts, io);
    return true;
}

static void ioapic_unrealize(struct device *dev)
{
    machine_info_remove(dev->machine, from_dev(dev));
    region_fini(&from_dev(dev)->region);
}

static const struct property ioapic_props[] = {
    PROP_U8(struct ioapic, config.version, "version", 0x11, "0x11, or 0x20 with EOI register"),
    {0},
};

static const struct device_type ioapic_type = {
    .name = "ioapic",
    .description = "I/O APIC with 24 inputs",
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .size = sizeof(struct ioapic),
    .props = ioapic_props,
    .state = &ioapic_state,
    .realize = ioapic_realize,
    .unrealize = ioapic_unrealize,
    .reset = ioapic_reset,
};
DEVICE_TYPE(ioapic_type);

struct ioapic *ioapic_create(struct apic_bus *bus, struct region *memory,
                             const struct ioapic_config *config, GError **error)
{
    struct device *dev = device_new(bus->machine, "ioapic", error);
    struct ioapic *io;

    if (!dev) {
        return NULL;
    }
    io = from_dev(dev);
    io->bus = bus;
    io->config = *config;
    if (!device_realize(dev, /* bus= */ NULL, error)) {
        device_free(dev);
        return NULL;
    }
    region_add(memory, config->gpa, &io->region, /* priority= */ 900);
    return io;
}

struct irq *ioapic_input(struct ioapic *io, unsigned n)
{
    g_assert(n < IOAPIC_INPUTS);
    return &io->inputs[n];
}

void ioapic_print(struct ioapic *io, void (*print)(void *opaque, const char *fmt, ...),
                  void *opaque)
{
    static const char *const modes[] = {"fixed", "lowest", "SMI",  "reserved",
                                        "NMI",   "INIT",   "SIPI", "ExtINT"};

    print(opaque, "I/O APIC %u at %#llx: version %#x, index %#x\n", io->id,
          (unsigned long long)io->config.gpa, io->config.version, io->index);
    for (unsigned n = 0; n < IOAPIC_INPUTS; n++) {
        uint64_t e = io->table[n];

        print(opaque, "  pin %-2u %#018llx  vector %3u %-8s %s to %s %u%s%s%s\n", n,
              (unsigned long long)e, ENTRY_VECTOR(e), modes[ENTRY_DELIVERY(e)],
              e & ENTRY_LEVEL ? "level" : "edge", e & ENTRY_LOGICAL ? "logical" : "physical",
              ENTRY_DEST(e), e & ENTRY_MASKED ? " masked" : "",
              e & ENTRY_REMOTE_IRR ? " remote-irr" : "", io->lines >> n & 1 ? " asserted" : "");
    }
}
