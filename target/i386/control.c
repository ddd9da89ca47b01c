/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control registers: what may be written, and what follows from it.
 */
#include "target/i386/system.h"
#include "target/i386/tlb.h"

static void __attribute__((noreturn)) gp(struct x86_cpu *cpu)
{
    x86_raise(cpu, EXC_GP, 0);
}

bool x86_load_pdptes(struct x86_cpu *cpu, uint64_t cr3)
{
    uint64_t rsvd =
        (0x000ffffffffff000ULL & ~((1ULL << cpu->phys_bits) - 1)) | 0xfff00000000001e6ULL;
    uint64_t pdpte[4];

    for (unsigned n = 0; n < 4; n++) {
        pdpte[n] = phys_read(cpu, (cr3 & 0xffffffe0) + n * 8, 8);
        if ((pdpte[n] & 1) && (pdpte[n] & rsvd)) {
            return false;
        }
    }
    for (unsigned n = 0; n < 4; n++) {
        cpu->pdpte[n] = pdpte[n];
    }
    return true;
}

static bool pae_paging(const struct x86_cpu *cpu)
{
    return (cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !(cpu->efer & EFER_LMA);
}

/* Long mode switches on or off with paging. */
static void update_long_mode(struct x86_cpu *cpu, uint64_t cr0)
{
    bool paging = cr0 & CR0_PG;

    if (paging && (cpu->efer & EFER_LME)) {
        if (!(cpu->cr4 & CR4_PAE) || (cpu->seg[X86_CS].attr & SEG_L) ||
            (cpu->seg[X86_TR].attr & SEG_TYPE) < DESC_TSS32) {
            gp(cpu);
        }
        cpu->efer |= EFER_LMA;
    } else if (!paging && (cpu->efer & EFER_LMA)) {
        if (x86_is_64(cpu) || (cpu->cr4 & CR4_PCIDE)) {
            gp(cpu);
        }
        cpu->efer &= ~(uint64_t)EFER_LMA;
    }
}

void x86_write_cr0(struct x86_cpu *cpu, uint64_t val)
{
    uint64_t old = cpu->cr0;

    if (val >> 32) {
        gp(cpu);
    }
    val = (val & (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD |
                  CR0_PG)) |
          CR0_ET;
    if (((val & CR0_PG) && !(val & CR0_PE)) || ((val & CR0_NW) && !(val & CR0_CD))) {
        gp(cpu);
    }
    if ((val ^ old) & CR0_PG) {
        update_long_mode(cpu, val);
        if ((val & CR0_PG) && (cpu->cr4 & CR4_PAE) && !(cpu->efer & EFER_LMA) &&
            !x86_load_pdptes(cpu, cpu->cr3)) {
            gp(cpu);
        }
    }
    cpu->cr0 = val;
    if (!(val & CR0_PE)) {
        cpu->cpl = 0;
    }
    if ((val ^ old) & (CR0_PG | CR0_PE)) {
        x86_tlb_flush(cpu);
    } else if ((val ^ old) & CR0_WP) {
        x86_tlb_flush_data_rights(cpu);
    }
    x86_update_mode(cpu);
}

void x86_write_cr3(struct x86_cpu *cpu, uint64_t val)
{
    bool keep = false;

    if (cpu->efer & EFER_LMA) {
        if (cpu->cr4 & CR4_PCIDE) {
            keep = val >> 63;
            val &= ~(1ULL << 63);
        }
        if (val & ~((1ULL << cpu->phys_bits) - 1)) {
            gp(cpu);
        }
    } else {
        val &= 0xffffffff;
        if (pae_paging(cpu) && !x86_load_pdptes(cpu, val)) {
            gp(cpu);
        }
    }
    cpu->cr3 = val;
    x86_tlb_context_loaded(cpu, keep);
}

void x86_write_cr4(struct x86_cpu *cpu, uint64_t val)
{
    static const struct {
        uint32_t bit;
        uint16_t feature;
    } known[] = {
        {CR4_VME, X86_F_VME},       {CR4_PVI, X86_F_VME},           {CR4_TSD, X86_F_TSC},
        {CR4_DE, X86_F_DE},         {CR4_PSE, X86_F_PSE},           {CR4_PAE, X86_F_PAE},
        {CR4_MCE, X86_F_MCE},       {CR4_PGE, X86_F_PGE},           {CR4_PCE, X86_F_BASE},
        {CR4_OSFXSR, X86_F_FXSR},   {CR4_OSXMMEXCPT, X86_F_SSE},    {CR4_UMIP, X86_F_UMIP},
        {CR4_LA57, X86_F_LA57},     {CR4_FSGSBASE, X86_F_FSGSBASE}, {CR4_PCIDE, X86_F_PCID},
        {CR4_OSXSAVE, X86_F_XSAVE}, {CR4_SMEP, X86_F_SMEP},         {CR4_SMAP, X86_F_SMAP},
        {CR4_PKE, X86_F_PKU},
    };
    uint64_t allowed = 0, old = cpu->cr4, changed = val ^ old;

    for (unsigned n = 0; n < ARRAY_SIZE(known); n++) {
        allowed |= x86_has(cpu, known[n].feature) ? known[n].bit : 0;
    }
    if (val & ~allowed) {
        gp(cpu);
    }
    if ((cpu->efer & EFER_LMA) && (!(val & CR4_PAE) || (changed & CR4_LA57))) {
        gp(cpu);
    }
    if ((val & CR4_PCIDE) && !(old & CR4_PCIDE) &&
        (!(cpu->efer & EFER_LMA) || (cpu->cr3 & 0xfff))) {
        gp(cpu);
    }
    cpu->cr4 = val;
    if ((changed & (CR4_PAE | CR4_PSE | CR4_PGE | CR4_SMEP)) && pae_paging(cpu) &&
        !x86_load_pdptes(cpu, cpu->cr3)) {
        cpu->cr4 = old;
        gp(cpu);
    }
    if (changed &
        (CR4_PAE | CR4_PSE | CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_LA57 | CR4_PCIDE)) {
        x86_tlb_flush(cpu);
    }
    x86_update_mode(cpu);
}

static uint64_t read_cr8(struct x86_cpu *cpu)
{
    return cpu->irq_ops && cpu->irq_ops->get_tpr ? cpu->irq_ops->get_tpr(cpu->irq_opaque)
                                                 : cpu->cr8;
}

void exec_MOV_FROM_CR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t val;

    switch (i->reg) {
    case 0:
        val = cpu->cr0;
        break;
    case 2:
        val = cpu->cr2;
        break;
    case 3:
        val = cpu->cr3;
        break;
    case 4:
        val = cpu->cr4;
        break;
    default:
        val = read_cr8(cpu);
        break;
    }
    operand_store(cpu, i, 0, val);
}

void exec_MOV_TO_CR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t val = operand_load(cpu, i, 1);

    switch (i->reg) {
    case 0:
        x86_write_cr0(cpu, val);
        break;
    case 2:
        cpu->cr2 = val;
        break;
    case 3:
        x86_write_cr3(cpu, val);
        break;
    case 4:
        x86_write_cr4(cpu, val);
        break;
    default:
        if (val & ~15ULL) {
            gp(cpu);
        }
        cpu->cr8 = val;
        if (cpu->irq_ops && cpu->irq_ops->set_tpr) {
            cpu->irq_ops->set_tpr(cpu->irq_opaque, (uint8_t)val);
        }
        x86_unmasked(cpu);
        break;
    }
}

void exec_LMSW(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t val = operand_load(cpu, i, 0) & 0xf;

    /* PE can be set, not cleared */
    x86_write_cr0(cpu, (cpu->cr0 & ~0xeULL) | val);
}

void exec_CLTS(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    cpu->cr0 &= ~(uint64_t)CR0_TS;
}

/* Debug registers 4 and 5 name 6 and 7 unless CR4.DE; DR7.GD guards them all. */
static unsigned debug_register(struct x86_cpu *cpu, unsigned r)
{
    if (r == 4 || r == 5) {
        if (cpu->cr4 & CR4_DE) {
            x86_raise(cpu, EXC_UD, 0);
        }
        r += 2;
    }
    if (cpu->dr[7] & DR7_GD) {
        cpu->dr[6] |= DR6_BD;
        x86_raise(cpu, EXC_DB, 0);
    }
    return r;
}

void exec_MOV_FROM_DR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, cpu->dr[debug_register(cpu, i->reg)]);
}

void exec_MOV_TO_DR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    unsigned r = debug_register(cpu, i->reg);
    uint64_t val = operand_load(cpu, i, 1);

    if (r >= 6 && val >> 32) {
        gp(cpu);
    }
    if (r == 6) {
        val = (val & 0xe00f) | DR6_RESET;
    } else if (r == 7) {
        val = (val & 0xffff23ff) | DR7_FIXED;
    }
    cpu->dr[r] = val;
    x86_tlb_flush_data_rights(cpu); /* watched pages leave the fast path */
    x86_update_mode(cpu);
}

void exec_INVLPG(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t la = (insn_ea(cpu, i) + cpu->seg_base[i->seg]) & cpu->ea_mask;

    x86_tlb_flush_page(cpu, la);
}

void exec_INVPCID(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t type = cpu->gpr[i->reg] & (x86_is_64(cpu) ? ~0ULL : 0xffffffff), desc[2];

    mem_read_bytes(cpu, operand_linear(cpu, i, 0, 16, /* write= */ false), desc, 16);
    if (type > 3 || desc[0] >> 12 || (type < 2 && !(cpu->cr4 & CR4_PCIDE) && desc[0]) ||
        (type == 0 && !x86_is_canonical(cpu, desc[1]))) {
        gp(cpu);
    }
    switch (type) {
    case 0:
        x86_tlb_flush_context_page(cpu, (unsigned)desc[0], desc[1]);
        break;
    case 1:
        x86_tlb_flush_context(cpu, (unsigned)desc[0]);
        break;
    case 2:
        x86_tlb_flush(cpu);
        break;
    default:
        x86_tlb_flush_nonglobal(cpu);
        break;
    }
}

void exec_XGETBV(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t val = cpu->xcr0;

    (void)i;
    if (!(cpu->cr4 & CR4_OSXSAVE)) {
        x86_raise(cpu, EXC_UD, 0);
    }
    switch ((uint32_t)cpu->gpr[X86_RCX]) {
    case 0:
        break;
    case 1:
        if (x86_has(cpu, X86_F_XGETBV1)) {
            break; /* every component is treated as in use */
        }
        /* fall through */
    default:
        gp(cpu);
    }
    gpr_write(cpu, X86_RAX, 4, val);
    gpr_write(cpu, X86_RDX, 4, val >> 32);
}

void exec_XSETBV(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t val = (uint64_t)(uint32_t)cpu->gpr[X86_RDX] << 32 | (uint32_t)cpu->gpr[X86_RAX];
    uint64_t allowed = (uint64_t)cpu->features[FEAT_XCR0_HI] << 32 | cpu->features[FEAT_XCR0_LO];

    (void)i;
    if (!(cpu->cr4 & CR4_OSXSAVE)) {
        x86_raise(cpu, EXC_UD, 0);
    }
    if ((uint32_t)cpu->gpr[X86_RCX] != 0 || (val & ~allowed) || !(val & XCR0_X87) ||
        ((val & XCR0_AVX) && !(val & XCR0_SSE))) {
        gp(cpu);
    }
    cpu->xcr0 = val;
}

void x86_set_pkru(struct x86_cpu *cpu, uint32_t val)
{
    if (val != cpu->pkru) {
        cpu->pkru = val;
        x86_tlb_flush_data_rights(cpu);
    }
}

void exec_RDPKRU(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    if (!(cpu->cr4 & CR4_PKE)) {
        x86_raise(cpu, EXC_UD, 0);
    }
    if ((uint32_t)cpu->gpr[X86_RCX]) {
        gp(cpu);
    }
    gpr_write(cpu, X86_RAX, 4, cpu->pkru);
    gpr_write(cpu, X86_RDX, 4, 0);
}

void exec_WRPKRU(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    if (!(cpu->cr4 & CR4_PKE)) {
        x86_raise(cpu, EXC_UD, 0);
    }
    if ((uint32_t)cpu->gpr[X86_RCX] || (uint32_t)cpu->gpr[X86_RDX]) {
        gp(cpu);
    }
    x86_set_pkru(cpu, (uint32_t)cpu->gpr[X86_RAX]);
}
