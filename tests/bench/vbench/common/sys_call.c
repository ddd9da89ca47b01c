/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of system calls: the way into the kernel and back. */
#include "tests/bench/vbench/vbench.h"

static uint64_t getpid(unsigned long work)
{
    unsigned first = port_process_id();

    while (work--) {
        for (int i = 0; i < 100; i++) {
            if (port_process_id() != first) {
                return 1;
            }
        }
    }
    return 0;
}
BENCH(getpid, "sys/getpid", .work = 9400);
