/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System management mode: entry by SMI, RSM, and the state save map.
 *
 * The map is AMD64's for CPUs with long mode and Intel's 32-bit one for the others, at SMBASE +
 * 0x8000; AMD APM volume 2, 10.2; Intel SDM volume 3, 31.4.
 *
 * Absent: I/O instruction restart.
 */
#include "target/i386/system.h"
#include "target/i386/tlb.h"

static uint64_t area(const struct x86_cpu *cpu)
{
    return (uint64_t)cpu->smbase + 0x8000;
}

static void put(struct x86_cpu *cpu, unsigned off, uint64_t val, unsigned size)
{
    phys_write(cpu, area(cpu) + off, val, size);
}

static uint64_t get(struct x86_cpu *cpu, unsigned off, unsigned size)
{
    return phys_read(cpu, area(cpu) + off, size);
}

/* Segment attributes in the AMD64 map are descriptor bits 40-47 and 52-55 in 12 bits. */
static uint16_t pack_attr(uint16_t attr)
{
    return (attr & 0xff) | (attr >> 4 & 0xf00);
}

static uint16_t unpack_attr(uint64_t v)
{
    return (v & 0xff) | (v & 0xf00) << 4;
}

static void put_seg64(struct x86_cpu *cpu, unsigned off, const struct x86_seg *s)
{
    put(cpu, off, s->sel, 2);
    put(cpu, off + 2, pack_attr(s->attr), 2);
    put(cpu, off + 4, s->limit, 4);
    put(cpu, off + 8, s->base, 8);
}

static void get_seg64(struct x86_cpu *cpu, unsigned off, struct x86_seg *s)
{
    s->sel = get(cpu, off, 2);
    s->attr = unpack_attr(get(cpu, off + 2, 2));
    s->limit = get(cpu, off + 4, 4);
    s->base = get(cpu, off + 8, 8);
}

/* ES, CS, SS, DS, FS, GS, then tables. */
enum {
    S64_SEGS = 0x7e00,
    S64_GDTR = 0x7e60,
    S64_LDTR = 0x7e70,
    S64_IDTR = 0x7e80,
    S64_TR = 0x7e90,
    S64_HALT = 0x7ec9,
    S64_EFER = 0x7ed0,
    S64_REVISION = 0x7efc,
    S64_SMBASE = 0x7f00,
    S64_CR4 = 0x7f48,
    S64_CR3 = 0x7f50,
    S64_CR0 = 0x7f58,
    S64_DR7 = 0x7f60,
    S64_DR6 = 0x7f68,
    S64_RFLAGS = 0x7f70,
    S64_RIP = 0x7f78,
    S64_R15 = 0x7f80, /* downwards to RAX at 0x7ff8 */
};

static void save64(struct x86_cpu *cpu, bool halted)
{
    for (unsigned s = 0; s <= X86_GS; s++) {
        put_seg64(cpu, S64_SEGS + s * 16, &cpu->seg[s]);
    }
    put(cpu, S64_GDTR + 4, cpu->gdt.limit, 4);
    put(cpu, S64_GDTR + 8, cpu->gdt.base, 8);
    put(cpu, S64_IDTR + 4, cpu->idt.limit, 4);
    put(cpu, S64_IDTR + 8, cpu->idt.base, 8);
    put_seg64(cpu, S64_LDTR, &cpu->seg[X86_LDTR]);
    put_seg64(cpu, S64_TR, &cpu->seg[X86_TR]);
    put(cpu, S64_HALT, halted, 1);
    put(cpu, S64_EFER, cpu->efer, 8);
    put(cpu, S64_REVISION, 0x20064, 4);
    put(cpu, S64_SMBASE, cpu->smbase, 4);
    put(cpu, S64_CR4, cpu->cr4, 8);
    put(cpu, S64_CR3, cpu->cr3, 8);
    put(cpu, S64_CR0, cpu->cr0, 8);
    put(cpu, S64_DR7, cpu->dr[7], 8);
    put(cpu, S64_DR6, cpu->dr[6], 8);
    put(cpu, S64_RFLAGS, x86_eflags_get(cpu), 8);
    put(cpu, S64_RIP, cpu->rip, 8);
    for (unsigned r = 0; r < 16; r++) {
        put(cpu, S64_R15 + (15 - r) * 8, cpu->gpr[r], 8);
    }
}

static uint32_t load64(struct x86_cpu *cpu, bool *ret_halted)
{
    for (unsigned s = 0; s <= X86_GS; s++) {
        get_seg64(cpu, S64_SEGS + s * 16, &cpu->seg[s]);
    }
    cpu->gdt.limit = get(cpu, S64_GDTR + 4, 4);
    cpu->gdt.base = get(cpu, S64_GDTR + 8, 8);
    cpu->idt.limit = get(cpu, S64_IDTR + 4, 4);
    cpu->idt.base = get(cpu, S64_IDTR + 8, 8);
    get_seg64(cpu, S64_LDTR, &cpu->seg[X86_LDTR]);
    get_seg64(cpu, S64_TR, &cpu->seg[X86_TR]);
    *ret_halted = get(cpu, S64_HALT, 1) & 1;
    cpu->efer = get(cpu, S64_EFER, 8);
    cpu->cr4 = get(cpu, S64_CR4, 8);
    cpu->cr3 = get(cpu, S64_CR3, 8);
    cpu->cr0 = get(cpu, S64_CR0, 8);
    cpu->dr[7] = get(cpu, S64_DR7, 8);
    cpu->dr[6] = get(cpu, S64_DR6, 8);
    cpu->rip = get(cpu, S64_RIP, 8);
    for (unsigned r = 0; r < 16; r++) {
        cpu->gpr[r] = get(cpu, S64_R15 + (15 - r) * 8, 8);
    }
    cpu->smbase = get(cpu, S64_SMBASE, 4);
    return get(cpu, S64_RFLAGS, 8);
}

/* The 32-bit map keeps hidden segment parts in its reserved area, three words each. */
static unsigned hidden32(unsigned s)
{
    static const uint16_t off[X86_SEGS] = {0x7f84, 0x7f90, 0x7f9c, 0x7f2c,
                                           0x7f38, 0x7f44, 0x7f78, 0x7f64};

    return off[s];
}

static void save32(struct x86_cpu *cpu, bool halted)
{
    put(cpu, 0x7ffc, cpu->cr0, 4);
    put(cpu, 0x7ff8, cpu->cr3, 4);
    put(cpu, 0x7ff4, x86_eflags_get(cpu), 4);
    put(cpu, 0x7ff0, cpu->rip, 4);
    for (unsigned r = 0; r < 8; r++) {
        put(cpu, 0x7fd0 + r * 4, cpu->gpr[r], 4);
    }
    put(cpu, 0x7fcc, cpu->dr[6], 4);
    put(cpu, 0x7fc8, cpu->dr[7], 4);
    put(cpu, 0x7fc4, cpu->seg[X86_TR].sel, 4);
    put(cpu, 0x7fc0, cpu->seg[X86_LDTR].sel, 4);
    for (unsigned s = 0; s <= X86_GS; s++) {
        put(cpu, 0x7fa8 + s * 4, cpu->seg[s].sel, 4);
    }
    for (unsigned s = 0; s < X86_SEGS; s++) {
        put(cpu, hidden32(s) + 8, cpu->seg[s].base, 4);
        put(cpu, hidden32(s) + 4, cpu->seg[s].limit, 4);
        put(cpu, hidden32(s), cpu->seg[s].attr, 4);
    }
    put(cpu, 0x7f58, cpu->idt.base, 4);
    put(cpu, 0x7f54, cpu->idt.limit, 4);
    put(cpu, 0x7f74, cpu->gdt.base, 4);
    put(cpu, 0x7f70, cpu->gdt.limit, 4);
    put(cpu, 0x7f14, cpu->cr4, 4);
    put(cpu, 0x7f02, halted, 2);
    put(cpu, 0x7efc, 0x20000, 4);
    put(cpu, 0x7ef8, cpu->smbase, 4);
}

static uint32_t load32(struct x86_cpu *cpu, bool *ret_halted)
{
    for (unsigned s = 0; s < X86_SEGS; s++) {
        cpu->seg[s].base = get(cpu, hidden32(s) + 8, 4);
        cpu->seg[s].limit = get(cpu, hidden32(s) + 4, 4);
        cpu->seg[s].attr = get(cpu, hidden32(s), 4);
    }
    for (unsigned s = 0; s <= X86_GS; s++) {
        cpu->seg[s].sel = get(cpu, 0x7fa8 + s * 4, 2);
    }
    cpu->seg[X86_TR].sel = get(cpu, 0x7fc4, 2);
    cpu->seg[X86_LDTR].sel = get(cpu, 0x7fc0, 2);
    for (unsigned r = 0; r < 8; r++) {
        cpu->gpr[r] = get(cpu, 0x7fd0 + r * 4, 4);
    }
    cpu->idt.base = get(cpu, 0x7f58, 4);
    cpu->idt.limit = get(cpu, 0x7f54, 4);
    cpu->gdt.base = get(cpu, 0x7f74, 4);
    cpu->gdt.limit = get(cpu, 0x7f70, 4);
    cpu->dr[6] = get(cpu, 0x7fcc, 4);
    cpu->dr[7] = get(cpu, 0x7fc8, 4);
    cpu->cr0 = get(cpu, 0x7ffc, 4);
    cpu->cr3 = get(cpu, 0x7ff8, 4);
    cpu->cr4 = get(cpu, 0x7f14, 4);
    cpu->efer = 0;
    cpu->rip = get(cpu, 0x7ff0, 4);
    *ret_halted = get(cpu, 0x7f02, 2) & 1;
    cpu->smbase = get(cpu, 0x7ef8, 4);
    return get(cpu, 0x7ff4, 4);
}

static void set_smm(struct x86_cpu *cpu, bool in_smm)
{
    cpu->in_smm = in_smm;
    x86_tlb_flush_phys(cpu);
    if (cpu->irq_ops && cpu->irq_ops->smm_changed) {
        cpu->irq_ops->smm_changed(cpu->irq_opaque, in_smm);
    }
}

void x86_smm_enter(struct x86_cpu *cpu)
{
    bool halted = cpu->run_state == X86_HALTED;

    set_smm(cpu, true);
    if (x86_has(cpu, X86_F_LM)) {
        save64(cpu, halted);
    } else {
        save32(cpu, halted);
    }
    cpu->nmi_masked = true;
    cpu->efer = 0;
    cpu->cr0 &= ~(uint64_t)(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
    cpu->cr4 = 0;
    cpu->dr[7] = DR7_FIXED;
    cpu->cpl = 0;
    for (unsigned s = 0; s <= X86_GS; s++) {
        cpu->seg[s] = (struct x86_seg){.limit = 0xffffffff, .attr = SEG_P | SEG_S | SEG_G | 3};
    }
    cpu->seg[X86_CS].sel = cpu->smbase >> 4;
    cpu->seg[X86_CS].base = cpu->smbase;
    cpu->rip = 0x8000;
    cpu->idt = (struct x86_table){.base = 0, .limit = 0};
    x86_eflags_write(cpu, 2, ~0u);
    x86_tlb_flush_phys(cpu);
    x86_update_mode(cpu);
}

void x86_smm_leave(struct x86_cpu *cpu)
{
    bool halted;
    uint32_t flags = x86_has(cpu, X86_F_LM) ? load64(cpu, &halted) : load32(cpu, &halted);

    set_smm(cpu, false);
    cpu->nmi_masked = false;
    if ((cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !(cpu->efer & EFER_LMA)) {
        x86_load_pdptes(cpu, cpu->cr3);
    }
    cpu->cpl = !(cpu->cr0 & CR0_PE) ? 0
               : flags & FLAG_VM    ? 3
                                    : cpu->seg[X86_SS].attr >> SEG_DPL_SHIFT & 3;
    x86_eflags_write(cpu, flags, ~0u);
    if (halted) {
        cpu->run_state = X86_HALTED;
    }
    x86_tlb_flush_phys(cpu);
    x86_update_mode(cpu);
    x86_attention(cpu);
}
