/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATAPI: a CD and DVD drive with one data track.
 *
 * ATA/ATAPI-6 (INCITS 361) clauses 8.23 (PACKET) and 9.8 for the transport, MMC-5 for the packets,
 * SPC-3 for sense data. Which packets need a medium, and which run while a unit attention waits,
 * stands in the table at the end; replies are in atapi_info.c, raw frames in atapi_raw.c.
 *
 * Absent: audio, writing, MODE SELECT, overlapped commands, READ CD MSF.
 */
#include "hw/ide/device.h"

#include "util/bytes.h"
#include <errno.h>
#include <string.h>

enum then {
    THEN_END_SILENTLY, /* IDENTIFY PACKET DEVICE */
    THEN_PACKET,       /* the packet has come */
    THEN_REPLY,
    THEN_READ,
    THENS,
};

/* Interrupt reason, in the sector count register */
enum {
    REASON_CD = 1, /* command or status, not data */
    REASON_IO = 2, /* to the guest */
};

enum {
    CD_MAX_BLOCKS = 80 * 60 * 75, /* what fits on a CD; more is a DVD */
};

enum packet_flags {
    NEEDS_MEDIUM = 1 << 0,
    PASSES_ATTENTION = 1 << 1,
};

struct packet {
    void (*run)(struct ide_device *d);
    uint8_t flags;
};

/* ---- medium ---- */

bool atapi_has_medium(const struct ide_device *d)
{
    return d->drive->block && !d->drive->tray_open;
}

uint32_t atapi_blocks(const struct ide_device *d)
{
    uint64_t blocks = atapi_has_medium(d) ? block_size(d->drive->block) / IDE_CD_BLOCK : 0;

    return (uint32_t)MIN(blocks, (uint64_t)UINT32_MAX);
}

bool atapi_is_dvd(const struct ide_device *d)
{
    return atapi_blocks(d) > CD_MAX_BLOCKS;
}

void ide_tray_moved(struct ide_device *d, bool open)
{
    g_autofree char *path = object_path(&d->dev.obj);
    const struct event_field fields[] = {
        EVENT_FIELD_STR("device", d->drive->id ? d->drive->id : ""),
        EVENT_FIELD_STR("id", path),
        EVENT_FIELD_BOOL("tray-open", open),
        {0},
    };

    event_emit(&d->dev.machine->events, "DEVICE_TRAY_MOVED", fields);
}

void atapi_medium_changed(void *device, bool loaded)
{
    struct ide_device *d = device;

    if (loaded) {
        d->cd.attention_asc = ASC_MEDIUM_CHANGED;
        d->cd.event = MEDIA_NEW;
    } else {
        d->cd.event = MEDIA_REMOVAL;
    }
    ide_tray_moved(d, !loaded);
}

void atapi_eject_requested(void *device)
{
    struct ide_device *d = device;

    d->cd.event = MEDIA_EJECT_REQUEST;
}

/* ---- ends of packets ---- */

static void set_sense(struct ide_device *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
    d->cd.sense_key = key;
    d->cd.asc = asc;
    d->cd.ascq = ascq;
}

void atapi_check(struct ide_device *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
    set_sense(d, key, asc, ascq);
    d->nsector = REASON_CD | REASON_IO;
    ide_end_error(d, (uint8_t)(key << 4) | (key == SENSE_ILLEGAL_REQUEST ? ERROR_ABRT : 0));
}

void atapi_good(struct ide_device *d)
{
    d->nsector = REASON_CD | REASON_IO;
    ide_end(d, /* irq= */ true);
}

static void check_no_medium(struct ide_device *d)
{
    atapi_check(d, SENSE_NOT_READY, ASC_NO_MEDIUM, d->drive->tray_open ? 2 : 1);
}

/* Sends buf_len bytes by the way that the packet asked for, going on with @then. */
static void send_data(struct ide_device *d, enum then then)
{
    uint32_t limit = d->cd.byte_limit == 0xffff ? 0xfffe : d->cd.byte_limit;

    if (d->buf_len > limit) {
        limit &= ~1U; /* only the last block may be odd */
    }
    d->dma = d->cd.dma;
    if (!d->dma && !limit) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    d->block_size = limit;
    d->then = then;
    ide_data_in(d);
}

void atapi_reply(struct ide_device *d, uint32_t len, uint32_t allocation)
{
    d->buf_len = MIN(len, allocation);
    if (d->buf_len) {
        send_data(d, THEN_REPLY);
    } else {
        atapi_good(d);
    }
}

/* ---- reading ---- */

static uint32_t block_bytes(const struct ide_device *d)
{
    return d->cd.raw_flags ? atapi_frame_size(d->cd.raw_flags) : IDE_CD_BLOCK;
}

static void read_next(struct ide_device *d)
{
    uint32_t n = MIN(d->cd.left, IDE_BUF_BYTES / MAX(block_bytes(d), (uint32_t)IDE_CD_BLOCK));

    d->then = THEN_READ;
    ide_host(d, HOST_READ, (uint64_t)d->cd.lba * IDE_CD_BLOCK, n * IDE_CD_BLOCK);
}

/* Turns the @n blocks in buf into frames, in place. */
static void make_frames(struct ide_device *d, uint32_t n)
{
    uint32_t size = block_bytes(d);
    uint8_t data[IDE_CD_BLOCK];

    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = size > IDE_CD_BLOCK ? n - 1 - i : i; /* never over blocks still needed */

        memcpy(data, d->buf + k * IDE_CD_BLOCK, sizeof(data));
        atapi_frame_fill(d->buf + k * size, data, d->cd.lba + k, d->cd.raw_flags);
    }
}

static void start_read(struct ide_device *d, uint32_t lba, uint32_t count, uint8_t raw_flags)
{
    uint32_t blocks = atapi_blocks(d);

    if (lba > blocks || count > blocks - lba) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0);
        return;
    }
    d->cd.lba = lba;
    d->cd.left = count;
    d->cd.raw_flags = raw_flags;
    if (!count) {
        atapi_good(d);
        return;
    }
    read_next(d);
}

static void atapi_host_done(struct ide_device *d, int ret)
{
    uint32_t n = d->host_len / IDE_CD_BLOCK;

    if (ret == -ENOMEDIUM || !d->drive->block) {
        check_no_medium(d);
        return;
    }
    if (ret < 0) {
        atapi_check(d, SENSE_MEDIUM_ERROR, ASC_READ_ERROR, 0);
        return;
    }
    if (d->cd.raw_flags) {
        make_frames(d, n);
    }
    d->buf_len = n * block_bytes(d);
    d->cd.lba += n;
    d->cd.left -= n;
    send_data(d, THEN_READ);
}

static void atapi_data_done(struct ide_device *d)
{
    switch (d->then) {
    case THEN_PACKET:
        memcpy(d->cd.cdb, d->buf, IDE_CDB_BYTES);
        atapi_packet_execute(d);
        break;
    case THEN_READ:
        if (!d->cd.left) {
            atapi_good(d);
        } else if (!atapi_has_medium(d)) {
            check_no_medium(d);
        } else {
            read_next(d);
        }
        break;
    case THEN_REPLY:
        atapi_good(d);
        break;
    default:
        ide_end(d, /* irq= */ false);
        break;
    }
}

/* Says how long the DRQ block is and what is in it. */
static void atapi_block_starts(struct ide_device *d)
{
    uint32_t n = d->block_end - d->buf_pos;

    if (d->then == THEN_PACKET) {
        d->nsector = REASON_CD;
    } else if (d->then != THEN_END_SILENTLY) {
        d->nsector = REASON_IO;
        d->lba_mid = (uint8_t)n;
        d->lba_high = (uint8_t)(n >> 8);
    }
}

/* ---- packets ---- */

static void read_10(struct ide_device *d)
{
    start_read(d, load_be32(d->cd.cdb + 2), load_be16(d->cd.cdb + 7), 0);
}

static void read_12(struct ide_device *d)
{
    start_read(d, load_be32(d->cd.cdb + 2), load_be32(d->cd.cdb + 6), 0);
}

/* Whether the parts that READ CD's byte 9 asks for follow each other in a mode 1 frame. */
static bool frame_parts_ok(uint8_t flags)
{
    unsigned sync = flags >> 7, header = flags >> 5 & 1, data = flags >> 4 & 1,
             parity = flags >> 3 & 1;
    unsigned parts = sync << 3 | header << 2 | data << 1 | parity;

    return !(flags & 7) && !(parts & (parts + (parts & -parts)));
}

static void read_cd(struct ide_device *d)
{
    const uint8_t *cdb = d->cd.cdb;
    uint32_t lba = load_be32(cdb + 2), count = load_be32(cdb + 5) & 0xffffff;
    unsigned type = cdb[1] >> 2 & 7;
    uint8_t flags = cdb[9];

    if (type != 0 && type != 2) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x64, 0); /* illegal mode for this track */
    } else if (!frame_parts_ok(flags) || (cdb[10] & 7)) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
    } else if (!atapi_frame_size(flags)) {
        start_read(d, lba, 0, 0); /* checks the address, moves nothing */
    } else {
        start_read(d, lba, count, flags == 0x10 ? 0 : flags);
    }
}

static void test_unit_ready(struct ide_device *d)
{
    atapi_good(d);
}

static void seek(struct ide_device *d)
{
    uint32_t lba = load_be32(d->cd.cdb + 2);

    if (lba >= atapi_blocks(d)) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0);
        return;
    }
    d->cd.lba = lba;
    atapi_good(d);
}

static void request_sense(struct ide_device *d)
{
    struct atapi_state *cd = &d->cd;
    uint8_t *b = d->buf;

    if (!cd->sense_key && cd->attention_asc) {
        set_sense(d, SENSE_UNIT_ATTENTION, cd->attention_asc, 0);
        cd->attention_asc = 0;
    }
    memset(b, 0, 18);
    b[0] = 0x70;
    b[2] = cd->sense_key;
    b[7] = 10;
    b[12] = cd->asc;
    b[13] = cd->ascq;
    set_sense(d, 0, 0, 0);
    atapi_reply(d, 18, cd->cdb[4]);
}

static void prevent_allow(struct ide_device *d)
{
    d->drive->locked = d->cd.cdb[4] & 1;
    atapi_good(d);
}

static void move_tray(struct ide_device *d, bool open)
{
    struct drive *drive = d->drive;

    if (drive->tray_open == open) {
        return;
    }
    drive->tray_open = open;
    if (open) {
        d->cd.event = MEDIA_REMOVAL;
    } else if (drive->block) {
        d->cd.attention_asc = ASC_MEDIUM_CHANGED;
        d->cd.event = MEDIA_NEW;
    }
    ide_tray_moved(d, open);
}

void atapi_start_stop(struct ide_device *d)
{
    uint8_t how = d->cd.cdb[4];
    bool start = how & 1, load_eject = how & 2;

    if (how >> 4) { /* a power condition: idle, standby, sleep */
        if (how >> 4 == 2) {
            d->power = POWER_IDLE;
        } else if (how >> 4 == 3) {
            d->power = POWER_STANDBY;
        } else if (how >> 4 != 1) {
            atapi_check(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
            return;
        }
        atapi_good(d);
        return;
    }
    if (load_eject && !start && d->drive->locked && !d->drive->tray_open) {
        atapi_check(d, d->drive->block ? SENSE_ILLEGAL_REQUEST : SENSE_NOT_READY,
                    ASC_REMOVAL_PREVENTED, 2);
        return;
    }
    if (load_eject) {
        move_tray(d, !start);
    } else if (start && !atapi_has_medium(d)) {
        check_no_medium(d);
        return;
    }
    atapi_good(d);
}

/* The image is as fast as it is; the speed shows in no page. */
static void set_cd_speed(struct ide_device *d)
{
    atapi_good(d);
}

static const struct packet packets[256] = {
    [0x00] = {test_unit_ready, NEEDS_MEDIUM},
    [0x03] = {request_sense, PASSES_ATTENTION},
    [0x12] = {atapi_inquiry, PASSES_ATTENTION},
    [0x1b] = {atapi_start_stop, 0},
    [0x1e] = {prevent_allow, 0},
    [0x25] = {atapi_read_capacity, NEEDS_MEDIUM},
    [0x28] = {read_10, NEEDS_MEDIUM},
    [0x2b] = {seek, NEEDS_MEDIUM},
    [0x42] = {atapi_read_subchannel, NEEDS_MEDIUM},
    [0x43] = {atapi_read_toc, NEEDS_MEDIUM},
    [0x46] = {atapi_get_configuration, PASSES_ATTENTION},
    [0x4a] = {atapi_get_event_status, PASSES_ATTENTION},
    [0x51] = {atapi_read_disc_info, NEEDS_MEDIUM},
    [0x5a] = {atapi_mode_sense, 0},
    [0xa8] = {read_12, NEEDS_MEDIUM},
    [0xad] = {atapi_read_dvd_structure, NEEDS_MEDIUM},
    [0xbb] = {set_cd_speed, 0},
    [0xbd] = {atapi_mechanism_status, 0},
    [0xbe] = {read_cd, NEEDS_MEDIUM},
};

void atapi_packet_execute(struct ide_device *d)
{
    struct atapi_state *cd = &d->cd;
    const struct packet *p = &packets[cd->cdb[0]];

    d->status = STATUS_BSY;
    if (cd->attention_asc && !(p->flags & PASSES_ATTENTION)) {
        uint8_t asc = cd->attention_asc;

        cd->attention_asc = 0;
        atapi_check(d, SENSE_UNIT_ATTENTION, asc, 0);
        return;
    }
    if (!p->run) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_OPCODE, 0);
        return;
    }
    if ((p->flags & NEEDS_MEDIUM) && !atapi_has_medium(d)) {
        check_no_medium(d);
        return;
    }
    if (p->run != request_sense) {
        set_sense(d, 0, 0, 0);
    }
    p->run(d);
}

/* ---- ATA commands ---- */

static void packet(struct ide_device *d)
{
    if ((d->feature & 2) || ((d->feature & 1) && !d->channel->ops)) {
        ide_abort(d); /* overlapped, or DMA where there is none */
        return;
    }
    d->cd.dma = d->feature & 1;
    d->cd.byte_limit = (uint16_t)(d->lba_high << 8 | d->lba_mid);
    d->then = THEN_PACKET;
    d->buf_len = d->block_size = IDE_CDB_BYTES;
    ide_data_out(d, /* irq= */ false);
}

static void device_reset_command(struct ide_device *d)
{
    ide_begin_reset(d);
    ide_try_end_reset(d);
}

static void identify_packet(struct ide_device *d)
{
    uint8_t *id = d->buf;

    memset(id, 0, IDE_SECTOR);
    ide_put_word(id, 0, 0x8580 | 0x0040); /* ATAPI, CD, removable, DRQ in 50 us, 12-byte packets */
    ide_put_string(id + 20, d->serial, 20);
    ide_put_string(id + 46, d->version, 8);
    ide_put_string(id + 54, d->model, 40);
    ide_put_word(id, 49, 1 << 11 | 1 << 9 | (d->channel->ops ? 1 << 8 : 0)); /* IORDY, LBA, DMA */
    ide_put_word(id, 50, 1 << 14);
    ide_put_modes(d, id);
    ide_put_word(id, 80, 0x0070);                             /* ATA/ATAPI-4 to 6 */
    ide_put_word(id, 82, 1 << 14 | 1 << 9 | 1 << 4 | 1 << 3); /* NOP, RESET, PACKET, power */
    ide_put_word(id, 83, 1 << 14);
    ide_put_word(id, 84, 1 << 14);
    ide_put_word(id, 85, 1 << 14 | 1 << 9 | 1 << 4 | 1 << 3);
    ide_put_word(id, 87, 1 << 14);
    ide_put_checksum(id);
    d->then = THEN_END_SILENTLY;
    d->buf_len = d->block_size = IDE_SECTOR;
    ide_data_in(d);
}

/* Commands that tell an ATA driver that this is no disk: aborted with the signature. */
static void not_a_disk(struct ide_device *d)
{
    ide_set_signature(d);
    ide_abort(d);
}

static void idle(struct ide_device *d)
{
    ide_power_command(d, POWER_IDLE);
}

static void standby(struct ide_device *d)
{
    ide_power_command(d, POWER_STANDBY);
}

static void go_to_sleep(struct ide_device *d)
{
    ide_power_command(d, POWER_SLEEP);
}

static void set_features(struct ide_device *d)
{
    if (d->feature == 0x03) {
        ide_set_transfer_mode(d);
    } else {
        ide_abort(d);
    }
}

static const struct ide_command atapi_commands[256] = {
    [0x00] = {.run = ide_nop},         [0x08] = {.run = device_reset_command, .anytime = true},
    [0x20] = {.run = not_a_disk},      [0x90] = {.run = ide_execute_diagnostic},
    [0xa0] = {.run = packet},          [0xa1] = {.run = identify_packet},
    [0xe0] = {.run = standby},         [0xe1] = {.run = idle},
    [0xe5] = {.run = ide_check_power}, [0xe6] = {.run = go_to_sleep},
    [0xec] = {.run = not_a_disk},      [0xef] = {.run = set_features},
};

static void atapi_power_on(struct ide_device *d)
{
    d->cd = (struct atapi_state){.attention_asc = ASC_RESET};
    d->drive->locked = false;
}

static bool atapi_check_loaded(struct ide_device *d, GError **error)
{
    const struct atapi_state *cd = &d->cd;
    uint32_t n = d->host_len / IDE_CD_BLOCK;

    if (cd->event > MEDIA_REMOVAL ||
        (cd->raw_flags && (!frame_parts_ok(cd->raw_flags) || !atapi_frame_size(cd->raw_flags)))) {
        return fail(error, "values out of range");
    }
    if (cd->dma && !d->channel->ops) {
        return fail(error, "DMA without a bus master");
    }
    if (d->phase == PHASE_HOST &&
        (d->then != THEN_READ || d->host_op != HOST_READ || !n || n > cd->left ||
         d->host_len % IDE_CD_BLOCK || n * block_bytes(d) > IDE_BUF_BYTES)) {
        return fail(error, "request out of range");
    }
    return true;
}

const struct ide_kind ide_kind_atapi = {
    .commands = atapi_commands,
    .thens = THENS,
    .ready = 0,
    .signature_mid = 0x14,
    .signature_high = 0xeb,
    .power_on = atapi_power_on,
    .data_done = atapi_data_done,
    .block_starts = atapi_block_starts,
    .host_done = atapi_host_done,
    .check_loaded = atapi_check_loaded,
};
