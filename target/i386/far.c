/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Far transfers: JMP, CALL, RET and IRET between segments, privilege levels and tasks.
 *
 * Intel SDM volume 2, the instructions' pages; volume 3, 5.8 (privilege) and 6.14 (64-bit IRET).
 */
#include "target/i386/system.h"

static uint16_t err(uint16_t sel)
{
    return sel & ~3;
}

/* Offset must lie in the code segment that @d describes. */
static void check_target(struct x86_cpu *cpu, const struct x86_desc *d, uint64_t off)
{
    struct x86_seg seg;

    desc_to_seg(0, d, &seg);
    if ((cpu->efer & EFER_LMA) && (seg.attr & SEG_L)) {
        if (!x86_is_canonical(cpu, off)) {
            x86_raise(cpu, EXC_GP, 0);
        }
    } else if (off > seg.limit) {
        x86_raise(cpu, EXC_GP, 0);
    }
}

/* In long mode a code segment may not be both 64-bit and have D set. */
static void check_long(struct x86_cpu *cpu, uint16_t sel, const struct x86_desc *d)
{
    if ((cpu->efer & EFER_LMA) && (d->low >> 53 & 1) && (d->low >> 54 & 1)) {
        x86_raise(cpu, EXC_GP, err(sel));
    }
}

static void finish(struct x86_cpu *cpu, uint16_t sel, struct x86_desc *d, uint64_t off,
                   unsigned cpl)
{
    x86_load_cs(cpu, (sel & ~3) | cpl, d);
    cpu->cpl = cpl;
    cpu->rip = off;
    x86_update_mode(cpu);
}

static void far_real(struct x86_cpu *cpu, uint16_t sel, uint64_t off)
{
    if (off > cpu->seg[X86_CS].limit) {
        x86_raise(cpu, EXC_GP, 0);
    }
    x86_load_seg_real(cpu, X86_CS, sel);
    cpu->rip = off;
}

/* Checks of a direct jump or call to a code segment. */
static void check_direct(struct x86_cpu *cpu, uint16_t sel, const struct x86_desc *d)
{
    if (desc_is_conforming(d)) {
        if (desc_dpl(d) > cpu->cpl) {
            x86_raise(cpu, EXC_GP, err(sel));
        }
    } else if ((sel & 3) > cpu->cpl || desc_dpl(d) != cpu->cpl) {
        x86_raise(cpu, EXC_GP, err(sel));
    }
    if (!desc_present(d)) {
        x86_raise(cpu, EXC_NP, err(sel));
    }
    check_long(cpu, sel, d);
}

struct gate {
    uint16_t sel;
    uint64_t off;
    unsigned count; /* parameters */
    unsigned width; /* 2, 4, 8 */
    struct x86_desc target;
};

/* Checks a call gate's own rights and reads what it points to. */
static void open_gate(struct x86_cpu *cpu, uint16_t sel, const struct x86_desc *d, struct gate *g)
{
    unsigned type = desc_type(d);

    if (desc_dpl(d) < cpu->cpl || desc_dpl(d) < (sel & 3u)) {
        x86_raise(cpu, EXC_GP, err(sel));
    }
    if (!desc_present(d)) {
        x86_raise(cpu, EXC_NP, err(sel));
    }
    g->sel = d->low >> 16 & 0xffff;
    g->off = d->low & 0xffff;
    g->count = d->low >> 32 & 0x1f;
    g->width = type == DESC_CALL16 ? 2 : 4;
    if (type == DESC_CALL32) {
        g->off |= d->low >> 32 & 0xffff0000;
    }
    if (cpu->efer & EFER_LMA) {
        if (d->high >> 40 & 0x1f) { /* the type field of the upper half must be 0 */
            x86_raise(cpu, EXC_GP, err(sel));
        }
        g->off |= d->high << 32;
        g->width = 8;
    }
    if (!(g->sel & ~3)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    desc_fetch_or_raise(cpu, g->sel, EXC_GP, err(g->sel), &g->target);
    if (!desc_is_code(&g->target) || desc_dpl(&g->target) > cpu->cpl) {
        x86_raise(cpu, EXC_GP, err(g->sel));
    }
    if ((cpu->efer & EFER_LMA) && (g->target.low >> 53 & 3) != 1) { /* L = 1, D = 0 */
        x86_raise(cpu, EXC_GP, err(g->sel));
    }
    if (!desc_present(&g->target)) {
        x86_raise(cpu, EXC_NP, err(g->sel));
    }
}

/* Task gate or TSS descriptor: the switch for JMP and CALL. */
static bool far_task(struct x86_cpu *cpu, uint16_t sel, struct x86_desc *d, enum task_source source)
{
    unsigned type = desc_type(d);
    uint16_t tss = sel;

    if (cpu->efer & EFER_LMA) {
        return false;
    }
    if (type == DESC_TASK) {
        if (desc_dpl(d) < cpu->cpl || desc_dpl(d) < (sel & 3u)) {
            x86_raise(cpu, EXC_GP, err(sel));
        }
        if (!desc_present(d)) {
            x86_raise(cpu, EXC_NP, err(sel));
        }
        tss = d->low >> 16 & 0xffff;
        if (tss & 4) {
            x86_raise(cpu, EXC_GP, err(tss));
        }
        desc_fetch_or_raise(cpu, tss, EXC_GP, err(tss), d);
        type = desc_type(d);
        if (desc_is_segment(d) || (type != DESC_TSS16 && type != DESC_TSS32)) {
            x86_raise(cpu, EXC_GP, err(tss));
        }
    } else if (type == DESC_TSS16 || type == DESC_TSS32) {
        if ((sel & 4) || desc_dpl(d) < cpu->cpl || desc_dpl(d) < (sel & 3u)) {
            x86_raise(cpu, EXC_GP, err(sel));
        }
    } else {
        return false;
    }
    if (!desc_present(d)) {
        x86_raise(cpu, EXC_NP, err(tss));
    }
    x86_task_switch(cpu, tss, d, source, cpu->rip, /* has_error= */ false, 0);
    return true;
}

static bool is_call_gate(const struct x86_cpu *cpu, const struct x86_desc *d)
{
    return desc_type(d) == DESC_CALL32 || (desc_type(d) == DESC_CALL16 && !(cpu->efer & EFER_LMA));
}

void x86_far_jump(struct x86_cpu *cpu, uint16_t sel, uint64_t off, unsigned width)
{
    struct x86_desc d;
    struct gate g;

    if (width == 2) {
        off &= 0xffff;
    }
    if (!x86_is_protected(cpu)) {
        far_real(cpu, sel, off);
        return;
    }
    if (!(sel & ~3)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    desc_fetch_or_raise(cpu, sel, EXC_GP, err(sel), &d);
    if (desc_is_code(&d)) {
        check_direct(cpu, sel, &d);
        check_target(cpu, &d, off);
        finish(cpu, sel, &d, off, cpu->cpl);
    } else if (!desc_is_segment(&d) && is_call_gate(cpu, &d)) {
        open_gate(cpu, sel, &d, &g);
        if (!desc_is_conforming(&g.target) && desc_dpl(&g.target) != cpu->cpl) {
            x86_raise(cpu, EXC_GP, err(g.sel));
        }
        check_target(cpu, &g.target, g.off);
        finish(cpu, g.sel, &g.target, g.off, cpu->cpl);
    } else if (desc_is_segment(&d) || !far_task(cpu, sel, &d, TASK_JUMP)) {
        x86_raise(cpu, EXC_GP, err(sel));
    }
}

/* Call through a gate to an inner level: new stack, parameters copied. */
static void call_inner(struct x86_cpu *cpu, struct gate *g)
{
    unsigned cpl = desc_dpl(&g->target);
    struct x86_stack old, st;
    struct x86_desc ssd;
    uint32_t params[31];
    uint16_t ss;
    uint64_t sp;

    x86_tss_stack(cpu, cpl, &ss, &sp);
    stack_init(&old, cpu);
    stack_init(&st, cpu);
    if (cpu->efer & EFER_LMA) {
        st.ss = (struct x86_seg){.sel = cpl, .attr = cpl << SEG_DPL_SHIFT};
        st.is64 = true;
        st.mask = ~0ULL;
    } else {
        x86_check_inner_ss(cpu, ss, cpl, 0, &ssd);
        desc_to_seg(ss, &ssd, &st.ss);
        st.mask = st.ss.attr & SEG_D ? 0xffffffff : 0xffff;
        st.error = err(ss);
        for (unsigned n = 0; n < g->count; n++) {
            params[n] = stack_pop(&old, g->width);
        }
    }
    st.sp = sp;
    st.system = cpl < 3;
    check_target(cpu, &g->target, g->off);
    stack_push(&st, cpu->seg[X86_SS].sel, g->width);
    stack_push(&st, cpu->gpr[X86_RSP], g->width);
    if (!(cpu->efer & EFER_LMA)) {
        for (unsigned n = g->count; n-- > 0;) {
            stack_push(&st, params[n], g->width);
        }
    }
    stack_push(&st, cpu->seg[X86_CS].sel, g->width);
    stack_push(&st, cpu->rip, g->width);
    if (!(cpu->efer & EFER_LMA)) {
        desc_set_accessed(cpu, &ssd);
        st.ss.attr |= SEG_ACCESSED;
    }
    x86_load_cs(cpu, (g->sel & ~3) | cpl, &g->target);
    cpu->seg[X86_SS] = st.ss;
    stack_commit(&st);
    finish(cpu, g->sel, &g->target, g->off, cpl);
}

static void call_gate(struct x86_cpu *cpu, uint16_t sel, const struct x86_desc *d)
{
    struct x86_stack st;
    struct gate g;

    open_gate(cpu, sel, d, &g);
    if (!desc_is_conforming(&g.target) && desc_dpl(&g.target) < cpu->cpl) {
        call_inner(cpu, &g);
        return;
    }
    check_target(cpu, &g.target, g.off);
    stack_init(&st, cpu);
    stack_push(&st, cpu->seg[X86_CS].sel, g.width);
    stack_push(&st, cpu->rip, g.width);
    x86_load_cs(cpu, (g.sel & ~3) | cpu->cpl, &g.target);
    stack_commit(&st);
    finish(cpu, g.sel, &g.target, g.off, cpu->cpl);
}

void x86_far_call(struct x86_cpu *cpu, uint16_t sel, uint64_t off, unsigned width)
{
    struct x86_stack st;
    struct x86_desc d;

    if (width == 2) {
        off &= 0xffff;
    }
    stack_init(&st, cpu);
    if (!x86_is_protected(cpu)) {
        if (off > cpu->seg[X86_CS].limit) {
            x86_raise(cpu, EXC_GP, 0);
        }
        stack_push(&st, cpu->seg[X86_CS].sel, width);
        stack_push(&st, cpu->rip, width);
        stack_commit(&st);
        far_real(cpu, sel, off);
        return;
    }
    if (!(sel & ~3)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    desc_fetch_or_raise(cpu, sel, EXC_GP, err(sel), &d);
    if (desc_is_code(&d)) {
        check_direct(cpu, sel, &d);
        check_target(cpu, &d, off);
        stack_push(&st, cpu->seg[X86_CS].sel, width);
        stack_push(&st, cpu->rip, width);
        desc_set_accessed(cpu, &d);
        stack_commit(&st);
        finish(cpu, sel, &d, off, cpu->cpl);
    } else if (!desc_is_segment(&d) && is_call_gate(cpu, &d)) {
        call_gate(cpu, sel, &d);
    } else if (desc_is_segment(&d) || !far_task(cpu, sel, &d, TASK_CALL)) {
        x86_raise(cpu, EXC_GP, err(sel));
    }
}

/* CS of a return: rights relative to the selector's RPL. */
static void check_return_cs(struct x86_cpu *cpu, uint16_t sel, struct x86_desc *d)
{
    unsigned rpl = sel & 3;

    if (!(sel & ~3)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    desc_fetch_or_raise(cpu, sel, EXC_GP, err(sel), d);
    if (!desc_is_code(d) || rpl < cpu->cpl ||
        (desc_is_conforming(d) ? desc_dpl(d) > rpl : desc_dpl(d) != rpl)) {
        x86_raise(cpu, EXC_GP, err(sel));
    }
    check_long(cpu, sel, d);
    if (!desc_present(d)) {
        x86_raise(cpu, EXC_NP, err(sel));
    }
}

/* SS of a return to level @rpl; a null selector is allowed in 64-bit mode below level 3. */
static void return_ss(struct x86_cpu *cpu, uint16_t sel, unsigned rpl, bool to64,
                      struct x86_seg *ret)
{
    struct x86_desc d;

    if (!(sel & ~3)) {
        if (!to64 || rpl == 3) {
            x86_raise(cpu, EXC_GP, 0);
        }
        *ret = (struct x86_seg){.sel = sel, .attr = rpl << SEG_DPL_SHIFT};
        return;
    }
    desc_fetch_or_raise(cpu, sel, EXC_GP, err(sel), &d);
    if ((sel & 3) != rpl || desc_dpl(&d) != rpl || !desc_is_segment(&d) || desc_is_code(&d) ||
        !(desc_type(&d) & SEG_WRITE)) {
        x86_raise(cpu, EXC_GP, err(sel));
    }
    if (!desc_present(&d)) {
        x86_raise(cpu, EXC_SS, err(sel));
    }
    desc_set_accessed(cpu, &d);
    desc_to_seg(sel, &d, ret);
}

/* SP after a switch to @ss: its size decides how much of the register changes. */
static void set_outer_sp(struct x86_cpu *cpu, const struct x86_seg *ss, uint64_t sp, bool to64)
{
    if (to64) {
        cpu->gpr[X86_RSP] = sp;
    } else if (ss->attr & SEG_D) {
        cpu->gpr[X86_RSP] = (uint32_t)sp;
    } else {
        gpr_write(cpu, X86_RSP, 2, sp);
    }
}

void x86_far_return(struct x86_cpu *cpu, unsigned width, unsigned release)
{
    struct x86_stack st;
    struct x86_desc d;
    struct x86_seg ss;
    uint64_t off, sp;
    uint16_t sel, ss_sel;
    unsigned rpl;
    bool to64;

    stack_init(&st, cpu);
    off = stack_pop(&st, width);
    sel = (uint16_t)stack_pop(&st, width);
    if (!x86_is_protected(cpu)) {
        if (off > cpu->seg[X86_CS].limit) {
            x86_raise(cpu, EXC_GP, 0);
        }
        st.sp += release;
        stack_commit(&st);
        far_real(cpu, sel, off);
        return;
    }
    check_return_cs(cpu, sel, &d);
    rpl = sel & 3;
    to64 = (cpu->efer & EFER_LMA) && (d.low >> 53 & 1);
    st.sp = (st.sp & ~st.mask) | ((st.sp + release) & st.mask);
    if (rpl == cpu->cpl) {
        check_target(cpu, &d, off);
        desc_set_accessed(cpu, &d);
        stack_commit(&st);
        finish(cpu, sel, &d, off, rpl);
        return;
    }
    sp = stack_pop(&st, width);
    ss_sel = (uint16_t)stack_pop(&st, width);
    return_ss(cpu, ss_sel, rpl, to64, &ss);
    check_target(cpu, &d, off);
    desc_set_accessed(cpu, &d);
    cpu->seg[X86_SS] = ss;
    set_outer_sp(cpu, &ss, sp + release, to64);
    finish(cpu, sel, &d, off, rpl);
    x86_drop_inner_segs(cpu);
    x86_update_mode(cpu);
}

/* Flags that IRET may change at the level it runs at. */
static uint32_t iret_mask(const struct x86_cpu *cpu, unsigned width)
{
    uint32_t mask = FLAG_STATUS | FLAG_TF | FLAG_DF | FLAG_NT;
    unsigned iopl = cpu->eflags >> 12 & 3;

    if (width > 2) {
        mask |= FLAG_RF | FLAG_AC | FLAG_ID;
    }
    if (cpu->cpl <= iopl) {
        mask |= FLAG_IF;
    }
    if (cpu->cpl == 0) {
        mask |= FLAG_IOPL | (width > 2 ? FLAG_VIF | FLAG_VIP : 0);
    }
    return mask;
}

static void iret_real(struct x86_cpu *cpu, unsigned width)
{
    uint32_t mask = FLAG_STATUS | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_NT;
    uint64_t off, flags;
    struct x86_stack st;
    uint16_t sel;

    stack_init(&st, cpu);
    off = stack_pop(&st, width);
    sel = (uint16_t)stack_pop(&st, width);
    flags = stack_pop(&st, width);
    if (off > cpu->seg[X86_CS].limit) {
        x86_raise(cpu, EXC_GP, 0);
    }
    if (cpu->eflags & FLAG_VM) {
        bool iopl3 = (cpu->eflags & FLAG_IOPL) == FLAG_IOPL;

        if (!iopl3) { /* CR4.VME: IF is kept in VIF */
            if (!(cpu->cr4 & CR4_VME) || width != 2 || (flags & FLAG_TF) ||
                ((flags & FLAG_IF) && (cpu->eflags & FLAG_VIP))) {
                x86_raise(cpu, EXC_GP, 0);
            }
            mask &= ~FLAG_IF;
            mask |= FLAG_VIF;
            flags = (flags & ~(uint64_t)FLAG_VIF) | (flags & FLAG_IF ? FLAG_VIF : 0);
        }
    } else {
        mask |= FLAG_IOPL;
    }
    if (width > 2) {
        mask |= FLAG_RF | FLAG_AC | FLAG_ID;
    }
    stack_commit(&st);
    far_real(cpu, sel, off);
    x86_eflags_write(cpu, (uint32_t)flags, mask);
}

/* Return from protected mode, level 0, to virtual-8086 mode. */
static void iret_to_vm86(struct x86_cpu *cpu, struct x86_stack *st, uint64_t off, uint16_t cs,
                         uint32_t flags)
{
    uint32_t sp = (uint32_t)stack_pop(st, 4);
    uint16_t sel[X86_GS + 1];

    sel[X86_SS] = (uint16_t)stack_pop(st, 4);
    sel[X86_ES] = (uint16_t)stack_pop(st, 4);
    sel[X86_DS] = (uint16_t)stack_pop(st, 4);
    sel[X86_FS] = (uint16_t)stack_pop(st, 4);
    sel[X86_GS] = (uint16_t)stack_pop(st, 4);
    sel[X86_CS] = cs;
    cpu->cpl = 3;
    x86_eflags_write(cpu, flags, ~0u);
    for (unsigned s = 0; s <= X86_GS; s++) {
        x86_load_seg_real(cpu, s, sel[s]);
    }
    cpu->gpr[X86_RSP] = sp;
    cpu->rip = off & 0xffff;
    x86_update_mode(cpu);
}

static void iret_task(struct x86_cpu *cpu)
{
    const struct x86_seg *tr = &cpu->seg[X86_TR];
    uint16_t link = mem_sys_read(cpu, tr->base, 2);
    struct x86_desc d;
    unsigned type;

    if (link & 4) {
        x86_raise(cpu, EXC_TS, err(link));
    }
    desc_fetch_or_raise(cpu, link, EXC_TS, err(link), &d);
    type = desc_type(&d);
    if (desc_is_segment(&d) || (type != DESC_TSS16_BUSY && type != DESC_TSS32_BUSY)) {
        x86_raise(cpu, EXC_TS, err(link));
    }
    if (!desc_present(&d)) {
        x86_raise(cpu, EXC_NP, err(link));
    }
    x86_task_switch(cpu, link, &d, TASK_IRET, cpu->rip, /* has_error= */ false, 0);
}

/*
 * RF holds for the next instruction. Without breakpoints only an interrupt before it would show RF;
 * none waits, and one that comes now may as well come behind it.
 */
static uint32_t without_rf(const struct x86_cpu *cpu, uint32_t flags)
{
    bool shown = (cpu->dr[7] & 0xff) || __atomic_load_n(&cpu->requests, __ATOMIC_RELAXED);

    return shown ? flags : flags & ~(uint32_t)FLAG_RF;
}

void x86_iret(struct x86_cpu *cpu, unsigned width)
{
    uint32_t mask = iret_mask(cpu, width);
    struct x86_stack st;
    struct x86_desc d;
    struct x86_seg ss = {0};
    uint64_t off, sp = 0;
    uint32_t flags;
    uint16_t sel;
    unsigned rpl;
    bool to64, outer;

    cpu->nmi_masked = false;
    x86_unmasked(cpu);
    if (!x86_is_protected(cpu)) {
        iret_real(cpu, width);
        return;
    }
    if (cpu->eflags & FLAG_NT) {
        if (cpu->efer & EFER_LMA) {
            x86_raise(cpu, EXC_GP, 0);
        }
        iret_task(cpu);
        return;
    }
    stack_init(&st, cpu);
    off = stack_pop(&st, width);
    sel = (uint16_t)stack_pop(&st, width);
    flags = (uint32_t)stack_pop(&st, width);
    if ((flags & FLAG_VM) && cpu->cpl == 0 && width == 4 && !(cpu->efer & EFER_LMA)) {
        iret_to_vm86(cpu, &st, off, sel, flags);
        return;
    }
    check_return_cs(cpu, sel, &d);
    rpl = sel & 3;
    to64 = (cpu->efer & EFER_LMA) && (d.low >> 53 & 1);
    outer = rpl != cpu->cpl || x86_is_64(cpu);
    if (outer) {
        sp = stack_pop(&st, width);
        return_ss(cpu, (uint16_t)stack_pop(&st, width), rpl, to64, &ss);
    }
    check_target(cpu, &d, off);
    desc_set_accessed(cpu, &d);
    if (outer) {
        cpu->seg[X86_SS] = ss;
        set_outer_sp(cpu, &ss, sp, to64);
    } else {
        stack_commit(&st);
    }
    outer = rpl != cpu->cpl;
    finish(cpu, sel, &d, off, rpl);
    x86_eflags_write(cpu, without_rf(cpu, flags), mask);
    if (outer) {
        x86_drop_inner_segs(cpu);
    }
    x86_update_mode(cpu);
}
