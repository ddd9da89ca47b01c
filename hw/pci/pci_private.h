/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the PCI core share.
 */
#ifndef VITRO_HW_PCI_PCI_PRIVATE_H
#define VITRO_HW_PCI_PCI_PRIVATE_H

#include "hw/pci/pci.h"

/* Brings the mapping of all BARs in line with the registers. pci_bar.c */
void pci_update_mappings(struct pci_device *dev);
void pci_unmap_bars(struct pci_device *dev);

/* A memory write of a message by @dev; dropped while it may not master the bus. */
void pci_deliver_msi(struct pci_device *dev, uint64_t addr, uint32_t data);

/* A configuration write has reached [@offset, @offset + @size). */
void pci_msi_config_written(struct pci_device *dev, unsigned offset, unsigned size);
void pci_msix_config_written(struct pci_device *dev, unsigned offset, unsigned size);
void pci_msix_reset(struct pci_device *dev);
void pci_msix_free(struct pci_device *dev);
void pci_msix_save(const struct pci_device *dev, GByteArray *out);
bool pci_msix_load(struct pci_device *dev, struct state_reader *in, GError **error);

/* Loads the option ROM that the device's properties or type name, if any. */
bool pci_rom_load(struct pci_device *dev, GError **error);
void pci_rom_free(struct pci_device *dev);

static inline bool pci_ranges_meet(unsigned a, unsigned a_len, unsigned b, unsigned b_len)
{
    return a < b + b_len && b < a + a_len;
}

#endif
