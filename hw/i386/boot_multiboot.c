/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting multiboot kernels without firmware.
 *
 * Multiboot Specification 0.6.96. The header is in the first 8 KiB; the kernel is an ELF file or
 * says by itself where it goes. -initrd "file args,file2" gives modules, each with its string.
 *
 * Absent: video modes (a kernel that requires one is refused), the a.out and ELF symbol tables, the
 * drive list, the APM table.
 */
#include "hw/i386/boot.h"

#include "util/bytes.h"
#include <inttypes.h>
#include <string.h>

enum {
    SEARCH = 8192,
    HEADER_MIN = 12,
    HEADER_ADDRESSES = 32,
    WANT_ALIGNED = 1 << 0,
    WANT_MEMORY = 1 << 1,
    WANT_VIDEO = 1 << 2,
    HAS_ADDRESSES = 1 << 16,
    REQUIRED = 0xffff,
    /* the information structure */
    INFO_MEMORY = 1 << 0,
    INFO_CMDLINE = 1 << 2,
    INFO_MODULES = 1 << 3,
    INFO_MEMMAP = 1 << 6,
    INFO_LOADER = 1 << 9,
    MEMMAP_OFFSET = 0x100, /* in the area of the information structure */
    MEMMAP_SIZE = 24,
    MODULES_OFFSET = 0x400,
    MODULE_SIZE = 16,
    MODULES_MAX = 64,
    STRINGS_OFFSET = 0x1000,
};
#define HEADER_MAGIC 0x1badb002u
#define LOADER_MAGIC 0x2badb002u

struct header {
    uint32_t at; /* in the file */
    uint32_t flags;
    uint32_t header_addr, load_addr, load_end, bss_end, entry;
};

/* The area at BOOT_INFO while it is filled. */
struct info {
    uint8_t bytes[BOOT_INFO_SIZE];
    uint32_t strings; /* next free byte */
    uint64_t next;    /* next free address for a module */
    unsigned modules;
};

static bool find_header(const struct boot_file *f, struct header *ret, bool *ret_found,
                        GError **error)
{
    uint8_t head[SEARCH];
    uint32_t len = (uint32_t)MIN(f->size, (uint64_t)SEARCH);

    *ret_found = false;
    if (!boot_file_read(f, 0, head, len, error)) {
        return false;
    }
    for (uint32_t i = 0; i + HEADER_MIN <= len; i += 4) {
        const uint8_t *h = head + i;
        uint32_t flags = load_le32(h + 4);

        if (load_le32(h) != HEADER_MAGIC || HEADER_MAGIC + flags + load_le32(h + 8) != 0) {
            continue;
        }
        *ret = (struct header){.at = i, .flags = flags};
        if (flags & HAS_ADDRESSES) {
            if (i + HEADER_ADDRESSES > len) {
                return fail(error, "kernel '%s' is cut off in its multiboot header", f->path);
            }
            ret->header_addr = load_le32(h + 12);
            ret->load_addr = load_le32(h + 16);
            ret->load_end = load_le32(h + 20);
            ret->bss_end = load_le32(h + 24);
            ret->entry = load_le32(h + 28);
        }
        *ret_found = true;
        return true;
    }
    return true;
}

bool boot_multiboot_is(const struct boot_file *f, bool *ret, GError **error)
{
    struct header h;

    return find_header(f, &h, ret, error);
}

/* A kernel whose header has addresses (3.1.3). */
static bool load_flat(struct pc_machine *pc, const struct boot_file *f, const struct header *h,
                      uint64_t *ret_end, GError **error)
{
    uint64_t skip = (uint64_t)h->header_addr - h->load_addr, offset, len, bss;

    if (h->load_addr > h->header_addr || skip > h->at) {
        return fail(error, "kernel '%s': its multiboot header lies before its first byte", f->path);
    }
    offset = h->at - skip;
    if (!h->load_end) {
        len = f->size - offset;
    } else if (h->load_end < h->load_addr) {
        return fail(error, "kernel '%s': its multiboot header ends before it begins", f->path);
    } else {
        len = h->load_end - h->load_addr;
    }
    bss = h->bss_end > h->load_addr + len ? h->bss_end - (h->load_addr + len) : 0;
    if (!boot_check_range(pc, "kernel", h->load_addr, len + bss, error) ||
        !boot_add_file(pc, h->load_addr, f, offset, len, error)) {
        return false;
    }
    boot_add_zeros(pc, h->load_addr + len, bss);
    pc->boot->entry = h->entry;
    *ret_end = h->load_addr + len + bss;
    return true;
}

static bool load_kernel(struct pc_machine *pc, const struct boot_file *f, const struct header *h,
                        uint64_t *ret_end, GError **error)
{
    struct boot_elf elf;

    if (h->flags & HAS_ADDRESSES) {
        return load_flat(pc, f, h, ret_end, error);
    }
    if (!boot_elf_is(f)) {
        return fail(error,
                    "kernel '%s': a multiboot kernel that is not ELF needs addresses in its"
                    " header (flag 16)",
                    f->path);
    }
    if (!boot_elf_load(pc, f, /* only_look= */ false, &elf, error)) {
        return false;
    }
    if (elf.entry > UINT32_MAX) {
        return fail(error, "kernel '%s': its entry %#" PRIx64 " is above 4 GiB", f->path,
                    elf.entry);
    }
    pc->boot->entry = elf.entry;
    *ret_end = elf.end;
    return true;
}

/* Copies @text to the area; returns its guest address, 0 when there is no room. */
static uint32_t add_string(struct info *info, const char *text)
{
    size_t len = strlen(text) + 1;
    uint32_t gpa = BOOT_INFO + info->strings;

    if (len > sizeof(info->bytes) - info->strings) {
        return 0;
    }
    memcpy(info->bytes + info->strings, text, len);
    info->strings += (uint32_t)len;
    return gpa;
}

/* One module: "path args". */
static bool add_module(struct pc_machine *pc, struct info *info, const char *text, GError **error)
{
    g_autofree char *path = g_strndup(text, strcspn(text, " "));
    uint8_t *entry = info->bytes + MODULES_OFFSET + info->modules * MODULE_SIZE;
    struct boot_file f;
    uint64_t gpa = align_up(info->next, RAM_PAGE_SIZE);
    uint32_t string = add_string(info, text);
    bool ok;

    if (info->modules == MODULES_MAX || !string) {
        return fail(error, "-initrd: too many modules, or too long texts for them");
    }
    if (!boot_file_open(&f, "module", path, error)) {
        return false;
    }
    ok = boot_check_range(pc, "module", gpa, f.size, error) &&
         boot_add_file(pc, gpa, &f, 0, f.size, error);
    if (ok) {
        store_le32(entry, (uint32_t)gpa);
        store_le32(entry + 4, (uint32_t)(gpa + f.size));
        store_le32(entry + 8, string);
        info->modules++;
        info->next = gpa + f.size;
    }
    boot_file_close(&f);
    return ok;
}

/* Modules are separated by commas; a doubled one stands for itself. */
static bool add_modules(struct pc_machine *pc, struct info *info, GError **error)
{
    const char *p = pc->m.boot.initrd;

    while (p && *p) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (; *p; p++) {
            if (*p == ',' && *++p != ',') {
                break;
            }
            g_string_append_c(text, *p);
        }
        if (!add_module(pc, info, text->str, error)) {
            return false;
        }
    }
    return true;
}

static void put_memmap(const struct pc_machine *pc, struct info *info)
{
    struct e820_entry e[PC_E820_MAX];
    unsigned n = boot_e820(pc, e);

    for (unsigned i = 0; i < n; i++) {
        uint8_t *p = info->bytes + MEMMAP_OFFSET + i * MEMMAP_SIZE;

        store_le32(p, MEMMAP_SIZE - 4); /* size of the rest */
        store_le64(p + 4, e[i].start);
        store_le64(p + 12, e[i].len);
        store_le32(p + 20, e[i].type);
    }
    store_le32(info->bytes + 44, n * MEMMAP_SIZE);
    store_le32(info->bytes + 48, BOOT_INFO + MEMMAP_OFFSET);
}

static void fill_info(const struct pc_machine *pc, struct info *info)
{
    uint8_t *b = info->bytes;

    store_le32(b, INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MEMMAP | INFO_LOADER);
    store_le32(b + 4, BOOT_EBDA / KiB);
    store_le32(b + 8, (uint32_t)((pc->boot->ram_end - MiB) / KiB));
    store_le32(b + 16, BOOT_CMDLINE);
    store_le32(b + 20, info->modules);
    store_le32(b + 24, BOOT_INFO + MODULES_OFFSET);
    store_le32(b + 64, add_string(info, "vitro"));
    put_memmap(pc, info);
}

bool boot_multiboot(struct pc_machine *pc, const struct boot_file *f, GError **error)
{
    g_autofree struct info *info = g_new0(struct info, 1);
    struct header h;
    bool found;
    uint64_t end;

    if (!find_header(f, &h, &found, error)) {
        return false;
    }
    if (h.flags & REQUIRED & ~(WANT_ALIGNED | WANT_MEMORY)) {
        return fail(error,
                    "kernel '%s' requires a multiboot feature that vitro lacks (flags %#x)%s",
                    f->path, h.flags & REQUIRED,
                    h.flags & WANT_VIDEO ? ": no firmware sets a video mode" : "");
    }
    if (pc->m.boot.dtb) {
        return fail(error, "-dtb: multiboot kernels take no device tree");
    }
    info->strings = STRINGS_OFFSET;
    if (!boot_add_tables(pc, error) || !load_kernel(pc, f, &h, &end, error) ||
        !boot_add_cmdline(pc, f->path, BOOT_CMDLINE_MAX, error)) {
        return false;
    }
    info->next = MAX(end, (uint64_t)MiB);
    if (!add_modules(pc, info, error)) {
        return false;
    }
    fill_info(pc, info);
    boot_add_data(pc, BOOT_INFO, info->bytes, sizeof(info->bytes));
    pc->boot->mode = BOOT_FLAT32;
    pc->boot->rax = LOADER_MAGIC;
    pc->boot->rbx = BOOT_INFO;
    return true;
}
