/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitor commands about devices and the object tree.
 */
#include "monitor/hmp.h"

#include "hw/pci/pci.h"

/* ---- device_add, device_del ---- */

static void complete_types(struct monitor *mon, GPtrArray *found)
{
    g_autoptr(GPtrArray) all = device_types_sorted();

    (void)mon;
    for (unsigned i = 0; i < all->len; i++) {
        const struct device_type *t = all->pdata[i];

        if (!(t->flags & DEVICE_INTERNAL)) {
            g_ptr_array_add(found, g_strdup(t->name));
        }
    }
}

static void complete_devices(struct monitor *mon, GPtrArray *found)
{
    const struct object *where = monitor_machine(mon)->peripheral;

    for (unsigned i = 0; where->children && i < where->children->len; i++) {
        const struct object *child = where->children->pdata[i];

        g_ptr_array_add(found, g_strdup(child->name));
    }
}

static void run_device_add(struct monitor *mon, const struct hmp_args *args)
{
    struct machine *m = monitor_machine(mon);
    GError *error = NULL;

    if (!m->life->device_add(m, hmp_text(args, "driver"), &error)) {
        monitor_error(mon, error);
    }
}

static const struct hmp_arg device_add_args[] = {
    {"driver", HMP_REST, .complete = complete_types},
    {0},
};

static const struct hmp_command device_add_command = {
    .name = "device_add",
    .args = device_add_args,
    .help = "add a device: driver[,prop=value][,...], as -device on the command line",
    .run = run_device_add,
};
HMP_COMMAND(device_add_command);

static void run_device_del(struct monitor *mon, const struct hmp_args *args)
{
    const char *id = hmp_text(args, "id");
    struct device *dev = device_find(monitor_machine(mon), id);
    GError *error = NULL;

    if (!dev) {
        monitor_printf(mon, "Error: Device '%s' not found\n", id);
    } else if (!device_request_unplug(dev, &error)) {
        monitor_error(mon, error);
    }
}

static const struct hmp_arg device_del_args[] = {
    {"id", HMP_WORD, .complete = complete_devices},
    {0},
};

static const struct hmp_command device_del_command = {
    .name = "device_del",
    .args = device_del_args,
    .help = "remove a device",
    .run = run_device_del,
};
HMP_COMMAND(device_del_command);

/* ---- info qtree ---- */

static void print_bus(struct monitor *mon, struct bus *bus, unsigned indent);

static void print_property(struct monitor *mon, struct object *obj, const struct property *p,
                           unsigned indent)
{
    g_autofree char *value = object_get(obj, p->name, NULL);

    if (value) {
        bool quoted = p->type->json == PROP_JSON_STR;

        monitor_printf(mon, "%*s%s = %s%s%s\n", (int)indent, "", p->name, quoted ? "\"" : "", value,
                       quoted ? "\"" : "");
    }
}

static void print_properties(struct monitor *mon, struct object *obj, unsigned indent)
{
    for (unsigned t = 0; t < OBJECT_PROP_TABLES && obj->props[t]; t++) {
        for (const struct property *p = obj->props[t]; p->name; p++) {
            print_property(mon, obj, p, indent);
        }
    }
}

static void print_device(struct monitor *mon, struct device *dev, unsigned indent)
{
    monitor_printf(mon, "%*sdev: %s, id \"%s\"\n", (int)indent, "", dev->type->name,
                   dev->id ? dev->id : "");
    indent += 2;
    print_properties(mon, &dev->obj, indent);
    if (dev->bus && dev->bus->type->describe) {
        g_autofree char *text = dev->bus->type->describe(dev->bus, dev);

        if (text) {
            monitor_printf(mon, "%*s%s\n", (int)indent, "", text);
        }
    }
    for (unsigned i = 0; dev->buses && i < dev->buses->len; i++) {
        print_bus(mon, dev->buses->pdata[i], indent);
    }
}

static void print_bus(struct monitor *mon, struct bus *bus, unsigned indent)
{
    monitor_printf(mon, "%*sbus: %s\n", (int)indent, "", bus->obj.name ? bus->obj.name : "");
    monitor_printf(mon, "%*s  type %s\n", (int)indent, "", bus->type->name);
    for (unsigned i = 0; i < bus->devices->len; i++) {
        print_device(mon, bus->devices->pdata[i], indent + 2);
    }
}

static void run_info_qtree(struct monitor *mon, const struct hmp_args *args)
{
    const struct machine *m = monitor_machine(mon);

    (void)args;
    monitor_printf(mon, "bus: main-system-bus\n  type System\n");
    for (unsigned i = 0; i < m->roots->len; i++) {
        print_device(mon, m->roots->pdata[i], 2);
    }
    for (unsigned i = 0; i < m->buses->len; i++) {
        struct bus *bus = m->buses->pdata[i];

        if (!bus->parent) {
            print_bus(mon, bus, 2);
        }
    }
}

static const struct hmp_command info_qtree = {
    .name = "qtree",
    .help = "show the device tree",
    .run = run_info_qtree,
};
HMP_INFO(info_qtree);

/* ---- the object tree ---- */

static void print_object(struct monitor *mon, const struct object *obj, unsigned indent)
{
    monitor_printf(mon, "%*s/%s (%s)\n", (int)indent, "", obj->name ? obj->name : "machine",
                   obj->type_name);
    for (unsigned i = 0; obj->children && i < obj->children->len; i++) {
        print_object(mon, obj->children->pdata[i], indent + 2);
    }
}

static struct object *find_object(struct monitor *mon, const char *path)
{
    struct object *obj = object_resolve(&monitor_machine(mon)->obj, path);

    if (!obj) {
        monitor_printf(mon, "Error: Path '%s' could not be resolved\n", path);
    }
    return obj;
}

static void run_info_qom_tree(struct monitor *mon, const struct hmp_args *args)
{
    const char *path = hmp_text(args, "path");
    struct object *obj = path ? find_object(mon, path) : &monitor_machine(mon)->obj;

    if (obj) {
        print_object(mon, obj, 0);
    }
}

static const struct hmp_arg qom_tree_args[] = {
    {"path", HMP_WORD, .optional = true},
    {0},
};

static const struct hmp_command info_qom_tree = {
    .name = "qom-tree",
    .args = qom_tree_args,
    .help = "show the object tree",
    .run = run_info_qom_tree,
};
HMP_INFO(info_qom_tree);

static void run_qom_list(struct monitor *mon, const struct hmp_args *args)
{
    const char *path = hmp_text(args, "path");
    struct object *obj;

    if (!path) {
        monitor_printf(mon, "/\n");
        return;
    }
    obj = find_object(mon, path);
    if (!obj) {
        return;
    }
    monitor_printf(mon, "type (string)\n");
    for (unsigned i = 0; obj->children && i < obj->children->len; i++) {
        const struct object *child = obj->children->pdata[i];

        monitor_printf(mon, "%s (child<%s>)\n", child->name, child->type_name);
    }
    for (unsigned t = 0; t < OBJECT_PROP_TABLES && obj->props[t]; t++) {
        for (const struct property *p = obj->props[t]; p->name; p++) {
            monitor_printf(mon, "%s (%s)\n", p->name, p->type->name);
        }
    }
}

static const struct hmp_arg qom_list_args[] = {
    {"path", HMP_WORD, .optional = true},
    {0},
};

static const struct hmp_command qom_list_command = {
    .name = "qom-list",
    .args = qom_list_args,
    .help = "list an object's children and properties",
    .run = run_qom_list,
};
HMP_COMMAND(qom_list_command);

static void run_qom_get(struct monitor *mon, const struct hmp_args *args)
{
    struct object *obj = find_object(mon, hmp_text(args, "path"));
    const char *name = hmp_text(args, "property");
    g_autofree char *value = NULL;
    const struct property *p;
    GError *error = NULL;
    bool quoted;

    if (!obj) {
        return;
    }
    value = object_get(obj, name, &error);
    if (!value) {
        monitor_error(mon, error);
        return;
    }
    p = object_find_prop(obj, name);
    quoted = p && p->type->json == PROP_JSON_STR;
    monitor_printf(mon, "%s%s%s\n", quoted ? "\"" : "", value, quoted ? "\"" : "");
}

static const struct hmp_arg qom_get_args[] = {
    {"path", HMP_WORD},
    {"property", HMP_WORD},
    {0},
};

static const struct hmp_command qom_get_command = {
    .name = "qom-get",
    .args = qom_get_args,
    .help = "print a property of an object",
    .run = run_qom_get,
};
HMP_COMMAND(qom_get_command);

static void run_qom_set(struct monitor *mon, const struct hmp_args *args)
{
    struct object *obj = find_object(mon, hmp_text(args, "path"));
    GError *error = NULL;

    if (obj && !object_set(obj, hmp_text(args, "property"), hmp_text(args, "value"), &error)) {
        monitor_error(mon, error);
    }
}

static const struct hmp_arg qom_set_args[] = {
    {"path", HMP_WORD},
    {"property", HMP_WORD},
    {"value", HMP_REST},
    {0},
};

static const struct hmp_command qom_set_command = {
    .name = "qom-set",
    .args = qom_set_args,
    .help = "set a property of an object",
    .run = run_qom_set,
};
HMP_COMMAND(qom_set_command);

/* ---- info qdm, info pci ---- */

static void run_info_qdm(struct monitor *mon, const struct hmp_args *args)
{
    g_autoptr(GPtrArray) all = device_types_sorted();

    (void)args;
    for (unsigned i = 0; i < all->len; i++) {
        const struct device_type *t = all->pdata[i];

        if (t->flags & DEVICE_INTERNAL) {
            continue;
        }
        monitor_printf(mon, "name \"%s\"", t->name);
        if (t->bus) {
            monitor_printf(mon, ", bus %s", t->bus->name);
        }
        if (t->alias) {
            monitor_printf(mon, ", alias \"%s\"", t->alias);
        }
        if (t->description) {
            monitor_printf(mon, ", desc \"%s\"", t->description);
        }
        monitor_printf(mon, "\n");
    }
}

static const struct hmp_command info_qdm = {
    .name = "qdm",
    .help = "show the kinds of device that device_add knows",
    .run = run_info_qdm,
};
HMP_INFO(info_qdm);

static void run_info_pci(struct monitor *mon, const struct hmp_args *args)
{
    struct pci_bus *root = pci_root_bus(monitor_machine(mon));

    (void)args;
    if (root) {
        pci_print(root, monitor_print, mon);
    } else {
        monitor_printf(mon, "PCI devices: none, this machine has no PCI bus\n");
    }
}

static const struct hmp_command info_pci = {
    .name = "pci",
    .help = "show the PCI devices",
    .run = run_info_pci,
};
HMP_INFO(info_pci);
