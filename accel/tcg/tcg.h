/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software CPU's engine: shared by the files of this folder only.
 *
 * Guest code is decoded into blocks: runs of instructions within one page, each with the address of
 * the function that executes it. A handler does its instruction and jumps to the next one's; the
 * last entry of a block leads to the next block or back to the loop in tcg.c.
 *
 * I1  A block belongs to one vCPU and is found by the host address of its first byte and the mode
 *     it was decoded for. It never leaves its page, so links between blocks of a page hold as long
 *     as both live.
 * I2  Pages with blocks have their DIRTY_CODE bit clear, and no TLB entry allows fast writes to
 *     them; a write calls tcg_code_written().
 * I3  Memory of dead blocks is reused only by a flush of everything, from the loop.
 */
#ifndef VITRO_ACCEL_TCG_TCG_H
#define VITRO_ACCEL_TCG_TCG_H

#include "accel/accel.h"
#include "target/i386/insn.h"
#include "target/i386/tlb.h"

/* Blocks end after this many instructions at the latest. */
#define BLOCK_MAX 64

/* Set by rules.mak; without it handlers return to the loop after each block. */
#ifndef TCG_CHAIN
#define TCG_CHAIN 0
#endif

/* Mode bits that decoding and the choice of handlers depend on. */
#define BLOCK_MODE (MODE_CODE32 | MODE_CODE64 | MODE_PE | MODE_VM86 | MODE_FLAT | MODE_SS32)

struct tcg_block {
    const uint8_t *host; /* of the first byte */
    uint32_t mode;
    uint16_t count; /* instructions */
    uint16_t bytes;
    bool dead;
    struct tcg_block *next_hash;
    struct tcg_block *next_page; /* other blocks of the page */
    struct tcg_block *link[2];   /* where it went on last: not taken, taken; same page only */
    struct x86_insn insn[];      /* count + 1: the last one ends the block */
};

struct jump_entry {
    uint64_t rip;
    uint32_t mode;
    uint32_t flushes; /* of the TLB when the entry was made */
    struct tcg_block *block;
};

/* A decoded instruction that reaches into a second page. */
struct tcg_crossing {
    uint64_t la;
    uint32_t mode;
    uint8_t in_first; /* bytes in the first page */
    uint8_t bytes[15];
    struct x86_insn insn;
};

#define JUMP_BITS 13
#define HASH_BITS 15

/* Blocks of one page. */
struct code_page {
    const uint8_t *host;
    struct tcg_block *blocks;
};

struct tcg_cpu {
    struct x86_cpu *cpu;
    struct vcpu *vcpu;
    struct tcg *tcg;
    struct jump_entry jumps[1 << JUMP_BITS];
    struct tcg_block *hash[1 << HASH_BITS];
    GHashTable *pages; /* host page -> struct code_page */
    struct tcg_crossing crossings[64];
    struct x86_insn slow_insn;     /* of translated code, by the interpreter */
    struct tcg_crossing *crossing; /* what tcg_block_find() found instead of a block */
    /* a block to be linked to the one found next */
    struct tcg_block *link_from;
    unsigned link_slot;
    uint64_t link_rip; /* where it went */
    /* memory of blocks */
    uint8_t *arena;
    size_t arena_used, arena_size;
    struct check *check; /* NULL: translated code is trusted */
    bool sampled;        /* what is executed next may be hot; atomic */
    /* by which exit translated code was left for attention */
    uint64_t left_rip;
    struct jit_recipe {
        uint8_t kind; /* enum jit_recipe_kind */
        uint8_t bytes;
        uint8_t a, b; /* guest registers, or JIT_WAS and on; b HOST_NONE: imm */
        int32_t imm;
    } left_recipe;
    GThread *thread; /* in tcg_run(), or NULL; atomic */
    /* icount.c; only with counted instructions, apart from left_at */
    struct tcg_block *counted;      /* being run, or NULL */
    const struct x86_insn *left_at; /* not executed any more: it ends the block early */
    struct x86_insn *stop;          /* runs tcg_run_stop() until the block is left, or NULL */
    void (*stop_run)(struct x86_cpu *cpu, const struct x86_insn *i); /* what it is to run */
    bool attempting; /* a fault now is an instruction's */
    bool napping;    /* MWAIT */
    /* pages that others wrote to; guarded by lock */
    GMutex lock;
    GArray *stale; /* const uint8_t * */
    bool stale_all;
    /* statistics */
    uint64_t blocks_made, flushes, invalidations, steps;
};

struct icount;

enum tcg_superblocks {
    TCG_SUPERBLOCKS_OFF,
    TCG_SUPERBLOCKS_ON,
    TCG_SUPERBLOCKS_ALL,
};

struct tcg {
    struct accel accel;
    bool one_insn;         /* property: blocks of one instruction */
    struct icount *icount; /* NULL: instructions are not counted */
    /* exclusive sections; guarded by lock */
    GMutex lock;
    GCond changed;
    unsigned running; /* vCPUs in guest code */
    bool exclusive;   /* one of them runs alone; atomic */
    /* code bytes decoded by any vCPU: host page -> bit per 64 bytes; guarded by code_lock */
    GMutex code_lock;
    GHashTable *code_lines;
    GPtrArray *cpus; /* struct tcg_cpu; guarded by code_lock */
    struct jit *jit; /* NULL: decoded blocks only */
    bool use_jit, use_check;
    int superblocks;  /* enum tcg_superblocks */
    uint64_t tb_size; /* MiB; 0: the default */
};

static inline struct tcg_cpu *tcg_of(struct x86_cpu *cpu)
{
    return cpu->engine;
}

/* exclusive.c */
void tcg_run_begin(struct tcg *t);
void tcg_run_end(struct tcg *t);
/* At a block boundary: lets another vCPU run alone if it wants to. */
void tcg_yield(struct tcg *t);
void tcg_exclusive(struct x86_cpu *cpu, bool enter);

/* block.c */
void tcg_blocks_init(struct tcg_cpu *tc);
void tcg_blocks_fini(struct tcg_cpu *tc);
/*
 * The block at cpu->rip; NULL: execute one instruction by itself, tc->crossing if that is set.
 * May raise.
 */
struct tcg_block *tcg_block_find(struct tcg_cpu *tc);
void tcg_blocks_flush(struct tcg_cpu *tc);
/* Drops what tcg_code_written() on other threads has found stale. */
void tcg_blocks_drop_stale(struct tcg_cpu *tc);
/* Host address of the code at @la; NULL: it is not RAM. May raise the page fault. */
const uint8_t *tcg_code_host(struct x86_cpu *cpu, uint64_t la);
/* The same, of the page; false: not RAM. */
bool tcg_code_page(struct x86_cpu *cpu, uint64_t la, struct phys_page *ret);
/* From now on writes to the page call tcg_code_written(). Not with code_lock held. */
void tcg_watch_code(struct tcg_cpu *tc, const struct phys_page *p);
/* Brings the page's word of ram_block.code_lines up to date. With code_lock held. */
void tcg_note_lines_locked(struct tcg *t, struct ram_block *block, uint64_t page);
void tcg_code_written(void *opaque, struct ram_block *block, uint64_t offset, uint64_t len);

/* tcg.c: what a loop consists of. */
enum tcg_attend {
    TCG_RUN,  /* go on with blocks */
    TCG_STEP, /* go on with one instruction */
    TCG_EXIT,
    TCG_HALT,
};
/* Serves what disturbs the CPU. May raise. */
enum tcg_attend tcg_attend(struct tcg_cpu *tc);
/* Executes one instruction by itself. May raise. */
void tcg_step(struct tcg_cpu *tc);
/* For -d exec and -d cpu. */
void tcg_log_block(struct x86_cpu *cpu);
/* Around a loop: the vCPU is in guest code, an RCU reader. */
void tcg_section_begin(struct tcg_cpu *tc);
void tcg_section_end(struct tcg_cpu *tc);

/* crossing.c: the entry for @la if it still holds; executing it; executing and keeping a new one
 * (false: the instruction at cpu->rip is nothing for that). */
struct tcg_crossing *tcg_crossing_find(struct tcg_cpu *tc, uint64_t la);
void tcg_crossing_run(struct x86_cpu *cpu, const struct tcg_crossing *c);
bool tcg_crossing_learn(struct tcg_cpu *tc);

/* handlers.c: the slow twins and the ends of blocks */
void tcg_run_generic(struct x86_cpu *cpu, const struct x86_insn *i);
void tcg_run_stop(struct x86_cpu *cpu, const struct x86_insn *i);
void tcg_end_block(struct x86_insn *end, struct tcg_block *b, bool branches, bool same_page);
/* Sets i->run. @b is being built. */
void tcg_choose_handler(struct tcg_block *b, struct x86_insn *i);

typedef void tcg_run_fn(struct x86_cpu *cpu, const struct x86_insn *i);
/* fast*.c: a specialised handler, or NULL. */
tcg_run_fn *tcg_fast_handler(const struct tcg_block *b, struct x86_insn *i);

/* What handlers end with. */

static inline void tcg_next(struct x86_cpu *cpu, const struct x86_insn *i)
{
    i++;
    i->run(cpu, i);
}

/* cpu->rip, start_rip and insn as exec_ functions and faults need them. */
static inline void tcg_enter(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->rip = cpu->block_rip + i->end;
    cpu->start_rip = cpu->rip - i->len;
    cpu->insn = i;
}

static inline void tcg_run_block(struct x86_cpu *cpu, struct tcg_block *b)
{
    cpu->block_rip = cpu->rip;
    cpu->executed += b->count;
    b->insn[0].run(cpu, b->insn);
}

static inline struct jump_entry *tcg_jump_entry(struct tcg_cpu *tc, uint64_t rip)
{
    return &tc->jumps[(rip ^ rip >> JUMP_BITS) & ((1 << JUMP_BITS) - 1)];
}

/* Goes on at cpu->rip: by the jump cache, else by returning to the loop. */
static inline void tcg_dispatch(struct x86_cpu *cpu)
{
    const struct jump_entry *j = tcg_jump_entry(tcg_of(cpu), cpu->rip);

    if (TCG_CHAIN && j->rip == cpu->rip && j->mode == cpu->mode &&
        j->flushes == (uint32_t)cpu->tlb->flushes && !x86_disturbed(cpu)) {
        tcg_run_block(cpu, j->block);
    }
}

/* Goes on at cpu->rip, in the same page: by the link of block @b. */
static inline void tcg_follow(struct x86_cpu *cpu, struct tcg_block *b, unsigned slot)
{
    struct tcg_block *to = b->link[slot];

    if (TCG_CHAIN && to && !x86_disturbed(cpu)) {
        tcg_run_block(cpu, to);
        return;
    }
    tcg_of(cpu)->link_from = b;
    tcg_of(cpu)->link_slot = slot;
    tcg_of(cpu)->link_rip = cpu->rip;
}

#endif
