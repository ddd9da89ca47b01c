/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architectural state between the kernel and struct x86_cpu, both ways.
 *
 * Pull reads everything, push writes everything. What the struct has no field for (pending events
 * in KVM's form, extended vector state, further MSRs) waits in struct kvm_vcpu between the two, so
 * that a pull and a push leave the guest as it was. Order in a push: APIC base before the local
 * APIC, that before MSRs (the TSC deadline needs the timer's mode), events last.
 *
 * Locking: the vCPU's own thread, or any thread while it is stopped.
 */
#include "accel/kvm/kvm_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

static struct kvm_vcpu *kv_of(struct vcpu *v)
{
    return v->engine;
}

/* ---- general registers ------------------------------------------------------------------------
 */

/* Both in the order of X86_RAX ... X86_R15. */
#define GPRS(r)                                                                                    \
    {                                                                                              \
        &(r).rax, &(r).rcx, &(r).rdx, &(r).rbx, &(r).rsp, &(r).rbp, &(r).rsi, &(r).rdi, &(r).r8,   \
            &(r).r9, &(r).r10, &(r).r11, &(r).r12, &(r).r13, &(r).r14, &(r).r15                    \
    }

static void pull_regs(struct kvm_vcpu *kv)
{
    struct kvm_regs regs = {0};
    __u64 *const gpr[16] = GPRS(regs);

    if (ioctl(kv->fd, KVM_GET_REGS, &regs) != 0) {
        kvm_complain(kv, "registers");
        return;
    }
    for (unsigned i = 0; i < 16; i++) {
        kv->cpu->gpr[i] = *gpr[i];
    }
    kv->cpu->rip = regs.rip;
    x86_eflags_set(kv->cpu, (uint32_t)regs.rflags);
}

static void push_regs(struct kvm_vcpu *kv)
{
    struct kvm_regs regs = {0};
    __u64 *const gpr[16] = GPRS(regs);

    for (unsigned i = 0; i < 16; i++) {
        *gpr[i] = kv->cpu->gpr[i];
    }
    regs.rip = kv->cpu->rip;
    regs.rflags = x86_eflags_get(kv->cpu) | 2;
    if (ioctl(kv->fd, KVM_SET_REGS, &regs) != 0) {
        kvm_complain(kv, "registers");
    }
}

/* ---- segments, tables, control registers ------------------------------------------------------
 */

static void pull_seg(struct x86_seg *to, const struct kvm_segment *from)
{
    to->sel = from->selector;
    to->base = from->base;
    to->limit = from->limit;
    to->attr = (uint16_t)((from->type & 15) | (from->s ? SEG_S : 0) |
                          (from->dpl & 3) << SEG_DPL_SHIFT | (from->avl ? SEG_AVL : 0) |
                          (from->l ? SEG_L : 0) | (from->db ? SEG_D : 0) | (from->g ? SEG_G : 0));
    if (from->present && !from->unusable) {
        to->attr |= SEG_P;
    }
}

static struct kvm_segment push_seg(const struct x86_seg *from)
{
    return (struct kvm_segment){
        .selector = from->sel,
        .base = from->base,
        .limit = from->limit,
        .type = from->attr & 15,
        .present = !!(from->attr & SEG_P),
        .dpl = from->attr >> SEG_DPL_SHIFT & 3,
        .db = !!(from->attr & SEG_D),
        .s = !!(from->attr & SEG_S),
        .l = !!(from->attr & SEG_L),
        .g = (from->attr & SEG_G) || from->limit > 0xfffff, /* else KVM cuts the limit */
        .avl = !!(from->attr & SEG_AVL),
        .unusable = !(from->attr & SEG_P),
    };
}

/* kvm_sregs and kvm_sregs2 begin alike, up to apic_base. */
G_STATIC_ASSERT(offsetof(struct kvm_sregs, apic_base) == offsetof(struct kvm_sregs2, apic_base));

static void pull_system(struct kvm_vcpu *kv, const struct kvm_sregs2 *s)
{
    struct x86_cpu *cpu = kv->cpu;

    pull_seg(&cpu->seg[X86_CS], &s->cs);
    pull_seg(&cpu->seg[X86_DS], &s->ds);
    pull_seg(&cpu->seg[X86_ES], &s->es);
    pull_seg(&cpu->seg[X86_FS], &s->fs);
    pull_seg(&cpu->seg[X86_GS], &s->gs);
    pull_seg(&cpu->seg[X86_SS], &s->ss);
    pull_seg(&cpu->seg[X86_TR], &s->tr);
    pull_seg(&cpu->seg[X86_LDTR], &s->ldt);
    cpu->gdt = (struct x86_table){s->gdt.base, s->gdt.limit};
    cpu->idt = (struct x86_table){s->idt.base, s->idt.limit};
    cpu->cr0 = s->cr0;
    cpu->cr2 = s->cr2;
    cpu->cr3 = s->cr3;
    cpu->cr4 = s->cr4;
    cpu->cr8 = kv->cr8 = s->cr8;
    cpu->efer = s->efer;
    if (kvm_lapic_in_kernel(kv->kvm)) {
        cpu->msr.apic_base = s->apic_base;
    }
    if (!(cpu->cr0 & CR0_PE)) {
        cpu->cpl = 0;
    } else if (x86_eflags_get(cpu) & FLAG_VM) {
        cpu->cpl = 3;
    } else {
        cpu->cpl = cpu->seg[X86_SS].attr >> SEG_DPL_SHIFT & 3;
    }
}

static void pull_sregs(struct kvm_vcpu *kv)
{
    struct kvm_sregs2 s2 = {0};
    struct kvm_sregs s = {0};

    if (kv->kvm->has_sregs2 && ioctl(kv->fd, KVM_GET_SREGS2, &s2) == 0) {
        if (s2.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID) {
            memcpy(kv->cpu->pdpte, s2.pdptrs, sizeof(kv->cpu->pdpte));
        }
    } else if (ioctl(kv->fd, KVM_GET_SREGS, &s) == 0) {
        memcpy(&s2, &s, offsetof(struct kvm_sregs, interrupt_bitmap));
    } else {
        kvm_complain(kv, "system registers");
        return;
    }
    pull_system(kv, &s2);
}

static bool uses_pdptes(const struct x86_cpu *cpu)
{
    return (cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !(cpu->efer & EFER_LMA);
}

static void push_sregs(struct kvm_vcpu *kv)
{
    struct x86_cpu *cpu = kv->cpu;
    struct kvm_sregs2 s2 = {
        .cs = push_seg(&cpu->seg[X86_CS]),
        .ds = push_seg(&cpu->seg[X86_DS]),
        .es = push_seg(&cpu->seg[X86_ES]),
        .fs = push_seg(&cpu->seg[X86_FS]),
        .gs = push_seg(&cpu->seg[X86_GS]),
        .ss = push_seg(&cpu->seg[X86_SS]),
        .tr = push_seg(&cpu->seg[X86_TR]),
        .ldt = push_seg(&cpu->seg[X86_LDTR]),
        .gdt = {.base = cpu->gdt.base, .limit = cpu->gdt.limit},
        .idt = {.base = cpu->idt.base, .limit = cpu->idt.limit},
        .cr0 = cpu->cr0,
        .cr2 = cpu->cr2,
        .cr3 = cpu->cr3,
        .cr4 = cpu->cr4,
        .cr8 = kvm_lapic_in_kernel(kv->kvm) ? kv->cr8 : cpu->cr8,
        .efer = cpu->efer,
        .apic_base = cpu->msr.apic_base,
    };
    struct kvm_sregs s = {0};

    if (kv->kvm->has_sregs2) {
        if (uses_pdptes(cpu)) {
            memcpy(s2.pdptrs, cpu->pdpte, sizeof(s2.pdptrs));
            s2.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
        }
        if (ioctl(kv->fd, KVM_SET_SREGS2, &s2) == 0) {
            return;
        }
    }
    memcpy(&s, &s2, offsetof(struct kvm_sregs, interrupt_bitmap));
    if (ioctl(kv->fd, KVM_SET_SREGS, &s) != 0) {
        kvm_complain(kv, "system registers");
    }
}

/* ---- debug and extended control registers -------------------------------------------------------
 */

static void pull_debug(struct kvm_vcpu *kv)
{
    struct kvm_debugregs *d = &kv->debugregs;

    if (!kv->kvm->has_debugregs || ioctl(kv->fd, KVM_GET_DEBUGREGS, d) != 0) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        kv->cpu->dr[i] = d->db[i];
    }
    kv->cpu->dr[6] = d->dr6;
    kv->cpu->dr[7] = d->dr7;
}

static void push_debug(struct kvm_vcpu *kv)
{
    struct kvm_debugregs *d = &kv->debugregs;

    if (!kv->kvm->has_debugregs) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        d->db[i] = kv->cpu->dr[i];
    }
    d->dr6 = kv->cpu->dr[6];
    d->dr7 = kv->cpu->dr[7];
    d->flags = 0;
    if (ioctl(kv->fd, KVM_SET_DEBUGREGS, d) != 0) {
        kvm_complain(kv, "debug registers");
    }
}

static void pull_xcrs(struct kvm_vcpu *kv)
{
    struct kvm_xcrs x = {0};

    if (!kv->kvm->has_xcrs || !x86_has(kv->cpu, X86_F_XSAVE) ||
        ioctl(kv->fd, KVM_GET_XCRS, &x) != 0) {
        return;
    }
    for (unsigned i = 0; i < MIN(x.nr_xcrs, KVM_MAX_XCRS); i++) {
        if (x.xcrs[i].xcr == 0) {
            kv->cpu->xcr0 = x.xcrs[i].value;
        }
    }
}

static void push_xcrs(struct kvm_vcpu *kv)
{
    struct kvm_xcrs x = {.nr_xcrs = 1};

    if (!kv->kvm->has_xcrs || !x86_has(kv->cpu, X86_F_XSAVE)) {
        return;
    }
    x.xcrs[0].value = kv->cpu->xcr0 | XCR0_X87;
    if (ioctl(kv->fd, KVM_SET_XCRS, &x) != 0) {
        kvm_complain(kv, "XCR0");
    }
}

/* ---- events, local APIC, run state --------------------------------------------------------------
 */

static void pull_events(struct kvm_vcpu *kv)
{
    struct kvm_vcpu_events *e = &kv->events;
    struct x86_cpu *cpu = kv->cpu;

    if (ioctl(kv->fd, KVM_GET_VCPU_EVENTS, e) != 0) {
        kvm_complain(kv, "events");
        return;
    }
    cpu->nmi_masked = e->nmi.masked;
    cpu->interrupt_shadow = e->interrupt.shadow != 0;
    cpu->in_smm = (e->flags & KVM_VCPUEVENT_VALID_SMM) && e->smi.smm;
    cpu->injected.exception = e->exception.injected || e->exception.pending;
    cpu->injected.interrupt = e->interrupt.injected;
    cpu->injected.soft = e->interrupt.soft;
    cpu->injected.has_error = e->exception.has_error_code;
    cpu->injected.error = e->exception.error_code;
    cpu->injected.vector = cpu->injected.exception ? e->exception.nr : e->interrupt.nr;
    if (e->nmi.pending || e->nmi.injected) {
        x86_cpu_request(cpu, X86_REQ_NMI);
    }
}

static void push_events(struct kvm_vcpu *kv)
{
    struct x86_cpu *cpu = kv->cpu;
    uint32_t requests = __atomic_load_n(&cpu->requests, __ATOMIC_ACQUIRE);
    struct kvm_vcpu_events e = {
        .interrupt = {.injected = cpu->injected.interrupt,
                      .nr = cpu->injected.vector,
                      .soft = cpu->injected.soft,
                      .shadow = cpu->interrupt_shadow ? KVM_X86_SHADOW_INT_STI : 0},
        .nmi = {.pending = !!(requests & X86_REQ_NMI), .masked = cpu->nmi_masked},
        .sipi_vector = kv->events.sipi_vector,
        .flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
    };

    if (cpu->injected.exception) {
        e.exception.injected = 1;
        e.exception.nr = cpu->injected.vector;
        e.exception.has_error_code = cpu->injected.has_error;
        e.exception.error_code = cpu->injected.error;
        e.interrupt.injected = 0;
    }
    if (kv->kvm->has_smm) {
        e.flags |= KVM_VCPUEVENT_VALID_SMM;
        e.smi.smm = cpu->in_smm;
        e.smi.smm_inside_nmi = cpu->in_smm && cpu->nmi_masked;
    }
    if (ioctl(kv->fd, KVM_SET_VCPU_EVENTS, &e) != 0) {
        kvm_complain(kv, "events");
    } else if (requests & X86_REQ_NMI) {
        x86_cpu_unrequest(cpu, X86_REQ_NMI); /* the kernel has it now */
    }
}

static void put32(uint8_t *page, unsigned offset, uint32_t val)
{
    memcpy(page + offset, &val, sizeof(val));
}

/* A local APIC after power-on; LINT0 of the boot CPU passes the 8259s on. */
static void lapic_power_on(struct kvm_vcpu *kv)
{
    uint8_t *page = kv->lapic;
    uint32_t version;

    memcpy(&version, page + 0x30, sizeof(version));
    memset(page, 0, sizeof(kv->lapic));
    put32(page, 0x20, kv->apic_id << 24);
    put32(page, 0x30, version);
    put32(page, 0xe0, 0xffffffff);
    put32(page, 0xf0, 0xff);
    for (unsigned lvt = 0x320; lvt <= 0x370; lvt += 0x10) {
        put32(page, lvt, 1 << 16);
    }
    put32(page, 0x2f0, 1 << 16);
    if (kv->cpu->bsp) {
        put32(page, 0x350, 7 << 8);
    }
}

static void push_lapic(struct kvm_vcpu *kv)
{
    if (!kvm_lapic_in_kernel(kv->kvm)) {
        return;
    }
    if (kv->lapic_reset) {
        kvm_lapic_get(kv->v, kv->lapic);
        lapic_power_on(kv);
        kv->lapic_reset = false;
        kv->tsc_deadline = 0;
        kv->cr8 = 0;
        kvm_lapic_set(kv->v, kv->lapic);
    }
}

static void pull_mp_state(struct kvm_vcpu *kv)
{
    struct kvm_mp_state mp;

    if (!kvm_lapic_in_kernel(kv->kvm) || ioctl(kv->fd, KVM_GET_MP_STATE, &mp) != 0) {
        return;
    }
    switch (mp.mp_state) {
    case KVM_MP_STATE_HALTED:
        kv->cpu->run_state = X86_HALTED;
        break;
    case KVM_MP_STATE_UNINITIALIZED:
    case KVM_MP_STATE_INIT_RECEIVED:
        kv->cpu->run_state = X86_WAIT_FOR_SIPI;
        break;
    default:
        kv->cpu->run_state = X86_RUNNING;
        break;
    }
}

static void push_mp_state(struct kvm_vcpu *kv)
{
    struct kvm_mp_state mp = {.mp_state = KVM_MP_STATE_RUNNABLE};

    if (!kvm_lapic_in_kernel(kv->kvm)) {
        return;
    }
    if (kv->cpu->run_state == X86_HALTED) {
        mp.mp_state = KVM_MP_STATE_HALTED;
    } else if (kv->cpu->run_state == X86_WAIT_FOR_SIPI) {
        mp.mp_state = KVM_MP_STATE_UNINITIALIZED;
    }
    if (ioctl(kv->fd, KVM_SET_MP_STATE, &mp) != 0) {
        kvm_complain(kv, "run state");
    }
}

/* ---- all of it
 * ------------------------------------------------------------------------------------ */

void kvm_pull_state(struct vcpu *v)
{
    struct kvm_vcpu *kv = kv_of(v);

    if (!kv) {
        return;
    }
    pull_regs(kv);
    pull_sregs(kv);
    pull_xcrs(kv);
    kvm_pull_fpu(kv);
    pull_debug(kv);
    kvm_pull_msrs(kv);
    pull_mp_state(kv);
    pull_events(kv);
    x86_cpu_state_loaded(kv->cpu);
}

void kvm_push_state(struct vcpu *v)
{
    struct kvm_vcpu *kv = kv_of(v);

    if (!kv) {
        return;
    }
    if (kv->cpu->smm_mem) {
        kvm_smm_listen(kv->kvm, kv->cpu->smm_mem);
    }
    push_regs(kv);
    push_xcrs(kv);
    push_sregs(kv);
    kvm_push_fpu(kv);
    push_debug(kv);
    push_lapic(kv);
    kvm_push_msrs(kv);
    push_mp_state(kv);
    push_events(kv);
}
