/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counted instructions: virtual time is their number, and vCPUs take turns.
 *
 * What a guest does then depends on nothing but itself: not on the host's speed or load.
 *
 * I1  One vCPU has the turn (ic->owner) and runs; the others wait. It hands the turn on when its
 *     slice is used up, when it executes PAUSE, and when it halts. Whose turn comes next depends on
 *     the CPUs' states alone. A vCPU that leaves for other reasons (a stop, work that a monitor
 *     asked for) keeps its turn.
 * I2  The owner alone counts, moves idle time on and runs the timers of virtual time, each at the
 *     first instruction at which its deadline is reached. When no CPU has anything to do, time
 *     goes on to the next deadline: at the host's pace (sleep=on) or at once (sleep=off).
 * I3  An instruction counts one when it is complete, however often a repeated one was entered
 *     (REP: one in all), and one when it faults. Interrupts and deliveries count nothing. While an
 *     instruction executes, time is the number of those before it.
 * I4  Whatever disturbs the CPU (x86_attention()) in a block ends the block after this instruction:
 * devices and interrupts are looked at there, wherever the block began or would have ended. I5 What
 * the guest asked of drives is done before its next instruction.
 *
 * RDRAND and RDSEED give the same numbers in each run, and with -rtc base=DATE,clock=vm so does
 * every clock. What comes from outside (characters, keys,
 * monitor commands) comes when it comes.
 *
 * Absent: time that follows the host's speed (shift=auto, align=on); record and replay.
 */
#include "accel/tcg/icount.h"
#include "hw/core/machine.h"
#include "target/i386/mem.h"
#include "target/i386/system.h"
#include "util/log.h"
#include <inttypes.h>

/* Instructions until another vCPU's turn. */
#define SLICE 20000

/* How long MWAIT waits: a store by another CPU is not seen, and waking early is allowed. */
#define MWAIT_NS (100 * NS_PER_US)

/* No deadline is taken to be farther away than this, in instructions. */
#define FAR ((uint64_t)1 << 40)

struct icount {
    struct machine *machine;
    struct clock *clock;
    unsigned shift;
    bool sleep;
    /* the owner's; count is atomic, for readers */
    uint64_t count;
    uint64_t slice_end; /* these are counts, too */
    uint64_t stop_at;
    uint64_t ran_at; /* timers last ran */
    int64_t idle_ns; /* atomic, for readers */
    /* guarded by lock, which is taken last of all but a clock's */
    GMutex lock;
    GCond changed;
    struct tcg_cpu *owner;
    GPtrArray *cpus; /* struct tcg_cpu */
    bool waiting;    /* the owner waits on changed for something to do; atomic */
};

enum turn {
    TURN_RUN,  /* goes on with blocks */
    TURN_STEP, /* goes on with one instruction */
    TURN_EXIT, /* the thread has other things to do; the turn stays */
    TURN_OVER,
    TURN_NAP,  /* MWAIT */
    TURN_IDLE, /* the CPU is halted */
};

/* ---- the clock ---- */

/* The calling thread's own vCPU, while it runs a block. */
static const struct tcg_cpu *in_block(const struct icount *ic)
{
    const struct vcpu *v = vcpu_current();
    const struct tcg_cpu *tc = v && v->machine == ic->machine ? v->engine : NULL;

    return tc && tc->counted ? tc : NULL;
}

static int64_t elapsed_ns(void *opaque)
{
    const struct icount *ic = opaque;
    const struct tcg_cpu *tc = in_block(ic);
    uint64_t count = __atomic_load_n(&ic->count, __ATOMIC_RELAXED);

    if (tc) {
        count += (uint64_t)(tc->cpu->insn - tc->counted->insn);
    }
    return (int64_t)(count << ic->shift);
}

static void deadline_changed(void *opaque)
{
    struct icount *ic = opaque;

    g_mutex_lock(&ic->lock);
    if (ic->owner) {
        x86_attention(ic->owner->cpu);
    }
    g_cond_broadcast(&ic->changed);
    g_mutex_unlock(&ic->lock);
}

static const struct clock_source source = {
    .elapsed_ns = elapsed_ns,
    .deadline_changed = deadline_changed,
};

struct icount *icount_new(struct machine *m)
{
    struct icount *ic = g_new0(struct icount, 1);

    ic->machine = m;
    ic->clock = &m->clock_virtual;
    ic->shift = m->icount.shift;
    ic->sleep = m->icount.sleep;
    ic->slice_end = SLICE;
    ic->ran_at = UINT64_MAX;
    ic->cpus = g_ptr_array_new();
    g_mutex_init(&ic->lock);
    g_cond_init(&ic->changed);
    clock_set_source(ic->clock, &source, ic);
    return ic;
}

void icount_free(struct icount *ic)
{
    if (!ic) {
        return;
    }
    clock_set_source(ic->clock, NULL, NULL);
    g_ptr_array_free(ic->cpus, TRUE);
    g_mutex_clear(&ic->lock);
    g_cond_clear(&ic->changed);
    g_free(ic);
}

void icount_print(const struct icount *ic, void (*print)(void *opaque, const char *fmt, ...),
                  void *opaque)
{
    print(opaque,
          "icount: %" PRIu64 " instructions, shift %u, sleep %s, virtual time %" PRId64
          " ns, of that idle %" PRId64 " ns\n",
          __atomic_load_n(&ic->count, __ATOMIC_RELAXED), ic->shift, ic->sleep ? "on" : "off",
          clock_now_ns(ic->clock), __atomic_load_n(&ic->idle_ns, __ATOMIC_RELAXED));
}

/* ---- turns ---- */

static bool exit_requested(const struct tcg_cpu *tc)
{
    return __atomic_load_n(&tc->vcpu->exit_request, __ATOMIC_SEQ_CST);
}

/* The first vCPU after @tc (@tc itself comes last) that has something to do, or NULL. */
static struct tcg_cpu *next_locked(const struct icount *ic, const struct tcg_cpu *tc)
{
    guint at = 0;

    g_ptr_array_find(ic->cpus, tc, &at);
    for (guint n = 1; n <= ic->cpus->len; n++) {
        struct tcg_cpu *next = g_ptr_array_index(ic->cpus, (at + n) % ic->cpus->len);

        if (x86_cpu_has_work(next->cpu)) {
            return next;
        }
    }
    return NULL;
}

static bool others_have_work(struct icount *ic, const struct tcg_cpu *tc)
{
    const struct tcg_cpu *next;

    g_mutex_lock(&ic->lock);
    next = next_locked(ic, tc);
    g_mutex_unlock(&ic->lock);
    return next && next != tc;
}

/* False when no vCPU has anything to do: then the turn stays. */
static bool pass_turn(struct icount *ic, struct tcg_cpu *tc)
{
    struct tcg_cpu *next;

    g_mutex_lock(&ic->lock);
    next = next_locked(ic, tc);
    if (next) {
        ic->owner = next;
        ic->slice_end = ic->count + SLICE;
        g_cond_broadcast(&ic->changed);
    }
    g_mutex_unlock(&ic->lock);
    return next;
}

/* False when the thread has other things to do before its turn comes. */
static bool await_turn(struct icount *ic, struct tcg_cpu *tc)
{
    bool mine;

    g_mutex_lock(&ic->lock);
    while (ic->owner != tc && !exit_requested(tc)) {
        g_cond_wait(&ic->changed, &ic->lock);
    }
    mine = ic->owner == tc;
    g_mutex_unlock(&ic->lock);
    return mine;
}

void icount_kick(struct icount *ic)
{
    g_mutex_lock(&ic->lock);
    g_cond_broadcast(&ic->changed);
    g_mutex_unlock(&ic->lock);
}

/* x86_cpu.kick: there is a request, perhaps what an idle owner waits for. */
static void requested(struct x86_cpu *cpu)
{
    struct icount *ic = cpu->kick_opaque;

    if (__atomic_load_n(&ic->waiting, __ATOMIC_SEQ_CST)) {
        icount_kick(ic);
    }
}

/* ---- what ends blocks ---- */

/* x86_cpu.attended: I4. */
static void attended(struct x86_cpu *cpu)
{
    const struct vcpu *v = vcpu_current();
    const struct x86_insn *i = cpu->insn;
    struct tcg_cpu *tc;
    struct tcg_block *b;

    if (!v || v->cpu != cpu) {
        return;
    }
    tc = v->engine;
    b = tc ? tc->counted : NULL;
    if (!b || tc->stop || i < b->insn || i + 1 >= b->insn + b->count ||
        insn_row(i)->op == OP_STI) { /* nothing may come between STI and the last one after it */
        return;
    }
    tc->stop = &b->insn[i + 1 - b->insn];
    tc->stop_run = tc->stop->run;
    tc->stop->run = tcg_run_stop;
}

static void pause_turn(struct x86_cpu *cpu)
{
    tcg_of(cpu)->tcg->icount->slice_end = 0;
    x86_attention(cpu);
}

static void nap_next(struct x86_cpu *cpu)
{
    tcg_of(cpu)->napping = true;
    x86_attention(cpu);
}

void icount_attach(struct icount *ic, struct tcg_cpu *tc)
{
    const struct machine *m = ic->machine;
    struct x86_cpu *cpu = tc->cpu;

    cpu->wall_fixed = m->rtc_base_set && m->rtc_clock == CLOCK_KIND_VIRTUAL;
    cpu->wall_zero_ns = m->rtc_base_ns;
    cpu->kick = requested;
    cpu->kick_opaque = ic;
    cpu->attended = attended;
    cpu->mwait = nap_next;
    cpu->seeded = true;
    cpu->seed = cpu->index;
    g_mutex_lock(&ic->lock);
    g_ptr_array_add(ic->cpus, tc);
    for (guint n = 0; ic->cpus->len > 1 && n < ic->cpus->len; n++) {
        ((struct tcg_cpu *)g_ptr_array_index(ic->cpus, n))->cpu->pause = pause_turn;
    }
    if (!ic->owner) {
        ic->owner = tc;
    }
    g_mutex_unlock(&ic->lock);
}

void icount_detach(struct icount *ic, struct tcg_cpu *tc)
{
    guint at = 0;

    g_mutex_lock(&ic->lock);
    g_ptr_array_find(ic->cpus, tc, &at);
    g_ptr_array_remove_index(ic->cpus, at);
    if (ic->owner == tc) {
        ic->owner = ic->cpus->len ? g_ptr_array_index(ic->cpus, at % ic->cpus->len) : NULL;
        ic->slice_end = ic->count + SLICE;
        g_cond_broadcast(&ic->changed);
    }
    g_mutex_unlock(&ic->lock);
}

/* ---- counting ---- */

static void count(struct icount *ic, uint64_t n)
{
    __atomic_store_n(&ic->count, ic->count + n, __ATOMIC_RELAXED);
}

/* The block is left: @done of its instructions count. */
static void leave_block(struct icount *ic, struct tcg_cpu *tc, uint64_t done)
{
    if (tc->stop) {
        tc->stop->run = tc->stop_run;
        tc->stop = NULL;
    }
    tc->cpu->executed -= tc->counted->count - done;
    tc->counted = NULL;
    count(ic, done);
}

/* A fault has unwound to the loop: of an instruction, or of the delivery of something. */
static void count_fault(struct icount *ic, struct tcg_cpu *tc)
{
    if (tc->counted) {
        leave_block(ic, tc, (uint64_t)(tc->cpu->insn - tc->counted->insn) + 1);
    } else if (tc->attempting) {
        count(ic, 1);
    }
    tc->attempting = false;
}

static void run_block(struct icount *ic, struct tcg_cpu *tc, struct tcg_block *b)
{
    tc->left_at = NULL;
    tc->counted = b;
    tcg_run_block(tc->cpu, b);
    leave_block(ic, tc, tc->left_at ? (uint64_t)(tc->left_at - b->insn) : b->count);
}

/* Executes a block, or one instruction when that is all that is left to stop_at. May raise. */
static void run_on(struct icount *ic, struct tcg_cpu *tc)
{
    struct x86_cpu *cpu = tc->cpu;
    uint64_t before = cpu->executed;
    struct tcg_block *b;

    tc->attempting = true;
    b = tcg_block_find(tc);
    if (log_on(LOG_EXEC) || log_on(LOG_CPU)) {
        tcg_log_block(cpu);
    }
    if (b && b->count <= ic->stop_at - ic->count) {
        run_block(ic, tc, b);
        tc->attempting = false;
        return;
    }
    if (!b && tc->crossing) {
        tcg_crossing_run(cpu, tc->crossing);
    } else {
        tcg_step(tc);
    }
    tc->attempting = false;
    count(ic, cpu->executed - before);
}

/* ---- between instructions ---- */

/* Drives and timers. */
static void run_devices(struct icount *ic, struct tcg_cpu *tc, bool timers)
{
    bool begun = x86_io_begin(tc->cpu);

    lock_acquire(&ic->machine->lock);
    machine_settle(ic->machine);
    if (timers && clock_run_due(ic->clock)) {
        machine_settle(ic->machine);
    }
    lock_release(&ic->machine->lock);
    x86_io_end(tc->cpu, begun);
}

static void set_stop(struct icount *ic)
{
    int64_t left_ns = clock_next_ns(ic->clock) - clock_now_ns(ic->clock);
    uint64_t left = 1; /* for a timer that is due already: it ran at this count */

    if (left_ns > 0) {
        left = MIN(((uint64_t)left_ns + ((1u << ic->shift) - 1)) >> ic->shift, FAR);
    }
    ic->stop_at = MIN(ic->count + left, ic->slice_end);
}

/* Something waits for the CPU itself. */
static bool is_wanted(const struct x86_cpu *cpu)
{
    const uint32_t events = X86_REQ_INTR | X86_REQ_NMI | X86_REQ_SMI | X86_REQ_INIT | X86_REQ_MCE;

    return cpu->run_state == X86_RUNNING
               ? __atomic_load_n(&cpu->requests, __ATOMIC_SEQ_CST) & events
               : x86_cpu_has_work(cpu);
}

/* Everything that is due at this count. May raise. */
static enum turn between(struct icount *ic, struct tcg_cpu *tc)
{
    bool timers = ic->ran_at != ic->count;

    ic->ran_at = ic->count;
    run_devices(ic, tc, timers);
    if (exit_requested(tc)) {
        return TURN_EXIT;
    }
    if (tc->napping) {
        tc->napping = false;
        if (!is_wanted(tc->cpu)) {
            return TURN_NAP;
        }
    }
    if (ic->count >= ic->slice_end) {
        if (others_have_work(ic, tc)) {
            return TURN_OVER;
        }
        ic->slice_end = ic->count + SLICE;
    }
    set_stop(ic);
    switch (tcg_attend(tc)) {
    case TCG_RUN:
        return TURN_RUN;
    case TCG_STEP:
        return TURN_STEP;
    case TCG_EXIT:
        return TURN_EXIT;
    default:
        return TURN_IDLE;
    }
}

static enum turn loop(struct icount *ic, struct tcg_cpu *tc)
{
    struct x86_cpu *cpu = tc->cpu;

    /* a fault comes back here; delivering it may fault again */
    if (setjmp(cpu->unwind)) {
        count_fault(ic, tc);
        x86_deliver_raised(cpu);
    }
    for (;;) {
        enum turn turn = TURN_RUN;

        if (x86_disturbed(cpu) || ic->count >= ic->stop_at) {
            turn = between(ic, tc);
        }
        if (turn == TURN_RUN) {
            run_on(ic, tc);
        } else if (turn == TURN_STEP) {
            uint64_t before = cpu->executed;

            tc->attempting = true;
            tcg_step(tc);
            tc->attempting = false;
            count(ic, cpu->executed - before);
        } else {
            return turn;
        }
    }
}

/* ---- idle time ---- */

static bool must_wait_locked(const struct icount *ic, const struct tcg_cpu *tc, int64_t until_ns)
{
    const struct tcg_cpu *next = next_locked(ic, tc);

    return !exit_requested(tc) && !is_wanted(tc->cpu) && (!next || next == tc) &&
           clock_next_ns(ic->clock) >= until_ns;
}

/* Sleeps, at most so long, until there is something to do; returns whether it was so long. */
static bool wait_for_work(struct icount *ic, struct tcg_cpu *tc, int64_t until_ns, int64_t left_ns)
{
    int64_t end_us = g_get_monotonic_time() + (left_ns - 1) / NS_PER_US + 1;
    bool in_time = true;

    g_mutex_lock(&ic->lock);
    __atomic_store_n(&ic->waiting, true, __ATOMIC_SEQ_CST);
    while (in_time && must_wait_locked(ic, tc, until_ns)) {
        if (until_ns == INT64_MAX) {
            g_cond_wait(&ic->changed, &ic->lock);
        } else {
            in_time = g_cond_wait_until(&ic->changed, &ic->lock, end_us);
        }
    }
    __atomic_store_n(&ic->waiting, false, __ATOMIC_SEQ_CST);
    g_mutex_unlock(&ic->lock);
    return !in_time;
}

/* Idle time passes, until @until_ns at most. INT64_MAX: until there is something to do. */
static void pass_time(struct icount *ic, struct tcg_cpu *tc, int64_t until_ns)
{
    int64_t left_ns = until_ns - clock_now_ns(ic->clock), begin_ns = monotonic_ns();

    if (left_ns <= 0) {
        return;
    }
    if (!ic->sleep) {
        if (until_ns == INT64_MAX) { /* nothing but the outside can end this: no time passes */
            wait_for_work(ic, tc, until_ns, left_ns);
            return;
        }
    } else if (!wait_for_work(ic, tc, until_ns, left_ns)) { /* woken by the outside */
        int64_t slept_ns = monotonic_ns() - begin_ns;

        left_ns = MIN(left_ns, slept_ns);
    }
    __atomic_store_n(&ic->idle_ns, ic->idle_ns + left_ns, __ATOMIC_RELAXED);
    clock_advance(ic->clock, left_ns);
}

/* No CPU has anything to do. Returns when one has, or false when the thread has other things to
 * do. */
static bool idle(struct icount *ic, struct tcg_cpu *tc)
{
    while (!exit_requested(tc)) {
        if (pass_turn(ic, tc)) {
            return true;
        }
        pass_time(ic, tc, clock_next_ns(ic->clock));
        run_devices(ic, tc, /* timers= */ true);
    }
    return false;
}

/* MWAIT. */
static void nap(struct icount *ic, struct tcg_cpu *tc)
{
    int64_t end_ns = clock_now_ns(ic->clock) + MWAIT_NS, next_ns = clock_next_ns(ic->clock);

    if (others_have_work(ic, tc)) {
        pass_turn(ic, tc);
    } else {
        pass_time(ic, tc, MIN(end_ns, next_ns));
        run_devices(ic, tc, /* timers= */ true);
    }
}

enum vcpu_exit icount_run(struct tcg_cpu *tc)
{
    struct icount *ic = tc->tcg->icount;

    while (await_turn(ic, tc)) {
        enum turn turn;

        tcg_section_begin(tc);
        turn = loop(ic, tc);
        tcg_section_end(tc);
        switch (turn) {
        case TURN_OVER:
            pass_turn(ic, tc);
            break;
        case TURN_NAP:
            nap(ic, tc);
            break;
        case TURN_IDLE:
            if (!idle(ic, tc)) {
                return VCPU_EXIT_REQUEST;
            }
            break;
        default:
            return VCPU_EXIT_REQUEST;
        }
    }
    return VCPU_EXIT_REQUEST;
}
