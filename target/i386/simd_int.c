/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed integer instructions: arithmetic, logic, comparison, shifts (MMX to AVX2).
 */
#include "target/i386/simd.h"

static inline int8_t sat8(int v)
{
    return v < INT8_MIN ? INT8_MIN : v > INT8_MAX ? INT8_MAX : v;
}

static inline uint8_t satu8(int v)
{
    return v < 0 ? 0 : v > UINT8_MAX ? UINT8_MAX : v;
}

static inline int16_t sat16(int v)
{
    return v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v;
}

static inline uint16_t satu16(int v)
{
    return v < 0 ? 0 : v > UINT16_MAX ? UINT16_MAX : v;
}

VEC_BINARY(PADDB, uint8_t, b, a + b)
VEC_BINARY(PADDW, uint16_t, w, a + b)
VEC_BINARY(PADDD, uint32_t, d, a + b)
VEC_BINARY(PADDQ, uint64_t, q, a + b)
VEC_BINARY(PSUBB, uint8_t, b, a - b)
VEC_BINARY(PSUBW, uint16_t, w, a - b)
VEC_BINARY(PSUBD, uint32_t, d, a - b)
VEC_BINARY(PSUBQ, uint64_t, q, a - b)

VEC_BINARY(PADDSB, int8_t, b, sat8(a + b))
VEC_BINARY(PADDSW, int16_t, w, sat16(a + b))
VEC_BINARY(PADDUSB, uint8_t, b, satu8(a + b))
VEC_BINARY(PADDUSW, uint16_t, w, satu16(a + b))
VEC_BINARY(PSUBSB, int8_t, b, sat8(a - b))
VEC_BINARY(PSUBSW, int16_t, w, sat16(a - b))
VEC_BINARY(PSUBUSB, uint8_t, b, satu8(a - b))
VEC_BINARY(PSUBUSW, uint16_t, w, satu16(a - b))

VEC_BINARY(PAVGB, uint8_t, b, (a + b + 1) >> 1)
VEC_BINARY(PAVGW, uint16_t, w, (a + b + 1) >> 1)

VEC_BINARY(PMINUB, uint8_t, b, a < b ? a : b)
VEC_BINARY(PMINUW, uint16_t, w, a < b ? a : b)
VEC_BINARY(PMINUD, uint32_t, d, a < b ? a : b)
VEC_BINARY(PMINSB, int8_t, b, a < b ? a : b)
VEC_BINARY(PMINSW, int16_t, w, a < b ? a : b)
VEC_BINARY(PMINSD, int32_t, d, a < b ? a : b)
VEC_BINARY(PMAXUB, uint8_t, b, a > b ? a : b)
VEC_BINARY(PMAXUW, uint16_t, w, a > b ? a : b)
VEC_BINARY(PMAXUD, uint32_t, d, a > b ? a : b)
VEC_BINARY(PMAXSB, int8_t, b, a > b ? a : b)
VEC_BINARY(PMAXSW, int16_t, w, a > b ? a : b)
VEC_BINARY(PMAXSD, int32_t, d, a > b ? a : b)

VEC_BINARY(PCMPEQB, int8_t, b, -(a == b))
VEC_BINARY(PCMPEQW, int16_t, w, -(a == b))
VEC_BINARY(PCMPEQD, int32_t, d, -(a == b))
VEC_BINARY(PCMPEQQ, int64_t, q, -(int64_t)(a == b))
VEC_BINARY(PCMPGTB, int8_t, b, -(a > b))
VEC_BINARY(PCMPGTW, int16_t, w, -(a > b))
VEC_BINARY(PCMPGTD, int32_t, d, -(a > b))
VEC_BINARY(PCMPGTQ, int64_t, q, -(int64_t)(a > b))

VEC_BINARY(PAND, uint64_t, q, a &b)
VEC_BINARY(PANDN, uint64_t, q, ~a &b)
VEC_BINARY(POR, uint64_t, q, a | b)
VEC_BINARY(PXOR, uint64_t, q, a ^ b)

VEC_BINARY(PMULLW, uint16_t, w, (uint32_t)a *b)
VEC_BINARY(PMULLD, uint32_t, d, a *b)
VEC_BINARY(PMULHW, int16_t, w, (a * b) >> 16)
VEC_BINARY(PMULHUW, uint16_t, w, ((uint32_t)a * b) >> 16)
VEC_BINARY(PMULHRSW, int16_t, w, (((a * b) >> 14) + 1) >> 1)
VEC_BINARY(PMULUDQ, uint64_t, q, (uint64_t)(uint32_t)a *(uint32_t)b)
VEC_BINARY(PMULDQ, int64_t, q, (int64_t)(int32_t)a *(int32_t)b)
VEC_BINARY(PMADDWD, uint32_t, d,
           (uint32_t)((int16_t)a *(int16_t)b) + (uint32_t)((int16_t)(a >> 16) * (int16_t)(b >> 16)))
VEC_BINARY(PMADDUBSW, uint16_t, w,
           sat16((uint8_t)a *(int8_t)b + (uint8_t)(a >> 8) * (int8_t)(b >> 8)))

VEC_BINARY(PSIGNB, int8_t, b, b < 0 ? -a : b ? a : 0)
VEC_BINARY(PSIGNW, int16_t, w, b < 0 ? -a : b ? a : 0)
VEC_BINARY(PSIGND, uint32_t, d, (int32_t)b < 0 ? -a : b ? a : 0)
VEC_UNARY(PABSB, int8_t, b, a < 0 ? -a : a)
VEC_UNARY(PABSW, int16_t, w, a < 0 ? -a : a)
VEC_UNARY(PABSD, uint32_t, d, (int32_t)a < 0 ? -a : a)

VEC_BINARY(PSLLVD, uint32_t, d, b < 32 ? a << b : 0)
VEC_BINARY(PSLLVQ, uint64_t, q, b < 64 ? a << b : 0)
VEC_BINARY(PSRLVD, uint32_t, d, b < 32 ? a >> b : 0)
VEC_BINARY(PSRLVQ, uint64_t, q, b < 64 ? a >> b : 0)
VEC_BINARY(PSRAVD, int32_t, d, a >> ((uint32_t)b < 32 ? b : 31))

static void psadbw(union x86_vec *r, const union x86_vec *x, const union x86_vec *y)
{
    for (unsigned k = 0; k < VEC_COUNT(uint64_t); k++) {
        unsigned sum = 0;

        for (unsigned n = 8 * k; n < 8 * k + 8; n++) {
            sum += x->b[n] > y->b[n] ? x->b[n] - y->b[n] : y->b[n] - x->b[n];
        }
        r->q[k] = sum;
    }
}

VEC_KERNEL(PSADBW, psadbw)

static void phminposuw(union x86_vec *r, const union x86_vec *x)
{
    unsigned at = 0;

    for (unsigned k = 1; k < 8; k++) {
        at = x->w[k] < x->w[at] ? k : at;
    }
    r->q[0] = x->w[at] | at << 16;
}

VEC_KERNEL1(PHMINPOSUW, phminposuw)

/* Sums or differences of neighbours, the first source's in the lower half of each lane. */
#define HORIZONTAL(NAME, type, field, expr)                                                        \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        const unsigned lane = vec_lane(i) / sizeof(type);                                          \
        union x86_vec x, y, r;                                                                     \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        for (unsigned at = 0; at < VEC_COUNT(type); at += lane) {                                  \
            for (unsigned k = 0; k < lane; k++) {                                                  \
                const union x86_vec *v = k < lane / 2 ? &x : &y;                                   \
                const unsigned n = at + 2 * k % lane;                                              \
                const type a = (type)v->field[n], b = (type)v->field[n + 1];                       \
                r.field[at + k] = (type)(expr);                                                    \
            }                                                                                      \
        }                                                                                          \
        operand_store_vec(cpu, i, 0, &r);                                                          \
    }

HORIZONTAL(PHADDW, uint16_t, w, a + b)
HORIZONTAL(PHADDD, uint32_t, d, a + b)
HORIZONTAL(PHADDSW, int16_t, w, sat16(a + b))
HORIZONTAL(PHSUBW, uint16_t, w, a - b)
HORIZONTAL(PHSUBD, uint32_t, d, a - b)
HORIZONTAL(PHSUBSW, int16_t, w, sat16(a - b))

/* Shifts: the count is an immediate or the low quadword of the second source. */
static uint64_t shift_count(struct x86_cpu *cpu, const struct x86_insn *i, uint64_t limit)
{
    union x86_vec y;
    uint64_t count;

    switch (insn_row(i)->operands[2]) {
    case OPND_Ib:
        count = i->imm & 0xff;
        break;
    default:
        operand_load_vec(cpu, i, 2, &y);
        count = y.q[0];
        break;
    }
    return count < limit ? count : limit;
}

#define SHIFT(NAME, type, field, expr)                                                             \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        const unsigned bits = sizeof(type) * 8;                                                    \
        const unsigned count = shift_count(cpu, i, bits);                                          \
        union x86_vec x;                                                                           \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        for (unsigned k = 0; k < VEC_COUNT(type); k++) {                                           \
            const type a = (type)x.field[k];                                                       \
            x.field[k] = (type)(expr);                                                             \
        }                                                                                          \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

SHIFT(PSLLW, uint16_t, w, (uint32_t)a << count)
SHIFT(PSLLD, uint32_t, d, (uint64_t)a << count)
SHIFT(PSLLQ, uint64_t, q, count < bits ? a << count : 0)
SHIFT(PSRLW, uint16_t, w, a >> count)
SHIFT(PSRLD, uint32_t, d, (uint64_t)a >> count)
SHIFT(PSRLQ, uint64_t, q, count < bits ? a >> count : 0)
SHIFT(PSRAW, int16_t, w, a >> (count < bits ? count : bits - 1))
SHIFT(PSRAD, int32_t, d, a >> (count < bits ? count : bits - 1))

/* Byte shifts of whole lanes. */
static void shift_bytes(union x86_vec *r, const union x86_vec *x, int by)
{
    for (int k = 0; k < X86_VEC_BYTES; k++) {
        int from = k % 16 - by;

        r->b[k] = from >= 0 && from < 16 ? x->b[(k & ~15) + from] : 0;
    }
}

VEC_KERNEL1(PSLLDQ, shift_bytes, i->imm & 0xff)
VEC_KERNEL1(PSRLDQ, shift_bytes, -(int)(i->imm & 0xff))

/* Sums of absolute differences of four bytes, at eight neighbouring positions of each lane. */
static void mpsadbw(union x86_vec *r, const union x86_vec *x, const union x86_vec *y, unsigned imm)
{
    for (unsigned lane = 0; lane < X86_VEC_BYTES; lane += 16, imm >>= 3) {
        const uint8_t *a = &x->b[lane + (imm & 4)], *b = &y->b[lane + 4 * (imm & 3)];

        for (unsigned k = 0; k < 8; k++) {
            unsigned sum = 0;

            for (unsigned n = 0; n < 4; n++) {
                sum += a[k + n] > b[n] ? a[k + n] - b[n] : b[n] - a[k + n];
            }
            r->w[lane / 2 + k] = sum;
        }
    }
}

VEC_KERNEL(MPSADBW, mpsadbw, i->imm)

/* Dot products: adds to each dword (accumulator, operand 0) the sum of products of its parts. */
#define DOT_PRODUCT(NAME, sum, add)                                                                \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        union x86_vec acc, x, y;                                                                   \
        operand_load_vec(cpu, i, 0, &acc);                                                         \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        for (unsigned k = 0; k < VEC_COUNT(uint32_t); k++) {                                       \
            acc.d[k] = add(acc.d[k], sum(&x, &y, k));                                              \
        }                                                                                          \
        operand_store_vec(cpu, i, 0, &acc);                                                        \
    }

/* Four bytes, unsigned by signed. */
static int64_t dot_bytes(const union x86_vec *x, const union x86_vec *y, unsigned k)
{
    int64_t sum = 0;

    for (unsigned n = 4 * k; n < 4 * k + 4; n++) {
        sum += x->b[n] * (int8_t)y->b[n];
    }
    return sum;
}

/* Two signed words. */
static int64_t dot_words(const union x86_vec *x, const union x86_vec *y, unsigned k)
{
    return (int64_t)(int16_t)x->w[2 * k] * (int16_t)y->w[2 * k] +
           (int64_t)(int16_t)x->w[2 * k + 1] * (int16_t)y->w[2 * k + 1];
}

static uint32_t add_wrap(uint32_t acc, int64_t sum)
{
    return acc + (uint32_t)sum;
}

static uint32_t add_saturate(uint32_t acc, int64_t sum)
{
    sum += (int32_t)acc;
    return sum < INT32_MIN ? INT32_MIN : sum > INT32_MAX ? INT32_MAX : sum;
}

DOT_PRODUCT(VPDPBUSD, dot_bytes, add_wrap)
DOT_PRODUCT(VPDPBUSDS, dot_bytes, add_saturate)
DOT_PRODUCT(VPDPWSSD, dot_words, add_wrap)
DOT_PRODUCT(VPDPWSSDS, dot_words, add_saturate)

/* PTEST, VTESTPS, VTESTPD: ZF and CF say whether a & b and ~a & b have bits in the mask. */
static void test_bits(struct x86_cpu *cpu, const struct x86_insn *i, uint64_t mask)
{
    uint64_t both = 0, only = 0;
    union x86_vec x, y;

    operand_load_vec(cpu, i, 0, &x);
    operand_load_vec(cpu, i, 1, &y);
    for (unsigned k = 0; k < VEC_COUNT(uint64_t); k++) {
        both |= x.q[k] & y.q[k] & mask;
        only |= ~x.q[k] & y.q[k] & mask;
    }
    flags_set_status(cpu, (both ? 0 : FLAG_ZF) | (only ? 0 : FLAG_CF));
}

void exec_PTEST(struct x86_cpu *cpu, const struct x86_insn *i)
{
    test_bits(cpu, i, ~0ull);
}

void exec_VTESTPS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    test_bits(cpu, i, 0x8000000080000000ull);
}

void exec_VTESTPD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    test_bits(cpu, i, 1ull << 63);
}

/* PMOVMSKB, MOVMSKPS, MOVMSKPD: the elements' sign bits, zero-extended into a register. */
static void sign_mask(struct x86_cpu *cpu, const struct x86_insn *i, unsigned element)
{
    uint64_t mask = 0;
    union x86_vec x;

    operand_load_vec(cpu, i, 1, &x);
    for (unsigned k = 0; k < X86_VEC_BYTES / element; k++) {
        mask |= (uint64_t)(x.b[k * element + element - 1] >> 7) << k;
    }
    operand_store(cpu, i, 0, mask);
}

void exec_PMOVMSKB(struct x86_cpu *cpu, const struct x86_insn *i)
{
    sign_mask(cpu, i, 1);
}

void exec_MOVMSKPS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    sign_mask(cpu, i, 4);
}

void exec_MOVMSKPD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    sign_mask(cpu, i, 8);
}
