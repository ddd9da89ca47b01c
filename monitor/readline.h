/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line editing for terminals at the other end of a wire: emacs keys, history, search, completion.
 *
 * The peer is taken for a VT100 or a program that sends plain lines. It is not asked for its
 * width; a line that is longer than the screen still works, but looks ragged after editing.
 */
#ifndef VITRO_MONITOR_READLINE_H
#define VITRO_MONITOR_READLINE_H

#include "util/common.h"

struct readline;

struct readline_ops {
    /* Text for the terminal. */
    void (*print)(void *opaque, const char *buf, size_t len);
    /* Enter was pressed. The prompt comes again when readline_prompt() is called. */
    void (*line)(void *opaque, const char *line);
    /*
     * Adds to @found (g_free()d strings) all that the last word of @text may become, and returns
     * how many bytes of @text's end are that word. NULL: no completion.
     */
    size_t (*complete)(void *opaque, const char *text, GPtrArray *found);
};

/* @prompt is static. */
struct readline *readline_new(const char *prompt, const struct readline_ops *ops, void *opaque);
void readline_free(struct readline *rl); /* NULL is fine */

/* What the terminal sent; any part of it, also of escape sequences. */
void readline_input(struct readline *rl, const uint8_t *buf, size_t len);

/* Shows the prompt and the line being edited. */
void readline_prompt(struct readline *rl);
/* Takes both off the screen, so that something else can be printed; readline_prompt() brings them
 * back. */
void readline_hide(struct readline *rl);
/* Forgets the line being edited (the peer has gone). */
void readline_reset(struct readline *rl);

/* Lines that were entered, oldest first (char *); owned by @rl. */
const GPtrArray *readline_history(const struct readline *rl);

#endif
