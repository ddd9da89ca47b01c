/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID: every leaf, from feature words, identity and topology.
 *
 * Intel SDM volume 2A (CPUID) and AMD APM volume 3 appendix E. Which leaves exist depends on the
 * vendor and on the highest leaf of the model; what lies beyond reads as zero on AMD and as the
 * highest basic leaf on Intel.
 *
 * Absent: cache and TLB sizes per generation (one geometry per vendor), leaf 0x80000022 and other
 * performance counter leaves but 0xA, SGX, RDT, processor trace.
 */
#include "target/i386/cpuid.h"

#include <string.h>

enum { EAX, EBX, ECX, EDX };

/* clang-format off */
const struct x86_xsave_part x86_xsave_standard[X86_XSAVE_PARTS] = {
    [2] = {256, 576, false},    /* AVX: upper halves of YMM */
    [3] = {64, 960, false},     /* MPX bounds */
    [4] = {64, 1024, false},    /* MPX configuration */
    [5] = {64, 1088, false},    /* AVX-512 masks */
    [6] = {512, 1152, false},   /* upper halves of ZMM0-15 */
    [7] = {1024, 1664, false},  /* ZMM16-31 */
    [9] = {8, 2688, false},     /* PKRU */
    [17] = {64, 2752, true},    /* AMX tile configuration */
    [18] = {8192, 2816, true},  /* AMX tiles */
};

static const struct x86_ident ident_default = {
    .vendor_id = "AuthenticAMD", .vendor = X86_VENDOR_AMD, .model_id = "Vitro Virtual CPU",
    .family = 25, .model = 1, .stepping = 1, .level = 0xd, .xlevel = 0x80000021,
    .topology = {1, 1, 1},
    .xsave = {[2] = {256, 576, false}, [9] = {8, 2688, false}},
};
/* clang-format on */

const struct x86_ident *x86_ident(const struct x86_cpu *cpu)
{
    return cpu->cpuid_data ? cpu->cpuid_data : &ident_default;
}

enum x86_vendor x86_vendor_from_id(const char *vendor_id)
{
    if (strcmp(vendor_id, "AuthenticAMD") == 0 || strcmp(vendor_id, "HygonGenuine") == 0) {
        return X86_VENDOR_AMD;
    }
    return strcmp(vendor_id, "GenuineIntel") == 0 ? X86_VENDOR_INTEL : X86_VENDOR_OTHER;
}

/* ---- topology ----------------------------------------------------------------------------- */

static unsigned bits_for(unsigned count)
{
    return count > 1 ? 32 - (unsigned)__builtin_clz(count - 1) : 0;
}

struct x86_apic_shifts x86_topology_shifts(const struct x86_topology *t)
{
    struct x86_apic_shifts s;

    s.core = bits_for(t->threads);
    s.die = s.core + bits_for(t->cores);
    s.socket = s.die + bits_for(t->dies);
    return s;
}

uint32_t x86_topology_apic_id(const struct x86_topology *t, unsigned index)
{
    struct x86_apic_shifts s = x86_topology_shifts(t);
    unsigned thread = index % t->threads;
    unsigned core = index / t->threads % t->cores;
    unsigned die = index / (t->threads * t->cores) % t->dies;
    unsigned socket = index / (t->threads * t->cores * t->dies);

    return socket << s.socket | die << s.die | core << s.core | thread;
}

static unsigned cpus_per_socket(const struct x86_topology *t)
{
    return t->dies * t->cores * t->threads;
}

/* Leaves 0xB, 0x1F, 0x80000026: one level per subleaf, smallest first. */
struct level {
    unsigned type, shift, cpus;
};

static void topology_level(const struct x86_cpu *cpu, const struct level *levels, unsigned count,
                           uint32_t subleaf, uint32_t ret[4])
{
    ret[ECX] = subleaf & 0xff;
    ret[EDX] = cpu->apic_id;
    if (subleaf < count) {
        ret[EAX] = levels[subleaf].shift;
        ret[EBX] = levels[subleaf].cpus;
        ret[ECX] |= levels[subleaf].type << 8;
    }
}

static void leaf_topology(const struct x86_cpu *cpu, uint32_t leaf, uint32_t subleaf,
                          uint32_t ret[4])
{
    const struct x86_topology *t = &x86_ident(cpu)->topology;
    struct x86_apic_shifts s = x86_topology_shifts(t);
    unsigned per_die = t->cores * t->threads;

    if (leaf == 0xb) {
        struct level levels[] = {{1, s.core, t->threads}, {2, s.socket, cpus_per_socket(t)}};

        topology_level(cpu, levels, 2, subleaf, ret);
    } else if (leaf == 0x1f) {
        struct level levels[] = {
            {1, s.core, t->threads}, {2, s.die, per_die}, {5, s.socket, cpus_per_socket(t)}};

        topology_level(cpu, levels, 3, subleaf, ret);
    } else {
        struct level levels[] = {
            {1, s.core, t->threads}, {3, s.die, per_die}, {4, s.socket, cpus_per_socket(t)}};

        topology_level(cpu, levels, 3, subleaf, ret);
    }
}

/* ---- caches ------------------------------------------------------------------------------- */

struct cache {
    unsigned type, level; /* 1 data, 2 instructions, 3 both */
    uint32_t kib;
    unsigned ways;
    bool inclusive;
};

static const struct cache caches_intel[] = {
    {1, 1, 32, 8, false}, {2, 1, 32, 8, false}, {3, 2, 1024, 16, false}, {3, 3, 16384, 16, true}};
static const struct cache caches_amd[] = {
    {1, 1, 32, 8, false}, {2, 1, 32, 8, false}, {3, 2, 512, 8, true}, {3, 3, 16384, 16, false}};

#define CACHE_LINE 64

/* Intel leaf 4 and AMD leaf 0x8000001D: the same form but for two fields of EAX and EDX. */
static void leaf_cache(const struct x86_cpu *cpu, bool amd, uint32_t subleaf, uint32_t ret[4])
{
    const struct x86_topology *t = &x86_ident(cpu)->topology;
    struct x86_apic_shifts s = x86_topology_shifts(t);
    const struct cache *c = amd ? caches_amd : caches_intel;
    unsigned shared;

    if (subleaf >= ARRAY_SIZE(caches_intel)) {
        return;
    }
    c += subleaf;
    if (amd) {
        shared = c->level == 3 ? t->cores * t->threads : t->threads;
    } else {
        shared = 1u << (c->level == 3 ? s.die : s.core);
        ret[EAX] = ((1u << (s.socket - s.core)) - 1) << 26; /* core ids of the package */
    }
    ret[EAX] |= c->type | c->level << 5 | 1u << 8 | (MIN(shared, 4096) - 1) << 14;
    ret[EBX] = (CACHE_LINE - 1) | (c->ways - 1) << 22;
    ret[ECX] = c->kib * 1024 / CACHE_LINE / c->ways - 1;
    ret[EDX] = c->inclusive ? 2 : 0;
}

/* AMD's code of an associativity in leaf 0x80000006. */
static uint32_t amd_ways_code(unsigned ways)
{
    return ways == 16 ? 8 : ways == 8 ? 6 : 4;
}

static void leaf_amd_l1(uint32_t ret[4])
{
    const struct cache *d = &caches_amd[0], *i = &caches_amd[1];

    ret[EAX] = 0xff40ff40; /* TLBs for 2 MiB pages: 64 entries, fully associative */
    ret[EBX] = 0xff40ff40; /* and for 4 KiB */
    ret[ECX] = d->kib << 24 | d->ways << 16 | 1 << 8 | CACHE_LINE;
    ret[EDX] = i->kib << 24 | i->ways << 16 | 1 << 8 | CACHE_LINE;
}

static void leaf_l2(bool amd, uint32_t ret[4])
{
    const struct cache *c = amd ? caches_amd : caches_intel;

    ret[ECX] = c[2].kib << 16 | amd_ways_code(c[2].ways) << 12 | CACHE_LINE;
    if (amd) {
        ret[EAX] = 0x60004000; /* second-level TLBs: 1024 entries for 2 MiB data pages ... */
        ret[EBX] = 0x64006400; /* ... for 4 KiB pages */
        ret[ECX] |= 1 << 8;
        ret[EDX] = c[3].kib / 512 << 18 | amd_ways_code(c[3].ways) << 12 | 1 << 8 | CACHE_LINE;
    }
}

/* Descriptors for those Intel generations that have no leaf 4. */
static void leaf_2(const struct x86_ident *id, uint32_t ret[4])
{
    if (id->vendor != X86_VENDOR_INTEL) {
        return;
    }
    if (id->level >= 4) {
        ret[EAX] = 0x00feff01; /* see leaf 4 and leaf 0x18 */
        ret[EBX] = 0xf0;       /* 64-byte prefetching */
    } else {
        ret[EAX] = 0x03020101; /* TLBs */
        ret[EDX] = 0x0c040843; /* L2 512 KiB, L1 16 KiB + 16 KiB */
    }
}

/* ---- XSAVE -------------------------------------------------------------------------------- */

static uint64_t xcr0_possible(const struct x86_cpu *cpu)
{
    return cpu->features[FEAT_XCR0_LO] | (uint64_t)cpu->features[FEAT_XCR0_HI] << 32;
}

uint32_t x86_xsave_offset(const struct x86_cpu *cpu, unsigned part, uint64_t mask, bool compacted)
{
    const struct x86_xsave_part *parts = x86_ident(cpu)->xsave;
    uint32_t at = X86_XSAVE_HEADER;

    if (!compacted) {
        return parts[part].offset;
    }
    for (unsigned i = 2; i <= part; i++) {
        if (!(mask >> i & 1)) {
            continue;
        }
        if (parts[i].aligned) {
            at = (uint32_t)align_up(at, 64);
        }
        if (i < part) {
            at += parts[i].size;
        }
    }
    return at;
}

uint32_t x86_xsave_size(const struct x86_cpu *cpu, uint64_t mask, bool compacted)
{
    const struct x86_xsave_part *parts = x86_ident(cpu)->xsave;
    uint32_t end = X86_XSAVE_HEADER;

    for (unsigned i = 2; i < X86_XSAVE_PARTS; i++) {
        if (mask >> i & 1) {
            uint32_t at = x86_xsave_offset(cpu, i, mask, compacted);

            end = MAX(end, at + parts[i].size);
        }
    }
    return end;
}

static void leaf_xsave(const struct x86_cpu *cpu, uint32_t subleaf, uint32_t ret[4])
{
    const struct x86_xsave_part *parts = x86_ident(cpu)->xsave;
    uint64_t possible = xcr0_possible(cpu);

    if (!x86_has(cpu, X86_F_XSAVE)) {
        return;
    }
    if (subleaf == 0) {
        ret[EAX] = (uint32_t)possible;
        ret[EBX] = x86_xsave_size(cpu, cpu->xcr0 & possible, false);
        ret[ECX] = x86_xsave_size(cpu, possible, false);
        ret[EDX] = (uint32_t)(possible >> 32);
    } else if (subleaf == 1) {
        ret[EAX] = cpu->features[FEAT_D_1_EAX];
        if (x86_has(cpu, X86_F_XSAVEC)) {
            ret[EBX] = x86_xsave_size(cpu, (cpu->xcr0 & possible) | cpu->msr.xss, true);
        }
        ret[ECX] = cpu->features[FEAT_XSS_LO];
    } else if (subleaf < X86_XSAVE_PARTS && (possible >> subleaf & 1)) {
        ret[EAX] = parts[subleaf].size;
        ret[EBX] = parts[subleaf].offset;
        ret[ECX] = parts[subleaf].aligned ? 2 : 0;
    }
}

/* ---- the leaves ---------------------------------------------------------------------------- */

static uint32_t signature(const struct x86_ident *id)
{
    unsigned ext_family = id->family > 15 ? id->family - 15 : 0;

    return ext_family << 20 | (id->model >> 4 & 0xf) << 16 | MIN(id->family, 15) << 8 |
           (id->model & 0xf) << 4 | (id->stepping & 0xf);
}

/* @text fills EBX, EDX, ECX in leaf 0 and EBX, ECX, EDX in leaf 0x40000000. */
static void put_text(const char *text, uint32_t *a, uint32_t *b, uint32_t *c)
{
    char buf[12] = {0};

    memcpy(buf, text, strnlen(text, sizeof(buf)));
    memcpy(a, buf, 4);
    memcpy(b, buf + 4, 4);
    memcpy(c, buf + 8, 4);
}

static void leaf_1(const struct x86_cpu *cpu, const struct x86_ident *id, uint32_t ret[4])
{
    const struct x86_topology *t = &id->topology;
    unsigned ids = cpus_per_socket(t);

    if (id->vendor == X86_VENDOR_INTEL) {
        ids = 1u << x86_topology_shifts(t).socket;
    }
    ret[EAX] = signature(id);
    ret[EBX] = (cpu->apic_id & 0xff) << 24 | MIN(ids, 255u) << 16;
    if (x86_has(cpu, X86_F_CLFSH)) {
        ret[EBX] |= CACHE_LINE / 8 << 8;
    }
    ret[ECX] = cpu->features[FEAT_1_ECX] & ~(1u << X86_F_OSXSAVE % 32);
    ret[EDX] = cpu->features[FEAT_1_EDX];
    if (cpus_per_socket(t) > 1) {
        ret[EDX] |= 1u << X86_F_HTT % 32;
    }
}

static void leaf_7(const struct x86_cpu *cpu, uint32_t subleaf, uint32_t ret[4])
{
    if (subleaf == 0) {
        ret[EAX] = cpu->features[FEAT_7_1_EAX] ? 1 : 0;
        ret[EBX] = cpu->features[FEAT_7_0_EBX];
        ret[ECX] = cpu->features[FEAT_7_0_ECX] & ~(1u << X86_F_OSPKE % 32);
        ret[EDX] = cpu->features[FEAT_7_0_EDX];
    } else if (subleaf == 1) {
        ret[EAX] = cpu->features[FEAT_7_1_EAX];
    }
}

static void basic_leaf(const struct x86_cpu *cpu, const struct x86_ident *id, uint32_t leaf,
                       uint32_t subleaf, uint32_t ret[4])
{
    switch (leaf) {
    case 0:
        ret[EAX] = id->level;
        put_text(id->vendor_id, &ret[EBX], &ret[EDX], &ret[ECX]);
        break;
    case 1:
        leaf_1(cpu, id, ret);
        break;
    case 2:
        leaf_2(id, ret);
        break;
    case 4:
        if (id->vendor == X86_VENDOR_INTEL) {
            leaf_cache(cpu, false, subleaf, ret);
        }
        break;
    case 5:
        if (x86_has(cpu, X86_F_MONITOR)) {
            ret[EAX] = CACHE_LINE;
            ret[EBX] = CACHE_LINE;
            ret[ECX] = 3; /* extensions listed; interrupts break even when masked */
        }
        break;
    case 6:
        ret[EAX] = cpu->features[FEAT_6_EAX];
        break;
    case 7:
        leaf_7(cpu, subleaf, ret);
        break;
    case 0xa:
        memcpy(ret, id->pmu, sizeof(id->pmu));
        break;
    case 0xb:
    case 0x1f:
        leaf_topology(cpu, leaf, subleaf, ret);
        break;
    case 0xd:
        leaf_xsave(cpu, subleaf, ret);
        break;
    default: /* 3: serial number; 9: DCA; 0xf, 0x10: RDT; 0x12: SGX; 0x14: PT; 0x15-0x1e */
        break;
    }
}

/* Those bits of leaf 1 EDX that AMD repeats in leaf 0x80000001. */
#define AMD_MIRRORED 0x0183f3ffu

static void leaf_8000_0001(const struct x86_cpu *cpu, const struct x86_ident *id, uint32_t ret[4])
{
    ret[ECX] = cpu->features[FEAT_8000_0001_ECX];
    ret[EDX] = cpu->features[FEAT_8000_0001_EDX];
    if (id->vendor == X86_VENDOR_AMD) {
        ret[EAX] = signature(id);
        ret[EDX] |= cpu->features[FEAT_1_EDX] & AMD_MIRRORED;
        if (cpus_per_socket(&id->topology) > 1) {
            ret[ECX] |= 1u << X86_F_CMP_LEGACY % 32;
        }
    }
}

static void leaf_8000_0008(const struct x86_cpu *cpu, const struct x86_ident *id, uint32_t ret[4])
{
    if (x86_has(cpu, X86_F_LM)) {
        ret[EAX] = cpu->phys_bits | (x86_has(cpu, X86_F_LA57) ? 57 : 48) << 8;
    } else {
        ret[EAX] = MIN(cpu->phys_bits, x86_has(cpu, X86_F_PSE36) ? 36u : 32u) | 32 << 8;
    }
    if (id->vendor == X86_VENDOR_AMD) {
        ret[ECX] = (MIN(cpus_per_socket(&id->topology), 256u) - 1) |
                   MIN(x86_topology_shifts(&id->topology).socket, 15u) << 12;
        ret[EBX] = cpu->features[FEAT_8000_0008_EBX];
    } else {
        ret[EBX] = cpu->features[FEAT_8000_0008_EBX] & (1u << X86_F_WBNOINVD % 32);
    }
}

/* AMD: which core and node this thread is of. */
static void leaf_8000_001e(const struct x86_cpu *cpu, const struct x86_ident *id, uint32_t ret[4])
{
    struct x86_apic_shifts s = x86_topology_shifts(&id->topology);
    unsigned core = (cpu->apic_id & ((1u << s.socket) - 1)) >> s.core;
    unsigned node = cpu->apic_id >> s.socket;

    if (id->topology.dies > 1) {
        node =
            node * id->topology.dies + ((cpu->apic_id >> s.die) & ((1u << (s.socket - s.die)) - 1));
    }
    ret[EAX] = cpu->apic_id;
    ret[EBX] = (core & 0xff) | (id->topology.threads - 1) << 8;
    ret[ECX] = (node & 0xff) | (MIN(id->topology.dies, 8u) - 1) << 8;
}

static void amd_leaf(const struct x86_cpu *cpu, const struct x86_ident *id, uint32_t leaf,
                     uint32_t subleaf, uint32_t ret[4])
{
    switch (leaf) {
    case 0x80000005:
        leaf_amd_l1(ret);
        break;
    case 0x8000000a:
        if (x86_has(cpu, X86_F_SVM)) {
            ret[EAX] = 1;  /* revision */
            ret[EBX] = 16; /* ASIDs */
            ret[EDX] = cpu->features[FEAT_8000_000A_EDX];
        }
        break;
    case 0x8000001d:
        if (x86_has(cpu, X86_F_TOPOEXT)) {
            leaf_cache(cpu, true, subleaf, ret);
        }
        break;
    case 0x8000001e:
        if (x86_has(cpu, X86_F_TOPOEXT)) {
            leaf_8000_001e(cpu, id, ret);
        }
        break;
    case 0x80000021:
        ret[EAX] = cpu->features[FEAT_8000_0021_EAX];
        ret[ECX] = cpu->features[FEAT_8000_0021_ECX];
        break;
    case 0x80000026:
        leaf_topology(cpu, leaf, subleaf, ret);
        break;
    default: /* 0x80000019: 1 GiB TLBs; 1a: widths; 1b: IBS; 1c: LWP; 1f: SEV; 20: RDT */
        break;
    }
}

static void extended_leaf(const struct x86_cpu *cpu, const struct x86_ident *id, uint32_t leaf,
                          uint32_t subleaf, uint32_t ret[4])
{
    switch (leaf) {
    case 0x80000000:
        ret[EAX] = id->xlevel;
        if (id->vendor == X86_VENDOR_AMD) {
            put_text(id->vendor_id, &ret[EBX], &ret[EDX], &ret[ECX]);
        }
        break;
    case 0x80000001:
        leaf_8000_0001(cpu, id, ret);
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
        memcpy(ret, id->model_id + 16 * (leaf - 0x80000002), 16);
        break;
    case 0x80000006:
        leaf_l2(id->vendor == X86_VENDOR_AMD, ret);
        break;
    case 0x80000007:
        ret[EDX] = cpu->features[FEAT_8000_0007_EDX];
        break;
    case 0x80000008:
        leaf_8000_0008(cpu, id, ret);
        break;
    default:
        if (id->vendor == X86_VENDOR_AMD) {
            amd_leaf(cpu, id, leaf, subleaf, ret);
        }
        break;
    }
}

static void hypervisor_leaf(const struct x86_cpu *cpu, const struct x86_ident *id, uint32_t leaf,
                            uint32_t ret[4])
{
    if (leaf == CPUID_KVM_BASE) {
        ret[EAX] = CPUID_KVM_BASE + 1;
        put_text(id->hypervisor, &ret[EBX], &ret[ECX], &ret[EDX]);
    } else if (leaf == CPUID_KVM_BASE + 1) {
        ret[EAX] = cpu->features[FEAT_KVM];
    }
}

void x86_cpuid_static(const struct x86_cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t ret[4])
{
    const struct x86_ident *id = x86_ident(cpu);
    bool extended = leaf >= 0x80000000 && leaf <= id->xlevel;

    memset(ret, 0, 4 * sizeof(*ret));
    if (leaf >= CPUID_KVM_BASE && leaf < CPUID_KVM_BASE + 0x100 && id->hypervisor[0]) {
        hypervisor_leaf(cpu, id, leaf, ret);
        return;
    }
    if (leaf > id->level && !extended) {
        if (id->vendor != X86_VENDOR_INTEL) {
            return;
        }
        leaf = id->level;
    }
    if (extended) {
        extended_leaf(cpu, id, leaf, subleaf, ret);
    } else {
        basic_leaf(cpu, id, leaf, subleaf, ret);
    }
}

void x86_cpuid(struct x86_cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t ret[4])
{
    x86_cpuid_static(cpu, leaf, subleaf, ret);
    if (leaf == 1) {
        if (cpu->cr4 & CR4_OSXSAVE) {
            ret[ECX] |= 1u << X86_F_OSXSAVE % 32;
        }
        if (cpu->irq_ops && !(cpu->msr.apic_base & 1 << 11)) {
            ret[EDX] &= ~(1u << X86_F_APIC % 32);
        }
    } else if (leaf == 0x80000001 && cpu->irq_ops && !(cpu->msr.apic_base & 1 << 11) &&
               x86_ident(cpu)->vendor == X86_VENDOR_AMD) {
        ret[EDX] &= ~(1u << X86_F_APIC % 32);
    } else if (leaf == 7 && subleaf == 0 && (cpu->cr4 & CR4_PKE) && x86_has(cpu, X86_F_PKU)) {
        ret[ECX] |= 1u << X86_F_OSPKE % 32;
    }
}
