/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segmentation in 32-bit protected mode: limits, types, privilege, error codes, LAR to VERW,
 * conforming code, call gates with a change of privilege, BOUND and INTO, IRET to ring 3.
 */
#include "tests/guest/trap32.h"

enum {
    SEL_SMALL = FREE,          /* writable, limit 0xff */
    SEL_READ = FREE + 0x08,    /* read-only */
    SEL_DOWN = FREE + 0x10,    /* expand-down from 0x1000 */
    SEL_ABSENT = FREE + 0x18,  /* not present */
    SEL_EXEC = FREE + 0x20,    /* code that cannot be read */
    SEL_CONFORM = FREE + 0x28, /* conforming code, ring 0 */
    SEL_GATE = FREE + 0x30,    /* call gate for ring 3, to ring 0 with two parameters */
    SEL_GATE0 = FREE + 0x38,   /* call gate for ring 0 */
    SEL_TSS = FREE + 0x40,     /* for ESP0 */
    SEL_LDT = FREE + 0x48,
    SEL_CODE16 = FREE + 0x50, /* code of 16 bits */
    SEL_ABSENT_GATE = FREE + 0x58,
    SEL_BIG = FREE + 0x60, /* byte-granular, limit 0xfffff */
    SEL_ABSENT_CODE = FREE + 0x70,
    BEYOND = 0x100,
    FLAGS_32 = 0xc,
};

static struct tss32 tss;
static uint8_t data[256] __attribute__((aligned(16)));
static uint64_t ldt[4];
static uint8_t stack3[4096] __attribute__((aligned(16)));
static uint8_t stack0[4096] __attribute__((aligned(16)));

/* The vector must be this and its error code that. */
static void faults(const char *name, uint32_t vector, uint32_t want, uint32_t error)
{
    if (vector == want && (vector == NO_TRAP || fault.error == error)) {
        check(name, true);
        return;
    }
    begin("FAIL", name);
    put(": vector ");
    put_hex(vector);
    put(" error ");
    put_hex(fault.error);
    put(", want ");
    put_hex(want);
    put(" error ");
    put_hex(error);
    put("\n");
    failures++;
}

#define LOAD(seg, sel)    TRY("movl %%esi, %%" seg, "S"(sel))
#define FS_READ(sel, at)  TRY("movl %%esi, %%fs\n\tmovl %%fs:(%%edi), %%eax", "S"(sel), "D"(at))
#define FS_WRITE(sel, at) TRY("movl %%esi, %%fs\n\tmovl %%eax, %%fs:(%%edi)", "S"(sel), "D"(at))

static void test_loading(void)
{
    faults("ds-null", TRY("movl %%esi, %%ds\n\tmovl $0x10, %%eax\n\tmovl %%eax, %%ds", "S"(0)),
           NO_TRAP, 0);
    faults("read-through-null", FS_READ(0, data), TRAP_GP, 0);
    faults("ss-null", LOAD("ss", 0), TRAP_GP, 0);
    faults("ds-beyond-table", LOAD("fs", BEYOND), TRAP_GP, BEYOND);
    faults("ds-ldt-without-ldt", LOAD("fs", 0x0c), TRAP_GP, 0x0c);
    faults("ds-not-present", LOAD("fs", SEL_ABSENT), TRAP_NP, SEL_ABSENT);
    faults("ss-not-present", LOAD("ss", SEL_ABSENT), TRAP_SS, SEL_ABSENT);
    faults("ds-execute-only", LOAD("fs", SEL_EXEC), TRAP_GP, SEL_EXEC);
    faults("ss-code", LOAD("ss", CODE0), TRAP_GP, CODE0);
    faults("ss-read-only", LOAD("ss", SEL_READ), TRAP_GP, SEL_READ);
    faults("ss-wrong-rpl", LOAD("ss", DATA0 | 3), TRAP_GP, DATA0);
    faults("ds-rpl-too-weak", LOAD("fs", DATA0 | 3), TRAP_GP, DATA0);
    faults("ds-system-segment", LOAD("fs", SEL_TSS), TRAP_GP, SEL_TSS);
    faults("cs-by-mov", TRY(".byte 0x8e, 0xc8", "i"(0)), TRAP_UD, 0);
    set_descriptor(SEL_SMALL, descriptor((uint32_t)(uintptr_t)data, 0xff, 0x92, 4));
    faults("load-writable", LOAD("fs", SEL_SMALL), NO_TRAP, 0);
    check_eq("load-sets-accessed", access_of(SEL_SMALL), 0x93);
}

static void test_limits(void)
{
    faults("within-limit", FS_WRITE(SEL_SMALL, 0xfc), NO_TRAP, 0);
    faults("over-limit-by-one", FS_WRITE(SEL_SMALL, 0xfd), TRAP_GP, 0);
    faults("read-only-read", FS_READ(SEL_READ, data), NO_TRAP, 0);
    faults("read-only-write", FS_WRITE(SEL_READ, data), TRAP_GP, 0);
    faults("expand-down-below", FS_READ(SEL_DOWN, 0xffd), TRAP_GP, 0);
    faults("expand-down-limit-itself", FS_READ(SEL_DOWN, 0x1000), TRAP_GP, 0);
    faults("expand-down-above", FS_READ(SEL_DOWN, 0x1001), NO_TRAP, 0);
    faults("byte-granular-end", FS_READ(SEL_BIG, 0xffffc), NO_TRAP, 0);
    faults("byte-granular-over", FS_READ(SEL_BIG, 0xffffd), TRAP_GP, 0);
    faults("code-write", TRY("movl %%eax, %%cs:(%%edi)", "D"(data)), TRAP_GP, 0);
    faults("stack-over-limit",
           TRY("movl %%esi, %%ss\n\tmovl $0x200, %%esp\n\tpushl %%eax\n\t"
               "movl $0x10, %%eax\n\tmovl %%eax, %%ss\n\tmovl recover_esp, %%esp",
               "S"(SEL_SMALL)),
           TRAP_DF, 0); /* the fault cannot be pushed either */
}

/* A double fault needs a good stack: a task gate gives it one. */
static struct tss32 df_tss;
static uint8_t df_stack[4096] __attribute__((aligned(16)));
enum { SEL_DF_TSS = FREE + 0x68 };

static void __attribute__((used)) on_double_fault(void)
{
    fault.vector = TRAP_DF;
    fault.error = 0;
    /* Not a task any more: the busy bits are put right, and NT is left behind. */
    set_descriptor(SEL_TSS, descriptor((uint32_t)(uintptr_t)&tss, sizeof(tss) - 1, 0x89, 0));
    set_descriptor(SEL_DF_TSS,
                   descriptor((uint32_t)(uintptr_t)&df_tss, sizeof(df_tss) - 1, 0x89, 0));
    asm volatile("pushl $2\n\tpopfl\n\tltr %w0" : : "r"(SEL_TSS));
    trap_recover();
}

static void set_up(void)
{
    uint32_t code = (uint32_t)(uintptr_t)on_double_fault;

    set_descriptor(SEL_SMALL, descriptor((uint32_t)(uintptr_t)data, 0xff, 0x92, 4));
    set_descriptor(SEL_READ, descriptor(0, 0xfffff, 0x90, FLAGS_32));
    set_descriptor(SEL_DOWN, descriptor(0, 0x1000, 0x96, 4));
    set_descriptor(SEL_ABSENT, descriptor(0, 0xfffff, 0x12, FLAGS_32));
    set_descriptor(SEL_ABSENT_CODE, descriptor(0, 0xfffff, 0x1a, FLAGS_32));
    set_descriptor(SEL_EXEC, descriptor(0, 0xfffff, 0x98, FLAGS_32));
    set_descriptor(SEL_CONFORM, descriptor(0, 0xfffff, 0x9e, FLAGS_32));
    set_descriptor(SEL_CODE16, descriptor(0, 0xfffff, 0x9a, 8));
    set_descriptor(SEL_BIG, descriptor(0, 0xfffff, 0x92, 4));
    set_descriptor(SEL_TSS, descriptor((uint32_t)(uintptr_t)&tss, sizeof(tss) - 1, 0x89, 0));
    set_descriptor(SEL_DF_TSS,
                   descriptor((uint32_t)(uintptr_t)&df_tss, sizeof(df_tss) - 1, 0x89, 0));
    tss = (struct tss32){.esp0 = (uint32_t)(uintptr_t)(stack0 + sizeof(stack0)),
                         .ss0 = DATA0,
                         .io_map = sizeof(tss)};
    df_tss = (struct tss32){.eip = code,
                            .eflags = 2,
                            .esp = (uint32_t)(uintptr_t)(df_stack + sizeof(df_stack) - 16),
                            .cs = CODE0,
                            .ss = DATA0,
                            .ds = DATA0,
                            .es = DATA0,
                            .io_map = sizeof(tss)};
    idt[TRAP_DF] = gate(SEL_DF_TSS, 0, GATE_TASK, 0);
    asm volatile("ltr %w0\n\tlldt %w1" : : "r"(SEL_TSS), "r"(0));
}

#define QUERY(insn, sel, ret)                                                                      \
    ({                                                                                             \
        uint8_t zf;                                                                                \
        asm volatile("xorl %0, %0\n\t" insn " %2, %0\n\tsetz %b1"                                  \
                     : "=&r"(*(ret)), "=&q"(zf)                                                    \
                     : "r"((uint32_t)(sel))                                                        \
                     : "cc");                                                                      \
        zf;                                                                                        \
    })

static bool verify(bool write, uint32_t sel)
{
    uint8_t zf;

    if (write) {
        asm volatile("verw %w1\n\tsetz %0" : "=q"(zf) : "r"(sel) : "cc");
    } else {
        asm volatile("verr %w1\n\tsetz %0" : "=q"(zf) : "r"(sel) : "cc");
    }
    return zf;
}

static void test_queries(void)
{
    uint32_t val;

    check("lar-data", QUERY("lar", DATA0, &val) && (val & 0xf0fd00) == 0xc09100);
    check("lar-gate", QUERY("lar", SEL_GATE, &val) && (val & 0xff00) == 0xec00);
    check("lar-null", !QUERY("lar", 0, &val));
    check("lar-beyond", !QUERY("lar", BEYOND, &val));
    check("lar-absent-is-visible", QUERY("lar", SEL_ABSENT, &val) && !(val & 0x8000));
    check("lsl-pages", QUERY("lsl", DATA0, &val) && val == 0xffffffff);
    check("lsl-bytes", QUERY("lsl", SEL_SMALL, &val) && val == 0xff);
    check("lsl-tss", QUERY("lsl", SEL_TSS, &val) && val == sizeof(tss) - 1);
    check("lsl-gate-has-none", !QUERY("lsl", SEL_GATE, &val));
    check("verr-read-only", verify(false, SEL_READ));
    check("verw-read-only", !verify(true, SEL_READ));
    check("verr-execute-only", !verify(false, SEL_EXEC));
    check("verw-code", !verify(true, CODE0));
    check("verr-conforming-any-rpl", verify(false, SEL_CONFORM | 3));
    check("verr-weak-rpl", !verify(false, DATA0 | 3));
}

/* Ring 3 programs come back by a fault; EAX, EBX hold what they found. */
asm("ring3_conform:\n\tlcall $0x50, $in_conform\n\thlt\n"
    "in_conform:\n\tmovl %cs, %eax\n\tmovl $0x23, %ecx\n\tmovl %ecx, %ds\n\tmovl %eax, "
    "found\n\tlret\n"
    "ring3_gate:\n\tmovl $0x23, %eax\n\tmovl %eax, %ds\n\tpushl $0x1111\n\tpushl $0x2222\n\t"
    "lcall $0x5b, $0\n\tmovl %esp, found + 16\n\thlt\n"
    "gate_entry:\n\tmovl 8(%esp), %eax\n\tmovl %eax, %ss:found\n\tmovl 12(%esp), %eax\n\t"
    "movl %eax, %ss:found + 4\n\tmovl %cs, %eax\n\tmovl %eax, %ss:found + 8\n\t"
    "movl %ss, %eax\n\tmovl %eax, %ss:found + 12\n\tmovl %esp, %ss:found + 20\n\tlret $8\n"
    "ring3_gate0:\n\tlcall $0x60, $0\n"
    "ring3_absent_gate:\n\tlcall $0x83, $0\n"
    "ring3_hlt:\n\thlt\n"
    "ring3_ds:\n\tmovl $0x10, %eax\n\tmovl %eax, %ds\n");
extern char ring3_conform[], ring3_gate[], gate_entry[], ring3_gate0[], ring3_absent_gate[],
    ring3_hlt[], ring3_ds[];
__attribute__((used)) static volatile uint32_t found[8];

/* IRET to ring 3; ends with the fault that brings it back. */
#define RING3(fn)                                                                                  \
    TRY("pushl $0x23\n\tpushl %%esi\n\tpushl $2\n\tpushl $0x1b\n\tpushl %%edi\n\tiretl", "D"(fn),  \
        "S"(stack3 + sizeof(stack3)))

static void test_privilege(void)
{
    uint32_t entry = (uint32_t)(uintptr_t)gate_entry;

    set_descriptor(SEL_GATE, gate(CODE0, entry, 0xec, 2));
    set_descriptor(SEL_GATE0, gate(CODE0, entry, 0x8c, 2));
    set_descriptor(SEL_ABSENT_GATE, gate(CODE0, entry, 0x6c, 2));
    faults("ring-3-hlt", RING3(ring3_hlt), TRAP_GP, 0);
    check_eq("ring-3-cs", fault.cs, CODE3);
    faults("ring-3-kernel-data", RING3(ring3_ds), TRAP_GP, DATA0);
    faults("conforming-call-returns", RING3(ring3_conform), TRAP_GP, 0);
    check_eq("conforming-keeps-cpl", found[0], SEL_CONFORM | 3);
    faults("call-gate-returns", RING3(ring3_gate), TRAP_GP, 0);
    check("call-gate-copies-parameters", found[0] == 0x2222 && found[1] == 0x1111);
    check_eq("call-gate-cs", found[2], CODE0);
    check_eq("call-gate-ss", found[3], DATA0);
    check_eq("call-gate-stack", found[5], (uint32_t)(uintptr_t)(stack0 + sizeof(stack0)) - 24);
    check_eq("ret-n-frees-both-stacks", found[4], (uint32_t)(uintptr_t)(stack3 + sizeof(stack3)));
    faults("call-gate-of-ring-0", RING3(ring3_gate0), TRAP_GP, SEL_GATE0);
    faults("call-gate-not-present", RING3(ring3_absent_gate), TRAP_NP, SEL_ABSENT_GATE);
    set_descriptor(SEL_GATE, gate(DATA0, entry, 0xec, 2));
    faults("call-gate-to-data", RING3(ring3_gate), TRAP_GP, DATA0);
    set_descriptor(SEL_GATE, gate(CODE0, entry, 0xec, 2));
    tss.ss0 = DATA3;
    faults("call-gate-bad-stack", RING3(ring3_gate), TRAP_DF, 0); /* #TS has no stack either */
    tss.ss0 = DATA0;
}

static void test_transfers(void)
{
    faults("jump-to-data", TRY("ljmp $0x10, $0", "i"(0)), TRAP_GP, DATA0);
    faults("jump-to-null", TRY("ljmp $0, $0", "i"(0)), TRAP_GP, 0);
    faults("jump-to-ring-3", TRY("ljmp $0x1b, $0", "i"(0)), TRAP_GP, CODE3 & ~3);
    faults("ret-to-data", TRY("pushl $0x10\n\tpushl $0\n\tlretl", "i"(0)), TRAP_GP, DATA0);
    faults("ret-to-not-present", TRY("pushl %%esi\n\tpushl $0\n\tlretl", "S"(SEL_ABSENT_CODE)),
           TRAP_NP, SEL_ABSENT_CODE);
    faults("iret-to-null", TRY("pushl $2\n\tpushl $0\n\tpushl $0\n\tiretl", "i"(0)), TRAP_GP, 0);
    faults("ldt-not-an-ldt", TRY("lldt %%si", "S"(DATA0)), TRAP_GP, DATA0);
    set_descriptor(SEL_LDT, descriptor((uint32_t)(uintptr_t)ldt, sizeof(ldt) - 1, 0x82, 0));
    ldt[1] = descriptor((uint32_t)(uintptr_t)data, 0x0f, 0x92, 4);
    faults("lldt", TRY("lldt %%si", "S"(SEL_LDT)), NO_TRAP, 0);
    data[4] = 0x5a;
    faults("ldt-segment",
           TRY("movl %%esi, %%fs\n\tmovb %%fs:4, %%al\n\tmovb %%al, (%%edi)", "S"(0x0c),
               "D"(data + 5)),
           NO_TRAP, 0);
    check_eq("ldt-segment-base", data[5], 0x5a);
    faults("ldt-beyond", LOAD("fs", 0x24), TRAP_GP, 0x24);
    faults("ltr-busy", TRY("ltr %%si", "S"(SEL_TSS)), TRAP_GP, SEL_TSS);
    faults("bound",
           TRY("movl $5, (%%edi)\n\tmovl $9, 4(%%edi)\n\tmovl $10, %%eax\n\t"
               ".byte 0x62, 0x07" /* BOUND EAX, [EDI] */,
               "D"(data)),
           TRAP_BR, 0);
    faults("bound-within", TRY("movl $9, %%eax\n\t.byte 0x62, 0x07", "D"(data)), NO_TRAP, 0);
    faults("into", TRY("movb $0x7f, %%al\n\tincb %%al\n\tinto", "i"(0)), TRAP_OF, 0);
    faults("into-without-overflow", TRY("xorl %%eax, %%eax\n\tinto", "i"(0)), NO_TRAP, 0);
    /* 16-bit code: MOV EAX there takes two bytes; the way back is a far jump. */
    faults("code-of-16-bits",
           TRY("ljmp $0x78, $2f\n2:\t.byte 0xb8, 0x34, 0x12\n\t.byte 0x66, 0xea\n\t.long 3f\n\t"
               ".word 8\n3:\tmovw %%ax, (%%edi)",
               "D"(data)),
           NO_TRAP, 0);
    check_eq("code-of-16-bits-ran", *(uint16_t *)data, 0x1234);
}

int guest_main(uint32_t magic, uintptr_t info)
{
    (void)magic, (void)info;
    set_up();
    set_descriptor(SEL_GATE, gate(CODE0, 0, 0xec, 2));
    test_loading();
    test_limits();
    test_queries();
    test_privilege();
    test_transfers();
    finish();
}
