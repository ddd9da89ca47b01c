/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IDE CD drive by its registers: packets by PIO and DMA, sense data, media, raw frames.
 */
#include "tests/unit/hw/ide/rig.h"

enum { IMAGE_BYTES = 600 * 2048 };

static void setup(struct rig *r, gconstpointer options)
{
    rig_init(r, options ? IMAGE_BYTES : 0, options ? options : "media=cdrom");
}

static void teardown(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    rig_fini(r);
}

static struct drive *drive(struct rig *r)
{
    return drive_at(r->machine->blocks, DRIVE_IF_IDE, 0, 0);
}

/* Sends @cdb; its data goes by PIO in blocks of at most @limit, or by DMA. */
static void send_packet(struct rig *r, const uint8_t *cdb, uint16_t limit, bool dma)
{
    ide_reg_write(r->ch, REG_DEVICE, 0xa0);
    ide_reg_write(r->ch, REG_ERROR, dma);
    ide_reg_write(r->ch, REG_MID, (uint8_t)limit);
    ide_reg_write(r->ch, REG_HIGH, (uint8_t)(limit >> 8));
    ide_reg_write(r->ch, REG_STATUS, 0xa0);
    g_assert_cmphex(ide_control_read(r->ch) & (ST_BSY | ST_DRQ), ==, ST_DRQ);
    g_assert_cmpuint(ide_reg_read(r->ch, REG_COUNT), ==, 1); /* wants a command */
    rig_write_data(r, cdb, 12);
}

/* The reply by PIO; returns its length, or -1 when the packet ended with CHECK CONDITION. */
static int packet(struct rig *r, const uint8_t *cdb, uint16_t limit, uint8_t *buf, unsigned size)
{
    unsigned done = 0;
    uint8_t status;

    send_packet(r, cdb, limit, /* dma= */ false);
    while ((status = rig_wait(r)) & ST_DRQ) {
        unsigned n = ide_reg_read(r->ch, REG_MID) | ide_reg_read(r->ch, REG_HIGH) << 8;

        g_assert_cmpuint(ide_reg_read(r->ch, REG_COUNT), ==, 2); /* data to the host */
        g_assert_cmpuint(n, <=, limit);
        g_assert_cmpuint(done + n, <=, size);
        g_assert_cmpint(r->irq_level, ==, 1);
        ide_reg_read(r->ch, REG_STATUS);
        rig_read_data(r, buf + done, n);
        done += n;
    }
    g_assert_cmpuint(ide_reg_read(r->ch, REG_COUNT), ==, 3);
    ide_reg_read(r->ch, REG_STATUS);
    return status & ST_ERR ? -1 : (int)done;
}

/* REQUEST SENSE: key, code and qualifier. */
static uint32_t sense(struct rig *r)
{
    const uint8_t cdb[12] = {0x03, 0, 0, 0, 18};
    uint8_t buf[18];

    g_assert_cmpint(packet(r, cdb, 64, buf, sizeof(buf)), ==, 18);
    return (uint32_t)buf[2] << 16 | (uint32_t)buf[12] << 8 | buf[13];
}

static void test_signature_and_identify(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    uint8_t id[512];

    g_assert_cmphex(ide_reg_read(r->ch, REG_MID), ==, 0x14);
    g_assert_cmphex(ide_reg_read(r->ch, REG_HIGH), ==, 0xeb);
    g_assert_cmphex(ide_reg_read(r->ch, REG_STATUS), ==, 0);
    ide_reg_write(r->ch, REG_MID, 0);
    ide_reg_write(r->ch, REG_STATUS, 0xec); /* IDENTIFY DEVICE: aborted, and it says why */
    g_assert_cmphex(rig_wait(r) & ST_ERR, ==, ST_ERR);
    g_assert_cmphex(ide_reg_read(r->ch, REG_MID), ==, 0x14);
    ide_reg_write(r->ch, REG_STATUS, 0xa1);
    g_assert_cmphex(rig_wait(r) & ST_DRQ, ==, ST_DRQ);
    rig_read_data(r, id, sizeof(id));
    g_assert_cmphex(load_le16(id), ==, 0x85c0);
    ide_reg_write(r->ch, REG_STATUS, 0x08); /* DEVICE RESET */
    g_assert_cmphex(rig_wait(r), ==, 0);
    g_assert_cmphex(ide_reg_read(r->ch, REG_HIGH), ==, 0xeb);
}

static void test_power_on_attention_is_reported_once(struct rig *r,
                                                     gconstpointer options G_GNUC_UNUSED)
{
    const uint8_t ready[12] = {0};

    g_assert_cmpint(packet(r, ready, 0, NULL, 0), ==, -1);
    g_assert_cmphex(sense(r), ==, 0x062900);
    g_assert_cmpint(packet(r, ready, 0, NULL, 0), ==, 0);
    g_assert_cmphex(sense(r), ==, 0);
}

static void test_inquiry_is_cut_to_the_allocation(struct rig *r,
                                                  gconstpointer options G_GNUC_UNUSED)
{
    uint8_t buf[96], cdb[12] = {0x12, 0, 0, 0, 96};

    g_assert_cmpint(packet(r, cdb, 0xffff, buf, sizeof(buf)), ==, 36);
    g_assert_cmphex(buf[0], ==, 0x05);
    g_assert_cmpmem(buf + 8, 5, "VITRO", 5);
    cdb[4] = 5; /* odd */
    g_assert_cmpint(packet(r, cdb, 64, buf, sizeof(buf)), ==, 5);
    cdb[4] = 0;
    g_assert_cmpint(packet(r, cdb, 64, buf, sizeof(buf)), ==, 0);
}

static void check_blocks(const uint8_t *buf, uint32_t lba, uint32_t count)
{
    for (uint32_t i = 0; i < count * 2048; i++) {
        g_assert_cmpuint(buf[i], ==, rig_byte(lba * 2048 + i));
    }
}

static void test_read_by_pio_in_odd_limits(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    const uint8_t cdb[12] = {0x28, 0, 0, 0, 0, 3, 0, 0, 5};
    uint8_t buf[5 * 2048];

    sense(r); /* takes the power-on attention */
    g_assert_cmpint(packet(r, cdb, 0x801, buf, sizeof(buf)), ==, sizeof(buf));
    check_blocks(buf, 3, 5);
    memset(buf, 0, sizeof(buf));
    g_assert_cmpint(packet(r, cdb, 0xffff, buf, sizeof(buf)), ==, sizeof(buf));
    check_blocks(buf, 3, 5);
    g_assert_cmpint(packet(r, cdb, 0, buf, sizeof(buf)), ==, -1); /* no room for any byte */
}

static void test_read_by_dma_in_chunks(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    const uint8_t cdb[12] = {0xa8, 0, 0, 0, 0, 10, 0, 0, 0, 200};

    sense(r);
    for (unsigned i = 0; i < 7; i++) {
        rig_prd(r, i, 0x20000 + i * 65536, 0, i == 6);
    }
    send_packet(r, cdb, 0, /* dma= */ true);
    rig_start_dma(r, /* to_memory= */ true);
    g_assert_cmphex(rig_wait(r) & (ST_ERR | ST_DRQ), ==, 0);
    check_blocks(r->controller->memory + 0x20000, 10, 200);
    g_assert_cmphex(bmdma_read(r->bm, 2) & 4, ==, 4);
}

static void test_read_beyond_the_end(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    const uint8_t end[12] = {0x28, 0, 0, 0, 2, 87, 0, 0, 2}; /* 599, two blocks */
    const uint8_t wrap[12] = {0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint8_t unknown[12] = {0x5f};

    sense(r);
    g_assert_cmpint(packet(r, end, 0xffff, NULL, 0), ==, -1);
    g_assert_cmphex(sense(r), ==, 0x052100);
    g_assert_cmpint(packet(r, wrap, 0xffff, NULL, 0), ==, -1);
    g_assert_cmphex(sense(r), ==, 0x052100);
    g_assert_cmpint(packet(r, unknown, 0xffff, NULL, 0), ==, -1);
    g_assert_cmphex(sense(r), ==, 0x052000);
}

static void test_toc_formats(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    uint8_t buf[128], cdb[12] = {0x43, 0, 0, 0, 0, 0, 0, 0, 128};

    sense(r);
    g_assert_cmpint(packet(r, cdb, 0xffff, buf, sizeof(buf)), ==, 20);
    g_assert_cmpuint(load_be16(buf), ==, 18);
    g_assert_cmphex(buf[4 + 1], ==, 0x14);
    g_assert_cmphex(buf[12 + 2], ==, 0xaa);
    g_assert_cmpuint(load_be32(buf + 16), ==, 600);
    cdb[1] = 2; /* minutes, seconds, frames */
    cdb[6] = 0xaa;
    g_assert_cmpint(packet(r, cdb, 0xffff, buf, sizeof(buf)), ==, 12);
    g_assert_cmphex(load_be32(buf + 8), ==, 0x000a00); /* (600 + 150) / 75 = 10 s */
    cdb[6] = 0;
    cdb[2] = 1;
    g_assert_cmpint(packet(r, cdb, 0xffff, buf, sizeof(buf)), ==, 12);
    cdb[2] = 2;
    g_assert_cmpint(packet(r, cdb, 0xffff, buf, sizeof(buf)), ==, 4 + 4 * 11);
    g_assert_cmphex(buf[4 + 2 * 11 + 3], ==, 0xa2);
    cdb[2] = 5;
    g_assert_cmpint(packet(r, cdb, 0xffff, buf, sizeof(buf)), ==, -1);
    g_assert_cmphex(sense(r), ==, 0x052400);
}

static uint8_t gf_double(uint8_t a)
{
    return (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1d : 0));
}

/* Every codeword of both parities is divisible by x + 1 and x + 2. */
static void check_parity(const uint8_t *frame)
{
    for (unsigned column = 0; column < 86; column++) {
        uint8_t sum = 0, weighted = 0;

        for (unsigned row = 0; row < 26; row++) {
            uint8_t v = frame[12 + column + 86 * row];

            sum ^= v;
            weighted = gf_double(weighted) ^ v;
        }
        g_assert_cmphex(sum, ==, 0);
        g_assert_cmphex(weighted, ==, 0);
    }
    for (unsigned word = 0; word < 52; word++) {
        uint8_t sum = 0, weighted = 0;

        for (unsigned i = 0; i < 45; i++) {
            unsigned at = i < 43 ? 2 * ((word / 2 * 43 + i * 44) % (26 * 43)) + word % 2
                                 : 2236 + 52 * (i - 43) + word;
            uint8_t v = frame[12 + at];

            sum ^= v;
            weighted = gf_double(weighted) ^ v;
        }
        g_assert_cmphex(sum, ==, 0);
        g_assert_cmphex(weighted, ==, 0);
    }
}

static void test_raw_frames(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    uint8_t cdb[12] = {0xbe, 0, 0, 0, 0, 7, 0, 0, 130, 0xf8};
    static uint8_t buf[130 * 2352];

    sense(r);
    g_assert_cmpint(packet(r, cdb, 0xffff, buf, sizeof(buf)), ==, sizeof(buf));
    for (unsigned i = 0; i < 130; i++) {
        const uint8_t *frame = buf + 2352 * i;

        g_assert_cmpmem(frame, 4, "\x00\xff\xff\xff", 4);
        g_assert_cmphex(frame[15], ==, 1);
        check_blocks(frame + 16, 7 + i, 1);
        check_parity(frame);
    }
    g_assert_cmpmem(buf + 12, 3, "\x00\x02\x07", 3); /* 7 + 150 frames */
    cdb[9] = 0x20;                                   /* headers alone */
    g_assert_cmpint(packet(r, cdb, 0xffff, buf, sizeof(buf)), ==, 130 * 4);
    g_assert_cmphex(buf[4 * 129 + 3], ==, 1);
    cdb[9] = 0x90; /* sync and data without what is between them */
    g_assert_cmpint(packet(r, cdb, 0xffff, buf, sizeof(buf)), ==, -1);
}

static void test_descriptions_fit_their_lengths(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    const uint8_t mode[12] = {0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 128};
    const uint8_t features[12] = {0x46, 0, 0, 0, 0, 0, 0, 0, 255};
    const uint8_t one_feature[12] = {0x46, 2, 0, 3, 0, 0, 0, 0, 255};
    const uint8_t disc[12] = {0x51, 0, 0, 0, 0, 0, 0, 0, 64};
    const uint8_t dvd[12] = {0xad, 0, 0, 0, 0, 0, 0, 0, 0, 64};
    uint8_t buf[256];
    int n;

    sense(r);
    n = packet(r, mode, 0xffff, buf, sizeof(buf));
    g_assert_cmpint(n, ==, load_be16(buf) + 2);
    g_assert_cmphex(buf[8], ==, 0x01);
    n = packet(r, features, 0xffff, buf, sizeof(buf));
    g_assert_cmpint(n, ==, (int)load_be32(buf) + 4);
    g_assert_cmphex(load_be16(buf + 6), ==, 0x08); /* a CD */
    for (int at = 8; at < n; at += 4 + buf[at + 3]) {
        g_assert_cmpint(at + 4 + buf[at + 3], <=, n);
    }
    g_assert_cmpint(packet(r, one_feature, 0xffff, buf, sizeof(buf)), ==, 16);
    g_assert_cmpuint(load_be16(buf + 8), ==, 3);
    g_assert_cmpint(packet(r, disc, 0xffff, buf, sizeof(buf)), ==, 34);
    g_assert_cmpint(packet(r, dvd, 0xffff, buf, sizeof(buf)), ==, -1); /* not on a CD */
    g_assert_cmphex(sense(r), ==, 0x053002);
}

static uint8_t media_event(struct rig *r, uint8_t *ret_status)
{
    const uint8_t cdb[12] = {0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8};
    uint8_t buf[8];

    g_assert_cmpint(packet(r, cdb, 64, buf, sizeof(buf)), ==, 8);
    *ret_status = buf[5];
    return buf[4];
}

static void test_eject_lock_and_change(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    const uint8_t lock[12] = {0x1e, 0, 0, 0, 1}, unlock[12] = {0x1e};
    const uint8_t eject[12] = {0x1b, 0, 0, 0, 2}, load[12] = {0x1b, 0, 0, 0, 3};
    const uint8_t ready[12] = {0};
    uint8_t status;

    sense(r);
    g_assert_cmpint(packet(r, lock, 0, NULL, 0), ==, 0);
    g_assert_cmpint(packet(r, eject, 0, NULL, 0), ==, -1);
    g_assert_cmphex(sense(r), ==, 0x055302);
    g_assert_false(drive_eject(drive(r), /* force= */ false, NULL));
    g_assert_cmpuint(media_event(r, &status), ==, 1); /* somebody wants the disc */
    g_assert_cmpuint(media_event(r, &status), ==, 0); /* told once */
    g_assert_cmpint(packet(r, unlock, 0, NULL, 0), ==, 0);
    g_assert_cmpint(packet(r, eject, 0, NULL, 0), ==, 0);
    g_assert_cmpuint(media_event(r, &status), ==, 3);
    g_assert_cmphex(status, ==, 1); /* tray open, no disc */
    g_assert_cmpint(packet(r, ready, 0, NULL, 0), ==, -1);
    g_assert_cmphex(sense(r), ==, 0x023a02);
    g_assert_cmpint(packet(r, load, 0, NULL, 0), ==, 0);
    g_assert_cmpint(packet(r, ready, 0, NULL, 0), ==, -1);
    g_assert_cmphex(sense(r), ==, 0x062800);
    g_assert_cmpint(packet(r, ready, 0, NULL, 0), ==, 0);

    g_assert_true(drive_change(drive(r), r->path, NULL, NULL));
    g_assert_cmpint(packet(r, ready, 0, NULL, 0), ==, -1);
    g_assert_cmphex(sense(r), ==, 0x062800);
    g_assert_cmpuint(media_event(r, &status), ==, 2);
    g_assert_cmphex(status, ==, 2);
}

/* The medium goes while a read is in flight: it ends one way or the other. */
static void test_eject_in_mid_read(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    const uint8_t cdb[12] = {0x28, 0, 0, 0, 0, 0, 0, 2, 0}; /* 512 blocks: several requests */
    uint8_t buf[2048];

    sense(r);
    send_packet(r, cdb, 2048, /* dma= */ false);
    g_assert_true(drive_eject(drive(r), /* force= */ true, NULL));
    while (rig_wait(r) & ST_DRQ) {
        rig_read_data(r, buf, 2048);
    }
    g_assert_cmphex(ide_control_read(r->ch) & ST_ERR, ==, ST_ERR);
    g_assert_cmphex(sense(r) >> 8, ==, 0x023a);
}

static void test_empty_drive(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    const uint8_t capacity[12] = {0x25}, inquiry[12] = {0x12, 0, 0, 0, 36};
    uint8_t buf[64], status;

    sense(r);
    g_assert_cmpint(packet(r, capacity, 64, buf, sizeof(buf)), ==, -1);
    g_assert_cmphex(sense(r), ==, 0x023a01);
    g_assert_cmpint(packet(r, inquiry, 64, buf, sizeof(buf)), ==, 36);
    media_event(r, &status);
    g_assert_cmphex(status, ==, 0);
}

/* Random packets with random limits, interrupted at random. */
static void test_abuse(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    GRand *rand = g_rand_new_with_seed(4242);
    const uint8_t ready[12] = {0};

    for (unsigned round = 0; round < 20000; round++) {
        uint32_t v = g_rand_int(rand);
        uint8_t cdb[12];

        for (unsigned i = 0; i < 12; i++) {
            cdb[i] = (uint8_t)(g_rand_int(rand) & g_rand_int(rand));
        }
        ide_reg_write(r->ch, REG_DEVICE, 0xa0);
        ide_reg_write(r->ch, REG_ERROR, v & 3);
        ide_reg_write(r->ch, REG_MID, (uint8_t)(v >> 8));
        ide_reg_write(r->ch, REG_HIGH, (uint8_t)(v >> 16) & (uint8_t)(v >> 12));
        ide_reg_write(r->ch, REG_STATUS, 0xa0);
        rig_write_data(r, cdb, 12);
        if (v & 4) {
            rig_start_dma(r, v & 8);
        }
        for (unsigned i = 0; i < (v >> 24); i++) {
            ide_data_read(r->ch, 1u << i % 3);
            ide_data_write(r->ch, v, 4);
        }
        g_main_context_iteration(r->context, FALSE);
        if (v & 16) {
            ide_reg_write(r->ch, REG_STATUS, 0x08);
        }
        if (v & 32) {
            rig_stop_dma(r);
        }
    }
    g_rand_free(rand);
    rig_stop_dma(r);
    machine_reset(r->machine);
    rig_wait(r);
    g_assert_cmpint(packet(r, ready, 0, NULL, 0), ==, -1);
    g_assert_cmphex(sense(r) >> 16, ==, 0x06);
}

#define ADD(name, fn) g_test_add(name, struct rig, "media=cdrom", setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/signature-and-identify", test_signature_and_identify);
    ADD("/power-on-attention-is-reported-once", test_power_on_attention_is_reported_once);
    ADD("/inquiry-is-cut-to-the-allocation", test_inquiry_is_cut_to_the_allocation);
    ADD("/read-by-pio-in-odd-limits", test_read_by_pio_in_odd_limits);
    ADD("/read-by-dma-in-chunks", test_read_by_dma_in_chunks);
    ADD("/read-beyond-the-end", test_read_beyond_the_end);
    ADD("/toc-formats", test_toc_formats);
    ADD("/raw-frames", test_raw_frames);
    ADD("/descriptions-fit-their-lengths", test_descriptions_fit_their_lengths);
    ADD("/eject-lock-and-change", test_eject_lock_and_change);
    ADD("/eject-in-mid-read", test_eject_in_mid_read);
    g_test_add("/empty-drive", struct rig, NULL, setup, test_empty_drive, teardown);
    ADD("/abuse", test_abuse);
    return g_test_run();
}
