/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder: bytes of guest code to struct x86_insn, by the rows of insn.def.
 *
 * Order: legacy prefixes, REX or VEX, opcode map, opcode; then the first row of that opcode that
 * fits prefix, ModRM, mode and features; then its immediates. Intel SDM volume 2, chapter 2.
 *
 * Absent: 3DNow! (0F 0F), XOP and EVEX maps; CPU models do not offer them.
 */
#include "target/i386/exec.h"
#include <string.h>

const struct x86_row x86_rows[] = {
#define INSN(map_, opc_, pfx_, rsel_, op_, o1, o2, o3, o4, feature_, needs_, out_, undef_)         \
    {                                                                                              \
        .map = MAP_##map_,                                                                         \
        .opcode = (opc_),                                                                          \
        .pfx = PFX_##pfx_,                                                                         \
        .operands = {OPND_##o1, OPND_##o2, OPND_##o3, OPND_##o4},                                  \
        .rsel = RSEL_##rsel_,                                                                      \
        .feature = X86_F_##feature_,                                                               \
        .op = OP_##op_,                                                                            \
        .needs = (needs_),                                                                         \
        .flags_out = (out_),                                                                       \
        .flags_undefined = (undef_),                                                               \
        .name = #op_,                                                                              \
        .exec = exec_##op_,                                                                        \
    },
#include "target/i386/insn.def"
#undef INSN
};
const unsigned x86_row_count = ARRAY_SIZE(x86_rows);

const struct x86_operand_info x86_operand_info[OPND_COUNT] = {
#define OPERAND(name_, where_, size_) {.where = WHERE_##where_, .size = SIZE_##size_},
#include "target/i386/operand.def"
#undef OPERAND
};

struct candidates {
    uint16_t first; /* in decoder->rows */
    uint8_t count;
    bool modrm;
};

/* What a row's operands say, found once. */
struct row_facts {
    bool modrm;
    bool memory_only, register_only; /* of its ModRM */
    bool bytes;                      /* all operands are, apart from immediates */
    bool any_length, vvvv;           /* VEX */
};

struct x86_decoder {
    struct candidates index[2][MAP_COUNT][256]; /* [VEX] */
    struct row_facts *facts;                    /* by row */
    uint16_t nop_row;
    bool amd, avx2, cr8_by_lock;
    uint16_t rows[];
};

/* The bytes being decoded and what the prefixes said. */
struct decoding {
    const struct x86_decoder *dec;
    const uint8_t *code;
    unsigned avail;
    unsigned pos;
    enum x86_decode_result result; /* why a fetch failed */
    uint32_t mode;
    enum x86_map map;
    uint8_t opcode;
    uint8_t rex; /* as in a REX byte: WRXB */
    uint8_t modrm;
    uint8_t vvvv;
    bool has_rex, vex, vex_l;
    bool opsize, adsize, lock;
    uint8_t rep;  /* 0, 0xf3, 0xf2: the last one */
    int override; /* segment, or -1 */
};

static bool operand_has_modrm(unsigned where)
{
    switch (where) {
    case WHERE_NONE:
    case WHERE_IMM:
    case WHERE_IMM2:
    case WHERE_MOFFS:
    case WHERE_OPREG:
    case WHERE_ACC:
    case WHERE_COUNT:
    case WHERE_PORT:
    case WHERE_STRSRC:
    case WHERE_STRDST:
    case WHERE_ST:
        return false;
    default:
        return true;
    }
}

static bool row_has_modrm(const struct x86_row *row)
{
    if (row->rsel != RSEL_ANY) {
        return true;
    }
    for (unsigned n = 0; n < 4; n++) {
        if (operand_has_modrm(x86_operand_info[row->operands[n]].where)) {
            return true;
        }
    }
    return false;
}

/* Whether the first operand that is neither an immediate nor a count, and so all, are bytes. */
static bool row_is_of_bytes(const struct x86_row *row)
{
    bool bytes = false;

    for (unsigned n = 0; n < 4 && row->operands[n]; n++) {
        const struct x86_operand_info *o = &x86_operand_info[row->operands[n]];

        switch (o->where) {
        case WHERE_IMM:
        case WHERE_IMM2:
        case WHERE_COUNT:
        case WHERE_PORT:
            break;
        case WHERE_REG:
        case WHERE_RM:
        case WHERE_MOFFS:
        case WHERE_OPREG:
        case WHERE_ACC:
        case WHERE_STRSRC:
        case WHERE_STRDST:
            if (o->size != SIZE_1) {
                return false;
            }
            bytes = true;
            break;
        default:
            return false;
        }
    }
    return bytes;
}

static struct row_facts facts_of(const struct x86_row *row)
{
    struct row_facts f = {.modrm = row_has_modrm(row),
                          .memory_only = row->rsel & RSEL_MEM,
                          .register_only = row->rsel & RSEL_REG,
                          .bytes = row_is_of_bytes(row),
                          .any_length = row->needs & LIG};

    for (unsigned n = 0; n < 4 && row->operands[n]; n++) {
        const struct x86_operand_info *o = &x86_operand_info[row->operands[n]];

        f.memory_only |= o->where == WHERE_MEM;
        f.register_only |=
            o->where == WHERE_RMREG || o->where == WHERE_MMXRMREG || o->where == WHERE_VRMREG;
        f.any_length |= o->size == SIZE_X || (o->size >= SIZE_HALF && o->size <= SIZE_EIGHTH);
        f.vvvv |= o->where == WHERE_VVVV || o->where == WHERE_VVEC;
    }
    return f;
}

static bool row_in_encoding(const struct x86_cpu *cpu, const struct x86_row *row, bool vex)
{
    if (!x86_has(cpu, row->feature)) {
        return false;
    }
    if (!vex) {
        return !(row->needs & (VEXO | VEXG));
    }
    return (row->needs & (VEXO | VEXG)) || ((row->needs & (VEX | VEX2)) && x86_has(cpu, X86_F_AVX));
}

struct x86_decoder *x86_decoder_new(const struct x86_cpu *cpu)
{
    struct x86_decoder *d = g_malloc0(sizeof(*d) + 2 * x86_row_count * sizeof(d->rows[0]));
    g_autofree uint16_t *next = g_new(uint16_t, x86_row_count); /* rows of the same opcode */
    unsigned used = 0;

    d->facts = g_new(struct row_facts, x86_row_count);
    for (unsigned r = 0; r < x86_row_count; r++) {
        d->facts[r] = facts_of(&x86_rows[r]);
    }
    d->amd = cpu->vendor_amd;
    d->avx2 = x86_has(cpu, X86_F_AVX2);
    d->cr8_by_lock = x86_has(cpu, X86_F_CR8LEG);
    for (int vex = 0; vex < 2; vex++) {
        uint16_t head[MAP_COUNT][256];

        memset(head, 0xff, sizeof(head));
        for (unsigned r = x86_row_count; r-- > 0;) { /* backwards: lists come out in order */
            const struct x86_row *row = &x86_rows[r];

            if (row_in_encoding(cpu, row, vex)) {
                next[r] = head[row->map][row->opcode];
                head[row->map][row->opcode] = r;
            }
            if (row->op == OP_NOP) {
                d->nop_row = r;
            }
        }
        for (unsigned m = 0; m < MAP_COUNT; m++) {
            for (unsigned o = 0; o < 256; o++) {
                struct candidates *c = &d->index[vex][m][o];

                c->first = used;
                for (unsigned r = head[m][o]; r != 0xffff; r = next[r]) {
                    c->modrm |= d->facts[r].modrm;
                    c->count++;
                    d->rows[used++] = r;
                }
            }
        }
    }
    return d;
}

void x86_decoder_free(struct x86_decoder *d)
{
    if (d) {
        g_free(d->facts);
        g_free(d);
    }
}

static bool fetch(struct decoding *s, unsigned bytes, uint64_t *ret)
{
    if (s->pos + bytes > X86_INSN_BYTES) {
        s->result = DECODE_TOO_LONG;
        return false;
    }
    if (s->pos + bytes > s->avail) {
        s->result = DECODE_MORE;
        return false;
    }
    *ret = load_le(s->code + s->pos, bytes);
    s->pos += bytes;
    return true;
}

static bool fetch_signed(struct decoding *s, unsigned bytes, uint64_t *ret)
{
    if (!fetch(s, bytes, ret)) {
        return false;
    }
    *ret = (uint64_t)sign_extend(*ret, bytes);
    return true;
}

static bool fetch_byte(struct decoding *s, uint8_t *ret)
{
    uint64_t v;

    if (!fetch(s, 1, &v)) {
        return false;
    }
    *ret = (uint8_t)v;
    return true;
}

static bool invalid(struct decoding *s)
{
    s->result = DECODE_INVALID;
    return false;
}

/* Consumes prefix @b; false when it is none. */
static bool legacy_prefix(struct decoding *s, uint8_t b)
{
    switch (b) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
        if (!(s->mode & MODE_CODE64)) {
            s->override = (b >> 3) & 3;
        }
        return true;
    case 0x64:
    case 0x65:
        s->override = b - 0x64 + X86_FS;
        return true;
    case 0x66:
        s->opsize = true;
        return true;
    case 0x67:
        s->adsize = true;
        return true;
    case 0xf0:
        s->lock = true;
        return true;
    case 0xf2:
    case 0xf3:
        s->rep = b;
        return true;
    default:
        return false;
    }
}

static bool vex_prefix(struct decoding *s, uint8_t first)
{
    static const uint8_t pp_rep[4] = {0, 0, 0xf3, 0xf2};
    uint8_t a, b;

    if (s->has_rex || s->opsize || s->rep || s->lock) {
        return invalid(s);
    }
    if (!fetch_byte(s, &a)) {
        return false;
    }
    b = a;
    s->map = MAP_X0F;
    s->rex = a & 0x80 ? 0 : 4; /* R, inverted */
    if (first == 0xc4) {
        unsigned map = a & 0x1f;

        if (!fetch_byte(s, &b)) {
            return false;
        }
        if (map < 1 || map > 3) {
            return invalid(s);
        }
        s->map = map;
        s->rex |= (a & 0x40 ? 0 : 2) | (a & 0x20 ? 0 : 1) | (b & 0x80 ? 8 : 0);
    }
    s->vvvv = ~(b >> 3) & 0xf;
    s->vex = true;
    s->vex_l = b & 4;
    s->opsize = (b & 3) == 1;
    s->rep = pp_rep[b & 3];
    if (!(s->mode & MODE_CODE64)) {
        s->rex &= 8;
    }
    return fetch_byte(s, &s->opcode);
}

/* Prefixes and opcode bytes. */
static bool decode_opcode(struct decoding *s)
{
    uint8_t b;

    for (;;) {
        if (!fetch_byte(s, &b)) {
            return false;
        }
        if (legacy_prefix(s, b)) {
            s->rex = 0;
            s->has_rex = false;
        } else if ((s->mode & MODE_CODE64) && (b & 0xf0) == 0x40) {
            s->rex = b & 0xf;
            s->has_rex = true;
        } else {
            break;
        }
    }
    if (b == 0xc4 || b == 0xc5) {
        if ((s->mode & MODE_CODE64) || (s->pos < s->avail && (s->code[s->pos] & 0xc0) == 0xc0 &&
                                        (s->mode & (MODE_PE | MODE_VM86)) == MODE_PE)) {
            return vex_prefix(s, b);
        }
    }
    s->map = MAP_LEG;
    if (b == 0x0f) {
        s->map = MAP_X0F;
        if (!fetch_byte(s, &b)) {
            return false;
        }
        if (b == 0x38 || b == 0x3a) {
            s->map = b == 0x38 ? MAP_X38 : MAP_X3A;
            if (!fetch_byte(s, &b)) {
                return false;
            }
        }
    }
    s->opcode = b;
    return true;
}

static bool prefix_fits(const struct decoding *s, enum x86_pfx pfx)
{
    switch (pfx) {
    case PFX_NP:
        return !s->opsize && !s->rep;
    case PFX_P66:
        return s->opsize && !s->rep;
    case PFX_PF3:
        return s->rep == 0xf3;
    case PFX_PF2:
        return s->rep == 0xf2;
    case PFX_N66:
        return !s->rep;
    default:
        return true;
    }
}

static bool form_fits(const struct decoding *s, const struct x86_row *row,
                      const struct row_facts *f)
{
    unsigned digit = row->rsel & RSEL_DIGIT, rm = (row->rsel & RSEL_RM) >> 8;

    return (digit == 8 || digit == ((s->modrm >> 3) & 7)) && (rm == 8 || rm == (s->modrm & 7)) &&
           !(s->modrm >= 0xc0 ? f->memory_only : f->register_only);
}

/* VEX.L and VEX.vvvv as the row's operands allow. */
static bool vex_fits(const struct decoding *s, const struct x86_row *row, const struct row_facts *f)
{
    if (s->vex_l ? (row->needs & L0) || (!f->any_length && !(row->needs & L1)) : row->needs & L1) {
        return false;
    }
    if (s->vex_l && (row->needs & VEX2) && !(row->needs & LIG) && !s->dec->avx2) {
        return false;
    }
    return f->vvvv || s->vvvv == 0;
}

static bool row_fits(const struct decoding *s, const struct x86_row *row, const struct row_facts *f)
{
    bool w = s->rex & 8;

    if ((row->needs & (s->mode & MODE_CODE64 ? I64 : O64)) ||
        ((row->needs & PROT) && (s->mode & (MODE_PE | MODE_VM86)) != MODE_PE) ||
        ((row->needs & W0) && w) || ((row->needs & W1) && !w)) {
        return false;
    }
    return prefix_fits(s, row->pfx) && (!f->modrm || form_fits(s, row, f)) &&
           (!s->vex || vex_fits(s, row, f));
}

/* 16-bit addressing: ModRM.rm names fixed pairs. */
static bool decode_mem16(struct decoding *s, struct x86_insn *i)
{
    static const uint8_t base[8] = {X86_RBX, X86_RBX, X86_RBP, X86_RBP,
                                    X86_RSI, X86_RDI, X86_RBP, X86_RBX};
    static const uint8_t index[8] = {X86_RSI,  X86_RDI,  X86_RSI,  X86_RDI,
                                     X86_ZERO, X86_ZERO, X86_ZERO, X86_ZERO};
    unsigned mod = s->modrm >> 6, rm = s->modrm & 7;
    uint64_t disp = 0;

    i->base = base[rm];
    i->index = index[rm];
    if (mod == 0 && rm == 6) {
        i->base = X86_ZERO;
        mod = 2;
    }
    if (mod && !fetch_signed(s, mod, &disp)) {
        return false;
    }
    i->disp = (int32_t)disp;
    i->seg = i->base == X86_RBP ? X86_SS : X86_DS;
    return true;
}

static bool decode_mem(struct decoding *s, struct x86_insn *i, bool vsib)
{
    unsigned mod = s->modrm >> 6, rm = s->modrm & 7;
    unsigned disp_bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    uint64_t disp = 0;

    i->base = rm | (s->rex & 1) << 3;
    i->index = X86_ZERO;
    if (rm == 4) {
        uint8_t sib;

        if (!fetch_byte(s, &sib)) {
            return false;
        }
        i->scale = sib >> 6;
        i->index = ((sib >> 3) & 7) | (s->rex & 2) << 2;
        if (i->index == 4 && !vsib) {
            i->index = X86_ZERO;
            i->scale = 0;
        }
        rm = sib & 7;
        i->base = rm | (s->rex & 1) << 3;
        if (mod == 0 && rm == 5) {
            i->base = X86_ZERO;
            disp_bytes = 4;
        }
    } else if (vsib) {
        return invalid(s);
    } else if (mod == 0 && rm == 5) {
        i->base = s->mode & MODE_CODE64 ? X86_RIP : X86_ZERO;
        disp_bytes = 4;
    }
    if (disp_bytes && !fetch_signed(s, disp_bytes, &disp)) {
        return false;
    }
    i->disp = (int32_t)disp;
    i->seg = i->base == X86_RSP || i->base == X86_RBP ? X86_SS : X86_DS;
    return true;
}

/* Number of a general byte register as a byte offset into cpu->regs. */
static uint8_t byte_register(const struct decoding *s, unsigned r)
{
    return s->has_rex || s->vex || r < 4 || r > 7 ? r * 8 : (r - 4) * 8 + 1;
}

/* On AMD processors prefix 66 makes these 16 bits wide in 64-bit mode too; Intel's ignore it. */
static bool is_near_branch(const struct x86_row *row)
{
    return (row->needs & F64) && (row->map == MAP_LEG || (row->needs & JCC));
}

static unsigned operand_width(const struct decoding *s, const struct x86_row *row,
                              const struct row_facts *f)
{
    if (f->bytes) {
        return 1;
    }
    if (s->mode & MODE_CODE64) {
        if (((row->needs & F64) && !(s->dec->amd && is_near_branch(row) && s->opsize)) ||
            (s->rex & 8)) {
            return 8;
        }
        return s->opsize && !s->vex ? 2 : row->needs & D64 ? 8 : 4;
    }
    return (s->opsize && !s->vex) == !!(s->mode & MODE_CODE32) ? 2 : 4;
}

static bool decode_immediate(struct decoding *s, struct x86_insn *i, unsigned size)
{
    uint64_t sel;

    switch (size) {
    case SIZE_1:
    case SIZE_2:
        return fetch(s, size == SIZE_2 ? 2 : 1, &i->imm);
    case SIZE_BS:
        return fetch_signed(s, 1, &i->imm);
    case SIZE_ONE:
        i->imm = 1;
        return true;
    case SIZE_V:
        return fetch(s, i->width, &i->imm);
    case SIZE_AP:
        if (!fetch(s, i->width, &i->imm) || !fetch(s, 2, &sel)) {
            return false;
        }
        i->imm |= sel << 32;
        return true;
    default:
        return fetch_signed(s, MIN(i->width, 4), &i->imm);
    }
}

/* Registers and immediates of one operand. */
static bool decode_operand(struct decoding *s, struct x86_insn *i, unsigned n, unsigned letter)
{
    const struct x86_operand_info *o = &x86_operand_info[letter];

    switch (o->where) {
    case WHERE_REG:
        if (o->size == SIZE_1) {
            i->reg = byte_register(s, i->reg);
        }
        return true;
    case WHERE_RM:
        if (o->size == SIZE_1 && !i->is_mem) {
            i->rm = byte_register(s, i->rm);
        }
        return true;
    case WHERE_OPREG:
        i->rm = (s->opcode & 7) | (s->rex & 1) << 3;
        if (o->size == SIZE_1) {
            i->rm = byte_register(s, i->rm);
        }
        return true;
    case WHERE_SREG:
        i->reg &= 7;
        return i->reg > X86_GS || (n == 0 && i->reg == X86_CS) ? invalid(s) : true;
    case WHERE_CREG:
        if (s->lock) {
            i->reg |= 8;
        }
        return i->reg <= 4 ? i->reg != 1 || invalid(s) : i->reg == 8 || invalid(s);
    case WHERE_DREG:
        return i->reg < 8 || invalid(s);
    case WHERE_MMXREG:
        i->reg &= 7;
        return true;
    case WHERE_MMXRM:
    case WHERE_MMXRMREG:
        i->rm &= 7;
        return true;
    case WHERE_STI:
        i->rm &= 7;
        return true;
    case WHERE_MOFFS:
        i->is_mem = true;
        i->base = i->index = X86_ZERO;
        return fetch(s, i->asize, &i->imm);
    case WHERE_VIS4:
        if (!fetch(s, 1, &i->imm)) {
            return false;
        }
        i->imm &= s->mode & MODE_CODE64 ? 0xff : 0x7f;
        return true;
    case WHERE_IMM:
        return decode_immediate(s, i, o->size);
    case WHERE_IMM2:
        return fetch_byte(s, &i->imm2);
    default:
        return true;
    }
}

static const struct x86_row *find_row(const struct decoding *s, const struct candidates *c)
{
    for (unsigned n = 0; n < c->count; n++) {
        unsigned r = s->dec->rows[c->first + n];
        const struct x86_row *row = &x86_rows[r];

        if (row->op == OP_PAUSE && (s->rex & 1)) {
            continue; /* XCHG with R8 */
        }
        if (row_fits(s, row, &s->dec->facts[r])) {
            return row;
        }
    }
    return NULL;
}

static void store_prefixes(const struct decoding *s, const struct x86_row *row, struct x86_insn *i)
{
    i->prefixes = (s->lock ? PREFIX_LOCK : 0) | (s->opsize ? PREFIX_66 : 0) |
                  (s->has_rex ? PREFIX_REX : 0) |
                  (s->rex & 8 && s->mode & MODE_CODE64 ? PREFIX_W : 0) | (s->vex ? PREFIX_VEX : 0) |
                  (s->vex_l ? PREFIX_L : 0);
    if (row->pfx == PFX_ANY && s->rep) {
        i->prefixes |= s->rep == 0xf3 ? PREFIX_REPZ : PREFIX_REPNZ;
    }
    if ((row->needs & LOCKED) && i->is_mem) {
        i->prefixes |= PREFIX_LOCK;
    }
    if ((row->needs & LIG) && s->vex) {
        i->prefixes &= ~PREFIX_L;
    }
}

static bool decode_modrm(struct decoding *s, const struct x86_row *row, struct x86_insn *i)
{
    i->reg = ((s->modrm >> 3) & 7) | (s->rex & 4) << 1;
    i->rm = (s->modrm & 7) | (s->rex & 1) << 3;
    i->modrm = s->modrm;
    if (s->modrm >= 0xc0) {
        return true;
    }
    i->is_mem = true;
    if (i->asize == 2 ? row->needs & VSIB || !decode_mem16(s, i)
                      : !decode_mem(s, i, row->needs & VSIB)) {
        return i->asize == 2 && (row->needs & VSIB) ? invalid(s) : false;
    }
    if (s->override >= 0) {
        i->seg = s->override;
        i->seg_override = true;
    }
    return true;
}

static bool decode_rest(struct decoding *s, struct x86_insn *i)
{
    const struct candidates *c = &s->dec->index[s->vex][s->map][s->opcode];
    const struct row_facts *f;
    const struct x86_row *row;

    if (!c->count) {
        return invalid(s);
    }
    if (c->modrm) {
        if (!fetch_byte(s, &s->modrm)) {
            return false;
        }
        if (s->map == MAP_X0F && (s->opcode & 0xfc) == 0x20) {
            s->modrm |= 0xc0; /* MOV CR and DR ignore mod */
        }
    }
    row = find_row(s, c);
    if (!row) {
        return invalid(s);
    }
    i->row = row - x86_rows;
    f = &s->dec->facts[i->row];
    i->width = operand_width(s, row, f);
    if (s->mode & MODE_CODE64) {
        i->asize = s->adsize ? 4 : 8;
    } else {
        i->asize = s->adsize == !!(s->mode & MODE_CODE32) ? 2 : 4;
    }
    i->opcode = s->opcode;
    i->cond = s->opcode & 0xf;
    i->vvvv = s->mode & MODE_CODE64 ? s->vvvv : s->vvvv & 7;
    i->base = i->index = X86_ZERO;
    i->seg = s->override >= 0 ? s->override : X86_DS; /* of implied operands */
    i->seg_override = s->override >= 0;
    if (f->modrm && !decode_modrm(s, row, i)) {
        return false;
    }
    for (unsigned n = 0; n < 4 && row->operands[n]; n++) {
        if (!decode_operand(s, i, n, row->operands[n])) {
            return false;
        }
    }
    if (s->lock) {
        bool creg = x86_operand_info[row->operands[0]].where == WHERE_CREG ||
                    x86_operand_info[row->operands[1]].where == WHERE_CREG;

        if (!(row->needs & LOCKABLE) || (creg ? !s->dec->cr8_by_lock || i->reg != 8 : !i->is_mem)) {
            return invalid(s);
        }
    }
    if (row->op == OP_XCHG && s->opcode == 0x90 && i->rm == 0) {
        i->row = s->dec->nop_row;
    } else if (row->op == OP_NOP) {
        i->is_mem = false; /* the address is never used */
    }
    store_prefixes(s, row, i);
    return true;
}

enum x86_decode_result x86_decode(const struct x86_decoder *d, uint32_t mode, const uint8_t *code,
                                  unsigned avail, struct x86_insn *ret_insn)
{
    struct decoding s = {
        .dec = d, .code = code, .avail = avail, .mode = mode, .override = -1, .result = DECODE_OK};

    *ret_insn = (struct x86_insn){0};
    if (!decode_opcode(&s) || !decode_rest(&s, ret_insn)) {
        return s.result;
    }
    ret_insn->len = s.pos;
    return DECODE_OK;
}
