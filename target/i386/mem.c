/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory at linear and physical addresses: the slow path behind the soft TLB.
 *
 * An access that crosses a page translates both pages before it touches either, so that a fault
 * leaves nothing half done. Here are also the alignment check and data breakpoints; the pages that
 * need them never enter the fast path.
 */
#include "target/i386/mem.h"
#include "target/i386/exec.h"
#include "util/rcu.h"
#include <string.h>

static struct mem_attrs cpu_attrs(const struct x86_cpu *cpu)
{
    return (struct mem_attrs){.secure = cpu->in_smm};
}

/*
 * Device handlers may change the memory map and wait for readers, so the read section of the engine
 * ends around them; the map is looked at anew afterwards.
 */
bool x86_io_begin(struct x86_cpu *cpu)
{
    (void)cpu;
    if (rcu_self.depth != 1) {
        return false;
    }
    rcu_read_unlock();
    return true;
}

void x86_io_end(struct x86_cpu *cpu, bool begun)
{
    if (begun) {
        rcu_read_lock();
    }
    x86_attention(cpu); /* the device may have asked this very CPU for something */
    if (__atomic_load_n(&cpu->requests, __ATOMIC_RELAXED) & X86_REQ_TLB) {
        x86_cpu_unrequest(cpu, X86_REQ_TLB);
        x86_tlb_flush_phys(cpu);
    }
}

static void watch_device(struct x86_cpu *cpu)
{
    if (cpu->watch) {
        cpu->watch->device(cpu);
    }
}

uint64_t phys_read(struct x86_cpu *cpu, uint64_t gpa, unsigned size)
{
    uint64_t val;
    bool begun;

    watch_device(cpu);
    begun = x86_io_begin(cpu);
    val =
        address_space_load(x86_memory(cpu), x86_bus_address(cpu, gpa), size, cpu_attrs(cpu), NULL);
    x86_io_end(cpu, begun);
    return val;
}

void phys_write(struct x86_cpu *cpu, uint64_t gpa, uint64_t val, unsigned size)
{
    bool begun;

    watch_device(cpu);
    begun = x86_io_begin(cpu);
    address_space_store(x86_memory(cpu), x86_bus_address(cpu, gpa), val, size, cpu_attrs(cpu));
    x86_io_end(cpu, begun);
}

/* Notes data breakpoints that [la, la + size) touches; they trap after the instruction. */
static void check_watchpoints(struct x86_cpu *cpu, uint64_t la, unsigned size, bool write)
{
    static const uint8_t lengths[4] = {1, 2, 8, 4};

    for (unsigned n = 0; n < 4; n++) {
        unsigned type = cpu->dr[7] >> (16 + n * 4) & 3;
        unsigned len = lengths[cpu->dr[7] >> (18 + n * 4) & 3];
        uint64_t at = cpu->dr[n] & ~(uint64_t)(len - 1);

        if ((cpu->dr[7] >> (n * 2) & 3) && (type == 3 || (type == 1 && write)) && la < at + len &&
            at < la + size) {
            cpu->pending_dr6 |= 1u << n;
            x86_cpu_request(cpu, X86_REQ_DB);
        }
    }
}

static void before_access(struct x86_cpu *cpu, uint64_t la, unsigned size, bool write,
                          enum tlb_set set)
{
    if (set == TLB_CHECKED && is_power_of_2(size) && (la & (MIN(size, 16) - 1))) {
        x86_raise(cpu, EXC_AC, 0);
    }
    if (cpu->dr[7] & 0xff) {
        check_watchpoints(cpu, la, size, write);
    }
}

/* Of guest memory, which other CPUs may change meanwhile. */
static void copy_ram(void *to, const void *from, size_t len)
{
    memcpy(to, from, len);
}

/* Within one page. */
static void read_page(struct x86_cpu *cpu, uint64_t gpa, void *buf, unsigned len)
{
    const struct phys_page *p = x86_phys_page(cpu, gpa);
    uint8_t *to = buf;

    if (p->host) {
        copy_ram(buf, p->host + (gpa & ~PAGE_MASK), len);
        return;
    }
    while (len) {
        unsigned n = len >= 8 ? 8 : len >= 4 ? 4 : len >= 2 ? 2 : 1;

        store_le(to, phys_read(cpu, gpa, n), n);
        to += n;
        gpa += n;
        len -= n;
    }
}

static void write_page(struct x86_cpu *cpu, uint64_t gpa, const void *buf, unsigned len)
{
    const struct phys_page *p = x86_phys_page(cpu, gpa);
    const uint8_t *from = buf;
    uint64_t offset = gpa & ~PAGE_MASK;

    if (p->host && p->writable) {
        if (len == 8 && !(offset & 7)) {
            __atomic_store_n((uint64_t *)(p->host + offset), load_le64(buf), __ATOMIC_RELAXED);
        } else if (len == 4 && !(offset & 3)) {
            __atomic_store_n((uint32_t *)(p->host + offset), load_le32(buf), __ATOMIC_RELAXED);
        } else if (len == 2) {
            copy_ram(p->host + offset, buf, 2);
        } else {
            copy_ram(p->host + offset, buf, len);
        }
        if (!ram_page_all_dirty(p->block, p->offset)) {
            ram_block_written(p->block, p->offset + offset, len);
        }
        return;
    }
    while (len) {
        unsigned n = len >= 8 ? 8 : len >= 4 ? 4 : len >= 2 ? 2 : 1;

        phys_write(cpu, gpa, load_le(from, n), n);
        from += n;
        gpa += n;
        len -= n;
    }
}

static void read_linear(struct x86_cpu *cpu, uint64_t la, void *buf, unsigned len, enum tlb_set set)
{
    unsigned first = MIN(len, PAGE_SIZE - (unsigned)(la & ~PAGE_MASK));
    struct x86_walk a, b;

    before_access(cpu, la, len, /* write= */ false, set);
    x86_translate(cpu, la, ACCESS_READ, set, &a);
    if (first < len) {
        x86_translate(cpu, (la + first) & cpu->ea_mask, ACCESS_READ, set, &b);
        read_page(cpu, b.gpa, (uint8_t *)buf + first, len - first);
    }
    read_page(cpu, a.gpa, buf, first);
}

/* Tells cpu->watch of the write, if it is to RAM. */
static void watch_write(struct x86_cpu *cpu, uint64_t la, uint64_t gpa, unsigned len)
{
    if (cpu->watch) {
        const struct phys_page *p = x86_phys_page(cpu, gpa);

        if (p->host && p->writable) {
            cpu->watch->write(cpu, la, p, len);
        }
    }
}

static void write_linear(struct x86_cpu *cpu, uint64_t la, const void *buf, unsigned len,
                         enum tlb_set set)
{
    unsigned first = MIN(len, PAGE_SIZE - (unsigned)(la & ~PAGE_MASK));
    struct x86_walk a, b;

    before_access(cpu, la, len, /* write= */ true, set);
    x86_translate(cpu, la, ACCESS_WRITE, set, &a);
    if (first < len) {
        x86_translate(cpu, (la + first) & cpu->ea_mask, ACCESS_WRITE, set, &b);
        watch_write(cpu, (la + first) & cpu->ea_mask, b.gpa, len - first);
        write_page(cpu, b.gpa, (const uint8_t *)buf + first, len - first);
    }
    watch_write(cpu, la, a.gpa, first);
    write_page(cpu, a.gpa, buf, first);
}

static enum tlb_set current_set(const struct x86_cpu *cpu)
{
    return (cpu->mode & MODE_SET) >> MODE_SET_SHIFT;
}

#define MEM_ACCESSORS(bits)                                                                        \
    uint##bits##_t mem_read##bits(struct x86_cpu *cpu, uint64_t la)                                \
    {                                                                                              \
        const struct x86_dtlb *d = cpu->tlb_now;                                                   \
        unsigned slot = tlb_slot(la);                                                              \
        uint##bits##_t val;                                                                        \
                                                                                                   \
        if (G_LIKELY(tlb_hit(la, d->rneg[slot], sizeof(val)))) {                                   \
            memcpy(&val, (const void *)(la + d->addend[slot]), sizeof(val));                       \
            return val;                                                                            \
        }                                                                                          \
        read_linear(cpu, la, &val, sizeof(val), current_set(cpu));                                 \
        return val;                                                                                \
    }                                                                                              \
                                                                                                   \
    void mem_write##bits(struct x86_cpu *cpu, uint64_t la, uint##bits##_t val)                     \
    {                                                                                              \
        const struct x86_dtlb *d = cpu->tlb_now;                                                   \
        unsigned slot = tlb_slot(la);                                                              \
                                                                                                   \
        if (G_LIKELY(tlb_hit(la, d->wneg[slot], sizeof(val)))) {                                   \
            memcpy((void *)(la + d->addend[slot]), &val, sizeof(val));                             \
            return;                                                                                \
        }                                                                                          \
        write_linear(cpu, la, &val, sizeof(val), current_set(cpu));                                \
    }

MEM_ACCESSORS(8)
MEM_ACCESSORS(16)
MEM_ACCESSORS(32)
MEM_ACCESSORS(64)

uint64_t mem_read(struct x86_cpu *cpu, uint64_t la, unsigned size)
{
    switch (size) {
    case 1:
        return mem_read8(cpu, la);
    case 2:
        return mem_read16(cpu, la);
    case 4:
        return mem_read32(cpu, la);
    default:
        return mem_read64(cpu, la);
    }
}

void mem_write(struct x86_cpu *cpu, uint64_t la, uint64_t val, unsigned size)
{
    switch (size) {
    case 1:
        mem_write8(cpu, la, (uint8_t)val);
        break;
    case 2:
        mem_write16(cpu, la, (uint16_t)val);
        break;
    case 4:
        mem_write32(cpu, la, (uint32_t)val);
        break;
    default:
        mem_write64(cpu, la, val);
        break;
    }
}

void mem_read_bytes(struct x86_cpu *cpu, uint64_t la, void *buf, unsigned len)
{
    const struct x86_dtlb *d = cpu->tlb_now;
    unsigned slot = tlb_slot(la);

    if (len <= PAGE_SIZE && tlb_hit(la, d->rneg[slot], len)) {
        memcpy(buf, (const void *)(la + d->addend[slot]), len);
    } else {
        read_linear(cpu, la, buf, len, current_set(cpu));
    }
}

void mem_write_bytes(struct x86_cpu *cpu, uint64_t la, const void *buf, unsigned len)
{
    const struct x86_dtlb *d = cpu->tlb_now;
    unsigned slot = tlb_slot(la);

    if (len <= PAGE_SIZE && tlb_hit(la, d->wneg[slot], len)) {
        memcpy((void *)(la + d->addend[slot]), buf, len);
    } else {
        write_linear(cpu, la, buf, len, current_set(cpu));
    }
}

void mem_probe(struct x86_cpu *cpu, uint64_t la, unsigned len, bool write)
{
    enum access access = write ? ACCESS_WRITE : ACCESS_READ;
    uint64_t last = (la + len - 1) & cpu->ea_mask;
    struct x86_walk wk;

    x86_translate(cpu, la, access, current_set(cpu), &wk);
    if ((la ^ last) & PAGE_MASK) {
        x86_translate(cpu, last & PAGE_MASK, access, current_set(cpu), &wk);
    }
}

uint64_t mem_sys_read(struct x86_cpu *cpu, uint64_t la, unsigned size)
{
    enum tlb_set set = x86_tlb_set_system(cpu);
    const struct x86_dtlb *d = &cpu->tlb->d[set];
    unsigned slot = tlb_slot(la);
    uint64_t val = 0;

    la &= cpu->efer & EFER_LMA ? ~0ULL : 0xffffffff;
    if (tlb_hit(la, d->rneg[slot], size)) {
        return load_le((const void *)(la + d->addend[slot]), size);
    }
    read_linear(cpu, la, &val, size, set);
    return val;
}

void mem_sys_write(struct x86_cpu *cpu, uint64_t la, uint64_t val, unsigned size)
{
    enum tlb_set set = x86_tlb_set_system(cpu);
    const struct x86_dtlb *d = &cpu->tlb->d[set];
    unsigned slot = tlb_slot(la);

    la &= cpu->efer & EFER_LMA ? ~0ULL : 0xffffffff;
    if (tlb_hit(la, d->wneg[slot], size)) {
        store_le((void *)(la + d->addend[slot]), val, size);
        return;
    }
    write_linear(cpu, la, &val, size, set);
}

void mem_sys_probe(struct x86_cpu *cpu, uint64_t la, unsigned size, bool write)
{
    enum access access = write ? ACCESS_WRITE : ACCESS_READ;
    struct x86_walk wk;
    uint64_t last;

    la &= cpu->efer & EFER_LMA ? ~0ULL : 0xffffffff;
    last = la + size - 1;
    x86_translate(cpu, la, access, x86_tlb_set_system(cpu), &wk);
    if ((la ^ last) & PAGE_MASK) {
        x86_translate(cpu, last & PAGE_MASK, access, x86_tlb_set_system(cpu), &wk);
    }
}

/* Whether accesses may bypass alignment checks and breakpoints. */
static bool plain_access(const struct x86_cpu *cpu)
{
    return current_set(cpu) != TLB_CHECKED && !(cpu->dr[7] & 0xff);
}

const void *mem_host_read(struct x86_cpu *cpu, uint64_t la, unsigned size)
{
    const struct x86_dtlb *d = cpu->tlb_now;
    unsigned slot = tlb_slot(la);
    struct x86_walk wk;

    if (!tlb_hit(la, d->rneg[slot], size)) {
        if (!plain_access(cpu)) {
            return NULL;
        }
        x86_translate(cpu, la, ACCESS_READ, current_set(cpu), &wk);
        if (!tlb_hit(la, d->rneg[slot], size)) {
            return NULL;
        }
    }
    return (const void *)(la + d->addend[slot]);
}

void *mem_host_write(struct x86_cpu *cpu, uint64_t la, unsigned size,
                     const struct phys_page **ret_page)
{
    const struct x86_dtlb *d = cpu->tlb_now;
    unsigned slot = tlb_slot(la);
    const struct phys_page *p;
    struct x86_walk wk;

    *ret_page = NULL;
    if (tlb_hit(la, d->wneg[slot], size)) {
        return (void *)(la + d->addend[slot]);
    }
    if (!plain_access(cpu)) {
        return NULL;
    }
    x86_translate(cpu, la, ACCESS_WRITE, current_set(cpu), &wk);
    p = x86_phys_page(cpu, wk.gpa);
    if (!p->host || !p->writable || (la & ~PAGE_MASK) + size > PAGE_SIZE) {
        return NULL;
    }
    watch_write(cpu, la, wk.gpa, size);
    *ret_page = p;
    return p->host + (la & ~PAGE_MASK);
}

void mem_host_written(const struct phys_page *page, const uint8_t *host, unsigned size)
{
    if (page && !ram_page_all_dirty(page->block, page->offset)) {
        ram_block_written(page->block, page->offset + (uint64_t)(host - page->host), size);
    }
}

/*
 * Locked accesses. RAM within a page uses the host's atomic instructions; everything else holds the
 * other CPUs.
 */
void mem_rmw_begin(struct x86_cpu *cpu, uint64_t la, unsigned size, bool locked)
{
    const struct x86_dtlb *d = cpu->tlb_now;
    unsigned slot = tlb_slot(la);
    struct x86_walk wk;

    cpu->rmw_la = la;
    cpu->rmw_page = NULL;
    cpu->rmw_exclusive = false;
    if (G_LIKELY(tlb_hit(la, d->wneg[slot], size) && tlb_hit(la, d->rneg[slot], size))) {
        cpu->rmw_host = (uint8_t *)(la + d->addend[slot]);
        return;
    }
    cpu->rmw_host = NULL;
    before_access(cpu, la, size, /* write= */ true, current_set(cpu));
    mem_probe(cpu, la, size, /* write= */ true);
    if ((la & ~PAGE_MASK) + size <= PAGE_SIZE) {
        x86_translate(cpu, la, ACCESS_WRITE, current_set(cpu), &wk);
        cpu->rmw_page = x86_phys_page(cpu, wk.gpa);
        if (cpu->rmw_page->host && cpu->rmw_page->writable) {
            watch_write(cpu, la, wk.gpa, size);
            cpu->rmw_host = cpu->rmw_page->host + (la & ~PAGE_MASK);
            return;
        }
    }
    cpu->rmw_page = NULL;
    if (locked && cpu->exclusive) {
        cpu->exclusive(cpu, /* enter= */ true);
        cpu->rmw_exclusive = true;
    }
}

uint64_t mem_rmw_load(struct x86_cpu *cpu, unsigned size)
{
    if (!cpu->rmw_host) {
        return mem_read(cpu, cpu->rmw_la, size);
    }
    switch (size) {
    case 1:
        return __atomic_load_n(cpu->rmw_host, __ATOMIC_RELAXED);
    case 2:
        return __atomic_load_n((uint16_t *)cpu->rmw_host, __ATOMIC_RELAXED);
    case 4:
        return __atomic_load_n((uint32_t *)cpu->rmw_host, __ATOMIC_RELAXED);
    default:
        return __atomic_load_n((uint64_t *)cpu->rmw_host, __ATOMIC_RELAXED);
    }
}

static bool swap_host(uint8_t *host, uint64_t old, uint64_t val, unsigned size)
{
    uint8_t old8 = (uint8_t)old;
    uint16_t old16 = (uint16_t)old;
    uint32_t old32 = (uint32_t)old;

    switch (size) {
    case 1:
        return __atomic_compare_exchange_n(host, &old8, (uint8_t)val, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    case 2:
        return __atomic_compare_exchange_n((uint16_t *)host, &old16, (uint16_t)val, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    case 4:
        return __atomic_compare_exchange_n((uint32_t *)host, &old32, (uint32_t)val, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    default:
        return __atomic_compare_exchange_n((uint64_t *)host, &old, val, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    }
}

void mem_rmw_written(struct x86_cpu *cpu, unsigned size)
{
    const struct phys_page *p = cpu->rmw_page;

    if (p && !ram_page_all_dirty(p->block, p->offset)) {
        ram_block_written(p->block, p->offset + (cpu->rmw_la & ~PAGE_MASK), size);
    }
}

bool mem_rmw_store(struct x86_cpu *cpu, uint64_t old, uint64_t val, unsigned size, bool locked)
{
    if (!cpu->rmw_host) {
        mem_write(cpu, cpu->rmw_la, val, size);
        mem_rmw_end(cpu);
        return true;
    }
    if (locked) {
        if (!swap_host(cpu->rmw_host, old, val, size)) {
            return false;
        }
    } else {
        store_le(cpu->rmw_host, val, size);
    }
    mem_rmw_written(cpu, size);
    return true;
}

void mem_rmw_end(struct x86_cpu *cpu)
{
    if (cpu->rmw_exclusive) {
        cpu->rmw_exclusive = false;
        cpu->exclusive(cpu, /* enter= */ false);
    }
}

/* Segments. */

bool x86_is_canonical(const struct x86_cpu *cpu, uint64_t la)
{
    unsigned bits = cpu->cr4 & CR4_LA57 ? 57 : 48;

    return (uint64_t)((int64_t)(la << (64 - bits)) >> (64 - bits)) == la;
}

static void __attribute__((noreturn)) segment_fault(struct x86_cpu *cpu, unsigned s)
{
    x86_raise(cpu, s == X86_SS ? EXC_SS : EXC_GP, 0);
}

/* Type and limit of a segment outside 64-bit mode. */
static bool segment_allows(const struct x86_cpu *cpu, unsigned s, uint64_t off, unsigned size,
                           bool write)
{
    const struct x86_seg *seg = &cpu->seg[s];
    uint64_t last = off + size - 1;
    bool code = seg->attr & SEG_CODE;

    if (x86_is_protected(cpu)) {
        if (!(seg->attr & SEG_P) ||
            (code ? write || !(seg->attr & SEG_WRITE) : write && !(seg->attr & SEG_WRITE))) {
            return false;
        }
    }
    if (!code && (seg->attr & SEG_DOWN)) {
        uint64_t top = seg->attr & SEG_D ? 0xffffffff : 0xffff;

        return off > seg->limit && last <= top;
    }
    return last <= seg->limit;
}

uint64_t seg_linear(struct x86_cpu *cpu, unsigned s, uint64_t off, unsigned size, bool write)
{
    uint64_t la = (off + cpu->seg_base[s]) & cpu->ea_mask;

    if (G_LIKELY(cpu->mode & MODE_CODE64)) {
        if (!x86_is_canonical(cpu, la) || !x86_is_canonical(cpu, la + size - 1)) {
            segment_fault(cpu, s);
        }
        return la;
    }
    if ((cpu->mode & MODE_FLAT) && s < X86_FS && !(write && s == X86_CS) &&
        off + size <= 0x100000000ULL) {
        return la;
    }
    if (!segment_allows(cpu, s, off, size, write)) {
        segment_fault(cpu, s);
    }
    return la;
}
