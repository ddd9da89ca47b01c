/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the comparison with the host cannot reach of x87 and vector instructions: control registers
 * that forbid them, FERR# and IGNNE#, environments in real mode, supervisor XSAVE forms.
 *
 * Each test runs single instructions on the interpreter, from a state it describes.
 */
#include <glib.h>
#include <string.h>

#include "target/i386/insn.h"
#include "target/i386/x87.h"
#include "tests/insn_lib/guest.h"
#include "util/bytes.h"

struct fixture {
    struct guest *guest;
    struct x86_cpu *cpu;
    bool ferr;
};

static void set_ferr(void *opaque, bool level)
{
    ((struct fixture *)opaque)->ferr = level;
}

static const struct x86_irq_ops irq_ops = {.set_ferr = set_ferr};

static void set_up(struct fixture *f, gconstpointer data)
{
    struct machine_state in = {0}, out;

    (void)data;
    f->guest = guest_new(/* fs_base= */ 0);
    f->cpu = guest_cpu(f->guest);
    guest_set_code(f->guest, (const uint8_t *)"\x90", 1);
    in.rflags = 0x202;
    store_le16(in.area + AREA_FCW, 0x37f);
    store_le32(in.area + AREA_MXCSR, 0x1f80);
    guest_run(f->guest, &in, &out, 64); /* leaves a CPU in user mode */
    g_assert_cmpint(out.vector, ==, -1);
    f->cpu->irq_ops = &irq_ops;
    f->cpu->irq_opaque = f;
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    (void)data;
    guest_free(f->guest);
}

/* Runs one instruction; returns the exception's vector, or -1. Segments and CPL are put back. */
static int run(struct fixture *f, const char *code, unsigned len)
{
    struct x86_seg segs[X86_SEGS];
    unsigned cpl = f->cpu->cpl;

    memcpy(segs, f->cpu->seg, sizeof(segs));
    guest_set_code(f->guest, (const uint8_t *)code, len);
    f->cpu->rip = INSN_AT;
    x86_cpu_step(f->cpu);
    memcpy(f->cpu->seg, segs, sizeof(segs));
    f->cpu->cpl = cpl;
    x86_cpu_state_loaded(f->cpu);
    return f->cpu->rip >= GUEST_HANDLER_AT ? (int)((f->cpu->rip - GUEST_HANDLER_AT) / 16) : -1;
}

#define RUN(f, code) run(f, code, sizeof(code) - 1)

#define FADD      "\xd8\xc1" /* fadd st(1) */
#define FLD1      "\xd9\xe8"
#define FNCLEX    "\xdb\xe2"
#define FNSTENV_R "\xd9\x33"         /* fnstenv (rbx) */
#define PADDB_MMX "\x0f\xfc\xc1"     /* paddb mm0, mm1 */
#define PADDB     "\x66\x0f\xfc\xc1" /* paddb xmm0, xmm1 */
#define VPADDB    "\xc5\xf9\xfc\xc1"
#define DIVPS     "\x0f\x5e\xc1" /* divps xmm0, xmm1 */
#define MOVAPS_M  "\x0f\x28\x03" /* movaps xmm0, (rbx) */
#define XSAVE     "\x0f\xae\x23"
#define XSAVES    "\x0f\xc7\x2b"
#define XRSTORS   "\x0f\xc7\x1b"

static void test_task_switched(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->cpu->cr0 |= CR0_TS;
    g_assert_cmpint(RUN(f, FADD), ==, EXC_NM);
    g_assert_cmpint(RUN(f, PADDB_MMX), ==, EXC_NM);
    g_assert_cmpint(RUN(f, PADDB), ==, EXC_NM);
    g_assert_cmpint(RUN(f, VPADDB), ==, EXC_NM);
    g_assert_cmpint(RUN(f, XSAVE), ==, EXC_NM);
}

static void test_emulation(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->cpu->cr0 |= CR0_EM;
    g_assert_cmpint(RUN(f, FADD), ==, EXC_NM);
    g_assert_cmpint(RUN(f, PADDB_MMX), ==, EXC_UD);
    g_assert_cmpint(RUN(f, PADDB), ==, EXC_UD);
    g_assert_cmpint(RUN(f, VPADDB), ==, -1); /* VEX forms do not look at it */
}

static void test_os_support_bits(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->cpu->cr4 &= ~(uint64_t)CR4_OSFXSR;
    g_assert_cmpint(RUN(f, PADDB), ==, EXC_UD);
    g_assert_cmpint(RUN(f, PADDB_MMX), ==, -1);
    f->cpu->xcr0 = XCR0_X87 | XCR0_SSE;
    g_assert_cmpint(RUN(f, VPADDB), ==, EXC_UD);
    f->cpu->xcr0 |= XCR0_AVX;
    g_assert_cmpint(RUN(f, VPADDB), ==, -1);
    f->cpu->cr4 &= ~(uint64_t)CR4_OSXSAVE;
    g_assert_cmpint(RUN(f, VPADDB), ==, EXC_UD);
    g_assert_cmpint(RUN(f, XSAVE), ==, EXC_UD);
}

static void test_unmasked_simd_without_osxmmexcpt(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->cpu->mxcsr = 0x1f80 & ~0x80u; /* invalid unmasked; 0 / 0 */
    g_assert_cmpint(RUN(f, DIVPS), ==, EXC_XM);
    f->cpu->cr4 &= ~(uint64_t)CR4_OSXMMEXCPT;
    g_assert_cmpint(RUN(f, DIVPS), ==, EXC_UD);
    g_assert_cmphex(f->cpu->mxcsr & 0x3f, ==, 1);
}

static void test_misaligned_mode(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->cpu->gpr[X86_RBX] = DATA_AT + 4;
    g_assert_cmpint(RUN(f, MOVAPS_M), ==, EXC_GP);
    f->cpu->mxcsr |= MXCSR_MM;
    g_assert_cmpint(RUN(f, MOVAPS_M), ==, -1);
}

/* An unmasked stack underflow: the flag is up, the next waiting instruction reports it. */
static void pending_error(struct fixture *f)
{
    f->cpu->fpu.cw = 0x37e;
    f->cpu->fpu.empty = 0xff;
    g_assert_cmpint(RUN(f, FADD), ==, -1);
    g_assert_cmphex(f->cpu->fpu.sw & (X87_ES | X87_SF | 1), ==, X87_ES | X87_SF | 1);
}

static void test_error_is_mf(struct fixture *f, gconstpointer data)
{
    (void)data;
    pending_error(f);
    g_assert_cmpint(RUN(f, FLD1), ==, EXC_MF);
    g_assert_false(f->ferr);
}

static void test_error_is_ferr(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->cpu->cr0 &= ~(uint64_t)CR0_NE;
    pending_error(f);
    g_assert_false(f->ferr);

    /* the instruction waits for the interrupt */
    g_assert_cmpint(RUN(f, FLD1), ==, -1);
    g_assert_true(f->ferr);
    g_assert_cmphex(f->cpu->rip, ==, INSN_AT);

    /* port 0xF0 lets it go on */
    x86_cpu_set_ignne(f->cpu, true);
    g_assert_cmpint(RUN(f, FLD1), ==, -1);
    g_assert_cmphex(f->cpu->rip, ==, INSN_AT + 2);
    g_assert_true(f->ferr);

    /* clearing the error ends both */
    g_assert_cmpint(RUN(f, FNCLEX), ==, -1);
    g_assert_false(f->ferr);
    g_assert_false(f->cpu->ignne);
}

static void real_mode(struct fixture *f)
{
    f->cpu->cr0 &= ~(uint64_t)(CR0_PG | CR0_PE);
    f->cpu->efer = 0;
    f->cpu->cpl = 0;
    for (unsigned s = 0; s <= X86_GS; s++) {
        x86_seg_set(f->cpu, s, 0x1000, 0x10000, 0xffff, SEG_P | SEG_S | (s == X86_CS ? 0xb : 3));
    }
    x86_cpu_state_loaded(f->cpu);
}

/* Real mode keeps linear pointers, and the opcode beside the instruction's. */
static void test_environment_in_real_mode(struct fixture *f, gconstpointer data)
{
    const uint8_t *env = guest_ram(f->guest) + 0x10000 + 0x200;

    (void)data;
    real_mode(f);
    f->cpu->vendor_amd = false; /* Intel's processors always store the pointers */
    f->cpu->fpu.op = 0x123;
    f->cpu->fpu.cs = 0x1000;
    f->cpu->fpu.ip = 0x4567;
    f->cpu->fpu.ds = 0x2000;
    f->cpu->fpu.dp = 0x89ab;
    f->cpu->fpu.empty = 0xff;
    f->cpu->gpr[X86_RDI] = 0x200;
    memcpy(guest_ram(f->guest) + 0x10100, "\xd9\x35", 2); /* fnstenv (di) */
    f->cpu->rip = 0x100;
    x86_cpu_step(f->cpu);
    g_assert_cmphex(f->cpu->rip, ==, 0x102);
    g_assert_cmphex(load_le16(env), ==, 0x37f);
    g_assert_cmphex(load_le16(env + 4), ==, 0xffff);
    g_assert_cmphex(load_le16(env + 6), ==, 0x4567);
    g_assert_cmphex(load_le16(env + 8), ==, 0x1123);
    g_assert_cmphex(load_le16(env + 10), ==, 0x89ab);
    g_assert_cmphex(load_le16(env + 12), ==, 0x2000);
}

/* XSAVES at CPL 0 writes the compacted form without initial components; XRSTORS brings all back. */
static void test_supervisor_save_and_restore(struct fixture *f, gconstpointer data)
{
    const uint8_t *area = guest_data(f->guest) + 0x800;

    (void)data;
    g_assert_cmpint(RUN(f, XSAVES), ==, EXC_GP);
    f->cpu->cpl = 0;
    x86_cpu_state_loaded(f->cpu);
    f->cpu->gpr[X86_RAX] = 7;
    f->cpu->gpr[X86_RDX] = 0;
    f->cpu->gpr[X86_RBX] = DATA_AT + 0x800;
    memset(f->cpu->vec, 0, sizeof(f->cpu->vec));
    f->cpu->vec[3].q[0] = 0x1122334455667788;
    f->cpu->fpu.empty = 0xfe;
    f->cpu->fpu.r[0] = (struct x86_fpr){.mant = 1ull << 63, .exp = 0x3fff};
    g_assert_cmpint(RUN(f, XSAVES), ==, -1);
    g_assert_cmphex(load_le64(area + 512), ==, XCR0_X87 | XCR0_SSE);
    g_assert_cmphex(load_le64(area + 520), ==, 1ull << 63 | 7);
    g_assert_cmphex(load_le64(area + 160 + 48), ==, 0x1122334455667788);

    memset(f->cpu->vec, 0x55, sizeof(f->cpu->vec));
    f->cpu->fpu.r[0].mant = 0;
    g_assert_cmpint(RUN(f, XRSTORS), ==, -1);
    g_assert_cmphex(f->cpu->vec[3].q[0], ==, 0x1122334455667788);
    g_assert_cmphex(f->cpu->vec[3].q[2], ==, 0);
    g_assert_cmphex(f->cpu->fpu.r[0].mant, ==, 1ull << 63);

    /* XRSTORS wants the compacted form */
    memset(guest_data(f->guest) + 0x800 + 520, 0, 8);
    g_assert_cmpint(RUN(f, XRSTORS), ==, EXC_GP);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(struct fixture *f, gconstpointer data);
    } tests[] = {
        {"/fpu/task-switched", test_task_switched},
        {"/fpu/emulation", test_emulation},
        {"/fpu/os-support-bits", test_os_support_bits},
        {"/fpu/unmasked-simd-without-osxmmexcpt", test_unmasked_simd_without_osxmmexcpt},
        {"/fpu/misaligned-mode", test_misaligned_mode},
        {"/fpu/error-is-mf", test_error_is_mf},
        {"/fpu/error-is-ferr", test_error_is_ferr},
        {"/fpu/environment-in-real-mode", test_environment_in_real_mode},
        {"/fpu/supervisor-save-and-restore", test_supervisor_save_and_restore},
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t n = 0; n < G_N_ELEMENTS(tests); n++) {
        g_test_add(tests[n].path, struct fixture, NULL, set_up, tests[n].test, tear_down);
    }
    return g_test_run();
}
