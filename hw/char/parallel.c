/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's parallel port with a printer at the other end: a character device.
 *
 *   base + 0     data
 *   base + 1     status: BUSY, ACK, PAPER, SELECT, ERROR as the printer drives them; bit 0 EPP
 *                time-out (write 1 to clear), bit 2 low while the interrupt is pending
 *   base + 2     control: STROBE, AUTOFD, INIT, SELECT, interrupt enable, direction
 *   base + 3..7  EPP address and data
 *
 * IEEE 1284 compatibility mode: the printer takes the byte when STROBE begins and acknowledges it;
 * while the back-end is full it is busy. The printer knows no EPP: such cycles time out, and reads
 * with the direction turned round find an undriven bus.
 *
 * Absent: ECP (the registers at base + 0x400 and its DMA).
 */
#include "hw/core/prop_backend.h"
#include "hw/isa/isa.h"

enum {
    STATUS_EPP_TIMEOUT = 0x01,
    STATUS_RESERVED = 0x02,
    STATUS_NO_IRQ = 0x04,
    STATUS_NO_ERROR = 0x08,
    STATUS_SELECTED = 0x10,
    STATUS_NO_ACK = 0x40,
    STATUS_NOT_BUSY = 0x80,
};
enum { CONTROL_STROBE = 0x01, CONTROL_INIT = 0x04, CONTROL_IRQ = 0x10, CONTROL_INPUT = 0x20 };
enum { CONTROL_BITS = 0x3f, CONTROL_ONES = 0xc0 };

#define ISA_PARALLELS 3
#define BY_INDEX      UINT32_MAX

struct parallel {
    struct isa_device isa;
    struct char_frontend fe;
    struct irq *irq;

    /* properties */
    uint32_t index, iobase, irq_nr;

    uint8_t data, control;
    bool epp_timeout, irq_pending;
    bool busy; /* the back-end has not taken "held" yet */
    uint8_t held;
};

static const uint16_t places[ISA_PARALLELS] = {0x378, 0x278, 0x3bc};

static struct parallel *from_dev(struct device *dev)
{
    return container_of(dev, struct parallel, isa.dev);
}

static void update_irq(struct parallel *p)
{
    irq_set(p->irq, p->irq_pending && (p->control & CONTROL_IRQ));
}

/* ---- the printer ---- */

static void print_held(struct parallel *p);

static void chardev_writable(void *opaque)
{
    print_held(opaque);
}

/* Passes the byte on; acknowledges it when the back-end has taken it. */
static void print_held(struct parallel *p)
{
    p->busy = char_frontend_write(&p->fe, &p->held, 1) == 0;
    if (p->busy) {
        char_frontend_on_writable(&p->fe, chardev_writable);
        return;
    }
    p->irq_pending = true; /* the end of the ACK pulse */
    update_irq(p);
}

static void forget_held(struct parallel *p)
{
    if (p->busy) {
        char_frontend_on_writable(&p->fe, NULL);
        p->busy = false;
    }
}

static void drop_input(void *opaque, const uint8_t *buf, size_t len)
{
    (void)opaque, (void)buf, (void)len; /* printers do not talk back in this mode */
}

/* ---- registers ---- */

static uint64_t data_read(struct device *dev)
{
    const struct parallel *p = from_dev(dev);

    return p->control & CONTROL_INPUT ? 0xff : p->data;
}

static void data_write(struct device *dev, uint64_t val)
{
    from_dev(dev)->data = (uint8_t)val;
}

static uint64_t status_read(struct device *dev)
{
    struct parallel *p = from_dev(dev);
    uint8_t val = STATUS_RESERVED | STATUS_NO_ERROR | STATUS_SELECTED | STATUS_NO_ACK;

    val |= p->busy ? 0 : STATUS_NOT_BUSY;
    val |= p->irq_pending ? 0 : STATUS_NO_IRQ;
    val |= p->epp_timeout ? STATUS_EPP_TIMEOUT : 0;
    p->irq_pending = false;
    update_irq(p);
    return val;
}

static void status_write(struct device *dev, uint64_t val)
{
    if (val & STATUS_EPP_TIMEOUT) {
        from_dev(dev)->epp_timeout = false;
    }
}

static uint64_t control_read(struct device *dev)
{
    return from_dev(dev)->control | CONTROL_ONES;
}

static void control_write(struct device *dev, uint64_t val)
{
    struct parallel *p = from_dev(dev);
    bool strobe = (val & CONTROL_STROBE) && !(p->control & CONTROL_STROBE);

    p->control = val & CONTROL_BITS;
    if (!(val & CONTROL_INIT)) {
        forget_held(p); /* the printer is held in reset */
        p->irq_pending = false;
    } else if (strobe && !p->busy) {
        p->held = p->data;
        print_held(p);
    }
    update_irq(p);
}

static uint64_t epp_read(struct device *dev)
{
    from_dev(dev)->epp_timeout = true;
    return UINT32_MAX;
}

static void epp_write(struct device *dev, uint64_t val)
{
    (void)val;
    from_dev(dev)->epp_timeout = true;
}

static const struct reg parallel_regs[] = {
    REG8(0, "DATA", .read = data_read, .write = data_write),
    REG8(1, "STATUS", .read = status_read, .write = status_write),
    REG8(2, "CONTROL", .read = control_read, .write = control_write),
    REG8(3, "EPP_ADDR", .read = epp_read, .write = epp_write),
    REG32(4, "EPP_DATA", .read = epp_read, .write = epp_write),
    {0},
};

/* Without the EPP registers: at 0x3bc other devices follow. */
static const struct reg parallel_short_regs[] = {
    REG8(0, "DATA", .read = data_read, .write = data_write),
    REG8(1, "STATUS", .read = status_read, .write = status_write),
    REG8(2, "CONTROL", .read = control_read, .write = control_write),
    {0},
};

/* ---- state ---- */

static bool parallel_loaded(void *base, unsigned version, GError **error)
{
    struct parallel *p = base;

    (void)version, (void)error;
    p->control &= CONTROL_BITS;
    if (p->busy) {
        print_held(p);
    }
    update_irq(p);
    return true;
}

static const struct state_field parallel_fields[] = {
    STATE_U8(struct parallel, data),
    STATE_U8(struct parallel, control),
    STATE_BOOL(struct parallel, epp_timeout),
    STATE_BOOL(struct parallel, irq_pending),
    STATE_BOOL(struct parallel, busy),
    STATE_U8(struct parallel, held),
    {0},
};

static const struct state_table parallel_state = {
    .name = "isa-parallel",
    .version = 1,
    .fields = parallel_fields,
    .post_load = parallel_loaded,
};

/* ---- life ---- */

/* The first index that no other parallel port on the bus has. */
static unsigned free_index(struct device *dev)
{
    unsigned used = 0, i = 0;

    for (guint d = 0; d < dev->bus->devices->len; d++) {
        struct device *other = g_ptr_array_index(dev->bus->devices, d);

        if (other != dev && other->type == dev->type && from_dev(other)->index < ISA_PARALLELS) {
            used |= 1u << from_dev(other)->index;
        }
    }
    while (i < ISA_PARALLELS && (used >> i & 1)) {
        i++;
    }
    return i;
}

static bool parallel_realize(struct device *dev, GError **error)
{
    struct parallel *p = from_dev(dev);
    const struct reg *regs;

    if (p->index == BY_INDEX && p->iobase == BY_INDEX) {
        p->index = free_index(dev);
    }
    if (p->index >= ISA_PARALLELS && p->index != BY_INDEX) {
        return fail(error, "isa-parallel: there are %d parallel ports, index 0 to %d",
                    ISA_PARALLELS, ISA_PARALLELS - 1);
    }
    if (p->iobase == BY_INDEX) {
        p->iobase = places[p->index];
    }
    if (p->iobase > 0xfff8) {
        return fail(error, "isa-parallel: iobase=%#x is beyond the last I/O port", p->iobase);
    }
    p->irq = isa_irq(&p->isa, p->irq_nr, error);
    if (!p->irq) {
        return false;
    }
    p->fe.receive = drop_input;
    p->fe.opaque = p;
    regs = p->iobase % 8 ? parallel_short_regs : parallel_regs;
    return backend_connect(&p->fe, error) && isa_map(&p->isa, (uint16_t)p->iobase, regs, error);
}

static void parallel_unrealize(struct device *dev)
{
    struct parallel *p = from_dev(dev);

    forget_held(p);
    backend_disconnect(&p->fe);
}

static void parallel_reset(struct device *dev)
{
    struct parallel *p = from_dev(dev);

    forget_held(p);
    p->data = p->held = 0;
    p->control = CONTROL_INIT | 0x08; /* printer selected */
    p->epp_timeout = p->irq_pending = false;
    update_irq(p);
}

static const struct property parallel_props[] = {
    PROP_U32(struct parallel, index, "index", BY_INDEX, "0 to 2: LPT1 to LPT3"),
    PROP_U32(struct parallel, iobase, "iobase", BY_INDEX, "first I/O port"),
    PROP_U32(struct parallel, irq_nr, "irq", 7, "interrupt line"),
    PROP_CHARDEV(struct parallel, fe, "chardev"),
    {0},
};

static const struct device_type parallel_type = {
    .name = "isa-parallel",
    .description = "parallel port",
    .category = DEVICE_INPUT,
    .bus = BUS_ISA,
    .size = sizeof(struct parallel),
    .props = parallel_props,
    .state = &parallel_state,
    .realize = parallel_realize,
    .unrealize = parallel_unrealize,
    .reset = parallel_reset,
};
DEVICE_TYPE(parallel_type);
