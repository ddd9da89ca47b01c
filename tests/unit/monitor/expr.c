/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integer expressions of the monitor: precedence, registers, ends, errors.
 */
#include "monitor/expr.h"

#include <string.h>

static bool fake_register(void *opaque, const char *name, uint64_t *ret)
{
    (void)opaque;
    if (strcmp(name, "rip") == 0) {
        *ret = 0xfff0;
        return true;
    }
    return false;
}

static int64_t eval(const char *text, const char *expected_rest)
{
    GError *error = NULL;
    int64_t v = 0;

    expr_eval(&text, fake_register, NULL, &v, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, expected_rest);
    return v;
}

static void assert_fails(const char *text, const char *what)
{
    GError *error = NULL;
    int64_t v;

    g_assert_false(expr_eval(&text, fake_register, NULL, &v, &error));
    g_assert_nonnull(strstr(error->message, what));
    g_error_free(error);
}

static void test_numbers_in_all_bases(void)
{
    g_assert_cmpint(eval("42", ""), ==, 42);
    g_assert_cmpint(eval("0x2a", ""), ==, 42);
    g_assert_cmpint(eval("052", ""), ==, 42);
    g_assert_cmpint(eval("'*'", ""), ==, 42);
    g_assert_cmphex(eval("0xffffffffffffffff", ""), ==, UINT64_MAX);
}

static void test_precedence_is_that_of_c(void)
{
    g_assert_cmpint(eval("1+2*3", ""), ==, 7);
    g_assert_cmpint(eval("(1+2)*3", ""), ==, 9);
    g_assert_cmpint(eval("10-4-3", ""), ==, 3);
    g_assert_cmpint(eval("1<<2+1", ""), ==, 8);
    g_assert_cmpint(eval("6|1&3", ""), ==, 7);
    g_assert_cmpint(eval("6^3&1", ""), ==, 7);
    g_assert_cmpint(eval("-2*-3", ""), ==, 6);
    g_assert_cmpint(eval("~0 - -1", ""), ==, 0);
    g_assert_cmpint(eval("100/7%5", ""), ==, 4);
}

static void test_registers_take_part(void)
{
    g_assert_cmphex(eval("$rip+0x10", ""), ==, 0x10000);
    assert_fails("$foo", "'$foo'");
    assert_fails("$", "must follow");
}

static void test_stops_where_the_expression_ends(void)
{
    g_assert_cmpint(eval("1 + 2 3", "3"), ==, 3);
    g_assert_cmpint(eval("0x70 file", "file"), ==, 0x70);
    g_assert_cmpint(eval("16 /tmp/x", "/tmp/x"), ==, 16);
    g_assert_cmpint(eval("16 / 4", ""), ==, 4);
    g_assert_cmpint(eval("16/4", ""), ==, 4);
}

static void test_errors_are_told(void)
{
    assert_fails("1+", "unexpected end");
    assert_fails("", "unexpected end");
    assert_fails("(1", "')'");
    assert_fails("1/0", "division by zero");
    assert_fails("1%(2-2)", "division by zero");
    assert_fails("12ab", "not a number");
    assert_fails("0x10000000000000000", "64 bits");
    assert_fails("foo", "not a number");
}

static void test_extremes_neither_trap_nor_recurse_forever(void)
{
    g_autofree char *deep = g_strnfill(100000, '(');
    g_autofree char *minus = g_strnfill(100000, '-');

    g_assert_cmphex(eval("(1<<63)/-1", ""), ==, 1ULL << 63);
    g_assert_cmpint(eval("(1<<63)%-1", ""), ==, 0);
    g_assert_cmpint(eval("1<<64", ""), ==, 0);
    assert_fails(deep, "too deeply");
    assert_fails(minus, "too deeply");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/expr/numbers", test_numbers_in_all_bases);
    g_test_add_func("/expr/precedence", test_precedence_is_that_of_c);
    g_test_add_func("/expr/registers", test_registers_take_part);
    g_test_add_func("/expr/end", test_stops_where_the_expression_ends);
    g_test_add_func("/expr/errors", test_errors_are_told);
    g_test_add_func("/expr/extremes", test_extremes_neither_trap_nor_recurse_forever);
    return g_test_run();
}
