/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of -drive, taken apart.
 */
#ifndef VITRO_BLOCK_DRIVE_OPTIONS_H
#define VITRO_BLOCK_DRIVE_OPTIONS_H

#include "block/block.h"

struct drive_options {
    char *file, *format, *id, *serial; /* NULL: not given */
    enum drive_interface interface;
    int index, bus, unit; /* -1: not given */
    bool is_cdrom;
    enum block_open_flags flags;
    enum drive_on_error on_write_error, on_read_error;
    bool error_policy_set;
};

/* Fills @ret, which drive_options_clear() frees (also after a failure). */
bool drive_options_parse(struct drive_options *ret, const char *text,
                         enum drive_interface default_if, GError **error);
void drive_options_clear(struct drive_options *o);

#endif
