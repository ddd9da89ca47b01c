/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For device tests: an emulator without running CPUs, driven by the device test protocol.
 *
 *     struct qtest *q = qtest_start("-device isa-debug-exit");
 *
 *     qtest_outb(q, 0x501, 3);
 *     g_assert_cmpint(qtest_wait_exit(q), ==, 7);
 *     qtest_end(q);
 *
 * The machine is the default one without its default devices, with 128 MiB of memory and a ROM of
 * QTEST_ROM_BYTES whose bytes are qtest_rom_byte(). Virtual time stands still but for
 * qtest_clock_step(). A command that the emulator refuses, or during which it dies, ends the test
 * program with a message. The programs are linked with util/ only.
 */
#ifndef VITRO_TESTS_LIB_QTEST_H
#define VITRO_TESTS_LIB_QTEST_H

#include "util/common.h"

#define QTEST_ROM_BYTES (128 * KiB)
#define QTEST_IRQS      64 /* of a device that is watched */

struct qtest;

/* Starts $VITRO with these options (a shell's words) besides those that every test has. */
struct qtest *qtest_start(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Ends the emulator, if it runs still, and checks that it ends well. NULL is fine. */
void qtest_end(struct qtest *q);
/* Waits for the emulator to end by itself; its exit status. */
int qtest_wait_exit(struct qtest *q);

/* One line of the protocol; what the reply has behind "OK". Valid until the next command. */
const char *qtest_command(struct qtest *q, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* As that, for commands that are to be refused; what the reply has behind "FAIL". */
const char *qtest_refused(struct qtest *q, const char *fmt, ...) PRINTF_LIKE(2, 3);

uint8_t qtest_inb(struct qtest *q, uint16_t port);
uint16_t qtest_inw(struct qtest *q, uint16_t port);
uint32_t qtest_inl(struct qtest *q, uint16_t port);
void qtest_outb(struct qtest *q, uint16_t port, uint8_t val);
void qtest_outw(struct qtest *q, uint16_t port, uint16_t val);
void qtest_outl(struct qtest *q, uint16_t port, uint32_t val);

uint8_t qtest_readb(struct qtest *q, uint64_t gpa);
uint16_t qtest_readw(struct qtest *q, uint64_t gpa);
uint32_t qtest_readl(struct qtest *q, uint64_t gpa);
uint64_t qtest_readq(struct qtest *q, uint64_t gpa);
void qtest_writeb(struct qtest *q, uint64_t gpa, uint8_t val);
void qtest_writew(struct qtest *q, uint64_t gpa, uint16_t val);
void qtest_writel(struct qtest *q, uint64_t gpa, uint32_t val);
void qtest_writeq(struct qtest *q, uint64_t gpa, uint64_t val);

void qtest_memread(struct qtest *q, uint64_t gpa, void *buf, size_t len);
void qtest_memwrite(struct qtest *q, uint64_t gpa, const void *buf, size_t len);
void qtest_memset(struct qtest *q, uint64_t gpa, uint8_t val, size_t len);

/* Moves virtual time on, running the timers on the way; the time then. */
int64_t qtest_clock_step(struct qtest *q, int64_t ns);
/* To the next deadline of a timer. */
int64_t qtest_clock_step_next(struct qtest *q);

/* Watches the interrupt inputs of a device: a path, an id or a type. One device per emulator. */
void qtest_watch_irqs(struct qtest *q, const char *device);
/* The level of input @n as last seen, and how often it rose since it is watched. */
bool qtest_irq(struct qtest *q, unsigned n);
unsigned qtest_irq_rises(struct qtest *q, unsigned n);
/* Waits (in real time) until input @n is high: for what the host does meanwhile. */
void qtest_wait_irq(struct qtest *q, unsigned n);
void qtest_set_irq(struct qtest *q, const char *device, unsigned n, bool level);

/* Configuration space of PCI bus 0 by ports 0xcf8 and 0xcfc; @size 1, 2 or 4. */
uint32_t qtest_pci_read(struct qtest *q, unsigned slot, unsigned fn, unsigned offset,
                        unsigned size);
void qtest_pci_write(struct qtest *q, unsigned slot, unsigned fn, unsigned offset, unsigned size,
                     uint32_t val);

/* What the emulator's ROM holds. */
uint8_t qtest_rom_byte(uint32_t offset);

/* A file with @len bytes of @data (NULL: zeros); unlink and free the path. */
char *qtest_temp_file(const void *data, size_t len);
void qtest_temp_free(char *path); /* NULL is fine */

#endif
