/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a guest's doings: accesses to ports and memory of a PC whose CPUs do not run.
 *
 * Each step begins with a byte that says what is done (enum step) and takes its operands from the
 * bytes that follow; what is missing at the end is zero. Any bytes are a valid input. Addresses are
 * taken from tables of places where something answers, so that few bytes reach much; the last row
 * of each table stands for any address.
 */
#ifndef VITRO_TESTS_FUZZ_DEVICES_H
#define VITRO_TESTS_FUZZ_DEVICES_H

#include "tests/unit/hw/pc_rig.h"

#define DEVICES_MAX_STEPS 4096
#define DEVICES_RAM_BYTES (16 * MiB)

enum devices_step {
    DEVICES_OUT,
    DEVICES_IN,
    DEVICES_STORE,
    DEVICES_LOAD,
    DEVICES_PCI_WRITE,
    DEVICES_FILL, /* guest memory, for DMA to find */
    DEVICES_TIME, /* goes by */
    DEVICES_HOST, /* requests to images end */
    DEVICES_RESET,
    DEVICES_STEPS,
};

struct devices_input {
    const uint8_t *data;
    size_t len, pos;
};

struct devices_place {
    uint64_t base, size;
};

static inline uint64_t devices_take(struct devices_input *in, unsigned bytes)
{
    uint64_t val = 0;

    for (unsigned i = 0; i < bytes; i++) {
        val |= (uint64_t)(in->pos < in->len ? in->data[in->pos] : 0) << 8 * i;
        in->pos++;
    }
    return val;
}

static inline uint64_t devices_address(struct devices_input *in, const struct devices_place *places,
                                       unsigned count)
{
    const struct devices_place *p = &places[devices_take(in, 1) % count];

    return p->base + (p->size > 0x10000 ? devices_take(in, 8) : devices_take(in, 2)) % p->size;
}

static inline uint16_t devices_port(struct devices_input *in)
{
    static const struct devices_place places[] = {
        {0x00, 0x10},   {0x20, 2},     {0x40, 4},  {0x60, 5},    {0x70, 4},   {0x80, 0x10},
        {0x92, 1},      {0xa0, 2},     {0xb2, 2},  {0xc0, 0x20}, {0xe0, 16},  {0x170, 8},
        {0x1ce, 3},     {0x1f0, 8},    {0x376, 1}, {0x378, 8},   {0x3b4, 2},  {0x3c0, 0x20},
        {0x3f0, 8},     {0x3f8, 8},    {0x2f8, 8}, {0x4d0, 2},   {0x505, 1},  {0x510, 12},
        {0x600, 0x40},  {0x700, 0x10}, {0xcf8, 8}, {0x2000, 16}, {0xafe0, 4}, {0xc000, 16},
        {0x0, 0x10000},
    };

    return (uint16_t)devices_address(in, places, ARRAY_SIZE(places));
}

static inline uint64_t devices_gpa(struct devices_input *in)
{
    static const struct devices_place places[] = {
        {0xa0000, 0x10000},    {0xb0000, 0x10000}, {0xc0000, 0x10000},    {0xd0000, 0x10000},
        {0xe0000, 0x10000},    {0xf0000, 0x10000}, {0xe0000000, 0x10000}, {0xfebf0000, 0x1000},
        {0xfec00000, 0x50},    {0xfed00000, 1024}, {0xfee00000, 0x1000},  {0xfee01000, 0x10000},
        {0xff000000, 0x10000}, {0, UINT64_MAX},
    };

    return devices_address(in, places, ARRAY_SIZE(places));
}

/* 1, 2, 4 and, when @max says so, 8. */
static inline unsigned devices_size(struct devices_input *in, unsigned max)
{
    unsigned size = 1u << devices_take(in, 1) % 4;

    return size < max ? size : max;
}

/* A write to the configuration space of a function that may be there. */
static inline void devices_pci_write(struct machine *m, struct devices_input *in)
{
    uint32_t slot = (uint32_t)devices_take(in, 1) % 4, fn = (uint32_t)devices_take(in, 1) % 4;
    uint32_t reg = (uint32_t)devices_take(in, 1) & 0xfc;

    address_space_store(&m->io, 0xcf8, 0x80000000u | slot << 11 | fn << 8 | reg, 4, MEM_ATTRS_NONE);
    address_space_store(&m->io, 0xcfc, devices_take(in, 4), 4, MEM_ATTRS_NONE);
}

static inline void devices_fill(struct machine *m, struct devices_input *in)
{
    uint64_t gpa = devices_take(in, 2) << 4;
    uint8_t bytes[16];

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)devices_take(in, 1);
    }
    address_space_write(&m->memory, gpa % (DEVICES_RAM_BYTES - sizeof(bytes)), bytes, sizeof(bytes),
                        MEM_ATTRS_NONE);
}

static inline void devices_step(struct pc_rig *r, struct devices_input *in)
{
    struct machine *m = r->m;
    enum devices_step step = (enum devices_step)(devices_take(in, 1) % DEVICES_STEPS);
    unsigned size;
    uint64_t addr;

    switch (step) {
    case DEVICES_OUT:
        addr = devices_port(in);
        size = devices_size(in, 4);
        address_space_store(&m->io, addr, devices_take(in, size), size, MEM_ATTRS_NONE);
        break;
    case DEVICES_IN:
        addr = devices_port(in);
        address_space_load(&m->io, addr, devices_size(in, 4), MEM_ATTRS_NONE, NULL);
        break;
    case DEVICES_STORE:
        addr = devices_gpa(in);
        size = devices_size(in, 8);
        address_space_store(&m->memory, addr, devices_take(in, size), size, MEM_ATTRS_NONE);
        break;
    case DEVICES_LOAD:
        addr = devices_gpa(in);
        address_space_load(&m->memory, addr, devices_size(in, 8), MEM_ATTRS_NONE, NULL);
        break;
    case DEVICES_PCI_WRITE:
        devices_pci_write(m, in);
        break;
    case DEVICES_FILL:
        devices_fill(m, in);
        break;
    case DEVICES_TIME:
        pc_rig_step(r, (int64_t)devices_take(in, 1) * NS_PER_US); /* timers may tick each ns */
        break;
    case DEVICES_HOST:
        while (g_main_context_iteration(r->context, /* may_block= */ FALSE)) {
        }
        break;
    case DEVICES_RESET:
        machine_reset(m);
        break;
    case DEVICES_STEPS:
        break;
    }
}

/* Does what @data says to a machine as it is after reset. */
static inline void devices_run(struct pc_rig *r, const uint8_t *data, size_t len)
{
    struct devices_input in = {.data = data, .len = len};

    machine_reset(r->m);
    for (unsigned n = 0; n < DEVICES_MAX_STEPS && in.pos < in.len; n++) {
        devices_step(r, &in);
    }
    pc_rig_settle(r);
}

/* ---- the machine: all devices of the board, and those that users add for tests ---- */

struct devices_machine {
    struct pc_rig rig;
    char *files[3]; /* disk, CD, floppy */
};

static inline void devices_machine_init(struct devices_machine *d)
{
    g_autofree char *options = NULL;

    for (unsigned i = 0; i < ARRAY_SIZE(d->files); i++) {
        d->files[i] = pc_rig_file(0, 1440 * KiB);
    }
    options = g_strdup_printf("-serial null -serial null -parallel null -vga std "
                              "-global VGA.romfile= -device pc-testdev -device pvpanic "
                              "-device isa-debug-exit -debugcon null "
                              "-drive if=ide,index=0,format=raw,file=%s "
                              "-drive if=ide,index=2,media=cdrom,format=raw,file=%s "
                              "-drive if=floppy,index=0,format=raw,file=%s",
                              d->files[0], d->files[1], d->files[2]);
    pc_rig_init(&d->rig, options);
}

static inline void devices_machine_fini(struct devices_machine *d)
{
    pc_rig_fini(&d->rig);
    for (unsigned i = 0; i < ARRAY_SIZE(d->files); i++) {
        g_unlink(d->files[i]);
        g_free(d->files[i]);
    }
}

#endif
