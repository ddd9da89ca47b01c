/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8042 keyboard controller with PS/2 keyboard and mouse.
 *
 *   port 0x60  data: the output buffer; arguments of commands, or bytes for the keyboard
 *   port 0x64  status; commands
 *
 * After the IBM PS/2 Keyboard and Auxiliary Device Controller technical reference. The output
 * buffer is refilled a little after it was read, as on the real cable: programs that read port 0x60
 * twice in one interrupt get the same byte. Interrupts 1 and 12 are levels that last as long as the
 * byte is in the buffer.
 *
 * At reset the command byte is what firmware leaves (interrupts and translation on), because a
 * kernel that is entered directly finds no firmware.
 *
 * Absent: keyboard password, the diagnostic dump (0xAC), the ports P1 and P2 beyond what PCs wire.
 */
#include "hw/input/i8042.h"

#include "hw/core/machine_ui.h"
#include "hw/input/ps2.h"
#include "hw/isa/isa.h"

#include <string.h>

enum {
    STATUS_OBF = 0x01,
    STATUS_SYS = 0x04,
    STATUS_CMD = 0x08,
    STATUS_UNLOCKED = 0x10,
    STATUS_AUX = 0x20,
};
enum {
    MODE_KBD_INT = 0x01,
    MODE_AUX_INT = 0x02,
    MODE_SYS = 0x04,
    MODE_KBD_OFF = 0x10,
    MODE_AUX_OFF = 0x20,
    MODE_XLATE = 0x40,
};
enum {
    OUT_RUN = 0x01, /* 0 resets */
    OUT_A20 = 0x02,
    OUT_IRQ1 = 0x10,
    OUT_IRQ12 = 0x20,
};
enum {
    CMD_READ_RAM = 0x20, /* to 0x3f */
    CMD_WRITE_RAM = 0x60,
    CMD_PASSWORD = 0xa4,
    CMD_AUX_OFF = 0xa7,
    CMD_AUX_ON = 0xa8,
    CMD_AUX_TEST = 0xa9,
    CMD_SELF_TEST = 0xaa,
    CMD_KBD_TEST = 0xab,
    CMD_KBD_OFF = 0xad,
    CMD_KBD_ON = 0xae,
    CMD_READ_INPUT = 0xc0,
    CMD_READ_OUTPUT = 0xd0,
    CMD_WRITE_OUTPUT = 0xd1,
    CMD_WRITE_KBD_BUF = 0xd2,
    CMD_WRITE_AUX_BUF = 0xd3,
    CMD_WRITE_AUX = 0xd4,
    CMD_A20_OFF = 0xdd,
    CMD_A20_ON = 0xdf,
    CMD_TEST_INPUTS = 0xe0,
    CMD_PULSE = 0xf0, /* to 0xff */
};
#define RAM_SIZE     32
#define BYTE_TIME_NS (100 * NS_PER_US)

struct i8042 {
    struct isa_device isa;
    struct irq *irq_kbd, *irq_aux, *a20;
    struct ps2_kbd kbd;
    struct ps2_mouse mouse;
    struct timer byte_time; /* runs while the next byte is on its way */

    uint8_t ram[RAM_SIZE]; /* ram[0] is the command byte */
    uint8_t command;       /* waits for its argument; 0: none */
    bool last_was_command;
    uint8_t data; /* the output buffer */
    bool full, from_aux;
    uint8_t reply; /* of the controller itself, for when the buffer is free */
    bool reply_waits, reply_as_aux;
    uint8_t output;  /* the output port's stored bits */
    bool break_seen; /* translation has swallowed an 0xf0 */
};

/* Set 2 to set 1; from 0x85 on bytes pass unchanged. */
static const uint8_t translation[0x85] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29,
    0x59, 0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11,
    0x03, 0x5b, 0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14,
    0x13, 0x06, 0x5d, 0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24,
    0x16, 0x08, 0x09, 0x5f, 0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35,
    0x26, 0x27, 0x19, 0x0c, 0x61, 0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36,
    0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, 0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c,
    0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, 0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
    0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54, 0x80, 0x81, 0x82, 0x41, 0x54,
};

static struct i8042 *from_dev(struct device *dev)
{
    return container_of(dev, struct i8042, isa.dev);
}

static uint8_t mode(const struct i8042 *c)
{
    return c->ram[0];
}

/* ---- the output buffer ---- */

static void update_irqs(struct i8042 *c)
{
    irq_set(c->irq_kbd, c->full && !c->from_aux && (mode(c) & MODE_KBD_INT));
    irq_set(c->irq_aux, c->full && c->from_aux && (mode(c) & MODE_AUX_INT));
}

/* A byte of the keyboard as the guest sees it; false when translation keeps it for the next. */
static bool translate(struct i8042 *c, uint8_t *byte)
{
    if (!(mode(c) & MODE_XLATE)) {
        return true;
    }
    if (*byte == 0xf0) {
        c->break_seen = true;
        return false;
    }
    if (*byte < sizeof(translation)) {
        *byte = translation[*byte] | (c->break_seen ? 0x80 : 0);
        c->break_seen = false;
    }
    return true; /* prefixes and replies pass, also between 0xf0 and its code */
}

static bool take_kbd(struct i8042 *c, uint8_t *ret)
{
    if (mode(c) & MODE_KBD_OFF) {
        return false;
    }
    while (ps2_kbd_take(&c->kbd, ret)) {
        if (translate(c, ret)) {
            return true;
        }
    }
    return false;
}

/* Puts the next byte into the output buffer, if it is free. */
static void refill(struct i8042 *c)
{
    uint8_t byte;

    if (c->full || timer_pending(&c->byte_time)) {
        return;
    }
    if (c->reply_waits) {
        c->reply_waits = false;
        byte = c->reply;
        c->from_aux = c->reply_as_aux;
    } else if (take_kbd(c, &byte)) {
        c->from_aux = false;
    } else if (!(mode(c) & MODE_AUX_OFF) && ps2_mouse_take(&c->mouse, &byte)) {
        c->from_aux = true;
    } else {
        return;
    }
    c->data = byte;
    c->full = true;
    update_irqs(c);
}

static void refill_later(void *opaque)
{
    refill(opaque);
}

static void device_ready(void *opaque)
{
    refill(opaque);
}

/* The controller's own answer goes before what devices have, and does not wait for the cable. */
static void reply(struct i8042 *c, uint8_t byte, bool as_aux)
{
    c->reply = byte;
    c->reply_as_aux = as_aux;
    c->reply_waits = true;
    timer_cancel(&c->byte_time);
    refill(c);
}

/* ---- the output port ---- */

static void write_output(struct i8042 *c, uint8_t val)
{
    c->output = val | OUT_RUN;
    irq_set(c->a20, !!(val & OUT_A20));
    if (!(val & OUT_RUN)) {
        machine_request_reset(c->isa.dev.machine, CAUSE_GUEST_RESET);
    }
}

static uint8_t read_output(const struct i8042 *c)
{
    uint8_t val = c->output & ~(OUT_IRQ1 | OUT_IRQ12);

    if (c->full) {
        val |= c->from_aux ? OUT_IRQ12 : OUT_IRQ1;
    }
    return val;
}

/* ---- commands ---- */

static void set_mode(struct i8042 *c, uint8_t val)
{
    c->ram[0] = val;
    update_irqs(c);
    refill(c);
}

static void self_test(struct i8042 *c)
{
    c->ram[0] |= MODE_SYS | MODE_KBD_OFF | MODE_AUX_OFF;
    c->full = c->reply_waits = c->break_seen = false;
    update_irqs(c);
    reply(c, 0x55, /* as_aux= */ false);
}

static void run_command(struct i8042 *c, uint8_t cmd)
{
    switch (cmd) {
    case CMD_PASSWORD:
        reply(c, 0xf1, /* as_aux= */ false); /* none is set */
        break;
    case CMD_AUX_OFF:
        set_mode(c, mode(c) | MODE_AUX_OFF);
        break;
    case CMD_AUX_ON:
        set_mode(c, mode(c) & ~MODE_AUX_OFF);
        break;
    case CMD_AUX_TEST:
    case CMD_KBD_TEST:
        reply(c, 0, /* as_aux= */ false);
        break;
    case CMD_SELF_TEST:
        self_test(c);
        break;
    case CMD_KBD_OFF:
        set_mode(c, mode(c) | MODE_KBD_OFF);
        break;
    case CMD_KBD_ON:
        set_mode(c, mode(c) & ~MODE_KBD_OFF);
        break;
    case CMD_READ_INPUT:
        reply(c, 0x80, /* as_aux= */ false); /* keyboard not locked */
        break;
    case CMD_READ_OUTPUT:
        reply(c, read_output(c), /* as_aux= */ false);
        break;
    case CMD_WRITE_OUTPUT:
    case CMD_WRITE_KBD_BUF:
    case CMD_WRITE_AUX_BUF:
    case CMD_WRITE_AUX:
        c->command = cmd;
        break;
    case CMD_A20_OFF:
        write_output(c, c->output & ~OUT_A20);
        break;
    case CMD_A20_ON:
        write_output(c, c->output | OUT_A20);
        break;
    case CMD_TEST_INPUTS:
        reply(c, 0, /* as_aux= */ false);
        break;
    default:
        guest_unimp(&c->isa.dev, "command %#x", cmd);
        break;
    }
}

static void cmd_write(struct device *dev, uint64_t val)
{
    struct i8042 *c = from_dev(dev);
    uint8_t cmd = (uint8_t)val;

    c->last_was_command = true;
    c->command = 0;
    if (cmd >= CMD_PULSE) {
        if (!(cmd & OUT_RUN)) { /* the low bits name the lines that are pulled low */
            machine_request_reset(dev->machine, CAUSE_GUEST_RESET);
        }
    } else if (cmd >= CMD_WRITE_RAM && cmd < CMD_WRITE_RAM + RAM_SIZE) {
        c->command = cmd;
    } else if (cmd >= CMD_READ_RAM && cmd < CMD_READ_RAM + RAM_SIZE) {
        reply(c, c->ram[cmd - CMD_READ_RAM], /* as_aux= */ false);
    } else {
        run_command(c, cmd);
    }
}

static uint64_t status_read(struct device *dev)
{
    const struct i8042 *c = from_dev(dev);

    return (c->full ? STATUS_OBF : 0) | (mode(c) & MODE_SYS ? STATUS_SYS : 0) |
           (c->last_was_command ? STATUS_CMD : 0) | STATUS_UNLOCKED |
           (c->full && c->from_aux ? STATUS_AUX : 0);
}

static uint64_t data_read(struct device *dev)
{
    struct i8042 *c = from_dev(dev);

    if (c->full) {
        c->full = false;
        update_irqs(c);
        timer_set(&c->byte_time, clock_now_ns(c->byte_time.clock) + BYTE_TIME_NS);
    }
    return c->data;
}

static void data_write(struct device *dev, uint64_t val)
{
    struct i8042 *c = from_dev(dev);
    uint8_t byte = (uint8_t)val, cmd = c->command;

    c->command = 0;
    c->last_was_command = false;
    switch (cmd) {
    case CMD_WRITE_RAM:
        set_mode(c, byte);
        break;
    case CMD_WRITE_OUTPUT:
        write_output(c, byte);
        break;
    case CMD_WRITE_KBD_BUF:
        reply(c, byte, /* as_aux= */ false);
        break;
    case CMD_WRITE_AUX_BUF:
        reply(c, byte, /* as_aux= */ true);
        break;
    case CMD_WRITE_AUX:
        ps2_mouse_write(&c->mouse, byte);
        break;
    case 0:
        c->ram[0] &= ~MODE_KBD_OFF; /* talking to the keyboard enables it */
        ps2_kbd_write(&c->kbd, byte);
        break;
    default:
        c->ram[cmd - CMD_WRITE_RAM] = byte;
        break;
    }
}

static const struct reg data_regs[] = {
    REG8(0, "DATA", .read = data_read, .write = data_write),
    {0},
};

static const struct reg status_regs[] = {
    REG8(0, "STATUS", .read = status_read, .write = cmd_write),
    {0},
};

/* ---- state ---- */

static bool i8042_loaded(void *base, unsigned version, GError **error)
{
    struct i8042 *c = base;
    bool ram_cmd = c->command >= CMD_WRITE_RAM && c->command < CMD_WRITE_RAM + RAM_SIZE;

    (void)version;
    if (c->command && !ram_cmd && (c->command < CMD_WRITE_OUTPUT || c->command > CMD_WRITE_AUX)) {
        return fail(error, "i8042: command %#x takes no argument", c->command);
    }
    update_irqs(c);
    return true;
}

static const struct state_field i8042_fields[] = {
    STATE_STRUCT(struct i8042, kbd, ps2_kbd_state),
    STATE_STRUCT(struct i8042, mouse, ps2_mouse_state),
    STATE_TIMER(struct i8042, byte_time),
    STATE_BYTES(struct i8042, ram),
    STATE_U8(struct i8042, command),
    STATE_BOOL(struct i8042, last_was_command),
    STATE_U8(struct i8042, data),
    STATE_BOOL(struct i8042, full),
    STATE_BOOL(struct i8042, from_aux),
    STATE_U8(struct i8042, reply),
    STATE_BOOL(struct i8042, reply_waits),
    STATE_BOOL(struct i8042, reply_as_aux),
    STATE_U8(struct i8042, output),
    STATE_BOOL(struct i8042, break_seen),
    {0},
};

static const struct state_table i8042_state = {
    .name = "i8042",
    .version = 1,
    .fields = i8042_fields,
    .post_load = i8042_loaded,
};

/* ---- life ---- */

void i8042_connect_a20(struct device *dev, struct irq *line)
{
    from_dev(dev)->a20 = line;
}

static bool i8042_realize(struct device *dev, GError **error)
{
    struct i8042 *c = from_dev(dev);
    struct input_hub *hub = machine_input(dev->machine);

    c->irq_kbd = isa_irq(&c->isa, 1, error);
    if (!c->irq_kbd) {
        return false;
    }
    c->irq_aux = isa_irq(&c->isa, 12, error);
    if (!c->irq_aux) {
        return false;
    }
    timer_init(&c->byte_time, &dev->machine->clock_virtual, refill_later, c);
    ps2_kbd_init(&c->kbd, hub, device_ready, c);
    ps2_mouse_init(&c->mouse, hub, device_ready, c);
    return isa_map(&c->isa, 0x60, data_regs, error) && isa_map(&c->isa, 0x64, status_regs, error);
}

static void i8042_unrealize(struct device *dev)
{
    struct i8042 *c = from_dev(dev);

    ps2_kbd_fini(&c->kbd);
    ps2_mouse_fini(&c->mouse);
    timer_cancel(&c->byte_time);
}

static void i8042_reset(struct device *dev)
{
    struct i8042 *c = from_dev(dev);

    timer_cancel(&c->byte_time);
    memset(c->ram, 0, sizeof(c->ram));
    c->ram[0] = MODE_KBD_INT | MODE_AUX_INT | MODE_SYS | MODE_XLATE;
    c->command = c->data = c->reply = 0;
    c->full = c->from_aux = c->reply_waits = c->reply_as_aux = false;
    c->last_was_command = c->break_seen = false;
    c->output = OUT_RUN | OUT_A20;
    ps2_kbd_reset(&c->kbd);
    ps2_mouse_reset(&c->mouse);
    irq_raise(c->a20);
    update_irqs(c);
}

static const struct device_type i8042_type = {
    .name = "i8042",
    .description = "keyboard controller with PS/2 keyboard and mouse",
    .category = DEVICE_INPUT,
    .flags = DEVICE_INTERNAL,
    .bus = BUS_ISA,
    .size = sizeof(struct i8042),
    .state = &i8042_state,
    .realize = i8042_realize,
    .unrealize = i8042_unrealize,
    .reset = i8042_reset,
};
DEVICE_TYPE(i8042_type);
