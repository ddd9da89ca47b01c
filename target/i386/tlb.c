/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling and flushing the soft TLB, and how physical pages are reached.
 *
 * Differs from silicon in that PCIDs do not keep translations apart: a CR3 load flushes whatever
 * is not global, which is allowed and never seen.
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
    return p;
}

struct x86_tlb *x86_tlb_new(void)
{
    return g_malloc0(sizeof(struct x86_tlb));
}

void x86_tlb_free(struct x86_tlb *tlb)
{
    g_free(tlb);
}

static void entry_clear(struct x86_tlb *tlb, unsigned set, unsigned slot)
{
    /* a page of another slot: no address that looks here can match */
    uint64_t never = (uint64_t)(slot ^ 1) << PAGE_BITS;

    tlb->e[set][slot].rtag = tlb->e[set][slot].wtag = tlb->e[set][slot].xtag = never;
    tlb->info[set][slot].global = 0;
}

static void set_clear(struct x86_tlb *tlb, unsigned set)
{
    for (unsigned slot = 0; slot < TLB_SLOTS; slot++) {
        entry_clear(tlb, set, slot);
    }
    tlb->used[set] = false;
}

void x86_tlb_flush(struct x86_cpu *cpu)
{
    struct x86_tlb *tlb = cpu->tlb;

    for (unsigned set = 0; set < TLB_SETS; set++) {
        if (tlb->used[set]) {
            set_clear(tlb, set);
        }
    }
    tlb->large_used = false;
    tlb->flushes++;
}

void x86_tlb_flush_nonglobal(struct x86_cpu *cpu)
{
    struct x86_tlb *tlb = cpu->tlb;

    for (unsigned set = 0; set < TLB_SETS; set++) {
        if (!tlb->used[set]) {
            continue;
        }
        for (unsigned slot = 0; slot < TLB_SLOTS; slot++) {
            if (!tlb->info[set][slot].global) {
                entry_clear(tlb, set, slot);
            }
        }
    }
    tlb->flushes++;
}

void x86_tlb_flush_page(struct x86_cpu *cpu, uint64_t la)
{
    struct x86_tlb *tlb = cpu->tlb;

    for (unsigned set = 0; set < TLB_SETS; set++) {
        entry_clear(tlb, set, tlb_slot(la));
        for (unsigned slot = 0; tlb->large_used && slot < TLB_SLOTS; slot++) {
            const struct x86_tlb_entry *e = &tlb->e[set][slot];
            uint64_t mask = ~0ULL << tlb->info[set][slot].page_bits;

            if (!((e->rtag ^ la) & mask) || !((e->wtag ^ la) & mask) || !((e->xtag ^ la) & mask)) {
                entry_clear(tlb, set, slot);
            }
        }
    }
    tlb->flushes++;
}

void x86_tlb_flush_phys(struct x86_cpu *cpu)
{
    for (unsigned n = 0; n < PHYS_SLOTS; n++) {
        cpu->tlb->phys[n].gpa = 1;
    }
    for (unsigned set = 0; set < TLB_SETS; set++) {
        cpu->tlb->used[set] = true;
    }
    x86_tlb_flush(cpu);
}

void x86_tlb_protect_page(struct x86_cpu *cpu, const uint8_t *host)
{
    struct x86_tlb *tlb = cpu->tlb;

    for (unsigned set = 0; set < TLB_SETS; set++) {
        if (!tlb->used[set]) {
            continue;
        }
        for (unsigned slot = 0; slot < TLB_SLOTS; slot++) {
            struct x86_tlb_entry *e = &tlb->e[set][slot];

            if (e->wtag + e->addend == (uintptr_t)host) {
                e->wtag = (uint64_t)(slot ^ 1) << PAGE_BITS;
            }
        }
    }
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

static void tlb_fill(struct x86_cpu *cpu, uint64_t la, enum tlb_set set, const struct x86_walk *wk)
{
    struct x86_tlb *tlb = cpu->tlb;
    unsigned slot = tlb_slot(la);
    struct x86_tlb_entry *e = &tlb->e[set][slot];
    const struct phys_page *p = x86_phys_page(cpu, wk->gpa);

    if (set == TLB_CHECKED) {
        return;
    }
    entry_clear(tlb, set, slot);
    if (!p->host) {
        return;
    }
    tlb->used[set] = true;
    la &= PAGE_MASK;
    e->addend = (uintptr_t)p->host - la;
    if (wk->executable) {
        e->xtag = la;
    }
    if (!page_watched(cpu, la)) {
        bool others = __atomic_load_n(&p->block->watching, __ATOMIC_RELAXED) & ~(1u << DIRTY_CODE);

        if (wk->readable) {
            e->rtag = la;
        }
        if (wk->writable && p->writable && !others && ram_page_all_dirty(p->block, p->offset)) {
            e->wtag = la;
        }
    }
    tlb->info[set][slot].global = wk->global;
    tlb->info[set][slot].page_bits = wk->page_bits;
    tlb->large_used |= wk->page_bits > PAGE_BITS;
}

void x86_translate(struct x86_cpu *cpu, uint64_t la, enum access access, enum tlb_set set,
                   struct x86_walk *ret)
{
    uint32_t error;

    if (!x86_walk_tables(cpu, la, access, set, ret, &error)) {
        if (log_on(LOG_MMU)) {
            log_printf(LOG_MMU, "page fault: la %#" PRIx64 " error %#x\n", la, error);
        }
        x86_raise_pf(cpu, la, error);
    }
    tlb_fill(cpu, la, set, ret);
}
