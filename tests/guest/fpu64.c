/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x87 and MMX in long runs of code: rounding, comparisons, state that is saved, restored,
 * lazily given away (#NM), looked at in page faults, and errors that are unmasked in the middle.
 */
#include "tests/guest/trap64.h"

enum {
    CR0_TS = 8,
    CW_DEFAULT = 0x37f,
    CW_ZERO_DIVIDE = 0x37b, /* that one unmasked */
    TURNS = 1000,
    FXSAVE_CW = 0,
    FXSAVE_SW = 2,
    FXSAVE_TAGS = 4,
    FXSAVE_OP = 6,
    FXSAVE_IP = 8,
    FXSAVE_DP = 16,
    FXSAVE_ST0 = 32,
};
#define NOT_MAPPED (UINT64_C(1) << 38)

static uint8_t area[2][512] __attribute__((aligned(16)));

struct real80 {
    uint64_t mant;
    uint16_t exp;
};

static uint64_t load(const uint8_t *p, unsigned bytes)
{
    uint64_t val = 0;

    copy(&val, p, bytes);
    return val;
}

static void check_real(const char *name, const struct real80 *r, uint16_t exp, uint64_t mant)
{
    check_eq(name, r->mant, mant);
    check_eq(name, r->exp, exp);
}

/* The sum of 1 / (k * k), smallest first; 64 bits of precision. */
static void test_sum(void)
{
    struct real80 sum = {0};
    uint32_t k = TURNS;

    asm volatile("fninit\n\tfldz\n"
                 "1:\tfildl %1\n\tfmul %%st(0), %%st\n\tfld1\n\tfdivp %%st, %%st(1)\n\t"
                 "faddp %%st, %%st(1)\n\tdecl %1\n\tjnz 1b\n\t"
                 "fstpt %0"
                 : "=m"(sum), "+m"(k)
                 :
                 : "cc");
    check_real("sum-of-squares", &sum, 0x3fff, UINT64_C(0xd26c72a854a3344e));
}

/* Rounds 2.5 and -2.5 under the four modes, as compilers write it. */
static void test_rounding(void)
{
    static const uint16_t modes[4] = {0x37f, 0x77f, 0xb7f, 0xf7f};
    static const int32_t want[4][2] = {{2, -2}, {2, -3}, {3, -2}, {2, -2}};
    int32_t got[2], five = 5, two = 2, wrong = 0;
    uint16_t saved, after;

    for (unsigned n = 0; n < TURNS; n++) {
        asm volatile("fninit\n\tfnstcw %2\n\t"
                     "fildl %4\n\tfidivl %5\n\t"
                     "fldcw %6\n\tfistl %0\n\tfchs\n\tfistpl %1\n\tfldcw %2\n\tfnstcw %3"
                     : "=m"(got[0]), "=m"(got[1]), "=m"(saved), "=m"(after)
                     : "m"(five), "m"(two), "m"(modes[n & 3]));
        wrong += got[0] != want[n & 3][0] || got[1] != want[n & 3][1] || after != saved;
    }
    check_eq("rounding", (uint64_t)wrong, 0);
    check_eq("control-word", after, CW_DEFAULT);
}

/* One by FCOMI, one by FNSTSW AX: how often 355 / 113 * k is above 3 * k + 1. */
static void test_compare(void)
{
    uint32_t k, above = 0, below = 0, constants[4] = {355, 113, 3, 1};

    for (k = 0; k < TURNS; k++) {
        uint16_t sw;
        uint8_t is_above;

        asm volatile("fninit\n\t"
                     "fildl (%3)\n\tfidivl 4(%3)\n\tfimull %2\n\t"
                     "fildl 8(%3)\n\tfimull %2\n\tfiaddl 12(%3)\n\t"
                     "fcom %%st(1)\n\tfnstsw %%ax\n\tfxch\n\t"
                     "fcomip %%st(1), %%st\n\tseta %1\n\tfstp %%st(0)"
                     : "=&a"(sw), "=r"(is_above)
                     : "m"(k), "r"(constants)
                     : "cc", "memory");
        above += is_above;
        below += sw >> 8 & 1;
    }
    check_eq("fcomi", above, 992);
    check_eq("fnstsw", below, 992);
}

static void test_fcmov(void)
{
    uint32_t sum = 0;

    for (uint32_t k = 0; k < TURNS; k++) {
        uint32_t val;

        asm volatile("fninit\n\tfldz\n\tfld1\n\ttestl $1, %1\n\t"
                     "fcmove %%st(1), %%st\n\tfistpl %0\n\tfstp %%st(0)"
                     : "=m"(val)
                     : "r"(k)
                     : "cc");
        sum += val;
    }
    check_eq("fcmov", sum, TURNS / 2);
}

/* MMX registers are the significands; the exponents become ones, TOP 0 and all registers valid. */
static void test_mmx(void)
{
    uint64_t step = UINT64_C(0x0001000200030004), sum, mask;
    uint32_t n = TURNS;

    asm volatile("fninit\n\tfld1\n\tpxor %%mm3, %%mm3\n"
                 "1:\tpaddw %3, %%mm3\n\tdecl %0\n\tjnz 1b\n\t"
                 "movq %%mm3, %1\n\tmovl $-1, %%r9d\n\tmovd %%r9d, %%mm4\n\t"
                 "pmovmskb %%mm4, %%r9d\n\tmovq %%r9, %2\n\tfxsave64 %4\n\temms"
                 : "+r"(n), "=m"(sum), "=r"(mask)
                 : "m"(step), "m"(area[0])
                 : "r9", "cc", "memory");
    check_eq("mmx-sum", sum, UINT64_C(0x03e807d00bb80fa0));
    check_eq("mmx-mask", mask, 0xf);
    check_eq("mmx-top", load(area[0] + FXSAVE_SW, 2) >> 11 & 7, 0);
    check_eq("mmx-tags", area[0][FXSAVE_TAGS], 0xff);
    check_eq("mmx-exponent", load(area[0] + FXSAVE_ST0 + 3 * 16 + 8, 2), 0xffff);
    asm volatile("fxsave64 %0" : "=m"(area[0]));
    check_eq("emms-tags", area[0][FXSAVE_TAGS], 0);
}

/* Two contexts, one of which divides by zero with that unmasked. */
static void test_switching(void)
{
    static const uint16_t unmasked = CW_ZERO_DIVIDE;
    uint32_t ten = 10;
    uint16_t cw;

    asm volatile("fninit\n\tfld1\n\tfld1\n\tfaddp\n\tfxsave64 %0\n\t"
                 "fninit\n\tfldcw %2\n\tfldpi\n\tfldz\n\tfxsave64 %1"
                 : "=m"(area[0]), "=m"(area[1])
                 : "m"(unmasked));
    for (unsigned n = 0; n < 10; n++) {
        asm volatile("fxrstor64 %0\n\tfimull %1\n\tfxsave64 %0" : "+m"(area[0]) : "m"(ten));
        asm volatile("fxrstor64 %0\n\tfincstp\n\tfdecstp\n\tfxsave64 %0" : "+m"(area[1]));
        asm volatile("fxrstor64 %0\n\tfnstcw %1" : : "m"(area[n & 1]), "m"(cw) : "memory");
        if (cw != (n & 1 ? CW_ZERO_DIVIDE : CW_DEFAULT)) {
            check("switch-control-word", false);
        }
    }
    check_eq("switch-first", load(area[0] + FXSAVE_ST0, 8), UINT64_C(0x9502f90000000000));
    check_eq("switch-first-exponent", load(area[0] + FXSAVE_ST0 + 8, 2), 0x4021);
    check_eq("switch-first-top", load(area[0] + FXSAVE_SW, 2) >> 11, 7);
    check_eq("switch-second-top", load(area[1] + FXSAVE_SW, 2) >> 11, 6);
    check_eq("switch-second-tags", area[1][FXSAVE_TAGS], 0xc0);
    check_eq("mf-in-second", TRY("fxrstor64 (%%rdi)\n\tfdivrp\n\tfwait", "D"(area[1])), TRAP_MF);
    check_eq("mf-in-first",
             TRY("fnclex\n\tfxrstor64 (%%rdi)\n\tfldz\n\tfdivrp\n\tfwait", "D"(area[0])), NO_TRAP);
}

/* An error that is unmasked waits for the next instruction, in the same run of code too. */
static void test_unmasking(void)
{
    static const uint16_t words[2] = {CW_DEFAULT, CW_ZERO_DIVIDE};
    uint16_t sw;

    for (unsigned n = 0; n < 3; n++) {
        check_eq(
            "unmasked-later",
            TRY("fninit\n\tfld1\n\tfldz\n\tfdivrp\n\tfldcw 2(%%rdi)\n\tnop\n\tfld1", "D"(words)),
            TRAP_MF);
        check_eq(
            "unmasked-before",
            TRY("fnclex\n\tfninit\n\tfldcw 2(%%rdi)\n\tfld1\n\tfldz\n\tfdivrp\n\tfnop", "D"(words)),
            TRAP_MF);
        check_eq(
            "masked-again",
            TRY("fnclex\n\tfldcw (%%rdi)\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait\n\tfnop", "D"(words)),
            NO_TRAP);
        asm volatile("fnstsw %0\n\tfninit" : "=m"(sw));
        check_eq("zero-divide-flag", sw & 0x3f, 4);
    }
}

/* Looks at the state, as a page fault's handler that switches tasks does. */
static void look(struct trap *t)
{
    asm volatile("fxsave64 %0\n\tfninit\n\tfldpi\n\tfxrstor64 %0" : "+m"(area[1]));
    fault.vector = t->vector;
    trap_return_to(t, recover_rip, recover_rsp);
}

static void test_page_fault(void)
{
    uint64_t sum;

    trap_hook[TRAP_PF] = look;
    TRY("fninit\n\tfld1\n\tfldpi\n\tfaddl (%%rdi)\n\tfld1\n\tfld1", "D"(NOT_MAPPED));
    trap_hook[TRAP_PF] = NULL;
    check_eq("pf", fault.vector, TRAP_PF);
    check_eq("pf-top", load(area[1] + FXSAVE_SW, 2) >> 11, 6);
    check_eq("pf-pi", load(area[1] + FXSAVE_ST0, 8), UINT64_C(0xc90fdaa22168c235));
    asm volatile("fstp %%st(0)\n\tfistpll %0" : "=m"(sum));
    check_eq("pf-goes-on", sum, 1);
}

/* The state is given to its user when that uses it. */
static void give(struct trap *t)
{
    (void)t;
    asm volatile("clts\n\tfxsave64 %0\n\tfninit\n\tfxrstor64 %0" : "+m"(area[0]));
    fault.vector++;
}

static void test_lazy(void)
{
    uint64_t sum;

    trap_hook[TRAP_NM] = give;
    fault.vector = 0;
    asm volatile("fninit\n\tfldz" : :);
    for (unsigned n = 0; n < 100; n++) {
        asm volatile("mov %%cr0, %%rax\n\tor %0, %%rax\n\tmov %%rax, %%cr0\n\tfld1\n\tfaddp"
                     :
                     : "i"(CR0_TS)
                     : "rax", "cc", "memory");
    }
    asm volatile("fistpll %0" : "=m"(sum));
    trap_hook[TRAP_NM] = NULL;
    check_eq("lazy-sum", sum, 100);
    check_eq("lazy-traps", fault.vector, 100);
}

/* Intel's processors name the last instruction and operand, AMD's only with an error waiting. */
static void test_pointers(void)
{
    bool intel = cpuid(0, 0).ebx == 0x756e6547;
    uint64_t at, six = 6;

    asm volatile("fninit\n\tfld1\n\tfld1\n\t"
                 "lea 1f(%%rip), %0\n\t"
                 "fchs\n1:\tfiaddl (%1)\n\tfnstcw (%2)\n\tfxsave64 (%2)\n\tfninit"
                 : "=&r"(at)
                 : "r"(&six), "r"(area[0])
                 : "memory");
    check_eq("pointer-instruction", load(area[0] + FXSAVE_IP, 8), intel ? at : 0);
    check_eq("pointer-operand", load(area[0] + FXSAVE_DP, 8), intel ? (uint64_t)&six : 0);
    check_eq("pointer-opcode", load(area[0] + FXSAVE_OP, 2) & 0x738, intel ? 0x200 : 0); /* DA /0 */
    asm volatile("fld1\n\tfldz\n\t"
                 "lea 1f(%%rip), %0\n\t"
                 "fadd %%st(1), %%st\n1:\tfadd %%st, %%st(1)\n\tfxsave64 (%1)\n\tfninit"
                 : "=&r"(at)
                 : "r"(area[0])
                 : "memory");
    check_eq("pointer-second", load(area[0] + FXSAVE_IP, 8), intel ? at : 0);
    check_eq("pointer-no-operand", load(area[0] + FXSAVE_DP, 8), 0);
    asm volatile("fxsave64 %0" : "=m"(area[0]));
    check_eq("pointer-cleared", load(area[0] + FXSAVE_IP, 8), 0);
}

int guest_main(uintptr_t start_info)
{
    (void)start_info;
    test_sum();
    test_rounding();
    test_compare();
    test_fcmov();
    test_mmx();
    test_switching();
    test_unmasking();
    test_page_fault();
    test_lazy();
    test_pointers();
    finish();
}
