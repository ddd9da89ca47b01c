/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x87 and MMX instructions, executed by the host's FPU.
 *
 * They are emitted as they are: registers, tags, TOP, control and status word are the host's own,
 * only memory operands and general registers are replaced. That is exact as long as no exception is
 * unmasked (JIT_MODE_X87); a control word that unmasks one is loaded by the interpreter.
 *
 * What the host remembers as last instruction and operand is its own; the guest's are kept in
 * struct x86_fpu by stores beside the instructions. Guests that are AMD processors see them only
 * with an unmasked exception waiting, so nothing is stored for them.
 *
 * Absent: whole environments and states (FNSTENV, FLDENV, FNSAVE, FRSTOR, FXSAVE, XSAVE ...) and
 * MASKMOVQ, which are the interpreter's.
 */
#include "accel/tcg/jit_translate.h"
#include "target/i386/softfloat.h"
#include "target/i386/x87.h"

#define FPU_STATE(member) (offsetof(struct x86_cpu, fpu) + offsetof(struct x86_fpu, member))

static struct host_rm own_state(size_t member)
{
    return host_state(X86_ENGINE_OFFSET + member);
}

/* ---- the state, there and back ----------------------------------------------------------- */

bool jit_x87_usable(const struct x86_cpu *cpu)
{
    return !(cpu->cr0 & (CR0_EM | CR0_TS)) && (cpu->fpu.cw & SF_ALL) == SF_ALL &&
           !(cpu->fpu.sw & X87_ES);
}

bool jit_touches_fpu(const struct x86_row *row)
{
    switch (row->op) {
    case OP_XSAVE:
    case OP_XSAVEOPT:
    case OP_XSAVEC:
    case OP_XSAVES:
    case OP_XRSTOR:
    case OP_XRSTORS:
        return true;
    default:
        return row->needs & (X87 | MMXF);
    }
}

/* FNSAVE's image: 28 bytes of environment, then ST0 to ST7 in 10 bytes each. */
void jit_fpu_save(struct x86_cpu *cpu)
{
    struct jit_cpu *jc = jit_cpu_of(cpu);
    struct x86_fpu *fpu = &cpu->fpu;
    uint8_t image[108];
    uint16_t sw, tags;

    if (jc->fpu_off) {
        return;
    }
    __asm__ volatile("fnsave %0" : "=m"(image));
    sw = load_le16(image + 4);
    tags = load_le16(image + 8);
    fpu->cw = load_le16(image);
    fpu->sw = sw & ~(7u << 11);
    fpu->top = sw >> 11 & 7;
    fpu->empty = 0;
    for (unsigned n = 0; n < 8; n++) {
        const uint8_t *p = image + 28 + 10 * n;

        fpu->empty |= ((tags >> 2 * n & 3) == 3) << n;
        fpu->r[(fpu->top + n) & 7] =
            (struct x86_fpr){.mant = load_le64(p), .exp = load_le16(p + 8)};
    }
    jc->fpu_off = 1;
}

void jit_fpu_load(const struct jit *j, struct x86_cpu *cpu)
{
    if (jit_cpu_of(cpu)->fpu_off) {
        ((void (*)(void))(j->fpu.load + j->to_x))();
    }
}

/* dst = the low bits of src, one for each bit of @mask; without flags (BMI2). Destroys T0. */
static void emit_pdep(struct host_buf *b, unsigned dst, unsigned src, uint32_t mask)
{
    struct host_rm t0 = host_reg_rm(JIT_T0);

    host_mov_imm(b, JIT_T0, mask);
    host_vex(b, HOP_F2 | HOP_0F38, 0xf5, dst, src, &t0);
}

static void emit_store_zero(struct host_buf *b, struct host_rm rm, unsigned bytes)
{
    host_op(b, host_width(bytes), bytes == 1 ? 0xc6 : 0xc7, 0, &rm);
    host_imm(b, 0, MIN(bytes, 4));
}

/*
 * With TOP at 0, eight pushes fill the physical registers 7 to 0; FLDENV then makes TOP and tags
 * right. FLD of 80 bits changes no value, whatever it is.
 */
void jit_emit_fpu_thunks(struct jit *j, struct host_buf *b)
{
    static const uint8_t empty_stack[] = {0x0f, 0xef, 0xc0, 0x0f, 0x77}; /* PXOR mm0, mm0; EMMS */
    size_t env = offsetof(struct jit_cpu, fpu) + offsetof(struct jit_fpu, env);
    struct host_rm rm;

    j->fpu.load = b->p;
    for (unsigned n = 0; n < sizeof(empty_stack); n++) {
        host_u8(b, empty_stack[n]);
    }
    for (unsigned n = 8; n-- > 0;) {
        rm = host_state(FPU_STATE(r[0]) + n * sizeof(struct x86_fpr));
        host_op(b, 0, 0xdb, 5, &rm);
    }
    host_load(b, JIT_T1, host_state(FPU_STATE(cw)), 2);
    host_store(b, own_state(env), JIT_T1, 4);
    host_load(b, JIT_T1, host_state(FPU_STATE(top)), 1);
    emit_pdep(b, JIT_T1, JIT_T1, 7u << 11);
    host_load(b, JIT_T0, host_state(FPU_STATE(sw)), 2);
    host_lea(b, JIT_T1, host_mem_sib(JIT_T0, JIT_T1, 0, 0), 4);
    host_store(b, own_state(env + 4), JIT_T1, 4);
    host_load(b, JIT_T1, host_state(FPU_STATE(empty)), 1);
    emit_pdep(b, JIT_T1, JIT_T1, 0x5555);
    host_lea(b, JIT_T1, host_mem_sib(JIT_T1, JIT_T1, 1, 0), 4);
    host_store(b, own_state(env + 8), JIT_T1, 4);
    rm = own_state(env);
    host_op(b, 0, 0xd9, 4, &rm);
    /* no error waits, so FERR# is not asserted; IGNNE# falls with it */
    emit_store_zero(b, host_state(offsetof(struct x86_cpu, ignne)), 1);
    emit_store_zero(b, own_state(offsetof(struct jit_cpu, fpu_off)), 4);
    host_u8(b, 0xc3);
}

void jit_emit_fpu_check(struct jit_tr *tr)
{
    struct host_buf *b = &tr->b;

    host_load(b, JIT_T1, own_state(offsetof(struct jit_cpu, fpu_off)), 4);
    host_jrcxz(b, 5);
    host_u8(b, 0xe8);
    b->p += 4;
    host_link(b->p - 4, tr->jit->fpu.load);
}

/* ---- the guest's pointers ---------------------------------------------------------------- */

/* Whether the instruction, which has an emitter, moves the pointers. */
static bool moves_pointers(const struct x86_insn *i)
{
    const struct x86_row *row = insn_row(i);

    switch (row->op) {
    case OP_FLDCW:
    case OP_FNSTCW:
    case OP_FNSTSW:
    case OP_FNCLEX:
    case OP_FNINIT:
        return false;
    default:
        return (row->needs & (X87 | MMXF)) == X87;
    }
}

/* T0 = the memory operand's offset in its segment. */
static void emit_ea(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    uint64_t disp = (uint64_t)(int64_t)i->disp;
    unsigned base = HOST_NONE, index = HOST_NONE;

    if (i->base == X86_RIP) {
        jit_rip(tr, JIT_T0, tr->next + disp);
        host_load(b, JIT_T0, host_reg_rm(JIT_T0), i->asize);
        return;
    }
    if (i->base != X86_ZERO) {
        base = jit_in_memory(i->base) ? JIT_T0 : jit_host_reg[i->base];
        jit_get(tr, base, i->base);
    }
    if (i->index != X86_ZERO) {
        index = jit_in_memory(i->index) ? JIT_T1 : jit_host_reg[i->index];
        jit_get(tr, index, i->index);
    }
    host_lea(b, JIT_T0, host_mem_sib(base, index, i->scale, i->disp), i->asize);
}

static void emit_store_selector(struct host_buf *b, size_t member, unsigned seg)
{
    host_load(b, JIT_T0,
              host_state(offsetof(struct x86_cpu, seg) + seg * sizeof(struct x86_seg) +
                         offsetof(struct x86_seg, sel)),
              2);
    host_store(b, host_state(member), JIT_T0, 2);
}

/* As x87_note(). Uses no flags. */
static void emit_pointers(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    const struct x86_insn *after = tr->cur + 1 < tr->count ? i + 1 : NULL;

    if (tr->cpu->vendor_amd || !moves_pointers(i)) {
        return;
    }
    if (i->is_mem) {
        emit_ea(tr, i);
        host_store(b, host_state(FPU_STATE(dp)), JIT_T0, 8);
        emit_store_selector(b, FPU_STATE(ds), i->seg);
    }
    if (after && !after->is_mem && moves_pointers(after)) {
        return; /* nothing can look between the two */
    }
    jit_rip(tr, JIT_T0, tr->next - i->len);
    host_store(b, host_state(FPU_STATE(ip)), JIT_T0, 8);
    host_mov_imm(b, JIT_T0, (i->opcode & 7u) << 8 | i->modrm);
    host_store(b, host_state(FPU_STATE(op)), JIT_T0, 2);
    emit_store_selector(b, FPU_STATE(cs), X86_CS);
}

/* ---- x87 --------------------------------------------------------------------------------- */

/* The operand in memory, which there is. */
static unsigned memory_operand(const struct x86_insn *i)
{
    return jit_where(i, 0) == WHERE_MEM ? 0 : 1;
}

static void emit_x87(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;

    if (i->is_mem) {
        unsigned n = memory_operand(i);
        struct host_rm rm = jit_mem(tr, i, operand_size(i, n), n == 0 ? JIT_WRITE : 0);

        host_op(b, 0, i->opcode, i->modrm >> 3 & 7, &rm);
    } else {
        host_u8(b, i->opcode);
        host_u8(b, i->modrm);
    }
    emit_pointers(tr, i);
}

/* The host's FLDCW, of a copy that the guest cannot change any more, if it masks everything. */
static void emit_fldcw(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    struct host_rm t1 = host_reg_rm(JIT_T1);
    struct host_rm copy = own_state(offsetof(struct jit_cpu, fpu) + offsetof(struct jit_fpu, cw));

    host_load(b, JIT_T1, jit_mem(tr, i, 2, 0), 2);
    host_store(b, copy, JIT_T1, 4);
    host_op(b, HOP_W, 0xf7, 2, &t1); /* not */
    host_mov_imm(b, JIT_T0, SF_ALL);
    host_pext(b, JIT_T1, JIT_T1, host_reg_rm(JIT_T0));
    host_jrcxz(b, 5);
    jit_stub_from(jit_site_stub(tr), host_jmp(b));
    host_op(b, 0, 0xd9, 5, &copy);
}

static void emit_fninit(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;

    host_u8(b, i->opcode);
    host_u8(b, i->modrm);
    host_mov_imm(b, JIT_T0, 0);
    host_store(b, host_state(FPU_STATE(op)), JIT_T0, 2);
    host_store(b, host_state(FPU_STATE(ip)), JIT_T0, 8);
    host_store(b, host_state(FPU_STATE(dp)), JIT_T0, 8);
    host_store(b, host_state(FPU_STATE(cs)), JIT_T0, 2);
    host_store(b, host_state(FPU_STATE(ds)), JIT_T0, 2);
}

/* FNOP and what the 8087 and 80287 had: only the pointers move. */
static void emit_fnop(struct jit_tr *tr, const struct x86_insn *i)
{
    emit_pointers(tr, i);
}

/* FWAIT: nothing waits. */
static void emit_fwait(struct jit_tr *tr, const struct x86_insn *i)
{
    (void)tr, (void)i;
}

static bool plan_x87(const struct x86_insn *i, struct jit_plan *plan)
{
    plan->emit = emit_x87;
    switch (insn_row(i)->op) {
    case OP_FLDENV:
    case OP_FNSTENV:
    case OP_FRSTOR:
    case OP_FNSAVE:
    case OP_FXSAVE:
    case OP_FXRSTOR:
        return false;
    case OP_FLDCW:
        plan->emit = emit_fldcw;
        break;
    case OP_FNINIT:
        plan->emit = emit_fninit;
        break;
    case OP_FNOP:
        plan->emit = emit_fnop;
        break;
    case OP_FCOMI:
    case OP_FCOMIP:
    case OP_FUCOMI:
    case OP_FUCOMIP:
        plan->writes_flags = plan->writes_all = true;
        break;
    case OP_FCMOV:
        plan->reads_flags = true;
        break;
    case OP_FNSTSW:
        plan->writes = i->is_mem ? 0 : 1u << X86_RAX;
        break;
    default:
        break;
    }
    return true;
}

/* ---- MMX --------------------------------------------------------------------------------- */

static unsigned encoding_flags(const struct x86_row *row)
{
    static const unsigned maps[MAP_COUNT] = {0, HOP_0F, HOP_0F38, HOP_0F3A};
    unsigned pfx = row->pfx == PFX_P66   ? HOP_66
                   : row->pfx == PFX_PF3 ? HOP_F3
                   : row->pfx == PFX_PF2 ? HOP_F2
                                         : 0;

    return maps[row->map] | pfx;
}

/* Operand @n in ModRM.rm, when it is not in memory. */
static struct host_rm mmx_rm(const struct x86_insn *i, unsigned n)
{
    switch (jit_where(i, n)) {
    case WHERE_RM: /* a general register; of one in memory only what is read of it */
        return n == 0 && jit_in_memory(i->rm) ? host_reg_rm(JIT_T0) : jit_gpr(i->rm);
    case WHERE_MMXRM:
    case WHERE_MMXRMREG:
        return host_reg_rm(i->rm & 7);
    default:
        return host_reg_rm(i->rm);
    }
}

static void emit_mmx(struct jit_tr *tr, const struct x86_insn *i)
{
    struct host_buf *b = &tr->b;
    unsigned flags = encoding_flags(insn_row(i)), reg = i->modrm >> 3 & 7;
    struct host_rm rm = {0};
    bool gpr = jit_where(i, 0) == WHERE_REG || (jit_where(i, 0) == WHERE_RM && !i->is_mem);
    unsigned dst = jit_where(i, 0) == WHERE_REG ? i->reg : i->rm;

    for (unsigned n = 0; n < 4; n++) {
        unsigned bytes = operand_size(i, n);

        switch (jit_where(i, n)) {
        case WHERE_VREG:
            reg = i->reg;
            break;
        case WHERE_REG:
            reg = jit_in_memory(i->reg) ? JIT_T0 : jit_host_reg[i->reg];
            break;
        case WHERE_RM:
            flags |= bytes == 8 ? HOP_W : 0;
            /* fall through */
        case WHERE_MMXRM:
        case WHERE_MMXRMREG:
        case WHERE_VRM:
        case WHERE_VRMREG:
            rm = i->is_mem ? jit_mem(tr, i, bytes,
                                     (n == 0 ? JIT_WRITE : 0) | (bytes == 16 ? JIT_ALIGN : 0))
                           : mmx_rm(i, n);
            break;
        default:
            break;
        }
    }
    host_op(b, flags, i->opcode, reg, &rm);
    if (jit_where(i, 2) == WHERE_IMM || jit_where(i, 3) == WHERE_IMM) {
        host_u8(b, (uint8_t)i->imm);
    }
    if (gpr && jit_in_memory(dst)) {
        jit_put(tr, dst, JIT_T0);
    }
}

/* FEMMS too: the host may not have that. */
static void emit_emms(struct jit_tr *tr, const struct x86_insn *i)
{
    (void)i;
    host_u8(&tr->b, 0x0f);
    host_u8(&tr->b, 0x77);
}

static bool plan_mmx(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    const struct x86_row *row = insn_row(i);
    unsigned dst = jit_where(i, 0);

    if (row->op == OP_MASKMOV || ((row->needs & SSEF) && !(tr->mode & JIT_MODE_SSE))) {
        return false;
    }
    plan->emit = row->op == OP_EMMS ? emit_emms : emit_mmx;
    plan->vec = row->needs & SSEF;
    if (dst == WHERE_REG || (dst == WHERE_RM && !i->is_mem)) {
        plan->writes = 1u << (dst == WHERE_REG ? i->reg : i->rm);
    }
    return true;
}

bool jit_plan_x87(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    const struct x86_row *row = insn_row(i);

    if (!(tr->mode & JIT_MODE_X87)) {
        return false;
    }
    if (row->op == OP_FWAIT) {
        plan->emit = emit_fwait;
        return true;
    }
    if (!(row->needs & (X87 | MMXF)) ||
        (i->is_mem && (!jit_mem_ok(tr, i) || jit_by_segment(tr, i)))) {
        return false;
    }
    plan->fpu = true;
    plan->memory = i->is_mem;
    return row->needs & MMXF ? plan_mmx(tr, i, plan) : plan_x87(i, plan);
}
