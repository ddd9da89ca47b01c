/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet addresses of character devices: options, listening, connecting.
 *
 * Absent: asynchronous name look-up; a slow name server delays the main loop when a device with
 * reconnect= tries again. Numbers are never looked up.
 */
#include "chardev/inet.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 1

static bool parse_family(struct inet_addr *a, struct options *o, GError **error)
{
    bool has4 = options_has(o, "ipv4"), has6 = options_has(o, "ipv6");
    bool v4, v6;

    if (!options_get_bool(o, "ipv4", false, &v4, error) ||
        !options_get_bool(o, "ipv6", false, &v6, error)) {
        return false;
    }
    if (!has4) {
        v4 = !has6 || !v6; /* ipv6=on alone means no IPv4, ipv6=off means IPv4 */
    }
    if (!has6) {
        v6 = !has4 || !v4;
    }
    if (!v4 && !v6) {
        return fail(error, "%s: ipv4=off and ipv6=off leave nothing", o->what);
    }
    a->family = v4 && v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6;
    return true;
}

bool inet_addr_parse(struct inet_addr *a, struct options *o, const char *prefix, GError **error)
{
    g_autofree char *host_key = g_strconcat(prefix, *prefix ? "addr" : "host", NULL);
    g_autofree char *port_key = g_strconcat(prefix, "port", NULL);
    const char *host = options_get(o, host_key), *port = options_get(o, port_key);
    uint64_t to;

    /* "[::1]" is an IPv6 address as in URLs */
    if (host && host[0] == '[' && g_str_has_suffix(host, "]")) {
        a->host = g_strndup(host + 1, strlen(host) - 2);
    } else {
        a->host = g_strdup(host ? host : "");
    }
    a->port = g_strdup(port ? port : "0");
    if (!options_get_uint(o, "to", 0, 65535, &to, error)) {
        return false;
    }
    a->to = to;
    return parse_family(a, o, error);
}

void inet_addr_clear(struct inet_addr *a)
{
    g_clear_pointer(&a->host, g_free);
    g_clear_pointer(&a->port, g_free);
}

static struct addrinfo *resolve(const struct inet_addr *a, const char *port, int type, bool passive,
                                GError **error)
{
    struct addrinfo hints = {
        .ai_family = a->family,
        .ai_socktype = type,
        .ai_flags = (passive ? AI_PASSIVE : 0) | (*a->host ? AI_ADDRCONFIG : 0),
    };
    struct addrinfo *found;
    int ret = getaddrinfo(*a->host ? a->host : NULL, port, &hints, &found);

    if (ret == EAI_NONAME && hints.ai_flags & AI_ADDRCONFIG) {
        hints.ai_flags &= ~AI_ADDRCONFIG; /* a host with nothing but its loopback interface */
        ret = getaddrinfo(a->host, port, &hints, &found);
    }
    if (ret != 0) {
        fail(error, "cannot find address '%s' port '%s': %s", a->host, port, gai_strerror(ret));
        return NULL;
    }
    return found;
}

static int bind_one(const struct inet_addr *a, const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1, v6only = a->family == AF_INET6, saved;

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (ai->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
    }
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
        (ai->ai_socktype != SOCK_STREAM || listen(fd, BACKLOG) == 0)) {
        return fd;
    }
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* All addresses of the host at one port; errno is the last one's. */
static int bind_port(const struct inet_addr *a, const char *port, int type, GError **error)
{
    struct addrinfo *all = resolve(a, port, type, /* passive= */ true, error);
    int fd = -1, saved;

    if (!all) {
        return -2;
    }
    for (struct addrinfo *ai = all; ai && fd < 0; ai = ai->ai_next) {
        fd = bind_one(a, ai);
    }
    saved = errno;
    freeaddrinfo(all);
    errno = saved;
    return fd;
}

int inet_bind(const struct inet_addr *a, int type, GError **error)
{
    uint64_t first = g_ascii_strtoull(a->port, NULL, 10);
    unsigned last = MAX(first, a->to);
    int fd = bind_port(a, a->port, type, error);

    for (unsigned p = first + 1; fd == -1 && errno == EADDRINUSE && p <= last; p++) {
        g_autofree char *port = g_strdup_printf("%u", p);

        fd = bind_port(a, port, type, error);
    }
    if (fd == -2) {
        return -1;
    }
    if (fd == -1 && errno == EADDRINUSE) {
        fail(error,
             "address %s:%s is in use by another program; choose another port, or let to=PORT try "
             "the following ones",
             *a->host ? a->host : "*", a->port);
    } else if (fd == -1) {
        fail_errno(error, "cannot listen on %s:%s", *a->host ? a->host : "*", a->port);
    }
    return fd;
}

int inet_connect(const struct inet_addr *a, int type, GError **error)
{
    struct addrinfo *all = resolve(a, a->port, type, /* passive= */ false, error);
    int fd = -1, saved = 0;

    if (!all) {
        return -1;
    }
    for (struct addrinfo *ai = all; ai; ai = ai->ai_next) {
        fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) == 0) {
            break;
        }
        saved = errno;
        if (fd >= 0) {
            close(fd);
        }
        fd = -1;
    }
    freeaddrinfo(all);
    if (fd < 0) {
        errno = saved;
        fail_errno(error, "cannot connect to %s:%s", *a->host ? a->host : "localhost", a->port);
    }
    return fd;
}

int inet_connect_start(const struct inet_addr *a, unsigned attempt, GError **error)
{
    struct addrinfo *all = resolve(a, a->port, SOCK_STREAM, /* passive= */ false, error), *ai;
    unsigned count = 0;
    int fd;

    if (!all) {
        return -1;
    }
    for (ai = all; ai; ai = ai->ai_next) {
        count++;
    }
    ai = all;
    for (unsigned i = attempt % count; i; i--) {
        ai = ai->ai_next;
    }
    fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, ai->ai_addr, ai->ai_addrlen) < 0 && errno != EINPROGRESS)) {
        fail_errno(error, "cannot connect to %s:%s", a->host, a->port);
        if (fd >= 0) {
            close(fd);
        }
        fd = -1;
    }
    freeaddrinfo(all);
    return fd;
}

char *inet_socket_name(int fd, bool peer)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if ((peer ? getpeername(fd, (struct sockaddr *)&ss, &len)
              : getsockname(fd, (struct sockaddr *)&ss, &len)) < 0 ||
        getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return g_strdup("?");
    }
    return g_strdup_printf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}
