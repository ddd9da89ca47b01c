/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What KVM on this host can give guests, and a vCPU's CPUID lists.
 *
 * Features whose state is not moved between struct and kernel are withheld: a guest that used them
 * could not be saved.
 */
#include "accel/kvm/kvm_impl.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define MAX_ENTRIES 512

static bool load_supported(struct kvm *kvm, GError **error)
{
    for (unsigned n = 128; n <= 1024; n *= 2) {
        struct kvm_cpuid2 *list = g_malloc0(sizeof(*list) + n * sizeof(list->entries[0]));

        list->nent = n;
        if (ioctl(kvm->fd, KVM_GET_SUPPORTED_CPUID, list) == 0) {
            kvm->supported = list;
            return true;
        }
        g_free(list);
        if (errno != E2BIG) {
            break;
        }
    }
    return fail_errno(error, "KVM does not tell which CPU features it supports");
}

static const struct kvm_cpuid_entry2 *find(const struct kvm *kvm, uint32_t leaf, uint32_t subleaf)
{
    static const struct kvm_cpuid_entry2 none;

    for (unsigned i = 0; i < kvm->supported->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &kvm->supported->entries[i];

        if (e->function == leaf &&
            (e->index == subleaf || !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX))) {
            return e;
        }
    }
    return &none;
}

/* A feature MSR of the host; 0 when it has none. */
static uint64_t feature_msr(const struct kvm *kvm, uint32_t index)
{
    struct kvm_one_msr msr = {.count = 1, .entry = {.index = index}};

    return ioctl(kvm->fd, KVM_GET_MSRS, &msr) == 1 ? msr.entry.data : 0;
}

static void load_words(struct kvm *kvm, uint32_t w[FEAT_WORDS])
{
    uint64_t arch = feature_msr(kvm, MSR_ARCH_CAPABILITIES);

    w[FEAT_1_EDX] = find(kvm, 1, 0)->edx;
    w[FEAT_1_ECX] = find(kvm, 1, 0)->ecx;
    w[FEAT_7_0_EBX] = find(kvm, 7, 0)->ebx;
    w[FEAT_7_0_ECX] = find(kvm, 7, 0)->ecx;
    w[FEAT_7_0_EDX] = find(kvm, 7, 0)->edx;
    w[FEAT_7_1_EAX] = find(kvm, 7, 1)->eax;
    w[FEAT_8000_0001_EDX] = find(kvm, 0x80000001, 0)->edx;
    w[FEAT_8000_0001_ECX] = find(kvm, 0x80000001, 0)->ecx;
    w[FEAT_8000_0007_EDX] = find(kvm, 0x80000007, 0)->edx & 1u << X86_F_INVTSC % 32;
    w[FEAT_8000_0008_EBX] = find(kvm, 0x80000008, 0)->ebx;
    w[FEAT_8000_0021_EAX] = find(kvm, 0x80000021, 0)->eax;
    w[FEAT_8000_0021_ECX] = find(kvm, 0x80000021, 0)->ecx;
    w[FEAT_6_EAX] = 1u << X86_F_ARAT % 32; /* the kernel's APIC timer runs whatever the CPU does */
    w[FEAT_D_1_EAX] = find(kvm, 0xd, 1)->eax;
    w[FEAT_XCR0_LO] = find(kvm, 0xd, 0)->eax;
    w[FEAT_KVM] = find(kvm, CPUID_KVM_BASE + 1, 0)->eax;
    w[FEAT_ARCH_CAPS_LO] = (uint32_t)arch;
    w[FEAT_ARCH_CAPS_HI] = (uint32_t)(arch >> 32);
}

static void withhold(struct kvm *kvm, uint32_t w[FEAT_WORDS])
{
    static const uint16_t stateless[] = {
        X86_F_SHSTK,    X86_F_IBT,      X86_F_PKS, X86_F_AMX_TILE, X86_F_AMX_BF16,
        X86_F_AMX_INT8, X86_F_AMX_FP16, X86_F_XFD, X86_F_INTEL_PT, X86_F_ARCH_LBR,
        X86_F_WAITPKG,  X86_F_VMX,      X86_F_SVM, X86_F_LWP,      X86_F_BUS_LOCK_DETECT,
        X86_F_MONITOR,  X86_F_PDCM,
    };
    static const uint16_t of_kernel_apic[] = {
        X86_F_X2APIC,           X86_F_TSC_DEADLINE,     X86_F_KVM_PV_EOI,
        X86_F_KVM_ASYNC_PF_INT, X86_F_KVM_ASYNC_PF,     X86_F_KVM_PV_SEND_IPI,
        X86_F_KVM_PV_UNHALT,    X86_F_KVM_PV_TLB_FLUSH, X86_F_KVM_MSI_EXT_DEST_ID,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(stateless); i++) {
        x86_word_set(w, stateless[i], false);
    }
    w[FEAT_8000_000A_EDX] = 0;
    x86_word_set(w, X86_F_KVM_MSI_EXT_DEST_ID, false); /* boards here stay below 255 */
    for (unsigned i = 0; i < ARRAY_SIZE(of_kernel_apic) && !kvm_lapic_in_kernel(kvm); i++) {
        x86_word_set(w, of_kernel_apic[i], false);
    }
}

/* The host's own identity, and its XSAVE layout, which hardware fixes. */
static void load_identity(struct kvm *kvm)
{
    struct x86_accel_caps *caps = &kvm->caps;
    struct x86_ident *id = &caps->max;
    unsigned r[4] = {0};
    uint32_t signature;

    __get_cpuid(0, &r[0], &r[1], &r[2], &r[3]);
    memcpy(id->vendor_id, &r[1], 4);
    memcpy(id->vendor_id + 4, &r[3], 4);
    memcpy(id->vendor_id + 8, &r[2], 4);
    id->vendor = x86_vendor_from_id(id->vendor_id);
    signature = find(kvm, 1, 0)->eax;
    id->family = signature >> 8 & 0xf;
    id->family += id->family == 15 ? signature >> 20 & 0xff : 0;
    id->model = (signature >> 4 & 0xf) | (signature >> 12 & 0xf0);
    id->stepping = signature & 0xf;
    id->level = MIN(find(kvm, 0, 0)->eax, 0x1fu);
    id->xlevel = MIN(find(kvm, 0x80000000, 0)->eax, 0x80000021u);
    for (unsigned i = 0; i < 3; i++) {
        if (__get_cpuid(0x80000002 + i, &r[0], &r[1], &r[2], &r[3])) {
            memcpy(id->model_id + 16 * i, r, 16);
        }
    }
    caps->phys_bits = find(kvm, 0x80000008, 0)->eax & 0xff;
    if (caps->phys_bits < 32 || caps->phys_bits > 52) {
        caps->phys_bits = 36;
    }
    for (unsigned i = 2; i < X86_XSAVE_PARTS; i++) {
        const struct kvm_cpuid_entry2 *e = find(kvm, 0xd, i);

        if (e->eax && e->ebx + e->eax <= kvm->xsave_size) {
            caps->xsave[i] = (struct x86_xsave_part){e->eax, e->ebx, e->ecx & 2};
        }
    }
    caps->pmu[0] = find(kvm, 0xa, 0)->eax;
    caps->pmu[1] = find(kvm, 0xa, 0)->ebx;
    caps->pmu[2] = find(kvm, 0xa, 0)->ecx;
    caps->pmu[3] = find(kvm, 0xa, 0)->edx;
}

bool kvm_load_caps(struct kvm *kvm, GError **error)
{
    struct x86_accel_caps *caps = &kvm->caps;
    uint32_t possible;

    if (!load_supported(kvm, error)) {
        return false;
    }
    *caps = (struct x86_accel_caps){
        .name = "kvm",
        .hypervisor = "KVMKVMKVM",
        .is_host = true,
    };
    load_words(kvm, caps->features);
    load_identity(kvm);
    x86_word_set(caps->features, X86_F_HYPERVISOR, true);
    if (kvm_lapic_in_kernel(kvm)) {
        x86_word_set(caps->features, X86_F_X2APIC, true);
        if (ioctl(kvm->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0) {
            x86_word_set(caps->features, X86_F_TSC_DEADLINE, true);
        }
    }
    withhold(kvm, caps->features);
    possible = caps->features[FEAT_XCR0_LO];
    x86_features_settle(caps->features);
    caps->features[FEAT_XCR0_LO] &= possible;
    x86_word_set(caps->defaults, X86_F_HYPERVISOR, true);
    x86_word_set(caps->defaults, X86_F_X2APIC, x86_word_has(caps->features, X86_F_X2APIC));
    caps->defaults[FEAT_KVM] = caps->features[FEAT_KVM];
    return true;
}

static bool engine_caps(struct accel *a, struct x86_accel_caps *ret, GError **error)
{
    struct kvm *kvm = kvm_of(a);

    if (!kvm) {
        return fail(error, "the accelerator is not KVM");
    }
    *ret = kvm->caps;
    return true;
}

static bool engine_smm(struct accel *a)
{
    struct kvm *kvm = kvm_of(a);

    return kvm && kvm->has_smm;
}

static const struct x86_engine kvm_engine = {
    .accel = "kvm",
    .caps = engine_caps,
    .smm = engine_smm,
};
X86_ENGINE(kvm_engine);

/* ---- a vCPU's lists -------------------------------------------------------------------------- */

/* Appends a leaf; returns its registers. */
static const struct kvm_cpuid_entry2 *add(struct kvm_cpuid2 *list, const struct x86_cpu *cpu,
                                          uint32_t leaf, uint32_t subleaf, bool indexed)
{
    static const struct kvm_cpuid_entry2 none;
    struct kvm_cpuid_entry2 *e;
    uint32_t r[4];

    if (list->nent == MAX_ENTRIES) {
        return &none;
    }
    x86_cpuid_static(cpu, leaf, subleaf, r);
    e = &list->entries[list->nent++];
    *e = (struct kvm_cpuid_entry2){
        .function = leaf,
        .index = subleaf,
        .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
        .eax = r[0],
        .ebx = r[1],
        .ecx = r[2],
        .edx = r[3],
    };
    return e;
}

static void add_leaf(struct kvm_cpuid2 *list, const struct x86_cpu *cpu, uint32_t leaf)
{
    uint32_t last;

    switch (leaf) {
    case 4:
    case 0x8000001d: /* until a cache of type "none" */
        for (unsigned i = 0; i < 16 && (add(list, cpu, leaf, i, true)->eax & 0x1f); i++) {
        }
        break;
    case 7:
        last = add(list, cpu, leaf, 0, true)->eax;
        for (unsigned i = 1; i <= last && i < 8; i++) {
            add(list, cpu, leaf, i, true);
        }
        break;
    case 0xb:
    case 0x1f:
    case 0x80000026: /* until a level of type "none" */
        for (unsigned i = 0; i < 8 && (add(list, cpu, leaf, i, true)->ecx & 0xff00); i++) {
        }
        break;
    case 0xd:
        add(list, cpu, leaf, 0, true);
        add(list, cpu, leaf, 1, true);
        for (unsigned i = 2; i < X86_XSAVE_PARTS; i++) {
            if (!add(list, cpu, leaf, i, true)->eax && list->nent < MAX_ENTRIES) {
                list->nent--; /* the component does not exist */
            }
        }
        break;
    default:
        add(list, cpu, leaf, 0, false);
    }
}

static struct kvm_cpuid2 *list_new(void)
{
    return g_malloc0(sizeof(struct kvm_cpuid2) + MAX_ENTRIES * sizeof(struct kvm_cpuid_entry2));
}

static bool set_list(struct kvm_vcpu *kv, GError **error)
{
    const struct x86_ident *id = x86_ident(kv->cpu);
    g_autofree struct kvm_cpuid2 *list = list_new();

    for (uint32_t leaf = 0; leaf <= MIN(id->level, 0x20u); leaf++) {
        add_leaf(list, kv->cpu, leaf);
    }
    if (id->hypervisor[0]) {
        add_leaf(list, kv->cpu, CPUID_KVM_BASE);
        add_leaf(list, kv->cpu, CPUID_KVM_BASE + 1);
    }
    for (uint32_t leaf = 0x80000000; leaf <= MIN(id->xlevel, 0x80000026u); leaf++) {
        add_leaf(list, kv->cpu, leaf);
    }
    if (ioctl(kv->fd, KVM_SET_CPUID2, list) != 0) {
        return fail_errno(error, "KVM refuses the CPU model's CPUID");
    }
    return true;
}

/*
 * Adds to @words what the guest will see although the model lacks it: some hosts cannot hide
 * features of the hardware. Returns how many there are.
 */
static unsigned add_unhidden(struct kvm_vcpu *kv, uint32_t words[FEAT_WORDS])
{
    static const struct {
        uint32_t leaf, subleaf, reg, word, dynamic;
    } seen[] = {
        {1, 0, 2, FEAT_1_ECX, 1u << X86_F_OSXSAVE % 32},
        {1, 0, 3, FEAT_1_EDX, 1u << X86_F_HTT % 32 | 1u << X86_F_APIC % 32},
        {7, 0, 1, FEAT_7_0_EBX, 0},
        {7, 0, 2, FEAT_7_0_ECX, 1u << X86_F_OSPKE % 32},
        {7, 0, 3, FEAT_7_0_EDX, 0},
        {7, 1, 0, FEAT_7_1_EAX, 0},
        {0xd, 1, 0, FEAT_D_1_EAX, 0},
        {0x80000001, 0, 2, FEAT_8000_0001_ECX, 1u << X86_F_CMP_LEGACY % 32},
    };
    g_autofree struct kvm_cpuid2 *list = list_new();
    unsigned count = 0;

    list->nent = MAX_ENTRIES;
    if (ioctl(kv->fd, KVM_GET_CPUID2, list) != 0) {
        return 0;
    }
    for (unsigned n = 0; n < list->nent; n++) {
        const struct kvm_cpuid_entry2 *e = &list->entries[n];
        const uint32_t regs[4] = {e->eax, e->ebx, e->ecx, e->edx};

        for (unsigned i = 0; i < ARRAY_SIZE(seen); i++) {
            uint32_t more;

            if (e->function != seen[i].leaf || e->index != seen[i].subleaf) {
                continue;
            }
            more = regs[seen[i].reg] & ~words[seen[i].word] & ~seen[i].dynamic;
            words[seen[i].word] |= more;
            count += (unsigned)__builtin_popcount(more);
        }
    }
    return count;
}

bool kvm_set_cpuid(struct kvm_vcpu *kv, GError **error)
{
    struct x86_cpu *cpu = kv->cpu;
    uint32_t words[FEAT_WORDS];

    if (!set_list(kv, error)) {
        return false;
    }
    memcpy(words, cpu->features, sizeof(words));
    if (!add_unhidden(kv, words)) {
        return true;
    }
    /*
     * The interpreter, where it stands in, must know what the guest believes. What it may have to
     * save by XSAVE is kept to what the struct holds.
     */
    x86_features_settle(words);
    if (!x86_word_has(kv->kvm->caps.features, X86_F_XSAVE)) {
        words[FEAT_XCR0_LO] &= XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_PKRU;
        words[FEAT_XCR0_LO] &= find(kv->kvm, 0xd, 0)->eax;
    }
    memcpy(cpu->features, words, sizeof(words));
    x86_cpu_features_changed(cpu);
    return set_list(kv, error);
}
