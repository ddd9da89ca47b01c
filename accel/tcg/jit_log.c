/* SPDX-License-Identifier: Apache-2.0 */
/* Translated blocks in the log: -d in_asm, op, out_asm. */
#include "accel/tcg/jit_translate.h"
#include "util/log.h"
#include <inttypes.h>

static void append_text(void *opaque, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_string_append_vprintf(opaque, fmt, args);
    va_end(args);
}

static const char *const recipe_names[] = {
    [RECIPE_NONE] = "-",      [RECIPE_CMP] = "cmp", [RECIPE_TEST] = "test",
    [RECIPE_LOGIC] = "logic", [RECIPE_ADD] = "add", [RECIPE_SUB] = "sub",
};

static void append_plan(GString *text, const struct jit_tr *tr, unsigned n,
                        const struct jit_plan *p)
{
    g_string_append_printf(
        text, "    # %s: %s%s%s%s, writes %04x, flags %s after, to be had by %s\n",
        insn_row(&tr->insn[n])->name, p->call ? "interpreter" : "emitted",
        p->memory ? ", memory" : "", p->reads_flags ? ", reads flags" : "",
        p->writes_all     ? ", sets flags"
        : p->writes_flags ? ", changes flags"
                          : "",
        p->writes, tr->live_out[n] ? "live" : "dead", recipe_names[tr->had[n].kind]);
}

static void append_host(GString *text, const struct jit_tr *tr, const uint8_t *from,
                        const uint8_t *to)
{
    x86_disassemble(from, (unsigned)(to - from), (uintptr_t)from + (uintptr_t)tr->jit->to_x, 64,
                    append_text, text);
}

void jit_log_block(const struct jit_tr *tr, const struct jit_plan *plans)
{
    const struct jit_block *b = tr->block;
    uint64_t at = tr->followed ? jit_guest_rip(tr->cpu, b, b->rip) : tr->cpu->rip;
    unsigned bits = jit_code_bits(b->mode);
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_append_printf(text, "CPU %u: block of %u at %016" PRIx64 " mode %#x\n", tr->cpu->index,
                           tr->count, at, b->mode);
    if (log_on(LOG_OUT_ASM)) {
        append_host(text, tr, b->code, tr->at[0]);
    }
    for (unsigned n = 0; n < tr->count; n++) {
        const struct x86_insn *i = &tr->insn[n];
        int start = (int16_t)i->end - i->len;

        g_string_append(text, ">> ");
        x86_disassemble(tr->code + start, i->len, at + (uint64_t)start, bits, append_text, text);
        if (log_on(LOG_OP)) {
            append_plan(text, tr, n, &plans[n]);
        }
        if (log_on(LOG_OUT_ASM)) {
            append_host(text, tr, tr->at[n], tr->at[n + 1]);
        }
    }
    if (log_on(LOG_OUT_ASM)) {
        g_string_append(text, "-- exits\n");
        append_host(text, tr, tr->at[tr->count], tr->b.p);
    }
    log_printf(LOG_IN_ASM | LOG_OP | LOG_OUT_ASM, "%s", text->str);
}
