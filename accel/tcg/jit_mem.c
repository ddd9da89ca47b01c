/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory operands: the inline check against the soft TLB.
 *
 * The ordinary check, which destroys flags, is in jit_range.c. This one keeps them, for a linear
 * address in a register (T0, or a guest's base register):
 *
 *     pext  T1, la, gs:[slot_mask]       the TLB slot
 *     mov   T1, gs:[neg + T1 * 8]        minus the page's address
 *     lea   T1, [T1 + la + size - 1]     offset in the page, if it is that page
 *     pext  T1, T1, gs:[page_mask]
 *     jrcxz ok
 *     jmp   slow
 * ok: pext  T1, la, gs:[slot_mask]
 *     mov   T1, gs:[addend + T1 * 8]
 *
 * It tests the last byte: the first one cannot lie in the page before, which has another slot.
 */
#include "accel/tcg/jit_translate.h"

/* A linear address. */
struct address {
    bool constant;
    uint64_t la;
    uint8_t reg;  /* host register, when not constant */
    int32_t disp; /* to be added to it */
};

static size_t tlb_at(const struct jit_tr *tr, size_t member)
{
    return X86_TLB_OFFSET + offsetof(struct x86_tlb, d[0]) +
           (tr->mode >> MODE_SET_SHIFT & 3) * sizeof(struct x86_dtlb) + member;
}

static struct host_rm own_state(size_t member)
{
    return host_state(X86_ENGINE_OFFSET + member);
}

bool jit_mem_ok(const struct jit_tr *tr, const struct x86_insn *i)
{
    return i->asize >= 4 || jit_by_segment(tr, i);
}

/* Whether the operand's address needs no registers. */
static bool is_constant(const struct jit_tr *tr, const struct x86_insn *i, uint64_t *ret_la)
{
    bool moffs = jit_where(i, 0) == WHERE_MOFFS || jit_where(i, 1) == WHERE_MOFFS;

    if (i->index != X86_ZERO || (i->base != X86_RIP && i->base != X86_ZERO) || i->seg >= X86_FS ||
        (i->base == X86_RIP && (tr->mode & JIT_MODE_MOVABLE))) {
        return false;
    }
    *ret_la = moffs ? i->imm : (i->base == X86_RIP ? tr->next : 0) + (uint64_t)(int64_t)i->disp;
    if (i->asize == 4) {
        *ret_la = (uint32_t)*ret_la;
    }
    return true;
}

/* Computes the operand's address; without flags. */
static struct address address_of(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    struct address a = {.reg = JIT_T0};
    unsigned base = HOST_NONE, index = HOST_NONE;
    bool moffs = jit_where(i, 0) == WHERE_MOFFS || jit_where(i, 1) == WHERE_MOFFS;
    int32_t disp = i->disp;

    if (is_constant(tr, i, &a.la)) {
        a.constant = true;
        return a;
    }
    if (i->asize == 8 && i->index == X86_ZERO && i->seg < X86_FS && i->base < 16 &&
        !jit_in_memory(i->base)) {
        a.reg = jit_host_reg[i->base];
        a.disp = disp;
        return a;
    }
    if (i->base == X86_RIP && !moffs) {
        jit_rip(tr, JIT_T0, tr->next + (uint64_t)(int64_t)disp);
        if (i->asize == 8 && i->seg < X86_FS) {
            return a;
        }
        base = JIT_T0;
        disp = 0;
    } else if (moffs) {
        host_mov_imm(b, JIT_T0, i->imm);
        base = JIT_T0;
        disp = 0;
    } else if (i->base != X86_ZERO) {
        base = jit_host_reg[i->base];
        if (base == HOST_NONE) {
            base = JIT_T0;
            jit_get(tr, base, i->base);
        }
    }
    if (i->index != X86_ZERO) {
        index = jit_host_reg[i->index];
        if (index == HOST_NONE) {
            index = JIT_T1;
            jit_get(tr, index, i->index);
        }
    }
    host_lea(b, JIT_T0, host_mem_sib(base, index, i->scale, disp), i->asize);
    if (i->seg >= X86_FS) {
        host_load(b, JIT_T1, host_state(offsetof(struct x86_cpu, seg_base) + 8 * i->seg), 8);
        host_lea(b, JIT_T0, host_mem_sib(JIT_T0, JIT_T1, 0, 0), 8);
    }
    return a;
}

/* Where a failed check of a write goes first. */
static struct jit_stub *code_page_stub(struct jit_tr *tr, unsigned bytes, struct host_rm la,
                                       bool add_back)
{
    struct jit_stub *slow = jit_site_stub(tr), *s = jit_new_stub(tr);

    s->code_page = true;
    s->slow = slow;
    s->la = la;
    s->bytes = bytes;
    s->add_back = add_back;
    return s;
}

static struct host_rm check_constant(struct jit_tr *tr, const struct address *a, unsigned bytes,
                                     unsigned flags)
{
    struct host_buf *b = &tr->b;
    struct jit_stub *s = jit_site_stub(tr), *first = s;
    size_t neg = tlb_at(tr, flags & JIT_WRITE ? offsetof(struct x86_dtlb, wneg)
                                              : offsetof(struct x86_dtlb, rneg));
    size_t slot = tlb_slot(a->la) * sizeof(uint64_t);
    uint64_t page = a->la & PAGE_MASK;
    unsigned offset = (unsigned)(a->la & ~PAGE_MASK);

    if (offset + bytes > PAGE_SIZE || ((flags & JIT_ALIGN) && offset % bytes)) {
        jit_stub_from(s, host_jmp(b));
    }
    host_load(b, JIT_T1, host_state(neg + slot), 8);
    if ((int64_t)page == (int32_t)page) {
        host_lea(b, JIT_T1, host_mem(JIT_T1, (int32_t)page), 8);
    } else {
        host_mov_imm(b, JIT_T0, page);
        host_lea(b, JIT_T1, host_mem_sib(JIT_T1, JIT_T0, 0, 0), 8);
    }
    host_jrcxz(b, 5);
    if ((flags & JIT_WRITE) && bytes <= 8) {
        first = code_page_stub(tr, bytes, host_mem(JIT_T0, 0), /* add_back= */ false);
        first->constant = true;
        first->address = a->la;
    }
    jit_stub_from(first, host_jmp(b));
    host_load(b, JIT_T1, host_state(tlb_at(tr, offsetof(struct x86_dtlb, hpage)) + slot), 8);
    first->back = b->p;
    return host_mem(JIT_T1, (int32_t)offset);
}

void jit_check_keeping_flags(struct jit_tr *tr, unsigned la, unsigned bytes, unsigned flags,
                             struct jit_stub *s)
{
    struct host_buf *b = &tr->b;
    size_t neg = tlb_at(tr, flags & JIT_WRITE ? offsetof(struct x86_dtlb, wneg)
                                              : offsetof(struct x86_dtlb, rneg));
    struct host_rm slot_mask = own_state(offsetof(struct jit_cpu, slot_mask));
    bool align = flags & JIT_ALIGN;

    host_pext(b, JIT_T1, la, slot_mask);
    host_load(b, JIT_T1, host_state_index(JIT_T1, neg), 8);
    host_lea(b, JIT_T1, host_mem_sib(JIT_T1, la, 0, align ? 0 : (int32_t)bytes - 1), 8);
    host_pext(b, JIT_T1, JIT_T1,
              own_state(align ? offsetof(struct jit_cpu, align_mask) + (bytes == 32 ? 8 : 0)
                              : offsetof(struct jit_cpu, page_mask)));
    host_jrcxz(b, 5);
    jit_stub_from(s, host_jmp(b));
    host_pext(b, JIT_T1, la, slot_mask);
    host_load(b, JIT_T1, host_state_index(JIT_T1, tlb_at(tr, offsetof(struct x86_dtlb, addend))),
              8);
}

static struct host_rm check(struct jit_tr *tr, const struct address *a, unsigned bytes,
                            unsigned flags)
{
    bool by_guest = a->reg != JIT_T0; /* the address remains in a guest's register */
    struct host_rm la = by_guest ? host_mem(a->reg, a->disp) : host_mem(JIT_T0, 0);
    struct jit_stub *s = jit_site_stub(tr), *first = s;

    if ((flags & JIT_WRITE) && bytes <= 8) {
        first = code_page_stub(tr, bytes, la, tr->recipe.kind && !by_guest);
    }
    tr->block->wants_recipe |= tr->incoming;
    if (tr->recipe.kind) {
        s->redo_flags = true;
        s->recipe = tr->recipe;
    }
    jit_range_check(tr, la, bytes, flags, first);
    return host_mem_sib(a->reg, JIT_T1, 0, a->disp);
}

/* Checks the whole range of group @g, whose register is @base and has moved by @step. */
static void check_group(struct jit_tr *tr, struct jit_group *g, unsigned base, int32_t step)
{
    struct jit_stub *s = jit_unshared_stub(tr);

    tr->block->wants_recipe |= tr->incoming;
    if (tr->recipe.kind) {
        s->redo_flags = true;
        s->recipe = tr->recipe;
    }
    jit_range_check(tr, host_mem(base, g->lo - step), (unsigned)(g->hi - g->lo),
                    g->write ? JIT_WRITE : 0, s);
    g->ready = true;
}

/* #GP for an operand that is not aligned to its size: the interpreter's. */
static void check_alignment(struct jit_tr *tr, unsigned base, int32_t disp, unsigned bytes)
{
    struct host_buf *b = &tr->b;
    struct jit_stub *s = jit_site_stub(tr);

    tr->block->wants_recipe |= tr->incoming;
    if (!tr->recipe.kind) {
        host_lea(b, JIT_T1, host_mem(base, disp), 8);
        host_pext(b, JIT_T1, JIT_T1,
                  own_state(offsetof(struct jit_cpu, low_mask) + (bytes == 32 ? 8 : 0)));
        host_jrcxz(b, 5);
        jit_stub_from(s, host_jmp(b));
    } else {
        struct host_rm t0 = host_reg_rm(JIT_T0);

        s->redo_flags = true;
        s->recipe = tr->recipe;
        host_lea(b, JIT_T0, host_mem(base, disp), 8);
        host_op(b, 0, 0xf7, 0, &t0); /* test */
        host_u32(b, bytes - 1);
        jit_stub_from(s, host_jcc(b, 5));
        tr->valid = false;
    }
}

/* The operand as a member of a group; false: it is none. @which: index in tr->member. */
static bool by_group(struct jit_tr *tr, unsigned which, unsigned base, int32_t disp, unsigned bytes,
                     unsigned flags, struct host_rm *ret)
{
    const struct jit_member *m = &tr->member[tr->cur][which];
    struct jit_group *g;
    struct host_rm slot;

    if (m->group < 0) {
        return false;
    }
    g = &tr->groups[m->group];
    if (g->members < 2 || disp + m->step < g->lo || disp + m->step + (int32_t)bytes > g->hi ||
        ((flags & JIT_WRITE) && !g->write)) {
        return false;
    }
    if (!g->ready && tr->site_stub) {
        return false; /* from that site the block would go on without the group's check */
    }
    slot = own_state(offsetof(struct jit_cpu, shared) + 8 * (size_t)m->group);
    base = jit_host_reg[base];
    if (g->ready) {
        if (flags & JIT_ALIGN) {
            check_alignment(tr, base, disp, bytes);
        }
        if (tr->kept != m->group || tr->b.rcx_named) {
            host_load(&tr->b, JIT_T1, slot, 8);
        }
    } else {
        check_group(tr, g, base, m->step);
        host_store(&tr->b, slot, JIT_T1, 8);
        if (flags & JIT_ALIGN) {
            check_alignment(tr, base, disp, bytes);
            host_load(&tr->b, JIT_T1, slot, 8);
        }
    }
    tr->kept = m->group;
    tr->b.rcx_named = false;
    *ret = host_mem_sib(base, JIT_T1, 0, disp);
    return true;
}

bool jit_plain_base(const struct jit_tr *tr, const struct x86_insn *i)
{
    return i->base < 16 && i->index == X86_ZERO && i->seg < X86_FS && !jit_in_memory(i->base) &&
           i->asize == (tr->flat32 ? 4 : 8) && !(tr->flat32 && i->seg == X86_CS);
}

static struct host_rm finish(struct jit_tr *tr, struct host_rm rm, unsigned flags)
{
    bool by_guest = rm.base != JIT_T0 && rm.base != JIT_T1;

    if (((flags & JIT_ALONE) && (rm.base == JIT_T1 || rm.index == JIT_T1)) ||
        ((flags & JIT_PLAIN_T0) && by_guest)) {
        host_lea(&tr->b, JIT_T0, rm, 8);
        return host_mem(JIT_T0, 0);
    }
    return rm;
}

struct host_rm jit_mem(struct jit_tr *tr, const struct x86_insn *i, unsigned bytes, unsigned flags)
{
    struct address a;
    struct host_rm rm;

    if (jit_plain_base(tr, i) && by_group(tr, 0, i->base, i->disp, bytes, flags, &rm)) {
        return finish(tr, rm, flags);
    }
    if (jit_by_segment(tr, i)) {
        jit_segment_address(tr, i, bytes, flags & JIT_WRITE);
        a = (struct address){.reg = JIT_T0};
    } else {
        a = address_of(tr, i);
    }
    return finish(
        tr, a.constant ? check_constant(tr, &a, bytes, flags) : check(tr, &a, bytes, flags), flags);
}

struct host_rm jit_mem_bits(struct jit_tr *tr, const struct x86_insn *i, unsigned flags)
{
    struct host_buf *b = &tr->b;
    struct address a = address_of(tr, i);
    struct host_rm bit = jit_gpr(i->reg), t1 = host_reg_rm(JIT_T1);
    bool wide = i->width == 8;

    if (a.constant) {
        host_mov_imm(b, JIT_T0, a.la);
    } else if (a.reg != JIT_T0) {
        host_lea(b, JIT_T0, host_mem(a.reg, a.disp), 8);
    }
    host_mov_imm(b, JIT_T1, wide ? 6 : 5);
    host_vex(b, HOP_F3 | HOP_0F38 | (wide ? HOP_W : 0), 0xf7, JIT_T1, JIT_T1, &bit); /* SARX */
    if (!wide) {
        host_op(b, HOP_W, 0x63, JIT_T1, &t1); /* movsxd */
    }
    host_lea(b, JIT_T0, host_mem_sib(JIT_T0, JIT_T1, wide ? 3 : 2, 0), tr->flat32 ? 4 : 8);
    a = (struct address){.reg = JIT_T0};
    return finish(tr, check(tr, &a, i->width, flags), flags | JIT_ALONE);
}

struct host_rm jit_stack(struct jit_tr *tr, unsigned base, int32_t disp, unsigned bytes,
                         unsigned flags)
{
    struct address a = {.reg = jit_host_reg[base], .disp = disp};
    struct host_rm rm;

    if (base == X86_RSP && by_group(tr, 1, base, disp, bytes, flags, &rm)) {
        return finish(tr, rm, flags);
    }
    if (tr->segmented) {
        jit_segment_stack(tr, disp, bytes, flags & JIT_WRITE);
        a = (struct address){.reg = JIT_T0};
    } else if (tr->flat32) {
        host_lea(&tr->b, JIT_T0, host_mem(a.reg, disp), 4);
        a = (struct address){.reg = JIT_T0};
    }
    return finish(tr, check(tr, &a, bytes, flags), flags);
}

unsigned jit_spare(struct jit_tr *tr, struct host_rm *rm)
{
    if (!rm->mem || rm->gs || (rm->base != JIT_T0 && rm->index != JIT_T0)) {
        return JIT_T0;
    }
    if (rm->base == JIT_T1 || rm->index == JIT_T1) {
        host_lea(&tr->b, JIT_T0, *rm, 8);
        *rm = host_mem(JIT_T0, 0);
    }
    return JIT_T1;
}

void jit_mem_run(struct jit_tr *tr, unsigned r, unsigned shift, bool write)
{
    struct host_buf *b = &tr->b;
    struct jit_stub *s = jit_site_stub(tr);
    unsigned word = tr->flat32 ? 4 : 8;
    struct host_rm slot_mask = own_state(offsetof(struct jit_cpu, slot_mask));
    size_t neg =
        tlb_at(tr, write ? offsetof(struct x86_dtlb, wneg) : offsetof(struct x86_dtlb, rneg));

    host_load(b, JIT_T0, jit_gpr(r), word);
    host_pext(b, JIT_T1, JIT_T0, slot_mask);
    host_load(b, JIT_T1, host_state_index(JIT_T1, neg), 8);
    host_lea(b, JIT_T0, host_mem_sib(JIT_T0, JIT_T1, 0, 0), 8);
    host_load(b, JIT_T1, jit_gpr(X86_RCX), word);
    host_lea(b, JIT_T0, host_mem_sib(JIT_T0, JIT_T1, shift, -1), 8);
    host_pext(b, JIT_T1, JIT_T0, own_state(offsetof(struct jit_cpu, page_mask)));
    host_jrcxz(b, 5);
    jit_stub_from(s, host_jmp(b));
    host_load(b, JIT_T0, jit_gpr(r), word);
    host_pext(b, JIT_T1, JIT_T0, slot_mask);
    host_load(b, JIT_T1, host_state_index(JIT_T1, tlb_at(tr, offsetof(struct x86_dtlb, addend))),
              8);
    host_lea(b, JIT_T0, host_mem_sib(JIT_T0, JIT_T1, 0, 0), 8);
}
