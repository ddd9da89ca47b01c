/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block devices as those who read and write them see them.
 *
 * A struct block is an opened image. Requests are asynchronous: they never block the caller on
 * host I/O, complete in the main loop (machine lock held), in any order, and a flush covers every
 * write that had completed when it was submitted. Drivers (raw, later formats) implement
 * block/driver.h.
 *
 * Locking: machine lock.
 */
#ifndef VITRO_BLOCK_BLOCK_H
#define VITRO_BLOCK_BLOCK_H

#include "util/error.h"
#include <sys/uio.h>

struct block;
struct blocks; /* the machine's set */

enum block_open_flags {
    BLOCK_READ_ONLY = 1 << 0,
    BLOCK_SNAPSHOT = 1 << 1,      /* writes go to a temporary file that is forgotten at exit */
    BLOCK_WRITE_THROUGH = 1 << 2, /* each write completes when it is on stable storage */
    BLOCK_DIRECT = 1 << 3,        /* O_DIRECT */
    BLOCK_NO_FLUSH = 1 << 4,      /* flushes do nothing (cache=unsafe) */
    BLOCK_DISCARD = 1 << 5,       /* discard frees host space */
};

/* Ends one request: @ret is 0 or -errno. */
typedef void block_done_fn(void *opaque, int ret);

struct block_request; /* in flight */

/* Submits; the buffers of @iov stay valid until @done, which always runs, later, from the main
 * loop. A range past the end completes with -EIO. Offsets and lengths are bytes, any alignment. */
struct block_request *block_read(struct block *b, uint64_t offset, const struct iovec *iov,
                                 int iovcnt, block_done_fn *done, void *opaque);
struct block_request *block_write(struct block *b, uint64_t offset, const struct iovec *iov,
                                  int iovcnt, block_done_fn *done, void *opaque);
struct block_request *block_flush(struct block *b, block_done_fn *done, void *opaque);
struct block_request *block_discard(struct block *b, uint64_t offset, uint64_t len,
                                    block_done_fn *done, void *opaque);
/* Asks to give up soon; @done still runs, with -ECANCELED or the real result. */
void block_cancel(struct block_request *req);
/* Waits until nothing is in flight on @b (runs completions). */
void block_drain(struct block *b);

uint64_t block_size(const struct block *b); /* bytes */
bool block_is_read_only(const struct block *b);
/* A CD drive may be empty. */
bool block_has_medium(const struct block *b);
const char *block_file_name(const struct block *b);
const char *block_driver_name(const struct block *b);

/* ---- drives: what -drive declares and device properties "drive=ID" name ---- */

enum drive_interface {
    DRIVE_IF_NONE,
    DRIVE_IF_IDE,
    DRIVE_IF_FLOPPY,
    DRIVE_IF_PFLASH,
    DRIVE_IF_VIRTIO,
    DRIVE_IF_SCSI,
    DRIVE_IF_SD,
};

struct drive {
    char *id;
    enum drive_interface interface;
    int bus, unit; /* as chosen */
    bool is_cdrom;
    struct block *block; /* NULL: no medium */
    char *serial;        /* serial= or NULL */
    void *device;        /* who uses it; NULL: nobody yet */
    /* Told when the medium is changed or ejected by a person; set by the device. */
    void (*medium_changed)(void *device, bool loaded);
    bool locked; /* the guest has locked the tray */
    bool tray_open;
};

struct blocks *blocks_new(GMainContext *context);
void blocks_free(struct blocks *set);
/* Completes and closes everything, flushing first. */
void blocks_drain(struct blocks *set);

/* -drive's text. @default_if: DRIVE_IF_IDE for PCs. */
struct drive *drive_new(struct blocks *set, const char *options, enum drive_interface default_if,
                        GError **error);
struct drive *drive_find(struct blocks *set, const char *id);
/* The drive at a place ("the second unit of IDE bus 0"), or NULL. */
struct drive *drive_at(struct blocks *set, enum drive_interface interface, int bus, int unit);
void drive_foreach(struct blocks *set, void (*fn)(void *opaque, struct drive *d), void *opaque);

struct block *block_open(struct blocks *set, const char *filename, const char *format,
                         enum block_open_flags flags, GError **error);
void block_close(struct block *b); /* drains first; NULL is fine */

/* For people: refuses when the guest has locked the tray, unless @force. */
bool drive_eject(struct drive *d, bool force, GError **error);
bool drive_change(struct drive *d, const char *filename, const char *format, GError **error);

struct block_stats {
    uint64_t rd_bytes, wr_bytes, rd_ops, wr_ops, flush_ops, rd_ns, wr_ns, flush_ns;
};
void block_get_stats(const struct block *b, struct block_stats *ret);

#endif
