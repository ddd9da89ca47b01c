/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzzer is: one function that takes any bytes. tests/fuzz/rules.mak says how it is built.
 */
#ifndef VITRO_TESTS_FUZZ_FUZZ_H
#define VITRO_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Must come back, whatever @data is. The name is libFuzzer's. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
