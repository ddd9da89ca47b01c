/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model-specific registers: what RDMSR and WRMSR find.
 *
 * Simple registers are rows of a table; those with consequences have functions. An unknown MSR is
 * #GP, as on hardware; systems probe that way.
 */
#include "target/i386/system.h"
#include "target/i386/tlb.h"
#include "util/log.h"
#include <inttypes.h>

/* A register that is only stored. Bits outside @mask give #GP. */
struct msr_row {
    uint32_t msr;
    uint16_t feature;
    uint32_t offset; /* in struct x86_cpu, 64 bits */
    uint64_t mask;
    bool canonical;
    void (*written)(struct x86_cpu *cpu); /* may be NULL */
};

#define MSR_FIELD(field) offsetof(struct x86_cpu, msr.field)

static const struct msr_row plain[] = {
    {MSR_STAR, X86_F_SYSCALL, MSR_FIELD(star), ~0ULL, false},
    {MSR_LSTAR, X86_F_LM, MSR_FIELD(lstar), ~0ULL, true},
    {MSR_CSTAR, X86_F_LM, MSR_FIELD(cstar), ~0ULL, true},
    {MSR_FMASK, X86_F_SYSCALL, MSR_FIELD(fmask), 0xffffffff, false},
    {MSR_KERNEL_GS_BASE, X86_F_LM, MSR_FIELD(kernel_gs_base), ~0ULL, true},
    {MSR_TSC_AUX, X86_F_RDTSCP, MSR_FIELD(tsc_aux), 0xffffffff, false},
    {MSR_SYSENTER_CS, X86_F_SEP, MSR_FIELD(sysenter_cs), 0xffffffff, false},
    {MSR_SYSENTER_ESP, X86_F_SEP, MSR_FIELD(sysenter_esp), ~0ULL, true},
    {MSR_SYSENTER_EIP, X86_F_SEP, MSR_FIELD(sysenter_eip), ~0ULL, true},
    {MSR_MTRR_DEF_TYPE, X86_F_MTRR, MSR_FIELD(mtrr_def_type), 0xcff, false},
    {MSR_MISC_ENABLE, X86_F_BASE, MSR_FIELD(misc_enable), ~0ULL, false},
    {MSR_FEATURE_CONTROL, X86_F_BASE, MSR_FIELD(feature_control), 0xff07, false},
    {MSR_SPEC_CTRL, X86_F_SPEC_CTRL, MSR_FIELD(spec_ctrl), 7, false},
    {MSR_SPEC_CTRL, X86_F_AMD_SSBD, MSR_FIELD(spec_ctrl), 7, false},
    {MSR_VIRT_SSBD, X86_F_VIRT_SSBD, MSR_FIELD(virt_ssbd), 4, false},
    {MSR_DEBUGCTL, X86_F_BASE, MSR_FIELD(debugctl), 0x3, false},
    {MSR_MCG_STATUS, X86_F_MCA, MSR_FIELD(mcg_status), 7, false},
    {MSR_MCG_CTL, X86_F_MCA, MSR_FIELD(mcg_ctl), ~0ULL, false},
    {MSR_HWCR, X86_F_BASE, MSR_FIELD(hwcr), ~0ULL, false},
    {MSR_SYSCFG, X86_F_BASE, MSR_FIELD(syscfg), ~0ULL, false},
    {MSR_AMD64_DE_CFG, X86_F_BASE, MSR_FIELD(de_cfg), ~0ULL, false},
    {MSR_KVM_WALL_CLOCK, X86_F_KVM_CLOCKSOURCE, MSR_FIELD(kvm_wall_clock), ~0ULL, false,
     x86_kvmclock_write_wall},
    {MSR_KVM_WALL_CLOCK_NEW, X86_F_KVM_CLOCKSOURCE2, MSR_FIELD(kvm_wall_clock), ~0ULL, false,
     x86_kvmclock_write_wall},
    {MSR_KVM_SYSTEM_TIME, X86_F_KVM_CLOCKSOURCE, MSR_FIELD(kvm_system_time), ~0ULL, false,
     x86_kvmclock_update},
    {MSR_KVM_SYSTEM_TIME_NEW, X86_F_KVM_CLOCKSOURCE2, MSR_FIELD(kvm_system_time), ~0ULL, false,
     x86_kvmclock_update},
    {MSR_KVM_STEAL_TIME, X86_F_KVM_STEAL_TIME, MSR_FIELD(kvm_steal_time), ~0x3eULL, false},
    {MSR_KVM_ASYNC_PF_EN, X86_F_KVM_ASYNC_PF, MSR_FIELD(kvm_async_pf), ~0x30ULL, false},
    {MSR_KVM_PV_EOI_EN, X86_F_KVM_PV_EOI, MSR_FIELD(kvm_pv_eoi), ~2ULL, false},
};

static uint64_t *plain_field(struct x86_cpu *cpu, uint32_t msr, const struct msr_row **ret_row)
{
    for (unsigned n = 0; n < ARRAY_SIZE(plain); n++) {
        if (plain[n].msr == msr && x86_has(cpu, plain[n].feature)) {
            *ret_row = &plain[n];
            return (uint64_t *)(void *)((char *)cpu + plain[n].offset);
        }
    }
    return NULL;
}

/* MTRRs and machine-check banks: registers in rows of addresses. */
static uint64_t *array_field(struct x86_cpu *cpu, uint32_t msr)
{
    if (x86_has(cpu, X86_F_MTRR)) {
        if (msr >= MSR_MTRR_PHYSBASE0 && msr < MSR_MTRR_PHYSBASE0 + 2 * X86_MTRR_VARS) {
            unsigned n = (msr - MSR_MTRR_PHYSBASE0) / 2;

            return msr & 1 ? &cpu->msr.mtrr_mask[n] : &cpu->msr.mtrr_base[n];
        }
        if (msr == MSR_MTRR_FIX64K_00000) {
            return &cpu->msr.mtrr_fixed[0];
        }
        if (msr == MSR_MTRR_FIX16K_80000 || msr == MSR_MTRR_FIX16K_A0000) {
            return &cpu->msr.mtrr_fixed[1 + msr - MSR_MTRR_FIX16K_80000];
        }
        if (msr >= MSR_MTRR_FIX4K_C0000 && msr <= MSR_MTRR_FIX4K_F8000) {
            return &cpu->msr.mtrr_fixed[3 + msr - MSR_MTRR_FIX4K_C0000];
        }
    }
    if (x86_has(cpu, X86_F_MCA)) {
        if (msr >= MSR_MC0_CTL && msr < MSR_MC0_CTL + 4 * X86_MCE_BANKS) {
            struct x86_mce_bank *b = &cpu->msr.mce[(msr - MSR_MC0_CTL) / 4];
            uint64_t *field[4] = {&b->ctl, &b->status, &b->addr, &b->misc};

            return field[(msr - MSR_MC0_CTL) % 4];
        }
        if (msr >= MSR_MC0_CTL2 && msr < MSR_MC0_CTL2 + X86_MCE_BANKS) {
            return &cpu->msr.mce[msr - MSR_MC0_CTL2].ctl2;
        }
    }
    return NULL;
}

static bool valid_memory_type(uint64_t type)
{
    return type < 8 && type != 2 && type != 3;
}

static bool valid_types(uint64_t val, bool pat)
{
    for (unsigned n = 0; n < 8; n++) {
        uint64_t type = val >> (n * 8) & 0xff;

        if (!valid_memory_type(type) || (!pat && type == 7)) {
            return false;
        }
    }
    return true;
}

static bool write_array(struct x86_cpu *cpu, uint32_t msr, uint64_t *field, uint64_t val)
{
    uint64_t phys = (1ULL << cpu->phys_bits) - 1;

    if (msr >= MSR_MTRR_PHYSBASE0 && msr < MSR_MTRR_PHYSBASE0 + 2 * X86_MTRR_VARS) {
        if (val & ~phys || (msr & 1 ? val & 0x7ff : (val & 0xf00) || !valid_memory_type(val & 7))) {
            return false;
        }
    } else if (msr >= MSR_MTRR_FIX64K_00000 && msr <= MSR_MTRR_FIX4K_F8000) {
        if (!valid_types(val, /* pat= */ false)) {
            return false;
        }
    } else if (msr >= MSR_MC0_CTL && msr < MSR_MC0_CTL + 4 * X86_MCE_BANKS) {
        unsigned kind = (msr - MSR_MC0_CTL) % 4;

        /* CTL takes all zeros or ones; the others are cleared by software */
        if (kind == 0 ? val != 0 && val != ~0ULL && (val | 1 << 10) != ~0ULL && (val | 1) != ~0ULL
                      : kind == 1 && val != 0 && !(cpu->msr.hwcr >> 18 & 1)) {
            return false;
        }
    }
    *field = val;
    return true;
}

static bool write_efer(struct x86_cpu *cpu, uint64_t val)
{
    uint64_t allowed = EFER_LMA;

    allowed |= x86_has(cpu, X86_F_SYSCALL) ? EFER_SCE : 0;
    allowed |= x86_has(cpu, X86_F_LM) ? EFER_LME : 0;
    allowed |= x86_has(cpu, X86_F_NX) ? EFER_NXE : 0;
    allowed |= x86_has(cpu, X86_F_FXSR_OPT) ? EFER_FFXSR : 0;
    if ((val & ~allowed) || (((val ^ cpu->efer) & EFER_LME) && (cpu->cr0 & CR0_PG))) {
        return false;
    }
    if ((val ^ cpu->efer) & EFER_NXE) {
        x86_tlb_flush(cpu);
    }
    cpu->efer = (val & ~(uint64_t)EFER_LMA) | (cpu->efer & EFER_LMA);
    x86_update_mode(cpu);
    return true;
}

static bool write_base(struct x86_cpu *cpu, unsigned s, uint64_t val)
{
    if (!x86_is_canonical(cpu, val)) {
        return false;
    }
    cpu->seg[s].base = cpu->seg_base[s] = val;
    return true;
}

static bool write_apic_base(struct x86_cpu *cpu, uint64_t val)
{
    uint64_t rsvd = ~((1ULL << cpu->phys_bits) - 1) | 0x2ff;

    if (val & rsvd) {
        return false;
    }
    val = (val & ~0x100ULL) | (cpu->bsp ? 0x100 : 0);
    if (cpu->irq_ops && cpu->irq_ops->set_apic_base &&
        !cpu->irq_ops->set_apic_base(cpu->irq_opaque, val)) {
        return false;
    }
    cpu->msr.apic_base = val;
    return true;
}

static bool read_special(struct x86_cpu *cpu, uint32_t msr, uint64_t *ret_val)
{
    switch (msr) {
    case MSR_TSC:
        *ret_val = x86_tsc_read(cpu);
        return true;
    case MSR_TSC_ADJUST:
        *ret_val = cpu->msr.tsc_adjust;
        return x86_has(cpu, X86_F_TSC_ADJUST);
    case MSR_TSC_DEADLINE:
        if (!cpu->irq_ops || !cpu->irq_ops->get_tsc_deadline) {
            return false;
        }
        *ret_val = cpu->irq_ops->get_tsc_deadline(cpu->irq_opaque);
        return x86_has(cpu, X86_F_TSC_DEADLINE);
    case MSR_APIC_BASE:
        *ret_val = cpu->msr.apic_base;
        return x86_has(cpu, X86_F_APIC);
    case MSR_EFER:
        *ret_val = cpu->efer;
        return true;
    case MSR_PAT:
        *ret_val = cpu->msr.pat;
        return x86_has(cpu, X86_F_PAT);
    case MSR_FS_BASE:
    case MSR_GS_BASE:
        *ret_val = cpu->seg[msr == MSR_FS_BASE ? X86_FS : X86_GS].base;
        return x86_has(cpu, X86_F_LM);
    case MSR_MTRR_CAP:
        *ret_val = 0x500 | X86_MTRR_VARS;
        return x86_has(cpu, X86_F_MTRR);
    case MSR_MCG_CAP:
        *ret_val = 0x100 | 1 << 24 | X86_MCE_BANKS;
        return x86_has(cpu, X86_F_MCA);
    case MSR_XSS:
        *ret_val = cpu->msr.xss;
        return x86_has(cpu, X86_F_XSAVES);
    case MSR_ARCH_CAPABILITIES:
        *ret_val =
            (uint64_t)cpu->features[FEAT_ARCH_CAPS_HI] << 32 | cpu->features[FEAT_ARCH_CAPS_LO];
        return x86_has(cpu, X86_F_ARCH_CAPABILITIES);
    case MSR_BIOS_SIGN_ID:
        *ret_val = cpu->msr.ucode_rev;
        return true;
    case MSR_SMBASE:
        *ret_val = cpu->smbase;
        return cpu->in_smm;
    case MSR_PLATFORM_ID:
    case 0x2a:  /* EBL_CR_POWERON */
    case 0x34:  /* SMI_COUNT */
    case 0xcd:  /* FSB_FREQ */
    case 0x198: /* PERF_STATUS */
    case 0x1d9:
    case 0x1fc:       /* POWER_CTL */
    case 0x606:       /* RAPL_POWER_UNIT */
    case 0xc0010055u: /* INT_PENDING */
    case 0xc0010058u: /* MMIO_CONF_BASE */
    case 0xc0010064u: /* P-state 0 */
    case 0xc0010112u: /* SMM base and mask */
    case 0xc0010113u:
    case 0xc0010140u: /* OSVW id length: nothing listed */
    case 0xc0010141u:
    case 0xc001001bu:
    case 0xc001001fu: /* NB_CFG */
        *ret_val = 0;
        return true;
    case MSR_PLATFORM_INFO:
        *ret_val = 1ULL << 31;
        return true;
    default:
        return false;
    }
}

bool x86_msr_read(struct x86_cpu *cpu, uint32_t msr, uint64_t *ret_val)
{
    const struct msr_row *row;
    uint64_t *field;
    bool ok = true;

    if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST) {
        ok = cpu->irq_ops && cpu->irq_ops->x2apic_read &&
             cpu->irq_ops->x2apic_read(cpu->irq_opaque, msr - MSR_X2APIC_FIRST, ret_val);
    } else if ((field = plain_field(cpu, msr, &row)) || (field = array_field(cpu, msr))) {
        *ret_val = *field;
    } else {
        ok = read_special(cpu, msr, ret_val);
    }
    if (!ok) {
        log_printf(LOG_UNIMP, "rdmsr %#x: no such register\n", msr);
    }
    return ok;
}

static void move_tsc(struct x86_cpu *cpu, uint64_t delta)
{
    cpu->tsc_offset += (int64_t)delta;
    cpu->msr.tsc_adjust += delta;
    x86_kvmclock_update(cpu);
    if (cpu->irq_ops && cpu->irq_ops->tsc_changed) {
        cpu->irq_ops->tsc_changed(cpu->irq_opaque);
    }
}

static bool write_special(struct x86_cpu *cpu, uint32_t msr, uint64_t val)
{
    switch (msr) {
    case MSR_TSC:
        move_tsc(cpu, val - x86_tsc_read(cpu));
        return true;
    case MSR_TSC_ADJUST:
        if (!x86_has(cpu, X86_F_TSC_ADJUST)) {
            return false;
        }
        move_tsc(cpu, val - cpu->msr.tsc_adjust);
        return true;
    case MSR_TSC_DEADLINE:
        if (!cpu->irq_ops || !cpu->irq_ops->set_tsc_deadline || !x86_has(cpu, X86_F_TSC_DEADLINE)) {
            return false;
        }
        cpu->irq_ops->set_tsc_deadline(cpu->irq_opaque, val);
        return true;
    case MSR_APIC_BASE:
        return x86_has(cpu, X86_F_APIC) && write_apic_base(cpu, val);
    case MSR_EFER:
        return write_efer(cpu, val);
    case MSR_PAT:
        if (!x86_has(cpu, X86_F_PAT) || !valid_types(val, /* pat= */ true)) {
            return false;
        }
        cpu->msr.pat = val;
        return true;
    case MSR_FS_BASE:
        return x86_has(cpu, X86_F_LM) && write_base(cpu, X86_FS, val);
    case MSR_GS_BASE:
        return x86_has(cpu, X86_F_LM) && write_base(cpu, X86_GS, val);
    case MSR_XSS:
        if (!x86_has(cpu, X86_F_XSAVES) || (val & ~(uint64_t)cpu->features[FEAT_XSS_LO])) {
            return false;
        }
        cpu->msr.xss = val;
        return true;
    case MSR_PRED_CMD:
        return (x86_has(cpu, X86_F_SPEC_CTRL) || x86_has(cpu, X86_F_IBPB)) && !(val & ~1ULL);
    case MSR_FLUSH_CMD:
        return x86_has(cpu, X86_F_FLUSH_L1D) && !(val & ~1ULL);
    case MSR_BIOS_SIGN_ID:   /* written with 0 before CPUID reads the revision */
    case MSR_BIOS_UPDT_TRIG: /* updates are accepted and change nothing, as in other VMs */
    case 0x2a:
    case 0x198:
    case 0x199: /* PERF_CTL */
    case 0xc0010055u:
    case 0xc001001bu:
    case 0xc001001fu:
    case 0xc0010112u:
    case 0xc0010113u:
        return true;
    default:
        return false;
    }
}

bool x86_msr_write(struct x86_cpu *cpu, uint32_t msr, uint64_t val)
{
    const struct msr_row *row;
    uint64_t *field;
    bool ok;

    if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST) {
        ok = cpu->irq_ops && cpu->irq_ops->x2apic_write &&
             cpu->irq_ops->x2apic_write(cpu->irq_opaque, msr - MSR_X2APIC_FIRST, val);
    } else if ((field = plain_field(cpu, msr, &row))) {
        ok = !(val & ~row->mask) && (!row->canonical || x86_is_canonical(cpu, val));
        if (ok) {
            *field = val;
            if (row->written) {
                row->written(cpu);
            }
        }
    } else if ((field = array_field(cpu, msr))) {
        ok = write_array(cpu, msr, field, val);
    } else {
        ok = write_special(cpu, msr, val);
    }
    if (!ok) {
        log_printf(LOG_UNIMP, "wrmsr %#x = %#" PRIx64 ": refused\n", msr, val);
    }
    return ok;
}
