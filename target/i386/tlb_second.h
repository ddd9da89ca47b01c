/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second level of the soft TLB: what page walks found, for all contexts (PCIDs) and privileges.
 *
 * An entry holds what the tables say, not what it means at some privilege; so nothing is to be
 * dropped when CR0.WP, SMAP or PKRU change. It names its context by a number that is never used
 * again: dropping a context, or all, is taking a new number. All functions belong to the CPU's
 * thread.
 */
#ifndef VITRO_TARGET_I386_TLB_SECOND_H
#define VITRO_TARGET_I386_TLB_SECOND_H

#include "util/common.h"

enum leaf_flags {
    LEAF_W = 1 << 0,
    LEAF_U = 1 << 1,
    LEAF_NX = 1 << 2,
    LEAF_G = 1 << 3,
    LEAF_D = 1 << 4, /* the dirty bit is set */
};

/* Where a walk ended, and what all its entries together allow. */
struct x86_leaf {
    uint64_t gpa;      /* of the page's begin */
    uint8_t page_bits; /* 12, 21, 22, 30 */
    uint8_t flags;     /* enum leaf_flags */
    uint8_t key;       /* protection key */
};

/* A unit is 4 KiB, of large pages 2 MiB. */
struct tlb_second_entry {
    uint64_t unit; /* its linear address */
    uint64_t ctx;
    struct x86_leaf leaf;
};

#define TLB_SECOND_WAYS       4
#define TLB_SECOND_SETS       1024
#define TLB_SECOND_LARGE_SETS 64
#define X86_PCIDS             4096

struct tlb_second {
    struct tlb_second_entry small[TLB_SECOND_SETS][TLB_SECOND_WAYS];
    struct tlb_second_entry large[TLB_SECOND_LARGE_SETS][TLB_SECOND_WAYS];
    uint64_t ctx;        /* the present one */
    uint64_t ctx_global; /* of global pages */
    uint64_t last;       /* number given */
    uint64_t floor;      /* contexts up to this one are dropped, but for ctx_global */
    unsigned turn;       /* which way is replaced next */
    unsigned pcid;       /* of ctx */
    uint64_t pcid_ctx[X86_PCIDS];
};

/* The present context's or a global translation of @la, or NULL. */
const struct x86_leaf *tlb_second_find(struct tlb_second *t, uint64_t la);
/* In place of what tlb_second_find() finds. */
void tlb_second_put(struct tlb_second *t, uint64_t la, const struct x86_leaf *leaf);

/* Drops the page at @la (all of a large one, but not of 1 GiB) of the present context and the
 * global one, or of @pcid's context only. */
void tlb_second_drop(struct tlb_second *t, uint64_t la);
void tlb_second_drop_pcid(struct tlb_second *t, uint64_t la, unsigned pcid);
/* Drops pages of 1 GiB that hold @la in any context; returns bits of those that remain, bit
 * la / 1 GiB % 64. */
uint64_t tlb_second_drop_giant(struct tlb_second *t, uint64_t la);

/* Drops all, or what is not global, and makes @pcid's the present context. */
void tlb_second_clear(struct tlb_second *t, bool keep_global, unsigned pcid);
/* Drops what is not global of @pcid's context. */
void tlb_second_clear_pcid(struct tlb_second *t, unsigned pcid);
/* Makes @pcid's the present context. */
void tlb_second_enter(struct tlb_second *t, unsigned pcid);

#endif
