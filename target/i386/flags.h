/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lazy arithmetic flags.
 *
 * An instruction leaves its result (sign-extended to 64 bits) and the vector of carries out of
 * each bit; flags are computed when somebody looks. The carry vector of a + b is
 * (a & b) | ((a | b) & ~sum), the borrow vector of a - b is (~a & b) | (~(a ^ b) & difference).
 * CF is its top bit, OF the exclusive or of the top two, AF bit 3.
 */
#ifndef VITRO_TARGET_I386_FLAGS_H
#define VITRO_TARGET_I386_FLAGS_H

#include "target/i386/cpu.h"

static inline int64_t sign_extend(uint64_t v, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;

    return (int64_t)(v << shift) >> shift;
}

static inline void flags_result(struct x86_cpu *cpu, unsigned bytes, uint64_t res)
{
    cpu->fl_zero = cpu->fl_sign = (uint64_t)sign_extend(res, bytes);
}

/* res = a + b (+ carry) */
static inline void flags_add(struct x86_cpu *cpu, unsigned bytes, uint64_t a, uint64_t b,
                             uint64_t res)
{
    flags_result(cpu, bytes, res);
    cpu->fl_carry = (a & b) | ((a | b) & ~res);
    cpu->fl_msb = bytes * 8 - 1;
}

/* res = a - b (- borrow) */
static inline void flags_sub(struct x86_cpu *cpu, unsigned bytes, uint64_t a, uint64_t b,
                             uint64_t res)
{
    flags_result(cpu, bytes, res);
    cpu->fl_carry = (~a & b) | (~(a ^ b) & res);
    cpu->fl_msb = bytes * 8 - 1;
}

/* CF = OF = AF = 0 */
static inline void flags_logic(struct x86_cpu *cpu, unsigned bytes, uint64_t res)
{
    flags_result(cpu, bytes, res);
    cpu->fl_carry = 0;
    cpu->fl_msb = 7;
}

static inline bool flag_cf(const struct x86_cpu *cpu)
{
    return (cpu->fl_carry >> cpu->fl_msb) & 1;
}

static inline bool flag_of(const struct x86_cpu *cpu)
{
    return ((cpu->fl_carry ^ (cpu->fl_carry << 1)) >> cpu->fl_msb) & 1;
}

static inline bool flag_zf(const struct x86_cpu *cpu)
{
    return cpu->fl_zero == 0;
}

static inline bool flag_sf(const struct x86_cpu *cpu)
{
    return cpu->fl_sign >> 63;
}

static inline bool flag_pf(const struct x86_cpu *cpu)
{
    return !__builtin_parity(cpu->fl_sign & 0xff);
}

static inline bool flag_af(const struct x86_cpu *cpu)
{
    return (cpu->fl_carry >> 3) & 1;
}

/* The six as bits of EFLAGS. */
static inline uint32_t flags_status(const struct x86_cpu *cpu)
{
    return (flag_cf(cpu) ? FLAG_CF : 0) | (flag_pf(cpu) ? FLAG_PF : 0) |
           (flag_af(cpu) ? FLAG_AF : 0) | (flag_zf(cpu) ? FLAG_ZF : 0) |
           (flag_sf(cpu) ? FLAG_SF : 0) | (flag_of(cpu) ? FLAG_OF : 0);
}

static inline void flags_set_carry_overflow(struct x86_cpu *cpu, bool cf, bool of, bool af)
{
    cpu->fl_carry = (cf ? 0x80 : 0) | (cf != of ? 0x40 : 0) | (af ? 8 : 0);
    cpu->fl_msb = 7;
}

static inline void flags_set_status(struct x86_cpu *cpu, uint32_t f)
{
    cpu->fl_zero = !(f & FLAG_ZF);
    cpu->fl_sign = (f & FLAG_SF ? 1ULL << 63 : 0) | (f & FLAG_PF ? 0 : 1);
    flags_set_carry_overflow(cpu, f & FLAG_CF, f & FLAG_OF, f & FLAG_AF);
}

/* Sets only the flags in @mask. */
static inline void flags_update(struct x86_cpu *cpu, uint32_t mask, uint32_t f)
{
    flags_set_status(cpu, (flags_status(cpu) & ~mask) | (f & mask));
}

/* SF, ZF, PF from @res, CF and OF given, AF = 0: shifts, multiplication */
static inline void flags_szp_co(struct x86_cpu *cpu, unsigned bytes, uint64_t res, bool cf, bool of)
{
    flags_result(cpu, bytes, res);
    flags_set_carry_overflow(cpu, cf, of, false);
}

/* A condition of Jcc, SETcc, CMOVcc: the opcode's low four bits. */
static inline bool flags_condition(const struct x86_cpu *cpu, unsigned cond)
{
    bool val;

    switch (cond >> 1) {
    case 0:
        val = flag_of(cpu);
        break;
    case 1:
        val = flag_cf(cpu);
        break;
    case 2:
        val = flag_zf(cpu);
        break;
    case 3:
        val = flag_cf(cpu) || flag_zf(cpu);
        break;
    case 4:
        val = flag_sf(cpu);
        break;
    case 5:
        val = flag_pf(cpu);
        break;
    case 6:
        val = flag_sf(cpu) != flag_of(cpu);
        break;
    default:
        val = flag_zf(cpu) || flag_sf(cpu) != flag_of(cpu);
        break;
    }
    return val != (cond & 1);
}

#endif
