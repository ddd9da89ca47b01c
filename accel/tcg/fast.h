/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the specialised handlers are made of.
 *
 * A fast handler does the common case of one form of an instruction; whenever that does not apply
 * (a TLB miss above all) it changes nothing and goes to tcg_run_generic(), its slow twin.
 */
#ifndef VITRO_ACCEL_TCG_FAST_H
#define VITRO_ACCEL_TCG_FAST_H

#include "accel/tcg/tcg.h"
#include "target/i386/flags.h"
#include "util/bytes.h"

#define FAST static inline __attribute__((always_inline))

/* Linear address of the memory operand. Only for operands that tcg_plain_mem() accepts. */
FAST uint64_t fast_la(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    return (cpu->regs[i->base] + (cpu->regs[i->index] << i->scale) + (uint64_t)(int64_t)i->disp +
            cpu->seg_base[i->seg]) &
           cpu->ea_mask;
}

/* Host address for a read or write of @size bytes at @la, or NULL. */
FAST void *fast_host(const struct x86_cpu *cpu, uint64_t la, unsigned size, bool write)
{
    const struct x86_dtlb *d = cpu->tlb_now;
    unsigned slot = tlb_slot(la);

    return G_LIKELY(tlb_hit(la, write ? d->wneg[slot] : d->rneg[slot], size))
               ? (void *)(la + d->addend[slot])
               : NULL;
}

/* For read, modify, write: both rights. */
FAST void *fast_host_rmw(const struct x86_cpu *cpu, uint64_t la, unsigned size)
{
    const struct x86_dtlb *d = cpu->tlb_now;
    unsigned slot = tlb_slot(la);

    return G_LIKELY(tlb_hit(la, d->wneg[slot], size) && d->rneg[slot] == d->wneg[slot])
               ? (void *)(la + d->addend[slot])
               : NULL;
}

FAST uint64_t fast_load(const void *host, unsigned size)
{
    switch (size) {
    case 1:
        return *(const uint8_t *)host;
    case 2:
        return load_le16(host);
    case 4:
        return load_le32(host);
    default:
        return load_le64(host);
    }
}

FAST void fast_store(void *host, uint64_t v, unsigned size)
{
    switch (size) {
    case 1:
        *(uint8_t *)host = (uint8_t)v;
        break;
    case 2:
        store_le16(host, (uint16_t)v);
        break;
    case 4:
        store_le32(host, (uint32_t)v);
        break;
    default:
        store_le64(host, v);
        break;
    }
}

/* Register by i->reg or i->rm; byte registers are byte offsets. */
FAST uint64_t fast_reg(const struct x86_cpu *cpu, unsigned r, unsigned size)
{
    return size == 1 ? ((const uint8_t *)cpu->regs)[r] : fast_load(&cpu->regs[r], size);
}

FAST void fast_set_reg(struct x86_cpu *cpu, unsigned r, uint64_t v, unsigned size)
{
    if (size == 1) {
        X86_BYTE_REG(cpu, r) = (uint8_t)v;
    } else if (size == 2) {
        *(uint16_t *)&cpu->regs[r] = (uint16_t)v;
    } else {
        cpu->regs[r] = size == 4 ? (uint32_t)v : v;
    }
}

/* Whether fast_la() computes the operand's address without segment checks. */
static inline bool tcg_plain_mem(const struct tcg_block *b, const struct x86_insn *i)
{
    if (i->base == X86_RIP) {
        return false;
    }
    if (b->mode & MODE_CODE64) {
        return i->asize == 8;
    }
    return (b->mode & MODE_FLAT) && i->asize == 4 && i->seg < X86_FS && i->seg != X86_CS;
}

/* Handlers by operation and form, from the other files. NULL: none. */
tcg_run_fn *tcg_fast_alu(const struct tcg_block *b, const struct x86_insn *i);
tcg_run_fn *tcg_fast_move(const struct tcg_block *b, const struct x86_insn *i);
tcg_run_fn *tcg_fast_stack(const struct tcg_block *b, const struct x86_insn *i);
tcg_run_fn *tcg_fast_branch(const struct tcg_block *b, struct x86_insn *i);
tcg_run_fn *tcg_fast_shift(const struct tcg_block *b, const struct x86_insn *i);

#endif
