/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's two 8237 DMA controllers with their page registers.
 *
 *   ports 0x00-0x0f  controller 1: channels 0 to 3, bytes
 *   ports 0x80-0x8f  page registers: bits 16 to 23 of the addresses; the unused ones only store
 *   ports 0xc0-0xdf  controller 2: channels 4 (cascade of 1) to 7, 16-bit words, every second port
 *
 * After the 8237A data sheet. Devices call for transfers (struct isa_dma_ops); single, demand and
 * block mode differ in how the bus is shared, which takes no time here. An address wraps within its
 * 64 KiB (128 KiB for words) page. Memory is reached with the machine's own address space.
 *
 * Absent: memory-to-memory transfers (PCs do not wire what they need), compressed timing.
 */
#include "hw/isa/isa.h"

#include <string.h>

#define CHANNELS  8
#define DMA_PORTS 16
#define CASCADE   4

enum {
    REG_COMMAND = 8,
    REG_REQUEST,
    REG_MASK,
    REG_MODE,
    REG_FLIP_FLOP,
    REG_CLEAR,
    REG_UNMASK,
    REG_MASK_ALL
};
enum { COMMAND_MEM_TO_MEM = 0x01, COMMAND_DISABLE = 0x04 };
enum {
    MODE_TYPE = 0x0c,
    TYPE_VERIFY = 0x00,
    TYPE_TO_MEMORY = 0x04,
    TYPE_FROM_MEMORY = 0x08,
    MODE_AUTO_INIT = 0x10,
    MODE_DOWN = 0x20,
    MODE_CASCADE = 0xc0,
};

struct dma_channel {
    uint16_t base_addr, base_count, addr, count;
    uint8_t mode;
    bool masked;
    bool requested; /* by software */
    bool dreq;      /* by the device */
    bool done;      /* terminal count reached; until the status is read */
};

struct dma_chip {
    uint8_t command, temporary;
    bool high_byte; /* the flip-flop: which half of address or count comes next */
};

struct i8257 {
    struct isa_device isa;
    struct region chip_regions[2], page_region;

    struct dma_channel channels[CHANNELS];
    struct dma_chip chips[2];
    uint8_t pages[DMA_PORTS];
};

static struct i8257 *from_dev(struct device *dev)
{
    return container_of(dev, struct i8257, isa.dev);
}

/* The port (from 0x80) that holds the page of each channel; channel 4 has none. */
static const uint8_t page_port[CHANNELS] = {7, 3, 1, 2, 0xf, 0xb, 9, 0xa};

/* ---- transfers ---- */

static unsigned unit_shift(unsigned channel)
{
    return channel >= CASCADE ? 1 : 0;
}

static uint64_t channel_gpa(const struct i8257 *d, unsigned channel)
{
    uint8_t page = d->pages[page_port[channel]];

    if (channel >= CASCADE) {
        return (uint64_t)(page & 0xfe) << 16 | (uint64_t)d->channels[channel].addr << 1;
    }
    return (uint64_t)page << 16 | d->channels[channel].addr;
}

static void count_down(struct dma_channel *ch, unsigned units)
{
    if (ch->mode & MODE_DOWN) {
        ch->addr -= units;
    } else {
        ch->addr += units;
    }
    ch->count -= units; /* 0xffff after the last one */
}

static void terminal_count(struct dma_channel *ch)
{
    ch->done = true;
    ch->requested = false;
    if (ch->mode & MODE_AUTO_INIT) {
        ch->addr = ch->base_addr;
        ch->count = ch->base_count;
    } else {
        ch->masked = true;
    }
}

/* How many units can go in one piece: up to the count, the page's end, or one going down. */
static unsigned contiguous_units(const struct dma_channel *ch, unsigned wanted)
{
    unsigned until_count = ch->count + 1u, until_wrap = 0x10000u - ch->addr;

    if (ch->mode & MODE_DOWN) {
        return 1;
    }
    return MIN(wanted, MIN(until_count, until_wrap));
}

/* One piece between memory and the device's buffer, or nothing for a verify. */
static void move_piece(struct i8257 *d, unsigned channel, uint8_t *buf, size_t len)
{
    struct device *dev = &d->isa.dev;
    uint64_t gpa = channel_gpa(d, channel);

    switch (d->channels[channel].mode & MODE_TYPE) {
    case TYPE_TO_MEMORY:
        device_dma_write(dev, &dev->machine->memory, gpa, buf, len);
        break;
    case TYPE_FROM_MEMORY:
        device_dma_read(dev, &dev->machine->memory, gpa, buf, len);
        break;
    default: /* verify: addresses count, no memory is touched */
        break;
    }
}

static bool channel_runs(const struct i8257 *d, unsigned channel)
{
    const struct dma_channel *ch = &d->channels[channel], *cascade = &d->channels[CASCADE];

    if (channel >= CHANNELS || channel == CASCADE || ch->masked ||
        (d->chips[channel / 4].command & COMMAND_DISABLE)) {
        return false;
    }
    /* The first chip gets at the bus through channel 4 of the second. */
    return channel > CASCADE || (!cascade->masked && !(d->chips[1].command & COMMAND_DISABLE));
}

static size_t dma_transfer(void *opaque, unsigned channel, void *buf, size_t len, bool to_memory,
                           bool *ret_terminal_count)
{
    struct i8257 *d = opaque;
    struct dma_channel *ch = &d->channels[channel % CHANNELS];
    unsigned shift = unit_shift(channel);
    size_t moved = 0;
    uint8_t type = ch->mode & MODE_TYPE;

    *ret_terminal_count = false;
    if (!channel_runs(d, channel)) {
        return 0;
    }
    if (type != TYPE_VERIFY && (type == TYPE_TO_MEMORY) != to_memory) {
        guest_error(&d->isa.dev, "channel %u is programmed for the other direction", channel);
        return 0;
    }
    if (!to_memory && type == TYPE_VERIFY) {
        memset(buf, 0xff, len); /* nobody drives the bus */
    }
    while (len - moved >= 1u << shift && !*ret_terminal_count) {
        unsigned wanted = MIN((len - moved) >> shift, 0x10000u);
        unsigned units = contiguous_units(ch, wanted);
        bool last = units == ch->count + 1u;

        move_piece(d, channel, (uint8_t *)buf + moved, (size_t)units << shift);
        moved += (size_t)units << shift;
        count_down(ch, units);
        if (last) {
            terminal_count(ch);
            *ret_terminal_count = true;
        }
    }
    return moved;
}

static void dma_request(void *opaque, unsigned channel, bool active)
{
    struct i8257 *d = opaque;

    if (channel < CHANNELS) {
        d->channels[channel].dreq = active;
    }
}

static const struct isa_dma_ops dma_ops = {
    .transfer = dma_transfer,
    .request = dma_request,
};

/* ---- registers ---- */

static uint8_t read_half(struct dma_chip *chip, uint16_t val)
{
    uint8_t half = chip->high_byte ? val >> 8 : val & 0xff;

    chip->high_byte = !chip->high_byte;
    return half;
}

static uint8_t read_status(struct i8257 *d, unsigned chip)
{
    uint8_t val = 0;

    for (unsigned i = 0; i < 4; i++) {
        struct dma_channel *ch = &d->channels[chip * 4 + i];

        val |= (ch->done ? 1u : 0) << i | (ch->dreq || ch->requested ? 0x10u : 0) << i;
        ch->done = false;
    }
    return val;
}

static uint8_t chip_read(struct i8257 *d, unsigned chip, unsigned reg)
{
    const struct dma_channel *ch = &d->channels[chip * 4 + (reg >> 1 & 3)];

    if (reg < REG_COMMAND) {
        return read_half(&d->chips[chip], reg & 1 ? ch->count : ch->addr);
    }
    switch (reg) {
    case REG_COMMAND:
        return read_status(d, chip);
    case 0xd:
        return d->chips[chip].temporary;
    case REG_MASK_ALL: {
        uint8_t val = 0xf0;

        for (unsigned i = 0; i < 4; i++) {
            val |= (d->channels[chip * 4 + i].masked ? 1u : 0) << i;
        }
        return val;
    }
    default:
        return 0xff; /* write-only */
    }
}

static void write_half(struct dma_chip *chip, uint16_t *base, uint16_t *current, uint8_t val)
{
    *base = (uint16_t)bits_set(*base, chip->high_byte ? 8 : 0, 8, val);
    *current = *base;
    chip->high_byte = !chip->high_byte;
}

static void master_clear(struct i8257 *d, unsigned chip)
{
    d->chips[chip] = (struct dma_chip){0};
    for (unsigned i = 0; i < 4; i++) {
        struct dma_channel *ch = &d->channels[chip * 4 + i];

        ch->masked = true;
        ch->requested = ch->done = false;
    }
}

static void write_command(struct i8257 *d, unsigned chip, uint8_t val)
{
    d->chips[chip].command = val;
    if (val & COMMAND_MEM_TO_MEM) {
        guest_unimp(&d->isa.dev, "memory-to-memory transfers");
    }
}

static void chip_write(struct i8257 *d, unsigned chip, unsigned reg, uint8_t val)
{
    struct dma_channel *of_chip = &d->channels[chip * 4];
    struct dma_channel *ch = &of_chip[reg < REG_COMMAND ? reg >> 1 : val & 3];

    if (reg < REG_COMMAND) {
        write_half(&d->chips[chip], reg & 1 ? &ch->base_count : &ch->base_addr,
                   reg & 1 ? &ch->count : &ch->addr, val);
        return;
    }
    switch (reg) {
    case REG_COMMAND:
        write_command(d, chip, val);
        break;
    case REG_REQUEST:
        ch->requested = val & 4;
        break;
    case REG_MASK:
        ch->masked = val & 4;
        break;
    case REG_MODE:
        ch->mode = val & 0xfc;
        break;
    case REG_FLIP_FLOP:
        d->chips[chip].high_byte = false;
        break;
    case REG_CLEAR:
        master_clear(d, chip);
        break;
    case REG_UNMASK:
    case REG_MASK_ALL:
        for (unsigned i = 0; i < 4; i++) {
            of_chip[i].masked = reg == REG_MASK_ALL && (val >> i & 1);
        }
        break;
    }
}

static uint64_t chip1_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return chip_read(opaque, 0, offset & 0xf);
}

static void chip1_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    (void)size;
    chip_write(opaque, 0, offset & 0xf, (uint8_t)val);
}

static uint64_t chip2_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return chip_read(opaque, 1, offset >> 1 & 0xf);
}

static void chip2_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    (void)size;
    chip_write(opaque, 1, offset >> 1 & 0xf, (uint8_t)val);
}

static uint64_t page_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8257 *d = opaque;

    (void)size;
    return d->pages[offset & 0xf];
}

static void page_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct i8257 *d = opaque;

    (void)size;
    d->pages[offset & 0xf] = (uint8_t)val;
}

static const struct region_ops chip_ops[2] = {
    {.read = chip1_read, .write = chip1_write, .min_size = 1, .max_size = 1},
    {.read = chip2_read, .write = chip2_write, .min_size = 1, .max_size = 1},
};

static const struct region_ops page_ops = {
    .read = page_read,
    .write = page_write,
    .min_size = 1,
    .max_size = 1,
};

/* ---- state ---- */

static const struct state_field channel_fields[] = {
    STATE_U16(struct dma_channel, base_addr),  STATE_U16(struct dma_channel, base_count),
    STATE_U16(struct dma_channel, addr),       STATE_U16(struct dma_channel, count),
    STATE_U8(struct dma_channel, mode),        STATE_BOOL(struct dma_channel, masked),
    STATE_BOOL(struct dma_channel, requested), STATE_BOOL(struct dma_channel, dreq),
    STATE_BOOL(struct dma_channel, done),      {0},
};

static const struct state_table channel_state = {
    .name = "dma-channel",
    .version = 1,
    .fields = channel_fields,
};

static const struct state_field chip_fields[] = {
    STATE_U8(struct dma_chip, command),
    STATE_U8(struct dma_chip, temporary),
    STATE_BOOL(struct dma_chip, high_byte),
    {0},
};

static const struct state_table chip_state = {
    .name = "dma-chip",
    .version = 1,
    .fields = chip_fields,
};

static const struct state_field i8257_fields[] = {
    STATE_STRUCT_ARRAY(struct i8257, channels, channel_state),
    STATE_STRUCT_ARRAY(struct i8257, chips, chip_state),
    STATE_BYTES(struct i8257, pages),
    {0},
};

static const struct state_table i8257_state = {
    .name = "i8257",
    .version = 1,
    .fields = i8257_fields,
};

/* ---- life ---- */

static bool i8257_realize(struct device *dev, GError **error)
{
    struct i8257 *d = from_dev(dev);
    struct isa_bus *bus = isa_bus_of(&d->isa);

    if (bus->dma) {
        return fail(error, "i8257: the ISA bus has a DMA controller already");
    }
    region_init_io(&d->chip_regions[0], &chip_ops[0], d, "dma1", 0x10);
    region_init_io(&d->chip_regions[1], &chip_ops[1], d, "dma2", 0x20);
    region_init_io(&d->page_region, &page_ops, d, "dma-pages", DMA_PORTS);
    if (!isa_map_io(&d->isa, 0x00, &d->chip_regions[0], error) ||
        !isa_map_io(&d->isa, 0xc0, &d->chip_regions[1], error) ||
        !isa_map_io(&d->isa, 0x80, &d->page_region, error)) {
        return false;
    }
    bus->dma = &dma_ops;
    bus->dma_opaque = d;
    return true;
}

static void i8257_unrealize(struct device *dev)
{
    struct i8257 *d = from_dev(dev);
    struct isa_bus *bus = isa_bus_of(&d->isa);

    if (bus->dma_opaque == d) {
        bus->dma = NULL;
        bus->dma_opaque = NULL;
    }
    region_fini(&d->chip_regions[0]);
    region_fini(&d->chip_regions[1]);
    region_fini(&d->page_region);
}

static void i8257_reset(struct device *dev)
{
    struct i8257 *d = from_dev(dev);

    memset(d->channels, 0, sizeof(d->channels));
    memset(d->pages, 0, sizeof(d->pages));
    master_clear(d, 0);
    master_clear(d, 1);
    /* As firmware leaves it, for kernels that are entered without any: the cascade is open. */
    d->channels[CASCADE].mode = MODE_CASCADE;
    d->channels[CASCADE].masked = false;
}

static const struct device_type i8257_type = {
    .name = "i8257",
    .description = "pair of 8237 DMA controllers",
    .category = DEVICE_BRIDGE,
    .flags = DEVICE_INTERNAL,
    .bus = BUS_ISA,
    .size = sizeof(struct i8257),
    .state = &i8257_state,
    .realize = i8257_realize,
    .unrealize = i8257_unrealize,
    .reset = i8257_reset,
};
DEVICE_TYPE(i8257_type);
