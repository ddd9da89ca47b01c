/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 82371SB (PIIX3) PCI-ISA bridge: ISA bus, routing of PCI interrupts, reset control.
 */
#ifndef VITRO_HW_I386_PIIX3_H
#define VITRO_HW_I386_PIIX3_H

#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

#define PIIX3_PIRQS 4

struct piix3_config {
    struct irq *isa_irqs[ISA_IRQS]; /* inputs of the interrupt controllers */
    struct irq *pirqs[PIIX3_PIRQS]; /* PIRQA-D's own I/O APIC inputs; NULL: none */
};

/* Makes the bridge at 01.0 of @pci and returns the bus "isa.0". NULL on error. */
struct isa_bus *piix3_create(struct pci_bus *pci, const struct piix3_config *config,
                             GError **error);

#endif
