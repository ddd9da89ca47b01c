/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PIIX3's interrupt router and reset register, the PIIX4's power management.
 */
#include "hw/i386/i440fx.h"
#include "hw/i386/piix3.h"
#include "hw/i386/piix4_pm.h"

#include "tests/unit/hw/bare_machine.h"

enum { RAM_BYTES = 4 << 20, PIRQRC = 0x60, ISA_FN = PCI_DEVFN(1, 0), PM_FN = PCI_DEVFN(1, 3) };
enum { PMSTS = PIIX4_PM_BASE, PMEN = PMSTS + 2, PMCNTRL = PMSTS + 4, PMTMR = PMSTS + 8 };
enum { TIMER = 1 << 0, BUTTON = 1 << 8, SCI_EN = 1 << 0, SLEEP_EN = 1 << 13, SLEEP_SHIFT = 10 };

struct fixture {
    struct bare b;
    struct region ram;
    struct pci_bus *pci;
    struct pci_device *pm;
    struct line isa[ISA_IRQS], pirqs[PIIX3_PIRQS], smi;
    unsigned resets, shutdowns, suspends;
};

static void request_reset(struct machine *m, enum machine_cause cause)
{
    g_assert_cmpint(cause, ==, CAUSE_GUEST_RESET);
    ((struct fixture *)m->life_data)->resets++;
}

static void request_shutdown(struct machine *m, enum machine_cause cause)
{
    g_assert_cmpint(cause, ==, CAUSE_GUEST_SHUTDOWN);
    ((struct fixture *)m->life_data)->shutdowns++;
}

static void request_suspend(struct machine *m)
{
    ((struct fixture *)m->life_data)->suspends++;
}

static const struct machine_life life = {
    .request_reset = request_reset,
    .request_shutdown = request_shutdown,
    .request_suspend = request_suspend,
};

static void out(struct fixture *f, uint16_t port, uint32_t val, unsigned size)
{
    address_space_store(&f->b.m->io, port, val, size, MEM_ATTRS_NONE);
}

static uint64_t in(struct fixture *f, uint16_t port, unsigned size)
{
    return address_space_load(&f->b.m->io, port, size, MEM_ATTRS_NONE, NULL);
}

static void put(struct fixture *f, uint8_t devfn, unsigned offset, uint32_t val, unsigned size)
{
    pci_config_write(f->pci, 0, devfn, offset, val, size);
}

static void setup(struct fixture *f, gconstpointer data)
{
    struct ram_block *block = ram_block_new("ram", RAM_BYTES, 0, NULL);
    const struct i440fx_config bridge = {.ram = &f->ram, .below_4g = RAM_BYTES};
    struct piix3_config isa = {0};
    struct piix4_pm_config pm = {0};

    (void)data;
    bare_init(&f->b);
    f->b.m->life = &life;
    f->b.m->life_data = f;
    machine_add_ram(f->b.m, block);
    region_init_ram(&f->ram, block, "ram");
    f->pci = i440fx_create(f->b.m, &bridge, NULL);
    g_assert_nonnull(f->pci);
    for (unsigned i = 0; i < ISA_IRQS; i++) {
        isa.isa_irqs[i] = line_init(&f->isa[i]);
    }
    for (unsigned i = 0; i < PIIX3_PIRQS; i++) {
        isa.pirqs[i] = line_init(&f->pirqs[i]);
    }
    g_assert_nonnull(piix3_create(f->pci, &isa, NULL));
    pm.sci = &f->isa[PIIX4_SCI].irq;
    pm.smi = line_init(&f->smi);
    f->pm = piix4_pm_create(f->pci, &pm, NULL);
    g_assert_nonnull(f->pm);
    put(f, PM_FN, PIIX4_PMBA, PIIX4_PM_BASE | 1, 4);
    put(f, PM_FN, PIIX4_PMREGMISC, 1, 1);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    struct machine *m = f->b.m;

    (void)data;
    device_free(f->pci->bus.parent);
    region_fini(&f->ram);
    lock_release(&m->lock);
    machine_free(m);
}

/* ---- PIIX3 ---- */

static void pirq(struct fixture *f, unsigned line, int level)
{
    f->pci->set_irq(f->pci->irq_opaque, line, level);
}

static void test_a_disabled_route_leads_to_the_ioapic_only(struct fixture *f, gconstpointer data)
{
    (void)data;
    pirq(f, 1, 1);
    g_assert_cmpint(f->pirqs[1].level, ==, 1);
    for (unsigned i = 0; i < ISA_IRQS; i++) {
        g_assert_cmpint(f->isa[i].level, ==, 0);
    }
}

static void test_routes_move_a_level(struct fixture *f, gconstpointer data)
{
    (void)data;
    pirq(f, 1, 1);
    put(f, ISA_FN, PIRQRC + 1, 10, 1);
    g_assert_cmpint(f->isa[10].level, ==, 1);
    put(f, ISA_FN, PIRQRC + 1, 11, 1);
    g_assert_cmpint(f->isa[10].level, ==, 0);
    g_assert_cmpint(f->isa[11].level, ==, 1);
    put(f, ISA_FN, PIRQRC + 1, 0x80, 1);
    g_assert_cmpint(f->isa[11].level, ==, 0);
}

static void test_two_pirqs_share_an_interrupt(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, ISA_FN, PIRQRC, 0x0a0a, 2);
    pirq(f, 0, 1);
    pirq(f, 1, 1);
    pirq(f, 0, 0);
    g_assert_cmpint(f->isa[10].level, ==, 1);
    pirq(f, 1, 0);
    g_assert_cmpint(f->isa[10].level, ==, 0);
}

static void test_slots_are_wired_in_turn(struct fixture *f, gconstpointer data)
{
    struct pci_device dev = {.devfn = PCI_DEVFN(1, 0)};

    (void)data;
    g_assert_cmpuint(f->pci->map_irq(&dev, 0), ==, 0);
    g_assert_cmpuint(f->pci->map_irq(&dev, 3), ==, 3);
    dev.devfn = PCI_DEVFN(3, 0);
    g_assert_cmpuint(f->pci->map_irq(&dev, 0), ==, 2);
    g_assert_cmpuint(f->pci->map_irq(&dev, 3), ==, 1);
    dev.devfn = PCI_DEVFN(0, 0);
    g_assert_cmpuint(f->pci->map_irq(&dev, 0), ==, 3);
}

static void test_reset_wants_a_rising_bit(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, 0xcf9, 0x02, 1);
    g_assert_cmpuint(f->resets, ==, 0);
    out(f, 0xcf9, 0x06, 1);
    g_assert_cmpuint(f->resets, ==, 1);
    out(f, 0xcf9, 0x06, 1);
    g_assert_cmpuint(f->resets, ==, 1);
    g_assert_cmphex(in(f, 0xcf9, 1), ==, 0x06);
}

/* ---- PIIX4 ---- */

static void test_the_timer_counts(struct fixture *f, gconstpointer data)
{
    uint64_t before = in(f, PMTMR, 4);

    (void)data;
    bare_step(&f->b, NS_PER_SEC);
    g_assert_cmpuint((in(f, PMTMR, 4) - before) & 0xffffff, ==, 3579545);
    bare_step(&f->b, 10 * NS_PER_SEC);
    g_assert_cmphex(in(f, PMTMR, 4) >> 24, ==, 0);
}

static void test_the_timer_interrupts_when_bit_23_changes(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, PMEN, TIMER, 2);
    out(f, PMCNTRL, SCI_EN, 2);
    bare_step(&f->b, 2 * NS_PER_SEC);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 0);
    bare_step(&f->b, NS_PER_SEC / 2);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 1);
    g_assert_cmphex(in(f, PMSTS, 2), ==, TIMER);
    out(f, PMSTS, TIMER, 2);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 0);
    bare_step(&f->b, 3 * NS_PER_SEC);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 1);
}

static void test_status_shows_without_enable(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_step(&f->b, 3 * NS_PER_SEC);
    g_assert_cmphex(in(f, PMSTS, 2), ==, TIMER);
    out(f, PMSTS + 1, 0xff, 1); /* the other byte */
    g_assert_cmphex(in(f, PMSTS, 2), ==, TIMER);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 0);
}

static void test_the_power_button(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, PMEN, BUTTON, 2);
    machine_notify(f->b.m, NOTICE_POWERDOWN);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 0);
    out(f, PIIX4_SMI_PORT, PIIX4_ACPI_ENABLE, 1);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 1);
    out(f, PIIX4_SMI_PORT, PIIX4_ACPI_DISABLE, 1);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 0);
    g_assert_cmphex(in(f, PMSTS, 2), ==, BUTTON);
}

static void test_sleep_types(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, PMCNTRL, SCI_EN | PIIX4_SLEEP_S3 << SLEEP_SHIFT, 2);
    g_assert_cmpuint(f->suspends, ==, 0);
    out(f, PMCNTRL, SLEEP_EN | PIIX4_SLEEP_S3 << SLEEP_SHIFT, 2);
    g_assert_cmpuint(f->suspends, ==, 1);
    out(f, PMCNTRL, SLEEP_EN | 7 << SLEEP_SHIFT, 2); /* there is none such */
    out(f, PMCNTRL, SLEEP_EN | PIIX4_SLEEP_S5 << SLEEP_SHIFT, 2);
    g_assert_cmpuint(f->shutdowns, ==, 1);
    g_assert_cmphex(in(f, PMCNTRL, 2), ==, 0); /* SLP_EN reads as 0 */
}

static void test_smis_need_their_enable(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, PIIX4_SMI_PORT + 1, 0x55, 1);
    out(f, PIIX4_SMI_PORT, 0x01, 1);
    g_assert_cmpuint(f->smi.rises, ==, 0);
    put(f, PM_FN, PIIX4_DEVACTB, 1u << 25, 4);
    out(f, PIIX4_SMI_PORT, 0x02, 1);
    g_assert_cmpuint(f->smi.rises, ==, 1);
    g_assert_cmphex(in(f, PIIX4_SMI_PORT, 2), ==, 0x5502);
}

static void test_general_purpose_events(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, PMCNTRL, SCI_EN, 2);
    piix4_pm_raise_gpe(f->pm, 3);
    g_assert_cmphex(in(f, PIIX4_GPE_BASE, 2), ==, 1 << 3);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 0);
    out(f, PIIX4_GPE_BASE + 2, 1 << 3, 2);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 1);
    out(f, PIIX4_GPE_BASE, 1 << 3, 2);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 0);
}

static void test_registers_move_with_pmba(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, PM_FN, PIIX4_PMBA, 0xb001, 4);
    g_assert_cmphex(in(f, PMTMR, 4), ==, 0xffffffff);
    out(f, 0xb002, BUTTON, 2);
    g_assert_cmphex(in(f, 0xb002, 2), ==, BUTTON);
    g_assert_cmphex(piix4_pm_get_info(f->pm).io_base, ==, 0xb000);
    put(f, PM_FN, PIIX4_PMREGMISC, 0, 1);
    g_assert_cmphex(in(f, 0xb002, 2), ==, 0xffff);
}

static void test_nobody_answers_on_the_smbus(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, PM_FN, PIIX4_SMBHSTBASE, PIIX4_SMBUS_BASE | 1, 4);
    put(f, PM_FN, PIIX4_SMBHSTCFG, 9, 1);
    out(f, PIIX4_SMBUS_BASE + 4, 0xa1, 1);
    out(f, PIIX4_SMBUS_BASE + 2, 0x48 | 1, 1); /* start, byte data, with an interrupt */
    g_assert_cmphex(in(f, PIIX4_SMBUS_BASE, 1), ==, 0x04);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 1);
    out(f, PIIX4_SMBUS_BASE, 0x04, 1);
    g_assert_cmphex(in(f, PIIX4_SMBUS_BASE, 1), ==, 0);
    g_assert_cmpint(f->isa[PIIX4_SCI].level, ==, 0);
}

static void test_state_survives(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, PMEN, BUTTON | TIMER, 2);
    out(f, PIIX4_GPE_BASE + 2, 0x1234, 2);
    bare_step(&f->b, 3 * NS_PER_SEC);
    bare_reload(&f->pm->dev);
    g_assert_cmphex(in(f, PIIX4_GPE_BASE + 2, 2), ==, 0x1234);
}

#define TEST(name, fn) g_test_add(name, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("/pirq/disabled", test_a_disabled_route_leads_to_the_ioapic_only);
    TEST("/pirq/move", test_routes_move_a_level);
    TEST("/pirq/share", test_two_pirqs_share_an_interrupt);
    TEST("/pirq/wiring", test_slots_are_wired_in_turn);
    TEST("/reset", test_reset_wants_a_rising_bit);
    TEST("/timer/counts", test_the_timer_counts);
    TEST("/timer/interrupts", test_the_timer_interrupts_when_bit_23_changes);
    TEST("/status", test_status_shows_without_enable);
    TEST("/button", test_the_power_button);
    TEST("/sleep", test_sleep_types);
    TEST("/smi", test_smis_need_their_enable);
    TEST("/gpe", test_general_purpose_events);
    TEST("/pmba", test_registers_move_with_pmba);
    TEST("/smbus", test_nobody_answers_on_the_smbus);
    TEST("/state", test_state_survives);
    return g_test_run();
}
