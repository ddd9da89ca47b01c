/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware configuration device: keys by ports, the directory, requests by DMA.
 */
#include "tests/lib/qtest.h"
#include "util/bytes.h"

#include <string.h>

enum { SELECT = 0x510, DATA = 0x511, DMA_HIGH = 0x514, DMA_LOW = 0x518 };
enum { KEY_SIGNATURE = 0, KEY_ID = 1, KEY_RAM_SIZE = 3, KEY_CPUS = 5, KEY_DIR = 0x19 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };
enum { REQUEST = 0x1000, BUFFER = 0x2000, ENTRY_BYTES = 64 };

static void read_key(struct qtest *q, uint16_t key, uint8_t *buf, size_t len)
{
    qtest_outw(q, SELECT, key);
    for (size_t i = 0; i < len; i++) {
        buf[i] = qtest_inb(q, DATA);
    }
}

/* The size and key of file @name; 0 when it is not in the directory. */
static uint32_t find_file(struct qtest *q, const char *name, uint16_t *ret_key)
{
    uint8_t count[4], entry[ENTRY_BYTES];

    read_key(q, KEY_DIR, count, sizeof(count));
    for (uint32_t n = load_be32(count); n > 0; n--) {
        for (size_t i = 0; i < sizeof(entry); i++) {
            entry[i] = qtest_inb(q, DATA);
        }
        if (strcmp((char *)entry + 8, name) == 0) {
            *ret_key = load_be16(entry + 4);
            return load_be32(entry);
        }
    }
    return 0;
}

/* Runs a DMA request; what is left in its control field. */
static uint32_t run_dma(struct qtest *q, uint32_t control, uint32_t len)
{
    uint8_t request[16];

    store_be32(request, control);
    store_be32(request + 4, len);
    store_be64(request + 8, BUFFER);
    qtest_memwrite(q, REQUEST, request, sizeof(request));
    qtest_outl(q, DMA_HIGH, 0);
    qtest_outl(q, DMA_LOW, GUINT32_SWAP_LE_BE(REQUEST));
    qtest_memread(q, REQUEST, request, sizeof(request));
    return load_be32(request);
}

static void test_signature_and_id(void)
{
    struct qtest *q = qtest_start("-S");
    uint8_t buf[4];

    read_key(q, KEY_SIGNATURE, buf, sizeof(buf));
    g_assert_cmpmem(buf, 4, "QEMU", 4);
    read_key(q, KEY_ID, buf, sizeof(buf));
    g_assert_cmphex(load_le32(buf), ==, 3);
    g_assert_cmphex(qtest_inl(q, DMA_HIGH), ==, 0x554d4551); /* "QEMU" */
    g_assert_cmphex(qtest_inl(q, DMA_LOW), ==, 0x47464320);  /* " CFG" */
    qtest_end(q);
}

static void test_sizes_of_the_machine(void)
{
    struct qtest *q = qtest_start("-m 96 -smp 2");
    uint8_t buf[8];

    read_key(q, KEY_RAM_SIZE, buf, 8);
    g_assert_cmpuint(load_le64(buf), ==, 96 * MiB);
    read_key(q, KEY_CPUS, buf, 2);
    g_assert_cmpuint(load_le16(buf), ==, 2);
    qtest_end(q);
}

static void test_item_ends_in_zeros(void)
{
    struct qtest *q = qtest_start("-S");
    uint8_t buf[8];

    read_key(q, KEY_SIGNATURE, buf, sizeof(buf));
    g_assert_cmpmem(buf, 8, "QEMU\0\0\0\0", 8);
    read_key(q, 0x3fff, buf, sizeof(buf)); /* no such key */
    g_assert_cmpmem(buf, 8, "\0\0\0\0\0\0\0\0", 8);
    qtest_end(q);
}

static void test_directory_has_the_users_file(void)
{
    struct qtest *q = qtest_start("-fw_cfg name=opt/test,string=hello");
    uint16_t key = 0;
    uint8_t buf[5];

    g_assert_cmpuint(find_file(q, "opt/test", &key), ==, 5);
    read_key(q, key, buf, sizeof(buf));
    g_assert_cmpmem(buf, 5, "hello", 5);
    g_assert_cmpuint(find_file(q, "opt/other", &key), ==, 0);
    qtest_end(q);
}

static void test_directory_has_what_firmware_needs(void)
{
    static const char *const names[] = {"etc/e820", "etc/system-states", "etc/acpi/tables",
                                        "etc/acpi/rsdp", "etc/table-loader"};
    struct qtest *q = qtest_start("-S");
    uint16_t key;

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (!find_file(q, names[i], &key)) {
            g_error("there is no file %s", names[i]);
        }
    }
    qtest_end(q);
}

static void test_dma_selects_skips_and_reads(void)
{
    struct qtest *q = qtest_start("-fw_cfg name=opt/test,string=0123456789");
    uint16_t key = 0;
    uint8_t buf[4];

    find_file(q, "opt/test", &key);
    g_assert_cmphex(run_dma(q, (uint32_t)key << 16 | DMA_SELECT | DMA_SKIP, 3), ==, 0);
    g_assert_cmphex(run_dma(q, DMA_READ, 4), ==, 0);
    qtest_memread(q, BUFFER, buf, sizeof(buf));
    g_assert_cmpmem(buf, 4, "3456", 4);
    qtest_end(q);
}

static void test_dma_write_is_refused(void)
{
    struct qtest *q = qtest_start("-fw_cfg name=opt/test,string=kept");
    uint16_t key = 0;
    uint8_t buf[4];

    find_file(q, "opt/test", &key);
    g_assert_cmphex(run_dma(q, (uint32_t)key << 16 | DMA_SELECT | DMA_WRITE, 4) & DMA_ERROR, ==,
                    DMA_ERROR);
    read_key(q, key, buf, sizeof(buf));
    g_assert_cmpmem(buf, 4, "kept", 4);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fw_cfg/signature-and-id", test_signature_and_id);
    g_test_add_func("/fw_cfg/sizes-of-the-machine", test_sizes_of_the_machine);
    g_test_add_func("/fw_cfg/item-ends-in-zeros", test_item_ends_in_zeros);
    g_test_add_func("/fw_cfg/directory-has-the-users-file", test_directory_has_the_users_file);
    g_test_add_func("/fw_cfg/directory-has-what-firmware-needs",
                    test_directory_has_what_firmware_needs);
    g_test_add_func("/fw_cfg/dma-selects-skips-and-reads", test_dma_selects_skips_and_reads);
    g_test_add_func("/fw_cfg/dma-write-is-refused", test_dma_write_is_refused);
    return g_test_run();
}
