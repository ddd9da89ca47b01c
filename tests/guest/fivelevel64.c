/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paging with five levels: leaves long mode to set CR4.LA57, comes back, and looks at addresses
 * that only 57 bits reach.
 */
#include "tests/guest/trap64.h"

enum { P = 1, W = 2, PAGE = 4096, CR4_LA57 = 1 << 12 };

static uint64_t pml5[512] __attribute__((aligned(PAGE)));
static uint64_t pml4_high[512] __attribute__((aligned(PAGE)));
static volatile uint8_t byte = 0x5a;

/*
 * void switch_la57(cr3, cr4): through 32-bit code below 4 GiB with paging off, as CR4.LA57 must not
 * change in long mode.
 */
asm("switch_la57:\n\t"
    "pushq %rbx\n\tpushq %rbp\n\tpushq $0x30\n\tleaq 1f(%rip), %rax\n\tpushq %rax\n\tlretq\n"
    ".code32\n1:\tmovl $0x10, %eax\n\tmovl %eax, %ss\n\tmovl %eax, %ds\n\t"
    "movl %cr0, %eax\n\tandl $0x7fffffff, %eax\n\tmovl %eax, %cr0\n\t"
    "movl $0xc0000080, %ecx\n\trdmsr\n\tandl $~0x100, %eax\n\twrmsr\n\t"
    "movl %esi, %cr4\n\tmovl %edi, %cr3\n\t"
    "movl $0xc0000080, %ecx\n\trdmsr\n\torl $0x100, %eax\n\twrmsr\n\t"
    "movl %cr0, %eax\n\torl $0x80000000, %eax\n\tmovl %eax, %cr0\n\t"
    "ljmp $0x08, $2f\n"
    ".code64\n2:\tpopq %rbp\n\tpopq %rbx\n\tret");
void switch_la57(uint64_t cr3, uint64_t cr4);

static uint64_t read_cr4(void)
{
    uint64_t val;

    asm volatile("mov %%cr4, %0" : "=r"(val));
    return val;
}

static uint64_t look(uint64_t va)
{
    return TRY("movb (%%rdi), %%al", "D"(va));
}

int guest_main(uintptr_t start_info)
{
    uint64_t cr4 = read_cr4();
    uint64_t beyond = UINT64_C(1) << 48;      /* entry 1 of the fifth level */
    uint64_t negative = UINT64_C(0xff) << 56; /* entry 256, the first of the upper half */
    uint64_t non_canonical = UINT64_C(1) << 56;

    (void)start_info;
    if (!has_feature(7, 0, 2, 16)) {
        skip("five-levels", "not in CPUID");
        check_eq("gp-la57-not-in-cpuid", TRY("mov %%rdi, %%cr4", "D"(cr4 | CR4_LA57)), TRAP_GP);
        finish();
    }
    check_eq("gp-la57-in-long-mode", TRY("mov %%rdi, %%cr4", "D"(cr4 | CR4_LA57)), TRAP_GP);
    check_eq("four-levels-end-at-48-bits", look(beyond), TRAP_GP);

    pml4_high[0] = (uint64_t)pdpt | P | W;
    pml5[0] = (uint64_t)pml4 | P | W;
    pml5[1] = pml5[256] = (uint64_t)pml4_high | P | W;
    switch_la57((uint64_t)pml5, cr4 | CR4_LA57);
    check("la57-is-on", read_cr4() & CR4_LA57);
    check_eq("beyond-48-bits", *(volatile uint8_t *)(beyond + (uint64_t)&byte), 0x5a);
    check_eq("upper-half", *(volatile uint8_t *)(negative + (uint64_t)&byte), 0x5a);
    check_eq("beyond-57-bits", look(non_canonical), TRAP_GP);
    check_eq("absent-in-the-fifth", look(UINT64_C(2) << 48), TRAP_PF);
    check_eq("absent-in-the-fifth-cr2", fault.cr2, UINT64_C(2) << 48);
    check_eq("fifth-accessed", pml5[1] & 0x60, 0x20);
    pml5[2] = (uint64_t)pml4_high | P | W | 0x80;
    check_eq("fifth-reserved-ps", look(UINT64_C(2) << 48), TRAP_PF);
    check_eq("fifth-reserved-ps-error", fault.error, 9);
    check_eq("far-code",
             TRY("leaq 1f(%%rip), %%rax\n\taddq %%rdi, %%rax\n\tjmp *%%rax\n1:\t"
                 "leaq 2f(%%rip), %%rcx\n\tsubq %%rdi, %%rcx\n\tjmp *%%rcx\n2:",
                 "D"(negative)),
             NO_TRAP);

    switch_la57((uint64_t)pml4, cr4);
    check_eq("back-to-four-levels", look(beyond), TRAP_GP);
    finish();
}
