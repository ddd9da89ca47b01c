/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitor commands about the log of -d and -D.
 */
#include "monitor/hmp.h"

#include "util/log.h"

static void complete_topics(struct monitor *mon, GPtrArray *found)
{
    (void)mon;
    for (const struct log_topic_name *t = log_topic_names; t->name; t++) {
        g_ptr_array_add(found, g_strdup(t->name));
    }
    g_ptr_array_add(found, g_strdup("all"));
    g_ptr_array_add(found, g_strdup("none"));
}

static void run_log(struct monitor *mon, const struct hmp_args *args)
{
    GError *error = NULL;
    unsigned mask;

    if (!log_parse(hmp_text(args, "items"), &mask, &error)) {
        monitor_error(mon, error);
        monitor_printf(mon, "Log items (comma separated):\n");
        for (const struct log_topic_name *t = log_topic_names; t->name; t++) {
            monitor_printf(mon, "%-15s %s\n", t->name, t->help);
        }
        return;
    }
    log_set_mask(mask);
}

static const struct hmp_arg log_args[] = {
    {"items", HMP_WORD, .complete = complete_topics},
    {0},
};

static const struct hmp_command log_command = {
    .name = "log",
    .args = log_args,
    .help = "activate logging of the given items: item1[,...]; 'none' ends it",
    .run = run_log,
};
HMP_COMMAND(log_command);

static void run_logfile(struct monitor *mon, const struct hmp_args *args)
{
    GError *error = NULL;

    if (!log_open(hmp_text(args, "filename"), &error)) {
        monitor_error(mon, error);
    }
}

static const struct hmp_arg logfile_args[] = {
    {"filename", HMP_WORD},
    {0},
};

static const struct hmp_command logfile_command = {
    .name = "logfile",
    .args = logfile_args,
    .help = "output logs to 'filename'",
    .run = run_logfile,
};
HMP_COMMAND(logfile_command);
