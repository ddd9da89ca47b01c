/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What multiboot hands over: magic, memory sizes, command line "... multi boot=1", two modules,
 * memory map, loader's name.
 *
 * Multiboot Specification 0.6.96, section 3.3.
 */
#include "tests/guest/trap32.h"

enum {
    INFO_MEMORY = 1 << 0,
    INFO_CMDLINE = 1 << 2,
    INFO_MODULES = 1 << 3,
    INFO_MEMMAP = 1 << 6,
    INFO_LOADER = 1 << 9,
    RAM = 1,
};
#define LOADER_MAGIC 0x2badb002u

struct info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods, syms[4];
    uint32_t mmap_length, mmap, drives_length, drives, config, loader;
};

struct module {
    uint32_t start, end, string, reserved;
};

struct range {
    uint32_t size;
    uint64_t base, length;
    uint32_t type;
} __attribute__((packed));

extern char _start[], guest_end[];

static const char *string_at(uint32_t address)
{
    return (const char *)(uintptr_t)address;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = 0, m = 0;

    while (s[n]) {
        n++;
    }
    while (end[m]) {
        m++;
    }
    while (m && n && s[n - 1] == end[m - 1]) {
        n--, m--;
    }
    return !m;
}

static bool starts_with(const char *s, const char *start)
{
    while (*start && *s == *start) {
        s++, start++;
    }
    return !*start;
}

static void check_modules(const struct info *info)
{
    const struct module *m = (const struct module *)(uintptr_t)info->mods;

    if (!check_eq("module-count", info->mods_count, 2)) {
        return;
    }
    check("module-one", starts_with(string_at(m[0].start), "module one"));
    check("module-two", starts_with(string_at(m[1].start), "second module"));
    check_eq("module-one-size", m[0].end - m[0].start, 11);
    check("modules-on-pages", !(m[0].start & 0xfff) && !(m[1].start & 0xfff));
    check("modules-behind-the-kernel",
          m[0].start >= (uintptr_t)guest_end && m[1].start >= (uintptr_t)guest_end);
    check("module-string", ends_with(string_at(m[0].string), "with words"));
}

static void check_memory(const struct info *info)
{
    uint32_t at = info->mmap, end = at + info->mmap_length;
    bool kernel = false, rom_is_ram = false, sorted = true;
    uint64_t total = 0, last = 0;

    while (at < end) {
        const struct range *r = (const struct range *)(uintptr_t)at;

        if (r->type == RAM) {
            total += r->length;
            kernel |= r->base <= (uintptr_t)_start && r->base + r->length >= (uintptr_t)guest_end;
            rom_is_ram |= r->base < 0x100000 && r->base + r->length > 0xf0000;
            sorted &= r->base >= last;
            last = r->base + r->length;
        }
        at += r->size + 4;
    }
    check("memory-map-ends-at-its-length", at == end);
    check("memory-map-has-the-kernel", kernel);
    check("memory-map-spares-the-rom", !rom_is_ram);
    check("memory-map-does-not-overlap", sorted);
    check("memory-map-total", total > (60 << 20) && total <= (64 << 20));
    check("memory-lower", info->mem_lower > 500 && info->mem_lower <= 640);
    check("memory-upper", info->mem_upper > 59 << 10 && info->mem_upper <= 63 << 10);
}

int guest_main(uint32_t magic, uintptr_t address)
{
    const struct info *info = (const struct info *)address;
    uint32_t wanted = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MEMMAP | INFO_LOADER;

    if (!check_eq("magic", magic, LOADER_MAGIC)) {
        finish();
    }
    check_eq("flags", info->flags & wanted, wanted);
    check("command-line", ends_with(string_at(info->cmdline), "multi boot=1"));
    check("loader-has-a-name", *string_at(info->loader) != 0);
    check_modules(info);
    check_memory(info);
    finish();
}
