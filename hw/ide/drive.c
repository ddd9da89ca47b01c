/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices "ide-hd" and "ide-cd": properties, life, saved state.
 *
 *     -drive if=none,id=d,file=disk.img -device ide-hd,drive=d,bus=ide.0,unit=0,bootindex=1
 *
 * Absent: sectors larger than 512 bytes (logical_block_size), other than as physical ones.
 */
#include "hw/core/bootindex.h"
#include "hw/core/prop_backend.h"
#include "hw/ide/device.h"

#include <string.h>

enum {
    MAX_CYLINDERS = 16383, /* what a larger disk reports, by convention */
    SERIAL_CHARS = 20,
    VERSION_CHARS = 8,
    MODEL_CHARS = 40,
};

static struct ide_device *from_dev(struct device *dev)
{
    return container_of(dev, struct ide_device, dev);
}

/* ---- realize ---- */

static bool check_text(const char *prop, const char *text, size_t max, GError **error)
{
    for (const char *c = text; *c; c++) {
        if (*c < ' ' || *c > '~') {
            return fail(error, "%s=%s: only printable ASCII is possible", prop, text);
        }
    }
    if (strlen(text) > max) {
        return fail(error, "%s=%s is longer than %zu characters", prop, text, max);
    }
    return true;
}

/* Fills in serial and model where the user gave none. */
static bool choose_names(struct ide_device *d, const char *model, GError **error)
{
    if (!d->serial) {
        d->serial = d->drive->serial
                        ? g_strdup(d->drive->serial)
                        : g_strdup_printf("VT%05u", d->channel->index * IDE_UNITS + d->unit + 1);
    }
    if (!d->model) {
        d->model = g_strdup(model);
    }
    if (!d->version) {
        d->version = g_strdup("1.0");
    }
    return check_text("serial", d->serial, SERIAL_CHARS, error) &&
           check_text("ver", d->version, VERSION_CHARS, error) &&
           check_text("model", d->model, MODEL_CHARS, error);
}

static bool choose_geometry(struct ide_device *d, GError **error)
{
    if (!d->cyls && !d->heads && !d->secs) {
        d->heads = 16;
        d->secs = 63;
        d->cyls = (uint32_t)CLAMP(d->sectors / (16 * 63), (uint64_t)2, (uint64_t)MAX_CYLINDERS);
        return true;
    }
    if (!d->cyls || !d->heads || !d->secs) {
        return fail(error, "cyls=, heads= and secs= go together");
    }
    if (d->cyls > 65535 || d->heads > 16 || d->secs > 255) {
        return fail(error, "cyls= goes to 65535, heads= to 16, secs= to 255");
    }
    return true;
}

static bool check_block_sizes(const struct ide_device *d, GError **error)
{
    if (d->logical_block_size != IDE_SECTOR) {
        return fail(error, "logical_block_size=%u: IDE disks here have 512", d->logical_block_size);
    }
    if (!is_power_of_2(d->physical_block_size) || d->physical_block_size < IDE_SECTOR) {
        return fail(error, "physical_block_size=%u: it is a power of two of at least 512",
                    d->physical_block_size);
    }
    return true;
}

static bool check_disk(const struct ide_device *d, GError **error)
{
    const struct drive *drive = d->drive;

    if (!drive) {
        return fail(error, "ide-hd needs a disk: -drive if=none,id=d,file=... and drive=d");
    }
    if (drive->is_cdrom || drive->interface == DRIVE_IF_FLOPPY) {
        return fail(error, "drive '%s' is removable, which an IDE disk is not (ide-cd is for CDs)",
                    drive->id);
    }
    if (!drive->block) {
        return fail(error, "drive '%s' has no image (file=)", drive->id);
    }
    if (block_is_read_only(drive->block)) {
        return fail(error,
                    "drive '%s' is read-only, which IDE disks cannot be; snapshot=on also leaves "
                    "the image unchanged",
                    drive->id);
    }
    if (d->write_cache == ON && block_is_write_through(drive->block)) {
        return fail(error, "write-cache=on contradicts the cache= of drive '%s'", drive->id);
    }
    return true;
}

/* What both devices do last. */
static bool attach(struct ide_device *d, void (*changed)(void *device, bool loaded), GError **error)
{
    if (!backend_attach_drive(d->drive, d, changed, error) ||
        !bootindex_add(d->dev.machine, d->bootindex, &d->dev, NULL, error)) {
        return false;
    }
    d->buf = g_malloc0(IDE_BUF_BYTES); /* PIO shows no stale bytes of ours */
    d->transfer_mode = 0x20 | 2;       /* as a BIOS leaves it: multiword DMA 2 */
    d->kind->power_on(d);
    machine_on(d->dev.machine, NOTICE_RUNNING, ide_host_running, d);
    return true;
}

static bool hd_realize(struct device *dev, GError **error)
{
    struct ide_device *d = from_dev(dev);

    if (!check_disk(d, error) || !choose_names(d, "VITRO HARDDISK", error) ||
        !check_block_sizes(d, error)) {
        return false;
    }
    d->kind = &ide_kind_ata;
    d->sectors = MIN(block_size(d->drive->block) / IDE_SECTOR, (1ULL << 48) - 1);
    d->ata.boot_max_lba = d->sectors;
    return choose_geometry(d, error) && attach(d, NULL, error);
}

static bool cd_realize(struct device *dev, GError **error)
{
    struct ide_device *d = from_dev(dev);

    if (!d->drive) { /* a drive that never has a medium */
        d->drive = g_new0(struct drive, 1);
        d->owns_drive = true;
        d->drive->is_cdrom = true;
    }
    if (!choose_names(d, "VITRO DVD-ROM", error)) {
        return false;
    }
    d->kind = &ide_kind_atapi;
    if (!attach(d, atapi_medium_changed, error)) {
        return false;
    }
    d->drive->is_cdrom = true; /* also when -drive said nothing of media=: people may eject */
    d->drive->eject_requested = atapi_eject_requested;
    return true;
}

/* Also undoes a half-done realize. */
static void ide_unrealize(struct device *dev)
{
    struct ide_device *d = from_dev(dev);

    bootindex_remove(dev->machine, dev);
    if (d->buf) {
        machine_off(dev->machine, NOTICE_RUNNING, ide_host_running, d);
    }
    if (d->request) {
        ide_host_cancel(d);
        d->phase = PHASE_RESETTING; /* the result does not matter */
        block_drain(d->drive->block);
    }
    if (d->drive && d->drive->device == d) {
        d->drive->eject_requested = NULL;
        d->drive->locked = false;
    }
    backend_detach_drive(d->drive, d);
    if (d->owns_drive) {
        g_clear_pointer(&d->drive, g_free);
        d->owns_drive = false;
    }
    g_clear_pointer(&d->buf, g_free);
}

static void ide_device_reset(struct device *dev)
{
    struct ide_device *d = from_dev(dev);

    ide_begin_reset(d);
    d->feature = d->buf_len = d->buf_pos = d->block_end = 0;
    d->then = 0;
    d->transfer_mode = 0x20 | 2;
    d->kind->power_on(d);
    ide_try_end_reset(d);
}

/* ---- for boards ---- */

bool ide_unit_geometry(const struct ide_channel *ch, unsigned unit, struct ide_geometry *ret)
{
    const struct ide_device *d = unit < IDE_UNITS ? ch->units[unit] : NULL;

    if (!d || d->kind != &ide_kind_ata) {
        return false;
    }
    ret->cylinders = (uint16_t)d->cyls;
    ret->heads = (uint8_t)d->heads;
    ret->sectors = (uint8_t)d->secs;
    ret->translation = d->cyls > 1024 || d->secs > 63;
    return true;
}

bool ide_create_drives(struct machine *m, struct ide_channel *ch, int bus_nr, GError **error)
{
    for (int unit = 0; m->blocks && unit < IDE_UNITS; unit++) {
        struct drive *drive = drive_at(m->blocks, DRIVE_IF_IDE, bus_nr, unit);
        const char *unit_text = unit ? "1" : "0";
        struct device *dev;

        if (!drive || drive->device) {
            continue;
        }
        dev = device_new(m, drive->is_cdrom ? "ide-cd" : "ide-hd", error);
        if (!dev) {
            return false;
        }
        if (!device_set(dev, "drive", drive->id, error) ||
            !device_set(dev, "unit", unit_text, error) || !device_realize(dev, &ch->bus, error)) {
            device_free(dev);
            return false;
        }
    }
    return true;
}

/* ---- saved state ---- */

/* The part of buf that a later step needs. */
static uint32_t saved_bytes(const struct ide_device *d)
{
    bool used = d->phase != PHASE_IDLE && d->phase != PHASE_RESETTING;

    return used ? MAX(d->buf_len, d->host_op == HOST_DISCARD ? 0 : d->host_len) : 0;
}

static void save_buf(const void *base, GByteArray *out)
{
    const struct ide_device *d = base;
    uint32_t n = saved_bytes(d);

    state_write_u32(out, n);
    state_write_bytes(out, d->buf, n);
}

static bool load_buf(void *base, struct state_reader *in, GError **error)
{
    struct ide_device *d = base;
    uint32_t n;

    if (!state_read_u32(in, &n, error)) {
        return false;
    }
    if (n > IDE_BUF_BYTES) {
        return fail(error, "IDE unit: a buffer of %u bytes", n);
    }
    return state_read_bytes(in, d->buf, n, error);
}

/* How far the transfer has come is within buf; nothing is in flight after loading. */
static bool check_transfer(const struct ide_device *d, GError **error)
{
    bool moving = d->phase == PHASE_PIO_IN || d->phase == PHASE_PIO_OUT || d->phase == PHASE_DMA;

    if (d->phase >= PHASES || d->then >= d->kind->thens || d->host_op >= HOST_OPS ||
        d->power >= POWERS || d->buf_len > IDE_BUF_BYTES || d->buf_pos > d->buf_len ||
        (d->host_op != HOST_DISCARD && d->host_len > IDE_BUF_BYTES) ||
        d->block_size > IDE_BUF_BYTES || (moving && d->buf_pos == d->buf_len) ||
        ((d->phase == PHASE_DMA || d->dma) && !d->channel->ops)) {
        return fail(error, "IDE unit: transfer out of range");
    }
    if ((d->phase == PHASE_PIO_IN || d->phase == PHASE_PIO_OUT) &&
        (!d->block_size || d->block_end <= d->buf_pos || d->block_end > d->buf_len)) {
        return fail(error, "IDE unit: data block out of range");
    }
    if ((d->phase == PHASE_HOST) != d->retry) {
        return fail(error, "IDE unit: a request in flight cannot be loaded");
    }
    return true;
}

static bool device_post_load(void *base, unsigned version G_GNUC_UNUSED, GError **error)
{
    struct ide_device *d = base;

    return check_transfer(d, error) && d->kind->check_loaded(d, error);
}

static const struct state_field ata_fields[] = {
    STATE_U32(struct ata_state, left),
    STATE_U64(struct ata_state, lba),
    STATE_U64(struct ata_state, max_lba),
    STATE_U64(struct ata_state, boot_max_lba),
    STATE_U16(struct ata_state, trim_pos),
    STATE_U8(struct ata_state, heads),
    STATE_U8(struct ata_state, spt),
    STATE_U8(struct ata_state, multiple),
    STATE_U8(struct ata_state, last_command),
    STATE_BOOL(struct ata_state, ext),
    STATE_BOOL(struct ata_state, flush_after),
    STATE_BOOL(struct ata_state, write_cache),
    STATE_BOOL(struct ata_state, look_ahead),
    STATE_BOOL(struct ata_state, smart_enabled),
    STATE_BOOL(struct ata_state, smart_autosave),
    STATE_U8(struct ata_state, self_tests),
    STATE_BYTES(struct ata_state, self_test_types),
    STATE_U8(struct ata_state, self_test_next),
    {0},
};

static const struct state_table ata_table = {
    .name = "ata",
    .version = 1,
    .fields = ata_fields,
};

static const struct state_field cd_fields[] = {
    STATE_BYTES(struct atapi_state, cdb),        STATE_U8(struct atapi_state, sense_key),
    STATE_U8(struct atapi_state, asc),           STATE_U8(struct atapi_state, ascq),
    STATE_U8(struct atapi_state, attention_asc), STATE_U8(struct atapi_state, event),
    STATE_BOOL(struct atapi_state, dma),         STATE_U16(struct atapi_state, byte_limit),
    STATE_U32(struct atapi_state, lba),          STATE_U32(struct atapi_state, left),
    STATE_U8(struct atapi_state, raw_flags),     {0},
};

static const struct state_table cd_table = {
    .name = "atapi",
    .version = 1,
    .fields = cd_fields,
};

/* The tray belongs to the drive, but the guest moves and locks it. */
static void save_tray(const void *base, GByteArray *out)
{
    const struct ide_device *d = base;

    state_write_u32(out, (d->drive->tray_open ? 1 : 0) | (d->drive->locked ? 2 : 0));
}

static bool load_tray(void *base, struct state_reader *in, GError **error)
{
    struct ide_device *d = base;
    uint32_t bits;

    if (!state_read_u32(in, &bits, error)) {
        return false;
    }
    if (bits > 3) {
        return fail(error, "IDE unit: tray state %u", bits);
    }
    d->drive->tray_open = bits & 1;
    d->drive->locked = bits & 2;
    return true;
}

static const struct state_field device_fields[] = {
    STATE_U8(struct ide_device, feature),
    STATE_U8(struct ide_device, nsector),
    STATE_U8(struct ide_device, lba_low),
    STATE_U8(struct ide_device, lba_mid),
    STATE_U8(struct ide_device, lba_high),
    STATE_U8(struct ide_device, hob_feature),
    STATE_U8(struct ide_device, hob_nsector),
    STATE_U8(struct ide_device, hob_low),
    STATE_U8(struct ide_device, hob_mid),
    STATE_U8(struct ide_device, hob_high),
    STATE_U8(struct ide_device, device),
    STATE_U8(struct ide_device, status),
    STATE_U8(struct ide_device, error),
    STATE_BOOL(struct ide_device, intrq),
    STATE_U8(struct ide_device, phase),
    STATE_U8(struct ide_device, then),
    STATE_U8(struct ide_device, host_op),
    STATE_BOOL(struct ide_device, dma),
    STATE_BOOL(struct ide_device, to_guest),
    STATE_BOOL(struct ide_device, retry),
    STATE_U32(struct ide_device, buf_len),
    STATE_U32(struct ide_device, buf_pos),
    STATE_U32(struct ide_device, block_end),
    STATE_U32(struct ide_device, block_size),
    STATE_U64(struct ide_device, host_offset),
    STATE_U32(struct ide_device, host_len),
    STATE_U8(struct ide_device, power),
    STATE_U8(struct ide_device, transfer_mode),
    STATE_STRUCT(struct ide_device, ata, ata_table),
    STATE_STRUCT(struct ide_device, cd, cd_table),
    STATE_CUSTOM("tray", save_tray, load_tray),
    STATE_CUSTOM("buf", save_buf, load_buf),
    {0},
};

const struct state_table ide_device_state = {
    .name = "ide-device",
    .version = 1,
    .fields = device_fields,
    .post_load = device_post_load,
};

/* ---- types ---- */

#define COMMON_PROPS                                                                               \
    PROP_DRIVE(struct ide_device, drive, "drive"),                                                 \
        PROP_STRING(struct ide_device, serial, "serial", NULL, "serial number"),                   \
        PROP_STRING(struct ide_device, version, "ver", NULL, "firmware version"),                  \
        PROP_STRING(struct ide_device, model, "model", NULL, "model"),                             \
        PROP_I32(struct ide_device, bootindex, "bootindex", -1,                                    \
                 "place in the boot order, from 0; -1: none")

static const struct property hd_props[] = {
    COMMON_PROPS,
    PROP_U64(struct ide_device, wwn, "wwn", 0, "world wide name; 0: none"),
    PROP_U16(struct ide_device, logical_block_size, "logical_block_size", IDE_SECTOR,
             "bytes per sector"),
    PROP_U16(struct ide_device, physical_block_size, "physical_block_size", IDE_SECTOR,
             "bytes that the disk writes at once"),
    PROP_U32(struct ide_device, cyls, "cyls", 0, "cylinders; 0: by size"),
    PROP_U32(struct ide_device, heads, "heads", 0, "heads; 0: by size"),
    PROP_U32(struct ide_device, secs, "secs", 0, "sectors per track; 0: by size"),
    PROP_U16(struct ide_device, rotation_rate, "rotation_rate", 0,
             "revolutions per minute; 1: solid state, 0: not reported"),
    PROP_ON_OFF_AUTO(struct ide_device, write_cache, "write-cache", AUTO,
                     "volatile write cache; auto: as the drive's cache= says"),
    {0},
};

static const struct property cd_props[] = {
    COMMON_PROPS,
    {0},
};

static const struct device_type ide_hd = {
    .name = "ide-hd",
    .description = "IDE disk",
    .category = DEVICE_STORAGE,
    .flags = DEVICE_NO_HOTPLUG,
    .bus = BUS_IDE,
    .size = sizeof(struct ide_device),
    .props = hd_props,
    .state = &ide_device_state,
    .realize = hd_realize,
    .unrealize = ide_unrealize,
    .reset = ide_device_reset,
};
DEVICE_TYPE(ide_hd);

static const struct device_type ide_cd = {
    .name = "ide-cd",
    .description = "IDE CD and DVD drive",
    .category = DEVICE_STORAGE,
    .flags = DEVICE_NO_HOTPLUG,
    .bus = BUS_IDE,
    .size = sizeof(struct ide_device),
    .props = cd_props,
    .state = &ide_device_state,
    .realize = cd_realize,
    .unrealize = ide_unrealize,
    .reset = ide_device_reset,
};
DEVICE_TYPE(ide_cd);
