/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug exceptions: single step, INT1, breakpoints on code, data and ports, DR6 and DR7, and the
 * shadows of STI and MOV SS.
 */
#include "tests/guest/trap64.h"

enum {
    DR6_RESET = 0xffff0ff0u,
    DR6_BD = 1 << 13,
    DR6_BS = 1 << 14,
    DR7_RESET = 0x400,
    DR7_GD = 1 << 13,
    RW_EXECUTE = 0,
    RW_WRITE = 1,
    RW_PORT = 2,
    RW_ANY = 3,
    LEN_1 = 0,
    LEN_2 = 1,
    LEN_8 = 2,
    LEN_4 = 3,
    RFLAGS_TF = 1 << 8,
    RFLAGS_RF = 1 << 16,
    CR4_DE = 1 << 3,
    SELF_VECTOR = 0x60,
    MAX_STEPS = 8,
};

static volatile unsigned traps, steps_wanted;
static volatile uint64_t trap_rip[MAX_STEPS], trap_dr6, trap_dr7, trap_rflags;
static volatile uint64_t watched[2] __attribute__((aligned(16)));
static volatile uint16_t stack_selector = DATA_SELECTOR;

static uint64_t read_dr6(void)
{
    uint64_t val;

    asm volatile("mov %%db6, %0" : "=r"(val));
    return val;
}

static uint64_t read_dr7(void)
{
    uint64_t val;

    asm volatile("mov %%db7, %0" : "=r"(val));
    return val;
}

static void write_dr6(uint64_t val)
{
    asm volatile("mov %0, %%db6" : : "r"(val) : "memory");
}

static void write_dr7(uint64_t val)
{
    asm volatile("mov %0, %%db7" : : "r"(val) : "memory");
}

static void on_debug(struct trap *t)
{
    trap_rip[traps % MAX_STEPS] = t->rip;
    trap_dr6 = read_dr6();
    trap_dr7 = read_dr7();
    trap_rflags = t->rflags;
    traps++;
    if (traps >= steps_wanted) {
        t->rflags &= ~(uint64_t)RFLAGS_TF;
    }
    if (!(trap_dr6 & DR6_BS)) {
        t->rflags |= RFLAGS_RF; /* past a breakpoint on code */
    }
    write_dr6(DR6_RESET);
}

static void arm(uint64_t address, unsigned rw, unsigned len)
{
    traps = 0;
    trap_dr6 = 0;
    write_dr6(DR6_RESET);
    asm volatile("mov %0, %%db0" : : "r"(address));
    write_dr7(DR7_RESET | 1 | (uint64_t)(rw | len << 2) << 16);
}

static void disarm(void)
{
    write_dr7(DR7_RESET);
}

static void start_steps(unsigned n)
{
    traps = 0;
    steps_wanted = n;
}

static void test_single_step(void)
{
    uint64_t first;

    start_steps(3);
    asm volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n"
                 "1:\tnop\n\tnop\n\tnop\n\tnop\n\tleaq 1b(%%rip), %0"
                 : "=r"(first)
                 :
                 : "memory", "cc");
    check_eq("step-count", traps, 3);
    check_eq("step-first-after-next-instruction", trap_rip[0], first + 1);
    check_eq("step-third", trap_rip[2], first + 3);
    check_eq("step-dr6", trap_dr6, DR6_RESET | DR6_BS);

    start_steps(100);
    asm volatile(
        "pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tpushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq"
        :
        :
        : "memory", "cc");
    check_eq("step-popf-that-clears-tf-still-traps", traps, 3);

    start_steps(5);
    {
        static uint8_t from[4], to[4];
        void *si = from, *di = to;
        uint64_t n = 3;

        asm volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\trep movsb\n\tnop\n\tnop"
                     : "+S"(si), "+D"(di), "+c"(n)
                     :
                     : "memory", "cc");
        check_eq("step-each-repetition", trap_rip[0], trap_rip[1]);
        check_eq("step-last-repetition", trap_rip[2], trap_rip[0] + 2);
        check_eq("step-rep-count", traps, 5);
    }

    start_steps(2);
    asm volatile("movl $0x10, %%eax\n\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n"
                 "1:\tmovl %%eax, %%ss\n\tnop\n\tnop\n\tleaq 1b(%%rip), %0"
                 : "=r"(first)
                 :
                 : "rax", "memory", "cc");
    check_eq("step-shadow-of-mov-ss", trap_rip[0], first + 3);
}

static void test_int1(void)
{
    start_steps(0);
    write_dr6(DR6_RESET);
    check_eq("int1", TRY(".byte 0xf1", "i"(0)), NO_TRAP);
    check_eq("int1-count", traps, 1);
    check("int1-points-behind", traps && *(const uint8_t *)(trap_rip[0] - 1) == 0xf1);
    check_eq("int1-leaves-dr6", trap_dr6, DR6_RESET);
}

/* A target for breakpoints. */
asm("break_here:\n\tnop\n\tret");
extern char break_here[];

static void test_code_breakpoint(void)
{
    uint64_t target = (uint64_t)break_here;

    arm(target, RW_EXECUTE, LEN_1);
    asm volatile("call *%0" : : "r"(target) : "memory");
    disarm();
    check_eq("code-breakpoint-once", traps, 1);
    check_eq("code-breakpoint-is-a-fault", trap_rip[0], target);
    check_eq("code-breakpoint-dr6", trap_dr6, DR6_RESET | 1);
    check_eq("code-breakpoint-pushes-rf-clear", trap_rflags & RFLAGS_RF, 0);
    traps = 0;
    asm volatile("call *%0" : : "r"(target) : "memory");
    check_eq("code-breakpoint-disabled", traps, 0);
}

static void test_data_breakpoint(void)
{
    uint64_t after;

    arm((uint64_t)&watched[0], RW_WRITE, LEN_4);
    asm volatile("movl $1, %1\n1:\tleaq 1b(%%rip), %0" : "=r"(after), "=m"(watched[0]));
    check_eq("write-breakpoint-count", traps, 1);
    check_eq("write-breakpoint-is-a-trap", trap_rip[0], after);
    check_eq("write-breakpoint-dr6", trap_dr6, DR6_RESET | 1);
    check_eq("write-breakpoint-after-the-write", watched[0], 1);
    traps = 0;
    (void)watched[0];
    check_eq("write-breakpoint-ignores-reads", traps, 0);
    *(volatile uint8_t *)((uintptr_t)&watched[0] + 4) = 1;
    check_eq("write-breakpoint-ignores-neighbours", traps, 0);
    *(volatile uint8_t *)((uintptr_t)&watched[0] + 3) = 1;
    check_eq("write-breakpoint-last-byte", traps, 1);
    traps = 0;
    *(volatile uint64_t *)((uintptr_t)&watched[0] - 4 + 1) = 1;
    check_eq("write-breakpoint-overlap", traps, 1);
    asm volatile("pushq %0\n\tpopq %0" : "+m"(watched[0]));
    check_eq("write-breakpoint-pop", traps, 2);

    arm((uint64_t)&watched[1], RW_ANY, LEN_8);
    (void)watched[1];
    check_eq("any-breakpoint-read", traps, 1);
    *(volatile uint8_t *)((uintptr_t)&watched[1] + 7) = 1;
    check_eq("any-breakpoint-eight-bytes", traps, 2);
    disarm();

    write_dr6(DR6_RESET); /* hits are noted only where they are enabled */
    asm volatile("mov %0, %%db1" : : "r"(&watched[1]));
    arm((uint64_t)&watched[0], RW_WRITE, LEN_8);
    write_dr7(read_dr7() | 1 << 3 | (uint64_t)(RW_WRITE | LEN_8 << 2) << 20); /* G1 too */
    watched[1] = 5;
    check_eq("second-breakpoint-dr6", trap_dr6 & 0xf, 2);
    disarm();
}

static void test_mov_ss_holds_breakpoint(void)
{
    uint64_t after;

    arm((uint64_t)&stack_selector, RW_ANY, LEN_2);
    asm volatile("movw %1, %%ss\n\tnop\n1:\tleaq 1b(%%rip), %0"
                 : "=r"(after)
                 : "m"(stack_selector)
                 : "memory");
    disarm();
    check_eq("mov-ss-breakpoint-count", traps, 1);
    check_eq("mov-ss-breakpoint-waits-one-instruction", trap_rip[0], after);
}

static void test_port_breakpoint(void)
{
    uint64_t cr4, after;

    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    asm volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_DE));
    arm(0x80, RW_PORT, LEN_1);
    asm volatile("outb %%al, $0x80\n1:\tleaq 1b(%%rip), %0" : "=r"(after) : "a"(0));
    check_eq("port-breakpoint-count", traps, 1);
    check_eq("port-breakpoint-is-a-trap", trap_rip[0], after);
    check_eq("port-breakpoint-dr6", trap_dr6, DR6_RESET | 1);
    outb(0x81, 0);
    check_eq("port-breakpoint-ignores-others", traps, 1);
    disarm();
    check_eq("dr4-with-de", TRY("mov %%db4, %%rax", "i"(0)), TRAP_UD);
    asm volatile("mov %0, %%cr4" : : "r"(cr4));
    write_dr6(DR6_RESET | 3);
    asm volatile("mov %%db4, %0" : "=r"(after));
    check_eq("dr4-is-dr6-without-de", after, DR6_RESET | 3);
}

static void test_registers(void)
{
    write_dr6(0);
    check("dr6-fixed-bits", (read_dr6() & 0xfffe0ff0u) == 0xfffe0ff0u);
    write_dr6(DR6_RESET);
    check_eq("dr6-upper-half", TRY("mov %%rdi, %%db6", "D"(UINT64_C(1) << 32)), TRAP_GP);
    check_eq("dr7-upper-half", TRY("mov %%rdi, %%db7", "D"(UINT64_C(1) << 32)), TRAP_GP);
    write_dr7(0);
    check_eq("dr7-fixed-bit", read_dr7(), DR7_RESET);

    traps = 0;
    write_dr7(DR7_RESET | DR7_GD);
    asm volatile("mov %%db0, %%rax" : : : "rax");
    check_eq("general-detect-count", traps, 1);
    check_eq("general-detect-dr6", trap_dr6, DR6_RESET | DR6_BD);
    check_eq("general-detect-is-off-in-the-handler", trap_dr7 & DR7_GD, 0);
    write_dr7(DR7_RESET);
}

static volatile uint64_t interrupt_rip;

static void on_self_ipi(struct trap *t)
{
    interrupt_rip = t->rip;
    lapic_write(0xb0, 0);
}

static void test_sti_shadow(void)
{
    uint64_t first;

    trap_hook[SELF_VECTOR] = on_self_ipi;
    lapic_write(0xf0, 0x1ff);
    lapic_write(0x300, 0x44000 | SELF_VECTOR); /* to self; it waits for IF */
    for (unsigned i = 0; i < 1000; i++) {
        asm volatile("pause");
    }
    asm volatile("sti\n1:\tnop\n\tnop\n\tnop\n\tcli\n\tleaq 1b(%%rip), %0"
                 : "=r"(first)
                 :
                 : "memory");
    check_eq("sti-shadow-is-one-instruction", interrupt_rip, first + 1);

    interrupt_rip = 0;
    lapic_write(0x300, 0x44000 | SELF_VECTOR);
    asm volatile("sti\n\tcli\n\tnop\n\tnop" : : : "memory");
    check_eq("sti-cli-lets-nothing-in", interrupt_rip, 0);
    asm volatile("sti\n1:\thlt\n\tcli\n\tleaq 1b(%%rip), %0" : "=r"(first) : : "memory");
    check_eq("sti-hlt-wakes-behind-hlt", interrupt_rip, first + 1);
}

int guest_main(uintptr_t start_info)
{
    (void)start_info;
    trap_hook[TRAP_DB] = on_debug;
    disarm();
    test_single_step();
    test_int1();
    test_code_breakpoint();
    test_data_breakpoint();
    test_mov_ss_holds_breakpoint();
    test_port_breakpoint();
    test_registers();
    test_sti_shadow();
    finish();
}
