/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of monitor commands: parsing a line by a command's table.
 */
#include "monitor/hmp.h"

#include "monitor/expr.h"
#include "util/parse.h"
#include <string.h>

#define COUNT_MAX 1000000 /* of "/COUNTxw" */

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t') {
        p++;
    }
    return p;
}

/* A word, plain or in double quotes with backslash escapes; moves *@text behind it. */
static char *take_word(const char **text, GError **error)
{
    GString *word = g_string_new(NULL);
    const char *p = *text;
    bool quoted = *p == '"';

    for (p += quoted; *p && (quoted ? *p != '"' : *p != ' ' && *p != '\t'); p++) {
        if (quoted && *p == '\\' && p[1]) {
            p++;
            g_string_append_c(word, *p == 'n' ? '\n' : *p == 't' ? '\t' : *p == 'r' ? '\r' : *p);
        } else {
            g_string_append_c(word, *p);
        }
    }
    if (quoted && *p != '"') {
        fail(error, "closing '\"' is missing");
        g_string_free(word, TRUE);
        return NULL;
    }
    *text = p + quoted;
    return g_string_free(word, FALSE);
}

static unsigned format_size(char c)
{
    switch (c) {
    case 'b':
        return 1;
    case 'h':
        return 2;
    case 'w':
        return 4;
    case 'g':
    case 'L':
        return 8;
    default:
        return 0;
    }
}

static bool take_format(struct hmp_format *f, const char **text, GError **error)
{
    const char *p = *text;

    *f = (struct hmp_format){.count = 1};
    if (*p != '/') {
        return true;
    }
    p++;
    if (g_ascii_isdigit(*p)) {
        for (f->count = 0; g_ascii_isdigit(*p); p++) {
            f->count = MIN(f->count * 10 + (unsigned)(*p - '0'), COUNT_MAX);
        }
    }
    for (; *p && *p != ' ' && *p != '\t'; p++) {
        if (strchr("xduoci", *p)) {
            f->letter = *p;
        } else if (format_size(*p)) {
            f->size = format_size(*p);
        } else {
            return fail(error,
                        "invalid char in format: '%c'; a count, one of x d u o c i, and one of "
                        "b h w g are allowed",
                        *p);
        }
    }
    *text = p;
    return true;
}

/* "-f" and "-fd" for all flags in the table. */
static bool take_flags(struct hmp_args *args, const char **text, GError **error)
{
    const char *p = *text;
    unsigned flags = 0;

    for (const struct hmp_arg *a = args->table; a->name; a++) {
        flags += a->kind == HMP_FLAG;
    }
    while (flags && *p == '-' && g_ascii_isalpha(p[1])) {
        for (p++; *p && *p != ' ' && *p != '\t'; p++) {
            unsigned i = 0;

            while (args->table[i].name &&
                   !(args->table[i].kind == HMP_FLAG && args->table[i].name[0] == *p)) {
                i++;
            }
            if (!args->table[i].name) {
                return fail(error, "unsupported option -%c", *p);
            }
            args->values[i].given = true;
        }
        p = skip_blanks(p);
    }
    *text = p;
    return true;
}

static bool take_size(struct hmp_value *v, const char **text, GError **error)
{
    g_autofree char *word = take_word(text, error);
    uint64_t bytes;

    if (!word || !parse_size(word, 1, &bytes, error)) {
        return false;
    }
    if (bytes > INT64_MAX) {
        return fail(error, "'%s' is too large", word);
    }
    v->number = (int64_t)bytes;
    return true;
}

static bool take_value(struct hmp_args *args, unsigned i, const char **text,
                       bool (*reg)(void *opaque, const char *name, uint64_t *ret), void *opaque,
                       GError **error)
{
    const struct hmp_arg *a = &args->table[i];
    struct hmp_value *v = &args->values[i];

    if (!**text) {
        return a->optional || fail(error, "%s expected", a->name);
    }
    v->given = true;
    switch (a->kind) {
    case HMP_WORD:
        v->text = take_word(text, error);
        return v->text != NULL;
    case HMP_REST:
        v->text = g_strchomp(g_strdup(*text));
        *text += strlen(*text);
        return true;
    case HMP_NUMBER:
        return expr_eval(text, reg, opaque, &v->number, error);
    default:
        return take_size(v, text, error);
    }
}

bool hmp_args_parse(struct hmp_args *args, const struct hmp_arg *table, const char *text,
                    bool (*reg)(void *opaque, const char *name, uint64_t *ret), void *opaque,
                    GError **error)
{
    static const struct hmp_arg none[] = {{.name = NULL}};

    memset(args, 0, sizeof(*args));
    args->table = table ? table : none;
    args->format.count = 1;
    text = skip_blanks(text);
    if (!take_flags(args, &text, error)) {
        return false;
    }
    for (unsigned i = 0; args->table[i].name; i++) {
        enum hmp_arg_kind kind = args->table[i].kind;

        g_assert(i < HMP_ARGS_MAX);
        if (kind == HMP_FORMAT
                ? !take_format(&args->format, &text, error)
                : kind != HMP_FLAG && !take_value(args, i, &text, reg, opaque, error)) {
            return false;
        }
        text = skip_blanks(text);
    }
    return !*text || fail(error, "extraneous characters at the end of line: '%s'", text);
}

void hmp_args_clear(struct hmp_args *args)
{
    for (unsigned i = 0; i < HMP_ARGS_MAX; i++) {
        g_clear_pointer(&args->values[i].text, g_free);
    }
}

static const struct hmp_value *find_value(const struct hmp_args *args, const char *name)
{
    for (unsigned i = 0; args->table[i].name; i++) {
        if (strcmp(args->table[i].name, name) == 0) {
            return &args->values[i];
        }
    }
    g_assert_not_reached(); /* a command asks for what its own table does not have */
}

const char *hmp_text(const struct hmp_args *args, const char *name)
{
    return find_value(args, name)->text;
}

int64_t hmp_number(const struct hmp_args *args, const char *name, int64_t initial)
{
    const struct hmp_value *v = find_value(args, name);

    return v->given ? v->number : initial;
}

bool hmp_flag(const struct hmp_args *args, const char *name)
{
    return find_value(args, name)->given;
}

char *hmp_params(const struct hmp_command *cmd)
{
    GString *s = g_string_new(NULL);

    for (const struct hmp_arg *a = cmd->args; a && a->name; a++) {
        if (s->len) {
            g_string_append_c(s, ' ');
        }
        if (a->kind == HMP_FLAG) {
            g_string_append_printf(s, "[-%s]", a->name);
        } else if (a->kind == HMP_FORMAT) {
            g_string_append(s, "/fmt");
        } else {
            g_string_append_printf(s, a->optional ? "[%s]" : "%s", a->name);
        }
    }
    return g_string_free(s, FALSE);
}
