/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector instructions that rearrange elements: unpack, pack, shuffle, blend, permute, broadcast,
 * insert, extract, widen (MMX to AVX2).
 */
#include "target/i386/simd.h"

/* ---- interleaving ------------------------------------------------------------------------ */

/* Interleave the low (high = false) or high halves of each lane. */
#define UNPACK(NAME, type, field, high)                                                            \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        const unsigned lane = vec_lane(i) / sizeof(type);                                          \
        union x86_vec x, y, r;                                                                     \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        for (unsigned at = 0; at < VEC_COUNT(type); at += lane) {                                  \
            for (unsigned k = 0; k < lane / 2; k++) {                                              \
                r.field[at + 2 * k] = x.field[at + (high)*lane / 2 + k];                           \
                r.field[at + 2 * k + 1] = y.field[at + (high)*lane / 2 + k];                       \
            }                                                                                      \
        }                                                                                          \
        operand_store_vec(cpu, i, 0, &r);                                                          \
    }

UNPACK(PUNPCKLBW, uint8_t, b, 0)
UNPACK(PUNPCKLWD, uint16_t, w, 0)
UNPACK(PUNPCKLDQ, uint32_t, d, 0)
UNPACK(PUNPCKLQDQ, uint64_t, q, 0)
UNPACK(PUNPCKHBW, uint8_t, b, 1)
UNPACK(PUNPCKHWD, uint16_t, w, 1)
UNPACK(PUNPCKHDQ, uint32_t, d, 1)
UNPACK(PUNPCKHQDQ, uint64_t, q, 1)

/* Narrow to half the width with saturation from min to max. */
#define PACK(NAME, from, wide, to, narrow, min, max)                                               \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        const unsigned lane = vec_lane(i) / sizeof(to);                                            \
        union x86_vec x, y, r;                                                                     \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        for (unsigned at = 0; at < VEC_COUNT(to); at += lane) {                                    \
            for (unsigned k = 0; k < lane; k++) {                                                  \
                const union x86_vec *v = k < lane / 2 ? &x : &y;                                   \
                const from a = (from)v->wide[(at + 2 * (k % (lane / 2))) / 2];                     \
                r.narrow[at + k] = (to)(a < (min) ? (min) : a > (max) ? (max) : a);                \
            }                                                                                      \
        }                                                                                          \
        operand_store_vec(cpu, i, 0, &r);                                                          \
    }

PACK(PACKSSWB, int16_t, w, int8_t, b, INT8_MIN, INT8_MAX)
PACK(PACKUSWB, int16_t, w, uint8_t, b, 0, UINT8_MAX)
PACK(PACKSSDW, int32_t, d, int16_t, w, INT16_MIN, INT16_MAX)
PACK(PACKUSDW, int32_t, d, uint16_t, w, 0, UINT16_MAX)

/* PMOVSX, PMOVZX: element k of the source widened to element k of the destination. */
#define WIDEN(NAME, from, narrow, to, wide)                                                        \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        union x86_vec x, r;                                                                        \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        for (unsigned k = 0; k < VEC_COUNT(to); k++) {                                             \
            r.wide[k] = (to)(from)x.narrow[k];                                                     \
        }                                                                                          \
        operand_store_vec(cpu, i, 0, &r);                                                          \
    }

WIDEN(PMOVSXBW, int8_t, b, int16_t, w)
WIDEN(PMOVSXBD, int8_t, b, int32_t, d)
WIDEN(PMOVSXBQ, int8_t, b, int64_t, q)
WIDEN(PMOVSXWD, int16_t, w, int32_t, d)
WIDEN(PMOVSXWQ, int16_t, w, int64_t, q)
WIDEN(PMOVSXDQ, int32_t, d, int64_t, q)
WIDEN(PMOVZXBW, uint8_t, b, uint16_t, w)
WIDEN(PMOVZXBD, uint8_t, b, uint32_t, d)
WIDEN(PMOVZXBQ, uint8_t, b, uint64_t, q)
WIDEN(PMOVZXWD, uint16_t, w, uint32_t, d)
WIDEN(PMOVZXWQ, uint16_t, w, uint64_t, q)
WIDEN(PMOVZXDQ, uint32_t, d, uint64_t, q)

/* ---- shuffles by immediate --------------------------------------------------------------- */

/* PSHUFD, VPERMILPS: any dword of the lane */
static void pshufd(union x86_vec *r, const union x86_vec *x, unsigned imm)
{
    for (unsigned k = 0; k < VEC_COUNT(uint32_t); k++) {
        r->d[k] = x->d[(k & ~3u) + (imm >> 2 * (k & 3) & 3)];
    }
}

/* PSHUFW, PSHUFLW, PSHUFHW: any word of the quadword number `half` of the lane; others stay */
static void pshufw(union x86_vec *r, const union x86_vec *x, unsigned imm, unsigned half)
{
    *r = *x;
    for (unsigned at = 4 * half; at < VEC_COUNT(uint16_t); at += 8) {
        for (unsigned k = 0; k < 4; k++) {
            r->w[at + k] = x->w[at + (imm >> 2 * k & 3)];
        }
    }
}

static void vpermilpd(union x86_vec *r, const union x86_vec *x, unsigned imm)
{
    for (unsigned k = 0; k < VEC_COUNT(uint64_t); k++) {
        r->q[k] = x->q[(k & ~1u) + (imm >> k & 1)];
    }
}

static void vpermq(union x86_vec *r, const union x86_vec *x, unsigned imm)
{
    for (unsigned k = 0; k < 4; k++) {
        r->q[k] = x->q[imm >> 2 * k & 3];
    }
}

VEC_KERNEL1(PSHUFD, pshufd, i->imm)
VEC_KERNEL1(PSHUFLW, pshufw, i->imm, 0)
VEC_KERNEL1(PSHUFHW, pshufw, i->imm, 1)
VEC_KERNEL1(VPERMILPD_IMM, vpermilpd, i->imm)
VEC_KERNEL1(VPERMQ, vpermq, i->imm)

static void shufps(union x86_vec *r, const union x86_vec *x, const union x86_vec *y, unsigned imm)
{
    for (unsigned k = 0; k < VEC_COUNT(uint32_t); k++) {
        const union x86_vec *v = k & 2 ? y : x;

        r->d[k] = v->d[(k & ~3u) + (imm >> 2 * (k & 3) & 3)];
    }
}

static void shufpd(union x86_vec *r, const union x86_vec *x, const union x86_vec *y, unsigned imm)
{
    for (unsigned k = 0; k < VEC_COUNT(uint64_t); k++) {
        const union x86_vec *v = k & 1 ? y : x;

        r->q[k] = v->q[(k & ~1u) + (imm >> k & 1)];
    }
}

/* Each half of the destination is one of the four source halves, or zero. */
static void vperm2f128(union x86_vec *r, const union x86_vec *x, const union x86_vec *y,
                       unsigned imm)
{
    for (unsigned half = 0; half < 2; half++, imm >>= 4) {
        const union x86_vec *v = imm & 2 ? y : x;

        r->q[2 * half] = imm & 8 ? 0 : v->q[2 * (imm & 1)];
        r->q[2 * half + 1] = imm & 8 ? 0 : v->q[2 * (imm & 1) + 1];
    }
}

VEC_KERNEL(SHUFPS, shufps, i->imm)
VEC_KERNEL(SHUFPD, shufpd, i->imm)
VEC_KERNEL(VPERM2F128, vperm2f128, i->imm)

/* Bytes from the concatenation x:y of each lane, y low. */
void exec_PALIGNR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    const unsigned lane = vec_lane(i), imm = i->imm & 0xff;
    union x86_vec x, y, r;

    operand_load_vec(cpu, i, 1, &x);
    operand_load_vec(cpu, i, 2, &y);
    for (unsigned at = 0; at < X86_VEC_BYTES; at += lane) {
        for (unsigned k = 0; k < lane; k++) {
            unsigned n = k + imm;

            r.b[at + k] = n < lane ? y.b[at + n] : n < 2 * lane ? x.b[at + n - lane] : 0;
        }
    }
    operand_store_vec(cpu, i, 0, &r);
}

/* ---- shuffles by register ---------------------------------------------------------------- */

void exec_PSHUFB(struct x86_cpu *cpu, const struct x86_insn *i)
{
    const unsigned lane = vec_lane(i);
    union x86_vec x, y, r;

    operand_load_vec(cpu, i, 1, &x);
    operand_load_vec(cpu, i, 2, &y);
    for (unsigned k = 0; k < X86_VEC_BYTES; k++) {
        r.b[k] = y.b[k] & 0x80 ? 0 : x.b[(k & ~(lane - 1)) + (y.b[k] & (lane - 1))];
    }
    operand_store_vec(cpu, i, 0, &r);
}

static void vpermilps_var(union x86_vec *r, const union x86_vec *x, const union x86_vec *y)
{
    for (unsigned k = 0; k < VEC_COUNT(uint32_t); k++) {
        r->d[k] = x->d[(k & ~3u) + (y->d[k] & 3)];
    }
}

static void vpermilpd_var(union x86_vec *r, const union x86_vec *x, const union x86_vec *y)
{
    for (unsigned k = 0; k < VEC_COUNT(uint64_t); k++) {
        r->q[k] = x->q[(k & ~1u) + (y->q[k] >> 1 & 1)];
    }
}

/* VPERMD, VPERMPS: the indices are the first source */
static void vpermd(union x86_vec *r, const union x86_vec *x, const union x86_vec *y)
{
    for (unsigned k = 0; k < VEC_COUNT(uint32_t); k++) {
        r->d[k] = y->d[x->d[k] & 7];
    }
}

VEC_KERNEL(VPERMILPS, vpermilps_var)
VEC_KERNEL(VPERMILPD, vpermilpd_var)
VEC_KERNEL(VPERMD, vpermd)

/* ---- blends ------------------------------------------------------------------------------ */

static void blend_words(union x86_vec *r, const union x86_vec *x, const union x86_vec *y,
                        unsigned imm)
{
    for (unsigned k = 0; k < VEC_COUNT(uint16_t); k++) {
        r->w[k] = imm >> (k & 7) & 1 ? y->w[k] : x->w[k];
    }
}

static void blend_dwords(union x86_vec *r, const union x86_vec *x, const union x86_vec *y,
                         unsigned imm)
{
    for (unsigned k = 0; k < VEC_COUNT(uint32_t); k++) {
        r->d[k] = imm >> k & 1 ? y->d[k] : x->d[k];
    }
}

static void blend_qwords(union x86_vec *r, const union x86_vec *x, const union x86_vec *y,
                         unsigned imm)
{
    for (unsigned k = 0; k < VEC_COUNT(uint64_t); k++) {
        r->q[k] = imm >> k & 1 ? y->q[k] : x->q[k];
    }
}

VEC_KERNEL(PBLENDW, blend_words, i->imm)
VEC_KERNEL(BLENDPS, blend_dwords, i->imm)
VEC_KERNEL(BLENDPD, blend_qwords, i->imm)

/* Blends by the sign bits of operand 3 (XMM0 in legacy forms). */
#define BLENDV(NAME, type, field)                                                                  \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        union x86_vec x, y, m;                                                                     \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        operand_load_vec(cpu, i, 3, &m);                                                           \
        for (unsigned k = 0; k < VEC_COUNT(type); k++) {                                           \
            x.field[k] = (type)m.field[k] < 0 ? y.field[k] : x.field[k];                           \
        }                                                                                          \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

BLENDV(PBLENDVB, int8_t, b)
BLENDV(BLENDVPS, int32_t, d)
BLENDV(BLENDVPD, int64_t, q)

/* ---- broadcast, insert, extract ---------------------------------------------------------- */

VEC_UNARY(VPBROADCASTB, uint8_t, b, ((void)a, x.b[0]))
VEC_UNARY(VPBROADCASTW, uint16_t, w, ((void)a, x.w[0]))
VEC_UNARY(VPBROADCASTD, uint32_t, d, ((void)a, x.d[0]))
VEC_UNARY(VPBROADCASTQ, uint64_t, q, ((void)a, x.q[0]))
VEC_UNARY(VBROADCASTF128, uint64_t, q, ((void)a, x.q[k & 1]))
VEC_UNARY(MOVDDUP, uint64_t, q, ((void)a, x.q[k & ~1u]))
VEC_UNARY(MOVSLDUP, uint32_t, d, ((void)a, x.d[k & ~1u]))

static void movshdup(union x86_vec *r, const union x86_vec *x)
{
    for (unsigned k = 0; k < VEC_COUNT(uint32_t); k++) {
        r->d[k] = x->d[k | 1];
    }
}

VEC_KERNEL1(MOVSHDUP, movshdup)

/* PINSRB/W/D/Q: operand 2 is a general register or memory. */
#define INSERT(NAME, type, field)                                                                  \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        union x86_vec x;                                                                           \
        uint64_t v = operand_load(cpu, i, 2);                                                      \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        x.field[i->imm % (vec_lane(i) / sizeof(type))] = (type)v;                                  \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

INSERT(PINSRB, uint8_t, b)
INSERT(PINSRW, uint16_t, w)

void exec_PINSRDQ(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t v = operand_load(cpu, i, 2);
    union x86_vec x;

    operand_load_vec(cpu, i, 1, &x);
    if (operand_size(i, 2) == 8) {
        x.q[i->imm & 1] = v;
    } else {
        x.d[i->imm & 3] = v;
    }
    operand_store_vec(cpu, i, 0, &x);
}

/* PEXTRB/W/D/Q: operand 0 is a general register or memory. */
#define EXTRACT(NAME, type, field)                                                                 \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        unsigned lane = operand_size(i, 1) == 8 ? 8 : 16;                                          \
        union x86_vec x;                                                                           \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_store(cpu, i, 0, x.field[i->imm % (lane / sizeof(type))]);                         \
    }

EXTRACT(PEXTRB, uint8_t, b)
EXTRACT(PEXTRW, uint16_t, w)
EXTRACT(EXTRACTPS, uint32_t, d)

void exec_PEXTRDQ(struct x86_cpu *cpu, const struct x86_insn *i)
{
    union x86_vec x;

    operand_load_vec(cpu, i, 1, &x);
    operand_store(cpu, i, 0, operand_size(i, 0) == 8 ? x.q[i->imm & 1] : x.d[i->imm & 3]);
}

/* INSERTPS: from memory always the dword there, from a register the one imm selects. */
void exec_INSERTPS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    union x86_vec x, y;

    operand_load_vec(cpu, i, 1, &x);
    operand_load_vec(cpu, i, 2, &y);
    x.d[i->imm >> 4 & 3] = y.d[i->is_mem ? 0 : i->imm >> 6 & 3];
    for (unsigned k = 0; k < 4; k++) {
        x.d[k] = i->imm >> k & 1 ? 0 : x.d[k];
    }
    operand_store_vec(cpu, i, 0, &x);
}

void exec_VINSERTF128(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned at = 2 * (i->imm & 1);
    union x86_vec x, y;

    operand_load_vec(cpu, i, 1, &x);
    operand_load_vec(cpu, i, 2, &y);
    x.q[at] = y.q[0];
    x.q[at + 1] = y.q[1];
    operand_store_vec(cpu, i, 0, &x);
}

void exec_VEXTRACTF128(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned at = 2 * (i->imm & 1);
    union x86_vec x, r = {{0}};

    operand_load_vec(cpu, i, 1, &x);
    r.q[0] = x.q[at];
    r.q[1] = x.q[at + 1];
    operand_store_vec(cpu, i, 0, &r);
}
