/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DMA controllers: programming a channel, and what a device on it then moves.
 */
#include "tests/unit/hw/bare_machine.h"

#include <string.h>

enum { RAM_BYTES = 1 << 20 };
enum { MODE_TO_MEMORY = 0x44, MODE_FROM_MEMORY = 0x48, MODE_VERIFY = 0x40, MODE_AUTO = 0x10 };

struct fixture {
    struct bare box;
    struct ram_block *ram;
    struct region region;
    struct device *dev;
    uint8_t buf[64];
    bool tc;
};

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_init(&f->box);
    f->ram = ram_block_new("ram", RAM_BYTES, 0, NULL);
    g_assert_nonnull(f->ram);
    machine_add_ram(f->box.m, f->ram);
    region_init_ram(&f->region, f->ram, "ram");
    region_add(&f->box.m->memory_root, 0, &f->region, 0);
    f->dev = isa_create(&f->box.isa, "i8257", NULL, NULL);
    g_assert_nonnull(f->dev);
    for (size_t i = 0; i < sizeof(f->buf); i++) {
        f->buf[i] = (uint8_t)(i + 1);
    }
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    region_fini(&f->region);
    bare_fini(&f->box);
}

static void out(struct fixture *f, uint16_t port, uint8_t val)
{
    bare_outb(&f->box, port, val);
}

/* Channel 2: @count bytes at @addr. */
static void program(struct fixture *f, uint8_t mode, uint32_t addr, uint16_t count)
{
    out(f, 0x0a, 0x06);
    out(f, 0x0c, 0);
    out(f, 0x0b, mode | 2);
    out(f, 0x04, addr & 0xff);
    out(f, 0x04, addr >> 8 & 0xff);
    out(f, 0x05, (count - 1) & 0xff);
    out(f, 0x05, (count - 1) >> 8);
    out(f, 0x81, addr >> 16 & 0xff);
    out(f, 0x0a, 0x02);
}

static size_t transfer(struct fixture *f, unsigned channel, size_t len, bool to_memory)
{
    return f->box.isa.dma->transfer(f->box.isa.dma_opaque, channel, f->buf, len, to_memory, &f->tc);
}

static unsigned read_word(struct fixture *f, uint16_t port)
{
    unsigned low;

    out(f, 0x0c, 0);
    low = bare_inb(&f->box, port);
    return low | (unsigned)bare_inb(&f->box, port) << 8;
}

static void test_bytes_go_to_memory_until_the_count_ends(struct fixture *f, gconstpointer data)
{
    (void)data;
    program(f, MODE_TO_MEMORY, 0x12340, 24);
    g_assert_cmpuint(transfer(f, 2, 16, true), ==, 16);
    g_assert_false(f->tc);
    g_assert_cmphex(read_word(f, 0x04), ==, 0x2350);
    g_assert_cmphex(read_word(f, 0x05), ==, 7);
    g_assert_cmpuint(transfer(f, 2, 16, true), ==, 8);
    g_assert_true(f->tc);
    g_assert_cmpint(memcmp(f->ram->host + 0x12340, f->buf, 16), ==, 0);
    g_assert_cmpint(memcmp(f->ram->host + 0x12350, f->buf, 8), ==, 0);
    g_assert_cmphex(f->ram->host[0x12358], ==, 0);
    g_assert_cmphex(bare_inb(&f->box, 0x08), ==, 0x04); /* terminal count, once */
    g_assert_cmphex(bare_inb(&f->box, 0x08), ==, 0x00);
    g_assert_cmpuint(transfer(f, 2, 16, true), ==, 0); /* masked by the end */
}

static void test_bytes_come_from_memory(struct fixture *f, gconstpointer data)
{
    (void)data;
    memset(f->ram->host + 0x500, 0x5a, 8);
    program(f, MODE_FROM_MEMORY, 0x500, 8);
    g_assert_cmpuint(transfer(f, 2, 8, false), ==, 8);
    g_assert_cmphex(f->buf[7], ==, 0x5a);
    g_assert_cmphex(f->buf[8], ==, 9);
}

static void test_wrong_direction_moves_nothing(struct fixture *f, gconstpointer data)
{
    (void)data;
    program(f, MODE_FROM_MEMORY, 0x500, 8);
    g_assert_cmpuint(transfer(f, 2, 8, true), ==, 0);
}

static void test_verify_counts_without_memory(struct fixture *f, gconstpointer data)
{
    (void)data;
    program(f, MODE_VERIFY, 0x500, 8);
    g_assert_cmpuint(transfer(f, 2, 8, true), ==, 8);
    g_assert_true(f->tc);
    g_assert_cmphex(f->ram->host[0x500], ==, 0);
}

static void test_auto_init_starts_anew(struct fixture *f, gconstpointer data)
{
    (void)data;
    program(f, MODE_TO_MEMORY | MODE_AUTO, 0x600, 4);
    g_assert_cmpuint(transfer(f, 2, 4, true), ==, 4);
    g_assert_true(f->tc);
    g_assert_cmphex(read_word(f, 0x04), ==, 0x600);
    g_assert_cmpuint(transfer(f, 2, 4, true), ==, 4);
}

static void test_address_wraps_in_its_page(struct fixture *f, gconstpointer data)
{
    (void)data;
    program(f, MODE_TO_MEMORY, 0x1fffe, 4);
    g_assert_cmpuint(transfer(f, 2, 4, true), ==, 4);
    g_assert_cmphex(f->ram->host[0x1ffff], ==, 2);
    g_assert_cmphex(f->ram->host[0x10000], ==, 3);
    g_assert_cmphex(f->ram->host[0x20000], ==, 0);
}

static void test_words_on_the_second_chip(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, 0xd4, 0x05); /* mask channel 5 */
    out(f, 0xd8, 0);
    out(f, 0xd6, MODE_TO_MEMORY | 1);
    out(f, 0xc4, 0x00); /* word address 0x1000: byte address 0x2000 */
    out(f, 0xc4, 0x10);
    out(f, 0xc6, 1); /* two words */
    out(f, 0xc6, 0);
    out(f, 0x8b, 0x04);
    out(f, 0xd4, 0x01);
    g_assert_cmpuint(transfer(f, 5, 16, true), ==, 4);
    g_assert_true(f->tc);
    g_assert_cmpint(memcmp(f->ram->host + 0x42000, f->buf, 4), ==, 0);
}

static void test_disabled_controller_moves_nothing(struct fixture *f, gconstpointer data)
{
    (void)data;
    program(f, MODE_TO_MEMORY, 0x500, 8);
    out(f, 0x08, 0x04);
    g_assert_cmpuint(transfer(f, 2, 8, true), ==, 0);
    out(f, 0x08, 0x00);
    out(f, 0xd4, 0x04); /* the cascade is masked */
    g_assert_cmpuint(transfer(f, 2, 8, true), ==, 0);
    out(f, 0xd4, 0x00);
    g_assert_cmpuint(transfer(f, 2, 8, true), ==, 8);
}

static void test_state_survives_saving(struct fixture *f, gconstpointer data)
{
    (void)data;
    program(f, MODE_TO_MEMORY, 0x500, 8);
    g_assert_cmpuint(transfer(f, 2, 4, true), ==, 4);
    bare_reload(f->dev);
    g_assert_cmpuint(transfer(f, 2, 8, true), ==, 4);
    g_assert_true(f->tc);
}

#define ADD(name) g_test_add("/i8257/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(bytes_go_to_memory_until_the_count_ends);
    ADD(bytes_come_from_memory);
    ADD(wrong_direction_moves_nothing);
    ADD(verify_counts_without_memory);
    ADD(auto_init_starts_anew);
    ADD(address_wraps_in_its_page);
    ADD(words_on_the_second_chip);
    ADD(disabled_controller_moves_nothing);
    ADD(state_survives_saving);
    return g_test_run();
}
