/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of ACPI tables before it has an address: bytes, pointers in them, and sums to compute.
 *
 * Pointers hold offsets in the set until acpi_set_place() or a guest's firmware adds the address.
 */
#ifndef VITRO_HW_ACPI_TABLE_H
#define VITRO_HW_ACPI_TABLE_H

#include "util/error.h"

#define ACPI_HEADER_SIZE     36
#define ACPI_CHECKSUM_OFFSET 9
#define ACPI_RSDP_SIZE       36

struct acpi_pointer {
    uint32_t offset; /* of the field in the set */
    uint8_t size;    /* 4 or 8 bytes */
};

struct acpi_extent {
    uint32_t start, len;
};

struct acpi_set {
    GByteArray *bytes;
    GArray *pointers; /* struct acpi_pointer */
    GArray *tables;   /* struct acpi_extent: what has a checksum */
    uint32_t open;    /* start of the table being written */
};

/* The fields of a table's header that differ. */
struct acpi_header {
    char signature[5];
    uint8_t revision;
    char oem_id[7], oem_table_id[9]; /* "" : ours */
    uint32_t oem_revision;           /* 0: 1 */
    char creator_id[5];              /* "": ours */
    uint32_t creator_revision;
};

void acpi_set_init(struct acpi_set *s);
void acpi_set_fini(struct acpi_set *s);

/* Opens a table (aligned to 8 bytes) and returns its offset. */
uint32_t acpi_table_begin(struct acpi_set *s, const char *signature, uint8_t revision);
uint32_t acpi_table_begin_header(struct acpi_set *s, const struct acpi_header *h);
/* Sets length and checksum. */
void acpi_table_end(struct acpi_set *s);

/* Pads with zeros to a multiple of @align. */
void acpi_align(struct acpi_set *s, unsigned align);
void acpi_put(struct acpi_set *s, uint64_t v, unsigned size);
void acpi_put_bytes(struct acpi_set *s, const void *data, size_t len);
void acpi_put_zeros(struct acpi_set *s, size_t len);
/* A pointer of @size bytes to @target in the set. */
void acpi_put_pointer(struct acpi_set *s, uint32_t target, unsigned size);
/* A generic address structure: 0 memory, 1 I/O. */
void acpi_put_address(struct acpi_set *s, uint8_t space, uint8_t bits, uint8_t access,
                      uint64_t addr);

/* The set is at @gpa: adds it to all pointers and computes the sums anew. Once. */
void acpi_set_place(struct acpi_set *s, uint64_t gpa);

/* What makes the sum of @len bytes zero, given that @at (one of them) holds it. */
uint8_t acpi_checksum(const uint8_t *bytes, size_t len, size_t at);

/* An RSDP of revision 2 that points to a 32-bit and a 64-bit root table; sums are computed. */
void acpi_make_rsdp(uint8_t ret[ACPI_RSDP_SIZE], uint32_t rsdt, uint64_t xsdt);

#endif
