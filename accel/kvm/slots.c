/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory for KVM: from the views of address spaces to memory slots, dirty logs and
 * coalesced areas.
 *
 * A slot is a run of one RAM block that the guest sees contiguously. When a view changes, slots
 * that are no longer wanted as they are leave, and new ones come; the others stay untouched, so
 * that vCPUs may go on running in them. A vCPU that meets the gap exits, and its access is done
 * through the view, which is complete at any moment.
 *
 * ROM and write-protected RAM are read-only slots where the host has them; a write then exits. What
 * does not start and end on pages is left to exits altogether.
 */
#include "accel/kvm/kvm_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define LOG_CLIENTS (1u << DIRTY_DISPLAY | 1u << DIRTY_MIGRATION)

/* ---- single slots ---------------------------------------------------------------------------- */

static bool wants_log(const struct ram_block *b)
{
    return __atomic_load_n(&b->watching, __ATOMIC_RELAXED) & LOG_CLIENTS;
}

static bool put_slot(struct kvm *kvm, const struct kvm_slot *s, uint64_t size)
{
    struct kvm_userspace_memory_region r = {
        .slot = s->number,
        .flags = (s->logged ? KVM_MEM_LOG_DIRTY_PAGES : 0) | (s->readonly ? KVM_MEM_READONLY : 0),
        .guest_phys_addr = s->gpa,
        .memory_size = size,
        .userspace_addr = (uintptr_t)s->block->host + s->offset,
    };

    return ioctl(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &r) == 0;
}

/* The kernel's log of @s, which it clears, into the block's dirty bits. */
static void fetch_log(struct kvm *kvm, struct kvm_slot *s)
{
    uint64_t words = align_up(s->size >> RAM_PAGE_BITS, 64) / 64;
    g_autofree uint64_t *bits = NULL;
    struct kvm_dirty_log log = {.slot = s->number};

    if (!s->logged) {
        return;
    }
    bits = g_malloc0(words * sizeof(*bits));
    log.dirty_bitmap = bits;
    if (ioctl(kvm->vm_fd, KVM_GET_DIRTY_LOG, &log) != 0) {
        ram_block_written(s->block, s->offset, s->size); /* unknown: all of it */
        return;
    }
    for (uint64_t w = 0; w < words; w++) {
        for (uint64_t left = bits[w]; left; left &= left - 1) {
            uint64_t page = w * 64 + (unsigned)__builtin_ctzll(left);

            ram_block_written(s->block, s->offset + (page << RAM_PAGE_BITS), RAM_PAGE_SIZE);
        }
    }
}

static void fetch_dirty(void *opaque, struct ram_block *block)
{
    struct kvm *kvm = opaque;
    struct kvm_space *spaces[] = {&kvm->memory, &kvm->smm};

    for (unsigned n = 0; n < ARRAY_SIZE(spaces); n++) {
        for (guint i = 0; i < spaces[n]->slots->len; i++) {
            struct kvm_slot *s = &g_array_index(spaces[n]->slots, struct kvm_slot, i);

            if (s->block == block) {
                fetch_log(kvm, s);
            }
        }
    }
}

static void watching_changed(void *opaque, struct ram_block *block)
{
    struct kvm *kvm = opaque;
    struct kvm_space *spaces[] = {&kvm->memory, &kvm->smm};

    for (unsigned n = 0; n < ARRAY_SIZE(spaces); n++) {
        for (guint i = 0; i < spaces[n]->slots->len; i++) {
            struct kvm_slot *s = &g_array_index(spaces[n]->slots, struct kvm_slot, i);

            if (s->block != block || s->readonly || s->logged == wants_log(block)) {
                continue;
            }
            s->logged = wants_log(block);
            if (!put_slot(kvm, s, s->size)) {
                log_printf(LOG_GUEST_ERRORS, "kvm: slot at %#" PRIx64 ": dirty log: %s\n", s->gpa,
                           g_strerror(errno));
            }
        }
    }
}

static uint32_t take_number(struct kvm *kvm, unsigned space)
{
    guint n = 0;

    while (n < kvm->slot_used->len && g_array_index(kvm->slot_used, bool, n)) {
        n++;
    }
    if (n == kvm->slot_used->len) {
        g_array_set_size(kvm->slot_used, n + 1);
    }
    g_array_index(kvm->slot_used, bool, n) = true;
    return n | space << 16;
}

static void drop_slot(struct kvm *kvm, struct kvm_slot *s)
{
    fetch_log(kvm, s);
    put_slot(kvm, s, 0);
    g_array_index(kvm->slot_used, bool, s->number & 0xffff) = false;
}

static void add_slot(struct kvm_space *space, struct kvm_slot *s)
{
    struct kvm *kvm = space->kvm;

    s->number = take_number(kvm, space->id);
    s->logged = !s->readonly && wants_log(s->block);
    if (!put_slot(kvm, s, s->size)) {
        warn_user("kvm: cannot map guest memory at %#" PRIx64 " (%" PRIu64 " KiB of '%s'): %s; it "
                  "is slow from here on",
                  s->gpa, (uint64_t)(s->size / KiB), s->block->name, g_strerror(errno));
        g_array_index(kvm->slot_used, bool, s->number & 0xffff) = false;
        return;
    }
    s->block->watching_changed = watching_changed;
    s->block->fetch_dirty = fetch_dirty;
    s->block->engine_opaque = kvm;
    g_array_append_val(space->slots, *s);
}

/* ---- views ----------------------------------------------------------------------------------- */

static bool same_place(const struct kvm_slot *a, const struct kvm_slot *b)
{
    return a->gpa == b->gpa && a->size == b->size && a->block == b->block &&
           a->offset == b->offset && a->readonly == b->readonly;
}

/* Whether the kernel can serve @r, and how. */
static bool slot_of(const struct kvm *kvm, const struct view_range *r, struct kvm_slot *ret)
{
    bool rom = r->region->kind == REGION_ROM;
    uint64_t start = align_up(r->start, RAM_PAGE_SIZE), skip = start - r->start, end = r->last + 1;

    if (r->region->kind != REGION_RAM && !(rom && !r->region->reads_go_to_ops)) {
        return false;
    }
    end = align_down(end, RAM_PAGE_SIZE);
    if (start < r->start || end <= start || (r->offset + skip) % RAM_PAGE_SIZE) {
        return false;
    }
    *ret = (struct kvm_slot){
        .gpa = start,
        .size = end - start,
        .block = r->region->ram,
        .offset = r->offset + skip,
        .readonly = rom || r->readonly || (r->region->ram->flags & RAM_READONLY),
    };
    return !ret->readonly || kvm->has_readonly;
}

/* The slots that @view asks for, neighbours of one block merged. */
static GArray *wanted_slots(const struct kvm *kvm, const struct view *view)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(struct kvm_slot));

    for (unsigned i = 0; i < view->count; i++) {
        struct kvm_slot s, *last;

        if (!slot_of(kvm, &view->ranges[i], &s)) {
            continue;
        }
        last = list->len ? &g_array_index(list, struct kvm_slot, list->len - 1) : NULL;
        if (last && last->gpa + last->size == s.gpa && last->block == s.block &&
            last->offset + last->size == s.offset && last->readonly == s.readonly) {
            last->size += s.size;
        } else {
            g_array_append_val(list, s);
        }
    }
    return list;
}

static bool contains(const GArray *list, const struct kvm_slot *s)
{
    for (guint i = 0; i < list->len; i++) {
        if (same_place(&g_array_index(list, struct kvm_slot, i), s)) {
            return true;
        }
    }
    return false;
}

static void update_slots(struct kvm_space *space, const struct view *view)
{
    g_autoptr(GArray) wanted = wanted_slots(space->kvm, view);

    for (guint i = space->slots->len; i-- > 0;) {
        struct kvm_slot *s = &g_array_index(space->slots, struct kvm_slot, i);

        if (!contains(wanted, s)) {
            drop_slot(space->kvm, s);
            g_array_remove_index(space->slots, i);
        }
    }
    for (guint i = 0; i < wanted->len; i++) {
        struct kvm_slot *s = &g_array_index(wanted, struct kvm_slot, i);

        if (!contains(space->slots, s)) {
            add_slot(space, s);
        }
    }
}

/* ---- coalesced areas ------------------------------------------------------------------------- */

static bool same_zone(const struct kvm_coalesced_mmio_zone *a,
                      const struct kvm_coalesced_mmio_zone *b)
{
    return a->addr == b->addr && a->size == b->size;
}

static void update_zones(struct kvm_space *space, const struct view *view)
{
    g_autoptr(GArray) wanted = g_array_new(FALSE, FALSE, sizeof(struct kvm_coalesced_mmio_zone));
    struct kvm *kvm = space->kvm;

    for (unsigned i = 0; i < view->count; i++) {
        const struct view_range *r = &view->ranges[i];
        struct kvm_coalesced_mmio_zone z = {.addr = r->start, .pio = space->io};

        if (r->region->kind == REGION_IO && r->region->coalesced_io &&
            r->last - r->start < UINT32_MAX) {
            z.size = (uint32_t)(r->last - r->start + 1);
            g_array_append_val(wanted, z);
        }
    }
    for (guint i = space->zones->len; i-- > 0;) {
        struct kvm_coalesced_mmio_zone *z =
            &g_array_index(space->zones, struct kvm_coalesced_mmio_zone, i);
        bool keep = false;

        for (guint n = wanted->len; n-- > 0 && !keep;) {
            keep = same_zone(&g_array_index(wanted, struct kvm_coalesced_mmio_zone, n), z);
            if (keep) {
                g_array_remove_index(wanted, n);
            }
        }
        if (!keep) {
            ioctl(kvm->vm_fd, KVM_UNREGISTER_COALESCED_MMIO, z);
            g_array_remove_index(space->zones, i);
        }
    }
    for (guint i = 0; i < wanted->len; i++) {
        struct kvm_coalesced_mmio_zone *z =
            &g_array_index(wanted, struct kvm_coalesced_mmio_zone, i);

        if (ioctl(kvm->vm_fd, KVM_REGISTER_COALESCED_MMIO, z) == 0) {
            g_array_append_val(space->zones, *z);
        }
    }
}

/* ---- listening ------------------------------------------------------------------------------- */

static void view_changed(struct view_listener *l, const struct view *old_view,
                         const struct view *new_view)
{
    struct kvm_space *space = container_of(l, struct kvm_space, listener);
    struct kvm *kvm = space->kvm;

    (void)old_view; /* the slots say what was */
    if (!space->io) {
        update_slots(space, new_view);
    }
    if (kvm->ring_offset && space->id == 0 && (!space->io || kvm->coalesced_pio)) {
        update_zones(space, new_view);
    }
}

static void space_init(struct kvm_space *space, struct kvm *kvm, unsigned id, bool io)
{
    *space = (struct kvm_space){
        .listener = {.changed = view_changed},
        .kvm = kvm,
        .id = id,
        .io = io,
        .slots = g_array_new(FALSE, TRUE, sizeof(struct kvm_slot)),
        .zones = g_array_new(FALSE, TRUE, sizeof(struct kvm_coalesced_mmio_zone)),
    };
}

static void space_listen(struct kvm_space *space, struct address_space *as)
{
    space->as = as;
    address_space_listen(as, &space->listener);
}

static void space_fini(struct kvm_space *space)
{
    if (space->as) {
        address_space_unlisten(space->as, &space->listener);
        space->as = NULL;
    }
    for (guint i = 0; space->slots && i < space->slots->len; i++) {
        struct ram_block *b = g_array_index(space->slots, struct kvm_slot, i).block;

        b->watching_changed = b->fetch_dirty = NULL;
    }
    g_clear_pointer(&space->slots, g_array_unref);
    g_clear_pointer(&space->zones, g_array_unref);
}

void kvm_spaces_init(struct kvm *kvm)
{
    kvm->slot_used = g_array_new(FALSE, TRUE, sizeof(bool));
    space_init(&kvm->memory, kvm, 0, false);
    space_init(&kvm->io, kvm, 0, true);
    space_init(&kvm->smm, kvm, 1, false);
}

void kvm_spaces_listen(struct kvm *kvm)
{
    struct machine *m = kvm->a.machine;

    space_listen(&kvm->memory, &m->memory);
    space_listen(&kvm->io, &m->io);
}

void kvm_smm_listen(struct kvm *kvm, struct address_space *as)
{
    bool taken;

    if (!kvm->has_smm || kvm->smm.as) {
        return;
    }
    taken = lock_enter(&kvm->a.machine->lock);
    space_listen(&kvm->smm, as);
    lock_leave(&kvm->a.machine->lock, taken);
}

void kvm_spaces_fini(struct kvm *kvm)
{
    space_fini(&kvm->memory);
    space_fini(&kvm->io);
    space_fini(&kvm->smm);
    g_clear_pointer(&kvm->slot_used, g_array_unref);
}
