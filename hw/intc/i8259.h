/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pair of 8259A interrupt controllers of a PC.
 *
 * Locking: machine lock for everything; i8259_acknowledge() takes it itself.
 */
#ifndef VITRO_HW_INTC_I8259_H
#define VITRO_HW_INTC_I8259_H

#include "hw/isa/isa.h"

#define I8259_INPUTS 16

struct i8259;

/* Makes the pair on @bus. @intr is its output to the CPU: high while a vector waits. */
struct i8259 *i8259_create(struct isa_bus *bus, struct irq *intr, GError **error);

/* Input @n, 0 to 15. Input 2 is the cascade inside the pair: setting it does nothing. */
struct irq *i8259_input(struct i8259 *pic, unsigned n);

/*
 * The CPU's interrupt acknowledge cycle: the vector of the most urgent request. When the request
 * has gone meanwhile it is the spurious one (input 7 of the chip that was asked). Any thread.
 */
int i8259_acknowledge(struct i8259 *pic);

/* Whether the output is high. Any thread. */
bool i8259_pending(struct i8259 *pic);

/* For `info pic`. */
void i8259_print(struct i8259 *pic, void (*print)(void *opaque, const char *fmt, ...),
                 void *opaque);

#endif
