/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC speaker and what else lives in port 0x61.
 *
 * Locking: machine lock.
 */
#ifndef VITRO_HW_AUDIO_PCSPK_H
#define VITRO_HW_AUDIO_PCSPK_H

#include "hw/timer/i8254.h"

/* Makes it on @bus; timer channel 2 of @pit is its tone. */
struct device *pcspk_create(struct isa_bus *bus, struct i8254 *pit, GError **error);

#endif
