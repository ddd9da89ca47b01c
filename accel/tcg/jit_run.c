/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running translated code: entering it, and what it calls: instructions for the interpreter, jumps
 * that are not linked yet, look-ups.
 */
#include "accel/tcg/check.h"
#include "target/i386/flags.h"
#include "target/i386/mem.h"
#include "target/i386/step.h"
#include "util/log.h"

static const struct jit_recipe no_recipe;

/* The flags in struct jit_cpu's form. */
static void flags_to_host(struct x86_cpu *cpu)
{
    uint32_t f = flags_status(cpu);

    jit_cpu_of(cpu)->flags = (f & 0xff) << 8 | (f & FLAG_OF ? 1 : 0);
}

void jit_flags_from_host(struct x86_cpu *cpu)
{
    uint32_t f = (uint32_t)jit_cpu_of(cpu)->flags;

    flags_set_status(cpu, (f >> 8 & 0xd5) | (f & 1 ? FLAG_OF : 0));
}

uint32_t jit_mode(const struct x86_cpu *cpu)
{
    uint32_t mode = cpu->mode & (BLOCK_MODE | MODE_SET);
    bool sse = !(cpu->cr0 & (CR0_TS | CR0_EM)) && (cpu->cr4 & CR4_OSFXSR) &&
               (cpu->mxcsr & ~0xe07fu) == 0x1f80; /* all masked; misaligned operands are not */

    if (cpu->cpl == 1 || cpu->cpl == 2) {
        return 0; /* code is translated for the kernel's or the user's rights */
    }
    if (jit_segmented(mode)) {
        if (cpu->seg[X86_CS].limit < (mode & MODE_CODE32 ? 0xffffffff : 0xffff)) {
            return 0; /* code would have to look whether it goes on */
        }
        mode |= JIT_MODE_SEGMENTS;
    }
    if (sse) {
        mode |= JIT_MODE_SSE;
        if ((cpu->cr4 & CR4_OSXSAVE) &&
            (cpu->xcr0 & (XCR0_SSE | XCR0_AVX)) == (XCR0_SSE | XCR0_AVX)) {
            mode |= JIT_MODE_AVX;
        }
    }
    return mode | (jit_x87_usable(cpu) && !(mode & JIT_MODE_SEGMENTS) ? JIT_MODE_X87 : 0);
}

static void flush(struct tcg_cpu *tc)
{
    struct tcg *t = tc->tcg;

    if (tc->cpu->exclusive) {
        tc->cpu->exclusive(tc->cpu, /* enter= */ true);
    }
    g_mutex_lock(&t->code_lock);
    if (!jit_has_room(t->jit)) { /* nobody else has done it meanwhile */
        jit_flush_locked(t->jit);
    }
    for (guint n = 0; n < t->cpus->len; n++) {
        struct x86_cpu *each = ((struct tcg_cpu *)g_ptr_array_index(t->cpus, n))->cpu;

        jit_jumps_flush(each);
        jit_names_flush(each);
    }
    g_mutex_unlock(&t->code_lock);
    if (tc->cpu->exclusive) {
        tc->cpu->exclusive(tc->cpu, /* enter= */ false);
    }
}

/* The page that the instruction at @la reaches into from @p; false: it is not RAM. May raise. */
static bool second_page(struct x86_cpu *cpu, const struct phys_page *p, uint64_t la, uint32_t mode,
                        struct phys_page *ret)
{
    unsigned offset = la & ~PAGE_MASK;
    struct x86_insn i;

    ret->host = NULL;
    if (offset <= PAGE_SIZE - X86_INSN_BYTES ||
        x86_decode(cpu->decoder, mode, p->host + offset, PAGE_SIZE - offset, &i) != DECODE_MORE) {
        return true;
    }
    return tcg_code_page(cpu, ((la | ~PAGE_MASK) + 1) & cpu->ea_mask, ret);
}

static bool watched(const struct phys_page *p)
{
    return !p->host || !ram_page_dirty(p->block, DIRTY_CODE, p->offset);
}

static struct jit_block *make(struct tcg_cpu *tc, uint64_t la, uint64_t rip, uint32_t mode,
                              const struct jit_recipe *recipe)
{
    struct x86_cpu *cpu = tc->cpu;
    struct tcg *t = tc->tcg;
    struct jit_block *b = NULL;
    struct phys_page p[2];

    if (!tcg_code_page(cpu, la, &p[0]) || !second_page(cpu, &p[0], la, mode, &p[1])) {
        return NULL;
    }
    if (!jit_has_room(t->jit)) {
        flush(tc);
    }
    for (bool done = false; !done;) {
        /* watched before it is read: a write from now on is noticed */
        tcg_watch_code(tc, &p[0]);
        if (p[1].host) {
            tcg_watch_code(tc, &p[1]);
        }
        g_mutex_lock(&t->code_lock);
        if (watched(&p[0]) && watched(&p[1])) {
            b = jit_lookup(t->jit, p[0].host + (la & ~PAGE_MASK), rip, mode, recipe);
            if (b && b->second != p[1].host) {
                jit_drop_locked(t->jit, b); /* of another process, perhaps */
                b = NULL;
            }
            if (!b && jit_has_room(t->jit)) {
                b = jit_make_locked(t->jit, cpu, p, la, rip, mode, recipe);
                tcg_note_lines_locked(t, p[0].block, p[0].offset);
                if (b && b->guard && !p[0].block->code_lines[p[0].offset >> PAGE_BITS]) {
                    ram_block_set_dirty(p[0].block, DIRTY_CODE, p[0].offset, PAGE_SIZE);
                }
                if (p[1].host) {
                    tcg_note_lines_locked(t, p[1].block, p[1].offset);
                }
            }
            done = true;
        }
        g_mutex_unlock(&t->code_lock);
    }
    return b;
}

/* Of the blocks there, the best one for entries with @recipe that there is already, or NULL. */
static struct jit_block *find_made(const struct jit *j, const uint8_t *host, uint64_t rip,
                                   uint32_t mode, const struct jit_recipe *recipe)
{
    struct jit_block *b = jit_lookup(j, host, rip, mode, &no_recipe);

    if (recipe->kind && (!b || __atomic_load_n(&b->wants_recipe, __ATOMIC_RELAXED))) {
        return jit_lookup(j, host, rip, mode, recipe);
    }
    return b;
}

/* The page behind that of @la. */
static uint64_t second_la(const struct x86_cpu *cpu, uint64_t la)
{
    return ((la | ~PAGE_MASK) + 1) & cpu->ea_mask;
}

/* Whether the page that @b at @la reaches into is still mapped there. May raise. */
static bool second_holds(struct x86_cpu *cpu, const struct jit_block *b, uint64_t la)
{
    return !b->second || tcg_code_host(cpu, second_la(cpu, la)) == b->second;
}

/* Tells the page checks of blocks that @id, called @rip by them, is at @la. */
static void set_name(struct x86_cpu *cpu, const struct jit_block *b, uint64_t la, uint64_t rip,
                     uint32_t id)
{
    struct x86_itlb *i = cpu->itlb_now;
    unsigned slot = itlb_slot(la), place = itlb_slot(rip);

    if (!jit_based(b->mode)) {
        __atomic_store_n(&i->id[slot], id, __ATOMIC_RELAXED);
        return;
    }
    if (i->moved_at[slot]) {
        i->moved[i->moved_at[slot] - 1] = 0;
    }
    i->moved_at[slot] = (uint16_t)(place + 1);
    i->moved[place] = id - jit_cpu_of(cpu)->base_key;
}

/* The way is free into @b, at @la. */
static void set_names(struct x86_cpu *cpu, const struct jit_block *b, uint64_t la)
{
    struct jit_cpu *jc = jit_cpu_of(cpu);

    if (jit_based(b->mode)) {
        jc->base = la - b->name;
        jc->base_key = jc->base << JIT_BASE_SHIFT;
    }
    set_name(cpu, b, la, b->name, b->page_id);
    if (b->second) {
        set_name(cpu, b, second_la(cpu, la), (b->name | ~PAGE_MASK) + 1, b->second_id);
    }
}

/*
 * The block at cpu->rip, or NULL. @variant: JIT_MODE_UNSHARED or 0. @rip: what it is to call that
 * if it is movable. @recipe: for the flags as they are now. May raise.
 */
static struct jit_block *find(struct tcg_cpu *tc, uint32_t variant, uint64_t rip,
                              const struct jit_recipe *recipe)
{
    struct x86_cpu *cpu = tc->cpu;
    uint32_t mode = jit_mode(cpu);
    struct jit_block *b;
    const uint8_t *host;
    uint64_t la;

    if (!mode || (cpu->mode & MODE_SLOW) || cpu->interrupt_shadow) {
        return NULL;
    }
    mode |= variant;
    cpu->start_rip = cpu->rip;
    if (!(mode & MODE_CODE64)) {
        cpu->rip = cpu->start_rip = (uint32_t)cpu->rip;
    } else if (!x86_is_canonical(cpu, cpu->rip)) {
        return NULL;
    }
    la = cpu->rip;
    if (jit_segmented(mode)) {
        la = (uint32_t)(la + cpu->seg_base[X86_CS]);
    }
    host = tcg_code_host(cpu, la);
    if (!host) {
        return NULL;
    }
    if ((mode & MODE_CODE64) && cpu->cpl == 3 && la >> 32 && !(la >> 47)) {
        mode |= JIT_MODE_MOVABLE;
    } else {
        rip = cpu->rip;
    }
    b = find_made(tc->tcg->jit, host, rip, mode, recipe);
    if (!b || !second_holds(cpu, b, la)) {
        b = make(tc, la, rip, mode, recipe);
        if (!b || !tcg_code_host(cpu, la) || !second_holds(cpu, b, la)) {
            return NULL;
        }
    }
    set_names(cpu, b, la);
    jit_jumps_mode(cpu, mode & ~JIT_MODE_VARIANTS);
    return b;
}

/* Whether jit_cpu.base is what code in segments takes it for. */
static bool base_holds(const struct x86_cpu *cpu, const struct jit_cpu *jc)
{
    return !jit_segmented(cpu->mode) || jc->base == (cpu->seg_base[X86_CS] & PAGE_MASK);
}

struct jit_block *jit_find(struct tcg_cpu *tc, const struct jit_recipe *recipe)
{
    return find(tc, 0, JIT_ANY_RIP, recipe);
}

/* For tests: execution from @b on is a path. */
static bool sampled_at_once(struct tcg_cpu *tc, const struct jit_block *b,
                            const struct jit_recipe *recipe)
{
    if (!tc->tcg->jit->sample_all || __atomic_load_n(&b->sampled, __ATOMIC_RELAXED)) {
        return false;
    }
    tc->left_rip = tc->cpu->rip;
    tc->left_recipe = *recipe;
    tc->sampled = true;
    x86_attention(tc->cpu);
    return true;
}

/* The checked entry of the block at cpu->rip, if an indirect jump would find it; else NULL. */
static const uint8_t *known_jump(struct x86_cpu *cpu)
{
    const struct jit_cpu *jc = jit_cpu_of(cpu);
    unsigned set = cpu->mode >> MODE_SET_SHIFT & 3, slot = jit_jump_slot(cpu->rip);
    const struct jit_jumps *t = &jc->jumps[set];

    return slot && t->neg[slot] == -cpu->rip && !(cpu->mode & MODE_SLOW) &&
                   !cpu->interrupt_shadow && jit_mode(cpu) == jc->jump_mode[set] &&
                   base_holds(cpu, jc)
               ? (const uint8_t *)(uintptr_t)t->code[slot]
               : NULL;
}

const uint8_t *jit_dispatch(struct x86_cpu *cpu)
{
    struct tcg_cpu *tc = tcg_of(cpu);
    struct jit *j = tc->tcg->jit;
    const uint8_t *known;
    struct jit_block *b;

    if (x86_disturbed(cpu) || tc->check) {
        return NULL;
    }
    known = known_jump(cpu);
    if (known) {
        flags_to_host(cpu);
        return known;
    }
    jit_cpu_of(cpu)->lookups++;
    b = find(tc, 0, JIT_ANY_RIP, &no_recipe);
    if (!b) {
        return NULL;
    }
    if (sampled_at_once(tc, b, &no_recipe)) {
        return NULL;
    }
    jit_note_jump(j, cpu, b);
    flags_to_host(cpu);
    return b->body + j->to_x;
}

const uint8_t *jit_jumped(struct x86_cpu *cpu, uint32_t unused)
{
    (void)unused;
    jit_flags_from_host(cpu);
    return jit_dispatch(cpu);
}

const uint8_t *jit_follow(struct x86_cpu *cpu, uint32_t exit)
{
    struct tcg_cpu *tc = tcg_of(cpu);
    struct jit *j = tc->tcg->jit;
    struct jit_exit *e = &j->exits[exit];
    uint64_t flushes = j->flushes;
    struct jit_block *b;

    cpu->rip = jit_guest_rip(cpu, e->from, e->target);
    jit_flags_from_host(cpu);
    if (tc->check) {
        check_left(tc->check, e);
    }
    if (x86_disturbed(cpu) || tc->check) {
        tc->left_rip = cpu->rip;
        tc->left_recipe = e->recipe;
        return NULL;
    }
    jit_cpu_of(cpu)->follows++;
    b = find(tc, e->unshared ? JIT_MODE_UNSHARED : 0,
             jit_movable(e->from) && jit_rip_fits(e->target) ? e->target : JIT_ANY_RIP, &e->recipe);
    if (!b) {
        return NULL;
    }
    if (!e->unshared && sampled_at_once(tc, b, &e->recipe)) {
        return NULL;
    }
    if (!e->patch) { /* by way of a block that is dead or was mapped elsewhere: no more of that */
        jit_note_jump(j, cpu, b);
    }
    if (e->patch && b->rip == e->target && flushes == j->flushes && !log_on(LOG_EXEC) &&
        !log_on(LOG_CPU)) {
        g_mutex_lock(&tc->tcg->code_lock);
        if (flushes == j->flushes) {
            jit_link_locked(e, b);
        }
        g_mutex_unlock(&tc->tcg->code_lock);
    }
    return b->body + j->to_x;
}

/* The instruction of a site in a block with a guard, as it is now; false: it is another one. */
static bool decoded_again(const struct x86_cpu *cpu, const struct jit_site *s, struct x86_insn *ret)
{
    uint8_t code[X86_INSN_BYTES];

    jit_guard_copy(s->block->host + s->insn.end - s->insn.len, s->insn.len, code);
    return x86_decode(cpu->decoder, cpu->mode, code, s->insn.len, ret) == DECODE_OK &&
           ret->len == s->insn.len && ret->row == s->insn.row;
}

const uint8_t *jit_slow(struct x86_cpu *cpu, uint32_t site)
{
    struct jit *j = tcg_of(cpu)->tcg->jit;
    const struct jit_site *s = &j->sites[site];
    struct jit_cpu *jc = jit_cpu_of(cpu);
    struct tcg_cpu *tc = tcg_of(cpu);
    uint64_t flushes = j->flushes;
    bool fpu = s->fpu;

    jc->slow++;
    if (fpu) {
        jit_fpu_save(cpu);
    }
    jit_flags_from_host(cpu);
    cpu->rip = jit_guest_rip(cpu, s->block, s->next);
    cpu->start_rip = cpu->rip - s->insn.len;
    if (!(cpu->mode & MODE_CODE64)) {
        cpu->start_rip = (uint32_t)cpu->start_rip;
    }
    if (tc->check && check_stops(tc->check, cpu->start_rip)) {
        cpu->rip = cpu->start_rip;
        return NULL;
    }
    /* a flush by another vCPU is possible while the instruction waits for the right to run alone */
    tc->slow_insn = s->insn;
    if (s->block->guard && !decoded_again(cpu, s, &tc->slow_insn)) {
        cpu->rip = cpu->start_rip;
        return jit_dispatch(cpu);
    }
    cpu->insn = &tc->slow_insn;
    x86_exec(cpu, cpu->insn);
    if (tc->check && s->followed) {
        tc->check->left = true;
    }
    if (cpu->insn_again) {
        cpu->insn_again = false;
        return jit_dispatch(cpu);
    }
    if (flushes != j->flushes || !s->after ||
        (__atomic_load_n(&s->block->dead, __ATOMIC_ACQUIRE) && !tc->check)) {
        return jit_dispatch(cpu);
    }
    if (fpu && jit_mode(cpu) !=
                   (s->block->mode & ~JIT_MODE_VARIANTS)) { /* exceptions were masked or unmasked */
        return jit_dispatch(cpu);
    }
    if (s->block->fpu) {
        jit_fpu_load(j, cpu);
    }
    cpu->interrupt_shadow = false; /* the instruction after STI follows at once */
    flags_to_host(cpu);
    jc->vec_want = s->block->vec;
    return j->w + s->after + j->to_x;
}

void jit_read_tsc(struct x86_cpu *cpu)
{
    uint64_t tsc = x86_tsc_read(cpu);

    cpu->gpr[X86_RAX] = (uint32_t)tsc;
    cpu->gpr[X86_RDX] = tsc >> 32;
}

void jit_enter(struct tcg_cpu *tc, const struct jit_block *b)
{
    struct jit *j = tc->tcg->jit;
    void (*enter)(const uint8_t *code) = (void (*)(const uint8_t *))(j->thunk.enter + j->to_x);

    flags_to_host(tc->cpu);
    enter(b->body + j->to_x);
}

bool jit_run(struct tcg_cpu *tc)
{
    struct jit_recipe recipe = no_recipe;
    uint32_t variant = tc->check ? check_variant(tc, &recipe) : 0;
    struct jit_block *b = find(tc, variant, JIT_ANY_RIP, &recipe);

    if (!b) {
        return false;
    }
    if (tc->check && !variant && sampled_at_once(tc, b, &recipe)) {
        return true;
    }
    if (tc->check) {
        check_run(tc, b);
    } else {
        jit_enter(tc, b);
    }
    return true;
}
