/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APICs, and the bus on which they, I/O APICs and devices send interrupt messages.
 *
 * The board embeds a struct apic_bus, fills a struct apic_cpu_ops and makes one struct apic per
 * CPU. The CPU's side (acknowledge, CR8, MSRs) calls the functions under "for CPUs".
 *
 * Locking. Every APIC has a small mutex for all of its registers. Messages and the timer take it
 * for the moment of delivery; the CPU's own accesses take it uncontended. Nothing that holds it
 * takes the machine lock: what needs that (EOI of a level triggered vector, acknowledge of the
 * 8259, moving the registers) is done after it is released. So delivery, IPI, EOI, timer and TPR
 * work without the machine lock, and any thread may deliver, with or without the machine lock.
 * Order: machine lock, then an APIC's mutex (one at a time), then what apic_cpu_ops take.
 *
 * The table of APICs is read within an RCU section and changed under the machine lock.
 */
#ifndef VITRO_HW_INTC_APIC_H
#define VITRO_HW_INTC_APIC_H

#include "hw/core/machine.h"

#define APIC_DEFAULT_BASE 0xfee00000ULL
#define APIC_MSI_SIZE     (1 * MiB)  /* addresses that are interrupt messages when devices write */
#define APIC_BUS_HZ       NS_PER_SEC /* timer clock before the divider */
#define APIC_PAGE_BYTES   1024
#define APIC_MAX_EOI      8
#define APIC_BROADCAST    UINT32_MAX

struct apic;
struct apic_bus;
struct i8259;

enum apic_delivery {
    APIC_FIXED = 0,
    APIC_LOWEST = 1,
    APIC_SMI = 2,
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_SIPI = 6,
    APIC_EXTINT = 7,
};

/* Interrupts that arise inside a CPU, by their LVT register. */
enum apic_lvt {
    APIC_LVT_TIMER,
    APIC_LVT_THERMAL,
    APIC_LVT_PERF,
    APIC_LVT_LINT0,
    APIC_LVT_LINT1,
    APIC_LVT_ERROR,
    APIC_LVT_CMCI,
    APIC_LVTS,
};

struct apic_message {
    uint32_t dest; /* APIC id or logical destination; APIC_BROADCAST: all */
    bool logical;
    bool level;       /* level triggered: its EOI is told to the I/O APICs */
    uint8_t delivery; /* enum apic_delivery */
    uint8_t vector;
};

/*
 * What APICs ask of CPUs. Called by any thread with the APIC's mutex held: set a flag, wake the
 * CPU, call nothing of the APIC.
 */
struct apic_cpu_ops {
    void (*interrupt_changed)(void *cpu, bool pending);
    void (*nmi)(void *cpu);
    void (*smi)(void *cpu);
    void (*init)(void *cpu);
    void (*sipi)(void *cpu, uint8_t vector);
    /* The CPU's time-stamp counter now, and how fast it runs. */
    uint64_t (*tsc_read)(void *cpu);
    uint64_t (*tsc_khz)(void *cpu);
    /* The APIC of the CPU whose thread calls; NULL when it is another thread. No mutex is held. */
    struct apic *(*current)(struct apic_bus *bus);
};

struct apic_bus {
    struct machine *machine;
    const struct apic_cpu_ops *ops;
    struct region region;  /* registers for CPUs, messages for devices */
    struct irq intr, nmi;  /* lines to LINT0 and LINT1 of all CPUs */
    struct i8259 *pic;     /* asked for the vector of ExtINT; NULL: none */
    bool extended_dest_id; /* MSI address bits 11 to 5 are bits 14 to 8 of the destination */

    unsigned max_apics;
    unsigned used;        /* slots of apics[] that may be taken; atomic */
    struct apic **apics;  /* NULL: free slot; atomic */
    unsigned lowest_turn; /* breaks ties of lowest priority delivery; atomic */

    unsigned eoi_count;
    struct {
        void (*eoi)(void *opaque, uint8_t vector);
        void *opaque;
    } eoi[APIC_MAX_EOI];

    /* When set, messages go here as MSI address and data (APICs in the kernel). */
    void (*msi_sink)(void *opaque, uint64_t addr, uint32_t data);
    void *msi_opaque;
};

struct apic_config {
    uint32_t id;
    bool bsp;
    bool x2apic;       /* the CPU has it */
    bool tsc_deadline; /* the CPU has it */
    unsigned phys_bits;
    void *cpu; /* for apic_cpu_ops */
};

/* ---- for boards ---- */

/* Maps the registers into @memory. @ops stays the caller's. */
void apic_bus_init(struct apic_bus *bus, struct machine *m, struct region *memory,
                   const struct apic_cpu_ops *ops, unsigned max_apics);
/* All its APICs have been freed. */
void apic_bus_fini(struct apic_bus *bus);

/* @eoi is called, with the machine lock held, at the end of each level triggered vector. */
void apic_bus_on_eoi(struct apic_bus *bus, void (*eoi)(void *opaque, uint8_t vector), void *opaque);

/* A device of the machine; freed with it, or by apic_free() when a CPU is unplugged. */
struct apic *apic_create(struct apic_bus *bus, const struct apic_config *config, GError **error);
/* NULL is fine. Machine lock held and vCPUs paused: it waits for those who deliver right now. */
void apic_free(struct apic *apic);

/* The APIC with this id, or NULL. Machine lock held. */
struct apic *apic_find(struct apic_bus *bus, uint32_t id);

/* Tells the I/O APICs that a level triggered vector has ended. Any thread. */
void apic_bus_eoi(struct apic_bus *bus, uint8_t vector);

/* For `info lapic`. */
void apic_print(struct apic *apic, void (*print)(void *opaque, const char *fmt, ...), void *opaque);

/* The registers as in the MMIO page, as KVM exchanges them. The CPU does not run. */
void apic_get_page(struct apic *apic, uint8_t page[APIC_PAGE_BYTES]);
void apic_set_page(struct apic *apic, const uint8_t page[APIC_PAGE_BYTES]);

/* ---- for I/O APICs and devices; any thread ---- */

/* Whether some CPU took it. */
bool apic_deliver(struct apic_bus *bus, const struct apic_message *msg);
bool apic_send_msi(struct apic_bus *bus, uint64_t addr, uint32_t data);

/* ---- for CPUs: the CPU's own thread, or while it does not run ---- */

/* Whether apic_acknowledge() would give a vector. Any thread; no lock. */
bool apic_has_interrupt(struct apic *apic);
/* Takes the most urgent vector, the 8259's when only ExtINT waits; -1 when there is none. */
int apic_acknowledge(struct apic *apic);
uint8_t apic_get_cr8(struct apic *apic);
void apic_set_cr8(struct apic *apic, uint8_t cr8);
uint64_t apic_get_base(struct apic *apic);
bool apic_set_base(struct apic *apic, uint64_t base); /* false: #GP */
/* @reg is the MSR number minus 0x800. False: #GP. */
bool apic_msr_read(struct apic *apic, uint32_t reg, uint64_t *ret_val);
bool apic_msr_write(struct apic *apic, uint32_t reg, uint64_t val);
uint64_t apic_get_tsc_deadline(struct apic *apic);
void apic_set_tsc_deadline(struct apic *apic, uint64_t tsc);
/* The time-stamp counter was written: the deadline is at another time now. */
void apic_tsc_changed(struct apic *apic);
/* The CPU has carried out INIT: all but id and base as after power-on. */
void apic_init_received(struct apic *apic);
/* Performance counter overflow, thermal event, corrected machine check. Any thread. */
void apic_local_interrupt(struct apic *apic, enum apic_lvt which);

#endif
