/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts; shared by judge*.c only.
 */
#ifndef TESTS_INSN_BLOCKS_JUDGE_IMPL_H
#define TESTS_INSN_BLOCKS_JUDGE_IMPL_H

#include "tests/insn_blocks/judge.h"

/* The parts in which j->soft and j->other differ. */
unsigned judge_differences(struct judge *j, const struct program *p);

/* Makes that the verdict on `who`; whether there are any. */
bool judge_says(struct judge *j, const char *who, unsigned parts);

/*
 * Runs the program on the engine with the interpreter following: at each handler that is entered,
 * an interrupt's or one that maps a page, and at the end both must have the same state.
 */
bool judge_follow(struct judge *j, const struct program *p);

#endif
