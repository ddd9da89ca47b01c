/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and freeing what the command line asked for.
 */
#include "system/config.h"

static void free_drive(gpointer data)
{
    struct drive_config *d = data;

    g_free(d->text);
    g_free(d);
}

static GPtrArray *texts(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

struct config *config_new(void)
{
    struct config *c = g_new0(struct config, 1);

    c->machine = options_new("-machine");
    c->memory = options_new("-m");
    c->smp = options_new("-smp");
    c->icount = options_new("-icount");
    c->boot = options_new("-boot");
    c->rtc = options_new("-rtc");
    c->action = options_new("-action");
    c->accels = texts();
    c->numa = texts();
    c->objects = texts();
    c->globals = texts();
    c->sets = texts();
    c->firmware_dirs = texts();
    c->smbios = texts();
    c->acpi_tables = texts();
    c->fw_cfg = texts();
    c->drives = g_ptr_array_new_with_free_func(free_drive);
    c->blockdevs = texts();
    c->chardevs = texts();
    c->devices = texts();
    c->monitors = texts();
    c->mons = texts();
    c->serials = texts();
    c->parallels = texts();
    c->debugcons = texts();
    return c;
}

void config_free(struct config *c)
{
    GPtrArray *lists[] = {c->accels,    c->numa,      c->objects,       c->globals, c->sets,
                          c->smbios,    c->fw_cfg,    c->firmware_dirs, c->drives,  c->acpi_tables,
                          c->chardevs,  c->devices,   c->monitors,      c->mons,    c->serials,
                          c->parallels, c->debugcons, c->blockdevs};
    struct options *groups[] = {c->machine, c->memory, c->smp,   c->icount,
                                c->boot,    c->rtc,    c->action};
    char *strings[] = {c->cpu,  c->mem_path, c->kernel,   c->initrd,      c->append, c->dtb,
                       c->bios, c->vga,      c->display,  c->escape_char, c->qtest,  c->name,
                       c->uuid, c->pidfile,  c->log_file, c->log_topics};

    for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
        g_ptr_array_unref(lists[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
        options_free(groups[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(strings); i++) {
        g_free(strings[i]);
    }
    g_free(c);
}
