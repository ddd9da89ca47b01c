/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which check a memory operand gets: by its page's TLB entry, or by a range register
 * (target/i386/tlb_range.h).
 *
 * By the entry, for a linear address in a register (T0, or a guest's base register):
 *
 *     pext  T1, la, gs:[slot_mask]       the TLB slot
 *     mov   T0, gs:[neg + T1 * 8]        minus the page's address
 *     add   T0, la                       offset in the page, if it is that page
 *     cmp   T0, 4096 - size
 *     ja    slow
 *     mov   T1, gs:[addend + T1 * 8]
 *
 * The access waits for PEXT and a load. That is nothing where the address is known early, but each
 * step of a chase through pointers would take three times as long. There the check is
 *
 *     mov   T0, gs:[neg]
 *     lea   T0, [T0 + base + disp]       offset in the register's run of pages
 *     cmp   T0, gs:[len]
 *     jae   miss
 *     mov   T1, gs:[addend]
 *
 * No load but the guest's depends on its address. Without a recipe for the flags, the offset in a
 * window of a power of two is tested by PEXT and JRCXZ. Each check in a block has a register of its
 * own; checks of other blocks share it. It is more code, so only hot blocks get it (jit_path.c). A
 * miss is checked by the TLB, behind the block, and fills the register with the run around the
 * page. Where that happens too often, because one instruction jumps between runs, the block is
 * translated anew with a check by the entry.
 */
#include "accel/tcg/jit_translate.h"
#include <x86intrin.h>

/* A register that misses more often than this, in TSC cycles, is filled less and less often. */
#define MISS_CYCLES 1500
#define BACKOFF_MAX 63
/*
 * At the last it is left empty for once, to learn how long accesses are apart. When misses are
 * hardly farther apart than that, some times in a row, it is of no use to the check.
 */
#define MISSES_APART 6
#define BAD_MAX      3

/* Filling registers may take one part of so many of the time; see over_budget(). */
#define TIME_PARTS   32
#define BURST_CYCLES (1 << 18)
#define FILL_CYCLES  100 /* the thunk's */

/* What the thunk is told: constants of three MOVs, which nobody executes, behind its call and the
 * jump there. */
struct fill_site {
    uint32_t range; /* kind * TLB_RANGES + number */
    uint32_t block; /* its number */
    uint32_t insn;  /* index in jit.unranged */
};
#define JMP_BYTES 5
#define MOV_BYTES 5

/* Registers that @i's address is made of. */
static uint32_t address_regs(const struct x86_insn *i)
{
    return (i->base < 16 ? 1u << i->base : 0) | (i->index < 16 ? 1u << i->index : 0);
}

/* Registers that @i's result may be made of, but for addresses in memory. */
static uint32_t source_regs(const struct x86_insn *i)
{
    const struct x86_row *row = insn_row(i);
    bool writes_only = row->op == OP_MOV || row->op == OP_MOVZX || row->op == OP_MOVSX;
    uint32_t regs = row->op == OP_LEA ? address_regs(i) : 0;

    for (unsigned n = writes_only; n < 4 && row->operands[n]; n++) {
        switch (jit_where(i, n)) {
        case WHERE_REG:
            regs |= 1u << i->reg % 16;
            break;
        case WHERE_RM:
            regs |= i->is_mem ? 0 : 1u << i->rm % 16;
            break;
        case WHERE_ACC:
            regs |= 1u << X86_RAX;
            break;
        default:
            break;
        }
    }
    return regs;
}

/*
 * Where an address is known long before the access, the check by the page costs nothing but its
 * instructions. The block may be a loop, or part of one: it is looked at twice, then with what is
 * loaded where it is left.
 */
bool jit_find_chased(struct jit_tr *tr, const struct jit_plan *plans)
{
    uint32_t loaded = 0, leaving = 0;
    bool any = false;

    for (unsigned n = 0; n < 2 * tr->count; n++) {
        const struct x86_insn *i = &tr->insn[n % tr->count];
        const struct jit_plan *plan = &plans[n % tr->count];
        unsigned op = insn_row(i)->op;
        bool loads = i->is_mem && op != OP_LEA;

        if (op == OP_JCC || n + 1 == tr->count) {
            leaving |= loaded;
        }
        loaded |= n == tr->count ? leaving : 0;
        tr->chased[n % tr->count] = i->is_mem && (loaded & address_regs(i));
        any |= tr->chased[n % tr->count];
        loads |= op == OP_ADC || op == OP_SBB || op == OP_CMOVCC || op == OP_SETCC;
        loaded = (loaded & ~plan->writes) | (loads || (loaded & source_regs(i)) ? plan->writes : 0);
    }
    return any;
}

static struct host_rm own(size_t member)
{
    return host_state(X86_ENGINE_OFFSET + member);
}

static unsigned set_of(const struct jit_tr *tr)
{
    return tr->mode >> MODE_SET_SHIFT & 3;
}

static size_t tlb_at(const struct jit_tr *tr, size_t member)
{
    return X86_TLB_OFFSET + offsetof(struct x86_tlb, d[0]) + set_of(tr) * sizeof(struct x86_dtlb) +
           member;
}

static struct host_rm range_at(const struct jit_tr *tr, const struct jit_stub *s, size_t member)
{
    return host_state(X86_TLB_OFFSET + offsetof(struct x86_tlb, ranges.r) +
                      (tlb_range_kind(set_of(tr), s->write) * TLB_RANGE_ALL + s->number) *
                          sizeof(struct x86_range) +
                      member);
}

static void test_imm(struct host_buf *b, unsigned reg, uint32_t imm)
{
    struct host_rm rm = host_reg_rm(reg);

    host_op(b, HOP_W, 0xf7, 0, &rm);
    host_u32(b, imm);
}

/* Whether the address is in T0 and stays there. */
static bool in_t0(const struct host_rm *la)
{
    return la->base == JIT_T0;
}

/* The check of one page. T0 is left as the offset in it, T1 as its slot. */
static void check_page(struct jit_tr *tr, const struct jit_stub *s, struct jit_stub *slow)
{
    struct host_buf *b = &tr->b;
    size_t neg =
        tlb_at(tr, s->write ? offsetof(struct x86_dtlb, wneg) : offsetof(struct x86_dtlb, rneg));
    struct host_rm t1 = host_reg_rm(JIT_T1);
    unsigned la = JIT_T0;

    if (!in_t0(&s->la) && s->la.disp) {
        host_lea(b, JIT_T0, s->la, 8);
    } else {
        la = s->la.base;
    }
    if (s->range || tr->chased[tr->cur]) { /* more instructions, but the result is there sooner */
        host_load(b, JIT_T1, host_reg_rm(la), 4);
        host_op(b, 0, 0xc1, 5, &t1); /* shr */
        host_u8(b, PAGE_BITS);
        host_alu_imm(b, HALU_AND, t1, TLB_SLOTS - 1, 4);
    } else {
        host_pext(b, JIT_T1, la, own(offsetof(struct jit_cpu, slot_mask)));
    }
    if (la == JIT_T0) {
        host_alu(b, HALU_ADD, JIT_T0, host_state_index(JIT_T1, neg), 8);
    } else {
        host_load(b, JIT_T0, host_state_index(JIT_T1, neg), 8);
        host_alu(b, HALU_ADD, JIT_T0, host_reg_rm(la), 8);
    }
    if (s->aligned) {
        test_imm(b, JIT_T0, (uint32_t)-PAGE_SIZE | (s->bytes - 1));
        jit_stub_from(slow, host_jcc(b, 5));
    } else {
        host_alu_imm(b, HALU_CMP, host_reg_rm(JIT_T0), (int32_t)(PAGE_SIZE - s->bytes), 8);
        jit_stub_from(slow, host_jcc(b, 7));
    }
}

/* ... and what makes a host address of T0, or of the guest's register. */
static void load_addend(struct jit_tr *tr, const struct jit_stub *s)
{
    size_t at =
        in_t0(&s->la) ? offsetof(struct x86_dtlb, hpage) : offsetof(struct x86_dtlb, addend);

    host_load(&tr->b, JIT_T1, host_state_index(JIT_T1, tlb_at(tr, at)), 8);
}

/* The offset in the register's run, in a scratch register that it returns. */
static unsigned emit_offset(struct jit_tr *tr, const struct jit_stub *s)
{
    struct host_buf *b = &tr->b;
    unsigned t = in_t0(&s->la) ? JIT_T1 : JIT_T0;

    host_load(b, t, range_at(tr, s, offsetof(struct x86_range, neg)), 8);
    if (s->la.disp) {
        host_lea(b, t, host_mem_sib(t, s->la.base, 0, s->la.disp), 8);
    } else {
        host_alu(b, HALU_ADD, t, host_reg_rm(s->la.base), 8);
    }
    return t;
}

/* The current instruction's bit in jit.unranged: by its address, shared by a few. */
static uint32_t insn_name(const struct jit_tr *tr)
{
    uintptr_t at = (uintptr_t)tr->block->host + tr->insn[tr->cur].end;

    return at * 0x9e3779b97f4a7c15ULL >> (64 - JIT_UNRANGED_BITS);
}

static bool is_unranged(const struct jit_tr *tr)
{
    uint32_t n = insn_name(tr);

    return tr->jit->unranged[n / 64] >> n % 64 & 1;
}

/* A register for accesses of @bytes. */
static unsigned next_register(struct jit *j, unsigned bytes, bool window)
{
    unsigned n = 0;

    if (window) {
        return TLB_RANGE_WINDOWS + j->next_window++ % (TLB_RANGES - TLB_RANGE_WINDOWS);
    }
    while (x86_range_sizes[n].bytes < bytes) {
        n++;
    }
    return x86_range_sizes[n].first + j->next_range[n]++ % x86_range_sizes[n].count;
}

/* The linear address in a register: the guest's, or T0. */
static unsigned la_register(struct jit_tr *tr, const struct jit_stub *s)
{
    if (in_t0(&s->la) || !s->la.disp) {
        return s->la.base;
    }
    host_lea(&tr->b, JIT_T0, s->la, 8);
    return JIT_T0;
}

static void by_page(struct jit_tr *tr, const struct jit_stub *s, struct jit_stub *slow)
{
    if (s->keep_flags) {
        jit_check_keeping_flags(tr, la_register(tr, s), s->bytes,
                                (s->write ? JIT_WRITE : 0) | (s->aligned ? JIT_ALIGN : 0), slow);
    } else {
        check_page(tr, s, slow);
        load_addend(tr, s);
    }
}

/* By a window; T0 only as in s->la. Empty ones are not looked at: any address matches some. */
static void by_window(struct jit_tr *tr, struct jit_stub *s)
{
    struct host_buf *b = &tr->b;
    uint8_t *empty;

    host_load(b, JIT_T1, range_at(tr, s, offsetof(struct x86_range, len)), 8);
    host_jrcxz(b, 0);
    empty = b->p - 1;
    host_load(b, JIT_T1, range_at(tr, s, offsetof(struct x86_range, neg)), 8);
    host_lea(b, JIT_T1, host_mem_sib(JIT_T1, s->la.base, 0, s->la.disp), 8);
    host_pext(b, JIT_T1, JIT_T1, range_at(tr, s, offsetof(struct x86_range, mask)));
    host_jrcxz(b, 5);
    *empty = (uint8_t)(b->p - (empty + 1));
    jit_stub_from(s, host_jmp(b));
}

static void by_range(struct jit_tr *tr, struct jit_stub *s)
{
    struct host_buf *b = &tr->b;
    unsigned offset = emit_offset(tr, s);

    host_alu(b, HALU_CMP, offset, range_at(tr, s, offsetof(struct x86_range, len)), 8);
    jit_stub_from(s, host_jcc(b, 3));
    if (s->aligned) {
        test_imm(b, offset, s->bytes - 1);
        jit_stub_from(s->slow, host_jcc(b, 5));
    }
}

void jit_range_check(struct jit_tr *tr, struct host_rm la, unsigned bytes, unsigned flags,
                     struct jit_stub *slow)
{
    struct jit_stub *s, of = {.la = la,
                              .bytes = bytes,
                              .write = flags & JIT_WRITE,
                              .aligned = flags & JIT_ALIGN,
                              .keep_flags = !tr->recipe.kind,
                              .slow = slow};

    tr->valid &= of.keep_flags;
    if (!tr->chased[tr->cur] || is_unranged(tr) ||
        (of.keep_flags ? of.aligned || bytes > TLB_RANGE_WINDOW_BYTES
                       : bytes > TLB_RANGE_SIZE_MAX)) {
        by_page(tr, &of, slow);
        slow->back = tr->b.p;
        return;
    }
    s = jit_new_stub(tr);
    *s = of;
    s->range = true;
    s->insn = insn_name(tr);
    s->number = next_register(tr->jit, bytes, of.keep_flags);
    if (of.keep_flags) {
        by_window(tr, s);
    } else {
        by_range(tr, s);
    }
    host_load(&tr->b, JIT_T1, range_at(tr, s, offsetof(struct x86_range, addend)), 8);
    s->back = slow->back = tr->b.p;
}

/* Counts a miss; returns the jump for when the register is to be filled. */
static uint8_t *count_miss(struct host_buf *b, size_t use)
{
    struct host_rm credit = own(use + offsetof(struct jit_range_use, credit));

    host_alu_imm(b, HALU_SUB, credit, 1, 4);
    return host_jcc(b, 2);
}

static uint8_t *count_miss_keeping_flags(struct host_buf *b, size_t use)
{
    struct host_rm credit = own(use + offsetof(struct jit_range_use, credit));
    uint8_t *fill;

    host_load(b, JIT_T1, credit, 4);
    host_jrcxz(b, 2);
    host_u8(b, 0xeb); /* jmp */
    host_u8(b, 5);
    fill = host_jmp(b);
    host_lea(b, JIT_T1, host_mem(JIT_T1, -1), 4);
    host_store(b, credit, JIT_T1, 4);
    return fill;
}

static struct fill_site site_behind(const uint8_t *ret)
{
    const uint8_t *imm = ret + JMP_BYTES + 1;

    return (struct fill_site){.range = load_le32(imm),
                              .block = load_le32(imm + MOV_BYTES),
                              .insn = load_le32(imm + 2 * MOV_BYTES)};
}

static void emit_fill(struct jit_tr *tr, const struct jit_stub *s, const struct fill_site *site)
{
    struct host_buf *b = &tr->b;

    host_call(b, tr->jit->thunk.range);
    host_link(host_jmp(b), s->back);
    host_mov_imm(b, JIT_T1, site->range);
    host_mov_imm(b, JIT_T1, site->block);
    host_mov_imm(b, JIT_T1, site->insn);
}

void jit_emit_range_stub(struct jit_tr *tr, struct jit_stub *s)
{
    struct host_buf *b = &tr->b;
    unsigned kind = tlb_range_kind(set_of(tr), s->write);
    struct fill_site site = {.range = kind * TLB_RANGES + s->number,
                             .block = (uint32_t)(tr->block - tr->jit->blocks),
                             .insn = s->insn};
    size_t use = offsetof(struct jit_cpu, range_use) + site.range * sizeof(struct jit_range_use);
    size_t neg =
        tlb_at(tr, s->write ? offsetof(struct x86_dtlb, wneg) : offsetof(struct x86_dtlb, rneg));
    uint8_t *fill;

    host_link(s->from[0], b->p);
    if (s->keep_flags) {
        by_page(tr, s, s->slow);
        host_store(b, own(offsetof(struct jit_cpu, missed)), JIT_T1, 8);
        fill = count_miss_keeping_flags(b, use);
        host_load(b, JIT_T1, own(offsetof(struct jit_cpu, missed)), 8);
        host_link(host_jmp(b), s->back);
        host_link(fill, b->p);
        host_lea(b, JIT_T0, s->la, 8);
    } else {
        check_page(tr, s, s->slow);
        fill = count_miss(b, use);
        load_addend(tr, s);
        host_link(host_jmp(b), s->back);
        host_link(fill, b->p);
        host_alu(b, HALU_SUB, JIT_T0, host_state_index(JIT_T1, neg), 8);
    }
    emit_fill(tr, s, &site);
}

/* The instruction is translated without a range register from now on. */
static void give_up(struct tcg *t, const struct fill_site *site)
{
    struct jit *j = t->jit;

    g_mutex_lock(&t->code_lock);
    j->unranged[site->insn / 64] |= 1ULL << site->insn % 64;
    jit_drop_locked(j, &j->blocks[site->block]);
    g_mutex_unlock(&t->code_lock);
}

/* Misses are @since cycles apart, not many. Whether to fill the register. */
static bool judge(struct tcg_cpu *tc, struct jit_range_use *u, const struct fill_site *site,
                  uint32_t since)
{
    if (!u->apart) {
        u->trial = true;
        u->apart = 1;
        return false;
    }
    if (u->trial) {
        u->trial = false;
        u->apart = since + 1;
        return true;
    }
    if (since >= MISSES_APART * u->apart) {
        u->bad = 0;
    } else if (++u->bad >= BAD_MAX && !tc->check) {
        give_up(tc->tcg, site);
        u->apart = u->bad = 0;
    }
    return true;
}

/* Whether filling registers has taken too much time lately. */
static bool over_budget(struct jit_cpu *jc, uint64_t now)
{
    uint64_t past = now - jc->range_start;

    if (past > 2 * BURST_CYCLES + jc->range_time * TIME_PARTS) { /* what was long ago is over */
        jc->range_start = now - BURST_CYCLES;
        jc->range_time = 0;
    } else if (jc->range_time * TIME_PARTS > past) {
        return true;
    }
    return false;
}

uint64_t jit_fill_range(struct x86_cpu *cpu, uint64_t la, const uint8_t *ret)
{
    struct jit_cpu *jc = jit_cpu_of(cpu);
    struct tcg_cpu *tc = tcg_of(cpu);
    struct fill_site site = site_behind(ret);
    unsigned kind = site.range / TLB_RANGES, n = site.range % TLB_RANGES;
    struct jit_range_use *u = &jc->range_use[kind][n];
    uint64_t now = __rdtsc(), since;
    bool fill;

    since = (now - u->when) / (u->backoff + 1);
    if (since < MISS_CYCLES) {
        u->backoff = MIN(u->backoff * 2 + 1, BACKOFF_MAX);
    } else {
        u->backoff /= 2;
    }
    if (u->backoff == BACKOFF_MAX) {
        fill = judge(tc, u, &site, (uint32_t)since);
    } else {
        fill = true;
        u->apart = u->bad = 0;
    }
    if (!fill) {
        tlb_range_empty(&cpu->tlb->ranges, kind, n);
    } else if (over_budget(jc, now)) {
        u->backoff = MAX(u->backoff, BACKOFF_MAX / 2);
    } else {
        jc->ranges++;
        x86_tlb_fill_range(cpu, kind / 2, kind & 1, n, la);
        jc->range_time += __rdtsc() - now + FILL_CYCLES;
    }
    u->credit = u->backoff;
    u->when = __rdtsc();
    return cpu->tlb->d[kind / 2].addend[tlb_slot(la)];
}
