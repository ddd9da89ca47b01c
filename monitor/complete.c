/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion of monitor lines: command names, then each argument as its table row says.
 */
#include "monitor/hmp.h"

#include <string.h>

/* The last word of @text; commas and dashes within a word belong to it. */
static const char *last_word(const char *text)
{
    const char *blank = strrchr(text, ' ');

    return blank ? blank + 1 : text;
}

static void add_names(bool info, GPtrArray *found)
{
    g_autoptr(GPtrArray) all = hmp_commands_sorted(info);

    for (unsigned i = 0; i < all->len; i++) {
        g_ptr_array_add(found, g_strdup(((const struct hmp_command *)all->pdata[i])->name));
    }
    if (!info) {
        g_ptr_array_add(found, g_strdup("info"));
    }
}

/* The row that word number @n (from 0, flags not counted) of the arguments is for. */
static const struct hmp_arg *arg_number(const struct hmp_command *cmd, unsigned n)
{
    for (const struct hmp_arg *a = cmd->args; a && a->name; a++) {
        if (a->kind == HMP_FLAG || a->kind == HMP_FORMAT) {
            continue;
        }
        if (n-- == 0 || a->kind == HMP_REST) {
            return a;
        }
    }
    return NULL;
}

/* @text begins behind the command's name. */
static void complete_argument(struct monitor *mon, const struct hmp_command *cmd, const char *text,
                              GPtrArray *found)
{
    g_auto(GStrv) words = g_strsplit_set(text + strspn(text, " "), " ", -1);
    const struct hmp_arg *a;
    unsigned n = 0;

    for (unsigned i = 0; words[i] && words[i + 1]; i++) {
        n += *words[i] && *words[i] != '-' && *words[i] != '/';
    }
    a = arg_number(cmd, n);
    if (a && a->complete) {
        a->complete(mon, found);
    }
}

static void drop_others(const char *word, GPtrArray *found)
{
    for (unsigned i = found->len; i-- > 0;) {
        if (!g_str_has_prefix(found->pdata[i], word)) {
            g_ptr_array_remove_index_fast(found, i);
        }
    }
}

size_t hmp_complete(struct monitor *mon, const char *text, GPtrArray *found)
{
    const char *word = last_word(text), *p = text + strspn(text, " ");
    const struct hmp_command *cmd;
    bool info = false;
    size_t len = strcspn(p, " ");

    if (len == strlen("info") && strncmp(p, "info", len) == 0 && p[len]) {
        info = true;
        p += len;
        p += strspn(p, " ");
        len = strcspn(p, " ");
    }
    if (!p[len]) {
        add_names(info, found);
    } else {
        cmd = hmp_find(info, p, len);
        if (cmd) {
            complete_argument(mon, cmd, p + len, found);
        }
    }
    drop_others(word, found);
    return strlen(word);
}
