/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IDENTIFY DEVICE of a disk.
 *
 * INCITS 361 clause 8.16 (ATA/ATAPI-6), words 106 to 119, 169 and 217 from ATA/ATAPI-8 ACS.
 */
#include "hw/ide/device.h"

#include "util/bytes.h"
#include <string.h>

static void put_dword(uint8_t *id, unsigned word, uint32_t val)
{
    store_le32(id + 2 * word, val);
}

/* Words 1 to 6 and 54 to 61: the disk by cylinder, head, sector and by 28-bit address. */
static void put_geometry(const struct ide_device *d, uint8_t *id)
{
    uint32_t current = (uint32_t)d->ata.heads * d->ata.spt;
    uint32_t cylinders = (uint32_t)MIN(d->ata.max_lba / current, (uint64_t)65535);

    ide_put_word(id, 1, (uint16_t)d->cyls);
    ide_put_word(id, 3, (uint16_t)d->heads);
    ide_put_word(id, 6, (uint16_t)d->secs);
    ide_put_word(id, 54, (uint16_t)cylinders);
    ide_put_word(id, 55, d->ata.heads);
    ide_put_word(id, 56, d->ata.spt);
    put_dword(id, 57, cylinders * current);
    put_dword(id, 60, (uint32_t)MIN(d->ata.max_lba, (uint64_t)0x0fffffff));
    store_le64(id + 200, d->ata.max_lba); /* words 100 to 103 */
}

/* Words 82 to 87: what there is and what is on. */
static void put_features(const struct ide_device *d, uint8_t *id)
{
    uint16_t set82 = 1 << 14 |                       /* NOP */
                     1 << 10 |                       /* host protected area */
                     1 << 6 | 1 << 5 |               /* look-ahead, write cache */
                     1 << 3 | 1 << 0;                /* power management, SMART */
    uint16_t set83 = 1 << 14 | 1 << 13 | 1 << 12 |   /* FLUSH CACHE EXT, FLUSH CACHE */
                     1 << 10;                        /* 48-bit addresses */
    uint16_t set84 = 1 << 14 | 1 << 6 |              /* WRITE ... FUA EXT */
                     1 << 1 | (d->wwn ? 1 << 8 : 0); /* self-test, world wide name */
    uint16_t on85 = set82 & ~(1 << 6 | 1 << 5 | 1 << 0);

    on85 |= d->ata.look_ahead << 6 | d->ata.write_cache << 5 | d->ata.smart_enabled;
    ide_put_word(id, 82, set82);
    ide_put_word(id, 83, set83);
    ide_put_word(id, 84, set84);
    ide_put_word(id, 85, on85);
    ide_put_word(id, 86, set83 & ~(1 << 14));
    ide_put_word(id, 87, set84);
}

/* Words 106, 209: how many logical sectors make a physical one, 2^n. */
static void put_sector_sizes(const struct ide_device *d, uint8_t *id)
{
    unsigned n = 0;

    while ((d->logical_block_size << n) < d->physical_block_size) {
        n++;
    }
    ide_put_word(id, 106, (uint16_t)(1 << 14 | (n ? 1 << 13 : 0) | n));
    ide_put_word(id, 209, 1 << 14);
}

static void put_wwn(const struct ide_device *d, uint8_t *id)
{
    for (unsigned i = 0; i < 4; i++) {
        ide_put_word(id, 108 + i, (uint16_t)(d->wwn >> (48 - 16 * i)));
    }
}

void ata_identify(struct ide_device *d)
{
    uint8_t *id = d->buf;

    memset(id, 0, IDE_SECTOR);
    ide_put_word(id, 0, 0x0040); /* ATA, fixed */
    ide_put_string(id + 20, d->serial, 20);
    ide_put_string(id + 46, d->version, 8);
    ide_put_string(id + 54, d->model, 40);
    ide_put_word(id, 47, 0x8000 | IDE_MAX_MULTIPLE);
    ide_put_word(id, 49, 1 << 13 | 1 << 11 | 1 << 9 | 1 << 8); /* timers, IORDY, LBA, DMA */
    ide_put_word(id, 50, 1 << 14);
    ide_put_word(id, 51, 0x0200);
    ide_put_word(id, 59, d->ata.multiple ? 0x100 | d->ata.multiple : 0);
    put_geometry(d, id);
    ide_put_modes(d, id);
    ide_put_word(id, 80, 0x01f0); /* ATA/ATAPI-4 to ATA8-ACS */
    put_features(d, id);
    put_sector_sizes(d, id);
    if (d->wwn) {
        put_wwn(d, id);
    }
    if (block_can_discard(d->drive->block)) {
        ide_put_word(id, 105, IDE_MAX_TRIM_BLOCKS);
        ide_put_word(id, 169, 1);
    }
    ide_put_word(id, 217, d->rotation_rate);
    ide_put_checksum(id);

    d->then = 0; /* ends silently */
    d->buf_len = d->block_size = IDE_SECTOR;
    ide_data_in(d);
}
