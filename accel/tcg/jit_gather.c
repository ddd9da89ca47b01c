/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitters of VGATHER and VPGATHER: element by element, each with a TLB check of its own.
 *
 * Index, mask and destination are stored first, the elements replace those of the stored
 * destination, and the registers change when all of them are there. So where a check fails nothing
 * has been done yet: the interpreter does the whole instruction, and leaves the mask as a fault in
 * the middle is to leave it.
 */
#include "accel/tcg/jit_translate.h"

enum { INDEX, MASK, DATA }; /* of jit_cpu.gather */

static struct host_rm own(size_t member)
{
    return host_state(X86_ENGINE_OFFSET + member);
}

static struct host_rm kept(unsigned n, unsigned byte)
{
    return own(offsetof(struct jit_cpu, gather) + n * X86_VEC_BYTES + byte);
}

static struct host_rm tlb(const struct jit_tr *tr, size_t member)
{
    return host_state_index(JIT_T1, X86_TLB_OFFSET + offsetof(struct x86_tlb, d[0]) +
                                        (tr->mode >> MODE_SET_SHIFT & 3) * sizeof(struct x86_dtlb) +
                                        member);
}

/* VMOVUPS of all 32 bytes */
static void keep(struct host_buf *b, unsigned n, unsigned reg)
{
    struct host_rm rm = kept(n, 0);

    host_vex(b, HOP_0F | HOP_L, 0x11, reg, 0, &rm);
}

/* The linear address of an element, whose index is at @index, into T0. */
static void element_address(struct jit_tr *tr, const struct x86_insn *i, struct host_rm index,
                            unsigned index_size)
{
    struct host_buf *b = &tr->b;
    unsigned base = HOST_NONE;

    if (index_size == 4) {
        host_op(b, HOP_W, 0x63, JIT_T0, &index); /* movsxd */
    } else {
        host_load(b, JIT_T0, index, 8);
    }
    if (i->base != X86_ZERO) {
        base = jit_host_reg[i->base];
        if (base == HOST_NONE) {
            base = JIT_T1;
            host_load(b, base, jit_gpr(i->base), 8);
        }
    }
    host_lea(b, JIT_T0, host_mem_sib(base, JIT_T0, i->scale, i->disp), i->asize);
    if (i->seg >= X86_FS) {
        host_alu(b, HALU_ADD, JIT_T0, host_state(offsetof(struct x86_cpu, seg_base) + 8 * i->seg),
                 8);
    }
}

static void emit_element(struct jit_tr *tr, const struct x86_insn *i, unsigned k, unsigned size,
                         unsigned index_size)
{
    struct host_buf *b = &tr->b;
    uint8_t *skip;

    host_alu_imm(b, HALU_CMP, kept(MASK, k * size + size - 1), 0, 1);
    host_u8(b, 0x79); /* jns */
    skip = b->p++;
    element_address(tr, i, kept(INDEX, k * index_size), index_size);
    host_pext(b, JIT_T1, JIT_T0, own(offsetof(struct jit_cpu, slot_mask)));
    host_alu(b, HALU_ADD, JIT_T0, tlb(tr, offsetof(struct x86_dtlb, rneg)), 8);
    host_alu_imm(b, HALU_CMP, host_reg_rm(JIT_T0), (int32_t)(PAGE_SIZE - size), 8);
    jit_stub_from(jit_site_stub(tr), host_jcc(b, 7));
    host_alu(b, HALU_ADD, JIT_T0, tlb(tr, offsetof(struct x86_dtlb, hpage)), 8);
    host_load(b, JIT_T0, host_mem(JIT_T0, 0), size);
    host_store(b, kept(DATA, k * size), JIT_T0, size);
    *skip = (uint8_t)(b->p - (skip + 1));
}

/* The destination, with zeroes above its @bytes. */
static void load_result(struct host_buf *b, unsigned reg, unsigned bytes)
{
    struct host_rm rm = kept(DATA, 0);

    if (bytes == 8) { /* VMOVQ */
        host_vex(b, HOP_F3 | HOP_0F, 0x7e, reg, 0, &rm);
    } else {
        host_vex(b, HOP_0F | (bytes == 32 ? HOP_L : 0), 0x10, reg, 0, &rm);
    }
}

static void emit_gather(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    unsigned op = insn_row(i)->op;
    unsigned size = op == OP_VGATHERDPS || op == OP_VGATHERQPS ? 4 : 8;
    unsigned index_size = op == OP_VGATHERDPS || op == OP_VGATHERDPD ? 4 : 8;
    unsigned count = insn_vector_bytes(i) / MAX(size, index_size);
    struct host_rm mask = host_reg_rm(i->vvvv);

    jit_save_flags(tr);
    jit_site_stub(tr)->load_flags = true;
    keep(b, INDEX, i->index);
    keep(b, MASK, i->vvvv);
    keep(b, DATA, i->reg);
    for (unsigned k = 0; k < count; k++) {
        emit_element(tr, i, k, size, index_size);
    }
    load_result(b, i->reg, count * size);
    host_vex(b, HOP_0F, 0x57, i->vvvv, i->vvvv, &mask); /* VXORPS */
    jit_load_flags(b);
}

bool jit_plan_gather(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    if (!(tr->mode & JIT_MODE_AVX) || !jit_mem_ok(tr, i) || jit_by_segment(tr, i) ||
        i->reg == i->vvvv || i->reg == i->index || i->vvvv == i->index) {
        return false; /* the last ones are #UD */
    }
    *plan =
        (struct jit_plan){.emit = emit_gather, .memory = true, .reads_flags = true, .vec = true};
    return true;
}
