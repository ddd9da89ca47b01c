/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floppy controller with an image: reset, sectors by DMA both ways, the host's file.
 */
#include "tests/lib/qtest.h"

#include <string.h>

enum { DOR = 0x3f2, MSR = 0x3f4, FIFO = 0x3f5, IRQ = 6 };
enum { SECTOR = 512, SECTORS = 2880, PER_TRACK = 18, BUFFER = 0x8000 };
enum { SENSE_INTERRUPT = 0x08, SEEK = 0x0f, READ = 0x46, WRITE = 0x45 };

struct floppy {
    struct qtest *q;
    char *path;
    uint8_t result[7];
};

static void floppy_start(struct floppy *f)
{
    g_autofree uint8_t *image = g_malloc(SECTORS * SECTOR);

    for (unsigned i = 0; i < SECTORS; i++) {
        memset(image + i * SECTOR, (int)(i & 0xff), SECTOR);
    }
    f->path = qtest_temp_file(image, SECTORS * SECTOR);
    f->q = qtest_start("-drive if=floppy,index=0,format=raw,file=%s", f->path);
    qtest_watch_irqs(f->q, "isa-i8259");
    qtest_outb(f->q, DOR, 0x18);
    qtest_outb(f->q, DOR, 0x1c); /* drive A with its motor, DMA */
}

static void floppy_end(struct floppy *f)
{
    qtest_end(f->q);
    qtest_temp_free(f->path);
}

static void command(struct floppy *f, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        g_assert_cmphex(qtest_inb(f->q, MSR) & 0xc0, ==, 0x80);
        qtest_outb(f->q, FIFO, bytes[i]);
    }
}

#define COMMAND(f, ...)                                                                            \
    command(f, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void results(struct floppy *f, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        g_assert_cmphex(qtest_inb(f->q, MSR) & 0xc0, ==, 0xc0);
        f->result[i] = qtest_inb(f->q, FIFO);
    }
    g_assert_cmphex(qtest_inb(f->q, MSR) & 0xc0, ==, 0x80);
}

static void sense_reset(struct floppy *f)
{
    for (unsigned i = 0; i < 4; i++) {
        COMMAND(f, SENSE_INTERRUPT);
        results(f, 2);
        g_assert_cmphex(f->result[0], ==, 0xc0 | i);
    }
}

/* The controller's steps are on virtual time, the image is read in real time. */
static void wait_for_interrupt(struct floppy *f)
{
    for (int i = 0; i < 20000 && !qtest_irq(f->q, IRQ); i++) {
        qtest_clock_step(f->q, 100 * NS_PER_US);
        g_usleep(100);
    }
    g_assert_true(qtest_irq(f->q, IRQ));
}

static void seek(struct floppy *f, uint8_t cylinder)
{
    COMMAND(f, SEEK, 0, cylinder);
    wait_for_interrupt(f);
    COMMAND(f, SENSE_INTERRUPT);
    results(f, 2);
    g_assert_cmphex(f->result[0], ==, 0x20);
    g_assert_cmpuint(f->result[1], ==, cylinder);
}

/* Channel 2 for @count bytes at BUFFER. */
static void program_dma(struct floppy *f, bool to_memory, uint16_t count)
{
    qtest_outb(f->q, 0x0a, 0x06);
    qtest_outb(f->q, 0x0c, 0);
    qtest_outb(f->q, 0x0b, to_memory ? 0x46 : 0x4a);
    qtest_outb(f->q, 0x04, BUFFER & 0xff);
    qtest_outb(f->q, 0x04, BUFFER >> 8);
    qtest_outb(f->q, 0x05, (count - 1) & 0xff);
    qtest_outb(f->q, 0x05, (uint8_t)((count - 1) >> 8));
    qtest_outb(f->q, 0x81, 0);
    qtest_outb(f->q, 0x0a, 0x02);
}

static void transfer(struct floppy *f, uint8_t code, uint8_t cylinder, uint8_t head, uint8_t sector)
{
    COMMAND(f, code, (uint8_t)(head << 2), cylinder, head, sector, 2, PER_TRACK, 0x1b, 0xff);
    wait_for_interrupt(f);
    results(f, 7);
}

static void test_reset_is_sensed_for_four_drives(void)
{
    struct floppy f = {0};

    floppy_start(&f);
    g_assert_true(qtest_irq(f.q, IRQ));
    sense_reset(&f);
    g_assert_false(qtest_irq(f.q, IRQ));
    COMMAND(&f, SENSE_INTERRUPT); /* nothing left */
    results(&f, 1);
    g_assert_cmphex(f.result[0], ==, 0x80);
    floppy_end(&f);
}

static void test_sectors_are_read_by_dma(void)
{
    struct floppy f = {0};
    uint8_t buf[2 * SECTOR];
    const unsigned first = (3 * 2 + 1) * PER_TRACK + 4;

    floppy_start(&f);
    sense_reset(&f);
    seek(&f, 3);
    program_dma(&f, /* to_memory= */ true, sizeof(buf));
    transfer(&f, READ, 3, 1, 5);
    g_assert_cmphex(f.result[0] & 0xc0, ==, 0);
    qtest_memread(f.q, BUFFER, buf, sizeof(buf));
    for (unsigned i = 0; i < sizeof(buf); i++) {
        g_assert_cmphex(buf[i], ==, (first + i / SECTOR) & 0xff);
    }
    floppy_end(&f);
}

static void test_written_sector_is_in_the_file(void)
{
    struct floppy f = {0};
    g_autofree char *contents = NULL;
    uint8_t buf[SECTOR];
    gsize len;

    floppy_start(&f);
    sense_reset(&f);
    memset(buf, 0xa7, sizeof(buf));
    qtest_memwrite(f.q, BUFFER, buf, sizeof(buf));
    program_dma(&f, /* to_memory= */ false, sizeof(buf));
    transfer(&f, WRITE, 0, 0, 2);
    g_assert_cmphex(f.result[0] & 0xc0, ==, 0);
    qtest_end(f.q);
    g_assert_true(g_file_get_contents(f.path, &contents, &len, NULL));
    g_assert_cmpuint(len, ==, SECTORS * SECTOR);
    g_assert_cmpmem(contents + SECTOR, SECTOR, buf, sizeof(buf));
    g_assert_cmphex(contents[2 * SECTOR], ==, 2);
    qtest_temp_free(f.path);
}

static void test_sector_that_does_not_exist(void)
{
    struct floppy f = {0};

    floppy_start(&f);
    sense_reset(&f);
    program_dma(&f, /* to_memory= */ true, SECTOR);
    transfer(&f, READ, 0, 0, PER_TRACK + 1);
    g_assert_cmphex(f.result[0] & 0xc0, ==, 0x40);
    g_assert_cmphex(f.result[1] & 0x04, ==, 0x04);
    floppy_end(&f);
}

static void test_cmos_names_the_drive(void)
{
    struct floppy f = {0};

    floppy_start(&f);
    qtest_outb(f.q, 0x70, 0x10);
    g_assert_cmphex(qtest_inb(f.q, 0x71), ==, 0x40); /* 1.44M, no second one */
    floppy_end(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fdc/reset-is-sensed-for-four-drives", test_reset_is_sensed_for_four_drives);
    g_test_add_func("/fdc/sectors-are-read-by-dma", test_sectors_are_read_by_dma);
    g_test_add_func("/fdc/written-sector-is-in-the-file", test_written_sector_is_in_the_file);
    g_test_add_func("/fdc/sector-that-does-not-exist", test_sector_that_does_not_exist);
    g_test_add_func("/fdc/cmos-names-the-drive", test_cmos_names_the_drive);
    return g_test_run();
}
