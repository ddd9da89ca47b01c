/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What implements an image: protocol drivers (host files) and format drivers (raw, overlays).
 *
 * An opened image is a chain of nodes, each with a driver: the format on top, its child below, a
 * protocol at the end. A request travels down the chain as a struct block_io. A format either
 * passes the io on as it is (block_node_submit(n->child, io)) or makes ios of its own and ends the
 * one it was given when they are done.
 *
 * A driver is a file of its own with one BLOCK_DRIVER() line; no list is edited.
 *
 * Locking: everything runs under the machine lock but the work that a protocol hands to the pool
 * (block/pool.h), which touches the io and fixed fields of its node only.
 */
#ifndef VITRO_BLOCK_DRIVER_H
#define VITRO_BLOCK_DRIVER_H

#include "block/block.h"
#include "util/linker_set.h"

struct block_node;

enum block_op {
    BLOCK_OP_READ,
    BLOCK_OP_WRITE,
    BLOCK_OP_FLUSH,
    BLOCK_OP_DISCARD,
};

/*
 * One request to a node. The owner fills the first part, keeps the struct (and iov) alive until
 * done, and may use done to free it. Zero the rest.
 */
struct block_io {
    enum block_op op;
    uint64_t offset, len;    /* bytes; for reads and writes what iov covers */
    const struct iovec *iov; /* NULL for flush and discard */
    int iovcnt;
    /* 0 or -errno. In the main loop, machine lock held; never from within a submit. */
    void (*done)(struct block_io *io, int ret);

    struct block_node *node;          /* who has it now */
    int ret;                          /* while it waits for done */
    struct block_io *next;            /* in the pool's queue, then in the completion list */
    int (*work)(struct block_io *io); /* what a pool thread does */
    bool cancelled;                   /* atomic: give up if that is cheap */
};

struct block_driver {
    const char *name; /* "raw": what format= says */
    const char *description;
    bool protocol; /* has no child, its node's filename is the thing itself */
    size_t size;   /* of the struct that begins with struct block_node */
    /* Formats: how surely an image that begins with these bytes is one, 0 (not) to 100. NULL: 0. */
    unsigned (*probe)(const uint8_t *head, size_t len);
    /* n->filename, n->flags and for formats n->child are set; sets n->size. On failure close() is
     * not called. */
    bool (*open)(struct block_node *n, GError **error);
    /* Nothing is in flight. The child is closed after it. May be NULL. */
    void (*close)(struct block_node *n);
    /* Takes the io; ends it by block_io_complete() or block_io_finish(). Ranges are checked. */
    void (*submit)(struct block_node *n, struct block_io *io);
};

#define BLOCK_DRIVER(sym) LINKER_SET_ENTRY(block_drivers, struct block_driver, sym)

/* The first member of each driver's own struct. */
struct block_node {
    const struct block_driver *driver;
    struct blocks *set;
    struct block_node *child;
    char *filename;
    enum block_open_flags flags;
    uint64_t size; /* bytes */
};

/* NULL when this build has none of that name. */
const struct block_driver *block_driver_find(const char *name);

/* Opens one node over @child, which it takes (also on failure); NULL on error. */
struct block_node *block_node_open(struct blocks *set, const struct block_driver *driver,
                                   const char *filename, enum block_open_flags flags,
                                   struct block_node *child, GError **error);
/* Closes @n and all below it. NULL is fine. */
void block_node_close(struct block_node *n);

/* Hands @io to @n. */
void block_node_submit(struct block_node *n, struct block_io *io);

/* For open(): reads headers, waiting for the result. Bytes past the end are zero. */
bool block_node_read(struct block_node *n, uint64_t offset, void *buf, size_t len, GError **error);

/* Ends @io from any thread: done runs later, from the main loop. */
void block_io_complete(struct block_io *io, int ret);
/* Ends @io at once. Only from within another io's done. */
void block_io_finish(struct block_io *io, int ret);

#endif
