/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control transfers: jumps, calls, returns, loops, software interrupts, BOUND.
 */
#include "target/i386/system.h"

/* Target of a near branch, cut to the operand size. */
static uint64_t near_target(const struct x86_insn *i, uint64_t target)
{
    return i->width == 8 ? target : target & size_mask(i->width);
}

static void jump_relative(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x86_jump(cpu, near_target(i, cpu->rip + i->imm));
}

void exec_JMP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    jump_relative(cpu, i);
}

void exec_JCC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    if (flags_condition(cpu, i->cond)) {
        jump_relative(cpu, i);
    }
}

void exec_JMP_IND(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x86_jump(cpu, operand_load(cpu, i, 0));
}

static void call(struct x86_cpu *cpu, const struct x86_insn *i, uint64_t target)
{
    uint64_t from = cpu->rip;
    struct x86_stack st;

    stack_init(&st, cpu);
    if (x86_is_64(cpu) && !x86_is_canonical(cpu, target)) {
        /* #GP, unless the push faults; but nothing is pushed. */
        mem_probe(cpu, seg_linear(cpu, X86_SS, st.sp - i->width, i->width, /* write= */ true),
                  i->width, /* write= */ true);
    }
    x86_jump(cpu, target);
    stack_push(&st, from, i->width);
    stack_commit(&st);
}

void exec_CALL(struct x86_cpu *cpu, const struct x86_insn *i)
{
    call(cpu, i, near_target(i, cpu->rip + i->imm));
}

void exec_CALL_IND(struct x86_cpu *cpu, const struct x86_insn *i)
{
    call(cpu, i, operand_load(cpu, i, 0));
}

void exec_RET(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct x86_stack st;
    uint64_t target;

    stack_init(&st, cpu);
    target = stack_pop(&st, i->width);
    st.sp = (st.sp & ~st.mask) | ((st.sp + i->imm) & st.mask);
    x86_jump(cpu, target);
    stack_commit(&st);
}

void exec_JCXZ(struct x86_cpu *cpu, const struct x86_insn *i)
{
    if (!gpr_read(cpu, X86_RCX, i->asize)) {
        jump_relative(cpu, i);
    }
}

static void loop(struct x86_cpu *cpu, const struct x86_insn *i, bool condition)
{
    uint64_t count = (gpr_read(cpu, X86_RCX, i->asize) - 1) & size_mask(i->asize);

    if (count && condition) {
        jump_relative(cpu, i);
    }
    gpr_write(cpu, X86_RCX, i->asize, count);
}

void exec_LOOP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    loop(cpu, i, /* condition= */ true);
}

void exec_LOOPE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    loop(cpu, i, flag_zf(cpu));
}

void exec_LOOPNE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    loop(cpu, i, !flag_zf(cpu));
}

void exec_JMPF(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x86_far_jump(cpu, (uint16_t)(i->imm >> 32), (uint32_t)i->imm, i->width);
}

void exec_CALLF(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x86_far_call(cpu, (uint16_t)(i->imm >> 32), (uint32_t)i->imm, i->width);
}

/* AMD's processors have no 64-bit offsets in far pointers. */
static uint16_t load_far(struct x86_cpu *cpu, const struct x86_insn *i, uint64_t *ret_off)
{
    unsigned size = cpu->vendor_amd ? MIN(i->width, 4) : i->width;
    uint64_t la = operand_linear(cpu, i, 0, size + 2, /* write= */ false);

    *ret_off = mem_read(cpu, la, size);
    return mem_read16(cpu, (la + size) & cpu->ea_mask);
}

void exec_JMPF_IND(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t off;
    uint16_t sel = load_far(cpu, i, &off);

    x86_far_jump(cpu, sel, off, i->width);
}

void exec_CALLF_IND(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t off;
    uint16_t sel = load_far(cpu, i, &off);

    x86_far_call(cpu, sel, off, i->width);
}

void exec_RETF(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x86_far_return(cpu, i->width, (unsigned)i->imm);
}

void exec_IRET(struct x86_cpu *cpu, const struct x86_insn *i)
{
    if ((cpu->mode & MODE_VM86) && (cpu->eflags & FLAG_IOPL) != FLAG_IOPL &&
        !(cpu->cr4 & CR4_VME)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    x86_iret(cpu, i->width);
}

void exec_INT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x86_interrupt(cpu, (uint8_t)i->imm, INT_SOFT, 0, cpu->rip);
}

void exec_INT3(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    x86_interrupt(cpu, EXC_BP, INT_SOFT_TRAP, 0, cpu->rip);
}

void exec_INTO(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    if (flag_of(cpu)) {
        x86_interrupt(cpu, EXC_OF, INT_SOFT_TRAP, 0, cpu->rip);
    }
}

void exec_INT1(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    x86_interrupt(cpu, EXC_DB, INT_ICEBP, 0, cpu->rip);
}

void exec_UD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    x86_raise(cpu, EXC_UD, 0);
}

void exec_BOUND(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t la = operand_linear(cpu, i, 0, i->width, /* write= */ false);
    int64_t low = sign_extend(mem_read(cpu, la, i->width), i->width), high;
    int64_t val = sign_extend(operand_load(cpu, i, 0), i->width);

    la = operand_linear(cpu, i, i->width, i->width, /* write= */ false);
    high = sign_extend(mem_read(cpu, la, i->width), i->width);
    if (val < low || val > high) {
        x86_raise(cpu, EXC_BR, 0);
    }
}
