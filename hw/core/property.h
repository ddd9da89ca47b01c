/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed properties: one table row serves -device help, parsing, introspection and info qtree.
 *
 *     static const struct property foo_props[] = {
 *         PROP_U16(struct foo, ioport, "ioport", 0x505, "first I/O port"),
 *         PROP_STRING(struct foo, serial, "serial", NULL, "serial number"),
 *         {0},
 *     };
 *
 * The macros do not compile when the field has another type. Values are parsed from text;
 * typed JSON arrives here as text too. Strings are owned by the object.
 */
#ifndef VITRO_HW_CORE_PROPERTY_H
#define VITRO_HW_CORE_PROPERTY_H

#include "util/error.h"
#include "util/parse.h"

struct object;
struct property;

enum prop_json {
    PROP_JSON_INT,
    PROP_JSON_BOOL,
    PROP_JSON_STR,
};

struct prop_type {
    const char *name; /* as -device x,help and introspection show it: "uint32", "bool" */
    enum prop_json json;
    /* Parses @text into the field. The core adds the property's name to the error. */
    bool (*set)(struct object *obj, const struct property *p, void *field, const char *text,
                GError **error);
    /* The value as text, owned by the caller. */
    char *(*get)(struct object *obj, const struct property *p, const void *field);
    /* Frees what the field owns; NULL when nothing. */
    void (*clear)(struct object *obj, const struct property *p, void *field);
};

enum prop_flags {
    PROP_RUNTIME = 1 << 0,  /* may be set after the object is realized */
    PROP_READONLY = 1 << 1, /* shown, never set by people */
    PROP_INTERNAL = 1 << 2, /* set by the board only; not in -device x,help */
};

struct prop_enum {
    const char *name; /* NULL ends the list */
    int value;
};

struct property {
    const char *name;
    const struct prop_type *type;
    size_t offset;
    uint64_t initial;         /* integers, booleans, enums */
    const char *initial_text; /* parsed by type->set when not NULL */
    const char *help;
    const struct prop_enum *values; /* PROP_ENUM */
    enum prop_flags flags;
    /* For PROP_DYNAMIC: instead of a field. */
    char *(*get)(struct object *obj);
    bool (*set)(struct object *obj, const char *text, GError **error);
};

extern const struct prop_type prop_type_bool, prop_type_u8, prop_type_u16, prop_type_u32,
    prop_type_u64, prop_type_i32, prop_type_i64, prop_type_size, prop_type_string, prop_type_enum,
    prop_type_dynamic, prop_type_on_off_auto, prop_type_uuid;

enum on_off_auto {
    AUTO,
    ON,
    OFF,
};

#define PROP_ROW(S, f, T, n, ptype, ...)                                                           \
    {                                                                                              \
        .name = (n), .type = &(ptype),                                                             \
        .offset = offsetof(S, f) + 0 * sizeof(_Generic(((S *)0)->f, T : 0)), __VA_ARGS__           \
    }

#define PROP_BOOL(S, f, n, d, h)                                                                   \
    PROP_ROW(S, f, bool, n, prop_type_bool, .initial = (d), .help = (h))
#define PROP_U8(S, f, n, d, h) PROP_ROW(S, f, uint8_t, n, prop_type_u8, .initial = (d), .help = (h))
#define PROP_U16(S, f, n, d, h)                                                                    \
    PROP_ROW(S, f, uint16_t, n, prop_type_u16, .initial = (d), .help = (h))
#define PROP_U32(S, f, n, d, h)                                                                    \
    PROP_ROW(S, f, uint32_t, n, prop_type_u32, .initial = (d), .help = (h))
#define PROP_U64(S, f, n, d, h)                                                                    \
    PROP_ROW(S, f, uint64_t, n, prop_type_u64, .initial = (d), .help = (h))
#define PROP_I32(S, f, n, d, h)                                                                    \
    PROP_ROW(S, f, int32_t, n, prop_type_i32, .initial = (uint64_t)(int64_t)(d), .help = (h))
#define PROP_I64(S, f, n, d, h)                                                                    \
    PROP_ROW(S, f, int64_t, n, prop_type_i64, .initial = (uint64_t)(d), .help = (h))
/* A size in bytes: "4096", "64K", "1.5G". */
#define PROP_SIZE(S, f, n, d, h)                                                                   \
    PROP_ROW(S, f, uint64_t, n, prop_type_size, .initial = (d), .help = (h))
#define PROP_STRING(S, f, n, d, h)                                                                 \
    PROP_ROW(S, f, char *, n, prop_type_string, .initial_text = (d), .help = (h))
/* The field is an int. @vals is a table of struct prop_enum. */
#define PROP_ENUM(S, f, n, d, vals, h)                                                             \
    PROP_ROW(S, f, int, n, prop_type_enum, .initial = (d), .values = (vals), .help = (h))
#define PROP_ON_OFF_AUTO(S, f, n, d, h)                                                            \
    PROP_ROW(S, f, enum on_off_auto, n, prop_type_on_off_auto, .initial = (d), .help = (h))
/* Shown only, computed by @getter. */
#define PROP_DYNAMIC(n, getter, h)                                                                 \
    {                                                                                              \
        .name = (n), .type = &prop_type_dynamic, .get = (getter), .help = (h),                     \
        .flags = PROP_READONLY                                                                     \
    }

#endif
