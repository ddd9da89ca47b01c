/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 16550A UART without its bus.
 *
 * The owner embeds the struct, sets fe by a PROP_CHARDEV, calls ns16550_init() in realize(), maps
 * the region (eight byte registers), and forwards reset and unrealize.
 */
#ifndef VITRO_HW_CHAR_NS16550_H
#define VITRO_HW_CHAR_NS16550_H

#include "hw/core/device.h"
#include "hw/core/prop_backend.h"

#define NS16550_FIFO 16

struct ns16550 {
    struct device *dev;
    struct irq *irq;
    struct char_frontend fe;
    struct region region;

    uint16_t divisor;
    uint8_t ier, fcr, lcr, mcr, msr, scr;
    uint8_t line_errors; /* LSR's OE, PE, FE, BI until they are read */

    uint8_t rx[NS16550_FIFO];      /* oldest first */
    uint8_t rx_bits[NS16550_FIFO]; /* error bits of each byte */
    uint8_t rx_count;
    uint8_t tx[NS16550_FIFO];
    uint8_t tx_count;
    bool thr_pending;     /* "transmitter empty" interrupt not yet acknowledged */
    bool timeout_pending; /* bytes have lain below the trigger level for four characters */
    bool retry_armed;     /* waiting for the back-end to take more */
    struct timer rx_timeout;
};

extern const struct state_table ns16550_state;

/* @irq may be NULL. @name: of the region, static. */
bool ns16550_init(struct ns16550 *u, struct device *dev, struct irq *irq, const char *name,
                  GError **error);
/* After init or instead of it on a zeroed struct. */
void ns16550_fini(struct ns16550 *u);
void ns16550_reset(struct ns16550 *u);

#endif
