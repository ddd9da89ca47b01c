/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paging in 32-bit mode: two levels with and without PSE (and PSE-36), then PAE with NX; error
 * codes, CR2, accessed and dirty bits, WP, the loading of PAE's four top entries.
 */
#include "tests/guest/trap32.h"

enum {
    P = 1,
    W = 2,
    U = 4,
    A = 0x20,
    D = 0x40,
    PS = 0x80,
    PAGE = 4096,
    CR0_WP = 1 << 16,
    CR4_PSE = 1 << 4,
    CR4_PAE = 1 << 5,
    MSR_EFER = 0xc0000080u,
    EFER_NXE = 1 << 11,
    PF_P = 1,
    PF_W = 2,
    PF_U = 4,
    PF_RSVD = 8,
    PF_I = 16,
    ESP0_SEL = FREE,
};
#define VA     0x40005000u /* entry 256 of the directory, or table 1 of PAE's; entry 5 of the table */
#define BIG    0x40400000u /* the next entry: a large page */
#define CR0_PG 0x80000000u
#define NX     (UINT64_C(1) << 63)

static uint32_t pd[1024] __attribute__((aligned(PAGE)));
static uint32_t pt[1024] __attribute__((aligned(PAGE)));
static uint64_t pdpt[4] __attribute__((aligned(32)));
static uint64_t pd_pae[4][512] __attribute__((aligned(PAGE)));
static uint64_t pt_pae[512] __attribute__((aligned(PAGE)));
static uint8_t page[PAGE] __attribute__((aligned(PAGE)));
static uint8_t stack3[PAGE] __attribute__((aligned(PAGE)));
static uint8_t stack0[PAGE] __attribute__((aligned(PAGE)));
static struct tss32 tss;
static bool pae;

static uint32_t phys(const void *p)
{
    return (uint32_t)(uintptr_t)p;
}

#define READ_CR(n)                                                                                 \
    ({                                                                                             \
        uint32_t cr_;                                                                              \
        asm volatile("mov %%cr" #n ", %0" : "=r"(cr_));                                            \
        cr_;                                                                                       \
    })
#define WRITE_CR(n, val) asm volatile("mov %0, %%cr" #n : : "r"((uint32_t)(val)) : "memory")

static void invlpg(uint32_t va)
{
    asm volatile("invlpg (%0)" : : "r"(va) : "memory");
}

/* Maps VA to PAGE; what is above allows all. */
static void map(uint64_t bits)
{
    if (pae) {
        pd_pae[1][0] = phys(pt_pae) | P | W | U;
        pt_pae[5] = phys(page) | bits;
    } else {
        pd[256] = phys(pt) | P | W | U;
        pt[5] = phys(page) | (uint32_t)bits;
    }
    invlpg(VA);
}

static uint64_t leaf(void)
{
    return pae ? *(volatile uint64_t *)&pt_pae[5] : *(volatile uint32_t *)&pt[5];
}

/* Ring 3 comes back by HLT's fault, when nothing else stops it. */
asm("user_read:\n\tmovl $0x23, %eax\n\tmovl %eax, %ds\n\tmovl (%ebx), "
    "%eax\n\thlt\nuser_write:\n\tmovl $0x23, %eax\n\tmovl %eax, %ds\n\tmovl %eax, (%ebx)\n\thlt\n"
    "user_fetch:\n\tjmp *%ebx");
extern char user_read[], user_write[], user_fetch[];

static uint32_t user(const void *fn, uint32_t va)
{
    return TRY("pushl $0x23\n\tpushl %%esi\n\tpushl $2\n\tpushl $0x1b\n\tpushl %%edi\n\t"
               "iretl",
               "D"(fn), "S"(stack3 + sizeof(stack3)), "b"(va));
}

static void expect(const char *name, uint32_t vector, uint32_t error, uint32_t address)
{
    if (vector == TRAP_PF && fault.error == error && fault.cr2 == address) {
        check(name, true);
        return;
    }
    begin("FAIL", name);
    put(pae ? " (PAE): vector " : ": vector ");
    put_hex(vector);
    put(" error ");
    put_hex(fault.error);
    put(" cr2 ");
    put_hex(fault.cr2);
    put(" want error ");
    put_hex(error);
    put("\n");
    failures++;
}

static uint32_t read(uint32_t va)
{
    return TRY("movl (%%edi), %%eax", "D"(va));
}

static uint32_t write(uint32_t va)
{
    return TRY("movl %%eax, (%%edi)", "D"(va));
}

static uint32_t fetch(uint32_t va)
{
    page[0] = 0xc3;
    return TRY("call *%%edi", "D"(va));
}

/* The same for two levels and PAE. FETCH_BIT is what fetches add to the error code. */
static void test_common(uint32_t fetch_bit)
{
    map(0);
    expect("absent-read", read(VA), 0, VA);
    expect("absent-write", write(VA + 8), PF_W, VA + 8);
    expect("absent-fetch", fetch(VA), fetch_bit, VA);
    expect("absent-user-read", user(user_read, VA), PF_U, VA);
    map(P);
    check_eq("read-only-read", read(VA), NO_TRAP);
    check_eq("read-sets-accessed", leaf() & (A | D), A);
    WRITE_CR(0, READ_CR(0) | CR0_WP);
    expect("read-only-write-wp", write(VA), PF_P | PF_W, VA);
    WRITE_CR(0, READ_CR(0) & ~(uint32_t)CR0_WP);
    check_eq("read-only-write-without-wp", write(VA), NO_TRAP);
    check_eq("write-sets-dirty", leaf() & (A | D), A | D);
    expect("supervisor-page-user-read", user(user_read, VA), PF_P | PF_U, VA);
    map(P | U);
    check_eq("user-read", user(user_read, VA), TRAP_GP); /* its HLT */
    expect("read-only-user-write", user(user_write, VA), PF_P | PF_U | PF_W, VA);
    map(P | W | U);
    check_eq("user-write", user(user_write, VA), TRAP_GP);
    page[0] = 0xf4; /* HLT */
    check_eq("user-fetch", user(user_fetch, VA), TRAP_GP);
    check_eq("user-fetch-ran-there", fault.eip, VA);
    map(P | W);
    expect("crossing-read", read(VA + PAGE - 2), 0, VA + PAGE);
}

static void test_two_levels(void)
{
    for (uint32_t i = 0; i < 1024; i++) { /* one to one, by large pages; devices too */
        pd[i] = i << 22 | P | W | U | PS;
    }
    WRITE_CR(4, READ_CR(4) | CR4_PSE);
    WRITE_CR(3, phys(pd));
    WRITE_CR(0, READ_CR(0) | CR0_PG);
    check("paging-is-on", READ_CR(0) & CR0_PG);
    test_common(0);

    page[8] = 0x66;
    pd[257] = (phys(page) & 0xffc00000u) | P | W | PS;
    invlpg(BIG);
    check_eq("pse-page-reads", *(volatile uint8_t *)(BIG + (phys(page) & 0x3fffff) + 8), 0x66);
    check_eq("pse-accessed", pd[257] & (A | D), A);
    *(volatile uint8_t *)(BIG + (phys(page) & 0x3fffff) + 8) = 0x67;
    check_eq("pse-dirty", pd[257] & (A | D), A | D);
    check_eq("pse-page-writes", page[8], 0x67);
    pd[257] = P | W | PS | 1 << 21; /* reserved at any width of addresses */
    invlpg(BIG);
    expect("pse-reserved", read(BIG), PF_P | PF_RSVD, BIG);
    pd[257] = 0;
    invlpg(BIG);
    WRITE_CR(0, READ_CR(0) & ~CR0_PG);
}

/*
 * The four top entries are loaded with CR3, and only then. Under nested paging AMD's CPUs read them
 * like any other level, so that there is nothing to promise.
 */
static void test_top_entries(void)
{
    if (cpuid(0, 0).ecx == 0x444d4163) {
        skip("pdpte", "CPUs of AMD need not load them with CR3");
        return;
    }
    map(P | W);
    pdpt[1] = 0;
    invlpg(VA);
    check_eq("pdpte-change-is-not-seen", read(VA), NO_TRAP);
    WRITE_CR(3, phys(pdpt));
    expect("pdpte-change-is-seen-after-cr3", read(VA), 0, VA);
    pdpt[1] = phys(pd_pae[1]) | P | W; /* bit 1 is reserved in these */
    check_eq("pdpte-reserved-bit", TRY("mov %%edi, %%cr3", "D"(pdpt)), TRAP_GP);
    pdpt[1] = phys(pd_pae[1]) | P;
    WRITE_CR(3, phys(pdpt));
    check_eq("pdpte-is-back", read(VA), NO_TRAP);
}

static void test_pae(void)
{
    uint64_t efer = rdmsr(MSR_EFER);
    bool nx = has_feature(0x80000001u, 0, 3, 20);

    pae = true;
    for (uint32_t i = 0; i < 4; i++) {
        pdpt[i] = phys(pd_pae[i]) | P;
        for (uint32_t j = 0; j < 512; j++) {
            pd_pae[i][j] = ((uint64_t)i << 30) | (j << 21) | P | W | U | PS;
        }
    }
    WRITE_CR(4, (READ_CR(4) | CR4_PAE) & ~(uint32_t)CR4_PSE);
    WRITE_CR(3, phys(pdpt));
    WRITE_CR(0, READ_CR(0) | CR0_PG);
    test_common(0);

    if (nx) {
        map(P | W | NX);
        expect("nx-without-nxe-is-reserved", read(VA), PF_P | PF_RSVD, VA);
        wrmsr(MSR_EFER, efer | EFER_NXE);
        invlpg(VA);
        check_eq("nx-read", read(VA), NO_TRAP);
        expect("nx-fetch", fetch(VA), PF_P | PF_I, VA);
        test_common(PF_I);
        wrmsr(MSR_EFER, efer);
    } else {
        skip("nx", "not in CPUID");
    }
    map(P | W | UINT64_C(1) << 62); /* ignored in long mode, reserved here */
    expect("pae-reserved", read(VA), PF_P | PF_RSVD, VA);

    test_top_entries();
    WRITE_CR(0, READ_CR(0) & ~CR0_PG);
    WRITE_CR(4, READ_CR(4) & ~(uint32_t)CR4_PAE);
}

int guest_main(uint32_t magic, uintptr_t info)
{
    (void)magic, (void)info;
    tss.esp0 = phys(stack0) + sizeof(stack0);
    tss.ss0 = DATA0;
    tss.io_map = sizeof(tss);
    set_descriptor(ESP0_SEL, descriptor(phys(&tss), sizeof(tss) - 1, 0x89, 0));
    asm volatile("ltr %w0" : : "r"(ESP0_SEL));
    test_two_levels();
    test_pae();
    finish();
}
