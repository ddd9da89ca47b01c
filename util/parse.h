/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers, sizes and switches as people write them on command lines and in monitors.
 *
 * The errors say what is wrong with the text; the caller adds which option it belongs to.
 */
#ifndef VITRO_UTIL_PARSE_H
#define VITRO_UTIL_PARSE_H

#include "util/error.h"

/* "on", "off", "yes", "no", "true", "false", "y", "n". */
bool parse_bool(const char *text, bool *ret, GError **error);

/* Decimal or 0x hex, up to @max. */
bool parse_uint(const char *text, uint64_t max, uint64_t *ret, GError **error);

/* "4096", "0x1000", "64K", "2.5G", "8T": bytes. @unit: what a bare number counts (1 or MiB). */
bool parse_size(const char *text, uint64_t unit, uint64_t *ret_bytes, GError **error);

/* Sixteen bytes in the order of the text. */
bool parse_uuid(const char *text, uint8_t *ret, GError **error);
char *format_uuid(const uint8_t *uuid); /* free with g_free() */

#endif
