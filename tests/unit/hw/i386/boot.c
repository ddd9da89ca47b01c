/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels as strangers wrote them: headers that lie, files that end too early.
 */
#include "hw/i386/boot.h"

#include "util/bytes.h"
#include <string.h>
#include <unistd.h>

enum { RAM_BYTES = 64 << 20, FILE_BYTES = 16 * 1024, ELF_PHDR = 64, ELF_TEXT = 0x1000 };

struct fixture {
    struct pc_machine *pc;
    uint8_t *bytes; /* of the kernel */
    size_t len;
    char *path;
    struct boot_file file;
    GError *error;
};

/* Not a machine: just what the loaders look at. */
static void setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->pc = g_new0(struct pc_machine, 1);
    f->pc->ram_below_4g = RAM_BYTES;
    f->pc->boot = g_new0(struct pc_boot, 1);
    f->pc->boot->chunks = g_array_new(FALSE, FALSE, sizeof(struct boot_chunk));
    f->pc->boot->files = g_array_new(FALSE, FALSE, sizeof(int));
    f->pc->boot->ram_end = RAM_BYTES;
    f->file.fd = -1;
    f->bytes = g_malloc0(FILE_BYTES);
    f->len = FILE_BYTES;
}

static void teardown(struct fixture *f, gconstpointer data)
{
    (void)data;
    boot_file_close(&f->file);
    if (f->path) {
        unlink(f->path);
    }
    boot_fini(f->pc);
    g_free(f->pc);
    g_free(f->bytes);
    g_free(f->path);
    g_clear_error(&f->error);
}

static void open_kernel(struct fixture *f)
{
    int fd = g_file_open_tmp("vitro-kernel-XXXXXX", &f->path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, f->bytes, f->len), ==, (ssize_t)f->len);
    close(fd);
    g_assert_true(boot_file_open(&f->file, "kernel", f->path, NULL));
}

static const struct boot_chunk *chunk(struct fixture *f, unsigned i)
{
    g_assert_cmpuint(i, <, f->pc->boot->chunks->len);
    return &g_array_index(f->pc->boot->chunks, struct boot_chunk, i);
}

/* ---- Linux ---- */

static void make_linux(struct fixture *f)
{
    f->bytes[LINUX_SETUP_SECTS] = 1;
    store_le16(f->bytes + LINUX_BOOT_FLAG, 0xaa55);
    f->bytes[LINUX_HEADER_LEN] = 0x6a;
    memcpy(f->bytes + LINUX_HEADER, "HdrS", 4);
    store_le16(f->bytes + LINUX_VERSION, 0x20f);
    f->bytes[LINUX_LOADFLAGS] = LINUX_LOADED_HIGH;
    store_le32(f->bytes + LINUX_INITRD_ADDR_MAX, 0x7fffffff);
    store_le32(f->bytes + LINUX_CMDLINE_SIZE, 2047);
}

static void test_linux_header(struct fixture *f, gconstpointer data)
{
    struct linux_image k;

    (void)data;
    make_linux(f);
    open_kernel(f);
    g_assert_true(boot_linux_is(&f->file));
    g_assert_true(linux_image_read(&f->file, &k, NULL));
    g_assert_cmpuint(k.setup_bytes, ==, 1024);
    g_assert_cmpuint(k.kernel_bytes, ==, FILE_BYTES - 1024);
    g_assert_cmpuint(k.cmdline_max, ==, 2048);
    g_assert_cmphex(k.initrd_max, ==, 0x7fffffff);
}

static void test_linux_of_set_up_code_only(struct fixture *f, gconstpointer data)
{
    struct linux_image k;

    (void)data;
    make_linux(f);
    f->bytes[LINUX_SETUP_SECTS] = 255;
    open_kernel(f);
    g_assert_false(linux_image_read(&f->file, &k, &f->error));
    g_assert_nonnull(strstr(f->error->message, "cut off"));
}

static void test_linux_shorter_than_its_header_says(struct fixture *f, gconstpointer data)
{
    struct linux_image k;

    (void)data;
    make_linux(f);
    store_le32(f->bytes + LINUX_SYSSIZE, (FILE_BYTES - 1024) / 16 + 1);
    open_kernel(f);
    g_assert_false(linux_image_read(&f->file, &k, &f->error));
    g_assert_nonnull(strstr(f->error->message, "cut off"));
}

static void test_linux_too_old(struct fixture *f, gconstpointer data)
{
    struct linux_image k;

    (void)data;
    make_linux(f);
    store_le16(f->bytes + LINUX_VERSION, 0x201);
    open_kernel(f);
    g_assert_false(linux_image_read(&f->file, &k, &f->error));
}

static void test_a_short_file_is_no_linux(struct fixture *f, gconstpointer data)
{
    (void)data;
    make_linux(f);
    f->len = LINUX_HEADER + 2;
    open_kernel(f);
    g_assert_false(boot_linux_is(&f->file));
    g_assert_false(boot_elf_is(&f->file));
}

/* ---- ELF ---- */

/* One segment of 64 bytes at 1 MiB, with as many zeros behind it. */
static void make_elf(struct fixture *f)
{
    uint8_t *h = f->bytes, *p = h + ELF_PHDR;

    memcpy(h,
           "\x7f"
           "ELF\x02\x01\x01",
           7);
    store_le16(h + 16, 2);
    store_le16(h + 18, 62);
    store_le64(h + 24, 0xffffffff80100010ULL);
    store_le64(h + 32, ELF_PHDR);
    store_le16(h + 54, 56);
    store_le16(h + 56, 1);
    store_le32(p, 1);
    store_le64(p + 8, ELF_TEXT);
    store_le64(p + 16, 0xffffffff80100000ULL);
    store_le64(p + 24, MiB);
    store_le64(p + 32, 64);
    store_le64(p + 40, 128);
}

static void test_elf_segments_and_entry(struct fixture *f, gconstpointer data)
{
    struct boot_elf elf;

    (void)data;
    make_elf(f);
    open_kernel(f);
    g_assert_true(boot_elf_load(f->pc, &f->file, false, &elf, NULL));
    g_assert_cmphex(elf.entry, ==, MiB + 0x10);
    g_assert_cmphex(elf.end, ==, MiB + 128);
    g_assert_cmphex(chunk(f, 0)->offset, ==, ELF_TEXT);
    g_assert_cmphex(chunk(f, 1)->gpa, ==, MiB + 64);
    g_assert_cmpint(chunk(f, 1)->fd, ==, -1);
    g_assert_false(elf.has_pvh);
}

static void test_elf_with_a_pvh_note(struct fixture *f, gconstpointer data)
{
    uint8_t *note = f->bytes + 0x2000, *p = f->bytes + ELF_PHDR + 56;
    struct boot_elf elf;

    (void)data;
    make_elf(f);
    store_le16(f->bytes + 56, 2);
    store_le32(p, 4);
    store_le64(p + 8, 0x2000);
    store_le64(p + 32, 20);
    store_le32(note, 4);
    store_le32(note + 4, 4);
    store_le32(note + 8, 18);
    memcpy(note + 12, "Xen", 4);
    store_le32(note + 16, 0x123456);
    open_kernel(f);
    g_assert_true(boot_elf_load(f->pc, &f->file, true, &elf, NULL));
    g_assert_true(elf.has_pvh);
    g_assert_cmphex(elf.pvh_entry, ==, 0x123456);
    g_assert_cmpuint(f->pc->boot->chunks->len, ==, 0); /* only looked */
}

struct lie {
    const char *name;
    size_t at;
    unsigned size;
    uint64_t val;
};

/* Each makes a good file a bad one. */
static const struct lie elf_lies[] = {
    {"segment beyond the file", ELF_PHDR + 8, 8, FILE_BYTES - 10},
    {"segment offset wraps", ELF_PHDR + 8, 8, UINT64_MAX - 10},
    {"more in the file than in memory", ELF_PHDR + 40, 8, 10},
    {"segment beyond memory", ELF_PHDR + 24, 8, RAM_BYTES - 10},
    {"segment address wraps", ELF_PHDR + 24, 8, UINT64_MAX - 10},
    {"huge segment", ELF_PHDR + 40, 8, UINT64_MAX},
    {"segment over our tables", ELF_PHDR + 24, 8, 0x500},
    {"headers beyond the file", 32, 8, FILE_BYTES},
    {"header offset wraps", 32, 8, UINT64_MAX - 3},
    {"too many headers", 56, 2, 0xffff},
    {"small headers", 54, 2, 4},
    {"another machine", 18, 2, 0x28},
    {"nothing to load", 56, 2, 0},
};

static void test_elf_lies(struct fixture *f, gconstpointer data)
{
    const struct lie *lie = data;
    struct boot_elf elf;

    make_elf(f);
    store_le(f->bytes + lie->at, lie->val, lie->size);
    open_kernel(f);
    g_assert_false(boot_elf_load(f->pc, &f->file, false, &elf, &f->error));
    g_assert_nonnull(f->error);
    g_assert_null(strchr(f->error->message, '\n'));
}

static void test_a_note_may_lie_about_its_lengths(struct fixture *f, gconstpointer data)
{
    uint8_t *note = f->bytes + 0x2000, *p = f->bytes + ELF_PHDR + 56;
    struct boot_elf elf;

    (void)data;
    make_elf(f);
    store_le16(f->bytes + 56, 2);
    store_le32(p, 4);
    store_le64(p + 8, 0x2000);
    store_le64(p + 32, 20);
    store_le32(note, 0xffffffff);
    store_le32(note + 4, 0xffffffff);
    store_le32(note + 8, 18);
    open_kernel(f);
    g_assert_true(boot_elf_load(f->pc, &f->file, true, &elf, NULL));
    g_assert_false(elf.has_pvh);
}

/* ---- multiboot ---- */

static void put_multiboot(uint8_t *h, uint32_t flags)
{
    store_le32(h, 0x1badb002);
    store_le32(h + 4, flags);
    store_le32(h + 8, -(0x1badb002 + flags));
}

static void test_multiboot_is_searched_in_8_kib(struct fixture *f, gconstpointer data)
{
    bool found;

    (void)data;
    put_multiboot(f->bytes + 8192 - 12, 3);
    open_kernel(f);
    g_assert_true(boot_multiboot_is(&f->file, &found, NULL));
    g_assert_true(found);
}

static void test_multiboot_behind_8_kib_or_with_a_bad_sum_is_none(struct fixture *f,
                                                                  gconstpointer data)
{
    bool found;

    (void)data;
    put_multiboot(f->bytes + 8192 - 8, 3);
    put_multiboot(f->bytes + 64, 3);
    f->bytes[64 + 8]++;
    open_kernel(f);
    g_assert_true(boot_multiboot_is(&f->file, &found, NULL));
    g_assert_false(found);
}

static void test_multiboot_cut_in_its_addresses(struct fixture *f, gconstpointer data)
{
    bool found;

    (void)data;
    put_multiboot(f->bytes, 1 << 16);
    f->len = 20;
    open_kernel(f);
    g_assert_false(boot_multiboot_is(&f->file, &found, &f->error));
    g_assert_nonnull(strstr(f->error->message, "cut off"));
}

/* ---- memory map, places ---- */

static void test_the_map_has_no_overlaps(struct fixture *f, gconstpointer data)
{
    struct e820_entry e[PC_E820_MAX];
    uint64_t ram = 0;
    unsigned n;

    (void)data;
    f->pc->ram_above_4g = GiB;
    f->pc->boot->ram_end = RAM_BYTES - 64 * KiB;
    n = boot_e820(f->pc, e);
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmpuint(e[i].len, >, 0);
        g_assert_true(i == 0 || e[i].start >= e[i - 1].start + e[i - 1].len);
        ram += e[i].type == E820_RAM ? e[i].len : 0;
    }
    g_assert_cmphex(ram, ==, BOOT_EBDA + RAM_BYTES - 64 * KiB - MiB + GiB);
}

static void test_high_places(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmphex(boot_place_high(f->pc, 1, MiB, UINT64_MAX), ==, RAM_BYTES - 4096);
    g_assert_cmphex(boot_place_high(f->pc, 4097, MiB, 0x2000000), ==, 0x2000000 - 8192);
    g_assert_cmphex(boot_place_high(f->pc, RAM_BYTES, MiB, UINT64_MAX), ==, 0);
    g_assert_cmphex(boot_place_high(f->pc, UINT64_MAX, MiB, UINT64_MAX), ==, 0);
}

#define TEST(name, fn) g_test_add(name, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("/linux/header", test_linux_header);
    TEST("/linux/cut", test_linux_of_set_up_code_only);
    TEST("/linux/syssize", test_linux_shorter_than_its_header_says);
    TEST("/linux/old", test_linux_too_old);
    TEST("/linux/short", test_a_short_file_is_no_linux);
    TEST("/elf/load", test_elf_segments_and_entry);
    TEST("/elf/pvh", test_elf_with_a_pvh_note);
    TEST("/elf/note-lengths", test_a_note_may_lie_about_its_lengths);
    for (unsigned i = 0; i < G_N_ELEMENTS(elf_lies); i++) {
        g_autofree char *name =
            g_strdelimit(g_strdup_printf("/elf/%s", elf_lies[i].name), " ", '-');

        g_test_add(name, struct fixture, &elf_lies[i], setup, test_elf_lies, teardown);
    }
    TEST("/multiboot/found", test_multiboot_is_searched_in_8_kib);
    TEST("/multiboot/none", test_multiboot_behind_8_kib_or_with_a_bad_sum_is_none);
    TEST("/multiboot/cut", test_multiboot_cut_in_its_addresses);
    TEST("/e820", test_the_map_has_no_overlaps);
    TEST("/places", test_high_places);
    return g_test_run();
}
