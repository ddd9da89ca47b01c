/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accel/tcg as an executor, by what accel/accel.h offers and nothing else: a machine without
 * devices, one vCPU, whose run() is called on this thread.
 *
 * Guest code that does not come to its end is ended by a second thread's kick after some seconds.
 */
#include "tests/insn_blocks/engine.h"

#include "hw/core/machine.h"
#include "target/i386/vcpu.h"
#include "util/options.h"

enum { PATIENCE_S = 5, PHYS_BELL = 0x400000 };

struct tcg_engine {
    struct engine e;
    struct machine *machine;
    struct region ram_region, bell_region;
    struct x86_vcpu xv;
    bool bell; /* rings */

    /* interrupts after a delay, from a thread */
    GThread *ringer;
    unsigned delay; /* guarded by lock; not 0: wanted */
    bool turning;   /* guarded by lock */
    bool begun;     /* atomic: the run */

    GThread *watchdog;
    GMutex lock;
    GCond changed;
    bool leaving;   /* guarded by lock */
    uint64_t round; /* atomic; grows with each run, odd while one goes on */
    bool gave_up;   /* atomic */
};

/* Kicks the CPU when one run lasts too long. */
static void *watch(void *arg)
{
    struct tcg_engine *t = arg;
    uint64_t seen = 0;

    g_mutex_lock(&t->lock);
    while (!t->leaving) {
        uint64_t round = __atomic_load_n(&t->round, __ATOMIC_SEQ_CST);

        if (round == seen && round % 2) {
            __atomic_store_n(&t->gave_up, true, __ATOMIC_SEQ_CST);
            __atomic_store_n(&t->xv.vcpu.exit_request, 1, __ATOMIC_SEQ_CST);
            x86_cpu_kick(t->e.cpu);
        }
        seen = round;
        g_cond_wait_until(&t->changed, &t->lock,
                          g_get_monotonic_time() + PATIENCE_S * G_TIME_SPAN_SECOND);
    }
    g_mutex_unlock(&t->lock);
    return NULL;
}

/* ---- interrupts -------------------------------------------------------------------------- */

static void bell_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct tcg_engine *t = opaque;

    (void)offset;
    (void)val;
    (void)size;
    if (t->bell) {
        x86_cpu_set_intr(t->e.cpu, /* level= */ true);
    }
}

static uint64_t bell_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque;
    (void)offset;
    (void)size;
    return 0;
}

static const struct region_ops bell_ops = {
    .read = bell_read,
    .write = bell_write,
    .min_size = 1,
    .max_size = 8,
    .accepts_unaligned = true,
};

static int acknowledge(void *opaque)
{
    struct tcg_engine *t = opaque;

    x86_cpu_set_intr(t->e.cpu, /* level= */ false);
    return ENGINE_INTERRUPT;
}

static const struct x86_irq_ops irq_ops = {.acknowledge = acknowledge};

/*
 * Raises the line once the run has begun and the delay is over. It is awake and turning before the
 * run begins: to be woken takes longer than most programs do.
 */
static void *ring(void *arg)
{
    struct tcg_engine *t = arg;

    g_mutex_lock(&t->lock);
    while (!t->leaving) {
        unsigned delay = t->delay;

        if (!delay) {
            g_cond_wait(&t->changed, &t->lock);
            continue;
        }
        t->turning = true;
        g_cond_broadcast(&t->changed);
        g_mutex_unlock(&t->lock);
        while (!__atomic_load_n(&t->begun, __ATOMIC_ACQUIRE)) {
        }
        for (volatile unsigned n = 0; n < delay; n++) {
        }
        x86_cpu_set_intr(t->e.cpu, /* level= */ true);
        g_mutex_lock(&t->lock);
        t->turning = false;
        t->delay = 0;
        g_cond_broadcast(&t->changed);
    }
    g_mutex_unlock(&t->lock);
    return NULL;
}

static void tcg_expect_interrupts(struct engine *e, bool bell, unsigned delay)
{
    struct tcg_engine *t = container_of(e, struct tcg_engine, e);

    __atomic_store_n(&t->begun, true, __ATOMIC_RELEASE); /* an earlier one that was never run */
    g_mutex_lock(&t->lock);
    while (t->delay) {
        g_cond_wait(&t->changed, &t->lock);
    }
    x86_cpu_set_intr(e->cpu, /* level= */ false);
    __atomic_store_n(&t->begun, false, __ATOMIC_RELEASE);
    t->bell = bell;
    t->delay = delay;
    g_cond_broadcast(&t->changed);
    while (delay && !t->turning) {
        g_cond_wait(&t->changed, &t->lock);
    }
    g_mutex_unlock(&t->lock);
}

/* ---- the machine ------------------------------------------------------------------------- */

static bool make_accel(struct machine *m, const char *text, GError **error)
{
    const struct accel_type *type = accel_type_find("tcg");
    struct options *o = NULL;
    bool ok = true;

    if (text && !(o = options_parse("--engine", text, "jit", error))) {
        return false;
    }
    m->accel = g_malloc0(MAX(type->size, sizeof(struct accel)));
    m->accel->type = type;
    m->accel->machine = m;
    object_init(&m->accel->obj, type->name, m);
    object_add_props(&m->accel->obj, type->props);
    object_add_child(&m->obj, "accel", &m->accel->obj, NULL);
    for (guint i = 0; ok && o && i < o->items->len; i++) {
        const struct option *item = g_ptr_array_index(o->items, i);

        ok = object_set(&m->accel->obj, item->key, item->value, error);
    }
    options_free(o);
    m->accel->begun = ok;
    return ok && (!type->init || type->init(m->accel, m, error));
}

static void tcg_fini(struct engine *e)
{
    struct tcg_engine *t = container_of(e, struct tcg_engine, e);

    if (t->watchdog) {
        g_mutex_lock(&t->lock);
        t->leaving = true;
        g_cond_broadcast(&t->changed);
        g_mutex_unlock(&t->lock);
        g_thread_join(t->watchdog);
        g_thread_join(t->ringer);
        t->machine->accel->type->vcpu_fini(&t->xv.vcpu);
    }
    lock_acquire(&t->machine->lock);
    if (t->xv.cpu) {
        x86_vcpu_fini(&t->xv);
    }
    if (t->machine->accel) {
        accel_free(t->machine->accel);
    }
    region_fini(&t->ram_region);
    region_fini(&t->bell_region);
    lock_release(&t->machine->lock);
    machine_free(t->machine);
    g_mutex_clear(&t->lock);
    g_cond_clear(&t->changed);
}

static bool tcg_init(struct engine *e, const char *options, GError **error)
{
    static const struct machine_type type = {.name = "bare", .size = sizeof(struct machine)};
    struct tcg_engine *t = container_of(e, struct tcg_engine, e);
    bool ok;

    g_mutex_init(&t->lock);
    g_cond_init(&t->changed);
    t->machine = machine_new(&type);
    lock_acquire(&t->machine->lock);
    region_init_ram(&t->ram_region, e->ram, "ram");
    region_add(&t->machine->memory_root, 0, &t->ram_region, 0);
    region_init_io(&t->bell_region, &bell_ops, t, "bell", 0x1000);
    region_add(&t->machine->memory_root, PHYS_BELL, &t->bell_region, 0);
    engine_map_bell(e, PHYS_BELL);
    ok = make_accel(t->machine, options, error);
    if (ok) {
        x86_vcpu_init(&t->xv, t->machine, 0, 0);
        e->cpu = t->xv.cpu;
        e->cpu->irq_ops = &irq_ops;
        e->cpu->irq_opaque = t;
    }
    lock_release(&t->machine->lock);
    if (!ok || !t->machine->accel->type->vcpu_init(&t->xv.vcpu, error)) {
        tcg_fini(e);
        return false;
    }
    t->watchdog = g_thread_new("watchdog", watch, t);
    t->ringer = g_thread_new("ringer", ring, t);
    return true;
}

static bool tcg_run(struct engine *e)
{
    struct tcg_engine *t = container_of(e, struct tcg_engine, e);
    const struct accel_type *type = t->machine->accel->type;
    enum vcpu_exit why;

    __atomic_store_n(&t->gave_up, false, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&t->round, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&t->begun, true, __ATOMIC_RELEASE);
    do {
        __atomic_store_n(&t->xv.vcpu.exit_request, 0, __ATOMIC_SEQ_CST);
        why = type->run(&t->xv.vcpu);
    } while (why == VCPU_EXIT_REQUEST && !__atomic_load_n(&t->gave_up, __ATOMIC_SEQ_CST));
    __atomic_fetch_add(&t->round, 1, __ATOMIC_SEQ_CST);
    return why == VCPU_EXIT_HALTED;
}

static bool tcg_resume(struct engine *e)
{
    e->cpu->run_state = X86_RUNNING;
    return tcg_run(e);
}

const struct engine_ops engine_tcg = {
    .name = "tcg",
    .size = sizeof(struct tcg_engine),
    .init = tcg_init,
    .run = tcg_run,
    .resume = tcg_resume,
    .expect_interrupts = tcg_expect_interrupts,
    .fini = tcg_fini,
};
