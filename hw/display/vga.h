/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard VGA with the Bochs VBE extension, without its bus.
 *
 * The owner (vga_pci.c, vga_isa.c) embeds the struct, calls vga_init() in realize(), maps the
 * regions that it wants, and forwards reset and unrealize. Each file of the core has a part of it:
 * vga_regs.c the ports, vga_mem.c the window at 0xa0000, vga_dispi.c the VBE registers, vga_draw.c
 * pictures, vga_text.c text modes.
 *
 * Video memory is kept as the planes lie side by side: byte N of plane P is byte 4 * N + P. In
 * chain-4 and linear modes it is then plain bytes.
 */
#ifndef VITRO_HW_DISPLAY_VGA_H
#define VITRO_HW_DISPLAY_VGA_H

#include "hw/core/device.h"
#include "ui/console.h"

#define VGA_LEGACY_ADDR 0xa0000
#define VGA_LEGACY_SIZE 0x20000
#define VGA_PORT_RANGES 5
#define VGA_DISPI_PORT  0x1ce

enum { VGA_SEQ_REGS = 5, VGA_CRTC_REGS = 0x19, VGA_GFX_REGS = 9, VGA_ATTR_REGS = 0x15 };

enum dispi_reg {
    DISPI_ID,
    DISPI_XRES,
    DISPI_YRES,
    DISPI_BPP,
    DISPI_ENABLE,
    DISPI_BANK,
    DISPI_VIRT_WIDTH,
    DISPI_VIRT_HEIGHT,
    DISPI_X_OFFSET,
    DISPI_Y_OFFSET,
    DISPI_MEMORY_64K,
    DISPI_REGS,
};

enum {
    DISPI_ENABLED = 0x01,
    DISPI_GETCAPS = 0x02,
    DISPI_8BIT_DAC = 0x20,
    DISPI_LINEAR = 0x40,
    DISPI_NO_CLEAR = 0x80,
};

enum vga_kind {
    VGA_BLANK,
    VGA_TEXT,
    VGA_PLANAR, /* 16 colours */
    VGA_CGA,    /* 4 colours, two bits per pixel */
    VGA_CHUNKY, /* 256 colours by the standard registers */
    VGA_LINEAR, /* 8 to 32 bits per pixel by the VBE registers */
};

/* What the registers say about the picture. Compared as bytes: made by memset first. */
struct vga_frame {
    uint32_t kind, bpp;
    uint32_t width, height;
    uint32_t start;        /* counter of the first character or byte; bytes when linear */
    uint32_t offset;       /* from row to row, likewise */
    uint32_t line_compare; /* the last line before the split */
    uint32_t cols;
    uint32_t char_width;  /* text: dots, not doubled */
    uint32_t row_lines;   /* scan lines of one row */
    uint32_t line_repeat; /* how often each line is shown: 1 or 2 */
    uint32_t dot_repeat;
    uint32_t first_row_line, pan;
    uint32_t vbe, big_endian;
};

struct vga_port_range {
    struct vga *vga;
    uint16_t first;
    struct region region;
};

struct vga {
    struct device *dev;
    struct console *console;
    struct ram_block *ram;
    uint32_t vram_bytes;
    struct region vram;      /* all of it, linear */
    struct region legacy;    /* the window at 0xa0000 */
    struct region legacy_io; /* in it: accesses through the planes' logic */
    struct region window;    /* over that: plain memory, when the mode is linear */
    struct vga_port_range ports[VGA_PORT_RANGES];
    struct region dispi_ports;

    uint8_t misc, feature;
    uint8_t seq_index, seq[VGA_SEQ_REGS];
    uint8_t crtc_index, crtc[VGA_CRTC_REGS];
    uint8_t gfx_index, gfx[VGA_GFX_REGS];
    uint8_t attr_index, attr[VGA_ATTR_REGS];
    bool attr_data_next; /* the flip-flop of port 0x3c0 */
    uint8_t pel_mask, dac_read, dac_write, dac_part, dac_hold[3];
    bool dac_reading;
    uint8_t dac[768];
    uint32_t latch;
    uint16_t dispi_index, dispi[DISPI_REGS];
    bool big_endian;

    /* drawing: nothing of it is state */
    struct vga_frame frame;
    bool redraw;     /* a register that shows has changed */
    bool report_all; /* a display wants all of it */
    bool watching;
    unsigned blink_phase;
    uint32_t colors[256]; /* of the DAC, as pixels */
    uint8_t *dirty;       /* byte per page of video memory */
    uint32_t *line;
    size_t line_pixels;
    int damage_x0, damage_x1, damage_y0, damage_y1; /* empty when y1 <= y0 */
};

extern const struct state_table vga_state;

/* @vram_mib: 1 to 256, a power of two. */
bool vga_init(struct vga *v, struct device *dev, uint32_t vram_mib, GError **error);
void vga_fini(struct vga *v); /* fine on a zeroed struct */
void vga_reset(struct vga *v);

/* ---- vga_regs.c: one byte of ports 0x3b4 to 0x3da ---- */
uint8_t vga_port_read(struct vga *v, uint16_t port);
void vga_port_write(struct vga *v, uint16_t port, uint8_t val);
extern const uint16_t vga_port_firsts[VGA_PORT_RANGES];

/* ---- vga_mem.c ---- */
extern const struct region_ops vga_legacy_ops;
/* After a change of the registers that say what the window shows. */
void vga_window_changed(struct vga *v);

/* ---- vga_dispi.c ---- */
extern const struct region_ops vga_dispi_ops; /* opaque: the struct vga */
uint16_t vga_dispi_read(struct vga *v, unsigned reg);
void vga_dispi_write(struct vga *v, unsigned reg, uint16_t val);
bool vga_dispi_on(const struct vga *v);
/* Bytes from line to line of a linear mode; of one plane when it has four bits per pixel. */
uint32_t vga_dispi_stride(const struct vga *v);
/* Makes values from outside harmless. */
void vga_dispi_check(struct vga *v);

/* ---- vga_draw.c, vga_text.c ---- */
extern const struct console_ops vga_console_ops;
void vga_get_frame(const struct vga *v, struct vga_frame *ret);
/* Where the CRTC's counter reads in each plane. */
uint32_t vga_crtc_address(const struct vga *v, uint32_t counter, unsigned row_line);
/* Counter and line in the row of picture line @y. */
void vga_locate(const struct vga_frame *f, unsigned y, uint32_t *ret_counter,
                unsigned *ret_row_line);
/* One of the sixteen attribute colours as a pixel. */
uint32_t vga_attr_color(const struct vga *v, unsigned index);
void vga_text_line(const struct vga *v, const struct vga_frame *f, unsigned y, uint32_t *out);
bool vga_text_cells(void *opaque, struct console_text *ret);

#endif
