/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting a Linux bzImage through firmware: its parts as firmware configuration items.
 *
 * The option ROM in linuxboot_rom.S reads them. The kernel's header is filled in here, as boot
 * loaders do (Linux, Documentation/arch/x86/boot.rst); the set-up code then runs in real mode and
 * asks the firmware for what it wants to know. Without -bios boot.c does all this by itself.
 */
#include "hw/i386/boot.h"

#include "hw/core/firmware.h"
#include "hw/misc/fw_cfg.h"
#include "util/bytes.h"
#include <inttypes.h>
#include <string.h>

enum {
    SETUP_GPA = 0x10000,
    SETUP_MAX = 0x8000, /* the heap follows */
    HEAP_END = 0xe000 - 0x200,
    CMDLINE_GPA = 0x20000,
    KERNEL_GPA = 0x100000,
    ROM_SIGNATURE = 0xaa55,
    PNP_POINTER = 0x1a,
    PNP_SIZE = 32,
    PNP_SUM = 9, /* in the header */
};
/* The firmware keeps its tables at the top of RAM below 4 GiB. */
#define FIRMWARE_RESERVE (2 * MiB)

extern const uint8_t linuxboot_rom[], linuxboot_rom_end[];

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;

    while (len--) {
        s = (uint8_t)(s + *p++);
    }
    return s;
}

/* The ROM with its two sums, that of the header and that of all. */
static bool add_rom(struct pc_machine *pc, GError **error)
{
    size_t len = (size_t)(linuxboot_rom_end - linuxboot_rom);
    g_autofree uint8_t *rom = g_memdup2(linuxboot_rom, len);
    uint16_t pnp = load_le16(rom + PNP_POINTER);

    g_assert(load_le16(rom) == ROM_SIGNATURE && (size_t)pnp + PNP_SIZE <= len);
    rom[pnp + PNP_SUM] = (uint8_t)-sum(rom + pnp, PNP_SIZE);
    rom[len - 1] = (uint8_t)-sum(rom, len);
    return fw_cfg_add_file(&pc->m, LINUXBOOT_ROM_FILE, rom, len, error);
}

static void set_item(struct machine *m, enum fw_cfg_key addr_key, uint32_t addr,
                     enum fw_cfg_key size_key, enum fw_cfg_key data_key, const void *data,
                     size_t len)
{
    fw_cfg_set_u32(m, (uint16_t)addr_key, addr);
    fw_cfg_set_u32(m, (uint16_t)size_key, (uint32_t)len);
    fw_cfg_set(m, (uint16_t)data_key, data, len);
}

/* As high as kernel and firmware allow. */
static bool add_initrd(struct pc_machine *pc, const struct linux_image *k, uint8_t *setup,
                       GError **error)
{
    struct machine *m = &pc->m;
    uint64_t end = pc->ram_below_4g > FIRMWARE_RESERVE ? pc->ram_below_4g - FIRMWARE_RESERVE : 0;
    uint64_t kernel_end = KERNEL_GPA + k->kernel_bytes, gpa;
    g_autofree uint8_t *data = NULL;
    size_t len;

    if (!m->boot.initrd) {
        set_item(m, FW_CFG_INITRD_ADDR, 0, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, NULL, 0);
        return true;
    }
    if (!firmware_read_file("initrd", m->boot.initrd, UINT32_MAX, &data, &len, error)) {
        return false;
    }
    if (k->version >= 0x20a) {
        kernel_end = MAX(kernel_end, load_le64(k->header + LINUX_PREF_ADDRESS) +
                                         load_le32(k->header + LINUX_INIT_SIZE));
    }
    end = MIN(end, k->initrd_max + 1);
    gpa = end > len ? align_down(end - len, RAM_PAGE_SIZE) : 0;
    if (gpa < kernel_end) {
        return fail(error,
                    "initrd '%s' (%llu KiB) does not fit into memory beside the kernel; give"
                    " the machine more with -m",
                    m->boot.initrd, len / KiB);
    }
    set_item(m, FW_CFG_INITRD_ADDR, (uint32_t)gpa, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, data,
             len);
    store_le32(setup + LINUX_RAMDISK_IMAGE, (uint32_t)gpa);
    store_le32(setup + LINUX_RAMDISK_SIZE, (uint32_t)len);
    return true;
}

/* "vga=MODE" is the boot loader's to read; the set-up code finds it in the header. */
static bool set_video_mode(const char *cmdline, uint8_t *setup, GError **error)
{
    static const struct {
        const char *name;
        uint16_t mode;
    } names[] = {{"normal", 0xffff}, {"ext", 0xfffe}, {"ask", 0xfffd}};
    g_auto(GStrv) words = g_strsplit(cmdline, " ", -1);

    for (char **w = words; *w; w++) {
        const char *val = *w + strlen("vga=");
        guint64 mode = 0;
        bool known = false;

        if (!g_str_has_prefix(*w, "vga=")) {
            continue;
        }
        for (unsigned n = 0; n < ARRAY_SIZE(names); n++) {
            if (!strcmp(val, names[n].name)) {
                mode = names[n].mode;
                known = true;
            }
        }
        if (!known) {
            char *end;

            mode = g_ascii_strtoull(val, &end, 0);
            if (end == val || *end || mode > UINT16_MAX) {
                return fail(error, "-append: vga=%s: a mode is a number, normal, ext or ask", val);
            }
        }
        store_le16(setup + LINUX_VID_MODE, (uint16_t)mode);
    }
    return true;
}

static bool add_cmdline(struct pc_machine *pc, const struct linux_image *k, uint8_t *setup,
                        GError **error)
{
    const char *text = pc->m.boot.append ? pc->m.boot.append : "";
    size_t len = strlen(text) + 1;

    if (len > k->cmdline_max) {
        return fail(error, "-append: the command line has %zu characters, this kernel takes %zu",
                    len - 1, k->cmdline_max - 1);
    }
    set_item(&pc->m, FW_CFG_CMDLINE_ADDR, CMDLINE_GPA, FW_CFG_CMDLINE_SIZE, FW_CFG_CMDLINE_DATA,
             text, len);
    store_le32(setup + LINUX_CMD_LINE_PTR, CMDLINE_GPA);
    return true;
}

bool boot_firmware(struct pc_machine *pc, const struct boot_file *f, GError **error)
{
    g_autofree uint8_t *setup = NULL, *kernel = NULL;
    struct linux_image k;

    if (!boot_linux_is(f)) {
        return fail(error,
                    "kernel '%s' is no bzImage, and firmware boots nothing else; leave out"
                    " -bios to boot multiboot and PVH kernels",
                    f->path);
    }
    if (pc->m.boot.dtb) {
        return fail(error, "-dtb: a device tree cannot go through firmware; leave out -bios");
    }
    if (!linux_image_read(f, &k, error)) {
        return false;
    }
    if (k.setup_bytes > SETUP_MAX) {
        return fail(error, "kernel '%s': its set-up code has %u bytes, %d are the most", f->path,
                    k.setup_bytes, SETUP_MAX);
    }
    setup = g_malloc(k.setup_bytes);
    kernel = g_try_malloc(k.kernel_bytes);
    if (!kernel) {
        return fail(error, "no memory for kernel '%s' (%" PRIu64 " bytes)", f->path,
                    k.kernel_bytes);
    }
    if (!boot_file_read(f, 0, setup, k.setup_bytes, error) ||
        !boot_file_read(f, k.setup_bytes, kernel, k.kernel_bytes, error)) {
        return false;
    }
    setup[LINUX_TYPE_OF_LOADER] = LINUX_LOADER_UNKNOWN;
    setup[LINUX_LOADFLAGS] |= LINUX_CAN_USE_HEAP;
    store_le16(setup + LINUX_HEAP_END_PTR, HEAP_END);
    if (!add_initrd(pc, &k, setup, error) || !add_cmdline(pc, &k, setup, error) ||
        !set_video_mode(pc->m.boot.append ? pc->m.boot.append : "", setup, error)) {
        return false;
    }
    set_item(&pc->m, FW_CFG_KERNEL_ADDR, KERNEL_GPA, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA, kernel,
             k.kernel_bytes);
    set_item(&pc->m, FW_CFG_SETUP_ADDR, SETUP_GPA, FW_CFG_SETUP_SIZE, FW_CFG_SETUP_DATA, setup,
             k.setup_bytes);
    pc->boot_rom = true;
    return add_rom(pc, error);
}
