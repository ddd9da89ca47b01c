/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IDE channels as controllers and boards see them.
 *
 * A channel has two units and the command and control block registers of AT Attachment. The
 * controller decodes the ports and calls ide_reg_*(), ide_data_*(), ide_control_*(); for DMA it
 * offers a bus master through struct ide_host_ops. Channels are buses: "ide-hd" and "ide-cd" plug
 * into them.
 *
 * Locking: machine lock.
 */
#ifndef VITRO_HW_IDE_IDE_H
#define VITRO_HW_IDE_IDE_H

#include "hw/core/machine.h"

struct ide_channel;
struct ide_device;

#define IDE_UNITS 2

extern const struct bus_type ide_bus_type;
#define BUS_IDE (&ide_bus_type)

/* What a channel asks of its controller. */
struct ide_host_ops {
    /*
     * Moves up to @len bytes between @buf and memory where the bus master's table says; returns
     * how many: fewer when the table ends. Called only while dma_running.
     */
    size_t (*transfer)(void *host, void *buf, size_t len, bool to_memory);
    /* A unit has ended a DMA command. */
    void (*dma_ended)(void *host);
    /* INTRQ has gone up. */
    void (*interrupt)(void *host);
};

struct ide_channel {
    struct bus bus;
    unsigned index; /* 0 is the primary one */
    struct ide_device *units[IDE_UNITS];
    const struct ide_host_ops *ops; /* NULL: PIO only */
    void *host;
    struct irq *irq; /* NULL: not connected */
    uint8_t select;  /* the unit that answers */
    uint8_t control; /* device control register */
    bool irq_level;
    bool dma_running; /* the bus master is started */
};

/* For the controller's state table; the controller sets dma_running again after loading. */
extern const struct state_table ide_channel_state;

/* Embedded in @parent's struct; the bus is named "ide.@index". */
void ide_channel_init(struct ide_channel *ch, struct device *parent, unsigned index,
                      const struct ide_host_ops *ops, void *host);
/* NULL-safe on a zeroed channel; frees its units. */
void ide_channel_fini(struct ide_channel *ch);
/* The controller's part of a reset; the units have been reset before. */
void ide_channel_reset(struct ide_channel *ch);

/* The data register, @size 1, 2 or 4. */
uint32_t ide_data_read(struct ide_channel *ch, unsigned size);
void ide_data_write(struct ide_channel *ch, uint32_t val, unsigned size);
/* Registers 1 (error, features) to 7 (status, command). */
uint8_t ide_reg_read(struct ide_channel *ch, unsigned reg);
void ide_reg_write(struct ide_channel *ch, unsigned reg, uint8_t val);
/* Alternate status, device control. */
uint8_t ide_control_read(struct ide_channel *ch);
void ide_control_write(struct ide_channel *ch, uint8_t val);

/* The guest started or stopped the bus master. */
void ide_dma_start(struct ide_channel *ch);
void ide_dma_stop(struct ide_channel *ch);

/* Makes an ide-hd or ide-cd on @ch for each -drive if=ide,bus=@bus_nr. */
bool ide_create_drives(struct machine *m, struct ide_channel *ch, int bus_nr, GError **error);

/* For the board's CMOS: how the BIOS is to address a disk by cylinder, head and sector. */
struct ide_geometry {
    uint16_t cylinders;
    uint8_t heads, sectors;
    uint8_t translation; /* 0 none, 1 LBA: the two bits of CMOS byte 0x39 */
};
/* False when there is no disk. */
bool ide_unit_geometry(const struct ide_channel *ch, unsigned unit, struct ide_geometry *ret);

#endif
