/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing executors on a program.
 */
#include "tests/insn_blocks/judge_impl.h"

#include <stdio.h>
#include <string.h>

#include "tests/insn_lib/difference.h"
#include "util/bytes.h"

static unsigned compare(struct outcome *soft, struct outcome *other, unsigned bits,
                        uint32_t undefined)
{
    unsigned parts;

    level_exceptions(&other->state, &soft->state);
    parts = state_differences(&soft->state, &other->state, bits, undefined);
    if (memcmp(soft->data, other->data, PROGRAM_DATA_BYTES) ||
        memcmp(soft->code, other->code, PROGRAM_CODE_BYTES)) {
        parts |= PART_MEMORY;
    }
    return parts;
}

unsigned judge_differences(struct judge *j, const struct program *p)
{
    return compare(&j->soft, &j->other, p->bits, j->undefined);
}

bool judge_says(struct judge *j, const char *who, unsigned parts)
{
    j->who = parts ? who : NULL;
    j->parts = parts;
    return parts;
}

/* ---- executors --------------------------------------------------------------------------- */

static bool is_access_fault(const struct outcome *o)
{
    return o->state.vector == EXC_SS || o->state.vector == EXC_GP || o->state.vector == EXC_PF;
}

/*
 * Of operands that processors touch piece by piece, in their own order, one of two pages may be
 * named, or one's limit. The error code goes with it.
 */
static unsigned ignored_at_fault(const struct judge *j)
{
    bool pieces =
        j->reference.ignored & PART_CR2 && is_access_fault(&j->soft) && is_access_fault(&j->other);

    return j->reference.ignored | (pieces ? PART_VECTOR : 0);
}

static bool host_differs(struct judge *j, const struct program *p)
{
    unsigned parts = PART_RIP;

    if (host_finish(j->host, &j->other)) {
        parts = judge_differences(j, p);
        parts &= j->reference.pointers_known ? ~0u : ~(unsigned)PART_POINTERS;
        if (j->soft.state.vector != EXC_BP) { /* only the last instruction's exception counts */
            parts &= ~ignored_at_fault(j);
        }
    }
    return judge_says(j, "host", parts);
}

/* With the usual rights, so that all is cached that can be. */
static bool warm_run_differs(struct judge *j)
{
    unsigned parts;

    if (!j->usual_valid) { /* it need not even end */
        return false;
    }
    engine_run(j->engine, &j->usual, &j->other);
    parts = compare(&j->usual_end, &j->other, j->usual.bits, j->usual_undefined);
    if (parts) {
        j->soft = j->usual_end;
    }
    return judge_says(j, "tcg, with the usual rights,", parts);
}

static bool engine_differs(struct judge *j, const struct program *p)
{
    for (j->round = 0; j->round < p->repeat; j->round++) {
        if (p->warm && warm_run_differs(j)) {
            return true;
        }
        if (p->interrupts || p->demand) {
            if (judge_follow(j, p)) {
                return true;
            }
            continue;
        }
        engine_run(j->engine, p, &j->other);
        if (judge_says(j, j->engine->ops->name, judge_differences(j, p))) {
            return true;
        }
    }
    return false;
}

/* The interpreter's runs; false when the program is not fit for comparison. */
static bool refer(struct judge *j, const struct program *p)
{
    if (p->warm) {
        j->usual = *p;
        j->usual.demand = false;
        program_usual_rights(j->usual.rights);
        j->usual.space = p->warm_space;
        program_move(&j->usual, p->warm_place);
        if (p->replaced_at) {
            memcpy(j->usual.code + p->replaced_at, p->replaced_code, sizeof(p->replaced_code));
            j->usual.code_frames[p->replaced_at / 0x1000] = p->replaced_frame;
        }
        j->usual_valid = trace_program(&j->trace, &j->usual, &j->usual_end);
        j->usual_undefined = j->trace.undefined;
    }
    j->valid = trace_program(&j->trace, p, &j->soft);
    j->undefined = j->trace.undefined;
    j->reference = j->trace;
    return j->valid;
}

bool judge_fails(struct judge *j, const struct program *p)
{
    struct outcome *end = &j->reference_end;
    bool on_host;

    judge_says(j, NULL, 0);
    if (!refer(j, p)) {
        return false;
    }
    on_host = j->host && !j->trace.not_for_host && host_has(j->host, p->places);
    if (on_host) { /* it runs meanwhile */
        host_begin(j->host, p);
        *end = j->soft;
    }
    if (j->engine && engine_differs(j, p)) {
        if (on_host) {
            host_finish(j->host, NULL);
        }
        return true;
    }
    if (on_host) {
        j->soft = *end;
        j->undefined = j->reference.undefined;
    }
    return on_host && host_differs(j, p);
}

/* ---- making it smaller ------------------------------------------------------------------- */

void judge_shrink_by(struct program *p, bool (*fails)(void *opaque, const struct program *p),
                     void *opaque)
{
    struct program *less = g_new(struct program, 1);
    bool changed = true;

    while (changed) {
        changed = false;
        for (unsigned n = p->count; n-- > 0;) {
            *less = *p;
            program_drop(less, n);
            if (memcmp(less->code, p->code, sizeof(p->code)) && fails(opaque, less)) {
                *p = *less;
                changed = true;
            }
        }
    }
    g_free(less);
}

struct same_failure {
    struct judge *judge;
    const char *who;
};

static bool fails_the_same(void *opaque, const struct program *p)
{
    struct same_failure *f = opaque;

    return judge_fails(f->judge, p) && !strcmp(f->judge->who, f->who);
}

void judge_shrink(struct judge *j, struct program *p)
{
    struct same_failure f = {.judge = j, .who = j->who};

    judge_shrink_by(p, fails_the_same, &f);
    judge_fails(j, p);
}

/* ---- reporting --------------------------------------------------------------------------- */

static void print_line(const char *name, unsigned n, uint64_t before, uint64_t soft, uint64_t other)
{
    if (soft != other) {
        printf("  %s%u before %016llx step %016llx other %016llx\n", name, n, (long long)before,
               (long long)soft, (long long)other);
    }
}

static void print_registers(const struct judge *j, const struct program *p)
{
    const struct machine_state *b = &p->state, *s = &j->soft.state, *o = &j->other.state;

    for (unsigned n = 0; n < (p->bits == 64 ? 16 : 8); n++) {
        print_line("register ", n, b->gpr[n], s->gpr[n], o->gpr[n]);
    }
    for (unsigned at = AREA_ST; at < AREA_XMM; at += 8) {
        print_line(at % 16 ? "st-exp " : "st ", (at - AREA_ST) / 16, load_le64(b->area + at),
                   load_le64(s->area + at), load_le64(o->area + at));
    }
    for (unsigned at = 0; at < 256; at += 8) {
        print_line(at % 16 ? "xmm-high " : "xmm ", at / 16, load_le64(b->area + AREA_XMM + at),
                   load_le64(s->area + AREA_XMM + at), load_le64(o->area + AREA_XMM + at));
        print_line(at % 16 ? "ymm-3 " : "ymm-2 ", at / 16, load_le64(b->area + AREA_YMM + at),
                   load_le64(s->area + AREA_YMM + at), load_le64(o->area + AREA_YMM + at));
    }
}

static void print_memory(uint64_t la, const uint8_t *before, const uint8_t *soft,
                         const uint8_t *other, unsigned bytes)
{
    unsigned shown = 0;

    for (unsigned at = 0; at < bytes && shown < 8; at += 8) {
        if (memcmp(soft + at, other + at, 8)) {
            printf("  [%llx] before %016llx step %016llx other %016llx\n", (long long)la + at,
                   (long long)load_le64(before + at), (long long)load_le64(soft + at),
                   (long long)load_le64(other + at));
            shown++;
        }
    }
}

static void print_end(const char *who, const struct machine_state *s)
{
    const uint8_t *a = s->area;

    printf("  %-5s exception %d error %#x cr2 %#llx rip %llx flags %llx\n"
           "        fcw %04x fsw %04x ftw %02x fop %03x fip %llx fdp %llx mxcsr %05x\n",
           who, s->vector, s->error, (long long)s->cr2, (long long)s->rip, (long long)s->rflags,
           load_le16(a + AREA_FCW), load_le16(a + AREA_FSW), a[AREA_FTW], load_le16(a + AREA_FOP),
           (long long)load_le64(a + AREA_FIP), (long long)load_le64(a + AREA_FDP),
           load_le32(a + AREA_MXCSR));
}

void judge_report(const struct judge *j, const struct program *p)
{
    program_print(p);
    if (!j->who) {
        printf("  all agree\n");
        return;
    }
    printf("  %s differs from the interpreter:", j->who);
    print_parts(j->parts);
    printf(" (run %u, flags not compared %x)\n", j->round, j->undefined);
    print_end("step", &j->soft.state);
    print_end(j->who, &j->other.state);
    print_registers(j, p);
    print_memory(program_data_at(p), p->data, j->soft.data, j->other.data, PROGRAM_DATA_BYTES);
    print_memory(program_code_at(p), p->code, j->soft.code, j->other.code, PROGRAM_CODE_BYTES);
    fflush(stdout);
}
