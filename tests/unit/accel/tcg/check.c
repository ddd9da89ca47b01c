/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -accel tcg,check=on: that it finds what is wrong, and only that. Tests meddle with what the
 * translated code has left, or with the translated code.
 */
#include "accel/tcg/check.h"
#include "target/i386/exec.h"
#include "tests/unit/accel/tcg/engine.h"
#include <asm/prctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CODE_AT  0x20000ULL
#define DATA_AT  0x40000ULL /* written */
#define INPUT_AT 0x50000ULL /* read */
#define OTHER_AT 0x60000ULL

static const uint8_t code_all[] = {
    0xbb, 0x34, 0x12, 0xed, 0x5e, /* mov  $0x5eed1234, %ebx */
    0x48, 0x01, 0xd8,             /* add  %rbx, %rax */
    0x48, 0x89, 0x06,             /* mov  %rax, (%rsi) */
    0x48, 0x8b, 0x0f,             /* mov  (%rdi), %rcx */
    0x66, 0x0f, 0x6e, 0xc3,       /* movd %ebx, %xmm0 */
    0xd9, 0xe8,                   /* fld1 */
    0x48, 0x83, 0xf8, 0x10,       /* cmp  $16, %rax */
    0xf4,                         /* hlt */
};

static const uint8_t code_undefined[] = {
    0x48, 0xc1, 0xe0, 0x03, /* shl $3, %rax: OF and AF have no defined value */
    0xf4,
};

struct fixture {
    struct engine *e;
    struct machine machine;
    struct check *check;
};

static void set_up(struct fixture *f, gconstpointer unused)
{
    GError *error = NULL;
    struct x86_cpu *cpu;

    (void)unused;
    f->e = engine_new(/* code64= */ true);
    f->e->xv.vcpu.machine = &f->machine;
    f->e->tcg.jit = jit_new(&f->e->tcg, 16 * MiB, &error);
    g_assert_no_error(error);
    cpu = f->e->rig->cpu;
    jit_cpu_init(f->e->tcg.jit, cpu);
    syscall(SYS_arch_prctl, ARCH_SET_GS, cpu);
    cpu->cr0 |= CR0_NE;
    cpu->cr4 |= CR4_OSFXSR;
    cpu->fpu.cw = 0x37f;
    cpu->fpu.empty = 0xff;
    x86_cpu_state_loaded(cpu);
    f->check = check_new(&f->e->tc);
    g_assert_nonnull(f->check);
}

static void tear_down(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    check_free(&f->e->tc);
    jit_free(f->e->tcg.jit);
    engine_free(f->e);
}

static enum vcpu_exit run(struct fixture *f, const uint8_t *code, size_t len)
{
    struct x86_cpu *cpu = f->e->rig->cpu;

    rig_put(f->e->rig, CODE_AT, code, len);
    store_le64(rig_at(f->e->rig, INPUT_AT), 7);
    memset(rig_at(f->e->rig, DATA_AT), 0xee, 16);
    cpu->gpr[X86_RAX] = 1;
    cpu->gpr[X86_RSI] = DATA_AT;
    cpu->gpr[X86_RDI] = INPUT_AT;
    cpu->fpu.empty = 0xff;
    cpu->rip = CODE_AT;
    cpu->run_state = X86_RUNNING;
    return f->e->type->run(&f->e->xv.vcpu);
}

/* Runs code_all with @meddle; the report must have @line. */
static void expect_report(struct fixture *f, void (*meddle)(struct x86_cpu *cpu, void *opaque),
                          const char *line)
{
    f->check->meddle = meddle;
    f->check->meddle_opaque = f;
    g_assert_cmpint(run(f, code_all, sizeof(code_all)), ==, VCPU_EXIT_INTERNAL_ERROR);
    g_assert_true(f->check->failed);
    g_assert_nonnull(strstr(f->check->report, line));
    g_assert_cmpuint(f->check->blocks, ==, 0);
}

static void test_right_code_passes_and_acts_once(struct fixture *f, gconstpointer unused)
{
    struct x86_cpu *cpu = f->e->rig->cpu;

    (void)unused;
    for (unsigned n = 1; n < 4; n++) {
        g_assert_cmpint(run(f, code_all, sizeof(code_all)), ==, VCPU_EXIT_HALTED);
        g_assert_cmpuint(f->check->blocks, ==, n);
        g_assert_cmpuint(f->check->compared, ==, 7 * n);
        g_assert_cmpuint(f->check->alone_insns, ==, n); /* HLT */
        g_assert_cmphex(cpu->gpr[X86_RAX], ==, 0x5eed1235);
        g_assert_cmphex(cpu->gpr[X86_RCX], ==, 7);
        g_assert_cmphex(load_le64(rig_at(f->e->rig, DATA_AT)), ==, 0x5eed1235);
    }
    g_assert_null(f->check->report);
}

static void alter_register(struct x86_cpu *cpu, void *opaque)
{
    (void)opaque;
    cpu->gpr[12] ^= 1ULL << 63;
}

static void test_wrong_register_is_found(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    expect_report(f, alter_register, "\nr12: interpreter 0");
}

static void alter_rip(struct x86_cpu *cpu, void *opaque)
{
    (void)opaque;
    cpu->rip--;
}

static void test_wrong_rip_is_found(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    expect_report(f, alter_rip, "\nrip: interpreter");
}

static void alter_flag(struct x86_cpu *cpu, void *opaque)
{
    (void)opaque;
    flags_set_status(cpu, flags_status(cpu) ^ FLAG_AF);
}

static void test_wrong_flag_is_found(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    expect_report(f, alter_flag, "\nstatus flags: interpreter");
}

static void test_undefined_flag_does_not_count(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    f->check->meddle = alter_flag;
    g_assert_cmpint(run(f, code_undefined, sizeof(code_undefined)), ==, VCPU_EXIT_HALTED);
    g_assert_cmpuint(f->check->blocks, ==, 1);
}

static void alter_carry(struct x86_cpu *cpu, void *opaque)
{
    (void)opaque;
    flags_set_status(cpu, flags_status(cpu) ^ FLAG_CF);
}

static void test_defined_flag_beside_it_does(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    f->check->meddle = alter_carry;
    g_assert_cmpint(run(f, code_undefined, sizeof(code_undefined)), ==, VCPU_EXIT_INTERNAL_ERROR);
}

static void alter_vector(struct x86_cpu *cpu, void *opaque)
{
    (void)opaque;
    cpu->vec[15].b[31] ^= 1;
}

static void test_wrong_vector_is_found(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    expect_report(f, alter_vector, "\nymm15, quadword 3: interpreter");
}

static void alter_mxcsr(struct x86_cpu *cpu, void *opaque)
{
    (void)opaque;
    cpu->mxcsr ^= 1;
}

static void test_wrong_mxcsr_is_found(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    expect_report(f, alter_mxcsr, "\nmxcsr: interpreter");
}

static void alter_x87(struct x86_cpu *cpu, void *opaque)
{
    (void)opaque;
    cpu->fpu.r[cpu->fpu.top].mant ^= 1;
}

static void test_wrong_x87_register_is_found(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    expect_report(f, alter_x87, "\nx87 register 7: interpreter");
}

static void alter_byte(struct x86_cpu *cpu, void *opaque)
{
    (void)opaque;
    mem_write8(cpu, DATA_AT + 2, 0xaa);
}

static void test_wrong_byte_is_found(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    expect_report(f, alter_byte, "byte at 0x40002: interpreter ed, translated aa, before ee");
    g_assert_cmphex(load_le64(rig_at(f->e->rig, DATA_AT)), ==, 0x5eed1235);
}

static void alter_byte_behind(struct x86_cpu *cpu, void *opaque)
{
    (void)opaque;
    mem_write8(cpu, DATA_AT + 0x800, 0xaa);
}

static void test_byte_too_many_is_found(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    expect_report(f, alter_byte_behind, "byte at 0x40800: interpreter 00, translated aa");
    g_assert_cmphex(load_le64(rig_at(f->e->rig, DATA_AT + 0x800)), ==, 0);
}

static void write_elsewhere(struct x86_cpu *cpu, void *opaque)
{
    (void)opaque;
    mem_write8(cpu, OTHER_AT, 0xaa);
}

static void test_write_to_another_page_is_found(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    expect_report(f, write_elsewhere, "translated code accesses 0x60000, a page that");
    g_assert_cmphex(load_le64(rig_at(f->e->rig, OTHER_AT)), ==, 0);
}

static void alter_fault(struct x86_cpu *cpu, void *opaque)
{
    (void)opaque;
    x86_raise(cpu, EXC_GP, 0);
}

static void test_fault_too_many_is_found(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    expect_report(f, alter_fault, "\nfault: interpreter 0xffffffffffffffff, translated 0xd");
}

/* As if a device had written between the two runs. */
static void change_input(struct x86_cpu *cpu, void *opaque)
{
    struct fixture *f = opaque;

    store_le64(rig_at(f->e->rig, INPUT_AT), 8);
    cpu->gpr[X86_RCX] = 8;
}

static void test_memory_that_changes_is_no_difference(struct fixture *f, gconstpointer unused)
{
    (void)unused;
    f->check->meddle = change_input;
    f->check->meddle_opaque = f;
    g_assert_cmpint(run(f, code_all, sizeof(code_all)), ==, VCPU_EXIT_HALTED);
    g_assert_cmpuint(f->check->unstable, ==, 1);
    g_assert_cmphex(f->e->rig->cpu->gpr[X86_RCX], ==, 7); /* the interpreter's counts */
}

static void test_wrong_translation_is_found(struct fixture *f, gconstpointer unused)
{
    static const uint8_t constant[] = {0x34, 0x12, 0xed, 0x5e};
    struct jit *j = f->e->tcg.jit;
    unsigned altered = 0;

    (void)unused;
    for (unsigned n = 0; n < 16; n++) { /* translates all variants */
        g_assert_cmpint(run(f, code_all, sizeof(code_all)), ==, VCPU_EXIT_HALTED);
    }
    for (size_t at = 0; at + sizeof(constant) <= j->used; at++) {
        if (!memcmp(j->w + at, constant, sizeof(constant))) {
            j->w[at + 1] ^= 1;
            altered++;
        }
    }
    g_assert_cmpuint(altered, ==, 2);
    g_assert_cmpint(run(f, code_all, sizeof(code_all)), ==, VCPU_EXIT_INTERNAL_ERROR);
    g_assert_nonnull(strstr(f->check->report, "\nrbx: interpreter 0x5eed1234, translated"));
    g_assert_nonnull(strstr(f->check->report, "\nrax: interpreter"));
    g_assert_nonnull(strstr(f->check->report, "byte at 0x40001: interpreter 12, translated 13"));
}

#define TEST(name, func) g_test_add("/check/" name, struct fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("right-code", test_right_code_passes_and_acts_once);
    TEST("register", test_wrong_register_is_found);
    TEST("rip", test_wrong_rip_is_found);
    TEST("flag", test_wrong_flag_is_found);
    TEST("undefined-flag", test_undefined_flag_does_not_count);
    TEST("defined-flag", test_defined_flag_beside_it_does);
    TEST("vector", test_wrong_vector_is_found);
    TEST("mxcsr", test_wrong_mxcsr_is_found);
    TEST("x87", test_wrong_x87_register_is_found);
    TEST("byte", test_wrong_byte_is_found);
    TEST("byte-too-many", test_byte_too_many_is_found);
    TEST("other-page", test_write_to_another_page_is_found);
    TEST("fault", test_fault_too_many_is_found);
    TEST("changing-memory", test_memory_that_changes_is_no_difference);
    TEST("translation", test_wrong_translation_is_found);
    return g_test_run();
}
