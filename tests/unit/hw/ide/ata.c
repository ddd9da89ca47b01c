/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IDE disk by its registers: identification, PIO, DMA, errors, resets, saved state, abuse.
 */
#include "tests/unit/hw/ide/rig.h"

#include <fcntl.h>

enum { IMAGE_BYTES = 2 * 1024 * 1024, SECTORS = IMAGE_BYTES / 512 };

static void setup(struct rig *r, gconstpointer options)
{
    rig_init(r, IMAGE_BYTES, options);
}

static void teardown(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    rig_fini(r);
}

static void check_pattern(const uint8_t *buf, uint32_t offset, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        g_assert_cmpuint(buf[i], ==, rig_byte(offset + i));
    }
}

static void read_file(const struct rig *r, uint32_t offset, uint8_t *buf, uint32_t len)
{
    int fd = open(r->path, O_RDONLY);

    g_assert_cmpint(pread(fd, buf, len, offset), ==, len);
    close(fd);
}

static void test_identify(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    uint8_t id[512], sum = 0;

    rig_command(r, 0xec, 0, 0);
    g_assert_cmphex(rig_wait(r) & (ST_DRQ | ST_ERR), ==, ST_DRQ);
    g_assert_cmpint(r->irq_level, ==, 1);
    ide_reg_read(r->ch, REG_STATUS);
    g_assert_cmpint(r->irq_level, ==, 0);
    rig_read_data(r, id, sizeof(id));
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    g_assert_cmpuint(r->irqs, ==, 1); /* none after the last word */
    g_assert_cmpmem(id + 54, 14, "IVRT OAHDRIDKS", 14);
    g_assert_cmpuint(load_le32(id + 120), ==, SECTORS);
    g_assert_cmpuint(load_le64(id + 200), ==, SECTORS);
    g_assert_cmphex(load_le16(id + 166) >> 14, ==, 1);
    for (unsigned i = 0; i < 512; i++) {
        sum += id[i];
    }
    g_assert_cmpuint(sum, ==, 0);
}

static void test_pio_read_interrupts_per_sector(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    uint8_t buf[3 * 512];

    rig_command(r, 0x20, 5, 3);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmphex(rig_wait(r) & ST_DRQ, ==, ST_DRQ);
        g_assert_cmphex(ide_reg_read(r->ch, REG_STATUS), ==, 0x58);
        rig_read_data(r, buf + 512 * i, 512);
    }
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    g_assert_cmpuint(r->irqs, ==, 3);
    check_pattern(buf, 5 * 512, sizeof(buf));
    g_assert_cmphex(ide_data_read(r->ch, 4), ==, 0); /* beyond the data there is nothing */
}

static void test_chs_read(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    uint8_t buf[512];

    ide_reg_write(r->ch, REG_DEVICE, 0xa2); /* head 2 */
    ide_reg_write(r->ch, REG_COUNT, 1);
    ide_reg_write(r->ch, REG_LOW, 7);
    ide_reg_write(r->ch, REG_MID, 1);
    ide_reg_write(r->ch, REG_HIGH, 0);
    ide_reg_write(r->ch, REG_STATUS, 0x20);
    rig_wait(r);
    rig_read_data(r, buf, 512);
    check_pattern(buf, ((1 * 16 + 2) * 63 + 6) * 512, 512);
}

static void test_multiple_write_reaches_the_file(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    uint8_t out[20 * 512], back[20 * 512];

    for (unsigned i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i ^ i >> 8);
    }
    rig_command(r, 0xc6, 0, 8); /* SET MULTIPLE */
    rig_wait(r);
    r->irqs = 0;
    rig_command_ext(r, 0x39, 100, 20);
    g_assert_cmphex(rig_wait(r) & ST_DRQ, ==, ST_DRQ);
    g_assert_cmpuint(r->irqs, ==, 0); /* none for the first block */
    for (unsigned done = 0; done < sizeof(out);) {
        unsigned n = MIN(8 * 512u, (unsigned)sizeof(out) - done);

        rig_wait(r);
        ide_reg_read(r->ch, REG_STATUS);
        rig_write_data(r, out + done, n);
        done += n;
    }
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    g_assert_cmpuint(r->irqs, ==, 3); /* two further blocks, and the end */
    rig_command(r, 0xe7, 0, 0);
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    read_file(r, 100 * 512, back, sizeof(back));
    g_assert_cmpmem(out, sizeof(out), back, sizeof(back));
}

static void test_dma_read_into_scattered_regions(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    const uint8_t *mem = r->controller->memory;

    rig_prd(r, 0, 0x20000, 0, false); /* 64 KiB */
    rig_prd(r, 1, 0x40000, 512, false);
    rig_prd(r, 2, 0x40400, 65536 - 512, true);
    rig_command(r, 0xc8, 0, 0); /* 256 sectors */
    rig_start_dma(r, /* to_memory= */ true);
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    g_assert_cmphex(bmdma_read(r->bm, 2) & 7, ==, 4); /* interrupt, not active, no error */
    g_assert_cmpint(r->irq_level, ==, 1);
    check_pattern(mem + 0x20000, 0, 65536);
    check_pattern(mem + 0x40000, 65536, 512);
    check_pattern(mem + 0x40400, 65536 + 512, 65536 - 512);
    g_assert_cmpuint(mem[0x40200], ==, 0);
}

static void test_dma_write_longer_than_a_chunk(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    enum { BYTES = 600 * 512 };
    g_autofree uint8_t *back = g_malloc(BYTES);
    uint8_t *mem = r->controller->memory;

    for (unsigned i = 0; i < BYTES; i++) {
        mem[0x10000 + i] = (uint8_t)(i * 11 + (i >> 9));
    }
    for (unsigned i = 0; i < 5; i++) {
        unsigned left = BYTES - i * 65536;

        rig_prd(r, i, 0x10000 + i * 65536, (uint16_t)MIN(left, 65536u), i == 4);
    }
    rig_command_ext(r, 0x35, 1000, 600);
    rig_start_dma(r, /* to_memory= */ false);
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    rig_stop_dma(r);
    read_file(r, 1000 * 512, back, BYTES);
    g_assert_cmpmem(back, BYTES, mem + 0x10000, BYTES);
}

static void test_short_descriptor_table_waits_until_reset(struct rig *r,
                                                          gconstpointer options G_GNUC_UNUSED)
{
    rig_prd(r, 0, 0x20000, 1024, true);
    rig_command(r, 0xc8, 0, 8);
    rig_start_dma(r, /* to_memory= */ true);
    rig_wait(r);
    g_assert_cmphex(ide_control_read(r->ch) & ST_DRQ, ==, ST_DRQ);
    g_assert_cmphex(bmdma_read(r->bm, 2) & 5, ==, 0); /* neither active nor interrupting */
    rig_stop_dma(r);
    rig_srst(r);
    g_assert_cmphex(rig_wait(r), ==, 0x50);
}

static void test_longer_table_stays_active(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    rig_prd(r, 0, 0x20000, 4096, true);
    rig_command(r, 0xc8, 0, 1);
    rig_start_dma(r, /* to_memory= */ true);
    rig_wait(r);
    g_assert_cmphex(bmdma_read(r->bm, 2) & 5, ==, 5);
    rig_stop_dma(r);
    g_assert_cmphex(bmdma_read(r->bm, 2) & 1, ==, 0);
}

static void test_addresses_beyond_the_disk(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    rig_command(r, 0x20, SECTORS - 1, 2);
    g_assert_cmphex(rig_wait(r), ==, 0x51);
    g_assert_cmphex(ide_reg_read(r->ch, REG_ERROR), ==, 0x10);
    rig_command_ext(r, 0x35, 0xffffffffffff, 0);
    g_assert_cmphex(rig_wait(r) & ST_ERR, ==, ST_ERR);
    rig_command(r, 0x06, 0, 1); /* TRIM without discard=on */
    g_assert_cmphex(rig_wait(r) & ST_ERR, ==, ST_ERR);
    g_assert_cmphex(ide_reg_read(r->ch, REG_ERROR), ==, 0x04);
}

static void test_set_max_hides_sectors_until_power_on(struct rig *r,
                                                      gconstpointer options G_GNUC_UNUSED)
{
    rig_command(r, 0xf9, 99, 0); /* not after READ NATIVE MAX: aborted */
    g_assert_cmphex(rig_wait(r) & ST_ERR, ==, ST_ERR);
    rig_command(r, 0xf8, 0, 0);
    rig_wait(r);
    g_assert_cmpuint(ide_reg_read(r->ch, REG_LOW), ==, (SECTORS - 1) & 0xff);
    rig_command(r, 0xf9, 99, 0);
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    rig_command(r, 0x40, 100, 1);
    g_assert_cmphex(rig_wait(r) & ST_ERR, ==, ST_ERR);
    rig_command(r, 0x40, 99, 1);
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    machine_reset(r->machine);
    rig_wait(r);
    rig_command(r, 0x40, SECTORS - 256, 0); /* VERIFY 256 */
    g_assert_cmphex(rig_wait(r), ==, 0x50);
}

static void test_trim_frees_ranges(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    uint8_t *list = r->controller->memory + 0x20000;

    store_le64(list, 8 | 16ULL << 48);
    store_le64(list + 16, 64 | 8ULL << 48); /* an empty entry before it is skipped */
    rig_prd(r, 0, 0x20000, 512, true);
    ide_reg_write(r->ch, REG_ERROR, 1);
    rig_command_ext(r, 0x06, 0, 1);
    rig_start_dma(r, /* to_memory= */ false);
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    store_le64(list, SECTORS | 1ULL << 48);
    rig_stop_dma(r);
    ide_reg_write(r->ch, REG_ERROR, 1);
    rig_command_ext(r, 0x06, 0, 1);
    rig_start_dma(r, /* to_memory= */ false);
    g_assert_cmphex(rig_wait(r) & ST_ERR, ==, ST_ERR);
}

static void test_smart(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    uint8_t buf[512], sum = 0;

    ide_reg_write(r->ch, REG_ERROR, 0xda);
    rig_command(r, 0xb0, 0xc24f00, 0);
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    g_assert_cmphex(ide_reg_read(r->ch, REG_MID), ==, 0x4f); /* healthy */
    g_assert_cmphex(ide_reg_read(r->ch, REG_HIGH), ==, 0xc2);
    ide_reg_write(r->ch, REG_ERROR, 0xd4);
    rig_command(r, 0xb0, 0xc24f01, 0); /* short self-test */
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    ide_reg_write(r->ch, REG_ERROR, 0xd5);
    rig_command(r, 0xb0, 0xc24f06, 1); /* self-test log */
    g_assert_cmphex(rig_wait(r) & ST_DRQ, ==, ST_DRQ);
    rig_read_data(r, buf, 512);
    for (unsigned i = 0; i < 512; i++) {
        sum += buf[i];
    }
    g_assert_cmpuint(sum, ==, 0);
    g_assert_cmpuint(buf[2], ==, 1);
    g_assert_cmpuint(buf[508], ==, 1);
    rig_command(r, 0xb0, 0, 0); /* without the key */
    g_assert_cmphex(rig_wait(r) & ST_ERR, ==, ST_ERR);
}

static void test_missing_units(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    struct ide_channel *empty = &r->controller->channels[1];

    ide_reg_write(r->ch, REG_DEVICE, 0xb0);
    g_assert_cmphex(ide_reg_read(r->ch, REG_STATUS), ==, 0);
    ide_reg_write(r->ch, REG_STATUS, 0xec);
    g_assert_cmphex(ide_control_read(r->ch), ==, 0);
    ide_reg_write(empty, REG_DEVICE, 0xa0);
    g_assert_cmphex(ide_reg_read(empty, REG_STATUS), ==, 0x7f);
    ide_reg_write(empty, REG_COUNT, 0x55);
    g_assert_cmphex(ide_reg_read(empty, REG_COUNT), ==, 0x7f);
    ide_reg_write(empty, REG_STATUS, 0xec);
    ide_data_write(empty, 0x1234, 2);
    ide_control_write(empty, 4);
    ide_control_write(empty, 0);
}

static void test_nien_keeps_the_line_low(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    ide_control_write(r->ch, 0x02);
    rig_command(r, 0xe7, 0, 0);
    rig_wait(r);
    g_assert_cmpint(r->irq_level, ==, 0);
    ide_control_write(r->ch, 0x00);
    g_assert_cmpint(r->irq_level, ==, 1); /* it waited */
}

static void test_software_reset_in_mid_read(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    for (unsigned i = 0; i < 50; i++) {
        rig_command(r, 0x20, i, 8);
        rig_srst(r);
        g_assert_cmphex(rig_wait(r), ==, 0x50);
        g_assert_cmpuint(ide_reg_read(r->ch, REG_COUNT), ==, 1);
        g_assert_cmpuint(ide_reg_read(r->ch, REG_LOW), ==, 1);
        g_assert_cmpuint(ide_reg_read(r->ch, REG_MID), ==, 0);
        g_assert_cmpuint(ide_reg_read(r->ch, REG_ERROR), ==, 1);
        g_assert_cmpint(r->irq_level, ==, 0);
    }
    rig_command(r, 0x20, 9, 4);
    machine_reset(r->machine);
    g_assert_cmphex(rig_wait(r), ==, 0x50);
}

static void test_sleep_ends_with_a_reset(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    rig_command(r, 0xe6, 0, 0);
    rig_wait(r);
    r->irqs = 0;
    rig_command(r, 0xe5, 0, 0); /* not heard */
    g_assert_cmpuint(r->irqs, ==, 0);
    rig_srst(r);
    rig_wait(r);
    rig_command(r, 0xe5, 0, 0);
    rig_wait(r);
    g_assert_cmphex(ide_reg_read(r->ch, REG_COUNT), ==, 0xff);
}

/* Saved in the middle of a sector, loaded after something else has happened. */
static void test_state_in_mid_transfer(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    struct device *dev = g_ptr_array_index(r->ch->bus.devices, 0);
    g_autoptr(GByteArray) state = g_byte_array_new();
    g_autoptr(GByteArray) again = g_byte_array_new();
    struct state_reader reader;
    uint8_t buf[2 * 512];
    g_autoptr(GError) err = NULL;

    rig_command(r, 0x20, 40, 2);
    rig_wait(r);
    rig_read_data(r, buf, 100);
    state_save(dev->type->state, dev, state);

    rig_srst(r);
    rig_wait(r);
    rig_command(r, 0xec, 0, 0);
    rig_wait(r);

    reader = (struct state_reader){state->data, state->len, 0};
    g_assert_true(state_load(dev->type->state, dev, &reader, &err));
    g_assert_no_error(err);
    state_save(dev->type->state, dev, again);
    g_assert_cmpmem(state->data, state->len, again->data, again->len);
    rig_read_data(r, buf + 100, sizeof(buf) - 100);
    check_pattern(buf, 40 * 512, sizeof(buf));
    g_assert_cmphex(rig_wait(r), ==, 0x50);
}

/* A stream may hold anything: it is refused, or what it gives is harmless. */
static void test_hostile_state(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    struct device *dev = g_ptr_array_index(r->ch->bus.devices, 0);
    g_autoptr(GByteArray) state = g_byte_array_new();
    GRand *rand = g_rand_new_with_seed(5);
    unsigned refused = 0;

    rig_command(r, 0x20, 40, 2);
    rig_wait(r);
    state_save(dev->type->state, dev, state);
    for (unsigned round = 0; round < 3000; round++) {
        g_autofree uint8_t *copy = g_memdup2(state->data, state->len);
        struct state_reader reader = {copy, state->len, 0};
        unsigned at = (unsigned)g_rand_int_range(rand, 0, 200);

        copy[at] = (uint8_t)g_rand_int(rand);
        if (!state_load(dev->type->state, dev, &reader, NULL)) {
            refused++;
            machine_reset(r->machine);
            rig_wait(r);
            continue;
        }
        machine_notify(r->machine, NOTICE_RUNNING);
        for (unsigned i = 0; i < 600; i++) {
            ide_data_read(r->ch, 4);
            ide_data_write(r->ch, i, 4);
        }
        rig_start_dma(r, round & 1);
        block_drain(drive_at(r->machine->blocks, DRIVE_IF_IDE, 0, 0)->block);
        rig_stop_dma(r);
        machine_reset(r->machine);
        rig_wait(r);
    }
    g_rand_free(rand);
    g_assert_cmpuint(refused, >, 0);
}

/* Any sequence of register accesses leaves a unit that a reset brings back. */
static void test_abuse(struct rig *r, gconstpointer options G_GNUC_UNUSED)
{
    GRand *rand = g_rand_new_with_seed(77);
    uint8_t buf[512];

    for (unsigned round = 0; round < 60000; round++) {
        uint32_t v = g_rand_int(rand);

        switch (v % 12) {
        case 0:
            ide_data_read(r->ch, 1u << (v >> 8) % 3);
            break;
        case 1:
            ide_data_write(r->ch, v, 1u << (v >> 8) % 3);
            break;
        case 2:
            ide_control_write(r->ch, (uint8_t)(v >> 8) & 0x86);
            break;
        case 3:
            bmdma_write(r->bm, (v >> 8) % 5, v >> 16, 1);
            break;
        case 4:
            rig_prd(r, (v >> 8) % 4, v & 0x7fffe, (uint16_t)(v >> 13), v >> 31);
            rig_start_dma(r, v >> 30 & 1);
            break;
        case 5:
            g_main_context_iteration(r->context, FALSE);
            break;
        case 6:
            for (unsigned i = 0; i < 256; i++) {
                ide_data_read(r->ch, 2);
                ide_data_write(r->ch, v, 2);
            }
            break;
        case 7:
            rig_command(r, (uint8_t)(v >> 8), (v >> 16) % (SECTORS + 3), (uint8_t)(v >> 24) % 9);
            break;
        default:
            ide_reg_write(r->ch, 1 + (v >> 8) % 7, (uint8_t)(v >> 16));
            ide_reg_read(r->ch, 1 + (v >> 11) % 7);
            break;
        }
    }
    g_rand_free(rand);
    rig_stop_dma(r);
    machine_reset(r->machine);
    g_assert_cmphex(rig_wait(r), ==, 0x50);
    rig_command(r, 0xec, 0, 0);
    g_assert_cmphex(rig_wait(r) & ST_DRQ, ==, ST_DRQ);
    rig_read_data(r, buf, 512);
    g_assert_cmpuint(buf[1] >> 7, ==, 0);
}

#define ADD(name, fn) g_test_add(name, struct rig, "media=disk", setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/identify", test_identify);
    ADD("/pio-read-interrupts-per-sector", test_pio_read_interrupts_per_sector);
    ADD("/chs-read", test_chs_read);
    ADD("/multiple-write-reaches-the-file", test_multiple_write_reaches_the_file);
    ADD("/dma-read-into-scattered-regions", test_dma_read_into_scattered_regions);
    ADD("/dma-write-longer-than-a-chunk", test_dma_write_longer_than_a_chunk);
    ADD("/short-descriptor-table-waits-until-reset", test_short_descriptor_table_waits_until_reset);
    ADD("/longer-table-stays-active", test_longer_table_stays_active);
    ADD("/addresses-beyond-the-disk", test_addresses_beyond_the_disk);
    ADD("/set-max-hides-sectors-until-power-on", test_set_max_hides_sectors_until_power_on);
    g_test_add("/trim-frees-ranges", struct rig, "media=disk,discard=unmap", setup,
               test_trim_frees_ranges, teardown);
    ADD("/smart", test_smart);
    ADD("/missing-units", test_missing_units);
    ADD("/nien-keeps-the-line-low", test_nien_keeps_the_line_low);
    ADD("/software-reset-in-mid-read", test_software_reset_in_mid_read);
    ADD("/sleep-ends-with-a-reset", test_sleep_ends_with_a_reset);
    ADD("/state-in-mid-transfer", test_state_in_mid_transfer);
    ADD("/hostile-state", test_hostile_state);
    ADD("/abuse", test_abuse);
    return g_test_run();
}
