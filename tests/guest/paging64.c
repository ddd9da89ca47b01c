/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paging in long mode: error codes and CR2, accessed and dirty bits, WP, NX, reserved bits, SMEP,
 * SMAP, protection keys, global pages, PCID and INVPCID, pages of 1 GiB.
 */
#include "tests/guest/trap64.h"

enum {
    P = 1,
    W = 2,
    U = 4,
    A = 0x20,
    D = 0x40,
    PS = 0x80,
    G = 0x100,
    PAGE = 4096,
    CR4_PGE = 1 << 7,
    CR4_PCIDE = 1 << 17,
    CR4_SMEP = 1 << 20,
    CR4_SMAP = 1 << 21,
    CR4_PKE = 1 << 22,
    /* page fault error codes */
    PF_P = 1,
    PF_W = 2,
    PF_U = 4,
    PF_RSVD = 8,
    PF_I = 16,
    PF_PK = 32,
};
#define NX  (UINT64_C(1) << 63)
#define TOP (UINT64_C(2) << 39) /* PML4 entry 2 belongs to these tests */
#define VA  (TOP + 0x5000)      /* entry 5 of the last table */

static uint64_t pdpt_t[512] __attribute__((aligned(PAGE)));
static uint64_t pd_t[512] __attribute__((aligned(PAGE)));
static uint64_t pt_t[512] __attribute__((aligned(PAGE)));
static uint8_t page_a[PAGE] __attribute__((aligned(PAGE)));
static uint8_t page_b[PAGE] __attribute__((aligned(PAGE)));

static void invlpg(uint64_t va)
{
    asm volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static uint64_t read_cr3(void)
{
    uint64_t val;

    asm volatile("mov %%cr3, %0" : "=r"(val));
    return val;
}

static void write_cr3(uint64_t val)
{
    asm volatile("mov %0, %%cr3" : : "r"(val) : "memory");
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

static void set_wp(bool on)
{
    uint64_t cr0;

    asm volatile("mov %%cr0, %0" : "=r"(cr0));
    cr0 = on ? cr0 | 1 << 16 : cr0 & ~(uint64_t)(1 << 16);
    asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
}

/* Maps VA to PAGE_A with these bits; what is above allows all. */
static void map(uint64_t bits)
{
    pml4[2] = (uint64_t)pdpt_t | P | W | U;
    pdpt_t[0] = (uint64_t)pd_t | P | W | U;
    pd_t[0] = (uint64_t)pt_t | P | W | U;
    pt_t[5] = (uint64_t)page_a | bits;
    invlpg(VA);
}

enum access { READ, WRITE, FETCH, USER_READ, USER_WRITE, USER_FETCH };

asm("user_read:\n\tmovl (%rdi), %eax\n\tint $0x70\n"
    "user_write:\n\tmovl $1, (%rdi)\n\tint $0x70\n"
    "user_fetch:\n\tjmp *%rdi");
extern char user_read[], user_write[], user_fetch[];

static uint64_t access(enum access how, uint64_t va)
{
    page_a[0] = how >= USER_READ ? 0xcd : 0xc3; /* INT 0x70 or RET */
    page_a[1] = TRAP_SYSCALL;
    switch (how) {
    case READ:
        return TRY("movl (%%rdi), %%eax", "D"(va));
    case WRITE:
        return TRY("movb $0xc3, (%%rdi)", "D"(va));
    case FETCH:
        return TRY("call *%%rdi", "D"(va));
    case USER_READ:
        user_call(user_read, va);
        break;
    case USER_WRITE:
        user_call(user_write, va);
        break;
    case USER_FETCH:
        user_call(user_fetch, va);
        break;
    }
    return fault.vector == TRAP_SYSCALL ? NO_TRAP : fault.vector;
}

/* The access must fault with this error code, at its own address. */
static void faults(const char *name, enum access how, uint64_t error)
{
    uint64_t vector = access(how, VA);

    if (vector == TRAP_PF && fault.error == error && fault.cr2 == VA) {
        check(name, true);
        return;
    }
    begin("FAIL", name);
    put(": vector ");
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

static void works(const char *name, enum access how)
{
    check_eq(name, access(how, VA), NO_TRAP);
}

static void test_error_codes(void)
{
    map(0);
    faults("absent-read", READ, 0);
    faults("absent-write", WRITE, PF_W);
    faults("absent-fetch", FETCH, PF_I);
    faults("absent-user-read", USER_READ, PF_U);
    faults("absent-user-write", USER_WRITE, PF_U | PF_W);
    faults("absent-user-fetch", USER_FETCH, PF_U | PF_I);
    map(P);
    works("read-only-read", READ);
    faults("read-only-write", WRITE, PF_P | PF_W);
    faults("supervisor-user-read", USER_READ, PF_P | PF_U);
    set_wp(false);
    works("read-only-write-without-wp", WRITE);
    map(P | U);
    faults("read-only-user-write-without-wp", USER_WRITE, PF_P | PF_U | PF_W);
    set_wp(true);
    map(P | W | U);
    works("user-write", USER_WRITE);
    works("user-fetch", USER_FETCH);
    map(P | W | U | NX);
    faults("nx-fetch", FETCH, PF_P | PF_I);
    faults("nx-user-fetch", USER_FETCH, PF_P | PF_U | PF_I);
    works("nx-read", READ);
    map(P | W | U);
    pdpt_t[0] &= ~(uint64_t)W; /* every level must allow it */
    invlpg(VA);
    faults("write-forbidden-above", WRITE, PF_P | PF_W);
    pdpt_t[0] = (uint64_t)pd_t | P | W;
    invlpg(VA);
    faults("user-forbidden-above", USER_READ, PF_P | PF_U);
    pdpt_t[0] = (uint64_t)pd_t | P | W | U;
    pd_t[0] |= NX;
    invlpg(VA);
    faults("nx-above", FETCH, PF_P | PF_I);
    map(P | W | U);
    pml4[2] |= PS;
    invlpg(VA);
    faults("reserved-ps-in-pml4", READ, PF_P | PF_RSVD);
    map(P | W);
    if ((cpuid(0x80000008u, 0).eax & 0xff) < 52) {
        map(P | W | UINT64_C(1) << (cpuid(0x80000008u, 0).eax & 0xff));
        faults("reserved-address-bit", WRITE, PF_P | PF_W | PF_RSVD);
    } else {
        skip("reserved-address-bit", "addresses have 52 bits");
    }
}

static void test_accessed_dirty(void)
{
    map(P | W | U);
    access(READ, VA);
    check_eq("read-sets-accessed", pt_t[5] & (A | D), A);
    check("accessed-on-all-levels", pml4[2] & A && pdpt_t[0] & A && pd_t[0] & A);
    check_eq("dirty-only-in-the-last", (pml4[2] | pdpt_t[0] | pd_t[0]) & D, 0);
    access(WRITE, VA);
    check_eq("write-sets-dirty", pt_t[5] & (A | D), A | D);
    map(P);
    access(WRITE, VA);
    check_eq("write-fault-leaves-dirty", pt_t[5] & D, 0);
}

static void test_page_crossing(void)
{
    map(P | W);
    pt_t[6] = 0;
    page_a[PAGE - 2] = page_a[PAGE - 1] = 0x11;
    check_eq("crossing-write", TRY("movl $0, (%%rdi)", "D"(VA + PAGE - 2)), TRAP_PF);
    check_eq("crossing-write-cr2", fault.cr2, VA + PAGE);
    check_eq("crossing-write-is-all-or-nothing", page_a[PAGE - 2] + page_a[PAGE - 1], 0x22);
    pt_t[6] = (uint64_t)page_b | P | W;
    invlpg(VA + PAGE);
    check_eq("crossing-write-works", TRY("movl $0x44332211, (%%rdi)", "D"(VA + PAGE - 2)), NO_TRAP);
    check("crossing-write-both-pages", page_a[PAGE - 1] == 0x22 && page_b[0] == 0x33);
    pt_t[6] = 0;
    invlpg(VA + PAGE);
}

/* With CR4.SMAP: often enough to be translated, and to go on in code that was. */
static void test_stac_and_clac_often(void)
{
    uint64_t set = 0, clear = 0;
    uint32_t sum = 0;

    page_a[0] = 3;
    page_a[1] = page_a[2] = page_a[3] = 0;
    for (unsigned n = 0; n < 300; n++) {
        asm volatile("stac\n\tpushfq\n\tpopq %1\n\taddl (%3), %0\n\tclac\n\tpushfq\n\tpopq %2"
                     : "+r"(sum), "=&r"(set), "=&r"(clear)
                     : "r"(VA)
                     : "memory", "cc");
    }
    check_eq("smap-stac-often", sum, 900);
    check("stac-and-clac-show-in-flags", set >> 18 & ~clear >> 18 & 1);
    faults("smap-read-after-many-clac", READ, PF_P);
}

static void test_smep_smap(void)
{
    uint64_t cr4 = read_cr4();

    map(P | W | U);
    if (has_feature(7, 0, 1, 7)) {
        write_cr4(cr4 | CR4_SMEP);
        faults("smep", FETCH, PF_P | PF_I);
        works("smep-user-fetch", USER_FETCH);
        write_cr4(cr4);
        works("without-smep", FETCH);
    } else {
        skip("smep", "not in CPUID");
    }
    if (has_feature(7, 0, 1, 20)) {
        check_eq("stac-in-ring-0", TRY("stac\n\tclac", "i"(0)), NO_TRAP);
        write_cr4(cr4 | CR4_SMAP);
        faults("smap-read", READ, PF_P);
        faults("smap-write", WRITE, PF_P | PF_W);
        check_eq("smap-stac", TRY("stac\n\tmovl (%%rdi), %%eax\n\tclac", "D"(VA)), NO_TRAP);
        works("smap-user-read", USER_READ);
        test_stac_and_clac_often();
        write_cr4(cr4);
    } else {
        skip("smap", "not in CPUID");
    }
}

static void wrpkru(uint32_t val)
{
    asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(val), "c"(0), "d"(0) : "memory");
}

static void test_keys(void)
{
    uint64_t cr4 = read_cr4();

    if (!has_feature(7, 0, 2, 3)) {
        skip("keys", "not in CPUID");
        return;
    }
    write_cr4(cr4 | CR4_PKE);
    check("cpuid-shows-ospke", has_feature(7, 0, 2, 4));
    map(P | W | U | UINT64_C(3) << 59);
    wrpkru(0);
    works("key-open", USER_WRITE);
    wrpkru(1 << 6);
    faults("key-access-disabled", READ, PF_P | PF_PK);
    faults("key-access-disabled-user", USER_READ, PF_P | PF_PK | PF_U);
    works("key-does-not-stop-fetches", USER_FETCH);
    wrpkru(2 << 6);
    works("key-write-disabled-read", USER_READ);
    faults("key-write-disabled", USER_WRITE, PF_P | PF_PK | PF_U | PF_W);
    set_wp(false);
    works("key-write-disabled-without-wp", WRITE);
    set_wp(true);
    map(P | W | UINT64_C(3) << 59);
    wrpkru(3 << 6);
    works("key-does-not-stop-kernel-pages", WRITE);
    wrpkru(0);
    write_cr4(cr4);
}

/* Points VA at the other page without telling the TLB. */
static void repoint(const uint8_t *page, uint64_t bits)
{
    pt_t[5] = (uint64_t)page | bits;
    asm volatile("" : : : "memory");
}

static uint8_t look(void)
{
    return *(volatile uint8_t *)VA;
}

static void test_flushing(void)
{
    uint64_t cr3 = read_cr3(), cr4 = read_cr4();
    struct {
        uint64_t pcid, address;
    } d = {0, VA};

    page_a[0] = 'a';
    page_b[0] = 'b';
    map(P | W);
    check_eq("tlb-start", look(), 'a');
    repoint(page_b, P | W);
    write_cr3(cr3);
    check_eq("cr3-flushes", look(), 'b');
    repoint(page_a, P | W | G);
    invlpg(VA);
    check_eq("invlpg-flushes", look(), 'a');
    repoint(page_b, P | W | G);
    invlpg(VA);
    check_eq("invlpg-flushes-global", look(), 'b');
    repoint(page_a, P | W | G);
    write_cr4(cr4 & ~(uint64_t)CR4_PGE);
    write_cr4(cr4);
    check_eq("pge-flushes-global", look(), 'a');
    map(P | W);
    if (has_feature(1, 0, 2, 17)) {
        write_cr4(cr4 | CR4_PCIDE);
        check_eq("pcid-start", look(), 'a');
        write_cr3(cr3 | 1);
        check_eq("pcid-other", look(), 'a');
        repoint(page_b, P | W);
        write_cr3(cr3 | 1);
        check_eq("pcid-cr3-flushes-its-own", look(), 'b');
        write_cr3(cr3);
        check_eq("pcid-cr3-flushes-the-new", look(), 'b');
        check_eq("pcid-read-back", read_cr3(), cr3);
        write_cr3(cr3 | 1 | UINT64_C(1) << 63);
        check_eq("pcid-no-flush-bit-is-not-kept", read_cr3(), cr3 | 1);
        repoint(page_a, P | W);
        write_cr3(cr3 | 2);
        check_eq("pcid-never-used-before", look(), 'a');
        repoint(page_b, P | W);
        write_cr3(cr3 | 1);
        check_eq("pcid-flushes-when-back", look(), 'b');
        repoint(page_a, P | W);
        invlpg(VA);
        check_eq("pcid-invlpg", look(), 'a');
        if (has_feature(7, 0, 1, 10)) {
            repoint(page_b, P | W);
            d.pcid = 1;
            asm volatile("invpcid %0, %1" : : "m"(d), "r"(UINT64_C(0)) : "memory");
            check_eq("pcid-invpcid-address", look(), 'b');
            repoint(page_a, P | W);
            d.pcid = 2;
            asm volatile("invpcid %0, %1" : : "m"(d), "r"(UINT64_C(1)) : "memory");
            write_cr3(cr3 | 2 | UINT64_C(1) << 63);
            check_eq("pcid-invpcid-context", look(), 'a');
            d.pcid = 0;
        }
        write_cr3(cr3);
        write_cr4(cr4);
        write_cr3(cr3 | 8);
        check_eq("gp-pcide-with-low-cr3", TRY("mov %%rdi, %%cr4", "D"(cr4 | CR4_PCIDE)), TRAP_GP);
        write_cr3(cr3);
    } else {
        skip("pcid", "not in CPUID");
    }
    if (has_feature(7, 0, 1, 10)) {
        for (uint64_t type = 0; type < 4; type++) {
            map(P | W);
            look();
            repoint(page_b, P | W);
            asm volatile("invpcid %0, %1" : : "m"(d), "r"(type) : "memory");
            check_eq(type == 0   ? "invpcid-address"
                     : type == 1 ? "invpcid-context"
                     : type == 2 ? "invpcid-all-and-global"
                                 : "invpcid-all",
                     look(), 'b');
        }
        check_eq("gp-invpcid-type", TRY("invpcid (%%rdi), %%rsi", "D"(&d), "S"(UINT64_C(4))),
                 TRAP_GP);
        d.pcid = UINT64_C(1) << 12;
        check_eq("gp-invpcid-reserved", TRY("invpcid (%%rdi), %%rsi", "D"(&d), "S"(UINT64_C(0))),
                 TRAP_GP);
        check_eq("gp-invpcid-reserved-any-type",
                 TRY("invpcid (%%rdi), %%rsi", "D"(&d), "S"(UINT64_C(3))), TRAP_GP);
    } else {
        skip("invpcid", "not in CPUID");
    }
}

static void test_huge(void)
{
    if (!has_feature(0x80000001u, 0, 3, 26)) {
        skip("huge", "no pages of 1 GiB in CPUID");
        return;
    }
    map(P | W);
    pdpt_t[1] = P | W | PS;
    page_a[7] = 0x77;
    check_eq("huge-read", *(volatile uint8_t *)(TOP + (1 << 30) + (uint64_t)page_a + 7), 0x77);
    check_eq("huge-accessed", pdpt_t[1] & (A | D), A);
    pdpt_t[1] = P | W | PS | 1 << 13;
    invlpg(TOP + (1 << 30));
    check_eq("huge-reserved", TRY("movb (%%rdi), %%al", "D"(TOP + (1 << 30))), TRAP_PF);
    check_eq("huge-reserved-error", fault.error, PF_P | PF_RSVD);
}

int guest_main(uintptr_t start_info)
{
    (void)start_info;
    test_error_codes();
    test_accessed_dirty();
    test_page_crossing();
    test_smep_smap();
    test_keys();
    test_flushing();
    test_huge();
    finish();
}
