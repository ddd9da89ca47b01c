/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child process under watch.
 */
#include "tests/insn_blocks/guard.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern void __tsan_init(void) __attribute__((weak)); /* the thread sanitizer's */

bool guard_possible(void)
{
    return !__tsan_init;
}

struct guard_progress *guard_progress_new(void)
{
    void *p = mmap(NULL, sizeof(struct guard_progress), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

void guard_progress_free(struct guard_progress *p)
{
    if (p) {
        munmap(p, sizeof(*p));
    }
}

static void wait_a_little(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Waits for the child's end; false: it hangs. */
static bool wait_for(pid_t child, const struct guard_progress *p, unsigned patience_s,
                     int *ret_status)
{
    uint64_t seen = UINT64_MAX;
    unsigned quiet_ms = 0, pause_ms = 1;

    while (waitpid(child, ret_status, WNOHANG) == 0) {
        uint64_t at = __atomic_load_n(&p->steps, __ATOMIC_RELAXED);

        if (at != seen) {
            seen = at;
            quiet_ms = 0;
        } else if (quiet_ms > patience_s * 1000) {
            return false;
        }
        wait_a_little(pause_ms);
        quiet_ms += pause_ms;
        pause_ms = pause_ms < 50 ? pause_ms * 2 : 100;
    }
    return true;
}

const char *guard_run(struct guard_progress *p, unsigned patience_s, void (*work)(void *opaque),
                      void *opaque)
{
    pid_t child;
    int status;

    fflush(stdout);
    child = fork();
    if (child < 0) {
        return "cannot be started";
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        work(opaque);
        fflush(stdout);
        _exit(0); /* what hangs on the parent's threads would look like leaks */
    }
    if (!wait_for(child, p, patience_s, &status)) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        return "hangs";
    }
    if (WIFSIGNALED(status)) {
        return strsignal(WTERMSIG(status));
    }
    return WEXITSTATUS(status) ? "fails" : NULL;
}
