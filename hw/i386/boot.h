/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting the kernel of -kernel.
 *
 * Direct (without -bios): what is to be in memory and in the first CPU's registers is worked out
 * once, as a plan, and carried out at each reset. Files stay open and are read again then, so that
 * they cost no memory. With -bios the kernel is handed to firmware.
 */
#ifndef VITRO_HW_I386_BOOT_H
#define VITRO_HW_I386_BOOT_H

#include "hw/i386/pc.h"

#define LINUXBOOT_ROM_FILE "genroms/vitro-linuxboot.rom"

/* Memory below 640 KiB as direct boots use it. */
enum boot_layout {
    BOOT_GDT = 0x500,
    BOOT_PAGE_TABLES = 0x9000, /* six pages: 4 GiB, identity */
    BOOT_INFO = 0x10000,       /* boot_params, start info, multiboot info */
    BOOT_INFO_SIZE = 0x10000,
    BOOT_CMDLINE = 0x20000,
    BOOT_CMDLINE_MAX = 0x10000,
    BOOT_FREE_LOW = 0x30000, /* from here to the next a kernel may have it */
    BOOT_EBDA = 0x9fc00,     /* where RAM ends for the guest */
    BOOT_RSDP = 0xf0000,
    BOOT_SMBIOS = 0xf0040,
};

/* An opened file; every read is checked against its size. */
struct boot_file {
    const char *what, *path; /* for errors */
    int fd;
    uint64_t size;
};

bool boot_file_open(struct boot_file *f, const char *what, const char *path, GError **error);
void boot_file_close(struct boot_file *f);
bool boot_file_read(const struct boot_file *f, uint64_t offset, void *buf, uint64_t len,
                    GError **error);

/* Something that each reset puts into memory. */
struct boot_chunk {
    uint64_t gpa, len;
    GBytes *data; /* or NULL: */
    int fd;       /* from a file, or with -1 zeros */
    uint64_t offset;
};

enum boot_mode {
    BOOT_FLAT32, /* protected mode, no paging */
    BOOT_LONG64, /* 64-bit mode, identity-mapped */
};

struct pc_boot {
    GArray *chunks; /* struct boot_chunk */
    GArray *files;  /* int: descriptors to close */
    enum boot_mode mode;
    uint64_t entry;
    uint64_t rax, rbx, rsi;
    uint64_t ram_end;      /* what the kernel and modules may use below 4 GiB */
    uint64_t ram_end_free; /* start of the initrd: the rest below it is free; 0: none */
};

bool boot_init(struct pc_machine *pc, GError **error);
void boot_fini(struct pc_machine *pc);

/* ---- for the formats ---- */

/* Whether [@gpa, @gpa + @len) is RAM that a kernel may be loaded to. @what is for the error. */
bool boot_check_range(struct pc_machine *pc, const char *what, uint64_t gpa, uint64_t len,
                      GError **error);
void boot_add_data(struct pc_machine *pc, uint64_t gpa, const void *data, size_t len);
void boot_add_zeros(struct pc_machine *pc, uint64_t gpa, uint64_t len);
/* Takes over a duplicate of @f's descriptor. */
bool boot_add_file(struct pc_machine *pc, uint64_t gpa, const struct boot_file *f, uint64_t offset,
                   uint64_t len, GError **error);
/* Puts the command line at BOOT_CMDLINE; @max includes the terminating 0. */
bool boot_add_cmdline(struct pc_machine *pc, const char *prefix, size_t max, GError **error);
/* ACPI and SMBIOS at the top of low RAM and below 1 MiB; lowers boot->ram_end. */
bool boot_add_tables(struct pc_machine *pc, GError **error);
/* The memory map of a direct boot. */
unsigned boot_e820(const struct pc_machine *pc, struct e820_entry ret[PC_E820_MAX]);
/* Where @len bytes fit below @limit and above @floor, as high as possible, page aligned; 0: not. */
uint64_t boot_place_high(const struct pc_machine *pc, uint64_t len, uint64_t floor, uint64_t limit);

bool boot_linux_is(const struct boot_file *f);
bool boot_linux(struct pc_machine *pc, const struct boot_file *f, GError **error);
/* *@ret: whether it has a multiboot header. */
bool boot_multiboot_is(const struct boot_file *f, bool *ret, GError **error);
bool boot_multiboot(struct pc_machine *pc, const struct boot_file *f, GError **error);
bool boot_pvh(struct pc_machine *pc, const struct boot_file *f, GError **error);
/* Hands a bzImage to firmware. */
bool boot_firmware(struct pc_machine *pc, const struct boot_file *f, GError **error);

/* ---- ELF (boot_elf.c) ---- */

struct boot_elf {
    uint64_t entry;    /* physical */
    uint64_t low, end; /* physical extent of what is loaded */
    bool has_pvh;
    uint64_t pvh_entry;
};

bool boot_elf_is(const struct boot_file *f);
/* Adds the loadable segments to the plan (not with @only_look) and reads the notes. */
bool boot_elf_load(struct pc_machine *pc, const struct boot_file *f, bool only_look,
                   struct boot_elf *ret, GError **error);

/* The real-mode header of a bzImage (Documentation/arch/x86/boot.rst). */
enum linux_header {
    LINUX_SETUP_SECTS = 0x1f1,
    LINUX_SYSSIZE = 0x1f4, /* of the kernel proper, in 16-byte units */
    LINUX_VID_MODE = 0x1fa,
    LINUX_BOOT_FLAG = 0x1fe,
    LINUX_HEADER_LEN = 0x201,
    LINUX_HEADER = 0x202,
    LINUX_VERSION = 0x206,
    LINUX_TYPE_OF_LOADER = 0x210,
    LINUX_LOADFLAGS = 0x211,
    LINUX_CODE32_START = 0x214,
    LINUX_RAMDISK_IMAGE = 0x218,
    LINUX_RAMDISK_SIZE = 0x21c,
    LINUX_HEAP_END_PTR = 0x224,
    LINUX_CMD_LINE_PTR = 0x228,
    LINUX_INITRD_ADDR_MAX = 0x22c,
    LINUX_KERNEL_ALIGNMENT = 0x230,
    LINUX_RELOCATABLE = 0x234,
    LINUX_XLOADFLAGS = 0x236,
    LINUX_CMDLINE_SIZE = 0x238,
    LINUX_SETUP_DATA = 0x250,
    LINUX_PREF_ADDRESS = 0x258,
    LINUX_INIT_SIZE = 0x260,
    LINUX_HEADER_MAX = 0x290,
    LINUX_LOADED_HIGH = 1 << 0,
    LINUX_CAN_USE_HEAP = 1 << 7,
    LINUX_XLF_KERNEL_64 = 1 << 0,
    LINUX_LOADER_UNKNOWN = 0xff,
};

/* A checked header. */
struct linux_image {
    uint8_t header[LINUX_HEADER_MAX]; /* the file's beginning, zeros behind the header's end */
    uint16_t version;
    uint32_t setup_bytes;  /* boot sector and setup code: where the kernel proper begins */
    uint64_t kernel_bytes; /* the rest */
    uint64_t initrd_max;   /* last byte that an initrd may take */
    size_t cmdline_max;    /* with the terminating 0 */
};

bool linux_image_read(const struct boot_file *f, struct linux_image *ret, GError **error);

#endif
