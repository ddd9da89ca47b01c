/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses in random programs: where operands are to be, and by which registers they get there.
 */
#include "tests/insn_blocks/compose_impl.h"

#include <string.h>

#include "tests/insn_lib/guest.h"
#include "tests/insn_lib/prepare.h"
#include "util/bytes.h"

/* In the page of the row that is tried, or across its ends. */
static uint64_t row_target(struct composer *c)
{
    unsigned where = rng_below(&c->rng, 100), page = PROGRAM_ROW_PAGE * 0x1000;
    unsigned align = 1u << rng_below(&c->rng, 6);

    if (where < 15) {
        return composer_data(c) + page - 1 - rng_below(&c->rng, 31);
    }
    if (where < 30) {
        return composer_data(c) + page + 0xfff - rng_below(&c->rng, 31);
    }
    return composer_data(c) + page + ((256 + rng_below(&c->rng, 0xd00)) & -align);
}

uint64_t compose_target(struct composer *c)
{
    struct rng *rng = &c->rng;
    uint64_t align = 1u << rng_below(rng, 6), off;
    unsigned where = rng_below(rng, 100);

    if (c->aim) {
        return c->aim;
    }
    if (c->aiming) {
        return row_target(c);
    }
    if (c->wish->row >= 0) { /* pages before it */
        off = where < 60 ? c->hot[rng_below(rng, HOT)] % 0x1f00 : rng_below(rng, 0x1f00);
        return composer_data(c) + (off & -align);
    }
    if (where < 55) {
        off = c->hot[rng_below(rng, HOT)] + (rng_chance(rng, 50) ? rng_below(rng, 32) : 0);
    } else if (where < 80) {
        off = rng_below(rng, PROGRAM_CONTROLS - 64) & -align;
    } else if (where < 89) {
        off = (rng_chance(rng, 50) ? 0x1000 : 0x2000) - rng_below(rng, 40);
    } else if (where < 93) {
        off = 0x5000 + (rng_below(rng, 0xff0) & -align);
    } else if (where < 96) {
        off = 0x4000 - rng_below(rng, 40);
    } else if (where < 97) {
        off = 0x6000 - rng_below(rng, 40);
    } else {
        off = PROGRAM_STACK_LOW + 0x200 + (rng_below(rng, 0xa00) & -align);
    }
    return composer_data(c) + off;
}

/* Base and index from registers whose values reach the target with a displacement. */
static void pick_registers(struct composer *c, uint64_t target, struct address *a)
{
    const uint64_t *gpr = composer_gpr(c);
    unsigned registers = c->p->bits == 64 ? 16 : 8;
    bool absolute;

    for (unsigned tries = 0; tries < 12; tries++) {
        uint64_t sum = 0, disp;

        *a = (struct address){.base = X86_ZERO, .index = X86_ZERO, .scale = rng_below(&c->rng, 4)};
        if (c->p->bits == 64 && rng_chance(&c->rng, 5)) {
            break;
        }
        if (rng_chance(&c->rng, 90)) {
            a->base = rng_below(&c->rng, registers);
            if (tries < 8 && rng_chance(&c->rng, 70) && !(c->pointers >> a->base & 1)) {
                continue;
            }
            sum += gpr[a->base];
        }
        if (rng_chance(&c->rng, 30)) {
            a->index = rng_below(&c->rng, registers);
            a->index = a->index == X86_RSP ? X86_ZERO : a->index;
            sum += a->index < 16 ? gpr[a->index] << a->scale : 0;
        }
        disp = target - sum;
        a->disp = (int32_t)disp;
        a->wide_disp = rng_chance(&c->rng, 15);
        if (c->p->bits == 32 || disp == (uint64_t)(int64_t)a->disp) {
            return;
        }
    }
    absolute = rng_chance(&c->rng, 40) && (c->p->bits == 32 || (int64_t)target == (int32_t)target);
    *a = (struct address){
        .base = absolute ? X86_ZERO : X86_RIP, .index = X86_ZERO, .disp = (int32_t)target};
}

static uint64_t operand_address(const struct composer *c, const struct x86_insn *i, unsigned at)
{
    const uint64_t *gpr = composer_gpr(c);
    uint64_t ea = (int64_t)i->disp;

    ea += i->base < 16 ? gpr[i->base] : 0;
    ea += i->base == X86_RIP ? composer_code(c) + at + i->len : 0;
    ea += i->index < 16 && !(insn_row(i)->needs & VSIB) ? gpr[i->index] << i->scale : 0;
    ea &= ~0ull >> (64 - 8 * i->asize);
    return ea + c->trace.e->cpu->seg_base[i->seg];
}

static bool is_moffs(const struct x86_row *row)
{
    return x86_operand_info[row->operands[0]].where == WHERE_MOFFS ||
           x86_operand_info[row->operands[1]].where == WHERE_MOFFS;
}

static bool decode_as(const struct composer *c, const struct encoding *enc, unsigned row,
                      struct x86_insn *ret)
{
    return x86_decode(c->trace.e->cpu->decoder, guest_mode(c->p->bits), enc->code,
                      sizeof(enc->code), ret) == DECODE_OK &&
           x86_rows[ret->row].op == x86_rows[row].op;
}

unsigned compose_encode(struct composer *c, unsigned row, unsigned at, uint8_t *code)
{
    uint64_t target = compose_target(c), delta;
    struct address a;
    struct encode_wish wish = {
        .bits = c->p->bits, .form = FORM_ANY, .address = &a, .fs = c->wish->bases};
    struct encoding enc;
    struct x86_insn i;
    struct rng again;

    pick_registers(c, target, &a);
    again = c->rng;
    encode(row, &c->rng, &wish, &enc);
    if (!decode_as(c, &enc, row, &i)) {
        return 0;
    }
    if (is_moffs(insn_row(&i))) {
        store_le(enc.code + i.len - i.asize, target, i.asize);
    } else if (i.is_mem) { /* what RIP, GS and 32-bit addresses change */
        delta = target - operand_address(c, &i, at);
        a.disp += (int32_t)delta;
        c->rng = again;
        encode(row, &c->rng, &wish, &enc);
        if (!decode_as(c, &enc, row, &i)) {
            return 0;
        }
    }
    memcpy(code, enc.code, i.len);
    return i.len;
}

/* ---- constant addresses ------------------------------------------------------------------ */

/* How far it is from the end of code at offset @end. */
static int64_t distance(const struct composer *c, unsigned end, uint64_t addr)
{
    return addr - (composer_code(c) + end);
}

unsigned compose_load(struct composer *c, unsigned at, unsigned reg, uint64_t value, uint8_t *code)
{
    int64_t away = distance(c, at + 7, value);
    unsigned n = 0;

    if (!(value >> 32)) { /* MOV r32, imm */
        if (reg > 7) {
            code[n++] = 0x41;
        }
        code[n++] = 0xb8 | (reg & 7);
        store_le32(code + n, value);
        return n + 4;
    }
    if (rng_chance(&c->rng, 50) && away == (int32_t)away) { /* LEA r64, [RIP + d] */
        code[n++] = reg > 7 ? 0x4c : 0x48;
        code[n++] = 0x8d;
        code[n++] = 0x05 | (reg & 7) << 3;
        store_le32(code + n, away);
        return n + 4;
    }
    code[n++] = reg > 7 ? 0x49 : 0x48; /* MOV r64, imm */
    code[n++] = 0xb8 | (reg & 7);
    store_le64(code + n, value);
    return n + 8;
}

unsigned compose_absolute(const struct composer *c, unsigned at, const void *opcode, unsigned len,
                          uint64_t addr, unsigned imm, uint8_t *code)
{
    memcpy(code, opcode, len);
    if (c->p->bits == 64 && (int64_t)addr != (int32_t)addr) { /* ModRM says RIP-relative */
        code[len - 2] = (code[len - 2] & ~7) | 5;
        len--;
        addr = distance(c, at + len + 4 + imm, addr);
    }
    store_le32(code + len, addr);
    return len + 4;
}
