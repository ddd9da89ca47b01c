/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial port of the host as a character device: termios parameters, break and modem lines.
 */
#include "chardev/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

struct serial_chardev {
    struct fd_chardev fdc;
    char *path;
    bool configured; /* `before` is to be put back */
    struct termios before;
};

static struct serial_chardev *from_chr(struct chardev *chr)
{
    return container_of(chr, struct serial_chardev, fdc.chr);
}

static const struct {
    unsigned baud;
    speed_t speed;
} speeds[] = {
    {50, B50},         {75, B75},         {110, B110},         {134, B134},       {150, B150},
    {200, B200},       {300, B300},       {600, B600},         {1200, B1200},     {1800, B1800},
    {2400, B2400},     {4800, B4800},     {9600, B9600},       {19200, B19200},   {38400, B38400},
    {57600, B57600},   {115200, B115200}, {230400, B230400},   {460800, B460800}, {500000, B500000},
    {576000, B576000}, {921600, B921600}, {1000000, B1000000},
};

/* The rate nearest to what the guest asked for: its divisor seldom gives a round number. */
static speed_t nearest_speed(unsigned baud)
{
    speed_t found = B9600;
    unsigned best = UINT_MAX;

    for (unsigned i = 0; i < ARRAY_SIZE(speeds); i++) {
        unsigned off = speeds[i].baud > baud ? speeds[i].baud - baud : baud - speeds[i].baud;

        if (off < best) {
            best = off;
            found = speeds[i].speed;
        }
    }
    return found;
}

static tcflag_t size_flag(unsigned data_bits)
{
    switch (data_bits) {
    case 5:
        return CS5;
    case 6:
        return CS6;
    case 7:
        return CS7;
    default:
        return CS8;
    }
}

static void apply_params(int fd, const struct chardev_serial_params *p)
{
    struct termios t;

    if (tcgetattr(fd, &t) < 0) {
        return;
    }
    cfmakeraw(&t);
    t.c_cflag &= ~(CSIZE | CSTOPB | PARENB | PARODD | CRTSCTS);
    t.c_cflag |= CLOCAL | CREAD | size_flag(p->data_bits);
    t.c_cflag |= p->stop_bits == 2 ? CSTOPB : 0;
    t.c_cflag |= p->parity == 'N' ? 0 : p->parity == 'O' ? PARENB | PARODD : PARENB;
    cfsetspeed(&t, nearest_speed(p->speed));
    tcsetattr(fd, TCSANOW, &t);
}

static void serial_set_params(struct chardev *chr, const struct chardev_serial_params *p)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;

    if (chardev_fd_is_open(f)) {
        apply_params(f->in, p);
    }
}

static void serial_set_break(struct chardev *chr, bool on)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;

    if (chardev_fd_is_open(f)) {
        ioctl(f->in, on ? TIOCSBRK : TIOCCBRK);
    }
}

static const struct {
    enum chardev_line line;
    int host;
} line_bits[] = {
    {CHARDEV_CTS, TIOCM_CTS}, {CHARDEV_DSR, TIOCM_DSR}, {CHARDEV_RI, TIOCM_RI},
    {CHARDEV_DCD, TIOCM_CAR}, {CHARDEV_DTR, TIOCM_DTR}, {CHARDEV_RTS, TIOCM_RTS},
};

static void serial_set_lines(struct chardev *chr, enum chardev_line lines)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;
    int host;

    if (!chardev_fd_is_open(f) || ioctl(f->in, TIOCMGET, &host) < 0) {
        return;
    }
    host &= ~(TIOCM_DTR | TIOCM_RTS);
    host |= (lines & CHARDEV_DTR ? TIOCM_DTR : 0) | (lines & CHARDEV_RTS ? TIOCM_RTS : 0);
    ioctl(f->in, TIOCMSET, &host);
}

static bool serial_get_lines(struct chardev *chr, enum chardev_line *ret)
{
    struct chardev_fd *f = &fd_chardev_of(chr)->fd;
    unsigned lines = 0;
    int host;

    if (!chardev_fd_is_open(f) || ioctl(f->in, TIOCMGET, &host) < 0) {
        return false;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(line_bits); i++) {
        lines |= host & line_bits[i].host ? line_bits[i].line : 0;
    }
    *ret = lines;
    return true;
}

static void serial_gone(struct chardev *chr)
{
    fd_chardev_close(chr); /* a USB adapter was pulled */
    chardev_set_open(chr, false);
}

static bool serial_open(struct chardev *chr, struct options *o, GError **error)
{
    const struct chardev_serial_params initial = {115200, 8, 1, 'N'};
    struct serial_chardev *s = from_chr(chr);
    const char *path = options_require(o, "path", error);
    int fd;

    if (!path) {
        return false;
    }
    fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return fail_errno(error, "character device '%s': cannot open '%s'", chr->id, path);
    }
    if (tcgetattr(fd, &s->before) < 0) {
        fail_errno(error, "character device '%s': '%s' is no serial port", chr->id, path);
        close(fd);
        return false;
    }
    s->configured = true;
    s->path = g_strdup(path);
    apply_params(fd, &initial);
    s->fdc.fd.gone = serial_gone;
    chardev_fd_open(&s->fdc.fd, chr, fd, fd);
    chardev_set_open(chr, true);
    return true;
}

static void serial_close(struct chardev *chr)
{
    struct serial_chardev *s = from_chr(chr);

    if (s->configured && chardev_fd_is_open(&s->fdc.fd)) {
        tcsetattr(s->fdc.fd.in, TCSANOW, &s->before);
    }
    fd_chardev_close(chr);
    g_free(s->path);
}

static char *serial_describe(const struct chardev *chr)
{
    return g_strdup_printf("serial:%s",
                           container_of(chr, const struct serial_chardev, fdc.chr)->path);
}

static const struct chardev_option serial_options[] = {
    {"path", "the port: /dev/ttyS0, /dev/ttyUSB0"},
    {NULL, NULL},
};

static const struct chardev_driver serial_driver = {
    .name = "serial",
    .alias = "tty",
    .description = "a serial port of the host",
    .options = serial_options,
    .size = sizeof(struct serial_chardev),
    .open = serial_open,
    .close = serial_close,
    FD_CHARDEV_OPS,
    .set_params = serial_set_params,
    .set_break = serial_set_break,
    .set_lines = serial_set_lines,
    .get_lines = serial_get_lines,
    .describe = serial_describe,
};
CHARDEV_DRIVER(serial_driver);
