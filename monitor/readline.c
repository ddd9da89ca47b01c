/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line editing: keys to edits, edits to as few bytes for the terminal as is simple.
 *
 * The line is bytes; the cursor stands between characters of UTF-8. Columns are counted as one per
 * character. I1: cursor <= line->len and both at character boundaries. I2: when `shown`, the
 * terminal shows prompt and line, with its cursor where ours is.
 *
 * Absent: keys in other than the VT100/xterm encodings, undo.
 */
#include "monitor/readline.h"

#include <string.h>

#define LINE_MAX_BYTES 4095
#define HISTORY_MAX    100
#define LIST_WIDTH     78

enum escape_state {
    ESC_NONE,
    ESC_ESC, /* after ESC */
    ESC_CSI, /* after ESC [ and perhaps numbers */
    ESC_SS3, /* after ESC O */
};

struct readline {
    const struct readline_ops *ops;
    void *opaque;
    const char *prompt;
    GString *line;
    size_t cursor;
    bool shown;
    char *killed; /* what Ctrl-K, Ctrl-U, Ctrl-W took; NULL: nothing */

    GPtrArray *history; /* char * */
    unsigned position;  /* in history; its length: the line that is new */
    char *unfinished;   /* that new line while an older one is shown */

    bool searching;
    GString *pattern;
    unsigned match; /* history index of what is shown */
    char *before_search;

    enum escape_state escape;
    unsigned number;   /* first parameter of a CSI sequence */
    bool more_numbers; /* a second one has begun */
    bool after_cr;
};

static void put(struct readline *rl, const char *text, size_t len)
{
    if (len) {
        rl->ops->print(rl->opaque, text, len);
    }
}

static void puts_to(struct readline *rl, const char *text)
{
    put(rl, text, strlen(text));
}

static void move_left(struct readline *rl, size_t columns)
{
    char buf[32];

    if (columns) {
        put(rl, buf, g_snprintf(buf, sizeof(buf), "\033[%zuD", columns));
    }
}

/* ---- characters ---- */

static bool continues(char c)
{
    return ((uint8_t)c & 0xc0) == 0x80;
}

static size_t columns_of(const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n += !continues(text[i]);
    }
    return n;
}

static size_t left_of(const struct readline *rl, size_t at)
{
    while (at > 0 && continues(rl->line->str[--at])) {
        /* to the first byte of the character */
    }
    return at;
}

static size_t right_of(const struct readline *rl, size_t at)
{
    if (at < rl->line->len) {
        at++;
    }
    while (at < rl->line->len && continues(rl->line->str[at])) {
        at++;
    }
    return at;
}

static size_t word_left(const struct readline *rl)
{
    size_t at = rl->cursor;

    while (at > 0 && rl->line->str[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && rl->line->str[at - 1] != ' ') {
        at--;
    }
    return at;
}

static size_t word_right(const struct readline *rl)
{
    size_t at = rl->cursor;

    while (at < rl->line->len && rl->line->str[at] == ' ') {
        at++;
    }
    while (at < rl->line->len && rl->line->str[at] != ' ') {
        at++;
    }
    return at;
}

/* ---- the screen ---- */

/* From the cursor on, with the cursor back in its place. */
static void draw_rest(struct readline *rl)
{
    const char *rest = rl->line->str + rl->cursor;
    size_t len = rl->line->len - rl->cursor;

    put(rl, rest, len);
    puts_to(rl, "\033[K");
    move_left(rl, columns_of(rest, len));
}

void readline_prompt(struct readline *rl)
{
    rl->shown = true;
    puts_to(rl, rl->prompt);
    put(rl, rl->line->str, rl->line->len);
    move_left(rl, columns_of(rl->line->str + rl->cursor, rl->line->len - rl->cursor));
}

void readline_hide(struct readline *rl)
{
    if (rl->shown) {
        puts_to(rl, "\r\033[K");
        rl->shown = false;
    }
}

static void redraw(struct readline *rl)
{
    puts_to(rl, "\r\033[K");
    readline_prompt(rl);
}

static void move_to(struct readline *rl, size_t at)
{
    if (at < rl->cursor) {
        move_left(rl, columns_of(rl->line->str + at, rl->cursor - at));
    } else {
        put(rl, rl->line->str + rl->cursor, at - rl->cursor);
    }
    rl->cursor = at;
}

/* ---- edits ---- */

static void set_line(struct readline *rl, const char *text)
{
    g_string_assign(rl->line, text);
    rl->cursor = rl->line->len;
    redraw(rl);
}

static void insert(struct readline *rl, const char *text, size_t len)
{
    if (rl->line->len + len > LINE_MAX_BYTES) {
        puts_to(rl, "\a");
        return;
    }
    g_string_insert_len(rl->line, rl->cursor, text, len);
    rl->cursor += len;
    put(rl, text, len);
    if (rl->cursor < rl->line->len) {
        draw_rest(rl);
    }
}

/* The bytes from @start to @end, the cursor being at one of the two. */
static void erase(struct readline *rl, size_t start, size_t end, bool keep)
{
    if (start == end) {
        return;
    }
    if (keep) {
        g_free(rl->killed);
        rl->killed = g_strndup(rl->line->str + start, end - start);
    }
    move_to(rl, start);
    g_string_erase(rl->line, start, end - start);
    draw_rest(rl);
}

static void transpose(struct readline *rl)
{
    size_t at = rl->cursor == rl->line->len ? left_of(rl, rl->cursor) : rl->cursor;
    size_t before = left_of(rl, at), after = right_of(rl, at);
    g_autofree char *first = NULL;

    if (at == 0 || at == after) {
        return;
    }
    first = g_strndup(rl->line->str + before, at - before);
    move_to(rl, before);
    g_string_erase(rl->line, before, at - before);
    g_string_insert(rl->line, before + (after - at), first);
    draw_rest(rl);
    move_to(rl, after);
}

/* ---- history ---- */

static const char *history_at(const struct readline *rl, unsigned i)
{
    return i < rl->history->len ? rl->history->pdata[i] : rl->unfinished ? rl->unfinished : "";
}

static void history_go(struct readline *rl, int step)
{
    if ((step < 0 && rl->position == 0) || (step > 0 && rl->position >= rl->history->len)) {
        return;
    }
    if (rl->position == rl->history->len) {
        g_free(rl->unfinished);
        rl->unfinished = g_strdup(rl->line->str);
    }
    rl->position += step;
    set_line(rl, history_at(rl, rl->position));
}

static void history_add(struct readline *rl, const char *line)
{
    const GPtrArray *h = rl->history;

    if (*line && (!h->len || strcmp(h->pdata[h->len - 1], line) != 0)) {
        if (h->len == HISTORY_MAX) {
            g_ptr_array_remove_index(rl->history, 0);
        }
        g_ptr_array_add(rl->history, g_strdup(line));
    }
    rl->position = rl->history->len;
    g_clear_pointer(&rl->unfinished, g_free);
}

const GPtrArray *readline_history(const struct readline *rl)
{
    return rl->history;
}

/* ---- search ---- */

static void search_draw(struct readline *rl)
{
    g_autofree char *text =
        g_strdup_printf("\r\033[K(reverse-i-search)`%s': %s", rl->pattern->str, rl->line->str);

    puts_to(rl, text);
}

/* The newest line before @from that has the pattern in it. */
static void search_from(struct readline *rl, unsigned from)
{
    for (unsigned i = MIN(from, rl->history->len); i-- > 0;) {
        if (strstr(rl->history->pdata[i], rl->pattern->str)) {
            rl->match = i;
            g_string_assign(rl->line, rl->history->pdata[i]);
            rl->cursor = rl->line->len;
            search_draw(rl);
            return;
        }
    }
    puts_to(rl, "\a");
    search_draw(rl);
}

static void search_begin(struct readline *rl)
{
    rl->searching = true;
    rl->match = rl->history->len;
    g_string_truncate(rl->pattern, 0);
    g_free(rl->before_search);
    rl->before_search = g_strdup(rl->line->str);
    search_draw(rl);
}

static void search_end(struct readline *rl, bool keep)
{
    rl->searching = false;
    if (!keep) {
        g_string_assign(rl->line, rl->before_search);
    }
    rl->cursor = rl->line->len;
    redraw(rl);
}

/* Returns whether the key was the search's; otherwise the search is over and the key is still to
 * be handled. */
static bool search_key(struct readline *rl, uint8_t key)
{
    if (key >= 0x20 && key != 0x7f) {
        g_string_append_c(rl->pattern, key);
        search_from(rl, rl->history->len);
        return true;
    }
    switch (key) {
    case 'R' - '@':
        search_from(rl, rl->match);
        return true;
    case '\b':
    case 0x7f:
        g_string_truncate(rl->pattern, rl->pattern->len ? rl->pattern->len - 1 : 0);
        search_from(rl, rl->history->len);
        return true;
    case 'G' - '@':
    case 'C' - '@':
        search_end(rl, /* keep= */ false);
        return true;
    default:
        search_end(rl, /* keep= */ true);
        return false;
    }
}

/* ---- completion ---- */

static size_t common_prefix(const GPtrArray *found)
{
    const char *first = found->pdata[0];
    size_t len = strlen(first);

    for (unsigned i = 1; i < found->len; i++) {
        const char *other = found->pdata[i];
        size_t n = 0;

        while (n < len && first[n] == other[n]) {
            n++;
        }
        len = n;
    }
    return len;
}

static void list_candidates(struct readline *rl, const GPtrArray *found)
{
    size_t width = 0, columns;

    for (unsigned i = 0; i < found->len; i++) {
        width = MAX(width, strlen(found->pdata[i]) + 2);
    }
    columns = MAX(1, LIST_WIDTH / width);
    puts_to(rl, "\r\n");
    for (unsigned i = 0; i < found->len; i++) {
        bool last = i % columns == columns - 1 || i + 1 == found->len;
        g_autofree char *cell = last ? g_strdup_printf("%s\r\n", (char *)found->pdata[i])
                                     : g_strdup_printf("%-*s", (int)width, (char *)found->pdata[i]);

        puts_to(rl, cell);
    }
    readline_prompt(rl);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void complete(struct readline *rl)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *text = g_strndup(rl->line->str, rl->cursor);
    size_t word, prefix;

    if (!rl->ops->complete) {
        return;
    }
    word = rl->ops->complete(rl->opaque, text, found);
    if (!found->len || word > rl->cursor) {
        return;
    }
    g_ptr_array_sort(found, compare_strings);
    prefix = common_prefix(found);
    if (prefix > word) {
        insert(rl, (char *)found->pdata[0] + word, prefix - word);
    } else if (found->len > 1) {
        list_candidates(rl, found);
    }
    if (found->len == 1 && prefix && !strchr("/=,:", ((char *)found->pdata[0])[prefix - 1])) {
        insert(rl, " ", 1);
    }
}

/* ---- keys ---- */

static void enter(struct readline *rl)
{
    g_autofree char *line = g_strdup(rl->line->str);

    move_to(rl, rl->line->len);
    puts_to(rl, "\r\n");
    rl->shown = false;
    history_add(rl, line);
    g_string_truncate(rl->line, 0);
    rl->cursor = 0;
    rl->ops->line(rl->opaque, line);
}

static void interrupt(struct readline *rl)
{
    puts_to(rl, "^C\r\n");
    readline_reset(rl);
    readline_prompt(rl);
}

static void control_key(struct readline *rl, uint8_t key)
{
    switch (key) {
    case 'A' - '@':
        move_to(rl, 0);
        break;
    case 'B' - '@':
        move_to(rl, left_of(rl, rl->cursor));
        break;
    case 'C' - '@':
        interrupt(rl);
        break;
    case 'D' - '@':
        erase(rl, rl->cursor, right_of(rl, rl->cursor), /* keep= */ false);
        break;
    case 'E' - '@':
        move_to(rl, rl->line->len);
        break;
    case 'F' - '@':
        move_to(rl, right_of(rl, rl->cursor));
        break;
    case '\b':
    case 0x7f:
        erase(rl, left_of(rl, rl->cursor), rl->cursor, /* keep= */ false);
        break;
    case '\t':
        complete(rl);
        break;
    case '\r':
    case '\n':
        enter(rl);
        break;
    case 'K' - '@':
        erase(rl, rl->cursor, rl->line->len, /* keep= */ true);
        break;
    case 'L' - '@':
        puts_to(rl, "\033[H\033[2J");
        readline_prompt(rl);
        break;
    case 'N' - '@':
        history_go(rl, 1);
        break;
    case 'P' - '@':
        history_go(rl, -1);
        break;
    case 'R' - '@':
        search_begin(rl);
        break;
    case 'T' - '@':
        transpose(rl);
        break;
    case 'U' - '@':
        erase(rl, 0, rl->cursor, /* keep= */ true);
        break;
    case 'W' - '@':
        erase(rl, word_left(rl), rl->cursor, /* keep= */ true);
        break;
    case 'Y' - '@':
        if (rl->killed) {
            insert(rl, rl->killed, strlen(rl->killed));
        }
        break;
    default:
        break;
    }
}

/* ESC and one more key: the Alt key of most terminals. */
static void alt_key(struct readline *rl, uint8_t key)
{
    switch (key) {
    case 'b':
        move_to(rl, word_left(rl));
        break;
    case 'f':
        move_to(rl, word_right(rl));
        break;
    case 'd':
        erase(rl, rl->cursor, word_right(rl), /* keep= */ true);
        break;
    case '\b':
    case 0x7f:
        erase(rl, word_left(rl), rl->cursor, /* keep= */ true);
        break;
    default:
        break;
    }
}

/* The last byte of a CSI or SS3 sequence. */
static void function_key(struct readline *rl, uint8_t final)
{
    switch (final) {
    case 'A':
        history_go(rl, -1);
        break;
    case 'B':
        history_go(rl, 1);
        break;
    case 'C':
        move_to(rl, right_of(rl, rl->cursor));
        break;
    case 'D':
        move_to(rl, left_of(rl, rl->cursor));
        break;
    case 'H':
        move_to(rl, 0);
        break;
    case 'F':
        move_to(rl, rl->line->len);
        break;
    case '~':
        if (rl->number == 1 || rl->number == 7) {
            move_to(rl, 0);
        } else if (rl->number == 4 || rl->number == 8) {
            move_to(rl, rl->line->len);
        } else if (rl->number == 3) {
            erase(rl, rl->cursor, right_of(rl, rl->cursor), /* keep= */ false);
        }
        break;
    default:
        break;
    }
}

static void escape_key(struct readline *rl, uint8_t key)
{
    enum escape_state state = rl->escape;

    if (state == ESC_ESC && (key == '[' || key == 'O')) {
        rl->escape = key == '[' ? ESC_CSI : ESC_SS3;
        rl->number = 0;
        rl->more_numbers = false;
        return;
    }
    if (state == ESC_CSI && g_ascii_isdigit(key)) {
        if (!rl->more_numbers && rl->number < 1000) {
            rl->number = rl->number * 10 + (key - '0');
        }
        return;
    }
    if (state == ESC_CSI && key >= 0x20 && key < 0x40) {
        rl->more_numbers = true; /* ";5" and the like: modifiers, which change nothing here */
        return;
    }
    rl->escape = key == 0x1b ? ESC_ESC : ESC_NONE;
    if (key == 0x1b) {
        return;
    }
    if (state == ESC_ESC) {
        alt_key(rl, key);
    } else {
        function_key(rl, key);
    }
}

static void take_key(struct readline *rl, uint8_t key)
{
    bool after_cr = rl->after_cr;

    rl->after_cr = key == '\r';
    if (key == '\n' && after_cr) {
        return; /* one Enter, sent as two */
    }
    if (rl->searching && search_key(rl, key)) {
        return;
    }
    if (rl->escape != ESC_NONE) {
        escape_key(rl, key);
    } else if (key == 0x1b) {
        rl->escape = ESC_ESC;
    } else if (key < 0x20 || key == 0x7f) {
        control_key(rl, key);
    } else {
        insert(rl, (const char *)&key, 1);
    }
}

void readline_input(struct readline *rl, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        take_key(rl, buf[i]);
    }
}

/* ---- life ---- */

struct readline *readline_new(const char *prompt, const struct readline_ops *ops, void *opaque)
{
    struct readline *rl = g_new0(struct readline, 1);

    rl->prompt = prompt;
    rl->ops = ops;
    rl->opaque = opaque;
    rl->line = g_string_new(NULL);
    rl->pattern = g_string_new(NULL);
    rl->history = g_ptr_array_new_with_free_func(g_free);
    return rl;
}

void readline_reset(struct readline *rl)
{
    g_string_truncate(rl->line, 0);
    rl->cursor = 0;
    rl->position = rl->history->len;
    rl->searching = false;
    rl->escape = ESC_NONE;
    rl->shown = false;
}

void readline_free(struct readline *rl)
{
    if (!rl) {
        return;
    }
    g_string_free(rl->line, TRUE);
    g_string_free(rl->pattern, TRUE);
    g_ptr_array_unref(rl->history);
    g_free(rl->killed);
    g_free(rl->unfinished);
    g_free(rl->before_search);
    g_free(rl);
}
