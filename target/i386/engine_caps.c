/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the software CPU can do, and who it says it is.
 *
 * The model "max" of the software CPU is the same on every host: an AMD processor of family 25
 * (Zen 3). Stock kernels then need the fewest work-arounds: AMD's 64-bit processors have no
 * Meltdown, L1TF or MDS, so page tables stay shared between kernel and user (an Intel identity
 * would need ARCH_CAPABILITIES to say so, and its kernels look for many more MSRs); the
 * "not affected" bits of leaves 0x80000008 and 0x80000021 stand for the later ones.
 */
#include "target/i386/models.h"

#include <string.h>

static const uint16_t tcg_features[] = {
    X86_F_FPU,
    X86_F_VME,
    X86_F_DE,
    X86_F_PSE,
    X86_F_TSC,
    X86_F_MSR,
    X86_F_PAE,
    X86_F_MCE,
    X86_F_CX8,
    X86_F_APIC,
    X86_F_SEP,
    X86_F_MTRR,
    X86_F_PGE,
    X86_F_MCA,
    X86_F_CMOV,
    X86_F_PAT,
    X86_F_PSE36,
    X86_F_CLFSH,
    X86_F_MMX,
    X86_F_FXSR,
    X86_F_SSE,
    X86_F_SSE2,
    X86_F_SS,
    X86_F_HTT,
    /* leaf 1 ECX */
    X86_F_SSE3,
    X86_F_PCLMULQDQ,
    X86_F_MONITOR,
    X86_F_SSSE3,
    X86_F_FMA,
    X86_F_CX16,
    X86_F_PCID,
    X86_F_SSE4_1,
    X86_F_SSE4_2,
    X86_F_X2APIC,
    X86_F_MOVBE,
    X86_F_POPCNT,
    X86_F_TSC_DEADLINE,
    X86_F_AES,
    X86_F_XSAVE,
    X86_F_AVX,
    X86_F_F16C,
    X86_F_RDRAND,
    X86_F_HYPERVISOR,
    /* leaf 7 */
    X86_F_FSGSBASE,
    X86_F_TSC_ADJUST,
    X86_F_BMI1,
    X86_F_AVX2,
    X86_F_SMEP,
    X86_F_BMI2,
    X86_F_ERMS,
    X86_F_INVPCID,
    X86_F_RDSEED,
    X86_F_ADX,
    X86_F_SMAP,
    X86_F_CLFLUSHOPT,
    X86_F_CLWB,
    X86_F_SHA,
    X86_F_UMIP,
    X86_F_PKU,
    X86_F_GFNI,
    X86_F_VAES,
    X86_F_VPCLMULQDQ,
    X86_F_LA57,
    X86_F_RDPID,
    X86_F_MOVDIRI,
    X86_F_MOVDIR64B,
    X86_F_FSRM,
    X86_F_SERIALIZE,
    X86_F_AVX_VNNI,
    /* extended leaves */
    X86_F_SYSCALL,
    X86_F_NX,
    X86_F_MMXEXT,
    X86_F_FXSR_OPT,
    X86_F_PDPE1GB,
    X86_F_RDTSCP,
    X86_F_LM,
    X86_F_LAHF_LM,
    X86_F_CMP_LEGACY,
    X86_F_CR8LEG,
    X86_F_ABM,
    X86_F_SSE4A,
    X86_F_MISALIGNSSE,
    X86_F_3DNOWPREFETCH,
    X86_F_TOPOEXT,
    X86_F_INVTSC,
    X86_F_CLZERO,
    X86_F_XSAVEERPTR,
    X86_F_WBNOINVD,
    X86_F_AMD_NO_SSB,
    X86_F_BTC_NO,
    X86_F_NO_NESTED_DATA_BP,
    X86_F_LFENCE_ALWAYS_SERIALIZING,
    X86_F_NULL_SEL_CLR_BASE,
    X86_F_SRSO_NO,
    X86_F_TSA_SQ_NO,
    X86_F_TSA_L1_NO,
    X86_F_ARAT,
    X86_F_XSAVEOPT,
    X86_F_XSAVEC,
    X86_F_XGETBV1,
    X86_F_XSAVES,
    X86_F_KVM_CLOCKSOURCE,
    X86_F_KVM_CLOCKSOURCE2,
    X86_F_KVM_CLOCKSOURCE_STABLE,
    X86_F_KVM_NOP_IO_DELAY,
};

void x86_tcg_caps(struct x86_accel_caps *ret)
{
    *ret = (struct x86_accel_caps){
        .name = "tcg",
        .phys_bits = 48,
        .hypervisor = "KVMKVMKVM",
        .max = {.vendor_id = "AuthenticAMD",
                .vendor = X86_VENDOR_AMD,
                .model_id = "Vitro Virtual CPU",
                .family = 25,
                .model = 1,
                .stepping = 1,
                .level = 0xd,
                .xlevel = 0x80000021},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(tcg_features); i++) {
        x86_word_set(ret->features, tcg_features[i], true);
    }
    x86_features_settle(ret->features);
    x86_word_set(ret->defaults, X86_F_HYPERVISOR, true);
    ret->defaults[FEAT_KVM] = ret->features[FEAT_KVM];
    memcpy(ret->xsave, x86_xsave_standard, sizeof(ret->xsave));
}
