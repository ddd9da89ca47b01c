/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System instructions: SYSCALL and SYSENTER, HLT, MWAIT, CPUID, MSRs, counters, random numbers.
 */
#include "target/i386/system.h"
#include <string.h>
#include <sys/random.h>

/* Flat code and stack segments as the fast system calls set them. */
static void flat_code(struct x86_cpu *cpu, uint16_t sel, unsigned cpl, bool is64)
{
    cpu->seg[X86_CS] = (struct x86_seg){
        .sel = sel,
        .limit = 0xffffffff,
        .attr = SEG_P | SEG_S | SEG_CODE | SEG_WRITE | SEG_ACCESSED | SEG_G | cpl << SEG_DPL_SHIFT |
                (is64 ? SEG_L : SEG_D),
    };
}

static void flat_stack(struct x86_cpu *cpu, uint16_t sel, unsigned cpl)
{
    cpu->seg[X86_SS] = (struct x86_seg){
        .sel = sel,
        .limit = 0xffffffff,
        .attr = SEG_P | SEG_S | SEG_WRITE | SEG_ACCESSED | SEG_G | SEG_D | cpl << SEG_DPL_SHIFT,
    };
}

void exec_SYSCALL(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint16_t sel = cpu->msr.star >> 32 & 0xfffc;
    uint32_t flags = x86_eflags_get(cpu);

    (void)i;
    if (!(cpu->efer & EFER_SCE) || (!x86_is_64(cpu) && !cpu->vendor_amd) ||
        !x86_is_protected(cpu)) {
        x86_raise(cpu, EXC_UD, 0);
    }
    if (cpu->efer & EFER_LMA) {
        uint64_t target = x86_is_64(cpu) ? cpu->msr.lstar : cpu->msr.cstar;

        cpu->gpr[X86_RCX] = cpu->rip;
        cpu->gpr[X86_R8 + 3] = flags & ~FLAG_RF;
        flat_code(cpu, sel, 0, /* is64= */ true);
        flat_stack(cpu, sel + 8, 0);
        cpu->cpl = 0;
        cpu->rip = target;
        x86_eflags_write(cpu, 0, (uint32_t)cpu->msr.fmask | FLAG_RF);
    } else {
        gpr_write(cpu, X86_RCX, 4, cpu->rip);
        flat_code(cpu, sel, 0, /* is64= */ false);
        flat_stack(cpu, sel + 8, 0);
        cpu->cpl = 0;
        cpu->rip = (uint32_t)cpu->msr.star;
        x86_eflags_write(cpu, 0, FLAG_IF | FLAG_RF | FLAG_VM);
    }
    x86_update_mode(cpu);
}

void exec_SYSRET(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint16_t sel = cpu->msr.star >> 48 & 0xffff;
    bool to64 = i->width == 8;

    if (!(cpu->efer & EFER_SCE) || (!x86_is_64(cpu) && !cpu->vendor_amd) ||
        !x86_is_protected(cpu)) {
        x86_raise(cpu, EXC_UD, 0);
    }
    if (to64 && !x86_is_canonical(cpu, cpu->gpr[X86_RCX])) {
        x86_raise(cpu, EXC_GP, 0);
    }
    cpu->rip = to64 ? cpu->gpr[X86_RCX] : (uint32_t)cpu->gpr[X86_RCX];
    flat_code(cpu, (to64 ? sel + 16 : sel) | 3, 3, to64);
    flat_stack(cpu, (sel + 8) | 3, 3);
    cpu->cpl = 3;
    if (cpu->efer & EFER_LMA) {
        x86_eflags_write(cpu, (uint32_t)cpu->gpr[X86_R8 + 3], ~(uint32_t)(FLAG_RF | FLAG_VM));
    } else {
        x86_eflags_write(cpu, FLAG_IF, FLAG_IF);
    }
    x86_update_mode(cpu);
}

void exec_SYSENTER(struct x86_cpu *cpu, const struct x86_insn *i)
{
    bool lm = cpu->efer & EFER_LMA;
    uint16_t sel = cpu->msr.sysenter_cs & 0xfffc;

    (void)i;
    if (lm && cpu->vendor_amd) {
        x86_raise(cpu, EXC_UD, 0);
    }
    if (!sel) {
        x86_raise(cpu, EXC_GP, 0);
    }
    flat_code(cpu, sel, 0, lm);
    flat_stack(cpu, sel + 8, 0);
    cpu->cpl = 0;
    cpu->gpr[X86_RSP] = lm ? cpu->msr.sysenter_esp : (uint32_t)cpu->msr.sysenter_esp;
    cpu->rip = lm ? cpu->msr.sysenter_eip : (uint32_t)cpu->msr.sysenter_eip;
    x86_eflags_write(cpu, 0, FLAG_IF | FLAG_VM | FLAG_RF);
    x86_update_mode(cpu);
}

void exec_SYSEXIT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint16_t sel = cpu->msr.sysenter_cs & 0xfffc;
    bool to64 = i->width == 8;

    if ((cpu->efer & EFER_LMA) && cpu->vendor_amd) {
        x86_raise(cpu, EXC_UD, 0);
    }
    if (!sel || (to64 && (!x86_is_canonical(cpu, cpu->gpr[X86_RDX]) ||
                          !x86_is_canonical(cpu, cpu->gpr[X86_RCX])))) {
        x86_raise(cpu, EXC_GP, 0);
    }
    flat_code(cpu, (sel + (to64 ? 32 : 16)) | 3, 3, to64);
    flat_stack(cpu, (sel + (to64 ? 40 : 24)) | 3, 3);
    cpu->cpl = 3;
    cpu->gpr[X86_RSP] = to64 ? cpu->gpr[X86_RCX] : (uint32_t)cpu->gpr[X86_RCX];
    cpu->rip = to64 ? cpu->gpr[X86_RDX] : (uint32_t)cpu->gpr[X86_RDX];
    x86_update_mode(cpu);
}

void exec_HLT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    cpu->run_state = X86_HALTED;
    x86_attention(cpu);
}

void exec_PAUSE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    if (cpu->pause) {
        cpu->pause(cpu);
    }
}

/* How long MWAIT waits: a store by another CPU is not seen, and waking early is allowed. */
#define MWAIT_US 100

void exec_MONITOR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t off = gpr_read(cpu, X86_RAX, i->asize);

    if ((uint32_t)cpu->gpr[X86_RCX]) {
        x86_raise(cpu, EXC_GP, 0);
    }
    mem_read8(cpu, seg_linear(cpu, i->seg, off, 1, /* write= */ false));
    cpu->monitor_armed = true;
}

void exec_MWAIT(struct x86_cpu *cpu, const struct x86_insn *i)
{
    if ((uint32_t)cpu->gpr[X86_RCX] & ~1u) {
        x86_raise(cpu, EXC_GP, 0);
    }
    (void)i;
    if (cpu->monitor_armed && cpu->mwait) {
        cpu->mwait(cpu);
    } else if (cpu->monitor_armed && !x86_disturbed(cpu)) {
        bool begun = x86_io_begin(cpu);

        g_usleep(MWAIT_US);
        x86_io_end(cpu, begun);
    }
    cpu->monitor_armed = false;
}

/* CLAC and STAC are #UD, not #GP, outside CPL 0. */
static void write_ac(struct x86_cpu *cpu, uint32_t ac)
{
    if (cpu->cpl > 0) {
        x86_raise(cpu, EXC_UD, 0);
    }
    cpu->eflags = (cpu->eflags & ~FLAG_AC) | ac;
    x86_update_mode(cpu);
}

void exec_CLAC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    write_ac(cpu, 0);
}

void exec_STAC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    write_ac(cpu, FLAG_AC);
}

void exec_CPUID(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint32_t r[4];

    (void)i;
    x86_cpuid(cpu, (uint32_t)cpu->gpr[X86_RAX], (uint32_t)cpu->gpr[X86_RCX], r);
    cpu->gpr[X86_RAX] = r[0];
    cpu->gpr[X86_RBX] = r[1];
    cpu->gpr[X86_RCX] = r[2];
    cpu->gpr[X86_RDX] = r[3];
}

static void store_edx_eax(struct x86_cpu *cpu, uint64_t val)
{
    cpu->gpr[X86_RAX] = (uint32_t)val;
    cpu->gpr[X86_RDX] = val >> 32;
}

static void check_tsd(struct x86_cpu *cpu)
{
    if ((cpu->cr4 & CR4_TSD) && cpu->cpl > 0) {
        x86_raise(cpu, EXC_GP, 0);
    }
}

void exec_RDTSC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    check_tsd(cpu);
    store_edx_eax(cpu, x86_tsc_read(cpu));
}

void exec_RDTSCP(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    check_tsd(cpu);
    store_edx_eax(cpu, x86_tsc_read(cpu));
    cpu->gpr[X86_RCX] = (uint32_t)cpu->msr.tsc_aux;
}

void exec_RDPID(struct x86_cpu *cpu, const struct x86_insn *i)
{
    operand_store(cpu, i, 0, (uint32_t)cpu->msr.tsc_aux);
}

/* There are no counters: index 0 to 3 and the fixed ones read as 0, as on a stopped counter. */
void exec_RDPMC(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint32_t index = (uint32_t)cpu->gpr[X86_RCX];

    (void)i;
    if ((!(cpu->cr4 & CR4_PCE) && cpu->cpl > 0) || (index & 0x3fffffff) > 3) {
        x86_raise(cpu, EXC_GP, 0);
    }
    store_edx_eax(cpu, 0);
}

void exec_RDMSR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t val;

    (void)i;
    if (!x86_msr_read(cpu, (uint32_t)cpu->gpr[X86_RCX], &val)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    store_edx_eax(cpu, val);
}

void exec_WRMSR(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t val = (uint64_t)(uint32_t)cpu->gpr[X86_RDX] << 32 | (uint32_t)cpu->gpr[X86_RAX];

    (void)i;
    if (!x86_msr_write(cpu, (uint32_t)cpu->gpr[X86_RCX], val)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    x86_unmasked(cpu);
}

/* SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"). */
static uint64_t next_of_seed(struct x86_cpu *cpu)
{
    uint64_t z = cpu->seed += 0x9e3779b97f4a7c15ULL;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static void random_number(struct x86_cpu *cpu, const struct x86_insn *i)
{
    uint64_t val = 0;
    bool ok = true;

    if (cpu->seeded) {
        val = next_of_seed(cpu);
    } else {
        ok = getrandom(&val, sizeof(val), GRND_NONBLOCK) == (ssize_t)sizeof(val);
    }
    operand_store(cpu, i, 0, ok ? val : 0);
    flags_set_status(cpu, ok ? FLAG_CF : 0);
}

void exec_RDRAND(struct x86_cpu *cpu, const struct x86_insn *i)
{
    random_number(cpu, i);
}

void exec_RDSEED(struct x86_cpu *cpu, const struct x86_insn *i)
{
    random_number(cpu, i);
}

/* Caches are not modelled; only the faults of the address remain. */
void exec_CLFLUSH(struct x86_cpu *cpu, const struct x86_insn *i)
{
    mem_probe(cpu, operand_linear(cpu, i, 0, 1, /* write= */ false), 1, /* write= */ false);
}

void exec_INVD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)cpu;
    (void)i;
}

void exec_WBINVD(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)cpu;
    (void)i;
}

void exec_SERIALIZE(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)cpu;
    (void)i;
}

/* KVM's hypercalls: none is offered, all answer "no such call". */
void exec_VMCALL(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    if (cpu->cpl > 0) {
        cpu->gpr[X86_RAX] = (uint64_t)-1; /* not permitted */
    } else {
        cpu->gpr[X86_RAX] = (uint64_t)-1000;
    }
}

void exec_RSM(struct x86_cpu *cpu, const struct x86_insn *i)
{
    (void)i;
    if (!cpu->in_smm) {
        x86_raise(cpu, EXC_UD, 0);
    }
    x86_smm_leave(cpu);
}
