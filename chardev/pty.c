/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pseudo-terminals as a character device; the other side's name is printed at the start.
 *
 * The kernel does not tell when somebody opens the other side, so while nobody has it the state is
 * looked at a few times a second, and at each write.
 */
#include "chardev/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define LOOK_MS 100

struct pty_chardev {
    struct fd_chardev fdc;
    int master;
    char *name; /* /dev/pts/N */
    char *link; /* path=: a symbolic link to it that we made; NULL when none */
    GSource *timer;
};

static struct pty_chardev *from_chr(struct chardev *chr)
{
    return container_of(chr, struct pty_chardev, fdc.chr);
}

/* Whether somebody has the other side open. */
static bool peer_is_there(const struct pty_chardev *p)
{
    struct pollfd pfd = {.fd = p->master};

    return poll(&pfd, 1, 0) >= 0 && !(pfd.revents & POLLHUP);
}

static void pty_look(struct pty_chardev *p)
{
    struct chardev *chr = &p->fdc.chr;
    int fd;

    if (chr->open || !peer_is_there(p)) {
        return;
    }
    fd = fcntl(p->master, F_DUPFD_CLOEXEC, 3); /* the descriptor layer closes its own */
    if (fd < 0) {
        return;
    }
    chardev_source_drop(&p->timer);
    chardev_fd_open(&p->fdc.fd, chr, fd, fd);
    chardev_set_open(chr, true);
}

static gboolean timer_expired(void *opaque)
{
    pty_look(opaque);
    return G_SOURCE_CONTINUE;
}

static void look_again_later(struct pty_chardev *p)
{
    if (!p->timer) {
        p->timer = g_timeout_source_new(LOOK_MS);
        g_source_set_callback(p->timer, timer_expired, p, NULL);
        g_source_attach(p->timer, p->fdc.chr.context);
    }
}

static void pty_gone(struct chardev *chr)
{
    struct pty_chardev *p = from_chr(chr);

    chardev_fd_close(&p->fdc.fd);
    look_again_later(p);
    chardev_set_open(chr, false);
}

static size_t pty_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    pty_look(from_chr(chr));
    return fd_chardev_write(chr, buf, len);
}

/* Opens the pair; the other side is raw, and closed again: from now on the master reports a hang-up
 * while nobody has it. */
static bool open_pair(struct pty_chardev *p, GError **error)
{
    char name[64];
    struct termios t;
    int slave;

    p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (p->master < 0 || grantpt(p->master) < 0 || unlockpt(p->master) < 0 ||
        ptsname_r(p->master, name, sizeof(name)) != 0) {
        return fail_errno(error,
                          "character device '%s': cannot make a pseudo-terminal (is "
                          "/dev/pts mounted?)",
                          p->fdc.chr.id);
    }
    p->name = g_strdup(name);
    slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
        return fail_errno(error, "character device '%s': cannot open %s", p->fdc.chr.id, name);
    }
    if (tcgetattr(slave, &t) == 0) {
        cfmakeraw(&t);
        tcsetattr(slave, TCSANOW, &t);
    }
    close(slave);
    return chardev_set_nonblocking(p->master, error);
}

static bool pty_open(struct chardev *chr, struct options *o, GError **error)
{
    struct pty_chardev *p = from_chr(chr);
    const char *path = options_get(o, "path");

    p->master = -1;
    if (!open_pair(p, error)) {
        return false;
    }
    if (path) {
        if (symlink(p->name, path) < 0) {
            return fail_errno(error, "character device '%s': cannot make the link '%s' to %s",
                              chr->id, path, p->name);
        }
        p->link = g_strdup(path);
    }
    p->fdc.fd.gone = pty_gone;
    look_again_later(p);
    printf("char device redirected to %s (label %s)\n", p->name, chr->id);
    fflush(stdout);
    return true;
}

static void pty_close(struct chardev *chr)
{
    struct pty_chardev *p = from_chr(chr);

    chardev_source_drop(&p->timer);
    chardev_fd_close(&p->fdc.fd);
    if (p->master >= 0) {
        close(p->master);
    }
    if (p->link) {
        unlink(p->link);
    }
    g_free(p->link);
    g_free(p->name);
}

static char *pty_describe(const struct chardev *chr)
{
    return g_strdup_printf("pty:%s", container_of(chr, const struct pty_chardev, fdc.chr)->name);
}

static const struct chardev_option pty_options[] = {
    {"path", "symbolic link to make to the terminal's other side"},
    {NULL, NULL},
};

static const struct chardev_driver pty_driver = {
    .name = "pty",
    .description = "a new pseudo-terminal",
    .options = pty_options,
    .size = sizeof(struct pty_chardev),
    .open = pty_open,
    .close = pty_close,
    .write = pty_write,
    .want_writable = fd_chardev_want_writable,
    .wait_writable = fd_chardev_wait_writable,
    .accept_input = fd_chardev_accept_input,
    .describe = pty_describe,
};
CHARDEV_DRIVER(pty_driver);
