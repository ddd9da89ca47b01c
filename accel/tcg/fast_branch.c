/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fast handlers of PUSH, POP, LEAVE, Jcc, JMP, CALL and RET in 64-bit and flat 32-bit code.
 */
#include "accel/tcg/fast.h"

FAST unsigned stack_bytes(const struct x86_cpu *cpu)
{
    return cpu->mode & MODE_CODE64 ? 8 : 4;
}

/* Where a push of @size bytes goes, or NULL. SS is flat: its base is 0. */
FAST void *push_host(const struct x86_cpu *cpu, unsigned size)
{
    return fast_host(cpu, (cpu->regs[X86_RSP] - size) & cpu->ea_mask, size, true);
}

FAST void *pop_host(const struct x86_cpu *cpu, unsigned size)
{
    return fast_host(cpu, cpu->regs[X86_RSP] & cpu->ea_mask, size, false);
}

FAST void move_sp(struct x86_cpu *cpu, int64_t by)
{
    cpu->regs[X86_RSP] = (cpu->regs[X86_RSP] + (uint64_t)by) & cpu->ea_mask;
}

/* Others fault, or need five levels: the slow twin knows. */
FAST bool target_plain(uint64_t target)
{
    return (uint64_t)((int64_t)(target << 16) >> 16) == target;
}

#define STACK(size)                                                                                \
    static void push##size##_r(struct x86_cpu *cpu, const struct x86_insn *i)                      \
    {                                                                                              \
        void *host = push_host(cpu, size);                                                         \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        fast_store(host, cpu->regs[i->rm], size);                                                  \
        move_sp(cpu, -size);                                                                       \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void push##size##_i(struct x86_cpu *cpu, const struct x86_insn *i)                      \
    {                                                                                              \
        void *host = push_host(cpu, size);                                                         \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        fast_store(host, i->imm, size);                                                            \
        move_sp(cpu, -size);                                                                       \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void pop##size##_r(struct x86_cpu *cpu, const struct x86_insn *i)                       \
    {                                                                                              \
        const void *host = pop_host(cpu, size);                                                    \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        move_sp(cpu, size);                                                                        \
        cpu->regs[i->rm] = fast_load(host, size);                                                  \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void leave##size(struct x86_cpu *cpu, const struct x86_insn *i)                         \
    {                                                                                              \
        uint64_t bp = cpu->regs[X86_RBP] & cpu->ea_mask;                                           \
        const void *host = fast_host(cpu, bp, size, false);                                        \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        cpu->regs[X86_RSP] = (bp + size) & cpu->ea_mask;                                           \
        cpu->regs[X86_RBP] = fast_load(host, size);                                                \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void call##size(struct x86_cpu *cpu, const struct x86_insn *i)                          \
    {                                                                                              \
        void *host = push_host(cpu, size);                                                         \
        uint64_t from = (cpu->block_rip + i->end) & cpu->ea_mask;                                  \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        fast_store(host, from, size);                                                              \
        move_sp(cpu, -size);                                                                       \
        cpu->rip = (from + i->imm) & cpu->ea_mask;                                                 \
        tcg_dispatch(cpu);                                                                         \
    }                                                                                              \
    static void ret##size(struct x86_cpu *cpu, const struct x86_insn *i)                           \
    {                                                                                              \
        const void *host = pop_host(cpu, size);                                                    \
        if (!host || !target_plain(fast_load(host, size))) {                                       \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        cpu->rip = fast_load(host, size);                                                          \
        move_sp(cpu, size + (int64_t)i->imm);                                                      \
        tcg_dispatch(cpu);                                                                         \
    }

/* clang-format off */
STACK(4)
STACK(8)
/* clang-format on */

/* Relative branches; the target is within 2 GiB, so in 64-bit mode canonical or caught there. */
static void jmp_far_page(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->rip = (cpu->block_rip + i->end + i->imm) & cpu->ea_mask;
    tcg_dispatch(cpu);
}

FAST struct tcg_block *block_of(const struct x86_insn *last)
{
    return (struct tcg_block *)(uintptr_t)last[1].imm;
}

static void jmp_in_page(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->rip = cpu->block_rip + i->end + i->imm;
    tcg_follow(cpu, block_of(i), 1);
}

static void jcc_far_page(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->rip = cpu->block_rip + i->end;
    if (flags_condition(cpu, i->cond)) {
        cpu->rip = (cpu->rip + i->imm) & cpu->ea_mask;
        tcg_dispatch(cpu);
    } else {
        tcg_follow(cpu, block_of(i), 0);
    }
}

/* Both ways stay in the page: one handler per condition. */
#define JCC(cond)                                                                                  \
    static void jcc_##cond(struct x86_cpu *cpu, const struct x86_insn *i)                          \
    {                                                                                              \
        cpu->rip = cpu->block_rip + i->end;                                                        \
        if (flags_condition(cpu, 0x##cond)) {                                                      \
            cpu->rip += i->imm;                                                                    \
            tcg_follow(cpu, block_of(i), 1);                                                       \
        } else {                                                                                   \
            tcg_follow(cpu, block_of(i), 0);                                                       \
        }                                                                                          \
    }
/* clang-format off */
JCC(0) JCC(1) JCC(2) JCC(3) JCC(4) JCC(5) JCC(6) JCC(7)
JCC(8) JCC(9) JCC(a) JCC(b) JCC(c) JCC(d) JCC(e) JCC(f)
    /* clang-format on */

    static tcg_run_fn *const jcc_in_page[16] = {
        jcc_0, jcc_1, jcc_2, jcc_3, jcc_4, jcc_5, jcc_6, jcc_7,
        jcc_8, jcc_9, jcc_a, jcc_b, jcc_c, jcc_d, jcc_e, jcc_f,
};

/* Indirect jumps and calls through a register or plain memory. */
FAST bool indirect_target(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size,
                          uint64_t *ret)
{
    const void *host;

    if (!i->is_mem) {
        *ret = fast_reg(cpu, i->rm, size);
        return true;
    }
    host = fast_host(cpu, fast_la(cpu, i), size, false);
    if (host) {
        *ret = fast_load(host, size);
    }
    return host;
}

static void jmp_indirect(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t target = 0;

    if (!indirect_target(cpu, i, stack_bytes(cpu), &target) || !target_plain(target)) {
        tcg_run_generic(cpu, i);
        return;
    }
    cpu->rip = target;
    tcg_dispatch(cpu);
}

static void call_indirect(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned size = stack_bytes(cpu);
    void *host = push_host(cpu, size);
    uint64_t target = 0;

    if (!host || !indirect_target(cpu, i, size, &target) || !target_plain(target)) {
        tcg_run_generic(cpu, i);
        return;
    }
    fast_store(host, (cpu->block_rip + i->end) & cpu->ea_mask, size);
    move_sp(cpu, -(int64_t)size);
    cpu->rip = target;
    tcg_dispatch(cpu);
}

static unsigned natural_bytes(const struct tcg_block *b)
{
    return b->mode & MODE_CODE64                                            ? 8
           : (b->mode & (MODE_FLAT | MODE_SS32)) == (MODE_FLAT | MODE_SS32) ? 4
                                                                            : 0;
}

tcg_run_fn *tcg_fast_stack(const struct tcg_block *b, const struct x86_insn *i)
{
    unsigned size = natural_bytes(b);
    unsigned where = x86_operand_info[insn_row(i)->operands[0]].where;

    if (!size || i->width != size || i->is_mem) {
        return NULL;
    }
    switch (insn_row(i)->op) {
    case OP_PUSH:
        if (where == WHERE_IMM) {
            return size == 8 ? push8_i : push4_i;
        }
        return size == 8 ? push8_r : push4_r;
    case OP_POP:
        return size == 8 ? pop8_r : pop4_r;
    case OP_LEAVE:
        return size == 8 ? leave8 : leave4;
    default:
        return NULL;
    }
}

/* Whether [target, end) of a relative branch at the end of the block being built is in its page. */
static bool in_page(const struct tcg_block *b, const struct x86_insn *i, int64_t imm)
{
    int64_t offset = (int64_t)((uintptr_t)b->host & ~PAGE_MASK) + i->end;

    return offset < PAGE_SIZE && offset + imm >= 0 && offset + imm < PAGE_SIZE;
}

tcg_run_fn *tcg_fast_branch(const struct tcg_block *b, struct x86_insn *i)
{
    unsigned size = natural_bytes(b);

    if (!size || i->width != size || (i->is_mem && !tcg_plain_mem(b, i))) {
        return NULL;
    }
    switch (insn_row(i)->op) {
    case OP_JMP:
        return in_page(b, i, (int64_t)i->imm) ? jmp_in_page : jmp_far_page;
    case OP_JCC:
        if (!in_page(b, i, 0)) {
            return NULL;
        }
        return in_page(b, i, (int64_t)i->imm) ? jcc_in_page[i->cond] : jcc_far_page;
    case OP_CALL:
        return size == 8 ? call8 : call4;
    case OP_RET:
        return size == 8 ? ret8 : ret4;
    case OP_CALL_IND:
        return call_indirect;
    case OP_JMP_IND:
        return jmp_indirect;
    default:
        return NULL;
    }
}
