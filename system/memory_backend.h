/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -object: memory-backend-ram, memory-backend-file, memory-backend-memfd.
 */
#ifndef VITRO_SYSTEM_MEMORY_BACKEND_H
#define VITRO_SYSTEM_MEMORY_BACKEND_H

#include "hw/core/machine.h"
#include "util/options.h"

struct memory_backend {
    struct object obj;
    uint64_t size, huge_page_size, offset;
    char *path;
    bool share, prealloc, merge, dump, huge, readonly;
    struct ram_block *ram;
    bool claimed; /* the machine owns ram from here on */
};

/* Makes the object that @o (with its qom-type taken as @type) describes, in /objects. */
bool memory_backend_new(struct machine *m, const char *type, const char *id, struct options *o,
                        GError **error);
bool memory_backend_is_type(const char *type);
void memory_backend_list(void (*each)(const char *type, const struct property *props));
struct memory_backend *memory_backend_find(struct machine *m, const char *id);
/* Its RAM, once: the caller gives it to the machine. NULL when it is in use. */
struct ram_block *memory_backend_claim(struct memory_backend *b);

#endif
