/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of 64-bit guests: faults that are expected, hooks, ring 3, a second CPU.
 */
#ifndef TESTS_GUEST_TRAP64_H
#define TESTS_GUEST_TRAP64_H

#include "tests/guest/lib.h"

enum {
    TRAP_DE = 0,
    TRAP_DB = 1,
    TRAP_NMI = 2,
    TRAP_BP = 3,
    TRAP_OF = 4,
    TRAP_UD = 6,
    TRAP_NM = 7,
    TRAP_DF = 8,
    TRAP_TS = 10,
    TRAP_NP = 11,
    TRAP_SS = 12,
    TRAP_GP = 13,
    TRAP_PF = 14,
    TRAP_MF = 16,
    TRAP_AC = 17,
    TRAP_XM = 19,
    TRAP_SYSCALL = 0x70, /* INT 0x70 ends what runs in ring 3; hosts keep 0x80 */
    NO_TRAP = 0x100,
    TSS_BYTES = 104,
    GATE_INTERRUPT = 0x8e,
    GATE_INTERRUPT_USER = 0xee,
    CODE_SELECTOR = 0x08,
    DATA_SELECTOR = 0x10,
    TSS_SELECTOR = 0x40,
    LAPIC = 0xfee00000u,
    AP_CODE = 0x8000,
    START_INFO_CMDLINE = 24, /* PVH */
};
#define USER_BASE (UINT64_C(1) << 39)

/* What a stub in start64.inc leaves on the stack. */
struct trap {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_mid;
    uint32_t offset_high, reserved;
};

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_bitmap;
} __attribute__((packed));

/* The last fault that TRY() or user_call() caught. */
static volatile struct {
    uint64_t vector, error, cr2, rip, rsp, cs, rflags;
} fault = {.vector = NO_TRAP};

extern char trap_stubs[], leave_user[], ap_code[], ap_code_end[];
extern uint64_t user_rsp, gdt[], pml4[], pdpt[], pd[], pd_user[];
extern void (*ap_main)(void);
uint64_t enter_user(uint64_t rip, uint64_t arg, uint64_t rsp, uint64_t rflags, void *ret_rsp0);
int guest_main(uintptr_t start_info);
void trap_entry(struct trap *t);
void trap_init(unsigned cpu);

__attribute__((used)) static uint64_t recover_rip, recover_rsp;
__attribute__((used)) static void (*trap_hook[256])(struct trap *t);
static struct gate idt[256] __attribute__((aligned(16)));
static struct tss tss[2];
static uint8_t ist_stack[2][4096] __attribute__((aligned(16)));
static uint8_t user_stack[8192] __attribute__((aligned(16)));

/*
 * Runs instructions that may fault; the value is the vector, or NO_TRAP. Inputs come in RDI, RSI
 * and RBX; RAX, RCX, RDX and RBP are free to use.
 */
#define TRY(insns, ...)                                                                            \
    ({                                                                                             \
        fault.vector = NO_TRAP;                                                                    \
        asm volatile(                                                                              \
            "leaq 771f(%%rip), %%rax\n\tmovq %%rax, recover_rip(%%rip)\n\tpushq %%rbp\n\t"         \
            "movq %%rsp, recover_rsp(%%rip)\n\t" insns                                             \
            "\n771:\tpopq %%rbp\n\tmovq $0, recover_rip(%%rip)"                                    \
            :                                                                                      \
            : __VA_ARGS__                                                                          \
            : "rax", "rcx", "rdx", "memory", "cc");                                                \
        fault.vector;                                                                              \
    })

static inline uint64_t read_cr2(void)
{
    uint64_t val;

    asm volatile("mov %%cr2, %0" : "=r"(val));
    return val;
}

/* Back to ring 0 at RIP. */
static inline void trap_return_to(struct trap *t, uint64_t rip, uint64_t rsp)
{
    t->rip = rip;
    t->rsp = rsp;
    t->cs = CODE_SELECTOR;
    t->ss = DATA_SELECTOR;
    t->rflags = 2;
}

void __attribute__((used)) trap_entry(struct trap *t)
{
    if (trap_hook[t->vector]) {
        trap_hook[t->vector](t);
        return;
    }
    fault.vector = t->vector;
    fault.error = t->error;
    fault.cr2 = read_cr2();
    fault.rip = t->rip;
    fault.rsp = t->rsp;
    fault.cs = t->cs;
    fault.rflags = t->rflags;
    if (t->cs & 3) {
        trap_return_to(t, (uint64_t)leave_user, user_rsp);
    } else if (recover_rip) {
        trap_return_to(t, recover_rip, recover_rsp);
        recover_rip = 0;
    } else {
        put("unexpected trap ");
        put_hex(t->vector);
        put(" error ");
        put_hex(t->error);
        put(" rip ");
        put_hex(t->rip);
        put(" cr2 ");
        put_hex(fault.cr2);
        check("\nno-unexpected-trap", false);
        finish();
    }
}

static inline void set_gate(uint8_t vector, uint64_t offset, uint8_t type, uint8_t ist)
{
    idt[vector] = (struct gate){.offset_low = (uint16_t)offset,
                                .selector = CODE_SELECTOR,
                                .ist = ist,
                                .type = type,
                                .offset_mid = (uint16_t)(offset >> 16),
                                .offset_high = (uint32_t)(offset >> 32)};
}

/* Called on each CPU before anything else in C. */
void __attribute__((used)) trap_init(unsigned cpu)
{
    struct table_pointer p = {sizeof(idt) - 1, (uint64_t)idt};
    uint64_t base = (uint64_t)&tss[cpu];
    unsigned slot = TSS_SELECTOR / 8 + cpu * 2;

    if (cpu == 0) {
        for (unsigned i = 0; i < 256; i++) {
            bool user = i == TRAP_BP || i == TRAP_OF || i == TRAP_SYSCALL;

            set_gate((uint8_t)i, (uint64_t)trap_stubs + i * 16,
                     user ? GATE_INTERRUPT_USER : GATE_INTERRUPT, i == TRAP_DF ? 1 : 0);
        }
    }
    tss[cpu].io_bitmap = TSS_BYTES;
    tss[cpu].ist[0] = (uint64_t)(ist_stack[cpu] + sizeof(ist_stack[cpu]));
    gdt[slot] = (TSS_BYTES - 1) | (base & 0xffffff) << 16 | UINT64_C(0x89) << 40 |
                (base >> 24 & 0xff) << 56;
    gdt[slot + 1] = base >> 32;
    asm volatile("lidt %0\n\tltr %w1" : : "m"(p), "r"(slot * 8) : "memory");
}

/* Runs FN(ARG) in ring 3 with RFLAGS; fault.vector is TRAP_SYSCALL when it ended by itself. */
static inline uint64_t user_call_flags(const void *fn, uint64_t arg, uint64_t rflags)
{
    uint64_t rsp = USER_BASE + (uint64_t)user_stack + sizeof(user_stack) - 8;

    fault.vector = NO_TRAP;
    return enter_user(USER_BASE + (uint64_t)fn, arg, rsp, rflags | 2, &tss[0].rsp[0]);
}

static inline uint64_t user_call(const void *fn, uint64_t arg)
{
    return user_call_flags(fn, arg, 0);
}

static inline uint32_t lapic_read(unsigned reg)
{
    return *(volatile uint32_t *)(uint64_t)(LAPIC + reg);
}

static inline void lapic_write(unsigned reg, uint32_t val)
{
    *(volatile uint32_t *)(uint64_t)(LAPIC + reg) = val;
}

/* Waits up to roughly SPINS turns until *FLAG reaches VALUE. */
static inline bool wait_for(volatile unsigned *flag, unsigned value, uint64_t spins)
{
    while (*flag < value && spins--) {
        asm volatile("pause" : : : "memory");
    }
    return *flag >= value;
}

/* Starts all other CPUs at FN: use it with two. */
static inline void start_ap(void (*fn)(void))
{
    ap_main = fn;
    copy((void *)AP_CODE, ap_code, (size_t)(ap_code_end - ap_code));
    lapic_write(0xf0, 0x1ff);    /* software enable */
    lapic_write(0x300, 0xc4500); /* INIT to all others */
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned n = 0; n < 20000; n++) {
            asm volatile("pause");
        }
        lapic_write(0x300, 0xc4600 | AP_CODE >> 12); /* start-up IPI */
    }
}

/* The number behind KEY in the command line that PVH hands over, or 0. */
static inline uint64_t number_of(uintptr_t start_info, const char *key)
{
    const char *s = *(const char *const *)(start_info + START_INFO_CMDLINE);
    uint64_t val = 0;

    for (; s && *s; s++) {
        size_t n = 0;

        while (key[n] && s[n] == key[n]) {
            n++;
        }
        if (!key[n]) {
            for (s += n; *s >= '0' && *s <= '9'; s++) {
                val = val * 10 + (uint64_t)(*s - '0');
            }
            return val;
        }
    }
    return 0;
}

#endif
