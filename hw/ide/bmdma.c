/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bus master IDE.
 *
 * Programming Interface for Bus Master IDE Controller, revision 1.0, and PIIX3 (Intel 290550)
 * 2.8. The physical region descriptors say where in memory data goes: 32-bit address, 16-bit byte
 * count (0: 64 KiB), end bit. Both are even. A table lies within 64 KiB and its index wraps there.
 *
 * Each descriptor moves at least two bytes, so the work for one chunk of data is bounded by its
 * size, whatever the table looks like. A table shorter than the data leaves the unit waiting, with
 * Active clear and no interrupt, as the specification says of it; the guest ends that by a reset.
 */
#include "hw/ide/bmdma.h"

#include "util/bytes.h"

enum {
    PORT_COMMAND = 0,
    PORT_STATUS = 2,
    PORT_TABLE = 4,

    COMMAND_START = 0x01,
    COMMAND_TO_MEMORY = 0x08,
    COMMAND_BITS = 0x09,

    STATUS_ACTIVE = 0x01,
    STATUS_ERROR = 0x02,
    STATUS_INTERRUPT = 0x04,
    STATUS_CLEARED = STATUS_ERROR | STATUS_INTERRUPT, /* by writing 1 */
    STATUS_CAPABLE = 0x60,                            /* for software: unit can do DMA */
};

/* Fetches the next descriptor; false at the end of the table. */
static bool next_region(struct bmdma *bm)
{
    uint8_t prd[8];

    if (bm->end_of_table) {
        return false;
    }
    bm->read(bm->host, bm->next, prd, sizeof(prd));
    bm->next = (bm->next & 0xffff0000) | ((bm->next + sizeof(prd)) & 0xffff);
    bm->gpa = load_le32(prd) & ~1U;
    bm->left = load_le16(prd + 4) & ~1U;
    if (!bm->left) {
        bm->left = 64 * KiB;
    }
    bm->end_of_table = prd[7] & 0x80;
    return true;
}

static size_t bmdma_transfer(void *host, void *buf, size_t len, bool to_memory)
{
    struct bmdma *bm = host;
    bool set_to_memory = bm->command & COMMAND_TO_MEMORY;
    uint8_t *p = buf;
    size_t done = 0;

    if (set_to_memory != to_memory) {
        bm->status = (bm->status | STATUS_ERROR) & ~STATUS_ACTIVE; /* the wrong way round */
        return 0;
    }
    while (done < len && (bm->left || next_region(bm))) {
        uint32_t n = (uint32_t)MIN(len - done, bm->left);

        n = (uint32_t)MIN(n, 4 * GiB - bm->gpa); /* 32 address bits: they wrap */
        if (to_memory) {
            bm->write(bm->host, bm->gpa, p + done, n);
        } else {
            bm->read(bm->host, bm->gpa, p + done, n);
        }
        done += n;
        bm->gpa += n;
        bm->left -= n;
    }
    if (done < len) {
        bm->status &= ~STATUS_ACTIVE; /* the table is too short */
    }
    return done;
}

/* The transfer is over: not active any more unless memory is left in the table. */
static void bmdma_dma_ended(void *host)
{
    struct bmdma *bm = host;

    if (!bm->left && bm->end_of_table) {
        bm->status &= ~STATUS_ACTIVE;
    }
}

static void bmdma_interrupt(void *host)
{
    struct bmdma *bm = host;

    bm->status |= STATUS_INTERRUPT;
}

const struct ide_host_ops bmdma_host_ops = {
    .transfer = bmdma_transfer,
    .dma_ended = bmdma_dma_ended,
    .interrupt = bmdma_interrupt,
};

void bmdma_reset(struct bmdma *bm)
{
    bm->command = bm->status = 0;
    bm->table = bm->next = bm->gpa = bm->left = 0;
    bm->end_of_table = false;
}

void bmdma_loaded(struct bmdma *bm)
{
    bm->channel->dma_running = bm->command & COMMAND_START;
}

uint8_t bmdma_read(const struct bmdma *bm, unsigned port)
{
    switch (port) {
    case PORT_COMMAND:
        return bm->command;
    case PORT_STATUS:
        return bm->status;
    case PORT_TABLE:
    case PORT_TABLE + 1:
    case PORT_TABLE + 2:
    case PORT_TABLE + 3:
        return (uint8_t)(bm->table >> (8 * (port - PORT_TABLE)));
    default:
        return 0;
    }
}

static void write_command(struct bmdma *bm, uint8_t val)
{
    uint8_t old = bm->command;

    bm->command = val & COMMAND_BITS;
    if (val & ~old & COMMAND_START) {
        bm->next = bm->table;
        bm->left = 0;
        bm->end_of_table = false;
        bm->status |= STATUS_ACTIVE;
        ide_dma_start(bm->channel);
    } else if (old & ~val & COMMAND_START) {
        bm->status &= ~STATUS_ACTIVE;
        ide_dma_stop(bm->channel);
    }
}

static void write_byte(struct bmdma *bm, unsigned port, uint8_t val)
{
    switch (port) {
    case PORT_COMMAND:
        write_command(bm, val);
        break;
    case PORT_STATUS:
        bm->status =
            (bm->status & ~STATUS_CAPABLE & ~(val & STATUS_CLEARED)) | (val & STATUS_CAPABLE);
        break;
    case PORT_TABLE:
    case PORT_TABLE + 1:
    case PORT_TABLE + 2:
    case PORT_TABLE + 3:
        bm->table = (uint32_t)bits_set(bm->table, 8 * (port - PORT_TABLE), 8, val) & ~3U;
        break;
    default:
        break;
    }
}

void bmdma_write(struct bmdma *bm, unsigned port, uint32_t val, unsigned size)
{
    /* From the last byte to the first: a command written together with the status beside it
     * starts the transfer when all is in place. */
    for (unsigned i = size; i-- > 0;) {
        write_byte(bm, port + i, (uint8_t)(val >> (8 * i)));
    }
}

static bool post_load(void *base, unsigned version G_GNUC_UNUSED, GError **error)
{
    struct bmdma *bm = base;

    if (bm->left > 64 * KiB) {
        return fail(error, "IDE bus master: %u bytes left of a region", bm->left);
    }
    return true;
}

static const struct state_field fields[] = {
    STATE_U8(struct bmdma, command),        STATE_U8(struct bmdma, status),
    STATE_U32(struct bmdma, table),         STATE_U32(struct bmdma, next),
    STATE_U32(struct bmdma, gpa),           STATE_U32(struct bmdma, left),
    STATE_BOOL(struct bmdma, end_of_table), {0},
};

const struct state_table bmdma_state = {
    .name = "ide-bus-master",
    .version = 1,
    .fields = fields,
    .post_load = post_load,
};
