/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IDE function of the PIIX3, as the board sees it.
 */
#ifndef VITRO_HW_IDE_PIIX_IDE_H
#define VITRO_HW_IDE_PIIX_IDE_H

#include "hw/ide/ide.h"
#include "hw/pci/pci.h"

/* @dev is a "piix3-ide" throughout. */

/* Where the interrupt of @channel (0 or 1) goes: ISA IRQ 14 and 15. */
void piix_ide_connect(struct pci_device *dev, unsigned channel, struct irq *irq);
struct ide_channel *piix_ide_channel(struct pci_device *dev, unsigned channel);

#endif
