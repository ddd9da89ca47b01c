/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State tables: what of a device the guest can change, declared field by field.
 *
 * A table drives save and load of snapshots and migration, and the test that compares a device
 * saved, loaded into a fresh machine and saved again. Integers are stored little-endian in the
 * width of their field. A field newer than the table's first version names the version it came
 * with; a stream older than that leaves it at its reset value.
 */
#ifndef VITRO_MIGRATION_STATE_H
#define VITRO_MIGRATION_STATE_H

#include "util/clock.h"
#include "util/error.h"

struct state_table;

/* Reads one saved object; never past its end. */
struct state_reader {
    const uint8_t *data;
    size_t len, pos;
};

bool state_read_bytes(struct state_reader *r, void *buf, size_t len, GError **error);
bool state_read_u32(struct state_reader *r, uint32_t *ret, GError **error);
bool state_read_u64(struct state_reader *r, uint64_t *ret, GError **error);
void state_write_bytes(GByteArray *out, const void *buf, size_t len);
void state_write_u32(GByteArray *out, uint32_t v);
void state_write_u64(GByteArray *out, uint64_t v);

enum state_kind {
    STATE_KIND_END,
    STATE_KIND_UINT,   /* one or more integers of elem_size bytes */
    STATE_KIND_BOOL,   /* one bool: the stream may hold only 0 or 1 */
    STATE_KIND_BYTES,  /* elem_size raw bytes */
    STATE_KIND_STRUCT, /* one or more structs described by sub */
    STATE_KIND_TIMER,  /* struct timer: its deadline, or none */
    STATE_KIND_CUSTOM, /* save and load below */
};

struct state_field {
    enum state_kind kind;
    const char *name;
    size_t offset, elem_size, count;
    unsigned since; /* first version that has it; 0 means the first */
    const struct state_table *sub;
    void (*save)(const void *base, GByteArray *out);
    bool (*load)(void *base, struct state_reader *in, GError **error);
};

struct state_table {
    const char *name;
    unsigned version;     /* of what is written; at least 1 */
    unsigned min_version; /* oldest that can be read; 0 means 1 */
    const struct state_field *fields;
    void (*pre_save)(void *base);
    /* Checks values that came from the stream and brings derived state up to date. */
    bool (*post_load)(void *base, unsigned version, GError **error);
};

/* For what has no state that the guest can change. */
extern const struct state_table state_none;

/* Appends the state of the struct at @base. Machine stopped, machine lock held. */
void state_save(const struct state_table *t, void *base, GByteArray *out);

/* @r comes from outside: every value is checked for the size of its field, the rest by post_load.
 */
bool state_load(const struct state_table *t, void *base, struct state_reader *r, GError **error);

/* Whether @t or a table in it covers the bytes [@offset, @offset + @size) of its struct. */
bool state_covers(const struct state_table *t, size_t offset, size_t size);

#define STATE_TYPED(S, f, T)                                                                       \
    .name = #f, .offset = offsetof(S, f) + 0 * sizeof(_Generic(((S *)0)->f, T : 0)),               \
    .elem_size = sizeof(T), .count = 1

#define STATE_U8(S, f)                                                                             \
    {                                                                                              \
        .kind = STATE_KIND_UINT, STATE_TYPED(S, f, uint8_t)                                        \
    }
#define STATE_U16(S, f)                                                                            \
    {                                                                                              \
        .kind = STATE_KIND_UINT, STATE_TYPED(S, f, uint16_t)                                       \
    }
#define STATE_U32(S, f)                                                                            \
    {                                                                                              \
        .kind = STATE_KIND_UINT, STATE_TYPED(S, f, uint32_t)                                       \
    }
#define STATE_U64(S, f)                                                                            \
    {                                                                                              \
        .kind = STATE_KIND_UINT, STATE_TYPED(S, f, uint64_t)                                       \
    }
#define STATE_I32(S, f)                                                                            \
    {                                                                                              \
        .kind = STATE_KIND_UINT, STATE_TYPED(S, f, int32_t)                                        \
    }
#define STATE_I64(S, f)                                                                            \
    {                                                                                              \
        .kind = STATE_KIND_UINT, STATE_TYPED(S, f, int64_t)                                        \
    }
#define STATE_BOOL(S, f)                                                                           \
    {                                                                                              \
        .kind = STATE_KIND_BOOL, STATE_TYPED(S, f, bool)                                           \
    }
/* An array (of any integer type, one dimension). */
#define STATE_ARRAY(S, f)                                                                          \
    {                                                                                              \
        .kind = STATE_KIND_UINT, .name = #f, .offset = offsetof(S, f),                             \
        .elem_size = sizeof(((S *)0)->f[0]), .count = sizeof(((S *)0)->f) / sizeof(((S *)0)->f[0]) \
    }
/* An enum or other integer whose type has no name above. */
#define STATE_INT(S, f)                                                                            \
    {                                                                                              \
        .kind = STATE_KIND_UINT, .name = #f, .offset = offsetof(S, f),                             \
        .elem_size = sizeof(((S *)0)->f), .count = 1                                               \
    }
#define STATE_BYTES(S, f)                                                                          \
    {                                                                                              \
        .kind = STATE_KIND_BYTES, .name = #f, .offset = offsetof(S, f),                            \
        .elem_size = sizeof(((S *)0)->f), .count = 1                                               \
    }
#define STATE_STRUCT(S, f, table)                                                                  \
    {                                                                                              \
        .kind = STATE_KIND_STRUCT, .name = #f, .offset = offsetof(S, f),                           \
        .elem_size = sizeof(((S *)0)->f), .count = 1, .sub = &(table)                              \
    }
#define STATE_STRUCT_ARRAY(S, f, table)                                                            \
    {                                                                                              \
        .kind = STATE_KIND_STRUCT, .name = #f, .offset = offsetof(S, f),                           \
        .elem_size = sizeof(((S *)0)->f[0]),                                                       \
        .count = sizeof(((S *)0)->f) / sizeof(((S *)0)->f[0]), .sub = &(table)                     \
    }
#define STATE_TIMER(S, f)                                                                          \
    {                                                                                              \
        .kind = STATE_KIND_TIMER, STATE_TYPED(S, f, struct timer)                                  \
    }
#define STATE_CUSTOM(n, save_fn, load_fn)                                                          \
    {                                                                                              \
        .kind = STATE_KIND_CUSTOM, .name = n, .save = save_fn, .load = load_fn                     \
    }

#endif
