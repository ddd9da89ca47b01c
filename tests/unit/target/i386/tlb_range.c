/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of target/i386/tlb_range.c: what range registers cover, and what empties them. */
#include "target/i386/tlb.h"
#include "tests/unit/target/i386/rig.h"

enum { P = 1, W = 2, U = 4, D = 0x40, PS = 0x80, G = 0x100 };

#define LA    0x40201000ULL /* entries 0, 1, 1, 1 of the levels */
#define PAGES 8             /* there, one after the other from 0x20000 on */
#define FAR   (LA + (uint64_t)TLB_SLOTS * PAGE_SIZE) /* has the first one's slot */

#define N8     48 /* a register for 8 bytes */
#define WINDOW (TLB_RANGE_WINDOWS + 1)

static uint64_t *leaf(struct rig *r, unsigned page)
{
    return (uint64_t *)rig_at(r, 0x7000) + 1 + page;
}

static struct rig *rig_with_run(uint64_t flags)
{
    struct rig *r = rig_new("max");

    rig_long(r);
    r->cpu->cr4 |= CR4_PGE;
    ((uint64_t *)rig_at(r, 0x2000))[1] = 0x6000 | P | W | U;
    ((uint64_t *)rig_at(r, 0x6000))[1] = 0x7000 | P | W | U;
    ((uint64_t *)rig_at(r, 0x6000))[17] = 0x8000 | P | W | U;
    ((uint64_t *)rig_at(r, 0x8000))[1] = 0x9000 | P | W | U; /* FAR */
    for (unsigned n = 0; n < PAGES; n++) {
        *leaf(r, n) = 0x20000 + n * PAGE_SIZE + (P | W | U) + flags;
    }
    x86_cpu_state_loaded(r->cpu);
    return r;
}

static void touch(struct rig *r)
{
    for (unsigned n = 0; n < PAGES; n++) {
        mem_write8(r->cpu, LA + n * PAGE_SIZE, 1);
    }
}

static void fill(struct rig *r, uint64_t la)
{
    for (unsigned write = 0; write < 2; write++) {
        x86_tlb_fill_range(r->cpu, TLB_SUPER, write, N8, la);
        x86_tlb_fill_range(r->cpu, TLB_SUPER, write, WINDOW, la);
    }
}

static bool covers(struct rig *r, bool write, unsigned n, uint64_t la)
{
    const struct x86_range *x = &r->cpu->tlb->ranges.r[tlb_range_kind(TLB_SUPER, write)][n];

    if (!tlb_range_hit(x, la)) {
        return false;
    }
    g_assert_true(mem_host_read(r->cpu, la, 1) == (void *)(la + x->addend));
    return true;
}

static bool covers_any(struct rig *r, bool write)
{
    const struct tlb_ranges *t = &r->cpu->tlb->ranges;
    unsigned kind = tlb_range_kind(TLB_SUPER, write);

    return t->r[kind][N8].len || t->r[kind][WINDOW].len;
}

static void test_run_ends_where_its_pages_do(void)
{
    struct rig *r = rig_with_run(0);
    uint64_t end = LA + PAGES * PAGE_SIZE;

    *leaf(r, 5) = 0x30000 | P | W | U; /* 0 to 4, 5, 6 and 7 */
    touch(r);
    fill(r, LA + 2 * PAGE_SIZE);
    for (unsigned write = 0; write < 2; write++) {
        g_assert_true(covers(r, write, N8, LA));
        g_assert_false(covers(r, write, N8, LA - 1));
        g_assert_true(covers(r, write, N8, LA + 5 * PAGE_SIZE - 8));
        g_assert_false(covers(r, write, N8, LA + 5 * PAGE_SIZE - 7));
        g_assert_false(covers(r, write, N8, LA + 5 * PAGE_SIZE));
    }
    fill(r, LA + 5 * PAGE_SIZE);
    g_assert_true(covers(r, false, N8, LA + 5 * PAGE_SIZE));
    g_assert_false(covers(r, false, N8, LA + 6 * PAGE_SIZE));
    fill(r, end - 1);
    g_assert_true(covers(r, true, N8, end - 8));
    g_assert_false(covers(r, true, N8, end - 7));
    g_assert_false(covers(r, true, N8, LA + 5 * PAGE_SIZE + 100));
    rig_free(r);
}

/* Runs found one by one are joined; what is known is dropped, too. */
static void test_runs_are_joined(void)
{
    struct rig *r = rig_with_run(0);

    for (unsigned n = 0; n < PAGES; n++) { /* from both ends */
        unsigned page = n & 1 ? PAGES - 1 - n / 2 : n / 2;

        mem_read8(r->cpu, LA + page * PAGE_SIZE);
        x86_tlb_fill_range(r->cpu, TLB_SUPER, false, N8, LA + page * PAGE_SIZE);
        g_assert_true(covers(r, false, N8, LA + page * PAGE_SIZE));
        g_assert_false(covers(r, false, N8, LA + (page + PAGES / 2) % PAGES * PAGE_SIZE) &&
                       n + 1 < PAGES);
    }
    g_assert_true(covers(r, false, N8, LA));
    g_assert_true(covers(r, false, N8, LA + PAGES * PAGE_SIZE - 8));
    x86_tlb_flush_page(r->cpu, LA + 4 * PAGE_SIZE);
    x86_tlb_fill_range(r->cpu, TLB_SUPER, false, N8, LA);
    g_assert_true(covers(r, false, N8, LA + 4 * PAGE_SIZE - 8));
    g_assert_false(covers(r, false, N8, LA + 4 * PAGE_SIZE));
    rig_free(r);
}

static void test_registers_leave_room_for_their_accesses(void)
{
    struct rig *r = rig_with_run(0);

    touch(r);
    for (unsigned n = 0; n < TLB_RANGE_SIZES; n++) {
        const struct x86_range_size *s = &x86_range_sizes[n];

        for (unsigned at = s->first; at < (unsigned)s->first + s->count; at++) {
            x86_tlb_fill_range(r->cpu, TLB_SUPER, false, at, LA);
            g_assert_true(covers(r, false, at, LA + PAGES * PAGE_SIZE - s->bytes));
            g_assert_false(covers(r, false, at, LA + PAGES * PAGE_SIZE - s->bytes + 1));
        }
        g_assert_cmpuint(s->first + s->count, ==,
                         n + 1 < TLB_RANGE_SIZES ? s[1].first : TLB_RANGE_WINDOWS);
    }
    rig_free(r);
}

static void test_windows_lie_in_the_run(void)
{
    struct rig *r = rig_with_run(0);
    const struct x86_range *x = &r->cpu->tlb->ranges.r[tlb_range_kind(TLB_SUPER, false)][WINDOW];
    uint64_t end = LA + PAGES * PAGE_SIZE;

    touch(r);
    for (uint64_t la = LA; la < end; la += 0x7f) {
        x86_tlb_fill_range(r->cpu, TLB_SUPER, false, WINDOW, la);
        g_assert_cmphex(x->mask, ==, -x->len);
        g_assert_cmphex(x->len & (x->len - 1), ==, 0);
        g_assert_cmphex(-x->neg, >=, LA);
        g_assert_cmphex(-x->neg + x->len + TLB_RANGE_WINDOW_BYTES - 1, <=, end);
        g_assert_true(covers(r, false, WINDOW, la) || la > end - TLB_RANGE_WINDOW_BYTES);
    }
    rig_free(r);
}

static void test_writes_have_their_own_runs(void)
{
    struct rig *r = rig_with_run(0);

    *leaf(r, 3) &= ~(uint64_t)W;
    r->cpu->cr0 |= CR0_WP;
    for (unsigned n = 0; n < PAGES; n++) {
        mem_read8(r->cpu, LA + n * PAGE_SIZE);
        if (n != 3) {
            mem_write8(r->cpu, LA + n * PAGE_SIZE, 1);
        }
    }
    fill(r, LA);
    g_assert_true(covers(r, false, N8, LA + 7 * PAGE_SIZE));
    g_assert_true(covers(r, true, N8, LA + 2 * PAGE_SIZE));
    g_assert_false(covers(r, true, N8, LA + 3 * PAGE_SIZE));
    fill(r, LA + 3 * PAGE_SIZE);
    g_assert_false(covers_any(r, true));
    rig_free(r);
}

static void test_what_is_not_filled_is_not_covered(void)
{
    struct rig *r = rig_with_run(0);

    fill(r, LA);
    g_assert_false(covers_any(r, false));
    mem_read8(r->cpu, LA);
    fill(r, LA);
    g_assert_true(covers(r, false, N8, LA + PAGE_SIZE - 8));
    g_assert_false(covers(r, false, N8, LA + PAGE_SIZE));
    x86_tlb_flush(r->cpu);
    g_assert_false(covers_any(r, false));
    rig_free(r);
}

static void flush_first(struct x86_cpu *cpu)
{
    x86_tlb_flush_page(cpu, LA + 0xfff);
}

static void flush_last(struct x86_cpu *cpu)
{
    x86_tlb_flush_page(cpu, LA + (PAGES - 1) * PAGE_SIZE + 5);
}

static void flush_context(struct x86_cpu *cpu)
{
    x86_tlb_flush_context(cpu, 0);
}

static void flush_context_page(struct x86_cpu *cpu)
{
    x86_tlb_flush_context_page(cpu, 0, LA + 3 * PAGE_SIZE);
}

static void load_context(struct x86_cpu *cpu)
{
    x86_tlb_context_loaded(cpu, /* keep= */ false);
}

/* The last three leave what is global. */
static void test_flushes_empty(void)
{
    static void (*const flush[])(struct x86_cpu * cpu) = {
        x86_tlb_flush, x86_tlb_flush_data_rights, x86_tlb_flush_phys,      flush_first,
        flush_last,    x86_tlb_clear_ranges,      x86_tlb_flush_nonglobal, flush_context,
        load_context,
    };

    for (unsigned n = 0; n < ARRAY_SIZE(flush); n++) {
        for (unsigned global = 0; global < 2; global++) {
            struct rig *r = rig_with_run(global ? G : 0);

            touch(r);
            fill(r, n == 4 ? LA + PAGES * PAGE_SIZE - 9 : LA);
            g_assert_true(covers_any(r, false) && covers_any(r, true));
            flush[n](r->cpu);
            g_assert_cmpint(covers_any(r, false), ==, n >= 6 && global);
            g_assert_cmpint(covers_any(r, true), ==, n >= 6 && global);
            rig_free(r);
        }
    }
}

static void test_page_flushes_empty_what_covers_it(void)
{
    struct rig *r = rig_with_run(0);

    touch(r);
    fill(r, LA + 3 * PAGE_SIZE);
    x86_tlb_flush_page(r->cpu, LA - 1);
    x86_tlb_flush_page(r->cpu, LA + PAGES * PAGE_SIZE);
    g_assert_true(covers(r, false, N8, LA));
    flush_context_page(r->cpu);
    g_assert_false(covers_any(r, false));
    g_assert_false(covers_any(r, true));
    rig_free(r);
}

static void test_page_fault_empties(void)
{
    struct rig *r = rig_with_run(0);

    *leaf(r, 2) &= ~(uint64_t)U;
    touch(r);
    fill(r, LA);
    g_assert_true(covers(r, false, N8, LA));
    r->cpu->cpl = 3;
    x86_update_mode(r->cpu);
    if (!setjmp(r->cpu->unwind)) {
        mem_read8(r->cpu, LA + 2 * PAGE_SIZE);
    }
    g_assert_cmphex(r->cpu->cr2, ==, LA + 2 * PAGE_SIZE);
    g_assert_false(covers_any(r, false));
    rig_free(r);
}

/* A window covers the ends of pages, too. */
static void test_page_flushes_empty_windows(void)
{
    struct rig *r = rig_with_run(0);
    const struct x86_range *x = &r->cpu->tlb->ranges.r[tlb_range_kind(TLB_SUPER, true)][WINDOW];

    for (unsigned n = 0; n < PAGES; n++) {
        uint64_t first, last;

        touch(r);
        x86_tlb_fill_range(r->cpu, TLB_SUPER, true, WINDOW, LA + 3 * PAGE_SIZE + 77);
        first = -x->neg & PAGE_MASK;
        last = (-x->neg + x->len + TLB_RANGE_WINDOW_BYTES - 2) & PAGE_MASK;
        g_assert_cmphex(-x->neg & ~PAGE_MASK, !=, 0);
        x86_tlb_flush_page(r->cpu, LA + n * PAGE_SIZE);
        g_assert_cmpint(x->len != 0, ==, LA + n * PAGE_SIZE < first || LA + n * PAGE_SIZE > last);
    }
    rig_free(r);
}

/* The entry that a register was made of may be gone when its page is dropped. */
static void test_page_flush_without_its_entry(void)
{
    struct rig *r = rig_with_run(0);

    touch(r);
    fill(r, LA);
    mem_read8(r->cpu, FAR);
    g_assert_false(tlb_hit(LA, r->cpu->tlb->d[TLB_SUPER].rneg[tlb_slot(LA)], 1));
    g_assert_true(covers(r, true, N8, LA + 100));
    mem_read8(r->cpu, FAR);
    x86_tlb_flush_page(r->cpu, LA);
    g_assert_false(covers_any(r, false));
    g_assert_false(covers_any(r, true));
    rig_free(r);
}

static void test_large_page_goes_as_a_whole(void)
{
    struct rig *r = rig_with_run(0);

    ((uint64_t *)rig_at(r, 0x6000))[1] = P | W | U | PS;
    mem_write8(r->cpu, 0x40203000, 1);
    mem_write8(r->cpu, 0x40204000, 1);
    fill(r, 0x40203000);
    g_assert_true(covers(r, true, N8, 0x40204000));
    x86_tlb_flush_page(r->cpu, 0x403ff000);
    g_assert_false(covers_any(r, false));
    g_assert_false(covers_any(r, true));
    rig_free(r);
}

static void test_protection_empties_writes(void)
{
    for (unsigned n = 0; n < PAGES; n++) {
        struct rig *r = rig_with_run(0);

        touch(r);
        fill(r, LA + n * PAGE_SIZE + 100);
        x86_tlb_protect_page(r->cpu, rig_at(r, 0x20000 - PAGE_SIZE));
        x86_tlb_protect_page(r->cpu, rig_at(r, 0x20000 + PAGES * PAGE_SIZE));
        g_assert_true(covers(r, true, N8, LA));
        x86_tlb_protect_page(r->cpu, rig_at(r, 0x20000 + n * PAGE_SIZE));
        g_assert_false(covers_any(r, true));
        g_assert_true(covers(r, false, N8, LA));
        fill(r, LA + n * PAGE_SIZE + 100);
        g_assert_false(covers_any(r, true)); /* its entry is protected */
        rig_free(r);
    }
}

/* Set by the number of the kind: other sets' registers stay apart. */
static void test_sets_are_apart(void)
{
    struct rig *r = rig_with_run(0);
    const struct tlb_ranges *t = &r->cpu->tlb->ranges;

    touch(r);
    x86_tlb_fill_range(r->cpu, TLB_USER, false, N8, LA);
    g_assert_cmphex(t->r[tlb_range_kind(TLB_USER, false)][N8].len, ==, 0);
    x86_tlb_fill_range(r->cpu, TLB_SUPER, false, N8, LA);
    g_assert_cmphex(t->r[tlb_range_kind(TLB_SUPER, false)][N8].len, !=, 0);
    g_assert_cmphex(t->r[tlb_range_kind(TLB_SUPER, true)][N8].len, ==, 0);
    g_assert_cmphex(t->r[tlb_range_kind(TLB_USER, false)][N8].len, ==, 0);
    rig_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run", test_run_ends_where_its_pages_do);
    g_test_add_func("/joined", test_runs_are_joined);
    g_test_add_func("/sizes", test_registers_leave_room_for_their_accesses);
    g_test_add_func("/windows", test_windows_lie_in_the_run);
    g_test_add_func("/writes", test_writes_have_their_own_runs);
    g_test_add_func("/not-filled", test_what_is_not_filled_is_not_covered);
    g_test_add_func("/flushes", test_flushes_empty);
    g_test_add_func("/flush-page", test_page_flushes_empty_what_covers_it);
    g_test_add_func("/fault", test_page_fault_empties);
    g_test_add_func("/flush-page-window", test_page_flushes_empty_windows);
    g_test_add_func("/flush-page-evicted", test_page_flush_without_its_entry);
    g_test_add_func("/flush-large", test_large_page_goes_as_a_whole);
    g_test_add_func("/protect", test_protection_empties_writes);
    g_test_add_func("/sets", test_sets_are_apart);
    return g_test_run();
}
