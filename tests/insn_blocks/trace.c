/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stepping through a program with an eye on what is undefined.
 */
#include "tests/insn_blocks/trace.h"

#include <string.h>

#include "target/i386/x87.h"
#include "tests/insn_blocks/effects.h"
#include "tests/insn_lib/difference.h"
#include "tests/insn_lib/guest.h"
#include "tests/insn_lib/host_maps.h"
#include "tests/insn_lib/native.h"

enum { USER_CS32 = 0x23 };

bool trace_decode(const struct trace *t, struct x86_insn *ret)
{
    const struct x86_cpu *cpu = t->e->cpu;
    unsigned at, have;
    uint8_t code[15];

    if (!program_in_code(cpu->rip, &at)) {
        return false;
    }
    have = MIN(PROGRAM_CODE_BYTES - at, 15);
    engine_read_code(t->e, at, code, have);
    return x86_decode(cpu->decoder, cpu->mode, code, have, ret) == DECODE_OK;
}

/* Memory that only the host has, or that it reports differently, must not have been asked for; nor
 * what in 32-bit code lies across 4 GiB: each processor may see it as beyond the limit or not. */
static bool fault_is_comparable(const struct trace *t)
{
    struct machine_state s;

    engine_state(t->e, &s);
    if (s.vector == EXC_PF && s.sel[X86_CS] == USER_CS32 && (uint32_t)(s.cr2 + 64) < 128) {
        return false;
    }
    return s.vector != EXC_PF || !t->maps ||
           !(native_owns(s.cr2 & ~0xfffull) || host_maps_has(t->maps, s.cr2));
}

/* A repeated string instruction from one place to another: processors move many bytes at once when
 * linear addresses say that they may. */
static bool moves_between_places(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t from = cpu->gpr[X86_RSI], to = cpu->gpr[X86_RDI];
    unsigned from_off, to_off;

    return (insn_row(i)->needs & REP) && (i->prefixes & (PREFIX_REPZ | PREFIX_REPNZ)) &&
           program_in_data(from, &from_off) && program_in_data(to, &to_off) &&
           from - from_off != to - to_off;
}

/* An x87 operand of several parts that, by a 32-bit address, lies across 4 GiB: here it goes on
 * behind, processors look for its later parts from 0 on. */
static bool wraps(const struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t la =
        cpu->regs[i->base] + (cpu->regs[i->index] << i->scale) + (uint64_t)(int64_t)i->disp;

    return i->is_mem && i->asize == 4 && (insn_row(i)->needs & X87) && (uint32_t)la > -1024u;
}

enum trace_end trace_step(struct trace *t)
{
    struct x86_cpu *cpu = t->e->cpu;
    uint32_t undefined = t->undefined;
    bool waiting, known;

    if (!program_in_code(cpu->rip, NULL) || ++t->steps > PROGRAM_STEPS) {
        return TRACE_INVALID;
    }
    t->ignored = 0;
    known = trace_decode(t, &t->last);
    if (known) {
        const struct x86_insn *i = &t->last;

        if ((insn_flags_read(cpu, i) & undefined) || !insn_comparable(cpu, i) ||
            (insn_row(i)->op != OP_INT3 && program_excludes(insn_row(i)))) {
            return TRACE_INVALID;
        }
        undefined = insn_flags_undefined(cpu, i, undefined);
        t->ignored = ignored_parts(insn_row(i)->op);
        if (insn_row(i)->op == OP_POPA) { /* AMD's fault with some registers loaded */
            t->ignored |= PART_GPR;
        }
        t->not_for_host |=
            insn_is_of_guest(cpu, i) || moves_between_places(cpu, i) || wraps(cpu, i);
        t->not_for_host |= insn_stores_pointers(i, t->pointers_known || !(cpu->fpu.sw & X87_ES));
    }
    waiting = cpu->fpu.sw & X87_ES;
    x86_cpu_step(cpu);
    if (!waiting && (cpu->fpu.sw & X87_ES)) {
        /* without an operand in memory, processors show that of an earlier instruction */
        t->pointers_known = t->last.is_mem && !insn_loads_masks(&t->last);
    }
    if (engine_in_handler(t->e)) {
        if (!known && cpu->rip == GUEST_HANDLER_AT + 16 * EXC_UD) {
            t->not_for_host = true; /* it may be newer than ours */
        }
        if (cpu->rip == GUEST_HANDLER_AT + 16 * EXC_DB) { /* a trap: the instruction is done */
            t->undefined = undefined;
        }
        return fault_is_comparable(t) ? TRACE_FAULT : TRACE_INVALID;
    }
    t->undefined = undefined;
    return TRACE_REACHED;
}

enum trace_end trace_run(struct trace *t, uint64_t until)
{
    while (t->e->cpu->rip != until) {
        enum trace_end end = trace_step(t);

        if (end != TRACE_REACHED) {
            return end;
        }
    }
    return TRACE_REACHED;
}

void trace_begin(struct trace *t, const struct program *p)
{
    t->undefined = 0;
    t->steps = 0;
    t->pointers_known = true;
    t->not_for_host = false;
    engine_load(t->e, p);
}

bool trace_map_page(const struct program *p, struct engine *e, const struct machine_state *s)
{
    uint8_t usual[PROGRAM_PAGES];
    unsigned off, page;

    if (!p->demand || s->vector != EXC_PF || !program_in_data(s->cr2, &off)) {
        return false;
    }
    program_usual_rights(usual);
    page = off / 0x1000;
    if (engine_rights(e, page) == usual[page]) {
        return false;
    }
    engine_set_rights(e, page, usual[page]);
    return true;
}

bool trace_program(struct trace *t, const struct program *p, struct outcome *ret)
{
    trace_begin(t, p);
    do {
        if (trace_run(t, /* until= */ UINT64_MAX) != TRACE_FAULT) {
            return false;
        }
        engine_take_outcome(t->e, ret);
        engine_set_state(t->e, &ret->state, p->bits);
    } while (trace_map_page(p, t->e, &ret->state));
    return true;
}
