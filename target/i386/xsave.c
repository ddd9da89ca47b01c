/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FXSAVE, XSAVE and their relatives: the whole x87, SSE, AVX and PKRU state in memory.
 *
 * Intel's manual, volume 1, chapter 13. The init optimisation is used (XSAVEOPT, XSAVEC and XSAVES
 * do not write components that are in their initial state); the modified optimisation, which is
 * only permitted, is not.
 *
 * Where components lie is what CPUID says of this CPU (cpuid.h).
 *
 * Absent: components that struct x86_cpu lacks (AVX-512, MPX, AMX, supervisor ones). When XCR0 or
 * IA32_XSS has them, which only other engines' CPUs do, they count as being in their initial state
 * and are neither written nor changed.
 */
#include "target/i386/cpuid.h"
#include "target/i386/exec.h"
#include "target/i386/system.h"
#include "target/i386/x87.h"

enum {
    MXCSR_AT = 24,
    MXCSR_MASK_AT = 28,
    ST_AT = 32,
    XMM_AT = 160,
    XSTATE_BV_AT = 512,
    XCOMP_BV_AT = 520,
    LEGACY_BYTES = 512,
    HEAD_BYTES = 576, /* legacy part and header */
    PART_BYTES = 256, /* the largest component */
};

#define COMPACTED (1ull << 63)

/* What an instruction leaves and loads differs in these ways. */
enum xsave_kind { KIND_XSAVE, KIND_XSAVEOPT, KIND_XSAVEC, KIND_XSAVES };

/* Components beyond the legacy area that this CPU's state has; all others stay as they are. */
#define EXTENDED ((uint64_t)(XCR0_AVX | XCR0_PKRU))

/* ---- parts of the area ------------------------------------------------------------------- */

/* Vector registers that the present mode can name. */
static unsigned vector_count(const struct x86_cpu *cpu)
{
    return x86_is_64(cpu) ? 16 : 8;
}

static void put_x87(struct x86_cpu *cpu, uint8_t *area, bool wide)
{
    const struct x86_fpu *fpu = &cpu->fpu;
    bool no_selectors = x86_has(cpu, X86_F_ZERO_FCS_FDS);

    store_le16(area, fpu->cw);
    store_le16(area + 2, x87_status(cpu));
    store_le16(area + 4, x87_abridged_tags(cpu));
    store_le16(area + 6, x87_pointers_stored(cpu) ? fpu->op & 0x7ff : 0);
    if (!x87_pointers_stored(cpu)) {
        memset(area + 8, 0, 16);
    } else if (wide) {
        store_le64(area + 8, fpu->ip);
        store_le64(area + 16, fpu->dp);
    } else {
        store_le64(area + 8, (uint32_t)fpu->ip | (uint64_t)(no_selectors ? 0 : fpu->cs) << 32);
        store_le64(area + 16, (uint32_t)fpu->dp | (uint64_t)(no_selectors ? 0 : fpu->ds) << 32);
    }
    for (unsigned n = 0; n < 8; n++) {
        const struct x86_fpr *r = &fpu->r[(fpu->top + n) & 7];

        store_le64(area + ST_AT + 16 * n, r->mant);
        store_le64(area + ST_AT + 16 * n + 8, r->exp);
    }
}

static void get_x87(struct x86_cpu *cpu, const uint8_t *area, bool wide)
{
    struct x86_fpu *fpu = &cpu->fpu;

    fpu->cw = (load_le16(area) & 0x1f3f) | 0x40;
    fpu->empty = ~area[4];
    fpu->op = load_le16(area + 6) & 0x7ff;
    fpu->ip = wide ? load_le64(area + 8) : load_le32(area + 8);
    fpu->dp = wide ? load_le64(area + 16) : load_le32(area + 16);
    fpu->cs = wide ? 0 : load_le16(area + 12);
    fpu->ds = wide ? 0 : load_le16(area + 20);
    x87_set_status(cpu, load_le16(area + 2));
    for (unsigned n = 0; n < 8; n++) {
        const uint8_t *p = area + ST_AT + 16 * n;

        fpu->r[(fpu->top + n) & 7] =
            (struct x86_fpr){.mant = load_le64(p), .exp = load_le16(p + 8)};
    }
}

static void put_xmm(const struct x86_cpu *cpu, uint8_t *area)
{
    for (unsigned n = 0; n < vector_count(cpu); n++) {
        memcpy(area + XMM_AT + 16 * n, cpu->vec[n].b, 16);
    }
}

static void get_xmm(struct x86_cpu *cpu, const uint8_t *area)
{
    for (unsigned n = 0; n < vector_count(cpu); n++) {
        memcpy(cpu->vec[n].b, area + XMM_AT + 16 * n, 16);
    }
}

/* ---- components -------------------------------------------------------------------------- */

static void init_component(struct x86_cpu *cpu, unsigned n)
{
    switch (n) {
    case 0:
        x87_init(cpu);
        memset(cpu->fpu.r, 0, sizeof(cpu->fpu.r));
        break;
    case 1:
        for (unsigned r = 0; r < vector_count(cpu); r++) {
            memset(cpu->vec[r].b, 0, 16);
        }
        break;
    case 2:
        for (unsigned r = 0; r < vector_count(cpu); r++) {
            memset(cpu->vec[r].b + 16, 0, 16);
        }
        break;
    default:
        x86_set_pkru(cpu, 0);
        break;
    }
}

static bool x87_in_init(const struct x86_cpu *cpu)
{
    static const struct x86_fpr zero[8];
    const struct x86_fpu *fpu = &cpu->fpu;

    return fpu->cw == X87_CW_RESET && x87_status(cpu) == 0 && fpu->empty == 0xff && !fpu->op &&
           !fpu->ip && !fpu->dp && !fpu->cs && !fpu->ds && !memcmp(fpu->r, zero, sizeof(zero));
}

static bool vectors_zero(const struct x86_cpu *cpu, unsigned from_byte)
{
    static const uint8_t zero[16];

    for (unsigned r = 0; r < vector_count(cpu); r++) {
        if (memcmp(cpu->vec[r].b + from_byte, zero, 16)) {
            return false;
        }
    }
    return true;
}

/* XINUSE: the components that are not in their initial state. */
static uint64_t in_use(const struct x86_cpu *cpu)
{
    return (x87_in_init(cpu) ? 0 : XCR0_X87) | (vectors_zero(cpu, 0) ? 0 : XCR0_SSE) |
           (vectors_zero(cpu, 16) ? 0 : XCR0_AVX) | (cpu->pkru ? XCR0_PKRU : 0);
}

/* Bytes of an extended component that move in the present mode. */
static unsigned component_bytes(const struct x86_cpu *cpu, unsigned n)
{
    return n == 9 ? 8 : 16 * vector_count(cpu);
}

/* A component beyond the legacy area, between the CPU and its place. */
static void put_component(const struct x86_cpu *cpu, unsigned n, uint8_t *p)
{
    if (n == 9) {
        store_le64(p, cpu->pkru);
        return;
    }
    for (unsigned r = 0; r < vector_count(cpu); r++) {
        memcpy(p + 16 * r, cpu->vec[r].b + 16, 16);
    }
}

static void get_component(struct x86_cpu *cpu, unsigned n, const uint8_t *p)
{
    if (n == 9) {
        x86_set_pkru(cpu, load_le32(p));
        return;
    }
    for (unsigned r = 0; r < vector_count(cpu); r++) {
        memcpy(cpu->vec[r].b + 16, p + 16 * r, 16);
    }
}

/* ---- FXSAVE, FXRSTOR, MXCSR -------------------------------------------------------------- */

/*
 * XSAVE areas must be aligned before the address is checked in other ways; of FXSAVE areas the
 * first bytes are looked at before.
 */
static uint64_t aligned_area(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size,
                             unsigned align, bool write)
{
    if (align == 16) {
        operand_linear(cpu, i, 0, x86_is_64(cpu) ? size : 4, write);
    }
    if ((cpu->seg_base[i->seg] + insn_ea(cpu, i)) & (align - 1)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    return operand_linear(cpu, i, 0, size, write);
}

/* EFER.FFXSR: the fast forms leave the XMM registers out at CPL 0 in 64-bit mode. */
static bool skip_xmm(const struct x86_cpu *cpu)
{
    return cpu->efer & EFER_FFXSR && x86_is_64(cpu) && cpu->cpl == 0;
}

void exec_FXSAVE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t la = aligned_area(cpu, i, LEGACY_BYTES, 16, /* write= */ true);
    unsigned end = skip_xmm(cpu) ? XMM_AT : XMM_AT + 16 * vector_count(cpu);
    uint8_t area[LEGACY_BYTES];

    mem_probe(cpu, la, sizeof(area), /* write= */ true);
    put_x87(cpu, area, i->prefixes & PREFIX_W);
    store_le32(area + MXCSR_AT, cpu->mxcsr);
    store_le32(area + MXCSR_MASK_AT, mxcsr_mask(cpu));
    put_xmm(cpu, area);
    mem_write_bytes(cpu, la, area, end);
}

void exec_FXRSTOR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t la = aligned_area(cpu, i, LEGACY_BYTES, 16, /* write= */ false);
    uint8_t area[LEGACY_BYTES];

    mem_read_bytes(cpu, la, area, sizeof(area));
    if (load_le32(area + MXCSR_AT) & ~mxcsr_mask(cpu)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    get_x87(cpu, area, i->prefixes & PREFIX_W);
    cpu->mxcsr = load_le32(area + MXCSR_AT);
    if (!skip_xmm(cpu)) {
        get_xmm(cpu, area);
    }
}

void exec_LDMXCSR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint32_t v = operand_load(cpu, i, 0);

    if (v & ~mxcsr_mask(cpu)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    cpu->mxcsr = v;
}

void exec_STMXCSR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, cpu->mxcsr);
}

/* ---- saving ------------------------------------------------------------------------------ */

static void check_enabled(struct x86_cpu *cpu)
{
    if (!(cpu->cr4 & CR4_OSXSAVE)) {
        x86_raise(cpu, EXC_UD, 0);
    }
    if (cpu->cr0 & CR0_TS) {
        x86_raise(cpu, EXC_NM, 0);
    }
}

static uint64_t requested(const struct x86_cpu *cpu, bool supervisor)
{
    uint64_t mask = (uint32_t)cpu->gpr[X86_RAX] | cpu->gpr[X86_RDX] << 32;

    return mask & (cpu->xcr0 | (supervisor ? cpu->msr.xss : 0));
}

/*
 * Writes the components of `write` in the legacy region; the rest of it stays. MXCSR goes with SSE,
 * and with AVX in the standard format.
 */
static void save_legacy(struct x86_cpu *cpu, const struct x86_insn *i, uint64_t la, uint64_t write,
                        bool mxcsr)
{
    uint8_t area[LEGACY_BYTES] = {0};

    put_x87(cpu, area, i->prefixes & PREFIX_W);
    store_le32(area + MXCSR_AT, cpu->mxcsr);
    store_le32(area + MXCSR_MASK_AT, mxcsr_mask(cpu));
    put_xmm(cpu, area);
    if (write & XCR0_X87) {
        mem_write_bytes(cpu, la, area, MXCSR_AT);
        mem_write_bytes(cpu, la + ST_AT, area + ST_AT, XMM_AT - ST_AT);
    }
    if (mxcsr) {
        mem_write_bytes(cpu, la + MXCSR_AT, area + MXCSR_AT, 8);
    }
    if (write & XCR0_SSE) {
        mem_write_bytes(cpu, la + XMM_AT, area + XMM_AT, 16 * vector_count(cpu));
    }
}

static void save_header(struct x86_cpu *cpu, uint64_t la, uint64_t rfbm, uint64_t used,
                        bool compact)
{
    uint8_t header[16];

    if (compact) {
        store_le64(header, rfbm & used);
        store_le64(header + 8, rfbm | COMPACTED);
        mem_write_bytes(cpu, la + XSTATE_BV_AT, header, 16);
        return;
    }
    mem_read_bytes(cpu, la + XSTATE_BV_AT, header, 8);
    store_le64(header, (load_le64(header) & ~rfbm) | (rfbm & used));
    mem_write_bytes(cpu, la + XSTATE_BV_AT, header, 8);
}

static void save(struct x86_cpu *cpu, const struct x86_insn *i, enum xsave_kind kind)
{
    bool compact = kind >= KIND_XSAVEC;
    uint64_t rfbm = requested(cpu, kind == KIND_XSAVES), used = in_use(cpu), write, la;
    unsigned size = x86_xsave_size(cpu, rfbm, compact);
    uint8_t part[PART_BYTES] = {0};

    check_enabled(cpu);
    la = aligned_area(cpu, i, size, 64, /* write= */ true);
    mem_probe(cpu, la, size, /* write= */ true);
    if (compact && cpu->mxcsr != MXCSR_RESET) {
        used |= XCR0_SSE;
    }
    write = kind == KIND_XSAVE ? rfbm : rfbm & used;
    save_legacy(cpu, i, la, write, compact ? write & XCR0_SSE : rfbm & (XCR0_SSE | XCR0_AVX));
    for (unsigned n = 2; n < X86_XSAVE_PARTS; n++) {
        if (write & EXTENDED & 1ull << n) {
            put_component(cpu, n, part);
            mem_write_bytes(cpu, la + x86_xsave_offset(cpu, n, rfbm, compact), part,
                            component_bytes(cpu, n));
        }
    }
    save_header(cpu, la, rfbm, used, compact);
}

void exec_XSAVE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    save(cpu, i, KIND_XSAVE);
}

void exec_XSAVEOPT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    save(cpu, i, KIND_XSAVEOPT);
}

void exec_XSAVEC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    save(cpu, i, KIND_XSAVEC);
}

void exec_XSAVES(struct x86_cpu *cpu, const struct x86_insn *i)
{
    save(cpu, i, KIND_XSAVES);
}

/* ---- restoring --------------------------------------------------------------------------- */

/* Is the header one that may be restored? */
static bool header_good(const struct x86_cpu *cpu, const uint8_t *header, uint64_t allowed,
                        bool must_be_compact)
{
    static const uint8_t zero[48];
    uint64_t bv = load_le64(header), comp = load_le64(header + 8);

    if (comp & COMPACTED) {
        return x86_has(cpu, X86_F_XSAVEC) && !(comp & ~COMPACTED & ~allowed) && !(bv & ~comp) &&
               !memcmp(header + 16, zero, 48);
    }
    return !must_be_compact && !(bv & ~allowed) && !comp && !memcmp(header + 16, zero, 8);
}

/* MXCSR: always loaded in the standard format, with the SSE component in the compacted one. */
static uint32_t new_mxcsr(const struct x86_cpu *cpu, const uint8_t *legacy, uint64_t rfbm,
                          uint64_t bv, bool compact)
{
    if (!(rfbm & (compact ? XCR0_SSE : XCR0_SSE | XCR0_AVX))) {
        return cpu->mxcsr;
    }
    return compact && !(bv & XCR0_SSE) ? MXCSR_RESET : load_le32(legacy + MXCSR_AT);
}

/* What XRSTOR has read and checked before it changes anything. */
struct image {
    uint8_t head[HEAD_BYTES];
    uint8_t avx[PART_BYTES];
    uint8_t pkru[8];
};

static uint8_t *part_of(struct image *m, unsigned n)
{
    return n == 9 ? m->pkru : m->avx;
}

static void apply(struct x86_cpu *cpu, struct image *m, uint64_t rfbm, bool wide)
{
    uint64_t bv = load_le64(m->head + XSTATE_BV_AT), comp = load_le64(m->head + XCOMP_BV_AT);

    cpu->mxcsr = new_mxcsr(cpu, m->head, rfbm, bv, comp & COMPACTED);
    for (unsigned n = 0; n < X86_XSAVE_PARTS; n++) {
        if (!(rfbm & (EXTENDED | XCR0_X87 | XCR0_SSE) & 1ull << n)) {
            continue;
        }
        if (!(bv >> n & 1)) {
            init_component(cpu, n);
        } else if (n == 0) {
            get_x87(cpu, m->head, wide);
        } else if (n == 1) {
            get_xmm(cpu, m->head);
        } else {
            get_component(cpu, n, part_of(m, n));
        }
    }
}

static void restore(struct x86_cpu *cpu, const struct x86_insn *i, bool supervisor)
{
    uint64_t rfbm = requested(cpu, supervisor), la, bv, comp;
    uint64_t allowed = cpu->xcr0 | (supervisor ? cpu->msr.xss : 0);
    struct image m;
    bool compact;

    check_enabled(cpu);
    la = aligned_area(cpu, i, HEAD_BYTES, 64, /* write= */ false);
    mem_read_bytes(cpu, la, m.head, HEAD_BYTES);
    if (!header_good(cpu, m.head + XSTATE_BV_AT, allowed, /* must_be_compact= */ supervisor)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    bv = load_le64(m.head + XSTATE_BV_AT);
    comp = load_le64(m.head + XCOMP_BV_AT);
    compact = comp & COMPACTED;
    if (new_mxcsr(cpu, m.head, rfbm, bv, compact) & ~mxcsr_mask(cpu)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    for (unsigned n = 2; n < X86_XSAVE_PARTS; n++) {
        if (rfbm & bv & EXTENDED & 1ull << n) {
            uint32_t at = x86_xsave_offset(cpu, n, comp & ~COMPACTED, compact);

            mem_read_bytes(cpu, la + at, part_of(&m, n), component_bytes(cpu, n));
        }
    }
    apply(cpu, &m, rfbm, i->prefixes & PREFIX_W);
}

void exec_XRSTOR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    restore(cpu, i, /* supervisor= */ false);
}

void exec_XRSTORS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    restore(cpu, i, /* supervisor= */ true);
}
