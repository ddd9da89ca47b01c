/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of CPUID features as people write them, and which feature needs which other.
 *
 * A feature is called by its X86_F_ name in lower case; '_', '-' and '.' are the same. The alias
 * table holds what else is in use; a preferred alias is what messages show.
 */
#include "target/i386/models.h"

#include <string.h>

static const struct {
    uint16_t feature;
    const char *name;
} features[] = {
#define FEATURE_ROW(word, bit, name) {X86_F_##name, #name},
    X86_FEATURES(FEATURE_ROW)
#undef FEATURE_ROW
};

static const struct {
    const char *alias;
    uint16_t feature;
    bool preferred;
} aliases[] = {
    {"pni", X86_F_SSE3, true},
    {"clflush", X86_F_CLFSH, true},
    {"ht", X86_F_HTT, true},
    {"sha-ni", X86_F_SHA, true},
    {"pclmuldq", X86_F_PCLMULQDQ, false},
    {"i64", X86_F_LM, false},
    {"xd", X86_F_NX, false},
    {"ffxsr", X86_F_FXSR_OPT, false},
    {"lahf-sahf", X86_F_LAHF_LM, false},
    {"cr8legacy", X86_F_CR8LEG, true},
    {"lzcnt", X86_F_ABM, false},
    {"cmpxchg16b", X86_F_CX16, false},
    {"cmpxchg8b", X86_F_CX8, false},
    {"ibrs", X86_F_AMD_IBRS, true},
    {"rdctl-no", X86_F_RDCL_NO, false},
    {"ibrs-all", X86_F_IBRS_ALL, true},
    {"kvmclock", X86_F_KVM_CLOCKSOURCE2, true},
    {"kvmclock-old", X86_F_KVM_CLOCKSOURCE, true},
    {"kvmclock-stable-bit", X86_F_KVM_CLOCKSOURCE_STABLE, true},
    {"kvm-nopiodelay", X86_F_KVM_NOP_IO_DELAY, true},
    {"kvm-asyncpf", X86_F_KVM_ASYNC_PF, true},
    {"kvm-asyncpf-vmexit", X86_F_KVM_ASYNC_PF_VMEXIT, true},
    {"kvm-asyncpf-int", X86_F_KVM_ASYNC_PF_INT, true},
    {"kvm-pv-ipi", X86_F_KVM_PV_SEND_IPI, true},
    {"kvm-poll-control", X86_F_KVM_POLL_CONTROL, true},
};

/* The left one is of no use without the right one. */
static const uint16_t needs[][2] = {
    {X86_F_AVX, X86_F_XSAVE},
    {X86_F_XSAVEOPT, X86_F_XSAVE},
    {X86_F_XSAVEC, X86_F_XSAVE},
    {X86_F_XSAVES, X86_F_XSAVEC},
    {X86_F_XGETBV1, X86_F_XSAVE},
    {X86_F_PKU, X86_F_XSAVE},
    {X86_F_MPX, X86_F_XSAVE},
    {X86_F_AVX2, X86_F_AVX},
    {X86_F_FMA, X86_F_AVX},
    {X86_F_FMA4, X86_F_AVX},
    {X86_F_XOP, X86_F_AVX},
    {X86_F_F16C, X86_F_AVX},
    {X86_F_VAES, X86_F_AVX},
    {X86_F_VPCLMULQDQ, X86_F_AVX},
    {X86_F_AVX_VNNI, X86_F_AVX2},
    {X86_F_AVX_IFMA, X86_F_AVX2},
    {X86_F_AVX512F, X86_F_AVX2},
    {X86_F_AVX512DQ, X86_F_AVX512F},
    {X86_F_AVX512IFMA, X86_F_AVX512F},
    {X86_F_AVX512PF, X86_F_AVX512F},
    {X86_F_AVX512ER, X86_F_AVX512F},
    {X86_F_AVX512CD, X86_F_AVX512F},
    {X86_F_AVX512BW, X86_F_AVX512F},
    {X86_F_AVX512VL, X86_F_AVX512F},
    {X86_F_AVX512VBMI, X86_F_AVX512BW},
    {X86_F_AVX512_VBMI2, X86_F_AVX512F},
    {X86_F_AVX512_VNNI, X86_F_AVX512F},
    {X86_F_AVX512_BITALG, X86_F_AVX512F},
    {X86_F_AVX512_VPOPCNTDQ, X86_F_AVX512F},
    {X86_F_AVX512_4VNNIW, X86_F_AVX512F},
    {X86_F_AVX512_4FMAPS, X86_F_AVX512F},
    {X86_F_AVX512_VP2INTERSECT, X86_F_AVX512F},
    {X86_F_AVX512_BF16, X86_F_AVX512F},
    {X86_F_AVX512_FP16, X86_F_AVX512BW},
    {X86_F_X2APIC, X86_F_APIC},
    {X86_F_TSC_DEADLINE, X86_F_APIC},
    {X86_F_PCID, X86_F_LM},
    {X86_F_LA57, X86_F_LM},
    {X86_F_RDTSCP, X86_F_TSC},
    {X86_F_KVM_CLOCKSOURCE, X86_F_KVM_CLOCKSOURCE2}, /* "kvmclock" is both */
    {X86_F_KVM_CLOCKSOURCE_STABLE, X86_F_KVM_CLOCKSOURCE2},
};

/* Components of XCR0 and the feature that brings them. */
static const struct {
    uint16_t feature;
    uint32_t mask;
} components[] = {
    {X86_F_XSAVE, XCR0_X87 | XCR0_SSE}, {X86_F_AVX, XCR0_AVX},  {X86_F_MPX, 3u << 3},
    {X86_F_AVX512F, 7u << 5},           {X86_F_PKU, XCR0_PKRU}, {X86_F_AMX_TILE, 3u << 17},
};

/* AMD repeats these of leaf 1 EDX in leaf 0x80000001; cpuid.c adds them to the word's own bits. */
#define AMD_MIRRORED 0x0183f3ffu

static char *spelled(const char *name)
{
    char *s = g_ascii_strdown(name, -1);

    g_strdelimit(s, "_.", '-');
    return s;
}

int x86_feature_find(const char *name)
{
    g_autofree char *want = spelled(name);

    for (unsigned i = 0; i < ARRAY_SIZE(aliases); i++) {
        if (strcmp(aliases[i].alias, want) == 0) {
            return aliases[i].feature;
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        g_autofree char *have = spelled(features[i].name);

        if (strcmp(have, want) == 0) {
            return features[i].feature;
        }
    }
    return -1;
}

char *x86_feature_name(enum x86_feature f)
{
    for (unsigned i = 0; i < ARRAY_SIZE(aliases); i++) {
        if (aliases[i].feature == f && aliases[i].preferred) {
            return g_strdup(aliases[i].alias);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        if (features[i].feature == f) {
            return spelled(features[i].name);
        }
    }
    return g_strdup_printf("bit-%u-of-word-%u", (unsigned)f % 32, (unsigned)f / 32);
}

char **x86_feature_names(void)
{
    GPtrArray *names = g_ptr_array_new();

    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        g_ptr_array_add(names, x86_feature_name(features[i].feature));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

void x86_features_settle(uint32_t words[FEAT_WORDS])
{
    bool changed;

    do {
        changed = false;
        for (unsigned i = 0; i < ARRAY_SIZE(needs); i++) {
            if (x86_word_has(words, needs[i][0]) && !x86_word_has(words, needs[i][1])) {
                x86_word_set(words, needs[i][0], false);
                changed = true;
            }
        }
    } while (changed);
    words[FEAT_XCR0_LO] = 0;
    words[FEAT_XCR0_HI] = 0;
    words[FEAT_XSS_LO] = 0; /* no supervisor component is known here */
    for (unsigned i = 0; i < ARRAY_SIZE(components); i++) {
        if (x86_word_has(words, components[i].feature)) {
            words[FEAT_XCR0_LO] |= components[i].mask;
        }
    }
    words[FEAT_8000_0001_EDX] &= ~AMD_MIRRORED;
}
