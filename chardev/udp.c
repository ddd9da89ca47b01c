/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP as a character device: each write is a datagram, whatever arrives is input.
 */
#include "chardev/fd.h"
#include "chardev/inet.h"

#include <errno.h>
#include <unistd.h>

struct udp_chardev {
    struct chardev chr;
    int fd;          /* -1: not open */
    GSource *source; /* NULL while the front-end has no room */
    struct inet_addr remote, local;
    uint8_t buf[65536]; /* one datagram */
};

static struct udp_chardev *from_chr(struct chardev *chr)
{
    return container_of(chr, struct udp_chardev, chr);
}

static gboolean udp_ready(int fd, GIOCondition condition, void *opaque)
{
    struct udp_chardev *u = opaque;
    size_t room = chardev_input_room(&u->chr), n;
    ssize_t got;

    (void)condition;
    if (!room) {
        chardev_source_drop(&u->source);
        return G_SOURCE_REMOVE;
    }
    got = recv(fd, u->buf, sizeof(u->buf), MSG_DONTWAIT);
    if (got > 0) { /* errors are the peer's "port unreachable": nothing to be done */
        n = MIN(room, (size_t)got);
        chardev_input(&u->chr, u->buf, n);
        chardev_hold_input(&u->chr, u->buf + n, got - n);
    }
    return G_SOURCE_CONTINUE;
}

static void udp_accept_input(struct chardev *chr)
{
    struct udp_chardev *u = from_chr(chr);

    if (u->fd >= 0 && !u->source && chardev_input_room(chr)) {
        u->source = chardev_fd_source(chr->context, u->fd, G_IO_IN, udp_ready, u);
    }
}

/* What does not fit in the socket's buffer is lost, as anything on UDP may be. */
static size_t udp_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct udp_chardev *u = from_chr(chr);
    size_t part;

    for (size_t done = 0; done < len; done += part) {
        part = MIN(len - done, 1400);
        if (send(u->fd, buf + done, part, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR) {
            part = 0;
        }
    }
    return len;
}

static bool connect_remote(struct udp_chardev *u, GError **error)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    int probe = inet_connect(&u->remote, SOCK_DGRAM, error);
    bool ok;

    if (probe < 0) {
        return false;
    }
    ok = getpeername(probe, (struct sockaddr *)&ss, &len) == 0;
    close(probe);
    if (!ok) {
        return fail_errno(error, "cannot find the peer's address");
    }
    u->local.family = ss.ss_family;
    u->fd = inet_bind(&u->local, SOCK_DGRAM, error);
    if (u->fd < 0) {
        return false;
    }
    return connect(u->fd, (struct sockaddr *)&ss, len) == 0 ||
           fail_errno(error, "cannot send to %s:%s", u->remote.host, u->remote.port);
}

static bool udp_open(struct chardev *chr, struct options *o, GError **error)
{
    struct udp_chardev *u = from_chr(chr);

    u->fd = -1;
    if (!options_require(o, "port", error) || !inet_addr_parse(&u->remote, o, "", error) ||
        !inet_addr_parse(&u->local, o, "local", error) || !connect_remote(u, error)) {
        g_prefix_error(error, "character device '%s': ", chr->id);
        return false;
    }
    chardev_set_open(chr, true);
    return true;
}

static void udp_close(struct chardev *chr)
{
    struct udp_chardev *u = from_chr(chr);

    chardev_source_drop(&u->source);
    if (u->fd >= 0) {
        close(u->fd);
    }
    inet_addr_clear(&u->remote);
    inet_addr_clear(&u->local);
}

static char *udp_describe(const struct chardev *chr)
{
    const struct udp_chardev *u = container_of(chr, const struct udp_chardev, chr);

    return g_strdup_printf("udp:%s:%s", u->remote.host, u->remote.port);
}

static const struct chardev_option udp_options[] = {
    {"host", "where to send to (default: this host)"},
    {"port", "port to send to"},
    {"localaddr", "own address"},
    {"localport", "own port"},
    {"ipv4", "on: IPv4 only; off: never"},
    {"ipv6", "on: IPv6 only; off: never"},
    {NULL, NULL},
};

static const struct chardev_driver udp_driver = {
    .name = "udp",
    .description = "datagrams",
    .options = udp_options,
    .size = sizeof(struct udp_chardev),
    .open = udp_open,
    .close = udp_close,
    .write = udp_write,
    .accept_input = udp_accept_input,
    .describe = udp_describe,
};
CHARDEV_DRIVER(udp_driver);
