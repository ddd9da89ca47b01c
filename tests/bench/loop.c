/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of tests/guest/userloop64.c as a program of the host: argument 1 is the length in
 * millions of turns; prints nanoseconds and the result.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
    uint64_t turns = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 1000000;
    uint64_t value = 1, memory = 0, start = now_ns();

    if (!turns) {
        fprintf(stderr, "usage: loop MILLIONS\n");
        return 1;
    }
    __asm__ volatile("1:\taddq %3, %0\n\txorq %2, %0\n\tmovq %0, %%rdx\n\tshrq $7, %%rdx\n\t"
                     "addq %%rdx, %0\n\tmovq %0, %2\n\tdecq %1\n\tjnz 1b"
                     : "+a"(value), "+D"(turns), "+m"(memory)
                     : "c"(UINT64_C(0x9e3779b97f4a7c15))
                     : "rdx", "cc");
    printf("%" PRIu64 " 0x%" PRIx64 "\n", now_ns() - start, value);
    return 0;
}
