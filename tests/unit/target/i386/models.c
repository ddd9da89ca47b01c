/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of target/i386/models.c, model_table.c and feature_names.c. */
#include "target/i386/models.h"

#include <string.h>

static void caps_init(struct x86_accel_caps *caps)
{
    x86_tcg_caps(caps);
}

static bool apply(struct x86_cpu *cpu, const char *text, char **ret_error)
{
    struct x86_accel_caps caps;
    GError *error = NULL;
    bool ok;

    caps_init(&caps);
    ok = x86_model_apply(cpu, text, NULL, &caps, &error);
    g_assert_true(ok == !error);
    if (ret_error) {
        *ret_error = error ? g_strdup(error->message) : NULL;
    } else {
        g_assert_no_error(error);
    }
    g_clear_error(&error);
    return ok;
}

/* Applies @text and expects failure with @words in the message. */
static void expect_error(const char *text, const char *words)
{
    struct x86_cpu cpu = {.index = 1};
    g_autofree char *message = NULL;

    g_assert_false(apply(&cpu, text, &message));
    g_assert_nonnull(strstr(message, words));
}

static void test_every_row_names_real_features(void)
{
    for (unsigned i = 0; i < x86_model_count; i++) {
        const struct x86_model *m = &x86_models[i];
        const char *lists[] = {m->add, m->drop};

        g_assert_true(!m->base || x86_model_find(m->base, NULL));
        for (unsigned n = 0; n < 2; n++) {
            g_auto(GStrv) names = g_strsplit(lists[n] ? lists[n] : "", " ", -1);

            for (char **name = names; *name; name++) {
                if (**name && x86_feature_find(*name) < 0) {
                    g_error("model %s: no feature '%s'", m->name, *name);
                }
            }
        }
    }
}

static void test_every_model_applies(void)
{
    for (unsigned i = 0; i < x86_model_count; i++) {
        g_autofree char *text = g_strdup_printf("%s,check=off", x86_models[i].name);
        struct x86_cpu cpu = {0};

        if (strcmp(x86_models[i].name, "host") == 0) {
            continue;
        }
        apply(&cpu, text, NULL);
        g_assert_true(cpu.model == &x86_models[i]);
        g_assert_cmpuint(strlen(x86_ident(&cpu)->vendor_id), ==, 12);
        g_assert_cmpuint(strlen(x86_models[i].text), >, 0);
        g_free(cpu.cpuid_data);
    }
}

static void test_names_are_found_in_all_spellings(void)
{
    static const char *const same[] = {"sse4.1", "sse4_1", "sse4-1", "SSE4.1"};

    for (unsigned i = 0; i < ARRAY_SIZE(same); i++) {
        g_assert_cmpint(x86_feature_find(same[i]), ==, X86_F_SSE4_1);
    }
    g_assert_cmpint(x86_feature_find("pni"), ==, X86_F_SSE3);
    g_assert_cmpint(x86_feature_find("sse3"), ==, X86_F_SSE3);
    g_assert_cmpint(x86_feature_find("nosuch"), ==, -1);
}

static void test_each_name_finds_its_feature(void)
{
    g_auto(GStrv) names = x86_feature_names();

    for (char **name = names; *name; name++) {
        int f = x86_feature_find(*name);
        g_autofree char *back = f < 0 ? NULL : x86_feature_name((enum x86_feature)f);

        g_assert_cmpstr(back, ==, *name);
    }
}

static void test_features_are_added_and_taken(void)
{
    struct x86_cpu cpu = {0};

    apply(&cpu, "qemu64,+aes,-sse3,sse4.2=on,nx=off,smep", NULL);
    g_assert_true(x86_has(&cpu, X86_F_AES));
    g_assert_true(x86_has(&cpu, X86_F_SSE4_2));
    g_assert_true(x86_has(&cpu, X86_F_SMEP));
    g_assert_true(x86_has(&cpu, X86_F_HYPERVISOR));
    g_assert_false(x86_has(&cpu, X86_F_SSE3));
    g_assert_false(x86_has(&cpu, X86_F_NX));
    g_assert_cmpuint(x86_ident(&cpu)->level, ==, 0xd);
    g_free(cpu.cpuid_data);
}

static void test_dependents_go_with_what_they_need(void)
{
    struct x86_cpu cpu = {0};

    apply(&cpu, "max,-xsave", NULL);
    g_assert_false(x86_has(&cpu, X86_F_AVX));
    g_assert_false(x86_has(&cpu, X86_F_AVX2));
    g_assert_false(x86_has(&cpu, X86_F_VAES));
    g_assert_cmphex(cpu.features[FEAT_XCR0_LO], ==, 0);
    g_free(cpu.cpuid_data);
}

static void test_identity_options(void)
{
    struct x86_cpu cpu = {0};
    const struct x86_ident *id;

    apply(&cpu,
          "qemu64,vendor=GenuineIntel,family=6,model=0x3a,stepping=9,level=13,xlevel=0x80000008,"
          "model-id=Some CPU,phys-bits=36,tsc-frequency=2.5G,hypervisor=off",
          NULL);
    id = x86_ident(&cpu);
    g_assert_cmpstr(id->vendor_id, ==, "GenuineIntel");
    g_assert_cmpuint(id->family, ==, 6);
    g_assert_cmphex(id->model, ==, 0x3a);
    g_assert_cmpuint(id->stepping, ==, 9);
    g_assert_cmpuint(id->level, ==, 13);
    g_assert_cmphex(id->xlevel, ==, 0x80000008);
    g_assert_cmpstr(id->model_id, ==, "Some CPU");
    g_assert_cmpuint(cpu.phys_bits, ==, 36);
    g_assert_cmpuint(cpu.tsc_khz, ==, 2500000);
    g_assert_cmpstr(id->hypervisor, ==, "");
    g_free(cpu.cpuid_data);
}

static void test_enforce_names_what_is_missing(void)
{
    expect_error("Skylake-Server,enforce", "avx512f");
    expect_error("max,+vmx,enforce=on", "vmx");
}

static void test_bad_words_are_named(void)
{
    expect_error("Hasswell", "did you mean 'Haswell'");
    expect_error("max,+avx3", "'avx3'");
    expect_error("max,sse43=on", "sse43");
    expect_error("max,avx=maybe", "avx");
    expect_error("max,vendor=Intel", "12 characters");
    expect_error("max,phys-bits=20", "32 to 52");
    expect_error("max,phys-bits=53", "phys-bits");
    expect_error("max,hv-relaxed", "hv-relaxed");
    expect_error("max,hv_time=on", "hv_time");
    expect_error("max,+avx=on", "avx");
    expect_error("host", "needs KVM");
    expect_error("+avx", "unknown CPU model");
    expect_error("family=6", "must come first");
    expect_error("max,pmu=on", "performance counters");
    expect_error("max,family=300", "family");
}

static void test_max_is_all_of_the_accelerator(void)
{
    struct x86_accel_caps caps;
    struct x86_cpu cpu = {0};

    caps_init(&caps);
    apply(&cpu, NULL, NULL);
    g_assert_cmpstr(cpu.model->name, ==, "max");
    for (unsigned w = 0; w < FEAT_XCR0_LO; w++) {
        uint32_t own = w == FEAT_1_EDX           ? 1u << X86_F_HTT % 32
                       : w == FEAT_8000_0001_ECX ? 1u << X86_F_CMP_LEGACY % 32
                                                 : 0;

        g_assert_cmphex(cpu.features[w], ==, caps.features[w] & ~own);
    }
    g_assert_cmphex(cpu.features[FEAT_XCR0_LO], ==, 0x207);
    g_free(cpu.cpuid_data);
}

static void test_later_generations_have_more(void)
{
    static const char *const order[] = {"Conroe",  "Penryn",    "Nehalem",        "Westmere",
                                        "Haswell", "Broadwell", "Skylake-Client", "Skylake-Server"};
    uint32_t older[FEAT_WORDS], newer[FEAT_WORDS];

    for (unsigned i = 1; i < ARRAY_SIZE(order); i++) {
        x86_model_features(x86_model_find(order[i - 1], NULL), older);
        x86_model_features(x86_model_find(order[i], NULL), newer);
        for (unsigned w = 0; w < FEAT_WORDS; w++) {
            g_assert_cmphex(older[w] & ~newer[w], ==, 0);
        }
    }
    x86_model_features(x86_model_find("Haswell-noTSX", NULL), newer);
    g_assert_false(x86_word_has(newer, X86_F_RTM));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/every-row-names-real-features", test_every_row_names_real_features);
    g_test_add_func("/every-model-applies", test_every_model_applies);
    g_test_add_func("/names-are-found-in-all-spellings", test_names_are_found_in_all_spellings);
    g_test_add_func("/each-name-finds-its-feature", test_each_name_finds_its_feature);
    g_test_add_func("/features-are-added-and-taken", test_features_are_added_and_taken);
    g_test_add_func("/dependents-go-with-what-they-need", test_dependents_go_with_what_they_need);
    g_test_add_func("/identity-options", test_identity_options);
    g_test_add_func("/enforce-names-what-is-missing", test_enforce_names_what_is_missing);
    g_test_add_func("/bad-words-are-named", test_bad_words_are_named);
    g_test_add_func("/max-is-all-of-the-accelerator", test_max_is_all_of_the_accelerator);
    g_test_add_func("/later-generations-have-more", test_later_generations_have_more);
    return g_test_run();
}
