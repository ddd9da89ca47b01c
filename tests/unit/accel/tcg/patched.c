/* SPDX-License-Identifier: Apache-2.0 */
/* Code that is patched often: blocks that compare their code instead of being told of writes. */
#include "tests/unit/accel/tcg/engine.h"

#include "accel/tcg/jit.h"
#include "util/bytes.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAIN_AT 0x20000ULL
#define STACK   0x50000ULL

enum { WARM = 12, PAGE_END = 0x31000 };

/* A function, of which the 4 bytes at `constant` are patched. */
struct subject {
    struct engine *e;
    uint64_t at;
    unsigned constant;
};

static struct engine *begin(bool code64)
{
    struct engine *e = engine_new(code64);
    GError *error = NULL;

    e->tcg.jit = jit_new(&e->tcg, 16 * MiB, &error);
    g_assert_no_error(error);
    e->rig->cpu->alone = true;
    jit_cpu_init(e->tcg.jit, e->rig->cpu);
    syscall(SYS_arch_prctl, ARCH_SET_GS, e->rig->cpu);
    return e;
}

static void end(struct engine *e)
{
    jit_free(e->tcg.jit);
    engine_free(e);
}

/* The guest writes `value` at `to` and calls the function; returns RAX, which was `rax`. */
static uint64_t store_and_call(const struct subject *s, uint64_t to, uint32_t value, uint64_t rax)
{
    uint8_t code[] = {
        0x89, 0x13,                   /* mov %edx, (%rbx) */
        0xe8, 0x00, 0x00, 0x00, 0x00, /* call */
        0xf4,
    };
    struct x86_cpu *cpu = s->e->rig->cpu;

    store_le32(code + 3, (uint32_t)(s->at - (MAIN_AT + 7)));
    if (memcmp(rig_at(s->e->rig, MAIN_AT), code, sizeof(code))) {
        rig_put(s->e->rig, MAIN_AT, code, sizeof(code));
        ram_block_written(s->e->rig->ram, MAIN_AT, sizeof(code));
    }
    cpu->gpr[X86_RAX] = rax;
    cpu->gpr[X86_RBX] = to;
    cpu->gpr[X86_RDX] = value;
    cpu->gpr[X86_RSP] = STACK;
    cpu->rip = MAIN_AT;
    engine_run(s->e);
    g_assert_cmphex(cpu->gpr[X86_RSP], ==, STACK);
    return cpu->gpr[X86_RAX];
}

static uint64_t patch_and_call(const struct subject *s, uint32_t value, uint64_t rax)
{
    return store_and_call(s, s->at + s->constant, value, rax);
}

static struct subject subject(struct engine *e, uint64_t at, const void *code, size_t len,
                              unsigned constant)
{
    rig_put(e->rig, at, code, len);
    return (struct subject){.e = e, .at = at, .constant = constant};
}

/* Patches until no call makes a block any more. */
static void warm(const struct subject *s)
{
    const struct jit *j = s->e->tcg.jit;
    uint64_t made = 0;

    for (unsigned n = 0; n < 2 * WARM; n++) {
        if (n == WARM) {
            made = j->translated;
        }
        patch_and_call(s, n, 0);
    }
    g_assert_cmpuint(j->translated, ==, made);
}

static void test_mov(void)
{
    static const uint8_t code[] = {0xb8, 0, 0, 0, 0, 0xc3};
    static const uint64_t places[] = {0x30000, 0x30123, PAGE_END - sizeof(code), PAGE_END - 9};

    for (unsigned n = 0; n < ARRAY_SIZE(places); n++) {
        struct engine *e = begin(/* code64= */ n != 1);
        struct subject s = subject(e, places[n], code, sizeof(code), 1);

        warm(&s);
        g_assert_cmphex(patch_and_call(&s, 0xfedcba98, 5), ==, 0xfedcba98);
        g_assert_cmphex(store_and_call(&s, s.at, 0x00000005, 5), ==, 0xfe000005); /* add imm32 */
        g_assert_cmphex(store_and_call(&s, s.at, 0x000000b8, 5), ==, 0xfe000000);
        end(e);
    }
}

static void test_mov_64(void)
{
    static const uint8_t wide[] = {0x49, 0xb8, 0,    0,    0,
                                   0,    0x78, 0x56, 0x34, 0x12, /* mov to R8 */
                                   0x4c, 0x89, 0xc0, 0xc3};
    static const uint8_t extended[] = {0x48, 0xc7, 0xc0, 0, 0, 0, 0, 0xc3};
    struct engine *e = begin(/* code64= */ true);
    struct subject s = subject(e, 0x30000, wide, sizeof(wide), 2);

    warm(&s);
    g_assert_cmphex(patch_and_call(&s, 0x90abcdef, 0), ==, 0x1234567890abcdef);
    s = subject(e, 0x32000, extended, sizeof(extended), 3);
    warm(&s);
    g_assert_cmphex(patch_and_call(&s, 0x80000001, 0), ==, 0xffffffff80000001);
    g_assert_cmphex(patch_and_call(&s, 0x70000001, 0), ==, 0x70000001);
    end(e);
}

static void test_arithmetic(void)
{
    static const struct {
        uint8_t code[8], len, constant;
        uint64_t rax, want;
    } cases[] = {
        {{0x05, 0, 0, 0, 0, 0xc3}, 6, 1, 0x1ffffffff, 0x80000000},               /* add */
        {{0x48, 0x05, 0, 0, 0, 0, 0xc3}, 7, 2, 1, 0xffffffff80000002},           /* add */
        {{0x48, 0x81, 0xe0, 0, 0, 0, 0, 0xc3}, 8, 3, -3ULL, 0xffffffff80000001}, /* and */
        {{0x69, 0xc0, 0, 0, 0, 0, 0xc3}, 7, 2, 3, 0x80000003},                   /* imul */
        {{0x48, 0x69, 0xc0, 0, 0, 0, 0, 0xc3}, 8, 3, 2, 0xffffffff00000002},     /* imul */
        {{0x81, 0xe8, 0, 0, 0, 0, 0xc3}, 7, 2, 0, 0x7fffffff},                   /* sub */
        {{0x3d, 0, 0, 0, 0, 0x19, 0xc0, 0xc3}, 8, 1, 0x80000000, 0xffffffff},    /* cmp; sbb */
    };

    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        struct engine *e = begin(/* code64= */ true);
        struct subject s = subject(e, 0x30000, cases[n].code, cases[n].len, cases[n].constant);

        warm(&s);
        g_assert_cmphex(patch_and_call(&s, 0x80000001, cases[n].rax), ==, cases[n].want);
        end(e);
    }
}

/* The target of a jump or a call changes. */
static void test_targets(void)
{
    static const uint8_t first[] = {0x83, 0xc0, 0x01, 0xc3}, second[] = {0x83, 0xc0, 0x02, 0xc3};

    for (unsigned n = 0; n < 4; n++) {
        const uint8_t code[] = {n & 1 ? 0xe8 : 0xe9, 0, 0, 0, 0, 0x83, 0xc0, 0x10, 0xc3};
        struct engine *e = begin(/* code64= */ n & 2);
        struct subject s = subject(e, 0x30000, code, sizeof(code), 1);
        unsigned more = n & 1 ? 0x10 : 0;

        rig_put(e->rig, 0x30005 + 0x100, first, sizeof(first));
        rig_put(e->rig, 0x30005 - 0x1100, second, sizeof(second));
        for (unsigned round = 0; round < 3 * WARM; round++) {
            g_assert_cmphex(patch_and_call(&s, 0x100, 0), ==, 1 + more);
            g_assert_cmphex(patch_and_call(&s, -0x1100u, 0), ==, 2 + more);
        }
        end(e);
    }
}

/* A loop whose constant it changes itself, ahead and behind. */
static void test_own_code(void)
{
    static const uint8_t code[] = {
        0xb9, 0x04, 0x00, 0x00, 0x00,       /* 00: mov $4, %ecx */
        0x05, 0x00, 0x00, 0x00, 0x00,       /* 05: add $0, %eax; patched by 0f */
        0x01, 0x05, 0x01, 0x00, 0x00, 0x00, /* 0a: add %eax, 1(%rip): the next one's constant */
        0x05, 0x00, 0x00, 0x00, 0x00,       /* 10: add $0, %eax */
        0x83, 0x05, 0xea, 0xff, 0xff, 0xff, 0x01, /* 15: addl $1, at 06 */
        0xff, 0xc9,                               /* 1c: dec %ecx */
        0x75, 0xe5,                               /* 1e: jnz 05 */
        0xc3,
    };
    struct engine *e = begin(/* code64= */ true);
    struct subject s = subject(e, 0x30000, code, sizeof(code), 0x11);

    for (uint32_t round = 0, first = 0; round < 4 * WARM; round++) {
        uint32_t second = round * 7, rax = round;

        for (unsigned turn = 0; turn < 4; turn++) {
            rax += first;
            second += rax;
            rax += second;
            first++;
        }
        g_assert_cmphex(patch_and_call(&s, round * 7, round), ==, rax);
    }
    end(e);
}

/* What was made for one CPU goes when another one comes, and is made for both. */
static void test_another_cpu(void)
{
    static const uint8_t code[] = {0xb8, 0, 0, 0, 0, 0xc3};
    static const uint64_t places[] = {0x30000, PAGE_END - sizeof(code)};

    for (unsigned n = 0; n < ARRAY_SIZE(places); n++) {
        struct engine *e = begin(/* code64= */ true);
        struct subject s = subject(e, places[n], code, sizeof(code), 1);
        uint64_t made;

        warm(&s);
        made = e->tcg.jit->translated;
        g_mutex_lock(&e->tcg.code_lock);
        e->rig->cpu->alone = false;
        jit_drop_guarded_locked(e->tcg.jit);
        g_mutex_unlock(&e->tcg.code_lock);
        x86_tlb_flush(e->rig->cpu);
        for (uint32_t value = 0; value < WARM; value++) {
            g_assert_cmphex(patch_and_call(&s, value, 5), ==, value);
        }
        g_assert_cmpuint(e->tcg.jit->translated, ==, made + 1);
        g_assert_cmphex(store_and_call(&s, s.at, 0x00000005, 5), ==, 5); /* add imm32 */
        g_assert_cmphex(patch_and_call(&s, 7, 5), ==, 12);
        end(e);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/patched/mov", test_mov);
    g_test_add_func("/patched/mov-64", test_mov_64);
    g_test_add_func("/patched/arithmetic", test_arithmetic);
    g_test_add_func("/patched/targets", test_targets);
    g_test_add_func("/patched/own-code", test_own_code);
    g_test_add_func("/patched/another-cpu", test_another_cpu);
    return g_test_run();
}
