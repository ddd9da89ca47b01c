/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitor commands about character devices and ring buffers.
 */
#include "monitor/hmp.h"

#include <string.h>

static void add_id(void *opaque, struct chardev *chr)
{
    g_ptr_array_add(opaque, g_strdup(chardev_id(chr)));
}

static void complete_chardevs(struct monitor *mon, GPtrArray *found)
{
    struct chardevs *set = monitor_machine(mon)->chardevs;

    if (set) {
        chardev_foreach(set, add_id, found);
    }
}

static struct chardev *chardev_or_complain(struct monitor *mon, const char *id)
{
    struct chardevs *set = monitor_machine(mon)->chardevs;
    struct chardev *chr = set ? chardev_find(set, id) : NULL;

    if (!chr) {
        monitor_printf(mon, "Error: Chardev '%s' not found\n", id);
    }
    return chr;
}

static void print_chardev(void *opaque, struct chardev *chr)
{
    g_autofree char *text = chardev_describe(chr);

    monitor_printf(opaque, "%s: filename=%s\n", chardev_id(chr), text);
}

static void run_info_chardev(struct monitor *mon, const struct hmp_args *args)
{
    struct chardevs *set = monitor_machine(mon)->chardevs;

    (void)args;
    if (set) {
        chardev_foreach(set, print_chardev, mon);
    }
}

static const struct hmp_command info_chardev = {
    .name = "chardev",
    .help = "show the character devices",
    .run = run_info_chardev,
};
HMP_INFO(info_chardev);

static void run_chardev_add(struct monitor *mon, const struct hmp_args *args)
{
    struct chardevs *set = monitor_machine(mon)->chardevs;
    GError *error = NULL;

    if (!set) {
        monitor_printf(mon, "Error: this machine takes no character devices\n");
    } else if (!chardev_new(set, hmp_text(args, "args"), &error)) {
        monitor_error(mon, error);
    }
}

static const struct hmp_arg chardev_add_args[] = {
    {"args", HMP_REST},
    {0},
};

static const struct hmp_command chardev_add_command = {
    .name = "chardev-add",
    .args = chardev_add_args,
    .help = "add a character device, as -chardev on the command line",
    .run = run_chardev_add,
};
HMP_COMMAND(chardev_add_command);

static void run_chardev_remove(struct monitor *mon, const struct hmp_args *args)
{
    const char *id = hmp_text(args, "id");
    GError *error = NULL;

    if (chardev_or_complain(mon, id) &&
        !chardev_remove(monitor_machine(mon)->chardevs, id, &error)) {
        monitor_error(mon, error);
    }
}

static const struct hmp_arg chardev_id_args[] = {
    {"id", HMP_WORD, .complete = complete_chardevs},
    {0},
};

static const struct hmp_command chardev_remove_command = {
    .name = "chardev-remove",
    .args = chardev_id_args,
    .help = "remove a character device that nobody uses",
    .run = run_chardev_remove,
};
HMP_COMMAND(chardev_remove_command);

static void run_send_break(struct monitor *mon, const struct hmp_args *args)
{
    struct chardev *chr = chardev_or_complain(mon, hmp_text(args, "id"));

    if (chr) {
        chardev_inject_break(chr);
    }
}

static const struct hmp_command send_break_command = {
    .name = "chardev-send-break",
    .args = chardev_id_args,
    .help = "send a break to the device that uses a character device",
    .run = run_send_break,
};
HMP_COMMAND(send_break_command);

/* ---- ring buffers ---- */

static void run_ringbuf_write(struct monitor *mon, const struct hmp_args *args)
{
    struct chardev *chr = chardev_or_complain(mon, hmp_text(args, "device"));
    const char *data = hmp_text(args, "data");
    GError *error = NULL;

    if (chr && !chardev_ringbuf_write(chr, data, strlen(data), &error)) {
        monitor_error(mon, error);
    }
}

static const struct hmp_arg ringbuf_write_args[] = {
    {"device", HMP_WORD, .complete = complete_chardevs},
    {"data", HMP_WORD},
    {0},
};

static const struct hmp_command ringbuf_write_command = {
    .name = "ringbuf_write",
    .args = ringbuf_write_args,
    .help = "write to a ring buffer",
    .run = run_ringbuf_write,
};
HMP_COMMAND(ringbuf_write_command);

/* What a terminal can show as it is, the rest as numbers. */
static void print_bytes(struct monitor *mon, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = data[i];

        if (c == '\\') {
            monitor_printf(mon, "\\\\");
        } else if (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f)) {
            monitor_printf(mon, "%c", c);
        } else {
            monitor_printf(mon, "\\u%04X", c);
        }
    }
    monitor_printf(mon, "\n");
}

static void run_ringbuf_read(struct monitor *mon, const struct hmp_args *args)
{
    struct chardev *chr = chardev_or_complain(mon, hmp_text(args, "device"));
    int64_t size = hmp_number(args, "size", 0);
    g_autoptr(GByteArray) data = g_byte_array_new();
    GError *error = NULL;

    if (!chr) {
        return;
    }
    if (size < 0) {
        monitor_printf(mon, "Error: size must not be negative\n");
    } else if (!chardev_ringbuf_read(chr, size, data, &error)) {
        monitor_error(mon, error);
    } else {
        print_bytes(mon, data->data, data->len);
    }
}

static const struct hmp_arg ringbuf_read_args[] = {
    {"device", HMP_WORD, .complete = complete_chardevs},
    {"size", HMP_NUMBER},
    {0},
};

static const struct hmp_command ringbuf_read_command = {
    .name = "ringbuf_read",
    .args = ringbuf_read_args,
    .help = "read and take away from a ring buffer",
    .run = run_ringbuf_read,
};
HMP_COMMAND(ringbuf_read_command);
