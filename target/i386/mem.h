/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory, the part that only operands, strings and engines use; see exec.h for the rest. */
#ifndef VITRO_TARGET_I386_MEM_H
#define VITRO_TARGET_I386_MEM_H

#include "target/i386/tlb.h"

/* Around anything that may enter a device: leaves the engine's RCU section if in one. */
bool x86_io_begin(struct x86_cpu *cpu);
void x86_io_end(struct x86_cpu *cpu, bool begun);

/*
 * Host address of @size bytes within a page at @la if it is RAM and nothing watches, else NULL.
 * Raises the page fault if there is one. After writing call mem_host_written().
 */
const void *mem_host_read(struct x86_cpu *cpu, uint64_t la, unsigned size);
void *mem_host_write(struct x86_cpu *cpu, uint64_t la, unsigned size,
                     const struct phys_page **ret_page);
void mem_host_written(const struct phys_page *page, const uint8_t *host, unsigned size);

void mem_sys_probe(struct x86_cpu *cpu, uint64_t la, unsigned size, bool write);

/*
 * Read, modify, write at @la: begin (raises all faults of the write), then load and store until the
 * store succeeds, or mem_rmw_end() without a store.
 */
void mem_rmw_begin(struct x86_cpu *cpu, uint64_t la, unsigned size, bool locked);
uint64_t mem_rmw_load(struct x86_cpu *cpu, unsigned size);
bool mem_rmw_store(struct x86_cpu *cpu, uint64_t old, uint64_t val, unsigned size, bool locked);
void mem_rmw_end(struct x86_cpu *cpu);
/* After a direct store to cpu->rmw_host. */
void mem_rmw_written(struct x86_cpu *cpu, unsigned size);

bool x86_is_canonical(const struct x86_cpu *cpu, uint64_t la);

#endif
