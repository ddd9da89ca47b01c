/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AML as bytes: integers, names, lengths, resource descriptors.
 */
#include "hw/acpi/aml.h"

#define EXPECT(a, ...)                                                                             \
    do {                                                                                           \
        static const uint8_t want[] = {__VA_ARGS__};                                               \
        g_autoptr(GByteArray) got = aml_finish(a);                                                 \
        g_assert_cmpmem(got->data, got->len, want, sizeof(want));                                  \
    } while (0)

static void test_integers_are_short(void)
{
    struct aml a;

    aml_init(&a);
    aml_int(&a, 0);
    aml_int(&a, 1);
    aml_int(&a, 2);
    aml_int(&a, 0x1234);
    aml_int(&a, 0x12345678);
    aml_int(&a, 0x123456789aULL);
    EXPECT(&a, 0x00, 0x01, 0x0a, 2, 0x0b, 0x34, 0x12, 0x0c, 0x78, 0x56, 0x34, 0x12, 0x0e, 0x9a,
           0x78, 0x56, 0x34, 0x12, 0, 0, 0);
}

static void test_names_are_padded_and_prefixed(void)
{
    struct aml a;

    aml_init(&a);
    aml_path(&a, "\\_SB.PCI0.ISA");
    aml_path(&a, "^A.B");
    aml_path(&a, "\\");
    EXPECT(&a, '\\', 0x2f, 3, '_', 'S', 'B', '_', 'P', 'C', 'I', '0', 'I', 'S', 'A', '_', '^', 0x2e,
           'A', '_', '_', '_', 'B', '_', '_', '_', '\\', 0);
}

static void test_eisa_ids(void)
{
    struct aml a;

    aml_init(&a);
    aml_eisa_id(&a, "PNP0A03"); /* the value every disassembler knows: 0x030ad041 */
    EXPECT(&a, 0x0c, 0x41, 0xd0, 0x0a, 0x03);
}

static void test_a_method_stores_its_argument(void)
{
    struct aml a;

    aml_init(&a);
    aml_method(&a, "_PIC", 1, false);
    aml_op(&a, AML_STORE);
    aml_arg(&a, 0);
    aml_path(&a, "PICF");
    aml_end(&a);
    EXPECT(&a, 0x14, 12, '_', 'P', 'I', 'C', 1, 0x70, 0x68, 'P', 'I', 'C', 'F');
}

static void test_a_package_nests(void)
{
    struct aml a;

    aml_init(&a);
    aml_package(&a, 2);
    aml_int(&a, 1);
    aml_package(&a, 1);
    aml_int(&a, 5);
    aml_end(&a);
    aml_end(&a);
    EXPECT(&a, 0x12, 8, 2, 0x01, 0x12, 4, 1, 0x0a, 5);
}

static void test_lengths_grow_at_64_and_4096(void)
{
    /* Bytes of data (the buffer's size takes 2 more, 3 from 256) and of the length before them. */
    static const struct {
        size_t data;
        size_t lead;
    } cases[] = {{60, 1}, {61, 2}, {4090, 2}, {4091, 3}};
    g_autofree uint8_t *zeros = g_malloc0(8192);

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) got = NULL;
        struct aml a;
        size_t total, lead;

        aml_init(&a);
        aml_buffer(&a, zeros, cases[i].data);
        got = aml_finish(&a);
        lead = (got->data[1] >> 6) + 1u;
        total = lead == 1 ? got->data[1] : got->data[1] & 0xfu;
        for (unsigned n = 1; n < lead; n++) {
            total |= (size_t)got->data[1 + n] << (8 * n - 4);
        }
        g_assert_cmpuint(total, ==, got->len - 1);
        g_assert_cmpuint(lead, ==, cases[i].lead);
    }
}

static void test_resource_templates_are_buffers(void)
{
    struct aml a;

    aml_init(&a);
    aml_resources(&a);
    aml_res_io(&a, 0x3f8, 0x3f8, 1, 8);
    aml_res_irq(&a, 4);
    aml_resources_end(&a);
    EXPECT(&a, 0x11, 16, 0x0a, 13, 0x47, 1, 0xf8, 0x03, 0xf8, 0x03, 1, 8, 0x22, 0x10, 0x00, 0x79,
           0x00);
}

static void test_windows_choose_their_width(void)
{
    g_autoptr(GByteArray) got = NULL;
    struct aml a;

    aml_init(&a);
    aml_resources(&a);
    aml_res_memory_window(&a, false, 0xe0000000, 0xfebfffff);
    aml_res_memory_window(&a, true, 0x100000000, 0x1ffffffff);
    aml_resources_end(&a);
    got = aml_finish(&a);
    g_assert_cmphex(got->data[5], ==, 0x87); /* op, length (2 bytes), size (2 bytes) */
    g_assert_cmpuint(got->data[6], ==, 23);
    g_assert_cmphex(got->data[5 + 26], ==, 0x8a);
    g_assert_cmpuint(got->data[5 + 27], ==, 43);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/integers", test_integers_are_short);
    g_test_add_func("/names", test_names_are_padded_and_prefixed);
    g_test_add_func("/eisa-id", test_eisa_ids);
    g_test_add_func("/method", test_a_method_stores_its_argument);
    g_test_add_func("/package", test_a_package_nests);
    g_test_add_func("/lengths", test_lengths_grow_at_64_and_4096);
    g_test_add_func("/resources", test_resource_templates_are_buffers);
    g_test_add_func("/windows", test_windows_choose_their_width);
    return g_test_run();
}
