/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option lists: both forms, escapes, flags, typed access, complaints about leftovers.
 */
#include "util/options.h"

#include <string.h>

static struct options *parse(const char *text, const char *implied)
{
    GError *error = NULL;
    struct options *o = options_parse("-x", text, implied, &error);

    g_assert_no_error(error);
    g_assert_nonnull(o);
    return o;
}

static void test_first_word_takes_the_implied_key(void)
{
    struct options *o = parse("socket,id=a", "backend");

    g_assert_cmpstr(options_get(o, "backend"), ==, "socket");
    g_assert_cmpstr(options_get(o, "id"), ==, "a");
    g_assert_true(options_unused(o, NULL, NULL));
    options_free(o);
}

static void test_doubled_comma_is_one_comma_of_the_value(void)
{
    struct options *o = parse("path=/a,,b,,,c=d", NULL);

    g_assert_cmpstr(options_get(o, "path"), ==, "/a,b,");
    g_assert_cmpstr(options_get(o, "c"), ==, "d");
    options_free(o);
}

static void test_value_may_contain_equals_signs_and_be_empty(void)
{
    struct options *o = parse("a=b=c,d=", NULL);

    g_assert_cmpstr(options_get(o, "a"), ==, "b=c");
    g_assert_cmpstr(options_get(o, "d"), ==, "");
    g_assert_false(options_require(o, "d", NULL));
    options_free(o);
}

static void test_flag_is_on_and_no_before_it_is_off(void)
{
    struct options *o = parse("server,nowait,nodelay", NULL);
    bool server, wait, nodelay, delay;

    g_assert_true(options_get_bool(o, "server", false, &server, NULL));
    g_assert_true(options_get_bool(o, "wait", true, &wait, NULL));
    g_assert_true(options_get_bool(o, "nodelay", false, &nodelay, NULL));
    g_assert_true(options_get_bool(o, "delay", true, &delay, NULL));
    g_assert_true(server);
    g_assert_false(wait);
    g_assert_true(nodelay);
    g_assert_false(delay);
    g_assert_true(options_unused(o, NULL, NULL));
    options_free(o);
}

static void test_last_of_repeated_keys_counts_and_all_are_there(void)
{
    struct options *o = parse("k=1,k=2,k=3", NULL);
    GPtrArray *all = options_get_all(o, "k");

    g_assert_cmpstr(options_get(o, "k"), ==, "3");
    g_assert_cmpuint(all->len, ==, 3);
    g_assert_cmpstr(all->pdata[0], ==, "1");
    g_ptr_array_unref(all);
    options_free(o);
}

static void test_json_object_becomes_dotted_keys_in_order(void)
{
    struct options *o = parse("{\"driver\": \"x\", \"on\": true, \"n\": -5, \"none\": null,"
                              " \"file\": {\"name\": \"a,b\", \"list\": [7, \"y\"]}}",
                              "driver");
    static const char *const keys[] = {"driver",    "on",          "n",          "none",
                                       "file.name", "file.list.0", "file.list.1"};

    g_assert_cmpuint(o->items->len, ==, G_N_ELEMENTS(keys));
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_assert_cmpstr(((struct option *)o->items->pdata[i])->key, ==, keys[i]);
    }
    g_assert_cmpstr(options_get(o, "on"), ==, "on");
    g_assert_cmpstr(options_get(o, "n"), ==, "-5");
    g_assert_cmpint(((struct option *)o->items->pdata[3])->kind, ==, OPTION_NULL);
    g_assert_cmpstr(options_get(o, "file.name"), ==, "a,b");
    g_assert_cmpstr(options_get(o, "file.list.1"), ==, "y");
    options_free(o);
}

static void test_bad_json_and_json_that_is_no_object_fail(void)
{
    GError *error = NULL;

    g_assert_null(options_parse("-x", "{\"a\": ", NULL, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_null(options_parse("-x", "=1", NULL, &error));
    g_assert_nonnull(strstr(error->message, "key is missing"));
    g_clear_error(&error);
}

static void test_prefix_is_taken_as_a_list_of_its_own(void)
{
    struct options *o = parse("file.driver=file,file.filename=/x,format=raw", NULL);
    struct options *file = options_take_prefix(o, "file.");
    GError *error = NULL;

    g_assert_cmpuint(file->items->len, ==, 2);
    g_assert_cmpstr(options_get(file, "filename"), ==, "/x");
    g_assert_false(options_unused(o, NULL, &error));
    g_assert_nonnull(strstr(error->message, "'format'"));
    g_clear_error(&error);
    options_free(file);
    options_free(o);
}

static void test_leftover_names_the_nearest_known_key(void)
{
    static const char *const known[] = {"path", "server", NULL};
    struct options *o = parse("pth=/x", NULL);
    GError *error = NULL;

    g_assert_false(options_unused(o, known, &error));
    g_assert_cmpstr(error->message, ==, "-x: unknown option 'pth'; did you mean 'path'?");
    g_clear_error(&error);
    options_free(o);
}

static void test_typed_access_checks_range_and_words(void)
{
    static const char *const words[] = {"raw", "qcow2", NULL};
    struct options *o = parse("port=70000,size=1.5K,format=vdi", NULL);
    GError *error = NULL;
    uint64_t v;
    unsigned choice;

    g_assert_false(options_get_uint(o, "port", 0, 65535, &v, &error));
    g_assert_nonnull(strstr(error->message, "port="));
    g_clear_error(&error);
    g_assert_true(options_get_size(o, "size", 0, &v, NULL));
    g_assert_cmpuint(v, ==, 1536);
    g_assert_false(options_get_enum(o, "format", words, 0, &choice, &error));
    g_assert_nonnull(strstr(error->message, "raw, qcow2"));
    g_clear_error(&error);
    g_assert_true(options_get_uint(o, "absent", 42, 100, &v, NULL));
    g_assert_cmpuint(v, ==, 42);
    options_free(o);
}

static void test_text_form_parses_to_the_same_list(void)
{
    struct options *o = parse("drv,a=1,,2,flag,b=", "k");
    g_autofree char *text = options_to_text(o);
    struct options *again = parse(text, NULL);

    g_assert_cmpstr(text, ==, "k=drv,a=1,,2,flag,b=");
    g_assert_cmpuint(again->items->len, ==, o->items->len);
    g_assert_cmpstr(options_get(again, "a"), ==, "1,2");
    options_free(again);
    options_free(o);
}

static void test_help_is_recognised_as_flag_and_as_implied_value(void)
{
    struct options *a = parse("help", "driver"), *b = parse("x,help", "driver"),
                   *c = parse("x,y=help", "driver");

    g_assert_true(options_want_help(a, "driver"));
    g_assert_true(options_want_help(b, "driver"));
    g_assert_false(options_want_help(c, "driver"));
    options_free(a);
    options_free(b);
    options_free(c);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/options/implied", test_first_word_takes_the_implied_key);
    g_test_add_func("/options/comma", test_doubled_comma_is_one_comma_of_the_value);
    g_test_add_func("/options/value", test_value_may_contain_equals_signs_and_be_empty);
    g_test_add_func("/options/flag", test_flag_is_on_and_no_before_it_is_off);
    g_test_add_func("/options/repeated", test_last_of_repeated_keys_counts_and_all_are_there);
    g_test_add_func("/options/json", test_json_object_becomes_dotted_keys_in_order);
    g_test_add_func("/options/bad", test_bad_json_and_json_that_is_no_object_fail);
    g_test_add_func("/options/prefix", test_prefix_is_taken_as_a_list_of_its_own);
    g_test_add_func("/options/unused", test_leftover_names_the_nearest_known_key);
    g_test_add_func("/options/typed", test_typed_access_checks_range_and_words);
    g_test_add_func("/options/text", test_text_form_parses_to_the_same_list);
    g_test_add_func("/options/help", test_help_is_recognised_as_flag_and_as_implied_value);
    return g_test_run();
}
