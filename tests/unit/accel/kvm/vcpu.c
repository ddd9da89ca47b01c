/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of accel/kvm: small payloads that run, exit, halt, are interrupted, stopped and moved. */
#include "tests/unit/accel/kvm/tiny_machine.h"

#define PAYLOAD(name, code)                                                                        \
    extern const char name[], name##_end[];                                                        \
    asm(".pushsection .rodata\n.code16\n" #name ":\n" code "\n" #name "_end:\n.code64\n"           \
        ".popsection\n")

#define EXIT(status) "movb $" #status ", %al\noutb %al, $0xf4\n1: hlt\njmp 1b\n"

#define BEGIN(t, irqchip)                                                                          \
    struct tiny *t = tiny_new(irqchip, 1, NULL);                                                   \
    if (!t) {                                                                                      \
        return;                                                                                    \
    }

PAYLOAD(ports,
        "movb $'H', %al\noutb %al, $0xe9\n"
        "xorw %ax, %ax\nmovw %ax, %ds\nmovw $0x7c00 + text - ports, %si\nmovw $4, %cx\n"
        "movw $0xe9, %dx\ncld\nrep outsb\n"
        "inb $0xe9, %al\ncmpb $0xe9, %al\njne 2f\n" EXIT(7) "2:" EXIT(1) "text: .ascii \"ello\"\n");

static void run_ports(const char *irqchip)
{
    BEGIN(t, irqchip);
    tiny_load(t, 0x7c00, ports, ports_end);
    tiny_start_at(t, 0x7c00);
    g_assert_cmpint(tiny_run(t), ==, 7);
    g_assert_cmpstr(t->out->str, ==, "Hello");
    tiny_free(t);
}

static void test_ports_irqchip_on(void)
{
    run_ports("on");
}

static void test_ports_irqchip_off(void)
{
    run_ports("off");
}

static void test_ports_irqchip_split(void)
{
    run_ports("split");
}

/* Unreal mode: DS reaches all 4 GiB. */
PAYLOAD(registers, "movl $0xd0000000, %ebx\nmovl $0x12345678, %eax\n"
                   "movl %eax, (%ebx)\nmovl (%ebx), %ecx\ncmpl %eax, %ecx\njne 2f\n"
                   "movl %eax, 8(%ebx)\n" EXIT(5) "2:" EXIT(1));

static void test_memory_mapped_registers(void)
{
    BEGIN(t, "on");
    tiny_load(t, 0x7c00, registers, registers_end);
    tiny_start_at(t, 0x7c00);
    x86_seg_set(t->cpus[0]->cpu, X86_DS, 0, 0, 0xffffffff, t->cpus[0]->cpu->seg[X86_DS].attr);
    g_assert_cmpint(tiny_run(t), ==, 5);
    g_assert_cmphex(t->regs[0], ==, 0x12345678);
    g_assert_cmphex(t->regs[2], ==, 0x12345678);
    tiny_free(t);
}

static void test_coalesced_writes_come_before_the_next_exit(void)
{
    BEGIN(t, "on");
    region_remove(&t->mmio);
    t->mmio.coalesced_io = true;
    region_add(&t->m->memory_root, TINY_MMIO, &t->mmio, 0);
    tiny_load(t, 0x7c00, registers, registers_end);
    tiny_start_at(t, 0x7c00);
    x86_seg_set(t->cpus[0]->cpu, X86_DS, 0, 0, 0xffffffff, t->cpus[0]->cpu->seg[X86_DS].attr);
    g_assert_cmpint(tiny_run(t), ==, 5);
    g_assert_cmphex(t->regs[2], ==, 0x12345678);
    tiny_free(t);
}

PAYLOAD(endless, "1: incl %eax\njmp 1b\n");

static void test_kick_ends_an_endless_loop(void)
{
    BEGIN(t, "on");
    tiny_load(t, 0x7c00, endless, endless_end);
    tiny_start_at(t, 0x7c00);
    for (unsigned i = 0; i < 50; i++) {
        tiny_resume(t);
        lock_release(&t->m->lock);
        g_usleep(i * 100);
        lock_acquire(&t->m->lock);
        tiny_pause(t);
        g_assert_cmpuint(t->cpus[0]->cpu->rip, >=, 0x7c00);
        g_assert_cmpuint(t->cpus[0]->cpu->rip, <=, 0x7c04);
    }
    g_assert_cmpuint(t->cpus[0]->cpu->gpr[X86_RAX], >, 0); /* a busy host may skip some rounds */
    tiny_free(t);
}

/* Protected mode with an empty IDT. */
PAYLOAD(triple, "cli\nlidtw %cs:0x7c00 + none - triple\nmovl %cr0, %eax\norb $1, %al\n"
                "movl %eax, %cr0\nud2\n1: jmp 1b\nnone: .word 0, 0, 0\n");

static void test_triple_fault_asks_for_reset(void)
{
    BEGIN(t, "on");
    tiny_load(t, 0x7c00, triple, triple_end);
    tiny_start_at(t, 0x7c00);
    g_assert_cmpint(tiny_run(t), ==, -1);
    g_assert_true(t->reset);
    g_assert_false(t->failed);
    tiny_free(t);
}

/* Interrupt 0x21's vector is at 0x84; the handler writes 'I'. */
PAYLOAD(wait_irq, "xorw %ax, %ax\nmovw %ax, %ds\nmovw %ax, %ss\n"
                  "movw $0x7c00 + handler - wait_irq, 0x84\nmovw %ax, 0x86\n"
                  "sti\nhlt\n" EXIT(3) "handler: movb $'I', %al\noutb %al, $0xe9\niretw\n");

struct line {
    struct x86_cpu *cpu;
    int vector;
};

static int line_acknowledge(void *opaque)
{
    struct line *l = opaque;

    x86_cpu_set_intr(l->cpu, false);
    return l->vector;
}

static uint8_t no_tpr(void *opaque)
{
    (void)opaque;
    return 0;
}

static void drop_tpr(void *opaque, uint8_t tpr)
{
    (void)opaque;
    (void)tpr;
}

static bool keep_base(void *opaque, uint64_t val)
{
    ((struct line *)opaque)->cpu->msr.apic_base = val;
    return true;
}

static const struct x86_irq_ops line_ops = {.acknowledge = line_acknowledge,
                                            .get_tpr = no_tpr,
                                            .set_tpr = drop_tpr,
                                            .set_apic_base = keep_base};

static void test_interrupt_from_this_process_wakes_hlt(void)
{
    BEGIN(t, "off");
    struct line line = {t->cpus[0]->cpu, 0x21};

    t->cpus[0]->cpu->irq_ops = &line_ops;
    t->cpus[0]->cpu->irq_opaque = &line;
    tiny_load(t, 0x7c00, wait_irq, wait_irq_end);
    tiny_start_at(t, 0x7c00);
    tiny_resume(t);
    lock_release(&t->m->lock);
    g_usleep(20000); /* it is in HLT by now, or will find the line high: both must work */
    x86_cpu_set_intr(line.cpu, true);
    lock_acquire(&t->m->lock);
    g_assert_cmpint(tiny_wait(t), ==, 3);
    g_assert_cmpstr(t->out->str, ==, "I");
    tiny_free(t);
}

static void test_interrupt_through_kernel_pic(void)
{
    BEGIN(t, "on");
    struct kvm *kvm = kvm_of(t->m->accel);
    struct kvm_pic_state pic = {.irq_base = 0x20, .imr = 0xfd, .elcr_mask = 0xf8};
    GError *error = NULL;

    kvm_set_pic(kvm, /* slave= */ false, &pic, &error);
    g_assert_no_error(error);
    tiny_load(t, 0x7c00, wait_irq, wait_irq_end);
    tiny_start_at(t, 0x7c00);
    tiny_resume(t);
    lock_release(&t->m->lock);
    g_usleep(20000);
    kvm_irq_line(kvm, 1, 1);
    lock_acquire(&t->m->lock);
    g_assert_cmpint(tiny_wait(t), ==, 3);
    g_assert_cmpstr(t->out->str, ==, "I");
    tiny_free(t);
}

static void test_nmi_request_reaches_the_guest(void)
{
    BEGIN(t, "on");
    uint32_t handler = 0x7c00 + (uint32_t)(wait_irq_end - wait_irq) - 5;

    tiny_load(t, 0x7c00, wait_irq, wait_irq_end);
    memcpy(t->ram->host + 8, &handler, 4); /* vector 2 */
    tiny_start_at(t, 0x7c00);
    tiny_resume(t);
    lock_release(&t->m->lock);
    g_usleep(20000);
    x86_cpu_raise_nmi(t->cpus[0]->cpu);
    lock_acquire(&t->m->lock);
    g_assert_cmpint(tiny_wait(t), ==, 3);
    g_assert_cmpstr(t->out->str, ==, "I");
    tiny_free(t);
}

/* INIT and SIPI to CPU 1 by the local APIC; it starts at 0x8000, writes 'A' and sets a flag. */
PAYLOAD(boot_ap, "movl $0xfee00300, %ebx\nmovl $0xc4500, %eax\nmovl %eax, (%ebx)\n"
                 "movl $0xc4608, %eax\nmovl %eax, (%ebx)\n"
                 "xorw %ax, %ax\nmovw %ax, %es\n3: pause\ncmpb $1, %es:0x9000\njne 3b\n" EXIT(9));
PAYLOAD(ap_code, "movb $'A', %al\noutb %al, $0xe9\nxorw %ax, %ax\nmovw %ax, %ds\n"
                 "movb $1, 0x9000\n1: cli\nhlt\njmp 1b\n");

static void run_ap(const char *irqchip)
{
    struct tiny *t = tiny_new(irqchip, 2, NULL);

    if (!t) {
        return;
    }
    tiny_load(t, 0x7c00, boot_ap, boot_ap_end);
    tiny_load(t, 0x8000, ap_code, ap_code_end);
    tiny_start_at(t, 0x7c00);
    x86_seg_set(t->cpus[0]->cpu, X86_DS, 0, 0, 0xffffffff, t->cpus[0]->cpu->seg[X86_DS].attr);
    g_assert_cmpint(tiny_run(t), ==, 9);
    g_assert_cmpstr(t->out->str, ==, "A");
    tiny_free(t);
}

static void test_second_cpu_starts_irqchip_on(void)
{
    run_ap("on");
}

static void test_second_cpu_starts_irqchip_split(void)
{
    run_ap("split");
}

static void test_second_cpu_starts_irqchip_off(void)
{
    struct tiny *t = tiny_new("off", 2, NULL);

    if (!t) {
        return;
    }
    tiny_load(t, 0x8000, ap_code, ap_code_end);
    tiny_load(t, 0x7c00, endless, endless_end);
    tiny_start_at(t, 0x7c00);
    g_assert_cmpint(t->cpus[1]->cpu->run_state, ==, X86_WAIT_FOR_SIPI);
    tiny_resume(t);
    lock_release(&t->m->lock);
    x86_cpu_raise_init(t->cpus[1]->cpu);
    while (__atomic_load_n(&t->cpus[1]->cpu->requests, __ATOMIC_SEQ_CST) & X86_REQ_INIT) {
        g_thread_yield();
    }
    x86_cpu_raise_sipi(t->cpus[1]->cpu, 8);
    for (unsigned i = 0; i < 5000 && !((volatile uint8_t *)t->ram->host)[0x9000]; i++) {
        g_usleep(1000);
    }
    lock_acquire(&t->m->lock);
    tiny_pause(t);
    g_assert_cmpstr(t->out->str, ==, "A");
    tiny_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ports/irqchip-on", test_ports_irqchip_on);
    g_test_add_func("/ports/irqchip-off", test_ports_irqchip_off);
    g_test_add_func("/ports/irqchip-split", test_ports_irqchip_split);
    g_test_add_func("/memory-mapped-registers", test_memory_mapped_registers);
    g_test_add_func("/coalesced-writes-come-before-the-next-exit",
                    test_coalesced_writes_come_before_the_next_exit);
    g_test_add_func("/kick-ends-an-endless-loop", test_kick_ends_an_endless_loop);
    g_test_add_func("/triple-fault-asks-for-reset", test_triple_fault_asks_for_reset);
    g_test_add_func("/interrupt-from-this-process-wakes-hlt",
                    test_interrupt_from_this_process_wakes_hlt);
    g_test_add_func("/interrupt-through-kernel-pic", test_interrupt_through_kernel_pic);
    g_test_add_func("/nmi-request-reaches-the-guest", test_nmi_request_reaches_the_guest);
    g_test_add_func("/second-cpu-starts/irqchip-on", test_second_cpu_starts_irqchip_on);
    g_test_add_func("/second-cpu-starts/irqchip-split", test_second_cpu_starts_irqchip_split);
    g_test_add_func("/second-cpu-starts/irqchip-off", test_second_cpu_starts_irqchip_off);
    return g_test_run();
}
