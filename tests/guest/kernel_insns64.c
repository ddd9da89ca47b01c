/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions in ring 0 that a kernel module for virtual machines may leave to user space:
 * XSAVE and XRSTOR, INT3, LOCK CMPXCHG16B, string I/O, far returns, MSRs, descriptor tables, time.
 */
#include "tests/guest/trap64.h"

enum { CR4_OSXSAVE = 1 << 18, CR4_FSGSBASE = 1 << 16, XSAVE_HEADER = 512 };

static uint8_t area[4096] __attribute__((aligned(64)));
static uint64_t wide[2] __attribute__((aligned(16)));
static volatile unsigned hits;

static void count_breakpoint(struct trap *t)
{
    hits++;
    fault.rip = t->rip;
}

static void test_int3(void)
{
    uint64_t after;

    trap_hook[TRAP_BP] = count_breakpoint;
    asm volatile("int3\n1:\tleaq 1b(%%rip), %0" : "=r"(after) : : "memory");
    check_eq("int3-runs-its-handler", hits, 1);
    check_eq("int3-returns-behind-it", fault.rip, after);
    asm volatile("int $3" : : : "memory");
    check_eq("int-3-in-two-bytes", hits, 2);
    trap_hook[TRAP_BP] = NULL;
}

static void test_cmpxchg16b(void)
{
    uint64_t low = 1, high = 2;
    uint8_t equal;

    if (!has_feature(1, 0, 2, 13)) {
        skip("cmpxchg16b", "not in CPUID");
        return;
    }
    wide[0] = 1;
    wide[1] = 2;
    asm volatile("lock cmpxchg16b %0\n\tsetz %1"
                 : "+m"(wide), "=q"(equal), "+a"(low), "+d"(high)
                 : "b"(UINT64_C(0x1111)), "c"(UINT64_C(0x2222))
                 : "memory", "cc");
    check("cmpxchg16b-equal-sets-zf", equal);
    check("cmpxchg16b-equal-stores", wide[0] == 0x1111 && wide[1] == 0x2222);
    low = high = 5;
    asm volatile("lock cmpxchg16b %0\n\tsetz %1"
                 : "+m"(wide), "=q"(equal), "+a"(low), "+d"(high)
                 : "b"(UINT64_C(7)), "c"(UINT64_C(8))
                 : "memory", "cc");
    check("cmpxchg16b-different-clears-zf", !equal);
    check("cmpxchg16b-different-loads", low == 0x1111 && high == 0x2222);
    check("cmpxchg16b-different-keeps-memory", wide[0] == 0x1111 && wide[1] == 0x2222);
    check_eq("cmpxchg16b-unaligned-faults", TRY("lock cmpxchg16b 8(%%rdi)", "D"(wide)), TRAP_GP);
}

static void test_xsave(void)
{
    uint32_t word = 0;

    if (!has_feature(1, 0, 2, 26)) {
        skip("xsave", "not in CPUID");
        return;
    }
    check_eq("xsave-without-osxsave", TRY("xsave (%%rdi)", "D"(area)), TRAP_UD);
    asm volatile("mov %%cr4, %%rax\n\tor %0, %%rax\n\tmov %%rax, %%cr4"
                 :
                 : "r"((uint64_t)CR4_OSXSAVE)
                 : "rax");
    check("cpuid-shows-osxsave", has_feature(1, 0, 2, 27));
    asm volatile("xsetbv" : : "a"(3), "d"(0), "c"(0));
    asm volatile("xgetbv" : "=a"(word) : "c"(0) : "edx");
    check_eq("xgetbv", word, 3);
    check_eq("xsetbv-without-x87",
             TRY("movl $2, %%eax\n\txorl %%edx, %%edx\n\txorl %%ecx, %%ecx\n\txsetbv", "i"(0)),
             TRAP_GP);
    fill(area, 0, sizeof(area));
    word = 0x12345678;
    asm volatile(
        "movd %1, %%xmm3\n\txsave (%0)\n\tpxor %%xmm3, %%xmm3\n\txrstor (%0)\n\tmovd %%xmm3, %1"
        : "+r"((void *){area}), "+r"(word)
        : "a"(3), "d"(0)
        : "memory");
    check_eq("xrstor-brings-xmm-back", word, 0x12345678);
    check("xsave-writes-xstate-bv", area[XSAVE_HEADER] & 2);
    area[XSAVE_HEADER] = 1; /* SSE is in its initial state */
    asm volatile("xrstor (%1)\n\tmovd %%xmm3, %0"
                 : "=r"(word)
                 : "r"(area), "a"(3), "d"(0)
                 : "memory");
    check_eq("xrstor-initializes-what-is-absent", word, 0);
    area[XSAVE_HEADER + 8 + 7] = 0x40; /* XCOMP_BV without compaction */
    check_eq("xrstor-checks-its-header",
             TRY("movl $3, %%eax\n\txorl %%edx, %%edx\n\txrstor (%%rdi)", "D"(area)), TRAP_GP);
    check_eq("xrstor-unaligned-faults",
             TRY("movl $3, %%eax\n\txorl %%edx, %%edx\n\txrstor 8(%%rdi)", "D"(area)), TRAP_GP);
}

static void test_string_io(void)
{
    static const uint8_t text[] = "\n";
    const uint8_t *from = text;
    uint8_t *to = area;
    uint64_t n = 1;

    put("string-io:");
    asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(PORT_DEBUGCON) : "memory");
    check("outsb-advances", from == text + 1 && n == 0);
    outb(0x70, 0x0f); /* CMOS keeps this byte for software */
    outb(0x71, 0x5a);
    outb(0x70, 0x0f);
    n = 3;
    asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"(0x71) : "memory");
    check("insb-stores", to == area + 3 && area[0] == 0x5a && area[2] == 0x5a);
}

static void test_tables(void)
{
    struct table_pointer p = {0}, q = {0};
    uint64_t val;

    asm volatile("sidt %0\n\tsgdt %1" : "=m"(p), "=m"(q));
    check("sidt", p.base == (uint64_t)idt && p.limit == sizeof(idt) - 1);
    check("sgdt", q.base == (uint64_t)gdt);
    asm volatile("str %w0" : "=r"(val));
    check_eq("str", val & 0xffff, TSS_SELECTOR);
    asm volatile("smsw %0" : "=r"(val));
    check_eq("smsw-is-cr0", val & 0xffff, 0x33);
    asm volatile("pushq %1\n\tleaq 1f(%%rip), %0\n\tpushq %0\n\tlretq\n1:\tmovl %%cs, %k0"
                 : "=&r"(val)
                 : "i"(CODE_SELECTOR)
                 : "memory");
    check_eq("lretq-to-the-same-ring", val & 0xffff, CODE_SELECTOR);
}

static void test_msrs(void)
{
    uint64_t old = rdmsr(0xc0000102);

    wrmsr(0xc0000100, UINT64_C(0xffff800012345678)); /* FS base */
    check_eq("fs-base-msr", rdmsr(0xc0000100), UINT64_C(0xffff800012345678));
    wrmsr(0xc0000101, (uint64_t)wide);
    wrmsr(0xc0000102, 0x4242); /* kernel GS base */
    wide[0] = 99;
    asm volatile("movq %%gs:0, %0" : "=r"(wide[1]));
    check_eq("gs-base-addresses", wide[1], 99);
    asm volatile("swapgs");
    check_eq("swapgs", rdmsr(0xc0000101), 0x4242);
    asm volatile("swapgs");
    wrmsr(0xc0000102, old);
    check_eq("msr-non-canonical",
             TRY("xorl %%eax, %%eax\n\tmovl $0x80000000, %%edx\n\tmovl $0xc0000100, %%ecx\n\twrmsr",
                 "i"(0)),
             TRAP_GP);
    if (has_feature(7, 0, 1, 0)) {
        asm volatile("mov %%cr4, %%rax\n\tor %0, %%rax\n\tmov %%rax, %%cr4\n\twrfsbase %1"
                     :
                     : "r"((uint64_t)CR4_FSGSBASE), "r"((uint64_t)0x7777)
                     : "rax");
        check_eq("wrfsbase", rdmsr(0xc0000100), 0x7777);
    } else {
        skip("wrfsbase", "not in CPUID");
    }
}

static void test_often(void)
{
    uint64_t last = rdtsc(), back = 0, gs = rdmsr(0xc0000101), other = rdmsr(0xc0000102);
    uint32_t low, high, aux = 0, wrong = 0;

    for (unsigned n = 0; n < 1000; n++) {
        uint64_t now = rdtsc();

        back += now < last;
        last = now;
    }
    check_eq("rdtsc-never-goes-back", back, 0);
    if (has_feature(0x80000001, 0, 3, 27)) {
        wrmsr(0xc0000103, 0x1234);
        for (unsigned n = 0; n < 300; n++) {
            asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
            wrong += aux != 0x1234 || ((uint64_t)high << 32 | low) < last;
        }
        check_eq("rdtscp-gives-the-aux-msr", wrong, 0);
    } else {
        skip("rdtscp", "not in CPUID");
    }
    for (unsigned n = 0; n < 301; n++) {
        asm volatile("swapgs" : : : "memory");
    }
    check("swapgs-often", rdmsr(0xc0000101) == other && rdmsr(0xc0000102) == gs);
    asm volatile("swapgs");
}

int guest_main(uintptr_t start_info)
{
    (void)start_info;
    test_int3();
    test_cmpxchg16b();
    test_xsave();
    test_string_io();
    test_tables();
    test_msrs();
    test_often();
    finish();
}
