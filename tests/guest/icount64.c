/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counted instructions (-icount): time is their number, whatever the host does.
 *
 * Checks that time passes by the instruction and that timers and interrupts come at the very
 * instruction. Prints what it saw of clocks, timers, random numbers and a second CPU: two runs must
 * print the same. "sleep=N" on the command line gives the seconds that it sleeps.
 */
#include "tests/guest/trap64.h"

enum {
    VECTOR_IPI = 0x50,
    VECTOR_TIMER = 0x51,
    LAPIC_EOI = 0xb0,
    LAPIC_ICR = 0x300,
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_TIMER_COUNT = 0x380,
    LAPIC_TIMER_NOW = 0x390,
    LAPIC_TIMER_DIVIDE = 0x3e0,
    ICR_SELF = 1 << 18,
    ICR_ASSERT = 1 << 14,
    MSR_TSC_DEADLINE = 0x6e0,
    TSC_HZ = 1000000000,
};

static volatile uint64_t irq_rip, irq_tsc, irq_rcx;
static volatile unsigned irqs, ap_turns, ap_go;
static uint64_t unit; /* time stamps per instruction */
static uint8_t __attribute__((used)) buffer[1 << 20];

static void show(const char *name, uint64_t val)
{
    put("saw ");
    put(name);
    put(" ");
    put_hex(val);
    put("\n");
}

/* Like on a stop watch, time runs from the first RDTSC to the second; RBX, RSI, RDI, RCX are free
 * for what comes between. The value is the number of instructions, the first RDTSC included. */
#define MEASURE(insns, ...)                                                                        \
    ({                                                                                             \
        uint64_t from, to;                                                                         \
        asm volatile("rdtsc\n\tmovl %%eax, %%r8d\n\tmovl %%edx, %%r9d\n\t" insns                   \
                     "\n\trdtsc\n\tshlq $32, %%rdx\n\torq %%rdx, %%rax\n\t"                        \
                     "shlq $32, %%r9\n\torq %%r9, %%r8\n\tmovq %%r8, %1"                           \
                     : "=&a"(to), "=&r"(from)                                                      \
                     : __VA_ARGS__                                                                 \
                     : "rdx", "rbx", "rcx", "rsi", "rdi", "r8", "r9", "memory", "cc");             \
        (to - from) / unit;                                                                        \
    })

static void on_irq(struct trap *t)
{
    irq_tsc = rdtsc();
    irq_rip = t->rip;
    irq_rcx = t->rcx;
    irqs++;
    lapic_write(LAPIC_EOI, 0);
}

static void test_counting(void)
{
    uint64_t first = rdtsc();

    asm volatile("rdtsc\n\tmovl %%eax, %%ecx\n\trdtsc\n\tsubl %%ecx, %%eax\n\tshrl $1, %%eax"
                 : "=a"(unit)
                 :
                 : "rcx", "rdx");
    show("first", first);
    show("unit", unit);
    check_eq("nothing-counts-three", MEASURE("", "i"(0)), 3);
    check_eq("nops-count", MEASURE(".rept 200\n\tnop\n\t.endr", "i"(0)), 203);
    check_eq("branches-count", MEASURE("movl $100, %%ecx\n1:\tdecl %%ecx\n\tjnz 1b", "i"(0)), 204);
    check_eq("a-repeated-one-counts-once",
             MEASURE("leaq buffer(%%rip), %%rdi\n\tmovl $1<<20, %%ecx\n\t"
                     "rep stosb",
                     "i"(0)),
             6);
    check_eq("ports-count", MEASURE("inb $0x61, %%al\n\tnop\n\tinb $0x61, %%al", "i"(0)), 6);
    check_eq("mmio-counts",
             MEASURE("movl $0xfee00000, %%ebx\n\tmovl 0x20(%%rbx), %%ecx\n\tnop\n\t"
                     "movl 0x20(%%rbx), %%ecx",
                     "i"(0)),
             7);
    /* the second store's instruction turns the INC into a NOP, in the block that is running */
    check_eq("changed-code-counts",
             MEASURE("leaq 1f(%%rip), %%rbx\n\tmovl $5, %%ecx\n\tmovw $0x9066, (%%rbx)\n\tnop\n"
                     "1:\tincl %%ecx\n\tnop\n\tmovw $0xc1ff, (%%rbx)\n\tnop",
                     "i"(0)),
             11);
}

static void on_ud(struct trap *t)
{
    t->rip += 2;
}

static void test_faults(void)
{
    uint64_t one, two;

    trap_hook[TRAP_UD] = on_ud;
    one = MEASURE("ud2", "i"(0));
    two = MEASURE("ud2\n\tnop\n\tud2\n\tnop", "i"(0));
    check_eq("faults-count-the-same", two - 3, (one - 3) * 2 + 2);
    show("fault", one - 3);
}

static void test_interrupts(void)
{
    uint64_t after;

    trap_hook[VECTOR_IPI] = trap_hook[VECTOR_TIMER] = on_irq;
    lapic_write(0xf0, 0x1ff);
    asm volatile("sti\n\tnop\n\tmovl %1, 0x300(%2)\n1:\tnop\n\tnop\n\tnop\n\tcli\n\t"
                 "leaq 1b(%%rip), %0"
                 : "=r"(after)
                 : "r"(ICR_SELF | ICR_ASSERT | VECTOR_IPI), "r"((uint64_t)LAPIC)
                 : "memory");
    check_eq("comes-after-the-store-that-asks", irq_rip, after);
    lapic_write(LAPIC_ICR, ICR_SELF | ICR_ASSERT | VECTOR_IPI);
    asm volatile("nop\n\tsti\n\tnop\n1:\tnop\n\tnop\n\tcli\n\tleaq 1b(%%rip), %0" : "=r"(after));
    check_eq("comes-one-after-sti", irq_rip, after);
    check_eq("both-came", irqs, 2);
}

/* A loop of two instructions is interrupted after as many as the timer gives. */
static void test_timers(void)
{
    uint64_t deadline, left[3];

    lapic_write(LAPIC_TIMER_DIVIDE, 0xb);
    for (unsigned i = 0; i < 3; i++) {
        irqs = 0;
        lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
        asm volatile("sti\n\tmovl %0, 0x380(%1)\n\tmovl $1000000, %%ecx\n"
                     "1:\tdecl %%ecx\n\tjnz 1b\n\tcli"
                     :
                     : "r"((uint32_t)(unit * (10000 + i * 200))), "r"((uint64_t)LAPIC)
                     : "rcx", "memory", "cc");
        left[i] = irq_rcx;
        show("loop-at-timer", irq_rcx);
        show("tsc-at-timer", irq_tsc);
    }
    check("each-timer-came", left[0] && left[0] < 1000000 && left[1] && left[2]);
    check_eq("later-by-the-difference", left[0] - left[1], 100);
    check_eq("later-by-the-difference-again", left[1] - left[2], 100);

    irqs = 0;
    lapic_write(LAPIC_LVT_TIMER, 2 << 17 | VECTOR_TIMER);
    deadline = rdtsc() + 100000 * unit;
    wrmsr(MSR_TSC_DEADLINE, deadline);
    asm volatile("sti\n1:\tcmpl $0, %0\n\tjz 1b\n\tcli" : "+m"(irqs) : : "cc");
    show("tsc-after-deadline", irq_tsc - deadline);
    check("deadline-is-exact", irq_tsc >= deadline && irq_tsc - deadline < 100 * unit);

    irqs = 0; /* armed in the middle of what could be one block, due in it */
    deadline = rdtsc() + 60 * unit;
    asm volatile("movl $0x6e0, %%ecx\n\tmovq %0, %%rax\n\tmovq %0, %%rdx\n\tshrq $32, %%rdx\n\t"
                 "sti\n\tnop\n\twrmsr\n\t.rept 100\n\tincq %%rcx\n\t.endr\n\tcli"
                 :
                 : "r"(deadline)
                 : "rax", "rcx", "rdx", "memory", "cc");
    check_eq("came-in-the-straight-line", irqs, 1);
    show("line-at-timer", irq_rcx - MSR_TSC_DEADLINE);
}

static uint16_t pit_count(void)
{
    uint8_t low;

    outb(0x43, 0x00);
    low = inb(0x40);
    return (uint16_t)(inb(0x40) << 8 | low);
}

static uint8_t cmos(uint8_t reg)
{
    outb(0x70, reg);
    return inb(0x71);
}

static void show_clocks(void)
{
    outb(0x43, 0x34);
    outb(0x40, 0xff);
    outb(0x40, 0xff);
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned n = 0; n < 1000 * i; n++) {
            asm volatile("pause");
        }
        show("pit", pit_count());
        show("tsc", rdtsc());
    }
    lapic_write(LAPIC_LVT_TIMER, 0x10000 | VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_COUNT, 0xffffffffu);
    show("apic-timer", lapic_read(LAPIC_TIMER_NOW));
    show("apic-timer", lapic_read(LAPIC_TIMER_NOW));
    show("rtc", (uint64_t)cmos(9) << 40 | (uint64_t)cmos(8) << 32 | (uint64_t)cmos(7) << 24 |
                    (uint64_t)cmos(4) << 16 | (uint64_t)cmos(2) << 8 | cmos(0));
    if (has_feature(1, 0, 2, 30)) {
        uint64_t val;

        asm volatile("rdrand %0" : "=r"(val) : : "cc");
        show("random", val);
    }
}

/* Halted until the time has come. */
static void test_sleep(uint64_t seconds)
{
    uint64_t start, slept;

    irqs = 0;
    lapic_write(LAPIC_LVT_TIMER, 2 << 17 | VECTOR_TIMER);
    start = rdtsc();
    wrmsr(MSR_TSC_DEADLINE, start + seconds * TSC_HZ);
    asm volatile("sti\n\thlt\n\tcli" : : : "memory");
    slept = rdtsc() - start;
    check("slept-so-long",
          irqs == 1 && slept >= seconds * TSC_HZ && slept - seconds * TSC_HZ < 1000 * unit);
    show("slept", slept);
}

static void test_mwait(void)
{
    unsigned naps = 0;

    if (!has_feature(1, 0, 2, 3)) {
        skip("mwait", "not in CPUID");
        return;
    }
    irqs = 0;
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 10000000);
    while (!irqs) {
        asm volatile("sti\n\tmonitor\n\txorl %%eax, %%eax\n\tmwait\n\tcli"
                     :
                     : "a"(&irqs), "c"(0), "d"(0)
                     : "memory");
        naps++;
    }
    check("mwait-waits", naps < 1000);
    show("naps", naps);
}

static void second_cpu(void)
{
    while (!ap_go) {
        asm volatile("pause"); /* the first one's turn */
    }
    for (;;) {
        ap_turns++;
    }
}

static void show_second_cpu(void)
{
    start_ap(second_cpu);
    ap_go = 1;
    if (!check("second-cpu-starts", wait_for(&ap_turns, 1, 20000000))) {
        return;
    }
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned n = 0; n < 10000 * i; n++) {
            asm volatile("nop");
        }
        show("second-cpu", ap_turns);
    }
}

int guest_main(uintptr_t start_info)
{
    uint64_t seconds = number_of(start_info, "sleep=");

    test_counting();
    test_faults();
    test_interrupts();
    test_timers();
    show_clocks();
    test_sleep(seconds ? seconds : 1);
    test_mwait();
    if (number_of(start_info, "cpus=") > 1) {
        show_second_cpu();
    }
    show("last", rdtsc());
    finish();
}
