/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 82441FX (440FX) host bridge: PCI root bus, configuration ports, main memory's holes.
 */
#ifndef VITRO_HW_I386_I440FX_H
#define VITRO_HW_I386_I440FX_H

#include "hw/pci/pci.h"

struct i440fx_config {
    struct region *ram;          /* all of main memory; below_4g + above_4g bytes */
    uint64_t below_4g, above_4g; /* RAM at 0, and at 4 GiB */
    struct region *smm_root;     /* container for memory as seen in SMM; NULL: no SMM */
};

/* What answers at port 0xcf9, in the middle of the configuration address register. */
struct i440fx_reset_port {
    uint8_t (*read)(void *opaque);
    void (*write)(void *opaque, uint8_t val);
    void *opaque;
};

/* Makes the bridge, puts RAM into @m->memory_root and returns the bus "pci.0". NULL on error. */
struct pci_bus *i440fx_create(struct machine *m, const struct i440fx_config *config,
                              GError **error);

/* The PCI memory space below RAM: where ROMs of the board go. */
struct region *i440fx_pci_memory(struct pci_bus *bus);

void i440fx_set_reset_port(struct pci_bus *bus, const struct i440fx_reset_port *port);

#endif
