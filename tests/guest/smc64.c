/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that changes: by itself in the next instruction, in its own loop, through another mapping,
 * across pages, by string instructions, and by a second CPU.
 */
#include "tests/guest/trap64.h"

enum { PAGE = 4096, MOV_EAX = 0xb8, RET = 0xc3, PATIENCE = 50000000, ROUNDS = 200 };

static uint8_t code[3 * PAGE] __attribute__((aligned(PAGE)));

/* MOV EAX, VALUE; RET */
static void write_function(uint8_t *at, uint32_t value)
{
    volatile uint8_t *p = at;

    p[0] = MOV_EAX;
    for (unsigned i = 0; i < 4; i++) {
        p[1 + i] = (uint8_t)(value >> i * 8);
    }
    p[5] = RET;
}

static uint32_t call(const uint8_t *at)
{
    uint32_t result;

    asm volatile("call *%1" : "=a"(result) : "r"(at) : "rcx", "rdx", "memory", "cc");
    return result;
}

static void test_rewriting(void)
{
    uint32_t sum = 0;

    write_function(code, 1);
    check_eq("first", call(code), 1);
    write_function(code, 2);
    check_eq("rewritten", call(code), 2);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        write_function(code, i);
        sum += call(code);
    }
    check_eq("rewritten-often", sum, ROUNDS * (ROUNDS - 1) / 2);

    write_function(code + PAGE - 3, 5); /* over two pages */
    check_eq("crossing-first", call(code + PAGE - 3), 5);
    code[PAGE + 1] = 1; /* the third byte of the number */
    check_eq("crossing-second-page-changed", call(code + PAGE - 3), 5 | 1 << 24);
    ((volatile uint8_t *)code)[PAGE - 2] = 6;
    check_eq("crossing-first-page-changed", call(code + PAGE - 3), 6 | 1 << 24);

    write_function(code, 7);
    call(code);
    write_function(code + 64, 8);
    copy(code, code + 64, 6); /* REP MOVSB */
    check_eq("rewritten-by-string", call(code), 8);

    call(code);
    *(volatile uint64_t *)(code + 1) = 9 | (uint64_t)RET << 32;
    check_eq("rewritten-by-one-store", call(code), 9);

    call(code);
    *(volatile uint32_t *)(USER_BASE + (uint64_t)code + 1) = 10;
    check_eq("rewritten-through-another-mapping", call(code), 10);

    call(code);
    for (unsigned i = 0; i < 3; i++) { /* data beside code */
        ((volatile uint8_t *)code)[512 + i] = (uint8_t)i;
    }
    check_eq("data-on-the-same-page", call(code), 10);
}

/* The store goes to the instruction right behind it, which was executed before. */
static void test_next_instruction(void)
{
    uint32_t result;

    for (unsigned round = 0; round < 3; round++) {
        asm volatile("leaq 1f(%%rip), %%rdx\n\tmovb %b1, 1(%%rdx)\n1:\tmovl $0xff, %0"
                     : "=a"(result)
                     : "c"(round + 20)
                     : "rdx", "memory");
        check_eq(round == 0   ? "next-instruction-first"
                 : round == 1 ? "next-instruction-again"
                              : "next-instruction-third",
                 result & 0xff, round + 20);
    }
}

/* A loop that turns its own ADD into a SUB half-way. */
static void test_own_loop(void)
{
    uint64_t value = 0, turns = 10;

    asm volatile("leaq 2f(%%rip), %%rdx\n"
                 "1:\tcmpq $5, %1\n\tjne 2f\n\tmovb $0xe8, 2(%%rdx)\n"
                 "2:\taddq $3, %0\n\tdecq %1\n\tjnz 1b\n\tmovb $0xc0, 2(%%rdx)"
                 : "+a"(value), "+c"(turns)
                 :
                 : "rdx", "memory", "cc");
    /* 83 /0 (c0) is ADD, 83 /5 (e8) SUB: both on RAX with an 8-bit number */
    check_eq("own-loop", value, 0);
}

static volatile unsigned ap_turn, bsp_turn;
static volatile uint32_t ap_result;

/* Calls the code whenever it is told to; CPUID serializes, as cross-modifying code needs. */
static void second_cpu(void)
{
    unsigned turn = 0;

    for (;;) {
        while (bsp_turn == turn) {
            asm volatile("pause");
        }
        turn++;
        cpuid(0, 0);
        ap_result = call(code);
        ap_turn = turn;
    }
}

/* The return address lands beside the code, which thus changes while it goes elsewhere. */
static void test_stack_in_code(void)
{
    uint64_t result, where;

    asm volatile("movq %%rsp, %%rbx\n\tleaq 2f(%%rip), %1\n\tjmp 3f\n\t"
                 ".balign 64\n3:\tleaq 4f(%%rip), %%rsp\n\txorl %k0, %k0\n\tcall *%1\n\tjmp 5f\n"
                 "2:\tmovl $1, %k0\n\tret\n\t.balign 8\n\t.quad 0\n4:\n"
                 "5:\tmovq %%rbx, %%rsp"
                 : "=&a"(result), "=&d"(where)
                 :
                 : "rbx", "memory", "cc");
    check_eq("calls-with-the-stack-in-the-code", result, 1);
}

static void test_second_cpu(void)
{
    unsigned wrong = 0;

    write_function(code, 0);
    start_ap(second_cpu);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        write_function(code, i * 3);
        bsp_turn = i;
        if (!wait_for(&ap_turn, i, PATIENCE)) {
            check("second-cpu-answers", false);
            return;
        }
        wrong += ap_result != i * 3;
    }
    check_eq("cross-modified-code", wrong, 0);
}

int guest_main(uintptr_t start_info)
{
    (void)start_info;
    test_rewriting();
    test_next_instruction();
    test_own_loop();
    test_stack_in_code();
    test_second_cpu();
    finish();
}
