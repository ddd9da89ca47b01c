/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with nothing but an ISA bus, for tests of devices on it.
 *
 * Time stands still until a test moves it; interrupt levels and rising edges are counted. The
 * machine lock is held from setup to teardown.
 */
#ifndef VITRO_TESTS_UNIT_HW_ISA_BOX_H
#define VITRO_TESTS_UNIT_HW_ISA_BOX_H

#include "chardev/chardev.h"
#include "hw/isa/isa.h"

struct isa_box {
    struct machine *m;
    struct isa_bus bus;
    struct irq lines[ISA_IRQS];
    int levels[ISA_IRQS];
    unsigned edges[ISA_IRQS];
};

static inline void isa_box_set_irq(void *opaque, int n, int level)
{
    struct isa_box *box = opaque;

    box->edges[n] += level && !box->levels[n];
    box->levels[n] = level;
}

static inline void isa_box_setup(struct isa_box *box, const struct machine_type *type)
{
    box->m = machine_new(type);
    lock_acquire(&box->m->lock);
    clock_set_manual(&box->m->clock_virtual);
    isa_bus_init(&box->bus, box->m, NULL, &box->m->memory_root, &box->m->io_root);
    for (int i = 0; i < ISA_IRQS; i++) {
        irq_init(&box->lines[i], isa_box_set_irq, box, i);
        box->bus.irqs[i] = &box->lines[i];
    }
}

static inline void isa_box_teardown(struct isa_box *box)
{
    bus_fini(&box->bus.bus);
    if (box->m->chardevs) {
        chardevs_free(box->m->chardevs);
        box->m->chardevs = NULL;
    }
    lock_release(&box->m->lock);
    machine_free(box->m);
}

static inline uint8_t isa_box_in(struct isa_box *box, uint16_t port)
{
    return (uint8_t)address_space_load(&box->m->io, port, 1, MEM_ATTRS_NONE, NULL);
}

static inline void isa_box_out(struct isa_box *box, uint16_t port, uint8_t val)
{
    address_space_store(&box->m->io, port, val, 1, MEM_ATTRS_NONE);
}

static inline void isa_box_sleep(struct isa_box *box, int64_t ns)
{
    clock_step_to(&box->m->clock_virtual, clock_now_ns(&box->m->clock_virtual) + ns);
}

#endif
