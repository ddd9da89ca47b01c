/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format "raw": the bytes of the file are the bytes of the disk.
 *
 * The size is rounded up to whole sectors of 512 bytes; the added bytes read as zeroes, and
 * writing them extends the file.
 */
#include "block/driver.h"

enum { SECTOR = 512 };

static bool raw_open(struct block_node *n, GError **error)
{
    if (n->child->size == 0) {
        return fail(error, "'%s' is empty; give it a size first, as in 'truncate -s 10G %s'",
                    n->filename, n->filename);
    }
    if (n->child->size > INT64_MAX - SECTOR) {
        return fail(error, "'%s' is too large", n->filename);
    }
    n->size = align_up(n->child->size, SECTOR);
    return true;
}

static void raw_submit(struct block_node *n, struct block_io *io)
{
    block_node_submit(n->child, io);
}

static const struct block_driver raw_driver = {
    .name = "raw",
    .description = "the file's bytes as they are",
    .size = sizeof(struct block_node),
    .open = raw_open,
    .submit = raw_submit,
};
BLOCK_DRIVER(raw_driver);
