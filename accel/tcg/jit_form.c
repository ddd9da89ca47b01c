/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions with ModRM, emitted as themselves with the guest's registers put in place.
 *
 * Guest registers that live in memory are read as memory operands where an instruction has room for
 * one, else they go by way of a scratch register; they are always stored whole, because the host
 * is slow to load what was stored in pieces. The next instruction finds the value still in T0, if
 * nothing has been emitted that may have changed that (jit_tr.held). AH, CH, DH and BH, which have
 * no name beside a REX prefix, are rotated into the low byte for the time of the instruction (RORX
 * leaves flags).
 */
#include "accel/tcg/jit_translate.h"

struct jit_form jit_form_of(const struct x86_insn *i, unsigned access0)
{
    static const unsigned maps[] = {
        [MAP_LEG] = 0, [MAP_X0F] = HOP_0F, [MAP_X38] = HOP_0F38, [MAP_X3A] = HOP_0F3A};
    const struct x86_row *row = insn_row(i);
    struct jit_form f = {.opcode = i->opcode,
                         .vex = insn_is_vex(i),
                         .reg = -1,
                         .rm = -1,
                         .vvvv = -1,
                         .digit = (i->modrm >> 3) & 7,
                         .access = {(uint8_t)access0, JIT_R, JIT_R, JIT_R}};

    f.flags = maps[row->map];
    f.flags |= row->pfx == PFX_P66   ? HOP_66
               : row->pfx == PFX_PF3 ? HOP_F3
               : row->pfx == PFX_PF2 ? HOP_F2
                                     : 0;
    f.flags |= i->prefixes & PREFIX_L ? HOP_L : 0;
    f.flags |= (i->prefixes & PREFIX_LOCK) && i->is_mem && row->op != OP_XCHG ? HOP_LOCK : 0;
    for (int8_t n = 0; n < 4 && row->operands[n]; n++) {
        switch (jit_where(i, n)) {
        case WHERE_REG:
            f.reg = n;
            break;
        case WHERE_RM:
        case WHERE_RMREG:
        case WHERE_MEM:
        case WHERE_OPREG:
            f.rm = n;
            break;
        case WHERE_VVVV:
            f.vvvv = n;
            break;
        case WHERE_COUNT:
            f.cl = true;
            break;
        case WHERE_IMM:
            f.imm = i->imm;
            f.imm_bytes = x86_operand_info[row->operands[n]].size == SIZE_BS ||
                                  x86_operand_info[row->operands[n]].size == SIZE_1
                              ? 1
                              : MIN(i->width, 4);
            f.imm_bytes = x86_operand_info[row->operands[n]].size == SIZE_ONE ? 0 : f.imm_bytes;
            break;
        default:
            break;
        }
    }
    return f;
}

/* An operand that is a general register. */
struct gpr_use {
    bool used;
    bool high; /* AH and so on */
    uint8_t r; /* guest register */
    uint8_t bytes;
    uint8_t access;
    uint8_t host; /* where it is for the instruction */
    bool rotated, copied;
};

static struct gpr_use gpr_use(const struct jit_form *f, const struct x86_insn *i, int n)
{
    struct gpr_use u = {.host = HOST_NONE};
    unsigned r;

    if (n < 0) {
        return u;
    }
    switch (jit_where(i, (unsigned)n)) {
    case WHERE_REG:
        r = i->reg;
        break;
    case WHERE_VVVV:
        r = i->vvvv;
        break;
    case WHERE_ACC:
        r = X86_RAX;
        break;
    default:
        r = i->rm;
        break;
    }
    u.used = true;
    u.bytes = (uint8_t)operand_size(i, (unsigned)n);
    u.access = f->access[n];
    if (u.bytes == 1 && jit_where(i, (unsigned)n) != WHERE_ACC) {
        u.high = r & 7;
        r >>= 3;
    }
    u.r = (uint8_t)r;
    u.host = jit_host_reg[r];
    return u;
}

/* Puts the operand into scratch register @s for the instruction. */
static void to_scratch(struct jit_tr *tr, struct gpr_use *u, unsigned s)
{
    if (u->high) {
        host_rorx(&tr->b, s, u->host, 8);
    } else if ((u->access & JIT_R) || u->bytes < 4) {
        jit_get(tr, s, u->r);
    }
    u->copied = true;
    u->host = (uint8_t)s;
}

static void rotate_high(struct jit_tr *tr, struct gpr_use *u)
{
    if (u->high && !u->copied) {
        host_rorx(&tr->b, u->host, u->host, 8);
        u->rotated = true;
    }
}

/* After the instruction. */
static void put_back(struct jit_tr *tr, const struct gpr_use *u)
{
    if (u->rotated) {
        host_rorx(&tr->b, u->host, u->host, 56);
    } else if (u->copied && (u->access & JIT_W)) {
        jit_put(tr, u->r, u->host);
    }
}

static bool needs_scratch(const struct gpr_use *u)
{
    return u->used && (u->host == HOST_NONE || (u->high && !(u->access & JIT_W)));
}

/* T0 is the register already. */
static void use_held(struct gpr_use *u)
{
    u->copied = true;
    u->host = JIT_T0;
}

/* Behind an instruction without a memory operand: what T0 holds now, @held before it. */
static void note_held(struct jit_tr *tr, uint8_t held, const struct gpr_use *reg,
                      const struct gpr_use *rm, const struct gpr_use *vvvv)
{
    const struct gpr_use *uses[3] = {reg, rm, vvvv};

    for (unsigned n = 0; n < 3; n++) {
        if (uses[n]->copied && uses[n]->host == JIT_T0) {
            held = uses[n]->high || !jit_in_memory(uses[n]->r) ? HOST_NONE : uses[n]->r;
        }
    }
    for (unsigned n = 0; n < 3; n++) { /* and then it was written by another way */
        if (uses[n]->used && uses[n]->r == held && uses[n]->host != JIT_T0 &&
            (uses[n]->access & JIT_W)) {
            held = HOST_NONE;
        }
    }
    if (!vvvv->copied) { /* else it may share the scratch register */
        tr->held = held;
        tr->held_at = tr->b.p;
    }
}

void jit_emit_form(struct jit_tr *tr, const struct x86_insn *i, const struct jit_form *f)
{
    struct gpr_use reg = gpr_use(f, i, f->reg), vvvv = gpr_use(f, i, f->vvvv), rm_use = {0};
    bool mem = f->rm >= 0 && i->is_mem && jit_where(i, (unsigned)f->rm) != WHERE_OPREG;
    uint8_t held = mem ? HOST_NONE : jit_held(tr);
    unsigned flags = f->flags, s;
    struct host_rm rm;

    if (mem) {
        rm = jit_mem(tr, i, operand_size(i, (unsigned)f->rm),
                     (f->access[f->rm] & JIT_W ? JIT_WRITE : 0) | (f->cl ? JIT_ALONE : 0) |
                         (reg.high ? JIT_PLAIN_T0 : 0));
    } else {
        rm_use = gpr_use(f, i, f->rm);
        rm = jit_gpr(rm_use.r);
        if (rm.mem && rm_use.used && !rm_use.high && rm_use.r == held) {
            use_held(&rm_use);
        } else if (rm_use.high && !(rm_use.access & JIT_W)) {
            to_scratch(tr, &rm_use, JIT_T0);
        } else if (rm.mem &&
                   (f->in_reg || (rm_use.access & JIT_W) || (reg.used && reg.r == rm_use.r))) {
            to_scratch(tr, &rm_use, JIT_T0);
        } else if (rm_use.high && reg.used && reg.r == rm_use.r && !reg.high) {
            to_scratch(tr, &reg, JIT_T0); /* its low byte moves away when the high one is rotated */
        }
        if (rm_use.copied) {
            rm = host_reg_rm(JIT_T0);
        }
    }
    if (reg.used && !reg.copied && reg.r == held && !reg.high && !rm_use.copied &&
        !needs_scratch(&vvvv)) {
        use_held(&reg);
    } else if (needs_scratch(&reg) && !reg.copied) {
        s = mem ? jit_spare(tr, &rm) : rm_use.copied ? JIT_T1 : JIT_T0;
        to_scratch(tr, &reg, s);
        if (needs_scratch(&vvvv)) { /* one is only read and the other only written */
            jit_get(tr, s, vvvv.access & JIT_R ? vvvv.r : reg.r);
            vvvv.copied = true;
            vvvv.host = (uint8_t)s;
        }
    } else if (needs_scratch(&vvvv)) {
        s = mem ? jit_spare(tr, &rm) : rm_use.copied ? JIT_T1 : JIT_T0;
        to_scratch(tr, &vvvv, s);
    } else if (!mem && reg.used && reg.high && !rm_use.copied && rm_use.r == reg.r &&
               !rm_use.high && !rm.mem) {
        to_scratch(tr, &rm_use, JIT_T0); /* the mirror image: reg is AH and rotated, rm is AL */
        rm = host_reg_rm(JIT_T0);
    }
    if (f->cl) { /* before CH may be rotated into its place */
        host_load(&tr->b, JIT_T1, jit_gpr(X86_RCX), 4);
    }
    rotate_high(tr, &reg);
    if (!mem && !(reg.rotated && reg.r == rm_use.r)) {
        rotate_high(tr, &rm_use);
    }
    if ((reg.used && reg.bytes == 1) || (!mem && f->rm >= 0 && rm_use.bytes == 1)) {
        flags |= HOP_BYTE;
    }
    if (f->vex) {
        host_vex(&tr->b, flags, f->opcode, reg.used ? reg.host : f->digit,
                 vvvv.used ? vvvv.host : 0, &rm);
    } else {
        host_op(&tr->b, flags, f->opcode, reg.used ? reg.host : f->digit, &rm);
    }
    host_imm(&tr->b, f->imm, f->imm_bytes);
    put_back(tr, &reg);
    put_back(tr, &vvvv);
    put_back(tr, &rm_use);
    if (!mem) {
        note_held(tr, held, &reg, &rm_use, &vvvv);
    }
}
