/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of monitor commands: every kind of row, what is optional, what is refused.
 */
#include "monitor/hmp.h"

#include <string.h>

static const struct hmp_arg dump_args[] = {
    {.name = "fmt", .kind = HMP_FORMAT},
    {.name = "addr", .kind = HMP_NUMBER},
    {0},
};

static const struct hmp_arg change_args[] = {
    {.name = "f", .kind = HMP_FLAG},
    {.name = "n", .kind = HMP_FLAG},
    {.name = "device", .kind = HMP_WORD},
    {.name = "size", .kind = HMP_SIZE, .optional = true},
    {.name = "rest", .kind = HMP_REST, .optional = true},
    {0},
};

static bool fake_register(void *opaque, const char *name, uint64_t *ret)
{
    (void)opaque;
    *ret = 0x100;
    return strcmp(name, "r") == 0;
}

static void parse(struct hmp_args *args, const struct hmp_arg *table, const char *text)
{
    GError *error = NULL;

    hmp_args_parse(args, table, text, fake_register, NULL, &error);
    g_assert_no_error(error);
}

static void assert_refused(const struct hmp_arg *table, const char *text, const char *what)
{
    struct hmp_args args;
    GError *error = NULL;

    g_assert_false(hmp_args_parse(&args, table, text, fake_register, NULL, &error));
    if (!strstr(error->message, what)) {
        g_error("'%s' does not say '%s'", error->message, what);
    }
    g_error_free(error);
    hmp_args_clear(&args);
}

static void test_format_takes_count_letter_and_size_in_any_order(void)
{
    struct hmp_args args;

    parse(&args, dump_args, "/12xg $r+1");
    g_assert_cmpuint(args.format.count, ==, 12);
    g_assert_cmpint(args.format.letter, ==, 'x');
    g_assert_cmpuint(args.format.size, ==, 8);
    g_assert_cmphex(hmp_number(&args, "addr", 0), ==, 0x101);
    parse(&args, dump_args, "/bd 5");
    g_assert_cmpuint(args.format.count, ==, 1);
    g_assert_cmpint(args.format.letter, ==, 'd');
    g_assert_cmpuint(args.format.size, ==, 1);
    parse(&args, dump_args, "  7  ");
    g_assert_cmpint(args.format.letter, ==, 0);
    g_assert_cmpint(hmp_number(&args, "addr", 0), ==, 7);
}

static void test_absurd_count_is_bounded(void)
{
    struct hmp_args args;

    parse(&args, dump_args, "/99999999999999999999x 0");
    g_assert_cmpuint(args.format.count, <=, 1000000);
}

static void test_flags_words_and_sizes(void)
{
    struct hmp_args args;

    parse(&args, change_args, "-fn cd0 1.5K all the rest  ");
    g_assert_true(hmp_flag(&args, "f"));
    g_assert_true(hmp_flag(&args, "n"));
    g_assert_cmpstr(hmp_text(&args, "device"), ==, "cd0");
    g_assert_cmpint(hmp_number(&args, "size", 0), ==, 1536);
    g_assert_cmpstr(hmp_text(&args, "rest"), ==, "all the rest");
    hmp_args_clear(&args);
    parse(&args, change_args, "cd0");
    g_assert_false(hmp_flag(&args, "f"));
    g_assert_cmpint(hmp_number(&args, "size", 42), ==, 42);
    g_assert_null(hmp_text(&args, "rest"));
    hmp_args_clear(&args);
}

static void test_quoted_words_have_blanks_and_escapes(void)
{
    struct hmp_args args;

    parse(&args, change_args, "\"a b\\\"c\\n\" 1");
    g_assert_cmpstr(hmp_text(&args, "device"), ==, "a b\"c\n");
    hmp_args_clear(&args);
}

static void test_mistakes_are_refused(void)
{
    assert_refused(dump_args, "", "addr expected");
    assert_refused(dump_args, "/8z 0", "'z'");
    assert_refused(dump_args, "0 1", "extraneous");
    assert_refused(dump_args, "$none", "$none");
    assert_refused(change_args, "-x cd0", "-x");
    assert_refused(change_args, "\"open", "closing");
    assert_refused(change_args, "cd0 12Q", "12Q");
    assert_refused(NULL, "anything", "extraneous");
}

static void test_parameters_are_shown_as_the_table_has_them(void)
{
    const struct hmp_command cmd = {.name = "change", .args = change_args};
    g_autofree char *text = hmp_params(&cmd);

    g_assert_cmpstr(text, ==, "[-f] [-n] device [size] [rest]");
}

static void test_every_command_has_help_a_function_and_a_name_of_its_own(void)
{
    for (int info = 0; info < 2; info++) {
        g_autoptr(GPtrArray) all = hmp_commands_sorted(info);

        g_assert_cmpuint(all->len, >, 10);
        for (unsigned i = 0; i < all->len; i++) {
            const struct hmp_command *c = all->pdata[i];
            unsigned rows = 0;

            g_assert_nonnull(c->help);
            g_assert_nonnull(c->run);
            g_assert_true(hmp_find(info, c->name, strlen(c->name)) == c);
            g_assert_true(!c->alias || hmp_find(info, c->alias, strlen(c->alias)) == c);
            while (c->args && c->args[rows].name) {
                rows++;
            }
            g_assert_cmpuint(rows, <=, HMP_ARGS_MAX);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hmp_args/format", test_format_takes_count_letter_and_size_in_any_order);
    g_test_add_func("/hmp_args/count", test_absurd_count_is_bounded);
    g_test_add_func("/hmp_args/words", test_flags_words_and_sizes);
    g_test_add_func("/hmp_args/quoted", test_quoted_words_have_blanks_and_escapes);
    g_test_add_func("/hmp_args/mistakes", test_mistakes_are_refused);
    g_test_add_func("/hmp_args/params", test_parameters_are_shown_as_the_table_has_them);
    g_test_add_func("/hmp_args/tables",
                    test_every_command_has_help_a_function_and_a_name_of_its_own);
    return g_test_run();
}
