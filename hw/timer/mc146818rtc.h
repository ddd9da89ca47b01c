/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MC146818A real time clock with its battery-backed memory (CMOS).
 *
 * Locking: machine lock.
 */
#ifndef VITRO_HW_TIMER_MC146818RTC_H
#define VITRO_HW_TIMER_MC146818RTC_H

#include "hw/isa/isa.h"

#define MC146818_CENTURY 0x32 /* for the FADT */
#define MC146818_BYTES   256  /* two banks of 128 */

struct mc146818;

/* Makes one at port 0x70 of @bus. @irq: interrupt 8. @nmi_mask: high while the guest masks NMI by
 * bit 7 of port 0x70; may be NULL. */
struct mc146818 *mc146818_create(struct isa_bus *bus, struct irq *irq, struct irq *nmi_mask,
                                 GError **error);

/* Memory contents for the board to set up: @index 0x0e to 0x7f, or 0x80 to 0xff in the second bank.
 * They survive resets. */
void mc146818_set_cmos(struct mc146818 *rtc, unsigned index, uint8_t val);
uint8_t mc146818_get_cmos(struct mc146818 *rtc, unsigned index);

/* The guest's date and time: seconds since 1970, as if it kept UTC. */
int64_t mc146818_time(struct mc146818 *rtc);

#endif
