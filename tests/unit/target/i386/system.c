/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of system instructions: call gates, descriptor queries, SYSCALL, IST, control registers. */
#include "tests/unit/target/i386/rig.h"

#define RUN(r, at, text) rig_run(r, at, text, sizeof(text) - 1)

static struct rig *rig32(const char *model)
{
    struct rig *r = rig_new(model);

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

/* A 32-bit TSS at 0x9000, selector 0x38, with 0x10:0x20000 as level 0's stack, loaded. */
static void load_tss(struct rig *r)
{
    ((uint64_t *)rig_at(r, 0x5000))[7] = 0x67 | 0x9000ULL << 16 | 0x89ULL << 40;
    store_le32(rig_at(r, 0x9004), 0x20000);
    store_le16(rig_at(r, 0x9008), 0x10);
    store_le16(rig_at(r, 0x9066), 0x68);
    r->cpu->gpr[X86_RAX] = 0x38;
    RUN(r, 0x6000, "\x0f\x00\xd8");
}

static void to_user(struct rig *r)
{
    rig_flat(r, 0xc09b, 3);
    r->cpu->seg[X86_CS].sel = 0x1b;
    for (unsigned s = 0; s <= X86_GS; s++) {
        if (s != X86_CS) {
            r->cpu->seg[s].sel = 0x23;
        }
    }
}

/* A segment register that user code may not keep is cleared on the way out. */
static void test_call_gate_copies_parameters_and_far_return_drops_segments(void)
{
    struct rig *r = rig32("max");
    struct x86_cpu *cpu = r->cpu;
    uint64_t *gdt = rig_at(r, 0x5000);

    load_tss(r);
    gdt[8] = 0x7000 | 8ULL << 16 | 2ULL << 32 | 0xecULL << 40; /* 40: call gate, 2 parameters */
    to_user(r);
    store_le32(rig_at(r, 0x10000), 0x11111111);
    store_le32(rig_at(r, 0x10004), 0x22222222);
    RUN(r, 0x6000, "\x9a\x00\x00\x00\x00\x43\x00"); /* call 0x43:0 */
    g_assert_cmphex(cpu->rip, ==, 0x7000);
    g_assert_cmpuint(cpu->cpl, ==, 0);
    g_assert_cmphex(cpu->gpr[X86_RSP], ==, 0x20000 - 24);
    g_assert_cmphex(load_le32(rig_at(r, 0x20000 - 24)), ==, 0x6007);
    g_assert_cmphex(load_le32(rig_at(r, 0x20000 - 16)), ==, 0x11111111);
    g_assert_cmphex(load_le32(rig_at(r, 0x20000 - 12)), ==, 0x22222222);
    g_assert_cmphex(load_le32(rig_at(r, 0x20000 - 8)), ==, 0x10000);
    cpu->gpr[X86_RAX] = 0x10;
    RUN(r, 0x7000, "\x8e\xd8");     /* mov ds, 0x10 */
    RUN(r, 0x7002, "\xca\x08\x00"); /* retf 8 */
    g_assert_cmpuint(cpu->cpl, ==, 3);
    g_assert_cmphex(cpu->rip, ==, 0x6007);
    g_assert_cmphex(cpu->gpr[X86_RSP], ==, 0x10008);
    g_assert_cmphex(cpu->seg[X86_DS].sel, ==, 0);
    g_assert_false(cpu->seg[X86_DS].attr & SEG_P);
    g_assert_cmphex(cpu->seg[X86_ES].sel, ==, 0x23);
    rig_free(r);
}

static void test_descriptor_queries(void)
{
    struct rig *r = rig32("max");
    struct x86_cpu *cpu = r->cpu;

    cpu->gpr[X86_RAX] = 0x10;
    RUN(r, 0x6000, "\x0f\x02\xc8"); /* lar ecx, ax */
    g_assert_true(flag_zf(cpu));
    g_assert_cmphex(cpu->gpr[X86_RCX], ==, 0x00cf9300);
    RUN(r, 0x6000, "\x0f\x03\xc8"); /* lsl */
    g_assert_cmphex(cpu->gpr[X86_RCX], ==, 0xffffffff);
    RUN(r, 0x6000, "\x0f\x00\xe8"); /* verw ax */
    g_assert_true(flag_zf(cpu));
    cpu->gpr[X86_RAX] = 0x08;
    RUN(r, 0x6000, "\x0f\x00\xe8"); /* code cannot be written */
    g_assert_false(flag_zf(cpu));
    RUN(r, 0x6000, "\x0f\x00\xe0"); /* verr: but read */
    g_assert_true(flag_zf(cpu));
    cpu->gpr[X86_RAX] = 0x13; /* RPL 3 may not look at level 0 */
    RUN(r, 0x6000, "\x0f\x02\xc8");
    g_assert_false(flag_zf(cpu));
    cpu->gpr[X86_RAX] = 0x400;
    RUN(r, 0x6000, "\x0f\x03\xc8");
    g_assert_false(flag_zf(cpu));
    rig_free(r);
}

static void test_io_permission_bitmap(void)
{
    struct rig *r = rig32("max");
    uint64_t *gdt = rig_at(r, 0x5000);

    gdt[7] = 0x87 | 0x9000ULL << 16 | 0x89ULL << 40; /* limit 0x87: bits for ports 0 to 0xff */
    load_tss(r);
    r->cpu->seg[X86_TR].limit = 0x88;
    memset(rig_at(r, 0x9068), 0, 0x21);
    ((uint8_t *)rig_at(r, 0x9068))[0x10] = 0x02; /* port 0x81 is not allowed */
    to_user(r);
    RUN(r, 0x6000, "\xe4\x80"); /* in al, 0x80 */
    g_assert_cmphex(r->cpu->rip, ==, 0x6002);
    RUN(r, 0x6000, "\xe5\x80"); /* in eax, 0x80 touches 0x81 */
    expect_fault(r, EXC_GP, 0);
    to_user(r);
    r->cpu->gpr[X86_RDX] = 0x200;
    RUN(r, 0x6000, "\xec"); /* beyond the map */
    expect_fault(r, EXC_GP, 0);
    rig_free(r);
}

static void test_privileged_instructions_fault_for_users(void)
{
    static const char *const code[] = {"\xf4",         "\x0f\x30",     "\x0f\x32",     "\x0f\x06",
                                       "\x0f\x22\xd8", "\x0f\x20\xd8", "\x0f\x01\x38", "\x0f\x09",
                                       "\x0f\x01\x10", "\x0f\x23\xc0", "\xfa",         "\xfb"};
    struct rig *r = rig32("max");

    load_tss(r);
    for (unsigned n = 0; n < ARRAY_SIZE(code); n++) {
        to_user(r);
        r->cpu->gpr[X86_RSP] = 0x10000;
        rig_run(r, 0x6000, code[n], strlen(code[n]));
        expect_fault(r, EXC_GP, 0);
        g_assert_cmpuint(r->cpu->cpl, ==, 0);
    }
    rig_free(r);
}

static struct rig *rig64(void)
{
    struct rig *r = rig_new("max");
    uint64_t *idt = rig_at(r, 0x4000), *gdt = rig_at(r, 0x5000);

    rig_long(r);
    for (unsigned n = 0; n < 32; n++) {
        idt[2 * n] = (0x8000 + 16 * n) | 8ULL << 16 | 0x8e00ULL << 32;
    }
    gdt[1] = 0x00af9b000000ffffULL; /* 08: kernel code */
    gdt[2] = 0x00cf93000000ffffULL; /* 10: kernel data */
    gdt[3] = 0x00cffb000000ffffULL; /* 18: user code, 32 bits */
    gdt[4] = 0x00cff3000000ffffULL; /* 20: user data */
    gdt[5] = 0x00affb000000ffffULL; /* 28: user code */
    gdt[6] = 0x67 | 0x9000ULL << 16 | 0x89ULL << 40;
    r->cpu->idt = (struct x86_table){.base = 0x4000, .limit = 0x1ff};
    r->cpu->gdt = (struct x86_table){.base = 0x5000, .limit = 0xff};
    r->cpu->gpr[X86_RSP] = 0x10000;
    r->cpu->gpr[X86_RAX] = 0x30;
    RUN(r, 0x6000, "\x0f\x00\xd8"); /* ltr */
    return r;
}

static void test_syscall_and_sysret(void)
{
    struct rig *r = rig64();
    struct x86_cpu *cpu = r->cpu;

    cpu->efer |= EFER_SCE;
    cpu->msr.star = 0x001b0008ULL << 32;
    cpu->msr.lstar = 0x7000;
    cpu->msr.fmask = FLAG_IF | FLAG_TF;
    rig_flat(r, 0xa09b, 3);
    x86_eflags_set(cpu, FLAG_IF | FLAG_ZF | 2);
    RUN(r, 0x6000, "\x0f\x05");
    g_assert_cmphex(cpu->rip, ==, 0x7000);
    g_assert_cmpuint(cpu->cpl, ==, 0);
    g_assert_cmphex(cpu->gpr[X86_RCX], ==, 0x6002);
    g_assert_cmphex(cpu->gpr[11], ==, FLAG_IF | FLAG_ZF | 2);
    g_assert_false(cpu->eflags & FLAG_IF);
    g_assert_cmphex(cpu->seg[X86_SS].sel, ==, 0x10);
    RUN(r, 0x7000, "\x48\x0f\x07");
    g_assert_cmphex(cpu->rip, ==, 0x6002);
    g_assert_cmpuint(cpu->cpl, ==, 3);
    g_assert_cmphex(cpu->seg[X86_CS].sel, ==, 0x2b);
    g_assert_cmphex(cpu->seg[X86_SS].sel, ==, 0x23);
    g_assert_true(cpu->eflags & FLAG_IF);
    rig_free(r);
}

static void test_interrupt_stack_table(void)
{
    struct rig *r = rig64();
    struct x86_cpu *cpu = r->cpu;
    uint64_t *idt = rig_at(r, 0x4000);

    idt[2 * EXC_UD] |= 3ULL << 32;
    store_le64(rig_at(r, 0x9000 + 0x24 + 2 * 8), 0x3000f); /* IST3, not aligned */
    RUN(r, 0x6000, "\x0f\x0b");                            /* ud2 */
    g_assert_cmphex(cpu->rip, ==, 0x8000 + 16 * EXC_UD);
    g_assert_cmphex(cpu->gpr[X86_RSP], ==, 0x30000 - 40);
    g_assert_cmphex(load_le64(rig_at(r, 0x30000 - 40)), ==, 0x6000);
    g_assert_cmphex(load_le64(rig_at(r, 0x30000 - 16)), ==, 0x10000);
    RUN(r, cpu->rip, "\x48\xcf");
    g_assert_cmphex(cpu->rip, ==, 0x6000);
    g_assert_cmphex(cpu->gpr[X86_RSP], ==, 0x10000);
    rig_free(r);
}

static void test_addresses_must_be_canonical(void)
{
    struct rig *r = rig64();

    r->cpu->gpr[X86_RAX] = 1ULL << 47;
    RUN(r, 0x6000, "\x8b\x08"); /* mov ecx, [rax] */
    g_assert_cmphex(r->cpu->rip, ==, 0x8000 + 16 * EXC_GP);
    r->cpu->gpr[X86_RBP] = 1ULL << 47;
    RUN(r, 0x6000, "\x8b\x4d\x00"); /* by way of the stack segment */
    g_assert_cmphex(r->cpu->rip, ==, 0x8000 + 16 * EXC_SS);
    r->cpu->gpr[X86_RAX] = 1ULL << 47;
    r->cpu->gpr[X86_RSP] = 0x10000;
    RUN(r, 0x6000, "\xff\xe0"); /* jmp rax: the jump faults, not the target */
    g_assert_cmphex(r->cpu->rip, ==, 0x8000 + 16 * EXC_GP);
    g_assert_cmphex(load_le64(rig_at(r, r->cpu->gpr[X86_RSP] + 8)), ==, 0x6000);
    rig_free(r);
}

static void test_long_mode_is_entered_by_the_book(void)
{
    struct rig *r = rig32("max");
    struct x86_cpu *cpu = r->cpu;
    uint64_t *gdt = rig_at(r, 0x5000);

    gdt[5] = 0x00af9b000000ffffULL; /* 28: 64-bit code */
    ((uint64_t *)rig_at(r, 0x1000))[0] = 0x2007;
    ((uint64_t *)rig_at(r, 0x2000))[0] = 0x87;
    cpu->gpr[X86_RCX] = MSR_EFER;
    cpu->gpr[X86_RAX] = EFER_LME;
    cpu->gpr[X86_RDX] = 0;
    RUN(r, 0x6000, "\x0f\x30");
    g_assert_cmphex(cpu->efer, ==, EFER_LME);
    cpu->gpr[X86_RAX] = cpu->cr0 | CR0_PG;
    RUN(r, 0x6000, "\x0f\x22\xc0"); /* without PAE */
    expect_fault(r, EXC_GP, 0);
    cpu->gpr[X86_RAX] = CR4_PAE;
    RUN(r, 0x6000, "\x0f\x22\xe0");
    cpu->gpr[X86_RAX] = 0x1000;
    RUN(r, 0x6003, "\x0f\x22\xd8");
    cpu->gpr[X86_RAX] = cpu->cr0 | CR0_PG;
    RUN(r, 0x6006, "\x0f\x22\xc0");
    g_assert_cmphex(cpu->efer, ==, EFER_LME | EFER_LMA);
    g_assert_false(x86_is_64(cpu)); /* compatibility mode until CS.L */
    RUN(r, 0x6009, "\xea\x00\x70\x00\x00\x28\x00");
    g_assert_true(x86_is_64(cpu));
    g_assert_cmphex(cpu->rip, ==, 0x7000);
    cpu->gpr[X86_RAX] = 0;
    cpu->gpr[X86_RBX] = ~0ULL;
    RUN(r, 0x7000, "\x48\xff\xc3"); /* inc rbx is a 64-bit instruction now */
    g_assert_cmphex(cpu->gpr[X86_RBX], ==, 0);
    rig_free(r);
}

static void test_control_register_bits_are_checked(void)
{
    struct rig *r = rig32("max");
    struct x86_cpu *cpu = r->cpu;

    cpu->gpr[X86_RAX] = CR0_PE | CR0_NW; /* NW without CD */
    RUN(r, 0x6000, "\x0f\x22\xc0");
    expect_fault(r, EXC_GP, 0);
    cpu->gpr[X86_RAX] = 1u << 31; /* no such bit in CR4 */
    RUN(r, 0x6000, "\x0f\x22\xe0");
    expect_fault(r, EXC_GP, 0);
    cpu->gpr[X86_RAX] = CR4_PCIDE; /* only in long mode */
    RUN(r, 0x6000, "\x0f\x22\xe0");
    expect_fault(r, EXC_GP, 0);
    cpu->gpr[X86_RAX] = 0;
    RUN(r, 0x6000, "\x0f\x01\xf0"); /* lmsw 0: PE stays */
    g_assert_true(cpu->cr0 & CR0_PE);
    rig_free(r);
}

static void test_debug_registers_are_guarded(void)
{
    struct rig *r = rig32("max");
    struct x86_cpu *cpu = r->cpu;

    cpu->dr[7] = DR7_FIXED | DR7_GD;
    RUN(r, 0x6000, "\x0f\x21\xc0"); /* mov eax, dr0 */
    g_assert_cmpint(rig_vector32(r), ==, EXC_DB);
    g_assert_true(cpu->dr[6] & DR6_BD);
    g_assert_false(cpu->dr[7] & DR7_GD);
    cpu->dr[6] = 0xffff0ff0;
    RUN(r, 0x6000, "\x0f\x21\xe0"); /* dr4 is dr6 */
    g_assert_cmphex(cpu->gpr[X86_RAX], ==, 0xffff0ff0);
    cpu->cr4 |= CR4_DE;
    RUN(r, 0x6000, "\x0f\x21\xe0"); /* unless CR4.DE */
    g_assert_cmpint(rig_vector32(r), ==, EXC_UD);
    rig_free(r);
}

static void test_bound_and_enter(void)
{
    struct rig *r = rig32("max");
    struct x86_cpu *cpu = r->cpu;

    store_le32(rig_at(r, 0x3000), 10);
    store_le32(rig_at(r, 0x3004), 20);
    cpu->gpr[X86_RBX] = 0x3000;
    cpu->gpr[X86_RAX] = 20;
    RUN(r, 0x6000, "\x62\x03");
    g_assert_cmphex(cpu->rip, ==, 0x6002);
    cpu->gpr[X86_RAX] = 21;
    RUN(r, 0x6000, "\x62\x03");
    g_assert_cmpint(rig_vector32(r), ==, EXC_BR);
    cpu->gpr[X86_RSP] = 0x10000;
    cpu->gpr[X86_RBP] = 0x11000;
    store_le32(rig_at(r, 0x11000 - 4), 0xaaaa);
    RUN(r, 0x6000, "\xc8\x20\x00\x02"); /* enter 32, 2 */
    g_assert_cmphex(cpu->gpr[X86_RBP], ==, 0x10000 - 4);
    g_assert_cmphex(cpu->gpr[X86_RSP], ==, 0x10000 - 12 - 32);
    g_assert_cmphex(load_le32(rig_at(r, 0x10000 - 8)), ==, 0xaaaa);
    g_assert_cmphex(load_le32(rig_at(r, 0x10000 - 12)), ==, 0x10000 - 4);
    RUN(r, 0x6004, "\xc9"); /* leave */
    g_assert_cmphex(cpu->gpr[X86_RBP], ==, 0x11000);
    g_assert_cmphex(cpu->gpr[X86_RSP], ==, 0x10000);
    rig_free(r);
}

static void test_fpu_availability(void)
{
    struct rig *r = rig32("max");
    struct x86_cpu *cpu = r->cpu;

    cpu->cr0 |= CR0_TS;
    RUN(r, 0x6000, "\xd9\xe8"); /* fld1 */
    g_assert_cmpint(rig_vector32(r), ==, EXC_NM);
    RUN(r, 0x6000, "\x0f\x06"); /* clts */
    RUN(r, 0x6000, "\xd9\xe8");
    g_assert_cmphex(cpu->rip, ==, 0x6002);
    RUN(r, 0x6000, "\x0f\x58\xc1"); /* addps without CR4.OSFXSR */
    g_assert_cmpint(rig_vector32(r), ==, EXC_UD);
    cpu->cr4 |= CR4_OSFXSR;
    RUN(r, 0x6000, "\x0f\x58\xc1");
    g_assert_cmphex(cpu->rip, ==, 0x6003);
    RUN(r, 0x6000, "\xc5\xf8\x58\xc1"); /* vaddps without XCR0 */
    g_assert_cmpint(rig_vector32(r), ==, EXC_UD);
    cpu->cr4 |= CR4_OSXSAVE;
    cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    RUN(r, 0x6000, "\xc5\xf8\x58\xc1");
    g_assert_cmphex(cpu->rip, ==, 0x6004);
    rig_free(r);
}

static void test_init_and_startup(void)
{
    struct rig *r = rig32("max");
    struct x86_cpu *cpu = r->cpu;

    cpu->bsp = false;
    cpu->msr.pat = 0x0606060606060606ULL;
    x86_cpu_raise_init(cpu);
    g_assert_false(x86_cpu_poll(cpu));
    g_assert_cmpint(cpu->run_state, ==, X86_WAIT_FOR_SIPI);
    g_assert_cmphex(cpu->msr.pat, ==, 0x0606060606060606ULL); /* INIT leaves MSRs */
    x86_cpu_raise_sipi(cpu, 0x12);
    g_assert_true(x86_cpu_poll(cpu));
    g_assert_cmphex(cpu->seg[X86_CS].base, ==, 0x12000);
    g_assert_cmphex(cpu->rip, ==, 0);
    x86_cpu_raise_sipi(cpu, 0x34); /* a second one is ignored */
    g_assert_true(x86_cpu_poll(cpu));
    g_assert_cmphex(cpu->seg[X86_CS].base, ==, 0x12000);
    rig_free(r);
}

/* Both may come before the CPU's thread looks. */
static void test_startup_right_after_init_is_not_lost(void)
{
    struct rig *r = rig_new("max");

    r->cpu->bsp = false;
    x86_cpu_raise_init(r->cpu);
    x86_cpu_raise_sipi(r->cpu, 0x12);
    g_assert_true(x86_cpu_poll(r->cpu));
    g_assert_cmphex(r->cpu->seg[X86_CS].base, ==, 0x12000);
    x86_cpu_raise_sipi(r->cpu, 0x34);
    x86_cpu_raise_init(r->cpu); /* the other way round the INIT wins */
    g_assert_false(x86_cpu_poll(r->cpu));
    g_assert_cmpint(r->cpu->run_state, ==, X86_WAIT_FOR_SIPI);
    rig_free(r);
}

/* The time that a guest computes from the page at 0x3000 when its TSC is @tsc. */
static uint64_t kvmclock_ns(struct rig *r, uint64_t tsc)
{
    const uint8_t *page = rig_at(r, 0x3000);
    uint64_t ticks = tsc - load_le64(page + 8);
    int8_t shift = (int8_t)page[28];

    g_assert_cmpuint(load_le32(page) % 2, ==, 0);
    g_assert_cmpuint(page[29], ==, 1);
    ticks = shift < 0 ? ticks >> -shift : ticks << shift;
    return load_le64(page + 16) + (uint64_t)((unsigned __int128)ticks * load_le32(page + 24) >> 32);
}

static void test_kvmclock_follows_the_tsc(void)
{
    static const uint64_t khz[] = {1000, 1000000, 2500000, 100000000};
    struct rig *r = rig_new("max");
    struct clock clock;

    clock_init(&clock, CLOCK_KIND_VIRTUAL);
    clock_set_ns(&clock, 5 * NS_PER_SEC);
    r->cpu->clock = &clock;
    for (unsigned n = 0; n < ARRAY_SIZE(khz); n++) {
        uint64_t later = 7 * NS_PER_SEC;
        int64_t error;

        r->cpu->tsc_khz = khz[n];
        g_assert_true(x86_msr_write(r->cpu, MSR_KVM_SYSTEM_TIME_NEW, 0x3001));
        g_assert_true(x86_msr_write(r->cpu, MSR_TSC, 123456789)); /* the page follows */
        error = (int64_t)(kvmclock_ns(r, x86_tsc_at(r->cpu, later)) - later);
        g_assert_cmpint(ABS(error), <, 2000);
    }
    r->cpu->clock = NULL;
    clock_fini(&clock);
    rig_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/call-gate", test_call_gate_copies_parameters_and_far_return_drops_segments);
    g_test_add_func("/descriptor-queries", test_descriptor_queries);
    g_test_add_func("/io-bitmap", test_io_permission_bitmap);
    g_test_add_func("/privileged", test_privileged_instructions_fault_for_users);
    g_test_add_func("/syscall", test_syscall_and_sysret);
    g_test_add_func("/ist", test_interrupt_stack_table);
    g_test_add_func("/canonical", test_addresses_must_be_canonical);
    g_test_add_func("/long-mode", test_long_mode_is_entered_by_the_book);
    g_test_add_func("/control-registers", test_control_register_bits_are_checked);
    g_test_add_func("/debug-registers", test_debug_registers_are_guarded);
    g_test_add_func("/bound-enter", test_bound_and_enter);
    g_test_add_func("/fpu-availability", test_fpu_availability);
    g_test_add_func("/init-startup", test_init_and_startup);
    g_test_add_func("/startup-after-init", test_startup_right_after_init_is_not_lost);
    g_test_add_func("/kvmclock", test_kvmclock_follows_the_tsc);
    return g_test_run();
}
