/* SPDX-License-Identifier: Apache-2.0 */
/* The host assembler: prefixes, ModRM and SIB, VEX; see the Intel manual, volume 2, chapter 2. */
#include "accel/tcg/jit_asm.h"

/* The bytes go by @p, not by the buffer's own pointer: a byte may alias anything. */
static uint8_t *put(uint8_t *p, unsigned v)
{
    *p = (uint8_t)v;
    return p + 1;
}

static uint8_t *put32(uint8_t *p, int32_t v)
{
    store_le32(p, (uint32_t)v);
    return p + 4;
}

static uint8_t *modrm(uint8_t *p, unsigned reg, const struct host_rm *rm)
{
    unsigned r = (reg & 7) << 3, mod;

    if (!rm->mem) {
        return put(p, 0xc0 | r | (rm->reg & 7));
    }
    if (rm->base == HOST_NONE) { /* SIB with base 5 and mod 0: displacement alone, or with index */
        p = put(p, r | 4);
        p = put(p, rm->scale << 6 | (rm->index == HOST_NONE ? 4 : rm->index & 7) << 3 | 5);
        return put32(p, rm->disp);
    }
    mod = rm->disp == 0 && (rm->base & 7) != HOST_RBP ? 0 : rm->disp == (int8_t)rm->disp ? 1 : 2;
    if (rm->index != HOST_NONE || (rm->base & 7) == HOST_RSP) {
        p = put(p, mod << 6 | r | 4);
        p = put(p, rm->scale << 6 | (rm->index == HOST_NONE ? 4 : rm->index & 7) << 3 |
                       (rm->base & 7));
    } else {
        p = put(p, mod << 6 | r | (rm->base & 7));
    }
    return mod == 1 ? put(p, (uint8_t)rm->disp) : mod == 2 ? put32(p, rm->disp) : p;
}

/* The X and B bits that @rm needs in a REX prefix. */
static unsigned rex_xb(const struct host_rm *rm)
{
    if (!rm->mem) {
        return rm->reg >> 3;
    }
    return (rm->index != HOST_NONE && rm->index & 8 ? 2 : 0) |
           (rm->base != HOST_NONE && rm->base & 8 ? 1 : 0);
}

static bool names_rcx(const struct host_rm *rm)
{
    return !rm->mem && rm->reg == HOST_RCX;
}

void host_op(struct host_buf *b, unsigned flags, uint8_t opcode, unsigned reg,
             const struct host_rm *rm)
{
    unsigned rex = (flags & HOP_W ? 8 : 0) | (reg >> 3) << 2 | rex_xb(rm);
    uint8_t *p = b->p;

    if (rm->gs) {
        p = put(p, 0x65);
    }
    if (flags & HOP_LOCK) {
        p = put(p, 0xf0);
    }
    if (flags & HOP_66) {
        p = put(p, 0x66);
    }
    if (flags & (HOP_F3 | HOP_F2)) {
        p = put(p, flags & HOP_F3 ? 0xf3 : 0xf2);
    }
    if (rex || (flags & HOP_BYTE)) {
        p = put(p, 0x40 | rex);
    }
    if (flags & HOP_MAP) {
        p = put(p, 0x0f);
    }
    if ((flags & HOP_MAP) == HOP_0F38 || (flags & HOP_MAP) == HOP_0F3A) {
        p = put(p, (flags & HOP_MAP) == HOP_0F38 ? 0x38 : 0x3a);
    }
    p = put(p, opcode);
    b->p = modrm(p, reg, rm);
    b->rcx_named |= reg == HOST_RCX || names_rcx(rm);
}

void host_vex(struct host_buf *b, unsigned flags, uint8_t opcode, unsigned reg, unsigned vvvv,
              const struct host_rm *rm)
{
    unsigned rxb = ~((reg >> 3) << 2 | rex_xb(rm)) & 7;
    unsigned pp = flags & HOP_66 ? 1 : flags & HOP_F3 ? 2 : flags & HOP_F2 ? 3 : 0;
    unsigned last = (~vvvv & 0xf) << 3 | (flags & HOP_L ? 4 : 0) | pp;
    uint8_t *p = b->p;

    if (rm->gs) {
        p = put(p, 0x65);
    }
    if ((flags & (HOP_MAP | HOP_W)) == HOP_0F && (rxb & 3) == 3) {
        p = put(p, 0xc5);
        p = put(p, (rxb & 4) << 5 | last);
    } else {
        p = put(p, 0xc4);
        p = put(p, rxb << 5 | (flags & HOP_MAP) >> 6);
        p = put(p, (flags & HOP_W ? 0x80 : 0) | last);
    }
    p = put(p, opcode);
    b->p = modrm(p, reg, rm);
    b->rcx_named |= reg == HOST_RCX || vvvv == HOST_RCX || names_rcx(rm);
}

void host_imm(struct host_buf *b, uint64_t imm, unsigned bytes)
{
    store_le(b->p, imm, bytes);
    b->p += bytes;
}

unsigned host_width(unsigned bytes)
{
    return bytes == 8 ? HOP_W : bytes == 2 ? HOP_66 : bytes == 1 ? HOP_BYTE : 0;
}

void host_load(struct host_buf *b, unsigned dst, struct host_rm src, unsigned bytes)
{
    if (!src.mem && src.reg == dst && bytes == 8) {
        return;
    }
    if (bytes < 4) {
        host_op(b, HOP_0F | (bytes == 1 ? HOP_BYTE : 0), bytes == 1 ? 0xb6 : 0xb7, dst, &src);
    } else {
        host_op(b, host_width(bytes), 0x8b, dst, &src);
    }
}

void host_store(struct host_buf *b, struct host_rm dst, unsigned src, unsigned bytes)
{
    host_op(b, host_width(bytes), bytes == 1 ? 0x88 : 0x89, src, &dst);
}

void host_mov_imm(struct host_buf *b, unsigned dst, uint64_t imm)
{
    struct host_rm rm = host_reg_rm(dst);

    b->rcx_named |= dst == HOST_RCX;
    if (imm == (uint32_t)imm) {
        if (dst >> 3) {
            host_u8(b, 0x41);
        }
        host_u8(b, 0xb8 | (dst & 7));
        host_u32(b, (uint32_t)imm);
    } else if ((int64_t)imm == (int32_t)imm) {
        host_op(b, HOP_W, 0xc7, 0, &rm);
        host_u32(b, (uint32_t)imm);
    } else {
        host_u8(b, 0x48 | dst >> 3);
        host_u8(b, 0xb8 | (dst & 7));
        host_u64(b, imm);
    }
}

void host_lea(struct host_buf *b, unsigned dst, struct host_rm mem, unsigned bytes)
{
    if (bytes == 8 && mem.index == HOST_NONE && mem.disp == 0 && mem.base != HOST_NONE) {
        host_mov(b, dst, mem.base);
        return;
    }
    host_op(b, bytes == 8 ? HOP_W : 0, 0x8d, dst, &mem);
}

void host_rorx(struct host_buf *b, unsigned dst, unsigned src, unsigned count)
{
    struct host_rm rm = host_reg_rm(src);

    host_vex(b, HOP_F2 | HOP_0F3A | HOP_W, 0xf0, dst, 0, &rm);
    host_u8(b, count);
}

void host_pext(struct host_buf *b, unsigned dst, unsigned src, struct host_rm mask)
{
    host_vex(b, HOP_F3 | HOP_0F38 | HOP_W, 0xf5, dst, src, &mask);
}

void host_pdep(struct host_buf *b, unsigned dst, unsigned src, struct host_rm mask)
{
    host_vex(b, HOP_F2 | HOP_0F38 | HOP_W, 0xf5, dst, src, &mask);
}

uint8_t *host_jmp(struct host_buf *b)
{
    host_u8(b, 0xe9);
    b->p += 4;
    return b->p - 4;
}

uint8_t *host_jcc(struct host_buf *b, unsigned cond)
{
    host_u8(b, 0x0f);
    host_u8(b, 0x80 | cond);
    b->p += 4;
    return b->p - 4;
}

void host_alu_imm(struct host_buf *b, enum host_alu op, struct host_rm rm, int32_t imm,
                  unsigned bytes)
{
    if (bytes == 1) {
        host_op(b, HOP_BYTE, 0x80, op, &rm);
        host_u8(b, (uint8_t)imm);
    } else if (imm == (int8_t)imm) {
        host_op(b, host_width(bytes), 0x83, op, &rm);
        host_u8(b, (uint8_t)imm);
    } else {
        host_op(b, host_width(bytes), 0x81, op, &rm);
        host_imm(b, (uint32_t)imm, MIN(bytes, 4));
    }
}

void host_alu(struct host_buf *b, enum host_alu op, unsigned reg, struct host_rm rm, unsigned bytes)
{
    host_op(b, host_width(bytes), (uint8_t)(op << 3 | (bytes == 1 ? 2 : 3)), reg, &rm);
}
