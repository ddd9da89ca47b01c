/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counted instructions (-icount): virtual time is how many of them have been executed.
 *
 * icount.c says how. tcg->icount is NULL when nobody counts.
 */
#ifndef VITRO_ACCEL_TCG_ICOUNT_H
#define VITRO_ACCEL_TCG_ICOUNT_H

#include "accel/tcg/tcg.h"

/* Makes virtual time follow the count, as m->icount says. */
struct icount *icount_new(struct machine *m);
/* No vCPU is left. NULL is fine. */
void icount_free(struct icount *ic);

/* On the vCPU's thread: it takes its turns from now on; no longer. */
void icount_attach(struct icount *ic, struct tcg_cpu *tc);
void icount_detach(struct icount *ic, struct tcg_cpu *tc);

/* tcg_run() and tcg_kick() when instructions are counted. */
enum vcpu_exit icount_run(struct tcg_cpu *tc);
void icount_kick(struct icount *ic);

void icount_print(const struct icount *ic, void (*print)(void *opaque, const char *fmt, ...),
                  void *opaque);

#endif
