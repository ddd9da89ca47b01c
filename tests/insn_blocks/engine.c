/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What executors of the software kind have in common: memory, page tables, registers.
 *
 * Programs follow each other in the same places, as programs of a system do: what the engine keeps
 * of the one before (code, translations) is told of the change as a loader or INVLPG would.
 */
#include "tests/insn_blocks/engine.h"

#include <string.h>

#include "target/i386/tlb.h"

enum {
    PHYS_CODE = WORLD_BYTES,
    PHYS_DATA = 0x110000,
    RAM_BYTES = 0x200000,
};

uint8_t *engine_code(const struct engine *e)
{
    return e->ram->host + PHYS_CODE;
}

uint8_t *engine_data(const struct engine *e)
{
    return e->ram->host + PHYS_DATA;
}

struct engine *engine_new(const struct engine_ops *ops, const char *options, uint64_t fs_base,
                          GError **error)
{
    struct engine *e = g_malloc0(ops->size);

    e->ops = ops;
    e->fs_base = fs_base;
    e->ram = ram_block_new("guest", RAM_BYTES, 0, error);
    if (!e->ram) {
        g_free(e);
        return NULL;
    }
    world_init(&e->world, e->ram->host);
    world_map(&e->world, PROGRAM_CODE_AT, PHYS_CODE, PROGRAM_CODE_BYTES, WORLD_READ);
    memset(e->rights, 0xff, sizeof(e->rights));
    if (!ops->init(e, options, error)) {
        ram_block_free(e->ram);
        g_free(e);
        return NULL;
    }
    world_set_features(e->cpu);
    x86_cpu_reset(e->cpu);
    return e;
}

void engine_free(struct engine *e)
{
    if (e) {
        e->ops->fini(e);
        ram_block_free(e->ram);
        g_free(e);
    }
}

/* ---- memory ------------------------------------------------------------------------------ */

static void load_code(struct engine *e, const uint8_t *code)
{
    for (unsigned at = 0; at < PROGRAM_CODE_BYTES; at += 64) {
        uint8_t *p = engine_code(e) + at;

        if (memcmp(p, code + at, 64)) {
            memcpy(p, code + at, 64);
            ram_block_written(e->ram, PHYS_CODE + at, 64);
        }
    }
}

void engine_set_rights(struct engine *e, unsigned page, unsigned rights)
{
    uint64_t la = PROGRAM_DATA_AT + page * PAGE_SIZE;

    if (e->rights[page] != rights) {
        e->rights[page] = rights;
        world_map(&e->world, la, PHYS_DATA + page * PAGE_SIZE, PAGE_SIZE, rights | WORLD_NO_EXEC);
        x86_tlb_flush_page(e->cpu, la);
    }
}

static void set_code_rights(struct engine *e, bool writable)
{
    if (e->code_writable != writable) {
        e->code_writable = writable;
        world_map(&e->world, PROGRAM_CODE_AT, PHYS_CODE, PROGRAM_CODE_BYTES,
                  WORLD_READ | (writable ? WORLD_WRITE : 0));
        for (unsigned at = 0; at < PROGRAM_CODE_BYTES; at += PAGE_SIZE) {
            x86_tlb_flush_page(e->cpu, PROGRAM_CODE_AT + at);
        }
    }
}

/* ---- registers --------------------------------------------------------------------------- */

void engine_set_state(struct engine *e, const struct machine_state *s, unsigned bits)
{
    struct x86_cpu *cpu = e->cpu;

    if (e->bits != bits) {
        e->bits = bits;
        world_attach(cpu, bits, e->fs_base);
    } else {
        world_user_segments(cpu, bits, e->fs_base);
    }
    world_load_state(cpu, s);
    cpu->rip = s->rip;
    cpu->cr2 = 0;
    cpu->interrupt_shadow = false;
    cpu->run_state = X86_RUNNING;
    x86_attention(cpu);
}

void engine_state(const struct engine *e, struct machine_state *ret)
{
    world_store_state(e->cpu, ret);
    ret->vector = -1;
    ret->error = 0;
    ret->cr2 = 0;
    if (engine_in_handler(e)) {
        world_take_exception(&e->world, e->cpu, ret);
    }
}

/* ---- running ----------------------------------------------------------------------------- */

void engine_load(struct engine *e, const struct program *p)
{
    engine_set_state(e, &p->state, p->bits);
    e->cpu->fpu.cs = e->cpu->fpu.ds = 0;
    set_code_rights(e, p->writes_code);
    load_code(e, p->code);
    memcpy(engine_data(e), p->data, PROGRAM_DATA_BYTES);
    for (unsigned n = 0; n < PROGRAM_PAGES; n++) {
        engine_set_rights(e, n, p->rights[n]);
    }
}

void engine_take_outcome(const struct engine *e, struct outcome *ret)
{
    engine_state(e, &ret->state);
    memcpy(ret->code, engine_code(e), PROGRAM_CODE_BYTES);
    memcpy(ret->data, engine_data(e), PROGRAM_DATA_BYTES);
}

void engine_run(struct engine *e, const struct program *p, struct outcome *ret)
{
    engine_load(e, p);
    e->ops->run(e);
    engine_take_outcome(e, ret);
}
