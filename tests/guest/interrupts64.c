/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts: 8259 with PIT and RTC, local APIC timer in its three modes, I/O APIC with keyboard,
 * RTC and PIT, priorities, IPIs of all kinds to this CPU and a second one, NMI.
 */
#include "tests/guest/trap64.h"

enum {
    PIC_BASE = 0x20,
    VECTOR_TIMER = 0x40,
    VECTOR_LOW = 0x45,
    VECTOR_HIGH = 0x75,
    VECTOR_IOAPIC = 0x50,
    VECTOR_AP = 0x61,
    IOAPIC = 0xfec00000u,
    LAPIC_ID = 0x20,
    LAPIC_TPR = 0x80,
    LAPIC_EOI = 0xb0,
    LAPIC_LDR = 0xd0,
    LAPIC_SVR = 0xf0,
    LAPIC_ISR = 0x100,
    LAPIC_IRR = 0x200,
    LAPIC_ICR = 0x300,
    LAPIC_ICR_HIGH = 0x310,
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_TIMER_COUNT = 0x380,
    LAPIC_TIMER_NOW = 0x390,
    LAPIC_TIMER_DIVIDE = 0x3e0,
    ICR_SELF = 1 << 18,
    ICR_ALL_BUT_SELF = 3 << 18,
    ICR_ASSERT = 1 << 14,
    ICR_LOGICAL = 1 << 11,
    ICR_NMI = 4 << 8,
    PATIENCE = 20000000,
};

static volatile unsigned seen[256];
static volatile unsigned ap_up, ap_interrupts, ap_nmis;
static volatile unsigned order[4], order_length;

static void on_pic(struct trap *t)
{
    seen[t->vector]++;
    if (t->vector == PIC_BASE + 8) {
        outb(0x70, 0x0c); /* the RTC keeps its line up until this is read */
        inb(0x71);
    }
    if (t->vector >= PIC_BASE + 8) {
        outb(0xa0, 0x20);
    }
    outb(0x20, 0x20);
}

static void on_apic(struct trap *t)
{
    seen[t->vector]++;
    if (order_length < 4) {
        order[order_length++] = (unsigned)t->vector;
    }
    if (t->vector == VECTOR_IOAPIC + 8) {
        outb(0x70, 0x0c);
        inb(0x71);
    } else if (t->vector == VECTOR_IOAPIC + 1) {
        inb(0x60);
    }
    lapic_write(LAPIC_EOI, 0);
}

static void on_nmi(struct trap *t)
{
    if (lapic_read(LAPIC_ID) >> 24) {
        ap_nmis++;
    } else {
        seen[t->vector]++;
    }
}

/* Lets interrupts in until SEEN[vector] reaches N. */
static bool await(uint8_t vector, unsigned n)
{
    bool came;

    asm volatile("sti");
    came = wait_for(&seen[vector], n, PATIENCE);
    asm volatile("cli");
    return came;
}

/* Lets interrupts in for a while. */
static void idle(void)
{
    asm volatile("sti");
    for (unsigned i = 0; i < 1000000; i++) {
        asm volatile("pause");
    }
    asm volatile("cli");
}

static void pic_init(uint8_t mask_master, uint8_t mask_slave)
{
    outb(0x20, 0x11);
    outb(0xa0, 0x11);
    outb(0x21, PIC_BASE);
    outb(0xa1, PIC_BASE + 8);
    outb(0x21, 4);
    outb(0xa1, 2);
    outb(0x21, 1);
    outb(0xa1, 1);
    outb(0x21, mask_master);
    outb(0xa1, mask_slave);
}

static void pit_start(uint8_t mode, uint16_t count)
{
    outb(0x43, (uint8_t)(0x30 | mode << 1));
    outb(0x40, (uint8_t)count);
    outb(0x40, (uint8_t)(count >> 8));
}

static void rtc_periodic(bool on)
{
    outb(0x70, 0x0a);
    outb(0x71, 0x26); /* 1024 Hz */
    outb(0x70, 0x0b);
    outb(0x71, on ? 0x42 : 0x02);
    outb(0x70, 0x0c);
    inb(0x71);
}

static void test_pic(void)
{
    uint64_t start, ticks;

    for (unsigned i = 0; i < 16; i++) {
        trap_hook[PIC_BASE + i] = on_pic;
    }
    pic_init(0xfe, 0xff);
    pit_start(2, 11932); /* 100 Hz */
    check("pit-ticks", await(PIC_BASE, 1));
    start = rdtsc();
    check("pit-ticks-on", await(PIC_BASE, 4));
    ticks = rdtsc() - start;
    check("pit-takes-time", ticks > 1000000); /* three times 10 ms */
    pic_init(0xff, 0xff);
    seen[PIC_BASE] = 0;
    idle();
    check_eq("pic-mask", seen[PIC_BASE], 0);

    outb(0x20, 0x0a);
    inb(0x20);
    pic_init(0xfe, 0xff); /* forgets the edge that waited */
    pit_start(0, 1193);
    check("pit-one-shot", await(PIC_BASE, 1));
    idle(); /* KVM may deliver late what was masked before */
    seen[PIC_BASE] = 0;
    idle();
    check_eq("pit-one-shot-is-over", seen[PIC_BASE], 0);

    pic_init(0xfb, 0xfe);
    rtc_periodic(true);
    check("rtc-periodic-through-the-slave", await(PIC_BASE + 8, 3));
    rtc_periodic(false);
    pic_init(0xff, 0xff);
}

static void test_lapic_timer(void)
{
    uint32_t now, later;

    trap_hook[VECTOR_TIMER] = on_apic;
    lapic_write(LAPIC_SVR, 0x1ff);
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_TIMER_DIVIDE, 0xb); /* by 1 */
    lapic_write(LAPIC_LVT_TIMER, 0x10000);
    lapic_write(LAPIC_TIMER_COUNT, 0xffffffffu);
    now = lapic_read(LAPIC_TIMER_NOW);
    for (unsigned i = 0; i < 1000; i++) {
        asm volatile("pause");
    }
    later = lapic_read(LAPIC_TIMER_NOW);
    check("lapic-timer-counts-down", later < now && later > 0);
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_COUNT, 200000);
    check("lapic-one-shot", await(VECTOR_TIMER, 1));
    check_eq("lapic-one-shot-stops-at-zero", lapic_read(LAPIC_TIMER_NOW), 0);
    lapic_write(LAPIC_LVT_TIMER, 1 << 17 | VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_COUNT, 1000000);
    check("lapic-periodic", await(VECTOR_TIMER, 4));
    lapic_write(LAPIC_TIMER_COUNT, 0);
    lapic_write(LAPIC_LVT_TIMER, 0x10000);
    for (unsigned n = 0; n < 1000; n++) { /* the last one may be under way */
        asm volatile("pause");
    }
    seen[VECTOR_TIMER] = 0;
    if (!has_feature(1, 0, 2, 24)) {
        skip("tsc-deadline", "not in CPUID");
        return;
    }
    lapic_write(LAPIC_LVT_TIMER, 2 << 17 | VECTOR_TIMER);
    asm volatile("mfence");
    wrmsr(0x6e0, rdtsc() + 1000000);
    check("tsc-deadline-armed", rdmsr(0x6e0) != 0 || seen[VECTOR_TIMER]);
    check("tsc-deadline", await(VECTOR_TIMER, 1));
    check_eq("tsc-deadline-clears-itself", rdmsr(0x6e0), 0);
    wrmsr(0x6e0, 1);
    check("tsc-deadline-in-the-past", await(VECTOR_TIMER, 2));
    lapic_write(LAPIC_LVT_TIMER, 0x10000);
}

static void ioapic_write(unsigned reg, uint32_t val)
{
    *(volatile uint32_t *)(uint64_t)IOAPIC = reg;
    *(volatile uint32_t *)(uint64_t)(IOAPIC + 0x10) = val;
}

static uint32_t ioapic_read(unsigned reg)
{
    *(volatile uint32_t *)(uint64_t)IOAPIC = reg;
    return *(volatile uint32_t *)(uint64_t)(IOAPIC + 0x10);
}

static void ioapic_route(unsigned pin, uint32_t low)
{
    ioapic_write(0x11 + pin * 2, lapic_read(LAPIC_ID));
    ioapic_write(0x10 + pin * 2, low);
}

static void test_ioapic(void)
{
    for (unsigned i = 0; i < 16; i++) {
        trap_hook[VECTOR_IOAPIC + i] = on_apic;
    }
    check_eq("ioapic-pins", ioapic_read(1) >> 16 & 0xff, 23);
    ioapic_route(8, VECTOR_IOAPIC + 8);
    rtc_periodic(true);
    check("ioapic-rtc", await(VECTOR_IOAPIC + 8, 3));
    rtc_periodic(false);
    ioapic_route(8, 0x10000);

    ioapic_route(2, VECTOR_IOAPIC + 2); /* IRQ 0 is at pin 2 */
    pit_start(2, 11932);
    check("ioapic-pit-at-pin-2", await(VECTOR_IOAPIC + 2, 2));
    ioapic_route(2, 0x10000);
    pit_start(0, 0);

    while (inb(0x64) & 1) {
        inb(0x60);
    }
    outb(0x64, 0x60); /* command byte: interrupt on, translation on */
    outb(0x60, 0x41);
    ioapic_route(1, VECTOR_IOAPIC + 1);
    outb(0x64, 0xd2); /* as if the keyboard had sent this byte */
    outb(0x60, 0x1e);
    check("ioapic-keyboard", await(VECTOR_IOAPIC + 1, 1));
    ioapic_route(1, 0x10000);
    check_eq("ioapic-entry-reads-back", ioapic_read(0x12) & 0x1ffff, 0x10000);
}

static void test_priorities(void)
{
    trap_hook[VECTOR_LOW] = trap_hook[VECTOR_HIGH] = on_apic;
    lapic_write(LAPIC_ICR, ICR_SELF | ICR_ASSERT | VECTOR_LOW);
    lapic_write(LAPIC_ICR, ICR_SELF | ICR_ASSERT | VECTOR_HIGH);
    check("irr-holds-both", lapic_read(LAPIC_IRR + 0x20) & 1 << (VECTOR_LOW & 31) &&
                                lapic_read(LAPIC_IRR + 0x30) & 1 << (VECTOR_HIGH & 31));
    order_length = 0;
    check("self-ipi", await(VECTOR_LOW, 1));
    check("higher-vector-first", order[0] == VECTOR_HIGH && order[1] == VECTOR_LOW);
    check_eq("isr-is-empty-after-eoi", lapic_read(LAPIC_ISR + 0x30), 0);
    asm volatile("mov %0, %%cr8" : : "r"(UINT64_C(7)));
    check_eq("cr8-is-the-tpr", lapic_read(LAPIC_TPR), 0x70);
    lapic_write(LAPIC_ICR, ICR_SELF | ICR_ASSERT | VECTOR_HIGH);
    asm volatile("sti\n\tnop\n\tnop\n\tcli");
    check_eq("tpr-holds-back", seen[VECTOR_HIGH], 1);
    asm volatile("mov %0, %%cr8" : : "r"(UINT64_C(6)));
    check("lower-tpr-lets-in", await(VECTOR_HIGH, 2));
    asm volatile("mov %0, %%cr8" : : "r"(UINT64_C(0)));
}

static void test_nmi(void)
{
    trap_hook[TRAP_NMI] = on_nmi;
    lapic_write(LAPIC_ICR_HIGH, lapic_read(LAPIC_ID));
    lapic_write(LAPIC_ICR, ICR_ASSERT | ICR_NMI);
    check("nmi-with-interrupts-off", wait_for(&seen[TRAP_NMI], 1, PATIENCE));
}

static void on_ap_interrupt(struct trap *t)
{
    (void)t;
    ap_interrupts++;
    lapic_write(LAPIC_EOI, 0);
}

static void second_cpu(void)
{
    lapic_write(LAPIC_SVR, 0x1ff);
    lapic_write(LAPIC_LDR, 2 << 24);
    ap_up = 1;
    for (;;) {
        asm volatile("sti\n\thlt" : : : "memory");
    }
}

static void test_second_cpu(void)
{
    trap_hook[VECTOR_AP] = on_ap_interrupt;
    start_ap(second_cpu);
    if (!check("second-cpu-starts", wait_for(&ap_up, 1, PATIENCE))) {
        return;
    }
    lapic_write(LAPIC_ICR_HIGH, 1 << 24);
    lapic_write(LAPIC_ICR, ICR_ASSERT | VECTOR_AP);
    check("ipi-physical", wait_for(&ap_interrupts, 1, PATIENCE));
    lapic_write(LAPIC_ICR, ICR_ALL_BUT_SELF | ICR_ASSERT | VECTOR_AP);
    check("ipi-all-but-self", wait_for(&ap_interrupts, 2, PATIENCE));
    lapic_write(LAPIC_ICR_HIGH, 2 << 24);
    lapic_write(LAPIC_ICR, ICR_ASSERT | ICR_LOGICAL | VECTOR_AP);
    check("ipi-logical", wait_for(&ap_interrupts, 3, PATIENCE));
    lapic_write(LAPIC_ICR_HIGH, 1 << 24);
    lapic_write(LAPIC_ICR, ICR_ASSERT | ICR_NMI);
    check("ipi-nmi", wait_for(&ap_nmis, 1, PATIENCE));
}

static void on_x2apic(struct trap *t)
{
    seen[t->vector]++;
    wrmsr(0x80b, 0); /* EOI */
}

/* Last, for there is no simple way back: the same registers as MSRs. */
static void test_x2apic(void)
{
    uint64_t base = rdmsr(0x1b);

    if (!has_feature(1, 0, 2, 21)) {
        skip("x2apic", "not in CPUID");
        return;
    }
    check_eq("gp-x2apic-msr-before", TRY("movl $0x802, %%ecx\n\trdmsr", "i"(0)), TRAP_GP);
    wrmsr(0x1b, base | 1 << 10);
    check_eq("x2apic-id", rdmsr(0x802), 0);
    seen[VECTOR_TIMER] = 0;
    trap_hook[VECTOR_TIMER] = on_x2apic;
    wrmsr(0x83f, VECTOR_TIMER); /* self IPI */
    check("x2apic-self-ipi", await(VECTOR_TIMER, 1));
    wrmsr(0x830, UINT64_C(1) << 32 | ICR_ASSERT | ICR_NMI);
    check("x2apic-nmi-to-the-second", wait_for(&ap_nmis, 2, PATIENCE));
}

int guest_main(uintptr_t start_info)
{
    (void)start_info;
    test_pic();
    test_lapic_timer();
    test_ioapic();
    test_priorities();
    test_nmi();
    test_second_cpu();
    test_x2apic();
    finish();
}
