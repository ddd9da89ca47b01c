/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command line asked for, before anything of it exists.
 *
 * system/options.def fills it row by row; system/setup.c builds the machine from it.
 */
#ifndef VITRO_SYSTEM_CONFIG_H
#define VITRO_SYSTEM_CONFIG_H

#include "util/options.h"

enum drive_shorthand {
    DRIVE_TEXT, /* -drive: the text as it is */
    DRIVE_HD,   /* -hda... and the image without an option */
    DRIVE_CD,
    DRIVE_FD,
};

struct drive_config {
    enum drive_shorthand kind;
    int index; /* hda 0, hdb 1, ... */
    char *text;
};

struct config {
    /* machine */
    struct options *machine; /* all -machine texts together; later keys win */
    GPtrArray *accels;       /* char *: engines in order of preference, with their properties */
    char *cpu;
    struct options *memory, *smp, *icount;
    GPtrArray *numa, *objects, *globals, *sets; /* char * */
    char *mem_path;
    bool mem_prealloc, mem_lock;

    /* boot */
    struct options *boot;
    char *kernel, *initrd, *append, *dtb, *bios;
    GPtrArray *firmware_dirs; /* -L */
    GPtrArray *smbios, *acpi_tables, *fw_cfg;

    /* devices and back-ends */
    GPtrArray *drives; /* struct drive_config */
    GPtrArray *blockdevs;
    GPtrArray *chardevs, *devices, *monitors, *mons;
    GPtrArray *serials, *parallels, *debugcons;
    char *vga, *display, *escape_char, *qtest;
    bool snapshot, nographic, no_defaults, no_network;

    /* process */
    char *name, *uuid, *pidfile, *log_file, *log_topics;
    struct options *rtc, *action;
    bool paused, no_reboot, no_shutdown, daemonize, no_user_config;
};

struct config *config_new(void);
void config_free(struct config *c);

#endif
