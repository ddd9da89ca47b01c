/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting the kernel of -kernel: the plan of a direct boot and its execution at each reset.
 *
 * Formats: bzImage, multiboot 1, ELF with a PVH entry. Low memory is laid out as boot.h says; ACPI
 * and SMBIOS tables are at the top of RAM below 4 GiB.
 */
#include "hw/i386/boot.h"

#include "hw/i386/acpi.h"
#include "hw/i386/smbios.h"
#include "util/bytes.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    E820_NVS = 4,
    COPY_BYTES = 1024 * 1024,
    GDT_CODE32 = 0x10,
    GDT_DATA = 0x18,
    GDT_CODE64 = 0x10, /* in the table for 64-bit kernels */
    GDT_TSS = 0x20,
    GDT_ENTRIES = 6,
    ATTR_CODE32 = 0xc09b, /* flat, execute and read, accessed */
    ATTR_CODE64 = 0xa09b,
    ATTR_DATA = 0xc093,
    ATTR_TSS = 0x008b,
    ATTR_LDT = 0x0082,
    PAGE_PRESENT_WRITE = 3,
    PAGE_LARGE = 1 << 7,
    TABLE_PAGES = 6,
    MTRR_WRITE_BACK = 0x806, /* enabled, all memory write-back */
    APIC_SVR = 0xf0,
    APIC_LINT0 = 0x350,
    APIC_LINT1 = 0x360,
};

/* ---- files ---- */

bool boot_file_open(struct boot_file *f, const char *what, const char *path, GError **error)
{
    struct stat st;

    *f = (struct boot_file){.what = what, .path = path, .fd = -1};
    f->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0) {
        return fail_errno(error, "cannot open %s '%s'", what, path);
    }
    if (fstat(f->fd, &st) < 0) {
        fail_errno(error, "cannot read %s '%s'", what, path);
        goto close_file;
    }
    if (!S_ISREG(st.st_mode)) {
        fail(error, "%s '%s' is not a file", what, path);
        goto close_file;
    }
    f->size = (uint64_t)st.st_size;
    return true;

close_file:
    boot_file_close(f);
    return false;
}

void boot_file_close(struct boot_file *f)
{
    if (f->fd >= 0) {
        close(f->fd);
        f->fd = -1;
    }
}

static bool read_fully(int fd, uint64_t offset, uint8_t *buf, uint64_t len)
{
    while (len) {
        ssize_t n = pread(fd, buf, len, (off_t)offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n ? errno : EIO;
            return false;
        }
        buf += n;
        offset += (uint64_t)n;
        len -= (uint64_t)n;
    }
    return true;
}

bool boot_file_read(const struct boot_file *f, uint64_t offset, void *buf, uint64_t len,
                    GError **error)
{
    if (offset > f->size || len > f->size - offset) {
        return fail(error,
                    "%s '%s' is cut off: it has %" PRIu64 " bytes, but refers to byte %" PRIu64,
                    f->what, f->path, f->size, offset + len);
    }
    return read_fully(f->fd, offset, buf, len) ||
           fail_errno(error, "cannot read %s '%s'", f->what, f->path);
}

/* ---- the plan ---- */

bool boot_check_range(struct pc_machine *pc, const char *what, uint64_t gpa, uint64_t len,
                      GError **error)
{
    bool low = gpa >= BOOT_FREE_LOW && gpa + len <= BOOT_EBDA;
    bool high = gpa >= MiB && gpa + len <= pc->boot->ram_end;

    if (gpa + len < gpa || !(low || high)) {
        return fail(error,
                    "%s needs %" PRIu64 " KiB of memory at %#" PRIx64
                    ", where the machine has none; give it more with -m",
                    what, (uint64_t)((len + KiB - 1) / KiB), gpa);
    }
    return true;
}

static void add_chunk(struct pc_machine *pc, const struct boot_chunk *c)
{
    if (c->len) {
        g_array_append_vals(pc->boot->chunks, c, 1);
    }
}

void boot_add_data(struct pc_machine *pc, uint64_t gpa, const void *data, size_t len)
{
    struct boot_chunk c = {.gpa = gpa, .len = len, .data = g_bytes_new(data, len), .fd = -1};

    if (!len) {
        g_bytes_unref(c.data);
        return;
    }
    add_chunk(pc, &c);
}

void boot_add_zeros(struct pc_machine *pc, uint64_t gpa, uint64_t len)
{
    struct boot_chunk c = {.gpa = gpa, .len = len, .fd = -1};

    add_chunk(pc, &c);
}

bool boot_add_file(struct pc_machine *pc, uint64_t gpa, const struct boot_file *f, uint64_t offset,
                   uint64_t len, GError **error)
{
    struct boot_chunk c = {.gpa = gpa, .len = len, .offset = offset};

    if (offset > f->size || len > f->size - offset) {
        return fail(error,
                    "%s '%s' is cut off: it has %" PRIu64 " bytes, but refers to byte %" PRIu64,
                    f->what, f->path, f->size, offset + len);
    }
    c.fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
    if (c.fd < 0) {
        return fail_errno(error, "%s '%s'", f->what, f->path);
    }
    g_array_append_val(pc->boot->files, c.fd);
    add_chunk(pc, &c);
    return true;
}

bool boot_add_cmdline(struct pc_machine *pc, const char *prefix, size_t max, GError **error)
{
    const char *append = pc->m.boot.append ? pc->m.boot.append : "";
    g_autofree char *text = g_strconcat(prefix, *prefix && *append ? " " : "", append, NULL);
    size_t len = strlen(text) + 1;

    max = MIN(max, (size_t)BOOT_CMDLINE_MAX);
    if (len > max) {
        return fail(error, "-append: the command line has %zu characters, this kernel takes %zu",
                    len - 1, max - 1);
    }
    boot_add_data(pc, BOOT_CMDLINE, text, len);
    return true;
}

uint64_t boot_place_high(const struct pc_machine *pc, uint64_t len, uint64_t floor, uint64_t limit)
{
    uint64_t end = MIN(limit, pc->boot->ram_end), gpa;

    if (len > end) {
        return 0;
    }
    gpa = align_down(end - len, RAM_PAGE_SIZE);
    return gpa >= floor && gpa ? gpa : 0;
}

bool boot_add_tables(struct pc_machine *pc, GError **error)
{
    const GByteArray *smbios = smbios_tables(pc);
    uint64_t smbios_gpa = boot_place_high(pc, smbios->len, MiB, UINT64_MAX);
    g_autoptr(GByteArray) acpi = NULL;
    uint8_t entry[SMBIOS_ENTRY_SIZE], rsdp[ACPI_RSDP_SIZE];
    uint64_t gpa;

    if (!smbios_gpa) {
        return fail(error, "a direct boot needs more than 1 MiB of memory; give it more with -m");
    }
    pc->boot->ram_end = smbios_gpa;
    boot_add_data(pc, smbios_gpa, smbios->data, smbios->len);
    smbios_make_entry(pc, (uint32_t)smbios_gpa, entry);
    boot_add_data(pc, BOOT_SMBIOS, entry, sizeof(entry));
    if (!pc->acpi) {
        return true;
    }
    /* The size does not depend on the address. */
    if (!acpi_build_at(pc, 0, &acpi, rsdp, error)) {
        return false;
    }
    gpa = boot_place_high(pc, acpi->len, MiB, UINT64_MAX);
    if (!gpa) {
        return fail(error, "the ACPI tables do not fit into memory; give it more with -m");
    }
    g_clear_pointer(&acpi, g_byte_array_unref);
    if (!acpi_build_at(pc, gpa, &acpi, rsdp, error)) {
        return false;
    }
    pc->boot->ram_end = gpa;
    boot_add_data(pc, gpa, acpi->data, acpi->len);
    boot_add_data(pc, BOOT_RSDP, rsdp, sizeof(rsdp));
    return true;
}

unsigned boot_e820(const struct pc_machine *pc, struct e820_entry ret[PC_E820_MAX])
{
    unsigned n = 0;
    uint64_t end = pc->boot->ram_end;

    ret[n++] = (struct e820_entry){0, BOOT_EBDA, E820_RAM};
    ret[n++] = (struct e820_entry){BOOT_EBDA, 640 * KiB - BOOT_EBDA, E820_RESERVED};
    ret[n++] = (struct e820_entry){0xf0000, 64 * KiB, E820_RESERVED};
    ret[n++] = (struct e820_entry){MiB, end - MiB, E820_RAM};
    if (pc->ram_below_4g > end) {
        ret[n++] = (struct e820_entry){end, pc->ram_below_4g - end, E820_NVS};
    }
    if (pc->ram_above_4g) {
        ret[n++] = (struct e820_entry){4 * GiB, pc->ram_above_4g, E820_RAM};
    }
    return n;
}

/* ---- processor tables ---- */

static void add_gdt(struct pc_machine *pc)
{
    bool wide = pc->boot->mode == BOOT_LONG64;
    uint64_t gdt[GDT_ENTRIES] = {0};

    gdt[GDT_CODE32 / 8] = GUINT64_TO_LE(wide ? 0x00af9b000000ffffULL : 0x00cf9b000000ffffULL);
    gdt[GDT_DATA / 8] = GUINT64_TO_LE(0x00cf93000000ffffULL);
    gdt[GDT_TSS / 8] = GUINT64_TO_LE(0x00008b0000000067ULL);
    boot_add_data(pc, BOOT_GDT, gdt, sizeof(gdt));
}

/* One top level, one page of gigabytes, four of 2 MiB pages. */
static void add_page_tables(struct pc_machine *pc)
{
    g_autofree uint8_t *pages = g_malloc0(TABLE_PAGES * RAM_PAGE_SIZE);

    store_le64(pages, (BOOT_PAGE_TABLES + RAM_PAGE_SIZE) | PAGE_PRESENT_WRITE);
    for (unsigned i = 0; i < 4; i++) {
        store_le64(pages + RAM_PAGE_SIZE + 8 * i,
                   (BOOT_PAGE_TABLES + (2 + i) * RAM_PAGE_SIZE) | PAGE_PRESENT_WRITE);
    }
    for (uint64_t i = 0; i < 4 * 512; i++) {
        store_le64(pages + 2 * RAM_PAGE_SIZE + 8 * i,
                   i * 2 * MiB | PAGE_LARGE | PAGE_PRESENT_WRITE);
    }
    boot_add_data(pc, BOOT_PAGE_TABLES, pages, TABLE_PAGES * RAM_PAGE_SIZE);
}

/* ---- reset ---- */

static bool copy_from_file(struct pc_machine *pc, const struct boot_chunk *c)
{
    g_autofree uint8_t *buf = g_malloc(COPY_BYTES);

    for (uint64_t done = 0; done < c->len;) {
        uint64_t n = MIN(c->len - done, (uint64_t)COPY_BYTES);

        if (!read_fully(c->fd, c->offset + done, buf, n)) {
            warn_user("cannot read the kernel's files again: %s", g_strerror(errno));
            return false;
        }
        address_space_write(&pc->m.memory, c->gpa + done, buf, n, MEM_ATTRS_NONE);
        done += n;
    }
    return true;
}

static void write_zeros(struct pc_machine *pc, uint64_t gpa, uint64_t len)
{
    g_autofree uint8_t *zeros = g_malloc0(COPY_BYTES);

    while (len) {
        uint64_t n = MIN(len, (uint64_t)COPY_BYTES);

        address_space_write(&pc->m.memory, gpa, zeros, n, MEM_ATTRS_NONE);
        gpa += n;
        len -= n;
    }
}

static bool write_chunks(struct pc_machine *pc)
{
    for (guint i = 0; i < pc->boot->chunks->len; i++) {
        const struct boot_chunk *c = &g_array_index(pc->boot->chunks, struct boot_chunk, i);

        if (c->data) {
            address_space_write(&pc->m.memory, c->gpa, g_bytes_get_data(c->data, NULL), c->len,
                                MEM_ATTRS_NONE);
        } else if (c->fd < 0) {
            write_zeros(pc, c->gpa, c->len);
        } else if (!copy_from_file(pc, c)) {
            return false;
        }
    }
    return true;
}

/* What firmware would leave in every CPU: cacheable memory; in the first: interrupts of the 8259
 * and NMIs pass through the local APIC. */
static void set_common(struct pc_machine *pc)
{
    struct apic *apic = pc_boot_cpu(pc)->apic;

    for (guint i = 0; i < pc->cpus->len; i++) {
        struct pc_cpu *cpu = g_ptr_array_index(pc->cpus, i);

        if (cpu) {
            cpu->x86.cpu->msr.mtrr_def_type = MTRR_WRITE_BACK;
        }
    }
    if (apic) {
        uint8_t page[APIC_PAGE_BYTES];

        apic_get_page(apic, page);
        store_le32(page + APIC_SVR, 0x1ff);   /* enabled, spurious vector 255 */
        store_le32(page + APIC_LINT0, 0x700); /* ExtINT */
        store_le32(page + APIC_LINT1, 0x400); /* NMI */
        apic_set_page(apic, page);
    }
}

static void set_registers(struct pc_machine *pc)
{
    static const enum x86_seg_reg data[] = {X86_DS, X86_ES, X86_SS, X86_FS, X86_GS};
    struct x86_cpu *cpu = pc_boot_cpu(pc)->x86.cpu;
    const struct pc_boot *b = pc->boot;

    cpu->gdt = (struct x86_table){BOOT_GDT, GDT_ENTRIES * 8 - 1};
    cpu->idt = (struct x86_table){0, 0};
    cpu->cr0 = CR0_PE | CR0_ET;
    cpu->cr4 = 0;
    cpu->cr3 = 0;
    cpu->efer = 0;
    if (b->mode == BOOT_LONG64) {
        cpu->cr0 |= CR0_PG;
        cpu->cr4 = CR4_PAE;
        cpu->cr3 = BOOT_PAGE_TABLES;
        cpu->efer = EFER_LME | EFER_LMA;
    }
    x86_seg_set(cpu, X86_CS, b->mode == BOOT_LONG64 ? GDT_CODE64 : GDT_CODE32, 0, UINT32_MAX,
                b->mode == BOOT_LONG64 ? ATTR_CODE64 : ATTR_CODE32);
    for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
        x86_seg_set(cpu, data[i], GDT_DATA, 0, UINT32_MAX, ATTR_DATA);
    }
    x86_seg_set(cpu, X86_LDTR, 0, 0, 0, ATTR_LDT);
    x86_seg_set(cpu, X86_TR, GDT_TSS, 0, 0x67, ATTR_TSS);
    cpu->cpl = 0;
    memset(cpu->gpr, 0, sizeof(cpu->gpr));
    cpu->gpr[X86_RAX] = b->rax;
    cpu->gpr[X86_RBX] = b->rbx;
    cpu->gpr[X86_RSI] = b->rsi;
    cpu->rip = b->entry;
    x86_eflags_set(cpu, 2);
    x86_cpu_state_loaded(cpu);
}

static void boot_reset(struct pc_machine *pc)
{
    pc_setup_pci(pc);
    if (!write_chunks(pc)) {
        machine_request_stop(&pc->m, RUN_INTERNAL_ERROR);
        return;
    }
    set_common(pc);
    set_registers(pc);
}

/* ---- set-up ---- */

static bool boot_direct(struct pc_machine *pc, const struct boot_file *f, GError **error)
{
    bool multiboot;

    pc->boot = g_new0(struct pc_boot, 1);
    pc->boot->chunks = g_array_new(FALSE, FALSE, sizeof(struct boot_chunk));
    pc->boot->files = g_array_new(FALSE, FALSE, sizeof(int));
    pc->boot->ram_end = pc->ram_below_4g;
    pc->boot_reset = boot_reset;
    if (!boot_multiboot_is(f, &multiboot, error)) {
        return false;
    }
    if (boot_linux_is(f)) {
        if (!boot_linux(pc, f, error)) {
            return false;
        }
    } else if (multiboot) {
        if (!boot_multiboot(pc, f, error)) {
            return false;
        }
    } else if (boot_elf_is(f)) {
        if (!boot_pvh(pc, f, error)) {
            return false;
        }
    } else {
        return fail(error,
                    "kernel '%s' is no kernel that vitro can boot: neither a Linux bzImage"
                    " nor ELF with a PVH entry nor multiboot",
                    f->path);
    }
    add_gdt(pc);
    add_page_tables(pc);
    return true;
}

bool boot_init(struct pc_machine *pc, GError **error)
{
    const struct boot_config *b = &pc->m.boot;
    struct boot_file f;
    bool ok;

    if (!b->kernel) {
        return true;
    }
    if (!boot_file_open(&f, "kernel", b->kernel, error)) {
        return false;
    }
    ok = b->firmware ? boot_firmware(pc, &f, error) : boot_direct(pc, &f, error);
    boot_file_close(&f);
    return ok;
}

void boot_fini(struct pc_machine *pc)
{
    struct pc_boot *b = pc->boot;

    if (!b) {
        return;
    }
    for (guint i = 0; i < b->chunks->len; i++) {
        g_bytes_unref(g_array_index(b->chunks, struct boot_chunk, i).data);
    }
    for (guint i = 0; i < b->files->len; i++) {
        close(g_array_index(b->files, int, i));
    }
    g_array_unref(b->chunks);
    g_array_unref(b->files);
    g_clear_pointer(&pc->boot, g_free);
}
