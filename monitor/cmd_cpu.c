/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitor commands about CPUs: choosing one, registers, interrupts, page tables.
 */
#include "monitor/cpu.h"

#include "hw/core/info.h"
#include <inttypes.h>
#include <string.h>

struct rest_job {
    void (*fn)(struct x86_cpu *cpu, void *data);
    void *data;
};

static void run_job(struct vcpu *v, void *data)
{
    struct rest_job *job = data;

    if (v->accel->type->pull_state) {
        v->accel->type->pull_state(v);
    }
    job->fn(v->cpu, job->data);
}

void cpu_at_rest(struct vcpu *v, void (*fn)(struct x86_cpu *cpu, void *data), void *data)
{
    struct rest_job job = {fn, data};

    vcpu_run_on(v, run_job, &job);
}

void print_to_string(void *opaque, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    g_string_append_vprintf(opaque, fmt, ap);
    va_end(ap);
}

struct vcpu *cpu_or_complain(struct monitor *mon)
{
    struct vcpu *v = monitor_vcpu(mon);

    if (!v) {
        monitor_printf(mon, "Error: this machine has no CPU\n");
    }
    return v;
}

/* ---- registers by name, for expressions ---- */

struct reg_row {
    const char *name;
    size_t offset;
    uint8_t bytes;
};

#define REG_ROW(n, field, width)                                                                   \
    {                                                                                              \
        n, offsetof(struct x86_cpu, field), width                                                  \
    }

/* Names of one register in both widths: "rax" and "eax". */
#define GPR_ROW(n, i)                                                                              \
    {"r" n, offsetof(struct x86_cpu, gpr[i]), 8},                                                  \
    {                                                                                              \
        "e" n, offsetof(struct x86_cpu, gpr[i]), 4                                                 \
    }
#define SEG_ROW(n, i)                                                                              \
    {n, offsetof(struct x86_cpu, seg[i].sel), 2},                                                  \
        {n "_base", offsetof(struct x86_cpu, seg[i].base), 8},                                     \
    {                                                                                              \
        n "_limit", offsetof(struct x86_cpu, seg[i].limit), 4                                      \
    }

static const struct reg_row reg_rows[] = {
    GPR_ROW("ax", X86_RAX),         GPR_ROW("cx", X86_RCX),
    GPR_ROW("dx", X86_RDX),         GPR_ROW("bx", X86_RBX),
    GPR_ROW("sp", X86_RSP),         GPR_ROW("bp", X86_RBP),
    GPR_ROW("si", X86_RSI),         GPR_ROW("di", X86_RDI),
    REG_ROW("sp", gpr[X86_RSP], 8), REG_ROW("fp", gpr[X86_RBP], 8),
    REG_ROW("r8", gpr[8], 8),       REG_ROW("r9", gpr[9], 8),
    REG_ROW("r10", gpr[10], 8),     REG_ROW("r11", gpr[11], 8),
    REG_ROW("r12", gpr[12], 8),     REG_ROW("r13", gpr[13], 8),
    REG_ROW("r14", gpr[14], 8),     REG_ROW("r15", gpr[15], 8),
    REG_ROW("rip", rip, 8),         REG_ROW("eip", rip, 8),
    SEG_ROW("es", X86_ES),          SEG_ROW("cs", X86_CS),
    SEG_ROW("ss", X86_SS),          SEG_ROW("ds", X86_DS),
    SEG_ROW("fs", X86_FS),          SEG_ROW("gs", X86_GS),
    SEG_ROW("ldtr", X86_LDTR),      SEG_ROW("tr", X86_TR),
    REG_ROW("gdtr", gdt.base, 8),   REG_ROW("gdtr_limit", gdt.limit, 2),
    REG_ROW("idtr", idt.base, 8),   REG_ROW("idtr_limit", idt.limit, 2),
    REG_ROW("cr0", cr0, 8),         REG_ROW("cr2", cr2, 8),
    REG_ROW("cr3", cr3, 8),         REG_ROW("cr4", cr4, 8),
    REG_ROW("dr0", dr[0], 8),       REG_ROW("dr1", dr[1], 8),
    REG_ROW("dr2", dr[2], 8),       REG_ROW("dr3", dr[3], 8),
    REG_ROW("dr6", dr[6], 8),       REG_ROW("dr7", dr[7], 8),
    REG_ROW("efer", efer, 8),       REG_ROW("xcr0", xcr0, 8),
    REG_ROW("mxcsr", mxcsr, 4),     REG_ROW("kernel_gs_base", msr.kernel_gs_base, 8),
};

struct reg_job {
    const char *name;
    uint64_t value;
    bool found;
};

static void read_register(struct x86_cpu *cpu, void *data)
{
    struct reg_job *job = data;

    job->found = true;
    if (strcmp(job->name, "pc") == 0) { /* where the CPU fetches from, as x and x/i want it */
        job->value = cpu->rip + cpu->seg[X86_CS].base;
        return;
    }
    if (strcmp(job->name, "eflags") == 0 || strcmp(job->name, "rflags") == 0) {
        job->value = x86_eflags_get(cpu);
        return;
    }
    if (strcmp(job->name, "cpl") == 0) {
        job->value = cpu->cpl;
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(reg_rows); i++) {
        if (strcmp(reg_rows[i].name, job->name) == 0) {
            job->value = 0;
            memcpy(&job->value, (const char *)cpu + reg_rows[i].offset, reg_rows[i].bytes);
            return;
        }
    }
    job->found = false;
}

bool monitor_register(void *opaque, const char *name, uint64_t *ret)
{
    struct vcpu *v = monitor_vcpu(opaque);
    struct reg_job job = {.name = name};

    if (v) {
        cpu_at_rest(v, read_register, &job);
    }
    *ret = job.value;
    return job.found;
}

/* ---- info registers, info cpus, cpu ---- */

struct dump_job {
    GString *text;
};

static void dump_cpu(struct x86_cpu *cpu, void *data)
{
    struct dump_job *job = data;

    x86_cpu_dump(cpu, /* fpu= */ true, print_to_string, job->text);
}

static void print_registers(struct monitor *mon, struct vcpu *v)
{
    struct dump_job job = {.text = g_string_new(NULL)};

    cpu_at_rest(v, dump_cpu, &job);
    monitor_printf(mon, "CPU#%d\n%s", v->index, job.text->str);
    g_string_free(job.text, TRUE);
}

static void run_info_registers(struct monitor *mon, const struct hmp_args *args)
{
    const GPtrArray *all = monitor_machine(mon)->vcpus;
    struct vcpu *v = cpu_or_complain(mon);

    if (!v) {
        return;
    }
    if (!hmp_flag(args, "a")) {
        print_registers(mon, v);
        return;
    }
    for (unsigned i = 0; i < all->len; i++) {
        if (i) {
            monitor_printf(mon, "\n");
        }
        print_registers(mon, all->pdata[i]);
    }
}

static const struct hmp_arg registers_args[] = {
    {"a", HMP_FLAG, .help = "of all CPUs"},
    {0},
};

static const struct hmp_command info_registers = {
    .name = "registers",
    .args = registers_args,
    .help = "show the CPU registers",
    .run = run_info_registers,
};
HMP_INFO(info_registers);

static void run_info_cpus(struct monitor *mon, const struct hmp_args *args)
{
    const GPtrArray *all = monitor_machine(mon)->vcpus;

    (void)args;
    for (unsigned i = 0; i < all->len; i++) {
        const struct vcpu *v = all->pdata[i];

        monitor_printf(mon, "%c CPU #%d: thread_id=%d\n", v == monitor_vcpu(mon) ? '*' : ' ',
                       v->index, (int)v->tid);
    }
}

static const struct hmp_command info_cpus = {
    .name = "cpus",
    .help = "show the CPUs and their threads",
    .run = run_info_cpus,
};
HMP_INFO(info_cpus);

static void run_cpu(struct monitor *mon, const struct hmp_args *args)
{
    int64_t index = hmp_number(args, "index", 0);

    if (index < 0 || index > UINT32_MAX || !monitor_set_cpu(mon, index)) {
        monitor_printf(mon, "invalid CPU index: this machine has %u CPUs, from 0\n",
                       monitor_machine(mon)->vcpus->len);
    }
}

static const struct hmp_arg cpu_args[] = {
    {"index", HMP_NUMBER},
    {0},
};

static const struct hmp_command cpu_command = {
    .name = "cpu",
    .args = cpu_args,
    .help = "choose the CPU that other commands mean",
    .run = run_cpu,
};
HMP_COMMAND(cpu_command);

static void run_nmi(struct monitor *mon, const struct hmp_args *args)
{
    const GPtrArray *all = monitor_machine(mon)->vcpus;

    (void)args;
    for (unsigned i = 0; i < all->len; i++) {
        const struct vcpu *v = all->pdata[i];

        x86_cpu_raise_nmi(v->cpu);
    }
}

static const struct hmp_command nmi_command = {
    .name = "nmi",
    .help = "inject an NMI on all CPUs",
    .run = run_nmi,
};
HMP_COMMAND(nmi_command);

/* ---- page tables ---- */

enum {
    PTE_W = 1 << 1,
    PTE_U = 1 << 2,
    PTE_PWT = 1 << 3,
    PTE_PCD = 1 << 4,
    PTE_A = 1 << 5,
    PTE_D = 1 << 6,
    PTE_PS = 1 << 7, /* of a table's entry; in a 4 KiB page's it is PAT */
    PTE_G = 1 << 8,
};
#define PTE_NX   (1ULL << 63)
#define PTE_ADDR 0x000ffffffffff000ULL

#define WALK_TEXT_MAX (8 * MiB)

struct walk_job {
    GString *text;
    bool wide; /* entries of 8 bytes */
    bool paging;
    /* info mem: the run of pages that is being collected */
    uint64_t start, end; /* end is exclusive; 0 is 2^64 */
    uint64_t rights;
    bool in_run;
};

static uint64_t page_bytes(const struct walk_job *job, unsigned level)
{
    return 1ULL << (12 + (level - 1) * (job->wide ? 9 : 10));
}

static void show_page(void *opaque, uint64_t la, uint64_t pte, unsigned level, uint64_t flags)
{
    struct walk_job *job = opaque;
    uint64_t addr = pte & (job->wide ? PTE_ADDR : 0xfffff000);

    if (job->text->len > WALK_TEXT_MAX) {
        return;
    }
    addr &= ~(page_bytes(job, level) - 1);
    g_string_append_printf(job->text, "%016" PRIx64 ": %016" PRIx64 " %c%c%c%c%c%c%c%c%c\n", la,
                           addr, flags & PTE_NX ? 'X' : '-', pte & PTE_G ? 'G' : '-',
                           level > 1 ? 'P' : '-', pte & PTE_D ? 'D' : '-', pte & PTE_A ? 'A' : '-',
                           pte & PTE_PCD ? 'C' : '-', pte & PTE_PWT ? 'T' : '-',
                           flags & PTE_U ? 'U' : '-', flags & PTE_W ? 'W' : '-');
}

static void end_run(struct walk_job *job)
{
    if (job->in_run && job->text->len <= WALK_TEXT_MAX) {
        g_string_append_printf(job->text, "%016" PRIx64 "-%016" PRIx64 " %016" PRIx64 " %cr%c\n",
                               job->start, job->end, job->end - job->start,
                               job->rights & PTE_U ? 'u' : '-', job->rights & PTE_W ? 'w' : '-');
    }
    job->in_run = false;
}

static void collect_page(void *opaque, uint64_t la, uint64_t pte, unsigned level, uint64_t flags)
{
    struct walk_job *job = opaque;
    uint64_t rights = flags & (PTE_U | PTE_W);

    (void)pte;
    if (!job->in_run || job->end != la || job->rights != rights) {
        end_run(job);
        job->start = la;
        job->rights = rights;
        job->in_run = true;
    }
    job->end = la + page_bytes(job, level);
}

static void walk_pages(struct x86_cpu *cpu, void *data)
{
    struct walk_job *job = data;

    job->paging = cpu->cr0 & CR0_PG;
    job->wide = cpu->cr4 & CR4_PAE;
    x86_debug_walk(cpu, show_page, job);
}

static void walk_runs(struct x86_cpu *cpu, void *data)
{
    struct walk_job *job = data;

    job->paging = cpu->cr0 & CR0_PG;
    job->wide = cpu->cr4 & CR4_PAE;
    x86_debug_walk(cpu, collect_page, job);
    end_run(job);
}

static void print_walk(struct monitor *mon, void (*walk)(struct x86_cpu *cpu, void *data))
{
    struct vcpu *v = cpu_or_complain(mon);
    struct walk_job job = {.text = NULL};

    if (!v) {
        return;
    }
    job.text = g_string_new(NULL);
    cpu_at_rest(v, walk, &job);
    monitor_printf(mon, "%s", job.paging ? job.text->str : "PG disabled\n");
    g_string_free(job.text, TRUE);
}

static void run_info_tlb(struct monitor *mon, const struct hmp_args *args)
{
    (void)args;
    print_walk(mon, walk_pages);
}

static const struct hmp_command info_tlb = {
    .name = "tlb",
    .help = "show every page that the CPU's page tables map",
    .run = run_info_tlb,
};
HMP_INFO(info_tlb);

static void run_info_mem(struct monitor *mon, const struct hmp_args *args)
{
    (void)args;
    print_walk(mon, walk_runs);
}

static const struct hmp_command info_mem = {
    .name = "mem",
    .help = "show the ranges that the CPU's page tables map, with their rights",
    .run = run_info_mem,
};
HMP_INFO(info_mem);

/* ---- interrupt controllers ---- */

static void show_topic(struct monitor *mon, const char *topic)
{
    if (!machine_info_show(monitor_machine(mon), topic, monitor_print, mon)) {
        monitor_printf(mon, "nothing in this machine has anything to show here\n");
    }
}

static void run_info_pic(struct monitor *mon, const struct hmp_args *args)
{
    (void)args;
    show_topic(mon, "pic");
}

static const struct hmp_command info_pic = {
    .name = "pic",
    .help = "show the interrupt controllers",
    .run = run_info_pic,
};
HMP_INFO(info_pic);

static void run_info_irq(struct monitor *mon, const struct hmp_args *args)
{
    (void)args;
    show_topic(mon, "irq");
}

static const struct hmp_command info_irq = {
    .name = "irq",
    .help = "show how often each interrupt line was raised",
    .run = run_info_irq,
};
HMP_INFO(info_irq);

static void run_info_lapic(struct monitor *mon, const struct hmp_args *args)
{
    (void)args;
    show_topic(mon, "lapic");
}

static const struct hmp_command info_lapic = {
    .name = "lapic",
    .help = "show the local APICs",
    .run = run_info_lapic,
};
HMP_INFO(info_lapic);
