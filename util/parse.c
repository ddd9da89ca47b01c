/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing numbers, sizes and switches.
 */
#include "util/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool parse_bool(const char *text, bool *ret, GError **error)
{
    static const char *const on[] = {"on", "yes", "true", "y", NULL};
    static const char *const off[] = {"off", "no", "false", "n", NULL};

    if (g_strv_contains(on, text)) {
        *ret = true;
        return true;
    }
    if (g_strv_contains(off, text)) {
        *ret = false;
        return true;
    }
    return fail(error, "'%s' is neither 'on' nor 'off'", text);
}

/* The integer that @text begins with; *@ret_end is behind it. */
static bool leading_uint(const char *text, uint64_t *ret, const char **ret_end, GError **error)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *end;
    guint64 v;

    if (!(hex ? g_ascii_isxdigit(text[2]) : g_ascii_isdigit(text[0]))) {
        return fail(error, "'%s' is not a number", text);
    }
    errno = 0;
    v = g_ascii_strtoull(hex ? text + 2 : text, &end, hex ? 16 : 10);
    if (errno == ERANGE) {
        return fail(error, "'%s' does not fit in 64 bits", text);
    }
    *ret = v;
    *ret_end = end;
    return true;
}

bool parse_uint(const char *text, uint64_t max, uint64_t *ret, GError **error)
{
    const char *end;
    uint64_t v;

    if (!leading_uint(text, &v, &end, error)) {
        return false;
    }
    if (*end) {
        return fail(error, "'%s' is not a number: unexpected '%s'", text, end);
    }
    if (v > max) {
        return fail(error, "%s is too large, %" G_GUINT64_FORMAT " is the most", text, max);
    }
    *ret = v;
    return true;
}

/* What the suffix @c multiplies by; 0 when it is none. */
static uint64_t suffix_factor(char c)
{
    static const char letters[] = "BKMGTPE";
    const char *p = c ? strchr(letters, g_ascii_toupper(c)) : NULL;

    return p ? 1ULL << (10 * (p - letters)) : 0;
}

/* The digits after a decimal point as a fraction of @factor, rounded down. */
static uint64_t fraction_of(uint64_t factor, const char *digits, const char **ret_end)
{
    unsigned __int128 sum = 0, weight = (unsigned __int128)factor << 60;

    for (; g_ascii_isdigit(*digits); digits++) {
        weight /= 10;
        sum += weight * (unsigned)(*digits - '0');
    }
    *ret_end = digits;
    /* Each division lost less than one unit of 2^-60; make good for it before cutting. */
    return (uint64_t)((sum + (1 << 10)) >> 60);
}

bool parse_size(const char *text, uint64_t unit, uint64_t *ret_bytes, GError **error)
{
    uint64_t whole, factor = unit, extra = 0;
    const char *point, *end;

    if (!leading_uint(text, &whole, &point, error)) {
        return false;
    }
    end = point;
    if (*point == '.') {
        fraction_of(1, point + 1, &end);
        if (end == point + 1) {
            return fail(error, "'%s' is not a size: digits are missing after the point", text);
        }
    }
    if (*end) {
        factor = suffix_factor(*end);
        if (!factor || end[1]) {
            return fail(error,
                        "'%s' is not a size: a number may be followed by one of B, K, M, G, T, "
                        "P, E",
                        text);
        }
    }
    if (*point == '.') {
        extra = fraction_of(factor, point + 1, &end);
    }
    if (whole > (UINT64_MAX - extra) / factor) {
        return fail(error, "'%s' does not fit in 64 bits", text);
    }
    *ret_bytes = whole * factor + extra;
    return true;
}

bool parse_uuid(const char *text, uint8_t *ret, GError **error)
{
    unsigned b[16];
    int end = 0;

    if (sscanf(text, "%2x%2x%2x%2x-%2x%2x-%2x%2x-%2x%2x-%2x%2x%2x%2x%2x%2x%n", &b[0], &b[1], &b[2],
               &b[3], &b[4], &b[5], &b[6], &b[7], &b[8], &b[9], &b[10], &b[11], &b[12], &b[13],
               &b[14], &b[15], &end) != 16 ||
        end != 36 || text[36]) {
        return fail(error, "'%s' is not a UUID such as 01234567-89ab-cdef-0123-456789abcdef", text);
    }
    for (unsigned i = 0; i < 16; i++) {
        ret[i] = (uint8_t)b[i];
    }
    return true;
}

char *format_uuid(const uint8_t *u)
{
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
                           u[12], u[13], u[14], u[15]);
}
