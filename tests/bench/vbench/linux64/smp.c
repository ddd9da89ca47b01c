/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Benchmarks of two CPUs: atomics, locks, TLB shootdown, work in parallel.
 *
 * smp/work-1 does on one thread the same as each of the two threads of smp/work-2 does: twice its
 * time, divided by that of smp/work-2, is the scaling.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/bench/vbench/vbench.h"

enum { PAGE = 4096 };

struct pair {
    unsigned long work;
    void (*body)(struct pair *pair, int me);
    atomic_int here; /* threads that have started */
    atomic_int done;
    uint64_t results[2][8]; /* a cache line each */

    _Alignas(64) atomic_ulong counter;
    _Alignas(64) atomic_int lock;
    unsigned long locked; /* guarded by lock, or by mutex */
    pthread_mutex_t mutex;
    uint8_t *memory;
};

struct start {
    struct pair *pair;
    int me;
};

/* Thread ME goes on its own CPU, where there are two. */
static void settle(struct pair *pair, int me)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(me, &set);
    sched_setaffinity(0, sizeof(set), &set); /* with one CPU it stays where it is */
    pair->here++;
    while (pair->here < 2) {
        sched_yield();
    }
}

static void *run_thread(void *argument)
{
    const struct start *start = argument;

    settle(start->pair, start->me);
    start->pair->body(start->pair, start->me);
    start->pair->done++;
    return NULL;
}

/* BODY on two threads at a time, both new: this one keeps its CPUs. */
static uint64_t run_pair(struct pair *pair, void (*body)(struct pair *, int))
{
    pthread_t threads[2];
    struct start starts[2] = {{pair, 0}, {pair, 1}};

    pair->body = body;
    pthread_mutex_init(&pair->mutex, NULL);
    for (int i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, run_thread, &starts[i])) {
            _exit(3); /* the other one would wait for ever */
        }
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_mutex_destroy(&pair->mutex);
    return mix(mix(0, pair->results[0][0]), pair->results[1][0]);
}

static void body_add(struct pair *pair, int me)
{
    for (unsigned long i = 0; i < pair->work * 100; i++) {
        atomic_fetch_add(&pair->counter, i & 15);
    }
    (void)me;
}

static uint64_t smp_add(unsigned long work)
{
    struct pair pair = {.work = work};

    return run_pair(&pair, body_add) + pair.counter;
}
BENCH(smp_add, "smp/atomic-add", .work = 5000);

static void body_exchange(struct pair *pair, int me)
{
    for (unsigned long i = 0; i < pair->work * 100; i++) {
        unsigned long old = atomic_load(&pair->counter);

        while (!atomic_compare_exchange_weak(&pair->counter, &old, old + 3)) {
        }
    }
    (void)me;
}

static uint64_t smp_exchange(unsigned long work)
{
    struct pair pair = {.work = work};

    return run_pair(&pair, body_exchange) + pair.counter;
}
BENCH(smp_exchange, "smp/compare-exchange", .work = 13000);

/* Atomics that nobody else wants, which are most of them */
static void body_private(struct pair *pair, int me)
{
    atomic_ulong own = 0;
    atomic_uchar bits = 0;
    atomic_uint word = 0;

    for (unsigned long i = 0; i < pair->work * 100; i++) {
        atomic_fetch_add(&own, 1);
        atomic_fetch_or(&bits, (unsigned char)i);
        atomic_exchange(&word, (unsigned)i);
    }
    pair->results[me][0] = own + bits + word;
}

static uint64_t smp_private(unsigned long work)
{
    struct pair pair = {.work = work};

    return run_pair(&pair, body_private);
}
BENCH(smp_private, "smp/private-atomics", .work = 54000);

static void body_spin(struct pair *pair, int me)
{
    for (unsigned long i = 0; i < pair->work * 10; i++) {
        while (atomic_exchange(&pair->lock, 1)) {
            while (atomic_load(&pair->lock)) {
                __builtin_ia32_pause();
            }
        }
        pair->locked += 1 + (i & 1);
        atomic_store(&pair->lock, 0);
    }
    (void)me;
}

static uint64_t smp_spin(unsigned long work)
{
    struct pair pair = {.work = work};

    return run_pair(&pair, body_spin) + pair.locked;
}
BENCH(smp_spin, "smp/spinlock", .work = 790000);

static void body_mutex(struct pair *pair, int me)
{
    for (unsigned long i = 0; i < pair->work * 10; i++) {
        pthread_mutex_lock(&pair->mutex);
        pair->locked += 1 + (i & 3);
        pthread_mutex_unlock(&pair->mutex);
    }
    (void)me;
}

static uint64_t smp_mutex(unsigned long work)
{
    struct pair pair = {.work = work};

    return run_pair(&pair, body_mutex) + pair.locked;
}
BENCH(smp_mutex, "smp/mutex", .work = 36000);

/* A word handed to and fro through a cache line */
static void body_messages(struct pair *pair, int me)
{
    for (unsigned long i = 0; i < pair->work; i++) {
        unsigned long mine = 2 * i + (unsigned)me;
        unsigned spins = 0;

        while (atomic_load_explicit(&pair->counter, memory_order_acquire) != mine) {
            __builtin_ia32_pause();
            if (++spins % 4096 == 0) {
                sched_yield(); /* both threads may share one CPU */
            }
        }
        pair->results[me][0] = mix(pair->results[me][0], mine);
        atomic_store_explicit(&pair->counter, mine + 1, memory_order_release);
    }
}

static uint64_t smp_messages(unsigned long work)
{
    struct pair pair = {.work = work};

    return run_pair(&pair, body_messages);
}
BENCH(smp_messages, "smp/messages", .work = 1200);

/* One thread takes rights from pages that the other one uses: each time its TLB is to be told. */
static void body_shootdown(struct pair *pair, int me)
{
    if (me) {
        uint64_t reads = 0;

        while (pair->done < 1) {
            for (int i = 0; i < 16; i++) {
                reads += pair->memory[i * PAGE];
            }
        }
        pair->results[1][0] = reads & 0; /* how many there were is chance */
        return;
    }
    for (unsigned long i = 0; i < pair->work; i++) {
        mprotect(pair->memory, 16 * PAGE, PROT_READ);
        mprotect(pair->memory, 16 * PAGE, PROT_READ | PROT_WRITE);
        pair->memory[(i & 15) * PAGE] = (uint8_t)i;
    }
    pair->results[0][0] = pair->memory[0] + pair->work;
}

static uint64_t smp_shootdown(unsigned long work)
{
    struct pair pair = {.work = work};
    uint64_t sum;

    pair.memory = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sum = run_pair(&pair, body_shootdown);
    munmap(pair.memory, 16 * PAGE);
    return sum;
}
BENCH(smp_shootdown, "smp/shootdown", .work = 45);

/* Both threads fault pages of their own into one address space. */
static void body_faults(struct pair *pair, int me)
{
    for (unsigned long i = 0; i < pair->work; i++) {
        uint8_t *memory =
            mmap(NULL, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        for (int k = 0; k < 32; k++) {
            memory[k * PAGE] = (uint8_t)(i + (unsigned)k);
            pair->results[me][0] += memory[k * PAGE];
        }
        munmap(memory, 32 * PAGE);
    }
}

static uint64_t smp_faults(unsigned long work)
{
    struct pair pair = {.work = work};

    return run_pair(&pair, body_faults);
}
BENCH(smp_faults, "smp/page-faults", .work = 130);

/* What there is to do in parallel: calls, a table, memory */
static uint64_t task(unsigned long work, int me)
{
    uint32_t *table = (uint32_t *)(scratch + (size_t)me * (1 << 20));
    uint32_t seed = 5 + (uint32_t)me;
    uint64_t sum = 0;

    for (int i = 0; i < 4096; i++) {
        table[i] = (uint32_t)i;
    }
    while (work--) {
        uint32_t total = 0;

        for (int i = 0; i < 1000; i++) {
            uint32_t at = rnd(&seed), k = at >> 9 & 4095;

            total += table[k] ^ (at & 1 ? at : k);
            table[k] = total;
        }
        sum = mix(sum, total);
    }
    return sum;
}

static void body_task(struct pair *pair, int me)
{
    pair->results[me][0] = task(pair->work, me);
}

static uint64_t smp_work_1(unsigned long work)
{
    return task(work, 0);
}
BENCH(smp_work_1, "smp/work-1", .work = 160000);

static uint64_t smp_work_2(unsigned long work)
{
    struct pair pair = {.work = work};

    return run_pair(&pair, body_task);
}
BENCH(smp_work_2, "smp/work-2", .work = 79000);
