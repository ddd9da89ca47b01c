/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ISA bus: sixteen interrupt lines, I/O ports, 8237 DMA channels.
 *
 * A bridge (PIIX3, ICH9 LPC) or the board makes the bus with isa_bus_init() and says where the
 * lines go.
 */
#ifndef VITRO_HW_ISA_ISA_H
#define VITRO_HW_ISA_ISA_H

#include "hw/core/machine.h"
#include "hw/core/reg.h"

#define ISA_IRQS     16
#define ISA_MAX_MAPS 8

extern const struct bus_type isa_bus_type;
#define BUS_ISA (&isa_bus_type)

/* The 8237 pair, as devices with DMA channels see it. */
struct isa_dma_ops {
    /*
     * Moves up to @len bytes between @buf and memory on @channel (0-3, 5-7), as the guest has
     * programmed it. Returns the number moved: less than @len at terminal count, 0 when masked.
     */
    size_t (*transfer)(void *opaque, unsigned channel, void *buf, size_t len, bool to_memory,
                       bool *ret_terminal_count);
    /* The DREQ line. */
    void (*request)(void *opaque, unsigned channel, bool active);
};

struct isa_bus {
    struct bus bus;
    struct region *memory, *io;    /* where devices' regions go */
    struct irq *irqs[ISA_IRQS];    /* inputs of the interrupt controllers */
    const struct isa_dma_ops *dma; /* NULL until the board has a DMA controller */
    void *dma_opaque;
};

struct isa_device {
    struct device dev;
    struct region *mapped[ISA_MAX_MAPS]; /* taken off the bus when the device goes */
    struct reg_bank *banks[ISA_MAX_MAPS];
};

void isa_bus_init(struct isa_bus *bus, struct machine *m, struct device *parent,
                  struct region *memory, struct region *io);

/* The bus a realized (or realizing) device is on. */
struct isa_bus *isa_bus_of(struct isa_device *dev);

/* The input line of @irq, or NULL with an error when it is not 0 to 15. */
struct irq *isa_irq(struct isa_device *dev, unsigned irq, GError **error);

/* A register bank for @regs at @port; its size is up to the last register. The bank is freed, and
 * unmapped, with the device. */
bool isa_map(struct isa_device *dev, uint16_t port, const struct reg *regs, GError **error);

/* Maps the device's own region @r, initialized by the caller, at I/O port or memory address. */
bool isa_map_io(struct isa_device *dev, uint16_t port, struct region *r, GError **error);
bool isa_map_memory(struct isa_device *dev, uint32_t addr, struct region *r, GError **error);

/* Makes and realizes a device of the board on @bus: properties as "name", "value", ..., NULL. */
struct device *isa_create(struct isa_bus *bus, const char *type, GError **error,
                          ...) G_GNUC_NULL_TERMINATED;

#endif
