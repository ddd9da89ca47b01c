/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts and exceptions: raising, combining (double and triple faults), and delivery through
 * the vector table or the IDT in every mode.
 *
 * Intel SDM volume 3, chapter 6; virtual-8086 redirection: 20.3.
 */
#include "target/i386/system.h"
#include "util/log.h"
#include <inttypes.h>

enum { RAISED_RESTART = 256 }; /* no exception: x86_restart() */

static void __attribute__((noreturn)) unwind(struct x86_cpu *cpu, int vector, uint32_t error)
{
    if (cpu->rmw_exclusive) {
        mem_rmw_end(cpu);
    }
    cpu->raised.vector = vector;
    cpu->raised.error = error;
    longjmp(cpu->unwind, 1);
}

void x86_raise(struct x86_cpu *cpu, enum x86_exception vector, uint32_t error)
{
    unwind(cpu, vector, error);
}

void x86_restart(struct x86_cpu *cpu)
{
    unwind(cpu, RAISED_RESTART, 0);
}

void x86_raise_pf(struct x86_cpu *cpu, uint64_t la, uint32_t error)
{
    cpu->cr2 = la;
    x86_raise(cpu, EXC_PF, error);
}

static bool has_error_code(unsigned vector)
{
    return vector == EXC_DF || (vector >= EXC_TS && vector <= EXC_PF) || vector == EXC_AC;
}

static bool is_contributory(int vector)
{
    return vector == EXC_DE || (vector >= EXC_TS && vector <= EXC_GP);
}

/* Error code for a fault met while @vector's gate is used: IDT bit and EXT. */
static uint32_t gate_error(unsigned vector, enum interrupt_kind kind)
{
    return vector * 8 + 2 + (kind == INT_SOFT || kind == INT_SOFT_TRAP ? 0 : 1);
}

struct delivery {
    struct x86_cpu *cpu;
    uint8_t vector;
    enum interrupt_kind kind;
    bool has_error;
    uint32_t error;
    uint64_t rip;   /* to return to */
    uint32_t flags; /* as pushed */
    uint32_t ext;
};

static void deliver_real(struct delivery *dl)
{
    struct x86_cpu *cpu = dl->cpu;
    struct x86_stack st;
    uint32_t entry;

    if (dl->vector * 4 + 3 > cpu->idt.limit) {
        x86_raise(cpu, EXC_GP, gate_error(dl->vector, dl->kind));
    }
    stack_init(&st, cpu);
    entry = mem_sys_read(cpu, cpu->idt.base + dl->vector * 4, 4);
    stack_push(&st, dl->flags, 2);
    stack_push(&st, cpu->seg[X86_CS].sel, 2);
    stack_push(&st, dl->rip, 2);
    stack_commit(&st);
    x86_eflags_write(cpu, 0, FLAG_IF | FLAG_TF | FLAG_RF | FLAG_AC);
    x86_load_seg_real(cpu, X86_CS, entry >> 16);
    cpu->rip = entry & 0xffff;
}

/* What a gate in the IDT says. */
struct int_gate {
    unsigned type;
    uint16_t sel;
    uint64_t off;
    unsigned ist;
    unsigned width;
};

static void read_gate(struct delivery *dl, struct int_gate *g)
{
    struct x86_cpu *cpu = dl->cpu;
    bool lm = cpu->efer & EFER_LMA;
    unsigned size = lm ? 16 : 8, dpl;
    uint32_t error = gate_error(dl->vector, dl->kind);
    uint64_t low;

    if (dl->vector * size + size - 1 > cpu->idt.limit) {
        x86_raise(cpu, EXC_GP, error);
    }
    low = mem_sys_read(cpu, cpu->idt.base + dl->vector * size, 8);
    g->type = low >> 40 & 0x1f;
    g->sel = low >> 16 & 0xffff;
    g->off = (low & 0xffff) | (low >> 32 & 0xffff0000);
    g->ist = 0;
    dpl = low >> 45 & 3;
    if (lm) {
        g->ist = low >> 32 & 7;
        g->off |= mem_sys_read(cpu, cpu->idt.base + dl->vector * size + 8, 4) << 32;
    }
    if (g->type != DESC_INT32 && g->type != DESC_TRAP32 &&
        (lm || (g->type != DESC_INT16 && g->type != DESC_TRAP16 && g->type != DESC_TASK))) {
        x86_raise(cpu, EXC_GP, error);
    }
    if ((dl->kind == INT_SOFT || dl->kind == INT_SOFT_TRAP) && dpl < cpu->cpl) {
        x86_raise(cpu, EXC_GP, error);
    }
    if (!(low >> 47 & 1)) {
        x86_raise(cpu, EXC_NP, error);
    }
    g->width = lm ? 8 : g->type >= DESC_INT32 ? 4 : 2;
    if (g->width == 2) {
        g->off &= 0xffff;
    }
}

static void deliver_task(struct delivery *dl, uint16_t sel)
{
    struct x86_cpu *cpu = dl->cpu;
    struct x86_desc d;
    unsigned type;

    if (sel & 4) {
        x86_raise(cpu, EXC_GP, (sel & ~3) | dl->ext);
    }
    desc_fetch_or_raise(cpu, sel, EXC_GP, (sel & ~3) | dl->ext, &d);
    type = desc_type(&d);
    if (desc_is_segment(&d) || (type != DESC_TSS16 && type != DESC_TSS32)) {
        x86_raise(cpu, EXC_GP, (sel & ~3) | dl->ext);
    }
    if (!desc_present(&d)) {
        x86_raise(cpu, EXC_NP, (sel & ~3) | dl->ext);
    }
    x86_task_switch(cpu, sel, &d, TASK_CALL, dl->rip, dl->has_error, dl->error);
}

/* The handler's code segment. */
static void check_handler(struct delivery *dl, const struct int_gate *g, struct x86_desc *d)
{
    struct x86_cpu *cpu = dl->cpu;
    uint32_t error = (g->sel & ~3) | dl->ext;
    struct x86_seg seg;

    if (!(g->sel & ~3)) {
        x86_raise(cpu, EXC_GP, dl->ext);
    }
    desc_fetch_or_raise(cpu, g->sel, EXC_GP, error, d);
    if (!desc_is_code(d) || desc_dpl(d) > cpu->cpl ||
        ((cpu->efer & EFER_LMA) && (d->low >> 53 & 3) != 1)) {
        x86_raise(cpu, EXC_GP, error);
    }
    if (!desc_present(d)) {
        x86_raise(cpu, EXC_NP, error);
    }
    desc_to_seg(g->sel, d, &seg);
    if (cpu->efer & EFER_LMA ? !x86_is_canonical(cpu, g->off) : g->off > seg.limit) {
        x86_raise(cpu, EXC_GP, dl->ext);
    }
}

/* Chooses the handler's stack; returns whether SS:SP is to be pushed. */
static bool choose_stack(struct delivery *dl, const struct int_gate *g, unsigned cpl,
                         struct x86_stack *st)
{
    struct x86_cpu *cpu = dl->cpu;
    const struct x86_seg *tr = &cpu->seg[X86_TR];
    struct x86_desc d;
    uint16_t ss;

    stack_init(st, cpu);
    st->error = dl->ext;
    st->system = cpl < 3;
    if (cpu->efer & EFER_LMA) {
        if (g->ist) {
            uint32_t off = 0x1c + g->ist * 8;

            if (off + 7 > tr->limit) {
                x86_raise(cpu, EXC_TS, (tr->sel & ~3) | dl->ext);
            }
            st->sp = mem_sys_read(cpu, tr->base + off, 8);
        } else if (cpl != cpu->cpl) {
            x86_tss_stack(cpu, cpl, &ss, &st->sp);
        }
        st->is64 = true;
        st->mask = ~0ULL;
        st->sp &= ~15ULL;
        if (cpl != cpu->cpl) {
            st->ss = (struct x86_seg){.sel = cpl, .attr = cpl << SEG_DPL_SHIFT};
        }
        return true;
    }
    if (cpl == cpu->cpl) {
        return false;
    }
    x86_tss_stack(cpu, cpl, &ss, &st->sp);
    x86_check_inner_ss(cpu, ss, cpl, dl->ext, &d);
    desc_set_accessed(cpu, &d);
    desc_to_seg(ss, &d, &st->ss);
    st->mask = st->ss.attr & SEG_D ? 0xffffffff : 0xffff;
    st->error = (ss & ~3) | dl->ext;
    return true;
}

static void deliver_protected(struct delivery *dl)
{
    struct x86_cpu *cpu = dl->cpu;
    bool vm86 = cpu->eflags & FLAG_VM, push_stack;
    uint32_t clear = FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM;
    struct x86_stack st;
    struct int_gate g;
    struct x86_desc d;
    unsigned cpl;

    read_gate(dl, &g);
    if (g.type == DESC_TASK) {
        deliver_task(dl, g.sel);
        return;
    }
    check_handler(dl, &g, &d);
    cpl = desc_is_conforming(&d) ? cpu->cpl : desc_dpl(&d);
    if (vm86 && cpl != 0) {
        x86_raise(cpu, EXC_GP, (g.sel & ~3) | dl->ext);
    }
    push_stack = choose_stack(dl, &g, cpl, &st);
    if (vm86) {
        stack_push(&st, cpu->seg[X86_GS].sel, g.width);
        stack_push(&st, cpu->seg[X86_FS].sel, g.width);
        stack_push(&st, cpu->seg[X86_DS].sel, g.width);
        stack_push(&st, cpu->seg[X86_ES].sel, g.width);
    }
    if (push_stack) {
        stack_push(&st, cpu->seg[X86_SS].sel, g.width);
        stack_push(&st, cpu->gpr[X86_RSP], g.width);
    }
    stack_push(&st, dl->flags, g.width);
    stack_push(&st, cpu->seg[X86_CS].sel, g.width);
    stack_push(&st, dl->rip, g.width);
    if (dl->has_error) {
        stack_push(&st, dl->error, g.width);
    }
    desc_set_accessed(cpu, &d);
    if (vm86) {
        static const uint8_t data[] = {X86_ES, X86_DS, X86_FS, X86_GS};

        for (unsigned n = 0; n < ARRAY_SIZE(data); n++) {
            cpu->seg[data[n]] = (struct x86_seg){0};
        }
    }
    cpu->seg[X86_SS] = st.ss;
    stack_commit(&st);
    x86_load_cs(cpu, (g.sel & ~3) | cpl, &d);
    cpu->cpl = cpl;
    cpu->rip = g.off;
    if (g.type == DESC_INT16 || g.type == DESC_INT32) {
        clear |= FLAG_IF;
    }
    x86_eflags_write(cpu, 0, clear);
    x86_update_mode(cpu);
}

/* INT n in virtual-8086 mode with CR4.VME: straight to the 8086 handler if the bitmap says so. */
static bool deliver_redirected(struct delivery *dl)
{
    struct x86_cpu *cpu = dl->cpu;
    const struct x86_seg *tr = &cpu->seg[X86_TR];
    bool iopl3 = (cpu->eflags & FLAG_IOPL) == FLAG_IOPL;
    uint32_t map, entry, flags = dl->flags;
    struct x86_stack st;

    if (!(cpu->cr4 & CR4_VME) || (tr->attr & SEG_TYPE) < DESC_TSS32 || tr->limit < 0x67) {
        return false;
    }
    map = mem_sys_read(cpu, tr->base + 0x66, 2);
    if (map < 32 || map - 32 + dl->vector / 8 > tr->limit ||
        (mem_sys_read(cpu, tr->base + map - 32 + dl->vector / 8, 1) >> (dl->vector & 7) & 1)) {
        return false;
    }
    if (!iopl3) { /* the 8086 program sees VIF as IF, and IOPL 3 */
        flags = (flags & ~FLAG_IF) | (flags & FLAG_VIF ? FLAG_IF : 0) | FLAG_IOPL;
    }
    stack_init(&st, cpu);
    entry = mem_read(cpu, dl->vector * 4, 4);
    stack_push(&st, flags, 2);
    stack_push(&st, cpu->seg[X86_CS].sel, 2);
    stack_push(&st, dl->rip, 2);
    stack_commit(&st);
    x86_eflags_write(cpu, 0, FLAG_TF | FLAG_RF | FLAG_NT | (iopl3 ? FLAG_IF : FLAG_VIF));
    x86_load_seg_real(cpu, X86_CS, entry >> 16);
    cpu->rip = entry & 0xffff;
    return true;
}

static void log_interrupt(const struct delivery *dl)
{
    const struct x86_cpu *cpu = dl->cpu;

    log_printf(LOG_INT,
               "CPU %u: v=%02x e=%04x k=%d cpl=%d ip=%04x:%016" PRIx64 " sp=%04x:%016" PRIx64
               " cr2=%016" PRIx64 " rax=%016" PRIx64 "\n",
               cpu->index, dl->vector, dl->error, dl->kind, cpu->cpl, cpu->seg[X86_CS].sel, dl->rip,
               cpu->seg[X86_SS].sel, cpu->gpr[X86_RSP], cpu->cr2, cpu->gpr[X86_RAX]);
}

void x86_interrupt(struct x86_cpu *cpu, uint8_t vector, enum interrupt_kind kind, uint32_t error,
                   uint64_t return_rip)
{
    struct delivery dl = {
        .cpu = cpu,
        .vector = vector,
        .kind = kind,
        .has_error = kind == INT_EXCEPTION && has_error_code(vector) && (cpu->cr0 & CR0_PE),
        .error = error,
        .rip = return_rip,
        .flags = x86_eflags_get(cpu),
        .ext = kind == INT_SOFT || kind == INT_SOFT_TRAP ? 0 : 1,
    };

    if (log_on(LOG_INT)) {
        log_interrupt(&dl);
    }
    if (kind == INT_SOFT && (cpu->mode & MODE_VM86)) {
        if (deliver_redirected(&dl)) {
            return;
        }
        if ((cpu->eflags & FLAG_IOPL) != FLAG_IOPL) {
            x86_raise(cpu, EXC_GP, 0);
        }
    }
    cpu->delivering = vector;
    cpu->delivering_error = kind == INT_EXCEPTION;
    if (kind == INT_EXCEPTION && vector != EXC_DB) {
        dl.flags |= FLAG_RF; /* faults restart their instruction; also when it has a breakpoint */
    }
    cpu->interrupt_shadow = false;
    if (cpu->cr0 & CR0_PE) {
        deliver_protected(&dl);
    } else {
        deliver_real(&dl);
    }
    cpu->delivering = -1;
}

static void triple_fault(struct x86_cpu *cpu)
{
    if (log_on(LOG_INT | LOG_CPU_RESET)) {
        log_printf(LOG_INT, "CPU %u: triple fault at %#" PRIx64 "\n", cpu->index, cpu->rip);
    }
    cpu->delivering = -1;
    cpu->run_state = X86_SHUTDOWN;
    x86_attention(cpu);
    if (cpu->irq_ops && cpu->irq_ops->triple_fault) {
        cpu->irq_ops->triple_fault(cpu->irq_opaque);
    }
}

void x86_deliver_raised(struct x86_cpu *cpu)
{
    int vector = cpu->raised.vector, first = cpu->delivering;
    uint32_t error = cpu->raised.error;

    cpu->rip = cpu->start_rip;
    if (vector == RAISED_RESTART) {
        return;
    }
    if (first >= 0) {
        bool first_is_fault = cpu->delivering_error;

        if (first_is_fault && first == EXC_DF) {
            triple_fault(cpu);
            return;
        }
        if (first_is_fault &&
            ((is_contributory(first) && is_contributory(vector)) ||
             (first == EXC_PF && (vector == EXC_PF || is_contributory(vector))))) {
            vector = EXC_DF;
            error = 0;
        }
    }
    if (vector == EXC_DB) {
        cpu->dr[7] &= ~(uint64_t)DR7_GD;
    }
    x86_interrupt(cpu, (uint8_t)vector, INT_EXCEPTION, error, cpu->start_rip);
}

void x86_debug_trap(struct x86_cpu *cpu, uint32_t dr6)
{
    cpu->dr[6] = (cpu->dr[6] & ~0xfULL) | dr6 | DR6_RESET;
    cpu->dr[7] &= ~(uint64_t)DR7_GD;
    cpu->start_rip = cpu->rip;
    x86_interrupt(cpu, EXC_DB, INT_EXCEPTION, 0, cpu->rip);
}
