/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing AML, the byte code of ACPI tables.
 */
#include "hw/acpi/aml.h"

#include "util/bytes.h"
#include <string.h>

enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    DUAL_NAME_PREFIX = 0x2e,
    MULTI_NAME_PREFIX = 0x2f,
    OP_EXTENDED = 0x5b,
    OP_LOCAL0 = 0x60,
    OP_ARG0 = 0x68,
    EXT_REGION = 0x80,
    EXT_FIELD = 0x81,
    EXT_DEVICE = 0x82,
    OP_IF = 0xa0,
    OP_ELSE = 0xa1,
    SEGMENT = 4, /* bytes of a name segment */
};

/* Resource descriptor tags, and bits of address space descriptors. */
enum {
    RES_IRQ_NO_FLAGS = 0x22,
    RES_DMA = 0x2a,
    RES_IO = 0x47,
    RES_END = 0x79,
    RES_MEMORY32_FIXED = 0x86,
    RES_DWORD_SPACE = 0x87,
    RES_WORD_SPACE = 0x88,
    RES_EXTENDED_IRQ = 0x89,
    RES_QWORD_SPACE = 0x8a,
    SPACE_MEMORY = 0,
    SPACE_IO = 1,
    SPACE_BUS = 2,
    SPACE_MIN_MAX_FIXED = 0x0c,
    SPACE_ENTIRE_RANGE = 3,
    SPACE_WRITABLE = 1,
    SPACE_CACHEABLE = 2,
};

static void put(GByteArray *to, uint64_t v, unsigned size)
{
    uint8_t buf[8];

    store_le(buf, v, size);
    g_byte_array_append(to, buf, size);
}

static void put8(struct aml *a, unsigned v)
{
    put(a->bytes, v, 1);
}

void aml_init(struct aml *a)
{
    memset(a, 0, sizeof(*a));
    a->bytes = g_byte_array_new();
}

GByteArray *aml_finish(struct aml *a)
{
    g_assert(a->depth == 0 && !a->resources);
    return g_steal_pointer(&a->bytes);
}

/* ---- bodies ---- */

static void open_body(struct aml *a)
{
    g_assert(a->depth < AML_MAX_DEPTH);
    a->body[a->depth++] = a->bytes->len;
}

/* PkgLength counts itself: one byte up to 63, else 4 bits and one to three more bytes (20.2.4). */
static unsigned encode_length(uint8_t out[4], size_t body)
{
    unsigned extra = 0;
    size_t total = body + 1;

    if (total <= 0x3f) {
        out[0] = (uint8_t)total;
        return 1;
    }
    while (total + extra >= (size_t)1 << (4 + 8 * extra)) {
        extra++;
    }
    g_assert(extra <= 3);
    total += extra;
    out[0] = (uint8_t)(extra << 6 | (total & 0xf));
    for (unsigned i = 0; i < extra; i++) {
        out[1 + i] = (uint8_t)(total >> (4 + 8 * i));
    }
    return 1 + extra;
}

void aml_end(struct aml *a)
{
    uint8_t length[4];
    guint start, end = a->bytes->len;
    unsigned n;

    g_assert(a->depth > 0);
    start = a->body[--a->depth];
    n = encode_length(length, end - start);
    g_byte_array_set_size(a->bytes, end + n);
    memmove(a->bytes->data + start + n, a->bytes->data + start, end - start);
    memcpy(a->bytes->data + start, length, n);
}

/* ---- names ---- */

static void put_segment(GByteArray *to, const char *segment, size_t len)
{
    uint8_t padded[SEGMENT] = {'_', '_', '_', '_'};

    g_assert(len >= 1 && len <= SEGMENT);
    memcpy(padded, segment, len);
    g_byte_array_append(to, padded, SEGMENT);
}

void aml_path(struct aml *a, const char *path)
{
    unsigned segments = 1;

    while (*path == '\\' || *path == '^') {
        put8(a, (uint8_t)*path++);
    }
    if (!*path) {
        put8(a, OP_ZERO); /* NullName */
        return;
    }
    for (const char *p = path; *p; p++) {
        segments += *p == '.';
    }
    if (segments == 2) {
        put8(a, DUAL_NAME_PREFIX);
    } else if (segments > 2) {
        put8(a, MULTI_NAME_PREFIX);
        put8(a, segments);
    }
    for (unsigned i = 0; i < segments; i++) {
        size_t len = strcspn(path, ".");

        put_segment(a->bytes, path, len);
        path += len + (path[len] == '.');
    }
}

void aml_name(struct aml *a, const char *path)
{
    put8(a, OP_NAME);
    aml_path(a, path);
}

void aml_name_int(struct aml *a, const char *path, uint64_t v)
{
    aml_name(a, path);
    aml_int(a, v);
}

void aml_name_string(struct aml *a, const char *path, const char *text)
{
    aml_name(a, path);
    aml_string(a, text);
}

void aml_name_eisa_id(struct aml *a, const char *path, const char *id)
{
    aml_name(a, path);
    aml_eisa_id(a, id);
}

/* ---- data ---- */

void aml_int(struct aml *a, uint64_t v)
{
    if (v <= 1) {
        put8(a, v ? OP_ONE : OP_ZERO);
    } else if (v <= UINT8_MAX) {
        put8(a, OP_BYTE);
        put(a->bytes, v, 1);
    } else if (v <= UINT16_MAX) {
        put8(a, OP_WORD);
        put(a->bytes, v, 2);
    } else if (v <= UINT32_MAX) {
        put8(a, OP_DWORD);
        put(a->bytes, v, 4);
    } else {
        put8(a, OP_QWORD);
        put(a->bytes, v, 8);
    }
}

void aml_string(struct aml *a, const char *text)
{
    put8(a, OP_STRING);
    g_byte_array_append(a->bytes, (const guint8 *)text, (guint)strlen(text) + 1);
}

/* Three letters of five bits, then four hex digits; the bytes in this order (19.6.37). */
void aml_eisa_id(struct aml *a, const char *id)
{
    unsigned letters = 0, product = 0;

    g_assert(strlen(id) == 7);
    for (unsigned i = 0; i < 3; i++) {
        letters = letters << 5 | ((unsigned)id[i] & 0x1f);
    }
    for (unsigned i = 3; i < 7; i++) {
        product = product << 4 | (unsigned)g_ascii_xdigit_value(id[i]);
    }
    put8(a, OP_DWORD);
    put8(a, letters >> 8);
    put8(a, letters & 0xff);
    put8(a, product >> 8);
    put8(a, product & 0xff);
}

void aml_buffer(struct aml *a, const void *data, size_t len)
{
    put8(a, OP_BUFFER);
    open_body(a);
    aml_int(a, len);
    g_byte_array_append(a->bytes, data, (guint)len);
    aml_end(a);
}

void aml_package(struct aml *a, unsigned elements)
{
    g_assert(elements <= UINT8_MAX);
    put8(a, OP_PACKAGE);
    open_body(a);
    put8(a, elements);
}

/* ---- named things with bodies ---- */

void aml_scope(struct aml *a, const char *path)
{
    put8(a, OP_SCOPE);
    open_body(a);
    aml_path(a, path);
}

void aml_device(struct aml *a, const char *path)
{
    put8(a, OP_EXTENDED);
    put8(a, EXT_DEVICE);
    open_body(a);
    aml_path(a, path);
}

void aml_method(struct aml *a, const char *path, unsigned args, bool serialized)
{
    g_assert(args <= 7);
    put8(a, OP_METHOD);
    open_body(a);
    aml_path(a, path);
    put8(a, args | (serialized ? 8 : 0));
}

void aml_if(struct aml *a)
{
    put8(a, OP_IF);
    open_body(a);
}

void aml_else(struct aml *a)
{
    put8(a, OP_ELSE);
    open_body(a);
}

/* ---- code ---- */

void aml_op(struct aml *a, enum aml_opcode op)
{
    put8(a, op);
}

void aml_arg(struct aml *a, unsigned n)
{
    g_assert(n <= 6);
    put8(a, OP_ARG0 + n);
}

void aml_local(struct aml *a, unsigned n)
{
    g_assert(n <= 7);
    put8(a, OP_LOCAL0 + n);
}

void aml_no_target(struct aml *a)
{
    put8(a, OP_ZERO);
}

/* ---- operation regions ---- */

void aml_region(struct aml *a, const char *path, enum aml_region_space space, uint64_t offset,
                uint64_t len)
{
    put8(a, OP_EXTENDED);
    put8(a, EXT_REGION);
    aml_path(a, path);
    put8(a, space);
    aml_int(a, offset);
    aml_int(a, len);
}

void aml_field(struct aml *a, const char *region, enum aml_access access)
{
    put8(a, OP_EXTENDED);
    put8(a, EXT_FIELD);
    open_body(a);
    aml_path(a, region);
    put8(a, access); /* no lock, preserve */
}

/* A field's width is in the form of a length, but counts bits and not itself. */
static void put_bits(struct aml *a, unsigned bits)
{
    unsigned extra = 0;

    if (bits <= 0x3f) {
        put8(a, bits);
        return;
    }
    while (bits >> (4 + 8 * extra)) {
        extra++;
    }
    put8(a, extra << 6 | (bits & 0xf));
    for (unsigned i = 0; i < extra; i++) {
        put8(a, bits >> (4 + 8 * i) & 0xff);
    }
}

void aml_field_unit(struct aml *a, const char *name, unsigned bits)
{
    put_segment(a->bytes, name, strlen(name));
    put_bits(a, bits);
}

void aml_field_skip(struct aml *a, unsigned bits)
{
    put8(a, 0);
    put_bits(a, bits);
}

/* ---- resource templates ---- */

void aml_resources(struct aml *a)
{
    g_assert(!a->resources);
    a->resources = g_byte_array_new();
}

void aml_resources_end(struct aml *a)
{
    g_assert(a->resources);
    put(a->resources, RES_END, 1);
    put(a->resources, 0, 1); /* no checksum */
    aml_buffer(a, a->resources->data, a->resources->len);
    g_clear_pointer(&a->resources, g_byte_array_unref);
}

void aml_res_io(struct aml *a, uint16_t min, uint16_t max, uint8_t align, uint8_t len)
{
    put(a->resources, RES_IO, 1);
    put(a->resources, 1, 1); /* decodes 16 bits */
    put(a->resources, min, 2);
    put(a->resources, max, 2);
    put(a->resources, align, 1);
    put(a->resources, len, 1);
}

void aml_res_irq(struct aml *a, unsigned irq)
{
    g_assert(irq < 16);
    put(a->resources, RES_IRQ_NO_FLAGS, 1);
    put(a->resources, 1u << irq, 2);
}

void aml_res_dma(struct aml *a, unsigned channel)
{
    g_assert(channel < 8);
    put(a->resources, RES_DMA, 1);
    put(a->resources, 1u << channel, 1);
    put(a->resources, 0, 1); /* compatible timing, no bus master, 8 bits */
}

void aml_res_interrupts(struct aml *a, bool active_low, const uint32_t *gsis, unsigned count)
{
    put(a->resources, RES_EXTENDED_IRQ, 1);
    put(a->resources, 2 + 4 * count, 2);
    put(a->resources, 0x09 | (active_low ? 4 : 0), 1); /* consumer, level, shared */
    put(a->resources, count, 1);
    for (unsigned i = 0; i < count; i++) {
        put(a->resources, gsis[i], 4);
    }
}

void aml_res_memory32(struct aml *a, bool writable, uint32_t base, uint32_t len)
{
    put(a->resources, RES_MEMORY32_FIXED, 1);
    put(a->resources, 9, 2);
    put(a->resources, writable, 1);
    put(a->resources, base, 4);
    put(a->resources, len, 4);
}

/* Word, double word and quad word address space descriptors differ in width alone. */
static void put_space(struct aml *a, unsigned type, unsigned flags, unsigned width, uint64_t min,
                      uint64_t max)
{
    unsigned tag = width == 2 ? RES_WORD_SPACE : width == 4 ? RES_DWORD_SPACE : RES_QWORD_SPACE;

    put(a->resources, tag, 1);
    put(a->resources, 3 + 5 * width, 2);
    put(a->resources, type, 1);
    put(a->resources, SPACE_MIN_MAX_FIXED, 1); /* producer, positive decode */
    put(a->resources, flags, 1);
    put(a->resources, 0, width); /* granularity */
    put(a->resources, min, width);
    put(a->resources, max, width);
    put(a->resources, 0, width); /* translation */
    put(a->resources, max - min + 1, width);
}

void aml_res_bus_numbers(struct aml *a, uint16_t min, uint16_t max)
{
    put_space(a, SPACE_BUS, 0, 2, min, max);
}

void aml_res_io_window(struct aml *a, uint16_t min, uint16_t max)
{
    put_space(a, SPACE_IO, SPACE_ENTIRE_RANGE, 2, min, max);
}

void aml_res_memory_window(struct aml *a, bool cacheable, uint64_t min, uint64_t max)
{
    put_space(a, SPACE_MEMORY, SPACE_WRITABLE | (cacheable ? SPACE_CACHEABLE : 0),
              max > UINT32_MAX ? 8 : 4, min, max);
}
