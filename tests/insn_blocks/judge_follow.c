/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that are interrupted on the engine.
 *
 * An interrupt may come at any boundary between two instructions, so what its handler sees must be
 * what the interpreter comes by, stepping on from where it was; or a string instruction that is not
 * yet done, which differs in its counter and pointers only. Exceptions, page faults that are seen
 * to among them, are no matter of chance.
 */
#include "tests/insn_blocks/judge_impl.h"

#include <string.h>

#include "target/i386/insn.h"
#include "tests/insn_lib/difference.h"
#include "tests/insn_lib/guest.h"

/* Whether the interpreter now has the state of j->other. */
static bool same_state(struct judge *j, const struct program *p)
{
    j->undefined = j->trace.undefined;
    engine_take_outcome(j->trace.e, &j->soft);
    j->soft.state.vector = j->other.state.vector;
    return !judge_differences(j, p);
}

/* Whether a repeated string instruction is next, and the two differ in nothing else. */
static bool within_string(struct judge *j, const struct program *p)
{
    static const uint8_t moving[] = {X86_RAX, X86_RCX, X86_RSI, X86_RDI};
    struct x86_insn i;

    if (!trace_decode(&j->trace, &i) || !(insn_row(&i)->needs & REP) ||
        !(i.prefixes & (PREFIX_REPZ | PREFIX_REPNZ))) {
        return false;
    }
    for (unsigned n = 0; n < sizeof(moving); n++) {
        j->soft.state.gpr[moving[n]] = j->other.state.gpr[moving[n]];
    }
    return !(state_differences(&j->soft.state, &j->other.state, p->bits, FLAG_STATUS));
}

/* Steps until the interpreter has the state of j->other. */
static bool seek(struct judge *j, const struct program *p)
{
    for (;;) {
        if (j->trace.e->cpu->rip == j->other.state.rip &&
            (same_state(j, p) || within_string(j, p))) {
            return true;
        }
        if (trace_step(&j->trace) != TRACE_REACHED) {
            same_state(j, p);
            return false;
        }
    }
}

/* Steps until the interpreter has an exception, which must be that of j->other. */
static bool same_exception(struct judge *j, const struct program *p)
{
    uint32_t undefined;

    trace_run(&j->trace, /* until= */ UINT64_MAX);
    undefined = j->trace.undefined;
    engine_take_outcome(j->trace.e, &j->soft);
    j->undefined = undefined;
    return !judge_differences(j, p);
}

/* After an exception that both have: whether the program goes on, on both. */
static bool map_page(struct judge *j, const struct program *p)
{
    struct machine_state s;

    engine_state(j->trace.e, &s);
    if (!trace_map_page(p, j->trace.e, &s)) {
        return false;
    }
    engine_set_state(j->trace.e, &s, p->bits);
    trace_map_page(p, j->engine, &s);
    return true;
}

/* Of an interrupt from outside: none in the first run, then all kinds. */
static unsigned delay_of(const struct judge *j, const struct program *p)
{
    struct rng rng = {.state = p->state.gpr[X86_RAX] ^ j->round};

    return p->interrupts && j->round ? 1 + ((rng_next(&rng) & 0x3fff) >> rng_below(&rng, 15)) : 0;
}

bool judge_follow(struct judge *j, const struct program *p)
{
    struct engine *e = j->engine;
    bool again = true, same = true;
    unsigned delay = delay_of(j, p);

    trace_begin(&j->trace, p);
    engine_load(e, p);
    if (e->ops->expect_interrupts) {
        e->ops->expect_interrupts(e, p->interrupts, delay);
    }
    e->ops->run(e);
    while (again && same) {
        engine_take_outcome(e, &j->other);
        if (j->other.state.vector == ENGINE_INTERRUPT) {
            same = seek(j, p);
            j->interrupts++;
        } else {
            same = same_exception(j, p);
            again = same && map_page(j, p);
        }
        if (again && same) {
            e->ops->resume(e);
        }
    }
    if (e->ops->expect_interrupts) {
        e->ops->expect_interrupts(e, /* bell= */ false, 0);
    }
    return judge_says(j, e->ops->name, same ? 0 : judge_differences(j, p));
}
