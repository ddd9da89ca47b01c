/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flattening of region trees, accesses through views, dirty bitmaps.
 */
#include "memory/memory.h"
#include "util/bytes.h"
#include "util/rcu.h"
#include <string.h>

struct fixture {
    struct region root;
    struct address_space as;
    struct lock lock;
    struct ram_block *block;
    struct region ram;
};

static uint64_t last_write;
static uint64_t last_offset;
static unsigned last_size;
static unsigned calls;

static uint64_t io_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque;
    calls++;
    last_offset = offset;
    last_size = size;
    return 0x1122334455667788ULL >> (8 * (offset & 7));
}

static void io_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    (void)opaque;
    calls++;
    last_offset = offset;
    last_write = val;
    last_size = size;
}

static const struct region_ops plain_ops = {.read = io_read, .write = io_write};
static const struct region_ops byte_ops = {.read = io_read, .write = io_write, .max_size = 1};
static const struct region_ops long_ops = {
    .read = io_read, .write = io_write, .min_size = 4, .max_size = 4};

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    calls = 0;
    lock_init(&f->lock);
    region_init_container(&f->root, "root", UINT64_MAX);
    address_space_init(&f->as, &f->root, "test", &f->lock);
    f->block = ram_block_new("ram", 64 * KiB, 0, NULL);
    g_assert_nonnull(f->block);
    region_init_ram(&f->ram, f->block, "ram");
    region_add(&f->root, 0, &f->ram, 0);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    region_fini(&f->ram);
    address_space_fini(&f->as);
    region_fini(&f->root);
    ram_block_free(f->block);
    lock_fini(&f->lock);
}

static void test_ram_round_trip(struct fixture *f, gconstpointer data)
{
    enum mem_result result;

    (void)data;
    address_space_store(&f->as, 0x1234, 0xdeadbeef, 4, MEM_ATTRS_NONE);
    g_assert_cmphex(address_space_load(&f->as, 0x1234, 4, MEM_ATTRS_NONE, &result), ==, 0xdeadbeef);
    g_assert_cmpint(result, ==, MEM_OK);
    g_assert_cmphex(load_le32(f->block->host + 0x1234), ==, 0xdeadbeef);
}

static void test_unassigned_reads_ones(struct fixture *f, gconstpointer data)
{
    enum mem_result result;

    (void)data;
    g_assert_cmphex(address_space_load(&f->as, 0x20000, 4, MEM_ATTRS_NONE, &result), ==,
                    0xffffffff);
    g_assert_cmpint(result, ==, MEM_UNASSIGNED);
}

static void test_higher_priority_wins_and_rest_shows(struct fixture *f, gconstpointer data)
{
    struct region io;

    (void)data;
    region_init_io(&io, &plain_ops, NULL, "io", 0x1000);
    region_add(&f->root, 0x2000, &io, 1);
    g_assert_cmpuint(f->as.view->count, ==, 3);
    address_space_load(&f->as, 0x2004, 4, MEM_ATTRS_NONE, NULL);
    g_assert_cmphex(last_offset, ==, 4);
    address_space_store(&f->as, 0x3000, 1, 1, MEM_ATTRS_NONE);
    g_assert_cmpint(f->block->host[0x3000], ==, 1);
    region_set_enabled(&io, false);
    g_assert_cmpuint(f->as.view->count, ==, 1);
    region_fini(&io);
}

static void test_alias_follows_offset_and_readonly(struct fixture *f, gconstpointer data)
{
    struct region alias;

    (void)data;
    f->block->host[0x5000] = 0x55;
    f->block->host[0x6000] = 0x66;
    region_init_alias(&alias, "alias", &f->ram, 0x5000, 0x1000);
    region_add(&f->root, 0x100000, &alias, 0);
    g_assert_cmphex(address_space_load(&f->as, 0x100000, 1, MEM_ATTRS_NONE, NULL), ==, 0x55);
    region_set_alias_offset(&alias, 0x6000);
    g_assert_cmphex(address_space_load(&f->as, 0x100000, 1, MEM_ATTRS_NONE, NULL), ==, 0x66);
    region_set_readonly(&alias, true);
    g_assert_cmpint(address_space_store(&f->as, 0x100000, 1, 1, MEM_ATTRS_NONE), ==, MEM_REFUSED);
    g_assert_cmphex(f->block->host[0x6000], ==, 0x66);
    region_fini(&alias);
}

/* A window onto a container elsewhere: changes of that tree reach our view. */
static void test_alias_of_foreign_tree_is_refreshed(struct fixture *f, gconstpointer data)
{
    struct region pci, window, bar;

    (void)data;
    region_init_container(&pci, "pci", UINT64_MAX);
    region_init_alias(&window, "window", &pci, 0xe0000000, 0x10000000);
    region_add(&f->root, 0xe0000000, &window, 0);
    region_init_io(&bar, &plain_ops, NULL, "bar", 0x1000);
    region_add(&pci, 0xe1000000, &bar, 0);
    address_space_load(&f->as, 0xe1000008, 4, MEM_ATTRS_NONE, NULL);
    g_assert_cmphex(last_offset, ==, 8);
    region_fini(&bar);
    calls = 0;
    address_space_load(&f->as, 0xe1000008, 4, MEM_ATTRS_NONE, NULL);
    g_assert_cmpuint(calls, ==, 0);
    region_fini(&window);
    region_fini(&pci);
}

static void test_whole_space_is_covered(struct fixture *f, gconstpointer data)
{
    struct region all;

    (void)data;
    region_init_io(&all, &plain_ops, NULL, "all", UINT64_MAX);
    region_add(&f->root, 0, &all, -1);
    g_assert_cmpuint(f->as.view->count, ==, 2);
    g_assert_cmphex(f->as.view->ranges[1].last, ==, UINT64_MAX);
    address_space_load(&f->as, UINT64_MAX, 1, MEM_ATTRS_NONE, NULL);
    g_assert_cmphex(last_offset, ==, UINT64_MAX);
    region_fini(&all);
}

static void test_width_rules(struct fixture *f, gconstpointer data)
{
    struct region bytes, longs;

    (void)data;
    region_init_io(&bytes, &byte_ops, NULL, "bytes", 0x100);
    region_init_io(&longs, &long_ops, NULL, "longs", 0x100);
    region_add(&f->root, 0x20000, &bytes, 0);
    region_add(&f->root, 0x21000, &longs, 0);
    g_assert_cmphex(address_space_load(&f->as, 0x20000, 4, MEM_ATTRS_NONE, NULL), ==, 0x55667788);
    g_assert_cmpuint(calls, ==, 4);
    calls = 0;
    g_assert_cmphex(address_space_load(&f->as, 0x21002, 1, MEM_ATTRS_NONE, NULL), ==, 0x66);
    g_assert_cmpuint(last_size, ==, 4);
    g_assert_cmpuint(calls, ==, 1);
    calls = 0;
    address_space_store(&f->as, 0x21000, 0x1122334455667788ULL, 8, MEM_ATTRS_NONE);
    g_assert_cmpuint(calls, ==, 2);
    g_assert_cmphex(last_write, ==, 0x11223344);
    region_fini(&bytes);
    region_fini(&longs);
}

static struct address_space *reentrant_space;
static struct io_guard reentrant_guard;
static enum mem_result reentrant_result;

static void reentrant_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    (void)opaque, (void)val, (void)size;
    calls++;
    reentrant_result = address_space_store(reentrant_space, 0x20000 + offset, 1, 4, MEM_ATTRS_DMA);
}

static const struct region_ops reentrant_ops = {.write = reentrant_write};

static void test_dma_into_own_registers_is_refused(struct fixture *f, gconstpointer data)
{
    struct region io;

    (void)data;
    reentrant_space = &f->as;
    region_init_io(&io, &reentrant_ops, NULL, "self", 0x100);
    io.guard = &reentrant_guard;
    region_add(&f->root, 0x20000, &io, 0);
    address_space_store(&f->as, 0x20000, 1, 4, MEM_ATTRS_NONE);
    g_assert_cmpuint(calls, ==, 1);
    g_assert_cmpint(reentrant_result, ==, MEM_REFUSED);
    g_assert_false(reentrant_guard.engaged);
    region_fini(&io);
}

static void test_dirty_bits_per_client(struct fixture *f, gconstpointer data)
{
    (void)data;
    ram_block_watch(f->block, DIRTY_DISPLAY);
    g_assert_true(ram_block_test_clear(f->block, DIRTY_DISPLAY, 0, 64 * KiB));
    g_assert_false(ram_block_test_clear(f->block, DIRTY_DISPLAY, 0, 64 * KiB));
    address_space_store(&f->as, 0x2ffe, 0, 4, MEM_ATTRS_NONE); /* crosses into page 3 */
    g_assert_true(ram_page_dirty(f->block, DIRTY_DISPLAY, 0x2000));
    g_assert_true(ram_page_dirty(f->block, DIRTY_DISPLAY, 0x3000));
    g_assert_false(ram_page_dirty(f->block, DIRTY_DISPLAY, 0x1000));
    g_assert_false(ram_page_dirty(f->block, DIRTY_DISPLAY, 0x4000));
}

static unsigned code_writes;

static void code_written(void *opaque, struct ram_block *b, uint64_t offset, uint64_t len)
{
    (void)opaque, (void)b, (void)offset, (void)len;
    code_writes++;
}

static void test_code_pages_are_reported(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->block->code_written = code_written;
    ram_block_watch(f->block, DIRTY_CODE);
    address_space_store(&f->as, 0x1000, 0, 4, MEM_ATTRS_NONE);
    g_assert_cmpuint(code_writes, ==, 0);
    ram_block_test_clear(f->block, DIRTY_CODE, 0x1000, 1);
    address_space_store(&f->as, 0x1000, 0, 4, MEM_ATTRS_NONE);
    g_assert_cmpuint(code_writes, ==, 1);
}

struct changes {
    struct view_listener listener;
    unsigned count;
};

static void count_change(struct view_listener *l, const struct view *old_view,
                         const struct view *new_view)
{
    (void)old_view, (void)new_view;
    container_of(l, struct changes, listener)->count++;
}

static void test_batch_tells_listeners_once(struct fixture *f, gconstpointer data)
{
    struct changes c = {.listener.changed = count_change};
    struct region a, b;

    (void)data;
    address_space_listen(&f->as, &c.listener);
    g_assert_cmpuint(c.count, ==, 1);
    region_init_io(&a, &plain_ops, NULL, "a", 16);
    region_init_io(&b, &plain_ops, NULL, "b", 16);
    address_space_begin(&f->as);
    region_add(&f->root, 0x20000, &a, 0);
    region_add(&f->root, 0x30000, &b, 0);
    address_space_commit(&f->as);
    g_assert_cmpuint(c.count, ==, 2);
    address_space_unlisten(&f->as, &c.listener);
    region_fini(&a);
    region_fini(&b);
    g_assert_cmpuint(c.count, ==, 2);
}

static void test_more_ram_than_host_is_refused(void)
{
    g_autoptr(GError) err = NULL;

    g_assert_null(ram_block_new("pc.ram", 1ULL << 50, 0, &err));
    g_assert_nonnull(strstr(err->message, "use a smaller -m"));
}

#define ADD(name) g_test_add("/view/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(ram_round_trip);
    ADD(unassigned_reads_ones);
    ADD(higher_priority_wins_and_rest_shows);
    ADD(alias_follows_offset_and_readonly);
    ADD(alias_of_foreign_tree_is_refreshed);
    ADD(whole_space_is_covered);
    ADD(width_rules);
    ADD(dma_into_own_registers_is_refused);
    ADD(dirty_bits_per_client);
    ADD(code_pages_are_reported);
    ADD(batch_tells_listeners_once);
    g_test_add_func("/ram/more_than_host_is_refused", test_more_ram_than_host_is_refused);
    return g_test_run();
}
