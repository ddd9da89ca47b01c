/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ISA bus: where devices with fixed ports and interrupt numbers are plugged in.
 *
 * The bus only keeps the books: which regions a device has put on it (taken off again when the
 * device goes), and which input of the interrupt controllers an interrupt number stands for.
 * Devices choose their own ports; two at one port are an error that names both.
 */
#include "hw/isa/isa.h"

#include <string.h>

#define ISA_PORTS     0x10000
#define ISA_REG_SLACK 8 /* the widest register */

static struct isa_device *from_dev(struct device *dev)
{
    return container_of(dev, struct isa_device, dev);
}

/* Whether @r is one of the bus's own devices' regions that covers [@first, @last]. */
static const char *taken_by(struct isa_bus *bus, struct region *space, uint64_t first,
                            uint64_t last)
{
    for (unsigned i = 0; i < bus->bus.devices->len; i++) {
        struct isa_device *dev = from_dev(g_ptr_array_index(bus->bus.devices, i));

        for (unsigned k = 0; k < ISA_MAX_MAPS; k++) {
            struct region *r = dev->mapped[k];

            if (r && r->parent == space && r->addr <= last && first < r->addr + r->size) {
                return dev->dev.id ? dev->dev.id : dev->dev.type->name;
            }
        }
    }
    return NULL;
}

/* The device's first free place for a region, or -1 with an error. */
static int free_map(struct isa_device *dev, GError **error)
{
    for (int k = 0; k < ISA_MAX_MAPS; k++) {
        if (!dev->mapped[k]) {
            return k;
        }
    }
    fail(error, "%s: an ISA device may have %d windows, it wants more", dev->dev.type->name,
         ISA_MAX_MAPS);
    return -1;
}

/* Puts @r at @addr of @space; @limit is the first address that does not exist. */
static int map_region(struct isa_device *dev, struct region *space, uint64_t addr, uint64_t limit,
                      struct region *r, const char *what, GError **error)
{
    struct isa_bus *bus = isa_bus_of(dev);
    int slot = free_map(dev, error);
    const char *other;

    if (slot < 0) {
        return -1;
    }
    if (addr >= limit || r->size > limit - addr) {
        fail(error, "%s: %s %#llx to %#llx do not fit below %#llx", dev->dev.type->name, what,
             (unsigned long long)addr, (unsigned long long)(addr + r->size - 1),
             (unsigned long long)limit);
        return -1;
    }
    other = taken_by(bus, space, addr, addr + r->size - 1);
    if (other) {
        fail(error, "%s: %s %#llx to %#llx are taken by %s; choose another address",
             dev->dev.type->name, what, (unsigned long long)addr,
             (unsigned long long)(addr + r->size - 1), other);
        return -1;
    }
    dev->mapped[slot] = r;
    region_add(space, addr, r, /* priority= */ 0);
    return slot;
}

struct isa_bus *isa_bus_of(struct isa_device *dev)
{
    return container_of(dev->dev.bus, struct isa_bus, bus);
}

struct irq *isa_irq(struct isa_device *dev, unsigned irq, GError **error)
{
    struct irq *line;

    if (irq >= ISA_IRQS) {
        fail(error, "%s: there is no ISA interrupt %u, they are 0 to %d", dev->dev.type->name, irq,
             ISA_IRQS - 1);
        return NULL;
    }
    line = isa_bus_of(dev)->irqs[irq];
    if (!line) {
        fail(error, "%s: ISA interrupt %u is not connected on this machine", dev->dev.type->name,
             irq);
    }
    return line;
}

bool isa_map(struct isa_device *dev, uint16_t port, const struct reg *regs, GError **error)
{
    struct reg_bank *bank = g_new0(struct reg_bank, 1);
    uint64_t size = 0;
    int slot;

    for (const struct reg *r = regs; r->width; r++) {
        size = MAX(size, (uint64_t)r->offset + r->width);
    }
    g_assert(size && size <= ISA_PORTS + ISA_REG_SLACK);
    reg_bank_init(bank, &dev->dev, regs, dev->dev.type->name, size);
    slot = map_region(dev, isa_bus_of(dev)->io, port, ISA_PORTS, &bank->region, "ports", error);
    if (slot < 0) {
        reg_bank_fini(bank);
        g_free(bank);
        return false;
    }
    dev->banks[slot] = bank;
    return true;
}

bool isa_map_io(struct isa_device *dev, uint16_t port, struct region *r, GError **error)
{
    return map_region(dev, isa_bus_of(dev)->io, port, ISA_PORTS, r, "ports", error) >= 0;
}

bool isa_map_memory(struct isa_device *dev, uint32_t addr, struct region *r, GError **error)
{
    return map_region(dev, isa_bus_of(dev)->memory, addr, 1ULL << 32, r, "addresses", error) >= 0;
}

/* ---- what the device core asks of the bus ---- */

static void isa_unplug(struct bus *bus, struct device *device)
{
    struct isa_device *dev = from_dev(device);

    (void)bus;
    for (unsigned k = 0; k < ISA_MAX_MAPS; k++) {
        if (!dev->mapped[k]) {
            continue;
        }
        if (dev->mapped[k]->parent) {
            region_remove(dev->mapped[k]);
        }
        if (dev->banks[k]) {
            reg_bank_fini(dev->banks[k]);
            g_free(dev->banks[k]);
            dev->banks[k] = NULL;
        }
        dev->mapped[k] = NULL;
    }
}

/* "ports 0x3f8-0x3ff, memory 0xa0000-0xbffff" */
static char *isa_describe(struct bus *bus, struct device *device)
{
    struct isa_device *dev = from_dev(device);
    struct isa_bus *isa = container_of(bus, struct isa_bus, bus);
    GString *text = g_string_new(NULL);

    for (unsigned k = 0; k < ISA_MAX_MAPS; k++) {
        struct region *r = dev->mapped[k];

        if (!r) {
            continue;
        }
        g_string_append_printf(text, "%s%s %#llx-%#llx", text->len ? ", " : "",
                               r->parent == isa->io ? "ports" : "memory",
                               (unsigned long long)r->addr,
                               (unsigned long long)(r->addr + r->size - 1));
    }
    return g_string_free(text, /* free_segment= */ FALSE);
}

const struct bus_type isa_bus_type = {
    .name = "ISA",
    .unplug = isa_unplug,
    .describe = isa_describe,
};

void isa_bus_init(struct isa_bus *bus, struct machine *m, struct device *parent,
                  struct region *memory, struct region *io)
{
    memset(bus, 0, sizeof(*bus));
    bus_init(&bus->bus, &isa_bus_type, m, parent, "isa.0");
    bus->bus.hotplug = true; /* nobody tells the guest, as on a real one: it has to look */
    bus->memory = memory;
    bus->io = io;
}

struct device *isa_create(struct isa_bus *bus, const char *type, GError **error, ...)
{
    struct device *dev = device_new(bus->bus.machine, type, error);
    const char *name;
    bool ok = true;
    va_list ap;

    if (!dev) {
        return NULL;
    }
    va_start(ap, error);
    while (ok && (name = va_arg(ap, const char *))) {
        ok = device_set(dev, name, va_arg(ap, const char *), error);
    }
    va_end(ap);
    if (!ok || !device_realize(dev, &bus->bus, error)) {
        device_free(dev);
        return NULL;
    }
    return dev;
}
