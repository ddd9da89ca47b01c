/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitor commands about screens: screendump, info screen.
 */
#include "monitor/hmp.h"

#include "hw/core/machine_ui.h"

static struct console *console_or_complain(struct monitor *mon, int64_t head)
{
    struct consoles *set = machine_consoles(monitor_machine(mon));
    struct console *c = head < 0 || head > G_MAXINT ? NULL : consoles_get(set, head);

    if (!c) {
        monitor_printf(mon, consoles_count(set) ? "Error: there is no such screen\n"
                                                : "Error: this machine has no screen\n");
    }
    return c;
}

static void run_screendump(struct monitor *mon, const struct hmp_args *args)
{
    struct console *c = console_or_complain(mon, hmp_number(args, "head", 0));
    const char *path = hmp_text(args, "filename");
    bool png = hmp_flag(args, "p") || g_str_has_suffix(path, ".png");
    GError *error = NULL;

    if (c && !(png ? console_screendump_png(c, path, &error)
                   : console_screendump_ppm(c, path, &error))) {
        monitor_error(mon, error);
    }
}

static const struct hmp_arg screendump_args[] = {
    {"p", HMP_FLAG, .help = "PNG instead of PPM; a name that ends with .png means it too"},
    {"filename", HMP_WORD},
    {"head", HMP_NUMBER, .optional = true},
    {0},
};

static const struct hmp_command screendump_command = {
    .name = "screendump",
    .args = screendump_args,
    .help = "save the screen to the image file 'filename'",
    .run = run_screendump,
};
HMP_COMMAND(screendump_command);

static void run_info_screen(struct monitor *mon, const struct hmp_args *args)
{
    struct console *c = console_or_complain(mon, hmp_number(args, "head", 0));
    g_autofree char *text = NULL;

    if (!c) {
        return;
    }
    console_update(c);
    text = console_text(c);
    if (text) {
        monitor_printf(mon, "%s", text);
    } else {
        monitor_printf(mon, "%s: graphics, %u x %u\n", console_name(c), console_width(c),
                       console_height(c));
    }
}

static const struct hmp_arg info_screen_args[] = {
    {"head", HMP_NUMBER, .optional = true},
    {0},
};

static const struct hmp_command info_screen = {
    .name = "screen",
    .args = info_screen_args,
    .help = "show the text on the guest's screen",
    .run = run_info_screen,
};
HMP_INFO(info_screen);
