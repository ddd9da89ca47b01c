/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vCPU's exits ask for: port and memory accesses, and instructions that KVM cannot do.
 *
 * KVM gives up on instructions that its emulator does not know, where it has to emulate: on memory
 * without a slot, in real mode on old hosts, and in all kernel-mode code on para-virtual hosts. The
 * interpreter carries out that one instruction from the pulled state.
 */
#include "accel/kvm/kvm_impl.h"

#include "target/i386/insn.h"
#include "target/i386/tlb.h"
#include "util/log.h"
#include "util/rcu.h"
#include <string.h>
#include <unistd.h>

static struct mem_attrs attrs_of(const struct kvm_vcpu *kv)
{
    return (struct mem_attrs){.secure = kv->run->flags & KVM_RUN_X86_SMM};
}

/* A number of @size 1, 2, 4 or 8 little-endian bytes. */
static uint64_t number_at(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, p, size);
    return GUINT64_FROM_LE(v);
}

static void number_to(uint8_t *p, uint64_t v, unsigned size)
{
    v = GUINT64_TO_LE(v);
    memcpy(p, &v, size);
}

/* Writes that the kernel kept back; they come before anything that follows. */
void kvm_drain_ring(struct kvm *kvm)
{
    struct kvm_coalesced_mmio_ring *ring = kvm->ring;
    struct machine *m = kvm->a.machine;
    uint32_t max =
        (uint32_t)((sysconf(_SC_PAGESIZE) - sizeof(*ring)) / sizeof(struct kvm_coalesced_mmio));
    bool taken;

    if (!ring || __atomic_load_n(&ring->first, __ATOMIC_RELAXED) ==
                     __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
        return;
    }
    taken = lock_enter(&m->lock); /* one drains at a time, in order */
    while (ring->first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
        struct kvm_coalesced_mmio e = ring->coalesced_mmio[ring->first % max];

        __atomic_store_n(&ring->first, (ring->first + 1) % max, __ATOMIC_RELEASE);
        if (e.len <= sizeof(e.data)) {
            address_space_write(e.pio ? &m->io : &m->memory, e.phys_addr, e.data, e.len,
                                MEM_ATTRS_NONE);
        }
    }
    lock_leave(&m->lock, taken);
}

void kvm_exit_io(struct kvm_vcpu *kv)
{
    struct kvm_run *run = kv->run;
    unsigned size = run->io.size;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    struct mem_attrs attrs = attrs_of(kv);

    if ((size != 1 && size != 2 && size != 4) || run->io.data_offset > kv->kvm->run_size ||
        (uint64_t)run->io.count * size > kv->kvm->run_size - run->io.data_offset) {
        return;
    }
    for (uint32_t i = 0; i < run->io.count; i++, data += size) {
        enum mem_result ignored;

        if (run->io.direction == KVM_EXIT_IO_IN) {
            number_to(data, address_space_load(kv->cpu->io, run->io.port, size, attrs, &ignored),
                      size);
        } else {
            address_space_store(kv->cpu->io, run->io.port, number_at(data, size), size, attrs);
        }
    }
}

void kvm_exit_mmio(struct kvm_vcpu *kv)
{
    struct kvm_run *run = kv->run;
    struct x86_cpu *cpu = kv->cpu;
    struct mem_attrs attrs = attrs_of(kv);
    struct address_space *as = attrs.secure && cpu->smm_mem ? cpu->smm_mem : cpu->mem;
    uint64_t gpa = run->mmio.phys_addr;
    unsigned len = run->mmio.len;

    if (len > sizeof(run->mmio.data)) {
        return;
    }
    if (!is_power_of_2(len)) {
        if (run->mmio.is_write) {
            address_space_write(as, gpa, run->mmio.data, len, attrs);
        } else {
            address_space_read(as, gpa, run->mmio.data, len, attrs);
        }
    } else if (run->mmio.is_write) {
        address_space_store(as, gpa, number_at(run->mmio.data, len), len, attrs);
    } else {
        enum mem_result ignored;

        number_to(run->mmio.data, address_space_load(as, gpa, len, attrs, &ignored), len);
    }
}

static void print_to_string(void *opaque, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_string_append_vprintf(opaque, fmt, args);
    va_end(args);
}

void kvm_dump(struct kvm_vcpu *kv, const char *why)
{
    g_autoptr(GString) text = g_string_new(NULL);

    kvm_pull_state(kv->v);
    x86_cpu_dump(kv->cpu, /* fpu= */ false, print_to_string, text);
    warn_user("CPU %d stops: %s\n%s", kv->v->index, why, text->str);
}

/* The bytes at the guest's instruction pointer; how many could be read. */
static unsigned fetch(struct kvm_vcpu *kv, uint8_t code[15])
{
    struct x86_cpu *cpu = kv->cpu;
    uint64_t la = cpu->rip;
    unsigned n = 15;

    if (!x86_is_64(cpu)) {
        la = (uint32_t)(la + cpu->seg[X86_CS].base);
    }
    while (n && !x86_debug_read(cpu, la, code, n)) {
        n--; /* the next page may not be there */
    }
    return n;
}

/*
 * Whether the interpreter knows what @code is: it executes it, or real hardware faults on it too.
 * Encodings of later vector extensions that it lacks are real instructions.
 */
static bool interpreter_can(struct kvm_vcpu *kv, const uint8_t *code, unsigned n, unsigned *ret_len)
{
    struct x86_cpu *cpu = kv->cpu;
    struct x86_insn insn;
    enum x86_decode_result result;
    unsigned i = 0;

    *ret_len = n;
    if (!n) {
        return true; /* a page fault */
    }
    result = x86_decode(cpu->decoder, cpu->mode, code, n, &insn);
    if (result == DECODE_OK) {
        *ret_len = insn.len;
    }
    if (result != DECODE_INVALID) {
        return true;
    }
    while (i < n && (code[i] == 0x66 || code[i] == 0xf2 || code[i] == 0xf3 || code[i] == 0x2e ||
                     code[i] == 0x36 || code[i] == 0x3e || code[i] == 0x26 || code[i] == 0x64 ||
                     code[i] == 0x65 || code[i] == 0x67)) {
        i++;
    }
    if (i + 1 >= n || (code[i] != 0x62 && code[i] != 0xc4 && code[i] != 0xc5)) {
        return true;
    }
    return !x86_is_64(cpu) && code[i + 1] < 0xc0; /* BOUND, LES, LDS */
}

bool kvm_exit_internal_error(struct kvm_vcpu *kv)
{
    struct kvm_run *run = kv->run;
    g_autofree char *why = NULL;
    uint8_t code[15];
    unsigned n, len;

    if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION) {
        why = g_strdup_printf("KVM internal error %u", run->internal.suberror);
        kvm_dump(kv, why);
        return false;
    }
    kvm_pull_state(kv->v);
    n = fetch(kv, code);
    if (!interpreter_can(kv, code, n, &len)) {
        GString *bytes = g_string_new("neither KVM nor the interpreter can carry out");

        for (unsigned i = 0; i < n; i++) {
            g_string_append_printf(bytes, " %02x", code[i]);
        }
        why = g_string_free(bytes, FALSE);
        kvm_dump(kv, why);
        return false;
    }
    kv->emulated++;
    kv->emulated_len = (uint8_t)len;
    memcpy(kv->emulated_bytes, code, len);
    log_printf(LOG_INT, "kvm: CPU %d: interpreter does one instruction at %#" PRIx64 "\n",
               kv->v->index, kv->cpu->rip);
    if (__atomic_load_n(&kv->cpu->requests, __ATOMIC_ACQUIRE) & X86_REQ_TLB) {
        x86_cpu_unrequest(kv->cpu, X86_REQ_TLB); /* the memory map has changed */
        x86_tlb_flush_phys(kv->cpu);
    }
    rcu_read_lock();
    x86_cpu_step(kv->cpu);
    rcu_read_unlock();
    kvm_push_state(kv->v);
    return true;
}
