/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x87 arithmetic, comparison and transcendental instructions.
 */
#include "target/i386/x87_impl.h"
#include "target/i386/x87_math.h"

typedef struct f80 binary_fn(struct sf_env *env, struct f80 a, struct f80 b);
typedef struct f80 unary_fn(struct sf_env *env, struct f80 a);

static struct f80 sub_reversed(struct sf_env *env, struct f80 a, struct f80 b)
{
    return f80_sub(env, b, a);
}

static struct f80 div_reversed(struct sf_env *env, struct f80 a, struct f80 b)
{
    return f80_div(env, b, a);
}

/* ---- two operands ------------------------------------------------------------------------ */

/* An operand from memory, widened: a signalling NaN stays one, a denormal is remembered. */
struct source {
    struct f80 v;
    bool denormal;
};

/* Widening for arithmetic leaves it to the operation to quieten NaNs. */
static struct source widen(struct sf_env *env, struct f80 quiet, bool was_quiet)
{
    struct source s = {.v = quiet, .denormal = env->flags & SF_DE};

    if ((env->flags & SF_IE) && !was_quiet) {
        s.v.sig &= ~(1ull << 62);
    }
    return s;
}

/* The memory operand by the row's letter: Md and Mq are real, integer = true makes Mw, Md ints. */
static struct source load_source(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n,
                                 bool integer)
{
    struct sf_env env = {.masks = SF_ALL, .precision = 64, .x87 = true};
    unsigned size = operand_size(i, n);
    uint64_t bits = operand_load(cpu, i, n);

    if (integer) {
        return (struct source){.v = f80_from_int(sign_extend(bits, size))};
    }
    if (size == 4) {
        return widen(&env, f32_to_f80(&env, bits), bits & 1u << 22);
    }
    return widen(&env, f64_to_f80(&env, bits), bits & 1ull << 51);
}

static bool is_nan(struct f80 a)
{
    return f80_class(a) == SF_CLASS_NAN || f80_class(a) == SF_CLASS_UNSUPPORTED;
}

/* Computes fn(a, s); false when nothing is to be stored. */
static bool compute(struct x86_cpu *cpu, binary_fn *fn, struct f80 a, struct source s,
                    struct f80 *ret)
{
    struct sf_env env = x87_env(cpu);

    *ret = fn(&env, a, s.v);
    if (s.denormal && !is_nan(a) && !(env.flags & (SF_IE | SF_ZE))) {
        env.flags |= SF_DE;
    }
    return x87_commit(cpu, &env);
}

/* ST0 op memory */
static void arith_mem(struct x86_cpu *cpu, const struct x86_insn *i, binary_fn *fn, bool integer)
{
    struct source s = load_source(cpu, i, 1, integer);
    struct f80 r = F80_NAN;
    bool go = true;

    x87_note(cpu, i);
    if (x87_in_use(cpu, 0, &go)) {
        go = compute(cpu, fn, x87_get(cpu, 0), s, &r);
    }
    if (go) {
        x87_set(cpu, 0, r);
    }
}

/* ST(dst) op ST(src) to ST(dst) */
static void arith_reg(struct x86_cpu *cpu, const struct x86_insn *i, binary_fn *fn, unsigned dst,
                      unsigned src, bool pop)
{
    struct f80 r = F80_NAN;
    bool go = true;

    x87_note(cpu, i);
    if (x87_in_use(cpu, dst, &go) && x87_in_use(cpu, src, &go)) {
        go = compute(cpu, fn, x87_get(cpu, dst), (struct source){.v = x87_get(cpu, src)}, &r);
    }
    if (go) {
        x87_set(cpu, dst, r);
        if (pop) {
            x87_pop(cpu);
        }
    }
}

/* The six forms of each: real memory, integer memory, ST0, ST(i), ST(i) with pop. */
#define ARITH(NAME, INAME, fn)                                                                     \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        if (i->is_mem) {                                                                           \
            arith_mem(cpu, i, fn, /* integer= */ false);                                           \
        } else {                                                                                   \
            bool to_st0 = insn_row(i)->operands[0] == OPND_ST0;                                    \
            arith_reg(cpu, i, fn, to_st0 ? 0 : i->rm, to_st0 ? i->rm : 0, /* pop= */ false);       \
        }                                                                                          \
    }                                                                                              \
    void exec_##NAME##P(struct x86_cpu *cpu, const struct x86_insn *i)                             \
    {                                                                                              \
        arith_reg(cpu, i, fn, i->rm, 0, /* pop= */ true);                                          \
    }                                                                                              \
    void exec_##INAME(struct x86_cpu *cpu, const struct x86_insn *i)                               \
    {                                                                                              \
        arith_mem(cpu, i, fn, /* integer= */ true);                                                \
    }

ARITH(FADD, FIADD, f80_add)
ARITH(FMUL, FIMUL, f80_mul)
ARITH(FSUB, FISUB, f80_sub)
ARITH(FSUBR, FISUBR, sub_reversed)
ARITH(FDIV, FIDIV, f80_div)
ARITH(FDIVR, FIDIVR, div_reversed)

/* ---- one operand ------------------------------------------------------------------------- */

static void unary(struct x86_cpu *cpu, const struct x86_insn *i, unary_fn *fn)
{
    struct sf_env env = x87_env(cpu);
    struct f80 r = F80_NAN;
    bool go = true;

    x87_note(cpu, i);
    if (x87_in_use(cpu, 0, &go)) {
        r = fn(&env, x87_get(cpu, 0));
        go = x87_commit(cpu, &env);
    }
    if (go) {
        x87_set(cpu, 0, r);
    }
}

/* FCHS and FABS touch nothing but the sign, whatever the register holds. */
static struct f80 change_sign(struct sf_env *env, struct f80 a)
{
    (void)env;
    a.se ^= 0x8000;
    return a;
}

static struct f80 absolute(struct sf_env *env, struct f80 a)
{
    (void)env;
    a.se &= 0x7fff;
    return a;
}

#define UNARY(NAME, fn)                                                                            \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        unary(cpu, i, fn);                                                                         \
    }

UNARY(FCHS, change_sign)
UNARY(FABS, absolute)
UNARY(FSQRT, f80_sqrt)
UNARY(FRNDINT, f80_round_int)

void exec_FSCALE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    arith_reg(cpu, i, f80_scale, 0, 1, /* pop= */ false);
}

/* FPREM, FPREM1: the quotient's low bits go to C0, C3, C1; C2 says that there is more to do. */
static void partial_remainder(struct x86_cpu *cpu, const struct x86_insn *i, bool nearest)
{
    struct sf_env env = x87_env(cpu);
    struct f80 r = F80_NAN;
    bool go = true, partial = false;
    uint64_t q = 0;
    uint16_t conds;

    x87_note(cpu, i);
    x87_set_conds(cpu, X87_C2, 0);
    if (x87_in_use(cpu, 0, &go) && x87_in_use(cpu, 1, &go)) {
        r = f80_rem(&env, x87_get(cpu, 0), x87_get(cpu, 1), nearest, &q, &partial);
        go = x87_commit(cpu, &env);
    }
    if (go) {
        conds = (q & 4 ? X87_C0 : 0) | (q & 2 ? X87_C3 : 0) | (q & 1 ? X87_C1 : 0);
        if (!is_nan(r)) { /* otherwise there is no quotient, and they stay */
            x87_set_conds(cpu, X87_CONDS, partial ? X87_C2 : conds);
        }
        x87_set(cpu, 0, r);
    }
}

void exec_FPREM(struct x86_cpu *cpu, const struct x86_insn *i)
{
    partial_remainder(cpu, i, /* nearest= */ false);
}

void exec_FPREM1(struct x86_cpu *cpu, const struct x86_insn *i)
{
    partial_remainder(cpu, i, /* nearest= */ true);
}

/* ST0 becomes two results: r1 in its place, r0 pushed. */
static void replace_and_push(struct x86_cpu *cpu, struct f80 r1, struct f80 r0)
{
    x87_set(cpu, 0, r1);
    x87_push(cpu, r0);
}

/* Is there room for a push, and is ST0 in use? */
static bool push_possible(struct x86_cpu *cpu, bool *ret_masked)
{
    if (!x87_in_use(cpu, 0, ret_masked)) {
        return false;
    }
    if (!x87_empty(cpu, 7)) {
        *ret_masked = x87_stack_fault(cpu, /* overflow= */ true);
        return false;
    }
    return true;
}

void exec_FXTRACT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct sf_env env = x87_env(cpu);
    struct f80 exponent = F80_NAN, significand = F80_NAN;
    bool go = true;

    x87_note(cpu, i);
    if (push_possible(cpu, &go)) {
        f80_extract(&env, x87_get(cpu, 0), &exponent, &significand);
        go = x87_commit(cpu, &env);
    }
    if (go) {
        replace_and_push(cpu, exponent, significand);
    }
}

/* ---- transcendental ---------------------------------------------------------------------- */

/* Runs op; false when nothing is to be stored. C2 is set when the argument was out of range. */
static bool transcend(struct x86_cpu *cpu, enum x87_math op, struct x87_math_result *ret)
{
    struct sf_env env = x87_env(cpu);

    x87_math(op, (cpu->fpu.cw & 0xf3f) | 0x40 | 0x300, x87_get(cpu, 0), x87_get(cpu, 1), ret);
    env.flags = ret->sw & SF_ALL;
    env.rounded_up = ret->sw & X87_C1;
    return x87_commit(cpu, &env) && !(ret->sw & X87_C2);
}

static void one_result(struct x86_cpu *cpu, const struct x86_insn *i, enum x87_math op)
{
    struct x87_math_result r = {.st0 = F80_NAN};
    bool go = true;

    x87_note(cpu, i);
    if (x87_in_use(cpu, 0, &go)) {
        go = transcend(cpu, op, &r);
    }
    if (op != X87_2XM1) {
        x87_set_conds(cpu, X87_C2, r.sw & X87_C2);
    }
    if (go) {
        x87_set(cpu, 0, r.st0);
    }
}

static void two_results(struct x86_cpu *cpu, const struct x86_insn *i, enum x87_math op)
{
    struct x87_math_result r = {.st0 = F80_NAN, .st1 = F80_NAN};
    bool go = true;

    x87_note(cpu, i);
    if (push_possible(cpu, &go)) {
        go = transcend(cpu, op, &r);
    }
    x87_set_conds(cpu, X87_C2, r.sw & X87_C2);
    if (go) {
        replace_and_push(cpu, r.st1, r.st0);
    }
}

static void two_operands(struct x86_cpu *cpu, const struct x86_insn *i, enum x87_math op)
{
    struct x87_math_result r = {.st0 = F80_NAN};
    bool go = true;

    x87_note(cpu, i);
    if (x87_in_use(cpu, 0, &go) && x87_in_use(cpu, 1, &go)) {
        go = transcend(cpu, op, &r);
    }
    if (go) {
        x87_set(cpu, 1, r.st0);
        x87_pop(cpu);
    }
}

#define TRANSCENDENTAL(NAME, shape, op)                                                            \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        shape(cpu, i, op);                                                                         \
    }

TRANSCENDENTAL(FSIN, one_result, X87_SIN)
TRANSCENDENTAL(FCOS, one_result, X87_COS)
TRANSCENDENTAL(F2XM1, one_result, X87_2XM1)
TRANSCENDENTAL(FSINCOS, two_results, X87_SINCOS)
TRANSCENDENTAL(FPTAN, two_results, X87_PTAN)
TRANSCENDENTAL(FPATAN, two_operands, X87_PATAN)
TRANSCENDENTAL(FYL2X, two_operands, X87_YL2X)
TRANSCENDENTAL(FYL2XP1, two_operands, X87_YL2XP1)

/* ---- comparison -------------------------------------------------------------------------- */

static uint16_t relation_conds(enum sf_relation r)
{
    switch (r) {
    case SF_LESS:
        return X87_C0;
    case SF_EQUAL:
        return X87_C3;
    case SF_GREATER:
        return 0;
    default:
        return X87_C0 | X87_C2 | X87_C3;
    }
}

static uint32_t relation_flags(enum sf_relation r)
{
    switch (r) {
    case SF_LESS:
        return FLAG_CF;
    case SF_EQUAL:
        return FLAG_ZF;
    case SF_GREATER:
        return 0;
    default:
        return FLAG_CF | FLAG_PF | FLAG_ZF;
    }
}

/* Compares ST0 with s; `other` is s's register or 0. Returns false when nothing is delivered. */
static bool relate(struct x86_cpu *cpu, struct source s, unsigned other, bool quiet,
                   enum sf_relation *ret)
{
    struct sf_env env = x87_env(cpu);
    bool go = true;

    *ret = SF_UNORDERED;
    if (x87_in_use(cpu, 0, &go) && x87_in_use(cpu, other, &go)) {
        *ret = f80_compare(&env, x87_get(cpu, 0), s.v, quiet);
        if (s.denormal && *ret != SF_UNORDERED) {
            env.flags |= SF_DE;
        }
        go = x87_commit(cpu, &env);
    }
    return go;
}

/* AMD's processors deliver the result even with an unmasked exception, but do not pop then. */
static void compare_conds(struct x86_cpu *cpu, const struct x86_insn *i, struct source s,
                          unsigned other, bool quiet, unsigned pops)
{
    enum sf_relation r;

    bool go;

    x87_note(cpu, i);
    go = relate(cpu, s, other, quiet, &r);
    if (go || cpu->vendor_amd) {
        x87_set_conds(cpu, X87_CONDS, relation_conds(r));
    }
    while (go && pops--) {
        x87_pop(cpu);
    }
}

static void compare_reg(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n, bool quiet,
                        unsigned pops)
{
    compare_conds(cpu, i, (struct source){.v = x87_get(cpu, n)}, n, quiet, pops);
}

/* FCOM, FCOMP: memory or register */
static void compare_any(struct x86_cpu *cpu, const struct x86_insn *i, unsigned pops)
{
    if (i->is_mem) {
        compare_conds(cpu, i, load_source(cpu, i, 1, /* integer= */ false), 0, /* quiet= */ false,
                      pops);
    } else {
        compare_reg(cpu, i, i->rm, /* quiet= */ false, pops);
    }
}

void exec_FCOM(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_any(cpu, i, 0);
}

void exec_FCOMP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_any(cpu, i, 1);
}

void exec_FCOMPP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_reg(cpu, i, 1, /* quiet= */ false, 2);
}

void exec_FUCOM(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_reg(cpu, i, i->rm, /* quiet= */ true, 0);
}

void exec_FUCOMP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_reg(cpu, i, i->rm, /* quiet= */ true, 1);
}

void exec_FUCOMPP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_reg(cpu, i, 1, /* quiet= */ true, 2);
}

void exec_FICOM(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_conds(cpu, i, load_source(cpu, i, 1, /* integer= */ true), 0, /* quiet= */ false, 0);
}

void exec_FICOMP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_conds(cpu, i, load_source(cpu, i, 1, /* integer= */ true), 0, /* quiet= */ false, 1);
}

void exec_FTST(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_conds(cpu, i, (struct source){.v = {0, 0}}, 0, /* quiet= */ false, 0);
}

void exec_FXAM(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct f80 a = x87_get(cpu, 0);
    unsigned class = x87_empty(cpu, 0) ? 5 : f80_class(a);

    x87_note(cpu, i);
    x87_set_conds(cpu, X87_CONDS,
                  (class & 1 ? X87_C0 : 0) | (class & 2 ? X87_C2 : 0) | (class & 4 ? X87_C3 : 0) |
                      (a.se & 0x8000 ? X87_C1 : 0));
}

/*
 * FCOMI, FUCOMI: the result goes to EFLAGS; on AMD's processors also after an unmasked exception,
 * and C1 stays.
 */
static void compare_flags(struct x86_cpu *cpu, const struct x86_insn *i, bool quiet, bool pop)
{
    bool in_use = !x87_empty(cpu, 0) && !x87_empty(cpu, i->rm);
    uint16_t c1 = cpu->vendor_amd && in_use ? cpu->fpu.sw & X87_C1 : 0;
    enum sf_relation r;
    bool go;

    x87_note(cpu, i);
    go = relate(cpu, (struct source){.v = x87_get(cpu, i->rm)}, i->rm, quiet, &r);
    x87_set_conds(cpu, X87_C1, c1);
    if (go || cpu->vendor_amd) {
        flags_set_status(cpu, relation_flags(r));
    }
    if (go && pop) {
        x87_pop(cpu);
    }
}

void exec_FCOMI(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_flags(cpu, i, /* quiet= */ false, /* pop= */ false);
}

void exec_FCOMIP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_flags(cpu, i, /* quiet= */ false, /* pop= */ true);
}

void exec_FUCOMI(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_flags(cpu, i, /* quiet= */ true, /* pop= */ false);
}

void exec_FUCOMIP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_flags(cpu, i, /* quiet= */ true, /* pop= */ true);
}
