/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power management of the 82371AB (PIIX4), function 3: ACPI registers, SMI port, SMBus.
 */
#ifndef VITRO_HW_I386_PIIX4_PM_H
#define VITRO_HW_I386_PIIX4_PM_H

#include "hw/pci/pci.h"

/* Numbers that the ACPI tables and firmware share with the chip. */
enum {
    PIIX4_PM_BASE = 0x600, /* where firmware puts the ACPI registers (its PMBA) */
    PIIX4_PM_SIZE = 0x40,
    PIIX4_PM1_EVENT = 0x00,
    PIIX4_PM1_CONTROL = 0x04,
    PIIX4_PM_TIMER = 0x08,
    PIIX4_SMBUS_BASE = 0x700,
    PIIX4_SMBUS_SIZE = 0x10,
    PIIX4_GPE_BASE = 0xafe0, /* fixed: status in the lower half, enables in the upper */
    PIIX4_GPE_SIZE = 4,
    PIIX4_SMI_PORT = 0xb2,
    PIIX4_ACPI_ENABLE = 0xf1, /* values for the SMI port */
    PIIX4_ACPI_DISABLE = 0xf0,
    PIIX4_SCI = 9,
    PIIX4_SLEEP_S5 = 0, /* sleep types */
    PIIX4_SLEEP_S3 = 1,
    PIIX4_SLEEP_S4 = 2, /* by default: property s4_val */
    /* configuration space */
    PIIX4_PMBA = 0x40,
    PIIX4_DEVACTB = 0x58,
    PIIX4_PMREGMISC = 0x80,
    PIIX4_SMBHSTBASE = 0x90,
    PIIX4_SMBHSTCFG = 0xd2,
};

struct piix4_pm_config {
    struct irq *sci; /* ISA interrupt 9 */
    struct irq *smi; /* pulsed; NULL: the CPUs have no SMM */
};

/* Makes the function at 01.3. NULL on error. */
struct pci_device *piix4_pm_create(struct pci_bus *bus, const struct piix4_pm_config *config,
                                   GError **error);

/* What the ACPI tables want to know. */
struct piix4_pm_info {
    uint16_t io_base; /* of the ACPI registers, as the guest has placed them, else PIIX4_PM_BASE */
    bool s3, s4;
    uint8_t s4_type;
};
struct piix4_pm_info piix4_pm_get_info(struct pci_device *pm);

/* General purpose event @n, 0 to 15. */
void piix4_pm_raise_gpe(struct pci_device *pm, unsigned n);

#endif
