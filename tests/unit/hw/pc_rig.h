/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of whole machines: a PC in this process, built as the program builds it, whose CPUs do
 * not run and whose time is driven by hand.
 *
 * The machine lock is held from pc_rig_begin() to pc_rig_fini(), as around a device's functions.
 * Requests to reset or end go nowhere: there is no life cycle.
 */
#ifndef VITRO_TESTS_UNIT_HW_PC_RIG_H
#define VITRO_TESTS_UNIT_HW_PC_RIG_H

#include "block/block.h"
#include "chardev/chardev.h"
#include "hw/core/machine.h"
#include "hw/pci/pci.h"
#include "system/cmdline.h"
#include "system/setup.h"
#include "util/rcu.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define PC_RIG_ROM_BYTES (64 * KiB)

struct pc_rig {
    struct config *config;
    struct machine *m;
    GMainContext *context;
    char *rom;
};

/* A file of @len bytes; unlink and free the path. */
static inline char *pc_rig_file(uint8_t fill, size_t len)
{
    g_autofree char *bytes = g_malloc(len);
    char *path = NULL;
    GError *error = NULL;
    int fd = g_file_open_tmp("vitro-rig-XXXXXX", &path, &error);

    g_assert_no_error(error);
    close(fd);
    memset(bytes, fill, len);
    g_file_set_contents(path, bytes, (gssize)len, &error);
    g_assert_no_error(error);
    return path;
}

static inline void pc_rig_check(bool ok, GError **error)
{
    if (!ok) {
        g_error("the machine cannot be built: %s", *error ? (*error)->message : "no reason given");
    }
}

static inline void pc_rig_parse(struct pc_rig *r, const char *options)
{
    g_autofree char *line = g_strdup_printf(
        "-accel qtest -nodefaults -display none -m 16 -rtc clock=vm -bios %s %s", r->rom, options);
    g_auto(GStrv) argv = NULL;
    GError *error = NULL;
    int argc;

    pc_rig_check(g_shell_parse_argv(line, &argc, &argv, &error), &error);
    pc_rig_check(cmdline_parse(r->config, argc, argv, &error) == CMDLINE_OK, &error);
}

/* Up to the point where -device's come. */
static inline void pc_rig_begin(struct pc_rig *r, const char *options)
{
    GError *error = NULL;
    bool leave;

    r->rom = pc_rig_file(0xf4, PC_RIG_ROM_BYTES);
    r->context = g_main_context_new();
    r->config = config_new();
    pc_rig_parse(r, options);
    r->m = setup_new_machine(r->config, &leave, &error);
    pc_rig_check(r->m != NULL, &error);
    lock_acquire(&r->m->lock);
    clock_set_manual(&r->m->clock_virtual);
    clock_start(&r->m->clock_virtual);
    pc_rig_check(setup_basics(r->m, r->config, &error) && setup_accel(r->m, r->config, &error) &&
                     setup_objects(r->m, r->config, &error) &&
                     setup_memory(r->m, r->config, &error) &&
                     setup_backends(r->m, r->config, r->context, &error),
                 &error);
    r->m->building = true;
    address_space_begin(&r->m->memory);
    address_space_begin(&r->m->io);
    pc_rig_check(r->m->type->init(r->m, &error), &error);
    r->m->building = false;
}

/* The rest: the machine has been reset once and stands still. */
static inline void pc_rig_ready(struct pc_rig *r)
{
    GError *error = NULL;

    pc_rig_check(setup_devices(r->m, r->config, &error) &&
                     (!r->m->type->ready || r->m->type->ready(r->m, &error)),
                 &error);
    address_space_commit(&r->m->io);
    address_space_commit(&r->m->memory);
    r->m->started = true;
    machine_reset(r->m);
}

static inline void pc_rig_init(struct pc_rig *r, const char *options)
{
    pc_rig_begin(r, options);
    pc_rig_ready(r);
}

/* Lets what is in flight to images and peers come to an end. */
static inline void pc_rig_settle(struct pc_rig *r)
{
    blocks_drain(r->m->blocks);
    while (g_main_context_iteration(r->context, /* may_block= */ FALSE)) {
    }
}

static inline void pc_rig_step(struct pc_rig *r, int64_t ns)
{
    clock_step_to(&r->m->clock_virtual, clock_now_ns(&r->m->clock_virtual) + ns);
}

static inline void pc_rig_fini(struct pc_rig *r)
{
    struct machine *m = r->m;
    struct blocks *blocks = m->blocks;
    struct chardevs *chardevs = m->chardevs;
    struct accel *accel = m->accel;

    lock_release(&m->lock); /* a CPU's thread may want it on its way out */
    for (guint i = 0; i < m->vcpus->len; i++) {
        vcpu_join(g_ptr_array_index(m->vcpus, i));
    }
    lock_acquire(&m->lock);
    pc_rig_settle(r);
    machine_release_devices(m);
    blocks_free(blocks);
    chardevs_free(chardevs);
    accel_free(accel);
    lock_release(&m->lock);
    rcu_drain();
    machine_free(m);
    config_free(r->config);
    g_main_context_unref(r->context);
    g_unlink(r->rom);
    g_free(r->rom);
}

/* Adds @obj, when it is a device, and all devices below it to @found. */
static inline void pc_rig_find_devices(struct machine *m, struct object *obj, GPtrArray *found)
{
    g_autofree char *path = object_path(obj);
    struct device *dev = device_find(m, path);

    if (dev) {
        g_ptr_array_add(found, dev);
    }
    for (guint i = 0; obj->children && i < obj->children->len; i++) {
        pc_rig_find_devices(m, g_ptr_array_index(obj->children, i), found);
    }
}

/* All devices of the machine, board's and user's; the same order for machines built alike. */
static inline GPtrArray *pc_rig_devices(struct pc_rig *r)
{
    GPtrArray *found = g_ptr_array_new();

    pc_rig_find_devices(r->m, &r->m->obj, found);
    return found;
}

/* Adds the I/O regions at and below @region to @found, each once. */
static inline void pc_rig_find_regions(struct region *region, GPtrArray *found)
{
    if (region->kind == REGION_IO && !g_ptr_array_find(found, region, NULL)) {
        g_ptr_array_add(found, region);
    }
    for (guint i = 0; region->children && i < region->children->len; i++) {
        pc_rig_find_regions(g_ptr_array_index(region->children, i), found);
    }
}

/* All I/O regions: those that are mapped or could be, and those behind PCI devices' BARs. */
static inline GPtrArray *pc_rig_regions(struct pc_rig *r)
{
    g_autoptr(GPtrArray) devices = pc_rig_devices(r);
    GPtrArray *found = g_ptr_array_new();

    pc_rig_find_regions(&r->m->io_root, found);
    pc_rig_find_regions(&r->m->memory_root, found);
    for (guint i = 0; i < devices->len; i++) {
        struct device *dev = g_ptr_array_index(devices, i);

        if (dev->type->bus != BUS_PCI) {
            continue;
        }
        for (unsigned bar = 0; bar < PCI_BARS; bar++) {
            struct region *region = pci_from_dev(dev)->bars[bar].region;

            if (region) {
                pc_rig_find_regions(region, found);
            }
        }
    }
    return found;
}

#endif
