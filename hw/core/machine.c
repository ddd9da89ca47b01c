/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines: making one, resetting it, and passing on what its parts ask for.
 */
#include "hw/core/machine.h"

#include "block/block.h"
#include "hw/core/machine_ui.h"

#include "hw/core/info.h"
#include <string.h>

LINKER_SET_DECLARE(machines, struct machine_type);

struct callback {
    void (*fn)(void *opaque);
    void *opaque;
};

static const char *const run_state_names[] = {
    [RUN_PRELAUNCH] = "prelaunch",
    [RUN_RUNNING] = "running",
    [RUN_PAUSED] = "paused",
    [RUN_SHUTDOWN] = "shutdown",
    [RUN_SUSPENDED] = "suspended",
    [RUN_GUEST_PANICKED] = "guest-panicked",
    [RUN_INTERNAL_ERROR] = "internal-error",
    [RUN_IO_ERROR] = "io-error",
    [RUN_DEBUG] = "debug",
    [RUN_WATCHDOG] = "watchdog",
};

static const char *const cause_names[] = {
    [CAUSE_NONE] = "none",
    [CAUSE_HOST_ERROR] = "host-error",
    [CAUSE_HOST_QMP_QUIT] = "host-qmp-quit",
    [CAUSE_HOST_QMP_SYSTEM_RESET] = "host-qmp-system-reset",
    [CAUSE_HOST_SIGNAL] = "host-signal",
    [CAUSE_HOST_UI] = "host-ui",
    [CAUSE_GUEST_SHUTDOWN] = "guest-shutdown",
    [CAUSE_GUEST_RESET] = "guest-reset",
    [CAUSE_GUEST_PANIC] = "guest-panic",
    [CAUSE_SUBSYSTEM_RESET] = "subsystem-reset",
};

const char *run_state_name(enum run_state s)
{
    return run_state_names[s];
}

const char *machine_cause_name(enum machine_cause c)
{
    return cause_names[c];
}

static int compare_types(gconstpointer a, gconstpointer b)
{
    const struct machine_type *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

GPtrArray *machine_types_sorted(void)
{
    GPtrArray *types = g_ptr_array_new();

    LINKER_SET_FOREACH(machines, struct machine_type, t)
    {
        g_ptr_array_add(types, (gpointer)*t);
    }
    g_ptr_array_sort(types, compare_types);
    return types;
}

const struct machine_type *machine_type_find(const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *near;

    LINKER_SET_FOREACH(machines, struct machine_type, t)
    {
        if (strcmp((*t)->name, name) == 0 || ((*t)->alias && strcmp((*t)->alias, name) == 0)) {
            return *t;
        }
        g_ptr_array_add(names, (gpointer)(*t)->name);
        if ((*t)->alias) {
            g_ptr_array_add(names, (gpointer)(*t)->alias);
        }
    }
    g_ptr_array_add(names, NULL);
    near = nearest_name(name, (const char *const *)names->pdata);
    if (near) {
        fail_code(error, ERROR_NOT_FOUND, "there is no machine '%s'; did you mean '%s'?", name,
                  near);
    } else {
        fail_code(error, ERROR_NOT_FOUND, "there is no machine '%s'; '-machine help' lists them",
                  name);
    }
    return NULL;
}

static void free_global(gpointer data)
{
    struct global_prop *g = data;

    g_free(g->driver);
    g_free(g->name);
    g_free(g->value);
    g_free(g);
}

static void free_ram(gpointer data)
{
    ram_block_free(data);
}

static void machine_init_memory(struct machine *m)
{
    region_init_container(&m->memory_root, "system", UINT64_MAX);
    region_init_container(&m->io_root, "io", 64 * KiB);
    address_space_init(&m->memory, &m->memory_root, "memory", &m->lock);
    address_space_init(&m->io, &m->io_root, "I/O", &m->lock);
}

struct machine *machine_new(const struct machine_type *type)
{
    struct machine *m = g_malloc0(MAX(type->size, sizeof(*m)));

    m->type = type;
    lock_init(&m->lock);
    g_cond_init(&m->vcpus_changed);
    clock_init(&m->clock_virtual, CLOCK_KIND_VIRTUAL);
    clock_init(&m->clock_real, CLOCK_KIND_REAL);
    clock_init(&m->clock_host, CLOCK_KIND_HOST);
    event_hub_init(&m->events);
    machine_init_memory(m);
    m->ram_blocks = g_ptr_array_new_with_free_func(free_ram);
    m->vcpus = g_ptr_array_new();
    m->numa = g_array_new(FALSE, TRUE, sizeof(struct numa_node));
    m->roots = g_ptr_array_new();
    m->buses = g_ptr_array_new();
    m->globals = g_ptr_array_new_with_free_func(free_global);
    m->smbios_options = g_ptr_array_new_with_free_func(g_free);
    m->acpi_options = g_ptr_array_new_with_free_func(g_free);
    m->fw_cfg_options = g_ptr_array_new_with_free_func(g_free);
    m->smp = (struct smp_config){1, 1, 1, 1, 1, 1};
    m->boot.splash_time_ms = m->boot.reboot_timeout_ms = -1;
    m->run_state = RUN_PRELAUNCH;
    m->rtc_clock = CLOCK_KIND_HOST;
    m->dump_guest_core = m->mem_merge = true;
    object_init(&m->obj, type->name, m);
    m->obj.name = g_strdup("machine");
    object_add_props(&m->obj, type->props);
    m->peripheral = object_new_container(&m->obj, "peripheral");
    m->peripheral_anon = object_new_container(&m->obj, "peripheral-anon");
    m->unattached = object_new_container(&m->obj, "unattached");
    m->objects = object_new_container(&m->obj, "objects");
    return m;
}

static void free_numa(struct machine *m)
{
    for (guint i = 0; i < m->numa->len; i++) {
        g_array_unref(g_array_index(m->numa, struct numa_node, i).cpus);
    }
    g_array_unref(m->numa);
}

static void free_texts(char **texts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        g_free(texts[i]);
    }
}

static void free_boot(struct boot_config *b)
{
    g_free(b->splash);
    g_free(b->kernel);
    g_free(b->initrd);
    g_free(b->append);
    g_free(b->dtb);
    g_free(b->firmware);
}

void machine_release_devices(struct machine *m)
{
    while (m->roots->len) {
        device_free(g_ptr_array_index(m->roots, m->roots->len - 1));
    }
    while (m->buses->len) {
        bus_fini(g_ptr_array_index(m->buses, m->buses->len - 1));
    }
}

void machine_free(struct machine *m)
{
    if (!m) {
        return;
    }
    machine_release_devices(m);
    if (m->type->fini) {
        m->type->fini(m);
    }
    object_free(&m->obj);
    machine_ui_free(m);
    address_space_fini(&m->memory);
    address_space_fini(&m->io);
    region_fini(&m->memory_root);
    region_fini(&m->io_root);
    g_ptr_array_unref(m->ram_blocks);
    machine_info_free(m);
    g_ptr_array_unref(m->vcpus);
    g_ptr_array_unref(m->roots);
    g_ptr_array_unref(m->buses);
    g_ptr_array_unref(m->globals);
    g_ptr_array_unref(m->smbios_options);
    g_ptr_array_unref(m->acpi_options);
    g_ptr_array_unref(m->fw_cfg_options);
    g_clear_pointer(&m->firmware_dirs, g_ptr_array_unref);
    g_clear_pointer(&m->rom_blobs, g_ptr_array_unref);
    g_clear_pointer(&m->boot_entries, g_ptr_array_unref);
    g_slist_free_full(m->reset_handlers, g_free);
    for (unsigned i = 0; i < ARRAY_SIZE(m->notifiers); i++) {
        g_slist_free_full(m->notifiers[i], g_free);
    }
    free_numa(m);
    free_boot(&m->boot);
    free_texts(m->serial_chardevs, ARRAY_SIZE(m->serial_chardevs));
    free_texts(m->parallel_chardevs, ARRAY_SIZE(m->parallel_chardevs));
    g_free(m->name);
    g_free(m->cpu_model);
    g_free(m->ram_backend_id);
    event_hub_fini(&m->events);
    clock_fini(&m->clock_virtual);
    clock_fini(&m->clock_real);
    clock_fini(&m->clock_host);
    g_cond_clear(&m->vcpus_changed);
    lock_fini(&m->lock);
    g_free(m);
}

static void add_callback(GSList **list, void (*fn)(void *opaque), void *opaque)
{
    struct callback *c = g_new(struct callback, 1);

    *c = (struct callback){fn, opaque};
    *list = g_slist_append(*list, c);
}

static void remove_callback(GSList **list, void (*fn)(void *opaque), void *opaque)
{
    for (GSList *l = *list; l; l = l->next) {
        struct callback *c = l->data;

        if (c->fn == fn && c->opaque == opaque) {
            g_free(c);
            *list = g_slist_delete_link(*list, l);
            return;
        }
    }
}

static void run_callbacks(GSList *list)
{
    for (GSList *next, *l = list; l; l = next) {
        struct callback *c = l->data;

        next = l->next; /* a callback may take itself off */
        c->fn(c->opaque);
    }
}

void machine_add_reset(struct machine *m, void (*reset)(void *opaque), void *opaque)
{
    add_callback(&m->reset_handlers, reset, opaque);
}

void machine_remove_reset(struct machine *m, void (*reset)(void *opaque), void *opaque)
{
    remove_callback(&m->reset_handlers, reset, opaque);
}

void machine_reset(struct machine *m)
{
    address_space_begin(&m->memory);
    address_space_begin(&m->io);
    for (guint i = 0; i < m->roots->len; i++) {
        device_reset(g_ptr_array_index(m->roots, i));
    }
    for (guint i = 0; i < m->buses->len; i++) { /* the board's own buses have no parent device */
        struct bus *bus = g_ptr_array_index(m->buses, i);

        for (guint j = 0; !bus->parent && j < bus->devices->len; j++) {
            device_reset(g_ptr_array_index(bus->devices, j));
        }
    }
    address_space_commit(&m->io);
    address_space_commit(&m->memory);
    run_callbacks(m->reset_handlers);
    m->resets++;
}

void machine_on(struct machine *m, enum machine_notice notice, void (*fn)(void *opaque),
                void *opaque)
{
    add_callback(&m->notifiers[notice], fn, opaque);
}

void machine_off(struct machine *m, enum machine_notice notice, void (*fn)(void *opaque),
                 void *opaque)
{
    remove_callback(&m->notifiers[notice], fn, opaque);
}

void machine_notify(struct machine *m, enum machine_notice notice)
{
    run_callbacks(m->notifiers[notice]);
}

void machine_settle(struct machine *m)
{
    if (m->blocks) {
        blocks_settle(m->blocks);
    }
}

void machine_request_reset(struct machine *m, enum machine_cause cause)
{
    if (m->life) {
        m->life->request_reset(m, cause);
    }
}

void machine_request_shutdown(struct machine *m, enum machine_cause cause)
{
    if (m->life) {
        m->life->request_shutdown(m, cause);
    }
}

void machine_request_exit(struct machine *m, int status)
{
    if (m->life) {
        m->life->request_exit(m, status);
    }
}

void machine_request_suspend(struct machine *m)
{
    if (m->life) {
        m->life->request_suspend(m);
    }
}

void machine_request_wakeup(struct machine *m)
{
    if (m->life) {
        m->life->request_wakeup(m);
    }
}

void machine_request_stop(struct machine *m, enum run_state state)
{
    if (m->life) {
        m->life->request_stop(m, state);
    }
}

void machine_guest_panicked(struct machine *m, enum panic_action action)
{
    if (m->life) {
        m->life->panicked(m, action);
    }
}

void machine_add_ram(struct machine *m, struct ram_block *b)
{
    g_ptr_array_add(m->ram_blocks, b);
}
