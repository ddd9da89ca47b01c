/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing states of host and guest.
 */
#include "tests/insn_lib/difference.h"

#include <stdio.h>
#include <string.h>

#include "util/bytes.h"

static const char *const part_names[] = {
    "exception", "rip",          "registers", "flags",   "fcw",    "fsw", "ftw",
    "st",        "x87 pointers", "mxcsr",     "vectors", "memory", "cr2", "selectors"};

const char *not_run_reason(const struct x86_row *row)
{
    switch (row->op) {
#define NOT_RUN(name, reason)                                                                      \
    case OP_##name:                                                                                \
        return reason;
#define IGNORE(name, what, reason)
#include "tests/insn/exceptions.def"
#undef NOT_RUN
#undef IGNORE
    default:
        return NULL;
    }
}

unsigned ignored_parts(unsigned op)
{
    static const struct {
        unsigned op, parts;
    } table[] = {
#define NOT_RUN(name, reason)
#define IGNORE(name, what, reason) {OP_##name, what},
#include "tests/insn/exceptions.def"
#undef NOT_RUN
#undef IGNORE
        {OP_COUNT, 0},
    };
    unsigned parts = 0;

    for (size_t n = 0; n < G_N_ELEMENTS(table); n++) {
        parts |= table[n].op == op ? table[n].parts : 0;
    }
    return parts;
}

static bool registers_equal(const struct machine_state *a, const struct machine_state *b,
                            unsigned bits)
{
    /* After a far jump out of 64-bit code the upper halves are undefined too. */
    bool wide = bits == 64 && b->sel[X86_CS] == 0x33;

    for (unsigned n = 0; n < (wide ? 16 : 8); n++) {
        if ((a->gpr[n] ^ b->gpr[n]) & (wide ? ~0ull : 0xffffffff)) {
            return false;
        }
    }
    return true;
}

static bool stack_equal(const struct machine_state *a, const struct machine_state *b)
{
    for (unsigned n = 0; n < 8; n++) {
        if (memcmp(a->area + AREA_ST + 16 * n, b->area + AREA_ST + 16 * n, 10)) {
            return false;
        }
    }
    return true;
}

static bool area_equal(const struct machine_state *a, const struct machine_state *b, unsigned at,
                       unsigned bytes)
{
    return !memcmp(a->area + at, b->area + at, bytes);
}

/* A null selector's RPL is lost when the host's kernel returns to the program. */
static bool selectors_differ(const struct machine_state *a, const struct machine_state *b)
{
    for (unsigned n = 0; n < ARRAY_SIZE(a->sel); n++) {
        if (a->sel[n] != b->sel[n] && ((a->sel[n] | b->sel[n]) & ~3)) {
            return true;
        }
    }
    return false;
}

unsigned state_differences(const struct machine_state *a, const struct machine_state *b,
                           unsigned bits, uint64_t undefined)
{
    uint64_t flags = FLAG_STATUS | FLAG_DF | FLAG_TF | FLAG_AC | FLAG_ID | FLAG_NT | FLAG_IOPL;
    unsigned parts = 0;

    flags &= ~undefined;
    parts |= a->vector != b->vector || a->error != b->error ? PART_VECTOR : 0;
    parts |= a->cr2 != b->cr2 ? PART_CR2 : 0;
    parts |= a->rip != b->rip ? PART_RIP : 0;
    parts |= registers_equal(a, b, bits) ? 0 : PART_GPR;
    parts |= (a->rflags ^ b->rflags) & flags ? PART_FLAGS : 0;
    parts |= area_equal(a, b, AREA_FCW, 2) ? 0 : PART_FCW;
    parts |= area_equal(a, b, AREA_FSW, 2) ? 0 : PART_FSW;
    parts |= area_equal(a, b, AREA_FTW, 1) ? 0 : PART_FTW;
    parts |= stack_equal(a, b) ? 0 : PART_ST;
    if (load_le16(a->area + AREA_FSW) & 0x80) {
        parts |= area_equal(a, b, AREA_FOP, 18) ? 0 : PART_POINTERS;
    }
    parts |= area_equal(a, b, AREA_MXCSR, 4) ? 0 : PART_MXCSR;
    parts |= area_equal(a, b, AREA_XMM, 256) && area_equal(a, b, AREA_YMM, 256) ? 0 : PART_VEC;
    parts |= selectors_differ(a, b) ? PART_SELECTORS : 0;
    return parts;
}

void level_exceptions(struct machine_state *host, struct machine_state *soft)
{
    if (host->vector != EXC_PF) {
        host->cr2 = 0;
    } else if (host->cr2 >= 0x7ffffffff000ull) {
        host->error &= ~1u; /* it does not tell programs whether kernel pages are present */
        soft->error &= ~1u;
    }
    if (host->vector < 0) {
        host->error = 0;
        host->cr2 = 0;
    }
    host->rflags &= ~(uint64_t)FLAG_RF;
    soft->rflags &= ~(uint64_t)FLAG_RF;
}

void print_parts(unsigned parts)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(part_names); n++) {
        if (parts >> n & 1) {
            printf(" %s", part_names[n]);
        }
    }
}
