/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of target/i386/decode.c: every row is reachable, invalid forms, lengths, operands. */
#include "target/i386/insn.h"

#include <string.h>

static struct x86_decoder *decoder; /* all features; made by main() */

static enum x86_decode_result decode(uint32_t mode, const void *code, unsigned len,
                                     struct x86_insn *i)
{
    return x86_decode(decoder, mode, code, len, i);
}

enum {
    MODE64 = MODE_PE | MODE_LMA | MODE_CODE64,
    MODE32 = MODE_PE | MODE_CODE32 | MODE_FLAT,
    MODE16 = 0,
};

/* Prefix, VEX and opcode bytes of a row; returns how many. */
static unsigned row_bytes(const struct x86_row *row, bool vex, uint8_t *out)
{
    static const uint8_t prefix[] = {0, 0, 0x66, 0xf3, 0xf2, 0};
    static const uint8_t pp[] = {0, 0, 1, 2, 3, 0};
    unsigned n = 0;

    if (vex) {
        bool vvvv = false;

        for (unsigned k = 0; k < 4; k++) {
            unsigned where = x86_operand_info[row->operands[k]].where;

            vvvv |= where == WHERE_VVVV || where == WHERE_VVEC;
        }
        out[n++] = 0xc4;
        out[n++] = 0xe0 | row->map;
        out[n++] = (row->needs & W1 ? 0x80 : 0) | (vvvv ? 0x68 : 0x78) | (row->needs & L1 ? 4 : 0) |
                   pp[row->pfx];
    } else {
        if (prefix[row->pfx]) {
            out[n++] = prefix[row->pfx];
        }
        if (row->needs & W1) {
            out[n++] = 0x48;
        }
        if (row->map != MAP_LEG) {
            out[n++] = 0x0f;
        }
        if (row->map == MAP_X38 || row->map == MAP_X3A) {
            out[n++] = row->map == MAP_X38 ? 0x38 : 0x3a;
        }
    }
    out[n++] = row->opcode;
    return n;
}

static bool wants_register(const struct x86_row *row)
{
    for (unsigned k = 0; k < 4; k++) {
        unsigned where = x86_operand_info[row->operands[k]].where;

        if (where == WHERE_RMREG || where == WHERE_MMXRMREG || where == WHERE_VRMREG ||
            where == WHERE_STI) {
            return true;
        }
    }
    return row->rsel & RSEL_REG;
}

static uint8_t row_modrm(const struct x86_row *row)
{
    unsigned digit = row->rsel & RSEL_DIGIT, rm = (row->rsel & RSEL_RM) >> 8;

    digit = digit == 8 ? 0 : digit;
    if (wants_register(row)) {
        return 0xc0 | digit << 3 | (rm == 8 ? 1 : rm);
    }
    return (row->needs & VSIB ? 4 : 1) | digit << 3; /* [rcx], or [rax + xmm0] by SIB */
}

static void check_row(const struct x86_row *row, bool vex)
{
    uint8_t code[32] = {0};
    unsigned n = row_bytes(row, vex, code);
    uint32_t mode = row->needs & I64 ? MODE32 : MODE64;
    struct x86_insn i;

    code[n] = row_modrm(row);
    code[n + 1] = row->needs & VSIB ? 0x08 : 0;
    if (decode(mode, code, sizeof(code), &i) != DECODE_OK || insn_row(&i)->op != row->op) {
        g_error("row %u %s%s: bytes %02x %02x %02x %02x %02x do not decode to it",
                (unsigned)(row - x86_rows), row->name, vex ? " (VEX)" : "", code[0], code[1],
                code[2], code[3], code[4]);
    }
}

static void test_every_row_decodes_to_its_operation(void)
{
    for (unsigned r = 0; r < x86_row_count; r++) {
        const struct x86_row *row = &x86_rows[r];

        if (!(row->needs & (VEXO | VEXG)) && row->opcode != 0x90) {
            check_row(row, /* vex= */ false);
        }
        if (row->needs & (VEX | VEX2 | VEXO | VEXG)) {
            check_row(row, /* vex= */ true);
        }
    }
}

static void test_each_truncation_asks_for_more(void)
{
    /* lock add qword [rax + rbx * 4 + 0x12345678], 0x11223344 */
    static const uint8_t code[] = {0xf0, 0x48, 0x81, 0x84, 0x98, 0x78, 0x56,
                                   0x34, 0x12, 0x44, 0x33, 0x22, 0x11};
    struct x86_insn i;

    for (unsigned n = 0; n < sizeof(code); n++) {
        g_assert_cmpint(decode(MODE64, code, n, &i), ==, DECODE_MORE);
    }
    g_assert_cmpint(decode(MODE64, code, sizeof(code), &i), ==, DECODE_OK);
    g_assert_cmpuint(i.len, ==, sizeof(code));
    g_assert_cmpuint(i.base, ==, X86_RAX);
    g_assert_cmpuint(i.index, ==, X86_RBX);
    g_assert_cmpuint(i.scale, ==, 2);
    g_assert_cmphex(i.disp, ==, 0x12345678);
    g_assert_cmphex(i.imm, ==, 0x11223344);
    g_assert_true(i.prefixes & PREFIX_LOCK);
}

static void test_fifteen_bytes_are_the_limit(void)
{
    uint8_t code[16];
    struct x86_insn i;

    memset(code, 0x66, sizeof(code));
    code[14] = 0x90;
    g_assert_cmpint(decode(MODE64, code, 16, &i), ==, DECODE_OK);
    g_assert_cmpuint(i.len, ==, 15);
    code[14] = 0x66;
    code[15] = 0x90;
    g_assert_cmpint(decode(MODE64, code, 16, &i), ==, DECODE_TOO_LONG);
}

static void expect_invalid(uint32_t mode, const uint8_t *code, unsigned len)
{
    uint8_t padded[15] = {0};
    struct x86_insn i;

    memcpy(padded, code, len);
    g_assert_cmpint(decode(mode, padded, sizeof(padded), &i), ==, DECODE_INVALID);
}

#define INVALID(mode, ...)                                                                         \
    expect_invalid(mode, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void test_lock_needs_a_lockable_memory_operand(void)
{
    struct x86_insn i;

    INVALID(MODE64, 0xf0, 0x01, 0xc0); /* lock add eax, eax */
    INVALID(MODE64, 0xf0, 0x03, 0x00); /* lock add eax, [rax] */
    INVALID(MODE64, 0xf0, 0x39, 0x00); /* lock cmp */
    INVALID(MODE64, 0xf0, 0x89, 0x00); /* lock mov */
    g_assert_cmpint(decode(MODE64, "\xf0\x01\x00", 3, &i), ==, DECODE_OK);
    g_assert_cmpint(decode(MODE64, "\x87\x00", 2, &i), ==, DECODE_OK);
    g_assert_true(i.prefixes & PREFIX_LOCK); /* xchg with memory locks by itself */
}

static void test_forms_that_do_not_exist_in_64_bit_mode(void)
{
    INVALID(MODE64, 0x06);             /* push es */
    INVALID(MODE64, 0x27);             /* daa */
    INVALID(MODE64, 0x60);             /* pusha */
    INVALID(MODE64, 0x9a);             /* far call */
    INVALID(MODE64, 0xd4, 0x0a);       /* aam */
    INVALID(MODE64, 0x82, 0xc0, 0x01); /* add al, 1 by its twin */
    INVALID(MODE64, 0x62, 0x00);       /* bound */
    INVALID(MODE32, 0x0f, 0x01, 0xf8); /* swapgs outside it */
    INVALID(MODE16, 0x63, 0xc0);       /* arpl in real mode */
}

static void test_vex_refuses_other_prefixes(void)
{
    INVALID(MODE64, 0x66, 0xc5, 0xf8, 0x58, 0xc0);
    INVALID(MODE64, 0xf0, 0xc5, 0xf8, 0x58, 0xc0);
    INVALID(MODE64, 0x48, 0xc5, 0xf8, 0x58, 0xc0);
    INVALID(MODE64, 0xc5, 0xe8, 0x10, 0x08); /* vmovups with vvvv not 1111 */
}

static void test_segment_register_operands(void)
{
    struct x86_insn i;

    INVALID(MODE32, 0x8e, 0xc8); /* mov cs, ax */
    INVALID(MODE32, 0x8e, 0xf0); /* register 6 */
    INVALID(MODE32, 0x8c, 0xf8); /* register 7 */
    g_assert_cmpint(decode(MODE32, "\x8e\xd8", 2, &i), ==, DECODE_OK);
    g_assert_cmpuint(i.reg, ==, X86_DS);
}

static void test_control_registers(void)
{
    struct x86_insn i;

    INVALID(MODE64, 0x0f, 0x20, 0xc8);       /* cr1 */
    INVALID(MODE64, 0x0f, 0x20, 0xe8);       /* cr5 */
    INVALID(MODE64, 0x44, 0x0f, 0x20, 0xc8); /* cr9 */
    g_assert_cmpint(decode(MODE64, "\x44\x0f\x20\xc0", 4, &i), ==, DECODE_OK);
    g_assert_cmpuint(i.reg, ==, 8);
    g_assert_cmpint(decode(MODE64, "\x0f\x20\x00", 3, &i), ==, DECODE_OK); /* mod is ignored */
    g_assert_false(i.is_mem);
}

static void test_byte_registers(void)
{
    struct x86_insn i;

    decode(MODE64, "\x88\xe0", 2, &i); /* mov al, ah */
    g_assert_cmpuint(i.reg, ==, 1);
    g_assert_cmpuint(i.rm, ==, 0);
    decode(MODE64, "\x40\x88\xe0", 3, &i); /* mov al, spl */
    g_assert_cmpuint(i.reg, ==, 8 * X86_RSP);
    decode(MODE64, "\x0f\xb6\xc7", 3, &i); /* movzx eax, bh */
    g_assert_cmpuint(i.rm, ==, 8 * X86_RBX + 1);
    g_assert_cmpuint(i.reg, ==, X86_RAX);
}

static void test_operand_and_address_sizes(void)
{
    struct x86_insn i;

    decode(MODE64, "\x50", 1, &i);
    g_assert_cmpuint(i.width, ==, 8);
    decode(MODE64, "\x66\x50", 2, &i);
    g_assert_cmpuint(i.width, ==, 2);
    decode(MODE64, "\x67\x8b\x00", 3, &i);
    g_assert_cmpuint(i.asize, ==, 4);
    decode(MODE16, "\x8b\x00", 2, &i); /* mov ax, [bx + si] */
    g_assert_cmpuint(i.width, ==, 2);
    g_assert_cmpuint(i.asize, ==, 2);
    g_assert_cmpuint(i.base, ==, X86_RBX);
    g_assert_cmpuint(i.index, ==, X86_RSI);
    decode(MODE16, "\x66\x67\x8b\x00", 4, &i);
    g_assert_cmpuint(i.width, ==, 4);
    g_assert_cmpuint(i.asize, ==, 4);
    decode(MODE64, "\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08", 10, &i);
    g_assert_cmphex(i.imm, ==, 0x0807060504030201);
}

static void test_default_segments_and_overrides(void)
{
    struct x86_insn i;

    decode(MODE32, "\x8b\x45\x00", 3, &i); /* [ebp] */
    g_assert_cmpuint(i.seg, ==, X86_SS);
    decode(MODE32, "\x3e\x8b\x45\x00", 4, &i);
    g_assert_cmpuint(i.seg, ==, X86_DS);
    decode(MODE64, "\x3e\x8b\x45\x00", 4, &i); /* ignored in 64-bit mode */
    g_assert_cmpuint(i.seg, ==, X86_SS);
    decode(MODE64, "\x65\x8b\x45\x00", 4, &i);
    g_assert_cmpuint(i.seg, ==, X86_GS);
    decode(MODE64, "\x8b\x05\x10\x00\x00\x00", 6, &i);
    g_assert_cmpuint(i.base, ==, X86_RIP);
}

static void test_missing_features_uncover_older_meanings(void)
{
    struct x86_cpu *cpu = g_new0(struct x86_cpu, 1);
    struct x86_decoder *plain = x86_decoder_new(cpu);
    struct x86_insn i;

    x86_decode(decoder, MODE64, (const uint8_t *)"\xf3\x0f\xbc\xc1", 4, &i);
    g_assert_cmpint(insn_row(&i)->op, ==, OP_TZCNT);
    x86_decode(plain, MODE64, (const uint8_t *)"\xf3\x0f\xbc\xc1", 4, &i);
    g_assert_cmpint(insn_row(&i)->op, ==, OP_BSF);
    g_assert_cmpint(x86_decode(plain, MODE64, (const uint8_t *)"\x0f\x40\xc1", 3, &i), ==,
                    DECODE_INVALID); /* no CMOV */
    x86_decoder_free(plain);
    g_free(cpu);
}

int main(int argc, char **argv)
{
    struct x86_cpu *cpu = g_new0(struct x86_cpu, 1);
    int status;

    g_test_init(&argc, &argv, NULL);
    memset(cpu->features, 0xff, sizeof(cpu->features));
    decoder = x86_decoder_new(cpu);
    g_test_add_func("/every-row", test_every_row_decodes_to_its_operation);
    g_test_add_func("/truncation", test_each_truncation_asks_for_more);
    g_test_add_func("/length-limit", test_fifteen_bytes_are_the_limit);
    g_test_add_func("/lock", test_lock_needs_a_lockable_memory_operand);
    g_test_add_func("/not-in-64-bit", test_forms_that_do_not_exist_in_64_bit_mode);
    g_test_add_func("/vex-prefixes", test_vex_refuses_other_prefixes);
    g_test_add_func("/segment-registers", test_segment_register_operands);
    g_test_add_func("/control-registers", test_control_registers);
    g_test_add_func("/byte-registers", test_byte_registers);
    g_test_add_func("/sizes", test_operand_and_address_sizes);
    g_test_add_func("/segments", test_default_segments_and_overrides);
    g_test_add_func("/features", test_missing_features_uncover_older_meanings);
    status = g_test_run();
    x86_decoder_free(decoder);
    g_free(cpu);
    return status;
}
