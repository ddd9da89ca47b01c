/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyboard controller with its keyboard and mouse, as a guest meets them at ports 0x60 and
 * 0x64.
 */
#include "hw/input/i8042.h"

#include "hw/core/machine_ui.h"
#include "tests/unit/hw/bare_machine.h"

enum { DATA = 0x60, CMD = 0x64, STATUS = CMD };
enum { OBF = 0x01, AUX = 0x20 };
enum { ACK = 0xfa };

struct fixture {
    struct bare box;
    struct line kbd, aux;
    struct device *dev;
    struct irq a20;
    int a20_level;
};

static void set_a20(void *opaque, int n, int level)
{
    struct fixture *f = opaque;

    (void)n;
    f->a20_level = level;
}

static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_init(&f->box);
    f->box.isa.irqs[1] = line_init(&f->kbd);
    f->box.isa.irqs[12] = line_init(&f->aux);
    f->dev = isa_create(&f->box.isa, "i8042", NULL, NULL);
    g_assert_nonnull(f->dev);
    irq_init(&f->a20, set_a20, f, 0);
    i8042_connect_a20(f->dev, &f->a20);
    machine_reset(f->box.m);
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    bare_fini(&f->box);
}

static uint8_t in(struct fixture *f, uint16_t port)
{
    return bare_inb(&f->box, port);
}

static void out(struct fixture *f, uint16_t port, uint8_t val)
{
    bare_outb(&f->box, port, val);
}

/* The next byte, after the time that it takes to come. -1: none came. */
static int next(struct fixture *f)
{
    int byte = in(f, STATUS) & OBF ? in(f, DATA) : -1;

    bare_step(&f->box, NS_PER_MS);
    return byte;
}

static int command(struct fixture *f, uint8_t cmd)
{
    out(f, CMD, cmd);
    return next(f);
}

static int mouse(struct fixture *f, uint8_t byte)
{
    out(f, CMD, 0xd4);
    out(f, DATA, byte);
    g_assert_cmphex(in(f, STATUS) & (OBF | AUX), ==, OBF | AUX);
    return next(f);
}

static void key(struct fixture *f, enum input_key k, bool down)
{
    input_key_event(machine_input(f->box.m), k, down);
}

static void test_self_tests(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(command(f, 0xaa), ==, 0x55);
    g_assert_cmphex(command(f, 0xab), ==, 0x00);
    g_assert_cmphex(command(f, 0xa9), ==, 0x00);
}

static void test_command_byte_reads_back(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, CMD, 0x60);
    out(f, DATA, 0x61);
    g_assert_cmphex(command(f, 0x20), ==, 0x61);
}

static void test_buffer_loopbacks_interrupt(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, CMD, 0xd3);
    out(f, DATA, 0xa5);
    g_assert_cmphex(in(f, STATUS) & (OBF | AUX), ==, OBF | AUX);
    g_assert_cmpint(f->aux.level, ==, 1);
    g_assert_cmphex(next(f), ==, 0xa5);
    g_assert_cmpint(f->aux.level, ==, 0);
    out(f, CMD, 0xd2);
    out(f, DATA, 0x5a);
    g_assert_cmphex(in(f, STATUS) & (OBF | AUX), ==, OBF);
    g_assert_cmpint(f->kbd.level, ==, 1);
    g_assert_cmphex(next(f), ==, 0x5a);
}

static void test_a20_follows_the_output_port(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmpint(f->a20_level, ==, 1);
    out(f, CMD, 0xd1);
    out(f, DATA, 0xdd);
    g_assert_cmpint(f->a20_level, ==, 0);
    g_assert_cmphex(command(f, 0xd0) & 0x02, ==, 0);
    out(f, CMD, 0xdf);
    g_assert_cmpint(f->a20_level, ==, 1);
}

static void test_key_arrives_translated_with_interrupts(struct fixture *f, gconstpointer data)
{
    (void)data;
    key(f, INPUT_KEY_A, true);
    g_assert_cmpint(f->kbd.level, ==, 1);
    g_assert_cmphex(next(f), ==, 0x1e);
    key(f, INPUT_KEY_A, false);
    g_assert_cmphex(next(f), ==, 0x9e);
    g_assert_cmpint(next(f), ==, -1);
    g_assert_cmpuint(f->kbd.rises, ==, 2);
}

static void test_port_60_read_twice_gives_the_same_byte(struct fixture *f, gconstpointer data)
{
    (void)data;
    key(f, INPUT_KEY_A, true);
    key(f, INPUT_KEY_B, true);
    g_assert_cmphex(in(f, DATA), ==, 0x1e);
    g_assert_cmphex(in(f, DATA), ==, 0x1e);
    bare_step(&f->box, NS_PER_MS);
    g_assert_cmphex(in(f, DATA), ==, 0x30);
}

/* Translation must turn each row's set 2 code into its set 1 code. */
static void test_table_of_keys_agrees_with_translation(struct fixture *f, gconstpointer data)
{
    (void)data;
    for (int k = INPUT_KEY_NONE + 1; k < INPUT_KEYS; k++) {
        uint16_t code = input_keys[k].set1;

        if (k == INPUT_KEY_PAUSE || k == INPUT_KEY_PRINT || (input_keys[k].set2 & 0xf0) == 0xf0) {
            continue; /* sequences of their own, or codes that translation does not know */
        }
        key(f, (enum input_key)k, true);
        if (code >> 8) {
            g_assert_cmphex(next(f), ==, code >> 8);
        }
        g_assert_cmphex(next(f), ==, code & 0xff);
        key(f, (enum input_key)k, false);
        if (code >> 8) {
            g_assert_cmphex(next(f), ==, code >> 8);
        }
        g_assert_cmphex(next(f), ==, (code & 0xff) | 0x80);
        g_assert_cmpint(next(f), ==, -1);
    }
}

static void test_pause_is_one_long_sequence(struct fixture *f, gconstpointer data)
{
    static const uint8_t bytes[] = {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};

    (void)data;
    key(f, INPUT_KEY_PAUSE, true);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        g_assert_cmphex(next(f), ==, bytes[i]);
    }
    key(f, INPUT_KEY_PAUSE, false);
    g_assert_cmpint(next(f), ==, -1);
}

static void test_keyboard_commands(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, CMD, 0x60);
    out(f, DATA, 0x03); /* no translation */
    out(f, DATA, 0xf2);
    g_assert_cmphex(next(f), ==, ACK);
    g_assert_cmphex(next(f), ==, 0xab);
    g_assert_cmphex(next(f), ==, 0x83);
    out(f, DATA, 0xed);
    g_assert_cmphex(next(f), ==, ACK);
    out(f, DATA, 0x02);
    g_assert_cmphex(next(f), ==, ACK);
    g_assert_cmpuint(input_leds(machine_input(f->box.m)), ==, INPUT_LED_NUM);
    out(f, DATA, 0xff);
    g_assert_cmphex(next(f), ==, ACK);
    g_assert_cmphex(next(f), ==, 0xaa);
    out(f, DATA, 0xf1); /* there is no such command */
    g_assert_cmphex(next(f), ==, 0xfe);
}

static void test_set_3_reports_breaks_when_told(struct fixture *f, gconstpointer data)
{
    (void)data;
    out(f, CMD, 0x60);
    out(f, DATA, 0x03);
    out(f, DATA, 0xf0);
    g_assert_cmphex(next(f), ==, ACK);
    out(f, DATA, 3);
    g_assert_cmphex(next(f), ==, ACK);
    key(f, INPUT_KEY_F1, true);
    g_assert_cmphex(next(f), ==, 0x07);
    key(f, INPUT_KEY_F1, false);
    g_assert_cmpint(next(f), ==, -1);
    out(f, DATA, 0xf8);
    g_assert_cmphex(next(f), ==, ACK);
    key(f, INPUT_KEY_F1, true);
    g_assert_cmphex(next(f), ==, 0x07);
    key(f, INPUT_KEY_F1, false);
    g_assert_cmphex(next(f), ==, 0xf0);
    g_assert_cmphex(next(f), ==, 0x07);
}

static void knock(struct fixture *f, uint8_t a, uint8_t b, uint8_t c)
{
    const uint8_t rates[] = {a, b, c};

    for (size_t i = 0; i < sizeof(rates); i++) {
        g_assert_cmphex(mouse(f, 0xf3), ==, ACK);
        g_assert_cmphex(mouse(f, rates[i]), ==, ACK);
    }
}

static void test_mouse_wakes_wheel_and_buttons(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(mouse(f, 0xff), ==, ACK);
    g_assert_cmphex(next(f), ==, 0xaa);
    g_assert_cmphex(next(f), ==, 0x00);
    knock(f, 200, 100, 80);
    g_assert_cmphex(mouse(f, 0xf2), ==, ACK);
    g_assert_cmphex(next(f), ==, 3);
    knock(f, 200, 200, 80);
    g_assert_cmphex(mouse(f, 0xf2), ==, ACK);
    g_assert_cmphex(next(f), ==, 4);
}

static void test_mouse_packets(struct fixture *f, gconstpointer data)
{
    struct input_hub *hub = machine_input(f->box.m);

    (void)data;
    g_assert_cmphex(mouse(f, 0xf4), ==, ACK);
    input_rel_event(hub, INPUT_AXIS_X, 5);
    input_rel_event(hub, INPUT_AXIS_Y, 3);
    input_button_event(hub, INPUT_BUTTON_LEFT, true);
    input_sync(hub);
    g_assert_cmpint(f->aux.level, ==, 1);
    g_assert_cmphex(next(f), ==, 0x08 | 0x20 | 0x01); /* upwards counts: negative */
    g_assert_cmphex(next(f), ==, 5);
    g_assert_cmphex(next(f), ==, 0xfd);
    g_assert_cmpint(next(f), ==, -1);
}

static void test_mouse_loses_no_movement(struct fixture *f, gconstpointer data)
{
    struct input_hub *hub = machine_input(f->box.m);
    int sum = 0, byte;

    (void)data;
    g_assert_cmphex(mouse(f, 0xf4), ==, ACK);
    for (int i = 0; i < 100; i++) {
        input_rel_event(hub, INPUT_AXIS_X, 9);
        input_sync(hub);
    }
    while ((byte = next(f)) >= 0) {
        g_assert_cmphex(byte & 0xf8, ==, 0x08);
        sum += next(f);
        g_assert_cmphex(next(f), ==, 0);
    }
    g_assert_cmpint(sum, ==, 900);
}

static void test_state_survives_saving(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(mouse(f, 0xf4), ==, ACK);
    key(f, INPUT_KEY_A, true);
    key(f, INPUT_KEY_HOME, true);
    out(f, CMD, 0x60); /* an argument is awaited */
    bare_reload(f->dev);
    g_assert_cmpint(f->kbd.level, ==, 1);
    out(f, DATA, 0x43);
    g_assert_cmphex(next(f), ==, 0x1e);
    g_assert_cmphex(next(f), ==, 0xe0);
    g_assert_cmphex(next(f), ==, 0x47);
    input_rel_event(machine_input(f->box.m), INPUT_AXIS_X, 1);
    input_sync(machine_input(f->box.m));
    g_assert_cmphex(next(f), ==, 0x08);
}

#define ADD(name) g_test_add("/i8042/" #name, struct fixture, NULL, setup, test_##name, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(self_tests);
    ADD(command_byte_reads_back);
    ADD(buffer_loopbacks_interrupt);
    ADD(a20_follows_the_output_port);
    ADD(key_arrives_translated_with_interrupts);
    ADD(port_60_read_twice_gives_the_same_byte);
    ADD(table_of_keys_agrees_with_translation);
    ADD(pause_is_one_long_sequence);
    ADD(keyboard_commands);
    ADD(set_3_reports_breaks_when_told);
    ADD(mouse_wakes_wheel_and_buttons);
    ADD(mouse_packets);
    ADD(mouse_loses_no_movement);
    ADD(state_survives_saving);
    return g_test_run();
}
