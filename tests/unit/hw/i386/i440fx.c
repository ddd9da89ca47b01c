/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host bridge: configuration ports, shadow RAM, SMRAM.
 */
#include "hw/i386/i440fx.h"

#include "hw/pci/pci_regs.h"
#include "tests/unit/hw/bare_machine.h"

enum { RAM_BYTES = 4 << 20, PAM_0 = 0x59, SMRAM = 0x72, ROM_SIZE = 0x10000, ROM_AT = 0xf0000 };

struct fixture {
    struct bare b;
    struct region ram, rom, smm_root;
    struct address_space smm;
    struct ram_block *rom_block;
    struct pci_bus *pci;
    uint8_t reset;
};

static uint8_t reset_read(void *opaque)
{
    return ((struct fixture *)opaque)->reset;
}

static void reset_write(void *opaque, uint8_t val)
{
    ((struct fixture *)opaque)->reset = val;
}

static void setup(struct fixture *f, gconstpointer data)
{
    struct ram_block *block = ram_block_new("ram", RAM_BYTES, 0, NULL);
    struct i440fx_config config = {.ram = &f->ram, .below_4g = RAM_BYTES, .smm_root = &f->smm_root};

    (void)data;
    bare_init(&f->b);
    machine_add_ram(f->b.m, block);
    region_init_ram(&f->ram, block, "ram");
    region_init_container(&f->smm_root, "smm", UINT64_MAX);
    address_space_init(&f->smm, &f->smm_root, "smm", &f->b.m->lock);
    f->pci = i440fx_create(f->b.m, &config, NULL);
    g_assert_nonnull(f->pci);
    f->rom_block = ram_block_new("rom", ROM_SIZE, 0, NULL);
    f->rom_block->host[0] = 0xab;
    region_init_rom(&f->rom, f->rom_block, NULL, NULL, "rom");
    region_add(i440fx_pci_memory(f->pci), ROM_AT, &f->rom, 0);
    i440fx_set_reset_port(f->pci, &(struct i440fx_reset_port){reset_read, reset_write, f});
}

static void teardown(struct fixture *f, gconstpointer data)
{
    struct machine *m = f->b.m;

    (void)data;
    region_remove(&f->rom);
    device_free(f->pci->bus.parent);
    address_space_fini(&f->smm);
    region_fini(&f->smm_root);
    region_fini(&f->rom);
    region_fini(&f->ram);
    ram_block_free(f->rom_block);
    lock_release(&m->lock);
    machine_free(m);
}

static void put(struct fixture *f, unsigned offset, uint32_t val, unsigned size)
{
    pci_config_write(f->pci, 0, 0, offset, val, size);
}

static void out(struct fixture *f, uint16_t port, uint32_t val, unsigned size)
{
    address_space_store(&f->b.m->io, port, val, size, MEM_ATTRS_NONE);
}

static uint64_t in(struct fixture *f, uint16_t port, unsigned size)
{
    return address_space_load(&f->b.m->io, port, size, MEM_ATTRS_NONE, NULL);
}

static void test_ports_reach_configuration_space(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(in(f, 0xcfc, 4), ==, 0xffffffff); /* not enabled */
    out(f, 0xcf8, 0x80000000, 4);
    g_assert_cmphex(in(f, 0xcfc, 4), ==, 0x12378086);
    g_assert_cmphex(in(f, 0xcfe, 2), ==, 0x1237);
    g_assert_cmphex(in(f, 0xcff, 1), ==, 0x12);
    out(f, 0xcf8, 0x80000800, 4); /* nobody in slot 1 */
    g_assert_cmphex(in(f, 0xcfc, 4), ==, 0xffffffff);
}

static void test_a_byte_at_0xcf9_is_the_reset_register(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, 0xcf8, 0x80000058, 4);
    out(f, 0xcf9, 0x06, 1);
    g_assert_cmphex(f->reset, ==, 0x06);
    g_assert_cmphex(in(f, 0xcf9, 1), ==, 0x06);
    g_assert_cmphex(in(f, 0xcf8, 4), ==, 0x80000058);
}

static void test_pam_has_four_states(struct fixture *f, gconstpointer data)
{
    uint8_t *ram = f->ram.ram->host + ROM_AT;

    (void)data;
    ram[0] = 0x11;
    g_assert_cmphex(bare_load(&f->b, ROM_AT, 1), ==, 0xab); /* ROM */
    bare_store(&f->b, ROM_AT, 0x22, 1);
    g_assert_cmphex(ram[0], ==, 0x11);
    put(f, PAM_0, 0x20, 1); /* writes to RAM */
    bare_store(&f->b, ROM_AT, 0x33, 1);
    g_assert_cmphex(bare_load(&f->b, ROM_AT, 1), ==, 0xab);
    g_assert_cmphex(ram[0], ==, 0x33);
    put(f, PAM_0, 0x10, 1); /* reads from RAM */
    bare_store(&f->b, ROM_AT, 0x44, 1);
    g_assert_cmphex(bare_load(&f->b, ROM_AT, 1), ==, 0x33);
    put(f, PAM_0, 0x30, 1);
    bare_store(&f->b, ROM_AT, 0x55, 1);
    g_assert_cmphex(bare_load(&f->b, ROM_AT, 1), ==, 0x55);
    device_reset(f->pci->bus.parent);
    g_assert_cmphex(bare_load(&f->b, ROM_AT, 1), ==, 0xab);
}

static void test_shadow_ram_outlasts_s3(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, PAM_0, 0x30, 1);
    bare_store(&f->b, ROM_AT, 0x55, 1);
    f->b.m->waking = true;
    device_reset(f->pci->bus.parent);
    g_assert_cmphex(bare_load(&f->b, ROM_AT, 1), ==, 0x55);
    f->b.m->waking = false;
    device_reset(f->pci->bus.parent);
    g_assert_cmphex(bare_load(&f->b, ROM_AT, 1), ==, 0xab);
}

static void test_pam_segments_are_where_they_should_be(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, PAM_0 + 1, 0x30, 1); /* upper half of 0x5a: 0xc4000 */
    bare_store(&f->b, 0xc4000, 0x5a, 1);
    bare_store(&f->b, 0xc0000, 0x5a, 1);
    g_assert_cmphex(bare_load(&f->b, 0xc4000, 1), ==, 0x5a);
    g_assert_cmphex(bare_load(&f->b, 0xc0000, 1), ==, 0xff);
    g_assert_cmphex(bare_load(&f->b, 0xc8000, 1), ==, 0xff);
    put(f, PAM_0 + 6, 0x03, 1); /* lower half of 0x5f: 0xe8000 */
    bare_store(&f->b, 0xe8000, 0x5a, 1);
    g_assert_cmphex(bare_load(&f->b, 0xe8000, 1), ==, 0x5a);
    g_assert_cmphex(bare_load(&f->b, 0xec000, 1), ==, 0xff);
}

static uint64_t smm_load(struct fixture *f, uint64_t gpa)
{
    return address_space_load(&f->smm, gpa, 1, MEM_ATTRS_NONE, NULL);
}

static void test_smram_opens_and_locks(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(bare_load(&f->b, 0xa0000, 1), ==, 0xff);
    put(f, SMRAM, 0x48, 1); /* enabled and open */
    bare_store(&f->b, 0xa0000, 0x77, 1);
    g_assert_cmphex(bare_load(&f->b, 0xa0000, 1), ==, 0x77);
    put(f, SMRAM, 0x18, 1); /* locked */
    g_assert_cmphex(bare_load(&f->b, 0xa0000, 1), ==, 0xff);
    g_assert_cmphex(smm_load(f, 0xa0000), ==, 0x77);
    put(f, SMRAM, 0x48, 1); /* in vain */
    g_assert_cmphex(bare_load(&f->b, 0xa0000, 1), ==, 0xff);
    g_assert_cmphex(pci_config_read(f->pci, 0, 0, SMRAM, 1), ==, 0x1a);
}

#define TEST(name, fn) g_test_add(name, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("/ports", test_ports_reach_configuration_space);
    TEST("/reset-port", test_a_byte_at_0xcf9_is_the_reset_register);
    TEST("/pam/states", test_pam_has_four_states);
    TEST("/pam/segments", test_pam_segments_are_where_they_should_be);
    TEST("/pam/s3", test_shadow_ram_outlasts_s3);
    TEST("/smram", test_smram_opens_and_locks);
    return g_test_run();
}
