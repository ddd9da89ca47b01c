/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of target/i386/cpuid.c: topology, caches, XSAVE, limits, bits that follow registers. */
#include "target/i386/models.h"

#include <string.h>

enum { EAX, EBX, ECX, EDX };

static struct x86_cpu *cpu_of(const char *text, struct x86_topology t, unsigned index)
{
    struct x86_cpu *cpu = g_new0(struct x86_cpu, 1);
    struct x86_accel_caps caps;
    GError *error = NULL;

    x86_tcg_caps(&caps);
    cpu->index = index;
    cpu->apic_id = x86_topology_apic_id(&t, index);
    x86_model_apply(cpu, text, &t, &caps, &error);
    g_assert_no_error(error);
    return cpu;
}

static void cpu_drop(struct x86_cpu *cpu)
{
    g_free(cpu->cpuid_data);
    g_free(cpu);
}

static void test_apic_ids_leave_holes(void)
{
    struct x86_topology t = {1, 3, 2};

    g_assert_cmpuint(x86_topology_apic_id(&t, 0), ==, 0);
    g_assert_cmpuint(x86_topology_apic_id(&t, 1), ==, 1);
    g_assert_cmpuint(x86_topology_apic_id(&t, 5), ==, 5);
    g_assert_cmpuint(x86_topology_apic_id(&t, 6), ==, 8); /* second socket: 3 cores take 2 bits */
    g_assert_cmpuint(x86_topology_apic_id(&t, 11), ==, 13);
}

static void test_apic_ids_have_die_field(void)
{
    struct x86_topology t = {2, 2, 2};

    g_assert_cmpuint(x86_topology_apic_id(&t, 4), ==, 4);
    g_assert_cmpuint(x86_topology_shifts(&t).die, ==, 2);
    g_assert_cmpuint(x86_topology_shifts(&t).socket, ==, 3);
}

static void test_intel_topology_leaves(void)
{
    struct x86_cpu *cpu = cpu_of("Haswell-noTSX,check=off", (struct x86_topology){1, 2, 2}, 5);
    uint32_t r[4];

    x86_cpuid(cpu, 1, 0, r);
    g_assert_cmphex(r[EBX] >> 24, ==, 5);
    g_assert_cmpuint(r[EBX] >> 16 & 0xff, ==, 4);
    g_assert_true(r[EDX] & 1u << 28);
    x86_cpuid(cpu, 4, 0, r);
    g_assert_cmpuint(r[EAX] >> 26, ==, 1);         /* two cores */
    g_assert_cmpuint(r[EAX] >> 14 & 0xfff, ==, 1); /* L1 of two threads */
    x86_cpuid(cpu, 4, 3, r);
    g_assert_cmpuint(r[EAX] >> 14 & 0xfff, ==, 3);
    x86_cpuid(cpu, 4, 4, r);
    g_assert_cmphex(r[EAX] & 0x1f, ==, 0);
    x86_cpuid(cpu, 0xb, 0, r);
    g_assert_cmpuint(r[EAX], ==, 1);
    g_assert_cmpuint(r[EBX], ==, 2);
    g_assert_cmphex(r[ECX], ==, 0x100);
    g_assert_cmpuint(r[EDX], ==, 5);
    x86_cpuid(cpu, 0xb, 1, r);
    g_assert_cmpuint(r[EAX], ==, 2);
    g_assert_cmpuint(r[EBX], ==, 4);
    g_assert_cmphex(r[ECX], ==, 0x201);
    x86_cpuid(cpu, 0xb, 2, r);
    g_assert_cmphex(r[ECX], ==, 2);
    g_assert_cmphex(r[EBX], ==, 0);
    cpu_drop(cpu);
}

static void test_amd_topology_leaves(void)
{
    struct x86_cpu *cpu = cpu_of("EPYC,check=off", (struct x86_topology){1, 2, 2}, 7);
    uint32_t r[4];

    x86_cpuid(cpu, 0x80000001, 0, r);
    g_assert_true(r[ECX] & 1 << 1); /* CmpLegacy */
    x86_cpuid(cpu, 0x80000008, 0, r);
    g_assert_cmphex(r[ECX], ==, 0x2003);
    x86_cpuid(cpu, 0x8000001e, 0, r);
    g_assert_cmphex(r[EAX], ==, 7);
    g_assert_cmphex(r[EBX], ==, 0x101); /* second core, two threads each */
    g_assert_cmphex(r[ECX], ==, 1);     /* second node */
    x86_cpuid(cpu, 0x8000001d, 3, r);
    g_assert_cmpuint(r[EAX] >> 14 & 0xfff, ==, 3);
    x86_cpuid(cpu, 4, 0, r);
    g_assert_cmphex(r[EAX], ==, 0);
    cpu_drop(cpu);
}

static void test_dies_show_in_leaf_1f(void)
{
    struct x86_cpu *cpu = cpu_of("Nehalem", (struct x86_topology){2, 2, 1}, 2);
    uint32_t r[4];

    x86_cpuid(cpu, 0, 0, r);
    g_assert_cmphex(r[EAX], ==, 0x1f);
    x86_cpuid(cpu, 0x1f, 2, r);
    g_assert_cmphex(r[ECX], ==, 0x502);
    g_assert_cmpuint(r[EBX], ==, 4);
    cpu_drop(cpu);
}

static void test_signature_and_brand(void)
{
    struct x86_cpu *cpu = cpu_of("EPYC-Milan,check=off", (struct x86_topology){1, 1, 1}, 0);
    char brand[49] = "";
    uint32_t r[4];

    x86_cpuid(cpu, 1, 0, r);
    g_assert_cmphex(r[EAX], ==, 0xa00f11);
    for (unsigned i = 0; i < 3; i++) {
        x86_cpuid(cpu, 0x80000002 + i, 0, r);
        memcpy(brand + 16 * i, r, 16);
    }
    g_assert_cmpstr(brand, ==, "AMD EPYC-Milan Processor");
    x86_cpuid(cpu, 0, 0, r);
    g_assert_cmpmem(&r[EBX], 4, "Auth", 4);
    g_assert_cmpmem(&r[EDX], 4, "enti", 4);
    g_assert_cmpmem(&r[ECX], 4, "cAMD", 4);
    cpu_drop(cpu);
}

static void test_bits_follow_control_registers(void)
{
    static const struct x86_irq_ops ops;
    struct x86_cpu *cpu = cpu_of("max", (struct x86_topology){1, 1, 1}, 0);
    uint32_t r[4];

    cpu->irq_ops = &ops;
    x86_cpuid(cpu, 1, 0, r);
    g_assert_false(r[ECX] & 1u << 27);
    g_assert_false(r[EDX] & 1u << 9);
    cpu->cr4 = CR4_OSXSAVE | CR4_PKE;
    cpu->msr.apic_base = 0xfee00800;
    x86_cpuid(cpu, 1, 0, r);
    g_assert_true(r[ECX] & 1u << 27);
    g_assert_true(r[EDX] & 1u << 9);
    x86_cpuid(cpu, 7, 0, r);
    g_assert_true(r[ECX] & 1u << 4);
    x86_cpuid_static(cpu, 7, 0, r);
    g_assert_false(r[ECX] & 1u << 4);
    cpu_drop(cpu);
}

static void test_xsave_sizes_follow_xcr0(void)
{
    struct x86_cpu *cpu = cpu_of("max", (struct x86_topology){1, 1, 1}, 0);
    uint32_t r[4];

    cpu->xcr0 = 1;
    x86_cpuid(cpu, 0xd, 0, r);
    g_assert_cmphex(r[EAX], ==, XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_PKRU);
    g_assert_cmpuint(r[EBX], ==, 576);
    g_assert_cmpuint(r[ECX], ==, 2696);
    cpu->xcr0 = 7;
    x86_cpuid(cpu, 0xd, 0, r);
    g_assert_cmpuint(r[EBX], ==, 832);
    x86_cpuid(cpu, 0xd, 2, r);
    g_assert_cmpuint(r[EAX], ==, 256);
    g_assert_cmpuint(r[EBX], ==, 576);
    g_assert_cmpuint(x86_xsave_size(cpu, XCR0_PKRU, true), ==, 584);
    g_assert_cmpuint(x86_xsave_offset(cpu, 9, XCR0_AVX | XCR0_PKRU, true), ==, 832);
    cpu_drop(cpu);
}

static void test_leaves_beyond_the_last(void)
{
    struct x86_cpu *intel = cpu_of("Nehalem", (struct x86_topology){1, 1, 1}, 0);
    struct x86_cpu *amd = cpu_of("qemu64", (struct x86_topology){1, 1, 1}, 0);
    uint32_t r[4], last[4];

    x86_cpuid(intel, 0xb, 0, last);
    x86_cpuid(intel, 0x7fffffff, 0, r);
    g_assert_cmpmem(r, sizeof(r), last, sizeof(last));
    x86_cpuid(amd, 0x7fffffff, 0, r);
    g_assert_cmphex(r[EAX] | r[EBX] | r[ECX] | r[EDX], ==, 0);
    x86_cpuid(amd, 0x8000ffff, 0, r);
    g_assert_cmphex(r[EAX] | r[EBX] | r[ECX] | r[EDX], ==, 0);
    cpu_drop(intel);
    cpu_drop(amd);
}

static void test_cpu_without_model_answers(void)
{
    struct x86_cpu *cpu = g_new0(struct x86_cpu, 1);
    uint32_t r[4];

    x86_cpuid(cpu, 0, 0, r);
    g_assert_cmpmem(&r[EBX], 4, "Auth", 4);
    g_free(cpu);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/apic-ids-leave-holes", test_apic_ids_leave_holes);
    g_test_add_func("/apic-ids-have-die-field", test_apic_ids_have_die_field);
    g_test_add_func("/intel-topology-leaves", test_intel_topology_leaves);
    g_test_add_func("/amd-topology-leaves", test_amd_topology_leaves);
    g_test_add_func("/dies-show-in-leaf-1f", test_dies_show_in_leaf_1f);
    g_test_add_func("/signature-and-brand", test_signature_and_brand);
    g_test_add_func("/bits-follow-control-registers", test_bits_follow_control_registers);
    g_test_add_func("/xsave-sizes-follow-xcr0", test_xsave_sizes_follow_xcr0);
    g_test_add_func("/leaves-beyond-the-last", test_leaves_beyond_the_last);
    g_test_add_func("/cpu-without-model-answers", test_cpu_without_model_answers);
    return g_test_run();
}
