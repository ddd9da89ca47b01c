/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment descriptors and segment register loads; stacks of privilege changes.
 *
 * Intel SDM volume 3, chapter 5; the order of checks is that of the instruction pages.
 */
#include "target/i386/system.h"

static uint16_t selector_error(uint16_t sel)
{
    return sel & ~3;
}

bool desc_fetch(struct x86_cpu *cpu, uint16_t sel, struct x86_desc *ret)
{
    uint64_t base = cpu->gdt.base;
    uint32_t limit = cpu->gdt.limit;

    if (!(sel & ~3)) {
        return false;
    }
    if (sel & 4) {
        if (!(cpu->seg[X86_LDTR].attr & SEG_P)) {
            return false;
        }
        base = cpu->seg[X86_LDTR].base;
        limit = cpu->seg[X86_LDTR].limit;
    }
    if ((sel | 7u) > limit) {
        return false;
    }
    ret->la = base + (sel & ~7u);
    ret->low = mem_sys_read(cpu, ret->la, 8);
    ret->high = 0;
    return true;
}

/* Upper half of a 16-byte descriptor. */
static bool desc_fetch_high(struct x86_cpu *cpu, uint16_t sel, struct x86_desc *d)
{
    uint32_t limit = sel & 4 ? cpu->seg[X86_LDTR].limit : cpu->gdt.limit;

    if ((sel | 7u) + 8 > limit) {
        return false;
    }
    d->high = mem_sys_read(cpu, d->la + 8, 8);
    return true;
}

void desc_fetch_or_raise(struct x86_cpu *cpu, uint16_t sel, unsigned vector, uint32_t error,
                         struct x86_desc *ret)
{
    if (!desc_fetch(cpu, sel, ret)) {
        x86_raise(cpu, vector, error);
    }
    if ((cpu->efer & EFER_LMA) && !desc_is_segment(ret) && !desc_fetch_high(cpu, sel, ret)) {
        x86_raise(cpu, vector, error);
    }
}

void desc_to_seg(uint16_t sel, const struct x86_desc *d, struct x86_seg *ret)
{
    uint32_t limit = (d->low & 0xffff) | (d->low >> 32 & 0xf0000);

    ret->sel = sel;
    ret->attr = (d->low >> 40) & 0xf0ff;
    ret->base = (d->low >> 16 & 0xffffff) | (d->low >> 32 & 0xff000000);
    ret->limit = ret->attr & SEG_G ? limit << 12 | 0xfff : limit;
}

void desc_set_accessed(struct x86_cpu *cpu, struct x86_desc *d)
{
    if (!(d->low & (1ULL << 40))) {
        d->low |= 1ULL << 40;
        mem_sys_write(cpu, d->la + 5, d->low >> 40 & 0xff, 1);
    }
}

void desc_set_busy(struct x86_cpu *cpu, const struct x86_desc *d, bool busy)
{
    uint8_t byte = mem_sys_read(cpu, d->la + 5, 1);

    mem_sys_write(cpu, d->la + 5, busy ? byte | 2 : byte & ~2, 1);
}

void x86_load_seg_real(struct x86_cpu *cpu, unsigned s, uint16_t sel)
{
    struct x86_seg *seg = &cpu->seg[s];

    seg->sel = sel;
    seg->base = (uint32_t)sel << 4;
    if (cpu->eflags & FLAG_VM) {
        seg->limit = 0xffff;
        seg->attr = SEG_P | SEG_S | 3 << SEG_DPL_SHIFT | 3;
    } else if (s == X86_CS) {
        /* real mode keeps limit and size, and makes CS writable */
        seg->attr = (seg->attr & (SEG_G | SEG_D | SEG_AVL)) | SEG_P | SEG_S | SEG_CODE | 3;
    }
    x86_update_mode(cpu);
}

static void load_null(struct x86_cpu *cpu, unsigned s, uint16_t sel)
{
    cpu->seg[s] = (struct x86_seg){.sel = sel};
    if (s == X86_SS) { /* 64-bit mode, inner level: usable with a null selector */
        cpu->seg[s].attr = cpu->cpl << SEG_DPL_SHIFT;
    }
    x86_update_mode(cpu);
}

static void load_ss(struct x86_cpu *cpu, uint16_t sel)
{
    struct x86_desc d;

    if (!(sel & ~3)) {
        if (!x86_is_64(cpu) || cpu->cpl == 3 || (sel & 3) != cpu->cpl) {
            x86_raise(cpu, EXC_GP, 0);
        }
        load_null(cpu, X86_SS, sel);
        return;
    }
    desc_fetch_or_raise(cpu, sel, EXC_GP, selector_error(sel), &d);
    if ((sel & 3) != cpu->cpl || !desc_is_segment(&d) || desc_is_code(&d) ||
        !(desc_type(&d) & SEG_WRITE) || desc_dpl(&d) != cpu->cpl) {
        x86_raise(cpu, EXC_GP, selector_error(sel));
    }
    if (!desc_present(&d)) {
        x86_raise(cpu, EXC_SS, selector_error(sel));
    }
    desc_set_accessed(cpu, &d);
    desc_to_seg(sel, &d, &cpu->seg[X86_SS]);
    x86_update_mode(cpu);
}

void x86_load_seg(struct x86_cpu *cpu, unsigned s, uint16_t sel)
{
    struct x86_desc d;
    unsigned type;

    if (!x86_is_protected(cpu)) {
        x86_load_seg_real(cpu, s, sel);
        return;
    }
    if (s == X86_SS) {
        load_ss(cpu, sel);
        return;
    }
    if (!(sel & ~3)) {
        load_null(cpu, s, sel);
        return;
    }
    desc_fetch_or_raise(cpu, sel, EXC_GP, selector_error(sel), &d);
    type = desc_type(&d);
    if (!desc_is_segment(&d) || ((type & SEG_CODE) && !(type & SEG_WRITE))) {
        x86_raise(cpu, EXC_GP, selector_error(sel));
    }
    if ((!(type & SEG_CODE) || !desc_is_conforming(&d)) &&
        ((sel & 3u) > desc_dpl(&d) || cpu->cpl > desc_dpl(&d))) {
        x86_raise(cpu, EXC_GP, selector_error(sel));
    }
    if (!desc_present(&d)) {
        x86_raise(cpu, EXC_NP, selector_error(sel));
    }
    desc_set_accessed(cpu, &d);
    desc_to_seg(sel, &d, &cpu->seg[s]);
    x86_update_mode(cpu);
}

void x86_load_cs(struct x86_cpu *cpu, uint16_t sel, struct x86_desc *d)
{
    desc_set_accessed(cpu, d);
    desc_to_seg(sel, d, &cpu->seg[X86_CS]);
}

void x86_drop_inner_segs(struct x86_cpu *cpu)
{
    static const uint8_t data[] = {X86_ES, X86_DS, X86_FS, X86_GS};

    for (unsigned n = 0; n < ARRAY_SIZE(data); n++) {
        struct x86_seg *seg = &cpu->seg[data[n]];
        bool conforming = (seg->attr & SEG_CODE) && (seg->attr & SEG_DOWN);

        if ((seg->attr & SEG_P) && !conforming && (seg->attr >> SEG_DPL_SHIFT & 3) < cpu->cpl) {
            *seg = (struct x86_seg){0};
        }
    }
}

void x86_load_ldt(struct x86_cpu *cpu, uint16_t sel, unsigned vector)
{
    struct x86_desc d;
    struct x86_seg seg;

    if (!(sel & ~3)) {
        cpu->seg[X86_LDTR] = (struct x86_seg){.sel = sel};
        return;
    }
    if (sel & 4) {
        x86_raise(cpu, vector, selector_error(sel));
    }
    desc_fetch_or_raise(cpu, sel, vector, selector_error(sel), &d);
    if (desc_is_segment(&d) || desc_type(&d) != DESC_LDT) {
        x86_raise(cpu, vector, selector_error(sel));
    }
    if (!desc_present(&d)) {
        x86_raise(cpu, vector == EXC_TS ? EXC_TS : EXC_NP, selector_error(sel));
    }
    desc_to_seg(sel, &d, &seg);
    seg.base |= d.high << 32;
    if ((cpu->efer & EFER_LMA) && !x86_is_canonical(cpu, seg.base)) {
        x86_raise(cpu, EXC_GP, selector_error(sel));
    }
    cpu->seg[X86_LDTR] = seg;
}

/* Stacks. */

void stack_init(struct x86_stack *st, struct x86_cpu *cpu)
{
    st->cpu = cpu;
    st->ss = cpu->seg[X86_SS];
    st->sp = cpu->gpr[X86_RSP];
    st->is64 = cpu->mode & MODE_CODE64;
    st->mask = st->is64 ? ~0ULL : st->ss.attr & SEG_D ? 0xffffffff : 0xffff;
    st->error = 0;
    st->system = false;
}

static uint64_t stack_linear(struct x86_stack *st, uint64_t sp, unsigned size)
{
    uint64_t off = sp & st->mask, last = off + size - 1;

    if (st->is64) {
        if (!x86_is_canonical(st->cpu, off) || !x86_is_canonical(st->cpu, last)) {
            x86_raise(st->cpu, EXC_SS, st->error);
        }
        return off;
    }
    if (st->ss.attr & SEG_DOWN && !(st->ss.attr & SEG_CODE)) {
        uint64_t top = st->ss.attr & SEG_D ? 0xffffffff : 0xffff;

        if (off <= st->ss.limit || last > top) {
            x86_raise(st->cpu, EXC_SS, st->error);
        }
    } else if (last > st->ss.limit) {
        x86_raise(st->cpu, EXC_SS, st->error);
    }
    return (st->ss.base + off) & 0xffffffff;
}

void stack_push(struct x86_stack *st, uint64_t val, unsigned size)
{
    uint64_t sp = st->sp - size, la = stack_linear(st, sp, size);

    if (st->system) {
        mem_sys_write(st->cpu, la, val, size);
    } else {
        mem_write(st->cpu, la, val, size);
    }
    st->sp = (st->sp & ~st->mask) | (sp & st->mask);
}

uint64_t stack_pop(struct x86_stack *st, unsigned size)
{
    uint64_t la = stack_linear(st, st->sp, size);
    uint64_t val = st->system ? mem_sys_read(st->cpu, la, size) : mem_read(st->cpu, la, size);

    st->sp = (st->sp & ~st->mask) | ((st->sp + size) & st->mask);
    return val;
}

void stack_commit(struct x86_stack *st)
{
    struct x86_cpu *cpu = st->cpu;

    if (st->mask == 0xffff) {
        gpr_write(cpu, X86_RSP, 2, st->sp);
    } else {
        cpu->gpr[X86_RSP] = st->sp & st->mask;
    }
}

void x86_tss_stack(struct x86_cpu *cpu, unsigned cpl, uint16_t *ret_ss, uint64_t *ret_sp)
{
    const struct x86_seg *tr = &cpu->seg[X86_TR];
    bool wide = (tr->attr & SEG_TYPE) >= DESC_TSS32;
    uint32_t off, size;

    if (cpu->efer & EFER_LMA) {
        off = 4 + cpl * 8;
        if (off + 7 > tr->limit) {
            x86_raise(cpu, EXC_TS, tr->sel & ~3);
        }
        *ret_sp = mem_sys_read(cpu, tr->base + off, 8);
        *ret_ss = cpl; /* null with the new level's RPL */
        return;
    }
    off = wide ? 4 + cpl * 8 : 2 + cpl * 4;
    size = wide ? 4 : 2;
    if (off + size + 1 > tr->limit) {
        x86_raise(cpu, EXC_TS, tr->sel & ~3);
    }
    *ret_sp = mem_sys_read(cpu, tr->base + off, size);
    *ret_ss = mem_sys_read(cpu, tr->base + off + size, 2);
}

void x86_check_inner_ss(struct x86_cpu *cpu, uint16_t sel, unsigned cpl, uint32_t ext,
                        struct x86_desc *ret)
{
    if (!(sel & ~3)) {
        x86_raise(cpu, EXC_TS, ext);
    }
    desc_fetch_or_raise(cpu, sel, EXC_TS, selector_error(sel) | ext, ret);
    if ((sel & 3) != cpl || desc_dpl(ret) != cpl || !desc_is_segment(ret) || desc_is_code(ret) ||
        !(desc_type(ret) & SEG_WRITE)) {
        x86_raise(cpu, EXC_TS, selector_error(sel) | ext);
    }
    if (!desc_present(ret)) {
        x86_raise(cpu, EXC_SS, selector_error(sel) | ext);
    }
}
