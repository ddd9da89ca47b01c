/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC board: its struct, and what the files of hw/i386 share of it.
 */
#ifndef VITRO_HW_I386_PC_H
#define VITRO_HW_I386_PC_H

#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"
#include "target/i386/vcpu.h"

#define PC_GSIS         24 /* ISA interrupts, then PIRQA-D at 16 and free ones */
#define PC_GSI_PIRQS    16
#define PC_MAX_CPUS     255
#define PC_PCI_HOLE_END IOAPIC_DEFAULT_BASE

struct pc_machine;
struct mc146818;
struct i8254;
struct hpet;

struct pc_cpu {
    struct x86_vcpu x86; /* first */
    struct pc_machine *pc;
    struct apic *apic; /* NULL: in the kernel */
};

/* How interrupt controllers come about: in this process, or in the host's kernel. */
struct pc_irqchip {
    const char *name;
    /* Makes the I/O APIC and fills pc->gsi. Before there are buses. */
    bool (*create)(struct pc_machine *pc, GError **error);
    /* Makes the 8259s and the PIT on the ISA bus. */
    bool (*create_isa)(struct pc_machine *pc, GError **error);
    /* Makes the local APIC of @cpu and connects the two. Before its thread starts. */
    bool (*create_cpu)(struct pc_machine *pc, struct pc_cpu *cpu, GError **error);
    /* Undoes create() as far as devices do not do it themselves. May be NULL. */
    void (*destroy)(struct pc_machine *pc);
};

extern const struct pc_irqchip pc_irqchip_user;

/* An accelerator that may bring interrupt controllers of its own. */
struct pc_irqchip_choice {
    const char *accel; /* accel_type.name */
    /* NULL: it does not as it is configured. */
    const struct pc_irqchip *(*choose)(struct accel *a);
};

#define PC_IRQCHIP(sym) LINKER_SET_ENTRY(pc_irqchips, struct pc_irqchip_choice, sym)

struct pc_machine {
    struct machine m; /* first */

    /* properties */
    bool acpi, hpet, graphics, usb, nvdimm;
    enum on_off_auto smm, vmport;
    uint64_t max_ram_below_4g;

    /* memory */
    uint64_t ram_below_4g, ram_above_4g;
    struct region ram, bios, bios_low;
    struct region smm_root;
    struct address_space smm_space;
    bool have_smm; /* the accelerator runs SMM and smm= does not forbid it */

    /* chips */
    struct pci_bus *pci;
    struct isa_bus *isa;
    struct pci_device *pm;
    const struct pc_irqchip *irqchip;
    struct apic_bus apics;
    struct i8259 *pic;
    struct ioapic *ioapic;
    struct i8254 *pit;
    struct hpet *hpet_chip;        /* NULL: none */
    struct irq *pit_out, *rtc_out; /* interrupts 0 and 8, through the HPET when there is one */
    struct mc146818 *rtc;
    struct device *i8042, *port92, *fdc;
    struct pci_device *ide;
    struct irq gsi[PC_GSIS]; /* to all controllers that have the input */
    struct irq a20, smi;
    struct region ferr;
    bool a20_passes;

    GPtrArray *cpus; /* struct pc_cpu by index; NULL where none is plugged */
    struct x86_topology topology;

    /* Direct boot: puts the kernel into memory and the CPU at its entry. NULL: firmware runs. */
    void (*boot_reset)(struct pc_machine *pc);
    struct pc_boot *boot;
    bool boot_rom; /* firmware boots the kernel through our option ROM */
    struct acpi_build *acpi_tables;
    struct smbios *smbios;
};

static inline struct pc_machine *pc_of(struct machine *m)
{
    return container_of(m, struct pc_machine, m);
}

/* pc_ferr.c: coprocessor error ports */
void pc_init_ferr(struct pc_machine *pc);
void pc_fini_ferr(struct pc_machine *pc);

/* pc_memory.c: RAM layout, firmware ROM */
bool pc_init_memory(struct pc_machine *pc, GError **error);
bool pc_load_firmware(struct pc_machine *pc, GError **error);
void pc_fini_memory(struct pc_machine *pc);

struct e820_entry {
    uint64_t start, len;
    uint32_t type;
};

enum e820_type {
    E820_RAM = 1,
    E820_RESERVED = 2,
    E820_ACPI = 3,
};

#define PC_E820_MAX 16

/* Memory as the firmware's interfaces tell it; returns how many entries were written. */
unsigned pc_e820(const struct pc_machine *pc, struct e820_entry ret[PC_E820_MAX]);

/* pc_cpu.c: CPUs and their threads */
bool pc_init_cpus(struct pc_machine *pc, GError **error);
/* Whether the accelerator's CPUs have system management mode. */
bool pc_accel_has_smm(struct pc_machine *pc);
bool pc_start_cpus(struct pc_machine *pc, GError **error);
void pc_fini_cpus(struct pc_machine *pc);
/* The first CPU, which boots. */
struct pc_cpu *pc_boot_cpu(struct pc_machine *pc);
uint32_t pc_apic_id(const struct pc_machine *pc, unsigned index);

/* cpu_irq.c: CPU and local APIC */
extern const struct apic_cpu_ops pc_apic_cpu_ops;
extern const struct x86_irq_ops pc_cpu_irq_ops;

/* pc_devices.c: what stands on the buses; CMOS and keys that firmware reads */
bool pc_init_devices(struct pc_machine *pc, GError **error);
/* Before the buses; sets pit_out and rtc_out. */
bool pc_init_hpet(struct pc_machine *pc, GError **error);
bool pc_init_fw_cfg(struct pc_machine *pc, GError **error);
/* The firmware's list of boot devices, when all have said their bootindex. */
bool pc_init_bootorder(struct pc_machine *pc, GError **error);

/* pc_cmos.c: writes the CMOS at each reset from here on */
void pc_add_cmos(struct pc_machine *pc);

/* pci_setup.c: what firmware would do to PCI, for boots without it */
void pc_setup_pci(struct pc_machine *pc);

#endif
