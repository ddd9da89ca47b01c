/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -daemonize and -pidfile.
 */
#ifndef VITRO_SYSTEM_DAEMON_H
#define VITRO_SYSTEM_DAEMON_H

#include "util/error.h"

struct daemon {
    int ready_fd;   /* the parent waits for a byte on it; -1: not a daemon */
    int pidfile_fd; /* locked while we live; -1: none */
    char *pidfile;
};

/*
 * Forks into the background; the parent stays until daemon_ready() and leaves with status 0, or
 * with 1 when the child ends before that. Before any thread exists.
 */
bool daemon_fork(struct daemon *d, GError **error);

/* Writes and locks the pid file; fails when another vitro holds it. */
bool daemon_write_pidfile(struct daemon *d, const char *path, GError **error);

/* The machine is ready: lets the parent go and closes the terminal. */
void daemon_ready(struct daemon *d);

/* Removes the pid file. */
void daemon_fini(struct daemon *d);

#endif
