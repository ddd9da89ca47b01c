/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x87's register stack, status and pending errors.
 *
 * Intel's manual, volume 1, chapter 8. The last opcode, instruction and operand pointers move with
 * every instruction on Intel's processors, only with unmasked exceptions on AMD's; FCS and FDS are
 * stored as zero if CPUID says so (ZERO_FCS_FDS).
 */
#include "target/i386/x87_impl.h"

#include "target/i386/mem.h"

void x87_init(struct x86_cpu *cpu)
{
    struct x86_fpu *fpu = &cpu->fpu;

    fpu->cw = X87_CW_RESET;
    fpu->sw = 0;
    fpu->top = 0;
    fpu->empty = 0xff;
    fpu->op = 0;
    fpu->ip = fpu->dp = 0;
    fpu->cs = fpu->ds = 0;
    x87_update_es(cpu);
}

void x87_enter_mmx(struct x86_cpu *cpu)
{
    cpu->fpu.top = 0;
    cpu->fpu.empty = 0;
}

/* Tells the board; it may enter devices. */
static void drive_ferr(struct x86_cpu *cpu, bool level)
{
    bool begun;

    if (cpu->ferr == level || !cpu->irq_ops || !cpu->irq_ops->set_ferr) {
        return;
    }
    cpu->ferr = level;
    begun = x86_io_begin(cpu);
    cpu->irq_ops->set_ferr(cpu->irq_opaque, level);
    x86_io_end(cpu, begun);
}

void x87_update_es(struct x86_cpu *cpu)
{
    struct x86_fpu *fpu = &cpu->fpu;

    if (fpu->sw & ~fpu->cw & SF_ALL) {
        fpu->sw |= X87_ES | X87_B;
    } else {
        fpu->sw &= ~(X87_ES | X87_B);
        cpu->ignne = false;
        drive_ferr(cpu, /* level= */ false);
    }
}

void x86_cpu_set_ignne(struct x86_cpu *cpu, bool level)
{
    cpu->ignne = level;
}

void x87_check_pending(struct x86_cpu *cpu)
{
    if (!(cpu->fpu.sw & X87_ES)) {
        return;
    }
    if (cpu->cr0 & CR0_NE) {
        x86_raise(cpu, EXC_MF, 0);
    }
    if (!cpu->ignne && cpu->irq_ops && cpu->irq_ops->set_ferr) {
        /* The instruction waits until the interrupt has come and its handler has seen to it. */
        drive_ferr(cpu, /* level= */ true);
        x86_restart(cpu);
    }
}

uint16_t x87_status(const struct x86_cpu *cpu)
{
    return cpu->fpu.sw | cpu->fpu.top << 11;
}

void x87_set_status(struct x86_cpu *cpu, uint16_t sw)
{
    cpu->fpu.sw = sw & (SF_ALL | X87_SF | X87_CONDS);
    cpu->fpu.top = sw >> 11 & 7;
    x87_update_es(cpu);
}

/* The tag of physical register n, whose contents decide between valid, zero and special. */
static unsigned tag_of(const struct x86_fpu *fpu, unsigned n)
{
    const struct x86_fpr *r = &fpu->r[n];
    struct f80 v = {.sig = r->mant, .se = r->exp};

    if (fpu->empty >> n & 1) {
        return 3;
    }
    switch (f80_class(v)) {
    case SF_CLASS_NORMAL:
        return 0;
    case SF_CLASS_ZERO:
        return 1;
    default:
        return 2;
    }
}

uint16_t x87_tags(const struct x86_cpu *cpu)
{
    uint16_t tags = 0;

    for (unsigned n = 0; n < 8; n++) {
        tags |= tag_of(&cpu->fpu, n) << 2 * n;
    }
    return tags;
}

void x87_set_tags(struct x86_cpu *cpu, uint16_t tags)
{
    cpu->fpu.empty = 0;
    for (unsigned n = 0; n < 8; n++) {
        cpu->fpu.empty |= ((tags >> 2 * n & 3) == 3) << n;
    }
}

struct sf_env x87_env(const struct x86_cpu *cpu)
{
    static const uint8_t precision[4] = {24, 64, 53, 64};

    return (struct sf_env){
        .rounding = cpu->fpu.cw >> 10 & 3,
        .precision = precision[cpu->fpu.cw >> 8 & 3],
        .masks = cpu->fpu.cw & SF_ALL,
        .x87 = true,
    };
}

static void store_pointers(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct x86_fpu *fpu = &cpu->fpu;

    fpu->op = (i->opcode & 7) << 8 | i->modrm;
    fpu->ip = cpu->rip - i->len;
    fpu->cs = cpu->seg[X86_CS].sel;
    if (i->is_mem) {
        fpu->dp = insn_ea(cpu, i);
        fpu->ds = cpu->seg[i->seg].sel;
    }
}

void x87_note(struct x86_cpu *cpu, const struct x86_insn *i)
{
    if (!cpu->vendor_amd) {
        store_pointers(cpu, i);
    }
}

/* After flags were raised. AMD's processors move the pointers only for unmasked exceptions. */
static void flags_raised(struct x86_cpu *cpu)
{
    x87_update_es(cpu);
    if (cpu->vendor_amd && cpu->fpu.sw & X87_ES) {
        store_pointers(cpu, cpu->insn);
    }
}

bool x87_commit(struct x86_cpu *cpu, struct sf_env *env)
{
    bool go = !(env->flags & ~env->masks & SF_PRE);

    sf_drop_post_flags(env);
    cpu->fpu.sw |= env->flags;
    x87_set_conds(cpu, X87_C1, env->rounded_up && go && !(env->flags & SF_IE) ? X87_C1 : 0);
    flags_raised(cpu);
    return go;
}

bool x87_stack_fault(struct x86_cpu *cpu, bool overflow)
{
    cpu->fpu.sw |= SF_IE | X87_SF;
    x87_set_conds(cpu, X87_C1, overflow ? X87_C1 : 0);
    flags_raised(cpu);
    return cpu->fpu.cw & SF_IE;
}

void x87_check_alignment(struct x86_cpu *cpu, uint64_t la, unsigned size)
{
    if (cpu->cpl == 3 && cpu->cr0 & CR0_AM && cpu->eflags & FLAG_AC && la & (size - 1)) {
        x86_raise(cpu, EXC_AC, 0);
    }
}

uint64_t x87_probe_store(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size)
{
    uint64_t la = operand_linear(cpu, i, 0, size, /* write= */ true);

    x87_check_alignment(cpu, la, size > 10 ? MIN(i->width, 4) : MIN(size, 8));
    mem_probe(cpu, la, size, /* write= */ true);
    return la;
}
