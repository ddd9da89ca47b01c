/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of block/ share: the set of blocks and its completion queue.
 */
#ifndef VITRO_BLOCK_PRIVATE_H
#define VITRO_BLOCK_PRIVATE_H

#include "block/driver.h"
#include "block/pool.h"

/*
 * Completions come from any thread: they are pushed on a lock-free stack, and the first one on an
 * empty stack makes event_fd readable. The main loop takes the whole stack at once.
 */
struct blocks {
    int event_fd;
    GSource *source;
    struct block_io *completed; /* newest first; atomic */
    struct block_io *ready;     /* taken from there, oldest first; machine lock */
    struct block_io **ready_tail;
    struct block_pool *pool;
    GPtrArray *blocks; /* struct block */
    GPtrArray *drives; /* struct drive */
};

struct block {
    struct blocks *set;
    struct block_node *top;
    char *filename;
    enum block_open_flags flags;
    unsigned in_flight;
    struct block_stats stats;
};

/* Runs what has completed; returns whether there was anything. */
bool blocks_run_completions(struct blocks *set);
/* As that, but sleeps until there is something. */
void blocks_wait(struct blocks *set);

/* block/file.c: an empty unlinked file in TMPDIR or /var/tmp. */
struct block_node *block_file_new_temporary(struct blocks *set, GError **error);

/* block/overlay.c: writes to @base stay in a temporary file. Takes @base, also on failure. */
struct block_node *block_overlay_new(struct block_node *base, GError **error);

/* block/probe.c: the driver for the image behind @file, by name or, when @format is NULL, by
 * looking at it. */
const struct block_driver *block_find_format(struct block_node *file, const char *format,
                                             GError **error);
/* "raw, qcow2": what format= takes; g_free(). */
char *block_format_names(void);

/* block/drive.c: frees drives (their blocks are closed by the caller). */
void drive_free(struct drive *d);

#endif
