/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's mappings, from /proc/self/maps.
 */
#include "tests/insn_lib/host_maps.h"

#include <glib.h>
#include <stdio.h>

struct range {
    uint64_t from, to;
};

struct host_maps {
    GArray *ranges;
};

struct host_maps *host_maps_new(void)
{
    struct host_maps *m = g_new0(struct host_maps, 1);
    FILE *file = fopen("/proc/self/maps", "re");
    char line[1024];

    m->ranges = g_array_new(FALSE, FALSE, sizeof(struct range));
    while (file && fgets(line, sizeof(line), file)) {
        struct range r;

        if (sscanf(line, "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x", &r.from, &r.to) == 2) {
            g_array_append_val(m->ranges, r);
        }
    }
    if (file) {
        fclose(file);
    }
    return m;
}

void host_maps_free(struct host_maps *m)
{
    if (m) {
        g_array_free(m->ranges, TRUE);
        g_free(m);
    }
}

bool host_maps_has(const struct host_maps *m, uint64_t addr)
{
    for (guint n = 0; n < m->ranges->len; n++) {
        const struct range *r = &g_array_index(m->ranges, struct range, n);

        if (addr >= r->from && addr < r->to) {
            return true;
        }
    }
    return false;
}
