/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling and flushing the soft TLB, and how physical pages are reached.
 *
 * The first level, which engines look up inline, holds what the present context (PCID) may see; the
 * second (tlb_second.h) all contexts. Who flushes what: Intel SDM volume 3, 4.10.4.
 */
#include "target/i386/tlb.h"
#include "target/i386/exec.h"
#include "util/log.h"
#include "util/rcu.h"
#include <inttypes.h>
#include <string.h>

uint64_t x86_bus_address(const struct x86_cpu *cpu, uint64_t gpa)
{
    return cpu->a20 ? gpa : gpa & ~(1ULL << 20);
}

struct address_space *x86_memory(const struct x86_cpu *cpu)
{
    return cpu->in_smm && cpu->smm_mem ? cpu->smm_mem : cpu->mem;
}

const struct phys_page *x86_phys_page(struct x86_cpu *cpu, uint64_t gpa)
{
    uint64_t page = x86_bus_address(cpu, gpa) & PAGE_MASK;
    struct phys_page *p = &cpu->tlb->phys[(page >> PAGE_BITS) & (PHYS_SLOTS - 1)];
    uint64_t len = PAGE_SIZE;

    if (p->gpa == page) {
        return p;
    }
    p->gpa = page;
    p->block = NULL;
    rcu_read_lock();
    p->host =
        address_space_ram(x86_memory(cpu), page, &len, /* write= */ false, &p->block, &p->offset);
    if (p->host && len < PAGE_SIZE) {
        p->host = NULL;
    }
    p->writable = false;
    if (p->host) {
        len = PAGE_SIZE;
        p->writable = address_space_ram(x86_memory(cpu), page, &len, /* write= */ true, NULL,
                                        NULL) == p->host &&
                      len >= PAGE_SIZE;
    }
    rcu_read_unlock();
    if (cpu->watch && p->host) {
        p->host = cpu->watch->page(cpu, p->host);
    }
    return p;
}

void x86_tlb_forget_phys(struct x86_cpu *cpu, uint64_t gpa)
{
    uint64_t page = x86_bus_address(cpu, gpa) & PAGE_MASK;
    struct phys_page *p = &cpu->tlb->phys[(page >> PAGE_BITS) & (PHYS_SLOTS - 1)];

    if (p->gpa == page) {
        p->gpa = 1;
    }
}

static bool bit_test(const uint64_t *bits, unsigned n)
{
    return bits[n / 64] >> (n % 64) & 1;
}

static void bit_put(uint64_t *bits, unsigned n, bool on)
{
    bits[n / 64] = (bits[n / 64] & ~(1ULL << (n % 64))) | (uint64_t)on << (n % 64);
}

static void slot_clear(struct x86_tlb *tlb, enum tlb_part part, unsigned set, unsigned slot)
{
    if (part == TLB_DATA) {
        struct x86_dtlb *d = &tlb->d[set];

        d->rneg[slot] = d->wneg[slot] = d->cneg[slot] = tlb_never(slot);
        d->hpage[slot] = 0;
    } else {
        x86_itlb_forget_names(&tlb->i[set], slot);
        tlb->i[set].xneg[slot] = tlb_never(slot);
    }
}

void x86_tlb_init(struct x86_cpu *cpu)
{
    for (unsigned set = 0; set < TLB_SETS; set++) {
        for (unsigned slot = 0; slot < TLB_SLOTS; slot++) {
            slot_clear(cpu->tlb, TLB_DATA, set, slot);
        }
        for (unsigned slot = 0; slot < ITLB_SLOTS; slot++) {
            slot_clear(cpu->tlb, TLB_CODE, set, slot);
        }
    }
    x86_tlb_flush_phys(cpu);
}

/* The linear page of a filled slot. */
static uint64_t slot_page(const struct x86_tlb *tlb, enum tlb_part part, unsigned set,
                          unsigned slot)
{
    return -(part == TLB_DATA ? tlb->d[set].rneg[slot] : tlb->i[set].xneg[slot]);
}

static void drop_slot(struct x86_tlb *tlb, enum tlb_part part, unsigned set, unsigned slot)
{
    bit_put(tlb->marks[part][set].used, slot, false);
    slot_clear(tlb, part, set, slot);
}

/* Drops what word @w of the table's marks names and, with @keep_global, is not global. */
static void drop_word(struct x86_tlb *tlb, enum tlb_part part, unsigned set, unsigned w,
                      bool keep_global)
{
    struct tlb_marks *m = &tlb->marks[part][set];
    uint64_t bits = m->used[w] & ~(keep_global ? m->global[w] : 0);

    m->used[w] &= ~bits;
    if (!m->used[w]) {
        bit_put(m->words, w, false);
    }
    for (; bits; bits &= bits - 1) {
        slot_clear(tlb, part, set, w * 64 + (unsigned)__builtin_ctzll(bits));
    }
}

static void drop_filled(struct x86_tlb *tlb, enum tlb_part part, unsigned set, bool keep_global)
{
    const struct tlb_marks *m = &tlb->marks[part][set];

    for (unsigned n = 0; n < ARRAY_SIZE(m->words); n++) {
        for (uint64_t words = m->words[n]; words; words &= words - 1) {
            drop_word(tlb, part, set, n * 64 + (unsigned)__builtin_ctzll(words), keep_global);
        }
    }
}

static void drop_all(struct x86_tlb *tlb, bool keep_global)
{
    for (unsigned set = 0; set < TLB_SETS; set++) {
        drop_filled(tlb, TLB_DATA, set, keep_global);
        drop_filled(tlb, TLB_CODE, set, keep_global);
    }
    tlb_ranges_clear(&tlb->ranges, keep_global);
    tlb->flushes++;
}

static unsigned current_pcid(const struct x86_cpu *cpu)
{
    return cpu->cr4 & CR4_PCIDE ? cpu->cr3 % X86_PCIDS : 0;
}

void x86_tlb_flush(struct x86_cpu *cpu)
{
    struct x86_tlb *tlb = cpu->tlb;

    drop_all(tlb, /* keep_global= */ false);
    memset(tlb->large_seen, 0, sizeof(tlb->large_seen));
    tlb->giant_seen = 0;
    tlb_second_clear(&tlb->second, /* keep_global= */ false, current_pcid(cpu));
}

void x86_tlb_flush_nonglobal(struct x86_cpu *cpu)
{
    drop_all(cpu->tlb, /* keep_global= */ true);
    tlb_second_clear(&cpu->tlb->second, /* keep_global= */ true, current_pcid(cpu));
}

void x86_tlb_flush_context(struct x86_cpu *cpu, unsigned pcid)
{
    struct tlb_second *second = &cpu->tlb->second;

    tlb_second_clear_pcid(second, pcid);
    if (pcid == second->pcid) {
        drop_all(cpu->tlb, /* keep_global= */ true);
    }
}

void x86_tlb_context_loaded(struct x86_cpu *cpu, bool keep)
{
    struct tlb_second *second = &cpu->tlb->second;
    unsigned pcid = current_pcid(cpu);

    if (!(cpu->cr4 & CR4_PCIDE)) {
        x86_tlb_flush_nonglobal(cpu);
        return;
    }
    if (!keep) {
        tlb_second_clear_pcid(second, pcid);
    } else if (pcid == second->pcid) {
        return;
    }
    drop_all(cpu->tlb, /* keep_global= */ true);
    tlb_second_enter(second, pcid);
}

void x86_tlb_flush_data_rights(struct x86_cpu *cpu)
{
    for (unsigned set = 0; set < TLB_SETS; set++) {
        drop_filled(cpu->tlb, TLB_DATA, set, /* keep_global= */ false);
    }
    x86_tlb_clear_ranges(cpu);
}

static unsigned large_hash(uint64_t la)
{
    return (la >> TLB_LARGE_BITS) % TLB_LARGE_SEEN;
}

static uint64_t giant_bit(uint64_t la)
{
    return 1ULL << (la >> 30) % 64;
}

static void note_large(struct x86_tlb *tlb, uint64_t la, unsigned page_bits)
{
    if (page_bits > TLB_LARGE_BITS) {
        tlb->giant_seen |= giant_bit(la);
    } else if (page_bits > PAGE_BITS) {
        bit_put(tlb->large_seen, large_hash(la), true);
    }
}

/* What of one page is to go. */
struct drop {
    uint64_t la;
    bool keep_global;
};

static bool drop_if(struct x86_tlb *tlb, enum tlb_part part, unsigned set, unsigned slot,
                    const struct drop *d)
{
    if (d->keep_global && bit_test(tlb->marks[part][set].global, slot)) {
        return false;
    }
    drop_slot(tlb, part, set, slot);
    return true;
}

/* Drops the pieces of large pages that hold d->la; what remains is remembered anew. True if code.
 */
static bool drop_large(struct x86_tlb *tlb, const struct drop *d)
{
    bool code = false;

    memset(tlb->large_seen, 0, sizeof(tlb->large_seen));
    tlb->giant_seen = tlb_second_drop_giant(&tlb->second, d->la);
    tlb_ranges_clear(&tlb->ranges, /* keep_global= */ false);
    for (unsigned n = 0; n < TLB_PARTS * TLB_SETS; n++) {
        enum tlb_part part = n % TLB_PARTS;
        unsigned set = n / TLB_PARTS;
        const struct tlb_marks *m = &tlb->marks[part][set];

        for (unsigned w = 0; w < TLB_SLOTS / 64; w++) {
            for (uint64_t bits = m->used[w] & m->large[w]; bits; bits &= bits - 1) {
                unsigned slot = w * 64 + (unsigned)__builtin_ctzll(bits);
                uint64_t page = slot_page(tlb, part, set, slot);

                if ((page ^ d->la) >> m->page_bits[slot] || !drop_if(tlb, part, set, slot, d)) {
                    note_large(tlb, page, m->page_bits[slot]);
                } else {
                    code |= part == TLB_CODE;
                }
            }
        }
    }
    return code;
}

/* Drops a page from the first level, a large one from both. True if it was code. */
static bool drop_page(struct x86_tlb *tlb, const struct drop *d)
{
    unsigned slot = tlb_slot(d->la), islot = itlb_slot(d->la);
    bool code = false;

    for (unsigned set = 0; set < TLB_SETS; set++) {
        if (tlb_hit(d->la, tlb->d[set].rneg[slot], 1)) {
            drop_if(tlb, TLB_DATA, set, slot, d);
        }
        if (tlb_hit(d->la, tlb->i[set].xneg[islot], 1)) {
            code |= drop_if(tlb, TLB_CODE, set, islot, d);
        }
    }
    tlb_ranges_drop(&tlb->ranges, d->la);
    if (bit_test(tlb->large_seen, large_hash(d->la)) || (tlb->giant_seen & giant_bit(d->la))) {
        code |= drop_large(tlb, d);
    }
    return code;
}

void x86_tlb_flush_page(struct x86_cpu *cpu, uint64_t la)
{
    drop_page(cpu->tlb, &(struct drop){.la = la});
    tlb_second_drop(&cpu->tlb->second, la);
    cpu->tlb->flushes++;
}

void x86_tlb_flush_context_page(struct x86_cpu *cpu, unsigned pcid, uint64_t la)
{
    struct x86_tlb *tlb = cpu->tlb;

    tlb_second_drop_pcid(&tlb->second, la, pcid);
    if (pcid == tlb->second.pcid) {
        drop_page(tlb, &(struct drop){.la = la, .keep_global = true});
        tlb->flushes++;
    } else if (tlb->giant_seen & giant_bit(la)) {
        tlb_second_drop_giant(&tlb->second, la);
    }
}

/* A page fault drops what the CPU holds of its address; the guest may count on it. */
static void drop_faulting(struct x86_cpu *cpu, uint64_t la)
{
    struct x86_tlb *tlb = cpu->tlb;

    tlb_second_drop(&tlb->second, la);
    if (drop_page(tlb, &(struct drop){.la = la})) {
        tlb->flushes++;
    }
}

void x86_tlb_flush_phys(struct x86_cpu *cpu)
{
    for (unsigned n = 0; n < PHYS_SLOTS; n++) {
        cpu->tlb->phys[n].gpa = 1;
    }
    x86_tlb_flush(cpu);
}

/*
 * Which slots allow writes to a host page.
 *
 * A bucket names up to two data slots as set * TLB_SLOTS + slot + 1, or says WRITERS_MANY. Every
 * slot that allows writes is named in its page's bucket, unless that says WRITERS_MANY. A name may
 * be stale: its slot says what it holds now.
 */
#define WRITERS_MANY 0xffff

static uint16_t *writers_of(struct x86_tlb *tlb, uint64_t hpage)
{
    return tlb->writers[((hpage >> PAGE_BITS) * 0x9e3779b97f4a7c15ULL >> 32) % TLB_WRITERS];
}

static bool slot_writes(const struct x86_tlb *tlb, unsigned set, unsigned slot)
{
    return tlb->d[set].wneg[slot] != tlb_never(slot);
}

static void note_writer(struct x86_tlb *tlb, unsigned set, unsigned slot)
{
    uint16_t *at = writers_of(tlb, tlb->d[set].hpage[slot]);
    uint16_t name = (uint16_t)(set * TLB_SLOTS + slot + 1);

    if (at[0] == name || at[1] == name || at[0] == WRITERS_MANY) {
        return;
    }
    for (unsigned n = 0; n < 2; n++) {
        unsigned s = (at[n] - 1) / TLB_SLOTS, other = (at[n] - 1) % TLB_SLOTS;

        if (!at[n] || !slot_writes(tlb, s, other) ||
            writers_of(tlb, tlb->d[s].hpage[other]) != at) {
            at[n] = name;
            return;
        }
    }
    at[0] = WRITERS_MANY;
}

static void protect_slot(struct x86_tlb *tlb, unsigned set, unsigned slot, uint64_t hpage)
{
    if (tlb->d[set].hpage[slot] == hpage) {
        tlb->d[set].wneg[slot] = tlb_never(slot);
    }
}

void x86_tlb_protect_page(struct x86_cpu *cpu, const uint8_t *host)
{
    struct x86_tlb *tlb = cpu->tlb;
    uint64_t hpage = (uintptr_t)host;
    uint16_t *at = writers_of(tlb, hpage);

    tlb_ranges_protect(&tlb->ranges, hpage);
    if (at[0] != WRITERS_MANY) {
        for (unsigned n = 0; n < 2; n++) {
            if (at[n]) {
                protect_slot(tlb, (at[n] - 1) / TLB_SLOTS, (at[n] - 1) % TLB_SLOTS, hpage);
            }
        }
        return;
    }
    at[0] = at[1] = 0;
    for (unsigned set = 0; set < TLB_SETS; set++) {
        for (unsigned w = 0; w < TLB_SLOTS / 64; w++) {
            for (uint64_t bits = tlb->marks[TLB_DATA][set].used[w]; bits; bits &= bits - 1) {
                unsigned slot = w * 64 + (unsigned)__builtin_ctzll(bits);

                protect_slot(tlb, set, slot, hpage);
                if (slot_writes(tlb, set, slot) && writers_of(tlb, tlb->d[set].hpage[slot]) == at) {
                    note_writer(tlb, set, slot);
                }
            }
        }
    }
}

#define RANGE_PAGES_MAX 64 /* on each side, when it is looked for; what is found is joined */

/* How many pages from @page on, upward or downward, are part of the run. */
static unsigned run_pages(const struct x86_tlb *tlb, enum tlb_set set, bool write, uint64_t page,
                          bool down)
{
    const struct x86_dtlb *d = &tlb->d[set];
    const uint64_t *neg = write ? d->wneg : d->rneg, *global = tlb->marks[TLB_DATA][set].global;
    uint64_t first = page, addend = d->addend[tlb_slot(page)];
    bool is_global = bit_test(global, tlb_slot(page));
    unsigned n;

    for (n = 0; n < RANGE_PAGES_MAX; n++) {
        unsigned slot = tlb_slot(page);

        /* not across a multiple of 4 GiB: there 32-bit code wraps, and 0 follows the last page */
        if (neg[slot] != -page || d->addend[slot] != addend || (page ^ first) >> 32 ||
            bit_test(global, slot) != is_global) {
            break;
        }
        page += down ? -(uint64_t)PAGE_SIZE : PAGE_SIZE;
    }
    return n;
}

void x86_tlb_fill_range(struct x86_cpu *cpu, enum tlb_set set, bool write, unsigned n, uint64_t la)
{
    struct x86_tlb *tlb = cpu->tlb;
    uint64_t page = la & PAGE_MASK;
    unsigned slot = tlb_slot(la), kind = tlb_range_kind(set, write), down, up;
    struct x86_run run;

    G_STATIC_ASSERT(TLB_RANGE_KINDS == TLB_SETS * 2);
    if (!tlb_range_known(&tlb->ranges, kind, la, &run) || run.addend != tlb->d[set].addend[slot]) {
        down = run_pages(tlb, set, write, page, /* down= */ true);
        up = run_pages(tlb, set, write, page, /* down= */ false);
        if (!down) { /* nor up: the page counts in both */
            tlb_range_empty(&tlb->ranges, kind, n);
            return;
        }
        run = (struct x86_run){.la = page - (uint64_t)(down - 1) * PAGE_SIZE,
                               .len = (uint64_t)(down + up - 1) * PAGE_SIZE,
                               .addend = tlb->d[set].addend[slot],
                               .global = bit_test(tlb->marks[TLB_DATA][set].global, slot)};
        tlb_range_found(&tlb->ranges, kind, &run);
    }
    tlb_range_set(&tlb->ranges, kind, n, &run, la);
}

void x86_tlb_clear_ranges(struct x86_cpu *cpu)
{
    tlb_ranges_clear(&cpu->tlb->ranges, /* keep_global= */ false);
}

enum tlb_set x86_tlb_set_system(const struct x86_cpu *cpu)
{
    return cpu->cr4 & CR4_SMAP ? TLB_SMAP : TLB_SUPER;
}

enum tlb_set x86_tlb_set(const struct x86_cpu *cpu)
{
    if (cpu->cpl == 3) {
        return (cpu->eflags & FLAG_AC) && (cpu->cr0 & CR0_AM) ? TLB_CHECKED : TLB_USER;
    }
    return (cpu->cr4 & CR4_SMAP) && !(cpu->eflags & FLAG_AC) ? TLB_SMAP : TLB_SUPER;
}

/* Whether a data breakpoint is armed in the page: then every access takes the slow path. */
static bool page_watched(const struct x86_cpu *cpu, uint64_t la)
{
    for (unsigned n = 0; (cpu->dr[7] & 0xff) && n < 4; n++) {
        bool enabled = cpu->dr[7] >> (n * 2) & 3, data = cpu->dr[7] >> (16 + n * 4) & 3;

        /* 8 bytes that start in the page before may reach into this one */
        if (enabled && data &&
            (!((cpu->dr[n] ^ la) & PAGE_MASK) || !(((cpu->dr[n] + 7) ^ la) & PAGE_MASK))) {
            return true;
        }
    }
    return false;
}

static void mark_filled(struct x86_tlb *tlb, enum tlb_part part, enum tlb_set set, unsigned slot,
                        const struct x86_walk *wk)
{
    struct tlb_marks *m = &tlb->marks[part][set];

    bit_put(m->words, slot / 64, true);
    bit_put(m->used, slot, true);
    bit_put(m->global, slot, wk->global);
    bit_put(m->large, slot, wk->page_bits > PAGE_BITS);
    m->page_bits[slot] = (uint8_t)wk->page_bits;
    note_large(tlb, slot_page(tlb, part, set, slot), wk->page_bits);
}

static void fill_code(struct x86_cpu *cpu, uint64_t page, enum tlb_set set,
                      const struct x86_walk *wk)
{
    struct x86_tlb *tlb = cpu->tlb;
    struct x86_itlb *i = &tlb->i[set];
    unsigned slot = itlb_slot(page);
    const struct phys_page *p = x86_phys_page(cpu, wk->gpa);

    drop_slot(tlb, TLB_CODE, set, slot);
    if (p->host && wk->executable) {
        i->addend[slot] = (uintptr_t)p->host - page;
        i->xneg[slot] = -page;
        mark_filled(tlb, TLB_CODE, set, slot, wk);
    }
}

static void fill_data(struct x86_cpu *cpu, uint64_t page, enum tlb_set set,
                      const struct x86_walk *wk)
{
    struct x86_tlb *tlb = cpu->tlb;
    struct x86_dtlb *d = &tlb->d[set];
    unsigned slot = tlb_slot(page);
    const struct phys_page *p = x86_phys_page(cpu, wk->gpa);

    if (set == TLB_CHECKED) {
        return;
    }
    drop_slot(tlb, TLB_DATA, set, slot);
    if (!p->host || !wk->readable || page_watched(cpu, page)) {
        return;
    }
    d->hpage[slot] = (uintptr_t)p->host;
    d->addend[slot] = (uintptr_t)p->host - page;
    d->rneg[slot] = -page;
    mark_filled(tlb, TLB_DATA, set, slot, wk);
    if (cpu->watch) {
        cpu->watch->filled(cpu, set, slot);
    } else if (wk->writable && p->writable) {
        bool others = __atomic_load_n(&p->block->watching, __ATOMIC_RELAXED) & ~(1u << DIRTY_CODE);

        if (!others && ram_page_all_dirty(p->block, p->offset)) {
            d->wneg[slot] = -page;
            note_writer(tlb, set, slot);
        } else if (!others && cpu->alone) {
            d->cneg[slot] = -page;
            d->clines[slot] = &p->block->code_lines[p->offset >> PAGE_BITS];
        }
    }
}

/* By the second level, else by a page walk. */
static void translate(struct x86_cpu *cpu, uint64_t la, enum access access, enum tlb_set set,
                      struct x86_walk *ret)
{
    struct x86_tlb *tlb = cpu->tlb;
    bool paging = cpu->cr0 & CR0_PG;
    const struct x86_leaf *known = paging ? tlb_second_find(&tlb->second, la) : NULL;
    struct x86_leaf leaf;
    uint32_t error;

    if (known && x86_leaf_use(cpu, known, la, access, set, ret)) {
        tlb->second_hits++;
        return;
    }
    if (!x86_walk_tables(cpu, la, access, set, ret, &leaf, &error)) {
        if (log_on(LOG_MMU)) {
            log_printf(LOG_MMU, "page fault: la %#" PRIx64 " error %#x\n", la, error);
        }
        drop_faulting(cpu, la);
        x86_raise_pf(cpu, la, error);
    }
    if (paging) {
        tlb->walks++;
        tlb_second_put(&tlb->second, la, &leaf);
        note_large(tlb, la, leaf.page_bits);
    }
}

void x86_translate(struct x86_cpu *cpu, uint64_t la, enum access access, enum tlb_set set,
                   struct x86_walk *ret)
{
    cpu->tlb->misses++;
    translate(cpu, la, access, set, ret);
    if (access == ACCESS_FETCH) {
        fill_code(cpu, la & PAGE_MASK, set, ret);
    } else {
        fill_data(cpu, la & PAGE_MASK, set, ret);
    }
}
