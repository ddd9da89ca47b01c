/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU models: looking them up, and applying -cpu to a CPU.
 *
 * Options count in the order given, so that in `+avx,-avx` the last one wins. Differs from QEMU on
 * purpose: "max" and "host" give the guest the invariant TSC too (migratable=on takes it back).
 *
 * Absent: hv-* (Hyper-V enlightenments), version suffixes (-v2), host-cache-info.
 */
#include "target/i386/models.h"

#include "util/log.h"
#include "util/options.h"
#include "util/parse.h"
#include <string.h>

/* What -cpu's text asks for. */
struct request {
    const struct x86_model *model;
    uint32_t plus[FEAT_WORDS], minus[FEAT_WORDS];
    struct x86_ident id;
    bool level_set, xlevel_set;
    unsigned phys_bits; /* 0: not given */
    bool host_phys_bits;
    uint64_t tsc_hz;
    bool hide_kvm, pmu, migratable, check, enforce;
};

const struct x86_model *x86_model_find(const char *name, GError **error)
{
    g_autofree const char **names = g_new0(const char *, x86_model_count + 1);
    const char *near;

    for (unsigned i = 0; i < x86_model_count; i++) {
        if (strcmp(x86_models[i].name, name) == 0) {
            return &x86_models[i];
        }
        names[i] = x86_models[i].name;
    }
    near = nearest_name(name, names);
    if (near) {
        fail_code(error, ERROR_NOT_FOUND, "unknown CPU model '%s'; did you mean '%s'?", name, near);
    } else {
        fail_code(error, ERROR_NOT_FOUND, "unknown CPU model '%s'; -cpu help lists them", name);
    }
    return NULL;
}

static const struct x86_model *base_of(const struct x86_model *m)
{
    return m->base ? x86_model_find(m->base, NULL) : NULL;
}

static void change_features(uint32_t words[FEAT_WORDS], const char *names, bool on)
{
    g_auto(GStrv) list = g_strsplit(names ? names : "", " ", -1);

    for (char **name = list; *name; name++) {
        int f = **name ? x86_feature_find(*name) : -1;

        if (f >= 0) {
            x86_word_set(words, (unsigned)f, on);
        }
    }
}

void x86_model_features(const struct x86_model *m, uint32_t ret[FEAT_WORDS])
{
    const struct x86_model *base = base_of(m);

    if (base) {
        x86_model_features(base, ret);
    } else {
        memset(ret, 0, FEAT_WORDS * sizeof(*ret));
    }
    change_features(ret, m->add, true);
    change_features(ret, m->drop, false);
}

static void model_identity(const struct x86_model *m, struct x86_ident *id)
{
    const struct x86_model *base = base_of(m);

    if (base) {
        model_identity(base, id);
    }
    if (m->vendor_id) {
        g_strlcpy(id->vendor_id, m->vendor_id, sizeof(id->vendor_id));
    }
    if (m->text) {
        memset(id->model_id, 0, sizeof(id->model_id));
        g_strlcpy(id->model_id, m->text, sizeof(id->model_id));
    }
    if (m->family) {
        id->family = m->family;
        id->model = m->model;
        id->stepping = m->stepping;
    }
    id->level = m->level ? m->level : id->level;
    id->xlevel = m->xlevel ? m->xlevel : id->xlevel;
}

/* "max" and "host": what the accelerator offers. */
static bool takes_all(const struct x86_model *m)
{
    return strcmp(m->name, "max") == 0 || strcmp(m->name, "host") == 0;
}

/* ---- the text ------------------------------------------------------------------------------ */

static const char *const other_keys[] = {
    "vendor",   "family", "model",         "stepping",       "level", "xlevel",     "phys-bits",
    "model-id", "kvm",    "tsc-frequency", "host-phys-bits", "pmu",   "migratable", "check",
    "enforce",  NULL,
};

static bool unknown_key(const char *key, GError **error)
{
    g_auto(GStrv) features = x86_feature_names();
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    const char *near;

    for (unsigned i = 0; other_keys[i]; i++) {
        g_ptr_array_add(all, (gpointer)other_keys[i]);
    }
    for (unsigned i = 0; features[i]; i++) {
        g_ptr_array_add(all, features[i]);
    }
    g_ptr_array_add(all, NULL);
    near = nearest_name(key, (const char *const *)all->pdata);
    if (near) {
        return fail(error, "-cpu: unknown feature or property '%s'; did you mean '%s'?", key, near);
    }
    return fail(error, "-cpu: unknown feature or property '%s'; -cpu help lists the features", key);
}

static bool number(const char *key, const char *value, uint64_t max, uint64_t *ret, GError **error)
{
    if (!parse_uint(value, max, ret, error)) {
        g_prefix_error(error, "-cpu: %s: ", key);
        return false;
    }
    return true;
}

static bool set_vendor(struct request *r, const char *value, GError **error)
{
    if (strlen(value) != 12) {
        return fail(error, "-cpu: vendor='%s': a vendor id has 12 characters, like GenuineIntel",
                    value);
    }
    g_strlcpy(r->id.vendor_id, value, sizeof(r->id.vendor_id));
    return true;
}

static bool set_phys_bits(struct request *r, const char *value, GError **error)
{
    uint64_t n;

    if (!number("phys-bits", value, 52, &n, error)) {
        return false;
    }
    if (n && n < 32) {
        return fail(error, "-cpu: phys-bits=%s: 32 to 52 are possible", value);
    }
    r->phys_bits = (unsigned)n;
    return true;
}

static bool set_tsc(struct request *r, const char *value, GError **error)
{
    if (!parse_size(value, 1, &r->tsc_hz, error)) {
        g_prefix_error(error, "-cpu: tsc-frequency: ");
        return false;
    }
    /* G in a frequency counts thousands */
    if (strpbrk(value, "kKmMgG")) {
        double hz = g_ascii_strtod(value, NULL);
        char unit = g_ascii_toupper(value[strcspn(value, "kKmMgG")]);

        hz *= unit == 'G' ? 1e9 : unit == 'M' ? 1e6 : 1e3;
        r->tsc_hz = (uint64_t)hz;
    }
    if (r->tsc_hz && (r->tsc_hz < 1000000 || r->tsc_hz > 100000000000)) {
        return fail(error, "-cpu: tsc-frequency=%s: 1M to 100G are possible", value);
    }
    return true;
}

static bool set_identity(struct request *r, const char *key, const char *value, bool *ret_known,
                         GError **error)
{
    struct {
        const char *key;
        unsigned *field;
        unsigned max;
        bool *given;
    } const numbers[] = {
        {"family", &r->id.family, 15 + 255, NULL},
        {"model", &r->id.model, 255, NULL},
        {"stepping", &r->id.stepping, 15, NULL},
        {"level", &r->id.level, 0xffff, &r->level_set},
        {"xlevel", &r->id.xlevel, 0xffffffff, &r->xlevel_set},
    };
    uint64_t n;

    *ret_known = true;
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        if (strcmp(key, numbers[i].key) == 0) {
            if (!number(key, value, numbers[i].max, &n, error)) {
                return false;
            }
            *numbers[i].field = (unsigned)n;
            if (numbers[i].given) {
                *numbers[i].given = true;
            }
            return true;
        }
    }
    if (strcmp(key, "vendor") == 0) {
        return set_vendor(r, value, error);
    }
    if (strcmp(key, "model-id") == 0) {
        memset(r->id.model_id, 0, sizeof(r->id.model_id));
        g_strlcpy(r->id.model_id, value, sizeof(r->id.model_id));
        return true;
    }
    if (strcmp(key, "phys-bits") == 0) {
        return set_phys_bits(r, value, error);
    }
    if (strcmp(key, "tsc-frequency") == 0) {
        return set_tsc(r, value, error);
    }
    *ret_known = false;
    return true;
}

static bool set_switch(struct request *r, const char *key, bool on)
{
    struct {
        const char *key;
        bool *field;
        bool negated;
    } const switches[] = {
        {"kvm", &r->hide_kvm, true},           {"pmu", &r->pmu, false},
        {"migratable", &r->migratable, false}, {"check", &r->check, false},
        {"enforce", &r->enforce, false},       {"host-phys-bits", &r->host_phys_bits, false},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
        if (strcmp(key, switches[i].key) == 0) {
            *switches[i].field = on != switches[i].negated;
            return true;
        }
    }
    return false;
}

static void want_feature(struct request *r, unsigned f, bool on)
{
    x86_word_set(r->plus, f, on);
    x86_word_set(r->minus, f, !on);
}

static bool take_option(struct request *r, const struct option *it, GError **error)
{
    const char *key = it->key;
    bool on, known, sign = *key == '+' || *key == '-';
    int f;

    if (g_str_has_prefix(key, "hv-") || g_str_has_prefix(key, "hv_")) {
        return fail(error, "-cpu: %s: Hyper-V enlightenments are not available; leave it out", key);
    }
    if (!sign && !set_identity(r, key, it->value, &known, error)) {
        return false;
    }
    if (!sign && known) {
        return true;
    }
    f = x86_feature_find(sign ? key + 1 : key);
    if (sign) {
        if (f < 0 || it->kind != OPTION_FLAG) {
            return unknown_key(key + 1, error);
        }
        want_feature(r, (unsigned)f, *key == '+');
        return true;
    }
    if (f < 0 && !set_switch(r, key, /* on= */ false)) {
        return unknown_key(key, error);
    }
    if (!parse_bool(it->value, &on, error)) {
        g_prefix_error(error, "-cpu: %s: ", key);
        return false;
    }
    if (f >= 0) {
        want_feature(r, (unsigned)f, on);
    } else {
        set_switch(r, key, on);
    }
    return true;
}

static bool parse_request(struct request *r, const char *text, const struct x86_accel_caps *caps,
                          GError **error)
{
    const char *name = caps->is_host ? "host" : "max";
    struct options *o = options_parse("-cpu", text ? text : "", "model", error);
    bool ok = false;
    guint first = 0;

    if (!o) {
        return false;
    }
    if (o->items->len) {
        struct option *it = g_ptr_array_index(o->items, 0);

        if (strcmp(it->key, "model") != 0) {
            fail(error, "-cpu: a model must come first, like '-cpu max,%s=...'", it->key);
            goto out;
        }
        name = *it->value ? it->value : name;
        first = 1;
    }
    r->model = x86_model_find(name, error);
    if (!r->model) {
        goto out;
    }
    if (strcmp(r->model->name, "host") == 0 && !caps->is_host) {
        fail(error, "CPU model 'host' needs KVM; use '-cpu max' with accelerator '%s'", caps->name);
        goto out;
    }
    if (takes_all(r->model)) {
        r->id = caps->max;
        r->host_phys_bits = true;
    } else {
        model_identity(r->model, &r->id);
    }
    for (guint i = first; i < o->items->len; i++) {
        if (!take_option(r, g_ptr_array_index(o->items, i), error)) {
            goto out;
        }
    }
    ok = true;
out:
    options_free(o);
    return ok;
}

/* ---- features ------------------------------------------------------------------------------ */

/* Bits that only the CPU itself sets. */
static const uint16_t dynamic[] = {X86_F_OSXSAVE, X86_F_OSPKE, X86_F_HTT, X86_F_CMP_LEGACY};

/* Names of the features in @words; NULL when there are none. */
static char *feature_list(const uint32_t words[FEAT_WORDS])
{
    GString *s = g_string_new(NULL);

    for (unsigned f = 0; f < FEAT_WORDS * 32; f++) {
        if (x86_word_has(words, f)) {
            g_autofree char *name = x86_feature_name(f);

            g_string_append_printf(s, "%s%s", s->len ? " " : "", name);
        }
    }
    return g_string_free(s, s->len == 0);
}

static bool choose_features(const struct request *r, const struct x86_accel_caps *caps, bool quiet,
                            uint32_t features[FEAT_WORDS], GError **error)
{
    uint32_t missing[FEAT_WORDS];
    g_autofree char *names = NULL;

    if (takes_all(r->model)) {
        memcpy(features, caps->features, FEAT_WORDS * sizeof(*features));
        if (r->migratable) {
            x86_word_set(features, X86_F_INVTSC, false);
        }
    } else {
        x86_model_features(r->model, features);
    }
    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        if (strcmp(r->model->name, "base") != 0) {
            features[w] |= caps->defaults[w];
        }
        features[w] = (features[w] | r->plus[w]) & ~r->minus[w];
    }
    for (unsigned i = 0; i < ARRAY_SIZE(dynamic); i++) {
        x86_word_set(features, dynamic[i], false);
    }
    if (r->hide_kvm) {
        features[FEAT_KVM] = 0;
    }
    x86_features_settle(features);
    for (unsigned w = 0; w < FEAT_WORDS; w++) {
        missing[w] = features[w] & ~caps->features[w];
        features[w] &= caps->features[w];
    }
    missing[FEAT_XCR0_LO] = 0; /* follows from others */
    x86_features_settle(features);
    features[FEAT_XCR0_LO] &= caps->features[FEAT_XCR0_LO];
    names = feature_list(missing);
    if (names && r->enforce) {
        return fail(error,
                    "CPU model '%s': accelerator '%s' lacks: %s; leave out 'enforce' to go "
                    "on without them",
                    r->model->name, caps->name, names);
    }
    if (names && r->check && !quiet) {
        warn_user("CPU model '%s': accelerator '%s' on this host lacks: %s", r->model->name,
                  caps->name, names);
    }
    return true;
}

/* ---- levels and sizes ---------------------------------------------------------------------- */

static void raise_level(uint32_t *level, uint32_t to, bool when)
{
    if (when && *level < to) {
        *level = to;
    }
}

static void choose_levels(struct request *r, const uint32_t features[FEAT_WORDS])
{
    const struct x86_topology *t = &r->id.topology;
    bool many = t->dies * t->cores * t->threads > 1, amd = r->id.vendor == X86_VENDOR_AMD;
    uint32_t *level = &r->id.level, *xlevel = &r->id.xlevel;

    if (!r->level_set) {
        raise_level(level, 5, x86_word_has(features, X86_F_MONITOR));
        raise_level(level, 6, features[FEAT_6_EAX]);
        raise_level(level, 7,
                    features[FEAT_7_0_EBX] | features[FEAT_7_0_ECX] | features[FEAT_7_0_EDX] |
                        features[FEAT_7_1_EAX]);
        raise_level(level, 0xa, r->id.pmu[0] != 0);
        raise_level(level, 4, many && !amd && r->id.family >= 6);
        raise_level(level, 0xb, *level >= 4 && x86_word_has(features, X86_F_X2APIC));
        raise_level(level, 0xd, x86_word_has(features, X86_F_XSAVE));
        raise_level(level, 0x1f, t->dies > 1 && !amd);
    }
    if (!r->xlevel_set) {
        raise_level(xlevel, 0x80000001,
                    features[FEAT_8000_0001_ECX] | features[FEAT_8000_0001_EDX]);
        raise_level(xlevel, 0x80000007, features[FEAT_8000_0007_EDX]);
        raise_level(xlevel, 0x80000008,
                    x86_word_has(features, X86_F_LM) || features[FEAT_8000_0008_EBX] ||
                        (many && amd));
        raise_level(xlevel, 0x8000000a, x86_word_has(features, X86_F_SVM));
        raise_level(xlevel, 0x8000001e, amd && x86_word_has(features, X86_F_TOPOEXT));
        raise_level(xlevel, 0x80000021,
                    amd && (features[FEAT_8000_0021_EAX] | features[FEAT_8000_0021_ECX]));
    }
}

static bool choose_phys_bits(const struct request *r, const struct x86_accel_caps *caps,
                             const uint32_t features[FEAT_WORDS], unsigned *ret, GError **error)
{
    if (r->phys_bits > caps->phys_bits) {
        return fail(error, "-cpu: phys-bits=%u: accelerator '%s' on this host has %u", r->phys_bits,
                    caps->name, caps->phys_bits);
    }
    if (r->phys_bits) {
        *ret = r->phys_bits;
    } else if (r->host_phys_bits) {
        *ret = caps->phys_bits;
    } else if (x86_word_has(features, X86_F_LM)) {
        *ret = MIN(40u, caps->phys_bits);
    } else {
        *ret = x86_word_has(features, X86_F_PSE36) || x86_word_has(features, X86_F_PAE) ? 36 : 32;
    }
    return true;
}

bool x86_model_apply(struct x86_cpu *cpu, const char *text, const struct x86_topology *topology,
                     const struct x86_accel_caps *caps, GError **error)
{
    struct request r = {.check = true};
    uint32_t features[FEAT_WORDS];
    unsigned phys_bits = 0;

    if (!parse_request(&r, text, caps, error)) {
        return false;
    }
    if (r.pmu && !caps->pmu[0]) {
        return fail(error,
                    "-cpu: pmu=on: accelerator '%s' on this host has no performance counters",
                    caps->name);
    }
    r.id.vendor = x86_vendor_from_id(r.id.vendor_id);
    r.id.topology = topology ? *topology : (struct x86_topology){1, 1, 1};
    memcpy(r.id.xsave, caps->xsave, sizeof(r.id.xsave));
    if (r.pmu) {
        memcpy(r.id.pmu, caps->pmu, sizeof(r.id.pmu));
    }
    if (!choose_features(&r, caps, /* quiet= */ cpu->index != 0, features, error) ||
        !choose_phys_bits(&r, caps, features, &phys_bits, error)) {
        return false;
    }
    choose_levels(&r, features);
    if (x86_word_has(features, X86_F_HYPERVISOR) && !r.hide_kvm) {
        g_strlcpy(r.id.hypervisor, caps->hypervisor, sizeof(r.id.hypervisor));
    }
    memcpy(cpu->features, features, sizeof(features));
    cpu->model = r.model;
    cpu->phys_bits = phys_bits;
    if (r.tsc_hz) {
        cpu->tsc_khz = r.id.tsc_khz = r.tsc_hz / 1000;
    }
    g_free(cpu->cpuid_data);
    cpu->cpuid_data = g_new(struct x86_ident, 1);
    *(struct x86_ident *)cpu->cpuid_data = r.id;
    return true;
}

void x86_models_print(x86_print_fn *print, void *opaque)
{
    g_auto(GStrv) names = x86_feature_names();
    unsigned column = 0;

    print(opaque, "Available CPUs:\n");
    for (unsigned i = 0; i < x86_model_count; i++) {
        print(opaque, "x86 %-26s  %s\n", x86_models[i].name, x86_models[i].text);
    }
    print(opaque, "\nRecognized CPUID flags:\n");
    for (char **name = names; *name; name++) {
        unsigned len = (unsigned)strlen(*name) + 1;

        if (column + len > 78) {
            print(opaque, "\n");
            column = 0;
        }
        print(opaque, "%s%s", column ? " " : "  ", *name);
        column += column ? len : len + 1;
    }
    print(opaque, "\n");
}
