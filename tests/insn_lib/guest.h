/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instruction on the interpreter: a CPU in user mode whose page tables map what the host has
 * mapped, and whose exceptions end in a recorded vector.
 */
#ifndef TESTS_INSN_LIB_GUEST_H
#define TESTS_INSN_LIB_GUEST_H

#include "target/i386/insn.h"
#include "tests/insn_lib/world.h"

struct guest;

/* A CPU with the features that the host has too. */
struct guest *guest_new(uint64_t fs_base);
void guest_free(struct guest *g);

struct x86_cpu *guest_cpu(struct guest *g);

/* The mode for x86_decode(). */
uint32_t guest_mode(unsigned bits);

/* Guest-physical memory: 2 MiB. */
uint8_t *guest_ram(struct guest *g);

/* The guest's copies of the pages at DATA_AT and RODATA_AT. */
uint8_t *guest_data(struct guest *g);
uint8_t *guest_rodata(struct guest *g);

void guest_set_code(struct guest *g, const uint8_t *code, unsigned len);
void guest_run(struct guest *g, const struct machine_state *in, struct machine_state *out,
               unsigned bits);

#endif
