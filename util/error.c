/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making errors, and guessing what a mistyped name was meant to be.
 */
#include "util/error.h"

#include <errno.h>
#include <string.h>

GQuark vitro_error_quark(void)
{
    return g_quark_from_static_string("vitro");
}

static void set_error(GError **error, enum error_code code, const char *suffix, const char *fmt,
                      va_list ap) G_GNUC_PRINTF(4, 0);

static void set_error(GError **error, enum error_code code, const char *suffix, const char *fmt,
                      va_list ap)
{
    g_autofree char *text = NULL;

    if (!error) {
        return;
    }
    g_assert(*error == NULL);
    text = g_strdup_vprintf(fmt, ap);
    g_set_error(error, vitro_error_quark(), code, "%s%s%s", text, suffix ? ": " : "",
                suffix ? suffix : "");
}

bool(fail)(GError **error, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_error(error, ERROR_GENERIC, NULL, fmt, ap);
    va_end(ap);
    return false;
}

bool(fail_errno)(GError **error, const char *fmt, ...)
{
    const char *reason = g_strerror(errno);
    va_list ap;

    va_start(ap, fmt);
    set_error(error, ERROR_OS, reason, fmt, ap);
    va_end(ap);
    return false;
}

bool(fail_code)(GError **error, enum error_code code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_error(error, code, NULL, fmt, ap);
    va_end(ap);
    return false;
}

/* Edits (insert, delete, replace, swap of neighbours) that turn @a into @b, case ignored. */
static unsigned edit_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    g_autofree unsigned *rows = g_new(unsigned, 3 * (lb + 1));
    unsigned *before = rows, *prev = rows + (lb + 1), *cur = rows + 2 * (lb + 1);

    for (size_t j = 0; j <= lb; j++) {
        prev[j] = j;
    }
    for (size_t i = 1; i <= la; i++) {
        unsigned *recycled = before;

        cur[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            bool same = g_ascii_tolower(a[i - 1]) == g_ascii_tolower(b[j - 1]);
            unsigned best = prev[j - 1] + !same;

            best = MIN(best, MIN(prev[j], cur[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = MIN(best, before[j - 2] + 1);
            }
            cur[j] = best;
        }
        before = prev;
        prev = cur;
        cur = recycled;
    }
    return prev[lb];
}

const char *nearest_name(const char *typed, const char *const *names)
{
    size_t len = strlen(typed);
    unsigned best = len < 4 ? 2 : len < 8 ? 3 : 4; /* farther than this is no likeness */
    const char *found = NULL;

    if (len > 64) {
        return NULL;
    }
    for (; *names; names++) {
        unsigned d = edit_distance(typed, *names);

        if (d < best) {
            best = d;
            found = *names;
        }
    }
    return found;
}
