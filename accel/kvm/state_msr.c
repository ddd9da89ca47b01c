/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSRs between KVM and struct x86_cpu.
 *
 * A vCPU's list is what KVM names plus what it has without naming (MTRRs, machine check banks),
 * as far as reading succeeds. Values of MSRs that the struct has no field for stay in the list from
 * pull to push.
 *
 * The time stamp counter is written only when somebody changed it meanwhile (reset, load): writing
 * it after every pull would make it drift.
 *
 * Absent: MSRs without a field in saved machines; they are kept within the process only.
 */
#include "accel/kvm/kvm_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define FIELD(msr, f)                                                                              \
    {                                                                                              \
        msr, 1, 1, offsetof(struct x86_cpu, f)                                                     \
    }
/* @count MSRs, @step apart, in fields that follow each other @stride bytes apart. */
#define FIELDS(msr, step, count, f)                                                                \
    {                                                                                              \
        msr, step, count, offsetof(struct x86_cpu, f)                                              \
    }

static const struct {
    uint32_t first;
    uint16_t step, count;
    size_t offset;
} fields[] = {
    FIELD(MSR_STAR, msr.star),
    FIELD(MSR_LSTAR, msr.lstar),
    FIELD(MSR_CSTAR, msr.cstar),
    FIELD(MSR_FMASK, msr.fmask),
    FIELD(MSR_KERNEL_GS_BASE, msr.kernel_gs_base),
    FIELD(MSR_SYSENTER_CS, msr.sysenter_cs),
    FIELD(MSR_SYSENTER_ESP, msr.sysenter_esp),
    FIELD(MSR_SYSENTER_EIP, msr.sysenter_eip),
    FIELD(MSR_PAT, msr.pat),
    FIELD(MSR_MTRR_DEF_TYPE, msr.mtrr_def_type),
    FIELD(MSR_MTRR_FIX64K_00000, msr.mtrr_fixed[0]),
    FIELDS(MSR_MTRR_FIX16K_80000, 1, 2, msr.mtrr_fixed[1]),
    FIELDS(MSR_MTRR_FIX4K_C0000, 1, 8, msr.mtrr_fixed[3]),
    FIELDS(MSR_MTRR_PHYSBASE0, 2, X86_MTRR_VARS, msr.mtrr_base[0]),
    FIELDS(MSR_MTRR_PHYSBASE0 + 1, 2, X86_MTRR_VARS, msr.mtrr_mask[0]),
    FIELD(MSR_TSC_AUX, msr.tsc_aux),
    FIELD(MSR_TSC_ADJUST, msr.tsc_adjust),
    FIELD(MSR_MISC_ENABLE, msr.misc_enable),
    FIELD(MSR_FEATURE_CONTROL, msr.feature_control),
    FIELD(MSR_SPEC_CTRL, msr.spec_ctrl),
    FIELD(MSR_VIRT_SSBD, msr.virt_ssbd),
    FIELD(MSR_DEBUGCTL, msr.debugctl),
    FIELD(MSR_XSS, msr.xss),
    FIELD(MSR_HWCR, msr.hwcr),
    FIELD(MSR_AMD64_DE_CFG, msr.de_cfg),
    FIELD(MSR_SYSCFG, msr.syscfg),
    FIELD(MSR_MCG_STATUS, msr.mcg_status),
    FIELD(MSR_MCG_CTL, msr.mcg_ctl),
    FIELD(MSR_KVM_WALL_CLOCK_NEW, msr.kvm_wall_clock),
    FIELD(MSR_KVM_SYSTEM_TIME_NEW, msr.kvm_system_time),
    FIELD(MSR_KVM_ASYNC_PF_EN, msr.kvm_async_pf),
    FIELD(MSR_KVM_STEAL_TIME, msr.kvm_steal_time),
    FIELD(MSR_KVM_PV_EOI_EN, msr.kvm_pv_eoi),
};

/* Others that KVM keeps and does not name, or that have no field of their own. */
static const struct {
    uint32_t first;
    uint16_t count;
} unnamed[] = {
    {MSR_MC0_CTL, 4 * X86_MCE_BANKS},
    {MSR_SMBASE, 1},
};

/* Neither of the list's business: time, read-only, or another name of the same thing. */
static bool skipped(uint32_t index)
{
    switch (index) {
    case MSR_TSC:
    case MSR_TSC_DEADLINE:
    case MSR_PLATFORM_ID:
    case MSR_PLATFORM_INFO:
    case MSR_ARCH_CAPABILITIES:
    case MSR_BIOS_SIGN_ID:
    case MSR_KVM_WALL_CLOCK: /* the first names of the NEW ones */
    case MSR_KVM_SYSTEM_TIME:
    case 0x34:       /* SMI count */
    case 0x345:      /* PERF_CAPABILITIES */
    case 0x4b564d07: /* KVM_ASYNC_PF_ACK: writing it is an event */
        return true;
    default:
        return index >= 0x480 && index <= 0x493; /* VMX capabilities */
    }
}

static uint64_t *field_of(struct x86_cpu *cpu, uint32_t index)
{
    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
        uint32_t n = (index - fields[i].first) / fields[i].step;

        if (index >= fields[i].first && (index - fields[i].first) % fields[i].step == 0 &&
            n < fields[i].count) {
            return (uint64_t *)(void *)((char *)cpu + fields[i].offset) + n;
        }
    }
    if (index >= MSR_MC0_CTL && index < MSR_MC0_CTL + 4 * X86_MCE_BANKS) {
        struct x86_mce_bank *b = &cpu->msr.mce[(index - MSR_MC0_CTL) / 4];
        uint64_t *const regs[4] = {&b->ctl, &b->status, &b->addr, &b->misc};

        return regs[(index - MSR_MC0_CTL) % 4];
    }
    return NULL;
}

bool kvm_msr_get(struct kvm_vcpu *kv, uint32_t index, uint64_t *ret)
{
    struct kvm_one_msr msr = {.count = 1, .entry = {.index = index}};

    if (ioctl(kv->fd, KVM_GET_MSRS, &msr) != 1) {
        return false;
    }
    *ret = msr.entry.data;
    return true;
}

bool kvm_msr_set(struct kvm_vcpu *kv, uint32_t index, uint64_t val)
{
    struct kvm_one_msr msr = {.count = 1, .entry = {.index = index, .data = val}};

    return ioctl(kv->fd, KVM_SET_MSRS, &msr) == 1;
}

/* ---- the list ----------------------------------------------------------------------------------
 */

static void try_msr(struct kvm_vcpu *kv, uint32_t index)
{
    uint64_t val;

    for (unsigned i = 0; i < kv->msr_count; i++) {
        if (kv->msr[i].index == index) {
            return;
        }
    }
    /* what can be read but not written back is none of our business */
    if (kv->msr_count < KVM_MSR_MAX && !skipped(index) && kvm_msr_get(kv, index, &val) &&
        kvm_msr_set(kv, index, val)) {
        kv->msr[kv->msr_count++] = (struct kvm_msr_entry){.index = index, .data = val};
    }
}

void kvm_find_msrs(struct kvm_vcpu *kv)
{
    kv->msr_count = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
        for (unsigned n = 0; n < fields[i].count; n++) {
            try_msr(kv, fields[i].first + n * fields[i].step);
        }
    }
    for (unsigned i = 0; i < kv->kvm->msr_count; i++) {
        try_msr(kv, kv->kvm->msr_list[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(unnamed); i++) {
        for (unsigned n = 0; n < unnamed[i].count; n++) {
            try_msr(kv, unnamed[i].first + n);
        }
    }
}

void kvm_pull_msrs(struct kvm_vcpu *kv)
{
    struct x86_cpu *cpu = kv->cpu;
    struct kvm_msr_batch batch = {.count = kv->msr_count};
    uint64_t tsc;

    memcpy(batch.entries, kv->msr, kv->msr_count * sizeof(kv->msr[0]));
    if (kv->msr_count && ioctl(kv->fd, KVM_GET_MSRS, &batch) != (int)kv->msr_count) {
        kvm_complain(kv, "MSRs");
        return;
    }
    for (unsigned i = 0; i < kv->msr_count; i++) {
        uint64_t *field = field_of(cpu, kv->msr[i].index);

        kv->msr[i].data = batch.entries[i].data;
        if (field) {
            *field = kv->msr[i].data;
        }
        if (kv->msr[i].index == MSR_SMBASE) {
            cpu->smbase = (uint32_t)kv->msr[i].data;
        }
    }
    if (kvm_msr_get(kv, MSR_TSC, &tsc)) {
        x86_tsc_write(cpu, tsc);
        kv->tsc_offset_pulled = cpu->tsc_offset;
        kv->tsc_pulled = true;
    }
    if (kvm_lapic_in_kernel(kv->kvm) && !kvm_msr_get(kv, MSR_TSC_DEADLINE, &kv->tsc_deadline)) {
        kv->tsc_deadline = 0;
    }
}

void kvm_push_msrs(struct kvm_vcpu *kv)
{
    struct x86_cpu *cpu = kv->cpu;
    struct kvm_msr_batch batch;
    unsigned done = 0;

    if (!kv->tsc_pulled || cpu->tsc_offset != kv->tsc_offset_pulled) {
        kvm_msr_set(kv, MSR_TSC, x86_tsc_read(cpu));
        kv->tsc_pulled = true;
        kv->tsc_offset_pulled = cpu->tsc_offset;
    }
    for (unsigned i = 0; i < kv->msr_count; i++) {
        const uint64_t *field = field_of(cpu, kv->msr[i].index);

        if (field) {
            kv->msr[i].data = *field;
        }
        if (kv->msr[i].index == MSR_SMBASE) {
            kv->msr[i].data = cpu->smbase;
        }
    }
    while (done < kv->msr_count) { /* the kernel stops at a value that it refuses */
        int n;

        batch.count = kv->msr_count - done;
        batch.pad = 0;
        memcpy(batch.entries, kv->msr + done, (kv->msr_count - done) * sizeof(kv->msr[0]));
        n = ioctl(kv->fd, KVM_SET_MSRS, &batch);
        if (n < 0) {
            kvm_complain(kv, "MSRs");
            break;
        }
        done += (unsigned)n;
        if (done < kv->msr_count) {
            log_printf(LOG_INT, "kvm: CPU %d: MSR %#x = %#" PRIx64 " is refused\n", kv->v->index,
                       kv->msr[done].index, (uint64_t)kv->msr[done].data);
            done++;
        }
    }
    if (kvm_lapic_in_kernel(kv->kvm) && x86_has(cpu, X86_F_TSC_DEADLINE)) {
        kvm_msr_set(kv, MSR_TSC_DEADLINE, kv->tsc_deadline);
    }
}
