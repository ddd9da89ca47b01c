/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI message signalled interrupts (MSI).
 *
 * PCI Local Bus 3.0, section 6.8.1. The capability always has a 64-bit address; per-vector masking
 * is the device's choice.
 */
#include "hw/pci/pci_private.h"

#include "util/bytes.h"

enum { SIZE_PLAIN = 14, SIZE_MASKABLE = 24 };

static uint16_t control(const struct pci_device *dev)
{
    return load_le16(dev->config + dev->cap_msi + PCI_MSI_CONTROL);
}

bool pci_add_msi(struct pci_device *dev, unsigned vectors, bool maskable, GError **error)
{
    unsigned log2, cap, size = maskable ? SIZE_MASKABLE : SIZE_PLAIN;

    g_assert(is_power_of_2(vectors) && vectors <= 32 && !dev->cap_msi);
    log2 = (unsigned)__builtin_ctz(vectors);
    cap = pci_add_capability(dev, PCI_CAP_MSI, 0, size, error);
    if (!cap) {
        return false;
    }
    dev->cap_msi = (uint8_t)cap;
    store_le16(dev->config + cap + PCI_MSI_CONTROL,
               (uint16_t)(log2 << PCI_MSI_CONTROL_CAPABLE_SHIFT | PCI_MSI_CONTROL_64BIT |
                          (maskable ? PCI_MSI_CONTROL_MASKABLE : 0)));
    store_le16(dev->wmask + cap + PCI_MSI_CONTROL,
               PCI_MSI_CONTROL_ENABLE | 7 << PCI_MSI_CONTROL_ENABLED_SHIFT);
    store_le32(dev->wmask + cap + PCI_MSI_ADDRESS, 0xfffffffc);
    store_le32(dev->wmask + cap + PCI_MSI_ADDRESS_HIGH, 0xffffffff);
    store_le16(dev->wmask + cap + PCI_MSI_DATA, 0xffff);
    if (maskable) {
        store_le32(dev->wmask + cap + PCI_MSI_MASK, (uint32_t)(~0ULL >> (64 - vectors)));
    }
    return true;
}

bool pci_msi_enabled(const struct pci_device *dev)
{
    return dev->cap_msi && (control(dev) & PCI_MSI_CONTROL_ENABLE);
}

/* How many vectors the guest has allotted, never more than the device has. */
static unsigned vectors_enabled(const struct pci_device *dev)
{
    unsigned capable = control(dev) >> PCI_MSI_CONTROL_CAPABLE_SHIFT & 7;
    unsigned enabled = control(dev) >> PCI_MSI_CONTROL_ENABLED_SHIFT & 7;

    return 1u << MIN(capable, enabled);
}

static void deliver(struct pci_device *dev, unsigned vector)
{
    const uint8_t *cap = dev->config + dev->cap_msi;
    uint32_t data = load_le16(cap + PCI_MSI_DATA);

    data = (data & ~(vectors_enabled(dev) - 1)) | vector;
    pci_deliver_msi(dev, load_le64(cap + PCI_MSI_ADDRESS), data);
}

void pci_msi_send(struct pci_device *dev, unsigned vector)
{
    uint8_t *cap = dev->config + dev->cap_msi;

    if (!pci_msi_enabled(dev)) {
        return;
    }
    vector &= vectors_enabled(dev) - 1;
    if ((control(dev) & PCI_MSI_CONTROL_MASKABLE) &&
        (load_le32(cap + PCI_MSI_MASK) >> vector & 1)) {
        store_le32(cap + PCI_MSI_PENDING, load_le32(cap + PCI_MSI_PENDING) | 1u << vector);
        return;
    }
    deliver(dev, vector);
}

/* What was held back by a mask that is gone is sent now. */
void pci_msi_config_written(struct pci_device *dev, unsigned offset, unsigned size)
{
    uint8_t *cap = dev->config + dev->cap_msi;
    uint32_t ready;

    if (!dev->cap_msi || !pci_ranges_meet(offset, size, dev->cap_msi, SIZE_MASKABLE) ||
        !pci_msi_enabled(dev) || !(control(dev) & PCI_MSI_CONTROL_MASKABLE)) {
        return;
    }
    ready = load_le32(cap + PCI_MSI_PENDING) & ~load_le32(cap + PCI_MSI_MASK);
    store_le32(cap + PCI_MSI_PENDING, load_le32(cap + PCI_MSI_PENDING) & ~ready);
    for (unsigned v = 0; v < vectors_enabled(dev); v++) {
        if (ready >> v & 1) {
            deliver(dev, v);
        }
    }
}
