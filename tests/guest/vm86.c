/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual 8086 mode: entry by IRET, segments, privileged instructions, IOPL, the I/O bitmap,
 * interrupts out of it with all segments on the ring 0 stack, the virtual-mode extensions.
 */
#include "tests/guest/trap32.h"

enum {
    SEL_TSS = FREE,
    CODE_AT = 0x20000,  /* code of the 8086, segment 0x2000 */
    STACK_AT = 0x30000, /* its stack segment */
    IOPL_3 = 3 << 12,
    EFLAGS_VM = 1 << 17,
    EFLAGS_IF = 1 << 9,
    EFLAGS_VIF = 1 << 19,
    CR4_VME = 1,
    PORT_ALLOWED = 0x80,
};

static struct {
    struct tss32 tss;
    uint8_t redirection[32]; /* CR4.VME: one bit per INT n, 0 is "by the 8086's own table" */
    uint8_t io[0x2000 / 8 + 1];
} tss;
static uint8_t stack0[4096] __attribute__((aligned(16)));
static volatile struct trap last; /* with ESP to GS, as pushed out of virtual 8086 mode */

/* Any trap out of virtual 8086 mode ends the run. */
static void on_trap(struct trap *t)
{
    last = *t;
    fault.vector = t->vector;
    fault.error = t->error;
    if (!(t->eflags & EFLAGS_VM)) {
        put("a trap of ring 0 instead\n");
        failures++;
    }
    trap_recover();
}

/* Runs 16-bit code in virtual 8086 mode until it traps. */
static void run(const void *code, const void *end, uint32_t eflags)
{
    copy((void *)CODE_AT, code, (size_t)((uintptr_t)end - (uintptr_t)code));
    TRY("pushl $0x7777\n\tpushl $0x6666\n\tpushl $0x5555\n\tpushl $0x4444\n\t" /* GS, FS, DS, ES */
        "pushl $0x3000\n\tpushl $0x100\n\tpushl %%esi\n\tpushl $0x2000\n\tpushl $0\n\tiretl",
        "S"(eflags | EFLAGS_VM | 2));
}

/* NAME and NAME_end are the ends of 16-bit code; it ends by HLT, which is always a fault. */
#define CODE(name, insns)                                                                          \
    asm(".code16\n" #name ":\n\t" insns "\n\thlt\n" #name "_end:\n\t.code32");                     \
    extern char name[], name##_end[]
#define RUN(name, eflags) run(name, name##_end, eflags)

CODE(v_segments, "movw %cs, %ax\n\tmovw %ss, %bx\n\tmovw %ds, %cx\n\tmovw %gs, %dx");
CODE(v_address, "movw $0x3000, %ax\n\tmovw %ax, %ds\n\tmovb $0x77, 0x10\n\tmovw $0xffff, %ax\n\t"
                "movw %ax, %es\n\tmovb %es:0x20, %bl");
CODE(v_cli, "cli");
CODE(v_sti, "sti");
CODE(v_pushf, "pushf\n\tpopw %ax");
CODE(v_int, "int $0x21");
CODE(v_int3, "int3");
CODE(v_iret,
     "pushw $0x0202\n\tpushw $0x2000\n\tpushw $1f - v_iret\n\tiretw\n\tud2\n1:\tmovw $5, %ax");
CODE(v_in_allowed, "inb $0x80, %al");
CODE(v_in_denied, "inb $0x81, %al");
CODE(v_in_word, "inw $0x80, %ax");
CODE(v_in_high, "movw $0x2100, %dx\n\tinb %dx, %al");
CODE(v_cr0, ".byte 0x0f, 0x20, 0xc0");
CODE(v_lgdt, "lgdt 0");
CODE(v_str, "str %ax");
CODE(v_limit, "movl $0x10000, %ebx\n\tmovb (%ebx), %al");
CODE(v_jump, "ljmp $0x1fff, $1f - v_jump + 16\n1:\tmovw %cs, %ax");
CODE(v_smsw, "smsw %ax");

static void ends_with(const char *name, uint32_t vector, uint32_t error, uint32_t eip)
{
    if (fault.vector == vector && last.error == error && last.eip == eip) {
        check(name, true);
        return;
    }
    begin("FAIL", name);
    put(": vector ");
    put_hex(fault.vector);
    put(" error ");
    put_hex(last.error);
    put(" eip ");
    put_hex(last.eip);
    put("\n");
    failures++;
}

static void test_entry(void)
{
    RUN(v_segments, 0);
    ends_with("hlt-faults", TRAP_GP, 0, (uint32_t)(v_segments_end - v_segments) - 1);
    check_eq("cs-is-a-paragraph", last.eax & 0xffff, 0x2000);
    check_eq("ss-is-a-paragraph", last.ebx & 0xffff, 0x3000);
    check_eq("ds-from-iret", last.ecx & 0xffff, 0x5555);
    check_eq("gs-from-iret", last.edx & 0xffff, 0x7777);
    check("trap-pushes-segments", last.vm_es == 0x4444 && last.vm_ds == 0x5555 &&
                                      last.vm_fs == 0x6666 && last.vm_gs == 0x7777);
    check("trap-pushes-stack", (last.ss & 0xffff) == 0x3000 && last.esp == 0x100);
    check_eq("trap-pushes-vm", last.eflags & EFLAGS_VM, EFLAGS_VM);
    check_eq("trap-clears-ds", last.ds & 0xffff, 0);

    *(volatile uint8_t *)0x30010 = 0;
    *(volatile uint8_t *)0x100010 = 0x99; /* FFFF:0020 is above 1 MiB */
    RUN(v_address, 0);
    check_eq("writes-at-paragraph-times-16", *(volatile uint8_t *)0x30010, 0x77);
    check_eq("reads-above-1-mib", last.ebx & 0xff, *(volatile uint8_t *)0x100010);
    RUN(v_limit, 0);
    ends_with("limit-is-64-kib", TRAP_GP, 0, 6);
    RUN(v_jump, 0);
    check_eq("far-jump", last.eax & 0xffff, 0x1fff);
}

static void test_sensitive(void)
{
    RUN(v_cli, 0);
    ends_with("cli-iopl-0", TRAP_GP, 0, 0);
    RUN(v_cli, IOPL_3 | EFLAGS_IF);
    check_eq("cli-iopl-3", last.eflags & EFLAGS_IF, 0);
    RUN(v_pushf, 0);
    ends_with("pushf-iopl-0", TRAP_GP, 0, 0);
    RUN(v_pushf, IOPL_3);
    check_eq("pushf-iopl-3", last.eax & 0xffff, IOPL_3 | 2);
    RUN(v_int, 0);
    ends_with("int-iopl-0", TRAP_GP, 0, 0);
    RUN(v_int3, 0);
    ends_with("int3-iopl-0", TRAP_BP, 0, 1);
    RUN(v_iret, 0);
    check("iret-iopl-0", fault.vector == TRAP_GP && *(uint8_t *)(CODE_AT + last.eip) == 0xcf);
    RUN(v_iret, IOPL_3);
    check_eq("iret-iopl-3", last.eax & 0xffff, 5);
    check_eq("iret-keeps-iopl", last.eflags & IOPL_3, IOPL_3);
    RUN(v_cr0, IOPL_3);
    ends_with("mov-cr0", TRAP_GP, 0, 0);
    RUN(v_lgdt, IOPL_3);
    ends_with("lgdt", TRAP_GP, 0, 0);
    RUN(v_str, IOPL_3);
    ends_with("str-is-invalid", TRAP_UD, 0, 0);
    RUN(v_smsw, 0);
    check_eq("smsw-is-allowed", last.eax & 1, 1);
}

static void test_int_iopl_3(void)
{
    idt[0x21] = gate(CODE0, (uint32_t)(uintptr_t)trap_stubs + 0x21 * 16, GATE_INTERRUPT | 0x60, 0);
    RUN(v_int, IOPL_3);
    ends_with("int-iopl-3", 0x21, 0, 2);
    idt[0x21] = gate(CODE0, (uint32_t)(uintptr_t)trap_stubs + 0x21 * 16, GATE_INTERRUPT, 0);
    RUN(v_int, IOPL_3);
    ends_with("int-iopl-3-gate-of-ring-0", TRAP_GP, 0x21 * 8 + 2, 0);
}

static void test_ports(void)
{
    RUN(v_in_allowed, 0);
    ends_with("port-allowed", TRAP_GP, 0, 2);
    RUN(v_in_denied, 0);
    ends_with("port-denied", TRAP_GP, 0, 0);
    RUN(v_in_denied, IOPL_3);
    ends_with("port-denied-at-iopl-3", TRAP_GP, 0, 0);
    RUN(v_in_word, 0);
    ends_with("port-half-allowed", TRAP_GP, 0, 0);
    RUN(v_in_high, 0);
    ends_with("port-beyond-the-bitmap", TRAP_GP, 0, 3);
}

static void test_extensions(void)
{
    uintptr_t table = 0; /* the 8086's own, at address 0 */
    volatile uint16_t *vector_21;
    uint16_t old_ip, old_cs;

    asm("" : "+r"(table)); /* the compiler need not know */
    vector_21 = (volatile uint16_t *)(table + 0x21 * 4);
    old_ip = vector_21[0];
    old_cs = vector_21[1];

    if (!has_feature(1, 0, 3, 1)) {
        skip("vme", "not in CPUID");
        return;
    }
    asm volatile("movl %%cr4, %%eax\n\torl %0, %%eax\n\tmovl %%eax, %%cr4"
                 :
                 : "i"(CR4_VME)
                 : "eax");
    RUN(v_sti, 0);
    ends_with("vme-sti", TRAP_GP, 0, 1);
    check_eq("vme-sti-sets-vif", last.eflags & (EFLAGS_VIF | EFLAGS_IF), EFLAGS_VIF);
    RUN(v_pushf, EFLAGS_VIF);
    check_eq("vme-pushf-shows-vif-and-iopl-3", last.eax & 0xffff, IOPL_3 | EFLAGS_IF | 2);
    vector_21[0] = 0x50; /* INT 21h: to 2000:0050, where HLT is */
    vector_21[1] = 0x2000;
    *(volatile uint8_t *)(CODE_AT + 0x50) = 0xf4;
    RUN(v_int, EFLAGS_VIF);
    ends_with("vme-int-stays-in-the-8086", TRAP_GP, 0, 0x50);
    check_eq("vme-int-clears-vif", last.eflags & EFLAGS_VIF, 0);
    check_eq("vme-int-pushes-flags", *(volatile uint16_t *)(STACK_AT + 0xfe),
             IOPL_3 | EFLAGS_IF | 2);
    tss.redirection[0x21 / 8] = 1 << (0x21 & 7);
    RUN(v_int, 0);
    ends_with("vme-int-redirection-bit", TRAP_GP, 0, 0);
    vector_21[0] = old_ip;
    vector_21[1] = old_cs;
    asm volatile("movl %%cr4, %%eax\n\tandl %0, %%eax\n\tmovl %%eax, %%cr4"
                 :
                 : "i"(~CR4_VME)
                 : "eax");
}

int guest_main(uint32_t magic, uintptr_t info)
{
    (void)magic, (void)info;
    for (unsigned i = 0; i < 256; i++) {
        trap_hook[i] = on_trap;
    }
    fill(tss.io, 0xff, sizeof(tss.io));
    tss.io[PORT_ALLOWED / 8] &= (uint8_t) ~(1 << (PORT_ALLOWED & 7));
    tss.tss.esp0 = (uint32_t)(uintptr_t)(stack0 + sizeof(stack0));
    tss.tss.ss0 = DATA0;
    tss.tss.io_map = offsetof(typeof(tss), io);
    set_descriptor(SEL_TSS, descriptor((uint32_t)(uintptr_t)&tss, sizeof(tss) - 1, 0x89, 0));
    asm volatile("ltr %w0" : : "r"(SEL_TSS));
    test_entry();
    test_sensitive();
    test_int_iopl_3();
    test_ports();
    test_extensions();
    finish();
}
