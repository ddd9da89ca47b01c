/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CPU needs to run user code as a program of the host does: page tables, descriptor tables
 * and a supervisor stack in guest-physical memory, and the state that goes with them.
 *
 * Gates point to GUEST_HANDLER_AT + 16 * vector, where HLT and a return stand: after an exception a
 * CPL of 0 says that it was delivered, RIP which one, and the stack the rest. Bytes of RAM from
 * WORLD_BYTES on are the caller's.
 */
#ifndef TESTS_INSN_LIB_WORLD_H
#define TESTS_INSN_LIB_WORLD_H

#include "target/i386/cpu.h"
#include "tests/insn_lib/state.h"

/* Exceptions enter at this address plus 16 times the vector. */
#define GUEST_HANDLER_AT 0xffffa00000000000ull
#define WORLD_BYTES      0x100000

/* Rights of a page. */
enum world_rights {
    WORLD_ABSENT = 0,
    WORLD_SYSTEM_READ = 1,
    WORLD_WRITE = 1 << 1,
    WORLD_READ = 1 << 2 | 1, /* by user code */
    WORLD_NO_EXEC = 1 << 3,
};

struct world {
    uint8_t *ram;
    uint64_t pml4; /* for CR3 */
    uint64_t next_table;
};

/* Fills the first WORLD_BYTES of @ram. */
void world_init(struct world *w, uint8_t *ram);

/* A second address space in the same memory: the system's part is that of the first. */
void world_init_second(struct world *w, const struct world *first);

/* Maps bytes at linear address @la, or changes the rights: the TLB is the caller's matter. */
void world_map(struct world *w, uint64_t la, uint64_t gpa, uint64_t bytes, unsigned rights);

/* The CPU's features become the host's. */
void world_set_features(struct x86_cpu *cpu);

/* Control registers and tables; then user segments for code of this size, at CPL 3. */
void world_attach(struct x86_cpu *cpu, unsigned bits, uint64_t fs_base);
void world_user_segments(struct x86_cpu *cpu, unsigned bits, uint64_t fs_base);

/* Registers to and from the CPU. */
void world_load_state(struct x86_cpu *cpu, const struct machine_state *in);
void world_store_state(const struct x86_cpu *cpu, struct machine_state *out);

/* Completes *out by what the delivery of an exception pushed. The CPU is in the handler. */
void world_take_exception(const struct world *w, const struct x86_cpu *cpu,
                          struct machine_state *out);

#endif
