/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translating one block: what the emitters of accel/tcg/jit_*.c share.
 *
 * Flags. At each instruction the guest's status flags are in the host's (tr->valid), or can be made
 * again by executing a flag-only instruction on registers that have not changed (tr->recipe), or
 * both. A TLB check comes in two forms: the ordinary one destroys flags and is used when there is
 * a recipe; the other, longer one uses no flags (BMI2 and JRCXZ).
 */
#ifndef VITRO_ACCEL_TCG_JIT_TRANSLATE_H
#define VITRO_ACCEL_TCG_JIT_TRANSLATE_H

#include "accel/tcg/jit.h"
#include "target/i386/exec.h"

/* Code emitted behind the block: where a failed check or an exit goes. */
struct jit_stub {
    uint8_t *from[8]; /* jumps to it (a gather has most); NULL: fewer */
    uint32_t id;      /* site or exit */
    bool is_exit;
    bool unshared;  /* leaves for the rest of the block without groups */
    bool code_page; /* a write that may be to a page with code: asks the thunk, then goes on */
    bool add_back;  /* ... T0 is an offset in the page that T1 is the slot of */
    bool constant;  /* ... it is `address`, and T1 is to be the host page */
    uint64_t address;
    bool range;      /* an address that its range register does not cover: jit_range.c */
    unsigned number; /* ... that register */
    uint32_t insn;   /* ... the instruction's bit in jit.unranged */
    bool write, aligned;
    bool keep_flags;
    struct host_rm la; /* ... the linear address; T0 itself: it is there already */
    unsigned bytes;
    uint8_t *back;         /* ... where: behind the check */
    struct jit_stub *slow; /* ... or there */
    bool redo_flags;       /* by the recipe */
    bool load_flags;       /* from jit_cpu.saved, where jit_save_flags() has put them */
    struct jit_recipe recipe;
};

/* Memory operands off one register that share a TLB check (jit_group.c). */
#define JIT_GROUPS 12
struct jit_group {
    int32_t lo, hi; /* the range, relative to the register as it is at the first member */
    int32_t step;   /* how far it has moved; while groups are looked for */
    bool write;
    bool ready; /* the check has been emitted */
    unsigned members;
};
struct jit_member {
    int8_t group; /* -1: none */
    int32_t step; /* how far the register has moved since the first member */
};

#define JIT_STUBS (8 * JIT_BLOCK_INSNS + 16)

struct jit_tr {
    struct host_buf b;
    struct jit *jit;
    struct x86_cpu *cpu;
    struct jit_block *block;
    const uint8_t *code; /* of the guest */
    uint32_t mode;
    bool flat32;    /* not 64-bit code: linear addresses are cut to 32 bits */
    bool segmented; /* jit_segmented() */
    unsigned count, cur;
    uint64_t next; /* RIP after the current instruction */
    bool valid;
    bool ended; /* the last instruction has left the block */
    bool after_sti;
    bool incoming; /* the flags are still those that the block was entered with */
    struct jit_recipe recipe;
    uint8_t held;           /* guest register whose value is in T0 too ... */
    const uint8_t *held_at; /* ... while nothing is emitted behind this */
    struct jit_site *site;  /* of the current instruction, or NULL */
    struct jit_stub *site_stub;
    unsigned stub_count, group_count;
    bool guarded;
    bool hot;          /* worth more translation, and more code */
    bool guesses;      /* the last instruction, an indirect jump, most likely goes to ... */
    uint64_t guess;    /* ... RIP */
    uint64_t followed; /* by instruction: the block goes on where it jumps to */
    uint64_t varies;   /* by instruction: its immediate is read when it is executed */
    int kept;          /* the group whose difference T1 holds, unless tr->b.rcx_named; -1: none */
    /* From here on nothing is cleared for a new block: elements are set as their numbers grow. */
    struct x86_insn insn[JIT_BLOCK_INSNS];
    bool live_out[JIT_BLOCK_INSNS];  /* flags are read later, or leave the block */
    bool fault_out[JIT_BLOCK_INSNS]; /* ... or may be shown by a fault */
    struct jit_stub stubs[JIT_STUBS];
    struct jit_group groups[JIT_GROUPS];
    struct jit_member member[JIT_BLOCK_INSNS][2]; /* the memory operand; the stack's */
    bool chased[JIT_BLOCK_INSNS];     /* the address depends on what was loaded in the block */
    uint8_t *at[JIT_BLOCK_INSNS + 1]; /* where each instruction's code begins; the stubs */
    struct jit_recipe had[JIT_BLOCK_INSNS]; /* for the log: the recipe before each */
};

/* Host register of a guest one, or HOST_NONE for those in memory. */
extern const uint8_t jit_host_reg[16];
#define JIT_T0 HOST_R11
#define JIT_T1 HOST_RCX

/* In recipes: what a register that has changed since was, of operand a or b. */
#define JIT_WAS (HOST_NONE + 1)

/* Where guest register @r is: a host register or its place in struct x86_cpu. */
static inline struct host_rm jit_gpr(unsigned r)
{
    if (r >= JIT_WAS) {
        return host_state(X86_ENGINE_OFFSET + offsetof(struct jit_cpu, was) + 8 * (r - JIT_WAS));
    }
    return jit_host_reg[r] != HOST_NONE ? host_reg_rm(jit_host_reg[r])
                                        : host_state(offsetof(struct x86_cpu, gpr) + 8 * r);
}

static inline bool jit_in_memory(unsigned r)
{
    return jit_host_reg[r] == HOST_NONE;
}

/* What is @rip in the block, as the guest sees it, into host register @h. Uses no flags. */
void jit_rip(struct jit_tr *tr, unsigned h, uint64_t rip);
/* Which guest register, of those in memory, T0 holds now; HOST_NONE: none. */
uint8_t jit_held(const struct jit_tr *tr);
/* Moves between guest register @r and host register @h, 64 bits, without touching flags. */
void jit_get(struct jit_tr *tr, unsigned h, unsigned r);
void jit_put(struct jit_tr *tr, unsigned r, unsigned h);

/* jit_mem.c */
enum jit_mem_flags {
    JIT_WRITE = 1 << 0,
    JIT_ALIGN = 1 << 1,    /* #GP unless aligned to its size (16, 32) */
    JIT_ALONE = 1 << 2,    /* the result is [T0]: T1 is free */
    JIT_PLAIN_T0 = 1 << 3, /* the result does not use guest registers (they will change) */
};
/*
 * Checks the access of @bytes to the current instruction's memory operand and returns where it is
 * in host memory: a combination of T0, T1 and a guest register. Destroys T0 and T1.
 */
struct host_rm jit_mem(struct jit_tr *tr, const struct x86_insn *i, unsigned bytes, unsigned flags);
/*
 * The same for the word of the current instruction's string of bits that holds the one numbered by
 * its register operand. It is at [T0]; T1 is free.
 */
struct host_rm jit_mem_bits(struct jit_tr *tr, const struct x86_insn *i, unsigned flags);
/* The same for guest register @base + @disp in segment SS: stack operands. */
struct host_rm jit_stack(struct jit_tr *tr, unsigned base, int32_t disp, unsigned bytes,
                         unsigned flags);
/* jit_segment.c: whether the operand's address takes a segment's base and limit, and is cut. */
bool jit_by_segment(const struct jit_tr *tr, const struct x86_insn *i);
/* The linear address of such an operand, or of the stack + @disp in segmented code, into T0. */
void jit_segment_address(struct jit_tr *tr, const struct x86_insn *i, unsigned bytes, bool write);
void jit_segment_stack(struct jit_tr *tr, int32_t disp, unsigned bytes, bool write);
/* Whether jit_mem() can do the operand in this mode. */
bool jit_mem_ok(const struct jit_tr *tr, const struct x86_insn *i);
/*
 * For string instructions: the host address of what guest register @r points to into T0, after a
 * check that RCX elements of 1 << @shift bytes (fewer than 4096 of them) lie in one page. Uses no
 * flags.
 */
void jit_mem_run(struct jit_tr *tr, unsigned r, unsigned shift, bool write);
/* A scratch register that @rm does not use; may rewrite *@rm (uses no flags). */
unsigned jit_spare(struct jit_tr *tr, struct host_rm *rm);

/* The check of one page that uses no flags: @slow, or T1 becomes what is to be added to @la. */
void jit_check_keeping_flags(struct jit_tr *tr, unsigned la, unsigned bytes, unsigned flags,
                             struct jit_stub *slow);

/* jit_range.c */
/*
 * Checks @bytes at @la: a guest's register and a displacement, or [T0]. Leaves T1 (and T0) so that
 * T1 + @la is the host address; @slow is where to go without a translation. Destroys T0 unless it
 * is in @la, and flags if there is a recipe for them.
 */
void jit_range_check(struct jit_tr *tr, struct host_rm la, unsigned bytes, unsigned flags,
                     struct jit_stub *slow);
/* What is emitted behind the block. */
void jit_emit_range_stub(struct jit_tr *tr, struct jit_stub *s);

/* jit_flags.c */
/* The guest's flags are in the host's from here on. */
void jit_need_flags(struct jit_tr *tr);
/* Keeps the flags in jit_cpu.saved. Destroys T1. */
void jit_save_flags(struct jit_tr *tr);
/* They are in the host's again. Destroys T1. */
void jit_load_flags(struct host_buf *b);
/* Emits what makes the flags of @r again; uses T0. */
void jit_emit_recipe(struct host_buf *b, const struct jit_recipe *r);
/* Whether it needs one of @regs as it is. */
bool jit_recipe_uses(const struct jit_recipe *r, uint32_t regs);
/* Stores those of @regs that tr->recipe uses: they are about to change. May use T0. */
void jit_keep_operands(struct jit_tr *tr, uint32_t regs);
/* The recipe for the flags that @i has just set, if there is one. */
struct jit_recipe jit_recipe_of(const struct x86_insn *i);

/* jit_translate.c */
struct jit_stub *jit_new_stub(struct jit_tr *tr);
/* The current instruction's site; its stub is where failed checks jump to. */
struct jit_stub *jit_site_stub(struct jit_tr *tr);
/* @at, the displacement of a jump, goes to @s. */
void jit_stub_from(struct jit_stub *s, uint8_t *at);
/* The current instruction by the interpreter, always. */
void jit_call(struct jit_tr *tr, bool leaves);
/* A jump to @target, linked when there is a block. @cond: JCC's, or -1: always. */
void jit_exit_to(struct jit_tr *tr, uint64_t target, int cond);
/* A jump to @target when the CPU has requests. */
void jit_exit_if_disturbed(struct jit_tr *tr, uint64_t target);
/* A jump to the address in T0. @commit is emitted between the look-up and the jump: where the
 * instruction's effect is to be; it may use T1, not T0. A miss runs the instruction's site. */
void jit_jump_t0(struct jit_tr *tr, void (*commit)(struct jit_tr *tr, const struct x86_insn *i));

/* What an emitter says of an instruction before it is asked to emit it. */
struct jit_plan {
    bool call;        /* no emitter: jit_call() */
    bool reads_flags; /* or leaves some as they are */
    bool writes_flags;
    bool writes_all; /* ... all six, whatever they were */
    bool memory;     /* has a checked memory operand */
    bool vec;        /* needs the vector registers in the host's */
    bool fpu;        /* needs the x87's */
    uint32_t writes; /* guest registers, by bits */
    void (*emit)(struct jit_tr *tr, const struct x86_insn *i);
};

/* jit_flow.c: parts of calls and returns. */
void jit_emit_push_next(struct jit_tr *tr, const struct x86_insn *i);
/* An indirect jump that most likely goes to tr->guess: that is an exit which can be linked. */
void jit_emit_guessed(struct jit_tr *tr, const struct x86_insn *i);
/* All of a RET if it does not go to @guess; returns the displacement of a short jump for if it
 * does, for which the last part is to follow. */
uint8_t *jit_emit_ret_guess(struct jit_tr *tr, const struct x86_insn *i, uint64_t guess);
void jit_emit_ret_commit(struct jit_tr *tr, const struct x86_insn *i);

/* jit_path.c: the instructions of @path into an empty @tr. */
void jit_path_decode(struct jit_tr *tr, const struct jit_path *path);
/* The plan for @i, which is followed, from its usual one. */
void jit_path_plan(const struct x86_insn *i, struct jit_plan *plan);
struct jit_spans *jit_path_spans(const struct jit_tr *tr);

/* jit_group.c: finds tr->groups, of a decoded block. */
void jit_find_groups(struct jit_tr *tr, const struct jit_plan *plans);
/* Whether @i, of jit_int.c, jit_flow.c or without memory operand, may write memory. */
bool jit_writes_memory(const struct jit_tr *tr, const struct x86_insn *i);
/* jit_range.c: finds tr->chased; false: nothing is. */
bool jit_find_chased(struct jit_tr *tr, const struct jit_plan *plans);
/* Whether the operand of @i is just a pinned register and a displacement. */
bool jit_plain_base(const struct jit_tr *tr, const struct x86_insn *i);
/* A stub that leaves the block before the current instruction, for when a group's check fails. */
struct jit_stub *jit_unshared_stub(struct jit_tr *tr);
/* ... when the current instruction is not what it was. */
struct jit_stub *jit_restart_stub(struct jit_tr *tr);

/* jit_guard.c. The decoded block is to have a guard; then it has been cut and tr->varies is set.
 * @beside: in any case, if it can. */
bool jit_guard_decoded(struct jit_tr *tr, bool beside);
/* @plan of an instruction whose immediate varies. */
void jit_guard_plan(const struct x86_insn *i, struct jit_plan *plan);
/* Room for what is compared, filled; then the comparison: it goes to @differs or on. */
struct jit_guard *jit_guard_place(struct jit_tr *tr);
void jit_emit_guard(struct jit_tr *tr, const uint8_t *differs);

/* jit_flow.c: a jump or call to the address in T0. */
void jit_emit_jump(struct jit_tr *tr);
void jit_emit_call(struct jit_tr *tr);

/* jit_log.c: writes the translated block to the log, for the topics that are on. */
void jit_log_block(const struct jit_tr *tr, const struct jit_plan *plans);

/* jit_int.c, jit_flow.c, jit_string.c, jit_system.c, jit_simd.c, jit_gather.c, jit_x87.c: each
 * fills @plan and returns true if it has an emitter for @i in this mode. */
bool jit_plan_int(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan);
bool jit_plan_flow(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan);
bool jit_plan_system(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan);
bool jit_plan_string(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan);
bool jit_plan_simd(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan);
bool jit_plan_segment(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan);
bool jit_plan_gather(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan);
bool jit_plan_x87(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan);

/*
 * jit_form.c: an instruction with ModRM, with the guest's registers put in place of its own. The
 * operands come from the row; @access says what happens to each.
 */
enum jit_access {
    JIT_R = 1,
    JIT_W = 2,
    JIT_RW = 3,
};
struct jit_form {
    unsigned flags; /* enum host_op_flags: mandatory prefix, map, W, L */
    uint8_t opcode;
    bool vex;
    bool fixed_rm;        /* rm is rm_fixed, not an operand */
    int8_t reg, rm, vvvv; /* operand numbers; -1: none */
    uint8_t digit;        /* ModRM.reg when reg is -1 */
    uint8_t access[4];    /* enum jit_access by operand */
    uint8_t imm_bytes;
    uint64_t imm;
    bool cl;     /* a count in CL */
    bool in_reg; /* rm, when a register, may not be replaced by memory */
};
/* The usual form of @i: everything as in its row. */
struct jit_form jit_form_of(const struct x86_insn *i, unsigned access0);
void jit_emit_form(struct jit_tr *tr, const struct x86_insn *i, const struct jit_form *f);

/* Operand @n's place and size. */
static inline unsigned jit_where(const struct x86_insn *i, unsigned n)
{
    return x86_operand_info[insn_row(i)->operands[n]].where;
}

#endif
