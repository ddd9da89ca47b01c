/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing AML, the byte code of ACPI tables.
 *
 * AML is prefix code: an opcode, then its operands. So a program that writes it reads like ASL:
 *
 *     aml_method(a, "_PIC", 1, false);
 *     aml_op(a, AML_STORE);              Store (Arg0, PICF)
 *     aml_arg(a, 0);
 *     aml_path(a, "PICF");
 *     aml_end(a);
 *
 * What has a body (scopes, devices, methods, packages, if, else, fields) is closed with aml_end(),
 * which fills in its length. ACPI 6.4, chapter 20.
 */
#ifndef VITRO_HW_ACPI_AML_H
#define VITRO_HW_ACPI_AML_H

#include "util/common.h"

#define AML_MAX_DEPTH 16

struct aml {
    GByteArray *bytes;
    unsigned depth;
    guint body[AML_MAX_DEPTH]; /* where the length of each open body goes */
    GByteArray *resources;     /* of the open resource template, or NULL */
};

/* Opcodes whose operands simply follow. */
enum aml_opcode {
    AML_STORE = 0x70,
    AML_ADD = 0x72, /* operand, operand, target */
    AML_SUBTRACT = 0x74,
    AML_SHIFT_LEFT = 0x79,
    AML_SHIFT_RIGHT = 0x7a,
    AML_AND = 0x7b,
    AML_OR = 0x7d,
    AML_FIND_SET_RIGHT_BIT = 0x82, /* operand, target */
    AML_NOTIFY = 0x86,
    AML_LAND = 0x90,
    AML_LOR = 0x91,
    AML_LNOT = 0x92,
    AML_LEQUAL = 0x93,
    AML_LGREATER = 0x94,
    AML_LLESS = 0x95,
    AML_RETURN = 0xa4,
    AML_BREAK = 0xa5,
    AML_INDEX = 0x88,              /* object, index, target */
    AML_CREATE_DWORD_FIELD = 0x8a, /* buffer, byte index, name */
};

enum aml_region_space {
    AML_SYSTEM_MEMORY = 0,
    AML_SYSTEM_IO = 1,
    AML_PCI_CONFIG = 2,
};

enum aml_access {
    AML_ANY_ACCESS = 0,
    AML_BYTE_ACCESS = 1,
    AML_WORD_ACCESS = 2,
    AML_DWORD_ACCESS = 3,
};

void aml_init(struct aml *a);
/* The code; the caller owns it. Everything opened is closed. */
GByteArray *aml_finish(struct aml *a);

/* ---- data ---- */
void aml_int(struct aml *a, uint64_t v); /* in its shortest form */
void aml_string(struct aml *a, const char *text);
void aml_eisa_id(struct aml *a, const char *id); /* "PNP0A03" */
void aml_buffer(struct aml *a, const void *data, size_t len);
void aml_package(struct aml *a, unsigned elements); /* elements follow, then aml_end() */

/* ---- names: segments of up to four characters, "\\" and "^" prefixes, dots between ---- */
void aml_path(struct aml *a, const char *path); /* a reference */
void aml_name(struct aml *a, const char *path); /* Name(path, ...): the object follows */
void aml_name_int(struct aml *a, const char *path, uint64_t v);
void aml_name_string(struct aml *a, const char *path, const char *text);
void aml_name_eisa_id(struct aml *a, const char *path, const char *id);

/* ---- bodies ---- */
void aml_scope(struct aml *a, const char *path);
void aml_device(struct aml *a, const char *path);
void aml_method(struct aml *a, const char *path, unsigned args, bool serialized);
void aml_if(struct aml *a);   /* the condition follows, then the body */
void aml_else(struct aml *a); /* after the aml_end() of its if */
void aml_end(struct aml *a);

/* ---- code ---- */
void aml_op(struct aml *a, enum aml_opcode op);
void aml_arg(struct aml *a, unsigned n);
void aml_local(struct aml *a, unsigned n);
void aml_no_target(struct aml *a); /* the result is used where it stands */

/* ---- operation regions ---- */
void aml_region(struct aml *a, const char *path, enum aml_region_space space, uint64_t offset,
                uint64_t len);
/* Field units follow, then aml_end(). Updates preserve the other bits. */
void aml_field(struct aml *a, const char *region, enum aml_access access);
void aml_field_unit(struct aml *a, const char *name, unsigned bits);
void aml_field_skip(struct aml *a, unsigned bits);

/* ---- resource templates (ACPI 6.4, section 6.4): open, descriptors, close ---- */
void aml_resources(struct aml *a);
void aml_resources_end(struct aml *a);
void aml_res_io(struct aml *a, uint16_t min, uint16_t max, uint8_t align, uint8_t len);
void aml_res_irq(struct aml *a, unsigned irq); /* edge, active high, exclusive */
void aml_res_dma(struct aml *a, unsigned channel);
/* Level triggered, shared. */
void aml_res_interrupts(struct aml *a, bool active_low, const uint32_t *gsis, unsigned count);
void aml_res_memory32(struct aml *a, bool writable, uint32_t base, uint32_t len);
void aml_res_bus_numbers(struct aml *a, uint16_t min, uint16_t max);
void aml_res_io_window(struct aml *a, uint16_t min, uint16_t max);
/* @max is inclusive; the 64-bit form is used where needed. */
void aml_res_memory_window(struct aml *a, bool cacheable, uint64_t min, uint64_t max);

#endif
