/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What firmware would do to the chip set and to PCI, for boots without it.
 *
 * RAM behind the BIOS area, interrupt routing, ACPI ports, and addresses for the base address
 * registers of the devices on the root bus, largest first.
 */
#include "hw/i386/pc.h"

#include "hw/i386/piix4_pm.h"

enum {
    PAM_0 = 0x59,
    PAM_REGS = 7,
    PIRQRC_A = 0x60,
    IDETIM = 0x40,
    IDE_DECODE = 0x8000,
    ELCR_2 = 0x4d1,
    ELCR_9_10_11 = 0x0e,
    SCI_ENABLE = 1,
    IO_FIRST = 0xc000,
    IO_LAST = 0xffff,
};
#define MEMORY_FIRST 0xe0000000ULL

static const uint8_t pirq_irqs[] = {10, 10, 11, 11};

struct bar_ref {
    struct pci_device *dev;
    unsigned bar;
};

static void write_config(struct pci_device *dev, unsigned offset, uint32_t val, unsigned size)
{
    pci_config_write(dev->bus, pci_bus_nr(dev->bus), dev->devfn, offset, val, size);
}

static void set_up_chips(struct pc_machine *pc)
{
    struct pci_bus *bus = pc->pci;
    struct address_space *io = &pc->m.io;

    pci_config_write(bus, 0, PCI_DEVFN(0, 0), PAM_0, 0x30, 1);
    for (unsigned i = 1; i < PAM_REGS; i++) {
        pci_config_write(bus, 0, PCI_DEVFN(0, 0), PAM_0 + i, 0x33, 1);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(pirq_irqs); i++) {
        pci_config_write(bus, 0, PCI_DEVFN(1, 0), PIRQRC_A + i, pirq_irqs[i], 1);
    }
    address_space_store(io, ELCR_2, ELCR_9_10_11, 1, MEM_ATTRS_NONE);
    write_config(pc->ide, IDETIM, IDE_DECODE, 2);
    write_config(pc->ide, IDETIM + 2, IDE_DECODE, 2);
    if (pc->pm) {
        write_config(pc->pm, PIIX4_PMBA, PIIX4_PM_BASE | 1, 4);
        write_config(pc->pm, PIIX4_PMREGMISC, 1, 1);
        write_config(pc->pm, PIIX4_SMBHSTBASE, PIIX4_SMBUS_BASE | 1, 4);
        write_config(pc->pm, PIIX4_SMBHSTCFG, 9, 1); /* enabled, interrupt 9 */
        write_config(pc->pm, PCI_INTERRUPT_LINE, PIIX4_SCI, 1);
        address_space_store(io, PIIX4_PM_BASE + PIIX4_PM1_CONTROL, SCI_ENABLE, 2, MEM_ATTRS_NONE);
    }
}

static int by_size(const void *a, const void *b)
{
    const struct bar_ref *x = a, *y = b;
    uint64_t xs = x->dev->bars[x->bar].size, ys = y->dev->bars[y->bar].size;

    if (xs != ys) {
        return xs > ys ? -1 : 1;
    }
    return (int)(x->dev->devfn * PCI_BARS + x->bar) - (int)(y->dev->devfn * PCI_BARS + y->bar);
}

static GArray *collect_bars(struct pci_bus *bus)
{
    GArray *refs = g_array_new(FALSE, FALSE, sizeof(struct bar_ref));

    for (unsigned devfn = 0; devfn < ARRAY_SIZE(bus->slots); devfn++) {
        struct pci_device *dev = bus->slots[devfn];

        for (unsigned i = 0; dev && i < PCI_ROM_BAR; i++) {
            const struct bar_ref ref = {dev, i};

            if (dev->bars[i].region) {
                g_array_append_val(refs, ref);
            }
        }
    }
    g_array_sort(refs, by_size);
    return refs;
}

/* The next address of @size bytes in [*@next, @last], or 0. */
static uint64_t take(uint64_t *next, uint64_t last, uint64_t size)
{
    uint64_t addr = align_up(*next, size);

    if (addr < *next || addr > last || size - 1 > last - addr) {
        return 0;
    }
    *next = addr + size;
    return addr;
}

static void place_bars(struct pc_machine *pc)
{
    g_autoptr(GArray) refs = collect_bars(pc->pci);
    uint64_t io = IO_FIRST, low = MAX(MEMORY_FIRST, pc->ram_below_4g);
    uint64_t high = align_up(4 * GiB + pc->ram_above_4g, GiB);
    uint64_t high_last = (1ULL << MIN(pc_boot_cpu(pc)->x86.cpu->phys_bits, 52)) - 1;

    for (guint i = 0; i < refs->len; i++) {
        const struct bar_ref *ref = &g_array_index(refs, struct bar_ref, i);
        const struct pci_bar *b = &ref->dev->bars[ref->bar];
        unsigned offset = PCI_BASE_ADDRESS_0 + 4 * ref->bar;
        uint64_t addr;

        if (b->type & PCI_BAR_IO) {
            addr = take(&io, IO_LAST, b->size);
        } else {
            addr = take(&low, PC_PCI_HOLE_END - 1, b->size);
            if (!addr && (b->type & PCI_BAR_MEM64)) {
                addr = take(&high, high_last, b->size);
            }
        }
        if (!addr) {
            warn_user("no address space is left for BAR %u of '%s'", ref->bar,
                      ref->dev->dev.id ? ref->dev->dev.id : ref->dev->dev.type->name);
            continue;
        }
        write_config(ref->dev, offset, (uint32_t)addr, 4);
        if (!(b->type & PCI_BAR_IO) && (b->type & PCI_BAR_MEM64)) {
            write_config(ref->dev, offset + 4, (uint32_t)(addr >> 32), 4);
        }
    }
}

static void enable_device(struct pci_device *dev)
{
    uint8_t pin = dev->config[PCI_INTERRUPT_PIN];

    write_config(dev, PCI_COMMAND,
                 pci_config_get16(dev, PCI_COMMAND) | PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
    if (pin) {
        unsigned pirq = (PCI_SLOT(dev->devfn) + pin - 1u + 3u) % ARRAY_SIZE(pirq_irqs);

        write_config(dev, PCI_INTERRUPT_LINE, pirq_irqs[pirq], 1);
    }
}

void pc_setup_pci(struct pc_machine *pc)
{
    address_space_begin(&pc->m.memory);
    address_space_begin(&pc->m.io);
    place_bars(pc);
    for (unsigned devfn = 0; devfn < ARRAY_SIZE(pc->pci->slots); devfn++) {
        if (pc->pci->slots[devfn]) {
            enable_device(pc->pci->slots[devfn]);
        }
    }
    address_space_commit(&pc->m.io);
    address_space_commit(&pc->m.memory);
    /* After the rest: it uses ports, and the function's interrupt line is its own. */
    set_up_chips(pc);
}
