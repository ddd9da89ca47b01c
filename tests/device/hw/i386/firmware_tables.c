/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What firmware gets from the PC: ACPI tables by the loader's script, SMBIOS, the memory map.
 *
 * The test does what a BIOS does with the script, in memory of its own, and then follows the
 * pointers from the RSDP as an operating system would.
 */
#include "tests/lib/qtest.h"
#include "util/bytes.h"

#include <string.h>

enum {
    DMA_LOW = 0x518,
    REQUEST = 0x1000,
    BUFFER = 0x100000,
    DIRECTORY = 0x19,
    ENTRY = 64,
    COMMAND = 128,
    NAME = 56,
    ALLOCATE = 1,
    ADD_POINTER = 2,
    ADD_CHECKSUM = 3,
};

/* Where the made-up firmware has put a file. */
struct blob {
    char name[NAME];
    uint8_t *data;
    uint32_t len;
    uint32_t gpa;
};

struct blobs {
    struct blob list[4];
    unsigned count;
    uint32_t next;
};

static uint8_t *read_item(struct qtest *q, uint16_t key, uint32_t len)
{
    uint8_t request[16];
    uint8_t *data = g_malloc(len);

    store_be32(request, (uint32_t)key << 16 | 0xa);
    store_be32(request + 4, len);
    store_be64(request + 8, BUFFER);
    qtest_memwrite(q, REQUEST, request, sizeof(request));
    qtest_outl(q, DMA_LOW, GUINT32_SWAP_LE_BE(REQUEST));
    g_assert_cmphex(qtest_readl(q, REQUEST), ==, 0);
    qtest_memread(q, BUFFER, data, len);
    return data;
}

/* The contents of file @name, or NULL. */
static uint8_t *read_file(struct qtest *q, const char *name, uint32_t *ret_len)
{
    g_autofree uint8_t *count = read_item(q, DIRECTORY, 4);
    uint32_t n = load_be32(count);
    g_autofree uint8_t *dir = read_item(q, DIRECTORY, 4 + n * ENTRY);

    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *e = dir + 4 + (size_t)i * ENTRY;

        if (!strcmp((const char *)e + 8, name)) {
            *ret_len = load_be32(e);
            return read_item(q, load_be16(e + 4), *ret_len);
        }
    }
    return NULL;
}

static struct blob *find(struct blobs *b, const uint8_t *name)
{
    for (unsigned i = 0; i < b->count; i++) {
        if (!strcmp(b->list[i].name, (const char *)name)) {
            return &b->list[i];
        }
    }
    g_error("the script names '%s' before it is allocated", (const char *)name);
}

static void run_command(struct qtest *q, struct blobs *b, const uint8_t *c)
{
    const uint8_t *args = c + 4;

    switch (load_le32(c)) {
    case ALLOCATE: {
        struct blob *blob = &b->list[b->count++];
        uint32_t align = load_le32(args + NAME);

        g_assert_cmpuint(b->count, <=, G_N_ELEMENTS(b->list));
        g_strlcpy(blob->name, (const char *)args, NAME);
        blob->data = read_file(q, blob->name, &blob->len);
        g_assert_nonnull(blob->data);
        blob->gpa = (uint32_t)align_up(b->next, align);
        b->next = blob->gpa + blob->len;
        break;
    }
    case ADD_POINTER: {
        struct blob *in = find(b, args), *to = find(b, args + NAME);
        uint32_t offset = load_le32(args + 2 * NAME);
        uint8_t size = args[2 * NAME + 4];

        g_assert_cmpuint(offset + size, <=, in->len);
        g_assert_cmpuint(load_le(in->data + offset, size), <, to->len);
        store_le(in->data + offset, load_le(in->data + offset, size) + to->gpa, size);
        break;
    }
    case ADD_CHECKSUM: {
        struct blob *in = find(b, args);
        uint32_t at = load_le32(args + NAME), start = load_le32(args + NAME + 4);
        uint32_t len = load_le32(args + NAME + 8);

        g_assert_cmpuint(start + len, <=, in->len);
        for (uint32_t i = start; i < start + len; i++) {
            if (i != at) {
                in->data[at] = (uint8_t)(in->data[at] - in->data[i]);
            }
        }
        break;
    }
    default:
        g_assert_cmpuint(load_le32(c), ==, 0); /* padding */
    }
}

static void load_tables(struct qtest *q, struct blobs *b)
{
    uint32_t len;
    g_autofree uint8_t *script = read_file(q, "etc/table-loader", &len);

    memset(b, 0, sizeof(*b));
    b->next = 0x7ff00000;
    g_assert_nonnull(script);
    for (uint32_t i = 0; i + COMMAND <= len; i += COMMAND) {
        run_command(q, b, script + i);
    }
}

static void free_blobs(struct blobs *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        g_free(b->list[i].data);
    }
}

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;

    while (len--) {
        s = (uint8_t)(s + *p++);
    }
    return s;
}

/* The table at @gpa, with its length and sum checked. */
static const uint8_t *table_at(struct blobs *b, uint64_t gpa)
{
    const struct blob *t = find(b, (const uint8_t *)"etc/acpi/tables");
    const uint8_t *table = t->data + (gpa - t->gpa);

    g_assert_true(gpa >= t->gpa && gpa - t->gpa + 36 <= t->len);
    g_assert_cmpuint(gpa - t->gpa + load_le32(table + 4), <=, t->len);
    g_assert_cmpuint(sum(table, load_le32(table + 4)), ==, 0);
    return table;
}

/* By the XSDT; NULL when it is not listed. */
static const uint8_t *find_table(struct blobs *b, const char *signature)
{
    const uint8_t *rsdp = find(b, (const uint8_t *)"etc/acpi/rsdp")->data;
    const uint8_t *xsdt = table_at(b, load_le64(rsdp + 24));

    for (uint32_t at = 36; at < load_le32(xsdt + 4); at += 8) {
        const uint8_t *table = table_at(b, load_le64(xsdt + at));

        if (!memcmp(table, signature, 4)) {
            return table;
        }
    }
    return NULL;
}

static void test_the_script_makes_good_tables(void)
{
    struct qtest *q = qtest_start("-smp 3");
    struct blobs b;
    const uint8_t *rsdp, *fadt, *madt;
    unsigned cpus = 0;

    load_tables(q, &b);
    rsdp = find(&b, (const uint8_t *)"etc/acpi/rsdp")->data;
    g_assert_cmpmem(rsdp, 8, "RSD PTR ", 8);
    g_assert_cmpuint(sum(rsdp, 20), ==, 0);
    g_assert_cmpuint(sum(rsdp, 36), ==, 0);
    fadt = find_table(&b, "FACP");
    g_assert_nonnull(fadt);
    g_assert_cmpmem(table_at(&b, load_le32(fadt + 40)), 4, "DSDT", 4);
    g_assert_cmphex(load_le32(fadt + 40), ==, load_le64(fadt + 140));
    g_assert_cmphex(load_le32(fadt + 36) % 64, ==, 0);
    madt = find_table(&b, "APIC");
    g_assert_nonnull(madt);
    for (uint32_t at = 44; at < load_le32(madt + 4); at += madt[at + 1]) {
        g_assert_cmpuint(madt[at + 1], >=, 2);
        cpus += madt[at] == 0;
    }
    g_assert_cmpuint(cpus, ==, 3);
    g_assert_nonnull(find_table(&b, "HPET"));
    g_assert_null(find_table(&b, "SRAT"));
    free_blobs(&b);
    qtest_end(q);
}

static void test_ports_are_where_firmware_has_put_them(void)
{
    struct qtest *q = qtest_start("-S");
    struct blobs b;
    const uint8_t *fadt;

    qtest_pci_write(q, 1, 3, 0x40, 4, 0xb001);
    qtest_pci_write(q, 1, 3, 0x80, 1, 1);
    load_tables(q, &b);
    fadt = find_table(&b, "FACP");
    g_assert_cmphex(load_le32(fadt + 56), ==, 0xb000);
    g_assert_cmphex(load_le32(fadt + 76), ==, 0xb008);
    free_blobs(&b);
    qtest_end(q);
}

static void test_tables_of_the_users_are_listed(void)
{
    static const uint8_t body[] = {1, 2, 3, 4};
    char *path = qtest_temp_file(body, sizeof(body));
    struct qtest *q = qtest_start("-acpitable sig=TEST,oem_id=ME,data=%s", path);
    const uint8_t *table;
    struct blobs b;

    load_tables(q, &b);
    table = find_table(&b, "TEST");
    g_assert_nonnull(table);
    g_assert_cmpuint(load_le32(table + 4), ==, 36 + sizeof(body));
    g_assert_cmpmem(table + 10, 6, "ME    ", 6);
    g_assert_cmpmem(table + 36, sizeof(body), body, sizeof(body));
    free_blobs(&b);
    qtest_end(q);
    qtest_temp_free(path);
}

static void test_no_tables_without_acpi(void)
{
    struct qtest *q = qtest_start("-machine acpi=off");
    uint32_t len;

    g_assert_null(read_file(q, "etc/table-loader", &len));
    g_assert_cmphex(qtest_pci_read(q, 1, 3, 0, 4), ==, 0xffffffff);
    qtest_end(q);
}

/* The text @n (from 1) behind the structure at @s. */
static const char *smbios_text(const uint8_t *s, unsigned n)
{
    const char *text = (const char *)s + s[1];

    while (--n) {
        text += strlen(text) + 1;
    }
    return text;
}

static void test_smbios_says_what_the_user_says(void)
{
    struct qtest *q = qtest_start("-smbios type=1,manufacturer=Acme,serial=42 -smbios "
                                  "type=11,value=hello");
    uint32_t len, entry_len;
    g_autofree uint8_t *tables = read_file(q, "etc/smbios/smbios-tables", &len);
    g_autofree uint8_t *entry = read_file(q, "etc/smbios/smbios-anchor", &entry_len);
    unsigned count = 0, seen = 0;

    g_assert_cmpuint(entry_len, ==, 31);
    g_assert_cmpuint(sum(entry, 31), ==, 0);
    g_assert_cmpuint(sum(entry + 16, 15), ==, 0);
    g_assert_cmpuint(load_le16(entry + 0x16), ==, len);
    for (uint32_t at = 0; at < len; count++) {
        const uint8_t *s = tables + at;

        if (s[0] == 1) {
            g_assert_cmpstr(smbios_text(s, s[4]), ==, "Acme");
            g_assert_cmpstr(smbios_text(s, s[7]), ==, "42");
            seen++;
        } else if (s[0] == 11) {
            g_assert_cmpuint(s[4], ==, 1);
            g_assert_cmpstr(smbios_text(s, 1), ==, "hello");
            seen++;
        }
        for (at += s[1]; tables[at] || tables[at + 1]; at++) {
            g_assert_cmpuint(at + 2, <, len);
        }
        at += 2;
    }
    g_assert_cmpuint(seen, ==, 2);
    g_assert_cmpuint(count, ==, load_le16(entry + 0x1c));
    qtest_end(q);
}

static void test_the_memory_map_covers_all_ram(void)
{
    struct qtest *q = qtest_start("-S");
    uint32_t len;
    g_autofree uint8_t *e820 = read_file(q, "etc/e820", &len);
    uint64_t ram = 0;

    g_assert_cmpuint(len % 20, ==, 0);
    for (uint32_t at = 0; at < len; at += 20) {
        ram += load_le32(e820 + at + 16) == 1 ? load_le64(e820 + at + 8) : 0;
    }
    g_assert_cmphex(ram, ==, 128 * MiB);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi/script", test_the_script_makes_good_tables);
    g_test_add_func("/acpi/ports", test_ports_are_where_firmware_has_put_them);
    g_test_add_func("/acpi/option", test_tables_of_the_users_are_listed);
    g_test_add_func("/acpi/off", test_no_tables_without_acpi);
    g_test_add_func("/smbios", test_smbios_says_what_the_user_says);
    g_test_add_func("/e820", test_the_memory_map_covers_all_ram);
    return g_test_run();
}
