/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floppy controller's execution phase: sectors between the image and the host.
 *
 * An execution is a row of steps, sector by sector. A step runs from the main loop (the pump timer,
 * or the completion of a block request), never within a port access; only one request is in flight,
 * and a reset while it is leaves the buffer alone until it is back.
 */
#include "hw/block/fdc_priv.h"

#include <string.h>

#define STEP_NS     (50 * NS_PER_US) /* between the steps; much faster than a disk turns */
#define RETRY_NS    (1 * NS_PER_MS)
#define MAX_RETRIES 1000
#define SIZE_CODE   2 /* N: 128 << 2 bytes */
#define FORMAT_ID   4 /* bytes per sector that the host gives when formatting */

static void schedule(struct fdc *f, int64_t delay_ns)
{
    timer_set(&f->pump, clock_now_ns(f->pump.clock) + delay_ns);
}

static bool non_dma(const struct fdc *f)
{
    return f->specify[1] & 1;
}

/* Ends the execution: the seven result bytes, and an interrupt. */
static void finish(struct fdc *f, uint8_t st0, uint8_t st1, uint8_t st2)
{
    uint8_t result[7] = {
        st0 | f->unit | (f->head ? ST0_HEAD : 0), st1, st2, f->cyl, f->head, f->sector, SIZE_CODE,
    };

    f->step = STEP_NONE;
    timer_cancel(&f->pump);
    fdc_give_result(f, result, sizeof(result), /* interrupt= */ true);
}

/* To the next sector of the transfer. False: the last one of the track or cylinder was done. */
static bool advance(struct fdc *f)
{
    if (f->sector != f->last_sector) {
        f->sector++;
        return true;
    }
    f->sector = 1;
    if (f->multi_track) {
        f->head ^= 1;
        if (f->head == 1) {
            return true;
        }
    }
    f->cyl++;
    return false;
}

/* ---- block requests ---- */

static void request_done(void *opaque, int ret)
{
    struct fdc *f = opaque;

    f->io_busy = false;
    if (f->io_stale) {
        f->io_stale = false;
        if (f->step != STEP_NONE) {
            schedule(f, 0); /* a newer command has waited for the buffer */
        }
        return;
    }
    if (ret < 0) {
        finish(f, ST0_ABNORMAL, ST1_DATA_ERROR, ST2_DATA_ERROR);
        return;
    }
    if (f->step == STEP_READ) {
        f->step = STEP_TO_HOST;
        f->pos = 0;
        f->expect = FDC_SECTOR_BYTES;
    } else if (f->action == ACTION_FORMAT) {
        f->step = STEP_FROM_HOST;
        f->pos = 0;
        if (--f->left == 0 || f->terminal_count) {
            finish(f, 0, 0, 0);
            return;
        }
    } else {
        bool more = advance(f);

        f->step = STEP_FROM_HOST;
        f->pos = 0;
        if (f->terminal_count) {
            finish(f, 0, 0, 0);
            return;
        }
        if (!more) {
            finish(f, ST0_ABNORMAL, ST1_END, 0);
            return;
        }
    }
    fdc_exec_step(f);
}

/* Reads or writes the current sector; false when the medium has none such. */
static bool submit(struct fdc *f, bool write)
{
    struct fdc_drive *d = fdc_drive_of(f, f->unit);
    uint64_t offset;

    if (!d || !fdc_drive_offset(d, f->head, f->sector, &offset)) {
        return false;
    }
    f->iov = (struct iovec){f->buffer, FDC_SECTOR_BYTES};
    f->io_busy = true;
    if (write) {
        block_write(d->drive->block, offset, &f->iov, 1, request_done, f);
    } else {
        block_read(d->drive->block, offset, &f->iov, 1, request_done, f);
    }
    return true;
}

/* ---- steps ---- */

/* Compares what the command wants with what passes under the heads. */
static bool check_medium(struct fdc *f, struct fdc_drive *d)
{
    bool writes = f->action == ACTION_WRITE || f->action == ACTION_FORMAT;
    uint8_t rate = d ? d->media.rate : 0;

    /* 250 and 300 kbit/s are the same disk in drives of different speed */
    bool rate_fits = rate == f->rate || (rate == 2 && f->rate == 1);

    if (!d || !d->has_media || !rate_fits || f->head >= d->media.heads ||
        d->cylinder >= d->media.cylinders) {
        finish(f, ST0_ABNORMAL, ST1_NO_MARK, 0);
        return false;
    }
    if (writes && block_is_read_only(d->drive->block)) {
        finish(f, ST0_ABNORMAL, ST1_PROTECTED, 0);
        return false;
    }
    return true;
}

/* The sector's address as the command gives it must be the one on the disk. */
static bool check_address(struct fdc *f, const struct fdc_drive *d)
{
    uint64_t offset;

    if (f->command[2] != d->cylinder) {
        finish(f, ST0_ABNORMAL, ST1_NO_DATA, ST2_WRONG_CYL);
        return false;
    }
    if (f->command[3] != f->head || f->command[5] != SIZE_CODE ||
        !fdc_drive_offset(d, f->head, f->sector, &offset)) {
        finish(f, ST0_ABNORMAL, ST1_NO_DATA, 0);
        return false;
    }
    return true;
}

/* Walks over the sectors without moving data. */
static void verify(struct fdc *f, const struct fdc_drive *d)
{
    uint64_t offset;

    /* At most the 255 sectors of "left", or those of two sides. */
    for (;;) {
        bool more;

        if (!fdc_drive_offset(d, f->head, f->sector, &offset)) {
            finish(f, ST0_ABNORMAL, ST1_NO_DATA, 0);
            return;
        }
        more = advance(f);
        if (!more || (f->left && --f->left == 0)) {
            finish(f, 0, 0, 0);
            return;
        }
    }
}

static void start(struct fdc *f)
{
    struct fdc_drive *d = fdc_drive_of(f, f->unit);

    if (!check_medium(f, d)) {
        return;
    }
    if (f->action == ACTION_READ_ID) {
        f->cyl = d->cylinder;
        f->sector = f->sector < d->media.sectors ? f->sector + 1 : 1; /* the disk turns */
        finish(f, 0, 0, 0);
        return;
    }
    f->pos = 0;
    if (f->action == ACTION_FORMAT) {
        f->expect = FORMAT_ID;
        f->step = STEP_FROM_HOST;
        return;
    }
    if (f->config & CONFIG_SEEK) {
        d->cylinder = f->command[2];
        d->changed = false;
    }
    if (f->action == ACTION_READ_TRACK) {
        f->sector = 1; /* from the index hole, whatever the address says */
    }
    if (!check_address(f, d)) {
        return;
    }
    if (f->action == ACTION_VERIFY) {
        verify(f, d);
        return;
    }
    f->expect = FDC_SECTOR_BYTES;
    f->step = f->action == ACTION_WRITE ? STEP_FROM_HOST : STEP_READ;
}

/* A whole sector has gone to the host, or as much as the host wanted. */
static void sector_delivered(struct fdc *f)
{
    bool more = advance(f);

    if (f->action == ACTION_READ_DELETED) {
        finish(f, 0, 0, ST2_CONTROL_MARK); /* it had the ordinary mark: this was the last one */
    } else if (f->terminal_count) {
        finish(f, 0, 0, 0);
    } else if (!more) {
        finish(f, ST0_ABNORMAL, ST1_END, 0);
    } else {
        f->step = STEP_READ;
    }
}

/* The host's bytes for one sector (or its address, in a format) are there. */
static void sector_collected(struct fdc *f)
{
    struct fdc_drive *d = fdc_drive_of(f, f->unit);

    if (f->action == ACTION_FORMAT) {
        if (!d || f->buffer[0] != d->cylinder || f->buffer[1] != f->head ||
            f->buffer[3] != SIZE_CODE) {
            guest_unimp(&f->isa.dev, "format with sector address %u/%u/%u/%u", f->buffer[0],
                        f->buffer[1], f->buffer[2], f->buffer[3]);
            finish(f, ST0_ABNORMAL, ST1_NO_DATA, 0);
            return;
        }
        f->cyl = f->buffer[0];
        f->sector = f->buffer[2];
        memset(f->buffer, f->command[5], sizeof(f->buffer));
    } else {
        memset(f->buffer + f->pos, 0, sizeof(f->buffer) - f->pos);
    }
    f->step = STEP_WRITE;
}

/* Moves what it can by DMA. False when the controller does not answer now. */
static bool move_by_dma(struct fdc *f)
{
    struct isa_bus *bus = isa_bus_of(&f->isa);
    size_t moved = 0;
    bool tc = false;

    if (bus->dma && (f->dor & DOR_DMA)) {
        bus->dma->request(bus->dma_opaque, f->dma, true);
        moved = bus->dma->transfer(bus->dma_opaque, f->dma, f->buffer + f->pos, f->expect - f->pos,
                                   f->step == STEP_TO_HOST, &tc);
        bus->dma->request(bus->dma_opaque, f->dma, false);
    }
    if (!moved) {
        return false;
    }
    f->retries = 0;
    f->pos += MIN(moved, (size_t)(f->expect - f->pos));
    f->terminal_count = tc;
    return true;
}

static void transfer_step(struct fdc *f)
{
    if (non_dma(f)) {
        fdc_update_irq(f); /* the host fetches or brings the bytes */
        return;
    }
    if (!move_by_dma(f)) {
        if (++f->retries > MAX_RETRIES) {
            finish(f, ST0_ABNORMAL, ST1_OVERRUN, 0);
        } else {
            schedule(f, RETRY_NS);
        }
        return;
    }
    if (f->pos == f->expect || f->terminal_count) {
        if (f->step == STEP_TO_HOST) {
            sector_delivered(f);
        } else {
            sector_collected(f);
        }
    }
    if (f->step != STEP_NONE) {
        schedule(f, STEP_NS);
    }
}

void fdc_exec_step(void *opaque)
{
    struct fdc *f = opaque;

    if (f->io_busy) {
        return; /* request_done() goes on */
    }
    switch (f->step) {
    case STEP_START:
        start(f);
        if (f->step != STEP_NONE) {
            schedule(f, STEP_NS);
        }
        break;
    case STEP_READ:
    case STEP_WRITE:
        if (!submit(f, f->step == STEP_WRITE)) {
            finish(f, ST0_ABNORMAL, ST1_NO_DATA, 0);
        }
        break;
    case STEP_TO_HOST:
    case STEP_FROM_HOST:
        transfer_step(f);
        break;
    }
}

/* ---- the data port ---- */

bool fdc_exec_port_ready(const struct fdc *f)
{
    return f->phase == FDC_EXECUTE && non_dma(f) && !f->io_busy &&
           (f->step == STEP_TO_HOST || f->step == STEP_FROM_HOST) && f->pos < f->expect;
}

uint8_t fdc_exec_read_byte(struct fdc *f)
{
    uint8_t byte = f->buffer[f->pos++ % FDC_SECTOR_BYTES];

    if (f->pos >= f->expect) {
        sector_delivered(f);
        if (f->step != STEP_NONE) {
            schedule(f, STEP_NS);
        }
        fdc_update_irq(f);
    }
    return byte;
}

void fdc_exec_write_byte(struct fdc *f, uint8_t byte)
{
    f->buffer[f->pos++ % FDC_SECTOR_BYTES] = byte;
    if (f->pos >= f->expect) {
        sector_collected(f);
        if (f->step != STEP_NONE) {
            schedule(f, STEP_NS);
        }
        fdc_update_irq(f);
    }
}

/* ---- start and end ---- */

void fdc_exec_start(struct fdc *f, enum fdc_action action)
{
    const uint8_t *c = f->command;

    f->phase = FDC_EXECUTE;
    f->step = STEP_START;
    f->action = action;
    f->unit = c[1] & 3;
    f->head = c[1] >> 2 & 1;
    f->terminal_count = false;
    f->retries = 0;
    f->multi_track = false;
    f->left = 0;
    if (action == ACTION_FORMAT) {
        f->left = c[3] ? c[3] : 1;
    } else if (action != ACTION_READ_ID) {
        f->cyl = c[2];
        f->sector = c[4];
        f->last_sector = c[6];
        f->multi_track = (c[0] & 0x80) && action != ACTION_READ_TRACK;
        if (action == ACTION_VERIFY && (c[1] & 0x80)) {
            f->left = c[8];
        }
    }
    schedule(f, STEP_NS);
}

void fdc_exec_abort(struct fdc *f)
{
    f->step = STEP_NONE;
    f->io_stale = f->io_busy;
    timer_cancel(&f->pump);
}
