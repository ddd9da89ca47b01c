/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fast handlers of MOV, MOVZX, MOVSX, LEA, CMOVcc, SETcc, XCHG of registers, CBW and CWD, NOP.
 */
#include "accel/tcg/fast.h"

#define MOVES(size)                                                                                \
    static void mov##size##_rr(struct x86_cpu *cpu, const struct x86_insn *i) /* rm <- reg */      \
    {                                                                                              \
        fast_set_reg(cpu, i->rm, fast_reg(cpu, i->reg, size), size);                               \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void mov##size##_rr2(struct x86_cpu *cpu, const struct x86_insn *i) /* reg <- rm */     \
    {                                                                                              \
        fast_set_reg(cpu, i->reg, fast_reg(cpu, i->rm, size), size);                               \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void mov##size##_rm(struct x86_cpu *cpu, const struct x86_insn *i)                      \
    {                                                                                              \
        const void *host = fast_host(cpu, fast_la(cpu, i), size, false);                           \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        fast_set_reg(cpu, i->reg, fast_load(host, size), size);                                    \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void mov##size##_mr(struct x86_cpu *cpu, const struct x86_insn *i)                      \
    {                                                                                              \
        void *host = fast_host(cpu, fast_la(cpu, i), size, true);                                  \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        fast_store(host, fast_reg(cpu, i->reg, size), size);                                       \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void mov##size##_ri(struct x86_cpu *cpu, const struct x86_insn *i)                      \
    {                                                                                              \
        fast_set_reg(cpu, i->rm, i->imm, size);                                                    \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void mov##size##_mi(struct x86_cpu *cpu, const struct x86_insn *i)                      \
    {                                                                                              \
        void *host = fast_host(cpu, fast_la(cpu, i), size, true);                                  \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        fast_store(host, i->imm, size);                                                            \
        tcg_next(cpu, i);                                                                          \
    }

enum move_form {
    MOVE_RR,
    MOVE_RR2,
    MOVE_RM,
    MOVE_MR,
    MOVE_RI,
    MOVE_MI,
    MOVES_COUNT,
};

/* clang-format off */
MOVES(1)
MOVES(2)
MOVES(4)
MOVES(8)
static tcg_run_fn *const moves[4][MOVES_COUNT] = {
    {mov1_rr, mov1_rr2, mov1_rm, mov1_mr, mov1_ri, mov1_mi},
    {mov2_rr, mov2_rr2, mov2_rm, mov2_mr, mov2_ri, mov2_mi},
    {mov4_rr, mov4_rr2, mov4_rm, mov4_mr, mov4_ri, mov4_mi},
    {mov8_rr, mov8_rr2, mov8_rm, mov8_mr, mov8_ri, mov8_mi},
};
/* clang-format on */

/* Widening loads: @from bytes to @to bytes, by @widen. */
#define WIDEN(name, from, to, widen)                                                               \
    static void name##_##from##_##to##_r(struct x86_cpu *cpu, const struct x86_insn *i)            \
    {                                                                                              \
        fast_set_reg(cpu, i->reg, widen(fast_reg(cpu, i->rm, from), from), to);                    \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void name##_##from##_##to##_m(struct x86_cpu *cpu, const struct x86_insn *i)            \
    {                                                                                              \
        const void *host = fast_host(cpu, fast_la(cpu, i), from, false);                           \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        fast_set_reg(cpu, i->reg, widen(fast_load(host, from), from), to);                         \
        tcg_next(cpu, i);                                                                          \
    }

FAST uint64_t zero_extend(uint64_t v, unsigned size)
{
    (void)size;
    return v;
}

/* clang-format off */
WIDEN(zx, 1, 4, zero_extend)
WIDEN(zx, 2, 4, zero_extend)
WIDEN(sx, 1, 4, (uint64_t)sign_extend)
WIDEN(sx, 2, 4, (uint64_t)sign_extend)
WIDEN(sx, 1, 8, (uint64_t)sign_extend)
WIDEN(sx, 2, 8, (uint64_t)sign_extend)
WIDEN(sx, 4, 8, (uint64_t)sign_extend)
/* clang-format on */

static void lea8(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->regs[i->reg] =
        cpu->regs[i->base] + (cpu->regs[i->index] << i->scale) + (uint64_t)(int64_t)i->disp;
    tcg_next(cpu, i);
}

static void lea4(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->regs[i->reg] = (uint32_t)(cpu->regs[i->base] + (cpu->regs[i->index] << i->scale) +
                                   (uint64_t)(int64_t)i->disp);
    tcg_next(cpu, i);
}

static void nop(struct x86_cpu *cpu, const struct x86_insn *i)
{
    tcg_next(cpu, i);
}

static void cmov4_rr(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->regs[i->reg] = (uint32_t)cpu->regs[flags_condition(cpu, i->cond) ? i->rm : i->reg];
    tcg_next(cpu, i);
}

static void cmov8_rr(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->regs[i->reg] = cpu->regs[flags_condition(cpu, i->cond) ? i->rm : i->reg];
    tcg_next(cpu, i);
}

static void setcc_r(struct x86_cpu *cpu, const struct x86_insn *i)
{
    X86_BYTE_REG(cpu, i->rm) = flags_condition(cpu, i->cond);
    tcg_next(cpu, i);
}

static void xchg4_rr(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint32_t a = (uint32_t)cpu->regs[i->rm];

    cpu->regs[i->rm] = (uint32_t)cpu->regs[i->reg];
    cpu->regs[i->reg] = a;
    tcg_next(cpu, i);
}

static void xchg8_rr(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t a = cpu->regs[i->rm];

    cpu->regs[i->rm] = cpu->regs[i->reg];
    cpu->regs[i->reg] = a;
    tcg_next(cpu, i);
}

static void cwde(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->regs[X86_RAX] = (uint32_t)(int16_t)cpu->regs[X86_RAX];
    tcg_next(cpu, i);
}

static void cdqe(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->regs[X86_RAX] = (uint64_t)(int32_t)cpu->regs[X86_RAX];
    tcg_next(cpu, i);
}

static void cdq(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->regs[X86_RDX] = (uint32_t)((int32_t)cpu->regs[X86_RAX] >> 31);
    tcg_next(cpu, i);
}

static void cqo(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->regs[X86_RDX] = (uint64_t)((int64_t)cpu->regs[X86_RAX] >> 63);
    tcg_next(cpu, i);
}

static tcg_run_fn *fast_mov(const struct x86_insn *i)
{
    unsigned a = x86_operand_info[insn_row(i)->operands[0]].where;
    unsigned b = x86_operand_info[insn_row(i)->operands[1]].where;
    tcg_run_fn *const *forms = moves[__builtin_ctz(i->width)];

    if (a == WHERE_RM && b == WHERE_REG) {
        return forms[i->is_mem ? MOVE_MR : MOVE_RR];
    }
    if (a == WHERE_REG && b == WHERE_RM) {
        return forms[i->is_mem ? MOVE_RM : MOVE_RR2];
    }
    if (a == WHERE_RM && b == WHERE_IMM) {
        return forms[i->is_mem ? MOVE_MI : MOVE_RI];
    }
    return a == WHERE_OPREG && b == WHERE_IMM ? forms[MOVE_RI] : NULL;
}

static tcg_run_fn *fast_widen(const struct x86_insn *i)
{
    unsigned from = x86_operand_info[insn_row(i)->operands[1]].size;
    bool m = i->is_mem;

    if (i->width < 4) {
        return NULL;
    }
    switch (insn_row(i)->op) {
    case OP_MOVZX: /* to 64 bits is the same as to 32 */
        return from == 1 ? (m ? zx_1_4_m : zx_1_4_r) : m ? zx_2_4_m : zx_2_4_r;
    case OP_MOVSXD:
        return i->width == 8 ? (m ? sx_4_8_m : sx_4_8_r) : NULL;
    default:
        break;
    }
    if (i->width == 4) {
        return from == 1 ? (m ? sx_1_4_m : sx_1_4_r) : m ? sx_2_4_m : sx_2_4_r;
    }
    return from == 1 ? (m ? sx_1_8_m : sx_1_8_r) : m ? sx_2_8_m : sx_2_8_r;
}

static tcg_run_fn *fast_lea(const struct tcg_block *b, const struct x86_insn *i)
{
    unsigned natural = b->mode & MODE_CODE64 ? 8 : 4;

    if (i->asize != natural || i->base == X86_RIP || i->width < 4) {
        return NULL;
    }
    return i->width == 8 ? lea8 : lea4;
}

tcg_run_fn *tcg_fast_move(const struct tcg_block *b, const struct x86_insn *i)
{
    enum x86_op op = insn_row(i)->op;

    if (op == OP_LEA) {
        return fast_lea(b, i);
    }
    if (op == OP_NOP) {
        return nop;
    }
    if (i->is_mem && !tcg_plain_mem(b, i)) {
        return NULL;
    }
    switch (op) {
    case OP_MOV:
        return fast_mov(i);
    case OP_MOVZX:
    case OP_MOVSX:
    case OP_MOVSXD:
        return fast_widen(i);
    case OP_SETCC:
        return i->is_mem ? NULL : setcc_r;
    case OP_CMOVCC:
        return i->is_mem || i->width < 4 ? NULL : i->width == 8 ? cmov8_rr : cmov4_rr;
    case OP_XCHG:
        if (i->is_mem || i->width < 4 ||
            x86_operand_info[insn_row(i)->operands[0]].where != WHERE_RM) {
            return NULL;
        }
        return i->width == 8 ? xchg8_rr : xchg4_rr;
    case OP_CBW:
        return i->width == 8 ? cdqe : i->width == 4 ? cwde : NULL;
    case OP_CWD:
        return i->width == 8 ? cqo : i->width == 4 ? cdq : NULL;
    default:
        return NULL;
    }
}
