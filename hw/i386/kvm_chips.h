/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that stand for interrupt controllers in the kernel: their reset, state and `info` texts.
 */
#ifndef VITRO_HW_I386_KVM_CHIPS_H
#define VITRO_HW_I386_KVM_CHIPS_H

#include "accel/kvm/kvm.h"
#include "hw/core/device.h"

/* The machine's pair of 8259s and its I/O APIC. */
bool kvm_i8259_create(struct machine *m, struct kvm *kvm, GError **error);
bool kvm_ioapic_create(struct machine *m, struct kvm *kvm, GError **error);
/* The local APIC of @v. */
bool kvm_apic_create(struct machine *m, struct vcpu *v, GError **error);

#endif
