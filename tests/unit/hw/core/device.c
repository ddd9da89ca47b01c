/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices on a bus of the test's own: properties, register banks, life cycle.
 */
#include "hw/core/machine.h"
#include "hw/core/reg.h"
#include <string.h>

struct toy {
    struct device dev;
    struct reg_bank bank;
    /* properties */
    uint16_t port;
    bool flag;
    char *text;
    int mode;
    uint64_t bytes;
    /* registers */
    uint8_t ctl, sticky;
    uint32_t wide;
    unsigned resets, stored;
};

static struct toy *toy_of(struct device *dev)
{
    return container_of(dev, struct toy, dev);
}

static void ctl_stored(struct device *dev, uint64_t old)
{
    (void)old;
    toy_of(dev)->stored++;
}

static uint64_t version_read(struct device *dev)
{
    (void)dev;
    return 0xabcd;
}

static const struct reg toy_regs[] = {
    REG8(0, "CTL", STORE_U8(struct toy, ctl), .writable = 0x0f, .reset = 3, .stored = ctl_stored),
    REG8(1, "STICKY", STORE_U8(struct toy, sticky), .w1c = 0xff, .reset = 0xf0),
    REG16(2, "VERSION", .read = version_read),
    REG32(4, "WIDE", STORE_U32(struct toy, wide), .writable = 0xffffffff),
    {0},
};

static const struct prop_enum modes[] = {{"slow", 0}, {"fast", 1}, {0}};

static const struct property toy_props[] = {
    PROP_U16(struct toy, port, "port", 0x300, "a port"),
    PROP_BOOL(struct toy, flag, "flag", true, "a switch"),
    PROP_STRING(struct toy, text, "text", "initial", "a text"),
    PROP_ENUM(struct toy, mode, "mode", 0, modes, "a choice"),
    PROP_SIZE(struct toy, bytes, "bytes", 4096, "a size"),
    {0},
};

static bool toy_realize(struct device *dev, GError **error)
{
    struct toy *t = toy_of(dev);

    reg_bank_init(&t->bank, dev, toy_regs, "toy", 8);
    if (t->port == 0) {
        return fail(error, "port=0: there is no such port");
    }
    region_add(&dev->machine->io_root, t->port, &t->bank.region, 0);
    return true;
}

static void toy_reset(struct device *dev)
{
    toy_of(dev)->resets++;
}

static const struct bus_type toy_bus_type = {.name = "TOY"};

static const struct device_type toy_type = {
    .name = "toy",
    .description = "for tests",
    .bus = &toy_bus_type,
    .size = sizeof(struct toy),
    .props = toy_props,
    .state = &state_none,
    .realize = toy_realize,
    .reset = toy_reset,
};
DEVICE_TYPE(toy_type);

static const struct machine_type toy_machine = {.name = "toybox", .size = sizeof(struct machine)};

struct fixture {
    struct machine *m;
    struct bus bus;
};

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->m = machine_new(&toy_machine);
    lock_acquire(&f->m->lock);
    bus_init(&f->bus, &toy_bus_type, f->m, NULL, "toy.0");
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bus_fini(&f->bus);
    lock_release(&f->m->lock);
    machine_free(f->m);
}

static struct toy *add(struct fixture *f)
{
    struct device *dev = device_new(f->m, "toy", NULL);

    g_assert_nonnull(dev);
    g_assert_true(device_realize(dev, &f->bus, NULL));
    return toy_of(dev);
}

static uint64_t in(struct fixture *f, unsigned port, unsigned size)
{
    return address_space_load(&f->m->io, port, size, MEM_ATTRS_NONE, NULL);
}

static void out(struct fixture *f, unsigned port, uint64_t val, unsigned size)
{
    address_space_store(&f->m->io, port, val, size, MEM_ATTRS_NONE);
}

static void test_registers_follow_their_masks(struct fixture *f, gconstpointer data)
{
    struct toy *t = add(f);

    (void)data;
    g_assert_cmphex(in(f, 0x300, 1), ==, 3);
    out(f, 0x300, 0xff, 1);
    g_assert_cmphex(in(f, 0x300, 1), ==, 0x0f);
    g_assert_cmpuint(t->stored, ==, 1);
    out(f, 0x301, 0x30, 1);
    g_assert_cmphex(in(f, 0x301, 1), ==, 0xc0);
    g_assert_cmphex(in(f, 0x300, 4), ==, 0xabcdc00f);
    out(f, 0x305, 0xbeef, 2);
    g_assert_cmphex(t->wide, ==, 0x00beef00);
}

static void test_reset_restores_registers(struct fixture *f, gconstpointer data)
{
    struct toy *t = add(f);

    (void)data;
    g_assert_cmpuint(t->resets, ==, 1);
    out(f, 0x300, 0, 1);
    machine_reset(f->m);
    g_assert_cmphex(t->ctl, ==, 3);
    g_assert_cmphex(t->sticky, ==, 0xf0);
    g_assert_cmpuint(t->resets, ==, 2);
}

static void test_properties_parse_and_print(struct fixture *f, gconstpointer data)
{
    struct device *dev = device_new(f->m, "toy", NULL);
    struct toy *t = toy_of(dev);
    g_autoptr(GError) err = NULL;
    g_autofree char *mode = NULL;

    (void)data;
    g_assert_cmpstr(t->text, ==, "initial");
    g_assert_true(device_set(dev, "port", "0x3f8", NULL));
    g_assert_true(device_set(dev, "mode", "fast", NULL));
    g_assert_true(device_set(dev, "bytes", "2M", NULL));
    g_assert_cmphex(t->port, ==, 0x3f8);
    g_assert_cmpuint(t->bytes, ==, 2 * MiB);
    mode = object_get(&dev->obj, "mode", NULL);
    g_assert_cmpstr(mode, ==, "fast");
    g_assert_false(device_set(dev, "port", "65536", &err));
    g_assert_nonnull(strstr(err->message, "toy.port"));
    g_clear_error(&err);
    g_assert_false(device_set(dev, "prot", "1", &err));
    g_assert_nonnull(strstr(err->message, "did you mean 'port'"));
    device_free(dev);
}

static void test_failed_realize_leaves_nothing(struct fixture *f, gconstpointer data)
{
    struct device *dev = device_new(f->m, "toy", NULL);
    g_autoptr(GError) err = NULL;

    (void)data;
    device_set_or_die(dev, "port", "0");
    g_assert_false(device_realize(dev, &f->bus, &err));
    g_assert_cmpuint(f->bus.devices->len, ==, 0);
    device_free(dev);
    g_assert_cmphex(in(f, 0x300, 1), ==, 0xff);
}

static void test_unplug_takes_registers_away(struct fixture *f, gconstpointer data)
{
    struct toy *t = add(f);

    (void)data;
    device_free(&t->dev);
    g_assert_cmphex(in(f, 0x300, 1), ==, 0xff);
}

static void test_ids_are_unique_and_sane(struct fixture *f, gconstpointer data)
{
    struct device *a = device_new(f->m, "toy", NULL), *b = device_new(f->m, "toy", NULL);
    g_autoptr(GError) err = NULL;
    g_autofree char *path = NULL;

    (void)data;
    g_assert_true(device_set_id(a, "one", NULL));
    path = object_path(&a->obj);
    g_assert_cmpstr(path, ==, "/machine/peripheral/one");
    g_assert_true(device_find(f->m, path) == a);
    g_assert_true(device_find(f->m, "/peripheral/one") == a);
    g_assert_true(object_resolve(&f->m->obj, "/machine") == &f->m->obj);
    g_assert_null(object_resolve(&f->m->obj, "/machine/machine/peripheral"));
    g_assert_false(device_set_id(b, "one", &err));
    g_clear_error(&err);
    g_assert_false(device_set_id(b, "1;x", &err));
    device_free(a);
    device_free(b);
}

static void test_global_is_a_default(struct fixture *f, gconstpointer data)
{
    struct global_prop *g = g_new0(struct global_prop, 1);
    struct device *dev;

    (void)data;
    *g = (struct global_prop){g_strdup("toy"), g_strdup("flag"), g_strdup("off"), false, false};
    g_ptr_array_add(f->m->globals, g);
    dev = device_new(f->m, "toy", NULL);
    g_assert_false(toy_of(dev)->flag);
    g_assert_true(g->used);
    device_free(dev);
}

#define ADD(name) g_test_add("/device/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(registers_follow_their_masks);
    ADD(reset_restores_registers);
    ADD(properties_parse_and_print);
    ADD(failed_realize_leaves_nothing);
    ADD(unplug_takes_registers_away);
    ADD(ids_are_unique_and_sane);
    ADD(global_is_a_default);
    return g_test_run();
}
