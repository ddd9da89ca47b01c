/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code and operands in segments that are not flat: real mode, virtual-8086 mode, 16-bit protected
 * mode, 32-bit code with bases and limits; FS and GS, and 16-bit addresses, in flat code too.
 *
 * Bases and limits are read when the code runs (cpu->seg_base, seg_end), so blocks hold whatever
 * segments are loaded. RIP is the offset in CS. Where that is in linear memory is jit_cpu.base and
 * the block's `name`, as for movable blocks; the base changes only in C. jit_mode() makes sure that
 * CS reaches to the end of what its code can address.
 *
 * Absent: string instructions, PUSHF, PUSHA, ENTER, LEAVE, strings of bits, x87: the interpreter
 * does them; blocks that watch their own code (jit_guard.c).
 */
#include "accel/tcg/jit_translate.h"

static bool code32(const struct jit_tr *tr)
{
    return tr->mode & MODE_CODE32;
}

static void cut_to_16(struct host_buf *b, unsigned reg)
{
    host_load(b, reg, host_reg_rm(reg), 2); /* movzx */
}

bool jit_by_segment(const struct jit_tr *tr, const struct x86_insn *i)
{
    return tr->flat32 && (tr->segmented || i->asize == 2 || i->seg >= X86_FS || i->seg == X86_CS);
}

/* The memory operand's offset into T0. */
static void operand_offset(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    unsigned base = i->base == X86_ZERO ? HOST_NONE : jit_host_reg[i->base];
    unsigned index = i->index == X86_ZERO ? HOST_NONE : jit_host_reg[i->index];

    if (jit_where(i, 0) == WHERE_MOFFS || jit_where(i, 1) == WHERE_MOFFS) {
        host_mov_imm(b, JIT_T0, i->imm);
    } else if (base == HOST_NONE && index == HOST_NONE) {
        host_mov_imm(b, JIT_T0, (uint32_t)i->disp);
    } else {
        host_lea(b, JIT_T0, host_mem_sib(base, index, i->scale, i->disp), 4);
    }
    if (i->asize == 2) {
        cut_to_16(b, JIT_T0);
    }
}

/* T0, an offset in segment @s, becomes linear; the interpreter is for what the limit forbids. */
static void add_segment(struct jit_tr *tr, unsigned s, unsigned bytes, bool write)
{
    struct host_buf *b = &tr->b;

    host_load(b, JIT_T1, host_state(offsetof(struct x86_cpu, seg_end) + 8 * (s + (write ? 8 : 0))),
              8);
    host_lea(b, JIT_T1, host_mem_sib(JIT_T0, JIT_T1, 0, (int32_t)bytes - 1), 8);
    host_pext(b, JIT_T1, JIT_T1,
              host_state(X86_ENGINE_OFFSET + offsetof(struct jit_cpu, sign_mask)));
    host_jrcxz(b, 2); /* not negative: over the next jump */
    host_u8(b, 0xeb);
    host_u8(b, 5);
    jit_stub_from(jit_site_stub(tr), host_jmp(b));
    host_load(b, JIT_T1, host_state(offsetof(struct x86_cpu, seg_base) + 8 * s), 8);
    host_lea(b, JIT_T0, host_mem_sib(JIT_T0, JIT_T1, 0, 0), 4);
}

void jit_segment_address(struct jit_tr *tr, const struct x86_insn *i, unsigned bytes, bool write)
{
    operand_offset(tr, i);
    add_segment(tr, i->seg, bytes, write);
}

void jit_segment_stack(struct jit_tr *tr, int32_t disp, unsigned bytes, bool write)
{
    host_lea(&tr->b, JIT_T0, host_mem(jit_host_reg[X86_RSP], disp), 4);
    if (!(tr->mode & MODE_SS32)) {
        cut_to_16(&tr->b, JIT_T0);
    }
    add_segment(tr, X86_SS, bytes, write);
}

/* Destroys T1. */
static void move_sp(struct jit_tr *tr, int32_t by)
{
    unsigned sp = jit_host_reg[X86_RSP];

    if (tr->mode & MODE_SS32) {
        host_lea(&tr->b, sp, host_mem(sp, by), 4);
    } else {
        host_lea(&tr->b, JIT_T1, host_mem(sp, by), 4);
        host_store(&tr->b, host_reg_rm(sp), JIT_T1, 2);
    }
}

static uint64_t target_of(const struct jit_tr *tr, const struct x86_insn *i)
{
    return (tr->next + i->imm) & (i->width == 2 ? 0xffff : 0xffffffff);
}

static struct host_rm saved(void)
{
    return host_state(X86_ENGINE_OFFSET + offsetof(struct jit_cpu, saved));
}

/* Into an operand of 2 or 4 bytes. */
static void store_constant(struct jit_tr *tr, struct host_rm rm, uint64_t val, unsigned bytes)
{
    host_op(&tr->b, host_width(bytes), 0xc7, 0, &rm);
    host_imm(&tr->b, val, bytes);
}

static void emit_jcc(struct jit_tr *tr, const struct x86_insn *i)
{
    jit_exit_to(tr, target_of(tr, i), i->cond);
}

static void emit_jmp(struct jit_tr *tr, const struct x86_insn *i)
{
    jit_exit_to(tr, target_of(tr, i), -1);
}

static void push_next(struct jit_tr *tr, const struct x86_insn *i)
{
    int32_t w = i->width;

    store_constant(tr, jit_stack(tr, X86_RSP, -w, (unsigned)w, JIT_WRITE), tr->next, i->width);
    move_sp(tr, -w);
}

static void emit_call(struct jit_tr *tr, const struct x86_insn *i)
{
    push_next(tr, i);
    jit_exit_to(tr, target_of(tr, i), -1);
}

static void commit_nothing(struct jit_tr *tr, const struct x86_insn *i)
{
    (void)tr;
    (void)i;
}

static void commit_call(struct jit_tr *tr, const struct x86_insn *i)
{
    push_next(tr, i);
    host_load(&tr->b, JIT_T0, saved(), 8);
}

static void commit_ret(struct jit_tr *tr, const struct x86_insn *i)
{
    move_sp(tr, i->width + (jit_where(i, 0) == WHERE_IMM ? (int32_t)i->imm : 0));
}

/* The operand of an indirect branch, or of PUSH, into T0. */
static void load_operand(struct jit_tr *tr, const struct x86_insn *i)
{
    host_load(&tr->b, JIT_T0, i->is_mem ? jit_mem(tr, i, i->width, 0) : jit_gpr(i->rm), i->width);
}

static void emit_jmp_ind(struct jit_tr *tr, const struct x86_insn *i)
{
    load_operand(tr, i);
    jit_jump_t0(tr, commit_nothing);
}

static void emit_call_ind(struct jit_tr *tr, const struct x86_insn *i)
{
    load_operand(tr, i);
    host_store(&tr->b, saved(), JIT_T0, 8);
    jit_jump_t0(tr, commit_call);
}

static void emit_ret(struct jit_tr *tr, const struct x86_insn *i)
{
    host_load(&tr->b, JIT_T0, jit_stack(tr, X86_RSP, 0, i->width, 0), i->width);
    jit_jump_t0(tr, commit_ret);
}

/* Around a jump that is taken when T1 is 0, or not 0. */
static void emit_by_counter(struct jit_tr *tr, const struct x86_insn *i, bool zero)
{
    uint8_t *over;

    if (zero) {
        host_jrcxz(&tr->b, 5);
        over = host_jmp(&tr->b);
    } else {
        host_jrcxz(&tr->b, 2);
        host_u8(&tr->b, 0xeb);
        host_u8(&tr->b, 5);
        over = host_jmp(&tr->b);
    }
    jit_exit_to(tr, target_of(tr, i), -1);
    host_link(over, tr->b.p);
    tr->ended = false;
}

static void emit_loop(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned count = jit_host_reg[X86_RCX];

    jit_need_flags(tr);
    host_lea(&tr->b, JIT_T1, host_mem(count, -1), 4);
    if (i->asize == 2) {
        host_store(&tr->b, host_reg_rm(count), JIT_T1, 2);
        cut_to_16(&tr->b, JIT_T1);
    } else {
        host_load(&tr->b, count, host_reg_rm(JIT_T1), 4);
    }
    emit_by_counter(tr, i, /* zero= */ false);
}

static void emit_jcxz(struct jit_tr *tr, const struct x86_insn *i)
{
    jit_need_flags(tr);
    host_load(&tr->b, JIT_T1, jit_gpr(X86_RCX), i->asize);
    emit_by_counter(tr, i, /* zero= */ true);
}

static void emit_push(struct jit_tr *tr, const struct x86_insn *i)
{
    int32_t w = i->width;
    unsigned src = i->is_mem ? HOST_NONE : jit_host_reg[i->rm];
    struct host_rm rm;

    if (i->is_mem) {
        load_operand(tr, i);
        host_store(&tr->b, saved(), JIT_T0, 8);
    }
    rm = jit_stack(tr, X86_RSP, -w, (unsigned)w, JIT_WRITE);
    if (jit_where(i, 0) == WHERE_IMM) {
        store_constant(tr, rm, i->imm, (unsigned)w);
    } else {
        if (i->is_mem) {
            src = jit_spare(tr, &rm);
            host_load(&tr->b, src, saved(), 8);
        }
        host_store(&tr->b, rm, src, (unsigned)w);
    }
    move_sp(tr, -w);
}

static void emit_pop(struct jit_tr *tr, const struct x86_insn *i)
{
    host_load(&tr->b, JIT_T0, jit_stack(tr, X86_RSP, 0, i->width, 0), i->width);
    move_sp(tr, i->width);
    if (i->width == 2) {
        host_store(&tr->b, jit_gpr(i->rm), JIT_T0, 2);
    } else {
        host_load(&tr->b, jit_host_reg[i->rm], host_reg_rm(JIT_T0), 4);
    }
}

static void emit_lea(struct jit_tr *tr, const struct x86_insn *i)
{
    operand_offset(tr, i);
    if (i->width == 2) {
        host_store(&tr->b, jit_gpr(i->reg), JIT_T0, 2);
    } else {
        host_load(&tr->b, jit_host_reg[i->reg], host_reg_rm(JIT_T0), 4);
    }
}

bool jit_plan_segment(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    static const uint32_t sp = 1u << X86_RSP;
    bool natural = i->width == (code32(tr) ? 4 : 2);

    if (!tr->segmented) {
        return false;
    }
    switch (insn_row(i)->op) {
    case OP_JCC:
        *plan = (struct jit_plan){.emit = emit_jcc, .reads_flags = true};
        return natural;
    case OP_JMP:
        *plan = (struct jit_plan){.emit = emit_jmp};
        return natural;
    case OP_CALL:
        *plan = (struct jit_plan){.emit = emit_call, .memory = true, .writes = sp};
        return natural;
    case OP_JMP_IND:
        *plan = (struct jit_plan){.emit = emit_jmp_ind, .reads_flags = true, .memory = true};
        return natural;
    case OP_CALL_IND:
        *plan = (struct jit_plan){
            .emit = emit_call_ind, .reads_flags = true, .memory = true, .writes = sp};
        return natural;
    case OP_RET:
        *plan =
            (struct jit_plan){.emit = emit_ret, .reads_flags = true, .memory = true, .writes = sp};
        return natural;
    case OP_LOOP:
        *plan = (struct jit_plan){.emit = emit_loop, .reads_flags = true, .writes = 1u << X86_RCX};
        return natural;
    case OP_JCXZ:
        *plan = (struct jit_plan){.emit = emit_jcxz, .reads_flags = true};
        return natural;
    case OP_PUSH:
        *plan = (struct jit_plan){.emit = emit_push, .memory = true, .writes = sp};
        return true;
    case OP_POP:
        *plan = (struct jit_plan){.emit = emit_pop, .memory = true, .writes = sp | 1u << i->rm};
        return !i->is_mem && i->rm != X86_RSP;
    case OP_LEA:
        *plan = (struct jit_plan){.emit = emit_lea, .writes = 1u << i->reg};
        return true;
    default:
        return false;
    }
}
