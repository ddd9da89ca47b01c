/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floppy drives: what an image of a given size is as a disk.
 */
#include "hw/block/fdc_priv.h"

enum { RATE_500 = 0, RATE_300 = 1, RATE_250 = 2, RATE_1000 = 3 };

/* Smallest first: an image of a size between two rows is the next larger, partly missing. */
static const struct fdc_media medias[] = {
    {40, 1, 8, RATE_250},   /* 160K */
    {40, 1, 9, RATE_250},   /* 180K */
    {40, 2, 8, RATE_250},   /* 320K */
    {40, 2, 9, RATE_250},   /* 360K */
    {40, 2, 10, RATE_250},  /* 400K */
    {80, 2, 8, RATE_250},   /* 640K */
    {80, 2, 9, RATE_250},   /* 720K */
    {80, 2, 10, RATE_250},  /* 800K */
    {82, 2, 10, RATE_250},  /* 820K */
    {80, 2, 15, RATE_500},  /* 1.2M */
    {80, 2, 18, RATE_500},  /* 1.44M */
    {80, 2, 20, RATE_500},  /* 1.6M */
    {80, 2, 21, RATE_500},  /* 1.68M */
    {82, 2, 21, RATE_500},  /* 1.72M */
    {83, 2, 21, RATE_500},  /* 1.74M */
    {80, 2, 22, RATE_500},  /* 1.76M */
    {80, 2, 23, RATE_500},  /* 1.84M */
    {80, 2, 24, RATE_500},  /* 1.92M */
    {80, 2, 36, RATE_1000}, /* 2.88M */
    {80, 2, 39, RATE_1000}, /* 3.12M */
    {80, 2, 40, RATE_1000}, /* 3.2M */
    {80, 2, 44, RATE_1000}, /* 3.52M */
    {80, 2, 48, RATE_1000}, /* 3.84M */
};

static uint64_t media_bytes(const struct fdc_media *m)
{
    return (uint64_t)m->cylinders * m->heads * m->sectors * FDC_SECTOR_BYTES;
}

void fdc_drive_look(struct fdc_drive *d)
{
    struct block *b = d->drive ? d->drive->block : NULL;
    size_t i = 0;

    d->has_media = b != NULL;
    if (!d->has_media) {
        return;
    }
    while (i + 1 < ARRAY_SIZE(medias) && media_bytes(&medias[i]) < block_size(b)) {
        i++;
    }
    d->media = medias[i];
}

enum fdc_drive_type fdc_drive_type_for(const struct fdc_drive *d)
{
    if (!d->drive) {
        return FDC_DRIVE_NONE;
    }
    if (!d->has_media) {
        return FDC_DRIVE_144;
    }
    if (d->media.rate == RATE_1000) {
        return FDC_DRIVE_288;
    }
    if (d->media.cylinders == 40 || d->media.sectors == 15) {
        return FDC_DRIVE_120; /* five and a quarter inches */
    }
    return FDC_DRIVE_144;
}

bool fdc_drive_offset(const struct fdc_drive *d, uint8_t head, uint8_t sector, uint64_t *ret)
{
    const struct fdc_media *m = &d->media;
    uint64_t lba;

    if (!d->has_media || d->cylinder >= m->cylinders || head >= m->heads || sector < 1 ||
        sector > m->sectors) {
        return false;
    }
    lba = ((uint64_t)d->cylinder * m->heads + head) * m->sectors + sector - 1;
    if ((lba + 1) * FDC_SECTOR_BYTES > block_size(d->drive->block)) {
        return false;
    }
    *ret = lba * FDC_SECTOR_BYTES;
    return true;
}
