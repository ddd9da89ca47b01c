/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Non-blocking file descriptors as the two directions of a character device.
 *
 * I1: in_source exists while the input side is open; `paused` says that it waits for a hang-up
 *     only, because the front-end had no room.
 * I2: out_source exists while the queue is not empty, or someone waits for room, and output works.
 */
#include "chardev/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_MAX (256 * KiB)

static void watch_input(struct chardev_fd *f, bool paused);

bool chardev_set_nonblocking(int fd, GError **error)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return fail_errno(error, "cannot make file descriptor %d non-blocking", fd);
    }
    return true;
}

GSource *chardev_fd_source(GMainContext *context, int fd, GIOCondition condition,
                           gboolean (*fn)(int fd, GIOCondition condition, void *opaque),
                           void *opaque)
{
    GSource *source = g_unix_fd_source_new(fd, condition);

    g_source_set_callback(source, (GSourceFunc)(void (*)(void))fn, opaque, NULL);
    g_source_attach(source, context);
    return source;
}

void chardev_source_drop(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_source_unref(*source);
        *source = NULL;
    }
}

/* ---- input ---- */

static void deliver(struct chardev_fd *f, uint8_t *buf, size_t len)
{
    if (f->filter) {
        len = f->filter(f->chr, buf, len);
    }
    chardev_input(f->chr, buf, len);
}

/* The peer has hung up while the front-end had no room: keeps what it sent before. */
static void keep_rest(struct chardev_fd *f)
{
    uint8_t buf[4096];

    for (unsigned i = 0; i < 16; i++) {
        ssize_t n = read(f->in, buf, sizeof(buf));

        if (n <= 0) {
            return;
        }
        chardev_hold_input(f->chr, buf, f->filter ? f->filter(f->chr, buf, n) : (size_t)n);
    }
}

static gboolean input_ready(int fd, GIOCondition condition, void *opaque)
{
    struct chardev_fd *f = opaque;
    uint8_t buf[4096];
    size_t room;
    ssize_t n;

    if (f->paused) {
        if (condition & ~G_IO_IN) {
            keep_rest(f);
            f->gone(f->chr);
        }
        return G_SOURCE_CONTINUE;
    }
    room = chardev_input_room(f->chr);
    if (!room) {
        watch_input(f, /* paused= */ true);
        return G_SOURCE_CONTINUE;
    }
    do {
        n = read(fd, buf, MIN(room, sizeof(buf)));
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        deliver(f, buf, n);
    } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
        f->gone(f->chr);
    }
    return G_SOURCE_CONTINUE;
}

static void watch_input(struct chardev_fd *f, bool paused)
{
    /* A TCP peer's end of output shows as RDHUP; GLib hands the bit to poll(2) unchanged. */
    GIOCondition hangup = G_IO_HUP | G_IO_ERR | (GIOCondition)POLLRDHUP;

    chardev_source_drop(&f->in_source);
    f->paused = paused;
    if (f->in >= 0) {
        f->in_source =
            chardev_fd_source(f->chr->context, f->in,
                              paused ? hangup : G_IO_IN | G_IO_HUP | G_IO_ERR, input_ready, f);
    }
}

void fd_chardev_accept_input(struct chardev *chr)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;

    if (f->chr && f->in >= 0 && f->paused && chardev_input_room(f->chr)) {
        watch_input(f, /* paused= */ false);
    }
}

/* ---- output ---- */

/* Writes what the descriptor takes; marks the output broken on errors. */
static size_t write_some(struct chardev_fd *f, const uint8_t *buf, size_t len)
{
    size_t done = 0;

    while (done < len && !f->broken) {
        ssize_t n = write(f->out, buf + done, len - done);

        if (n >= 0) {
            done += n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            /* The owner hears of it from the input side, not in the middle of a write. */
            f->broken = true;
            shutdown(f->out, SHUT_RDWR);
        }
    }
    return done;
}

static void flush_queue(struct chardev_fd *f)
{
    size_t n = write_some(f, f->queue->data, f->queue->len);

    if (f->broken) {
        n = f->queue->len;
    }
    if (n) {
        g_byte_array_remove_range(f->queue, 0, n);
    }
}

static gboolean output_ready(int fd, GIOCondition condition, void *opaque)
{
    struct chardev_fd *f = opaque;

    (void)fd, (void)condition;
    flush_queue(f);
    if (!f->queue->len) {
        chardev_source_drop(&f->out_source);
    }
    if (f->queue->len < QUEUE_MAX / 2) {
        chardev_writable(f->chr);
    }
    return G_SOURCE_CONTINUE;
}

static void watch_output(struct chardev_fd *f)
{
    if (f->chr && !f->out_source && f->out >= 0) {
        f->out_source = chardev_fd_source(f->chr->context, f->out, G_IO_OUT | G_IO_HUP | G_IO_ERR,
                                          output_ready, f);
    }
}

void fd_chardev_want_writable(struct chardev *chr)
{
    watch_output(&fd_chardev_of(chr)->fd);
}

size_t fd_chardev_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;
    size_t done = 0, room;

    if (!f->chr || f->out < 0 || f->broken) {
        return len;
    }
    if (!f->queue->len) {
        done = write_some(f, buf, len);
    }
    if (f->broken) {
        return len;
    }
    room = QUEUE_MAX - MIN(f->queue->len, QUEUE_MAX);
    room = MIN(room, len - done);
    if (room) {
        g_byte_array_append(f->queue, buf + done, room);
        watch_output(f);
    }
    return done + room;
}

bool fd_chardev_wait_writable(struct chardev *chr, int timeout_ms)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;
    struct pollfd p = {.fd = f->out, .events = POLLOUT};

    if (!f->chr || f->out < 0 || f->broken) {
        return true; /* it takes everything, to drop it */
    }
    if (poll(&p, 1, timeout_ms) <= 0) {
        return false;
    }
    flush_queue(f);
    return f->broken || f->queue->len < QUEUE_MAX;
}

/* ---- both ---- */

struct fd_chardev *fd_chardev_of(struct chardev *chr)
{
    return container_of(chr, struct fd_chardev, chr);
}

void fd_chardev_close(struct chardev *chr)
{
    chardev_fd_close(&fd_chardev_of(chr)->fd);
}

void fd_chardev_end_input(struct chardev *chr)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;

    chardev_source_drop(&f->in_source);
    if (f->in != f->out) {
        close(f->in);
    }
    f->in = -1;
}

void chardev_fd_open(struct chardev_fd *f, struct chardev *chr, int in, int out)
{
    f->chr = chr;
    f->in = in;
    f->out = out;
    f->broken = false;
    if (!f->queue) {
        f->queue = g_byte_array_new();
    }
    watch_input(f, /* paused= */ false);
}

bool chardev_fd_is_open(const struct chardev_fd *f)
{
    return f->chr && (f->in >= 0 || f->out >= 0);
}

void chardev_fd_close(struct chardev_fd *f)
{
    if (!f->chr) {
        return;
    }
    if (f->out >= 0 && f->queue->len) {
        flush_queue(f);
    }
    chardev_source_drop(&f->in_source);
    chardev_source_drop(&f->out_source);
    if (f->in >= 0) {
        close(f->in);
    }
    if (f->out >= 0 && f->out != f->in) {
        close(f->out);
    }
    f->in = f->out = -1;
    g_clear_pointer(&f->queue, g_byte_array_unref);
    f->chr = NULL;
}
