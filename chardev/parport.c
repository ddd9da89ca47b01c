/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parallel port of the host as a character device: bytes go out in compatibility mode, with the
 * kernel's ppdev driver doing the handshake.
 *
 * Absent: the other IEEE 1284 modes, and input.
 */
#include "chardev/fd.h"

#include <fcntl.h>
#include <linux/parport.h>
#include <linux/ppdev.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool parport_open(struct chardev *chr, struct options *o, GError **error)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;
    const char *path = options_require(o, "path", error);
    int mode = IEEE1284_MODE_COMPAT, fd;

    if (!path) {
        return false;
    }
    fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return fail_errno(error, "character device '%s': cannot open '%s'", chr->id, path);
    }
    if (ioctl(fd, PPCLAIM) < 0 || ioctl(fd, PPNEGOT, &mode) < 0) {
        fail_errno(error, "character device '%s': cannot claim parallel port '%s'", chr->id, path);
        close(fd);
        return false;
    }
    f->gone = fd_chardev_end_input;
    chardev_fd_open(f, chr, -1, fd);
    chardev_set_open(chr, true);
    return true;
}

static void parport_close(struct chardev *chr)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;

    if (chardev_fd_is_open(f)) {
        ioctl(f->out, PPRELEASE);
    }
    fd_chardev_close(chr);
}

static const struct chardev_option parport_options[] = {
    {"path", "the port: /dev/parport0"},
    {NULL, NULL},
};

static const struct chardev_driver parport_driver = {
    .name = "parallel",
    .alias = "parport",
    .description = "a parallel port of the host",
    .options = parport_options,
    .size = sizeof(struct fd_chardev),
    .open = parport_open,
    .close = parport_close,
    FD_CHARDEV_OPS,
};
CHARDEV_DRIVER(parport_driver);
