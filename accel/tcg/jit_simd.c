/* SPDX-License-Identifier: Apache-2.0 */
/* Emitters of vector instructions. */
#include "accel/tcg/jit_translate.h"

bool jit_plan_simd(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    (void)tr;
    (void)i;
    (void)plan;
    return false;
}
