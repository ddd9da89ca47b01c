/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers, sizes and switches as people write them.
 */
#include "util/parse.h"

static uint64_t size_of(const char *text, uint64_t unit)
{
    GError *error = NULL;
    uint64_t v = 0;

    parse_size(text, unit, &v, &error);
    g_assert_no_error(error);
    return v;
}

static void test_sizes_take_suffixes_fractions_and_a_unit(void)
{
    g_assert_cmpuint(size_of("4096", 1), ==, 4096);
    g_assert_cmpuint(size_of("0x1000", 1), ==, 4096);
    g_assert_cmpuint(size_of("512", MiB), ==, 512 * MiB);
    g_assert_cmpuint(size_of("512B", MiB), ==, 512);
    g_assert_cmpuint(size_of("64k", 1), ==, 64 * KiB);
    g_assert_cmpuint(size_of("2.5G", MiB), ==, 2 * GiB + GiB / 2);
    g_assert_cmpuint(size_of("0.1M", 1), ==, 104857);
    g_assert_cmpuint(size_of("8T", 1), ==, 8 * TiB);
    g_assert_cmpuint(size_of("15E", 1), ==, 15ULL << 60);
}

static void test_sizes_that_are_none_fail(void)
{
    static const char *const bad[] = {"",    "x",   "-1", "4KB", "1.",   "1.G",
                                      "16E", "1 K", " 1", "0x",  "1..5", "99999999999999999999"};
    uint64_t v;

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *error = NULL;

        g_assert_false(parse_size(bad[i], 1, &v, &error));
        g_assert_nonnull(error);
        g_clear_error(&error);
    }
}

static void test_integers_are_whole_and_in_range(void)
{
    uint64_t v;

    g_assert_true(parse_uint("0xff", 255, &v, NULL));
    g_assert_cmpuint(v, ==, 255);
    g_assert_true(parse_uint("010", 255, &v, NULL));
    g_assert_cmpuint(v, ==, 10);
    g_assert_false(parse_uint("256", 255, &v, NULL));
    g_assert_false(parse_uint("12a", 255, &v, NULL));
    g_assert_false(parse_uint("-1", UINT64_MAX, &v, NULL));
    g_assert_true(parse_uint("18446744073709551615", UINT64_MAX, &v, NULL));
    g_assert_cmpuint(v, ==, UINT64_MAX);
}

static void test_switches(void)
{
    bool v = false;

    g_assert_true(parse_bool("on", &v, NULL));
    g_assert_true(v);
    g_assert_true(parse_bool("no", &v, NULL));
    g_assert_false(v);
    g_assert_false(parse_bool("1", &v, NULL));
    g_assert_false(parse_bool("", &v, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/parse/size", test_sizes_take_suffixes_fractions_and_a_unit);
    g_test_add_func("/parse/size-bad", test_sizes_that_are_none_fail);
    g_test_add_func("/parse/uint", test_integers_are_whole_and_in_range);
    g_test_add_func("/parse/bool", test_switches);
    return g_test_run();
}
