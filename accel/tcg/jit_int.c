/* SPDX-License-Identifier: Apache-2.0 */
/* Emitters of integer instructions. */
#include "accel/tcg/jit_translate.h"

static bool same_gpr(const struct x86_insn *i)
{
    bool bytes = operand_size(i, 0) == 1;

    return !i->is_mem && (bytes ? i->reg >> 3 == i->rm >> 3 : i->reg == i->rm);
}

/* Which guest register operand @n is, as a bit; 0: none. */
static uint32_t gpr_bit(const struct x86_insn *i, unsigned n)
{
    unsigned bytes = operand_size(i, n), r;

    switch (jit_where(i, n)) {
    case WHERE_REG:
        r = i->reg;
        break;
    case WHERE_RM:
        if (i->is_mem) {
            return 0;
        }
        r = i->rm;
        break;
    case WHERE_RMREG:
    case WHERE_OPREG:
        r = i->rm;
        break;
    case WHERE_VVVV:
        return 1u << i->vvvv;
    case WHERE_ACC:
        return 1u << X86_RAX;
    default:
        return 0;
    }
    return 1u << (bytes == 1 ? r >> 3 : r);
}

static void emit_alu(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned op = insn_row(i)->op - OP_ADD, bytes = operand_size(i, 0);
    struct jit_form f = jit_form_of(i, op == HALU_CMP ? JIT_R : JIT_RW);
    unsigned last = jit_where(i, 1);

    f.flags |= host_width(bytes) & ~HOP_BYTE;
    if (last == WHERE_IMM) {
        f.rm = 0;
        f.digit = (uint8_t)op;
        if (bytes == 1) {
            f.opcode = 0x80;
            f.imm_bytes = 1;
        } else if ((int32_t)f.imm == (int8_t)f.imm) {
            f.opcode = 0x83;
            f.imm_bytes = 1;
        } else {
            f.opcode = 0x81;
            f.imm_bytes = (uint8_t)MIN(bytes, 4);
        }
    }
    jit_emit_form(tr, i, &f);
}

static void emit_test(struct jit_tr *tr, const struct x86_insn *i)
{
    struct jit_form f = jit_form_of(i, JIT_R);
    unsigned bytes = operand_size(i, 0);

    f.flags |= host_width(bytes) & ~HOP_BYTE;
    if (jit_where(i, 1) == WHERE_IMM) {
        f.rm = 0;
        f.digit = 0;
        f.opcode = bytes == 1 ? 0xf6 : 0xf7;
    }
    jit_emit_form(tr, i, &f);
}

static void emit_mov_moffs(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned bytes = operand_size(i, 0);
    bool store = jit_where(i, 0) == WHERE_MOFFS;
    struct host_rm rm = jit_mem(tr, i, bytes, store ? JIT_WRITE : 0);

    if (store) {
        host_store(&tr->b, rm, HOST_RAX, bytes);
    } else {
        host_op(&tr->b, host_width(bytes), bytes == 1 ? 0x8a : 0x8b, HOST_RAX, &rm);
    }
}

static void emit_mov(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned bytes = operand_size(i, 0);
    struct jit_form f;

    if (jit_where(i, 0) == WHERE_MOFFS || jit_where(i, 1) == WHERE_MOFFS) {
        emit_mov_moffs(tr, i);
        return;
    }
    if (bytes >= 4 && jit_where(i, 1) == WHERE_IMM && !i->is_mem) {
        uint64_t val = bytes == 4 ? (uint32_t)i->imm : i->imm;

        if (jit_in_memory(i->rm)) {
            host_mov_imm(&tr->b, JIT_T0, val);
            jit_put(tr, i->rm, JIT_T0);
        } else {
            host_mov_imm(&tr->b, jit_host_reg[i->rm], val);
        }
        return;
    }
    f = jit_form_of(i, JIT_W);
    f.flags = host_width(bytes) & ~HOP_BYTE;
    if (jit_where(i, 1) == WHERE_IMM) {
        f.opcode = bytes == 1 ? 0xc6 : 0xc7;
        f.digit = 0;
        f.imm_bytes = (uint8_t)MIN(bytes, 4);
    } else if (jit_where(i, 0) == WHERE_MEM) {
        f.opcode = 0x89; /* MOVNTI, MOVDIRI */
    }
    jit_emit_form(tr, i, &f);
}

/* As in the row, with the operand size's prefixes. */
static void emit_sized(struct jit_tr *tr, const struct x86_insn *i, unsigned access0)
{
    struct jit_form f = jit_form_of(i, access0);

    f.flags |= host_width(operand_size(i, 0)) & ~HOP_BYTE;
    jit_emit_form(tr, i, &f);
}

static void emit_write(struct jit_tr *tr, const struct x86_insn *i)
{
    emit_sized(tr, i, operand_size(i, 0) < 4 ? JIT_RW : JIT_W);
}

static void emit_rw(struct jit_tr *tr, const struct x86_insn *i)
{
    emit_sized(tr, i, JIT_RW);
}

static void emit_both_rw(struct jit_tr *tr, const struct x86_insn *i)
{
    struct jit_form f = jit_form_of(i, JIT_RW);

    f.access[1] = JIT_RW;
    f.flags |= host_width(operand_size(i, 0)) & ~HOP_BYTE;
    f.in_reg = true;
    if (jit_where(i, 0) == WHERE_ACC) { /* 90+r */
        f.opcode = 0x87;
        f.reg = 0;
        f.rm = 1;
    }
    jit_emit_form(tr, i, &f);
}

static void emit_cmpxchg(struct jit_tr *tr, const struct x86_insn *i)
{
    struct jit_form f = jit_form_of(i, JIT_RW);

    f.flags |= host_width(operand_size(i, 0)) & ~HOP_BYTE;
    jit_emit_form(tr, i, &f);
}

/* INC, DEC, NOT, NEG, MUL, IMUL: F6, F7, FE, FF by digit. */
static void emit_unary(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned op = insn_row(i)->op, bytes = operand_size(i, 0);
    bool multiply = op == OP_MUL || op == OP_IMUL1;
    struct jit_form f = jit_form_of(i, multiply ? JIT_R : JIT_RW);

    f.flags |= host_width(bytes) & ~HOP_BYTE;
    if (op == OP_INC || op == OP_DEC) {
        f.opcode = bytes == 1 ? 0xfe : 0xff;
        f.digit = op == OP_DEC;
    }
    jit_emit_form(tr, i, &f);
}

static void emit_shift(struct jit_tr *tr, const struct x86_insn *i)
{
    struct jit_form f = jit_form_of(i, JIT_RW);

    f.flags |= host_width(operand_size(i, 0)) & ~HOP_BYTE;
    f.digit = f.digit == 6 ? 4 : f.digit;
    jit_emit_form(tr, i, &f);
}

static void emit_bit(struct jit_tr *tr, const struct x86_insn *i)
{
    struct jit_form f = jit_form_of(i, insn_row(i)->op == OP_BT ? JIT_R : JIT_RW);

    f.flags |= host_width(operand_size(i, 0)) & ~HOP_BYTE;
    f.in_reg = true;
    jit_emit_form(tr, i, &f);
}

/* With a bit number in a register, which reaches beyond an operand in memory. */
static void emit_bit_of_string(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    bool test = insn_row(i)->op == OP_BT, wide = i->width == 8;
    struct host_rm rm = jit_mem_bits(tr, i, test ? 0 : JIT_WRITE), t1 = host_reg_rm(JIT_T1);
    unsigned flags = HOP_0F | host_width(i->width);

    if (test) { /* of a register, the host takes the number's low bits alone */
        host_load(b, JIT_T1, rm, i->width);
        if (jit_in_memory(i->reg)) {
            jit_get(tr, JIT_T0, i->reg);
        }
        host_op(b, flags, i->opcode, jit_in_memory(i->reg) ? JIT_T0 : jit_host_reg[i->reg], &t1);
        return;
    }
    host_load(b, JIT_T1, jit_gpr(i->reg), 8);
    host_pext(b, JIT_T1, JIT_T1,
              host_state(X86_ENGINE_OFFSET + (wide ? offsetof(struct jit_cpu, bit_mask)
                                                   : offsetof(struct jit_cpu, low_mask[1]))));
    host_op(b, flags | (i->prefixes & PREFIX_LOCK ? HOP_LOCK : 0), i->opcode, JIT_T1, &rm);
}

/* Selectors into registers. */
static void emit_mov_from_seg(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned dst = jit_in_memory(i->rm) ? JIT_T0 : jit_host_reg[i->rm];

    host_load(&tr->b, dst,
              host_state(offsetof(struct x86_cpu, seg[0].sel) + i->reg * sizeof(struct x86_seg)),
              2);
    if (dst == JIT_T0) {
        jit_put(tr, i->rm, dst);
    }
}

static void emit_bswap(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    unsigned h = jit_in_memory(i->rm) ? JIT_T0 : jit_host_reg[i->rm];

    if (h == JIT_T0) {
        jit_get(tr, h, i->rm);
    }
    if (i->width == 8 || h >> 3) {
        host_u8(b, 0x40 | (i->width == 8 ? 8 : 0) | h >> 3);
    }
    host_u8(b, 0x0f);
    host_u8(b, 0xc8 | (h & 7));
    if (h == JIT_T0) {
        jit_put(tr, i->rm, h);
    }
}

/* One byte, implied operands in RAX, RDX and the flags. */
static void emit_plain(struct jit_tr *tr, const struct x86_insn *i)
{
    if (insn_row(i)->op == OP_CBW || insn_row(i)->op == OP_CWD) {
        if (i->width == 2) {
            host_u8(&tr->b, 0x66);
        } else if (i->width == 8) {
            host_u8(&tr->b, 0x48);
        }
    }
    host_u8(&tr->b, i->opcode);
}

static void emit_fence(struct jit_tr *tr, const struct x86_insn *i)
{
    host_u8(&tr->b, 0x0f);
    host_u8(&tr->b, 0xae);
    host_u8(&tr->b, i->modrm);
}

static void emit_nothing(struct jit_tr *tr, const struct x86_insn *i)
{
    (void)tr;
    (void)i;
}

static void emit_lea(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    unsigned dst = jit_in_memory(i->reg) ? JIT_T0 : jit_host_reg[i->reg];
    unsigned base = HOST_NONE, index = HOST_NONE;
    int32_t disp = i->disp;

    if (i->base == X86_RIP) {
        jit_rip(tr, dst, tr->next + (uint64_t)(int64_t)disp);
        if (i->width == 4 || i->asize == 4) {
            host_load(b, dst, host_reg_rm(dst), 4);
        }
    } else {
        if (i->base != X86_ZERO) {
            base = jit_host_reg[i->base];
            if (base == HOST_NONE) {
                base = JIT_T0;
                jit_get(tr, base, i->base);
            }
        }
        if (i->index != X86_ZERO) {
            index = jit_host_reg[i->index];
            if (index == HOST_NONE) {
                index = JIT_T1;
                jit_get(tr, index, i->index);
            }
        }
        host_lea(b, dst, host_mem_sib(base, index, i->scale, disp), MIN(i->width, i->asize));
    }
    if (dst == JIT_T0) {
        jit_put(tr, i->reg, dst);
    }
}

/* DIV and IDIV of 32 and 64 bits: what would raise #DE goes to the interpreter. */
static void emit_div(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    unsigned bytes = operand_size(i, 0);
    struct jit_stub *s = jit_site_stub(tr);
    struct host_rm d;

    tr->block->wants_recipe |= tr->incoming;
    if (tr->recipe.kind) {
        s->redo_flags = true;
        s->recipe = tr->recipe;
    } else { /* the exception shows the flags as they were */
        s->load_flags = true;
        jit_save_flags(tr);
    }
    if (i->is_mem) {
        d = jit_mem(tr, i, bytes, 0);
        host_load(b, JIT_T0, d, bytes);
        d = host_reg_rm(JIT_T0);
    } else {
        d = jit_gpr(i->rm);
        if (d.mem) {
            host_load(b, JIT_T0, d, bytes);
            d = host_reg_rm(JIT_T0);
        }
    }
    if (insn_row(i)->op == OP_DIV) {
        host_alu(b, HALU_CMP, HOST_RDX, d, bytes);
        jit_stub_from(s, host_jcc(b, 3)); /* high half not below the divisor */
    } else { /* the dividend is a sign-extended RAX, the divisor neither 0 nor -1 */
        struct host_rm t1 = host_reg_rm(JIT_T1);

        host_load(b, JIT_T1, host_reg_rm(HOST_RAX), bytes == 8 ? 8 : 4);
        host_op(b, host_width(bytes), 0xc1, 7, &t1);
        host_u8(b, bytes * 8 - 1);
        host_alu(b, HALU_CMP, HOST_RDX, t1, bytes);
        jit_stub_from(s, host_jcc(b, 5));
        host_lea(b, JIT_T1, host_mem(d.reg, 1), bytes);
        host_alu_imm(b, HALU_CMP, t1, 1, bytes);
        jit_stub_from(s, host_jcc(b, 6));
    }
    host_op(b, host_width(bytes), 0xf7, insn_row(i)->op == OP_DIV ? 6 : 7, &d);
}

static void emit_vex(struct jit_tr *tr, const struct x86_insn *i)
{
    struct jit_form f = jit_form_of(i, JIT_W);

    f.flags |= i->prefixes & PREFIX_W ? HOP_W : 0;
    if (insn_row(i)->op == OP_MULX) {
        f.access[1] = JIT_W;
    }
    jit_emit_form(tr, i, &f);
}

/* With both results in registers that are not the host's. */
static void emit_mulx_to_memory(struct jit_tr *tr, const struct x86_insn *i)
{
    struct jit_form f = jit_form_of(i, JIT_W);
    struct host_rm rm = i->is_mem ? jit_mem(tr, i, operand_size(i, 2), 0) : jit_gpr(i->rm);

    f.flags |= i->prefixes & PREFIX_W ? HOP_W : 0;
    host_vex(&tr->b, f.flags, f.opcode, JIT_T0, JIT_T1, &rm);
    jit_put(tr, i->vvvv, JIT_T1);
    jit_put(tr, i->reg, JIT_T0);
}

static void emit_w(struct jit_tr *tr, const struct x86_insn *i)
{
    struct jit_form f = jit_form_of(i, JIT_RW);

    f.flags |= i->prefixes & PREFIX_W ? HOP_W : 0;
    f.flags |= (i->prefixes & PREFIX_66) && insn_row(i)->op == OP_CRC32 && operand_size(i, 1) == 2
                   ? HOP_66
                   : 0;
    jit_emit_form(tr, i, &f);
}

/* Flags of shifts with a constant count: none when it is 0. */
static bool count_is_zero(const struct x86_insn *i, unsigned n)
{
    return jit_where(i, n) == WHERE_IMM && !(i->imm & (operand_size(i, 0) == 8 ? 63 : 31));
}

static bool plan_shift(const struct x86_insn *i, struct jit_plan *plan, bool rotate, unsigned n)
{
    plan->writes_all = !rotate && jit_where(i, n) == WHERE_IMM && !count_is_zero(i, n);
    plan->writes_flags = true;
    plan->reads_flags = !plan->writes_all;
    return true;
}

static bool host_has_adx(void)
{
    return __builtin_cpu_supports("adx");
}

/* Fills emit and flags; false: leave it to the interpreter. */
static bool plan_op(const struct x86_insn *i, struct jit_plan *p)
{
    const struct x86_row *row = insn_row(i);
    unsigned bytes = operand_size(i, 0);

    switch (row->op) {
    case OP_ADC:
    case OP_SBB:
        p->reads_flags = true;
        p->emit = emit_alu;
        return true;
    case OP_ADD:
    case OP_OR:
    case OP_AND:
    case OP_SUB:
    case OP_XOR:
    case OP_CMP:
        p->emit = emit_alu;
        return true;
    case OP_TEST:
        p->emit = emit_test;
        return true;
    case OP_MOV:
        p->emit = emit_mov;
        return true;
    case OP_MOVZX:
    case OP_MOVSX:
    case OP_MOVSXD:
    case OP_IMUL3:
    case OP_POPCNT:
    case OP_TZCNT:
    case OP_LZCNT:
    case OP_MOVBE:
        p->emit = emit_write;
        return true;
    case OP_IMUL2:
    case OP_BSF:
    case OP_BSR:
        p->emit = emit_rw;
        return true;
    case OP_CMOVCC:
        p->reads_flags = true;
        p->emit = emit_rw;
        return true;
    case OP_SETCC:
        p->reads_flags = true;
        p->emit = emit_rw;
        return true;
    case OP_LEA:
        p->emit = emit_lea;
        return i->width >= 4 && i->asize >= 4;
    case OP_XCHG:
    case OP_XADD:
        p->emit = emit_both_rw;
        return jit_where(i, 0) == WHERE_ACC ||
               !(same_gpr(i) || (bytes == 1 && ((i->reg & 7) || (!i->is_mem && (i->rm & 7)))));
    case OP_CMPXCHG:
        p->writes = 1u << X86_RAX;
        p->emit = emit_cmpxchg;
        return !same_gpr(i) &&
               (i->is_mem || (bytes == 1 ? !(i->reg & 7) && !(i->rm & 7) : !jit_in_memory(i->rm)));
    case OP_INC:
    case OP_DEC:
        p->reads_flags = true;
        p->emit = emit_unary;
        return true;
    case OP_NOT:
    case OP_NEG:
        p->emit = emit_unary;
        return true;
    case OP_MUL:
    case OP_IMUL1:
        p->writes = 1u << X86_RAX | 1u << X86_RDX;
        p->emit = emit_unary;
        return true;
    case OP_DIV:
    case OP_IDIV:
        p->writes = 1u << X86_RAX | 1u << X86_RDX;
        p->reads_flags = true; /* for a division that faults */
        p->emit = emit_div;
        return bytes >= 4;
    default:
        return false;
    }
}

/* The same, of shifts, bits, flags and BMI. */
static bool plan_bits(const struct x86_insn *i, struct jit_plan *p)
{
    const struct x86_row *row = insn_row(i);
    unsigned bytes = operand_size(i, 0);

    switch (row->op) {
    case OP_ROL:
    case OP_ROR:
    case OP_RCL:
    case OP_RCR:
        p->emit = emit_shift;
        return plan_shift(i, p, /* rotate= */ true, 1);
    case OP_SHL:
    case OP_SHR:
    case OP_SAR:
        p->emit = emit_shift;
        return plan_shift(i, p, /* rotate= */ false, 1);
    case OP_SHLD:
    case OP_SHRD:
        p->emit = emit_shift;
        return bytes >= 4 &&
               !(jit_where(i, 2) == WHERE_COUNT && (i->is_mem || jit_in_memory(i->reg))) &&
               plan_shift(i, p, /* rotate= */ false, 2);
    case OP_BT:
    case OP_BTS:
    case OP_BTR:
    case OP_BTC:
        p->reads_flags = true;
        p->writes_all = false;
        p->emit = emit_bit;
        if (i->is_mem && jit_where(i, 1) != WHERE_IMM) {
            p->emit = emit_bit_of_string;
            return i->width >= 4 && i->width <= i->asize;
        }
        return true;
    case OP_MOV_FROM_SEG:
        p->emit = emit_mov_from_seg;
        return !i->is_mem && i->width >= 4;
    case OP_BSWAP:
        p->emit = emit_bswap;
        return i->width >= 4;
    case OP_CBW:
        p->writes = 1u << X86_RAX;
        p->emit = emit_plain;
        return true;
    case OP_CWD:
        p->writes = 1u << X86_RDX;
        p->emit = emit_plain;
        return true;
    case OP_LAHF:
        p->writes = 1u << X86_RAX;
        p->reads_flags = true;
        p->emit = emit_plain;
        return true;
    case OP_SAHF:
    case OP_CLC:
    case OP_STC:
    case OP_CMC:
        p->reads_flags = true;
        p->emit = emit_plain;
        return true;
    case OP_NOP:
        p->emit = emit_nothing;
        return true;
    case OP_FENCE:
        p->emit = emit_fence;
        return true;
    case OP_CRC32:
        p->emit = emit_w;
        return true;
    case OP_ADCX:
    case OP_ADOX:
        p->reads_flags = true;
        p->emit = emit_w;
        return host_has_adx();
    case OP_MULX:
        p->writes = 1u << i->vvvv;
        p->emit = jit_in_memory(i->reg) && jit_in_memory(i->vvvv) ? emit_mulx_to_memory : emit_vex;
        return true;
    case OP_ANDN:
    case OP_BLSR:
    case OP_BLSMSK:
    case OP_BLSI:
    case OP_BZHI:
    case OP_PEXT:
    case OP_PDEP:
    case OP_BEXTR:
    case OP_SHLX:
    case OP_SARX:
    case OP_SHRX:
    case OP_RORX:
        p->emit = emit_vex;
        return true;
    default:
        return false;
    }
}

/* BMI instructions with a VEX prefix need the same of the CPU's state as AVX does not: nothing. */
bool jit_plan_int(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    const struct x86_row *row = insn_row(i);

    plan->writes_flags = row->flags_out;
    plan->writes_all = row->flags_out == FL_OSZAPC;
    if (!plan_op(i, plan) && !plan_bits(i, plan)) {
        *plan = (struct jit_plan){0};
        return false;
    }
    if (i->is_mem && row->op != OP_LEA) {
        if (!jit_mem_ok(tr, i) || (plan->emit == emit_bit_of_string && jit_by_segment(tr, i))) {
            *plan = (struct jit_plan){0};
            return false;
        }
        plan->memory = true;
    }
    if (row->op != OP_CMP && row->op != OP_TEST && row->op != OP_BT) {
        plan->writes |= gpr_bit(i, 0);
    }
    if (row->op == OP_XCHG || row->op == OP_XADD) {
        plan->writes |= gpr_bit(i, 1);
    }
    return true;
}
