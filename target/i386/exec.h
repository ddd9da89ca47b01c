/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exec_ functions work with: operands, guest memory, flags, exceptions.
 *
 * Prefixes, privilege, mode, feature and FPU-availability checks are done before an exec_ function
 * is called. Every function here may leave through a fault (x86_raise() unwinds with longjmp()), so
 * an exec_ function loads all it needs, then stores to memory, and changes registers and flags
 * last. While it runs, cpu->rip is the next instruction's address; a fault puts it back.
 */
#ifndef VITRO_TARGET_I386_EXEC_H
#define VITRO_TARGET_I386_EXEC_H

#include "target/i386/flags.h"
#include "target/i386/insn.h"
#include "util/bytes.h"

/* Delivers an exception; @error is pushed when the vector has one. Does not return. */
void __attribute__((noreturn))
x86_raise(struct x86_cpu *cpu, enum x86_exception vector, uint32_t error);
/* Gives up the instruction; it starts again after interrupts were looked at. */
void __attribute__((noreturn)) x86_restart(struct x86_cpu *cpu);
void __attribute__((noreturn)) x86_raise_pf(struct x86_cpu *cpu, uint64_t la, uint32_t error);

/* One prototype per operation. */
#define OP(name, jit) void exec_##name(struct x86_cpu *cpu, const struct x86_insn *i);
#include "target/i386/op.def"
#undef OP

/* General, segment, control operands and immediates; zero-extended from the operand's size. */
uint64_t operand_load(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n);
/* A 32-bit register write clears the upper half; 8 and 16 bits leave the rest. */
void operand_store(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n, uint64_t val);
/* Bytes of operand @n. */
unsigned operand_odd_size(const struct x86_insn *i, unsigned n);
static inline unsigned operand_size(const struct x86_insn *i, unsigned n)
{
    unsigned size = x86_operand_info[insn_row(i)->operands[n]].size;

    return size < SIZE_V ? size : size == SIZE_V ? i->width : operand_odd_size(i, n);
}

/*
 * Read, modify, write of operand @n. With LOCK (or a LOCKED row) the store is a compare-and-swap
 * against @old and may fail; then load again:
 *     do { old = operand_load_rmw(cpu, i, 0); } while (!operand_store_rmw(cpu, i, 0, old, f(old)));
 */
uint64_t operand_load_rmw(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n);
bool operand_store_rmw(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n, uint64_t old,
                       uint64_t val);

/*
 * MMX and vector operands. Loads fill operand_size() bytes and zero the rest of *ret. Stores write
 * operand_size() bytes to memory; to a register: the legacy form leaves the rest as it is, the VEX
 * form clears it, MMX is 8 bytes (and sets the exponent to ones). Alignment is checked as the row
 * says (#GP).
 */
void operand_load_vec(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n,
                      union x86_vec *ret);
void operand_store_vec(struct x86_cpu *cpu, const struct x86_insn *i, unsigned n,
                       const union x86_vec *val);
/* Vector length of the instruction: 16 or 32. */
static inline unsigned insn_vector_bytes(const struct x86_insn *i)
{
    return i->prefixes & PREFIX_L ? 32 : 16;
}
static inline bool insn_is_vex(const struct x86_insn *i)
{
    return i->prefixes & PREFIX_VEX;
}

/* Effective address of the memory operand, cut to the address size. */
uint64_t insn_ea(struct x86_cpu *cpu, const struct x86_insn *i);
/*
 * Linear address of @size bytes at offset @off in segment @s, after the segment's checks (#GP, #SS)
 * and the canonical one.
 */
uint64_t seg_linear(struct x86_cpu *cpu, unsigned s, uint64_t off, unsigned size, bool write);
/* Linear address of the memory operand plus @delta: seg_linear() of insn_ea(). */
uint64_t operand_linear(struct x86_cpu *cpu, const struct x86_insn *i, uint64_t delta,
                        unsigned size, bool write);

/* Guest memory at a linear address with the current privilege. */
uint8_t mem_read8(struct x86_cpu *cpu, uint64_t la);
uint16_t mem_read16(struct x86_cpu *cpu, uint64_t la);
uint32_t mem_read32(struct x86_cpu *cpu, uint64_t la);
uint64_t mem_read64(struct x86_cpu *cpu, uint64_t la);
void mem_write8(struct x86_cpu *cpu, uint64_t la, uint8_t val);
void mem_write16(struct x86_cpu *cpu, uint64_t la, uint16_t val);
void mem_write32(struct x86_cpu *cpu, uint64_t la, uint32_t val);
void mem_write64(struct x86_cpu *cpu, uint64_t la, uint64_t val);
uint64_t mem_read(struct x86_cpu *cpu, uint64_t la, unsigned size);
void mem_write(struct x86_cpu *cpu, uint64_t la, uint64_t val, unsigned size);
/* Any length up to a page; all is checked before the first byte is written. */
void mem_read_bytes(struct x86_cpu *cpu, uint64_t la, void *buf, unsigned len);
void mem_write_bytes(struct x86_cpu *cpu, uint64_t la, const void *buf, unsigned len);
/* Raises the fault that an access to these bytes would raise; up to a page long. */
void mem_probe(struct x86_cpu *cpu, uint64_t la, unsigned len, bool write);
/* As supervisor, whatever the CPL: descriptor tables, task state segments, inner stacks. */
uint64_t mem_sys_read(struct x86_cpu *cpu, uint64_t la, unsigned size);
void mem_sys_write(struct x86_cpu *cpu, uint64_t la, uint64_t val, unsigned size);

/* Physical memory, as this CPU sees it (A20, SMM). */
uint64_t phys_read(struct x86_cpu *cpu, uint64_t gpa, unsigned size);
void phys_write(struct x86_cpu *cpu, uint64_t gpa, uint64_t val, unsigned size);

static inline uint64_t gpr_read(const struct x86_cpu *cpu, unsigned r, unsigned size)
{
    return cpu->gpr[r] & (~0ULL >> (64 - 8 * size));
}

/* As the architecture writes registers: 4 bytes clear the upper half, 1 and 2 keep the rest. */
static inline void gpr_write(struct x86_cpu *cpu, unsigned r, unsigned size, uint64_t val)
{
    switch (size) {
    case 1:
        *(uint8_t *)&cpu->gpr[r] = (uint8_t)val;
        break;
    case 2:
        *(uint16_t *)&cpu->gpr[r] = (uint16_t)val;
        break;
    case 4:
        cpu->gpr[r] = (uint32_t)val;
        break;
    default:
        cpu->gpr[r] = val;
        break;
    }
}

#endif
