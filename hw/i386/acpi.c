/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's ACPI tables: built from the machine, given to firmware or put into memory.
 *
 * Firmware reads three fw_cfg files: the tables, the RSDP, and a script of 128-byte commands that
 * says where to allocate the two, which fields to add their addresses to, and which sums to
 * compute. The tables are built anew when the guest selects one of the files, because some
 * numbers (the power management ports) are what firmware has chosen by then. A direct boot has
 * them at an address that vitro chooses.
 */
#include "hw/i386/acpi.h"

#include "hw/misc/fw_cfg.h"
#include "util/bytes.h"
#include <string.h>

enum {
    COMMAND_SIZE = 128,
    FILE_NAME_SIZE = 56,
    ALLOCATE = 1,
    ADD_POINTER = 2,
    ADD_CHECKSUM = 3,
    ZONE_HIGH = 1,
    ZONE_FSEG = 2, /* 0xe0000 to 0xfffff, where the RSDP is looked for */
    TABLES_ALIGN = 64,
    RSDP_ALIGN = 16,
    RSDP_RSDT = 16, /* offsets of its pointers */
    RSDP_XSDT = 24,
    FACS_SIZE = 64,
};

#define FILE_TABLES "etc/acpi/tables"
#define FILE_RSDP   "etc/acpi/rsdp"
#define FILE_LOADER "etc/table-loader"

/* ---- building ---- */

static void add_facs(struct acpi_build *b)
{
    acpi_align(&b->set, TABLES_ALIGN);
    b->facs = b->set.bytes->len;
    acpi_put_bytes(&b->set, "FACS", 4);
    acpi_put(&b->set, FACS_SIZE, 4);
    acpi_put_zeros(&b->set, 24); /* signature, vectors, lock, flags, 64-bit vector */
    acpi_put(&b->set, 1, 1);     /* version */
    acpi_put_zeros(&b->set, FACS_SIZE - 33);
}

static uint32_t add_root(struct acpi_build *b, const char *signature, unsigned pointer_size)
{
    uint32_t start = acpi_table_begin(&b->set, signature, 1);

    for (guint i = 0; i < b->listed->len; i++) {
        acpi_put_pointer(&b->set, g_array_index(b->listed, uint32_t, i), pointer_size);
    }
    acpi_table_end(&b->set);
    return start;
}

bool acpi_build(struct pc_machine *pc, struct acpi_build *ret, GError **error)
{
    memset(ret, 0, sizeof(*ret));
    acpi_set_init(&ret->set);
    ret->listed = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    add_facs(ret);
    acpi_add_dsdt(pc, ret);
    acpi_add_fadt(pc, ret);
    acpi_add_madt(pc, ret);
    if (pc->hpet) {
        acpi_add_hpet(ret);
    }
    if (pc->m.numa->len) {
        acpi_add_numa(pc, ret);
    }
    acpi_add_waet(ret);
    if (!acpi_add_options(pc, ret, error)) {
        acpi_build_fini(ret);
        return false;
    }
    ret->rsdt = add_root(ret, "RSDT", 4);
    ret->xsdt = add_root(ret, "XSDT", 8);
    return true;
}

void acpi_build_fini(struct acpi_build *b)
{
    acpi_set_fini(&b->set);
    g_clear_pointer(&b->listed, g_array_unref);
    g_clear_pointer(&b->loader, g_byte_array_unref);
}

bool acpi_build_at(struct pc_machine *pc, uint64_t gpa, GByteArray **ret_tables,
                   uint8_t ret_rsdp[ACPI_RSDP_SIZE], GError **error)
{
    struct acpi_build b;

    g_assert(gpa % TABLES_ALIGN == 0 && gpa < 4 * GiB);
    if (!acpi_build(pc, &b, error)) {
        return false;
    }
    acpi_set_place(&b.set, gpa);
    acpi_make_rsdp(ret_rsdp, (uint32_t)gpa + b.rsdt, gpa + b.xsdt);
    *ret_tables = g_byte_array_ref(b.set.bytes);
    acpi_build_fini(&b);
    return true;
}

/* ---- the script for firmware ---- */

static uint8_t *new_command(GByteArray *script, uint32_t command)
{
    guint at = script->len;

    g_byte_array_set_size(script, at + COMMAND_SIZE);
    memset(script->data + at, 0, COMMAND_SIZE);
    store_le32(script->data + at, command);
    return script->data + at + 4;
}

static void cmd_allocate(GByteArray *script, const char *file, uint32_t align, uint8_t zone)
{
    uint8_t *c = new_command(script, ALLOCATE);

    g_strlcpy((char *)c, file, FILE_NAME_SIZE);
    store_le32(c + FILE_NAME_SIZE, align);
    c[FILE_NAME_SIZE + 4] = zone;
}

static void cmd_pointer(GByteArray *script, const char *in_file, uint32_t offset, uint8_t size)
{
    uint8_t *c = new_command(script, ADD_POINTER);

    g_strlcpy((char *)c, in_file, FILE_NAME_SIZE);
    g_strlcpy((char *)c + FILE_NAME_SIZE, FILE_TABLES, FILE_NAME_SIZE);
    store_le32(c + 2 * FILE_NAME_SIZE, offset);
    c[2 * FILE_NAME_SIZE + 4] = size;
}

static void cmd_checksum(GByteArray *script, const char *file, uint32_t result, uint32_t start,
                         uint32_t len)
{
    uint8_t *c = new_command(script, ADD_CHECKSUM);

    g_strlcpy((char *)c, file, FILE_NAME_SIZE);
    store_le32(c + FILE_NAME_SIZE, result);
    store_le32(c + FILE_NAME_SIZE + 4, start);
    store_le32(c + FILE_NAME_SIZE + 8, len);
}

/* Firmware subtracts the sum of what is there from the field, so fields of sums start as 0. */
static void make_script(struct acpi_build *b)
{
    GByteArray *script = g_byte_array_new();

    cmd_allocate(script, FILE_TABLES, TABLES_ALIGN, ZONE_HIGH);
    cmd_allocate(script, FILE_RSDP, RSDP_ALIGN, ZONE_FSEG);
    for (guint i = 0; i < b->set.pointers->len; i++) {
        const struct acpi_pointer *p = &g_array_index(b->set.pointers, struct acpi_pointer, i);

        cmd_pointer(script, FILE_TABLES, p->offset, p->size);
    }
    for (guint i = 0; i < b->set.tables->len; i++) {
        const struct acpi_extent *e = &g_array_index(b->set.tables, struct acpi_extent, i);

        b->set.bytes->data[e->start + ACPI_CHECKSUM_OFFSET] = 0;
        cmd_checksum(script, FILE_TABLES, e->start + ACPI_CHECKSUM_OFFSET, e->start, e->len);
    }
    cmd_pointer(script, FILE_RSDP, RSDP_RSDT, 4);
    cmd_pointer(script, FILE_RSDP, RSDP_XSDT, 8);
    cmd_checksum(script, FILE_RSDP, 8, 0, 20);
    cmd_checksum(script, FILE_RSDP, 32, 0, ACPI_RSDP_SIZE);
    b->loader = script;
}

/* The files keep their size; what is built later may be shorter, and is padded with zeros. */
static void copy_file(uint8_t *data, size_t len, const uint8_t *from, size_t from_len)
{
    memset(data, 0, len);
    memcpy(data, from, MIN(len, from_len));
}

/* Options have been checked, so building again cannot fail. */
static void rebuild(struct pc_machine *pc)
{
    acpi_build_fini(pc->acpi_tables);
    if (acpi_build(pc, pc->acpi_tables, NULL)) {
        make_script(pc->acpi_tables);
    }
}

static void fill_tables(void *opaque, uint8_t *data, size_t len)
{
    struct pc_machine *pc = opaque;
    struct acpi_build *b = pc->acpi_tables;

    rebuild(pc);
    if (b->set.bytes) {
        copy_file(data, len, b->set.bytes->data, b->set.bytes->len);
    }
}

static void fill_loader(void *opaque, uint8_t *data, size_t len)
{
    struct pc_machine *pc = opaque;

    rebuild(pc);
    if (pc->acpi_tables->loader) {
        copy_file(data, len, pc->acpi_tables->loader->data, pc->acpi_tables->loader->len);
    }
}

static void fill_rsdp(void *opaque, uint8_t *data, size_t len)
{
    struct pc_machine *pc = opaque;
    uint8_t rsdp[ACPI_RSDP_SIZE];

    rebuild(pc);
    acpi_make_rsdp(rsdp, pc->acpi_tables->rsdt, pc->acpi_tables->xsdt);
    rsdp[8] = rsdp[32] = 0; /* firmware computes the sums */
    copy_file(data, len, rsdp, sizeof(rsdp));
}

bool acpi_init(struct pc_machine *pc, GError **error)
{
    struct acpi_build *b;

    if (!pc->acpi) {
        return true;
    }
    b = g_new0(struct acpi_build, 1);
    pc->acpi_tables = b;
    if (!acpi_build(pc, b, error)) {
        return false;
    }
    make_script(b);
    /* Room for numbers that take more bytes in AML later. */
    return fw_cfg_add_computed(&pc->m, FILE_TABLES, align_up(b->set.bytes->len + 1024, 4096),
                               fill_tables, pc, error) &&
           fw_cfg_add_computed(&pc->m, FILE_RSDP, ACPI_RSDP_SIZE, fill_rsdp, pc, error) &&
           fw_cfg_add_computed(&pc->m, FILE_LOADER, b->loader->len, fill_loader, pc, error);
}

void acpi_fini(struct pc_machine *pc)
{
    if (pc->acpi_tables) {
        acpi_build_fini(pc->acpi_tables);
        g_clear_pointer(&pc->acpi_tables, g_free);
    }
}
