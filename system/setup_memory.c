/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory, memory objects and NUMA nodes.
 */
#include "system/memory_backend.h"
#include "system/setup.h"

#include "util/parse.h"
#include <string.h>
#include <sys/mman.h>

#define DEFAULT_RAM   (128 * MiB)
#define MAX_RAM_SLOTS 256

static bool setup_sizes(struct machine *m, struct config *c, GError **error)
{
    static const char *const known[] = {"size", "slots", "maxmem", NULL};
    const char *size = options_get(c->memory, "size"), *max = options_get(c->memory, "maxmem");
    uint64_t slots;

    m->ram_bytes = DEFAULT_RAM;
    if (size && !parse_size(size, MiB, &m->ram_bytes, error)) {
        g_prefix_error(error, "-m: ");
        return false;
    }
    m->max_ram_bytes = m->ram_bytes;
    if (max && !parse_size(max, MiB, &m->max_ram_bytes, error)) {
        g_prefix_error(error, "-m: maxmem: ");
        return false;
    }
    if (!options_get_uint(c->memory, "slots", 0, MAX_RAM_SLOTS, &slots, error) ||
        !options_unused(c->memory, known, error)) {
        return false;
    }
    m->ram_bytes = align_up(m->ram_bytes, 8 * KiB);
    if (m->ram_bytes < MiB) {
        return fail(error, "-m: %" PRIu64 " KiB is too little, a PC needs 1 MiB",
                    (uint64_t)(m->ram_bytes / KiB));
    }
    if (m->max_ram_bytes < m->ram_bytes) {
        return fail(error, "-m: maxmem is less than the size");
    }
    if (slots || m->max_ram_bytes > m->ram_bytes) {
        return fail(error, "-m: this version cannot add memory while the guest runs; leave out "
                           "slots= and maxmem=");
    }
    return true;
}

static enum ram_flags ram_flags(const struct machine *m, const struct config *c)
{
    return (c->mem_prealloc ? RAM_PREALLOC : 0) | (m->mem_merge ? RAM_MERGE : 0) |
           (m->dump_guest_core ? 0 : RAM_NO_DUMP);
}

static bool use_backend(struct machine *m, struct config *c, GError **error)
{
    struct memory_backend *b = memory_backend_find(m, m->ram_backend_id);
    bool size_given = options_has(c->memory, "size");

    if (!b) {
        return fail(error,
                    "-machine memory-backend=%s: there is no such memory object; add "
                    "-object memory-backend-ram,id=%s,size=...",
                    m->ram_backend_id, m->ram_backend_id);
    }
    if (size_given && b->ram->size != m->ram_bytes) {
        return fail(error, "-m gives %" PRIu64 " bytes, but memory object '%s' has %" PRIu64,
                    m->ram_bytes, m->ram_backend_id, b->ram->size);
    }
    m->ram_bytes = m->max_ram_bytes = b->ram->size;
    m->ram = memory_backend_claim(b);
    return true;
}

bool setup_memory(struct machine *m, struct config *c, GError **error)
{
    if (!setup_sizes(m, c, error)) {
        return false;
    }
    if (m->ram_backend_id) {
        if (!use_backend(m, c, error)) {
            return false;
        }
    } else if (c->mem_path) {
        m->ram = ram_block_new_file("pc.ram", c->mem_path, 0, m->ram_bytes, ram_flags(m, c), error);
        g_prefix_error(error, "-mem-path: ");
    } else {
        m->ram = ram_block_new("pc.ram", m->ram_bytes, ram_flags(m, c), error);
    }
    if (!m->ram) {
        return false;
    }
    machine_add_ram(m, m->ram);
    if (c->mem_lock && mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        return fail_errno(error, "-overcommit mem-lock=on: cannot lock memory (ulimit -l)");
    }
    return true;
}
