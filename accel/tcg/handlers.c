/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers that run any instruction through its exec_ function, and the ends of blocks.
 */
#include "accel/tcg/tcg.h"
#include "target/i386/step.h"

void tcg_run_generic(struct x86_cpu *cpu, const struct x86_insn *i)
{
    tcg_enter(cpu, i);
    insn_row(i)->exec(cpu, i);
    tcg_next(cpu, i);
}

/* With the privilege and FPU checks. */
static void run_checked(struct x86_cpu *cpu, const struct x86_insn *i)
{
    tcg_enter(cpu, i);
    x86_exec(cpu, i);
    tcg_next(cpu, i);
}

/* A string instruction may have to be entered again. */
static void run_string(struct x86_cpu *cpu, const struct x86_insn *i)
{
    tcg_enter(cpu, i);
    insn_row(i)->exec(cpu, i);
    if (cpu->insn_again) {
        cpu->insn_again = false;
        tcg_of(cpu)->left_at = i;
        return;
    }
    tcg_next(cpu, i);
}

/* The instruction after STI follows in the block, so that nothing comes between. */
static void run_sti(struct x86_cpu *cpu, const struct x86_insn *i)
{
    tcg_enter(cpu, i);
    insn_row(i)->exec(cpu, i);
    if (i[1].len) {
        cpu->interrupt_shadow = false;
    }
    tcg_next(cpu, i);
}

/* Takes the place of an entry that is not to run: the one before it was the last. */
void tcg_run_stop(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->rip = cpu->block_rip + i[-1].end;
    tcg_of(cpu)->left_at = i;
}

/* The last instruction has set cpu->rip. */
static void end_jump(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    tcg_dispatch(cpu);
}

static void end_in_page(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->rip = cpu->block_rip + i->end;
    tcg_follow(cpu, (struct tcg_block *)(uintptr_t)i->imm, 0);
}

static void end_of_page(struct x86_cpu *cpu, const struct x86_insn *i)
{
    cpu->rip = cpu->block_rip + i->end;
    tcg_dispatch(cpu);
}

void tcg_end_block(struct x86_insn *end, struct tcg_block *b, bool branches, bool same_page)
{
    bool linked = same_page && (b->mode & (MODE_CODE64 | MODE_FLAT));

    end->run = branches ? end_jump : linked ? end_in_page : end_of_page;
}

/* Addresses relative to RIP become relative to the block: no need to know where we are. */
static void rebase_rip(struct x86_insn *i)
{
    int64_t disp = (int64_t)i->disp + i->end;

    if (i->is_mem && i->base == X86_RIP && disp == (int32_t)disp) {
        i->base = X86_BLOCK;
        i->disp = (int32_t)disp;
    }
}

void tcg_choose_handler(struct tcg_block *b, struct x86_insn *i)
{
    uint32_t needs = insn_row(i)->needs;

    if (b->mode & MODE_CODE64) {
        rebase_rip(i);
    }
    i->run = tcg_fast_handler(b, i);
    if (i->run) {
        return;
    }
    if (needs & (CPL0 | X87 | MMXF | SSEF | VEX | VEX2 | VEXO)) {
        i->run = run_checked;
    } else if (needs & REP) {
        i->run = run_string;
    } else if (insn_row(i)->op == OP_STI) {
        i->run = run_sti;
    } else {
        i->run = tcg_run_generic;
    }
}
