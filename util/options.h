/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option lists: the `key=value,key=value` of -device, -chardev, -drive, -netdev and others.
 *
 *   socket,id=mon,path=/tmp/a,,b,server,nowait
 *   {"driver": "qcow2", "file": {"driver": "file", "filename": "/tmp/a,b"}}
 *
 * A comma in a value is doubled. The first word may leave out its key. A word without "=" is a
 * flag: "server" is server=on and "nowait" is wait=off, whichever the reader of the list asks for.
 * JSON objects become dotted keys ("file.driver"), arrays numbered ones ("fds.0").
 *
 * The reader takes what it knows by name with options_get() and its relatives, which remember
 * what was taken; options_unused() then complains about the rest. When a key is given more
 * than once the last one counts, and options_get_all() gives all.
 */
#ifndef VITRO_UTIL_OPTIONS_H
#define VITRO_UTIL_OPTIONS_H

#include "util/error.h"

enum option_kind {
    OPTION_TEXT,   /* key=value, or a JSON string */
    OPTION_FLAG,   /* a word without "="; the value is "on" */
    OPTION_NUMBER, /* JSON; the value is its decimal form */
    OPTION_BOOL,   /* JSON; "on" or "off" */
    OPTION_NULL,   /* JSON; "" */
};

struct option {
    char *key;
    char *value; /* never NULL */
    enum option_kind kind;
    bool used; /* taken by someone */
};

struct options {
    char *what;       /* for errors: "-chardev" */
    GPtrArray *items; /* struct option, in the order they were given */
};

/* An empty list. */
struct options *options_new(const char *what);
/*
 * @text in either form. @implied_key names the first word when it has no "="; NULL: it is a flag.
 */
struct options *options_parse(const char *what, const char *text, const char *implied_key,
                              GError **error);
void options_free(struct options *o); /* NULL is fine */

/* Appends; it counts before what was given earlier. */
void options_add(struct options *o, const char *key, const char *value);

/* The text that options_parse() turns into @o again, commas doubled; g_free(). */
char *options_to_text(const struct options *o);

/* Whether @key is given, without taking it. */
bool options_has(const struct options *o, const char *key);
/* Whether help is asked for: "help" or "?" as a flag, or as the value of @implied_key. */
bool options_want_help(const struct options *o, const char *implied_key);

/* The value, or NULL when it is not given. Takes it. */
const char *options_get(struct options *o, const char *key);
/* All values of @key in order (const char *, owned by @o); free with g_ptr_array_unref(). */
GPtrArray *options_get_all(struct options *o, const char *key);
/* As options_get(), with an error when @key is not given or empty. */
const char *options_require(struct options *o, const char *key, GError **error);

/* Typed forms. *@ret is @initial when @key is not given. Errors name list and key. */
bool options_get_bool(struct options *o, const char *key, bool initial, bool *ret, GError **error);
bool options_get_uint(struct options *o, const char *key, uint64_t initial, uint64_t max,
                      uint64_t *ret, GError **error);
bool options_get_size(struct options *o, const char *key, uint64_t initial, uint64_t *ret,
                      GError **error);
/* One of the NULL-terminated @names; *@ret is its index. */
bool options_get_enum(struct options *o, const char *key, const char *const *names,
                      unsigned initial, unsigned *ret, GError **error);

/* Takes all keys that begin with @prefix ("file.") as a list of their own, prefix removed. It is
 * empty when there are none. */
struct options *options_take_prefix(struct options *o, const char *prefix);

/*
 * Fails when something was not taken: names it, and the nearest of the NULL-terminated @known
 * (may be NULL).
 */
bool options_unused(const struct options *o, const char *const *known, GError **error);

#endif
