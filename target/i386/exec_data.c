/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving data: MOV and its kin, the stack, exchanges, CMPXCHG8B/16B, flags by name.
 */
#include "target/i386/system.h"
#include "util/host_atomic.h"
#include <string.h>

void exec_MOV(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, operand_load(cpu, i, 1));
}

void exec_MOVZX(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, operand_load(cpu, i, 1));
}

void exec_MOVSX(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, (uint64_t)sign_extend(operand_load(cpu, i, 1), operand_size(i, 1)));
}

void exec_MOVSXD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, (uint64_t)sign_extend(operand_load(cpu, i, 1), operand_size(i, 1)));
}

void exec_LEA(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, insn_ea(cpu, i));
}

void exec_NOP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)cpu;
    (void)i;
}

void exec_FENCE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)cpu;
    (void)i;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void exec_CMOVCC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t src = operand_load(cpu, i, 1);

    /* a 32-bit destination is zero-extended either way */
    operand_store(cpu, i, 0, flags_condition(cpu, i->cond) ? src : operand_load(cpu, i, 0));
}

void exec_SETCC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, flags_condition(cpu, i->cond));
}

void exec_XCHG(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t b = operand_load(cpu, i, 1), a;

    do {
        a = operand_load_rmw(cpu, i, 0);
    } while (!operand_store_rmw(cpu, i, 0, a, b));
    operand_store(cpu, i, 1, a);
}

void exec_BSWAP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t v = operand_load(cpu, i, 0);

    /* 16 bits: not defined; processors clear the register */
    operand_store(cpu, i, 0,
                  i->width == 8   ? __builtin_bswap64(v)
                  : i->width == 4 ? __builtin_bswap32((uint32_t)v)
                                  : 0);
}

void exec_MOVBE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t v = operand_load(cpu, i, 1);

    operand_store(cpu, i, 0, __builtin_bswap64(v) >> (64 - i->width * 8));
}

void exec_MOVDIR64B(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t to = gpr_read(cpu, i->reg, i->asize), la;
    uint8_t data[64];

    mem_read_bytes(cpu, operand_linear(cpu, i, 0, 64, /* write= */ false), data, 64);
    la = seg_linear(cpu, X86_ES, to, 64, /* write= */ true);
    if (la & 63) {
        x86_raise(cpu, EXC_GP, 0);
    }
    mem_write_bytes(cpu, la, data, 64);
}

void exec_CBW(struct x86_cpu *cpu, const struct x86_insn *i)
{
    gpr_write(cpu, X86_RAX, i->width, (uint64_t)sign_extend(cpu->gpr[X86_RAX], i->width / 2));
}

void exec_CWD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    gpr_write(cpu, X86_RDX, i->width, sign_extend(cpu->gpr[X86_RAX], i->width) < 0 ? ~0ULL : 0);
}

void exec_XLAT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t off = cpu->gpr[X86_RBX] + (uint8_t)cpu->gpr[X86_RAX];

    off &= size_mask(i->asize);
    gpr_write(cpu, X86_RAX, 1, mem_read8(cpu, seg_linear(cpu, i->seg, off, 1, /* write= */ false)));
}

void exec_SALC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    gpr_write(cpu, X86_RAX, 1, flag_cf(cpu) ? 0xff : 0);
}

/* The stack. */

static void push(struct x86_cpu *cpu, unsigned size, uint64_t val)
{
    struct x86_stack st;

    stack_init(&st, cpu);
    stack_push(&st, val, size);
    stack_commit(&st);
}

void exec_PUSH(struct x86_cpu *cpu, const struct x86_insn *i)
{
    push(cpu, i->width, operand_load(cpu, i, 0));
}

void exec_POP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t old = cpu->gpr[X86_RSP], val;
    struct x86_stack st;

    stack_init(&st, cpu);
    val = stack_pop(&st, i->width);
    if (!i->is_mem) {
        stack_commit(&st);
        operand_store(cpu, i, 0, val);
        return;
    }
    /* a memory operand addressed by SP uses the incremented value */
    stack_commit(&st);
    if (i->base == X86_RSP) {
        uint64_t la, ea = insn_ea(cpu, i);

        cpu->gpr[X86_RSP] = old; /* in case of a fault */
        la = seg_linear(cpu, i->seg, ea, i->width, /* write= */ true);
        mem_write(cpu, la, val, i->width);
    } else {
        cpu->gpr[X86_RSP] = old;
        operand_store(cpu, i, 0, val);
    }
    stack_commit(&st);
}

void exec_PUSHA(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct x86_stack st;

    stack_init(&st, cpu);
    for (unsigned r = 0; r < 8; r++) {
        stack_push(&st, cpu->gpr[r], i->width);
    }
    stack_commit(&st);
}

void exec_POPA(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct x86_stack st;
    uint64_t val[8];

    stack_init(&st, cpu);
    for (unsigned r = 8; r-- > 0;) {
        val[r] = stack_pop(&st, i->width);
    }
    for (unsigned r = 0; r < 8; r++) {
        if (r != X86_RSP) {
            gpr_write(cpu, r, i->width, val[r]);
        }
    }
    stack_commit(&st);
}

void exec_ENTER(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned level = i->imm2 & 31;
    uint64_t frame, bp = cpu->gpr[X86_RBP];
    struct x86_stack st, from;

    stack_init(&st, cpu);
    stack_push(&st, bp, i->width);
    frame = st.sp;
    if (level) {
        from = st;
        for (unsigned n = 1; n < level; n++) {
            bp -= i->width;
            from.sp = bp;
            stack_push(&st, stack_pop(&from, i->width), i->width);
        }
        stack_push(&st, frame, i->width);
    }
    st.sp = (st.sp & ~st.mask) | ((st.sp - i->imm) & st.mask);
    /* the new stack top must be writable, or the fault belongs here */
    from = st;
    mem_probe(cpu, seg_linear(cpu, X86_SS, from.sp & st.mask, 1, /* write= */ true), 1,
              /* write= */ true);
    gpr_write(cpu, X86_RBP, i->width, frame);
    stack_commit(&st);
}

void exec_LEAVE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    struct x86_stack st;
    uint64_t val;

    stack_init(&st, cpu);
    st.sp = cpu->gpr[X86_RBP];
    val = stack_pop(&st, i->width);
    if (st.mask == 0xffff) {
        st.sp &= 0xffff;
    }
    stack_commit(&st);
    gpr_write(cpu, X86_RBP, i->width, val);
}

/* EFLAGS. */

void exec_PUSHF(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint32_t f = x86_eflags_get(cpu) & ~(FLAG_RF | FLAG_VM);

    if ((cpu->mode & MODE_VM86) && (cpu->eflags & FLAG_IOPL) != FLAG_IOPL) {
        if (!(cpu->cr4 & CR4_VME) || i->width != 2) {
            x86_raise(cpu, EXC_GP, 0);
        }
        f = (f & ~FLAG_IF) | FLAG_IOPL | (f & FLAG_VIF ? FLAG_IF : 0);
    }
    push(cpu, i->width, f);
}

void exec_POPF(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint32_t mask = FLAG_STATUS | FLAG_TF | FLAG_DF | FLAG_NT, f;
    unsigned iopl = cpu->eflags >> 12 & 3;
    struct x86_stack st;

    stack_init(&st, cpu);
    f = (uint32_t)stack_pop(&st, i->width);
    if (i->width > 2) {
        mask |= FLAG_AC | FLAG_ID | FLAG_RF;
        f &= ~FLAG_RF;
    }
    if (cpu->mode & MODE_VM86) {
        if (iopl == 3) {
            mask |= FLAG_IF;
        } else {
            if (!(cpu->cr4 & CR4_VME) || i->width != 2 || (f & FLAG_TF) ||
                ((f & FLAG_IF) && (cpu->eflags & FLAG_VIP))) {
                x86_raise(cpu, EXC_GP, 0);
            }
            mask |= FLAG_VIF;
            f = (f & ~FLAG_VIF) | (f & FLAG_IF ? FLAG_VIF : 0);
        }
    } else {
        if (cpu->cpl <= iopl || !(cpu->cr0 & CR0_PE)) {
            mask |= FLAG_IF;
        }
        if (cpu->cpl == 0) {
            mask |= FLAG_IOPL;
        }
    }
    stack_commit(&st);
    x86_eflags_write(cpu, f, mask);
}

void exec_SAHF(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    flags_update(cpu, FL_SZAPC, cpu->gpr[X86_RAX] >> 8 & FL_SZAPC);
}

void exec_LAHF(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    X86_BYTE_REG(cpu, 1) = (flags_status(cpu) & FL_SZAPC) | 2;
}

void exec_CMC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    flags_update(cpu, FLAG_CF, flag_cf(cpu) ? 0 : FLAG_CF);
}

void exec_CLC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    flags_update(cpu, FLAG_CF, 0);
}

void exec_STC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    flags_update(cpu, FLAG_CF, FLAG_CF);
}

void exec_CLD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    cpu->eflags &= ~FLAG_DF;
}

void exec_STD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    cpu->eflags |= FLAG_DF;
}

/* CLI and STI: IF itself, or VIF for VME and PVI. Returns false when it was VIF. */
static bool may_change_if(struct x86_cpu *cpu)
{
    unsigned iopl = cpu->eflags >> 12 & 3;

    if (!(cpu->cr0 & CR0_PE)) {
        return true;
    }
    if (cpu->mode & MODE_VM86) {
        if (iopl == 3) {
            return true;
        }
        if (cpu->cr4 & CR4_VME) {
            return false;
        }
    } else {
        if (cpu->cpl <= iopl) {
            return true;
        }
        if (cpu->cpl == 3 && (cpu->cr4 & CR4_PVI)) {
            return false;
        }
    }
    x86_raise(cpu, EXC_GP, 0);
}

void exec_CLI(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    cpu->eflags &= may_change_if(cpu) ? ~FLAG_IF : ~FLAG_VIF;
}

void exec_STI(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    if (!may_change_if(cpu)) {
        if (cpu->eflags & FLAG_VIP) {
            x86_raise(cpu, EXC_GP, 0);
        }
        cpu->eflags |= FLAG_VIF;
        return;
    }
    if (!(cpu->eflags & FLAG_IF)) {
        cpu->eflags |= FLAG_IF;
        cpu->interrupt_shadow = true;
        x86_attention(cpu);
    }
}

/* CMPXCHG8B and 16B: always a whole access, atomic when locked. */
static void compare_exchange_pair(struct x86_cpu *cpu, const struct x86_insn *i, unsigned half)
{
    bool locked = i->prefixes & PREFIX_LOCK, equal;
    uint64_t la = operand_linear(cpu, i, 0, half * 2, /* write= */ true);
    uint64_t want[2] = {gpr_read(cpu, X86_RAX, half), gpr_read(cpu, X86_RDX, half)};
    uint64_t with[2] = {gpr_read(cpu, X86_RBX, half), gpr_read(cpu, X86_RCX, half)};
    uint64_t old[2];

    mem_rmw_begin(cpu, la, half * 2, locked);
    if (half == 4) {
        uint64_t all, val;

        do {
            all = mem_rmw_load(cpu, 8);
            equal = all == (want[0] | want[1] << 32);
            val = equal ? with[0] | with[1] << 32 : all;
        } while (!mem_rmw_store(cpu, all, val, 8, locked));
        old[0] = (uint32_t)all;
        old[1] = all >> 32;
    } else if (cpu->rmw_host) {
        old[0] = want[0];
        old[1] = want[1];
        equal = host_cas128(cpu->rmw_host, old, with);
        mem_rmw_written(cpu, 16);
    } else {
        mem_read_bytes(cpu, la, old, 16);
        equal = old[0] == want[0] && old[1] == want[1];
        mem_write_bytes(cpu, la, equal ? with : old, 16);
        mem_rmw_end(cpu);
    }
    if (!equal) {
        gpr_write(cpu, X86_RAX, half, old[0]);
        gpr_write(cpu, X86_RDX, half, old[1]);
    }
    flags_update(cpu, FLAG_ZF, equal ? FLAG_ZF : 0);
}

void exec_CMPXCHG8B(struct x86_cpu *cpu, const struct x86_insn *i)
{
    compare_exchange_pair(cpu, i, 4);
}

void exec_CMPXCHG16B(struct x86_cpu *cpu, const struct x86_insn *i)
{
    /* Before the address is checked in other ways. */
    if ((cpu->seg_base[i->seg] + insn_ea(cpu, i)) & 15) {
        x86_raise(cpu, EXC_GP, 0);
    }
    compare_exchange_pair(cpu, i, 8);
}

void exec_CLZERO(struct x86_cpu *cpu, const struct x86_insn *i)
{
    static const uint8_t zero[64];
    uint64_t off = gpr_read(cpu, X86_RAX, i->asize) & ~63ULL;

    mem_write_bytes(cpu, seg_linear(cpu, i->seg, off, 64, /* write= */ true), zero, 64);
}
