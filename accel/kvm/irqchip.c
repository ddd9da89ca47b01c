/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's interrupt controllers: making them, their lines, messages and registers.
 *
 * Mode on: lines are GSIs of a routing table as boards wire a PC: ISA interrupt n goes to 8259
 * input n and I/O APIC input n, but interrupt 0 to I/O APIC input 2; 16 to 23 only to the latter.
 *
 * Mode split: the board's own I/O APIC sends messages. For the kernel to tell when a level
 * triggered vector ends, the message must stand in its routing table under an I/O APIC pin: level
 * triggered messages are put there when they are first sent.
 */
#include "accel/kvm/kvm_impl.h"

#include "util/log.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define ROUTES_MAX    64
#define MSI_LEVEL     (1u << 15)
#define MSI_VECTOR    0xffu
#define ISA_LINES     16
#define CASCADE       2
#define PIT_IOAPIC_IN 2

static bool set_routing(struct kvm *kvm)
{
    return ioctl(kvm->vm_fd, KVM_SET_GSI_ROUTING, kvm->routing) == 0;
}

static void add_pin(struct kvm *kvm, unsigned gsi, unsigned chip, unsigned pin)
{
    kvm->routing->entries[kvm->routing->nr++] = (struct kvm_irq_routing_entry){
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_IRQCHIP,
        .u.irqchip = {.irqchip = chip, .pin = pin},
    };
}

static void route_lines(struct kvm *kvm)
{
    for (unsigned gsi = 0; gsi < KVM_IOAPIC_PINS; gsi++) {
        if (gsi == CASCADE) {
            continue;
        }
        if (gsi < ISA_LINES) {
            add_pin(kvm, gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi % 8);
        }
        add_pin(kvm, gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : PIT_IOAPIC_IN);
    }
}

bool kvm_irqchip_create(struct kvm *kvm, GError **error)
{
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {KVM_IOAPIC_PINS}};

    kvm->routing = g_malloc0(sizeof(*kvm->routing) + ROUTES_MAX * sizeof(kvm->routing->entries[0]));
    switch (kvm->irqchip) {
    case KVM_IRQCHIP_ON:
        if (ioctl(kvm->vm_fd, KVM_CREATE_IRQCHIP, 0) != 0) {
            return fail_errno(error, "KVM makes no interrupt controllers; try kernel-irqchip=off");
        }
        route_lines(kvm);
        if (!set_routing(kvm)) {
            return fail_errno(error, "KVM refuses the routing of interrupts");
        }
        return true;
    case KVM_IRQCHIP_SPLIT:
        if (ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &split) != 0) {
            return fail_errno(error, "KVM makes no local APICs; try kernel-irqchip=off");
        }
        return true;
    default:
        return true;
    }
}

void kvm_irq_line(struct kvm *kvm, unsigned gsi, int level)
{
    struct kvm_irq_level line = {.irq = gsi, .level = level != 0};

    if (ioctl(kvm->vm_fd, KVM_IRQ_LINE, &line) != 0) {
        log_printf(LOG_INT, "kvm: interrupt line %u: %s\n", gsi, g_strerror(errno));
    }
}

/* Makes sure that the end of the message's vector will be told. */
static void route_level(struct kvm *kvm, uint64_t gpa, uint32_t data)
{
    struct kvm_irq_routing_entry *e;
    unsigned pin = KVM_IOAPIC_PINS;

    g_mutex_lock(&kvm->lock);
    for (unsigned i = 0; i < kvm->routing->nr; i++) {
        const struct kvm_irq_routing_msi *msi = &kvm->routing->entries[i].u.msi;

        if ((msi->data & MSI_VECTOR) == (data & MSI_VECTOR)) {
            if (msi->address_lo == (uint32_t)gpa && msi->data == data) {
                g_mutex_unlock(&kvm->lock);
                return;
            }
            pin = i;
        }
    }
    if (pin == KVM_IOAPIC_PINS) {
        if (kvm->routing->nr < KVM_IOAPIC_PINS) {
            pin = kvm->routing->nr++;
        } else {
            pin = kvm->level_next++ % KVM_IOAPIC_PINS; /* no more pins than these can be in use */
        }
    }
    e = &kvm->routing->entries[pin];
    *e = (struct kvm_irq_routing_entry){.gsi = pin, .type = KVM_IRQ_ROUTING_MSI};
    e->u.msi.address_lo = (uint32_t)gpa;
    e->u.msi.address_hi = (uint32_t)(gpa >> 32);
    e->u.msi.data = data;
    if (!set_routing(kvm)) {
        log_printf(LOG_INT, "kvm: routing of message %#x: %s\n", data, g_strerror(errno));
    }
    g_mutex_unlock(&kvm->lock);
}

bool kvm_send_msi(struct kvm *kvm, uint64_t gpa, uint32_t data)
{
    struct kvm_msi msi = {
        .address_lo = (uint32_t)gpa, .address_hi = (uint32_t)(gpa >> 32), .data = data};

    if (kvm->irqchip == KVM_IRQCHIP_SPLIT && (data & MSI_LEVEL)) {
        route_level(kvm, gpa, data);
    }
    return ioctl(kvm->vm_fd, KVM_SIGNAL_MSI, &msi) > 0;
}

void kvm_on_acknowledge(struct kvm *kvm, int (*acknowledge)(void *opaque), void *opaque)
{
    kvm->ext_acknowledge = acknowledge;
    kvm->ext_opaque = opaque;
}

void kvm_on_eoi(struct kvm *kvm, void (*eoi)(void *opaque, uint8_t vector), void *opaque)
{
    kvm->eoi = eoi;
    kvm->eoi_opaque = opaque;
}

static bool chip_io(struct kvm *kvm, unsigned long request, struct kvm_irqchip *chip,
                    GError **error)
{
    if (ioctl(kvm->vm_fd, request, chip) != 0) {
        return fail_errno(error, "KVM: registers of interrupt controller %u", chip->chip_id);
    }
    return true;
}

bool kvm_get_ioapic(struct kvm *kvm, struct kvm_ioapic_state *ret, GError **error)
{
    struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};

    if (!chip_io(kvm, KVM_GET_IRQCHIP, &chip, error)) {
        return false;
    }
    *ret = chip.chip.ioapic;
    return true;
}

bool kvm_set_ioapic(struct kvm *kvm, const struct kvm_ioapic_state *s, GError **error)
{
    struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_IOAPIC};

    chip.chip.ioapic = *s;
    return chip_io(kvm, KVM_SET_IRQCHIP, &chip, error);
}

bool kvm_get_pic(struct kvm *kvm, bool slave, struct kvm_pic_state *ret, GError **error)
{
    struct kvm_irqchip chip = {.chip_id = slave ? KVM_IRQCHIP_PIC_SLAVE : KVM_IRQCHIP_PIC_MASTER};

    if (!chip_io(kvm, KVM_GET_IRQCHIP, &chip, error)) {
        return false;
    }
    *ret = chip.chip.pic;
    return true;
}

bool kvm_set_pic(struct kvm *kvm, bool slave, const struct kvm_pic_state *s, GError **error)
{
    struct kvm_irqchip chip = {.chip_id = slave ? KVM_IRQCHIP_PIC_SLAVE : KVM_IRQCHIP_PIC_MASTER};

    chip.chip.pic = *s;
    return chip_io(kvm, KVM_SET_IRQCHIP, &chip, error);
}

/* ---- local APICs in the kernel, for the CPU struct ------------------------------------------- */

static struct kvm_vcpu *kv_of(struct vcpu *v)
{
    return v->engine;
}

void kvm_lapic_get(struct vcpu *v, uint8_t page[KVM_LAPIC_PAGE_BYTES])
{
    struct kvm_lapic_state s = {0};

    if (!kv_of(v) || ioctl(kv_of(v)->fd, KVM_GET_LAPIC, &s) != 0) {
        memset(&s, 0, sizeof(s));
    }
    memcpy(page, s.regs, KVM_LAPIC_PAGE_BYTES);
}

void kvm_lapic_set(struct vcpu *v, const uint8_t page[KVM_LAPIC_PAGE_BYTES])
{
    struct kvm_lapic_state s;

    memcpy(s.regs, page, KVM_LAPIC_PAGE_BYTES);
    if (kv_of(v) && ioctl(kv_of(v)->fd, KVM_SET_LAPIC, &s) != 0) {
        kvm_complain(kv_of(v), "local APIC");
    }
}

uint64_t kvm_lapic_get_deadline(struct vcpu *v)
{
    uint64_t tsc = 0;

    return kv_of(v) && kvm_msr_get(kv_of(v), MSR_TSC_DEADLINE, &tsc) ? tsc : 0;
}

void kvm_lapic_set_deadline(struct vcpu *v, uint64_t tsc)
{
    if (kv_of(v)) {
        kv_of(v)->tsc_deadline = tsc;
        kvm_msr_set(kv_of(v), MSR_TSC_DEADLINE, tsc);
    }
}

void kvm_lapic_reset(struct vcpu *v)
{
    if (kv_of(v)) {
        kv_of(v)->lapic_reset = true;
    }
}

/* These serve the interpreter while it does one instruction for KVM: the struct is pulled. */

static int acknowledge(void *opaque)
{
    const struct kvm *kvm = kv_of(opaque)->kvm;

    /* split: the 8259s are not the kernel's; on: it delivers by itself */
    return kvm->ext_acknowledge ? kvm->ext_acknowledge(kvm->ext_opaque) : -1;
}

static uint8_t get_tpr(void *opaque)
{
    return (uint8_t)kv_of(opaque)->cr8;
}

static void set_tpr(void *opaque, uint8_t tpr)
{
    kv_of(opaque)->cr8 = tpr & 15;
}

static bool set_apic_base(void *opaque, uint64_t val)
{
    kv_of(opaque)->cpu->msr.apic_base = val;
    return true; /* pushed with the other registers, and checked there */
}

static bool x2apic_read(void *opaque, uint32_t reg, uint64_t *ret_val)
{
    return kvm_msr_get(kv_of(opaque), MSR_X2APIC_FIRST + reg, ret_val);
}

static bool x2apic_write(void *opaque, uint32_t reg, uint64_t val)
{
    return kvm_msr_set(kv_of(opaque), MSR_X2APIC_FIRST + reg, val);
}

static uint64_t get_tsc_deadline(void *opaque)
{
    return kv_of(opaque)->tsc_deadline;
}

static void set_tsc_deadline(void *opaque, uint64_t tsc)
{
    kv_of(opaque)->tsc_deadline = tsc;
}

static void init_received(void *opaque)
{
    kvm_lapic_reset(opaque);
}

static void set_ferr(void *opaque, bool level)
{
    struct kvm_vcpu *kv = kv_of(opaque);

    if (kv->kvm->irqchip == KVM_IRQCHIP_ON) {
        kvm_irq_line(kv->kvm, 13, level);
    }
}

static void triple_fault(void *opaque)
{
    struct vcpu *v = opaque;

    machine_request_reset(v->machine, CAUSE_GUEST_RESET);
}

static void smm_changed(void *opaque, bool in_smm)
{
    struct vcpu *v = opaque;

    log_printf(LOG_INT, "CPU %d %s SMM\n", v->index, in_smm ? "enters" : "leaves");
}

const struct x86_irq_ops kvm_cpu_irq_ops = {
    .acknowledge = acknowledge,
    .get_tpr = get_tpr,
    .set_tpr = set_tpr,
    .set_apic_base = set_apic_base,
    .x2apic_read = x2apic_read,
    .x2apic_write = x2apic_write,
    .get_tsc_deadline = get_tsc_deadline,
    .set_tsc_deadline = set_tsc_deadline,
    .init_received = init_received,
    .set_ferr = set_ferr,
    .smm_changed = smm_changed,
    .triple_fault = triple_fault,
};
