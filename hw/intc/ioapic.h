/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O APIC: from interrupt lines to messages.
 *
 * Locking: machine lock.
 */
#ifndef VITRO_HW_INTC_IOAPIC_H
#define VITRO_HW_INTC_IOAPIC_H

#include "hw/intc/apic.h"

#define IOAPIC_DEFAULT_BASE 0xfec00000ULL
#define IOAPIC_INPUTS       24

struct ioapic;

struct ioapic_config {
    uint8_t id;
    uint8_t version; /* 0x11 (82093AA), or 0x20 with the EOI register */
    uint64_t gpa;    /* of its registers */
};

/* Makes one at @config->gpa of @memory, sending to @bus. */
struct ioapic *ioapic_create(struct apic_bus *bus, struct region *memory,
                             const struct ioapic_config *config, GError **error);

/* Input @n, below IOAPIC_INPUTS. 1 is "asserted", whatever the polarity the guest programs. */
struct irq *ioapic_input(struct ioapic *io, unsigned n);

/* For `info ioapic`. */
void ioapic_print(struct ioapic *io, void (*print)(void *opaque, const char *fmt, ...),
                  void *opaque);

#endif
