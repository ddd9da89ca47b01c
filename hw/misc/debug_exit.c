/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug exit: a port that ends the process with a status of the guest's choice.
 *
 *   port 0x501 (property "iobase"), 2 bytes (property "iosize")
 *     write N  the process exits with status (N << 1) | 1, never 0
 *     read     0
 */
#include "hw/isa/isa.h"

struct debug_exit {
    struct isa_device isa;
    struct region region;

    /* properties */
    uint32_t iobase, iosize;
};

static struct debug_exit *from_dev(struct device *dev)
{
    return container_of(dev, struct debug_exit, isa.dev);
}

static uint64_t exit_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void exit_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct debug_exit *d = opaque;

    (void)offset, (void)size;
    machine_request_exit(d->isa.dev.machine, (int)((uint32_t)val << 1 | 1));
}

static const struct region_ops exit_ops = {
    .read = exit_read,
    .write = exit_write,
    .min_size = 1,
    .max_size = 4,
    .accepts_unaligned = true, /* 0x501 is odd, and one access is one exit */
};

static const struct property debug_exit_props[] = {
    PROP_U32(struct debug_exit, iobase, "iobase", 0x501, "first I/O port"),
    PROP_U32(struct debug_exit, iosize, "iosize", 2, "number of I/O ports"),
    {0},
};

static bool debug_exit_realize(struct device *dev, GError **error)
{
    struct debug_exit *d = from_dev(dev);

    if (d->iosize < 1 || d->iobase > 0xffff || d->iosize > 0x10000 - d->iobase) {
        return fail(error, "isa-debug-exit: iobase=%#x,iosize=%#x is not within 64 KiB", d->iobase,
                    d->iosize);
    }
    region_init_io(&d->region, &exit_ops, d, "isa-debug-exit", d->iosize);
    return isa_map_io(&d->isa, (uint16_t)d->iobase, &d->region, error);
}

static void debug_exit_unrealize(struct device *dev)
{
    region_fini(&from_dev(dev)->region);
}

static const struct device_type debug_exit_type = {
    .name = "isa-debug-exit",
    .description = "port that ends the process",
    .category = DEVICE_MISC,
    .bus = BUS_ISA,
    .size = sizeof(struct debug_exit),
    .props = debug_exit_props,
    .state = &state_none,
    .realize = debug_exit_realize,
    .unrealize = debug_exit_unrealize,
};
DEVICE_TYPE(debug_exit_type);
