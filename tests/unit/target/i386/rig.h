/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPU with 1 MiB of flat memory and nothing else, for unit tests of the interpreter.
 */
#ifndef VITRO_TESTS_UNIT_TARGET_I386_RIG_H
#define VITRO_TESTS_UNIT_TARGET_I386_RIG_H

#include "target/i386/models.h"
#include "target/i386/system.h"

#include <string.h>

#define RIG_RAM (1 * MiB)

struct rig {
    struct lock lock;
    struct region root, ram_region, io_root;
    struct address_space mem, io;
    struct ram_block *ram;
    struct x86_cpu *cpu;
};

static inline struct rig *rig_new(const char *model)
{
    struct rig *r = g_new0(struct rig, 1);
    struct x86_accel_caps caps;
    GError *error = NULL;

    lock_init(&r->lock);
    r->ram = ram_block_new("ram", RIG_RAM, 0, &error);
    g_assert_no_error(error);
    region_init_container(&r->root, "root", UINT64_MAX);
    region_init_container(&r->io_root, "io", 0x10000);
    region_init_ram(&r->ram_region, r->ram, "ram");
    region_add(&r->root, 0, &r->ram_region, 0);
    lock_acquire(&r->lock);
    address_space_init(&r->mem, &r->root, "mem", &r->lock);
    address_space_init(&r->io, &r->io_root, "io", &r->lock);
    lock_release(&r->lock);
    r->cpu = x86_cpu_new(0, 0);
    r->cpu->mem = &r->mem;
    r->cpu->io = &r->io;
    x86_tcg_caps(&caps);
    x86_model_apply(r->cpu, model, NULL, &caps, &error);
    g_assert_no_error(error);
    x86_cpu_features_changed(r->cpu);
    x86_cpu_reset(r->cpu);
    return r;
}

static inline void rig_free(struct rig *r)
{
    x86_cpu_free(r->cpu);
    lock_acquire(&r->lock);
    address_space_fini(&r->mem);
    address_space_fini(&r->io);
    region_fini(&r->ram_region);
    lock_release(&r->lock);
    ram_block_free(r->ram);
    g_free(r);
}

static inline void *rig_at(struct rig *r, uint64_t gpa)
{
    return r->ram->host + gpa;
}

static inline void rig_put(struct rig *r, uint64_t gpa, const void *bytes, size_t len)
{
    memcpy(rig_at(r, gpa), bytes, len);
}

static inline void rig_flat(struct rig *r, uint16_t code_attr, unsigned cpl)
{
    struct x86_cpu *cpu = r->cpu;

    for (unsigned s = 0; s <= X86_GS; s++) {
        cpu->seg[s] = (struct x86_seg){
            .sel = 0x10 | cpl, .limit = 0xffffffff, .attr = 0xc093 | cpl << SEG_DPL_SHIFT};
    }
    cpu->seg[X86_CS] = (struct x86_seg){
        .sel = 0x08 | cpl, .limit = 0xffffffff, .attr = code_attr | cpl << SEG_DPL_SHIFT};
    cpu->cpl = cpl;
    x86_cpu_state_loaded(cpu);
}

/* Real mode with all segments at 0. */
static inline void rig_real(struct rig *r)
{
    for (unsigned s = 0; s <= X86_GS; s++) {
        x86_load_seg_real(r->cpu, s, 0);
    }
}

/* Flat 32-bit protected mode, no paging. */
static inline void rig_protected(struct rig *r)
{
    r->cpu->cr0 = CR0_PE | CR0_ET | CR0_NE;
    rig_flat(r, 0xc09b, 0);
}

/* 64-bit mode; the first GiB is mapped to itself with one user page: tables at 0x1000-0x2fff. */
static inline void rig_long(struct rig *r)
{
    uint64_t *pml4 = rig_at(r, 0x1000), *pdpt = rig_at(r, 0x2000);

    pml4[0] = 0x2007;
    pdpt[0] = 0x87;
    r->cpu->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    r->cpu->cr4 = CR4_PAE | CR4_OSFXSR;
    r->cpu->cr3 = 0x1000;
    r->cpu->efer = EFER_LME | EFER_LMA | EFER_NXE;
    rig_flat(r, 0xa09b, 0);
}

/* One instruction's bytes at @at, executed. */
static inline void rig_run(struct rig *r, uint64_t at, const void *bytes, size_t len)
{
    rig_put(r, at, bytes, len);
    r->cpu->rip = at;
    x86_cpu_step(r->cpu);
}

/* Real-mode vector table: vector n goes to 0:0x700 + n, where nothing is. */
static inline void rig_vectors_real(struct rig *r)
{
    for (unsigned n = 0; n < 256; n++) {
        store_le32(rig_at(r, n * 4), 0x700 + n);
    }
}

/* 32-bit interrupt gates to 0x8000 + 16 * n through selector 8, at 0x4000; GDT at 0x5000. */
static inline void rig_tables32(struct rig *r)
{
    uint64_t *idt = rig_at(r, 0x4000), *gdt = rig_at(r, 0x5000);

    for (unsigned n = 0; n < 256; n++) {
        idt[n] = (0x8000 + 16 * n) | 8ULL << 16 | 0x8e00ULL << 32;
    }
    gdt[1] = 0x00cf9b000000ffffULL; /* 08: code, level 0 */
    gdt[2] = 0x00cf93000000ffffULL; /* 10: data, level 0 */
    gdt[3] = 0x00cffb000000ffffULL; /* 18: code, level 3 */
    gdt[4] = 0x00cff3000000ffffULL; /* 20: data, level 3 */
    r->cpu->idt = (struct x86_table){.base = 0x4000, .limit = 0x7ff};
    r->cpu->gdt = (struct x86_table){.base = 0x5000, .limit = 0xff};
}

/* The vector whose rig_tables32() handler is at rip, or -1. */
static inline int rig_vector32(const struct rig *r)
{
    uint64_t at = r->cpu->rip - 0x8000;

    return at < 0x1000 && at % 16 == 0 ? (int)(at / 16) : -1;
}

#endif
