/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KVM accelerator, as boards see it: interrupt controllers in the kernel.
 *
 * With kernel-irqchip=on local APICs, I/O APIC and 8259s are the kernel's, with split only the
 * local APICs, with off none. A board asks kvm_irqchip_mode() and makes what is left.
 *
 * Locking: machine lock, unless a function says otherwise.
 */
#ifndef VITRO_ACCEL_KVM_KVM_H
#define VITRO_ACCEL_KVM_KVM_H

#include "accel/accel.h"
#include "util/error.h"

struct kvm_ioapic_state;
struct kvm_pic_state;

enum kvm_irqchip_mode {
    KVM_IRQCHIP_ON,
    KVM_IRQCHIP_OFF,
    KVM_IRQCHIP_SPLIT,
};

/* Four pages below 4 GiB that Intel hosts use for real mode: the board keeps them free. */
#define KVM_HOST_PAGES_GPA  0xfeffc000u
#define KVM_HOST_PAGES_SIZE 0x4000u

#define KVM_LAPIC_PAGE_BYTES 1024

/* NULL when @a is another accelerator. */
struct kvm *kvm_of(struct accel *a);
enum kvm_irqchip_mode kvm_irqchip_mode(const struct kvm *kvm);

/* Sets line @gsi of the kernel's controllers (mode on). Any thread, no lock needed. */
void kvm_irq_line(struct kvm *kvm, unsigned gsi, int level);
/* Sends a message to the kernel's local APICs (modes on, split). Any thread, no lock needed. */
bool kvm_send_msi(struct kvm *kvm, uint64_t gpa, uint32_t data);

/*
 * Calls @eoi with the machine lock held when the guest ends a level triggered vector (mode split):
 * the board's I/O APIC wants to know.
 */
void kvm_on_eoi(struct kvm *kvm, void (*eoi)(void *opaque, uint8_t vector), void *opaque);

/*
 * The 8259s' acknowledge cycle (mode split): called by CPU threads without locks when the first
 * CPU's interrupt line, x86_cpu_set_intr(), is high. -1: no vector.
 */
void kvm_on_acknowledge(struct kvm *kvm, int (*acknowledge)(void *opaque), void *opaque);

/* The kernel's I/O APIC and 8259s (mode on). False: host error. */
bool kvm_get_ioapic(struct kvm *kvm, struct kvm_ioapic_state *ret, GError **error);
bool kvm_set_ioapic(struct kvm *kvm, const struct kvm_ioapic_state *s, GError **error);
bool kvm_get_pic(struct kvm *kvm, bool slave, struct kvm_pic_state *ret, GError **error);
bool kvm_set_pic(struct kvm *kvm, bool slave, const struct kvm_pic_state *s, GError **error);

/*
 * The local APIC of @v as its MMIO page (modes on, split). On @v's thread or with @v stopped: these
 * wait for as long as guest code runs.
 */
void kvm_lapic_get(struct vcpu *v, uint8_t page[KVM_LAPIC_PAGE_BYTES]);
void kvm_lapic_set(struct vcpu *v, const uint8_t page[KVM_LAPIC_PAGE_BYTES]);
/* When its timer is to expire, as MSR TSC_DEADLINE. */
uint64_t kvm_lapic_get_deadline(struct vcpu *v);
void kvm_lapic_set_deadline(struct vcpu *v, uint64_t tsc);
/* To its power-on state with the next push_state. */
void kvm_lapic_reset(struct vcpu *v);

/* struct x86_irq_ops for CPUs whose local APIC is the kernel's; the opaque is their struct vcpu. */
extern const struct x86_irq_ops kvm_cpu_irq_ops;

#endif
