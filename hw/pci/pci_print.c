/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `info pci` shows: every device with its identity, interrupt and address ranges.
 */
#include "hw/pci/pci.h"

#include "util/bytes.h"
#include <inttypes.h>

struct class_name {
    uint16_t class_code; /* base class and subclass */
    const char *name;
};

static const struct class_name class_names[] = {
    {0x0100, "SCSI controller"},
    {0x0101, "IDE controller"},
    {0x0106, "SATA controller"},
    {0x0108, "NVMe controller"},
    {0x0200, "Ethernet controller"},
    {0x0280, "Network controller"},
    {0x0300, "VGA controller"},
    {0x0380, "Display controller"},
    {0x0401, "Audio controller"},
    {0x0403, "Audio controller"},
    {0x0500, "RAM controller"},
    {0x0600, "Host bridge"},
    {0x0601, "ISA bridge"},
    {0x0604, "PCI bridge"},
    {0x0680, "Bridge"},
    {0x0700, "Serial port"},
    {0x0780, "Communication controller"},
    {0x0880, "System peripheral"},
    {0x0c03, "USB controller"},
    {0x0c05, "SMBus"},
    {0, NULL},
};

typedef void print_fn(void *opaque, const char *fmt, ...);

static void print_class(const struct pci_device *dev, print_fn *print, void *opaque)
{
    uint16_t code = pci_config_get16(dev, PCI_CLASS_DEVICE);

    for (const struct class_name *c = class_names; c->name; c++) {
        if (c->class_code == code) {
            print(opaque, "    %s", c->name);
            return;
        }
    }
    print(opaque, "    Class %04x", code);
}

static void print_bar(const struct pci_device *dev, unsigned i, print_fn *print, void *opaque)
{
    const struct pci_bar *b = &dev->bars[i];
    uint64_t last = b->addr == PCI_BAR_UNMAPPED ? b->size - 2 : b->addr + b->size - 1;

    if (b->type & PCI_BAR_IO) {
        print(opaque, "      BAR%u: I/O at 0x%04" PRIx64 " [0x%04" PRIx64 "].\n", i,
              b->addr & 0xffff, last & 0xffff);
    } else {
        print(opaque, "      BAR%u: %d bit%s memory at 0x%08" PRIx64 " [0x%08" PRIx64 "].\n", i,
              b->type & PCI_BAR_MEM64 ? 64 : 32, b->type & PCI_BAR_PREFETCH ? " prefetchable" : "",
              b->addr, last);
    }
}

static void print_bridge(const struct pci_device *dev, print_fn *print, void *opaque)
{
    const uint8_t *c = dev->config;

    print(opaque, "      BUS %u.\n", c[PCI_PRIMARY_BUS]);
    print(opaque, "      secondary bus %u.\n", c[PCI_SECONDARY_BUS]);
    print(opaque, "      subordinate bus %u.\n", c[PCI_SUBORDINATE_BUS]);
    print(opaque, "      IO range [0x%04x, 0x%04x]\n", (c[PCI_IO_BASE] & 0xf0) << 8,
          (c[PCI_IO_LIMIT] & 0xf0) << 8 | 0xfff);
    print(opaque, "      memory range [0x%08x, 0x%08x]\n",
          (unsigned)(load_le16(c + PCI_MEMORY_BASE) & 0xfff0) << 16,
          (unsigned)(load_le16(c + PCI_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff);
    print(opaque, "      prefetchable memory range [0x%08x, 0x%08x]\n",
          (unsigned)(load_le16(c + PCI_PREF_MEMORY_BASE) & 0xfff0) << 16,
          (unsigned)(load_le16(c + PCI_PREF_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff);
}

static void print_device(const struct pci_device *dev, print_fn *print, void *opaque)
{
    const uint8_t *c = dev->config;
    bool bridge = (c[PCI_HEADER_TYPE] & PCI_HEADER_TYPE_MASK) == PCI_HEADER_BRIDGE;

    print(opaque, "  Bus %2u, device %3u, function %u:\n", pci_bus_nr(dev->bus),
          (unsigned)PCI_SLOT(dev->devfn), (unsigned)PCI_FUNC(dev->devfn));
    print_class(dev, print, opaque);
    print(opaque, ": PCI device %04x:%04x\n", load_le16(c + PCI_VENDOR_ID),
          load_le16(c + PCI_DEVICE_ID));
    if (bridge) {
        print_bridge(dev, print, opaque);
    } else {
        print(opaque, "      PCI subsystem %04x:%04x\n", load_le16(c + PCI_SUBSYSTEM_VENDOR_ID),
              load_le16(c + PCI_SUBSYSTEM_ID));
    }
    if (c[PCI_INTERRUPT_PIN]) {
        print(opaque, "      IRQ %u, pin %c\n", c[PCI_INTERRUPT_LINE],
              'A' + c[PCI_INTERRUPT_PIN] - 1);
    }
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (dev->bars[i].region) {
            print_bar(dev, i, print, opaque);
        }
    }
    print(opaque, "      id \"%s\"\n", dev->dev.id ? dev->dev.id : "");
}

void pci_print(struct pci_bus *root, print_fn *print, void *opaque)
{
    for (unsigned i = 0; i < ARRAY_SIZE(root->slots); i++) {
        struct pci_device *dev = root->slots[i];

        if (!dev) {
            continue;
        }
        print_device(dev, print, opaque);
        for (unsigned n = 0; dev->dev.buses && n < dev->dev.buses->len; n++) {
            struct pci_bus *below = pci_bus_from(g_ptr_array_index(dev->dev.buses, n));

            if (below && below != root) {
                pci_print(below, print, opaque);
            }
        }
    }
}
