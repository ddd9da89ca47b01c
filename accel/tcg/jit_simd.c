/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translating SSE and AVX: the guest's vector registers are the host's, so an instruction is
 * emitted as itself, with its general registers and its memory operand put in place.
 *
 * All of it comes from the rows: prefix, map, opcode, digit, W and L; which operand is in which
 * field; how large the memory operand is and whether it must be aligned. The jit column of op.def
 * names the few operations that have an emitter here (OWN) or are the interpreter's (CALL).
 *
 * I1  The host's MXCSR is the guest's and masks all exceptions: nothing emitted here faults but by
 *     its memory operand, which jit_mem() has checked.
 * I2  What a host instruction reads or writes in memory is operand_size() bytes, no more. Where it
 *     insists on alignment the check does too, or the host would fault.
 *
 * Results are the host's own. Those of RCPPS, RSQRTPS and their scalar forms differ from processor
 * to processor, and the interpreter's are the host's as well (target/i386/host_approx.c).
 *
 * Absent: forms with MMX registers, CVTPI2PS and CVTPI2PD from memory too; MASKMOVDQU;
 * LDMXCSR, the saving and restoring of state; what this host lacks (jit_host.c). The interpreter
 * does them.
 */
#include "accel/tcg/jit_translate.h"
#include "target/i386/models.h"

#define SIMD_NEEDS (SSEF | VEX | VEX2 | VEXO)

static const uint8_t how[OP_COUNT] = {
#define OP(name, jit) [OP_##name] = JIT_##jit,
#include "target/i386/op.def"
#undef OP
};

/* ---- encoding ---------------------------------------------------------------------------- */

/* The first operand that is at one of these places, bits by enum x86_where; -1: none. */
static int find_operand(const struct x86_insn *i, uint32_t places)
{
    for (unsigned n = 0; n < 4; n++) {
        if (places >> jit_where(i, n) & 1) {
            return (int)n;
        }
    }
    return -1;
}

static bool has_operand(const struct x86_insn *i, enum x86_where where)
{
    return find_operand(i, 1u << where) >= 0;
}

static unsigned encoding_flags(const struct x86_insn *i)
{
    static const uint16_t maps[MAP_COUNT] = {
        [MAP_X0F] = HOP_0F, [MAP_X38] = HOP_0F38, [MAP_X3A] = HOP_0F3A};
    static const uint8_t prefixes[] = {
        [PFX_NP] = 0, [PFX_P66] = HOP_66, [PFX_PF3] = HOP_F3, [PFX_PF2] = HOP_F2};
    const struct x86_row *row = insn_row(i);
    bool w = i->prefixes & PREFIX_W || row->needs & W1; /* PREFIX_W is of 64-bit mode only */

    return maps[row->map] | prefixes[row->pfx] | (w ? HOP_W : 0) |
           (i->prefixes & PREFIX_L ? HOP_L : 0);
}

/* The instruction with these in ModRM; all immediates. */
static void emit_encoding(struct host_buf *b, const struct x86_insn *i, unsigned reg,
                          const struct host_rm *rm)
{
    unsigned flags = encoding_flags(i);

    if (insn_is_vex(i)) {
        host_vex(b, flags, i->opcode, reg, has_operand(i, WHERE_VVEC) ? i->vvvv : 0, rm);
    } else {
        host_op(b, flags, i->opcode, reg, rm);
    }
    for (unsigned n = 0; n < 4; n++) {
        switch (jit_where(i, n)) {
        case WHERE_IMM:
        case WHERE_VIS4:
            host_u8(b, (unsigned)i->imm);
            break;
        case WHERE_IMM2:
            host_u8(b, i->imm2);
            break;
        default:
            break;
        }
    }
}

/* ---- operands ---------------------------------------------------------------------------- */

/* Whether the host faults when the memory operand is not aligned, or the guest is to. */
static bool needs_alignment(const struct x86_insn *i, unsigned bytes)
{
    const struct x86_row *row = insn_row(i);

    if (insn_is_vex(i)) {
        return row->needs & ALGN;
    }
    /* AMD's processors take any address with SHA, others do not. */
    return bytes >= 16 && (!(row->needs & UNAL) || row->feature == X86_F_SHA);
}

static struct host_rm memory_operand(struct jit_tr *tr, const struct x86_insn *i)
{
    int n = find_operand(i, 1u << WHERE_VRM | 1u << WHERE_RM | 1u << WHERE_MEM);
    unsigned bytes = operand_size(i, (unsigned)n), flags = n == 0 ? JIT_WRITE : 0;

    if (needs_alignment(i, bytes)) {
        flags |= JIT_ALIGN;
    }
    return jit_mem(tr, i, bytes, flags);
}

/* The general register that is written: operand 0, or -1. */
static int gpr_written(const struct x86_insn *i)
{
    switch (jit_where(i, 0)) {
    case WHERE_REG:
        return i->reg;
    case WHERE_RM:
        return i->is_mem ? -1 : i->rm;
    default:
        return -1;
    }
}

/*
 * An instruction as itself. A general register that is kept in memory is read from there, whatever
 * the size; when it is written the result, which is zero-extended, goes by T0.
 */
static void emit_copy(struct jit_tr *tr, const struct x86_insn *i)
{
    int dest = gpr_written(i);
    unsigned host_dest = dest < 0                        ? HOST_NONE
                         : jit_in_memory((unsigned)dest) ? JIT_T0
                                                         : jit_host_reg[dest];
    unsigned reg;
    struct host_rm rm;

    if (i->is_mem) {
        rm = memory_operand(tr, i);
    } else if (has_operand(i, WHERE_RM)) {
        rm = jit_where(i, 0) == WHERE_RM ? host_reg_rm(host_dest) : jit_gpr(i->rm);
    } else {
        rm = host_reg_rm(i->rm);
    }
    if (jit_where(i, 0) == WHERE_REG) {
        reg = host_dest;
    } else if (has_operand(i, WHERE_VREG)) {
        reg = i->reg;
    } else {
        reg = insn_row(i)->rsel & RSEL_DIGIT;
    }
    emit_encoding(&tr->b, i, reg, &rm);
    if (host_dest == JIT_T0) {
        jit_put(tr, (unsigned)dest, JIT_T0);
    }
}

/* ---- operations with emitters of their own ----------------------------------------------- */

/* PCMPESTRI, PCMPISTRI: lengths come in RAX and RDX, which are the host's; the index is in ECX. */
static void emit_string_index(struct jit_tr *tr, const struct x86_insn *i)
{
    emit_copy(tr, i);
    jit_put(tr, X86_RCX, HOST_RCX);
}

/* VZEROUPPER, VZEROALL: outside 64-bit mode registers 8 to 15 stay as they are. */
static void emit_zero(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    bool all = insn_row(i)->op == OP_VZEROALL;

    if (tr->mode & MODE_CODE64) {
        host_u8(b, 0xc5);
        host_u8(b, all ? 0xfc : 0xf8);
        host_u8(b, 0x77);
        return;
    }
    for (unsigned r = 0; r < 8; r++) {
        struct host_rm rm = host_reg_rm(r);

        if (all) { /* VXORPS, VMOVAPS of 128 bits */
            host_vex(b, HOP_0F, 0x57, r, r, &rm);
        } else {
            host_vex(b, HOP_0F, 0x28, r, 0, &rm);
        }
    }
}

/* ---- planning ---------------------------------------------------------------------------- */

bool jit_plan_simd(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    const struct x86_row *row = insn_row(i);
    int dest;

    if (row->needs & VSIB) {
        return jit_plan_gather(tr, i, plan);
    }
    if (!(row->needs & SIMD_NEEDS) || row->needs & MMXF || how[row->op] == JIT_CALL ||
        !(tr->mode & (insn_is_vex(i) ? JIT_MODE_AVX : JIT_MODE_SSE)) ||
        !x86_word_has(tr->jit->host, row->feature) || (i->is_mem && !jit_mem_ok(tr, i))) {
        return false;
    }
    dest = gpr_written(i);
    *plan = (struct jit_plan){
        .writes_flags = row->flags_out,
        .writes_all = row->flags_out == FL_OSZAPC,
        .memory = i->is_mem,
        .vec = true,
        .writes = dest < 0 ? 0 : 1u << dest,
        .emit = emit_copy,
    };
    if (how[row->op] == JIT_OWN) {
        plan->emit = emit_zero;
        if (row->op == OP_PCMPESTRI || row->op == OP_PCMPISTRI) {
            plan->writes = 1u << X86_RCX;
            plan->emit = emit_string_index;
        }
    }
    return true;
}
