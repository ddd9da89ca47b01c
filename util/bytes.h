/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unaligned loads and stores of little- and big-endian integers in byte buffers.
 */
#ifndef VITRO_UTIL_BYTES_H
#define VITRO_UTIL_BYTES_H

#include <glib.h>
#include <stdint.h>
#include <string.h>

#define BYTES_ACCESSORS(bits)                                                                      \
    static inline uint##bits##_t load_le##bits(const void *p)                                      \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        memcpy(&v, p, sizeof(v));                                                                  \
        return GUINT##bits##_FROM_LE(v);                                                           \
    }                                                                                              \
    static inline void store_le##bits(void *p, uint##bits##_t v)                                   \
    {                                                                                              \
        v = GUINT##bits##_TO_LE(v);                                                                \
        memcpy(p, &v, sizeof(v));                                                                  \
    }                                                                                              \
    static inline uint##bits##_t load_be##bits(const void *p)                                      \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        memcpy(&v, p, sizeof(v));                                                                  \
        return GUINT##bits##_FROM_BE(v);                                                           \
    }                                                                                              \
    static inline void store_be##bits(void *p, uint##bits##_t v)                                   \
    {                                                                                              \
        v = GUINT##bits##_TO_BE(v);                                                                \
        memcpy(p, &v, sizeof(v));                                                                  \
    }

BYTES_ACCESSORS(16)
BYTES_ACCESSORS(32)
BYTES_ACCESSORS(64)

#undef BYTES_ACCESSORS

/* A little-endian integer of @size (1, 2, 4 or 8) bytes. */
static inline uint64_t load_le(const void *p, unsigned size)
{
    switch (size) {
    case 1:
        return *(const uint8_t *)p;
    case 2:
        return load_le16(p);
    case 4:
        return load_le32(p);
    default:
        return load_le64(p);
    }
}

static inline void store_le(void *p, uint64_t v, unsigned size)
{
    switch (size) {
    case 1:
        *(uint8_t *)p = (uint8_t)v;
        break;
    case 2:
        store_le16(p, (uint16_t)v);
        break;
    case 4:
        store_le32(p, (uint32_t)v);
        break;
    default:
        store_le64(p, v);
        break;
    }
}

/* An integer of @size bytes in the host's own order: a struct field of that type. */
static inline uint64_t load_native(const void *p, unsigned size)
{
    return G_BYTE_ORDER == G_LITTLE_ENDIAN ? load_le(p, size)
           : size == 1                     ? *(const uint8_t *)p
           : size == 2                     ? load_be16(p)
           : size == 4                     ? load_be32(p)
                                           : load_be64(p);
}

static inline void store_native(void *p, uint64_t v, unsigned size)
{
    if (G_BYTE_ORDER == G_LITTLE_ENDIAN || size == 1) {
        store_le(p, v, size);
    } else if (size == 2) {
        store_be16(p, (uint16_t)v);
    } else if (size == 4) {
        store_be32(p, (uint32_t)v);
    } else {
        store_be64(p, v);
    }
}

#endif
