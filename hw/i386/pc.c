/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine type "pc": a PC with the 440FX and PIIX3 chip set.
 *
 * init() builds the board: memory, interrupt controllers, buses, CPUs, devices. ready() runs when
 * the user's devices are there: tables for firmware, the kernel to boot, the CPUs' threads.
 *
 * Absent: USB, NVDIMM, memory and CPU hot-plug, the VMware port.
 */
#include "hw/i386/pc.h"

#include "hw/i386/acpi.h"
#include "hw/i386/boot.h"
#include "hw/i386/i440fx.h"
#include "hw/i386/piix3.h"
#include "hw/i386/piix4_pm.h"
#include "hw/i386/smbios.h"
#include "hw/misc/fw_cfg.h"

/* ---- lines ---- */

LINKER_SET_DECLARE(pc_irqchips, struct pc_irqchip_choice);

static void apply_a20(struct vcpu *v, void *data)
{
    x86_cpu_set_a20(x86_vcpu_cpu(v), data != NULL);
}

/* Port 0x92 and the keyboard controller: whoever wrote last decides. */
static void a20_set(void *opaque, int n, int level)
{
    struct pc_machine *pc = opaque;

    (void)n;
    if (pc->a20_passes == (level != 0)) {
        return;
    }
    pc->a20_passes = level != 0;
    for (guint i = 0; pc->cpus && i < pc->cpus->len; i++) {
        struct pc_cpu *cpu = g_ptr_array_index(pc->cpus, i);
        struct vcpu *v = cpu ? &cpu->x86.vcpu : NULL;

        if (!v) {
            continue;
        }
        if (!vcpu_has_thread(v) || v == vcpu_current()) {
            apply_a20(v, level ? pc : NULL);
        } else {
            vcpu_run_async(v, apply_a20, level ? pc : NULL);
        }
    }
}

/* SMI# from the PIIX4: to the CPU that wrote the port, which waits for the handler's result. */
static void smi_set(void *opaque, int n, int level)
{
    struct pc_machine *pc = opaque;
    struct vcpu *v = vcpu_current();

    (void)n;
    if (level) {
        x86_cpu_raise_smi(v ? x86_vcpu_cpu(v) : pc_boot_cpu(pc)->x86.cpu);
    }
}

static void send_msi(void *opaque, uint64_t addr, uint32_t data, uint16_t requester)
{
    struct pc_machine *pc = opaque;

    if (addr - APIC_DEFAULT_BASE < APIC_MSI_SIZE) {
        apic_send_msi(&pc->apics, addr, data);
    } else {
        address_space_store(&pc->m.memory, addr, data, 4,
                            (struct mem_attrs){.dma = true, .requester = requester});
    }
}

/* ---- building ---- */

static bool check_props(struct pc_machine *pc, GError **error)
{
    if (pc->usb) {
        return fail(error, "-machine usb=on: this version has no USB; leave it out");
    }
    if (pc->nvdimm) {
        return fail(error, "-machine nvdimm=on: this version has no NVDIMMs; leave it out");
    }
    if (pc->vmport == ON) {
        return fail(error, "-machine vmport=on: this version has no VMware port; leave it out");
    }
    if (pc->smm == ON && !pc_accel_has_smm(pc)) {
        return fail(error,
                    "-machine smm=on: accelerator '%s' has no system management mode; use"
                    " smm=off or auto",
                    pc->m.accel->type->name);
    }
    return true;
}

static bool init_buses(struct pc_machine *pc, GError **error)
{
    struct machine *m = &pc->m;
    const struct i440fx_config bridge = {
        .ram = &pc->ram,
        .below_4g = pc->ram_below_4g,
        .above_4g = pc->ram_above_4g,
        .smm_root = pc->have_smm ? &pc->smm_root : NULL,
    };
    struct piix3_config piix3 = {0};

    pc->pci = i440fx_create(m, &bridge, error);
    if (!pc->pci) {
        return false;
    }
    pc->pci->send_msi = send_msi;
    pc->pci->msi_opaque = pc;
    for (unsigned i = 0; i < ISA_IRQS; i++) {
        piix3.isa_irqs[i] = &pc->gsi[i];
    }
    for (unsigned i = 0; i < PIIX3_PIRQS; i++) {
        piix3.pirqs[i] = &pc->gsi[PC_GSI_PIRQS + i];
    }
    pc->isa = piix3_create(pc->pci, &piix3, error);
    return pc->isa != NULL;
}

static bool init_pm(struct pc_machine *pc, GError **error)
{
    const struct piix4_pm_config config = {
        .sci = &pc->gsi[PIIX4_SCI],
        .smi = pc->have_smm ? &pc->smi : NULL,
    };

    if (!pc->acpi) {
        return true;
    }
    pc->pm = piix4_pm_create(pc->pci, &config, error);
    return pc->pm != NULL;
}

static const struct pc_irqchip *choose_irqchip(struct accel *a)
{
    const struct pc_irqchip *chip = NULL;

    LINKER_SET_FOREACH(pc_irqchips, struct pc_irqchip_choice, c)
    {
        if (!chip && strcmp((*c)->accel, a->type->name) == 0) {
            chip = (*c)->choose(a);
        }
    }
    return chip ? chip : &pc_irqchip_user;
}

static bool pc_init(struct machine *m, GError **error)
{
    struct pc_machine *pc = pc_of(m);

    if (!check_props(pc, error)) {
        return false;
    }
    pc->have_smm = pc->smm != OFF && pc_accel_has_smm(pc);
    pc->irqchip = choose_irqchip(m->accel);
    pc->a20_passes = true;
    irq_init(&pc->a20, a20_set, pc, 0);
    irq_init(&pc->smi, smi_set, pc, 0);
    m->no_acpi = !pc->acpi;
    m->no_hpet = !pc->hpet;
    apic_bus_init(&pc->apics, m, &m->memory_root, &pc_apic_cpu_ops, m->smp.max_cpus);
    pc_init_ferr(pc);
    /* Devices go in the reverse order: what others' lines lead to comes first. */
    return pc_init_memory(pc, error) && fw_cfg_create(m, error) && pc->irqchip->create(pc, error) &&
           pc_init_hpet(pc, error) && init_buses(pc, error) && pc->irqchip->create_isa(pc, error) &&
           pc_load_firmware(pc, error) && init_pm(pc, error) && pc_init_cpus(pc, error) &&
           pc_init_devices(pc, error);
}

static bool pc_ready(struct machine *m, GError **error)
{
    struct pc_machine *pc = pc_of(m);

    return smbios_init(pc, error) && pc_init_fw_cfg(pc, error) && fw_cfg_add_options(m, error) &&
           boot_init(pc, error) && acpi_init(pc, error) && pc_init_bootorder(pc, error) &&
           pc_start_cpus(pc, error);
}

static void pc_fini(struct machine *m)
{
    struct pc_machine *pc = pc_of(m);

    pc_fini_ferr(pc);
    boot_fini(pc);
    acpi_fini(pc);
    smbios_fini(pc);
    pc_fini_cpus(pc);
    if (pc->irqchip && pc->irqchip->destroy) {
        pc->irqchip->destroy(pc);
    }
    if (pc->apics.machine) {
        apic_bus_fini(&pc->apics);
    }
    pc_fini_memory(pc);
}

static const struct property pc_props[] = {
    PROP_BOOL(struct pc_machine, acpi, "acpi", true, "ACPI tables and power management"),
    PROP_BOOL(struct pc_machine, hpet, "hpet", true, "high precision event timer"),
    PROP_BOOL(struct pc_machine, graphics, "graphics", true,
              "off: firmware uses the serial port, not the screen"),
    PROP_BOOL(struct pc_machine, usb, "usb", false, "USB controller (this version: off only)"),
    PROP_BOOL(struct pc_machine, nvdimm, "nvdimm", false, "NVDIMMs (this version: off only)"),
    PROP_ON_OFF_AUTO(struct pc_machine, smm, "smm", AUTO, "system management mode"),
    PROP_ON_OFF_AUTO(struct pc_machine, vmport, "vmport", AUTO,
                     "VMware port (this version: off only)"),
    PROP_SIZE(struct pc_machine, max_ram_below_4g, "max-ram-below-4g", 0,
              "most RAM below 4 GiB; 0: the board's choice"),
    PROP_STRING(struct pc_machine, m.ram_backend_id, "memory-backend", NULL,
                "id of the memory object that is main memory"),
    PROP_BOOL(struct pc_machine, m.mem_merge, "mem-merge", true, "let the host merge equal pages"),
    PROP_BOOL(struct pc_machine, m.dump_guest_core, "dump-guest-core", true,
              "guest memory in core dumps of this process"),
    {0},
};

static const struct machine_type pc_type = {
    .name = "pc-i440fx-1.0",
    .alias = "pc",
    .description = "PC (440FX + PIIX3)",
    .is_default = true,
    .max_cpus = PC_MAX_CPUS,
    .size = sizeof(struct pc_machine),
    .props = pc_props,
    .init = pc_init,
    .ready = pc_ready,
    .fini = pc_fini,
};
MACHINE_TYPE(pc_type);
