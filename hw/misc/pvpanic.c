/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvpanic on the ISA bus: the guest tells the host that it has crashed.
 *
 *   port 0x505 (property "ioport"), one byte
 *     read   bitmap of the events this host understands
 *     write  the event that has just happened
 *
 * Firmware finds the port in the file etc/pvpanic-port. The ACPI node is the board's.
 */
#include "hw/isa/isa.h"
#include "hw/misc/fw_cfg.h"

enum { EV_PANICKED = 1, EV_CRASH_LOADED = 2, EV_SHUTDOWN = 4, EV_ALL = 7 };

struct pvpanic {
    struct isa_device isa;

    /* properties: fixed once realized */
    uint16_t ioport;
    uint8_t events;
};

static struct pvpanic *from_dev(struct device *dev)
{
    return container_of(dev, struct pvpanic, isa.dev);
}

static uint64_t event_read(struct device *dev)
{
    return from_dev(dev)->events;
}

static void event_write(struct device *dev, uint64_t val)
{
    if (val & EV_PANICKED) {
        machine_guest_panicked(dev->machine, PANIC_HALTED);
    } else if (val & EV_CRASH_LOADED) {
        machine_guest_panicked(dev->machine, PANIC_KDUMP);
    } else if (val & EV_SHUTDOWN) {
        machine_request_shutdown(dev->machine, CAUSE_GUEST_SHUTDOWN);
    } else {
        guest_error(dev, "unknown event %#x", (unsigned)val);
    }
}

static const struct reg pvpanic_regs[] = {
    REG8(0, "EVENT", .read = event_read, .write = event_write),
    {0},
};

static const struct property pvpanic_props[] = {
    PROP_U16(struct pvpanic, ioport, "ioport", 0x505, "I/O port"),
    PROP_U8(struct pvpanic, events, "events", EV_ALL, "bitmap of events that the guest may report"),
    {0},
};

static bool pvpanic_realize(struct device *dev, GError **error)
{
    struct pvpanic *p = from_dev(dev);

    if (p->events & ~EV_ALL) {
        return fail(error, "pvpanic: events=%#x: only bits 0 to 2 exist", p->events);
    }
    return isa_map(&p->isa, p->ioport, pvpanic_regs, error) &&
           fw_cfg_add_u16(dev->machine, "etc/pvpanic-port", p->ioport, error);
}

static const struct device_type pvpanic_isa = {
    .name = "pvpanic",
    .description = "guest crash notifier",
    .category = DEVICE_MISC,
    .flags = DEVICE_NO_HOTPLUG, /* firmware reads of it at start only */
    .bus = BUS_ISA,
    .size = sizeof(struct pvpanic),
    .props = pvpanic_props,
    .state = &state_none, /* nothing here that the guest can change */
    .realize = pvpanic_realize,
};
DEVICE_TYPE(pvpanic_isa);
