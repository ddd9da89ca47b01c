/* SPDX-License-Identifier: Apache-2.0 */
/* Atomic operations that the compiler does not offer on every host. */
#ifndef VITRO_UTIL_HOST_ATOMIC_H
#define VITRO_UTIL_HOST_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Compare-and-swap of 16 aligned bytes, two words with the low one first. Returns whether *@p was
 * @expect and is now @with; else @expect becomes what was found.
 */
bool host_cas128(void *p, uint64_t expect[2], const uint64_t with[2]);

#endif
