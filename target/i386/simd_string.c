/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String comparison of SSE4.2: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM.
 *
 * The immediate: bit 0 words, 1 signed, 2-3 what is compared, 4-5 polarity, 6 output. Intel's
 * manual, volume 2, 4.1.
 */
#include "target/i386/simd.h"

enum aggregation { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

struct strings {
    int a[16], b[16];      /* elements of operand 0 and 1 */
    unsigned len_a, len_b; /* valid elements */
    unsigned count;        /* elements per register: 8 or 16 */
};

static int element(const union x86_vec *v, unsigned k, unsigned imm)
{
    switch (imm & 3) {
    case 0:
        return v->b[k];
    case 1:
        return v->w[k];
    case 2:
        return (int8_t)v->b[k];
    default:
        return (int16_t)v->w[k];
    }
}

static unsigned implicit_length(const int *v, unsigned count)
{
    unsigned n = 0;

    while (n < count && v[n]) {
        n++;
    }
    return n;
}

/* The absolute value of EAX or RAX (EDX, RDX), at most the number of elements. */
static unsigned explicit_length(const struct x86_cpu *cpu, const struct x86_insn *i, unsigned reg,
                                unsigned count)
{
    unsigned size = i->prefixes & PREFIX_W ? 8 : 4;
    int64_t n = sign_extend(gpr_read(cpu, reg, size), size);
    uint64_t mag = n < 0 ? -(uint64_t)n : (uint64_t)n;

    return mag < count ? mag : count;
}

static bool in_set(const struct strings *s, unsigned j)
{
    for (unsigned k = 0; k < s->len_a; k++) {
        if (s->a[k] == s->b[j]) {
            return true;
        }
    }
    return false;
}

static bool in_ranges(const struct strings *s, unsigned j)
{
    for (unsigned k = 0; k + 1 < s->len_a; k += 2) {
        if (s->a[k] <= s->b[j] && s->b[j] <= s->a[k + 1]) {
            return true;
        }
    }
    return false;
}

/* Does a stand in b from position j? What would lie beyond b's register counts as a match. */
static bool found_at(const struct strings *s, unsigned j)
{
    for (unsigned k = 0; k < s->len_a && j + k < s->count; k++) {
        if (j + k >= s->len_b || s->a[k] != s->b[j + k]) {
            return false;
        }
    }
    return true;
}

static bool aggregate(const struct strings *s, enum aggregation how, unsigned j)
{
    bool valid_a = j < s->len_a, valid_b = j < s->len_b;

    switch (how) {
    case EQUAL_ANY:
        return valid_b && in_set(s, j);
    case RANGES:
        return valid_b && in_ranges(s, j);
    case EQUAL_EACH:
        return valid_a && valid_b ? s->a[j] == s->b[j] : valid_a == valid_b;
    default:
        return found_at(s, j);
    }
}

/* Computes the result's bits and sets the flags. */
static unsigned compare_strings(struct x86_cpu *cpu, const struct x86_insn *i, bool explicit)
{
    struct strings s = {.count = i->imm & 1 ? 8 : 16};
    unsigned bits = 0;
    union x86_vec x, y;

    operand_load_vec(cpu, i, 0, &x);
    operand_load_vec(cpu, i, 1, &y);
    for (unsigned k = 0; k < s.count; k++) {
        s.a[k] = element(&x, k, i->imm);
        s.b[k] = element(&y, k, i->imm);
    }
    s.len_a = explicit ? explicit_length(cpu, i, X86_RAX, s.count) : implicit_length(s.a, s.count);
    s.len_b = explicit ? explicit_length(cpu, i, X86_RDX, s.count) : implicit_length(s.b, s.count);
    for (unsigned j = 0; j < s.count; j++) {
        bool hit = aggregate(&s, i->imm >> 2 & 3, j);
        bool negate = i->imm & 0x10 && (!(i->imm & 0x20) || j < s.len_b);

        bits |= (unsigned)(hit != negate) << j;
    }
    flags_set_status(cpu, (bits ? FLAG_CF : 0) | (s.len_b < s.count ? FLAG_ZF : 0) |
                              (s.len_a < s.count ? FLAG_SF : 0) | (bits & 1 ? FLAG_OF : 0));
    return bits;
}

static void store_index(struct x86_cpu *cpu, const struct x86_insn *i, unsigned bits)
{
    unsigned index = i->imm & 1 ? 8 : 16;

    if (bits) {
        index = i->imm & 0x40 ? 31 - __builtin_clz(bits) : __builtin_ctz(bits);
    }
    gpr_write(cpu, X86_RCX, 4, index);
}

static void store_mask(struct x86_cpu *cpu, const struct x86_insn *i, unsigned bits)
{
    union x86_vec *r = &cpu->vec[0];

    memset(r, 0, insn_is_vex(i) ? sizeof(*r) : 16);
    if (!(i->imm & 0x40)) {
        r->w[0] = bits;
        return;
    }
    for (unsigned k = 0; k < 16; k++) {
        r->b[k] = bits >> (i->imm & 1 ? k / 2 : k) & 1 ? 0xff : 0;
    }
}

void exec_PCMPESTRI(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_index(cpu, i, compare_strings(cpu, i, /* explicit= */ true));
}

void exec_PCMPESTRM(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_mask(cpu, i, compare_strings(cpu, i, /* explicit= */ true));
}

void exec_PCMPISTRI(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_index(cpu, i, compare_strings(cpu, i, /* explicit= */ false));
}

void exec_PCMPISTRM(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_mask(cpu, i, compare_strings(cpu, i, /* explicit= */ false));
}
