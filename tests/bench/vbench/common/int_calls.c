/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of calls: recursion, small functions, function pointers, callbacks. */
#include "tests/bench/vbench/vbench.h"

static NOINLINE uint32_t fib_of(uint32_t n)
{
    return n < 2 ? n : fib_of(n - 1) + fib_of(n - 2);
}

static uint64_t fib(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        sum = mix(sum, fib_of(15 + (uint32_t)(work & 1)));
    }
    return sum;
}
BENCH(fib, "int/fib", .work = 35000);

static NOINLINE int tak_of(int x, int y, int z)
{
    if (y >= x) {
        return z;
    }
    return tak_of(tak_of(x - 1, y, z), tak_of(y - 1, z, x), tak_of(z - 1, x, y));
}

static uint64_t tak(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        sum = mix(sum, (uint32_t)tak_of(12, 8, 4 - (int)(work & 1)));
    }
    return sum;
}
BENCH(tak, "int/tak", .work = 12000);

/* Deep: returns that come long after their calls */
static NOINLINE unsigned ackermann_of(unsigned m, unsigned n)
{
    if (!m) {
        return n + 1;
    }
    return ackermann_of(m - 1, n ? ackermann_of(m, n - 1) : 1);
}

static uint64_t ackermann(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        sum = mix(sum, ackermann_of(2, 150 + (unsigned)(work & 3)));
    }
    return sum;
}
BENCH(ackermann, "int/ackermann", .work = 1500);

static NOINLINE unsigned place_queens(unsigned free, unsigned left, unsigned right, unsigned all)
{
    unsigned count = 0;

    if (!free) {
        return 1;
    }
    for (unsigned open = free & ~left & ~right; open; open &= open - 1) {
        unsigned bit = open & -open;

        count += place_queens(free & ~bit, (left | bit) << 1 & all, (right | bit) >> 1, all);
    }
    return count;
}

static uint64_t queens(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        sum = mix(sum, place_queens(0xff, 0, 0, 0xff));
    }
    return sum;
}
BENCH(queens, "int/queens", .work = 18000);

static NOINLINE void quicksort(uint32_t *a, int n)
{
    while (n > 8) {
        uint32_t pivot = a[n / 2];
        int i = 0, k = n - 1;

        while (i <= k) {
            while (a[i] < pivot) {
                i++;
            }
            while (a[k] > pivot) {
                k--;
            }
            if (i <= k) {
                uint32_t swap = a[i];

                a[i++] = a[k];
                a[k--] = swap;
            }
        }
        quicksort(a, k + 1);
        a += i;
        n -= i;
    }
    for (int i = 1; i < n; i++) {
        uint32_t value = a[i];
        int k = i;

        for (; k && a[k - 1] > value; k--) {
            a[k] = a[k - 1];
        }
        a[k] = value;
    }
}

static uint64_t sort(unsigned long work)
{
    enum { N = 4096 };
    uint32_t *a = (uint32_t *)scratch, seed = 5;
    uint64_t sum = 0;

    while (work--) {
        for (int i = 0; i < N; i++) {
            a[i] = rnd(&seed);
        }
        quicksort(a, N);
        sum = mix(sum, a[N / 2]);
    }
    return sum;
}
BENCH(sort, "int/sort", .work = 1600);

static NOINLINE unsigned add3(unsigned a, unsigned b, unsigned c)
{
    OPAQUE(a);
    return a + b + c;
}

static NOINLINE unsigned rotate(unsigned a, unsigned n)
{
    OPAQUE(a);
    return a << (n & 31) | a >> (-n & 31);
}

static NOINLINE unsigned both(unsigned a, unsigned b)
{
    return add3(rotate(a, b), b, 1) ^ rotate(b, 3);
}

/* Small functions called directly from everywhere */
static uint64_t calls(unsigned long work)
{
    unsigned a = 1, b = 2;

    while (work--) {
        for (int i = 0; i < 1000; i++) {
            a = both(a, b);
            b = add3(b, a, (unsigned)i);
        }
    }
    return mix(a, b);
}
BENCH(calls, "int/calls", .work = 15000);

/* ---- function pointers ---- */

struct shape {
    const struct shape_ops *ops;
    struct shape *next;
    int32_t a, b;
};

struct shape_ops {
    int32_t (*area)(const struct shape *shape);
    void (*grow)(struct shape *shape, int32_t by);
};

static int32_t square_area(const struct shape *s)
{
    return s->a * s->a;
}

static int32_t rectangle_area(const struct shape *s)
{
    return s->a * s->b;
}

static int32_t triangle_area(const struct shape *s)
{
    return s->a * s->b / 2;
}

static int32_t ring_area(const struct shape *s)
{
    return 3 * (s->a * s->a - s->b * s->b);
}

static void grow_a(struct shape *s, int32_t by)
{
    s->a = (s->a + by) & 0xff;
}

static void grow_both(struct shape *s, int32_t by)
{
    s->a = (s->a + by) & 0x7f;
    s->b = (s->b + 2 * by) & 0x7f;
}

static const struct shape_ops shape_kinds[] = {
    {square_area, grow_a},
    {rectangle_area, grow_both},
    {triangle_area, grow_both},
    {ring_area, grow_a},
};

/* Objects of four kinds in a list: each call site sees all of them */
static uint64_t objects(unsigned long work)
{
    enum { N = 256 };
    static struct shape shapes[N];
    uint32_t seed = 77;
    uint64_t sum = 0;

    for (int i = 0; i < N; i++) {
        shapes[i] = (struct shape){
            .ops = &shape_kinds[rnd(&seed) >> 9 & 3],
            .next = i + 1 < N ? &shapes[i + 1] : NULL,
            .a = (int32_t)(rnd(&seed) & 63),
            .b = (int32_t)(rnd(&seed) & 31),
        };
    }
    while (work--) {
        int32_t total = 0;

        for (struct shape *s = shapes; s; s = s->next) {
            total += s->ops->area(s);
            s->ops->grow(s, total & 7);
        }
        sum = mix(sum, (uint32_t)total);
    }
    return sum;
}
BENCH(objects, "int/objects", .work = 68000);

/* One call site whose target hardly ever changes, as most are */
static uint64_t pointer_calls(unsigned long work)
{
    struct shape s = {.a = 3, .b = 5};
    const struct shape_ops *ops = &shape_kinds[0];
    uint64_t sum = 0;

    while (work--) {
        int32_t total = 0;

        for (int i = 0; i < 1000; i++) {
            OPAQUE(ops);
            total += ops->area(&s);
            ops->grow(&s, 1);
        }
        ops = &shape_kinds[work >> 4 & 3];
        sum = mix(sum, (uint32_t)total);
    }
    return sum;
}
BENCH(pointer_calls, "int/pointer-calls", .work = 13000);

typedef int compare_fn(const void *a, const void *b);

static int compare_up(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int compare_down(const void *a, const void *b)
{
    return compare_up(b, a);
}

static NOINLINE void merge_sort(uint32_t *a, uint32_t *space, int n, compare_fn *compare)
{
    int half = n / 2, i = 0, k = half;

    if (n < 2) {
        return;
    }
    merge_sort(a, space, half, compare);
    merge_sort(a + half, space, n - half, compare);
    for (int to = 0; to < n; to++) {
        bool first = k >= n || (i < half && compare(&a[i], &a[k]) <= 0);

        space[to] = first ? a[i++] : a[k++];
    }
    for (int to = 0; to < n; to++) {
        a[to] = space[to];
    }
}

/* A sort that asks a callback */
static uint64_t callbacks(unsigned long work)
{
    enum { N = 1024 };
    uint32_t *a = (uint32_t *)scratch, seed = 55;
    uint64_t sum = 0;

    while (work--) {
        for (int i = 0; i < N; i++) {
            a[i] = rnd(&seed);
        }
        merge_sort(a, a + N, N, work & 1 ? compare_up : compare_down);
        sum = mix(sum, a[N / 3]);
    }
    return sum;
}
BENCH(callbacks, "int/callbacks", .work = 1700);
