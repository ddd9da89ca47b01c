/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is mapped in this process: memory that a program run natively would find where the guest
 * has none (libraries, stacks, a sanitizer's shadow).
 */
#ifndef TESTS_INSN_LIB_HOST_MAPS_H
#define TESTS_INSN_LIB_HOST_MAPS_H

#include <stdbool.h>
#include <stdint.h>

struct host_maps;

/* As it is now. */
struct host_maps *host_maps_new(void);
/* NULL is fine. */
void host_maps_free(struct host_maps *m);

/* Whether there is something at the address. */
bool host_maps_has(const struct host_maps *m, uint64_t addr);

#endif
