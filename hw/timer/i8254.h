/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8254 programmable interval timer of a PC.
 *
 * Locking: machine lock.
 */
#ifndef VITRO_HW_TIMER_I8254_H
#define VITRO_HW_TIMER_I8254_H

#include "hw/isa/isa.h"

#define I8254_HZ       1193182
#define I8254_CHANNELS 3

struct i8254;

/* Makes one at port 0x40 of @bus. @out0 is what channel 0's output drives (interrupt 0). */
struct i8254 *i8254_create(struct isa_bus *bus, struct irq *out0, GError **error);

/* A channel's gate input. Those of channels 0 and 1 are tied high on a PC. */
void i8254_set_gate(struct i8254 *pit, unsigned channel, bool level);
bool i8254_gate(struct i8254 *pit, unsigned channel);

/* A channel's output now. */
bool i8254_output(struct i8254 *pit, unsigned channel);

/* What a channel divides I8254_HZ by, 0 when it does not run periodically (for sound). */
unsigned i8254_divisor(struct i8254 *pit, unsigned channel);

/* Input clocks since the virtual clock's zero. */
uint64_t i8254_ticks(struct machine *m);

#endif
