/* SPDX-License-Identifier: Apache-2.0 */
/* Emitters of x87 instructions. */
#include "accel/tcg/jit_translate.h"

bool jit_plan_x87(const struct jit_tr *tr, const struct x86_insn *i, struct jit_plan *plan)
{
    (void)tr;
    (void)i;
    (void)plan;
    return false;
}
