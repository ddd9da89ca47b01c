/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Range registers: runs of neighbouring linear pages that lie the same way in host memory.
 *
 * A register says for one run what the first level of the soft TLB says for one page. A check
 * against a register needs nothing that is found by the address, so that in compiled code the
 * access itself need not wait for the check.
 *
 * A register holds only what first-level entries of its set allowed when it was filled. An entry
 * may be replaced while a register still covers its page; so whatever drops translations or takes
 * rights away empties the registers that may cover them, by address and not by entry. All functions
 * belong to the CPU's thread, or to one that holds it at a block boundary.
 */
#ifndef VITRO_TARGET_I386_TLB_RANGE_H
#define VITRO_TARGET_I386_TLB_RANGE_H

#include "util/common.h"

#define TLB_RANGES      160 /* of each kind */
#define TLB_RANGE_KINDS 8   /* TLB set * 2 + (for writes) */
#define TLB_RUNS        4   /* runs of each kind found last: more registers, for 1 byte */

/*
 * Each register is for accesses of up to some size: the share of each is about that of most
 * programs. The last ones are for checks without flags: they cover a window of a power of two
 * within the run.
 */
#define TLB_RANGE_SIZES        9
#define TLB_RANGE_SIZE_MAX     256
#define TLB_RANGE_WINDOWS      128 /* the first of these */
#define TLB_RANGE_WINDOW_BYTES 8
struct x86_range_size {
    uint16_t bytes;
    uint8_t first, count; /* registers */
};
extern const struct x86_range_size x86_range_sizes[TLB_RANGE_SIZES]; /* by rising size */

struct x86_range {
    uint64_t neg;    /* minus the linear address of the run, or the window */
    uint64_t addend; /* host address - linear address */
    uint64_t len;    /* of where accesses may begin; 0: empty */
    uint64_t mask;   /* of a window: -len */
};

#define TLB_RANGE_ALL   (TLB_RANGES + TLB_RUNS)
#define TLB_RANGE_WORDS ((TLB_RANGE_ALL + 63) / 64)

struct tlb_ranges {
    struct x86_range r[TLB_RANGE_KINDS][TLB_RANGE_ALL];
    uint64_t used[TLB_RANGE_KINDS][TLB_RANGE_WORDS];
    unsigned turn;                                     /* which of TLB_RUNS is replaced next */
    uint64_t global[TLB_RANGE_KINDS][TLB_RANGE_WORDS]; /* of those used: all of it is global */
};

static inline unsigned tlb_range_kind(unsigned set, bool write)
{
    return set * 2 + write;
}

/* Whether as many bytes at @la as @r is for are in it. */
static inline bool tlb_range_hit(const struct x86_range *r, uint64_t la)
{
    return la + r->neg < r->len;
}

static inline bool tlb_range_is_window(unsigned n)
{
    return n >= TLB_RANGE_WINDOWS && n < TLB_RANGES;
}

/* Pages. */
struct x86_run {
    uint64_t la, len, addend;
    bool global;
};

/* Register @n of @kind becomes @run; a window, of that what is around @around. */
void tlb_range_set(struct tlb_ranges *t, unsigned kind, unsigned n, const struct x86_run *run,
                   uint64_t around);
/* The run found last that holds @la, if there is one. */
bool tlb_range_known(const struct tlb_ranges *t, unsigned kind, uint64_t la, struct x86_run *ret);
/* @run was found: joins it to those that it touches, and remembers it. */
void tlb_range_found(struct tlb_ranges *t, unsigned kind, struct x86_run *run);
void tlb_range_empty(struct tlb_ranges *t, unsigned kind, unsigned n);

/* Empties all, or those that are not global. */
void tlb_ranges_clear(struct tlb_ranges *t, bool keep_global);
/* Empties those that cover any of @la's page. */
void tlb_ranges_drop(struct tlb_ranges *t, uint64_t la);
/* Empties those that allow writes to any of the host's page at @hpage. */
void tlb_ranges_protect(struct tlb_ranges *t, uint64_t hpage);

#endif
