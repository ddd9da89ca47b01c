/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of several vCPU threads over one memory: atomic accesses, exclusive sections, code. */
#include "tests/unit/accel/tcg/engine.h"

enum { CPUS = 2, LOOPS = 20000 };

#define CODE_AT(n) (0x20000ULL + 0x2000 * (n))
#define COUNTER    0x40000ULL

/* Another CPU of @first's machine. */
struct peer {
    struct x86_cpu *cpu;
    struct tcg_cpu tc;
    struct x86_vcpu xv;
    struct engine *engine;
    GThread *thread;
};

static void peer_init(struct peer *p, struct engine *e, unsigned index)
{
    struct x86_cpu *first = e->rig->cpu;

    p->engine = e;
    p->cpu = x86_cpu_new(index, index);
    p->cpu->mem = first->mem;
    p->cpu->io = first->io;
    memcpy(p->cpu->features, first->features, sizeof(first->features));
    x86_cpu_features_changed(p->cpu);
    p->cpu->bsp = true;
    x86_cpu_reset(p->cpu);
    p->cpu->cr0 = first->cr0;
    p->cpu->cr3 = first->cr3;
    p->cpu->cr4 = first->cr4;
    p->cpu->efer = first->efer;
    memcpy(p->cpu->seg, first->seg, sizeof(first->seg));
    x86_cpu_state_loaded(p->cpu);
    p->xv.cpu = p->cpu;
    p->xv.vcpu.engine = &p->tc;
    p->xv.vcpu.accel = &e->tcg.accel;
    p->tc = (struct tcg_cpu){.cpu = p->cpu, .vcpu = &p->xv.vcpu, .tcg = &e->tcg};
    tcg_blocks_init(&p->tc);
    p->cpu->engine = &p->tc;
    p->cpu->exclusive = tcg_exclusive;
    g_ptr_array_add(e->tcg.cpus, &p->tc);
}

static void *peer_thread(void *arg)
{
    struct peer *p = arg;

    while (p->engine->type->run(&p->xv.vcpu) != VCPU_EXIT_HALTED) {
    }
    return NULL;
}

static void peer_fini(struct peer *p)
{
    tcg_blocks_fini(&p->tc);
    x86_cpu_free(p->cpu);
}

/* Each CPU runs @code from its own page, with @counter in RBX and the loop count in ECX. */
static void run_all(struct engine *e, const uint8_t *code, size_t len, uint64_t counter)
{
    struct peer peers[CPUS] = {0};

    g_ptr_array_set_size(e->tcg.cpus, 0);
    for (unsigned n = 0; n < CPUS; n++) {
        peer_init(&peers[n], e, n);
        rig_put(e->rig, CODE_AT(n), code, len);
        peers[n].cpu->rip = CODE_AT(n);
        peers[n].cpu->gpr[X86_RBX] = counter;
        peers[n].cpu->gpr[X86_RCX] = LOOPS;
        peers[n].cpu->gpr[X86_RSP] = 0x60000 + 0x1000 * n;
    }
    for (unsigned n = 0; n < CPUS; n++) {
        peers[n].thread = g_thread_new("vcpu", peer_thread, &peers[n]);
    }
    for (unsigned n = 0; n < CPUS; n++) {
        g_thread_join(peers[n].thread);
    }
    for (unsigned n = 0; n < CPUS; n++) {
        peer_fini(&peers[n]);
    }
}

static const uint8_t locked_inc[] = {
    0xf0, 0x48, 0xff, 0x03, /* lock inc qword [rbx] */
    0xff, 0xc9,             /* dec ecx */
    0x75, 0xf8,             /* jnz */
    0xf4,
};

static void test_locked_increments_are_atomic(void)
{
    struct engine *e = engine_new(/* code64= */ true);

    run_all(e, locked_inc, sizeof(locked_inc), COUNTER);
    g_assert_cmpuint(load_le64(rig_at(e->rig, COUNTER)), ==, CPUS * LOOPS);
    engine_free(e);
}

static void test_locked_increments_across_pages_are_atomic(void)
{
    struct engine *e = engine_new(/* code64= */ true);

    run_all(e, locked_inc, sizeof(locked_inc), COUNTER + 0xffc);
    g_assert_cmpuint(load_le64(rig_at(e->rig, COUNTER + 0xffc)), ==, CPUS * LOOPS);
    engine_free(e);
}

static void test_locked_increments_in_a_code_page_are_atomic(void)
{
    struct engine *e = engine_new(/* code64= */ true);

    run_all(e, locked_inc, sizeof(locked_inc), CODE_AT(0) + 0x800);
    g_assert_cmpuint(load_le64(rig_at(e->rig, CODE_AT(0) + 0x800)), ==, CPUS * LOOPS);
    engine_free(e);
}

/*
 * Each CPU rewrites an immediate in a subroutine both use, under a spin lock, and adds what the
 * subroutine returns. Stale code would give a wrong sum.
 */
static const uint8_t rewrite[] = {
    0xb8, 0x01, 0x00, 0x00, 0x00,             /* 00 again: mov eax, 1 */
    0x87, 0x03,                               /* 05 xchg [rbx], eax */
    0x85, 0xc0,                               /* 07 test eax, eax */
    0x75, 0xf5,                               /* 09 jnz again */
    0x8b, 0x53, 0x04,                         /* 0b mov edx, [rbx + 4] */
    0xff, 0xc2,                               /* 0e inc edx */
    0x89, 0x53, 0x04,                         /* 10 mov [rbx + 4], edx */
    0x89, 0x93, 0x01, 0x10, 0x00, 0x00,       /* 13 mov [rbx + 0x1001], edx: the immediate */
    0x48, 0x8d, 0x83, 0x00, 0x10, 0x00, 0x00, /* 19 lea rax, [rbx + 0x1000] */
    0xff, 0xd0,                               /* 20 call rax: mov esi, imm; ret */
    0x39, 0xd6,                               /* 22 cmp esi, edx */
    0x74, 0x03,                               /* 24 je +3 */
    0xff, 0x43, 0x08,                         /* 26 inc dword [rbx + 8]: stale */
    0xc7, 0x03, 0x00, 0x00, 0x00, 0x00,       /* 29 mov dword [rbx], 0: unlock */
    0xff, 0xc9,                               /* 2f dec ecx */
    0x75, 0xcd,                               /* 31 jnz 00 */
    0xf4,
};

static void test_code_written_by_another_cpu_is_not_stale(void)
{
    struct engine *e = engine_new(/* code64= */ true);
    static const uint8_t sub[] = {0xbe, 0x00, 0x00, 0x00, 0x00, 0xc3};

    rig_put(e->rig, COUNTER + 0x1000, sub, sizeof(sub));
    run_all(e, rewrite, sizeof(rewrite), COUNTER);
    g_assert_cmpuint(load_le32(rig_at(e->rig, COUNTER + 4)), ==, CPUS * LOOPS);
    g_assert_cmpuint(load_le32(rig_at(e->rig, COUNTER + 8)), ==, 0);
    engine_free(e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/locked", test_locked_increments_are_atomic);
    g_test_add_func("/locked-across-pages", test_locked_increments_across_pages_are_atomic);
    g_test_add_func("/locked-in-code-page", test_locked_increments_in_a_code_page_are_atomic);
    g_test_add_func("/cross-modified-code", test_code_written_by_another_cpu_is_not_stale);
    return g_test_run();
}
