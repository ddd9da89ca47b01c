/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translating one block: decoding, flag liveness, and the order in which things are emitted.
 *
 * A block goes on behind conditional jumps that are not taken, so that what is known of flags
 * carries over. Exits and failed checks are emitted behind it.
 */
#include "accel/tcg/jit_translate.h"
#include "util/log.h"
#include <string.h>

#define BRANCHES_MAX 4 /* conditional jumps in one block */

/* Compilers use R11 last of the registers that calls change, R14 and R15 last of the others. */
const uint8_t jit_host_reg[16] = {
    [X86_RAX] = HOST_RAX,
    [X86_RCX] = 14,
    [X86_RDX] = HOST_RDX,
    [X86_RBX] = HOST_RBX,
    [X86_RSP] = HOST_R15,
    [X86_RBP] = HOST_RBP,
    [X86_RSI] = HOST_RSI,
    [X86_RDI] = HOST_RDI,
    [X86_R8] = HOST_R8,
    [X86_R8 + 1] = HOST_R9,
    [10] = HOST_R10,
    [11] = HOST_NONE,
    [12] = 12,
    [13] = 13,
    [14] = HOST_NONE,
    [X86_R15] = HOST_NONE,
};

uint8_t jit_held(const struct jit_tr *tr)
{
    return tr->held_at == tr->b.p ? tr->held : HOST_NONE;
}

void jit_get(struct jit_tr *tr, unsigned h, unsigned r)
{
    host_load(&tr->b, h, jit_held(tr) == r ? host_reg_rm(JIT_T0) : jit_gpr(r), 8);
}

void jit_put(struct jit_tr *tr, unsigned r, unsigned h)
{
    host_store(&tr->b, jit_gpr(r), h, 8);
    if (h == JIT_T0) {
        tr->held = (uint8_t)r;
        tr->held_at = tr->b.p;
    }
}

static bool movable(const struct jit_tr *tr)
{
    return tr->mode & JIT_MODE_MOVABLE;
}

/* dst = src + @add, without flags. */
static void add_far(struct host_buf *b, unsigned dst, unsigned src, int64_t add)
{
    do { /* once, but for code that is 2 GiB away from where it is called */
        int32_t part = (int32_t)MAX(MIN(add, INT32_MAX), INT32_MIN);

        host_lea(b, dst, host_mem(src, part), 8);
        src = dst;
        add -= part;
    } while (add);
}

void jit_rip(struct jit_tr *tr, unsigned h, uint64_t rip)
{
    if (!movable(tr)) {
        host_mov_imm(&tr->b, h, rip);
        return;
    }
    host_load(&tr->b, h, host_state(X86_ENGINE_OFFSET + offsetof(struct jit_cpu, base)), 8);
    add_far(&tr->b, h, h, (int64_t)rip);
}

static uint32_t cache_offset(const struct jit_tr *tr, const uint8_t *w)
{
    return (uint32_t)(w - tr->jit->w);
}

/* Sites, exits and their stubs. */

struct jit_stub *jit_new_stub(struct jit_tr *tr)
{
    struct jit_stub *s = &tr->stubs[tr->stub_count++];

    *s = (struct jit_stub){0};
    return s;
}

void jit_stub_from(struct jit_stub *s, uint8_t *at)
{
    for (unsigned n = 0; n < ARRAY_SIZE(s->from); n++) {
        if (!s->from[n]) {
            s->from[n] = at;
            return;
        }
    }
}

static struct jit_site *site_of_current(struct jit_tr *tr)
{
    struct jit *j = tr->jit;

    if (!tr->site) {
        tr->site = &j->sites[j->site_count++];
        *tr->site = (struct jit_site){.block = tr->block,
                                      .next = tr->next,
                                      .insn = tr->insn[tr->cur],
                                      .fpu = jit_touches_fpu(insn_row(&tr->insn[tr->cur]))};
    }
    return tr->site;
}

struct jit_stub *jit_site_stub(struct jit_tr *tr)
{
    if (!tr->site_stub) {
        site_of_current(tr);
        tr->site_stub = jit_new_stub(tr);
        tr->site_stub->id = (uint32_t)(tr->site - tr->jit->sites);
        tr->site_stub->redo_flags = !tr->valid;
        tr->site_stub->recipe = tr->recipe;
    }
    return tr->site_stub;
}

static void jump_to_thunk(struct host_buf *b, uint32_t ecx, const uint8_t *thunk)
{
    host_mov_imm(b, HOST_RCX, ecx);
    host_link(host_jmp(b), thunk);
}

void jit_call(struct jit_tr *tr, bool leaves)
{
    struct jit_site *s;

    jit_need_flags(tr);
    s = site_of_current(tr);
    jump_to_thunk(&tr->b, (uint32_t)(s - tr->jit->sites), tr->jit->thunk.slow);
    if (leaves) {
        tr->ended = true;
    }
}

static struct jit_exit *new_exit(struct jit_tr *tr, uint64_t target)
{
    struct jit *j = tr->jit;
    struct jit_exit *e = &j->exits[j->exit_count++];

    *e = (struct jit_exit){.from = tr->block, .target = target};
    return e;
}

void jit_exit_to(struct jit_tr *tr, uint64_t target, int cond)
{
    struct jit_exit *e;
    struct jit_stub *s;
    bool back = target < tr->next || tr->after_sti;
    uint8_t *skip = NULL;

    jit_need_flags(tr);
    e = new_exit(tr, target);
    if ((!tr->incoming || tr->block->wants_recipe) && /* else it may be one for all entries */
        tr->recipe.a < JIT_WAS && tr->recipe.b < JIT_WAS) {
        e->recipe = tr->recipe;
    }
    s = jit_new_stub(tr);
    s->id = (uint32_t)(e - tr->jit->exits);
    s->is_exit = true;
    if (cond >= 0 && !back) {
        e->patch = host_jcc(&tr->b, (unsigned)cond);
        jit_stub_from(s, e->patch);
        return;
    }
    if (cond >= 0) {
        host_u8(&tr->b, 0x70 | (cond ^ 1));
        skip = tr->b.p++;
    }
    if (back) { /* every loop has such a jump: here it can be interrupted */
        host_load(&tr->b, JIT_T1, host_state(offsetof(struct x86_cpu, undisturbed)), 4);
        host_jrcxz(&tr->b, 5);
    }
    e->patch = host_jmp(&tr->b);
    if (back) {
        jit_stub_from(s, host_jmp(&tr->b));
    }
    jit_stub_from(s, e->patch);
    if (skip) {
        *skip = (uint8_t)(tr->b.p - (skip + 1));
    } else {
        tr->ended = true;
    }
}

/* T1 = jit_jump_slot(T0); 0, of an entry without target, when the CPU has requests to look at. */
static void jump_slot(struct host_buf *b)
{
    host_rorx(b, JIT_T1, JIT_T0, JIT_JUMP_FOLD);
    host_lea(b, JIT_T1, host_mem_sib(JIT_T1, JIT_T0, 0, 0), 8);
    host_pext(b, JIT_T1, JIT_T1, host_state(offsetof(struct x86_cpu, undisturbed)));
}

void jit_exit_if_disturbed(struct jit_tr *tr, uint64_t target)
{
    struct jit_stub *s = jit_new_stub(tr);

    jit_need_flags(tr);
    s->is_exit = true;
    s->id = (uint32_t)(new_exit(tr, target) - tr->jit->exits);
    host_load(&tr->b, JIT_T1, host_state(offsetof(struct x86_cpu, undisturbed)), 4);
    host_jrcxz(&tr->b, 2);
    host_u8(&tr->b, 0xeb); /* jmp over the next */
    host_u8(&tr->b, 5);
    jit_stub_from(s, host_jmp(&tr->b));
}

void jit_jump_t0(struct jit_tr *tr, void (*commit)(struct jit_tr *tr, const struct x86_insn *i))
{
    struct host_buf *b = &tr->b;
    unsigned set = tr->mode >> MODE_SET_SHIFT & 3;
    size_t jumps =
        X86_ENGINE_OFFSET + offsetof(struct jit_cpu, jumps[0]) + set * sizeof(struct jit_jumps);
    struct host_rm code = host_state_index(JIT_T1, jumps + offsetof(struct jit_jumps, code));

    jump_slot(b);
    host_load(b, JIT_T1, host_state_index(JIT_T1, jumps + offsetof(struct jit_jumps, neg)), 8);
    host_lea(b, JIT_T1, host_mem_sib(JIT_T1, JIT_T0, 0, 0), 8);
    host_jrcxz(b, 5);
    jit_stub_from(jit_site_stub(tr), host_jmp(b));
    commit(tr, &tr->insn[tr->cur]);
    jump_slot(b);
    host_op(b, 0, 0xff, 4, &code);
    tr->ended = true;
}

struct jit_stub *jit_unshared_stub(struct jit_tr *tr)
{
    uint64_t target = tr->next - tr->insn[tr->cur].len;
    struct jit_exit *e = new_exit(tr, tr->flat32 ? (uint32_t)target : target);
    struct jit_stub *s = jit_new_stub(tr);

    e->unshared = true;
    s->id = (uint32_t)(e - tr->jit->exits);
    s->is_exit = s->unshared = true;
    return s;
}

struct jit_stub *jit_restart_stub(struct jit_tr *tr)
{
    uint64_t target = tr->next - tr->insn[tr->cur].len;
    struct jit_exit *e = new_exit(tr, tr->flat32 ? (uint32_t)target : target);
    struct jit_stub *s = jit_new_stub(tr);

    s->id = (uint32_t)(e - tr->jit->exits);
    s->is_exit = true;
    s->redo_flags = !tr->valid;
    s->recipe = tr->recipe;
    return s;
}

/* A write that failed its check: on a page with code, but not to code, it goes on. */
static void emit_code_page_stub(struct jit_tr *tr, struct jit_stub *s)
{
    struct host_buf *b = &tr->b;
    unsigned set = tr->mode >> MODE_SET_SHIFT & 3;
    uint8_t *ok;

    for (unsigned k = 0; k < ARRAY_SIZE(s->from) && s->from[k]; k++) {
        host_link(s->from[k], b->p);
    }
    if (s->add_back) {
        host_alu(b, HALU_SUB, JIT_T0,
                 host_state_index(JIT_T1, X86_TLB_OFFSET + offsetof(struct x86_tlb, d[0]) +
                                              set * sizeof(struct x86_dtlb) +
                                              offsetof(struct x86_dtlb, wneg)),
                 8);
    } else if (s->constant) {
        host_mov_imm(b, JIT_T0, s->address);
    } else {
        host_lea(b, JIT_T0, s->la, 8);
    }
    host_mov_imm(b, JIT_T1, s->bytes - 1);
    host_call(b, tr->jit->thunk.code_page[set]);
    ok = host_jmp(b);
    jit_stub_from(s->slow, host_jmp(b));
    host_link(ok, b->p);
    if (s->constant) {
        host_lea(b, JIT_T1, host_mem_sib(JIT_T0, JIT_T1, 0, -(int32_t)(s->address & ~PAGE_MASK)),
                 8);
    }
    host_link(host_jmp(b), s->back);
}

static void emit_stubs(struct jit_tr *tr)
{
    for (unsigned n = 0; n < tr->stub_count; n++) {
        if (tr->stubs[n].range) {
            jit_emit_range_stub(tr, &tr->stubs[n]);
        }
    }
    for (unsigned n = 0; n < tr->stub_count; n++) {
        if (tr->stubs[n].code_page) {
            emit_code_page_stub(tr, &tr->stubs[n]);
        }
    }
    for (unsigned n = 0; n < tr->stub_count; n++) {
        struct jit_stub *s = &tr->stubs[n];

        if (s->code_page || s->range) {
            continue;
        }
        for (unsigned k = 0; k < ARRAY_SIZE(s->from) && s->from[k]; k++) {
            host_link(s->from[k], tr->b.p);
        }
        if (s->redo_flags) {
            jit_emit_recipe(&tr->b, &s->recipe);
        } else if (s->load_flags) {
            jit_load_flags(&tr->b);
        }
        if (s->unshared) {
            tr->jit->exits[s->id].patch = host_jmp(&tr->b);
            host_link(tr->b.p - 4, tr->b.p);
        }
        if (s->is_exit) {
            tr->jit->exits[s->id].stub = tr->b.p;
        }
        jump_to_thunk(&tr->b, s->id, s->is_exit ? tr->jit->thunk.follow : tr->jit->thunk.slow);
    }
}

/* Planning. */

static void find_plan(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    const struct x86_row *row = insn_row(i);

    *plan = (struct jit_plan){0};
    if (row->needs & CPL0 ? !jit_plan_system(tr, i, plan)
                          : !(jit_plan_segment(tr, i, plan) || jit_plan_int(tr, i, plan) ||
                              jit_plan_flow(tr, i, plan) || jit_plan_string(tr, i, plan) ||
                              jit_plan_system(tr, i, plan) || jit_plan_simd(tr, i, plan) ||
                              jit_plan_x87(tr, i, plan))) {
        *plan = (struct jit_plan){
            .call = true, .reads_flags = true, .writes_flags = true, .writes = 0xffff};
    }
}

static bool ends_block(const struct x86_insn *i)
{
    const struct x86_row *row = insn_row(i);

    return (row->needs & ENDS) && row->op != OP_JCC;
}

/* Whether flags are needed behind each instruction, or only by its faults. They leave the block. */
static void find_live(struct jit_tr *tr, const struct jit_plan *plans)
{
    bool live = true, shown = false;

    for (unsigned n = tr->count; n-- > 0;) {
        if (insn_row(&tr->insn[n])->op == OP_JCC || (tr->followed >> n & 1)) {
            live = true;
        }
        tr->live_out[n] = live;
        tr->fault_out[n] = shown || live;
        shown = plans[n].memory || plans[n].call || (shown && !plans[n].writes_all);
        live = plans[n].reads_flags || (live && !plans[n].writes_all);
    }
}

/* What of the host's the block needs to hold the guest's. */
static void find_units(struct jit_block *blk, const struct jit_plan *plans, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        blk->vec |= plans[n].vec;
        blk->fpu |= plans[n].fpu;
    }
}

/* Decodes up to the end of the block; false: not even one instruction. */
static bool decode(struct jit_tr *tr, const uint8_t *code, unsigned avail, unsigned max)
{
    unsigned at = 0, branches = 0;
    uint64_t end = tr->segmented && !(tr->mode & MODE_CODE32) ? 0x10000 : UINT64_MAX;
    bool sti = false;

    while (tr->count < max && at < avail && !tr->after_sti) {
        struct x86_insn *i = &tr->insn[tr->count];

        if (x86_decode(tr->cpu->decoder, tr->mode, code + at, avail - at, i) != DECODE_OK ||
            tr->block->rip + at + i->len > end) {
            break;
        }
        at += i->len;
        i->end = (uint16_t)at;
        tr->count++;
        tr->after_sti = sti;
        sti = insn_row(i)->op == OP_STI;
        if (ends_block(i) || (insn_row(i)->op == OP_JCC && ++branches == BRANCHES_MAX)) {
            break;
        }
    }
    tr->block->bytes = (uint16_t)at;
    tr->block->count = (uint16_t)tr->count;
    return tr->count > 0;
}

/* RIP behind instruction @n. Superblocks may lie before their first instruction. */
static uint64_t next_of(const struct jit_tr *tr, unsigned n)
{
    uint64_t next = tr->block->rip + (uint64_t)(int16_t)tr->insn[n].end;

    return tr->flat32 ? (uint32_t)next : next;
}

/* Keeps tr->valid and tr->recipe true around the instruction. */
static void emit_insn(struct jit_tr *tr, const struct jit_plan *plan)
{
    const struct x86_insn *i = &tr->insn[tr->cur];
    bool kills = jit_recipe_uses(&tr->recipe, plan->writes);

    tr->next = next_of(tr, tr->cur);
    tr->site = NULL;
    tr->site_stub = NULL;
    if (plan->call) {
        jit_call(tr, ends_block(i) || (insn_row(i)->op == OP_STI && tr->cur + 1 == tr->count));
        tr->valid = true;
        tr->recipe.kind = RECIPE_NONE;
    } else {
        bool lost = kills && !plan->writes_all;

        if (lost && tr->fault_out[tr->cur] && !tr->live_out[tr->cur] && !plan->reads_flags &&
            !plan->writes_flags) { /* a fault may show them, nobody else */
            jit_keep_operands(tr, plan->writes);
            tr->block->wants_recipe |= tr->incoming;
            lost = false;
        }
        if (tr->recipe.kind &&
            ((plan->reads_flags && plan->memory) || (lost && tr->fault_out[tr->cur]))) {
            jit_need_flags(tr);
            tr->recipe.kind = RECIPE_NONE;
        } else if (plan->reads_flags) {
            jit_need_flags(tr);
        }
        plan->emit(tr, i);
        if (plan->writes_all) {
            tr->valid = true;
            tr->recipe = tr->varies >> tr->cur & 1 ? (struct jit_recipe){.kind = RECIPE_NONE}
                                                   : jit_recipe_of(i);
        } else if (plan->writes_flags || lost) {
            tr->recipe.kind = RECIPE_NONE;
        } else if (tr->live_out[tr->cur] && !tr->ended) {
            jit_need_flags(tr);
        }
    }
    if (plan->call || plan->writes_flags || kills) {
        tr->incoming = false;
    }
    if (tr->site) {
        tr->kept = -1; /* T1 is lost when the block goes on behind it */
    }
    if (tr->site && (tr->followed >> tr->cur & 1)) {
        tr->site->followed = true;
    } else if (tr->site && !tr->ended) {
        tr->site->after = cache_offset(tr, tr->b.p);
        tr->held_at = NULL; /* from there it comes with another T0 */
    }
}

/* Goes on only if the page of @rip is mapped as it was, else jumps to @miss. */
static void check_page(struct jit_tr *tr, uint64_t rip, uint32_t id, struct jit_exit *miss)
{
    struct host_buf *b = &tr->b;
    size_t itlb = X86_TLB_OFFSET + offsetof(struct x86_tlb, i[0]) +
                  (tr->mode >> MODE_SET_SHIFT & 3) * sizeof(struct x86_itlb);
    size_t slot = itlb_slot(rip);

    if (jit_based(tr->mode)) {
        host_load(b, JIT_T1, host_state(itlb + offsetof(struct x86_itlb, moved) + 8 * slot), 8);
        host_load(b, JIT_T0, host_state(X86_ENGINE_OFFSET + offsetof(struct jit_cpu, base_key)), 8);
        host_lea(b, JIT_T1, host_mem_sib(JIT_T1, JIT_T0, 0, -(int32_t)id), 8);
    } else {
        host_load(b, JIT_T1, host_state(itlb + offsetof(struct x86_itlb, id) + 4 * slot), 4);
        host_lea(b, JIT_T1, host_mem(JIT_T1, -(int32_t)id), 4);
    }
    host_jrcxz(b, 10);
    miss->stub = b->p;
    jump_to_thunk(b, (uint32_t)(miss - tr->jit->exits), tr->jit->thunk.follow);
}

/* Sets jit_cpu.base for the movable block at T0. */
static void emit_move(struct jit_tr *tr)
{
    struct host_buf *b = &tr->b;

    add_far(b, JIT_T1, JIT_T0, -(int64_t)tr->block->rip);
    host_store(b, host_state(X86_ENGINE_OFFSET + offsetof(struct jit_cpu, base)), JIT_T1, 8);
    host_rorx(b, JIT_T1, JIT_T1, 64 - JIT_BASE_SHIFT);
    host_store(b, host_state(X86_ENGINE_OFFSET + offsetof(struct jit_cpu, base_key)), JIT_T1, 8);
    while ((uintptr_t)b->p & 15) {
        host_u8(b, 0x90);
    }
}

/* The three entries. */
static void emit_entry(struct jit_tr *tr)
{
    struct host_buf *b = &tr->b;
    struct jit_block *blk = tr->block;
    struct jit_exit *miss = new_exit(tr, blk->rip);

    if (tr->guarded) {
        blk->guard = jit_guard_place(tr);
    }
    while ((uintptr_t)b->p & 15) {
        host_u8(b, 0xcc);
    }
    blk->jump = b->p;
    if (movable(tr)) {
        emit_move(tr);
    }
    blk->code = b->p;
    blk->first_exit = (uint32_t)(miss - tr->jit->exits);
    check_page(tr, blk->name, blk->page_id, miss);
    blk->body = b->p;
    if (blk->second) {
        check_page(tr, blk->name + blk->bytes - 1, blk->second_id, new_exit(tr, blk->rip));
    }
    if (blk->guard) {
        jit_emit_guard(tr, miss->stub);
    }
    if (blk->guard && tr->cpu->alone && !jit_writes_memory(tr, &tr->insn[tr->count - 1])) {
        blk->inner = b->p;
    }
    if (blk->vec) {
        host_load(b, JIT_T1, host_state(X86_ENGINE_OFFSET + offsetof(struct jit_cpu, vec_off)), 4);
        host_jrcxz(b, 5);
        host_call(b, tr->jit->thunk.vec_load);
    }
    if (blk->fpu) {
        jit_emit_fpu_check(tr);
    }
    blk->loaded = b->p;
}

static struct jit_tr *begin(struct jit *j, struct x86_cpu *cpu, struct jit_block *blk,
                            const uint8_t *code)
{
    struct jit_tr *tr = j->tr;

    memset(tr, 0, offsetof(struct jit_tr, insn));
    tr->jit = j;
    tr->cpu = cpu;
    tr->block = blk;
    tr->code = code;
    tr->mode = blk->mode;
    tr->flat32 = !(blk->mode & MODE_CODE64);
    tr->segmented = jit_segmented(blk->mode);
    tr->valid = tr->incoming = true;
    tr->recipe = blk->recipe;
    tr->kept = -1;
    tr->b.p = j->w + j->used;
    return tr;
}

static void plan_all(struct jit_tr *tr, struct jit_plan *plans)
{
    for (unsigned n = 0; n < tr->count; n++) {
        tr->cur = n;
        tr->next = next_of(tr, n);
        find_plan(tr, &tr->insn[n], &plans[n]);
        if (tr->varies >> n & 1) {
            jit_guard_plan(&tr->insn[n], &plans[n]);
        }
        if (tr->followed >> n & 1) {
            jit_path_plan(&tr->insn[n], &plans[n]);
        }
    }
    if (tr->guesses) {
        plans[tr->count - 1].emit = jit_emit_guessed;
    }
}

/* Emits the decoded instructions; false: there is nothing in them that being hot is good for. */
static bool emit(struct jit_tr *tr)
{
    bool logs = log_on(LOG_IN_ASM) || log_on(LOG_OP) || log_on(LOG_OUT_ASM);
    struct jit_plan plans[JIT_BLOCK_INSNS];
    struct jit_block *blk = tr->block;

    plan_all(tr, plans);
    find_live(tr, plans);
    find_units(blk, plans, tr->count);
    if ((blk->mode & JIT_MODE_UNSHARED) || tr->segmented) {
        memset(tr->member, -1, tr->count * sizeof(tr->member[0]));
    } else {
        jit_find_groups(tr, plans);
    }
    memset(tr->chased, 0, tr->count * sizeof(tr->chased[0]));
    if (tr->hot && !jit_find_chased(tr, plans) && !tr->followed && !tr->guesses && blk->sampled) {
        return false;
    }
    emit_entry(tr);
    for (unsigned n = 0; n < tr->count; n++) {
        tr->cur = n;
        tr->at[n] = tr->b.p;
        if (logs) {
            tr->had[n] = tr->recipe;
        }
        emit_insn(tr, &plans[n]);
    }
    if (!tr->ended) {
        jit_exit_to(tr, tr->next, -1);
    }
    tr->at[tr->count] = tr->b.p;
    emit_stubs(tr);
    blk->code_bytes = (uint32_t)(tr->b.p - blk->code);
    tr->jit->used = (size_t)(tr->b.p - tr->jit->w);
    if (logs) {
        jit_log_block(tr, plans);
    }
    return true;
}

bool jit_translate(struct jit *j, struct x86_cpu *cpu, struct jit_block *blk, const uint8_t *code,
                   unsigned avail, unsigned max)
{
    struct jit_tr *tr = begin(j, cpu, blk, code);

    if (!decode(tr, code, avail, max)) {
        return false;
    }
    tr->guarded = jit_guard_decoded(tr, blk->beside);
    tr->hot = j->all_hot;
    return emit(tr);
}

bool jit_translate_path(struct jit *j, struct x86_cpu *cpu, struct jit_block *blk,
                        const uint8_t *code, const struct jit_path *path)
{
    struct jit_tr *tr = begin(j, cpu, blk, code);

    jit_path_decode(tr, path);
    tr->hot = true;
    return tr->count && emit(tr);
}
