/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device test protocol: a peer reads and writes ports and memory, moves the virtual clock and
 * watches interrupt lines, in lines of text, with no CPU running.
 *
 *   inb|inw|inl PORT                    OK 0xVALUE
 *   outb|outw|outl PORT VALUE           OK
 *   readb|readw|readl|readq ADDR        OK 0xVALUE
 *   writeb|writew|writel|writeq ADDR VALUE   OK
 *   read ADDR SIZE                      OK 0xBYTES
 *   write ADDR SIZE 0xBYTES             OK
 *   b64read ADDR SIZE, b64write ADDR SIZE DATA, memset ADDR SIZE VALUE
 *   clock_step [NS], clock_set NS       OK NOW
 *   irq_intercept_in PATH               OK; from then on lines "IRQ raise N", "IRQ lower N"
 *   set_irq_in PATH NAME N LEVEL        OK
 *   endianness                          OK little
 *
 * PATH is a device's path or id, or the name of its type when the machine has one of it.
 *
 * Anything else: FAIL reason.
 */
#ifndef VITRO_SYSTEM_QTEST_H
#define VITRO_SYSTEM_QTEST_H

#include "hw/core/machine.h"

struct qtest;

/* Serves @device (a short form as -serial takes it). NULL on error. */
struct qtest *qtest_new(struct machine *m, const char *device, GError **error);
void qtest_free(struct qtest *q); /* NULL is fine */

#endif
