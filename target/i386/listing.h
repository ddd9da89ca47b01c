/* SPDX-License-Identifier: Apache-2.0 */
/* Disassembly of guest code as text. */
#ifndef VITRO_TARGET_I386_LISTING_H
#define VITRO_TARGET_I386_LISTING_H

#include <stdbool.h>
#include <stdint.h>

/* False when the library cannot do it. Only in builds with capstone. */
bool x86_listing(const uint8_t *code, unsigned len, uint64_t rip, unsigned bits,
                 void (*print)(void *opaque, const char *fmt, ...), void *opaque);

#endif
