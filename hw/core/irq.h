/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt and other signal lines.
 *
 * The receiver owns the struct and says what a level means; senders hold a pointer and set it.
 * A NULL line is not connected. Setting a line is done under the machine lock, unless the receiver
 * says that it needs none.
 */
#ifndef VITRO_HW_CORE_IRQ_H
#define VITRO_HW_CORE_IRQ_H

#include "util/common.h"

struct irq {
    void (*set)(void *opaque, int n, int level);
    void *opaque;
    int n; /* which of the receiver's lines this is */
};

static inline void irq_init(struct irq *irq, void (*set)(void *opaque, int n, int level),
                            void *opaque, int n)
{
    *irq = (struct irq){set, opaque, n};
}

static inline void irq_set(struct irq *irq, int level)
{
    if (irq && irq->set) {
        irq->set(irq->opaque, irq->n, level);
    }
}

static inline void irq_raise(struct irq *irq)
{
    irq_set(irq, 1);
}

static inline void irq_lower(struct irq *irq)
{
    irq_set(irq, 0);
}

static inline void irq_pulse(struct irq *irq)
{
    irq_set(irq, 1);
    irq_set(irq, 0);
}

#endif
