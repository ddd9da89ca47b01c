/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ISA bus: windows do not overlap, end where the ports end, and go with their device.
 */
#include "tests/unit/hw/bare_machine.h"
#include <string.h>

struct probe {
    struct isa_device isa;
    uint32_t port;
    uint32_t irq;
    uint8_t value;
};

static struct probe *from_dev(struct device *dev)
{
    return container_of(dev, struct probe, isa.dev);
}

static const struct reg probe_regs[] = {
    REG8(0, "A", STORE_U8(struct probe, value), .writable = 0xff),
    REG8(1, "B", .reset = 0x42),
    {0},
};

static bool probe_realize(struct device *dev, GError **error)
{
    struct probe *p = from_dev(dev);

    return isa_irq(&p->isa, p->irq, error) &&
           isa_map(&p->isa, (uint16_t)p->port, probe_regs, error);
}

static const struct property probe_props[] = {
    PROP_U32(struct probe, port, "port", 0x300, "first port"),
    PROP_U32(struct probe, irq, "irq", 5, "interrupt"),
    {0},
};

static const struct device_type isa_probe = {
    .name = "test-isa-probe",
    .description = "two registers",
    .flags = DEVICE_INTERNAL,
    .bus = BUS_ISA,
    .size = sizeof(struct probe),
    .props = probe_props,
    .state = &state_none,
    .realize = probe_realize,
};
DEVICE_TYPE(isa_probe);

struct fixture {
    struct bare b;
    struct line irq5;
};

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_init(&f->b);
    f->b.isa.irqs[5] = line_init(&f->irq5);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_fini(&f->b);
}

static void assert_fails(struct fixture *f, const char *prop, const char *value, const char *reason)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(isa_create(&f->b.isa, "test-isa-probe", &error, prop, value, NULL));
    g_assert_nonnull(strstr(error->message, reason));
}

static void test_registers_answer_at_the_port(struct fixture *f, gconstpointer data)
{
    struct device *dev = isa_create(&f->b.isa, "test-isa-probe", NULL, "port", "0x310", NULL);
    g_autofree char *text = NULL;

    (void)data;
    g_assert_nonnull(dev);
    bare_outb(&f->b, 0x310, 0x99);
    g_assert_cmphex(bare_inb(&f->b, 0x310), ==, 0x99);
    g_assert_cmphex(bare_inb(&f->b, 0x311), ==, 0x42);
    g_assert_cmphex(bare_inb(&f->b, 0x312), ==, 0xff);
    text = isa_bus_type.describe(&f->b.isa.bus, dev);
    g_assert_cmpstr(text, ==, "ports 0x310-0x311");
}

static void test_windows_go_with_the_device(struct fixture *f, gconstpointer data)
{
    (void)data;
    device_free(isa_create(&f->b.isa, "test-isa-probe", NULL, NULL));
    g_assert_cmphex(bare_inb(&f->b, 0x301), ==, 0xff);
    g_assert_nonnull(isa_create(&f->b.isa, "test-isa-probe", NULL, NULL));
    g_assert_cmphex(bare_inb(&f->b, 0x301), ==, 0x42);
}

static void test_taken_ports_are_refused(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_nonnull(isa_create(&f->b.isa, "test-isa-probe", NULL, NULL));
    assert_fails(f, "port", "0x301", "taken by test-isa-probe");
    assert_fails(f, "port", "0x2ff", "taken by test-isa-probe");
    g_assert_nonnull(isa_create(&f->b.isa, "test-isa-probe", NULL, "port", "0x302", NULL));
}

static void test_ports_end_at_64k(struct fixture *f, gconstpointer data)
{
    (void)data;
    assert_fails(f, "port", "0xffff", "do not fit");
}

static void test_interrupts_are_checked(struct fixture *f, gconstpointer data)
{
    (void)data;
    assert_fails(f, "irq", "16", "no ISA interrupt 16");
    assert_fails(f, "irq", "6", "not connected");
}

#define ADD(name) g_test_add("/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(registers_answer_at_the_port);
    ADD(windows_go_with_the_device);
    ADD(taken_ports_are_refused);
    ADD(ports_end_at_64k);
    ADD(interrupts_are_checked);
    return g_test_run();
}
