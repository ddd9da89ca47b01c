/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU models: one row each, as the makers' documents define the generation.
 *
 * A row starts from its base row and adds or drops features; identity that is 0 or NULL comes from
 * the base. Rows stand behind their base. Virtualization (vmx, svm and what hangs on them) is in no
 * row: nested guests are asked for by name. The rows "max" and "host" stand for what the
 * accelerator offers and have nothing of their own.
 */
#include "target/i386/models.h"

#define AMD   "AuthenticAMD"
#define INTEL "GenuineIntel"

#define PENTIUM_PRO                                                                                \
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 mmx fxsr"
#define X86_64_BASE PENTIUM_PRO " clflush sse sse2 lm syscall nx"

const struct x86_model x86_models[] = {
    /* what is asked of every CPU, and common denominators */
    {"base", "base CPU model type with no features enabled", NULL, AMD, 0, 0, 0, 0, 0, "", NULL},
    {"max", "Enables all features supported by the accelerator in the current host", NULL, NULL, 0,
     0, 0, 0, 0, NULL, NULL},
    {"host", "processor with all supported host features", NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL},
    {"qemu64", "Vitro Virtual CPU", NULL, AMD, 15, 107, 1, 0xd, 0x8000000a,
     X86_64_BASE " sse3 cx16 lahf-lm", NULL},
    {"qemu32", "Vitro Virtual CPU", NULL, INTEL, 6, 6, 3, 4, 0x80000004,
     PENTIUM_PRO " clflush sse sse2 sse3", NULL},
    {"kvm64", "Common KVM processor", NULL, INTEL, 15, 6, 1, 0xd, 0x80000008,
     X86_64_BASE " sse3 cx16", NULL},
    {"kvm32", "Common 32-bit KVM processor", NULL, INTEL, 15, 6, 1, 5, 0x80000008,
     PENTIUM_PRO " clflush sse sse2 sse3", NULL},

    /* 32-bit generations */
    {"486", "Intel 486", NULL, INTEL, 4, 8, 0, 1, 0, "fpu vme pse", NULL},
    {"pentium", "Intel Pentium MMX", "486", NULL, 5, 4, 3, 1, 0, "de tsc msr mce cx8 apic mmx",
     NULL},
    {"pentium2", "Intel Pentium II", NULL, INTEL, 6, 5, 2, 2, 0, PENTIUM_PRO, NULL},
    {"pentium3", "Intel Pentium III", "pentium2", NULL, 6, 7, 3, 3, 0, "sse", NULL},
    {"athlon", "AMD Athlon(tm)", NULL, AMD, 6, 2, 3, 1, 0x80000008,
     PENTIUM_PRO " syscall mmxext 3dnow 3dnowext", NULL},
    {"coreduo", "Genuine Intel(R) CPU           T2600  @ 2.16GHz", NULL, INTEL, 6, 14, 8, 10,
     0x80000008, PENTIUM_PRO " clflush sse sse2 ss sse3 monitor nx", "pse36"},
    {"n270", "Intel(R) Atom(TM) CPU N270   @ 1.60GHz", NULL, INTEL, 6, 28, 2, 10, 0x80000008,
     PENTIUM_PRO " clflush sse sse2 ss sse3 ssse3 monitor movbe nx lahf-lm", "pse36"},

    /* Intel, Core */
    {"core2duo", "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz", NULL, INTEL, 6, 15, 11, 10,
     0x80000008, X86_64_BASE " ss sse3 ssse3 monitor cx16 lahf-lm", NULL},
    {"Conroe", "Intel Celeron_4x0 (Conroe/Merom Class Core 2)", NULL, INTEL, 6, 15, 3, 10,
     0x80000008, X86_64_BASE " sse3 ssse3 lahf-lm", NULL},
    {"Penryn", "Intel Core 2 Duo P9xxx (Penryn Class Core 2)", "Conroe", NULL, 6, 23, 3, 0, 0,
     "cx16 sse4.1", NULL},
    {"Nehalem", "Intel Core i7 9xx (Nehalem Class Core i7)", "Penryn", NULL, 6, 26, 3, 11, 0,
     "sse4.2 popcnt", NULL},
    {"Nehalem-IBRS", "Intel Core i7 9xx (Nehalem Core i7, IBRS update)", "Nehalem", NULL, 0, 0, 0,
     0, 0, "spec-ctrl", NULL},
    {"Westmere", "Westmere E56xx/L56xx/X56xx (Nehalem-C)", "Nehalem", NULL, 6, 44, 1, 0, 0,
     "aes pclmulqdq arat", NULL},
    {"Westmere-IBRS", "Westmere E56xx/L56xx/X56xx (IBRS update)", "Westmere", NULL, 0, 0, 0, 0, 0,
     "spec-ctrl", NULL},
    {"SandyBridge", "Intel Xeon E312xx (Sandy Bridge)", "Westmere", NULL, 6, 42, 1, 0xd, 0,
     "avx xsave xsaveopt tsc-deadline x2apic rdtscp", NULL},
    {"SandyBridge-IBRS", "Intel Xeon E312xx (Sandy Bridge, IBRS update)", "SandyBridge", NULL, 0, 0,
     0, 0, 0, "spec-ctrl", NULL},
    {"IvyBridge", "Intel Xeon E3-12xx v2 (Ivy Bridge)", "SandyBridge", NULL, 6, 58, 9, 0, 0,
     "f16c rdrand fsgsbase smep erms", NULL},
    {"IvyBridge-IBRS", "Intel Xeon E3-12xx v2 (Ivy Bridge, IBRS)", "IvyBridge", NULL, 0, 0, 0, 0, 0,
     "spec-ctrl", NULL},
    {"Haswell", "Intel Core Processor (Haswell)", "IvyBridge", NULL, 6, 60, 4, 0, 0,
     "fma movbe pcid bmi1 bmi2 avx2 invpcid hle rtm abm", NULL},
    {"Haswell-noTSX", "Intel Core Processor (Haswell, no TSX)", "Haswell", NULL, 6, 60, 1, 0, 0,
     NULL, "hle rtm"},
    {"Haswell-IBRS", "Intel Core Processor (Haswell, IBRS)", "Haswell", NULL, 0, 0, 0, 0, 0,
     "spec-ctrl", NULL},
    {"Haswell-noTSX-IBRS", "Intel Core Processor (Haswell, no TSX, IBRS)", "Haswell-noTSX", NULL, 0,
     0, 0, 0, 0, "spec-ctrl", NULL},
    {"Broadwell", "Intel Core Processor (Broadwell)", "Haswell", NULL, 6, 61, 2, 0, 0,
     "adx rdseed smap 3dnowprefetch", NULL},
    {"Broadwell-noTSX", "Intel Core Processor (Broadwell, no TSX)", "Broadwell", NULL, 0, 0, 0, 0,
     0, NULL, "hle rtm"},
    {"Broadwell-IBRS", "Intel Core Processor (Broadwell, IBRS)", "Broadwell", NULL, 0, 0, 0, 0, 0,
     "spec-ctrl", NULL},
    {"Broadwell-noTSX-IBRS", "Intel Core Processor (Broadwell, no TSX, IBRS)", "Broadwell-noTSX",
     NULL, 0, 0, 0, 0, 0, "spec-ctrl", NULL},
    {"Skylake-Client", "Intel Core Processor (Skylake)", "Broadwell", NULL, 6, 94, 3, 0, 0,
     "xsavec xgetbv1 clflushopt", NULL},
    {"Skylake-Client-IBRS", "Intel Core Processor (Skylake, IBRS)", "Skylake-Client", NULL, 0, 0, 0,
     0, 0, "spec-ctrl", NULL},
    {"Skylake-Client-noTSX-IBRS", "Intel Core Processor (Skylake, IBRS, no TSX)",
     "Skylake-Client-IBRS", NULL, 0, 0, 0, 0, 0, NULL, "hle rtm"},
    {"Skylake-Server", "Intel Xeon Processor (Skylake)", "Skylake-Client", NULL, 6, 85, 4, 0, 0,
     "clwb pku pdpe1gb avx512f avx512dq avx512cd avx512bw avx512vl", NULL},
    {"Skylake-Server-IBRS", "Intel Xeon Processor (Skylake, IBRS)", "Skylake-Server", NULL, 0, 0, 0,
     0, 0, "spec-ctrl", NULL},
    {"Skylake-Server-noTSX-IBRS", "Intel Xeon Processor (Skylake, IBRS, no TSX)",
     "Skylake-Server-IBRS", NULL, 0, 0, 0, 0, 0, NULL, "hle rtm"},
    {"Cascadelake-Server", "Intel Xeon Processor (Cascadelake)", "Skylake-Server-IBRS", NULL, 6, 85,
     6, 0, 0, "avx512-vnni ssbd", NULL},
    {"Cascadelake-Server-noTSX", "Intel Xeon Processor (Cascadelake, no TSX)", "Cascadelake-Server",
     NULL, 0, 0, 0, 0, 0, "arch-capabilities rdcl-no ibrs-all skip-l1dfl-vmentry mds-no",
     "hle rtm"},
    {"Icelake-Server", "Intel Xeon Processor (Icelake)", "Cascadelake-Server", NULL, 6, 106, 0,
     0x15, 0,
     "avx512vbmi avx512-vbmi2 avx512-bitalg avx512-vpopcntdq gfni vaes vpclmulqdq umip la57 rdpid "
     "wbnoinvd",
     NULL},
    {"Icelake-Server-noTSX", "Intel Xeon Processor (Icelake, no TSX)", "Icelake-Server", NULL, 0, 0,
     0, 0, 0, NULL, "hle rtm"},

    /* AMD */
    {"phenom", "AMD Phenom(tm) 9550 Quad-Core Processor", NULL, AMD, 16, 2, 3, 5, 0x8000001a,
     X86_64_BASE " sse3 monitor cx16 popcnt mmxext fxsr-opt pdpe1gb rdtscp 3dnow 3dnowext "
                 "lahf-lm cr8legacy abm sse4a misalignsse 3dnowprefetch",
     NULL},
    {"Opteron_G1", "AMD Opteron 240 (Gen 1 Class Opteron)", NULL, AMD, 15, 6, 1, 5, 0x80000008,
     X86_64_BASE " sse3", NULL},
    {"Opteron_G2", "AMD Opteron 22xx (Gen 2 Class Opteron)", "Opteron_G1", NULL, 0, 0, 0, 0, 0,
     "cx16 lahf-lm", NULL},
    {"Opteron_G3", "AMD Opteron 23xx (Gen 3 Class Opteron)", "Opteron_G2", NULL, 16, 2, 3, 0, 0,
     "monitor popcnt rdtscp abm sse4a misalignsse", NULL},
    {"Opteron_G4", "AMD Opteron 62xx class CPU", "Opteron_G3", NULL, 21, 1, 2, 0xd, 0x8000001a,
     "pclmulqdq ssse3 sse4.1 sse4.2 aes xsave avx pdpe1gb 3dnowprefetch xop fma4", "monitor"},
    {"Opteron_G5", "AMD Opteron 63xx class CPU", "Opteron_G4", NULL, 21, 2, 0, 0, 0, "fma f16c tbm",
     NULL},
    {"EPYC", "AMD EPYC Processor", NULL, AMD, 23, 1, 2, 0xd, 0x8000001e,
     X86_64_BASE
     " sse3 ssse3 sse4.1 sse4.2 pclmulqdq fma cx16 movbe popcnt aes xsave avx f16c "
     "rdrand mmxext fxsr-opt pdpe1gb rdtscp lahf-lm cr8legacy abm sse4a misalignsse 3dnowprefetch "
     "osvw topoext fsgsbase bmi1 avx2 smep bmi2 rdseed adx smap clflushopt sha-ni xsaveopt xsavec "
     "xgetbv1 arat clzero xsaveerptr perfctr-core",
     NULL},
    {"EPYC-IBPB", "AMD EPYC Processor (with IBPB)", "EPYC", NULL, 0, 0, 0, 0, 0, "ibpb", NULL},
    {"EPYC-Rome", "AMD EPYC-Rome Processor", "EPYC-IBPB", NULL, 23, 49, 0, 0, 0,
     "clwb rdpid umip wbnoinvd amd-stibp", NULL},
    {"EPYC-Milan", "AMD EPYC-Milan Processor", "EPYC-Rome", NULL, 25, 1, 1, 0, 0,
     "pcid invpcid erms fsrm pku vaes vpclmulqdq ibrs amd-ssbd", NULL},
};

const unsigned x86_model_count = ARRAY_SIZE(x86_models);
