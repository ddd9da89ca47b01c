/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of -d and -D.
 *
 * The mask and the stream are process-wide on purpose: see the header.
 */
#include "util/log.h"

#include "util/error.h"
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

const struct log_topic_name log_topic_names[] = {
    {LOG_IN_ASM, "in_asm", "guest code as it is first decoded"},
    {LOG_OP, "op", "what the translator makes of each instruction"},
    {LOG_OUT_ASM, "out_asm", "host code of translated blocks"},
    {LOG_INT, "int", "interrupts and exceptions"},
    {LOG_EXEC, "exec", "each block of guest code as it is entered"},
    {LOG_CPU, "cpu", "CPU registers before each block"},
    {LOG_CPU_RESET, "cpu_reset", "CPU state at reset"},
    {LOG_MMU, "mmu", "page walks and TLB flushes"},
    {LOG_GUEST_ERRORS, "guest_errors", "guest accesses that hardware does not define"},
    {LOG_UNIMP, "unimp", "guest accesses to what this machine does not have"},
    {LOG_STRACE_IO, "io", "each device register access"},
    {0},
};

unsigned log_mask;
static FILE *log_file; /* NULL: stderr. Set before threads start or under log_lock. */
static GMutex log_lock;

void log_printf(enum log_topic topic, const char *fmt, ...)
{
    va_list ap;

    if (!log_on(topic)) {
        return;
    }
    va_start(ap, fmt);
    g_mutex_lock(&log_lock);
    vfprintf(log_file ? log_file : stderr, fmt, ap);
    g_mutex_unlock(&log_lock);
    va_end(ap);
}

static const struct log_topic_name *find_topic(const char *name)
{
    for (const struct log_topic_name *t = log_topic_names; t->name; t++) {
        if (strcmp(t->name, name) == 0) {
            return t;
        }
    }
    return NULL;
}

bool log_parse(const char *list, unsigned *ret_mask, GError **error)
{
    g_auto(GStrv) words = g_strsplit(list, ",", -1);
    unsigned mask = 0;

    for (char **w = words; *w; w++) {
        const struct log_topic_name *t = find_topic(*w);

        if (t) {
            mask |= t->topic;
        } else if (strcmp(*w, "all") == 0) {
            mask = ~0u;
        } else if (strcmp(*w, "none") == 0) {
            mask = 0;
        } else {
            return fail(error, "unknown log topic '%s'; '-d help' lists them", *w);
        }
    }
    *ret_mask = mask;
    return true;
}

void log_set_mask(unsigned mask)
{
    __atomic_store_n(&log_mask, mask, __ATOMIC_RELAXED);
}

bool log_open(const char *path, GError **error)
{
    g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
    g_auto(GStrv) parts = g_strsplit(path, "%d", 2);
    g_autofree char *name = g_strjoinv(pid, parts);
    FILE *f = fopen(name, "we");

    if (!f) {
        return fail_errno(error, "-D: cannot write the log file '%s'", name);
    }
    setvbuf(f, NULL, _IOLBF, 0);
    g_mutex_lock(&log_lock);
    if (log_file) {
        fclose(log_file);
    }
    log_file = f;
    g_mutex_unlock(&log_lock);
    return true;
}

void warn_user(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    g_mutex_lock(&log_lock);
    fputs("vitro: warning: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    g_mutex_unlock(&log_lock);
    va_end(ap);
}
