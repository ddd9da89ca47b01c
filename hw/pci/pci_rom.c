/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option ROMs of PCI devices: a firmware file behind the expansion ROM base address register.
 *
 * A file that the user names must be there; a type's default one may be missing (it is only needed
 * when firmware runs), and then the device has no ROM.
 */
#include "hw/pci/pci_private.h"

#include "hw/core/firmware.h"
#include <string.h>

#define ROM_MAX_BYTES (16 * MiB)

/* The file's contents; *@ret_data NULL when there is to be no ROM. */
static bool load_file(struct pci_device *dev, uint8_t **ret_data, size_t *ret_len, GError **error)
{
    const struct pci_info *info = dev->dev.type->bus_info;
    const char *name = dev->romfile ? dev->romfile : info->rom;
    GError *missing = NULL;

    *ret_data = NULL;
    if (!name || !*name || !dev->rombar) {
        return true;
    }
    if (firmware_load(dev->dev.machine, name, ROM_MAX_BYTES, ret_data, ret_len, &missing)) {
        return true;
    }
    if (!dev->romfile && g_error_matches(missing, vitro_error_quark(), ERROR_NOT_FOUND)) {
        g_error_free(missing);
        return true;
    }
    g_propagate_error(error, missing);
    g_prefix_error(error, "%s: ", dev->dev.type->name);
    return false;
}

bool pci_rom_load(struct pci_device *dev, GError **error)
{
    g_autofree uint8_t *data = NULL;
    uint64_t size = RAM_PAGE_SIZE;
    size_t len = 0;

    if (!load_file(dev, &data, &len, error)) {
        return false;
    }
    if (!data) {
        return true;
    }
    while (size < len) {
        size *= 2;
    }
    dev->rom_block = ram_block_new("pci.rom", size, 0, error);
    if (!dev->rom_block) {
        return false;
    }
    memcpy(dev->rom_block->host, data, len);
    memset(dev->rom_block->host + len, 0xff, size - len);
    region_init_rom(&dev->rom_region, dev->rom_block, NULL, NULL, "pci.rom");
    return pci_add_bar(dev, PCI_ROM_BAR, PCI_BAR_MEM, &dev->rom_region, error);
}

void pci_rom_free(struct pci_device *dev)
{
    if (!dev->rom_block) {
        return;
    }
    region_fini(&dev->rom_region);
    ram_block_free(dev->rom_block);
    dev->rom_block = NULL;
}
