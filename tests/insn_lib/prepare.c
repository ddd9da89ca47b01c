/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State for test cases: random values, then the few registers that must point somewhere.
 */
#include "tests/insn_lib/prepare.h"

#include <string.h>

#include "util/bytes.h"

#define MIDDLE (DATA_AT + 0x800)

/* What the segment adds to offsets. */
static uint64_t segment_base(const struct insn_case *c, unsigned seg)
{
    return c->bits == 64 && seg == X86_GS ? GS_BASE : data_base(c->bits);
}

/* ---- random state ------------------------------------------------------------------------ */

static void prepare_x87(uint8_t *area, struct rng *rng)
{
    unsigned masks = rng_chance(rng, 60) ? 0x3f : rng_below(rng, 64);
    static const uint8_t precision[4] = {0, 2, 3, 3};
    unsigned flags = rng_below(rng, 64) & rng_next(rng);
    unsigned conds = rng_next(rng) & 0x4700, top = rng_below(rng, 8);
    bool pending;

    if (rng_chance(rng, 96)) {
        flags &= masks;
    }
    pending = flags & ~masks;
    store_le16(area + AREA_FCW,
               0x40 | masks | precision[rng_below(rng, 4)] << 8 | rng_below(rng, 4) << 10);
    store_le16(area + AREA_FSW, flags | conds | top << 11 | (pending ? 0x8080 : 0));
    area[AREA_FTW] = rng_chance(rng, 70) ? ~(1u << rng_below(rng, 8)) : rng_next(rng);
    if (rng_chance(rng, 30)) {
        area[AREA_FTW] = 0xff;
    }
    for (unsigned n = 0; n < 8; n++) {
        rng_float80(rng, area + AREA_ST + 16 * n);
    }
    if (pending) { /* AMD's processors keep the pointers only then */
        store_le16(area + AREA_FOP, rng_next(rng) & 0x7ff);
        store_le64(area + AREA_FIP, rng_next(rng) & 0xffffffff);
        store_le64(area + AREA_FDP, rng_next(rng) & 0xffffffff);
    }
}

static void prepare_vectors(uint8_t *area, struct rng *rng)
{
    unsigned masks = rng_chance(rng, 75) ? 0x3f : rng_below(rng, 64);
    unsigned flags = rng_chance(rng, 40) ? rng_below(rng, 64) : 0;

    store_le32(area + AREA_MXCSR, masks << 7 | flags | rng_below(rng, 4) << 13 |
                                      (uint32_t)rng_chance(rng, 20) << 6 |
                                      (uint32_t)rng_chance(rng, 20) << 15);
    for (unsigned n = 0; n < 16; n++) {
        rng_elements(rng, area + AREA_XMM + 16 * n, 16);
        rng_elements(rng, area + AREA_YMM + 16 * n, 16);
    }
}

void prepare_state(struct insn_case *c, struct rng *rng)
{
    struct machine_state *s = &c->state;
    uint64_t flags = rng_next(rng) & (FLAG_STATUS | FLAG_DF);

    memset(s->area, 0, sizeof(s->area));
    for (unsigned n = 0; n < 16; n++) {
        s->gpr[n] = rng_integer(rng);
        if (c->bits != 64) {
            s->gpr[n] = (uint32_t)s->gpr[n];
        }
    }
    s->gpr[X86_RSP] = DATA_AT + 0x1000 + (rng_next(rng) & 0x7f8) - data_base(c->bits);
    if (rng_chance(rng, 50)) {
        s->gpr[X86_RBP] = MIDDLE + (rng_next(rng) & 0x7f8) - data_base(c->bits);
    }
    s->rflags = flags | FLAG_IF | 2 | (c->bits != 16 && rng_chance(rng, 2) ? FLAG_AC : 0);
    prepare_x87(s->area, rng);
    prepare_vectors(s->area, rng);
    s->area[AREA_HEADER] = 7;
    for (unsigned at = 0; at < DATA_BYTES; at += 8) {
        store_le64(c->data + at, 0x0123456789abcdefull * (at + 1));
    }
}

/* ---- addresses --------------------------------------------------------------------------- */

static uint64_t pick_target(struct rng *rng)
{
    static const uint8_t alignments[] = {1, 8, 16, 32, 64};
    uint64_t align = alignments[rng_below(rng, 5)];
    unsigned where = rng_below(rng, 100);

    if (where < 88) {
        return (MIDDLE + (rng_next(rng) & 0xff)) & -align;
    }
    if (where < 93) {
        return (DATA_AT + 0x1000 - rng_below(rng, 40)) & -(align & 7 ? 1 : align / 8);
    }
    if (where < 97) {
        return DATA_AT + DATA_BYTES - rng_below(rng, 40);
    }
    return RODATA_AT + (rng_next(rng) & 0x7f0);
}

static bool in_data(uint64_t addr)
{
    return addr >= DATA_AT && addr < DATA_AT + DATA_BYTES;
}

/* Interesting values where the operand will be. */
static void fill_target(struct insn_case *c, struct rng *rng, uint64_t target)
{
    uint8_t bytes[64];

    if (rng_chance(rng, 25)) {
        for (unsigned n = 0; n < 4; n++) {
            rng_float80(rng, bytes + 16 * n);
        }
    } else {
        rng_elements(rng, bytes, sizeof(bytes));
    }
    for (unsigned n = 0; n < sizeof(bytes); n++) {
        if (in_data(target + n)) {
            c->data[target + n - DATA_AT] = bytes[n];
        }
    }
}

/* Replaces the part of a register that addresses use. */
static void set_address_part(struct insn_case *c, unsigned reg, uint64_t v)
{
    uint64_t *r = &c->state.gpr[reg], mask = ~0ull >> (64 - 8 * c->insn.asize);

    *r = (*r & ~mask) | (v & mask);
}

/* Small indices for gathers, in every width an element may have. */
static void small_indices(struct insn_case *c, struct rng *rng, unsigned reg)
{
    bool quads = c->insn.opcode & 1;

    for (unsigned n = 0; n < 32; n += 4) {
        uint8_t *p = c->state.area + (n < 16 ? AREA_XMM : AREA_YMM) + 16 * reg + n % 16;
        int32_t v = (int32_t)rng_below(rng, 64) - 32;

        if (quads && n % 8 == 4) {
            v = (int32_t)load_le32(p - 4) < 0 ? -1 : 0;
        }
        store_le32(p, v);
    }
}

void prepare_address(struct insn_case *c, struct rng *rng, int disp_at)
{
    const struct x86_insn *i = &c->insn;
    bool vsib = insn_row(i)->needs & VSIB, indexed = !vsib && i->index != X86_ZERO;
    uint64_t target = pick_target(rng), ea;

    if (!i->is_mem || (i->base != X86_RIP && c->bits == 64 && rng_chance(rng, 1))) {
        return;
    }
    fill_target(c, rng, target);
    ea = target - segment_base(c, i->seg);
    if (vsib) {
        small_indices(c, rng, i->index);
    }
    if (x86_operand_info[insn_row(i)->operands[0]].where == WHERE_MOFFS ||
        x86_operand_info[insn_row(i)->operands[1]].where == WHERE_MOFFS) {
        store_le(c->code + c->len - i->asize, ea, i->asize);
        return;
    }
    if (i->base == X86_ZERO && indexed) {
        set_address_part(c, i->index, (ea - (int64_t)i->disp) >> i->scale);
    } else if (i->base == X86_RIP) {
        store_le32(c->code + disp_at, ea - (INSN_AT + c->len));
    } else if (i->base == X86_ZERO) {
        store_le(c->code + disp_at, ea, i->asize == 2 ? 2 : 4);
    } else if (indexed && i->base == i->index) {
        set_address_part(c, i->base, (ea - (int64_t)i->disp) / (1 + (1 << i->scale)));
    } else {
        uint64_t index = indexed ? c->state.gpr[i->index] << i->scale : 0;

        set_address_part(c, i->base, ea - (int64_t)i->disp - index);
    }
}

/* ---- particular instructions ------------------------------------------------------------- */

static bool is_op(const struct insn_case *c, enum x86_op op)
{
    return x86_rows[c->row].op == op;
}

static void point(struct insn_case *c, struct rng *rng, unsigned reg)
{
    uint64_t target = pick_target(rng);

    if (target >= DATA_AT + DATA_BYTES) {
        target = MIDDLE;
    }
    fill_target(c, rng, target);
    set_address_part(c, reg, target - segment_base(c, reg == X86_RDI ? X86_ES : c->insn.seg));
}

/* Somewhere a branch may go: the INT3s around the instruction, or where nothing is mapped. */
static uint64_t branch_target(const struct insn_case *c, struct rng *rng)
{
    switch (rng_below(rng, 4)) {
    case 0:
        if (c->bits == 16) {
            return CODE_AT + 0x2000 + (rng_next(rng) & 0x7fff);
        }
        return CODE_AT + 0x5000000 + (rng_next(rng) & 0xffffff);
    case 1:
        return INSN_AT - 2 - rng_below(rng, 100);
    default:
        return INSN_AT + 40 + rng_below(rng, 80);
    }
}

static void prepare_branch(struct insn_case *c, struct rng *rng)
{
    uint64_t target = branch_target(c, rng), next = INSN_AT + c->len;
    const struct x86_operand_info *o = &x86_operand_info[x86_rows[c->row].operands[0]];

    if (o->where == WHERE_IMM && o->size == SIZE_BS) {
        while (target - next + 128 > 255) {
            target = branch_target(c, rng);
        }
        c->code[c->len - 1] = target - next;
    } else if (o->where == WHERE_IMM) {
        unsigned bytes = MIN(c->insn.width, 4);

        store_le(c->code + c->len - bytes, target - next, bytes);
    } else if (c->insn.is_mem) {
        /* wherever the operand is, a pointer is there */
        for (unsigned at = 0; at < DATA_BYTES; at += 8) {
            store_le64(c->data + at, target - code_base(c->bits));
        }
    } else {
        c->state.gpr[c->insn.rm & 15] = target - code_base(c->bits);
    }
}

static void prepare_stack_branch(struct insn_case *c, struct rng *rng)
{
    uint64_t rsp = c->state.gpr[X86_RSP] + data_base(c->bits);

    if (in_data(rsp) && in_data(rsp + 7)) {
        store_le64(c->data + rsp - DATA_AT, branch_target(c, rng) - code_base(c->bits));
    }
}

/* DIV and IDIV overflow with most operands; make the quotient fit. */
static void prepare_division(struct insn_case *c, struct rng *rng)
{
    if (rng_chance(rng, 70)) {
        c->state.gpr[X86_RDX] = is_op(c, OP_IDIV) && c->state.gpr[X86_RAX] >> 63 ? ~0ull : 0;
        if (c->insn.width == 1) {
            c->state.gpr[X86_RAX] &= 0xff;
        }
    }
}

static void prepare_string(struct insn_case *c, struct rng *rng)
{
    uint64_t *count = &c->state.gpr[X86_RCX];

    point(c, rng, X86_RSI);
    point(c, rng, X86_RDI);
    if (x86_rows[c->row].needs & REP) {
        *count = c->insn.asize == 4 && c->bits == 64 ? *count & ~0xffffffffull : 0;
        *count |= rng_below(rng, 12);
    }
}

/* A state that FXRSTOR, XRSTOR, FRSTOR and FLDENV can load. */
static void prepare_saved_state(struct insn_case *c, struct rng *rng)
{
    uint64_t target = MIDDLE & ~63ull, disp = (uint64_t)(int64_t)c->insn.disp;
    uint8_t *p = c->data + (target - DATA_AT);

    if (c->insn.base < 16 && c->insn.index == X86_ZERO && c->insn.seg != X86_GS) {
        set_address_part(c, c->insn.base, target - segment_base(c, c->insn.seg) - disp);
    }
    memcpy(p, c->state.area, AREA_BYTES);
    prepare_x87(p, rng);
    prepare_vectors(p, rng);
    store_le64(p + AREA_FIP, load_le32(p + AREA_FIP)); /* processors cut what is not canonical */
    store_le64(p + AREA_FDP, load_le32(p + AREA_FDP));
    memset(p + AREA_HEADER, 0, 64);
    p[AREA_HEADER] = rng_below(rng, 8);
    if (rng_chance(rng, 40)) {
        store_le64(p + AREA_HEADER + 8, 1ull << 63 | p[AREA_HEADER] | rng_below(rng, 8));
    }
    if (rng_chance(rng, 5)) { /* something reserved, in a component that no host has either */
        p[rng_below(rng, 2) ? AREA_HEADER + 4 + rng_below(rng, 3) : AREA_MXCSR + 2] ^=
            1 << rng_below(rng, 8);
    } else if (rng_chance(rng, 5)) {
        p[AREA_HEADER + 16 + rng_below(rng, 48)] ^= 1 << rng_below(rng, 8);
    }
}

static void prepare_environment(struct insn_case *c, struct rng *rng)
{
    uint64_t base = c->insn.is_mem && c->insn.base < 16 ? c->insn.base : 0;
    uint64_t mask = ~0ull >> (64 - 8 * c->insn.asize);
    uint64_t at = ((c->state.gpr[base] + (int64_t)c->insn.disp) & mask) + data_base(c->bits);
    uint8_t words[AREA_BYTES] = {0};

    if (c->insn.index != X86_ZERO || !in_data(at) || !in_data(at + 107)) {
        return;
    }
    prepare_x87(words, rng);
    for (unsigned n = 0; n < 8; n++) {
        rng_float80(rng, c->data + (at - DATA_AT) + 28 + 10 * n);
    }
    memcpy(c->data + (at - DATA_AT), words, 2);
    memcpy(c->data + (at - DATA_AT) + (c->insn.width == 2 ? 2 : 4), words + 2, 2);
}

/* Where processors do not agree on alignment checks, or on what comes first. */
static void drop_alignment_check(struct insn_case *c)
{
    switch (insn_row(&c->insn)->op) {
    case OP_ENTER:
    case OP_RETF:
    case OP_CALLF:
    case OP_CALLF_IND:
    case OP_MASKMOV:
    case OP_VCVTPS2PH:
    case OP_FXSAVE:
    case OP_FXRSTOR:
    case OP_XSAVE:
    case OP_XSAVEC:
    case OP_XSAVEOPT:
    case OP_XRSTOR:
    case OP_VMASKMOVPS_LD:
    case OP_VMASKMOVPD_LD:
    case OP_VMASKMOVPS_ST:
    case OP_VMASKMOVPD_ST:
    case OP_VGATHERDPS:
    case OP_VGATHERDPD:
    case OP_VGATHERQPS:
    case OP_VGATHERQPD:
        c->state.rflags &= ~(uint64_t)FLAG_AC;
        break;
    default:
        break;
    }
}

/* Cases whose outcome is undefined or differs between processors. */
static bool comparable(struct insn_case *c)
{
    const struct x86_insn *i = &c->insn;

    switch (insn_row(i)->op) {
    case OP_MOVSXD:
        return i->width != 2 || !i->is_mem;
    case OP_SHLD:
    case OP_SHRD:
        if (i->width == 2) {
            c->state.gpr[X86_RCX] &= ~0x1full;
            return !(i->opcode & 1) ? (i->imm & 31) <= 16 : true;
        }
        return true;
    case OP_FXSAVE:
    case OP_FXRSTOR:
    case OP_XSAVE:
    case OP_XSAVEC:
    case OP_XSAVEOPT:
    case OP_XRSTOR:
        /* EDX:EAX selects the components, so it cannot be part of the address */
        return i->base != X86_RAX && i->base != X86_RDX && i->index != X86_RAX &&
               i->index != X86_RDX;
    default:
        return true;
    }
}

/* ---- selectors and far pointers ---------------------------------------------------------- */

/* The LDT's, one behind its end, null, and those of the GDT that every host has. */
static uint16_t selector(struct rng *rng)
{
    static const uint16_t global[] = {0x23, 0x2b, 0x33, 0, 3};

    if (rng_chance(rng, 30)) {
        return global[rng_below(rng, 5)];
    }
    if (rng_chance(rng, 10)) {
        return 0xfffc | rng_below(rng, 4);
    }
    return rng_below(rng, LDT_USED) << 3 | 4 | (rng_chance(rng, 80) ? 3 : rng_below(rng, 4));
}

/* Where the memory operand is, if it lies within the data. */
static uint8_t *operand_bytes(struct insn_case *c, unsigned size)
{
    const struct x86_insn *i = &c->insn;
    uint64_t ea = (int64_t)i->disp;

    ea += i->base < 16 ? c->state.gpr[i->base] : 0;
    ea += i->base == X86_RIP ? insn_rip(c->bits) + c->len : 0;
    ea += i->index < 16 ? c->state.gpr[i->index] << i->scale : 0;
    ea = (ea & ~0ull >> (64 - 8 * i->asize)) + segment_base(c, i->seg);
    return i->is_mem && in_data(ea) && in_data(ea + size - 1) ? c->data + (ea - DATA_AT) : NULL;
}

/* An offset to go with a code selector. */
static uint64_t far_offset(const struct insn_case *c, struct rng *rng, uint16_t sel)
{
    bool based = (sel & ~3) == (LDT_CODE16 & ~3) || (sel & ~3) == 0x3c;

    return branch_target(c, rng) - (based ? CODE_AT : 0);
}

/* False when there is nowhere to put it: what lies there would name the host's descriptors. */
static bool put_far(struct insn_case *c, struct rng *rng, uint8_t *p, bool code)
{
    unsigned size = MIN(c->insn.width, 4);
    uint16_t sel = selector(rng);

    if (c->bits == 16 && (sel & ~3) == 0x30 && (is_op(c, OP_CALLF) || is_op(c, OP_CALLF_IND))) {
        return false;
    }
    if (p) {
        store_le(p, code ? far_offset(c, rng, sel) : rng_integer(rng), size);
        store_le16(p + size, sel);
    }
    return p;
}

static bool put_selector(struct insn_case *c, struct rng *rng)
{
    uint8_t *p = operand_bytes(c, 2);

    if (!c->insn.is_mem) {
        c->state.gpr[c->insn.rm & 15] = selector(rng);
    } else if (p) {
        store_le16(p, selector(rng));
    }
    return p || !c->insn.is_mem;
}

/* What RETF and POP take from the stack. */
static bool put_stack(struct insn_case *c, struct rng *rng)
{
    uint64_t rsp = c->state.gpr[X86_RSP] + data_base(c->bits);
    uint8_t *p = c->data + (rsp - DATA_AT);
    uint16_t sel = selector(rng);

    if (!in_data(rsp) || !in_data(rsp + 15)) {
        return false;
    }
    if (is_op(c, OP_RETF)) {
        store_le(p, far_offset(c, rng, sel), c->insn.width);
        store_le16(p + c->insn.width, sel);
        if (c->insn.opcode == 0xca) {
            c->code[c->len - 1] = 0; /* stay on the stack's page */
        }
    } else {
        store_le16(p, sel);
    }
    return true;
}

/* False for loads of FS, which the test program needs, and where selectors would be random. */
static bool prepare_segments(struct insn_case *c, struct rng *rng)
{
    bool stack = in_data(c->state.gpr[X86_RSP] + data_base(c->bits));

    switch (insn_row(&c->insn)->op) {
    case OP_MOV_TO_SEG:
        return c->insn.reg != X86_FS && put_selector(c, rng);
    case OP_LAR:
    case OP_LSL:
    case OP_VERR:
    case OP_VERW:
        return put_selector(c, rng);
    case OP_LDS:
    case OP_LES:
    case OP_LSS:
    case OP_LGS:
        return put_far(c, rng, operand_bytes(c, 10), /* code= */ false);
    case OP_JMPF_IND:
    case OP_CALLF_IND:
        return stack && put_far(c, rng, operand_bytes(c, 10), /* code= */ true);
    case OP_JMPF:
    case OP_CALLF:
        return stack && put_far(c, rng, c->code + c->len - 2 - c->insn.width, /* code= */ true);
    case OP_RETF:
    case OP_POP_DS:
    case OP_POP_ES:
    case OP_POP_SS:
    case OP_POP_GS:
        return put_stack(c, rng);
    default:
        return true;
    }
}

static void prepare_system_state(struct insn_case *c, struct rng *rng)
{
    switch (x86_rows[c->row].op) {
    case OP_FXSAVE:
    case OP_FXRSTOR:
    case OP_XSAVE:
    case OP_XSAVEC:
    case OP_XSAVEOPT:
    case OP_XRSTOR:
        if (rng_chance(rng, 90)) {
            prepare_saved_state(c, rng);
        }
        c->state.gpr[X86_RAX] &= 7; /* components that both sides have */
        c->state.gpr[X86_RDX] = 0;
        break;
    case OP_FLDENV:
    case OP_FRSTOR:
        prepare_environment(c, rng);
        break;
    case OP_LDMXCSR:
        if (rng_chance(rng, 80)) {
            for (unsigned at = 0; at < DATA_BYTES; at += 4) {
                c->data[at + 2] = c->data[at + 3] = 0;
            }
        }
        break;
    default:
        break;
    }
}

/* Processors differ on masks of zero, and on faults of bytes that are not selected. */
static void prepare_masked_store(struct insn_case *c)
{
    for (unsigned n = 0; n < 8; n++) {
        c->state.area[AREA_ST + 16 * n] |= 0x80;
    }
    c->state.area[AREA_XMM + 16 * (c->insn.rm & 15)] |= 0x80;
    set_address_part(c, X86_RDI, MIDDLE + 0x55 - segment_base(c, c->insn.seg));
}

bool prepare_special(struct insn_case *c, struct rng *rng)
{
    const struct x86_row *row = &x86_rows[c->row];
    uint64_t *gpr = c->state.gpr;

    prepare_system_state(c, rng);
    switch (row->op) {
    case OP_JCC:
    case OP_JMP:
    case OP_CALL:
    case OP_CALL_IND:
    case OP_JMP_IND:
        prepare_branch(c, rng);
        break;
    case OP_LOOP:
    case OP_LOOPE:
    case OP_LOOPNE:
    case OP_JCXZ:
        prepare_branch(c, rng);
        if (rng_chance(rng, 50)) {
            gpr[X86_RCX] = rng_below(rng, 3);
        }
        break;
    case OP_RET:
        prepare_stack_branch(c, rng);
        break;
    case OP_DIV:
    case OP_IDIV:
        prepare_division(c, rng);
        break;
    case OP_BT:
    case OP_BTS:
    case OP_BTR:
    case OP_BTC:
        if (c->insn.is_mem && c->insn.reg != c->insn.base && c->insn.reg != c->insn.index) {
            gpr[c->insn.reg & 15] = (uint64_t)((int64_t)rng_below(rng, 2000) - 1000);
        }
        break;
    case OP_XLAT:
        set_address_part(c, X86_RBX, MIDDLE - segment_base(c, c->insn.seg));
        break;
    case OP_POPF:
        c->data[(gpr[X86_RSP] + 1) & (DATA_BYTES - 1)] &= ~1; /* no single step */
        break;
    case OP_MASKMOV:
        prepare_masked_store(c);
        break;
    case OP_FSTPNCE: /* an empty register's contents may be lost */
        c->state.area[AREA_FTW] = 0xff;
        break;
    case OP_CLZERO:
        point(c, rng, X86_RAX);
        break;
    default:
        break;
    }
    for (unsigned n = 0; n < 4 && row->operands[n]; n++) {
        unsigned where = x86_operand_info[row->operands[n]].where;

        if (where == WHERE_STRSRC || where == WHERE_STRDST) {
            prepare_string(c, rng);
            break;
        }
    }
    drop_alignment_check(c);
    return prepare_segments(c, rng) && comparable(c);
}
