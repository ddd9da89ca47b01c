/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker threads for host calls that block.
 */
#include "block/pool.h"

#include <errno.h>
#include <signal.h>

enum {
    POOL_MAX_THREADS = 64,
    POOL_IDLE_SECONDS = 10,
};

struct block_pool {
    GMutex lock; /* guards all below */
    GCond work_waits, thread_left;
    struct block_io *first, **tail;
    unsigned threads, idle;
    bool leaving;
};

struct block_pool *block_pool_new(void)
{
    struct block_pool *p = g_new0(struct block_pool, 1);

    g_mutex_init(&p->lock);
    g_cond_init(&p->work_waits);
    g_cond_init(&p->thread_left);
    p->tail = &p->first;
    return p;
}

void block_pool_free(struct block_pool *p)
{
    if (!p) {
        return;
    }
    g_mutex_lock(&p->lock);
    g_assert(!p->first);
    p->leaving = true;
    g_cond_broadcast(&p->work_waits);
    while (p->threads) {
        g_cond_wait(&p->thread_left, &p->lock);
    }
    g_mutex_unlock(&p->lock);
    g_mutex_clear(&p->lock);
    g_cond_clear(&p->work_waits);
    g_cond_clear(&p->thread_left);
    g_free(p);
}

static struct block_io *pop_locked(struct block_pool *p)
{
    struct block_io *io = p->first;

    if (io) {
        p->first = io->next;
        if (!p->first) {
            p->tail = &p->first;
        }
    }
    return io;
}

static void run(struct block_io *io)
{
    bool cancelled = __atomic_load_n(&io->cancelled, __ATOMIC_RELAXED);

    block_io_complete(io, cancelled ? -ECANCELED : io->work(io));
}

static gpointer worker(gpointer data)
{
    struct block_pool *p = data;

    g_mutex_lock(&p->lock);
    for (;;) {
        struct block_io *io = pop_locked(p);
        int64_t until;
        bool in_time;

        if (io) {
            g_mutex_unlock(&p->lock);
            run(io);
            g_mutex_lock(&p->lock);
            continue;
        }
        if (p->leaving) {
            break;
        }
        until = g_get_monotonic_time() + POOL_IDLE_SECONDS * G_TIME_SPAN_SECOND;
        p->idle++;
        in_time = g_cond_wait_until(&p->work_waits, &p->lock, until);
        p->idle--;
        if (!in_time && !p->first) {
            break;
        }
    }
    p->threads--;
    g_cond_signal(&p->thread_left);
    g_mutex_unlock(&p->lock);
    return NULL;
}

/*
 * Signals are the main thread's. SIGXFSZ blocked also makes a write beyond the file size limit
 * an EFBIG instead of the end of the process.
 */
static bool start_thread_locked(struct block_pool *p)
{
    sigset_t all, old;
    GThread *thread;

    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    thread = g_thread_try_new("block worker", worker, p, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!thread) {
        return false;
    }
    g_thread_unref(thread);
    p->threads++;
    return true;
}

void block_pool_submit(struct block_pool *p, struct block_io *io, int (*work)(struct block_io *io))
{
    bool here = false;

    io->work = work;
    io->next = NULL;
    g_mutex_lock(&p->lock);
    *p->tail = io;
    p->tail = &io->next;
    if (p->idle) {
        g_cond_signal(&p->work_waits);
    }
    /* One idle thread may have been woken for work that came before: start one rather too many. */
    if (p->threads < POOL_MAX_THREADS && (!p->idle || p->first != io)) {
        here = !start_thread_locked(p) && !p->threads;
        if (here) { /* the host gives no thread at all: slow is better than never */
            io = pop_locked(p);
        }
    }
    g_mutex_unlock(&p->lock);
    if (here) {
        run(io);
    }
}

bool block_pool_withdraw(struct block_pool *p, struct block_io *io)
{
    struct block_io **link;
    bool found = false;

    g_mutex_lock(&p->lock);
    for (link = &p->first; *link; link = &(*link)->next) {
        if (*link == io) {
            *link = io->next;
            if (!io->next) {
                p->tail = link;
            }
            found = true;
            break;
        }
    }
    g_mutex_unlock(&p->lock);
    return found;
}
