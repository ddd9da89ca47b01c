/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter as a user-mode machine in 2 MiB of RAM.
 *
 * Physical memory: what world.h puts there, then code and data. Of the handlers nothing is ever
 * executed: after the step, a CPL of 0 says that an exception was delivered.
 */
#include "tests/insn_lib/guest.h"

#include <string.h>

#include "tests/insn_lib/world.h"

enum {
    PHYS_CODE = WORLD_BYTES,
    PHYS_DATA = 0x104000,
    PHYS_RODATA = 0x108000,
    RAM_BYTES = 0x200000,
};

struct guest {
    struct x86_cpu *cpu;
    struct x86_cpu *fresh[3]; /* copies of *cpu, ready for code of 16, 32 and 64 bits */
    struct address_space mem, io;
    struct region root, ram_region, io_root;
    struct lock *lock;
    struct ram_block *ram;
    struct world world;
};

struct x86_cpu *guest_cpu(struct guest *g)
{
    return g->cpu;
}

uint8_t *guest_ram(struct guest *g)
{
    return g->ram->host;
}

uint8_t *guest_data(struct guest *g)
{
    return g->ram->host + PHYS_DATA;
}

uint8_t *guest_rodata(struct guest *g)
{
    return g->ram->host + PHYS_RODATA;
}

/* ---- memory ------------------------------------------------------------------------------ */

static void make_memory(struct guest *g)
{
    g_autoptr(GError) error = NULL;

    g->ram = ram_block_new("guest", RAM_BYTES, 0, &error);
    g_assert_no_error(error);
    region_init_container(&g->root, "root", UINT64_MAX);
    region_init_ram(&g->ram_region, g->ram, "ram");
    region_add(&g->root, 0, &g->ram_region, 0);
    region_init_container(&g->io_root, "io", 0x10000);
    g->lock = g_new0(struct lock, 1);
    lock_init(g->lock);
    address_space_init(&g->mem, &g->root, "mem", g->lock);
    address_space_init(&g->io, &g->io_root, "io", g->lock);
    world_init(&g->world, g->ram->host);
    world_map(&g->world, CODE_AT, PHYS_CODE, CODE_BYTES, WORLD_READ);
    world_map(&g->world, DATA_AT, PHYS_DATA, DATA_BYTES, WORLD_READ | WORLD_WRITE);
    world_map(&g->world, RODATA_AT, PHYS_RODATA, RODATA_SIZE, WORLD_READ);
    memset(g->ram->host + PHYS_CODE, 0xcc, CODE_BYTES);
}

/* ---- the CPU ----------------------------------------------------------------------------- */

struct guest *guest_new(uint64_t fs_base)
{
    struct guest *g = g_new0(struct guest, 1);

    make_memory(g);
    g->cpu = x86_cpu_new(0, 0);
    g->cpu->mem = &g->mem;
    g->cpu->io = &g->io;
    world_set_features(g->cpu);
    x86_cpu_reset(g->cpu);
    for (unsigned bits = 16; bits <= 64; bits *= 2) {
        world_attach(g->cpu, bits, fs_base);
        g->fresh[bits / 32] = g_memdup2(g->cpu, sizeof(*g->cpu));
    }
    return g;
}

void guest_free(struct guest *g)
{
    if (!g) {
        return;
    }
    x86_cpu_free(g->cpu);
    for (unsigned n = 0; n < G_N_ELEMENTS(g->fresh); n++) {
        g_free(g->fresh[n]);
    }
    address_space_fini(&g->mem);
    address_space_fini(&g->io);
    region_fini(&g->ram_region);
    region_fini(&g->root);
    region_fini(&g->io_root);
    ram_block_free(g->ram);
    g_free(g->lock);
    g_free(g);
}

uint32_t guest_mode(unsigned bits)
{
    uint32_t size = bits == 64 ? MODE_CODE64 : bits == 32 ? MODE_CODE32 | MODE_SS32 : 0;

    return MODE_PE | MODE_LMA | MODE_USER | size;
}

/* ---- running ----------------------------------------------------------------------------- */

void guest_set_code(struct guest *g, const uint8_t *code, unsigned len)
{
    uint8_t *p = g->ram->host + PHYS_CODE + (INSN_AT - CODE_AT);

    memset(p, 0xcc, 32);
    memcpy(p, code, len);
}

void guest_run(struct guest *g, const struct machine_state *in, struct machine_state *out,
               unsigned bits)
{
    struct x86_cpu *cpu = g->cpu;

    memcpy(cpu, g->fresh[bits / 32], sizeof(*cpu));
    world_load_state(cpu, in);
    cpu->rip = insn_rip(bits);
    x86_cpu_step(cpu);
    world_store_state(cpu, out);
    out->vector = -1;
    out->error = 0;
    out->cr2 = 0;
    if (cpu->cpl == 0) {
        world_take_exception(&g->world, cpu, out);
    }
}
