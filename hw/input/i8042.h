/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyboard controller, for the board that makes one ("i8042") and connects its A20 output.
 */
#ifndef VITRO_HW_INPUT_I8042_H
#define VITRO_HW_INPUT_I8042_H

#include "hw/core/device.h"

/*
 * The line is high while A20 passes. It is set when the guest writes the output port, and at reset,
 * where A20 passes. Port 0x92 has such a line too: the one written last decides.
 */
void i8042_connect_a20(struct device *dev, struct irq *line);

#endif
