/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -daemonize and -pidfile.
 */
#include "system/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the parent: leaves with the child's verdict. */
static void wait_for_child(int fd, pid_t child) __attribute__((noreturn));

static void wait_for_child(int fd, pid_t child)
{
    char byte;
    ssize_t n;

    do {
        n = read(fd, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n != 1) { /* it has said why on stderr, which it shares with us */
        waitpid(child, NULL, 0);
    }
    _exit(n == 1 ? 0 : 1);
}

bool daemon_fork(struct daemon *d, GError **error)
{
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) != 0) {
        return fail_errno(error, "-daemonize: cannot make a pipe");
    }
    pid = fork();
    if (pid < 0) {
        return fail_errno(error, "-daemonize: cannot fork");
    }
    if (pid > 0) {
        close(fds[1]);
        wait_for_child(fds[0], pid);
    }
    close(fds[0]);
    setsid();
    pid = fork(); /* not a session leader: no terminal can become ours */
    if (pid < 0) {
        return fail_errno(error, "-daemonize: cannot fork");
    }
    if (pid > 0) {
        _exit(0);
    }
    umask(027);
    d->ready_fd = fds[1];
    return true;
}

bool daemon_write_pidfile(struct daemon *d, const char *path, GError **error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        return fail_errno(error, "-pidfile: cannot write '%s'", path);
    }
    if (fcntl(fd, F_SETLK, &lock) != 0) {
        fail(error, "-pidfile: '%s' belongs to a running vitro; choose another file", path);
        goto close_fd;
    }
    if (ftruncate(fd, 0) != 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        fail_errno(error, "-pidfile: cannot write '%s'", path);
        goto close_fd;
    }
    d->pidfile_fd = fd;
    d->pidfile = g_canonicalize_filename(path, NULL);
    return true;

close_fd:
    close(fd);
    return false;
}

void daemon_ready(struct daemon *d)
{
    int null_fd;

    if (d->ready_fd < 0) {
        return;
    }
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd >= 0) {
        dup2(null_fd, STDIN_FILENO);
        dup2(null_fd, STDOUT_FILENO);
        dup2(null_fd, STDERR_FILENO);
        if (null_fd > STDERR_FILENO) {
            close(null_fd);
        }
    }
    if (chdir("/") != 0) {
        g_assert_not_reached(); /* the root folder always exists */
    }
    while (write(d->ready_fd, "", 1) < 0 && errno == EINTR) {
    }
    close(d->ready_fd);
    d->ready_fd = -1;
}

void daemon_fini(struct daemon *d)
{
    if (d->pidfile_fd >= 0) {
        unlink(d->pidfile);
        close(d->pidfile_fd);
        d->pidfile_fd = -1;
    }
    g_clear_pointer(&d->pidfile, g_free);
}
