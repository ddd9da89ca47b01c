/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial port on the ISA bus: the 16550A at one of the four customary places.
 *
 * "index" 0 to 3 chooses port and interrupt (COM1 to COM4) where these are not given; without it,
 * the first place that no other serial port of the bus has.
 */
#include "hw/char/ns16550.h"
#include "hw/isa/isa.h"

#define ISA_SERIALS 4
#define BY_INDEX    UINT32_MAX

struct serial_isa {
    struct isa_device isa;
    struct ns16550 uart;

    /* properties */
    uint32_t index, iobase, irq;
};

static const struct {
    uint16_t port;
    uint8_t irq;
} places[ISA_SERIALS] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

static struct serial_isa *from_dev(struct device *dev)
{
    return container_of(dev, struct serial_isa, isa.dev);
}

/* The first index that no realized serial port on @dev's bus has; ISA_SERIALS when all are taken.
 */
static unsigned free_index(struct device *dev)
{
    unsigned used = 0, i = 0;

    for (guint d = 0; d < dev->bus->devices->len; d++) {
        struct device *other = g_ptr_array_index(dev->bus->devices, d);

        if (other != dev && other->type == dev->type && from_dev(other)->index < ISA_SERIALS) {
            used |= 1u << from_dev(other)->index;
        }
    }
    while (i < ISA_SERIALS && (used >> i & 1)) {
        i++;
    }
    return i;
}

static bool serial_realize(struct device *dev, GError **error)
{
    struct serial_isa *s = from_dev(dev);
    struct irq *irq;

    if (s->index == BY_INDEX && (s->iobase == BY_INDEX || s->irq == BY_INDEX)) {
        s->index = free_index(dev);
    }
    if (s->index >= ISA_SERIALS && s->index != BY_INDEX) {
        return fail(error, "isa-serial: there are %d serial ports, index 0 to %d", ISA_SERIALS,
                    ISA_SERIALS - 1);
    }
    if (s->iobase == BY_INDEX) {
        s->iobase = places[s->index].port;
    }
    if (s->irq == BY_INDEX) {
        s->irq = places[s->index].irq;
    }
    if (s->iobase > 0xfff8) {
        return fail(error, "isa-serial: iobase=%#x is beyond the last I/O port", s->iobase);
    }
    irq = isa_irq(&s->isa, s->irq, error);
    return irq && ns16550_init(&s->uart, dev, irq, "serial", error) &&
           isa_map_io(&s->isa, (uint16_t)s->iobase, &s->uart.region, error);
}

static void serial_unrealize(struct device *dev)
{
    ns16550_fini(&from_dev(dev)->uart);
}

static void serial_reset(struct device *dev)
{
    ns16550_reset(&from_dev(dev)->uart);
}

static const struct property serial_props[] = {
    PROP_U32(struct serial_isa, index, "index", BY_INDEX, "0 to 3: COM1 to COM4"),
    PROP_U32(struct serial_isa, iobase, "iobase", BY_INDEX, "first I/O port"),
    PROP_U32(struct serial_isa, irq, "irq", BY_INDEX, "interrupt line"),
    PROP_CHARDEV(struct serial_isa, uart.fe, "chardev"),
    {0},
};

static const struct state_field serial_fields[] = {
    STATE_STRUCT(struct serial_isa, uart, ns16550_state),
    {0},
};

static const struct state_table serial_state = {
    .name = "isa-serial",
    .version = 1,
    .fields = serial_fields,
};

static const struct device_type serial_isa_type = {
    .name = "isa-serial",
    .description = "16550A serial port",
    .category = DEVICE_INPUT,
    .bus = BUS_ISA,
    .size = sizeof(struct serial_isa),
    .props = serial_props,
    .state = &serial_state,
    .realize = serial_realize,
    .unrealize = serial_unrealize,
    .reset = serial_reset,
};
DEVICE_TYPE(serial_isa_type);
