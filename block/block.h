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
struct blocks; /* the machine's set; outlives its devices */

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

/* Submits; the buffers of @iov (not the array itself) stay valid until @done, which always runs,
 * later, from the main loop. A range past the end completes with -EIO. Offsets and lengths are
 * bytes, any alignment. What is returned is valid until @done. */
struct block_request *block_read(struct block *b, uint64_t offset, const struct iovec *iov,
                                 int iovcnt, block_done_fn *done, void *opaque);
struct block_request *block_write(struct block *b, uint64_t offset, const struct iovec *iov,
                                  int iovcnt, block_done_fn *done, void *opaque);
struct block_request *block_flush(struct block *b, block_done_fn *done, void *opaque);
struct block_request *block_discard(struct block *b, uint64_t offset, uint64_t len,
                                    block_done_fn *done, void *opaque);
/* Asks to give up soon; @done still runs, later, with -ECANCELED or the real result. */
void block_cancel(struct block_request *req);
/* Waits until nothing is in flight on @b; runs completions, also those of other blocks. */
void block_drain(struct block *b);

uint64_t block_size(const struct block *b); /* bytes */
bool block_is_read_only(const struct block *b);
bool block_is_write_through(const struct block *b);
/* Whether discards do anything. */
bool block_can_discard(const struct block *b);
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

/* What a device does about a request that failed: werror=, rerror=. */
enum drive_on_error {
    DRIVE_ERROR_REPORT, /* tell the guest */
    DRIVE_ERROR_IGNORE, /* tell it all went well */
    DRIVE_ERROR_STOP,   /* stop the machine; try again when it goes on */
    DRIVE_ERROR_ENOSPC, /* stop when the host's disk is full, else report */
};

struct drive {
    struct blocks *set;
    char *id;
    enum drive_interface interface;
    int bus, unit; /* as chosen */
    bool is_cdrom;
    enum drive_on_error on_write_error, on_read_error;
    enum block_open_flags open_flags; /* for the next medium, too */
    struct block *block;              /* NULL: no medium */
    char *serial;                     /* serial= or NULL */
    void *device;                     /* who uses it; NULL: nobody yet */
    /* Told when the medium is changed or ejected by a person; set by the device. With loaded
     * false, block is NULL already and nothing is in flight on the old one. */
    void (*medium_changed)(void *device, bool loaded);
    /* A person wants the medium while the tray is locked: ask the guest. May be NULL. */
    void (*eject_requested)(void *device);
    bool locked; /* the guest has locked the tray */
    bool tray_open;
};

/* Completions run from @context (NULL: the default one). */
struct blocks *blocks_new(GMainContext *context);
/* Flushes and closes everything. No device uses a drive any more. NULL is fine. */
void blocks_free(struct blocks *set);
/* Waits until nothing is in flight, what completions start included. */
void blocks_settle(struct blocks *set);
/* Waits for everything in flight, then flushes all that can be written. */
void blocks_drain(struct blocks *set);

/* -drive's text. @default_if: DRIVE_IF_IDE for PCs. */
struct drive *drive_new(struct blocks *set, const char *options, enum drive_interface default_if,
                        GError **error);
/* As that, with @filename (commas and all) beside @options: -hda, -cdrom, -fda. */
struct drive *drive_new_file(struct blocks *set, const char *filename, const char *options,
                             enum drive_interface default_if, GError **error);
/* Removes a drive that no device uses, and closes its image. */
bool drive_delete(struct drive *d, GError **error);
/* "ide", "none", ... as if= takes them. */
const char *drive_interface_name(enum drive_interface interface);
/* What the policy says about @ret (-errno) of a write (or flush) or read. */
enum drive_on_error drive_error_action(const struct drive *d, bool is_write, int ret);
struct drive *drive_find(struct blocks *set, const char *id);
/* The drive at a place ("the second unit of IDE bus 0"), or NULL. */
struct drive *drive_at(struct blocks *set, enum drive_interface interface, int bus, int unit);
void drive_foreach(struct blocks *set, void (*fn)(void *opaque, struct drive *d), void *opaque);

struct block *block_open(struct blocks *set, const char *filename, const char *format,
                         enum block_open_flags flags, GError **error);
void block_close(struct block *b); /* drains first; NULL is fine */

/* For people. Refused, and the guest asked for it, when the guest has locked the tray, unless
 * @force. */
bool drive_eject(struct drive *d, bool force, GError **error);
bool drive_change(struct drive *d, const char *filename, const char *format, GError **error);

struct block_stats {
    uint64_t rd_bytes, wr_bytes, discard_bytes, rd_ops, wr_ops, flush_ops, discard_ops, failed_ops;
    uint64_t rd_ns, wr_ns, flush_ns;
};
void block_get_stats(const struct block *b, struct block_stats *ret);

#endif
