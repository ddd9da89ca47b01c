/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector instructions in translated code against the interpreter: random encodings of every SSE and
 * AVX row must leave the same registers, flags, MXCSR and memory, and must have run natively.
 */
#include "tests/unit/accel/tcg/engine.h"

#include "accel/tcg/jit.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CODE_AT 0x20000ULL
#define DATA_AT 0x40000ULL /* RSI points 0x800 bytes behind it */
#define CASES   16         /* of each row and mode */

static const uint8_t how[OP_COUNT] = {
#define OP(name, jit) [OP_##name] = JIT_##jit,
#include "target/i386/op.def"
#undef OP
};

static unsigned below(unsigned n)
{
    return (unsigned)g_test_rand_int_range(0, (gint)n);
}

static uint64_t any64(void)
{
    return (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
}

/* ---- encodings --------------------------------------------------------------------------- */

/* Memory operands have RSI as their base, not R14. */

static unsigned put_vex(uint8_t *out, const struct x86_row *row, bool code64, bool memory)
{
    static const uint8_t pp[] = {[PFX_P66] = 1, [PFX_PF3] = 2, [PFX_PF2] = 3};
    unsigned vvvv = below(2) ? 15 : below(code64 ? 16 : 8) | (code64 ? 0 : 8);
    unsigned rxb = code64 ? below(8) | memory : 7; /* inverted */

    out[0] = 0xc4;
    out[1] = (uint8_t)(rxb << 5 | row->map);
    out[2] = (uint8_t)(below(2) << 7 | vvvv << 3 | below(2) << 2 | pp[row->pfx]);
    return 3;
}

static unsigned put_legacy(uint8_t *out, const struct x86_row *row, bool code64, bool memory)
{
    static const uint8_t prefix[] = {[PFX_P66] = 0x66, [PFX_PF3] = 0xf3, [PFX_PF2] = 0xf2};
    unsigned n = 0;

    if (prefix[row->pfx]) {
        out[n++] = prefix[row->pfx];
    }
    if (code64 && below(4)) {
        out[n++] = (uint8_t)(0x40 | (below(16) & ~(unsigned)memory));
    }
    out[n++] = 0x0f;
    if (row->map != MAP_X0F) {
        out[n++] = row->map == MAP_X38 ? 0x38 : 0x3a;
    }
    return n;
}

/* A form of @row: registers, or memory at RSI plus an aligned displacement; then HLT. */
static bool make_insn(struct x86_cpu *cpu, unsigned row_number, uint8_t *out, struct x86_insn *ret)
{
    const struct x86_row *row = &x86_rows[row_number];
    bool code64 = cpu->mode & MODE_CODE64;
    bool vex = row->needs & VEXO || (row->needs & (VEX | VEX2) && below(2));
    bool memory = row->rsel & RSEL_MEM || (!(row->rsel & RSEL_REG) && below(2));
    unsigned digit = row->rsel & RSEL_DIGIT;
    unsigned n = (vex ? put_vex : put_legacy)(out, row, code64, memory);

    digit = digit < 8 ? digit : below(8);
    out[n++] = row->opcode;
    out[n++] = (uint8_t)(memory ? 0x46 | digit << 3 : 0xc0 | digit << 3 | below(8));
    for (unsigned k = 0; k < 3; k++) { /* displacement, immediates */
        out[n++] = (uint8_t)(k == 0 && memory ? below(8) << 5 : below(256));
    }
    if (x86_decode(cpu->decoder, cpu->mode, out, 15, ret) != DECODE_OK || ret->row != row_number) {
        return false;
    }
    out[ret->len] = 0xf4;
    return true;
}

/* ---- state ------------------------------------------------------------------------------- */

static uint64_t any_element(void)
{
    static const uint64_t special[] = {
        0,
        0x8000000080000000,
        0x3f8000003f800000,
        0x7f8000007fc00001,
        0x3ff0000000000000,
        0x7ff0000000000000,
        0xfff8000000000001,
        0x0000000100000001,
        0xffffffffffffffff,
        0x40590000c0490fdb,
    };

    return below(3) ? any64() : special[below(ARRAY_SIZE(special))];
}

static void randomize(struct rig *r)
{
    struct x86_cpu *cpu = r->cpu;
    uint64_t *data = rig_at(r, DATA_AT);

    for (unsigned k = 0; k < 16; k++) {
        cpu->gpr[k] = cpu->mode & MODE_CODE64 ? any64() : (uint32_t)any64();
        for (unsigned q = 0; q < 4; q++) {
            cpu->vec[k].q[q] = any_element();
        }
    }
    for (unsigned k = 0; k < PAGE_SIZE / 8; k++) {
        data[k] = any_element();
    }
    if (below(2)) { /* lengths of strings */
        cpu->gpr[X86_RAX] = below(20);
        cpu->gpr[X86_RDX] = below(20);
    }
    cpu->gpr[X86_RSI] = DATA_AT + 0x800;
    cpu->mxcsr = 0x1f80 | below(64) | below(4) << 13 | below(2) << 6 | below(2) << 15;
    x86_eflags_set(cpu, below(0x1000) & FLAG_STATUS);
    cpu->rip = CODE_AT;
    cpu->run_state = X86_RUNNING;
}

static void copy_state(struct rig *to, struct rig *from)
{
    memcpy(to->cpu->gpr, from->cpu->gpr, sizeof(to->cpu->gpr));
    memcpy(to->cpu->vec, from->cpu->vec, sizeof(to->cpu->vec));
    memcpy(rig_at(to, DATA_AT), rig_at(from, DATA_AT), PAGE_SIZE);
    to->cpu->mxcsr = from->cpu->mxcsr;
    x86_eflags_set(to->cpu, x86_eflags_get(from->cpu));
    to->cpu->rip = CODE_AT;
    to->cpu->run_state = X86_RUNNING;
}

static void compare(struct rig *a, struct rig *b)
{
    for (unsigned k = 0; k < 16; k++) {
        g_assert_cmphex(a->cpu->gpr[k], ==, b->cpu->gpr[k]);
    }
    g_assert_cmpmem(a->cpu->vec, sizeof(a->cpu->vec), b->cpu->vec, sizeof(b->cpu->vec));
    g_assert_cmphex(a->cpu->rip, ==, b->cpu->rip);
    g_assert_cmphex(a->cpu->mxcsr, ==, b->cpu->mxcsr);
    g_assert_cmphex(x86_eflags_get(a->cpu), ==, x86_eflags_get(b->cpu));
    g_assert_cmpmem(rig_at(a, DATA_AT), PAGE_SIZE, rig_at(b, DATA_AT), PAGE_SIZE);
}

/* ---- tests ------------------------------------------------------------------------------- */

static struct rig *enable_vectors(struct rig *r)
{
    r->cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    r->cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    x86_cpu_state_loaded(r->cpu);
    return r;
}

struct twins {
    struct engine *e;
    struct rig *start, *end; /* the state before, and what the interpreter makes of it */
};

static void run_case(struct twins *t, const uint8_t *code, const struct x86_insn *i)
{
    struct jit_cpu *jc = jit_cpu_of(t->e->rig->cpu);
    const struct x86_row *row = insn_row(i);
    uint64_t slow = 0;

    g_test_message("%s, row %u: %02x %02x %02x %02x %02x %02x %02x", row->name, i->row, code[0],
                   code[1], code[2], code[3], code[4], code[5], code[6]);
    rig_put(t->end, CODE_AT, code, 16);
    rig_put(t->e->rig, CODE_AT, code, 16);
    ram_block_written(t->e->rig->ram, CODE_AT, 16);
    randomize(t->start);
    copy_state(t->end, t->start);
    while (t->end->cpu->run_state == X86_RUNNING) {
        x86_cpu_step(t->end->cpu);
    }
    for (unsigned run = 0; run < 2; run++) { /* the first one fills the TLB */
        copy_state(t->e->rig, t->start);
        slow = jc->slow;
        engine_run(t->e);
        compare(t->e->rig, t->end);
    }
    if (how[row->op] != JIT_CALL && !(row->needs & MMXF)) {
        g_assert_cmpuint(jc->slow - slow, ==, 1); /* HLT */
    }
}

static void run_rows(bool code64)
{
    struct twins t = {.e = engine_new(code64), .start = rig_new("max"), .end = rig_new("max")};
    GError *error = NULL;

    t.e->tcg.jit = jit_new(&t.e->tcg, 16 * MiB, &error);
    g_assert_no_error(error);
    jit_cpu_init(t.e->tcg.jit, t.e->rig->cpu);
    syscall(SYS_arch_prctl, ARCH_SET_GS, t.e->rig->cpu);
    (code64 ? rig_long : rig_protected)(t.start);
    (code64 ? rig_long : rig_protected)(t.end);
    enable_vectors(t.e->rig);
    enable_vectors(t.start);
    enable_vectors(t.end);
    for (unsigned row = 0; row < x86_row_count; row++) {
        if (!(x86_rows[row].needs & (SSEF | VEX | VEX2 | VEXO)) || x86_rows[row].needs & VSIB) {
            continue;
        }
        for (unsigned n = 0, tries = 0; n < CASES && tries < 1000; tries++) {
            uint8_t code[32] = {0};
            struct x86_insn i;

            if (x86_rows[row].op != OP_MASKMOV && x86_rows[row].op != OP_LDMXCSR &&
                make_insn(t.e->rig->cpu, row, code, &i)) {
                run_case(&t, code, &i);
                n++;
            }
        }
    }
    jit_free(t.e->tcg.jit);
    engine_free(t.e);
    rig_free(t.start);
    rig_free(t.end);
}

static void test_vector_instructions_in_64_bit_code(void)
{
    run_rows(/* code64= */ true);
}

static void test_vector_instructions_in_32_bit_code(void)
{
    run_rows(/* code64= */ false);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/simd/64-bit", test_vector_instructions_in_64_bit_code);
    g_test_add_func("/simd/32-bit", test_vector_instructions_in_32_bit_code);
    return g_test_run();
}
