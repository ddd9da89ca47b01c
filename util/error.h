/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as values: what the user or the host did wrong, said once, in one line.
 *
 * A function that takes `GError **error` returns bool or a pointer; false or NULL means that
 * it failed and, when @error is not NULL, that *error is set. Messages name what the user typed
 * and what would work instead; lower case, no full stop, no newline.
 */
#ifndef VITRO_UTIL_ERROR_H
#define VITRO_UTIL_ERROR_H

#include "util/common.h"

enum error_code {
    ERROR_GENERIC,
    ERROR_NOT_FOUND, /* a named device, node, command does not exist */
    ERROR_OS,        /* a system call failed: the text ends with strerror */
};

GQuark vitro_error_quark(void);

/* Sets *@error (when not NULL) and returns false. */
bool fail(GError **error, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* As fail(), with ": " and the text of the current errno added. */
bool fail_errno(GError **error, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* As fail(), with a code of enum error_code, for callers that tell them apart. */
bool fail_code(GError **error, enum error_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* All three always return false. Told so, compilers know which variables a success has set. */
static inline bool always_false(bool result)
{
    (void)result;
    return false;
}
#define fail(...)       always_false(fail(__VA_ARGS__))
#define fail_errno(...) always_false(fail_errno(__VA_ARGS__))
#define fail_code(...)  always_false(fail_code(__VA_ARGS__))

/*
 * The entry of the NULL-terminated list @names that the user most likely meant by @typed, or NULL
 * when none is close. For "did you mean" in errors.
 */
const char *nearest_name(const char *typed, const char *const *names);

#endif
