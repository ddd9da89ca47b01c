/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving and loading structs by their state tables.
 */
#include "migration/state.h"

#include "util/bytes.h"

const struct state_table state_none = {.name = "none", .version = 1};

void state_write_bytes(GByteArray *out, const void *buf, size_t len)
{
    g_byte_array_append(out, buf, (guint)len);
}

void state_write_u32(GByteArray *out, uint32_t v)
{
    v = GUINT32_TO_LE(v);
    state_write_bytes(out, &v, sizeof(v));
}

void state_write_u64(GByteArray *out, uint64_t v)
{
    v = GUINT64_TO_LE(v);
    state_write_bytes(out, &v, sizeof(v));
}

bool state_read_bytes(struct state_reader *r, void *buf, size_t len, GError **error)
{
    if (r->len - r->pos < len) {
        return fail(error, "the saved state ends %zu bytes early", len - (r->len - r->pos));
    }
    memcpy(buf, r->data + r->pos, len);
    r->pos += len;
    return true;
}

bool state_read_u32(struct state_reader *r, uint32_t *ret, GError **error)
{
    uint32_t v = 0;

    if (!state_read_bytes(r, &v, sizeof(v), error)) {
        return false;
    }
    *ret = GUINT32_FROM_LE(v);
    return true;
}

bool state_read_u64(struct state_reader *r, uint64_t *ret, GError **error)
{
    uint64_t v = 0;

    if (!state_read_bytes(r, &v, sizeof(v), error)) {
        return false;
    }
    *ret = GUINT64_FROM_LE(v);
    return true;
}

static void save_field(const struct state_field *f, uint8_t *base, GByteArray *out)
{
    uint8_t *p = base + f->offset;
    uint8_t le[8] = {0};

    switch (f->kind) {
    case STATE_KIND_UINT:
        for (size_t i = 0; i < f->count; i++, p += f->elem_size) {
            store_le(le, load_native(p, (unsigned)f->elem_size), (unsigned)f->elem_size);
            state_write_bytes(out, le, f->elem_size);
        }
        break;
    case STATE_KIND_BOOL:
        le[0] = *(const bool *)p;
        state_write_bytes(out, le, 1);
        break;
    case STATE_KIND_BYTES:
        state_write_bytes(out, p, f->elem_size);
        break;
    case STATE_KIND_STRUCT:
        for (size_t i = 0; i < f->count; i++, p += f->elem_size) {
            state_save(f->sub, p, out);
        }
        break;
    case STATE_KIND_TIMER:
        state_write_u64(out, (uint64_t)timer_deadline_ns((struct timer *)(void *)p));
        break;
    case STATE_KIND_CUSTOM:
        f->save(base, out);
        break;
    case STATE_KIND_END:
        break;
    }
}

static bool load_uints(const struct state_field *f, uint8_t *p, struct state_reader *r,
                       GError **error)
{
    uint8_t le[8] = {0};

    for (size_t i = 0; i < f->count; i++, p += f->elem_size) {
        if (!state_read_bytes(r, le, f->elem_size, error)) {
            return false;
        }
        store_native(p, load_le(le, (unsigned)f->elem_size), (unsigned)f->elem_size);
    }
    return true;
}

static bool load_bool(uint8_t *p, struct state_reader *r, GError **error)
{
    uint8_t v = 0;

    if (!state_read_bytes(r, &v, 1, error)) {
        return false;
    }
    if (v > 1) { /* anything else in a bool would be undefined behaviour */
        return fail(error, "%u is not a truth value", v);
    }
    *(bool *)p = v;
    return true;
}

static bool load_field(const struct state_field *f, uint8_t *base, struct state_reader *r,
                       GError **error)
{
    uint8_t *p = base + f->offset;
    uint64_t deadline = 0;

    switch (f->kind) {
    case STATE_KIND_UINT:
        return load_uints(f, p, r, error);
    case STATE_KIND_BOOL:
        return load_bool(p, r, error);
    case STATE_KIND_BYTES:
        return state_read_bytes(r, p, f->elem_size, error);
    case STATE_KIND_STRUCT:
        for (size_t i = 0; i < f->count; i++, p += f->elem_size) {
            if (!state_load(f->sub, p, r, error)) {
                return false;
            }
        }
        return true;
    case STATE_KIND_TIMER:
        if (!state_read_u64(r, &deadline, error)) {
            return false;
        }
        if ((int64_t)deadline < 0) {
            timer_cancel((struct timer *)(void *)p);
        } else {
            timer_set((struct timer *)(void *)p, (int64_t)deadline);
        }
        return true;
    case STATE_KIND_CUSTOM:
        return f->load(base, r, error);
    case STATE_KIND_END:
        break;
    }
    return true;
}

void state_save(const struct state_table *t, void *base, GByteArray *out)
{
    if (t->pre_save) {
        t->pre_save(base);
    }
    state_write_u32(out, t->version);
    for (const struct state_field *f = t->fields; f && f->kind; f++) {
        save_field(f, base, out);
    }
}

bool state_load(const struct state_table *t, void *base, struct state_reader *r, GError **error)
{
    uint32_t version = 0;

    if (!state_read_u32(r, &version, error)) {
        return false;
    }
    if (version < MAX(t->min_version, 1) || version > t->version) {
        return fail(error, "%s: state version %u, this vitro reads %u to %u", t->name, version,
                    MAX(t->min_version, 1), t->version);
    }
    for (const struct state_field *f = t->fields; f && f->kind; f++) {
        if (f->since <= version && !load_field(f, base, r, error)) {
            g_prefix_error(error, "%s.%s: ", t->name, f->name);
            return false;
        }
    }
    return !t->post_load || t->post_load(base, version, error);
}

bool state_covers(const struct state_table *t, size_t offset, size_t size)
{
    for (const struct state_field *f = t->fields; f && f->kind; f++) {
        size_t span = f->elem_size * f->count;

        if (f->kind == STATE_KIND_CUSTOM || offset < f->offset || offset >= f->offset + span) {
            continue;
        }
        if (f->kind != STATE_KIND_STRUCT) {
            return offset + size <= f->offset + span;
        }
        if (state_covers(f->sub, (offset - f->offset) % f->elem_size, size)) {
            return true;
        }
    }
    return false;
}
