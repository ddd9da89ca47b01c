/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPU threads: starting, stopping, waking, and work that others ask of them.
 *
 * A vCPU thread is in one of three places: running guest code (no lock held), waiting on
 * vcpu->wake (stopped, or halted without work), or between the two with vcpu->lock held.
 *
 * I1  Whoever gives the thread a reason to move sets exit_request after the reason and signals
 *     wake under vcpu->lock. The thread clears exit_request before it looks at the reasons, so
 *     none is lost.
 * I2  `stopped` is true only while the thread waits with `stop` set; guest code does not run then.
 */
#include "accel/accel.h"

#include "hw/core/machine.h"
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

LINKER_SET_DECLARE(accels, struct accel_type);

struct work {
    void (*fn)(struct vcpu *v, void *data);
    void *data;
    bool *done; /* NULL: nobody waits */
};

static __thread struct vcpu *self;

const struct accel_type *accel_type_find(const char *name)
{
    LINKER_SET_FOREACH(accels, struct accel_type, t)
    {
        if (strcmp((*t)->name, name) == 0) {
            return *t;
        }
    }
    return NULL;
}

const char **accel_type_names(void)
{
    GPtrArray *names = g_ptr_array_new();

    LINKER_SET_FOREACH(accels, struct accel_type, t)
    {
        g_ptr_array_add(names, (gpointer)(*t)->name);
    }
    g_ptr_array_add(names, NULL);
    return (const char **)g_ptr_array_free(names, FALSE);
}

void accel_free(struct accel *a)
{
    if (a->begun && a->type->fini) {
        a->type->fini(a);
    }
    a->machine->accel = NULL;
    object_free(&a->obj);
    g_free(a);
}

struct vcpu *vcpu_current(void)
{
    return self;
}

static void run_work_locked(struct vcpu *v)
{
    struct work *w;

    while ((w = g_queue_pop_head(&v->work))) {
        g_mutex_unlock(&v->lock);
        w->fn(v, w->data);
        g_mutex_lock(&v->lock);
        if (w->done) {
            *w->done = true;
        }
        g_free(w);
        g_cond_broadcast(&v->changed);
    }
}

static bool must_wait_locked(struct vcpu *v)
{
    if (v->leaving || !g_queue_is_empty(&v->work)) {
        return false;
    }
    if (v->stop || v->accel->type->no_vcpus) {
        return true;
    }
    return __atomic_load_n(&v->halted, __ATOMIC_RELAXED) && !v->accel->type->halts_in_engine &&
           !v->target->has_work(v);
}

/* Serves requests until guest code may run. Returns false when the thread is to end. */
static bool prepare_to_run(struct vcpu *v)
{
    bool go_on;

    g_mutex_lock(&v->lock);
    for (;;) {
        __atomic_store_n(&v->exit_request, 0, __ATOMIC_SEQ_CST); /* I1 */
        run_work_locked(v);
        if (!must_wait_locked(v)) {
            break;
        }
        if (v->stop != v->stopped) {
            v->stopped = v->stop;
            g_cond_broadcast(&v->changed);
        }
        g_cond_wait(&v->wake, &v->lock);
    }
    if (v->stopped && !v->stop) {
        v->stopped = false;
    }
    go_on = !v->leaving;
    g_mutex_unlock(&v->lock);
    return go_on;
}

/* Asks this vCPU to wait; the machine-wide reason is told to the life cycle. */
static void stop_self(struct vcpu *v, enum run_state state)
{
    g_mutex_lock(&v->lock);
    v->stop = true;
    g_mutex_unlock(&v->lock);
    machine_request_stop(v->machine, state);
}

static void name_thread(struct vcpu *v)
{
    g_autofree char *engine = g_ascii_strup(v->accel->type->name, -1);
    g_autofree char *name = g_strdup_printf("CPU %d/%s", v->index, engine);

    if (v->machine->debug_thread_names) {
        prctl(PR_SET_NAME, name, 0, 0, 0);
    }
}

static void *vcpu_thread(void *arg)
{
    struct vcpu *v = arg;
    const struct accel_type *engine = v->accel->type;
    GError *init_error = NULL;
    bool ok;

    self = v;
    name_thread(v);
    ok = !engine->vcpu_init || engine->vcpu_init(v, &init_error);
    g_mutex_lock(&v->lock);
    v->tid = gettid();
    v->init_error = init_error;
    v->created = true;
    v->stopped = v->stop;
    g_cond_broadcast(&v->changed);
    g_mutex_unlock(&v->lock);
    if (!ok) {
        return NULL;
    }
    while (prepare_to_run(v)) {
        switch (engine->run(v)) {
        case VCPU_EXIT_DEBUG:
            stop_self(v, RUN_DEBUG);
            break;
        case VCPU_EXIT_INTERNAL_ERROR:
            stop_self(v, RUN_INTERNAL_ERROR);
            break;
        case VCPU_EXIT_REQUEST:
        case VCPU_EXIT_HALTED:
            break;
        }
    }
    if (engine->vcpu_fini) {
        engine->vcpu_fini(v);
    }
    return NULL;
}

bool vcpu_start_thread(struct vcpu *v, GError **error)
{
    GThread *thread;

    g_mutex_init(&v->lock);
    g_cond_init(&v->wake);
    g_cond_init(&v->changed);
    g_queue_init(&v->work);
    v->stop = true;
    thread = g_thread_try_new("vcpu", vcpu_thread, v, error);
    if (!thread) {
        return false;
    }
    __atomic_store_n(&v->thread, thread, __ATOMIC_RELEASE);
    g_mutex_lock(&v->lock);
    while (!v->created) {
        g_cond_wait(&v->changed, &v->lock);
    }
    g_mutex_unlock(&v->lock);
    if (v->init_error) {
        g_propagate_prefixed_error(error, g_steal_pointer(&v->init_error), "CPU %d: ", v->index);
        vcpu_join(v);
        return false;
    }
    return true;
}

void vcpu_join(struct vcpu *v)
{
    if (!v->thread) {
        return;
    }
    g_mutex_lock(&v->lock);
    v->leaving = true;
    g_mutex_unlock(&v->lock);
    vcpu_kick(v);
    g_thread_join(v->thread);
    __atomic_store_n(&v->thread, NULL, __ATOMIC_RELEASE);
}

void vcpu_fini(struct vcpu *v)
{
    vcpu_join(v);
    while (!g_queue_is_empty(&v->work)) {
        g_free(g_queue_pop_head(&v->work));
    }
    g_mutex_clear(&v->lock);
    g_cond_clear(&v->wake);
    g_cond_clear(&v->changed);
}

bool vcpu_has_thread(const struct vcpu *v)
{
    return __atomic_load_n(&v->thread, __ATOMIC_ACQUIRE);
}

void vcpu_kick(struct vcpu *v)
{
    __atomic_store_n(&v->exit_request, 1, __ATOMIC_SEQ_CST);
    if (v == self ||
        !vcpu_has_thread(v)) { /* a CPU that has no thread yet finds the request later */
        return;
    }
    g_mutex_lock(&v->lock);
    g_cond_signal(&v->wake);
    g_mutex_unlock(&v->lock);
    if (v->accel->type->kick) {
        v->accel->type->kick(v);
    }
}

static void queue_work(struct vcpu *v, void (*fn)(struct vcpu *v, void *data), void *data,
                       bool *done)
{
    struct work *w = g_new(struct work, 1);

    *w = (struct work){fn, data, done};
    g_mutex_lock(&v->lock);
    g_queue_push_tail(&v->work, w);
    g_mutex_unlock(&v->lock);
    vcpu_kick(v);
}

void vcpu_run_async(struct vcpu *v, void (*fn)(struct vcpu *v, void *data), void *data)
{
    queue_work(v, fn, data, NULL);
}

void vcpu_run_on(struct vcpu *v, void (*fn)(struct vcpu *v, void *data), void *data)
{
    bool done = false, had_lock = lock_held(&v->machine->lock);

    if (v == self) {
        fn(v, data);
        return;
    }
    queue_work(v, fn, data, &done);
    if (had_lock) {
        lock_release(&v->machine->lock); /* the vCPU may be on its way into a device */
    }
    g_mutex_lock(&v->lock);
    while (!done) {
        g_cond_wait(&v->changed, &v->lock);
    }
    g_mutex_unlock(&v->lock);
    if (had_lock) {
        lock_acquire(&v->machine->lock);
    }
}

static void set_stop(struct vcpu *v, bool stop)
{
    g_mutex_lock(&v->lock);
    v->stop = stop;
    g_mutex_unlock(&v->lock);
    vcpu_kick(v);
}

void vcpus_pause(struct machine *m)
{
    for (guint i = 0; i < m->vcpus->len; i++) {
        set_stop(g_ptr_array_index(m->vcpus, i), true);
    }
    if (self) {
        return; /* this thread stops when it is back in its loop */
    }
    lock_release(&m->lock); /* vCPUs may be waiting for it */
    for (guint i = 0; i < m->vcpus->len; i++) {
        struct vcpu *v = g_ptr_array_index(m->vcpus, i);

        g_mutex_lock(&v->lock);
        while (!v->stopped) {
            g_cond_wait(&v->changed, &v->lock);
        }
        g_mutex_unlock(&v->lock);
    }
    lock_acquire(&m->lock);
}

void vcpus_resume(struct machine *m)
{
    for (guint i = 0; i < m->vcpus->len; i++) {
        set_stop(g_ptr_array_index(m->vcpus, i), false);
    }
}
