/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VGA: processor accesses to the window at 0xa0000, through the planes' logic.
 *
 * A byte address becomes an offset in the planes and a choice of planes: one of four (chain 4), of
 * the even or odd ones (odd/even, text), or all that the map mask lets through. When the logic is
 * transparent (chain 4 or a linear VBE mode, nothing masked or combined) the window is plain
 * memory instead and no access comes here.
 */
#include "hw/display/vga.h"

#include "hw/core/machine.h"
#include "util/bytes.h"

enum { SEQ4_EXTENDED = 0x02, SEQ4_NO_ODD_EVEN = 0x04, SEQ4_CHAIN4 = 0x08 };
enum { GFX5_READ_COMPARE = 0x08, GFX5_READ_ODD_EVEN = 0x10 };
enum { GFX6_CHAIN_ODD_EVEN = 0x02 };
enum { MISC_RAM = 0x02 };

/* Where one access goes. */
struct place {
    uint64_t offset;      /* in each plane */
    uint8_t write_planes; /* bit per plane that the addressing reaches */
    uint8_t read_plane;
};

/* Four times the byte @val. */
static uint32_t spread(uint8_t val)
{
    return val * 0x01010101u;
}

/* Byte n is 0xff when bit n of @planes is set. */
static uint32_t plane_mask(unsigned planes)
{
    static const uint32_t masks[16] = {
        0x00000000, 0x000000ff, 0x0000ff00, 0x0000ffff, 0x00ff0000, 0x00ff00ff,
        0x00ffff00, 0x00ffffff, 0xff000000, 0xff0000ff, 0xff00ff00, 0xff00ffff,
        0xffff0000, 0xffff00ff, 0xffffff00, 0xffffffff,
    };

    return masks[planes & 15];
}

/* Offset within the part of the window that the mode uses; false outside of it. */
static bool in_window(const struct vga *v, uint64_t addr, uint64_t *ret)
{
    static const struct {
        uint32_t first, size;
    } windows[4] = {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};
    unsigned map = v->gfx[6] >> 2 & 3;

    if (!(v->misc & MISC_RAM) || addr < windows[map].first ||
        addr - windows[map].first >= windows[map].size) {
        return false;
    }
    *ret = addr - windows[map].first;
    return true;
}

static bool find_place(const struct vga *v, uint64_t addr, struct place *ret)
{
    uint64_t bank = vga_dispi_on(v) ? v->dispi[DISPI_BANK] : 0;
    bool linear = vga_dispi_on(v) && v->dispi[DISPI_BPP] > 4;

    if (!in_window(v, addr, &addr)) {
        return false;
    }
    *ret = (struct place){addr + (bank << 16), 0xf, v->gfx[4] & 3};
    if (linear || (v->seq[4] & SEQ4_CHAIN4)) {
        ret->write_planes = (uint8_t)(1u << (addr & 3));
        ret->read_plane = addr & 3;
        ret->offset >>= 2;
    } else {
        if (!(v->seq[4] & SEQ4_NO_ODD_EVEN)) {
            ret->write_planes = addr & 1 ? 0xa : 0x5;
        }
        if (v->gfx[5] & GFX5_READ_ODD_EVEN) {
            ret->read_plane = (ret->read_plane & 2) | (addr & 1);
        }
        if (v->gfx[6] & GFX6_CHAIN_ODD_EVEN) {
            ret->offset &= ~1ULL;
        }
        if (!vga_dispi_on(v)) {
            ret->offset &= 0xffff;
        }
    }
    return ret->offset < v->vram_bytes / 4;
}

/* ---- reading ---- */

/* Read mode 1: bit n is set where the pixel equals the colour in the planes that count. */
static uint8_t compare_colors(const struct vga *v)
{
    uint32_t differ = (v->latch ^ plane_mask(v->gfx[2])) & plane_mask(v->gfx[7]);

    differ |= differ >> 16;
    differ |= differ >> 8;
    return ~differ & 0xff;
}

static uint64_t legacy_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga *v = opaque;
    struct place p;

    (void)size;
    if (!find_place(v, offset, &p)) {
        return 0xff;
    }
    v->latch = load_le32(v->ram->host + 4 * p.offset);
    if (v->gfx[5] & GFX5_READ_COMPARE) {
        return compare_colors(v);
    }
    return v->latch >> (8 * p.read_plane) & 0xff;
}

/* ---- writing ---- */

static uint8_t rotate(const struct vga *v, uint8_t val)
{
    unsigned n = v->gfx[3] & 7;

    return (uint8_t)(val >> n | val << (8 - n));
}

/* Combines with the latches: replace, AND, OR, XOR. */
static uint32_t combine(const struct vga *v, uint32_t val)
{
    switch (v->gfx[3] >> 3 & 3) {
    case 1:
        return val & v->latch;
    case 2:
        return val | v->latch;
    case 3:
        return val ^ v->latch;
    default:
        return val;
    }
}

/* What the four planes get for the byte @val, by the write mode. */
static uint32_t write_value(const struct vga *v, uint8_t val)
{
    uint32_t bits = spread(v->gfx[8]), out, fixed;

    switch (v->gfx[5] & 3) {
    case 0:
        fixed = plane_mask(v->gfx[1]);
        out = (spread(rotate(v, val)) & ~fixed) | (plane_mask(v->gfx[0]) & fixed);
        out = combine(v, out);
        break;
    case 1:
        return v->latch;
    case 2:
        out = combine(v, plane_mask(val));
        break;
    default:
        bits &= spread(rotate(v, val));
        out = plane_mask(v->gfx[0]);
        break;
    }
    return (out & bits) | (v->latch & ~bits);
}

static void legacy_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct vga *v = opaque;
    struct place p;
    uint32_t mask, old;
    bool linear = vga_dispi_on(v) && v->dispi[DISPI_BPP] > 4;

    (void)size;
    if (!find_place(v, offset, &p)) {
        return;
    }
    mask = plane_mask(p.write_planes & (linear ? 0xf : v->seq[2]));
    old = load_le32(v->ram->host + 4 * p.offset);
    val = linear ? spread((uint8_t)val) : write_value(v, (uint8_t)val);
    store_le32(v->ram->host + 4 * p.offset, (old & ~mask) | ((uint32_t)val & mask));
    ram_block_written(v->ram, 4 * p.offset, 4);
}

const struct region_ops vga_legacy_ops = {
    .read = legacy_read,
    .write = legacy_write,
    .min_size = 1,
    .max_size = 1,
};

/* ---- plain memory ---- */

/* Nothing in the graphics controller or the map mask changes a byte on its way. */
static bool transparent(const struct vga *v)
{
    return (v->seq[4] & SEQ4_CHAIN4) && v->seq[2] == 0xf && !v->gfx[1] && !(v->gfx[3] & 0x1f) &&
           !(v->gfx[5] & (GFX5_READ_COMPARE | 3)) && v->gfx[8] == 0xff;
}

void vga_window_changed(struct vga *v)
{
    bool linear = vga_dispi_on(v) && v->dispi[DISPI_BPP] > 4;
    uint64_t offset = vga_dispi_on(v) ? (uint64_t)v->dispi[DISPI_BANK] << 16 : 0;
    bool plain = (linear || transparent(v)) && (v->misc & MISC_RAM) && (v->gfx[6] >> 2 & 3) == 1 &&
                 offset + 0x10000 <= v->vram_bytes;

    if (plain == v->window.enabled && (!plain || offset == v->window.alias_offset)) {
        return;
    }
    address_space_begin(&v->dev->machine->memory);
    if (plain) {
        region_set_alias_offset(&v->window, offset);
    }
    region_set_enabled(&v->window, plain);
    address_space_commit(&v->dev->machine->memory);
}
