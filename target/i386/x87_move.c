/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x87 loads, stores, constants, exchanges and stack management.
 */
#include "target/i386/x87_impl.h"

/* ---- loads ------------------------------------------------------------------------------- */

/* Pushes v unless the stack is full. */
static void load(struct x86_cpu *cpu, struct f80 v)
{
    if (!x87_empty(cpu, 7)) {
        if (!x87_stack_fault(cpu, /* overflow= */ true)) {
            return;
        }
        v = F80_NAN;
    } else {
        x87_set_conds(cpu, X87_C1, 0);
    }
    x87_push(cpu, v);
}

/* Pushes a converted value whose flags are in env. */
static void load_converted(struct x86_cpu *cpu, struct f80 v, struct sf_env *env)
{
    if (!x87_empty(cpu, 7)) {
        load(cpu, v);
    } else if (x87_commit(cpu, env) || !(env->flags & SF_IE)) {
        x87_push(cpu, v); /* an unmasked denormal is loaded all the same */
    }
}

/* 10 bytes, of which the significand must be aligned when alignment is checked. */
static struct f80 load80(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t la = operand_linear(cpu, i, 0, 10, /* write= */ false);
    uint64_t sig = mem_read64(cpu, la);

    return (struct f80){.sig = sig, .se = mem_read16(cpu, la + 8)};
}

void exec_FLD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct sf_env env = x87_env(cpu);
    uint64_t bits;
    struct f80 v;

    switch (insn_row(i)->operands[1]) {
    case OPND_Md:
        bits = operand_load(cpu, i, 1);
        x87_note(cpu, i);
        load_converted(cpu, f32_to_f80(&env, bits), &env);
        break;
    case OPND_Mq:
        bits = operand_load(cpu, i, 1);
        x87_note(cpu, i);
        load_converted(cpu, f64_to_f80(&env, bits), &env);
        break;
    default:
        v = load80(cpu, i);
        x87_note(cpu, i);
        load(cpu, v);
        break;
    }
}

void exec_FLD_ST(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct f80 v = x87_get(cpu, i->rm);
    bool masked;

    x87_note(cpu, i);
    if (!x87_in_use(cpu, i->rm, &masked)) {
        if (masked) {
            x87_push(cpu, F80_NAN);
        }
        return;
    }
    load(cpu, v);
}

void exec_FILD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    int64_t v = sign_extend(operand_load(cpu, i, 1), operand_size(i, 1));

    x87_note(cpu, i);
    load(cpu, f80_from_int(v));
}

void exec_FBLD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct f80 v = load80(cpu, i);
    uint8_t bytes[10];

    store_le64(bytes, v.sig);
    store_le16(bytes + 8, v.se);
    x87_note(cpu, i);
    load(cpu, f80_from_bcd(bytes));
}

/* A constant: its significand cut, and whether the next bit is set (it rounds up to nearest). */
static void load_constant(struct x86_cpu *cpu, const struct x86_insn *i, uint16_t exp, uint64_t sig,
                          bool half)
{
    unsigned rounding = cpu->fpu.cw >> 10 & 3;

    sig += rounding == SF_UP || (rounding == SF_NEAREST && half);
    x87_note(cpu, i);
    load(cpu, (struct f80){.sig = sig, .se = exp});
}

void exec_FLDL2T(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_constant(cpu, i, 0x4000, 0xd49a784bcd1b8afe, /* half= */ false);
}

void exec_FLDL2E(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_constant(cpu, i, 0x3fff, 0xb8aa3b295c17f0bb, /* half= */ true);
}

void exec_FLDPI(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_constant(cpu, i, 0x4000, 0xc90fdaa22168c234, /* half= */ true);
}

void exec_FLDLG2(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_constant(cpu, i, 0x3ffd, 0x9a209a84fbcff798, /* half= */ true);
}

void exec_FLDLN2(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_constant(cpu, i, 0x3ffe, 0xb17217f7d1cf79ab, /* half= */ true);
}

void exec_FLD1(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x87_note(cpu, i);
    load(cpu, f80_from_int(1));
}

void exec_FLDZ(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x87_note(cpu, i);
    load(cpu, (struct f80){0, 0});
}

/* ---- stores ------------------------------------------------------------------------------ */

/*
 * A store in the making. Memory is written first, because that may fault; then flags and stack
 * change. Nothing is written or popped after an unmasked IE, overflow or underflow.
 */
struct store {
    struct sf_env env;
    uint8_t bytes[10];
    bool empty;
};

static struct store store_begin(struct x86_cpu *cpu)
{
    return (struct store){.env = x87_env(cpu), .empty = x87_empty(cpu, 0)};
}

static void store_end(struct x86_cpu *cpu, const struct x86_insn *i, struct store *st, bool pop)
{
    unsigned size = operand_size(i, 0);
    uint64_t la = x87_probe_store(cpu, i, size);
    bool go = st->empty ? cpu->fpu.cw & SF_IE
                        : !(st->env.flags & ~st->env.masks & (SF_IE | SF_OE | SF_UE));

    if (go && size == 10) {
        mem_write64(cpu, la, load_le64(st->bytes));
        mem_write16(cpu, la + 8, load_le16(st->bytes + 8));
    } else if (go) {
        mem_write(cpu, la, load_le(st->bytes, size), size);
    }
    x87_note(cpu, i);
    if (st->empty) {
        x87_stack_fault(cpu, /* overflow= */ false);
    } else {
        st->env.rounded_up &= go;
        x87_commit(cpu, &st->env);
    }
    if (go && pop) {
        x87_pop(cpu);
    }
}

static void store_real(struct x86_cpu *cpu, const struct x86_insn *i, bool pop)
{
    struct store st = store_begin(cpu);
    bool single = operand_size(i, 0) == 4;
    struct f80 v = x87_get(cpu, 0);

    if (st.empty) {
        store_le64(st.bytes, single ? F32_NAN : F64_NAN);
    } else {
        store_le64(st.bytes, single ? f80_to_f32(&st.env, v) : f80_to_f64(&st.env, v));
    }
    store_end(cpu, i, &st, pop);
}

void exec_FST(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_real(cpu, i, /* pop= */ false);
}

void exec_FSTP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_real(cpu, i, /* pop= */ true);
}

void exec_FSTP80(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct store st = store_begin(cpu);
    struct f80 v = st.empty ? F80_NAN : x87_get(cpu, 0);

    store_le64(st.bytes, v.sig);
    store_le16(st.bytes + 8, v.se);
    store_end(cpu, i, &st, /* pop= */ true);
}

static void store_int(struct x86_cpu *cpu, const struct x86_insn *i, bool chop, bool pop)
{
    struct store st = store_begin(cpu);
    unsigned bits = 8 * operand_size(i, 0);
    int64_t v = INT64_MIN >> (64 - bits);

    if (!st.empty) {
        v = f80_to_int(&st.env, x87_get(cpu, 0), bits, chop ? SF_CHOP : st.env.rounding);
    }
    store_le64(st.bytes, (uint64_t)v);
    store_end(cpu, i, &st, pop);
}

void exec_FIST(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_int(cpu, i, /* chop= */ false, /* pop= */ false);
}

void exec_FISTP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_int(cpu, i, /* chop= */ false, /* pop= */ true);
}

void exec_FISTTP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_int(cpu, i, /* chop= */ true, /* pop= */ true);
}

void exec_FBSTP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct store st = store_begin(cpu);

    /* a NaN gives the indefinite, which is what an empty register stores */
    f80_to_bcd(&st.env, st.empty ? F80_NAN : x87_get(cpu, 0), st.bytes);
    store_end(cpu, i, &st, /* pop= */ true);
}

static void store_register(struct x86_cpu *cpu, const struct x86_insn *i, bool pop)
{
    struct f80 v = x87_get(cpu, 0);
    bool go = true;

    x87_note(cpu, i);
    if (x87_in_use(cpu, 0, &go)) {
        x87_set_conds(cpu, X87_C1, 0);
    } else {
        v = F80_NAN;
    }
    if (go) {
        x87_set(cpu, i->rm, v);
        if (pop) {
            x87_pop(cpu);
        }
    }
}

void exec_FST_ST(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_register(cpu, i, /* pop= */ false);
}

void exec_FSTP_ST(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_register(cpu, i, /* pop= */ true);
}

/* D9 D8+i: FSTP that does not look whether ST0 is empty. */
void exec_FSTPNCE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x87_note(cpu, i);
    x87_set(cpu, i->rm, x87_get(cpu, 0));
    x87_pop(cpu);
    x87_set_conds(cpu, X87_C1, 0);
}

/* ---- registers --------------------------------------------------------------------------- */

void exec_FXCH(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct f80 a = x87_get(cpu, 0), b = x87_get(cpu, i->rm);
    bool go = true;

    x87_note(cpu, i);
    if (x87_empty(cpu, 0) || x87_empty(cpu, i->rm)) {
        a = x87_empty(cpu, 0) ? F80_NAN : a;
        b = x87_empty(cpu, i->rm) ? F80_NAN : b;
        go = x87_stack_fault(cpu, /* overflow= */ false);
    } else {
        x87_set_conds(cpu, X87_C1, 0);
    }
    if (go) {
        x87_set(cpu, 0, b);
        x87_set(cpu, i->rm, a);
    }
}

/* DA is the condition B, E, BE, U by ModRM.reg; DB is its opposite. */
void exec_FCMOV(struct x86_cpu *cpu, const struct x86_insn *i)
{
    static const uint8_t conditions[4] = {2, 4, 6, 10};
    unsigned cond = conditions[i->reg & 3] ^ (i->opcode & 1);
    bool go = true;

    x87_note(cpu, i);
    if (!x87_in_use(cpu, 0, &go) || !x87_in_use(cpu, i->rm, &go)) {
        if (go) {
            x87_set(cpu, 0, F80_NAN);
        }
        return;
    }
    if (flags_condition(cpu, cond)) {
        x87_set(cpu, 0, x87_get(cpu, i->rm));
    }
}

void exec_FFREE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x87_note(cpu, i);
    cpu->fpu.empty |= 1u << x87_phys(cpu, i->rm);
    x87_set_conds(cpu, X87_C1, 0);
}

void exec_FFREEP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    exec_FFREE(cpu, i);
    x87_pop(cpu);
}

void exec_FINCSTP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x87_note(cpu, i);
    cpu->fpu.top = (cpu->fpu.top + 1) & 7;
    x87_set_conds(cpu, X87_C1, 0);
}

void exec_FDECSTP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x87_note(cpu, i);
    cpu->fpu.top = (cpu->fpu.top - 1) & 7;
    x87_set_conds(cpu, X87_C1, 0);
}

void exec_FNOP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x87_note(cpu, i);
}
