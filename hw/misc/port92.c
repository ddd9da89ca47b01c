/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port 0x92, the PS/2's system control port A: address line 20 and a fast reset.
 *
 *   bit 0  writing 1 where 0 was resets the machine
 *   bit 1  A20 passes
 *   bit 3  (password lock), bits 6 and 7 (disk light): stored
 */
#include "hw/misc/port92.h"

#include "hw/isa/isa.h"

enum { CTL_RESET = 0x01, CTL_A20 = 0x02, CTL_BITS = 0xcb };

struct port92 {
    struct isa_device isa;
    struct irq *a20;

    uint8_t ctl;
};

static struct port92 *from_dev(struct device *dev)
{
    return container_of(dev, struct port92, isa.dev);
}

/* The line is driven also by a write that changes nothing: the last writer decides about A20. */
static void ctl_write(struct device *dev, uint64_t val)
{
    struct port92 *p = from_dev(dev);
    uint8_t old = p->ctl;

    p->ctl = val & CTL_BITS;
    irq_set(p->a20, !!(p->ctl & CTL_A20));
    if ((p->ctl & CTL_RESET) && !(old & CTL_RESET)) {
        machine_request_reset(dev->machine, CAUSE_GUEST_RESET);
    }
}

static const struct reg port92_regs[] = {
    REG8(0, "CTL", STORE_U8(struct port92, ctl), .reset = CTL_A20, .write = ctl_write),
    {0},
};

static bool port92_loaded(void *base, unsigned version, GError **error)
{
    struct port92 *p = base;

    (void)version, (void)error;
    p->ctl &= CTL_BITS;
    return true; /* the CPUs save the state of A20 itself */
}

static const struct state_field port92_fields[] = {
    STATE_U8(struct port92, ctl),
    {0},
};

static const struct state_table port92_state = {
    .name = "port92",
    .version = 1,
    .fields = port92_fields,
    .post_load = port92_loaded,
};

void port92_connect_a20(struct device *dev, struct irq *line)
{
    from_dev(dev)->a20 = line;
}

static bool port92_realize(struct device *dev, GError **error)
{
    return isa_map(&from_dev(dev)->isa, 0x92, port92_regs, error);
}

static void port92_reset(struct device *dev)
{
    irq_raise(from_dev(dev)->a20);
}

static const struct device_type port92_type = {
    .name = "port92",
    .description = "port 92: A20 and fast reset",
    .category = DEVICE_MISC,
    .flags = DEVICE_INTERNAL,
    .bus = BUS_ISA,
    .size = sizeof(struct port92),
    .state = &port92_state,
    .realize = port92_realize,
    .reset = port92_reset,
};
DEVICE_TYPE(port92_type);
