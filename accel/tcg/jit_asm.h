/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing host x86-64 instructions into a buffer.
 *
 * The buffer is the writable mapping of the code cache; addresses in the code are those of the
 * executable one. Callers make sure of room (JIT_BLOCK_ROOM) before they begin a block.
 */
#ifndef VITRO_ACCEL_TCG_JIT_ASM_H
#define VITRO_ACCEL_TCG_JIT_ASM_H

#include "util/bytes.h"
#include <stdbool.h>

enum host_reg {
    HOST_RAX,
    HOST_RCX,
    HOST_RDX,
    HOST_RBX,
    HOST_RSP,
    HOST_RBP,
    HOST_RSI,
    HOST_RDI,
    HOST_R8,
    HOST_R9,
    HOST_R10,
    HOST_R11,
    HOST_R15 = 15,
    HOST_NONE = 16,
};

/* A register or memory operand of a host instruction. */
struct host_rm {
    bool mem;
    bool gs;       /* relative to the GS base: the CPU's state */
    uint8_t reg;   /* when not memory */
    uint8_t base;  /* HOST_NONE: none */
    uint8_t index; /* HOST_NONE: none; never HOST_RSP */
    uint8_t scale; /* shift */
    int32_t disp;
};

/* Which prefix and opcode map; the rest of the flags of host_op(). */
enum host_op_flags {
    HOP_66 = 1 << 0,
    HOP_F3 = 1 << 1,
    HOP_F2 = 1 << 2,
    HOP_W = 1 << 3, /* 64-bit operands (REX.W, VEX.W) */
    HOP_LOCK = 1 << 4,
    HOP_BYTE = 1 << 5, /* byte registers 4-7 are SPL to DIL: force a REX prefix */
    HOP_0F = 1 << 6,
    HOP_0F38 = 2 << 6,
    HOP_0F3A = 3 << 6,
    HOP_MAP = 3 << 6,
    HOP_L = 1 << 8, /* VEX.L */
};

struct host_buf {
    uint8_t *p;     /* next byte */
    bool rcx_named; /* RCX was an operand (not part of an address): it may have been written */
};

static inline void host_u8(struct host_buf *b, unsigned v)
{
    *b->p++ = (uint8_t)v;
}

static inline void host_u32(struct host_buf *b, uint32_t v)
{
    store_le32(b->p, v);
    b->p += 4;
}

static inline void host_u64(struct host_buf *b, uint64_t v)
{
    store_le64(b->p, v);
    b->p += 8;
}

static inline struct host_rm host_reg_rm(unsigned reg)
{
    return (struct host_rm){.reg = (uint8_t)reg, .base = HOST_NONE, .index = HOST_NONE};
}

/* [base + disp] */
static inline struct host_rm host_mem(unsigned base, int32_t disp)
{
    return (struct host_rm){.mem = true, .base = (uint8_t)base, .index = HOST_NONE, .disp = disp};
}

/* [base + (index << scale) + disp] */
static inline struct host_rm host_mem_sib(unsigned base, unsigned index, unsigned scale,
                                          int32_t disp)
{
    return (struct host_rm){.mem = true,
                            .base = (uint8_t)base,
                            .index = (uint8_t)index,
                            .scale = (uint8_t)scale,
                            .disp = disp};
}

/* gs:[disp] */
static inline struct host_rm host_state(size_t disp)
{
    return (struct host_rm){
        .mem = true, .gs = true, .base = HOST_NONE, .index = HOST_NONE, .disp = (int32_t)disp};
}

/* gs:[(index << 3) + disp] */
static inline struct host_rm host_state_index(unsigned index, size_t disp)
{
    return (struct host_rm){.mem = true,
                            .gs = true,
                            .base = HOST_NONE,
                            .index = (uint8_t)index,
                            .scale = 3,
                            .disp = (int32_t)disp};
}

/* One instruction with ModRM, @flags of enum host_op_flags. Immediates are the caller's. */
void host_op(struct host_buf *b, unsigned flags, uint8_t opcode, unsigned reg,
             const struct host_rm *rm);
/* The VEX encoding; @vvvv 0 when the instruction has none. */
void host_vex(struct host_buf *b, unsigned flags, uint8_t opcode, unsigned reg, unsigned vvvv,
              const struct host_rm *rm);
/* @b->p's value with @bytes of immediate. */
void host_imm(struct host_buf *b, uint64_t imm, unsigned bytes);

/* dst = src, 64 bits; either may be memory but not both. Flags stay. */
void host_load(struct host_buf *b, unsigned dst, struct host_rm src, unsigned bytes);
void host_store(struct host_buf *b, struct host_rm dst, unsigned src, unsigned bytes);
static inline void host_mov(struct host_buf *b, unsigned dst, unsigned src)
{
    host_load(b, dst, host_reg_rm(src), 8);
}
/* The shortest way to get a constant; flags stay. */
void host_mov_imm(struct host_buf *b, unsigned dst, uint64_t imm);
/* @bytes 4 gives a 32-bit result, zero-extended. */
void host_lea(struct host_buf *b, unsigned dst, struct host_rm mem, unsigned bytes);
/* Rotates right without flags (BMI2). */
void host_rorx(struct host_buf *b, unsigned dst, unsigned src, unsigned count);
/* dst = bits of src that the 64-bit mask in memory selects, packed; without flags (BMI2). */
void host_pext(struct host_buf *b, unsigned dst, unsigned src, struct host_rm mask);

/* The reverse: spreads low bits to where the mask has ones. */
void host_pdep(struct host_buf *b, unsigned dst, unsigned src, struct host_rm mask);

/* Jumps with a 32-bit displacement, to be filled in; return where it is. */
uint8_t *host_jmp(struct host_buf *b);
uint8_t *host_jcc(struct host_buf *b, unsigned cond);
static inline void host_call(struct host_buf *b, const uint8_t *to)
{
    b->rcx_named = true;
    host_u8(b, 0xe8);
    b->p += 4;
    store_le32(b->p - 4, (uint32_t)(to - b->p));
}

/* Jumps over the next @bytes bytes when RCX is 0; without flags. */
static inline void host_jrcxz(struct host_buf *b, int8_t bytes)
{
    host_u8(b, 0xe3);
    host_u8(b, (uint8_t)bytes);
}

/* Makes the jump whose displacement is at @at go to @to (both in the writable mapping). */
static inline void host_link(uint8_t *at, const uint8_t *to)
{
    int32_t rel = (int32_t)(to - (at + 4));

    __atomic_store_n((int32_t *)(void *)at, rel, __ATOMIC_RELEASE);
}

/* 8-bit, 16-bit ... arithmetic: /0 to /7 of 80-83. */
enum host_alu {
    HALU_ADD,
    HALU_OR,
    HALU_ADC,
    HALU_SBB,
    HALU_AND,
    HALU_SUB,
    HALU_XOR,
    HALU_CMP,
};
void host_alu_imm(struct host_buf *b, enum host_alu op, struct host_rm rm, int32_t imm,
                  unsigned bytes);
/* reg = reg op rm */
void host_alu(struct host_buf *b, enum host_alu op, unsigned reg, struct host_rm rm,
              unsigned bytes);
/* Flags that say a width: 66, W, byte. */
unsigned host_width(unsigned bytes);

#endif
