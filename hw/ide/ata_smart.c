/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMART of a disk: attributes, thresholds, logs, self-tests.
 *
 * INCITS 361 clause 8.54, the layout of attributes as drives have it (SFF-8035i). This disk never
 * wears out and its self-tests pass at once: it is healthy as long as the host's storage is.
 *
 * Absent, and aborted: WRITE LOG, selective self-tests, logs other than the directory, the summary
 * error log and the self-test log.
 */
#include "hw/ide/device.h"

#include "util/bytes.h"
#include <string.h>

enum {
    SMART_READ_DATA = 0xd0,
    SMART_READ_THRESHOLDS = 0xd1,
    SMART_AUTOSAVE = 0xd2,
    SMART_SAVE = 0xd3,
    SMART_EXECUTE_OFFLINE = 0xd4,
    SMART_READ_LOG = 0xd5,
    SMART_ENABLE = 0xd8,
    SMART_DISABLE = 0xd9,
    SMART_STATUS = 0xda,

    LOG_DIRECTORY = 0x00,
    LOG_ERRORS = 0x01,
    LOG_SELF_TESTS = 0x06,

    KEY_MID = 0x4f,
    KEY_HIGH = 0xc2,
};

struct attribute {
    uint8_t id, value, threshold;
    uint16_t flags; /* bit 0: says when to expect failure; 1: updated online; 5: kept */
    uint8_t raw;
};

static const struct attribute attributes[] = {
    {1, 100, 6, 0x03, 0},    /* raw read error rate */
    {3, 100, 0, 0x03, 16},   /* spin-up time */
    {4, 100, 20, 0x02, 1},   /* start and stop count */
    {5, 100, 36, 0x03, 0},   /* reallocated sectors */
    {9, 100, 0, 0x02, 1},    /* power-on hours */
    {12, 100, 0, 0x02, 1},   /* power cycles */
    {190, 69, 50, 0x02, 31}, /* air flow temperature */
    {194, 31, 0, 0x02, 31},  /* temperature */
};

/* The last byte makes the sum of all 512 zero. */
static void put_checksum(uint8_t *buf)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < IDE_SECTOR - 1; i++) {
        sum += buf[i];
    }
    buf[IDE_SECTOR - 1] = (uint8_t)-sum;
}

static void send_sector(struct ide_device *d)
{
    put_checksum(d->buf);
    d->then = 0; /* ends silently */
    d->buf_len = d->block_size = IDE_SECTOR;
    ide_data_in(d);
}

static void read_data(struct ide_device *d)
{
    uint8_t *b = d->buf;

    memset(b, 0, IDE_SECTOR);
    store_le16(b, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(attributes); i++) {
        uint8_t *row = b + 2 + 12 * i;

        row[0] = attributes[i].id;
        store_le16(row + 1, attributes[i].flags);
        row[3] = row[4] = attributes[i].value; /* now and the worst ever */
        row[5] = attributes[i].raw;
    }
    b[362] = 0x02 | (d->ata.smart_autosave ? 0x80 : 0); /* off-line collection has ended well */
    store_le16(b + 364, 1);                             /* seconds that it takes */
    b[367] = 0x11;                                      /* execute off-line, self-test */
    store_le16(b + 368, 3); /* attributes are saved before resting, and by autosave */
    b[370] = 1;             /* errors are logged */
    b[372] = b[373] = 1;    /* minutes of short and extended self-test */
    send_sector(d);
}

static void read_thresholds(struct ide_device *d)
{
    uint8_t *b = d->buf;

    memset(b, 0, IDE_SECTOR);
    store_le16(b, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(attributes); i++) {
        b[2 + 12 * i] = attributes[i].id;
        b[3 + 12 * i] = attributes[i].threshold;
    }
    send_sector(d);
}

static void read_log(struct ide_device *d)
{
    const struct ata_state *a = &d->ata;
    uint8_t *b = d->buf;

    if (d->nsector != 1) {
        ide_abort(d);
        return;
    }
    memset(b, 0, IDE_SECTOR);
    switch (d->lba_low) {
    case LOG_DIRECTORY:
        store_le16(b, 1);
        b[2 * LOG_ERRORS] = b[2 * LOG_SELF_TESTS] = 1; /* sectors of each */
        break;
    case LOG_ERRORS:
        b[0] = 1; /* version; no entries */
        break;
    case LOG_SELF_TESTS:
        store_le16(b, 1);
        for (unsigned i = 0; i < a->self_tests; i++) {
            b[2 + 24 * i] = a->self_test_types[i];
            store_le16(b + 4 + 24 * i, 1); /* hours; status 0: passed */
        }
        b[508] = a->self_tests
                     ? (uint8_t)((a->self_test_next + IDE_SELF_TESTS - 1) % IDE_SELF_TESTS + 1)
                     : 0; /* the newest entry, from 1 */
        break;
    default:
        ide_abort(d);
        return;
    }
    send_sector(d);
}

/* Clause 8.54.5: the test is in LBA low. */
static void execute_offline(struct ide_device *d)
{
    struct ata_state *a = &d->ata;

    switch (d->lba_low) {
    case 0x00: /* collect off-line data */
    case 0x7f: /* abort a self-test: none runs */
        break;
    case 0x01: /* short, */
    case 0x02: /* extended, */
    case 0x81: /* and both in captive mode */
    case 0x82:
        a->self_test_types[a->self_test_next] = d->lba_low;
        a->self_test_next = (a->self_test_next + 1) % IDE_SELF_TESTS;
        a->self_tests = MIN(a->self_tests + 1, IDE_SELF_TESTS);
        break;
    default:
        ide_abort(d);
        return;
    }
    ide_end(d, /* irq= */ true);
}

static void autosave(struct ide_device *d)
{
    if (d->nsector != 0x00 && d->nsector != 0xf1) {
        ide_abort(d);
        return;
    }
    d->ata.smart_autosave = d->nsector != 0;
    ide_end(d, /* irq= */ true);
}

void ata_smart(struct ide_device *d)
{
    if (d->lba_mid != KEY_MID || d->lba_high != KEY_HIGH ||
        (!d->ata.smart_enabled && d->feature != SMART_ENABLE)) {
        ide_abort(d);
        return;
    }
    switch (d->feature) {
    case SMART_READ_DATA:
        read_data(d);
        break;
    case SMART_READ_THRESHOLDS:
        read_thresholds(d);
        break;
    case SMART_AUTOSAVE:
        autosave(d);
        break;
    case SMART_EXECUTE_OFFLINE:
        execute_offline(d);
        break;
    case SMART_READ_LOG:
        read_log(d);
        break;
    case SMART_ENABLE:
    case SMART_DISABLE:
        d->ata.smart_enabled = d->feature == SMART_ENABLE;
        ide_end(d, /* irq= */ true);
        break;
    case SMART_SAVE:   /* they never change */
    case SMART_STATUS: /* healthy: the key stays as it is */
        ide_end(d, /* irq= */ true);
        break;
    default:
        ide_abort(d);
        break;
    }
}
