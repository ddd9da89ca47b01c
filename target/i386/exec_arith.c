/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integer arithmetic and logic: ADD to CMP, INC, NEG, multiplication, division, BCD.
 */
#include "target/i386/exec.h"

void exec_ADD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t b = operand_load(cpu, i, 1), a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, a + b));
    flags_add(cpu, i->width, a, b, a + b);
}

void exec_ADC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t b = operand_load(cpu, i, 1), c = flag_cf(cpu), a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, a + b + c));
    flags_add(cpu, i->width, a, b, a + b + c);
}

void exec_SUB(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t b = operand_load(cpu, i, 1), a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, a - b));
    flags_sub(cpu, i->width, a, b, a - b);
}

void exec_SBB(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t b = operand_load(cpu, i, 1), c = flag_cf(cpu), a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, a - b - c));
    flags_sub(cpu, i->width, a, b, a - b - c);
}

void exec_CMP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t a = operand_load(cpu, i, 0), b = operand_load(cpu, i, 1);

    flags_sub(cpu, i->width, a, b, a - b);
}

void exec_AND(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t b = operand_load(cpu, i, 1), a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, a & b));
    flags_logic(cpu, i->width, a & b);
}

void exec_OR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t b = operand_load(cpu, i, 1), a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, a | b));
    flags_logic(cpu, i->width, a | b);
}

void exec_XOR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t b = operand_load(cpu, i, 1), a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, a ^ b));
    flags_logic(cpu, i->width, a ^ b);
}

void exec_TEST(struct x86_cpu *cpu, const struct x86_insn *i)
{
    flags_logic(cpu, i->width, operand_load(cpu, i, 0) & operand_load(cpu, i, 1));
}

void exec_NOT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, ~a));
}

void exec_NEG(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, 0 - a));
    flags_sub(cpu, i->width, 0, a, 0 - a);
}

/* INC and DEC leave CF. */
static void keep_carry(struct x86_cpu *cpu, bool cf)
{
    flags_set_carry_overflow(cpu, cf, flag_of(cpu), flag_af(cpu));
}

void exec_INC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    bool cf = flag_cf(cpu);
    uint64_t a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, a + 1));
    flags_add(cpu, i->width, a, 1, a + 1);
    keep_carry(cpu, cf);
}

void exec_DEC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    bool cf = flag_cf(cpu);
    uint64_t a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, a - 1));
    flags_sub(cpu, i->width, a, 1, a - 1);
    keep_carry(cpu, cf);
}

void exec_XADD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t b = operand_load(cpu, i, 1), a;

    do {
        a = operand_load_rmw(cpu, i, 0);
        if (!i->is_mem) {
            operand_store(cpu, i, 1, a); /* same register twice: the sum wins */
        }
    } while (!operand_store_rmw(cpu, i, 0, a, a + b));
    if (i->is_mem) {
        operand_store(cpu, i, 1, a);
    }
    flags_add(cpu, i->width, a, b, a + b);
}

void exec_CMPXCHG(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t acc = gpr_read(cpu, X86_RAX, i->width), src = operand_load(cpu, i, 1), old;
    bool equal;

    do {
        old = operand_load_rmw(cpu, i, 0);
        equal = old == acc;
        if (!equal && !i->is_mem) {
            break; /* memory gets a write cycle in any case, a register does not */
        }
    } while (!operand_store_rmw(cpu, i, 0, old, equal ? src : old));
    if (!equal) {
        gpr_write(cpu, X86_RAX, i->width, old);
    }
    flags_sub(cpu, i->width, acc, old, acc - old);
}

/* Multiplication. The flags not defined are left as current processors leave them. */

static void store_product(struct x86_cpu *cpu, unsigned width, uint64_t low, uint64_t high)
{
    if (width == 1) {
        gpr_write(cpu, X86_RAX, 2, (low & 0xff) | high << 8);
    } else {
        gpr_write(cpu, X86_RAX, width, low);
        gpr_write(cpu, X86_RDX, width, high);
    }
}

void exec_MUL(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned __int128 p =
        (unsigned __int128)operand_load(cpu, i, 0) * gpr_read(cpu, X86_RAX, i->width);
    uint64_t low = (uint64_t)p & size_mask(i->width), high = (uint64_t)(p >> (i->width * 8));

    store_product(cpu, i->width, low, high);
    flags_szp_co(cpu, i->width, low, high, high);
}

/* Signed product of two operands of @width; returns whether it does not fit. */
static bool signed_product(unsigned width, uint64_t a, uint64_t b, uint64_t *ret_low,
                           uint64_t *ret_high)
{
    __int128 p = (__int128)sign_extend(a, width) * sign_extend(b, width);

    *ret_low = (uint64_t)p & size_mask(width);
    *ret_high = (uint64_t)(p >> (width * 8)) & size_mask(width);
    return p != sign_extend(*ret_low, width);
}

void exec_IMUL1(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t low, high;
    bool over = signed_product(i->width, operand_load(cpu, i, 0), gpr_read(cpu, X86_RAX, i->width),
                               &low, &high);

    store_product(cpu, i->width, low, high);
    flags_szp_co(cpu, i->width, low, over, over);
}

void exec_IMUL2(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t low, high;
    bool over =
        signed_product(i->width, operand_load(cpu, i, 0), operand_load(cpu, i, 1), &low, &high);

    operand_store(cpu, i, 0, low);
    flags_szp_co(cpu, i->width, low, over, over);
}

void exec_IMUL3(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t low, high;
    bool over =
        signed_product(i->width, operand_load(cpu, i, 1), operand_load(cpu, i, 2), &low, &high);

    operand_store(cpu, i, 0, low);
    flags_szp_co(cpu, i->width, low, over, over);
}

void exec_MULX(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned width = operand_size(i, 0);
    unsigned __int128 p =
        (unsigned __int128)operand_load(cpu, i, 2) * gpr_read(cpu, X86_RDX, width);

    operand_store(cpu, i, 1, (uint64_t)p);
    operand_store(cpu, i, 0, (uint64_t)(p >> (width * 8)));
}

void exec_DIV(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t d = operand_load(cpu, i, 0);
    unsigned __int128 n, q;

    if (i->width == 1) {
        n = gpr_read(cpu, X86_RAX, 2);
    } else {
        n = (unsigned __int128)gpr_read(cpu, X86_RDX, i->width) << (i->width * 8) |
            gpr_read(cpu, X86_RAX, i->width);
    }
    if (!d) {
        x86_raise(cpu, EXC_DE, 0);
    }
    q = n >> 64 ? n / d : (uint64_t)n / d;
    if (q > size_mask(i->width)) {
        x86_raise(cpu, EXC_DE, 0);
    }
    store_product(cpu, i->width, (uint64_t)q, (uint64_t)(n - q * d));
}

void exec_IDIV(struct x86_cpu *cpu, const struct x86_insn *i)
{
    int64_t d = sign_extend(operand_load(cpu, i, 0), i->width);
    __int128 n, q;

    if (i->width == 1) {
        n = sign_extend(gpr_read(cpu, X86_RAX, 2), 2);
    } else {
        n = (__int128)((unsigned __int128)(__int128)sign_extend(cpu->gpr[X86_RDX], i->width)
                       << (i->width * 8)) |
            gpr_read(cpu, X86_RAX, i->width);
    }
    if (!d || (d == -1 && n == (__int128)((unsigned __int128)1 << 127))) {
        x86_raise(cpu, EXC_DE, 0);
    }
    q = n / d;
    if (q != sign_extend((uint64_t)q, i->width)) {
        x86_raise(cpu, EXC_DE, 0);
    }
    store_product(cpu, i->width, (uint64_t)q & size_mask(i->width),
                  (uint64_t)(n - q * d) & size_mask(i->width));
}

/* ADCX and ADOX add with one flag as carry in and out. */
static void add_with_flag(struct x86_cpu *cpu, const struct x86_insn *i, uint32_t flag, bool carry)
{
    unsigned width = operand_size(i, 0);
    uint64_t a = operand_load(cpu, i, 0), b = operand_load(cpu, i, 1);
    unsigned __int128 sum = (unsigned __int128)a + b + carry;

    operand_store(cpu, i, 0, (uint64_t)sum);
    flags_update(cpu, flag, (uint64_t)(sum >> (width * 8)) ? flag : 0);
}

void exec_ADCX(struct x86_cpu *cpu, const struct x86_insn *i)
{
    add_with_flag(cpu, i, FLAG_CF, flag_cf(cpu));
}

void exec_ADOX(struct x86_cpu *cpu, const struct x86_insn *i)
{
    add_with_flag(cpu, i, FLAG_OF, flag_of(cpu));
}

/* Decimal arithmetic on AL and AX. */

static void set_al(struct x86_cpu *cpu, uint8_t al)
{
    gpr_write(cpu, X86_RAX, 1, al);
}

static void decimal_adjust(struct x86_cpu *cpu, int sign)
{
    uint8_t old = (uint8_t)cpu->gpr[X86_RAX], al = old;
    bool cf = flag_cf(cpu), af = flag_af(cpu), new_cf = false;

    if ((old & 0xf) > 9 || af) {
        al = (uint8_t)(al + sign * 6);
        new_cf = cf || (sign > 0 ? old > 0xf9 : old < 6);
        af = true;
    }
    if (old > 0x99 || cf) {
        al = (uint8_t)(al + sign * 0x60);
        new_cf = true;
    }
    set_al(cpu, al);
    flags_result(cpu, 1, al);
    flags_set_carry_overflow(cpu, new_cf, /* of= */ false, af);
}

void exec_DAA(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    decimal_adjust(cpu, 1);
}

void exec_DAS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    decimal_adjust(cpu, -1);
}

static void ascii_adjust(struct x86_cpu *cpu, int sign)
{
    uint16_t ax = (uint16_t)cpu->gpr[X86_RAX];
    bool adjust = (ax & 0xf) > 9 || flag_af(cpu);

    if (adjust) {
        ax = (uint16_t)(ax + sign * 0x106);
    }
    ax &= 0xff0f;
    gpr_write(cpu, X86_RAX, 2, ax);
    flags_result(cpu, 1, ax & 0xff);
    flags_set_carry_overflow(cpu, adjust, /* of= */ false, adjust);
}

void exec_AAA(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    ascii_adjust(cpu, 1);
}

void exec_AAS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    ascii_adjust(cpu, -1);
}

void exec_AAM(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint8_t base = (uint8_t)operand_load(cpu, i, 0), al = (uint8_t)cpu->gpr[X86_RAX];

    if (!base) {
        x86_raise(cpu, EXC_DE, 0);
    }
    gpr_write(cpu, X86_RAX, 2, (uint64_t)(al / base) << 8 | al % base);
    flags_logic(cpu, 1, al % base);
}

void exec_AAD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint8_t base = (uint8_t)operand_load(cpu, i, 0);
    uint8_t al = (uint8_t)(cpu->gpr[X86_RAX] + (cpu->gpr[X86_RAX] >> 8 & 0xff) * base);

    gpr_write(cpu, X86_RAX, 2, al);
    flags_logic(cpu, 1, al);
}
