/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running blocks twice: by the interpreter and as translated code; see check.h.
 *
 * Absent: what there is no translation of (code in segments that end early), and the jump from one
 * block to a linked one.
 */
#include "accel/tcg/check.h"
#include "target/i386/flags.h"
#include "target/i386/mem.h"
#include "target/i386/step.h"
#include <inttypes.h>
#include <string.h>

enum { RESTART = 256 }; /* beyond all vectors: x86_restart() */

struct check *check_new(struct tcg_cpu *tc)
{
    struct check *c = g_new0(struct check, 1);

    if (!check_memory_init(c)) {
        g_free(c);
        return NULL;
    }
    c->decoded = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    tc->check = c;
    tc->cpu->watch = &check_watch;
    x86_tlb_flush(tc->cpu); /* entries that allow fast writes */
    return c;
}

void check_free(struct tcg_cpu *tc)
{
    if (tc->check) {
        tc->cpu->watch = NULL;
        check_memory_fini(tc->check);
        g_hash_table_destroy(tc->check->decoded);
        g_free(tc->check->report);
        g_free(tc->check);
        tc->check = NULL;
    }
}

static void save_vectors(const struct x86_cpu *cpu, struct check_state *s)
{
    s->fpu = cpu->fpu;
    memcpy(s->vec, cpu->vec, sizeof(s->vec));
    s->mxcsr = cpu->mxcsr;
}

/* All but that. */
static void save_general(const struct x86_cpu *cpu, struct check_state *s)
{
    memcpy(s->gpr, cpu->gpr, sizeof(s->gpr));
    s->rip = cpu->rip;
    s->start_rip = cpu->start_rip;
    s->cr2 = cpu->cr2;
    s->fl_zero = cpu->fl_zero;
    s->fl_sign = cpu->fl_sign;
    s->fl_carry = cpu->fl_carry;
    s->fl_msb = cpu->fl_msb;
    s->eflags = cpu->eflags;
    s->status = flags_status(cpu);
    s->interrupt_shadow = cpu->interrupt_shadow;
    s->insn_again = cpu->insn_again;
    s->vector = -1;
    s->error = 0;
}

static void save(const struct x86_cpu *cpu, struct check_state *s)
{
    save_general(cpu, s);
    save_vectors(cpu, s);
}

void check_restore(struct x86_cpu *cpu, const struct check_state *s)
{
    memcpy(cpu->gpr, s->gpr, sizeof(s->gpr));
    cpu->rip = s->rip;
    cpu->start_rip = s->start_rip;
    cpu->cr2 = s->cr2;
    cpu->fl_zero = s->fl_zero;
    cpu->fl_sign = s->fl_sign;
    cpu->fl_carry = s->fl_carry;
    cpu->fl_msb = s->fl_msb;
    cpu->eflags = s->eflags;
    cpu->fpu = s->fpu;
    memcpy(cpu->vec, s->vec, sizeof(s->vec));
    cpu->mxcsr = s->mxcsr;
    cpu->interrupt_shadow = s->interrupt_shadow;
    cpu->insn_again = s->insn_again;
}

/* After a fault: how it ended. */
static void save_fault(const struct x86_cpu *cpu, struct check_state *s)
{
    save(cpu, s);
    s->vector = cpu->raised.vector;
    s->error = cpu->raised.error;
}

/* The block's code has been written to. */
static bool dead(const struct jit_block *b)
{
    return __atomic_load_n(&b->dead, __ATOMIC_ACQUIRE);
}

/* ---- the interpreter --------------------------------------------------------------------- */

/* The instructions of @b, decoded now or earlier. */
static const struct x86_insn *decoded(struct check *c, struct tcg_cpu *tc,
                                      const struct jit_block *b)
{
    uint8_t two_pages[X86_INSN_BYTES];
    const uint8_t *code = b->host;
    unsigned at = 0, start = (unsigned)(b->rip & ~PAGE_MASK);
    struct x86_insn *insns;

    if (c->flushes != tc->tcg->jit->flushes) {
        g_hash_table_remove_all(c->decoded);
        c->flushes = tc->tcg->jit->flushes;
    }
    insns = g_hash_table_lookup(c->decoded, b);
    if (insns && !b->guard) {
        return insns;
    }
    if (b->second) { /* the block is one instruction */
        unsigned in_first = PAGE_SIZE - (unsigned)((uintptr_t)b->host & ~PAGE_MASK);

        memcpy(two_pages, b->host, in_first);
        memcpy(two_pages + in_first, b->second, b->bytes - in_first);
        code = two_pages;
    }
    insns = g_new0(struct x86_insn, b->count);
    for (unsigned n = 0, span = 0; n < b->count; n++) {
        unsigned left = b->bytes - at;

        if (b->spans) {
            const struct jit_span *s = &b->spans->span[span];

            if (!n || start + at == s[0].to) {
                s = &b->spans->span[n ? ++span : 0];
                at = s->from - start;
            }
            left = s->to - start - at;
        }
        if (x86_decode(tc->cpu->decoder, tc->cpu->mode, code + (int)at, left, &insns[n]) !=
            DECODE_OK) {
            insns[n].len = 0; /* another vCPU is changing it */
            break;
        }
        at += insns[n].len;
        insns[n].end = (uint16_t)at;
    }
    g_hash_table_insert(c->decoded, (gpointer)(uintptr_t)b, insns);
    return insns;
}

/* Takes the block's instruction @n, at cpu->rip; false: the block ends before it. */
static bool next_insn(struct check *c, unsigned n)
{
    c->insn = &c->insns[n];
    return n < c->block->count && c->insn->len;
}

/* Whether the block goes on at cpu->rip behind c->insn, which ends at @next. */
static bool goes_on(const struct check *c, const struct x86_cpu *cpu, uint64_t next, bool taken)
{
    const struct x86_insn *i = c->insn + 1;
    uint64_t rip;

    if (i == c->insns + c->block->count) {
        return false;
    }
    rip = c->start.rip + (uint64_t)(int16_t)i->end - i->len;
    if (!(cpu->mode & MODE_CODE64)) {
        rip = (uint32_t)rip;
    }
    return cpu->rip == rip && (insn_row(c->insn)->op != OP_JCC || taken == (rip != next));
}

/* Executes c->insn; false: the block has been left. */
static bool execute(struct check *c, struct x86_cpu *cpu)
{
    const struct x86_insn *i = c->insn;
    uint64_t next = cpu->rip + i->len;
    bool taken = insn_row(i)->op == OP_JCC && flags_condition(cpu, i->cond);

    if (!(cpu->mode & MODE_CODE64)) {
        next = (uint32_t)next;
    }
    cpu->start_rip = cpu->rip;
    cpu->insn = i;
    cpu->rip = next;
    cpu->interrupt_shadow = false; /* of an STI before it */
    x86_exec(cpu, i);
    if (jit_touches_fpu(insn_row(i)) && jit_mode(cpu) != (c->block->mode & ~JIT_MODE_VARIANTS)) {
        return false; /* as jit_slow() sees it */
    }
    return goes_on(c, cpu, next, taken);
}

/* Whether a run that ended after @n instructions, the last with @on, is still in the block: then it
 * shows no shadow of STI, which is for what follows there. */
static bool inside(const struct check *c, unsigned n, bool on)
{
    return on && n < c->block->count;
}

/* The first run's instruction at hand is the interpreter's alone, and the last one. */
static void stop_before(struct check *c)
{
    c->want = c->last;
    c->want.interrupt_shadow = false;
    c->stops = true;
    c->stop = c->last.rip;
    c->alone_insns++;
}

/* Takes note of the instruction that has been done or has faulted; false: it does not count. */
static bool count_insn(struct check *c, bool faulted)
{
    if (!c->alone && c->spans->len && dead(c->block)) {
        for (guint n = 0; n < c->spans->len; n++) { /* the block has changed itself */
            c->alone |= c->pages[g_array_index(c->spans, struct check_span, n).page].slow;
        }
    }
    if (c->alone) {
        stop_before(c);
        return false;
    }
    check_memory_commit(c);
    if (!faulted) {
        c->count++;
        c->undefined = check_flags_undefined(c->insn, c->undefined);
    }
    return true;
}

static void interpret(struct check *c, struct x86_cpu *cpu)
{
    bool on = true, vectors = true;

    while (on && next_insn(c, c->count)) {
        save_general(cpu, &c->last);
        if (vectors) { /* they may have changed since the last time */
            save_vectors(cpu, &c->last);
        }
        vectors = check_uses_vectors(c->insn);
        if (!check_repeatable(cpu, c->insn)) {
            c->stops = true;
            c->stop = cpu->rip;
            break;
        }
        c->reads_undefined |= check_flags_read(c->insn) & c->undefined;
        on = execute(c, cpu);
        c->alone |= cpu->insn_again; /* a REP that was interrupted; translated ones are not */
        cpu->executed++;
        if (!count_insn(c, /* faulted= */ false)) {
            break;
        }
    }
    c->inside = inside(c, c->count, on);
}

/* The block, as far as it can be compared, for the guest. */
static void run_first(struct check *c, struct x86_cpu *cpu)
{
    bool counts;

    c->phase = CHECK_FIRST;
    if (setjmp(cpu->unwind)) {
        save_fault(cpu, &c->now);
        c->alone |= c->now.vector >= RESTART;
        counts = count_insn(c, /* faulted= */ true);
    } else {
        interpret(c, cpu);
        save(cpu, &c->now);
        counts = !c->alone;
    }
    if (counts) {
        c->want = c->now;
        c->want.interrupt_shadow &= !c->inside;
    }
}

/* At most @limit instructions, not the one at @until; returns how many. */
static unsigned interpret_again(struct check *c, struct x86_cpu *cpu, unsigned limit,
                                uint64_t until)
{
    unsigned n = 0;
    bool on = true;

    c->undefined = 0;
    while (on && n < limit && cpu->rip != until && next_insn(c, n)) {
        on = execute(c, cpu);
        c->undefined = check_flags_undefined(c->insn, c->undefined);
        n++;
    }
    c->inside = inside(c, n, on);
    return n;
}

/* The instructions that count once more, on copies; not the one at @until. */
static void run_again(struct check *c, struct x86_cpu *cpu, uint64_t until, struct check_state *ret)
{
    c->phase = CHECK_AGAIN;
    check_restore(cpu, &c->start);
    check_memory_begin_copies(cpu, /* fast_writes= */ false);
    if (setjmp(cpu->unwind)) {
        save_fault(cpu, ret);
    } else {
        c->again = interpret_again(c, cpu, c->count + (c->want.vector >= 0), until);
        save(cpu, ret);
        ret->interrupt_shadow &= !c->inside;
    }
    check_memory_end_copies(cpu);
}

/* ---- translated code --------------------------------------------------------------------- */

static struct jit_jumps *jumps_now(struct x86_cpu *cpu)
{
    return &jit_cpu_of(cpu)->jumps[cpu->mode >> MODE_SET_SHIFT & 3];
}

/* An indirect jump to @rip finds code: the way back to C. */
static void aim_jump(struct tcg_cpu *tc, uint64_t rip, bool hit)
{
    const struct jit *j = tc->tcg->jit;
    uint64_t slot = jit_jump_slot(rip);
    struct jit_jumps *t = jumps_now(tc->cpu);

    if (slot) {
        t->neg[slot] = hit ? -rip : -(slot ^ 1);
        t->code[slot] = (uintptr_t)(j->thunk.checked + j->to_x);
    }
}

static void run_translated(struct tcg_cpu *tc)
{
    struct check *c = tc->check;
    struct x86_cpu *cpu = tc->cpu;

    c->phase = CHECK_TRANSLATED;
    c->stray = c->left = false;
    c->recipe.kind = RECIPE_NONE;
    check_restore(cpu, &c->start);
    check_memory_begin_copies(cpu, /* fast_writes= */ true);
    aim_jump(tc, c->want.rip, /* hit= */ true);
    if (setjmp(cpu->unwind)) {
        jit_fpu_save(cpu);
        save_fault(cpu, &c->got);
    } else {
        jit_enter(tc, c->block);
        jit_fpu_save(cpu);
        if (c->meddle) {
            c->meddle(cpu, c->meddle_opaque);
        }
        save(cpu, &c->got);
    }
    aim_jump(tc, c->want.rip, /* hit= */ false);
    check_memory_end_copies(cpu);
}

const uint8_t *jit_checked(struct x86_cpu *cpu, uint32_t unused)
{
    (void)unused;
    jit_flags_from_host(cpu);
    return NULL;
}

/* ---- both -------------------------------------------------------------------------------- */

#define NOWHERE UINT64_MAX /* no instruction begins there */

/* The interpreter comes to its first result again. */
static bool repeats(struct check *c, struct x86_cpu *cpu)
{
    struct check_state again;

    c->stray = false;
    run_again(c, cpu, NOWHERE, &again);
    return !c->stray && !check_differ(cpu, &c->want, &again, 0, NULL) &&
           !check_memory_differs(c, c->after, c->copy, NULL);
}

/* What translated code has left against @want and the pages @after. */
static bool differs(struct tcg_cpu *tc, const struct check_state *want, const uint8_t *after,
                    const uint8_t *got, GString *lines)
{
    struct check *c = tc->check;
    bool state = check_differ(tc->cpu, want, &c->got, c->undefined, lines);

    return check_memory_differs(c, after, got, lines) || state;
}

/* After a difference to @want, or what strayed: whether it is the translator's fault. */
static void judge(struct tcg_cpu *tc, const struct check_state *want, GString *lines)
{
    struct check *c = tc->check;
    struct check_state part = *want;

    c->recipe.kind = RECIPE_NONE;
    if (dead(c->block) || !repeats(c, tc->cpu)) {
        c->unstable++; /* devices or other vCPUs have changed data or code */
    } else if (c->reads_undefined) {
        c->meaningless++;
    } else {
        c->failed = true;
        c->want = part;
        g_free(c->report);
        c->report = check_report(tc, lines->str);
    }
}

/*
 * Translated code has left the block before its end, for a variant of it: what it has done is
 * compared with as many instructions of the interpreter.
 */
static void compare_part(struct tcg_cpu *tc)
{
    struct check *c = tc->check;
    g_autoptr(GString) lines = g_string_new(NULL);
    struct check_state part;

    memcpy(c->translated, c->copy, c->page_count * PAGE_SIZE);
    run_again(c, tc->cpu, c->got.rip, &part);
    if (differs(tc, &part, c->copy, c->translated, lines)) {
        judge(tc, &part, lines);
    } else {
        c->parts++;
        c->compared += c->again;
    }
}

static void compare(struct tcg_cpu *tc)
{
    struct check *c = tc->check;
    g_autoptr(GString) lines = NULL;

    run_translated(tc);
    if (c->left && !c->stray && c->got.vector < 0) {
        c->recipe.kind = RECIPE_NONE;
        compare_part(tc);
        return;
    }
    if (!c->stray && !differs(tc, &c->want, c->after, c->copy, NULL)) {
        c->blocks++;
        c->compared += c->count;
        return;
    }
    lines = g_string_new(NULL);
    if (c->stray) {
        g_string_append_printf(lines, "translated code accesses %#" PRIx64 ", %s\n", c->stray_la,
                               c->stray_la ? "a page that the interpreter does not write"
                                           : "no RAM");
    }
    differs(tc, &c->want, c->after, c->copy, lines);
    judge(tc, &c->want, lines);
}

uint32_t check_variant(struct tcg_cpu *tc, struct jit_recipe *ret_recipe)
{
    struct check *c = tc->check;
    const struct check_state *now = &c->now;

    c->random = c->random * 6364136223846793005 + 1442695040888963407;
    *ret_recipe = (struct jit_recipe){0};
    if ((c->random >> 62 & 1) && tc->cpu->rip == now->rip &&
        !memcmp(tc->cpu->gpr, now->gpr, sizeof(now->gpr)) && flags_status(tc->cpu) == now->status) {
        *ret_recipe = c->recipe; /* nothing has happened since the block was left */
    }
    return c->random >> 63 ? JIT_MODE_UNSHARED : 0;
}

void check_run(struct tcg_cpu *tc, const struct jit_block *b)
{
    struct check *c = tc->check;
    struct x86_cpu *cpu = tc->cpu;

    jit_fpu_save(cpu);
    memcpy(&c->unwind, &cpu->unwind, sizeof(c->unwind));
    c->from = c->start.rip;
    c->block = b;
    c->insns = decoded(c, tc, b);
    c->count = c->page_count = 0;
    c->undefined = 0;
    c->inside = false;
    c->stops = c->reads_undefined = c->alone = false;
    g_array_set_size(c->spans, 0);
    c->recipe.kind = RECIPE_NONE;
    save(cpu, &c->start);
    run_first(c, cpu);
    if (c->flushes == tc->tcg->jit->flushes && (c->count || c->want.vector >= 0)) {
        compare(tc);
        check_restore(cpu, &c->now);
    }
    c->phase = CHECK_IDLE;
    memcpy(&cpu->unwind, &c->unwind, sizeof(c->unwind));
    if (c->now.vector >= 0) {
        cpu->raised.vector = c->now.vector;
        cpu->raised.error = c->now.error;
        longjmp(cpu->unwind, 1);
    }
    cpu->insn_again = false;
    if (!c->count && !c->alone) { /* not repeatable, or changed while we looked */
        c->alone_insns++;
        x86_step_one(cpu);
    }
}
