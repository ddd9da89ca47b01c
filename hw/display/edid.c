/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EDID 1.4 of a flat monitor of a given size in pixels.
 *
 * VESA E-EDID release A revision 2. One block: the preferred mode as a detailed timing with reduced
 * blanking, the range of frequencies, the name, and the usual modes that are not larger.
 */
#include "hw/display/edid.h"

#include "util/bytes.h"

enum { MAX_PIXELS = 4095, DPI = 100 };
enum { H_BLANK = 160, H_FRONT = 48, H_SYNC = 32, V_FRONT = 3, V_SYNC = 5, V_BLANK_NS = 460000 };
enum { DESCRIPTORS = 54, DESCRIPTOR_SIZE = 18, TAG_NAME = 0xfc, TAG_RANGE = 0xfd };
enum { REFRESH = 60 };

static const struct {
    uint16_t width, height;
} standard_modes[8] = {
    {1920, 1200}, {1920, 1080}, {1680, 1050}, {1600, 1200},
    {1440, 900},  {1280, 1024}, {1280, 960},  {1152, 864},
};

/* Byte 35 and 36: modes with a bit of their own. */
static const struct {
    uint16_t width, height;
    uint8_t byte, bit;
} established[] = {
    {640, 480, 0, 5},
    {800, 600, 0, 0},
    {1024, 768, 1, 3},
};

/* Three letters of five bits. */
static uint16_t vendor_code(const char *letters)
{
    return (uint16_t)((letters[0] - '@') << 10 | (letters[1] - '@') << 5 | (letters[2] - '@'));
}

static unsigned millimetres(unsigned pixels)
{
    return pixels * 254 / (DPI * 10);
}

/* The mode as 18 bytes: pixel clock, horizontal and vertical numbers, size, digital sync. */
static void put_timing(uint8_t *d, unsigned width, unsigned height)
{
    unsigned line_ns = ((unsigned)NS_PER_SEC / REFRESH - V_BLANK_NS) / height;
    unsigned v_blank = MAX(V_BLANK_NS / MAX(line_ns, 1) + 1, V_FRONT + V_SYNC + 6);
    uint64_t hz = (uint64_t)(width + H_BLANK) * (height + v_blank) * REFRESH;
    unsigned mm_x = millimetres(width), mm_y = millimetres(height);

    store_le16(d, (uint16_t)MIN(hz / 10000, 0xffff));
    d[2] = width & 0xff;
    d[3] = H_BLANK & 0xff;
    d[4] = (width >> 8) << 4 | H_BLANK >> 8;
    d[5] = height & 0xff;
    d[6] = v_blank & 0xff;
    d[7] = (height >> 8) << 4 | v_blank >> 8;
    d[8] = H_FRONT;
    d[9] = H_SYNC;
    d[10] = (V_FRONT & 0xf) << 4 | (V_SYNC & 0xf);
    d[11] = 0;
    d[12] = mm_x & 0xff;
    d[13] = mm_y & 0xff;
    d[14] = (mm_x >> 8) << 4 | mm_y >> 8;
    d[17] = 0x18; /* separate sync, both negative */
}

static void put_range(uint8_t *d)
{
    static const uint8_t range[] = {
        0,    0,    0,    TAG_RANGE, 0,    50,   125,  30,   160, 255,
        0x01, 0x0a, 0x20, 0x20,      0x20, 0x20, 0x20, 0x20, /* 50-125 Hz, 30-160 kHz, 2550 MHz */
    };

    memcpy(d, range, sizeof(range));
}

static void put_name(uint8_t *d, const char *name)
{
    size_t len = MIN(strlen(name), (size_t)13);

    memset(d, 0, 5);
    d[3] = TAG_NAME;
    memset(d + 5, ' ', 13);
    memcpy(d + 5, name, len);
    if (len < 13) {
        d[5 + len] = '\n';
    }
}

static void put_standard_modes(uint8_t *edid, unsigned width, unsigned height)
{
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(standard_modes); i++) {
        unsigned w = standard_modes[i].width, h = standard_modes[i].height;
        unsigned aspect = w * 10 == h * 16 ? 0 : w * 3 == h * 4 ? 1 : w * 4 == h * 5 ? 2 : 3;

        if (w <= width && h <= height) {
            edid[38 + 2 * n] = (uint8_t)(w / 8 - 31);
            edid[39 + 2 * n] = (uint8_t)(aspect << 6 | (REFRESH - 60));
            n++;
        }
    }
    memset(edid + 38 + 2 * n, 0x01, 16 - 2 * n); /* unused */
    for (size_t i = 0; i < ARRAY_SIZE(established); i++) {
        if (established[i].width <= width && established[i].height <= height) {
            edid[35 + established[i].byte] |= 1u << established[i].bit;
        }
    }
}

void edid_make(uint8_t edid[EDID_SIZE], unsigned width, unsigned height, const char *name)
{
    static const uint8_t magic[8] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    /* sRGB primaries and white point */
    static const uint8_t chroma[10] = {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
    uint8_t *d = edid + DESCRIPTORS, sum = 0;

    width = CLAMP(width, 320, MAX_PIXELS);
    height = CLAMP(height, 200, MAX_PIXELS);
    memset(edid, 0, EDID_SIZE);
    memcpy(edid, magic, sizeof(magic));
    store_be16(edid + 8, vendor_code("VTR"));
    store_le16(edid + 10, 1);
    edid[16] = 1; /* week */
    edid[17] = 2025 - 1990;
    edid[18] = 1;
    edid[19] = 4;
    edid[20] = 0xa5; /* digital, 8 bits per colour, DisplayPort */
    edid[21] = (uint8_t)(millimetres(width) / 10);
    edid[22] = (uint8_t)(millimetres(height) / 10);
    edid[23] = 220 - 100; /* gamma 2.2 */
    edid[24] = 0x06;      /* sRGB; the first timing is the preferred one */
    memcpy(edid + 25, chroma, sizeof(chroma));
    put_standard_modes(edid, width, height);
    put_timing(d, width, height);
    put_range(d + DESCRIPTOR_SIZE);
    put_name(d + 2 * DESCRIPTOR_SIZE, name);
    d[3 * DESCRIPTOR_SIZE + 3] = 0x10; /* the fourth descriptor is a dummy */
    for (unsigned i = 0; i < EDID_SIZE - 1; i++) {
        sum += edid[i];
    }
    edid[EDID_SIZE - 1] = (uint8_t)-sum;
}
