/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups: neighbouring memory operands off the same register share one TLB check.
 *
 * The first member checks the whole range that the members touch and keeps the difference between
 * host and linear addresses in jit_cpu.shared, and in T1 as long as nothing else uses that
 * (tr->kept); the others just add it. A register that moves by constants (the stack pointer above
 * all) stays the same base. When the check fails (a TLB miss, a range that crosses a page) the
 * block is left for a translation of the rest without groups.
 */
#include "accel/tcg/jit_translate.h"
#include <string.h>

#define SPAN_MAX 1024       /* bytes: longer ranges cross pages too often */
#define DISP_MAX 0x7f000000 /* either way: the sum with a step fits in 32 bits */

/* A string of bits, which may be far from the operand's address. */
static bool is_bit_string(const struct x86_insn *i)
{
    unsigned op = insn_row(i)->op;

    return (op == OP_BT || op == OP_BTS || op == OP_BTR || op == OP_BTC) &&
           jit_where(i, 1) == WHERE_REG;
}

/* The size of @i's memory operand, and whether it is written; 0: it has none to be checked. */
static unsigned mem_operand(const struct x86_insn *i, bool *ret_write)
{
    const struct x86_row *row = insn_row(i);

    if (!i->is_mem || row->op == OP_LEA || row->op == OP_NOP || (row->needs & VSIB) ||
        is_bit_string(i)) {
        return 0;
    }
    for (unsigned n = 0; n < 4 && row->operands[n]; n++) {
        switch (jit_where(i, n)) {
        case WHERE_RM:
        case WHERE_MEM:
        case WHERE_MMXRM:
        case WHERE_VRM:
            *ret_write = n == 0 && row->op != OP_CMP && row->op != OP_TEST && row->op != OP_BT &&
                         row->op != OP_PUSH && row->op != OP_CALL_IND && row->op != OP_JMP_IND &&
                         row->op != OP_MUL && row->op != OP_IMUL1 && row->op != OP_DIV &&
                         row->op != OP_IDIV && !(row->needs & X87);
            *ret_write |= row->op == OP_XCHG || row->op == OP_XADD;
            return operand_size(i, n);
        default:
            break;
        }
    }
    return 0;
}

/* What the stack operand of @i is relative to RSP as it is before it; false: none. */
static bool stack_operand(const struct jit_tr *tr, const struct x86_insn *i, int32_t *ret_disp,
                          bool *ret_write)
{
    switch (insn_row(i)->op) {
    case OP_PUSH:
    case OP_CALL:
    case OP_CALL_IND:
        *ret_disp = tr->flat32 ? -4 : -8;
        *ret_write = true;
        return true;
    case OP_POP:
    case OP_RET:
        *ret_disp = 0;
        *ret_write = false;
        return true;
    default:
        return false;
    }
}

bool jit_writes_memory(const struct jit_tr *tr, const struct x86_insn *i)
{
    bool write = false, push = false;
    int32_t disp;

    return (mem_operand(i, &write) && write) || (stack_operand(tr, i, &disp, &push) && push);
}

/* By how much @i changes the base register @r, when that is a constant. */
static bool constant_step(const struct jit_tr *tr, const struct x86_insn *i, unsigned r,
                          int32_t *ret_step)
{
    unsigned word = tr->flat32 ? 4 : 8;
    bool imm = jit_where(i, 1) == WHERE_IMM && (int64_t)i->imm == (int16_t)i->imm;

    switch (insn_row(i)->op) {
    case OP_PUSH:
    case OP_CALL:
    case OP_CALL_IND:
        *ret_step = -(int32_t)word;
        return r == X86_RSP;
    case OP_POP:
        *ret_step = (int32_t)word;
        return r == X86_RSP && i->rm != X86_RSP;
    case OP_RET:
        *ret_step = (int32_t)(word + (jit_where(i, 0) == WHERE_IMM ? i->imm : 0));
        return r == X86_RSP;
    case OP_ADD:
        *ret_step = (int32_t)i->imm;
        return imm && i->width == word && !i->is_mem;
    case OP_SUB:
        *ret_step = -(int32_t)i->imm;
        return imm && i->width == word && !i->is_mem;
    case OP_LEA:
        *ret_step = i->disp;
        return i->width == word && i->asize == word && i->base == r && i->index == X86_ZERO &&
               i->disp == (int16_t)i->disp;
    case OP_INC:
    case OP_DEC:
        *ret_step = insn_row(i)->op == OP_INC ? 1 : -1;
        return i->width == word && !i->is_mem;
    default:
        return false;
    }
}

/*
 * In 32-bit code a register that moves past zero changes by 4 GiB more than it seems to, and the
 * sum with jit_cpu.shared would miss by that much. It cannot while it stays in the checked range.
 */
static bool may_wrap(const struct jit_tr *tr, int32_t step, int32_t lo, int32_t hi)
{
    return tr->flat32 && step != 0 && (step < lo || step >= hi);
}

/* The operand at @disp from @base becomes a member of the open group, or opens one. */
static struct jit_member join(struct jit_tr *tr, int8_t *open, int32_t disp, unsigned bytes,
                              bool write)
{
    struct jit_group *g;

    if (disp < -DISP_MAX || disp > DISP_MAX) {
        return (struct jit_member){.group = -1};
    }
    if (*open >= 0) {
        int32_t lo, hi;

        g = &tr->groups[*open];
        disp += g->step;
        lo = MIN(g->lo, disp);
        hi = MAX(g->hi, disp + (int32_t)bytes);
        if ((int64_t)hi - lo <= SPAN_MAX && !may_wrap(tr, g->step, lo, hi)) {
            g->lo = lo;
            g->hi = hi;
            g->write |= write;
            g->members++;
            return (struct jit_member){.group = *open, .step = g->step};
        }
        disp -= g->step;
    }
    *open = -1;
    if (tr->group_count < JIT_GROUPS) {
        *open = (int8_t)tr->group_count++;
        tr->groups[*open] = (struct jit_group){
            .lo = disp, .hi = disp + (int32_t)bytes, .write = write, .members = 1};
    }
    return (struct jit_member){.group = *open};
}

void jit_find_groups(struct jit_tr *tr, const struct jit_plan *plans)
{
    const struct jit_member none = {.group = -1};
    int8_t open[16];

    memset(open, -1, sizeof(open));
    tr->group_count = 0;
    for (unsigned n = 0; n < tr->count; n++) {
        const struct x86_insn *i = &tr->insn[n];
        int32_t disp, step;
        bool write = false;
        unsigned bytes = mem_operand(i, &write);

        tr->member[n][0] = tr->member[n][1] = none;
        if (plans[n].call) { /* may change anything */
            memset(open, -1, sizeof(open));
            continue;
        }
        if (bytes && i->base < 16 && jit_plain_base(tr, i)) {
            tr->member[n][0] = join(tr, &open[i->base], i->disp, bytes, write);
        }
        if (stack_operand(tr, i, &disp, &write)) {
            tr->member[n][1] = join(tr, &open[X86_RSP], disp, tr->flat32 ? 4 : 8, write);
        }
        for (uint32_t writes = plans[n].writes; writes; writes &= writes - 1) {
            unsigned r = (unsigned)__builtin_ctz(writes);

            if (open[r] < 0) {
                continue;
            }
            if (!(tr->varies >> n & 1) && constant_step(tr, i, r, &step)) {
                tr->groups[open[r]].step += step;
            } else {
                open[r] = -1;
            }
        }
    }
}
