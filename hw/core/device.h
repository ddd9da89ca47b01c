/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices and buses.
 *
 * A device type is static data. Its struct begins with the bus's device struct (struct isa_device,
 * struct pci_device), which begins with struct device. Life cycle:
 *
 *   device_new()      allocated, properties at their defaults (and -global's)
 *   device_set()      properties changed by the user or the board
 *   device_realize()  plugged into its bus, bus and type realize() run, reset
 *   device_unplug()   unrealize(), off the bus, out of the tree, freed
 *
 * Locking: machine lock, as for everything a device's functions do unless a region says otherwise.
 */
#ifndef VITRO_HW_CORE_DEVICE_H
#define VITRO_HW_CORE_DEVICE_H

#include "hw/core/irq.h"
#include "hw/core/object.h"
#include "memory/memory.h"
#include "migration/state.h"
#include "util/linker_set.h"
#include "util/log.h"

struct machine;
struct device;
struct bus;

/* What a kind of bus does with the devices on it. Static data. */
struct bus_type {
    const char *name; /* "PCI", "ISA" as info qtree and -device help show it */
    /* Properties that every device on the bus has; offsets from the device struct. May be NULL. */
    const struct property *device_props;
    /* State that every device on the bus has, from the device struct. May be NULL. */
    const struct state_table *device_state;
    /* Before the type's realize: check and take the address. May be NULL. */
    bool (*plug)(struct bus *bus, struct device *dev, GError **error);
    /* After the type's realize: what needs its result. May be NULL. */
    bool (*realized)(struct bus *bus, struct device *dev, GError **error);
    /* Takes a realized device out of the guest's sight. The machine lock is then free for a moment
     * so that accesses under way can end, before the type's unrealize. May be NULL. */
    void (*hide)(struct bus *bus, struct device *dev);
    /* After the type's unrealize, also after a failed realize; undoes plug. May be NULL. */
    void (*unplug)(struct bus *bus, struct device *dev);
    /* Before the type's reset. May be NULL. */
    void (*reset)(struct bus *bus, struct device *dev);
    /* An unplug asked for at run time: NULL means at once; otherwise the bus asks the guest. */
    bool (*request_unplug)(struct bus *bus, struct device *dev, GError **error);
    /* The device's component of an Open Firmware path, as firmware's boot order names it:
     * "drive@0/disk@0"; free with g_free(). NULL: devices here have none. */
    char *(*fw_path)(struct bus *bus, struct device *dev);
    /* "addr 04.0" and the like for info qtree; free with g_free(). May be NULL. */
    char *(*describe)(struct bus *bus, struct device *dev);
};

enum device_category {
    DEVICE_MISC,
    DEVICE_BRIDGE,
    DEVICE_USB,
    DEVICE_STORAGE,
    DEVICE_NETWORK,
    DEVICE_INPUT,
    DEVICE_DISPLAY,
    DEVICE_SOUND,
    DEVICE_CPU,
};

enum device_type_flags {
    DEVICE_INTERNAL = 1 << 0,   /* part of a board; not for -device */
    DEVICE_NO_HOTPLUG = 1 << 1, /* only before the machine starts */
};

struct device_type {
    const char *name;
    const char *alias; /* another accepted name; NULL when none */
    const char *description;
    enum device_category category;
    enum device_type_flags flags;
    const struct bus_type *bus;      /* it plugs into; NULL: none */
    const void *bus_info;            /* what the bus type wants to know (struct pci_info) */
    size_t size;                     /* of the device's struct */
    const struct property *props;    /* may be NULL */
    const struct state_table *state; /* never NULL: &state_none when there is none */
    bool (*realize)(struct device *dev, GError **error);
    void (*unrealize)(struct device *dev); /* may be NULL. Also undoes a half-done realize */
    void (*reset)(struct device *dev);     /* power-on state; may be NULL */
};

#define DEVICE_TYPE(sym) LINKER_SET_ENTRY(devices, struct device_type, sym)

struct device {
    struct object obj;
    const struct device_type *type;
    struct machine *machine;
    struct bus *bus; /* the one it is plugged into */
    char *id;        /* the user's; NULL when none */
    bool realized;
    bool hotplugged;     /* added while the machine ran */
    bool pending_unplug; /* the guest was asked to let go of it */
    bool hotplug_notice; /* someone waits for DEVICE_DELETED */
    GPtrArray *buses;    /* struct bus, the ones it provides */
    struct irq *irqs_in; /* interrupt inputs, for those who look at lines; NULL: none */
    unsigned irqs_in_count;
    struct io_guard guard; /* for its regions and its DMA */
    GPtrArray *reg_banks;  /* struct reg_bank, see hw/core/reg.h */
};

struct bus {
    struct object obj;
    const struct bus_type *type;
    struct machine *machine;
    struct device *parent; /* NULL for the machine's own */
    GPtrArray *devices;    /* in the order they were plugged */
    bool full;             /* looked over when a bus is chosen for a device */
    bool hotplug;          /* takes devices while the machine runs */
};

/* NULL with an error that names the nearest type. */
const struct device_type *device_type_find(const char *name, GError **error);
/* All of them sorted by name; free with g_ptr_array_unref(). */
GPtrArray *device_types_sorted(void);

/* An unrealized device of @type_name, in no tree yet. NULL on error. */
struct device *device_new(struct machine *m, const char *type_name, GError **error);

/* Sets the id, unique in the machine; the device goes to /machine/peripheral. */
bool device_set_id(struct device *dev, const char *id, GError **error);

bool device_set(struct device *dev, const char *prop, const char *value, GError **error);
/* For boards: the property must exist and the value fit; both are ours. */
void device_set_or_die(struct device *dev, const char *prop, const char *value);

/* Plugs into @bus (NULL when the type has no bus) and realizes. On failure the device is as before
 * and still the caller's. On success the machine owns it. */
bool device_realize(struct device *dev, struct bus *bus, GError **error);

/* Takes a realized device out and frees it, or frees one that never was. NULL is fine. */
void device_free(struct device *dev);

/* What device_del does: asks the bus, at once or by the guest. */
bool device_request_unplug(struct device *dev, GError **error);

/* By id, or by path when it starts with "/". NULL when none. */
struct device *device_find(struct machine *m, const char *id_or_path);

/* Resets @dev and, first, all on its buses. */
void device_reset(struct device *dev);

/* Embedded in @parent's struct; @name is unique in the machine ("pci.0"). @parent NULL: the
 * machine's. */
void bus_init(struct bus *bus, const struct bus_type *type, struct machine *m,
              struct device *parent, const char *name);
void bus_fini(struct bus *bus);

/* The bus named @name, or with NULL the first of @type that is not full. */
struct bus *bus_find(struct machine *m, const struct bus_type *type, const char *name,
                     GError **error);

/* The guest did something with @dev that hardware does not define: logged under guest_errors. */
void guest_error(struct device *dev, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The guest asked for something real that @dev does not do: logged under unimp. */
void guest_unimp(struct device *dev, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* DMA by @dev, guarded against reaching its own registers. @as: the device's view of memory. */
enum mem_result device_dma_read(struct device *dev, struct address_space *as, uint64_t gpa,
                                void *buf, uint64_t len);
enum mem_result device_dma_write(struct device *dev, struct address_space *as, uint64_t gpa,
                                 const void *buf, uint64_t len);

#endif
