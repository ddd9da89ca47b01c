/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -readconfig: an INI file whose sections are options.
 *
 *     [device "net0"]            -device driver=e1000,id=net0
 *       driver = "e1000"
 *     [machine]                  -machine type=pc
 *       type = "pc"
 */
#include "system/cmdline.h"

#include <string.h>

struct section {
    char *option;  /* "device" */
    GString *text; /* key=value,... */
};

static void add_key(GString *text, const char *key, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    g_autofree char *escaped = g_strjoinv(",,", parts);

    g_string_append_printf(text, "%s%s=%s", text->len ? "," : "", key, escaped);
}

static enum cmdline_result finish(struct config *c, struct section *s, GError **error)
{
    enum cmdline_result result = CMDLINE_OK;

    if (s->option) {
        result = cmdline_option(c, s->option, s->text->str, error);
        g_clear_pointer(&s->option, g_free);
        g_string_truncate(s->text, 0);
    }
    return result;
}

/* [option] or [option "id"] */
static bool begin(struct section *s, char *line, GError **error)
{
    char *end = strchr(line, ']');
    char *quote;

    if (!end) {
        return fail(error, "'[' without ']'");
    }
    *end = '\0';
    quote = strchr(line, '"');
    if (quote) {
        char *close = strchr(quote + 1, '"');

        if (!close) {
            return fail(error, "a quote is not closed");
        }
        *close = '\0';
        add_key(s->text, "id", quote + 1);
        *quote = '\0';
    }
    s->option = g_strdup(g_strstrip(line + 1));
    return true;
}

static bool key_line(struct section *s, char *line, GError **error)
{
    char *eq = strchr(line, '=');
    char *value;
    size_t len;

    if (!s->option) {
        return fail(error, "a key before the first [section]");
    }
    if (!eq) {
        return fail(error, "neither [section] nor key = \"value\"");
    }
    *eq = '\0';
    value = g_strstrip(eq + 1);
    len = strlen(value);
    if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
        value[len - 1] = '\0';
        value++;
    }
    add_key(s->text, g_strstrip(line), value);
    return true;
}

static enum cmdline_result read_line(struct config *c, struct section *s, char *line,
                                     GError **error)
{
    g_strstrip(line);
    if (*line == '\0' || *line == '#') {
        return CMDLINE_OK;
    }
    if (*line == '[') {
        enum cmdline_result result = finish(c, s, error);

        return result != CMDLINE_OK ? result : begin(s, line, error) ? CMDLINE_OK : CMDLINE_ERROR;
    }
    return key_line(s, line, error) ? CMDLINE_OK : CMDLINE_ERROR;
}

enum cmdline_result readconfig(struct config *c, const char *path, GError **error)
{
    struct section s = {.text = g_string_new(NULL)};
    enum cmdline_result result = CMDLINE_OK;
    g_autofree char *data = NULL;
    g_auto(GStrv) lines = NULL;
    unsigned number = 0;

    if (!g_file_get_contents(path, &data, NULL, error)) {
        g_prefix_error(error, "-readconfig: ");
        g_string_free(s.text, TRUE);
        return CMDLINE_ERROR;
    }
    lines = g_strsplit(data, "\n", -1);
    for (char **line = lines; *line && result == CMDLINE_OK; line++) {
        number++;
        result = read_line(c, &s, *line, error);
    }
    if (result == CMDLINE_OK) {
        result = finish(c, &s, error);
    }
    if (result == CMDLINE_ERROR) {
        g_prefix_error(error, "%s:%u: ", path, number);
    }
    g_free(s.option);
    g_string_free(s.text, TRUE);
    return result;
}
