/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86 CPU: architectural state that every engine shares, and what may be done with a CPU.
 *
 * The thread that runs a CPU owns its state. Other threads may only call the functions that say
 * so (the x86_cpu_set_*() lines and x86_cpu_kick()), or must stop the CPU first.
 *
 * The arithmetic flags are kept lazily in fl_*; use x86_eflags_get()/x86_eflags_set() (or the
 * inline tests in target/i386/flags.h). rip is the next instruction's address while one executes.
 */
#ifndef VITRO_TARGET_I386_CPU_H
#define VITRO_TARGET_I386_CPU_H

#include "memory/memory.h"
#include "target/i386/features.h"
#include "target/i386/regs.h"
#include "util/clock.h"
#include "util/log.h"
#include <setjmp.h>

#define X86_VEC_REGS  16 /* 32 with AVX-512 */
#define X86_VEC_BYTES 32 /* 64 with AVX-512 */
#define X86_MTRR_VARS 8
#define X86_MCE_BANKS 10

/* A segment register with its hidden part. */
struct x86_seg {
    uint16_t sel;
    uint16_t attr;  /* descriptor bits 40-47 in 0-7 (type, S, DPL, P), 52-55 in 12-15 (AVL,L,D,G) */
    uint32_t limit; /* in bytes, granularity applied */
    uint64_t base;
};

enum {
    SEG_TYPE = 0xf,
    SEG_ACCESSED = 1 << 0,
    SEG_WRITE = 1 << 1, /* data; readable when code */
    SEG_DOWN = 1 << 2,  /* data: expands down; conforming when code */
    SEG_CODE = 1 << 3,
    SEG_S = 1 << 4, /* code or data, not system */
    SEG_DPL_SHIFT = 5,
    SEG_P = 1 << 7,
    SEG_AVL = 1 << 12,
    SEG_L = 1 << 13,
    SEG_D = 1 << 14, /* default size, big stack */
    SEG_G = 1 << 15,
};

struct x86_table {
    uint64_t base;
    uint16_t limit;
};

union x86_vec {
    uint8_t b[X86_VEC_BYTES];
    uint16_t w[X86_VEC_BYTES / 2];
    uint32_t d[X86_VEC_BYTES / 4];
    uint64_t q[X86_VEC_BYTES / 8];
};

/* x87 register: 64-bit significand, then sign and exponent. MMX registers are the significands. */
struct x86_fpr {
    uint64_t mant;
    uint16_t exp;
};

struct x86_fpu {
    struct x86_fpr r[8]; /* physical order: ST(i) is r[(top + i) & 7] */
    uint16_t cw;
    uint16_t sw;   /* without TOP */
    uint8_t top;   /* TOP, 0-7 */
    uint8_t empty; /* bit per physical register: 1 = empty */
    uint16_t op;   /* last opcode, 11 bits */
    uint64_t ip;
    uint64_t dp;
    uint16_t cs;
    uint16_t ds;
};

struct x86_mce_bank {
    uint64_t ctl, status, addr, misc, ctl2;
};

/* Everything that only MSRs reach. */
struct x86_msrs {
    uint64_t star, lstar, cstar, fmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat;
    uint64_t mtrr_fixed[11];
    uint64_t mtrr_base[X86_MTRR_VARS], mtrr_mask[X86_MTRR_VARS];
    uint64_t mtrr_def_type;
    uint64_t tsc_aux, tsc_adjust;
    uint64_t apic_base;
    uint64_t misc_enable, feature_control;
    uint64_t spec_ctrl, virt_ssbd;
    uint64_t ucode_rev;
    uint64_t debugctl;
    uint64_t xss;
    uint64_t hwcr, de_cfg, syscfg;
    uint64_t mcg_status, mcg_ctl;
    struct x86_mce_bank mce[X86_MCE_BANKS];
    uint64_t kvm_wall_clock, kvm_system_time, kvm_steal_time, kvm_async_pf, kvm_pv_eoi;
};

/* What the CPU asks of the interrupt controllers and the board. Filled by hw/i386. */
struct x86_irq_ops {
    /* Takes the highest pending external vector (local APIC, else 8259), or -1. */
    int (*acknowledge)(void *opaque);
    uint8_t (*get_tpr)(void *opaque); /* as CR8: 0-15 */
    void (*set_tpr)(void *opaque, uint8_t tpr);
    bool (*set_apic_base)(void *opaque, uint64_t val); /* false: #GP; cpu->msr.apic_base follows */
    bool (*x2apic_read)(void *opaque, uint32_t reg, uint64_t *ret_val); /* reg: MSR - 0x800 */
    bool (*x2apic_write)(void *opaque, uint32_t reg, uint64_t val);
    uint64_t (*get_tsc_deadline)(void *opaque);
    void (*set_tsc_deadline)(void *opaque, uint64_t tsc);
    void (*tsc_changed)(void *opaque);          /* the guest wrote its TSC: deadlines have moved */
    void (*init_received)(void *opaque);        /* INIT: the APIC resets itself */
    void (*set_ferr)(void *opaque, bool level); /* x87 error with CR0.NE = 0 */
    void (*smm_changed)(void *opaque, bool in_smm);
    void (*triple_fault)(void *opaque); /* the machine is to be reset */
};

/* Bits of cpu->requests. */
enum x86_request {
    X86_REQ_INTR = 1 << 0, /* level: an external interrupt waits */
    X86_REQ_NMI = 1 << 1,
    X86_REQ_SMI = 1 << 2,
    X86_REQ_INIT = 1 << 3,
    X86_REQ_SIPI = 1 << 4,
    X86_REQ_MCE = 1 << 5,
    X86_REQ_EXIT = 1 << 6,        /* leave the run loop: x86_cpu_kick() */
    X86_REQ_TLB = 1 << 7,         /* flush the soft TLB and what hangs on it */
    X86_REQ_CODE = 1 << 8,        /* the engine has a list of stale code */
    X86_REQ_FLUSH_CODE = 1 << 10, /* all decoded code is stale */
    X86_REQ_DB = 1 << 9,          /* a debug exception waits for the instruction's end */
};

enum x86_run_state {
    X86_RUNNING,
    X86_HALTED,        /* HLT, MWAIT */
    X86_WAIT_FOR_SIPI, /* after INIT on an application processor */
    X86_SHUTDOWN,      /* triple fault */
};

struct x86_tlb;
struct x86_dtlb;
struct x86_itlb;
struct x86_decoder;
struct x86_insn;
struct x86_watch;
struct phys_page;

/* A mask, for engines that need one when all is quiet. */
#define X86_UNDISTURBED ((1u << 14) - 1)

struct x86_cpu {
    /* hot: the interpreter's fast handlers use this part */
    union {
        uint64_t regs[X86_REGS];
        struct {
            uint64_t gpr[16];
            uint64_t rip;
            uint64_t block_rip;
            uint64_t zero;
        };
    };
    uint64_t fl_zero;     /* ZF = (fl_zero == 0) */
    uint64_t fl_sign;     /* SF = bit 63, PF = parity of the low byte */
    uint64_t fl_carry;    /* carries out of each bit: CF = bit fl_msb, AF = bit 3 */
    uint32_t fl_msb;      /* OF = bit fl_msb ^ bit fl_msb - 1 of fl_carry */
    uint32_t eflags;      /* the other flags; status bits here are 0 */
    uint64_t ea_mask;     /* of linear addresses: 64 or 32 bits */
    uint64_t seg_base[8]; /* as addressing adds it: 0 for ES, CS, SS, DS in 64-bit mode */
    /* Outside 64-bit mode: minus the bytes of each segment that may be read ([0]) and written ([1])
     * from offset 0 on; 0: none, or it expands down. */
    uint64_t seg_end[2][8];
    struct x86_dtlb *tlb_now; /* of the current privilege: mode's MODE_SET */
    struct x86_itlb *itlb_now;
    /* 0: look at requests before the next block; else X86_UNDISTURBED; atomic */
    uint64_t undisturbed;
    uint32_t mode;               /* enum x86_mode bits; part of a decoded block's key */
    uint64_t start_rip;          /* of the instruction being executed: where a fault returns */
    const struct x86_insn *insn; /* being executed, for precise faults */
    bool insn_again;     /* set by a REP that is to be entered again: rip is its own address */
    struct x86_tlb *tlb; /* behind this struct, see struct x86_cpu_room */
    void *room;          /* the allocation that holds both */
    void *engine;        /* the engine's per-CPU data */
    bool alone;          /* the machine's only CPU, and its engine keeps ram_block.code_lines */
    const struct x86_watch *watch; /* tlb.h; NULL: nobody wants to know */
    uint64_t executed;             /* instructions, for statistics */

    /* segments, tables, control registers */
    struct x86_seg seg[X86_SEGS];
    struct x86_table gdt, idt;
    uint8_t cpl;
    bool interrupt_shadow; /* STI or MOV SS just executed */
    bool in_smm;
    bool nmi_masked;
    bool a20; /* address line 20 passes */
    uint64_t cr0, cr2, cr3, cr4;
    uint64_t cr8; /* only when there is no APIC */
    uint64_t efer, xcr0;
    uint32_t pkru, smbase;
    uint64_t pdpte[4]; /* loaded with CR3 in PAE mode */
    uint64_t dr[8];    /* 4 and 5 unused */
    struct x86_msrs msr;
    int64_t tsc_offset; /* guest TSC = scaled clock + offset */
    uint64_t tsc_khz;

    struct x86_fpu fpu;
    bool ferr;  /* the FERR# line as last driven */
    bool ignne; /* IGNNE# */
    union x86_vec vec[X86_VEC_REGS];
    uint32_t mxcsr;

    /* events; the first two are written by other threads */
    uint32_t requests;   /* enum x86_request; atomic */
    uint8_t sipi_vector; /* atomic */
    enum x86_run_state run_state;
    uint32_t pending_dr6; /* X86_REQ_DB: bits for DR6 */
    int delivering;       /* vector being delivered (for double faults), or -1 */
    uint8_t delivering_error;
    bool monitor_armed;
    /* of KVM, kept across snapshots: an event that was taken but not yet delivered */
    struct {
        bool exception, interrupt, soft, has_error;
        uint8_t vector;
        uint32_t error;
    } injected;

    /* what the CPU is */
    unsigned index;   /* of the vCPU */
    uint32_t apic_id; /* initial APIC id */
    bool bsp;
    bool vendor_amd; /* SYSCALL, SYSENTER and a few checks differ by vendor */
    unsigned phys_bits;
    uint32_t features[FEAT_WORDS];
    const struct x86_model *model; /* cpuid.c's; may be NULL */
    void *cpuid_data;

    /* surroundings; set before the CPU runs */
    struct address_space *mem;     /* as seen outside SMM */
    struct address_space *smm_mem; /* in SMM; NULL: the same */
    struct address_space *io;
    struct clock *clock;
    const struct x86_irq_ops *irq_ops; /* NULL: no interrupt controller */
    void *irq_opaque;
    void (*kick)(struct x86_cpu *cpu); /* wakes the vCPU thread; any thread; may be NULL */
    void *kick_opaque;

    /* unwinding and locked accesses of the instruction at hand */
    jmp_buf unwind;
    struct {
        int vector;
        uint32_t error;
    } raised; /* by x86_raise(), before delivery */
    struct x86_decoder *decoder;
    uint64_t rmw_la;                  /* of operand_load_rmw() */
    uint8_t *rmw_host;                /* its host address, or NULL: not plain RAM, or two pages */
    const struct phys_page *rmw_page; /* to be told of the write, or NULL */
    bool rmw_exclusive;               /* the other CPUs are held until the store */
    /* A spin-wait hint: lets other threads run; may be NULL. */
    void (*pause)(struct x86_cpu *cpu);
    /* What MWAIT does instead of sleeping for a moment; may be NULL. */
    void (*mwait)(struct x86_cpu *cpu);
    /* Told of x86_attention(), in the thread that calls it; may be NULL. */
    void (*attended)(struct x86_cpu *cpu);
    /* RDRAND and RDSEED give a sequence that begins with @seed instead of the host's numbers. */
    bool seeded;
    uint64_t seed;
    /* What kvmclock's wall clock was when the virtual clock was 0, instead of the host's. */
    bool wall_fixed;
    int64_t wall_zero_ns;
    /* Holds (or lets go) all other vCPUs of the machine; may be NULL when there are none. */
    void (*exclusive)(struct x86_cpu *cpu, bool enter);
};

/* Zeroed and reset. Set features, address spaces and ops, then call x86_cpu_reset(). */
struct x86_cpu *x86_cpu_new(unsigned index, uint32_t apic_id);
void x86_cpu_free(struct x86_cpu *cpu); /* NULL is fine */

/* Rebuilds what depends on cpu->features. Call after changing them. */
void x86_cpu_features_changed(struct x86_cpu *cpu);

/* Power-on. Not while the CPU runs. */
void x86_cpu_reset(struct x86_cpu *cpu);
/* INIT: as reset, but FPU, MSRs and memory typing survive; an AP waits for SIPI after it. */
void x86_cpu_init_signal(struct x86_cpu *cpu);

/* The interrupt line: level. Any thread. */
void x86_cpu_set_intr(struct x86_cpu *cpu, bool level);
/* Edges. Any thread. */
void x86_cpu_raise_nmi(struct x86_cpu *cpu);
void x86_cpu_raise_smi(struct x86_cpu *cpu);
void x86_cpu_raise_init(struct x86_cpu *cpu);
void x86_cpu_raise_sipi(struct x86_cpu *cpu, uint8_t vector);
/* Makes the run loop return soon. Any thread. */
void x86_cpu_kick(struct x86_cpu *cpu);
/* Sets and clears bits of cpu->requests; wakes the CPU. Any thread. */
void x86_cpu_request(struct x86_cpu *cpu, uint32_t bits);
void x86_cpu_unrequest(struct x86_cpu *cpu, uint32_t bits);
static inline bool x86_disturbed(const struct x86_cpu *cpu)
{
    return !__atomic_load_n(&cpu->undisturbed, __ATOMIC_ACQUIRE);
}
/* Makes the engine call x86_cpu_poll() before its next block. Any thread. */
void x86_attention(struct x86_cpu *cpu);
/* The same if something waits: it may have become possible. Whatever comes later sees to itself. */
void x86_unmasked(struct x86_cpu *cpu);
/*
 * IGNNE#: x87 instructions no longer wait for the error that FERR# tells of. Boards assert it when
 * port 0xF0 is written; it falls by itself with FERR#. The vCPU thread, or with the CPU stopped.
 */
void x86_cpu_set_ignne(struct x86_cpu *cpu, bool level);
/* Address line 20. The vCPU thread, or with the CPU stopped. */
void x86_cpu_set_a20(struct x86_cpu *cpu, bool passes);

/* Whether the CPU would do something if its run function were called. */
bool x86_cpu_has_work(const struct x86_cpu *cpu);
/*
 * Delivers what waits (SMI, INIT, NMI, INTR ...); returns false when the CPU is not to run now
 * (halted, waiting for SIPI). The engine calls it when x86_disturbed().
 */
bool x86_cpu_poll(struct x86_cpu *cpu);
/* Decodes and executes one instruction, delivering its faults. For engines, KVM, and tests. */
void x86_cpu_step(struct x86_cpu *cpu);

uint32_t x86_eflags_get(const struct x86_cpu *cpu);
void x86_eflags_set(struct x86_cpu *cpu, uint32_t eflags);

/*
 * Call after cr0, cr3, cr4, efer, segments, eflags or cpl were set from outside (migration, KVM,
 * gdb, direct boot): recomputes what is derived from them and drops cached translations.
 */
void x86_cpu_state_loaded(struct x86_cpu *cpu);
/* Loads a segment register's hidden part as given; keeps the derived state right. */
void x86_seg_set(struct x86_cpu *cpu, enum x86_seg_reg s, uint16_t sel, uint64_t base,
                 uint32_t limit, uint16_t attr);

/* The time stamp counter as the guest reads it. Any thread. */
uint64_t x86_tsc_read(const struct x86_cpu *cpu);
/* What the counter is when cpu->clock is @ns. */
uint64_t x86_tsc_at(const struct x86_cpu *cpu, uint64_t ns);
void x86_tsc_write(struct x86_cpu *cpu, uint64_t tsc);
/* Virtual time at which the counter reaches @tsc. */
int64_t x86_tsc_to_ns(const struct x86_cpu *cpu, uint64_t tsc);

/* RDMSR and WRMSR as at CPL 0; false where the guest would get #GP. */
bool x86_msr_read(struct x86_cpu *cpu, uint32_t msr, uint64_t *ret_val);
bool x86_msr_write(struct x86_cpu *cpu, uint32_t msr, uint64_t val);

/* kvmclock.c: writes the guest's time page, if it has one, and the wall clock page. */
void x86_kvmclock_update(struct x86_cpu *cpu);
void x86_kvmclock_write_wall(struct x86_cpu *cpu);

/* CPUID as this CPU shows it to its guest, at this moment (OSXSAVE etc.). */
void x86_cpuid(struct x86_cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t ret[4]);

/* Memory as the guest's present page tables map it, without faults or accessed bits. */
bool x86_debug_translate(struct x86_cpu *cpu, uint64_t la, uint64_t *ret_gpa);
bool x86_debug_read(struct x86_cpu *cpu, uint64_t la, void *buf, uint64_t len);
bool x86_debug_write(struct x86_cpu *cpu, uint64_t la, const void *buf, uint64_t len);
/* Calls @each for every mapped page (level 1: 4 KiB ...) of the present page tables, in order.
 * Ends early when the guest's tables have absurdly many entries. */
void x86_debug_walk(struct x86_cpu *cpu,
                    void (*each)(void *opaque, uint64_t la, uint64_t pte, unsigned level,
                                 uint64_t flags),
                    void *opaque);

typedef void x86_print_fn(void *opaque, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* `info registers`; @fpu adds x87, MMX and vector registers. */
void x86_cpu_dump(struct x86_cpu *cpu, bool fpu, x86_print_fn *print, void *opaque);
/* The same to the log, if @topic is on. */
void x86_cpu_log(struct x86_cpu *cpu, enum log_topic topic);
/* Prints the instructions in @len bytes that were fetched from @rip. */
void x86_disassemble(const uint8_t *code, unsigned len, uint64_t rip, unsigned bits,
                     x86_print_fn *print, void *opaque);

static inline bool x86_has(const struct x86_cpu *cpu, enum x86_feature f)
{
    return f == X86_F_BASE || (cpu->features[f / 32] >> (f % 32)) & 1;
}

/* Bits of cpu->mode: all that decoding and address arithmetic depend on. */
enum x86_mode {
    MODE_CODE32 = 1 << 0, /* default operand and address size 32 (CS.D) */
    MODE_CODE64 = 1 << 1, /* 64-bit mode */
    MODE_PE = 1 << 2,
    MODE_VM86 = 1 << 3,
    MODE_LMA = 1 << 4,  /* long mode active, compatibility mode included */
    MODE_FLAT = 1 << 5, /* not 64-bit: CS, DS, ES, SS are flat 4 GiB and usable */
    MODE_USER = 1 << 6, /* CPL 3 */
    MODE_SS32 = 1 << 7, /* stack pointer is ESP (not 64-bit mode) */
    MODE_SLOW = 1 << 8, /* single step, instruction breakpoints: one instruction per block */
    MODE_SET = 3 << 9,  /* enum tlb_set of explicit accesses */
};
#define MODE_SET_SHIFT 9

static inline bool x86_is_64(const struct x86_cpu *cpu)
{
    return cpu->mode & MODE_CODE64;
}

static inline bool x86_is_protected(const struct x86_cpu *cpu)
{
    return (cpu->mode & (MODE_PE | MODE_VM86)) == MODE_PE;
}

#endif
