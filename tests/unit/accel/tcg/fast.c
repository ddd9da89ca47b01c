/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fast handlers against their slow twins: random instructions of all forms that have one, run by
 * the engine's blocks and by single steps, must leave the same registers, flags and memory.
 */
#include "tests/unit/accel/tcg/engine.h"

#define CODE_AT 0x20000ULL
#define DATA_AT 0x40000ULL
#define ROUNDS  20000

static void slow_run(struct rig *r)
{
    r->cpu->run_state = X86_RUNNING;
    for (unsigned n = 0; r->cpu->run_state == X86_RUNNING; n++) {
        g_assert_cmpuint(n, <, 1000);
        x86_cpu_step(r->cpu);
    }
}

/* First opcode bytes of forms with fast handlers; ModRM and an immediate follow where needed. */
struct template
{
    uint8_t bytes[3];
    uint8_t len;
    int digit;     /* ModRM.reg, or -1: random */
    int imm;       /* bytes, -1: operand size up to 4 */
    bool no_modrm; /* nothing follows but the immediate */
};

static const struct template templates[] = {
    {{0x00}, 1, -1, 0, false},       {{0x01}, 1, -1, 0, false},
    {{0x02}, 1, -1, 0, false},       {{0x03}, 1, -1, 0, false},
    {{0x05}, 1, -1, -1, true},       {{0x09}, 1, -1, 0, false},
    {{0x11}, 1, -1, 0, false},       {{0x13}, 1, -1, 0, false},
    {{0x19}, 1, -1, 0, false},       {{0x21}, 1, -1, 0, false},
    {{0x29}, 1, -1, 0, false},       {{0x2b}, 1, -1, 0, false},
    {{0x31}, 1, -1, 0, false},       {{0x33}, 1, -1, 0, false},
    {{0x38}, 1, -1, 0, false},       {{0x3b}, 1, -1, 0, false},
    {{0x3c}, 1, -1, 1, true},        {{0x80}, 1, -1, 1, false},
    {{0x81}, 1, -1, -1, false},      {{0x83}, 1, -1, 1, false},
    {{0x84}, 1, -1, 0, false},       {{0x85}, 1, -1, 0, false},
    {{0x88}, 1, -1, 0, false},       {{0x89}, 1, -1, 0, false},
    {{0x8a}, 1, -1, 0, false},       {{0x8b}, 1, -1, 0, false},
    {{0xc6}, 1, 0, 1, false},        {{0xc7}, 1, 0, -1, false},
    {{0x69}, 1, -1, -1, false},      {{0x6b}, 1, -1, 1, false},
    {{0x8d}, 1, -2, 0, false},       {{0x98}, 1, -1, 0, true},
    {{0x99}, 1, -1, 0, true},        {{0xfe}, 1, 0, 0, false},
    {{0xfe}, 1, 1, 0, false},        {{0xff}, 1, 0, 0, false},
    {{0xff}, 1, 1, 0, false},        {{0xf6}, 1, 0, 1, false},
    {{0xf7}, 1, 0, -1, false},       {{0xf7}, 1, 2, 0, false},
    {{0xf7}, 1, 3, 0, false},        {{0xf6}, 1, 3, 0, false},
    {{0xc1}, 1, 0, 1, false},        {{0xc1}, 1, 1, 1, false},
    {{0xc1}, 1, 4, 1, false},        {{0xc1}, 1, 5, 1, false},
    {{0xc1}, 1, 7, 1, false},        {{0xd3}, 1, 0, 0, false},
    {{0xd3}, 1, 1, 0, false},        {{0xd3}, 1, 4, 0, false},
    {{0xd3}, 1, 5, 0, false},        {{0xd3}, 1, 7, 0, false},
    {{0xd1}, 1, 4, 0, false},        {{0xd1}, 1, 5, 0, false},
    {{0x0f, 0xaf}, 2, -1, 0, false}, {{0x0f, 0xb6}, 2, -1, 0, false},
    {{0x0f, 0xb7}, 2, -1, 0, false}, {{0x0f, 0xbe}, 2, -1, 0, false},
    {{0x0f, 0xbf}, 2, -1, 0, false}, {{0x0f, 0x44}, 2, -1, 0, false},
    {{0x0f, 0x4c}, 2, -1, 0, false}, {{0x0f, 0x92}, 2, -1, 0, false},
    {{0x0f, 0x9f}, 2, -1, 0, false}, {{0x87}, 1, -1, 0, false},
    {{0x63}, 1, -1, 0, false},       {{0x0f, 0x1f}, 2, 0, 0, false},
};

/*
 * Appends a random instruction. Memory operands are [rsi + disp8] within the data; SP and the base
 * stay out of destinations by using registers AX, CX, DX, BX only.
 */
static unsigned put_random(uint8_t *out, bool code64)
{
    const struct template *t = &templates[g_test_rand_int_range(0, (gint)ARRAY_SIZE(templates))];
    bool w = code64 && g_test_rand_bit(), small = !w && g_test_rand_int_range(0, 4) == 0;
    unsigned n = 0;

    if (t->bytes[0] == 0x63 && !code64) {
        return 0; /* ARPL there */
    }
    if (small) {
        out[n++] = 0x66;
    }
    if (code64 && (w || g_test_rand_bit())) {
        out[n++] = 0x40 | (w ? 8 : 0);
    }
    memcpy(out + n, t->bytes, t->len);
    n += t->len;
    if (!t->no_modrm) {
        unsigned reg = t->digit >= 0 ? (unsigned)t->digit : (unsigned)g_test_rand_int_range(0, 4);
        bool mem = t->digit == -2 || g_test_rand_bit();

        if (t->bytes[0] == 0x80 || t->bytes[0] == 0x81 || t->bytes[0] == 0x83) {
            reg = (unsigned)g_test_rand_int_range(0, 8);
        }
        out[n++] = (uint8_t)((mem ? 0x46 : 0xc0 | g_test_rand_int_range(0, 4)) | reg << 3);
        if (mem) {
            out[n++] = (uint8_t)g_test_rand_int_range(0, 100);
        }
    }
    for (int k = t->imm < 0 ? (small ? 2 : 4) : t->imm; k > 0; k--) {
        out[n++] = (uint8_t)g_test_rand_int_range(0, 256);
    }
    return n;
}

/* Some instructions, a conditional jump over one of them, a call, HLT. */
static void put_program(struct rig *a, struct rig *b, bool code64)
{
    uint8_t code[256];
    unsigned n = 0;

    for (unsigned k = 0; k < 6; k++) {
        n += put_random(code + n, code64);
    }
    code[n++] = (uint8_t)(0x70 | g_test_rand_int_range(0, 16)); /* jcc +1 */
    code[n++] = 1;
    code[n++] = 0x50; /* push rax */
    code[n++] = 0xe8; /* call +1: over the HLT */
    memcpy(code + n, "\x01\x00\x00\x00", 4);
    n += 4;
    code[n++] = 0xf4;
    code[n++] = 0x5a; /* pop rdx: the return address */
    code[n++] = 0x52; /* push rdx */
    n += put_random(code + n, code64);
    code[n++] = 0xc3; /* ret to HLT */
    g_assert_cmpuint(n, <, sizeof(code));
    rig_put(a, CODE_AT, code, n);
    rig_put(b, CODE_AT, code, n);
}

static void randomize(struct x86_cpu *a, struct x86_cpu *b)
{
    for (unsigned k = 0; k < 16; k++) {
        uint64_t v = (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();

        a->gpr[k] = a->mode & MODE_CODE64 ? v : (uint32_t)v;
    }
    a->gpr[X86_RSP] = 0x60000;
    a->gpr[X86_RSI] = DATA_AT;
    memcpy(b->gpr, a->gpr, sizeof(a->gpr));
    x86_eflags_set(a, ((uint32_t)g_test_rand_int() & FLAG_STATUS) | 2);
    x86_eflags_set(b, x86_eflags_get(a));
    a->rip = b->rip = CODE_AT;
}

static void compare(struct rig *a, struct rig *b)
{
    for (unsigned k = 0; k < 16; k++) {
        g_assert_cmphex(a->cpu->gpr[k], ==, b->cpu->gpr[k]);
    }
    g_assert_cmphex(a->cpu->rip, ==, b->cpu->rip);
    g_assert_cmphex(x86_eflags_get(a->cpu), ==, x86_eflags_get(b->cpu));
    g_assert_cmpmem(rig_at(a, DATA_AT), 256, rig_at(b, DATA_AT), 256);
    g_assert_cmpmem(rig_at(a, 0x5ff00), 256, rig_at(b, 0x5ff00), 256);
}

static void run_rounds(bool code64)
{
    struct engine *e = engine_new(code64);
    struct rig *slow = rig_new("max");

    if (code64) {
        rig_long(slow);
    } else {
        rig_protected(slow);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        put_program(e->rig, slow, code64);
        ram_block_written(e->rig->ram, CODE_AT, 256); /* as a loader would */
        randomize(e->rig->cpu, slow->cpu);
        engine_run(e);
        slow_run(slow);
        compare(e->rig, slow);
    }
    g_assert_cmpuint(e->tc.invalidations, >, 0);
    engine_free(e);
    rig_free(slow);
}

static void test_fast_handlers_agree_in_64_bit_code(void)
{
    run_rounds(/* code64= */ true);
}

static void test_fast_handlers_agree_in_32_bit_code(void)
{
    run_rounds(/* code64= */ false);
}

/* A block that overwrites the instruction after the store executes the new one. */
static void test_self_modifying_code_takes_effect_at_once(void)
{
    static const uint8_t code[] = {
        0xc6, 0x05, 0x01, 0x00, 0x00, 0x00, 0xf4, /* mov byte [rip + 1], 0xf4 */
        0x90, 0xb8, 0x01, 0x00, 0x00, 0x00,       /* mov eax, 1: becomes HLT */
        0xf4,
    };
    struct engine *e = engine_new(/* code64= */ true);

    rig_put(e->rig, CODE_AT, code, sizeof(code));
    e->rig->cpu->gpr[X86_RAX] = 7;
    e->rig->cpu->rip = CODE_AT;
    engine_run(e);
    g_assert_cmphex(e->rig->cpu->gpr[X86_RAX], ==, 7);
    g_assert_cmphex(e->rig->cpu->rip, ==, CODE_AT + 9);
    engine_free(e);
}

/* Data beside code does not throw the code away. */
static void test_data_in_a_code_page_keeps_blocks(void)
{
    static const uint8_t code[] = {
        0xb9, 0xe8, 0x03, 0x00, 0x00,       /* mov ecx, 1000 */
        0xff, 0x05, 0xf5, 0x01, 0x00, 0x00, /* inc dword [rip + 0x1f5] */
        0xff, 0xc9,                         /* dec ecx */
        0x75, 0xf6,                         /* jnz */
        0xf4,
    };
    struct engine *e = engine_new(/* code64= */ true);

    rig_put(e->rig, CODE_AT, code, sizeof(code));
    e->rig->cpu->rip = CODE_AT;
    engine_run(e);
    g_assert_cmpuint(load_le32(rig_at(e->rig, CODE_AT + 0x200)), ==, 1000);
    g_assert_cmpuint(e->tc.invalidations, ==, 0);
    engine_free(e);
}

/* An instruction in two pages is decoded once, and again when either half changes. */
static void test_page_crossing_instruction_is_kept_and_checked(void)
{
    /* at the end of a page: add eax, 1 in five bytes; dec ecx; jnz; hlt */
    static const uint8_t code[] = {0x05, 0x01, 0x00, 0x00, 0x00, 0xff, 0xc9, 0x75, 0xf7, 0xf4};
    struct engine *e = engine_new(/* code64= */ true);
    struct x86_cpu *cpu = e->rig->cpu;
    uint64_t at = CODE_AT + 0x1000 - 2;

    rig_put(e->rig, at, code, sizeof(code));
    cpu->gpr[X86_RCX] = 1000;
    cpu->gpr[X86_RAX] = 0;
    cpu->rip = at;
    engine_run(e);
    g_assert_cmpuint(cpu->gpr[X86_RAX], ==, 1000);
    g_assert_cmpuint(e->tc.steps, <, 10);
    *(uint8_t *)rig_at(e->rig, at + 2) = 1; /* the immediate becomes 0x101 */
    cpu->gpr[X86_RCX] = 10;
    cpu->gpr[X86_RAX] = 0;
    cpu->rip = at;
    engine_run(e);
    g_assert_cmpuint(cpu->gpr[X86_RAX], ==, 10 * 0x101);
    engine_free(e);
}

/* A guest fault in the middle of a block is precise. */
static void test_fault_inside_a_block_is_precise(void)
{
    struct engine *e = engine_new(/* code64= */ false);
    static const uint8_t code[] = {0x40, 0x8b, 0x0d, 0x00, 0x00, 0x00, 0x10, 0x40, 0xf4};
    struct x86_cpu *cpu = e->rig->cpu;

    rig_tables32(e->rig);
    memset(rig_at(e->rig, 0x8000), 0xf4, 0x1000); /* handlers halt */
    cpu->seg[X86_DS].limit = 0xfffff;             /* mov ecx, [0x10000000] is beyond it */
    x86_cpu_state_loaded(cpu);
    rig_put(e->rig, CODE_AT, code, sizeof(code));
    cpu->gpr[X86_RAX] = 5;
    cpu->gpr[X86_RSP] = 0x60000;
    cpu->rip = CODE_AT;
    engine_run(e);
    g_assert_cmphex(cpu->rip, ==, 0x8000 + 16 * EXC_GP + 1);
    g_assert_cmphex(cpu->gpr[X86_RAX], ==, 6);
    g_assert_cmphex(load_le32(rig_at(e->rig, cpu->gpr[X86_RSP] + 4)), ==, CODE_AT + 1);
    engine_free(e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fast-64", test_fast_handlers_agree_in_64_bit_code);
    g_test_add_func("/fast-32", test_fast_handlers_agree_in_32_bit_code);
    g_test_add_func("/self-modifying", test_self_modifying_code_takes_effect_at_once);
    g_test_add_func("/data-in-code-page", test_data_in_a_code_page_keeps_blocks);
    g_test_add_func("/page-crossing", test_page_crossing_instruction_is_kept_and_checked);
    g_test_add_func("/precise-fault", test_fault_inside_a_block_is_precise);
    return g_test_run();
}
