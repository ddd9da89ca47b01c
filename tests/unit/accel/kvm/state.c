/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of accel/kvm/state*.c: what is pushed comes back when pulled. */
#include "tests/unit/accel/kvm/tiny_machine.h"

#define BEGIN(t)                                                                                   \
    struct tiny *t = tiny_new("on", 1, NULL);                                                      \
    if (!t) {                                                                                      \
        return;                                                                                    \
    }

static void push_pull(struct tiny *t)
{
    struct x86_cpu *cpu = t->cpus[0]->cpu;

    kvm_push_state(&t->cpus[0]->vcpu);
    memset(cpu->gpr, 0xaa, sizeof(cpu->gpr));
    memset(cpu->vec, 0xaa, sizeof(cpu->vec));
    cpu->rip = cpu->cr2 = cpu->cr3 = 0xaaaa;
    kvm_pull_state(&t->cpus[0]->vcpu);
}

static void test_general_registers(void)
{
    BEGIN(t);
    struct x86_cpu *cpu = t->cpus[0]->cpu;

    for (unsigned i = 0; i < 16; i++) {
        cpu->gpr[i] = 0x0101010101010101ULL * (i + 1);
    }
    cpu->rip = 0x123456;
    x86_eflags_set(cpu, FLAG_CF | FLAG_ZF | FLAG_OF | FLAG_DF | 2);
    push_pull(t);
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmphex(cpu->gpr[i], ==, 0x0101010101010101ULL * (i + 1));
    }
    g_assert_cmphex(cpu->rip, ==, 0x123456);
    g_assert_cmphex(x86_eflags_get(cpu) & (FLAG_STATUS | FLAG_DF), ==,
                    FLAG_CF | FLAG_ZF | FLAG_OF | FLAG_DF);
    tiny_free(t);
}

static void test_segments_and_tables(void)
{
    BEGIN(t);
    struct x86_cpu *cpu = t->cpus[0]->cpu;
    uint16_t data = SEG_P | SEG_S | SEG_WRITE | SEG_ACCESSED | SEG_D | SEG_G;

    cpu->cr0 |= CR0_PE;
    for (unsigned s = X86_ES; s <= X86_GS; s++) {
        x86_seg_set(cpu, s, (uint16_t)(8 + 8 * s), 0x1000 * s, 0xffffffff,
                    s == X86_CS ? (uint16_t)(data | SEG_CODE) : data);
    }
    cpu->gdt = (struct x86_table){0x12340, 0x7f};
    cpu->idt = (struct x86_table){0x56780, 0x3ff};
    cpu->cr2 = 0xdead000;
    cpu->cr3 = 0x5000;
    push_pull(t);
    for (unsigned s = X86_ES; s <= X86_GS; s++) {
        g_assert_cmphex(cpu->seg[s].sel, ==, 8 + 8 * s);
        g_assert_cmphex(cpu->seg[s].base, ==, 0x1000 * s);
        g_assert_cmphex(cpu->seg[s].limit, ==, 0xffffffff);
        g_assert_cmphex(cpu->seg[s].attr, ==, s == X86_CS ? data | SEG_CODE : data);
    }
    g_assert_cmphex(cpu->gdt.base, ==, 0x12340);
    g_assert_cmphex(cpu->idt.limit, ==, 0x3ff);
    g_assert_cmphex(cpu->cr2, ==, 0xdead000);
    g_assert_cmphex(cpu->cr3, ==, 0x5000);
    g_assert_true(x86_is_protected(cpu));
    tiny_free(t);
}

static void test_x87_and_vectors(void)
{
    BEGIN(t);
    struct x86_cpu *cpu = t->cpus[0]->cpu;

    cpu->fpu.cw = 0x27f;
    cpu->fpu.top = 5;
    cpu->fpu.empty = 0x1f;
    cpu->fpu.sw = 0x4100;
    for (unsigned i = 0; i < 8; i++) {
        cpu->fpu.r[i] = (struct x86_fpr){0x8000000000000000 + i, (uint16_t)(0x3fff + i)};
    }
    for (unsigned i = 0; i < 16; i++) {
        cpu->vec[i].q[0] = i;
        cpu->vec[i].q[1] = ~(uint64_t)i;
    }
    cpu->mxcsr = 0x9fc0;
    push_pull(t);
    g_assert_cmphex(cpu->fpu.cw, ==, 0x27f);
    g_assert_cmphex(cpu->fpu.sw, ==, 0x4100);
    g_assert_cmpuint(cpu->fpu.top, ==, 5);
    g_assert_cmphex(cpu->fpu.empty, ==, 0x1f);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmphex(cpu->fpu.r[i].mant, ==, 0x8000000000000000 + i);
        g_assert_cmphex(cpu->fpu.r[i].exp, ==, 0x3fff + i);
    }
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmphex(cpu->vec[i].q[0], ==, i);
        g_assert_cmphex(cpu->vec[i].q[1], ==, ~(uint64_t)i);
    }
    g_assert_cmphex(cpu->mxcsr, ==, 0x9fc0);
    tiny_free(t);
}

static void test_msrs(void)
{
    BEGIN(t);
    struct x86_cpu *cpu = t->cpus[0]->cpu;

    cpu->msr.star = 0x0023001000000000;
    cpu->msr.lstar = 0xffffffff81000000;
    cpu->msr.sysenter_eip = 0x1234;
    cpu->msr.kernel_gs_base = 0x5678;
    cpu->msr.pat = 0x0007010600070106;
    cpu->msr.mtrr_def_type = 0xc06;
    cpu->msr.mtrr_fixed[0] = 0x0606060606060606;
    cpu->msr.mtrr_fixed[2] = 0x0000000000000000;
    cpu->msr.mtrr_fixed[10] = 0x0505050505050505;
    cpu->msr.mtrr_base[1] = 0xc0000000;
    cpu->msr.mtrr_mask[1] = 0xffffc0000800;
    push_pull(t);
    g_assert_cmphex(cpu->msr.star, ==, 0x0023001000000000);
    g_assert_cmphex(cpu->msr.lstar, ==, 0xffffffff81000000);
    g_assert_cmphex(cpu->msr.sysenter_eip, ==, 0x1234);
    g_assert_cmphex(cpu->msr.kernel_gs_base, ==, 0x5678);
    g_assert_cmphex(cpu->msr.pat, ==, 0x0007010600070106);
    g_assert_cmphex(cpu->msr.mtrr_def_type, ==, 0xc06);
    g_assert_cmphex(cpu->msr.mtrr_fixed[0], ==, 0x0606060606060606);
    g_assert_cmphex(cpu->msr.mtrr_fixed[10], ==, 0x0505050505050505);
    g_assert_cmphex(cpu->msr.mtrr_base[1], ==, 0xc0000000);
    g_assert_cmphex(cpu->msr.mtrr_mask[1], ==, 0xffffc0000800);
    tiny_free(t);
}

static void test_debug_registers_and_run_state(void)
{
    BEGIN(t);
    struct x86_cpu *cpu = t->cpus[0]->cpu;

    cpu->dr[0] = 0x1000;
    cpu->dr[3] = 0x4000;
    cpu->dr[7] = 0x401;
    cpu->run_state = X86_HALTED;
    push_pull(t);
    g_assert_cmphex(cpu->dr[0], ==, 0x1000);
    g_assert_cmphex(cpu->dr[3], ==, 0x4000);
    g_assert_cmphex(cpu->dr[7], ==, 0x401);
    g_assert_cmpint(cpu->run_state, ==, X86_HALTED);
    tiny_free(t);
}

static void test_pending_events(void)
{
    BEGIN(t);
    struct x86_cpu *cpu = t->cpus[0]->cpu;

    cpu->nmi_masked = true;
    cpu->injected.exception = true;
    cpu->injected.vector = EXC_GP;
    cpu->injected.has_error = true;
    cpu->injected.error = 0x18;
    push_pull(t);
    g_assert_true(cpu->nmi_masked);
    g_assert_true(cpu->injected.exception);
    g_assert_cmpuint(cpu->injected.vector, ==, EXC_GP);
    g_assert_cmphex(cpu->injected.error, ==, 0x18);
    tiny_free(t);
}

static void test_time_stamp_counter_goes_on(void)
{
    BEGIN(t);
    struct kvm_vcpu *kv = t->cpus[0]->vcpu.engine;
    uint64_t before, after;

    push_pull(t);
    g_assert_true(kvm_msr_get(kv, MSR_TSC, &before));
    push_pull(t);
    push_pull(t);
    g_assert_true(kvm_msr_get(kv, MSR_TSC, &after));
    g_assert_cmpuint(after, >=, before);
    g_assert_cmpuint(after - before, <, 5 * kv->cpu->tsc_khz * 1000);
    tiny_free(t);
}

static void test_local_apic_resets(void)
{
    BEGIN(t);
    struct vcpu *v = &t->cpus[0]->vcpu;
    uint8_t page[KVM_LAPIC_PAGE_BYTES];

    kvm_push_state(v);
    kvm_lapic_get(v, page);
    g_assert_cmphex(page[0x351], ==, 7); /* LINT0 of the boot CPU is ExtINT */
    g_assert_cmphex(page[0xf0], ==, 0xff);
    page[0xf1] = 1; /* software enable */
    page[0x80] = 0x40;
    kvm_lapic_set(v, page);
    kvm_lapic_get(v, page);
    g_assert_cmphex(page[0xf1], ==, 1);
    g_assert_cmphex(page[0x80], ==, 0x40);
    kvm_lapic_reset(v);
    kvm_push_state(v);
    kvm_lapic_get(v, page);
    g_assert_cmphex(page[0xf1], ==, 0);
    g_assert_cmphex(page[0x80], ==, 0);
    tiny_free(t);
}

static void test_host_model_is_accepted(void)
{
    struct tiny *t = tiny_new("on", 1, "host,enforce");

    if (!t) {
        return;
    }
    g_assert_true(x86_has(t->cpus[0]->cpu, X86_F_LM));
    g_assert_cmpstr(x86_ident(t->cpus[0]->cpu)->hypervisor, ==, "KVMKVMKVM");
    tiny_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/general-registers", test_general_registers);
    g_test_add_func("/segments-and-tables", test_segments_and_tables);
    g_test_add_func("/x87-and-vectors", test_x87_and_vectors);
    g_test_add_func("/msrs", test_msrs);
    g_test_add_func("/debug-registers-and-run-state", test_debug_registers_and_run_state);
    g_test_add_func("/pending-events", test_pending_events);
    g_test_add_func("/time-stamp-counter-goes-on", test_time_stamp_counter_goes_on);
    g_test_add_func("/local-apic-resets", test_local_apic_resets);
    g_test_add_func("/host-model-is-accepted", test_host_model_is_accepted);
    return g_test_run();
}
