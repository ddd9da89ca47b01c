/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scattered buffers: sizes, slices, copies.
 *
 * All offsets count bytes from the start of the first buffer.
 */
#ifndef VITRO_BLOCK_IOV_H
#define VITRO_BLOCK_IOV_H

#include "util/common.h"
#include <sys/uio.h>

uint64_t iov_size(const struct iovec *iov, int iovcnt);

/* Describes bytes [@offset, @offset + @len) of @iov in at most @max entries of @ret; returns how
 * many were used. What does not fit into @max entries is left out. */
int iov_slice(struct iovec *ret, int max, const struct iovec *iov, int iovcnt, uint64_t offset,
              uint64_t len);

/* How many entries iov_slice() needs to describe all of it. */
int iov_slice_count(const struct iovec *iov, int iovcnt, uint64_t offset, uint64_t len);

/* Copies; the range lies within @iov. */
void iov_from_buf(const struct iovec *iov, int iovcnt, uint64_t offset, const void *buf,
                  uint64_t len);
void iov_to_buf(const struct iovec *iov, int iovcnt, uint64_t offset, void *buf, uint64_t len);
void iov_clear(const struct iovec *iov, int iovcnt, uint64_t offset, uint64_t len);

#endif
