/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector moves: whole and partial registers, masked and gathering accesses, SSE4a bit fields,
 * register clearing (MMX to AVX2).
 */
#include "target/i386/simd.h"

#include "target/i386/tlb.h"
#include "target/i386/x87.h"

/* All full-width moves: what is not loaded becomes zero, what is not stored stays. */
void exec_MOVV(struct x86_cpu *cpu, const struct x86_insn *i)
{
    union x86_vec x;

    operand_load_vec(cpu, i, 1, &x);
    operand_store_vec(cpu, i, 0, &x);
}

/* MOVD, MOVQ from a general register or memory */
void exec_MOVD_IN(struct x86_cpu *cpu, const struct x86_insn *i)
{
    union x86_vec x = {.q = {operand_load(cpu, i, 1)}};

    operand_store_vec(cpu, i, 0, &x);
}

/* MOVD, MOVQ to a general register or memory */
void exec_MOVD_OUT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    union x86_vec x;

    operand_load_vec(cpu, i, 1, &x);
    operand_store(cpu, i, 0, operand_size(i, 0) == 8 ? x.q[0] : x.d[0]);
}

/* Replace one element of operand 1 by one of operand 2. */
#define MERGE(NAME, field, to, from)                                                               \
    void exec_##NAME(struct x86_cpu *cpu, const struct x86_insn *i)                                \
    {                                                                                              \
        union x86_vec x, y;                                                                        \
        operand_load_vec(cpu, i, 1, &x);                                                           \
        operand_load_vec(cpu, i, 2, &y);                                                           \
        x.field[to] = y.field[from];                                                               \
        operand_store_vec(cpu, i, 0, &x);                                                          \
    }

MERGE(MOVSS_MERGE, d, 0, 0)
MERGE(MOVSD_MERGE, q, 0, 0) /* also MOVLPS */
MERGE(MOVHPS, q, 1, 0)      /* also MOVLHPS */
MERGE(MOVHLPS, q, 0, 1)

void exec_MOVHPS_OUT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    union x86_vec x;

    operand_load_vec(cpu, i, 1, &x);
    x.q[0] = x.q[1];
    operand_store_vec(cpu, i, 0, &x);
}

/* ---- clearing registers ------------------------------------------------------------------ */

static void zero_registers(struct x86_cpu *cpu, unsigned from_byte)
{
    unsigned count = x86_is_64(cpu) ? 16 : 8;

    for (unsigned r = 0; r < count; r++) {
        memset(&cpu->vec[r].b[from_byte], 0, X86_VEC_BYTES - from_byte);
    }
}

void exec_VZEROUPPER(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    zero_registers(cpu, 16);
}

void exec_VZEROALL(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    zero_registers(cpu, 0);
}

/* ---- masked accesses --------------------------------------------------------------------- */

/* MASKMOVQ, MASKMOVDQU: bytes whose mask has its top bit set go to DS:rDI. */
void exec_MASKMOV(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned bytes = operand_size(i, 0);
    uint64_t la[16];
    union x86_vec x, m;

    operand_load_vec(cpu, i, 0, &x);
    operand_load_vec(cpu, i, 1, &m);
    if (bytes == 8) {
        x87_enter_mmx(cpu); /* even when the store faults */
    }
    for (unsigned k = 0; k < bytes; k++) {
        if (m.b[k] & 0x80) {
            la[k] =
                seg_linear(cpu, i->seg, gpr_read(cpu, X86_RDI, i->asize) + k, 1, /* write= */ true);
            mem_probe(cpu, la[k], 1, /* write= */ true);
        }
    }
    for (unsigned k = 0; k < bytes; k++) {
        if (m.b[k] & 0x80) {
            mem_write8(cpu, la[k], x.b[k]);
        }
    }
}

/* In 64-bit mode only the first element's address is cut to the address size. */
static uint64_t element_linear(struct x86_cpu *cpu, const struct x86_insn *i, unsigned delta,
                               unsigned size, bool write)
{
    if (x86_is_64(cpu)) {
        return seg_linear(cpu, i->seg, insn_ea(cpu, i) + delta, size, write);
    }
    return operand_linear(cpu, i, delta, size, write);
}

/* Does the element's mask select it? */
static bool selected(const union x86_vec *m, unsigned k, unsigned size)
{
    return m->b[k * size + size - 1] & 0x80;
}

/* VMASKMOVPS/PD, VPMASKMOVD/Q: only the elements selected by operand 1 are read or can fault. */
static void masked_load(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size)
{
    unsigned bytes = operand_size(i, 0);
    union x86_vec m, r = {{0}};

    operand_load_vec(cpu, i, 1, &m);
    for (unsigned k = 0; k < bytes / size; k++) {
        if (selected(&m, k, size)) {
            uint64_t la = element_linear(cpu, i, k * size, size, /* write= */ false);

            store_le(&r.b[k * size], mem_read(cpu, la, size), size);
        }
    }
    operand_store_vec(cpu, i, 0, &r);
}

static void masked_store(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size)
{
    unsigned count = operand_size(i, 2) / size;
    union x86_vec m, x;
    uint64_t la[8];

    operand_load_vec(cpu, i, 1, &m);
    operand_load_vec(cpu, i, 2, &x);
    for (unsigned k = 0; k < count; k++) {
        if (selected(&m, k, size)) {
            la[k] = element_linear(cpu, i, k * size, size, /* write= */ true);
            mem_probe(cpu, la[k], size, /* write= */ true);
        }
    }
    for (unsigned k = 0; k < count; k++) {
        if (selected(&m, k, size)) {
            mem_write(cpu, la[k], load_le(&x.b[k * size], size), size);
        }
    }
}

void exec_VMASKMOVPS_LD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    masked_load(cpu, i, 4);
}

void exec_VMASKMOVPD_LD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    masked_load(cpu, i, 8);
}

void exec_VMASKMOVPS_ST(struct x86_cpu *cpu, const struct x86_insn *i)
{
    masked_store(cpu, i, 4);
}

void exec_VMASKMOVPD_ST(struct x86_cpu *cpu, const struct x86_insn *i)
{
    masked_store(cpu, i, 8);
}

static inline uint64_t gather_element(struct x86_cpu *cpu, const struct x86_insn *i, uint64_t ea,
                                      unsigned size)
{
    const struct x86_dtlb *d = cpu->tlb_now;
    uint64_t la = ea + cpu->seg_base[i->seg];
    unsigned slot = tlb_slot(la);

    if (G_LIKELY(x86_is_64(cpu) && tlb_hit(la, d->rneg[slot], size))) {
        return load_le((const void *)(la + d->addend[slot]), size);
    }
    return mem_read(cpu, seg_linear(cpu, i->seg, ea, size, /* write= */ false), size);
}

/*
 * VGATHER, VPGATHER. Elements are taken in order; each one taken clears its mask, so that after a
 * fault the instruction starts again with what is left. Inlined, with sizes that are constants.
 */
static inline __attribute__((always_inline)) void
gather(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size, unsigned index_size)
{
    unsigned wider = size > index_size ? size : index_size;
    unsigned count = insn_vector_bytes(i) / wider;
    union x86_vec *dest = &cpu->vec[i->reg], *mask = &cpu->vec[i->vvvv];
    union x86_vec index = cpu->vec[i->index];
    uint64_t base = cpu->regs[i->base] + (int64_t)i->disp, cut = ~0ull >> (64 - 8 * i->asize);

    if (i->reg == i->vvvv || i->reg == i->index || i->vvvv == i->index) {
        x86_raise(cpu, EXC_UD, 0);
    }
    for (unsigned k = 0; k < count; k++) {
        if (selected(mask, k, size)) {
            uint64_t n = index_size == 4 ? (uint64_t)(int32_t)index.d[k] : index.q[k];
            uint64_t v = gather_element(cpu, i, (base + (n << i->scale)) & cut, size);

            store_le(&dest->b[k * size], v, size);
        }
        store_le(&mask->b[k * size], 0, size);
    }
    memset(mask, 0, sizeof(*mask));
    memset(&dest->b[count * size], 0, X86_VEC_BYTES - count * size);
}

void exec_VGATHERDPS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    gather(cpu, i, 4, 4);
}

void exec_VGATHERDPD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    gather(cpu, i, 8, 4);
}

void exec_VGATHERQPS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    gather(cpu, i, 4, 8);
}

void exec_VGATHERQPD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    gather(cpu, i, 8, 8);
}

/* ---- SSE4a ------------------------------------------------------------------------------- */

/* The upper quadwords are undefined by the manual, zero on the processors. */

static uint64_t field_mask(unsigned len)
{
    return len ? ~0ull >> (64 - len) : ~0ull; /* a length of 0 means 64 */
}

static void extract_field(struct x86_cpu *cpu, const struct x86_insn *i, unsigned len, unsigned at)
{
    union x86_vec x;

    operand_load_vec(cpu, i, 0, &x);
    x.q[0] = x.q[0] >> (at & 63) & field_mask(len & 63);
    x.q[1] = 0;
    operand_store_vec(cpu, i, 0, &x);
}

static void insert_field(struct x86_cpu *cpu, const struct x86_insn *i, uint64_t v, unsigned len,
                         unsigned at)
{
    uint64_t mask = field_mask(len & 63) << (at & 63);
    union x86_vec x;

    operand_load_vec(cpu, i, 0, &x);
    x.q[0] = (x.q[0] & ~mask) | (v << (at & 63) & mask);
    x.q[1] = 0;
    operand_store_vec(cpu, i, 0, &x);
}

void exec_EXTRQ_IMM(struct x86_cpu *cpu, const struct x86_insn *i)
{
    extract_field(cpu, i, i->imm, i->imm2);
}

void exec_EXTRQ(struct x86_cpu *cpu, const struct x86_insn *i)
{
    union x86_vec y;

    operand_load_vec(cpu, i, 1, &y);
    extract_field(cpu, i, y.b[0], y.b[1]);
}

void exec_INSERTQ_IMM(struct x86_cpu *cpu, const struct x86_insn *i)
{
    union x86_vec y;

    operand_load_vec(cpu, i, 1, &y);
    insert_field(cpu, i, y.q[0], i->imm, i->imm2);
}

void exec_INSERTQ(struct x86_cpu *cpu, const struct x86_insn *i)
{
    union x86_vec y;

    operand_load_vec(cpu, i, 1, &y);
    insert_field(cpu, i, y.q[0], y.b[8], y.b[9]);
}
