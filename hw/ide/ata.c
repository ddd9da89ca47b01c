/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATA commands of a disk.
 *
 * AT Attachment - 6 (INCITS 361) clause 8, DATA SET MANAGEMENT and WRITE ... FUA from ATA/ATAPI-8
 * ACS. A command's sectors pass through buf in chunks: image to buf, buf to guest, and so on.
 *
 * A write reports success when the image has it, and with the write cache disabled (SET FEATURES
 * 82h, cache=writethrough, write-cache=off) when a flush after it has ended.
 *
 * Absent, and aborted: security, streaming, device configuration overlay, general purpose logging,
 * microcode, tagged queueing, advanced power management, READ and WRITE BUFFER, SET MAX passwords.
 */
#include "hw/ide/device.h"

#include "util/bytes.h"
#include <errno.h>

enum {
    CHUNK_SECTORS = IDE_BUF_BYTES / IDE_SECTOR,
    TRIM_ENTRIES = IDE_SECTOR / 8,
    CMD_READ_NATIVE_MAX = 0xf8,
    CMD_READ_NATIVE_MAX_EXT = 0x27,
};

enum then {
    THEN_END_SILENTLY, /* data for the guest: no interrupt at the end of a PIO command */
    THEN_END,
    THEN_READ,
    THEN_WRITE,
    THEN_VERIFY,
    THEN_TRIM_LIST,
    THEN_TRIM,
    THENS,
};

/* How a read or write command differs from others. */
enum rw_flags {
    RW_EXT = 1 << 0, /* 48-bit */
    RW_DMA = 1 << 1,
    RW_MULTIPLE = 1 << 2,
    RW_FUA = 1 << 3,
};

/* ---- addresses ---- */

static uint32_t sector_count(const struct ide_device *d, bool ext)
{
    uint32_t n = ext ? (uint32_t)d->hob_nsector << 8 | d->nsector : d->nsector;

    return n ? n : ext ? 65536 : 256;
}

static uint64_t lba28(const struct ide_device *d)
{
    return (uint32_t)(d->device & 0x0f) << 24 | (uint32_t)d->lba_high << 16 |
           (uint32_t)d->lba_mid << 8 | d->lba_low;
}

static uint64_t lba48(const struct ide_device *d)
{
    return (uint64_t)d->hob_high << 40 | (uint64_t)d->hob_mid << 32 | (uint64_t)d->hob_low << 24 |
           (uint64_t)d->lba_high << 16 | (uint64_t)d->lba_mid << 8 | d->lba_low;
}

/* The sector that the registers name; UINT64_MAX when there is none such. */
static uint64_t get_lba(const struct ide_device *d, bool ext)
{
    uint32_t cylinder = (uint32_t)d->lba_high << 8 | d->lba_mid;
    uint8_t head = d->device & 0x0f;

    if (ext) {
        return lba48(d);
    }
    if (d->device & DEVICE_LBA) {
        return lba28(d);
    }
    if (d->lba_low == 0 || d->lba_low > d->ata.spt || head >= d->ata.heads) {
        return UINT64_MAX;
    }
    return ((uint64_t)cylinder * d->ata.heads + head) * d->ata.spt + d->lba_low - 1;
}

static void put_lba48(struct ide_device *d, uint64_t lba)
{
    d->lba_low = (uint8_t)lba;
    d->lba_mid = (uint8_t)(lba >> 8);
    d->lba_high = (uint8_t)(lba >> 16);
    d->hob_low = (uint8_t)(lba >> 24);
    d->hob_mid = (uint8_t)(lba >> 32);
    d->hob_high = (uint8_t)(lba >> 40);
}

static void put_lba28(struct ide_device *d, uint32_t lba)
{
    d->lba_low = (uint8_t)lba;
    d->lba_mid = (uint8_t)(lba >> 8);
    d->lba_high = (uint8_t)(lba >> 16);
    d->device = (d->device & 0xf0) | (lba >> 24 & 0x0f);
}

static void put_chs(struct ide_device *d, uint64_t lba)
{
    uint64_t cylinder = lba / (d->ata.heads * d->ata.spt);

    d->lba_low = (uint8_t)(lba % d->ata.spt + 1);
    d->device = (d->device & 0xf0) | (uint8_t)(lba / d->ata.spt % d->ata.heads);
    d->lba_mid = (uint8_t)cylinder;
    d->lba_high = (uint8_t)(cylinder >> 8);
}

/* Ends the command with an error in sector @lba. */
static void sector_error(struct ide_device *d, uint64_t lba, uint8_t error)
{
    if (d->ata.ext) {
        put_lba48(d, lba);
    } else if (d->device & DEVICE_LBA) {
        put_lba28(d, (uint32_t)lba);
    } else {
        put_chs(d, lba);
    }
    ide_end_error(d, error);
}

/* Takes the range from the registers; false when the command has ended with an error. */
static bool take_range(struct ide_device *d, bool ext)
{
    d->ata.ext = ext;
    d->ata.left = sector_count(d, ext);
    d->ata.lba = get_lba(d, ext);
    if (d->ata.lba >= d->ata.max_lba || d->ata.left > d->ata.max_lba - d->ata.lba) {
        ide_end_error(d, ERROR_IDNF);
        return false;
    }
    return true;
}

/* ---- reading, writing, verifying ---- */

static uint32_t chunk(const struct ide_device *d)
{
    return MIN(d->ata.left, (uint32_t)CHUNK_SECTORS);
}

static void host_chunk(struct ide_device *d, enum ide_host_op op)
{
    d->buf_len = chunk(d) * IDE_SECTOR;
    ide_host(d, op, d->ata.lba * IDE_SECTOR, d->buf_len);
}

static void want_chunk(struct ide_device *d, bool irq)
{
    d->buf_len = chunk(d) * IDE_SECTOR;
    ide_data_out(d, irq);
}

static void chunk_over(struct ide_device *d)
{
    uint32_t n = d->host_len / IDE_SECTOR;

    d->ata.lba += n;
    d->ata.left -= n;
}

static bool start_rw(struct ide_device *d, enum rw_flags flags)
{
    if ((flags & RW_MULTIPLE) && !d->ata.multiple) {
        ide_abort(d);
        return false;
    }
    if (!take_range(d, flags & RW_EXT)) {
        return false;
    }
    d->dma = flags & RW_DMA;
    d->block_size = IDE_SECTOR * (flags & RW_MULTIPLE ? d->ata.multiple : 1);
    d->ata.flush_after =
        ((flags & RW_FUA) || !d->ata.write_cache) && !block_is_write_through(d->drive->block);
    if (d->dma && !d->channel->ops) {
        ide_abort(d);
        return false;
    }
    return true;
}

static void start_read(struct ide_device *d, enum rw_flags flags)
{
    if (start_rw(d, flags)) {
        d->then = THEN_READ;
        host_chunk(d, HOST_READ);
    }
}

static void start_write(struct ide_device *d, enum rw_flags flags)
{
    if (start_rw(d, flags)) {
        d->then = THEN_WRITE;
        want_chunk(d, /* irq= */ false);
    }
}

static void start_verify(struct ide_device *d, bool ext)
{
    if (take_range(d, ext)) {
        d->then = THEN_VERIFY;
        host_chunk(d, HOST_READ);
    }
}

static void start_flush(struct ide_device *d)
{
    d->then = THEN_END;
    ide_host(d, HOST_FLUSH, 0, 0);
}

static void write_chunk_over(struct ide_device *d)
{
    chunk_over(d);
    if (d->ata.left) {
        want_chunk(d, /* irq= */ true);
    } else if (d->ata.flush_after) {
        start_flush(d);
    } else {
        ide_end(d, /* irq= */ true);
    }
}

/* ---- TRIM ---- */

/* Discards the next range of the list in buf that is not empty. */
static void next_trim(struct ide_device *d)
{
    while (d->ata.trim_pos < d->buf_len / 8) {
        uint64_t entry = load_le64(d->buf + 8 * d->ata.trim_pos);
        uint64_t lba = bits_get(entry, 0, 48), n = entry >> 48;

        d->ata.trim_pos++;
        if (!n) {
            continue;
        }
        if (lba >= d->ata.max_lba || n > d->ata.max_lba - lba) {
            ide_end_error(d, ERROR_IDNF);
            return;
        }
        d->then = THEN_TRIM;
        ide_host(d, HOST_DISCARD, lba * IDE_SECTOR, (uint32_t)n * IDE_SECTOR);
        return;
    }
    ide_end(d, /* irq= */ true);
}

static void data_set_management(struct ide_device *d)
{
    uint32_t blocks = (uint32_t)d->hob_nsector << 8 | d->nsector;

    if (d->feature != 1 || !block_can_discard(d->drive->block) || !d->channel->ops || !blocks ||
        blocks > IDE_MAX_TRIM_BLOCKS) {
        ide_abort(d);
        return;
    }
    d->dma = true;
    d->ata.trim_pos = 0;
    d->then = THEN_TRIM_LIST;
    d->buf_len = blocks * IDE_SECTOR;
    ide_data_out(d, /* irq= */ false);
}

/* ---- going on ---- */

static void ata_data_done(struct ide_device *d)
{
    switch (d->then) {
    case THEN_READ:
        if (d->ata.left) {
            host_chunk(d, HOST_READ);
        } else {
            ide_end(d, /* irq= */ d->dma);
        }
        break;
    case THEN_WRITE:
        host_chunk(d, HOST_WRITE);
        break;
    case THEN_TRIM_LIST:
        next_trim(d);
        break;
    default:
        ide_end(d, /* irq= */ d->then == THEN_END);
        break;
    }
}

static void host_failed(struct ide_device *d, int ret)
{
    if (ret == -ENOMEDIUM || d->host_op == HOST_FLUSH || d->host_op == HOST_DISCARD) {
        ide_abort(d);
    } else if (d->host_op == HOST_READ) {
        sector_error(d, d->ata.lba, ERROR_UNC);
    } else {
        sector_error(d, d->ata.lba, ERROR_ABRT);
    }
}

static void ata_host_done(struct ide_device *d, int ret)
{
    if (ret < 0) {
        host_failed(d, ret);
        return;
    }
    switch (d->then) {
    case THEN_READ:
        chunk_over(d);
        ide_data_in(d);
        break;
    case THEN_WRITE:
        write_chunk_over(d);
        break;
    case THEN_VERIFY:
        chunk_over(d);
        if (d->ata.left) {
            host_chunk(d, HOST_READ);
        } else {
            ide_end(d, /* irq= */ true);
        }
        break;
    case THEN_TRIM:
        next_trim(d);
        break;
    default:
        ide_end(d, /* irq= */ true);
        break;
    }
}

/* ---- read and write commands ---- */

static void read_sectors(struct ide_device *d)
{
    start_read(d, 0);
}

static void read_sectors_ext(struct ide_device *d)
{
    start_read(d, RW_EXT);
}

static void read_multiple(struct ide_device *d)
{
    start_read(d, RW_MULTIPLE);
}

static void read_multiple_ext(struct ide_device *d)
{
    start_read(d, RW_MULTIPLE | RW_EXT);
}

static void read_dma(struct ide_device *d)
{
    start_read(d, RW_DMA);
}

static void read_dma_ext(struct ide_device *d)
{
    start_read(d, RW_DMA | RW_EXT);
}

static void write_sectors(struct ide_device *d)
{
    start_write(d, 0);
}

static void write_sectors_ext(struct ide_device *d)
{
    start_write(d, RW_EXT);
}

static void write_multiple(struct ide_device *d)
{
    start_write(d, RW_MULTIPLE);
}

static void write_multiple_ext(struct ide_device *d)
{
    start_write(d, RW_MULTIPLE | RW_EXT);
}

static void write_multiple_fua_ext(struct ide_device *d)
{
    start_write(d, RW_MULTIPLE | RW_EXT | RW_FUA);
}

static void write_dma(struct ide_device *d)
{
    start_write(d, RW_DMA);
}

static void write_dma_ext(struct ide_device *d)
{
    start_write(d, RW_DMA | RW_EXT);
}

static void write_dma_fua_ext(struct ide_device *d)
{
    start_write(d, RW_DMA | RW_EXT | RW_FUA);
}

static void verify(struct ide_device *d)
{
    start_verify(d, /* ext= */ false);
}

static void verify_ext(struct ide_device *d)
{
    start_verify(d, /* ext= */ true);
}

/* ---- geometry, capacity ---- */

static void recalibrate(struct ide_device *d)
{
    ide_end(d, /* irq= */ true);
}

static void seek(struct ide_device *d)
{
    if (get_lba(d, /* ext= */ false) >= d->ata.max_lba) {
        ide_end_error(d, ERROR_IDNF);
    } else {
        ide_end(d, /* irq= */ true);
    }
}

static void initialize_parameters(struct ide_device *d)
{
    if (!d->nsector) {
        ide_abort(d);
        return;
    }
    d->ata.spt = d->nsector;
    d->ata.heads = (d->device & 0x0f) + 1;
    ide_end(d, /* irq= */ true);
}

static void set_multiple(struct ide_device *d)
{
    if (d->nsector > IDE_MAX_MULTIPLE || (d->nsector && !is_power_of_2(d->nsector))) {
        ide_abort(d);
        return;
    }
    d->ata.multiple = d->nsector;
    ide_end(d, /* irq= */ true);
}

static void read_native_max(struct ide_device *d)
{
    if (!(d->device & DEVICE_LBA)) {
        ide_abort(d);
        return;
    }
    put_lba28(d, (uint32_t)MIN(d->sectors - 1, (1U << 28) - 1));
    ide_end(d, /* irq= */ true);
}

static void read_native_max_ext(struct ide_device *d)
{
    if (!(d->device & DEVICE_LBA)) {
        ide_abort(d);
        return;
    }
    put_lba48(d, d->sectors - 1);
    ide_end(d, /* irq= */ true);
}

/* What is set lasts until the next power-on reset, or with @keep until the process ends. */
static void set_max_to(struct ide_device *d, uint64_t last_lba, bool keep)
{
    if (last_lba >= d->sectors) {
        ide_end_error(d, ERROR_IDNF);
        return;
    }
    d->ata.max_lba = last_lba + 1;
    if (keep) {
        d->ata.boot_max_lba = d->ata.max_lba;
    }
    ide_end(d, /* irq= */ true);
}

static void set_max(struct ide_device *d)
{
    if (d->ata.last_command != CMD_READ_NATIVE_MAX || d->feature != 0 ||
        !(d->device & DEVICE_LBA)) {
        ide_abort(d);
        return;
    }
    set_max_to(d, lba28(d), d->nsector & 1);
}

static void set_max_ext(struct ide_device *d)
{
    if (d->ata.last_command != CMD_READ_NATIVE_MAX_EXT || !(d->device & DEVICE_LBA)) {
        ide_abort(d);
        return;
    }
    set_max_to(d, lba48(d), d->nsector & 1);
}

/* ---- power, features ---- */

/* The write cache goes to the medium before the disk rests. */
static void rest(struct ide_device *d, enum ide_power power)
{
    d->power = power;
    start_flush(d);
}

static void idle(struct ide_device *d)
{
    ide_power_command(d, POWER_IDLE);
}

static void standby(struct ide_device *d)
{
    rest(d, POWER_STANDBY);
}

static void go_to_sleep(struct ide_device *d)
{
    rest(d, POWER_SLEEP);
}

static void set_features(struct ide_device *d)
{
    switch (d->feature) {
    case 0x02:
        if (block_is_write_through(d->drive->block)) {
            ide_abort(d);
            return;
        }
        d->ata.write_cache = true;
        break;
    case 0x82:
        d->ata.write_cache = false;
        start_flush(d);
        return;
    case 0x03:
        ide_set_transfer_mode(d);
        return;
    case 0x55:
        d->ata.look_ahead = false;
        break;
    case 0xaa:
        d->ata.look_ahead = true;
        break;
    case 0x66: /* a software reset keeps the settings: it always does, so CCh is aborted */
        break;
    default:
        ide_abort(d);
        return;
    }
    ide_end(d, /* irq= */ true);
}

static const struct ide_command ata_commands[256] = {
    [0x00] = {.run = ide_nop},
    [0x06] = {.run = data_set_management},
    [0x10 ... 0x1f] = {.run = recalibrate},
    [0x20] = {.run = read_sectors},
    [0x21] = {.run = read_sectors},
    [0x24] = {.run = read_sectors_ext},
    [0x25] = {.run = read_dma_ext},
    [0x27] = {.run = read_native_max_ext},
    [0x29] = {.run = read_multiple_ext},
    [0x30] = {.run = write_sectors},
    [0x31] = {.run = write_sectors},
    [0x34] = {.run = write_sectors_ext},
    [0x35] = {.run = write_dma_ext},
    [0x37] = {.run = set_max_ext},
    [0x39] = {.run = write_multiple_ext},
    [0x3d] = {.run = write_dma_fua_ext},
    [0x40] = {.run = verify},
    [0x41] = {.run = verify},
    [0x42] = {.run = verify_ext},
    [0x70 ... 0x7f] = {.run = seek},
    [0x90] = {.run = ide_execute_diagnostic},
    [0x91] = {.run = initialize_parameters},
    [0x94] = {.run = standby},
    [0x95] = {.run = idle},
    [0x96] = {.run = standby},
    [0x97] = {.run = idle},
    [0x98] = {.run = ide_check_power},
    [0x99] = {.run = go_to_sleep},
    [0xb0] = {.run = ata_smart},
    [0xc4] = {.run = read_multiple},
    [0xc5] = {.run = write_multiple},
    [0xc6] = {.run = set_multiple},
    [0xc8] = {.run = read_dma},
    [0xc9] = {.run = read_dma},
    [0xca] = {.run = write_dma},
    [0xcb] = {.run = write_dma},
    [0xce] = {.run = write_multiple_fua_ext},
    [0xe0] = {.run = standby},
    [0xe1] = {.run = idle},
    [0xe2] = {.run = standby},
    [0xe3] = {.run = idle},
    [0xe5] = {.run = ide_check_power},
    [0xe6] = {.run = go_to_sleep},
    [0xe7] = {.run = start_flush},
    [0xea] = {.run = start_flush},
    [0xec] = {.run = ata_identify},
    [0xef] = {.run = set_features},
    [0xf8] = {.run = read_native_max},
    [0xf9] = {.run = set_max},
};

static void ata_power_on(struct ide_device *d)
{
    struct ata_state *a = &d->ata;

    a->heads = (uint8_t)d->heads;
    a->spt = (uint8_t)d->secs;
    a->multiple = IDE_MAX_MULTIPLE;
    a->max_lba = a->boot_max_lba;
    a->write_cache = d->write_cache == ON ||
                     (d->write_cache == AUTO && !block_is_write_through(d->drive->block));
    a->look_ahead = a->smart_enabled = a->smart_autosave = true;
    a->last_command = 0;
    a->left = 0;
}

static bool ata_check_loaded(struct ide_device *d, GError **error)
{
    const struct ata_state *a = &d->ata;

    if (!a->heads || a->heads > 16 || !a->spt || a->multiple > IDE_MAX_MULTIPLE ||
        a->max_lba > d->sectors || !a->max_lba || a->boot_max_lba > d->sectors ||
        !a->boot_max_lba || a->left > 65536 || a->trim_pos > IDE_MAX_TRIM_BLOCKS * TRIM_ENTRIES ||
        a->self_tests > IDE_SELF_TESTS || a->self_test_next >= IDE_SELF_TESTS) {
        return fail(error, "values out of range");
    }
    if (d->phase == PHASE_IDLE || d->phase == PHASE_RESETTING ||
        (d->then != THEN_READ && d->then != THEN_WRITE && d->then != THEN_VERIFY)) {
        return true;
    }
    if (a->lba > d->sectors || a->left > d->sectors - a->lba || (!d->dma && !d->block_size)) {
        return fail(error, "sectors out of range");
    }
    if (d->phase == PHASE_HOST &&
        (d->host_op != (d->then == THEN_WRITE ? HOST_WRITE : HOST_READ) || !d->host_len ||
         d->host_len % IDE_SECTOR || d->host_len / IDE_SECTOR > a->left ||
         d->buf_len != d->host_len)) {
        return fail(error, "request out of range");
    }
    return true;
}

const struct ide_kind ide_kind_ata = {
    .commands = ata_commands,
    .thens = THENS,
    .ready = STATUS_READY,
    .power_on = ata_power_on,
    .data_done = ata_data_done,
    .host_done = ata_host_done,
    .check_loaded = ata_check_loaded,
};
