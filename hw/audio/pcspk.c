/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa-pcspk: port 0x61, system control port B: the PC speaker and the gate of its timer.
 *
 *   bit 0  r/w  gate of timer channel 2
 *   bit 1  r/w  speaker data: lets the timer's output through
 *   bit 2  r/w  1 = no NMI from memory parity (PCI SERR#)
 *   bit 3  r/w  1 = no NMI from the ISA channel check
 *   bit 4  r    toggles with each memory refresh, every 15.085 us
 *   bit 5  r    output of timer channel 2
 *   bit 6  r    channel check happened: never
 *   bit 7  r    parity error happened: never
 *
 * PIIX3 data sheet (290550), "NMI status and control register".
 *
 * Absent: the sound itself, for want of an audio back-end; what it should be is known from the
 * timer (i8254_divisor()). The two NMI sources, which no device here has.
 */
#include "hw/audio/pcspk.h"

enum {
    CTL_GATE = 1 << 0,
    CTL_WRITABLE = 0x0f,
    CTL_REFRESH = 1 << 4,
    CTL_OUTPUT = 1 << 5,
    REFRESH_TICKS = 18, /* what channel 1 is programmed to on every PC */
};

struct pcspk {
    struct isa_device isa;
    struct i8254 *pit;
    uint8_t ctl; /* the writable bits */
};

static struct pcspk *from_dev(struct device *dev)
{
    return container_of(dev, struct pcspk, isa.dev);
}

static uint64_t ctl_read(struct device *dev)
{
    struct pcspk *p = from_dev(dev);
    bool refresh = i8254_ticks(dev->machine) / REFRESH_TICKS & 1;
    bool out = p->pit && i8254_output(p->pit, 2);

    return p->ctl | (refresh ? CTL_REFRESH : 0) | (out ? CTL_OUTPUT : 0);
}

static void ctl_write(struct device *dev, uint64_t val)
{
    struct pcspk *p = from_dev(dev);

    p->ctl = val & CTL_WRITABLE;
    if (p->pit) {
        i8254_set_gate(p->pit, 2, p->ctl & CTL_GATE);
    }
}

static const struct reg pcspk_regs[] = {
    REG8(0, "PORT61", .read = ctl_read, .write = ctl_write),
    {0},
};

static const struct state_field pcspk_fields[] = {
    STATE_U8(struct pcspk, ctl),
    {0},
};

static bool pcspk_loaded(void *base, unsigned version, GError **error)
{
    struct pcspk *p = base;

    (void)version;
    (void)error;
    p->ctl &= CTL_WRITABLE; /* the gate itself is in the timer's state */
    return true;
}

static const struct state_table pcspk_state = {
    .name = "pcspk",
    .version = 1,
    .fields = pcspk_fields,
    .post_load = pcspk_loaded,
};

static void pcspk_reset(struct device *dev)
{
    ctl_write(dev, 0);
}

static bool pcspk_realize(struct device *dev, GError **error)
{
    return isa_map(&from_dev(dev)->isa, 0x61, pcspk_regs, error);
}

static const struct device_type pcspk_type = {
    .name = "isa-pcspk",
    .description = "PC speaker port",
    .category = DEVICE_SOUND,
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .bus = BUS_ISA,
    .size = sizeof(struct pcspk),
    .state = &pcspk_state,
    .realize = pcspk_realize,
    .reset = pcspk_reset,
};
DEVICE_TYPE(pcspk_type);

struct device *pcspk_create(struct isa_bus *bus, struct i8254 *pit, GError **error)
{
    struct device *dev = isa_create(bus, "isa-pcspk", error, NULL);

    if (dev) {
        from_dev(dev)->pit = pit;
    }
    return dev;
}
