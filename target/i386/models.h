/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU models: what `-cpu NAME,+feature,feature=off,...` makes of a CPU.
 *
 * A model is a row of model_table.c: identity and feature names. x86_model_apply() turns the
 * option's text into a CPU's feature words and identity, cut down to what the accelerator can do.
 */
#ifndef VITRO_TARGET_I386_MODELS_H
#define VITRO_TARGET_I386_MODELS_H

#include "target/i386/cpuid.h"
#include "util/error.h"

/* What an accelerator offers. Plain data; the accelerator or target/i386 fills it. */
struct x86_accel_caps {
    const char *name;              /* "kvm", "tcg": for messages */
    uint32_t features[FEAT_WORDS]; /* all that guests may have */
    uint32_t defaults[FEAT_WORDS]; /* given to every model but "base" unless refused */
    unsigned phys_bits;            /* most address bits that guests may have */
    char hypervisor[13];           /* signature of leaf 0x40000000 */
    bool is_host;                  /* runs on the host's own CPU: model "host" exists */
    struct x86_ident max;          /* identity of models "max" and "host" */
    uint32_t pmu[4];               /* leaf 0xA of a guest with pmu=on; zero: none */
    struct x86_xsave_part xsave[X86_XSAVE_PARTS];
};

/* The software CPU's. */
void x86_tcg_caps(struct x86_accel_caps *ret);

struct x86_model {
    const char *name;
    const char *text; /* brand string and one-line description; NULL: taken from the base */
    const char *base; /* row to start from, or NULL */
    const char *vendor_id;
    uint16_t family, model, stepping;
    uint32_t level, xlevel;
    const char *add;  /* feature names, separated by blanks; may be NULL */
    const char *drop; /* of the base; may be NULL */
};

extern const struct x86_model x86_models[];
extern const unsigned x86_model_count;

/* NULL with an error that names the nearest model. */
const struct x86_model *x86_model_find(const char *name, GError **error);

/* The model's own features, before an accelerator looks at them. */
void x86_model_features(const struct x86_model *m, uint32_t ret[FEAT_WORDS]);

/*
 * @text is the argument of -cpu; NULL or "" stands for the accelerator's default. Sets cpu->model,
 * features, phys_bits, tsc_khz (when asked for) and cpu->cpuid_data. @topology may be NULL: one
 * core. Missing features are warned of for CPU 0 only. Call x86_cpu_features_changed() after it.
 */
bool x86_model_apply(struct x86_cpu *cpu, const char *text, const struct x86_topology *topology,
                     const struct x86_accel_caps *caps, GError **error);

/* `-cpu help`. */
void x86_models_print(x86_print_fn *print, void *opaque);

/* X86_F_ number by name ("sse4.1", "sse4_1", "sse4-1", "pni"), or -1. */
int x86_feature_find(const char *name);
/* The name that messages and listings use; free with g_free(). */
char *x86_feature_name(enum x86_feature f);
/* Every feature, NULL-terminated; free with g_strfreev(). */
char **x86_feature_names(void);

/* Removes what cannot work without something that is missing, and derives the XCR0 word. */
void x86_features_settle(uint32_t features[FEAT_WORDS]);

static inline bool x86_word_has(const uint32_t features[FEAT_WORDS], unsigned f)
{
    return features[f / 32] >> (f % 32) & 1;
}

static inline void x86_word_set(uint32_t features[FEAT_WORDS], unsigned f, bool on)
{
    if (on) {
        features[f / 32] |= 1u << (f % 32);
    } else {
        features[f / 32] &= ~(1u << (f % 32));
    }
}

#endif
