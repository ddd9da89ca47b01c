/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard VGA on the PCI bus ("VGA").
 *
 *   BAR 0  video memory
 *   BAR 2  4 KiB of registers:
 *            0x000  EDID
 *            0x400  the ports 0x3c0 to 0x3df
 *            0x500  the VBE registers, 16 bits each
 *            0x600  size of the following block (8); 0x604 byte order of the video memory
 *   and the legacy ports and the window at 0xa0000, always.
 */
#include "hw/display/edid.h"
#include "hw/display/vga.h"
#include "hw/pci/pci.h"
#include "util/bytes.h"

#define MMIO_SIZE     0x1000
#define MMIO_PORTS    0x400
#define MMIO_DISPI    0x500
#define MMIO_EXTENDED 0x600
#define EXTENDED_SIZE 8

#define ORDER_LITTLE 0x1e1e1e1eu
#define ORDER_BIG    0xbebebebeu

struct vga_pci {
    struct pci_device pci;
    struct vga vga;
    struct region mmio;
    uint8_t edid[EDID_SIZE];

    /* properties */
    uint32_t vgamem_mb, xres, yres;
    bool mmio_on, edid_on, big_endian_fb;
};

static struct vga_pci *from_dev(struct device *dev)
{
    return container_of(dev, struct vga_pci, pci.dev);
}

/* ---- registers in BAR 2 ---- */

static uint64_t ports_read(struct vga_pci *p, uint64_t offset, unsigned size)
{
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)vga_port_read(&p->vga, (uint16_t)(0x3c0 + offset + i)) << (8 * i);
    }
    return val;
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga_pci *p = opaque;

    if (offset + size <= EDID_SIZE) {
        return load_le(p->edid + offset, size);
    }
    if (offset < MMIO_PORTS) {
        return 0;
    }
    if (offset < MMIO_PORTS + 0x20) {
        return ports_read(p, offset - MMIO_PORTS, size);
    }
    if (offset >= MMIO_DISPI && offset < MMIO_DISPI + 2 * DISPI_REGS) {
        uint64_t val = vga_dispi_read(&p->vga, (unsigned)(offset - MMIO_DISPI) / 2);

        return val >> (8 * (offset & 1)) & size_mask(size);
    }
    if (offset == MMIO_EXTENDED) {
        return EXTENDED_SIZE;
    }
    if (offset == MMIO_EXTENDED + 4) {
        return p->vga.big_endian ? ORDER_BIG : ORDER_LITTLE;
    }
    return size_mask(size);
}

static void ports_write(struct vga_pci *p, uint64_t offset, uint64_t val, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        vga_port_write(&p->vga, (uint16_t)(0x3c0 + offset + i), (uint8_t)(val >> (8 * i)));
    }
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct vga_pci *p = opaque;

    if (offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20) {
        ports_write(p, offset - MMIO_PORTS, val, size);
    } else if (offset >= MMIO_DISPI && offset < MMIO_DISPI + 2 * DISPI_REGS && size == 2) {
        vga_dispi_write(&p->vga, (unsigned)(offset - MMIO_DISPI) / 2, (uint16_t)val);
    } else if (offset == MMIO_EXTENDED + 4 && size == 4) {
        if (val == ORDER_BIG || val == ORDER_LITTLE) {
            p->vga.big_endian = val == ORDER_BIG;
            p->vga.redraw = true;
        }
    } else {
        guest_error(&p->pci.dev, "write of %u bytes to register %#x", size, (unsigned)offset);
    }
}

/* Aligned accesses do not straddle two of the blocks. */
static const struct region_ops mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .min_size = 1,
    .max_size = 4,
};

/* ---- life ---- */

static void add_legacy(struct vga_pci *p)
{
    struct pci_bus *bus = p->pci.bus;
    struct vga *v = &p->vga;

    region_add(bus->memory, VGA_LEGACY_ADDR, &v->legacy, /* priority= */ 1);
    for (unsigned i = 0; i < VGA_PORT_RANGES; i++) {
        region_add(bus->io, v->ports[i].first, &v->ports[i].region, /* priority= */ 0);
    }
    region_add(bus->io, VGA_DISPI_PORT, &v->dispi_ports, /* priority= */ 0);
}

static bool vga_pci_realize(struct device *dev, GError **error)
{
    struct vga_pci *p = from_dev(dev);

    if (!vga_init(&p->vga, dev, p->vgamem_mb, error)) {
        return false;
    }
    if (!pci_add_bar(&p->pci, 0, PCI_BAR_MEM | PCI_BAR_PREFETCH, &p->vga.vram, error)) {
        return false;
    }
    if (p->edid_on) {
        edid_make(p->edid, p->xres ? p->xres : 1280, p->yres ? p->yres : 800, "vitro monitor");
    }
    if (p->mmio_on) {
        region_init_io(&p->mmio, &mmio_ops, p, "vga.mmio", MMIO_SIZE);
        if (!pci_add_bar(&p->pci, 2, PCI_BAR_MEM, &p->mmio, error)) {
            return false;
        }
    }
    add_legacy(p);
    return true;
}

static void vga_pci_unrealize(struct device *dev)
{
    struct vga_pci *p = from_dev(dev);

    vga_fini(&p->vga);
    region_fini(&p->mmio);
}

static void vga_pci_reset(struct device *dev)
{
    struct vga_pci *p = from_dev(dev);

    vga_reset(&p->vga);
    p->vga.big_endian = p->big_endian_fb;
}

static const struct property vga_pci_props[] = {
    PROP_U32(struct vga_pci, vgamem_mb, "vgamem_mb", 16, "video memory in MiB, a power of two"),
    PROP_BOOL(struct vga_pci, mmio_on, "mmio", true, "registers in BAR 2"),
    PROP_BOOL(struct vga_pci, edid_on, "edid", true, "an EDID in BAR 2"),
    PROP_U32(struct vga_pci, xres, "xres", 0, "preferred width; 0: 1280"),
    PROP_U32(struct vga_pci, yres, "yres", 0, "preferred height; 0: 800"),
    PROP_BOOL(struct vga_pci, big_endian_fb, "big-endian-framebuffer", false,
              "byte order of the video memory after reset"),
    {0},
};

static const struct state_field vga_pci_fields[] = {
    STATE_STRUCT(struct vga_pci, vga, vga_state),
    {0},
};

static const struct state_table vga_pci_state = {
    .name = "VGA",
    .version = 1,
    .fields = vga_pci_fields,
};

static const struct pci_info vga_pci_info = {
    .vendor = 0x1234,
    .device = 0x1111,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .revision = 2,
    .class_code = 0x030000,
    .rom = "vgabios-stdvga.bin",
    .not_hotpluggable = true,
};

static const struct device_type vga_pci_type = {
    .name = "VGA",
    .description = "standard VGA with Bochs VBE, on PCI",
    .category = DEVICE_DISPLAY,
    .flags = DEVICE_NO_HOTPLUG,
    .bus = BUS_PCI,
    .bus_info = &vga_pci_info,
    .size = sizeof(struct vga_pci),
    .props = vga_pci_props,
    .state = &vga_pci_state,
    .realize = vga_pci_realize,
    .unrealize = vga_pci_unrealize,
    .reset = vga_pci_reset,
};
DEVICE_TYPE(vga_pci_type);
