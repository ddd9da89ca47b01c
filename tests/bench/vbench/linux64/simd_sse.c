/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of SSE, SSE2, SSSE3, SSE4 and MMX. */
#include <immintrin.h>

#include "tests/bench/vbench/vbench.h"

#define WITH(features) __attribute__((target(features)))

enum { N = 4096 }; /* bytes that each test walks through */

static bool has_ssse3(void)
{
    return __builtin_cpu_supports("ssse3");
}

static bool has_sse41(void)
{
    return __builtin_cpu_supports("sse4.1");
}

static bool has_sse42(void)
{
    return __builtin_cpu_supports("sse4.2");
}

static void fill(void)
{
    uint32_t seed = 2024;

    for (int i = 0; i < 4 * N; i++) {
        scratch[i] = (uint8_t)(rnd(&seed) >> 11);
    }
}

/* Floats between 0 and 1 in the first 2 * N bytes */
static void fill_floats(void)
{
    uint32_t seed = 2025;
    float *f = (float *)scratch;

    for (int i = 0; i < N / 2; i++) {
        f[i] = (float)(rnd(&seed) >> 8) / 16777216;
    }
}

static void fill_doubles(void)
{
    uint32_t seed = 2026;
    double *d = (double *)scratch;

    for (int i = 0; i < N / 4; i++) {
        d[i] = (double)(rnd(&seed) >> 1) / 2147483648;
    }
}

static uint64_t sum_of(__m128i v)
{
    return mix_bytes(0, &v, sizeof(v));
}

/* Four floats at a time */
static uint64_t sse_float(unsigned long work)
{
    const float *a = (const float *)scratch, *b = a + N / 4;
    __m128 total = _mm_setzero_ps();

    while (work--) {
        for (int i = 0; i < N / 4; i += 4) {
            __m128 x = _mm_load_ps(a + i), y = _mm_loadu_ps(b + i);
            __m128 z = _mm_add_ps(_mm_mul_ps(x, y), _mm_sub_ps(x, y));

            z = _mm_min_ps(_mm_max_ps(z, _mm_set1_ps(-0.5f)), _mm_shuffle_ps(x, y, 0x1b));
            z = _mm_and_ps(z, _mm_cmplt_ps(x, y));
            total = _mm_add_ps(_mm_mul_ps(total, _mm_set1_ps(0.75f)), z);
        }
    }
    return sum_of(_mm_castps_si128(total));
}
BENCH(sse_float, "simd/sse-float", .work = 22000, .prepare = fill_floats);

/* Division, roots, and the approximations, rounded to what all CPUs promise */
static uint64_t sse_divide(unsigned long work)
{
    const float *a = (const float *)scratch, *b = a + N / 4;
    __m128 total = _mm_setzero_ps();

    while (work--) {
        for (int i = 0; i < N / 4; i += 4) {
            __m128 x = _mm_load_ps(a + i), y = _mm_add_ps(_mm_load_ps(b + i), _mm_set1_ps(1));

            total = _mm_div_ps(_mm_add_ps(total, x), y);
            total = _mm_add_ps(total, _mm_sqrt_ps(x));
        }
    }
    return sum_of(_mm_castps_si128(total));
}
BENCH(sse_divide, "simd/sse-divide", .work = 25000, .prepare = fill_floats);

static uint64_t sse2_double(unsigned long work)
{
    const double *a = (const double *)scratch, *b = a + N / 8;
    __m128d total = _mm_setzero_pd();

    while (work--) {
        for (int i = 0; i < N / 8; i += 2) {
            __m128d x = _mm_load_pd(a + i), y = _mm_load_pd(b + i);

            x = _mm_add_pd(_mm_mul_pd(x, y), _mm_unpackhi_pd(x, y));
            y = _mm_sub_pd(_mm_div_pd(y, _mm_add_pd(x, _mm_set1_pd(1))), _mm_shuffle_pd(x, y, 1));
            total = _mm_add_pd(_mm_mul_pd(total, _mm_set1_pd(0.5)), _mm_max_pd(x, y));
        }
    }
    return sum_of(_mm_castpd_si128(total));
}
BENCH(sse2_double, "simd/sse2-double", .work = 21000, .prepare = fill_doubles);

static uint64_t sse2_integer(unsigned long work)
{
    const __m128i *a = (const __m128i *)scratch, *b = a + N / 16;
    __m128i total = _mm_setzero_si128();

    while (work--) {
        for (int i = 0; i < N / 16; i++) {
            __m128i x = _mm_load_si128(a + i), y = _mm_loadu_si128(b + i);

            x = _mm_add_epi32(_mm_slli_epi32(x, 3), _mm_xor_si128(y, _mm_srli_epi32(x, 7)));
            y = _mm_add_epi16(_mm_mullo_epi16(x, y), _mm_mulhi_epi16(x, y));
            x = _mm_or_si128(_mm_and_si128(x, y), _mm_andnot_si128(_mm_cmpgt_epi16(x, y), total));
            total = _mm_add_epi64(total, _mm_sub_epi32(x, _mm_shuffle_epi32(y, 0x39)));
        }
    }
    return sum_of(total);
}
BENCH(sse2_integer, "simd/sse2-integer", .work = 50000, .prepare = fill);

/* Pictures: bytes widened, blended, packed, compared by sums of differences */
static uint64_t sse2_pixels(unsigned long work)
{
    __m128i *a = (__m128i *)scratch, *b = a + N / 16;
    __m128i zero = _mm_setzero_si128(), differences = zero;

    while (work--) {
        __m128i alpha = _mm_set1_epi16((short)(work & 0xff));

        for (int i = 0; i < N / 16; i++) {
            __m128i x = _mm_load_si128(a + i), y = _mm_load_si128(b + i);
            __m128i low = _mm_sub_epi16(_mm_unpacklo_epi8(x, zero), _mm_unpacklo_epi8(y, zero));
            __m128i high = _mm_sub_epi16(_mm_unpackhi_epi8(x, zero), _mm_unpackhi_epi8(y, zero));

            low = _mm_srai_epi16(_mm_mullo_epi16(low, alpha), 8);
            high = _mm_srai_epi16(_mm_mullo_epi16(high, alpha), 8);
            x = _mm_adds_epu8(_mm_packus_epi16(low, high), y);
            differences = _mm_add_epi64(differences, _mm_sad_epu8(x, y));
            differences = _mm_add_epi64(differences, _mm_sad_epu8(_mm_avg_epu8(x, y), zero));
        }
    }
    return sum_of(differences);
}
BENCH(sse2_pixels, "simd/sse2-pixels", .work = 35000, .prepare = fill);

/* A byte is searched: comparison, mask, branch */
static uint64_t sse2_search(unsigned long work)
{
    const __m128i *a = (const __m128i *)scratch;
    uint64_t sum = 0;

    while (work--) {
        __m128i byte = _mm_set1_epi8((char)work);
        unsigned found = 0;

        for (int i = 0; i < N / 16; i++) {
            unsigned mask =
                (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(a + i), byte));

            if (mask) {
                found += 16 * (unsigned)i + (unsigned)__builtin_ctz(mask);
            }
        }
        sum = mix(sum, found);
    }
    return sum;
}
BENCH(sse2_search, "simd/sse2-search", .work = 120000, .prepare = fill);

static uint64_t sse2_convert(unsigned long work)
{
    const __m128i *a = (const __m128i *)scratch;
    __m128i total = _mm_setzero_si128();

    while (work--) {
        for (int i = 0; i < N / 16; i++) {
            __m128i x = _mm_srai_epi32(_mm_load_si128(a + i), 9);
            __m128 f = _mm_mul_ps(_mm_cvtepi32_ps(x), _mm_set1_ps(1.25f));
            __m128d d = _mm_mul_pd(_mm_cvtepi32_pd(x), _mm_cvtps_pd(f));

            total = _mm_add_epi32(total, _mm_cvtps_epi32(f));
            total = _mm_xor_si128(total, _mm_cvttps_epi32(_mm_cvtpd_ps(
                                             _mm_sqrt_pd(_mm_andnot_pd(_mm_set1_pd(-0.0), d)))));
        }
    }
    return sum_of(total);
}
BENCH(sse2_convert, "simd/sse2-convert", .work = 11000, .prepare = fill);

/* Text in hexadecimal: bytes looked up in a register */
static WITH("ssse3") uint64_t ssse3_shuffle(unsigned long work)
{
    const __m128i *a = (const __m128i *)scratch;
    __m128i *out = (__m128i *)(scratch + 2 * N);
    const __m128i digits = _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b',
                                         'c', 'd', 'e', 'f');
    const __m128i low = _mm_set1_epi8(15);
    __m128i total = _mm_setzero_si128();

    while (work--) {
        for (int i = 0; i < N / 16; i++) {
            __m128i x = _mm_load_si128(a + i);
            __m128i l = _mm_shuffle_epi8(digits, _mm_and_si128(x, low));
            __m128i h = _mm_shuffle_epi8(digits, _mm_and_si128(_mm_srli_epi16(x, 4), low));

            _mm_store_si128(out + 2 * i, _mm_unpacklo_epi8(h, l));
            _mm_store_si128(out + 2 * i + 1, _mm_unpackhi_epi8(h, l));
            total = _mm_add_epi16(_mm_alignr_epi8(total, l, 5), _mm_maddubs_epi16(x, h));
            total = _mm_sign_epi16(_mm_hadd_epi16(total, _mm_abs_epi16(x)), l);
        }
    }
    return mix_bytes(sum_of(total), out, 64);
}
BENCH(ssse3_shuffle, "simd/ssse3-shuffle", .work = 39000, .prepare = fill, .usable = has_ssse3);

static WITH("sse4.1") uint64_t sse41_integer(unsigned long work)
{
    const __m128i *a = (const __m128i *)scratch, *b = a + N / 16;
    __m128i total = _mm_setzero_si128();

    while (work--) {
        for (int i = 0; i < N / 16; i++) {
            __m128i x = _mm_load_si128(a + i), y = _mm_load_si128(b + i);
            __m128i wide = _mm_cvtepu8_epi16(x);

            x = _mm_add_epi32(_mm_mullo_epi32(x, y), _mm_min_epu32(x, _mm_max_epi32(y, total)));
            x = _mm_blendv_epi8(x, wide, y);
            total = _mm_add_epi64(_mm_mul_epi32(x, y), _mm_packus_epi32(x, total));
            if (!_mm_testz_si128(x, _mm_mpsadbw_epu8(x, y, 3))) {
                total = _mm_insert_epi32(total, _mm_extract_epi32(x, 1), 2);
            }
        }
    }
    return sum_of(total);
}
BENCH(sse41_integer, "simd/sse41-integer", .work = 42000, .prepare = fill, .usable = has_sse41);

static WITH("sse4.1") uint64_t sse41_float(unsigned long work)
{
    const float *a = (const float *)scratch, *b = a + N / 4;
    __m128 total = _mm_setzero_ps();

    while (work--) {
        for (int i = 0; i < N / 4; i += 4) {
            __m128 x = _mm_load_ps(a + i), y = _mm_load_ps(b + i);
            __m128 z = _mm_mul_ps(x, _mm_set1_ps(100));

            z = _mm_sub_ps(z, _mm_round_ps(z, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC));
            z = _mm_blend_ps(_mm_insert_ps(z, y, 0x52), _mm_ceil_ps(y), 4);
            total = _mm_add_ps(_mm_mul_ps(total, _mm_set1_ps(0.5f)), _mm_dp_ps(z, x, 0xf7));
        }
    }
    return sum_of(_mm_castps_si128(total));
}
BENCH(sse41_float, "simd/sse41-float", .work = 16000, .prepare = fill_floats, .usable = has_sse41);

static WITH("sse4.2") uint64_t sse42_crc(unsigned long work)
{
    const uint64_t *a = (const uint64_t *)scratch;
    uint64_t crc = ~0u;

    while (work--) {
        for (int i = 0; i < N / 8; i++) {
            crc = _mm_crc32_u64(crc, a[i]);
        }
        crc = _mm_crc32_u8((uint32_t)crc, (uint8_t)work);
    }
    return crc;
}
BENCH(sse42_crc, "simd/sse42-crc32", .work = 22000, .prepare = fill, .usable = has_sse42);

static WITH("sse4.2") uint64_t sse42_strings(unsigned long work)
{
    const __m128i *a = (const __m128i *)scratch;
    const __m128i set = _mm_setr_epi8('a', 'e', 'i', 'o', 'u', 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m128i ranges = _mm_setr_epi8('0', '9', 'A', 'Z', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    uint64_t sum = 0;

    while (work--) {
        int found = 0;

        for (int i = 0; i < N / 16; i++) {
            __m128i x = _mm_load_si128(a + i);

            found += _mm_cmpistri(set, x, _SIDD_UBYTE_OPS | _SIDD_CMP_EQUAL_ANY);
            found += _mm_cmpestri(ranges, 4, x, 16, _SIDD_UBYTE_OPS | _SIDD_CMP_RANGES) * 3;
            found += _mm_cmpgt_epi64(x, set)[0] != 0;
        }
        sum = mix(sum, (unsigned)found);
    }
    return sum;
}
BENCH(sse42_strings, "simd/sse42-strings", .work = 5300, .prepare = fill, .usable = has_sse42);

/* The older half of SIMD, in the x87's registers */
static uint64_t mmx(unsigned long work)
{
    const __m64 *a = (const __m64 *)scratch, *b = a + N / 8;
    __m64 total = _mm_setzero_si64();
    uint64_t sum;

    while (work--) {
        for (int i = 0; i < N / 8; i++) {
            __m64 x = a[i], y = b[i];

            x = _mm_add_pi16(_mm_mullo_pi16(x, y), _mm_srli_pi16(x, 3));
            y = _mm_packs_pu16(x, _mm_xor_si64(y, x));
            total = _mm_add_pi32(_mm_adds_pu8(total, y), _mm_madd_pi16(x, y));
        }
    }
    sum = (uint64_t)_mm_cvtm64_si64(total);
    _mm_empty();
    return mix(0, sum);
}
BENCH(mmx, "simd/mmx", .work = 27000, .prepare = fill);
