/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AT's coprocessor error ports: how x87 errors reach the CPU when CR0.NE is clear.
 *
 *   0xf0  write  takes interrupt 13 back and lets the CPU ignore the error (IGNNE#)
 *   0xf1  write  resets the 80287; there is none, the FPU is the CPU's
 */
#include "hw/i386/pc.h"

#define FERR_PORT 0xf0
#define FERR_IRQ  13

static uint64_t ferr_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0xff;
}

static void ferr_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct pc_machine *pc = opaque;
    struct vcpu *v = vcpu_current();

    (void)val, (void)size;
    if (offset == 0) {
        irq_lower(&pc->gsi[FERR_IRQ]);
        if (v) {
            x86_cpu_set_ignne(x86_vcpu_cpu(v), true);
        }
    }
}

static const struct region_ops ferr_ops = {.read = ferr_read, .write = ferr_write, .max_size = 1};

void pc_init_ferr(struct pc_machine *pc)
{
    region_init_io(&pc->ferr, &ferr_ops, pc, "ferr", 2);
    region_add(&pc->m.io_root, FERR_PORT, &pc->ferr, 0);
}

void pc_fini_ferr(struct pc_machine *pc)
{
    region_fini(&pc->ferr);
}
