/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The high precision event timer.
 *
 * Locking: machine lock, but for reads of the main counter.
 */
#ifndef VITRO_HW_TIMER_HPET_H
#define VITRO_HW_TIMER_HPET_H

#include "hw/core/machine.h"

#define HPET_DEFAULT_BASE 0xfed00000ULL
#define HPET_SIZE         1024
#define HPET_PERIOD_NS    10
#define HPET_ROUTES       32

struct hpet;

/* Makes one at @gpa of @memory. @intcap: the routes (inputs of the I/O APIC) that its timers may
 * use, unless the user has set property hpet-intcap. */
struct hpet *hpet_create(struct machine *m, struct region *memory, uint64_t gpa, uint32_t intcap,
                         GError **error);

/* Where route @n goes: input @n of the I/O APIC. */
void hpet_connect_route(struct hpet *h, unsigned n, struct irq *irq);

/* Interrupts 0 and 8, which the 8254 and the RTC have until the guest chooses legacy replacement.
 */
void hpet_connect_legacy(struct hpet *h, struct irq *irq0, struct irq *irq8);
/* What the 8254's and the RTC's outputs are to be connected to. */
struct irq *hpet_pit_input(struct hpet *h);
struct irq *hpet_rtc_input(struct hpet *h);

/* The low half of the capabilities register, for the ACPI table. */
uint32_t hpet_block_id(const struct hpet *h);

#endif
