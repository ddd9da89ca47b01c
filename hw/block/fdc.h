/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floppy controller, for the board that makes one ("isa-fdc").
 */
#ifndef VITRO_HW_BLOCK_FDC_H
#define VITRO_HW_BLOCK_FDC_H

#include "hw/core/device.h"

/* What CMOS byte 0x10 says of drive @unit (0 or 1): 0 none, 2 1.2M, 4 1.44M, 5 2.88M. */
uint8_t fdc_cmos_type(struct device *dev, unsigned unit);

#endif
