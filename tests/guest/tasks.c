/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware tasks: switches by JMP, CALL, IRET, task gates, interrupts and faults; busy bits, NT,
 * the back link, TS, what is saved; error codes of bad task state segments; 16-bit TSS; debug trap.
 */
#include "tests/guest/trap32.h"

enum {
    SEL_MAIN = FREE,
    SEL_TASK = FREE + 0x08,
    SEL_GATE = FREE + 0x10,
    SEL_SHORT = FREE + 0x18,
    SEL_TASK16 = FREE + 0x20,
    SEL_CODE16 = FREE + 0x28,
    SEL_STACK16 = FREE + 0x30,
    SEL_INVALID_TSS = FREE + 0x38,
    VECTOR_TASK = 0x60,
    TSS_AVAILABLE = 0x89,
    TSS_BUSY = 0x8b,
    TSS16_AVAILABLE = 0x81,
    EFLAGS_NT = 1 << 14,
    CR0_TS = 8,
};

struct tss16 {
    uint16_t link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags, ax, cx, dx, bx, sp, bp, si, di;
    uint16_t es, cs, ss, ds, ldt;
};

static struct tss32 main_tss, task_tss, ts_tss;
static struct tss16 task_tss16;
static uint8_t task_stack[4096] __attribute__((aligned(16)));
static uint8_t ts_stack[4096] __attribute__((aligned(16)));

/* What the task saw, and what it is to do at its end. */
__attribute__((used)) static volatile uint32_t seen_eflags, seen_cr0, seen_tr, seen_error, runs;
__attribute__((used)) static volatile uint32_t seen_eax, seen_ebx;

/* Each way in has its way out; behind it the task goes on when it is called again. */
asm("task_iret:\n\tcall note\n\tiretl\n\tjmp task_iret\n"
    "task_jump:\n\tcall note\n\tljmp $0x28, $0\n\tjmp task_jump\n"
    "task_fault:\n\tpopl seen_error\n\tcall note\n\tmovl main_tss + 32, %eax\n\t"
    "addl $2, %eax\n\tmovl %eax, main_tss + 32\n\tiretl\n\tjmp task_fault\n"
    "task16:\n\tincl runs\n\tmovl %eax, seen_eax\n\tiretl\n\tjmp task16\n"
    "note:\n\tincl runs\n\tmovl %eax, seen_eax\n\tmovl %ebx, seen_ebx\n\tpushfl\n\t"
    "popl seen_eflags\n\tmovl %cr0, %ecx\n\tmovl %ecx, seen_cr0\n\tclts\n\t"
    "xorl %ecx, %ecx\n\tstr %cx\n\tmovl %ecx, seen_tr\n\tmovl $0xbad, %ebx\n\tret\n");
extern char task_iret[], task_jump[], task_fault[], task16[];

static void set_tss(uint16_t selector, void *tss, uint32_t limit, uint8_t access_byte)
{
    set_descriptor(selector, descriptor((uint32_t)(uintptr_t)tss, limit, access_byte, 0));
}

static void prepare(const void *entry)
{
    runs = 0;
    task_tss = (struct tss32){.eip = (uint32_t)(uintptr_t)entry,
                              .eflags = 2,
                              .eax = 0x11112222,
                              .ebx = 0x33334444,
                              .esp = (uint32_t)(uintptr_t)(task_stack + sizeof(task_stack)),
                              .es = DATA0,
                              .cs = CODE0,
                              .ss = DATA0,
                              .ds = DATA0,
                              .fs = DATA0,
                              .gs = DATA0,
                              .io_map = sizeof(task_tss)};
    set_tss(SEL_TASK, &task_tss, sizeof(task_tss) - 1, TSS_AVAILABLE);
}

/* Runs instructions that switch tasks and come back; registers are noise then. */
#define SWITCH(insns)                                                                              \
    asm volatile("pushal\n\tmovl $0x5555, %%ebx\n\t" insns "\n\tpopal\n\tclts"                     \
                 :                                                                                 \
                 :                                                                                 \
                 : "memory", "c"                                                                   \
                             "c")

static void test_call(void)
{
    prepare(task_iret);
    SWITCH("lcall $0x30, $0");
    check_eq("call-runs-the-task", runs, 1);
    check("call-loads-registers", seen_eax == 0x11112222 && seen_ebx == 0x33334444);
    check_eq("call-sets-nt", seen_eflags & EFLAGS_NT, EFLAGS_NT);
    check_eq("call-sets-the-link", task_tss.link, SEL_MAIN);
    check_eq("call-loads-tr", seen_tr, SEL_TASK);
    check_eq("switch-sets-ts", seen_cr0 & CR0_TS, CR0_TS);
    check_eq("iret-makes-the-task-available", access_of(SEL_TASK), TSS_AVAILABLE);
    check_eq("caller-stays-busy", access_of(SEL_MAIN), TSS_BUSY);
    check_eq("caller-was-saved", main_tss.ebx, 0x5555);
    check_eq("task-was-saved", task_tss.ebx, 0xbad);
    check_eq("iret-saves-nt-clear", task_tss.eflags & EFLAGS_NT, 0);
    check_eq("caller-saved-cs", main_tss.cs & 0xffff, CODE0);
    SWITCH("lcall $0x30, $0");
    check_eq("task-goes-on-where-it-was", runs, 2);
    SWITCH("lcall $0x38, $0");
    check_eq("call-through-a-task-gate", runs, 3);
}

static void test_jump(void)
{
    prepare(task_jump);
    SWITCH("ljmp $0x30, $0");
    check_eq("jump-runs-the-task", runs, 1);
    check_eq("jump-leaves-nt", seen_eflags & EFLAGS_NT, 0);
    check_eq("jump-back-frees-the-task", access_of(SEL_TASK), TSS_AVAILABLE);
    check_eq("jump-back-takes-main", access_of(SEL_MAIN), TSS_BUSY);
    SWITCH("ljmp $0x38, $0");
    check_eq("jump-through-a-task-gate", runs, 2);
}

static void test_interrupts(void)
{
    prepare(task_iret);
    idt[VECTOR_TASK] = gate(SEL_TASK, 0, GATE_TASK, 0);
    SWITCH("int $0x60");
    check_eq("interrupt-task-gate", runs, 1);
    check_eq("interrupt-task-gate-nt", seen_eflags & EFLAGS_NT, EFLAGS_NT);
    prepare(task_fault);
    idt[TRAP_GP] = gate(SEL_TASK, 0, GATE_TASK, 0);
    SWITCH("movl $0x7ff8, %%eax\n\tmovl %%eax, %%fs"); /* two bytes, skipped by the task */
    idt[TRAP_GP] = gate(CODE0, (uint32_t)(uintptr_t)trap_stubs + TRAP_GP * 16, GATE_INTERRUPT, 0);
    check_eq("fault-task-gate", runs, 1);
    check_eq("fault-task-gate-error-code", seen_error, 0x7ff8);
}

/* The fault must have this vector and error code; the task must not have run. */
static void faults(const char *name, uint32_t vector, uint32_t want, uint32_t error)
{
    if (vector == want && fault.error == error && runs == 0) {
        check(name, true);
        return;
    }
    begin("FAIL", name);
    put(": vector ");
    put_hex(vector);
    put(" error ");
    put_hex(fault.error);
    put(" runs ");
    put_hex(runs);
    put("\n");
    failures++;
}

/*
 * #TS of a half-loaded task needs a task of its own, as the manual advises. It becomes the main
 * task by hand and goes on behind TRY().
 */
asm("invalid_tss:\n\tpopl seen_error\n\tcall on_invalid_tss");
extern char invalid_tss[];

void on_invalid_tss(void);
void __attribute__((used)) on_invalid_tss(void)
{
    fault.vector = TRAP_TS;
    fault.error = seen_error;
    set_tss(SEL_MAIN, &main_tss, sizeof(main_tss) - 1, TSS_AVAILABLE);
    asm volatile("pushl $2\n\tpopfl\n\tclts\n\tltr %w0" : : "r"(SEL_MAIN));
    trap_recover();
}

static void prepare_handler(void)
{
    ts_tss = (struct tss32){.eip = (uint32_t)(uintptr_t)invalid_tss,
                            .eflags = 2,
                            .esp = (uint32_t)(uintptr_t)(ts_stack + sizeof(ts_stack)),
                            .es = DATA0,
                            .cs = CODE0,
                            .ss = DATA0,
                            .ds = DATA0,
                            .io_map = sizeof(ts_tss)};
    set_tss(SEL_INVALID_TSS, &ts_tss, sizeof(ts_tss) - 1, TSS_AVAILABLE);
    idt[TRAP_TS] = gate(SEL_INVALID_TSS, 0, GATE_TASK, 0);
}

static void test_faults(void)
{
    prepare_handler();
    prepare(task_iret);
    set_tss(SEL_TASK, &task_tss, sizeof(task_tss) - 1, TSS_BUSY);
    faults("busy", TRY("lcall $0x30, $0", "i"(0)), TRAP_GP, SEL_TASK);
    set_tss(SEL_TASK, &task_tss, sizeof(task_tss) - 1, TSS_AVAILABLE & 0x7f);
    faults("not-present", TRY("lcall $0x30, $0", "i"(0)), TRAP_NP, SEL_TASK);
    prepare_handler();
    set_tss(SEL_SHORT, &task_tss, 102, TSS_AVAILABLE);
    faults("limit-too-small", TRY("lcall $0x40, $0", "i"(0)), TRAP_TS, SEL_SHORT);
    prepare_handler();
    prepare(task_iret);
    task_tss.cs = DATA0;
    faults("cs-is-data", TRY("lcall $0x30, $0", "i"(0)), TRAP_TS, DATA0);
    prepare_handler();
    prepare(task_iret);
    task_tss.ss = CODE0;
    faults("ss-is-code", TRY("lcall $0x30, $0", "i"(0)), TRAP_TS, CODE0);
    prepare_handler();
    prepare(task_iret);
    task_tss.fs = 0x7ff8;
    faults("fs-beyond-the-table", TRY("lcall $0x30, $0", "i"(0)), TRAP_TS, 0x7ff8);
    prepare_handler();
    prepare(task_iret);
    task_tss.ldt = DATA0;
    faults("ldt-is-data", TRY("lcall $0x30, $0", "i"(0)), TRAP_TS, DATA0);
    main_tss.link = SEL_TASK; /* IRET with NT goes to the link, which is not busy */
    prepare_handler();
    prepare(task_iret);
    faults("iret-to-an-available-task",
           TRY("pushfl\n\torl $0x4000, (%%esp)\n\tpopfl\n\tiretl", "i"(0)), TRAP_TS, SEL_TASK);
    main_tss.link = 0;
}

static void test_tss16(void)
{
    runs = 0;
    task_tss16 =
        (struct tss16){.ip = 0, .flags = 2, .ax = 0x1616, .sp = 0, .es = DATA0, .ds = DATA0};
    /* IP and SP have 16 bits: code and stack get segments based at them. */
    set_descriptor(SEL_CODE16, descriptor((uint32_t)(uintptr_t)task16, 0xffff, 0x9a, 4));
    set_descriptor(SEL_STACK16, descriptor((uint32_t)(uintptr_t)task_stack, 0xfff, 0x92, 4));
    task_tss16.cs = SEL_CODE16;
    task_tss16.ss = SEL_STACK16;
    task_tss16.sp = 0xf00;
    set_tss(SEL_TASK16, &task_tss16, sizeof(task_tss16) - 1, TSS16_AVAILABLE);
    SWITCH("lcall $0x48, $0");
    check_eq("tss-of-16-bits-runs", runs, 1);
    check_eq("tss-of-16-bits-registers", seen_eax & 0xffff, 0x1616);
    check_eq("tss-of-16-bits-link", task_tss16.link, SEL_MAIN);
    check_eq("tss-of-16-bits-available-again", access_of(SEL_TASK16), TSS16_AVAILABLE);
}

static volatile uint32_t debug_traps, debug_dr6;

static void on_debug(struct trap *t)
{
    uint32_t dr6;

    (void)t;
    asm volatile("mov %%db6, %0" : "=r"(dr6));
    debug_dr6 = dr6;
    debug_traps++;
    asm volatile("mov %0, %%db6" : : "r"(0xffff0ff0));
}

static void test_debug_trap(void)
{
    trap_hook[TRAP_DB] = on_debug;
    prepare_handler();
    prepare(task_iret);
    task_tss.trap = 1;
    SWITCH("lcall $0x30, $0");
    check_eq("debug-trap-bit-traps", debug_traps, 1);
    check_eq("debug-trap-dr6-bt", debug_dr6 & 0x8000, 0x8000);
    check_eq("debug-trap-then-runs", runs, 1);
}

int guest_main(uint32_t magic, uintptr_t info)
{
    (void)magic, (void)info;
    main_tss = (struct tss32){.io_map = sizeof(main_tss)};
    set_tss(SEL_MAIN, &main_tss, sizeof(main_tss) - 1, TSS_AVAILABLE);
    set_descriptor(SEL_GATE, gate(SEL_TASK, 0, GATE_TASK, 0));
    asm volatile("lldt %w1\n\tltr %w0" : : "r"(SEL_MAIN), "r"(0));
    check_eq("ltr-makes-busy", access_of(SEL_MAIN), TSS_BUSY);
    test_call();
    test_jump();
    test_interrupts();
    test_faults();
    test_tss16();
    test_debug_trap();
    finish();
}
