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
    } else if (x87_commit(cpu, env)) {
        x87_push(cpu, v);
    }
}

static struct f80 load80(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint8_t bytes[10];

    mem_read_bytes(cpu, operand_linear(cpu, i, 0, 10, /* write= */ false), bytes, 10);
    return (struct f80){.sig = load_le64(bytes), .se = load_le16(bytes + 8)};
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
    uint8_t bytes[10];

    mem_read_bytes(cpu, operand_linear(cpu, i, 0, 10, /* write= */ false), bytes, 10);
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
 * Ends a store of `size` bytes: nothing is written or popped after an unmasked IE, or an unmasked
 * overflow or underflow.
 */
static void finish_store(struct x86_cpu *cpu, uint64_t la, const void *bytes, unsigned size,
                         bool go, bool pop)
{
    if (go) {
        mem_write_bytes(cpu, la, bytes, size);
        if (pop) {
            x87_pop(cpu);
        }
    }
}

static bool commit_store(struct x86_cpu *cpu, struct sf_env *env)
{
    return x87_commit(cpu, env) && !(env->flags & ~env->masks & (SF_OE | SF_UE));
}

static void store_real(struct x86_cpu *cpu, const struct x86_insn *i, bool pop)
{
    unsigned size = operand_size(i, 0);
    uint64_t la = x87_probe_store(cpu, i, size), bits = size == 4 ? F32_NAN : F64_NAN;
    struct sf_env env = x87_env(cpu);
    uint8_t bytes[8];
    bool go = true;

    x87_note(cpu, i);
    if (x87_in_use(cpu, 0, &go)) {
        struct f80 v = x87_get(cpu, 0);

        bits = size == 4 ? f80_to_f32(&env, v) : f80_to_f64(&env, v);
        go = commit_store(cpu, &env);
    }
    store_le64(bytes, bits);
    finish_store(cpu, la, bytes, size, go, pop);
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
    uint64_t la = x87_probe_store(cpu, i, 10);
    struct f80 v = x87_get(cpu, 0);
    uint8_t bytes[10];
    bool go = true;

    x87_note(cpu, i);
    if (x87_in_use(cpu, 0, &go)) {
        x87_set_conds(cpu, X87_C1, 0);
    } else {
        v = F80_NAN;
    }
    store_le64(bytes, v.sig);
    store_le16(bytes + 8, v.se);
    finish_store(cpu, la, bytes, 10, go, /* pop= */ true);
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

static void store_int(struct x86_cpu *cpu, const struct x86_insn *i, bool chop, bool pop)
{
    unsigned size = operand_size(i, 0);
    uint64_t la = x87_probe_store(cpu, i, size);
    struct sf_env env = x87_env(cpu);
    int64_t v = INT64_MIN >> (64 - 8 * size);
    uint8_t bytes[8];
    bool go = true;

    x87_note(cpu, i);
    if (x87_in_use(cpu, 0, &go)) {
        v = f80_to_int(&env, x87_get(cpu, 0), 8 * size, chop ? SF_CHOP : env.rounding);
        go = commit_store(cpu, &env);
    }
    store_le64(bytes, (uint64_t)v);
    finish_store(cpu, la, bytes, size, go, pop);
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
    uint64_t la = x87_probe_store(cpu, i, 10);
    struct sf_env env = x87_env(cpu);
    struct f80 v = F80_NAN;
    uint8_t bytes[10];
    bool go = true;

    x87_note(cpu, i);
    if (x87_in_use(cpu, 0, &go)) {
        v = x87_get(cpu, 0);
        f80_to_bcd(&env, v, bytes);
        go = commit_store(cpu, &env);
    } else {
        f80_to_bcd(&env, v, bytes); /* the indefinite */
    }
    finish_store(cpu, la, bytes, 10, go, /* pop= */ true);
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
    x87_set_conds(cpu, X87_C1, 0);
    if (flags_condition(cpu, cond)) {
        x87_set(cpu, 0, x87_get(cpu, i->rm));
    }
}

void exec_FFREE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x87_note(cpu, i);
    cpu->fpu.empty |= 1u << x87_phys(cpu, i->rm);
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
