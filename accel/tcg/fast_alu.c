/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fast handlers of ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, INC, DEC, NEG, NOT, IMUL.
 */
#include "accel/tcg/fast.h"

/* The operations: result and flags. */

FAST uint64_t do_add(struct x86_cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    flags_add(cpu, size, a, b, a + b);
    return a + b;
}

FAST uint64_t do_adc(struct x86_cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    uint64_t res = a + b + flag_cf(cpu);

    flags_add(cpu, size, a, b, res);
    return res;
}

FAST uint64_t do_sub(struct x86_cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    flags_sub(cpu, size, a, b, a - b);
    return a - b;
}

FAST uint64_t do_sbb(struct x86_cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    uint64_t res = a - b - flag_cf(cpu);

    flags_sub(cpu, size, a, b, res);
    return res;
}

FAST uint64_t do_and(struct x86_cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    flags_logic(cpu, size, a & b);
    return a & b;
}

FAST uint64_t do_or(struct x86_cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    flags_logic(cpu, size, a | b);
    return a | b;
}

FAST uint64_t do_xor(struct x86_cpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
    flags_logic(cpu, size, a ^ b);
    return a ^ b;
}

FAST uint64_t do_inc(struct x86_cpu *cpu, unsigned size, uint64_t a)
{
    bool cf = flag_cf(cpu);

    flags_add(cpu, size, a, 1, a + 1);
    flags_set_carry_overflow(cpu, cf, flag_of(cpu), flag_af(cpu));
    return a + 1;
}

FAST uint64_t do_dec(struct x86_cpu *cpu, unsigned size, uint64_t a)
{
    bool cf = flag_cf(cpu);

    flags_sub(cpu, size, a, 1, a - 1);
    flags_set_carry_overflow(cpu, cf, flag_of(cpu), flag_af(cpu));
    return a - 1;
}

FAST uint64_t do_neg(struct x86_cpu *cpu, unsigned size, uint64_t a)
{
    flags_sub(cpu, size, 0, a, 0 - a);
    return 0 - a;
}

FAST uint64_t do_not(struct x86_cpu *cpu, unsigned size, uint64_t a)
{
    (void)cpu;
    (void)size;
    return ~a;
}

/* Forms: r = register, m = memory, i = immediate; destination first. Columns of struct forms. */
enum form {
    FORM_RR,  /* rm register <- reg */
    FORM_RR2, /* reg <- rm register */
    FORM_RM,
    FORM_MR,
    FORM_RI,
    FORM_MI,
    FORM_AI, /* accumulator <- immediate */
    FORMS,
};

/* Handlers of a two-operand operation for one size; @store: CMP and TEST keep the destination. */
#define BINARY(name, size, fn, store)                                                              \
    static void name##size##_rr(struct x86_cpu *cpu, const struct x86_insn *i)                     \
    {                                                                                              \
        uint64_t v = fn(cpu, size, fast_reg(cpu, i->rm, size), fast_reg(cpu, i->reg, size));       \
        if (store) {                                                                               \
            fast_set_reg(cpu, i->rm, v, size);                                                     \
        }                                                                                          \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void name##size##_rr2(struct x86_cpu *cpu, const struct x86_insn *i)                    \
    {                                                                                              \
        uint64_t v = fn(cpu, size, fast_reg(cpu, i->reg, size), fast_reg(cpu, i->rm, size));       \
        if (store) {                                                                               \
            fast_set_reg(cpu, i->reg, v, size);                                                    \
        }                                                                                          \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void name##size##_rm(struct x86_cpu *cpu, const struct x86_insn *i)                     \
    {                                                                                              \
        const void *host = fast_host(cpu, fast_la(cpu, i), size, false);                           \
        uint64_t v;                                                                                \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        v = fn(cpu, size, fast_reg(cpu, i->reg, size), fast_load(host, size));                     \
        if (store) {                                                                               \
            fast_set_reg(cpu, i->reg, v, size);                                                    \
        }                                                                                          \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void name##size##_mr(struct x86_cpu *cpu, const struct x86_insn *i)                     \
    {                                                                                              \
        uint64_t la = fast_la(cpu, i), v;                                                          \
        void *host = store ? fast_host_rmw(cpu, la, size) : fast_host(cpu, la, size, false);       \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        v = fn(cpu, size, fast_load(host, size), fast_reg(cpu, i->reg, size));                     \
        if (store) {                                                                               \
            fast_store(host, v, size);                                                             \
        }                                                                                          \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void name##size##_ri(struct x86_cpu *cpu, const struct x86_insn *i)                     \
    {                                                                                              \
        uint64_t v = fn(cpu, size, fast_reg(cpu, i->rm, size), fast_load(&i->imm, size));          \
        if (store) {                                                                               \
            fast_set_reg(cpu, i->rm, v, size);                                                     \
        }                                                                                          \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void name##size##_mi(struct x86_cpu *cpu, const struct x86_insn *i)                     \
    {                                                                                              \
        uint64_t la = fast_la(cpu, i), v;                                                          \
        void *host = store ? fast_host_rmw(cpu, la, size) : fast_host(cpu, la, size, false);       \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        v = fn(cpu, size, fast_load(host, size), fast_load(&i->imm, size));                        \
        if (store) {                                                                               \
            fast_store(host, v, size);                                                             \
        }                                                                                          \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void name##size##_ai(struct x86_cpu *cpu, const struct x86_insn *i)                     \
    {                                                                                              \
        uint64_t v = fn(cpu, size, fast_reg(cpu, X86_RAX, size), fast_load(&i->imm, size));        \
        if (store) {                                                                               \
            fast_set_reg(cpu, X86_RAX, v, size);                                                   \
        }                                                                                          \
        tcg_next(cpu, i);                                                                          \
    }

#define BINARY_SIZES(name, fn, store)                                                              \
    BINARY(name, 1, fn, store)                                                                     \
    BINARY(name, 2, fn, store)                                                                     \
    BINARY(name, 4, fn, store)                                                                     \
    BINARY(name, 8, fn, store)                                                                     \
    static tcg_run_fn *const name##_forms[4][FORMS] = {                                            \
        {name##1_rr, name##1_rr2, name##1_rm, name##1_mr, name##1_ri, name##1_mi, name##1_ai},     \
        {name##2_rr, name##2_rr2, name##2_rm, name##2_mr, name##2_ri, name##2_mi, name##2_ai},     \
        {name##4_rr, name##4_rr2, name##4_rm, name##4_mr, name##4_ri, name##4_mi, name##4_ai},     \
        {name##8_rr, name##8_rr2, name##8_rm, name##8_mr, name##8_ri, name##8_mi, name##8_ai},     \
    };

/* clang-format off */
BINARY_SIZES(add, do_add, true)
BINARY_SIZES(adc, do_adc, true)
BINARY_SIZES(sub, do_sub, true)
BINARY_SIZES(sbb, do_sbb, true)
BINARY_SIZES(cmp, do_sub, false)
BINARY_SIZES(and, do_and, true)
BINARY_SIZES(test, do_and, false)
BINARY_SIZES(or, do_or, true)
BINARY_SIZES(xor, do_xor, true)
/* clang-format on */

/* One operand: register or memory. */
#define UNARY(name, size, fn)                                                                      \
    static void name##size##_r(struct x86_cpu *cpu, const struct x86_insn *i)                      \
    {                                                                                              \
        fast_set_reg(cpu, i->rm, fn(cpu, size, fast_reg(cpu, i->rm, size)), size);                 \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void name##size##_m(struct x86_cpu *cpu, const struct x86_insn *i)                      \
    {                                                                                              \
        void *host = fast_host_rmw(cpu, fast_la(cpu, i), size);                                    \
        if (!host) {                                                                               \
            tcg_run_generic(cpu, i);                                                               \
            return;                                                                                \
        }                                                                                          \
        fast_store(host, fn(cpu, size, fast_load(host, size)), size);                              \
        tcg_next(cpu, i);                                                                          \
    }

#define UNARY_SIZES(name, fn)                                                                      \
    UNARY(name, 1, fn)                                                                             \
    UNARY(name, 2, fn)                                                                             \
    UNARY(name, 4, fn)                                                                             \
    UNARY(name, 8, fn)                                                                             \
    static tcg_run_fn *const name##_forms[4][2] = {                                                \
        {name##1_r, name##1_m},                                                                    \
        {name##2_r, name##2_m},                                                                    \
        {name##4_r, name##4_m},                                                                    \
        {name##8_r, name##8_m},                                                                    \
    };

/* clang-format off */
UNARY_SIZES(inc, do_inc)
UNARY_SIZES(dec, do_dec)
UNARY_SIZES(neg, do_neg)
UNARY_SIZES(not, do_not)
/* clang-format on */

/* Two- and three-operand IMUL of 32 and 64 bits. */
FAST void imul(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size, uint64_t a, uint64_t b)
{
    __int128 p = (__int128)sign_extend(a, size) * sign_extend(b, size);
    uint64_t low = size == 8 ? (uint64_t)p : (uint32_t)p;
    bool over = p != sign_extend(low, size);

    cpu->regs[i->reg] = low;
    flags_szp_co(cpu, size, low, over, over);
    tcg_next(cpu, i);
}

static void imul4_rr(struct x86_cpu *cpu, const struct x86_insn *i)
{
    imul(cpu, i, 4, cpu->regs[i->reg], cpu->regs[i->rm]);
}

static void imul8_rr(struct x86_cpu *cpu, const struct x86_insn *i)
{
    imul(cpu, i, 8, cpu->regs[i->reg], cpu->regs[i->rm]);
}

static void imul4_rri(struct x86_cpu *cpu, const struct x86_insn *i)
{
    imul(cpu, i, 4, cpu->regs[i->rm], i->imm);
}

static void imul8_rri(struct x86_cpu *cpu, const struct x86_insn *i)
{
    imul(cpu, i, 8, cpu->regs[i->rm], i->imm);
}

static tcg_run_fn *const (*binary_forms(enum x86_op op))[FORMS]
{
    switch (op) {
    case OP_ADD:
        return add_forms;
    case OP_ADC:
        return adc_forms;
    case OP_SUB:
        return sub_forms;
    case OP_SBB:
        return sbb_forms;
    case OP_CMP:
        return cmp_forms;
    case OP_AND:
        return and_forms;
    case OP_TEST:
        return test_forms;
    case OP_OR:
        return or_forms;
    case OP_XOR:
        return xor_forms;
    default:
        return NULL;
    }
}

static tcg_run_fn *const (*unary_forms(enum x86_op op))[2]
{
    switch (op) {
    case OP_INC:
        return inc_forms;
    case OP_DEC:
        return dec_forms;
    case OP_NEG:
        return neg_forms;
    case OP_NOT:
        return not_forms;
    default:
        return NULL;
    }
}

/* Form of a row with two operands; FORMS: none of ours. */
static enum form form_of(const struct x86_insn *i)
{
    unsigned a = x86_operand_info[insn_row(i)->operands[0]].where;
    unsigned b = x86_operand_info[insn_row(i)->operands[1]].where;

    if (a == WHERE_RM && b == WHERE_REG) {
        return i->is_mem ? FORM_MR : FORM_RR;
    }
    if (a == WHERE_REG && b == WHERE_RM) {
        return i->is_mem ? FORM_RM : FORM_RR2;
    }
    if (a == WHERE_RM && b == WHERE_IMM) {
        return i->is_mem ? FORM_MI : FORM_RI;
    }
    return a == WHERE_ACC && b == WHERE_IMM ? FORM_AI : FORMS;
}

static tcg_run_fn *fast_imul(const struct x86_insn *i)
{
    if (i->is_mem || i->width < 4) {
        return NULL;
    }
    if (insn_row(i)->op == OP_IMUL2) {
        return i->width == 8 ? imul8_rr : imul4_rr;
    }
    return i->width == 8 ? imul8_rri : imul4_rri;
}

tcg_run_fn *tcg_fast_alu(const struct tcg_block *b, const struct x86_insn *i)
{
    enum x86_op op = insn_row(i)->op;
    tcg_run_fn *const(*binary)[FORMS] = binary_forms(op);
    tcg_run_fn *const(*unary)[2] = unary_forms(op);
    unsigned size_index = __builtin_ctz(i->width);

    if ((i->prefixes & PREFIX_LOCK) || (i->is_mem && !tcg_plain_mem(b, i))) {
        return NULL;
    }
    if (binary) {
        enum form form = form_of(i);

        return form < FORMS ? binary[size_index][form] : NULL;
    }
    if (unary) {
        return unary[size_index][i->is_mem];
    }
    return op == OP_IMUL2 || op == OP_IMUL3 ? fast_imul(i) : NULL;
}
