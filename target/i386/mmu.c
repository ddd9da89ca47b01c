/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paging: page walks and access rights.
 *
 * Two-level (with 4 MiB pages), PAE, four and five levels; NX, WP, SMEP, SMAP, protection keys,
 * global pages; reserved bits. Accessed and dirty bits are set by compare-and-swap, because other
 * CPUs walk the same tables. Intel SDM volume 3, chapter 4.
 */
#include "target/i386/exec.h"
#include "target/i386/tlb.h"

enum {
    PTE_P = 1 << 0,
    PTE_W = 1 << 1,
    PTE_U = 1 << 2,
    PTE_A = 1 << 5,
    PTE_D = 1 << 6,
    PTE_PS = 1 << 7,
    PTE_G = 1 << 8,
};
#define PTE_NX   (1ULL << 63)
#define PTE_ADDR 0x000ffffffffff000ULL

/* One page walk under way. */
struct walker {
    struct x86_cpu *cpu;
    uint64_t la;
    enum access access;
    enum tlb_set set;
    bool commit; /* set accessed and dirty bits */
    uint32_t error;
    struct x86_leaf leaf;
};

static bool is_user(enum tlb_set set)
{
    return set == TLB_USER || set == TLB_CHECKED;
}

static uint64_t pte_load(struct x86_cpu *cpu, uint64_t gpa, unsigned size)
{
    const struct phys_page *p = x86_phys_page(cpu, gpa);
    uint8_t *host = p->host + (gpa & ~PAGE_MASK);

    if (!p->host) {
        return phys_read(cpu, gpa, size);
    }
    return size == 8 ? __atomic_load_n((uint64_t *)host, __ATOMIC_RELAXED)
                     : __atomic_load_n((uint32_t *)host, __ATOMIC_RELAXED);
}

/* Sets @bits in an entry; false when it changed meanwhile. */
static bool pte_set_bits(struct x86_cpu *cpu, uint64_t gpa, unsigned size, uint64_t old,
                         uint64_t bits)
{
    const struct phys_page *p = x86_phys_page(cpu, gpa);
    uint64_t offset = gpa & ~PAGE_MASK;
    bool done;

    if ((old & bits) == bits) {
        return true;
    }
    if (!p->host || !p->writable) {
        phys_write(cpu, gpa, old | bits, size);
        return true;
    }
    if (size == 8) {
        done = __atomic_compare_exchange_n((uint64_t *)(p->host + offset), &old, old | bits, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    } else {
        uint32_t old32 = (uint32_t)old;

        done = __atomic_compare_exchange_n((uint32_t *)(p->host + offset), &old32,
                                           old32 | (uint32_t)bits, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    }
    if (done && !ram_page_all_dirty(p->block, p->offset)) {
        ram_block_written(p->block, p->offset + offset, size);
    }
    return done;
}

/* Bits that must be zero in every entry of this CPU's page tables. */
static uint64_t reserved_bits(const struct x86_cpu *cpu)
{
    uint64_t rsvd = PTE_ADDR & ~((1ULL << cpu->phys_bits) - 1);

    if (!(cpu->efer & EFER_NXE)) {
        rsvd |= PTE_NX;
    }
    if (!(cpu->efer & EFER_LMA)) {
        rsvd |= 0x7ff0000000000000ULL;
    }
    return rsvd;
}

/* What @set may do with the page, as the control registers and PKRU are now; 0, or error bits. */
static uint32_t leaf_rights(const struct x86_cpu *cpu, const struct x86_leaf *leaf,
                            enum access access, enum tlb_set set, struct x86_walk *ret)
{
    bool wp = cpu->cr0 & CR0_WP, user = is_user(set);
    bool leaf_user = leaf->flags & LEAF_U, leaf_write = leaf->flags & LEAF_W;
    bool read = true, write, exec = !(leaf->flags & LEAF_NX), key = false;

    if (user) {
        exec &= leaf_user;
        read = leaf_user;
        write = leaf_user && leaf_write;
    } else {
        write = leaf_write || !wp;
        if (leaf_user) {
            if (set == TLB_SMAP) {
                read = write = false;
            }
            if (cpu->cr4 & CR4_SMEP) {
                exec = false;
            }
        }
    }
    if (leaf_user && (cpu->cr4 & CR4_PKE) && (cpu->efer & EFER_LMA)) {
        unsigned rights = (cpu->pkru >> (leaf->key * 2)) & 3;
        bool no_read = rights & 1, no_write = (rights & 1) || ((rights & 2) && (user || wp));

        key = (access == ACCESS_READ && read && no_read) ||
              (access == ACCESS_WRITE && write && no_write);
        read &= !no_read;
        write &= !no_write;
    }
    ret->readable = read;
    ret->writable = write;
    ret->executable = exec;
    if (access == ACCESS_READ ? read : access == ACCESS_WRITE ? write : exec) {
        return 0;
    }
    return PF_P | (key ? PF_PK : 0);
}

/* The rest of *ret, once the rights are known to suffice. */
static void leaf_resolve(const struct x86_leaf *leaf, uint64_t la, struct x86_walk *ret)
{
    ret->gpa = leaf->gpa | (la & ((1ULL << leaf->page_bits) - 1));
    ret->page_bits = leaf->page_bits;
    ret->global = leaf->flags & LEAF_G;
    ret->writable &= !!(leaf->flags & LEAF_D);
}

bool x86_leaf_use(const struct x86_cpu *cpu, const struct x86_leaf *leaf, uint64_t la,
                  enum access access, enum tlb_set set, struct x86_walk *ret)
{
    if (leaf_rights(cpu, leaf, access, set, ret) ||
        (access == ACCESS_WRITE && !(leaf->flags & LEAF_D))) {
        return false;
    }
    leaf_resolve(leaf, la, ret);
    return true;
}

static uint64_t leaf_gpa(uint64_t pte, unsigned page_bits)
{
    if (page_bits == 22) { /* bits 32-39 are kept low: PSE-36 */
        return (pte & 0xffc00000) | (pte >> 13 & 0xff) << 32;
    }
    return pte & PTE_ADDR & ~((1ULL << page_bits) - 1);
}

/* Levels of the present mode and the first table. */
static unsigned walk_levels(const struct x86_cpu *cpu)
{
    if (cpu->efer & EFER_LMA) {
        return cpu->cr4 & CR4_LA57 ? 5 : 4;
    }
    return cpu->cr4 & CR4_PAE ? 3 : 2;
}

static bool is_leaf(const struct x86_cpu *cpu, unsigned level, uint64_t pte)
{
    if (level == 1) {
        return true;
    }
    if (!(pte & PTE_PS)) {
        return false;
    }
    switch (level) {
    case 2:
        return (cpu->cr4 & (CR4_PAE | CR4_PSE)) || (cpu->efer & EFER_LMA);
    case 3:
        return x86_has(cpu, X86_F_PDPE1GB);
    default:
        return false;
    }
}

/* Reserved bits of an entry at @level. */
static bool reserved_set(const struct x86_cpu *cpu, unsigned level, uint64_t pte, bool leaf,
                         unsigned page_bits)
{
    bool wide = cpu->cr4 & CR4_PAE;

    if (!wide) {
        return leaf && level == 2 && (pte & (1 << 21));
    }
    if (pte & reserved_bits(cpu)) {
        return true;
    }
    if (leaf && level > 1) {
        return pte & ((1ULL << page_bits) - 1) & ~0x1fffULL;
    }
    return !leaf && (pte & PTE_PS) && level >= 3;
}

enum step {
    STEP_OK,
    STEP_FAULT,
    STEP_AGAIN,
};

/* Goes down the tables once. STEP_AGAIN: an entry changed while its bits were set. */
static enum step walk_once(struct walker *w, struct x86_walk *ret)
{
    struct x86_cpu *cpu = w->cpu;
    struct x86_leaf *leaf = &w->leaf;
    bool wide = cpu->cr4 & CR4_PAE;
    unsigned size = wide ? 8 : 4, bits = wide ? 9 : 10;
    unsigned level = walk_levels(cpu);
    uint64_t table = cpu->cr3 & (wide ? PTE_ADDR : 0xfffff000), pte, entry_gpa;
    uint32_t rights;

    leaf->flags = LEAF_W | LEAF_U;
    if (level == 3) {
        pte = cpu->pdpte[(w->la >> 30) & 3];
        if (!(pte & PTE_P)) {
            return STEP_FAULT;
        }
        table = pte & PTE_ADDR;
        level = 2;
    }
    for (;; level--) {
        unsigned shift = PAGE_BITS + bits * (level - 1);
        bool last;

        entry_gpa = table + ((w->la >> shift) & ((1u << bits) - 1)) * size;
        pte = pte_load(cpu, entry_gpa, size);
        if (!(pte & PTE_P)) {
            return STEP_FAULT;
        }
        last = is_leaf(cpu, level, pte);
        if (reserved_set(cpu, level, pte, last, shift)) {
            w->error |= PF_P | PF_RSVD;
            return STEP_FAULT;
        }
        leaf->flags &= (pte & PTE_W ? LEAF_W : 0) | (pte & PTE_U ? LEAF_U : 0) | LEAF_NX;
        leaf->flags |= wide && (pte & PTE_NX) ? LEAF_NX : 0;
        if (last) {
            leaf->page_bits = (uint8_t)shift;
            break;
        }
        if (w->commit && !pte_set_bits(cpu, entry_gpa, size, pte, PTE_A)) {
            return STEP_AGAIN;
        }
        table = pte & (wide ? PTE_ADDR : 0xfffff000);
    }
    leaf->key = wide ? pte >> 59 & 0xf : 0;
    rights = leaf_rights(cpu, leaf, w->access, w->set, ret);
    if (rights) {
        w->error |= rights;
        return STEP_FAULT;
    }
    if (w->commit &&
        !pte_set_bits(cpu, entry_gpa, size, pte, PTE_A | (w->access == ACCESS_WRITE ? PTE_D : 0))) {
        return STEP_AGAIN;
    }
    leaf->flags |= (pte & PTE_D) || w->access == ACCESS_WRITE ? LEAF_D : 0;
    leaf->flags |= (pte & PTE_G) && (cpu->cr4 & CR4_PGE) ? LEAF_G : 0;
    leaf->gpa = leaf_gpa(pte, leaf->page_bits);
    leaf_resolve(leaf, w->la, ret);
    return STEP_OK;
}

/* False: page fault with w->error. */
static bool walk(struct walker *w, struct x86_walk *ret)
{
    struct x86_cpu *cpu = w->cpu;

    w->error = (w->access == ACCESS_WRITE ? PF_W : 0) | (is_user(w->set) ? PF_U : 0);
    if (w->access == ACCESS_FETCH &&
        (((cpu->efer & EFER_NXE) && (cpu->cr4 & CR4_PAE)) || (cpu->cr4 & CR4_SMEP))) {
        w->error |= PF_I;
    }
    if (!(cpu->cr0 & CR0_PG)) {
        *ret = (struct x86_walk){.gpa = w->la,
                                 .page_bits = PAGE_BITS,
                                 .readable = true,
                                 .writable = true,
                                 .executable = true};
        return true;
    }
    for (;;) {
        enum step step = walk_once(w, ret);

        if (step != STEP_AGAIN) {
            return step == STEP_OK;
        }
    }
}

bool x86_walk_tables(struct x86_cpu *cpu, uint64_t la, enum access access, enum tlb_set set,
                     struct x86_walk *ret, struct x86_leaf *ret_leaf, uint32_t *ret_error)
{
    struct walker w = {.cpu = cpu, .la = la, .access = access, .set = set, .commit = true};

    if (walk(&w, ret)) {
        *ret_leaf = w.leaf;
        return true;
    }
    *ret_error = w.error;
    return false;
}

bool x86_debug_translate(struct x86_cpu *cpu, uint64_t la, uint64_t *ret_gpa)
{
    struct walker w = {.cpu = cpu, .la = la, .access = ACCESS_READ, .commit = false};
    struct x86_walk wk;

    if (!(cpu->efer & EFER_LMA)) {
        w.la = (uint32_t)la;
    }
    if (!walk(&w, &wk)) {
        return false;
    }
    *ret_gpa = x86_bus_address(cpu, wk.gpa);
    return true;
}

#define DEBUG_WALK_ENTRIES (1u << 26) /* hostile tables may refer to each other in circles */

struct debug_walk {
    struct x86_cpu *cpu;
    void (*each)(void *opaque, uint64_t la, uint64_t pte, unsigned level, uint64_t flags);
    void *opaque;
    unsigned left; /* entries that may still be looked at */
};

static void walk_table(struct debug_walk *d, uint64_t table, unsigned level, uint64_t la,
                       uint64_t rights)
{
    struct x86_cpu *cpu = d->cpu;
    bool wide = cpu->cr4 & CR4_PAE;
    unsigned size = wide ? 8 : 4, bits = wide ? 9 : 10, shift = PAGE_BITS + bits * (level - 1);
    unsigned top = walk_levels(cpu), count = 1u << bits;

    for (unsigned n = 0; n < count && d->left; n++) {
        uint64_t pte = pte_load(cpu, table + (uint64_t)n * size, size);
        uint64_t at = la | (uint64_t)n << shift, both = rights;

        d->left--;
        if (!(pte & PTE_P) || reserved_set(cpu, level, pte, is_leaf(cpu, level, pte), shift)) {
            continue;
        }
        if (level == top && top >= 4 && n >= count / 2) {
            at |= ~0ULL << (shift + bits);
        }
        both &= pte | ~(uint64_t)(PTE_W | PTE_U);
        both |= pte & PTE_NX;
        if (is_leaf(cpu, level, pte)) {
            d->each(d->opaque, at, pte, level, both | (pte & (PTE_G | PTE_A | PTE_D)));
        } else {
            walk_table(d, pte & (wide ? PTE_ADDR : 0xfffff000), level - 1, at, both);
        }
    }
}

void x86_debug_walk(struct x86_cpu *cpu,
                    void (*each)(void *opaque, uint64_t la, uint64_t pte, unsigned level,
                                 uint64_t flags),
                    void *opaque)
{
    struct debug_walk d = {cpu, each, opaque, DEBUG_WALK_ENTRIES};
    unsigned level = walk_levels(cpu);
    uint64_t rights = PTE_P | PTE_W | PTE_U;

    if (!(cpu->cr0 & CR0_PG)) {
        return;
    }
    if (level == 3) {
        for (unsigned n = 0; n < 4; n++) {
            if (cpu->pdpte[n] & PTE_P) {
                walk_table(&d, cpu->pdpte[n] & PTE_ADDR, 2, (uint64_t)n << 30, rights);
            }
        }
        return;
    }
    walk_table(&d, cpu->cr3 & (level == 2 ? 0xfffff000 : PTE_ADDR), level, 0, rights);
}
