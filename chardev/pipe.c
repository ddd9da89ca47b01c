/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named pipes as a character device: PATH.in gives input and PATH.out gets output, or one special
 * file PATH does both.
 */
#include "chardev/fd.h"

#include <fcntl.h>
#include <unistd.h>

/* Both ends of a FIFO at once: neither side has to come first, and input never ends. */
static int open_part(const char *path, const char *suffix)
{
    g_autofree char *name = g_strconcat(path, suffix, NULL);

    return open(name, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static bool open_pair(const char *path, int *ret_in, int *ret_out)
{
    int in = open_part(path, ".in"), out;

    if (in < 0) {
        return false;
    }
    out = open_part(path, ".out");
    if (out < 0) {
        close(in);
        return false;
    }
    *ret_in = in;
    *ret_out = out;
    return true;
}

/* Only a special file that both sides share can end. */
static void pipe_gone(struct chardev *chr)
{
    fd_chardev_close(chr);
    chardev_set_open(chr, false);
}

static bool pipe_open(struct chardev *chr, struct options *o, GError **error)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;
    const char *path = options_require(o, "path", error);
    int in, out;

    if (!path) {
        return false;
    }
    if (!open_pair(path, &in, &out)) {
        in = out = open_part(path, "");
        if (in < 0) {
            return fail_errno(error,
                              "character device '%s': neither '%s.in' and '%s.out' (mkfifo makes "
                              "them) nor '%s' can be opened",
                              chr->id, path, path, path);
        }
    }
    f->gone = pipe_gone;
    chardev_fd_open(f, chr, in, out);
    chardev_set_open(chr, true);
    return true;
}

static const struct chardev_option pipe_options[] = {
    {"path", "the pipes' path without .in and .out"},
    {NULL, NULL},
};

static const struct chardev_driver pipe_driver = {
    .name = "pipe",
    .description = "a pair of named pipes",
    .options = pipe_options,
    .size = sizeof(struct fd_chardev),
    .open = pipe_open,
    .close = fd_chardev_close,
    FD_CHARDEV_OPS,
};
CHARDEV_DRIVER(pipe_driver);
