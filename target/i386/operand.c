/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operands of a decoded instruction: loading and storing them by the letters of their row.
 */
#include "target/i386/exec.h"
#include "target/i386/mem.h"
#include <string.h>

static const struct x86_operand_info *operand_info(const struct x86_insn *i, unsigned n)
{
    return &x86_operand_info[insn_row(i)->operands[n]];
}

unsigned operand_odd_size(const struct x86_insn *i, unsigned n)
{
    const struct x86_operand_info *o = operand_info(i, n);

    switch (o->size) {
    case SIZE_BS:
        return i->width;
    case SIZE_Z:
        return o->where == WHERE_IMM ? i->width : MIN(i->width, 4);
    case SIZE_JZ:
    case SIZE_AP:
        return i->width;
    case SIZE_Y:
        return i->prefixes & PREFIX_W ? 8 : 4;
    case SIZE_S:
        return i->width == 8 ? 8 : 4;
    case SIZE_X:
        return insn_vector_bytes(i);
    case SIZE_HALF:
        return insn_vector_bytes(i) / 2;
    case SIZE_QUARTER:
        return insn_vector_bytes(i) / 4;
    case SIZE_EIGHTH:
        return insn_vector_bytes(i) / 8;
    case SIZE_ONE:
        return 1;
    case SIZE_RDMW:
        return i->is_mem ? 2 : 4;
    case SIZE_RDMB:
        return i->is_mem ? 1 : 4;
    case SIZE_RVMW:
        return i->is_mem ? 2 : i->width;
    default:
        return o->size;
    }
}

uint64_t insn_ea(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t ea = cpu->regs[i->base] + (cpu->regs[i->index] << i->scale) + (int64_t)i->disp;

    if (operand_info(i, 0)->where == WHERE_MOFFS || operand_info(i, 1)->where == WHERE_MOFFS) {
        ea = i->imm;
    }
    return i->asize == 8 ? ea : ea & size_mask(i->asize);
}

uint64_t operand_linear(struct x86_cpu *cpu, const struct x86_insn *i, uint64_t delta,
                        unsigned size, bool write)
{
    uint64_t off = insn_ea(cpu, i) + delta;

    return seg_linear(cpu, i->seg, i->asize == 8 ? off : off & size_mask(i->asize), size, write);
}

static uint64_t reg_load(const struct x86_cpu *cpu, unsigned r, unsigned size)
{
    return size == 1 ? ((const uint8_t *)cpu->regs)[r] : gpr_read(cpu, r, size);
}

static void reg_store(struct x86_cpu *cpu, unsigned r, unsigned size, uint64_t val)
{
    if (size == 1) {
        X86_BYTE_REG(cpu, r) = (uint8_t)val;
    } else {
        gpr_write(cpu, r, size, val);
    }
}

uint64_t operand_load(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n)
{
    unsigned size = operand_size(i, n);

    switch (operand_info(i, n)->where) {
    case WHERE_REG:
        return reg_load(cpu, i->reg, size);
    case WHERE_RM:
        if (i->is_mem) {
            return mem_read(cpu, operand_linear(cpu, i, 0, size, /* write= */ false), size);
        }
        return reg_load(cpu, i->rm, size);
    case WHERE_RMREG:
    case WHERE_OPREG:
        return reg_load(cpu, i->rm, size);
    case WHERE_MEM:
    case WHERE_MOFFS:
        return mem_read(cpu, operand_linear(cpu, i, 0, size, /* write= */ false), size);
    case WHERE_VVVV:
        return gpr_read(cpu, i->vvvv, size);
    case WHERE_IMM:
        return i->imm & size_mask(size);
    case WHERE_IMM2:
        return i->imm2;
    case WHERE_ACC:
        return gpr_read(cpu, X86_RAX, size);
    case WHERE_COUNT:
        return (uint8_t)cpu->gpr[X86_RCX];
    case WHERE_PORT:
        return (uint16_t)cpu->gpr[X86_RDX];
    case WHERE_SREG:
        return cpu->seg[i->reg].sel;
    default:
        return 0; /* control and debug registers: their own functions */
    }
}

void operand_store(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n, uint64_t val)
{
    unsigned size = operand_size(i, n);

    switch (operand_info(i, n)->where) {
    case WHERE_REG:
        reg_store(cpu, i->reg, size, val);
        break;
    case WHERE_RM:
        if (i->is_mem) {
            mem_write(cpu, operand_linear(cpu, i, 0, size, /* write= */ true), val, size);
        } else {
            reg_store(cpu, i->rm, size, val);
        }
        break;
    case WHERE_RMREG:
    case WHERE_OPREG:
        reg_store(cpu, i->rm, size, val);
        break;
    case WHERE_MEM:
    case WHERE_MOFFS:
        mem_write(cpu, operand_linear(cpu, i, 0, size, /* write= */ true), val, size);
        break;
    case WHERE_VVVV:
        gpr_write(cpu, i->vvvv, size, val);
        break;
    case WHERE_ACC:
        gpr_write(cpu, X86_RAX, size, val);
        break;
    default:
        break;
    }
}

uint64_t operand_load_rmw(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n)
{
    unsigned size = operand_size(i, n);

    if (!i->is_mem || operand_info(i, n)->where != WHERE_RM) {
        return operand_load(cpu, i, n);
    }
    mem_rmw_begin(cpu, operand_linear(cpu, i, 0, size, /* write= */ true), size,
                  i->prefixes & PREFIX_LOCK);
    return mem_rmw_load(cpu, size);
}

bool operand_store_rmw(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n, uint64_t old,
                       uint64_t val)
{
    if (!i->is_mem || operand_info(i, n)->where != WHERE_RM) {
        operand_store(cpu, i, n, val);
        return true;
    }
    return mem_rmw_store(cpu, old, val, operand_size(i, n), i->prefixes & PREFIX_LOCK);
}
