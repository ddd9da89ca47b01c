/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPU's life: creation, reset, INIT and SIPI, interrupt lines, and the derived state.
 */
#include "target/i386/system.h"
#include "target/i386/tlb.h"
#include "util/log.h"
#include <string.h>

struct x86_cpu *x86_cpu_new(unsigned index, uint32_t apic_id)
{
    /* a large block comes from the system zeroed, so that nothing of it is touched yet */
    void *room = g_malloc0(sizeof(struct x86_cpu_room) + alignof(struct x86_cpu_room));
    uintptr_t at = align_up((uintptr_t)room, alignof(struct x86_cpu_room));
    struct x86_cpu *cpu = (struct x86_cpu *)at;

    cpu->room = room;
    cpu->index = index;
    cpu->apic_id = apic_id;
    cpu->bsp = index == 0;
    cpu->phys_bits = 40;
    cpu->a20 = true;
    cpu->delivering = -1;
    cpu->tsc_khz = 1000000;
    cpu->tlb = &((struct x86_cpu_room *)at)->tlb;
    cpu->tlb_now = cpu->tlb->d;
    cpu->itlb_now = cpu->tlb->i;
    x86_tlb_init(cpu);
    return cpu;
}

void x86_cpu_free(struct x86_cpu *cpu)
{
    if (!cpu) {
        return;
    }
    x86_decoder_free(cpu->decoder);
    g_free(cpu->cpuid_data);
    g_free(cpu->room);
}

void x86_cpu_features_changed(struct x86_cpu *cpu)
{
    uint32_t id[4];

    x86_cpuid(cpu, 0, 0, id);
    cpu->vendor_amd = id[1] == 0x68747541 || id[1] == 0x6f677948; /* "Auth", "Hygo" */
    x86_decoder_free(cpu->decoder);
    cpu->decoder = x86_decoder_new(cpu);
    x86_cpu_request(cpu, X86_REQ_FLUSH_CODE);
}

static bool segments_flat(const struct x86_cpu *cpu)
{
    static const uint8_t used[] = {X86_ES, X86_CS, X86_SS, X86_DS};

    for (unsigned n = 0; n < ARRAY_SIZE(used); n++) {
        const struct x86_seg *seg = &cpu->seg[used[n]];

        if (seg->base || seg->limit != 0xffffffff || !(seg->attr & SEG_P) ||
            !(seg->attr & SEG_WRITE) || (!(seg->attr & SEG_CODE) && (seg->attr & SEG_DOWN)) ||
            (used[n] != X86_CS && (seg->attr & SEG_CODE))) {
            return false;
        }
    }
    return true;
}

/* What of segment @s may be accessed from its beginning on, in bytes. */
static uint64_t segment_end(const struct x86_cpu *cpu, unsigned s, bool write)
{
    const struct x86_seg *seg = &cpu->seg[s];
    bool code = seg->attr & SEG_CODE, writable = seg->attr & SEG_WRITE; /* code: readable */

    if (x86_is_protected(cpu) &&
        (!(seg->attr & SEG_P) || (code ? write || !writable : write && !writable))) {
        return 0;
    }
    return !code && (seg->attr & SEG_DOWN) ? 0 : (uint64_t)seg->limit + 1;
}

void x86_update_mode(struct x86_cpu *cpu)
{
    uint32_t mode = 0, set;

    if (cpu->cr0 & CR0_PE) {
        mode |= MODE_PE | (cpu->eflags & FLAG_VM ? MODE_VM86 : 0);
    }
    if (cpu->efer & EFER_LMA) {
        mode |= MODE_LMA | (cpu->seg[X86_CS].attr & SEG_L ? MODE_CODE64 : 0);
    }
    if (!(mode & MODE_CODE64)) {
        mode |= cpu->seg[X86_CS].attr & SEG_D ? MODE_CODE32 : 0;
        mode |= cpu->seg[X86_SS].attr & SEG_D ? MODE_SS32 : 0;
        if ((mode & (MODE_PE | MODE_VM86)) == MODE_PE && segments_flat(cpu)) {
            mode |= MODE_FLAT;
        }
    }
    if (cpu->cpl == 3) {
        mode |= MODE_USER;
    }
    if ((cpu->eflags & (FLAG_TF | FLAG_RF)) || (cpu->dr[7] & 0xff)) {
        mode |= MODE_SLOW;
        x86_attention(cpu);
    }
    set = x86_tlb_set(cpu);
    cpu->mode = mode | set << MODE_SET_SHIFT;
    cpu->ea_mask = mode & MODE_CODE64 ? ~0ULL : 0xffffffff;
    for (unsigned s = 0; s <= X86_GS; s++) {
        cpu->seg_base[s] = mode & MODE_CODE64 && s < X86_FS ? 0 : cpu->seg[s].base;
        if (!(mode & MODE_CODE64)) {
            cpu->seg_end[0][s] = -segment_end(cpu, s, /* write= */ false);
            cpu->seg_end[1][s] = -segment_end(cpu, s, /* write= */ true);
        }
    }
    cpu->tlb_now = &cpu->tlb->d[set];
    cpu->itlb_now = &cpu->tlb->i[set];
}

uint32_t x86_eflags_get(const struct x86_cpu *cpu)
{
    return cpu->eflags | flags_status(cpu) | 2;
}

void x86_eflags_write(struct x86_cpu *cpu, uint32_t val, uint32_t mask)
{
    uint32_t all = (x86_eflags_get(cpu) & ~mask) | (val & mask), old = cpu->eflags;

    flags_set_status(cpu, all);
    cpu->eflags = all & (FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM |
                         FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID);
    if ((old ^ cpu->eflags) & (FLAG_TF | FLAG_RF | FLAG_VM | FLAG_AC)) {
        x86_update_mode(cpu);
    }
    if (cpu->eflags & FLAG_TF) {
        x86_attention(cpu);
    } else if (cpu->eflags & FLAG_IF) {
        x86_unmasked(cpu);
    }
}

void x86_eflags_set(struct x86_cpu *cpu, uint32_t eflags)
{
    x86_eflags_write(cpu, eflags, ~0u);
}

void x86_attention(struct x86_cpu *cpu)
{
    __atomic_store_n(&cpu->undisturbed, 0, __ATOMIC_RELEASE);
    if (cpu->attended) {
        cpu->attended(cpu);
    }
}

void x86_unmasked(struct x86_cpu *cpu)
{
    if (__atomic_load_n(&cpu->requests, __ATOMIC_ACQUIRE)) {
        x86_attention(cpu);
    }
}

void x86_cpu_state_loaded(struct x86_cpu *cpu)
{
    x86_update_mode(cpu);
    x86_tlb_flush_phys(cpu);
    x86_attention(cpu);
}

void x86_seg_set(struct x86_cpu *cpu, enum x86_seg_reg s, uint16_t sel, uint64_t base,
                 uint32_t limit, uint16_t attr)
{
    cpu->seg[s] = (struct x86_seg){.sel = sel, .attr = attr, .limit = limit, .base = base};
    if (s == X86_SS && (cpu->cr0 & CR0_PE)) {
        cpu->cpl = cpu->eflags & FLAG_VM ? 3 : attr >> SEG_DPL_SHIFT & 3;
    }
    x86_update_mode(cpu);
}

/* What INIT and power-on have in common. */
static void reset_common(struct x86_cpu *cpu)
{
    uint32_t id[4];

    memset(cpu->gpr, 0, sizeof(cpu->gpr));
    cpu->zero = 0;
    cpu->cr0 = (cpu->cr0 & (CR0_CD | CR0_NW)) | CR0_ET;
    cpu->cr2 = cpu->cr3 = cpu->cr4 = cpu->cr8 = 0;
    cpu->efer = 0;
    cpu->cpl = 0;
    flags_set_status(cpu, 0);
    cpu->eflags = 0;
    for (unsigned s = 0; s <= X86_GS; s++) {
        cpu->seg[s] = (struct x86_seg){.limit = 0xffff, .attr = SEG_P | SEG_S | 3};
    }
    cpu->seg[X86_CS] = (struct x86_seg){
        .sel = 0xf000, .base = 0xffff0000, .limit = 0xffff, .attr = SEG_P | SEG_S | SEG_CODE | 3};
    cpu->seg[X86_LDTR] = (struct x86_seg){.limit = 0xffff, .attr = SEG_P | DESC_LDT};
    cpu->seg[X86_TR] = (struct x86_seg){.limit = 0xffff, .attr = SEG_P | DESC_TSS32_BUSY};
    cpu->gdt = cpu->idt = (struct x86_table){.limit = 0xffff};
    cpu->rip = 0xfff0;
    memset(cpu->dr, 0, sizeof(cpu->dr));
    cpu->dr[6] = DR6_RESET;
    cpu->dr[7] = DR7_FIXED;
    cpu->interrupt_shadow = false;
    cpu->pending_dr6 = 0;
    cpu->delivering = -1;
    cpu->monitor_armed = false;
    cpu->nmi_masked = false;
    memset(&cpu->injected, 0, sizeof(cpu->injected));
    x86_cpuid(cpu, 1, 0, id);
    cpu->gpr[X86_RDX] = id[0];
    cpu->run_state = cpu->bsp ? X86_RUNNING : X86_WAIT_FOR_SIPI;
}

static void log_reset(struct x86_cpu *cpu, const char *what)
{
    log_printf(LOG_CPU_RESET, "CPU %u: %s\n", cpu->index, what);
    x86_cpu_log(cpu, LOG_CPU_RESET);
}

void x86_cpu_reset(struct x86_cpu *cpu)
{
    uint64_t ucode = cpu->msr.ucode_rev;

    cpu->cr0 = CR0_CD | CR0_NW;
    memset(&cpu->msr, 0, sizeof(cpu->msr));
    cpu->msr.ucode_rev = ucode;
    cpu->msr.apic_base = 0xfee00800 | (cpu->bsp ? 0x100 : 0);
    cpu->msr.pat = 0x0007040600070406ULL;
    cpu->msr.misc_enable = 1;
    cpu->msr.mcg_ctl = ~0ULL;
    cpu->msr.hwcr = 1 << 24; /* the TSC counts at the rated frequency */
    for (unsigned n = 0; n < X86_MCE_BANKS; n++) {
        cpu->msr.mce[n].ctl = ~0ULL;
    }
    memset(&cpu->fpu, 0, sizeof(cpu->fpu));
    cpu->fpu.cw = 0x40;
    memset(cpu->vec, 0, sizeof(cpu->vec));
    cpu->mxcsr = 0x1f80;
    cpu->xcr0 = XCR0_X87;
    cpu->pkru = 0;
    cpu->smbase = 0x30000;
    cpu->in_smm = false;
    x86_cpu_unrequest(cpu, X86_REQ_NMI | X86_REQ_SMI | X86_REQ_INIT | X86_REQ_SIPI | X86_REQ_MCE |
                               X86_REQ_DB);
    if (!cpu->decoder) {
        x86_cpu_features_changed(cpu);
    }
    reset_common(cpu);
    cpu->tsc_offset = 0; /* the same for all CPUs, whenever each is reset */
    x86_cpu_state_loaded(cpu);
    log_reset(cpu, "reset");
}

void x86_cpu_init_signal(struct x86_cpu *cpu)
{
    /* A start-up message that waits came after this INIT, see x86_cpu_raise_init(). */
    x86_cpu_unrequest(cpu, X86_REQ_INIT | X86_REQ_DB);
    cpu->in_smm = false;
    reset_common(cpu);
    x86_cpu_state_loaded(cpu);
    log_reset(cpu, "INIT");
}

/* Lines and requests. */

void x86_cpu_request(struct x86_cpu *cpu, uint32_t bits)
{
    __atomic_fetch_or(&cpu->requests, bits, __ATOMIC_SEQ_CST);
    x86_attention(cpu);
    if (cpu->kick) {
        cpu->kick(cpu);
    }
}

void x86_cpu_unrequest(struct x86_cpu *cpu, uint32_t bits)
{
    __atomic_fetch_and(&cpu->requests, ~bits, __ATOMIC_SEQ_CST);
}

void x86_cpu_set_intr(struct x86_cpu *cpu, bool level)
{
    if (level) {
        x86_cpu_request(cpu, X86_REQ_INTR);
    } else {
        x86_cpu_unrequest(cpu, X86_REQ_INTR);
    }
}

void x86_cpu_raise_nmi(struct x86_cpu *cpu)
{
    x86_cpu_request(cpu, X86_REQ_NMI);
}

void x86_cpu_raise_smi(struct x86_cpu *cpu)
{
    x86_cpu_request(cpu, X86_REQ_SMI);
}

void x86_cpu_raise_init(struct x86_cpu *cpu)
{
    x86_cpu_unrequest(cpu, X86_REQ_SIPI);
    x86_cpu_request(cpu, X86_REQ_INIT);
}

void x86_cpu_raise_sipi(struct x86_cpu *cpu, uint8_t vector)
{
    __atomic_store_n(&cpu->sipi_vector, vector, __ATOMIC_RELEASE);
    x86_cpu_request(cpu, X86_REQ_SIPI);
}

void x86_cpu_kick(struct x86_cpu *cpu)
{
    x86_cpu_request(cpu, X86_REQ_EXIT);
}

void x86_cpu_set_a20(struct x86_cpu *cpu, bool passes)
{
    /* work for the thread may still be under way while a reset does it for a stopped CPU */
    if (__atomic_exchange_n(&cpu->a20, passes, __ATOMIC_RELAXED) != passes) {
        x86_cpu_request(cpu, X86_REQ_TLB);
    }
}

bool x86_cpu_has_work(const struct x86_cpu *cpu)
{
    uint32_t req = __atomic_load_n(&cpu->requests, __ATOMIC_ACQUIRE);

    switch (cpu->run_state) {
    case X86_RUNNING:
        return true;
    case X86_HALTED:
        return (req & (X86_REQ_INIT | X86_REQ_MCE)) ||
               ((req & X86_REQ_INTR) && (cpu->eflags & FLAG_IF)) ||
               ((req & X86_REQ_NMI) && !cpu->nmi_masked) || ((req & X86_REQ_SMI) && !cpu->in_smm);
    case X86_WAIT_FOR_SIPI:
        return req & (X86_REQ_SIPI | X86_REQ_INIT);
    default:
        return req & X86_REQ_INIT;
    }
}

/* Start of an application processor at @vector * 4 KiB. */
static void start_up(struct x86_cpu *cpu, uint8_t vector)
{
    cpu->seg[X86_CS].sel = vector << 8;
    cpu->seg[X86_CS].base = (uint64_t)vector << 12;
    cpu->rip = 0;
    cpu->run_state = X86_RUNNING;
    x86_update_mode(cpu);
}

/* Takes one of NMI, INTR, #MC; false when none can be taken now. */
static bool take_interrupt(struct x86_cpu *cpu, uint32_t req)
{
    cpu->start_rip = cpu->rip;
    if ((req & X86_REQ_MCE) && (cpu->cr4 & CR4_MCE)) {
        x86_cpu_unrequest(cpu, X86_REQ_MCE);
        cpu->run_state = X86_RUNNING;
        x86_interrupt(cpu, EXC_MC, INT_EXCEPTION, 0, cpu->rip);
        return true;
    }
    if ((req & X86_REQ_NMI) && !cpu->nmi_masked) {
        x86_cpu_unrequest(cpu, X86_REQ_NMI);
        cpu->run_state = X86_RUNNING;
        cpu->nmi_masked = true;
        x86_interrupt(cpu, EXC_NMI, INT_HARDWARE, 0, cpu->rip);
        return true;
    }
    if ((req & X86_REQ_INTR) && (cpu->eflags & FLAG_IF) && cpu->irq_ops) {
        bool begun = x86_io_begin(cpu);
        int vector = cpu->irq_ops->acknowledge(cpu->irq_opaque);

        x86_io_end(cpu, begun);
        if (vector >= 0) {
            cpu->run_state = X86_RUNNING;
            x86_interrupt(cpu, (uint8_t)vector, INT_HARDWARE, 0, cpu->rip);
            return true;
        }
    }
    return false;
}

bool x86_cpu_poll(struct x86_cpu *cpu)
{
    uint32_t req;

    __atomic_store_n(&cpu->undisturbed, X86_UNDISTURBED, __ATOMIC_SEQ_CST);
    req = __atomic_load_n(&cpu->requests, __ATOMIC_SEQ_CST);
    if (req & X86_REQ_TLB) {
        x86_cpu_unrequest(cpu, X86_REQ_TLB);
        x86_tlb_flush_phys(cpu);
    }
    if ((req & X86_REQ_INIT) && !cpu->in_smm) {
        x86_cpu_init_signal(cpu);
        if (cpu->irq_ops && cpu->irq_ops->init_received) {
            cpu->irq_ops->init_received(cpu->irq_opaque);
        }
        req = __atomic_load_n(&cpu->requests, __ATOMIC_SEQ_CST);
    }
    if ((req & X86_REQ_SIPI) && !(req & X86_REQ_INIT)) {
        x86_cpu_unrequest(cpu, X86_REQ_SIPI);
        if (cpu->run_state == X86_WAIT_FOR_SIPI) {
            start_up(cpu, __atomic_load_n(&cpu->sipi_vector, __ATOMIC_ACQUIRE));
        }
    }
    if (cpu->run_state == X86_WAIT_FOR_SIPI || cpu->run_state == X86_SHUTDOWN) {
        return false;
    }
    if (cpu->interrupt_shadow || (cpu->mode & MODE_SLOW)) {
        x86_attention(cpu);
        if (cpu->interrupt_shadow) {
            return cpu->run_state == X86_RUNNING;
        }
    }
    if ((req & X86_REQ_SMI) && !cpu->in_smm) {
        x86_cpu_unrequest(cpu, X86_REQ_SMI);
        cpu->run_state = X86_RUNNING;
        x86_smm_enter(cpu);
        return true;
    }
    if (take_interrupt(cpu, req)) {
        return true;
    }
    return cpu->run_state == X86_RUNNING;
}

/* Time stamp counter. */

uint64_t x86_tsc_at(const struct x86_cpu *cpu, uint64_t ns)
{
    /* ns * khz / 1000000, in two parts that need no wide division */
    uint64_t ms = ns / 1000000, rest = ns % 1000000;

    return ms * cpu->tsc_khz + rest * cpu->tsc_khz / 1000000 + (uint64_t)cpu->tsc_offset;
}

uint64_t x86_tsc_read(const struct x86_cpu *cpu)
{
    uint64_t ns = cpu->clock ? (uint64_t)clock_now_ns(cpu->clock) : (uint64_t)monotonic_ns();

    return x86_tsc_at(cpu, ns);
}

void x86_tsc_write(struct x86_cpu *cpu, uint64_t tsc)
{
    cpu->tsc_offset += (int64_t)(tsc - x86_tsc_read(cpu));
}

int64_t x86_tsc_to_ns(const struct x86_cpu *cpu, uint64_t tsc)
{
    uint64_t ticks = tsc - (uint64_t)cpu->tsc_offset;

    if ((int64_t)ticks < 0) {
        return 0;
    }
    return (int64_t)MIN(muldiv64(ticks, 1000000, cpu->tsc_khz), (uint64_t)INT64_MAX);
}
