/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cryptographic vector instructions: AES (FIPS 197), SHA (FIPS 180-4), carry-less multiplication
 * and arithmetic in GF(2^8).
 *
 * Every kernel works on each 128-bit lane of the register by itself.
 */
#include "target/i386/simd.h"

/* clang-format off */
static const uint8_t sbox[256] = {
    0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
    0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
    0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
    0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
    0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
    0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
    0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
    0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
    0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
    0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
    0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
    0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
    0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
    0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
    0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
    0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};

static const uint8_t inverse_sbox[256] = {
    0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb,
    0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb,
    0x54, 0x7b, 0x94, 0x32, 0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
    0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25,
    0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92,
    0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
    0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05, 0xb8, 0xb3, 0x45, 0x06,
    0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b,
    0x3a, 0x91, 0x11, 0x41, 0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
    0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e,
    0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b,
    0xfc, 0x56, 0x3e, 0x4b, 0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
    0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f,
    0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d, 0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef,
    0xa0, 0xe0, 0x3b, 0x4d, 0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
    0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0c, 0x7d,
};
/* clang-format on */

/* ---- AES --------------------------------------------------------------------------------- */

/* SubBytes after ShiftRows: row n of the state turns left (right when inverse) by n. */
static void sub_and_shift(union x86_vec *r, const union x86_vec *x, const uint8_t *box, int turn)
{
    for (int k = 0; k < X86_VEC_BYTES; k++) {
        int row = k & 3, column = k >> 2 & 3;

        r->b[k] = box[x->b[(k & ~15) + row + 4 * ((column + turn * row) & 3)]];
    }
}

/* Each of four bytes times x in GF(2^8) */
static uint32_t times_x(uint32_t v)
{
    return (v & 0x7f7f7f7f) << 1 ^ (v >> 7 & 0x01010101) * 0x1b;
}

static uint32_t ror(uint32_t v, unsigned n)
{
    return v >> n | v << (32 - n);
}

/* MixColumns: each column times the circulant matrix 2 3 1 1 */
static void mix_columns(union x86_vec *x)
{
    for (unsigned k = 0; k < VEC_COUNT(uint32_t); k++) {
        uint32_t v = x->d[k], v2 = times_x(v);

        x->d[k] = v2 ^ ror(v ^ v2, 8) ^ ror(v, 16) ^ ror(v, 24);
    }
}

/* InvMixColumns is MixColumns after the matrix 5 0 4 0. */
static void unmix_columns(union x86_vec *x)
{
    for (unsigned k = 0; k < VEC_COUNT(uint32_t); k++) {
        x->d[k] ^= times_x(times_x(x->d[k] ^ ror(x->d[k], 16)));
    }
    mix_columns(x);
}

static void add_key(union x86_vec *r, const union x86_vec *key)
{
    for (unsigned k = 0; k < VEC_COUNT(uint64_t); k++) {
        r->q[k] ^= key->q[k];
    }
}

static void aesenc(union x86_vec *r, const union x86_vec *x, const union x86_vec *key, bool last)
{
    sub_and_shift(r, x, sbox, 1);
    if (!last) {
        mix_columns(r);
    }
    add_key(r, key);
}

static void aesdec(union x86_vec *r, const union x86_vec *x, const union x86_vec *key, bool last)
{
    sub_and_shift(r, x, inverse_sbox, -1);
    if (!last) {
        unmix_columns(r);
    }
    add_key(r, key);
}

static void aesimc(union x86_vec *r, const union x86_vec *x)
{
    *r = *x;
    unmix_columns(r);
}

static uint32_t sub_word(uint32_t v)
{
    return sbox[v & 255] | sbox[v >> 8 & 255] << 8 | sbox[v >> 16 & 255] << 16 |
           (uint32_t)sbox[v >> 24] << 24;
}

static void aeskeygenassist(union x86_vec *r, const union x86_vec *x, uint32_t rcon)
{
    uint32_t a = sub_word(x->d[1]), b = sub_word(x->d[3]);

    r->d[0] = a;
    r->d[1] = (a >> 8 | a << 24) ^ rcon;
    r->d[2] = b;
    r->d[3] = (b >> 8 | b << 24) ^ rcon;
}

VEC_KERNEL(AESENC, aesenc, /* last= */ false)
VEC_KERNEL(AESENCLAST, aesenc, /* last= */ true)
VEC_KERNEL(AESDEC, aesdec, /* last= */ false)
VEC_KERNEL(AESDECLAST, aesdec, /* last= */ true)
VEC_KERNEL1(AESIMC, aesimc)
VEC_KERNEL1(AESKEYGENASSIST, aeskeygenassist, i->imm & 0xff)

/* ---- polynomials over GF(2) -------------------------------------------------------------- */

/* Four bits of b at a time, from the top. */
static unsigned __int128 multiply(uint64_t a, uint64_t b)
{
    unsigned __int128 multiples[16] = {0}, r = 0;

    for (unsigned n = 1; n < 16; n++) {
        multiples[n] = multiples[n / 2] << 1 ^ (n & 1 ? a : 0);
    }
    for (int n = 60; n >= 0; n -= 4) {
        r = r << 4 ^ multiples[b >> n & 15];
    }
    return r;
}

static void pclmulqdq(union x86_vec *r, const union x86_vec *x, const union x86_vec *y,
                      unsigned imm)
{
    for (unsigned lane = 0; lane < VEC_COUNT(uint64_t); lane += 2) {
        unsigned __int128 p = multiply(x->q[lane + (imm & 1)], y->q[lane + (imm >> 4 & 1)]);

        r->q[lane] = p;
        r->q[lane + 1] = p >> 64;
    }
}

VEC_KERNEL(PCLMULQDQ, pclmulqdq, i->imm)

/* Multiplication in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 */
static uint8_t gf_mul(uint8_t a, uint8_t b)
{
    uint8_t r = 0;

    for (; b; b >>= 1) {
        r ^= b & 1 ? a : 0;
        a = a << 1 ^ (a & 0x80 ? 0x1b : 0);
    }
    return r;
}

VEC_BINARY(GF2P8MULB, uint8_t, b, gf_mul(a, b))

/* The inverse in GF(2^8) is the 254th power. */
static uint8_t gf_inverse(uint8_t a)
{
    uint8_t square = gf_mul(a, a), r = square;

    for (int n = 0; n < 6; n++) {
        square = gf_mul(square, square);
        r = gf_mul(r, square);
    }
    return r;
}

/* Each byte of x (or its inverse) times the 8x8 bit matrix in y's quadword, plus imm. */
static void affine(union x86_vec *r, const union x86_vec *x, const union x86_vec *y, unsigned imm,
                   bool inverse)
{
    for (unsigned k = 0; k < X86_VEC_BYTES; k++) {
        uint8_t v = inverse ? gf_inverse(x->b[k]) : x->b[k];

        r->b[k] = imm;
        for (unsigned n = 0; n < 8; n++) {
            r->b[k] ^= __builtin_parity(y->b[(k & ~7u) + 7 - n] & v) << n;
        }
    }
}

VEC_KERNEL(GF2P8AFFINEQB, affine, i->imm, /* inverse= */ false)
VEC_KERNEL(GF2P8AFFINEINVQB, affine, i->imm, /* inverse= */ true)

/* ---- SHA --------------------------------------------------------------------------------- */

static uint32_t rol(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

static uint32_t choose(uint32_t b, uint32_t c, uint32_t d)
{
    return (b & c) ^ (~b & d);
}

static uint32_t majority(uint32_t b, uint32_t c, uint32_t d)
{
    return (b & c) ^ (b & d) ^ (c & d);
}

/* Four rounds of SHA-1; x holds A B C D from the top, y the words with E in the top one. */
static void sha1rnds4(union x86_vec *r, const union x86_vec *x, const union x86_vec *y,
                      unsigned imm)
{
    static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t a = x->d[3], b = x->d[2], c = x->d[1], d = x->d[0], e = 0;

    for (int n = 3; n >= 0; n--) {
        uint32_t f = (imm & 3) == 0   ? choose(b, c, d)
                     : (imm & 3) == 2 ? majority(b, c, d)
                                      : b ^ c ^ d;
        uint32_t next = f + rol(a, 5) + y->d[n] + e + constants[imm & 3];

        e = d;
        d = c;
        c = rol(b, 30);
        b = a;
        a = next;
    }
    r->d[3] = a;
    r->d[2] = b;
    r->d[1] = c;
    r->d[0] = d;
}

static void sha1nexte(union x86_vec *r, const union x86_vec *x, const union x86_vec *y)
{
    *r = *y;
    r->d[3] += rol(x->d[3], 30);
}

static void sha1msg1(union x86_vec *r, const union x86_vec *x, const union x86_vec *y)
{
    r->d[3] = x->d[1] ^ x->d[3];
    r->d[2] = x->d[0] ^ x->d[2];
    r->d[1] = y->d[3] ^ x->d[1];
    r->d[0] = y->d[2] ^ x->d[0];
}

static void sha1msg2(union x86_vec *r, const union x86_vec *x, const union x86_vec *y)
{
    r->d[3] = rol(x->d[3] ^ y->d[2], 1);
    r->d[2] = rol(x->d[2] ^ y->d[1], 1);
    r->d[1] = rol(x->d[1] ^ y->d[0], 1);
    r->d[0] = rol(x->d[0] ^ r->d[3], 1);
}

/* Two rounds of SHA-256; x holds C D G H, y holds A B E F from the top. */
static void sha256rnds2(union x86_vec *r, const union x86_vec *x, const union x86_vec *y,
                        const union x86_vec *wk)
{
    uint32_t a = y->d[3], b = y->d[2], c = x->d[3], d = x->d[2];
    uint32_t e = y->d[1], f = y->d[0], g = x->d[1], h = x->d[0];

    for (unsigned n = 0; n < 2; n++) {
        uint32_t t = choose(e, f, g) + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + wk->d[n] + h;
        uint32_t next = t + majority(a, b, c) + (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22));

        h = g;
        g = f;
        f = e;
        e = t + d;
        d = c;
        c = b;
        b = a;
        a = next;
    }
    r->d[3] = a;
    r->d[2] = b;
    r->d[1] = e;
    r->d[0] = f;
}

static void sha256msg1(union x86_vec *r, const union x86_vec *x, const union x86_vec *y)
{
    for (unsigned k = 0; k < 4; k++) {
        uint32_t w = k < 3 ? x->d[k + 1] : y->d[0];

        r->d[k] = x->d[k] + (ror(w, 7) ^ ror(w, 18) ^ w >> 3);
    }
}

static void sha256msg2(union x86_vec *r, const union x86_vec *x, const union x86_vec *y)
{
    for (unsigned k = 0; k < 4; k++) {
        uint32_t w = k < 2 ? y->d[k + 2] : r->d[k - 2];

        r->d[k] = x->d[k] + (ror(w, 17) ^ ror(w, 19) ^ w >> 10);
    }
}

VEC_KERNEL(SHA1RNDS4, sha1rnds4, i->imm)
VEC_KERNEL(SHA1NEXTE, sha1nexte)
VEC_KERNEL(SHA1MSG1, sha1msg1)
VEC_KERNEL(SHA1MSG2, sha1msg2)
VEC_KERNEL(SHA256RNDS2, sha256rnds2, &cpu->vec[0])
VEC_KERNEL(SHA256MSG1, sha256msg1)
VEC_KERNEL(SHA256MSG2, sha256msg2)
