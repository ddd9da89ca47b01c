/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opened images: requests, their checks and statistics, draining.
 *
 * Ordering: requests in flight at the same time have none. A flush reaches the host after every
 * write whose done has run, which is what a disk with a write cache promises.
 *
 * Absent: image locking; I/O threads of their own.
 */
#include "block/block.h"

#include "block/iov.h"
#include "block/private.h"

#include <errno.h>
#include <string.h>

struct block_request {
    struct block_io io;
    struct block *block;
    block_done_fn *done;
    void *opaque;
    int64_t start_ns;
    struct iovec iov[];
};

static int64_t now_ns(void)
{
    return g_get_monotonic_time() * 1000;
}

static void account(struct block *b, const struct block_request *req)
{
    struct block_stats *s = &b->stats;
    int64_t ns = now_ns() - req->start_ns;

    switch (req->io.op) {
    case BLOCK_OP_READ:
        s->rd_bytes += req->io.len;
        s->rd_ops++;
        s->rd_ns += ns;
        break;
    case BLOCK_OP_WRITE:
        s->wr_bytes += req->io.len;
        s->wr_ops++;
        s->wr_ns += ns;
        break;
    case BLOCK_OP_FLUSH:
        s->flush_ops++;
        s->flush_ns += ns;
        break;
    case BLOCK_OP_DISCARD:
        s->discard_bytes += req->io.len;
        s->discard_ops++;
        break;
    }
}

static void request_done(struct block_io *io, int ret)
{
    struct block_request *req = container_of(io, struct block_request, io);

    req->block->in_flight--;
    if (ret < 0) {
        req->block->stats.failed_ops++;
    } else {
        account(req->block, req);
    }
    req->done(req->opaque, ret);
    g_free(req);
}

/* What a request comes to without asking the driver: an error, 0 for "nothing to do", or 1. */
static int check(const struct block *b, const struct block_request *req)
{
    const struct block_io *io = &req->io;

    if (io->offset > b->top->size || io->len > b->top->size - io->offset) {
        return -EIO;
    }
    switch (io->op) {
    case BLOCK_OP_READ:
        return io->len > 0;
    case BLOCK_OP_WRITE:
        return block_is_read_only(b) ? -EROFS : io->len > 0;
    case BLOCK_OP_FLUSH:
        return !block_is_read_only(b) && !(b->flags & BLOCK_NO_FLUSH);
    default:
        return block_is_read_only(b) ? -EROFS : (b->flags & BLOCK_DISCARD) && io->len > 0;
    }
}

static struct block_request *submit(struct block *b, struct block_io io, block_done_fn *done,
                                    void *opaque)
{
    struct block_request *req = g_malloc0(sizeof(*req) + io.iovcnt * sizeof(req->iov[0]));
    int ret;

    req->io = io;
    req->io.done = request_done;
    req->io.node = b->top;
    if (io.iovcnt) {
        memcpy(req->iov, io.iov, io.iovcnt * sizeof(req->iov[0]));
        req->io.iov = req->iov;
        req->io.len = iov_size(io.iov, io.iovcnt);
    }
    req->block = b;
    req->done = done;
    req->opaque = opaque;
    req->start_ns = now_ns();
    b->in_flight++;
    ret = check(b, req);
    if (ret <= 0) {
        block_io_complete(&req->io, ret);
    } else {
        block_node_submit(b->top, &req->io);
    }
    return req;
}

struct block_request *block_read(struct block *b, uint64_t offset, const struct iovec *iov,
                                 int iovcnt, block_done_fn *done, void *opaque)
{
    struct block_io io = {.op = BLOCK_OP_READ, .offset = offset, .iov = iov, .iovcnt = iovcnt};

    return submit(b, io, done, opaque);
}

struct block_request *block_write(struct block *b, uint64_t offset, const struct iovec *iov,
                                  int iovcnt, block_done_fn *done, void *opaque)
{
    struct block_io io = {.op = BLOCK_OP_WRITE, .offset = offset, .iov = iov, .iovcnt = iovcnt};

    return submit(b, io, done, opaque);
}

struct block_request *block_flush(struct block *b, block_done_fn *done, void *opaque)
{
    return submit(b, (struct block_io){.op = BLOCK_OP_FLUSH}, done, opaque);
}

struct block_request *block_discard(struct block *b, uint64_t offset, uint64_t len,
                                    block_done_fn *done, void *opaque)
{
    struct block_io io = {.op = BLOCK_OP_DISCARD, .offset = offset, .len = len};

    return submit(b, io, done, opaque);
}

void block_cancel(struct block_request *req)
{
    struct block_io *io = &req->io;

    __atomic_store_n(&io->cancelled, true, __ATOMIC_RELAXED);
    /* A format that split the io queued others: they run their course. */
    if (block_pool_withdraw(io->node->set->pool, io)) {
        block_io_complete(io, -ECANCELED);
    }
}

void block_drain(struct block *b)
{
    while (b->in_flight) {
        blocks_wait(b->set);
    }
}

uint64_t block_size(const struct block *b)
{
    return b->top->size;
}

bool block_is_read_only(const struct block *b)
{
    return b->flags & BLOCK_READ_ONLY;
}

const char *block_file_name(const struct block *b)
{
    return b->filename;
}

const char *block_driver_name(const struct block *b)
{
    return b->top->driver->name;
}

bool block_is_write_through(const struct block *b)
{
    return b->flags & BLOCK_WRITE_THROUGH;
}

bool block_can_discard(const struct block *b)
{
    return b->flags & BLOCK_DISCARD;
}

void block_get_stats(const struct block *b, struct block_stats *ret)
{
    *ret = b->stats;
}

/* Host file, its format and, with BLOCK_SNAPSHOT, the overlay. NULL on error. */
static struct block_node *open_chain(struct blocks *set, const char *filename, const char *format,
                                     enum block_open_flags flags, GError **error)
{
    enum block_open_flags base_flags = flags;
    const struct block_driver *driver;
    struct block_node *file, *image;

    if (flags & BLOCK_SNAPSHOT) {
        base_flags = (flags | BLOCK_READ_ONLY) & ~(BLOCK_SNAPSHOT | BLOCK_DISCARD);
    }
    file = block_node_open(set, block_driver_find("file"), filename, base_flags, NULL, error);
    if (!file) {
        return NULL;
    }
    driver = block_find_format(file, format, error);
    if (!driver) {
        block_node_close(file);
        return NULL;
    }
    image = block_node_open(set, driver, filename, base_flags, file, error);
    if (!image || !(flags & BLOCK_SNAPSHOT) || (flags & BLOCK_READ_ONLY)) {
        return image;
    }
    return block_overlay_new(image, error);
}

/* The path in @filename, which may begin with "file:"; NULL with an error for other protocols. */
static const char *local_path(const char *filename, GError **error)
{
    size_t scheme = strspn(filename, "abcdefghijklmnopqrstuvwxyz0123456789+-.");

    if (g_str_has_prefix(filename, "file:")) {
        return filename + strlen("file:");
    }
    if (!*filename) {
        fail(error, "the name of the image file is empty");
        return NULL;
    }
    if (scheme > 1 && filename[scheme] == ':' && !g_file_test(filename, G_FILE_TEST_EXISTS)) {
        fail(error,
             "'%s': this version opens host files only, not '%.*s:' (for a file of that name, "
             "write 'file:%s')",
             filename, (int)scheme, filename, filename);
        return NULL;
    }
    return filename;
}

struct block *block_open(struct blocks *set, const char *filename, const char *format,
                         enum block_open_flags flags, GError **error)
{
    const char *path = local_path(filename, error);
    struct block_node *top;
    struct block *b;

    if (!path) {
        return NULL;
    }
    top = open_chain(set, path, format, flags, error);
    if (!top) {
        return NULL;
    }
    b = g_new0(struct block, 1);
    b->set = set;
    b->top = top;
    b->filename = g_strdup(path);
    b->flags = flags;
    g_ptr_array_add(set->blocks, b);
    return b;
}

void block_close(struct block *b)
{
    if (!b) {
        return;
    }
    block_drain(b);
    g_ptr_array_remove(b->set->blocks, b);
    block_node_close(b->top);
    g_free(b->filename);
    g_free(b);
}
