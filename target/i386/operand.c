/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operands of a decoded instruction: loading and storing them by the letters of their row.
 */
#include "target/i386/exec.h"
#include "target/i386/mem.h"
#include "target/i386/x87.h"
#include <string.h>

static const struct x86_operand_info *operand_info(const struct x86_insn *i, unsigned n)
{
    return &x86_operand_info[insn_row(i)->operands[n]];
}

unsigned operand_size(const struct x86_insn *i, unsigned n)
{
    const struct x86_operand_info *o = operand_info(i, n);

    switch (o->size) {
    case SIZE_V:
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

/* The alignment that a vector memory operand must have. */
static uint64_t vector_linear(struct x86_cpu *cpu, const struct x86_insn *i, unsigned size,
                              bool write)
{
    uint32_t needs = insn_row(i)->needs;
    bool aligned = insn_is_vex(i) ? needs & ALGN : size >= 16 && !(needs & UNAL);

    if (cpu->mxcsr & MXCSR_MM && !insn_is_vex(i)) {
        aligned = false;
    }
    /* Before the address is checked in other ways. */
    if (aligned && ((cpu->seg_base[i->seg] + insn_ea(cpu, i)) & (size - 1))) {
        x86_raise(cpu, EXC_GP, 0);
    }
    return operand_linear(cpu, i, 0, size, write);
}

void operand_load_vec(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n, union x86_vec *ret)
{
    unsigned size = operand_size(i, n), r = i->reg;

    memset(ret, 0, sizeof(*ret));
    switch (operand_info(i, n)->where) {
    case WHERE_MMXREG:
        memcpy(ret, &cpu->fpu.r[i->reg].mant, size);
        return;
    case WHERE_MMXRM:
    case WHERE_MMXRMREG:
        if (i->is_mem) {
            ret->q[0] = mem_read(cpu, operand_linear(cpu, i, 0, size, /* write= */ false), size);
        } else {
            memcpy(ret, &cpu->fpu.r[i->rm].mant, size);
        }
        return;
    case WHERE_VREG:
        break;
    case WHERE_VVEC:
        r = insn_is_vex(i) ? i->vvvv : i->reg;
        break;
    case WHERE_VRM:
    case WHERE_VRMREG:
        if (i->is_mem) {
            mem_read_bytes(cpu, vector_linear(cpu, i, size, /* write= */ false), ret, size);
            return;
        }
        r = i->rm;
        break;
    case WHERE_MEM:
        mem_read_bytes(cpu, vector_linear(cpu, i, size, /* write= */ false), ret, size);
        return;
    case WHERE_VIS4:
        r = i->imm >> 4 & 0xf;
        break;
    case WHERE_VXMM0:
        r = 0;
        break;
    default:
        ret->q[0] = operand_load(cpu, i, n);
        return;
    }
    memcpy(ret, &cpu->vec[r], size);
}

static void vec_store(struct x86_cpu *cpu, const struct x86_insn *i, unsigned r, unsigned size,
                      const union x86_vec *val)
{
    memcpy(&cpu->vec[r], val, size);
    if (insn_is_vex(i) && size < X86_VEC_BYTES) {
        memset(&cpu->vec[r].b[size], 0, X86_VEC_BYTES - size);
    }
}

void operand_store_vec(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n,
                       const union x86_vec *val)
{
    unsigned size = operand_size(i, n);

    switch (operand_info(i, n)->where) {
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
    case WHERE_VREG:
        vec_store(cpu, i, i->reg, size, val);
        return;
    case WHERE_VVEC:
        vec_store(cpu, i, insn_is_vex(i) ? i->vvvv : i->reg, size, val);
        return;
    case WHERE_VRM:
    case WHERE_VRMREG:
        if (!i->is_mem) {
            vec_store(cpu, i, i->rm, size, val);
            return;
        }
        break;
    case WHERE_MEM:
        break;
    default:
        operand_store(cpu, i, n, val->q[0]);
        return;
    }
    mem_write_bytes(cpu, vector_linear(cpu, i, size, /* write= */ true), val, size);
}
