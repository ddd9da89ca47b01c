/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing through an address space.
 *
 * An access is cut where regions end; the RAM part is copied, the rest goes to the regions'
 * handlers in the widths that they accept. The region stays valid because the whole access runs
 * in one RCU section.
 */
#include "memory/memory.h"

#include "util/bytes.h"
#include "util/log.h"
#include "util/rcu.h"

static bool reads_from_ram(const struct region *r)
{
    return r->kind == REGION_RAM || (r->kind == REGION_ROM && !r->reads_go_to_ops);
}

static unsigned min_size(const struct region *r)
{
    return r->ops->min_size ? r->ops->min_size : 1;
}

static unsigned max_size(const struct region *r)
{
    return r->ops->max_size ? r->ops->max_size : 4;
}

/* A call into the device: its lock taken and its guard engaged. */
struct entry {
    struct lock *lock;
    bool locked, refused;
};

static struct entry enter(struct region *r, struct lock *default_lock)
{
    struct entry e = {.lock = r->lock ? r->lock : default_lock};

    if (e.lock == &region_unlocked) {
        e.lock = NULL;
    }
    if (e.lock) {
        e.locked = lock_enter(e.lock);
    }
    if (r->guard) {
        e.refused = r->guard->engaged;
        r->guard->engaged = true;
    }
    return e;
}

static void leave(struct region *r, struct entry e)
{
    if (r->guard && !e.refused) {
        r->guard->engaged = false;
    }
    if (e.lock) {
        lock_leave(e.lock, e.locked);
    }
}

static enum mem_result call_read(struct region *r, uint64_t offset, uint64_t *ret_val,
                                 unsigned size, struct mem_attrs attrs)
{
    if (r->ops->read_attrs) {
        return r->ops->read_attrs(r->opaque, offset, ret_val, size, attrs);
    }
    if (!r->ops->read) {
        *ret_val = ~0ULL;
        return MEM_REFUSED;
    }
    *ret_val = r->ops->read(r->opaque, offset, size);
    return MEM_OK;
}

static enum mem_result call_write(struct region *r, uint64_t offset, uint64_t val, unsigned size,
                                  struct mem_attrs attrs)
{
    if (r->ops->write_attrs) {
        return r->ops->write_attrs(r->opaque, offset, val, size, attrs);
    }
    if (!r->ops->write) {
        return MEM_REFUSED;
    }
    r->ops->write(r->opaque, offset, val, size);
    return MEM_OK;
}

/* The width of each handler call for an access of @size at @offset. */
static unsigned step_size(const struct region *r, uint64_t offset, unsigned size)
{
    unsigned step = CLAMP(size, min_size(r), max_size(r));

    if (step <= size && offset % step && !r->ops->accepts_unaligned) {
        step = MAX(1, min_size(r));
    }
    return step;
}

enum mem_result region_load(struct region *r, uint64_t offset, uint64_t *ret_val, unsigned size,
                            struct mem_attrs attrs, struct lock *default_lock)
{
    unsigned step = step_size(r, offset, size);
    enum mem_result result = MEM_OK;
    struct entry e = enter(r, default_lock);
    uint64_t val = 0;

    if (e.refused) {
        log_printf(LOG_GUEST_ERRORS, "%s: access during its own DMA refused\n", r->name);
        result = MEM_REFUSED;
        val = ~0ULL;
    } else if (step > size) { /* narrower than the device takes: read the unit around it */
        uint64_t unit = align_down(offset, step);

        result = call_read(r, unit, &val, step, attrs);
        val >>= 8 * (offset - unit);
    } else {
        for (unsigned done = 0; done < size; done += step) {
            uint64_t part;
            enum mem_result res = call_read(r, offset + done, &part, step, attrs);

            val |= (part & size_mask(step)) << (8 * done);
            result = result == MEM_OK ? res : result;
        }
    }
    leave(r, e);
    *ret_val = val & size_mask(size);
    return result;
}

enum mem_result region_store(struct region *r, uint64_t offset, uint64_t val, unsigned size,
                             struct mem_attrs attrs, struct lock *default_lock)
{
    unsigned step = step_size(r, offset, size);
    enum mem_result result = MEM_OK;
    struct entry e = enter(r, default_lock);

    val &= size_mask(size);
    if (e.refused) {
        log_printf(LOG_GUEST_ERRORS, "%s: access during its own DMA refused\n", r->name);
        result = MEM_REFUSED;
    } else if (step > size) {
        uint64_t unit = align_down(offset, step);

        result = call_write(r, unit, val << (8 * (offset - unit)), step, attrs);
    } else {
        for (unsigned done = 0; done < size; done += step) {
            enum mem_result res =
                call_write(r, offset + done, (val >> (8 * done)) & size_mask(step), step, attrs);

            result = result == MEM_OK ? res : result;
        }
    }
    leave(r, e);
    return result;
}

/* The largest power of two up to 8 that fits @len and keeps @addr aligned. */
static unsigned io_chunk(uint64_t addr, uint64_t len)
{
    unsigned size = 8;

    while (size > len || (addr & (size - 1))) {
        size >>= 1;
    }
    return size;
}

static void unassigned(struct address_space *as, uint64_t addr, unsigned size, bool write)
{
    log_printf(LOG_UNIMP, "%s: %s of %u bytes at unassigned %#" PRIx64 "\n", as->name,
               write ? "write" : "read", size, addr);
}

static enum mem_result io_read(struct address_space *as, const struct view_range *range,
                               uint64_t addr, uint8_t *buf, uint64_t len, struct mem_attrs attrs)
{
    enum mem_result result = MEM_OK;

    while (len) {
        /* an integer access goes whole: the handler's width rules split it */
        unsigned size =
            len == 1 || len == 2 || len == 4 || len == 8 ? (unsigned)len : io_chunk(addr, len);
        uint64_t val;
        enum mem_result res = region_load(range->region, addr - range->start + range->offset, &val,
                                          size, attrs, as->lock);

        store_le(buf, val, size);
        result = result == MEM_OK ? res : result;
        addr += size;
        buf += size;
        len -= size;
    }
    return result;
}

static enum mem_result io_write(struct address_space *as, const struct view_range *range,
                                uint64_t addr, const uint8_t *buf, uint64_t len,
                                struct mem_attrs attrs)
{
    enum mem_result result = MEM_OK;

    if (range->region->kind != REGION_IO && !range->region->ops) {
        return MEM_REFUSED; /* ROM, or RAM behind a read-only window */
    }
    while (len) {
        unsigned size =
            len == 1 || len == 2 || len == 4 || len == 8 ? (unsigned)len : io_chunk(addr, len);
        enum mem_result res = region_store(range->region, addr - range->start + range->offset,
                                           load_le(buf, size), size, attrs, as->lock);

        result = result == MEM_OK ? res : result;
        addr += size;
        buf += size;
        len -= size;
    }
    return result;
}

/* How many of @len bytes at @addr lie in @range, or before the next range when it is NULL. */
static uint64_t extent(struct address_space *as, const struct view_range *range, uint64_t addr,
                       uint64_t len)
{
    const struct view *view;

    if (range) {
        return MIN(len - 1, range->last - addr) + 1;
    }
    view = rcu_load(as->view);
    for (unsigned i = 0; i < view->count; i++) {
        if (view->ranges[i].start > addr) {
            return MIN(len, view->ranges[i].start - addr);
        }
    }
    return len;
}

enum mem_result address_space_read(struct address_space *as, uint64_t addr, void *buf, uint64_t len,
                                   struct mem_attrs attrs)
{
    enum mem_result result = MEM_OK;
    uint8_t *out = buf;

    rcu_read_lock();
    while (len) {
        const struct view_range *range = address_space_find(as, addr);
        uint64_t part = extent(as, range, addr, len);
        enum mem_result res = MEM_OK;

        if (!range) {
            unassigned(as, addr, (unsigned)MIN(part, 8), /* write= */ false);
            memset(out, 0xff, part);
            res = MEM_UNASSIGNED;
        } else if (reads_from_ram(range->region)) {
            memcpy(out, range->region->ram->host + range->offset + (addr - range->start), part);
        } else {
            res = io_read(as, range, addr, out, part, attrs);
        }
        result = result == MEM_OK ? res : result;
        addr += part;
        out += part;
        len -= part;
    }
    rcu_read_unlock();
    return result;
}

static enum mem_result do_write(struct address_space *as, uint64_t addr, const void *buf,
                                uint64_t len, struct mem_attrs attrs, bool into_rom)
{
    enum mem_result result = MEM_OK;
    const uint8_t *in = buf;

    rcu_read_lock();
    while (len) {
        const struct view_range *range = address_space_find(as, addr);
        uint64_t part = extent(as, range, addr, len);
        enum mem_result res = MEM_OK;

        if (!range) {
            unassigned(as, addr, (unsigned)MIN(part, 8), /* write= */ true);
            res = MEM_UNASSIGNED;
        } else if (range->region->ram && (into_rom || !range->readonly)) {
            uint64_t offset = range->offset + (addr - range->start);

            memcpy(range->region->ram->host + offset, in, part);
            ram_block_written(range->region->ram, offset, part);
        } else {
            res = io_write(as, range, addr, in, part, attrs);
        }
        result = result == MEM_OK ? res : result;
        addr += part;
        in += part;
        len -= part;
    }
    rcu_read_unlock();
    return result;
}

enum mem_result address_space_write(struct address_space *as, uint64_t addr, const void *buf,
                                    uint64_t len, struct mem_attrs attrs)
{
    return do_write(as, addr, buf, len, attrs, /* into_rom= */ false);
}

enum mem_result address_space_write_rom(struct address_space *as, uint64_t addr, const void *buf,
                                        uint64_t len)
{
    return do_write(as, addr, buf, len, MEM_ATTRS_NONE, /* into_rom= */ true);
}

uint64_t address_space_load(struct address_space *as, uint64_t addr, unsigned size,
                            struct mem_attrs attrs, enum mem_result *ret_result)
{
    uint8_t buf[8];
    enum mem_result result = address_space_read(as, addr, buf, size, attrs);

    if (ret_result) {
        *ret_result = result;
    }
    return load_le(buf, size);
}

enum mem_result address_space_store(struct address_space *as, uint64_t addr, uint64_t val,
                                    unsigned size, struct mem_attrs attrs)
{
    uint8_t buf[8];

    store_le(buf, val, size);
    return address_space_write(as, addr, buf, size, attrs);
}

void *address_space_ram(struct address_space *as, uint64_t addr, uint64_t *len, bool write,
                        struct ram_block **ret_block, uint64_t *ret_offset)
{
    const struct view_range *range = address_space_find(as, addr);
    uint64_t offset;

    if (!range || !*len ||
        (write ? !range->region->ram || range->readonly : !reads_from_ram(range->region))) {
        return NULL;
    }
    *len = extent(as, range, addr, *len);
    offset = range->offset + (addr - range->start);
    if (ret_block) {
        *ret_block = range->region->ram;
    }
    if (ret_offset) {
        *ret_offset = offset;
    }
    return range->region->ram->host + offset;
}
