/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshot overlays: writes go to a temporary file, the image below is never changed.
 *
 * The disk is divided into clusters. The map says in which slot of the temporary file a cluster
 * lives; those without a slot are read from the base. Slots are given out in order, so the file
 * grows by what was written only.
 *
 * Invariants
 *   I1  A cluster enters the map when all of its bytes are in its slot, never before.
 *   I2  At most one write that needs new slots (an allocation) runs at a time; others wait in
 *       order and look at the map again when it is their turn. So nobody fills the same cluster
 *       twice, and no write to a cluster is lost to a copy of it made earlier.
 *   I3  Slots from next_slot on are unused but for those of the running allocation.
 *
 * The map takes 16 bytes and some per 64 KiB written. Absent: discards free nothing.
 */
#include "block/iov.h"
#include "block/private.h"

#include <errno.h>
#include <string.h>

#define CLUSTER (64 * KiB)

struct overlay {
    struct block_node node; /* child: the base */
    struct block_node *temp;
    GHashTable *slots; /* cluster number -> slot + 1 */
    uint64_t next_slot;
    struct alloc_write *running;
    GQueue waiting; /* struct block_io: allocations that wait their turn */
};

static struct overlay *from_node(struct block_node *n)
{
    return container_of(n, struct overlay, node);
}

/* The slot of @cluster; false when the base has it. */
static bool find_slot(const struct overlay *o, uint64_t cluster, uint64_t *ret_slot)
{
    gpointer found = g_hash_table_lookup(o->slots, GSIZE_TO_POINTER(cluster));

    if (!found) {
        return false;
    }
    *ret_slot = GPOINTER_TO_SIZE(found) - 1;
    return true;
}

/* ---- one request split into pieces ---- */

/* Ends @parent when all of its pieces have ended. */
struct split {
    struct block_io *parent; /* NULL: an allocation's, see finished */
    void (*finished)(struct split *s, int ret);
    unsigned pending;
    int ret;
};

struct piece {
    struct block_io io;
    struct split *split;
    struct iovec iov[];
};

static void split_release(struct split *s)
{
    if (--s->pending == 0) {
        s->finished(s, s->ret);
    }
}

static void piece_done(struct block_io *io, int ret)
{
    struct piece *p = container_of(io, struct piece, io);
    struct split *s = p->split;

    if (ret < 0 && s->ret == 0) {
        s->ret = ret;
    }
    g_free(p);
    split_release(s);
}

/* Sends bytes [@from, @from + @len) of @iov to or from @node at @offset. */
static void send_piece(struct split *s, struct block_node *node, enum block_op op, uint64_t offset,
                       const struct iovec *iov, int iovcnt, uint64_t from, uint64_t len)
{
    int n = iov_slice_count(iov, iovcnt, from, len);
    struct piece *p = g_malloc0(sizeof(*p) + n * sizeof(p->iov[0]));

    iov_slice(p->iov, n, iov, iovcnt, from, len);
    p->split = s;
    p->io = (struct block_io){
        .op = op, .offset = offset, .len = len, .iov = p->iov, .iovcnt = n, .done = piece_done};
    s->pending++;
    block_node_submit(node, &p->io);
}

static void request_finished(struct split *s, int ret)
{
    struct block_io *parent = s->parent;

    g_free(s);
    block_io_finish(parent, ret);
}

/*
 * How many bytes from @pos, at most up to @end, lie together: all in the base (*@ret_temp false),
 * or in a row in the temporary file. *@ret_offset: where.
 */
static uint64_t extent(const struct overlay *o, uint64_t pos, uint64_t end, bool *ret_temp,
                       uint64_t *ret_offset)
{
    uint64_t cluster = pos / CLUSTER, last = (end - 1) / CLUSTER;
    uint64_t slot = 0, next = 0, n = 1;
    bool temp = find_slot(o, cluster, &slot);

    while (cluster + n <= last && find_slot(o, cluster + n, &next) == temp &&
           (!temp || next == slot + n)) {
        n++;
    }
    *ret_temp = temp;
    *ret_offset = temp ? slot * CLUSTER + pos % CLUSTER : pos;
    return MIN(end, (cluster + n) * CLUSTER) - pos;
}

/* Reads, and writes that need no new slot. */
static void send_mapped(struct overlay *o, struct block_io *io)
{
    struct split *s = g_new0(struct split, 1);
    uint64_t pos = io->offset, end = io->offset + io->len;

    s->parent = io;
    s->finished = request_finished;
    s->pending = 1; /* ours, until all pieces are sent */
    while (pos < end) {
        uint64_t offset, len;
        bool temp;

        len = extent(o, pos, end, &temp, &offset);
        send_piece(s, temp ? o->temp : o->node.child, io->op, offset, io->iov, io->iovcnt,
                   pos - io->offset, len);
        pos += len;
    }
    s->pending--; /* pieces never end within a submit, and there was at least one */
}

static bool needs_slots(const struct overlay *o, const struct block_io *io)
{
    uint64_t slot;

    for (uint64_t c = io->offset / CLUSTER; c <= (io->offset + io->len - 1) / CLUSTER; c++) {
        if (!find_slot(o, c, &slot)) {
            return true;
        }
    }
    return false;
}

/* ---- writes that need new slots ---- */

struct alloc_write {
    struct split split; /* first reads the edges, then writes */
    struct overlay *overlay;
    struct block_io *io;
    uint64_t head, tail; /* bytes of base before and after the guest's, copied along */
    char *edges;         /* head, then tail */
    struct iovec *iov;   /* head, the guest's, tail */
    int iovcnt;
    uint64_t new_slots; /* taken from next_slot on */
};

static void start_waiting(struct overlay *o);

static void alloc_finished(struct alloc_write *w, int ret)
{
    struct overlay *o = w->overlay;
    struct block_io *io = w->io;
    uint64_t slot;

    if (ret == 0) {
        uint64_t next = o->next_slot;

        for (uint64_t c = io->offset / CLUSTER; c <= (io->offset + io->len - 1) / CLUSTER; c++) {
            if (!find_slot(o, c, &slot)) { /* in the order in which they were given out */
                g_hash_table_insert(o->slots, GSIZE_TO_POINTER(c), GSIZE_TO_POINTER(next + 1));
                next++;
            }
        }
        g_assert(next == o->next_slot + w->new_slots);
        o->next_slot = next;
    }
    g_free(w->edges);
    g_free(w->iov);
    g_free(w);
    o->running = NULL;
    start_waiting(o);
    block_io_finish(io, ret);
}

static void written(struct split *s, int ret)
{
    alloc_finished(container_of(s, struct alloc_write, split), ret);
}

/* As extent(), with the slots that clusters without one are to get. */
static uint64_t new_extent(struct alloc_write *w, uint64_t pos, uint64_t end, uint64_t *ret_offset)
{
    struct overlay *o = w->overlay;
    uint64_t first = 0, len = 0;

    while (pos + len < end) {
        uint64_t at = pos + len, slot;
        bool is_new = !find_slot(o, at / CLUSTER, &slot);

        if (is_new) {
            slot = o->next_slot + w->new_slots;
        }
        if (len && slot * CLUSTER != first + len) {
            break;
        }
        w->new_slots += is_new;
        if (!len) {
            first = slot * CLUSTER + at % CLUSTER;
        }
        len += MIN(end - at, CLUSTER - at % CLUSTER);
    }
    *ret_offset = first;
    return len;
}

static void edges_read(struct split *s, int ret)
{
    struct alloc_write *w = container_of(s, struct alloc_write, split);
    const struct block_io *io = w->io;
    uint64_t start = io->offset - w->head, end = io->offset + io->len + w->tail, pos = start;

    if (ret < 0) {
        alloc_finished(w, ret);
        return;
    }
    s->finished = written;
    s->pending = 1;
    while (pos < end) {
        uint64_t offset, len = new_extent(w, pos, end, &offset);

        send_piece(s, w->overlay->temp, BLOCK_OP_WRITE, offset, w->iov, w->iovcnt, pos - start,
                   len);
        pos += len;
    }
    split_release(s);
}

static void read_edge(struct alloc_write *w, uint64_t offset, char *buf, uint64_t len)
{
    struct block_node *base = w->overlay->node.child;
    uint64_t there = offset < base->size ? MIN(len, base->size - offset) : 0;
    struct iovec iov = {buf, there};

    if (there) { /* the last cluster may be short; the rest of the buffer is zero */
        send_piece(&w->split, base, BLOCK_OP_READ, offset, &iov, 1, 0, there);
    }
}

/* In a submit, or in the done of another io. */
static void start_alloc(struct overlay *o, struct block_io *io)
{
    struct alloc_write *w = g_new0(struct alloc_write, 1);
    uint64_t end = io->offset + io->len, slot;

    o->running = w;
    w->overlay = o;
    w->io = io;
    w->head = find_slot(o, io->offset / CLUSTER, &slot) ? 0 : io->offset % CLUSTER;
    w->tail = find_slot(o, (end - 1) / CLUSTER, &slot) ? 0 : align_up(end, CLUSTER) - end;
    w->edges = g_malloc0(w->head + w->tail);
    w->iov = g_new(struct iovec, io->iovcnt + 2);
    w->iov[0] = (struct iovec){w->edges, w->head};
    memcpy(w->iov + 1, io->iov, io->iovcnt * sizeof(*io->iov));
    w->iov[io->iovcnt + 1] = (struct iovec){w->edges + w->head, w->tail};
    w->iovcnt = io->iovcnt + 2;

    w->split.finished = edges_read;
    w->split.pending = 1;
    read_edge(w, io->offset - w->head, w->edges, w->head);
    read_edge(w, end, w->edges + w->head, w->tail);
    split_release(&w->split);
}

/* Goes on with writes that had to wait, up to and including one that allocates again. */
static void start_waiting(struct overlay *o)
{
    while (!o->running) {
        struct block_io *io = g_queue_pop_head(&o->waiting);

        if (!io) {
            break;
        }
        if (needs_slots(o, io)) {
            start_alloc(o, io);
        } else {
            send_mapped(o, io);
        }
    }
}

/* ---- driver ---- */

static void overlay_submit(struct block_node *n, struct block_io *io)
{
    struct overlay *o = from_node(n);

    switch (io->op) {
    case BLOCK_OP_READ:
        send_mapped(o, io);
        break;
    case BLOCK_OP_WRITE:
        if (!needs_slots(o, io)) {
            send_mapped(o, io);
        } else if (o->running) {
            g_queue_push_tail(&o->waiting, io);
        } else {
            start_alloc(o, io);
        }
        break;
    default: /* what is forgotten at exit needs no flush; a discard is a hint */
        block_io_complete(io, 0);
        break;
    }
}

static bool overlay_open(struct block_node *n, GError **error)
{
    struct overlay *o = from_node(n);

    o->temp = block_file_new_temporary(n->set, error);
    if (!o->temp) {
        return false;
    }
    o->slots = g_hash_table_new(NULL, NULL);
    g_queue_init(&o->waiting);
    n->size = n->child->size;
    return true;
}

static void overlay_close(struct block_node *n)
{
    struct overlay *o = from_node(n);

    block_node_close(o->temp);
    g_hash_table_unref(o->slots);
}

static const struct block_driver overlay_driver = {
    .name = "overlay",
    .description = "writes kept in a temporary file",
    .size = sizeof(struct overlay),
    .open = overlay_open,
    .close = overlay_close,
    .submit = overlay_submit,
};

struct block_node *block_overlay_new(struct block_node *base, GError **error)
{
    return block_node_open(base->set, &overlay_driver, base->filename, 0, base, error);
}
