/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment registers and descriptor tables: MOV, PUSH and POP of selectors, LDS..LSS, LGDT..LTR,
 * LAR, LSL, VERR, VERW, ARPL, FS and GS bases, SWAPGS.
 */
#include "target/i386/system.h"

static void push_seg(struct x86_cpu *cpu, const struct x86_insn *i, unsigned s)
{
    struct x86_stack st;

    stack_init(&st, cpu);
    if (i->width == 4 && !cpu->vendor_amd) { /* the slot's upper two bytes keep their contents */
        st.sp = (st.sp & ~st.mask) | ((st.sp - 2) & st.mask);
        stack_push(&st, cpu->seg[s].sel, 2);
    } else {
        stack_push(&st, cpu->seg[s].sel, i->width);
    }
    stack_commit(&st);
}

static void shadow_after_ss(struct x86_cpu *cpu, unsigned s)
{
    if (s == X86_SS) {
        cpu->interrupt_shadow = true;
        x86_attention(cpu);
    }
}

static void pop_seg(struct x86_cpu *cpu, const struct x86_insn *i, unsigned s)
{
    struct x86_stack st;
    uint16_t sel;

    stack_init(&st, cpu);
    sel = (uint16_t)stack_pop(&st, i->width);
    x86_load_seg(cpu, s, sel);
    stack_commit(&st);
    shadow_after_ss(cpu, s);
}

#define PUSH_POP(name)                                                                             \
    void exec_PUSH_##name(struct x86_cpu *cpu, const struct x86_insn *i)                           \
    {                                                                                              \
        push_seg(cpu, i, X86_##name);                                                              \
    }                                                                                              \
    void exec_POP_##name(struct x86_cpu *cpu, const struct x86_insn *i)                            \
    {                                                                                              \
        pop_seg(cpu, i, X86_##name);                                                               \
    }

PUSH_POP(ES)
PUSH_POP(SS)
PUSH_POP(DS)
PUSH_POP(FS)
PUSH_POP(GS)

void exec_PUSH_CS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    push_seg(cpu, i, X86_CS);
}

void exec_MOV_FROM_SEG(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, cpu->seg[i->reg].sel);
}

void exec_MOV_TO_SEG(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x86_load_seg(cpu, i->reg, (uint16_t)operand_load(cpu, i, 1));
    shadow_after_ss(cpu, i->reg);
}

/* AMD's processors have no 64-bit offsets in far pointers. */
static void load_far(struct x86_cpu *cpu, const struct x86_insn *i, unsigned s)
{
    unsigned size = cpu->vendor_amd ? MIN(operand_size(i, 0), 4) : operand_size(i, 0);
    uint64_t la = operand_linear(cpu, i, 0, size + 2, /* write= */ false);
    uint64_t off = mem_read(cpu, la, size);

    x86_load_seg(cpu, s, mem_read16(cpu, (la + size) & cpu->ea_mask));
    operand_store(cpu, i, 0, off);
}

void exec_LES(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_far(cpu, i, X86_ES);
}

void exec_LDS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_far(cpu, i, X86_DS);
}

void exec_LSS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_far(cpu, i, X86_SS);
}

void exec_LFS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_far(cpu, i, X86_FS);
}

void exec_LGS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_far(cpu, i, X86_GS);
}

/* CR4.UMIP: these are not for user programs. */
static void check_umip(struct x86_cpu *cpu)
{
    if ((cpu->cr4 & CR4_UMIP) && cpu->cpl > 0) {
        x86_raise(cpu, EXC_GP, 0);
    }
}

static void store_table(struct x86_cpu *cpu, const struct x86_insn *i, const struct x86_table *t)
{
    unsigned size = x86_is_64(cpu) ? 8 : 4;
    uint64_t la;
    uint8_t image[10];

    check_umip(cpu);
    la = operand_linear(cpu, i, 0, size + 2, /* write= */ true);
    store_le16(image, t->limit);
    store_le64(image + 2, t->base);
    mem_write_bytes(cpu, la, image, size + 2);
}

static void load_table(struct x86_cpu *cpu, const struct x86_insn *i, struct x86_table *t)
{
    unsigned size = x86_is_64(cpu) ? 8 : 4;
    uint64_t la = operand_linear(cpu, i, 0, size + 2, /* write= */ false), base;
    uint16_t limit = mem_read16(cpu, la);

    base = mem_read(cpu, (la + 2) & cpu->ea_mask, size);
    if (size == 8 && !x86_is_canonical(cpu, base)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    if (size == 4 && i->width == 2) {
        base &= 0xffffff;
    }
    *t = (struct x86_table){.base = base, .limit = limit};
}

void exec_SGDT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_table(cpu, i, &cpu->gdt);
}

void exec_SIDT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    store_table(cpu, i, &cpu->idt);
}

void exec_LGDT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_table(cpu, i, &cpu->gdt);
}

void exec_LIDT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    load_table(cpu, i, &cpu->idt);
}

void exec_SLDT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    check_umip(cpu);
    operand_store(cpu, i, 0, cpu->seg[X86_LDTR].sel);
}

void exec_STR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    check_umip(cpu);
    operand_store(cpu, i, 0, cpu->seg[X86_TR].sel);
}

void exec_SMSW(struct x86_cpu *cpu, const struct x86_insn *i)
{
    check_umip(cpu);
    operand_store(cpu, i, 0, cpu->cr0);
}

void exec_LLDT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    x86_load_ldt(cpu, (uint16_t)operand_load(cpu, i, 0), EXC_GP);
}

void exec_LTR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint16_t sel = (uint16_t)operand_load(cpu, i, 0);
    struct x86_desc d;
    struct x86_seg seg;
    unsigned type;

    if (!(sel & ~3)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    if (sel & 4) {
        x86_raise(cpu, EXC_GP, sel & ~3);
    }
    desc_fetch_or_raise(cpu, sel, EXC_GP, sel & ~3, &d);
    type = desc_type(&d);
    if (desc_is_segment(&d) ||
        (type != DESC_TSS32 && (type != DESC_TSS16 || (cpu->efer & EFER_LMA)))) {
        x86_raise(cpu, EXC_GP, sel & ~3);
    }
    if (!desc_present(&d)) {
        x86_raise(cpu, EXC_NP, sel & ~3);
    }
    desc_to_seg(sel, &d, &seg);
    seg.base |= d.high << 32;
    if (!x86_is_canonical(cpu, seg.base)) {
        x86_raise(cpu, EXC_GP, sel & ~3);
    }
    desc_set_busy(cpu, &d, true);
    seg.attr |= 2;
    cpu->seg[X86_TR] = seg;
}

/* LAR and LSL: whether the descriptor is of a type that they show, at a level that may look. */
static bool visible(struct x86_cpu *cpu, uint16_t sel, bool limit, struct x86_desc *d)
{
    static const uint16_t lar = 1 << DESC_TSS16 | 1 << DESC_LDT | 1 << DESC_TSS16_BUSY |
                                1 << DESC_CALL16 | 1 << DESC_TASK | 1 << DESC_TSS32 |
                                1 << DESC_TSS32_BUSY | 1 << DESC_CALL32;
    static const uint16_t lar64 =
        1 << DESC_LDT | 1 << DESC_TSS32 | 1 << DESC_TSS32_BUSY | 1 << DESC_CALL32;
    uint16_t types = cpu->efer & EFER_LMA ? lar64 : lar;

    if (!desc_fetch(cpu, sel, d)) {
        return false;
    }
    if (limit) {
        types &= ~(1 << DESC_CALL16 | 1 << DESC_TASK | 1 << DESC_CALL32);
    }
    if (!desc_is_segment(d) && !(types >> desc_type(d) & 1)) {
        return false;
    }
    return (desc_is_code(d) && desc_is_conforming(d)) ||
           (cpu->cpl <= desc_dpl(d) && (sel & 3u) <= desc_dpl(d));
}

static void set_zf(struct x86_cpu *cpu, bool zf)
{
    flags_update(cpu, FLAG_ZF, zf ? FLAG_ZF : 0);
}

void exec_LAR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint16_t sel = (uint16_t)operand_load(cpu, i, 1);
    struct x86_desc d;
    bool ok = visible(cpu, sel, /* limit= */ false, &d);

    if (ok) {
        /* bits 16-19 are undefined: the limit's, on processors */
        operand_store(cpu, i, 0, d.low >> 32 & (i->width == 2 ? 0xff00 : 0x00ffff00));
    }
    set_zf(cpu, ok);
}

void exec_LSL(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint16_t sel = (uint16_t)operand_load(cpu, i, 1);
    struct x86_desc d;
    struct x86_seg seg;
    bool ok = visible(cpu, sel, /* limit= */ true, &d);

    if (ok) {
        desc_to_seg(sel, &d, &seg);
        operand_store(cpu, i, 0, seg.limit);
    }
    set_zf(cpu, ok);
}

static bool accessible(struct x86_cpu *cpu, uint16_t sel, bool write)
{
    struct x86_desc d;
    unsigned type;

    if (!desc_fetch(cpu, sel, &d) || !desc_is_segment(&d)) {
        return false;
    }
    type = desc_type(&d);
    if (!((type & SEG_CODE) && (type & SEG_DOWN)) &&
        (cpu->cpl > desc_dpl(&d) || (sel & 3u) > desc_dpl(&d))) {
        return false;
    }
    return write ? !(type & SEG_CODE) && (type & SEG_WRITE)
                 : !(type & SEG_CODE) || (type & SEG_WRITE);
}

void exec_VERR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    set_zf(cpu, accessible(cpu, (uint16_t)operand_load(cpu, i, 0), /* write= */ false));
}

void exec_VERW(struct x86_cpu *cpu, const struct x86_insn *i)
{
    set_zf(cpu, accessible(cpu, (uint16_t)operand_load(cpu, i, 0), /* write= */ true));
}

void exec_ARPL(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t src = operand_load(cpu, i, 1), dst = operand_load(cpu, i, 0);
    bool raise = (dst & 3) < (src & 3);

    if (raise) {
        operand_store(cpu, i, 0, (dst & ~3ULL) | (src & 3));
    }
    set_zf(cpu, raise);
}

static void check_fsgsbase(struct x86_cpu *cpu)
{
    if (!(cpu->cr4 & CR4_FSGSBASE)) {
        x86_raise(cpu, EXC_UD, 0);
    }
}

static void write_base(struct x86_cpu *cpu, const struct x86_insn *i, unsigned s)
{
    uint64_t base = operand_load(cpu, i, 0);

    check_fsgsbase(cpu);
    if (!x86_is_canonical(cpu, base)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    cpu->seg[s].base = cpu->seg_base[s] = base;
}

void exec_RDFSBASE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    check_fsgsbase(cpu);
    operand_store(cpu, i, 0, cpu->seg[X86_FS].base);
}

void exec_RDGSBASE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    check_fsgsbase(cpu);
    operand_store(cpu, i, 0, cpu->seg[X86_GS].base);
}

void exec_WRFSBASE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    write_base(cpu, i, X86_FS);
}

void exec_WRGSBASE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    write_base(cpu, i, X86_GS);
}

void exec_SWAPGS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t base = cpu->seg[X86_GS].base;

    (void)i;
    cpu->seg[X86_GS].base = cpu->seg_base[X86_GS] = cpu->msr.kernel_gs_base;
    cpu->msr.kernel_gs_base = base;
}
