/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thunks: between translated code and C, and between C and translated code.
 *
 * Translated code is entered with nothing in host registers that it needs but the guest's state; on
 * the way to C that state is stored, so C functions may leave by longjmp().
 */
#include "accel/tcg/jit_translate.h"

static struct host_rm own(size_t member)
{
    return host_state(X86_ENGINE_OFFSET + member);
}

static struct host_rm vec_state(unsigned n)
{
    return host_state(offsetof(struct x86_cpu, vec) + n * sizeof(union x86_vec));
}

/* VMOVUPS YMM */
static void vec_move(struct host_buf *b, unsigned n, bool store)
{
    struct host_rm rm = vec_state(n);

    host_vex(b, HOP_0F | HOP_L, store ? 0x11 : 0x10, n, 0, &rm);
}

/* LDMXCSR (2) and STMXCSR (3) */
static void mxcsr(struct host_buf *b, unsigned digit, struct host_rm rm)
{
    host_op(b, HOP_0F, 0xae, digit, &rm);
}

static void set_word(struct host_buf *b, struct host_rm rm, uint32_t val)
{
    host_op(b, 0, 0xc7, 0, &rm);
    host_u32(b, val);
}

/* T1 = 0 if all vector registers are 0 above bit 127; uses two of them, no flags. */
static void emit_upper_bits(struct host_buf *b)
{
    struct host_rm low = host_reg_rm(0), high = host_reg_rm(1), t1 = host_reg_rm(JIT_T1);

    for (unsigned n = 0; n < X86_VEC_REGS; n++) {
        struct host_rm upper = vec_state(n);

        upper.disp += 16;
        host_vex(b, HOP_0F | (n ? HOP_66 : HOP_F3), n ? 0xeb : 0x6f, 0, 0, &upper); /* vpor */
    }
    host_vex(b, HOP_0F | HOP_66, 0x6d, 1, 0, &low); /* vpunpckhqdq */
    host_vex(b, HOP_0F | HOP_66, 0xeb, 0, 0, &high);
    host_vex(b, HOP_0F | HOP_66 | HOP_W, 0x7e, 0, 0, &t1); /* vmovq */
}

/*
 * Flags stay, T1 does not. Where no register has upper bits, they are loaded as XMM: else all SSE
 * code of a guest that uses no AVX would merge its results with upper halves of 0, each of which
 * the next result in the register had to wait for.
 */
static void emit_vec_load(struct host_buf *b)
{
    uint8_t *wide, *done;

    emit_upper_bits(b);
    host_jrcxz(b, 5);
    wide = host_jmp(b);
    for (unsigned n = 0; n < X86_VEC_REGS; n++) {
        struct host_rm rm = vec_state(n);

        host_vex(b, HOP_0F, 0x10, n, 0, &rm);
    }
    done = host_jmp(b);
    host_link(wide, b->p);
    for (unsigned n = 0; n < X86_VEC_REGS; n++) {
        vec_move(b, n, /* store= */ false);
    }
    host_link(done, b->p);
    mxcsr(b, 3, own(offsetof(struct jit_cpu, host_mxcsr)));
    mxcsr(b, 2, host_state(offsetof(struct x86_cpu, mxcsr)));
    set_word(b, own(offsetof(struct jit_cpu, vec_off)), 0);
    host_u8(b, 0xc3);
}

static void emit_vec_save(struct host_buf *b)
{
    for (unsigned n = 0; n < X86_VEC_REGS; n++) {
        vec_move(b, n, /* store= */ true);
    }
    mxcsr(b, 3, host_state(offsetof(struct x86_cpu, mxcsr)));
    mxcsr(b, 2, own(offsetof(struct jit_cpu, host_mxcsr)));
    set_word(b, own(offsetof(struct jit_cpu, vec_off)), 1);
    host_u8(b, 0xc5); /* vzeroupper */
    host_u8(b, 0xf8);
    host_u8(b, 0x77);
    host_u8(b, 0xc3);
}

static void store_guest(struct host_buf *b)
{
    for (unsigned r = 0; r < 16; r++) {
        if (!jit_in_memory(r)) {
            host_store(b, host_state(offsetof(struct x86_cpu, gpr) + 8 * r), jit_host_reg[r], 8);
        }
    }
    host_u8(b, 0x9f); /* lahf */
    host_u8(b, 0x0f); /* seto al */
    host_u8(b, 0x90);
    host_u8(b, 0xc0);
    host_store(b, own(offsetof(struct jit_cpu, flags)), HOST_RAX, 4);
}

static const uint8_t saved_regs[] = {HOST_RBX, HOST_RBP, 12, 13, 14, HOST_R15};

static void emit_leave(struct host_buf *b)
{
    host_u8(b, 0x48); /* add rsp, 8 */
    host_u8(b, 0x83);
    host_u8(b, 0xc4);
    host_u8(b, 8);
    for (unsigned n = ARRAY_SIZE(saved_regs); n-- > 0;) {
        if (saved_regs[n] >> 3) {
            host_u8(b, 0x41);
        }
        host_u8(b, 0x58 | (saved_regs[n] & 7));
    }
    host_u8(b, 0xc3);
}

/* Flags too. */
static void load_guest(struct host_buf *b)
{
    host_load(b, HOST_RAX, own(offsetof(struct jit_cpu, flags)), 4);
    host_u8(b, 0x04); /* add al, 0x7f: overflows when it is 1 */
    host_u8(b, 0x7f);
    host_u8(b, 0x9e); /* sahf */
    for (unsigned r = 0; r < 16; r++) {
        if (!jit_in_memory(r)) {
            host_load(b, jit_host_reg[r], host_state(offsetof(struct x86_cpu, gpr) + 8 * r), 8);
        }
    }
}

/* Loads the guest's registers and goes on at jit_cpu.go, with RIP in T0. */
static void emit_load_and_go(struct host_buf *b, const uint8_t *vec_load)
{
    struct host_rm go = own(offsetof(struct jit_cpu, go));
    uint8_t *skip;

    host_alu_imm(b, HALU_CMP, own(offsetof(struct jit_cpu, vec_want)), 0, 4);
    skip = host_jcc(b, 4);
    host_call(b, vec_load);
    set_word(b, own(offsetof(struct jit_cpu, vec_want)), 0);
    host_link(skip, b->p);
    load_guest(b);
    host_load(b, JIT_T0, host_state(offsetof(struct x86_cpu, rip)), 8);
    host_op(b, 0, 0xff, 4, &go);
}

/* Stores everything, calls @fn(cpu, ecx), goes on where it says or leaves. */
static uint8_t *emit_to_c(struct host_buf *b, const void *fn, const uint8_t *vec_save,
                          const uint8_t *load_and_go, const uint8_t *leave)
{
    uint8_t *start = b->p, *skip;
    struct host_rm rax = host_reg_rm(HOST_RAX);

    store_guest(b);
    host_load(b, HOST_RDI, own(offsetof(struct jit_cpu, self)), 8);
    host_op(b, 0, 0x8b, HOST_RSI, &(struct host_rm){.reg = HOST_RCX});
    host_alu_imm(b, HALU_CMP, own(offsetof(struct jit_cpu, vec_off)), 0, 4);
    skip = host_jcc(b, 5);
    host_call(b, vec_save);
    host_link(skip, b->p);
    host_mov_imm(b, HOST_RAX, (uintptr_t)fn);
    host_op(b, 0, 0xff, 2, &rax);
    host_op(b, HOP_W, 0x85, HOST_RAX, &rax);
    host_link(host_jcc(b, 4), leave);
    host_store(b, own(offsetof(struct jit_cpu, go)), HOST_RAX, 8);
    host_link(host_jmp(b), load_and_go);
    return start;
}

static void call_c(struct host_buf *b, const void *fn)
{
    struct host_rm rax = host_reg_rm(HOST_RAX);

    host_load(b, HOST_RDI, own(offsetof(struct jit_cpu, self)), 8);
    host_mov_imm(b, HOST_RAX, (uintptr_t)fn);
    host_op(b, 0, 0xff, 2, &rax);
}

/* To be called: does @fn(cpu), which may change general registers and must return. */
static uint8_t *emit_helper(struct host_buf *b, const void *fn, const uint8_t *vec_save,
                            const uint8_t *vec_load)
{
    uint8_t *start = b->p, *no_vectors, *done;

    store_guest(b);
    host_alu_imm(b, HALU_SUB, host_reg_rm(HOST_RSP), 8, 8);
    host_alu_imm(b, HALU_CMP, own(offsetof(struct jit_cpu, vec_off)), 0, 4);
    no_vectors = host_jcc(b, 5);
    host_call(b, vec_save);
    call_c(b, fn);
    host_call(b, vec_load);
    done = host_jmp(b);
    host_link(no_vectors, b->p);
    call_c(b, fn);
    host_link(done, b->p);
    host_alu_imm(b, HALU_ADD, host_reg_rm(HOST_RSP), 8, 8);
    load_guest(b);
    host_u8(b, 0xc3);
    return start;
}

/* The same, with T0 for RIP. */
static uint8_t *emit_jumped(struct host_buf *b, const void *fn, const uint8_t *vec_save,
                            const uint8_t *load_and_go, const uint8_t *leave)
{
    uint8_t *start = b->p;

    host_store(b, host_state(offsetof(struct x86_cpu, rip)), JIT_T0, 8);
    emit_to_c(b, fn, vec_save, load_and_go, leave);
    return start;
}

static void push(struct host_buf *b, unsigned reg)
{
    if (reg >> 3) {
        host_u8(b, 0x41);
    }
    host_u8(b, 0x50 | (reg & 7));
}

static void pop(struct host_buf *b, unsigned reg)
{
    if (reg >> 3) {
        host_u8(b, 0x41);
    }
    host_u8(b, 0x58 | (reg & 7));
}

static void shift_right(struct host_buf *b, unsigned reg, unsigned by)
{
    struct host_rm rm = host_reg_rm(reg);

    host_op(b, HOP_W, 0xc1, 5, &rm);
    host_u8(b, by);
}

/* Leaves code_page's thunk: restores flags, RDX, RAX. */
static void code_page_end(struct host_buf *b)
{
    pop(b, HOST_RAX);
    host_u8(b, 0x04); /* add al, 0x7f */
    host_u8(b, 0x7f);
    host_u8(b, 0x9e); /* sahf */
    pop(b, HOST_RDX);
    pop(b, HOST_RAX);
    host_u8(b, 0xc3);
}

/* See struct jit_thunks. Both lines that the bytes touch must be free of code. */
static uint8_t *emit_code_page(struct host_buf *b, unsigned set)
{
    size_t tlb = X86_TLB_OFFSET + offsetof(struct x86_tlb, d[0]) + set * sizeof(struct x86_dtlb);
    struct host_rm rdx = host_reg_rm(HOST_RDX);
    uint8_t *start = b->p, *fail[2], *code[2];

    push(b, HOST_RAX);
    push(b, HOST_RDX);
    host_u8(b, 0x9f); /* lahf */
    host_u8(b, 0x0f); /* seto al */
    host_u8(b, 0x90);
    host_u8(b, 0xc0);
    push(b, HOST_RAX);
    host_pext(b, HOST_RDX, JIT_T0, own(offsetof(struct jit_cpu, slot_mask)));
    host_load(b, HOST_RAX, host_state_index(HOST_RDX, tlb + offsetof(struct x86_dtlb, cneg)), 8);
    host_alu(b, HALU_ADD, HOST_RAX, host_reg_rm(JIT_T0), 8);
    host_alu_imm(b, HALU_CMP, host_reg_rm(HOST_RAX), PAGE_SIZE - 1, 8);
    fail[0] = host_jcc(b, 7);
    host_alu(b, HALU_ADD, JIT_T1, host_reg_rm(HOST_RAX), 8);
    host_alu_imm(b, HALU_CMP, host_reg_rm(JIT_T1), PAGE_SIZE - 1, 8);
    fail[1] = host_jcc(b, 7);
    shift_right(b, HOST_RAX, 6);
    shift_right(b, JIT_T1, 6);
    push(b, HOST_RDX);
    host_load(b, HOST_RDX, host_state_index(HOST_RDX, tlb + offsetof(struct x86_dtlb, clines)), 8);
    host_load(b, HOST_RDX, host_mem(HOST_RDX, 0), 8);
    host_op(b, HOP_W | HOP_0F, 0xa3, HOST_RAX, &rdx); /* bt */
    code[0] = host_jcc(b, 2);
    host_op(b, HOP_W | HOP_0F, 0xa3, JIT_T1, &rdx);
    code[1] = host_jcc(b, 2);
    pop(b, HOST_RDX);
    host_load(b, JIT_T1, host_state_index(HOST_RDX, tlb + offsetof(struct x86_dtlb, addend)), 8);
    code_page_end(b);
    host_link(code[0], b->p);
    host_link(code[1], b->p);
    pop(b, HOST_RDX);
    host_link(fail[0], b->p);
    host_link(fail[1], b->p);
    host_alu_imm(b, HALU_ADD, host_mem(HOST_RSP, 24), 5, 8); /* the return address */
    code_page_end(b);
    return start;
}

/* See struct jit_thunks. RBX keeps whether the vector registers were the guest's. */
static uint8_t *emit_range(struct host_buf *b, const uint8_t *vec_save, const uint8_t *vec_load)
{
    static const uint8_t regs[] = {HOST_RAX, HOST_RDX, HOST_RBX, HOST_RSI,
                                   HOST_RDI, HOST_R8,  HOST_R9,  HOST_R10};
    struct host_rm rax = host_reg_rm(HOST_RAX), rbx = host_reg_rm(HOST_RBX);
    uint8_t *start = b->p, *skip;

    for (unsigned n = 0; n < ARRAY_SIZE(regs); n++) {
        push(b, regs[n]);
    }
    push(b, JIT_T0);
    host_u8(b, 0x9f); /* lahf */
    host_u8(b, 0x0f); /* seto al */
    host_u8(b, 0x90);
    host_u8(b, 0xc0);
    push(b, HOST_RAX);
    push(b, HOST_RAX); /* with the return address, RSP is aligned to 16 */
    host_load(b, HOST_RDI, own(offsetof(struct jit_cpu, self)), 8);
    host_mov(b, HOST_RSI, JIT_T0);
    host_load(b, HOST_RDX, host_mem(HOST_RSP, (ARRAY_SIZE(regs) + 3) * 8), 8);
    host_load(b, HOST_RBX, own(offsetof(struct jit_cpu, vec_off)), 4);
    host_op(b, 0, 0x85, HOST_RBX, &rbx);
    skip = host_jcc(b, 5);
    host_call(b, vec_save);
    host_link(skip, b->p);
    host_mov_imm(b, HOST_RAX, (uintptr_t)(const void *)jit_fill_range);
    host_op(b, 0, 0xff, 2, &rax);
    host_op(b, 0, 0x85, HOST_RBX, &rbx);
    skip = host_jcc(b, 5);
    host_call(b, vec_load);
    host_link(skip, b->p);
    host_mov(b, JIT_T1, HOST_RAX);
    pop(b, HOST_RAX);
    pop(b, HOST_RAX);
    host_u8(b, 0x04); /* add al, 0x7f */
    host_u8(b, 0x7f);
    host_u8(b, 0x9e); /* sahf */
    pop(b, JIT_T0);
    for (unsigned n = ARRAY_SIZE(regs); n-- > 0;) {
        pop(b, regs[n]);
    }
    host_u8(b, 0xc3);
    return start;
}

static void align(struct host_buf *b)
{
    while ((uintptr_t)b->p & 15) {
        host_u8(b, 0xcc);
    }
}

void jit_emit_thunks(struct jit *j)
{
    struct host_buf b = {.p = j->w};
    uint8_t *vec_load, *vec_save, *leave, *go, *enter, *slow, *follow, *checked, *jumped, *tsc;

    vec_load = b.p;
    emit_vec_load(&b);
    align(&b);
    vec_save = b.p;
    emit_vec_save(&b);
    align(&b);
    leave = b.p;
    emit_leave(&b);
    align(&b);
    go = b.p;
    emit_load_and_go(&b, vec_load);
    align(&b);
    enter = b.p;
    for (unsigned n = 0; n < ARRAY_SIZE(saved_regs); n++) {
        if (saved_regs[n] >> 3) {
            host_u8(&b, 0x41);
        }
        host_u8(&b, 0x50 | (saved_regs[n] & 7));
    }
    host_u8(&b, 0x48); /* sub rsp, 8 */
    host_u8(&b, 0x83);
    host_u8(&b, 0xec);
    host_u8(&b, 8);
    host_store(&b, own(offsetof(struct jit_cpu, go)), HOST_RDI, 8);
    host_link(host_jmp(&b), go);
    align(&b);
    slow = emit_to_c(&b, (const void *)jit_slow, vec_save, go, leave);
    align(&b);
    follow = emit_to_c(&b, (const void *)jit_follow, vec_save, go, leave);
    align(&b);
    checked = emit_jumped(&b, (const void *)jit_checked, vec_save, go, leave);
    align(&b);
    jumped = emit_jumped(&b, (const void *)jit_jumped, vec_save, go, leave);
    align(&b);
    tsc = emit_helper(&b, (const void *)jit_read_tsc, vec_save, vec_load);
    align(&b);
    jit_emit_fpu_thunks(j, &b);
    align(&b);
    j->thunk = (struct jit_thunks){.enter = enter,
                                   .slow = slow,
                                   .follow = follow,
                                   .vec_load = vec_load,
                                   .tsc = tsc,
                                   .checked = checked,
                                   .jumped = jumped};
    for (unsigned set = 0; set < TLB_SETS; set++) {
        j->thunk.code_page[set] = emit_code_page(&b, set);
        align(&b);
    }
    j->thunk.range = emit_range(&b, vec_save, vec_load);
    align(&b);
    j->used = j->thunks_end = (size_t)(b.p - j->w);
}
