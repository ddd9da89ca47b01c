/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI bus: addresses, BAR sizing and mapping, interrupt pins, messages, state.
 */
#include "hw/pci/pci.h"

#include "tests/unit/hw/bare_machine.h"
#include <string.h>

enum { MEM_BAR = 0, IO_BAR = 1, WIDE_BAR = 2, MEM_SIZE = 0x1000, IO_SIZE = 16, VECTORS = 3 };
enum { TABLE = 0, PENDING = 0x800 };

struct probe {
    struct pci_device pci;
    struct region mem, io, wide;
    uint8_t last;
    bool gone; /* unrealize has begun */
};

static unsigned late_reads; /* of devices that had gone; atomic */

static uint64_t probe_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    if (((struct probe *)opaque)->gone) {
        __atomic_add_fetch(&late_reads, 1, __ATOMIC_RELAXED);
    }
    return offset & 0xff;
}

static void probe_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    (void)offset;
    (void)size;
    ((struct probe *)opaque)->last = (uint8_t)val;
}

static const struct region_ops probe_ops = {
    .read = probe_read,
    .write = probe_write,
    .max_size = 1,
};

static bool probe_realize(struct device *dev, GError **error)
{
    struct probe *p = container_of(pci_from_dev(dev), struct probe, pci);

    region_init_io(&p->mem, &probe_ops, p, "probe-mem", MEM_SIZE);
    region_init_io(&p->io, &probe_ops, p, "probe-io", IO_SIZE);
    region_init_container(&p->wide, "probe-wide", MEM_SIZE);
    pci_set_interrupt_pin(&p->pci, 1);
    return pci_add_bar(&p->pci, MEM_BAR, PCI_BAR_MEM, &p->mem, error) &&
           pci_add_bar(&p->pci, IO_BAR, PCI_BAR_IO, &p->io, error) &&
           pci_add_bar(&p->pci, WIDE_BAR, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &p->wide, error) &&
           pci_add_msi(&p->pci, 4, /* maskable= */ true, error) &&
           pci_add_msix(&p->pci, VECTORS, WIDE_BAR, &p->wide, TABLE, PENDING, error);
}

static void probe_unrealize(struct device *dev)
{
    struct probe *p = container_of(pci_from_dev(dev), struct probe, pci);

    p->gone = true;
    region_fini(&p->mem);
    region_fini(&p->io);
    region_fini(&p->wide);
}

static const struct pci_info probe_info = {
    .vendor = 0x1234,
    .device = 0x5678,
    .class_code = PCI_CLASS_OTHERS,
};

static const struct device_type probe_type = {
    .name = "test-pci-probe",
    .description = "for tests",
    .bus = BUS_PCI,
    .bus_info = &probe_info,
    .size = sizeof(struct probe),
    .state = &state_none,
    .realize = probe_realize,
    .unrealize = probe_unrealize,
};
DEVICE_TYPE(probe_type);

static const struct pci_info fixed_info = {
    .vendor = 0x1234,
    .device = 0x5679,
    .class_code = PCI_CLASS_OTHERS,
    .not_hotpluggable = true,
};

static const struct device_type fixed_type = {
    .name = "test-pci-fixed",
    .description = "for tests",
    .bus = BUS_PCI,
    .bus_info = &fixed_info,
    .size = sizeof(struct pci_device),
    .state = &state_none,
};
DEVICE_TYPE(fixed_type);

struct fixture {
    struct bare b;
    struct pci_bus bus;
    int levels[4];
    unsigned messages;
    uint64_t msg_addr;
    uint32_t msg_data;
};

static unsigned map_irq(struct pci_device *dev, unsigned pin)
{
    return (PCI_SLOT(dev->devfn) + pin) % 4;
}

static void set_irq(void *opaque, unsigned line, int level)
{
    ((struct fixture *)opaque)->levels[line] = level;
}

static void send_msi(void *opaque, uint64_t addr, uint32_t data, uint16_t requester)
{
    struct fixture *f = opaque;

    (void)requester;
    f->messages++;
    f->msg_addr = addr;
    f->msg_data = data;
}

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_init(&f->b);
    pci_bus_init(&f->bus, f->b.m, /* parent= */ NULL, "pci.0", &f->b.m->memory_root,
                 &f->b.m->io_root);
    f->bus.map_irq = map_irq;
    f->bus.set_irq = set_irq;
    f->bus.irq_opaque = f;
    f->bus.send_msi = send_msi;
    f->bus.msi_opaque = f;
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_fini(&f->b);
}

static struct probe *add(struct fixture *f, int devfn)
{
    struct pci_device *dev = pci_create(&f->bus, devfn, "test-pci-probe", NULL, NULL);

    g_assert_nonnull(dev);
    return container_of(dev, struct probe, pci);
}

static uint32_t get(struct fixture *f, uint8_t devfn, unsigned offset, unsigned size)
{
    return pci_config_read(&f->bus, 0, devfn, offset, size);
}

static void put(struct fixture *f, uint8_t devfn, unsigned offset, uint32_t val, unsigned size)
{
    pci_config_write(&f->bus, 0, devfn, offset, val, size);
}

static void test_nobody_answers_with_ones(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(get(f, PCI_DEVFN(7, 0), 0, 4), ==, 0xffffffff);
    g_assert_cmphex(pci_config_read(&f->bus, 3, 0, 0, 2), ==, 0xffff);
    put(f, PCI_DEVFN(7, 0), 4, 7, 2);
}

static void test_identity_is_read_only(struct fixture *f, gconstpointer data)
{
    uint8_t at = PCI_DEVFN(3, 0);

    (void)data;
    add(f, at);
    put(f, at, PCI_VENDOR_ID, 0, 4);
    g_assert_cmphex(get(f, at, PCI_VENDOR_ID, 4), ==, 0x56781234);
    g_assert_cmphex(get(f, at, PCI_SUBSYSTEM_VENDOR_ID, 4), ==, 0x11001af4);
    g_assert_cmphex(get(f, at, PCI_CONFIG_SIZE - 2, 4), ==, 0xffffffff);
}

static void test_bars_tell_their_size(struct fixture *f, gconstpointer data)
{
    uint8_t at = PCI_DEVFN(3, 0);

    (void)data;
    add(f, at);
    for (unsigned i = 0; i < 6; i++) {
        put(f, at, PCI_BASE_ADDRESS_0 + 4 * i, 0xffffffff, 4);
    }
    g_assert_cmphex(get(f, at, PCI_BASE_ADDRESS_0, 4), ==, 0xfffff000);
    g_assert_cmphex(get(f, at, PCI_BASE_ADDRESS_0 + 4, 4), ==, 0xfffffff1);
    g_assert_cmphex(get(f, at, PCI_BASE_ADDRESS_0 + 8, 4), ==, 0xfffff00c);
    g_assert_cmphex(get(f, at, PCI_BASE_ADDRESS_0 + 12, 4), ==, 0xffffffff);
    g_assert_cmphex(get(f, at, PCI_BASE_ADDRESS_0 + 16, 4), ==, 0);
}

static void test_bars_map_while_decoding_is_on(struct fixture *f, gconstpointer data)
{
    uint8_t at = PCI_DEVFN(3, 0);
    struct probe *p = add(f, at);

    (void)data;
    put(f, at, PCI_BASE_ADDRESS_0, 0xe0000000, 4);
    put(f, at, PCI_BASE_ADDRESS_0 + 4, 0xc000, 4);
    g_assert_cmphex(bare_load(&f->b, 0xe0000012, 1), ==, 0xff);
    put(f, at, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(bare_load(&f->b, 0xe0000012, 1), ==, 0x12);
    g_assert_cmphex(bare_inb(&f->b, 0xc005), ==, 0xff);
    put(f, at, PCI_COMMAND, PCI_COMMAND_IO, 2);
    g_assert_cmphex(bare_inb(&f->b, 0xc005), ==, 5);
    g_assert_cmphex(bare_load(&f->b, 0xe0000012, 1), ==, 0xff);
    bare_outb(&f->b, 0xc00f, 0x77);
    g_assert_cmphex(p->last, ==, 0x77);
    put(f, at, PCI_BASE_ADDRESS_0 + 4, 0xd000, 4); /* moves while it is mapped */
    g_assert_cmphex(bare_inb(&f->b, 0xc005), ==, 0xff);
    g_assert_cmphex(bare_inb(&f->b, 0xd005), ==, 5);
    g_assert_cmphex(pci_bar_addr(&p->pci, IO_BAR), ==, 0xd000);
}

static void test_sizing_while_decoding_maps_nothing(struct fixture *f, gconstpointer data)
{
    uint8_t at = PCI_DEVFN(3, 0);
    struct probe *p = add(f, at);

    (void)data;
    put(f, at, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
    put(f, at, PCI_BASE_ADDRESS_0, 0xffffffff, 4);
    put(f, at, PCI_BASE_ADDRESS_0 + 8, 0xffffffff, 4);
    put(f, at, PCI_BASE_ADDRESS_0 + 12, 0xffffffff, 4);
    g_assert_cmphex(pci_bar_addr(&p->pci, MEM_BAR), ==, PCI_BAR_UNMAPPED);
    g_assert_cmphex(pci_bar_addr(&p->pci, WIDE_BAR), ==, PCI_BAR_UNMAPPED);
    g_assert_cmphex(pci_bar_addr(&p->pci, IO_BAR), ==, PCI_BAR_UNMAPPED); /* still 0 */
}

static void test_lines_are_shared(struct fixture *f, gconstpointer data)
{
    struct probe *a = add(f, PCI_DEVFN(1, 0)), *b = add(f, PCI_DEVFN(5, 0));

    (void)data;
    pci_set_irq(&a->pci, 1);
    pci_set_irq(&b->pci, 1);
    g_assert_cmpint(f->levels[1], ==, 1);
    pci_set_irq(&a->pci, 0);
    g_assert_cmpint(f->levels[1], ==, 1);
    pci_set_irq(&b->pci, 0);
    g_assert_cmpint(f->levels[1], ==, 0);
}

static void test_intx_disable_keeps_the_status_bit(struct fixture *f, gconstpointer data)
{
    uint8_t at = PCI_DEVFN(2, 0);
    struct probe *p = add(f, at);

    (void)data;
    pci_set_irq(&p->pci, 1);
    put(f, at, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
    g_assert_cmpint(f->levels[2], ==, 0);
    g_assert_cmphex(get(f, at, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, ==, PCI_STATUS_INTERRUPT);
    put(f, at, PCI_COMMAND, 0, 2);
    g_assert_cmpint(f->levels[2], ==, 1);
    device_reset(&p->pci.dev);
    g_assert_cmpint(f->levels[2], ==, 0);
}

static void test_msi_needs_bus_master_and_obeys_its_mask(struct fixture *f, gconstpointer data)
{
    uint8_t at = PCI_DEVFN(2, 0);
    struct probe *p = add(f, at);
    unsigned cap = p->pci.cap_msi;

    (void)data;
    put(f, at, cap + PCI_MSI_ADDRESS, 0xfee01000, 4);
    put(f, at, cap + PCI_MSI_DATA, 0x4043, 2);
    put(f, at, cap + PCI_MSI_CONTROL, PCI_MSI_CONTROL_ENABLE | 2 << 4, 2); /* four vectors */
    pci_msi_send(&p->pci, 2);
    g_assert_cmpuint(f->messages, ==, 0);
    put(f, at, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    pci_msi_send(&p->pci, 2);
    g_assert_cmpuint(f->messages, ==, 1);
    g_assert_cmphex(f->msg_addr, ==, 0xfee01000);
    g_assert_cmphex(f->msg_data, ==, 0x4042);
    put(f, at, cap + PCI_MSI_MASK, 1 << 1, 4);
    pci_msi_send(&p->pci, 1);
    g_assert_cmpuint(f->messages, ==, 1);
    g_assert_cmphex(get(f, at, cap + PCI_MSI_PENDING, 4), ==, 1 << 1);
    put(f, at, cap + PCI_MSI_MASK, 0, 4);
    g_assert_cmpuint(f->messages, ==, 2);
    g_assert_cmphex(f->msg_data, ==, 0x4041);
}

static void test_msix_pends_while_masked(struct fixture *f, gconstpointer data)
{
    uint8_t at = PCI_DEVFN(2, 0);
    struct probe *p = add(f, at);
    const uint64_t table = 0x100000000;

    (void)data;
    put(f, at, PCI_BASE_ADDRESS_0 + 12, 1, 4);
    put(f, at, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
    put(f, at, p->pci.cap_msix + PCI_MSIX_CONTROL, PCI_MSIX_CONTROL_ENABLE, 2);
    bare_store(&f->b, table + 16, 0xfee02000, 8);
    bare_store(&f->b, table + 24, 0x55, 4);
    pci_msix_send(&p->pci, 1); /* masked after reset */
    pci_msix_send(&p->pci, VECTORS);
    g_assert_cmpuint(f->messages, ==, 0);
    g_assert_cmphex(bare_load(&f->b, table + PENDING, 4), ==, 2);
    bare_store(&f->b, table + 28, 0, 4);
    g_assert_cmpuint(f->messages, ==, 1);
    g_assert_cmphex(f->msg_addr, ==, 0xfee02000);
    g_assert_cmphex(f->msg_data, ==, 0x55);
    g_assert_cmphex(bare_load(&f->b, table + PENDING, 4), ==, 0);
}

static void test_places_are_checked(struct fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    add(f, PCI_DEVFN(4, 0));
    g_assert_null(pci_create(&f->bus, PCI_DEVFN(4, 0), "test-pci-probe", &error, NULL));
    g_assert_nonnull(strstr(error->message, "04.0"));
    g_clear_error(&error);
    g_assert_null(pci_create(&f->bus, PCI_DEVFN(4, 1), "test-pci-probe", &error, NULL));
    g_assert_nonnull(strstr(error->message, "multifunction"));
    g_clear_error(&error);
    g_assert_null(pci_create(&f->bus, -1, "test-pci-probe", &error, "addr", "20.0", NULL));
    g_assert_nonnull(strstr(error->message, "20.0"));
    g_assert_cmpuint(add(f, -1)->pci.devfn, ==, PCI_DEVFN(0, 0));
}

static void test_fixed_devices_are_not_hot_plugged(struct fixture *f, gconstpointer data)
{
    g_autoptr(GError) err = NULL;

    (void)data;
    g_assert_nonnull(pci_create(&f->bus, -1, "test-pci-fixed", NULL, NULL));
    f->b.m->started = true;
    g_assert_null(pci_create(&f->bus, -1, "test-pci-fixed", &err, NULL));
    g_assert_nonnull(strstr(err->message, "test-pci-fixed cannot be added while the machine runs"));
    g_assert_true(add(f, -1)->pci.dev.hotplugged);
}

struct reader {
    struct machine *m;
    bool stop; /* atomic */
};

static void *read_bar(void *arg)
{
    struct reader *r = arg;

    while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
        address_space_load(&r->m->memory, 0xe0000012, 1, MEM_ATTRS_NONE, NULL);
    }
    return NULL;
}

static void test_unplug_waits_for_accesses(struct fixture *f, gconstpointer data)
{
    struct reader r = {.m = f->b.m};
    GThread *thread = g_thread_new("reader", read_bar, &r);
    uint8_t at = PCI_DEVFN(3, 0);

    (void)data;
    f->b.m->started = true;
    for (unsigned i = 0; i < 100; i++) {
        struct probe *p = add(f, at);

        put(f, at, PCI_BASE_ADDRESS_0, 0xe0000000, 4);
        put(f, at, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
        lock_release(&f->b.m->lock); /* the reader comes to wait for it inside an access */
        g_usleep(50);
        lock_acquire(&f->b.m->lock);
        device_free(&p->pci.dev);
    }
    __atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
    lock_release(&f->b.m->lock);
    g_thread_join(thread);
    lock_acquire(&f->b.m->lock);
    g_assert_cmpuint(late_reads, ==, 0);
}

static void test_state_takes_only_what_guests_may_write(struct fixture *f, gconstpointer data)
{
    uint8_t at = PCI_DEVFN(2, 0);
    struct probe *p = add(f, at);
    g_autoptr(GByteArray) saved = g_byte_array_new();
    struct state_reader r;

    (void)data;
    put(f, at, PCI_BASE_ADDRESS_0 + 4, 0xc000, 4);
    put(f, at, PCI_COMMAND, PCI_COMMAND_IO, 2);
    state_save(pci_bus_type.device_state, &p->pci, saved);
    device_reset(&p->pci.dev);
    g_assert_cmphex(pci_bar_addr(&p->pci, IO_BAR), ==, PCI_BAR_UNMAPPED);
    r = (struct state_reader){.data = saved->data, .len = saved->len};
    g_assert_true(state_load(pci_bus_type.device_state, &p->pci, &r, NULL));
    g_assert_cmphex(pci_bar_addr(&p->pci, IO_BAR), ==, 0xc000);
    g_assert_cmphex(get(f, at, PCI_CLASS_DEVICE, 2), ==, PCI_CLASS_OTHERS >> 8);
}

#define TEST(name, fn) g_test_add(name, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("/nobody", test_nobody_answers_with_ones);
    TEST("/identity", test_identity_is_read_only);
    TEST("/bars/size", test_bars_tell_their_size);
    TEST("/bars/map", test_bars_map_while_decoding_is_on);
    TEST("/bars/sizing", test_sizing_while_decoding_maps_nothing);
    TEST("/irq/shared", test_lines_are_shared);
    TEST("/irq/disable", test_intx_disable_keeps_the_status_bit);
    TEST("/msi", test_msi_needs_bus_master_and_obeys_its_mask);
    TEST("/msix", test_msix_pends_while_masked);
    TEST("/places", test_places_are_checked);
    TEST("/hotplug/fixed", test_fixed_devices_are_not_hot_plugged);
    TEST("/hotplug/unplug", test_unplug_waits_for_accesses);
    TEST("/state", test_state_takes_only_what_guests_may_write);
    return g_test_run();
}
