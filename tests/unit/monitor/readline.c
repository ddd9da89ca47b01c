/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line editing: keys in, lines out; a tiny terminal checks that the screen shows what is edited.
 */
#include "monitor/readline.h"

#include <string.h>

/* One row of a VT100: enough to follow what line editing sends. */
struct screen {
    char row[512];
    size_t cursor;
};

struct fixture {
    struct readline *rl;
    GPtrArray *lines;
    struct screen screen;
};

static void screen_escape(struct screen *s, const char *seq, size_t len)
{
    char final = seq[len - 1];

    if (final == 'D') {
        s->cursor -= MIN(s->cursor, (size_t)g_ascii_strtoull(seq, NULL, 10));
    } else if (final == 'K') {
        memset(s->row + s->cursor, 0, sizeof(s->row) - s->cursor);
    }
}

static void screen_print(void *opaque, const char *buf, size_t len)
{
    struct screen *s = &((struct fixture *)opaque)->screen;

    for (size_t i = 0; i < len; i++) {
        if (buf[i] == '\033' && i + 1 < len && buf[i + 1] == '[') {
            size_t start = i + 2, end = start;

            while (end < len && !g_ascii_isalpha(buf[end])) {
                end++;
            }
            screen_escape(s, buf + start, end - start + 1);
            i = end;
        } else if (buf[i] == '\r') {
            s->cursor = 0;
        } else if (buf[i] == '\n') {
            memset(s, 0, sizeof(*s));
        } else if (buf[i] != '\a' && s->cursor < sizeof(s->row) - 1) {
            s->row[s->cursor++] = buf[i];
        }
    }
}

static void take_line(void *opaque, const char *line)
{
    struct fixture *f = opaque;

    g_ptr_array_add(f->lines, g_strdup(line));
    readline_prompt(f->rl);
}

static size_t complete(void *opaque, const char *text, GPtrArray *found)
{
    static const char *const words[] = {"info", "system_powerdown", "system_reset", "stop"};
    const char *word = strrchr(text, ' ') ? strrchr(text, ' ') + 1 : text;

    (void)opaque;
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_has_prefix(words[i], word)) {
            g_ptr_array_add(found, g_strdup(words[i]));
        }
    }
    return strlen(word);
}

static const struct readline_ops ops = {
    .print = screen_print,
    .line = take_line,
    .complete = complete,
};

static void setup(struct fixture *f, const void *data)
{
    (void)data;
    memset(f, 0, sizeof(*f));
    f->lines = g_ptr_array_new_with_free_func(g_free);
    f->rl = readline_new("> ", &ops, f);
    readline_prompt(f->rl);
}

static void teardown(struct fixture *f, const void *data)
{
    (void)data;
    readline_free(f->rl);
    g_ptr_array_unref(f->lines);
}

static void type(struct fixture *f, const char *keys)
{
    readline_input(f->rl, (const uint8_t *)keys, strlen(keys));
}

static void assert_last(struct fixture *f, const char *line)
{
    g_assert_cmpuint(f->lines->len, >, 0);
    g_assert_cmpstr(f->lines->pdata[f->lines->len - 1], ==, line);
}

static void assert_screen(struct fixture *f, const char *row, size_t cursor)
{
    g_assert_cmpstr(f->screen.row, ==, row);
    g_assert_cmpuint(f->screen.cursor, ==, cursor);
}

static void test_plain_lines_and_both_kinds_of_line_end(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "one\rtwo\nthree\r\nfour\r");
    g_assert_cmpuint(f->lines->len, ==, 4);
    g_assert_cmpstr(f->lines->pdata[2], ==, "three");
    assert_last(f, "four");
}

static void test_editing_in_the_middle(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "infx\033[Dr\177"); /* left, insert, delete it again */
    assert_screen(f, "> infx", 5);
    type(f, "o\033[3~"); /* insert, delete the x to the right */
    assert_screen(f, "> info", 6);
    type(f, "\001X\005Y\r");
    assert_last(f, "XinfoY");
}

static void test_arrows_in_both_encodings_and_split_sequences(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "ac\033");
    type(f, "[");
    type(f, "Db\033OCd\033[1~0\033[1;5C\r"); /* the last one is a modified key: moves one */
    assert_last(f, "0abcd");
}

static void test_kill_and_yank(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "one two three\027");
    assert_screen(f, "> one two ", 10);
    type(f, "\001\031\r"); /* to the start, put it back */
    assert_last(f, "threeone two ");
    type(f, "abc\002\013\025"); /* left, kill the end, kill the start */
    assert_screen(f, "> ", 2);
    type(f, "\r");
    assert_last(f, "");
}

static void test_transpose_swaps_at_the_end_and_inside(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "ab\024\r");
    assert_last(f, "ba");
    type(f, "abc\002\002\024\r");
    assert_last(f, "bac");
}

static void test_history_keeps_the_unfinished_line(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "first\rsecond\rsecond\runfin");
    g_assert_cmpuint(readline_history(f->rl)->len, ==, 2);
    type(f, "\033[A\033[A");
    assert_screen(f, "> first", 7);
    type(f, "\033[A\033[B\033[B");
    assert_screen(f, "> unfin", 7);
    type(f, "\020\r");
    assert_last(f, "second");
}

static void test_search_finds_older_and_can_be_given_up(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "info cpus\rinfo block\rstop\r");
    type(f, "\022info");
    assert_screen(f, "(reverse-i-search)`info': info block",
                  strlen("(reverse-i-search)`info': info block"));
    type(f, "\022\r");
    assert_last(f, "info cpus");
    type(f, "x\022stop\007");
    assert_screen(f, "> x", 3);
}

static void test_completion_inserts_and_lists(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "in\t");
    assert_screen(f, "> info ", 7);
    type(f, "sys\t");
    assert_screen(f, "> info system_", 14);
    type(f, "\tr\t\r"); /* lists both, then r decides */
    assert_last(f, "info system_reset ");
}

static void test_interrupt_forgets_the_line(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "quit\003");
    assert_screen(f, "> ", 2);
    g_assert_cmpuint(f->lines->len, ==, 0);
}

static void test_characters_of_several_bytes_move_as_one(struct fixture *f, const void *data)
{
    (void)data;
    type(f, "a\xc3\xa4z\033[D\033[D\177\r"); /* left over z and ä, delete a */
    assert_last(f, "\xc3\xa4z");
}

static void test_endless_line_is_bounded(struct fixture *f, const void *data)
{
    g_autofree char *many = g_strnfill(10000, 'x');

    (void)data;
    type(f, many);
    type(f, "\r");
    g_assert_cmpuint(strlen(f->lines->pdata[0]), <, 10000);
}

#define ADD(path, fn) g_test_add("/readline/" path, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("lines", test_plain_lines_and_both_kinds_of_line_end);
    ADD("middle", test_editing_in_the_middle);
    ADD("arrows", test_arrows_in_both_encodings_and_split_sequences);
    ADD("kill", test_kill_and_yank);
    ADD("transpose", test_transpose_swaps_at_the_end_and_inside);
    ADD("history", test_history_keeps_the_unfinished_line);
    ADD("search", test_search_finds_older_and_can_be_given_up);
    ADD("complete", test_completion_inserts_and_lists);
    ADD("interrupt", test_interrupt_forgets_the_line);
    ADD("utf8", test_characters_of_several_bytes_move_as_one);
    ADD("bounded", test_endless_line_is_bounded);
    return g_test_run();
}
