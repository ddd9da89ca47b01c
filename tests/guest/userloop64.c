/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compute loop in ring 3, for measuring: "turns=N" on the command line gives its length in
 * millions; prints the turns, the instructions and the time stamps that they took.
 */
#include "tests/guest/trap64.h"

enum { LOOP_INSTRUCTIONS = 8 };

/*
 * Eight instructions per turn: arithmetic, shifts, a load, a store, a branch. The same loop is in
 * tests/bench/loop.c, for the host.
 */
asm("user_loop:\n\t"
    "movq $1, %rax\n\tmovq $0x9e3779b97f4a7c15, %rcx\n"
    "1:\taddq %rcx, %rax\n\txorq -64(%rsp), %rax\n\tmovq %rax, %rdx\n\tshrq $7, %rdx\n\t"
    "addq %rdx, %rax\n\tmovq %rax, -64(%rsp)\n\tdecq %rdi\n\tjnz 1b\nuser_loop_end:\n\tud2");
extern char user_loop[], user_loop_end[];

int guest_main(uintptr_t start_info)
{
    uint64_t turns = number_of(start_info, "turns="), start, result;

    if (!turns) {
        turns = 1;
    }
    turns *= 1000000;
    start = rdtsc();
    result = user_call(user_loop, turns);
    put("turns ");
    put_hex(turns);
    put(" instructions ");
    put_hex(turns * LOOP_INSTRUCTIONS);
    put(" cycles ");
    put_hex(rdtsc() - start);
    put(" result ");
    put_hex(result);
    put("\n");
    check_eq("loop-ended-by-itself", fault.rip, USER_BASE + (uint64_t)user_loop_end);
    finish();
}
