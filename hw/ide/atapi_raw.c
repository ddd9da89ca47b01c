/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw frames of a CD's data track, made from the user data.
 *
 * ECMA-130 clause 14 (mode 1 sectors) and annex A (error correction):
 *
 *     0 sync (12)   12 header (4)   16 user data (2048)   2064 EDC (4)   2068 zero (8)
 *     2076 P parity (172)   2248 Q parity (104)
 *
 * P and Q are Reed-Solomon codes over GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1, two
 * parity bytes per codeword, over the even and the odd bytes separately.
 */
#include "hw/ide/device.h"

#include "util/bytes.h"
#include <string.h>

enum {
    HEADER = 12,
    DATA = 16,
    EDC = 2064,
    P_PARITY = 2076,
    Q_PARITY = 2248,
};

static uint8_t to_bcd(uint32_t v)
{
    return (uint8_t)(v / 10 % 10 << 4 | v % 10);
}

/* The CRC of annex A: (x^16 + x^15 + x^2 + 1)(x^16 + x^2 + x + 1), least significant bit first. */
static uint32_t edc(const uint8_t *p, size_t len)
{
    uint32_t crc = 0;

    while (len--) {
        crc ^= *p++;
        for (unsigned i = 0; i < 8; i++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xd8018001 : 0);
        }
    }
    return crc;
}

/* @a times x. */
static uint8_t gf_double(uint8_t a)
{
    return (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1d : 0));
}

/* @a divided by x + 1: the product with its inverse, 0xf4. */
static uint8_t gf_div3(uint8_t a)
{
    uint8_t product = 0;

    for (unsigned bit = 0; bit < 8; bit++) {
        if (0xf4 >> bit & 1) {
            product ^= a;
        }
        a = gf_double(a);
    }
    return product;
}

/*
 * Parity of @codewords words of @len bytes each. Byte i of word w is at
 * (w_step * (w / 2) + i_step * i) * 2 % size + w % 2, counted from the header. The first parity
 * bytes go to @parity, the second ones @codewords bytes behind.
 */
static void put_parity(const uint8_t *frame, unsigned codewords, unsigned len, unsigned w_step,
                       unsigned i_step, unsigned size, uint8_t *parity)
{
    for (unsigned w = 0; w < codewords; w++) {
        uint8_t sum = 0, weighted = 0;

        for (unsigned i = 0; i < len; i++) {
            unsigned at = (w_step * (w / 2) + i_step * i) * 2 % size + w % 2;
            uint8_t v = frame[HEADER + at];

            sum ^= v;
            weighted = gf_double(weighted ^ v);
        }
        /* Two equations: all bytes sum to zero, and so they do weighted with powers of x. */
        parity[w] = gf_div3(gf_double(weighted) ^ sum);
        parity[w + codewords] = parity[w] ^ sum;
    }
}

static void fill_whole(uint8_t *f, const uint8_t *data, uint32_t lba)
{
    uint32_t at = lba + 150;

    memset(f, 0xff, 12);
    f[0] = f[11] = 0;
    f[HEADER] = to_bcd(at / 75 / 60);
    f[HEADER + 1] = to_bcd(at / 75 % 60);
    f[HEADER + 2] = to_bcd(at % 75);
    f[HEADER + 3] = 1;
    memcpy(f + DATA, data, IDE_CD_BLOCK);
    store_le32(f + EDC, edc(f, EDC));
    memset(f + EDC + 4, 0, 8);
    put_parity(f, 86, 24, 1, 43, 2 * 43 * 24, f + P_PARITY);
    put_parity(f, 52, 43, 43, 44, 2 * 43 * 26, f + Q_PARITY);
}

uint32_t atapi_frame_size(uint8_t flags)
{
    return (flags & 0x80 ? 12 : 0) + (flags & 0x20 ? 4 : 0) + (flags & 0x10 ? IDE_CD_BLOCK : 0) +
           (flags & 0x08 ? IDE_CD_FRAME - EDC : 0);
}

void atapi_frame_fill(uint8_t *out, const uint8_t *data, uint32_t lba, uint8_t flags)
{
    uint8_t frame[IDE_CD_FRAME];
    unsigned start = flags & 0x80 ? 0 : flags & 0x20 ? HEADER : flags & 0x10 ? DATA : EDC;

    fill_whole(frame, data, lba);
    memcpy(out, frame + start, atapi_frame_size(flags)); /* the parts follow each other */
}
