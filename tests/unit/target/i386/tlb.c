/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of target/i386/tlb.c and tlb_second.c: what is filled, what is kept, what flushes drop. */
#include "target/i386/tlb.h"
#include "tests/unit/target/i386/rig.h"

enum { P = 1, W = 2, U = 4, D = 0x40, PS = 0x80, G = 0x100 };
#define NX (1ULL << 63)

#define LA 0x40201000ULL /* entries 0, 1, 1, 1 of the levels; PAE: 1, 1, 1 */

static struct rig *rig_with_tables(uint64_t leaf)
{
    struct rig *r = rig_new("max");

    rig_long(r);
    r->cpu->cr4 |= CR4_PGE;
    ((uint64_t *)rig_at(r, 0x2000))[1] = 0x6000 | P | W | U;
    ((uint64_t *)rig_at(r, 0x6000))[1] = 0x7000 | P | W | U;
    ((uint64_t *)rig_at(r, 0x7000))[1] = leaf;
    x86_cpu_state_loaded(r->cpu);
    return r;
}

/* -1 and the address in *ret_gpa, or the page fault's error code. */
static int translate(struct rig *r, uint64_t la, enum access access, enum tlb_set set,
                     uint64_t *ret_gpa)
{
    struct x86_walk wk;

    if (setjmp(r->cpu->unwind)) {
        g_assert_cmpint(r->cpu->raised.vector, ==, EXC_PF);
        g_assert_cmphex(r->cpu->cr2, ==, la);
        return (int)r->cpu->raised.error;
    }
    x86_translate(r->cpu, la, access, set, &wk);
    *ret_gpa = wk.gpa;
    return -1;
}

static int outcome(struct rig *r, enum access access, enum tlb_set set)
{
    uint64_t gpa;

    return translate(r, LA + 0x123, access, set, &gpa);
}

static void test_flushes_forget(void)
{
    struct rig *r = rig_with_tables(0x9000 | P | W | U | 0x100);
    uint64_t *leaf = (uint64_t *)rig_at(r, 0x7000) + 1;

    ((uint8_t *)rig_at(r, 0x9000))[0] = 0x11;
    ((uint8_t *)rig_at(r, 0xa000))[0] = 0x22;
    g_assert_cmphex(mem_read8(r->cpu, LA), ==, 0x11);
    *leaf = 0xa000 | P | W | U | 0x100;
    g_assert_cmphex(mem_read8(r->cpu, LA), ==, 0x11); /* still cached */
    x86_tlb_flush_nonglobal(r->cpu);
    g_assert_cmphex(mem_read8(r->cpu, LA), ==, 0x11); /* it is global */
    x86_tlb_flush_page(r->cpu, LA);
    g_assert_cmphex(mem_read8(r->cpu, LA), ==, 0x22);
    rig_free(r);
}

static bool reads_fast(struct rig *r, enum tlb_set set, uint64_t la)
{
    return tlb_hit(la, r->cpu->tlb->d[set].rneg[tlb_slot(la)], 1);
}

static bool writes_fast(struct rig *r, enum tlb_set set, uint64_t la)
{
    return tlb_hit(la, r->cpu->tlb->d[set].wneg[tlb_slot(la)], 1);
}

static bool fetches_fast(struct rig *r, enum tlb_set set, uint64_t la)
{
    return tlb_hit(la, r->cpu->tlb->i[set].xneg[itlb_slot(la)], 1);
}

static void test_data_and_code_are_filled_apart(void)
{
    struct rig *r = rig_with_tables(0x9000 | P | W | U);
    uint32_t *id = &r->cpu->tlb->i[TLB_USER].id[itlb_slot(LA)];

    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_USER), ==, -1);
    g_assert_true(reads_fast(r, TLB_USER, LA));
    g_assert_false(writes_fast(r, TLB_USER, LA)); /* not dirty yet */
    g_assert_false(fetches_fast(r, TLB_USER, LA));
    g_assert_cmpint(outcome(r, ACCESS_FETCH, TLB_USER), ==, -1);
    g_assert_true(fetches_fast(r, TLB_USER, LA));
    *id = 5;
    g_assert_cmpint(outcome(r, ACCESS_WRITE, TLB_USER), ==, -1);
    g_assert_true(writes_fast(r, TLB_USER, LA));
    g_assert_cmpuint(*id, ==, 5);
    x86_tlb_flush_page(r->cpu, LA + 0x1000);
    g_assert_true(reads_fast(r, TLB_USER, LA));
    g_assert_cmpuint(*id, ==, 5);
    x86_tlb_flush_page(r->cpu, LA);
    g_assert_false(reads_fast(r, TLB_USER, LA));
    g_assert_false(writes_fast(r, TLB_USER, LA));
    g_assert_false(fetches_fast(r, TLB_USER, LA));
    g_assert_cmpuint(*id, ==, 0);
    rig_free(r);
}

static void test_alignment_checks_never_hit_data(void)
{
    struct rig *r = rig_with_tables(0x9000 | P | W | U);

    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_CHECKED), ==, -1);
    g_assert_false(reads_fast(r, TLB_CHECKED, LA));
    g_assert_cmpint(outcome(r, ACCESS_FETCH, TLB_CHECKED), ==, -1);
    g_assert_true(fetches_fast(r, TLB_CHECKED, LA));
    rig_free(r);
}

static void test_mode_names_the_set(void)
{
    struct rig *r = rig_with_tables(0x9000 | P | W | U);
    struct x86_cpu *cpu = r->cpu;

    g_assert_cmpuint(cpu->mode & MODE_SET, ==, TLB_SUPER << MODE_SET_SHIFT);
    cpu->cr4 |= CR4_SMAP;
    x86_update_mode(cpu);
    g_assert_cmpuint(cpu->mode & MODE_SET, ==, TLB_SMAP << MODE_SET_SHIFT);
    x86_eflags_write(cpu, FLAG_AC, FLAG_AC); /* as STAC */
    g_assert_cmpuint(cpu->mode & MODE_SET, ==, TLB_SUPER << MODE_SET_SHIFT);
    cpu->cpl = 3;
    x86_update_mode(cpu);
    g_assert_cmpuint(cpu->mode & MODE_SET, ==, TLB_USER << MODE_SET_SHIFT);
    cpu->cr0 |= CR0_AM;
    x86_update_mode(cpu);
    g_assert_cmpuint(cpu->mode & MODE_SET, ==, TLB_CHECKED << MODE_SET_SHIFT);
    g_assert_true(cpu->tlb_now == &cpu->tlb->d[TLB_CHECKED]);
    g_assert_true(cpu->itlb_now == &cpu->tlb->i[TLB_CHECKED]);
    rig_free(r);
}

/* One page at 20 addresses: more than any list of writers remembers. */
static void test_protection_finds_every_mapping(void)
{
    struct rig *r = rig_with_tables(0);
    uint64_t *pt = rig_at(r, 0x7000);

    for (unsigned n = 0; n < 24; n++) {
        pt[n] = (n < 20 ? 0x9000 : 0xa000) | P | W | U;
    }
    for (unsigned used = 1; used <= 24; used++) {
        x86_tlb_flush(r->cpu);
        for (unsigned n = 0; n < used; n++) {
            mem_write8(r->cpu, LA - 0x1000 + n * PAGE_SIZE, 1);
            g_assert_true(writes_fast(r, TLB_SUPER, LA - 0x1000 + n * PAGE_SIZE));
        }
        x86_tlb_protect_page(r->cpu, rig_at(r, 0x9000));
        for (unsigned n = 0; n < used; n++) {
            g_assert_true(reads_fast(r, TLB_SUPER, LA - 0x1000 + n * PAGE_SIZE));
            g_assert_cmpint(writes_fast(r, TLB_SUPER, LA - 0x1000 + n * PAGE_SIZE), ==, n >= 20);
        }
    }
    rig_free(r);
}

static void test_engine_area_is_zero_and_aligned(void)
{
    struct rig *r = rig_new("max");
    const uint8_t *area = x86_engine_area(r->cpu);

    g_assert_true(r->cpu->tlb == (void *)((uint8_t *)r->cpu + X86_TLB_OFFSET));
    g_assert_true(area == (uint8_t *)r->cpu + X86_ENGINE_OFFSET);
    g_assert_cmpuint((uintptr_t)area % 64, ==, 0);
    for (unsigned n = 0; n < X86_ENGINE_BYTES; n++) {
        g_assert_cmpuint(area[n], ==, 0);
    }
    rig_free(r);
}

static void test_flush_of_large_page_drops_its_pieces(void)
{
    struct rig *r = rig_with_tables(0);
    uint64_t *pd = rig_at(r, 0x6000);

    pd[1] = P | W | U | PS;
    pd[2] = P | W | U | PS;
    mem_read8(r->cpu, 0x40203000);
    mem_read8(r->cpu, 0x40280000);
    mem_read8(r->cpu, 0x40404000);
    x86_tlb_flush_page(r->cpu, 0x403ff000); /* never read itself */
    g_assert_false(reads_fast(r, TLB_SUPER, 0x40203000));
    g_assert_false(reads_fast(r, TLB_SUPER, 0x40280000));
    g_assert_true(reads_fast(r, TLB_SUPER, 0x40404000)); /* the next large page */
    mem_read8(r->cpu, 0x5000);                           /* of the first GiB */
    x86_tlb_flush_page(r->cpu, 0x30000000);
    g_assert_false(reads_fast(r, TLB_SUPER, 0x5000));
    g_assert_true(reads_fast(r, TLB_SUPER, 0x40404000));
    rig_free(r);
}

/* Contexts. A second set of tables has its root at OTHER and its last level at 0xe000. */

#define ROOT  0x1000ULL
#define OTHER 0xb000ULL
#define KEEP  (1ULL << 63)
#define CODE  0x8000
#define DESC  0x8100

static uint64_t *leaf_of(struct rig *r, uint64_t root, uint64_t la)
{
    return (uint64_t *)rig_at(r, root == ROOT ? 0x7000 : 0xe000) + (la >> 12) % 512;
}

/* Pages 0x9000, 0xa000 and 0xf000 hold 1, 2 and 3; LA is page 1 in both address spaces. */
static struct rig *rig_with_contexts(uint64_t flags)
{
    struct rig *r = rig_with_tables(0x9000 | P | W | flags);

    ((uint64_t *)rig_at(r, OTHER))[0] = 0xc000 | P | W | U;
    ((uint64_t *)rig_at(r, 0xc000))[0] = P | W | U | PS;
    ((uint64_t *)rig_at(r, 0xc000))[1] = 0xd000 | P | W | U;
    ((uint64_t *)rig_at(r, 0xd000))[1] = 0xe000 | P | W | U;
    *leaf_of(r, OTHER, LA) = 0x9000 | P | W | flags;
    *leaf_of(r, ROOT, LA + PAGE_SIZE) = 0x9000 | P | W | flags;
    *leaf_of(r, OTHER, LA + PAGE_SIZE) = 0x9000 | P | W | flags;
    *(uint8_t *)rig_at(r, 0x9000) = 1;
    *(uint8_t *)rig_at(r, 0xa000) = 2;
    *(uint8_t *)rig_at(r, 0xf000) = 3;
    x86_write_cr4(r->cpu, r->cpu->cr4 | CR4_PCIDE);
    return r;
}

/* Points both pages of both address spaces to @page without telling the CPU. */
static void repoint(struct rig *r, uint64_t page, uint64_t flags)
{
    for (uint64_t la = LA; la <= LA + PAGE_SIZE; la += PAGE_SIZE) {
        *leaf_of(r, ROOT, la) = *leaf_of(r, OTHER, la) = page | P | W | flags;
    }
}

/* What both pages hold, as two digits. */
static unsigned look(struct rig *r)
{
    return mem_read8(r->cpu, LA) * 10u + mem_read8(r->cpu, LA + PAGE_SIZE);
}

static void invpcid(struct rig *r, unsigned type, uint64_t pcid, uint64_t la)
{
    store_le64(rig_at(r, DESC), pcid);
    store_le64(rig_at(r, DESC + 8), la);
    r->cpu->gpr[X86_RCX] = type;
    r->cpu->gpr[X86_RAX] = DESC;
    rig_run(r, CODE, "\x66\x0f\x38\x82\x08", 5);
    g_assert_cmphex(r->cpu->rip, ==, CODE + 5);
}

static void test_second_level_outlives_the_first(void)
{
    struct rig *r = rig_with_contexts(0);
    uint64_t walks;

    g_assert_cmpuint(look(r), ==, 11);
    walks = r->cpu->tlb->walks;
    x86_tlb_flush_data_rights(r->cpu);
    g_assert_false(reads_fast(r, TLB_SUPER, LA));
    repoint(r, 0xa000, 0);
    g_assert_cmpuint(look(r), ==, 11);
    g_assert_cmpuint(r->cpu->tlb->walks, ==, walks);
    g_assert_cmpuint(r->cpu->tlb->second_hits, >=, 2);
    x86_tlb_flush(r->cpu);
    g_assert_cmpuint(look(r), ==, 22);
    rig_free(r);
}

static void test_cr3_load_without_pcids_drops_what_is_not_global(void)
{
    struct rig *r = rig_with_contexts(0);

    x86_write_cr4(r->cpu, r->cpu->cr4 & ~(uint64_t)CR4_PCIDE);
    *leaf_of(r, ROOT, LA) |= G;
    g_assert_cmpuint(look(r), ==, 11);
    repoint(r, 0xa000, 0);
    x86_write_cr3(r->cpu, OTHER);
    g_assert_cmpuint(look(r), ==, 12);
    x86_tlb_flush_data_rights(r->cpu);
    g_assert_cmpuint(look(r), ==, 12); /* the second level has it too */
    x86_write_cr4(r->cpu, r->cpu->cr4 & ~(uint64_t)CR4_PGE);
    g_assert_cmpuint(look(r), ==, 22);
    rig_free(r);
}

static void test_pcid_is_kept_when_asked(void)
{
    struct rig *r = rig_with_contexts(0);

    x86_write_cr3(r->cpu, ROOT | 1);
    g_assert_cmpuint(look(r), ==, 11);
    repoint(r, 0xa000, 0);
    x86_write_cr3(r->cpu, OTHER | 2 | KEEP);
    g_assert_cmpuint(look(r), ==, 22); /* nothing of context 1 is seen */
    repoint(r, 0xf000, 0);
    x86_write_cr3(r->cpu, ROOT | 1 | KEEP);
    g_assert_cmpuint(look(r), ==, 11);
    x86_write_cr3(r->cpu, OTHER | 2 | KEEP);
    g_assert_cmpuint(look(r), ==, 22);
    x86_write_cr3(r->cpu, ROOT | 1); /* drops its own only */
    g_assert_cmpuint(look(r), ==, 33);
    x86_write_cr3(r->cpu, OTHER | 2 | KEEP);
    g_assert_cmpuint(look(r), ==, 22);
    x86_write_cr3(r->cpu, OTHER | 2);
    g_assert_cmpuint(look(r), ==, 33);
    rig_free(r);
}

static void test_leaving_pcids_drops_all_contexts(void)
{
    struct rig *r = rig_with_contexts(0);

    x86_write_cr3(r->cpu, OTHER | 2);
    g_assert_cmpuint(look(r), ==, 11);
    x86_write_cr3(r->cpu, ROOT);
    repoint(r, 0xa000, 0);
    x86_write_cr4(r->cpu, r->cpu->cr4 & ~(uint64_t)CR4_PCIDE);
    x86_write_cr4(r->cpu, r->cpu->cr4 | CR4_PCIDE);
    x86_write_cr3(r->cpu, OTHER | 2 | KEEP);
    g_assert_cmpuint(look(r), ==, 22);
    rig_free(r);
}

/* Fills both pages in contexts 1 and 2, repoints them, and comes back to context 1. */
static struct rig *rig_with_stale_contexts(uint64_t flags)
{
    struct rig *r = rig_with_contexts(flags);

    x86_write_cr3(r->cpu, OTHER | 2);
    g_assert_cmpuint(look(r), ==, 11);
    x86_write_cr3(r->cpu, ROOT | 1);
    g_assert_cmpuint(look(r), ==, 11);
    repoint(r, 0xa000, flags);
    return r;
}

static void test_invlpg_drops_of_its_context(void)
{
    struct rig *r = rig_with_stale_contexts(0);

    x86_tlb_flush_page(r->cpu, LA + 0xfff);
    g_assert_cmpuint(look(r), ==, 21);
    x86_write_cr3(r->cpu, OTHER | 2 | KEEP);
    g_assert_cmpuint(look(r), ==, 11);
    rig_free(r);
    r = rig_with_stale_contexts(G);
    x86_tlb_flush_page(r->cpu, LA + PAGE_SIZE);
    x86_write_cr3(r->cpu, OTHER | 2 | KEEP);
    g_assert_cmpuint(look(r), ==, 12); /* a global one goes for all */
    rig_free(r);
}

static void test_invpcid_address(void)
{
    struct rig *r = rig_with_stale_contexts(0);

    invpcid(r, 0, 2, LA);
    g_assert_cmpuint(look(r), ==, 11);
    x86_write_cr3(r->cpu, OTHER | 2 | KEEP);
    g_assert_cmpuint(look(r), ==, 21);
    invpcid(r, 0, 2, LA + PAGE_SIZE);
    g_assert_cmpuint(look(r), ==, 22);
    rig_free(r);
    r = rig_with_stale_contexts(G);
    invpcid(r, 0, 1, LA);
    g_assert_cmpuint(look(r), ==, 11);
    x86_tlb_flush_data_rights(r->cpu);
    g_assert_cmpuint(look(r), ==, 11);
    rig_free(r);
}

static void test_invpcid_context(void)
{
    struct rig *r = rig_with_stale_contexts(0);

    invpcid(r, 1, 2, 0);
    g_assert_cmpuint(look(r), ==, 11);
    x86_write_cr3(r->cpu, OTHER | 2 | KEEP);
    g_assert_cmpuint(look(r), ==, 22);
    x86_write_cr3(r->cpu, ROOT | 1 | KEEP);
    g_assert_cmpuint(look(r), ==, 11);
    invpcid(r, 1, 1, 0);
    g_assert_cmpuint(look(r), ==, 22);
    rig_free(r);
    r = rig_with_stale_contexts(G);
    invpcid(r, 1, 1, 0);
    g_assert_cmpuint(look(r), ==, 11);
    rig_free(r);
}

static void test_invpcid_everything(void)
{
    for (unsigned type = 2; type <= 3; type++) {
        struct rig *r = rig_with_stale_contexts(0);

        invpcid(r, type, 0, 0);
        g_assert_cmpuint(look(r), ==, 22);
        x86_write_cr3(r->cpu, OTHER | 2 | KEEP);
        g_assert_cmpuint(look(r), ==, 22);
        rig_free(r);
        r = rig_with_stale_contexts(G);
        invpcid(r, type, 0, 0);
        g_assert_cmpuint(look(r), ==, type == 2 ? 22 : 11);
        rig_free(r);
    }
}

static void test_large_pages_leave_both_levels(void)
{
    static const struct {
        uint64_t table, from, to, other; /* entry 1 of @table; an address of the page, one beside */
    } pages[] = {
        {0x6000, 0x40203000, 0x403ff000, 0x40401000},
        {0x2000, 0x40203000, 0x7ffff000, 0x5000},
    };

    for (unsigned n = 0; n < ARRAY_SIZE(pages); n++) {
        struct rig *r = rig_with_tables(0);
        uint64_t *entry = (uint64_t *)rig_at(r, pages[n].table) + 1;
        uint64_t gpa, walks;

        ((uint64_t *)rig_at(r, 0x6000))[2] = P | W | U | PS;
        *entry = P | W | U | PS;
        g_assert_cmpint(translate(r, pages[n].from, ACCESS_READ, TLB_USER, &gpa), ==, -1);
        g_assert_cmphex(gpa, ==, pages[n].from & (n ? 0x3fffffff : 0x1fffff));
        g_assert_cmpint(translate(r, pages[n].from, ACCESS_FETCH, TLB_USER, &gpa), ==, -1);
        if (n == 0) { /* in the second case it is in the same page */
            g_assert_cmpint(translate(r, pages[n].other, ACCESS_READ, TLB_USER, &gpa), ==, -1);
        }
        x86_tlb_flush_page(r->cpu, pages[n].to);
        g_assert_false(reads_fast(r, TLB_USER, pages[n].from));
        g_assert_false(fetches_fast(r, TLB_USER, pages[n].from));
        *entry = 0;
        g_assert_cmpint(translate(r, pages[n].from, ACCESS_READ, TLB_USER, &gpa), ==, PF_U);
        walks = r->cpu->tlb->walks;
        if (n == 0) {
            g_assert_cmpint(translate(r, pages[n].other, ACCESS_READ, TLB_USER, &gpa), ==, -1);
            g_assert_cmpuint(r->cpu->tlb->walks, ==, walks);
        }
        rig_free(r);
    }
}

/* A page of 4 MiB takes two units of the second level. */
static void test_four_mebibytes_are_one_page(void)
{
    struct rig *r = rig_new("max");
    uint32_t *pd;
    uint64_t gpa;

    rig_protected(r);
    pd = rig_at(r, 0x3000);
    pd[2] = P | W | U | PS;
    r->cpu->cr3 = 0x3000;
    r->cpu->cr4 = CR4_PSE;
    r->cpu->cr0 |= CR0_PG;
    x86_cpu_state_loaded(r->cpu);
    g_assert_cmpint(translate(r, 0x812345, ACCESS_READ, TLB_USER, &gpa), ==, -1);
    g_assert_cmpint(translate(r, 0xa12345, ACCESS_READ, TLB_USER, &gpa), ==, -1);
    g_assert_cmphex(gpa, ==, 0x212345);
    pd[2] = 0;
    g_assert_cmpint(translate(r, 0x812345, ACCESS_READ, TLB_USER, &gpa), ==, -1);
    x86_tlb_flush_page(r->cpu, 0xb00000);
    g_assert_cmpint(translate(r, 0x812345, ACCESS_READ, TLB_USER, &gpa), ==, PF_U);
    g_assert_cmpint(translate(r, 0xa12345, ACCESS_READ, TLB_USER, &gpa), ==, PF_U);
    rig_free(r);
}

static void test_page_fault_drops_its_address(void)
{
    struct rig *r = rig_with_contexts(0);

    *leaf_of(r, ROOT, LA) = 0x9000 | P;
    g_assert_cmpuint(look(r), ==, 11);
    repoint(r, 0xa000, 0);
    *leaf_of(r, ROOT, LA) = 0xa000 | P;
    g_assert_cmpint(outcome(r, ACCESS_WRITE, TLB_USER), ==, PF_P | PF_W | PF_U);
    g_assert_cmpuint(look(r), ==, 21);
    rig_free(r);
}

static void test_first_write_sets_the_dirty_bit(void)
{
    struct rig *r = rig_with_contexts(0);

    g_assert_cmpuint(look(r), ==, 11);
    g_assert_cmphex(*leaf_of(r, ROOT, LA) & D, ==, 0);
    mem_write8(r->cpu, LA, 7);
    g_assert_cmphex(*leaf_of(r, ROOT, LA) & D, ==, D);
    *leaf_of(r, ROOT, LA) &= ~(uint64_t)D;
    x86_tlb_flush_page(r->cpu, LA);
    mem_write8(r->cpu, LA, 8);
    g_assert_cmphex(*leaf_of(r, ROOT, LA) & D, ==, D);
    rig_free(r);
}

static void test_other_cpu_keeps_its_own(void)
{
    struct rig *r = rig_with_contexts(0), *q = rig_with_contexts(0);

    g_assert_cmpuint(look(r), ==, 11);
    g_assert_cmpuint(look(q), ==, 11);
    repoint(r, 0xa000, 0);
    repoint(q, 0xa000, 0);
    x86_tlb_flush(r->cpu);
    g_assert_cmpuint(look(r), ==, 22);
    g_assert_cmpuint(look(q), ==, 11);
    rig_free(r);
    rig_free(q);
}

/* Protection keys that change by XRSTOR bind the very next access. */
static void test_xrstor_of_pkru_takes_access_away(void)
{
    struct rig *r = rig_with_tables(0x9000 | P | W | U | 1ULL << 59);
    uint32_t id[4];

    x86_write_cr4(r->cpu, r->cpu->cr4 | CR4_PKE | CR4_OSXSAVE);
    r->cpu->xcr0 = XCR0_X87 | XCR0_PKRU;
    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_SUPER), ==, -1);
    g_assert_true(reads_fast(r, TLB_SUPER, LA));
    x86_cpuid(r->cpu, 0xd, 9, id);
    store_le64(rig_at(r, 0x10200), XCR0_PKRU); /* XSTATE_BV */
    store_le32(rig_at(r, 0x10000 + id[1]), 1 << 2);
    r->cpu->gpr[X86_RAX] = XCR0_PKRU;
    r->cpu->gpr[X86_RDX] = 0;
    r->cpu->gpr[X86_RDI] = 0x10000;
    rig_run(r, CODE, "\x0f\xae\x2f", 3);
    g_assert_cmphex(r->cpu->pkru, ==, 1 << 2);
    g_assert_false(reads_fast(r, TLB_SUPER, LA));
    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_SUPER), ==, PF_P | PF_PK);
    rig_free(r);
}

/* Rights and state at random: what the caches say is what a walk says. */
static void test_rights_are_those_of_a_walk(void)
{
    struct rig *r = rig_with_tables(0);
    struct x86_cpu *cpu = r->cpu;
    uint64_t *pt = rig_at(r, 0x7000), *pd = rig_at(r, 0x6000);

    for (unsigned n = 0; n < 20000; n++) {
        uint32_t bits = (uint32_t)g_test_rand_int();
        enum tlb_set warm = bits >> 24 & 3, set = bits >> 26 & 3;
        enum access first = (bits >> 28 & 3) % 3, access = (bits >> 30 & 3) % 3;
        struct x86_walk walk = {0}, cached = {0};
        struct x86_leaf leaf;
        uint32_t error;
        bool allowed;
        int got;
        uint64_t gpa;

        x86_tlb_flush(cpu);
        pt[1] = 0x9000 | P | (bits & (W | U | D | G)) | (bits & 8 ? NX : 0) |
                (uint64_t)(bits >> 4 & 3) << 59;
        pd[1] = 0x7000 | P | (bits & 0x10 ? 0 : W) | (bits & 0x20 ? 0 : U);
        cpu->cr4 = (cpu->cr4 & ~(uint64_t)(CR4_SMEP | CR4_PKE)) | (bits & 0x200 ? CR4_SMEP : 0) |
                   (bits & 0x400 ? CR4_PKE : 0);
        outcome(r, first, warm);
        cpu->pkru = bits >> 12 & 0xff; /* these change no mappings */
        cpu->cr0 = (cpu->cr0 & ~(uint64_t)CR0_WP) | (bits & 0x800 ? CR0_WP : 0);
        x86_tlb_flush_data_rights(cpu);
        got = translate(r, LA + 0x123, access, set, &gpa);
        if (got < 0) {
            x86_translate(cpu, LA + 0x123, access, set, &cached);
        }
        allowed = x86_walk_tables(cpu, LA + 0x123, access, set, &walk, &leaf, &error);
        g_assert_cmpint(allowed, ==, got < 0);
        if (allowed) {
            g_assert_cmphex(gpa, ==, walk.gpa);
            g_assert_cmpint(cached.readable, ==, walk.readable);
            g_assert_cmpint(cached.executable, ==, walk.executable);
            g_assert_cmpint(cached.writable, ==, walk.writable);
            g_assert_cmpint(cached.global, ==, walk.global);
        } else {
            g_assert_cmphex(error, ==, (uint32_t)got);
        }
    }
    rig_free(r);
}

/* More pages than any level has room for, and back: addresses never get mixed up. */
static void test_many_pages_stay_apart(void)
{
    struct rig *r = rig_with_tables(0);
    uint64_t *pml4 = rig_at(r, 0x1000), gpa;

    /* 512 GiB at 1 << 39 by a loop of tables onto 4 pages, for tags that differ in any bit */
    pml4[1] = pml4[256] = 0x10000 | P | W | U;
    for (unsigned n = 0; n < 512; n++) {
        ((uint64_t *)rig_at(r, 0x10000))[n] = 0x11000 | P | W | U;
        ((uint64_t *)rig_at(r, 0x11000))[n] = (n & 1 ? 0x12000 : 0x13000) | P | W | U;
        ((uint64_t *)rig_at(r, 0x12000))[n] = (0x20000 + (n & 15) * PAGE_SIZE) | P | W | U;
        ((uint64_t *)rig_at(r, 0x13000))[n] = (0x40000 + (n & 15) * PAGE_SIZE) | P | W | U;
    }
    x86_tlb_flush(r->cpu);
    for (unsigned n = 0; n < 100000; n++) {
        uint64_t la = (uint64_t)(unsigned)g_test_rand_int_range(0, 1 << 14) << PAGE_BITS;

        la |= (uint64_t)(unsigned)g_test_rand_int_range(0, 512) << 30;
        la |= n & 1 ? 1ULL << 39 : 0xffff800000000000ULL;
        g_assert_cmpint(translate(r, la, n % 3, TLB_USER, &gpa), ==, -1);
        g_assert_cmphex(gpa, ==, (la >> 21 & 1 ? 0x20000 : 0x40000) + (la & 0xf000));
    }
    rig_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/flushes", test_flushes_forget);
    g_test_add_func("/data-and-code", test_data_and_code_are_filled_apart);
    g_test_add_func("/alignment-check", test_alignment_checks_never_hit_data);
    g_test_add_func("/mode-set", test_mode_names_the_set);
    g_test_add_func("/protect", test_protection_finds_every_mapping);
    g_test_add_func("/engine-area", test_engine_area_is_zero_and_aligned);
    g_test_add_func("/flush-large", test_flush_of_large_page_drops_its_pieces);
    g_test_add_func("/second-level", test_second_level_outlives_the_first);
    g_test_add_func("/cr3-without-pcids", test_cr3_load_without_pcids_drops_what_is_not_global);
    g_test_add_func("/pcid-kept", test_pcid_is_kept_when_asked);
    g_test_add_func("/pcid-off", test_leaving_pcids_drops_all_contexts);
    g_test_add_func("/invlpg-context", test_invlpg_drops_of_its_context);
    g_test_add_func("/invpcid-address", test_invpcid_address);
    g_test_add_func("/invpcid-context", test_invpcid_context);
    g_test_add_func("/invpcid-all", test_invpcid_everything);
    g_test_add_func("/large-both-levels", test_large_pages_leave_both_levels);
    g_test_add_func("/large-4m", test_four_mebibytes_are_one_page);
    g_test_add_func("/fault-drops", test_page_fault_drops_its_address);
    g_test_add_func("/dirty", test_first_write_sets_the_dirty_bit);
    g_test_add_func("/other-cpu", test_other_cpu_keeps_its_own);
    g_test_add_func("/pkru-xrstor", test_xrstor_of_pkru_takes_access_away);
    g_test_add_func("/rights", test_rights_are_those_of_a_walk);
    g_test_add_func("/many-pages", test_many_pages_stay_apart);
    return g_test_run();
}
