/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The human monitor: an instance on a character device, dispatch of commands, help.
 *
 * Output goes to a buffer and from there to the character device as fast as its peer takes it;
 * while some is left, no further input is taken. So the output of the commands in one INPUT_CHUNK
 * is the most that waits, and that is cut at OUTPUT_MAX.
 */
#include "monitor/hmp.h"

#include "monitor/readline.h"
#include <string.h>

#define OUTPUT_MAX  (16 * MiB)
#define INPUT_CHUNK 256 /* answered in one write: many small ones are slow on TCP */
#define PROMPT      "(vitro) "

LINKER_SET_DECLARE(hmp_commands, struct hmp_command);
LINKER_SET_DECLARE(hmp_infos, struct hmp_command);

struct later {
    struct monitor *mon;
    struct timer timer;
    void (*fn)(struct monitor *mon, void *data);
    void *data;
};

struct monitor {
    struct machine *machine;
    struct char_frontend fe;
    struct readline *rl; /* NULL: output is collected for monitor_run_line() */
    unsigned cpu;
    GString *out;
    bool cut;    /* output was too long */
    bool ending; /* the process is about to end */
    bool on_mux;
    bool focused;       /* on a mux: has the input */
    bool greeting_owed; /* on a mux: the peer has not seen it yet */
    GSList *laters;     /* struct later */
};

/* ---- output ---- */

static void flush(struct monitor *mon);

static void output_ready(void *opaque)
{
    struct monitor *mon = opaque;

    flush(mon);
    if (!mon->out->len) {
        char_frontend_accept_input(&mon->fe);
    }
}

static void flush(struct monitor *mon)
{
    size_t n;

    if (!mon->rl || !mon->out->len) {
        return;
    }
    n = char_frontend_write(&mon->fe, mon->out->str, mon->out->len);
    g_string_erase(mon->out, 0, n);
    if (mon->out->len) {
        char_frontend_on_writable(&mon->fe, output_ready);
    }
}

/* Adds text; on a terminal a line end needs a carriage return. */
static void add_output(struct monitor *mon, const char *text)
{
    if (mon->out->len + strlen(text) > OUTPUT_MAX) {
        mon->cut = true;
        return;
    }
    for (; *text; text++) {
        if (*text == '\n' && mon->rl) {
            g_string_append_c(mon->out, '\r');
        }
        g_string_append_c(mon->out, *text);
    }
}

void monitor_printf(struct monitor *mon, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    add_output(mon, text);
}

void monitor_print(void *opaque, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    add_output(opaque, text);
}

void monitor_error(struct monitor *mon, GError *error)
{
    monitor_printf(mon, "Error: %s\n", error->message);
    g_error_free(error);
}

/* ---- tables ---- */

static int compare_commands(const void *a, const void *b)
{
    const struct hmp_command *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

GPtrArray *hmp_commands_sorted(bool info)
{
    GPtrArray *all = g_ptr_array_new();

    if (info) {
        LINKER_SET_FOREACH(hmp_infos, struct hmp_command, c)
        {
            g_ptr_array_add(all, (void *)*c);
        }
    } else {
        LINKER_SET_FOREACH(hmp_commands, struct hmp_command, c)
        {
            g_ptr_array_add(all, (void *)*c);
        }
    }
    g_ptr_array_sort(all, compare_commands);
    return all;
}

static bool name_is(const char *name, const char *typed, size_t len)
{
    return name && strlen(name) == len && memcmp(name, typed, len) == 0;
}

const struct hmp_command *hmp_find(bool info, const char *name, size_t len)
{
    g_autoptr(GPtrArray) all = hmp_commands_sorted(info);

    for (unsigned i = 0; i < all->len; i++) {
        const struct hmp_command *c = all->pdata[i];

        if (name_is(c->name, name, len) || name_is(c->alias, name, len)) {
            return c;
        }
    }
    return NULL;
}

/* ---- dispatch ---- */

static void print_unknown(struct monitor *mon, bool info, const char *name, size_t len)
{
    g_autoptr(GPtrArray) all = hmp_commands_sorted(info);
    g_autofree char *typed = g_strndup(name, len);
    const char *near;

    for (unsigned i = 0; i < all->len; i++) {
        all->pdata[i] = (void *)((const struct hmp_command *)all->pdata[i])->name;
    }
    g_ptr_array_add(all, NULL);
    near = nearest_name(typed, (const char *const *)all->pdata);
    monitor_printf(mon, "unknown command: '%s%s'", info ? "info " : "", typed);
    if (near) {
        monitor_printf(mon, "; did you mean '%s%s'?", info ? "info " : "", near);
    }
    monitor_printf(mon, "\n");
}

static void run_command(struct monitor *mon, const struct hmp_command *cmd, bool info,
                        const char *rest)
{
    struct hmp_args args;
    GError *error = NULL;

    if (hmp_args_parse(&args, cmd->args, rest, monitor_register, mon, &error)) {
        cmd->run(mon, &args);
    } else {
        monitor_printf(mon, "%s: %s\n", cmd->name, error->message);
        monitor_printf(mon, "Try \"help %s%s\" for more information\n", info ? "info " : "",
                       cmd->name);
        g_error_free(error);
    }
    hmp_args_clear(&args);
}

static void print_all_help(struct monitor *mon, bool info);

static void run_line(struct monitor *mon, const char *line)
{
    const struct hmp_command *cmd;
    bool info = false;
    size_t len;

    line += strspn(line, " \t");
    len = strcspn(line, " \t/"); /* "x/4xw" is x with a format */
    if (!*line || *line == '#') {
        return;
    }
    if (name_is("info", line, len)) {
        info = true;
        line += len;
        line += strspn(line, " \t");
        len = strcspn(line, " \t");
        if (!len) {
            print_all_help(mon, /* info= */ true);
            return;
        }
    }
    cmd = hmp_find(info, line, len);
    if (!cmd) {
        print_unknown(mon, info, line, strcspn(line, " \t"));
        return;
    }
    run_command(mon, cmd, info, line + len);
}

/* ---- help ---- */

static void print_help_line(struct monitor *mon, const struct hmp_command *c, bool info)
{
    g_autofree char *params = hmp_params(c);

    monitor_printf(mon, "%s%s%s%s%s%s -- %s\n", info ? "info " : "", c->name, c->alias ? "|" : "",
                   c->alias ? c->alias : "", *params || !info ? " " : "", params, c->help);
}

static void print_all_help(struct monitor *mon, bool info)
{
    g_autoptr(GPtrArray) all = hmp_commands_sorted(info);

    for (unsigned i = 0; i < all->len; i++) {
        print_help_line(mon, all->pdata[i], info);
    }
}

static void run_help(struct monitor *mon, const struct hmp_args *args)
{
    const char *name = hmp_text(args, "cmd");
    const struct hmp_command *c;
    bool info;

    if (!name) {
        print_all_help(mon, /* info= */ false);
        monitor_printf(mon, "info [subcommand] -- show various information about the machine; "
                            "'help info' lists it\n");
        return;
    }
    info = strcmp(name, "info") == 0 || g_str_has_prefix(name, "info ");
    if (info) {
        name += strlen("info");
        name += strspn(name, " ");
        if (!*name) {
            print_all_help(mon, /* info= */ true);
            return;
        }
    }
    c = hmp_find(info, name, strlen(name));
    if (!c) {
        print_unknown(mon, info, name, strlen(name));
        return;
    }
    print_help_line(mon, c, info);
    for (const struct hmp_arg *a = c->args; a && a->name; a++) {
        if (a->help) {
            monitor_printf(mon, "    %s%s: %s\n", a->kind == HMP_FLAG ? "-" : "", a->name, a->help);
        }
    }
    if (c->details) {
        monitor_printf(mon, "%s\n", c->details);
    }
}

static void complete_commands(struct monitor *mon, GPtrArray *found)
{
    g_autoptr(GPtrArray) all = hmp_commands_sorted(/* info= */ false);

    (void)mon;
    for (unsigned i = 0; i < all->len; i++) {
        g_ptr_array_add(found, g_strdup(((const struct hmp_command *)all->pdata[i])->name));
    }
    g_ptr_array_add(found, g_strdup("info"));
}

static const struct hmp_arg help_args[] = {
    {"cmd", HMP_REST, .optional = true, .complete = complete_commands},
    {0},
};

static const struct hmp_command help_command = {
    .name = "help",
    .alias = "?",
    .args = help_args,
    .help = "show the help",
    .run = run_help,
};
HMP_COMMAND(help_command);

static void run_info_history(struct monitor *mon, const struct hmp_args *args)
{
    const GPtrArray *lines = monitor_history(mon);

    (void)args;
    for (unsigned i = 0; lines && i < lines->len; i++) {
        monitor_printf(mon, "%u: '%s'\n", i, (const char *)lines->pdata[i]);
    }
}

static const struct hmp_command info_history = {
    .name = "history",
    .help = "show the command line history",
    .run = run_info_history,
};
HMP_INFO(info_history);

/* ---- an instance ---- */

struct machine *monitor_machine(const struct monitor *mon)
{
    return mon->machine;
}

struct vcpu *monitor_vcpu(const struct monitor *mon)
{
    const GPtrArray *all = mon->machine->vcpus;

    return mon->cpu < all->len ? all->pdata[mon->cpu] : all->len ? all->pdata[0] : NULL;
}

bool monitor_set_cpu(struct monitor *mon, unsigned index)
{
    if (index >= mon->machine->vcpus->len) {
        return false;
    }
    mon->cpu = index;
    return true;
}

const GPtrArray *monitor_history(const struct monitor *mon)
{
    return mon->rl ? readline_history(mon->rl) : NULL;
}

void monitor_end(struct monitor *mon)
{
    mon->ending = true;
}

static void later_run(struct later *l)
{
    struct monitor *mon = l->mon;

    mon->laters = g_slist_remove(mon->laters, l);
    timer_cancel(&l->timer);
    l->fn(mon, l->data);
    g_free(l);
}

static void later_expired(void *opaque)
{
    later_run(opaque);
}

void monitor_later(struct monitor *mon, unsigned ms, void (*fn)(struct monitor *mon, void *data),
                   void *data)
{
    struct clock *clock = &mon->machine->clock_real;
    struct later *l = g_new0(struct later, 1);

    l->mon = mon;
    l->fn = fn;
    l->data = data;
    timer_init(&l->timer, clock, later_expired, l);
    timer_set(&l->timer, clock_now_ns(clock) + ms * NS_PER_MS);
    mon->laters = g_slist_append(mon->laters, l);
}

static void print_to_terminal(void *opaque, const char *buf, size_t len)
{
    struct monitor *mon = opaque;

    g_string_append_len(mon->out, buf, len);
}

static void line_entered(void *opaque, const char *line)
{
    struct monitor *mon = opaque;

    run_line(mon, line);
    if (mon->cut) {
        mon->cut = false;
        monitor_printf(mon, "\n(the rest of the output was too long)\n");
    }
    if (!mon->ending) {
        readline_prompt(mon->rl);
    }
}

static size_t complete_line(void *opaque, const char *text, GPtrArray *found)
{
    return hmp_complete(opaque, text, found);
}

static const struct readline_ops terminal_ops = {
    .print = print_to_terminal,
    .line = line_entered,
    .complete = complete_line,
};

static void greet(struct monitor *mon)
{
    mon->greeting_owed = false;
    readline_reset(mon->rl);
    monitor_printf(mon, "vitro %s monitor - type 'help' for more information\n", CONFIG_VERSION);
    readline_prompt(mon->rl);
    flush(mon);
}

static size_t can_receive(void *opaque)
{
    struct monitor *mon = opaque;

    return mon->out->len ? 0 : INPUT_CHUNK;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct monitor *mon = opaque;

    readline_input(mon->rl, buf, len);
    flush(mon);
}

static void event(void *opaque, enum chardev_event what)
{
    struct monitor *mon = opaque;

    switch (what) {
    case CHARDEV_OPENED:
        if (mon->on_mux && !mon->focused) {
            mon->greeting_owed = true;
        } else {
            greet(mon);
        }
        break;
    case CHARDEV_CLOSED:
        g_string_truncate(mon->out, 0);
        readline_reset(mon->rl);
        break;
    case CHARDEV_MUX_IN:
        mon->focused = true;
        monitor_printf(mon, "\n"); /* the guest may have been in the middle of a line */
        if (mon->greeting_owed) {
            greet(mon);
        } else {
            readline_prompt(mon->rl);
            flush(mon);
        }
        break;
    case CHARDEV_MUX_OUT:
        mon->focused = false;
        monitor_printf(mon, "\n"); /* what follows begins on a line of its own */
        flush(mon);
        break;
    default:
        break;
    }
}

static struct monitor *new_instance(struct machine *m)
{
    struct monitor *mon = g_new0(struct monitor, 1);

    mon->machine = m;
    mon->out = g_string_new(NULL);
    return mon;
}

struct monitor *monitor_new(struct machine *m, struct chardev *chr, GError **error)
{
    struct monitor *mon = new_instance(m);

    mon->rl = readline_new(PROMPT, &terminal_ops, mon);
    mon->on_mux = strcmp(chardev_driver_name(chr), "mux") == 0;
    mon->fe.can_receive = can_receive;
    mon->fe.receive = receive;
    mon->fe.event = event;
    mon->fe.opaque = mon;
    mon->fe.background = true;
    if (!char_frontend_connect(&mon->fe, chr, error)) {
        monitor_free(mon);
        return NULL;
    }
    return mon;
}

void monitor_free(struct monitor *mon)
{
    if (!mon) {
        return;
    }
    while (mon->laters) {
        later_run(mon->laters->data);
    }
    flush(mon);
    char_frontend_disconnect(&mon->fe);
    readline_free(mon->rl);
    g_string_free(mon->out, TRUE);
    g_free(mon);
}

char *monitor_run_line(struct machine *m, unsigned cpu, const char *line)
{
    struct monitor *mon = new_instance(m);
    char *text;

    mon->cpu = cpu;
    run_line(mon, line);
    text = g_strdup(mon->out->str);
    monitor_free(mon);
    return text;
}
