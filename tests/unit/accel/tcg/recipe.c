/* SPDX-License-Identifier: Apache-2.0 */
/* Flags that translated code makes again from registers (struct jit_recipe). */
#include "tests/unit/accel/tcg/engine.h"

#include "accel/tcg/jit.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CODE_AT 0x20000ULL
#define DATA_AT 0x40000ULL

/*
 * A block that neither reads nor writes flags is for all entries: what its first predecessor knew
 * of the flags is not true of them after another one.
 */
static void test_flags_through_a_block_with_two_predecessors(void)
{
    static const uint8_t code[] = {
        0x08, 0xc0, /* 00: or %al, %al */
        0xeb, 0x04, /* 02: jmp 08 */
        0xf9,       /* 04: stc */
        0xeb, 0x01, /* 05: jmp 08 */
        0xcc,       /* 07 */
        0x89, 0xd3, /* 08: mov %edx, %ebx */
        0xeb, 0x00, /* 0a: jmp 0c */
        0x8b, 0x0e, /* 0c: mov (%rsi), %ecx */
        0xf4,
    };
    struct engine *e = engine_new(/* code64= */ true);
    struct x86_cpu *cpu = e->rig->cpu;
    GError *error = NULL;

    e->tcg.jit = jit_new(&e->tcg, 16 * MiB, &error);
    g_assert_no_error(error);
    jit_cpu_init(e->tcg.jit, cpu);
    syscall(SYS_arch_prctl, ARCH_SET_GS, cpu);
    rig_put(e->rig, CODE_AT, code, sizeof(code));
    for (unsigned n = 0; n < 8; n++) {
        bool other = n % 4 > 1;

        cpu->gpr[X86_RAX] = 1;
        cpu->gpr[X86_RSI] = DATA_AT;
        cpu->rip = CODE_AT + (other ? 4 : 0);
        x86_eflags_set(cpu, FLAG_ZF | 2);
        engine_run(e);
        g_assert_cmphex(x86_eflags_get(cpu), ==, other ? FLAG_ZF | FLAG_CF | 2 : 2);
    }
    jit_free(e->tcg.jit);
    engine_free(e);
}

/*
 * A register of the recipe that a block is entered with changes, before a memory operand whose
 * fault would show the flags: the block is for this recipe only.
 */
static void test_flags_by_what_a_register_was(void)
{
    static const uint8_t code[] = {
        0x08, 0xc0,                   /* 00: or %al, %al */
        0xeb, 0x00,                   /* 02: jmp 04 */
        0xb8, 0x05, 0x00, 0x00, 0x00, /* 04: mov $5, %eax */
        0x8b, 0x0e,                   /* 09: mov (%rsi), %ecx */
        0x85, 0xc9,                   /* 0b: test %ecx, %ecx */
        0xf4,
    };
    static const struct jit_recipe none;
    struct engine *e = engine_new(/* code64= */ true);
    struct x86_cpu *cpu = e->rig->cpu;
    GError *error = NULL;

    e->tcg.jit = jit_new(&e->tcg, 16 * MiB, &error);
    g_assert_no_error(error);
    jit_cpu_init(e->tcg.jit, cpu);
    syscall(SYS_arch_prctl, ARCH_SET_GS, cpu);
    rig_put(e->rig, CODE_AT, code, sizeof(code));
    cpu->gpr[X86_RSI] = DATA_AT;
    cpu->rip = CODE_AT;
    engine_run(e);
    g_assert_null(
        jit_lookup(e->tcg.jit, rig_at(e->rig, CODE_AT + 4), CODE_AT + 4, jit_mode(cpu), &none));
    jit_free(e->tcg.jit);
    engine_free(e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/recipe/two-predecessors", test_flags_through_a_block_with_two_predecessors);
    g_test_add_func("/recipe/registers-that-change", test_flags_by_what_a_register_was);
    return g_test_run();
}
