/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of -d and -D: what guest and machine do, by topic, for people who debug them.
 *
 * One log per process, as there is one stderr. A topic that is off costs one load and one branch:
 * wrap expensive arguments in `if (log_on(LOG_INT))`. Lines of one log_printf() stay together.
 */
#ifndef VITRO_UTIL_LOG_H
#define VITRO_UTIL_LOG_H

#include "util/common.h"
#include <stdio.h>

enum log_topic {
    LOG_IN_ASM = 1 << 0,       /* guest code as it is first decoded */
    LOG_INT = 1 << 1,          /* interrupts and exceptions */
    LOG_EXEC = 1 << 2,         /* each block as it is entered */
    LOG_CPU_RESET = 1 << 3,    /* CPU state at reset */
    LOG_GUEST_ERRORS = 1 << 4, /* the guest did what hardware does not define */
    LOG_UNIMP = 1 << 5,        /* the guest asked for what this machine does not have */
    LOG_MMU = 1 << 6,          /* page walks and TLB flushes */
    LOG_CPU = 1 << 7,          /* registers before each block */
    LOG_STRACE_IO = 1 << 8,    /* each device register access */
    LOG_OP = 1 << 9,           /* what the translator makes of each instruction */
    LOG_OUT_ASM = 1 << 10,     /* the host code of each block */
};

struct log_topic_name {
    enum log_topic topic;
    const char *name;
    const char *help;
};

/* Ends with a NULL name. */
extern const struct log_topic_name log_topic_names[];

/* Bits of enum log_topic that are on; read it through log_on(). */
extern unsigned log_mask;

static inline bool log_on(enum log_topic topic)
{
    return __builtin_expect(__atomic_load_n(&log_mask, __ATOMIC_RELAXED) & topic, 0);
}

/* Writes when @topic is on. Any thread. */
void log_printf(enum log_topic topic, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Turns a comma-separated list ("int,cpu_reset", "none") into *@ret_mask. */
bool log_parse(const char *list, unsigned *ret_mask, GError **error);
void log_set_mask(unsigned mask);

/* Sends the log to @path (a "%d" in it becomes the process id) instead of stderr. */
bool log_open(const char *path, GError **error);

/* One warning line for the user on stderr: "vitro: warning: ...". */
void warn_user(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
