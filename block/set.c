/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's set of blocks, and how completions reach the main loop.
 */
#include "block/private.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void clear_event(struct blocks *set)
{
    eventfd_t count;

    while (eventfd_read(set->event_fd, &count) < 0 && errno == EINTR) {
    }
}

void block_io_complete(struct block_io *io, int ret)
{
    struct blocks *set = io->node->set;
    struct block_io *newest = __atomic_load_n(&set->completed, __ATOMIC_RELAXED);

    io->ret = ret;
    do {
        io->next = newest;
    } while (!__atomic_compare_exchange_n(&set->completed, &newest, io, /* weak= */ true,
                                          __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    if (!newest) { /* else whoever found it empty has told the main loop, which takes all */
        while (eventfd_write(set->event_fd, 1) < 0 && errno == EINTR) {
        }
    }
}

void block_io_finish(struct block_io *io, int ret)
{
    io->done(io, ret);
}

/* Moves the stack to the end of the ready list, oldest first. */
static void take_completed(struct blocks *set)
{
    struct block_io *io = __atomic_exchange_n(&set->completed, NULL, __ATOMIC_ACQUIRE);
    struct block_io *list = NULL, **tail;

    if (!io) {
        return;
    }
    tail = &io->next; /* the newest becomes the last */
    while (io) {
        struct block_io *next = io->next;

        io->next = list;
        list = io;
        io = next;
    }
    *set->ready_tail = list;
    set->ready_tail = tail;
}

bool blocks_run_completions(struct blocks *set)
{
    bool any = false;

    clear_event(set);
    take_completed(set);
    while (set->ready) { /* a done function may come here again, by draining */
        struct block_io *io = set->ready;

        set->ready = io->next;
        if (!set->ready) {
            set->ready_tail = &set->ready;
        }
        any = true;
        io->done(io, io->ret);
    }
    return any;
}

void blocks_wait(struct blocks *set)
{
    struct pollfd fd = {.fd = set->event_fd, .events = POLLIN};

    while (!blocks_run_completions(set)) {
        poll(&fd, 1, -1);
    }
}

static gboolean event_ready(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED,
                            gpointer data)
{
    blocks_run_completions(data);
    return G_SOURCE_CONTINUE;
}

struct blocks *blocks_new(GMainContext *context)
{
    struct blocks *set = g_new0(struct blocks, 1);

    set->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (set->event_fd < 0) {
        g_error("eventfd: %s", g_strerror(errno)); /* no file descriptors: nothing can work */
    }
    set->ready_tail = &set->ready;
    set->pool = block_pool_new();
    set->blocks = g_ptr_array_new();
    set->drives = g_ptr_array_new();
    set->source = g_unix_fd_source_new(set->event_fd, G_IO_IN);
    g_source_set_callback(set->source, G_SOURCE_FUNC(event_ready), set, NULL);
    g_source_attach(set->source, context);
    return set;
}

static bool any_in_flight(const struct blocks *set)
{
    for (guint i = 0; i < set->blocks->len; i++) {
        const struct block *b = set->blocks->pdata[i];

        if (b->in_flight) {
            return true;
        }
    }
    return false;
}

void blocks_settle(struct blocks *set)
{
    while (any_in_flight(set)) {
        blocks_wait(set);
    }
}

struct flush_all {
    unsigned pending;
};

static void flushed(void *opaque, int ret G_GNUC_UNUSED)
{
    struct flush_all *all = opaque;

    all->pending--;
}

void blocks_drain(struct blocks *set)
{
    struct flush_all all = {0};

    for (guint i = 0; i < set->blocks->len; i++) {
        block_drain(set->blocks->pdata[i]);
    }
    for (guint i = 0; i < set->blocks->len; i++) {
        struct block *b = set->blocks->pdata[i];

        if (!block_is_read_only(b)) {
            all.pending++;
            block_flush(b, flushed, &all);
        }
    }
    while (all.pending) {
        blocks_wait(set);
    }
}

void blocks_free(struct blocks *set)
{
    if (!set) {
        return;
    }
    blocks_drain(set);
    while (set->drives->len) {
        drive_free(set->drives->pdata[set->drives->len - 1]);
    }
    while (set->blocks->len) {
        block_close(set->blocks->pdata[set->blocks->len - 1]);
    }
    block_pool_free(set->pool);
    g_source_destroy(set->source);
    g_source_unref(set->source);
    close(set->event_fd);
    g_ptr_array_unref(set->blocks);
    g_ptr_array_unref(set->drives);
    g_free(set);
}
