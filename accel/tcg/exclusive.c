/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exclusive sections: one vCPU runs while all others stand at a block boundary.
 *
 * For what the host cannot do atomically: locked accesses that cross a page, and taking away write
 * access to a page that gets translated.
 */
#include "accel/tcg/tcg.h"
#include "target/i386/mem.h"

static void wait_for_exclusive_locked(struct tcg *t)
{
    while (t->exclusive) {
        g_cond_wait(&t->changed, &t->lock);
    }
}

void tcg_run_begin(struct tcg *t)
{
    g_mutex_lock(&t->lock);
    wait_for_exclusive_locked(t);
    t->running++;
    g_mutex_unlock(&t->lock);
}

void tcg_run_end(struct tcg *t)
{
    g_mutex_lock(&t->lock);
    t->running--;
    g_cond_broadcast(&t->changed);
    g_mutex_unlock(&t->lock);
}

void tcg_yield(struct tcg *t)
{
    if (__atomic_load_n(&t->exclusive, __ATOMIC_ACQUIRE)) {
        tcg_run_end(t);
        tcg_run_begin(t);
    }
}

static void attention_all(struct tcg *t, const struct tcg_cpu *except)
{
    g_mutex_lock(&t->code_lock);
    for (guint n = 0; n < t->cpus->len; n++) {
        struct tcg_cpu *tc = g_ptr_array_index(t->cpus, n);

        if (tc != except) {
            x86_attention(tc->cpu);
        }
    }
    g_mutex_unlock(&t->code_lock);
}

void tcg_exclusive(struct x86_cpu *cpu, bool enter)
{
    struct tcg *t = tcg_of(cpu)->tcg;
    bool begun;

    if (!enter) {
        g_mutex_lock(&t->lock);
        __atomic_store_n(&t->exclusive, false, __ATOMIC_RELEASE);
        g_cond_broadcast(&t->changed);
        g_mutex_unlock(&t->lock);
        return;
    }
    begun = x86_io_begin(cpu); /* those waited for may themselves wait for RCU readers */
    g_mutex_lock(&t->lock);
    t->running--;
    g_cond_broadcast(&t->changed);
    wait_for_exclusive_locked(t);
    __atomic_store_n(&t->exclusive, true, __ATOMIC_RELEASE);
    g_mutex_unlock(&t->lock);
    attention_all(t, tcg_of(cpu));
    g_mutex_lock(&t->lock);
    while (t->running) {
        g_cond_wait(&t->changed, &t->lock);
    }
    t->running++;
    g_mutex_unlock(&t->lock);
    x86_io_end(cpu, begun);
}
