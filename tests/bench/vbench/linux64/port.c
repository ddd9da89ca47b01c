/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmarks' port to a 64-bit Linux with its C library. */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/vbench/vbench.h"

void port_write(const char *text, size_t size)
{
    while (size) {
        ssize_t n = write(STDOUT_FILENO, text, size);

        if (n <= 0) {
            return;
        }
        text += n;
        size -= (size_t)n;
    }
}

void port_drain(void)
{
    tcdrain(STDOUT_FILENO); /* on a pipe there is nothing to wait for */
}

uint64_t port_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void *port_code_memory(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

bool port_protect(void *memory, size_t size, bool executable)
{
    return !mprotect(memory, size, PROT_READ | (executable ? PROT_EXEC : PROT_WRITE));
}

unsigned port_process_id(void)
{
    return (unsigned)syscall(SYS_getpid);
}

/* sys_process.c starts this program as a child that has nothing to do. */
int main(int argc, char **argv)
{
    if (argc == 2 && argv[1][0] == '-') {
        return 0;
    }
    return vbench_main(argc, argv);
}
