/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String instructions: MOVS, STOS, LODS, CMPS, SCAS, INS, OUTS, with and without REP.
 *
 * Each element commits its registers, so that a fault or an interrupt between two elements leaves a
 * state from which the instruction goes on. Long runs inside a page go by host memory functions.
 */
#include "target/i386/system.h"
#include <string.h>

/* Elements done before interrupts are looked at. */
#define BURST 4096

static bool repeats(const struct x86_insn *i)
{
    return i->prefixes & (PREFIX_REPZ | PREFIX_REPNZ);
}

static uint64_t reg_addr(const struct x86_cpu *cpu, const struct x86_insn *i, unsigned r)
{
    return gpr_read(cpu, r, i->asize);
}

static int64_t step_of(const struct x86_cpu *cpu, unsigned size)
{
    return cpu->eflags & FLAG_DF ? -(int64_t)size : (int64_t)size;
}

static void advance(struct x86_cpu *cpu, const struct x86_insn *i, unsigned r, int64_t by)
{
    gpr_write(cpu, r, i->asize, cpu->gpr[r] + (uint64_t)by);
}

/* Bytes from @off that stay within the page, the address size and flat segments, or 0. */
static uint64_t run_length(const struct x86_cpu *cpu, const struct x86_insn *i, unsigned seg,
                           uint64_t off)
{
    uint64_t la = off + cpu->seg_base[seg], in_page = PAGE_SIZE - (la & (PAGE_SIZE - 1));

    if (cpu->mode & MODE_CODE64) {
        return i->asize == 8 ? in_page : MIN(in_page, 0x100000000ULL - off);
    }
    if ((cpu->mode & MODE_FLAT) && seg < X86_FS && seg != X86_CS && i->asize == 4) {
        return MIN(in_page, 0x100000000ULL - off);
    }
    return 0;
}

static void count_down(struct x86_cpu *cpu, const struct x86_insn *i, uint64_t n)
{
    advance(cpu, i, X86_RCX, -(int64_t)n);
}

/* Forward runs of MOVS in host memory; returns the elements done. */
static uint64_t movs_run(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size,
                         uint64_t count)
{
    uint64_t src = reg_addr(cpu, i, X86_RSI), dst = reg_addr(cpu, i, X86_RDI), n;
    const struct phys_page *page;
    const uint8_t *from;
    uint8_t *to;

    n = MIN(run_length(cpu, i, i->seg, src), run_length(cpu, i, X86_ES, dst)) / size;
    n = MIN(n, count);
    if (n < 2 || (cpu->eflags & FLAG_DF)) {
        return 0;
    }
    from = mem_host_read(cpu, seg_linear(cpu, i->seg, src, size, /* write= */ false), n * size);
    to =
        mem_host_write(cpu, seg_linear(cpu, X86_ES, dst, size, /* write= */ true), n * size, &page);
    if (!from || !to) {
        return 0;
    }
    if (to > from && to < from + n * size) { /* overlapping forward copy repeats a pattern */
        if ((uint64_t)(to - from) < size) {
            return 0;
        }
        for (uint64_t k = 0; k < n * size; k++) {
            to[k] = from[k];
        }
    } else {
        memmove(to, from, n * size);
    }
    mem_host_written(page, to, n * size);
    advance(cpu, i, X86_RSI, (int64_t)(n * size));
    advance(cpu, i, X86_RDI, (int64_t)(n * size));
    return n;
}

static uint64_t movs_one(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size)
{
    uint64_t src = seg_linear(cpu, i->seg, reg_addr(cpu, i, X86_RSI), size, /* write= */ false);
    uint64_t val = mem_read(cpu, src, size);
    int64_t step = step_of(cpu, size);

    mem_write(cpu, seg_linear(cpu, X86_ES, reg_addr(cpu, i, X86_RDI), size, /* write= */ true), val,
              size);
    advance(cpu, i, X86_RSI, step);
    advance(cpu, i, X86_RDI, step);
    return 1;
}

static void fill(uint8_t *to, uint64_t val, unsigned size, uint64_t n)
{
    if (size == 1) {
        memset(to, (int)(val & 0xff), n);
        return;
    }
    for (uint64_t k = 0; k < n; k++) {
        store_le(to + k * size, val, size);
    }
}

static uint64_t stos_run(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size,
                         uint64_t count)
{
    uint64_t dst = reg_addr(cpu, i, X86_RDI), n = run_length(cpu, i, X86_ES, dst) / size;
    const struct phys_page *page;
    uint8_t *to;

    n = MIN(n, count);
    if (n < 2 || (cpu->eflags & FLAG_DF)) {
        return 0;
    }
    to =
        mem_host_write(cpu, seg_linear(cpu, X86_ES, dst, size, /* write= */ true), n * size, &page);
    if (!to) {
        return 0;
    }
    fill(to, cpu->gpr[X86_RAX], size, n);
    mem_host_written(page, to, n * size);
    advance(cpu, i, X86_RDI, (int64_t)(n * size));
    return n;
}

static uint64_t stos_one(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size)
{
    mem_write(cpu, seg_linear(cpu, X86_ES, reg_addr(cpu, i, X86_RDI), size, /* write= */ true),
              cpu->gpr[X86_RAX], size);
    advance(cpu, i, X86_RDI, step_of(cpu, size));
    return 1;
}

static uint64_t lods_one(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size)
{
    uint64_t la = seg_linear(cpu, i->seg, reg_addr(cpu, i, X86_RSI), size, /* write= */ false);

    gpr_write(cpu, X86_RAX, size, mem_read(cpu, la, size));
    advance(cpu, i, X86_RSI, step_of(cpu, size));
    return 1;
}

/* I/O breakpoints, with CR4.DE. */
static void check_io_breakpoints(struct x86_cpu *cpu, uint16_t port, unsigned size)
{
    static const uint8_t lengths[4] = {1, 2, 8, 4};

    for (unsigned n = 0; (cpu->cr4 & CR4_DE) && n < 4; n++) {
        unsigned len = lengths[cpu->dr[7] >> (18 + n * 4) & 3];

        if ((cpu->dr[7] >> (n * 2) & 3) && (cpu->dr[7] >> (16 + n * 4) & 3) == 2 &&
            port < cpu->dr[n] + len && cpu->dr[n] < (uint64_t)port + size) {
            cpu->pending_dr6 |= 1u << n;
            x86_cpu_request(cpu, X86_REQ_DB);
        }
    }
}

/* One I/O access with permission already checked. */
static uint64_t port_in(struct x86_cpu *cpu, uint16_t port, unsigned size)
{
    bool begun = x86_io_begin(cpu);
    uint64_t val = address_space_load(cpu->io, port, size, MEM_ATTRS_NONE, NULL);

    x86_io_end(cpu, begun);
    if (cpu->dr[7] & 0xff) {
        check_io_breakpoints(cpu, port, size);
    }
    return val;
}

static void port_out(struct x86_cpu *cpu, uint16_t port, uint64_t val, unsigned size)
{
    bool begun = x86_io_begin(cpu);

    address_space_store(cpu->io, port, val, size, MEM_ATTRS_NONE);
    x86_io_end(cpu, begun);
    if (cpu->dr[7] & 0xff) {
        check_io_breakpoints(cpu, port, size);
    }
}

static uint64_t ins_one(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size)
{
    uint64_t la = seg_linear(cpu, X86_ES, reg_addr(cpu, i, X86_RDI), size, /* write= */ true);

    mem_probe(cpu, la, size, /* write= */ true); /* the device must not be read twice */
    mem_write(cpu, la, port_in(cpu, (uint16_t)cpu->gpr[X86_RDX], size), size);
    advance(cpu, i, X86_RDI, step_of(cpu, size));
    return 1;
}

static uint64_t outs_one(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size)
{
    uint64_t la = seg_linear(cpu, i->seg, reg_addr(cpu, i, X86_RSI), size, /* write= */ false);

    port_out(cpu, (uint16_t)cpu->gpr[X86_RDX], mem_read(cpu, la, size), size);
    advance(cpu, i, X86_RSI, step_of(cpu, size));
    return 1;
}

typedef uint64_t one_fn(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size);
typedef uint64_t run_fn(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size,
                        uint64_t count);

/* Goes back to this instruction: interrupts first. */
static void again(struct x86_cpu *cpu)
{
    cpu->rip = cpu->start_rip;
    cpu->insn_again = true;
}

/* Drives an instruction without condition; @run may be NULL. */
static void repeat(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size, one_fn *one,
                   run_fn *run)
{
    uint64_t left = reg_addr(cpu, i, X86_RCX), done = 0;

    if (!repeats(i)) {
        one(cpu, i, size);
        return;
    }
    while (left) {
        uint64_t n = 0;

        if (run && !(cpu->mode & MODE_SLOW)) { /* a single step is one repetition */
            n = run(cpu, i, size, left);
        }
        if (!n) {
            n = one(cpu, i, size);
        }
        count_down(cpu, i, n);
        left -= n;
        done += n;
        if (left && (done >= BURST || (cpu->mode & MODE_SLOW) || x86_disturbed(cpu))) {
            again(cpu);
            return;
        }
    }
}

void exec_MOVS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    repeat(cpu, i, operand_size(i, 0), movs_one, movs_run);
}

void exec_STOS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    repeat(cpu, i, operand_size(i, 0), stos_one, stos_run);
}

void exec_LODS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    repeat(cpu, i, operand_size(i, 1), lods_one, NULL);
}

void exec_INS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x86_check_io(cpu, (uint16_t)cpu->gpr[X86_RDX], operand_size(i, 0));
    repeat(cpu, i, operand_size(i, 0), ins_one, NULL);
}

void exec_OUTS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x86_check_io(cpu, (uint16_t)cpu->gpr[X86_RDX], operand_size(i, 1));
    repeat(cpu, i, operand_size(i, 1), outs_one, NULL);
}

void exec_IN(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint16_t port = (uint16_t)operand_load(cpu, i, 1);
    unsigned size = operand_size(i, 0);

    x86_check_io(cpu, port, size);
    operand_store(cpu, i, 0, port_in(cpu, port, size));
}

void exec_OUT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint16_t port = (uint16_t)operand_load(cpu, i, 0);
    unsigned size = operand_size(i, 1);

    x86_check_io(cpu, port, size);
    port_out(cpu, port, operand_load(cpu, i, 1), size);
}

/* CMPS and SCAS: one comparison; false when a REPE/REPNE ends. */
static bool compare_one(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size, bool scan)
{
    int64_t step = step_of(cpu, size);
    uint64_t a, b;

    if (scan) {
        a = gpr_read(cpu, X86_RAX, size);
    } else { /* all faults of rSI come first */
        a = mem_read(cpu, seg_linear(cpu, i->seg, reg_addr(cpu, i, X86_RSI), size, false), size);
    }
    b = mem_read(cpu, seg_linear(cpu, X86_ES, reg_addr(cpu, i, X86_RDI), size, false), size);
    if (!scan) {
        advance(cpu, i, X86_RSI, step);
    }
    advance(cpu, i, X86_RDI, step);
    flags_sub(cpu, size, a, b, a - b);
    return (a == b) == !!(i->prefixes & PREFIX_REPZ);
}

/* Elements that can be skipped because they surely do not end the repeat. */
static uint64_t skip_surely(const uint8_t *src, const uint8_t *dst, uint64_t val, unsigned size,
                            uint64_t n, bool while_equal)
{
    const unsigned chunk = 64;
    uint64_t done = 0, bytes = n * size;

    if (!src && size == 1 && !while_equal) {
        const uint8_t *found = memchr(dst, (int)val, n);

        return found ? (uint64_t)(found - dst) : n;
    }
    while (src && while_equal && done + chunk <= bytes && !memcmp(src + done, dst + done, chunk)) {
        done += chunk;
    }
    return done / size;
}

/* The first of @n elements that ends a REPE (they differ) or REPNE (they are equal); @n: none. */
static uint64_t find_end(const uint8_t *src, const uint8_t *dst, uint64_t val, unsigned size,
                         uint64_t n, bool while_equal)
{
    uint64_t k = skip_surely(src, dst, val, size, n, while_equal);

    for (; k < n; k++) {
        uint64_t a = src ? load_le(src + k * size, size) : val;

        if ((a == load_le(dst + k * size, size)) != while_equal) {
            return k;
        }
    }
    return n;
}

/* Upward comparisons in host memory; returns the elements done, and whether that ends a repeat. */
static uint64_t compare_run(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size, bool scan,
                            uint64_t count, bool *ret_more)
{
    uint64_t src = reg_addr(cpu, i, X86_RSI), dst = reg_addr(cpu, i, X86_RDI), n, k;
    uint64_t a = gpr_read(cpu, X86_RAX, size), b;
    const uint8_t *from = NULL, *to;

    n = run_length(cpu, i, X86_ES, dst);
    if (!scan) {
        n = MIN(n, run_length(cpu, i, i->seg, src));
    }
    n = MIN(n / size, count);
    if (n < 2 || (cpu->eflags & FLAG_DF)) {
        return 0;
    }
    if (!scan) {
        from = mem_host_read(cpu, seg_linear(cpu, i->seg, src, size, false), n * size);
    }
    to = mem_host_read(cpu, seg_linear(cpu, X86_ES, dst, size, false), n * size);
    if ((!scan && !from) || !to) {
        return 0;
    }
    k = find_end(from, to, a, size, n, i->prefixes & PREFIX_REPZ);
    *ret_more = k == n;
    n = MIN(k + 1, n);
    if (!scan) {
        a = load_le(from + (n - 1) * size, size);
        advance(cpu, i, X86_RSI, (int64_t)(n * size));
    }
    b = load_le(to + (n - 1) * size, size);
    advance(cpu, i, X86_RDI, (int64_t)(n * size));
    flags_sub(cpu, size, a, b, a - b);
    return n;
}

static void compare(struct x86_cpu *cpu, const struct x86_insn *i, bool scan)
{
    unsigned size = operand_size(i, 1);
    uint64_t done = 0;

    if (!repeats(i)) {
        compare_one(cpu, i, size, scan);
        return;
    }
    while (reg_addr(cpu, i, X86_RCX)) {
        uint64_t n = 0;
        bool more = true;

        if (!(cpu->mode & MODE_SLOW)) { /* a single step is one repetition */
            n = compare_run(cpu, i, size, scan, reg_addr(cpu, i, X86_RCX), &more);
        }
        if (!n) {
            more = compare_one(cpu, i, size, scan);
            n = 1;
        }
        count_down(cpu, i, n);
        done += n;
        if (!more) {
            return;
        }
        if (reg_addr(cpu, i, X86_RCX) &&
            (done >= BURST || (cpu->mode & MODE_SLOW) || x86_disturbed(cpu))) {
            again(cpu);
            return;
        }
    }
}

void exec_CMPS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare(cpu, i, /* scan= */ false);
}

void exec_SCAS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare(cpu, i, /* scan= */ true);
}
