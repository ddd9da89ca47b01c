/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks whose constants change: they need not be told of writes to their code.
 *
 * A program that patches one instruction again and again would have its block die each time. After
 * a few times that a block came back with the same instructions, but for constants, it is
 * translated with a guard: at its entry it compares its guest bytes with those it was made of, and
 * the immediates that tend to be patched are read when they are needed. Such a block is in no list
 * of its page, so writes to it are like any other write. With several CPUs each write to a page
 * with other blocks goes through C; so blocks of pages that are often written to beside them get
 * guards too.
 *
 * G1  A block with a guard ends behind the first instruction that may write memory: the rest of its
 *     code may have changed. (When check=on, before it.)
 * G2  With one CPU, a loop within one block does not compare again, if the block writes no memory.
 *     What a device writes into code that is running has no time at which it is seen.
 * G3  Where another CPU may write meanwhile, an instruction whose immediate varies is compared once
 *     more when it is executed, and its immediate taken from the same eight bytes: a store that
 *     changes both is seen as a whole or not at all. Of what does not vary the old form may still
 *     be executed until the block ends, as a processor would that has fetched it. (With check=on
 *     and several CPUs there are no guards: the two runs would see different code.)
 * G4  A site in such a block is decoded again when it is left to the interpreter.
 * G5  Look-ups pass over blocks whose code differs; when a new one is made they are dropped.
 */
#include "accel/tcg/jit_translate.h"
#include <string.h>

#define GUARD_BYTES (8 * JIT_GUARD_CHUNKS) /* longer blocks are cut */
#define GUARD_AFTER 8                      /* deaths, after which the same instructions came back */

/* The history of code at one host address. */
struct jit_past {
    const uint8_t *host;
    uint64_t shape; /* what its instructions are, apart from constants */
    unsigned same;  /* times that it died and came back in this shape */
    bool died;      /* since it was last made */
};

#define PAST_BITS 11

struct jit_past *jit_past_new(void)
{
    return g_new0(struct jit_past, 1u << PAST_BITS);
}

static struct jit_past *past_of(const struct jit *j, const uint8_t *host)
{
    return &j->past[((uintptr_t)host * 0x9e3779b97f4a7c15ULL) >> (64 - PAST_BITS)];
}

void jit_past_died(struct jit *j, const struct jit_block *b)
{
    struct jit_past *p = past_of(j, b->host);

    if (p->host == b->host) {
        p->died = true;
    }
}

/* How many bytes at the end of @i are an immediate that is read when the block runs; 0: none. */
static unsigned varying_bytes(const struct jit_tr *tr, const struct x86_insn *i)
{
    const struct x86_row *row = insn_row(i);
    unsigned n = row->op == OP_IMUL3 ? 2 : row->op == OP_JMP || row->op == OP_CALL ? 0 : 1;
    unsigned size = x86_operand_info[row->operands[n]].size, width = tr->flat32 ? 4 : 8;
    bool acc = jit_where(i, 0) == WHERE_ACC;

    if (i->is_mem || jit_where(i, n) != WHERE_IMM || (i->prefixes & PREFIX_66) ||
        (i->len > 8 && !tr->cpu->alone)) {
        return 0;
    }
    switch (row->op) {
    case OP_JMP:
    case OP_CALL:
        return size == SIZE_JZ && i->width == width ? 4 : 0;
    case OP_IMUL3:
        return size != SIZE_BS && !jit_in_memory(i->reg) ? 4 : 0;
    case OP_MOV:
        if (operand_size(i, 0) < 4 || jit_in_memory(i->rm)) {
            return 0;
        }
        return size == SIZE_V ? i->width : 4;
    case OP_ADD:
    case OP_OR:
    case OP_ADC:
    case OP_SBB:
    case OP_AND:
    case OP_SUB:
    case OP_XOR:
    case OP_CMP:
        return operand_size(i, 0) >= 4 && size != SIZE_BS && (acc || !jit_in_memory(i->rm)) ? 4 : 0;
    default:
        return 0;
    }
}

/* What the decoded instructions are, roughly and apart from constants. */
static uint64_t shape_of(const struct jit_tr *tr)
{
    uint64_t h = tr->count;

    for (unsigned n = 0; n < tr->count; n++) {
        const struct x86_insn *i = &tr->insn[n];

        h = (h ^ ((unsigned)i->row << 16 | i->len << 8 | i->modrm)) * 0x9e3779b97f4a7c15ULL;
    }
    return h;
}

/* Whether the code, seen again in the shape it has now, is worth a guard. */
static bool often_patched(struct jit_tr *tr)
{
    struct jit_past *p = past_of(tr->jit, tr->block->host);
    uint64_t shape = shape_of(tr);

    if (p->host != tr->block->host || p->shape != shape) {
        *p = (struct jit_past){.host = tr->block->host, .shape = shape};
    } else if (p->died) {
        p->died = false;
        p->same++;
    }
    return p->same >= GUARD_AFTER;
}

/* Whether all that @i does is known: an emitter does it, and what it writes in memory too. */
static bool tractable(const struct jit_tr *tr, const struct x86_insn *i)
{
    struct jit_plan p = {0};

    if (insn_row(i)->needs & CPL0) {
        return false;
    }
    return jit_plan_int(tr, i, &p) || jit_plan_flow(tr, i, &p) ||
           (!i->is_mem && jit_plan_simd(tr, i, &p));
}

/* How many instructions a block with a guard has. */
static unsigned guarded_count(const struct jit_tr *tr)
{
    bool check = tcg_of(tr->cpu)->check;

    for (unsigned n = 0; n < tr->count; n++) {
        const struct x86_insn *i = &tr->insn[n];

        if (!tractable(tr, i) || i->end > GUARD_BYTES) {
            return n;
        }
        if (jit_writes_memory(tr, i)) {
            return check ? n : n + 1;
        }
    }
    return tr->count;
}

bool jit_guard_decoded(struct jit_tr *tr, bool beside)
{
    struct jit_block *blk = tr->block;
    unsigned count;
    bool patched;

    patched = blk->patchable && often_patched(tr);
    if ((!patched && !beside) || (tcg_of(tr->cpu)->check && !tr->cpu->alone)) {
        return false;
    }
    count = guarded_count(tr);
    if (!count) {
        return false;
    }
    tr->count = count;
    tr->after_sti = false;
    blk->count = (uint16_t)count;
    blk->bytes = tr->insn[count - 1].end;
    for (unsigned n = 0; n < count; n++) {
        if (patched && varying_bytes(tr, &tr->insn[n])) {
            tr->varies |= 1ULL << n;
        }
    }
    return true;
}

/* The bits of the 8 bytes at @at, an offset from the block's start, that are to stay. */
static uint64_t fixed_bits(const struct jit_tr *tr, int at)
{
    uint64_t fixed = 0;

    for (unsigned n = 0; n < tr->count; n++) {
        const struct x86_insn *i = &tr->insn[n];
        int from = i->end - i->len;
        int to = i->end - (tr->varies >> n & 1 ? (int)varying_bytes(tr, i) : 0);

        for (int byte = MAX(from, at); byte < to && byte < at + 8; byte++) {
            fixed |= 0xffULL << 8 * (byte - at);
        }
    }
    return fixed;
}

/* Takes note of what is to be compared. Chunks never reach beyond the page. */
static void fill_guard(const struct jit_tr *tr, struct jit_guard *g)
{
    const struct jit_block *blk = tr->block;
    int bytes = blk->bytes, page_left = (int)(PAGE_SIZE - ((uintptr_t)blk->host & ~PAGE_MASK));

    g->count = 0;
    for (int at = 0; at < bytes; at += 8) {
        struct jit_guard_chunk *c = &g->chunk[g->count];

        c->at = MIN(at, page_left - 8);
        c->mask = fixed_bits(tr, at) << 8 * (at - c->at);
        c->want = 0;
        for (int n = at; n < bytes && n < at + 8; n++) { /* the bytes that were decoded */
            c->want |= (uint64_t)tr->code[n] << 8 * (n - c->at);
        }
        c->want &= c->mask;
        g->count += c->mask != 0;
    }
}

/* As PEXT. */
static uint64_t pack_bits(uint64_t val, uint64_t mask)
{
    uint64_t packed = 0;

    for (unsigned n = 0; mask; mask &= mask - 1, n++) {
        packed |= (val >> __builtin_ctzll(mask) & 1) << n;
    }
    return packed;
}

bool jit_guard_differs(const struct jit_block *b)
{
    for (unsigned n = 0; n < b->guard->count; n++) {
        const struct jit_guard_chunk *c = &b->guard->chunk[n];

        if ((load_le64(b->host + c->at) & c->mask) != c->want) {
            return true;
        }
    }
    return false;
}

struct jit_guard *jit_guard_place(struct jit_tr *tr)
{
    struct jit_guard *g;

    while ((uintptr_t)tr->b.p & 7) {
        host_u8(&tr->b, 0xcc);
    }
    g = (struct jit_guard *)(void *)tr->b.p;
    fill_guard(tr, g);
    tr->b.p += sizeof(*g);
    return g;
}

/* Jumps over the next jump when T1, of the bits @mask, is @want. Destroys T0. */
static void compare_bits(struct host_buf *b, uint64_t mask, uint64_t want)
{
    if (mask != ~0ULL) {
        host_mov_imm(b, JIT_T0, mask);
        host_pext(b, JIT_T1, JIT_T1, host_reg_rm(JIT_T0));
        want = pack_bits(want, mask);
    }
    if (want <= INT32_MAX) {
        host_lea(b, JIT_T1, host_mem(JIT_T1, -(int32_t)want), 8);
    } else {
        host_mov_imm(b, JIT_T0, -want);
        host_lea(b, JIT_T1, host_mem_sib(JIT_T1, JIT_T0, 0, 0), 8);
    }
    host_jrcxz(b, 5);
}

void jit_emit_guard(struct jit_tr *tr, const uint8_t *differs)
{
    struct host_buf *b = &tr->b;
    const struct jit_block *blk = tr->block;

    for (unsigned n = 0; n < blk->guard->count; n++) {
        const struct jit_guard_chunk *c = &blk->guard->chunk[n];

        host_mov_imm(b, JIT_T0, (uintptr_t)(blk->host + c->at));
        host_load(b, JIT_T1, host_mem(JIT_T0, 0), 8);
        compare_bits(b, c->mask, c->want);
        host_link(host_jmp(b), differs);
    }
}

/* Eight bytes of one page, with those at @host. */
static const uint8_t *window_of(const uint8_t *host)
{
    const uint8_t *end = (const uint8_t *)((uintptr_t)host | ~PAGE_MASK) + 1;

    return MIN(host, end - 8);
}

void jit_guard_copy(const uint8_t *host, unsigned len, uint8_t *ret)
{
    const uint8_t *window = window_of(host);
    uint64_t bytes = load_le64(window);

    if (len > 8) {
        memcpy(ret, host, len);
    } else {
        memcpy(ret, (const uint8_t *)&bytes + (host - window), len);
    }
}

/* Where the immediate of the current instruction, its last @bytes, is to be read. */
static struct host_rm place_of(struct jit_tr *tr, const struct x86_insn *i, unsigned bytes)
{
    size_t saved = X86_ENGINE_OFFSET + offsetof(struct jit_cpu, saved);
    const uint8_t *start = tr->block->host + i->end - i->len, *window = window_of(start);
    struct host_buf *b = &tr->b;
    uint64_t mask = 0, want = 0;

    if (tr->cpu->alone) {
        host_mov_imm(b, JIT_T0, (uintptr_t)(start + i->len - bytes));
        return host_mem(JIT_T0, 0);
    }
    for (unsigned n = 0; n < i->len - bytes; n++) {
        unsigned shift = 8 * (unsigned)(start + n - window);

        mask |= 0xffULL << shift;
        want |= (uint64_t)tr->code[i->end - i->len + n] << shift;
    }
    host_mov_imm(b, JIT_T0, (uintptr_t)window);
    host_load(b, JIT_T1, host_mem(JIT_T0, 0), 8);
    host_store(b, host_state(saved), JIT_T1, 8);
    compare_bits(b, mask, want);
    jit_stub_from(jit_restart_stub(tr), host_jmp(b));
    return host_state(saved + (size_t)(start - window) + i->len - bytes);
}

/* MOVSXD */
static void load_signed(struct host_buf *b, unsigned reg, struct host_rm rm)
{
    host_op(b, HOP_W, 0x63, reg, &rm);
}

static void emit_varying_mov(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned bytes = varying_bytes(tr, i), dst = jit_host_reg[i->rm];
    struct host_rm place = place_of(tr, i, bytes);

    if (bytes == 4 && operand_size(i, 0) == 8) {
        load_signed(&tr->b, dst, place);
    } else {
        host_load(&tr->b, dst, place, bytes);
    }
}

static void emit_varying_alu(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned dst = jit_host_reg[jit_where(i, 0) == WHERE_ACC ? X86_RAX : i->rm];
    unsigned bytes = operand_size(i, 0);
    struct host_rm src = place_of(tr, i, 4);

    if (bytes == 8) {
        load_signed(&tr->b, JIT_T1, src);
        src = host_reg_rm(JIT_T1);
    }
    host_alu(&tr->b, insn_row(i)->op - OP_ADD, dst, src, bytes);
}

static void emit_varying_imul(struct jit_tr *tr, const struct x86_insn *i)
{
    unsigned bytes = operand_size(i, 0);
    struct host_rm src = jit_gpr(i->rm);

    load_signed(&tr->b, JIT_T1, place_of(tr, i, 4));
    host_op(&tr->b, HOP_0F | host_width(bytes), 0xaf, JIT_T1, &src);
    host_load(&tr->b, jit_host_reg[i->reg], host_reg_rm(JIT_T1), bytes);
}

/* The target of a jump into T0. */
static void load_target(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;

    load_signed(b, JIT_T1, place_of(tr, i, 4));
    jit_rip(tr, JIT_T0, tr->next);
    host_lea(b, JIT_T0, host_mem_sib(JIT_T0, JIT_T1, 0, 0), tr->flat32 ? 4 : 8);
}

static void emit_varying_jmp(struct jit_tr *tr, const struct x86_insn *i)
{
    load_target(tr, i);
    jit_emit_jump(tr);
}

static void emit_varying_call(struct jit_tr *tr, const struct x86_insn *i)
{
    load_target(tr, i);
    jit_emit_call(tr);
}

void jit_guard_plan(const struct x86_insn *i, struct jit_plan *plan)
{
    switch (insn_row(i)->op) {
    case OP_MOV:
        plan->emit = emit_varying_mov;
        break;
    case OP_IMUL3:
        plan->emit = emit_varying_imul;
        break;
    case OP_JMP:
    case OP_CALL: /* as an indirect one */
        plan->reads_flags = plan->memory = true;
        plan->emit = insn_row(i)->op == OP_JMP ? emit_varying_jmp : emit_varying_call;
        break;
    default:
        plan->emit = emit_varying_alu;
        break;
    }
}
