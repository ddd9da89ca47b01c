/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SMBus host controller in the PIIX4's power management function.
 */
#ifndef VITRO_HW_I386_PIIX4_SMBUS_H
#define VITRO_HW_I386_PIIX4_SMBUS_H

#include "hw/core/device.h"

struct piix4_smbus {
    struct region region; /* map this */
    struct device *dev;
    struct irq *irq;
    uint8_t status, control, command, address, data0, data1;
    uint8_t slave_control, shadow_command;
    uint16_t slave_event, slave_data;
    uint8_t block[32];
    uint8_t block_pos;
};

/* Part of @dev, whose struct it is embedded in. */
void piix4_smbus_init(struct piix4_smbus *s, struct device *dev, struct irq *irq);
void piix4_smbus_fini(struct piix4_smbus *s);
void piix4_smbus_reset(struct piix4_smbus *s);
/* Whether it asks for an interrupt. */
bool piix4_smbus_level(const struct piix4_smbus *s);

extern const struct state_table piix4_smbus_state;

#endif
