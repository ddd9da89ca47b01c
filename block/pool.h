/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker threads for host calls that block.
 *
 * Threads are started when work waits and no thread is idle, up to a limit, and end after some
 * idle time. Work begins in the order it came, and runs in parallel.
 */
#ifndef VITRO_BLOCK_POOL_H
#define VITRO_BLOCK_POOL_H

#include "block/driver.h"

struct block_pool;

struct block_pool *block_pool_new(void);
/* Nothing may be queued. NULL is fine. */
void block_pool_free(struct block_pool *p);

/* Calls @work(@io) on a thread, then block_io_complete() with what it returned. */
void block_pool_submit(struct block_pool *p, struct block_io *io, int (*work)(struct block_io *io));

/* Takes @io out of the queue; false when it is not there (any more). */
bool block_pool_withdraw(struct block_pool *p, struct block_io *io);

#endif
