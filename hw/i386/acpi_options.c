/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -acpitable: tables of the user's, added to ours.
 *
 * file= names files that begin with a table header, data= files without one; sig=, rev=, oem_id=
 * and the like set fields of the header. Several files, separated by colons, make one table.
 */
#include "hw/i386/acpi.h"

#include "hw/core/firmware.h"
#include "util/bytes.h"
#include "util/options.h"
#include <string.h>

#define MAX_TABLE_FILE (16 * MiB)

static const char *const known[] = {"file",
                                    "data",
                                    "sig",
                                    "rev",
                                    "oem_id",
                                    "oem_table_id",
                                    "oem_rev",
                                    "asl_compiler_id",
                                    "asl_compiler_rev",
                                    NULL};

/* The files of @list one after the other. */
static GByteArray *read_files(const char *list, GError **error)
{
    g_auto(GStrv) paths = g_strsplit(list, ":", -1);
    GByteArray *all = g_byte_array_new();

    for (char **path = paths; *path; path++) {
        g_autofree uint8_t *data = NULL;
        size_t len;

        if (!firmware_read_file("-acpitable file", *path, MAX_TABLE_FILE, &data, &len, error)) {
            g_byte_array_unref(all);
            return NULL;
        }
        g_byte_array_append(all, data, (guint)len);
    }
    return all;
}

static bool set_text(struct options *o, const char *key, char *field, size_t size, GError **error)
{
    const char *text = options_get(o, key);

    if (text && strlen(text) >= size) {
        return fail(error, "%s=%s is longer than %zu characters", key, text, size - 1);
    }
    if (text) {
        g_strlcpy(field, text, size);
    }
    return true;
}

static bool set_number(struct options *o, const char *key, uint64_t max, uint64_t *field,
                       GError **error)
{
    return options_get_uint(o, key, *field, max, field, error);
}

/* The header that a file= begins with, as the start values of the fields. */
static bool header_from_file(const GByteArray *bytes, struct acpi_header *h, GError **error)
{
    const uint8_t *p = bytes->data;

    if (bytes->len < ACPI_HEADER_SIZE) {
        return fail(error,
                    "%u bytes are too short for an ACPI table; use data= for files without"
                    " a header",
                    bytes->len);
    }
    memcpy(h->signature, p, 4);
    h->revision = p[8];
    memcpy(h->oem_id, p + 10, 6);
    memcpy(h->oem_table_id, p + 16, 8);
    h->oem_revision = load_le32(p + 24);
    memcpy(h->creator_id, p + 28, 4);
    h->creator_revision = load_le32(p + 32);
    return true;
}

static bool set_header(struct options *o, struct acpi_header *h, GError **error)
{
    uint64_t rev = h->revision, oem_rev = h->oem_revision, creator_rev = h->creator_revision;

    if (!set_text(o, "sig", h->signature, sizeof(h->signature), error) ||
        !set_text(o, "oem_id", h->oem_id, sizeof(h->oem_id), error) ||
        !set_text(o, "oem_table_id", h->oem_table_id, sizeof(h->oem_table_id), error) ||
        !set_text(o, "asl_compiler_id", h->creator_id, sizeof(h->creator_id), error) ||
        !set_number(o, "rev", UINT8_MAX, &rev, error) ||
        !set_number(o, "oem_rev", UINT32_MAX, &oem_rev, error) ||
        !set_number(o, "asl_compiler_rev", UINT32_MAX, &creator_rev, error)) {
        return false;
    }
    h->revision = (uint8_t)rev;
    h->oem_revision = (uint32_t)oem_rev;
    h->creator_revision = (uint32_t)creator_rev;
    if (!h->signature[0]) {
        return fail(error, "sig=NAME is needed");
    }
    return true;
}

static bool add_table(struct acpi_build *b, struct options *o, GError **error)
{
    const char *file = options_get(o, "file"), *data = options_get(o, "data");
    struct acpi_header h = {.signature = ""};
    g_autoptr(GByteArray) bytes = NULL;
    uint32_t start;
    guint skip = file ? ACPI_HEADER_SIZE : 0;

    if (!file == !data) {
        return fail(error, "one of file=PATH and data=PATH is needed");
    }
    bytes = read_files(file ? file : data, error);
    if (!bytes || (file && !header_from_file(bytes, &h, error)) || !set_header(o, &h, error) ||
        !options_unused(o, known, error)) {
        return false;
    }
    start = acpi_table_begin_header(&b->set, &h);
    acpi_put_bytes(&b->set, bytes->data + skip, bytes->len - skip);
    acpi_table_end(&b->set);
    g_array_append_val(b->listed, start);
    return true;
}

bool acpi_add_options(struct pc_machine *pc, struct acpi_build *b, GError **error)
{
    const GPtrArray *texts = pc->m.acpi_options;
    bool ok = true;

    for (guint i = 0; ok && i < texts->len; i++) {
        struct options *o = options_parse("-acpitable", texts->pdata[i], NULL, error);

        ok = o && add_table(b, o, error);
        if (!ok && o) {
            g_prefix_error(error, "-acpitable: ");
        }
        options_free(o);
    }
    return ok;
}
