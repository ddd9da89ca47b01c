/* SPDX-License-Identifier: Apache-2.0 */
/* Memory operands that share a TLB check in translated code (accel/tcg/jit_group.c). */
#include "tests/unit/accel/tcg/engine.h"

#include "accel/tcg/jit.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CODE_AT 0x20000ULL
#define DATA_AT 0x40000ULL

/* Runs 32-bit code three times from @ebp, with the TLB filled at last, for what it has in
 * registers.
 */
static void check_code(const uint8_t *code, unsigned len, uint32_t ebp, uint32_t ebp_after)
{
    struct engine *e = engine_new(/* code64= */ false);
    struct x86_cpu *cpu = e->rig->cpu;
    GError *error = NULL;

    e->tcg.jit = jit_new(&e->tcg, 16 * MiB, &error);
    g_assert_no_error(error);
    jit_cpu_init(e->tcg.jit, cpu);
    syscall(SYS_arch_prctl, ARCH_SET_GS, cpu);
    rig_put(e->rig, CODE_AT, code, len);
    store_le32(rig_at(e->rig, DATA_AT), 0x1111);
    store_le32(rig_at(e->rig, DATA_AT + 8), 0x2222);
    for (unsigned n = 0; n < 3; n++) {
        cpu->gpr[X86_RBP] = ebp;
        cpu->rip = CODE_AT;
        engine_run(e);
        g_assert_cmphex(cpu->gpr[X86_RAX], ==, 0x1111);
        g_assert_cmphex(cpu->gpr[X86_RCX], ==, 0x2222);
        g_assert_cmphex(cpu->gpr[X86_RBP], ==, ebp_after);
    }
    jit_free(e->tcg.jit);
    engine_free(e);
}

/* A base that moves past zero in 32-bit code is cut to 32 bits, unlike host addresses. */
static void test_base_that_wraps_in_32_bit_code(void)
{
    static const uint8_t code[] = {
        0x8b, 0x85, 0x00, 0x00, 0x04, 0x00, /* mov 0x40000(%ebp), %eax */
        0x4d,                               /* dec %ebp */
        0x8b, 0x8d, 0x09, 0x00, 0x04, 0x00, /* mov 0x40009(%ebp), %ecx */
        0xf4,
    };

    check_code(code, sizeof(code), 0, 0xffffffff);
}

/* From one displacement to the other is less than nothing in 32 bits, and 4 GiB. */
static void test_displacements_as_far_apart_as_can_be(void)
{
    static const uint8_t code[] = {
        0x8b, 0x85, 0xfc, 0xff, 0xff, 0x7f, /* mov 0x7ffffffc(%ebp), %eax */
        0x8b, 0x8d, 0x04, 0x00, 0x00, 0x80, /* mov -0x7ffffffc(%ebp), %ecx */
        0xf4,
    };
    uint32_t ebp = (uint32_t)(DATA_AT - 0x7ffffffc);

    check_code(code, sizeof(code), ebp, ebp);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/group/wrap-32", test_base_that_wraps_in_32_bit_code);
    g_test_add_func("/group/far-apart", test_displacements_as_far_apart_as_can_be);
    return g_test_run();
}
