/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -numa: which memory and which CPUs belong to which node.
 *
 * Absent: distances, a memory object per node when there are several nodes, HMAT.
 */
#include "system/setup.h"

#include "util/parse.h"
#include <string.h>

#define MAX_NODES   128
#define MEMORY_UNIT (8 * MiB) /* shares that are not given are multiples of it */

struct numa_plan {
    struct machine *machine;
    struct numa_node nodes[MAX_NODES];
    bool present[MAX_NODES];
    unsigned count; /* 1 + the highest node */
    bool any_mem, any_cpu;
    int *node_of_cpu; /* by CPU index; -1: nobody's yet */
};

static bool give_cpu(struct numa_plan *p, unsigned cpu, unsigned node, GError **error)
{
    if (cpu >= p->machine->smp.max_cpus) {
        return fail(error, "-numa: there is no CPU %u; -smp gives %u", cpu,
                    p->machine->smp.max_cpus);
    }
    if (p->node_of_cpu[cpu] >= 0) {
        return fail(error, "-numa: CPU %u is in node %d already", cpu, p->node_of_cpu[cpu]);
    }
    p->node_of_cpu[cpu] = (int)node;
    p->any_cpu = true;
    return true;
}

/* cpus=N or cpus=A-B */
static bool give_cpus(struct numa_plan *p, const char *text, unsigned node, GError **error)
{
    g_auto(GStrv) ends = g_strsplit(text, "-", 2);
    uint64_t first, last;

    if (!parse_uint(ends[0], UINT16_MAX, &first, error) ||
        !parse_uint(ends[1] ? ends[1] : ends[0], UINT16_MAX, &last, error)) {
        g_prefix_error(error, "-numa: cpus=%s: ", text);
        return false;
    }
    if (last < first) {
        return fail(error, "-numa: cpus=%s runs backwards", text);
    }
    for (uint64_t cpu = first; cpu <= last; cpu++) {
        if (!give_cpu(p, (unsigned)cpu, node, error)) {
            return false;
        }
    }
    return true;
}

static bool add_node(struct numa_plan *p, struct options *o, GError **error)
{
    static const char *const known[] = {"nodeid", "mem", "memdev", "cpus", NULL};
    g_autoptr(GPtrArray) cpus = options_get_all(o, "cpus");
    const char *mem = options_get(o, "mem");
    uint64_t id;

    options_get(o, "memdev"); /* setup_numa_memory() has seen to it */
    if (!options_get_uint(o, "nodeid", p->count, MAX_NODES - 1, &id, error) ||
        !options_unused(o, known, error)) {
        return false;
    }
    if (p->present[id]) {
        return fail(error, "-numa: node %u is described twice", (unsigned)id);
    }
    p->present[id] = true;
    p->count = MAX(p->count, (unsigned)id + 1);
    if (mem) {
        if (!parse_size(mem, MiB, &p->nodes[id].mem_bytes, error)) {
            g_prefix_error(error, "-numa: mem: ");
            return false;
        }
        p->any_mem = true;
    }
    for (guint i = 0; i < cpus->len; i++) {
        if (!give_cpus(p, g_ptr_array_index(cpus, i), (unsigned)id, error)) {
            return false;
        }
    }
    return true;
}

/* Whether @value is what key @name asks for; *@ret_ok turns false on a bad number. */
static bool matches(struct options *o, const char *name, unsigned value, bool *ret_ok,
                    GError **error)
{
    uint64_t want;

    if (!*ret_ok || !options_has(o, name)) {
        return *ret_ok;
    }
    *ret_ok = options_get_uint(o, name, 0, UINT16_MAX, &want, error);
    return *ret_ok && want == value;
}

/* -numa cpu,node-id=N,socket-id=S[,die-id=D][,core-id=C][,thread-id=T] */
static bool add_cpus_by_place(struct numa_plan *p, struct options *o, GError **error)
{
    static const char *const known[] = {"node-id", "socket-id", "die-id",
                                        "core-id", "thread-id", NULL};
    const struct smp_config *s = &p->machine->smp;
    bool ok = true, any = false;
    uint64_t node;

    if (!options_require(o, "node-id", error) ||
        !options_get_uint(o, "node-id", 0, MAX_NODES - 1, &node, error)) {
        return false;
    }
    if (!p->present[node]) {
        return fail(error, "-numa: cpu,node-id=%u comes before -numa node,nodeid=%u",
                    (unsigned)node, (unsigned)node);
    }
    for (unsigned i = 0; i < s->max_cpus && ok; i++) {
        unsigned core = i / s->threads, die = core / s->cores;

        if (matches(o, "thread-id", i % s->threads, &ok, error) &&
            matches(o, "core-id", core % s->cores, &ok, error) &&
            matches(o, "die-id", die % s->dies, &ok, error) &&
            matches(o, "socket-id", die / s->dies, &ok, error)) {
            any = true;
            ok = give_cpu(p, i, (unsigned)node, error);
        }
    }
    if (!ok || !options_unused(o, known, error)) {
        return false;
    }
    return any || fail(error, "-numa: cpu: -smp has no CPU at that place");
}

static bool add_option(struct numa_plan *p, const char *text, GError **error)
{
    struct options *o = options_parse("-numa", text, "type", error);
    const char *type = o ? options_require(o, "type", error) : NULL;
    bool ok = false;

    if (type && strcmp(type, "node") == 0) {
        ok = add_node(p, o, error);
    } else if (type && strcmp(type, "cpu") == 0) {
        ok = add_cpus_by_place(p, o, error);
    } else if (type) {
        fail(error, "-numa %s: this version has 'node' and 'cpu'", type);
    }
    options_free(o);
    return ok;
}

static bool share_memory(struct numa_plan *p, uint64_t ram_bytes, GError **error)
{
    uint64_t sum = 0, share = align_down(ram_bytes / p->count, MEMORY_UNIT);

    for (unsigned i = 0; i < p->count; i++) {
        if (!p->any_mem) {
            p->nodes[i].mem_bytes = i + 1 < p->count ? share : ram_bytes - share * (p->count - 1);
        }
        sum += p->nodes[i].mem_bytes;
    }
    if (sum != ram_bytes) {
        return fail(error, "-numa: the nodes have %" PRIu64 " MiB together, -m says %" PRIu64,
                    (uint64_t)(sum / MiB), (uint64_t)(ram_bytes / MiB));
    }
    return true;
}

/* CPUs that nobody was given: whole sockets in turn, or all to node 0 when some were given. */
static void share_cpus(struct numa_plan *p)
{
    const struct smp_config *s = &p->machine->smp;
    unsigned per_socket = s->dies * s->cores * s->threads;

    for (unsigned i = 0; i < s->max_cpus; i++) {
        if (p->node_of_cpu[i] < 0) {
            p->node_of_cpu[i] = p->any_cpu ? 0 : (int)(i / per_socket % p->count);
        }
        g_array_append_val(p->nodes[p->node_of_cpu[i]].cpus, i);
    }
}

static bool complete(struct numa_plan *p, GError **error)
{
    struct machine *m = p->machine;

    for (unsigned i = 0; i < p->count; i++) {
        if (!p->present[i]) {
            return fail(error, "-numa: node %u is missing", i);
        }
    }
    if (m->ram_backend_id && p->count > 1) {
        return fail(error,
                    "-numa: memdev=%s: this version takes a memory object for one node "
                    "only; use mem=",
                    m->ram_backend_id);
    }
    if (!share_memory(p, m->ram_bytes, error)) {
        return false;
    }
    for (unsigned i = 0; i < p->count; i++) {
        p->nodes[i].cpus = g_array_new(FALSE, FALSE, sizeof(unsigned));
    }
    share_cpus(p);
    g_array_append_vals(m->numa, p->nodes, p->count);
    return true;
}

bool setup_numa_memory(struct machine *m, struct config *c, GError **error)
{
    for (guint i = 0; i < c->numa->len; i++) {
        struct options *o = options_parse("-numa", g_ptr_array_index(c->numa, i), "type", error);
        const char *memdev = o ? options_get(o, "memdev") : NULL;
        bool ok = o;

        if (memdev && m->ram_backend_id && strcmp(m->ram_backend_id, memdev) != 0) {
            ok = fail(error,
                      "-numa: memdev=%s: this version takes one memory object for the "
                      "whole machine, '%s'; use mem= for nodes",
                      memdev, m->ram_backend_id);
        } else if (memdev) {
            g_free(m->ram_backend_id);
            m->ram_backend_id = g_strdup(memdev);
        }
        options_free(o);
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool setup_numa(struct machine *m, struct config *c, GError **error)
{
    g_autofree struct numa_plan *p = g_new0(struct numa_plan, 1);
    g_autofree int *node_of_cpu = g_new(int, m->smp.max_cpus);

    if (!c->numa->len) {
        return true;
    }
    p->machine = m;
    p->node_of_cpu = node_of_cpu;
    memset(node_of_cpu, 0xff, m->smp.max_cpus * sizeof(int));
    for (guint i = 0; i < c->numa->len; i++) {
        if (!add_option(p, g_ptr_array_index(c->numa, i), error)) {
            return false;
        }
    }
    return complete(p, error);
}
