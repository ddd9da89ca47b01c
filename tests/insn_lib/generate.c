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
    struct insn_case *c;
    const struct x86_row *row;
    struct rng *rng;
    unsigned n;
    bool vex, wide, memory, addr16;
    int disp_at; /* of a 32-bit displacement without base, or -1 */
};

static void put(struct encoder *e, uint64_t v, unsigned bytes)
{
    memcpy(e->c->code + e->n, &v, bytes);
    e->n += bytes;
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
        put(e, segments[e->c->bits == 64 ? rng_below(e->rng, 5) : 2 + 2 * rng_below(e->rng, 2)], 1);
    }
    /* 16-bit addresses reach nothing from flat segments */
    e->addr16 = e->c->bits == 16;
    if (rng_chance(e->rng, e->c->bits == 16 ? 30 : 8) &&
        !(e->c->bits == 32 && (e->memory || has_where(row, WHERE_MOFFS, WHERE_MOFFS)))) {
        put(e, 0x67, 1);
        e->addr16 = e->c->bits == 32;
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

static void put_rex(struct encoder *e)
{
    unsigned rex = rng_chance(e->rng, 50) ? rng_below(e->rng, 8) : 0;

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
    unsigned rxb = e->c->bits == 64 ? rng_below(e->rng, 8) : 0;
    unsigned vvvv = uses_vvvv(row) ? rng_below(e->rng, e->c->bits == 64 ? 16 : 8) : 0;
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
        e->disp_at = e->n;
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
        e->disp_at = e->n;
        disp = 4;
    }
    put(e, disp == 4 ? (uint64_t)(int32_t)rng_integer(e->rng) : rng_next(e->rng), disp);
}

static void put_modrm(struct encoder *e)
{
    unsigned digit = e->row->rsel & RSEL_DIGIT, rm = (e->row->rsel & RSEL_RM) >> 8;
    unsigned reg = digit == 8 ? rng_below(e->rng, 8) : digit;

    if (rm != 8 && (e->row->rsel & RSEL_REG)) {
        put(e, 0xc0 | reg << 3 | rm, 1);
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

static bool encode(struct insn_case *c, const struct x86_row *row, struct rng *rng, int *ret_disp)
{
    struct encoder e = {.c = c, .row = row, .rng = rng, .disp_at = -1};
    bool can_vex = row->needs & (VEX | VEX2 | VEXO | VEXG);
    bool can_legacy = !(row->needs & (VEXO | VEXG));

    c->bits = choose_bits(row, rng);
    e.vex = can_vex && (!can_legacy || rng_chance(rng, 50));
    e.wide = row->needs & W1 || (!(row->needs & W0) && rng_chance(rng, 33));
    if (c->bits != 64 && !e.vex) {
        e.wide = false;
    }
    e.memory =
        has_modrm(row) && memory_allowed(row) && (!register_allowed(row) || rng_chance(rng, 50));
    put_legacy_prefixes(&e);
    if (e.vex) {
        put_vex(&e);
    } else if (c->bits == 64) {
        put_rex(&e);
    }
    put_opcode(&e);
    if (has_modrm(row)) {
        put_modrm(&e);
    }
    for (unsigned n = 0; n < 2; n++) {
        put(&e, rng_chance(rng, 50) ? rng_integer(rng) : rng_next(rng), 5); /* immediates */
    }
    *ret_disp = e.disp_at;
    return true;
}

static bool decode(const struct x86_cpu *cpu, struct insn_case *c)
{
    return x86_decode(cpu->decoder, guest_mode(c->bits), c->code, sizeof(c->code), &c->insn) ==
               DECODE_OK &&
           c->insn.row == c->row;
}

bool generate_case(const struct x86_cpu *cpu, unsigned row, uint64_t seed, struct insn_case *c)
{
    struct rng rng = {.state = seed};
    int disp_at;

    memset(c->code, 0, sizeof(c->code));
    c->row = row;
    if (!encode(c, &x86_rows[row], &rng, &disp_at) || !decode(cpu, c)) {
        return false;
    }
    c->len = c->insn.len;
    prepare_state(c, &rng);
    prepare_address(c, &rng, disp_at);
    return decode(cpu, c) && prepare_special(c, &rng) && decode(cpu, c);
}
