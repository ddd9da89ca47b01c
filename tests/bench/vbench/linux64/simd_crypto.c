/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of AES, carry-less multiplication, and bit instructions (BMI1, BMI2, POPCNT). */
#include <immintrin.h>

#include "tests/bench/vbench/vbench.h"

#define WITH(features) __attribute__((target(features)))

enum { N = 4096 };

static bool has_aes(void)
{
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("sse4.1");
}

static bool has_pclmul(void)
{
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("ssse3");
}

static bool has_bmi1(void)
{
    return __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
}

static bool has_bmi2(void)
{
    return __builtin_cpu_supports("bmi2");
}

static void fill(void)
{
    uint32_t seed = 2030;

    for (int i = 0; i < 2 * N; i++) {
        scratch[i] = (uint8_t)(rnd(&seed) >> 9);
    }
}

enum { ROUNDS = 10 };

/* One word of the key schedule needs the instruction with a constant. */
#define NEXT_KEY(key, constant) next_key(key, _mm_aeskeygenassist_si128(key, constant))

static WITH("aes,sse4.1") __m128i next_key(__m128i key, __m128i assist)
{
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
    return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}

static WITH("aes,sse4.1") void expand_key(__m128i keys[ROUNDS + 1], __m128i key)
{
    keys[0] = key;
    keys[1] = NEXT_KEY(keys[0], 0x01);
    keys[2] = NEXT_KEY(keys[1], 0x02);
    keys[3] = NEXT_KEY(keys[2], 0x04);
    keys[4] = NEXT_KEY(keys[3], 0x08);
    keys[5] = NEXT_KEY(keys[4], 0x10);
    keys[6] = NEXT_KEY(keys[5], 0x20);
    keys[7] = NEXT_KEY(keys[6], 0x40);
    keys[8] = NEXT_KEY(keys[7], 0x80);
    keys[9] = NEXT_KEY(keys[8], 0x1b);
    keys[10] = NEXT_KEY(keys[9], 0x36);
}

/* AES-128 in counter mode, four blocks at a time */
static WITH("aes,sse4.1") uint64_t aes_ctr(unsigned long work)
{
    __m128i *data = (__m128i *)scratch, keys[ROUNDS + 1], counter = _mm_setzero_si128();
    const __m128i one = _mm_set_epi64x(0, 1);

    expand_key(keys, _mm_set_epi64x(0x0123456789abcdef, 0x0fedcba987654321));
    fill();
    while (work--) {
        for (int i = 0; i < N / 16; i += 4) {
            __m128i blocks[4];

            for (int k = 0; k < 4; k++) {
                blocks[k] = _mm_xor_si128(counter, keys[0]);
                counter = _mm_add_epi64(counter, one);
            }
            for (int r = 1; r < ROUNDS; r++) {
                for (int k = 0; k < 4; k++) {
                    blocks[k] = _mm_aesenc_si128(blocks[k], keys[r]);
                }
            }
            for (int k = 0; k < 4; k++) {
                blocks[k] = _mm_aesenclast_si128(blocks[k], keys[ROUNDS]);
                data[i + k] = _mm_xor_si128(data[i + k], blocks[k]);
            }
        }
    }
    return mix_bytes(0, data, N);
}
BENCH(aes_ctr, "simd/aes-ctr", .work = 11000, .usable = has_aes);

/* AES-128 chained, encrypted and decrypted */
static WITH("aes,sse4.1") uint64_t aes_cbc(unsigned long work)
{
    __m128i keys[ROUNDS + 1], back[ROUNDS + 1], block = _mm_set1_epi8(0x5a), total = block;

    expand_key(keys, _mm_set_epi64x(0x1122334455667788, 0x0fedcba987654321));
    back[0] = keys[ROUNDS];
    back[ROUNDS] = keys[0];
    for (int r = 1; r < ROUNDS; r++) {
        back[r] = _mm_aesimc_si128(keys[ROUNDS - r]);
    }
    while (work--) {
        for (int i = 0; i < 128; i++) {
            __m128i plain;

            block = _mm_xor_si128(block, keys[0]);
            for (int r = 1; r < ROUNDS; r++) {
                block = _mm_aesenc_si128(block, keys[r]);
            }
            block = _mm_aesenclast_si128(block, keys[ROUNDS]);
            plain = _mm_xor_si128(block, back[0]);
            for (int r = 1; r < ROUNDS; r++) {
                plain = _mm_aesdec_si128(plain, back[r]);
            }
            total = _mm_add_epi32(total, _mm_aesdeclast_si128(plain, back[ROUNDS]));
        }
    }
    total = _mm_xor_si128(total, block);
    return mix_bytes(0, &total, sizeof(total));
}
BENCH(aes_cbc, "simd/aes-cbc", .work = 15000, .usable = has_aes);

/* A product in GF(2^128) for every block, as GCM has it but for the order of bits */
static WITH("pclmul,ssse3") uint64_t pclmul(unsigned long work)
{
    const __m128i *data = (const __m128i *)scratch;
    const __m128i h = _mm_set_epi64x(0x66e94bd4ef8a2c3b, 0x884cfa59ca342b2e);
    const __m128i reduce = _mm_set_epi64x(0, 0x87);
    __m128i hash = _mm_setzero_si128();

    while (work--) {
        for (int i = 0; i < N / 16; i++) {
            __m128i x = _mm_xor_si128(hash, data[i]);
            __m128i low = _mm_clmulepi64_si128(x, h, 0x00);
            __m128i high = _mm_clmulepi64_si128(x, h, 0x11);
            __m128i middle =
                _mm_xor_si128(_mm_clmulepi64_si128(x, h, 0x01), _mm_clmulepi64_si128(x, h, 0x10));

            low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
            high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
            middle = _mm_clmulepi64_si128(high, reduce, 0x01);
            high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
            low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
            hash = _mm_xor_si128(low, _mm_clmulepi64_si128(high, reduce, 0x00));
        }
    }
    return mix_bytes(0, &hash, sizeof(hash));
}
BENCH(pclmul, "simd/pclmul", .work = 12000, .prepare = fill, .usable = has_pclmul);

static WITH("bmi,popcnt") uint64_t bmi1(unsigned long work)
{
    const uint64_t *data = (const uint64_t *)scratch;
    uint64_t sum = 0;

    while (work--) {
        uint64_t total = 0;

        for (int i = 0; i < N / 8; i++) {
            uint64_t x = data[i], y = x ^ total;

            total += _andn_u64(x, y) ^ _blsr_u64(x) ^ _blsi_u64(y) ^ _blsmsk_u64(x);
            total += _bextr_u64(y, 7, 21) + _tzcnt_u64(y) + (uint64_t)__builtin_popcountll(x);
        }
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(bmi1, "simd/bmi1", .work = 390000, .prepare = fill, .usable = has_bmi1);

static WITH("bmi2") uint64_t bmi2(unsigned long work)
{
    const uint64_t *data = (const uint64_t *)scratch;
    uint64_t sum = 0;

    while (work--) {
        uint64_t total = 1;

        for (int i = 0; i < N / 8; i++) {
            uint64_t x = data[i];
            unsigned long long high, low = _mulx_u64(x, total | 1, &high);

            total += low ^ high ^ _bzhi_u64(x, (unsigned)i & 63);
            total ^= (x << (total & 63)) + (x >> (i & 63)); /* SHLX, SHRX */
        }
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(bmi2, "simd/bmi2", .work = 150000, .prepare = fill, .usable = has_bmi2);

static WITH("bmi2") uint64_t bmi2_bits(unsigned long work)
{
    const uint64_t *data = (const uint64_t *)scratch;
    uint64_t sum = 0;

    while (work--) {
        uint64_t total = 0;

        for (int i = 0; i < N / 8; i++) {
            uint64_t x = data[i];

            total += _pext_u64(x, 0x5555555555555555) << 32 | _pext_u64(x, 0xaaaaaaaaaaaaaaaa);
            total ^= _pdep_u64(x, total);
        }
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(bmi2_bits, "simd/pdep-pext", .work = 9200, .prepare = fill, .usable = has_bmi2);
