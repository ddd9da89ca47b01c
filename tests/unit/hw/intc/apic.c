/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APICs: destinations, priorities, modes, messages, the timer; and the I/O APIC with them.
 *
 * The CPUs are structs that note what they are told.
 */
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"

#include "tests/unit/hw/bare_machine.h"

#define CPUS 3

/* MMIO offsets */
#define TPR     0x80
#define EOI     0xb0
#define LDR     0xd0
#define DFR     0xe0
#define SVR     0xf0
#define ISR1    0x120 /* vectors 64 to 95 */
#define ESR     0x280
#define ICR     0x300
#define ICR2    0x310
#define TIMER   0x320
#define LVT_ERR 0x370
#define INITIAL 0x380
#define CURRENT 0x390
#define DIVIDE  0x3e0

struct fake_cpu {
    struct fixture *f;
    bool pending;
    unsigned nmis, smis, inits;
    int sipi;
};

struct fixture {
    struct bare b;
    struct apic_bus bus;
    struct fake_cpu cpu[CPUS];
    struct apic *apic[CPUS];
    struct apic *current;
};

/* ---- the CPUs' side ---- */

static void interrupt_changed(void *cpu, bool pending)
{
    ((struct fake_cpu *)cpu)->pending = pending;
}

static void nmi(void *cpu)
{
    ((struct fake_cpu *)cpu)->nmis++;
}

static void smi(void *cpu)
{
    ((struct fake_cpu *)cpu)->smis++;
}

static void init(void *cpu)
{
    ((struct fake_cpu *)cpu)->inits++;
}

static void sipi(void *cpu, uint8_t vector)
{
    ((struct fake_cpu *)cpu)->sipi = vector;
}

/* Two cycles per nanosecond. */
static uint64_t tsc_read(void *cpu)
{
    return 2 * (uint64_t)clock_now_ns(&((struct fake_cpu *)cpu)->f->b.m->clock_virtual);
}

static uint64_t tsc_khz(void *cpu)
{
    (void)cpu;
    return 2000000;
}

static struct apic *current(struct apic_bus *bus)
{
    return container_of(bus, struct fixture, bus)->current;
}

static const struct apic_cpu_ops ops = {
    .interrupt_changed = interrupt_changed,
    .nmi = nmi,
    .smi = smi,
    .init = init,
    .sipi = sipi,
    .tsc_read = tsc_read,
    .tsc_khz = tsc_khz,
    .current = current,
};

/* ---- helpers ---- */

static void reg_write(struct fixture *f, unsigned cpu, uint32_t offset, uint32_t val)
{
    f->current = f->apic[cpu];
    bare_store(&f->b, APIC_DEFAULT_BASE + offset, val, 4);
}

static uint32_t reg_read(struct fixture *f, unsigned cpu, uint32_t offset)
{
    f->current = f->apic[cpu];
    return (uint32_t)bare_load(&f->b, APIC_DEFAULT_BASE + offset, 4);
}

static void ipi(struct fixture *f, unsigned cpu, uint32_t dest, uint32_t command)
{
    reg_write(f, cpu, ICR2, dest << 24);
    reg_write(f, cpu, ICR, command);
}

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_init(&f->b);
    apic_bus_init(&f->bus, f->b.m, &f->b.m->memory_root, &ops, CPUS);
    for (unsigned i = 0; i < CPUS; i++) {
        const struct apic_config config = {
            .id = i,
            .bsp = i == 0,
            .x2apic = true,
            .tsc_deadline = true,
            .phys_bits = 40,
            .cpu = &f->cpu[i],
        };

        f->cpu[i].f = f;
        f->cpu[i].sipi = -1;
        f->apic[i] = apic_create(&f->bus, &config, NULL);
        g_assert_nonnull(f->apic[i]);
        reg_write(f, i, SVR, 0x1ff);
    }
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_fini(&f->b);
    apic_bus_fini(&f->bus);
}

/* ---- vectors ---- */

static void test_ipi_reaches_its_destination_only(struct fixture *f, gconstpointer data)
{
    (void)data;
    ipi(f, 0, 1, 0x4041);
    g_assert_false(f->cpu[0].pending);
    g_assert_true(f->cpu[1].pending);
    g_assert_false(f->cpu[2].pending);
    g_assert_true(apic_has_interrupt(f->apic[1]));
    g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x41);
    g_assert_false(f->cpu[1].pending);
    g_assert_cmphex(reg_read(f, 1, ISR1), ==, 2);
    reg_write(f, 1, EOI, 0);
    g_assert_cmphex(reg_read(f, 1, ISR1), ==, 0);
    g_assert_cmpint(apic_acknowledge(f->apic[1]), ==, -1);
}

static void test_priority_classes_nest(struct fixture *f, gconstpointer data)
{
    (void)data;
    ipi(f, 0, 1, 0x4041);
    ipi(f, 0, 1, 0x4062);
    ipi(f, 0, 1, 0x4061);
    g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x62);
    g_assert_false(f->cpu[1].pending); /* 0x61 is of the same class */
    ipi(f, 0, 1, 0x4071);
    g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x71);
    reg_write(f, 1, EOI, 0);
    g_assert_false(f->cpu[1].pending);
    reg_write(f, 1, EOI, 0);
    g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x61);
    reg_write(f, 1, EOI, 0);
    g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x41);
}

static void test_task_priority_holds_back(struct fixture *f, gconstpointer data)
{
    (void)data;
    reg_write(f, 1, TPR, 0x40);
    ipi(f, 0, 1, 0x404f);
    g_assert_false(f->cpu[1].pending);
    g_assert_cmpint(apic_get_cr8(f->apic[1]), ==, 4);
    apic_set_cr8(f->apic[1], 3);
    g_assert_true(f->cpu[1].pending);
    g_assert_cmphex(reg_read(f, 1, TPR), ==, 0x30);
}

static void test_software_disabled_takes_nmi_but_no_vector(struct fixture *f, gconstpointer data)
{
    (void)data;
    reg_write(f, 1, SVR, 0xff);
    ipi(f, 0, 1, 0x4041);
    g_assert_false(f->cpu[1].pending);
    ipi(f, 0, 1, 0x4400);
    g_assert_cmpuint(f->cpu[1].nmis, ==, 1);
    reg_write(f, 1, TIMER, 0x41); /* cannot be unmasked either */
    g_assert_cmphex(reg_read(f, 1, TIMER), ==, 0x10041);
}

static void test_illegal_vectors_are_errors(struct fixture *f, gconstpointer data)
{
    (void)data;
    reg_write(f, 0, LVT_ERR, 0x42);
    ipi(f, 0, 1, 0x4005);
    g_assert_cmphex(apic_acknowledge(f->apic[0]), ==, 0x42);
    g_assert_cmphex(reg_read(f, 0, ESR), ==, 0);
    reg_write(f, 0, ESR, 0);
    g_assert_cmphex(reg_read(f, 0, ESR), ==, 0x20); /* send illegal vector */
    reg_write(f, 0, ESR, 0);
    g_assert_cmphex(reg_read(f, 0, ESR), ==, 0);
}

/* ---- destinations ---- */

static void test_shorthands(struct fixture *f, gconstpointer data)
{
    (void)data;
    ipi(f, 0, 0, 0xc4400); /* NMI to all but self */
    g_assert_cmpuint(f->cpu[0].nmis, ==, 0);
    g_assert_cmpuint(f->cpu[1].nmis, ==, 1);
    g_assert_cmpuint(f->cpu[2].nmis, ==, 1);
    ipi(f, 1, 0, 0x84200); /* SMI to all */
    g_assert_cmpuint(f->cpu[0].smis + f->cpu[1].smis + f->cpu[2].smis, ==, 3);
    ipi(f, 2, 0, 0x44051); /* to self */
    g_assert_true(f->cpu[2].pending);
    g_assert_false(f->cpu[0].pending || f->cpu[1].pending);
}

static void test_logical_destinations(struct fixture *f, gconstpointer data)
{
    (void)data;
    for (unsigned i = 0; i < CPUS; i++) {
        reg_write(f, i, LDR, 1u << (24 + i));
    }
    ipi(f, 0, 0x06, 0x4c00); /* flat */
    g_assert_cmpuint(f->cpu[0].nmis, ==, 0);
    g_assert_cmpuint(f->cpu[1].nmis, ==, 1);
    g_assert_cmpuint(f->cpu[2].nmis, ==, 1);
    for (unsigned i = 0; i < CPUS; i++) {
        reg_write(f, i, DFR, 0x0fffffff);
        reg_write(f, i, LDR, (i == 2 ? 0x11u : 0x01u << i) << 24);
    }
    ipi(f, 0, 0x13, 0x4c00); /* clusters: CPUs 0 and 1 are in 0, CPU 2 is in 1 */
    g_assert_cmpuint(f->cpu[0].nmis, ==, 0);
    g_assert_cmpuint(f->cpu[1].nmis, ==, 1);
    g_assert_cmpuint(f->cpu[2].nmis, ==, 2);
}

static void test_lowest_priority_takes_turns(struct fixture *f, gconstpointer data)
{
    unsigned taken[CPUS] = {0};

    (void)data;
    for (unsigned i = 0; i < CPUS; i++) {
        reg_write(f, i, LDR, 1u << (24 + i));
    }
    reg_write(f, 0, TPR, 0x20); /* busier than the others */
    for (unsigned n = 0; n < 6; n++) {
        ipi(f, 0, 0x07, 0x4961);
        for (unsigned i = 0; i < CPUS; i++) {
            if (f->cpu[i].pending) {
                taken[i]++;
                apic_acknowledge(f->apic[i]);
                reg_write(f, i, EOI, 0);
            }
        }
    }
    g_assert_cmpuint(taken[0], ==, 0);
    g_assert_cmpuint(taken[1], >, 0);
    g_assert_cmpuint(taken[2], >, 0);
    g_assert_cmpuint(taken[1] + taken[2], ==, 6);
}

static void test_init_and_sipi(struct fixture *f, gconstpointer data)
{
    (void)data;
    ipi(f, 0, 2, 0xc500); /* INIT, level, assert */
    ipi(f, 0, 2, 0x8500); /* de-assert: nothing */
    g_assert_cmpuint(f->cpu[2].inits, ==, 1);
    ipi(f, 0, 2, 0x4608);
    g_assert_cmpint(f->cpu[2].sipi, ==, 8);
    g_assert_cmpint(f->cpu[1].sipi, ==, -1);
    reg_write(f, 2, TPR, 0x70);
    apic_init_received(f->apic[2]);
    g_assert_cmphex(reg_read(f, 2, TPR), ==, 0);
    g_assert_cmphex(reg_read(f, 2, SVR), ==, 0xff);
}

/* ---- x2APIC ---- */

static void test_mode_transitions(struct fixture *f, gconstpointer data)
{
    const uint64_t off = APIC_DEFAULT_BASE, on = off | 0x800, x2 = off | 0xc00;
    struct apic *a = f->apic[1];

    (void)data;
    g_assert_cmphex(apic_get_base(a), ==, on);
    g_assert_cmphex(apic_get_base(f->apic[0]), ==, on | 0x100);
    g_assert_false(apic_set_base(a, on | 1));          /* reserved */
    g_assert_false(apic_set_base(a, on | 1ULL << 40)); /* beyond the physical addresses */
    g_assert_false(apic_set_base(a, off | 0x400));
    g_assert_true(apic_set_base(a, x2));
    g_assert_false(apic_set_base(a, on)); /* only by way of "disabled" */
    g_assert_true(apic_set_base(a, off));
    g_assert_false(apic_set_base(a, x2));
    g_assert_true(apic_set_base(a, on));
}

static void test_x2apic_registers(struct fixture *f, gconstpointer data)
{
    struct apic *a = f->apic[1];
    uint64_t val;

    (void)data;
    g_assert_false(apic_msr_read(a, 0x02, &val)); /* not in this mode */
    g_assert_true(apic_set_base(a, APIC_DEFAULT_BASE | 0xc00));
    g_assert_cmphex(reg_read(f, 1, SVR), ==, 0xffffffff); /* gone from memory */
    g_assert_true(apic_msr_read(a, 0x02, &val));
    g_assert_cmphex(val, ==, 1);
    g_assert_true(apic_msr_read(a, 0x0d, &val));
    g_assert_cmphex(val, ==, 2); /* cluster 0, bit 1 */
    g_assert_false(apic_msr_write(a, 0x0d, 0));
    g_assert_false(apic_msr_read(a, 0x0e, &val));
    g_assert_false(apic_msr_write(a, 0x08, 0x100));
    g_assert_true(apic_msr_write(a, 0x30, 2ULL << 32 | 0x4061));
    g_assert_true(f->cpu[2].pending);
    g_assert_true(apic_msr_read(a, 0x30, &val));
    g_assert_cmphex(val, ==, 2ULL << 32 | 0x4061);
    g_assert_true(apic_msr_write(a, 0x3f, 0x52));
    g_assert_cmphex(apic_acknowledge(a), ==, 0x52);
    g_assert_false(apic_msr_write(a, 0x0b, 1));
    g_assert_true(apic_msr_write(a, 0x0b, 0));
}

static void test_moved_registers(struct fixture *f, gconstpointer data)
{
    const uint64_t there = 0xfed80000;

    (void)data;
    g_assert_true(apic_set_base(f->apic[1], there | 0x800));
    f->current = f->apic[1];
    g_assert_cmphex(bare_load(&f->b, there + SVR, 4), ==, 0x1ff);
    g_assert_cmphex(bare_load(&f->b, APIC_DEFAULT_BASE + SVR, 4), ==, 0xffffffff);
    f->current = f->apic[0];
    g_assert_cmphex(bare_load(&f->b, there + SVR, 4), ==, 0xffffffff);
    g_assert_cmphex(bare_load(&f->b, APIC_DEFAULT_BASE + SVR, 4), ==, 0x1ff);
}

/* ---- from devices ---- */

static void test_msi(struct fixture *f, gconstpointer data)
{
    (void)data;
    address_space_store(&f->b.m->memory, 0xfee01000, 0x4051, 4, MEM_ATTRS_DMA);
    g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x51);
    /* The first page is registers for CPUs, and CPU 0's messages for devices. */
    address_space_store(&f->b.m->memory, 0xfee00000, 0x4052, 4, MEM_ATTRS_DMA);
    g_assert_cmphex(apic_acknowledge(f->apic[0]), ==, 0x52);
    address_space_store(&f->b.m->memory, 0xfeeff000, 0x4400, 4, MEM_ATTRS_DMA);
    for (unsigned i = 0; i < CPUS; i++) {
        g_assert_cmpuint(f->cpu[i].nmis, ==, 1);
    }
}

/* Redirection entry @n of the I/O APIC. */
static void redirect(struct fixture *f, unsigned n, uint32_t low, uint32_t high)
{
    bare_store(&f->b, IOAPIC_DEFAULT_BASE, 0x10 + 2 * n + 1, 4);
    bare_store(&f->b, IOAPIC_DEFAULT_BASE + 0x10, high, 4);
    bare_store(&f->b, IOAPIC_DEFAULT_BASE, 0x10 + 2 * n, 4);
    bare_store(&f->b, IOAPIC_DEFAULT_BASE + 0x10, low, 4);
}

static uint32_t redirection(struct fixture *f, unsigned n)
{
    bare_store(&f->b, IOAPIC_DEFAULT_BASE, 0x10 + 2 * n, 4);
    return (uint32_t)bare_load(&f->b, IOAPIC_DEFAULT_BASE + 0x10, 4);
}

static void test_ioapic_level_and_edge(struct fixture *f, gconstpointer data)
{
    const struct ioapic_config config = {.version = 0x11, .gpa = IOAPIC_DEFAULT_BASE};
    struct ioapic *io = ioapic_create(&f->bus, &f->b.m->memory_root, &config, NULL);

    (void)data;
    redirect(f, 3, 0x8061, 1u << 24); /* level, to CPU 1 */
    irq_raise(ioapic_input(io, 3));
    g_assert_cmphex(redirection(f, 3), ==, 0xc061); /* remote IRR */
    g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x61);
    g_assert_false(f->cpu[1].pending);
    reg_write(f, 1, EOI, 0);
    g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x61); /* still asserted */
    irq_lower(ioapic_input(io, 3));
    reg_write(f, 1, EOI, 0);
    g_assert_false(f->cpu[1].pending);
    g_assert_cmphex(redirection(f, 3), ==, 0x8061);

    redirect(f, 4, 0x10062, 0); /* edge, masked: the edge is lost */
    irq_raise(ioapic_input(io, 4));
    redirect(f, 4, 0x00062, 0);
    g_assert_false(f->cpu[0].pending);
    irq_pulse(ioapic_input(io, 4));
    irq_raise(ioapic_input(io, 4));
    g_assert_cmphex(apic_acknowledge(f->apic[0]), ==, 0x62);
    bare_reload((struct device *)(void *)io);
}

static void test_8259_comes_through_lint0(struct fixture *f, gconstpointer data)
{
    struct i8259 *pic = i8259_create(&f->b.isa, &f->bus.intr, NULL);

    (void)data;
    f->bus.pic = pic;
    bare_outb(&f->b, 0x20, 0x13);
    bare_outb(&f->b, 0x21, 0x30);
    bare_outb(&f->b, 0x21, 0x01);
    irq_raise(i8259_input(pic, 4));
    g_assert_true(f->cpu[0].pending);
    g_assert_false(f->cpu[1].pending); /* only the boot processor's LINT0 is open */
    g_assert_cmphex(apic_acknowledge(f->apic[0]), ==, 0x34);
    g_assert_false(f->cpu[0].pending);
    reg_write(f, 0, 0x350, 0x10700);
    bare_outb(&f->b, 0x20, 0x20);
    irq_lower(i8259_input(pic, 4));
    irq_raise(i8259_input(pic, 4));
    g_assert_false(f->cpu[0].pending);
    g_assert_true(i8259_pending(pic));
}

/* ---- timer ---- */

static void test_one_shot(struct fixture *f, gconstpointer data)
{
    (void)data;
    reg_write(f, 1, TIMER, 0x45);
    reg_write(f, 1, DIVIDE, 0x3); /* by 16 */
    reg_write(f, 1, INITIAL, 1000);
    bare_step(&f->b, 15999);
    g_assert_false(f->cpu[1].pending);
    g_assert_cmpuint(reg_read(f, 1, CURRENT), ==, 1);
    bare_step(&f->b, 1);
    g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x45);
    g_assert_cmpuint(reg_read(f, 1, CURRENT), ==, 0);
    reg_write(f, 1, EOI, 0);
    bare_step(&f->b, 1000000);
    g_assert_false(f->cpu[1].pending);
}

static void test_periodic(struct fixture *f, gconstpointer data)
{
    (void)data;
    reg_write(f, 1, TIMER, 0x20045);
    reg_write(f, 1, DIVIDE, 0xb); /* by 1 */
    reg_write(f, 1, INITIAL, 100000);
    for (unsigned i = 0; i < 5; i++) {
        bare_step(&f->b, 99999);
        g_assert_false(f->cpu[1].pending);
        bare_step(&f->b, 1);
        g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x45);
        reg_write(f, 1, EOI, 0);
    }
    reg_write(f, 1, INITIAL, 1); /* a storm is slowed down, not followed */
    bare_step(&f->b, 1000000);
    g_assert_true(f->cpu[1].pending);
    reg_write(f, 1, INITIAL, 0);
    g_assert_cmpint(clock_next_ns(&f->b.m->clock_virtual), ==, INT64_MAX);
}

static void test_tsc_deadline(struct fixture *f, gconstpointer data)
{
    struct apic *a = f->apic[1];

    (void)data;
    apic_set_tsc_deadline(a, 5000); /* not in this mode: ignored */
    g_assert_cmpuint(apic_get_tsc_deadline(a), ==, 0);
    reg_write(f, 1, TIMER, 0x40045);
    apic_set_tsc_deadline(a, tsc_read(&f->cpu[1]) + 5000);
    bare_step(&f->b, 2499);
    g_assert_false(f->cpu[1].pending);
    g_assert_cmpuint(apic_get_tsc_deadline(a), !=, 0);
    bare_step(&f->b, 1);
    g_assert_true(f->cpu[1].pending);
    g_assert_cmpuint(apic_get_tsc_deadline(a), ==, 0);
    apic_acknowledge(a);
    reg_write(f, 1, EOI, 0);
    apic_set_tsc_deadline(a, 1); /* long gone: at once */
    g_assert_true(f->cpu[1].pending);
}

static void test_state_survives_saving(struct fixture *f, gconstpointer data)
{
    (void)data;
    ipi(f, 0, 1, 0x4041);
    apic_acknowledge(f->apic[1]);
    ipi(f, 0, 1, 0x4062);
    reg_write(f, 1, TIMER, 0x45);
    reg_write(f, 1, DIVIDE, 0xb);
    reg_write(f, 1, INITIAL, 5000);
    bare_reload((struct device *)(void *)f->apic[1]);
    g_assert_true(f->cpu[1].pending);
    g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x62);
    reg_write(f, 1, EOI, 0);
    bare_step(&f->b, 5000);
    reg_write(f, 1, EOI, 0);
    g_assert_cmphex(apic_acknowledge(f->apic[1]), ==, 0x45);
}

static void test_register_page_round_trip(struct fixture *f, gconstpointer data)
{
    uint8_t page[APIC_PAGE_BYTES], again[APIC_PAGE_BYTES];

    (void)data;
    ipi(f, 0, 1, 0x4062);
    reg_write(f, 1, TPR, 0x20);
    reg_write(f, 1, TIMER, 0x20045);
    reg_write(f, 1, INITIAL, 70000);
    apic_get_page(f->apic[1], page);
    device_reset((struct device *)(void *)f->apic[1]);
    apic_set_page(f->apic[1], page);
    apic_get_page(f->apic[1], again);
    g_assert_cmpmem(page, sizeof(page), again, sizeof(again));
    g_assert_true(f->cpu[1].pending);
}

#define ADD(name) g_test_add("/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(ipi_reaches_its_destination_only);
    ADD(priority_classes_nest);
    ADD(task_priority_holds_back);
    ADD(software_disabled_takes_nmi_but_no_vector);
    ADD(illegal_vectors_are_errors);
    ADD(shorthands);
    ADD(logical_destinations);
    ADD(lowest_priority_takes_turns);
    ADD(init_and_sipi);
    ADD(mode_transitions);
    ADD(x2apic_registers);
    ADD(moved_registers);
    ADD(msi);
    ADD(ioapic_level_and_edge);
    ADD(8259_comes_through_lint0);
    ADD(one_shot);
    ADD(periodic);
    ADD(tsc_deadline);
    ADD(state_survives_saving);
    ADD(register_page_round_trip);
    return g_test_run();
}
