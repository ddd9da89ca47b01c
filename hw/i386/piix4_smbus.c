/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SMBus host controller in the PIIX4's power management function.
 *
 * Intel 82371AB data sheet, section 7.3. There are no devices on the bus (memory modules have no
 * SPD EEPROMs): every transaction ends at once with "device error", as on a bus where nobody
 * acknowledges the address.
 *
 * Absent: the slave side (its registers are stored).
 */
#include "hw/i386/piix4_smbus.h"

#include <string.h>

enum {
    STS_INTERRUPT = 1 << 1,
    STS_DEVICE_ERROR = 1 << 2,
    STS_COLLISION = 1 << 3,
    STS_FAILED = 1 << 4,
    STS_CLEARABLE = STS_INTERRUPT | STS_DEVICE_ERROR | STS_COLLISION | STS_FAILED,
    CONTROL_INTERRUPT = 1 << 0,
    CONTROL_KILL = 1 << 1,
    CONTROL_START = 1 << 6,
    SIZE = 0x10,
};

bool piix4_smbus_level(const struct piix4_smbus *s)
{
    return (s->control & CONTROL_INTERRUPT) && (s->status & STS_CLEARABLE);
}

static void update_irq(struct piix4_smbus *s)
{
    irq_set(s->irq, piix4_smbus_level(s));
}

static void control_write(struct piix4_smbus *s, uint8_t val)
{
    s->control = val & (uint8_t)~CONTROL_START;
    if (val & CONTROL_KILL) {
        s->status |= STS_FAILED;
    } else if (val & CONTROL_START) {
        s->status |= STS_DEVICE_ERROR;
    }
    update_irq(s);
}

static uint8_t *simple_reg(struct piix4_smbus *s, uint64_t offset)
{
    switch (offset) {
    case 3:
        return &s->command;
    case 4:
        return &s->address;
    case 5:
        return &s->data0;
    case 6:
        return &s->data1;
    case 8:
        return &s->slave_control;
    case 9:
        return &s->shadow_command;
    default:
        return NULL;
    }
}

static uint64_t smbus_read(void *opaque, uint64_t offset, unsigned size)
{
    struct piix4_smbus *s = opaque;
    uint8_t *reg = simple_reg(s, offset);

    (void)size;
    if (reg) {
        return *reg;
    }
    switch (offset) {
    case 0:
        return s->status;
    case 2:
        s->block_pos = 0; /* 7.3.3: reading the control register rewinds the block buffer */
        return s->control;
    case 7:
        return s->block[s->block_pos++ % sizeof(s->block)];
    case 10:
    case 11:
        return s->slave_event >> 8 * (offset - 10) & 0xff;
    case 12:
    case 13:
        return s->slave_data >> 8 * (offset - 12) & 0xff;
    default:
        return 0;
    }
}

static void smbus_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct piix4_smbus *s = opaque;
    uint8_t *reg = simple_reg(s, offset);

    (void)size;
    if (reg) {
        *reg = (uint8_t)val;
        return;
    }
    switch (offset) {
    case 0:
        s->status &= (uint8_t) ~(val & STS_CLEARABLE);
        update_irq(s);
        break;
    case 2:
        control_write(s, (uint8_t)val);
        break;
    case 7:
        s->block[s->block_pos++ % sizeof(s->block)] = (uint8_t)val;
        break;
    case 10:
    case 11:
        s->slave_event = (uint16_t)bits_set(s->slave_event, 8 * (unsigned)(offset - 10), 8, val);
        break;
    default:
        guest_error(s->dev, "write to SMBus register %u", (unsigned)offset);
        break;
    }
}

static const struct region_ops smbus_ops = {
    .read = smbus_read,
    .write = smbus_write,
    .max_size = 1,
};

static const struct state_field smbus_fields[] = {
    STATE_U8(struct piix4_smbus, status),
    STATE_U8(struct piix4_smbus, control),
    STATE_U8(struct piix4_smbus, command),
    STATE_U8(struct piix4_smbus, address),
    STATE_U8(struct piix4_smbus, data0),
    STATE_U8(struct piix4_smbus, data1),
    STATE_U8(struct piix4_smbus, slave_control),
    STATE_U8(struct piix4_smbus, shadow_command),
    STATE_U16(struct piix4_smbus, slave_event),
    STATE_U16(struct piix4_smbus, slave_data),
    STATE_ARRAY(struct piix4_smbus, block),
    STATE_U8(struct piix4_smbus, block_pos),
    {0},
};

const struct state_table piix4_smbus_state = {
    .name = "piix4_smbus",
    .version = 1,
    .fields = smbus_fields,
};

void piix4_smbus_init(struct piix4_smbus *s, struct device *dev, struct irq *irq)
{
    s->dev = dev;
    s->irq = irq;
    region_init_io(&s->region, &smbus_ops, s, "piix4-smbus", SIZE);
    s->region.guard = &dev->guard;
}

void piix4_smbus_fini(struct piix4_smbus *s)
{
    region_fini(&s->region);
}

void piix4_smbus_reset(struct piix4_smbus *s)
{
    s->status = s->control = s->command = s->address = s->data0 = s->data1 = 0;
    s->slave_control = s->shadow_command = 0;
    s->slave_event = s->slave_data = 0;
    memset(s->block, 0, sizeof(s->block));
    s->block_pos = 0;
}
