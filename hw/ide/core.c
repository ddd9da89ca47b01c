/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IDE channels: registers, selection, interrupts, data transfer, reset.
 *
 * AT Attachment with Packet Interface - 6 (INCITS 361), clauses 7 (registers) and 9 (protocols).
 * Each unit has registers of its own; writes to the command block reach both, reads come from the
 * selected one. Where nobody is: a channel without units floats, with data bit 7 pulled down
 * (0x7f: not busy, nothing there); unit 1 missing beside unit 0 gives status 0 (clause 9.16.1), and
 * beside a CD drive all registers are 0.
 *
 * A unit whose host request is in flight when a reset comes stays busy until it has ended, as a
 * drive may for 31 seconds.
 */
#include "hw/ide/device.h"

#include <string.h>

enum {
    REG_ERROR = 1, /* features when written */
    REG_NSECTOR,
    REG_LBA_LOW,
    REG_LBA_MID,
    REG_LBA_HIGH,
    REG_DEVICE,
    REG_STATUS, /* command when written */
};

enum {
    CMD_DIAGNOSTIC = 0x90,
    FLOATING = 0x7f,
    DEVICE_ONES = 0xa0, /* obsolete bits that read as one */
};

static struct ide_device *selected(struct ide_channel *ch)
{
    return ch->units[ch->select];
}

static bool is_busy(const struct ide_device *d)
{
    return d->status & (STATUS_BSY | STATUS_DRQ);
}

/* ---- interrupts ---- */

void ide_update_irq(struct ide_channel *ch)
{
    struct ide_device *d = selected(ch);
    bool level = d && d->intrq && !(ch->control & CONTROL_NIEN);

    if (level == ch->irq_level) {
        return;
    }
    ch->irq_level = level;
    irq_set(ch->irq, level);
    if (level && ch->ops) {
        ch->ops->interrupt(ch->host);
    }
}

static void set_intrq(struct ide_device *d, bool on)
{
    d->intrq = on;
    ide_update_irq(d->channel);
}

void ide_raise(struct ide_device *d)
{
    set_intrq(d, true);
}

/* ---- ends of commands ---- */

void ide_end(struct ide_device *d, bool irq)
{
    struct ide_channel *ch = d->channel;

    d->phase = PHASE_IDLE;
    d->status = STATUS_READY;
    d->error = 0;
    if (irq) {
        ide_raise(d);
    }
    if (d->dma && ch->ops) {
        d->dma = false;
        ch->ops->dma_ended(ch->host);
    }
}

void ide_end_error(struct ide_device *d, uint8_t error)
{
    ide_end(d, /* irq= */ false);
    d->error = error;
    d->status |= STATUS_ERR;
    ide_raise(d);
}

void ide_abort(struct ide_device *d)
{
    ide_end_error(d, ERROR_ABRT);
}

/* ---- data ---- */

static void start_block(struct ide_device *d, bool irq)
{
    d->block_end = MIN(d->buf_pos + d->block_size, d->buf_len);
    d->status = STATUS_READY | STATUS_DRQ;
    if (d->kind->block_starts) {
        d->kind->block_starts(d);
    }
    if (irq) {
        ide_raise(d);
    }
}

/* A DRQ block has moved. */
static void end_block(struct ide_device *d)
{
    if (d->buf_pos < d->buf_len) {
        start_block(d, /* irq= */ true);
        return;
    }
    d->phase = PHASE_IDLE;
    d->status = STATUS_READY;
    d->kind->data_done(d);
}

static void try_dma(struct ide_device *d)
{
    struct ide_channel *ch = d->channel;

    if (!ch->dma_running) {
        return;
    }
    d->buf_pos += (uint32_t)ch->ops->transfer(ch->host, d->buf + d->buf_pos,
                                              d->buf_len - d->buf_pos, d->to_guest);
    if (d->buf_pos == d->buf_len) {
        d->phase = PHASE_IDLE;
        d->kind->data_done(d);
    }
}

static void start_data(struct ide_device *d, bool to_guest, bool irq)
{
    g_assert(d->buf_len > 0 && d->buf_len <= IDE_BUF_BYTES);
    d->buf_pos = 0;
    d->to_guest = to_guest;
    if (d->dma) {
        d->phase = PHASE_DMA;
        d->status = STATUS_READY | STATUS_DRQ;
        try_dma(d);
        return;
    }
    g_assert(d->block_size > 0);
    d->phase = to_guest ? PHASE_PIO_IN : PHASE_PIO_OUT;
    start_block(d, irq);
}

void ide_data_in(struct ide_device *d)
{
    start_data(d, /* to_guest= */ true, /* irq= */ true);
}

void ide_data_out(struct ide_device *d, bool irq)
{
    start_data(d, /* to_guest= */ false, irq);
}

uint32_t ide_data_read(struct ide_channel *ch, unsigned size)
{
    struct ide_device *d = selected(ch);
    uint32_t val = 0;

    if (!d || d->phase != PHASE_PIO_IN) {
        return d ? 0 : 0xffffff7f & (uint32_t)size_mask(size);
    }
    for (unsigned i = 0; i < size && d->buf_pos < d->block_end; i++) {
        val |= (uint32_t)d->buf[d->buf_pos++] << (8 * i);
    }
    if (d->buf_pos == d->block_end) {
        end_block(d);
    }
    return val;
}

void ide_data_write(struct ide_channel *ch, uint32_t val, unsigned size)
{
    struct ide_device *d = selected(ch);

    if (!d || d->phase != PHASE_PIO_OUT) {
        return;
    }
    for (unsigned i = 0; i < size && d->buf_pos < d->block_end; i++) {
        d->buf[d->buf_pos++] = (uint8_t)(val >> (8 * i));
    }
    if (d->buf_pos == d->block_end) {
        end_block(d);
    }
}

void ide_dma_start(struct ide_channel *ch)
{
    ch->dma_running = true;
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        if (ch->units[i] && ch->units[i]->phase == PHASE_DMA) {
            try_dma(ch->units[i]);
        }
    }
}

void ide_dma_stop(struct ide_channel *ch)
{
    ch->dma_running = false;
}

/* ---- reset ---- */

/* Clause 9.12: what software finds after a reset. */
void ide_set_signature(struct ide_device *d)
{
    d->nsector = d->lba_low = 1;
    d->lba_mid = d->kind->signature_mid;
    d->lba_high = d->kind->signature_high;
    d->hob_nsector = d->hob_low = d->hob_mid = d->hob_high = d->hob_feature = 0;
    d->device = 0;
}

void ide_begin_reset(struct ide_device *d)
{
    ide_host_cancel(d);
    d->phase = PHASE_RESETTING;
    d->status = STATUS_BSY;
    d->dma = false;
    d->power = POWER_ACTIVE;
    set_intrq(d, false);
}

void ide_try_end_reset(struct ide_device *d)
{
    if (d->request || (d->channel->control & CONTROL_SRST)) {
        return;
    }
    d->phase = PHASE_IDLE;
    d->feature = 0;
    ide_set_signature(d);
    d->error = 1; /* diagnostics passed */
    d->status = d->kind->ready;
}

void ide_channel_reset(struct ide_channel *ch)
{
    ch->select = 0;
    ch->control = 0;
    ch->dma_running = false;
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        if (ch->units[i] && ch->units[i]->phase == PHASE_RESETTING) {
            ide_try_end_reset(ch->units[i]); /* SRST held it back */
        }
    }
    ide_update_irq(ch);
}

/* ---- command block ---- */

static void run_diagnostics(struct ide_channel *ch)
{
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        struct ide_device *d = ch->units[i];

        if (d && !is_busy(d)) {
            ide_set_signature(d);
            d->error = 1;
            d->status = d->kind->ready;
        }
    }
    ch->select = 0;
    if (ch->units[0]) {
        ide_raise(ch->units[0]);
    }
}

/* Both units carry it out, whichever is selected, and unit 0 interrupts. */
void ide_execute_diagnostic(struct ide_device *d)
{
    d->phase = PHASE_IDLE;
    d->status = STATUS_READY;
    run_diagnostics(d->channel);
}

static void run_command(struct ide_channel *ch, uint8_t code)
{
    struct ide_device *d = selected(ch);
    const struct ide_command *c;

    if (!d) {
        if (code == CMD_DIAGNOSTIC) {
            run_diagnostics(ch);
        }
        return;
    }
    c = &d->kind->commands[code];
    if (!(c->run && c->anytime) && (is_busy(d) || d->power == POWER_SLEEP)) {
        guest_error(&d->dev, "command %#x while the unit is busy or asleep", code);
        return;
    }
    set_intrq(d, false);
    d->error = 0;
    d->status = STATUS_BSY;
    d->dma = false;
    if (c->run) {
        c->run(d);
    } else {
        ide_abort(d);
    }
    d->ata.last_command = code;
}

static void write_unit(struct ide_device *d, unsigned reg, uint8_t val)
{
    switch (reg) {
    case REG_ERROR:
        d->hob_feature = d->feature;
        d->feature = val;
        break;
    case REG_NSECTOR:
        d->hob_nsector = d->nsector;
        d->nsector = val;
        break;
    case REG_LBA_LOW:
        d->hob_low = d->lba_low;
        d->lba_low = val;
        break;
    case REG_LBA_MID:
        d->hob_mid = d->lba_mid;
        d->lba_mid = val;
        break;
    case REG_LBA_HIGH:
        d->hob_high = d->lba_high;
        d->lba_high = val;
        break;
    default:
        d->device = val;
        break;
    }
}

void ide_reg_write(struct ide_channel *ch, unsigned reg, uint8_t val)
{
    ch->control &= ~CONTROL_HOB;
    if (reg == REG_STATUS) {
        run_command(ch, val);
        return;
    }
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        if (ch->units[i] && !is_busy(ch->units[i])) {
            write_unit(ch->units[i], reg, val);
        }
    }
    if (reg == REG_DEVICE) {
        ch->select = val & DEVICE_DEV ? 1 : 0;
        ide_update_irq(ch);
    }
}

static uint8_t read_unit(const struct ide_device *d, unsigned reg, bool hob)
{
    switch (reg) {
    case REG_ERROR:
        return hob ? d->hob_feature : d->error;
    case REG_NSECTOR:
        return hob ? d->hob_nsector : d->nsector;
    case REG_LBA_LOW:
        return hob ? d->hob_low : d->lba_low;
    case REG_LBA_MID:
        return hob ? d->hob_mid : d->lba_mid;
    case REG_LBA_HIGH:
        return hob ? d->hob_high : d->lba_high;
    case REG_DEVICE:
        return d->device | DEVICE_ONES;
    default:
        return d->status;
    }
}

/* What answers when the selected unit is missing. */
static uint8_t read_absent(const struct ide_channel *ch, unsigned reg)
{
    const struct ide_device *other = ch->units[0];

    if (ch->select == 0 || !other) {
        return FLOATING;
    }
    if (other->kind == &ide_kind_atapi) {
        return 0; /* drivers would take its signature for a second drive */
    }
    return reg == REG_STATUS ? 0 : read_unit(other, reg, ch->control & CONTROL_HOB);
}

uint8_t ide_reg_read(struct ide_channel *ch, unsigned reg)
{
    struct ide_device *d = selected(ch);

    if (!d) {
        return read_absent(ch, reg);
    }
    if (reg == REG_STATUS) {
        set_intrq(d, false);
    }
    return read_unit(d, reg, ch->control & CONTROL_HOB);
}

/* ---- control block ---- */

uint8_t ide_control_read(struct ide_channel *ch)
{
    struct ide_device *d = selected(ch);

    return d ? d->status : read_absent(ch, REG_STATUS);
}

void ide_control_write(struct ide_channel *ch, uint8_t val)
{
    uint8_t old = ch->control;

    ch->control = val;
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        struct ide_device *d = ch->units[i];

        if (!d) {
            continue;
        }
        if (val & ~old & CONTROL_SRST) {
            ide_begin_reset(d);
        } else if (old & ~val & CONTROL_SRST) {
            ide_try_end_reset(d);
        }
    }
    if (old & ~val & CONTROL_SRST) {
        ch->select = 0;
    }
    ide_update_irq(ch);
}

/* ---- commands that all units have ---- */

void ide_nop(struct ide_device *d)
{
    ide_abort(d);
}

/* SET FEATURES 03h; clause 8.46.11. */
void ide_set_transfer_mode(struct ide_device *d)
{
    uint8_t type = d->nsector >> 3, mode = d->nsector & 7;
    bool known = (type == 0 && mode <= 1) || /* PIO default */
                 (type == 1 && mode <= 4) || /* PIO with flow control */
                 (type == 4 && mode <= 2) || /* multiword DMA */
                 (type == 8 && mode <= 5);   /* Ultra DMA */

    if (!known) {
        ide_abort(d);
        return;
    }
    if (type >= 4) {
        d->transfer_mode = d->nsector;
    }
    ide_end(d, /* irq= */ true);
}

void ide_power_command(struct ide_device *d, enum ide_power power)
{
    d->power = power;
    ide_end(d, /* irq= */ true);
}

void ide_check_power(struct ide_device *d)
{
    d->nsector = d->power == POWER_STANDBY ? 0 : d->power == POWER_IDLE ? 0x80 : 0xff;
    ide_end(d, /* irq= */ true);
}

void ide_put_string(uint8_t *word, const char *text, unsigned chars)
{
    size_t len = strlen(text);

    for (unsigned i = 0; i < chars; i++) {
        word[i ^ 1] = i < len ? (uint8_t)text[i] : ' ';
    }
}

void ide_put_modes(const struct ide_device *d, uint8_t *id)
{
    uint8_t type = d->transfer_mode >> 3, mode = d->transfer_mode & 7;

    ide_put_word(id, 53, 7);                                      /* 54-58, 64-70, 88 valid */
    ide_put_word(id, 63, 0x07 | (type == 4 ? 0x100 << mode : 0)); /* multiword DMA 0-2 */
    ide_put_word(id, 64, 0x03);                                   /* PIO 3 and 4 */
    ide_put_word(id, 65, 120);                                    /* cycle times in ns */
    ide_put_word(id, 66, 120);
    ide_put_word(id, 67, 120);
    ide_put_word(id, 68, 120);
    ide_put_word(id, 88, 0x3f | (type == 8 ? 0x100 << mode : 0)); /* Ultra DMA 0-5 */
    ide_put_word(id, 93, d->unit ? 0x6b00 : 0x600b);              /* 80-wire cable */
}

void ide_put_checksum(uint8_t *id)
{
    uint8_t sum = 0;

    id[510] = 0xa5;
    for (unsigned i = 0; i < 511; i++) {
        sum += id[i];
    }
    id[511] = (uint8_t)-sum;
}

/* ---- the bus ---- */

static const struct property bus_props[] = {
    PROP_I32(struct ide_device, unit_wanted, "unit", -1, "0 master, 1 slave, -1 the first free"),
    {0},
};

static struct ide_channel *channel_of(struct bus *bus)
{
    return container_of(bus, struct ide_channel, bus);
}

static void update_full(struct ide_channel *ch)
{
    ch->bus.full = ch->units[0] && ch->units[1];
}

static bool bus_plug(struct bus *bus, struct device *dev, GError **error)
{
    struct ide_device *d = container_of(dev, struct ide_device, dev);
    struct ide_channel *ch = channel_of(bus);
    int unit = d->unit_wanted;

    if (unit < 0) {
        unit = ch->units[0] ? 1 : 0;
    }
    if (unit >= IDE_UNITS) {
        return fail(error, "unit=%d: an IDE bus has units 0 and 1", unit);
    }
    if (ch->units[unit]) {
        return fail(error, "unit %d of bus '%s' is taken", unit, bus->obj.name);
    }
    d->unit = (unsigned)unit;
    d->channel = ch;
    ch->units[unit] = d;
    update_full(ch);
    return true;
}

static void bus_unplug(struct bus *bus, struct device *dev)
{
    struct ide_device *d = container_of(dev, struct ide_device, dev);
    struct ide_channel *ch = channel_of(bus);

    ch->units[d->unit] = NULL;
    d->channel = NULL;
    update_full(ch);
    ide_update_irq(ch);
}

static char *bus_describe(struct bus *bus G_GNUC_UNUSED, struct device *dev)
{
    return g_strdup_printf("unit %u", container_of(dev, struct ide_device, dev)->unit);
}

static char *bus_fw_path(struct bus *bus, struct device *dev)
{
    return g_strdup_printf("drive@%u/disk@%u", channel_of(bus)->index,
                           container_of(dev, struct ide_device, dev)->unit);
}

const struct bus_type ide_bus_type = {
    .name = "IDE",
    .device_props = bus_props,
    .plug = bus_plug,
    .unplug = bus_unplug,
    .describe = bus_describe,
    .fw_path = bus_fw_path,
};

void ide_channel_init(struct ide_channel *ch, struct device *parent, unsigned index,
                      const struct ide_host_ops *ops, void *host)
{
    g_autofree char *name = g_strdup_printf("ide.%u", index);

    bus_init(&ch->bus, &ide_bus_type, parent->machine, parent, name);
    ch->index = index;
    ch->ops = ops;
    ch->host = host;
}

void ide_channel_fini(struct ide_channel *ch)
{
    bus_fini(&ch->bus);
}

static bool channel_post_load(void *base, unsigned version G_GNUC_UNUSED, GError **error)
{
    struct ide_channel *ch = base;

    if (ch->select >= IDE_UNITS) {
        return fail(error, "IDE channel: selected unit %u", ch->select);
    }
    return true;
}

static const struct state_field channel_fields[] = {
    STATE_U8(struct ide_channel, select),
    STATE_U8(struct ide_channel, control),
    STATE_BOOL(struct ide_channel, irq_level),
    {0},
};

const struct state_table ide_channel_state = {
    .name = "ide-channel",
    .version = 1,
    .fields = channel_fields,
    .post_load = channel_post_load,
};
