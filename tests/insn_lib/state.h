/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an instruction can see and change, as both the host and the interpreter take and give it,
 * and the addresses that both have mapped alike.
 */
#ifndef TESTS_INSN_LIB_STATE_H
#define TESTS_INSN_LIB_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The same on the host and in the guest; below 2 GiB for 32-bit code and absolute addresses. */
#define CODE_AT     0x10000000ull
#define CODE_BYTES  0x1000
#define DATA_AT     0x20000000ull /* read and write; nothing is mapped after it */
#define DATA_BYTES  0x2000
#define RODATA_AT   0x20004000ull /* read only */
#define RODATA_SIZE 0x1000
#define GS_BASE     0x10000ull /* nothing is mapped there; added to the data's addresses */

/*
 * Code runs in 64-bit segments, flat 32-bit ones, or 16-bit ones: then the code segment starts at
 * CODE_AT with 64 KiB, and DS, ES and SS are just the data.
 */
static inline uint64_t code_base(unsigned bits)
{
    return bits == 16 ? CODE_AT : 0;
}

static inline uint64_t data_base(unsigned bits)
{
    return bits == 16 ? DATA_AT : 0;
}

/* The LDT that both sides have; selectors with the table bit and RPL 3. */
#define LDT_CODE16 0x07
#define LDT_DATA16 0x0f

struct ldt_entry {
    uint32_t base, limit; /* the limit is in pages when `pages` is set */
    uint8_t contents;     /* 0 data, 1 data that expands down, 2 code, 3 conforming code */
    bool restricted;      /* data: read only; code: execute only */
    bool pages, big, absent;
};

enum { LDT_USED = 8 };

static const struct ldt_entry ldt_entries[LDT_USED] = {
    {.base = CODE_AT, .limit = 0xffff, .contents = 2},
    {.base = DATA_AT, .limit = DATA_BYTES - 1},
    {.base = DATA_AT, .limit = 0x1234, .restricted = true},
    {.base = DATA_AT, .limit = 0xfff, .contents = 1},
    {.base = CODE_AT, .limit = 0xffff, .contents = 3, .absent = true},
    {.base = DATA_AT, .limit = 0xffff, .absent = true},
    {.limit = 0xfffff, .pages = true, .big = true},
    {.base = CODE_AT, .limit = 0xffff, .contents = 2, .restricted = true, .big = true},
};

#define INSN_AT (CODE_AT + 0x800) /* the instruction; INT3 fills the page around it */

/* Offsets in the standard XSAVE area. */
enum {
    AREA_FCW = 0,
    AREA_FSW = 2,
    AREA_FTW = 4,
    AREA_FOP = 6,
    AREA_FIP = 8,
    AREA_FDP = 16,
    AREA_MXCSR = 24,
    AREA_ST = 32,
    AREA_XMM = 160,
    AREA_HEADER = 512,
    AREA_YMM = 576,
    AREA_BYTES = 832,
};

/* The instruction pointer at INSN_AT. */
static inline uint64_t insn_rip(unsigned bits)
{
    return INSN_AT - code_base(bits);
}

struct machine_state {
    uint64_t gpr[16]; /* in the order of encoding */
    uint64_t rip;
    uint64_t rflags;
    int vector; /* of the exception, or -1 */
    uint32_t error;
    uint64_t cr2;
    uint16_t sel[6];          /* segment registers in the order of encoding */
    uint8_t area[AREA_BYTES]; /* x87, SSE, AVX */
};

#endif
