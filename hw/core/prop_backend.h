/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties that name a back-end: chardev=ID and drive=ID.
 *
 *     PROP_CHARDEV(struct foo, chr, "chardev"),      field: struct char_frontend
 *     PROP_DRIVE(struct foo, drive, "drive"),        field: struct drive *
 *
 * Setting the property only resolves the name. realize() connects: it fills the front-end's
 * functions and calls backend_connect(), or calls backend_attach_drive(); unrealize() undoes that
 * with backend_disconnect() or backend_detach_drive(). A property that was never set leaves
 * the front-end unconnected and the drive NULL; both connecting functions accept that.
 */
#ifndef VITRO_HW_CORE_PROP_BACKEND_H
#define VITRO_HW_CORE_PROP_BACKEND_H

#include "block/block.h"
#include "chardev/chardev.h"
#include "hw/core/property.h"

extern const struct prop_type prop_type_chardev, prop_type_drive;

#define PROP_CHARDEV(S, f, n)                                                                      \
    PROP_ROW(S, f, struct char_frontend, n, prop_type_chardev, .help = "id of a character device")
#define PROP_DRIVE(S, f, n)                                                                        \
    PROP_ROW(S, f, struct drive *, n, prop_type_drive, .help = "id of a drive")

/*
 * Connects @fe, whose functions and (non-NULL) opaque are set, to the back-end its property named.
 * True when none was named.
 */
bool backend_connect(struct char_frontend *fe, GError **error);
/* Undoes it; also for a front-end that was only named, or not even that. */
void backend_disconnect(struct char_frontend *fe);

/*
 * @device takes @d for itself: at most one device uses a drive. @changed is called with @device
 * when a person changes the medium; it may be NULL. True when @d is NULL.
 */
bool backend_attach_drive(struct drive *d, void *device, void (*changed)(void *device, bool loaded),
                          GError **error);
/* NULL, and a drive that somebody else has, are fine. */
void backend_detach_drive(struct drive *d, void *device);

#endif
