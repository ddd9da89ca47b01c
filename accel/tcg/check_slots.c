/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which data entries of the soft TLB map a page: those that the copies of check_memory.c replace.
 *
 * A bucket names the slots of the pages that share its hash, or says that they are too many to be
 * named: then all are looked at. A name may be stale: its slot says what it holds now.
 */
#include "accel/tcg/check.h"

static unsigned hash_of(uint64_t hpage)
{
    return (hpage >> PAGE_BITS) * 0x9e3779b97f4a7c15ULL >> (64 - CHECK_BUCKET_BITS);
}

/* Adds @slot to the bucket of what it maps. */
static void add(struct check_bucket *buckets, const struct x86_dtlb *d, unsigned slot)
{
    unsigned h = hash_of(d->hpage[slot]);
    struct check_bucket *b = &buckets[h];
    unsigned kept = 0;

    for (unsigned n = 0; n < b->count; n++) {
        if (b->slot[n] == slot) {
            return;
        }
        if (d->hpage[b->slot[n]] && hash_of(d->hpage[b->slot[n]]) == h) {
            b->slot[kept++] = b->slot[n];
        }
    }
    b->count = (uint8_t)kept;
    if (kept == ARRAY_SIZE(b->slot)) {
        b->many = true;
        return;
    }
    b->slot[b->count++] = (uint16_t)slot;
}

/* Names the slots of bucket @h anew. */
static void rebuild(struct check_bucket *buckets, const struct x86_dtlb *d, unsigned h)
{
    buckets[h] = (struct check_bucket){0};
    for (unsigned slot = 0; slot < TLB_SLOTS; slot++) {
        if (d->hpage[slot] && hash_of(d->hpage[slot]) == h) {
            add(buckets, d, slot);
        }
    }
}

/* Maps @slot to @to, without fast writes, and remembers that. */
static void move(struct check *c, struct x86_dtlb *d, unsigned slot, const uint8_t *to)
{
    d->addend[slot] += (uintptr_t)to - d->hpage[slot];
    d->hpage[slot] = (uintptr_t)to;
    d->wneg[slot] = tlb_never(slot);
    g_array_append_val(c->moved, slot);
}

void check_slots_filled(struct x86_cpu *cpu, unsigned set, unsigned slot)
{
    struct check *c = tcg_of(cpu)->check;
    struct x86_dtlb *d = &cpu->tlb->d[set];

    G_STATIC_ASSERT(TLB_SLOTS <= 1 << 16);
    if (!check_is_copy(c, d->hpage[slot])) {
        add(c->buckets[set], d, slot);
    } else if (d == cpu->tlb_now) {
        g_array_append_val(c->moved, slot);
    } else { /* not one that check_slots_unmap() sees */
        d->rneg[slot] = d->wneg[slot] = d->cneg[slot] = tlb_never(slot);
        d->hpage[slot] = 0;
    }
}

void check_slots_map(struct check *c, struct x86_dtlb *d, unsigned set, const uint8_t *host,
                     const uint8_t *copy)
{
    unsigned h = hash_of((uintptr_t)host);
    const struct check_bucket *b = &c->buckets[set][h];

    if (b->many) {
        rebuild(c->buckets[set], d, h);
    }
    if (b->many) {
        for (unsigned slot = 0; slot < TLB_SLOTS; slot++) {
            if (d->hpage[slot] == (uintptr_t)host) {
                move(c, d, slot, copy);
            }
        }
        return;
    }
    for (unsigned n = 0; n < b->count; n++) {
        if (d->hpage[b->slot[n]] == (uintptr_t)host) {
            move(c, d, b->slot[n], copy);
        }
    }
}

void check_slots_unmap(struct check *c, struct x86_dtlb *d, unsigned set)
{
    guint moved = c->moved->len;

    for (guint n = 0; n < moved; n++) {
        unsigned slot = g_array_index(c->moved, unsigned, n);

        if (check_is_copy(c, d->hpage[slot])) {
            move(c, d, slot, c->pages[(d->hpage[slot] - (uintptr_t)c->copy) / PAGE_SIZE].host);
            add(c->buckets[set], d, slot);
        }
    }
    g_array_set_size(c->moved, 0);
}
