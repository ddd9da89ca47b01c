/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware task switches (16- and 32-bit TSS) and the I/O permission bitmap.
 *
 * Intel SDM volume 3, chapter 8. The old state is saved and everything in the new TSS is read
 * before the first register changes; faults after that belong to the new task.
 */
#include "target/i386/system.h"

/* Where things are in a TSS. */
struct tss_layout {
    unsigned size; /* of a field */
    unsigned min_limit;
    unsigned ip, flags, regs, segs, nsegs, ldt;
};

static const struct tss_layout tss16 = {2, 0x2b, 0x0e, 0x10, 0x12, 0x22, 4, 0x2a};
static const struct tss_layout tss32 = {4, 0x67, 0x20, 0x24, 0x28, 0x48, 6, 0x60};

struct tss_image {
    uint32_t cr3, ip, flags;
    uint32_t regs[8];
    uint16_t segs[6];
    uint16_t ldt;
    bool debug_trap;
};

static void tss_read(struct x86_cpu *cpu, uint64_t base, const struct tss_layout *l,
                     struct tss_image *im)
{
    *im = (struct tss_image){0};
    if (l == &tss32) {
        im->cr3 = mem_sys_read(cpu, base + 0x1c, 4);
        im->debug_trap = mem_sys_read(cpu, base + 0x64, 2) & 1;
    }
    im->ip = mem_sys_read(cpu, base + l->ip, l->size);
    im->flags = mem_sys_read(cpu, base + l->flags, l->size);
    for (unsigned n = 0; n < 8; n++) {
        im->regs[n] = mem_sys_read(cpu, base + l->regs + n * l->size, l->size);
        if (l == &tss16) {
            im->regs[n] |= 0xffff0000;
        }
    }
    for (unsigned n = 0; n < l->nsegs; n++) {
        im->segs[n] = mem_sys_read(cpu, base + l->segs + n * l->size, 2);
    }
    im->ldt = mem_sys_read(cpu, base + l->ldt, 2);
}

static void tss_save(struct x86_cpu *cpu, const struct tss_layout *l, uint64_t rip, uint32_t flags)
{
    uint64_t base = cpu->seg[X86_TR].base;

    mem_sys_write(cpu, base + l->ip, rip, l->size);
    mem_sys_write(cpu, base + l->flags, flags, l->size);
    for (unsigned n = 0; n < 8; n++) {
        mem_sys_write(cpu, base + l->regs + n * l->size, cpu->gpr[n], l->size);
    }
    for (unsigned n = 0; n < l->nsegs; n++) {
        mem_sys_write(cpu, base + l->segs + n * l->size, cpu->seg[n].sel, 2);
    }
}

/* Segment registers of the new task; errors are #TS, #NP and #SS with the selector. */
static void load_task_segs(struct x86_cpu *cpu, const struct tss_image *im)
{
    struct x86_desc d;
    uint16_t cs = im->segs[X86_CS], ss = im->segs[X86_SS];

    if (!(cs & ~3)) {
        x86_raise(cpu, EXC_TS, 0);
    }
    desc_fetch_or_raise(cpu, cs, EXC_TS, cs & ~3, &d);
    if (!desc_is_code(&d) ||
        (desc_is_conforming(&d) ? desc_dpl(&d) > (cs & 3u) : desc_dpl(&d) != (cs & 3u))) {
        x86_raise(cpu, EXC_TS, cs & ~3);
    }
    if (!desc_present(&d)) {
        x86_raise(cpu, EXC_NP, cs & ~3);
    }
    x86_load_cs(cpu, cs, &d);
    x86_check_inner_ss(cpu, ss, cpu->cpl, 0, &d);
    desc_set_accessed(cpu, &d);
    desc_to_seg(ss, &d, &cpu->seg[X86_SS]);
    x86_update_mode(cpu);
    for (unsigned s = 0; s <= X86_GS; s++) {
        uint16_t sel = im->segs[s];
        unsigned type;

        if (s == X86_CS || s == X86_SS || !(sel & ~3)) {
            continue;
        }
        desc_fetch_or_raise(cpu, sel, EXC_TS, sel & ~3, &d);
        type = desc_type(&d);
        if (!desc_is_segment(&d) || ((type & SEG_CODE) && !(type & SEG_WRITE)) ||
            ((!(type & SEG_CODE) || !(type & SEG_DOWN)) &&
             ((sel & 3u) > desc_dpl(&d) || cpu->cpl > desc_dpl(&d)))) {
            x86_raise(cpu, EXC_TS, sel & ~3);
        }
        if (!desc_present(&d)) {
            x86_raise(cpu, EXC_NP, sel & ~3);
        }
        desc_set_accessed(cpu, &d);
        desc_to_seg(sel, &d, &cpu->seg[s]);
    }
    x86_update_mode(cpu);
}

/* Registers that cannot fault. */
static void load_task_registers(struct x86_cpu *cpu, const struct tss_image *im, uint32_t flags)
{
    for (unsigned n = 0; n < 8; n++) {
        cpu->gpr[n] = im->regs[n];
    }
    for (unsigned s = 0; s <= X86_GS; s++) {
        cpu->seg[s] = (struct x86_seg){.sel = im->segs[s]};
    }
    cpu->seg[X86_LDTR] = (struct x86_seg){.sel = im->ldt};
    cpu->rip = cpu->start_rip = im->ip;
    cpu->cpl = flags & FLAG_VM ? 3 : im->segs[X86_CS] & 3;
    cpu->dr[7] &= ~0x155ULL; /* local breakpoints */
    x86_eflags_write(cpu, flags, ~0u);
}

static void enter_task(struct x86_cpu *cpu, const struct tss_image *im, bool has_error,
                       uint32_t error, unsigned size)
{
    x86_load_ldt(cpu, im->ldt, EXC_TS);
    if (cpu->eflags & FLAG_VM) {
        for (unsigned s = 0; s <= X86_GS; s++) {
            x86_load_seg_real(cpu, s, im->segs[s]);
        }
    } else {
        load_task_segs(cpu, im);
    }
    x86_update_mode(cpu);
    if (has_error) {
        struct x86_stack st;

        stack_init(&st, cpu);
        stack_push(&st, error, size);
        stack_commit(&st);
    }
    if (im->ip > cpu->seg[X86_CS].limit) {
        x86_raise(cpu, EXC_GP, 0);
    }
    if (im->debug_trap) {
        x86_debug_trap(cpu, DR6_BT); /* before the task's first instruction */
    }
}

void x86_task_switch(struct x86_cpu *cpu, uint16_t sel, const struct x86_desc *tss,
                     enum task_source source, uint64_t next_rip, bool has_error, uint32_t error)
{
    const struct tss_layout *l = desc_type(tss) >= DESC_TSS32 ? &tss32 : &tss16;
    const struct tss_layout *old =
        (cpu->seg[X86_TR].attr & SEG_TYPE) >= DESC_TSS32 ? &tss32 : &tss16;
    uint32_t flags = x86_eflags_get(cpu);
    struct x86_desc old_desc;
    struct tss_image im;
    struct x86_seg tr;

    desc_to_seg(sel, tss, &tr);
    if (tr.limit < l->min_limit) {
        x86_raise(cpu, EXC_TS, sel & ~3);
    }
    mem_sys_probe(cpu, cpu->seg[X86_TR].base, old->min_limit + 1, /* write= */ true);
    tss_read(cpu, tr.base, l, &im);
    if (source != TASK_CALL && desc_fetch(cpu, cpu->seg[X86_TR].sel, &old_desc)) {
        desc_set_busy(cpu, &old_desc, false);
    }
    tss_save(cpu, old, next_rip, source == TASK_IRET ? flags & ~FLAG_NT : flags);
    if (source == TASK_CALL) {
        mem_sys_write(cpu, tr.base, cpu->seg[X86_TR].sel, 2);
        im.flags |= FLAG_NT;
    }
    if (source != TASK_IRET) {
        desc_set_busy(cpu, tss, true);
    }
    tr.attr |= 2; /* busy */
    cpu->seg[X86_TR] = tr;
    cpu->cr0 |= CR0_TS;
    if (l == &tss32 && (cpu->cr0 & CR0_PG)) {
        x86_write_cr3(cpu, im.cr3);
    }
    load_task_registers(cpu, &im, im.flags);
    enter_task(cpu, &im, has_error, error, l->size);
}

void x86_check_io(struct x86_cpu *cpu, uint16_t port, unsigned size)
{
    const struct x86_seg *tr = &cpu->seg[X86_TR];
    uint32_t map, bits;

    if (!(cpu->cr0 & CR0_PE) || (!(cpu->eflags & FLAG_VM) && cpu->cpl <= (cpu->eflags >> 12 & 3))) {
        return;
    }
    if ((tr->attr & SEG_TYPE) < DESC_TSS32 || !(tr->attr & SEG_P) || tr->limit < 0x67) {
        x86_raise(cpu, EXC_GP, 0);
    }
    map = mem_sys_read(cpu, tr->base + 0x66, 2) + port / 8;
    if (map + 1 > tr->limit) {
        x86_raise(cpu, EXC_GP, 0);
    }
    bits = mem_sys_read(cpu, tr->base + map, 2) >> (port & 7);
    if (bits & ((1u << size) - 1)) {
        x86_raise(cpu, EXC_GP, 0);
    }
}
