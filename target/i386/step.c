/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instruction at a time: fetch, decode, execute, with everything that engines leave out of
 * their fast path (single step, breakpoints, interrupt shadows).
 */
#include "target/i386/step.h"
#include "target/i386/system.h"
#include "target/i386/tlb.h"
#include "target/i386/x87.h"
#include <string.h>

unsigned x86_fetch(struct x86_cpu *cpu, uint64_t rip, uint8_t *buf, unsigned want)
{
    uint64_t la = (cpu->seg_base[X86_CS] + rip) & cpu->ea_mask;
    unsigned in_page = MIN(want, PAGE_SIZE - (unsigned)(la & ~PAGE_MASK));
    const struct phys_page *p;
    struct x86_walk wk;

    if ((cpu->mode & MODE_CODE64) && !x86_is_canonical(cpu, la)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    x86_translate(cpu, la, ACCESS_FETCH, x86_tlb_set(cpu), &wk);
    p = x86_phys_page(cpu, wk.gpa);
    if (p->host) {
        memcpy(buf, p->host + (wk.gpa & ~PAGE_MASK), in_page);
        return in_page;
    }
    for (unsigned n = 0; n < in_page; n++) {
        buf[n] = (uint8_t)phys_read(cpu, wk.gpa + n, 1);
    }
    return in_page;
}

void x86_fetch_decode(struct x86_cpu *cpu, struct x86_insn *ret)
{
    uint8_t code[15];
    unsigned have = 0;
    enum x86_decode_result result;

    do { /* a second page is touched only if the instruction reaches into it */
        have += x86_fetch(cpu, cpu->rip + have, code + have, sizeof(code) - have);
        result = x86_decode(cpu->decoder, cpu->mode, code, have, ret);
    } while (result == DECODE_MORE && have < sizeof(code));
    if (!(cpu->mode & MODE_CODE64)) {
        unsigned len = result == DECODE_OK ? ret->len : 1;

        if (cpu->rip + len - 1 > cpu->seg[X86_CS].limit) {
            x86_raise(cpu, EXC_GP, 0);
        }
    }
    if (result == DECODE_INVALID) {
        x86_raise(cpu, EXC_UD, 0);
    }
    if (result != DECODE_OK) {
        x86_raise(cpu, EXC_GP, 0);
    }
}

/* FPU state may be used: CR0.EM and TS, CR4 and XCR0; pending x87 errors. */
void x86_check_fpu(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint32_t needs = insn_row(i)->needs;

    if (insn_is_vex(i) && !(needs & VEXG)) {
        if (!(cpu->cr4 & CR4_OSXSAVE) ||
            (cpu->xcr0 & (XCR0_SSE | XCR0_AVX)) != (XCR0_SSE | XCR0_AVX)) {
            x86_raise(cpu, EXC_UD, 0);
        }
        if (cpu->cr0 & CR0_TS) {
            x86_raise(cpu, EXC_NM, 0);
        }
        return;
    }
    if (needs & (SSEF | MMXF)) {
        if ((cpu->cr0 & CR0_EM) || ((needs & SSEF) && !(cpu->cr4 & CR4_OSFXSR))) {
            x86_raise(cpu, EXC_UD, 0);
        }
        if (cpu->cr0 & CR0_TS) {
            x86_raise(cpu, EXC_NM, 0);
        }
    } else if (needs & X87) {
        if (cpu->cr0 & (CR0_EM | CR0_TS)) {
            x86_raise(cpu, EXC_NM, 0);
        }
    }
    if ((needs & (X87 | MMXF)) && !(needs & NOWAIT)) {
        x87_check_pending(cpu);
    }
}

void exec_FWAIT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    if ((cpu->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) {
        x86_raise(cpu, EXC_NM, 0);
    }
    x87_check_pending(cpu);
}

void x86_exec(struct x86_cpu *cpu, const struct x86_insn *i)
{
    const struct x86_row *row = insn_row(i);

    if (row->needs & (CPL0 | X87 | MMXF | SSEF | VEX | VEX2 | VEXO)) {
        if ((row->needs & CPL0) && cpu->cpl > 0) {
            x86_raise(cpu, EXC_GP, 0);
        }
        if (row->needs & (X87 | MMXF | SSEF | VEX | VEX2 | VEXO)) {
            x86_check_fpu(cpu, i);
        }
    }
    row->exec(cpu, i);
    if ((row->needs & (MMXF | X87)) == MMXF) { /* now that it cannot fault any more */
        x87_enter_mmx(cpu);
    }
}

/* DR0-3 as instruction breakpoints at @la. */
static uint32_t code_breakpoints(const struct x86_cpu *cpu, uint64_t la)
{
    uint32_t hit = 0;

    for (unsigned n = 0; n < 4; n++) {
        if ((cpu->dr[7] >> (n * 2) & 3) && !(cpu->dr[7] >> (16 + n * 4) & 3) && cpu->dr[n] == la) {
            hit |= 1u << n;
        }
    }
    return hit;
}

/* INT n and its like, when they are taken: no trap follows, TF is what their handlers return to. */
static bool enters_handler(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    switch (insn_row(i)->op) {
    case OP_INT:
    case OP_INT3:
    case OP_INT1:
        return true;
    case OP_INTO:
        return flag_of(cpu);
    default:
        return false;
    }
}

void x86_step_one(struct x86_cpu *cpu)
{
    bool shadow = cpu->interrupt_shadow, trace = cpu->eflags & FLAG_TF, rf = cpu->eflags & FLAG_RF;
    uint32_t hit = 0;
    struct x86_insn i;

    cpu->start_rip = cpu->rip;
    if ((cpu->dr[7] & 0xff) && !rf) {
        hit = code_breakpoints(cpu, (cpu->seg_base[X86_CS] + cpu->rip) & cpu->ea_mask);
        if (hit && !shadow) {
            cpu->dr[6] = (cpu->dr[6] & ~0xfULL) | hit | DR6_RESET;
            x86_raise(cpu, EXC_DB, 0);
        }
    }
    x86_fetch_decode(cpu, &i);
    cpu->insn = &i;
    cpu->rip += i.len;
    if (!(cpu->mode & MODE_CODE64)) {
        cpu->rip &= 0xffffffff;
    }
    trace = trace && !enters_handler(cpu, &i);
    x86_exec(cpu, &i);
    cpu->executed += !cpu->insn_again;
    cpu->insn_again = false;
    if (shadow) {
        cpu->interrupt_shadow = false;
        if (__atomic_load_n(&cpu->requests, __ATOMIC_RELAXED)) {
            x86_attention(cpu);
        }
    }
    if (rf && insn_row(&i)->op != OP_IRET && insn_row(&i)->op != OP_POPF) {
        cpu->eflags &= ~FLAG_RF;
        x86_update_mode(cpu);
    }
    if (trace && !cpu->interrupt_shadow) {
        cpu->pending_dr6 |= DR6_BS;
    }
    if (cpu->pending_dr6 && !cpu->interrupt_shadow) {
        uint32_t dr6 = cpu->pending_dr6;

        cpu->pending_dr6 = 0;
        x86_cpu_unrequest(cpu, X86_REQ_DB);
        x86_debug_trap(cpu, dr6);
    }
}

void x86_cpu_step(struct x86_cpu *cpu)
{
    volatile bool raised = false;

    if (setjmp(cpu->unwind)) {
        raised = true;
        x86_deliver_raised(cpu);
    }
    if (!raised) {
        x86_step_one(cpu);
    }
}
