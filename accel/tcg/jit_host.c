/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's CPU can do, in the words that guests' features are kept in (features.h).
 *
 * An instruction is emitted as itself only if the host has the feature of its row.
 */
#include "accel/tcg/jit.h"
#include <string.h>

#if defined(__x86_64__)

#include <cpuid.h>

void jit_host_features(uint32_t ret[FEAT_WORDS])
{
    static const struct {
        uint32_t leaf, subleaf;
        uint8_t word, reg; /* reg: of EAX, EBX, ECX, EDX */
    } words[] = {
        {1, 0, FEAT_1_EDX, 3},
        {1, 0, FEAT_1_ECX, 2},
        {7, 0, FEAT_7_0_EBX, 1},
        {7, 0, FEAT_7_0_ECX, 2},
        {7, 0, FEAT_7_0_EDX, 3},
        {7, 1, FEAT_7_1_EAX, 0},
        {0x80000001, 0, FEAT_8000_0001_EDX, 3},
        {0x80000001, 0, FEAT_8000_0001_ECX, 2},
    };

    memset(ret, 0, FEAT_WORDS * sizeof(ret[0]));
    for (unsigned n = 0; n < ARRAY_SIZE(words); n++) {
        uint32_t r[4] = {0};

        if (__get_cpuid_count(words[n].leaf, words[n].subleaf, &r[0], &r[1], &r[2], &r[3])) {
            ret[words[n].word] = r[words[n].reg];
        }
    }
}

#else

void jit_host_features(uint32_t ret[FEAT_WORDS])
{
    memset(ret, 0, FEAT_WORDS * sizeof(ret[0]));
}

#endif
