/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of ACPI tables before it has an address: bytes, pointers in them, and sums to compute.
 */
#include "hw/acpi/table.h"

#include "util/bytes.h"
#include <string.h>

enum { LENGTH_OFFSET = 4, RSDP_V1_SIZE = 20, RSDP_CHECKSUM = 8, RSDP_EXT_CHECKSUM = 32 };

void acpi_set_init(struct acpi_set *s)
{
    s->bytes = g_byte_array_new();
    s->pointers = g_array_new(FALSE, FALSE, sizeof(struct acpi_pointer));
    s->tables = g_array_new(FALSE, FALSE, sizeof(struct acpi_extent));
    s->open = 0;
}

void acpi_set_fini(struct acpi_set *s)
{
    g_clear_pointer(&s->bytes, g_byte_array_unref);
    g_clear_pointer(&s->pointers, g_array_unref);
    g_clear_pointer(&s->tables, g_array_unref);
}

void acpi_put_bytes(struct acpi_set *s, const void *data, size_t len)
{
    g_byte_array_append(s->bytes, data, (guint)len);
}

void acpi_put_zeros(struct acpi_set *s, size_t len)
{
    guint old = s->bytes->len;

    g_byte_array_set_size(s->bytes, old + (guint)len);
    if (len) { /* an empty array has no data */
        memset(s->bytes->data + old, 0, len);
    }
}

void acpi_align(struct acpi_set *s, unsigned align)
{
    acpi_put_zeros(s, (size_t)(align_up(s->bytes->len, align) - s->bytes->len));
}

void acpi_put(struct acpi_set *s, uint64_t v, unsigned size)
{
    uint8_t buf[8];

    store_le(buf, v, size);
    acpi_put_bytes(s, buf, size);
}

void acpi_put_pointer(struct acpi_set *s, uint32_t target, unsigned size)
{
    const struct acpi_pointer p = {s->bytes->len, (uint8_t)size};

    g_array_append_val(s->pointers, p);
    acpi_put(s, target, size);
}

void acpi_put_address(struct acpi_set *s, uint8_t space, uint8_t bits, uint8_t access,
                      uint64_t addr)
{
    acpi_put(s, space, 1);
    acpi_put(s, bits, 1);
    acpi_put(s, 0, 1);
    acpi_put(s, access, 1);
    acpi_put(s, addr, 8);
}

/* @text cut or padded with @pad to @len bytes. */
static void put_text(struct acpi_set *s, const char *text, size_t len, char pad)
{
    size_t n = MIN(strlen(text), len);

    acpi_put_bytes(s, text, n);
    for (; n < len; n++) {
        acpi_put_bytes(s, &pad, 1);
    }
}

uint32_t acpi_table_begin_header(struct acpi_set *s, const struct acpi_header *h)
{
    acpi_align(s, 8);
    s->open = s->bytes->len;
    put_text(s, h->signature, 4, ' ');
    acpi_put(s, 0, 4); /* length */
    acpi_put(s, h->revision, 1);
    acpi_put(s, 0, 1); /* checksum */
    put_text(s, *h->oem_id ? h->oem_id : "VITRO", 6, ' ');
    put_text(s, *h->oem_table_id ? h->oem_table_id : "VITROPC", 8, ' ');
    acpi_put(s, h->oem_revision ? h->oem_revision : 1, 4);
    put_text(s, *h->creator_id ? h->creator_id : "VTRO", 4, ' ');
    acpi_put(s, h->creator_revision ? h->creator_revision : 1, 4);
    return s->open;
}

uint32_t acpi_table_begin(struct acpi_set *s, const char *signature, uint8_t revision)
{
    struct acpi_header h = {.revision = revision};

    g_strlcpy(h.signature, signature, sizeof(h.signature));
    return acpi_table_begin_header(s, &h);
}

void acpi_table_end(struct acpi_set *s)
{
    const struct acpi_extent e = {s->open, s->bytes->len - s->open};
    uint8_t *table = s->bytes->data + e.start;

    store_le32(table + LENGTH_OFFSET, e.len);
    table[ACPI_CHECKSUM_OFFSET] = acpi_checksum(table, e.len, ACPI_CHECKSUM_OFFSET);
    g_array_append_val(s->tables, e);
}

uint8_t acpi_checksum(const uint8_t *bytes, size_t len, size_t at)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + (i == at ? 0 : bytes[i]));
    }
    return (uint8_t)-sum;
}

void acpi_set_place(struct acpi_set *s, uint64_t gpa)
{
    for (guint i = 0; i < s->pointers->len; i++) {
        const struct acpi_pointer *p = &g_array_index(s->pointers, struct acpi_pointer, i);
        uint8_t *field = s->bytes->data + p->offset;

        store_le(field, load_le(field, p->size) + gpa, p->size);
    }
    for (guint i = 0; i < s->tables->len; i++) {
        const struct acpi_extent *e = &g_array_index(s->tables, struct acpi_extent, i);
        uint8_t *table = s->bytes->data + e->start;

        table[ACPI_CHECKSUM_OFFSET] = acpi_checksum(table, e->len, ACPI_CHECKSUM_OFFSET);
    }
}

void acpi_make_rsdp(uint8_t ret[ACPI_RSDP_SIZE], uint32_t rsdt, uint64_t xsdt)
{
    memset(ret, 0, ACPI_RSDP_SIZE);
    memcpy(ret, "RSD PTR ", 8);
    memcpy(ret + 9, "VITRO ", 6);
    ret[15] = 2;
    store_le32(ret + 16, rsdt);
    store_le32(ret + 20, ACPI_RSDP_SIZE);
    store_le64(ret + 24, xsdt);
    ret[RSDP_CHECKSUM] = acpi_checksum(ret, RSDP_V1_SIZE, RSDP_CHECKSUM);
    ret[RSDP_EXT_CHECKSUM] = acpi_checksum(ret, ACPI_RSDP_SIZE, RSDP_EXT_CHECKSUM);
}
