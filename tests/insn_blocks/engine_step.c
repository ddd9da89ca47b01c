/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter as an executor: x86_cpu_step() until a handler is entered.
 */
#include "tests/insn_blocks/engine.h"

struct step_engine {
    struct engine e;
    struct address_space mem, io;
    struct region root, ram_region, io_root;
    struct lock lock;
};

static bool step_init(struct engine *e, const char *options, GError **error)
{
    struct step_engine *s = container_of(e, struct step_engine, e);

    (void)options;
    (void)error;
    lock_init(&s->lock);
    region_init_container(&s->root, "root", UINT64_MAX);
    region_init_container(&s->io_root, "io", 0x10000);
    region_init_ram(&s->ram_region, e->ram, "ram");
    region_add(&s->root, 0, &s->ram_region, 0);
    address_space_init(&s->mem, &s->root, "mem", &s->lock);
    address_space_init(&s->io, &s->io_root, "io", &s->lock);
    engine_map_bell(e, /* gpa= */ 0);
    e->cpu = x86_cpu_new(0, 0);
    e->cpu->mem = &s->mem;
    e->cpu->io = &s->io;
    return true;
}

static bool step_run(struct engine *e)
{
    for (unsigned n = 0; n < PROGRAM_STEPS; n++) {
        x86_cpu_step(e->cpu);
        if (engine_in_handler(e)) {
            return true;
        }
    }
    return false;
}

/* By the state that the handler would return to; run() has executed nothing of it. */
static bool step_resume(struct engine *e)
{
    struct machine_state s;

    engine_state(e, &s);
    engine_set_state(e, &s, s.sel[X86_CS] == 0x33 ? 64 : 32);
    return step_run(e);
}

static void step_fini(struct engine *e)
{
    struct step_engine *s = container_of(e, struct step_engine, e);

    x86_cpu_free(e->cpu);
    address_space_fini(&s->mem);
    address_space_fini(&s->io);
    region_fini(&s->ram_region);
    region_fini(&s->root);
    region_fini(&s->io_root);
    lock_fini(&s->lock);
}

const struct engine_ops engine_step = {
    .name = "step",
    .size = sizeof(struct step_engine),
    .init = step_init,
    .run = step_run,
    .resume = step_resume,
    .fini = step_fini,
};
