/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port 0x92, for the board that makes one ("port92") and connects its A20 output.
 */
#ifndef VITRO_HW_MISC_PORT92_H
#define VITRO_HW_MISC_PORT92_H

#include "hw/core/device.h"

/*
 * The line is high while A20 passes. It is set when the guest writes the port, and at reset, where
 * A20 passes. The keyboard controller has such a line too: the one written last decides.
 */
void port92_connect_a20(struct device *dev, struct irq *line);

#endif
