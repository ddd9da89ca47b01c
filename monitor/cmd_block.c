/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitor commands about drives and their media.
 */
#include "monitor/hmp.h"

#include "block/block.h"
#include "hw/core/prop_backend.h"
#include <inttypes.h>

static void add_name(void *opaque, struct drive *d)
{
    if (d->id) {
        g_ptr_array_add(opaque, g_strdup(d->id));
    }
}

static void complete_drives(struct monitor *mon, GPtrArray *found)
{
    struct blocks *set = monitor_machine(mon)->blocks;

    if (set) {
        drive_foreach(set, add_name, found);
    }
}

static struct drive *drive_or_complain(struct monitor *mon, const char *id)
{
    struct blocks *set = monitor_machine(mon)->blocks;
    struct drive *d = set ? drive_find(set, id) : NULL;

    if (!d) {
        monitor_printf(mon, "Error: Device '%s' not found\n", id);
    }
    return d;
}

static bool is_removable(const struct drive *d)
{
    return d->is_cdrom || d->interface == DRIVE_IF_FLOPPY;
}

static void run_eject(struct monitor *mon, const struct hmp_args *args)
{
    struct drive *d = drive_or_complain(mon, hmp_text(args, "device"));
    GError *error = NULL;

    if (!d) {
        return;
    }
    if (!is_removable(d)) {
        monitor_printf(mon, "Error: Device '%s' is not removable\n", d->id);
    } else if (!drive_eject(d, hmp_flag(args, "f"), &error)) {
        monitor_error(mon, error);
    }
}

static const struct hmp_arg eject_args[] = {
    {"f", HMP_FLAG, .help = "even when the guest has locked the tray"},
    {"device", HMP_WORD, .complete = complete_drives},
    {0},
};

static const struct hmp_command eject_command = {
    .name = "eject",
    .args = eject_args,
    .help = "eject a removable medium",
    .run = run_eject,
};
HMP_COMMAND(eject_command);

static void run_change(struct monitor *mon, const struct hmp_args *args)
{
    struct drive *d = drive_or_complain(mon, hmp_text(args, "device"));
    GError *error = NULL;

    if (!d) {
        return;
    }
    if (!is_removable(d)) {
        monitor_printf(mon, "Error: Device '%s' is not removable\n", d->id);
        return;
    }
    if ((hmp_flag(args, "f") && !drive_eject(d, /* force= */ true, &error)) ||
        !drive_change(d, hmp_text(args, "filename"), hmp_text(args, "format"), &error)) {
        monitor_error(mon, error);
    }
}

static const struct hmp_arg change_args[] = {
    {"f", HMP_FLAG, .help = "even when the guest has locked the tray"},
    {"device", HMP_WORD, .complete = complete_drives},
    {"filename", HMP_WORD},
    {"format", HMP_WORD, .optional = true},
    {0},
};

static const struct hmp_command change_command = {
    .name = "change",
    .args = change_args,
    .help = "change a removable medium",
    .run = run_change,
};
HMP_COMMAND(change_command);

/* The object below @obj that has @d in one of its drive properties; NULL when none has. */
static const struct object *find_user(const struct object *obj, const struct drive *d)
{
    const struct object *found = NULL;

    for (unsigned t = 0; t < OBJECT_PROP_TABLES && obj->props[t]; t++) {
        for (const struct property *p = obj->props[t]; p->name; p++) {
            const void *field = (const char *)obj + p->offset;

            if (p->type == &prop_type_drive && *(struct drive *const *)field == d) {
                return obj;
            }
        }
    }
    for (unsigned i = 0; !found && obj->children && i < obj->children->len; i++) {
        found = find_user(obj->children->pdata[i], d);
    }
    return found;
}

static void print_drive(void *opaque, struct drive *d)
{
    struct monitor *mon = opaque;
    const struct object *user = find_user(&monitor_machine(mon)->obj, d);

    monitor_printf(mon, "%s: ", d->id ? d->id : "");
    if (d->block) {
        monitor_printf(mon, "%s (%s%s)\n", block_file_name(d->block), block_driver_name(d->block),
                       block_is_read_only(d->block) ? ", read-only" : "");
    } else {
        monitor_printf(mon, "[not inserted]\n");
    }
    if (user) {
        g_autofree char *path = object_path(user);

        monitor_printf(mon, "    Attached to:      %s\n", path);
    }
    if (is_removable(d)) {
        monitor_printf(mon, "    Removable device: %slocked, tray %s\n", d->locked ? "" : "not ",
                       d->tray_open ? "open" : "closed");
    }
}

static void run_info_block(struct monitor *mon, const struct hmp_args *args)
{
    struct blocks *set = monitor_machine(mon)->blocks;

    (void)args;
    if (set) {
        drive_foreach(set, print_drive, mon);
    }
}

static const struct hmp_command info_block = {
    .name = "block",
    .help = "show the drives",
    .run = run_info_block,
};
HMP_INFO(info_block);

static void print_stats(void *opaque, struct drive *d)
{
    struct block_stats s = {0};

    if (d->block) {
        block_get_stats(d->block, &s);
    }
    monitor_printf(opaque,
                   "%s: rd_bytes=%" PRIu64 " wr_bytes=%" PRIu64 " rd_operations=%" PRIu64
                   " wr_operations=%" PRIu64 " flush_operations=%" PRIu64
                   " wr_total_time_ns=%" PRIu64 " rd_total_time_ns=%" PRIu64
                   " flush_total_time_ns=%" PRIu64 "\n",
                   d->id ? d->id : "", s.rd_bytes, s.wr_bytes, s.rd_ops, s.wr_ops, s.flush_ops,
                   s.wr_ns, s.rd_ns, s.flush_ns);
}

static void run_info_blockstats(struct monitor *mon, const struct hmp_args *args)
{
    struct blocks *set = monitor_machine(mon)->blocks;

    (void)args;
    if (set) {
        drive_foreach(set, print_stats, mon);
    }
}

static const struct hmp_command info_blockstats = {
    .name = "blockstats",
    .help = "show how much the drives have read and written",
    .run = run_info_blockstats,
};
HMP_INFO(info_blockstats);
