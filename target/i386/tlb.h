/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The soft TLB: linear page to host page, one set per kind of access rights.
 *
 * A tag is minus the page's linear address when the access may go straight to host memory, else a
 * value that matches no address of that slot. Then (la + tag) < page size - (size - 1) says at once
 * that the access is to this page, allowed, and does not leave the page. Writes match only while
 * the page's dirty bits and the code cache need no word of it (memory/ram.h).
 *
 * Data and instruction fetches have tables of their own. Both lie at fixed offsets from the CPU,
 * so that compiled code reaches them with nothing but the CPU's address. So do the range registers
 * (tlb_range.h), which say the same of runs of data pages.
 */
#ifndef VITRO_TARGET_I386_TLB_H
#define VITRO_TARGET_I386_TLB_H

#include "target/i386/cpu.h"
#include "target/i386/tlb_range.h"
#include "target/i386/tlb_second.h"
#include <stdalign.h>
#include <stddef.h>

#define TLB_BITS   13
#define TLB_SLOTS  (1u << TLB_BITS)
#define ITLB_BITS  12 /* 16 MiB of code: what a kernel has */
#define ITLB_SLOTS (1u << ITLB_BITS)
#define PAGE_BITS  12
#define PAGE_SIZE  4096u
#define PAGE_MASK  (~(uint64_t)(PAGE_SIZE - 1))

enum tlb_set {
    TLB_SUPER,   /* supervisor, user pages allowed */
    TLB_SMAP,    /* supervisor, user pages refused */
    TLB_USER,    /* CPL 3 */
    TLB_CHECKED, /* CPL 3 with alignment checks: data accesses never hit, fetches as TLB_USER */
    TLB_SETS,
};

/* One per set: where data is. */
struct x86_dtlb {
    uint64_t rneg[TLB_SLOTS]; /* minus the linear page, when reads may go to host memory */
    uint64_t wneg[TLB_SLOTS]; /* the same for writes */
    /* The same for writes to a page with translated code: allowed where that is not, which the word
     * at clines (ram_block.code_lines) tells. Only of a machine with one CPU. */
    uint64_t cneg[TLB_SLOTS];
    uint64_t *clines[TLB_SLOTS];
    uint64_t addend[TLB_SLOTS]; /* host address - linear address */
    uint64_t hpage[TLB_SLOTS];  /* host address of the page; 0: slot not filled */
};

/* One per set: where code is. */
struct x86_itlb {
    uint64_t xneg[ITLB_SLOTS]; /* minus the linear page, when it may be executed */
    uint64_t addend[ITLB_SLOTS];
    /* The engine's name of this pair of linear and host page, 0: none. The engine sets it after a
     * fetch; each fill and clear sets 0, and other threads may. Atomic. */
    uint32_t id[ITLB_SLOTS];
    /* The engine's too: a second name, in a place that need not be the slot's (0: none in use). It
     * is set to 0 whenever id[slot] is for the slot whose moved_at says place + 1. */
    uint64_t moved[ITLB_SLOTS];
    uint16_t moved_at[ITLB_SLOTS];
};

/* A page of guest-physical memory: how to reach it. */
struct phys_page {
    uint64_t gpa;  /* 1 when the slot is empty */
    uint8_t *host; /* NULL: not RAM or ROM */
    bool writable;
    struct ram_block *block;
    uint64_t offset; /* of the page in @block */
};

/*
 * For an engine that runs code twice and compares: cpu->watch. While it is set, no data entry
 * allows fast writes but those that the engine itself makes. The first two may unwind.
 */
struct x86_watch {
    /* @len bytes within a page of RAM are about to be written at @la. */
    void (*write)(struct x86_cpu *cpu, uint64_t la, const struct phys_page *p, unsigned len);
    /* Something that is not RAM is about to be accessed. */
    void (*device)(struct x86_cpu *cpu);
    /* The host memory to use for the page at @host; see x86_tlb_forget_phys(). */
    uint8_t *(*page)(struct x86_cpu *cpu, uint8_t *host);
    /* Data entry @slot of @set was filled. */
    void (*filled)(struct x86_cpu *cpu, unsigned set, unsigned slot);
};

#define PHYS_SLOTS 2048

/* What the slots of one table hold. */
struct tlb_marks {
    /* a bit for each word of used[] that is not 0; a spare one may be set */
    uint64_t words[TLB_SLOTS / 64 / 64];
    uint64_t used[TLB_SLOTS / 64];
    uint64_t global[TLB_SLOTS / 64];
    uint64_t large[TLB_SLOTS / 64]; /* a piece of a large page */
    uint8_t page_bits[TLB_SLOTS];   /* of the guest's mapping: 12, 21, 22, 30 */
};

enum tlb_part {
    TLB_DATA,
    TLB_CODE,
    TLB_PARTS,
};

#define TLB_LARGE_BITS 22 /* large pages are remembered by the 4 MiB that they lie in */
#define TLB_LARGE_SEEN 4096
#define TLB_WRITERS    1024

struct x86_tlb {
    struct x86_dtlb d[TLB_SETS];
    struct x86_itlb i[TLB_SETS];
    struct tlb_ranges ranges;
    uint64_t flushes; /* grows with each flush: what hangs on translations compares it */
    uint64_t misses, second_hits, walks; /* of the first level, of which these; statistics */
    /* the rest is tlb.c's */
    struct tlb_marks marks[TLB_PARTS][TLB_SETS];
    /* a bit for each 4 MiB and each GiB, by hash, of which pieces of large pages may be in here */
    uint64_t large_seen[TLB_LARGE_SEEN / 64];
    uint64_t giant_seen;
    /* by hash of the host page: which data slots may allow writes to it, see note_writer() */
    uint16_t writers[TLB_WRITERS][2];
    struct phys_page phys[PHYS_SLOTS];
    struct tlb_second second;
};

/* Room for the engine's per-CPU data behind the TLB; what it does not touch costs nothing. */
#define X86_ENGINE_BYTES (2 * MiB)

/* What x86_cpu_new() makes. */
struct x86_cpu_room {
    struct x86_cpu cpu; /* first */
    alignas(64) struct x86_tlb tlb;
    alignas(64) uint8_t engine[X86_ENGINE_BYTES];
};

/* From a struct x86_cpu. */
#define X86_TLB_OFFSET    offsetof(struct x86_cpu_room, tlb)
#define X86_ENGINE_OFFSET offsetof(struct x86_cpu_room, engine)

/* Zeroed by x86_cpu_new(), aligned to 64 bytes. */
static inline void *x86_engine_area(struct x86_cpu *cpu)
{
    return (uint8_t *)cpu + X86_ENGINE_OFFSET;
}

enum access {
    ACCESS_READ,
    ACCESS_WRITE,
    ACCESS_FETCH,
};

/* Result of a page walk. */
struct x86_walk {
    uint64_t gpa; /* of the byte asked for */
    unsigned page_bits;
    bool global;
    bool readable, writable, executable; /* for the set asked for, as of now */
};

static inline unsigned tlb_slot(uint64_t la)
{
    return (la >> PAGE_BITS) & (TLB_SLOTS - 1);
}

static inline unsigned itlb_slot(uint64_t la)
{
    return (la >> PAGE_BITS) & (ITLB_SLOTS - 1);
}

/* The engine's names of what @slot maps are not true any more. */
static inline void x86_itlb_forget_names(struct x86_itlb *i, unsigned slot)
{
    __atomic_store_n(&i->id[slot], 0, __ATOMIC_RELAXED);
    if (i->moved_at[slot]) {
        i->moved[i->moved_at[slot] - 1] = 0;
        i->moved_at[slot] = 0;
    }
}

/* Whether @size bytes at @la are within the page that @neg is minus the address of. */
static inline bool tlb_hit(uint64_t la, uint64_t neg, unsigned size)
{
    return la + neg < PAGE_SIZE - (size - 1);
}

/*
 * Minus a page of another slot: no address that looks here can match, whatever its other bits. Far
 * away, because translated code looks with the last byte of a range up to a page long.
 */
static inline uint64_t tlb_never(unsigned slot)
{
    return -((uint64_t)(slot ^ ITLB_SLOTS / 2) << PAGE_BITS);
}

/* Everything empty: for x86_cpu_new(). */
void x86_tlb_init(struct x86_cpu *cpu);

/*
 * Drops translations: all, those that are not global, those of one page that the present context
 * (PCID) sees. A page is the guest's: any address in a large one drops all of it.
 */
void x86_tlb_flush(struct x86_cpu *cpu);
void x86_tlb_flush_nonglobal(struct x86_cpu *cpu);
void x86_tlb_flush_page(struct x86_cpu *cpu, uint64_t la);
/* What is not global of a context, or of a page in a context. */
void x86_tlb_flush_context(struct x86_cpu *cpu, unsigned pcid);
void x86_tlb_flush_context_page(struct x86_cpu *cpu, unsigned pcid, uint64_t la);
/* CR3 was loaded; @keep: translations of its PCID stay. */
void x86_tlb_context_loaded(struct x86_cpu *cpu, bool keep);
/* What data accesses may do has changed (CR0.WP, PKRU, breakpoints), mappings have not. */
void x86_tlb_flush_data_rights(struct x86_cpu *cpu);
/* Also forgets how physical pages are reached: the memory map changed. */
void x86_tlb_flush_phys(struct x86_cpu *cpu);
/* How the page at @gpa is reached is found anew. TLB entries stay as they are. */
void x86_tlb_forget_phys(struct x86_cpu *cpu, uint64_t gpa);
/* Makes writes to the page at @host take the slow path again. */
void x86_tlb_protect_page(struct x86_cpu *cpu, const uint8_t *host);

/*
 * Fills range register @n of a kind with the run of pages around @la whose data entries in @set
 * allow the same; empties it if @la's does not. The run may be cut short.
 */
void x86_tlb_fill_range(struct x86_cpu *cpu, enum tlb_set set, bool write, unsigned n, uint64_t la);
/* Empties all range registers: for who changes data entries by himself. */
void x86_tlb_clear_ranges(struct x86_cpu *cpu);

/* The set that the current state uses for explicit accesses, and for implicit supervisor ones. */
enum tlb_set x86_tlb_set(const struct x86_cpu *cpu);
enum tlb_set x86_tlb_set_system(const struct x86_cpu *cpu);

/*
 * Translates one page for an access, setting accessed and dirty bits, and fills the TLB. Raises the
 * page fault if there is one.
 */
void x86_translate(struct x86_cpu *cpu, uint64_t la, enum access access, enum tlb_set set,
                   struct x86_walk *ret);
/* mmu.c: the same from the page tables alone; false: page fault with *ret_error. */
bool x86_walk_tables(struct x86_cpu *cpu, uint64_t la, enum access access, enum tlb_set set,
                     struct x86_walk *ret, struct x86_leaf *ret_leaf, uint32_t *ret_error);
/* mmu.c: the same from a walk made before; false: it takes a new one, for rights or dirty bit. */
bool x86_leaf_use(const struct x86_cpu *cpu, const struct x86_leaf *leaf, uint64_t la,
                  enum access access, enum tlb_set set, struct x86_walk *ret);
/* How the page that holds @gpa is reached. */
const struct phys_page *x86_phys_page(struct x86_cpu *cpu, uint64_t gpa);
/* @gpa as the bus sees it (A20). */
uint64_t x86_bus_address(const struct x86_cpu *cpu, uint64_t gpa);
/* The address space that the CPU sees now. */
struct address_space *x86_memory(const struct x86_cpu *cpu);

#endif
