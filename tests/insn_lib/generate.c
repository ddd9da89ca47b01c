/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rows of the instruction table to encodings with operands.
 *
 * Memory operands are aimed: after decoding, the registers that make up the address are set so
 * that it falls into the data page (now and then across its end, or into read-only memory).
 * Branches never go into the instruction itself or the exit code behind it.
 */
#include "tests/insn_lib/generate.h"

#include <string.h>

#include "tests/insn_lib/guest.h"
#include "tests/insn_lib/prepare.h"

struct encoder {
    const struct x86_row *row;
    const struct encode_wish *wish;
    struct rng *rng;
    struct encoding *out;
    bool vex, wide, memory, addr16;
};

static void put(struct encoder *e, uint64_t v, unsigned bytes)
{
    memcpy(e->out->code + e->out->len, &v, bytes);
    e->out->len += bytes;
}

/* ---- what the row allows ----------------------------------------------------------------- */

static bool has_where(const struct x86_row *row, unsigned first, unsigned last)
{
    for (unsigned n = 0; n < 4 && row->operands[n]; n++) {
        unsigned where = x86_operand_info[row->operands[n]].where;

        if (where >= first && where <= last) {
            return true;
        }
    }
    return false;
}

static bool has_size(const struct x86_row *row, unsigned size)
{
    for (unsigned n = 0; n < 4 && row->operands[n]; n++) {
        if (x86_operand_info[row->operands[n]].size == size) {
            return true;
        }
    }
    return false;
}

static bool has_modrm(const struct x86_row *row)
{
    return row->rsel != RSEL_ANY || has_where(row, WHERE_REG, WHERE_VVVV) ||
           has_where(row, WHERE_SREG, WHERE_DREG) || has_where(row, WHERE_MMXREG, WHERE_VXMM0) ||
           has_where(row, WHERE_STI, WHERE_STI);
}

static bool memory_allowed(const struct x86_row *row)
{
    return !(row->rsel & RSEL_REG) && !has_where(row, WHERE_RMREG, WHERE_RMREG) &&
           !has_where(row, WHERE_MMXRMREG, WHERE_MMXRMREG) &&
           !has_where(row, WHERE_VRMREG, WHERE_VRMREG) && !has_where(row, WHERE_STI, WHERE_STI);
}

static bool register_allowed(const struct x86_row *row)
{
    return !(row->rsel & RSEL_MEM) && !has_where(row, WHERE_MEM, WHERE_MEM) && !(row->needs & VSIB);
}

static bool uses_vvvv(const struct x86_row *row)
{
    return has_where(row, WHERE_VVVV, WHERE_VVVV) || has_where(row, WHERE_VVEC, WHERE_VVEC);
}

static bool any_length(const struct x86_row *row)
{
    return row->needs & LIG || has_size(row, SIZE_X) || has_size(row, SIZE_HALF) ||
           has_size(row, SIZE_QUARTER) || has_size(row, SIZE_EIGHTH);
}

/* ---- encoding ---------------------------------------------------------------------------- */

static void put_legacy_prefixes(struct encoder *e)
{
    static const uint8_t segments[] = {0x65, 0x65, 0x3e, 0x2e, 0x36};
    const struct x86_row *row = e->row;
    bool plain = row->pfx == PFX_ANY || row->pfx == PFX_N66;

    if (rng_chance(e->rng, 8)) {
        /* GS is not a segment that both sides agree on in 32-bit code */
        put(e, segments[e->out->bits == 64 ? rng_below(e->rng, 5) : 2 + 2 * rng_below(e->rng, 2)],
            1);
    } else if (e->wish->fs && e->out->bits == 64 && rng_chance(e->rng, 15)) {
        put(e, 0x64, 1);
    }
    /* 16-bit addresses reach nothing from flat segments */
    e->addr16 = e->out->bits == 16;
    if (rng_chance(e->rng, e->out->bits == 16 ? 30 : 8) &&
        !(e->out->bits == 32 && (e->memory || has_where(row, WHERE_MOFFS, WHERE_MOFFS)))) {
        put(e, 0x67, 1);
        e->addr16 = e->out->bits == 32;
    }
    if (e->vex) {
        return;
    }
    if (row->needs & LOCKABLE ? e->memory && rng_chance(e->rng, 25) : rng_below(e->rng, 200) == 0) {
        put(e, 0xf0, 1);
    }
    if (row->needs & REP && rng_chance(e->rng, 60)) {
        put(e, rng_chance(e->rng, 50) ? 0xf3 : 0xf2, 1);
    }
    if (row->pfx == PFX_P66 || (plain && rng_chance(e->rng, 25)) ||
        (row->pfx >= PFX_PF3 && row->pfx <= PFX_PF2 && rng_chance(e->rng, 4))) {
        put(e, 0x66, 1);
    }
    if (row->pfx == PFX_PF3 || row->pfx == PFX_PF2) {
        put(e, row->pfx == PFX_PF3 ? 0xf3 : 0xf2, 1);
    }
}

/* Bits X and B of REX as the wanted address needs them. */
static unsigned address_bits(const struct encoder *e, unsigned rxb)
{
    const struct address *a = e->wish->address;

    if (!e->memory || !a) {
        return rxb;
    }
    return (rxb & (e->row->needs & VSIB ? 6 : 4)) | (a->index > 7 && a->index < 16 ? 2 : 0) |
           (a->base > 7 && a->base < 16 ? 1 : 0);
}

static void put_rex(struct encoder *e)
{
    unsigned rex = address_bits(e, rng_chance(e->rng, 50) ? rng_below(e->rng, 8) : 0);

    rex |= e->wide << 3;
    if (rex || rng_chance(e->rng, 20)) {
        put(e, 0x40 | rex, 1);
    }
}

static void put_vex(struct encoder *e)
{
    static const uint8_t pp[] = {
        [PFX_ANY] = 0, [PFX_NP] = 0, [PFX_P66] = 1, [PFX_PF3] = 2, [PFX_PF2] = 3, [PFX_N66] = 0};
    const struct x86_row *row = e->row;
    unsigned rxb = e->out->bits == 64 ? address_bits(e, rng_below(e->rng, 8)) : 0;
    unsigned vvvv = uses_vvvv(row) ? rng_below(e->rng, e->out->bits == 64 ? 16 : 8) : 0;
    bool l = row->needs & L1 || (any_length(row) && !(row->needs & L0) && rng_chance(e->rng, 50));
    unsigned last = (~vvvv & 15) << 3 | l << 2 | pp[row->pfx];

    if (rng_below(e->rng, 200) == 0) {
        last ^= 1u << (2 + rng_below(e->rng, 5)); /* perhaps an invalid form */
    }
    if (row->map == MAP_X0F && !(rxb & 3) && !e->wide && rng_chance(e->rng, 60)) {
        put(e, 0xc5, 1);
        put(e, (rxb & 4 ? 0 : 0x80) | last, 1);
        return;
    }
    put(e, 0xc4, 1);
    put(e, (~rxb & 7) << 5 | row->map, 1);
    put(e, e->wide << 7 | last, 1);
}

static void put_opcode(struct encoder *e)
{
    if (!e->vex && e->row->map != MAP_LEG) {
        put(e, 0x0f, 1);
        if (e->row->map != MAP_X0F) {
            put(e, e->row->map == MAP_X38 ? 0x38 : 0x3a, 1);
        }
    }
    put(e, e->row->opcode, 1);
}

static void put_memory16(struct encoder *e, unsigned reg)
{
    unsigned mod = rng_below(e->rng, 3), rm = rng_below(e->rng, 8);

    put(e, mod << 6 | reg << 3 | rm, 1);
    if (mod == 0 && rm == 6) {
        e->out->disp_at = e->out->len;
        mod = 2;
    }
    put(e, rng_next(e->rng), mod);
}

static void put_memory(struct encoder *e, unsigned reg)
{
    unsigned mod = rng_below(e->rng, 3), rm = rng_below(e->rng, 8), sib = rng_below(e->rng, 256);
    unsigned disp = mod == 1 ? 1 : mod == 2 ? 4 : 0;

    if (e->row->needs & VSIB) {
        rm = 4;
    }
    put(e, mod << 6 | reg << 3 | rm, 1);
    if (rm == 4) {
        put(e, sib, 1);
    }
    if (mod == 0 && (rm == 5 || (rm == 4 && (sib & 7) == 5))) {
        e->out->disp_at = e->out->len;
        disp = 4;
    }
    put(e, disp == 4 ? (uint64_t)(int32_t)rng_integer(e->rng) : rng_next(e->rng), disp);
}

/* The address that is wished for. */
static void put_address(struct encoder *e, unsigned reg)
{
    const struct address *a = e->wish->address;
    bool vsib = e->row->needs & VSIB, has_base = a->base < 16;
    bool sib = vsib || a->index < 16 || (has_base && (a->base & 7) == 4) ||
               (!has_base && a->base != X86_RIP && e->out->bits == 64);
    unsigned mod = !has_base                                     ? 0
                   : a->disp == 0 && (a->base & 7) != 5          ? 0
                   : a->disp == (int8_t)a->disp && !a->wide_disp ? 1
                                                                 : 2;
    unsigned index = vsib ? rng_below(e->rng, 8) : a->index < 16 ? a->index & 7 : 4;

    put(e, mod << 6 | reg << 3 | (sib ? 4 : has_base ? a->base & 7 : 5), 1);
    if (sib) {
        put(e, a->scale << 6 | index << 3 | (has_base ? a->base & 7 : 5), 1);
    }
    if (!has_base) {
        e->out->disp_at = e->out->len;
    }
    put(e, (uint64_t)(int64_t)a->disp, mod == 1 ? 1 : mod == 2 || !has_base ? 4 : 0);
}

static void put_modrm(struct encoder *e)
{
    unsigned digit = e->row->rsel & RSEL_DIGIT, rm = (e->row->rsel & RSEL_RM) >> 8;
    unsigned reg = digit == 8 ? rng_below(e->rng, 8) : digit;

    if (rm != 8 && (e->row->rsel & RSEL_REG)) {
        put(e, 0xc0 | reg << 3 | rm, 1);
    } else if (e->memory && e->wish->address) {
        put_address(e, reg);
    } else if (e->memory && e->addr16) {
        put_memory16(e, reg);
    } else if (e->memory) {
        put_memory(e, reg);
    } else {
        put(e, 0xc0 | reg << 3 | rng_below(e->rng, 8), 1);
    }
}

static unsigned choose_bits(const struct x86_row *row, struct rng *rng)
{
    unsigned n = rng_below(rng, 100);

    if (row->needs & (I64 | O64)) {
        return row->needs & O64 ? 64 : n < 50 ? 32 : 16;
    }
    return n < 70 ? 64 : n < 86 ? 32 : 16;
}

static bool choose_memory(const struct encoder *e)
{
    if (!has_modrm(e->row) || !memory_allowed(e->row)) {
        return false;
    }
    if (!register_allowed(e->row)) {
        return true;
    }
    return e->wish->form == FORM_MEMORY || (e->wish->form == FORM_ANY && rng_chance(e->rng, 50));
}

bool encode_can_have_memory(const struct x86_row *row)
{
    return has_modrm(row) && memory_allowed(row);
}

void encode(unsigned index, struct rng *rng, const struct encode_wish *wish, struct encoding *ret)
{
    const struct x86_row *row = &x86_rows[index];
    struct encoder e = {.row = row, .wish = wish, .rng = rng, .out = ret};
    bool can_vex = row->needs & (VEX | VEX2 | VEXO | VEXG);
    bool can_legacy = !(row->needs & (VEXO | VEXG));

    *ret = (struct encoding){.disp_at = -1};
    ret->bits = wish->bits ? wish->bits : choose_bits(row, rng);
    e.vex = can_vex && (!can_legacy || rng_chance(rng, 50));
    e.wide = row->needs & W1 || (!(row->needs & W0) && rng_chance(rng, 33));
    if (ret->bits != 64 && !e.vex) {
        e.wide = false;
    }
    e.memory = choose_memory(&e);
    put_legacy_prefixes(&e);
    if (e.vex) {
        put_vex(&e);
    } else if (ret->bits == 64) {
        put_rex(&e);
    }
    put_opcode(&e);
    if (has_modrm(row)) {
        put_modrm(&e);
    }
    for (unsigned n = 0; n < 2; n++) {
        put(&e, rng_chance(rng, 50) ? rng_integer(rng) : rng_next(rng), 5); /* immediates */
    }
}

static bool decode(const struct x86_cpu *cpu, struct insn_case *c)
{
    return x86_decode(cpu->decoder, guest_mode(c->bits), c->code, sizeof(c->code), &c->insn) ==
               DECODE_OK &&
           c->insn.row == c->row;
}

bool generate_case(const struct x86_cpu *cpu, unsigned row, uint64_t seed, struct insn_case *c)
{
    static const struct encode_wish anything = {.form = FORM_ANY};
    struct rng rng = {.state = seed};
    struct encoding enc;

    encode(row, &rng, &anything, &enc);
    memcpy(c->code, enc.code, sizeof(c->code));
    c->row = row;
    c->bits = enc.bits;
    if (!decode(cpu, c)) {
        return false;
    }
    c->len = c->insn.len;
    prepare_state(c, &rng);
    prepare_address(c, &rng, enc.disp_at);
    return decode(cpu, c) && prepare_special(c, &rng) && decode(cpu, c);
}
