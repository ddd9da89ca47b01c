/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to hold for every device, found by walking the registry and the board.
 *
 * Each type that users may add is put into a PC with its default properties; then each offset of
 * its registers is read and written in every width. It survives that, its reset reaches the same
 * state twice, its saved state loads into a fresh machine and is saved again as the same bytes,
 * and each register that is stored by a table is in the saved state. The same for all devices of a
 * full board together.
 */
#include "tests/unit/hw/pc_rig.h"

#include "hw/core/prop_backend.h"
#include "hw/core/reg.h"

enum {
    DENSE_OFFSETS = 512, /* tried in every way */
    MAX_OFFSET = 4096,   /* beyond the dense ones: fewer ways */
    SPARSE_STEP = 3,     /* odd: all alignments */
    DISK_BYTES = 1440 * 1024,
};

/* Where the board has one of the kind already. */
static const struct {
    const char *type, *prop, *value;
} extra_props[] = {
    {"isa-fdc", "iobase", "0x370"},
    {"VGA", "romfile", ""},
};

/* ---- a device in a machine ---- */

struct subject {
    struct pc_rig rig;
    struct device *dev;
    GPtrArray *regions; /* its I/O regions */
    GPtrArray *files;
    unsigned backends;
};

static void free_file(gpointer path)
{
    g_unlink(path);
    g_free(path);
}

/* Gives a property that names a back-end one of its own. */
static void add_backend(struct subject *s, const struct property *p)
{
    struct machine *m = s->rig.m;
    g_autofree char *id = g_strdup_printf("backend%u", s->backends++);
    GError *error = NULL;
    bool ok = true;

    if (p->type == &prop_type_chardev) {
        g_autofree char *text = g_strdup_printf("null,id=%s", id);

        ok = chardev_new(m->chardevs, text, &error) && device_set(s->dev, p->name, id, &error);
    } else if (p->type == &prop_type_drive) {
        char *path = pc_rig_file(0, DISK_BYTES);
        g_autofree char *text = g_strdup_printf("if=none,id=%s,format=raw,file=%s", id, path);

        g_ptr_array_add(s->files, path);
        ok = drive_new(m->blocks, text, DRIVE_IF_NONE, &error) &&
             device_set(s->dev, p->name, id, &error);
    }
    pc_rig_check(ok, &error);
}

static void set_props(struct subject *s)
{
    GError *error = NULL;

    for (unsigned t = 0; t < OBJECT_PROP_TABLES && s->dev->obj.props[t]; t++) {
        for (const struct property *p = s->dev->obj.props[t]; p->name; p++) {
            add_backend(s, p);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(extra_props); i++) {
        if (strcmp(extra_props[i].type, s->dev->type->name) == 0) {
            pc_rig_check(device_set(s->dev, extra_props[i].prop, extra_props[i].value, &error),
                         &error);
        }
    }
}

/* Takes those out of @found that are in @before. */
static void keep_new(GPtrArray *found, GPtrArray *before)
{
    for (guint i = found->len; i > 0; i--) {
        if (g_ptr_array_find(before, g_ptr_array_index(found, i - 1), NULL)) {
            g_ptr_array_remove_index(found, i - 1);
        }
    }
}

static void subject_init(struct subject *s, const struct device_type *type)
{
    g_autoptr(GPtrArray) before = NULL;
    struct bus *bus = NULL;
    GError *error = NULL;

    *s = (struct subject){0};
    s->files = g_ptr_array_new_with_free_func(free_file);
    pc_rig_begin(&s->rig, "");
    before = pc_rig_regions(&s->rig);
    if (type->bus) {
        bus = bus_find(s->rig.m, type->bus, NULL, &error);
        pc_rig_check(bus != NULL, &error);
    }
    s->dev = device_new(s->rig.m, type->name, &error);
    pc_rig_check(s->dev != NULL, &error);
    set_props(s);
    pc_rig_check(device_realize(s->dev, bus, &error), &error);
    s->regions = pc_rig_regions(&s->rig);
    keep_new(s->regions, before);
    pc_rig_ready(&s->rig);
}

static void subject_fini(struct subject *s)
{
    g_ptr_array_unref(s->regions);
    pc_rig_fini(&s->rig);
    g_ptr_array_unref(s->files);
}

/* ---- poking ---- */

static void access_offset(struct pc_rig *r, struct region *region, uint64_t offset, unsigned size,
                          uint64_t pattern)
{
    uint64_t val;

    region_load(region, offset, &val, size, MEM_ATTRS_NONE, &r->m->lock);
    region_store(region, offset, pattern & size_mask(size), size, MEM_ATTRS_NONE, &r->m->lock);
    region_load(region, offset, &val, size, MEM_ATTRS_NONE, &r->m->lock);
}

static void poke(struct pc_rig *r, struct region *region)
{
    static const uint64_t patterns[] = {0, UINT64_MAX, 0x5555555555555555ULL, 0xaaaaaaaaaaaaaaaaULL,
                                        0x0123456789abcdefULL};
    uint64_t end = MIN(region->size, (uint64_t)MAX_OFFSET);

    for (uint64_t offset = 0; offset < end; offset += offset < DENSE_OFFSETS ? 1 : SPARSE_STEP) {
        unsigned ways = offset < DENSE_OFFSETS ? ARRAY_SIZE(patterns) : 2;

        for (unsigned size = 1; size <= 8 && offset + size <= region->size; size *= 2) {
            for (unsigned i = 0; i < ways; i++) {
                access_offset(r, region, offset, size, patterns[i]);
            }
        }
    }
}

/* Pokes, and lets time and the host go on a little. */
static void poke_all(struct pc_rig *r, GPtrArray *regions)
{
    for (guint i = 0; i < regions->len; i++) {
        poke(r, g_ptr_array_index(regions, i));
        pc_rig_step(r, 100 * NS_PER_US);
        pc_rig_settle(r);
    }
    pc_rig_step(r, 100 * NS_PER_US);
    pc_rig_settle(r);
}

static void read_all_ports(struct pc_rig *r)
{
    for (uint32_t port = 0; port < 0x10000; port++) {
        address_space_load(&r->m->io, port, 1, MEM_ATTRS_NONE, NULL);
    }
}

/* ---- state ---- */

static GByteArray *save(struct device *dev)
{
    GByteArray *out = g_byte_array_new();

    if (dev->bus && dev->bus->type->device_state) {
        state_save(dev->bus->type->device_state, dev, out);
    }
    state_save(dev->type->state, dev, out);
    return out;
}

static void load(struct device *dev, const GByteArray *saved)
{
    struct state_reader reader = {.data = saved->data, .len = saved->len};
    GError *error = NULL;

    if ((dev->bus && dev->bus->type->device_state &&
         !state_load(dev->bus->type->device_state, dev, &reader, &error)) ||
        !state_load(dev->type->state, dev, &reader, &error)) {
        g_error("%s: its own state does not load: %s", dev->type->name, error->message);
    }
    g_assert_cmpuint(reader.pos, ==, saved->len);
}

static void check_same(const struct device *dev, const GByteArray *a, const GByteArray *b,
                       const char *when)
{
    guint i = 0;

    while (i < a->len && i < b->len && a->data[i] == b->data[i]) {
        i++;
    }
    if (i < a->len || i < b->len) {
        g_error("%s: %s its state has %u bytes, not %u, and differs from byte %u on",
                dev->type->name, when, b->len, a->len, i);
    }
}

/* What travels beside the devices' states: time and memory. */
static void copy_surroundings(struct machine *to, struct machine *from)
{
    clock_set_ns(&to->clock_virtual, clock_now_ns(&from->clock_virtual));
    g_assert_cmpuint(to->ram_blocks->len, ==, from->ram_blocks->len);
    for (guint i = 0; i < to->ram_blocks->len; i++) {
        struct ram_block *b = g_ptr_array_index(to->ram_blocks, i);
        const struct ram_block *a = g_ptr_array_index(from->ram_blocks, i);

        g_assert_cmpuint(a->size, ==, b->size);
        memcpy(b->host, a->host, a->size);
        ram_block_written(b, 0, b->size);
    }
}

/* @from's state, loaded into its twin @to and saved there, is the same. */
static void check_travels(struct device *from, struct device *to)
{
    g_autoptr(GByteArray) saved = save(from);
    g_autoptr(GByteArray) again = NULL;

    g_assert_true(from->type == to->type);
    load(to, saved);
    again = save(to);
    check_same(to, saved, again, "loaded and saved again");
}

static void check_registers_are_saved(struct device *dev)
{
    const struct state_table *of_bus = dev->bus ? dev->bus->type->device_state : NULL;

    for (guint i = 0; dev->reg_banks && i < dev->reg_banks->len; i++) {
        const struct reg_bank *bank = g_ptr_array_index(dev->reg_banks, i);

        for (const struct reg *r = bank->regs; r->width; r++) {
            if (r->field && !r->derived &&
                !state_covers(dev->type->state, r->field - 1, r->width) &&
                !(of_bus && state_covers(of_bus, r->field - 1, r->width))) {
                g_error("%s: register %s is stored and not in the state table", dev->type->name,
                        r->name);
            }
        }
    }
}

/* ---- each type ---- */

static void test_survives_every_access(gconstpointer data)
{
    struct subject s;

    subject_init(&s, data);
    poke_all(&s.rig, s.regions);
    subject_fini(&s);
}

static void test_state_travels(gconstpointer data)
{
    struct subject a, b;

    subject_init(&a, data);
    subject_init(&b, data);
    check_registers_are_saved(a.dev);
    poke_all(&a.rig, a.regions);
    copy_surroundings(b.rig.m, a.rig.m);
    check_travels(a.dev, b.dev);
    subject_fini(&b);
    subject_fini(&a);
}

static void test_reset_reaches_the_same_state_twice(gconstpointer data)
{
    struct subject s;
    g_autoptr(GByteArray) once = NULL;
    g_autoptr(GByteArray) twice = NULL;

    subject_init(&s, data);
    poke_all(&s.rig, s.regions);
    device_reset(s.dev);
    once = save(s.dev);
    device_reset(s.dev);
    twice = save(s.dev);
    check_same(s.dev, once, twice, "after a second reset");
    subject_fini(&s);
}

static void test_leaves_nothing_behind(gconstpointer data)
{
    struct subject s;

    subject_init(&s, data);
    poke_all(&s.rig, s.regions);
    device_free(s.dev);
    read_all_ports(&s.rig);
    pc_rig_step(&s.rig, NS_PER_SEC / 100);
    machine_reset(s.rig.m);
    subject_fini(&s);
}

/* ---- the whole board ---- */

struct full_board {
    struct pc_rig rig;
    char *disk, *cd, *floppy;
};

static void full_board_init(struct full_board *b)
{
    g_autofree char *options = NULL;

    *b = (struct full_board){0};
    b->disk = pc_rig_file(0, DISK_BYTES);
    b->cd = pc_rig_file(0, DISK_BYTES);
    b->floppy = pc_rig_file(0, DISK_BYTES);
    options = g_strdup_printf("-smp 2 -serial null -serial null -parallel null -vga std "
                              "-global VGA.romfile= -drive if=ide,index=0,format=raw,file=%s "
                              "-drive if=ide,index=2,media=cdrom,format=raw,file=%s "
                              "-drive if=floppy,index=0,format=raw,file=%s",
                              b->disk, b->cd, b->floppy);
    pc_rig_init(&b->rig, options);
}

static void full_board_fini(struct full_board *b)
{
    pc_rig_fini(&b->rig);
    free_file(b->disk);
    free_file(b->cd);
    free_file(b->floppy);
}

static void poke_board(struct full_board *b)
{
    g_autoptr(GPtrArray) regions = pc_rig_regions(&b->rig);

    g_assert_cmpuint(regions->len, >, 20);
    poke_all(&b->rig, regions);
}

static void test_board_survives_every_access(void)
{
    struct full_board b;

    full_board_init(&b);
    poke_board(&b);
    machine_reset(b.rig.m);
    poke_board(&b);
    full_board_fini(&b);
}

static void test_board_state_travels(void)
{
    struct full_board a, b;
    g_autoptr(GPtrArray) from = NULL;
    g_autoptr(GPtrArray) to = NULL;

    full_board_init(&a);
    full_board_init(&b);
    poke_board(&a);
    copy_surroundings(b.rig.m, a.rig.m);
    from = pc_rig_devices(&a.rig);
    to = pc_rig_devices(&b.rig);
    g_assert_cmpuint(from->len, ==, to->len);
    g_assert_cmpuint(from->len, >, 15);
    for (guint i = 0; i < from->len; i++) {
        check_travels(g_ptr_array_index(from, i), g_ptr_array_index(to, i));
    }
    full_board_fini(&b);
    full_board_fini(&a);
}

static GPtrArray *save_board(struct full_board *b)
{
    g_autoptr(GPtrArray) devices = pc_rig_devices(&b->rig);
    GPtrArray *states = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);

    for (guint i = 0; i < devices->len; i++) {
        g_ptr_array_add(states, save(g_ptr_array_index(devices, i)));
    }
    return states;
}

/* The first reset of a poked board may see lines that others have not lowered yet. */
static void test_board_reset_reaches_the_same_state_twice(void)
{
    struct full_board b;
    g_autoptr(GPtrArray) devices = NULL;
    g_autoptr(GPtrArray) once = NULL;
    g_autoptr(GPtrArray) twice = NULL;

    full_board_init(&b);
    poke_board(&b);
    machine_reset(b.rig.m);
    machine_reset(b.rig.m);
    once = save_board(&b);
    machine_reset(b.rig.m);
    twice = save_board(&b);
    devices = pc_rig_devices(&b.rig);
    for (guint i = 0; i < devices->len; i++) {
        check_same(g_ptr_array_index(devices, i), g_ptr_array_index(once, i),
                   g_ptr_array_index(twice, i), "after another reset");
    }
    full_board_fini(&b);
}

static void test_board_registers_are_saved(void)
{
    struct full_board b;
    g_autoptr(GPtrArray) devices = NULL;

    full_board_init(&b);
    devices = pc_rig_devices(&b.rig);
    for (guint i = 0; i < devices->len; i++) {
        check_registers_are_saved(g_ptr_array_index(devices, i));
    }
    full_board_fini(&b);
}

static void add_tests_of_type(const struct device_type *type)
{
    static const struct {
        const char *name;
        void (*run)(gconstpointer data);
    } tests[] = {
        {"survives-every-access", test_survives_every_access},
        {"state-travels", test_state_travels},
        {"reset-reaches-the-same-state-twice", test_reset_reaches_the_same_state_twice},
        {"leaves-nothing-behind", test_leaves_nothing_behind},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(tests); i++) {
        g_autofree char *path = g_strdup_printf("/every-device/%s/%s", type->name, tests[i].name);

        g_test_add_data_func(path, type, tests[i].run);
    }
}

int main(int argc, char **argv)
{
    g_autoptr(GPtrArray) types = device_types_sorted();

    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < types->len; i++) {
        const struct device_type *type = g_ptr_array_index(types, i);

        if (!(type->flags & DEVICE_INTERNAL)) {
            add_tests_of_type(type);
        }
    }
    g_test_add_func("/every-device/board/survives-every-access", test_board_survives_every_access);
    g_test_add_func("/every-device/board/state-travels", test_board_state_travels);
    g_test_add_func("/every-device/board/reset-reaches-the-same-state-twice",
                    test_board_reset_reaches_the_same_state_twice);
    g_test_add_func("/every-device/board/registers-are-saved", test_board_registers_are_saved);
    return g_test_run();
}
