/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client side of the device test protocol.
 *
 * The test listens on a socket of its own and the emulator connects to it, so that nobody has to
 * try again until somebody listens. Lines about interrupts may come before any reply.
 */
#include "tests/lib/qtest.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 60000 /* for one answer, on a slow host with a sanitizer */
#define LOOK_MS     50

struct qtest {
    pid_t pid;
    bool ended;
    int status; /* as of waitpid(), once ended */
    int listener, fd;
    char *folder, *socket_path, *rom_path;
    GString *input; /* what came and has not been looked at */
    char *reply;
    char *doing; /* the command under way, for messages */
    bool level[QTEST_IRQS];
    unsigned rises[QTEST_IRQS];
};

/* ---- the process ---- */

static char *describe_end(int status)
{
    if (WIFSIGNALED(status)) {
        return g_strdup_printf("was killed by signal %d (%s)", WTERMSIG(status),
                               g_strsignal(WTERMSIG(status)));
    }
    return g_strdup_printf("ended with status %d", WEXITSTATUS(status));
}

/* Whether the emulator has ended; @block waits for it. */
static bool has_ended(struct qtest *q, bool block)
{
    pid_t pid;

    if (q->ended) {
        return true;
    }
    do {
        pid = waitpid(q->pid, &q->status, block ? 0 : WNOHANG);
    } while (pid < 0 && errno == EINTR);
    q->ended = pid == q->pid;
    return q->ended;
}

static void G_GNUC_NORETURN died(struct qtest *q)
{
    g_autofree char *how = NULL;

    for (int waited = 0; !has_ended(q, /* block= */ false) && waited < 5000; waited += LOOK_MS) {
        g_usleep(LOOK_MS * 1000);
    }
    how = q->ended ? describe_end(q->status) : g_strdup("closed its socket and goes on");
    g_error("the emulator %s during '%s'", how, q->doing ? q->doing : "start");
}

static void G_GNUC_NORETURN too_slow(struct qtest *q)
{
    kill(q->pid, SIGABRT); /* leaves a core, where these are kept */
    g_error("no answer to '%s' within %d s", q->doing ? q->doing : "start", PATIENCE_MS / 1000);
}

static void listen_for_emulator(struct qtest *q)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    q->socket_path = g_build_filename(q->folder, "socket", NULL);
    if (strlen(q->socket_path) >= sizeof(un.sun_path)) {
        g_error("the folder for temporary files has too long a name: %s", q->folder);
    }
    strcpy(un.sun_path, q->socket_path);
    q->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (q->listener < 0 || bind(q->listener, (struct sockaddr *)&un, sizeof(un)) < 0 ||
        listen(q->listener, 1) < 0) {
        g_error("cannot listen on %s: %s", q->socket_path, g_strerror(errno));
    }
}

uint8_t qtest_rom_byte(uint32_t offset)
{
    return (uint8_t)(offset ^ offset >> 8 ^ offset >> 16 ^ 0x5a);
}

static void make_rom(struct qtest *q)
{
    g_autofree uint8_t *rom = g_malloc(QTEST_ROM_BYTES);

    for (uint32_t i = 0; i < QTEST_ROM_BYTES; i++) {
        rom[i] = qtest_rom_byte(i);
    }
    q->rom_path = g_build_filename(q->folder, "rom", NULL);
    g_assert_true(g_file_set_contents(q->rom_path, (char *)rom, QTEST_ROM_BYTES, NULL));
}

/* In the child. Its standard output must not mix with the test's own, which is read by others. */
static void G_GNUC_NORETURN exec_emulator(char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execv(argv[0], argv);
    g_printerr("cannot run %s: %s\n", argv[0], g_strerror(errno));
    _exit(127);
}

static void spawn(struct qtest *q, const char *options)
{
    const char *binary = g_getenv("VITRO");
    g_auto(GStrv) argv = NULL;
    g_autofree char *line = NULL, *quoted = NULL;
    GError *error = NULL;

    if (!binary) {
        g_error("VITRO names no emulator; run this test by make t/device/...");
    }
    quoted = g_shell_quote(binary);
    line = g_strdup_printf("%s -accel qtest -nodefaults -display none -monitor none -bios %s "
                           "-qtest unix:%s %s",
                           quoted, q->rom_path, q->socket_path, options);
    g_shell_parse_argv(line, NULL, &argv, &error);
    g_assert_no_error(error);
    q->pid = fork();
    g_assert_cmpint(q->pid, >=, 0);
    if (q->pid == 0) {
        exec_emulator(argv);
    }
}

static void accept_emulator(struct qtest *q)
{
    struct pollfd p = {.fd = q->listener, .events = POLLIN};

    for (int waited = 0; poll(&p, 1, LOOK_MS) <= 0; waited += LOOK_MS) {
        if (has_ended(q, /* block= */ false)) {
            died(q);
        }
        if (waited >= PATIENCE_MS) {
            too_slow(q);
        }
    }
    q->fd = accept4(q->listener, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(q->fd, >=, 0);
}

struct qtest *qtest_start(const char *fmt, ...)
{
    struct qtest *q = g_new0(struct qtest, 1);
    g_autofree char *options = NULL;
    GError *error = NULL;
    va_list ap;

    va_start(ap, fmt);
    options = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    signal(SIGPIPE, SIG_IGN); /* writing to a dead emulator is an error like others */
    q->fd = q->listener = -1;
    q->input = g_string_new(NULL);
    q->folder = g_dir_make_tmp("vitro-qtest-XXXXXX", &error);
    g_assert_no_error(error);
    make_rom(q);
    listen_for_emulator(q);
    spawn(q, options);
    accept_emulator(q);
    return q;
}

int qtest_wait_exit(struct qtest *q)
{
    for (int waited = 0; !has_ended(q, /* block= */ false); waited += LOOK_MS) {
        if (waited >= PATIENCE_MS) {
            too_slow(q);
        }
        g_usleep(LOOK_MS * 1000);
    }
    if (WIFSIGNALED(q->status)) {
        died(q);
    }
    return WEXITSTATUS(q->status);
}

void qtest_end(struct qtest *q)
{
    if (!q) {
        return;
    }
    if (!has_ended(q, /* block= */ false)) {
        kill(q->pid, SIGTERM);
        g_free(q->doing);
        q->doing = g_strdup("SIGTERM");
        g_assert_cmpint(qtest_wait_exit(q), ==, 0);
    }
    close(q->fd);
    close(q->listener);
    g_unlink(q->socket_path);
    g_unlink(q->rom_path);
    g_rmdir(q->folder);
    g_free(q->folder);
    g_free(q->socket_path);
    g_free(q->rom_path);
    g_free(q->reply);
    g_free(q->doing);
    g_string_free(q->input, TRUE);
    g_free(q);
}

/* ---- lines ---- */

/* Takes in what comes within @timeout_ms; false when nothing did. */
static bool receive(struct qtest *q, int timeout_ms)
{
    struct pollfd p = {.fd = q->fd, .events = POLLIN};
    char buf[65536];
    ssize_t n;

    if (poll(&p, 1, timeout_ms) <= 0) {
        return false;
    }
    n = read(q->fd, buf, sizeof(buf));
    if (n <= 0) {
        died(q);
    }
    g_string_append_len(q->input, buf, n);
    return true;
}

/* The first whole line of the input, taken off it, or NULL. */
static char *take_line(struct qtest *q)
{
    char *end = memchr(q->input->str, '\n', q->input->len), *line;

    if (!end) {
        return NULL;
    }
    line = g_strndup(q->input->str, (gsize)(end - q->input->str));
    g_string_erase(q->input, 0, end - q->input->str + 1);
    return line;
}

/* "IRQ raise 4": false when @line is something else. */
static bool take_irq(struct qtest *q, const char *line)
{
    char what[8];
    unsigned n;

    if (sscanf(line, "IRQ %7s %u", what, &n) != 2) {
        return false;
    }
    g_assert_cmpuint(n, <, QTEST_IRQS);
    q->level[n] = strcmp(what, "raise") == 0;
    q->rises[n] += q->level[n];
    return true;
}

/* The next line that is no news about interrupts. */
static char *next_reply(struct qtest *q)
{
    for (;;) {
        char *line = take_line(q);

        if (!line) {
            if (!receive(q, PATIENCE_MS)) {
                too_slow(q);
            }
        } else if (!take_irq(q, line)) {
            return line;
        } else {
            g_free(line);
        }
    }
}

static void take_news(struct qtest *q, int timeout_ms)
{
    char *line;

    receive(q, timeout_ms);
    while ((line = take_line(q))) {
        if (!take_irq(q, line)) {
            g_error("'%s' came, and nothing was asked", line);
        }
        g_free(line);
    }
}

static void send_line(struct qtest *q, const char *fmt, va_list ap) G_GNUC_PRINTF(2, 0);

static void send_line(struct qtest *q, const char *fmt, va_list ap)
{
    size_t done = 0, len;

    g_free(q->doing);
    q->doing = g_strdup_vprintf(fmt, ap);
    len = strlen(q->doing);
    q->doing[len] = '\n'; /* for the way out */
    while (done < len + 1) {
        ssize_t n = write(q->fd, q->doing + done, len + 1 - done);

        if (n < 0 && errno != EINTR) {
            q->doing[len] = '\0';
            died(q);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    q->doing[len] = '\0';
}

/* The reply without its first word, which is to be @word. */
static const char *expect_reply(struct qtest *q, const char *word)
{
    size_t len = strlen(word);

    g_free(q->reply);
    q->reply = next_reply(q);
    if (strncmp(q->reply, word, len) != 0 || (q->reply[len] && q->reply[len] != ' ')) {
        g_error("'%.200s' gives '%.200s', not %s", q->doing, q->reply, word);
    }
    return q->reply + len + (q->reply[len] == ' ');
}

const char *qtest_command(struct qtest *q, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    send_line(q, fmt, ap);
    va_end(ap);
    return expect_reply(q, "OK");
}

const char *qtest_refused(struct qtest *q, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    send_line(q, fmt, ap);
    va_end(ap);
    return expect_reply(q, "FAIL");
}

static uint64_t number(struct qtest *q, const char *text)
{
    char *end;
    uint64_t val = g_ascii_strtoull(text, &end, 0);

    if (end == text || *end) {
        g_error("'%s' gives '%s', which is no number", q->doing, text);
    }
    return val;
}

/* ---- ports and memory ---- */

static uint64_t load(struct qtest *q, const char *command, uint64_t addr)
{
    return number(q, qtest_command(q, "%s 0x%" PRIx64, command, addr));
}

static void store(struct qtest *q, const char *command, uint64_t addr, uint64_t val)
{
    qtest_command(q, "%s 0x%" PRIx64 " 0x%" PRIx64, command, addr, val);
}

uint8_t qtest_inb(struct qtest *q, uint16_t port)
{
    return (uint8_t)load(q, "inb", port);
}

uint16_t qtest_inw(struct qtest *q, uint16_t port)
{
    return (uint16_t)load(q, "inw", port);
}

uint32_t qtest_inl(struct qtest *q, uint16_t port)
{
    return (uint32_t)load(q, "inl", port);
}

void qtest_outb(struct qtest *q, uint16_t port, uint8_t val)
{
    store(q, "outb", port, val);
}

void qtest_outw(struct qtest *q, uint16_t port, uint16_t val)
{
    store(q, "outw", port, val);
}

void qtest_outl(struct qtest *q, uint16_t port, uint32_t val)
{
    store(q, "outl", port, val);
}

uint8_t qtest_readb(struct qtest *q, uint64_t gpa)
{
    return (uint8_t)load(q, "readb", gpa);
}

uint16_t qtest_readw(struct qtest *q, uint64_t gpa)
{
    return (uint16_t)load(q, "readw", gpa);
}

uint32_t qtest_readl(struct qtest *q, uint64_t gpa)
{
    return (uint32_t)load(q, "readl", gpa);
}

uint64_t qtest_readq(struct qtest *q, uint64_t gpa)
{
    return load(q, "readq", gpa);
}

void qtest_writeb(struct qtest *q, uint64_t gpa, uint8_t val)
{
    store(q, "writeb", gpa, val);
}

void qtest_writew(struct qtest *q, uint64_t gpa, uint16_t val)
{
    store(q, "writew", gpa, val);
}

void qtest_writel(struct qtest *q, uint64_t gpa, uint32_t val)
{
    store(q, "writel", gpa, val);
}

void qtest_writeq(struct qtest *q, uint64_t gpa, uint64_t val)
{
    store(q, "writeq", gpa, val);
}

void qtest_memread(struct qtest *q, uint64_t gpa, void *buf, size_t len)
{
    const char *hex = qtest_command(q, "read 0x%" PRIx64 " 0x%zx", gpa, len);
    uint8_t *p = buf;

    if (strlen(hex) != 2 + 2 * len || !g_str_has_prefix(hex, "0x")) {
        g_error("'%s' gives '%.80s', not %zu bytes", q->doing, hex, len);
    }
    hex += 2;
    for (size_t i = 0; i < len; i++) {
        p[i] =
            (uint8_t)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    }
}

void qtest_memwrite(struct qtest *q, uint64_t gpa, const void *buf, size_t len)
{
    g_autoptr(GString) hex = g_string_sized_new(2 * len);
    const uint8_t *p = buf;

    for (size_t i = 0; i < len; i++) {
        g_string_append_printf(hex, "%02x", p[i]);
    }
    qtest_command(q, "write 0x%" PRIx64 " 0x%zx 0x%s", gpa, len, hex->str);
}

void qtest_memset(struct qtest *q, uint64_t gpa, uint8_t val, size_t len)
{
    qtest_command(q, "memset 0x%" PRIx64 " 0x%zx 0x%x", gpa, len, val);
}

/* ---- time and interrupts ---- */

int64_t qtest_clock_step(struct qtest *q, int64_t ns)
{
    return (int64_t)number(q, qtest_command(q, "clock_step %" PRId64, ns));
}

int64_t qtest_clock_step_next(struct qtest *q)
{
    return (int64_t)number(q, qtest_command(q, "clock_step"));
}

void qtest_watch_irqs(struct qtest *q, const char *device)
{
    qtest_command(q, "irq_intercept_in %s", device);
}

bool qtest_irq(struct qtest *q, unsigned n)
{
    g_assert_cmpuint(n, <, QTEST_IRQS);
    take_news(q, 0);
    return q->level[n];
}

unsigned qtest_irq_rises(struct qtest *q, unsigned n)
{
    g_assert_cmpuint(n, <, QTEST_IRQS);
    take_news(q, 0);
    return q->rises[n];
}

void qtest_wait_irq(struct qtest *q, unsigned n)
{
    for (int waited = 0; !qtest_irq(q, n); waited += LOOK_MS) {
        if (waited >= PATIENCE_MS) {
            g_error("interrupt %u did not come after '%s'", n, q->doing);
        }
        take_news(q, LOOK_MS);
    }
}

void qtest_set_irq(struct qtest *q, const char *device, unsigned n, bool level)
{
    qtest_command(q, "set_irq_in %s unnamed %u %d", device, n, level);
}

/* ---- PCI ---- */

static uint16_t pci_select(struct qtest *q, unsigned slot, unsigned fn, unsigned offset)
{
    qtest_outl(q, 0xcf8, 0x80000000u | slot << 11 | fn << 8 | (offset & 0xfc));
    return (uint16_t)(0xcfc + (offset & 3));
}

uint32_t qtest_pci_read(struct qtest *q, unsigned slot, unsigned fn, unsigned offset, unsigned size)
{
    uint16_t port = pci_select(q, slot, fn, offset);

    return size == 1 ? qtest_inb(q, port) : size == 2 ? qtest_inw(q, port) : qtest_inl(q, port);
}

void qtest_pci_write(struct qtest *q, unsigned slot, unsigned fn, unsigned offset, unsigned size,
                     uint32_t val)
{
    uint16_t port = pci_select(q, slot, fn, offset);

    if (size == 1) {
        qtest_outb(q, port, (uint8_t)val);
    } else if (size == 2) {
        qtest_outw(q, port, (uint16_t)val);
    } else {
        qtest_outl(q, port, val);
    }
}

/* ---- files ---- */

char *qtest_temp_file(const void *data, size_t len)
{
    g_autofree void *zeros = data ? NULL : g_malloc0(len ? len : 1);
    char *path = NULL;
    GError *error = NULL;
    int fd = g_file_open_tmp("vitro-file-XXXXXX", &path, &error);

    g_assert_no_error(error);
    close(fd);
    g_file_set_contents(path, data ? data : zeros, (gssize)len, &error);
    g_assert_no_error(error);
    return path;
}

void qtest_temp_free(char *path)
{
    if (path) {
        g_unlink(path);
        g_free(path);
    }
}
