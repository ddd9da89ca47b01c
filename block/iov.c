/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scattered buffers.
 */
#include "block/iov.h"

#include <string.h>

uint64_t iov_size(const struct iovec *iov, int iovcnt)
{
    uint64_t size = 0;

    for (int i = 0; i < iovcnt; i++) {
        size += iov[i].iov_len;
    }
    return size;
}

/* The part of @v, whose first byte has the offset @at, that lies in [@offset, @offset + @len). */
static struct iovec overlap(const struct iovec *v, uint64_t at, uint64_t offset, uint64_t len)
{
    uint64_t start = MAX(at, offset), end = MIN(at + v->iov_len, offset + len);

    if (start >= end) {
        return (struct iovec){0};
    }
    return (struct iovec){(char *)v->iov_base + (start - at), end - start};
}

int iov_slice(struct iovec *ret, int max, const struct iovec *iov, int iovcnt, uint64_t offset,
              uint64_t len)
{
    uint64_t at = 0;
    int n = 0;

    for (int i = 0; i < iovcnt && n < max && at < offset + len; i++) {
        struct iovec part = overlap(&iov[i], at, offset, len);

        if (part.iov_len) {
            ret[n++] = part;
        }
        at += iov[i].iov_len;
    }
    return n;
}

int iov_slice_count(const struct iovec *iov, int iovcnt, uint64_t offset, uint64_t len)
{
    uint64_t at = 0;
    int n = 0;

    for (int i = 0; i < iovcnt; i++) {
        n += overlap(&iov[i], at, offset, len).iov_len > 0;
        at += iov[i].iov_len;
    }
    return n;
}

void iov_from_buf(const struct iovec *iov, int iovcnt, uint64_t offset, const void *buf,
                  uint64_t len)
{
    const char *from = buf;
    uint64_t at = 0;

    for (int i = 0; i < iovcnt; i++) {
        struct iovec part = overlap(&iov[i], at, offset, len);

        if (part.iov_len) {
            memcpy(part.iov_base, from, part.iov_len);
            from += part.iov_len;
        }
        at += iov[i].iov_len;
    }
}

void iov_to_buf(const struct iovec *iov, int iovcnt, uint64_t offset, void *buf, uint64_t len)
{
    uint64_t at = 0;
    char *to = buf;

    for (int i = 0; i < iovcnt; i++) {
        struct iovec part = overlap(&iov[i], at, offset, len);

        if (part.iov_len) {
            memcpy(to, part.iov_base, part.iov_len);
            to += part.iov_len;
        }
        at += iov[i].iov_len;
    }
}

void iov_clear(const struct iovec *iov, int iovcnt, uint64_t offset, uint64_t len)
{
    uint64_t at = 0;

    for (int i = 0; i < iovcnt; i++) {
        struct iovec part = overlap(&iov[i], at, offset, len);

        if (part.iov_len) {
            memset(part.iov_base, 0, part.iov_len);
        }
        at += iov[i].iov_len;
    }
}
