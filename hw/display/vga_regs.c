/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VGA: the standard registers, their state, and the core's life.
 *
 * After the IBM VGA technical reference. Registers hold their values in arrays as the guest wrote
 * them; what they mean is worked out when somebody looks at the picture.
 *
 * Absent: the vertical interrupt (IRQ 2), the light pen, the feature connector, the retrace at the
 * exact moment: status register 1 shows a 60 Hz picture of 525 lines whatever the CRTC says.
 */
#include "hw/display/vga.h"

#include "hw/core/machine_ui.h"
#include <string.h>

enum { MISC_COLOR = 0x01 };
enum { ATTR_SCREEN_ON = 0x20 };
enum { STATUS1_BLANK = 0x01, STATUS1_RETRACE = 0x08 };

#define LINE_NS       31778 /* 31.47 kHz */
#define LINE_SHOWN_NS 25422
#define FRAME_LINES   525
#define SHOWN_LINES   480

const uint16_t vga_port_firsts[VGA_PORT_RANGES] = {0x3b4, 0x3ba, 0x3c0, 0x3d4, 0x3da};
static const uint8_t port_counts[VGA_PORT_RANGES] = {2, 1, 16, 2, 1};

/* The bits of each register that exist. */
static const uint8_t seq_bits[VGA_SEQ_REGS] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
static const uint8_t gfx_bits[VGA_GFX_REGS] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03,
                                               0x7b, 0x0f, 0x0f, 0xff};

/* ---- status ---- */

static uint8_t read_status1(struct vga *v)
{
    int64_t now = clock_now_ns(&v->dev->machine->clock_virtual);
    int64_t in_frame = now % ((int64_t)LINE_NS * FRAME_LINES);
    int64_t line = in_frame / LINE_NS;

    v->attr_data_next = false;
    if (line >= SHOWN_LINES + 10 && line < SHOWN_LINES + 12) {
        return STATUS1_BLANK | STATUS1_RETRACE;
    }
    if (line >= SHOWN_LINES || in_frame % LINE_NS >= LINE_SHOWN_NS) {
        return STATUS1_BLANK;
    }
    return 0;
}

/* The monitor senses a colour display: the switch reads 1 for DAC values that light it up. */
static uint8_t read_status0(const struct vga *v)
{
    unsigned sum = v->dac[0] + v->dac[1] + v->dac[2];

    return sum >= 0x4e ? 0x10 : 0x00;
}

/* ---- attribute controller and DAC ---- */

static void write_attr(struct vga *v, uint8_t val)
{
    unsigned index = v->attr_index & 0x1f;

    if (!v->attr_data_next) {
        v->redraw |= (v->attr_index ^ val) & ATTR_SCREEN_ON;
        v->attr_index = val & 0x3f;
    } else if (index < VGA_ATTR_REGS && (index >= 0x10 || !(v->attr_index & ATTR_SCREEN_ON))) {
        v->attr[index] = index < 0x10 ? val & 0x3f : val;
        v->redraw = true;
    }
    v->attr_data_next = !v->attr_data_next;
}

static uint8_t read_dac(struct vga *v)
{
    uint8_t val = v->dac[v->dac_read * 3 + v->dac_part];

    v->dac_part = (v->dac_part + 1) % 3;
    if (v->dac_part == 0) {
        v->dac_read++;
    }
    return val;
}

static void write_dac(struct vga *v, uint8_t val)
{
    v->dac_hold[v->dac_part] = v->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC ? val : val & 0x3f;
    v->dac_part = (v->dac_part + 1) % 3;
    if (v->dac_part == 0) {
        memcpy(&v->dac[v->dac_write * 3], v->dac_hold, 3);
        v->dac_write++;
        v->redraw = true;
    }
}

/* ---- sequencer, CRTC, graphics controller ---- */

static void write_seq(struct vga *v, uint8_t val)
{
    if (v->seq_index < VGA_SEQ_REGS) {
        v->seq[v->seq_index] = val & seq_bits[v->seq_index];
        v->redraw = true;
        vga_window_changed(v);
    }
}

static void write_gfx(struct vga *v, uint8_t val)
{
    if (v->gfx_index < VGA_GFX_REGS) {
        v->gfx[v->gfx_index] = val & gfx_bits[v->gfx_index];
        v->redraw |= v->gfx_index == 5 || v->gfx_index == 6;
        vga_window_changed(v);
    }
}

static void write_crtc(struct vga *v, uint8_t val)
{
    uint8_t index = v->crtc_index;

    if (index >= VGA_CRTC_REGS) {
        return;
    }
    if (index <= 7 && (v->crtc[0x11] & 0x80)) { /* protected, but for the line compare bit */
        if (index != 7) {
            return;
        }
        val = (v->crtc[7] & ~0x10) | (val & 0x10);
    }
    v->redraw |= v->crtc[index] != val;
    v->crtc[index] = val;
}

/* ---- ports ---- */

/* The CRTC and status 1 answer at 0x3dx or 0x3bx, by the miscellaneous output register. */
static bool port_answers(const struct vga *v, uint16_t port)
{
    bool color = v->misc & MISC_COLOR;

    return port >> 4 == 0x3c || (port >> 4 == 0x3d && color) || (port >> 4 == 0x3b && !color);
}

uint8_t vga_port_read(struct vga *v, uint16_t port)
{
    if (!port_answers(v, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0:
        return v->attr_index;
    case 0x3c1:
        return (v->attr_index & 0x1f) < VGA_ATTR_REGS ? v->attr[v->attr_index & 0x1f] : 0;
    case 0x3c2:
        return read_status0(v);
    case 0x3c4:
        return v->seq_index;
    case 0x3c5:
        return v->seq_index < VGA_SEQ_REGS ? v->seq[v->seq_index] : 0;
    case 0x3c6:
        return v->pel_mask;
    case 0x3c7:
        return v->dac_reading ? 3 : 0;
    case 0x3c8:
        return v->dac_write;
    case 0x3c9:
        return read_dac(v);
    case 0x3ca:
        return v->feature;
    case 0x3cc:
        return v->misc;
    case 0x3ce:
        return v->gfx_index;
    case 0x3cf:
        return v->gfx_index < VGA_GFX_REGS ? v->gfx[v->gfx_index] : 0;
    case 0x3b4:
    case 0x3d4:
        return v->crtc_index;
    case 0x3b5:
    case 0x3d5:
        return v->crtc_index < VGA_CRTC_REGS ? v->crtc[v->crtc_index] : 0;
    case 0x3ba:
    case 0x3da:
        return read_status1(v);
    default:
        return 0xff;
    }
}

void vga_port_write(struct vga *v, uint16_t port, uint8_t val)
{
    if (!port_answers(v, port)) {
        return;
    }
    switch (port) {
    case 0x3c0:
        write_attr(v, val);
        break;
    case 0x3c2:
        v->misc = val & ~0x10;
        v->redraw = true;
        vga_window_changed(v);
        break;
    case 0x3c4:
        v->seq_index = val & 7;
        break;
    case 0x3c5:
        write_seq(v, val);
        break;
    case 0x3c6:
        v->pel_mask = val;
        v->redraw = true;
        break;
    case 0x3c7:
        v->dac_read = val;
        v->dac_part = 0;
        v->dac_reading = true;
        break;
    case 0x3c8:
        v->dac_write = val;
        v->dac_part = 0;
        v->dac_reading = false;
        break;
    case 0x3c9:
        write_dac(v, val);
        break;
    case 0x3ce:
        v->gfx_index = val & 0xf;
        break;
    case 0x3cf:
        write_gfx(v, val);
        break;
    case 0x3b4:
    case 0x3d4:
        v->crtc_index = val;
        break;
    case 0x3b5:
    case 0x3d5:
        write_crtc(v, val);
        break;
    case 0x3ba:
    case 0x3da:
        v->feature = val & 3;
        break;
    default:
        break;
    }
}

static uint64_t range_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga_port_range *r = opaque;

    (void)size;
    return vga_port_read(r->vga, (uint16_t)(r->first + offset));
}

static void range_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct vga_port_range *r = opaque;

    (void)size;
    vga_port_write(r->vga, (uint16_t)(r->first + offset), (uint8_t)val);
}

static const struct region_ops range_ops = {
    .read = range_read,
    .write = range_write,
    .min_size = 1,
    .max_size = 1,
};

/* ---- state ---- */

static bool vga_loaded(void *base, unsigned version, GError **error)
{
    struct vga *v = base;

    (void)version, (void)error;
    v->attr_index &= 0x3f;
    v->seq_index &= 7;
    v->gfx_index &= 0xf;
    v->dac_part %= 3;
    for (unsigned i = 0; i < VGA_SEQ_REGS; i++) {
        v->seq[i] &= seq_bits[i];
    }
    for (unsigned i = 0; i < VGA_GFX_REGS; i++) {
        v->gfx[i] &= gfx_bits[i];
    }
    vga_dispi_check(v);
    vga_window_changed(v);
    v->redraw = v->report_all = true;
    return true;
}

static const struct state_field vga_fields[] = {
    STATE_U8(struct vga, misc),
    STATE_U8(struct vga, feature),
    STATE_U8(struct vga, seq_index),
    STATE_BYTES(struct vga, seq),
    STATE_U8(struct vga, crtc_index),
    STATE_BYTES(struct vga, crtc),
    STATE_U8(struct vga, gfx_index),
    STATE_BYTES(struct vga, gfx),
    STATE_U8(struct vga, attr_index),
    STATE_BYTES(struct vga, attr),
    STATE_BOOL(struct vga, attr_data_next),
    STATE_U8(struct vga, pel_mask),
    STATE_U8(struct vga, dac_read),
    STATE_U8(struct vga, dac_write),
    STATE_U8(struct vga, dac_part),
    STATE_BYTES(struct vga, dac_hold),
    STATE_BOOL(struct vga, dac_reading),
    STATE_BYTES(struct vga, dac),
    STATE_U32(struct vga, latch),
    STATE_U16(struct vga, dispi_index),
    STATE_ARRAY(struct vga, dispi),
    STATE_BOOL(struct vga, big_endian),
    {0},
};

const struct state_table vga_state = {
    .name = "vga",
    .version = 1,
    .fields = vga_fields,
    .post_load = vga_loaded,
};

/* ---- life ---- */

static void init_regions(struct vga *v)
{
    region_init_ram(&v->vram, v->ram, "vga.vram");
    region_init_container(&v->legacy, "vga-legacy", VGA_LEGACY_SIZE);
    region_init_io(&v->legacy_io, &vga_legacy_ops, v, "vga-planes", VGA_LEGACY_SIZE);
    region_init_alias(&v->window, "vga-window", &v->vram, 0, 0x10000);
    region_set_enabled(&v->window, false);
    region_add(&v->legacy, 0, &v->legacy_io, /* priority= */ 0);
    region_add(&v->legacy, 0, &v->window, /* priority= */ 1);
    for (unsigned i = 0; i < VGA_PORT_RANGES; i++) {
        struct vga_port_range *r = &v->ports[i];

        r->vga = v;
        r->first = vga_port_firsts[i];
        region_init_io(&r->region, &range_ops, r, "vga", port_counts[i]);
    }
    region_init_io(&v->dispi_ports, &vga_dispi_ops, v, "vga-vbe", 4);
}

bool vga_init(struct vga *v, struct device *dev, uint32_t vram_mib, GError **error)
{
    struct ram_block *ram;

    if (!is_power_of_2(vram_mib) || vram_mib > 256) {
        return fail(error, "%s: vgamem_mb=%u: it must be a power of two from 1 to 256",
                    dev->type->name, vram_mib);
    }
    ram = ram_block_new("vga.vram", vram_mib * MiB, 0, error);
    if (!ram) {
        return false;
    }
    machine_add_ram(dev->machine, ram);
    v->dev = dev;
    v->ram = ram;
    v->vram_bytes = (uint32_t)(vram_mib * MiB);
    v->dirty = g_malloc0(v->vram_bytes >> RAM_PAGE_BITS);
    init_regions(v);
    v->console = console_new(machine_consoles(dev->machine), dev->id ? dev->id : dev->type->name,
                             &vga_console_ops, v);
    v->redraw = v->report_all = true;
    return true;
}

void vga_fini(struct vga *v)
{
    if (!v->dev) {
        return;
    }
    console_free(v->console);
    for (unsigned i = 0; i < VGA_PORT_RANGES; i++) {
        region_fini(&v->ports[i].region);
    }
    region_fini(&v->dispi_ports);
    region_fini(&v->window);
    region_fini(&v->legacy_io);
    region_fini(&v->legacy);
    region_fini(&v->vram);
    if (v->watching) {
        ram_block_unwatch(v->ram, DIRTY_DISPLAY);
    }
    g_free(v->dirty);
    g_free(v->line);
    v->dev = NULL;
}

void vga_reset(struct vga *v)
{
    v->misc = MISC_COLOR;
    v->feature = 0;
    v->seq_index = v->crtc_index = v->gfx_index = v->attr_index = 0;
    memset(v->seq, 0, sizeof(v->seq));
    memset(v->crtc, 0, sizeof(v->crtc));
    memset(v->gfx, 0, sizeof(v->gfx));
    memset(v->attr, 0, sizeof(v->attr));
    memset(v->dac, 0, sizeof(v->dac));
    memset(v->dac_hold, 0, sizeof(v->dac_hold));
    v->gfx[8] = 0xff;
    v->attr_data_next = v->dac_reading = v->big_endian = false;
    v->pel_mask = 0xff;
    v->dac_read = v->dac_write = v->dac_part = 0;
    v->latch = 0;
    v->dispi_index = 0;
    memset(v->dispi, 0, sizeof(v->dispi));
    v->dispi[DISPI_ID] = 0xb0c5;
    v->dispi[DISPI_MEMORY_64K] = (uint16_t)(v->vram_bytes >> 16);
    /* Video memory keeps what it holds, as chips do. */
    vga_window_changed(v);
    v->redraw = v->report_all = true;
}
