/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The soft TLB: linear page to host page, one set per kind of access rights.
 *
 * A tag is the page's linear address when the access may go straight to host memory, else a value
 * that matches no address of that slot. Then (la ^ tag) < page size - (size - 1) says at once that
 * the access is to this page, allowed, and does not leave the page. Writes match only while the
 * page's dirty bits and the code cache need no word of it (memory/ram.h).
 */
#ifndef VITRO_TARGET_I386_TLB_H
#define VITRO_TARGET_I386_TLB_H

#include "target/i386/cpu.h"

#define TLB_BITS  10
#define TLB_SLOTS (1u << TLB_BITS)
#define PAGE_BITS 12
#define PAGE_SIZE 4096u
#define PAGE_MASK (~(uint64_t)(PAGE_SIZE - 1))

enum tlb_set {
    TLB_SUPER,   /* supervisor, user pages allowed */
    TLB_SMAP,    /* supervisor, user pages refused */
    TLB_USER,    /* CPL 3 */
    TLB_CHECKED, /* never filled: every access takes the slow path (alignment check) */
    TLB_SETS,
};

struct x86_tlb_entry {
    uint64_t rtag;
    uint64_t wtag;
    uint64_t xtag;
    uintptr_t addend; /* host address - linear address */
};

struct tlb_info {
    uint8_t global;
    uint8_t page_bits; /* of the guest's mapping: 12, 21, 22, 30 */
};

/* A page of guest-physical memory: how to reach it. */
struct phys_page {
    uint64_t gpa;  /* 1 when the slot is empty */
    uint8_t *host; /* NULL: not RAM or ROM */
    bool writable;
    struct ram_block *block;
    uint64_t offset; /* of the page in @block */
};

#define PHYS_SLOTS 512

struct x86_tlb {
    struct x86_tlb_entry e[TLB_SETS][TLB_SLOTS];
    struct tlb_info info[TLB_SETS][TLB_SLOTS];
    bool used[TLB_SETS];
    bool large_used;
    struct phys_page phys[PHYS_SLOTS];
    uint64_t flushes; /* grows with each flush: what hangs on translations compares it */
};

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

/* Whether @size bytes at @la are within the page of @tag. */
static inline bool tlb_hit(uint64_t la, uint64_t tag, unsigned size)
{
    return (la ^ tag) < PAGE_SIZE - (size - 1);
}

struct x86_tlb *x86_tlb_new(void);
void x86_tlb_free(struct x86_tlb *tlb);

/* Drops translations: all, those that are not global, those of one page. */
void x86_tlb_flush(struct x86_cpu *cpu);
void x86_tlb_flush_nonglobal(struct x86_cpu *cpu);
void x86_tlb_flush_page(struct x86_cpu *cpu, uint64_t la);
/* Also forgets how physical pages are reached: the memory map changed. */
void x86_tlb_flush_phys(struct x86_cpu *cpu);
/* Makes writes to the page at @host take the slow path again. */
void x86_tlb_protect_page(struct x86_cpu *cpu, const uint8_t *host);

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
                     struct x86_walk *ret, uint32_t *ret_error);
/* How the page that holds @gpa is reached. */
const struct phys_page *x86_phys_page(struct x86_cpu *cpu, uint64_t gpa);
/* @gpa as the bus sees it (A20). */
uint64_t x86_bus_address(const struct x86_cpu *cpu, uint64_t gpa);
/* The address space that the CPU sees now. */
struct address_space *x86_memory(const struct x86_cpu *cpu);

#endif
