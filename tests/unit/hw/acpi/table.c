/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of ACPI tables: headers, sums, pointers that follow their set.
 */
#include "hw/acpi/table.h"

#include "util/bytes.h"
#include <string.h>

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;

    while (len--) {
        s = (uint8_t)(s + *p++);
    }
    return s;
}

static void test_tables_sum_to_zero_and_know_their_length(void)
{
    struct acpi_set s;
    uint32_t first, second;

    acpi_set_init(&s);
    first = acpi_table_begin(&s, "AAAA", 1);
    acpi_put(&s, 0x1234567, 5);
    acpi_table_end(&s);
    second = acpi_table_begin(&s, "BBBB", 3);
    acpi_table_end(&s);
    g_assert_cmpuint(first, ==, 0);
    g_assert_cmpuint(second, ==, 48); /* 41, aligned to 8 */
    g_assert_cmpmem(s.bytes->data + second, 4, "BBBB", 4);
    g_assert_cmpuint(load_le32(s.bytes->data + first + 4), ==, ACPI_HEADER_SIZE + 5);
    g_assert_cmpuint(s.bytes->data[second + 8], ==, 3);
    g_assert_cmpuint(sum(s.bytes->data, ACPI_HEADER_SIZE + 5), ==, 0);
    g_assert_cmpuint(sum(s.bytes->data + second, ACPI_HEADER_SIZE), ==, 0);
    acpi_set_fini(&s);
}

static void test_pointers_move_with_the_set(void)
{
    struct acpi_set s;
    uint32_t target, table;

    acpi_set_init(&s);
    target = acpi_table_begin(&s, "TGT ", 1);
    acpi_table_end(&s);
    table = acpi_table_begin(&s, "PTR ", 1);
    acpi_put_pointer(&s, target, 4);
    acpi_put_pointer(&s, target, 8);
    acpi_table_end(&s);
    acpi_set_place(&s, 0x7ff00000);
    g_assert_cmphex(load_le32(s.bytes->data + table + 36), ==, 0x7ff00000 + target);
    g_assert_cmphex(load_le64(s.bytes->data + table + 40), ==, 0x7ff00000 + target);
    g_assert_cmpuint(sum(s.bytes->data + table, ACPI_HEADER_SIZE + 12), ==, 0);
    acpi_set_fini(&s);
}

static void test_both_parts_of_an_rsdp_sum_to_zero(void)
{
    uint8_t rsdp[ACPI_RSDP_SIZE];

    acpi_make_rsdp(rsdp, 0x12345678, 0x123456789abcULL);
    g_assert_cmpmem(rsdp, 8, "RSD PTR ", 8);
    g_assert_cmpuint(sum(rsdp, 20), ==, 0);
    g_assert_cmpuint(sum(rsdp, sizeof(rsdp)), ==, 0);
    g_assert_cmphex(load_le64(rsdp + 24), ==, 0x123456789abcULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sums", test_tables_sum_to_zero_and_know_their_length);
    g_test_add_func("/pointers", test_pointers_move_with_the_set);
    g_test_add_func("/rsdp", test_both_parts_of_an_rsdp_sum_to_zero);
    return g_test_run();
}
