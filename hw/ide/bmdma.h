/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bus master of one IDE channel, without the PCI function around it.
 */
#ifndef VITRO_HW_IDE_BMDMA_H
#define VITRO_HW_IDE_BMDMA_H

#include "hw/ide/ide.h"

#define BMDMA_PORTS 8 /* per channel */

struct bmdma {
    struct ide_channel *channel;
    /* Memory as the controller sees it; @host is the controller. */
    void (*read)(void *host, uint64_t gpa, void *buf, uint64_t len);
    void (*write)(void *host, uint64_t gpa, const void *buf, uint64_t len);
    void *host;

    uint8_t command, status;
    uint32_t table;    /* descriptor table pointer, as the guest wrote it */
    uint32_t next;     /* address of the next descriptor */
    uint32_t gpa;      /* of the next byte of the present region */
    uint32_t left;     /* bytes left in it */
    bool end_of_table; /* the present region is the last */
};

extern const struct state_table bmdma_state;

/* For ide_channel_init(), with the bmdma as host. */
extern const struct ide_host_ops bmdma_host_ops;

void bmdma_reset(struct bmdma *bm);
/* After loading: tells the channel whether it runs. */
void bmdma_loaded(struct bmdma *bm);
/* One byte of the BMDMA_PORTS. */
uint8_t bmdma_read(const struct bmdma *bm, unsigned port);
/* @size bytes, little-endian, from @port on. */
void bmdma_write(struct bmdma *bm, unsigned port, uint32_t val, unsigned size);

#endif
