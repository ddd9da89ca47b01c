/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of the kernel's files, clocks and memory, by one process. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/vbench/vbench.h"

enum { PAGE = 4096 };

static uint64_t file_io(unsigned long work)
{
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    uint64_t sum = 0;

    while (work--) {
        for (int i = 0; i < 20; i++) {
            sum += (uint64_t)read(zero, scratch, 4096) + (uint64_t)write(null, scratch, 512);
        }
    }
    close(zero);
    close(null);
    return sum;
}
BENCH(file_io, "sys/read-write", .work = 3400);

/* Files made, written, found, read and removed */
static uint64_t files(unsigned long work)
{
    char name[64];
    uint64_t sum = 0;

    snprintf(name, sizeof(name), "/tmp/vbench.%d", (int)getpid());
    while (work--) {
        struct stat st;
        int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        sum += (uint64_t)write(fd, scratch, 10000);
        sum += (uint64_t)pread(fd, scratch + 16384, 10000, 100);
        close(fd);
        sum += !stat(name, &st) ? (uint64_t)st.st_size : 1;
        unlink(name);
        sum += access(name, R_OK) ? 2 : 3;
    }
    return sum;
}
BENCH(files, "sys/files", .work = 1500);

static uint64_t clocks(unsigned long work)
{
    struct timespec last = {0, 0}, now;
    uint64_t backwards = 0;

    while (work--) {
        for (int i = 0; i < 100; i++) {
            clock_gettime(CLOCK_MONOTONIC, &now);
            backwards += now.tv_sec < last.tv_sec ||
                         (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec);
            last = now;
        }
    }
    return backwards;
}
BENCH(clocks, "sys/clock-gettime", .work = 61000);

/* Fresh pages touched, and given back */
static uint64_t page_faults(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        uint8_t *memory =
            mmap(NULL, 256 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        for (int i = 0; i < 256; i++) {
            sum += memory[i * PAGE]++;
            sum += memory[i * PAGE + 8] + 1u;
        }
        munmap(memory, 256 * PAGE);
    }
    return sum;
}
BENCH(page_faults, "sys/page-faults", .work = 150);

static uint64_t maps(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        uint8_t *memory[8];

        for (int i = 0; i < 8; i++) {
            memory[i] =
                mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            memory[i][PAGE * i] = 1;
        }
        for (int i = 0; i < 8; i++) {
            mprotect(memory[i], PAGE * (i + 1), PROT_READ);
            sum += memory[i][PAGE * i] + memory[i][0];
            munmap(memory[i], 16 * PAGE);
        }
    }
    return sum;
}
BENCH(maps, "sys/mmap", .work = 980);

static volatile sig_atomic_t caught;

static void count_signal(int number)
{
    (void)number;
    caught++;
}

static uint64_t signals(unsigned long work)
{
    struct sigaction action = {.sa_handler = count_signal}, old;

    caught = 0;
    sigaction(SIGUSR1, &action, &old);
    while (work--) {
        for (int i = 0; i < 10; i++) {
            kill(getpid(), SIGUSR1);
        }
    }
    sigaction(SIGUSR1, &old, NULL);
    return (uint64_t)caught;
}
BENCH(signals, "sys/signals", .work = 2100);

static uint8_t *guarded;

static void open_guard(int number)
{
    (void)number;
    caught++;
    mprotect(guarded, PAGE, PROT_READ | PROT_WRITE);
}

/* Memory that may not be written, and a handler that allows it: garbage collectors */
static uint64_t write_faults(unsigned long work)
{
    struct sigaction action = {.sa_handler = open_guard}, old;
    uint64_t sum;

    caught = 0;
    guarded = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGSEGV, &action, &old);
    while (work--) {
        (*(volatile uint8_t *)guarded)++;
        mprotect(guarded, PAGE, PROT_READ);
    }
    sigaction(SIGSEGV, &old, NULL);
    sum = mix((uint64_t)caught, guarded[0]);
    munmap(guarded, PAGE);
    return sum;
}
BENCH(write_faults, "sys/write-faults", .work = 13000);

static sigjmp_buf after_fault;

static void leave(int number)
{
    (void)number;
    siglongjmp(after_fault, 1);
}

/* A division by zero as an exception of a language */
static uint64_t divide_faults(unsigned long work)
{
    struct sigaction action = {.sa_handler = leave}, old;
    volatile uint64_t sum = 0;

    sigaction(SIGFPE, &action, &old);
    for (volatile unsigned long left = work; left; left--) {
        volatile int zero = 0;

        if (!sigsetjmp(after_fault, 1)) {
            sum += (uint64_t)(12345 / zero);
        } else {
            sum += 3;
        }
    }
    sigaction(SIGFPE, &old, NULL);
    return sum;
}
BENCH(divide_faults, "sys/divide-faults", .work = 20000);
