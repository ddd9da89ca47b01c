/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes: the chain of drivers below an opened image.
 */
#include "block/private.h"

#include <errno.h>
#include <string.h>

LINKER_SET_DECLARE(block_drivers, struct block_driver);

const struct block_driver *block_driver_find(const char *name)
{
    LINKER_SET_FOREACH(block_drivers, struct block_driver, d)
    {
        if (!strcmp((*d)->name, name)) {
            return *d;
        }
    }
    return NULL;
}

struct block_node *block_node_open(struct blocks *set, const struct block_driver *driver,
                                   const char *filename, enum block_open_flags flags,
                                   struct block_node *child, GError **error)
{
    struct block_node *n;

    g_assert(driver->size >= sizeof(*n) && driver->protocol == !child);
    n = g_malloc0(driver->size);
    n->driver = driver;
    n->set = set;
    n->child = child;
    n->filename = g_strdup(filename);
    n->flags = flags;
    if (!driver->open(n, error)) {
        block_node_close(n->child);
        g_free(n->filename);
        g_free(n);
        return NULL;
    }
    return n;
}

void block_node_close(struct block_node *n)
{
    if (!n) {
        return;
    }
    if (n->driver->close) {
        n->driver->close(n);
    }
    block_node_close(n->child);
    g_free(n->filename);
    g_free(n);
}

void block_node_submit(struct block_node *n, struct block_io *io)
{
    io->node = n;
    n->driver->submit(n, io);
}

struct sync_read {
    struct block_io io;
    bool over;
    int ret;
};

static void sync_read_done(struct block_io *io, int ret)
{
    struct sync_read *r = container_of(io, struct sync_read, io);

    r->over = true;
    r->ret = ret;
}

bool block_node_read(struct block_node *n, uint64_t offset, void *buf, size_t len, GError **error)
{
    struct iovec iov = {buf, len};
    struct sync_read r = {.io = {.op = BLOCK_OP_READ,
                                 .offset = offset,
                                 .len = len,
                                 .iov = &iov,
                                 .iovcnt = 1,
                                 .done = sync_read_done}};

    block_node_submit(n, &r.io);
    while (!r.over) {
        blocks_wait(n->set);
    }
    if (r.ret < 0) {
        errno = -r.ret;
        return fail_errno(error, "cannot read '%s'", n->filename);
    }
    return true;
}
