/* SPDX-License-Identifier: Apache-2.0 */
/* Differences between the interpreter and translated code, and what is told of them. */
#include "accel/tcg/check.h"
#include "util/log.h"
#include <inttypes.h>
#include <string.h>

#define LINES_MAX 24 /* of differing bytes in memory */

static void append_text(void *opaque, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_string_append_vprintf(opaque, fmt, args);
    va_end(args);
}

/* Says that @name differs; @ret may be NULL. Returns whether it does. */
static bool differ(GString *ret, const char *name, uint64_t want, uint64_t got)
{
    if (want == got) {
        return false;
    }
    if (ret) {
        g_string_append_printf(ret, "%s: interpreter %#" PRIx64 ", translated %#" PRIx64 "\n", name,
                               want, got);
    }
    return true;
}

static bool general_differs(const struct check_state *want, const struct check_state *got,
                            uint32_t undefined, GString *ret)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    bool any = false;

    for (unsigned n = 0; n < 16; n++) {
        any |= differ(ret, names[n], want->gpr[n], got->gpr[n]);
    }
    any |= differ(ret, "rip", want->rip, got->rip);
    any |= differ(ret, "status flags", want->status & ~undefined, got->status & ~undefined);
    any |= differ(ret, "eflags", want->eflags, got->eflags);
    any |= differ(ret, "interrupt shadow", want->interrupt_shadow, got->interrupt_shadow);
    any |= differ(ret, "fault", (uint64_t)(int64_t)want->vector, (uint64_t)(int64_t)got->vector);
    if (want->vector >= 0) {
        any |= differ(ret, "error code", want->error, got->error);
        any |= differ(ret, "rip of the fault", want->start_rip, got->start_rip);
    }
    any |= differ(ret, "cr2", want->cr2, got->cr2);
    return any;
}

/* AMD's processors show pointers and opcode with a waiting exception only: @pointers is false. */
static bool fpu_differs(const struct x86_fpu *want, const struct x86_fpu *got, bool pointers,
                        GString *ret)
{
    bool any = false;

    for (unsigned n = 0; n < 8; n++) {
        g_autofree char *name = g_strdup_printf("x87 register %u", n);

        any |= differ(ret, name, want->r[n].mant, got->r[n].mant);
        any |= differ(ret, name, want->r[n].exp, got->r[n].exp);
    }
    any |= differ(ret, "x87 control word", want->cw, got->cw);
    any |= differ(ret, "x87 status word", want->sw, got->sw);
    any |= differ(ret, "x87 top", want->top, got->top);
    any |= differ(ret, "x87 empty registers", want->empty, got->empty);
    if (pointers) {
        any |= differ(ret, "x87 opcode", want->op, got->op);
        any |= differ(ret, "x87 instruction", want->ip, got->ip);
        any |= differ(ret, "x87 operand", want->dp, got->dp);
        any |= differ(ret, "x87 code segment", want->cs, got->cs);
        any |= differ(ret, "x87 data segment", want->ds, got->ds);
    }
    return any;
}

static bool vectors_differ(const struct check_state *want, const struct check_state *got,
                           GString *ret)
{
    bool any = differ(ret, "mxcsr", want->mxcsr, got->mxcsr);

    if (!memcmp(want->vec, got->vec, sizeof(want->vec))) {
        return any;
    }
    for (unsigned n = 0; n < X86_VEC_REGS; n++) {
        for (unsigned q = 0; q < ARRAY_SIZE(want->vec[n].q); q++) {
            g_autofree char *name = g_strdup_printf("ymm%u, quadword %u", n, q);

            any |= differ(ret, name, want->vec[n].q[q], got->vec[n].q[q]);
        }
    }
    return any;
}

bool check_differ(const struct x86_cpu *cpu, const struct check_state *want,
                  const struct check_state *got, uint32_t undefined, GString *ret)
{
    bool any = general_differs(want, got, undefined, ret);

    if (memcmp(&want->fpu, &got->fpu, sizeof(want->fpu))) {
        any |= fpu_differs(&want->fpu, &got->fpu, !cpu->vendor_amd, ret);
    }
    return vectors_differ(want, got, ret) || any;
}

bool check_memory_differs(const struct check *c, const uint8_t *want, const uint8_t *got,
                          GString *ret)
{
    size_t bytes = c->page_count * PAGE_SIZE;
    unsigned lines = 0;

    if (!memcmp(want, got, bytes)) {
        return false;
    }
    for (size_t at = 0; ret && at < bytes && lines < LINES_MAX; at++) {
        const struct check_page *p = &c->pages[at / PAGE_SIZE];

        if (want[at] != got[at]) {
            g_string_append_printf(
                ret, "byte at %#" PRIx64 ": interpreter %02x, translated %02x, before %02x\n",
                p->la + at % PAGE_SIZE, want[at], got[at], c->before[at]);
            lines++;
        }
    }
    return true;
}

static void append_state(struct x86_cpu *cpu, const struct check_state *s, const char *title,
                         GString *text)
{
    g_string_append_printf(text, "%s:\n", title);
    check_restore(cpu, s);
    x86_cpu_dump(cpu, /* fpu= */ true, append_text, text);
}

/* How the block was come to, if it knows. */
static void append_entry(const struct tcg_cpu *tc, GString *text)
{
    const struct check *c = tc->check;
    const struct jit_recipe *r = &c->block->recipe;

    if (r->kind) {
        g_string_append_printf(text, "entered with known flags: recipe %u, %u bytes, register %u, ",
                               r->kind, r->bytes, r->a);
        g_string_append_printf(text, r->b == HOST_NONE ? "constant %#x\n" : "register %u\n",
                               r->b == HOST_NONE ? (unsigned)r->imm : r->b);
        g_string_append_printf(text, "by a block that began at %#" PRIx64 "\n", c->from);
    }
}

char *check_report(struct tcg_cpu *tc, const char *lines)
{
    const struct check *c = tc->check;
    const struct jit_block *b = c->block;
    unsigned bits = jit_code_bits(b->mode);
    GString *text = g_string_new(NULL);

    g_string_append_printf(text,
                           "CPU %u: translated code differs from the interpreter after %u of %u "
                           "instructions of the block at %#" PRIx64 ", mode %#x\n%sguest code:\n",
                           tc->cpu->index, c->count, b->count, c->start.rip, b->mode, lines);
    x86_disassemble(b->host, b->bytes, c->start.rip, bits, append_text, text);
    append_entry(tc, text);
    if (log_on(LOG_OUT_ASM)) {
        g_string_append(text, "host code:\n");
        x86_disassemble(b->code, b->code_bytes, (uintptr_t)b->code + (uintptr_t)tc->tcg->jit->to_x,
                        64, append_text, text);
    }
    append_state(tc->cpu, &c->start, "state before", text);
    append_state(tc->cpu, &c->want, "state after the interpreter", text);
    append_state(tc->cpu, &c->got, "state after translated code", text);
    return g_string_free(text, FALSE);
}
