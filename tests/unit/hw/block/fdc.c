/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floppy controller with a 1.44M image: commands, DMA, non-DMA, errors, changing disks.
 */
#include "hw/block/fdc.h"

#include "block/block.h"
#include "tests/unit/hw/bare_machine.h"
#include <glib/gstdio.h>
#include <string.h>

enum { DOR = 0x3f2, MSR = 0x3f4, FIFO = 0x3f5, DIR_REG = 0x3f7, CCR = DIR_REG };
enum { SECTOR = 512, SECTORS = 2880, PER_TRACK = 18, BUFFER = 0x8000, RAM_BYTES = 1 << 20 };
enum { READ = 0xe6, WRITE = 0xc5, FORMAT = 0x4d, READ_ID = 0x4a };

struct fixture {
    struct bare box;
    struct line irq;
    struct device *fdc;
    struct ram_block *ram;
    struct region region;
    GMainContext *context;
    struct blocks *blocks;
    struct drive *drive;
    char *image;
    uint8_t result[16];
};

/* Each sector begins with its number and is filled with its low byte. */
static char *make_image(void)
{
    char *path = g_build_filename(g_get_tmp_dir(), "vitro-fdc-XXXXXX", NULL);
    g_autofree uint8_t *bytes = g_malloc(SECTORS * SECTOR);
    int fd = g_mkstemp(path);

    g_assert_cmpint(fd, >=, 0);
    g_close(fd, NULL);
    for (unsigned i = 0; i < SECTORS; i++) {
        memset(bytes + i * SECTOR, (int)(i & 0xff), SECTOR);
        bytes[i * SECTOR] = i & 0xff;
        bytes[i * SECTOR + 1] = (uint8_t)(i >> 8);
    }
    g_assert_true(g_file_set_contents(path, (char *)bytes, SECTORS * SECTOR, NULL));
    return path;
}

static void add_ram(struct fixture *f)
{
    f->ram = ram_block_new("ram", RAM_BYTES, 0, NULL);
    g_assert_nonnull(f->ram);
    machine_add_ram(f->box.m, f->ram);
    region_init_ram(&f->region, f->ram, "ram");
    region_add(&f->box.m->memory_root, 0, &f->region, 0);
}

static void setup(struct fixture *f, gconstpointer data)
{
    g_autofree char *options = NULL;

    (void)data;
    bare_init(&f->box);
    add_ram(f);
    f->box.isa.irqs[6] = line_init(&f->irq);
    f->image = make_image();
    f->context = g_main_context_new();
    f->blocks = f->box.m->blocks = blocks_new(f->context);
    options = g_strdup_printf("if=floppy,index=0,format=raw,file=%s", f->image);
    f->drive = drive_new(f->blocks, options, DRIVE_IF_FLOPPY, NULL);
    g_assert_nonnull(f->drive);
    g_assert_nonnull(isa_create(&f->box.isa, "i8257", NULL, NULL));
    f->fdc = isa_create(&f->box.isa, "isa-fdc", NULL, NULL);
    g_assert_nonnull(f->fdc);
    bare_outb(&f->box, DOR, 0x1c);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    device_free(f->fdc);
    blocks_free(f->blocks);
    f->box.m->blocks = NULL;
    g_main_context_unref(f->context);
    region_fini(&f->region);
    bare_fini(&f->box);
    g_unlink(f->image);
    g_free(f->image);
}

static uint8_t in(struct fixture *f, uint16_t port)
{
    return bare_inb(&f->box, port);
}

static void out(struct fixture *f, uint16_t port, uint8_t val)
{
    bare_outb(&f->box, port, val);
}

static void command(struct fixture *f, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        g_assert_cmphex(in(f, MSR) & 0xc0, ==, 0x80);
        out(f, FIFO, bytes[i]);
    }
}

#define COMMAND(f, ...)                                                                            \
    command(f, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* Reads @len result bytes; there are no more. */
static void results(struct fixture *f, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        g_assert_cmphex(in(f, MSR) & 0xd0, ==, 0xd0);
        f->result[i] = in(f, FIFO);
    }
    g_assert_cmphex(in(f, MSR) & 0xd0, ==, 0x80);
}

/* Lets time and the image's requests go on until the interrupt comes. */
static void wait_irq(struct fixture *f)
{
    for (int i = 0; i < 20000 && !f->irq.level; i++) {
        bare_step(&f->box, 100 * NS_PER_US);
        while (g_main_context_iteration(f->context, FALSE)) {
        }
        if (!f->irq.level) {
            g_usleep(50); /* the image is read by another thread */
        }
    }
    g_assert_cmpint(f->irq.level, ==, 1);
}

static void dma(struct fixture *f, bool to_memory, uint16_t count)
{
    out(f, 0x0a, 0x06);
    out(f, 0x0c, 0);
    out(f, 0x0b, to_memory ? 0x46 : 0x4a);
    out(f, 0x04, BUFFER & 0xff);
    out(f, 0x04, BUFFER >> 8);
    out(f, 0x05, (count - 1) & 0xff);
    out(f, 0x05, (count - 1) >> 8);
    out(f, 0x81, 0);
    out(f, 0x0a, 0x02);
}

static void seek(struct fixture *f, uint8_t cylinder)
{
    COMMAND(f, 0x0f, 0, cylinder);
    g_assert_cmpint(f->irq.level, ==, 1);
    COMMAND(f, 0x08);
    results(f, 2);
    g_assert_cmphex(f->result[0], ==, 0x20);
    g_assert_cmpuint(f->result[1], ==, cylinder);
    g_assert_cmpint(f->irq.level, ==, 0);
}

static void check_result(struct fixture *f, uint8_t st0, uint8_t st1)
{
    wait_irq(f);
    results(f, 7);
    g_assert_cmphex(f->result[0] & 0xc0, ==, st0);
    g_assert_cmphex(f->result[1], ==, st1);
    g_assert_cmpint(f->irq.level, ==, 0);
}

/* Memory holds @count sectors from number @first on. */
static void check_sectors(struct fixture *f, unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *p = f->ram->host + BUFFER + i * SECTOR;

        g_assert_cmpuint(p[0] | p[1] << 8, ==, first + i);
        g_assert_cmphex(p[SECTOR - 1], ==, (first + i) & 0xff);
    }
}

static void test_reset_is_sensed_four_times(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, DOR, 0x18);
    g_assert_cmphex(in(f, MSR), ==, 0);
    out(f, DOR, 0x1c);
    g_assert_cmpint(f->irq.level, ==, 1);
    for (unsigned i = 0; i < 4; i++) {
        COMMAND(f, 0x08);
        results(f, 2);
        g_assert_cmphex(f->result[0], ==, 0xc0 | i);
    }
    COMMAND(f, 0x08);
    results(f, 1);
    g_assert_cmphex(f->result[0], ==, 0x80);
}

static void test_identity(struct fixture *f, gconstpointer data)
{
    (void)data;
    COMMAND(f, 0x10);
    results(f, 1);
    g_assert_cmphex(f->result[0], ==, 0x90);
    COMMAND(f, 0x1f); /* there is no such command */
    results(f, 1);
    g_assert_cmphex(f->result[0], ==, 0x80);
    g_assert_cmpuint(fdc_cmos_type(f->fdc, 0), ==, 4);
    g_assert_cmpuint(fdc_cmos_type(f->fdc, 1), ==, 0);
}

static void test_recalibrate_without_a_drive_fails(struct fixture *f, gconstpointer data)
{
    (void)data;
    COMMAND(f, 0x07, 1);
    COMMAND(f, 0x08);
    results(f, 2);
    g_assert_cmphex(f->result[0], ==, 0x71);
}

static void test_sector_is_read_by_dma(struct fixture *f, gconstpointer data)
{
    (void)data;
    seek(f, 3);
    dma(f, true, SECTOR);
    COMMAND(f, READ, 0x04, 3, 1, 5, 2, PER_TRACK, 0x1b, 0xff);
    check_result(f, 0x00, 0x00);
    check_sectors(f, (3 * 2 + 1) * PER_TRACK + 4, 1);
    g_assert_cmpuint(f->result[3], ==, 3);
    g_assert_cmpuint(f->result[4], ==, 1);
    g_assert_cmpuint(f->result[5], ==, 6);
}

static void test_multi_track_reads_a_cylinder(struct fixture *f, gconstpointer data)
{
    (void)data;
    seek(f, 1);
    dma(f, true, 2 * PER_TRACK * SECTOR);
    COMMAND(f, READ, 0x00, 1, 0, 1, 2, PER_TRACK, 0x1b, 0xff);
    check_result(f, 0x00, 0x00);
    check_sectors(f, 2 * PER_TRACK, 2 * PER_TRACK);
    g_assert_cmpuint(f->result[3], ==, 2);
    g_assert_cmpuint(f->result[5], ==, 1);
}

static void test_track_ends_before_the_count(struct fixture *f, gconstpointer data)
{
    (void)data;
    dma(f, true, 4 * SECTOR);
    COMMAND(f, 0x66, 0x00, 0, 0, PER_TRACK - 1, 2, PER_TRACK, 0x1b, 0xff);
    check_result(f, 0x40, 0x80);
    check_sectors(f, PER_TRACK - 2, 2);
}

static void test_what_the_disk_does_not_have(struct fixture *f, gconstpointer data)
{
    (void)data;
    dma(f, true, SECTOR);
    COMMAND(f, READ, 0x00, 0, 0, PER_TRACK + 1, 2, PER_TRACK + 1, 0x1b, 0xff);
    check_result(f, 0x40, 0x04);
    COMMAND(f, READ, 0x00, 9, 0, 1, 2, PER_TRACK, 0x1b, 0xff); /* the heads are elsewhere */
    check_result(f, 0x40, 0x04);
    g_assert_cmphex(f->result[2], ==, 0x10);
    out(f, CCR, 2); /* 250 kbit/s on a 500 kbit/s disk */
    COMMAND(f, READ_ID, 0x00);
    check_result(f, 0x40, 0x01);
    out(f, CCR, 0);
    COMMAND(f, READ_ID, 0x00);
    check_result(f, 0x00, 0x00);
}

static void read_image(struct fixture *f, unsigned sector, uint8_t *ret)
{
    g_autofree char *bytes = NULL;
    gsize len;

    block_drain(f->drive->block);
    g_assert_true(g_file_get_contents(f->image, &bytes, &len, NULL));
    g_assert_cmpuint(len, ==, SECTORS * SECTOR);
    memcpy(ret, bytes + sector * SECTOR, SECTOR);
}

static void test_sectors_are_written(struct fixture *f, gconstpointer data)
{
    uint8_t sector[SECTOR];

    (void)data;
    memset(f->ram->host + BUFFER, 0xa5, 2 * SECTOR);
    dma(f, false, SECTOR + 100); /* the second sector is filled up with zeros */
    COMMAND(f, WRITE, 0x00, 0, 0, 3, 2, PER_TRACK, 0x1b, 0xff);
    check_result(f, 0x00, 0x00);
    read_image(f, 2, sector);
    g_assert_cmphex(sector[511], ==, 0xa5);
    read_image(f, 3, sector);
    g_assert_cmphex(sector[99], ==, 0xa5);
    g_assert_cmphex(sector[100], ==, 0x00);
    read_image(f, 4, sector);
    g_assert_cmphex(sector[0], ==, 4);
}

static void test_track_is_formatted(struct fixture *f, gconstpointer data)
{
    uint8_t sector[SECTOR];

    (void)data;
    for (uint8_t i = 0; i < PER_TRACK; i++) {
        const uint8_t id[4] = {0, 1, (uint8_t)(i + 1), 2};

        memcpy(f->ram->host + BUFFER + 4 * i, id, sizeof(id));
    }
    dma(f, false, 4 * PER_TRACK);
    COMMAND(f, FORMAT, 0x04, 2, PER_TRACK, 0x50, 0xf6);
    check_result(f, 0x00, 0x00);
    read_image(f, PER_TRACK, sector);
    g_assert_cmphex(sector[0], ==, 0xf6);
    read_image(f, 2 * PER_TRACK - 1, sector);
    g_assert_cmphex(sector[511], ==, 0xf6);
    read_image(f, 2 * PER_TRACK, sector);
    g_assert_cmphex(sector[0], ==, 36);
}

static void test_without_dma_bytes_come_by_the_port(struct fixture *f, gconstpointer data)
{
    (void)data;
    COMMAND(f, 0x03, 0xaf, 0x03); /* specify: non-DMA */
    COMMAND(f, READ & 0x7f /* one side */, 0x00, 0, 0, 7, 2, 7, 0x1b, 0xff);
    wait_irq(f);
    g_assert_cmphex(in(f, MSR) & 0xf0, ==, 0xf0);
    for (unsigned i = 0; i < SECTOR; i++) {
        uint8_t byte = in(f, FIFO);

        if (i != 1) {
            g_assert_cmphex(byte, ==, 6);
        }
    }
    check_result(f, 0x40, 0x80); /* nobody said "enough" before the track's end */
}

static void test_reset_forgets_a_request_in_flight(struct fixture *f, gconstpointer data)
{
    (void)data;
    dma(f, true, SECTOR);
    COMMAND(f, READ, 0x00, 0, 0, 1, 2, PER_TRACK, 0x1b, 0xff);
    bare_step(&f->box, 200 * NS_PER_US); /* the request is submitted */
    out(f, DOR, 0x18);
    out(f, DOR, 0x1c);
    for (unsigned i = 0; i < 4; i++) {
        COMMAND(f, 0x08);
        results(f, 2);
    }
    COMMAND(f, READ, 0x00, 0, 0, 2, 2, PER_TRACK, 0x1b, 0xff);
    check_result(f, 0x00, 0x00);
    check_sectors(f, 1, 1);
}

static void test_disk_change_until_a_step(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(in(f, DIR_REG) & 0x80, ==, 0x80);
    seek(f, 1);
    g_assert_cmphex(in(f, DIR_REG) & 0x80, ==, 0x00);
    g_assert_true(drive_eject(f->drive, /* force= */ false, NULL));
    seek(f, 2);
    g_assert_cmphex(in(f, DIR_REG) & 0x80, ==, 0x80); /* no disk */
    COMMAND(f, READ_ID, 0x00);
    check_result(f, 0x40, 0x01);
    g_assert_true(drive_change(f->drive, f->image, "raw", NULL));
    g_assert_cmphex(in(f, DIR_REG) & 0x80, ==, 0x80);
    seek(f, 0);
    g_assert_cmphex(in(f, DIR_REG) & 0x80, ==, 0x00);
}

static void test_locked_configuration_survives_reset(struct fixture *f, gconstpointer data)
{
    (void)data;
    COMMAND(f, 0x13, 0, 0x17, 0x20); /* configure: no polling, threshold 8 */
    COMMAND(f, 0x94);
    results(f, 1);
    g_assert_cmphex(f->result[0], ==, 0x10);
    out(f, DOR, 0x18);
    out(f, DOR, 0x1c);
    COMMAND(f, 0x0e);
    results(f, 10);
    g_assert_cmphex(f->result[8], ==, 0x17);
    g_assert_cmphex(f->result[9], ==, 0x20);
}

static void test_state_survives_saving(struct fixture *f, gconstpointer data)
{
    (void)data;
    seek(f, 3);
    dma(f, true, SECTOR);
    COMMAND(f, READ, 0x04, 3, 1); /* half a command */
    bare_reload(f->fdc);
    COMMAND(f, 5, 2, PER_TRACK, 0x1b, 0xff);
    bare_reload(f->fdc); /* and one that is executed */
    wait_irq(f);
    bare_reload(f->fdc); /* and results that wait */
    check_result(f, 0x00, 0x00);
    check_sectors(f, (3 * 2 + 1) * PER_TRACK + 4, 1);
}

#define ADD(name) g_test_add("/fdc/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(reset_is_sensed_four_times);
    ADD(identity);
    ADD(recalibrate_without_a_drive_fails);
    ADD(sector_is_read_by_dma);
    ADD(multi_track_reads_a_cylinder);
    ADD(track_ends_before_the_count);
    ADD(what_the_disk_does_not_have);
    ADD(sectors_are_written);
    ADD(track_is_formatted);
    ADD(without_dma_bytes_come_by_the_port);
    ADD(reset_forgets_a_request_in_flight);
    ADD(disk_change_until_a_step);
    ADD(locked_configuration_survives_reset);
    ADD(state_survives_saving);
    return g_test_run();
}
