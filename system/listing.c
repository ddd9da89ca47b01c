/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What "help" as an argument prints: machines, engines, devices, objects and their properties.
 */
#include "system/cmdline.h"

#include "hw/core/machine.h"
#include "system/memory_backend.h"
#include <string.h>

void list_machines(void)
{
    g_autoptr(GPtrArray) types = machine_types_sorted();

    printf("Supported machines are:\n");
    for (guint i = 0; i < types->len; i++) {
        const struct machine_type *t = g_ptr_array_index(types, i);

        if (t->alias) {
            printf("%-20s %s (alias of %s)\n", t->alias, t->description, t->name);
        }
        printf("%-20s %s%s%s\n", t->name, t->description, t->is_default ? " (default)" : "",
               t->deprecated ? " (deprecated)" : "");
    }
}

/* Without table rows of the board itself, and of what cannot be set. */
static void print_props(const struct property *props)
{
    for (const struct property *p = props; p && p->name; p++) {
        g_autofree char *initial = NULL;

        if (p->flags & (PROP_INTERNAL | PROP_READONLY)) {
            continue;
        }
        if (p->initial_text) {
            initial = g_strdup(p->initial_text);
        } else if (p->type->json == PROP_JSON_BOOL) {
            initial = g_strdup(p->initial ? "on" : "off");
        } else if (p->values) {
            for (const struct prop_enum *v = p->values; v->name; v++) {
                if ((uint64_t)v->value == p->initial) {
                    initial = g_strdup(v->name);
                }
            }
        } else if (p->type->json == PROP_JSON_INT && p->initial != UINT32_MAX) {
            /* all ones of 32 bits stands for "the device chooses" */
            bool is_signed = p->type == &prop_type_i32 || p->type == &prop_type_i64;

            initial = is_signed ? g_strdup_printf("%" PRId64, (int64_t)p->initial)
                                : g_strdup_printf("%" PRIu64, p->initial);
        }
        printf("  %s=<%s>", p->name, p->type->name);
        printf("%*s - %s", (int)MAX(0, 28 - (int)strlen(p->name) - (int)strlen(p->type->name)), "",
               p->help ? p->help : "");
        if (initial) {
            printf(" (default: %s)", initial);
        }
        printf("\n");
    }
}

void list_machine_props(const char *name)
{
    const struct machine_type *t = machine_type_find(name, NULL);

    printf("%s options:\n", t->name);
    print_props(t->props);
}

void list_accels(void)
{
    g_autofree const char **names = accel_type_names();

    printf("Accelerators in this build:\n");
    for (const char **n = names; *n; n++) {
        const struct accel_type *t = accel_type_find(*n);
        g_autoptr(GError) why = NULL;
        bool usable = !t->available || t->available(&why);

        printf("%-8s %s%s%s%s\n", t->name, t->description,
               usable ? "" : " (not usable here: ", usable ? "" : why->message, usable ? "" : ")");
    }
}

bool list_accel_props(const char *name, GError **error)
{
    const struct accel_type *t = accel_type_find(name);

    if (!t) {
        return fail(error, "-accel: there is no engine '%s'", name);
    }
    printf("%s options:\n", t->name);
    print_props(t->props);
    return true;
}

static const char *const category_names[] = {
    [DEVICE_BRIDGE] = "Controller/Bridge/Hub",
    [DEVICE_USB] = "USB",
    [DEVICE_STORAGE] = "Storage",
    [DEVICE_NETWORK] = "Network",
    [DEVICE_INPUT] = "Input",
    [DEVICE_DISPLAY] = "Display",
    [DEVICE_SOUND] = "Sound",
    [DEVICE_MISC] = "Misc",
    [DEVICE_CPU] = "CPU",
};

void list_devices(void)
{
    g_autoptr(GPtrArray) types = device_types_sorted();

    for (unsigned c = 0; c < ARRAY_SIZE(category_names); c++) {
        bool title = false;

        for (guint i = 0; i < types->len; i++) {
            const struct device_type *t = g_ptr_array_index(types, i);

            if (t->category != c || (t->flags & DEVICE_INTERNAL)) {
                continue;
            }
            if (!title) {
                printf("%s devices:\n", category_names[c]);
                title = true;
            }
            printf("name \"%s\"", t->name);
            if (t->bus) {
                printf(", bus %s", t->bus->name);
            }
            if (t->alias) {
                printf(", alias \"%s\"", t->alias);
            }
            printf(", desc \"%s\"\n", t->description ? t->description : "");
        }
        if (title) {
            printf("\n");
        }
    }
}

bool list_device_props(const char *name, GError **error)
{
    const struct device_type *t = device_type_find(name, error);

    if (!t) {
        return false;
    }
    printf("%s options:\n", t->name);
    print_props(t->props);
    if (t->bus) {
        print_props(t->bus->device_props);
    }
    return true;
}

void list_log_topics(void)
{
    printf("Log topics (comma separated):\n");
    for (const struct log_topic_name *t = log_topic_names; t->name; t++) {
        printf("%-14s %s\n", t->name, t->help);
    }
    printf("%-14s all of them\n", "all");
}

static void print_object(const char *type, const struct property *props)
{
    printf("%s options:\n", type);
    print_props(props);
}

void list_objects(void)
{
    memory_backend_list(print_object);
}
