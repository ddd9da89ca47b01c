/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Non-blocking file descriptors as the two directions of a character device.
 *
 * Input is read only when the front-end has room. Output that the descriptor does not take at once
 * waits in a bounded queue; when that is full, write takes less. Private to chardev/.
 */
#ifndef VITRO_CHARDEV_FD_H
#define VITRO_CHARDEV_FD_H

#include "chardev/driver.h"

struct chardev_fd {
    struct chardev *chr;
    int in, out; /* -1: no such direction; may be the same */
    GSource *in_source, *out_source;
    bool paused; /* in_source only waits for the peer to hang up */
    bool broken; /* output failed; the input side will find out why */
    GByteArray *queue;
    /* Turns what was read into input, in place; returns its new length. May be NULL. */
    size_t (*filter)(struct chardev *chr, uint8_t *buf, size_t len);
    /* The peer has gone (end of file or an error). The owner usually calls chardev_fd_close(). */
    void (*gone)(struct chardev *chr);
};

/* Both descriptors are non-blocking (or never block) and are owned from here on. */
void chardev_fd_open(struct chardev_fd *f, struct chardev *chr, int in, int out);
/* Tries to write what is queued, then closes. Fine on a zeroed or closed one. */
void chardev_fd_close(struct chardev_fd *f);
bool chardev_fd_is_open(const struct chardev_fd *f);

/* What the driver tables of descriptor based back-ends point to: their structs begin with this
 * one. All are fine before the descriptors are open and after they have been closed: output
 * vanishes then. */
struct fd_chardev {
    struct chardev chr;
    struct chardev_fd fd;
};

struct fd_chardev *fd_chardev_of(struct chardev *chr);
void fd_chardev_close(struct chardev *chr);
size_t fd_chardev_write(struct chardev *chr, const uint8_t *buf, size_t len);
void fd_chardev_want_writable(struct chardev *chr);
bool fd_chardev_wait_writable(struct chardev *chr, int timeout_ms);
void fd_chardev_accept_input(struct chardev *chr);
/* A `gone` function: input is over, output goes on. */
void fd_chardev_end_input(struct chardev *chr);

#define FD_CHARDEV_OPS                                                                             \
    .write = fd_chardev_write, .want_writable = fd_chardev_want_writable,                          \
    .wait_writable = fd_chardev_wait_writable, .accept_input = fd_chardev_accept_input

/* Attaches to @context a source that calls @fn(fd, condition, opaque). */
GSource *chardev_fd_source(GMainContext *context, int fd, GIOCondition condition,
                           gboolean (*fn)(int fd, GIOCondition condition, void *opaque),
                           void *opaque);
/* Destroys *@source and forgets it; NULL is fine. */
void chardev_source_drop(GSource **source);

bool chardev_set_nonblocking(int fd, GError **error);

#endif
