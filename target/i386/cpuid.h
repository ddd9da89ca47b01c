/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CPUID says beyond the feature words: identity, topology, caches, XSAVE layout.
 *
 * x86_model_apply() fills a struct x86_ident per CPU and hangs it on cpu->cpuid_data, which owns
 * it. A CPU without one answers as an AMD processor of family 25 with one core.
 */
#ifndef VITRO_TARGET_I386_CPUID_H
#define VITRO_TARGET_I386_CPUID_H

#include "target/i386/cpu.h"

#define X86_XSAVE_PARTS  19  /* x87 to AMX tile data */
#define X86_XSAVE_HEADER 576 /* legacy area and header: where standard parts begin */

#define CPUID_KVM_BASE 0x40000000u

/* Levels below a socket; each counts the next smaller thing. A socket has dies * cores * threads
 * CPUs. */
struct x86_topology {
    unsigned dies, cores, threads;
};

/* Shifts of the APIC id's fields, each wide enough for its count. */
struct x86_apic_shifts {
    unsigned core, die, socket;
};

/* One component of the XSAVE area: CPUID.D.n. */
struct x86_xsave_part {
    uint32_t size, offset; /* offset in the standard form */
    bool aligned;          /* at 64 bytes in the compacted form */
};

enum x86_vendor {
    X86_VENDOR_AMD,
    X86_VENDOR_INTEL,
    X86_VENDOR_OTHER,
};

/* No pointers that it owns: freed as one piece with its CPU. */
struct x86_ident {
    char vendor_id[13];
    enum x86_vendor vendor;
    char model_id[49];
    unsigned family, model, stepping;
    uint32_t level, xlevel; /* highest leaves */
    struct x86_topology topology;
    char hypervisor[13]; /* signature of leaf 0x40000000; "" hides the leaf */
    uint32_t pmu[4];     /* leaf 0xA */
    uint64_t tsc_khz;    /* asked for by the user; 0: the accelerator chooses */
    struct x86_xsave_part xsave[X86_XSAVE_PARTS];
};

/* Of components 2 and up as Intel's processors and most of AMD's lay them out. */
extern const struct x86_xsave_part x86_xsave_standard[X86_XSAVE_PARTS];

struct x86_apic_shifts x86_topology_shifts(const struct x86_topology *t);
/* The initial APIC id of CPU number @index; ids have holes when a count is not a power of two. */
uint32_t x86_topology_apic_id(const struct x86_topology *t, unsigned index);

/* Never NULL. */
const struct x86_ident *x86_ident(const struct x86_cpu *cpu);

enum x86_vendor x86_vendor_from_id(const char *vendor_id);

/* Bytes of the XSAVE area with the components in @mask, standard or compacted form. */
uint32_t x86_xsave_size(const struct x86_cpu *cpu, uint64_t mask, bool compacted);

/* Where @part lies in an area whose XCOMP_BV (or XCR0) is @mask. */
uint32_t x86_xsave_offset(const struct x86_cpu *cpu, unsigned part, uint64_t mask, bool compacted);

/* As x86_cpuid(), without what the guest's control registers change: for KVM_SET_CPUID2. */
void x86_cpuid_static(const struct x86_cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t ret[4]);

#endif
