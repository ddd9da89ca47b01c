/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of the x86 architecture: register names, control bits, exceptions, MSR addresses. */
#ifndef VITRO_TARGET_I386_REGS_H
#define VITRO_TARGET_I386_REGS_H

#include <stdint.h>

enum x86_reg {
    X86_RAX,
    X86_RCX,
    X86_RDX,
    X86_RBX,
    X86_RSP,
    X86_RBP,
    X86_RSI,
    X86_RDI,
    X86_R8,
    X86_R15 = 15,
    X86_RIP,   /* address of the instruction after the one being executed */
    X86_BLOCK, /* engine: RIP of the first instruction of the running block */
    X86_ZERO,  /* always 0: "no base", "no index" */
    X86_REGS,
};

enum x86_seg_reg {
    X86_ES,
    X86_CS,
    X86_SS,
    X86_DS,
    X86_FS,
    X86_GS,
    X86_LDTR,
    X86_TR,
    X86_SEGS,
};

enum {
    FLAG_CF = 1 << 0,
    FLAG_PF = 1 << 2,
    FLAG_AF = 1 << 4,
    FLAG_ZF = 1 << 6,
    FLAG_SF = 1 << 7,
    FLAG_TF = 1 << 8,
    FLAG_IF = 1 << 9,
    FLAG_DF = 1 << 10,
    FLAG_OF = 1 << 11,
    FLAG_IOPL = 3 << 12,
    FLAG_NT = 1 << 14,
    FLAG_RF = 1 << 16,
    FLAG_VM = 1 << 17,
    FLAG_AC = 1 << 18,
    FLAG_VIF = 1 << 19,
    FLAG_VIP = 1 << 20,
    FLAG_ID = 1 << 21,
    FLAG_STATUS = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF,
};

enum {
    CR0_PE = 1u << 0,
    CR0_MP = 1u << 1,
    CR0_EM = 1u << 2,
    CR0_TS = 1u << 3,
    CR0_ET = 1u << 4,
    CR0_NE = 1u << 5,
    CR0_WP = 1u << 16,
    CR0_AM = 1u << 18,
    CR0_NW = 1u << 29,
    CR0_CD = 1u << 30,
    CR0_PG = 1u << 31,
};

enum {
    CR4_VME = 1 << 0,
    CR4_PVI = 1 << 1,
    CR4_TSD = 1 << 2,
    CR4_DE = 1 << 3,
    CR4_PSE = 1 << 4,
    CR4_PAE = 1 << 5,
    CR4_MCE = 1 << 6,
    CR4_PGE = 1 << 7,
    CR4_PCE = 1 << 8,
    CR4_OSFXSR = 1 << 9,
    CR4_OSXMMEXCPT = 1 << 10,
    CR4_UMIP = 1 << 11,
    CR4_LA57 = 1 << 12,
    CR4_VMXE = 1 << 13,
    CR4_FSGSBASE = 1 << 16,
    CR4_PCIDE = 1 << 17,
    CR4_OSXSAVE = 1 << 18,
    CR4_SMEP = 1 << 20,
    CR4_SMAP = 1 << 21,
    CR4_PKE = 1 << 22,
};

enum {
    EFER_SCE = 1 << 0,
    EFER_LME = 1 << 8,
    EFER_LMA = 1 << 10,
    EFER_NXE = 1 << 11,
    EFER_SVME = 1 << 12,
    EFER_FFXSR = 1 << 14,
};

enum x86_exception {
    EXC_DE = 0,
    EXC_DB = 1,
    EXC_NMI = 2,
    EXC_BP = 3,
    EXC_OF = 4,
    EXC_BR = 5,
    EXC_UD = 6,
    EXC_NM = 7,
    EXC_DF = 8,
    EXC_TS = 10,
    EXC_NP = 11,
    EXC_SS = 12,
    EXC_GP = 13,
    EXC_PF = 14,
    EXC_MF = 16,
    EXC_AC = 17,
    EXC_MC = 18,
    EXC_XM = 19,
};

/* bits of a page fault's error code */
enum {
    PF_P = 1 << 0,
    PF_W = 1 << 1,
    PF_U = 1 << 2,
    PF_RSVD = 1 << 3,
    PF_I = 1 << 4,
    PF_PK = 1 << 5,
};

enum {
    DR6_FIXED = 0xfffe0ff0 & ~0x800,
    DR6_BD = 1 << 13,
    DR6_BS = 1 << 14,
    DR6_BT = 1 << 15,
    DR6_RESET = 0xffff0ff0,
    DR7_GD = 1 << 13,
    DR7_FIXED = 0x400,
};

enum {
    XCR0_X87 = 1 << 0,
    XCR0_SSE = 1 << 1,
    XCR0_AVX = 1 << 2,
    XCR0_PKRU = 1 << 9,
};

enum {
    MSR_TSC = 0x10,
    MSR_PLATFORM_ID = 0x17,
    MSR_APIC_BASE = 0x1b,
    MSR_FEATURE_CONTROL = 0x3a,
    MSR_TSC_ADJUST = 0x3b,
    MSR_SPEC_CTRL = 0x48,
    MSR_PRED_CMD = 0x49,
    MSR_BIOS_UPDT_TRIG = 0x79,
    MSR_BIOS_SIGN_ID = 0x8b,
    MSR_SMBASE = 0x9e,
    MSR_PLATFORM_INFO = 0xce,
    MSR_MTRR_CAP = 0xfe,
    MSR_ARCH_CAPABILITIES = 0x10a,
    MSR_FLUSH_CMD = 0x10b,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_MCG_CAP = 0x179,
    MSR_MCG_STATUS = 0x17a,
    MSR_MCG_CTL = 0x17b,
    MSR_MISC_ENABLE = 0x1a0,
    MSR_DEBUGCTL = 0x1d9,
    MSR_MTRR_PHYSBASE0 = 0x200,
    MSR_MTRR_FIX64K_00000 = 0x250,
    MSR_MTRR_FIX16K_80000 = 0x258,
    MSR_MTRR_FIX16K_A0000 = 0x259,
    MSR_MTRR_FIX4K_C0000 = 0x268,
    MSR_MTRR_FIX4K_F8000 = 0x26f,
    MSR_PAT = 0x277,
    MSR_MC0_CTL2 = 0x280,
    MSR_MTRR_DEF_TYPE = 0x2ff,
    MSR_MC0_CTL = 0x400,
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_X2APIC_FIRST = 0x800,
    MSR_X2APIC_LAST = 0x8ff,
    MSR_XSS = 0xda0,
    MSR_KVM_WALL_CLOCK = 0x11,
    MSR_KVM_SYSTEM_TIME = 0x12,
    MSR_KVM_WALL_CLOCK_NEW = 0x4b564d00,
    MSR_KVM_SYSTEM_TIME_NEW = 0x4b564d01,
    MSR_KVM_ASYNC_PF_EN = 0x4b564d02,
    MSR_KVM_STEAL_TIME = 0x4b564d03,
    MSR_KVM_PV_EOI_EN = 0x4b564d04,
};
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_FMASK          0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX        0xc0000103u
#define MSR_AMD_PATCH      0x8bu
#define MSR_SYSCFG         0xc0010010u
#define MSR_HWCR           0xc0010015u
#define MSR_VM_HSAVE_PA    0xc0010117u
#define MSR_AMD64_LS_CFG   0xc0011020u
#define MSR_AMD64_DE_CFG   0xc0011029u
#define MSR_VIRT_SSBD      0xc001011fu

#endif
