/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions in long mode: vectors, error codes, where they point, double faults on an
 * IST, and SYSCALL.
 */
#include "tests/guest/trap64.h"

enum { CR0_MP = 2, CR0_EM = 4, CR0_TS = 8, CR0_AM = 1 << 18, CR4_OSXMMEXCPT = 1 << 10 };
#define NON_CANONICAL UINT64_C(0x8000000000000000)

static uint64_t data[4] __attribute__((aligned(64)));

static uint64_t read_cr0(void)
{
    uint64_t val;

    asm volatile("mov %%cr0, %0" : "=r"(val));
    return val;
}

static void write_cr0(uint64_t val)
{
    asm volatile("mov %0, %%cr0" : : "r"(val) : "memory");
}

static uint64_t read_cr4(void)
{
    uint64_t val;

    asm volatile("mov %%cr4, %0" : "=r"(val));
    return val;
}

static void write_cr4(uint64_t val)
{
    asm volatile("mov %0, %%cr4" : : "r"(val) : "memory");
}

/* The byte that the last fault points at, or the one before it. */
static uint8_t byte_at_fault(int offset)
{
    return *(const uint8_t *)(fault.rip + (uint64_t)(int64_t)offset);
}

static void test_divide(void)
{
    check_eq("de-by-zero", TRY("xorl %%ecx, %%ecx\n\tdivl %%ecx", "i"(0)), TRAP_DE);
    check_eq("de-points-at-the-division", byte_at_fault(0), 0xf7);
    check_eq("de-overflow",
             TRY("movl $0x80000000, %%eax\n\tcltd\n\tmovl $-1, %%ecx\n\tidivl %%ecx", "i"(0)),
             TRAP_DE);
}

static void test_software(void)
{
    check_eq("bp", TRY("int3", "i"(0)), TRAP_BP);
    check_eq("bp-points-behind", byte_at_fault(-1), 0xcc);
    check_eq("int-4", TRY("int $4", "i"(0)), TRAP_OF);
    check_eq("ud2", TRY("ud2", "i"(0)), TRAP_UD);
    check_eq("ud2-points-at-itself", byte_at_fault(1), 0x0b);
    check_eq("ud-into-in-long-mode", TRY(".byte 0xce", "i"(0)), TRAP_UD);
    check_eq("ud-push-es-in-long-mode", TRY(".byte 0x06", "i"(0)), TRAP_UD);
    check_eq("ud-lock-mov", TRY(".byte 0xf0, 0x89, 0x07", "D"(data)), TRAP_UD);
    check_eq("ud-lock-register", TRY(".byte 0xf0, 0x01, 0xc0", "i"(0)), TRAP_UD);
    check_eq("gp-sixteen-bytes", TRY(".fill 15, 1, 0x66\n\tnop", "i"(0)), TRAP_GP);
    check_eq("fifteen-bytes-run", TRY(".fill 14, 1, 0x66\n\tnop", "i"(0)), NO_TRAP);
}

static void test_fpu(void)
{
    uint64_t cr0 = read_cr0(), cr4 = read_cr4();

    write_cr0(cr0 | CR0_TS);
    check_eq("nm-x87", TRY("fnop", "i"(0)), TRAP_NM);
    check_eq("nm-sse", TRY("pxor %%xmm0, %%xmm0", "i"(0)), TRAP_NM);
    check_eq("nm-wait", TRY("fwait", "i"(0)), TRAP_NM);
    write_cr0((cr0 | CR0_TS) & ~(uint64_t)CR0_MP);
    check_eq("wait-without-mp", TRY("fwait", "i"(0)), NO_TRAP);
    asm volatile("clts");
    check_eq("clts", read_cr0() & CR0_TS, 0);
    write_cr0(cr0 | CR0_EM);
    check_eq("nm-x87-emulated", TRY("fnop", "i"(0)), TRAP_NM);
    check_eq("ud-sse-emulated", TRY("pxor %%xmm0, %%xmm0", "i"(0)), TRAP_UD);
    write_cr0(cr0);

    data[0] = 0x37b; /* divisions by zero are not masked */
    check_eq("mf",
             TRY("fninit\n\tfldcw (%%rdi)\n\tfld1\n\tfldz\n\tfdivrp\n\tnop\n\tfwait", "D"(data)),
             TRAP_MF);
    check_eq("mf-points-at-the-next", byte_at_fault(0), 0x9b);
    asm volatile("fninit");

    data[0] = 0x1d80; /* the same for MXCSR */
    data[1] = 0x3f800000;
#define DIVIDE_SSE                                                                                 \
    "ldmxcsr (%%rdi)\n\tmovss 8(%%rdi), %%xmm0\n\txorps %%xmm1, %%xmm1\n\tdivss %%xmm1, %%xmm0"
    check_eq("xm", TRY(DIVIDE_SSE, "D"(data)), TRAP_XM);
    check_eq("xm-points-at-the-division", byte_at_fault(0), 0xf3);
    asm volatile("stmxcsr %0" : "=m"(data[2]));
    check_eq("xm-sets-mxcsr", data[2] & 0x3f, 4);
    write_cr4(cr4 & ~(uint64_t)CR4_OSXMMEXCPT);
    check_eq("ud-xm-not-enabled", TRY(DIVIDE_SSE, "D"(data)), TRAP_UD);
    write_cr4(cr4);
    data[0] = 0x1f80;
    asm volatile("ldmxcsr %0" : : "m"(data[0]));
}

static void test_protection(void)
{
    check_eq("gp-non-canonical", TRY("movq (%%rdi), %%rax", "D"(NON_CANONICAL)), TRAP_GP);
    check_eq("gp-non-canonical-error", fault.error, 0);
    check_eq("ss-non-canonical",
             TRY("movq %%rdi, %%rbp\n\tmovq (%%rbp), %%rcx", "D"(NON_CANONICAL)), TRAP_SS);
    check_eq("gp-unknown-msr", TRY("movl $0x12345678, %%ecx\n\trdmsr", "i"(0)), TRAP_GP);
    check_eq("gp-selector", TRY("movl $0x7fff, %%eax\n\tmovl %%eax, %%ds", "i"(0)), TRAP_GP);
    check_eq("gp-selector-error", fault.error, 0x7ffc);
    check_eq("gp-cr0-pg-without-pe", TRY("mov %%rdi, %%cr0", "D"(UINT64_C(0x80000000))), TRAP_GP);
    check_eq("gp-cr4-reserved", TRY("mov %%rdi, %%cr4", "D"(UINT64_C(1) << 50)), TRAP_GP);
    check_eq("gp-cr4-no-pae", TRY("mov %%rdi, %%cr4", "D"(UINT64_C(0x600))), TRAP_GP);
    check_eq("ud-cr1", TRY(".byte 0x0f, 0x20, 0xc8", "i"(0)), TRAP_UD);
    check_eq("gp-movaps-unaligned", TRY("movaps 4(%%rdi), %%xmm0", "D"(data)), TRAP_GP);
}

/* Interrupts through gates that are missing or not present. */
static void test_gates(void)
{
    struct table_pointer p = {0x40 * 16 - 1, (uint64_t)idt};

    asm volatile("lidt %0" : : "m"(p));
    check_eq("gp-beyond-idt", TRY("int $0x50", "i"(0)), TRAP_GP);
    check_eq("gp-beyond-idt-error", fault.error, 0x50 * 8 + 2);
    check_eq("gp-beyond-idt-points-at-int", byte_at_fault(0), 0xcd);
    p.limit = sizeof(idt) - 1;
    asm volatile("lidt %0" : : "m"(p));
    idt[0x51].type = 0x0e;
    check_eq("np-gate", TRY("int $0x51", "i"(0)), TRAP_NP);
    check_eq("np-gate-error", fault.error, 0x51 * 8 + 2);
    idt[0x52].type = 0x80;
    check_eq("gp-not-a-gate", TRY("int $0x52", "i"(0)), TRAP_GP);
    idt[0x53].selector = DATA_SELECTOR;
    check_eq("gp-gate-to-data", TRY("int $0x53", "i"(0)), TRAP_GP);
    check_eq("gp-gate-to-data-error", fault.error, DATA_SELECTOR);
}

static volatile uint64_t double_fault_rsp;

static void on_double_fault(struct trap *t)
{
    double_fault_rsp = (uint64_t)t;
    fault.vector = t->vector;
    fault.error = t->error;
    trap_return_to(t, recover_rip, recover_rsp);
}

/* A page fault whose gate is not present: a double fault, on the stack of IST 1. */
static void test_double_fault(void)
{
    uint64_t low = (uint64_t)ist_stack[0];

    trap_hook[TRAP_DF] = on_double_fault;
    idt[TRAP_PF].type = 0x0e;
    check_eq("df-page-fault-without-gate",
             TRY("movq (%%rdi), %%rax", "D"(UINT64_C(0x700000000000))), TRAP_DF);
    idt[TRAP_PF].type = GATE_INTERRUPT;
    check_eq("df-error", fault.error, 0);
    check("df-uses-its-ist",
          double_fault_rsp > low && double_fault_rsp < low + sizeof(ist_stack[0]));
    idt[TRAP_GP].type = 0x0e;
    check_eq("df-two-contributory", TRY("movl $0x7fff, %%eax\n\tmovl %%eax, %%ds", "i"(0)),
             TRAP_DF);
    idt[TRAP_GP].type = GATE_INTERRUPT;
    idt[TRAP_UD].type = 0x0e;
    check_eq("benign-then-contributory-is-no-double-fault", TRY("ud2", "i"(0)), TRAP_NP);
    check_eq("benign-then-contributory-error", fault.error, TRAP_UD * 8 + 3);
    idt[TRAP_UD].type = GATE_INTERRUPT;
}

/* Small programs for ring 3. */
#define USER(name, insns)                                                                          \
    asm(#name ":\n\t" insns "\n\tint $0x70");                                                      \
    extern char name[]
USER(user_hlt, "hlt");
USER(user_cli, "cli");
USER(user_in, "inb $0x80, %al");
USER(user_cr0, "movq %cr0, %rax");
USER(user_lgdt, "lgdt -32(%rsp)");
USER(user_int_0x60, "int $0x60");
USER(user_invlpg, "invlpg (%rsp)");
USER(user_sgdt, "sgdt -32(%rsp)");
USER(user_kernel_read, "movq (%rdi), %rax");
USER(user_unaligned, "movl -7(%rsp), %eax\n\tmovl $77, %eax");
USER(user_aligned, "movl -8(%rsp), %eax\n\tmovl $77, %eax");
USER(user_value, "leal 1(%rdi), %eax");
USER(user_popf, "pushq $0x3202\n\tpopfq\n\tpushfq\n\tpopq %rax");

static void user_faults(const char *name, const void *fn, uint64_t arg, uint64_t vector,
                        uint64_t error)
{
    user_call(fn, arg);
    if (fault.vector == vector && fault.error == error) {
        check(name, true);
        return;
    }
    begin("FAIL", name);
    put(": vector ");
    put_hex(fault.vector);
    put(" error ");
    put_hex(fault.error);
    put("\n");
    failures++;
}

static void test_user(void)
{
    uint64_t cr0 = read_cr0(), cr4 = read_cr4();

    check_eq("user-runs", user_call(user_value, 41), 42);
    check_eq("user-cs", fault.cs, 0x23);
    user_faults("user-hlt", user_hlt, 0, TRAP_GP, 0);
    user_faults("user-cli", user_cli, 0, TRAP_GP, 0);
    user_faults("user-in", user_in, 0, TRAP_GP, 0);
    user_faults("user-cr0", user_cr0, 0, TRAP_GP, 0);
    user_faults("user-lgdt", user_lgdt, 0, TRAP_GP, 0);
    user_faults("user-invlpg", user_invlpg, 0, TRAP_GP, 0);
    user_faults("user-int-without-privilege", user_int_0x60, 0, TRAP_GP, 0x60 * 8 + 2);
    user_faults("user-reads-kernel-page", user_kernel_read, (uint64_t)data, TRAP_PF, 5);
    check_eq("user-reads-kernel-page-cr2", fault.cr2, (uint64_t)data);
    check_eq("user-popf-keeps-if-and-iopl", user_call(user_popf, 0) & 0x3200, 0);
    if (has_feature(7, 0, 2, 2)) {
        write_cr4(cr4 | 1 << 11);
        user_faults("user-umip-sgdt", user_sgdt, 0, TRAP_GP, 0);
        write_cr4(cr4);
    } else {
        skip("user-umip-sgdt", "not in CPUID");
    }
    user_faults("user-sgdt", user_sgdt, 0, TRAP_SYSCALL, 0);

    write_cr0(cr0 | CR0_AM);
    user_call_flags(user_unaligned, 0, 1 << 18);
    check_eq("ac-user", fault.vector, TRAP_AC);
    check_eq("ac-error", fault.error, 0);
    check_eq("ac-aligned", user_call_flags(user_aligned, 0, 1 << 18), 77);
    check_eq("ac-flag-clear", user_call(user_unaligned, 0), 77);
    write_cr0(cr0);
    check_eq("ac-mask-clear", user_call_flags(user_unaligned, 0, 1 << 18), 77);
}

/* SYSCALL lands here, with the way back in RCX and R11. */
asm("syscall_entry:\n\tmovq %rcx, %rbx\n\tmovl %cs, %eax\n\tmovl %ss, %edx\n\t"
    "movq %rbx, %rcx\n\tsysretq");
/* Ring 3: two values come back through SYSCALL. */
asm("user_syscall:\n\tmovq $-1, %rax\n\tsyscall\n\tmovl %cs, %ecx\n\t"
    "shlq $16, %rdx\n\torq %rdx, %rax\n\tshlq $32, %rcx\n\torq %rcx, %rax\n"
    "user_syscall_end:\n\tud2");
extern char syscall_entry[], user_syscall[], user_syscall_end[];

static void test_syscall(void)
{
    wrmsr(0xc0000081, UINT64_C(0x0010000800000000)); /* STAR: ring 3 from 0x10, ring 0 from 0x08 */
    wrmsr(0xc0000082, (uint64_t)syscall_entry);
    wrmsr(0xc0000084, 0x200);
    check_eq("syscall-and-sysret-selectors", user_call(user_syscall, 0),
             UINT64_C(0x23) << 32 | 0x10 << 16 | 0x08);
    check_eq("syscall-came-back", fault.rip, USER_BASE + (uint64_t)user_syscall_end);
}

int guest_main(uintptr_t start_info)
{
    (void)start_info;
    test_divide();
    test_software();
    test_fpu();
    test_protection();
    test_gates();
    test_double_fault();
    test_user();
    test_syscall();
    finish();
}
