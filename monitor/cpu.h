/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's hold on CPUs: running a function where the CPU's state is at rest. Private to
 * monitor/.
 */
#ifndef VITRO_MONITOR_CPU_H
#define VITRO_MONITOR_CPU_H

#include "monitor/hmp.h"
#include "target/i386/cpu.h"

/*
 * Calls @fn on the vCPU's own thread between two guest instructions, with the state that the
 * engine keeps brought up to date. The machine lock is released meanwhile: @fn collects, the caller
 * prints.
 */
void cpu_at_rest(struct vcpu *v, void (*fn)(struct x86_cpu *cpu, void *data), void *data);

/* A print callback that appends to a GString. */
void print_to_string(void *opaque, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The CPU that the commands mean; NULL, with a message, when the machine has none. */
struct vcpu *cpu_or_complain(struct monitor *mon);

#endif
