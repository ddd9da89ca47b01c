/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug console: a port whose bytes go to a character device.
 *
 *   port 0xe9 (property "iobase")
 *     read   0xe9 (property "readback"): how firmware finds out that somebody listens
 *     write  one byte of output
 */
#include "hw/core/prop_backend.h"
#include "hw/isa/isa.h"

struct debugcon {
    struct isa_device isa;

    /* properties */
    struct char_frontend fe;
    uint32_t iobase, readback;
};

static struct debugcon *from_dev(struct device *dev)
{
    return container_of(dev, struct debugcon, isa.dev);
}

static uint64_t data_read(struct device *dev)
{
    return from_dev(dev)->readback & 0xff;
}

static void data_write(struct device *dev, uint64_t val)
{
    uint8_t byte = (uint8_t)val;

    char_frontend_write_all(&from_dev(dev)->fe, &byte, 1);
}

static const struct reg debugcon_regs[] = {
    REG8(0, "DATA", .read = data_read, .write = data_write),
    {0},
};

static const struct property debugcon_props[] = {
    PROP_U32(struct debugcon, iobase, "iobase", 0xe9, "I/O port"),
    PROP_U32(struct debugcon, readback, "readback", 0xe9, "byte that the port reads as"),
    PROP_CHARDEV(struct debugcon, fe, "chardev"),
    {0},
};

/* The port gives nothing to the guest: input is thrown away. */
static void drop_input(void *opaque, const uint8_t *buf, size_t len)
{
    (void)opaque, (void)buf, (void)len;
}

static bool debugcon_realize(struct device *dev, GError **error)
{
    struct debugcon *d = from_dev(dev);

    if (d->iobase > 0xffff) {
        return fail(error, "isa-debugcon: iobase=%#x is beyond the last I/O port", d->iobase);
    }
    if (!d->fe.chr) {
        return fail(error, "isa-debugcon: chardev= is missing: where shall the output go?");
    }
    d->fe.receive = drop_input;
    d->fe.opaque = d;
    return backend_connect(&d->fe, error) &&
           isa_map(&d->isa, (uint16_t)d->iobase, debugcon_regs, error);
}

static void debugcon_unrealize(struct device *dev)
{
    backend_disconnect(&from_dev(dev)->fe);
}

static const struct device_type debugcon_type = {
    .name = "isa-debugcon",
    .description = "debug console port of firmware",
    .category = DEVICE_MISC,
    .bus = BUS_ISA,
    .size = sizeof(struct debugcon),
    .props = debugcon_props,
    .state = &state_none,
    .realize = debugcon_realize,
    .unrealize = debugcon_unrealize,
};
DEVICE_TYPE(debugcon_type);
