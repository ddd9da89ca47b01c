/* SPDX-License-Identifier: Apache-2.0 */
/* Emitters of jumps, calls and returns, and of the stack instructions. */
#include "accel/tcg/jit_translate.h"

static unsigned word(const struct jit_tr *tr)
{
    return tr->flat32 ? 4 : 8;
}

static struct host_rm saved(void)
{
    return host_state(X86_ENGINE_OFFSET + offsetof(struct jit_cpu, saved));
}

static void move_sp(struct jit_tr *tr, int32_t by)
{
    unsigned sp = jit_host_reg[X86_RSP];

    host_lea(&tr->b, sp, host_mem(sp, by), word(tr));
}

static uint64_t target_of(const struct jit_tr *tr, const struct x86_insn *i)
{
    uint64_t target = tr->next + i->imm;

    return tr->flat32 ? (uint32_t)target : target;
}

/* Stores constant @val on the stack at @rm. */
static void store_constant(struct jit_tr *tr, struct host_rm rm, uint64_t val)
{
    if (tr->flat32 || (int64_t)val == (int32_t)val) {
        host_op(&tr->b, tr->flat32 ? 0 : HOP_W, 0xc7, 0, &rm);
        host_u32(&tr->b, (uint32_t)val);
    } else {
        unsigned s = jit_spare(tr, &rm);

        host_mov_imm(&tr->b, s, val);
        host_store(&tr->b, rm, s, 8);
    }
}

/* Stores the address behind the current instruction on the stack at @rm. */
static void store_next(struct jit_tr *tr, struct host_rm rm)
{
    unsigned s;

    if (!(tr->mode & JIT_MODE_MOVABLE)) {
        store_constant(tr, rm, tr->next);
        return;
    }
    s = jit_spare(tr, &rm);
    jit_rip(tr, s, tr->next);
    host_store(&tr->b, rm, s, 8);
}

static void emit_jcc(struct jit_tr *tr, const struct x86_insn *i)
{
    jit_exit_to(tr, target_of(tr, i), i->cond);
}

static void emit_jmp(struct jit_tr *tr, const struct x86_insn *i)
{
    jit_exit_to(tr, target_of(tr, i), -1);
}

void jit_emit_push_next(struct jit_tr *tr, const struct x86_insn *i)
{
    int32_t w = (int32_t)word(tr);

    (void)i;
    store_next(tr, jit_stack(tr, X86_RSP, -w, (unsigned)w, JIT_WRITE));
    move_sp(tr, -w);
}

static void emit_call(struct jit_tr *tr, const struct x86_insn *i)
{
    jit_emit_push_next(tr, i);
    jit_exit_to(tr, target_of(tr, i), -1);
}

static void commit_nothing(struct jit_tr *tr, const struct x86_insn *i)
{
    (void)tr;
    (void)i;
}

/*
 * The return address is stored when it is certain that the block is left for the target: what the
 * interpreter executes instead would find it in the target's place, or a target that faults.
 */
static void commit_call(struct jit_tr *tr, const struct x86_insn *i)
{
    jit_emit_push_next(tr, i);
    host_load(&tr->b, JIT_T0, saved(), 8);
}

void jit_emit_ret_commit(struct jit_tr *tr, const struct x86_insn *i)
{
    move_sp(tr, (int32_t)(word(tr) + (jit_where(i, 0) == WHERE_IMM ? i->imm : 0)));
}

/* The operand of an indirect branch into T0. */
static void load_target(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_rm rm = i->is_mem ? jit_mem(tr, i, word(tr), 0) : jit_gpr(i->rm);

    host_load(&tr->b, JIT_T0, rm, word(tr));
}

void jit_emit_jump(struct jit_tr *tr)
{
    jit_jump_t0(tr, commit_nothing);
}

void jit_emit_call(struct jit_tr *tr)
{
    host_store(&tr->b, saved(), JIT_T0, 8);
    jit_jump_t0(tr, commit_call);
}

static void emit_jmp_ind(struct jit_tr *tr, const struct x86_insn *i)
{
    load_target(tr, i);
    jit_emit_jump(tr);
}

static void emit_call_ind(struct jit_tr *tr, const struct x86_insn *i)
{
    load_target(tr, i);
    jit_emit_call(tr);
}

static void emit_ret(struct jit_tr *tr, const struct x86_insn *i)
{
    (void)i;
    host_load(&tr->b, JIT_T0, jit_stack(tr, X86_RSP, 0, word(tr), 0), word(tr));
    jit_jump_t0(tr, jit_emit_ret_commit);
}

/* T1 = T0 - @rip; uses no flags. */
static void compare_t0(struct jit_tr *tr, uint64_t rip)
{
    struct host_rm t1 = host_reg_rm(JIT_T1);

    jit_rip(tr, JIT_T1, rip);
    host_op(&tr->b, HOP_W, 0xf7, 2, &t1); /* not: minus it, less 1 */
    host_lea(&tr->b, JIT_T1, host_mem_sib(JIT_T1, JIT_T0, 0, 1), 8);
}

void jit_emit_guessed(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned op = insn_row(i)->op;
    void (*commit)(struct jit_tr * tr, const struct x86_insn *i) =
        op == OP_RET        ? jit_emit_ret_commit
        : op == OP_CALL_IND ? commit_call
                            : commit_nothing;
    uint8_t *other;

    jit_site_stub(tr); /* no group's check begins in one way of the two */
    if (op == OP_RET) {
        host_load(&tr->b, JIT_T0, jit_stack(tr, X86_RSP, 0, word(tr), 0), word(tr));
    } else {
        load_target(tr, i);
    }
    if (op == OP_CALL_IND) {
        host_store(&tr->b, saved(), JIT_T0, 8);
    }
    compare_t0(tr, tr->guess);
    host_jrcxz(&tr->b, 5);
    other = host_jmp(&tr->b);
    commit(tr, i);
    jit_exit_to(tr, tr->guess, -1);
    host_link(other, tr->b.p);
    tr->kept = -1;
    jit_jump_t0(tr, commit);
}

uint8_t *jit_emit_ret_guess(struct jit_tr *tr, const struct x86_insn *i, uint64_t guess)
{
    uint8_t *as_guessed;

    (void)i;
    host_load(&tr->b, JIT_T0, jit_stack(tr, X86_RSP, 0, word(tr), 0), word(tr));
    compare_t0(tr, guess);
    host_jrcxz(&tr->b, 0);
    as_guessed = tr->b.p - 1;
    jit_jump_t0(tr, jit_emit_ret_commit);
    return as_guessed;
}

/* The counter into T1, as wide as addresses are. */
static void load_counter(struct jit_tr *tr, const struct x86_insn *i)
{
    host_load(&tr->b, JIT_T1, jit_gpr(X86_RCX), i->asize);
}

static void emit_loop(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned count = jit_host_reg[X86_RCX];
    uint8_t *over;

    jit_need_flags(tr);
    host_lea(&tr->b, count, host_mem(count, -1), i->asize);
    load_counter(tr, i);
    host_jrcxz(&tr->b, 0);
    over = tr->b.p - 1;
    jit_exit_to(tr, target_of(tr, i), -1);
    *over = (uint8_t)(tr->b.p - (over + 1));
    tr->ended = false;
}

static void emit_jcxz(struct jit_tr *tr, const struct x86_insn *i)
{
    uint8_t *over;

    jit_need_flags(tr);
    load_counter(tr, i);
    host_jrcxz(&tr->b, 5);
    over = host_jmp(&tr->b);
    jit_exit_to(tr, target_of(tr, i), -1);
    host_link(over, tr->b.p);
    tr->ended = false;
}

static void emit_push(struct jit_tr *tr, const struct x86_insn *i)
{
    int32_t w = (int32_t)word(tr);
    struct host_rm rm;
    unsigned src;

    if (jit_where(i, 0) == WHERE_IMM) {
        store_constant(tr, jit_stack(tr, X86_RSP, -w, (unsigned)w, JIT_WRITE), i->imm);
        move_sp(tr, -w);
        return;
    }
    if (i->is_mem) {
        load_target(tr, i);
        host_store(&tr->b, saved(), JIT_T0, 8);
    }
    rm = jit_stack(tr, X86_RSP, -w, (unsigned)w, JIT_WRITE);
    if (i->is_mem || jit_in_memory(i->rm)) {
        src = jit_spare(tr, &rm);
        host_load(&tr->b, src, i->is_mem ? saved() : jit_gpr(i->rm), 8);
    } else {
        src = jit_host_reg[i->rm];
    }
    host_store(&tr->b, rm, src, (unsigned)w);
    move_sp(tr, -w);
}

static void emit_pop(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_rm rm = jit_stack(tr, X86_RSP, 0, word(tr), 0);
    unsigned dst = jit_in_memory(i->rm) ? JIT_T0 : jit_host_reg[i->rm];

    host_load(&tr->b, dst, rm, word(tr));
    if (dst == JIT_T0) {
        jit_put(tr, i->rm, dst);
    }
    if (i->rm != X86_RSP) {
        move_sp(tr, (int32_t)word(tr));
    }
}

static void emit_leave(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned bp = jit_host_reg[X86_RBP];
    struct host_rm rm = jit_stack(tr, X86_RBP, 0, word(tr), 0);

    (void)i;
    host_lea(&tr->b, jit_host_reg[X86_RSP], host_mem(bp, (int32_t)word(tr)), word(tr));
    host_load(&tr->b, bp, rm, word(tr));
}

/* Near branches and stack operations of the mode's own width. */
static bool natural(const struct jit_tr *tr, const struct x86_insn *i)
{
    return i->width == word(tr) && (!tr->flat32 || (tr->mode & MODE_SS32));
}

bool jit_plan_flow(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    struct jit_plan p = {0};

    if (tr->segmented || (i->is_mem && !jit_mem_ok(tr, i))) {
        return false;
    }
    switch (insn_row(i)->op) {
    case OP_JCC:
        p = (struct jit_plan){.emit = emit_jcc, .reads_flags = true};
        break;
    case OP_JMP:
        p = (struct jit_plan){.emit = emit_jmp};
        break;
    case OP_CALL:
        p = (struct jit_plan){.emit = emit_call, .memory = true, .writes = 1u << X86_RSP};
        break;
    case OP_JMP_IND:
        p = (struct jit_plan){.emit = emit_jmp_ind, .reads_flags = true, .memory = true};
        break;
    case OP_CALL_IND:
        p = (struct jit_plan){
            .emit = emit_call_ind, .reads_flags = true, .memory = true, .writes = 1u << X86_RSP};
        break;
    case OP_RET:
        p = (struct jit_plan){
            .emit = emit_ret, .reads_flags = true, .memory = true, .writes = 1u << X86_RSP};
        break;
    case OP_LOOP:
        if (i->asize < 4) {
            return false;
        }
        p = (struct jit_plan){.emit = emit_loop, .reads_flags = true, .writes = 1u << X86_RCX};
        break;
    case OP_JCXZ:
        if (i->asize < 4) {
            return false;
        }
        p = (struct jit_plan){.emit = emit_jcxz, .reads_flags = true};
        break;
    case OP_PUSH:
        p = (struct jit_plan){.emit = emit_push, .memory = true, .writes = 1u << X86_RSP};
        break;
    case OP_POP:
        if (i->is_mem) {
            return false;
        }
        p = (struct jit_plan){
            .emit = emit_pop, .memory = true, .writes = 1u << X86_RSP | 1u << i->rm};
        break;
    case OP_LEAVE:
        p = (struct jit_plan){
            .emit = emit_leave, .memory = true, .writes = 1u << X86_RSP | 1u << X86_RBP};
        break;
    default:
        return false;
    }
    if (!natural(tr, i)) {
        return false;
    }
    *plan = p;
    return true;
}
