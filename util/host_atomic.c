/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atomic operations that the compiler does not offer on every host.
 */
#include "util/host_atomic.h"

#if defined(__x86_64__)

/* gcc needs -mcx16 for its own, and every 64-bit host that runs us has the instruction. */
bool host_cas128(void *p, uint64_t expect[2], const uint64_t with[2])
{
    bool done;

    __asm__ __volatile__("lock cmpxchg16b %1"
                         : "=@ccz"(done), "+m"(*(unsigned __int128 *)p), "+a"(expect[0]),
                           "+d"(expect[1])
                         : "b"(with[0]), "c"(with[1])
                         : "memory");
    return done;
}

#else

bool host_cas128(void *p, uint64_t expect[2], const uint64_t with[2])
{
    unsigned __int128 want = (unsigned __int128)expect[1] << 64 | expect[0];
    unsigned __int128 val = (unsigned __int128)with[1] << 64 | with[0];
    unsigned __int128 found = __sync_val_compare_and_swap((unsigned __int128 *)p, want, val);

    expect[0] = (uint64_t)found;
    expect[1] = (uint64_t)(found >> 64);
    return found == want;
}

#endif
