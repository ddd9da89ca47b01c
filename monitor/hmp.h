/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the human monitor, for those who add one.
 *
 * A command is a table row and a function, in the file of its subject:
 *
 *     static const struct hmp_arg foo_args[] = {
 *         {"f", HMP_FLAG, .help = "force"},
 *         {"device", HMP_WORD, .complete = complete_device},
 *         {"size", HMP_SIZE, .optional = true},
 *         {0},
 *     };
 *     static const struct hmp_command foo = {
 *         .name = "foo", .args = foo_args, .help = "does foo to a device", .run = run_foo,
 *     };
 *     HMP_COMMAND(foo);
 *
 * HMP_INFO() adds a subcommand of `info` instead. Parsing, help and completion follow from the
 * row. Arguments come in the order of the table, flags first.
 */
#ifndef VITRO_MONITOR_HMP_H
#define VITRO_MONITOR_HMP_H

#include "monitor/monitor.h"
#include "util/linker_set.h"

enum hmp_arg_kind {
    HMP_NONE,
    HMP_FLAG,   /* "-f" when the name is "f" */
    HMP_WORD,   /* up to the next blank; may be "quoted \"text\"" */
    HMP_REST,   /* all that is left of the line */
    HMP_NUMBER, /* an expression */
    HMP_SIZE,   /* "512M" */
    HMP_FORMAT, /* "/4xw", always optional */
};

struct hmp_arg {
    const char *name; /* NULL ends the table */
    enum hmp_arg_kind kind;
    bool optional;
    const char *help; /* flags */
    /* Adds to @found what the word may be; candidates that do not begin with what was typed are
     * sorted out by the caller. May be NULL. */
    void (*complete)(struct monitor *mon, GPtrArray *found);
};

/* "/4xw": count 4, letter x, size 4. */
struct hmp_format {
    unsigned count;
    char letter;   /* x d u o c i; 0: not given */
    unsigned size; /* bytes: 1, 2, 4, 8; 0: not given */
};

#define HMP_ARGS_MAX 6

struct hmp_value {
    bool given;
    char *text;     /* HMP_WORD, HMP_REST */
    int64_t number; /* HMP_NUMBER, HMP_SIZE */
};

struct hmp_args {
    const struct hmp_arg *table;
    struct hmp_value values[HMP_ARGS_MAX]; /* as the table's rows */
    struct hmp_format format;
};

struct hmp_command {
    const char *name;
    const char *alias;          /* NULL: none */
    const struct hmp_arg *args; /* NULL: none */
    const char *help;
    const char *details; /* further lines for `help NAME`; NULL: none */
    void (*run)(struct monitor *mon, const struct hmp_args *args);
};

#define HMP_COMMAND(sym) LINKER_SET_ENTRY(hmp_commands, struct hmp_command, sym)
#define HMP_INFO(sym)    LINKER_SET_ENTRY(hmp_infos, struct hmp_command, sym)

/* Parses @text by @table. @reg and @opaque: see expr_eval(). */
bool hmp_args_parse(struct hmp_args *args, const struct hmp_arg *table, const char *text,
                    bool (*reg)(void *opaque, const char *name, uint64_t *ret), void *opaque,
                    GError **error);
void hmp_args_clear(struct hmp_args *args);

/* By name, which stands in the table. NULL, or @initial, when it was not given. */
const char *hmp_text(const struct hmp_args *args, const char *name);
int64_t hmp_number(const struct hmp_args *args, const char *name, int64_t initial);
bool hmp_flag(const struct hmp_args *args, const char *name);

/* "[-f] device [size]" */
char *hmp_params(const struct hmp_command *cmd);

/* The commands, or info's subcommands, sorted by name; g_ptr_array_unref(). */
GPtrArray *hmp_commands_sorted(bool info);
/* By name or alias; NULL when there is none. */
const struct hmp_command *hmp_find(bool info, const char *name, size_t len);

/* ---- for commands ---- */

struct machine *monitor_machine(const struct monitor *mon);
void monitor_printf(struct monitor *mon, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* As that, for functions that want a print callback: @opaque is the monitor. */
void monitor_print(void *opaque, const char *fmt, ...);
/* Prints "Error: ..." and frees @error. */
void monitor_error(struct monitor *mon, GError *error);

/* The CPU that commands mean, NULL when the machine has none. */
struct vcpu *monitor_vcpu(const struct monitor *mon);
bool monitor_set_cpu(struct monitor *mon, unsigned index);
/* For expressions: registers of that CPU. @opaque is the monitor. */
bool monitor_register(void *opaque, const char *name, uint64_t *ret);

/* Lines that were typed here, oldest first; NULL when there is no line editing. */
const GPtrArray *monitor_history(const struct monitor *mon);
/* The process is about to end: no further prompt. */
void monitor_end(struct monitor *mon);
/* Calls @fn(@data) in @ms milliseconds; when the monitor goes earlier, then. */
void monitor_later(struct monitor *mon, unsigned ms, void (*fn)(struct monitor *mon, void *data),
                   void *data);

/* Completions of the line that ends with @text: see struct readline_ops. */
size_t hmp_complete(struct monitor *mon, const char *text, GPtrArray *found);

#endif
