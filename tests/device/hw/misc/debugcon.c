/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The debug console: bytes to port 0xe9 reach the host's file.
 */
#include "tests/lib/qtest.h"

static void write_text(struct qtest *q, uint16_t port, const char *text)
{
    for (; *text; text++) {
        qtest_outb(q, port, (uint8_t)*text);
    }
}

static void check_file(const char *path, const char *text)
{
    g_autofree char *written = NULL;

    g_assert_true(g_file_get_contents(path, &written, NULL, NULL));
    g_assert_cmpstr(written, ==, text);
}

static void test_output_reaches_a_file(void)
{
    char *path = qtest_temp_file(NULL, 0);
    struct qtest *q = qtest_start("-debugcon file:%s", path);

    g_assert_cmphex(qtest_inb(q, 0xe9), ==, 0xe9);
    write_text(q, 0xe9, "firmware speaks\n");
    qtest_end(q);
    check_file(path, "firmware speaks\n");
    qtest_temp_free(path);
}

static void test_port_and_answer_can_be_chosen(void)
{
    char *path = qtest_temp_file(NULL, 0);
    struct qtest *q = qtest_start("-chardev file,id=log,path=%s "
                                  "-device isa-debugcon,chardev=log,iobase=0x402,readback=0x55",
                                  path);

    g_assert_cmphex(qtest_inb(q, 0x402), ==, 0x55);
    write_text(q, 0x402, "x");
    write_text(q, 0xe9, "lost");
    qtest_end(q);
    check_file(path, "x");
    qtest_temp_free(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/debugcon/output-reaches-a-file", test_output_reaches_a_file);
    g_test_add_func("/debugcon/port-and-answer-can-be-chosen", test_port_and_answer_can_be_chosen);
    return g_test_run();
}
