/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software CPU as an accelerator: the loop of a vCPU thread, and its surroundings.
 *
 * The loop looks at requests when x86_disturbed(), finds the next block and runs it; blocks
 * run into each other and come back here when they find no successor, or for attention. A fault
 * unwinds to the loop with longjmp().
 */
#include "accel/tcg/check.h"
#include "accel/tcg/icount.h"
#include "hw/core/machine.h"
#include "target/i386/step.h"
#include "target/i386/vcpu.h"
#include "util/log.h"
#include "util/rcu.h"
#include <asm/prctl.h>
#include <inttypes.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct tcg *tcg_of_vcpu(const struct vcpu *v)
{
    return container_of(v->accel, struct tcg, accel);
}

/* MiB of translated code when the user does not say. */
#define TB_SIZE     256
#define TB_SIZE_MAX 1024 /* jumps reach 2 GiB */

/* What translated code takes for granted: x86-64-v3. */
static bool host_fits(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("sse4.2");
}

static bool tcg_init(struct accel *a, struct machine *m, GError **error)
{
    struct tcg *t = container_of(a, struct tcg, accel);

    g_mutex_init(&t->lock);
    g_cond_init(&t->changed);
    g_mutex_init(&t->code_lock);
    t->code_lines = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    t->cpus = g_ptr_array_new();
    t->icount = m->icount.on ? icount_new(m) : NULL;
    if (t->use_jit && !t->icount && !t->one_insn && host_fits()) {
        if (t->tb_size > TB_SIZE_MAX) {
            return fail(error, "-accel tcg,tb-size=%" PRIu64 ": %u (MiB) is the most", t->tb_size,
                        TB_SIZE_MAX);
        }
        t->jit = jit_new(t, (t->tb_size ? t->tb_size : TB_SIZE) << 20, error);
        return t->jit;
    }
    if (t->use_check) {
        return fail(error, "check=on compares translated code with the interpreter, but %s",
                    !t->use_jit   ? "jit=off means that there is none"
                    : t->icount   ? "with -icount there is none"
                    : t->one_insn ? "one-insn-per-tb=on means that there is none"
                                  : "this host has no AVX2, BMI2 and FMA to run it");
    }
    return true;
}

static void tcg_fini(struct accel *a)
{
    struct tcg *t = container_of(a, struct tcg, accel);

    icount_free(t->icount);
    if (t->jit) {
        jit_sampler_stop(t->jit);
    }
    jit_free(t->jit);
    g_hash_table_destroy(t->code_lines);
    g_ptr_array_free(t->cpus, TRUE);
    g_mutex_clear(&t->lock);
    g_cond_clear(&t->changed);
    g_mutex_clear(&t->code_lock);
}

static void yield_host(struct x86_cpu *cpu)
{
    (void)cpu;
    sched_yield();
}

/* With one CPU a spin loop waits for an interrupt or a device, not for a peer. */
static void tcg_attach(struct tcg *t, struct tcg_cpu *tc)
{
    g_mutex_lock(&t->code_lock);
    g_ptr_array_add(t->cpus, tc);
    tc->cpu->alone = t->cpus->len == 1;
    for (guint n = 0; t->cpus->len > 1 && n < t->cpus->len; n++) {
        struct tcg_cpu *each = g_ptr_array_index(t->cpus, n);

        if (each->cpu->alone) {
            each->cpu->alone = false;
            if (t->jit) {
                jit_drop_guarded_locked(t->jit);
            }
            x86_cpu_request(each->cpu, X86_REQ_TLB);
        }
        each->cpu->pause = yield_host;
        each->cpu->exclusive = tcg_exclusive;
    }
    g_mutex_unlock(&t->code_lock);
}

static void leave_section(void *opaque)
{
    x86_attention(opaque);
}

static bool tcg_vcpu_init(struct vcpu *v, GError **error)
{
    struct tcg_cpu *tc = g_new0(struct tcg_cpu, 1);

    tc->vcpu = v;
    tc->cpu = x86_vcpu_cpu(v);
    tc->tcg = tcg_of_vcpu(v);
    tcg_blocks_init(tc);
    tc->cpu->engine = tc;
    if (!tc->arena || (tc->tcg->use_check && !check_new(tc))) {
        tc->cpu->engine = NULL;
        tcg_blocks_fini(tc);
        g_free(tc);
        return fail_errno(error, "cannot get memory for decoded code");
    }
    v->engine = tc;
    if (tc->tcg->jit) {
        jit_cpu_init(tc->tcg->jit, tc->cpu);
        /* translated code finds the CPU's state by the GS base, which nothing else uses */
        syscall(SYS_arch_prctl, ARCH_SET_GS, tc->cpu);
    }
    tcg_attach(tc->tcg, tc);
    if (tc->tcg->jit && tc->tcg->superblocks != TCG_SUPERBLOCKS_OFF) {
        jit_sampler_start(tc->tcg->jit);
    }
    if (tc->tcg->icount) {
        icount_attach(tc->tcg->icount, tc);
    }
    rcu_set_nudge(leave_section, tc->cpu);
    return true;
}

static void tcg_vcpu_fini(struct vcpu *v)
{
    struct tcg_cpu *tc = v->engine;

    rcu_set_nudge(NULL, NULL);
    if (tc->tcg->icount) {
        icount_detach(tc->tcg->icount, tc);
    }
    g_mutex_lock(&tc->tcg->code_lock);
    g_ptr_array_remove(tc->tcg->cpus, tc);
    g_mutex_unlock(&tc->tcg->code_lock);
    check_free(tc);
    tc->cpu->engine = NULL;
    v->engine = NULL;
    tcg_blocks_fini(tc);
    g_free(tc);
}

static void drop_code(struct tcg_cpu *tc)
{
    uint32_t req = __atomic_load_n(&tc->cpu->requests, __ATOMIC_ACQUIRE);

    x86_cpu_unrequest(tc->cpu, X86_REQ_CODE | X86_REQ_FLUSH_CODE);
    tcg_blocks_drop_stale(tc);
    if (req & X86_REQ_FLUSH_CODE) {
        tcg_blocks_flush(tc);
    }
}

enum tcg_attend tcg_attend(struct tcg_cpu *tc)
{
    struct x86_cpu *cpu = tc->cpu;
    bool may_run;

    /* Whoever takes memory away waits for this moment; then x86_cpu_poll() forgets where it was. */
    rcu_read_unlock();
    rcu_read_lock();
    may_run = x86_cpu_poll(cpu);
    tcg_yield(tc->tcg);
    if (__atomic_load_n(&cpu->requests, __ATOMIC_ACQUIRE) & (X86_REQ_CODE | X86_REQ_FLUSH_CODE)) {
        drop_code(tc);
    }
    if (!may_run) {
        return TCG_HALT;
    }
    if ((__atomic_load_n(&cpu->requests, __ATOMIC_ACQUIRE) & X86_REQ_EXIT) ||
        __atomic_load_n(&tc->vcpu->exit_request, __ATOMIC_ACQUIRE)) {
        x86_cpu_unrequest(cpu, X86_REQ_EXIT);
        x86_attention(cpu); /* whatever else there is will be seen by the next run */
        return TCG_EXIT;
    }
    return cpu->interrupt_shadow || (cpu->mode & MODE_SLOW) ? TCG_STEP : TCG_RUN;
}

/* Blocks come back to the loop one by one. */
void tcg_log_block(struct x86_cpu *cpu)
{
    log_printf(LOG_EXEC, "CPU %u: %04x:%016" PRIx64 " mode %#x\n", cpu->index, cpu->seg[X86_CS].sel,
               cpu->rip, cpu->mode);
    x86_cpu_log(cpu, LOG_CPU);
    x86_attention(cpu);
}

void tcg_step(struct tcg_cpu *tc)
{
    tc->steps++;
    if (!tcg_crossing_learn(tc)) {
        x86_step_one(tc->cpu);
    }
}

static enum vcpu_exit loop(struct tcg_cpu *tc)
{
    struct x86_cpu *cpu = tc->cpu;

    /* a fault comes back here; delivering it may fault again */
    if (setjmp(cpu->unwind)) {
        x86_deliver_raised(cpu);
    }
    for (;;) {
        struct tcg_block *b;

        if (x86_disturbed(cpu)) {
            if (tc->tcg->jit) {
                jit_fpu_save(cpu);
            }
            switch (tcg_attend(tc)) {
            case TCG_HALT:
                __atomic_store_n(&tc->vcpu->halted, true, __ATOMIC_SEQ_CST);
                return VCPU_EXIT_HALTED;
            case TCG_EXIT:
                return VCPU_EXIT_REQUEST;
            case TCG_STEP:
                tcg_step(tc);
                continue;
            case TCG_RUN:
                break;
            }
            if (__atomic_exchange_n(&tc->sampled, false, __ATOMIC_RELAXED)) {
                jit_path_sample(tc);
                continue;
            }
        }
        if (tc->tcg->jit) {
            if (jit_run(tc)) {
                if (tc->check && tc->check->failed) {
                    return VCPU_EXIT_INTERNAL_ERROR;
                }
                continue;
            }
            jit_fpu_save(cpu);
        }
        b = tcg_block_find(tc);
        if (log_on(LOG_EXEC) || log_on(LOG_CPU)) {
            tcg_log_block(cpu);
        }
        if (b) {
            tcg_run_block(cpu, b);
        } else if (tc->crossing) {
            tcg_crossing_run(cpu, tc->crossing);
        } else {
            tcg_step(tc);
        }
    }
}

void tcg_section_begin(struct tcg_cpu *tc)
{
    x86_attention(tc->cpu);
    tcg_run_begin(tc->tcg);
    __atomic_store_n(&tc->thread, g_thread_self(), __ATOMIC_SEQ_CST);
    if (tc->tcg->jit) {
        jit_sampler_wake(tc->tcg->jit);
    }
    rcu_read_lock();
}

void tcg_section_end(struct tcg_cpu *tc)
{
    rcu_read_unlock();
    __atomic_store_n(&tc->thread, NULL, __ATOMIC_RELEASE);
    tcg_run_end(tc->tcg);
}

static enum vcpu_exit tcg_run(struct vcpu *v)
{
    struct tcg_cpu *tc = v->engine;
    enum vcpu_exit why;

    if (tc->tcg->icount) {
        return icount_run(tc);
    }
    __atomic_store_n(&v->halted, false, __ATOMIC_SEQ_CST);
    tcg_section_begin(tc);
    why = loop(tc);
    tcg_section_end(tc);
    if (why == VCPU_EXIT_INTERNAL_ERROR) {
        fputs(tc->check->report, stderr);
        machine_request_exit(v->machine, EXIT_FAILURE);
    }
    return why;
}

static void tcg_kick(struct vcpu *v)
{
    struct tcg *t = tcg_of_vcpu(v);

    x86_attention(x86_vcpu_cpu(v));
    if (t->icount) {
        icount_kick(t->icount);
    }
}

static void tcg_print_info(struct accel *a, void (*print)(void *opaque, const char *fmt, ...),
                           void *opaque)
{
    struct tcg *t = container_of(a, struct tcg, accel);

    if (t->icount) {
        icount_print(t->icount, print, opaque);
    }
    g_mutex_lock(&t->code_lock);
    if (t->jit) {
        jit_print_locked(t->jit, print, opaque);
    }
    for (guint n = 0; n < t->cpus->len; n++) {
        const struct tcg_cpu *tc = g_ptr_array_index(t->cpus, n);

        if (t->jit) {
            const struct jit_cpu *jc = jit_cpu_of(tc->cpu);

            print(opaque,
                  "CPU %u: %" PRIu64 " instructions left to the interpreter, %" PRIu64
                  " links made or missed, %" PRIu64 " look-ups, %" PRIu64 " ranges found\n",
                  tc->cpu->index, jc->slow, jc->follows, jc->lookups, jc->ranges);
        }
        if (tc->check) {
            const struct check *c = tc->check;

            print(opaque,
                  "CPU %u: checked: %" PRIu64 " blocks and %" PRIu64 " parts of blocks, of %" PRIu64
                  " instructions, are as interpreted; not comparable: %" PRIu64
                  " instructions, %" PRIu64 " blocks whose memory changed, %" PRIu64
                  " by undefined flags\n",
                  tc->cpu->index, c->blocks, c->parts, c->compared, c->alone_insns, c->unstable,
                  c->meaningless);
        }
        print(opaque,
              "CPU %u: %" PRIu64 " instructions, %" PRIu64 " single steps, %" PRIu64
              " blocks made, %" PRIu64 " pages invalidated, %" PRIu64 " flushes, %zu KiB in use\n",
              tc->cpu->index, tc->cpu->executed, tc->steps, tc->blocks_made, tc->invalidations,
              tc->flushes, tc->arena_used / 1024);
    }
    g_mutex_unlock(&t->code_lock);
}

static const struct prop_enum superblocks_names[] = {
    {"off", TCG_SUPERBLOCKS_OFF},
    {"on", TCG_SUPERBLOCKS_ON},
    {"all", TCG_SUPERBLOCKS_ALL},
    {0},
};

static const struct property tcg_props[] = {
    PROP_BOOL(struct tcg, use_jit, "jit", true, "translate guest code (off: interpret it)"),
    PROP_BOOL(struct tcg, use_check, "check", false,
              "interpret each translated block too and compare; slow"),
    PROP_ENUM(struct tcg, superblocks, "superblocks", TCG_SUPERBLOCKS_ON, superblocks_names,
              "translate hot code again, along its path (all: whatever is run, for tests)"),
    PROP_U64(struct tcg, tb_size, "tb-size", 0,
             "MiB of translated code to keep, at most 1024; 0: 256"),
    PROP_BOOL(struct tcg, one_insn, "one-insn-per-tb", false,
              "decode and run instructions one by one, without translation"),
    {0},
};

static const struct accel_type tcg_type = {
    .name = "tcg",
    .description = "software CPU",
    .size = sizeof(struct tcg),
    .props = tcg_props,
    .counts = true,
    .init = tcg_init,
    .fini = tcg_fini,
    .vcpu_init = tcg_vcpu_init,
    .vcpu_fini = tcg_vcpu_fini,
    .run = tcg_run,
    .kick = tcg_kick,
    .print_info = tcg_print_info,
};
ACCEL_TYPE(tcg_type);
