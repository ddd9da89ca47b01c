/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware configuration device: selector, directory, DMA, what guests get wrong.
 */
#include "hw/misc/fw_cfg.h"

#include "tests/unit/hw/bare_machine.h"
#include "util/bytes.h"
#include <string.h>

enum { RAM_BYTES = 1 << 20, REQUEST = 0x1000, TARGET = 0x2000 };

struct fixture {
    struct bare b;
    struct region ram;
    unsigned fills;
};

static void setup(struct fixture *f, gconstpointer data)
{
    struct ram_block *block = ram_block_new("ram", RAM_BYTES, 0, NULL);

    (void)data;
    bare_init(&f->b);
    g_assert_nonnull(block);
    machine_add_ram(f->b.m, block);
    region_init_ram(&f->ram, block, "ram");
    region_add(&f->b.m->memory_root, 0, &f->ram, 0);
    g_assert_true(fw_cfg_create(f->b.m, NULL));
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    region_fini(&f->ram);
    bare_fini(&f->b);
}

static void choose(struct fixture *f, uint16_t key)
{
    address_space_store(&f->b.m->io, FW_CFG_IO_BASE, key, 2, MEM_ATTRS_NONE);
}

static uint8_t next(struct fixture *f)
{
    return bare_inb(&f->b, FW_CFG_IO_BASE + 1);
}

/* The key of file @name by the directory, 0 when it is not there. */
static uint16_t key_of(struct fixture *f, const char *name, uint32_t *ret_size)
{
    uint8_t count[4], entry[64];

    choose(f, FW_CFG_FILE_DIR);
    for (unsigned i = 0; i < sizeof(count); i++) {
        count[i] = next(f);
    }
    for (uint32_t n = load_be32(count); n; n--) {
        for (unsigned i = 0; i < sizeof(entry); i++) {
            entry[i] = next(f);
        }
        if (!strcmp((char *)entry + 8, name)) {
            *ret_size = load_be32(entry);
            return load_be16(entry + 4);
        }
    }
    return 0;
}

/* Runs a DMA request and returns what its control field holds then. */
static uint32_t dma(struct fixture *f, uint32_t control, uint32_t len, uint64_t gpa)
{
    uint8_t request[16];

    store_be32(request, control);
    store_be32(request + 4, len);
    store_be64(request + 8, gpa);
    address_space_write(&f->b.m->memory, REQUEST, request, sizeof(request), MEM_ATTRS_NONE);
    address_space_store(&f->b.m->io, FW_CFG_IO_BASE + 8, GUINT32_SWAP_LE_BE(REQUEST), 4,
                        MEM_ATTRS_NONE);
    return GUINT32_SWAP_LE_BE((uint32_t)bare_load(&f->b, REQUEST, 4));
}

static void test_signature_and_id(struct fixture *f, gconstpointer data)
{
    (void)data;
    choose(f, FW_CFG_SIGNATURE);
    g_assert_cmpuint(next(f), ==, 'Q');
    g_assert_cmpuint(next(f), ==, 'E');
    g_assert_cmpuint(next(f), ==, 'M');
    g_assert_cmpuint(next(f), ==, 'U');
    g_assert_cmpuint(next(f), ==, 0); /* behind the end */
    choose(f, FW_CFG_ID);
    g_assert_cmpuint(next(f), ==, 3);
    g_assert_cmphex(address_space_load(&f->b.m->io, FW_CFG_IO_BASE + 4, 4, MEM_ATTRS_NONE, NULL),
                    ==, 0x554d4551); /* "QEMU" */
}

static void test_files_are_in_the_directory(struct fixture *f, gconstpointer data)
{
    uint32_t size = 0;
    uint16_t key;

    (void)data;
    g_assert_true(fw_cfg_add_u16(f->b.m, "etc/one", 0x1234, NULL));
    g_assert_true(fw_cfg_add_string(f->b.m, "etc/two", "text", NULL));
    g_assert_false(fw_cfg_add_u16(f->b.m, "etc/one", 1, NULL));
    key = key_of(f, "etc/two", &size);
    g_assert_cmpuint(size, ==, 5);
    choose(f, key);
    g_assert_cmpuint(next(f), ==, 't');
    key = key_of(f, "etc/one", &size);
    choose(f, key);
    g_assert_cmphex(next(f), ==, 0x34);
    g_assert_cmphex(next(f), ==, 0x12);
}

static void test_dma_copies_and_pads(struct fixture *f, gconstpointer data)
{
    uint32_t size;
    uint16_t key;

    (void)data;
    g_assert_true(fw_cfg_add_string(f->b.m, "etc/text", "abc", NULL));
    bare_store(&f->b, TARGET, 0xffffffffffffffffULL, 8);
    key = key_of(f, "etc/text", &size);
    g_assert_cmphex(dma(f, (uint32_t)key << 16 | 0xa, 6, TARGET), ==, 0);
    g_assert_cmphex(bare_load(&f->b, TARGET, 8), ==, 0xffff000000636261ULL);
    g_assert_cmphex(dma(f, (uint32_t)key << 16 | 0x8, 0, 0), ==, 0);
    g_assert_cmphex(dma(f, 0x4, 1, 0), ==, 0); /* skip */
    g_assert_cmpuint(next(f), ==, 'b');
}

static void test_bad_dma_fails_and_nothing_else(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(dma(f, 0xa, 0xffffffff, RAM_BYTES), ==, 1);
    g_assert_cmphex(dma(f, 0x10, 4, TARGET), ==, 1); /* writing is not possible */
    /* a request where there is no memory */
    address_space_store(&f->b.m->io, FW_CFG_IO_BASE + 4, 0xffffffff, 4, MEM_ATTRS_NONE);
    address_space_store(&f->b.m->io, FW_CFG_IO_BASE + 8, 0, 4, MEM_ATTRS_NONE);
    choose(f, 0x3fff);
    g_assert_cmpuint(next(f), ==, 0);
    choose(f, FW_CFG_SIGNATURE);
    g_assert_cmpuint(next(f), ==, 'Q');
}

static void fill(void *opaque, uint8_t *bytes, size_t len)
{
    struct fixture *f = opaque;

    f->fills++;
    memset(bytes, (int)f->fills, len);
}

static void test_computed_files_are_made_when_selected(struct fixture *f, gconstpointer data)
{
    uint32_t size;
    uint16_t key;

    (void)data;
    g_assert_true(fw_cfg_add_computed(f->b.m, "etc/now", 2, fill, f, NULL));
    key = key_of(f, "etc/now", &size);
    g_assert_cmpuint(f->fills, ==, 0);
    choose(f, key);
    g_assert_cmpuint(next(f), ==, 1);
    choose(f, key);
    g_assert_cmpuint(next(f), ==, 2);
}

static void test_options_make_files(struct fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    uint32_t size;

    (void)data;
    g_ptr_array_add(f->b.m->fw_cfg_options, g_strdup("opt/x,string=a,,b"));
    g_assert_true(fw_cfg_add_options(f->b.m, NULL));
    g_assert_cmpuint(key_of(f, "opt/x", &size), !=, 0);
    g_assert_cmpuint(size, ==, 3);
    g_ptr_array_set_size(f->b.m->fw_cfg_options, 0);
    g_ptr_array_add(f->b.m->fw_cfg_options, g_strdup("name=opt/y"));
    g_assert_false(fw_cfg_add_options(f->b.m, &error));
}

#define TEST(name, fn) g_test_add(name, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("/signature", test_signature_and_id);
    TEST("/directory", test_files_are_in_the_directory);
    TEST("/dma/read", test_dma_copies_and_pads);
    TEST("/dma/hostile", test_bad_dma_fails_and_nothing_else);
    TEST("/computed", test_computed_files_are_made_when_selected);
    TEST("/options", test_options_make_files);
    return g_test_run();
}
