/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integer expressions as people type them in the monitor: "$rip+0x10", "(1<<12)-1".
 */
#ifndef VITRO_MONITOR_EXPR_H
#define VITRO_MONITOR_EXPR_H

#include "util/error.h"

/* The value of register @name (without "$"); false when there is none. */
typedef bool expr_register_fn(void *opaque, const char *name, uint64_t *ret);

/*
 * Evaluates the longest expression at *@text and moves *@text behind it and the blanks that
 * follow. Operators as in C: ~ - + (unary), * / %, + -, << >>, &, ^, |, parentheses. Numbers are
 * decimal, 0x hexadecimal, 0 octal, or 'c'. A "/" with a blank only before it begins the next
 * argument, a path. @reg may be NULL: there are no registers.
 */
bool expr_eval(const char **text, expr_register_fn *reg, void *opaque, int64_t *ret,
               GError **error);

#endif
