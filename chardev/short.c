/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short forms that -serial, -parallel, -monitor and others take: "tcp:host:port,server=on".
 *
 * Each becomes a driver and an option list. After "unix:PATH", "tcp:" and "telnet:" options follow
 * a comma; after the others the whole rest is the name.
 */
#include "chardev/driver.h"

#include <string.h>

/* Splits "HOST:PORT" at the last colon. */
static bool add_host_port(struct options *o, const char *text, const char *host_key,
                          const char *port_key, GError **error)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *host = NULL;

    if (!colon || !colon[1]) {
        return fail(error, "%s: '%s' must be HOST:PORT", o->what, text);
    }
    host = g_strndup(text, colon - text);
    if (*host) {
        options_add(o, host_key, host);
    }
    options_add(o, port_key, colon + 1);
    return true;
}

/* "WHERE,key=value,...": *@ret_where up to the comma, the rest as options. */
static struct options *split_options(const char *id, const char *text, char **ret_where,
                                     GError **error)
{
    size_t len = strcspn(text, ",");
    struct options *o = options_parse(id, text[len] ? text + len + 1 : "", NULL, error);

    if (o) {
        *ret_where = g_strndup(text, len);
    }
    return o;
}

static struct options *parse_tcp(const char *id, const char *rest, GError **error)
{
    g_autofree char *where = NULL;
    struct options *o = split_options(id, rest, &where, error);

    if (o && !add_host_port(o, where, "host", "port", error)) {
        options_free(o);
        return NULL;
    }
    return o;
}

static struct options *parse_telnet(const char *id, const char *rest, GError **error)
{
    struct options *o = parse_tcp(id, rest, error);

    if (o) {
        options_add(o, "telnet", "on");
    }
    return o;
}

static struct options *parse_unix(const char *id, const char *rest, GError **error)
{
    g_autofree char *where = NULL;
    struct options *o = split_options(id, rest, &where, error);

    if (o) {
        options_add(o, "path", where);
    }
    return o;
}

/* "[HOST]:PORT[@[ADDR]:PORT]" */
static struct options *parse_udp(const char *id, const char *rest, GError **error)
{
    g_auto(GStrv) ends = g_strsplit(rest, "@", 2);
    struct options *o = options_new(id);

    if (ends[0] && add_host_port(o, ends[0], "host", "port", error) &&
        (!ends[1] || add_host_port(o, ends[1], "localaddr", "localport", error))) {
        return o;
    }
    if (!ends[0]) {
        fail(error, "%s: udp: needs HOST:PORT", id);
    }
    options_free(o);
    return NULL;
}

/* The whole rest is a path; without one there are no options. */
static struct options *parse_path(const char *id, const char *rest, GError **error)
{
    struct options *o = options_new(id);

    (void)error;
    if (*rest) {
        options_add(o, "path", rest);
    }
    return o;
}

static const struct short_form {
    const char *prefix;
    bool whole; /* stands alone as well: "pty" */
    const char *driver;
    struct options *(*parse)(const char *id, const char *rest, GError **error);
} forms[] = {
    {"null", true, "null", parse_path},  {"stdio", true, "stdio", parse_path},
    {"pty", true, "pty", parse_path},    {"file", false, "file", parse_path},
    {"pipe", false, "pipe", parse_path}, {"unix", false, "socket", parse_unix},
    {"tcp", false, "socket", parse_tcp}, {"telnet", false, "socket", parse_telnet},
    {"udp", false, "udp", parse_udp},
};

/* Driver name (static) and options for @text. */
static struct options *parse_form(const char *id, const char *text, const char **ret_driver,
                                  GError **error)
{
    for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
        size_t len = strlen(forms[i].prefix);

        if (strncmp(text, forms[i].prefix, len) == 0 &&
            (text[len] == ':' || (forms[i].whole && !text[len]))) {
            *ret_driver = forms[i].driver;
            return forms[i].parse(id, text[len] ? text + len + 1 : "", error);
        }
    }
    if (g_str_has_prefix(text, "/dev/")) {
        *ret_driver = g_str_has_prefix(text, "/dev/parport") ? "parallel" : "serial";
        return parse_path(id, text, error);
    }
    if (g_str_has_prefix(text, "vc") && (!text[2] || text[2] == ':')) {
        fail(error,
             "%s: a virtual console ('vc') needs a window of its own; use stdio, pty or a socket "
             "instead",
             id);
        return NULL;
    }
    fail(error,
         "%s: cannot make sense of '%s'; it may be none, null, stdio, pty, mon:stdio, file:PATH, "
         "pipe:PATH, unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT, udp:HOST:PORT, chardev:ID or "
         "/dev/...",
         id, text);
    return NULL;
}

bool chardev_parse_short(struct chardevs *set, const char *id, const char *text,
                         struct chardev **ret, GError **error)
{
    const char *driver = NULL, *rest = text;
    g_autofree char *base_id = NULL;
    struct options *o;
    struct chardev *chr;
    bool with_monitor = g_str_has_prefix(text, "mon:");

    if (strcmp(text, "none") == 0) {
        *ret = NULL;
        return true;
    }
    if (g_str_has_prefix(text, "chardev:")) {
        chr = chardev_find(set, text + strlen("chardev:"));
        if (!chr) {
            return fail_code(error, ERROR_NOT_FOUND, "there is no character device '%s'",
                             text + strlen("chardev:"));
        }
        *ret = chr;
        return true;
    }
    if (with_monitor) {
        rest = text + strlen("mon:");
    }
    o = parse_form(id, rest, &driver, error);
    if (!o) {
        return false;
    }
    if (with_monitor && strcmp(driver, "stdio") == 0) {
        options_add(o, "signal", "off"); /* Ctrl-C is the guest's; Ctrl-A x ends us */
    }
    base_id = with_monitor ? g_strdup_printf("%s-base", id) : g_strdup(id);
    chr = chardev_open(set, chardev_driver_find(driver), base_id, o, error);
    options_free(o);
    if (chr && with_monitor) {
        struct chardev *mux = chardev_mux_new(set, id, chr, error);

        if (!mux) {
            chardev_remove(set, base_id, NULL);
        } else {
            mux->wants_monitor = true;
        }
        chr = mux;
    }
    if (chr) {
        *ret = chr;
    }
    return chr != NULL;
}
