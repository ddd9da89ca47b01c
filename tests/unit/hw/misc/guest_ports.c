/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports by which guests and test suites talk to the machine: debug exit, pvpanic, pc-testdev.
 */
#include "tests/unit/hw/bare_machine.h"

#include <string.h>

struct fixture {
    struct bare box;
    struct line lines[ISA_IRQS];
    int exit_status, panic; /* -1: none */
    unsigned shutdowns;
};

static void note_exit(struct machine *m, int status)
{
    struct fixture *f = m->life_data;

    f->exit_status = status;
}

static void note_panic(struct machine *m, enum panic_action action)
{
    struct fixture *f = m->life_data;

    f->panic = action;
}

static void note_shutdown(struct machine *m, enum machine_cause cause)
{
    struct fixture *f = m->life_data;

    g_assert_cmpint(cause, ==, CAUSE_GUEST_SHUTDOWN);
    f->shutdowns++;
}

static const struct machine_life life = {
    .request_exit = note_exit,
    .request_shutdown = note_shutdown,
    .panicked = note_panic,
};

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_init(&f->box);
    f->box.m->life = &life;
    f->box.m->life_data = f;
    f->exit_status = f->panic = -1;
    for (unsigned i = 0; i < ISA_IRQS; i++) {
        f->box.isa.irqs[i] = line_init(&f->lines[i]);
    }
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_fini(&f->box);
}

static void out(struct fixture *f, uint16_t port, uint64_t val, unsigned size)
{
    address_space_store(&f->box.m->io, port, val, size, MEM_ATTRS_NONE);
}

static uint64_t in(struct fixture *f, uint16_t port, unsigned size)
{
    return address_space_load(&f->box.m->io, port, size, MEM_ATTRS_NONE, NULL);
}

static void test_exit_status_is_odd(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_nonnull(
        isa_create(&f->box.isa, "isa-debug-exit", NULL, "iobase", "0xf4", "iosize", "4", NULL));
    out(f, 0xf4, 0, 1);
    g_assert_cmpint(f->exit_status, ==, 1);
    out(f, 0xf4, 16, 4);
    g_assert_cmpint(f->exit_status, ==, 33);
}

static void test_exit_range_must_fit(struct fixture *f, gconstpointer data)
{
    g_autoptr(GError) err = NULL;

    (void)data;
    g_assert_null(isa_create(&f->box.isa, "isa-debug-exit", &err, "iobase", "0xffff", NULL));
    g_assert_nonnull(strstr(err->message, "iobase"));
}

static void test_pvpanic_tells_its_events(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_nonnull(isa_create(&f->box.isa, "pvpanic", NULL, NULL));
    g_assert_cmphex(in(f, 0x505, 1), ==, 7);
    out(f, 0x505, 2, 1);
    g_assert_cmpint(f->panic, ==, PANIC_KDUMP);
    out(f, 0x505, 1, 1);
    g_assert_cmpint(f->panic, ==, PANIC_HALTED);
    out(f, 0x505, 4, 1);
    g_assert_cmpuint(f->shutdowns, ==, 1);
}

static void test_pvpanic_unknown_event_does_nothing(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_nonnull(isa_create(&f->box.isa, "pvpanic", NULL, NULL));
    out(f, 0x505, 0x80, 1);
    g_assert_cmpint(f->panic, ==, -1);
    g_assert_cmpuint(f->shutdowns, ==, 0);
}

static void test_testdev_keeps_what_is_written(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_nonnull(isa_create(&f->box.isa, "pc-testdev", NULL, NULL));
    out(f, 0xe0, 0x44332211, 4);
    g_assert_cmphex(in(f, 0xe0, 4), ==, 0x44332211);
    g_assert_cmphex(in(f, 0xe2, 2), ==, 0x4433);
    out(f, 0xe1, 0xaa, 1);
    g_assert_cmphex(in(f, 0xe0, 4), ==, 0x4433aa11);
    bare_store(&f->box, 0xff000ff8, 0x1122334455667788, 8);
    g_assert_cmphex(bare_load(&f->box, 0xff000ffc, 4), ==, 0x11223344);
    bare_store(&f->box, 0xff00fffd, 0x99, 1);
    g_assert_cmphex(bare_load(&f->box, 0xff00fffc, 4), ==, 0x9900);
}

static void test_testdev_drives_lines(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_nonnull(isa_create(&f->box.isa, "pc-testdev", NULL, NULL));
    out(f, 0x200e, 1, 1);
    g_assert_cmpint(f->lines[14].level, ==, 1);
    g_assert_cmphex(in(f, 0x200e, 1), ==, 1);
    out(f, 0x200e, 0, 1);
    g_assert_cmpint(f->lines[14].level, ==, 0);
    g_assert_cmpuint(f->lines[13].rises, ==, 0);
}

static void test_testdev_flush_leaves_memory_as_it_was(struct fixture *f, gconstpointer data)
{
    struct ram_block *ram = ram_block_new("ram", 64 * KiB, 0, NULL);
    struct region region;

    (void)data;
    g_assert_nonnull(ram);
    machine_add_ram(f->box.m, ram);
    memset(&region, 0, sizeof(region));
    region_init_ram(&region, ram, "ram");
    region_add(&f->box.m->memory_root, 0, &region, 0);
    g_assert_nonnull(isa_create(&f->box.isa, "pc-testdev", NULL, NULL));
    bare_store(&f->box, 0x3004, 0x12345678, 4);
    out(f, 0xe4, 0x3123, 4);
    g_assert_cmphex(bare_load(&f->box, 0x3004, 4), ==, 0x12345678);
    region_fini(&region);
}

#define ADD(name)                                                                                  \
    g_test_add("/guest-ports/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(exit_status_is_odd);
    ADD(exit_range_must_fit);
    ADD(pvpanic_tells_its_events);
    ADD(pvpanic_unknown_event_does_nothing);
    ADD(testdev_keeps_what_is_written);
    ADD(testdev_drives_lines);
    ADD(testdev_flush_leaves_memory_as_it_was);
    return g_test_run();
}
