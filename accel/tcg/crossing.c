/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that lie in two pages: they are in no block, but decoded ones are kept here.
 *
 * An entry is good while both pages still translate for execution and hold the bytes that were
 * decoded; that is looked at each time, so nothing needs to tell us of writes.
 */
#include "accel/tcg/tcg.h"
#include "target/i386/step.h"
#include <string.h>

/* Host address of code at @la if the TLB has it, else NULL. */
static const uint8_t *cached_code(const struct x86_cpu *cpu, uint64_t la)
{
    const struct x86_itlb *i = cpu->itlb_now;
    unsigned slot = itlb_slot(la);

    return tlb_hit(la, i->xneg[slot], 1) ? (const uint8_t *)(la + i->addend[slot]) : NULL;
}

static struct tcg_crossing *entry_for(struct tcg_cpu *tc, uint64_t la)
{
    return &tc->crossings[(la >> PAGE_BITS) % ARRAY_SIZE(tc->crossings)];
}

struct tcg_crossing *tcg_crossing_find(struct tcg_cpu *tc, uint64_t la)
{
    struct x86_cpu *cpu = tc->cpu;
    struct tcg_crossing *c = entry_for(tc, la);
    const uint8_t *first, *second;

    if (c->la != la || c->mode != cpu->mode || !c->insn.len) {
        return NULL;
    }
    first = cached_code(cpu, la);
    second = cached_code(cpu, (la | ~PAGE_MASK) + 1);
    if (!first || !second || memcmp(c->bytes, first, c->in_first) ||
        memcmp(c->bytes + c->in_first, second, c->insn.len - c->in_first)) {
        return NULL;
    }
    return c;
}

static void execute(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->start_rip = cpu->rip;
    cpu->insn = i;
    cpu->rip += i->len;
    x86_exec(cpu, i);
    cpu->executed += !cpu->insn_again;
    cpu->insn_again = false;
}

void tcg_crossing_run(struct x86_cpu *cpu, const struct tcg_crossing *c)
{
    struct x86_insn i = c->insn; /* the entry may be replaced meanwhile */

    execute(cpu, &i);
}

bool tcg_crossing_learn(struct tcg_cpu *tc)
{
    struct x86_cpu *cpu = tc->cpu;
    uint64_t la = (cpu->rip + cpu->seg_base[X86_CS]) & cpu->ea_mask;
    unsigned in_first = PAGE_SIZE - (unsigned)(la & ~PAGE_MASK);
    struct tcg_crossing *c = entry_for(tc, la);
    const uint8_t *first, *second;
    struct x86_insn i;

    if (in_first >= 15 || !(cpu->mode & (MODE_CODE64 | MODE_FLAT)) || (cpu->mode & MODE_SLOW) ||
        cpu->interrupt_shadow) {
        return false;
    }
    cpu->start_rip = cpu->rip;
    x86_fetch_decode(cpu, &i);
    first = cached_code(cpu, la);
    second = cached_code(cpu, (la | ~PAGE_MASK) + 1);
    if (i.len > in_first && first && second) {
        *c = (struct tcg_crossing){
            .la = la, .mode = cpu->mode, .in_first = (uint8_t)in_first, .insn = i};
        memcpy(c->bytes, first, in_first);
        memcpy(c->bytes + in_first, second, i.len - in_first);
    }
    execute(cpu, &i);
    return true;
}
