/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel-mode instructions that para-virtual hosts cannot emulate: the interpreter does them, and
 * the guest sees the right results. On hosts that run kernel mode natively KVM does them itself,
 * and the results are the same.
 */
#include "tests/unit/accel/kvm/tiny_machine.h"

enum {
    PML4 = 0x1000,
    PDPT = 0x2000,
    PD = 0x3000,
    GDT = 0x4000,
    IDT = 0x5000,
    DATA = 0x9000, /* 16-byte operand */
    AREA = 0xa000, /* XSAVE area */
    CODE = 0x10000,
    HANDLERS = 0x11000,
};

#define PAYLOAD64(name, code)                                                                      \
    extern const char name[], name##_end[];                                                        \
    asm(".pushsection .rodata\n" #name ":\n" code "\n" #name "_end:\n.popsection\n")

#define EXIT64(status) "movb $" #status ", %al\noutb %al, $0xf4\n1: hlt\njmp 1b\n"

/* Vector n's handler stands at HANDLERS + 16 * n: counts in r8 to r10, skips r14 bytes. */
PAYLOAD64(on_ud, "incq %r9\naddq %r14, (%rsp)\niretq");
PAYLOAD64(on_bp, "incq %r8\niretq");
PAYLOAD64(on_other, "movb $0xee, %al\noutb %al, $0xf4\n1: jmp 1b");

PAYLOAD64(exchange,
          "movl $1, %eax\nmovl $2, %edx\nmovl $3, %ebx\nmovl $4, %ecx\n"
          "movl $0x9000, %edi\nlock cmpxchg16b (%rdi)\njnz 2f\n"
          "cmpq $3, (%rdi)\njne 2f\ncmpq $4, 8(%rdi)\njne 2f\n"
          "lock cmpxchg16b (%rdi)\njz 2f\ncmpq $3, %rax\njne 2f\ncmpq $4, %rdx\njne 2f\n" EXIT64(
              1) "2:" EXIT64(2));
PAYLOAD64(breakpoint, "xorl %r8d, %r8d\nmovl $0x1234, %ecx\nint3\nint3\ncmpl $2, %r8d\njne 2f\n"
                      "cmpl $0x1234, %ecx\njne 2f\n" EXIT64(1) "2:" EXIT64(2));
PAYLOAD64(undefined,
          "xorl %r9d, %r9d\nmovl $2, %r14d\nud2\ncmpl $1, %r9d\njne 2f\n" EXIT64(1) "2:" EXIT64(2));
PAYLOAD64(restore, "xorl %r9d, %r9d\nmovl $3, %r14d\npxor %xmm0, %xmm0\nmovl $0xa000, %edi\n"
                   "movl $2, %eax\nxorl %edx, %edx\nxrstor (%rdi)\nmovq %xmm0, %rbx\n" EXIT64(1));
PAYLOAD64(mixed, "movl $1000, %ebp\n3:\nmovq (%rdi), %rax\nmovq 8(%rdi), %rdx\n"
                 "leaq 1(%rax), %rbx\nmovq %rdx, %rcx\nlock cmpxchg16b (%rdi)\njnz 2f\n"
                 "int3\ndecl %ebp\njnz 3b\n" EXIT64(1) "2:" EXIT64(2));

static void put64(struct tiny *t, uint64_t gpa, uint64_t val)
{
    memcpy(t->ram->host + gpa, &val, sizeof(val));
}

static void put_gate(struct tiny *t, unsigned vector, uint64_t handler)
{
    put64(t, IDT + 16 * vector,
          (handler & 0xffff) | 8 << 16 | 0x8e00ULL << 32 | (handler >> 16 & 0xffff) << 48);
    put64(t, IDT + 16 * vector + 8, handler >> 32);
}

static void segment(struct x86_cpu *cpu, enum x86_seg_reg s, uint16_t sel, uint16_t attr)
{
    x86_seg_set(cpu, s, sel, 0, 0xffffffff, attr);
}

static struct tiny *long_mode(const void *start, const void *end)
{
    struct tiny *t = tiny_new("on", 1, NULL);
    struct x86_cpu *cpu;

    if (!t) {
        return NULL;
    }
    put64(t, PML4, PDPT | 3);
    put64(t, PDPT, PD | 3);
    put64(t, PD, 0 | 0x83);
    put64(t, PD + 8, 2 * MiB | 0x83);
    put64(t, GDT + 8, 0x00af9b000000ffff);
    put64(t, GDT + 16, 0x00cf93000000ffff);
    for (unsigned v = 0; v < 32; v++) {
        put_gate(t, v, HANDLERS);
    }
    tiny_load(t, HANDLERS, on_other, on_other_end);
    put_gate(t, EXC_UD, HANDLERS + 16 * EXC_UD);
    tiny_load(t, HANDLERS + 16 * EXC_UD, on_ud, on_ud_end);
    put_gate(t, EXC_BP, HANDLERS + 16 * EXC_BP);
    tiny_load(t, HANDLERS + 16 * EXC_BP, on_bp, on_bp_end);
    put64(t, DATA, 1);
    put64(t, DATA + 8, 2);
    tiny_load(t, CODE, start, end);

    cpu = t->cpus[0]->cpu;
    cpu->cr3 = PML4;
    cpu->cr4 = CR4_PAE | CR4_OSFXSR | (x86_has(cpu, X86_F_XSAVE) ? CR4_OSXSAVE : 0);
    cpu->xcr0 = 3;
    cpu->efer = EFER_LME | EFER_LMA;
    cpu->cr0 = CR0_PG | CR0_PE | CR0_WP | CR0_NE | CR0_ET;
    cpu->gdt = (struct x86_table){GDT, 23};
    cpu->idt = (struct x86_table){IDT, 32 * 16 - 1};
    segment(cpu, X86_CS, 8, SEG_P | SEG_S | SEG_CODE | SEG_WRITE | SEG_ACCESSED | SEG_L | SEG_G);
    for (unsigned s = X86_ES; s <= X86_GS; s++) {
        if (s != X86_CS) {
            segment(cpu, s, 16, SEG_P | SEG_S | SEG_WRITE | SEG_ACCESSED | SEG_D | SEG_G);
        }
    }
    cpu->rip = CODE;
    cpu->gpr[X86_RSP] = 0x8000;
    cpu->gpr[X86_RDI] = DATA;
    x86_cpu_state_loaded(cpu);
    return t;
}

static const struct kvm_vcpu *stats(const struct tiny *t)
{
    return t->cpus[0]->vcpu.engine;
}

#define BEGIN(t, payload)                                                                          \
    struct tiny *t = long_mode(payload, payload##_end);                                            \
    if (!t) {                                                                                      \
        return;                                                                                    \
    }

static void finish(struct tiny *t)
{
    g_test_message("%" PRIu64 " instructions by the interpreter", stats(t)->emulated);
    tiny_free(t);
}

static void test_lock_cmpxchg16b(void)
{
    BEGIN(t, exchange);
    g_assert_cmpint(tiny_run(t), ==, 1);
    finish(t);
}

static void test_int3(void)
{
    BEGIN(t, breakpoint);
    g_assert_cmpint(tiny_run(t), ==, 1);
    finish(t);
}

static void test_ud2_reaches_the_guest(void)
{
    BEGIN(t, undefined);
    g_assert_cmpint(tiny_run(t), ==, 1);
    finish(t);
}

/* Restores XMM0 where the guest has XSAVE, and is #UD where it has not. */
static void test_xrstor(void)
{
    BEGIN(t, restore);
    put64(t, AREA + 24, 0x1f80);
    put64(t, AREA + 160, 0x1122334455667788);
    put64(t, AREA + 512, 2);
    g_assert_cmpint(tiny_run(t), ==, 1);
    if (x86_has(t->cpus[0]->cpu, X86_F_XSAVE)) {
        g_assert_cmphex(t->cpus[0]->cpu->gpr[X86_RBX], ==, 0x1122334455667788);
        g_assert_cmpuint(t->cpus[0]->cpu->gpr[9], ==, 0);
    } else {
        g_assert_cmphex(t->cpus[0]->cpu->gpr[X86_RBX], ==, 0);
        g_assert_cmpuint(t->cpus[0]->cpu->gpr[9], ==, 1);
    }
    finish(t);
}

static void test_many_keep_all_registers(void)
{
    BEGIN(t, mixed);
    for (unsigned i = 10; i <= 13; i++) {
        t->cpus[0]->cpu->gpr[i] = 0x1111111111111111ULL * i;
    }
    t->cpus[0]->cpu->vec[7].q[0] = 0xabcdef;
    g_assert_cmpint(tiny_run(t), ==, 1);
    g_assert_cmpuint(*(uint64_t *)(void *)(t->ram->host + DATA), ==, 1001);
    g_assert_cmpuint(t->cpus[0]->cpu->gpr[8], ==, 1000);
    for (unsigned i = 10; i <= 13; i++) {
        g_assert_cmphex(t->cpus[0]->cpu->gpr[i], ==, 0x1111111111111111ULL * i);
    }
    g_assert_cmphex(t->cpus[0]->cpu->vec[7].q[0], ==, 0xabcdef);
    finish(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lock-cmpxchg16b", test_lock_cmpxchg16b);
    g_test_add_func("/int3", test_int3);
    g_test_add_func("/ud2-reaches-the-guest", test_ud2_reaches_the_guest);
    g_test_add_func("/xrstor", test_xrstor);
    g_test_add_func("/many-keep-all-registers", test_many_keep_all_registers);
    return g_test_run();
}
