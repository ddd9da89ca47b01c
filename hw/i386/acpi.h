/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's ACPI tables: built from the machine, given to firmware or put into memory.
 */
#ifndef VITRO_HW_I386_ACPI_H
#define VITRO_HW_I386_ACPI_H

#include "hw/acpi/table.h"
#include "hw/i386/pc.h"

/* A built set: FACS first, then all tables, last the root tables. */
struct acpi_build {
    struct acpi_set set;
    uint32_t facs, dsdt, rsdt, xsdt; /* offsets */
    GArray *listed;                  /* uint32_t: tables that the root tables point to */
    GByteArray *loader;              /* the script for firmware */
};

/* With firmware: registers the fw_cfg files. Checks the -acpitable options in any case. */
bool acpi_init(struct pc_machine *pc, GError **error);
void acpi_fini(struct pc_machine *pc);

/* Builds the tables. Fails only on a bad -acpitable option. */
bool acpi_build(struct pc_machine *pc, struct acpi_build *ret, GError **error);
void acpi_build_fini(struct acpi_build *b);

/*
 * Direct boot: the tables for address @gpa (a multiple of 64) in @ret_tables (to be unref'd) and
 * the RSDP that leads to them. NULL-acpi machines (-machine acpi=off) must not ask.
 */
bool acpi_build_at(struct pc_machine *pc, uint64_t gpa, GByteArray **ret_tables,
                   uint8_t ret_rsdp[ACPI_RSDP_SIZE], GError **error);

/* The parts, in files of their own. */
void acpi_add_dsdt(struct pc_machine *pc, struct acpi_build *b);
void acpi_add_fadt(struct pc_machine *pc, struct acpi_build *b);
void acpi_add_madt(struct pc_machine *pc, struct acpi_build *b);
void acpi_add_hpet(struct acpi_build *b);
void acpi_add_waet(struct acpi_build *b);
void acpi_add_numa(struct pc_machine *pc, struct acpi_build *b);
bool acpi_add_options(struct pc_machine *pc, struct acpi_build *b, GError **error);

#endif
