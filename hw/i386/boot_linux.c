/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting a Linux bzImage without firmware.
 *
 * Linux, Documentation/arch/x86/boot.rst. The kernel proper goes to its preferred address, the
 * initrd as high as the kernel allows, the parameters (the "zero page") below 640 KiB. A 64-bit
 * kernel is entered in long mode with the first 4 GiB mapped, 0x200 bytes into the kernel proper;
 * others at its start in protected mode. The real-mode part of the image is not run: what it finds
 * out from a BIOS, the parameters say.
 *
 * Absent: a text screen for the kernel: no firmware has set a video mode. Kernels before protocol
 * 2.02 (Linux 2.4.0), and zImages.
 */
#include "hw/i386/boot.h"

#include "hw/core/firmware.h"
#include "util/bytes.h"
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

enum {
    SECTOR = 512,
    HEADER_START = 0x1f1,
    MAGIC = 0x53726448, /* "HdrS" */
    PROTOCOL_MIN = 0x202,
    DEFAULT_SETUP_SECTS = 4,
    DEFAULT_INITRD_MAX = 0x37ffffff,
    DEFAULT_CMDLINE_MAX = 255,
    DEFAULT_LOAD = 0x100000,
    ENTRY_64 = 0x200,
    /* struct boot_params */
    PARAMS_SIZE = 4096,
    PARAMS_RSDP = 0x070,
    PARAMS_E820_COUNT = 0x1e8,
    PARAMS_E820 = 0x2d0,
    E820_SIZE = 20,
    SETUP_DTB = 2,
    SETUP_DATA_HEADER = 16,
    DTB_MAX = 1024 * 1024,
};

bool boot_linux_is(const struct boot_file *f)
{
    uint8_t head[LINUX_VERSION];

    return f->size >= sizeof(head) && boot_file_read(f, 0, head, sizeof(head), NULL) &&
           load_le16(head + LINUX_BOOT_FLAG) == 0xaa55 && load_le32(head + LINUX_HEADER) == MAGIC;
}

bool linux_image_read(const struct boot_file *f, struct linux_image *ret, GError **error)
{
    uint8_t *h = ret->header;
    unsigned sectors, end;
    uint64_t need;

    memset(ret, 0, sizeof(*ret));
    if (!boot_file_read(f, 0, h, MIN(f->size, (uint64_t)LINUX_HEADER_MAX), error)) {
        return false;
    }
    ret->version = load_le16(h + LINUX_VERSION);
    if (ret->version < PROTOCOL_MIN || !(h[LINUX_LOADFLAGS] & LINUX_LOADED_HIGH)) {
        return fail(error, "kernel '%s' is older than Linux 2.4 or a zImage; a bzImage is needed",
                    f->path);
    }
    sectors = h[LINUX_SETUP_SECTS] ? h[LINUX_SETUP_SECTS] : DEFAULT_SETUP_SECTS;
    ret->setup_bytes = (sectors + 1) * SECTOR;
    if (f->size <= ret->setup_bytes) {
        return fail(error, "kernel '%s' is cut off: %" PRIu64 " bytes are only its set-up code",
                    f->path, f->size);
    }
    ret->kernel_bytes = f->size - ret->setup_bytes;
    need = load_le32(h + LINUX_SYSSIZE) * 16ULL;
    if (ret->version >= 0x204 && need > ret->kernel_bytes + 15) {
        return fail(error, "kernel '%s' is cut off: it has %" PRIu64 " bytes of %" PRIu64, f->path,
                    f->size, need + ret->setup_bytes);
    }
    /* The header says where it ends; newer fields of an older one read as 0. */
    end = MIN((unsigned)LINUX_HEADER + h[LINUX_HEADER_LEN], (unsigned)LINUX_HEADER_MAX);
    memset(h + end, 0, LINUX_HEADER_MAX - end);
    ret->initrd_max =
        ret->version >= 0x203 ? load_le32(h + LINUX_INITRD_ADDR_MAX) : DEFAULT_INITRD_MAX;
    if (!ret->initrd_max) {
        ret->initrd_max = DEFAULT_INITRD_MAX;
    }
    ret->cmdline_max = DEFAULT_CMDLINE_MAX;
    if (ret->version >= 0x206 && load_le32(h + LINUX_CMDLINE_SIZE)) {
        ret->cmdline_max = load_le32(h + LINUX_CMDLINE_SIZE);
    }
    ret->cmdline_max = MIN(ret->cmdline_max, (size_t)BOOT_CMDLINE_MAX - 1) + 1;
    return true;
}

/* Where the kernel proper goes and how much memory it needs there, decompression included. */
static bool place_kernel(struct pc_machine *pc, const struct linux_image *k, uint64_t *ret_gpa,
                         uint64_t *ret_end, GError **error)
{
    const uint8_t *h = k->header;
    bool modern = k->version >= 0x20a;
    uint64_t need = k->kernel_bytes, preferred = DEFAULT_LOAD, align;

    if (modern) {
        need = MAX(need, (uint64_t)load_le32(h + LINUX_INIT_SIZE));
        preferred = load_le64(h + LINUX_PREF_ADDRESS);
    }
    align = k->version >= 0x205 && h[LINUX_RELOCATABLE] ? load_le32(h + LINUX_KERNEL_ALIGNMENT) : 0;
    *ret_gpa = preferred;
    if (is_power_of_2(align) && !boot_check_range(pc, "kernel", preferred, need, NULL)) {
        *ret_gpa = align_up(MiB, align);
    }
    *ret_end = *ret_gpa + need;
    if (*ret_gpa < MiB) {
        return fail(error, "the kernel wants to be loaded at %#" PRIx64 ", below 1 MiB", *ret_gpa);
    }
    return boot_check_range(pc, "kernel", *ret_gpa, need, error);
}

static bool add_initrd(struct pc_machine *pc, const struct linux_image *k, uint64_t floor,
                       uint8_t *params, GError **error)
{
    struct boot_file f;
    uint64_t gpa;
    bool ok;

    if (!pc->m.boot.initrd) {
        return true;
    }
    if (!boot_file_open(&f, "initrd", pc->m.boot.initrd, error)) {
        return false;
    }
    gpa = boot_place_high(pc, f.size, floor, k->initrd_max + 1);
    if (!gpa || f.size > UINT32_MAX) {
        ok = fail(error,
                  "initrd '%s' (%" PRIu64 " KiB) does not fit into memory beside the kernel;"
                  " give the machine more with -m",
                  f.path, (uint64_t)(f.size / KiB));
    } else {
        ok = boot_add_file(pc, gpa, &f, 0, f.size, error);
        store_le32(params + LINUX_RAMDISK_IMAGE, (uint32_t)gpa);
        store_le32(params + LINUX_RAMDISK_SIZE, (uint32_t)f.size);
        pc->boot->ram_end_free = gpa;
    }
    boot_file_close(&f);
    return ok;
}

/* -dtb, as a node of the setup_data list. */
static bool add_dtb(struct pc_machine *pc, const struct linux_image *k, uint64_t floor,
                    uint8_t *params, GError **error)
{
    const char *path = pc->m.boot.dtb;
    g_autofree uint8_t *data = NULL, *node = NULL;
    uint64_t gpa, top;
    size_t len;

    if (!path) {
        return true;
    }
    if (k->version < 0x209) {
        return fail(error, "-dtb: this kernel (boot protocol %u.%02u) takes no device tree",
                    k->version >> 8, k->version & 0xffu);
    }
    if (!firmware_read_file("device tree", path, DTB_MAX, &data, &len, error)) {
        return false;
    }
    if (fdt_check_full(data, len)) {
        return fail(error, "'%s' is no valid device tree blob", path);
    }
    top = pc->boot->ram_end_free ? pc->boot->ram_end_free : pc->boot->ram_end;
    gpa = boot_place_high(pc, SETUP_DATA_HEADER + len, floor, top);
    if (!gpa) {
        return fail(error,
                    "device tree '%s' does not fit into memory; give the machine more with"
                    " -m",
                    path);
    }
    node = g_malloc0(SETUP_DATA_HEADER + len);
    store_le32(node + 8, SETUP_DTB);
    store_le32(node + 12, (uint32_t)len);
    memcpy(node + SETUP_DATA_HEADER, data, len);
    boot_add_data(pc, gpa, node, SETUP_DATA_HEADER + len);
    store_le64(params + LINUX_SETUP_DATA, gpa);
    return true;
}

static void put_e820(const struct pc_machine *pc, uint8_t *params)
{
    struct e820_entry e[PC_E820_MAX];
    unsigned n = boot_e820(pc, e);

    params[PARAMS_E820_COUNT] = (uint8_t)n;
    for (unsigned i = 0; i < n; i++) {
        uint8_t *p = params + PARAMS_E820 + i * E820_SIZE;

        store_le64(p, e[i].start);
        store_le64(p + 8, e[i].len);
        store_le32(p + 16, e[i].type);
    }
}

bool boot_linux(struct pc_machine *pc, const struct boot_file *f, GError **error)
{
    g_autofree uint8_t *params = g_malloc0(PARAMS_SIZE);
    struct linux_image k;
    uint64_t gpa, end;

    if (!linux_image_read(f, &k, error) || !boot_add_tables(pc, error) ||
        !place_kernel(pc, &k, &gpa, &end, error) ||
        !boot_add_file(pc, gpa, f, k.setup_bytes, k.kernel_bytes, error) ||
        !boot_add_cmdline(pc, "", k.cmdline_max, error)) {
        return false;
    }
    memcpy(params + HEADER_START, k.header + HEADER_START, LINUX_HEADER_MAX - HEADER_START);
    params[LINUX_TYPE_OF_LOADER] = LINUX_LOADER_UNKNOWN;
    store_le32(params + LINUX_CODE32_START, (uint32_t)gpa);
    store_le32(params + LINUX_CMD_LINE_PTR, BOOT_CMDLINE);
    store_le32(params + LINUX_RAMDISK_IMAGE, 0);
    store_le32(params + LINUX_RAMDISK_SIZE, 0);
    store_le64(params + LINUX_SETUP_DATA, 0);
    if (pc->acpi) {
        store_le64(params + PARAMS_RSDP, BOOT_RSDP);
    }
    put_e820(pc, params);
    if (!add_initrd(pc, &k, end, params, error) || !add_dtb(pc, &k, end, params, error)) {
        return false;
    }
    boot_add_data(pc, BOOT_INFO, params, PARAMS_SIZE);
    pc->boot->rsi = BOOT_INFO;
    if (k.version >= 0x20c && (k.header[LINUX_XLOADFLAGS] & LINUX_XLF_KERNEL_64) &&
        x86_has(pc_boot_cpu(pc)->x86.cpu, X86_F_LM)) {
        pc->boot->mode = BOOT_LONG64;
        pc->boot->entry = gpa + ENTRY_64;
    } else {
        pc->boot->mode = BOOT_FLAT32;
        pc->boot->entry = gpa;
    }
    return true;
}
