/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PIIX3 IDE: PCI function 1 of the south bridge, two channels at the legacy ports.
 *
 * Intel 82371SB (290550) 2.3 and 2.8:
 *
 *     config 0x40, 0x42  IDETIM: timing of primary and secondary; bit 15 decodes its ports
 *     config 0x44        SIDETIM: timing of the slaves
 *     ports 0x1f0-0x1f7, 0x3f6 primary; 0x170-0x177, 0x376 secondary
 *     BAR 4              16 ports of bus master registers
 *
 * As on the chip, the ports answer when firmware has set bit 15 of IDETIM and the I/O enable bit
 * of the command register. Timing bits are kept and mean nothing.
 */
#include "hw/ide/piix_ide.h"

#include "hw/ide/bmdma.h"

enum {
    CHANNELS = 2,
    CONFIG_IDETIM = 0x40,
    CONFIG_SIDETIM = 0x44,
    IDETIM_DECODE = 0x8000,
    IDETIM_BITS = 0xf3ff,
    BMDMA_BAR = 4,
};

struct piix_ide {
    struct pci_device pci;
    struct piix_ide_port {
        struct ide_channel channel;
        struct bmdma bmdma;
        struct region command, control;
    } ports[CHANNELS];
    struct region bmdma_region;
};

static const struct {
    uint16_t command, control;
} legacy_ports[CHANNELS] = {{0x1f0, 0x3f6}, {0x170, 0x376}};

static struct piix_ide *from_pci(struct pci_device *dev)
{
    return container_of(dev, struct piix_ide, pci);
}

static struct piix_ide *from_dev(struct device *dev)
{
    return container_of(dev, struct piix_ide, pci.dev);
}

/* ---- ports ---- */

static uint64_t command_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ide_channel *ch = opaque;
    uint64_t val = 0;

    if (offset == 0) {
        return ide_data_read(ch, size);
    }
    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)ide_reg_read(ch, (unsigned)offset + i) << (8 * i);
    }
    return val;
}

static void command_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct ide_channel *ch = opaque;

    if (offset == 0) {
        ide_data_write(ch, (uint32_t)val, size);
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        ide_reg_write(ch, (unsigned)offset + i, (uint8_t)(val >> (8 * i)));
    }
}

/* Aligned accesses of at most 4 bytes: offset + size never goes beyond register 7. */
static const struct region_ops command_ops = {
    .read = command_read,
    .write = command_write,
    .min_size = 1,
    .max_size = 4,
};

static uint64_t control_read(void *opaque, uint64_t offset G_GNUC_UNUSED,
                             unsigned size G_GNUC_UNUSED)
{
    return ide_control_read(opaque);
}

static void control_write(void *opaque, uint64_t offset G_GNUC_UNUSED, uint64_t val,
                          unsigned size G_GNUC_UNUSED)
{
    ide_control_write(opaque, (uint8_t)val);
}

static const struct region_ops control_ops = {
    .read = control_read,
    .write = control_write,
    .min_size = 1,
    .max_size = 1,
};

static uint64_t bmdma_ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct piix_ide *p = opaque;
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        unsigned port = (unsigned)offset + i;

        val |= (uint64_t)bmdma_read(&p->ports[port / BMDMA_PORTS].bmdma, port % BMDMA_PORTS)
               << (8 * i);
    }
    return val;
}

static void bmdma_ports_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct piix_ide *p = opaque;
    unsigned port = (unsigned)offset;

    /* aligned and at most 4 bytes: within one channel */
    bmdma_write(&p->ports[port / BMDMA_PORTS].bmdma, port % BMDMA_PORTS, (uint32_t)val, size);
}

static const struct region_ops bmdma_ops = {
    .read = bmdma_ports_read,
    .write = bmdma_ports_write,
    .min_size = 1,
    .max_size = 4,
};

static void dma_read(void *host, uint64_t gpa, void *buf, uint64_t len)
{
    pci_dma_read(host, gpa, buf, len); /* what nobody answers reads as ones */
}

static void dma_write(void *host, uint64_t gpa, const void *buf, uint64_t len)
{
    pci_dma_write(host, gpa, buf, len);
}

/* ---- configuration ---- */

static void update_decoding(struct piix_ide *p)
{
    bool io = pci_config_get16(&p->pci, PCI_COMMAND) & PCI_COMMAND_IO;

    for (unsigned i = 0; i < CHANNELS; i++) {
        bool on = io && (pci_config_get16(&p->pci, CONFIG_IDETIM + 2 * i) & IDETIM_DECODE);

        if (p->ports[i].command.enabled != on) {
            region_set_enabled(&p->ports[i].command, on);
            region_set_enabled(&p->ports[i].control, on);
        }
    }
}

static void config_written(struct pci_device *dev, unsigned offset G_GNUC_UNUSED,
                           uint32_t old G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    update_decoding(from_pci(dev));
}

/* ---- device ---- */

static void init_port(struct piix_ide *p, unsigned i)
{
    struct piix_ide_port *port = &p->ports[i];
    struct device *dev = &p->pci.dev;

    port->bmdma = (struct bmdma){
        .channel = &port->channel,
        .read = dma_read,
        .write = dma_write,
        .host = &p->pci,
    };
    ide_channel_init(&port->channel, dev, i, &bmdma_host_ops, &port->bmdma);
    region_init_io(&port->command, &command_ops, &port->channel, "ide-command", 8);
    region_init_io(&port->control, &control_ops, &port->channel, "ide-control", 1);
    port->command.guard = port->control.guard = &dev->guard;
    region_set_enabled(&port->command, false);
    region_set_enabled(&port->control, false);
    region_add(p->pci.bus->io, legacy_ports[i].command, &port->command, 0);
    region_add(p->pci.bus->io, legacy_ports[i].control, &port->control, 0);
}

static bool piix_ide_realize(struct device *dev, GError **error)
{
    struct piix_ide *p = from_dev(dev);

    for (unsigned i = 0; i < CHANNELS; i++) {
        init_port(p, i);
        p->pci.wmask[CONFIG_IDETIM + 2 * i] = IDETIM_BITS & 0xff;
        p->pci.wmask[CONFIG_IDETIM + 2 * i + 1] = IDETIM_BITS >> 8;
    }
    p->pci.wmask[CONFIG_SIDETIM] = 0xff;
    p->pci.config_written = config_written;
    region_init_io(&p->bmdma_region, &bmdma_ops, p, "ide-bus-master", CHANNELS * BMDMA_PORTS);
    p->bmdma_region.guard = &dev->guard;
    return pci_add_bar(&p->pci, BMDMA_BAR, PCI_BAR_IO, &p->bmdma_region, error);
}

/* Also undoes a half-done realize. */
static void piix_ide_unrealize(struct device *dev)
{
    struct piix_ide *p = from_dev(dev);

    for (unsigned i = 0; i < CHANNELS; i++) {
        ide_channel_fini(&p->ports[i].channel);
        region_fini(&p->ports[i].command);
        region_fini(&p->ports[i].control);
    }
    region_fini(&p->bmdma_region);
}

static void piix_ide_reset(struct device *dev)
{
    struct piix_ide *p = from_dev(dev);

    for (unsigned i = 0; i < CHANNELS; i++) {
        bmdma_reset(&p->ports[i].bmdma);
        ide_channel_reset(&p->ports[i].channel);
    }
    update_decoding(p);
}

void piix_ide_connect(struct pci_device *dev, unsigned channel, struct irq *irq)
{
    g_assert(channel < CHANNELS);
    from_pci(dev)->ports[channel].channel.irq = irq;
}

struct ide_channel *piix_ide_channel(struct pci_device *dev, unsigned channel)
{
    g_assert(channel < CHANNELS);
    return &from_pci(dev)->ports[channel].channel;
}

static bool post_load(void *base, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    struct piix_ide *p = base;

    for (unsigned i = 0; i < CHANNELS; i++) {
        bmdma_loaded(&p->ports[i].bmdma);
    }
    update_decoding(p);
    return true;
}

static const struct state_field port_fields[] = {
    STATE_STRUCT(struct piix_ide_port, channel, ide_channel_state),
    STATE_STRUCT(struct piix_ide_port, bmdma, bmdma_state),
    {0},
};

static const struct state_table port_state = {
    .name = "piix-ide-port",
    .version = 1,
    .fields = port_fields,
};

static const struct state_field fields[] = {
    STATE_STRUCT_ARRAY(struct piix_ide, ports, port_state),
    {0},
};

static const struct state_table piix_ide_state = {
    .name = "piix3-ide",
    .version = 1,
    .fields = fields,
    .post_load = post_load,
};

static const struct pci_info piix_ide_info = {
    .vendor = 0x8086,
    .device = 0x7010,
    .class_code = 0x010180, /* IDE, bus master, both channels at legacy ports */
    .not_hotpluggable = true,
};

static const struct device_type piix3_ide = {
    .name = "piix3-ide",
    .description = "IDE controller of the PIIX3",
    .category = DEVICE_STORAGE,
    .flags = DEVICE_NO_HOTPLUG,
    .bus = BUS_PCI,
    .bus_info = &piix_ide_info,
    .size = sizeof(struct piix_ide),
    .state = &piix_ide_state,
    .realize = piix_ide_realize,
    .unrealize = piix_ide_unrealize,
    .reset = piix_ide_reset,
};
DEVICE_TYPE(piix3_ide);
