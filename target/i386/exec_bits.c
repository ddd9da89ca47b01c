/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shifts, rotates, bit tests, bit counts, BMI1, BMI2, CRC32.
 */
#include "target/i386/exec.h"
#include "target/i386/mem.h"

/* The count of a shift: five bits, six for 64-bit operands. */
static unsigned shift_count(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n)
{
    return operand_load(cpu, i, n) & (i->width == 8 ? 63 : 31);
}

static uint64_t store_shifted(struct x86_cpu *cpu, const struct x86_insn *i, uint64_t old,
                              uint64_t val)
{
    operand_store_rmw(cpu, i, 0, old, val & size_mask(i->width));
    return val & size_mask(i->width);
}

static bool top_bit(const struct x86_insn *i, uint64_t v)
{
    return v >> (i->width * 8 - 1) & 1;
}

void exec_SHL(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned n = shift_count(cpu, i, 1), bits = i->width * 8;
    uint64_t a = operand_load_rmw(cpu, i, 0), res;
    bool cf;

    if (!n) {
        operand_store_rmw(cpu, i, 0, a, a);
        return;
    }
    res = store_shifted(cpu, i, a, a << n);
    cf = n <= bits && (a >> (bits - n) & 1);
    flags_szp_co(cpu, i->width, res, cf, top_bit(i, res) != cf);
}

void exec_SHR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned n = shift_count(cpu, i, 1);
    uint64_t a = operand_load_rmw(cpu, i, 0), res;

    if (!n) {
        operand_store_rmw(cpu, i, 0, a, a);
        return;
    }
    res = store_shifted(cpu, i, a, a >> n);
    flags_szp_co(cpu, i->width, res, a >> (n - 1) & 1, top_bit(i, res ^ (res << 1)));
}

void exec_SAR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned n = shift_count(cpu, i, 1);
    uint64_t a = operand_load_rmw(cpu, i, 0), res;
    int64_t wide = sign_extend(a, i->width);

    if (!n) {
        operand_store_rmw(cpu, i, 0, a, a);
        return;
    }
    res = store_shifted(cpu, i, a, (uint64_t)(wide >> n));
    flags_szp_co(cpu, i->width, res, wide >> (n - 1) & 1, /* of= */ false);
}

/* Rotates change CF and OF only. */
static void rotate_flags(struct x86_cpu *cpu, bool cf, bool of)
{
    flags_set_carry_overflow(cpu, cf, of, flag_af(cpu));
}

void exec_ROL(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned count = shift_count(cpu, i, 1), bits = i->width * 8, n = count % bits;
    uint64_t a = operand_load_rmw(cpu, i, 0), res;

    res = store_shifted(cpu, i, a, n ? a << n | a >> (bits - n) : a);
    if (count) {
        rotate_flags(cpu, res & 1, top_bit(i, res) != (res & 1));
    }
}

void exec_ROR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned count = shift_count(cpu, i, 1), bits = i->width * 8, n = count % bits;
    uint64_t a = operand_load_rmw(cpu, i, 0), res;

    res = store_shifted(cpu, i, a, n ? a >> n | a << (bits - n) : a);
    if (count) {
        rotate_flags(cpu, top_bit(i, res), top_bit(i, res ^ (res << 1)));
    }
}

void exec_RCL(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned bits = i->width * 8, n = shift_count(cpu, i, 1) % (bits + 1);
    uint64_t a = operand_load_rmw(cpu, i, 0), res;
    unsigned __int128 wide = (unsigned __int128)flag_cf(cpu) << bits | a;

    if (!n) {
        operand_store_rmw(cpu, i, 0, a, a);
        return;
    }
    wide = wide << n | wide >> (bits + 1 - n);
    res = store_shifted(cpu, i, a, (uint64_t)wide);
    rotate_flags(cpu, wide >> bits & 1, top_bit(i, res) != (bool)(wide >> bits & 1));
}

void exec_RCR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned bits = i->width * 8, n = shift_count(cpu, i, 1) % (bits + 1);
    uint64_t a = operand_load_rmw(cpu, i, 0), res;
    unsigned __int128 wide = (unsigned __int128)flag_cf(cpu) << bits | a;

    if (!n) {
        operand_store_rmw(cpu, i, 0, a, a);
        return;
    }
    wide = wide >> n | wide << (bits + 1 - n);
    res = store_shifted(cpu, i, a, (uint64_t)wide);
    rotate_flags(cpu, wide >> bits & 1, top_bit(i, res ^ (res << 1)));
}

static void double_shift(struct x86_cpu *cpu, const struct x86_insn *i, bool left)
{
    unsigned n = shift_count(cpu, i, 2), bits = i->width * 8;
    uint64_t b = operand_load(cpu, i, 1), a = operand_load_rmw(cpu, i, 0), res;
    unsigned __int128 wide;
    bool cf;

    if (!n) {
        operand_store_rmw(cpu, i, 0, a, a);
        return;
    }
    if (i->width == 2 && n > 16) { /* not defined; as silicon: the second operand repeats */
        n -= 16;
        wide = (unsigned __int128)b << 16 | b;
    } else {
        wide = left ? (unsigned __int128)a << bits | b : (unsigned __int128)b << bits | a;
    }
    if (left) {
        cf = wide >> (2 * bits - n) & 1;
        res = (uint64_t)(wide << n >> bits);
    } else {
        cf = wide >> (n - 1) & 1;
        res = (uint64_t)(wide >> n);
    }
    res = store_shifted(cpu, i, a, res);
    flags_szp_co(cpu, i->width, res, cf, top_bit(i, a ^ res));
}

void exec_SHLD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    double_shift(cpu, i, /* left= */ true);
}

void exec_SHRD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    double_shift(cpu, i, /* left= */ false);
}

/*
 * Bit tests. A register as bit number reaches beyond a memory operand: the element is found at the
 * signed bit number / operand bits.
 */
enum bit_action {
    BIT_TEST,
    BIT_SET,
    BIT_RESET,
    BIT_COMPLEMENT,
};

static uint64_t bit_apply(uint64_t v, uint64_t bit, enum bit_action action)
{
    switch (action) {
    case BIT_SET:
        return v | bit;
    case BIT_RESET:
        return v & ~bit;
    case BIT_COMPLEMENT:
        return v ^ bit;
    default:
        return v;
    }
}

static void bit_op(struct x86_cpu *cpu, const struct x86_insn *i, enum bit_action action)
{
    bool by_reg = x86_operand_info[insn_row(i)->operands[1]].where == WHERE_REG;
    uint64_t n = operand_load(cpu, i, 1), v, bit = 1ULL << (n & (i->width * 8 - 1));

    if (i->is_mem && by_reg) {
        bool locked = i->prefixes & PREFIX_LOCK, write = action != BIT_TEST;
        int64_t element = sign_extend(n, i->width) >> (i->width == 8 ? 6 : i->width == 4 ? 5 : 4);
        uint64_t la = operand_linear(cpu, i, (uint64_t)(element * i->width), i->width, write);

        if (!write) {
            v = i->width == 8   ? mem_read64(cpu, la)
                : i->width == 4 ? mem_read32(cpu, la)
                                : mem_read16(cpu, la);
        } else {
            mem_rmw_begin(cpu, la, i->width, locked);
            do {
                v = mem_rmw_load(cpu, i->width);
            } while (!mem_rmw_store(cpu, v, bit_apply(v, bit, action), i->width, locked));
        }
    } else if (action == BIT_TEST) {
        v = operand_load(cpu, i, 0);
    } else {
        do {
            v = operand_load_rmw(cpu, i, 0);
        } while (!operand_store_rmw(cpu, i, 0, v, bit_apply(v, bit, action)));
    }
    flags_update(cpu, FLAG_CF, v & bit ? FLAG_CF : 0);
}

void exec_BT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    bit_op(cpu, i, BIT_TEST);
}

void exec_BTS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    bit_op(cpu, i, BIT_SET);
}

void exec_BTR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    bit_op(cpu, i, BIT_RESET);
}

void exec_BTC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    bit_op(cpu, i, BIT_COMPLEMENT);
}

/* BSF and BSR leave the destination when the source is 0. */
static void bit_scan(struct x86_cpu *cpu, const struct x86_insn *i, bool reverse)
{
    uint64_t v = operand_load(cpu, i, 1);

    if (v) {
        operand_store(cpu, i, 0, reverse ? 63 - __builtin_clzll(v) : __builtin_ctzll(v));
    }
    flags_update(cpu, FLAG_ZF, v ? 0 : FLAG_ZF);
}

void exec_BSF(struct x86_cpu *cpu, const struct x86_insn *i)
{
    bit_scan(cpu, i, /* reverse= */ false);
}

void exec_BSR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    bit_scan(cpu, i, /* reverse= */ true);
}

void exec_TZCNT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t v = operand_load(cpu, i, 1), n = v ? __builtin_ctzll(v) : i->width * 8;

    operand_store(cpu, i, 0, n);
    flags_update(cpu, FLAG_ZF | FLAG_CF, (v ? 0 : FLAG_CF) | (n ? 0 : FLAG_ZF));
}

void exec_LZCNT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned bits = i->width * 8;
    uint64_t v = operand_load(cpu, i, 1), n = v ? __builtin_clzll(v) - (64 - bits) : bits;

    operand_store(cpu, i, 0, n);
    flags_update(cpu, FLAG_ZF | FLAG_CF, (v ? 0 : FLAG_CF) | (n ? 0 : FLAG_ZF));
}

void exec_POPCNT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t v = operand_load(cpu, i, 1);

    operand_store(cpu, i, 0, __builtin_popcountll(v));
    flags_set_status(cpu, v ? 0 : FLAG_ZF);
}

static void bmi_flags(struct x86_cpu *cpu, unsigned width, uint64_t res, bool cf)
{
    flags_szp_co(cpu, width, res, cf, /* of= */ false);
}

void exec_ANDN(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t res = ~operand_load(cpu, i, 1) & operand_load(cpu, i, 2);

    operand_store(cpu, i, 0, res);
    bmi_flags(cpu, operand_size(i, 0), res, /* cf= */ false);
}

void exec_BLSR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t v = operand_load(cpu, i, 1), res = v & (v - 1);

    operand_store(cpu, i, 0, res);
    bmi_flags(cpu, operand_size(i, 0), res, v == 0);
}

void exec_BLSMSK(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t v = operand_load(cpu, i, 1), res = v ^ (v - 1);

    operand_store(cpu, i, 0, res);
    bmi_flags(cpu, operand_size(i, 0), res, v == 0);
}

void exec_BLSI(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t v = operand_load(cpu, i, 1), res = v & (0 - v);

    operand_store(cpu, i, 0, res);
    bmi_flags(cpu, operand_size(i, 0), res, v != 0);
}

void exec_BZHI(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned width = operand_size(i, 0), n = operand_load(cpu, i, 2) & 0xff;
    uint64_t v = operand_load(cpu, i, 1), res = n < width * 8 ? v & ((1ULL << n) - 1) : v;

    operand_store(cpu, i, 0, res);
    bmi_flags(cpu, width, res, n >= width * 8);
}

void exec_BEXTR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t v = operand_load(cpu, i, 1), control = operand_load(cpu, i, 2), res;
    unsigned start = control & 0xff, len = control >> 8 & 0xff;

    res = start < 64 ? v >> start : 0;
    if (len < 64) {
        res &= (1ULL << len) - 1;
    }
    operand_store(cpu, i, 0, res);
    bmi_flags(cpu, operand_size(i, 0), res, /* cf= */ false);
}

void exec_PEXT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t v = operand_load(cpu, i, 1), mask = operand_load(cpu, i, 2), res = 0;

    for (unsigned n = 0; mask; n++, mask &= mask - 1) {
        res |= (v >> __builtin_ctzll(mask) & 1) << n;
    }
    operand_store(cpu, i, 0, res);
}

void exec_PDEP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t v = operand_load(cpu, i, 1), mask = operand_load(cpu, i, 2), res = 0;

    for (; mask; v >>= 1, mask &= mask - 1) {
        res |= v & 1 ? mask & (0 - mask) : 0;
    }
    operand_store(cpu, i, 0, res);
}

void exec_SHLX(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned n = operand_load(cpu, i, 2) & (operand_size(i, 0) * 8 - 1);

    operand_store(cpu, i, 0, operand_load(cpu, i, 1) << n);
}

void exec_SHRX(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned n = operand_load(cpu, i, 2) & (operand_size(i, 0) * 8 - 1);

    operand_store(cpu, i, 0, operand_load(cpu, i, 1) >> n);
}

void exec_SARX(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned size = operand_size(i, 0), n = operand_load(cpu, i, 2) & (size * 8 - 1);

    operand_store(cpu, i, 0, (uint64_t)(sign_extend(operand_load(cpu, i, 1), size) >> n));
}

void exec_RORX(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned bits = operand_size(i, 0) * 8, n = i->imm & (bits - 1);
    uint64_t v = operand_load(cpu, i, 1);

    operand_store(cpu, i, 0, n ? v >> n | v << (bits - n) : v);
}

/* CRC-32C, reflected. */
void exec_CRC32(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t data = operand_load(cpu, i, 1);
    uint32_t crc = (uint32_t)operand_load(cpu, i, 0);

    for (unsigned n = 0; n < operand_size(i, 1); n++) {
        crc ^= data >> (n * 8) & 0xff;
        for (unsigned b = 0; b < 8; b++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
        }
    }
    operand_store(cpu, i, 0, crc);
}
