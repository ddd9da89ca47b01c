/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's memory: how much RAM lies below 4 GiB, and the firmware's ROM at its top.
 *
 * RAM up to 3.5 GiB lies below 4 GiB; of more, 3 GiB do, and the rest follows from 4 GiB, so that
 * large pages fit both parts. The ROM ends at 4 GiB; its last 128 KiB are also seen below 1 MiB
 * until firmware shadows them.
 */
#include "hw/i386/pc.h"

#include "hw/core/firmware.h"
#include "hw/i386/i440fx.h"
#include <inttypes.h>
#include <string.h>

#define LOW_RAM_MAX   0xe0000000ULL
#define LOW_RAM_SPLIT 0xc0000000ULL
#define FIRMWARE_MAX  (8 * MiB)
#define FIRMWARE_UNIT (64 * KiB)
#define LOW_ROM_MAX   (128 * KiB)
#define FIRMWARE      "bios-256k.bin"

static bool split_ram(struct pc_machine *pc, GError **error)
{
    uint64_t ram = pc->m.ram_bytes, limit = pc->max_ram_below_4g;

    if (limit && (limit < MiB || limit > LOW_RAM_MAX || limit % MiB)) {
        return fail(error,
                    "-machine max-ram-below-4g=%" PRIu64 ": whole MiB from 1M to 3584M are"
                    " possible",
                    limit);
    }
    if (!limit) {
        limit = ram > LOW_RAM_MAX ? LOW_RAM_SPLIT : LOW_RAM_MAX;
    }
    pc->ram_below_4g = MIN(ram, limit);
    pc->ram_above_4g = ram - pc->ram_below_4g;
    return true;
}

bool pc_init_memory(struct pc_machine *pc, GError **error)
{
    struct machine *m = &pc->m;

    if (!split_ram(pc, error)) {
        return false;
    }
    region_init_ram(&pc->ram, m->ram, "pc.ram");
    if (pc->have_smm) {
        region_init_container(&pc->smm_root, "smm", UINT64_MAX);
        address_space_init(&pc->smm_space, &pc->smm_root, "smm", &m->lock);
    }
    return true;
}

bool pc_load_firmware(struct pc_machine *pc, GError **error)
{
    struct machine *m = &pc->m;
    const char *name = m->boot.firmware;
    struct region *pci = i440fx_pci_memory(pc->pci);
    g_autofree uint8_t *data = NULL;
    struct ram_block *block;
    uint64_t low;
    size_t len;

    if (!name && m->boot.kernel) {
        return true; /* booted without firmware */
    }
    if (!firmware_load(m, name ? name : FIRMWARE, FIRMWARE_MAX, &data, &len, error)) {
        g_prefix_error(error, "%s", name ? "-bios: " : "");
        return false;
    }
    if (len % FIRMWARE_UNIT) {
        return fail(error, "-bios: firmware '%s' has %zu bytes, not a multiple of 64 KiB",
                    name ? name : FIRMWARE, len);
    }
    block = ram_block_new("pc.bios", len, 0, error);
    if (!block) {
        return false;
    }
    memcpy(block->host, data, len);
    machine_add_ram(m, block);
    region_init_rom(&pc->bios, block, NULL, NULL, "pc.bios");
    region_add(pci, 4 * GiB - len, &pc->bios, 0);
    low = MIN(len, LOW_ROM_MAX);
    region_init_alias(&pc->bios_low, "pc.bios-low", &pc->bios, len - low, low);
    region_add(pci, MiB - low, &pc->bios_low, 1);
    return true;
}

void pc_fini_memory(struct pc_machine *pc)
{
    region_fini(&pc->bios_low);
    region_fini(&pc->bios);
    if (pc->smm_space.root) {
        address_space_fini(&pc->smm_space);
        region_fini(&pc->smm_root);
    }
    region_fini(&pc->ram);
}

unsigned pc_e820(const struct pc_machine *pc, struct e820_entry ret[PC_E820_MAX])
{
    unsigned n = 0;

    ret[n++] = (struct e820_entry){0, pc->ram_below_4g, E820_RAM};
    if (pc->ram_above_4g) {
        ret[n++] = (struct e820_entry){4 * GiB, pc->ram_above_4g, E820_RAM};
    }
    return n;
}
