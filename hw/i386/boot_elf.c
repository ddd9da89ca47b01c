/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels in ELF files: segments into memory, and the PVH boot protocol.
 *
 * System V ABI (ELF), x86 supplements; Xen's "x86/HVM direct boot ABI" (PVH), whose entry address
 * is in a note of name "Xen" and type 18 and which is entered in 32-bit protected mode with EBX at
 * the start info. Everything in the file is checked: it may come from anywhere.
 */
#include "hw/i386/boot.h"

#include "util/bytes.h"
#include <inttypes.h>
#include <string.h>

enum {
    EI_CLASS = 4,
    EI_DATA = 5,
    CLASS_32 = 1,
    CLASS_64 = 2,
    DATA_LITTLE = 1,
    TYPE_EXEC = 2,
    TYPE_DYN = 3,
    MACHINE_386 = 3,
    MACHINE_X86_64 = 62,
    HEADER_32 = 52,
    HEADER_64 = 64,
    PHDR_32 = 32,
    PHDR_64 = 56,
    MAX_PHDRS = 128,
    PT_LOAD = 1,
    PT_NOTE = 4,
    NOTE_MAX = 64 * 1024,
    NOTE_PHYS32_ENTRY = 18,
    MEMMAP_SIZE = 24,
    MODULES_OFFSET = 0x100, /* in the page of the start info */
    MEMMAP_OFFSET = 0x200,
};
#define START_MAGIC 0x336ec578u

/* A program header of either class. */
struct segment {
    uint32_t type;
    uint64_t offset, vaddr, paddr, filesz, memsz;
};

struct elf_header {
    bool wide;
    uint64_t entry, phoff;
    unsigned phentsize, phnum;
};

bool boot_elf_is(const struct boot_file *f)
{
    static const uint8_t magic[] = {0x7f, 'E', 'L', 'F'};
    uint8_t head[sizeof(magic)];

    return f->size >= HEADER_32 && boot_file_read(f, 0, head, sizeof(head), NULL) &&
           !memcmp(head, magic, sizeof(magic));
}

static bool read_header(const struct boot_file *f, struct elf_header *ret, GError **error)
{
    uint8_t h[HEADER_64] = {0};
    unsigned type, machine;

    if (!boot_file_read(f, 0, h, HEADER_32, error)) {
        return false;
    }
    ret->wide = h[EI_CLASS] == CLASS_64;
    if (ret->wide && !boot_file_read(f, 0, h, HEADER_64, error)) {
        return false;
    }
    type = load_le16(h + 16);
    machine = load_le16(h + 18);
    if ((h[EI_CLASS] != CLASS_32 && !ret->wide) || h[EI_DATA] != DATA_LITTLE ||
        (machine != MACHINE_386 && machine != MACHINE_X86_64)) {
        return fail(error, "kernel '%s' is an ELF file, but not for x86", f->path);
    }
    if (type != TYPE_EXEC && type != TYPE_DYN) {
        return fail(error, "kernel '%s' is an ELF file, but not a program", f->path);
    }
    ret->entry = ret->wide ? load_le64(h + 24) : load_le32(h + 24);
    ret->phoff = ret->wide ? load_le64(h + 32) : load_le32(h + 28);
    ret->phentsize = load_le16(h + (ret->wide ? 54 : 42));
    ret->phnum = load_le16(h + (ret->wide ? 56 : 44));
    if (ret->phnum > MAX_PHDRS || ret->phentsize < (ret->wide ? PHDR_64 : PHDR_32)) {
        return fail(error, "kernel '%s': its ELF header has %u program headers of %u bytes",
                    f->path, ret->phnum, ret->phentsize);
    }
    return true;
}

static bool read_segment(const struct boot_file *f, const struct elf_header *h, unsigned i,
                         struct segment *ret, GError **error)
{
    uint8_t p[PHDR_64];
    uint64_t at = h->phoff + (uint64_t)i * h->phentsize;

    if (at < h->phoff || !boot_file_read(f, at, p, h->wide ? PHDR_64 : PHDR_32, error)) {
        return at >= h->phoff ? false : fail(error, "kernel '%s': bad program headers", f->path);
    }
    ret->type = load_le32(p);
    if (h->wide) {
        ret->offset = load_le64(p + 8);
        ret->vaddr = load_le64(p + 16);
        ret->paddr = load_le64(p + 24);
        ret->filesz = load_le64(p + 32);
        ret->memsz = load_le64(p + 40);
    } else {
        ret->offset = load_le32(p + 4);
        ret->vaddr = load_le32(p + 8);
        ret->paddr = load_le32(p + 12);
        ret->filesz = load_le32(p + 16);
        ret->memsz = load_le32(p + 20);
    }
    return true;
}

static bool load_segment(struct pc_machine *pc, const struct boot_file *f, const struct segment *s,
                         struct boot_elf *ret, GError **error)
{
    if (!s->memsz) {
        return true;
    }
    if (s->filesz > s->memsz) {
        return fail(error, "kernel '%s': a segment has more bytes in the file than in memory",
                    f->path);
    }
    if (!boot_check_range(pc, "kernel", s->paddr, s->memsz, error) ||
        (s->filesz && !boot_add_file(pc, s->paddr, f, s->offset, s->filesz, error))) {
        return false;
    }
    boot_add_zeros(pc, s->paddr + s->filesz, s->memsz - s->filesz);
    ret->low = MIN(ret->low, s->paddr);
    ret->end = MAX(ret->end, s->paddr + s->memsz);
    return true;
}

/* Notes: name size, descriptor size, type; then both, padded to four bytes. */
static bool read_notes(const struct boot_file *f, const struct segment *s, struct boot_elf *ret,
                       GError **error)
{
    g_autofree uint8_t *notes = NULL;
    uint64_t pos = 0;

    if (s->filesz > NOTE_MAX) {
        return true; /* no boot protocol has so many */
    }
    notes = g_malloc(s->filesz + 1);
    if (!boot_file_read(f, s->offset, notes, s->filesz, error)) {
        return false;
    }
    while (s->filesz - pos >= 12) {
        uint64_t name_len = load_le32(notes + pos), desc_len = load_le32(notes + pos + 4);
        uint32_t type = load_le32(notes + pos + 8);
        uint64_t name = pos + 12, desc = name + align_up(name_len, 4);
        uint64_t next = desc + align_up(desc_len, 4);

        if (desc + desc_len > s->filesz) {
            break;
        }
        if (type == NOTE_PHYS32_ENTRY && name_len == 4 && !memcmp(notes + name, "Xen", 4) &&
            (desc_len == 4 || desc_len == 8)) {
            ret->has_pvh = true;
            ret->pvh_entry = load_le(notes + desc, (unsigned)desc_len);
        }
        if (next > s->filesz) {
            break;
        }
        pos = next;
    }
    return true;
}

bool boot_elf_load(struct pc_machine *pc, const struct boot_file *f, bool only_look,
                   struct boot_elf *ret, GError **error)
{
    struct elf_header h;

    *ret = (struct boot_elf){.low = UINT64_MAX};
    if (!read_header(f, &h, error)) {
        return false;
    }
    ret->entry = h.entry;
    for (unsigned i = 0; i < h.phnum; i++) {
        struct segment s = {0};

        if (!read_segment(f, &h, i, &s, error)) {
            return false;
        }
        if (s.type == PT_NOTE && !read_notes(f, &s, ret, error)) {
            return false;
        }
        if (s.type != PT_LOAD) {
            continue;
        }
        if (h.entry >= s.vaddr && h.entry - s.vaddr < s.memsz) {
            ret->entry = s.paddr + (h.entry - s.vaddr);
        }
        if (!only_look && !load_segment(pc, f, &s, ret, error)) {
            return false;
        }
    }
    if (!only_look && !ret->end) {
        return fail(error, "kernel '%s' is an ELF file with nothing to load", f->path);
    }
    return true;
}

/* ---- PVH ---- */

static void put_memmap(const struct pc_machine *pc, uint8_t *info)
{
    struct e820_entry e[PC_E820_MAX];
    unsigned n = boot_e820(pc, e);

    for (unsigned i = 0; i < n; i++) {
        uint8_t *p = info + MEMMAP_OFFSET + i * MEMMAP_SIZE;

        store_le64(p, e[i].start);
        store_le64(p + 8, e[i].len);
        store_le32(p + 16, e[i].type);
    }
    store_le64(info + 40, BOOT_INFO + MEMMAP_OFFSET);
    store_le32(info + 48, n);
}

static bool add_module(struct pc_machine *pc, uint64_t floor, uint8_t *info, GError **error)
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
    gpa = boot_place_high(pc, f.size, floor, UINT64_MAX);
    if (gpa) {
        ok = boot_add_file(pc, gpa, &f, 0, f.size, error);
        store_le32(info + 12, 1); /* modules */
        store_le64(info + 16, BOOT_INFO + MODULES_OFFSET);
        store_le64(info + MODULES_OFFSET, gpa);
        store_le64(info + MODULES_OFFSET + 8, f.size);
    } else {
        ok = fail(error,
                  "initrd '%s' does not fit into memory beside the kernel; give the machine"
                  " more with -m",
                  f.path);
    }
    boot_file_close(&f);
    return ok;
}

bool boot_pvh(struct pc_machine *pc, const struct boot_file *f, GError **error)
{
    uint8_t info[MEMMAP_OFFSET + PC_E820_MAX * MEMMAP_SIZE] = {0};
    struct boot_elf elf;

    if (!boot_elf_load(pc, f, /* only_look= */ true, &elf, error)) {
        return false;
    }
    if (!elf.has_pvh) {
        return fail(error,
                    "kernel '%s' is an ELF file without a PVH entry or multiboot header; for"
                    " Linux, use the bzImage",
                    f->path);
    }
    if (pc->m.boot.dtb) {
        return fail(error, "-dtb: PVH kernels take no device tree");
    }
    if (!boot_add_tables(pc, error) || !boot_elf_load(pc, f, false, &elf, error) ||
        !boot_add_cmdline(pc, "", BOOT_CMDLINE_MAX, error) ||
        !add_module(pc, elf.end, info, error)) {
        return false;
    }
    if (elf.pvh_entry > UINT32_MAX) {
        return fail(error, "kernel '%s': its PVH entry %#" PRIx64 " is above 4 GiB", f->path,
                    elf.pvh_entry);
    }
    store_le32(info, START_MAGIC);
    store_le32(info + 4, 1); /* version: with a memory map */
    store_le64(info + 24, BOOT_CMDLINE);
    store_le64(info + 32, pc->acpi ? BOOT_RSDP : 0);
    put_memmap(pc, info);
    boot_add_data(pc, BOOT_INFO, info, sizeof(info));
    pc->boot->mode = BOOT_FLAT32;
    pc->boot->entry = elf.pvh_entry;
    pc->boot->rbx = BOOT_INFO;
    return true;
}
