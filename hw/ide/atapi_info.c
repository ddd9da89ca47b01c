/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that describe a CD drive and its medium.
 *
 * MMC-5 (INCITS 430); the paragraph of each reply's layout stands at its function. All replies
 * are built in buf, which is larger than any of them, and cut to the packet's allocation length.
 */
#include "hw/ide/device.h"

#include "util/bytes.h"
#include <string.h>

enum {
    LEAD_OUT = 0xaa,
    TRACK_CONTROL = 0x14, /* ADR 1, data track */
    LEAD_IN_FRAMES = 150,
    DVD_FIRST_SECTOR = 0x30000,
    SPEED_KB = 8467, /* 48 times 176 kB/s */
    PROFILE_CD_ROM = 0x08,
    PROFILE_DVD_ROM = 0x10,
};

static void invalid_field(struct ide_device *d)
{
    atapi_check(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
}

static void put_msf(uint8_t *p, uint32_t lba)
{
    uint32_t at = lba + LEAD_IN_FRAMES;

    p[0] = (uint8_t)(at / 75 / 60);
    p[1] = (uint8_t)(at / 75 % 60);
    p[2] = (uint8_t)(at % 75);
}

/* Four bytes: an address as block number, or as minute, second, frame. */
static void put_address(uint8_t *p, uint32_t lba, bool msf)
{
    if (msf) {
        p[0] = 0;
        put_msf(p + 1, lba);
    } else {
        store_be32(p, lba);
    }
}

static void put_padded(uint8_t *p, const char *text, size_t len)
{
    size_t n = MIN(strlen(text), len);

    memset(p, ' ', len);
    memcpy(p, text, n);
}

/* ---- the drive ---- */

/* SPC-3 7.6: the vital product data pages 00h and 80h. */
static void inquiry_page(struct ide_device *d)
{
    const uint8_t *cdb = d->cd.cdb;
    size_t serial = strlen(d->serial);
    uint8_t *b = d->buf;

    memset(b, 0, 64);
    b[0] = 0x05;
    b[1] = cdb[2];
    switch (cdb[2]) {
    case 0x00:
        b[3] = 2;
        b[5] = 0x80;
        break;
    case 0x80:
        b[3] = (uint8_t)serial;
        memcpy(b + 4, d->serial, serial);
        break;
    default:
        invalid_field(d);
        return;
    }
    atapi_reply(d, 4U + b[3], load_be16(cdb + 3));
}

void atapi_inquiry(struct ide_device *d)
{
    const uint8_t *cdb = d->cd.cdb;
    uint8_t *b = d->buf;

    if (cdb[1] & 1) {
        inquiry_page(d);
        return;
    }
    if (cdb[2]) {
        invalid_field(d);
        return;
    }
    memset(b, 0, 36);
    b[0] = 0x05; /* CD or DVD */
    b[1] = 0x80; /* removable */
    b[3] = 0x21; /* ATAPI's version and response format */
    b[4] = 31;
    put_padded(b + 8, "VITRO", 8);
    put_padded(b + 16, d->model, 16);
    put_padded(b + 32, d->version, 4);
    atapi_reply(d, 36, load_be16(cdb + 3));
}

/* 7.2: read error recovery */
static size_t put_page_01(const struct ide_device *d G_GNUC_UNUSED, uint8_t *p)
{
    memset(p, 0, 8);
    p[0] = 0x01;
    p[1] = 6;
    p[3] = 5; /* retries */
    return 8;
}

/* SPC-3 7.4.12: power condition */
static size_t put_page_1a(const struct ide_device *d G_GNUC_UNUSED, uint8_t *p)
{
    memset(p, 0, 12);
    p[0] = 0x1a;
    p[1] = 10;
    return 12;
}

/* MMC-3 5.5.10: capabilities and mechanical status */
static size_t put_page_2a(const struct ide_device *d, uint8_t *p)
{
    memset(p, 0, 20);
    p[0] = 0x2a;
    p[1] = 18;
    p[2] = 0x3b;                                 /* reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM */
    p[6] = 0x29 | (d->drive->locked ? 0x02 : 0); /* tray, ejects, locks */
    store_be16(p + 8, SPEED_KB);
    store_be16(p + 12, 512); /* KiB of buffer */
    store_be16(p + 14, SPEED_KB);
    return 20;
}

static const struct mode_page {
    uint8_t code;
    size_t (*put)(const struct ide_device *d, uint8_t *p);
} mode_pages[] = {
    {0x01, put_page_01},
    {0x1a, put_page_1a},
    {0x2a, put_page_2a},
};

void atapi_mode_sense(struct ide_device *d)
{
    const uint8_t *cdb = d->cd.cdb;
    uint8_t code = cdb[2] & 0x3f, control = cdb[2] >> 6;
    uint8_t *b = d->buf;
    size_t len = 8;

    if (control == 3) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, ASC_NO_SAVED_PAGES, 0);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(mode_pages); i++) {
        if (code == 0x3f || code == mode_pages[i].code) {
            size_t n = mode_pages[i].put(d, b + len);

            if (control == 1) { /* which bits can be changed: none */
                memset(b + len + 2, 0, n - 2);
            }
            len += n;
        }
    }
    if (len == 8) {
        invalid_field(d);
        return;
    }
    memset(b, 0, 8);
    store_be16(b, (uint16_t)(len - 2));
    b[2] = d->drive->tray_open ? 0x71 : !atapi_has_medium(d) ? 0x70 : 0x01; /* medium type */
    atapi_reply(d, (uint32_t)len, load_be16(cdb + 7));
}

/* 6.11 */
void atapi_mechanism_status(struct ide_device *d)
{
    uint8_t *b = d->buf;

    memset(b, 0, 8);
    b[1] = d->drive->tray_open ? 0x10 : 0;
    b[2] = (uint8_t)(d->cd.lba >> 16);
    b[3] = (uint8_t)(d->cd.lba >> 8);
    b[4] = (uint8_t)d->cd.lba;
    atapi_reply(d, 8, load_be16(d->cd.cdb + 8));
}

/* 6.7; only polled, only the media class */
void atapi_get_event_status(struct ide_device *d)
{
    const uint8_t *cdb = d->cd.cdb;
    uint8_t *b = d->buf;

    if (!(cdb[1] & 1)) {
        invalid_field(d);
        return;
    }
    memset(b, 0, 8);
    b[3] = 0x10; /* classes there are */
    if (!(cdb[4] & 0x10)) {
        store_be16(b, 2);
        b[2] = 0x80; /* none of those asked for */
        atapi_reply(d, 4, load_be16(cdb + 7));
        return;
    }
    store_be16(b, 6);
    b[2] = 4;
    b[4] = d->cd.event;
    b[5] = (d->drive->tray_open ? 1 : 0) | (atapi_has_medium(d) ? 2 : 0);
    if (load_be16(cdb + 7) > 4) {
        d->cd.event = MEDIA_NO_EVENT; /* told */
    }
    atapi_reply(d, 8, load_be16(cdb + 7));
}

/* ---- features ---- */

enum feature_current {
    ALWAYS,
    WITH_MEDIUM,
    WITH_CD,
    WITH_DVD,
};

struct feature {
    uint16_t code;
    uint8_t flags; /* version << 2 | persistent << 1 */
    enum feature_current current;
    uint8_t len;
    uint8_t data[8];
};

/* 5.3; the profile list, feature 0, is made apart. */
static const struct feature features[] = {
    {0x0001, 0x02, ALWAYS, 4, {0, 0, 0, 2}},                  /* core: ATAPI */
    {0x0002, 0x02, ALWAYS, 4, {0}},                           /* morphing */
    {0x0003, 0x02, ALWAYS, 4, {0x29}},                        /* removable medium: tray */
    {0x0010, 0x00, WITH_MEDIUM, 8, {0, 0, 8, 0, 0, 1, 0, 0}}, /* random readable: 2048, 1 */
    {0x001e, 0x08, WITH_CD, 4, {0}},                          /* CD read */
    {0x001f, 0x00, WITH_DVD, 0, {0}},                         /* DVD read */
    {0x0100, 0x02, ALWAYS, 0, {0}},                           /* power management */
    {0x0105, 0x02, ALWAYS, 0, {0}},                           /* time-out */
};

static bool is_current(const struct ide_device *d, enum feature_current when)
{
    switch (when) {
    case WITH_MEDIUM:
        return atapi_has_medium(d);
    case WITH_CD:
        return atapi_has_medium(d) && !atapi_is_dvd(d);
    case WITH_DVD:
        return atapi_has_medium(d) && atapi_is_dvd(d);
    default:
        return true;
    }
}

static size_t put_profiles(const struct ide_device *d, uint8_t *p)
{
    memset(p, 0, 12);
    p[2] = 0x03;
    p[3] = 8;
    store_be16(p + 4, PROFILE_DVD_ROM);
    p[6] = is_current(d, WITH_DVD);
    store_be16(p + 8, PROFILE_CD_ROM);
    p[10] = is_current(d, WITH_CD);
    return 12;
}

static size_t put_feature(const struct ide_device *d, const struct feature *f, uint8_t *p)
{
    store_be16(p, f->code);
    p[2] = f->flags | is_current(d, f->current);
    p[3] = f->len;
    memcpy(p + 4, f->data, f->len);
    return 4U + f->len;
}

/* 6.6 */
void atapi_get_configuration(struct ide_device *d)
{
    const uint8_t *cdb = d->cd.cdb;
    uint16_t start = load_be16(cdb + 2);
    unsigned type = cdb[1] & 3; /* 0 all from start on, 1 current ones of these, 2 start alone */
    uint8_t *b = d->buf;
    size_t len = 8;

    if (type == 3) {
        invalid_field(d);
        return;
    }
    memset(b, 0, 8);
    if (atapi_has_medium(d)) {
        store_be16(b + 6, atapi_is_dvd(d) ? PROFILE_DVD_ROM : PROFILE_CD_ROM);
    }
    if (start == 0) {
        len += put_profiles(d, b + len);
    }
    for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
        const struct feature *f = &features[i];
        bool wanted = type == 2 ? f->code == start : f->code >= start;

        if (wanted && (type != 1 || is_current(d, f->current))) {
            len += put_feature(d, f, b + len);
        }
    }
    store_be32(b, (uint32_t)(len - 4));
    atapi_reply(d, (uint32_t)len, load_be16(cdb + 7));
}

/* ---- the medium ---- */

void atapi_read_capacity(struct ide_device *d)
{
    uint32_t blocks = atapi_blocks(d);

    store_be32(d->buf, blocks ? blocks - 1 : 0);
    store_be32(d->buf + 4, IDE_CD_BLOCK);
    atapi_reply(d, 8, 8);
}

static uint8_t *put_track(uint8_t *p, uint8_t track, uint32_t lba, bool msf)
{
    p[0] = 0;
    p[1] = TRACK_CONTROL;
    p[2] = track;
    p[3] = 0;
    put_address(p + 4, lba, msf);
    return p + 8;
}

/* Points A0h (first track), A1h (last track), A2h (lead-out) and 1. */
static uint8_t *put_point(uint8_t *p, uint8_t point, uint8_t m, uint8_t s, uint8_t f)
{
    const uint8_t entry[11] = {1, TRACK_CONTROL, 0, point, 0, 0, 0, 0, m, s, f};

    memcpy(p, entry, sizeof(entry));
    return p + sizeof(entry);
}

static uint8_t *put_full_toc(struct ide_device *d, uint8_t *p)
{
    uint8_t out[3], first[3];

    put_msf(out, atapi_blocks(d));
    put_msf(first, 0);
    p = put_point(p, 0xa0, 1, 0, 0);
    p = put_point(p, 0xa1, 1, 0, 0);
    p = put_point(p, 0xa2, out[0], out[1], out[2]);
    return put_point(p, 1, first[0], first[1], first[2]);
}

/* 6.30: formats 0 (tracks), 1 (sessions), 2 (full) */
void atapi_read_toc(struct ide_device *d)
{
    const uint8_t *cdb = d->cd.cdb;
    unsigned format = cdb[2] & 0x0f ? cdb[2] & 0x0f : cdb[9] >> 6; /* or the older place */
    uint8_t start = cdb[6], *b = d->buf, *p = b + 4;
    bool msf = cdb[1] & 2;

    b[2] = b[3] = 1; /* first and last track or session */
    switch (format) {
    case 0:
        if (start > 1 && start != LEAD_OUT) {
            invalid_field(d);
            return;
        }
        if (start <= 1) {
            p = put_track(p, 1, 0, msf);
        }
        p = put_track(p, LEAD_OUT, atapi_blocks(d), msf);
        break;
    case 1:
        p = put_track(p, 1, 0, msf);
        break;
    case 2:
        if (start > 1) {
            invalid_field(d);
            return;
        }
        p = put_full_toc(d, p);
        break;
    default:
        invalid_field(d);
        return;
    }
    store_be16(b, (uint16_t)(p - b - 2));
    atapi_reply(d, (uint32_t)(p - b), load_be16(cdb + 7));
}

/* 6.28: position, catalogue number and ISRC (there are none) */
void atapi_read_subchannel(struct ide_device *d)
{
    const uint8_t *cdb = d->cd.cdb;
    bool msf = cdb[1] & 2;
    uint8_t *b = d->buf;
    uint32_t len = 4;

    memset(b, 0, 24);
    b[1] = 0x15; /* no audio is or was played */
    if (cdb[2] & 0x40) {
        b[4] = cdb[3];
        switch (cdb[3]) {
        case 1:
            len = 16;
            b[5] = TRACK_CONTROL;
            b[6] = b[7] = 1; /* track, index */
            put_address(b + 8, d->cd.lba, msf);
            store_be32(b + 12, d->cd.lba); /* from the start of the track */
            if (msf) {
                put_msf(b + 13, d->cd.lba - LEAD_IN_FRAMES);
                b[12] = 0;
            }
            break;
        case 2:
        case 3:
            len = 24;
            break;
        default:
            invalid_field(d);
            return;
        }
    }
    store_be16(b + 2, (uint16_t)(len - 4));
    atapi_reply(d, len, load_be16(cdb + 7));
}

/* 6.22 */
void atapi_read_disc_info(struct ide_device *d)
{
    const uint8_t *cdb = d->cd.cdb;
    uint8_t *b = d->buf;

    if (cdb[1] & 7) {
        invalid_field(d);
        return;
    }
    memset(b, 0, 34);
    store_be16(b, 32);
    b[2] = 0x0e; /* complete disc, complete last session */
    b[3] = b[4] = b[5] = b[6] = 1;
    b[7] = 0x20;             /* unrestricted use */
    memset(b + 16, 0xff, 8); /* no further session can start */
    atapi_reply(d, 34, load_be16(cdb + 7));
}

/* 6.23.3.2: format 0, layer 0 of a DVD-ROM */
static uint32_t put_dvd_physical(const struct ide_device *d, uint8_t *b)
{
    memset(b, 0, 4 + 2048);
    b[4] = 0x01; /* DVD-ROM, part version 1 */
    b[5] = 0x0f; /* 120 mm, no particular rate */
    b[6] = 0x01; /* one layer, embossed */
    store_be32(b + 8, DVD_FIRST_SECTOR);
    store_be32(b + 12, DVD_FIRST_SECTOR + atapi_blocks(d) - 1);
    return 4 + 2048;
}

static uint32_t put_dvd_formats(uint8_t *b)
{
    static const struct {
        uint8_t format;
        uint16_t len;
    } formats[] = {{0, 2048 + 4}, {1, 4 + 4}, {4, 2048 + 4}};

    memset(b, 0, 4);
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        b[4 + 4 * i] = formats[i].format;
        b[5 + 4 * i] = 0x40; /* can be read */
        store_be16(b + 6 + 4 * i, formats[i].len);
    }
    return 4 + 4 * ARRAY_SIZE(formats);
}

/* 6.23: formats 0 (physical), 1 (copyright: none), 4 (manufacturer: nothing), FFh (list) */
void atapi_read_dvd_structure(struct ide_device *d)
{
    const uint8_t *cdb = d->cd.cdb;
    uint8_t *b = d->buf;
    uint32_t len;

    if (!atapi_is_dvd(d)) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, ASC_INCOMPATIBLE_MEDIUM, 2);
        return;
    }
    if (cdb[6]) { /* layer */
        invalid_field(d);
        return;
    }
    switch (cdb[7]) {
    case 0x00:
        len = put_dvd_physical(d, b);
        break;
    case 0x01:
        len = 8;
        memset(b, 0, len);
        break;
    case 0x04:
        len = 4 + 2048;
        memset(b, 0, len);
        break;
    case 0xff:
        len = put_dvd_formats(b);
        break;
    default:
        invalid_field(d);
        return;
    }
    store_be16(b, (uint16_t)(len - 2));
    atapi_reply(d, len, load_be16(cdb + 8));
}
