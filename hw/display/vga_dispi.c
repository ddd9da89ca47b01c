/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VGA: the Bochs VBE registers ("dispi"), for modes beyond the standard ones.
 *
 *   port 0x1ce          index
 *   port 0x1cf, 0x1d0   data, 16 bits
 *
 * Values that do not fit the video memory are cut down when they are written, so that drawing and
 * the window never leave it.
 */
#include "hw/display/vga.h"

#include <string.h>

enum { ID_FIRST = 0xb0c0, ID_LAST = 0xb0c5 };
enum { MAX_XRES = 16000, MAX_YRES = 12000, MAX_BPP = 32 };

bool vga_dispi_on(const struct vga *v)
{
    return v->dispi[DISPI_ENABLE] & DISPI_ENABLED;
}

static uint32_t stride_for(uint32_t width, uint32_t bpp)
{
    return bpp == 4 ? width / 8 : width * ((bpp + 7) / 8);
}

uint32_t vga_dispi_stride(const struct vga *v)
{
    return stride_for(v->dispi[DISPI_VIRT_WIDTH], v->dispi[DISPI_BPP]);
}

/* What there is of memory in the units of the stride. */
static uint32_t memory_units(const struct vga *v)
{
    return v->dispi[DISPI_BPP] == 4 ? v->vram_bytes / 4 : v->vram_bytes;
}

static bool known_bpp(uint32_t bpp)
{
    return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32;
}

void vga_dispi_check(struct vga *v)
{
    uint16_t *r = v->dispi;
    uint32_t stride, lines;

    r[DISPI_ID] = CLAMP(r[DISPI_ID], ID_FIRST, ID_LAST);
    r[DISPI_MEMORY_64K] = (uint16_t)(v->vram_bytes >> 16);
    if (!vga_dispi_on(v)) {
        return; /* the rest means nothing before it is switched on, and is checked then */
    }
    if (!known_bpp(r[DISPI_BPP])) {
        r[DISPI_BPP] = 8;
    }
    r[DISPI_XRES] = CLAMP(r[DISPI_XRES] & ~7, 8, MAX_XRES);
    r[DISPI_VIRT_WIDTH] = MAX(r[DISPI_VIRT_WIDTH] & ~7, r[DISPI_XRES]);
    stride = vga_dispi_stride(v);
    if (stride > memory_units(v)) { /* not even one line */
        r[DISPI_XRES] = r[DISPI_VIRT_WIDTH] = 8;
        stride = vga_dispi_stride(v);
    }
    lines = MIN(memory_units(v) / stride, (uint32_t)UINT16_MAX);
    r[DISPI_VIRT_HEIGHT] = (uint16_t)lines;
    r[DISPI_YRES] = (uint16_t)CLAMP((uint32_t)r[DISPI_YRES], 1u, MIN(lines, (uint32_t)MAX_YRES));
    r[DISPI_X_OFFSET] = MIN(r[DISPI_X_OFFSET], r[DISPI_VIRT_WIDTH] - r[DISPI_XRES]);
    r[DISPI_Y_OFFSET] = (uint16_t)MIN((uint32_t)r[DISPI_Y_OFFSET], lines - r[DISPI_YRES]);
    r[DISPI_BANK] &= (v->vram_bytes >> 16) - 1;
}

static void switch_on(struct vga *v, uint16_t val)
{
    v->dispi[DISPI_VIRT_WIDTH] = v->dispi[DISPI_XRES];
    v->dispi[DISPI_X_OFFSET] = v->dispi[DISPI_Y_OFFSET] = v->dispi[DISPI_BANK] = 0;
    vga_dispi_check(v);
    if (!(val & DISPI_NO_CLEAR)) {
        uint32_t bytes = vga_dispi_stride(v) * v->dispi[DISPI_YRES];

        bytes = v->dispi[DISPI_BPP] == 4 ? bytes * 4 : bytes;
        memset(v->ram->host, 0, MIN(bytes, v->vram_bytes));
        ram_block_written(v->ram, 0, MIN(bytes, v->vram_bytes));
    }
}

/* From 8 to 6 bits per colour or back: the colours stay, their numbers change. */
static void convert_dac(struct vga *v, bool to_8_bits)
{
    for (size_t i = 0; i < sizeof(v->dac); i++) {
        uint8_t c = v->dac[i];

        v->dac[i] = to_8_bits ? (uint8_t)(c << 2 | c >> 4) : c >> 2;
    }
}

static void write_enable(struct vga *v, uint16_t val)
{
    uint16_t old = v->dispi[DISPI_ENABLE];

    v->dispi[DISPI_ENABLE] = val & ~DISPI_NO_CLEAR;
    if ((val ^ old) & DISPI_8BIT_DAC) {
        convert_dac(v, val & DISPI_8BIT_DAC);
    }
    if ((val & DISPI_ENABLED) && !(old & DISPI_ENABLED)) {
        switch_on(v, val);
    }
}

uint16_t vga_dispi_read(struct vga *v, unsigned reg)
{
    if (reg >= DISPI_REGS) {
        return 0;
    }
    if (v->dispi[DISPI_ENABLE] & DISPI_GETCAPS) {
        switch (reg) {
        case DISPI_XRES:
            return MAX_XRES;
        case DISPI_YRES:
            return MAX_YRES;
        case DISPI_BPP:
            return MAX_BPP;
        }
    }
    return v->dispi[reg];
}

void vga_dispi_write(struct vga *v, unsigned reg, uint16_t val)
{
    switch (reg) {
    case DISPI_ID:
        if (val >= ID_FIRST && val <= ID_LAST) {
            v->dispi[DISPI_ID] = val;
        }
        return;
    case DISPI_XRES:
    case DISPI_YRES:
    case DISPI_BPP:
        if (vga_dispi_on(v)) {
            return; /* fixed while the mode is on */
        }
        v->dispi[reg] = val;
        return; /* checked when it is switched on */
    case DISPI_ENABLE:
        write_enable(v, val);
        break;
    case DISPI_BANK:
    case DISPI_VIRT_WIDTH:
    case DISPI_X_OFFSET:
    case DISPI_Y_OFFSET:
        v->dispi[reg] = val;
        if (vga_dispi_on(v)) {
            vga_dispi_check(v);
        }
        break;
    default: /* read-only, or none */
        return;
    }
    v->redraw |= reg != DISPI_BANK;
    vga_window_changed(v);
}

/* Offset 0 is the index; 1 and 2 are both the data. */
static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga *v = opaque;

    if (size == 1 && offset > 2) {
        return 0xff;
    }
    return offset == 0 ? v->dispi_index : vga_dispi_read(v, v->dispi_index);
}

static void ports_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct vga *v = opaque;

    (void)size;
    if (offset == 0) {
        v->dispi_index = (uint16_t)val;
    } else if (offset <= 2) {
        vga_dispi_write(v, v->dispi_index, (uint16_t)val);
    }
}

const struct region_ops vga_dispi_ops = {
    .read = ports_read,
    .write = ports_write,
    .min_size = 1,
    .max_size = 2,
    .accepts_unaligned = true, /* the data port is odd */
};
