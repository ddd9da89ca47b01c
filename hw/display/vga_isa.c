/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard VGA on the ISA bus ("isa-vga").
 *
 * The linear video memory is at 0xe0000000, where Bochs VBE drivers look for it on cards without
 * PCI. The firmware finds the video BIOS in the file vgaroms/vgabios-isavga.bin.
 */
#include "hw/core/firmware.h"
#include "hw/display/vga.h"
#include "hw/isa/isa.h"
#include "hw/misc/fw_cfg.h"

#define LINEAR_ADDR 0xe0000000u
#define BIOS_MAX    0x10000
#define BIOS_FILE   "vgabios-isavga.bin"

struct vga_isa {
    struct isa_device isa;
    struct vga vga;

    /* properties */
    uint32_t vgamem_mb;
};

static struct vga_isa *from_dev(struct device *dev)
{
    return container_of(dev, struct vga_isa, isa.dev);
}

/* Without the file the card works and only firmware misses its BIOS. */
static bool load_bios(struct device *dev, GError **error)
{
    g_autofree uint8_t *data = NULL;
    GError *missing = NULL;
    size_t len;

    if (firmware_load(dev->machine, BIOS_FILE, BIOS_MAX, &data, &len, &missing)) {
        return fw_cfg_add_file(dev->machine, "vgaroms/" BIOS_FILE, data, len, error);
    }
    if (g_error_matches(missing, vitro_error_quark(), ERROR_NOT_FOUND)) {
        g_error_free(missing);
        return true;
    }
    g_propagate_error(error, missing);
    return false;
}

static bool vga_isa_realize(struct device *dev, GError **error)
{
    struct vga_isa *s = from_dev(dev);
    struct vga *v = &s->vga;

    if (!vga_init(v, dev, s->vgamem_mb, error)) {
        return false;
    }
    for (unsigned i = 0; i < VGA_PORT_RANGES; i++) {
        if (!isa_map_io(&s->isa, v->ports[i].first, &v->ports[i].region, error)) {
            return false;
        }
    }
    return isa_map_io(&s->isa, VGA_DISPI_PORT, &v->dispi_ports, error) &&
           isa_map_memory(&s->isa, VGA_LEGACY_ADDR, &v->legacy, error) &&
           isa_map_memory(&s->isa, LINEAR_ADDR, &v->vram, error) && load_bios(dev, error);
}

static void vga_isa_unrealize(struct device *dev)
{
    vga_fini(&from_dev(dev)->vga);
}

static void vga_isa_reset(struct device *dev)
{
    vga_reset(&from_dev(dev)->vga);
}

static const struct property vga_isa_props[] = {
    PROP_U32(struct vga_isa, vgamem_mb, "vgamem_mb", 8, "video memory in MiB, a power of two"),
    {0},
};

static const struct state_field vga_isa_fields[] = {
    STATE_STRUCT(struct vga_isa, vga, vga_state),
    {0},
};

static const struct state_table vga_isa_state = {
    .name = "isa-vga",
    .version = 1,
    .fields = vga_isa_fields,
};

static const struct device_type vga_isa_type = {
    .name = "isa-vga",
    .description = "standard VGA with Bochs VBE, on ISA",
    .category = DEVICE_DISPLAY,
    .flags = DEVICE_NO_HOTPLUG,
    .bus = BUS_ISA,
    .size = sizeof(struct vga_isa),
    .props = vga_isa_props,
    .state = &vga_isa_state,
    .realize = vga_isa_realize,
    .unrealize = vga_isa_unrealize,
    .reset = vga_isa_reset,
};
DEVICE_TYPE(vga_isa_type);
