/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments, control transfers between privilege levels, exceptions: shared by the system files of
 * this folder only.
 */
#ifndef VITRO_TARGET_I386_SYSTEM_H
#define VITRO_TARGET_I386_SYSTEM_H

#include "target/i386/exec.h"
#include "target/i386/mem.h"

/* A descriptor as read from GDT or LDT. */
struct x86_desc {
    uint64_t la;   /* where it is */
    uint64_t low;  /* the first 8 bytes */
    uint64_t high; /* the next 8: 64-bit system descriptors */
};

static inline unsigned desc_type(const struct x86_desc *d)
{
    return d->low >> 40 & 0xf;
}
static inline bool desc_is_segment(const struct x86_desc *d) /* not system */
{
    return d->low >> 44 & 1;
}
static inline unsigned desc_dpl(const struct x86_desc *d)
{
    return d->low >> 45 & 3;
}
static inline bool desc_present(const struct x86_desc *d)
{
    return d->low >> 47 & 1;
}
static inline bool desc_is_code(const struct x86_desc *d)
{
    return desc_is_segment(d) && (desc_type(d) & SEG_CODE);
}
static inline bool desc_is_conforming(const struct x86_desc *d)
{
    return desc_type(d) & SEG_DOWN;
}

/* System descriptor types. */
enum {
    DESC_TSS16 = 1,
    DESC_LDT = 2,
    DESC_TSS16_BUSY = 3,
    DESC_CALL16 = 4,
    DESC_TASK = 5,
    DESC_INT16 = 6,
    DESC_TRAP16 = 7,
    DESC_TSS32 = 9, /* and 64 */
    DESC_TSS32_BUSY = 11,
    DESC_CALL32 = 12, /* and 64 */
    DESC_INT32 = 14,
    DESC_TRAP32 = 15,
};

/* state.c */
void x86_update_mode(struct x86_cpu *cpu);
/* Writes the flags in @mask; AC, TF, VM and IF take effect. */
void x86_eflags_write(struct x86_cpu *cpu, uint32_t val, uint32_t mask);

/* seg.c: descriptors. desc_fetch() is false when @sel is null or beyond its table. */
bool desc_fetch(struct x86_cpu *cpu, uint16_t sel, struct x86_desc *ret);
/* As desc_fetch(), but raises @vector(@sel). */
void desc_fetch_or_raise(struct x86_cpu *cpu, uint16_t sel, unsigned vector, uint32_t error,
                         struct x86_desc *ret);
void desc_to_seg(uint16_t sel, const struct x86_desc *d, struct x86_seg *ret);
void desc_set_accessed(struct x86_cpu *cpu, struct x86_desc *d);
void desc_set_busy(struct x86_cpu *cpu, const struct x86_desc *d, bool busy);
/* MOV, POP, LDS... to a segment register other than CS. */
void x86_load_seg(struct x86_cpu *cpu, unsigned s, uint16_t sel);
void x86_load_seg_real(struct x86_cpu *cpu, unsigned s, uint16_t sel);
/* Sets CS from a checked descriptor; the caller sets the CPL. */
void x86_load_cs(struct x86_cpu *cpu, uint16_t sel, struct x86_desc *d);
/* After a return to an outer level: clears data segments that it may not use. */
void x86_drop_inner_segs(struct x86_cpu *cpu);
/* LLDT; @error: #GP code and vector used for a bad selector. */
void x86_load_ldt(struct x86_cpu *cpu, uint16_t sel, unsigned vector);

/* A stack being pushed to or popped from; registers change only at the end. */
struct x86_stack {
    struct x86_cpu *cpu;
    struct x86_seg ss;
    uint64_t sp;
    uint64_t mask;
    uint32_t error; /* of the #SS */
    bool system;    /* as supervisor */
    bool is64;
};
void stack_init(struct x86_stack *st, struct x86_cpu *cpu);
void stack_push(struct x86_stack *st, uint64_t val, unsigned size);
uint64_t stack_pop(struct x86_stack *st, unsigned size);
void stack_commit(struct x86_stack *st);
/* SS:SP for an inner privilege level from the current TSS; raises #TS. */
void x86_tss_stack(struct x86_cpu *cpu, unsigned cpl, uint16_t *ret_ss, uint64_t *ret_sp);
/* Checks and reads the SS descriptor for an inner stack at @cpl; raises #TS, #SS. */
void x86_check_inner_ss(struct x86_cpu *cpu, uint16_t sel, unsigned cpl, uint32_t ext,
                        struct x86_desc *ret);

/* far.c */
void x86_far_jump(struct x86_cpu *cpu, uint16_t sel, uint64_t off, unsigned width);
void x86_far_call(struct x86_cpu *cpu, uint16_t sel, uint64_t off, unsigned width);
void x86_far_return(struct x86_cpu *cpu, unsigned width, unsigned release);
void x86_iret(struct x86_cpu *cpu, unsigned width);

/* task.c */
enum task_source {
    TASK_JUMP,
    TASK_CALL, /* and interrupts */
    TASK_IRET,
};
void x86_task_switch(struct x86_cpu *cpu, uint16_t sel, const struct x86_desc *tss,
                     enum task_source source, uint64_t next_rip, bool has_error, uint32_t error);
/* Raises #GP unless the TSS allows I/O to @size ports from @port. */
void x86_check_io(struct x86_cpu *cpu, uint16_t port, unsigned size);

/* exception.c */
enum interrupt_kind {
    INT_HARDWARE, /* external, NMI */
    INT_EXCEPTION,
    INT_SOFT,      /* INT n: gate DPL is checked */
    INT_SOFT_TRAP, /* INT3, INTO: as INT n */
    INT_ICEBP,     /* INT1: no DPL check, but a trap */
};
void x86_interrupt(struct x86_cpu *cpu, uint8_t vector, enum interrupt_kind kind, uint32_t error,
                   uint64_t return_rip);
/* After x86_raise() has unwound: delivers cpu->raised. May unwind again to the same place. */
void x86_deliver_raised(struct x86_cpu *cpu);
/* A debug trap after an instruction (single step, breakpoints). */
void x86_debug_trap(struct x86_cpu *cpu, uint32_t dr6);

/* smm.c */
void x86_smm_enter(struct x86_cpu *cpu);
void x86_smm_leave(struct x86_cpu *cpu);

/* control.c */
void x86_write_cr0(struct x86_cpu *cpu, uint64_t val);
void x86_write_cr3(struct x86_cpu *cpu, uint64_t val);
void x86_write_cr4(struct x86_cpu *cpu, uint64_t val);
void x86_set_pkru(struct x86_cpu *cpu, uint32_t val);
/* Loads the PDPTEs for PAE paging from @cr3; false when a reserved bit is set. */
bool x86_load_pdptes(struct x86_cpu *cpu, uint64_t cr3);

/* Sets the instruction pointer within the present code segment's size. */
static inline void x86_jump(struct x86_cpu *cpu, uint64_t target)
{
    if (!(cpu->mode & MODE_CODE64) && target > cpu->seg[X86_CS].limit) {
        x86_raise(cpu, EXC_GP, 0);
    }
    if ((cpu->mode & MODE_CODE64) && !x86_is_canonical(cpu, target)) {
        x86_raise(cpu, EXC_GP, 0);
    }
    cpu->rip = target;
}

#endif
