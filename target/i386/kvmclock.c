/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KVM clock of the software CPU: tells a guest the rate of its TSC and the time.
 *
 * Linux, Documentation/virt/kvm/x86/msr.rst and cpuid.rst. A guest that measures the TSC against
 * the PIT instead is wrong by as long as the host has the vCPU wait in the midst of that; Linux
 * then believes in a TSC many times too slow, and so in time-outs that much too short.
 *
 * The TSC is the virtual clock times a constant, so the page needs to be written only when the
 * guest asks for it and when it changes its TSC; it stays right over stop and restore.
 */
#include "target/i386/system.h"
#include "util/clock.h"

enum {
    ENABLE = 1, /* in MSR_KVM_SYSTEM_TIME */

    /* struct pvclock_vcpu_time_info */
    VERSION = 0, /* odd while the rest changes */
    TSC_TIMESTAMP = 8,
    SYSTEM_TIME = 16,
    TSC_TO_SYSTEM_MUL = 24,
    TSC_SHIFT_FLAGS = 28,
    FLAG_TSC_STABLE = 1,

    /* struct pvclock_wall_clock: when system time was 0 */
    WALL_SEC = 4,
    WALL_NSEC = 8,
};

struct scale {
    uint32_t mul; /* ns = (ticks << shift) * mul >> 32 */
    int8_t shift;
};

static struct scale scale_of(uint64_t khz)
{
    struct scale s = {.shift = 32};
    unsigned __int128 mul;

    do { /* the largest shift that leaves 32 significant bits */
        s.shift--;
        mul = ((unsigned __int128)1000000 << (32 - s.shift)) / MAX(khz, 1u);
    } while (mul < 0x80000000u && s.shift > -31);
    s.mul = (uint32_t)mul;
    return s;
}

static uint64_t system_ns(const struct x86_cpu *cpu)
{
    return cpu->clock ? (uint64_t)clock_now_ns(cpu->clock) : (uint64_t)monotonic_ns();
}

void x86_kvmclock_update(struct x86_cpu *cpu)
{
    uint64_t page = cpu->msr.kvm_system_time & ~(uint64_t)ENABLE;
    struct scale s = scale_of(cpu->tsc_khz);
    uint32_t version;
    uint64_t ns;

    if (!(cpu->msr.kvm_system_time & ENABLE)) {
        return;
    }
    version = (uint32_t)phys_read(cpu, page + VERSION, 4) | 1;
    phys_write(cpu, page + VERSION, version, 4);
    ns = system_ns(cpu);
    phys_write(cpu, page + SYSTEM_TIME, ns, 8);
    phys_write(cpu, page + TSC_TIMESTAMP, x86_tsc_at(cpu, ns), 8);
    phys_write(cpu, page + TSC_TO_SYSTEM_MUL, s.mul, 4);
    phys_write(cpu, page + TSC_SHIFT_FLAGS, (uint8_t)s.shift | FLAG_TSC_STABLE << 8, 4);
    phys_write(cpu, page + VERSION, version + 1, 4);
}

void x86_kvmclock_write_wall(struct x86_cpu *cpu)
{
    uint64_t page = cpu->msr.kvm_wall_clock;
    uint64_t zero = cpu->wall_fixed ? (uint64_t)cpu->wall_zero_ns
                                    : (uint64_t)g_get_real_time() * 1000 - system_ns(cpu);
    uint32_t version = (uint32_t)phys_read(cpu, page + VERSION, 4) | 1;

    phys_write(cpu, page + VERSION, version, 4);
    phys_write(cpu, page + WALL_SEC, zero / NS_PER_SEC, 4);
    phys_write(cpu, page + WALL_NSEC, zero % NS_PER_SEC, 4);
    phys_write(cpu, page + VERSION, version + 1, 4);
}
