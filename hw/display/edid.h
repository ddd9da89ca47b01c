/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EDID: what a monitor tells about itself.
 */
#ifndef VITRO_HW_DISPLAY_EDID_H
#define VITRO_HW_DISPLAY_EDID_H

#include "util/common.h"

#define EDID_SIZE 128

/* A monitor that likes @width by @height at 60 Hz best; both are cut to what the format holds. */
void edid_make(uint8_t edid[EDID_SIZE], unsigned width, unsigned height, const char *name);

#endif
