/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest address spaces: what answers at a guest address.
 *
 * Boards and devices build a tree of regions: RAM, ROM, I/O, aliases (windows onto part of another
 * region) and containers. Where children of a container overlap, the higher priority wins. An
 * address space is a root region with its flattened *view*: a sorted, immutable array of ranges
 * that is replaced as a whole when the tree changes, so that vCPU and I/O threads look things up
 * without a lock (util/rcu.h).
 *
 * Locking: the tree is changed with the machine lock held. address_space_*() may be called by any
 * thread, with or without the machine lock. Around a region's read and write functions the lock
 * that the region names is held: the address space's own (the machine lock) by default.
 *
 * Ownership: regions are embedded in their devices; a region must leave its container before it is
 * freed, and region_fini() waits for readers.
 */
#ifndef VITRO_MEMORY_MEMORY_H
#define VITRO_MEMORY_MEMORY_H

#include "memory/ram.h"
#include "util/error.h"
#include "util/lock.h"

enum mem_result {
    MEM_OK,
    MEM_UNASSIGNED, /* nothing answers there: reads gave all ones, writes were dropped */
    MEM_REFUSED,    /* the region refused the access (size, re-entry, read-only) */
};

/* What one access carries besides address and data. */
struct mem_attrs {
    bool secure : 1;    /* system management mode */
    bool dma : 1;       /* by a device, not by a CPU */
    uint16_t requester; /* PCI requester id for DMA (MSI remapping), else 0 */
};

#define MEM_ATTRS_NONE ((struct mem_attrs){0})
#define MEM_ATTRS_DMA  ((struct mem_attrs){.dma = true})

/*
 * I/O handlers. @offset is relative to the region, @size is 1, 2, 4 or 8 bytes and within
 * [min_size, max_size] (0 means 1 and 4); wider accesses are split, narrower ones widened, in
 * little-endian order. Handlers never call into another device: they set a line or queue work.
 */
struct region_ops {
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
    void (*write)(void *opaque, uint64_t offset, uint64_t val, unsigned size);
    /* may be NULL; when set, used instead of the two above */
    enum mem_result (*read_attrs)(void *opaque, uint64_t offset, uint64_t *ret_val, unsigned size,
                                  struct mem_attrs attrs);
    enum mem_result (*write_attrs)(void *opaque, uint64_t offset, uint64_t val, unsigned size,
                                   struct mem_attrs attrs);
    unsigned min_size, max_size;
    bool accepts_unaligned; /* else an unaligned access is split into bytes */
};

/*
 * Keeps a device's handlers from being entered again by the device's own DMA. Engaged while a
 * handler or a guarded DMA of the device runs; a CPU access that finds it engaged by another
 * thread cannot happen, because both hold the region's lock.
 */
struct io_guard {
    bool engaged;
};

enum region_kind {
    REGION_CONTAINER,
    REGION_RAM,
    REGION_ROM, /* RAM that the guest reads; writes go to ops, or are dropped without */
    REGION_IO,
    REGION_ALIAS,
};

struct region {
    const char *name; /* outlives the region; NULL: not initialized */
    enum region_kind kind;
    uint64_t size; /* bytes; UINT64_MAX stands for 2^64 */
    bool enabled;
    bool readonly;     /* RAM or alias of RAM: writes are dropped (PAM) */
    bool coalesced_io; /* writes may be delivered late, before the next exit */

    const struct region_ops *ops;
    void *opaque;
    struct lock *lock; /* NULL: the address space's; &region_unlocked: none */
    struct io_guard *guard;

    struct ram_block *ram; /* REGION_RAM, REGION_ROM */

    struct region *alias; /* REGION_ALIAS: target and where it starts in it */
    uint64_t alias_offset;

    struct region *parent;
    uint64_t addr; /* in the parent */
    int priority;
    GPtrArray *children;  /* highest priority first */
    GSList *spaces;       /* address spaces whose root this is */
    GSList *aliases;      /* alias regions that show this one */
    bool reads_go_to_ops; /* REGION_ROM in command mode: see region_set_romd() */
};

/* For region.lock: the handlers do their own locking. */
extern struct lock region_unlocked;

void region_init_container(struct region *r, const char *name, uint64_t size);
void region_init_io(struct region *r, const struct region_ops *ops, void *opaque, const char *name,
                    uint64_t size);
/* @ram stays owned by the caller. */
void region_init_ram(struct region *r, struct ram_block *ram, const char *name);
/* @ops may be NULL or handle writes (flash). */
void region_init_rom(struct region *r, struct ram_block *ram, const struct region_ops *ops,
                     void *opaque, const char *name);
void region_init_alias(struct region *r, const char *name, struct region *target, uint64_t offset,
                       uint64_t size);
/* Leaves its container and, if some address space shows it, waits until no reader uses @r: see
 * address_space_wait(). Nothing on a zeroed region. */
void region_fini(struct region *r);

/* Puts @child into @parent at @addr. A child may lie partly outside; that part is not seen. */
void region_add(struct region *parent, uint64_t addr, struct region *child, int priority);
void region_remove(struct region *child);
void region_set_enabled(struct region *r, bool enabled);
void region_set_readonly(struct region *r, bool readonly);
void region_set_addr(struct region *r, uint64_t addr);
void region_set_size(struct region *r, uint64_t size);
void region_set_alias_offset(struct region *r, uint64_t offset);
/* A ROM's reads come from RAM (true) or go to ops.read (false): flash in command mode. */
void region_set_romd(struct region *r, bool romd);

/* One entry of a view. */
struct view_range {
    uint64_t start;        /* in the address space */
    uint64_t last;         /* inclusive, so that the whole space fits */
    struct region *region; /* RAM, ROM or IO */
    uint64_t offset;       /* of @start in the region */
    bool readonly;
};

struct view {
    unsigned count;
    struct view_range ranges[];
};

struct address_space;

/* Told of each new view, in the order of registration, with the machine lock held. */
struct view_listener {
    void (*changed)(struct view_listener *l, const struct view *old_view,
                    const struct view *new_view);
    struct view_listener *next;
};

struct address_space {
    const char *name;
    struct region *root;
    struct lock *lock; /* default for regions that name none */
    struct view *view; /* published by RCU */
    unsigned batch;    /* > 0: view changes wait for address_space_commit() */
    bool stale;
    struct view_listener *listeners;
};

/* @lock is held around handlers of regions that name no lock of their own. */
void address_space_init(struct address_space *as, struct region *root, const char *name,
                        struct lock *lock);
void address_space_fini(struct address_space *as);

/* Between the two, tree changes under @as's root do not recompute its view. They nest. */
void address_space_begin(struct address_space *as);
void address_space_commit(struct address_space *as);

/* Waits until nobody uses an older view; @as's lock, if this thread holds it, is free meanwhile:
 * a reader may be waiting for it. Not from within an access. */
void address_space_wait(struct address_space *as);

/* @l is told of the present view at once (old_view empty). */
void address_space_listen(struct address_space *as, struct view_listener *l);
void address_space_unlisten(struct address_space *as, struct view_listener *l);

/*
 * The range that holds @addr, or NULL. Call and use the result within rcu_read_lock().
 */
const struct view_range *address_space_find(struct address_space *as, uint64_t addr);

/* Any length; crosses regions. The first result other than MEM_OK is returned, all is tried. */
enum mem_result address_space_read(struct address_space *as, uint64_t addr, void *buf, uint64_t len,
                                   struct mem_attrs attrs);
enum mem_result address_space_write(struct address_space *as, uint64_t addr, const void *buf,
                                    uint64_t len, struct mem_attrs attrs);
/* As address_space_write(), and also into ROM: loaders. */
enum mem_result address_space_write_rom(struct address_space *as, uint64_t addr, const void *buf,
                                        uint64_t len);

/* One little-endian integer of @size 1, 2, 4 or 8; unassigned reads give all ones. */
uint64_t address_space_load(struct address_space *as, uint64_t addr, unsigned size,
                            struct mem_attrs attrs, enum mem_result *ret_result);
enum mem_result address_space_store(struct address_space *as, uint64_t addr, uint64_t val,
                                    unsigned size, struct mem_attrs attrs);

/* One access to one region, as a CPU's slow path does it. Takes the region's lock. */
enum mem_result region_load(struct region *r, uint64_t offset, uint64_t *ret_val, unsigned size,
                            struct mem_attrs attrs, struct lock *default_lock);
enum mem_result region_store(struct region *r, uint64_t offset, uint64_t val, unsigned size,
                             struct mem_attrs attrs, struct lock *default_lock);

/*
 * Host address of guest RAM at @addr, for at most *@len bytes (cut to what is contiguous), or NULL
 * when it is not RAM (or not writable RAM when @write). The caller stays in its RCU section while
 * it uses it, and calls ram_block_written() after writing. @ret_block and @ret_offset may be NULL.
 */
void *address_space_ram(struct address_space *as, uint64_t addr, uint64_t *len, bool write,
                        struct ram_block **ret_block, uint64_t *ret_offset);

/* Prints the tree and the views for `info mtree`; @flat: the view instead of the tree. */
void address_space_print(struct address_space *as, bool flat,
                         void (*print)(void *opaque, const char *fmt, ...), void *opaque);

#endif
