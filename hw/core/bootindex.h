/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which firmware tries devices: bootindex=.
 *
 * A bootable device has a property bootindex (int32, -1: none) and calls bootindex_add() in
 * realize(), bootindex_remove() in unrealize(). The board turns the list into the firmware's
 * "bootorder" file, with Open Firmware paths, at each reset.
 */
#ifndef VITRO_HW_CORE_BOOTINDEX_H
#define VITRO_HW_CORE_BOOTINDEX_H

#include "hw/core/machine.h"

struct boot_entry {
    int32_t index;
    struct device *dev; /* NULL: suffix is the whole path */
    char *suffix;       /* behind the device's own path: "/drive@0/disk@0"; may be NULL */
};

/* A negative @index does nothing. Fails when another device has the same one. */
bool bootindex_add(struct machine *m, int32_t index, struct device *dev, const char *suffix,
                   GError **error);
void bootindex_remove(struct machine *m, struct device *dev);

/* By index; never NULL. The array is the machine's. */
const GPtrArray *bootindex_list(struct machine *m);

#endif
