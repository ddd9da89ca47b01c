/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translator from guest x86 to host x86-64: shared by the files accel/tcg/jit*.c.
 *
 * Guest code is re-emitted as host code of the same instructions. Thirteen guest registers live in
 * host registers, R11, R14 and R15 in struct x86_cpu, which the GS base points to; R11 and RCX of
 * the host are for addresses. The guest's status flags are the host's at every block boundary.
 *
 * Every memory operand is checked against the soft TLB inline. What fails the check, and every
 * instruction without an emitter, is a "site": its registers are stored, the interpreter's function
 * executes it, and the block goes on behind it. So each instruction has its slow twin, and faults
 * are precise because the interpreter raises them.
 *
 * I1  A block is found by host address, RIP and mode of its first byte, and by what is known of the
 *     flags there, and holds for all vCPUs. A movable one (JIT_MODE_MOVABLE) holds for all linear
 *     addresses: libraries are translated once, not by each process that maps them elsewhere.
 * I2  A block has three entries: `body`, jumped to from the same page; `code`, which first checks
 *     that its page is still mapped where it was translated for (x86_itlb.id), or, of a movable
 *     one, as far from jit_cpu.base as it was (x86_itlb.moved); `jump`, which before that sets
 *     jit_cpu.base, from the address jumped to in T0. In code that is not flat jit_cpu.base is that
 *     of CS, less its offset in a page.
 * I3  Memory of dead blocks is reused only by a flush, when no vCPU is in translated code.
 * I4  Code is written through one mapping and runs in another; no page is ever both.
 * I5  A block is not entered once its guest code has changed: it is dead, or its guard says so.
 */
#ifndef VITRO_ACCEL_TCG_JIT_H
#define VITRO_ACCEL_TCG_JIT_H

#include "accel/tcg/jit_asm.h"
#include "accel/tcg/jit_x87.h"
#include "accel/tcg/tcg.h"

#define JIT_BLOCK_INSNS 48         /* at most */
#define JIT_BLOCK_ROOM  (64 * KiB) /* host code of one block is smaller than this */

#define JIT_UNRANGED_BITS 16

#define JIT_JUMP_SLOTS (X86_UNDISTURBED + 1)
#define JIT_JUMP_FOLD  15 /* targets are often aligned: higher bits are added to the low ones */

#define JIT_NAMES      (1u << 29) /* struct jit_name.id is less */
#define JIT_BASE_SHIFT 17         /* makes jit_cpu.base a multiple of that */

/* Bits of a block's mode beside those of cpu->mode: what FPU instructions may be emitted. */
#define JIT_MODE_SSE      (1u << 24) /* no #UD, #NM; SIMD exceptions are masked */
#define JIT_MODE_AVX      (1u << 25)
#define JIT_MODE_UNSHARED (1u << 27) /* without jit_group.c; exits lead to other code */
#define JIT_MODE_X87      (1u << 26) /* no #NM; exceptions are masked, none waits */
/* For any linear address: user code above 4 GiB, which is mapped elsewhere by each process. RIP in
 * such a block, and in its exits and sites, is what it is less jit_cpu.base. */
#define JIT_MODE_MOVABLE  (1u << 28)
#define JIT_MODE_SEGMENTS (1u << 29) /* jit_segmented(): so no mode, not even real mode, is 0 */
#define JIT_MODE_VARIANTS (JIT_MODE_UNSHARED | JIT_MODE_MOVABLE) /* not the CPU's state */

/*
 * Jump targets, for the mode in struct jit_cpu.jump_mode. The first slot is never used: code looks
 * there when cpu->undisturbed is 0.
 */
struct jit_jumps {
    uint64_t neg[JIT_JUMP_SLOTS];  /* minus the target */
    uint64_t code[JIT_JUMP_SLOTS]; /* the block's entry for them; without one, jit_thunks.jumped */
};

/* When a range register (target/i386/tlb_range.h) is filled anew: see jit_range.c. */
struct jit_range_use {
    uint32_t credit; /* misses until then */
    uint32_t apart;  /* cycles between accesses, when looked at; 0: not known */
    uint8_t backoff; /* credit after it */
    uint8_t bad;     /* how many times in a row it was of no use */
    bool trial;      /* looking at that: it is empty */
    uint64_t when;   /* the last time; TSC */
};

/* Per vCPU, at X86_ENGINE_OFFSET: emitted code reaches it by the GS base. */
struct jit_cpu {
    uint64_t self;   /* struct x86_cpu * */
    uint64_t flags;  /* AH's image (SF, ZF, AF, PF, CF) in bits 8-15, OF in bit 0 */
    uint64_t saved;  /* a value kept over a TLB check */
    uint64_t was[2]; /* what registers of a recipe held before they changed: JIT_WAS */
    uint64_t missed; /* the same over the count of a miss */
    uint64_t
        string[3]; /* host address of the source, guest's RSI and RDI, of a string instruction */
    uint8_t gather[3][X86_VEC_BYTES]; /* of a gather: index, mask, destination */
    uint64_t shared[16];              /* by group: host address - linear address */
    uint64_t base;                    /* of the movable or segmented block that runs */
    uint64_t base_key; /* the same, shifted: x86_itlb.moved is the page's id less this */
    uint64_t go;       /* where C says to go on */
    uint32_t vec_off;  /* 0: the guest's vector registers and MXCSR are in the host's */
    uint32_t vec_want; /* the code that is returned to needs them there */
    uint32_t fpu_off;  /* 0: the guest's x87 registers are in the host's FPU */
    uint32_t host_mxcsr;
    struct jit_fpu fpu;
    uint64_t slot_mask;           /* for pext: the TLB slot of an address */
    uint64_t page_mask;           /* the page number */
    uint64_t align_mask[2];       /* the page number and the low 4, 5 bits */
    uint64_t low_mask[2];         /* the low 4, 5 bits */
    uint64_t df_mask;             /* EFLAGS.DF */
    uint64_t sign_mask;           /* bit 63 */
    uint64_t bit_mask;            /* of a bit's number in 64 bits */
    uint64_t no_df, no_if, no_ac; /* EFLAGS without that flag */
    uint64_t tsd_mask, smap_mask; /* CR4.TSD, CR4.SMAP */
    uint32_t mode;                /* of the translated code that runs */
    uint32_t jump_mode[TLB_SETS];
    struct jit_jumps jumps[TLB_SETS];
    struct jit_range_use range_use[TLB_RANGE_KINDS][TLB_RANGES];
    uint64_t range_start, range_time;        /* since then, filling them has taken so much; TSC */
    uint64_t follows, slow, lookups, ranges; /* statistics */
};

/* How to have the guest's flags again when the host's have been used for something else. */
enum jit_recipe_kind {
    RECIPE_NONE,
    RECIPE_CMP,   /* cmp a, b or imm */
    RECIPE_TEST,  /* test a, b or imm */
    RECIPE_LOGIC, /* the result is in a */
    RECIPE_ADD,   /* a is the sum of something and b or imm */
    RECIPE_SUB,
};

static inline unsigned jit_jump_slot(uint64_t rip)
{
    return (rip + (rip >> JIT_JUMP_FOLD | rip << (64 - JIT_JUMP_FOLD))) % JIT_JUMP_SLOTS;
}

struct jit_block;

/* A jump out of a block to a known target. */
struct jit_exit {
    struct jit_block *from, *to; /* to: NULL while not linked */
    struct jit_exit *next_in;    /* other exits linked to the same block */
    uint8_t *patch;              /* the jump's displacement; NULL: never linked */
    uint8_t *stub;
    uint64_t target;
    bool unshared;            /* to a block of JIT_MODE_UNSHARED */
    struct jit_recipe recipe; /* for the flags as they are then */
};

/* An instruction that may be, or always is, executed by the interpreter. */
struct jit_site {
    struct jit_block *block;
    uint64_t next; /* RIP of the next instruction */
    struct x86_insn insn;
    uint32_t after; /* offset in the code cache where the block goes on; 0: look up cpu->rip */
    bool fpu;       /* jit_touches_fpu() */
    bool followed;  /* a superblock's: it may go on where `after` does not say */
};

#define JIT_GUARD_CHUNKS 8

/* What a block compares when it is entered, as nobody tells it of writes (jit_guard.c). */
struct jit_guard {
    unsigned count;
    struct jit_guard_chunk {
        int at; /* of 8 bytes, from the block's first byte */
        uint64_t mask, want;
    } chunk[JIT_GUARD_CHUNKS + 1];
};

/* Where the instructions of a superblock were, in their order: offsets in their page. */
struct jit_path {
    unsigned count;
    uint16_t at[JIT_BLOCK_INSNS];
    bool has_next; /* an exit to where it went on can be linked */
    uint64_t next; /* ... that RIP; less jit_cpu.base, if movable */
};

/* The bytes of a superblock: offsets in its page. */
struct jit_spans {
    unsigned count;
    struct jit_span {
        uint16_t from, to;
    } span[];
};

struct jit_block {
    const uint8_t *host; /* of the first guest byte */
    uint64_t rip;        /* less jit_cpu.base, if movable */
    uint64_t name;       /* what page checks call that; with jit_cpu.base it is linear */
    uint32_t mode;
    uint16_t bytes; /* of guest code */
    uint16_t count; /* instructions */
    uint32_t page_id;
    uint32_t second_id;    /* of the page that its only instruction reaches into */
    const uint8_t *second; /* that page; NULL: the block lies in one */
    uint32_t first_exit;   /* the one taken when the checked entry fails */
    uint32_t code_bytes;
    bool dead;                   /* atomic */
    bool patchable;              /* code of its page has been written to */
    bool beside;                 /* its page is written to where there is no code */
    bool vec;                    /* uses vector registers */
    bool fpu;                    /* uses x87 or MMX registers */
    bool wants_recipe;           /* would be better for knowing how to have the flags; atomic */
    struct jit_recipe recipe;    /* ... and this one does; kind 0: it is for all entries */
    uint8_t *jump, *code, *body; /* writable mapping */
    uint8_t *inner;              /* behind the guard, for loops; or NULL */
    uint8_t *loaded; /* behind all checks; from where vector and x87 registers are in the host's */
    bool sampled;    /* whether it is worth a superblock is known; atomic */
    struct jit_spans *spans;     /* of a superblock (jit_path.c), else NULL */
    struct jit_guard *guard;     /* NULL: it is told of writes, by its death */
    struct jit_block *next_hash; /* atomic */
    struct jit_block *next_page;
    struct jit_block *next_second; /* others that reach into the same page */
    struct jit_exit *incoming;
};

/* Blocks of a page of host memory. */
struct jit_page {
    const uint8_t *host;
    struct ram_block *ram;
    uint64_t offset;              /* of the page in it */
    uint64_t lines;               /* bit per 64 bytes with translated code */
    bool patched;                 /* code of it has died of a write */
    bool beside;                  /* often written to where there is no code */
    unsigned writes;              /* of that kind, since blocks were last dropped for them */
    unsigned most;                /* ... before they are again */
    unsigned longest;             /* block that there was, in bytes */
    struct jit_block *blocks[64]; /* by the line in which they begin */
    struct jit_block *super;      /* superblocks; in no other list */
    struct jit_block *reaching;   /* blocks of the page before whose code ends here */
    uint64_t home;                /* movable blocks call it that, if they may; 1: there are none */
    GArray *names;                /* struct jit_name */
};

/* A linear page under which a host page is executed; of movable blocks, less jit_cpu.base. */
struct jit_name {
    uint64_t la;
    uint32_t id;
};

/* Thunks, as addresses in the writable mapping. */
struct jit_thunks {
    uint8_t *enter;  /* void (const uint8_t *code) */
    uint8_t *slow;   /* ECX: site */
    uint8_t *follow; /* ECX: exit */
    uint8_t *jumped; /* an indirect jump to T0 has found that the CPU has requests */
    uint8_t *vec_load;
    uint8_t *tsc; /* called: the guest's time stamp counter into EDX:EAX */
    /* Called with T0: linear address, T1: size - 1. Returns with T1: host - linear address, if it
     * is a page with code but not in those bytes; else 5 bytes later. By TLB set. */
    uint8_t *code_page[TLB_SETS];
    /* Called with T0: linear address, and behind the call what jit_range.c puts there. Returns with
     * T1: host - linear address. */
    uint8_t *range;
    uint8_t *checked; /* T0: where an indirect jump goes; see check.h */
};

struct jit_tr;

struct jit {
    struct tcg *tcg;
    struct jit_tr *tr; /* the translation under way */
    int fd;
    uint8_t *w;     /* writable mapping */
    ptrdiff_t to_x; /* from it to the executable one */
    size_t size, used, thunks_end;
    size_t ready; /* bytes of it that are mapped in both ways already */
    struct jit_thunks thunk;
    struct jit_fpu_thunks fpu;
    struct jit_block *blocks;
    struct jit_exit *exits;
    struct jit_site *sites;
    unsigned block_count, exit_count, site_count;
    unsigned max_blocks, max_exits, max_sites;
    unsigned hash_bits;
    struct jit_block **hash; /* atomic heads */
    GHashTable *pages;       /* host page -> struct jit_page */
    struct jit_past *past;   /* of code that dies and comes back */
    uint32_t next_id;
    uint64_t unranged[(1 << JIT_UNRANGED_BITS) / 64];  /* a bit per instruction: jit_range.c */
    unsigned next_window, next_range[TLB_RANGE_SIZES]; /* registers are given to checks in turn */
    uint32_t host[FEAT_WORDS]; /* features of this host: jit_host_features() */
    GThread *sampler;          /* NULL: no superblocks */
    GCond changed;
    bool leaving;         /* guarded by tcg->code_lock */
    uint64_t sample_wait; /* microseconds; atomic */
    bool sampler_rests;   /* or is about to, until jit_sampler_wake(); atomic */
    bool sample_all;      /* for tests: whatever is reached first */
    bool all_hot;         /* for tests: as if all code were */
    bool full;            /* a flush is due */
    uint64_t superblocks, flushes, invalidations, translated, guarded; /* statistics */
};

/* jit_cache.c; functions with _locked need tcg->code_lock. */
struct jit *jit_new(struct tcg *t, size_t bytes, GError **error);
void jit_free(struct jit *j);
void jit_cpu_init(const struct jit *j, struct x86_cpu *cpu);
void jit_jumps_flush(struct x86_cpu *cpu);
/* Code of @mode is to run: forgets jump targets of another one. */
void jit_jumps_mode(struct x86_cpu *cpu, uint32_t mode);
/* Indirect jumps of @cpu find @b, where it is now. */
void jit_note_jump(struct jit *j, struct x86_cpu *cpu, const struct jit_block *b);
/* Forgets which pages are mapped, by name. */
void jit_names_flush(struct x86_cpu *cpu);
bool jit_has_room(const struct jit *j);
/* Bits of the 64-byte lines of the page that hold translated code. */
uint64_t jit_lines_locked(const struct jit *j, const uint8_t *host_page);
static inline struct jit_cpu *jit_cpu_of(struct x86_cpu *cpu)
{
    return x86_engine_area(cpu);
}
#define JIT_ANY_RIP UINT64_MAX /* of movable blocks: whichever there is, or is the best choice */
struct jit_block *jit_lookup(const struct jit *j, const uint8_t *host, uint64_t rip, uint32_t mode,
                             const struct jit_recipe *recipe);
/*
 * Makes the block at @rip (which is @la unless it is movable); NULL: none can be made there.
 * @pages[0] holds its first byte; where the first instruction there reaches into another page, that
 * is @pages[1] (else its host is NULL) and the block is that instruction. They are watched already.
 * Without use for @recipe it is a block for all entries.
 */
struct jit_block *jit_make_locked(struct jit *j, struct x86_cpu *cpu,
                                  const struct phys_page pages[2], uint64_t la, uint64_t rip,
                                  uint32_t mode, const struct jit_recipe *recipe);
/*
 * Makes a superblock along @path for entries to @b, at its beginning, and drops the blocks that it
 * takes the place of. False: it would be no better.
 */
bool jit_follow_path_locked(struct jit *j, struct x86_cpu *cpu, struct jit_block *b,
                            const struct jit_recipe *recipe, const struct jit_path *path);
/* @b is not what is at its address any more. */
void jit_drop_locked(struct jit *j, struct jit_block *b);
/* A second CPU comes into being: guards made for one are no more. */
void jit_drop_guarded_locked(struct jit *j);
/* Links @e to @b, when both live. */
void jit_link_locked(struct jit_exit *e, struct jit_block *b);
/* Bytes of a page were written. Returns whether code of it died. */
bool jit_written_locked(struct jit *j, const uint8_t *host_page, unsigned offset, unsigned len);
/* The same where there is no code, on a machine with several CPUs. */
bool jit_written_beside_locked(struct jit *j, const uint8_t *host_page);
/* Counters, for `info jit`. */
void jit_print_locked(const struct jit *j, void (*print)(void *opaque, const char *fmt, ...),
                      void *opaque);
/* Drops everything. No vCPU is in translated code; their names and jumps are flushed. */
void jit_flush_locked(struct jit *j);

static inline bool jit_movable(const struct jit_block *b)
{
    return b->mode & JIT_MODE_MOVABLE;
}

static inline unsigned jit_code_bits(uint32_t mode)
{
    return mode & MODE_CODE64 ? 64 : mode & MODE_CODE32 ? 32 : 16;
}

/* Code in segments: jit_segment.c. */
static inline bool jit_segmented(uint32_t mode)
{
    return !(mode & MODE_CODE64) && (mode & (MODE_CODE32 | MODE_FLAT)) != (MODE_CODE32 | MODE_FLAT);
}

/* Whether the block's page checks depend on jit_cpu.base. */
static inline bool jit_based(uint32_t mode)
{
    return (mode & JIT_MODE_MOVABLE) || jit_segmented(mode);
}

/* Whether a movable block may call itself that: what adds to it takes few displacements. */
static inline bool jit_rip_fits(uint64_t rip)
{
    return rip + 4 * GiB < 8 * GiB;
}

/* RIP as the guest sees it, from a block's. */
static inline uint64_t jit_guest_rip(const struct x86_cpu *cpu, const struct jit_block *b,
                                     uint64_t rip)
{
    const struct jit_cpu *jc = (const void *)((const uint8_t *)cpu + X86_ENGINE_OFFSET);

    return rip + (jit_movable(b) ? jc->base : 0);
}

/* jit_translate.c: fills @blk and emits its code for the @avail bytes of code at @code; false:
 * nothing there can be translated. At most @max instructions. */
bool jit_translate(struct jit *j, struct x86_cpu *cpu, struct jit_block *blk, const uint8_t *code,
                   unsigned avail, unsigned max);
/* The same along @path, which begins at @code; false: it would be no better. */
bool jit_translate_path(struct jit *j, struct x86_cpu *cpu, struct jit_block *blk,
                        const uint8_t *code, const struct jit_path *path);

/* jit_path.c */
/* What the sampler has asked for: may execute some instructions of the guest. May raise. */
void jit_path_sample(struct tcg_cpu *tc);
bool jit_spans_hit(const struct jit_spans *s, unsigned offset, unsigned len);
void jit_sampler_start(struct jit *j);
void jit_sampler_stop(struct jit *j);
/* A vCPU has entered guest code; tc->thread is set. */
void jit_sampler_wake(struct jit *j);

/* jit_guard.c */
struct jit_past *jit_past_new(void);
/* @b dies of a write to its code. */
void jit_past_died(struct jit *j, const struct jit_block *b);
/* Whether the code of @b, which has a guard, is not what it was made of. */
bool jit_guard_differs(const struct jit_block *b);
/* The @len bytes of an instruction, all old or all new to a store of up to 8 bytes. */
void jit_guard_copy(const uint8_t *host, unsigned len, uint8_t *ret);

/* jit_run.c */
/* Runs translated code from cpu->rip until something wants attention; false: the code there is
 * nothing for the translator (mode, crossing pages, not RAM). May raise. */
bool jit_run(struct tcg_cpu *tc);
/* The block at cpu->rip, made if need be, for flags that are to be had by @recipe; NULL: none. */
struct jit_block *jit_find(struct tcg_cpu *tc, const struct jit_recipe *recipe);
/* The mode of translated code for the CPU's state; 0: there is none for such code. */
uint32_t jit_mode(const struct x86_cpu *cpu);
/* Runs @b, for the state at hand. */
void jit_enter(struct tcg_cpu *tc, const struct jit_block *b);
/* The status flags that translated code has left. */
void jit_flags_from_host(struct x86_cpu *cpu);
/* Called by thunks; they return where to go on, NULL: leave. */
const uint8_t *jit_slow(struct x86_cpu *cpu, uint32_t site);
const uint8_t *jit_follow(struct x86_cpu *cpu, uint32_t exit);
const uint8_t *jit_dispatch(struct x86_cpu *cpu);
const uint8_t *jit_jumped(struct x86_cpu *cpu, uint32_t unused);
const uint8_t *jit_checked(struct x86_cpu *cpu, uint32_t unused); /* check.c */
void jit_read_tsc(struct x86_cpu *cpu);

/* jit_range.c: called by the thunk. */
uint64_t jit_fill_range(struct x86_cpu *cpu, uint64_t la, const uint8_t *ret);

/* jit_host.c: CPUID's feature words of the host, 0 for those that are not about instructions. */
void jit_host_features(uint32_t ret[FEAT_WORDS]);

/* jit_thunk.c: emits the thunks at the start of the cache. */
void jit_emit_thunks(struct jit *j);

#endif
