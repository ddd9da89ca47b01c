/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: parsing it by the table in system/options.def, and help from the same table.
 */
#ifndef VITRO_SYSTEM_CMDLINE_H
#define VITRO_SYSTEM_CMDLINE_H

#include "system/config.h"
#include <stdio.h>

enum cmdline_result {
    CMDLINE_OK,
    CMDLINE_LEAVE, /* help or version was printed: end with status 0 */
    CMDLINE_ERROR,
};

/* Parses @argv (without the program's name) into @c. */
enum cmdline_result cmdline_parse(struct config *c, int argc, char **argv, GError **error);

/* What a row's function returns. */
typedef enum cmdline_result opt_fn(struct config *c, const char *arg, GError **error);

/* Feeds one option, as -readconfig does: @name without dash, @arg NULL when it takes none. */
enum cmdline_result cmdline_option(struct config *c, const char *name, const char *arg,
                                   GError **error);

void cmdline_print_help(FILE *out);
/* The OPTIONS section of the manual page, and the words for shell completion. */
void cmdline_print_man(FILE *out);
void cmdline_print_completion(FILE *out);

/* -X help texts that list what this build has; all print to stdout. */
void list_machines(void);
void list_machine_props(const char *name);
void list_accels(void);
bool list_accel_props(const char *name, GError **error);
void list_devices(void);
bool list_device_props(const char *name, GError **error);
void list_log_topics(void);
void list_objects(void);

/* -readconfig: an INI file whose sections are options. */
enum cmdline_result readconfig(struct config *c, const char *path, GError **error);

#endif
