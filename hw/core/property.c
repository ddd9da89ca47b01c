/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The property types, and parsing of sizes, numbers and switches.
 */
#include "hw/core/property.h"

#include "hw/core/object.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

bool parse_bool(const char *text, bool *ret, GError **error)
{
    static const char *const yes[] = {"on", "yes", "true", "y", NULL};
    static const char *const no[] = {"off", "no", "false", "n", NULL};

    if (g_strv_contains(yes, text)) {
        *ret = true;
        return true;
    }
    if (g_strv_contains(no, text)) {
        *ret = false;
        return true;
    }
    return fail(error, "'%s' is neither 'on' nor 'off'", text);
}

bool parse_uint(const char *text, uint64_t max, uint64_t *ret, GError **error)
{
    char *end;
    uint64_t v;

    errno = 0;
    v = g_ascii_strtoull(text, &end, 0);
    if (end == text || *end || strchr(text, '-')) {
        return fail(error, "'%s' is not a number", text);
    }
    if (errno == ERANGE || v > max) {
        return fail(error, "%s is more than %" PRIu64, text, max);
    }
    *ret = v;
    return true;
}

static bool parse_int(const char *text, int64_t min, int64_t max, int64_t *ret, GError **error)
{
    char *end;
    int64_t v;

    errno = 0;
    v = g_ascii_strtoll(text, &end, 0);
    if (end == text || *end) {
        return fail(error, "'%s' is not a number", text);
    }
    if (errno == ERANGE || v < min || v > max) {
        return fail(error, "%s is not between %" PRId64 " and %" PRId64, text, min, max);
    }
    *ret = v;
    return true;
}

/* The power of two that @suffix multiplies by, or -1. */
static int suffix_shift(char suffix)
{
    static const char letters[] = "BKMGTPE";
    const char *p = suffix ? strchr(letters, g_ascii_toupper(suffix)) : NULL;

    return p ? 10 * (int)(p - letters) : -1;
}

bool parse_size(const char *text, uint64_t unit, uint64_t *ret_bytes, GError **error)
{
    bool hex = g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0X");
    char *end = NULL;
    double factor = (double)unit, fraction = 0, total;
    uint64_t whole;

    errno = 0;
    whole = g_ascii_strtoull(text, &end, hex ? 16 : 10);
    if (end == text || strchr(text, '-') || errno == ERANGE) {
        return fail(error, "'%s' is not a size such as 512M or 2G", text);
    }
    if (*end == '.' && !hex) {
        const char *dot = end;

        fraction = g_ascii_strtod(dot, &end);
    }
    if (*end) {
        int shift = suffix_shift(*end);

        end++;
        if (shift >= 0 && (*end == '\0' || (shift > 0 && strcmp(end, "iB") == 0) ||
                           (shift > 0 && g_ascii_strcasecmp(end, "B") == 0))) {
            factor = (double)(1ULL << shift);
            unit = 1ULL << shift;
        } else {
            return fail(error, "'%s' is not a size: suffixes are B, K, M, G, T, P, E", text);
        }
    }
    total = ((double)whole + fraction) * factor;
    if (!(total < 9223372036854775808.0)) { /* 2^63: offsets are signed elsewhere */
        return fail(error, "size '%s' is too large", text);
    }
    *ret_bytes = whole * unit + (uint64_t)(fraction * factor);
    return true;
}

static bool bool_set(struct object *obj, const struct property *p, void *field, const char *text,
                     GError **error)
{
    (void)obj, (void)p;
    return parse_bool(text, field, error);
}

static char *bool_get(struct object *obj, const struct property *p, const void *field)
{
    (void)obj, (void)p;
    return g_strdup(*(const bool *)field ? "on" : "off");
}

const struct prop_type prop_type_bool = {"bool", PROP_JSON_BOOL, bool_set, bool_get, NULL};

#define UINT_TYPE(bits)                                                                            \
    static bool u##bits##_set(struct object *obj, const struct property *p, void *field,           \
                              const char *text, GError **error)                                    \
    {                                                                                              \
        uint64_t v;                                                                                \
        (void)obj, (void)p;                                                                        \
        if (!parse_uint(text, UINT##bits##_MAX, &v, error)) {                                      \
            return false;                                                                          \
        }                                                                                          \
        *(uint##bits##_t *)field = (uint##bits##_t)v;                                              \
        return true;                                                                               \
    }                                                                                              \
    static char *u##bits##_get(struct object *obj, const struct property *p, const void *field)    \
    {                                                                                              \
        (void)obj, (void)p;                                                                        \
        return g_strdup_printf("%" PRIu##bits, *(const uint##bits##_t *)field);                    \
    }                                                                                              \
    const struct prop_type prop_type_u##bits = {"uint" #bits, PROP_JSON_INT, u##bits##_set,        \
                                                u##bits##_get, NULL};

UINT_TYPE(8)
UINT_TYPE(16)
UINT_TYPE(32)
UINT_TYPE(64)

#define INT_TYPE(bits)                                                                             \
    static bool i##bits##_set(struct object *obj, const struct property *p, void *field,           \
                              const char *text, GError **error)                                    \
    {                                                                                              \
        int64_t v;                                                                                 \
        (void)obj, (void)p;                                                                        \
        if (!parse_int(text, INT##bits##_MIN, INT##bits##_MAX, &v, error)) {                       \
            return false;                                                                          \
        }                                                                                          \
        *(int##bits##_t *)field = (int##bits##_t)v;                                                \
        return true;                                                                               \
    }                                                                                              \
    static char *i##bits##_get(struct object *obj, const struct property *p, const void *field)    \
    {                                                                                              \
        (void)obj, (void)p;                                                                        \
        return g_strdup_printf("%" PRId##bits, *(const int##bits##_t *)field);                     \
    }                                                                                              \
    const struct prop_type prop_type_i##bits = {"int" #bits, PROP_JSON_INT, i##bits##_set,         \
                                                i##bits##_get, NULL};

INT_TYPE(32)
INT_TYPE(64)

static bool size_set(struct object *obj, const struct property *p, void *field, const char *text,
                     GError **error)
{
    (void)obj, (void)p;
    return parse_size(text, 1, field, error);
}

const struct prop_type prop_type_size = {"size", PROP_JSON_INT, size_set, u64_get, NULL};

static bool string_set(struct object *obj, const struct property *p, void *field, const char *text,
                       GError **error)
{
    (void)obj, (void)p, (void)error;
    g_free(*(char **)field);
    *(char **)field = g_strdup(text);
    return true;
}

static char *string_get(struct object *obj, const struct property *p, const void *field)
{
    char *const *text = field;

    (void)obj, (void)p;
    return g_strdup(*text ? *text : "");
}

static void string_clear(struct object *obj, const struct property *p, void *field)
{
    (void)obj, (void)p;
    g_clear_pointer((char **)field, g_free);
}

const struct prop_type prop_type_string = {"str", PROP_JSON_STR, string_set, string_get,
                                           string_clear};

static bool pick(const struct prop_enum *values, const char *text, int *ret, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (const struct prop_enum *v = values; v->name; v++) {
        if (strcmp(v->name, text) == 0) {
            *ret = v->value;
            return true;
        }
        g_string_append_printf(names, "%s'%s'", v == values ? "" : ", ", v->name);
    }
    return fail(error, "'%s' is none of %s", text, names->str);
}

static bool enum_set(struct object *obj, const struct property *p, void *field, const char *text,
                     GError **error)
{
    (void)obj;
    return pick(p->values, text, field, error);
}

static char *enum_name(const struct prop_enum *values, int value)
{
    for (const struct prop_enum *v = values; v->name; v++) {
        if (v->value == value) {
            return g_strdup(v->name);
        }
    }
    return g_strdup_printf("%d", value);
}

static char *enum_get(struct object *obj, const struct property *p, const void *field)
{
    (void)obj;
    return enum_name(p->values, *(const int *)field);
}

const struct prop_type prop_type_enum = {"enum", PROP_JSON_STR, enum_set, enum_get, NULL};

static const struct prop_enum on_off_auto_values[] = {
    {"auto", AUTO},
    {"on", ON},
    {"off", OFF},
    {0},
};

static bool on_off_auto_set(struct object *obj, const struct property *p, void *field,
                            const char *text, GError **error)
{
    enum on_off_auto *v = field;
    int picked;

    (void)obj, (void)p;
    if (!pick(on_off_auto_values, text, &picked, error)) {
        return false;
    }
    *v = picked;
    return true;
}

static char *on_off_auto_get(struct object *obj, const struct property *p, const void *field)
{
    (void)obj, (void)p;
    return enum_name(on_off_auto_values, (int)*(const enum on_off_auto *)field);
}

const struct prop_type prop_type_on_off_auto = {"OnOffAuto", PROP_JSON_STR, on_off_auto_set,
                                                on_off_auto_get, NULL};

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

static bool uuid_set(struct object *obj, const struct property *p, void *field, const char *text,
                     GError **error)
{
    (void)obj, (void)p;
    return parse_uuid(text, field, error);
}

static char *uuid_get(struct object *obj, const struct property *p, const void *field)
{
    (void)obj, (void)p;
    return format_uuid(field);
}

const struct prop_type prop_type_uuid = {"uuid", PROP_JSON_STR, uuid_set, uuid_get, NULL};

static char *dynamic_get(struct object *obj, const struct property *p, const void *field)
{
    (void)field;
    return p->get(obj);
}

static bool dynamic_set(struct object *obj, const struct property *p, void *field, const char *text,
                        GError **error)
{
    (void)field;
    return p->set ? p->set(obj, text, error) : fail(error, "it cannot be set");
}

const struct prop_type prop_type_dynamic = {"str", PROP_JSON_STR, dynamic_set, dynamic_get, NULL};
