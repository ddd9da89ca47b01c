/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the thread sanitizer only: what GLib's locks and queues order.
 *
 * GLib is not instrumented and its locks are futexes of its own, so that the sanitizer would take
 * all data behind them for unprotected. These functions stand in front of GLib's and tell it:
 * unlocking, signalling and pushing release, locking, waiting and popping acquire.
 *
 * The variables are addresses in GLib, looked up once each.
 */
#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)

#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/tsan_interface.h>

/* GLib's own function of that name. */
static void *real(void **cache, const char *name)
{
    void *fn = __atomic_load_n(cache, __ATOMIC_RELAXED);

    if (!fn) {
        fn = dlsym(RTLD_NEXT, name);
        __atomic_store_n(cache, fn, __ATOMIC_RELAXED);
    }
    return fn;
}

#define ENTER(type, name, with)                                                                    \
    void name(type *with)                                                                          \
    {                                                                                              \
        static void *cache;                                                                        \
                                                                                                   \
        ((void (*)(type *))real(&cache, #name))(with);                                             \
        __tsan_acquire(with);                                                                      \
    }

#define LEAVE(type, name, with)                                                                    \
    void name(type *with)                                                                          \
    {                                                                                              \
        static void *cache;                                                                        \
                                                                                                   \
        __tsan_release(with);                                                                      \
        ((void (*)(type *))real(&cache, #name))(with);                                             \
    }

ENTER(GMutex, g_mutex_lock, mutex)
LEAVE(GMutex, g_mutex_unlock, mutex)
ENTER(GRWLock, g_rw_lock_writer_lock, lock)
LEAVE(GRWLock, g_rw_lock_writer_unlock, lock)
ENTER(GRWLock, g_rw_lock_reader_lock, lock)
LEAVE(GRWLock, g_rw_lock_reader_unlock, lock)

gboolean g_mutex_trylock(GMutex *mutex)
{
    static void *cache;
    gboolean taken = ((gboolean(*)(GMutex *))real(&cache, "g_mutex_trylock"))(mutex);

    if (taken) {
        __tsan_acquire(mutex);
    }
    return taken;
}

/* A condition orders nothing by itself: its mutex does. */
void g_cond_wait(GCond *cond, GMutex *mutex)
{
    static void *cache;

    __tsan_release(mutex);
    ((void (*)(GCond *, GMutex *))real(&cache, "g_cond_wait"))(cond, mutex);
    __tsan_acquire(mutex);
}

gboolean g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    static void *cache;
    gboolean in_time;

    __tsan_release(mutex);
    in_time = ((gboolean(*)(GCond *, GMutex *, gint64))real(&cache, "g_cond_wait_until"))(
        cond, mutex, end_time);
    __tsan_acquire(mutex);
    return in_time;
}

void g_async_queue_push(GAsyncQueue *queue, gpointer data)
{
    static void *cache;

    __tsan_release(queue);
    ((void (*)(GAsyncQueue *, gpointer))real(&cache, "g_async_queue_push"))(queue, data);
}

gpointer g_async_queue_pop(GAsyncQueue *queue)
{
    static void *cache;
    gpointer data = ((gpointer(*)(GAsyncQueue *))real(&cache, "g_async_queue_pop"))(queue);

    __tsan_acquire(queue);
    return data;
}

#endif
