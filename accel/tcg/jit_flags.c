/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's status flags while they are not in the host's: recipes, and keeping them aside.
 *
 * A recipe is an instruction that gives the flags once more, from registers that still hold what it
 * was done with, or from what they held (JIT_WAS).
 */
#include "accel/tcg/jit_translate.h"

void jit_emit_recipe(struct host_buf *b, const struct jit_recipe *r)
{
    struct host_rm a = jit_gpr(r->a), src = r->b == HOST_NONE ? a : jit_gpr(r->b);
    bool imm = r->b == HOST_NONE;
    unsigned alu = r->kind == RECIPE_ADD ? HALU_ADD : HALU_SUB;

    switch (r->kind) {
    case RECIPE_CMP:
        if (imm) {
            host_alu_imm(b, HALU_CMP, a, r->imm, r->bytes);
            return;
        }
        if (a.mem) {
            host_load(b, JIT_T0, a, 8);
            a = host_reg_rm(JIT_T0);
        }
        host_alu(b, HALU_CMP, a.reg, src, r->bytes);
        return;
    case RECIPE_TEST:
    case RECIPE_LOGIC:
        if (r->kind == RECIPE_TEST && imm) {
            host_op(b, host_width(r->bytes), r->bytes == 1 ? 0xf6 : 0xf7, 0, &a);
            host_imm(b, (uint32_t)r->imm, MIN(r->bytes, 4));
            return;
        }
        if (src.mem) {
            host_load(b, JIT_T0, src, 8);
            src = host_reg_rm(JIT_T0);
        }
        host_op(b, host_width(r->bytes), r->bytes == 1 ? 0x84 : 0x85, src.reg,
                r->kind == RECIPE_LOGIC ? &src : &a);
        return;
    default: /* what it was before, and the operation again */
        host_load(b, JIT_T0, a, 8);
        if (imm) {
            host_alu_imm(b, alu ^ HALU_ADD ^ HALU_SUB, host_reg_rm(JIT_T0), r->imm, r->bytes);
            host_alu_imm(b, alu, host_reg_rm(JIT_T0), r->imm, r->bytes);
        } else {
            host_alu(b, alu ^ HALU_ADD ^ HALU_SUB, JIT_T0, src, r->bytes);
            host_alu(b, alu, JIT_T0, src, r->bytes);
        }
        return;
    }
}

void jit_need_flags(struct jit_tr *tr)
{
    if (!tr->valid) {
        jit_emit_recipe(&tr->b, &tr->recipe);
        tr->valid = true;
    }
}

void jit_save_flags(struct jit_tr *tr)
{
    struct host_buf *b = &tr->b;

    host_mov(b, JIT_T1, HOST_RAX);
    host_u8(b, 0x9f); /* lahf */
    host_u8(b, 0x0f); /* seto al */
    host_u8(b, 0x90);
    host_u8(b, 0xc0);
    host_store(b, host_state(X86_ENGINE_OFFSET + offsetof(struct jit_cpu, saved)), HOST_RAX, 4);
    host_mov(b, HOST_RAX, JIT_T1);
}

void jit_load_flags(struct host_buf *b)
{
    host_mov(b, JIT_T1, HOST_RAX);
    host_load(b, HOST_RAX, host_state(X86_ENGINE_OFFSET + offsetof(struct jit_cpu, saved)), 4);
    host_u8(b, 0x04); /* add al, 0x7f: overflows when it is 1 */
    host_u8(b, 0x7f);
    host_u8(b, 0x9e); /* sahf */
    host_mov(b, HOST_RAX, JIT_T1);
}

bool jit_recipe_uses(const struct jit_recipe *r, uint32_t regs)
{
    return r->kind && ((regs >> r->a & 1) || (r->b != HOST_NONE && regs >> r->b & 1));
}

/* Guest register *@operand, which is about to change, remains known to the recipe. */
static void keep_operand(struct jit_tr *tr, uint8_t *operand, unsigned slot)
{
    unsigned h = jit_in_memory(*operand) ? JIT_T0 : jit_host_reg[*operand];

    if (h == JIT_T0) {
        jit_get(tr, h, *operand);
    }
    *operand = (uint8_t)(JIT_WAS + slot);
    host_store(&tr->b, jit_gpr(*operand), h, 8);
}

void jit_keep_operands(struct jit_tr *tr, uint32_t regs)
{
    if (regs >> tr->recipe.a & 1) {
        keep_operand(tr, &tr->recipe.a, 0);
    }
    if (tr->recipe.b != HOST_NONE && (regs >> tr->recipe.b & 1)) {
        keep_operand(tr, &tr->recipe.b, 1);
    }
}

struct jit_recipe jit_recipe_of(const struct x86_insn *i)
{
    const struct x86_row *row = insn_row(i);
    struct jit_recipe r = {.kind = RECIPE_NONE};
    unsigned bytes = operand_size(i, 0), dst = jit_where(i, 0), src = jit_where(i, 1);
    bool high = bytes == 1;

    switch (row->op) {
    case OP_CMP:
        r.kind = RECIPE_CMP;
        break;
    case OP_TEST:
        r.kind = RECIPE_TEST;
        break;
    case OP_ADD:
        r.kind = RECIPE_ADD;
        break;
    case OP_SUB:
        r.kind = RECIPE_SUB;
        break;
    case OP_AND:
    case OP_OR:
    case OP_XOR:
        r.kind = RECIPE_LOGIC;
        break;
    default:
        return r;
    }
    if (i->is_mem || i->prefixes & PREFIX_LOCK || insn_is_vex(i)) {
        /* a sum or a logical result in a register is as good; a comparison is not */
        if (r.kind != RECIPE_LOGIC || dst != WHERE_REG) {
            return (struct jit_recipe){.kind = RECIPE_NONE};
        }
        src = WHERE_NONE;
    }
    r.bytes = (uint8_t)bytes;
    r.a = dst == WHERE_ACC ? X86_RAX : dst == WHERE_REG ? i->reg : i->rm;
    r.b = HOST_NONE;
    if (high && dst != WHERE_ACC) {
        if (r.a & 7) {
            return (struct jit_recipe){.kind = RECIPE_NONE};
        }
        r.a >>= 3;
    }
    if (r.kind == RECIPE_LOGIC) {
        return r;
    }
    if (src == WHERE_IMM) {
        r.imm = (int32_t)i->imm;
        return r;
    }
    r.b = src == WHERE_REG ? i->reg : i->rm;
    if (high) {
        if (r.b & 7) {
            return (struct jit_recipe){.kind = RECIPE_NONE};
        }
        r.b >>= 3;
    }
    if (r.a == r.b && (r.kind == RECIPE_ADD || r.kind == RECIPE_SUB)) {
        /* the difference is 0, as of CMP; the sum's half is lost */
        r.kind = r.kind == RECIPE_SUB ? RECIPE_CMP : RECIPE_NONE;
    }
    return r;
}
