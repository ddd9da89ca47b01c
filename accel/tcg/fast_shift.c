/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fast handlers of SHL, SHR, SAR, ROL and ROR of 32- and 64-bit registers, and which fast handler
 * an instruction gets.
 */
#include "accel/tcg/fast.h"

FAST uint64_t do_shl(struct x86_cpu *cpu, unsigned size, uint64_t a, unsigned n)
{
    uint64_t res = a << n;
    bool cf = a >> (size * 8 - n) & 1, top = res >> (size * 8 - 1) & 1;

    flags_szp_co(cpu, size, res, cf, top != cf);
    return res;
}

FAST uint64_t do_shr(struct x86_cpu *cpu, unsigned size, uint64_t a, unsigned n)
{
    uint64_t res = a >> n;

    flags_szp_co(cpu, size, res, a >> (n - 1) & 1, (res ^ res << 1) >> (size * 8 - 1) & 1);
    return res;
}

FAST uint64_t do_sar(struct x86_cpu *cpu, unsigned size, uint64_t a, unsigned n)
{
    int64_t wide = sign_extend(a, size);

    flags_szp_co(cpu, size, (uint64_t)(wide >> n), wide >> (n - 1) & 1, /* of= */ false);
    return (uint64_t)(wide >> n);
}

FAST uint64_t do_rol(struct x86_cpu *cpu, unsigned size, uint64_t a, unsigned n)
{
    unsigned bits = size * 8;
    uint64_t res = a << n | a >> (bits - n);
    bool cf = res & 1, top = res >> (bits - 1) & 1;

    flags_set_carry_overflow(cpu, cf, top != cf, flag_af(cpu));
    return res;
}

FAST uint64_t do_ror(struct x86_cpu *cpu, unsigned size, uint64_t a, unsigned n)
{
    unsigned bits = size * 8;
    uint64_t res = a >> n | a << (bits - n);

    flags_set_carry_overflow(cpu, res >> (bits - 1) & 1, (res ^ res << 1) >> (bits - 1) & 1,
                             flag_af(cpu));
    return res;
}

/* A count of 0 changes nothing but clears the upper half of a 32-bit register. */
#define SHIFT(name, size, fn)                                                                      \
    static void name##size##_i(struct x86_cpu *cpu, const struct x86_insn *i)                      \
    {                                                                                              \
        unsigned n = i->imm & (size * 8 - 1);                                                      \
        uint64_t a = fast_reg(cpu, i->rm, size);                                                   \
        fast_set_reg(cpu, i->rm, n ? fn(cpu, size, a, n) : a, size);                               \
        tcg_next(cpu, i);                                                                          \
    }                                                                                              \
    static void name##size##_cl(struct x86_cpu *cpu, const struct x86_insn *i)                     \
    {                                                                                              \
        unsigned n = cpu->regs[X86_RCX] & (size * 8 - 1);                                          \
        uint64_t a = fast_reg(cpu, i->rm, size);                                                   \
        fast_set_reg(cpu, i->rm, n ? fn(cpu, size, a, n) : a, size);                               \
        tcg_next(cpu, i);                                                                          \
    }

#define SHIFT_SIZES(name, fn)                                                                      \
    SHIFT(name, 4, fn)                                                                             \
    SHIFT(name, 8, fn)                                                                             \
    static tcg_run_fn *const name##_forms[2][2] = {{name##4_i, name##4_cl},                        \
                                                   {name##8_i, name##8_cl}};

/* clang-format off */
SHIFT_SIZES(shl, do_shl)
SHIFT_SIZES(shr, do_shr)
SHIFT_SIZES(sar, do_sar)
SHIFT_SIZES(rol, do_rol)
SHIFT_SIZES(ror, do_ror)
/* clang-format on */

tcg_run_fn *tcg_fast_shift(const struct tcg_block *b, const struct x86_insn *i)
{
    bool by_cl = x86_operand_info[insn_row(i)->operands[1]].where == WHERE_COUNT;

    (void)b;
    if (i->is_mem || i->width < 4) {
        return NULL;
    }
    switch (insn_row(i)->op) {
    case OP_SHL:
        return shl_forms[i->width == 8][by_cl];
    case OP_SHR:
        return shr_forms[i->width == 8][by_cl];
    case OP_SAR:
        return sar_forms[i->width == 8][by_cl];
    case OP_ROL:
        return rol_forms[i->width == 8][by_cl];
    case OP_ROR:
        return ror_forms[i->width == 8][by_cl];
    default:
        return NULL;
    }
}

tcg_run_fn *tcg_fast_handler(const struct tcg_block *b, struct x86_insn *i)
{
    tcg_run_fn *run = tcg_fast_alu(b, i);

    if (!run) {
        run = tcg_fast_move(b, i);
    }
    if (!run) {
        run = tcg_fast_stack(b, i);
    }
    if (!run) {
        run = tcg_fast_branch(b, i);
    }
    return run ? run : tcg_fast_shift(b, i);
}
