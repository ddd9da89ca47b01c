/* SPDX-License-Identifier: Apache-2.0 */
/* Pointer chasing in translated code: checks by range registers (accel/tcg/jit_range.c). */
#include "tests/unit/accel/tcg/engine.h"

#include "accel/tcg/jit.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CODE_AT 0x10000ULL
#define LA      0x40201000ULL /* entries 0, 1, 1, 1 of the levels */
#define PAGES   8
#define NODES   500

enum { P = 1, W = 2, U = 4 };

/* By the flags' recipe, and without one: that keeps the carry for ADC. */
static const uint8_t with_recipe[] = {
    0x48, 0x8b, 0x00,       /* 1: mov (%rax), %rax */
    0x48, 0x8d, 0x50, 0x08, /*    lea 8(%rax), %rdx */
    0x89, 0x0c, 0xda,       /*    mov %ecx, (%rdx, %rbx, 8) */
    0x83, 0xe9, 0x01,       /*    sub $1, %ecx */
    0x75, 0xf1,             /*    jnz 1b */
    0xf4,
};
static const uint8_t keeping_flags[] = {
    0x48, 0x89, 0xc2,       /* 1: mov %rax, %rdx */
    0x48, 0xd1, 0xea,       /*    shr %rdx */
    0x48, 0x8b, 0x00,       /*    mov (%rax), %rax */
    0x48, 0x83, 0xd3, 0x00, /*    adc $0, %rbx */
    0xff, 0xc9,             /*    dec %ecx */
    0x75, 0xef,             /*    jnz 1b */
    0xf4,
};

/* Which page of memory is behind each linear one. */
static const uint8_t in_order[PAGES] = {0, 1, 2, 3, 4, 5, 6, 7};
static const uint8_t scattered[PAGES] = {7, 2, 5, 0, 3, 6, 1, 4};

static struct engine *chase_new(const uint8_t *code, size_t len, const uint8_t order[PAGES])
{
    struct engine *e = engine_new(/* code64= */ true);
    GError *error = NULL;

    e->tcg.jit = jit_new(&e->tcg, 16 * MiB, &error);
    e->tcg.jit->all_hot = true;
    g_assert_no_error(error);
    jit_cpu_init(e->tcg.jit, e->rig->cpu);
    syscall(SYS_arch_prctl, ARCH_SET_GS, e->rig->cpu);
    ((uint64_t *)rig_at(e->rig, 0x2000))[1] = 0x6000 | P | W | U;
    ((uint64_t *)rig_at(e->rig, 0x6000))[1] = 0x7000 | P | W | U;
    for (unsigned n = 0; n < PAGES; n++) {
        ((uint64_t *)rig_at(e->rig, 0x7000))[1 + n] =
            (0x20000 + (uint64_t)order[n] * PAGE_SIZE) | P | W | U;
    }
    rig_put(e->rig, CODE_AT, code, len);
    x86_cpu_state_loaded(e->rig->cpu);
    return e;
}

static void chase_free(struct engine *e)
{
    jit_free(e->tcg.jit);
    engine_free(e);
}

/* The address of node @n, some of them odd; 211 and NODES have no common factor. */
static uint64_t node(unsigned n)
{
    return LA + (n * 211 % NODES) * 64 + (n * n >> 3 & 1);
}

static uint8_t *memory_at(struct engine *e, uint64_t la)
{
    uint64_t pte = ((uint64_t *)rig_at(e->rig, 0x7000))[la >> PAGE_BITS & 511];

    return rig_at(e->rig, (pte & PAGE_MASK) | (la & ~PAGE_MASK));
}

/* A ring of all nodes. */
static void link_nodes(struct engine *e)
{
    for (unsigned n = 0; n < NODES; n++) {
        store_le64(memory_at(e, node(n)), node((n + 1) % NODES));
    }
}

/* From the first node; returns where that leads. */
static uint64_t chase(struct engine *e, unsigned steps)
{
    struct x86_cpu *cpu = e->rig->cpu;

    cpu->gpr[X86_RAX] = node(0);
    cpu->gpr[X86_RBX] = 0;
    cpu->gpr[X86_RCX] = steps;
    cpu->rip = CODE_AT;
    engine_run(e);
    return cpu->gpr[X86_RAX];
}

static uint64_t fills(struct engine *e)
{
    return jit_cpu_of(e->rig->cpu)->ranges;
}

static unsigned odd_nodes(void)
{
    unsigned count = 0;

    for (unsigned n = 0; n < NODES; n++) {
        count += node(n) & 1;
    }
    return count;
}

static void test_run_is_found_at_once(void)
{
    struct engine *e = chase_new(with_recipe, sizeof(with_recipe), in_order);

    link_nodes(e);
    g_assert_cmphex(chase(e, NODES), ==, node(0)); /* fills the TLB */
    chase(e, NODES);
    g_assert_cmphex(chase(e, NODES * 40 + 3), ==, node(3));
    for (unsigned n = 0; n < NODES; n++) { /* the last time that each was reached */
        g_assert_cmpuint(load_le32(memory_at(e, node(n)) + 8), ==, n <= 3 ? 4 - n : NODES + 4 - n);
    }
    g_assert_cmpuint(fills(e), >, 0);
    g_assert_cmpuint(fills(e), <, 60);
    chase_free(e);
}

static void test_flags_are_kept(void)
{
    struct engine *e = chase_new(keeping_flags, sizeof(keeping_flags), in_order);

    link_nodes(e);
    for (unsigned n = 0; n < 10; n++) {
        g_assert_cmphex(chase(e, NODES * 40 + n), ==, node(n));
        if (n == 0) {
            g_assert_cmpuint(e->rig->cpu->gpr[X86_RBX], ==, odd_nodes() * 40);
        }
    }
    g_assert_cmpuint(fills(e), >, 0);
    chase_free(e);
}

/* A check that misses again and again is made anew, without a register. */
static void test_scattered_pages_are_given_up(void)
{
    static const struct {
        const uint8_t *code;
        size_t len;
    } codes[] = {{with_recipe, sizeof(with_recipe)}, {keeping_flags, sizeof(keeping_flags)}};

    for (unsigned k = 0; k < ARRAY_SIZE(codes); k++) {
        struct engine *e = chase_new(codes[k].code, codes[k].len, scattered);
        uint64_t before;
        unsigned round = 0;

        link_nodes(e);
        do {
            before = fills(e);
            g_assert_cmphex(chase(e, NODES * 40 + round), ==, node(round));
        } while (fills(e) != before && ++round < 400);
        g_assert_cmpuint(round, >, 0);
        g_assert_cmpuint(round, <, 400);
        chase_free(e);
    }
}

static void test_dropped_page_is_looked_at_anew(void)
{
    struct engine *e = chase_new(with_recipe, sizeof(with_recipe), in_order);
    uint64_t *pte = rig_at(e->rig, 0x7000);

    link_nodes(e);
    chase(e, NODES * 10);
    memcpy(rig_at(e->rig, 0x40000), memory_at(e, node(0)) - (node(0) & ~PAGE_MASK), PAGE_SIZE);
    pte[node(0) >> PAGE_BITS & 511] = 0x40000 | P | W | U;
    store_le64(memory_at(e, node(0)), node(0)); /* to itself, in the copy */
    g_assert_cmphex(chase(e, 5), ==, node(5));
    x86_tlb_flush_page(e->rig->cpu, node(0) | 0x321);
    g_assert_cmphex(chase(e, 5), ==, node(0));
    chase_free(e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/range/run", test_run_is_found_at_once);
    g_test_add_func("/range/flags", test_flags_are_kept);
    g_test_add_func("/range/scattered", test_scattered_pages_are_given_up);
    g_test_add_func("/range/dropped", test_dropped_page_is_looked_at_anew);
    return g_test_run();
}
