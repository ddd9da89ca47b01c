/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs: leaving out parts, printing.
 */
#include "tests/insn_blocks/program.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/bytes.h"

enum { NOP_MAX = 9 };

/*
 * Below and above 4 GiB, and across that; not congruent modulo 2 MiB or 1 GiB; across a GiB behind
 * the first page. The second one is a page off the first in its GiB, so that an operand by RIP that
 * is short of some GiB finds other data there. Data is at the same distance from code in the first
 * and second, in the third and fourth, and just 2 GiB away, on either side, in the last three.
 * Programs with a thread sanitizer can map all of them, those with an address sanitizer all but the
 * second and third.
 */
const struct program_place program_places[PROGRAM_PLACES] = {
    {0x11000000, 0x21000000},         {0x551001000, 0x561001000},       {0xfffff000, 0x17f000000},
    {0x551234567000, 0x5512b3568000}, {0x553ffffff000, 0x553f80ffe000},
};

static bool in_one_of(uint64_t addr, uint64_t first, unsigned bytes, unsigned *ret_off)
{
    if (addr - first >= bytes) {
        return false;
    }
    if (ret_off) {
        *ret_off = addr - first;
    }
    return true;
}

bool program_in_data(uint64_t addr, unsigned *ret_off)
{
    for (unsigned n = 0; n < PROGRAM_PLACES; n++) {
        if (in_one_of(addr, program_places[n].data, PROGRAM_DATA_BYTES, ret_off)) {
            return true;
        }
    }
    return false;
}

bool program_in_code(uint64_t addr, unsigned *ret_off)
{
    for (unsigned n = 0; n < PROGRAM_PLACES; n++) {
        if (in_one_of(addr, program_places[n].code, PROGRAM_CODE_BYTES, ret_off)) {
            return true;
        }
    }
    return false;
}

void program_move(struct program *p, unsigned place)
{
    p->place = place;
    p->places |= 1u << place;
    p->state.rip = program_code_at(p) + p->entry;
}

/* One NOP of up to NOP_MAX bytes. */
static void put_nop(uint8_t *p, unsigned len)
{
    static const uint8_t nops[NOP_MAX][NOP_MAX] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };

    memcpy(p, nops[len - 1], len);
}

void program_put_nops(uint8_t *p, unsigned len)
{
    while (len) {
        unsigned n = MIN(len, NOP_MAX);

        put_nop(p, n);
        p += n;
        len -= n;
    }
}

void program_drop(struct program *p, unsigned item)
{
    program_put_nops(p->code + p->items[item].at, p->items[item].len);
}

void program_usual_rights(uint8_t rights[PROGRAM_PAGES])
{
    memset(rights, WORLD_READ | WORLD_WRITE, PROGRAM_PAGES);
    rights[PROGRAM_PAGES - 2] = WORLD_ABSENT;
    rights[PROGRAM_PAGES - 1] = WORLD_READ;
}

/* ---- printing ---------------------------------------------------------------------------- */

static void append(void *opaque, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_string_append_vprintf(opaque, fmt, args);
    va_end(args);
}

/* As much as is NOPs, from `at` on. */
static unsigned nops_at(const struct program *p, unsigned at, unsigned end)
{
    for (unsigned len = MIN(end - at, NOP_MAX); len; len--) {
        uint8_t nop[NOP_MAX];

        put_nop(nop, len);
        if (!memcmp(p->code + at, nop, len)) {
            return len;
        }
    }
    return 0;
}

static void print_skipped(unsigned *skipped)
{
    if (*skipped) {
        printf("    (%u bytes of NOPs)\n", *skipped);
    }
    *skipped = 0;
}

static void print_item(const struct program *p, const struct item *item, unsigned *skipped)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;
    unsigned at = item->at, end = item->at + item->len, nops;

    while (at < end && (nops = nops_at(p, at, end))) {
        *skipped += nops;
        at += nops;
    }
    if (at == end) {
        return;
    }
    print_skipped(skipped);
    x86_disassemble(p->code + at, end - at, program_code_at(p) + at, p->bits, append, text);
    lines = g_strsplit(text->str, "\n", -1);
    for (unsigned n = 0; lines[n] && *lines[n]; n++) {
        printf("  %s\n", lines[n]);
    }
}

static void print_rights(const struct program *p)
{
    uint8_t usual[PROGRAM_PAGES];

    program_usual_rights(usual);
    for (unsigned n = 0; n < PROGRAM_PAGES; n++) {
        if (p->rights[n] != usual[n]) {
            printf("  page %llx is %s%s\n", (long long)program_data_at(p) + n * 0x1000,
                   p->rights[n] == WORLD_ABSENT ? "absent" : "read only",
                   p->demand ? " until it is asked for" : "");
        }
    }
}

void program_print(const struct program *p)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    const struct machine_state *s = &p->state;
    unsigned skipped = 0;

    printf("%u-bit code, entered at %llx:\n", p->bits, (long long)s->rip);
    for (unsigned n = 0; n < p->count; n++) {
        print_item(p, &p->items[n], &skipped);
    }
    print_skipped(&skipped);
    print_rights(p);
    printf("  it starts with");
    for (unsigned n = 0; n < (p->bits == 64 ? 16 : 8); n++) {
        printf("%s%s %llx", n % 4 ? "  " : "\n    ", names[n], (long long)s->gpr[n]);
    }
    printf("\n    flags %llx  fcw %04x fsw %04x ftw %02x  mxcsr %05x\n", (long long)s->rflags,
           load_le16(s->area + AREA_FCW), load_le16(s->area + AREA_FSW), s->area[AREA_FTW],
           load_le32(s->area + AREA_MXCSR));
}
