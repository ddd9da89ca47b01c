/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software CPU's engine around a rig's CPU, without a machine or vCPU threads of accel/.
 */
#ifndef VITRO_TESTS_UNIT_ACCEL_TCG_ENGINE_H
#define VITRO_TESTS_UNIT_ACCEL_TCG_ENGINE_H

#include "accel/tcg/tcg.h"
#include "hw/core/machine.h"
#include "target/i386/vcpu.h"
#include "tests/unit/target/i386/rig.h"

/* An engine around a rig's CPU. */
struct engine {
    struct rig *rig;
    struct tcg tcg;
    struct tcg_cpu tc;
    struct x86_vcpu xv;
    const struct accel_type *type;
};

static inline struct engine *engine_new(bool code64)
{
    struct engine *e = g_new0(struct engine, 1);

    e->rig = rig_new("max");
    if (code64) {
        rig_long(e->rig);
    } else {
        rig_protected(e->rig);
    }
    g_mutex_init(&e->tcg.lock);
    g_cond_init(&e->tcg.changed);
    g_mutex_init(&e->tcg.code_lock);
    e->tcg.code_lines = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    e->tcg.cpus = g_ptr_array_new();
    e->type = accel_type_find("tcg");
    g_assert_nonnull(e->type);
    e->xv.cpu = e->rig->cpu;
    e->xv.vcpu.engine = &e->tc;
    e->xv.vcpu.accel = &e->tcg.accel;
    e->tc = (struct tcg_cpu){.cpu = e->rig->cpu, .vcpu = &e->xv.vcpu, .tcg = &e->tcg};
    tcg_blocks_init(&e->tc);
    e->rig->cpu->engine = &e->tc;
    g_ptr_array_add(e->tcg.cpus, &e->tc);
    return e;
}

static inline void engine_free(struct engine *e)
{
    tcg_blocks_fini(&e->tc);
    g_hash_table_destroy(e->tcg.code_lines);
    g_ptr_array_free(e->tcg.cpus, TRUE);
    rig_free(e->rig);
    g_free(e);
}

/* Runs until HLT. */
static inline void engine_run(struct engine *e)
{
    e->rig->cpu->run_state = X86_RUNNING;
    g_assert_cmpint(e->type->run(&e->xv.vcpu), ==, VCPU_EXIT_HALTED);
}

#endif
