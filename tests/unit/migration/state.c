/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State tables: what is saved comes back, and hostile streams are refused.
 */
#include "migration/state.h"
#include <string.h>

struct inner {
    uint16_t a;
    bool b;
};

struct outer {
    uint8_t u8;
    uint64_t u64;
    uint32_t array[3];
    uint8_t bytes[5];
    struct inner in[2];
    bool newer;
};

static const struct state_field inner_fields[] = {
    STATE_U16(struct inner, a),
    STATE_BOOL(struct inner, b),
    {0},
};
static const struct state_table inner_state = {
    .name = "inner", .version = 1, .fields = inner_fields};

static const struct state_field outer_fields[] = {
    STATE_U8(struct outer, u8),
    STATE_U64(struct outer, u64),
    STATE_ARRAY(struct outer, array),
    STATE_BYTES(struct outer, bytes),
    STATE_STRUCT_ARRAY(struct outer, in, inner_state),
    {0},
};
static const struct state_table outer_state = {
    .name = "outer", .version = 2, .fields = outer_fields};

static const struct outer sample = {
    .u8 = 7,
    .u64 = 0x123456789abcdef0,
    .array = {1, 2, 3},
    .bytes = "abcd",
    .in = {{.a = 9, .b = true}, {.a = 10, .b = false}},
};

static GByteArray *saved(void)
{
    GByteArray *out = g_byte_array_new();
    struct outer o = sample;

    state_save(&outer_state, &o, out);
    return out;
}

static void test_round_trip(void)
{
    g_autoptr(GByteArray) out = saved();
    struct state_reader r = {out->data, out->len, 0};
    struct outer o = {0};

    g_assert_true(state_load(&outer_state, &o, &r, NULL));
    g_assert_cmpuint(r.pos, ==, r.len);
    g_assert_cmpuint(o.u64, ==, sample.u64);
    g_assert_cmpuint(o.array[2], ==, 3);
    g_assert_cmpstr((char *)o.bytes, ==, "abcd");
    g_assert_true(o.in[0].b);
    g_assert_cmpuint(o.in[1].a, ==, 10);
}

static void test_every_truncation_is_refused(void)
{
    g_autoptr(GByteArray) out = saved();

    for (size_t len = 0; len < out->len; len++) {
        struct state_reader r = {out->data, len, 0};
        g_autoptr(GError) err = NULL;
        struct outer o = {0};

        g_assert_false(state_load(&outer_state, &o, &r, &err));
        g_assert_nonnull(err);
    }
}

static void test_newer_version_is_refused(void)
{
    g_autoptr(GByteArray) out = saved();
    struct state_reader r = {out->data, out->len, 0};
    g_autoptr(GError) err = NULL;
    struct outer o = {0};

    out->data[0] = 3;
    g_assert_false(state_load(&outer_state, &o, &r, &err));
    g_assert_nonnull(strstr(err->message, "version 3"));
}

static void test_bool_is_checked(void)
{
    g_autoptr(GByteArray) out = saved();
    struct state_reader r = {out->data, out->len, 0};
    g_autoptr(GError) err = NULL;
    struct outer o = {0};

    out->data[out->len - 1] = 2;
    g_assert_false(state_load(&outer_state, &o, &r, &err));
    g_assert_nonnull(strstr(err->message, "inner.b"));
}

static void test_covers(void)
{
    g_assert_true(state_covers(&outer_state, offsetof(struct outer, array) + 4, 4));
    g_assert_true(state_covers(&outer_state, offsetof(struct outer, in[1].a), 2));
    g_assert_false(state_covers(&outer_state, offsetof(struct outer, newer), 1));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/state/round_trip", test_round_trip);
    g_test_add_func("/state/every_truncation_is_refused", test_every_truncation_is_refused);
    g_test_add_func("/state/newer_version_is_refused", test_newer_version_is_refused);
    g_test_add_func("/state/bool_is_checked", test_bool_is_checked);
    g_test_add_func("/state/covers", test_covers);
    return g_test_run();
}
