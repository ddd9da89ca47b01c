/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet addresses of character devices: options, listening, connecting. Private to chardev/.
 */
#ifndef VITRO_CHARDEV_INET_H
#define VITRO_CHARDEV_INET_H

#include "util/options.h"
#include <sys/socket.h>

struct inet_addr {
    char *host, *port; /* host "": any (to listen), this host (to connect) */
    unsigned to;       /* last port to try when listening; 0: only `port` */
    int family;        /* AF_UNSPEC, AF_INET, AF_INET6 */
};

/* Takes host, port, to, ipv4, ipv6, each name with @prefix before it ("", "local"). */
bool inet_addr_parse(struct inet_addr *a, struct options *o, const char *prefix, GError **error);
void inet_addr_clear(struct inet_addr *a);

/* A listening (SOCK_STREAM) or bound (SOCK_DGRAM) socket, or -1. */
int inet_bind(const struct inet_addr *a, int type, GError **error);
/* A connected socket, or -1; tries all addresses of the host. */
int inet_connect(const struct inet_addr *a, int type, GError **error);
/* Begins to connect to address number @attempt (in a circle) of the host, without blocking on the
 * network; completion shows as G_IO_OUT. -1 on error. */
int inet_connect_start(const struct inet_addr *a, unsigned attempt, GError **error);

/* "127.0.0.1:4444", "[::1]:4444"; g_free(). @peer: the other end's. */
char *inet_socket_name(int fd, bool peer);

#endif
