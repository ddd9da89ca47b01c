/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmarks' port to 32-bit Linux without a C library: system calls by int 0x80, so that
 * nothing but a compiler that knows -m32 is needed.
 */
#include "tests/bench/vbench/vbench.h"

enum {
    SYS_EXIT = 1,
    SYS_WRITE = 4,
    SYS_GETPID = 20,
    SYS_IOCTL = 54,
    SYS_MPROTECT = 125,
    SYS_MMAP2 = 192,
    SYS_CLOCK_GETTIME = 265,
};
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, MAP_PRIVATE = 2, MAP_ANONYMOUS = 32 };
enum { STDOUT = 1, TCSBRK = 0x5409, CLOCK_MONOTONIC = 1 };
#define LAST_ERROR 4095ul

static long call(long number, long a, long b, long c, long d, long e)
{
    long result;

    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return result;
}

void port_write(const char *text, size_t size)
{
    while (size) {
        long n = call(SYS_WRITE, STDOUT, (long)text, (long)size, 0, 0);

        if (n <= 0) {
            return;
        }
        text += n;
        size -= (size_t)n;
    }
}

void port_drain(void)
{
    call(SYS_IOCTL, STDOUT, TCSBRK, /* no break, only wait */ 1, 0, 0);
}

uint64_t port_now_ns(void)
{
    struct {
        uint32_t seconds, ns;
    } now = {0, 0};

    call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, (long)&now, 0, 0, 0);
    return (uint64_t)now.seconds * 1000000000 + now.ns;
}

void *port_code_memory(size_t size)
{
    /* The sixth argument, in EBP, is the offset: ignored for anonymous memory. */
    long memory = call(SYS_MMAP2, 0, (long)size, PROT_READ | PROT_WRITE | PROT_EXEC,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1);

    return (unsigned long)memory >= -LAST_ERROR ? NULL : (void *)memory;
}

bool port_protect(void *memory, size_t size, bool executable)
{
    int prot = PROT_READ | (executable ? PROT_EXEC : PROT_WRITE);

    return !call(SYS_MPROTECT, (long)memory, (long)size, prot, 0, 0);
}

unsigned port_process_id(void)
{
    return (unsigned)call(SYS_GETPID, 0, 0, 0, 0, 0);
}

/* The compiler may call these even in freestanding code. */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int value, size_t size);

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    void *start = to;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return start;
}

void *memset(void *to, int value, size_t size)
{
    void *start = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
    return start;
}

/* ARGUMENTS: what the kernel leaves on the stack, argc and then argv */
__attribute__((used, noreturn)) static void start(long *arguments)
{
    int status = vbench_main((int)arguments[0], (char **)(arguments + 1));

    for (;;) {
        call(SYS_EXIT, status, 0, 0, 0, 0);
    }
}

__asm__(".globl _start\n"
        "_start:\n"
        "    xorl %ebp, %ebp\n"
        "    movl %esp, %eax\n"
        "    andl $-16, %esp\n"
        "    subl $12, %esp\n"
        "    pushl %eax\n"
        "    call start\n");
