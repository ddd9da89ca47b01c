/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PIIX3's IDE channels as a driver uses them: IDENTIFY, PIO, bus master, a CD; the host's file.
 */
#include "tests/lib/qtest.h"
#include "util/bytes.h"

#include <string.h>

enum { PRIMARY = 0x1f0, PRIMARY_CTL = 0x3f6, SECONDARY = 0x170, BM = 0xc000 };
enum { DATA, FEATURES, COUNT, LOW, MID, HIGH, DEVICE, STATUS, COMMAND = STATUS };
enum { ERR = 0x01, DRQ = 0x08, DRDY = 0x40, BSY = 0x80 };
enum { READ_PIO = 0x20, WRITE_PIO = 0x30, PACKET = 0xa0, READ_DMA = 0xc8, WRITE_DMA = 0xca };
enum { FLUSH = 0xe7, IDENTIFY = 0xec, IDENTIFY_PACKET = 0xa1 };
enum { BM_COMMAND = BM, BM_STATUS = BM + 2, BM_TABLE = BM + 4, START = 1, TO_MEMORY = 8 };
enum { SECTOR = 512, SECTORS = 2048, PRD = 0x1000, BUFFER = 0x8000, IRQ = 14 };

struct disk {
    struct qtest *q;
    uint16_t base;
    char *path;
};

static uint8_t image_byte(unsigned i)
{
    return (uint8_t)(i / SECTOR + i * 5);
}

/* What firmware does: decode the ports, place the bus master, let it master. */
static void enable(struct qtest *q)
{
    qtest_pci_write(q, 1, 1, 0x20, 4, BM | 1);
    qtest_pci_write(q, 1, 1, 0x04, 2, 0x0005);
    qtest_pci_write(q, 1, 1, 0x40, 4, 0x80008000);
}

static char *make_image(unsigned bytes)
{
    g_autofree uint8_t *image = g_malloc(bytes);

    for (unsigned i = 0; i < bytes; i++) {
        image[i] = image_byte(i);
    }
    return qtest_temp_file(image, bytes);
}

static void disk_start(struct disk *d)
{
    d->path = make_image(SECTORS * SECTOR);
    d->base = PRIMARY;
    d->q = qtest_start("-drive if=ide,index=0,format=raw,serial=abc123,file=%s", d->path);
    qtest_watch_irqs(d->q, "isa-i8259");
    enable(d->q);
}

static void cd_start(struct disk *d)
{
    d->path = make_image(64 * 2048);
    d->base = SECONDARY;
    d->q = qtest_start("-drive if=ide,index=2,media=cdrom,format=raw,file=%s", d->path);
    enable(d->q);
}

static void disk_end(struct disk *d)
{
    qtest_end(d->q);
    qtest_temp_free(d->path);
}

static uint8_t in(struct disk *d, unsigned reg)
{
    return qtest_inb(d->q, (uint16_t)(d->base + reg));
}

static void out(struct disk *d, unsigned reg, uint8_t val)
{
    qtest_outb(d->q, (uint16_t)(d->base + reg), val);
}

/* The status once the unit is not busy; reading it takes back the interrupt. */
static uint8_t wait_ready(struct disk *d)
{
    uint8_t status = in(d, STATUS);

    for (int i = 0; i < 100000 && (status & BSY); i++) {
        g_usleep(100);
        status = in(d, STATUS);
    }
    g_assert_cmphex(status & BSY, ==, 0);
    return status;
}

static void command(struct disk *d, uint8_t code, uint32_t lba, uint8_t count)
{
    out(d, DEVICE, (uint8_t)(0xe0 | lba >> 24));
    out(d, COUNT, count);
    out(d, LOW, (uint8_t)lba);
    out(d, MID, (uint8_t)(lba >> 8));
    out(d, HIGH, (uint8_t)(lba >> 16));
    out(d, COMMAND, code);
}

static void read_data(struct disk *d, uint8_t *buf, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2) {
        store_le16(buf + i, qtest_inw(d->q, d->base));
    }
}

static void write_data(struct disk *d, const uint8_t *buf, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2) {
        qtest_outw(d->q, d->base, load_le16(buf + i));
    }
}

/* Ends the emulator; the file has @data from @offset on, and its old bytes elsewhere. */
static void check_file(struct disk *d, unsigned offset, const uint8_t *data, unsigned len)
{
    g_autofree char *contents = NULL;
    gsize size;

    qtest_end(d->q);
    d->q = NULL;
    g_assert_true(g_file_get_contents(d->path, &contents, &size, NULL));
    g_assert_cmpuint(size, ==, SECTORS * SECTOR);
    g_assert_cmpmem(contents + offset, len, data, len);
    for (unsigned i = 0; i < size; i++) {
        if (i < offset || i >= offset + len) {
            g_assert_cmphex((uint8_t)contents[i], ==, image_byte(i));
        }
    }
}

/* ---- identity ---- */

static void test_ports_answer_when_they_are_decoded(void)
{
    struct qtest *q = qtest_start("-S");

    g_assert_cmphex(qtest_inb(q, PRIMARY + STATUS), ==, 0xff);
    enable(q);
    g_assert_cmphex(qtest_inb(q, PRIMARY + STATUS), !=, 0xff);
    qtest_end(q);
}

static void test_identify(void)
{
    struct disk d = {0};
    uint8_t id[SECTOR];

    disk_start(&d);
    command(&d, IDENTIFY, 0, 0);
    qtest_wait_irq(d.q, IRQ);
    g_assert_cmphex(wait_ready(&d) & (DRQ | DRDY | ERR), ==, DRQ | DRDY);
    g_assert_false(qtest_irq(d.q, IRQ));
    read_data(&d, id, sizeof(id));
    g_assert_cmphex(wait_ready(&d) & DRQ, ==, 0);
    g_assert_cmphex(load_le16(id), ==, 0x0040);
    g_assert_cmpmem(id + 20, 6, "ba1c32", 6); /* the serial number, bytes swapped */
    g_assert_cmpuint(load_le32(id + 120), ==, SECTORS);
    g_assert_cmpuint(load_le64(id + 200), ==, SECTORS);
    g_assert_cmphex(load_le16(id + 2 * 49) & 0x300, ==, 0x300); /* LBA, DMA */
    disk_end(&d);
}

static void test_absent_slave_is_not_ready(void)
{
    struct disk d = {0};

    disk_start(&d);
    out(&d, DEVICE, 0xf0);
    g_assert_cmphex(in(&d, STATUS) & (DRDY | BSY), ==, 0);
    out(&d, DEVICE, 0xe0);
    g_assert_cmphex(wait_ready(&d) & DRDY, ==, DRDY);
    disk_end(&d);
}

/* ---- PIO ---- */

static void test_pio_reads_sectors(void)
{
    struct disk d = {0};
    uint8_t buf[2 * SECTOR];

    disk_start(&d);
    command(&d, READ_PIO, 100, 2);
    for (unsigned s = 0; s < 2; s++) {
        g_assert_cmphex(wait_ready(&d) & (DRQ | ERR), ==, DRQ);
        read_data(&d, buf + s * SECTOR, SECTOR);
    }
    g_assert_cmphex(wait_ready(&d) & (DRQ | ERR), ==, 0);
    for (unsigned i = 0; i < sizeof(buf); i++) {
        g_assert_cmphex(buf[i], ==, image_byte(100 * SECTOR + i));
    }
    disk_end(&d);
}

static void test_pio_write_and_flush_reach_the_file(void)
{
    struct disk d = {0};
    uint8_t buf[SECTOR];

    disk_start(&d);
    for (unsigned i = 0; i < SECTOR; i++) {
        buf[i] = (uint8_t)~image_byte(7 * SECTOR + i);
    }
    command(&d, WRITE_PIO, 7, 1);
    g_assert_cmphex(wait_ready(&d) & (DRQ | ERR), ==, DRQ);
    write_data(&d, buf, sizeof(buf));
    g_assert_cmphex(wait_ready(&d) & (DRQ | ERR), ==, 0);
    command(&d, FLUSH, 0, 0);
    g_assert_cmphex(wait_ready(&d) & ERR, ==, 0);
    check_file(&d, 7 * SECTOR, buf, sizeof(buf));
    disk_end(&d);
}

static void test_sector_beyond_the_end_is_an_error(void)
{
    struct disk d = {0};

    disk_start(&d);
    command(&d, READ_PIO, SECTORS, 1);
    g_assert_cmphex(wait_ready(&d) & (DRQ | ERR), ==, ERR);
    g_assert_cmphex(in(&d, FEATURES), !=, 0);
    disk_end(&d);
}

static void test_unknown_command_is_aborted(void)
{
    struct disk d = {0};

    disk_start(&d);
    command(&d, 0x02, 0, 0);
    g_assert_cmphex(wait_ready(&d) & ERR, ==, ERR);
    g_assert_cmphex(in(&d, FEATURES) & 0x04, ==, 0x04);
    disk_end(&d);
}

static void test_no_interrupt_while_nien_is_set(void)
{
    struct disk d = {0};
    uint8_t id[SECTOR];

    disk_start(&d);
    qtest_outb(d.q, PRIMARY_CTL, 0x02);
    command(&d, IDENTIFY, 0, 0);
    wait_ready(&d);
    read_data(&d, id, sizeof(id));
    g_assert_cmpuint(qtest_irq_rises(d.q, IRQ), ==, 0);
    disk_end(&d);
}

/* ---- bus master ---- */

static void start_dma(struct disk *d, bool to_memory)
{
    qtest_outb(d->q, BM_COMMAND, to_memory ? TO_MEMORY : 0);
    qtest_outl(d->q, BM_TABLE, PRD);
    qtest_outb(d->q, BM_STATUS, 0x06);
    qtest_outb(d->q, BM_COMMAND, (to_memory ? TO_MEMORY : 0) | START);
}

/* Two regions of half of @bytes each, the second one somewhere else. */
static void make_table(struct disk *d, unsigned bytes)
{
    qtest_writel(d->q, PRD, BUFFER);
    qtest_writel(d->q, PRD + 4, bytes / 2);
    qtest_writel(d->q, PRD + 8, 2 * BUFFER);
    qtest_writel(d->q, PRD + 12, bytes / 2 | 0x80000000u);
}

static void test_bus_master_reads_by_its_table(void)
{
    struct disk d = {0};
    uint8_t buf[8 * SECTOR];

    disk_start(&d);
    make_table(&d, sizeof(buf));
    command(&d, READ_DMA, 16, 8);
    start_dma(&d, /* to_memory= */ true);
    qtest_wait_irq(d.q, IRQ);
    g_assert_cmphex(qtest_inb(d.q, BM_STATUS) & 0x07, ==, 0x04);
    g_assert_cmphex(wait_ready(&d) & (DRQ | ERR), ==, 0);
    qtest_outb(d.q, BM_COMMAND, 0);
    qtest_memread(d.q, BUFFER, buf, sizeof(buf) / 2);
    qtest_memread(d.q, 2 * BUFFER, buf + sizeof(buf) / 2, sizeof(buf) / 2);
    for (unsigned i = 0; i < sizeof(buf); i++) {
        g_assert_cmphex(buf[i], ==, image_byte(16 * SECTOR + i));
    }
    disk_end(&d);
}

static void test_bus_master_writes_the_file(void)
{
    struct disk d = {0};
    uint8_t buf[4 * SECTOR];

    disk_start(&d);
    for (unsigned i = 0; i < sizeof(buf); i++) {
        buf[i] = (uint8_t)(i * 11 + 1);
    }
    qtest_memwrite(d.q, BUFFER, buf, sizeof(buf) / 2);
    qtest_memwrite(d.q, 2 * BUFFER, buf + sizeof(buf) / 2, sizeof(buf) / 2);
    make_table(&d, sizeof(buf));
    command(&d, WRITE_DMA, 40, 4);
    start_dma(&d, /* to_memory= */ false);
    qtest_wait_irq(d.q, IRQ);
    g_assert_cmphex(wait_ready(&d) & (DRQ | ERR), ==, 0);
    qtest_outb(d.q, BM_COMMAND, 0);
    check_file(&d, 40 * SECTOR, buf, sizeof(buf));
    disk_end(&d);
}

static void test_table_longer_than_the_data_stays_active(void)
{
    struct disk d = {0};

    disk_start(&d);
    make_table(&d, 4 * SECTOR);
    command(&d, READ_DMA, 0, 1);
    start_dma(&d, /* to_memory= */ true);
    qtest_wait_irq(d.q, IRQ);
    g_assert_cmphex(qtest_inb(d.q, BM_STATUS) & 0x07, ==, 0x05);
    qtest_outb(d.q, BM_COMMAND, 0);
    g_assert_cmphex(qtest_inb(d.q, BM_STATUS) & 0x01, ==, 0);
    disk_end(&d);
}

/* ---- CD ---- */

static uint8_t packet(struct disk *d, const uint8_t cdb[12], uint16_t byte_limit)
{
    out(d, DEVICE, 0xa0);
    out(d, FEATURES, 0);
    out(d, MID, (uint8_t)byte_limit);
    out(d, HIGH, (uint8_t)(byte_limit >> 8));
    out(d, COMMAND, PACKET);
    g_assert_cmphex(wait_ready(d) & (DRQ | ERR), ==, DRQ);
    write_data(d, cdb, 12);
    return wait_ready(d);
}

/* After power-on the drive has something to say first. */
static void take_unit_attention(struct disk *d)
{
    static const uint8_t test_unit_ready[12] = {0};
    int tries = 0;

    while (packet(d, test_unit_ready, 0) & ERR) {
        g_assert_cmpint(tries++, <, 5);
    }
}

static void test_cd_has_its_signature(void)
{
    struct disk d = {0};
    uint8_t id[SECTOR];

    cd_start(&d);
    out(&d, DEVICE, 0xa0);
    g_assert_cmphex(in(&d, MID), ==, 0x14);
    g_assert_cmphex(in(&d, HIGH), ==, 0xeb);
    out(&d, COMMAND, IDENTIFY);
    g_assert_cmphex(wait_ready(&d) & ERR, ==, ERR);
    out(&d, COMMAND, IDENTIFY_PACKET);
    g_assert_cmphex(wait_ready(&d) & (DRQ | ERR), ==, DRQ);
    read_data(&d, id, sizeof(id));
    g_assert_cmphex(load_le16(id) & 0xff00, ==, 0x8500); /* a packet device, a CD */
    disk_end(&d);
}

static void test_cd_tells_its_capacity(void)
{
    static const uint8_t cdb[12] = {0x25};
    struct disk d = {0};
    uint8_t buf[8];

    cd_start(&d);
    take_unit_attention(&d);
    g_assert_cmphex(packet(&d, cdb, sizeof(buf)) & (DRQ | ERR), ==, DRQ);
    g_assert_cmpuint(in(&d, MID) | in(&d, HIGH) << 8, ==, sizeof(buf));
    read_data(&d, buf, sizeof(buf));
    g_assert_cmphex(wait_ready(&d) & (DRQ | ERR), ==, 0);
    g_assert_cmpuint(load_be32(buf), ==, 63);
    g_assert_cmpuint(load_be32(buf + 4), ==, 2048);
    disk_end(&d);
}

static void test_cd_reads_a_block(void)
{
    static const uint8_t cdb[12] = {0x28, 0, 0, 0, 0, 9, 0, 0, 1};
    struct disk d = {0};
    uint8_t buf[2048];

    cd_start(&d);
    take_unit_attention(&d);
    g_assert_cmphex(packet(&d, cdb, sizeof(buf)) & (DRQ | ERR), ==, DRQ);
    read_data(&d, buf, sizeof(buf));
    g_assert_cmphex(wait_ready(&d) & (DRQ | ERR), ==, 0);
    for (unsigned i = 0; i < sizeof(buf); i++) {
        g_assert_cmphex(buf[i], ==, image_byte(9 * 2048 + i));
    }
    disk_end(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ide/ports-answer-when-they-are-decoded",
                    test_ports_answer_when_they_are_decoded);
    g_test_add_func("/ide/identify", test_identify);
    g_test_add_func("/ide/absent-slave-is-not-ready", test_absent_slave_is_not_ready);
    g_test_add_func("/ide/pio-reads-sectors", test_pio_reads_sectors);
    g_test_add_func("/ide/pio-write-and-flush-reach-the-file",
                    test_pio_write_and_flush_reach_the_file);
    g_test_add_func("/ide/sector-beyond-the-end-is-an-error",
                    test_sector_beyond_the_end_is_an_error);
    g_test_add_func("/ide/unknown-command-is-aborted", test_unknown_command_is_aborted);
    g_test_add_func("/ide/no-interrupt-while-nien-is-set", test_no_interrupt_while_nien_is_set);
    g_test_add_func("/ide/bus-master-reads-by-its-table", test_bus_master_reads_by_its_table);
    g_test_add_func("/ide/bus-master-writes-the-file", test_bus_master_writes_the_file);
    g_test_add_func("/ide/table-longer-than-the-data-stays-active",
                    test_table_longer_than_the_data_stays_active);
    g_test_add_func("/ide/cd-has-its-signature", test_cd_has_its_signature);
    g_test_add_func("/ide/cd-tells-its-capacity", test_cd_tells_its_capacity);
    g_test_add_func("/ide/cd-reads-a-block", test_cd_reads_a_block);
    return g_test_run();
}
