/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second level of the soft TLB: a table of page walks' results, by linear page and context.
 *
 * I1  A context's number, once dropped, is never again t->ctx, t->ctx_global, or in pcid_ctx[]
 * above t->floor. I2  What is put takes the place of all entries by which the present context sees
 * that address.
 */
#include "target/i386/tlb_second.h"

#define SMALL_BITS 12
#define LARGE_BITS 21
#define GIANT_BITS 30

static uint64_t unit_of(uint64_t la, unsigned bits)
{
    return la >> bits << bits;
}

/* The ways in which the unit of @la may be. */
static struct tlb_second_entry *small_ways(struct tlb_second *t, uint64_t la)
{
    uint64_t page = la >> SMALL_BITS;

    return t->small[(page ^ page >> 10) % TLB_SECOND_SETS];
}

static struct tlb_second_entry *large_ways(struct tlb_second *t, uint64_t la)
{
    uint64_t page = la >> LARGE_BITS;

    return t->large[(page ^ page >> 9) % TLB_SECOND_LARGE_SETS];
}

static inline struct tlb_second_entry *find_in(struct tlb_second_entry *ways, uint64_t unit,
                                               uint64_t ctx, uint64_t ctx_global)
{
    for (unsigned n = 0; n < TLB_SECOND_WAYS; n++) {
        if (ways[n].unit == unit && (ways[n].ctx == ctx || ways[n].ctx == ctx_global)) {
            return &ways[n];
        }
    }
    return NULL;
}

const struct x86_leaf *tlb_second_find(struct tlb_second *t, uint64_t la)
{
    struct tlb_second_entry *e =
        find_in(small_ways(t, la), unit_of(la, SMALL_BITS), t->ctx, t->ctx_global);

    if (!e) {
        e = find_in(large_ways(t, la), unit_of(la, LARGE_BITS), t->ctx, t->ctx_global);
    }
    return e ? &e->leaf : NULL;
}

static bool is_dropped(const struct tlb_second *t, const struct tlb_second_entry *e)
{
    return e->ctx <= t->floor && e->ctx != t->ctx_global;
}

/* Drops the units that @la is in. */
static void drop_units(struct tlb_second *t, uint64_t la, uint64_t ctx, uint64_t ctx_global)
{
    struct tlb_second_entry *e;

    while ((e = find_in(small_ways(t, la), unit_of(la, SMALL_BITS), ctx, ctx_global))) {
        e->ctx = 0;
    }
    while ((e = find_in(large_ways(t, la), unit_of(la, LARGE_BITS), ctx, ctx_global))) {
        e->ctx = 0;
    }
}

void tlb_second_put(struct tlb_second *t, uint64_t la, const struct x86_leaf *leaf)
{
    bool small = leaf->page_bits == SMALL_BITS;
    struct tlb_second_entry *ways = small ? small_ways(t, la) : large_ways(t, la), *to;

    drop_units(t, la, t->ctx, t->ctx_global);
    to = &ways[t->turn++ % TLB_SECOND_WAYS];
    for (unsigned n = 0; n < TLB_SECOND_WAYS; n++) {
        if (is_dropped(t, &ways[n])) {
            to = &ways[n];
            break;
        }
    }
    *to = (struct tlb_second_entry){
        .unit = unit_of(la, small ? SMALL_BITS : LARGE_BITS),
        .ctx = leaf->flags & LEAF_G ? t->ctx_global : t->ctx,
        .leaf = *leaf,
    };
}

static void drop_page(struct tlb_second *t, uint64_t la, uint64_t ctx, uint64_t ctx_global)
{
    uint64_t half = unit_of(la, LARGE_BITS) ^ 1ULL << LARGE_BITS;
    struct tlb_second_entry *ways = large_ways(t, half);

    drop_units(t, la, ctx, ctx_global);
    for (unsigned n = 0; n < TLB_SECOND_WAYS; n++) { /* a page of 4 MiB has two units */
        struct tlb_second_entry *e = &ways[n];

        if (e->unit == half && e->leaf.page_bits == 22 && (e->ctx == ctx || e->ctx == ctx_global)) {
            e->ctx = 0;
        }
    }
}

void tlb_second_drop(struct tlb_second *t, uint64_t la)
{
    drop_page(t, la, t->ctx, t->ctx_global);
}

void tlb_second_drop_pcid(struct tlb_second *t, uint64_t la, unsigned pcid)
{
    uint64_t ctx = t->pcid_ctx[pcid];

    if (ctx > t->floor) {
        drop_page(t, la, ctx, ctx);
    }
}

uint64_t tlb_second_drop_giant(struct tlb_second *t, uint64_t la)
{
    uint64_t remain = 0;

    for (unsigned n = 0; n < TLB_SECOND_LARGE_SETS * TLB_SECOND_WAYS; n++) {
        struct tlb_second_entry *e = &t->large[n / TLB_SECOND_WAYS][n % TLB_SECOND_WAYS];

        if (e->leaf.page_bits != GIANT_BITS || is_dropped(t, e)) {
            continue;
        }
        if (unit_of(e->unit ^ la, GIANT_BITS)) {
            remain |= 1ULL << (e->unit >> GIANT_BITS) % 64;
        } else {
            e->ctx = 0;
        }
    }
    return remain;
}

void tlb_second_enter(struct tlb_second *t, unsigned pcid)
{
    if (t->pcid_ctx[pcid] <= t->floor) {
        t->pcid_ctx[pcid] = ++t->last;
    }
    t->pcid = pcid;
    t->ctx = t->pcid_ctx[pcid];
}

void tlb_second_clear(struct tlb_second *t, bool keep_global, unsigned pcid)
{
    if (!keep_global) {
        t->ctx_global = ++t->last;
    }
    t->floor = t->last;
    tlb_second_enter(t, pcid);
}

void tlb_second_clear_pcid(struct tlb_second *t, unsigned pcid)
{
    t->pcid_ctx[pcid] = ++t->last;
    if (pcid == t->pcid) {
        t->ctx = t->last;
    }
}
