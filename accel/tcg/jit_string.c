/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitters of string instructions, when they go upward. Repeated ones are the host's own, on host
 * addresses, when all elements lie in one page each; everything else is the interpreter's, which
 * goes on page by page.
 */
#include "accel/tcg/jit_translate.h"

static struct host_rm own(size_t member)
{
    return host_state(X86_ENGINE_OFFSET + member);
}

static struct host_rm kept(unsigned n)
{
    return own(offsetof(struct jit_cpu, string) + 8 * n);
}

/* Leaves for the interpreter unless T1, masked, is 0. */
static void only_if_zero(struct jit_tr *tr, struct host_rm mask)
{
    host_pext(&tr->b, JIT_T1, JIT_T1, mask);
    host_jrcxz(&tr->b, 5);
    jit_stub_from(jit_site_stub(tr), host_jmp(&tr->b));
}

static void emit_host_insn(struct jit_tr *tr, const struct x86_insn *i, unsigned bytes)
{
    host_u8(&tr->b, i->prefixes & PREFIX_REPZ ? 0xf3 : 0xf2);
    if (bytes == 2) {
        host_u8(&tr->b, 0x66);
    } else if (bytes == 8) {
        host_u8(&tr->b, 0x48);
    }
    host_u8(&tr->b, i->opcode);
}

static void emit_string(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    unsigned op = insn_row(i)->op, word = tr->flat32 ? 4 : 8;
    unsigned bytes = op == OP_MOVS || op == OP_STOS ? operand_size(i, 0) : operand_size(i, 1);
    unsigned shift = (unsigned)__builtin_ctz(bytes);
    bool source = op == OP_MOVS || op == OP_CMPS;
    struct host_rm t0 = host_reg_rm(JIT_T0);

    host_load(b, JIT_T1, host_state(offsetof(struct x86_cpu, eflags)), 4);
    only_if_zero(tr, own(offsetof(struct jit_cpu, df_mask)));
    host_load(b, JIT_T1, jit_gpr(X86_RCX), word);
    only_if_zero(tr, own(offsetof(struct jit_cpu, page_mask))); /* so that nothing overflows */
    if (source) {
        jit_mem_run(tr, X86_RSI, shift, /* write= */ false);
        host_store(b, kept(0), JIT_T0, 8);
    }
    jit_mem_run(tr, X86_RDI, shift, /* write= */ op == OP_MOVS || op == OP_STOS);
    if (source) {
        host_store(b, kept(1), HOST_RSI, 8);
        host_load(b, HOST_RSI, kept(0), 8);
    }
    host_store(b, kept(2), HOST_RDI, 8);
    host_mov(b, HOST_RDI, JIT_T0);
    host_load(b, JIT_T1, jit_gpr(X86_RCX), word);
    emit_host_insn(tr, i, bytes);
    /* how far it went: RDI - T0, without flags */
    host_op(b, HOP_W, 0xf7, 2, &t0); /* not */
    host_lea(b, JIT_T0, host_mem_sib(JIT_T0, HOST_RDI, 0, 1), 8);
    host_load(b, HOST_RDI, kept(2), 8);
    host_lea(b, HOST_RDI, host_mem_sib(HOST_RDI, JIT_T0, 0, 0), word);
    if (source) {
        host_load(b, HOST_RSI, kept(1), 8);
        host_lea(b, HOST_RSI, host_mem_sib(HOST_RSI, JIT_T0, 0, 0), word);
    }
    host_load(b, jit_host_reg[X86_RCX], host_reg_rm(JIT_T1), word);
}

static void step_over(struct jit_tr *tr, unsigned r, unsigned bytes)
{
    host_lea(&tr->b, jit_host_reg[r], host_mem(jit_host_reg[r], (int32_t)bytes),
             tr->flat32 ? 4 : 8);
}

/* The element at RSI, into jit_cpu.saved. */
static void keep_source(struct jit_tr *tr, unsigned bytes)
{
    host_load(&tr->b, JIT_T0, jit_stack(tr, X86_RSI, 0, bytes, 0), bytes);
    host_store(&tr->b, own(offsetof(struct jit_cpu, saved)), JIT_T0, 8);
}

/* One element. Registers change when nothing can fail any more. */
static void emit_single(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    unsigned op = insn_row(i)->op, s = HOST_RAX;
    unsigned bytes = op == OP_MOVS || op == OP_STOS ? operand_size(i, 0) : operand_size(i, 1);
    bool write = op == OP_MOVS || op == OP_STOS;
    struct host_rm rm;

    host_load(b, JIT_T1, host_state(offsetof(struct x86_cpu, eflags)), 4);
    only_if_zero(tr, own(offsetof(struct jit_cpu, df_mask)));
    if (op == OP_LODS) {
        rm = jit_stack(tr, X86_RSI, 0, bytes, 0);
        host_op(b, host_width(bytes), bytes == 1 ? 0x8a : 0x8b, HOST_RAX, &rm);
        step_over(tr, X86_RSI, bytes);
        return;
    }
    if (op == OP_MOVS || op == OP_CMPS) {
        keep_source(tr, bytes);
    }
    rm = jit_stack(tr, X86_RDI, 0, bytes, write ? JIT_WRITE : 0);
    if (op == OP_MOVS || op == OP_CMPS) {
        s = jit_spare(tr, &rm);
        host_load(b, s, own(offsetof(struct jit_cpu, saved)), 8);
        step_over(tr, X86_RSI, bytes);
    }
    if (write) {
        host_store(b, rm, s, bytes);
    } else {
        host_alu(b, HALU_CMP, s, rm, bytes);
    }
    step_over(tr, X86_RDI, bytes);
}

/* Whether addresses are as wide as registers, and the source's segment is flat. */
static bool plain_addresses(const struct jit_tr *tr, const struct x86_insn *i)
{
    return !tr->segmented && i->asize == (tr->flat32 ? 4 : 8) && i->seg < X86_FS &&
           !(tr->flat32 && i->seg == X86_CS);
}

static bool plan_single(const struct x86_insn *i, struct jit_plan *plan)
{
    unsigned op = insn_row(i)->op;
    bool compares = op == OP_SCAS || op == OP_CMPS;

    *plan = (struct jit_plan){
        .emit = emit_single, .memory = true, .writes_flags = compares, .writes_all = compares};
    plan->writes = op == OP_LODS ? 1u << X86_RAX : 1u << X86_RDI;
    plan->writes |= op == OP_LODS || op == OP_MOVS || op == OP_CMPS ? 1u << X86_RSI : 0;
    return true;
}

bool jit_plan_string(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    unsigned op = insn_row(i)->op;
    bool compares = op == OP_SCAS || op == OP_CMPS;

    if ((op != OP_MOVS && op != OP_STOS && op != OP_LODS && !compares) || !plain_addresses(tr, i)) {
        return false;
    }
    if (!(i->prefixes & (PREFIX_REPZ | PREFIX_REPNZ))) {
        return plan_single(i, plan);
    }
    if (op == OP_LODS) {
        return false;
    }
    *plan = (struct jit_plan){.emit = emit_string,
                              .memory = true,
                              .reads_flags = true,
                              .writes_flags = compares,
                              .writes = 1u << X86_RCX | 1u << X86_RSI | 1u << X86_RDI};
    return true;
}
