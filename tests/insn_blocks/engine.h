/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executors of programs that keep a struct x86_cpu: the interpreter, and engines of accel/.
 *
 * An engine is a struct of functions (struct engine_ops) that makes a CPU and runs it; all else,
 * memory, page tables, registers, is the same for all.
 */
#ifndef TESTS_INSN_BLOCKS_ENGINE_H
#define TESTS_INSN_BLOCKS_ENGINE_H

#include "tests/insn_blocks/program.h"

struct engine;

#define ENGINE_INTERRUPT 0x40

struct engine_ops {
    const char *name;
    size_t size; /* of the struct that begins with struct engine */
    /* Makes e->cpu, which sees e->ram at guest-physical address 0. `options` are the engine's own,
     * "jit=on,...", or NULL. */
    bool (*init)(struct engine *e, const char *options, GError **error);
    /* Runs from e->cpu's state until HLT in a handler; false: it did not come there. */
    bool (*run)(struct engine *e);
    /* Returns from the handler, and goes on as run(). */
    bool (*resume)(struct engine *e);
    /* Interrupts will come with ENGINE_INTERRUPT as their vector: when the program writes to
     * PROGRAM_BELL_AT, and one after a delay of that many turns of an empty loop, 0: none. May be
     * NULL. */
    void (*expect_interrupts)(struct engine *e, bool bell, unsigned delay);
    void (*fini)(struct engine *e);
};

/* An address space, and how it maps a program's pages. */
struct engine_space {
    struct world world;
    uint8_t code_frames[PROGRAM_CODE_PAGES], data_frame;
    bool code_writable;
    uint8_t rights[PROGRAM_PAGES];
};

struct engine {
    const struct engine_ops *ops;
    struct x86_cpu *cpu;
    struct ram_block *ram;
    struct engine_space spaces[PROGRAM_SPACES];
    unsigned space; /* that the CPU is in */
};

extern const struct engine_ops engine_step; /* the interpreter, one instruction at a time */
extern const struct engine_ops engine_tcg;  /* accel/tcg as it runs guests */

struct engine *engine_new(const struct engine_ops *ops, const char *options, GError **error);
/* NULL is fine. */
void engine_free(struct engine *e);

/* The guest's copy of the code; a write is one that the engine hears of. */
void engine_read_code(const struct engine *e, unsigned at, void *buf, unsigned len);
void engine_write_code(struct engine *e, unsigned at, const void *buf, unsigned len);
/* That of the data. */
uint8_t *engine_data(const struct engine *e);

/* Code, data, page rights and registers as the program begins. */
void engine_load(struct engine *e, const struct program *p);

/* For init(): where PROGRAM_BELL_AT is in guest-physical memory. */
void engine_map_bell(struct engine *e, uint64_t gpa);

/* One page's rights, with INVLPG. */
void engine_set_rights(struct engine *e, unsigned page, unsigned rights);

unsigned engine_rights(const struct engine *e, unsigned page);

/* Registers, for user code at s->rip. The bases of FS and GS stay. */
void engine_set_state(struct engine *e, const struct machine_state *s, unsigned bits);

void engine_set_bases(struct engine *e, uint64_t fs, uint64_t gs);

/* What the CPU has in its registers; in a handler also the exception, else vector is -1. */
void engine_state(const struct engine *e, struct machine_state *ret);

/* That, and memory. */
void engine_take_outcome(const struct engine *e, struct outcome *ret);

/* Loads, runs, and takes the outcome. */
void engine_run(struct engine *e, const struct program *p, struct outcome *ret);

static inline bool engine_in_handler(const struct engine *e)
{
    return e->cpu->cpl == 0;
}

#endif
