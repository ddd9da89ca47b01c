/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's floppy controller, an Intel 82078 in AT mode, with two drives.
 *
 *   base + 2  DOR: drive, motors, reset, interrupt and DMA gate
 *   base + 3  TDR
 *   base + 4  MSR (read), DSR (write)
 *   base + 5  FIFO: commands, results, data without DMA
 *   base + 7  DIR (read): disk change; CCR (write): data rate
 *
 * Seeks take no time. A sector that the drive's medium does not have is "not found" to the guest;
 * a wrong data rate finds no address marks, which is how guests tell the kinds of disk apart.
 * Images keep no marks of deleted data: Write Deleted writes ordinary sectors.
 *
 * Absent: the scan commands, Save and Restore, Drive Specification, tape; formats other than 512
 * bytes per sector.
 */
#include "hw/block/fdc.h"

#include "hw/block/fdc_priv.h"
#include "hw/core/prop_backend.h"

#include <string.h>

#define VERSION_82078 0x90
#define PART_82078    0x41

static struct fdc *from_dev(struct device *dev)
{
    return container_of(dev, struct fdc, isa.dev);
}

struct fdc_drive *fdc_drive_of(struct fdc *f, unsigned unit)
{
    return unit < FDC_DRIVES && f->drives[unit].drive ? &f->drives[unit] : NULL;
}

void fdc_update_irq(struct fdc *f)
{
    bool wants = f->irq_pending || fdc_exec_port_ready(f);

    irq_set(f->irq, wants && (f->dor & DOR_DMA));
}

static void to_command_phase(struct fdc *f)
{
    f->phase = FDC_COMMAND;
    f->command_pos = f->command_len = 0;
    f->result_pos = f->result_len = 0;
}

void fdc_give_result(struct fdc *f, const uint8_t *bytes, unsigned len, bool interrupt)
{
    memcpy(f->result, bytes, len);
    f->result_len = (uint8_t)len;
    f->result_pos = 0;
    f->phase = FDC_RESULT;
    if (interrupt) {
        f->irq_pending = true;
    }
    fdc_update_irq(f);
}

static void give_byte(struct fdc *f, uint8_t byte)
{
    fdc_give_result(f, &byte, 1, /* interrupt= */ false);
}

/* Reset by DOR or DSR: forgets the command; a locked configuration stays. */
static void soft_reset(struct fdc *f)
{
    fdc_exec_abort(f);
    to_command_phase(f);
    if (!f->locked) {
        f->config = CONFIG_NO_FIFO;
        f->precomp_track = 0;
    }
    f->perpendicular &= 0xfc;
    f->seeking = 0;
    f->polled = 0;
    f->irq_pending = false;
    fdc_update_irq(f);
}

/* The reset ends: polling finds that all drives have changed their ready state. */
static void leave_reset(struct fdc *f)
{
    if (!(f->config & CONFIG_NO_POLL)) {
        f->polled = 4;
    }
    f->irq_pending = true;
    fdc_update_irq(f);
}

/* ---- commands ---- */

static void seek_ended(struct fdc *f, unsigned unit, uint8_t st0)
{
    f->polled = 0;
    f->seek_st0[unit] = ST0_SEEK_END | (uint8_t)unit | st0;
    f->seeking |= 1u << unit;
    f->irq_pending = true;
    to_command_phase(f);
    fdc_update_irq(f);
}

static void move_heads(struct fdc *f, unsigned unit, unsigned cylinder)
{
    struct fdc_drive *d = fdc_drive_of(f, unit);

    if (d) {
        d->cylinder = (uint8_t)cylinder;
        if (d->has_media) {
            d->changed = false; /* a step pulse with a disk in clears the line */
        }
    }
}

static void cmd_recalibrate(struct fdc *f)
{
    unsigned unit = f->command[1] & 3;

    move_heads(f, unit, 0);
    seek_ended(f, unit, fdc_drive_of(f, unit) ? 0 : ST0_ABNORMAL | ST0_EQUIPMENT);
}

static void cmd_seek(struct fdc *f)
{
    unsigned unit = f->command[1] & 3;

    move_heads(f, unit, f->command[2]);
    seek_ended(f, unit, f->command[1] & 4);
}

static void cmd_relative_seek(struct fdc *f)
{
    unsigned unit = f->command[1] & 3;
    struct fdc_drive *d = fdc_drive_of(f, unit);
    int steps = f->command[0] & 0x40 ? f->command[2] : -(int)f->command[2];

    if (d) {
        move_heads(f, unit, (unsigned)CLAMP(d->cylinder + steps, 0, 255));
    }
    seek_ended(f, unit, f->command[1] & 4);
}

static void cmd_sense_interrupt(struct fdc *f)
{
    uint8_t result[2] = {ST0_INVALID, 0};
    unsigned unit = 0;

    if (f->polled) {
        unit = 4u - f->polled--;
        result[0] = ST0_POLLED | (uint8_t)unit;
    } else if (f->seeking) {
        unit = (unsigned)__builtin_ctz(f->seeking);
        f->seeking &= ~(1u << unit);
        result[0] = f->seek_st0[unit];
    } else {
        f->irq_pending = false;
        give_byte(f, ST0_INVALID);
        return;
    }
    result[1] = fdc_drive_of(f, unit) ? f->drives[unit].cylinder : 0;
    f->irq_pending = false;
    fdc_give_result(f, result, sizeof(result), /* interrupt= */ false);
}

static void cmd_sense_drive(struct fdc *f)
{
    unsigned unit = f->command[1] & 3;
    const struct fdc_drive *d = fdc_drive_of(f, unit);
    uint8_t st3 = (f->command[1] & 7) | 0x08; /* two sides */

    if (d) {
        st3 |= 0x20; /* ready */
        st3 |= d->cylinder == 0 ? 0x10 : 0;
        st3 |= d->has_media && block_is_read_only(d->drive->block) ? 0x40 : 0;
    }
    give_byte(f, st3);
}

static void cmd_specify(struct fdc *f)
{
    memcpy(f->specify, f->command + 1, 2);
    to_command_phase(f);
}

static void cmd_configure(struct fdc *f)
{
    f->config = f->command[2] & 0x7f;
    f->precomp_track = f->command[3];
    to_command_phase(f);
}

static void cmd_perpendicular(struct fdc *f)
{
    if (f->command[1] & 0x80) { /* overwrite: the drives' bits count */
        f->perpendicular = f->command[1] & 0x3f;
    } else {
        f->perpendicular = (f->perpendicular & 0x3c) | (f->command[1] & 3);
    }
    to_command_phase(f);
}

static void cmd_dumpreg(struct fdc *f)
{
    uint8_t result[10] = {
        f->drives[0].cylinder,
        f->drives[1].cylinder,
        0,
        0,
        f->specify[0],
        f->specify[1],
        f->last_sector,
        (f->locked ? 0x80 : 0) | f->perpendicular,
        f->config,
        f->precomp_track,
    };

    fdc_give_result(f, result, sizeof(result), /* interrupt= */ false);
}

static void cmd_lock(struct fdc *f)
{
    f->locked = f->command[0] & 0x80;
    give_byte(f, f->locked ? 0x10 : 0);
}

static void cmd_version(struct fdc *f)
{
    give_byte(f, VERSION_82078);
}

static void cmd_part_id(struct fdc *f)
{
    give_byte(f, PART_82078);
}

static void cmd_powerdown_mode(struct fdc *f)
{
    give_byte(f, f->command[1]);
}

static void cmd_option(struct fdc *f)
{
    to_command_phase(f); /* its one bit is about another sector format */
}

static void cmd_read(struct fdc *f)
{
    fdc_exec_start(f, ACTION_READ);
}

static void cmd_read_deleted(struct fdc *f)
{
    fdc_exec_start(f, ACTION_READ_DELETED);
}

static void cmd_read_track(struct fdc *f)
{
    fdc_exec_start(f, ACTION_READ_TRACK);
}

static void cmd_write(struct fdc *f)
{
    fdc_exec_start(f, ACTION_WRITE);
}

static void cmd_verify(struct fdc *f)
{
    fdc_exec_start(f, ACTION_VERIFY);
}

static void cmd_format(struct fdc *f)
{
    fdc_exec_start(f, ACTION_FORMAT);
}

static void cmd_read_id(struct fdc *f)
{
    fdc_exec_start(f, ACTION_READ_ID);
}

/* The first row that fits counts. MT, MFM and SK are the bits outside the mask. */
static const struct fdc_command {
    uint8_t mask, code, len;
    void (*run)(struct fdc *f);
} commands[] = {
    {0x1f, 0x06, 9, cmd_read},
    {0x1f, 0x0c, 9, cmd_read_deleted},
    {0x9f, 0x02, 9, cmd_read_track},
    {0x3f, 0x05, 9, cmd_write},
    {0x3f, 0x09, 9, cmd_write}, /* deleted */
    {0x1f, 0x16, 9, cmd_verify},
    {0xbf, 0x0d, 6, cmd_format},
    {0xbf, 0x0a, 2, cmd_read_id},
    {0xff, 0x07, 2, cmd_recalibrate},
    {0xff, 0x0f, 3, cmd_seek},
    {0xbf, 0x8f, 3, cmd_relative_seek},
    {0xff, 0x08, 1, cmd_sense_interrupt},
    {0xff, 0x04, 2, cmd_sense_drive},
    {0xff, 0x03, 3, cmd_specify},
    {0xff, 0x13, 4, cmd_configure},
    {0xff, 0x12, 2, cmd_perpendicular},
    {0xff, 0x0e, 1, cmd_dumpreg},
    {0x7f, 0x14, 1, cmd_lock},
    {0xff, 0x10, 1, cmd_version},
    {0xff, 0x18, 1, cmd_part_id},
    {0xff, 0x17, 2, cmd_powerdown_mode},
    {0xff, 0x33, 2, cmd_option},
};

static const struct fdc_command *find_command(uint8_t code)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if ((code & commands[i].mask) == commands[i].code) {
            return &commands[i];
        }
    }
    return NULL;
}

static void command_byte(struct fdc *f, uint8_t byte)
{
    const struct fdc_command *cmd = find_command(f->command_pos ? f->command[0] : byte);

    f->command[f->command_pos++] = byte;
    if (!cmd) {
        guest_unimp(&f->isa.dev, "command %#x", byte);
        f->command_pos = 0;
        give_byte(f, ST0_INVALID);
        return;
    }
    f->command_len = cmd->len;
    if (f->command_pos == cmd->len) {
        f->command_pos = 0;
        cmd->run(f);
    }
}

/* ---- registers ---- */

static uint64_t dor_read(struct device *dev)
{
    return from_dev(dev)->dor;
}

static void dor_write(struct device *dev, uint64_t val)
{
    struct fdc *f = from_dev(dev);
    uint8_t old = f->dor;

    f->dor = (uint8_t)val;
    if ((old & DOR_RUN) && !(val & DOR_RUN)) {
        soft_reset(f);
    } else if (!(old & DOR_RUN) && (val & DOR_RUN)) {
        leave_reset(f);
    }
    fdc_update_irq(f);
}

static uint64_t tdr_read(struct device *dev)
{
    return from_dev(dev)->tdr;
}

static void tdr_write(struct device *dev, uint64_t val)
{
    from_dev(dev)->tdr = val & 3;
}

static uint64_t msr_read(struct device *dev)
{
    struct fdc *f = from_dev(dev);
    uint8_t val = f->seeking;

    if (!(f->dor & DOR_RUN)) {
        return 0;
    }
    switch (f->phase) {
    case FDC_COMMAND:
        return val | MSR_READY | (f->command_pos ? MSR_BUSY : 0);
    case FDC_RESULT:
        return val | MSR_READY | MSR_TO_HOST | MSR_BUSY;
    default:
        val |= MSR_BUSY | (f->specify[1] & 1 ? MSR_NON_DMA : 0);
        if (fdc_exec_port_ready(f)) {
            val |= MSR_READY | (f->step == STEP_TO_HOST ? MSR_TO_HOST : 0);
        }
        return val;
    }
}

static void dsr_write(struct device *dev, uint64_t val)
{
    struct fdc *f = from_dev(dev);

    f->rate = val & 3;
    if ((val & 0x80) && (f->dor & DOR_RUN)) { /* a reset that ends by itself */
        soft_reset(f);
        leave_reset(f);
    }
}

static uint64_t fifo_read(struct device *dev)
{
    struct fdc *f = from_dev(dev);
    uint8_t byte;

    if (!(f->dor & DOR_RUN)) {
        return 0;
    }
    if (fdc_exec_port_ready(f) && f->step == STEP_TO_HOST) {
        return fdc_exec_read_byte(f);
    }
    if (f->phase != FDC_RESULT) {
        guest_error(dev, "data port read outside of the result phase");
        return 0;
    }
    byte = f->result[f->result_pos++];
    f->irq_pending = false;
    if (f->result_pos == f->result_len) {
        to_command_phase(f);
    }
    fdc_update_irq(f);
    return byte;
}

static void fifo_write(struct device *dev, uint64_t val)
{
    struct fdc *f = from_dev(dev);

    if (!(f->dor & DOR_RUN)) {
        return;
    }
    if (fdc_exec_port_ready(f) && f->step == STEP_FROM_HOST) {
        fdc_exec_write_byte(f, (uint8_t)val);
    } else if (f->phase == FDC_COMMAND) {
        command_byte(f, (uint8_t)val);
    } else {
        guest_error(dev, "data port written while the controller is busy");
    }
}

static uint64_t dir_read(struct device *dev)
{
    struct fdc *f = from_dev(dev);
    unsigned unit = f->dor & DOR_DRIVE;
    const struct fdc_drive *d = fdc_drive_of(f, unit);

    /* The selected drive drives the line while its motor is on; nobody else does. */
    if (!d || !(f->dor & DOR_MOTOR0 << unit)) {
        return 0;
    }
    return d->changed || !d->has_media ? 0x80 : 0;
}

static void ccr_write(struct device *dev, uint64_t val)
{
    from_dev(dev)->rate = val & 3;
}

static const struct reg fdc_regs[] = {
    REG8(0, "SRA", .reset = 0xff), /* not driven in AT mode */
    REG8(1, "SRB", .reset = 0xff),
    REG8(2, "DOR", .read = dor_read, .write = dor_write),
    REG8(3, "TDR", .read = tdr_read, .write = tdr_write),
    REG8(4, "MSR", .read = msr_read, .write = dsr_write),
    REG8(5, "FIFO", .read = fifo_read, .write = fifo_write),
    {0},
};

static const struct reg fdc_high_regs[] = {
    REG8(0, "DIR", .read = dir_read, .write = ccr_write),
    {0},
};

/* ---- state ---- */

static bool fdc_loaded(void *base, unsigned version, GError **error)
{
    struct fdc *f = base;
    const struct fdc_command *cmd = find_command(f->command[0]);

    (void)version;
    if (f->phase > FDC_RESULT || f->step > STEP_WRITE || f->action >= ACTIONS || f->unit > 3 ||
        f->head > 1 || f->pos > FDC_SECTOR_BYTES || f->expect > FDC_SECTOR_BYTES ||
        f->result_len > sizeof(f->result) || f->polled > 4 || f->seeking > 0xf ||
        (f->phase == FDC_RESULT && f->result_pos >= f->result_len) ||
        (f->command_pos && (!cmd || f->command_pos >= cmd->len))) {
        return fail(error, "isa-fdc: the controller cannot be in this state");
    }
    if (f->phase == FDC_EXECUTE && f->step == STEP_NONE) {
        return fail(error, "isa-fdc: a command is executed and there is none");
    }
    f->rate &= 3;
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        fdc_drive_look(&f->drives[i]);
    }
    fdc_update_irq(f);
    return true;
}

static const struct state_field drive_fields[] = {
    STATE_U8(struct fdc_drive, cylinder),
    STATE_BOOL(struct fdc_drive, changed),
    {0},
};

static const struct state_table drive_state = {
    .name = "fdc-drive",
    .version = 1,
    .fields = drive_fields,
};

static const struct state_field fdc_fields[] = {
    STATE_STRUCT_ARRAY(struct fdc, drives, drive_state),
    STATE_TIMER(struct fdc, pump),
    STATE_U8(struct fdc, dor),
    STATE_U8(struct fdc, tdr),
    STATE_U8(struct fdc, rate),
    STATE_BOOL(struct fdc, irq_pending),
    STATE_U8(struct fdc, phase),
    STATE_BYTES(struct fdc, command),
    STATE_U8(struct fdc, command_len),
    STATE_U8(struct fdc, command_pos),
    STATE_BYTES(struct fdc, result),
    STATE_U8(struct fdc, result_len),
    STATE_U8(struct fdc, result_pos),
    STATE_U8(struct fdc, config),
    STATE_U8(struct fdc, precomp_track),
    STATE_U8(struct fdc, perpendicular),
    STATE_BYTES(struct fdc, specify),
    STATE_BOOL(struct fdc, locked),
    STATE_U8(struct fdc, polled),
    STATE_U8(struct fdc, seeking),
    STATE_BYTES(struct fdc, seek_st0),
    STATE_U8(struct fdc, step),
    STATE_U8(struct fdc, action),
    STATE_U8(struct fdc, unit),
    STATE_U8(struct fdc, cyl),
    STATE_U8(struct fdc, head),
    STATE_U8(struct fdc, sector),
    STATE_U8(struct fdc, last_sector),
    STATE_BOOL(struct fdc, multi_track),
    STATE_BOOL(struct fdc, terminal_count),
    STATE_U8(struct fdc, left),
    STATE_U16(struct fdc, pos),
    STATE_U16(struct fdc, expect),
    STATE_U16(struct fdc, retries),
    STATE_BYTES(struct fdc, buffer),
    {0},
};

static const struct state_table fdc_state = {
    .name = "isa-fdc",
    .version = 1,
    .fields = fdc_fields,
    .post_load = fdc_loaded,
};

/* ---- life ---- */

static void medium_changed(void *device, bool loaded)
{
    struct fdc_drive *d = device;

    (void)loaded;
    fdc_drive_look(d);
    d->changed = true;
}

uint8_t fdc_cmos_type(struct device *dev, unsigned unit)
{
    static const uint8_t types[] = {
        [FDC_DRIVE_NONE] = 0,
        [FDC_DRIVE_120] = 2,
        [FDC_DRIVE_144] = 4,
        [FDC_DRIVE_288] = 5,
    };
    const struct fdc *f = from_dev(dev);

    return unit < FDC_DRIVES ? types[f->drives[unit].type] : 0;
}

static bool drive_realize(struct fdc *f, unsigned unit, GError **error)
{
    struct fdc_drive *d = &f->drives[unit];
    struct blocks *blocks = f->isa.dev.machine->blocks;

    if (!d->drive && blocks && d->type != FDC_DRIVE_NONE) {
        d->drive = drive_at(blocks, DRIVE_IF_FLOPPY, 0, (int)unit);
    }
    if (!backend_attach_drive(d->drive, d, medium_changed, error)) {
        return false;
    }
    fdc_drive_look(d);
    if (d->type == FDC_DRIVE_AUTO || !d->drive) {
        d->type = fdc_drive_type_for(d);
    }
    return true;
}

static bool fdc_realize(struct device *dev, GError **error)
{
    struct fdc *f = from_dev(dev);

    timer_init(&f->pump, &dev->machine->clock_virtual, fdc_exec_step, f);
    if (f->iobase > 0xfff8) {
        return fail(error, "isa-fdc: iobase=%#x is beyond the last I/O port", f->iobase);
    }
    if (f->dma > 3) {
        return fail(error, "isa-fdc: dma=%u: only channels 0 to 3 move bytes", f->dma);
    }
    f->irq = isa_irq(&f->isa, f->irq_nr, error);
    if (!f->irq) {
        return false;
    }
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        if (!drive_realize(f, i, error)) {
            return false;
        }
    }
    return isa_map(&f->isa, (uint16_t)f->iobase, fdc_regs, error) &&
           isa_map(&f->isa, (uint16_t)(f->iobase + 7), fdc_high_regs, error);
}

static void fdc_unrealize(struct device *dev)
{
    struct fdc *f = from_dev(dev);

    fdc_exec_abort(f);
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        struct fdc_drive *d = &f->drives[i];

        if (f->io_busy && d->drive && d->drive->block) {
            block_drain(d->drive->block); /* the buffer goes with the device */
        }
        backend_detach_drive(d->drive, d);
    }
}

static void fdc_reset(struct device *dev)
{
    struct fdc *f = from_dev(dev);

    f->locked = false;
    soft_reset(f);
    f->dor = DOR_RUN | DOR_DMA; /* as firmware leaves it */
    f->tdr = f->rate = 0;
    f->perpendicular = 0;
    memset(f->specify, 0, sizeof(f->specify));
    memset(f->seek_st0, 0, sizeof(f->seek_st0));
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        f->drives[i].cylinder = 0;
        f->drives[i].changed = true;
    }
    fdc_update_irq(f);
}

static const struct prop_enum drive_types[] = {
    {"auto", FDC_DRIVE_AUTO}, {"none", FDC_DRIVE_NONE}, {"120", FDC_DRIVE_120},
    {"144", FDC_DRIVE_144},   {"288", FDC_DRIVE_288},   {NULL, 0},
};

static const struct property fdc_props[] = {
    PROP_U32(struct fdc, iobase, "iobase", 0x3f0, "first I/O port"),
    PROP_U32(struct fdc, irq_nr, "irq", 6, "interrupt line"),
    PROP_U32(struct fdc, dma, "dma", 2, "DMA channel"),
    PROP_DRIVE(struct fdc, drives[0].drive, "driveA"),
    PROP_DRIVE(struct fdc, drives[1].drive, "driveB"),
    PROP_ENUM(struct fdc, drives[0].type, "fdtypeA", FDC_DRIVE_AUTO, drive_types,
              "kind of the first drive: auto, none, 120, 144, 288"),
    PROP_ENUM(struct fdc, drives[1].type, "fdtypeB", FDC_DRIVE_AUTO, drive_types,
              "kind of the second drive"),
    {0},
};

static const struct device_type fdc_type = {
    .name = "isa-fdc",
    .description = "floppy controller with two drives",
    .category = DEVICE_STORAGE,
    .flags = DEVICE_NO_HOTPLUG,
    .bus = BUS_ISA,
    .size = sizeof(struct fdc),
    .props = fdc_props,
    .state = &fdc_state,
    .realize = fdc_realize,
    .unrealize = fdc_unrealize,
    .reset = fdc_reset,
};
DEVICE_TYPE(fdc_type);
