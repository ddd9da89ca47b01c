/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read-copy-update with grace periods by membarrier(2).
 *
 * The reader list and the queue are process-wide: readers are threads, and threads are too.
 *
 * I1  A reader's phase is 0 exactly when it is outside every section.
 * I2  A grace period ends when each reader was seen outside a section, or in one that began after
 *     the writer had advanced rcu_phase.
 */
#include "util/rcu.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

struct garbage {
    void *data;
    void (*destroy)(void *data);
};

__thread struct rcu_reader rcu_self;
unsigned long rcu_phase = 1;
bool rcu_needs_fence = true;

static GMutex readers_lock;
static struct rcu_reader *readers;
static GMutex grace_lock;
static GAsyncQueue *garbage_queue;

static void rcu_forget(void *arg)
{
    struct rcu_reader *gone = arg;

    g_mutex_lock(&readers_lock);
    for (struct rcu_reader **p = &readers; *p; p = &(*p)->next) {
        if (*p == gone) {
            *p = gone->next;
            break;
        }
    }
    g_mutex_unlock(&readers_lock);
}

static pthread_key_t exit_key; /* its destructor takes a finished thread off the list */

static int membarrier(int cmd)
{
    return (int)syscall(SYS_membarrier, cmd, 0, 0);
}

static void *rcu_worker(void *arg)
{
    GAsyncQueue *queue = arg;

    for (;;) {
        struct garbage *g = g_async_queue_pop(queue);

        rcu_synchronize();
        g->destroy(g->data);
        g_free(g);
    }
    return NULL;
}

static void rcu_start(void)
{
    pthread_key_create(&exit_key, rcu_forget);
    rcu_needs_fence = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0;
    garbage_queue = g_async_queue_new();
    g_thread_unref(g_thread_new("rcu", rcu_worker, garbage_queue));
}

static void rcu_start_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, rcu_start);
}

void rcu_register_self(void)
{
    rcu_start_once();
    g_mutex_lock(&readers_lock);
    rcu_self.next = readers;
    rcu_self.registered = true;
    readers = &rcu_self;
    g_mutex_unlock(&readers_lock);
    pthread_setspecific(exit_key, &rcu_self);
}

void rcu_set_nudge(void (*nudge)(void *opaque), void *opaque)
{
    if (!rcu_self.registered) {
        rcu_register_self();
    }
    g_mutex_lock(&readers_lock);
    rcu_self.nudge = nudge;
    rcu_self.nudge_opaque = opaque;
    g_mutex_unlock(&readers_lock);
}

void rcu_synchronize(void)
{
    unsigned long target;

    g_assert(rcu_self.depth == 0);
    rcu_start_once();
    g_mutex_lock(&grace_lock);
    target = __atomic_add_fetch(&rcu_phase, 1, __ATOMIC_SEQ_CST);
    if (rcu_needs_fence) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    } else {
        membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    }
    g_mutex_lock(&readers_lock);
    for (struct rcu_reader *r = readers; r;) {
        unsigned long phase = __atomic_load_n(&r->phase, __ATOMIC_ACQUIRE);

        if (phase == 0 || phase >= target) {
            r = r->next;
            continue;
        }
        if (r->nudge) {
            r->nudge(r->nudge_opaque);
        }
        g_mutex_unlock(&readers_lock); /* let threads come and go while this one reads */
        g_usleep(200);
        g_mutex_lock(&readers_lock);
        r = readers;
    }
    g_mutex_unlock(&readers_lock);
    g_mutex_unlock(&grace_lock);
}

void rcu_free_later(void *data, void (*destroy)(void *data))
{
    struct garbage *g = g_new(struct garbage, 1);

    rcu_start_once();
    g->data = data;
    g->destroy = destroy;
    g_async_queue_push(garbage_queue, g);
}

struct drain {
    GMutex lock;
    GCond cond;
    bool done;
};

static void drain_reached(void *data)
{
    struct drain *d = data;

    g_mutex_lock(&d->lock);
    d->done = true;
    g_cond_signal(&d->cond);
    g_mutex_unlock(&d->lock);
}

void rcu_drain(void)
{
    struct drain d = {0};

    g_mutex_init(&d.lock);
    g_cond_init(&d.cond);
    rcu_free_later(&d, drain_reached);
    g_mutex_lock(&d.lock);
    while (!d.done) {
        g_cond_wait(&d.cond, &d.lock);
    }
    g_mutex_unlock(&d.lock);
    g_cond_clear(&d.cond);
    g_mutex_clear(&d.lock);
}
