/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM blocks: host memory that guests see, and who has written to it.
 *
 * A block's dirty bitmaps have one bit per 4 KiB page and client. A set bit means "written since
 * the client last looked". For DIRTY_CODE it means "no translated code comes from this page": a
 * write to a page whose bit is clear calls the block's code_written hook.
 */
#ifndef VITRO_MEMORY_RAM_H
#define VITRO_MEMORY_RAM_H

#include "util/error.h"

#define RAM_PAGE_BITS 12
#define RAM_PAGE_SIZE (1ULL << RAM_PAGE_BITS)

enum dirty_client {
    DIRTY_DISPLAY,
    DIRTY_MIGRATION,
    DIRTY_CODE,
    DIRTY_CLIENTS,
};

enum ram_flags {
    RAM_SHARED = 1 << 0,   /* MAP_SHARED: other processes may map it */
    RAM_PREALLOC = 1 << 1, /* touch every page now */
    RAM_READONLY = 1 << 2, /* file opened read-only */
    RAM_NO_DUMP = 1 << 3,  /* leave it out of core dumps */
    RAM_MERGE = 1 << 4,    /* offer pages to KSM */
};

struct ram_block {
    char *name;
    uint8_t *host;
    uint64_t size;      /* bytes, a multiple of the page size */
    uint64_t page_size; /* of the host mapping: 4 KiB or huge */
    int fd;             /* memfd or file, -1 if anonymous */
    enum ram_flags flags;
    bool host_owned;               /* unmap host when freed */
    unsigned watching;             /* bit per client that wants to know of writes; atomic */
    uint8_t *dirty[DIRTY_CLIENTS]; /* one bit per page; atomic; NULL until first watched */
    /* A write reached pages with code; called without locks by the writing thread. */
    void (*code_written)(void *opaque, struct ram_block *block, uint64_t offset, uint64_t len);
    void *code_opaque;
    /* By page, a bit for each 64 bytes that hold translated code; NULL until DIRTY_CODE is watched.
     * Kept by the engine; atomic. */
    uint64_t *code_lines;
    /* Set by an engine whose guests write without telling (KVM); machine lock. May be NULL. */
    void (*watching_changed)(void *opaque, struct ram_block *block);
    void (*fetch_dirty)(void *opaque, struct ram_block *block);
    void *engine_opaque;
};

/* Anonymous memory. */
struct ram_block *ram_block_new(const char *name, uint64_t size, enum ram_flags flags,
                                GError **error);
/* A sealed memfd, for sharing; @huge_page_size 0 means ordinary pages. */
struct ram_block *ram_block_new_memfd(const char *name, uint64_t size, uint64_t huge_page_size,
                                      enum ram_flags flags, GError **error);
/* @path: a file, or a folder (hugetlbfs: an unlinked file is made in it). */
struct ram_block *ram_block_new_file(const char *name, const char *path, uint64_t offset,
                                     uint64_t size, enum ram_flags flags, GError **error);
/* NULL is fine. Wait for readers first (region_fini()). */
void ram_block_free(struct ram_block *b);

/* Bitmaps exist from here on; every page starts dirty. Machine lock, where there is a machine. */
void ram_block_watch(struct ram_block *b, enum dirty_client client);
void ram_block_unwatch(struct ram_block *b, enum dirty_client client);

/*
 * Brings in the writes of engines that keep a log of their own. Clients call it before a round of
 * ram_block_test_clear(), with the machine lock held.
 */
void ram_block_sync_dirty(struct ram_block *b);

/* Someone wrote @len bytes at @offset. Called by every writer other than translated code. */
void ram_block_written(struct ram_block *b, uint64_t offset, uint64_t len);

static inline bool ram_page_dirty(const struct ram_block *b, enum dirty_client client,
                                  uint64_t offset)
{
    uint64_t page = offset >> RAM_PAGE_BITS;

    return !b->dirty[client] ||
           (__atomic_load_n(&b->dirty[client][page / 8], __ATOMIC_RELAXED) >> (page % 8)) & 1;
}

/* Whether a write to the page needs no bookkeeping: every watcher has it dirty already. */
static inline bool ram_page_all_dirty(const struct ram_block *b, uint64_t offset)
{
    if (!__atomic_load_n(&b->watching, __ATOMIC_RELAXED)) {
        return true;
    }
    for (unsigned c = 0; c < DIRTY_CLIENTS; c++) {
        if (!ram_page_dirty(b, c, offset)) {
            return false;
        }
    }
    return true;
}

/* Clears the bits of [@offset, @offset + @len) and returns whether any was set. */
bool ram_block_test_clear(struct ram_block *b, enum dirty_client client, uint64_t offset,
                          uint64_t len);
void ram_block_set_dirty(struct ram_block *b, enum dirty_client client, uint64_t offset,
                         uint64_t len);

#endif
