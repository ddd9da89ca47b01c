/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KVM's vCPUs: making them, running guest code, interrupting it.
 *
 * Kicks without races. The kicker sets vcpu->exit_request, then run->immediate_exit, then sends the
 * thread a signal. The thread clears immediate_exit, then looks at exit_request, then enters
 * KVM_RUN. If the kick comes before the look, the thread sees it; if it comes after, the kernel
 * sees immediate_exit at entry or the signal ends KVM_RUN. The signal's handler does nothing.
 *
 * Interrupt controllers in this process (kernel-irqchip=off, and the 8259s of split) raise
 * X86_REQ_INTR; the vector is taken when the guest can accept it, and otherwise the kernel is asked
 * to exit once it can. HLT, INIT and SIPI are then ours as well.
 */
#include "accel/kvm/kvm_impl.h"

#include "target/i386/step.h"
#include "util/log.h"
#include "util/rcu.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KICK_SIGNAL (SIGRTMIN + 2)

static struct kvm_vcpu *kv_of(struct vcpu *v)
{
    return __atomic_load_n((struct kvm_vcpu **)&v->engine, __ATOMIC_ACQUIRE);
}

static void ignore_signal(int sig)
{
    (void)sig; /* it has done its work by ending KVM_RUN */
}

void kvm_install_kick_signal(void)
{
    struct sigaction action = {.sa_handler = ignore_signal};

    sigemptyset(&action.sa_mask);
    sigaction(KICK_SIGNAL, &action, NULL);
}

void kvm_complain(struct kvm_vcpu *kv, const char *what)
{
    warn_user("kvm: CPU %d: the host refuses its %s: %s", kv->v->index, what, g_strerror(errno));
}

/* ---- making and ending ----------------------------------------------------------------------- */

/* A vCPU of this id whose thread has ended: KVM cannot remove vCPUs, so it is used again. */
static struct kvm_vcpu *find_parked(struct kvm *kvm, uint32_t apic_id)
{
    for (guint i = 0; i < kvm->vcpus->len; i++) {
        struct kvm_vcpu *kv = g_ptr_array_index(kvm->vcpus, i);

        if (kv->apic_id == apic_id && !__atomic_load_n(&kv->tid, __ATOMIC_RELAXED)) {
            return kv;
        }
    }
    return NULL;
}

void kvm_vcpu_free(struct kvm_vcpu *kv)
{
    if (kv->run && kv->run != MAP_FAILED) {
        munmap(kv->run, kv->kvm->run_size);
    }
    if (kv->fd >= 0) {
        close(kv->fd);
    }
    g_free(kv->xsave);
    g_free(kv);
}

static struct kvm_vcpu *create(struct kvm *kvm, uint32_t apic_id, GError **error)
{
    struct kvm_vcpu *kv = g_new0(struct kvm_vcpu, 1);

    kv->kvm = kvm;
    kv->apic_id = apic_id;
    kv->fd = ioctl(kvm->vm_fd, KVM_CREATE_VCPU, (unsigned long)apic_id);
    if (kv->fd < 0) {
        fail_errno(error, "KVM cannot make a vCPU with APIC id %u", apic_id);
        goto undo;
    }
    kv->run = mmap(NULL, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, kv->fd, 0);
    if (kv->run == MAP_FAILED) {
        fail_errno(error, "cannot map a vCPU's shared pages");
        goto undo;
    }
    if (kvm->xsave_size) {
        kv->xsave = g_malloc0(kvm->xsave_size);
    }
    g_mutex_lock(&kvm->lock);
    if (kvm->ring_offset && !kvm->ring) {
        kvm->ring = (void *)((char *)kv->run + kvm->ring_offset); /* the same one in all vCPUs */
    }
    g_ptr_array_add(kvm->vcpus, kv);
    g_mutex_unlock(&kvm->lock);
    return kv;

undo:
    kvm_vcpu_free(kv);
    return NULL;
}

static bool set_tsc_rate(struct kvm_vcpu *kv, GError **error)
{
    uint64_t wanted = x86_ident(kv->cpu)->tsc_khz;
    int have = ioctl(kv->fd, KVM_GET_TSC_KHZ, 0);

    if (wanted && (have <= 0 || (uint64_t)have != wanted)) {
        /* a host that cannot scale is good enough within 250 ppm */
        if (ioctl(kv->fd, KVM_SET_TSC_KHZ, (unsigned long)wanted) != 0 &&
            (have <= 0 || (uint64_t)ABS((int64_t)wanted - have) * 1000000 / wanted > 250)) {
            return fail(error,
                        "-cpu: tsc-frequency: this host cannot run the guest's counter at "
                        "%" PRIu64 " kHz; its own runs at %d kHz",
                        wanted, have);
        }
        have = (int)wanted;
    }
    if (have > 0) {
        kv->cpu->tsc_khz = (uint64_t)have;
    }
    return true;
}

static bool set_mce(struct kvm_vcpu *kv, GError **error)
{
    uint64_t supported = 0, cap;

    if (!kv->kvm->mce_banks || !x86_has(kv->cpu, X86_F_MCA) || !x86_has(kv->cpu, X86_F_MCE) ||
        ioctl(kv->kvm->fd, KVM_X86_GET_MCE_CAP_SUPPORTED, &supported) != 0) {
        return true;
    }
    cap = (supported & (1 << 8 | 1 << 24)) | kv->kvm->mce_banks; /* MCG_CTL_P, SER_P */
    if (ioctl(kv->fd, KVM_X86_SETUP_MCE, &cap) != 0) {
        return fail_errno(error, "KVM refuses %u machine check banks", kv->kvm->mce_banks);
    }
    return true;
}

static void unblock_kick(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, KICK_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* Requests must be seen while guest code runs, not only by a halted CPU. */
static void kick_thread(struct x86_cpu *cpu)
{
    struct x86_vcpu *xv = cpu->kick_opaque;

    if (vcpu_has_thread(&xv->vcpu)) {
        vcpu_kick(&xv->vcpu);
    }
}

bool kvm_vcpu_init(struct vcpu *v, GError **error)
{
    struct kvm *kvm = kvm_from(v->accel);
    struct x86_cpu *cpu = x86_vcpu_cpu(v);
    struct kvm_vcpu *kv = find_parked(kvm, cpu->apic_id);

    if (!kv) {
        kv = create(kvm, cpu->apic_id, error);
    }
    if (!kv) {
        return false;
    }
    kv->v = v;
    kv->cpu = cpu;
    kv->lapic_reset = true;
    unblock_kick();
    if (!kvm_set_cpuid(kv, error) || !set_mce(kv, error) || !set_tsc_rate(kv, error)) {
        return false;
    }
    kvm_find_msrs(kv);
    cpu->kick = kick_thread;
    __atomic_store_n(&kv->tid, gettid(), __ATOMIC_RELEASE);
    __atomic_store_n((struct kvm_vcpu **)&v->engine, kv, __ATOMIC_RELEASE);
    return true;
}

void kvm_vcpu_fini(struct vcpu *v)
{
    struct kvm_vcpu *kv = kv_of(v);

    __atomic_store_n(&kv->tid, 0, __ATOMIC_RELEASE); /* kv lives on: somebody may be kicking */
}

void kvm_vcpu_kick(struct vcpu *v)
{
    struct kvm_vcpu *kv = kv_of(v);
    pid_t tid = kv ? __atomic_load_n(&kv->tid, __ATOMIC_ACQUIRE) : 0;

    if (tid) {
        __atomic_store_n(&kv->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        syscall(SYS_tgkill, getpid(), tid, KICK_SIGNAL);
    }
}

/* ---- before and after guest code --------------------------------------------------------------
 */

static uint32_t requests_of(const struct kvm_vcpu *kv)
{
    return __atomic_load_n(&kv->cpu->requests, __ATOMIC_ACQUIRE);
}

static void inject_nmi_smi(struct kvm_vcpu *kv)
{
    uint32_t r = requests_of(kv);

    if (r & X86_REQ_NMI) {
        x86_cpu_unrequest(kv->cpu, X86_REQ_NMI);
        if (ioctl(kv->fd, KVM_NMI, 0) != 0) {
            kvm_complain(kv, "NMI");
        }
    }
    if ((r & X86_REQ_SMI) && kv->kvm->has_smm) {
        x86_cpu_unrequest(kv->cpu, X86_REQ_SMI);
        if (ioctl(kv->fd, KVM_SMI, 0) != 0) {
            kvm_complain(kv, "SMI");
        }
    }
}

/* External interrupts from controllers in this process. */
static void inject_interrupt(struct kvm_vcpu *kv)
{
    struct x86_cpu *cpu = kv->cpu;
    struct kvm_run *run = kv->run;

    run->request_interrupt_window = 0;
    if (!(requests_of(kv) & X86_REQ_INTR) || !cpu->irq_ops) {
        return;
    }
    if (run->ready_for_interrupt_injection && run->if_flag) {
        int vector = cpu->irq_ops->acknowledge(cpu->irq_opaque);
        struct kvm_interrupt irq = {.irq = (uint32_t)vector};

        if (vector >= 0 && ioctl(kv->fd, KVM_INTERRUPT, &irq) != 0) {
            kvm_complain(kv, "interrupt");
        }
    }
    run->request_interrupt_window = !!(requests_of(kv) & X86_REQ_INTR);
}

static enum vcpu_exit halt(struct kvm_vcpu *kv)
{
    __atomic_store_n(&kv->v->halted, true, __ATOMIC_RELAXED);
    return VCPU_EXIT_HALTED;
}

/* Delivers what waits, as the interpreter does; a delivery may fault and jump to cpu->unwind. */
static bool poll_cpu(struct x86_cpu *cpu)
{
    if (setjmp(cpu->unwind)) {
        x86_deliver_raised(cpu);
        return cpu->run_state == X86_RUNNING;
    }
    return x86_cpu_poll(cpu);
}

/*
 * INIT, SIPI and HLT without a kernel APIC. False: the CPU is not to run now.
 */
static bool run_state_allows(struct kvm_vcpu *kv)
{
    struct x86_cpu *cpu = kv->cpu;
    bool runs = true;

    if (cpu->run_state == X86_HALTED && x86_cpu_has_work(cpu) &&
        !(requests_of(kv) & (X86_REQ_INIT | X86_REQ_SIPI))) {
        cpu->run_state = X86_RUNNING;
    }
    if (requests_of(kv) & (X86_REQ_INIT | X86_REQ_SIPI)) {
        kvm_pull_state(kv->v);
        rcu_read_lock();
        runs = poll_cpu(cpu);
        rcu_read_unlock();
        kvm_push_state(kv->v);
    }
    return runs && cpu->run_state == X86_RUNNING;
}

/* False: the CPU is not to enter guest code now. */
static bool before_entry(struct kvm_vcpu *kv)
{
    struct x86_cpu *cpu = kv->cpu;
    bool own_apic = !kvm_lapic_in_kernel(kv->kvm);

    if (own_apic && !run_state_allows(kv)) {
        return false;
    }
    __atomic_store_n(&kv->v->halted, false, __ATOMIC_RELAXED);
    inject_nmi_smi(kv);
    if (kv->kvm->irqchip != KVM_IRQCHIP_ON) {
        inject_interrupt(kv);
    }
    if (own_apic && cpu->irq_ops) {
        kv->run->cr8 = cpu->irq_ops->get_tpr(cpu->irq_opaque);
    }
    return true;
}

static void after_exit(struct kvm_vcpu *kv)
{
    struct x86_cpu *cpu = kv->cpu;

    kvm_drain_ring(kv->kvm);
    if (kvm_lapic_in_kernel(kv->kvm) || !cpu->irq_ops) {
        return;
    }
    cpu->irq_ops->set_tpr(cpu->irq_opaque, (uint8_t)kv->run->cr8);
    if (kv->run->apic_base != cpu->msr.apic_base &&
        cpu->irq_ops->set_apic_base(cpu->irq_opaque, kv->run->apic_base)) {
        cpu->msr.apic_base = kv->run->apic_base;
    }
}

static void end_of_interrupt(struct kvm_vcpu *kv)
{
    struct kvm *kvm = kv->kvm;
    bool taken = lock_enter(&kvm->a.machine->lock);

    if (kvm->eoi) {
        kvm->eoi(kvm->eoi_opaque, kv->run->eoi.vector);
    }
    lock_leave(&kvm->a.machine->lock, taken);
}

static void system_event(struct kvm_vcpu *kv)
{
    struct machine *m = kv->kvm->a.machine;

    switch (kv->run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        machine_request_shutdown(m, CAUSE_GUEST_SHUTDOWN);
        break;
    case KVM_SYSTEM_EVENT_CRASH:
        machine_guest_panicked(m, PANIC_HALTED);
        break;
    default:
        machine_request_reset(m, CAUSE_GUEST_RESET);
        break;
    }
}

/* Answers one exit. True: enter guest code again, as far as this exit is concerned. */
static bool serve(struct kvm_vcpu *kv, enum vcpu_exit *ret)
{
    struct kvm_run *run = kv->run;
    g_autofree char *why = NULL;

    kv->exits++;
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        kv->exits_io++;
        kvm_exit_io(kv);
        kv->incomplete = true;
        return true;
    case KVM_EXIT_MMIO:
        kv->exits_mmio++;
        kvm_exit_mmio(kv);
        kv->incomplete = true;
        return true;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
        kv->exits_irq_window++;
        return true;
    case KVM_EXIT_INTR:
    case KVM_EXIT_SET_TPR:
        return true;
    case KVM_EXIT_IOAPIC_EOI:
        end_of_interrupt(kv);
        return true;
    case KVM_EXIT_HLT:
        kv->exits_halt++;
        kv->cpu->run_state = X86_HALTED;
        kv->cpu->eflags = (kv->cpu->eflags & ~(uint32_t)FLAG_IF) | (run->if_flag ? FLAG_IF : 0);
        *ret = halt(kv);
        return false;
    case KVM_EXIT_SHUTDOWN:
        log_printf(LOG_CPU_RESET, "CPU %d: triple fault\n", kv->v->index);
        machine_request_reset(kv->kvm->a.machine, CAUSE_GUEST_RESET);
        *ret = VCPU_EXIT_REQUEST;
        return false;
    case KVM_EXIT_SYSTEM_EVENT:
        system_event(kv);
        *ret = VCPU_EXIT_REQUEST;
        return false;
    case KVM_EXIT_DEBUG:
        *ret = VCPU_EXIT_DEBUG;
        return false;
    case KVM_EXIT_INTERNAL_ERROR:
        if (kvm_exit_internal_error(kv)) {
            return true;
        }
        *ret = VCPU_EXIT_INTERNAL_ERROR;
        return false;
    case KVM_EXIT_FAIL_ENTRY:
        why = g_strdup_printf("the host's CPU refuses to run it (reason %#" PRIx64 ")",
                              (uint64_t)run->fail_entry.hardware_entry_failure_reason);
        break;
    default:
        why = g_strdup_printf("unexpected KVM exit %u", run->exit_reason);
        break;
    }
    kvm_dump(kv, why);
    *ret = VCPU_EXIT_INTERNAL_ERROR;
    return false;
}

/*
 * Lets the kernel finish the instruction whose access was answered; its state is whole then.
 * Returns @ret, or what came up meanwhile.
 */
static enum vcpu_exit complete(struct kvm_vcpu *kv, enum vcpu_exit ret)
{
    /* an instruction may make several accesses; a string instruction goes on later */
    for (unsigned i = 0; kv->incomplete && i < 64; i++) {
        kv->incomplete = false;
        __atomic_store_n(&kv->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        if (ioctl(kv->fd, KVM_RUN, 0) == 0) {
            after_exit(kv);
            serve(kv, &ret);
        }
    }
    return ret;
}

enum vcpu_exit kvm_vcpu_run(struct vcpu *v)
{
    struct kvm_vcpu *kv = kv_of(v);
    enum vcpu_exit ret = VCPU_EXIT_REQUEST;
    bool go_on = true;

    while (go_on) {
        __atomic_store_n(&kv->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&v->exit_request, __ATOMIC_SEQ_CST)) {
            break;
        }
        if (!before_entry(kv)) {
            ret = halt(kv);
            break;
        }
        kv->incomplete = false;
        if (ioctl(kv->fd, KVM_RUN, 0) == 0) {
            after_exit(kv);
            go_on = serve(kv, &ret);
        } else if (errno == EINTR || errno == EAGAIN) {
            after_exit(kv);
        } else {
            g_autofree char *why = g_strdup_printf("KVM_RUN: %s", g_strerror(errno));

            kvm_dump(kv, why);
            ret = VCPU_EXIT_INTERNAL_ERROR;
            break;
        }
    }
    return complete(kv, ret);
}
