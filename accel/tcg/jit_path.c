/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Superblocks: hot code translated once more, along the way that execution takes.
 *
 * A thread samples: now and then it sets tc->sampled of each running vCPU and asks for attention.
 * The vCPU leaves translated code where it can be interrupted, at the head of a loop or the target
 * of an indirect jump. What it executes next, until it is there again or leaves the page, is done
 * by the interpreter and noted: the path. The block at its beginning is then translated anew, with
 * the jumps, calls and returns of the path taken out or turned into guesses that leave the block
 * when they are wrong; so is the target of an indirect jump at its end. Registers, groups of memory
 * operands and what is known of flags carry over.
 *
 * Such code is also given what is good for loops and too much code elsewhere (jit_tr.hot): then a
 * path that goes straight on is translated again too.
 *
 * P1  A path lies in one page: the block's page check covers it.
 * P2  Whatever the path, the block is right: decoding follows it only where the code may go there,
 *     and every guess is checked.
 * P3  Where a path goes backwards, requests are looked at, as at the end of a block.
 */
#include "accel/tcg/jit_translate.h"
#include "target/i386/step.h"
#include <string.h>

/* Microseconds between samples: the more seldom, the longer they have found nothing new. */
#define SAMPLE_MIN 500
#define SAMPLE_MAX 5000

/* Whether @i may be followed where it goes; its emitter is replaced by one that stays. */
static bool can_follow(const struct jit_tr *tr, const struct x86_insn *i)
{
    struct jit_plan plan;

    switch (insn_row(i)->op) {
    case OP_JCC:
    case OP_JMP:
    case OP_CALL:
    case OP_RET:
        return jit_plan_flow(tr, i, &plan);
    default:
        return false;
    }
}

/* Whether @i, whose end is at offset @end of its page, can be followed by what is at @to. */
static bool leads_to(const struct jit_tr *tr, const struct x86_insn *i, unsigned end, unsigned to)
{
    unsigned op = insn_row(i)->op;

    if (op == OP_RET) {
        return can_follow(tr, i);
    }
    if (op == OP_JMP || op == OP_CALL || (op == OP_JCC && to != end)) {
        return end + i->imm == to && can_follow(tr, i);
    }
    return to == end && (op == OP_JCC || !(insn_row(i)->needs & ENDS));
}

/* Whether @i, the path's last instruction, is an indirect jump that is translated. */
static bool can_guess(const struct jit_tr *tr, const struct x86_insn *i)
{
    struct jit_plan plan;

    switch (insn_row(i)->op) {
    case OP_RET:
    case OP_JMP_IND:
    case OP_CALL_IND:
        return jit_plan_flow(tr, i, &plan);
    default:
        return false;
    }
}

void jit_path_decode(struct jit_tr *tr, const struct jit_path *path)
{
    unsigned start = path->at[0];
    const uint8_t *page = tr->code - start;

    while (tr->count < path->count) {
        struct x86_insn *i = &tr->insn[tr->count];
        unsigned at = path->at[tr->count];

        if (x86_decode(tr->cpu->decoder, tr->mode, page + at, PAGE_SIZE - at, i) != DECODE_OK ||
            insn_row(i)->op == OP_STI) {
            break;
        }
        i->end = (uint16_t)(at + i->len - start);
        tr->count++;
        if (tr->count == path->count || !leads_to(tr, i, at + i->len, path->at[tr->count])) {
            break;
        }
        if ((insn_row(i)->needs & ENDS) &&
            (insn_row(i)->op != OP_JCC || path->at[tr->count] != at + i->len)) {
            tr->followed |= 1ULL << (tr->count - 1);
        }
    }
    if (!tr->count) {
        return;
    }
    tr->followed &= (1ULL << (tr->count - 1)) - 1; /* the last one leaves as ever */
    tr->guesses =
        path->has_next && tr->count == path->count && can_guess(tr, &tr->insn[tr->count - 1]);
    tr->guess = tr->flat32 ? (uint32_t)path->next : path->next;
    tr->block->bytes = tr->insn[0].len;
    tr->block->count = (uint16_t)tr->count;
}

/* The RIP that the path goes on at behind the current instruction. */
static uint64_t path_next(const struct jit_tr *tr)
{
    const struct x86_insn *i = &tr->insn[tr->cur + 1];
    uint64_t rip = tr->block->rip + (uint64_t)(int16_t)i->end - i->len;

    return tr->flat32 ? (uint32_t)rip : rip;
}

/* P3 */
static void look_at_requests(struct jit_tr *tr)
{
    if (path_next(tr) < tr->next) {
        jit_exit_if_disturbed(tr, path_next(tr));
    }
}

static void emit_jcc(struct jit_tr *tr, const struct x86_insn *i)
{
    jit_exit_to(tr, tr->next, i->cond ^ 1);
    look_at_requests(tr);
}

static void emit_jmp(struct jit_tr *tr, const struct x86_insn *i)
{
    (void)i;
    look_at_requests(tr);
}

static void emit_call(struct jit_tr *tr, const struct x86_insn *i)
{
    jit_emit_push_next(tr, i);
    look_at_requests(tr);
}

static void emit_ret(struct jit_tr *tr, const struct x86_insn *i)
{
    uint8_t *as_guessed = jit_emit_ret_guess(tr, i, path_next(tr));

    tr->ended = false;
    *as_guessed = (uint8_t)(tr->b.p - (as_guessed + 1));
    jit_emit_ret_commit(tr, i);
    look_at_requests(tr);
}

void jit_path_plan(const struct x86_insn *i, struct jit_plan *plan)
{
    switch (insn_row(i)->op) {
    case OP_JCC:
        plan->emit = emit_jcc;
        break;
    case OP_JMP:
        plan->emit = emit_jmp;
        break;
    case OP_CALL:
        plan->emit = emit_call;
        break;
    default:
        plan->emit = emit_ret;
        break;
    }
}

struct jit_spans *jit_path_spans(const struct jit_tr *tr)
{
    struct jit_spans *s = g_malloc(sizeof(*s) + tr->count * sizeof(s->span[0]));
    unsigned start = (uintptr_t)tr->block->host & ~PAGE_MASK;

    s->count = 0;
    for (unsigned n = 0; n < tr->count; n++) {
        unsigned to = (start + tr->insn[n].end) & 0xffff, from = to - tr->insn[n].len;

        if (n && s->span[s->count - 1].to == from) {
            s->span[s->count - 1].to = (uint16_t)to;
        } else {
            s->span[s->count++] = (struct jit_span){.from = (uint16_t)from, .to = (uint16_t)to};
        }
    }
    return s;
}

bool jit_spans_hit(const struct jit_spans *s, unsigned offset, unsigned len)
{
    for (unsigned n = 0; n < s->count; n++) {
        if (s->span[n].from < offset + len && offset < s->span[n].to) {
            return true;
        }
    }
    return false;
}

/* ---- sampling ---------------------------------------------------------------------------- */

/* Executes the path from cpu->rip and notes it. May raise. */
static void record(struct tcg_cpu *tc, struct jit_path *path)
{
    struct x86_cpu *cpu = tc->cpu;
    uint64_t page = cpu->rip & PAGE_MASK, head = cpu->rip;
    uint32_t mode = cpu->mode;

    path->count = 0;
    do {
        for (unsigned n = 0; n < path->count; n++) {
            if (path->at[n] == (cpu->rip & ~PAGE_MASK)) {
                return; /* a loop within the path, or a string instruction */
            }
        }
        path->at[path->count++] = (uint16_t)(cpu->rip & ~PAGE_MASK);
        x86_step_one(cpu);
    } while (path->count < JIT_BLOCK_INSNS && cpu->rip != head && (cpu->rip & PAGE_MASK) == page &&
             cpu->mode == mode && !cpu->interrupt_shadow && !cpu->insn_again &&
             !x86_disturbed(cpu));
}

void jit_path_sample(struct tcg_cpu *tc)
{
    struct jit *j = tc->tcg->jit;
    uint64_t flushes = j->flushes, base;
    struct jit_recipe recipe = {0};
    struct jit_path path;
    struct jit_block *b, *to;

    if (tc->left_rip == tc->cpu->rip) {
        recipe = tc->left_recipe;
    }
    b = jit_find(tc, &recipe);
    if (!b || __atomic_exchange_n(&b->sampled, true, __ATOMIC_RELAXED) || b->guard || b->second ||
        jit_segmented(b->mode)) {
        return;
    }
    base = tc->cpu->rip - b->rip;
    record(tc, &path);
    path.next = tc->cpu->rip - base;
    to = jit_find(tc, &(struct jit_recipe){0});
    path.has_next = to && jit_movable(to) == jit_movable(b) && to->rip == path.next;
    if (flushes == j->flushes) {
        g_mutex_lock(&tc->tcg->code_lock);
        if (flushes == j->flushes && jit_follow_path_locked(j, tc->cpu, b, &recipe, &path)) {
            __atomic_store_n(&j->sample_wait, SAMPLE_MIN, __ATOMIC_RELAXED);
        }
        g_mutex_unlock(&tc->tcg->code_lock);
    }
}

/* Asks all vCPUs that are in guest code; false: there is none. */
static bool sample_all_locked(struct tcg *t)
{
    bool any = false;

    for (guint n = 0; n < t->cpus->len; n++) {
        struct tcg_cpu *tc = g_ptr_array_index(t->cpus, n);

        if (__atomic_load_n(&tc->thread, __ATOMIC_SEQ_CST)) {
            __atomic_store_n(&tc->sampled, true, __ATOMIC_RELAXED);
            x86_attention(tc->cpu);
            any = true;
        }
    }
    return any;
}

static void *sampler(void *opaque)
{
    struct jit *j = opaque;
    struct tcg *t = j->tcg;

    g_mutex_lock(&t->code_lock);
    while (!j->leaving) {
        uint64_t wait = __atomic_load_n(&j->sample_wait, __ATOMIC_RELAXED);

        g_cond_wait_until(&j->changed, &t->code_lock, g_get_monotonic_time() + (gint64)wait);
        __atomic_store_n(&j->sampler_rests, true, __ATOMIC_SEQ_CST);
        if (!j->leaving && !sample_all_locked(t)) { /* nobody to ask: an idle guest costs nothing */
            g_cond_wait(&j->changed, &t->code_lock);
        }
        __atomic_store_n(&j->sampler_rests, false, __ATOMIC_RELAXED);
        __atomic_store_n(&j->sample_wait, MIN(wait + wait / 8, SAMPLE_MAX), __ATOMIC_RELAXED);
    }
    g_mutex_unlock(&t->code_lock);
    return NULL;
}

void jit_sampler_wake(struct jit *j)
{
    if (__atomic_load_n(&j->sampler_rests, __ATOMIC_SEQ_CST)) {
        g_mutex_lock(&j->tcg->code_lock);
        g_cond_signal(&j->changed);
        g_mutex_unlock(&j->tcg->code_lock);
    }
}

void jit_sampler_start(struct jit *j)
{
    if (j->sampler) {
        return;
    }
    j->sample_all = j->all_hot = j->tcg->superblocks == TCG_SUPERBLOCKS_ALL;
    g_cond_init(&j->changed);
    j->sample_wait = SAMPLE_MIN;
    j->sampler = g_thread_new("sampler", sampler, j);
}

void jit_sampler_stop(struct jit *j)
{
    if (j->sampler) {
        g_mutex_lock(&j->tcg->code_lock);
        j->leaving = true;
        g_cond_signal(&j->changed);
        g_mutex_unlock(&j->tcg->code_lock);
        g_thread_join(j->sampler);
        g_cond_clear(&j->changed);
    }
}
