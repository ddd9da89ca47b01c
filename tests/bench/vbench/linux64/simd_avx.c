/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of AVX, AVX2 and FMA. */
#include <immintrin.h>

#include "tests/bench/vbench/vbench.h"

#define WITH(features) __attribute__((target(features)))

enum { N = 8192 }; /* bytes that each test walks through */

static bool has_avx(void)
{
    return __builtin_cpu_supports("avx");
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

static bool has_fma(void)
{
    return __builtin_cpu_supports("fma");
}

static void fill(void)
{
    uint32_t seed = 2027;

    for (int i = 0; i < 2 * N; i++) {
        scratch[i] = (uint8_t)(rnd(&seed) >> 13);
    }
}

static void fill_floats(void)
{
    uint32_t seed = 2028;
    float *f = (float *)scratch;

    for (int i = 0; i < N / 2; i++) {
        f[i] = (float)(rnd(&seed) >> 8) / 16777216;
    }
}

static void fill_doubles(void)
{
    uint32_t seed = 2029;
    double *d = (double *)scratch;

    for (int i = 0; i < N / 4; i++) {
        d[i] = (double)(rnd(&seed) >> 1) / 2147483648;
    }
}

static WITH("avx") uint64_t avx_float(unsigned long work)
{
    const float *a = (const float *)scratch, *b = a + N / 4;
    __m256 total = _mm256_setzero_ps();

    while (work--) {
        for (int i = 0; i < N / 4; i += 8) {
            __m256 x = _mm256_load_ps(a + i), y = _mm256_loadu_ps(b + i);
            __m256 z = _mm256_add_ps(_mm256_mul_ps(x, y), _mm256_sub_ps(x, y));

            z = _mm256_blendv_ps(z, _mm256_permute_ps(y, 0x1b), _mm256_cmp_ps(x, y, _CMP_LT_OQ));
            z = _mm256_max_ps(z, _mm256_permute2f128_ps(x, y, 0x21));
            total = _mm256_add_ps(_mm256_mul_ps(total, _mm256_set1_ps(0.75f)), z);
        }
    }
    return mix_bytes(0, &total, sizeof(total));
}
BENCH(avx_float, "simd/avx-float", .work = 10000, .prepare = fill_floats, .usable = has_avx);

static WITH("avx") uint64_t avx_double(unsigned long work)
{
    const double *a = (const double *)scratch, *b = a + N / 8;
    __m256d total = _mm256_setzero_pd();

    while (work--) {
        for (int i = 0; i < N / 8; i += 4) {
            __m256d x = _mm256_load_pd(a + i), y = _mm256_load_pd(b + i);

            x = _mm256_sqrt_pd(_mm256_add_pd(_mm256_mul_pd(x, x), _mm256_mul_pd(y, y)));
            y = _mm256_div_pd(_mm256_hadd_pd(x, y), _mm256_add_pd(x, _mm256_set1_pd(1)));
            total = _mm256_add_pd(_mm256_mul_pd(total, _mm256_set1_pd(0.5)), y);
        }
    }
    return mix_bytes(0, &total, sizeof(total));
}
BENCH(avx_double, "simd/avx-double", .work = 20000, .prepare = fill_doubles, .usable = has_avx);

static WITH("avx2") uint64_t avx2_integer(unsigned long work)
{
    const __m256i *a = (const __m256i *)scratch, *b = a + N / 32;
    __m256i total = _mm256_setzero_si256();

    while (work--) {
        for (int i = 0; i < N / 32; i++) {
            __m256i x = _mm256_load_si256(a + i), y = _mm256_loadu_si256(b + i);

            x = _mm256_add_epi32(_mm256_slli_epi32(x, 3),
                                 _mm256_xor_si256(y, _mm256_srli_epi32(x, 7)));
            y = _mm256_add_epi16(_mm256_mullo_epi16(x, y), _mm256_mulhi_epi16(x, y));
            x = _mm256_blendv_epi8(x, total, _mm256_cmpgt_epi8(x, y));
            total = _mm256_add_epi64(total, _mm256_sub_epi32(x, _mm256_shuffle_epi8(y, x)));
        }
    }
    return mix_bytes(0, &total, sizeof(total));
}
BENCH(avx2_integer, "simd/avx2-integer", .work = 13000, .prepare = fill, .usable = has_avx2);

/* Lanes crossed, shifted one by one, broadcast */
static WITH("avx2") uint64_t avx2_permute(unsigned long work)
{
    const __m256i *a = (const __m256i *)scratch;
    const __m256i lanes = _mm256_setr_epi32(7, 2, 5, 0, 3, 6, 1, 4);
    __m256i total = _mm256_setzero_si256();

    while (work--) {
        for (int i = 0; i < N / 32; i++) {
            __m256i x = _mm256_load_si256(a + i);

            x = _mm256_permutevar8x32_epi32(x, lanes);
            x = _mm256_xor_si256(x, _mm256_sllv_epi32(x, _mm256_and_si256(x, lanes)));
            x = _mm256_add_epi64(x, _mm256_permute4x64_epi64(total, 0x39));
            total = _mm256_add_epi32(_mm256_alignr_epi8(x, total, 4),
                                     _mm256_broadcastd_epi32(_mm256_castsi256_si128(x)));
        }
    }
    return mix_bytes(0, &total, sizeof(total));
}
BENCH(avx2_permute, "simd/avx2-permute", .work = 47000, .prepare = fill, .usable = has_avx2);

static WITH("avx2") uint64_t avx2_gather(unsigned long work)
{
    const __m256i *a = (const __m256i *)scratch;
    __m256i total = _mm256_setzero_si256();

    while (work--) {
        for (int i = 0; i < N / 32; i++) {
            __m256i at = _mm256_and_si256(_mm256_load_si256(a + i), _mm256_set1_epi32(N / 4 - 1));

            total = _mm256_add_epi32(_mm256_xor_si256(total, at),
                                     _mm256_i32gather_epi32((const int *)scratch, at, 4));
        }
    }
    return mix_bytes(0, &total, sizeof(total));
}
BENCH(avx2_gather, "simd/avx2-gather", .work = 43000, .prepare = fill, .usable = has_avx2);

/* Bytes searched, 32 at a time: as C libraries do */
static WITH("avx2") uint64_t avx2_search(unsigned long work)
{
    const __m256i *a = (const __m256i *)scratch;
    uint64_t sum = 0;

    while (work--) {
        __m256i byte = _mm256_set1_epi8((char)work);
        unsigned found = 0;

        for (int i = 0; i < N / 32; i++) {
            unsigned mask =
                (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_load_si256(a + i), byte));

            if (mask) {
                found += 32 * (unsigned)i + (unsigned)__builtin_ctz(mask);
            }
        }
        sum = mix(sum, found);
    }
    return sum;
}
BENCH(avx2_search, "simd/avx2-search", .work = 100000, .prepare = fill, .usable = has_avx2);

static WITH("avx2,fma") uint64_t fma_matrix(unsigned long work)
{
    enum { SIDE = 32 };
    static float c[SIDE][SIDE] __attribute__((aligned(32)));
    float(*a)[SIDE] = (float(*)[SIDE])scratch, (*b)[SIDE] = a + SIDE;

    while (work--) {
        for (int i = 0; i < SIDE; i++) {
            __m256 row[SIDE / 8];

            for (int k = 0; k < SIDE / 8; k++) {
                row[k] = _mm256_setzero_ps();
            }
            for (int k = 0; k < SIDE; k++) {
                __m256 factor = _mm256_broadcast_ss(&a[i][k]);

                for (int j = 0; j < SIDE / 8; j++) {
                    row[j] = _mm256_fmadd_ps(factor, _mm256_load_ps(&b[k][8 * j]), row[j]);
                }
            }
            for (int k = 0; k < SIDE / 8; k++) {
                _mm256_store_ps(&c[i][8 * k], row[k]);
            }
        }
    }
    return mix_bytes(0, c, sizeof(c));
}
BENCH(fma_matrix, "simd/fma-matrix", .work = 1600, .prepare = fill_floats, .usable = has_fma);

/* One number at a time with FMA, as compilers emit it */
static WITH("fma") uint64_t fma_scalar(unsigned long work)
{
    static const double c[] = {0.5, -0.25, 0.125, -1.5, 2.25, 0.0625, -0.75, 1};
    double x = 0.3, total = 0;

    while (work--) {
        for (int i = 0; i < 100; i++) {
            double y = c[0];

            for (size_t k = 1; k < COUNT(c); k++) {
                y = __builtin_fma(y, x, c[k]);
            }
            total = __builtin_fma(y, 0.5, total);
            x = __builtin_fma(x, 0.99, 0.001);
        }
    }
    return mix_double(0, total);
}
BENCH(fma_scalar, "simd/fma-scalar", .work = 100000, .usable = has_fma);

static WITH("fma") uint64_t fma_double(unsigned long work)
{
    const double *a = (const double *)scratch, *b = a + N / 8;
    __m256d p = _mm256_setzero_pd(), q = p;

    while (work--) {
        for (int i = 0; i < N / 8; i += 4) {
            __m256d x = _mm256_load_pd(a + i), y = _mm256_load_pd(b + i);

            p = _mm256_fmadd_pd(x, y, _mm256_mul_pd(p, _mm256_set1_pd(0.5)));
            q = _mm256_fnmadd_pd(q, _mm256_set1_pd(0.25), _mm256_fmsub_pd(x, x, y));
        }
    }
    p = _mm256_add_pd(p, q);
    return mix_bytes(0, &p, sizeof(p));
}
BENCH(fma_double, "simd/fma-double", .work = 24000, .prepare = fill_doubles, .usable = has_fma);
