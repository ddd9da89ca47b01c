/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitters of repeated string instructions: the host's own, on host addresses, when all elements
 * lie in one page each and go upward. Everything else is the interpreter's, which goes on page by
 * page.
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

bool jit_plan_string(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    unsigned op = insn_row(i)->op;
    bool compares = op == OP_SCAS || op == OP_CMPS;

    if (tr->segmented || (op != OP_MOVS && op != OP_STOS && !compares) ||
        !(i->prefixes & (PREFIX_REPZ | PREFIX_REPNZ)) || i->asize != (tr->flat32 ? 4 : 8) ||
        i->seg >= X86_FS || (tr->flat32 && i->seg == X86_CS)) {
        return false;
    }
    *plan = (struct jit_plan){.emit = emit_string,
                              .memory = true,
                              .reads_flags = true,
                              .writes_flags = compares,
                              .writes = 1u << X86_RCX | 1u << X86_RSI | 1u << X86_RDI};
    return true;
}
