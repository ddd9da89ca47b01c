/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard input and output as a character device, with the terminal in raw mode.
 *
 * Terminal settings are put back at the end, at exit(), and while the process is suspended.
 * The descriptors are opened anew where that is possible, because O_NONBLOCK belongs to the open
 * file that the shell and stderr share with us.
 */
#include "chardev/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/*
 * There is one terminal per process, and signal handlers and atexit() functions get no argument:
 * hence this file-level state. Written by the main thread with the signals below ignored or not
 * yet handled.
 */
static struct {
    volatile sig_atomic_t raw; /* `wanted` is in force, `before` is to be put back */
    struct termios before, wanted;
    int flags_before[2]; /* of descriptors 0 and 1; -1: they were not changed */
} terminal = {.flags_before = {-1, -1}};

/* Called by signal handlers: async-signal-safe functions only. */
static void terminal_restore(void)
{
    if (terminal.raw) {
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
    }
    for (int i = 0; i < 2; i++) {
        if (terminal.flags_before[i] >= 0) {
            fcntl(i, F_SETFL, terminal.flags_before[i]);
        }
    }
}

static void terminal_apply(void)
{
    /* In the background the attempt would stop us. */
    if (terminal.raw && tcgetpgrp(STDIN_FILENO) == getpgrp()) {
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.wanted);
    }
    for (int i = 0; i < 2; i++) {
        if (terminal.flags_before[i] >= 0) {
            fcntl(i, F_SETFL, terminal.flags_before[i] | O_NONBLOCK);
        }
    }
}

static void on_stop_signal(int sig)
{
    int saved = errno;

    (void)sig;
    terminal_restore();
    raise(SIGSTOP); /* all threads stop here until SIGCONT, whose handler goes on */
    errno = saved;
}

static void on_continue_signal(int sig)
{
    int saved = errno;

    (void)sig;
    terminal_apply();
    errno = saved;
}

static void terminal_handle_signals(bool on)
{
    struct sigaction stop = {.sa_handler = on ? on_stop_signal : SIG_DFL, .sa_flags = SA_RESTART};
    struct sigaction cont = {.sa_handler = on ? on_continue_signal : SIG_DFL,
                             .sa_flags = SA_RESTART};

    sigaction(SIGTSTP, &stop, NULL);
    sigaction(SIGCONT, &cont, NULL);
}

static void terminal_leave(void)
{
    terminal_handle_signals(false);
    terminal_restore();
    terminal.raw = 0;
    terminal.flags_before[0] = terminal.flags_before[1] = -1;
}

static bool terminal_make_raw(bool signals, GError **error)
{
    struct termios *t = &terminal.wanted;

    if (tcgetattr(STDIN_FILENO, &terminal.before) < 0) {
        return fail_errno(error, "stdio: cannot read the terminal's settings");
    }
    *t = terminal.before;
    t->c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    t->c_oflag |= OPOST; /* messages on stderr still get their carriage returns */
    t->c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
    t->c_cflag &= ~(CSIZE | PARENB);
    t->c_cflag |= CS8;
    if (!signals) {
        t->c_lflag &= ~ISIG;
    }
    t->c_cc[VMIN] = 1;
    t->c_cc[VTIME] = 0;
    terminal.raw = 1;
    terminal_apply();
    return true;
}

/* A descriptor for what @fd is, which can be made non-blocking without others noticing. */
static int open_again(int fd, int mode, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    struct stat st;
    int copy = -1;

    if (fstat(fd, &st) < 0) {
        fail_errno(error, "stdio: %s is closed", fd == STDIN_FILENO ? "input" : "output");
        return -1;
    }
    if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)) {
        copy = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }
    if (copy >= 0) {
        return copy;
    }
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) {
        fail_errno(error, "stdio: cannot copy file descriptor %d", fd);
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        terminal.flags_before[fd] = fcntl(fd, F_GETFL);
        chardev_set_nonblocking(copy, NULL);
    }
    return copy;
}

static bool already_open(struct chardevs *set, const struct chardev_driver *driver)
{
    for (unsigned i = 0; i < set->list->len; i++) {
        if (((struct chardev *)set->list->pdata[i])->driver == driver) {
            return true;
        }
    }
    return false;
}

static bool stdio_open(struct chardev *chr, struct options *o, GError **error)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;
    bool signals;
    int in, out;

    if (!options_get_bool(o, "signal", true, &signals, error)) {
        return false;
    }
    if (already_open(chr->set, chr->driver)) {
        return fail(error, "stdio is in use by another character device; share it with mux=on "
                           "(-serial mon:stdio)");
    }
    in = open_again(STDIN_FILENO, O_RDONLY, error);
    if (in < 0) {
        return false;
    }
    out = open_again(STDOUT_FILENO, O_WRONLY, error);
    if (out < 0) {
        close(in);
        return false;
    }
    f->gone = fd_chardev_end_input; /* a pipe or /dev/null has ended */
    chardev_fd_open(f, chr, in, out);
    if (isatty(STDIN_FILENO)) {
        if (!terminal_make_raw(signals, error)) {
            return false;
        }
        atexit(terminal_restore);
        terminal_handle_signals(true);
    }
    chardev_set_open(chr, true);
    return true;
}

static void stdio_close(struct chardev *chr)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;

    if (f->chr) {
        chardev_fd_close(f);
        terminal_leave();
    }
}

static const struct chardev_option stdio_options[] = {
    {"signal", "off: Ctrl-C and Ctrl-Z go to the guest instead of stopping this process"},
    {NULL, NULL},
};

static const struct chardev_driver stdio_driver = {
    .name = "stdio",
    .description = "the terminal that vitro was started on",
    .options = stdio_options,
    .size = sizeof(struct fd_chardev),
    .open = stdio_open,
    .close = stdio_close,
    FD_CHARDEV_OPS,
};
CHARDEV_DRIVER(stdio_driver);
