/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of system behaviour, one instruction at a time: faults, gates, tasks, VM86, debugging. */
#include "tests/unit/target/i386/rig.h"

#define RUN(r, at, text) rig_run(r, at, text, sizeof(text) - 1)

static void test_real_mode_interrupt_and_return(void)
{
    struct rig *r = rig_new("max");
    struct x86_cpu *cpu = r->cpu;

    rig_real(r);
    rig_vectors_real(r);
    cpu->gpr[X86_RSP] = 0x900;
    x86_eflags_set(cpu, FLAG_IF | FLAG_CF | 2);
    RUN(r, 0x600, "\xcd\x21"); /* int 0x21 */
    g_assert_cmphex(cpu->rip, ==, 0x721);
    g_assert_cmphex(load_le16(rig_at(r, 0x8fa)), ==, 0x602);
    g_assert_false(cpu->eflags & FLAG_IF);
    RUN(r, 0x721, "\xcf"); /* iret */
    g_assert_cmphex(cpu->rip, ==, 0x602);
    g_assert_cmphex(x86_eflags_get(cpu), ==, FLAG_IF | FLAG_CF | 2);
    g_assert_cmphex(cpu->gpr[X86_RSP], ==, 0x900);
    rig_free(r);
}

static void test_division_error_restarts(void)
{
    struct rig *r = rig_new("max");

    rig_real(r);
    rig_vectors_real(r);
    r->cpu->gpr[X86_RSP] = 0x900;
    r->cpu->gpr[X86_RCX] = 0;
    RUN(r, 0x600, "\xf7\xf1"); /* div cx */
    g_assert_cmphex(r->cpu->rip, ==, 0x700 + EXC_DE);
    g_assert_cmphex(load_le16(rig_at(r, 0x8fa)), ==, 0x600);
    rig_free(r);
}

static struct rig *rig32(void)
{
    struct rig *r = rig_new("max");

    rig_protected(r);
    rig_tables32(r);
    r->cpu->gpr[X86_RSP] = 0x10000;
    return r;
}

static void expect_fault(struct rig *r, int vector, uint32_t error)
{
    g_assert_cmpint(rig_vector32(r), ==, vector);
    g_assert_cmphex(load_le32(rig_at(r, r->cpu->gpr[X86_RSP])), ==, error);
}

static void test_segment_loads_are_checked(void)
{
    struct rig *r = rig32();
    uint64_t *gdt = rig_at(r, 0x5000);

    gdt[5] = 0x00cf13000000ffffULL; /* 28: data, not present */
    gdt[6] = 0x00cf99000000ffffULL; /* 30: code that cannot be read */
    r->cpu->gpr[X86_RAX] = 0x28;
    RUN(r, 0x6000, "\x8e\xd8"); /* mov ds, ax */
    expect_fault(r, EXC_NP, 0x28);
    r->cpu->gpr[X86_RAX] = 0x30;
    RUN(r, 0x6000, "\x8e\xd8");
    expect_fault(r, EXC_GP, 0x30);
    r->cpu->gpr[X86_RAX] = 0x200;
    RUN(r, 0x6000, "\x8e\xd8"); /* beyond the table */
    expect_fault(r, EXC_GP, 0x200);
    r->cpu->gpr[X86_RAX] = 0;
    RUN(r, 0x6000, "\x8e\xd0"); /* mov ss, null */
    expect_fault(r, EXC_GP, 0);
    r->cpu->gpr[X86_RAX] = 0x23;
    RUN(r, 0x6000, "\x8e\xd0"); /* ss of another level */
    expect_fault(r, EXC_GP, 0x20);
    r->cpu->gpr[X86_RAX] = 0x10;
    RUN(r, 0x6000, "\x8e\xd8");
    g_assert_cmphex(r->cpu->rip, ==, 0x6002);
    g_assert_cmphex(r->cpu->seg[X86_DS].attr & SEG_ACCESSED, ==, SEG_ACCESSED);
    rig_free(r);
}

static void test_segment_limits(void)
{
    struct rig *r = rig32();

    r->cpu->seg[X86_DS].limit = 0xfff;
    x86_cpu_state_loaded(r->cpu);
    RUN(r, 0x6000, "\xa1\xfc\x0f\x00\x00"); /* mov eax, [0xffc] */
    g_assert_cmphex(r->cpu->rip, ==, 0x6005);
    RUN(r, 0x6000, "\xa1\xfd\x0f\x00\x00");
    expect_fault(r, EXC_GP, 0);
    r->cpu->seg[X86_DS].attr |= SEG_DOWN; /* expand-down: valid above the limit */
    x86_cpu_state_loaded(r->cpu);
    RUN(r, 0x6000, "\xa1\x00\x10\x00\x00");
    g_assert_cmphex(r->cpu->rip, ==, 0x6005);
    RUN(r, 0x6000, "\xa1\xff\x0f\x00\x00");
    expect_fault(r, EXC_GP, 0);
    rig_free(r);
}

/* Both operands of CMPS fault: the source's fault is raised. */
static void test_compared_string_source_comes_first(void)
{
    struct rig *r = rig32();

    r->cpu->seg[X86_SS].limit = r->cpu->seg[X86_ES].limit = 0x1ffff;
    x86_cpu_state_loaded(r->cpu);
    r->cpu->gpr[X86_RSI] = r->cpu->gpr[X86_RDI] = 0x20000;
    RUN(r, 0x6000, "\x36\xa6"); /* cmpsb ss:[esi], es:[edi] */
    expect_fault(r, EXC_SS, 0);
    rig_free(r);
}

static void set_tss32(struct rig *r, uint64_t base, unsigned sel, unsigned type)
{
    uint64_t *gdt = rig_at(r, 0x5000);

    gdt[sel / 8] = 0x67 | (base & 0xffffff) << 16 | (uint64_t)(0x80 | type) << 40;
}

static void test_interrupt_to_inner_level_and_back(void)
{
    struct rig *r = rig32();
    struct x86_cpu *cpu = r->cpu;

    set_tss32(r, 0x9000, 0x38, DESC_TSS32);
    cpu->gpr[X86_RAX] = 0x38;
    RUN(r, 0x6000, "\x0f\x00\xd8"); /* ltr */
    store_le32(rig_at(r, 0x9004), 0x20000);
    store_le16(rig_at(r, 0x9008), 0x10);
    rig_flat(r, 0xc09b, 3);
    cpu->seg[X86_CS].sel = 0x1b;
    cpu->seg[X86_SS].sel = 0x23;
    RUN(r, 0x6000, "\xcd\x30"); /* int 0x30: gate for level 0 only */
    expect_fault(r, EXC_GP, 0x30 * 8 + 2);
    g_assert_cmpuint(cpu->cpl, ==, 0);
    g_assert_cmphex(cpu->gpr[X86_RSP], ==, 0x20000 - 24);
    cpu->gpr[X86_RSP] += 4;
    RUN(r, cpu->rip, "\xcf");
    g_assert_cmpuint(cpu->cpl, ==, 3);
    g_assert_cmphex(cpu->rip, ==, 0x6000);
    g_assert_cmphex(cpu->gpr[X86_RSP], ==, 0x10000);
    g_assert_cmphex(cpu->seg[X86_SS].sel, ==, 0x23);
    rig_free(r);
}

static void test_double_and_triple_fault(void)
{
    struct rig *r = rig32();
    uint64_t *idt = rig_at(r, 0x4000);

    idt[EXC_GP] = 0;                /* not present: #NP while delivering #GP */
    RUN(r, 0x6000, "\x0f\x22\xc8"); /* mov cr1, eax: #UD */
    g_assert_cmpint(rig_vector32(r), ==, EXC_UD);
    r->cpu->seg[X86_DS].limit = 0xfff;
    x86_cpu_state_loaded(r->cpu);
    RUN(r, 0x6000, "\xa1\x00\x20\x00\x00");
    expect_fault(r, EXC_DF, 0);
    idt[EXC_DF] = 0;
    RUN(r, 0x6000, "\xa1\x00\x20\x00\x00");
    g_assert_cmpint(r->cpu->run_state, ==, X86_SHUTDOWN);
    rig_free(r);
}

static void test_fault_on_the_second_page_of_an_instruction(void)
{
    struct rig *r = rig_new("max");
    struct x86_cpu *cpu = r->cpu;
    uint64_t *idt = rig_at(r, 0x4000), *gdt = rig_at(r, 0x5000);

    rig_long(r);
    ((uint64_t *)rig_at(r, 0x2000))[1] = 0x6000 | 7;
    ((uint64_t *)rig_at(r, 0x6000))[0] = 0x7000 | 7;
    ((uint64_t *)rig_at(r, 0x7000))[0] = 0x9000 | 7;
    gdt[1] = 0x00af9b000000ffffULL;
    idt[2 * EXC_PF] = 0xa000 | 8ULL << 16 | 0x8e00ULL << 32;
    cpu->idt = (struct x86_table){.base = 0x4000, .limit = 0xfff};
    cpu->gdt = (struct x86_table){.base = 0x5000, .limit = 0xff};
    cpu->gpr[X86_RSP] = 0x10000;
    memcpy(rig_at(r, 0x9ffd), "\x48\xc7\xc0", 3); /* mov rax, imm32 */
    cpu->rip = 0x40000ffd;
    x86_cpu_step(cpu);
    g_assert_cmphex(cpu->rip, ==, 0xa000);
    g_assert_cmphex(cpu->cr2, ==, 0x40001000);
    g_assert_cmphex(load_le64(rig_at(r, cpu->gpr[X86_RSP])), ==, PF_I);
    g_assert_cmphex(load_le64(rig_at(r, cpu->gpr[X86_RSP] + 8)), ==, 0x40000ffd);
    rig_free(r);
}

static void test_single_step_traps_after_each_instruction(void)
{
    struct rig *r = rig32();

    x86_eflags_set(r->cpu, FLAG_TF | 2);
    RUN(r, 0x6000, "\x90");
    g_assert_cmpint(rig_vector32(r), ==, EXC_DB);
    g_assert_cmphex(load_le32(rig_at(r, r->cpu->gpr[X86_RSP])), ==, 0x6001);
    g_assert_true(r->cpu->dr[6] & DR6_BS);
    g_assert_false(r->cpu->eflags & FLAG_TF);
    rig_free(r);
}

static void test_no_single_step_trap_after_into_that_is_taken(void)
{
    struct rig *r = rig32();

    x86_eflags_set(r->cpu, FLAG_TF | FLAG_OF | 2);
    RUN(r, 0x6000, "\xce");
    g_assert_cmpint(rig_vector32(r), ==, EXC_OF);
    g_assert_cmphex(load_le32(rig_at(r, r->cpu->gpr[X86_RSP] + 8)) & FLAG_TF, ==, FLAG_TF);
    x86_eflags_set(r->cpu, FLAG_TF | 2);
    RUN(r, 0x6000, "\xce");
    g_assert_cmpint(rig_vector32(r), ==, EXC_DB);
    rig_free(r);
}

static void test_breakpoints_on_code_and_data(void)
{
    struct rig *r = rig32();
    struct x86_cpu *cpu = r->cpu;

    cpu->dr[0] = 0x6000;
    cpu->dr[1] = 0x3004;
    cpu->dr[7] = DR7_FIXED | 2 | 8 | 0xdULL << 20; /* 0: code; 1: writes of 4 bytes */
    x86_cpu_state_loaded(cpu);
    RUN(r, 0x6000, "\x90");
    g_assert_cmpint(rig_vector32(r), ==, EXC_DB);
    g_assert_cmphex(cpu->dr[6] & 0xf, ==, 1);
    x86_eflags_set(cpu, FLAG_RF | 2);
    RUN(r, 0x6000, "\x90");
    g_assert_cmphex(cpu->rip, ==, 0x6001);
    g_assert_false(cpu->eflags & FLAG_RF);
    RUN(r, 0x6100, "\xa1\x04\x30\x00\x00"); /* a read does not count */
    g_assert_cmphex(cpu->rip, ==, 0x6105);
    RUN(r, 0x6100, "\xa2\x07\x30\x00\x00"); /* a write to its last byte does, afterwards */
    g_assert_cmpint(rig_vector32(r), ==, EXC_DB);
    g_assert_cmphex(cpu->dr[6] & 0xf, ==, 2);
    g_assert_cmphex(load_le32(rig_at(r, cpu->gpr[X86_RSP])), ==, 0x6105);
    rig_free(r);
}

static void test_task_switch_by_jump_and_iret(void)
{
    struct rig *r = rig32();
    struct x86_cpu *cpu = r->cpu;
    uint64_t *gdt = rig_at(r, 0x5000);
    static const unsigned seg_at[] = {0x48, 0x50, 0x54, 0x58, 0x5c};

    set_tss32(r, 0x9000, 0x38, DESC_TSS32);
    set_tss32(r, 0xa000, 0x40, DESC_TSS32);
    cpu->gpr[X86_RAX] = 0x38;
    RUN(r, 0x6000, "\x0f\x00\xd8");         /* ltr */
    store_le32(rig_at(r, 0xa020), 0x7000);  /* eip */
    store_le32(rig_at(r, 0xa024), 2);       /* eflags */
    store_le32(rig_at(r, 0xa034), 0xb0b0);  /* ebx */
    store_le32(rig_at(r, 0xa038), 0x11000); /* esp */
    store_le16(rig_at(r, 0xa04c), 0x08);
    for (unsigned n = 0; n < ARRAY_SIZE(seg_at); n++) {
        store_le16(rig_at(r, 0xa000 + seg_at[n]), 0x10);
    }
    cpu->gpr[X86_RBX] = 0x1234;
    RUN(r, 0x6000, "\x9a\x00\x00\x00\x00\x40\x00"); /* call 0x40:0 */
    g_assert_cmphex(cpu->rip, ==, 0x7000);
    g_assert_cmphex(cpu->gpr[X86_RBX], ==, 0xb0b0);
    g_assert_cmphex(cpu->seg[X86_TR].sel, ==, 0x40);
    g_assert_true(cpu->eflags & FLAG_NT);
    g_assert_true(cpu->cr0 & CR0_TS);
    g_assert_cmphex(load_le16(rig_at(r, 0xa000)), ==, 0x38);
    g_assert_cmphex(load_le32(rig_at(r, 0x9020)), ==, 0x6007);
    g_assert_cmphex(gdt[8] >> 40 & 0xf, ==, DESC_TSS32_BUSY);
    RUN(r, 0x7000, "\xcf"); /* iret goes back */
    g_assert_cmphex(cpu->rip, ==, 0x6007);
    g_assert_cmphex(cpu->gpr[X86_RBX], ==, 0x1234);
    g_assert_cmphex(gdt[8] >> 40 & 0xf, ==, DESC_TSS32);
    RUN(r, 0x6000, "\xea\x00\x00\x00\x00\x38\x00"); /* a busy task */
    expect_fault(r, EXC_GP, 0x38);
    rig_free(r);
}

static void test_vm86_sensitive_instructions(void)
{
    struct rig *r = rig32();
    struct x86_cpu *cpu = r->cpu;

    set_tss32(r, 0x9000, 0x38, DESC_TSS32);
    cpu->gpr[X86_RAX] = 0x38;
    RUN(r, 0x6000, "\x0f\x00\xd8");
    store_le32(rig_at(r, 0x9004), 0x20000);
    store_le16(rig_at(r, 0x9008), 0x10);
    cpu->cpl = 3;
    x86_eflags_set(cpu, FLAG_VM | FLAG_IF | 2); /* IOPL 0 */
    for (unsigned s = 0; s <= X86_GS; s++) {
        x86_load_seg_real(cpu, s, 0x100);
    }
    cpu->gpr[X86_RSP] = 0x800;
    rig_put(r, 0x1600, "\xfa", 1); /* cli */
    cpu->rip = 0x600;
    x86_cpu_step(cpu);
    expect_fault(r, EXC_GP, 0);
    g_assert_false(cpu->eflags & FLAG_VM);
    g_assert_cmphex(load_le32(rig_at(r, cpu->gpr[X86_RSP] + 4)), ==, 0x600);
    g_assert_cmphex(load_le32(rig_at(r, cpu->gpr[X86_RSP] + 8)), ==, 0x100);
    g_assert_cmphex(cpu->seg[X86_DS].sel, ==, 0);
    cpu->gpr[X86_RSP] += 4;
    RUN(r, cpu->rip, "\xcf"); /* back into VM86 */
    g_assert_true(cpu->eflags & FLAG_VM);
    g_assert_cmphex(cpu->seg[X86_DS].base, ==, 0x1000);
    cpu->cr4 |= CR4_VME; /* now it is VIF that changes */
    cpu->rip = 0x600;
    cpu->eflags |= FLAG_VIF;
    x86_cpu_step(cpu);
    g_assert_cmphex(cpu->rip, ==, 0x601);
    g_assert_false(cpu->eflags & FLAG_VIF);
    g_assert_true(cpu->eflags & FLAG_IF);
    rig_free(r);
}

static void test_sysenter_and_sysexit(void)
{
    struct rig *r = rig_new("Haswell-noTSX,check=off");
    struct x86_cpu *cpu = r->cpu;

    rig_protected(r);
    cpu->msr.sysenter_cs = 0x08;
    cpu->msr.sysenter_eip = 0x7000;
    cpu->msr.sysenter_esp = 0x12000;
    rig_flat(r, 0xc09b, 3);
    RUN(r, 0x6000, "\x0f\x34");
    g_assert_cmphex(cpu->rip, ==, 0x7000);
    g_assert_cmphex(cpu->gpr[X86_RSP], ==, 0x12000);
    g_assert_cmpuint(cpu->cpl, ==, 0);
    cpu->gpr[X86_RDX] = 0x6002;
    cpu->gpr[X86_RCX] = 0x13000;
    RUN(r, 0x7000, "\x0f\x35");
    g_assert_cmphex(cpu->rip, ==, 0x6002);
    g_assert_cmpuint(cpu->cpl, ==, 3);
    g_assert_cmphex(cpu->seg[X86_CS].sel, ==, 0x1b);
    rig_free(r);
}

static void test_repeated_string_restarts_after_a_fault(void)
{
    struct rig *r = rig_new("max");
    struct x86_cpu *cpu = r->cpu;
    uint64_t *idt = rig_at(r, 0x4000), *gdt = rig_at(r, 0x5000);

    rig_long(r);
    ((uint64_t *)rig_at(r, 0x2000))[1] = 0x6000 | 7;
    ((uint64_t *)rig_at(r, 0x6000))[0] = 0x7000 | 7;
    ((uint64_t *)rig_at(r, 0x7000))[0] = 0x9000 | 7; /* one page at 1 GiB */
    gdt[1] = 0x00af9b000000ffffULL;
    idt[2 * EXC_PF] = 0xa000 | 8ULL << 16 | 0x8e00ULL << 32;
    cpu->idt = (struct x86_table){.base = 0x4000, .limit = 0xfff};
    cpu->gdt = (struct x86_table){.base = 0x5000, .limit = 0xff};
    cpu->gpr[X86_RSP] = 0x10000;
    cpu->gpr[X86_RDI] = 0x40000f00;
    cpu->gpr[X86_RCX] = 0x200;
    cpu->gpr[X86_RAX] = 0xab;
    rig_put(r, 0xb000, "\xf3\xaa", 2); /* rep stosb */
    for (cpu->rip = 0xb000; cpu->rip == 0xb000;) {
        x86_cpu_step(cpu); /* it may look for interrupts in between */
    }
    g_assert_cmphex(cpu->rip, ==, 0xa000);
    g_assert_cmphex(cpu->gpr[X86_RCX], ==, 0x100);
    g_assert_cmphex(cpu->gpr[X86_RDI], ==, 0x40001000);
    g_assert_cmphex(cpu->cr2, ==, 0x40001000);
    g_assert_cmphex(((uint8_t *)rig_at(r, 0x9fff))[0], ==, 0xab);
    g_assert_cmphex(load_le64(rig_at(r, cpu->gpr[X86_RSP] + 8)), ==, 0xb000);
    rig_free(r);
}

static void test_sti_shadows_one_instruction(void)
{
    struct rig *r = rig32();

    RUN(r, 0x6000, "\xfb");
    g_assert_true(r->cpu->interrupt_shadow);
    x86_cpu_raise_nmi(r->cpu);
    g_assert_true(x86_cpu_poll(r->cpu)); /* nothing is taken yet */
    g_assert_cmphex(r->cpu->rip, ==, 0x6001);
    RUN(r, 0x6001, "\x90");
    g_assert_false(r->cpu->interrupt_shadow);
    g_assert_true(x86_cpu_poll(r->cpu));
    g_assert_cmpint(rig_vector32(r), ==, EXC_NMI);
    rig_free(r);
}

static void test_smm_round_trip(void)
{
    struct rig *r = rig32();
    struct x86_cpu *cpu = r->cpu;

    cpu->gpr[X86_RBX] = 0x5555;
    cpu->rip = 0x6000;
    cpu->smbase = 0x20000;
    x86_cpu_raise_smi(cpu);
    g_assert_true(x86_cpu_poll(cpu));
    g_assert_true(cpu->in_smm);
    g_assert_cmphex(cpu->rip, ==, 0x8000);
    g_assert_cmphex(cpu->seg[X86_CS].base, ==, 0x20000);
    g_assert_false(cpu->cr0 & CR0_PE);
    cpu->gpr[X86_RBX] = 0;
    memcpy(rig_at(r, 0x28000), "\x0f\xaa", 2); /* rsm */
    x86_cpu_step(cpu);
    g_assert_false(cpu->in_smm);
    g_assert_cmphex(cpu->rip, ==, 0x6000);
    g_assert_cmphex(cpu->gpr[X86_RBX], ==, 0x5555);
    g_assert_true(cpu->cr0 & CR0_PE);
    g_assert_cmphex(cpu->seg[X86_CS].sel, ==, 0x08);
    RUN(r, 0x6000, "\x0f\xaa"); /* outside SMM */
    g_assert_cmpint(rig_vector32(r), ==, EXC_UD);
    rig_free(r);
}

static void test_unknown_msr_is_refused(void)
{
    struct rig *r = rig32();

    r->cpu->gpr[X86_RCX] = 0x12345678;
    RUN(r, 0x6000, "\x0f\x32");
    expect_fault(r, EXC_GP, 0);
    r->cpu->gpr[X86_RCX] = MSR_EFER;
    r->cpu->gpr[X86_RAX] = 1 << 20; /* reserved */
    r->cpu->gpr[X86_RDX] = 0;
    RUN(r, 0x6000, "\x0f\x30");
    expect_fault(r, EXC_GP, 0);
    rig_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/real-interrupt", test_real_mode_interrupt_and_return);
    g_test_add_func("/division-error", test_division_error_restarts);
    g_test_add_func("/segment-loads", test_segment_loads_are_checked);
    g_test_add_func("/segment-limits", test_segment_limits);
    g_test_add_func("/cmps-order", test_compared_string_source_comes_first);
    g_test_add_func("/inner-level", test_interrupt_to_inner_level_and_back);
    g_test_add_func("/double-fault", test_double_and_triple_fault);
    g_test_add_func("/page-crossing", test_fault_on_the_second_page_of_an_instruction);
    g_test_add_func("/single-step", test_single_step_traps_after_each_instruction);
    g_test_add_func("/single-step-into", test_no_single_step_trap_after_into_that_is_taken);
    g_test_add_func("/breakpoints", test_breakpoints_on_code_and_data);
    g_test_add_func("/task-switch", test_task_switch_by_jump_and_iret);
    g_test_add_func("/vm86", test_vm86_sensitive_instructions);
    g_test_add_func("/sysenter", test_sysenter_and_sysexit);
    g_test_add_func("/rep-restart", test_repeated_string_restarts_after_a_fault);
    g_test_add_func("/sti-shadow", test_sti_shadows_one_instruction);
    g_test_add_func("/smm", test_smm_round_trip);
    g_test_add_func("/unknown-msr", test_unknown_msr_is_refused);
    return g_test_run();
}
