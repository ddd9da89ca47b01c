/* SPDX-License-Identifier: Apache-2.0 */
/* Range registers of the soft TLB: setting and emptying them. tlb.c finds the runs. */
#include "target/i386/tlb_range.h"

#define PAGE 4096u

const struct x86_range_size x86_range_sizes[TLB_RANGE_SIZES] = {
    {1, 0, 12},   {2, 12, 8},   {4, 20, 28},   {8, 48, 32},   {16, 80, 16},
    {32, 96, 12}, {64, 108, 8}, {128, 116, 6}, {256, 122, 6},
};

/* The size of accesses that register @n is for. */
static unsigned size_of(unsigned n)
{
    const struct x86_range_size *s = x86_range_sizes;

    if (n >= TLB_RANGE_WINDOWS) {
        return tlb_range_is_window(n) ? TLB_RANGE_WINDOW_BYTES : 1;
    }
    while (n >= (unsigned)s->first + s->count) {
        s++;
    }
    return s->bytes;
}

/* The largest window in the run, as far as it can be around @around. */
static struct x86_range window(const struct x86_run *run, uint64_t len, uint64_t around)
{
    uint64_t size = 1ULL << (63 - __builtin_clzll(len));
    uint64_t at = around - run->la;

    at = at > size / 2 ? MIN(at - size / 2, len - size) : 0;
    return (struct x86_range){
        .neg = -(run->la + at), .addend = run->addend, .len = size, .mask = -size};
}

void tlb_range_set(struct tlb_ranges *t, unsigned kind, unsigned n, const struct x86_run *run,
                   uint64_t around)
{
    uint64_t bit = 1ULL << n % 64, len = run->len - (size_of(n) - 1);

    t->r[kind][n] = tlb_range_is_window(n)
                        ? window(run, len, around)
                        : (struct x86_range){.neg = -run->la, .addend = run->addend, .len = len};
    t->used[kind][n / 64] |= bit;
    t->global[kind][n / 64] &= ~bit;
    t->global[kind][n / 64] |= run->global ? bit : 0;
}

void tlb_range_empty(struct tlb_ranges *t, unsigned kind, unsigned n)
{
    t->r[kind][n].len = 0;
    t->used[kind][n / 64] &= ~(1ULL << n % 64);
}

static struct x86_run run_of(const struct tlb_ranges *t, unsigned kind, unsigned n)
{
    const struct x86_range *r = &t->r[kind][n];

    return (struct x86_run){.la = -r->neg,
                            .len = r->len,
                            .addend = r->addend,
                            .global = t->global[kind][n / 64] >> n % 64 & 1};
}

bool tlb_range_known(const struct tlb_ranges *t, unsigned kind, uint64_t la, struct x86_run *ret)
{
    for (unsigned n = TLB_RANGES; n < TLB_RANGE_ALL; n++) {
        if (tlb_range_hit(&t->r[kind][n], la)) {
            *ret = run_of(t, kind, n);
            return true;
        }
    }
    return false;
}

/* Whether they make one run, not across a multiple of 4 GiB. */
static bool joins(const struct x86_run *a, const struct x86_run *b)
{
    return b->len && a->addend == b->addend && a->global == b->global && !((a->la ^ b->la) >> 32) &&
           a->la <= b->la + b->len && b->la <= a->la + a->len;
}

void tlb_range_found(struct tlb_ranges *t, unsigned kind, struct x86_run *run)
{
    for (unsigned n = TLB_RANGES; n < TLB_RANGE_ALL; n++) {
        struct x86_run other = run_of(t, kind, n);

        if (joins(run, &other)) {
            uint64_t last = MAX(run->la + run->len - 1, other.la + other.len - 1);

            run->la = MIN(run->la, other.la);
            run->len = last - run->la + 1;
            tlb_range_empty(t, kind, n);
        }
    }
    tlb_range_set(t, kind, TLB_RANGES + t->turn++ % TLB_RUNS, run, run->la);
}

void tlb_ranges_clear(struct tlb_ranges *t, bool keep_global)
{
    for (unsigned kind = 0; kind < TLB_RANGE_KINDS; kind++) {
        for (unsigned w = 0; w < TLB_RANGE_WORDS; w++) {
            uint64_t bits = t->used[kind][w] & ~(keep_global ? t->global[kind][w] : 0);

            for (; bits; bits &= bits - 1) {
                tlb_range_empty(t, kind, w * 64 + (unsigned)__builtin_ctzll(bits));
            }
        }
    }
}

/* Whether @r, which is not empty, covers any of the page at @page. */
static bool covers(const struct x86_range *r, unsigned n, uint64_t page)
{
    uint64_t start = -r->neg & -(uint64_t)PAGE, last = -r->neg + r->len + (size_of(n) - 1) - 1;

    return page - start <= last - start;
}

static void drop_kind(struct tlb_ranges *t, unsigned kind, uint64_t at, bool host)
{
    for (unsigned w = 0; w < TLB_RANGE_WORDS; w++) {
        for (uint64_t bits = t->used[kind][w]; bits; bits &= bits - 1) {
            unsigned n = w * 64 + (unsigned)__builtin_ctzll(bits);
            const struct x86_range *r = &t->r[kind][n];

            if (covers(r, n, (at - (host ? r->addend : 0)) & -(uint64_t)PAGE)) {
                tlb_range_empty(t, kind, n);
            }
        }
    }
}

void tlb_ranges_drop(struct tlb_ranges *t, uint64_t la)
{
    for (unsigned kind = 0; kind < TLB_RANGE_KINDS; kind++) {
        drop_kind(t, kind, la, /* host= */ false);
    }
}

void tlb_ranges_protect(struct tlb_ranges *t, uint64_t hpage)
{
    for (unsigned kind = 1; kind < TLB_RANGE_KINDS; kind += 2) {
        drop_kind(t, kind, hpage, /* host= */ true);
    }
}
