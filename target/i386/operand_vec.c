/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MMX and vector operands of a decoded instruction: loading and storing them by their letters.
 *
 * Half of the time of simple vector instructions is spent here, so copies have constant lengths and
 * the translation cache is looked up inline; mem.c does what does not hit.
 */
#include "target/i386/exec.h"
#include "target/i386/mem.h"
#include "target/i386/x87.h"
#include <string.h>

static inline const struct x86_operand_info *operand_info(const struct x86_insn *i, unsigned n)
{
    return &x86_operand_info[insn_row(i)->operands[n]];
}

/* operand_size() for the sizes that vectors have. */
static inline unsigned vector_size(const struct x86_insn *i, unsigned n)
{
    unsigned size = operand_info(i, n)->size;

    return size <= SIZE_32 ? size : size == SIZE_X ? insn_vector_bytes(i) : operand_size(i, n);
}

/* Copies `size` bytes, zeroes the rest of *to. */
static inline void copy_in(union x86_vec *to, const void *from, unsigned size)
{
    switch (size) {
    case 32:
        memcpy(to, from, 32);
        return;
    case 16:
        memcpy(to, from, 16);
        memset(&to->b[16], 0, 16);
        return;
    case 8:
        memset(&to->b[8], 0, 24);
        memcpy(to, from, 8);
        return;
    case 4:
        memset(&to->b[4], 0, 28);
        memcpy(to, from, 4);
        return;
    default:
        memset(to, 0, sizeof(*to));
        memcpy(to, from, size);
        return;
    }
}

static inline void copy_out(void *to, const union x86_vec *from, unsigned size)
{
    switch (size) {
    case 32:
        memcpy(to, from, 32);
        return;
    case 16:
        memcpy(to, from, 16);
        return;
    case 8:
        memcpy(to, from, 8);
        return;
    case 4:
        memcpy(to, from, 4);
        return;
    default:
        memcpy(to, from, size);
        return;
    }
}

/* The address of a vector memory operand, which must be aligned as the row says. */
static inline uint64_t vector_linear(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size,
                                     bool write)
{
    uint32_t needs = insn_row(i)->needs;
    uint64_t ea = cpu->regs[i->base] + (cpu->regs[i->index] << i->scale) + (int64_t)i->disp;
    bool aligned = insn_is_vex(i) ? needs & ALGN : size >= 16 && !(needs & UNAL);

    if (i->asize != 8) {
        ea &= ~0ull >> (64 - 8 * i->asize);
    }
    if (cpu->mxcsr & MXCSR_MM && !insn_is_vex(i)) {
        aligned = false;
    }
    /* Before the address is checked in other ways. */
    if (aligned && ((cpu->seg_base[i->seg] + ea) & (size - 1))) {
        x86_raise(cpu, EXC_GP, 0);
    }
    return seg_linear(cpu, i->seg, ea, size, write);
}

static inline void vector_read(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size,
                               union x86_vec *ret)
{
    uint64_t la = vector_linear(cpu, i, size, /* write= */ false);
    const struct x86_dtlb *d = cpu->tlb_now;
    unsigned slot = tlb_slot(la);

    if (G_LIKELY(tlb_hit(la, d->rneg[slot], size))) {
        copy_in(ret, (const void *)(la + d->addend[slot]), size);
    } else {
        memset(ret, 0, sizeof(*ret));
        mem_read_bytes(cpu, la, ret, size);
    }
}

static inline void vector_write(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size,
                                const union x86_vec *val)
{
    uint64_t la = vector_linear(cpu, i, size, /* write= */ true);
    const struct x86_dtlb *d = cpu->tlb_now;
    unsigned slot = tlb_slot(la);

    if (G_LIKELY(tlb_hit(la, d->wneg[slot], size))) {
        copy_out((void *)(la + d->addend[slot]), val, size);
    } else {
        mem_write_bytes(cpu, la, val, size);
    }
}

void operand_load_vec(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n, union x86_vec *ret)
{
    unsigned size = vector_size(i, n);

    switch (operand_info(i, n)->where) {
    case WHERE_VREG:
        copy_in(ret, &cpu->vec[i->reg], size);
        return;
    case WHERE_VVEC:
        copy_in(ret, &cpu->vec[insn_is_vex(i) ? i->vvvv : i->reg], size);
        return;
    case WHERE_VRM:
    case WHERE_VRMREG:
        if (i->is_mem) {
            vector_read(cpu, i, size, ret);
        } else {
            copy_in(ret, &cpu->vec[i->rm], size);
        }
        return;
    case WHERE_MEM:
        vector_read(cpu, i, size, ret);
        return;
    case WHERE_MMXREG:
        copy_in(ret, &cpu->fpu.r[i->reg].mant, size);
        return;
    case WHERE_MMXRM:
    case WHERE_MMXRMREG:
        if (i->is_mem) {
            *ret = (union x86_vec){
                .q = {mem_read(cpu, operand_linear(cpu, i, 0, size, /* write= */ false), size)}};
        } else {
            copy_in(ret, &cpu->fpu.r[i->rm].mant, size);
        }
        return;
    case WHERE_VIS4:
        copy_in(ret, &cpu->vec[i->imm >> 4 & (x86_is_64(cpu) ? 15 : 7)], size);
        return;
    case WHERE_VXMM0:
        copy_in(ret, &cpu->vec[0], size);
        return;
    default:
        *ret = (union x86_vec){.q = {operand_load(cpu, i, n)}};
        return;
    }
}

static inline void register_write(struct x86_cpu *cpu, const struct x86_insn *i, unsigned r,
                                  unsigned size, const union x86_vec *val)
{
    if (insn_is_vex(i)) {
        copy_in(&cpu->vec[r], val, size);
    } else {
        copy_out(&cpu->vec[r], val, size);
    }
}

void operand_store_vec(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n,
                       const union x86_vec *val)
{
    unsigned size = vector_size(i, n);

    switch (operand_info(i, n)->where) {
    case WHERE_VREG:
        register_write(cpu, i, i->reg, size, val);
        return;
    case WHERE_VVEC:
        register_write(cpu, i, insn_is_vex(i) ? i->vvvv : i->reg, size, val);
        return;
    case WHERE_VRM:
    case WHERE_VRMREG:
        if (i->is_mem) {
            vector_write(cpu, i, size, val);
        } else {
            register_write(cpu, i, i->rm, size, val);
        }
        return;
    case WHERE_MEM:
        vector_write(cpu, i, size, val);
        return;
    case WHERE_MMXREG:
        cpu->fpu.r[i->reg] = (struct x86_fpr){.mant = val->q[0], .exp = 0xffff};
        return;
    case WHERE_MMXRM:
    case WHERE_MMXRMREG:
        if (i->is_mem) {
            mem_write(cpu, operand_linear(cpu, i, 0, size, /* write= */ true), val->q[0], size);
        } else {
            cpu->fpu.r[i->rm] = (struct x86_fpr){.mant = val->q[0], .exp = 0xffff};
        }
        return;
    default:
        operand_store(cpu, i, n, val->q[0]);
        return;
    }
}
