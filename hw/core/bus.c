/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buses: the places that devices plug into, and finding one for a device.
 */
#include "hw/core/machine.h"

#include <string.h>

void bus_init(struct bus *bus, const struct bus_type *type, struct machine *m,
              struct device *parent, const char *name)
{
    object_init(&bus->obj, type->name, m);
    bus->type = type;
    bus->machine = m;
    bus->parent = parent;
    bus->devices = g_ptr_array_new();
    object_add_child(parent ? &parent->obj : &m->obj, name, &bus->obj, NULL);
    g_ptr_array_add(m->buses, bus);
    if (parent) {
        g_ptr_array_add(parent->buses, bus);
    }
}

void bus_fini(struct bus *bus)
{
    if (!bus->devices) {
        return;
    }
    while (bus->devices->len) {
        device_free(g_ptr_array_index(bus->devices, bus->devices->len - 1));
    }
    g_clear_pointer(&bus->devices, g_ptr_array_unref);
    g_ptr_array_remove(bus->machine->buses, bus);
    if (bus->parent) {
        g_ptr_array_remove(bus->parent->buses, bus);
    }
    object_free(&bus->obj);
}

static struct bus *bus_by_name(struct machine *m, const char *name)
{
    for (guint i = 0; i < m->buses->len; i++) {
        struct bus *bus = g_ptr_array_index(m->buses, i);

        if (strcmp(bus->obj.name, name) == 0) {
            return bus;
        }
        /* a bridge's or controller's id names its first bus */
        if (bus->parent && bus->parent->id && strcmp(bus->parent->id, name) == 0) {
            return bus;
        }
    }
    return NULL;
}

struct bus *bus_find(struct machine *m, const struct bus_type *type, const char *name,
                     GError **error)
{
    struct bus *bus;

    if (name) {
        const char *slash = strrchr(name, '/');

        bus = bus_by_name(m, slash ? slash + 1 : name);
        if (!bus) {
            fail(error, "bus=%s: there is no such bus; 'info qtree' lists them", name);
            return NULL;
        }
        if (bus->type != type) {
            fail(error, "bus=%s is a %s bus, the device needs a %s bus", name, bus->type->name,
                 type->name);
            return NULL;
        }
        if (bus->full) {
            fail(error, "bus=%s is full", name);
            return NULL;
        }
        return bus;
    }
    for (guint i = 0; i < m->buses->len; i++) {
        bus = g_ptr_array_index(m->buses, i);
        if (bus->type == type && !bus->full) {
            return bus;
        }
    }
    fail(error, "this machine has no %s bus with a free place", type->name);
    return NULL;
}
