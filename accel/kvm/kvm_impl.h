/* SPDX-License-Identifier: Apache-2.0 */
/* Private to accel/kvm: the accelerator's structs and what its files ask of each other. */
#ifndef VITRO_ACCEL_KVM_KVM_IMPL_H
#define VITRO_ACCEL_KVM_KVM_IMPL_H

#include "accel/kvm/kvm.h"
#include "hw/core/machine.h"
#include "target/i386/vcpu.h"
#include <linux/kvm.h>

#define KVM_IOAPIC_PINS 24

/* A mapping of guest memory that the kernel knows. */
struct kvm_slot {
    uint64_t gpa, size;
    struct ram_block *block;
    uint64_t offset; /* in the block */
    bool readonly, logged;
    uint32_t number; /* address space in the upper half */
};

/* The slots and coalesced areas of one address space: the ordinary one, or SMM's. */
struct kvm_space {
    struct view_listener listener; /* first */
    struct kvm *kvm;
    struct address_space *as;
    unsigned id;   /* of KVM's address spaces */
    bool io;       /* ports: coalesced areas only */
    GArray *slots; /* struct kvm_slot; guarded by the machine lock */
    GArray *zones; /* struct kvm_coalesced_mmio_zone */
};

struct kvm {
    struct accel a; /* first */
    int irqchip;    /* property: enum kvm_irqchip_mode */

    bool begun; /* init has been called, and fini not since */
    int fd, vm_fd;
    size_t run_size;    /* of a vCPU's shared pages */
    size_t ring_offset; /* of the coalesced ring in them; 0: none */
    size_t xsave_size;  /* 0: no XSAVE interface, KVM_GET_FPU instead */
    bool coalesced_pio, has_sregs2, has_debugregs, has_smm, has_readonly, has_tsc_control;
    bool has_triple_fault, has_payload, has_xcrs, has_kvmclock_ctrl, has_clock;
    unsigned max_slots, mce_banks;
    uint32_t *msr_list; /* KVM_GET_MSR_INDEX_LIST */
    unsigned msr_count;
    struct x86_accel_caps caps;
    struct kvm_cpuid2 *supported;

    struct kvm_space memory, io, smm;
    GArray *slot_used; /* bool by slot number */
    struct kvm_coalesced_mmio_ring *ring;

    GMutex lock;                     /* guards the next two and appending to vcpus */
    struct kvm_irq_routing *routing; /* room for 64 */
    unsigned level_next;
    void (*eoi)(void *opaque, uint8_t vector);
    void *eoi_opaque;
    int (*ext_acknowledge)(void *opaque);
    void *ext_opaque;

    GPtrArray *vcpus; /* struct kvm_vcpu, by creation; never freed before the accelerator */
    uint64_t clock;   /* kvmclock while the machine is stopped */
    bool clock_saved;
};

#define KVM_MSR_MAX 256

/* struct kvm_msrs with room for one entry, and for all. */
struct kvm_one_msr {
    uint32_t count, pad;
    struct kvm_msr_entry entry;
};
struct kvm_msr_batch {
    uint32_t count, pad;
    struct kvm_msr_entry entries[KVM_MSR_MAX];
};
G_STATIC_ASSERT(offsetof(struct kvm_one_msr, entry) == offsetof(struct kvm_msrs, entries));

struct kvm_vcpu {
    struct kvm *kvm;
    struct vcpu *v;
    struct x86_cpu *cpu;
    uint32_t apic_id;
    int fd;
    pid_t tid; /* atomic; 0: its thread is not there */
    struct kvm_run *run;

    /* what the architectural struct has no place for; valid from pull to push */
    void *xsave; /* whole area, for components that the struct lacks */
    struct kvm_vcpu_events events;
    struct kvm_debugregs debugregs;
    bool incomplete; /* an access was answered, and the kernel has not taken the answer yet */
    uint8_t lapic[KVM_LAPIC_PAGE_BYTES];
    bool lapic_reset;      /* lapic[] is to be power-on at the next push */
    uint64_t tsc_deadline; /* with the APIC in the kernel */
    uint64_t cr8;
    int64_t tsc_offset_pulled;
    bool tsc_pulled;

    struct kvm_msr_entry msr[KVM_MSR_MAX]; /* those that this vCPU has */
    unsigned msr_count;

    /* statistics; written by the vCPU's thread, read by anyone */
    uint64_t exits, exits_io, exits_mmio, exits_halt, exits_irq_window, emulated;
    uint8_t emulated_bytes[15]; /* of the last instruction the interpreter did */
    uint8_t emulated_len;
};

extern const struct accel_type kvm_accel_type;

static inline struct kvm *kvm_from(struct accel *a)
{
    return container_of(a, struct kvm, a);
}

static inline bool kvm_lapic_in_kernel(const struct kvm *kvm)
{
    return kvm->irqchip != KVM_IRQCHIP_OFF;
}

/* caps.c */
bool kvm_load_caps(struct kvm *kvm, GError **error);
bool kvm_set_cpuid(struct kvm_vcpu *kv, GError **error);

/* slots.c */
void kvm_spaces_init(struct kvm *kvm);
/* Machine lock held. */
void kvm_spaces_listen(struct kvm *kvm);
void kvm_spaces_fini(struct kvm *kvm);
void kvm_smm_listen(struct kvm *kvm, struct address_space *as);

/* irqchip.c */
bool kvm_irqchip_create(struct kvm *kvm, GError **error);

/* vcpu.c */
bool kvm_vcpu_init(struct vcpu *v, GError **error);
void kvm_vcpu_fini(struct vcpu *v);
void kvm_vcpu_free(struct kvm_vcpu *kv);
void kvm_vcpu_kick(struct vcpu *v);
enum vcpu_exit kvm_vcpu_run(struct vcpu *v);
void kvm_install_kick_signal(void);

/* exits.c: false when the vCPU cannot go on (the reason is logged) */
void kvm_exit_io(struct kvm_vcpu *kv);
void kvm_exit_mmio(struct kvm_vcpu *kv);
bool kvm_exit_internal_error(struct kvm_vcpu *kv);
void kvm_drain_ring(struct kvm *kvm);
void kvm_dump(struct kvm_vcpu *kv, const char *why);

/* state.c, state_fpu.c, state_msr.c */
void kvm_pull_state(struct vcpu *v);
void kvm_push_state(struct vcpu *v);
void kvm_pull_fpu(struct kvm_vcpu *kv);
void kvm_push_fpu(struct kvm_vcpu *kv);
void kvm_find_msrs(struct kvm_vcpu *kv);
void kvm_pull_msrs(struct kvm_vcpu *kv);
void kvm_push_msrs(struct kvm_vcpu *kv);
bool kvm_msr_get(struct kvm_vcpu *kv, uint32_t index, uint64_t *ret);
bool kvm_msr_set(struct kvm_vcpu *kv, uint32_t index, uint64_t val);
/* A host call on a vCPU failed in a way that cannot be mended: logged once per what. */
void kvm_complain(struct kvm_vcpu *kv, const char *what);

#endif
