/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What executors of the software kind have in common: memory, page tables, registers.
 *
 * Programs follow each other in the same places, as programs of a system do: what the engine keeps
 * of the one before (code, translations) is told of the change as a loader or INVLPG would.
 */
#include "tests/insn_blocks/engine.h"

#include <string.h>

#include "target/i386/system.h"
#include "target/i386/tlb.h"

enum {
    PHYS_CODE = WORLD_BYTES, /* a frame after the other */
    PHYS_DATA = 0x140000,
    RAM_BYTES = 0x200000,
};

#define FS_BASE 0x18000ull /* of the guest; the host's programs have their own */

static struct engine_space *space_of(struct engine *e)
{
    return &e->spaces[e->space];
}

/* Of the code page that holds offset @at. */
static uint64_t code_gpa(const struct engine *e, unsigned at)
{
    unsigned page = at / PAGE_SIZE, frame = e->spaces[e->space].code_frames[page];

    return PHYS_CODE + (frame * PROGRAM_CODE_PAGES + page) * PAGE_SIZE;
}

static uint64_t data_gpa(const struct engine *e)
{
    return PHYS_DATA + PROGRAM_DATA_BYTES * e->spaces[e->space].data_frame;
}

void engine_read_code(const struct engine *e, unsigned at, void *buf, unsigned len)
{
    uint8_t *to = buf;

    while (len) {
        unsigned n = MIN(len, PAGE_SIZE - at % PAGE_SIZE);

        memcpy(to, e->ram->host + code_gpa(e, at) + at % PAGE_SIZE, n);
        to += n;
        at += n;
        len -= n;
    }
}

void engine_write_code(struct engine *e, unsigned at, const void *buf, unsigned len)
{
    const uint8_t *from = buf;

    while (len) {
        unsigned n = MIN(len, 64 - at % 64);
        uint64_t gpa = code_gpa(e, at) + at % PAGE_SIZE;

        if (memcmp(e->ram->host + gpa, from, n)) {
            memcpy(e->ram->host + gpa, from, n);
            ram_block_written(e->ram, gpa, n);
        }
        from += n;
        at += n;
        len -= n;
    }
}

uint8_t *engine_data(const struct engine *e)
{
    return e->ram->host + data_gpa(e);
}

static void init_spaces(struct engine *e)
{
    world_init(&e->spaces[0].world, e->ram->host);
    world_init_second(&e->spaces[1].world, &e->spaces[0].world);
    for (unsigned n = 0; n < PROGRAM_SPACES; n++) {
        memset(e->spaces[n].code_frames, 0xff, PROGRAM_CODE_PAGES); /* none yet */
        e->spaces[n].data_frame = PROGRAM_FRAMES;
        memset(e->spaces[n].rights, 0xff, PROGRAM_PAGES);
    }
}

struct engine *engine_new(const struct engine_ops *ops, const char *options, GError **error)
{
    struct engine *e = g_malloc0(ops->size);

    e->ops = ops;
    e->ram = ram_block_new("guest", RAM_BYTES, 0, error);
    if (!e->ram) {
        g_free(e);
        return NULL;
    }
    init_spaces(e);
    if (!ops->init(e, options, error)) {
        ram_block_free(e->ram);
        g_free(e);
        return NULL;
    }
    world_set_features(e->cpu);
    x86_cpu_reset(e->cpu);
    world_attach(e->cpu, 64, FS_BASE);
    if (x86_has(e->cpu, X86_F_PCID)) {
        e->cpu->cr4 |= CR4_PCIDE;
        x86_cpu_state_loaded(e->cpu);
    }
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

void engine_map_bell(struct engine *e, uint64_t gpa)
{
    for (unsigned n = 0; n < PROGRAM_SPACES; n++) {
        world_map(&e->spaces[n].world, PROGRAM_BELL_AT, gpa, PAGE_SIZE,
                  WORLD_READ | WORLD_WRITE | WORLD_NO_EXEC);
    }
}

/* By MOV CR3; with PCIDs what is cached of the other space stays, and of this one if wanted. */
static void enter_space(struct engine *e, unsigned space, bool keeps)
{
    uint64_t cr3 = e->spaces[space].world.pml4;

    if (e->cpu->cr4 & CR4_PCIDE) {
        cr3 |= (uint64_t)keeps << 63 | (space + 1);
    }
    e->space = space;
    x86_write_cr3(e->cpu, cr3);
}

static void map_page(struct engine *e, uint64_t la, uint64_t gpa, unsigned rights)
{
    world_map(&space_of(e)->world, la, gpa, PAGE_SIZE, rights);
    x86_tlb_flush_page(e->cpu, la);
}

static void map_data(struct engine *e, unsigned page)
{
    for (unsigned n = 0; n < PROGRAM_PLACES; n++) {
        map_page(e, program_places[n].data + page * PAGE_SIZE, data_gpa(e) + page * PAGE_SIZE,
                 space_of(e)->rights[page] | WORLD_NO_EXEC);
    }
}

static void map_code(struct engine *e, unsigned page)
{
    for (unsigned n = 0; n < PROGRAM_PLACES; n++) {
        map_page(e, program_places[n].code + page * PAGE_SIZE, code_gpa(e, page * PAGE_SIZE),
                 WORLD_READ | (space_of(e)->code_writable ? WORLD_WRITE : 0));
    }
}

unsigned engine_rights(const struct engine *e, unsigned page)
{
    return e->spaces[e->space].rights[page];
}

void engine_set_rights(struct engine *e, unsigned page, unsigned rights)
{
    if (space_of(e)->rights[page] != rights) {
        space_of(e)->rights[page] = rights;
        map_data(e, page);
    }
}

/* Maps the pages that the program is to be in. */
static void enter_frames(struct engine *e, const struct program *p)
{
    struct engine_space *s = space_of(e);
    bool other_rights = s->code_writable != p->writes_code;

    s->code_writable = p->writes_code;
    for (unsigned n = 0; n < PROGRAM_CODE_PAGES; n++) {
        if (s->code_frames[n] != p->code_frames[n] || other_rights) {
            s->code_frames[n] = p->code_frames[n];
            map_code(e, n);
        }
    }
    if (s->data_frame != p->data_frame) {
        s->data_frame = p->data_frame;
        for (unsigned n = 0; n < PROGRAM_PAGES; n++) {
            map_data(e, n);
        }
    }
}

/* ---- registers --------------------------------------------------------------------------- */

void engine_set_bases(struct engine *e, uint64_t fs, uint64_t gs)
{
    x86_seg_set(e->cpu, X86_FS, 0, fs, 0xffffffff, 0);
    x86_seg_set(e->cpu, X86_GS, 0, gs, 0xffffffff, 0);
}

void engine_set_state(struct engine *e, const struct machine_state *s, unsigned bits)
{
    struct x86_cpu *cpu = e->cpu;
    uint64_t gs = cpu->seg[X86_GS].base;

    world_user_segments(cpu, bits, cpu->seg[X86_FS].base);
    engine_set_bases(e, cpu->seg[X86_FS].base, gs);
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
        world_take_exception(&e->spaces[0].world, e->cpu, ret);
    }
}

/* ---- running ----------------------------------------------------------------------------- */

void engine_load(struct engine *e, const struct program *p)
{
    engine_set_state(e, &p->state, p->bits);
    engine_set_bases(e, FS_BASE, GS_BASE);
    e->cpu->fpu.cs = e->cpu->fpu.ds = 0;
    if (e->space != p->space) {
        enter_space(e, p->space, /* keeps= */ !p->flushes_space);
    }
    enter_frames(e, p);
    engine_write_code(e, 0, p->code, PROGRAM_CODE_BYTES);
    memcpy(engine_data(e), p->data, PROGRAM_DATA_BYTES);
    for (unsigned n = 0; n < PROGRAM_PAGES; n++) {
        engine_set_rights(e, n, p->rights[n]);
    }
}

void engine_take_outcome(const struct engine *e, struct outcome *ret)
{
    engine_state(e, &ret->state);
    engine_read_code(e, 0, ret->code, PROGRAM_CODE_BYTES);
    memcpy(ret->data, engine_data(e), PROGRAM_DATA_BYTES);
}

void engine_run(struct engine *e, const struct program *p, struct outcome *ret)
{
    engine_load(e, p);
    e->ops->run(e);
    engine_take_outcome(e, ret);
}
