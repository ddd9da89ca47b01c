/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's CPU as an executor: a process of its own, whose signal handlers, segments and fixed
 * addresses do not meet those of an engine.
 */
#ifndef TESTS_INSN_BLOCKS_HOST_H
#define TESTS_INSN_BLOCKS_HOST_H

#include "tests/insn_blocks/program.h"

struct host;

/* NULL when programs cannot be run here. Call it before threads exist. */
struct host *host_new(void);
/* NULL is fine. */
void host_free(struct host *h);

/* Whether it has all these places, by bits: a sanitizer may need some itself. */
bool host_has(const struct host *h, unsigned places);

/* Lets the program run; nothing else is begun before it is finished. */
void host_begin(struct host *h, const struct program *p);
/* Waits for its end. False when there was none: ret->state.vector is -1 then. `ret` may be NULL. */
bool host_finish(struct host *h, struct outcome *ret);

#endif
