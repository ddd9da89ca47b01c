/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option lists: parsing both forms, typed access, and complaints about what nobody took.
 */
#include "util/options.h"

#include "util/parse.h"
#include <inttypes.h>
#include <json-glib/json-glib.h>
#include <string.h>

#define JSON_DEPTH 32 /* levels of nesting; more is a mistake */

static void option_free(void *data)
{
    struct option *it = data;

    g_free(it->key);
    g_free(it->value);
    g_free(it);
}

struct options *options_new(const char *what)
{
    struct options *o = g_new0(struct options, 1);

    o->what = g_strdup(what);
    o->items = g_ptr_array_new_with_free_func(option_free);
    return o;
}

void options_free(struct options *o)
{
    if (!o) {
        return;
    }
    g_ptr_array_unref(o->items);
    g_free(o->what);
    g_free(o);
}

/* Takes ownership of @key and @value. */
static void append(struct options *o, enum option_kind kind, char *key, char *value)
{
    struct option *it = g_new0(struct option, 1);

    it->kind = kind;
    it->key = key;
    it->value = value;
    g_ptr_array_add(o->items, it);
}

void options_add(struct options *o, const char *key, const char *value)
{
    append(o, OPTION_TEXT, g_strdup(key), g_strdup(value));
}

/* ---- key=value,key=value ---- */

/* The text up to a single comma, ",," made one; *@text moves behind that comma. */
static char *take_word(const char **text)
{
    GString *word = g_string_new(NULL);
    const char *p = *text;

    while (*p) {
        if (*p == ',' && *++p != ',') {
            break; /* p is behind the comma */
        }
        g_string_append_c(word, *p++);
    }
    *text = p;
    return g_string_free(word, FALSE);
}

static bool parse_word(struct options *o, const char **text, const char *implied_key,
                       GError **error)
{
    size_t len = strcspn(*text, "=,");
    char *key;

    if ((*text)[len] == '=') {
        if (len == 0) {
            return fail(error, "%s: a key is missing before '%s'", o->what, *text);
        }
        key = g_strndup(*text, len);
        *text += len + 1;
        append(o, OPTION_TEXT, key, take_word(text));
        return true;
    }
    key = take_word(text);
    if (implied_key) {
        append(o, OPTION_TEXT, g_strdup(implied_key), key);
        return true;
    }
    if (!*key) {
        g_free(key);
        return fail(error, "%s: a key is missing before '%s'", o->what, *text);
    }
    append(o, OPTION_FLAG, key, g_strdup("on"));
    return true;
}

static bool parse_plain(struct options *o, const char *text, const char *implied_key,
                        GError **error)
{
    while (*text) {
        if (!parse_word(o, &text, implied_key, error)) {
            return false;
        }
        implied_key = NULL;
    }
    return true;
}

/* ---- JSON ---- */

static bool flatten(struct options *o, const char *key, JsonNode *node, unsigned depth,
                    GError **error);

static char *join_keys(const char *outer, const char *inner)
{
    return *outer ? g_strdup_printf("%s.%s", outer, inner) : g_strdup(inner);
}

static bool flatten_object(struct options *o, const char *key, JsonObject *object, unsigned depth,
                           GError **error)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    json_object_iter_init_ordered(&iter, object);
    while (json_object_iter_next_ordered(&iter, &name, &node)) {
        g_autofree char *full = join_keys(key, name);

        if (!flatten(o, full, node, depth, error)) {
            return false;
        }
    }
    return true;
}

static bool flatten_array(struct options *o, const char *key, JsonArray *array, unsigned depth,
                          GError **error)
{
    for (unsigned i = 0; i < json_array_get_length(array); i++) {
        g_autofree char *index = g_strdup_printf("%u", i);
        g_autofree char *full = join_keys(key, index);

        if (!flatten(o, full, json_array_get_element(array, i), depth, error)) {
            return false;
        }
    }
    return true;
}

static void flatten_value(struct options *o, const char *key, JsonNode *node)
{
    GType type = json_node_get_value_type(node);

    if (type == G_TYPE_BOOLEAN) {
        append(o, OPTION_BOOL, g_strdup(key), g_strdup(json_node_get_boolean(node) ? "on" : "off"));
    } else if (type == G_TYPE_INT64) {
        append(o, OPTION_NUMBER, g_strdup(key),
               g_strdup_printf("%" PRId64, (int64_t)json_node_get_int(node)));
    } else if (type == G_TYPE_DOUBLE) {
        char buf[G_ASCII_DTOSTR_BUF_SIZE];

        g_ascii_dtostr(buf, sizeof(buf), json_node_get_double(node));
        append(o, OPTION_NUMBER, g_strdup(key), g_strdup(buf));
    } else {
        append(o, OPTION_TEXT, g_strdup(key), g_strdup(json_node_get_string(node)));
    }
}

static bool flatten(struct options *o, const char *key, JsonNode *node, unsigned depth,
                    GError **error)
{
    if (depth > JSON_DEPTH) {
        return fail(error, "%s: '%s' is nested too deeply", o->what, key);
    }
    switch (json_node_get_node_type(node)) {
    case JSON_NODE_OBJECT:
        return flatten_object(o, key, json_node_get_object(node), depth + 1, error);
    case JSON_NODE_ARRAY:
        return flatten_array(o, key, json_node_get_array(node), depth + 1, error);
    case JSON_NODE_NULL:
        append(o, OPTION_NULL, g_strdup(key), g_strdup(""));
        return true;
    default:
        flatten_value(o, key, node);
        return true;
    }
}

static bool parse_json(struct options *o, const char *text, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) cause = NULL;
    JsonNode *root;

    if (!json_parser_load_from_data(parser, text, -1, &cause)) {
        return fail(error, "%s: not valid JSON: %s", o->what, cause->message);
    }
    root = json_parser_get_root(parser);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root)) {
        return fail(error, "%s: JSON must be an object, {...}", o->what);
    }
    return flatten(o, "", root, 0, error);
}

struct options *options_parse(const char *what, const char *text, const char *implied_key,
                              GError **error)
{
    struct options *o = options_new(what);
    bool ok = *text == '{' ? parse_json(o, text, error) : parse_plain(o, text, implied_key, error);

    if (!ok) {
        options_free(o);
        return NULL;
    }
    return o;
}

static void append_escaped(GString *out, const char *text)
{
    for (; *text; text++) {
        g_string_append(out, *text == ',' ? "," : "");
        g_string_append_c(out, *text);
    }
}

char *options_to_text(const struct options *o)
{
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; i < o->items->len; i++) {
        const struct option *it = o->items->pdata[i];

        if (i) {
            g_string_append_c(out, ',');
        }
        g_string_append(out, it->key);
        if (it->kind != OPTION_FLAG) {
            g_string_append_c(out, '=');
            append_escaped(out, it->value);
        }
    }
    return g_string_free(out, FALSE);
}

/* ---- access ---- */

/* What @it says about @key: its value, "off" for the flag "noKEY", or NULL when nothing. */
static const char *value_for(const struct option *it, const char *key)
{
    if (strcmp(it->key, key) == 0) {
        return it->value;
    }
    if (it->kind == OPTION_FLAG && g_str_has_prefix(it->key, "no") &&
        strcmp(it->key + 2, key) == 0) {
        return "off";
    }
    return NULL;
}

bool options_has(const struct options *o, const char *key)
{
    for (unsigned i = 0; i < o->items->len; i++) {
        if (value_for(o->items->pdata[i], key)) {
            return true;
        }
    }
    return false;
}

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "?") == 0;
}

bool options_want_help(const struct options *o, const char *implied_key)
{
    for (unsigned i = 0; i < o->items->len; i++) {
        const struct option *it = o->items->pdata[i];

        if ((it->kind == OPTION_FLAG && is_help(it->key)) ||
            (implied_key && strcmp(it->key, implied_key) == 0 && is_help(it->value))) {
            return true;
        }
    }
    return false;
}

const char *options_get(struct options *o, const char *key)
{
    const char *found = NULL;

    for (unsigned i = 0; i < o->items->len; i++) {
        struct option *it = o->items->pdata[i];
        const char *value = value_for(it, key);

        if (value) {
            it->used = true;
            found = value;
        }
    }
    return found;
}

GPtrArray *options_get_all(struct options *o, const char *key)
{
    GPtrArray *all = g_ptr_array_new();

    for (unsigned i = 0; i < o->items->len; i++) {
        struct option *it = o->items->pdata[i];

        if (strcmp(it->key, key) == 0) {
            it->used = true;
            g_ptr_array_add(all, it->value);
        }
    }
    return all;
}

const char *options_require(struct options *o, const char *key, GError **error)
{
    const char *value = options_get(o, key);

    if (!value || !*value) {
        fail(error, "%s: '%s=' is missing", o->what, key);
        return NULL;
    }
    return value;
}

static bool blame(struct options *o, const char *key, GError **error)
{
    g_prefix_error(error, "%s: %s=: ", o->what, key);
    return false;
}

bool options_get_bool(struct options *o, const char *key, bool initial, bool *ret, GError **error)
{
    const char *value = options_get(o, key);

    if (!value) {
        *ret = initial;
        return true;
    }
    return parse_bool(value, ret, error) || blame(o, key, error);
}

bool options_get_uint(struct options *o, const char *key, uint64_t initial, uint64_t max,
                      uint64_t *ret, GError **error)
{
    const char *value = options_get(o, key);

    if (!value) {
        *ret = initial;
        return true;
    }
    return parse_uint(value, max, ret, error) || blame(o, key, error);
}

bool options_get_size(struct options *o, const char *key, uint64_t initial, uint64_t *ret,
                      GError **error)
{
    const char *value = options_get(o, key);

    if (!value) {
        *ret = initial;
        return true;
    }
    return parse_size(value, 1, ret, error) || blame(o, key, error);
}

bool options_get_enum(struct options *o, const char *key, const char *const *names,
                      unsigned initial, unsigned *ret, GError **error)
{
    const char *value = options_get(o, key);
    g_autofree char *list = NULL;

    if (!value) {
        *ret = initial;
        return true;
    }
    for (unsigned i = 0; names[i]; i++) {
        if (strcmp(names[i], value) == 0) {
            *ret = i;
            return true;
        }
    }
    list = g_strjoinv(", ", (char **)names);
    return fail(error, "%s: %s='%s': choose one of: %s", o->what, key, value, list);
}

struct options *options_take_prefix(struct options *o, const char *prefix)
{
    struct options *part = options_new(o->what);

    for (unsigned i = 0; i < o->items->len; i++) {
        struct option *it = o->items->pdata[i];

        if (g_str_has_prefix(it->key, prefix)) {
            it->used = true;
            append(part, it->kind, g_strdup(it->key + strlen(prefix)), g_strdup(it->value));
        }
    }
    return part;
}

bool options_unused(const struct options *o, const char *const *known, GError **error)
{
    for (unsigned i = 0; i < o->items->len; i++) {
        const struct option *it = o->items->pdata[i];
        const char *near;

        if (it->used) {
            continue;
        }
        near = known ? nearest_name(it->key, known) : NULL;
        return near ? fail(error, "%s: unknown option '%s'; did you mean '%s'?", o->what, it->key,
                           near)
                    : fail(error, "%s: unknown option '%s'", o->what, it->key);
    }
    return true;
}
