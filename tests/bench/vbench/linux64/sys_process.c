/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of processes and threads: making them, switching between them. */
#include <pthread.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/vbench/vbench.h"

static uint64_t wait_for(pid_t child)
{
    int status = -1;

    waitpid(child, &status, 0);
    return (uint64_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status);
}

/* A child that writes to memory it shares until then */
static uint64_t forks(unsigned long work)
{
    uint64_t sum = 0;

    for (int i = 0; i < 64; i++) {
        scratch[4096 * i] = 1;
    }
    while (work--) {
        pid_t child = fork();

        if (!child) {
            for (int i = 0; i < 16; i++) {
                scratch[4096 * i]++;
            }
            _exit(scratch[0]);
        }
        sum += wait_for(child);
    }
    return sum;
}
BENCH(forks, "sys/fork", .work = 240);

/* This very program is started, and ends at once. */
static uint64_t execs(unsigned long work)
{
    static char self[] = "/proc/self/exe", nothing[] = "-";
    char *arguments[] = {self, nothing, NULL}, *environment[] = {NULL};
    uint64_t sum = 0;

    while (work--) {
        pid_t child = fork();

        if (!child) {
            execve(self, arguments, environment);
            _exit(99);
        }
        sum += wait_for(child) + 1;
    }
    return sum;
}
BENCH(execs, "sys/fork-exec", .work = 90);

static uint64_t spawns(unsigned long work)
{
    static char self[] = "/proc/self/exe", nothing[] = "-";
    char *arguments[] = {self, nothing, NULL}, *environment[] = {NULL};
    uint64_t sum = 0;

    while (work--) {
        pid_t child;

        sum += posix_spawn(&child, self, NULL, NULL, arguments, environment) ? 1000
                                                                             : wait_for(child) + 1;
    }
    return sum;
}
BENCH(spawns, "sys/spawn", .work = 160);

/* A word goes to another process and back. */
static uint64_t pipes(unsigned long work)
{
    int there[2], back[2];
    uint64_t sum = 0, word;
    pid_t child;

    if (pipe(there) || pipe(back)) {
        return 1;
    }
    child = fork();
    if (!child) {
        close(there[1]);
        while (read(there[0], &word, sizeof(word)) == sizeof(word)) {
            word += 3;
            if (write(back[1], &word, sizeof(word)) != sizeof(word)) {
                break;
            }
        }
        _exit(0);
    }
    close(there[0]);
    close(back[1]);
    for (word = 0; work--;) {
        for (int i = 0; i < 10; i++) {
            if (write(there[1], &word, sizeof(word)) != sizeof(word) ||
                read(back[0], &word, sizeof(word)) != sizeof(word)) {
                word = 0;
            }
        }
        sum = mix(sum, word);
    }
    close(there[1]);
    close(back[0]);
    return sum + wait_for(child);
}
BENCH(pipes, "sys/pipe", .work = 600);

/* Much data through a pipe */
static uint64_t pipe_data(unsigned long work)
{
    int ends[2];
    uint64_t sum = 0;
    pid_t child;
    ssize_t n;

    if (pipe(ends)) {
        return 1;
    }
    child = fork();
    if (!child) {
        close(ends[0]);
        while (work--) {
            if (write(ends[1], scratch, 65536) != 65536) {
                _exit(1);
            }
        }
        _exit(0);
    }
    close(ends[1]);
    while ((n = read(ends[0], scratch + (1 << 20), 32768)) > 0) {
        sum += (uint64_t)n;
    }
    close(ends[0]);
    return sum + wait_for(child);
}
BENCH(pipe_data, "sys/pipe-data", .work = 820);

static void *add_one(void *number)
{
    ++*(uint64_t *)number;
    return NULL;
}

static uint64_t threads(unsigned long work)
{
    uint64_t count = 0;

    while (work--) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, add_one, &count)) {
            return 1;
        }
        pthread_join(thread, NULL);
    }
    return count;
}
BENCH(threads, "sys/threads", .work = 3000);

struct turns {
    sem_t first, second;
    unsigned long work;
    uint64_t sum;
};

static void *second_player(void *argument)
{
    struct turns *turns = argument;

    for (unsigned long i = 0; i < turns->work; i++) {
        sem_wait(&turns->second);
        turns->sum = mix(turns->sum, i);
        sem_post(&turns->first);
    }
    return NULL;
}

/* Two threads that wake each other by futexes */
static uint64_t futexes(unsigned long work)
{
    struct turns turns = {.work = work};
    pthread_t thread;

    sem_init(&turns.first, 0, 1);
    sem_init(&turns.second, 0, 0);
    if (pthread_create(&thread, NULL, second_player, &turns)) {
        return 1;
    }
    for (unsigned long i = 0; i < work; i++) {
        sem_wait(&turns.first);
        turns.sum ^= i << 7;
        sem_post(&turns.second);
    }
    pthread_join(thread, NULL);
    sem_destroy(&turns.first);
    sem_destroy(&turns.second);
    return turns.sum;
}
BENCH(futexes, "sys/futex", .work = 32000);
