/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The property types.
 */
#include "hw/core/property.h"

#include "hw/core/object.h"
#include "util/parse.h"
#include <errno.h>
#include <string.h>

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
