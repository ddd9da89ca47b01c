/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets as character devices: Unix and TCP, as server or client.
 *
 * A server has one client at a time; others wait in the kernel's queue. When a peer hangs up, a
 * server listens again and a client with reconnect= tries again; output vanishes meanwhile.
 *
 * Absent: TLS, websockets, file descriptors passed by the peer.
 */
#include "chardev/fd.h"
#include "chardev/inet.h"
#include "chardev/telnet.h"
#include "util/parse.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RECONNECT_MAX_MS (3600 * 1000)

enum kind {
    KIND_UNIX,
    KIND_TCP,
    KIND_FD,
};

struct socket_chardev {
    struct fd_chardev fdc;
    enum kind kind;
    bool server, wait, nodelay, keep_alive, has_telnet;
    char *path; /* KIND_UNIX */
    bool abstract;
    bool tight; /* an abstract name is not padded with zeros */
    struct inet_addr inet;

    int listener; /* -1: none */
    GSource *accept_source;
    bool bound; /* `path` is our file */

    uint64_t reconnect_ms; /* 0: no second try */
    unsigned attempts;
    GSource *timer;
    int connecting; /* -1: none */
    GSource *connect_source;

    struct telnet telnet;
    bool owe_iac;                 /* half of an escaped 0xff went out */
    char *local_name, *peer_name; /* of a TCP connection */
};

static struct socket_chardev *from_chr(struct chardev *chr)
{
    return container_of(chr, struct socket_chardev, fdc.chr);
}

static void listen_again(struct socket_chardev *s);
static void retry_later(struct socket_chardev *s);

/* ---- a connection ---- */

static size_t socket_filter(struct chardev *chr, uint8_t *buf, size_t len)
{
    struct socket_chardev *s = from_chr(chr);

    len = telnet_decode(&s->telnet, buf, len);
    for (; s->telnet.breaks; s->telnet.breaks--) {
        chardev_event(chr, CHARDEV_BREAK);
    }
    return len;
}

static void socket_gone(struct chardev *chr)
{
    struct socket_chardev *s = from_chr(chr);

    fd_chardev_close(chr);
    g_clear_pointer(&s->peer_name, g_free);
    if (s->listener >= 0) {
        listen_again(s);
    } else if (s->reconnect_ms) {
        retry_later(s);
    }
    chardev_set_open(chr, false);
}

/* @fd is connected and owned from here on. */
static void socket_connected(struct socket_chardev *s, int fd)
{
    struct chardev *chr = &s->fdc.chr;
    int one = 1;

    chardev_set_nonblocking(fd, NULL);
    if (s->nodelay) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    if (s->keep_alive) {
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    }
    if (s->kind != KIND_UNIX) {
        g_free(s->local_name);
        g_free(s->peer_name);
        s->local_name = inet_socket_name(fd, /* peer= */ false);
        s->peer_name = inet_socket_name(fd, /* peer= */ true);
    }
    chardev_source_drop(&s->accept_source);
    chardev_source_drop(&s->timer);
    s->attempts = 0;
    s->owe_iac = false;
    s->fdc.fd.gone = socket_gone;
    s->fdc.fd.filter = s->has_telnet ? socket_filter : NULL;
    chardev_fd_open(&s->fdc.fd, chr, fd, fd);
    if (s->has_telnet) {
        telnet_init(&s->telnet);
        fd_chardev_write(chr, telnet_greeting, sizeof(telnet_greeting));
    }
    chardev_set_open(chr, true);
}

/* The byte 0xff is doubled in telnet. */
static size_t write_telnet(struct socket_chardev *s, const uint8_t *buf, size_t len)
{
    static const uint8_t iac = 0xff;
    size_t done = 0;

    while (done < len || s->owe_iac) {
        const uint8_t *special;
        size_t part, n;

        if (s->owe_iac) {
            if (!fd_chardev_write(&s->fdc.chr, &iac, 1)) {
                return done;
            }
            s->owe_iac = false;
            continue;
        }
        special = memchr(buf + done, iac, len - done);
        part = special ? (size_t)(special - buf) + 1 - done : len - done;
        n = fd_chardev_write(&s->fdc.chr, buf + done, part);
        done += n;
        if (n < part) {
            return done;
        }
        s->owe_iac = special != NULL;
    }
    return done;
}

static size_t socket_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct socket_chardev *s = from_chr(chr);

    if (!chr->open) {
        return len;
    }
    return s->has_telnet ? write_telnet(s, buf, len) : fd_chardev_write(chr, buf, len);
}

static void socket_set_break(struct chardev *chr, bool on)
{
    static const uint8_t brk[] = {255, 243};

    if (on && chr->open && from_chr(chr)->has_telnet) {
        fd_chardev_write(chr, brk, sizeof(brk));
    }
}

/* ---- servers ---- */

static gboolean accept_ready(int fd, GIOCondition condition, void *opaque)
{
    struct socket_chardev *s = opaque;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)condition;
    if (peer >= 0) {
        socket_connected(s, peer);
    }
    return G_SOURCE_CONTINUE;
}

static void listen_again(struct socket_chardev *s)
{
    if (!s->accept_source) {
        s->accept_source =
            chardev_fd_source(s->fdc.chr.context, s->listener, G_IO_IN, accept_ready, s);
    }
}

static bool unix_addr(const struct socket_chardev *s, struct sockaddr_un *un, socklen_t *ret_len,
                      GError **error)
{
    size_t len = strlen(s->path), start = s->abstract ? 1 : 0;

    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    if (start + len + (start ? 0 : 1) > sizeof(un->sun_path)) {
        return fail(error, "socket path '%s' is too long: %zu bytes are the most", s->path,
                    sizeof(un->sun_path) - 1);
    }
    memcpy(un->sun_path + start, s->path, len);
    *ret_len =
        s->abstract && s->tight ? offsetof(struct sockaddr_un, sun_path) + 1 + len : sizeof(*un);
    return true;
}

/* Removes a socket file that nobody serves any more; errors say why it stays. */
static bool remove_stale(const struct socket_chardev *s, const struct sockaddr_un *un,
                         socklen_t len, GError **error)
{
    struct stat st;
    int fd, ret;

    if (s->abstract || lstat(s->path, &st) < 0) {
        return fail(error, "socket '%s' is in use by another program; choose another path",
                    s->path);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return fail(error, "'%s' exists and is not a socket; remove it or choose another path",
                    s->path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return fail_errno(error, "cannot make a socket");
    }
    ret = connect(fd, (const struct sockaddr *)un, len) < 0 ? errno : 0;
    close(fd);
    if (ret != ECONNREFUSED && ret != ENOENT) {
        return fail(error,
                    "socket '%s' is in use by another program; end it or choose another path",
                    s->path);
    }
    if (unlink(s->path) < 0 && errno != ENOENT) {
        return fail_errno(error, "cannot remove the old socket '%s'", s->path);
    }
    return true;
}

static bool listen_unix(struct socket_chardev *s, GError **error)
{
    struct sockaddr_un un;
    socklen_t len;
    int ret;

    if (!unix_addr(s, &un, &len, error)) {
        return false;
    }
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->listener < 0) {
        return fail_errno(error, "cannot make a socket");
    }
    ret = bind(s->listener, (struct sockaddr *)&un, len);
    if (ret < 0 && errno == EADDRINUSE) {
        if (!remove_stale(s, &un, len, error)) {
            return false;
        }
        ret = bind(s->listener, (struct sockaddr *)&un, len);
    }
    if (ret == 0) {
        s->bound = !s->abstract;
        ret = listen(s->listener, 1);
    }
    return ret == 0 || fail_errno(error, "cannot listen on socket '%s'", s->path);
}

static char *socket_describe(const struct chardev *chr);

static bool wait_for_client(struct socket_chardev *s, GError **error)
{
    g_autofree char *where = socket_describe(&s->fdc.chr);
    struct pollfd p = {.fd = s->listener, .events = POLLIN};
    int fd;

    fprintf(stderr, "vitro: waiting for connection on: %s\n", where);
    do {
        while (poll(&p, 1, -1) < 0 && errno == EINTR) {
            /* a signal that does not end us: go on waiting */
        }
        fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR));
    if (fd < 0) {
        return fail_errno(error, "cannot accept a connection on %s", where);
    }
    socket_connected(s, fd);
    return true;
}

static bool open_server(struct socket_chardev *s, GError **error)
{
    if (s->kind == KIND_UNIX && !listen_unix(s, error)) {
        return false;
    }
    if (s->kind == KIND_TCP) {
        s->listener = inet_bind(&s->inet, SOCK_STREAM, error);
        if (s->listener < 0) {
            return false;
        }
    }
    if (s->kind != KIND_UNIX) {
        s->local_name = inet_socket_name(s->listener, /* peer= */ false);
    }
    if (s->wait) {
        return wait_for_client(s, error);
    }
    listen_again(s);
    return true;
}

/* ---- clients ---- */

static int connect_unix(struct socket_chardev *s, GError **error)
{
    struct sockaddr_un un;
    socklen_t len;
    int fd;

    if (!unix_addr(s, &un, &len, error)) {
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&un, len) == 0) {
        return fd;
    }
    fail_errno(error, "cannot connect to socket '%s'", s->path);
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static gboolean connect_ready(int fd, GIOCondition condition, void *opaque)
{
    struct socket_chardev *s = opaque;
    socklen_t len = sizeof(int);
    int err = 0;

    (void)condition;
    chardev_source_drop(&s->connect_source);
    s->connecting = -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0) {
        socket_connected(s, fd);
    } else {
        close(fd);
        retry_later(s);
    }
    return G_SOURCE_REMOVE;
}

/* One try of a client with reconnect=. */
static void try_connect(struct socket_chardev *s)
{
    int fd;

    if (s->kind == KIND_UNIX) {
        fd = connect_unix(s, NULL); /* local: done or refused at once */
        if (fd >= 0) {
            socket_connected(s, fd);
        } else {
            retry_later(s);
        }
        return;
    }
    s->connecting = inet_connect_start(&s->inet, s->attempts++, NULL);
    if (s->connecting >= 0) {
        s->connect_source = chardev_fd_source(s->fdc.chr.context, s->connecting,
                                              G_IO_OUT | G_IO_ERR | G_IO_HUP, connect_ready, s);
    } else {
        retry_later(s);
    }
}

static gboolean timer_expired(void *opaque)
{
    struct socket_chardev *s = opaque;

    chardev_source_drop(&s->timer);
    try_connect(s);
    return G_SOURCE_REMOVE;
}

static void retry_later(struct socket_chardev *s)
{
    chardev_source_drop(&s->timer);
    s->timer = g_timeout_source_new(s->reconnect_ms);
    g_source_set_callback(s->timer, timer_expired, s, NULL);
    g_source_attach(s->timer, s->fdc.chr.context);
}

static bool open_client(struct socket_chardev *s, GError **error)
{
    int fd;

    if (s->reconnect_ms) {
        try_connect(s);
        return true;
    }
    fd = s->kind == KIND_UNIX ? connect_unix(s, error) : inet_connect(&s->inet, SOCK_STREAM, error);
    if (fd < 0) {
        return false;
    }
    socket_connected(s, fd);
    return true;
}

/* ---- options ---- */

static bool take_descriptor(struct socket_chardev *s, const char *text, GError **error)
{
    socklen_t len = sizeof(int);
    int listening = 0;
    uint64_t fd;

    if (!parse_uint(text, INT32_MAX, &fd, error)) {
        g_prefix_error(error, "fd=: ");
        return false;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0) {
        return fail_errno(error, "fd=%s is not a socket", text);
    }
    if (s->server != (listening != 0)) {
        return fail(error,
                    s->server ? "fd=%s does not listen, but server=on was given"
                              : "fd=%s is a listening socket: add server=on",
                    text);
    }
    s->kind = KIND_FD;
    if (s->server) {
        s->listener = fd;
        return chardev_set_nonblocking(fd, error) && open_server(s, error);
    }
    socket_connected(s, fd);
    return true;
}

static bool parse_reconnect(struct socket_chardev *s, struct options *o, GError **error)
{
    uint64_t seconds, ms;

    if (!options_get_uint(o, "reconnect", 0, RECONNECT_MAX_MS / 1000, &seconds, error) ||
        !options_get_uint(o, "reconnect-ms", 0, RECONNECT_MAX_MS, &ms, error)) {
        return false;
    }
    if (seconds && ms) {
        return fail(error, "give reconnect= or reconnect-ms=, not both");
    }
    s->reconnect_ms = ms ? ms : seconds * 1000;
    if (s->reconnect_ms && s->server) {
        return fail(error, "reconnect= is for clients; a server listens again by itself");
    }
    return true;
}

static bool parse_flags(struct socket_chardev *s, struct options *o, GError **error)
{
    bool delay;

    if (!options_get_bool(o, "server", false, &s->server, error) ||
        !options_get_bool(o, "wait", s->server, &s->wait, error) ||
        !options_get_bool(o, "delay", true, &delay, error) ||
        !options_get_bool(o, "nodelay", !delay, &s->nodelay, error) ||
        !options_get_bool(o, "keep-alive", false, &s->keep_alive, error) ||
        !options_get_bool(o, "telnet", false, &s->has_telnet, error) ||
        !options_get_bool(o, "abstract", false, &s->abstract, error) ||
        !options_get_bool(o, "tight", true, &s->tight, error) || !parse_reconnect(s, o, error)) {
        return false;
    }
    if (s->wait && !s->server) {
        return fail(error, "wait=on is for servers; add server=on");
    }
    return true;
}

static bool open_by_options(struct socket_chardev *s, struct options *o, GError **error)
{
    const char *path = options_get(o, "path"), *fd = options_get(o, "fd");
    bool tcp = options_has(o, "host") || options_has(o, "port");

    if (!parse_flags(s, o, error)) {
        return false;
    }
    if ((path != NULL) + (fd != NULL) + tcp != 1) {
        return fail(error, "give one of path= (Unix), host= and port= (TCP), fd=");
    }
    if (fd) {
        return take_descriptor(s, fd, error);
    }
    if (path) {
        s->kind = KIND_UNIX;
        s->path = g_strdup(path);
    } else {
        s->kind = KIND_TCP;
        if (!options_require(o, "port", error) || !inet_addr_parse(&s->inet, o, "", error)) {
            return false;
        }
    }
    return s->server ? open_server(s, error) : open_client(s, error);
}

static bool socket_open(struct chardev *chr, struct options *o, GError **error)
{
    struct socket_chardev *s = from_chr(chr);

    s->listener = s->connecting = -1;
    if (!open_by_options(s, o, error)) {
        g_prefix_error(error, "character device '%s': ", chr->id);
        return false;
    }
    return true;
}

static void socket_close(struct chardev *chr)
{
    struct socket_chardev *s = from_chr(chr);

    chardev_source_drop(&s->accept_source);
    chardev_source_drop(&s->connect_source);
    chardev_source_drop(&s->timer);
    fd_chardev_close(chr);
    if (s->listener >= 0) {
        close(s->listener);
    }
    if (s->connecting >= 0) {
        close(s->connecting);
    }
    if (s->bound) {
        unlink(s->path);
    }
    inet_addr_clear(&s->inet);
    g_free(s->path);
    g_free(s->local_name);
    g_free(s->peer_name);
}

static char *socket_describe(const struct chardev *chr)
{
    const struct socket_chardev *s = container_of(chr, const struct socket_chardev, fdc.chr);
    const char *prefix = chr->open ? "" : "disconnected:";
    const char *suffix = s->server ? ",server=on" : "";

    if (s->kind == KIND_UNIX) {
        return g_strdup_printf("%sunix:%s%s", prefix, s->path, suffix);
    }
    if (s->server || !s->inet.host) {
        return g_strdup_printf("%s%s:%s%s%s%s", prefix, s->has_telnet ? "telnet" : "tcp",
                               s->local_name ? s->local_name : "?", suffix,
                               s->peer_name ? " <-> " : "", s->peer_name ? s->peer_name : "");
    }
    return g_strdup_printf("%s%s:%s:%s%s%s", prefix, s->has_telnet ? "telnet" : "tcp", s->inet.host,
                           s->inet.port, s->peer_name ? " <-> " : "",
                           s->peer_name ? s->peer_name : "");
}

static const struct chardev_option socket_options[] = {
    {"path", "Unix socket"},
    {"abstract", "on: the path is a name in the abstract name space"},
    {"tight", "off: an abstract name is padded with zeros"},
    {"host", "TCP: name or address"},
    {"port", "TCP: number or service name"},
    {"to", "server: last port to try when port= is taken"},
    {"ipv4", "on: IPv4 only; off: never"},
    {"ipv6", "on: IPv6 only; off: never"},
    {"fd", "number of an open socket instead of an address"},
    {"server", "on: listen instead of connecting"},
    {"wait", "server: off starts without waiting for a client"},
    {"reconnect", "client: seconds until the next try after the peer has gone"},
    {"reconnect-ms", "as reconnect, in milliseconds"},
    {"telnet", "on: speak the telnet protocol"},
    {"delay", "off: as nodelay=on"},
    {"nodelay", "on: send at once, in small packets"},
    {"keep-alive", "on: notice peers that silently went away"},
    {NULL, NULL},
};

static const struct chardev_driver socket_driver = {
    .name = "socket",
    .description = "Unix or TCP socket, server or client",
    .options = socket_options,
    .size = sizeof(struct socket_chardev),
    .open = socket_open,
    .close = socket_close,
    .write = socket_write,
    .want_writable = fd_chardev_want_writable,
    .wait_writable = fd_chardev_wait_writable,
    .accept_input = fd_chardev_accept_input,
    .set_break = socket_set_break,
    .describe = socket_describe,
};
CHARDEV_DRIVER(socket_driver);
