/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device types and the life of a device.
 */
#include "hw/core/machine.h"

#include "hw/core/reg.h"
#include <stdarg.h>
#include <string.h>

LINKER_SET_DECLARE(devices, struct device_type);

static int compare_types(gconstpointer a, gconstpointer b)
{
    const struct device_type *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

GPtrArray *device_types_sorted(void)
{
    GPtrArray *types = g_ptr_array_new();

    LINKER_SET_FOREACH(devices, struct device_type, t)
    {
        g_ptr_array_add(types, (gpointer)*t);
    }
    g_ptr_array_sort(types, compare_types);
    return types;
}

const struct device_type *device_type_find(const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *near;

    LINKER_SET_FOREACH(devices, struct device_type, t)
    {
        if (strcmp((*t)->name, name) == 0 || ((*t)->alias && strcmp((*t)->alias, name) == 0)) {
            g_assert((*t)->state); /* forgetting it would lose the device in a migration */
            return *t;
        }
        if (!((*t)->flags & DEVICE_INTERNAL)) {
            g_ptr_array_add(names, (gpointer)(*t)->name);
        }
    }
    g_ptr_array_add(names, NULL);
    near = nearest_name(name, (const char *const *)names->pdata);
    if (near) {
        fail_code(error, ERROR_NOT_FOUND, "there is no device '%s'; did you mean '%s'?", name,
                  near);
    } else {
        fail_code(error, ERROR_NOT_FOUND, "there is no device '%s'; '-device help' lists them",
                  name);
    }
    return NULL;
}

static void device_destroy(struct object *obj)
{
    struct device *dev = container_of(obj, struct device, obj);

    g_ptr_array_unref(dev->buses);
    if (dev->reg_banks) {
        g_ptr_array_unref(dev->reg_banks);
    }
    g_free(dev->id);
    g_free(dev);
}

static bool apply_globals(struct device *dev, GError **error)
{
    GPtrArray *globals = dev->machine->globals;

    for (guint i = 0; i < globals->len; i++) {
        struct global_prop *g = g_ptr_array_index(globals, i);

        if (strcmp(g->driver, dev->type->name) != 0) {
            continue;
        }
        g->used = true;
        if (!object_set(&dev->obj, g->name, g->value, error)) {
            return false;
        }
    }
    return true;
}

struct device *device_new(struct machine *m, const char *type_name, GError **error)
{
    const struct device_type *type = device_type_find(type_name, error);
    struct device *dev;

    if (!type) {
        return NULL;
    }
    g_assert(type->size >= sizeof(struct device));
    dev = g_malloc0(type->size);
    dev->type = type;
    dev->machine = m;
    dev->buses = g_ptr_array_new();
    object_init(&dev->obj, type->name, m);
    dev->obj.destroy = device_destroy;
    if (type->bus) {
        object_add_props(&dev->obj, type->bus->device_props);
    }
    object_add_props(&dev->obj, type->props);
    if (!apply_globals(dev, error)) {
        object_free(&dev->obj);
        return NULL;
    }
    return dev;
}

bool device_set_id(struct device *dev, const char *id, GError **error)
{
    const char *p = id;

    if (!g_ascii_isalpha(*p)) {
        return fail(error, "id '%s' must begin with a letter", id);
    }
    for (; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr("-._", *p)) {
            return fail(error, "id '%s' may have only letters, digits, '-', '.' and '_'", id);
        }
    }
    if (!object_add_child(dev->machine->peripheral, id, &dev->obj, error)) {
        g_prefix_error(error, "id=%s: ", id);
        return false;
    }
    g_free(dev->id);
    dev->id = g_strdup(id);
    return true;
}

bool device_set(struct device *dev, const char *prop, const char *value, GError **error)
{
    return object_set(&dev->obj, prop, value, error);
}

void device_set_or_die(struct device *dev, const char *prop, const char *value)
{
    g_autoptr(GError) err = NULL;

    if (!object_set(&dev->obj, prop, value, &err)) {
        g_error("%s", err->message);
    }
}

/* Every device is somewhere in the tree: nameless ones get a number. */
static void give_place(struct device *dev)
{
    struct machine *m = dev->machine;

    if (!dev->obj.parent) {
        g_autofree char *name = g_strdup_printf("device[%u]", m->next_anonymous++);

        object_add_child(m->building ? m->unattached : m->peripheral_anon, name, &dev->obj, NULL);
    }
}

static void leave_bus(struct device *dev)
{
    struct bus *bus = dev->bus;

    if (bus) {
        if (bus->type->unplug) {
            bus->type->unplug(bus, dev);
        }
        g_ptr_array_remove(bus->devices, dev);
        dev->bus = NULL;
    } else {
        g_ptr_array_remove(dev->machine->roots, dev);
    }
}

static bool enter_bus(struct device *dev, struct bus *bus, GError **error)
{
    struct machine *m = dev->machine;

    g_assert(!dev->type->bus == !bus);
    if (!bus) {
        g_ptr_array_add(m->roots, dev);
        return true;
    }
    if (m->started && !bus->hotplug) {
        return fail(error, "bus '%s' takes no devices while the machine runs", bus->obj.name);
    }
    dev->bus = bus;
    g_ptr_array_add(bus->devices, dev);
    if (bus->type->plug && !bus->type->plug(bus, dev, error)) {
        g_ptr_array_remove(bus->devices, dev);
        dev->bus = NULL;
        return false;
    }
    return true;
}

static void unrealize(struct device *dev)
{
    if (dev->type->unrealize) {
        dev->type->unrealize(dev);
    }
    while (dev->reg_banks && dev->reg_banks->len) {
        reg_bank_fini(g_ptr_array_index(dev->reg_banks, dev->reg_banks->len - 1));
    }
}

bool device_realize(struct device *dev, struct bus *bus, GError **error)
{
    const struct device_type *type = dev->type;

    if (dev->machine->started && (type->flags & DEVICE_NO_HOTPLUG)) {
        return fail(error, "%s cannot be added while the machine runs", type->name);
    }
    dev->hotplugged = dev->machine->started;
    if (!enter_bus(dev, bus, error)) {
        return false;
    }
    if (type->realize && !type->realize(dev, error)) {
        unrealize(dev);
        leave_bus(dev);
        return false;
    }
    if (bus && bus->type->realized && !bus->type->realized(bus, dev, error)) {
        unrealize(dev);
        leave_bus(dev);
        return false;
    }
    dev->realized = true;
    dev->obj.sealed = true;
    give_place(dev);
    device_reset(dev);
    return true;
}

/* Nobody is inside @dev any more when its unrealize begins, whatever locks that gives up. */
static void hide(struct device *dev)
{
    struct bus *bus = dev->bus;

    if (bus && bus->type->hide) {
        bus->type->hide(bus, dev);
        if (dev->machine->started) {
            address_space_wait(&dev->machine->memory);
        }
    }
}

void device_free(struct device *dev)
{
    if (!dev) {
        return;
    }
    if (dev->realized) {
        while (dev->buses->len) {
            struct bus *child = g_ptr_array_index(dev->buses, dev->buses->len - 1);

            bus_fini(child);
        }
        hide(dev);
        unrealize(dev);
        leave_bus(dev);
        dev->realized = false;
        if (dev->machine->started && dev->hotplug_notice) {
            g_autofree char *path = object_path(&dev->obj);
            const struct event_field fields[] = {
                EVENT_FIELD_STR("path", path),
                EVENT_FIELD_STR(dev->id ? "device" : NULL, dev->id),
                {0}};

            event_emit(&dev->machine->events, "DEVICE_DELETED", fields);
        }
    }
    object_free(&dev->obj);
}

bool device_request_unplug(struct device *dev, GError **error)
{
    if (dev->type->flags & DEVICE_NO_HOTPLUG) {
        return fail(error, "%s cannot be removed while the machine runs", dev->type->name);
    }
    if (!dev->bus || !dev->bus->hotplug) {
        return fail(error, "%s: its bus '%s' lets no devices go while the machine runs",
                    dev->id ? dev->id : dev->type->name, dev->bus ? dev->bus->obj.name : "none");
    }
    dev->hotplug_notice = true;
    if (dev->bus->type->request_unplug) {
        dev->pending_unplug = true;
        return dev->bus->type->request_unplug(dev->bus, dev, error);
    }
    device_free(dev);
    return true;
}

struct device *device_find(struct machine *m, const char *id_or_path)
{
    struct object *obj;
    const struct device_type *type;

    if (*id_or_path == '/') {
        obj = object_resolve(&m->obj, id_or_path);
    } else {
        obj = object_child(m->peripheral, id_or_path);
    }
    if (!obj || obj->destroy != device_destroy) {
        return NULL;
    }
    type = container_of(obj, struct device, obj)->type;
    return type ? container_of(obj, struct device, obj) : NULL;
}

void device_reset(struct device *dev)
{
    for (guint i = 0; i < dev->buses->len; i++) {
        struct bus *bus = g_ptr_array_index(dev->buses, i);

        for (guint j = 0; j < bus->devices->len; j++) {
            device_reset(g_ptr_array_index(bus->devices, j));
        }
    }
    if (!dev->realized) {
        return;
    }
    if (dev->bus && dev->bus->type->reset) {
        dev->bus->type->reset(dev->bus, dev);
    }
    for (guint i = 0; dev->reg_banks && i < dev->reg_banks->len; i++) {
        reg_bank_reset(g_ptr_array_index(dev->reg_banks, i));
    }
    if (dev->type->reset) {
        dev->type->reset(dev);
    }
}

static void log_guest(enum log_topic topic, struct device *dev, const char *fmt, va_list ap)
    G_GNUC_PRINTF(3, 0);

static void log_guest(enum log_topic topic, struct device *dev, const char *fmt, va_list ap)
{
    g_autofree char *text = g_strdup_vprintf(fmt, ap);

    log_printf(topic, "%s%s%s: %s\n", dev->type->name, dev->id ? " " : "", dev->id ? dev->id : "",
               text);
}

void guest_error(struct device *dev, const char *fmt, ...)
{
    va_list ap;

    if (log_on(LOG_GUEST_ERRORS)) {
        va_start(ap, fmt);
        log_guest(LOG_GUEST_ERRORS, dev, fmt, ap);
        va_end(ap);
    }
}

void guest_unimp(struct device *dev, const char *fmt, ...)
{
    va_list ap;

    if (log_on(LOG_UNIMP)) {
        va_start(ap, fmt);
        log_guest(LOG_UNIMP, dev, fmt, ap);
        va_end(ap);
    }
}

enum mem_result device_dma_read(struct device *dev, struct address_space *as, uint64_t gpa,
                                void *buf, uint64_t len)
{
    bool before = dev->guard.engaged;
    enum mem_result result;

    dev->guard.engaged = true;
    result = address_space_read(as, gpa, buf, len, MEM_ATTRS_DMA);
    dev->guard.engaged = before;
    return result;
}

enum mem_result device_dma_write(struct device *dev, struct address_space *as, uint64_t gpa,
                                 const void *buf, uint64_t len)
{
    bool before = dev->guard.engaged;
    enum mem_result result;

    dev->guard.engaged = true;
    result = address_space_write(as, gpa, buf, len, MEM_ATTRS_DMA);
    dev->guard.engaged = before;
    return result;
}
