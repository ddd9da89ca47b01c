/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of accel/kvm/slots.c: slots follow the view; read-only memory; the dirty log. */
#include "tests/unit/accel/kvm/tiny_machine.h"

#define PAYLOAD(name, code)                                                                        \
    extern const char name[], name##_end[];                                                        \
    asm(".pushsection .rodata\n.code16\n" #name ":\n" code "\n" #name "_end:\n.code64\n"           \
        ".popsection\n")

#define EXIT(status) "movb $" #status ", %al\noutb %al, $0xf4\n1: hlt\njmp 1b\n"

#define BEGIN(t)                                                                                   \
    struct tiny *t = tiny_new("on", 1, NULL);                                                      \
    if (!t) {                                                                                      \
        return;                                                                                    \
    }

static unsigned slot_count(struct tiny *t)
{
    return kvm_of(t->m->accel)->memory.slots->len;
}

static const struct kvm_slot *slot(struct tiny *t, unsigned i)
{
    return &g_array_index(kvm_of(t->m->accel)->memory.slots, struct kvm_slot, i);
}

static void test_holes_split_and_merge(void)
{
    BEGIN(t);
    struct region hole = {0};

    g_assert_cmpuint(slot_count(t), ==, 1);
    region_init_io(&hole, &tiny_mmio_ops, t, "hole", 0x20000);
    region_add(&t->m->memory_root, 0xa0000, &hole, 1);
    g_assert_cmpuint(slot_count(t), ==, 2);
    g_assert_cmphex(slot(t, 0)->size, ==, 0xa0000);
    g_assert_cmphex(slot(t, 1)->gpa, ==, 0xc0000);
    g_assert_cmphex(slot(t, 1)->offset, ==, 0xc0000);
    region_remove(&hole);
    g_assert_cmpuint(slot_count(t), ==, 1);
    g_assert_cmphex(slot(t, 0)->size, ==, TINY_RAM);
    region_fini(&hole);
    tiny_free(t);
}

static void test_aliases_of_neighbours_merge(void)
{
    BEGIN(t);
    struct region low = {0}, high = {0};

    region_remove(&t->ram_region);
    g_assert_cmpuint(slot_count(t), ==, 0);
    region_init_alias(&low, "low", &t->ram_region, 0, 1 * MiB);
    region_init_alias(&high, "high", &t->ram_region, 1 * MiB, 1 * MiB);
    region_add(&t->m->memory_root, 0, &low, 0);
    region_add(&t->m->memory_root, 1 * MiB, &high, 0);
    g_assert_cmpuint(slot_count(t), ==, 1);
    region_set_readonly(&high, true);
    g_assert_cmpuint(slot_count(t), ==, 2);
    g_assert_true(slot(t, 1)->readonly || slot(t, 0)->readonly);
    region_fini(&low);
    region_fini(&high);
    tiny_free(t);
}

/* Reads 0x20000, writes there, reads again: the ROM's byte both times, the write at its ops. */
PAYLOAD(rom_guest,
        "movw $0x2000, %ax\nmovw %ax, %ds\nmovl 0, %eax\nmovl $0x55667788, 4\n"
        "cmpl $0x11223344, %eax\njne 2f\ncmpl $0x99aabbcc, 4\njne 2f\n" EXIT(1) "2:" EXIT(2));

static void test_rom_is_read_only(void)
{
    BEGIN(t);
    struct region rom = {0};
    GError *error = NULL;
    struct ram_block *block = ram_block_new("rom", 0x1000, 0, &error);
    const uint32_t content[2] = {0x11223344, 0x99aabbcc};

    g_assert_no_error(error);
    memcpy(block->host, content, sizeof(content));
    region_init_rom(&rom, block, &tiny_mmio_ops, t, "rom");
    region_add(&t->m->memory_root, 0x20000, &rom, 1);
    tiny_load(t, 0x7c00, rom_guest, rom_guest_end);
    tiny_start_at(t, 0x7c00);
    g_assert_cmpint(tiny_run(t), ==, 1);
    g_assert_cmphex(t->regs[1], ==, 0x55667788);
    region_fini(&rom);
    tiny_free(t);
    ram_block_free(block);
}

PAYLOAD(write_pages, "movw $0x3000, %ax\nmovw %ax, %ds\nmovb $1, 0\nmovb $1, 0x2000\n" EXIT(1));

static void test_guest_writes_reach_the_dirty_bits(void)
{
    BEGIN(t);

    ram_block_watch(t->ram, DIRTY_DISPLAY);
    g_assert_true(slot(t, 0)->logged);
    ram_block_test_clear(t->ram, DIRTY_DISPLAY, 0, TINY_RAM);
    tiny_load(t, 0x7c00, write_pages, write_pages_end);
    tiny_start_at(t, 0x7c00);
    g_assert_cmpint(tiny_run(t), ==, 1);
    g_assert_false(ram_page_dirty(t->ram, DIRTY_DISPLAY, 0x30000));
    ram_block_sync_dirty(t->ram);
    g_assert_true(ram_page_dirty(t->ram, DIRTY_DISPLAY, 0x30000));
    g_assert_false(ram_page_dirty(t->ram, DIRTY_DISPLAY, 0x31000));
    g_assert_true(ram_page_dirty(t->ram, DIRTY_DISPLAY, 0x32000));
    ram_block_unwatch(t->ram, DIRTY_DISPLAY);
    g_assert_false(slot(t, 0)->logged);
    tiny_free(t);
}

static void test_log_survives_a_slot_that_leaves(void)
{
    BEGIN(t);
    struct region hole = {0};

    ram_block_watch(t->ram, DIRTY_DISPLAY);
    ram_block_test_clear(t->ram, DIRTY_DISPLAY, 0, TINY_RAM);
    tiny_load(t, 0x7c00, write_pages, write_pages_end);
    tiny_start_at(t, 0x7c00);
    g_assert_cmpint(tiny_run(t), ==, 1);
    region_init_io(&hole, &tiny_mmio_ops, t, "hole", 0x1000);
    region_add(&t->m->memory_root, 0xa0000, &hole, 1);
    g_assert_true(ram_page_dirty(t->ram, DIRTY_DISPLAY, 0x30000));
    region_fini(&hole);
    tiny_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/holes-split-and-merge", test_holes_split_and_merge);
    g_test_add_func("/aliases-of-neighbours-merge", test_aliases_of_neighbours_merge);
    g_test_add_func("/rom-is-read-only", test_rom_is_read_only);
    g_test_add_func("/guest-writes-reach-the-dirty-bits", test_guest_writes_reach_the_dirty_bits);
    g_test_add_func("/log-survives-a-slot-that-leaves", test_log_survives_a_slot_that_leaves);
    return g_test_run();
}
