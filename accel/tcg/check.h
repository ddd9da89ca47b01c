/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `-accel tcg,check=on`: every translated block is run by the interpreter as well, and compared.
 *
 * The interpreter runs the block first, on the guest's memory: what it does is what happens. It
 * notes each page that it writes, with the contents from before. Then the translated code runs from
 * the same state, with copies of those pages in their place, and is thrown away. Registers, flags,
 * vectors, x87, faults and the written pages must be the same.
 *
 * I1  The translated code never changes what the guest can see. Fast writes reach only the copies;
 *     all others go by cpu->watch, which stops them.
 * I2  A device is accessed once: an instruction that does so, or that cannot be done twice, is the
 *     interpreter's alone, and the comparison is of what lies before it.
 * I3  Devices and other vCPUs may change memory between the two runs. So a difference counts only
 * if the interpreter, run again on the copies, comes to its first result.
 *
 * A block must return to C at its end, and at a site when jit_check_stops() says so: while
 * tc->check is set exits are not linked, and indirect jumps find only the way out
 * (jit_thunks.checked).
 */
#ifndef VITRO_ACCEL_TCG_CHECK_H
#define VITRO_ACCEL_TCG_CHECK_H

#include "accel/tcg/jit.h"

#define CHECK_PAGES       64 /* that one block may write */
#define CHECK_ARENA       (CHECK_PAGES * PAGE_SIZE)
#define CHECK_BUCKET_BITS 13

/* What is compared. */
struct check_state {
    uint64_t gpr[16], rip, start_rip, cr2;
    uint64_t fl_zero, fl_sign, fl_carry;
    uint32_t fl_msb, eflags, status; /* status: the flags that fl_* say */
    struct x86_fpu fpu;
    union x86_vec vec[X86_VEC_REGS];
    uint32_t mxcsr;
    bool interrupt_shadow;
    bool insn_again; /* not compared: the JIT has served it */
    int vector;      /* of the fault that ended the run, or -1 */
    uint32_t error;
};

struct check_page {
    uint8_t *host; /* the guest's */
    uint64_t gpa;
    uint64_t la; /* where it was written last */
    bool slow;   /* writes to it need bookkeeping, or the first ones did */
};

struct check_span {
    unsigned page, offset, len;
};

/* See check_slots.c. */
struct check_bucket {
    uint16_t slot[3];
    uint8_t count;
    bool many;
};

enum check_phase {
    CHECK_IDLE,
    CHECK_FIRST,      /* the interpreter, on the guest's memory */
    CHECK_TRANSLATED, /* on copies */
    CHECK_AGAIN,      /* the interpreter, on copies */
};

struct check {
    enum check_phase phase;
    const struct jit_block *block;
    struct check_state start;    /* before the block */
    struct check_state want;     /* after what is compared */
    struct check_state got;      /* the same of the translated code */
    struct check_state now;      /* what the guest goes on with */
    struct check_state last;     /* before the interpreter's present instruction */
    const struct x86_insn *insn; /* that one */
    GHashTable *decoded; /* struct jit_block -> struct x86_insn[]: all blocks until a flush */
    uint64_t flushes;    /* of translated code, when that was true */
    const struct x86_insn *insns; /* of the block */
    unsigned count;               /* instructions that are compared */
    uint64_t stop;        /* the one at this address is not done by the translated code ... */
    bool stops;           /* ... if so */
    bool inside;          /* the interpreter has not left the block */
    uint32_t undefined;   /* status flags without a defined value at the end */
    bool reads_undefined; /* and one was read: a difference says nothing */
    bool alone;           /* the present instruction is the interpreter's alone */
    bool stray;           /* the translated code reached what the interpreter did not */
    bool left;            /* it has left the block early, for what is not run now */
    unsigned again;       /* instructions that CHECK_AGAIN has done */
    uint64_t random;
    uint64_t from;            /* where the block before began */
    struct jit_recipe recipe; /* for the flags where translated code has left the block */
    uint64_t stray_la;
    /* pages written */
    struct check_page pages[CHECK_PAGES];
    unsigned page_count;
    GArray *spans; /* struct check_span: of the present instruction */
    uint8_t *memory;
    uint8_t *before, *after; /* a page for each of pages[] */
    uint8_t *copy;           /* the same: the second run's memory; aligned to its size */
    uint8_t *translated;     /* what the translated code has left in copy */
    GArray *moved;           /* unsigned: slots of the TLB that map copies, or have */
    struct check_bucket buckets[TLB_SETS][1 << CHECK_BUCKET_BITS];
    jmp_buf unwind;
    bool failed;
    /* statistics */
    uint64_t blocks, parts, compared, alone_insns, unstable, meaningless;
    /* For tests: called after the translated code has run. */
    void (*meddle)(struct x86_cpu *cpu, void *opaque);
    void *meddle_opaque;
    char *report; /* of the difference */
};

/* check.c */
struct check *check_new(struct tcg_cpu *tc);
void check_free(struct tcg_cpu *tc);
/* Runs the block @b at cpu->rip both ways. May raise. */
void check_run(struct tcg_cpu *tc, const struct jit_block *b);
/* Whether translated code is to return to C instead of executing the instruction at @rip. */
static inline bool check_stops(const struct check *c, uint64_t rip)
{
    return c->phase == CHECK_TRANSLATED && c->stops && c->stop == rip;
}

/* The variant of the next block to be found: each in turn, at random. */
uint32_t check_variant(struct tcg_cpu *tc, struct jit_recipe *ret_recipe);
/* Translated code has left by @e. */
static inline void check_left(struct check *c, const struct jit_exit *e)
{
    c->left = e->unshared || !e->patch;
    c->recipe = e->recipe;
}

/* check_memory.c */
bool check_memory_init(struct check *c);
void check_memory_fini(struct check *c);
/* The interpreter's instruction counts: takes its writes into c->after. */
void check_memory_commit(struct check *c);
/* From here on, and no longer, the copies are in the place of the guest's pages. */
void check_memory_begin_copies(struct x86_cpu *cpu, bool fast_writes);
void check_memory_end_copies(struct x86_cpu *cpu);
extern const struct x86_watch check_watch;

static inline bool check_is_copy(const struct check *c, uint64_t host)
{
    return host - (uintptr_t)c->copy < CHECK_ARENA;
}

/* check_slots.c; @d is the table of @set */
/* Of struct x86_watch. */
void check_slots_filled(struct x86_cpu *cpu, unsigned set, unsigned slot);
/* What maps @host maps @copy. */
void check_slots_map(struct check *c, struct x86_dtlb *d, unsigned set, const uint8_t *host,
                     const uint8_t *copy);
/* Undoes all that. */
void check_slots_unmap(struct check *c, struct x86_dtlb *d, unsigned set);

/* check_insn.c */
/* Whether @i can be done twice with the same result. */
bool check_repeatable(const struct x86_cpu *cpu, const struct x86_insn *i);
/* Whether @i may change x87, MMX or vector registers, or their state. */
bool check_uses_vectors(const struct x86_insn *i);
/* Status flags that @i reads. */
uint32_t check_flags_read(const struct x86_insn *i);
/* Of those in @undefined, and those that @i leaves so, the ones that are undefined behind it. */
uint32_t check_flags_undefined(const struct x86_insn *i, uint32_t undefined);

/* check_report.c */
/* Appends a line for each difference of @got to @ret; false: there is none. Status flags in
 * @undefined are not looked at. */
bool check_differ(const struct x86_cpu *cpu, const struct check_state *want,
                  const struct check_state *got, uint32_t undefined, GString *ret);
/* The same for pages' contents. */
bool check_memory_differs(const struct check *c, const uint8_t *want, const uint8_t *got,
                          GString *ret);
/* All that is known of a difference, whose lines are @lines. */
char *check_report(struct tcg_cpu *tc, const char *lines);
void check_restore(struct x86_cpu *cpu, const struct check_state *s);

#endif
