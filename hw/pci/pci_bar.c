/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI base address registers: where a device's regions are mapped.
 *
 * PCI Local Bus 3.0, section 6.2.5. A BAR is mapped while the command register lets its space be
 * decoded and its address is one: not 0 (never written), not what sizing leaves behind.
 */
#include "hw/pci/pci_private.h"

#include "util/bytes.h"
#include <inttypes.h>

static unsigned bar_offset(const struct pci_device *dev, unsigned bar)
{
    if (bar != PCI_ROM_BAR) {
        return PCI_BASE_ADDRESS_0 + 4 * bar;
    }
    return (dev->config[PCI_HEADER_TYPE] & PCI_HEADER_TYPE_MASK) == PCI_HEADER_BRIDGE
               ? PCI_BRIDGE_ROM_ADDRESS
               : PCI_ROM_ADDRESS;
}

/* The address that the registers give BAR @bar now, or PCI_BAR_UNMAPPED. */
static uint64_t decoded_addr(const struct pci_device *dev, unsigned bar)
{
    const struct pci_bar *b = &dev->bars[bar];
    uint16_t command = load_le16(dev->config + PCI_COMMAND);
    const uint8_t *reg = dev->config + bar_offset(dev, bar);
    uint64_t addr, last, space_last = UINT32_MAX;

    if (b->type & PCI_BAR_IO) {
        if (!(command & PCI_COMMAND_IO)) {
            return PCI_BAR_UNMAPPED;
        }
        addr = load_le32(reg) & PCI_BAR_IO_MASK;
        space_last = UINT16_MAX;
    } else {
        if (!(command & PCI_COMMAND_MEMORY)) {
            return PCI_BAR_UNMAPPED;
        }
        if (bar == PCI_ROM_BAR) {
            if (!(load_le32(reg) & PCI_ROM_ENABLE)) {
                return PCI_BAR_UNMAPPED;
            }
            addr = load_le32(reg) & PCI_ROM_ADDR_MASK;
        } else if (b->type & PCI_BAR_MEM64) {
            addr = load_le64(reg) & ~(uint64_t)0xf;
            space_last = UINT64_MAX;
        } else {
            addr = load_le32(reg) & PCI_BAR_MEM_MASK;
        }
    }
    addr &= ~(b->size - 1);
    last = addr + b->size - 1;
    /* A register that holds its size mask ends at the top of its space. */
    if (!addr || last < addr || last > space_last || last == space_last || last == UINT32_MAX) {
        return PCI_BAR_UNMAPPED;
    }
    return addr;
}

void pci_update_mappings(struct pci_device *dev)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        struct pci_bar *b = &dev->bars[i];
        uint64_t addr;

        if (!b->region) {
            continue;
        }
        addr = decoded_addr(dev, i);
        if (addr == b->addr) {
            continue;
        }
        if (b->addr != PCI_BAR_UNMAPPED) {
            region_remove(b->region);
        }
        b->addr = addr;
        if (addr != PCI_BAR_UNMAPPED) {
            region_add(b->type & PCI_BAR_IO ? dev->bus->io : dev->bus->memory, addr, b->region, 1);
        }
    }
}

void pci_unmap_bars(struct pci_device *dev)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        struct pci_bar *b = &dev->bars[i];

        if (b->region && b->addr != PCI_BAR_UNMAPPED && b->region->parent) {
            region_remove(b->region);
        }
        b->addr = PCI_BAR_UNMAPPED;
        b->region = NULL;
    }
}

bool pci_add_bar(struct pci_device *dev, unsigned bar, uint8_t type, struct region *r,
                 GError **error)
{
    bool wide = !(type & PCI_BAR_IO) && (type & PCI_BAR_MEM64);
    uint64_t min = type & PCI_BAR_IO ? 4 : bar == PCI_ROM_BAR ? 2 * KiB : 16;
    uint64_t max = type & PCI_BAR_IO ? 256 : wide ? 1ULL << 62 : 2 * GiB;
    unsigned offset;
    uint64_t mask;

    g_assert(bar < PCI_BARS && !dev->bars[bar].region);
    g_assert(!wide || (bar < PCI_ROM_BAR - 1 && !dev->bars[bar + 1].region));
    if (!is_power_of_2(r->size) || r->size < min || r->size > max) {
        return fail(error,
                    "%s: BAR %u: size %#" PRIx64 " is not a power of two from %#" PRIx64
                    " to %#" PRIx64,
                    dev->dev.type->name, bar, r->size, min, max);
    }
    offset = bar_offset(dev, bar);
    dev->bars[bar] = (struct pci_bar){r, r->size, type, PCI_BAR_UNMAPPED};
    mask = ~(r->size - 1);
    if (bar == PCI_ROM_BAR) {
        store_le32(dev->wmask + offset, (uint32_t)mask | PCI_ROM_ENABLE);
    } else if (wide) {
        store_le64(dev->wmask + offset, mask);
        store_le32(dev->config + offset, type);
    } else {
        store_le32(dev->wmask + offset, (uint32_t)mask);
        store_le32(dev->config + offset, type);
    }
    return true;
}

uint64_t pci_bar_addr(const struct pci_device *dev, unsigned bar)
{
    return bar < PCI_BARS && dev->bars[bar].region ? dev->bars[bar].addr : PCI_BAR_UNMAPPED;
}
