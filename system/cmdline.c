/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: its table, parsing, help, manual page and completion words.
 */
#include "system/cmdline.h"

#include "util/parse.h"
#include <string.h>

enum row_kind {
    ROW_SECTION,
    ROW_FLAG,
    ROW_TEXT,
    ROW_LIST,
    ROW_MERGE,
    ROW_CALL,
    ROW_ALIAS,
    ROW_REFUSED,
};

struct row {
    enum row_kind kind;
    const char *name;
    const char *params;  /* NULL: takes no argument */
    const char *help;    /* of an alias: the name it stands for */
    const char *implied; /* ROW_MERGE: key of a first word without one */
    size_t field;
    opt_fn *call;
};

/* ---- functions of CALL rows ---- */

static opt_fn opt_help, opt_version, opt_accel, opt_enable_kvm, opt_overcommit, opt_name, opt_hda,
    opt_hdb, opt_hdc, opt_hdd, opt_cdrom, opt_fda, opt_fdb, opt_drive, opt_net_none, opt_readconfig,
    opt_print;

#define SECTION(title) {.kind = ROW_SECTION, .name = title},
#define FLAG(n, f, h)  {.kind = ROW_FLAG, .name = n, .help = h, .field = offsetof(struct config, f)},
#define TEXT(n, p, f, h)                                                                           \
    {.kind = ROW_TEXT, .name = n, .params = p, .help = h, .field = offsetof(struct config, f)},
#define LIST(n, p, f, h)                                                                           \
    {.kind = ROW_LIST, .name = n, .params = p, .help = h, .field = offsetof(struct config, f)},
#define MERGE(n, p, i, f, h)                                                                       \
    {.kind = ROW_MERGE,                                                                            \
     .name = n,                                                                                    \
     .params = p,                                                                                  \
     .implied = i,                                                                                 \
     .help = h,                                                                                    \
     .field = offsetof(struct config, f)},
#define CALL(n, p, fn, h) {.kind = ROW_CALL, .name = n, .params = p, .help = h, .call = opt_##fn},
#define ALIAS(n, of)      {.kind = ROW_ALIAS, .name = n, .help = of},
#define REFUSED(n, takes, h)                                                                       \
    {.kind = ROW_REFUSED, .name = n, .params = (takes) ? "" : NULL, .help = h},

static const struct row rows[] = {
#include "system/options.def"
    {0},
};

static const struct row *find_row(const char *name)
{
    for (const struct row *r = rows; r->name; r++) {
        if (r->kind == ROW_SECTION || strcmp(r->name, name) != 0) {
            continue;
        }
        return r->kind == ROW_ALIAS ? find_row(r->help) : r;
    }
    return NULL;
}

static bool merge(struct options *into, const struct row *r, const char *arg, GError **error)
{
    g_autofree char *what = g_strdup_printf("-%s", r->name);
    struct options *o = options_parse(what, arg, r->implied, error);

    if (!o) {
        return false;
    }
    for (guint i = 0; i < o->items->len; i++) {
        const struct option *item = g_ptr_array_index(o->items, i);

        options_add(into, item->key, item->value);
    }
    options_free(o);
    return true;
}

static enum cmdline_result apply(struct config *c, const struct row *r, const char *arg,
                                 GError **error)
{
    char *field = (char *)c + r->field;

    switch (r->kind) {
    case ROW_FLAG:
        *(bool *)field = true;
        return CMDLINE_OK;
    case ROW_TEXT:
        g_free(*(char **)(void *)field);
        *(char **)(void *)field = g_strdup(arg);
        return CMDLINE_OK;
    case ROW_LIST:
        g_ptr_array_add(*(GPtrArray **)(void *)field, g_strdup(arg));
        return CMDLINE_OK;
    case ROW_MERGE:
        return merge(*(struct options **)(void *)field, r, arg, error) ? CMDLINE_OK : CMDLINE_ERROR;
    case ROW_CALL:
        return r->call(c, arg, error);
    default:
        fail(error, "-%s: %s", r->name, r->help);
        return CMDLINE_ERROR;
    }
}

static enum cmdline_result unknown(const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *near;

    for (const struct row *r = rows; r->name; r++) {
        if (r->kind != ROW_SECTION && r->kind != ROW_REFUSED) {
            g_ptr_array_add(names, (gpointer)r->name);
        }
    }
    g_ptr_array_add(names, NULL);
    near = nearest_name(name, (const char *const *)names->pdata);
    if (near) {
        fail(error, "there is no option '-%s'; did you mean '-%s'?", name, near);
    } else {
        fail(error, "there is no option '-%s'; '-help' lists them", name);
    }
    return CMDLINE_ERROR;
}

enum cmdline_result cmdline_option(struct config *c, const char *name, const char *arg,
                                   GError **error)
{
    const struct row *r = find_row(name);

    if (!r) {
        return unknown(name, error);
    }
    if (!r->params != !arg) {
        fail(error, r->params ? "-%s needs an argument" : "-%s takes no argument", name);
        return CMDLINE_ERROR;
    }
    return apply(c, r, arg, error);
}

enum cmdline_result cmdline_parse(struct config *c, int argc, char **argv, GError **error)
{
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *arg = NULL;
        enum cmdline_result result;
        const struct row *r;

        if (word[0] != '-' || word[1] == '\0') {
            result = opt_hda(c, word, error); /* an image without an option */
        } else {
            word += word[1] == '-' ? 2 : 1;
            r = find_row(word);
            if (!r) {
                return unknown(word, error);
            }
            if (r->params && r->kind != ROW_REFUSED) {
                if (i + 1 == argc) {
                    fail(error, "-%s needs an argument: %s", word, r->params);
                    return CMDLINE_ERROR;
                }
                arg = argv[++i];
            }
            result = apply(c, r, arg, error);
        }
        if (result != CMDLINE_OK) {
            return result;
        }
    }
    return CMDLINE_OK;
}

static enum cmdline_result opt_help(struct config *c, const char *arg, GError **error)
{
    (void)c, (void)arg, (void)error;
    cmdline_print_help(stdout);
    return CMDLINE_LEAVE;
}

static enum cmdline_result opt_version(struct config *c, const char *arg, GError **error)
{
    (void)c, (void)arg, (void)error;
    printf("vitro version %s\n", CONFIG_VERSION);
    return CMDLINE_LEAVE;
}

static enum cmdline_result opt_accel(struct config *c, const char *arg, GError **error)
{
    (void)error;
    g_ptr_array_add(c->accels, g_strdup(arg));
    return CMDLINE_OK;
}

static enum cmdline_result opt_enable_kvm(struct config *c, const char *arg, GError **error)
{
    (void)arg;
    return opt_accel(c, "kvm", error);
}

static enum cmdline_result opt_overcommit(struct config *c, const char *arg, GError **error)
{
    static const char *const known[] = {"mem-lock", NULL};
    struct options *o = options_parse("-overcommit", arg, NULL, error);
    bool ok;

    if (!o) {
        return CMDLINE_ERROR;
    }
    ok = options_get_bool(o, "mem-lock", c->mem_lock, &c->mem_lock, error) &&
         options_unused(o, known, error);
    options_free(o);
    return ok ? CMDLINE_OK : CMDLINE_ERROR;
}

static enum cmdline_result opt_name(struct config *c, const char *arg, GError **error)
{
    (void)error;
    g_free(c->name);
    c->name = g_strdup(arg);
    return CMDLINE_OK;
}

static enum cmdline_result add_drive(struct config *c, enum drive_shorthand kind, int index,
                                     const char *text)
{
    struct drive_config *d = g_new(struct drive_config, 1);

    *d = (struct drive_config){kind, index, g_strdup(text)};
    g_ptr_array_add(c->drives, d);
    return CMDLINE_OK;
}

#define DRIVE_OPTION(name, kind, index)                                                            \
    static enum cmdline_result opt_##name(struct config *c, const char *arg, GError **error)       \
    {                                                                                              \
        (void)error;                                                                               \
        return add_drive(c, kind, index, arg);                                                     \
    }

DRIVE_OPTION(hda, DRIVE_HD, 0)
DRIVE_OPTION(hdb, DRIVE_HD, 1)
DRIVE_OPTION(hdc, DRIVE_HD, 2)
DRIVE_OPTION(hdd, DRIVE_HD, 3)
DRIVE_OPTION(cdrom, DRIVE_CD, 2)
DRIVE_OPTION(fda, DRIVE_FD, 0)
DRIVE_OPTION(fdb, DRIVE_FD, 1)
DRIVE_OPTION(drive, DRIVE_TEXT, 0)

static enum cmdline_result opt_net_none(struct config *c, const char *arg, GError **error)
{
    if (strcmp(arg, "none") != 0) {
        fail(error, "this version has no network: '-nic none' is all that works, not '%s'", arg);
        return CMDLINE_ERROR;
    }
    c->no_network = true;
    return CMDLINE_OK;
}

static enum cmdline_result opt_readconfig(struct config *c, const char *arg, GError **error)
{
    return readconfig(c, arg, error);
}

/* ---- help, manual, completion ---- */

static enum cmdline_result opt_print(struct config *c, const char *arg, GError **error)
{
    (void)c;
    if (strcmp(arg, "man") == 0) {
        cmdline_print_man(stdout);
    } else if (strcmp(arg, "completion") == 0) {
        cmdline_print_completion(stdout);
    } else {
        fail(error, "-print takes 'man' or 'completion', not '%s'", arg);
        return CMDLINE_ERROR;
    }
    return CMDLINE_LEAVE;
}

static void print_help_lines(FILE *out, const char *help)
{
    g_auto(GStrv) lines = g_strsplit(help, "\n", -1);

    for (char **line = lines; *line; line++) {
        fprintf(out, "        %s\n", *line);
    }
}

void cmdline_print_help(FILE *out)
{
    fprintf(out,
            "vitro version %s: a PC machine emulator\n"
            "usage: vitro-system-x86_64 [options] [disk image]\n",
            CONFIG_VERSION);
    for (const struct row *r = rows; r->name; r++) {
        switch (r->kind) {
        case ROW_SECTION:
            fprintf(out, "\n%s:\n", r->name);
            break;
        case ROW_ALIAS:
            fprintf(out, "  -%s: same as -%s\n", r->name, r->help);
            break;
        case ROW_REFUSED:
            break;
        default:
            fprintf(out, "  -%s%s%s\n", r->name, r->params ? " " : "", r->params ? r->params : "");
            print_help_lines(out, r->help);
            break;
        }
    }
    fprintf(out, "\nWith -nographic, Ctrl-A H shows the keys of the terminal.\n");
}

/* Escapes what roff would take for a command. */
static void print_roff(FILE *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\' || *p == '-') {
            fputc('\\', out);
        }
        if (p == text && (*p == '.' || *p == '\'')) {
            fputs("\\&", out);
        }
        fputs(*p == '\n' ? "\n.br\n" : (char[]){*p, '\0'}, out);
        if (*p == '\n' && (p[1] == '.' || p[1] == '\'')) {
            fputs("\\&", out);
        }
    }
}

void cmdline_print_man(FILE *out)
{
    for (const struct row *r = rows; r->name; r++) {
        if (r->kind == ROW_SECTION) {
            fprintf(out, ".SS %s\n", r->name);
        } else if (r->kind != ROW_REFUSED) {
            fprintf(out, ".TP\n.B \\-");
            print_roff(out, r->name);
            if (r->params) {
                fputs(" \\fR", out);
                print_roff(out, r->params);
            }
            fputs("\n", out);
            print_roff(out, r->kind == ROW_ALIAS ? "Same as -" : "");
            print_roff(out, r->help);
            fputs("\n", out);
        }
    }
}

void cmdline_print_completion(FILE *out)
{
    for (const struct row *r = rows; r->name; r++) {
        if (r->kind != ROW_SECTION && r->kind != ROW_REFUSED) {
            fprintf(out, "-%s%s\n", r->name, r->params ? " +" : "");
        }
    }
}
