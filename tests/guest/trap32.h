/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps and descriptors of 32-bit guests.
 */
#ifndef TESTS_GUEST_TRAP32_H
#define TESTS_GUEST_TRAP32_H

#include "tests/guest/lib.h"

enum {
    TRAP_DB = 1,
    TRAP_BP = 3,
    TRAP_OF = 4,
    TRAP_BR = 5,
    TRAP_UD = 6,
    TRAP_NM = 7,
    TRAP_DF = 8,
    TRAP_TS = 10,
    TRAP_NP = 11,
    TRAP_SS = 12,
    TRAP_GP = 13,
    TRAP_PF = 14,
    NO_TRAP = 0x100,
    CODE0 = 0x08,
    DATA0 = 0x10,
    CODE3 = 0x1b,
    DATA3 = 0x23,
    FREE = 0x28, /* selectors from here to 0xf8 are free */
    GATE_INTERRUPT = 0x8e,
    GATE_TASK = 0x85,
};

/* What a stub in start32.inc leaves; ESP and SS are there when the privilege changed. */
struct trap {
    uint32_t es, ds, edi, esi, ebp, kernel_esp, ebx, edx, ecx, eax;
    uint32_t vector, error, eip, cs, eflags, esp, ss;
    uint32_t vm_es, vm_ds, vm_fs, vm_gs; /* only out of virtual 8086 mode */
};

struct tss32 {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, io_map;
};

/* The last fault that TRY() caught. */
static volatile struct {
    uint32_t vector, error, cr2, eip, cs, eflags;
} fault;

extern char trap_stubs[];
extern uint64_t gdt[32];
int guest_main(uint32_t magic, uintptr_t info);
void trap_entry(struct trap *t);
void trap_init(void);

__attribute__((used)) static uint32_t recover_eip, recover_esp;
__attribute__((used)) static void (*trap_hook[256])(struct trap *t);
static uint64_t idt[256] __attribute__((aligned(16)));

/*
 * Runs instructions that may fault, also in another ring; the value is the vector, or NO_TRAP.
 * Inputs come in EDI, ESI and EBX; all others but ESP are free to use.
 */
#define TRY(insns, ...)                                                                            \
    ({                                                                                             \
        fault.vector = NO_TRAP;                                                                    \
        asm volatile("movl $771f, recover_eip\n\tpushal\n\tmovl %%esp, recover_esp\n\t" insns      \
                     "\n771:\tpopal\n\tmovl $0, recover_eip"                                       \
                     :                                                                             \
                     : __VA_ARGS__                                                                 \
                     : "memory", "cc");                                                            \
        fault.vector;                                                                              \
    })

static inline uint32_t read_cr2(void)
{
    uint32_t val;

    asm volatile("mov %%cr2, %0" : "=r"(val));
    return val;
}

/* Goes on at recover_eip, in ring 0, whatever was interrupted. */
static inline void __attribute__((noreturn)) trap_recover(void)
{
    uint32_t eip = recover_eip, esp = recover_esp;

    recover_eip = 0;
    asm volatile("movl %0, %%esp\n\tpushl $2\n\tpopfl\n\tmovl %2, %%fs\n\tmovl %2, %%gs\n\tjmp *%1"
                 :
                 : "r"(esp), "r"(eip), "r"(DATA0));
    __builtin_unreachable();
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
    fault.eip = t->eip;
    fault.cs = t->cs;
    fault.eflags = t->eflags;
    if (recover_eip) {
        trap_recover();
    }
    put("unexpected trap ");
    put_hex(t->vector);
    put(" error ");
    put_hex(t->error);
    put(" eip ");
    put_hex(t->eip);
    put(" cr2 ");
    put_hex(fault.cr2);
    check("\nno-unexpected-trap", false);
    finish();
}

/* A segment: ACCESS is the byte with P, DPL and type; FLAGS the nibble with G and D. */
static inline uint64_t descriptor(uint32_t base, uint32_t limit, uint8_t access_byte, uint8_t flags)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access_byte << 40 |
           (uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)(flags & 0xf) << 52 |
           (uint64_t)(base >> 24) << 56;
}

/* A gate; COUNT is that of a call gate. */
static inline uint64_t gate(uint16_t selector, uint32_t offset, uint8_t access_byte, uint8_t count)
{
    return (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)(count & 31) << 32 |
           (uint64_t)access_byte << 40 | (uint64_t)(offset >> 16) << 48;
}

static inline void set_descriptor(uint16_t selector, uint64_t val)
{
    *(volatile uint64_t *)&gdt[selector / 8] = val;
}

static inline uint8_t access_of(uint16_t selector)
{
    return (uint8_t)(*(volatile uint64_t *)&gdt[selector / 8] >> 40);
}

void __attribute__((used)) trap_init(void)
{
    struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) p = {sizeof(idt) - 1, (uint32_t)(uintptr_t)idt};

    for (unsigned i = 0; i < 256; i++) {
        uint8_t user = i == TRAP_BP || i == TRAP_OF ? 0x60 : 0;

        idt[i] = gate(CODE0, (uint32_t)(uintptr_t)trap_stubs + i * 16, GATE_INTERRUPT | user, 0);
    }
    asm volatile("lidt %0" : : "m"(p));
}

#endif
