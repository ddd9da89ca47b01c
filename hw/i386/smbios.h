/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMBIOS tables of the PC: what dmidecode shows.
 */
#ifndef VITRO_HW_I386_SMBIOS_H
#define VITRO_HW_I386_SMBIOS_H

#include "hw/i386/pc.h"

#define SMBIOS_ENTRY_SIZE 31

/* Reads -smbios's options, builds the tables, gives them to firmware by fw_cfg. */
bool smbios_init(struct pc_machine *pc, GError **error);
void smbios_fini(struct pc_machine *pc);

/* Direct boot: the tables, and the entry point structure for tables at @gpa. */
const GByteArray *smbios_tables(const struct pc_machine *pc);
void smbios_make_entry(const struct pc_machine *pc, uint32_t gpa, uint8_t ret[SMBIOS_ENTRY_SIZE]);

#endif
