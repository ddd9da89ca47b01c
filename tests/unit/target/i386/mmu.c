/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of target/i386/mmu.c: walks of every kind of table, rights, error codes, A and D bits. */
#include "target/i386/tlb.h"
#include "tests/unit/target/i386/rig.h"

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80 };
#define NX (1ULL << 63)

#define LA 0x40201000ULL /* entries 0, 1, 1, 1 of the levels; PAE: 1, 1, 1 */

static struct rig *rig_with_tables(uint64_t leaf)
{
    struct rig *r = rig_new("max");

    rig_long(r);
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

static void test_four_levels_translate_and_mark(void)
{
    struct rig *r = rig_with_tables(0x9000 | P | W | U);
    uint64_t gpa, *leaf = (uint64_t *)rig_at(r, 0x7000) + 1;

    g_assert_cmpint(translate(r, LA + 0x123, ACCESS_READ, TLB_USER, &gpa), ==, -1);
    g_assert_cmphex(gpa, ==, 0x9123);
    g_assert_cmphex(*leaf & (A | D), ==, A);
    g_assert_cmpint(translate(r, LA + 0x123, ACCESS_WRITE, TLB_USER, &gpa), ==, -1);
    g_assert_cmphex(*leaf & (A | D), ==, A | D);
    g_assert_cmphex(((uint64_t *)rig_at(r, 0x6000))[1] & (A | D), ==, A);
    rig_free(r);
}

static void test_error_codes(void)
{
    struct rig *r = rig_with_tables(0);
    uint64_t *leaf = (uint64_t *)rig_at(r, 0x7000) + 1;

    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_SUPER), ==, 0);
    g_assert_cmpint(outcome(r, ACCESS_WRITE, TLB_USER), ==, PF_W | PF_U);
    g_assert_cmpint(outcome(r, ACCESS_FETCH, TLB_USER), ==, PF_I | PF_U);
    *leaf = 0x9000 | P | W;
    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_USER), ==, PF_P | PF_U);
    *leaf = 0x9000 | P | U;
    g_assert_cmpint(outcome(r, ACCESS_WRITE, TLB_USER), ==, PF_P | PF_W | PF_U);
    *leaf = 0x9000 | P | W | U | NX;
    g_assert_cmpint(outcome(r, ACCESS_FETCH, TLB_USER), ==, PF_P | PF_U | PF_I);
    *leaf = 0x9000 | P | W | U | 1ULL << 51;
    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_SUPER), ==, PF_P | PF_RSVD);
    rig_free(r);
}

static void test_write_protect_binds_the_supervisor(void)
{
    struct rig *r = rig_with_tables(0x9000 | P);

    g_assert_cmpint(outcome(r, ACCESS_WRITE, TLB_SUPER), ==, PF_P | PF_W);
    r->cpu->cr0 &= ~(uint64_t)CR0_WP;
    x86_tlb_flush(r->cpu);
    g_assert_cmpint(outcome(r, ACCESS_WRITE, TLB_SUPER), ==, -1);
    rig_free(r);
}

static void test_smep_and_smap(void)
{
    struct rig *r = rig_with_tables(0x9000 | P | W | U);

    g_assert_cmpint(outcome(r, ACCESS_FETCH, TLB_SUPER), ==, -1);
    r->cpu->cr4 |= CR4_SMEP | CR4_SMAP;
    g_assert_cmpint(outcome(r, ACCESS_FETCH, TLB_SUPER), ==, PF_P | PF_I);
    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_SMAP), ==, PF_P);
    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_SUPER), ==, -1); /* EFLAGS.AC */
    rig_free(r);
}

static void test_protection_keys(void)
{
    struct rig *r = rig_with_tables(0x9000 | P | W | U | 5ULL << 59);

    r->cpu->cr4 |= CR4_PKE;
    r->cpu->pkru = 2 << 10; /* key 5: no writes */
    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_USER), ==, -1);
    g_assert_cmpint(outcome(r, ACCESS_WRITE, TLB_USER), ==, PF_P | PF_W | PF_U | PF_PK);
    r->cpu->pkru = 1 << 10; /* no access */
    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_USER), ==, PF_P | PF_U | PF_PK);
    g_assert_cmpint(outcome(r, ACCESS_FETCH, TLB_USER), ==, -1);
    rig_free(r);
}

static void test_large_pages(void)
{
    struct rig *r = rig_with_tables(0);
    uint64_t gpa, *pd = rig_at(r, 0x6000);

    pd[1] = 0x400000 | P | W | U | PS;
    g_assert_cmpint(translate(r, LA + 0x123, ACCESS_READ, TLB_USER, &gpa), ==, -1);
    g_assert_cmphex(gpa, ==, 0x401123);
    x86_tlb_flush(r->cpu);
    pd[1] = 0x402000 | P | W | U | PS; /* not aligned: reserved bits */
    g_assert_cmpint(outcome(r, ACCESS_READ, TLB_USER), ==, PF_P | PF_RSVD | PF_U);
    rig_free(r);
}

static void test_pae_uses_loaded_pdptes(void)
{
    struct rig *r = rig_new("max");
    uint64_t gpa;

    rig_protected(r);
    ((uint64_t *)rig_at(r, 0x3000))[1] = 0x6000 | P;
    ((uint64_t *)rig_at(r, 0x6000))[1] = 0x7000 | P | W | U;
    ((uint64_t *)rig_at(r, 0x7000))[1] = 0x9000 | P | W | U;
    r->cpu->cr4 = CR4_PAE;
    r->cpu->cr3 = 0x3000;
    g_assert_true(x86_load_pdptes(r->cpu, 0x3000));
    r->cpu->cr0 |= CR0_PG;
    x86_cpu_state_loaded(r->cpu);
    ((uint64_t *)rig_at(r, 0x3000))[1] = 0; /* not looked at again */
    g_assert_cmpint(translate(r, LA + 4, ACCESS_READ, TLB_USER, &gpa), ==, -1);
    g_assert_cmphex(gpa, ==, 0x9004);
    ((uint64_t *)rig_at(r, 0x3000))[2] = 0x6000 | P | W; /* W is reserved there */
    g_assert_false(x86_load_pdptes(r->cpu, 0x3000));
    rig_free(r);
}

static void test_two_levels_and_pse36(void)
{
    struct rig *r = rig_new("max");
    uint32_t *pd;
    uint64_t gpa;

    rig_protected(r);
    pd = rig_at(r, 0x3000);
    pd[1] = 0x6000 | P | W | U;
    ((uint32_t *)rig_at(r, 0x6000))[2] = 0x9000 | P | W | U;
    pd[2] = 0x00c00000 | 5 << 13 | P | W | PS;
    r->cpu->cr3 = 0x3000;
    r->cpu->cr4 = CR4_PSE;
    r->cpu->cr0 |= CR0_PG;
    x86_cpu_state_loaded(r->cpu);
    g_assert_cmpint(translate(r, 0x402010, ACCESS_WRITE, TLB_USER, &gpa), ==, -1);
    g_assert_cmphex(gpa, ==, 0x9010);
    g_assert_cmpint(translate(r, 0x812345, ACCESS_READ, TLB_SUPER, &gpa), ==, -1);
    g_assert_cmphex(gpa, ==, 0x500c12345ULL);
    rig_free(r);
}

static void test_five_levels(void)
{
    struct rig *r = rig_with_tables(0x9000 | P | W | U);
    uint64_t gpa, la = 3ULL << 48 | LA;

    ((uint64_t *)rig_at(r, 0x3000))[3] = 0x1000 | P | W | U;
    r->cpu->cr4 |= CR4_LA57;
    r->cpu->cr3 = 0x3000;
    x86_cpu_state_loaded(r->cpu);
    g_assert_cmpint(translate(r, la, ACCESS_READ, TLB_USER, &gpa), ==, -1);
    g_assert_cmphex(gpa, ==, 0x9000);
    rig_free(r);
}

static void test_debug_translation_leaves_no_trace(void)
{
    struct rig *r = rig_with_tables(0x9000 | P);
    uint64_t gpa, *leaf = (uint64_t *)rig_at(r, 0x7000) + 1;

    g_assert_true(x86_debug_translate(r->cpu, LA + 5, &gpa));
    g_assert_cmphex(gpa, ==, 0x9005);
    g_assert_cmphex(*leaf, ==, 0x9000 | P);
    g_assert_false(x86_debug_translate(r->cpu, LA + 0x1000, &gpa));
    rig_free(r);
}

static void test_a20_folds_addresses(void)
{
    struct rig *r = rig_new("max");

    rig_protected(r);
    ((uint8_t *)rig_at(r, 0x500))[0] = 0x77;
    x86_cpu_set_a20(r->cpu, false);
    x86_cpu_poll(r->cpu);
    g_assert_cmphex(mem_read8(r->cpu, 0x100500), ==, 0x77);
    rig_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/four-levels", test_four_levels_translate_and_mark);
    g_test_add_func("/error-codes", test_error_codes);
    g_test_add_func("/write-protect", test_write_protect_binds_the_supervisor);
    g_test_add_func("/smep-smap", test_smep_and_smap);
    g_test_add_func("/protection-keys", test_protection_keys);
    g_test_add_func("/large-pages", test_large_pages);
    g_test_add_func("/pae", test_pae_uses_loaded_pdptes);
    g_test_add_func("/two-levels", test_two_levels_and_pse36);
    g_test_add_func("/five-levels", test_five_levels);
    g_test_add_func("/debug-translate", test_debug_translation_leaves_no_trace);
    g_test_add_func("/a20", test_a20_folds_addresses);
    return g_test_run();
}
