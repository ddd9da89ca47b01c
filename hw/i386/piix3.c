/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 82371SB (PIIX3) PCI-ISA bridge: ISA bus, routing of PCI interrupts, reset control.
 *
 * Intel 82371FB/82371SB data sheet (290550), function 0.
 *
 *   0x60-0x63  PIRQRC   where PIRQA# to PIRQD# go: bit 7 nowhere, bits 3-0 an ISA interrupt
 *   port 0xcf9 RC       bit 1 hard reset, bit 2 going from 0 to 1 resets
 *
 * Pin INTx of slot s is PIRQ (s + x - 1) mod 4, as the boards of the time were wired and as
 * firmware expects it. An ISA interrupt carries the devices' lines that its router entries select;
 * the interrupt controller's edge/level register (ports 0x4d0, 0x4d1) is the 8259A's. PIRQs also
 * have inputs of their own at the I/O APIC.
 *
 * Differs: a soft reset (bit 1 clear) resets the whole machine, too, not the CPU alone.
 * Absent: positive decode and X-bus chip selects (registers are stored, everything on the board is
 * always decoded), SMI generation by timers, DMA fast mode.
 */
#include "hw/i386/piix3.h"

#include "hw/i386/i440fx.h"
#include <string.h>

enum {
    PIRQRC_A = 0x60,
    PIRQRC_OFF = 0x80,
    PIRQRC_IRQ = 0x0f,
    RC_HARD = 1 << 1,
    RC_RESET = 1 << 2,
};

struct piix3 {
    struct pci_device pci;
    struct isa_bus isa;
    struct piix3_config config;

    uint8_t rc;          /* reset control register */
    uint8_t pirq_levels; /* bit per PIRQ */
    uint16_t isa_levels; /* what the router drives; follows from the above */
};

struct stored_reg {
    uint8_t offset, initial, writable;
};

/* Registers that are stored for software that reads them back (data sheet, section 2.2). */
static const struct stored_reg stored_regs[] = {
    {0x4c, 0x4d, 0xff},                     /* ISA I/O recovery timer */
    {0x4e, 0x03, 0xff},                     /* X-bus chip select */
    {0x4f, 0x00, 0x01}, {0x60, 0x80, 0x8f}, /* PIRQRC */
    {0x61, 0x80, 0x8f}, {0x62, 0x80, 0x8f},
    {0x63, 0x80, 0x8f}, {0x69, 0x02, 0xfe}, /* top of memory */
    {0x6a, 0x00, 0x91},                     /* miscellaneous status */
    {0x70, 0x80, 0xef},                     /* motherboard IRQ */
    {0x76, 0x0c, 0x8f},                     /* motherboard DMA */
    {0x77, 0x0c, 0x8f}, {0x78, 0x02, 0xff}, /* programmable chip select */
    {0x79, 0x00, 0xff}, {0x80, 0x00, 0x7f}, /* APIC base */
    {0x82, 0x00, 0x0f},                     /* deterministic latency */
    {0xa0, 0x08, 0x1f},                     /* SMI control */
    {0xa2, 0x00, 0xff},                     /* SMI enable */
    {0xa3, 0x00, 0x01}, {0xa8, 0x0f, 0xff}, /* fast-off timer */
};

static struct piix3 *from_pci(struct pci_device *pci)
{
    return container_of(pci, struct piix3, pci);
}

/* ---- interrupts ---- */

static void update_irqs(struct piix3 *p)
{
    uint16_t levels = 0, changed;

    for (unsigned i = 0; i < PIIX3_PIRQS; i++) {
        uint8_t route = p->pci.config[PIRQRC_A + i];

        if ((p->pirq_levels >> i & 1) && !(route & PIRQRC_OFF)) {
            levels |= (uint16_t)(1 << (route & PIRQRC_IRQ));
        }
    }
    changed = levels ^ p->isa_levels;
    p->isa_levels = levels;
    for (unsigned n = 0; n < ISA_IRQS; n++) {
        if (changed >> n & 1) {
            irq_set(p->config.isa_irqs[n], levels >> n & 1);
        }
    }
}

static void set_pirq(void *opaque, unsigned line, int level)
{
    struct piix3 *p = opaque;

    p->pirq_levels = (uint8_t)bits_set(p->pirq_levels, line, 1, level != 0);
    irq_set(p->config.pirqs[line], level);
    update_irqs(p);
}

static unsigned map_pirq(struct pci_device *dev, unsigned pin)
{
    return (PCI_SLOT(dev->devfn) + pin + PIIX3_PIRQS - 1) % PIIX3_PIRQS;
}

static void config_written(struct pci_device *pci, unsigned offset, uint32_t old, unsigned size)
{
    (void)old;
    if (offset < PIRQRC_A + PIIX3_PIRQS && offset + size > PIRQRC_A) {
        update_irqs(from_pci(pci));
    }
}

/* ---- reset control ---- */

static uint8_t rc_read(void *opaque)
{
    return ((struct piix3 *)opaque)->rc;
}

static void rc_write(void *opaque, uint8_t val)
{
    struct piix3 *p = opaque;
    bool rising = (val & RC_RESET) && !(p->rc & RC_RESET);

    p->rc = val & (RC_HARD | RC_RESET);
    if (rising) {
        machine_request_reset(p->pci.dev.machine, CAUSE_GUEST_RESET);
    }
}

/* ---- the device ---- */

static const struct state_field piix3_fields[] = {
    STATE_U8(struct piix3, rc),
    STATE_U8(struct piix3, pirq_levels),
    {0},
};

static bool piix3_post_load(void *base, unsigned version, GError **error)
{
    struct piix3 *p = base;

    (void)version;
    if (p->pirq_levels >> PIIX3_PIRQS || (p->rc & ~(RC_HARD | RC_RESET))) {
        return fail(error, "PIIX3: saved registers have bits that do not exist");
    }
    update_irqs(p);
    return true;
}

static const struct state_table piix3_state = {
    .name = "piix3",
    .version = 1,
    .fields = piix3_fields,
    .post_load = piix3_post_load,
};

/* The levels are the devices': they lower their pins when they are reset. */
static void piix3_reset(struct device *dev)
{
    struct piix3 *p = from_pci(pci_from_dev(dev));

    p->rc = 0;
    update_irqs(p);
}

static bool piix3_realize(struct device *dev, GError **error)
{
    struct piix3 *p = from_pci(pci_from_dev(dev));
    struct pci_device *pci = &p->pci;

    (void)error;
    pci->config[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    pci->wmask[PCI_COMMAND] = 0;
    pci->config[PCI_STATUS + 1] = PCI_STATUS_DEVSEL_MEDIUM >> 8;
    for (unsigned i = 0; i < ARRAY_SIZE(stored_regs); i++) {
        pci->config[stored_regs[i].offset] = stored_regs[i].initial;
        pci->wmask[stored_regs[i].offset] = stored_regs[i].writable;
    }
    pci->config_written = config_written;
    isa_bus_init(&p->isa, dev->machine, dev, pci->bus->memory, pci->bus->io);
    memcpy(p->isa.irqs, p->config.isa_irqs, sizeof(p->isa.irqs));
    return true;
}

static const struct pci_info piix3_info = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x7000,
    .class_code = PCI_CLASS_BRIDGE_ISA,
    .not_hotpluggable = true,
};

static const struct device_type piix3_type = {
    .name = "PIIX3",
    .description = "PCI-ISA bridge 82371SB",
    .category = DEVICE_BRIDGE,
    .flags = DEVICE_INTERNAL | DEVICE_NO_HOTPLUG,
    .bus = BUS_PCI,
    .bus_info = &piix3_info,
    .size = sizeof(struct piix3),
    .state = &piix3_state,
    .realize = piix3_realize,
    .reset = piix3_reset,
};
DEVICE_TYPE(piix3_type);

struct isa_bus *piix3_create(struct pci_bus *bus, const struct piix3_config *config, GError **error)
{
    struct device *dev = device_new(bus->bus.machine, "PIIX3", error);
    struct piix3 *p;

    if (!dev) {
        return NULL;
    }
    p = from_pci(pci_from_dev(dev));
    p->config = *config;
    p->pci.addr = PCI_DEVFN(1, 0);
    p->pci.multifunction = true;
    if (!device_realize(dev, &bus->bus, error)) {
        device_free(dev);
        return NULL;
    }
    bus->map_irq = map_pirq;
    bus->set_irq = set_pirq;
    bus->irq_opaque = p;
    i440fx_set_reset_port(bus, &(struct i440fx_reset_port){rc_read, rc_write, p});
    return &p->isa;
}
