/* SPDX-License-Identifier: Apache-2.0 */
/* Indirect calls in translated code. */
#include "tests/unit/accel/tcg/engine.h"

#include "accel/tcg/jit.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CODE_AT  0x20000ULL
#define STACK_AT 0x60000ULL

static struct engine *jit_engine_new(void)
{
    struct engine *e = engine_new(/* code64= */ true);
    GError *error = NULL;

    e->tcg.jit = jit_new(&e->tcg, 16 * MiB, &error);
    g_assert_no_error(error);
    jit_cpu_init(e->tcg.jit, e->rig->cpu);
    syscall(SYS_arch_prctl, ARCH_SET_GS, e->rig->cpu);
    return e;
}

static void jit_engine_free(struct engine *e)
{
    jit_free(e->tcg.jit);
    engine_free(e);
}

/* The target lies where the return address goes. */
static void test_target_in_the_return_address_s_place(void)
{
    static const uint8_t code[] = {
        0xb8, 0x40, 0x00, 0x02, 0x00, /* mov $0x20040, %eax */
        0x48, 0x89, 0x44, 0x24, 0xf8, /* mov %rax, -8(%rsp) */
        0xff, 0x54, 0x24, 0xf8,       /* call *-8(%rsp) */
        0xf4,
    };
    static const uint8_t sub[] = {0xff, 0xc1, 0xf4}; /* inc %ecx; hlt */
    struct engine *e = jit_engine_new();
    struct x86_cpu *cpu = e->rig->cpu;

    rig_put(e->rig, CODE_AT, code, sizeof(code));
    rig_put(e->rig, CODE_AT + 0x40, sub, sizeof(sub));
    cpu->gpr[X86_RCX] = 0;
    for (unsigned n = 1; n < 4; n++) {
        cpu->gpr[X86_RSP] = STACK_AT;
        cpu->rip = CODE_AT;
        engine_run(e);
        g_assert_cmpuint(cpu->gpr[X86_RCX], ==, n);
        g_assert_cmphex(load_le64(rig_at(e->rig, STACK_AT - 8)), ==, CODE_AT + sizeof(code) - 1);
    }
    jit_engine_free(e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/call/target-in-place", test_target_in_the_return_address_s_place);
    return g_test_run();
}
