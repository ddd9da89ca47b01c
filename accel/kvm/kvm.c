/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KVM: the accelerator that runs guests on the host's CPU.
 *
 * Opens /dev/kvm, makes the virtual machine and says which parts of the interface the host has.
 * The other files of this folder: vcpu.c runs guest code, exits.c answers it, state*.c move
 * registers, slots.c maps memory, irqchip.c has the kernel's interrupt controllers, caps.c CPUID.
 *
 * Absent: the dirty ring (the dirty log is used), Hyper-V and Xen interfaces, nested
 * virtualization (its state is not moved, so guests are not offered it), irqfd and ioeventfd, the
 * A20 mask, guest debugging by KVM_SET_GUEST_DEBUG.
 */
#include "accel/kvm/kvm_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define KVM_PATH "/dev/kvm"

struct kvm *kvm_of(struct accel *a)
{
    return a && a->type == &kvm_accel_type ? kvm_from(a) : NULL;
}

enum kvm_irqchip_mode kvm_irqchip_mode(const struct kvm *kvm)
{
    return (enum kvm_irqchip_mode)kvm->irqchip;
}

static int open_kvm(GError **error)
{
    int fd = open(KVM_PATH, O_RDWR | O_CLOEXEC), version;

    if (fd < 0) {
        switch (errno) {
        case ENOENT:
        case ENXIO:
        case ENODEV:
            fail(error, KVM_PATH " is missing: load the module kvm_intel or kvm_amd, and switch "
                                 "virtualization on in the host's firmware; or use -accel tcg");
            break;
        case EACCES:
        case EPERM:
            fail(error, "no permission for " KVM_PATH ": add yourself to the kvm group (sudo "
                        "usermod -aG kvm $USER, then log in again); or use -accel tcg");
            break;
        case EBUSY:
            fail(error, KVM_PATH " is busy: another hypervisor uses the CPU's virtualization; stop "
                                 "it, or use -accel tcg");
            break;
        default:
            fail_errno(error, "cannot open " KVM_PATH);
        }
        return -1;
    }
    version = ioctl(fd, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION) {
        if (version < 0) {
            fail_errno(error, KVM_PATH " is not the KVM device");
        } else {
            fail(error, "the host's KVM interface has version %d, %d is needed", version,
                 KVM_API_VERSION);
        }
        close(fd);
        return -1;
    }
    return fd;
}

static bool kvm_available(GError **error)
{
    int fd = open_kvm(error);

    if (fd < 0) {
        return false;
    }
    close(fd);
    return true;
}

static int create_vm(struct kvm *kvm, GError **error)
{
    int fd;

    do {
        fd = ioctl(kvm->fd, KVM_CREATE_VM, 0);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0 && errno == EBUSY) {
        fail(error, "KVM cannot make a virtual machine: another hypervisor uses the CPU's "
                    "virtualization; stop it, or use -accel tcg");
    } else if (fd < 0) {
        fail_errno(error, "KVM cannot make a virtual machine");
    }
    return fd;
}

/* On the virtual machine's descriptor, which knows more than the device's. */
static int extension(const struct kvm *kvm, unsigned cap)
{
    int ret = ioctl(kvm->vm_fd, KVM_CHECK_EXTENSION, cap);

    return MAX(ret, 0);
}

static bool check_extensions(struct kvm *kvm, GError **error)
{
    static const struct {
        unsigned cap;
        const char *name;
    } needed[] = {
        {KVM_CAP_USER_MEMORY, "user memory"},
        {KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "removable memory"},
        {KVM_CAP_EXT_CPUID, "CPUID lists"},
        {KVM_CAP_IMMEDIATE_EXIT, "immediate exits (Linux 4.12)"},
        {KVM_CAP_VCPU_EVENTS, "vCPU events"},
        {KVM_CAP_SET_TSS_ADDR, "TSS address"},
    };
    int ring, xsave;

    for (unsigned i = 0; i < ARRAY_SIZE(needed); i++) {
        if (!extension(kvm, needed[i].cap)) {
            return fail(error, "the host's KVM has no %s; use a newer kernel, or -accel tcg",
                        needed[i].name);
        }
    }
    kvm->max_slots = (unsigned)MAX(extension(kvm, KVM_CAP_NR_MEMSLOTS), 32);
    kvm->has_readonly = extension(kvm, KVM_CAP_READONLY_MEM);
    kvm->has_sregs2 = extension(kvm, KVM_CAP_SREGS2);
    kvm->has_debugregs = extension(kvm, KVM_CAP_DEBUGREGS);
    kvm->has_xcrs = extension(kvm, KVM_CAP_XCRS);
    kvm->has_tsc_control = extension(kvm, KVM_CAP_TSC_CONTROL);
    kvm->has_triple_fault = extension(kvm, KVM_CAP_X86_TRIPLE_FAULT_EVENT);
    kvm->has_kvmclock_ctrl = extension(kvm, KVM_CAP_KVMCLOCK_CTRL);
    kvm->has_clock = extension(kvm, KVM_CAP_ADJUST_CLOCK);
    kvm->has_smm =
        extension(kvm, KVM_CAP_X86_SMM) && extension(kvm, KVM_CAP_MULTI_ADDRESS_SPACE) > 1;
    kvm->coalesced_pio = extension(kvm, KVM_CAP_COALESCED_PIO);
    kvm->mce_banks = (unsigned)MIN(extension(kvm, KVM_CAP_MCE), X86_MCE_BANKS);
    xsave = extension(kvm, KVM_CAP_XSAVE2);
    kvm->xsave_size = xsave ? (size_t)MAX(xsave, 4096) : extension(kvm, KVM_CAP_XSAVE) ? 4096 : 0;
    ring = extension(kvm, KVM_CAP_COALESCED_MMIO);
    kvm->ring_offset = (size_t)ring * (size_t)sysconf(_SC_PAGESIZE);
    kvm->run_size = (size_t)MAX(ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0), 0);
    if (kvm->run_size < sizeof(struct kvm_run)) {
        return fail(error, "the host's KVM gives vCPUs %zu shared bytes", kvm->run_size);
    }
    if (kvm->ring_offset + (size_t)sysconf(_SC_PAGESIZE) > kvm->run_size) {
        kvm->ring_offset = 0;
    }
    return true;
}

static bool load_msr_list(struct kvm *kvm, GError **error)
{
    struct kvm_msr_list probe = {0}, *list;
    int ret;

    ioctl(kvm->fd, KVM_GET_MSR_INDEX_LIST, &probe); /* E2BIG, and says how many */
    if (probe.nmsrs > 4096) {
        return fail(error, "the host's KVM lists %u MSRs", probe.nmsrs);
    }
    list = g_malloc0(sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
    list->nmsrs = probe.nmsrs;
    ret = ioctl(kvm->fd, KVM_GET_MSR_INDEX_LIST, list);
    if (ret == 0) {
        kvm->msr_count = list->nmsrs;
        kvm->msr_list = g_memdup2(list->indices, list->nmsrs * sizeof(list->indices[0]));
    } else {
        fail_errno(error, "KVM does not list its MSRs");
    }
    g_free(list);
    return ret == 0;
}

/*
 * What KVM's emulator cannot do comes here from user mode, too; without this the guest's program
 * gets #UD for a perfectly good instruction.
 */
static void want_emulation_failures(struct kvm *kvm)
{
    struct kvm_enable_cap cap = {.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = {1}};

    if (extension(kvm, KVM_CAP_EXIT_ON_EMULATION_FAILURE) &&
        ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &cap) != 0) {
        warn_user("kvm: emulation failures in user mode stay in the kernel: %s", g_strerror(errno));
    }
}

/* Where Intel hosts may keep a TSS and a page table for real mode. */
static bool place_host_pages(struct kvm *kvm, GError **error)
{
    uint64_t identity = KVM_HOST_PAGES_GPA;

    if (extension(kvm, KVM_CAP_SET_IDENTITY_MAP_ADDR) &&
        ioctl(kvm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) != 0) {
        return fail_errno(error, "KVM refuses the identity map page");
    }
    if (ioctl(kvm->vm_fd, KVM_SET_TSS_ADDR, KVM_HOST_PAGES_GPA + 0x1000) != 0) {
        return fail_errno(error, "KVM refuses the TSS pages");
    }
    return true;
}

/* The guest's clock stands still while the machine is stopped. */
static void machine_stopped(void *opaque)
{
    struct kvm *kvm = opaque;
    struct kvm_clock_data data = {0};

    kvm->clock_saved = kvm->has_clock && ioctl(kvm->vm_fd, KVM_GET_CLOCK, &data) == 0;
    kvm->clock = data.clock;
}

static void machine_runs(void *opaque)
{
    struct kvm *kvm = opaque;
    struct kvm_clock_data data = {.clock = kvm->clock};

    if (!kvm->clock_saved) {
        return;
    }
    kvm->clock_saved = false;
    ioctl(kvm->vm_fd, KVM_SET_CLOCK, &data);
    for (guint i = 0; kvm->has_kvmclock_ctrl && i < kvm->vcpus->len; i++) {
        struct kvm_vcpu *kv = g_ptr_array_index(kvm->vcpus, i);

        ioctl(kv->fd, KVM_KVMCLOCK_CTRL, 0); /* EINVAL when the guest has no kvmclock */
    }
}

static void kvm_fini(struct accel *a)
{
    struct kvm *kvm = kvm_from(a);

    if (!kvm->begun) {
        return;
    }
    kvm->begun = false;
    machine_off(a->machine, NOTICE_STOPPED, machine_stopped, kvm);
    machine_off(a->machine, NOTICE_RUNNING, machine_runs, kvm);
    kvm_spaces_fini(kvm);
    for (guint i = 0; kvm->vcpus && i < kvm->vcpus->len; i++) {
        kvm_vcpu_free(g_ptr_array_index(kvm->vcpus, i));
    }
    g_clear_pointer(&kvm->vcpus, g_ptr_array_unref);
    g_clear_pointer(&kvm->msr_list, g_free);
    g_clear_pointer(&kvm->supported, g_free);
    g_clear_pointer(&kvm->routing, g_free);
    if (kvm->vm_fd >= 0) {
        close(kvm->vm_fd);
    }
    if (kvm->fd >= 0) {
        close(kvm->fd);
    }
    kvm->vm_fd = kvm->fd = -1;
    g_mutex_clear(&kvm->lock);
}

static bool kvm_init(struct accel *a, struct machine *m, GError **error)
{
    struct kvm *kvm = kvm_from(a);

    a->machine = m;
    kvm->begun = true;
    kvm->fd = kvm->vm_fd = -1;
    kvm->vcpus = g_ptr_array_new();
    g_mutex_init(&kvm->lock);
    kvm_install_kick_signal();
    kvm_spaces_init(kvm);
    kvm->fd = open_kvm(error);
    if (kvm->fd < 0) {
        goto undo;
    }
    kvm->vm_fd = create_vm(kvm, error);
    if (kvm->vm_fd < 0 || !check_extensions(kvm, error) || !load_msr_list(kvm, error) ||
        !place_host_pages(kvm, error) || !kvm_irqchip_create(kvm, error) ||
        !kvm_load_caps(kvm, error)) {
        goto undo;
    }
    want_emulation_failures(kvm);
    kvm_spaces_listen(kvm);
    machine_on(m, NOTICE_STOPPED, machine_stopped, kvm);
    machine_on(m, NOTICE_RUNNING, machine_runs, kvm);
    return true;

undo:
    kvm_fini(a);
    return false;
}

static void kvm_print_info(struct accel *a, void (*print)(void *opaque, const char *fmt, ...),
                           void *opaque)
{
    static const char *const modes[] = {"on", "off", "split"};
    struct kvm *kvm = kvm_from(a);

    print(opaque, "kernel-irqchip: %s\n", modes[kvm->irqchip]);
    print(opaque, "memory slots: %u of %u\n", kvm->memory.slots->len + kvm->smm.slots->len,
          kvm->max_slots);
    for (guint i = 0; i < kvm->vcpus->len; i++) {
        const struct kvm_vcpu *kv = g_ptr_array_index(kvm->vcpus, i);

        print(opaque,
              "CPU %d: exits %" PRIu64 " (port %" PRIu64 ", memory %" PRIu64 ", halt %" PRIu64
              ", interrupt window %" PRIu64 "), instructions by the interpreter %" PRIu64,
              kv->v->index, kv->exits, kv->exits_io, kv->exits_mmio, kv->exits_halt,
              kv->exits_irq_window, kv->emulated);
        if (kv->emulated) {
            print(opaque, ", the last one");
            for (unsigned b = 0; b < kv->emulated_len; b++) {
                print(opaque, " %02x", kv->emulated_bytes[b]);
            }
        }
        print(opaque, "\n");
    }
}

static const struct prop_enum irqchip_names[] = {
    {"on", KVM_IRQCHIP_ON},
    {"off", KVM_IRQCHIP_OFF},
    {"split", KVM_IRQCHIP_SPLIT},
    {NULL, 0},
};

static const struct property kvm_props[] = {
    PROP_ENUM(struct kvm, irqchip, "kernel-irqchip", KVM_IRQCHIP_ON, irqchip_names,
              "interrupt controllers in the kernel: all (on), local APICs (split), none (off)"),
    {0},
};

const struct accel_type kvm_accel_type = {
    .name = "kvm",
    .description = "the host's CPU, through KVM",
    .size = sizeof(struct kvm),
    .props = kvm_props,
    .available = kvm_available,
    .init = kvm_init,
    .fini = kvm_fini,
    .vcpu_init = kvm_vcpu_init,
    .vcpu_fini = kvm_vcpu_fini,
    .run = kvm_vcpu_run,
    .kick = kvm_vcpu_kick,
    .pull_state = kvm_pull_state,
    .push_state = kvm_push_state,
    .print_info = kvm_print_info,
};
ACCEL_TYPE(kvm_accel_type);
